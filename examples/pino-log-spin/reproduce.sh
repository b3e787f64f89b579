#!/bin/bash
# Records this case again: examples/pino-log-spin/reproduce.sh [OUT [STEP…]]
# Steps: profiles, baseline, production, strace (all unless named; about 6 minutes).
#
# Needs root, perf, strace, python3, and the npm registry for pino 8.7.0 and sonic-boom
# 3.2.0. Listens on 127.0.0.1:8199 only. NODE is the node that runs the server.
set -euo pipefail

EXAMPLE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CHECKOUT=$(cd "$EXAMPLE/../.." && pwd)
OUT=${1:-$EXAMPLE}
shift || true

: "${NODE:=$(command -v node)}"
: "${PERFSCOPE:=$CHECKOUT/node_modules/.bin/node $CHECKOUT/cli/perfscope.ts}"
# V8's frames have frame pointers and no DWARF.
PROFILE_CALL_GRAPH=fp
PROFILE_SECONDS=7 BASELINE_SECONDS=20 PRODUCTION_SECONDS=60 TRIGGER_AT=26
# Unbounded, the spin makes some 100,000 calls a second.
QUOTA_PERCENT=6 KEEP_AFTER_TRIGGER=19
# Without context switches: the spin hands work from thread to thread, and they would be
# half of the recording.
EVENTS=raw_syscalls:sys_enter,raw_syscalls:sys_exit
. "$EXAMPLE/../record-case.sh"

PORT=8199
WORK=/srv/perfscope-examples/pino-log-spin
NOTES=$WORK/notes
LOG=$WORK/log

mkdir -p "$WORK"
cp "$EXAMPLE"/{package.json,server.js,load.js,log-collector.py} "$WORK"
[ -d "$WORK/node_modules" ] || (cd "$WORK" && npm install --no-audit --no-fund --no-package-lock)

server_start() {
    rm -rf "$NOTES" "$LOG"
    mkfifo "$LOG"
    python3 "$WORK/log-collector.py" <"$LOG" &
    COLLECTOR_PID=$!
    local flags=""
    [ "$PROFILING" = yes ] && flags="--perf-basic-prof --interpreted-frames-native-stack"
    # In its own directory, because V8 leaves a log file there when it names its code.
    # shellcheck disable=SC2086
    (cd "$WORK" && exec "$NODE" $flags server.js "$NOTES" "$PORT") >"$LOG" &
    SERVER_PID=$!
    sleep 1
    # 200 notes to read, and one whose place is taken by a directory: it cannot be
    # published (EISDIR), which the service logs as fatal.
    local note
    for note in $(seq 0 199); do head -c $((note * 97 + 100)) /dev/zero | tr '\0' x >"$NOTES/n$note.txt"; done
    mkdir "$NOTES/broken.txt"
    # Warm code, so that a profile does not consist of V8's first runs.
    "$NODE" "$WORK/load.js" "$PORT" mixed 100 4
}

server_stop() { stop_pids "$SERVER_PID" "$COLLECTOR_PID"; }

load_start() {
    case $1 in
    production) "$NODE" "$WORK/load.js" "$PORT" mixed 10 100 & ;;
    *) "$NODE" "$WORK/load.js" "$PORT" "$1" 12 40 & ;;
    esac
    LOAD_PIDS="$LOAD_PIDS $!"
}

# The log collector stalls; while its pipe is full, one write fails and is logged as
# fatal. The collector recovers, the load is the same as before, and the spin stays.
trigger() {
    kill -USR1 "$COLLECTOR_PID"
    sleep 11.5
    curl --silent --max-time 8 --request PUT --data note "http://127.0.0.1:$PORT/notes/broken" &
    LOAD_PIDS="$LOAD_PIDS $!"
}

before_script() { $PERFSCOPE perf-map "$SERVER_PID"; }

record_case "$OUT" "read write mixed" "$@"
