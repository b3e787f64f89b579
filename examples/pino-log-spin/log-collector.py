# Reads the service's log from standard input, as a log collector does.
#
# SIGUSR1 makes it ill: it reads nothing for some seconds (its own upstream is gone), then
# catches up slowly for a while, then is well again.
import os
import signal
import sys
import time

STALL_SECONDS = 12.0
CATCH_UP_SECONDS = 4.0
CATCH_UP_BYTES = 6000
CATCH_UP_PAUSE_SECONDS = 0.12

ill_since = None


def fall_ill(_signal, _frame):
    global ill_since
    ill_since = time.monotonic()


signal.signal(signal.SIGUSR1, fall_ill)
received = 0
while True:
    size = 65536
    if ill_since is not None:
        ill_for = time.monotonic() - ill_since
        if ill_for < STALL_SECONDS:
            time.sleep(0.05)
            continue
        if ill_for < STALL_SECONDS + CATCH_UP_SECONDS:
            time.sleep(CATCH_UP_PAUSE_SECONDS)
            size = CATCH_UP_BYTES
        else:
            ill_since = None
    chunk = os.read(0, size)
    if not chunk:
        break
    received += len(chunk)
print(f"collected {received} bytes", file=sys.stderr)
