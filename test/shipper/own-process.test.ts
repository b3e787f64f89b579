import { describe, expect, it } from 'vitest';
import { isPerfscopeCommand } from '../../shipper/own-process.ts';

describe('perfscope’s own processes', () => {
  it.each([
    ['installed', ['node', '/usr/local/bin/perfscope', 'ship', '--incident', 'i']],
    [
      'with options for Node.js',
      ['/usr/bin/node', '--max-old-space-size=64', '/usr/local/bin/perfscope', 'record'],
    ],
    ['as the bundle', ['node', 'dist/perfscope-node.cjs', 'check']],
    ['in the checkout', ['/opt/node24/bin/node', 'cli/perfscope.ts', 'record', '--watch']],
  ])('are known %s', (_, words) => {
    expect(isPerfscopeCommand(words)).toBe(true);
  });

  it('are known by another name that they were installed under', () => {
    expect(isPerfscopeCommand(['node', '/opt/recorder.cjs', 'ship'], 'recorder.cjs')).toBe(true);
  });

  it.each([
    ['a service in Node.js', ['node', '/srv/api/server.js', 'perfscope']],
    ['a shell that starts one', ['sh', '-c', 'perfscope record']],
    ['a kernel thread', ['']],
    ['an interactive Node.js', ['node']],
  ])('are not %s', (_, words) => {
    expect(isPerfscopeCommand(words)).toBe(false);
  });
});
