/*
 * One timer sends, each request has a timer of its own. A request is over twice: when its outcome
 * is known (it is judged and counted), and when its connection is closed. In between it waits for
 * the server to close first, so that the wait after the end (TIME_WAIT) is not the client's: at a
 * request each 2 ms a client would run out of ports within a minute.
 */
#include "vrrpd/probe/probe.h"

#include "common/base/buf.h"
#include "common/base/list.h"
#include "common/base/macro.h"
#include "common/rt/process.h"
#include "vrrpd/probe/probe_reply.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SENT_PER_TURN = 256, FDS_BESIDE = 32 };

struct probe {
    struct probe_options options;
    struct loop *loop;
    struct sockaddr_storage peer;
    socklen_t peer_len;
    struct buf request; /* the bytes of each */
    struct timer send;
    struct mono next, stop; /* planned instants */
    struct list requests;   /* connections that are open */
    size_t open, open_max;
    size_t waiting; /* requests without an outcome */
    bool done;
    struct probe_stats stats;
};

struct request {
    struct probe *probe;
    struct list node;
    struct loop_io io;
    struct timer deadline;
    struct mono planned;
    bool sent, judged;
    struct probe_reply reply;
};

static void settle(struct probe *p)
{
    if (p->done || p->waiting || mono_before(p->next, p->stop))
        return;
    p->done = true;
    probe_stats_end(&p->stats, p->stop);
    p->options.on_done(p->options.ctx);
}

static void report(struct probe *p, const struct probe_result *r)
{
    probe_stats_add(&p->stats, r);
    if (p->options.on_result)
        p->options.on_result(p->options.ctx, r);
}

/* A request that never became one. */
static void report_unsent(struct probe *p, struct mono planned, enum probe_kind kind)
{
    struct probe_result r = {.planned = planned, .done = loop_clock(), .kind = kind};
    report(p, &r);
}

static enum probe_kind kind_of_errno(int code)
{
    switch (code) {
    case ECONNREFUSED:
        return PROBE_REFUSED;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
        return PROBE_RESET;
    case ETIMEDOUT:
        return PROBE_TIMEOUT;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
    case EACCES:
    case EPERM:
        return PROBE_NO_ROUTE;
    default: /* no port, no descriptor, no memory: ours */
        return PROBE_NOT_SENT;
    }
}

/* --- a request --- */

/* Without a farewell: a reset leaves nothing behind on this machine. */
static void request_close(struct request *q)
{
    struct probe *p = q->probe;
    struct linger none = {.l_onoff = 1};

    loop_timer_disarm(p->loop, &q->deadline);
    loop_io_del(p->loop, &q->io);
    setsockopt(q->io.fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
    close(q->io.fd);
    list_del(&q->node);
    p->open--;
    free(q);
}

static void judge(struct request *q, enum probe_kind kind)
{
    struct probe_result r = {
        .planned = q->planned,
        .done = loop_clock(),
        .kind = kind,
        .status = q->reply.status,
        .server = q->reply.server,
    };
    q->judged = true;
    q->probe->waiting--;
    report(q->probe, &r);
}

/* The last of a request that has no outcome yet. */
static void request_fail(struct request *q, enum probe_kind kind)
{
    struct probe *p = q->probe;

    if (!q->judged)
        judge(q, kind);
    request_close(q);
    settle(p);
}

static void request_late(struct timer *t, struct mono now)
{
    request_fail(container_of(t, struct request, deadline), PROBE_TIMEOUT);
}

static void judge_reply(struct request *q)
{
    if (!q->judged)
        judge(q, q->reply.status >= 500 ? PROBE_HTTP_5XX : PROBE_OK);
}

static void request_eof(struct request *q)
{
    struct probe *p = q->probe;

    if (!q->judged && probe_reply_eof(&q->reply) == PROBE_REPLY_COMPLETE)
        judge_reply(q);
    if (!q->judged)
        judge(q, PROBE_BAD_REPLY);
    request_close(q);
    settle(p);
}

/* True if there may be more to read. */
static bool request_data(struct request *q, const char *data, size_t len)
{
    struct probe *p = q->probe;

    if (q->judged)
        return true;
    switch (probe_reply_feed(&q->reply, data, len)) {
    case PROBE_REPLY_PARTIAL:
        return true;
    case PROBE_REPLY_MALFORMED:
        request_fail(q, PROBE_BAD_REPLY);
        return false;
    case PROBE_REPLY_COMPLETE:
        judge_reply(q);
        settle(p);
        return !p->done;
    }
    return false;
}

static void request_read(struct request *q)
{
    char data[16384];

    for (;;) {
        ssize_t n = recv(q->io.fd, data, sizeof(data), 0);
        if (n < 0) {
            if (errno != EAGAIN && errno != EINTR)
                request_fail(q, kind_of_errno(errno));
            return;
        }
        if (n == 0) {
            request_eof(q);
            return;
        }
        if (!request_data(q, data, (size_t)n))
            return;
    }
}

/* The connection stands, or will not. True if the request is on its way. */
static bool request_send(struct request *q)
{
    const struct buf *text = &q->probe->request;
    int code = 0;
    socklen_t len = sizeof(code);

    getsockopt(q->io.fd, SOL_SOCKET, SO_ERROR, &code, &len);
    if (code) {
        request_fail(q, kind_of_errno(code));
        return false;
    }
    /* A fresh connection takes a request of this size whole. */
    if (send(q->io.fd, text->data, text->len, MSG_NOSIGNAL) < 0) {
        request_fail(q, kind_of_errno(errno));
        return false;
    }
    q->sent = true;
    loop_io_mod(q->probe->loop, &q->io, EPOLLIN);
    return true;
}

static void request_event(struct loop_io *io, uint32_t events)
{
    struct request *q = container_of(io, struct request, io);

    if (!q->sent) {
        request_send(q);
        return;
    }
    request_read(q);
}

/* Opens the connection. 0, or the errno. */
static int request_connect(struct request *q)
{
    struct probe *p = q->probe;
    struct err e;
    int one = 1;

    q->io.fd = socket(p->peer.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (q->io.fd < 0)
        return errno;
    setsockopt(q->io.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    int code = 0;
    if (connect(q->io.fd, (const struct sockaddr *)&p->peer, p->peer_len) < 0)
        code = errno;
    if (code == EINPROGRESS)
        code = 0;
    if (!code)
        code = -loop_io_add(p->loop, &q->io, &e);
    if (code)
        close(q->io.fd);
    return code;
}

static void request_start(struct probe *p, struct mono planned)
{
    struct request *q = p->open < p->open_max ? calloc(1, sizeof(*q)) : NULL;

    if (!q) {
        report_unsent(p, planned, PROBE_NOT_SENT);
        return;
    }
    q->probe = p;
    q->planned = planned;
    q->io.fn = request_event;
    q->io.events = EPOLLOUT;
    q->deadline = TIMER_INIT(request_late);
    int code = request_connect(q);
    if (code) {
        report_unsent(p, planned, kind_of_errno(code));
        free(q);
        return;
    }
    list_push_back(&p->requests, &q->node);
    p->open++;
    p->waiting++;
    loop_timer_arm(p->loop, &q->deadline, mono_add(planned, p->options.timeout));
}

/* --- the run --- */

/* A planned instant whose time limit is over before it could be used (the prober was stopped) is
 * not made up for: that would be a burst which no client sends. */
static void send_planned(struct probe *p, struct mono now)
{
    struct mono planned = p->next;

    p->next = mono_add(p->next, p->options.interval);
    probe_stats_late(&p->stats, mono_diff(now, planned));
    if (mono_before(mono_add(planned, p->options.timeout), now))
        report_unsent(p, planned, PROBE_NOT_SENT);
    else
        request_start(p, planned);
}

static void send_due(struct timer *t, struct mono now)
{
    struct probe *p = container_of(t, struct probe, send);

    for (int i = 0; i < SENT_PER_TURN; i++) {
        if (mono_before(now, p->next) || !mono_before(p->next, p->stop))
            break;
        send_planned(p, now);
    }
    if (mono_before(p->next, p->stop))
        loop_timer_arm(p->loop, &p->send, p->next);
    else
        settle(p);
}

static void build_request(struct probe *p)
{
    p->request = BUF_INIT(0);
    buf_printf(&p->request,
               "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: vrrpctl-probe\r\nAccept: */*\r\n"
               "Connection: close\r\n\r\n",
               p->options.path, p->options.host);
}

/* Twice what can be without an outcome: as many again may wait for the server to close. */
static size_t open_limit(const struct probe_options *o)
{
    uint64_t want = 2 * (uint64_t)(o->timeout.us / o->interval.us) + 64;
    uint64_t fds = process_limit_fds(MIN(want, (uint64_t)PROBE_IN_FLIGHT) + FDS_BESIDE);
    want = MIN(want, fds > FDS_BESIDE ? fds - FDS_BESIDE : 1);
    return (size_t)MIN(want, (uint64_t)PROBE_IN_FLIGHT);
}

int probe_new(struct probe **out, struct loop *loop, const struct probe_options *options,
              struct err *e)
{
    struct probe *p = calloc(1, sizeof(*p));

    if (!p)
        return err_set(e, -ENOMEM, "no memory");
    p->options = *options;
    p->loop = loop;
    p->peer_len = addr_to_sockaddr(&options->target.addr, options->target.port, &p->peer);
    build_request(p);
    p->open_max = open_limit(options);
    list_init(&p->requests);
    p->send = TIMER_INIT(send_due);
    p->next = loop_clock();
    p->stop = mono_add(p->next, options->run);
    probe_stats_init(&p->stats, p->next, options->interval);
    loop_timer_arm(loop, &p->send, p->next);
    *out = p;
    return 0;
}

static void forget_requests(struct probe *p)
{
    list_for_each_safe (it, &p->requests)
        request_close(list_entry(it, struct request, node));
}

void probe_stop(struct probe *p)
{
    loop_timer_disarm(p->loop, &p->send);
    p->stop = mono_min(p->stop, loop_clock());
    p->next = p->stop;
    settle(p);
}

void probe_abort(struct probe *p)
{
    if (p->done)
        return;
    forget_requests(p);
    p->waiting = 0;
    probe_stop(p);
}

const struct probe_stats *probe_stats(const struct probe *p)
{
    return &p->stats;
}

void probe_free(struct probe *p)
{
    if (!p)
        return;
    loop_timer_disarm(p->loop, &p->send);
    forget_requests(p);
    buf_fini(&p->request);
    free(p);
}
