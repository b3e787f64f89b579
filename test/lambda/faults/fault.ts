/** Faults on the wire between the function and AWS, put into the clients' own stacks, inside their retries. */
import type { Clients } from '../../../lambda/stores/clients.ts';

/** What can happen to a call. "Taken" faults happen after AWS did what it was asked. */
export const FAULTS = [
  'throttled',
  '5xx',
  '5xx, taken',
  'timeout',
  'timeout, taken',
  'reset',
  'reset, taken',
  'killed right after',
] as const;
export type Fault = (typeof FAULTS)[number];

/** Every call that the function makes to AWS, told apart by what it is for. */
export const CALLS = [
  'S3 GetObject (trace)',
  'S3 ListObjectsV2 (signatures)',
  'S3 GetObject (signatures)',
  'S3 PutObject (report)',
  'S3 PutObject (page)',
  'DynamoDB GetItem (report known?)',
  'DynamoDB PutItem (report)',
  'DynamoDB Query (incident)',
  'DynamoDB UpdateItem (alarm)',
  'DynamoDB UpdateItem (picture)',
  'DynamoDB UpdateItem (claim ship)',
  'DynamoDB UpdateItem (done ship)',
  'DynamoDB UpdateItem (claim first)',
  'DynamoDB UpdateItem (done first)',
  'DynamoDB UpdateItem (claim final)',
  'DynamoDB UpdateItem (done final)',
  'SQS SendMessage (follow-up)',
  'SSM SendCommand',
  'SSM ListCommands',
  'SNS Publish (first)',
  'SNS Publish (final)',
] as const;
export type Call = (typeof CALLS)[number];

interface Input {
  readonly Key?: unknown;
  readonly UpdateExpression?: string;
  readonly MessageAttributes?: { readonly step?: { readonly StringValue?: string } };
}

function callOf(command: string, input: Input): Call | null {
  const key = typeof input.Key === 'string' ? input.Key : '';
  const update = input.UpdateExpression ?? '';
  switch (command) {
    case 'GetObjectCommand':
      return key.startsWith('traces/') ? 'S3 GetObject (trace)' : 'S3 GetObject (signatures)';
    case 'ListObjectsV2Command':
      return 'S3 ListObjectsV2 (signatures)';
    case 'PutObjectCommand':
      return key.endsWith('.html') ? 'S3 PutObject (page)' : 'S3 PutObject (report)';
    case 'GetItemCommand':
      return 'DynamoDB GetItem (report known?)';
    case 'PutItemCommand':
      return 'DynamoDB PutItem (report)';
    case 'QueryCommand':
      return 'DynamoDB Query (incident)';
    case 'UpdateItemCommand':
      if (update.includes(':alarm')) return 'DynamoDB UpdateItem (alarm)';
      if (update.includes(':verdict')) return 'DynamoDB UpdateItem (picture)';
      for (const step of ['ship', 'first', 'final'] as const) {
        if (update.includes(`${step}State = :claimed`)) return `DynamoDB UpdateItem (claim ${step})`;
        if (update.includes(`${step}State = :done`)) return `DynamoDB UpdateItem (done ${step})`;
      }
      return null;
    case 'SendMessageCommand':
      return 'SQS SendMessage (follow-up)';
    case 'SendCommandCommand':
      return 'SSM SendCommand';
    case 'ListCommandsCommand':
      return 'SSM ListCommands';
    case 'PublishCommand':
      return input.MessageAttributes?.step?.StringValue === 'final'
        ? 'SNS Publish (final)'
        : 'SNS Publish (first)';
    default:
      return null;
  }
}

/** Errors as the SDK's own HTTP handler and protocols raise them. */
function errorOf(fault: Fault): Error {
  switch (fault) {
    case 'throttled':
      return Object.assign(new Error('Rate exceeded'), {
        name: 'ThrottlingException',
        $fault: 'client',
        $metadata: { httpStatusCode: 400 },
      });
    case '5xx':
    case '5xx, taken':
      return Object.assign(new Error('InternalError'), {
        name: 'InternalError',
        $fault: 'server',
        $metadata: { httpStatusCode: 500 },
      });
    case 'timeout':
    case 'timeout, taken':
      return Object.assign(new Error('Request timed out'), { name: 'TimeoutError' });
    default:
      return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  }
}

/** The middleware's name in the stack. */
const FAULT = 'perfscopeFault';

/** The invocation's clients are dead from then on: nothing that it awaits ever comes back. */
const NEVER = new Promise<never>(() => undefined);

export interface Injection {
  readonly call: Call;
  readonly fault: Fault;
}

interface Injected {
  /** Resolves when the process would have ended. */
  readonly killed: Promise<'killed'>;
  /** Whether any call has met the fault. */
  readonly met: () => boolean;
  readonly remove: () => void;
}

/** Makes every such call fail in that way. */
export function inject(clients: Clients, injection: Injection): Injected {
  let kill: (value: 'killed') => void = () => undefined;
  const killed = new Promise<'killed'>((resolve) => {
    kill = resolve;
  });
  let dead = false;
  let met = false;
  const stacks = (Object.values(clients) as { middlewareStack: AnyStack }[]).map(
    (client) => client.middlewareStack,
  );
  for (const stack of stacks) {
    stack.add(
      (next, context) => async (args) => {
        if (dead) return NEVER;
        const hit = callOf(String(context.commandName), args.input) === injection.call;
        if (!hit) {
          const output = await next(args);
          return dead ? NEVER : output;
        }
        met = true;
        if (injection.fault === 'killed right after') {
          await next(args);
          dead = true;
          kill('killed');
          return NEVER;
        }
        if (injection.fault.endsWith('taken')) await next(args);
        throw errorOf(injection.fault);
      },
      // Low priority in this step is inside the retry middleware: each attempt meets the fault.
      { step: 'finalizeRequest', priority: 'low', name: FAULT },
    );
  }
  return {
    killed,
    met: () => met,
    remove: () => {
      for (const stack of stacks) if (!dead) stack.remove(FAULT);
    },
  };
}

/** What the five clients' differently typed stacks have in common. */
interface AnyStack {
  add(
    middleware: (
      next: (args: { input: Input }) => Promise<unknown>,
      context: { readonly commandName?: unknown },
    ) => (args: { input: Input }) => Promise<unknown>,
    options: { readonly step: 'finalizeRequest'; readonly priority: 'low'; readonly name: string },
  ): void;
  remove(name: string): boolean;
}
