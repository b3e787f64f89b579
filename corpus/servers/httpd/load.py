"""Backend and mixed HTTP clients for Apache httpd. load.py LOG SEED PORT BACKEND DEAD (nothing listens at DEAD)."""
import asyncio
import base64
import os
import socket
import struct
import sys
from email.utils import formatdate

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'load'))
from http_backend import backend
from http_client import connect, exchange, once, read_head, request
from paced_load import PacedLoad

LOG, SEED = sys.argv[1], int(sys.argv[2])
PORT, BACKEND, DEAD = map(int, sys.argv[3:6])
SLOW_SECONDS = 2.0
BIG = 300_000


def is_ok(answer, status=200, size=None):
    return answer is not None and answer[0] == status and (size is None or len(answer[2]) == size)


async def get(path, status=200, size=None, **more):
    return is_ok(await once(PORT, 'GET', path, **more), status, size)


def upto(n):
    return load.random.randint(0, n)


async def small():
    return await get('/small%d.txt' % upto(9), size=2000)


async def page():
    return await get('/page.html', size=9000)


async def big():
    return await get('/big.bin', size=BIG)


async def missing():
    return await get('/nothing-%d' % upto(999), 404)


async def unchanged():
    return await get('/page.html', 304, headers=['If-Modified-Since: ' + formatdate(usegmt=True)])


async def listing():
    return await get('/list/')


async def site():
    return await get('/site/')


async def included():
    return await get('/page.shtml')


async def private():
    token = base64.b64encode(b'user%d:secret' % upto(290)).decode()
    return await get('/private/file.txt', headers=['Authorization: Basic ' + token])


async def private_refused():
    return await get('/private/file.txt', 401, headers=['Authorization: Basic ' + base64.b64encode(b'no:no').decode()])


async def mapped():
    return await get('/map/key%d' % upto(40), size=2000)


async def limited():
    return await get('/limited/file.bin', size=20_000)


async def script():
    return await get('/cgi-bin/hello.sh')


async def script_with_body():
    return is_ok(await once(PORT, 'POST', '/cgi-bin/echo.sh', body=b'x' * load.random.choice([10, 3000])))


async def proxied():
    size = load.random.choice([300, 3000, 12_000])
    return await get('/app/%d' % size, 200, size)


async def proxied_slow():
    return await get('/app/slow/800', size=800)


async def proxied_closing():
    return await get('/app/close/700', size=700)


async def proxied_head():
    return is_ok(await once(PORT, 'HEAD', '/app/2500', bodyless=True))


async def proxied_body():
    return is_ok(await once(PORT, 'POST', '/app/400', body=b'p' * load.random.choice([100, 1500])), size=400)


async def dead_backend():
    return await get('/dead/1', 503)


async def kept_alive():
    reader, writer = await connect(PORT)
    try:
        for path, size in (('/app/300', 300), ('/small1.txt', 2000), ('/app/900', 900)):
            if not is_ok(await exchange(reader, writer, request('GET', path)), size=size):
                return False
            await asyncio.sleep(0.3)
        return True
    finally:
        writer.close()


async def kept_idle():
    """One request, then nothing: the server must close."""
    reader, writer = await connect(PORT)
    try:
        if not is_ok(await exchange(reader, writer, request('GET', '/small1.txt'))):
            return False
        return await asyncio.wait_for(reader.read(1), 8) == b''
    finally:
        writer.close()


async def many_headers():
    return await get('/small1.txt', headers=['X-C%d: %s' % (i, 'v' * 12) for i in range(60 + upto(30))])


async def slow_download():
    reader, writer = await connect(PORT, 3000)
    try:
        writer.write(request('GET', '/app/%d' % 90_000, close=True))
        await writer.drain()
        head = await read_head(reader)
        received = 0
        while data := await reader.read(4000):
            received += len(data)
            await asyncio.sleep(0.05)
        return head is not None and received == 90_000
    finally:
        writer.close()


async def slow_file():
    reader, writer = await connect(PORT, 3000)
    try:
        writer.write(request('GET', '/big.bin', close=True))
        await writer.drain()
        await read_head(reader)
        received = 0
        while data := await reader.read(8000):
            received += len(data)
            await asyncio.sleep(0.03)
        return received == BIG
    finally:
        writer.close()


async def aborted_download():
    reader, writer = await connect(PORT, 3000)
    writer.write(request('GET', '/big.bin', close=True))
    await writer.drain()
    await reader.read(1000)
    reset = struct.pack('ii', 1, 0)
    writer.transport.get_extra_info('socket').setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    writer.transport.abort()
    return True


async def aborted_body():
    _, writer = await connect(PORT)
    writer.write(b'POST /small1.txt HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\n' + b'p' * 1000)
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()
    return True


async def half_sent():
    reader, writer = await connect(PORT)
    try:
        writer.write(b'GET / HTTP/1.1\r\nHost: ')
        await writer.drain()
        await asyncio.wait_for(reader.read(-1), 25)
        return True
    finally:
        writer.close()


async def nothing():
    _, writer = await connect(PORT)
    await asyncio.sleep(0.02)
    writer.close()
    return True


async def lingering():
    """Asks for a close and keeps its own side open for a while: the server lingers."""
    reader, writer = await connect(PORT)
    try:
        answer = await exchange(reader, writer, request('GET', '/small2.txt', close=True))
        await asyncio.sleep(0.7)
        return is_ok(answer)
    finally:
        writer.close()


async def serve():
    await load.listen(backend(load, SLOW_SECONDS), BACKEND)


KINDS = [small, page, big, missing, unchanged, listing, site, included, private, private_refused, mapped, limited, script]
KINDS += [script_with_body, proxied, proxied_slow, proxied_closing, proxied_head, proxied_body, dead_backend, kept_alive]
KINDS += [kept_idle, many_headers, slow_download, slow_file, aborted_download, aborted_body, half_sent, nothing, lingering]
MIXED = dict(small=1.2, page=0.6, big=0.2, missing=0.2, unchanged=0.2, listing=0.15, site=0.25, included=0.15, private=0.3,
             private_refused=0.1, mapped=0.5, limited=0.15, script=0.6, script_with_body=0.15, proxied=0.7, proxied_slow=0.2,
             proxied_closing=1.5, proxied_head=0.2, proxied_body=0.3, dead_backend=0.15, kept_alive=0.4, kept_idle=0.4,
             many_headers=0.2, slow_download=0.12, slow_file=0.1, aborted_download=0.1, aborted_body=0.15, half_sent=0.15,
             nothing=0.2, lingering=0.3)
MIXES = {
    'mixed': MIXED,
    'files': {**{kind: 0.08 for kind in MIXED}, 'small': 2, 'page': 1.2, 'big': 0.4, 'unchanged': 0.5, 'listing': 0.3,
              'site': 0.5, 'kept_alive': 0.8, 'kept_idle': 0.5, 'slow_file': 0.15, 'private': 0.5, 'mapped': 0.6},
    'dynamic': {**{kind: 0.08 for kind in MIXED}, 'proxied': 1.5, 'proxied_closing': 1, 'proxied_body': 0.7,
                'proxied_head': 0.4, 'proxied_slow': 0.4, 'script': 0.6, 'script_with_body': 0.4, 'included': 0.3,
                'slow_download': 0.15},
}
WAITING = ('kept_idle', 'slow_download', 'slow_file', 'limited', 'lingering', 'kept_alive')
DEADLINES = {'': 6, 'half_sent': 28, **{kind: 12 for kind in WAITING}}

load = PacedLoad(LOG, SEED, {f.__name__: f for f in KINDS}, MIXES, DEADLINES, stall=half_sent)
load.run(serve)
