"""Origin server, upstream proxy and mixed clients for tinyproxy. load.py LOG SEED PORT ORIGIN UPSTREAM DEAD CLOSED TUNNEL
(nothing listens at DEAD and CLOSED)."""
import asyncio
import os
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'load'))
from paced_load import PacedLoad

LOG, SEED = sys.argv[1], int(sys.argv[2])
PORT, ORIGIN, UPSTREAM, DEAD, CLOSED, TUNNEL = map(int, sys.argv[3:9])
SLOW_SECONDS = 1.2
HEADERS = 'Host: %s\r\nUser-Agent: t\r\nAccept: */*\r\nConnection: close\r\n'


async def read_head(reader):
    head = b''
    while not head.endswith(b'\r\n\r\n'):
        line = await reader.readline()
        if not line:
            return None
        head += line
    return head


async def origin(reader, writer):
    head = await read_head(reader)
    if not head:
        return
    path = head.split(b'\r\n', 1)[0].decode().split()[1]
    low = head.lower()
    if b'content-length:' in low:
        await reader.readexactly(int(low.split(b'content-length:')[1].split(b'\r\n')[0]))
    elif b'transfer-encoding: chunked' in low:
        while True:
            size = int(await reader.readline(), 16)
            await reader.readexactly(size + 2)
            if not size:
                break
    if 'silent' in path:
        return
    await load.answer_delay(SLOW_SECONDS)
    if 'slow' in path:
        await asyncio.sleep(0.15)
    status = b'503 Unavailable' if load.upstream == 'failing' else b'200 OK'
    size = int(path.rsplit('-', 1)[1]) if '-' in path else 500
    more = b'' if 'eof' in path else b'Content-Length: %d\r\n' % size
    many = b''.join(b'X-H%d: v\r\n' % i for i in range(4))
    writer.write(b'HTTP/1.1 ' + status + b'\r\nContent-Type: text/plain\r\n' + many + more + b'\r\n' + b'x' * size)
    await writer.drain()


async def tunnel_end(reader, writer):
    while data := await reader.read(4096):
        await load.answer_delay(SLOW_SECONDS)
        writer.write(data)
        await writer.drain()


async def connection(receive_buffer=None):
    s = socket.socket()
    s.setblocking(False)
    if receive_buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        # Loopback's segments of 64 KB would let the socket swallow whatever a slow reader does not take.
        s.setsockopt(socket.SOL_TCP, socket.TCP_MAXSEG, 536)
    await asyncio.get_running_loop().sock_connect(s, ('127.0.0.1', PORT))
    return await asyncio.open_connection(sock=s, limit=2 * (receive_buffer or 65536))


def get(url, host='127.0.0.1', more=''):
    return ('GET %s HTTP/1.1\r\n' % url + HEADERS % host + more + '\r\n').encode()


def at_origin(path):
    return 'http://127.0.0.1:%d/%s' % (ORIGIN, path)


async def fetch(request, want, size=None, to_end=True):
    reader, writer = await connection()
    try:
        writer.write(request)
        await writer.drain()
        head = await read_head(reader)
        if not head:
            return want is None
        if want is None:
            return True
        if (b' %d ' % want) not in head.split(b'\r\n')[0]:
            return False
        if size is not None and b'ontent-Length' in head and not to_end:
            body = await reader.readexactly(size)
        else:
            body = await reader.read(-1)
        return size is None or len(body) == size
    finally:
        writer.close()


def choose(*values):
    return load.random.choice(values)


async def small():
    n = choose(300, 2000, 9000)
    return await fetch(get(at_origin('a-%d' % n)), 200, n, to_end=False)


async def to_eof():
    n = choose(200, 3000, 7000)
    return await fetch(get(at_origin('eof-%d' % n)), 200, n)


async def slow():
    return await fetch(get(at_origin('slow-800')), 200, 800, to_end=False)


async def by_upstream():
    return await fetch(get('http://x%d.up.test/a-1500' % load.random.randint(0, 9)), 200, 1500, to_end=False)


async def by_dead_upstream():
    return await fetch(get('http://x.dead.test/a-1500'), 502)


async def refused():
    return await fetch(get('http://127.0.0.1:%d/' % CLOSED), 500)


async def filtered():
    return await fetch(get('http://www.blocked%d.test/' % load.random.randint(0, 5)), 403)


async def bad():
    if load.random.random() < 0.3:
        return await fetch(b'FOO\r\n\r\n', None)
    return await fetch(b'BREW %s HTTP/1.1\r\nHost: x\r\n\r\n' % at_origin('a').replace('http', 'foo').encode(), None)


def post_head(path, more):
    return ('POST %s HTTP/1.1\r\n' % at_origin(path) + HEADERS % 'x' + more + '\r\n\r\n').encode()


async def post():
    n = choose(100, 3000)
    return await fetch(post_head('p-400', 'Content-Length: %d' % n) + b'p' * n, 200, 400, to_end=False)


async def chunked():
    body = b'100\r\n' + b'c' * 256 + b'\r\n80\r\n' + b'd' * 128 + b'\r\n0\r\n\r\n'
    return await fetch(post_head('c-300', 'Transfer-Encoding: chunked') + body, 200, 300, to_end=False)


async def aborted_post():
    _, writer = await connection()
    writer.write(post_head('p-400', 'Content-Length: 3000') + b'p' * 1000)
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()
    return True


async def nothing():
    _, writer = await connection()
    await asyncio.sleep(0.02)
    writer.close()
    return True


async def silent():
    return await fetch(get(at_origin('silent')), None)


async def slow_download():
    reader, writer = await connection(3000)
    writer.write(get(at_origin('eof-260000')))
    await writer.drain()
    n = 0
    try:
        while data := await reader.read(4000):
            n += len(data)
            await asyncio.sleep(0.05)
        return n > 260000
    finally:
        writer.close()


async def aborted_download():
    reader, writer = await connection(3000)
    writer.write(get(at_origin('eof-260000')))
    await writer.drain()
    await reader.read(1000)
    await asyncio.sleep(0.3)
    reset = struct.pack('ii', 1, 0)
    writer.transport.get_extra_info('socket').setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    writer.transport.abort()
    return True


async def many_headers():
    more = ''.join('X-C%d: %s\r\n' % (i, 'v' * 12) for i in range(load.random.randint(90, 130)))
    return await fetch(get(at_origin('a-600'), more=more), 200, 600, to_end=False)


async def tunnel():
    reader, writer = await connection()
    try:
        writer.write(b'CONNECT 127.0.0.1:%d HTTP/1.0\r\n\r\n' % TUNNEL)
        await writer.drain()
        head = await read_head(reader)
        if not head or b' 200 ' not in head:
            return False
        for _ in range(3):
            await asyncio.sleep(0.8)
            writer.write(b'ping' * 10)
            await writer.drain()
            if await asyncio.wait_for(reader.readexactly(40), 2) != b'ping' * 10:
                return False
        return True
    finally:
        writer.close()


async def half_sent():
    reader, writer = await connection()
    try:
        writer.write(b'GET http://127.0.0.1/ HTTP/1.1\r\nHost: ')
        await writer.drain()
        await asyncio.wait_for(reader.read(-1), 45)
        return True
    except asyncio.TimeoutError:
        return True
    finally:
        writer.close()


async def statistics():
    reader, writer = await connection(3000)
    writer.write(get('http://stat.local/'))
    await writer.drain()
    n = 0
    try:
        while data := await reader.read(6000):
            n += len(data)
            await asyncio.sleep(0.03)
        return n > 1000
    finally:
        writer.close()


async def serve():
    await load.listen(origin, ORIGIN)
    await load.listen(origin, UPSTREAM)
    await load.listen(tunnel_end, TUNNEL)


KINDS = [small, to_eof, slow, by_upstream, by_dead_upstream, refused, filtered, bad, post, chunked, aborted_post, nothing]
KINDS += [silent, slow_download, aborted_download, many_headers, tunnel, half_sent, statistics]
MIXED = dict(small=2, to_eof=0.65, slow=0.4, by_upstream=0.65, by_dead_upstream=0.26, refused=0.26, filtered=0.4, bad=0.26,
             post=0.45, chunked=0.33, aborted_post=0.2, nothing=0.26, silent=0.2, slow_download=0.26, aborted_download=0.2,
             many_headers=0.2, tunnel=0.4, half_sent=0.9, statistics=0.16)
MIXES = {
    'mixed': MIXED,
    'errors': {**{kind: 0.2 for kind in MIXED}, 'small': 0.65, 'by_dead_upstream': 0.6, 'refused': 0.6, 'filtered': 0.8,
               'bad': 0.6, 'silent': 0.45, 'nothing': 0.5, 'half_sent': 0.4, 'slow_download': 0.07, 'statistics': 0.13},
    'bodies': {**{kind: 0.13 for kind in MIXED}, 'small': 1, 'post': 0.9, 'chunked': 0.65, 'aborted_post': 0.4,
               'slow_download': 0.33, 'aborted_download': 0.33, 'tunnel': 0.4, 'by_upstream': 0.65, 'many_headers': 0.26},
}
WAITING = ('slow_download', 'statistics', 'tunnel', 'nothing', 'aborted_post', 'aborted_download')
DEADLINES = {'': 6, 'half_sent': 50, **{kind: 12 for kind in WAITING}}

load = PacedLoad(LOG, SEED, {f.__name__: f for f in KINDS}, MIXES, DEADLINES, stall=half_sent)
load.run(serve)
