#include "lb/session/tcp.h"

#include "lb/access_log.h"
#include "lb/session/attempt.h"
#include "lb/session/flow.h"
#include "lb/session/http.h"
#include "lb/session/rule_context.h"
#include "lb/worker.h"

#include <stdlib.h>
#include <string.h>

struct tunnel {
    struct worker *w;
    struct client *client;
    struct plan *plan; /* in use */
    const struct plan_listener *front;
    const struct plan_pool *back;
    struct rule_context *rules; /* NULL: none apply */
    struct attempt to;
    struct flow up, down;
    bool up_ended, down_ended; /* told the other side so */
    bool open;                 /* both connections stand */
    struct mono up_seen, down_seen;
    struct access_record log;
    struct loop_work again;
    char line[]; /* of the request that made it a tunnel */
};

/* ---- the end ---- */

static void account_times(struct count *c, const struct tunnel *t)
{
    const struct attempt *a = &t->to;

    count_add(c, COUNT_REQUESTS, 1);
    if (a->queued_until.us)
        count_time(c, COUNT_QUEUE_US, (uint64_t)(a->queued_until.us - t->log.begun.us));
    if (a->connected_at.us)
        count_time(c, COUNT_CONNECT_US, (uint64_t)(a->connected_at.us - a->queued_until.us));
    count_time(c, COUNT_TOTAL_US, (uint64_t)(t->log.ended.us - t->log.begun.us));
}

static void account(struct tunnel *t)
{
    unsigned index = t->w->index;
    struct count *blocks[] = {
        &t->front->listener->lanes[index],
        t->back ? &t->back->pool->lanes[index].count : NULL,
        t->to.server ? &t->to.server->lanes[index].count : NULL,
    };

    t->log.ended = worker_now(t->w);
    t->log.bytes_in += t->up.sent;
    t->log.bytes_out += t->down.sent;
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        if (!blocks[i])
            continue;
        count_add(blocks[i], COUNT_BYTES_IN, t->log.bytes_in);
        count_add(blocks[i], COUNT_BYTES_OUT, t->log.bytes_out);
        if (t->log.term[0] == 'C' || t->log.term[0] == 'c')
            count_add(blocks[i], COUNT_CLI_ABORTS, 1);
        if (t->log.term[0] == 'S' || t->log.term[0] == 's')
            count_add(blocks[i], COUNT_SRV_ABORTS, 1);
    }
    if (!t->log.status) /* was not http, which has done it */
        for (size_t i = 1; i < ARRAY_LEN(blocks) && blocks[i]; i++)
            account_times(blocks[i], t);
}

static void write_log(struct tunnel *t)
{
    struct access_record *r = &t->log;
    const struct config_access *c = &t->front->conf->access;

    if (!t->front->sinks || !c->enabled)
        return;
    if (c->skip_null && !r->bytes_in && !r->bytes_out)
        return;
    if (c->skip_normal && !r->term[0])
        return;
    r->pool = t->back ? t->back->conf->obj.name : NULL;
    r->server = t->to.server ? t->to.server->name : NULL;
    r->queued = t->to.queued_until;
    r->connected = t->to.connected_at;
    r->retries = t->to.tries;
    r->redispatched = t->to.redispatched;
    r->server_queue = t->to.server_queue;
    r->pool_queue = t->to.pool_queue;
    r->front_conns = atomic_load_explicit(&t->front->listener->conns, memory_order_relaxed);
    r->pool_conns = t->back ? atomic_load_explicit(&t->back->pool->slots, memory_order_relaxed) : 0;
    r->server_conns = t->to.server ? server_slots(t->to.server) : 0;
    access_log(t->w->log, t->w->all->main, r, worker_now(t->w),
               atomic_load_explicit(&t->w->all->conns, memory_order_relaxed));
}

static void finish(struct tunnel *t, char by, char when)
{
    struct worker *w = t->w;
    struct client *c = t->client;

    if (by) {
        t->log.term[0] = by;
        t->log.term[1] = when;
    }
    account(t);
    write_log(t);
    loop_work_cancel(w->loop, &t->again);
    flow_fini(&t->up, &w->buffers);
    flow_fini(&t->down, &w->buffers);
    if (c->conn.broken && t->to.sc)
        conn_reset_on_close(&t->to.sc->conn);
    if (t->to.sc && t->to.sc->conn.broken)
        conn_reset_on_close(&c->conn);
    attempt_end(&t->to, false);
    rule_context_free(t->rules, 0, t->log.bytes_in, t->log.bytes_out);
    worker_release_plan(w, t->plan);
    c->session = NULL;
    client_free(c);
    free(t);
}

/* ---- bytes ---- */

/* One direction. False: the tunnel has to end, `by` says through whom. */
static bool move(struct tunnel *t, struct flow *f, struct conn *from, struct conn *to, bool *ended,
                 struct mono *seen, char *by)
{
    bool moved = false;
    enum flow_result r;

    if (*ended)
        return true;
    r = flow_run(f, &t->w->buffers, from, to, &moved);
    if (moved)
        *seen = worker_now(t->w);
    switch (r) {
    case FLOW_TURN:
        loop_work_add(t->w->loop, &t->again);
        return true;
    case FLOW_WAIT:
        return true;
    case FLOW_FROM_END:
        *by = from == &t->client->conn ? 'C' : 'S';
        if (!from->eof)
            return false;
        *ended = true;
        conn_shut(to);
        return true;
    case FLOW_TO_END:
        *by = to == &t->client->conn ? 'C' : 'S';
        return false;
    case FLOW_DONE:
    case FLOW_BAD:
        break;
    }
    return true;
}

static void arm(struct tunnel *t)
{
    const struct config_timeouts *f = &t->front->t, *b = &t->back->t;
    struct span client = f->client, server = b->server;

    if (t->log.status) /* was http */
        client = server = b->tunnel;
    if (t->up_ended || t->down_ended) {
        client = f->client_fin;
        server = b->server_fin;
    }
    struct mono seen = mono_before(t->up_seen, t->down_seen) ? t->down_seen : t->up_seen;
    conn_deadline(&t->client->conn, mono_add(seen, client));
    conn_deadline(&t->to.sc->conn, mono_add(seen, server));
}

static void run_open(struct tunnel *t)
{
    struct conn *c = &t->client->conn, *s = &t->to.sc->conn;
    char by = 'C';

    if (t->to.sc->cut) {
        finish(t, 'D', 'D');
        return;
    }
    if (c->broken || !move(t, &t->up, c, s, &t->up_ended, &t->up_seen, &by) ||
        !move(t, &t->down, s, c, &t->down_ended, &t->down_seen, &by)) {
        finish(t, by, 'D');
        return;
    }
    if (t->up_ended && t->down_ended) {
        finish(t, 0, 0);
        return;
    }
    arm(t);
}

/* ---- getting a server ---- */

static void failed(struct tunnel *t, enum attempt_result r)
{
    static const char flags[ATTEMPT_RESULTS][2] = {
        [ATTEMPT_NO_SERVER] = {'S', 'C'},     [ATTEMPT_QUEUE_FULL] = {'S', 'Q'},
        [ATTEMPT_QUEUE_TIMEOUT] = {'s', 'Q'}, [ATTEMPT_REFUSED] = {'S', 'C'},
        [ATTEMPT_TIMED_OUT] = {'s', 'C'},     [ATTEMPT_RESOURCES] = {'R', 'C'},
    };

    finish(t, flags[r][0], flags[r][1]);
}

static void run(struct tunnel *t)
{
    enum attempt_result r;

    if (t->open) {
        run_open(t);
        return;
    }
    if (t->client->conn.broken) {
        finish(t, 'C', 'C');
        return;
    }
    r = attempt_run(&t->to);
    if (r == ATTEMPT_WAIT) {
        conn_deadline(t->to.sc ? &t->to.sc->conn : &t->client->conn, t->to.deadline);
        return;
    }
    if (r != ATTEMPT_DONE) {
        failed(t, r);
        return;
    }
    t->open = true;
    t->up_seen = t->down_seen = worker_now(t->w);
    if (attempt_hello(&t->to, &t->up))
        run_open(t);
    else
        finish(t, 'R', 'C');
}

static void run_again(struct loop_work *work)
{
    run(container_of(work, struct tunnel, again));
}

static void timed_out(struct tunnel *t, char by)
{
    if (t->open)
        finish(t, by, 'D');
    else
        run(t);
}

static void client_event(struct conn *c)
{
    run(container_of(c, struct client, conn)->session);
}

static void client_timeout(struct conn *c)
{
    timed_out(container_of(c, struct client, conn)->session, 'c');
}

static void server_event(struct conn *c)
{
    run(container_of(c, struct server_conn, conn)->session);
}

static void server_timeout(struct conn *c)
{
    timed_out(container_of(c, struct server_conn, conn)->session, 's');
}

static const struct conn_ops client_ops = {client_event, client_timeout};
static const struct conn_ops server_ops = {server_event, server_timeout};

static void key(struct attempt *a, struct balance_key *out)
{
    /* the source address, which is filled in already, is all there is */
}

static void resume(struct attempt *a)
{
    struct tunnel *t = a->session;

    loop_work_add(t->w->loop, &t->again);
}

static const struct attempt_ops attempt_ops = {key, resume};

/* ---- the beginning ---- */

static struct tunnel *new_tunnel(struct client *c, size_t line_len)
{
    struct tunnel *t = calloc(1, sizeof(*t) + line_len);

    if (!t)
        return NULL;
    t->w = c->conn.w;
    t->client = c;
    t->again.fn = run_again;
    t->up.kind = t->down.kind = HTTP1_BODY_TUNNEL;
    t->up_seen = t->down_seen = worker_now(t->w);
    return t;
}

/* Content rules, and the pool that they, and the routes, choose. False: a rule closes it. */
static bool obey_rules(struct tunnel *t)
{
    struct rule_outcome out;

    t->rules = rule_context_new(t->client, t->plan, t->front);
    if (!t->rules || rule_content(t->rules, &out) != RULES_DONE)
        return false;
    t->back = t->rules->back;
    t->log.client = rule_context_client(t->rules);
    if (t->back && !t->back->stick_source)
        t->to.keys = &t->rules->stick;
    return true;
}

void tcp_client(struct client *c)
{
    struct tunnel *t = c->acceptor->front ? new_tunnel(c, 0) : NULL;

    if (!t) {
        client_free(c);
        return;
    }
    t->plan = worker_use_plan(t->w);
    t->front = c->acceptor->front;
    t->back = t->front->pool;
    t->log.front = t->front;
    t->log.client = &c->peer;
    t->log.accepted = t->log.begun = t->log.head = c->since;
    c->session = t;
    conn_own(&c->conn, &client_ops);
    attempt_init(&t->to, &attempt_ops, &server_ops, t, c);
    if ((t->front->ruled || (t->back && t->back->ruled)) && !obey_rules(t))
        finish(t, 'P', 'R');
    else if (!t->back || attempt_begin(&t->to, t->back, NULL) < 0)
        finish(t, 'S', 'C');
    else
        run(t);
}

bool tcp_take_over(struct exchange *x)
{
    struct tunnel *t = new_tunnel(x->client, x->log.line_len);

    if (!t)
        return false;
    t->plan = x->plan;
    t->front = x->front;
    t->back = x->back;
    t->to = x->to;
    list_init(&t->to.wait.node);
    t->to.ops = &attempt_ops;
    t->to.conn_ops = &server_ops;
    t->to.session = t;
    t->to.sc->session = t;
    conn_own(&t->to.sc->conn, &server_ops);
    t->to.keys = NULL; /* has been asked */
    t->log = x->log;
    t->log.client = &x->client->peer;
    memcpy(t->line, x->line, x->log.line_len);
    t->log.line = t->line;
    t->log.bytes_in = x->up.sent;
    t->log.bytes_out = x->down.sent;
    t->up.buf = x->up.buf;
    t->up.spill = x->up.spill;
    t->up.ready = buffer_len(t->up.buf);
    t->down.buf = x->down.buf;
    t->down.spill = x->down.spill;
    t->down.ready = buffer_len(t->down.buf);
    t->open = true;
    x->up = x->down = (struct flow){0};
    x->to = (struct attempt){0};
    x->client->session = t;
    conn_own(&x->client->conn, &client_ops);
    loop_work_add(t->w->loop, &t->again);
    return true;
}
