/** A report with every field filled, for tests of the text and the page. */
import type { ClusterReport, PathStep, Report, UnitReport } from '../../report/report.ts';
import { REPORT_SCHEMA } from '../../report/report.ts';

const main = { pid: 4711, tid: 4711, comm: 'lighttpd' };
const worker = { pid: 4711, tid: 4713, comm: 'lighttpd-io' };

const units: UnitReport[] = Array.from({ length: 60 }, (_, id) => {
  const spinning = id >= 40;
  return {
    id,
    thread: id % 3 === 0 ? worker : main,
    start: 2000 + id * 0.9 + (spinning ? 0.4 : 0),
    duration: id === 59 ? null : spinning ? 0.85 : 0.05,
    calls: spinning ? 4211 : 12,
    cluster: spinning ? 1 : 0,
    abnormality: spinning ? 41.7 : 1,
    why: spinning ? "call frequency 41.7× its cluster's normal" : 'normal',
  };
});

const clusters: ClusterReport[] = [
  {
    id: 0,
    calls: ['accept4', 'epoll_wait', 'read', 'writev', 'close', 'shutdown'],
    units: 1734,
    abnormalUnits: 0,
    ratePerSecondBefore: 31.2,
    ratePerSecondAfter: 9.4,
    medianDuration: 0.00184,
  },
  {
    id: 1,
    calls: ['epoll_wait', 'writev→EPIPE'],
    units: 84_211,
    abnormalUnits: 84_190,
    ratePerSecondBefore: 0,
    ratePerSecondAfter: 2034,
    medianDuration: 0.0000213,
  },
  {
    id: 2,
    calls: ['clone', 'pipe2', 'wait4'],
    units: 12,
    abnormalUnits: 0,
    ratePerSecondBefore: 0.2,
    ratePerSecondAfter: 0,
    medianDuration: 1.2,
  },
];

const path: PathStep[] = [
  {
    time: 2035.9991,
    thread: main,
    calls: ['epoll_wait', 'accept4', 'read', 'socket', 'connect→EINPROGRESS'],
    repeat: 1,
    duration: 0.0021,
    wokenBy: null,
  },
  {
    time: 2036.012,
    thread: main,
    calls: ['writev→EPIPE', 'epoll_wait'],
    repeat: 42_105,
    duration: 18.2,
    wokenBy: { tid: 4713, comm: 'lighttpd-io' },
  },
  { time: 2054.2, thread: worker, calls: ['futex'], repeat: 1, duration: null, wokenBy: null },
];

export const SPIN: Report = {
  schema: REPORT_SCHEMA,
  verdict: 'spin',
  confidence: 'high',
  summary:
    'One thread repeats writev, which fails with EPIPE, about 2,034 times a second since the onset; before it, this never happened.',
  onset: 2036,
  service: 'lighttpd',
  build: '1.4.24-dev',
  suspects: [
    {
      rank: 1,
      function: 'scgi_write_request',
      object: 'mod_scgi.so',
      collidesWith: [],
      abnormality: 41.7,
      confidence: 'high',
      evidence:
        'It normally makes the connect and writev that the abnormal units repeat, and nothing else does both.',
      units: units.filter((unit) => unit.id >= 40).map((unit) => unit.id),
      score: 1,
    },
    {
      rank: 2,
      function: 'network_write_chunkqueue_writev',
      object: 'lighttpd',
      collidesWith: ['network_write_chunkqueue_write', 'network_write_file_chunk_mmap'],
      abnormality: 12,
      confidence: 'medium',
      evidence: 'It makes every writev of the server; the failing ones are among them.',
      units: [40, 41],
      score: 0.61,
    },
    {
      rank: 3,
      function: 'connection_state_machine(server*, connection<std::map<std::string, std::vector<int>>>&)',
      object: 'lighttpd',
      collidesWith: [],
      abnormality: 3.4,
      confidence: 'low',
      evidence: 'It is on the way to the calls of the abnormal units.',
      units: [],
      score: 0.22,
    },
  ],
  narrowing: { suspects: 3, functions: 212 },
  window: { start: 1999.5, end: 2055.2, calls: 412_331, lost: 1204, threads: 3, format: 'trace.dat' },
  coverage: 0.934,
  units,
  clusters,
  path,
  warnings: [
    '1,204 events were lost on CPU 1 around 2040.2 s (loss): give the ring more memory with `perfscope record --memory`.',
  ],
};

export const NORMAL: Report = {
  ...SPIN,
  verdict: 'normal',
  confidence: 'high',
  summary: 'All units are within what the signatures know as normal.',
  onset: null,
  suspects: [],
  narrowing: { suspects: 0, functions: 212 },
  path: [],
  warnings: [],
};
