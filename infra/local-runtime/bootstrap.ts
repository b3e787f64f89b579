/**
 * The function's side of the Runtime API: loads the handler, then takes one event after the other. What AWS's own
 * runtime client does, as far as its documentation states it.
 * https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html
 */
import { get, request } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const env = process.env;
const BASE = `http://${env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`;

interface HandedEvent {
  readonly requestId: string;
  readonly deadline: number;
  readonly traceId: string;
  readonly event: unknown;
}

type Handler = (event: unknown, context: object) => Promise<unknown>;

function next(): Promise<HandedEvent> {
  return new Promise((resolve, reject) => {
    get(`${BASE}/invocation/next`, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        body += chunk;
      });
      response.on('end', () => {
        resolve({
          requestId: String(response.headers['lambda-runtime-aws-request-id']),
          deadline: Number(response.headers['lambda-runtime-deadline-ms']),
          traceId: String(response.headers['lambda-runtime-trace-id']),
          event: JSON.parse(body),
        });
      });
    }).on('error', reject);
  });
}

function post(path: string, body: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${BASE}${path}`, { method: 'POST' }, (response) => {
      response.resume();
      response.on('end', resolve);
    });
    outgoing.on('error', reject);
    outgoing.end(JSON.stringify(body ?? null));
  });
}

function describe(error: unknown) {
  const { name, message, stack = '' } = error instanceof Error ? error : new Error(String(error));
  return { errorType: name, errorMessage: message, stackTrace: stack.split('\n') };
}

async function loadHandler(): Promise<Handler> {
  const [file, name] = String(env._HANDLER).split('.');
  const loaded: Record<string, Handler | undefined> = await import(
    pathToFileURL(join(String(env.LAMBDA_TASK_ROOT), `${file}.mjs`)).href
  );
  const handler = loaded[String(name)];
  if (handler === undefined) throw new Error(`${file}.mjs exports no ${name}`);
  return handler;
}

async function serve(handler: Handler): Promise<never> {
  for (;;) {
    const { requestId, deadline, traceId, event } = await next();
    env._X_AMZN_TRACE_ID = traceId;
    const context = {
      awsRequestId: requestId,
      functionName: env.AWS_LAMBDA_FUNCTION_NAME,
      functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
      memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
      logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
      logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
      invokedFunctionArn: 'arn:aws:lambda:eu-central-1:000000000000:function:perfscope',
      callbackWaitsForEmptyEventLoop: true,
      getRemainingTimeInMillis: () => deadline - Date.now(),
    };
    try {
      await post(`/invocation/${requestId}/response`, await handler(event, context));
    } catch (error) {
      await post(`/invocation/${requestId}/error`, describe(error));
    }
  }
}

let handler: Handler;
try {
  handler = await loadHandler();
} catch (error) {
  await post('/init/error', describe(error));
  throw error;
}
await serve(handler);
