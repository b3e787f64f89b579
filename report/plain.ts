/**
 * Text from traces and nodes, made safe for mail. Thread and function names come from machines that may be
 * compromised: a line break could forge a line of ours, a bidirectional mark could turn a name around.
 */

/** Control and format characters, line and paragraph separators, lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu;

/** One printable line. */
export function plain(text: string): string {
  return text.replace(UNPRINTABLE, ' ').trim();
}

/**
 * "Subjects must be ASCII text that begins with a letter, number, or punctuation mark; must not include line breaks or
 * control characters; and must be less than 100 characters long."
 * https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
 */
export const MAX_SUBJECT = 99;

/** First made ASCII, then cut: the other way round, what replaces a character could make it too long again. */
export function toSubject(text: string): string {
  const ascii = plain(text)
    .replaceAll('×', 'x')
    .replace(/[^\x20-\x7e]/gu, '?')
    .replace(/ {2,}/g, ' ');
  const cut = ascii.length <= MAX_SUBJECT ? ascii : `${ascii.slice(0, MAX_SUBJECT - 3).trimEnd()}...`;
  return cut === '' ? 'PerfScope' : cut;
}

/** Breaks a sentence at spaces, so that mail programs need not. */
export function wrap(text: string, width: number, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  if (line !== '') lines.push(indent + line);
  return lines;
}
