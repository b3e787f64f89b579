import { describe, expect, it } from 'vitest';
import {
  isKeyPart,
  KeyError,
  MAX_KEY_PART,
  parseIncidentId,
  parseTraceKey,
  signaturesKey,
  toKeyPart,
  traceKey,
} from '../../lambda/keys.ts';

const KEY = 'traces/checkout/p99-20261123T021500Z/i-0abc1234/trace.dat.zst';

describe('a trace key', () => {
  it('is read back as it was written', () => {
    const parts = {
      service: 'checkout',
      incident: 'p99-20261123T021500Z',
      node: 'i-0abc1234',
      name: 'trace.dat.zst',
    };
    expect(traceKey(parts)).toBe(KEY);
    expect(parseTraceKey(KEY)).toEqual(parts);
  });

  it.each([
    'reports/checkout/p99/i-0abc/trace.dat',
    'traces/checkout/p99/trace.dat',
    'traces/checkout/p99/i-0abc/deeper/trace.dat',
    'traces/checkout/../i-0abc/trace.dat',
    'traces/check out/p99/i-0abc/trace.dat',
    'traces/check%20out/p99/i-0abc/trace.dat',
    'traces/checkout/p99/<script>/trace.dat',
    'traces/checkout//i-0abc/trace.dat',
    'traces/checkout/p99/i-0abc/trace.dat\n',
    '',
  ])('of another layout or with other characters is not one: %j', (key) => {
    expect(parseTraceKey(key)).toBeNull();
  });
});

describe('a key part', () => {
  it('may be as long as the limit and not one character longer', () => {
    expect(isKeyPart('x'.repeat(MAX_KEY_PART))).toBe(true);
    expect(isKeyPart('x'.repeat(MAX_KEY_PART + 1))).toBe(false);
  });

  it('is made from any alarm name', () => {
    expect(toKeyPart('Checkout: p99 > 2 s (prod)')).toBe('Checkout-p99-2-s-prod-');
    expect(toKeyPart('…')).toBe('unnamed');
    expect(toKeyPart('../../etc')).toBe('etc');
    expect(toKeyPart('x'.repeat(300))).toBe('x'.repeat(MAX_KEY_PART));
    expect(toKeyPart('checkout-p99', 8)).toBe('checkout');
    for (const name of ['ü'.repeat(300), '.', '..', '-.-', ' '])
      expect(isKeyPart(toKeyPart(name))).toBe(true);
  });
});

it('a service or build that cannot be a key is refused with the characters that can', () => {
  expect(() => signaturesKey('check/out', '1')).toThrow(KeyError);
  expect(() => signaturesKey('checkout', '1 2')).toThrow(/A-Z a-z 0-9/);
});

it('an incident is named by its service and itself, and nothing more', () => {
  expect(parseIncidentId('checkout/p99')).toEqual({ service: 'checkout', incident: 'p99' });
  for (const text of ['checkout', 'checkout/p99/i-0abc', 'checkout/', '/p99', 'check out/p99'])
    expect(parseIncidentId(text)).toBeNull();
});
