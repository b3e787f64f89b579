"""Upstream name servers and mixed DNS (UDP, TCP) and TFTP clients for dnsmasq.
load.py LOG SEED FOLDER PORT UPSTREAM UPSTREAM2 TFTP"""
import asyncio
import os
import signal
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'load'))
from paced_load import PacedLoad, monotonic

LOG, SEED, FOLDER = sys.argv[1], int(sys.argv[2]), sys.argv[3]
PORT, UPSTREAM, UPSTREAM2, TFTP = map(int, sys.argv[4:8])
A, PTR, TXT, AAAA = 1, 12, 16, 28
NX, FAIL = 3, 2
SLOW_SECONDS = 1.2
# A server that asks the same again and again must not keep the upstream busy.
FAILURES_PER_SECOND = 300


def query(name, kind=A, edns=False):
    message = struct.pack('>HHHHHH', load.random.getrandbits(16), 0x100, 1, 0, 0, 1 if edns else 0)
    for label in name.split('.'):
        message += bytes([len(label)]) + label.encode()
    message += b'\0' + struct.pack('>HH', kind, 1)
    return message + (b'\0' + struct.pack('>HHIH', 41, 1232, 0, 0) if edns else b'')


def question(message):
    at, labels = 12, []
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]].decode('latin1'))
        at += 1 + message[at]
    return '.'.join(labels), at + 5, struct.unpack('>H', message[at + 1 : at + 3])[0]


class Failures:
    left, at = float(FAILURES_PER_SECOND), 0.0

    def take(self):
        now = monotonic()
        self.left = min(FAILURES_PER_SECOND, self.left + (now - self.at) * FAILURES_PER_SECOND)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


failures = Failures()


def answer(message):
    name, end, kind = question(message)
    if name.startswith('drop'):
        return None
    code = NX if name.startswith('nx') else FAIL if name.startswith('fail') or load.upstream == 'failing' else 0
    if code == FAIL and not failures.take():
        return None
    record = b''
    if code == 0:
        if kind == A:
            record = struct.pack('>HHHIH', 0xC00C, A, 1, 60, 4) + bytes([10, 1, 2, 3])
        elif kind == AAAA:
            record = struct.pack('>HHHIH', 0xC00C, AAAA, 1, 60, 16) + bytes(16)
        elif kind == TXT:
            record = struct.pack('>HHHIH', 0xC00C, TXT, 1, 60, 101) + bytes([100]) + b't' * 100
    head = struct.pack('>HHHHH', 0x8180 | code, 1, 1 if record else 0, 0, 0)
    return message[:2] + head + message[12:end] + record


def delay_of(message):
    own = 0.2 if question(message)[0].startswith('slow') else 0.003
    return own + (SLOW_SECONDS if load.upstream == 'slow' else 0)


class DatagramUpstream(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        reply = answer(data)
        if reply is not None and load.upstream not in ('silent', 'lost'):
            asyncio.get_running_loop().call_later(delay_of(data), self.reply, reply, address)

    def reply(self, reply, address):
        if not self.transport.is_closing():
            self.transport.sendto(reply, address)


class DatagramUpstreams:
    """Closed while upstreams are lost, so that queries are refused."""

    transports = []

    async def open(self):
        for port in (UPSTREAM, UPSTREAM2):
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                DatagramUpstream, ('127.0.0.1', port)
            )
            self.transports.append(transport)

    def follow(self):
        if load.upstream == 'lost':
            for transport in self.transports:
                transport.close()
            self.transports.clear()
        elif not self.transports:
            asyncio.ensure_future(self.open())


async def stream_upstream(reader, writer):
    while True:
        (size,) = struct.unpack('>H', await reader.readexactly(2))
        data = await reader.readexactly(size)
        if question(data)[0].startswith('close'):
            return
        reply = answer(data)
        await load.answer_delay(SLOW_SECONDS)
        await asyncio.sleep(delay_of(data))
        if reply:
            writer.write(struct.pack('>H', len(reply)) + reply)
            await writer.drain()


async def ask(message, wait=2.0):
    loop = asyncio.get_running_loop()
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setblocking(False)
    s.connect(('127.0.0.1', PORT))
    try:
        s.send(message)
        return await asyncio.wait_for(loop.sock_recv(s, 4096), wait)
    except (asyncio.TimeoutError, OSError):
        return None
    finally:
        s.close()


def code_of(reply):
    return reply is not None and (reply[3] & 15)


def some(bits):
    return load.random.getrandbits(bits)


def upto(n):
    return load.random.randint(0, n)


async def hosts():
    return code_of(await ask(query('h%d.lan' % upto(280)))) == 0


async def dynamic_hosts():
    return code_of(await ask(query('d%d.lan' % upto(180)))) == 0


async def fresh():
    return code_of(await ask(query('u%08x.test' % some(32), edns=load.random.random() < 0.3))) == 0


async def again():
    return code_of(await ask(query('pop%d.test' % upto(9)))) == 0


async def no_such_name():
    return code_of(await ask(query('nx%d.test' % some(20)))) == NX


async def slow():
    return code_of(await ask(query('slow%08x.test' % some(32)))) == 0


async def dropped():
    await ask(query('drop%08x.test' % some(32)), 2.5)
    return True


async def failing():
    return code_of(await ask(query('fail%08x.test' % some(32)))) == FAIL


async def reverse():
    return await ask(query('%d.0.0.10.in-addr.arpa' % upto(250), PTR)) is not None


async def six():
    return code_of(await ask(query('six%d.test' % upto(300), AAAA))) == 0


async def text():
    return code_of(await ask(query('t%d.test' % upto(300), TXT, True))) == 0


async def same_thrice():
    name = 'slow%08x.test' % some(32)
    replies = await asyncio.gather(*[ask(query(name)) for _ in range(3)])
    return all(code_of(reply) == 0 for reply in replies)


async def over_tcp(names, hold=0.0, half=False):
    reader, writer = await asyncio.open_connection('127.0.0.1', PORT)
    try:
        for name in names:
            message = query(name)
            writer.write(struct.pack('>H', len(message)) + message)
            await writer.drain()
            (size,) = struct.unpack('>H', await reader.readexactly(2))
            if code_of(await reader.readexactly(size)):
                return False
            await asyncio.sleep(hold / len(names))
        if half:
            writer.write_eof()
            return await reader.read(1) == b''
        return True
    finally:
        writer.close()


async def tcp_one():
    return await over_tcp(['h%d.lan' % upto(280)])


async def tcp_three():
    return await over_tcp(['u%08x.test' % some(32), 'pop%d.test' % upto(9), 'h3.lan'])


async def tcp_held():
    return await over_tcp(['h%d.lan' % upto(280), 'slow%08x.test' % some(32)], 1.5)


async def tcp_half_closed():
    return await over_tcp(['u%08x.test' % some(32)], half=True)


async def tcp_upstream_closes():
    try:
        await over_tcp(['close%08x.test' % some(32)])
    except asyncio.IncompleteReadError:
        pass
    return True


async def stalled():
    _, writer = await asyncio.open_connection('127.0.0.1', PORT)
    try:
        writer.write(b'\0')
        await asyncio.sleep(40)
        return True
    finally:
        writer.close()


async def transfer(name, mode=b'octet', options=b'', stop=None):
    loop = asyncio.get_running_loop()
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setblocking(False)
    s.bind(('127.0.0.1', 0))
    try:
        request = b'\0\1' + name + b'\0' + mode + b'\0' + options
        await loop.sock_sendto(s, request, ('127.0.0.1', TFTP))
        received, wanted, block_size = 0, 1, 1024 if options else 512
        while True:
            data, address = await asyncio.wait_for(loop.sock_recvfrom(s, 4096), 4)
            code, block = struct.unpack('>HH', data[:4])
            if code == 5:
                return name == b'missing'
            if code == 6:
                await loop.sock_sendto(s, b'\0\4\0\0', address)
                continue
            if stop is not None and block >= stop:
                return True
            if block == wanted & 0xFFFF:
                received += len(data) - 4
                wanted += 1
            await loop.sock_sendto(s, b'\0\4' + data[2:4], address)
            if len(data) - 4 < block_size:
                return received > 0
    finally:
        s.close()


async def tftp_small():
    return await transfer(b'small')


async def tftp_large():
    return await transfer(b'large')


async def tftp_blocks():
    return await transfer(b'large', options=b'blksize\x001024\0tsize\x000\0')


async def tftp_text():
    return await transfer(b'text', b'netascii')


async def tftp_missing():
    return await transfer(b'missing')


async def tftp_abandoned():
    return await transfer(b'large', stop=3)


async def hosts_rewritten():
    path = FOLDER + '/hostsdir/dyn'
    with open(path + '.tmp', 'w') as file:
        file.write(''.join('10.0.0.%d d%d.lan\n' % (i % 250, i) for i in range(190)))
    os.rename(path + '.tmp', path)
    return True


def send(number):
    with open(FOLDER + '/pid') as file:
        os.kill(int(file.read()), number)


async def usr1():
    send(signal.SIGUSR1)
    return True


async def hup():
    send(signal.SIGHUP)
    return True


upstreams = DatagramUpstreams()


async def serve():
    await upstreams.open()
    load.upstream_changed = upstreams.follow
    for port in (UPSTREAM, UPSTREAM2):
        await load.listen(stream_upstream, port)


KINDS = [hosts, dynamic_hosts, fresh, again, no_such_name, slow, dropped, failing, reverse, six, text, same_thrice, tcp_one]
KINDS += [tcp_three, tcp_held, tcp_half_closed, tcp_upstream_closes, tftp_small, tftp_large, tftp_blocks, tftp_text]
KINDS += [tftp_missing, tftp_abandoned, hosts_rewritten, usr1, hup]
MIXED = dict(hosts=3, dynamic_hosts=0.7, fresh=2.5, again=3.5, no_such_name=0.8, slow=0.9, dropped=0.7, failing=0.5,
             reverse=0.7, six=0.7, text=0.4, same_thrice=0.3, tcp_one=0.4, tcp_three=0.4, tcp_held=1.1, tcp_half_closed=0.4,
             tcp_upstream_closes=0.3, tftp_small=0.4, tftp_large=0.25, tftp_blocks=0.2, tftp_text=0.15, tftp_missing=0.3,
             tftp_abandoned=0.22, hosts_rewritten=0.25, usr1=0.004, hup=0.16)
MIXES = {
    'mixed': MIXED,
    'dns': {**MIXED, 'hosts': 2, 'fresh': 4, 'again': 2, 'no_such_name': 1.5, 'failing': 1, 'dropped': 1, 'same_thrice': 0.6,
            'tftp_large': 0.05, 'tftp_blocks': 0.05, 'tftp_abandoned': 0.1, 'tcp_held': 0.4},
    'tcptftp': {**{kind: 0.3 for kind in MIXED}, 'hosts': 1, 'fresh': 1, 'tcp_one': 0.8, 'tcp_three': 0.8,
                'tcp_half_closed': 0.7, 'tcp_upstream_closes': 0.5, 'tftp_small': 0.7, 'tftp_large': 0.4, 'tftp_blocks': 0.4,
                'tftp_text': 0.3, 'tftp_missing': 0.5, 'usr1': 0.07, 'hup': 0.1},
}

load = PacedLoad(LOG, SEED, {f.__name__: f for f in KINDS}, MIXES, {'': 6}, stall=stalled)
load.run(serve)
