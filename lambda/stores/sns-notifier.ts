/**
 * Notifications by SNS. Publish is neither idempotent nor transactional, and a FIFO topic (which knows duplicates)
 * cannot deliver mail, so the adapter tells apart what was refused, what was sent and what nobody knows.
 * https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
 */

import { setTimeout as pause } from 'node:timers/promises';
import { PublishCommand, type SNSClient } from '@aws-sdk/client-sns';
import type { Notification } from '../../report/notification.ts';
import { NotificationRefused, NotificationUncertain, type Notifier } from '../ports.ts';

/** Tries for a message that was certainly not taken. */
const TRIES = 2;
const PAUSE_MILLISECONDS = 500;

/** Refusals before the message was taken: throttled, or turned away at the door. */
const NOT_TAKEN_STATUS = new Set([429, 503]);
const NOT_TAKEN_NAMES = new Set([
  'Throttling',
  'ThrottlingException',
  'ThrottledException',
  'TooManyRequestsException',
]);
/** No connection came about, so nothing was sent. */
const NOT_CONNECTED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

export function createNotifier(sns: SNSClient, topicArn: string): Notifier {
  return {
    async publish(notification): Promise<string> {
      for (let attempt = 1; ; attempt += 1) {
        try {
          const { MessageId: messageId } = await sns.send(toCommand(topicArn, notification));
          if (messageId === undefined) throw new NotificationUncertain('SNS answered without a message id');
          return messageId;
        } catch (error) {
          const certainty = judge(error);
          if (certainty === 'uncertain')
            throw new NotificationUncertain('the connection to SNS broke before its answer', {
              cause: error,
            });
          if (certainty === 'refused' || attempt >= TRIES)
            throw new NotificationRefused(`SNS did not take the notification: ${String(error)}`, {
              cause: error,
            });
          await pause(PAUSE_MILLISECONDS);
        }
      }
    },
  };
}

function toCommand(topicArn: string, { subject, body, attributes }: Notification): PublishCommand {
  return new PublishCommand({
    TopicArn: topicArn,
    Subject: subject,
    Message: body,
    MessageAttributes: Object.fromEntries(
      Object.entries(attributes).map(([name, value]) => [name, { DataType: 'String', StringValue: value }]),
    ),
  });
}

type Certainty = 'not-taken' | 'refused' | 'uncertain';

function judge(error: unknown): Certainty {
  if (!(error instanceof Error)) return 'uncertain';
  const { code, $metadata } = error as Error & {
    readonly code?: unknown;
    readonly $metadata?: { readonly httpStatusCode?: number };
  };
  const status = $metadata?.httpStatusCode;
  if (NOT_TAKEN_NAMES.has(error.name) || (status !== undefined && NOT_TAKEN_STATUS.has(status)))
    return 'not-taken';
  if (typeof code === 'string' && NOT_CONNECTED.has(code)) return 'not-taken';
  return status !== undefined && status >= 400 && status < 500 ? 'refused' : 'uncertain';
}
