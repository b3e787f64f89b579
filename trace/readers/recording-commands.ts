/** The commands that make what the text readers read; error messages and remedies name them. */
export const PERF_RECORD_COMMAND = "perf record -e 'raw_syscalls:sys_*' -p PID";
export const PERF_SCRIPT_COMMAND = 'perf script -F comm,pid,tid,cpu,time,event,trace';
export const STRACE_COMMAND = 'strace -f -ttt -T -o FILE -p PID';
