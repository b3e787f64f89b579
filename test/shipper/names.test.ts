import { hostname } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isKeyPart, MAX_KEY_PART, parseTraceKey, toKeyPart } from '../../lambda/keys.ts';
import { tryLock } from '../../shipper/lock.ts';
import { checkedName, nodeName, shippingNode, traceKey } from '../../shipper/names.ts';

const accepts = (name: string) => {
  try {
    return checkedName('a name', name) === name;
  } catch {
    return false;
  }
};

describe('names', () => {
  it('of every incident that the function opens are names on the node', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (alarm) => accepts(toKeyPart(alarm))));
    for (const alarm of ['p99=high', '_internal', '=x', '.hidden', '-rf', 'a'.repeat(300)])
      expect(accepts(toKeyPart(alarm)), alarm).toBe(true);
  });

  it('that the node accepts are key parts to the function', () => {
    const characters = fc.constantFrom(...'aZ09._=-/ ü');
    fc.assert(
      fc.property(fc.string({ unit: characters }), (name) => !accepts(name) || isKeyPart(name)),
      { numRuns: 2_000 },
    );
    expect(accepts('a'.repeat(MAX_KEY_PART))).toBe(true);
    expect(accepts('a'.repeat(MAX_KEY_PART + 1))).toBe(false);
  });

  it('make up a key that the function takes apart again', () => {
    const key = traceKey('redis', 'p99=high-20261123T021500Z', 'i-0abc', 'trace.dat.zst');
    expect(parseTraceKey(key)).toEqual({
      service: 'redis',
      incident: 'p99=high-20261123T021500Z',
      node: 'i-0abc',
      name: 'trace.dat.zst',
    });
  });

  it('of locks may be as long as service and incident are', async () => {
    const name = (end: string) =>
      `incident/${'s'.repeat(MAX_KEY_PART)}/${'i'.repeat(MAX_KEY_PART - 1)}${end}`;
    const held = [await tryLock(name('1')), await tryLock(name('2'))];
    expect(held).not.toContain(null);
    expect(await tryLock(name('1'))).toBeNull();
    for (const lock of held) lock?.release();
  });
});

describe('a node', () => {
  const ssm = { AWS_SSM_INSTANCE_ID: 'i-0abc' };

  it('that was armed under its host name ships under the id by which SSM asks it', () => {
    expect(shippingNode(hostname(), ssm)).toBe('i-0abc');
    expect(shippingNode(hostname(), {})).toBe(hostname());
  });

  it('keeps the name that it was given', () => {
    expect(nodeName('web-7', ssm)).toBe('web-7');
    expect(shippingNode('web-7', ssm)).toBe('web-7');
  });
});
