/*
 * The inside of stick tables, shared by stick.c, stick_shard.c and stick_log.c; nobody else
 * includes this. Unless said otherwise the shard is locked by the caller.
 */
#pragma once

#include "common/base/map.h"
#include "common/base/timer.h"
#include "lb/core/stick.h"
#include "lb/core/stick_rate.h"

#include <pthread.h>
#include <stdatomic.h>

#define SHARDS 16

/* Server names are few and entries many: a shard keeps each name once. */
struct name {
    uint32_t refs;
    char text[];
};

struct stick_entry {
    struct timer
        timer; /* `at`: when it expires, or when it was last used; not armed while in use */
    struct stick_entry *next;
    uint64_t hash, id;
    uint64_t update; /* number of its place in the log; 0: none */
    struct mono taught;
    struct name *name;
    uint32_t server_id, use, slot;
    uint32_t key_len;
    _Alignas(uint64_t) uint8_t payload[]; /* data slots, then the key */
};

struct log_item {
    uint64_t update;
    uint32_t slot;
};

struct shard {
    pthread_mutex_t lock;
    struct timers heap;
    struct stick_entry **buckets, **slots;
    uint32_t n_buckets, n, n_slots, slots_cap;
    uint32_t slot_free; /* number + 1 of the first free slot; 0: none */
    struct log_item *log;
    size_t log_n, log_cap;
    struct map names;
};

struct stick_table {
    struct stick_conf conf;
    char *name;
    uint32_t offsets[STICK_DATA_N]; /* in the payload */
    uint32_t data_size;
    uint32_t n_shards;
    struct shard *shards;
    _Atomic uint32_t used;
    _Atomic uint64_t ids, updates, purged, refused;
    bool logging;
    _Atomic bool woken;
    stick_wake_fn *wake;
    void *user;
};

/* A key as bytes; points into itself or into the caller's text. */
struct shard_key {
    uint8_t own[16];
    const uint8_t *data;
    uint32_t len;
    uint64_t hash;
};

/* False for a key that does not fit the type of the table. No lock. */
bool shard_key(const struct stick_table *t, const struct stick_key *k, struct shard_key *out);
struct shard *shard_of(struct stick_table *t, uint64_t hash); /* no lock */

void shard_init(struct shard *sh); /* no lock */
void shard_fini(struct shard *sh); /* no lock */

/* Finds or (`make`) makes: returns with the shard locked and the entry, or unlocked and NULL. */
struct stick_entry *shard_get(struct stick_table *t, const struct shard_key *k, bool make,
                              struct mono now);
void shard_remove(struct stick_table *t, struct shard *sh, struct stick_entry *e);

/* The entry that is to go first; NULL if all are in use. */
struct stick_entry *shard_first(const struct shard *sh);
/* NULL for a free slot. */
struct stick_entry *shard_entry(const struct shard *sh, uint32_t slot);
bool shard_expired(const struct stick_table *t, const struct stick_entry *e, struct mono now);

/* Its life begins again: `life`, or with 0 as long as the table says. */
void shard_renew(struct stick_table *t, struct shard *sh, struct stick_entry *e, struct span life,
                 struct mono now);

/* False if it was so already. */
bool shard_set_server(struct shard *sh, struct stick_entry *e, uint32_t id, const char *name);

/* Put the entry to the end of the log, if there is one: after a change, or after a mere use that
 * peers should hear of. True: call stick_log_wake() when the lock is given back. */
bool stick_log_change(struct stick_table *t, struct shard *sh, struct stick_entry *e,
                      struct mono now);
bool stick_log_use(struct stick_table *t, struct shard *sh, struct stick_entry *e, struct mono now);
void stick_log_wake(struct stick_table *t); /* no lock */

void stick_copy(const struct stick_table *t, struct stick_entry *e, struct mono now,
                struct stick_record *out);

static inline const uint8_t *shard_key_of(const struct stick_table *t, const struct stick_entry *e)
{
    return e->payload + t->data_size;
}

/* server_id and server_key are not counters. */
static inline bool stick_counts(const struct stick_table *t, enum stick_data d)
{
    return (t->conf.store & (1u << d)) && d != STICK_SERVER_ID && d != STICK_SERVER_KEY;
}

static inline bool stick_is_rate(enum stick_data d)
{
    return stick_data_rows[d].form == STICK_FORM_RATE;
}

static inline uint64_t *stick_number(const struct stick_table *t, struct stick_entry *e,
                                     enum stick_data d)
{
    return (uint64_t *)(void *)(e->payload + t->offsets[d]);
}

static inline struct stick_rate_slot *stick_rate_of(const struct stick_table *t,
                                                    struct stick_entry *e, enum stick_data d)
{
    return (struct stick_rate_slot *)(void *)(e->payload + t->offsets[d]);
}
