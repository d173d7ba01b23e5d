/*
 * Life of an exchange.
 *
 *     request    HEAD -> SERVER -> SEND -> BODY -> DONE
 *     response   NONE ............ -> HEAD -> BODY -> DONE -> log
 *
 * http_run() looks at both in turn until neither can go on. A step that frees the exchange says so
 * (HTTP_GONE); nobody touches it after.
 */
#include "lb/session/http.h"
#include "lb/session/tcp.h"

#include <stdlib.h>
#include <string.h>

#define KEEP_EXCHANGES 256       /* free ones */
#define DRAIN_TIME     span_s(1) /* for what a client still sends after its answer */

typedef enum http_step step_fn(struct exchange *x);

static enum http_step wait_step(struct exchange *x)
{
    return HTTP_WAIT;
}

static enum http_step finish_step(struct exchange *x)
{
    http_finish(x);
    return HTTP_GONE;
}

static step_fn *const request_steps[REQUEST_STATES] = {
    [REQUEST_HEAD] = http_read_head,    [REQUEST_TARPIT] = wait_step,
    [REQUEST_SERVER] = http_get_server, [REQUEST_SEND] = http_send,
    [REQUEST_BODY] = http_send_body,    [REQUEST_DONE] = wait_step,
};

static step_fn *const response_steps[RESPONSE_STATES] = {
    [RESPONSE_NONE] = wait_step,
    [RESPONSE_HEAD] = http_read_response,
    [RESPONSE_BODY] = http_send_response,
    [RESPONSE_DONE] = finish_step,
};

/* ---- deadlines ---- */

static struct mono client_deadline(const struct exchange *x)
{
    const struct config_timeouts *t = &x->front->t;

    if (x->request <= REQUEST_TARPIT)
        return x->deadline;
    if (x->request == REQUEST_SERVER && x->to.state != ATTEMPT_CONNECTING)
        return x->to.deadline; /* in the queue, or between two tries */
    if (x->request == REQUEST_BODY && flow_empty(&x->up))
        return mono_add(x->client_seen, t->client.us < t->request.us ? t->client : t->request);
    if (x->response == RESPONSE_BODY && !flow_empty(&x->down))
        return mono_add(x->client_seen, t->client);
    return MONO_NEVER;
}

static struct mono server_deadline(const struct exchange *x)
{
    bool sending = x->request == REQUEST_BODY && !flow_empty(&x->up);
    bool asked = x->response == RESPONSE_HEAD && x->request == REQUEST_DONE;
    bool answering = x->response == RESPONSE_BODY && flow_empty(&x->down);

    if (x->request == REQUEST_SERVER)
        return x->to.deadline;
    return sending || asked || answering ? mono_add(x->server_seen, x->back->t.server) : MONO_NEVER;
}

static void arm(struct exchange *x)
{
    conn_deadline(&x->client->conn, client_deadline(x));
    if (x->to.sc)
        conn_deadline(&x->to.sc->conn, server_deadline(x));
    x->scratch_own = false; /* others use it from here on */
}

/* ---- driving ---- */

void http_run(struct exchange *x)
{
    enum http_step a, b;

    do {
        a = request_steps[x->request](x);
        if (a == HTTP_GONE)
            return;
        b = response_steps[x->response](x);
        if (b == HTTP_GONE)
            return;
    } while (a == HTTP_MORE || b == HTTP_MORE);
    arm(x);
}

static void run_again(struct loop_work *work)
{
    http_run(container_of(work, struct exchange, again));
}

void http_later(struct exchange *x)
{
    loop_work_add(x->w->loop, &x->again);
}

/* Where things stood, as the second letter of the log's flags. */
static char stage(const struct exchange *x)
{
    if (x->response == RESPONSE_BODY)
        return 'D';
    if (x->response == RESPONSE_HEAD)
        return 'H';
    if (x->request == REQUEST_TARPIT)
        return 'T';
    if (x->request != REQUEST_SERVER)
        return 'R';
    return x->to.state == ATTEMPT_QUEUED ? 'Q' : 'C';
}

/* What a step outside http_run() has changed is carried on with. */
static void go_on(struct exchange *x, enum http_step step)
{
    if (step != HTTP_GONE)
        http_run(x);
}

/* A client that is gone for good takes its exchange along; one that has only shut its sending side
 * gets its answer. */
static void client_event(struct conn *c)
{
    struct exchange *x = container_of(c, struct client, conn)->session;

    if (c->broken)
        http_abort(x, 'C', stage(x));
    else if (c->hup && x->back && x->back->conf->abort_on_close && x->response < RESPONSE_BODY &&
             x->request > REQUEST_HEAD)
        http_abort(x, 'C', stage(x));
    else
        http_run(x);
}

static enum http_step client_timed_out(struct exchange *x)
{
    if (x->request == REQUEST_HEAD && !buffer_len(x->up.buf) && x->client->requests)
        return http_abort(x, 'c', 'R'); /* idle: it asked for nothing */
    if (x->request == REQUEST_HEAD)
        return http_answer(x, 408, 'c', 'R');
    if (x->request == REQUEST_TARPIT)
        return http_tarpit_over(x);
    if (x->request == REQUEST_SERVER)
        return HTTP_MORE; /* the attempt looks at the clock */
    if (x->request == REQUEST_BODY && x->response < RESPONSE_BODY)
        return http_answer(x, 408, 'c', 'D');
    return http_abort(x, 'c', 'D');
}

static void client_timeout(struct conn *c)
{
    struct exchange *x = container_of(c, struct client, conn)->session;

    go_on(x, client_timed_out(x));
}

static const struct conn_ops client_ops = {client_event, client_timeout};

static void server_event(struct conn *c)
{
    http_run(container_of(c, struct server_conn, conn)->session);
}

static enum http_step server_timed_out(struct exchange *x)
{
    if (x->request == REQUEST_SERVER)
        return HTTP_MORE; /* the attempt looks at the clock */
    if (x->response == RESPONSE_BODY)
        return http_abort(x, 's', 'D');
    http_bad_answer(x);
    return http_answer(x, 504, 's', x->request == REQUEST_DONE ? 'H' : 'D');
}

static void server_timeout(struct conn *c)
{
    struct exchange *x = container_of(c, struct server_conn, conn)->session;

    go_on(x, server_timed_out(x));
}

const struct conn_ops http_server_ops = {server_event, server_timeout};

/* ---- birth and death ---- */

static struct exchange *take(struct worker *w)
{
    struct exchange *x = w->free_exchanges;

    if (!x)
        return malloc(sizeof(*x));
    w->free_exchanges = x->next_free;
    w->n_free_exchanges--;
    return x;
}

static void give(struct worker *w, struct exchange *x)
{
    if (w->n_free_exchanges >= KEEP_EXCHANGES) {
        free(x);
        return;
    }
    x->next_free = w->free_exchanges;
    w->free_exchanges = x;
    w->n_free_exchanges++;
}

static struct exchange *begin(struct client *c)
{
    struct worker *w = c->conn.w;
    struct exchange *x = c->acceptor->front ? take(w) : NULL;

    if (!x)
        return NULL;
    memset(x, 0, offsetof(struct exchange, line));
    x->w = w;
    x->client = c;
    x->plan = worker_use_plan(w);
    x->front = c->acceptor->front;
    x->again.fn = run_again;
    x->client_seen = worker_now(w);
    x->deadline = mono_add(worker_now(w), x->front->t.request);
    x->log.front = x->front;
    x->log.client = &c->peer;
    x->log.accepted = c->since;
    attempt_init(&x->to, &http_attempt_ops, &http_server_ops, x, c);
    c->session = x;
    conn_own(&c->conn, &client_ops);
    return x;
}

static void end(struct exchange *x)
{
    struct worker *w = x->w;

    loop_work_cancel(w->loop, &x->again);
    flow_fini(&x->up, &w->buffers);
    flow_fini(&x->down, &w->buffers);
    rule_context_free(x->rules, x->log.status, x->up.sent, x->down.sent);
    x->client->session = NULL;
    worker_release_plan(w, x->plan);
    give(w, x);
}

enum http_step http_become_tunnel(struct exchange *x)
{
    struct worker *w = x->w;

    if (!tcp_take_over(x))
        return http_abort(x, 'R', 'D');
    loop_work_cancel(w->loop, &x->again);
    rule_context_free(x->rules, x->log.status, x->up.sent, x->down.sent);
    give(w, x);
    return HTTP_GONE;
}

/* ---- between two requests ---- */

static void idle_event(struct conn *c)
{
    struct client *client = container_of(c, struct client, conn);
    struct exchange *x;

    if (!c->readable && !c->hup && !c->broken)
        return; /* it can be written to, which was known */
    x = c->broken ? NULL : begin(client);
    if (x)
        http_run(x);
    else
        client_free(client);
}

static void idle_timeout(struct conn *c)
{
    client_free(container_of(c, struct client, conn));
}

static const struct conn_ops idle_ops = {idle_event, idle_timeout};

static void go_idle(struct client *c, struct span timeout)
{
    conn_own(&c->conn, &idle_ops);
    conn_watch(&c->conn);
    conn_deadline(&c->conn, mono_add(worker_now(c->conn.w), timeout));
}

void http_client(struct client *c)
{
    struct exchange *x = begin(c);

    if (x)
        http_run(x);
    else
        client_free(c);
}

/* The answer has been given, but the client is still sending: closing now would reset the
 * connection and could take the answer from it. What it sends is thrown away for a while. */
static void drain_event(struct conn *c)
{
    char waste[16384];
    ssize_t n;

    do
        n = conn_read(c, waste, sizeof(waste));
    while (n > 0);
    if (n < 0)
        client_free(container_of(c, struct client, conn));
}

static const struct conn_ops drain_ops = {drain_event, idle_timeout};

static void drain(struct client *c)
{
    conn_shut(&c->conn);
    conn_own(&c->conn, &drain_ops);
    conn_deadline(&c->conn, mono_add(worker_now(c->conn.w), DRAIN_TIME));
    drain_event(&c->conn);
}

void http_stop(struct client *c)
{
    if (c->conn.ops == &idle_ops)
        client_free(c);
}

/* ---- the end of an exchange ---- */

/* Counters and the log line. */
static void account(struct exchange *x)
{
    static const enum count_id classes[] = {COUNT_RESP_OTHER, COUNT_RESP_1XX, COUNT_RESP_2XX,
                                            COUNT_RESP_3XX,   COUNT_RESP_4XX, COUNT_RESP_5XX};
    struct count *front = &x->front->listener->lanes[x->w->index];
    unsigned class = x->log.status / 100;

    x->log.ended = worker_now(x->w);
    x->log.bytes_in = x->up.sent;
    x->log.bytes_out = x->down.sent;
    count_add(front, COUNT_BYTES_IN, x->log.bytes_in);
    count_add(front, COUNT_BYTES_OUT, x->log.bytes_out);
    count_add(front, COUNT_REQUESTS, 1);
    count_add(front, classes[class <= 5 ? class : 0], 1);
    if (x->log.term[0] == 'C' || x->log.term[0] == 'c')
        count_add(front, COUNT_CLI_ABORTS, 1);
    if (x->bare_head || (x->request == REQUEST_HEAD && x->log.term[0]))
        count_add(front, COUNT_BAD_REQ, 1);
    if (x->back)
        http_account_pool(x, classes[class <= 5 ? class : 0]);
    http_log(x);
}

/* A next request that came with this one. */
static struct buffer *take_rest(struct exchange *x)
{
    struct buffer *buf = x->up.buf;

    if (!buf || !x->client_keep || buf->at == buf->end)
        return NULL;
    x->up.buf = NULL;
    buffer_compact(buf);
    return buf;
}

static void next_request(struct client *c, struct buffer *rest, struct span keep_alive)
{
    struct exchange *x;

    if (!rest) {
        go_idle(c, keep_alive);
        return;
    }
    x = begin(c);
    if (!x) {
        buffer_put(&c->conn.w->buffers, rest);
        client_free(c);
        return;
    }
    x->up.buf = rest;
    http_later(x);
}

/* Shut first: the end goes out with what still waits to be sent (http_response.c), while close()
 * alone would throw that away if the client had sent something that nobody reads. */
static void say_goodbye(struct client *c)
{
    conn_shut(&c->conn);
    client_free(c);
}

void http_finish(struct exchange *x)
{
    struct client *c = x->client;
    struct span keep_alive = x->front->t.keep_alive;
    bool keep = x->client_keep && !x->w->stopping && c->acceptor->front && !c->conn.broken;
    bool linger = x->linger;
    struct buffer *rest = keep ? take_rest(x) : NULL;

    account(x);
    attempt_end(&x->to, x->server_keep && x->to.sc);
    end(x);
    c->requests++;
    if (keep)
        next_request(c, rest, keep_alive);
    else if (linger)
        drain(c);
    else
        say_goodbye(c);
}

enum http_step http_abort(struct exchange *x, char by, char when)
{
    struct client *c = x->client;
    bool cut = x->response == RESPONSE_BODY && x->down.kind == HTTP1_BODY_CLOSE;

    if (!x->log.term[0]) {
        x->log.term[0] = by;
        x->log.term[1] = when;
    }
    x->server_keep = false;
    if (x->request > REQUEST_HEAD || buffer_len(x->up.buf))
        account(x);
    attempt_end(&x->to, false);
    end(x);
    if (cut)
        conn_reset_on_close(&c->conn); /* an answer cut short must not look whole */
    client_free(c);
    return HTTP_GONE;
}
