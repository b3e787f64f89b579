import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { noticedBy } from '../../corpus/case-file.ts';
import type { ClientView } from '../../corpus/clients.ts';
import { writeJson } from '../../corpus/made.ts';
import { isWanted } from '../../corpus/make.ts';

const blind = { clientsNotice: false } as ClientView;
const calm = {
  cpuShare: [0.01, 0.01],
  callsPerSecond: [500, 520],
  openDescriptors: [12, 14],
  alive: true,
} as const;

describe('noticedBy', () => {
  it('is nobody when neither clients nor the machine change', () => {
    expect(noticedBy(blind, calm)).toBe('nobody');
  });

  it('is clients whenever they notice, whatever the machine does', () => {
    expect(noticedBy({ ...blind, clientsNotice: true }, { ...calm, alive: false })).toBe('clients');
  });

  it.each([
    ['three times the calls', { callsPerSecond: [500, 1501] as const }, 'operators'],
    ['not quite three times', { callsPerSecond: [500, 1499] as const }, 'nobody'],
    ['three times of next to nothing', { callsPerSecond: [5, 299] as const }, 'nobody'],
    ['three times the CPU', { cpuShare: [0.01, 0.031] as const }, 'operators'],
    ['three times of a CPU that nobody sees', { cpuShare: [0.001, 0.01] as const }, 'nobody'],
    ['a leak of descriptors', { openDescriptors: [12, 28] as const }, 'operators'],
    ['a server that has ended', { alive: false }, 'operators'],
  ])('%s: %o', (_, change, who) => {
    expect(noticedBy(blind, { ...calm, ...change })).toBe(who);
  });
});

describe('what is written', () => {
  it('is whole: no half of a case.json is ever seen under its name', () => {
    const folder = mkdtempSync(join(tmpdir(), 'corpus-'));
    writeJson(join(folder, 'case.json'), { id: 'a', nested: [1] });
    expect(readdirSync(folder)).toEqual(['case.json']);
    expect(JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8'))).toEqual({ id: 'a', nested: [1] });
  });
});

describe('--only', () => {
  it.each([
    ['bugs/poll-1ms', ['poll-1ms'], true],
    ['bugs/poll-1ms', ['bugs'], true],
    ['bugs/poll-1ms', ['healthy', 'baseline'], false],
    ['bugs/poll-1ms', ['poll'], false],
    ['profile-mixed', ['profile-mixed'], true],
    ['baseline', [], true],
  ])('%s is wanted by %j: %s', (name, only, wanted) => {
    expect(isWanted(name, only)).toBe(wanted);
  });
});
