/*
 * The request's way: its head is read, understood, patched and sent, its body follows.
 */
#include "lb/session/http.h"

#include <string.h>
#include <time.h>

/* ---- reading the head ---- */

static void note_line(struct exchange *x, const struct buffer *b, const struct http1_head *head)
{
    const char *line = b->data + b->at + head->start;
    size_t len = head->fields_at - head->start;

    while (len && (line[len - 1] == '\r' || line[len - 1] == '\n'))
        len--;
    x->log.line_len = MIN(len, sizeof(x->line));
    memcpy(x->line, line, x->log.line_len);
    x->log.line = x->line;
    x->log.has_request = true;
}

static enum http_step answer_bad(struct exchange *x, enum http1_result result)
{
    x->bare_head = true;
    x->linger = true;
    x->client_keep = false;
    return http_answer(x, http1_status(result), 'P', 'R');
}

static enum http_step understood(struct exchange *x)
{
    struct buffer *b = x->up.buf;
    const struct http1_head *head = &x->w->scratch->head;

    note_line(x, b, head);
    x->request_at = b->at;
    x->head_len = head->len;
    x->method = head->method;
    x->minor = head->minor;
    x->upgrade = head->upgrade;
    x->expect = head->expect_continue;
    x->client_keep =
        head->keep_alive && x->front->connection != CONFIG_CONNECTION_CLOSE && !x->w->stopping;
    x->log.head = worker_now(x->w);
    x->scratch_own = true;
    flow_begin(&x->up, head);
    b->at += head->len;
    if (flow_follow(&x->up) == FLOW_BAD)
        return answer_bad(x, HTTP1_BAD_CODING);
    b->at -= head->len;
    x->replay = x->up.ended;
    x->body_ready = x->up.ready;
    x->target = head->target;
    x->up.keep = true;
    x->request = REQUEST_SERVER;
    return http_route(x);
}

static enum http_step parse(struct exchange *x)
{
    struct buffer *b = x->up.buf;
    struct http1_limits limits = HTTP1_LIMITS_DEFAULT;
    enum http1_result r;

    limits.head_bytes = x->w->buffers.small;
    r = http1_parse_request(b->data + b->at, buffer_len(b), &x->scan, &limits,
                            &x->w->scratch->head);
    if (r == HTTP1_COMPLETE)
        return understood(x);
    if (http1_is_bad(r))
        return answer_bad(x, r);
    return HTTP_WAIT;
}

/* Nothing more has come. Without a first byte there is no need to keep a buffer for it. */
static enum http_step await_head(struct exchange *x)
{
    if (!buffer_len(x->up.buf))
        flow_fini(&x->up, &x->w->buffers);
    return HTTP_WAIT;
}

/* The client has ended before its request was whole. */
static enum http_step cut_off(struct exchange *x)
{
    if (!buffer_len(x->up.buf) || x->client->conn.broken)
        return http_abort(x, 'C', 'R');
    x->bare_head = true;
    return http_answer(x, 400, 'C', 'R');
}

enum http_step http_read_head(struct exchange *x)
{
    struct flow *f = &x->up;

    if (!f->buf && !(f->buf = buffer_get(&x->w->buffers, false)))
        return http_abort(x, 'R', 'R');
    if (buffer_len(f->buf) && !x->log.begun.us) { /* came with the request before */
        x->log.begun = worker_now(x->w);
        enum http_step step = parse(x);
        if (step != HTTP_WAIT)
            return step;
    }
    for (;;) {
        ssize_t n = conn_read(&x->client->conn, f->buf->data + f->buf->end, buffer_room(f->buf));
        if (n < 0)
            return cut_off(x);
        if (n == 0)
            return await_head(x);
        if (!x->log.begun.us)
            x->log.begun = worker_now(x->w);
        f->buf->end += (uint32_t)n;
        enum http_step step = parse(x);
        if (step != HTTP_WAIT)
            return step;
    }
}

/* ---- sending the head ---- */

bool http_forwarded_for(const struct exchange *x, struct rewrite *r, const struct plan_forward *f,
                        const char *buf)
{
    char text[ADDR_TEXT_MAX];
    const struct addr *a = &x->log.client->addr;

    if (!f->enabled || !a->family)
        return true;
    for (size_t i = 0; i < f->n_except; i++)
        if (addr_in_prefix(a, &f->except[i]))
            return true;
    if (f->if_none && http1_find(r->head, buf, f->header, f->header_len, 0) >= 0)
        return true;
    addr_format(a, text);
    return rewrite_add(r, f->header, f->header_len, text, strlen(text));
}

static bool closes_server(const struct exchange *x)
{
    return upstream_private(x->back, x->to.server) ||
           x->back->connection != CONFIG_CONNECTION_KEEP_ALIVE ||
           x->front->connection != CONFIG_CONNECTION_KEEP_ALIVE;
}

static enum rewrite_say say_to_server(const struct exchange *x)
{
    if (x->upgrade)
        return REWRITE_SAY_UPGRADE;
    if (closes_server(x))
        return REWRITE_SAY_CLOSE;
    return x->minor ? REWRITE_SAY_NOTHING : REWRITE_SAY_KEEP_ALIVE;
}

/* The head as it goes to the server: the original bytes, patched. Returns the number of pieces, 0
 * if something does not fit. */
static size_t patch(struct exchange *x)
{
    struct scratch *s = x->w->scratch;
    const char *buf = http_request_head(x);
    const struct plan_pool *p = x->back;

    rewrite_init(&s->rewrite, buf, &s->head, s->text, sizeof(s->text));
    rewrite_connection(&s->rewrite, say_to_server(x));
    if (p->has_cookie)
        cookie_strip(&p->cookie, buf, &s->head, &s->rewrite);
    http_forwarded_for(x, &s->rewrite, x->front->forward.enabled ? &x->front->forward : &p->forward,
                       buf);
    return rewrite_iov(&s->rewrite, s->iov, REWRITE_IOV_MAX);
}

/* Others have used the scratch since; the bytes are still there, so read them again. */
void http_own_scratch(struct exchange *x)
{
    const struct buffer *b = x->up.buf;
    struct http1_limits limits = HTTP1_LIMITS_DEFAULT;

    if (x->scratch_own)
        return;
    bool made = http_request_head(x) != b->data + x->request_at;
    limits.head_bytes = made ? HTTP1_HEAD_MAX : x->w->buffers.small;
    http1_parse_request(http_request_head(x), made ? x->rules->head.len : b->end - x->request_at,
                        NULL, &limits, &x->w->scratch->head);
    x->scratch_own = true;
}

enum http_step http_send(struct exchange *x)
{
    struct flow *f = &x->up;
    size_t n;

    if (x->to.moved && x->cookie.state == COOKIE_VALID)
        x->cookie.state = COOKIE_DOWN;
    http_own_scratch(x);
    n = patch(x);
    x->scratch_own = false;
    if (!n) {
        x->linger = true;
        return http_answer(x, 500, 'P', 'R');
    }
    x->scan = (struct http1_scan){0};
    x->server_seen = worker_now(x->w);
    x->server_keep = !closes_server(x);
    x->response = RESPONSE_HEAD;
    x->request = REQUEST_BODY;
    if (!attempt_hello(&x->to, f) ||
        !flow_head(f, &x->w->buffers, &x->to.sc->conn, x->w->scratch->iov, n, x->head_len, false))
        return http_retry(x);
    return HTTP_MORE;
}

/* ---- the body ---- */

enum http_step http_send_body(struct exchange *x)
{
    bool moved = false;
    enum flow_result r =
        flow_run(&x->up, &x->w->buffers, &x->client->conn, &x->to.sc->conn, &moved);

    x->replay &= x->up.keep;
    if (moved)
        x->client_seen = x->server_seen = worker_now(x->w);
    switch (r) {
    case FLOW_DONE:
        x->request = REQUEST_DONE;
        return HTTP_WAIT;
    case FLOW_TURN:
        http_later(x);
        return HTTP_WAIT;
    case FLOW_WAIT:
        return HTTP_WAIT;
    case FLOW_TO_END: /* it may have answered already, and not want the rest */
        x->request = REQUEST_DONE;
        x->server_keep = false;
        x->client_keep = false;
        x->linger = true;
        x->to.sc->conn.readable = true;
        x->to.sc->conn.broken = false;
        return HTTP_MORE;
    case FLOW_FROM_END:
        return http_abort(x, 'C', 'D');
    case FLOW_BAD:
        x->client_keep = false;
        x->linger = true;
        if (x->response >= RESPONSE_BODY)
            return http_abort(x, 'P', 'D');
        return http_answer(x, 400, 'P', 'D');
    }
    return HTTP_WAIT;
}
