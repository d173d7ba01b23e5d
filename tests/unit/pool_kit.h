/*
 * A pool and its workers' balancers for tests, from a line of server_conf; time is `kit_now`.
 */
#pragma once

#include "lb/core/balance.h"
#include "lb/core/pool.h"
#include "lb/core/queue.h"

#include <check.h>
#include <stdio.h>

#define KIT_SERVERS 16
#define KIT_WORKERS 3

struct kit {
    struct pool *pool;
    struct server *s[KIT_SERVERS];
    struct balancer *b[KIT_WORKERS];
    struct queue q[KIT_WORKERS];
    unsigned n;
};

static struct mono kit_now = {1000000};

/* "A", "B", ... in order; name and id may be given. */
static inline struct server *kit_add(struct kit *k, struct server_conf c)
{
    struct err e = {0};
    char name[8];
    snprintf(name, sizeof(name), "%c", 'A' + (int)k->n);
    if (!c.name)
        c.name = name;
    ck_assert_msg(pool_add(k->pool, &c, kit_now, &k->s[k->n], &e) == 0, "%s", e.text);
    return k->s[k->n++];
}

/* Hands the newest members to each worker, as messages would. */
static inline void kit_publish(struct kit *k)
{
    for (unsigned w = 0; w < KIT_WORKERS; w++) {
        if (k->b[w])
            balancer_adopt(k->b[w], pool_members(k->pool));
        else
            k->b[w] = balancer_new(k->pool, pool_members(k->pool), w, 42 + w);
        ck_assert_ptr_nonnull(k->b[w]);
        k->q[w] = (struct queue){k->pool, w};
    }
}

static inline struct kit kit_open(struct pool_conf conf)
{
    struct err e = {0};
    struct kit k = {0};
    if (!conf.name)
        conf.name = "nodes";
    k.pool = pool_new(&conf, KIT_WORKERS, &e);
    ck_assert_msg(k.pool != NULL, "%s", e.text);
    return k;
}

static inline struct kit kit_weights(struct balance_conf balance, unsigned n, const int *weights)
{
    struct kit k = kit_open((struct pool_conf){.balance = balance});
    for (unsigned i = 0; i < n; i++)
        kit_add(&k, (struct server_conf){.weight = weights[i]});
    kit_publish(&k);
    return k;
}

static inline void kit_close(struct kit *k)
{
    for (unsigned w = 0; w < KIT_WORKERS; w++)
        balancer_free(k->b[w]);
    pool_retire(k->pool);
}

static inline void kit_done(struct server *s)
{
    server_release(s);
    server_unref(s);
}

/* Letter of the server that worker `w` picks for `key`, or '-' none, '*' queue of the pool, lower
 * case: the queue of that server, '!' its queue is full. The slot stays taken. */
static inline char kit_pick_held(struct kit *k, unsigned w, const struct balance_key *key,
                                 const struct balance_exclude *x)
{
    struct balance_key none = {0};
    struct balance_choice c = balance_pick(k->b[w], key ? key : &none, x);
    switch (c.verdict) {
    case BALANCE_SERVED:
        return c.server->name[0];
    case BALANCE_QUEUE_SERVER:
        return (char)(c.server->name[0] + 'a' - 'A');
    case BALANCE_QUEUE_POOL:
        return '*';
    case BALANCE_FULL:
        return '!';
    case BALANCE_NONE:
        break;
    }
    return '-';
}

/* As kit_pick_held, for a request that is over at once. */
static inline char kit_pick(struct kit *k, unsigned w, const struct balance_key *key,
                            const struct balance_exclude *x)
{
    char c = kit_pick_held(k, w, key, x);
    if (c >= 'A' && c <= 'Z') {
        for (unsigned i = 0; i < k->n; i++) {
            if (k->s[i] && k->s[i]->name[0] == c)
                kit_done(k->s[i]);
        }
    }
    return c;
}

static inline const char *kit_picks(struct kit *k, unsigned n, char *out)
{
    for (unsigned i = 0; i < n; i++)
        out[i] = kit_pick(k, 0, NULL, NULL);
    out[n] = '\0';
    return out;
}
