/*
 * Balancing: which server takes a request.
 *
 * A `struct balancer` is one worker's view of one pool: the members as it last got them, and what
 * it worked out of them (who is usable, the order of the turns, the hash ring). It is used by that
 * worker only. It looks at pool.epoch at each pick and works anew when main has changed something.
 * The position in the round is shared by all workers, so that the servers alternate for a client
 * whichever worker it meets.
 *
 * Backups are used only when no active server is usable: the first of them, or all with
 * `all_backups`.
 */
#pragma once

#include "common/base/rng.h"
#include "lb/core/balance_conf.h"
#include "lb/core/pool.h"

struct balancer;

/* What the algorithms look at; fill in what there is. */
struct balance_key {
    struct addr source;      /* the client's address */
    struct hash_text target; /* request target (uri, url_param) */
    struct hash_text header; /* value of the header `hdr(name)` */
    struct hash_text body;   /* url_param check_post: the form, NULL if not asked for */
};

/* Servers not to take (they failed this request already). */
#define BALANCE_EXCLUDE_MAX 8
struct balance_exclude {
    const struct server *servers[BALANCE_EXCLUDE_MAX];
    unsigned n;
};

/* Remembers `s`; the oldest is forgotten when it is full. */
void balance_exclude(struct balance_exclude *x, const struct server *s);

struct balance_name {
    const char *name;
    bool hashes; /* takes hash-type */
};
extern const struct balance_name balance_names[BALANCE_ALGORITHMS];

/* Takes over the caller's hold on `m`. NULL without memory (then `m` is dropped). `seed` is for
 * `random` only. */
struct balancer *balancer_new(struct pool *p, struct pool_members *m, unsigned worker,
                              uint64_t seed);
void balancer_free(struct balancer *b); /* NULL-safe */

/* New members came by message: takes over the hold on `m`, drops the old ones. */
void balancer_adopt(struct balancer *b, struct pool_members *m);

/* The members in use, for look-ups by cookie and id. */
const struct pool_members *balancer_members(const struct balancer *b);

enum balance_verdict {
    BALANCE_SERVED,       /* `server` is chosen, held, and a slot of it is taken (server_take) */
    BALANCE_QUEUE_SERVER, /* wait for `server` */
    BALANCE_QUEUE_POOL,   /* wait for any */
    BALANCE_FULL,         /* `server` is the one, but its queue is full: 503, or with `option
                             redispatch` another one for a client who came by its cookie */
    BALANCE_NONE          /* nobody is left: 503 */
};

struct balance_choice {
    enum balance_verdict verdict;
    struct server *server; /* held with SERVED only; else hand it to queue_join(), which does */
};

/*
 * Chooses for a new client, or for one whom `balance_persist` turned away. `exclude` may be NULL.
 * When only excluded servers are left they are taken after all (one server, a retry).
 * Never blocks, never allocates unless main changed something. Counts COUNT_PICKED.
 */
struct balance_choice balance_pick(struct balancer *b, const struct balance_key *key,
                                   const struct balance_exclude *exclude);

/*
 * For a client whose cookie or stick entry names `s`: SERVED, QUEUE_SERVER, FULL, or NONE when `s`
 * must not serve it (stopped, maintenance): then balance_pick() another. `even_down` is `option
 * persist` and force-persist.
 */
struct balance_choice balance_persist(struct balancer *b, struct server *s, bool even_down);
