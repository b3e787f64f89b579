import { describe, expect, it } from 'vitest';
import { pageBytesOf, withPageBytes } from '../../shipper/tracefs/header-page.ts';

/** Linux 6.18 with pages of 64 KiB at the top level (events/header_page). */
const LARGE = `\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;
\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;
\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;
\tfield: char data;\toffset:16;\tsize:65520;\tsigned:0;
`;

describe('the layout of a ring’s pages', () => {
  it('is the instance’s own where the top level has pages of another size', () => {
    const own = withPageBytes(LARGE, 4_096);
    expect(own).toBe(LARGE.replace('65520', '4080'));
    expect(pageBytesOf(own)).toBe(4_096);
  });

  it('is the kernel’s where instances have no size of their own', () => {
    expect(withPageBytes(LARGE, null)).toBe(LARGE);
    expect(pageBytesOf(LARGE)).toBe(65_536);
  });
});
