/*
 * A shard is a hash table of entries, a heap of those that may go (ordered by when they expire or,
 * without `expire`, by when they were last used), an array of slots through which a dump walks, and
 * the log of updates. Entries in use are not in the heap, so neither expiry nor purging meets them.
 *
 * The log is an array of (number, slot), appended to and thus sorted. An update that has been
 * overtaken by a newer one of the same entry stays as a hole until the array is full and is swept.
 * A number is drawn while its shard is locked; so whoever reads the highest number first and the
 * shards after sees all up to it.
 */
#include "lb/core/stick.h"

#include "common/base/map.h"
#include "common/base/rng.h"
#include "common/base/timer.h"
#include "lb/core/stick_rate.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define SHARDS          16
#define KEY_LEN_DEFAULT 32
#define BUCKETS_MIN     16
#define RETEACH_SHARE   8 /* of an entry's life, after which a mere use is taught again */
#define NO_SLOT         UINT32_MAX
#define GATHER          32 /* updates read from one shard at a time */

/* Server names are few and entries many: a shard keeps each name once. */
struct name {
    uint32_t refs;
    char text[];
};

struct stick_entry {
    struct timer timer; /* `at`: when it expires, or when it was last used */
    struct stick_entry *next;
    uint64_t hash, id, update;
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
    uint32_t n_buckets, n, n_slots, slots_cap, slot_free;
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

/* ---- making and freeing the table ---- */

static bool stores(const struct stick_table *t, enum stick_data d)
{
    return t->conf.store & (1u << d);
}

static void lay_out(struct stick_table *t)
{
    for (unsigned d = 0; d < STICK_DATA_N; d++) {
        if (!stores(t, d) || d == STICK_SERVER_ID || d == STICK_SERVER_KEY)
            continue;
        bool rate = stick_data_rows[d].form == STICK_FORM_RATE;
        if (rate && t->conf.period[d].us <= 0)
            t->conf.period[d] = span_s(1);
        t->offsets[d] = t->data_size;
        t->data_size += (uint32_t)(rate ? sizeof(struct stick_rate_slot) : sizeof(uint64_t));
    }
}

static int check_conf(const struct stick_conf *c, struct err *e)
{
    if (!c->name || !c->name[0])
        return err_set(e, -EINVAL, "a stick table needs a name");
    if (c->type >= STICK_TYPES || !stick_type_names[c->type])
        return err_set(e, -EINVAL, "stick table %s: unknown type", c->name);
    if (!c->size || c->size > STICK_SIZE_MAX)
        return err_set(e, -EINVAL, "stick table %s: size %u is not in 1..%u", c->name, c->size,
                       STICK_SIZE_MAX);
    if (c->key_len > STICK_KEY_MAX)
        return err_set(e, -EINVAL, "stick table %s: keys longer than %d bytes are not kept",
                       c->name, STICK_KEY_MAX);
    return 0;
}

static bool make_shards(struct stick_table *t)
{
    uint32_t n = t->conf.size >= STICK_SHARDED ? SHARDS : 1;
    t->shards = calloc(n, sizeof(*t->shards));
    if (!t->shards)
        return false;
    for (; t->n_shards < n; t->n_shards++) {
        struct shard *sh = &t->shards[t->n_shards];
        sh->slot_free = NO_SLOT;
        pthread_mutex_init(&sh->lock, NULL);
    }
    return true;
}

struct stick_table *stick_new(const struct stick_conf *conf, struct err *e)
{
    if (check_conf(conf, e) < 0)
        return NULL;
    struct stick_table *t = calloc(1, sizeof(*t));
    if (t) {
        t->conf = *conf;
        t->name = strdup(conf->name);
        t->conf.name = t->name;
        if (!t->conf.key_len)
            t->conf.key_len = KEY_LEN_DEFAULT;
        lay_out(t);
    }
    if (!t || !t->name || !make_shards(t)) {
        err_set(e, -ENOMEM, "no memory for stick table %s", conf->name);
        stick_free(t);
        return NULL;
    }
    return t;
}

static void free_shard(struct shard *sh)
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

void stick_free(struct stick_table *t)
{
    if (!t)
        return;
    for (uint32_t i = 0; i < t->n_shards; i++)
        free_shard(&t->shards[i]);
    free(t->shards);
    free(t->name);
    free(t);
}

const struct stick_conf *stick_conf(const struct stick_table *t)
{
    return &t->conf;
}

uint32_t stick_used(const struct stick_table *t)
{
    return atomic_load(&t->used);
}

uint64_t stick_purged(const struct stick_table *t)
{
    return atomic_load(&t->purged);
}

uint64_t stick_refused(const struct stick_table *t)
{
    return atomic_load(&t->refused);
}

/* ---- keys ---- */

struct raw_key {
    uint8_t own[16];
    const uint8_t *data;
    uint32_t len;
    uint64_t hash;
};

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

static bool raw_addr(const struct stick_table *t, const struct addr *a, struct raw_key *out)
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
static bool raw_key(const struct stick_table *t, const struct stick_key *k, struct raw_key *out)
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

static struct shard *shard_of(struct stick_table *t, uint64_t hash)
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

/* Free slots hold the number of the next free one, shifted and marked by the lowest bit. */
static bool take_slot(struct shard *sh, struct stick_entry *e)
{
    if (sh->slot_free != NO_SLOT) {
        e->slot = sh->slot_free;
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
    sh->slot_free = slot;
}

static struct stick_entry *slot_entry(const struct shard *sh, uint32_t slot)
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

static void remove_entry(struct stick_table *t, struct shard *sh, struct stick_entry *e)
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

static struct stick_entry *heap_first(const struct shard *sh)
{
    return sh->heap.root ? container_of(sh->heap.root, struct stick_entry, timer) : NULL;
}

static bool expired(const struct stick_table *t, const struct stick_entry *e, struct mono now)
{
    return t->conf.expire.us > 0 && !e->use && !mono_before(now, e->timer.at);
}

static const uint8_t *key_of(const struct stick_table *t, const struct stick_entry *e)
{
    return e->payload + t->data_size;
}

static struct stick_entry *find(struct stick_table *t, struct shard *sh, const struct raw_key *k,
                                struct mono now)
{
    struct stick_entry *e = sh->n_buckets ? sh->buckets[k->hash & (sh->n_buckets - 1)] : NULL;
    while (e && (e->hash != k->hash || e->key_len != k->len ||
                 memcmp(key_of(t, e), k->data, k->len) != 0))
        e = e->next;
    if (e && expired(t, e, now)) {
        remove_entry(t, sh, e);
        return NULL;
    }
    return e;
}

/* Its life begins again: as long as `life`, or as the table says. */
static void renew(struct stick_table *t, struct shard *sh, struct stick_entry *e, struct span life,
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

static struct stick_entry *insert(struct stick_table *t, struct shard *sh, const struct raw_key *k,
                                  struct mono now)
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
    renew(t, sh, e, span_us(0), now);
    return e;
}

static bool purge_one(struct stick_table *t, struct shard *sh)
{
    struct stick_entry *oldest = heap_first(sh);
    if (!oldest)
        return false;
    remove_entry(t, sh, oldest);
    atomic_fetch_add(&t->purged, 1);
    return true;
}

/* ---- the log; the shard's lock is held ---- */

static bool current(const struct shard *sh, const struct log_item *i)
{
    const struct stick_entry *e = slot_entry(sh, i->slot);
    return e && e->update == i->update;
}

static bool make_log_room(struct shard *sh)
{
    if (sh->log_n < sh->log_cap)
        return true;
    size_t live = 0;
    for (size_t i = 0; i < sh->log_n; i++) {
        if (current(sh, &sh->log[i]))
            sh->log[live++] = sh->log[i];
    }
    sh->log_n = live;
    if (live < sh->log_cap / 2)
        return true;
    size_t cap = sh->log_cap ? sh->log_cap * 2 : BUCKETS_MIN;
    struct log_item *log = realloc(sh->log, cap * sizeof(*log));
    if (!log)
        return sh->log_n < sh->log_cap;
    sh->log = log;
    sh->log_cap = cap;
    return true;
}

static bool append_log(struct stick_table *t, struct shard *sh, struct stick_entry *e,
                       struct mono now)
{
    if (!make_log_room(sh))
        return false;
    e->taught = now;
    e->update = atomic_fetch_add(&t->updates, 1) + 1;
    sh->log[sh->log_n++] = (struct log_item){e->update, e->slot};
    return true;
}

/* To be called when the lock is given back: it wakes another thread. */
static void wake(struct stick_table *t)
{
    if (t->logging && !atomic_exchange(&t->woken, true))
        t->wake(t->user);
}

/* True if wake() is due. */
static bool note_change(struct stick_table *t, struct shard *sh, struct stick_entry *e,
                        struct mono now)
{
    return t->logging && append_log(t, sh, e, now);
}

static bool note_use(struct stick_table *t, struct shard *sh, struct stick_entry *e,
                     struct mono now)
{
    int64_t life = t->conf.expire.us;
    if (!t->logging || life <= 0 || mono_diff(now, e->taught).us < life / RETEACH_SHARE)
        return false;
    return append_log(t, sh, e, now);
}

bool stick_on_update(struct stick_table *t, stick_wake_fn *fn, void *user)
{
    t->wake = fn;
    t->user = user;
    t->logging = true;
    bool ok = true;
    for (uint32_t k = 0; k < t->n_shards; k++) {
        struct shard *sh = &t->shards[k];
        for (uint32_t i = 0; i < sh->n_slots; i++) {
            struct stick_entry *e = slot_entry(sh, i);
            if (e && !e->update)
                ok &= append_log(t, sh, e, (struct mono){0});
        }
    }
    return ok;
}

/* ---- getting at an entry ---- */

/* Returns with the shard locked and the entry, or unlocked and NULL. A full table makes room in
 * this shard or, if there is nothing to purge in it, in another one. */
static struct stick_entry *get(struct stick_table *t, const struct raw_key *k, bool make,
                               struct mono now)
{
    struct shard *sh = shard_of(t, k->hash);
    for (uint32_t tries = 0; tries <= t->n_shards; tries++) {
        pthread_mutex_lock(&sh->lock);
        struct stick_entry *e = find(t, sh, k, now);
        bool room = !e && make && reserve(t);
        if (!e && make && !room && !t->conf.nopurge && purge_one(t, sh))
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
        purge_one(t, other);
        pthread_mutex_unlock(&other->lock);
    }
    if (make)
        atomic_fetch_add(&t->refused, 1);
    return NULL;
}

static void copy_server(const struct stick_entry *e, struct stick_server *out)
{
    out->id = e->server_id;
    out->name[0] = '\0';
    if (e->name)
        memcpy(out->name, e->name->text, strlen(e->name->text) + 1);
}

bool stick_match(struct stick_table *t, const struct stick_key *key, bool touch, struct mono now,
                 struct stick_server *out)
{
    struct raw_key k;
    struct stick_entry *e = raw_key(t, key, &k) ? get(t, &k, false, now) : NULL;
    if (!e)
        return false;
    struct shard *sh = shard_of(t, k.hash);
    bool has = e->server_id || e->name;
    if (has)
        copy_server(e, out);
    bool news = false;
    if (touch) {
        renew(t, sh, e, span_us(0), now);
        news = note_use(t, sh, e, now);
    }
    pthread_mutex_unlock(&sh->lock);
    if (news)
        wake(t);
    return has;
}

static bool set_server(struct shard *sh, struct stick_entry *e, uint32_t id, const char *name)
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

bool stick_store(struct stick_table *t, const struct stick_key *key, uint32_t server_id,
                 const char *server_name, struct mono now)
{
    struct raw_key k;
    struct stick_entry *e = raw_key(t, key, &k) ? get(t, &k, true, now) : NULL;
    if (!e)
        return false;
    struct shard *sh = shard_of(t, k.hash);
    bool changed = set_server(sh, e, server_id, server_name);
    renew(t, sh, e, span_us(0), now);
    bool news = changed ? note_change(t, sh, e, now) : note_use(t, sh, e, now);
    pthread_mutex_unlock(&sh->lock);
    if (news)
        wake(t);
    return true;
}

static struct stick_entry *hold(struct stick_table *t, const struct stick_key *key, bool make,
                                struct mono now)
{
    struct raw_key k;
    struct stick_entry *e = raw_key(t, key, &k) ? get(t, &k, make, now) : NULL;
    if (!e)
        return NULL;
    struct shard *sh = shard_of(t, k.hash);
    timers_disarm(&sh->heap, &e->timer);
    e->use++;
    pthread_mutex_unlock(&sh->lock);
    return e;
}

struct stick_entry *stick_track(struct stick_table *t, const struct stick_key *key, struct mono now)
{
    return hold(t, key, true, now);
}

struct stick_entry *stick_find(struct stick_table *t, const struct stick_key *key, struct mono now)
{
    return hold(t, key, false, now);
}

void stick_untrack(struct stick_table *t, struct stick_entry *e, struct mono now)
{
    struct shard *sh = shard_of(t, e->hash);
    pthread_mutex_lock(&sh->lock);
    e->use--;
    renew(t, sh, e, span_us(0), now);
    bool news = note_use(t, sh, e, now);
    pthread_mutex_unlock(&sh->lock);
    if (news)
        wake(t);
}

/* ---- counters ---- */

static uint64_t *number(const struct stick_table *t, const struct stick_entry *e, enum stick_data d)
{
    return (uint64_t *)(void *)(e->payload + t->offsets[d]);
}

static struct stick_rate_slot *rate(const struct stick_table *t, const struct stick_entry *e,
                                    enum stick_data d)
{
    return (struct stick_rate_slot *)(void *)(e->payload + t->offsets[d]);
}

/* server_id and server_key are not counters. */
static bool counts(const struct stick_table *t, enum stick_data d)
{
    return stores(t, d) && d != STICK_SERVER_ID && d != STICK_SERVER_KEY;
}

static bool is_rate(enum stick_data d)
{
    return stick_data_rows[d].form == STICK_FORM_RATE;
}

static void change(struct stick_table *t, struct stick_entry *e, enum stick_data d, bool set,
                   int64_t v, struct mono now)
{
    if (!counts(t, d))
        return;
    struct shard *sh = shard_of(t, e->hash);
    pthread_mutex_lock(&sh->lock);
    if (is_rate(d)) {
        struct stick_rate_slot *r = rate(t, e, d);
        stick_rate_roll(r, t->conf.period[d], now);
        r->curr = (uint32_t)(set ? v : (int64_t)r->curr + v);
        r->prev = set ? 0 : r->prev;
    } else {
        uint64_t *n = number(t, e, d);
        *n = set ? (uint64_t)v : *n + (uint64_t)v;
        if (stick_data_rows[d].form == STICK_FORM_UINT)
            *n = (uint32_t)*n;
    }
    bool news = note_change(t, sh, e, now);
    pthread_mutex_unlock(&sh->lock);
    if (news)
        wake(t);
}

void stick_add(struct stick_table *t, struct stick_entry *e, enum stick_data d, int64_t by,
               struct mono now)
{
    change(t, e, d, false, by, now);
}

void stick_set(struct stick_table *t, struct stick_entry *e, enum stick_data d, uint64_t v,
               struct mono now)
{
    change(t, e, d, true, (int64_t)v, now);
}

static uint64_t value(const struct stick_table *t, const struct stick_entry *e, enum stick_data d,
                      struct mono now)
{
    if (!counts(t, d))
        return d == STICK_SERVER_ID ? e->server_id : 0;
    return is_rate(d) ? stick_rate_get(rate(t, e, d), t->conf.period[d], now) : *number(t, e, d);
}

uint64_t stick_get(struct stick_table *t, struct stick_entry *e, enum stick_data d, struct mono now)
{
    struct shard *sh = shard_of(t, e->hash);
    pthread_mutex_lock(&sh->lock);
    uint64_t v = value(t, e, d, now);
    pthread_mutex_unlock(&sh->lock);
    return v;
}

/* ---- administration ---- */

static struct mono expire_shard(struct stick_table *t, struct shard *sh, struct mono now,
                                size_t limit)
{
    struct stick_entry *e;
    while ((e = heap_first(sh)) && !mono_before(now, e->timer.at)) {
        if (!limit--)
            return now;
        remove_entry(t, sh, e);
    }
    return e ? e->timer.at : MONO_NEVER;
}

struct mono stick_expire(struct stick_table *t, struct mono now, size_t limit)
{
    struct mono next = MONO_NEVER;
    if (t->conf.expire.us <= 0)
        return next;
    size_t share = limit / t->n_shards + 1;
    for (uint32_t i = 0; i < t->n_shards; i++) {
        struct shard *sh = &t->shards[i];
        pthread_mutex_lock(&sh->lock);
        next = mono_min(next, expire_shard(t, sh, now, share));
        pthread_mutex_unlock(&sh->lock);
    }
    return next;
}

bool stick_clear_key(struct stick_table *t, const struct stick_key *key)
{
    struct raw_key k;
    struct stick_entry *e =
        raw_key(t, key, &k) ? get(t, &k, false, (struct mono){INT64_MIN}) : NULL;
    if (!e)
        return false;
    bool free_to_go = !e->use;
    if (free_to_go)
        remove_entry(t, shard_of(t, k.hash), e);
    pthread_mutex_unlock(&shard_of(t, k.hash)->lock);
    return free_to_go;
}

size_t stick_clear(struct stick_table *t)
{
    size_t gone = 0;
    for (uint32_t i = 0; i < t->n_shards; i++) {
        struct shard *sh = &t->shards[i];
        pthread_mutex_lock(&sh->lock);
        for (struct stick_entry *e; (e = heap_first(sh)); gone++)
            remove_entry(t, sh, e);
        pthread_mutex_unlock(&sh->lock);
    }
    return gone;
}

/* ---- records; the shard's lock is held ---- */

static void copy_key(const struct stick_table *t, const struct stick_entry *e,
                     struct stick_record *r)
{
    const uint8_t *key = key_of(t, e);
    r->type = t->conf.type;
    if (r->type == STICK_IP || r->type == STICK_IPV6)
        r->addr = addr_from_bytes(r->type == STICK_IP ? AF_INET : AF_INET6, key);
    else if (r->type == STICK_INTEGER)
        memcpy(&r->integer, key, sizeof(r->integer));
    r->bytes_len = e->key_len;
    memcpy(r->bytes, key, e->key_len);
}

static void copy_data(const struct stick_table *t, const struct stick_entry *e, struct mono now,
                      struct stick_record *r)
{
    for (unsigned d = 0; d < STICK_DATA_N; d++) {
        r->values[d] = value(t, e, d, now);
        r->rates[d] = (struct stick_rate){0};
        if (!counts(t, d) || !is_rate(d))
            continue;
        struct stick_rate_slot s = *rate(t, e, d);
        stick_rate_roll(&s, t->conf.period[d], now);
        r->rates[d].age_ms = (uint32_t)(mono_diff(now, s.start).us / 1000);
        r->rates[d].curr = s.curr;
        r->rates[d].prev = s.prev;
    }
}

static void copy_entry(const struct stick_table *t, const struct stick_entry *e, struct mono now,
                       struct stick_record *r)
{
    r->id = e->id;
    r->update = e->update;
    r->use = e->use;
    r->expires_ms = t->conf.expire.us > 0 ? span_to_ms(mono_diff(e->timer.at, now)) : 0;
    copy_key(t, e, r);
    copy_server(e, &r->server);
    copy_data(t, e, now, r);
}

bool stick_read(struct stick_table *t, const struct stick_key *key, struct mono now,
                struct stick_record *out)
{
    struct raw_key k;
    struct stick_entry *e = raw_key(t, key, &k) ? get(t, &k, false, now) : NULL;
    if (!e)
        return false;
    copy_entry(t, e, now, out);
    pthread_mutex_unlock(&shard_of(t, k.hash)->lock);
    return true;
}

size_t stick_dump(struct stick_table *t, struct stick_cursor *at, struct mono now,
                  struct stick_record *out, size_t n)
{
    size_t got = 0;
    while (got < n && at->shard < t->n_shards) {
        struct shard *sh = &t->shards[at->shard];
        pthread_mutex_lock(&sh->lock);
        for (; got < n && at->slot < sh->n_slots; at->slot++) {
            const struct stick_entry *e = slot_entry(sh, at->slot);
            if (e && !expired(t, e, now))
                copy_entry(t, e, now, &out[got++]);
        }
        bool done = at->slot >= sh->n_slots;
        pthread_mutex_unlock(&sh->lock);
        if (done)
            *at = (struct stick_cursor){.shard = at->shard + 1};
    }
    return got;
}

/* ---- peers ---- */

uint64_t stick_update_last(const struct stick_table *t)
{
    return atomic_load(&t->updates);
}

struct candidate {
    uint64_t update;
    uint32_t shard, slot;
};

/* Copies what shard `k` has in after < number <= *limit, at most GATHER; if there is more, *limit
 * comes down, since nothing beyond may be told before it. */
static size_t gather(struct stick_table *t, uint32_t k, uint64_t after, uint64_t *limit,
                     struct candidate *out)
{
    const struct shard *sh = &t->shards[k];
    size_t lo = 0, hi = sh->log_n, n = 0;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (sh->log[mid].update <= after)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < sh->log_n && n < GATHER && sh->log[lo].update <= *limit; lo++) {
        if (current(sh, &sh->log[lo]))
            out[n++] = (struct candidate){sh->log[lo].update, k, sh->log[lo].slot};
    }
    if (n == GATHER)
        *limit = out[n - 1].update;
    return n;
}

static int by_update(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return x->update < y->update ? -1 : x->update > y->update;
}

/* False if the entry has changed or gone since. */
static bool copy_candidate(struct stick_table *t, const struct candidate *c, struct mono now,
                           struct stick_record *out)
{
    struct shard *sh = &t->shards[c->shard];
    pthread_mutex_lock(&sh->lock);
    const struct stick_entry *e = slot_entry(sh, c->slot);
    bool same = e && e->update == c->update;
    if (same)
        copy_entry(t, e, now, out);
    pthread_mutex_unlock(&sh->lock);
    return same;
}

size_t stick_updates(struct stick_table *t, uint64_t *after, struct mono now,
                     struct stick_record *out, size_t n)
{
    struct candidate found[SHARDS * GATHER];
    atomic_store(&t->woken, false);
    uint64_t last = atomic_load(&t->updates);
    size_t got = 0;
    while (got < n && *after < last) {
        uint64_t limit = last;
        size_t m = 0;
        for (uint32_t k = 0; k < t->n_shards; k++) {
            pthread_mutex_lock(&t->shards[k].lock);
            m += gather(t, k, *after, &limit, &found[m]);
            pthread_mutex_unlock(&t->shards[k].lock);
        }
        qsort(found, m, sizeof(*found), by_update);
        size_t i = 0;
        for (; i < m && got < n && found[i].update <= limit; i++) {
            *after = found[i].update;
            got += copy_candidate(t, &found[i], now, &out[got]);
        }
        if (i == m || found[i].update > limit)
            *after = limit; /* what is between were holes */
    }
    return got;
}

static bool key_of_record(const struct stick_table *t, const struct stick_record *r,
                          struct raw_key *out)
{
    struct stick_key k = {.type = r->type};
    if (r->type == STICK_IP || r->type == STICK_IPV6) {
        k.addr = r->addr;
    } else if (r->type == STICK_INTEGER) {
        k.integer = r->integer;
    } else {
        k.bytes.data = r->bytes;
        k.bytes.len = MIN(r->bytes_len, sizeof(r->bytes));
    }
    return raw_key(t, &k, out);
}

static void learn_data(struct stick_table *t, struct stick_entry *e, const struct stick_record *r,
                       uint32_t has, struct mono now)
{
    for (unsigned d = 0; d < STICK_DATA_N; d++) {
        if (!(has & (1u << d)) || !counts(t, d))
            continue;
        if (is_rate(d))
            *rate(t, e, d) = (struct stick_rate_slot){
                .start = {now.us - (int64_t)r->rates[d].age_ms * 1000},
                .curr = r->rates[d].curr,
                .prev = r->rates[d].prev,
            };
        else
            *number(t, e, d) = r->values[d];
    }
}

bool stick_learn(struct stick_table *t, const struct stick_record *r, uint32_t has, bool relog,
                 struct mono now)
{
    struct raw_key k;
    struct stick_entry *e = key_of_record(t, r, &k) ? get(t, &k, true, now) : NULL;
    if (!e)
        return false;
    struct shard *sh = shard_of(t, k.hash);
    bool has_name = has & (1u << STICK_SERVER_KEY), has_id = has & (1u << STICK_SERVER_ID);
    if (has_name || has_id)
        set_server(sh, e, has_id ? r->server.id : e->server_id,
                   has_name ? r->server.name : (e->name ? e->name->text : NULL));
    learn_data(t, e, r, has, now);
    int64_t life = MIN(r->expires_ms, t->conf.expire.us / 1000);
    renew(t, sh, e, span_ms(MAX(life, 0)), now);
    e->taught = now;
    bool news = relog && note_change(t, sh, e, now);
    pthread_mutex_unlock(&sh->lock);
    if (news)
        wake(t);
    return true;
}
