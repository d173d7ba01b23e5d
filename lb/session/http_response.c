/*
 * The response's way back.
 */
#include "lb/session/http.h"
#include "lb/session/observe.h"
#include "lb/session/sticky.h"

#include <time.h>

void http_bad_answer(struct exchange *x)
{
    attempt_note(&x->to, COUNT_RESP_ERRORS);
    observe(x->w, x->to.server, true, false);
}

/* Statuses that speak of the server's own trouble. */
static bool is_trouble(uint16_t status)
{
    return status >= 500 && status != 501 && status != 505;
}

/* The server has done its part, however slow the client is: another request may have its place.
 * `passed` bytes of the buffer are a head that is not sent yet. */
static void release_server(struct exchange *x, uint32_t passed)
{
    const struct flow *f = &x->down;
    bool more = buffer_len(f->buf) > f->ready + passed; /* it says more than it was asked */
    bool keep = x->server_keep && !more;

    if (!x->to.sc || !f->ended || x->request != REQUEST_DONE)
        return;
    if (!keep) /* nothing is under way, and a port that waits for a minute is a port less */
        conn_reset_on_close(&x->to.sc->conn);
    attempt_release(&x->to, keep);
}

/* ---- the head ---- */

/* The server ended, or broke, before its answer was whole. */
static enum http_step server_gone(struct exchange *x)
{
    if (!buffer_len(x->down.buf) && !x->down.sent)
        return http_retry(x);
    http_bad_answer(x);
    return http_answer(x, 502, 'S', 'H');
}

static bool is_delimited(const struct http1_head *head)
{
    return head->body != HTTP1_BODY_CLOSE && head->body != HTTP1_BODY_TUNNEL;
}

static enum rewrite_say say_to_client(const struct exchange *x, const struct http1_head *head)
{
    if (head->status == 101)
        return REWRITE_SAY_UPGRADE;
    if (head->body == HTTP1_BODY_TUNNEL)
        return REWRITE_SAY_NOTHING; /* CONNECT */
    if (!x->client_keep)
        return REWRITE_SAY_CLOSE;
    return x->minor ? REWRITE_SAY_NOTHING : REWRITE_SAY_KEEP_ALIVE;
}

static size_t patch(struct exchange *x, const char *buf)
{
    struct scratch *s = x->w->scratch;
    const struct plan_pool *p = x->back;

    rewrite_init(&s->rewrite, buf, &s->head, s->text, sizeof(s->text));
    if (s->head.status >= 200 || s->head.status == 101)
        rewrite_connection(&s->rewrite, say_to_client(x, &s->head));
    if (s->head.minor == 0 && x->minor)
        rewrite_span(&s->rewrite, s->head.version, "HTTP/1.1", 8);
    if (x->down.bare)
        for (const struct http1_field *f = http1_first(&s->head, HTTP1_NAME_TRANSFER_ENCODING); f;
             f = http1_next(&s->head, f))
            rewrite_remove(&s->rewrite, (size_t)(f - s->head.fields));
    if (p->has_cookie && s->head.status >= 200)
        cookie_response(&p->cookie, x->to.server->cookie, buf, &s->head, time(NULL), &x->cookie,
                        &s->rewrite);
    if (s->head.status >= 200 && http_rules_are_after(x) && !http_rules_after(x))
        s->rewrite.lost = true;
    return rewrite_iov(&s->rewrite, s->iov, REWRITE_IOV_MAX);
}

/* `more`: something else follows at once, be it the end of the connection. */
/* `buf` has the head to patch; the one that came has `len` bytes. */
static bool send_head(struct exchange *x, const char *buf, uint16_t len, bool more)
{
    size_t n = patch(x, buf);

    return n &&
           flow_head(&x->down, &x->w->buffers, &x->client->conn, x->w->scratch->iov, n, len, more);
}

/* The answer is whole and the connection ends behind it: then the end goes out in the answer's last
 * packet. */
static bool says_end(const struct exchange *x)
{
    return x->down.ended && x->request == REQUEST_DONE && !x->client_keep;
}

/* 100, 103 and the like: passed on, and the real one awaited. HTTP/1.0 does not know them. */
static enum http_step interim(struct exchange *x)
{
    struct flow *f = &x->down;

    f->ended = true; /* no body */
    if (!x->minor)
        f->buf->at += x->w->scratch->head.len;
    else if (!send_head(x, f->buf->data + f->buf->at, x->w->scratch->head.len, false))
        return http_abort(x, 'C', 'H');
    f->ended = false;
    x->scan = (struct http1_scan){0};
    buffer_compact(f->buf);
    return HTTP_MORE;
}

static enum http_step final(struct exchange *x)
{
    struct flow *f = &x->down;
    const struct http1_head *head = &x->w->scratch->head;
    const char *buf = f->buf->data + f->buf->at;
    uint16_t len = head->len;
    enum http_step step;

    x->log.status = head->status;
    x->log.responded = worker_now(x->w);
    observe(x->w, x->to.server, true, !is_trouble(head->status));
    if (x->rules && head->status != 101 && !http_rules_response(x, &buf, &step))
        return step;
    if (x->back->n_sticks)
        sticky_store(x->back, x->to.server, x->client, x->to.keys, worker_now(x->w), true);
    x->server_keep &= head->keep_alive && is_delimited(head);
    x->client_keep &= is_delimited(head) && !x->w->stopping && x->client->acceptor->front;
    f->bare = head->body == HTTP1_BODY_CHUNKED && !x->minor;
    if (f->bare)
        x->client_keep = false;
    flow_begin(f, head);
    f->buf->at += len;
    enum flow_result r = flow_follow(f);
    f->buf->at -= len;
    if (r == FLOW_BAD)
        return http_answer(x, 502, 'P', 'H');
    x->response = RESPONSE_BODY;
    x->client_seen = worker_now(x->w);
    bool sent = send_head(x, buf, len, says_end(x));
    if (!sent && rewrite_lost(&x->w->scratch->rewrite)) {
        x->response = RESPONSE_HEAD;
        return http_answer(x, 502, 'P', 'H');
    }
    release_server(x, sent ? 0 : len);
    if (!sent)
        return http_abort(x, 'C', 'D');
    x->replay = x->up.keep = false; /* answered: it will not be sent again */
    if (x->request == REQUEST_DONE && x->up.buf && !buffer_len(x->up.buf))
        flow_fini(&x->up, &x->w->buffers);
    return HTTP_MORE;
}

static enum http_step understood(struct exchange *x)
{
    const struct http1_head *head = &x->w->scratch->head;

    x->scratch_own = false;
    if (head->status >= 200 || head->status == 101)
        return final(x);
    return interim(x);
}

static enum http_step parse(struct exchange *x)
{
    struct buffer *b = x->down.buf;
    struct http1_limits limits = HTTP1_LIMITS_DEFAULT;
    enum http1_result r;

    limits.head_bytes = b->cap;
    r = http1_parse_response(b->data + b->at, buffer_len(b), &x->scan, &limits,
                             (enum http1_method)x->method, &x->w->scratch->head);
    if (r == HTTP1_COMPLETE)
        return understood(x);
    if (!http1_is_bad(r))
        return HTTP_WAIT;
    http_bad_answer(x);
    return http_answer(x, 502, 'P', 'H');
}

enum http_step http_read_response(struct exchange *x)
{
    struct flow *f = &x->down;

    if (f->buf && buffer_len(f->buf)) { /* behind an interim response */
        enum http_step step = parse(x);
        if (step != HTTP_WAIT)
            return step;
    }
    for (;;) {
        if (!x->to.sc->conn.readable) {
            conn_watch(&x->to.sc->conn);
            return HTTP_WAIT;
        }
        if (!f->buf && !(f->buf = buffer_get(&x->w->buffers, false)))
            return http_abort(x, 'R', 'H');
        ssize_t n = conn_read(&x->to.sc->conn, f->buf->data + f->buf->end, buffer_room(f->buf));
        if (n < 0)
            return server_gone(x);
        if (n == 0)
            return HTTP_WAIT;
        f->buf->end += (uint32_t)n;
        x->server_seen = worker_now(x->w);
        enum http_step step = parse(x);
        if (step != HTTP_WAIT)
            return step;
    }
}

/* ---- the body ---- */

static enum http_step whole(struct exchange *x)
{
    release_server(x, 0);
    if (x->request != REQUEST_DONE) {
        x->client_keep = x->server_keep = false;
        x->linger = true;
    }
    x->response = RESPONSE_DONE;
    return HTTP_MORE;
}

/* The server ended in the middle: only a body that lasts until then is whole. */
static enum http_step ended(struct exchange *x)
{
    if (x->down.kind == HTTP1_BODY_CLOSE && !x->to.sc->conn.broken) {
        x->down.ended = true;
        return whole(x);
    }
    attempt_note(&x->to, COUNT_SRV_ABORTS);
    return http_abort(x, x->to.sc->cut ? 'D' : 'S', 'D');
}

enum http_step http_send_response(struct exchange *x)
{
    bool moved = false;
    enum flow_result r;

    if (!x->to.sc) /* answered here */
        return x->down.spill || x->down.ready ? http_send_own(x) : whole(x);
    if (x->down.kind == HTTP1_BODY_TUNNEL)
        return http_become_tunnel(x);
    r = flow_run(&x->down, &x->w->buffers, &x->to.sc->conn, &x->client->conn, &moved);
    if (moved)
        x->client_seen = x->server_seen = worker_now(x->w);
    if (r == FLOW_WAIT)
        release_server(x, 0);
    switch (r) {
    case FLOW_DONE:
        return whole(x);
    case FLOW_TURN:
        http_later(x);
        return HTTP_WAIT;
    case FLOW_WAIT:
        return HTTP_WAIT;
    case FLOW_FROM_END:
        return ended(x);
    case FLOW_TO_END:
        return http_abort(x, 'C', 'D');
    case FLOW_BAD:
        return http_abort(x, 'P', 'D');
    }
    return HTTP_WAIT;
}
