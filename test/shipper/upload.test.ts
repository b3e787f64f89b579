import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { outgoing, readProgress, readShipped, writeProgress } from '../../shipper/outgoing.ts';
import type { Patience } from '../../shipper/patience.ts';
import {
  PART_BYTES,
  SILENCE_MILLISECONDS,
  s3Client,
  uploadKept,
  uploadStream,
} from '../../shipper/upload.ts';
import { type Storage, storage } from './node-under-test.ts';

/** Stands between the shipper and S3, counts what passes, and refuses what it is told to. */
interface Gate {
  readonly endpoint: string;
  readonly seen: string[];
  refuse: (method: string, url: string) => number | null;
  readonly close: () => Promise<void>;
}

const ERROR_CODES = new Map([
  [403, 'AccessDenied'],
  [404, 'NoSuchUpload'],
  [503, 'SlowDown'],
]);

async function gate(target: string): Promise<Gate> {
  const seen: string[] = [];
  const state = { refuse: (_method: string, _url: string): number | null => null };
  const server: Server = createServer((incoming, outgoing_) => {
    const { method = '', url = '' } = incoming;
    const status = state.refuse(method, url);
    seen.push(
      `${method} ${url.replace(/uploadId=[^&]*/, 'uploadId').replace(/&?x-id=\w+/, '')}${status === null ? '' : ` refused`}`,
    );
    if (status !== null) {
      incoming.resume();
      outgoing_.writeHead(status, { 'content-type': 'application/xml' });
      outgoing_.end(`<Error><Code>${ERROR_CODES.get(status)}</Code></Error>`);
      return;
    }
    const { hostname, port } = new URL(target);
    const passed = request({ hostname, port, method, path: url, headers: incoming.headers }, (answer) => {
      outgoing_.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(outgoing_);
    });
    passed.on('error', () => outgoing_.destroy());
    incoming.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    seen,
    set refuse(rule: Gate['refuse']) {
      state.refuse = rule;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

describe('an upload', () => {
  let s3: Storage;
  let between: Gate;
  let spool: string;

  beforeEach(async () => {
    s3 = await storage();
    between = await gate(s3.environment.AWS_ENDPOINT_URL!);
    spool = mkdtempSync(join(tmpdir(), 'perfscope-upload-'));
    Object.assign(process.env, {
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    });
  });

  afterEach(async () => {
    rmSync(spool, { recursive: true, force: true });
    await between.close();
    await s3.close();
  });

  const prepared = (bytes: Buffer) => {
    const item = outgoing({ state: spool, spool }, 'service', 'incident');
    mkdirSync(item.directory, { recursive: true });
    writeFileSync(join(item.directory, 'trace'), bytes);
    writeProgress(item, { ...destination(), file: 'trace', uploadId: null, parts: [] });
    return item;
  };
  const destination = () => ({
    bucket: s3.bucket,
    key: 'traces/service/incident/node/trace',
    contentType: 'application/zstd',
    metadata: { 'perfscope-build': '1.2' },
  });
  const patience = (seconds: number, onRetry: Patience['onRetry'] = () => {}) => ({ seconds, onRetry });
  const client = () => s3Client({ AWS_ENDPOINT_URL: between.endpoint });
  const bytesOf = (length: number) =>
    Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 13)) & 255));

  it('goes on after the last part that S3 confirmed', async () => {
    const bytes = bytesOf(PART_BYTES * 2 + 12_345);
    const item = prepared(bytes);
    between.refuse = (method, url) => (method === 'PUT' && url.includes('partNumber=3') ? 403 : null);
    await expect(uploadKept(client(), item, patience(0))).rejects.toThrow();
    expect(readProgress(item)?.parts.map(({ number }) => number)).toEqual([1, 2]);
    between.refuse = () => null;
    between.seen.length = 0;
    await uploadKept(client(), item, patience(0));
    expect(between.seen.filter((line) => line.startsWith('PUT'))).toEqual([
      expect.stringContaining('partNumber=3'),
    ]);
    expect((await s3.object('traces/service/incident/node/trace')).equals(bytes)).toBe(true);
    expect(readShipped(item)).toMatchObject({
      key: 'traces/service/incident/node/trace',
      bytes: bytes.length,
    });
  });

  it('is tried again while S3 asks for patience', async () => {
    const item = prepared(Buffer.from('small'));
    let refusals = 0;
    between.refuse = () => (refusals++ < 4 ? 503 : null);
    const waits: number[] = [];
    await uploadKept(
      client(),
      item,
      patience(60, (_, seconds) => waits.push(seconds)),
    );
    expect(refusals).toBeGreaterThan(4);
    expect(waits[0]).toBe(1);
    expect((await s3.object('traces/service/incident/node/trace')).toString()).toBe('small');
  });

  it('is not tried again where the answer is final', async () => {
    const item = prepared(Buffer.from('small'));
    between.refuse = () => 403;
    const waits: number[] = [];
    await expect(
      uploadKept(
        client(),
        item,
        patience(3_600, (_, seconds) => waits.push(seconds)),
      ),
    ).rejects.toThrow();
    expect(waits).toEqual([]);
    expect(readShipped(item)).toBeNull();
  });

  it('begins anew where S3 has forgotten what it had of it', async () => {
    const bytes = bytesOf(PART_BYTES * 2 + 12_345);
    const item = prepared(bytes);
    between.refuse = (method, url) => (method === 'PUT' && url.includes('partNumber=3') ? 403 : null);
    await expect(uploadKept(client(), item, patience(0))).rejects.toThrow();
    let forgotten = false;
    between.refuse = (method, url) => {
      if (forgotten || method !== 'PUT' || !url.includes('partNumber=3')) return null;
      forgotten = true;
      return 404;
    };
    await uploadKept(client(), item, patience(0));
    expect(forgotten).toBe(true);
    expect((await s3.object('traces/service/incident/node/trace')).equals(bytes)).toBe(true);
  });

  it('of a stream sends each part until S3 takes it', async () => {
    const bytes = bytesOf(PART_BYTES * 2 + 12_345);
    let refusals = 0;
    between.refuse = (method, url) =>
      method === 'PUT' && url.includes('partNumber=2') && refusals++ < 4 ? 503 : null;
    const source = Readable.from([
      bytes.subarray(0, 5),
      bytes.subarray(5, 9_000_000),
      bytes.subarray(9_000_000),
    ]);
    await uploadStream(client(), destination(), source, patience(60));
    expect(refusals).toBeGreaterThan(4);
    expect((await s3.object('traces/service/incident/node/trace')).equals(bytes)).toBe(true);
  });

  it('of a short stream is one object', async () => {
    await uploadStream(
      client(),
      destination(),
      Readable.from([Buffer.from('sm'), Buffer.from('all')]),
      patience(0),
    );
    expect((await s3.object('traces/service/incident/node/trace')).toString()).toBe('small');
    expect(between.seen).toHaveLength(1);
  });
});

describe('an endpoint that accepts and never answers', () => {
  let silent: Server;
  let accepted: number;
  let client: S3Client;

  beforeEach(async () => {
    accepted = 0;
    silent = createServer(() => accepted++);
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as AddressInfo;
    client = s3Client({ AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`, AWS_REGION: 'us-east-1' });
  });
  afterEach(() => {
    client.destroy();
    silent.closeAllConnections();
    silent.close();
  });

  const destination = { bucket: 'bucket', key: 'key', contentType: 'application/zstd', metadata: {} };
  const sent = (patience: Patience) =>
    uploadStream(client, destination, Readable.from([Buffer.from('x')]), patience);

  it('is left when the patience is at its end', async () => {
    const started = performance.now();
    await expect(sent({ seconds: 2, onRetry: () => {} })).rejects.toThrow('S3 did not answer within 2 s');
    // A try on its own would hang longer.
    expect(performance.now() - started).toBeLessThan(SILENCE_MILLISECONDS);
    expect(accepted).toBe(1);
  });

  it('is left at once on a signal', async () => {
    const controller = new AbortController();
    const sending = sent({ seconds: 3_600, onRetry: () => {}, signal: controller.signal });
    const outcome = expect(sending).rejects.toThrow();
    while (accepted === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    controller.abort();
    await outcome;
  });
});
