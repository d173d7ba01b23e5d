/*
 * A shard is a hash table of entries, a heap of those that may go (ordered by when they expire or,
 * without `expire`, by when they were last used), an array of slots through which a dump walks, and
 * the log of updates. Entries in use are not in the heap, so neither expiry nor purging meets them.
 */
#include "lb/core/stick_shard.h"

#include "common/base/rng.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS_MIN 16

/* ---- keys ---- */

static uint64_t hash_key(uint64_t seed, const uint8_t *data, size_t len)
{
    struct rng r = {seed ^ len};
    for (size_t i = 0; i < len; i += 8) {
        uint64_t chunk = 0;
        memcpy(&chunk, data + i, MIN(len - i, sizeof(chunk)));
        r.state = rng_next(&r) ^ chunk;
    }
    return rng_next(&r);
}

static bool raw_addr(const struct stick_table *t, const struct addr *a, struct shard_key *out)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (t->conf.type == STICK_IP) {
        out->len = 4;
        memcpy(out->own, a->bytes, 4);
        return a->family == AF_INET;
    }
    out->len = 16;
    if (a->family == AF_INET6) {
        memcpy(out->own, a->bytes, 16);
        return true;
    }
    memcpy(out->own, mapped, 12);
    memcpy(out->own + 12, a->bytes, 4);
    return a->family == AF_INET;
}

/* False for a key that does not fit the type of the table. */
bool shard_key(const struct stick_table *t, const struct stick_key *k, struct shard_key *out)
{
    bool address = t->conf.type == STICK_IP || t->conf.type == STICK_IPV6;
    bool address_key = k->type == STICK_IP || k->type == STICK_IPV6;
    if (address ? !address_key : k->type != t->conf.type)
        return false;
    out->data = out->own;
    if (address) {
        if (!raw_addr(t, &k->addr, out))
            return false;
    } else if (k->type == STICK_INTEGER) {
        out->len = sizeof(k->integer);
        memcpy(out->own, &k->integer, sizeof(k->integer));
    } else {
        out->data = k->bytes.data;
        out->len = (uint32_t)MIN(k->bytes.len, t->conf.key_len);
        if (!out->len)
            return false;
    }
    out->hash = hash_key(t->conf.seed, out->data, out->len);
    return true;
}

struct shard *shard_of(struct stick_table *t, uint64_t hash)
{
    return &t->shards[(hash >> 32) % t->n_shards];
}
/* ---- names ---- */

static void name_put(struct shard *sh, struct name *n)
{
    if (n && --n->refs == 0) {
        map_del(&sh->names, n->text);
        free(n);
    }
}

static struct name *name_get(struct shard *sh, const char *text)
{
    if (!text || !text[0])
        return NULL;
    struct name *n = map_get(&sh->names, text);
    if (n) {
        n->refs++;
        return n;
    }
    size_t len = strnlen(text, STICK_NAME_MAX);
    n = calloc(1, sizeof(*n) + len + 1);
    if (!n)
        return NULL;
    memcpy(n->text, text, len);
    n->refs = 1;
    if (map_put(&sh->names, n->text, n) < 0) {
        free(n);
        return NULL;
    }
    return n;
}
/* ---- the parts of a shard; its lock is held ---- */

/* Free slots hold `slot_free` of the next free one, shifted and marked by the lowest bit. */
static bool take_slot(struct shard *sh, struct stick_entry *e)
{
    if (sh->slot_free) {
        e->slot = sh->slot_free - 1;
        sh->slot_free = (uint32_t)((uintptr_t)sh->slots[e->slot] >> 1);
        sh->slots[e->slot] = e;
        return true;
    }
    if (sh->n_slots == sh->slots_cap) {
        uint32_t cap = sh->slots_cap ? sh->slots_cap * 2 : BUCKETS_MIN;
        struct stick_entry **slots = realloc(sh->slots, cap * sizeof(*slots));
        if (!slots)
            return false;
        sh->slots = slots;
        sh->slots_cap = cap;
    }
    e->slot = sh->n_slots++;
    sh->slots[e->slot] = e;
    return true;
}

static void give_slot(struct shard *sh, uint32_t slot)
{
    sh->slots[slot] = (struct stick_entry *)((uintptr_t)sh->slot_free << 1 | 1);
    sh->slot_free = slot + 1;
}

struct stick_entry *shard_entry(const struct shard *sh, uint32_t slot)
{
    struct stick_entry *e = slot < sh->n_slots ? sh->slots[slot] : NULL;
    return (uintptr_t)e & 1 ? NULL : e;
}

static bool grow_buckets(struct shard *sh)
{
    if (sh->n < sh->n_buckets)
        return true;
    uint32_t n = sh->n_buckets ? sh->n_buckets * 2 : BUCKETS_MIN;
    struct stick_entry **buckets = calloc(n, sizeof(*buckets));
    if (!buckets)
        return sh->n_buckets > 0; /* longer chains, but it works */
    for (uint32_t i = 0; i < sh->n_buckets; i++) {
        struct stick_entry *e = sh->buckets[i];
        while (e) {
            struct stick_entry *next = e->next;
            e->next = buckets[e->hash & (n - 1)];
            buckets[e->hash & (n - 1)] = e;
            e = next;
        }
    }
    free(sh->buckets);
    sh->buckets = buckets;
    sh->n_buckets = n;
    return true;
}

void shard_remove(struct stick_table *t, struct shard *sh, struct stick_entry *e)
{
    struct stick_entry **at = &sh->buckets[e->hash & (sh->n_buckets - 1)];
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    timers_disarm(&sh->heap, &e->timer);
    give_slot(sh, e->slot);
    name_put(sh, e->name);
    sh->n--;
    atomic_fetch_sub(&t->used, 1);
    free(e);
}

struct stick_entry *shard_first(const struct shard *sh)
{
    return sh->heap.root ? container_of(sh->heap.root, struct stick_entry, timer) : NULL;
}

bool shard_expired(const struct stick_table *t, const struct stick_entry *e, struct mono now)
{
    return t->conf.expire.us > 0 && !e->use && !mono_before(now, e->timer.at);
}

static struct stick_entry *shard_find(struct stick_table *t, struct shard *sh,
                                      const struct shard_key *k, struct mono now)
{
    struct stick_entry *e = sh->n_buckets ? sh->buckets[k->hash & (sh->n_buckets - 1)] : NULL;
    while (e && (e->hash != k->hash || e->key_len != k->len ||
                 memcmp(shard_key_of(t, e), k->data, k->len) != 0))
        e = e->next;
    if (e && shard_expired(t, e, now)) {
        shard_remove(t, sh, e);
        return NULL;
    }
    return e;
}

/* Its life begins again: as long as `life`, or as the table says. */
void shard_renew(struct stick_table *t, struct shard *sh, struct stick_entry *e, struct span life,
                 struct mono now)
{
    bool ends = t->conf.expire.us > 0;
    struct mono at = ends ? mono_add(now, life.us > 0 ? life : t->conf.expire) : now;
    if (e->use)
        e->timer.at = at; /* it is not in the heap */
    else
        timers_arm(&sh->heap, &e->timer, at);
}

static bool reserve(struct stick_table *t)
{
    uint32_t used = atomic_load(&t->used);
    do {
        if (used >= t->conf.size)
            return false;
    } while (!atomic_compare_exchange_weak(&t->used, &used, used + 1));
    return true;
}

static struct stick_entry *insert(struct stick_table *t, struct shard *sh,
                                  const struct shard_key *k, struct mono now)
{
    struct stick_entry *e = calloc(1, sizeof(*e) + t->data_size + k->len);
    if (!e || !grow_buckets(sh) || !take_slot(sh, e)) {
        free(e);
        atomic_fetch_sub(&t->used, 1);
        return NULL;
    }
    e->id = atomic_fetch_add(&t->ids, 1) + 1;
    e->hash = k->hash;
    e->key_len = k->len;
    memcpy(e->payload + t->data_size, k->data, k->len);
    e->next = sh->buckets[k->hash & (sh->n_buckets - 1)];
    sh->buckets[k->hash & (sh->n_buckets - 1)] = e;
    sh->n++;
    shard_renew(t, sh, e, span_us(0), now);
    return e;
}

static bool shard_purge(struct stick_table *t, struct shard *sh)
{
    struct stick_entry *oldest = shard_first(sh);
    if (!oldest)
        return false;
    shard_remove(t, sh, oldest);
    atomic_fetch_add(&t->purged, 1);
    return true;
}
bool shard_set_server(struct shard *sh, struct stick_entry *e, uint32_t id, const char *name)
{
    bool same_name = e->name ? name && strcmp(e->name->text, name) == 0 : !name || !name[0];
    if (same_name && e->server_id == id)
        return false;
    struct name *n = name_get(sh, name);
    name_put(sh, e->name);
    e->name = n;
    e->server_id = id;
    return true;
}
/* ---- getting at an entry ---- */

/* Returns with the shard locked and the entry, or unlocked and NULL. A full table makes room in
 * this shard or, if there is nothing to purge in it, in another one. */
struct stick_entry *shard_get(struct stick_table *t, const struct shard_key *k, bool make,
                              struct mono now)
{
    struct shard *sh = shard_of(t, k->hash);
    for (uint32_t tries = 0; tries <= t->n_shards; tries++) {
        pthread_mutex_lock(&sh->lock);
        struct stick_entry *e = shard_find(t, sh, k, now);
        bool room = !e && make && reserve(t);
        if (!e && make && !room && !t->conf.nopurge && shard_purge(t, sh))
            room = reserve(t);
        if (room)
            e = insert(t, sh, k, now);
        if (e)
            return e;
        pthread_mutex_unlock(&sh->lock);
        if (!make || room || t->conf.nopurge)
            break;
        struct shard *other = &t->shards[(uint32_t)(sh - t->shards + tries + 1) % t->n_shards];
        pthread_mutex_lock(&other->lock);
        shard_purge(t, other);
        pthread_mutex_unlock(&other->lock);
    }
    if (make)
        atomic_fetch_add(&t->refused, 1);
    return NULL;
}
void shard_init(struct shard *sh)
{
    pthread_mutex_init(&sh->lock, NULL);
}

void shard_fini(struct shard *sh)
{
    for (uint32_t i = 0; i < sh->n_slots; i++) {
        if (!((uintptr_t)sh->slots[i] & 1))
            free(sh->slots[i]);
    }
    map_for_each (e, &sh->names)
        free(e->value);
    map_fini(&sh->names);
    free(sh->slots);
    free(sh->buckets);
    free(sh->log);
    pthread_mutex_destroy(&sh->lock);
}
