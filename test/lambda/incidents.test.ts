import { UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { INCIDENTS_TABLE } from '../../cli/demo/embedded-aws.ts';
import { formatIncidentId } from '../../lambda/keys.ts';
import { SHIP_WITHIN_MILLISECONDS } from '../../lambda/progress-incident.ts';
import { type Account, alarmEvent, incidentAt, type Mail } from './faults/account.ts';
import { isExact, observe, openMatrixAccount, putTrace } from './faults/matrix.ts';

/** Incidents of the storm, and the uploads of each. */
const STORM_INCIDENTS = 50;
const UPLOADS_EACH = 10;

let account: Account;
beforeAll(async () => {
  account = await openMatrixAccount();
});
afterAll(() => account.stop());

async function openIncident() {
  const at = new Date(account.now()).toISOString();
  account.deliver(alarmEvent(at));
  await account.settle();
  return incidentAt(at);
}

async function upload(id: ReturnType<typeof incidentAt>, node: string, text: 'sick' | 'well') {
  account.deliver(await putTrace(account, id, node, text));
  await account.round();
}

function mailOf(incident: string): Mail[] {
  return account.mail.filter(({ attributes }) => attributes.incident === incident);
}

describe('an alarm', () => {
  it('opens an incident and asks the nodes of its service, with the time of the alarm, at once', async () => {
    const at = new Date(account.now()).toISOString();
    account.deliver(alarmEvent(at));
    await account.round();
    const id = incidentAt(at);
    const [command, ...others] = account.ssm.sent.filter(
      ({ Parameters }) => Parameters.incident[0] === id.incident,
    );
    expect(others).toEqual([]);
    expect(command).toMatchObject({
      DocumentName: 'PerfScopeShip',
      Targets: [{ Key: 'tag:perfscope:service', Values: ['checkout'] }],
      Parameters: { service: ['checkout'], incident: [id.incident], at: [at] },
      MaxErrors: '100%',
    });
    await account.settle();
  });

  it('that names an instance asks only that one', async () => {
    const at = new Date(account.now()).toISOString();
    account.deliver(alarmEvent(at, 'i-0abc12345678def90'));
    await account.settle();
    const command = account.ssm.sent.find(
      ({ Parameters }) => Parameters.incident[0] === incidentAt(at).incident,
    );
    expect(command?.InstanceIds).toEqual(['i-0abc12345678def90']);
    expect(command?.Targets).toBeUndefined();
  });

  it.each([
    ['not a moment too old asks its nodes', 1, 1],
    ['too old for what the nodes still hold asks none', 0, 0],
  ])('that is %s', async (_what, millisecondsLeft, asked) => {
    const at = new Date(account.now() - SHIP_WITHIN_MILLISECONDS + millisecondsLeft).toISOString();
    account.deliver(alarmEvent(at));
    await account.settle();
    const { incident } = incidentAt(at);
    expect(account.ssm.sent.filter(({ Parameters }) => Parameters.incident[0] === incident)).toHaveLength(
      asked,
    );
  });

  it('of no configured service fails into the dead letters: nobody guesses whom to ask', async () => {
    const event = JSON.parse(
      JSON.stringify(alarmEvent(new Date(account.now()).toISOString())).replaceAll(
        'checkout-p99',
        'stranger',
      ),
    );
    const [before, asked] = [account.deadLetters.length, account.ssm.sent.length];
    account.deliver(event);
    await account.settle();
    expect(account.deadLetters).toHaveLength(before + 1);
    expect(account.ssm.sent).toHaveLength(asked);
  });

  it('notifies nobody by itself, also when no node ever answers; that is counted', async () => {
    const silent = () => account.counts.get('IncidentsWithoutTrace') ?? 0;
    const before = silent();
    const id = await openIncident();
    expect(mailOf(id.incident)).toEqual([]);
    expect(silent()).toBeGreaterThan(before);
  });
});

describe('many nodes, one incident', () => {
  it('send one message at the first finding and one when all that were asked have answered', async () => {
    const id = await openIncident();
    account.ssm.targets.set(id.incident, 3);
    await upload(id, 'node-a', 'well');
    expect(mailOf(id.incident)).toEqual([]);
    await upload(id, 'node-b', 'sick');
    expect(mailOf(id.incident).map(({ attributes }) => attributes.step)).toEqual(['first']);
    await upload(id, 'node-c', 'sick');
    expect(mailOf(id.incident).map(({ attributes }) => attributes.step)).toEqual(['first', 'final']);
    expect(mailOf(id.incident)[1]?.body).toContain('2 of 3 nodes that have reported');
    await account.settle();
    expect(mailOf(id.incident)).toHaveLength(2);
  });

  it('send the final message after a while, when a node that was asked never answers', async () => {
    const id = await openIncident();
    account.ssm.targets.set(id.incident, 5);
    await upload(id, 'node-a', 'sick');
    await upload(id, 'node-b', 'well');
    expect(mailOf(id.incident)).toHaveLength(1);
    await account.settle();
    expect(mailOf(id.incident).map(({ attributes }) => attributes.step)).toEqual(['first', 'final']);
    expect(mailOf(id.incident)[1]?.body).toContain('a single sick node: node-a, of 2 that have reported');
  });

  it('send one message only, when the only node that was asked has answered', async () => {
    const id = await openIncident();
    account.ssm.targets.set(id.incident, 1);
    await upload(id, 'node-a', 'sick');
    await account.settle();
    expect(mailOf(id.incident)).toHaveLength(1);
    expect(mailOf(id.incident)[0]?.body).toContain('no further message follows');
  });

  it('send nothing, when all are healthy', async () => {
    const id = await openIncident();
    for (const node of ['node-a', 'node-b', 'node-c']) await upload(id, node, 'well');
    await account.settle();
    expect(mailOf(id.incident)).toEqual([]);
    expect((await account.ports.incidents.read(id)).reports).toHaveLength(3);
  });
});

describe('an incident with an item that cannot be read', () => {
  const DAMAGES = [
    ['is of an older version', '{"schema":"perfscope.node-report/0"}'],
    ['is no JSON', 'spin'],
  ] as const;

  /** Spoils a node's stored report. */
  async function spoil(id: ReturnType<typeof incidentAt>, node: string, document: string) {
    const [report] = (await account.ports.incidents.read(id)).reports.filter((it) => it.node === node);
    await account.aws.clients.dynamodb.send(
      new UpdateItemCommand({
        TableName: INCIDENTS_TABLE,
        Key: { incident: { S: formatIncidentId(id) }, kind: { S: `node#${node}#${report?.report}` } },
        UpdateExpression: 'SET document = :document',
        ConditionExpression: 'attribute_exists(kind)',
        ExpressionAttributeValues: { ':document': { S: document } },
      }),
    );
  }

  it.each(DAMAGES)(
    'since it %s goes on, counts it, and lists its node without a verdict',
    async (_what, document) => {
      const id = await openIncident();
      account.ssm.targets.set(id.incident, 3);
      await upload(id, 'node-a', 'sick');
      await upload(id, 'node-b', 'sick');
      await spoil(id, 'node-b', document);
      const counted = account.counts.get('UnreadableItems') ?? 0;
      await upload(id, 'node-c', 'well');
      expect(account.counts.get('UnreadableItems') ?? 0).toBeGreaterThan(counted);
      const mail = mailOf(id.incident);
      expect(mail.map(({ attributes }) => attributes.step)).toEqual(['first', 'final']);
      expect(mail[1]?.body).toMatch(/^Healthy +node-c$/m);
      expect(mail[1]?.body).toMatch(/^No verdict +node-b$/m);
      await account.settle();
      expect(mailOf(id.incident)).toHaveLength(2);
    },
  );

  it.each(DAMAGES)(
    'since it %s is whole again once its trace is delivered again',
    async (_what, document) => {
      const id = await openIncident();
      account.ssm.targets.set(id.incident, 1);
      await upload(id, 'node-a', 'sick');
      await spoil(id, 'node-a', document);
      expect(await account.ports.incidents.read(id)).toMatchObject({
        reports: [],
        unreadable: [{ node: 'node-a' }],
      });
      await upload(id, 'node-a', 'sick');
      expect(await account.ports.incidents.read(id)).toMatchObject({
        reports: [{ node: 'node-a', verdict: 'spin' }],
        unreadable: [],
      });
      await account.settle();
      expect(mailOf(id.incident)).toHaveLength(1);
    },
  );
});

it('a storm of 500 uploads of 50 incidents at once gives 500 reports, and for each incident one first message and at most one final', async () => {
  const ids = Array.from({ length: STORM_INCIDENTS }, (_, index) => {
    return incidentAt(new Date(account.now() + index * 1000).toISOString());
  });
  for (const id of ids)
    for (let node = 0; node < UPLOADS_EACH; node += 1)
      account.deliver(await putTrace(account, id, `node-${node}`, node % 2 === 0 ? 'sick' : 'well'));
  const deadLetters = account.deadLetters.length;
  await account.settle();
  for (const id of ids) {
    const outcome = await observe(account, id, UPLOADS_EACH, deadLetters);
    expect(isExact(outcome), JSON.stringify(outcome)).toBe(true);
  }
});
