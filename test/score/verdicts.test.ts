import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import { mineCase } from '../../cli/evaluation/evaluate.ts';
import type { SignatureSet } from '../../signatures/signature-set.ts';
import { readTrace } from '../../trace/open-trace.ts';
import { END_NS, ONSET_NS } from '../inference/incidents.ts';
import {
  CONNECTION,
  randomNumbers,
  sampleSignatures,
  serve,
  withoutStacks,
} from '../inference/sample-service.ts';
import { type ScriptedCall, scriptedTrace } from '../trace/scripted-trace.ts';
import { EXAMPLES, knownCase, reportOf, shortNames, tools } from './examples.ts';

const REQUEST_NS = 250e6;
const STORED = 9;

interface Storing {
  /** How often each request's file is written and synced. */
  readonly times: number;
  /** Of ten requests, so many are answered. */
  readonly answeredOfTen: number;
}

/** Requests since the onset, four a second, whose file is stored again and again. */
function storing({ times, answeredOfTen }: Storing): ScriptedCall[] {
  const calls = withoutStacks(serve(0, 1_000, randomNumbers(81)));
  for (let request = 0; ONSET_NS + request * REQUEST_NS < END_NS; request++) {
    const begin = ONSET_NS + request * REQUEST_NS;
    calls.push(
      { call: 'epoll_wait', at: begin, duration: 1e6, fd: 3 },
      { call: 'recvfrom', at: begin + 2e6, fd: CONNECTION, result: 120 },
      { call: 'openat', at: begin + 2.1e6, result: STORED },
    );
    for (let time = 0; time < times; time++) {
      const at = begin + 3e6 + time * 1e6;
      calls.push({ call: 'write', at, fd: STORED, result: 120 });
      calls.push({ call: 'fsync', at: at + 20_000, fd: STORED, result: 0 });
    }
    if (request % 10 < answeredOfTen) {
      calls.push({ call: 'sendto', at: begin + 240e6, fd: CONNECTION, result: 60 });
    }
  }
  return calls;
}

describe('a loop', () => {
  let set: SignatureSet;
  beforeAll(async () => {
    set = await sampleSignatures();
  });
  const judged = (service: Storing) => reportOf(scriptedTrace(storing(service), { endNs: END_NS }), set);

  it.each([
    ['all requests are answered in the end is more work: slowdown', 10, 'slowdown'],
    ['nine of ten requests are answered is slowdown too', 9, 'slowdown'],
    ['seven of ten are answered is a spin', 7, 'spin'],
    ['no request is answered is a spin', 0, 'spin'],
  ] as const)('in which %s', (_, answeredOfTen, verdict) => {
    const report = judged({ times: 200, answeredOfTen });
    expect(report.verdict).toBe(verdict);
    expect(shortNames(report).slice(0, 2)).toEqual(['save_parts', 'store_file']);
  });

  // The service syncs at most 12 times a second in normal runs.
  it.each([
    [35, 140, 'high'],
    [25, 100, 'medium'],
    [15, 60, 'medium'],
  ] as const)(
    'of %d rounds a request, %d syncs a second, is told with %s confidence',
    (times, _, confidence) => {
      expect(judged({ times, answeredOfTen: 0 })).toMatchObject({ verdict: 'spin', confidence });
    },
  );

  it('of a real server reads spin where the answers are struck out of its recording', async () => {
    const path = join(EXAMPLES, 'spoold-held-messages', 'production.perf-script.gz');
    const lines = gunzipSync(readFileSync(path)).toString('latin1').split('\n');
    const unanswered = lines.filter((line) => !(SENDTO.test(line) && secondsOf(line) > SPOOLD_ANOMALY));
    expect(unanswered.length).toBeLessThan(lines.length);
    const signatures = await mineCase(knownCase('spoold-held-messages'), tools);
    const verdictOf = async (text: readonly string[]) =>
      reportOf(await readTrace(pieces(text.join('\n'))), signatures).verdict;
    expect([await verdictOf(lines), await verdictOf(unanswered)]).toEqual(['slowdown', 'spin']);
  });
});

/** sendto is call 44 on x86-64 (Linux, arch/x86/entry/syscalls/syscall_64.tbl). */
const SENDTO = /raw_syscalls:sys_(?:enter|exit): NR 44\b/;
const SPOOLD_ANOMALY = 2017.895;

function secondsOf(line: string): number {
  return Number(/ (\d+\.\d+):/.exec(line)?.[1]);
}

async function* pieces(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text, 'latin1');
}
