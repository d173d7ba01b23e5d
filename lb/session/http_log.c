/*
 * What remains of an exchange: a log line and counters.
 */
#include "lb/session/http.h"

#include <string.h>

static void add_times(struct count *c, const struct access_record *r)
{
    if (r->queued.us)
        count_time(c, COUNT_QUEUE_US, (uint64_t)(r->queued.us - r->head.us));
    if (r->connected.us)
        count_time(c, COUNT_CONNECT_US, (uint64_t)(r->connected.us - r->queued.us));
    if (r->responded.us)
        count_time(c, COUNT_RESPONSE_US, (uint64_t)(r->responded.us - r->connected.us));
    if (r->begun.us)
        count_time(c, COUNT_TOTAL_US, (uint64_t)(r->ended.us - r->begun.us));
}

static void add(struct count *c, const struct exchange *x, enum count_id class)
{
    count_add(c, COUNT_REQUESTS, 1);
    count_add(c, COUNT_BYTES_IN, x->log.bytes_in);
    count_add(c, COUNT_BYTES_OUT, x->log.bytes_out);
    count_add(c, class, 1);
    if (x->log.term[0] == 'C' || x->log.term[0] == 'c')
        count_add(c, COUNT_CLI_ABORTS, 1);
    add_times(c, &x->log);
}

void http_account_pool(struct exchange *x, enum count_id class)
{
    struct count *pool = &x->back->pool->lanes[x->w->index].count;

    x->log.queued = x->to.queued_until;
    x->log.connected = x->to.connected_at;
    add(pool, x, class);
    if (x->to.server)
        add(&x->to.server->lanes[x->w->index].count, x, class);
}

void http_log(struct exchange *x)
{
    const struct attempt *a = &x->to;
    struct access_record *r = &x->log;
    const struct config_access *c = &x->front->conf->access;
    bool released = a->server && !a->has_slot; /* it still counts itself */

    if (!x->front->sinks || !c->enabled || x->silent)
        return;
    if (c->skip_null && !r->has_request && !x->up.buf)
        return;
    if (c->skip_normal && !r->term[0] && r->status < 500)
        return;
    r->server = a->server ? a->server->name : NULL;
    r->retries = a->tries;
    r->redispatched = a->redispatched;
    r->server_queue = a->server_queue;
    r->pool_queue = a->pool_queue;
    r->front_conns = atomic_load_explicit(&x->front->listener->conns, memory_order_relaxed);
    if (x->back) {
        r->pool_conns =
            atomic_load_explicit(&x->back->pool->slots, memory_order_relaxed) + released;
        if (x->back->has_cookie) {
            r->cookies[0] = cookie_state_letter(x->cookie.state);
            r->cookies[1] = cookie_answer_letter(x->cookie.answer);
        }
    }
    r->server_conns = a->server ? server_slots(a->server) + released : 0;
    access_log(x->w->log, x->w->all->main, r, worker_now(x->w),
               atomic_load_explicit(&x->w->all->conns, memory_order_relaxed));
}
