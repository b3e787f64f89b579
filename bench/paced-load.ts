/**
 * node bench/paced-load.ts PORT RESPONSE_BYTES RATE SECONDS CONNECTIONS REQUEST: sends the request at a steady rate
 * and prints how many were answered, in which time, and how long an answer took in the mean. Requests are due by the
 * clock: what cannot be sent in time is sent late, so a server that is too slow is seen in the time that all take.
 */
import { connect, type Socket } from 'node:net';

const [port, responseBytes, rate, seconds, connections] = process.argv.slice(2, 7).map(Number) as [
  number,
  number,
  number,
  number,
  number,
];
const request = Buffer.from(process.argv[7] ?? '', 'latin1');

const sockets: Socket[] = await Promise.all(
  Array.from(
    { length: connections },
    () =>
      new Promise<Socket>((resolve, reject) => {
        const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
        socket.once('error', reject);
      }),
  ),
);
const total = Math.round(rate * seconds);
const idle = [...sockets];
let sent = 0;
let received = 0;
/** Each connection has one request under way at a time, as clients have: when that was sent, and the sum of all answers' times. */
const sentAt = new Map<Socket, number>();
let waitedMilliseconds = 0;
const started = performance.now();
const finished = Promise.withResolvers<void>();
for (const socket of sockets) {
  let pending = 0;
  socket.on('data', (data) => {
    pending += data.length;
    while (pending >= responseBytes) {
      pending -= responseBytes;
      received++;
      waitedMilliseconds += performance.now() - sentAt.get(socket)!;
      idle.push(socket);
    }
    if (received === total) finished.resolve();
    else send();
  });
}
function send(): void {
  const due = Math.min(total, Math.floor(((performance.now() - started) / 1000) * rate));
  while (sent < due && idle.length > 0) {
    const socket = idle.pop()!;
    sentAt.set(socket, performance.now());
    socket.write(request);
    sent++;
  }
}
// A timer fires once a millisecond, and would send a burst each time: half of the load, but not half of the queue.
let isOver = false;
const turn = (): void => {
  send();
  if (!isOver) setImmediate(turn);
};
turn();
await finished.promise;
isOver = true;
for (const socket of sockets) socket.destroy();
const took = (performance.now() - started) / 1000;
const answerMicros = (waitedMilliseconds * 1000) / received;
process.stdout.write(JSON.stringify({ requests: received, seconds: took, answerMicros }));
