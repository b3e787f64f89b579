import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { outgoing, readProgress, readShipped, writeProgress } from '../../shipper/outgoing.ts';
import { PART_BYTES, s3Client, uploadPatiently } from '../../shipper/upload.ts';
import { type Storage, storage } from './node-under-test.ts';

/** Stands between the shipper and S3, counts what passes, and refuses what it is told to. */
interface Gate {
  readonly endpoint: string;
  readonly seen: string[];
  refuse: (method: string, url: string) => number | null;
  readonly close: () => Promise<void>;
}

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
      outgoing_.end(`<Error><Code>${status === 403 ? 'AccessDenied' : 'SlowDown'}</Code></Error>`);
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
    writeFileSync(join(item.directory, 'trace'), bytes);
    writeProgress(item, {
      bucket: s3.bucket,
      key: 'traces/service/incident/node/trace',
      contentType: 'application/zstd',
      metadata: { 'perfscope-build': '1.2' },
      file: 'trace',
      uploadId: null,
      parts: [],
    });
    return item;
  };
  const client = () => s3Client({ AWS_ENDPOINT_URL: between.endpoint });
  const bytesOf = (length: number) =>
    Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 13)) & 255));

  it('goes on after the last part that S3 confirmed', async () => {
    const bytes = bytesOf(PART_BYTES * 2 + 12_345);
    const item = prepared(bytes);
    between.refuse = (method, url) => (method === 'PUT' && url.includes('partNumber=3') ? 403 : null);
    await expect(uploadPatiently(client(), item, 0, () => {})).rejects.toThrow();
    expect(readProgress(item)?.parts.map(({ number }) => number)).toEqual([1, 2]);
    between.refuse = () => null;
    between.seen.length = 0;
    await uploadPatiently(client(), item, 0, () => {});
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
    await uploadPatiently(client(), item, 60, (_, seconds) => waits.push(seconds));
    expect(refusals).toBeGreaterThan(4);
    expect(waits[0]).toBe(1);
    expect((await s3.object('traces/service/incident/node/trace')).toString()).toBe('small');
  });

  it('is not tried again where the answer is final', async () => {
    const item = prepared(Buffer.from('small'));
    between.refuse = () => 403;
    const waits: number[] = [];
    await expect(uploadPatiently(client(), item, 3_600, (_, s) => waits.push(s))).rejects.toThrow();
    expect(waits).toEqual([]);
    expect(readShipped(item)).toBeNull();
  });
});
