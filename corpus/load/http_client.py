"""HTTP/1.1 over asyncio streams, as plain as the loads of HTTP servers need it."""
import asyncio
import socket


async def connect(port, receive_buffer=None):
    s = socket.socket()
    s.setblocking(False)
    if receive_buffer:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        # Loopback's segments of 64 KB would let the socket swallow whatever a slow reader does not take.
        s.setsockopt(socket.SOL_TCP, socket.TCP_MAXSEG, 536)
    await asyncio.get_running_loop().sock_connect(s, ('127.0.0.1', port))
    return await asyncio.open_connection(sock=s, limit=2 * (receive_buffer or 65536))


async def read_head(reader):
    """Status and headers (lower case) of a response, or None at the end of file."""
    line = await reader.readline()
    if not line:
        return None
    status, headers = int(line.split()[1]), {}
    while (line := await reader.readline()) not in (b'\r\n', b''):
        name, _, value = line.partition(b':')
        headers[name.decode().lower()] = value.strip().decode()
    return status, headers


async def read_chunks(reader):
    body = b''
    while True:
        size = int((await reader.readline()).split(b';')[0], 16)
        body += await reader.readexactly(size)
        await reader.readline()
        if not size:
            return body


async def read_body(reader, headers):
    if headers.get('transfer-encoding') == 'chunked':
        return await read_chunks(reader)
    if 'content-length' in headers:
        return await reader.readexactly(int(headers['content-length']))
    return await reader.read(-1)


def request(method, path, headers=(), body=b'', close=False):
    lines = ['%s %s HTTP/1.1' % (method, path), 'Host: localhost', 'User-Agent: load', 'Accept: */*', *headers]
    if close:
        lines.append('Connection: close')
    if body:
        lines.append('Content-Length: %d' % len(body))
    return '\r\n'.join([*lines, '', '']).encode() + body


async def exchange(reader, writer, message, bodyless=False):
    """Sends a request and returns (status, headers, body); None where the server closed instead."""
    writer.write(message)
    await writer.drain()
    head = await read_head(reader)
    if head is None:
        return None
    status, headers = head
    if bodyless or status in (204, 304):
        return status, headers, b''
    return status, headers, await read_body(reader, headers)


async def once(port, method, path, headers=(), body=b'', bodyless=False, close=True):
    reader, writer = await connect(port)
    try:
        return await exchange(reader, writer, request(method, path, headers, body, close), bodyless)
    finally:
        writer.close()
