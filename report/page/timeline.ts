/** The picture of the window: execution units over time, one lane a thread, the abnormal ones marked, the onset drawn. */
import { plural, seconds } from '../figures.ts';
import type { Report, UnitReport } from '../report.ts';
import { threadName } from '../short-path.ts';
import { type Markup, markup, NOTHING } from './markup.ts';
import { changedClusters, RATE_LANE, rateLane } from './rates.ts';

/** Lanes drawn: the threads with the most abnormal units first. */
const LANES = 14;
const WIDTH = 960;
const LABEL = 170;
const RIGHT = 12;
const TOP = 30;
const LANE = 22;
const BAR = 14;
/** A unit shorter than a pixel is still seen. */
const LEAST_BAR = 1.5;
/** From this ratio on a bar is drawn as abnormal even if no suspect claims its unit. */
const MARKED_FROM = 2;

interface Lane {
  readonly name: string;
  readonly units: UnitReport[];
  abnormal: number;
}

export function timeline(report: Report): Markup {
  const lanes = lanesOf(report);
  if (lanes.length === 0) return NOTHING;
  const drawn = lanes.slice(0, LANES);
  const { start, end } = report.window;
  const rates = changedClusters(report);
  const ratesTop = TOP + drawn.length * LANE + 4;
  const height = ratesTop + rates.length * RATE_LANE + 26;
  const x = (time: number) =>
    LABEL +
    ((Math.min(Math.max(time, start), end) - start) / Math.max(end - start, 1e-9)) * (WIDTH - LABEL - RIGHT);
  const hidden = lanes.length - drawn.length;
  return markup`<section>
<h2>Timeline</h2>
<div class="wide"><svg class="timeline" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="timeline-title">
<title id="timeline-title">${`Execution units of ${plural(drawn.length, 'thread')} over ${seconds(end - start)}; abnormal ones are marked`}</title>
${drawn.map((lane, row) => laneMarkup(lane, row, report, x))}
${report.onset === null ? NOTHING : rates.map((cluster, row) => rateLane(cluster, rates, ratesTop + row * RATE_LANE, { left: LABEL, onset: x(report.onset ?? end), right: WIDTH - RIGHT }))}
${axis(start, end, height, x)}
${report.onset === null ? NOTHING : onsetMarkup(report.onset, x, height)}
</svg></div>
<p class="soft small">Each bar is one execution unit of the report: red ones are abnormal, grey ones are for comparison. Steps show how many units of a cluster came per second before and after the onset, on a logarithmic scale. ${
    hidden > 0 ? `${plural(hidden, 'more thread')} with fewer abnormal units are in the JSON report.` : ''
  }</p>
</section>`;
}

function lanesOf(report: Report): Lane[] {
  const marked = new Set(report.suspects.flatMap((suspect) => suspect.units));
  const lanes = new Map<string, Lane>();
  for (const unit of report.units) {
    const name = threadName(unit.thread);
    const lane = lanes.get(name) ?? { name, units: [], abnormal: 0 };
    lanes.set(name, lane);
    lane.units.push(unit);
    if (isMarked(unit, marked)) lane.abnormal += 1;
  }
  return [...lanes.values()].sort((a, b) => b.abnormal - a.abnormal || (a.name < b.name ? -1 : 1));
}

function isMarked(unit: UnitReport, marked: ReadonlySet<number>): boolean {
  return marked.has(unit.id) || unit.abnormality >= MARKED_FROM;
}

function laneMarkup(lane: Lane, row: number, report: Report, x: (time: number) => number): Markup {
  const marked = new Set(report.suspects.flatMap((suspect) => suspect.units));
  const top = TOP + row * LANE;
  return markup`<rect class="lane" x="${LABEL}" y="${top + 1}" width="${WIDTH - LABEL - RIGHT}" height="${LANE - 2}"/>
<text class="thread" x="${LABEL - 8}" y="${top + LANE / 2 + 4}" text-anchor="end">${shorten(lane.name)}</text>
${lane.units.map((unit) => bar(unit, isMarked(unit, marked), top, report, x))}`;
}

function bar(
  unit: UnitReport,
  abnormal: boolean,
  top: number,
  report: Report,
  x: (time: number) => number,
): Markup {
  const left = x(unit.start);
  const right = unit.duration === null ? x(report.window.end) : x(unit.start + unit.duration);
  const lasted = unit.duration === null ? 'not ended' : seconds(unit.duration);
  return markup`<rect class="${abnormal ? 'unit abnormal' : 'unit'}" x="${left.toFixed(1)}" y="${top + (LANE - BAR) / 2}" width="${Math.max(right - left, LEAST_BAR).toFixed(1)}" height="${BAR}" rx="1.5"><title>${`unit ${unit.id}: ${lasted}, ${plural(unit.calls, 'call')}. ${unit.why}`}</title></rect>`;
}

/** Round steps of 1, 2 or 5 times a power of ten, some eight of them. */
function axis(start: number, end: number, height: number, x: (time: number) => number): Markup {
  const raw = Math.max(end - start, 1e-9) / 8;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw) ?? raw;
  const ticks: Markup[] = [];
  for (let index = 0; index * step <= end - start; index += 1) {
    const at = x(start + index * step).toFixed(1);
    ticks.push(markup`<line class="axis" x1="${at}" x2="${at}" y1="${TOP}" y2="${height - 20}"/>
<text x="${at}" y="${height - 6}" text-anchor="middle">${`${Number((index * step).toPrecision(6))} s`}</text>`);
  }
  return markup`${ticks}`;
}

function onsetMarkup(onset: number, x: (time: number) => number, height: number): Markup {
  const at = x(onset);
  const anchor = at > WIDTH - 120 ? 'end' : 'start';
  return markup`<rect class="after" x="${at.toFixed(1)}" y="${TOP}" width="${(WIDTH - RIGHT - at).toFixed(1)}" height="${height - 20 - TOP}"/>
<line class="onset" x1="${at.toFixed(1)}" x2="${at.toFixed(1)}" y1="${TOP - 14}" y2="${height - 20}"/>
<text class="onset-label" x="${(at + (anchor === 'end' ? -6 : 6)).toFixed(1)}" y="${TOP - 6}" text-anchor="${anchor}">onset</text>`;
}

function shorten(name: string): string {
  return name.length <= 24 ? name : `${name.slice(0, 12)}…${name.slice(-11)}`;
}
