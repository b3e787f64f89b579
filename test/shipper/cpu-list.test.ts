import { describe, expect, it } from 'vitest';
import { parseCpuList } from '../../shipper/tracefs/online-cpus.ts';

describe('a list of CPUs', () => {
  it.each([
    ['0\n', [0]],
    ['0-3\n', [0, 1, 2, 3]],
    ['0-1,8,10-11\n', [0, 1, 8, 10, 11]],
    ['\n', []],
  ])('as the kernel writes it: %j', (text, cpus) => {
    expect([...parseCpuList(text)]).toEqual(cpus);
  });
});
