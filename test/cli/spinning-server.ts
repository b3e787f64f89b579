/**
 * Text of perf script for a made-up server: requests as they come for `normalSeconds`, then for `spinSeconds` one
 * connection on which write fails with EPIPE again and again.
 */
export function spinningServer(normalSeconds: number, spinSeconds: number): string {
  const lines: string[] = [];
  let micros = 1_000_000_000;
  const call = (number: number, argument: string, result: number, on: number, off: number): void => {
    const stamp = (at: number): string => `${Math.floor(at / 1e6)}.${String(at % 1e6).padStart(6, '0')}`;
    const head = '   shopd 70/70 [000] ';
    lines.push(`${head}${stamp(micros)}: raw_syscalls:sys_enter: NR ${number} (${argument}, 0, 0, 0, 0, 0)`);
    micros += on;
    lines.push(`${head}${stamp(micros)}: raw_syscalls:sys_exit: NR ${number} = ${result}`);
    micros += off;
  };
  const started = micros;
  for (let request = 0; micros - started < normalSeconds * 1e6; request++) {
    call(232, '3', 1, 15_000 + ((request * 7919) % 10_000), 10);
    call(0, '8', 120, 5, 40);
    call(1, '8', 512, 20, 15);
    if (request % 10 === 0) call(257, 'ffffff9c', 9, 30, 10);
  }
  const spun = micros;
  while (micros - spun < spinSeconds * 1e6) {
    call(232, '3', 1, 3, 20);
    call(1, '9', -32, 5, 300);
  }
  return `${lines.join('\n')}\n`;
}
