/*
 * One connection, and one timer that means "hung" while it stands and "try again" while it does
 * not. The loop reads what has arrived before it fires timers, so a vrrpd that was itself held up
 * does not take its own pause for the program's.
 */
#include "vrrpd/track/watch.h"

#include "common/base/buf.h"
#include "common/base/parse.h"
#include "vrrpd/track/kind.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { READS_MAX = 16, RETRY_MIN_MS = 1 };

struct watch {
    struct tracker t;
    struct pathwatch file;
    const char **wants;
    struct span every, hang, pause;
    struct timer timer;
    struct loop_io io; /* fd -1: not connected */
    bool said;         /* ready or not-ready was heard on this connection */
    bool ready;
    bool hung;
    char text[TRACK_TEXT_MAX]; /* what was last said */
    char who[64];              /* "lb (pid 1234)" */
    char in[WATCH_LINE_MAX];
    size_t in_len;
};

static struct watch *of(struct tracker *t)
{
    return container_of(t, struct watch, t);
}

static struct loop *loop_of(const struct watch *w)
{
    return w->t.set->loop;
}

/* --- the end, and trying again --- */

static void hang_up(struct watch *w)
{
    if (w->io.fd < 0)
        return;
    loop_io_del(loop_of(w), &w->io);
    close(w->io.fd);
    w->io.fd = -1;
    w->said = w->hung = false;
    w->in_len = 0;
}

static void try_later(struct watch *w)
{
    loop_timer_after(loop_of(w), &w->timer, w->pause);
    w->pause = span_us(MIN(w->pause.us * 2, w->every.us));
}

static void lost(struct watch *w, const char *how)
{
    hang_up(w);
    track_result(&w->t, false, "%s %s", w->who, how);
    try_later(w);
}

/* --- what it says --- */

static void report(struct watch *w)
{
    track_result(&w->t, w->ready, "%s is %s%s%s", w->who, w->ready ? "ready" : "not ready",
                 w->text[0] ? ": " : "", w->text);
}

static void on_said(struct watch *w, bool ready, const char *text)
{
    bool same = w->said && !w->hung && ready == w->ready && strcmp(text, w->text) == 0;
    w->said = true;
    w->hung = false;
    w->ready = ready;
    snprintf(w->text, sizeof(w->text), "%s", text);
    if (!same)
        report(w);
}

static void on_beat(struct watch *w)
{
    if (w->said && w->hung) {
        w->hung = false;
        report(w);
    }
}

static void still_there(struct watch *w)
{
    w->pause = span_ms(RETRY_MIN_MS);
    loop_timer_after(loop_of(w), &w->timer, w->hang);
}

/* The text behind a word; NULL if the line does not begin with it. */
static const char *behind(const char *line, const char *word)
{
    size_t n = strlen(word);
    if (strncmp(line, word, n) != 0 || (line[n] && line[n] != ' '))
        return NULL;
    return line + n + strspn(line + n, " ");
}

/* False: the connection is over. */
static bool on_line(struct watch *w, char *line)
{
    const char *text;
    line[strcspn(line, "\r")] = '\0';
    if ((text = behind(line, "ready")))
        on_said(w, true, text);
    else if ((text = behind(line, "not-ready")))
        on_said(w, false, text);
    else if (behind(line, "beat"))
        on_beat(w);
    else if ((text = behind(line, "error:"))) {
        char how[TRACK_TEXT_MAX];
        snprintf(how, sizeof(how), "refuses to be watched: %s", text);
        lost(w, how);
        w->pause = w->every; /* asking again at once would not help */
        try_later(w);
        return false;
    } else {
        return true;
    }
    still_there(w);
    return true;
}

/* Takes the whole lines out of the buffer. */
static bool on_lines(struct watch *w)
{
    char *start = w->in, *end;
    while ((end = memchr(start, '\n', w->in_len - (size_t)(start - w->in)))) {
        *end = '\0';
        if (!on_line(w, start))
            return false;
        start = end + 1;
    }
    w->in_len -= (size_t)(start - w->in);
    memmove(w->in, start, w->in_len);
    if (w->in_len < sizeof(w->in))
        return true;
    lost(w, "speaks in endless lines");
    return false;
}

static void on_io(struct loop_io *io, uint32_t events)
{
    struct watch *w = container_of(io, struct watch, io);
    for (int reads = 0; reads < READS_MAX; reads++) {
        ssize_t n = recv(io->fd, w->in + w->in_len, sizeof(w->in) - w->in_len, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            lost(w, "is gone: the connection ended");
            return;
        }
        w->in_len += (size_t)n;
        if (!on_lines(w))
            return;
    }
}

/* --- connecting --- */

static void find_out_who(struct watch *w, int fd)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);
    char comm[PROCSCAN_COMM_MAX];
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid > 0 &&
        procscan_comm(peer.pid, comm))
        snprintf(w->who, sizeof(w->who), "%s (pid %d)", comm, (int)peer.pid);
    else
        snprintf(w->who, sizeof(w->who), "the program");
}

static int ask(const struct watch *w, int fd)
{
    char line[WATCH_LINE_MAX], span[PARSE_SPAN_MAX];
    struct span beat = span_us(MAX(w->hang.us / 4, 1000));
    size_t len = (size_t)snprintf(line, sizeof(line), "watch %s", span_format(beat, span));
    for (const char **want = w->wants; want && *want && len < sizeof(line); want++)
        len += (size_t)snprintf(line + len, sizeof(line) - len, " %s", *want);
    if (len + 1 >= sizeof(line))
        return -ENAMETOOLONG;
    line[len++] = '\n';
    ssize_t n = send(fd, line, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n == (ssize_t)len ? 0 : n < 0 ? -errno : -EAGAIN;
}

static int open_connection(struct watch *w)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    struct err e;
    strcpy(sun.sun_path, w->file.path); /* start() has measured it */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int rc = connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0 ? -errno : ask(w, fd);
    w->io = (struct loop_io){.fd = fd, .fn = on_io, .events = EPOLLIN};
    if (rc == 0)
        rc = loop_io_add(loop_of(w), &w->io, &e);
    if (rc == 0) {
        find_out_who(w, fd);
        return 0;
    }
    w->io.fd = -1;
    close(fd);
    return rc;
}

static void try_now(struct watch *w)
{
    int rc = open_connection(w);
    if (rc == 0) {
        loop_timer_after(loop_of(w), &w->timer, w->hang);
        return;
    }
    if (!w->who[0]) /* else it stays what it was: how the program was lost */
        track_result(&w->t, false, "%s: %s", w->file.path,
                     rc == -ECONNREFUSED ? "nobody listens" : strerror(-rc));
    try_later(w);
}

static void on_timer(struct timer *timer, struct mono now)
{
    struct watch *w = container_of(timer, struct watch, timer);
    char span[PARSE_SPAN_MAX];
    if (w->io.fd < 0) {
        try_now(w);
        return;
    }
    w->hung = true;
    w->t.timeouts++;
    track_result(&w->t, false, "%s hangs: no sign of life for %s", w->who,
                 span_format(w->hang, span));
}

static void on_file(struct pathwatch *file)
{
    struct watch *w = container_of(file, struct watch, file);
    if (w->io.fd >= 0)
        return;
    w->pause = span_ms(RETRY_MIN_MS);
    try_now(w);
}

/* --- begin and end --- */

static int start(struct tracker *t, const struct track_spec *spec, struct err *e)
{
    struct watch *w = of(t);
    struct sockaddr_un sun;
    w->io.fd = -1;
    w->timer = TIMER_INIT(on_timer);
    if (!spec->watch.path || spec->watch.path[0] != '/')
        return err_set(e, -EINVAL, "a control socket needs an absolute path");
    if (strlen(spec->watch.path) >= sizeof(sun.sun_path))
        return err_set(e, -EINVAL, "the path is too long for a socket: %s", spec->watch.path);
    if (spec->watch.wants && !(w->wants = program_words(spec->watch.wants, 0, NULL)))
        return err_set(e, -ENOMEM, "out of memory");
    w->every = spec->every.us > 0 ? spec->every : span_s(1);
    w->hang = spec->timeout.us > 0 ? spec->timeout : span_s(1);
    w->pause = span_ms(RETRY_MIN_MS);
    int rc = pathwatch_start(&w->file, &t->set->paths, spec->watch.path, false, on_file, e);
    if (rc < 0)
        return rc;
    try_now(w);
    return 0;
}

static void stop(struct tracker *t)
{
    struct watch *w = of(t);
    loop_timer_disarm(loop_of(w), &w->timer);
    hang_up(w);
    pathwatch_stop(&w->file);
    free(w->wants);
}

static void check(struct tracker *t)
{
    if (of(t)->io.fd < 0)
        try_now(of(t));
}

static void what(const struct tracker *t, char *text, size_t size)
{
    const struct watch *w = container_of(t, const struct watch, t);
    size_t len = (size_t)snprintf(text, size, "%s", w->file.path);
    for (const char **want = w->wants; want && *want && len < size; want++)
        len += (size_t)snprintf(text + len, size - len, " %s", *want);
}

const struct track_kind track_watch = {
    .name = "watch",
    .type = TRACK_WATCH,
    .size = sizeof(struct watch),
    .start = start,
    .stop = stop,
    .check = check,
    .what = what,
};
