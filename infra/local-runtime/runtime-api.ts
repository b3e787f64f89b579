/**
 * Lambda's Runtime API on this machine, as documented, for one execution environment at a time: it hands out events
 * and takes answers and errors. The function's process on the other side is a real one (bootstrap.ts).
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';

const VERSION = '/2018-06-01/runtime';
const BOOTSTRAP = fileURLToPath(new URL('./bootstrap.ts', import.meta.url));
const KIBIBYTE = 1024;

interface FunctionSettings {
  /** Directory of the bundle, and the handler as Lambda's configuration names it. */
  readonly code: string;
  readonly handler: string;
  readonly memoryMegabytes: number;
  readonly timeoutSeconds: number;
  readonly environment: Readonly<Record<string, string>>;
}

type InvocationOutcome =
  | { readonly kind: 'answer'; readonly payload: unknown }
  | { readonly kind: 'error'; readonly error: { readonly errorType: string; readonly errorMessage: string } }
  | { readonly kind: 'died'; readonly code: number | null; readonly signal: NodeJS.Signals | null };

export interface Environment {
  /** Milliseconds from the process's start to its first request for an event: Lambda's init duration. */
  readonly initMilliseconds: number;
  readonly invoke: (event: unknown) => Promise<InvocationOutcome>;
  /** Most memory that the process has had, in mebibytes. */
  readonly peakMemoryMebibytes: () => Promise<number>;
  readonly process: ChildProcess;
  /** What the function has written to its log so far. */
  readonly log: () => string;
  readonly stop: () => Promise<void>;
}

interface Waiting {
  readonly event: unknown;
  readonly settle: (outcome: InvocationOutcome) => void;
}

/** Starts the function's process and waits until it is ready, as Lambda does at a cold start. */
export async function startEnvironment(settings: FunctionSettings): Promise<Environment> {
  const inFlight = new Map<string, Waiting>();
  let poll: ServerResponse | null = null;
  let next: Waiting | null = null;
  let ready: () => void = () => undefined;
  let failed: (error: Error) => void = () => undefined;
  const started = new Promise<void>((resolve, reject) => {
    ready = resolve;
    failed = reject;
  });

  function hand(): void {
    if (poll === null || next === null) return;
    const requestId = randomUUID();
    inFlight.set(requestId, next);
    poll.writeHead(200, {
      'content-type': 'application/json',
      'lambda-runtime-aws-request-id': requestId,
      'lambda-runtime-deadline-ms': String(Date.now() + settings.timeoutSeconds * 1000),
      'lambda-runtime-invoked-function-arn': 'arn:aws:lambda:eu-central-1:000000000000:function:perfscope',
      'lambda-runtime-trace-id': 'Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1',
    });
    poll.end(JSON.stringify(next.event));
    poll = null;
    next = null;
  }

  const server = createServer(async (request, response) => {
    const path = request.url ?? '';
    if (path === `${VERSION}/invocation/next`) {
      poll = response;
      ready();
      hand();
      return;
    }
    const body: unknown = JSON.parse(await readBody(request));
    response.writeHead(202).end();
    if (path === `${VERSION}/init/error`)
      return failed(new Error(`the function did not start: ${JSON.stringify(body)}`));
    const [, requestId = '', what] = /\/invocation\/([^/]+)\/(response|error)$/.exec(path) ?? [];
    const waiting = inFlight.get(requestId);
    inFlight.delete(requestId);
    waiting?.settle(
      what === 'response'
        ? { kind: 'answer', payload: body }
        : { kind: 'error', error: body as { errorType: string; errorMessage: string } },
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const begun = performance.now();
  const child = spawn(process.execPath, [...nodeOptions(settings), BOOTSTRAP], {
    env: lambdaEnvironment(settings, (server.address() as AddressInfo).port),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      log += chunk.toString('utf8');
    });
  child.once('exit', (code, signal) => {
    failed(new Error(`the function's process ended with ${signal ?? code} before it was ready: ${log}`));
    for (const waiting of [...inFlight.values(), ...(next === null ? [] : [next])])
      waiting.settle({ kind: 'died', code, signal });
    inFlight.clear();
    next = null;
  });

  async function stop(): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  try {
    await started;
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    initMilliseconds: performance.now() - begun,
    invoke: (event) =>
      new Promise((settle) => {
        if (child.exitCode !== null || child.signalCode !== null)
          return settle({ kind: 'died', code: child.exitCode, signal: child.signalCode });
        next = { event, settle };
        hand();
      }),
    peakMemoryMebibytes: () => peakMemory(child.pid),
    process: child,
    log: () => log,
    stop,
  };
}

/** Lambda's Node.js runtime gives V8's old space some 90 % of the function's memory. */
const HEAP_SHARE = 0.9;

function nodeOptions({ memoryMegabytes }: FunctionSettings): string[] {
  return [`--max-old-space-size=${Math.floor(memoryMegabytes * HEAP_SHARE)}`];
}

/** https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html: nothing of this machine's goes in. */
function lambdaEnvironment(settings: FunctionSettings, port: number): Record<string, string> {
  return {
    AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
    AWS_LAMBDA_FUNCTION_NAME: 'perfscope',
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(settings.memoryMegabytes),
    AWS_LAMBDA_LOG_GROUP_NAME: '/aws/lambda/perfscope',
    AWS_LAMBDA_LOG_STREAM_NAME: 'local',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    LAMBDA_TASK_ROOT: settings.code,
    _HANDLER: settings.handler,
    TZ: ':UTC',
    ...settings.environment,
  };
}

/** The kernel's own count: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html, VmHWM. */
async function peakMemory(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  if (kibibytes === undefined)
    throw new Error(`/proc/${pid}/status has no VmHWM: this kernel does not tell peak memory`);
  return Number(kibibytes) / KIBIBYTE;
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
