# Records one case (profiles, a baseline, a production run with its fault, and the
# same production run under strace) from a scenario. Sourced by a scenario, not run.
#
# A scenario defines
#   server_start          starts the server, sets SERVER_PID; PROFILING=yes says that
#                         stacks will be recorded (a JIT then has to name its code)
#   load_start LOAD       starts the load named LOAD in the background, adds its
#                         process ids to LOAD_PIDS
#   trigger               sets the fault off; whatever it starts goes to LOAD_PIDS
# and may define
#   server_stop           other than ending SERVER_PID
#   before_script         work that has to be done before perf script reads the
#                         recording (perf maps of a JIT)
#   PROFILE_CALL_GRAPH    dwarf,8192 unless set
#   PERF_SCRIPT           how to call perf script for stacks, unless "perf script"
#   QUOTA_PERCENT         CPU quota of the server outside the profiles, unless none;
#                         a spin makes up to two million calls a second without it
#   PROFILE_SECONDS, BASELINE_SECONDS, PRODUCTION_SECONDS, TRIGGER_AT
#   KEEP_AFTER_TRIGGER    seconds of production kept after the trigger, unless all
#   EVENTS                other than system calls and context switches
#
# Needs root, perf and strace. Everything listens on 127.0.0.1, every run ends by
# itself.

: "${PROFILE_CALL_GRAPH:=dwarf,8192}" "${PERF_SCRIPT:=perf script}" "${QUOTA_PERCENT:=}"
: "${PROFILE_SECONDS:=30}" "${BASELINE_SECONDS:=45}" "${PRODUCTION_SECONDS:=90}"
: "${TRIGGER_AT:=45}" "${KEEP_AFTER_TRIGGER:=}"

: "${EVENTS:=raw_syscalls:sys_enter,raw_syscalls:sys_exit,sched:sched_switch}"
FIELDS=comm,pid,tid,cpu,time,event,trace
LOAD_PIDS=""
SERVER_PID=""
PROFILING=no

stop_pids() {
    for pid in "$@"; do kill "$pid" 2>/dev/null || true; done
    for pid in "$@"; do wait "$pid" 2>/dev/null || true; done
}

# perf cannot attach to a thread that ends in this very moment, and then ends itself.
recorder_failed() {
    echo "perf record failed: expected it to attach to process $SERVER_PID; run this step again" >&2
    return 1
}

stop_all() {
    # shellcheck disable=SC2086
    stop_pids $LOAD_PIDS
    LOAD_PIDS=""
    [ -n "$SERVER_PID" ] || return 0
    if declare -F server_stop >/dev/null; then server_stop; else stop_pids "$SERVER_PID"; fi
    SERVER_PID=""
}

# Linux's CPU bandwidth control: 100 ms periods, in either cgroup version
# (Documentation/scheduler/sched-bwc.rst, admin-guide/cgroup-v2.rst).
limit_cpu() {
    [ -n "$QUOTA_PERCENT" ] || return 0
    local group=perfscope-case-$$
    if [ -f /sys/fs/cgroup/cpu/cpu.cfs_quota_us ]; then
        CGROUP=/sys/fs/cgroup/cpu/$group
        mkdir -p "$CGROUP"
        echo 100000 >"$CGROUP/cpu.cfs_period_us"
        echo "$((QUOTA_PERCENT * 1000))" >"$CGROUP/cpu.cfs_quota_us"
    else
        CGROUP=/sys/fs/cgroup/$group
        echo +cpu >/sys/fs/cgroup/cgroup.subtree_control
        mkdir -p "$CGROUP"
        echo "$((QUOTA_PERCENT * 1000)) 100000" >"$CGROUP/cpu.max"
    fi
    echo "$SERVER_PID" >"$CGROUP/cgroup.procs"
}

unlimit_cpu() {
    if [ -n "${CGROUP:-}" ]; then rmdir "$CGROUP" 2>/dev/null || true; fi
    CGROUP=""
}

# The clock of perf -k CLOCK_MONOTONIC. /proc/uptime counts suspended time too,
# which a server that records does not have.
monotonic_now() { cut -d' ' -f1 /proc/uptime; }

record_profile() { # LOAD
    local load=$1 data
    data=$(mktemp /tmp/perfscope-XXXXXX.data)
    echo "profile-$load: ${PROFILE_SECONDS} s" >&2
    PROFILING=yes server_start
    load_start "$load"
    sleep 2
    perf record -q -o "$data" -m 8M -e "$EVENTS" -k CLOCK_MONOTONIC \
        --call-graph "$PROFILE_CALL_GRAPH" --user-callchains -p "$SERVER_PID" -- sleep "$PROFILE_SECONDS" || recorder_failed
    if declare -F before_script >/dev/null; then before_script; fi
    $PERF_SCRIPT -i "$data" --no-inline -F "$FIELDS,ip,sym,dso" 2>/dev/null |
        gzip -9 >"$OUT/profile-$load.perf-script.gz"
    stop_all
    rm -f "$data"
}

record_run() { # NAME SECONDS [TRIGGER_AT]
    local name=$1 seconds=$2 trigger_at=${3:-} data stop_after=""
    data=$(mktemp /tmp/perfscope-XXXXXX.data)
    echo "$name: $seconds s" >&2
    server_start
    limit_cpu
    load_start production
    sleep 2
    perf record -q -o "$data" -m 16M -e "$EVENTS" -k CLOCK_MONOTONIC \
        -p "$SERVER_PID" -- sleep "$seconds" &
    local recorder=$!
    if [ -n "$trigger_at" ]; then
        sleep "$trigger_at"
        TRIGGERED_AT=$(monotonic_now)
        echo "trigger at $TRIGGERED_AT" >&2
        trigger
    fi
    wait "$recorder" || recorder_failed
    stop_all
    unlimit_cpu
    if [ -n "$trigger_at" ] && [ -n "$KEEP_AFTER_TRIGGER" ]; then
        stop_after=$(awk "BEGIN { print $TRIGGERED_AT + $KEEP_AFTER_TRIGGER }")
    fi
    perf script -i "$data" ${stop_after:+--time ",$stop_after"} -F "$FIELDS" 2>/dev/null |
        gzip -9 >"$OUT/$name.perf-script.gz"
    rm -f "$data"
}

record_strace() {
    local seconds=$PRODUCTION_SECONDS
    [ -n "$KEEP_AFTER_TRIGGER" ] && seconds=$((TRIGGER_AT + KEEP_AFTER_TRIGGER))
    echo "strace: $seconds s" >&2
    server_start
    limit_cpu
    load_start production
    sleep 2
    # timeout ends strace, which then detaches; the server lives on until stop_all.
    timeout -s INT "$seconds" strace -f -ttt -T -s 0 -o "$OUT/production.strace" -p "$SERVER_PID" 2>/dev/null &
    local recorder=$!
    sleep "$TRIGGER_AT"
    trigger
    wait "$recorder" || true
    stop_all
    unlimit_cpu
    gzip -9 -f "$OUT/production.strace"
}

# Runs the steps named on the command line, or all of them.
record_case() { # OUT LOADS [STEP…]
    OUT=$1
    trap stop_all EXIT
    local loads=$2 steps step load
    shift 2
    mkdir -p "$OUT"
    steps=${*:-profiles baseline production strace}
    for step in $steps; do
        case $step in
        profiles) for load in $loads; do record_profile "$load"; done ;;
        profile-*) record_profile "${step#profile-}" ;;
        baseline) record_run baseline "$BASELINE_SECONDS" ;;
        production) record_run production "$PRODUCTION_SECONDS" "$TRIGGER_AT" ;;
        strace) record_strace ;;
        *) echo "unknown step $step: expected profiles, profile-LOAD, baseline, production, strace" >&2; return 2 ;;
        esac
    done
    ls -l "$OUT" >&2
}
