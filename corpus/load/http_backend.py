"""A plain HTTP service behind a server under load."""
import asyncio


def backend(load, slow_seconds):
    """Handler that serves /SIZE, /close/SIZE, /slow/SIZE and /silent/SIZE; it keeps connections unless the path says close."""

    async def handle(reader, writer):
        while line := await reader.readline():
            method, path, _ = line.decode().split()
            length = 0
            while (header := await reader.readline()) not in (b'\r\n', b''):
                if header.lower().startswith(b'content-length:'):
                    length = int(header.split(b':')[1])
            await reader.readexactly(length)
            await load.answer_delay(slow_seconds)
            if '/silent/' in path:
                await reader.read(1)
                return
            if '/slow/' in path:
                await asyncio.sleep(0.15)
            size = int(path.rsplit('/', 1)[1])
            closing = '/close/' in path
            status = b'503 Unavailable' if load.upstream == 'failing' else b'200 OK'
            head = b'HTTP/1.1 ' + status + b'\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n' % size
            writer.write(head + (b'Connection: close\r\n\r\n' if closing else b'\r\n'))
            if method != 'HEAD':
                writer.write(b'b' * size)
            await writer.drain()
            if closing:
                return

    return handle
