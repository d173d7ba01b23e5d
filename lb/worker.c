/*
 * What main asks of a worker comes as a message with a function; replies are counters in shared
 * objects, or a message back. Order of the life: start, plans and changes, stop, free.
 */
#include "lb/worker.h"

#include "common/rt/log.h"
#include "lb/net/client.h"
#include "lb/net/upstream.h"
#include "lb/session/attempt.h"
#include "lb/session/http.h"
#include "lb/session/rule_context.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ACCEPT_MAX   64           /* connections a turn */
#define ACCEPT_PAUSE span_ms(100) /* without descriptors */
#define LIMIT_PAUSE  span_ms(10)  /* at a limit of connections */

/* ---- accepting ---- */

static bool below(_Atomic uint32_t *now, _Atomic uint32_t *limit)
{
    uint32_t most = atomic_load_explicit(limit, memory_order_relaxed);

    return !most || atomic_load_explicit(now, memory_order_relaxed) < most;
}

static bool may_accept(const struct acceptor *a)
{
    struct workers *all = a->w->all;

    return below(&all->conns, &all->conns_limit) &&
           below(&a->listener->conns, &a->listener->limit) &&
           !atomic_load_explicit(&a->listener->stopped, memory_order_relaxed);
}

static void rest(struct acceptor *a, struct span time)
{
    loop_io_mod(a->w->loop, &a->io, 0);
    loop_timer_after(a->w->loop, &a->pause, time);
}

static void resume(struct timer *t, struct mono now)
{
    struct acceptor *a = container_of(t, struct acceptor, pause);

    loop_io_mod(a->w->loop, &a->io, EPOLLIN);
}

/* False: nothing more to accept now. */
static bool accept_one(struct acceptor *a)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    struct addr_port peer = {0};
    int fd;

    if (!may_accept(a)) {
        rest(a, LIMIT_PAUSE);
        return false;
    }
    fd = accept4(a->io.fd, (struct sockaddr *)&sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        addr_from_sockaddr((struct sockaddr *)&sa, &peer);
        client_new(a, fd, &peer);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        static struct log_limit limit = LOG_LIMIT(1, 10);
        log_limited(&limit, worker_now(a->w), LOG_LEVEL_WARNING,
                    "listener %s: cannot accept: %s; clients wait", a->listener->name,
                    strerror(errno));
        rest(a, ACCEPT_PAUSE);
    }
    return errno == ECONNABORTED || errno == EINTR;
}

/* One connection is the rule, so it costs one call; where there were more, more are tried for. */
static void on_accept(struct loop_io *io, uint32_t events)
{
    struct acceptor *a = container_of(io, struct acceptor, io);
    unsigned n = 0;

    while (n < a->batch && accept_one(a))
        n++;
    if (n == a->batch)
        a->batch = MIN(a->batch * 2, ACCEPT_MAX);
    else
        a->batch = MAX(n, 1);
}

static struct acceptor *find_acceptor(const struct worker *w, const struct binding *b)
{
    list_for_each (it, &w->acceptors) {
        struct acceptor *a = list_entry(it, struct acceptor, node);
        if (a->binding == b)
            return a;
    }
    return NULL;
}

static void open_acceptor(struct worker *w, const struct plan_listener *l, struct binding *b)
{
    struct acceptor *a = calloc(1, sizeof(*a));
    struct err e;

    if (!a)
        return;
    a->io = (struct loop_io){.fd = b->fds[w->index], .events = EPOLLIN, .fn = on_accept};
    a->pause = TIMER_INIT(resume);
    a->w = w;
    a->binding = binding_ref(b);
    a->listener = listener_ref(l->listener);
    a->front = l;
    a->batch = 1;
    a->users = 1;
    list_push_back(&w->acceptors, &a->node);
    if (loop_io_add(w->loop, &a->io, &e) < 0)
        log_err("listener %s: %s", l->listener->name, e.text);
}

void acceptor_unuse(struct acceptor *a)
{
    if (--a->users)
        return;
    list_del(&a->node);
    listener_unref(a->listener);
    binding_unref(a->binding);
    free(a);
}

/* What waits in the kernel's queue is accepted first: closing the socket would reset it. */
static void close_acceptor(struct acceptor *a)
{
    loop_timer_disarm(a->w->loop, &a->pause);
    loop_io_del(a->w->loop, &a->io);
    for (unsigned n = 0; n < SOMAXCONN && accept_one(a); n++)
        ;
    loop_timer_disarm(a->w->loop, &a->pause);
    a->front = NULL;
    binding_close(a->binding, a->w->index);
    acceptor_unuse(a);
}

/* ---- plans ---- */

static void unuse_plan(struct worker *w, struct plan *p)
{
    if (p && --p->lanes[w->index].users == 0)
        plan_unref(p);
}

struct plan *worker_use_plan(struct worker *w)
{
    w->plan->lanes[w->index].users++;
    return w->plan;
}

void worker_release_plan(struct worker *w, struct plan *p)
{
    unuse_plan(w, p);
}

struct upstream *worker_upstream(struct worker *w, const struct plan_pool *p)
{
    return p->slot < w->n_upstreams ? w->upstreams[p->slot] : NULL;
}

/* The listener of the new plan that has this binding; NULL if none. */
static const struct plan_listener *listener_of(const struct plan *p, const struct binding *b)
{
    for (size_t i = 0; i < p->n_listeners; i++)
        for (size_t k = 0; k < p->listeners[i].n_bindings; k++)
            if (p->listeners[i].bindings[k] == b)
                return &p->listeners[i];
    return NULL;
}

static void adopt_listeners(struct worker *w)
{
    const struct plan *p = w->plan;

    list_for_each_safe (it, &w->acceptors) {
        struct acceptor *a = list_entry(it, struct acceptor, node);
        const struct plan_listener *l = a->front ? listener_of(p, a->binding) : NULL;
        if (l)
            a->front = l;
        else if (a->front)
            close_acceptor(a);
    }
    for (size_t i = 0; i < p->n_listeners; i++)
        for (size_t k = 0; k < p->listeners[i].n_bindings; k++)
            if (!find_acceptor(w, p->listeners[i].bindings[k]))
                open_acceptor(w, &p->listeners[i], p->listeners[i].bindings[k]);
}

static bool grow(struct worker *w, unsigned slot)
{
    unsigned n = MAX(slot + 1, w->n_upstreams * 2);
    struct upstream **v;

    if (slot < w->n_upstreams)
        return true;
    v = reallocarray(w->upstreams, n, sizeof(struct upstream *));
    if (!v)
        return false;
    memset(v + w->n_upstreams, 0, (n - w->n_upstreams) * sizeof(struct upstream *));
    w->upstreams = v;
    w->n_upstreams = n;
    return true;
}

/* Idle connections to servers that are not members any more go with them. */
static void flush_gone(struct upstream *u, const struct pool_members *next)
{
    const struct pool_members *m = balancer_members(u->balancer);

    for (uint32_t i = 0; i < m->n; i++) {
        if (pool_by_name(next, m->servers[i]->name) == m->servers[i])
            continue;
        upstream_flush(u, m->servers[i]);
        attempt_evict(u, m->servers[i]);
    }
}

static void adopt_pool(struct worker *w, unsigned slot, struct pool *pool, struct pool_members *m)
{
    struct upstream *u;

    if (!grow(w, slot)) {
        pool_members_unref(m);
        return;
    }
    u = w->upstreams[slot];
    if (u && u->pool != pool) { /* the slot has a new owner */
        upstream_free(u);
        u = NULL;
    }
    if (!u) {
        w->upstreams[slot] = upstream_new(w, pool, m);
        return;
    }
    flush_gone(u, m);
    balancer_adopt(u->balancer, m);
    attempt_look(u, slot);
}

struct plan_msg {
    struct loop_msg msg;
    struct worker *w;
    struct plan *plan;
    struct pool_members **members; /* of each pool of the plan */
};

/* In main: one more has it. */
static void on_adopted(struct loop_msg *msg)
{
    struct plan_msg *m = container_of(msg, struct plan_msg, msg);
    struct workers *all = m->w->all;

    if (m->plan == all->newest && ++all->adopted == all->n && all->on_adopted)
        all->on_adopted(all->ctx);
    free(m);
}

static void on_plan(struct loop_msg *msg)
{
    struct plan_msg *m = container_of(msg, struct plan_msg, msg);
    struct worker *w = m->w;
    struct plan *old = w->plan;

    for (size_t i = 0; i < m->plan->n_pools; i++)
        adopt_pool(w, m->plan->pools[i].slot, m->plan->pools[i].pool, m->members[i]);
    w->plan = m->plan;
    w->plan->lanes[w->index].users++;
    if (!w->stopping)
        adopt_listeners(w);
    unuse_plan(w, old);
    free(m->members);
    m->msg.fn = on_adopted;
    loop_post(w->all->main, &m->msg);
}

void workers_publish(struct workers *all, struct plan *plan)
{
    all->newest = plan;
    all->adopted = 0;
    for (unsigned i = 0; i < all->n; i++) {
        struct plan_msg *m = calloc(1, sizeof(*m));
        struct pool_members **members = calloc(plan->n_pools + 1, sizeof(struct pool_members *));
        if (!m || !members)
            abort(); /* half a reload is worse than none */
        for (size_t k = 0; k < plan->n_pools; k++)
            members[k] = pool_members(plan->pools[k].pool);
        *m = (struct plan_msg){{.fn = on_plan}, all->v[i], plan_ref(plan), members};
        loop_post(all->v[i]->loop, &m->msg);
    }
}

/* ---- changes of pools and servers ---- */

struct change_msg {
    struct loop_msg msg;
    struct worker *w;
    unsigned slot;
    struct pool *pool;            /* held */
    struct server *server;        /* held; NULL: members changed, or a look at all */
    struct pool_members *members; /* held */
    bool down, cut;
};

static void cut_sessions(struct worker *w, struct server *s)
{
    struct list *busy = &s->lanes[w->index].busy;

    list_for_each_safe (it, busy) {
        struct server_conn *sc = list_entry(it, struct server_conn, node);
        sc->cut = sc->conn.broken = sc->conn.readable = true;
        sc->conn.error = ECONNRESET;
        sc->conn.ops->event(&sc->conn);
    }
}

static void apply_change(struct worker *w, struct upstream *u, const struct change_msg *m)
{
    if (m->members) {
        adopt_pool(w, m->slot, m->pool, m->members);
        return;
    }
    if (m->down) {
        upstream_flush(u, m->server);
        attempt_evict(u, m->server);
    }
    if (m->cut)
        cut_sessions(w, m->server);
    if (!m->down && m->server)
        attempt_turns(u, m->slot, m->server);
    if (!m->server)
        attempt_look(u, m->slot);
}

static void on_change(struct loop_msg *msg)
{
    struct change_msg *m = container_of(msg, struct change_msg, msg);
    struct worker *w = m->w;
    struct upstream *u = m->slot < w->n_upstreams ? w->upstreams[m->slot] : NULL;

    if (u && u->pool == m->pool)
        apply_change(w, u, m);
    else
        pool_members_unref(m->members);
    server_unref(m->server);
    pool_unref(m->pool);
    free(m);
}

static void post_change(struct worker *w, const struct change_msg *change)
{
    struct change_msg *m = malloc(sizeof(*m));

    if (!m) { /* idle connections find out by themselves, waiting requests by their timeout */
        pool_members_unref(change->members);
        return;
    }
    *m = *change;
    m->msg.fn = on_change;
    m->w = w;
    pool_ref(m->pool);
    if (m->server)
        server_ref(m->server);
    loop_post(w->loop, &m->msg);
}

void workers_members(struct workers *all, const struct plan_pool *p)
{
    for (unsigned i = 0; i < all->n; i++)
        post_change(all->v[i], &(struct change_msg){.slot = p->slot,
                                                    .pool = p->pool,
                                                    .members = pool_members(p->pool)});
}

void workers_server(struct workers *all, unsigned slot, struct server *s, bool down, bool cut)
{
    for (unsigned i = 0; i < all->n; i++)
        post_change(all->v[i],
                    &(struct change_msg){
                        .slot = slot, .pool = s->pool, .server = s, .down = down, .cut = cut});
}

void worker_wake(struct worker *w, unsigned other, unsigned slot, struct pool *p, struct server *s)
{
    post_change(w->all->v[other], &(struct change_msg){.slot = slot, .pool = p, .server = s});
}

/* ---- the thread ---- */

struct worker_msg {
    struct loop_msg msg;
    struct worker *w;
};

static void post(struct worker *w, loop_msg_fn *fn)
{
    struct worker_msg *m = malloc(sizeof(*m));

    if (!m)
        abort();
    *m = (struct worker_msg){{.fn = fn}, w};
    loop_post(w->loop, &m->msg);
}

static void stop_listening(struct worker *w)
{
    list_for_each_safe (it, &w->acceptors) {
        struct acceptor *a = list_entry(it, struct acceptor, node);
        if (a->front)
            close_acceptor(a);
    }
    list_for_each_safe (it, &w->clients)
        http_stop(list_entry(it, struct client, node));
}

static void on_stop(struct loop_msg *msg)
{
    struct worker *w = container_of(msg, struct worker_msg, msg)->w;

    free(msg);
    w->stopping = true;
    stop_listening(w);
}

void workers_stop(struct workers *all)
{
    for (unsigned i = 0; i < all->n; i++)
        post(all->v[i], on_stop);
}

static void on_quit(struct loop_msg *msg)
{
    struct worker *w = container_of(msg, struct worker_msg, msg)->w;

    free(msg);
    w->stopping = true;
    stop_listening(w);
    list_for_each_safe (it, &w->clients) {
        struct client *c = list_entry(it, struct client, node);
        c->conn.broken = true;
        c->conn.ops->event(&c->conn);
    }
    for (unsigned i = 0; i < w->n_upstreams; i++)
        upstream_free(w->upstreams[i]);
    w->n_upstreams = 0;
    loop_stop(w->loop);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    struct err e;

    if (loop_run(w->loop, &e) < 0)
        log_err("worker %u: %s", w->index, e.text);
    return NULL;
}

/* ---- life ---- */

static void free_worker(struct worker *w)
{
    if (!w)
        return;
    while (w->free_exchanges) {
        struct exchange *x = w->free_exchanges;
        w->free_exchanges = x->next_free;
        free(x);
    }
    unuse_plan(w, w->plan);
    buffers_fini(&w->buffers);
    loop_free(w->loop);
    free(w->upstreams);
    rule_kit_free(w->kit);
    free(w->scratch);
    free(w);
}

static int new_worker(struct workers *all, unsigned index, uint32_t buffer, struct access_lane *log,
                      struct err *e)
{
    struct worker *w = calloc(1, sizeof(*w));

    if (!w)
        return err_set(e, -ENOMEM, "out of memory");
    all->v[index] = w;
    w->index = index;
    w->all = all;
    w->log = log;
    list_init(&w->acceptors);
    list_init(&w->clients);
    buffers_init(&w->buffers, buffer);
    w->scratch = malloc(sizeof(*w->scratch));
    w->kit =
        rule_kit_new(((uint64_t)index << 32) ^ (uint64_t)getpid() ^ (uint64_t)time(NULL) << 16);
    if (!w->scratch || !w->kit)
        return err_set(e, -ENOMEM, "out of memory");
    return loop_new(&w->loop, e);
}

int workers_start(struct workers **out, unsigned n, uint32_t buffer, struct loop *main,
                  struct access_lane **logs, struct err *e)
{
    struct workers *all = calloc(1, sizeof(*all));
    int err = all ? 0 : -ENOMEM;

    if (!all)
        return err_set(e, -ENOMEM, "out of memory");
    all->main = main;
    all->v = calloc(n, sizeof(struct worker *));
    for (unsigned i = 0; all->v && i < n && err == 0; i++)
        err = new_worker(all, i, buffer, logs[i], e);
    for (unsigned i = 0; all->v && i < n && err == 0; i++) {
        err = -pthread_create(&all->v[i]->thread, NULL, run, all->v[i]);
        if (err == 0)
            all->n++;
        else
            err_set(e, err, "cannot start a thread: %s", strerror(-err));
    }
    if (err < 0) {
        workers_free(all);
        return err;
    }
    *out = all;
    return 0;
}

void workers_free(struct workers *all)
{
    if (!all)
        return;
    for (unsigned i = 0; i < all->n; i++)
        post(all->v[i], on_quit);
    for (unsigned i = 0; i < all->n; i++)
        pthread_join(all->v[i]->thread, NULL);
    for (unsigned i = 0; i < all->n; i++) /* messages that came too late */
        loop_turn(all->v[i]->loop, (struct mono){0}, NULL);
    loop_turn(all->main, (struct mono){0}, NULL);
    for (unsigned i = 0; i < all->n; i++)
        free_worker(all->v[i]);
    free(all->v);
    free(all);
}
