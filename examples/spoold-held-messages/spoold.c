/*
 * spoold: a message spool. Producers PUT messages, consumers HOLD, GET, and DEL or FREE
 * them. One thread waits for requests (epoll), some workers serve them from disk, one
 * thread syncs the journal, one sweeps up drafts of producers that died.
 *
 *   PUT name size\n<bytes>   GET name\n   HOLD name\n   FREE name\n   DEL name\n   LIST\n
 *
 * A hold is a file name.hold. The spool has a size limit; a PUT that would exceed it first
 * throws out the oldest messages that nobody holds.
 *
 * The fault is in make_room(): it believes that a message to throw out turns up if it only
 * looks again a little later, and keeps the spool locked in the meantime. As long as
 * consumers give their messages back, it never has to look twice. When one consumer hangs
 * with all the messages held, every PUT costs MAKE_ROOM_TRIES scans of the directory, and
 * all other requests wait for the lock. It should fail the PUT at once.
 *
 *   cc -O1 -g -fno-inline -pthread -o spoold spoold.c;  spoold DIRECTORY PORT LIMIT_BYTES
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WORKERS 3
#define NAME_MAX_BYTES 64
#define BODY_MAX_BYTES (64 * 1024)
#define QUEUE_LENGTH 256
#define MAKE_ROOM_TRIES 20
#define MAKE_ROOM_PAUSE_MS 50
#define SYNC_SECONDS 1
#define SWEEP_SECONDS 5
#define DRAFT_MAX_AGE_SECONDS 60

struct connection {
    int fd;
    size_t have;
    char buffer[BODY_MAX_BYTES + 256];
};

struct spool {
    int directory;
    off_t limit;
    off_t used;
    pthread_mutex_t lock;
};

struct journal {
    int fd;
    int dirty;
    pthread_mutex_t lock;
};

struct queue {
    struct connection *items[QUEUE_LENGTH];
    unsigned head, tail;
    pthread_mutex_t lock;
    pthread_cond_t filled;
};

static struct spool spool = {.lock = PTHREAD_MUTEX_INITIALIZER};
static struct journal journal = {.lock = PTHREAD_MUTEX_INITIALIZER};
static struct queue queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER};
static int epoll;

static void die(const char *what) {
    perror(what);
    exit(1);
}

static void pause_ms(long ms) {
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* ---- journal ---- */

static void journal_open(void) {
    journal.fd = openat(spool.directory, "journal", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal.fd < 0) die("journal");
}

static void journal_append(const char *format, ...) {
    char line[160];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&journal.lock);
    if (write(journal.fd, line, length) != length) perror("journal");
    journal.dirty = 1;
    pthread_mutex_unlock(&journal.lock);
}

static void journal_sync(void) {
    pthread_mutex_lock(&journal.lock);
    int dirty = journal.dirty;
    journal.dirty = 0;
    pthread_mutex_unlock(&journal.lock);
    if (dirty) fdatasync(journal.fd);
}

static void *syncer_main(void *unused) {
    for (;;) {
        pause_ms(SYNC_SECONDS * 1000);
        journal_sync();
    }
    return unused;
}

/* ---- messages on disk ---- */

static void file_name(char *out, const char *name, const char *suffix) {
    snprintf(out, NAME_MAX_BYTES + 8, "%s.%s", name, suffix);
}

static off_t message_size(const char *file) {
    struct stat status;
    return fstatat(spool.directory, file, &status, 0) == 0 ? status.st_size : -1;
}

static int message_is_held(const char *name) {
    char file[NAME_MAX_BYTES + 8];
    file_name(file, name, "hold");
    return faccessat(spool.directory, file, F_OK, 0) == 0;
}

static int has_suffix(const char *file, const char *suffix) {
    size_t length = strlen(file), tail = strlen(suffix);
    return length > tail && length <= NAME_MAX_BYTES && strcmp(file + length - tail, suffix) == 0;
}

static DIR *directory_open(void) {
    int fd = openat(spool.directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? NULL : fdopendir(fd);
}

/* The oldest message that nobody holds; 0 when there is none. */
static int oldest_free_message(char *oldest) {
    struct timespec oldest_time = {0, 0};
    struct dirent *entry;
    int found = 0;
    DIR *directory = directory_open();
    if (!directory) return 0;
    while ((entry = readdir(directory))) {
        char name[NAME_MAX_BYTES];
        struct stat status;
        if (!has_suffix(entry->d_name, ".msg")) continue;
        snprintf(name, sizeof name, "%.*s", (int)strlen(entry->d_name) - 4, entry->d_name);
        if (message_is_held(name)) continue;
        if (fstatat(spool.directory, entry->d_name, &status, 0) < 0) continue;
        if (found && (status.st_mtim.tv_sec > oldest_time.tv_sec ||
                      (status.st_mtim.tv_sec == oldest_time.tv_sec &&
                       status.st_mtim.tv_nsec >= oldest_time.tv_nsec))) continue;
        oldest_time = status.st_mtim;
        strcpy(oldest, name);
        found = 1;
    }
    closedir(directory);
    return found;
}

static int remove_message(const char *name) {
    char file[NAME_MAX_BYTES + 8];
    file_name(file, name, "msg");
    off_t size = message_size(file);
    if (size < 0 || unlinkat(spool.directory, file, 0) < 0) return -1;
    spool.used -= size;
    return 0;
}

static int evict_oldest(void) {
    char name[NAME_MAX_BYTES];
    if (!oldest_free_message(name) || remove_message(name) < 0) return -1;
    journal_append("evict %s\n", name);
    return 0;
}

static int make_room(off_t size) {
    int tries = 0;
    while (spool.used + size > spool.limit) {
        if (evict_oldest() == 0) continue;
        if (++tries == MAKE_ROOM_TRIES) return -1;
        pause_ms(MAKE_ROOM_PAUSE_MS);
    }
    return 0;
}

static int write_draft(const char *file, const char *body, size_t size) {
    int fd = openat(spool.directory, file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return -1;
    int complete = write(fd, body, size) == (ssize_t)size;
    close(fd);
    return complete ? 0 : -1;
}

static int store_message(const char *name, const char *body, size_t size) {
    char draft[NAME_MAX_BYTES + 8], file[NAME_MAX_BYTES + 8];
    file_name(draft, name, "draft");
    file_name(file, name, "msg");
    pthread_mutex_lock(&spool.lock);
    int failed = make_room(size) < 0 || write_draft(draft, body, size) < 0 ||
                 renameat(spool.directory, draft, spool.directory, file) < 0;
    if (!failed) spool.used += size;
    pthread_mutex_unlock(&spool.lock);
    if (!failed) journal_append("put %s %zu\n", name, size);
    return failed ? -1 : 0;
}

static ssize_t fetch_message(const char *name, char *body) {
    char file[NAME_MAX_BYTES + 8];
    file_name(file, name, "msg");
    pthread_mutex_lock(&spool.lock);
    int fd = openat(spool.directory, file, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, body, BODY_MAX_BYTES);
    if (fd >= 0) close(fd);
    pthread_mutex_unlock(&spool.lock);
    return size;
}

static int hold_message(const char *name) {
    char file[NAME_MAX_BYTES + 8];
    file_name(file, name, "hold");
    int fd = openat(spool.directory, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return -1;
    close(fd);
    journal_append("hold %s\n", name);
    return 0;
}

static int free_message(const char *name) {
    char file[NAME_MAX_BYTES + 8];
    file_name(file, name, "hold");
    return unlinkat(spool.directory, file, 0);
}

static int delete_message(const char *name) {
    pthread_mutex_lock(&spool.lock);
    int result = remove_message(name);
    pthread_mutex_unlock(&spool.lock);
    free_message(name);
    if (result == 0) journal_append("del %s\n", name);
    return result;
}

static size_t list_messages(char *out, size_t room) {
    size_t length = 0;
    struct dirent *entry;
    DIR *directory = directory_open();
    if (!directory) return 0;
    while ((entry = readdir(directory)) && length + NAME_MAX_BYTES < room) {
        if (has_suffix(entry->d_name, ".msg"))
            length += sprintf(out + length, "%.*s ", (int)strlen(entry->d_name) - 4, entry->d_name);
    }
    closedir(directory);
    return length;
}

static void sweep_drafts(void) {
    struct dirent *entry;
    struct stat status;
    DIR *directory = directory_open();
    if (!directory) return;
    while ((entry = readdir(directory))) {
        if (!has_suffix(entry->d_name, ".draft")) continue;
        if (fstatat(spool.directory, entry->d_name, &status, 0) < 0) continue;
        if (time(NULL) - status.st_mtime > DRAFT_MAX_AGE_SECONDS) unlinkat(spool.directory, entry->d_name, 0);
    }
    closedir(directory);
}

static void *sweeper_main(void *unused) {
    for (;;) {
        pause_ms(SWEEP_SECONDS * 1000);
        sweep_drafts();
    }
    return unused;
}

/* ---- requests ---- */

static void connection_watch(struct connection *connection, int operation) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.ptr = connection};
    if (epoll_ctl(epoll, operation, connection->fd, &event) < 0) perror("epoll_ctl");
}

static void connection_close(struct connection *connection) {
    close(connection->fd);
    free(connection);
}

static int reply(struct connection *connection, const char *status, const char *body, size_t size) {
    char head[64];
    int length = snprintf(head, sizeof head, "%s %zu\n", status, size);
    if (send(connection->fd, head, length, MSG_NOSIGNAL | (size ? MSG_MORE : 0)) != length) return -1;
    return size == 0 || send(connection->fd, body, size, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -1;
}

static int reply_to_list(struct connection *connection) {
    char *names = malloc(BODY_MAX_BYTES);
    int result = reply(connection, "OK", names, list_messages(names, BODY_MAX_BYTES));
    free(names);
    return result;
}

static int reply_to_get(struct connection *connection, const char *name) {
    char *body = malloc(BODY_MAX_BYTES);
    ssize_t size = fetch_message(name, body);
    int result = size < 0 ? reply(connection, "NONE", NULL, 0) : reply(connection, "OK", body, size);
    free(body);
    return result;
}

static int serve_request(struct connection *connection, const char *body, size_t size, const char *verb, const char *name) {
    int result;
    if (strcmp(verb, "LIST") == 0) return reply_to_list(connection);
    if (strcmp(verb, "GET") == 0) return reply_to_get(connection, name);
    if (strcmp(verb, "PUT") == 0) result = store_message(name, body, size);
    else if (strcmp(verb, "HOLD") == 0) result = hold_message(name);
    else if (strcmp(verb, "FREE") == 0) result = free_message(name);
    else if (strcmp(verb, "DEL") == 0) result = delete_message(name);
    else return -1;
    return reply(connection, result == 0 ? "OK" : "FAILED", NULL, 0);
}

/* Serves the request in the buffer: 1 when it did, 0 when more bytes have to come, -1 to close. */
static int parse_request(struct connection *connection) {
    char verb[8], name[NAME_MAX_BYTES - 8] = "";
    size_t size = 0;
    char *end = memchr(connection->buffer, '\n', connection->have);
    if (!end) return connection->have < 256 ? 0 : -1;
    *end = 0;
    int fields = sscanf(connection->buffer, "%7s %55[A-Za-z0-9-] %zu", verb, name, &size);
    *end = '\n';
    if (fields < 1 || size > BODY_MAX_BYTES) return -1;
    size_t head = end + 1 - connection->buffer;
    if (connection->have < head + size) return 0;
    if (serve_request(connection, end + 1, size, verb, name) < 0) return -1;
    connection->have -= head + size;
    memmove(connection->buffer, end + 1 + size, connection->have);
    return 1;
}

static int connection_read(struct connection *connection) {
    ssize_t got = recv(connection->fd, connection->buffer + connection->have,
                       sizeof connection->buffer - connection->have, MSG_DONTWAIT);
    if (got > 0) connection->have += got;
    return got > 0 || (got < 0 && errno == EAGAIN) ? 0 : -1;
}

static void serve_connection(struct connection *connection) {
    int served = connection_read(connection);
    while (served == 0 && connection->have > 0 && (served = parse_request(connection)) == 1) served = 0;
    if (served < 0) connection_close(connection);
    else connection_watch(connection, EPOLL_CTL_MOD);
}

static void queue_push(struct connection *connection) {
    pthread_mutex_lock(&queue.lock);
    queue.items[queue.tail++ % QUEUE_LENGTH] = connection;
    pthread_cond_signal(&queue.filled);
    pthread_mutex_unlock(&queue.lock);
}

static struct connection *queue_pop(void) {
    pthread_mutex_lock(&queue.lock);
    while (queue.head == queue.tail) pthread_cond_wait(&queue.filled, &queue.lock);
    struct connection *connection = queue.items[queue.head++ % QUEUE_LENGTH];
    pthread_mutex_unlock(&queue.lock);
    return connection;
}

static void *worker_main(void *unused) {
    for (;;) serve_connection(queue_pop());
    return unused;
}

static void accept_connection(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    struct connection *connection = fd < 0 ? NULL : calloc(1, sizeof *connection);
    if (!connection) return;
    connection->fd = fd;
    connection_watch(connection, EPOLL_CTL_ADD);
}

static void event_loop(int listener) {
    struct epoll_event events[32];
    for (;;) {
        int count = epoll_wait(epoll, events, 32, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr) queue_push(events[i].data.ptr);
            else accept_connection(listener);
        }
    }
}

static int listen_on(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 128) < 0) die("listen");
    return fd;
}

static void start_thread_of(void *(*thread_main)(void *)) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, thread_main, NULL) != 0) die("pthread_create");
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: spoold DIRECTORY PORT LIMIT_BYTES\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    spool.directory = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (spool.directory < 0) die(argv[1]);
    spool.limit = atol(argv[3]);
    journal_open();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on(atoi(argv[2]));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (int i = 0; i < WORKERS; i++) start_thread_of(worker_main);
    start_thread_of(syncer_main);
    start_thread_of(sweeper_main);
    event_loop(listener);
}
