/**
 * User metadata of a trace object in S3 (`x-amz-meta-…`), which nodes set and the function reads before it has read
 * the trace: the service's build, and one pair of clock readings, taken at cut time, that lines nodes up.
 */
export const BUILD_METADATA = 'perfscope-build';
/** The trace's own clock, whole nanoseconds. */
export const TRACE_CLOCK_METADATA = 'perfscope-clock-trace-ns';
/** The same moment in Unix time, whole nanoseconds. */
export const UNIX_CLOCK_METADATA = 'perfscope-clock-unix-ns';
