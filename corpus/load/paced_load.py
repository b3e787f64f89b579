"""What the loads of all servers share: requests of several kinds at paced rates, changed by lines on standard input.

A line is a JSON object with any of mix, scale, upstream, clients (LoadCommand in recipe.ts). Each request that ends is
one line of the client log: [start, kind, duration, ok, why not], times in seconds of CLOCK_MONOTONIC.
"""
import asyncio
import json
import os
import random
import sys
import time

UPSTREAM = ('normal', 'slow', 'silent', 'lost', 'failing')
CLIENTS = ('normal', 'stalled')
END_GRACE_SECONDS = 0.3


def monotonic():
    return time.clock_gettime(time.CLOCK_MONOTONIC)


class PacedLoad:
    """kinds: name -> coroutine function that resolves to whether the request went well; mixes: name -> {kind: requests
    a second}; deadlines: kind -> seconds, '' for all others; stall: what clients do instead when they stall."""

    def __init__(self, log, seed, kinds, mixes, deadlines, stall=None):
        self.random = random.Random(seed)
        self.kinds, self.mixes, self.deadlines, self.stall = kinds, mixes, deadlines, stall
        self.log = open(log, 'w', buffering=1)
        self.rates, self.scale, self.mix = {}, 0.0, None
        self.upstream, self.clients = 'normal', 'normal'
        self.servers, self.writers, self.pending = [], set(), set()
        self.upstream_changed = lambda: None

    async def listen(self, handler, port):
        """A TCP service behind the server; `lost` closes it and its connections."""

        async def handle(reader, writer):
            self.writers.add(writer)
            try:
                await handler(reader, writer)
            except (ConnectionError, asyncio.IncompleteReadError, ValueError, OSError):
                pass
            finally:
                self.writers.discard(writer)
                writer.close()

        entry = {'handle': handle, 'port': port, 'server': None}
        self.servers.append(entry)
        await self._open(entry)

    async def answer_delay(self, slow_seconds):
        """Before an upstream answers: nothing, `slow_seconds`, or for ever."""
        if self.upstream == 'slow':
            await asyncio.sleep(slow_seconds)
        elif self.upstream == 'silent':
            await asyncio.sleep(3600)

    async def _open(self, entry):
        entry['server'] = await asyncio.start_server(entry['handle'], '127.0.0.1', entry['port'], backlog=200)

    async def _set_upstream(self, state):
        if state not in UPSTREAM:
            raise ValueError(f'no upstream state {state!r}')
        self.upstream = state
        for entry in self.servers:
            if state == 'lost' and entry['server']:
                entry['server'].close()
                entry['server'] = None
            elif state != 'lost' and not entry['server']:
                await self._open(entry)
        if state == 'lost':
            for writer in list(self.writers):
                writer.transport.abort()
        self.upstream_changed()

    async def _obey(self, line):
        command = json.loads(line)
        unknown = set(command) - {'mix', 'scale', 'upstream', 'clients'}
        if unknown:
            raise ValueError(f'unknown in a load command: {unknown}')
        if 'upstream' in command:
            await self._set_upstream(command['upstream'])
        if 'clients' in command:
            if command['clients'] not in CLIENTS or (command['clients'] == 'stalled' and not self.stall):
                raise ValueError(f'no client state {command["clients"]!r}')
            self.clients = command['clients']
        self.mix = command.get('mix', self.mix)
        self.scale = command.get('scale', 1.0 if not self.rates else self.scale)
        self.rates = {kind: rate * self.scale for kind, rate in self.mixes[self.mix].items()}
        self.changed.set()
        self.changed.clear()

    async def _one(self, kind):
        start, ok, why = monotonic(), False, ''
        deadline = self.deadlines.get(kind, self.deadlines[''])
        try:
            work = self.stall if self.clients == 'stalled' else self.kinds[kind]
            ok = bool(await asyncio.wait_for(work(), deadline))
        except asyncio.TimeoutError:
            why = 'timeout'
        except Exception as error:
            why = type(error).__name__
        self.log.write(json.dumps([round(start, 4), kind, round(monotonic() - start, 4), ok, why]) + '\n')

    async def _pace(self, kind):
        first = True
        while True:
            rate = self.rates.get(kind, 0)
            delay = None if rate == 0 else self.random.uniform(0, 1) / rate if first else self.random.uniform(0.5, 1.5) / rate
            first = False
            try:
                await asyncio.wait_for(self.changed.wait(), delay)
                first = True
            except asyncio.TimeoutError:
                task = asyncio.ensure_future(self._one(kind))
                self.pending.add(task)
                task.add_done_callback(self.pending.discard)

    async def _main(self, serve):
        self.changed = asyncio.Event()
        await serve()
        print('ready', flush=True)
        commands = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
        every_kind = {kind for mix in self.mixes.values() for kind in mix}
        pacers = [asyncio.ensure_future(self._pace(kind)) for kind in sorted(every_kind)]
        while line := await commands.readline():
            await self._obey(line)
        for pacer in pacers:
            pacer.cancel()
        await asyncio.sleep(END_GRACE_SECONDS)
        # Requests and upstreams that are still under way are left as they are, without a word.
        os._exit(0)

    def run(self, serve):
        """serve: coroutine function that starts what the server needs behind it."""
        asyncio.run(self._main(serve))
