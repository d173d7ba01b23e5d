/*
 * Workers pick, wait, serve and release while main changes states, weights, limits, addresses and
 * membership. What must hold: no server ever serves more than its limit, every request that began
 * ends, nobody waits for a wake-up that never comes, and everything is freed.
 *
 * The mailbox stands for the engine's message queue and eventfd.
 */
#include "common/base/rng.h"
#include "lb/core/balance.h"
#include "lb/core/queue.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORKERS    4
#define REQUESTS   20000 /* each worker */
#define AT_ONCE    6     /* each worker */
#define MAIL_MAX   256
#define LIMIT_MAX  4
#define PATIENCE_S 10 /* after so long without a message a wake-up is lost */

static const struct mono now = {1};

struct mail {
    enum { MAIL_TURN, MAIL_LOOK, MAIL_EVICT, MAIL_MEMBERS } kind;
    struct server *server; /* held */
    struct pool_members *members;
};

struct request {
    struct queue_entry entry;
    struct server *server; /* serves it, a slot is taken */
};

struct worker {
    pthread_t thread;
    unsigned number;
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct mail mail[MAIL_MAX];
    unsigned n_mail;
    bool look_all; /* the mailbox was full: look everywhere instead */
    bool ended;

    struct balancer *balancer;
    struct queue queue;
    struct rng rng;
    struct request requests[AT_ONCE];
    unsigned started, done, refused, waited;
};

static struct pool *pool;
static struct worker workers[WORKERS];
static _Atomic unsigned running = WORKERS, failures, finished;

static void fail(const char *what)
{
    if (!atomic_fetch_add(&failures, 1))
        printf("# %s\n", what);
}

static void drop_mail(const struct mail *m)
{
    server_unref(m->server);
    pool_members_unref(m->members);
}

/* False if the box is full. Turns leave half of it to main; one that finds no room becomes a look
 * at everything. Who has ended needs no mail. */
static bool try_post(struct worker *w, const struct mail *m)
{
    bool turn = m->kind == MAIL_TURN || m->kind == MAIL_LOOK, room;
    pthread_mutex_lock(&w->lock);
    room = w->ended || w->n_mail < (turn ? MAIL_MAX / 2 : MAIL_MAX);
    if (room && !w->ended)
        w->mail[w->n_mail++] = *m;
    w->look_all |= turn && !room;
    if (w->ended || (turn && !room))
        drop_mail(m);
    pthread_cond_signal(&w->arrived);
    pthread_mutex_unlock(&w->lock);
    return room || turn;
}

static void post(struct worker *w, struct mail m)
{
    if (m.server)
        server_ref(m.server);
    while (!try_post(w, &m))
        sched_yield();
}

static void begin(struct worker *w, struct request *r, struct server *s)
{
    if (server_slots(s) > LIMIT_MAX)
        fail("more requests than maxconn");
    r->server = s;
}

/* The loop of queue.h; `s` NULL: look at all. */
static void run_turns(struct worker *w, struct server *s)
{
    const struct pool_members *m = balancer_members(w->balancer);
    struct queue_turn t;
    while ((t = s ? queue_next(&w->queue, s) : queue_look(&w->queue, m)).entry)
        begin(w, container_of(t.entry, struct request, entry), t.server);
    if (t.wake >= 0)
        post(&workers[t.wake], (struct mail){t.server ? MAIL_TURN : MAIL_LOOK, t.server, NULL});
}

static void wait_for(struct worker *w, struct request *r, struct server *s)
{
    if (queue_join(&w->queue, &r->entry, s, span_s(0), now) == QUEUE_FULL) {
        w->refused++;
        return;
    }
    w->waited++;
    run_turns(w, s);
}

static void choose(struct worker *w, struct request *r)
{
    const struct pool_members *m = balancer_members(w->balancer);
    struct balance_key key = {.source = addr_v4((uint32_t)rng_next(&w->rng))};
    struct balance_choice c = {BALANCE_NONE, NULL};
    if (m->n && rng_below(&w->rng, 3) == 0)
        c = balance_persist(w->balancer, m->servers[rng_below(&w->rng, m->n)], false);
    if (c.verdict == BALANCE_NONE)
        c = balance_pick(w->balancer, &key, NULL);
    switch (c.verdict) {
    case BALANCE_SERVED:
        begin(w, r, c.server);
        break;
    case BALANCE_QUEUE_SERVER:
    case BALANCE_QUEUE_POOL:
        wait_for(w, r, c.server);
        break;
    case BALANCE_FULL:
    case BALANCE_NONE:
        w->refused++;
        break;
    }
}

static void finish(struct worker *w, struct request *r)
{
    struct server *s = r->server;
    r->server = NULL;
    w->done++;
    atomic_fetch_add(&finished, 1);
    server_address(s);
    count_add(&s->lanes[w->number].count, COUNT_SESSIONS, 1);
    server_release(s);
    run_turns(w, s);
    server_unref(s);
}

static void evict(struct worker *w, struct server *s)
{
    struct queue_entry *e;
    while ((e = queue_evict(&w->queue, s)))
        choose(w, container_of(e, struct request, entry));
}

static void handle(struct worker *w, const struct mail *m)
{
    switch (m->kind) {
    case MAIL_TURN:
        run_turns(w, m->server);
        break;
    case MAIL_LOOK:
        run_turns(w, NULL);
        break;
    case MAIL_EVICT:
        evict(w, m->server);
        break;
    case MAIL_MEMBERS:
        balancer_adopt(w->balancer, m->members);
        run_turns(w, NULL);
        break;
    }
    server_unref(m->server);
}

/* Takes what is there; waits for something if `idle`. */
static void read_mail(struct worker *w, bool idle)
{
    struct mail mail[MAIL_MAX];
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&w->lock);
    while (idle && !w->n_mail && !w->look_all) {
        if (pthread_cond_timedwait(&w->arrived, &w->lock, &until)) {
            fail("a wake-up was lost");
            break;
        }
    }
    unsigned n = w->n_mail;
    bool look_all = w->look_all;
    memcpy(mail, w->mail, n * sizeof(mail[0]));
    w->n_mail = 0;
    w->look_all = false;
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < n; i++)
        handle(w, &mail[i]);
    if (look_all)
        run_turns(w, NULL);
}

/* One step of each request; true if one of them could do something. */
static bool step(struct worker *w)
{
    bool moved = false;
    for (unsigned i = 0; i < AT_ONCE; i++) {
        struct request *r = &w->requests[i];
        if (r->entry.waiting)
            continue;
        if (r->server) {
            moved = true;
            if (rng_below(&w->rng, 4) == 0)
                finish(w, r);
        } else if (w->started < REQUESTS) {
            moved = true;
            w->started++;
            choose(w, r);
        }
    }
    return moved;
}

static bool waits(const struct worker *w)
{
    for (unsigned i = 0; i < AT_ONCE; i++) {
        if (w->requests[i].entry.waiting)
            return true;
    }
    return false;
}

static void *work(void *arg)
{
    struct worker *w = arg;
    bool moved = true;
    do {
        read_mail(w, !moved && waits(w));
        moved = step(w);
        /* Some give up waiting, as clients do. */
        struct request *r = &w->requests[rng_below(&w->rng, AT_ONCE)];
        if (r->entry.waiting && rng_below(&w->rng, 50) == 0) {
            queue_leave(&w->queue, &r->entry);
            w->refused++;
            moved = true;
        }
    } while ((moved || waits(w)) && !atomic_load(&failures));
    pthread_mutex_lock(&w->lock);
    w->ended = true;
    pthread_mutex_unlock(&w->lock);
    atomic_fetch_sub(&running, 1);
    return NULL;
}

/* ---- main ---- */

static void post_all(int kind, struct server *s)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        struct mail m = {.kind = kind, .server = s};
        if (m.kind == MAIL_MEMBERS)
            m.members = pool_members(pool);
        post(&workers[i], m);
    }
}

static void on_event(const struct server_event *ev, void *user)
{
    bool down = ev->after.oper == SERVER_STOPPED;
    post_all(down ? MAIL_EVICT : MAIL_LOOK, down ? ev->server : NULL);
}

static void add_server(unsigned number)
{
    char name[16];
    snprintf(name, sizeof(name), "s%u", number);
    struct server_conf conf = {.name = name,
                               .weight = (int)(1 + number % 5),
                               .maxconn = 1 + number % LIMIT_MAX,
                               .maxqueue = number % 2 ? 3 : 0,
                               .backup = number % 7 == 6,
                               .checked = true};
    if (pool_add(pool, &conf, now, NULL, NULL) < 0)
        fail("cannot add a server");
}

static void change(struct rng *rng, unsigned turn)
{
    struct pool_members *m = pool->members;
    struct server *s = m->servers[1 + rng_below(rng, m->n - 1)]; /* the first one stays up */
    struct addr_port a = {addr_v4((uint32_t)turn), (uint16_t)turn};
    struct health_result fails = {.id = HEALTH_L4CON}, passes = {.id = HEALTH_L4OK};
    switch (rng_below(rng, 7)) {
    case 0:
        server_set_admin(s, (enum server_admin)rng_below(rng, 3), now);
        break;
    case 1:
        server_set_weight(s, (int)rng_below(rng, 6), now, NULL);
        break;
    case 2:
        server_set_address(s, &a);
        break;
    case 3:
        health_report(&s->check, rng_below(rng, 2) ? &fails : &passes, now);
        server_apply_check(s, now);
        break;
    case 4:
        server_set_maxconn(s, 1 + (uint32_t)rng_below(rng, LIMIT_MAX));
        post_all(MAIL_LOOK, NULL);
        break;
    case 5:
        add_server(100 + turn);
        post_all(MAIL_MEMBERS, NULL);
        break;
    case 6:
        if (m->n < 4)
            break;
        server_set_admin(s, SERVER_MAINT, now);
        pool_del(pool, s, NULL);
        post_all(MAIL_MEMBERS, NULL);
        break;
    default:
        break;
    }
}

/* Main changes something each time the workers have finished a few requests more. */
static void keep_changing(void)
{
    struct rng rng = {7};
    for (unsigned turn = 0; atomic_load(&running); turn++) {
        unsigned until = atomic_load(&finished) + 20;
        change(&rng, turn);
        while (atomic_load(&running) && atomic_load(&finished) < until)
            sched_yield();
        char text[SERVER_STATUS_MAX];
        for (uint32_t i = 0; i < pool->members->n; i++) {
            server_status_text(pool->members->servers[i], text);
            server_count(pool->members->servers[i], COUNT_SESSIONS);
        }
    }
}

static void start(enum balance_algorithm algorithm)
{
    struct pool_conf conf = {
        .name = "nodes",
        .balance = {.algorithm = algorithm, .consistent = true, .avalanche = true}};
    pool = pool_new(&conf, WORKERS, NULL);
    for (unsigned i = 0; i < 5; i++)
        add_server(i);
    pool_on_event(pool, on_event, NULL);
    atomic_store(&running, WORKERS);
    memset(workers, 0, sizeof(workers));
    for (unsigned i = 0; i < WORKERS; i++) {
        struct worker *w = &workers[i];
        w->number = i;
        w->rng.state = i;
        pthread_mutex_init(&w->lock, NULL);
        pthread_cond_init(&w->arrived, NULL);
        w->balancer = balancer_new(pool, pool_members(pool), i, i);
        w->queue = (struct queue){pool, i};
    }
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_create(&workers[i].thread, NULL, work, &workers[i]);
}

static void stop(void)
{
    unsigned done = 0, refused = 0, waited = 0;
    for (unsigned i = 0; i < WORKERS; i++) {
        struct worker *w = &workers[i];
        pthread_join(w->thread, NULL);
        read_mail(w, false);
        done += w->done;
        refused += w->refused;
        waited += w->waited;
        balancer_free(w->balancer);
        pthread_mutex_destroy(&w->lock);
        pthread_cond_destroy(&w->arrived);
    }
    printf("# %u served, %u of them waited, %u turned away\n", done, waited, refused);
    if (done + refused < WORKERS * REQUESTS)
        fail("requests were lost");
    if (!waited || done < WORKERS * REQUESTS / 2)
        fail("the test does not test much");
    if (atomic_load(&pool->queued_all) || atomic_load(&pool->slots))
        fail("slots or waiting requests are left");
    pool_retire(pool); /* what is still held leaks, which the sanitizer sees */
}

int main(void)
{
    static const enum balance_algorithm algorithms[] = {
        BALANCE_ROUNDROBIN, BALANCE_LEASTCONN, BALANCE_FIRST, BALANCE_SOURCE, BALANCE_RANDOM};
    printf("1..%zu\n", ARRAY_LEN(algorithms));
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        unsigned before = atomic_load(&failures);
        start(algorithms[i]);
        keep_changing();
        stop();
        bool ok = atomic_load(&failures) == before;
        printf("%sok %zu - %s: workers serve and wait while main changes everything\n",
               ok ? "" : "not ", i + 1, balance_names[algorithms[i]].name);
        if (!ok)
            return 1;
    }
    return 0;
}
