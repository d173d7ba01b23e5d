/*
 * A message is formatted on the stack, made safe, and written with one call under one lock. The
 * lock is what lets poll() speak for the write that follows it: a pipe that is writable takes
 * PIPE_BUF bytes without blocking, so no line is longer than that.
 */
#include "common/rt/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES PIPE_BUF

static struct {
    const char *name;
    bool journal;
    int fd;
    atomic_int level;
    atomic_ullong dropped;
    pthread_mutex_t lock;
} the_log = {
    .name = "?",
    .fd = STDERR_FILENO,
    .level = LOG_LEVEL_NOTICE,
    .lock = PTHREAD_MUTEX_INITIALIZER,
};

static const struct {
    const char *word;
    enum log_level level;
} levels[] = {
    {"err", LOG_LEVEL_ERR},       {"warning", LOG_LEVEL_WARNING},
    {"notice", LOG_LEVEL_NOTICE}, {"info", LOG_LEVEL_INFO},
    {"debug", LOG_LEVEL_DEBUG},   {"error", LOG_LEVEL_ERR}, /* second names, for the parser only */
    {"warn", LOG_LEVEL_WARNING},
};

const char *log_level_name(enum log_level level)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++)
        if (levels[i].level == level)
            return levels[i].word;
    return "?";
}

bool log_level_parse(const char *word, enum log_level *out)
{
    for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
        if (strcasecmp(word, levels[i].word) == 0) {
            *out = levels[i].level;
            return true;
        }
    }
    return false;
}

/* systemd names the journal's socket by device and inode (systemd.exec(5), JOURNAL_STREAM). */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long dev, ino;
    struct stat st;

    return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
           fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_init(const char *name, enum log_level level, enum log_target target)
{
    the_log.name = name;
    the_log.journal =
        target == LOG_TARGET_JOURNAL || (target == LOG_TARGET_AUTO && stderr_is_journal());
    log_set_level(level);
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&the_log.level, (int)level, memory_order_relaxed);
}

bool log_enabled(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&the_log.level, memory_order_relaxed);
}

void log_set_fd(int fd)
{
    the_log.fd = fd;
}

uint64_t log_dropped(void)
{
    return atomic_load(&the_log.dropped);
}

static size_t write_head(char *line, size_t size, enum log_level level)
{
    if (the_log.journal)
        return (size_t)snprintf(line, size, "<%d>", (int)level);
    struct timespec ts;
    struct tm tm;
    char stamp[32] = "";
    clock_gettime(CLOCK_REALTIME, &ts);
    if (localtime_r(&ts.tv_sec, &tm))
        strftime(stamp, sizeof(stamp), "%Y-%m-%d %H:%M:%S", &tm);
    int n = snprintf(line, size, "%s.%06ld %.64s %s: ", stamp, ts.tv_nsec / 1000, the_log.name,
                     log_level_name(level));
    return (size_t)n;
}

/* Copies `text`, control characters as \xNN (a newline at the very end is dropped). */
static size_t write_text(char *line, size_t size, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;

    for (const char *p = text; *p && n + 4 < size; p++) {
        unsigned char c = (unsigned char)*p;
        if (c == '\n' && !p[1])
            break;
        if (c >= ' ' && c != 0x7f) {
            line[n++] = *p;
            continue;
        }
        line[n++] = '\\';
        line[n++] = 'x';
        line[n++] = hex[c >> 4];
        line[n++] = hex[c & 15];
    }
    return n;
}

static void write_line(const char *line, size_t len)
{
    struct pollfd p = {.fd = the_log.fd, .events = POLLOUT};
    ssize_t n = send(the_log.fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0 && errno == ENOTSOCK)
        n = poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) ? write(the_log.fd, line, len) : -1;
    if (n != (ssize_t)len)
        atomic_fetch_add(&the_log.dropped, 1);
}

static void emit_locked(enum log_level level, const char *fmt, va_list ap) printf_like(2, 0);

static void emit_locked(enum log_level level, const char *fmt, va_list ap)
{
    int saved = errno; /* callers log between an error and its use; %m works too */
    char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES];
    size_t n = write_head(line, sizeof(line), level);

    errno = saved;
    vsnprintf(text, sizeof(text), fmt, ap);
    n += write_text(line + n, sizeof(line) - n - 1, text);
    line[n++] = '\n';
    write_line(line, n);
    errno = saved;
}

void log_at(enum log_level level, const char *fmt, ...)
{
    va_list ap;

    if (!log_enabled(level))
        return;
    pthread_mutex_lock(&the_log.lock);
    va_start(ap, fmt);
    emit_locked(level, fmt, ap);
    va_end(ap);
    pthread_mutex_unlock(&the_log.lock);
}

static void note_locked(enum log_level level, const char *fmt, ...) printf_like(2, 3);

static void note_locked(enum log_level level, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    emit_locked(level, fmt, ap);
    va_end(ap);
}

/* True if the message may go out; opens a new window when the old one is over. */
static bool admit_locked(struct log_limit *l, struct mono now, enum log_level level)
{
    if (l->since_us == 0 || now.us - l->since_us >= l->window_us) {
        if (l->suppressed)
            note_locked(level, "%llu similar messages suppressed",
                        (unsigned long long)l->suppressed);
        l->since_us = now.us;
        l->suppressed = l->count = 0;
    }
    if (l->count < l->burst) {
        l->count++;
        return true;
    }
    l->suppressed++;
    return false;
}

void log_limited(struct log_limit *limit, struct mono now, enum log_level level, const char *fmt,
                 ...)
{
    va_list ap;

    if (!log_enabled(level))
        return;
    pthread_mutex_lock(&the_log.lock);
    if (admit_locked(limit, now, level)) {
        va_start(ap, fmt);
        emit_locked(level, fmt, ap);
        va_end(ap);
    }
    pthread_mutex_unlock(&the_log.lock);
}
