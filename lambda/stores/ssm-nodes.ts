/** Asks nodes to ship, by SSM Run Command. */
import { ListCommandsCommand, SendCommandCommand, type SSMClient } from '@aws-sdk/client-ssm';
import type { NodeCommander, ShipOrder } from '../ports.ts';

/**
 * A node that has not started by then would ship a window that its ring no longer holds ("TimeoutSeconds: if this time
 * is reached and the command hasn't already started running, it won't run"; 30 is the least allowed).
 * https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html
 */
const START_WITHIN_SECONDS = 60;

export function createNodeCommander(
  ssm: SSMClient,
  settings: { readonly document: string | null; readonly nodeTag: string },
): NodeCommander {
  return {
    async ship(order): Promise<string> {
      if (settings.document === null) throw new Error('no SSM document is configured: set SHIP_DOCUMENT');
      const { Command: command } = await ssm.send(
        new SendCommandCommand({
          DocumentName: settings.document,
          ...addressees(order, settings.nodeTag),
          Parameters: { service: [order.id.service], incident: [order.id.incident], at: [order.at] },
          Comment: `perfscope ${order.id.incident}`.slice(0, 100),
          TimeoutSeconds: START_WITHIN_SECONDS,
          // The default 0 stops the command for all nodes at the first that fails.
          MaxErrors: '100%',
          MaxConcurrency: '100%',
        }),
      );
      if (command?.CommandId === undefined) throw new Error('SSM answered without a command id');
      return command.CommandId;
    },

    async expected(commandId): Promise<number | null> {
      try {
        const { Commands: commands = [] } = await ssm.send(new ListCommandsCommand({ CommandId: commandId }));
        const command = commands[0];
        // While the command is pending, tags are still being resolved and the count grows.
        if (command?.TargetCount === undefined || command.Status === 'Pending') return null;
        return command.TargetCount - (command.ErrorCount ?? 0) - (command.DeliveryTimedOutCount ?? 0);
      } catch {
        // Knowing when all have answered only makes the final notification earlier; time settles it otherwise.
        return null;
      }
    },
  };
}

function addressees(order: ShipOrder, nodeTag: string) {
  return order.instances.length > 0
    ? { InstanceIds: [...order.instances] }
    : { Targets: [{ Key: `tag:${nodeTag}`, Values: [order.id.service] }] };
}
