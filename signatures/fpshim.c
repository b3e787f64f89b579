/*
 * System call wrappers that keep a frame pointer, to be preloaded while a C or C++ server
 * is profiled with frame-pointer stacks.
 *
 * glibc's own wrappers do not set up a frame: a frame-pointer unwinder that starts inside
 * of one takes its caller's frame for the first and so loses the caller itself, the very
 * function that makes the call. These wrappers have a frame, so the stack reads
 * "read (fpshim.so)", then the caller.
 *
 *   gcc -O1 -shared -fPIC -fno-omit-frame-pointer -fno-optimize-sibling-calls \
 *       -o fpshim.so signatures/fpshim.c
 *   LD_PRELOAD=$PWD/fpshim.so your-server
 *
 * Not covered: calls that libc makes for itself (futex in pthread_*, getdents64 in readdir,
 * buffered stdio, getaddrinfo) and statically linked programs. The wrappers are no
 * cancellation points (pthreads(7)): do not preload them into a server that cancels
 * threads, and never in production.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* The system call itself, inlined into each wrapper so that the wrapper is the leaf. */
static inline __attribute__((always_inline)) long raw(long number, long a, long b, long c, long d, long e, long f) {
    long result;
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;
    __asm__ volatile("svc 0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    result = x0;
#else
#error "expected x86_64 or arm64"
#endif
    return result;
}

/* Linux returns -1 … -4095 for errors (syscalls(2)); libc's callers want -1 and errno. */
#define MAX_ERRNO 4095
#define CALL(number, a, b, c, d, e, f)                                                                \
    ({                                                                                                \
        long result_ = raw((number), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f)); \
        if (result_ < 0 && result_ >= -MAX_ERRNO) {                                                   \
            errno = (int)-result_;                                                                    \
            result_ = -1;                                                                             \
        }                                                                                             \
        result_;                                                                                      \
    })

/* input and output */
ssize_t read(int fd, void *buffer, size_t size) { return CALL(SYS_read, fd, buffer, size, 0, 0, 0); }
ssize_t write(int fd, const void *buffer, size_t size) { return CALL(SYS_write, fd, buffer, size, 0, 0, 0); }
ssize_t readv(int fd, const struct iovec *vector, int count) { return CALL(SYS_readv, fd, vector, count, 0, 0, 0); }
ssize_t writev(int fd, const struct iovec *vector, int count) { return CALL(SYS_writev, fd, vector, count, 0, 0, 0); }
ssize_t pread64(int fd, void *buffer, size_t size, off64_t at) { return CALL(SYS_pread64, fd, buffer, size, at, 0, 0); }
ssize_t pread(int fd, void *buffer, size_t size, off_t at) { return CALL(SYS_pread64, fd, buffer, size, at, 0, 0); }
ssize_t pwrite64(int fd, const void *buffer, size_t size, off64_t at) { return CALL(SYS_pwrite64, fd, buffer, size, at, 0, 0); }
ssize_t pwrite(int fd, const void *buffer, size_t size, off_t at) { return CALL(SYS_pwrite64, fd, buffer, size, at, 0, 0); }
ssize_t sendfile(int out, int in, off_t *at, size_t size) { return CALL(SYS_sendfile, out, in, at, size, 0, 0); }
ssize_t sendfile64(int out, int in, off64_t *at, size_t size) { return CALL(SYS_sendfile, out, in, at, size, 0, 0); }
int close(int fd) { return CALL(SYS_close, fd, 0, 0, 0, 0, 0); }
int fsync(int fd) { return CALL(SYS_fsync, fd, 0, 0, 0, 0, 0); }
int fdatasync(int fd) { return CALL(SYS_fdatasync, fd, 0, 0, 0, 0, 0); }

/* sockets */
int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) { return CALL(SYS_accept4, fd, address, length, flags, 0, 0); }
int accept(int fd, struct sockaddr *address, socklen_t *length) { return CALL(SYS_accept, fd, address, length, 0, 0, 0); }
int connect(int fd, const struct sockaddr *address, socklen_t length) { return CALL(SYS_connect, fd, address, length, 0, 0, 0); }
int socket(int domain, int type, int protocol) { return CALL(SYS_socket, domain, type, protocol, 0, 0, 0); }
int bind(int fd, const struct sockaddr *address, socklen_t length) { return CALL(SYS_bind, fd, address, length, 0, 0, 0); }
int listen(int fd, int backlog) { return CALL(SYS_listen, fd, backlog, 0, 0, 0, 0); }
int shutdown(int fd, int how) { return CALL(SYS_shutdown, fd, how, 0, 0, 0, 0); }
int setsockopt(int fd, int level, int name, const void *value, socklen_t length) { return CALL(SYS_setsockopt, fd, level, name, value, length, 0); }
int getsockopt(int fd, int level, int name, void *value, socklen_t *length) { return CALL(SYS_getsockopt, fd, level, name, value, length, 0); }
ssize_t sendto(int fd, const void *buffer, size_t size, int flags, const struct sockaddr *to, socklen_t length) { return CALL(SYS_sendto, fd, buffer, size, flags, to, length); }
ssize_t send(int fd, const void *buffer, size_t size, int flags) { return CALL(SYS_sendto, fd, buffer, size, flags, 0, 0); }
ssize_t recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *from, socklen_t *length) { return CALL(SYS_recvfrom, fd, buffer, size, flags, from, length); }
ssize_t recv(int fd, void *buffer, size_t size, int flags) { return CALL(SYS_recvfrom, fd, buffer, size, flags, 0, 0); }
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) { return CALL(SYS_sendmsg, fd, message, flags, 0, 0, 0); }
ssize_t recvmsg(int fd, struct msghdr *message, int flags) { return CALL(SYS_recvmsg, fd, message, flags, 0, 0, 0); }

/* waiting */
/* The kernel's signal sets have 8 bytes (_NSIG / 8). */
#define KERNEL_SIGSET_BYTES 8
int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event) { return CALL(SYS_epoll_ctl, epoll, operation, fd, event, 0, 0); }
int epoll_pwait(int epoll, struct epoll_event *events, int count, int timeout, const sigset_t *mask) { return CALL(SYS_epoll_pwait, epoll, events, count, timeout, mask, KERNEL_SIGSET_BYTES); }
int nanosleep(const struct timespec *time, struct timespec *left) { return CALL(SYS_clock_nanosleep, CLOCK_REALTIME, 0, time, left, 0, 0); }
#if defined(__x86_64__)
int epoll_wait(int epoll, struct epoll_event *events, int count, int timeout) { return CALL(SYS_epoll_wait, epoll, events, count, timeout, 0, 0); }
int poll(struct pollfd *fds, nfds_t count, int timeout) { return CALL(SYS_poll, fds, count, timeout, 0, 0, 0); }
int select(int count, fd_set *in, fd_set *out, fd_set *other, struct timeval *timeout) { return CALL(SYS_select, count, in, out, other, timeout, 0); }
#else
int epoll_wait(int epoll, struct epoll_event *events, int count, int timeout) { return CALL(SYS_epoll_pwait, epoll, events, count, timeout, 0, KERNEL_SIGSET_BYTES); }
#endif

/* files */
static inline __attribute__((always_inline)) mode_t mode_argument(int flags, va_list arguments) {
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
}
#define WITH_MODE(flags, expression)             \
    va_list arguments;                           \
    va_start(arguments, flags);                  \
    mode_t mode = mode_argument(flags, arguments); \
    va_end(arguments);                           \
    return expression
int open(const char *path, int flags, ...) { WITH_MODE(flags, CALL(SYS_openat, AT_FDCWD, path, flags, mode, 0, 0)); }
int open64(const char *path, int flags, ...) { WITH_MODE(flags, CALL(SYS_openat, AT_FDCWD, path, flags, mode, 0, 0)); }
int openat(int at, const char *path, int flags, ...) { WITH_MODE(flags, CALL(SYS_openat, at, path, flags, mode, 0, 0)); }
int openat64(int at, const char *path, int flags, ...) { WITH_MODE(flags, CALL(SYS_openat, at, path, flags, mode, 0, 0)); }
int fstatat(int at, const char *path, struct stat *status, int flags) { return CALL(SYS_newfstatat, at, path, status, flags, 0, 0); }
int stat(const char *path, struct stat *status) { return CALL(SYS_newfstatat, AT_FDCWD, path, status, 0, 0, 0); }
int lstat(const char *path, struct stat *status) { return CALL(SYS_newfstatat, AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW, 0, 0); }
int fstat(int fd, struct stat *status) { return CALL(SYS_fstat, fd, status, 0, 0, 0, 0); }
int fstatat64(int at, const char *path, struct stat64 *status, int flags) { return CALL(SYS_newfstatat, at, path, status, flags, 0, 0); }
int stat64(const char *path, struct stat64 *status) { return CALL(SYS_newfstatat, AT_FDCWD, path, status, 0, 0, 0); }
int lstat64(const char *path, struct stat64 *status) { return CALL(SYS_newfstatat, AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW, 0, 0); }
int fstat64(int fd, struct stat64 *status) { return CALL(SYS_fstat, fd, status, 0, 0, 0, 0); }
int access(const char *path, int mode) { return CALL(SYS_faccessat, AT_FDCWD, path, mode, 0, 0, 0); }
int unlink(const char *path) { return CALL(SYS_unlinkat, AT_FDCWD, path, 0, 0, 0, 0); }
int unlinkat(int at, const char *path, int flags) { return CALL(SYS_unlinkat, at, path, flags, 0, 0, 0); }
int renameat(int from, const char *old, int to, const char *new) { return CALL(SYS_renameat2, from, old, to, new, 0, 0); }
int rename(const char *old, const char *new) { return CALL(SYS_renameat2, AT_FDCWD, old, AT_FDCWD, new, 0, 0); }
int ftruncate(int fd, off_t size) { return CALL(SYS_ftruncate, fd, size, 0, 0, 0, 0); }
off64_t lseek64(int fd, off64_t at, int from) { return CALL(SYS_lseek, fd, at, from, 0, 0, 0); }
off_t lseek(int fd, off_t at, int from) { return CALL(SYS_lseek, fd, at, from, 0, 0, 0); }
