#include "lb/log_sinks.h"

#include "common/base/addr.h"
#include "common/base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define GATHER_MAX ((size_t)256 << 10) /* bytes that wait for a flush */

enum kind { SINK_STREAM, SINK_FILE, SINK_DATAGRAM };

struct sink {
    enum kind kind;
    char *to;
    int fd;
    bool own_fd;
    int facility, level, minlevel;
    size_t length;
    uint64_t sample, count;
    struct buf lines; /* streams only */
};

struct log_sinks {
    struct sink v[LOG_SINKS_MAX];
    size_t n;
    uint64_t dropped;
};

struct log_sinks *log_sinks_new(void)
{
    return calloc(1, sizeof(struct log_sinks));
}

static void close_sink(struct sink *s)
{
    if (s->own_fd && s->fd >= 0)
        close(s->fd);
    buf_fini(&s->lines);
    free(s->to);
}

void log_sinks_free(struct log_sinks *s)
{
    if (!s)
        return;
    log_sinks_flush(s);
    for (size_t i = 0; i < s->n; i++)
        close_sink(&s->v[i]);
    free(s);
}

/* ---- opening ---- */

static int open_datagram(const struct sockaddr *sa, socklen_t len)
{
    int fd = socket(sa->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int size = 1 << 20;

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    if (connect(fd, sa, len) == 0)
        return fd;
    int err = -errno;
    close(fd);
    return err;
}

static int open_unix(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};

    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
    return open_datagram((struct sockaddr *)&sa, sizeof(sa));
}

static int open_inet(const struct addr_port *at)
{
    struct sockaddr_storage sa;
    socklen_t len = addr_to_sockaddr(&at->addr, at->port ? at->port : 514, &sa);

    return open_datagram((struct sockaddr *)&sa, len);
}

static int open_file(const char *path)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);

    return fd < 0 ? -errno : fd;
}

static bool parse_inet(const char *to, struct addr_port *at)
{
    if (strncmp(to, "ipv4@", 5) == 0 || strncmp(to, "ipv6@", 5) == 0)
        to += 5;
    if (addr_port_parse(to, at))
        return true;
    at->port = 0;
    return addr_parse(to, &at->addr);
}

/* Sets kind and descriptor. */
static int open_sink(struct sink *s)
{
    struct addr_port at;
    struct stat st;
    int64_t fd;

    s->own_fd = false;
    if (strcmp(s->to, "stderr") == 0)
        return STDERR_FILENO;
    if (strcmp(s->to, "stdout") == 0)
        return STDOUT_FILENO;
    if (strncmp(s->to, "fd@", 3) == 0)
        return parse_int(s->to + 3, 0, INT_MAX, &fd) ? (int)fd : -EINVAL;
    s->own_fd = true;
    if (parse_inet(s->to, &at)) {
        s->kind = SINK_DATAGRAM;
        return open_inet(&at);
    }
    if (s->to[0] != '/')
        return -EINVAL;
    if (strcmp(s->to, "/dev/log") == 0 || (stat(s->to, &st) == 0 && S_ISSOCK(st.st_mode))) {
        s->kind = SINK_DATAGRAM;
        return open_unix(s->to);
    }
    s->kind = SINK_FILE;
    return open_file(s->to);
}

static bool same(const struct sink *s, const struct config_log *c)
{
    return strcmp(s->to, c->to) == 0 && s->facility == c->facility && s->level == c->level &&
           s->minlevel == c->minlevel && s->length == (size_t)c->length &&
           s->sample == (uint64_t)c->sample;
}

uint64_t log_sinks_open(struct log_sinks *all, const struct config_log *c, struct err *e)
{
    struct sink *s;

    for (size_t i = 0; i < all->n; i++)
        if (same(&all->v[i], c))
            return (uint64_t)1 << i;
    if (all->n == LOG_SINKS_MAX) {
        err_set(e, -ENOSPC, "log \"%s\": more than %d logs", c->to, LOG_SINKS_MAX);
        return 0;
    }
    s = &all->v[all->n];
    *s = (struct sink){
        .to = strdup(c->to),
        .facility = c->facility,
        .level = c->level,
        .minlevel = c->minlevel,
        .length = (size_t)c->length,
        .sample = (uint64_t)c->sample,
        .lines = BUF_INIT(GATHER_MAX),
    };
    s->fd = s->to ? open_sink(s) : -ENOMEM;
    if (s->fd < 0 && s->kind != SINK_DATAGRAM) {
        err_set(e, s->fd, "log \"%s\" cannot be opened: %s", c->to, strerror(-s->fd));
        free(s->to);
        return 0;
    }
    return (uint64_t)1 << all->n++; /* a syslog that is not there yet is tried again */
}

int log_sinks_open_all(struct log_sinks *s, const struct conf_list *list, uint64_t *bits,
                       struct err *e)
{
    *bits = 0;
    for (size_t i = 0; i < list->n; i++) {
        uint64_t bit = log_sinks_open(s, list->v[i], e);
        if (!bit)
            return -EIO;
        *bits |= bit;
    }
    return 0;
}

/* ---- writing ---- */

static void flush_sink(struct log_sinks *all, struct sink *s)
{
    ssize_t n;

    if (!s->lines.len)
        return;
    n = write(s->fd, s->lines.data, s->lines.len);
    if (n < (ssize_t)s->lines.len)
        all->dropped++;
    buf_clear(&s->lines);
    s->lines.lost = false;
}

static void send_datagram(struct log_sinks *all, struct sink *s, int level, const char *line,
                          size_t len)
{
    char text[65536];
    char stamp[32];
    struct tm tm;
    time_t now = time(NULL);
    int head;

    if (s->fd < 0 && (s->fd = open_sink(s)) < 0) {
        all->dropped++;
        return;
    }
    localtime_r(&now, &tm);
    strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &tm);
    head = snprintf(text, sizeof(text), "<%d>%s lb[%d]: ", s->facility * 8 + level, stamp,
                    (int)getpid());
    len = MIN(len, s->length - MIN(s->length, (size_t)head));
    memcpy(text + head, line, len);
    if (send(s->fd, text, (size_t)head + len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
        return;
    all->dropped++;
    if (errno == ECONNREFUSED || errno == ENOTCONN || errno == EPIPE) { /* syslog was restarted */
        close(s->fd);
        s->fd = -1;
    }
}

static void add(struct log_sinks *all, struct sink *s, int level, const char *line, size_t len)
{
    if (level > s->level)
        return;
    if (level >= 6 && s->sample > 1 && s->count++ % s->sample)
        return;
    level = MAX(level, s->minlevel);
    if (s->kind == SINK_DATAGRAM) {
        send_datagram(all, s, level, line, len);
        return;
    }
    len = MIN(len, s->length);
    if (s->lines.len + len + 1 > GATHER_MAX)
        flush_sink(all, s);
    buf_add(&s->lines, line, len);
    buf_char(&s->lines, '\n');
}

void log_sinks_add(struct log_sinks *s, uint64_t bits, int level, const char *line, size_t len)
{
    for (size_t i = 0; i < s->n; i++)
        if (bits >> i & 1)
            add(s, &s->v[i], level, line, len);
}

void log_sinks_flush(struct log_sinks *s)
{
    for (size_t i = 0; i < s->n; i++)
        flush_sink(s, &s->v[i]);
}

void log_sinks_reopen(struct log_sinks *s)
{
    for (size_t i = 0; i < s->n; i++) {
        int fd;
        if (s->v[i].kind != SINK_FILE || (fd = open_file(s->v[i].to)) < 0)
            continue;
        flush_sink(s, &s->v[i]);
        close(s->v[i].fd);
        s->v[i].fd = fd;
    }
}

uint64_t log_sinks_dropped(const struct log_sinks *s)
{
    return s->dropped;
}
