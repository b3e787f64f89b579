/**
 * The report as one self-contained page: no script, no resource from elsewhere, nothing unescaped. It is opened from
 * S3, from a mail attachment or from disk, so its rules travel inside it.
 */
import { createHash } from 'node:crypto';
import { banner, headline, type PageSubject } from './page/banner.ts';
import { clusters } from './page/clusters.ts';
import { markup } from './page/markup.ts';
import { path } from './page/path.ts';
import { STYLE } from './page/style.ts';
import { suspects } from './page/suspects.ts';
import { timeline } from './page/timeline.ts';
import { trust } from './page/trust.ts';
import type { Report } from './report.ts';

/** The style sheet's hash is all that may apply: https://www.w3.org/TR/CSP3/#grammardef-hash-source */
const POLICY = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'`;

export function writePage(report: Report, subject: PageSubject = {}): string {
  const title = headline(report);
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>${title} – PerfScope</title>
<style>${{ markup: STYLE }}</style>
</head>
<body>
<main>
${banner(report, subject)}
${suspects(report)}
${timeline(report)}
${path(report)}
${clusters(report)}
${trust(report)}
<footer>PerfScope read only the window's system calls: no buffers, strings, paths or addresses. Every number here can be traced to calls in report.json (${report.schema}, from ${report.window.format}).</footer>
</main>
</body>
</html>
`.markup;
}
