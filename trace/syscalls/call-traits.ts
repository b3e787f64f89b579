/**
 * What a reader has to know of single calls, by name: the same on all architectures.
 * Source: the SYSCALL_DEFINE lines of the kernel, section 2 of the manual.
 */

const FD_FIRST = `
read write close fstat fstat64 lseek _llseek ioctl pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2
dup dup2 dup3 fcntl fcntl64 flock fsync fdatasync sync_file_range ftruncate ftruncate64 fallocate fadvise64
fadvise64_64 readahead getdents getdents64 fchdir fchmod fchown fstatfs fstatfs64 syncfs
fsetxattr fgetxattr flistxattr fremovexattr
connect accept accept4 sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg shutdown bind listen getsockname
getpeername setsockopt getsockopt
epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 epoll_ctl epoll_ctl_old
sendfile sendfile64 splice tee vmsplice copy_file_range
openat openat2 mkdirat mknodat fchownat futimesat newfstatat fstatat64 statx unlinkat renameat renameat2 linkat
readlinkat fchmodat fchmodat2 faccessat faccessat2 utimensat name_to_handle_at execveat open_tree open_tree_attr
setxattrat getxattrat listxattrat removexattrat file_getattr file_setattr
inotify_add_watch inotify_rm_watch fanotify_mark signalfd signalfd4 timerfd_settime timerfd_gettime
mq_timedsend mq_timedreceive mq_notify mq_getsetattr
io_uring_enter io_uring_register finit_module setns pidfd_send_signal pidfd_getfd process_madvise
process_mrelease fsconfig fsmount fspick move_mount mount_setattr quotactl_fd landlock_add_rule
landlock_restrict_self cachestat open_by_handle_at
`;

/** Calls whose first argument is a file descriptor (or a directory's, which may be AT_FDCWD). */
export const takesDescriptorFirst: ReadonlySet<string> = new Set(FD_FIRST.trim().split(/\s+/));

/** Calls that return an address: only their success is kept (a trace holds no addresses). */
export const returnsAddress: ReadonlySet<string> = new Set(['mmap', 'mmap2', 'mremap', 'brk', 'shmat']);

/** Calls that do not return: they are complete when they are entered. */
export const neverReturns: ReadonlySet<string> = new Set(['exit', 'exit_group']);

/** Ends all threads of the process. */
export const ENDS_PROCESS = 'exit_group';

/** Continues an earlier call after a signal (restart_syscall(2)); the trace names it like the call it continues. */
export const RESTART = 'restart_syscall';

/** Result that makes the kernel continue the call by restart_syscall: ERESTART_RESTARTBLOCK. */
export const RESTART_BLOCK = -516;
