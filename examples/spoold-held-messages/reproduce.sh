#!/bin/bash
# Records this case again: examples/spoold-held-messages/reproduce.sh [OUT [STEP…]]
# Steps: profiles, baseline, production, strace (all unless named; about 6 minutes).
#
# Needs root, gcc, perf, strace and python3. Listens on 127.0.0.1:8198 only.
set -euo pipefail

EXAMPLE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
OUT=${1:-$EXAMPLE}
shift || true

# The functions' own frames are below 300 bytes, the deepest stack below 1.5 KB.
PROFILE_CALL_GRAPH=dwarf,4096
PROFILE_SECONDS=8 BASELINE_SECONDS=20 PRODUCTION_SECONDS=50 TRIGGER_AT=25
. "$EXAMPLE/../record-case.sh"

PORT=8198
LIMIT_BYTES=300000
WORK=/srv/perfscope-examples/spoold-held-messages
SPOOL=$WORK/spool

mkdir -p "$WORK"
# -fno-inline keeps every function's name, as a debug build would.
gcc -O1 -g -fno-omit-frame-pointer -fno-inline -fno-optimize-sibling-calls -pthread \
    -o "$WORK/spoold" "$EXAMPLE/spoold.c"

server_start() {
    rm -rf "$SPOOL"
    mkdir "$SPOOL"
    "$WORK/spoold" "$SPOOL" "$PORT" "$LIMIT_BYTES" &
    SERVER_PID=$!
    sleep 0.5
    # Fills the spool to its limit.
    python3 "$EXAMPLE/spool-load.py" "$PORT" full 8
}

# A load says so when its server is gone; it is, at the end of every step.
load_start() {
    case $1 in
    production) python3 "$EXAMPLE/spool-load.py" "$PORT" mixed 110 2>/dev/null & ;;
    *) python3 "$EXAMPLE/spool-load.py" "$PORT" "$1" 60 2>/dev/null & ;;
    esac
    LOAD_PIDS="$LOAD_PIDS $!"
}

# A consumer hangs with all the messages held.
trigger() {
    python3 "$EXAMPLE/spool-load.py" "$PORT" stuck 100 2>/dev/null &
    LOAD_PIDS="$LOAD_PIDS $!"
}

record_case "$OUT" "work full list" "$@"
