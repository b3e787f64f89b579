# Producers and consumers for spoold; ends by itself.
# python3 spool-load.py PORT KIND SECONDS, with KIND one of
#   work    two producers and two consumers that keep up, some readers
#   full    producers only: the spool is at its limit and throws out its oldest
#   list    readers that list and look at messages, few producers
#   mixed   all of it
#   stuck   one consumer that holds every message it sees and gives none back
import random
import socket
import sys
import threading
import time

PORT, KIND, SECONDS = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
END = time.monotonic() + SECONDS


class Client:
    def __init__(self):
        self.socket = socket.create_connection(("127.0.0.1", PORT))
        self.file = self.socket.makefile("rb")

    def ask(self, line, body=b""):
        self.socket.sendall(line.encode() + b"\n" + body)
        status, size = self.file.readline().split()
        return status.decode(), self.file.read(int(size))

    def close(self):
        self.file.close()
        self.socket.close()


def pace(rng, per_second):
    time.sleep(rng.expovariate(per_second))


def produce(name, per_second):
    rng, client, number = random.Random(name), Client(), 0
    while time.monotonic() < END:
        body = b"m" * rng.randrange(500, 20000)
        client.ask(f"PUT {name}-{number} {len(body)}", body)
        number += 1
        if number % 10 == 0:  # producers come and go
            client.close()
            client = Client()
        pace(rng, per_second)


def consume(name, per_second):
    rng, client = random.Random(name), Client()
    while time.monotonic() < END:
        names = client.ask("LIST")[1].decode().split()
        for message in rng.sample(names, min(4, len(names))):
            if client.ask(f"HOLD {message}")[0] != "OK":
                continue
            client.ask(f"GET {message}")
            pace(rng, 50)  # the work
            client.ask(f"{'DEL' if rng.random() < 0.7 else 'FREE'} {message}")
        pace(rng, per_second)


def look(name, per_second):
    rng = random.Random(name)
    while time.monotonic() < END:
        client = Client()
        names = client.ask("LIST")[1].decode().split()
        for message in rng.sample(names, min(3, len(names))):
            client.ask(f"GET {message}")
        client.close()
        pace(rng, per_second)


def stick():
    client = Client()
    while time.monotonic() < END:
        for message in client.ask("LIST")[1].decode().split():
            client.ask(f"HOLD {message}")
        time.sleep(0.2)


PLANS = {
    "work": [(produce, "a", 4), (produce, "b", 3), (consume, "c", 2), (consume, "d", 2), (look, "e", 2)],
    "full": [(produce, "a", 6), (produce, "b", 4)],
    "list": [(produce, "a", 1), (look, "e", 4), (look, "f", 3)],
    "mixed": [(produce, "a", 4), (produce, "b", 3), (consume, "c", 0.4), (look, "e", 2)],
    "stuck": [(stick,)],
}
threads = [threading.Thread(target=plan[0], args=plan[1:], daemon=True) for plan in PLANS[KIND]]
for thread in threads:
    thread.start()
time.sleep(SECONDS)
