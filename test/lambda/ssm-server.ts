/**
 * SSM Run Command as far as the function uses it, over its documented JSON protocol: no emulator has it.
 * https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

interface SentCommand {
  readonly CommandId: string;
  readonly DocumentName: string;
  readonly Parameters: { readonly incident: readonly [string]; readonly at: readonly [string] };
  readonly Targets?: readonly { readonly Key: string; readonly Values: readonly string[] }[];
  readonly InstanceIds?: readonly string[];
  readonly MaxErrors: string;
  readonly TimeoutSeconds: number;
}

export interface SsmServer {
  readonly url: string;
  readonly sent: SentCommand[];
  /** Targets that ListCommands tells of, by incident; 0 while SSM is still resolving tags. */
  readonly targets: Map<string, number>;
  readonly stop: () => Promise<void>;
}

export async function startSsmServer(): Promise<SsmServer> {
  const sent: SentCommand[] = [];
  const targets = new Map<string, number>();
  const server = createServer(async (request, response) => {
    const body = JSON.parse(await readBody(request)) as Omit<SentCommand, 'CommandId'> & {
      CommandId?: string;
    };
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    if (request.headers['x-amz-target'] === 'AmazonSSM.SendCommand') {
      const command: SentCommand = { ...body, CommandId: randomUUID() };
      sent.push(command);
      response.end(JSON.stringify({ Command: { CommandId: command.CommandId, Status: 'Pending' } }));
      return;
    }
    const command = sent.find(({ CommandId }) => CommandId === body.CommandId);
    const count = targets.get(command?.Parameters.incident[0] ?? '') ?? 0;
    response.end(
      JSON.stringify({
        Commands: [
          {
            CommandId: body.CommandId,
            Status: count === 0 ? 'Pending' : 'InProgress',
            TargetCount: count,
            ErrorCount: 0,
            DeliveryTimedOutCount: 0,
          },
        ],
      }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sent,
    targets,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
