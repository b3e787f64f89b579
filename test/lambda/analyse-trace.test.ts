import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EmbeddedAws, startEmbeddedAws, TRACES_BUCKET } from '../../cli/demo/embedded-aws.ts';
import { publishSignatures } from '../../cli/publish-signatures.ts';
import { readSignatureFile } from '../../cli/signature-input.ts';
import { analyseTrace, MAX_TRACE_BYTES, RequestError } from '../../lambda/analyse-trace.ts';
import { answerCaller } from '../../lambda/answer-caller.ts';
import { type Configuration, readConfiguration } from '../../lambda/configuration.ts';
import { createInferenceThread } from '../../lambda/inference-thread.ts';
import { type IncidentId, signaturesKey, traceKey } from '../../lambda/keys.ts';
import type { Observer, Ports } from '../../lambda/ports.ts';
import { wirePorts } from '../../lambda/wiring.ts';
import { serializeSignatureSet } from '../../signatures/signature-set.ts';
import { TraceError } from '../../trace/errors.ts';

const EXAMPLE = new URL('../../examples/lighttpd-scgi-write-spin/', import.meta.url);

let aws: EmbeddedAws;
let configuration: Configuration;
let trace: Buffer;
beforeAll(async () => {
  aws = await startEmbeddedAws();
  configuration = readConfiguration(aws.environment);
  trace = await readFile(new URL('production.perf-script.gz', EXAMPLE));
});
afterAll(() => aws.stop());

/** The real adapters; stages are told of as they begin. */
function ports(onStage: (name: string) => void = () => undefined): Ports {
  const observer: Observer = {
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
    about: () => undefined,
    count: () => undefined,
    stage: (name, run) => {
      onStage(name);
      return run();
    },
  };
  return wirePorts(configuration, aws.clients, observer);
}

async function upload(id: IncidentId, body: Buffer | string, name = 'trace') {
  const key = traceKey({ ...id, node: 'web-7', name });
  await aws.clients.s3.send(new PutObjectCommand({ Bucket: TRACES_BUCKET, Key: key, Body: body }));
  return { bucket: TRACES_BUCKET, key, service: null, again: false };
}

function invocation(deadline = new AbortController().signal) {
  return { token: randomUUID(), deadline };
}

async function publishExample() {
  const set = await readSignatureFile(new URL('signatures.json.gz', EXAMPLE).pathname);
  return publishSignatures(aws.clients.s3, TRACES_BUCKET, serializeSignatureSet(set));
}

describe('a trace of a service without signatures', () => {
  it('gives a report with the abnormal units and the path, and says how to publish; run again, it names functions', async () => {
    const id = { service: 'lighttpd', incident: 'no-signatures' };
    const request = await upload(id, trace);
    const blind = await analyseTrace(ports(), configuration, request, invocation());
    expect(blind.report).toMatchObject({ outcome: 'complete', verdict: 'spin', suspects: [] });
    expect(blind.report.path.length).toBeGreaterThan(0);
    expect(blind.report.warnings[0]).toContain('perfscope publish');

    await publishExample();
    const answer = await answerCaller(
      ports(),
      configuration,
      { kind: 'ad-hoc-incident', ...id },
      invocation(),
    );
    expect(answer).toMatchObject({
      traces: [{ status: 'replaced', suspects: expect.arrayContaining(['scgi_write_request']) }],
    });
    const { reports, steps } = await ports().incidents.read(id);
    expect(reports).toHaveLength(1);
    expect(steps.first.state).toBe('done');
  });
});

describe('a signature set that cannot be read', () => {
  it('costs the names, not the report', async () => {
    await aws.clients.s3.send(
      new PutObjectCommand({ Bucket: TRACES_BUCKET, Key: signaturesKey('broken', '1'), Body: 'no gzip' }),
    );
    const request = await upload({ service: 'broken', incident: 'i' }, trace);
    const { report } = await analyseTrace(ports(), configuration, request, invocation());
    expect(report).toMatchObject({ outcome: 'complete', verdict: 'spin', suspects: [] });
    expect(report.warnings[0]).toContain('cannot be read');
  });
});

describe('when time runs out in the middle of inference', () => {
  it('what is known is saved, the event fails into the dead letters, and a later run completes it', async () => {
    await publishExample();
    const id = { service: 'lighttpd', incident: 'too-slow' };
    const request = await upload(id, trace);
    const deadline = new AbortController();
    const late = ports((stage) => {
      if (stage === 'infer') setImmediate(() => deadline.abort());
    });
    await expect(analyseTrace(late, configuration, request, invocation(deadline.signal))).rejects.toThrow(
      RequestError,
    );
    const partial = await ports().incidents.read(id);
    expect(partial.reports).toMatchObject([{ outcome: 'unfinished', verdict: null }]);
    expect(partial.reports[0]?.summary).toMatch(/172,531 system calls of 41 threads .* the busiest: /);
    expect(partial.steps.first.state).toBe('open');

    await analyseTrace(ports(), configuration, request, invocation());
    const whole = await ports().incidents.read(id);
    expect(whole.reports).toMatchObject([{ outcome: 'complete', verdict: 'spin' }]);
    expect(whole.steps.first.state).toBe('done');
  });
});

it('when the inference thread has no memory left, the function stands and says so', async () => {
  await publishExample();
  const id = { service: 'lighttpd', incident: 'too-large' };
  const request = await upload(id, trace);
  const small = { ...ports(), inference: createInferenceThread({ maxOldGenerationSizeMb: 8 }) };
  await expect(analyseTrace(small, configuration, request, invocation())).rejects.toThrow(/^Memory ran out/);
  expect((await ports().incidents.read(id)).reports).toMatchObject([{ outcome: 'unfinished' }]);
});

describe('a stored trace', () => {
  /** The object as it is, but of another size. */
  function sized(bytes: number): Ports {
    const real = ports();
    return {
      ...real,
      traces: {
        ...real.traces,
        open: async (...at) => ({ ...(await real.traces.open(...at)), sizeBytes: bytes }),
      },
    };
  }

  it('is taken at the limit of size and refused one byte over it', async () => {
    await publishExample();
    const [atLimit, over] = await Promise.all([
      upload({ service: 'lighttpd', incident: 'at-limit' }, trace),
      upload({ service: 'lighttpd', incident: 'over-limit' }, trace),
    ]);
    const taken = await analyseTrace(sized(MAX_TRACE_BYTES), configuration, atLimit, invocation());
    expect(taken.report.outcome).toBe('complete');
    await expect(analyseTrace(sized(MAX_TRACE_BYTES + 1), configuration, over, invocation())).rejects.toThrow(
      /ship a shorter window/,
    );
  });
});

describe('an object that is no trace', () => {
  it('is recorded as unreadable with the reason, and fails into the dead letters', async () => {
    const id = { service: 'lighttpd', incident: 'garbage' };
    const request = await upload(id, 'this is not a trace');
    await expect(analyseTrace(ports(), configuration, request, invocation())).rejects.toThrow(TraceError);
    const { reports } = await ports().incidents.read(id);
    expect(reports).toMatchObject([{ outcome: 'unreadable', verdict: null }]);
    expect(reports[0]?.summary).toContain('perf script');
  });
});

describe('an incident that is run again', () => {
  it('has all its traces analysed, also those behind one that cannot be read, and says which could not', async () => {
    await publishExample();
    const id = { service: 'lighttpd', incident: 'half-garbage' };
    const bad = await upload(id, 'this is not a trace', 'a-garbage');
    await upload(id, trace, 'b-trace');
    const answer = await answerCaller(
      ports(),
      configuration,
      { kind: 'ad-hoc-incident', ...id },
      invocation(),
    );
    expect(answer).toMatchObject({
      ok: false,
      problem: '1 of 2 traces have no verdict',
      failed: [{ trace: `s3://${bad.bucket}/${bad.key}`, problem: expect.stringContaining('perf script') }],
      traces: [{ verdict: 'spin' }],
    });
    expect((await ports().incidents.read(id)).reports.map(({ outcome }) => outcome).sort()).toEqual([
      'complete',
      'unreadable',
    ]);
  });
});

describe('a key that does not name its service', () => {
  it('is refused with the layout that is expected, or read with the service that the caller names', async () => {
    await publishExample();
    await aws.clients.s3.send(
      new PutObjectCommand({ Bucket: TRACES_BUCKET, Key: 'loose/trace.gz', Body: trace }),
    );
    const request = { bucket: TRACES_BUCKET, key: 'loose/trace.gz', service: null, again: true };
    await expect(analyseTrace(ports(), configuration, request, invocation())).rejects.toThrow(
      /traces\/<service>\/<incident>\/<node>/,
    );
    const { report } = await analyseTrace(
      ports(),
      configuration,
      { ...request, service: 'lighttpd' },
      invocation(),
    );
    expect(report).toMatchObject({ node: 'by-hand', verdict: 'spin' });
  });
});

it('the stored report is the same, byte for byte, when the trace is analysed again', async () => {
  await publishExample();
  const id = { service: 'lighttpd', incident: 'twice' };
  const request = { ...(await upload(id, trace)), again: true };
  const bodies: string[] = [];
  for (let run = 0; run < 2; run += 1) {
    const stored: Record<string, string> = {};
    const spied = ports();
    const { report } = await analyseTrace(
      {
        ...spied,
        reports: {
          save: async (object) => {
            stored[object.key] = object.body;
            await spied.reports.save(object);
          },
        },
      },
      configuration,
      request,
      invocation(),
    );
    expect(Object.keys(stored).sort()).toEqual([report.pageKey, report.reportKey].sort());
    bodies.push(JSON.stringify(stored));
  }
  expect(bodies[0]).toBe(bodies[1]);
});
