/*
 * What a table does, in terms of its shards (stick_shard.h): each function locks one shard, does
 * one thing, and unlocks it; waking the reader of the log comes after.
 */
#include "lb/core/stick_shard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY_LEN_DEFAULT 32

/* ---- making and freeing the table ---- */

static void lay_out(struct stick_table *t)
{
    for (unsigned d = 0; d < STICK_DATA_N; d++) {
        if (!(t->conf.store & (1u << d)) || d == STICK_SERVER_ID || d == STICK_SERVER_KEY)
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
    for (; t->n_shards < n; t->n_shards++)
        shard_init(&t->shards[t->n_shards]);
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

void stick_free(struct stick_table *t)
{
    if (!t)
        return;
    for (uint32_t i = 0; i < t->n_shards; i++)
        shard_fini(&t->shards[i]);
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
    struct shard_key k;
    struct stick_entry *e = shard_key(t, key, &k) ? shard_get(t, &k, false, now) : NULL;
    if (!e)
        return false;
    struct shard *sh = shard_of(t, k.hash);
    bool has = e->server_id || e->name;
    if (has)
        copy_server(e, out);
    bool news = false;
    if (touch) {
        shard_renew(t, sh, e, span_us(0), now);
        news = stick_log_use(t, sh, e, now);
    }
    pthread_mutex_unlock(&sh->lock);
    if (news)
        stick_log_wake(t);
    return has;
}
bool stick_store(struct stick_table *t, const struct stick_key *key, uint32_t server_id,
                 const char *server_name, struct mono now)
{
    struct shard_key k;
    struct stick_entry *e = shard_key(t, key, &k) ? shard_get(t, &k, true, now) : NULL;
    if (!e)
        return false;
    struct shard *sh = shard_of(t, k.hash);
    bool changed = shard_set_server(sh, e, server_id, server_name);
    shard_renew(t, sh, e, span_us(0), now);
    bool news = changed ? stick_log_change(t, sh, e, now) : stick_log_use(t, sh, e, now);
    pthread_mutex_unlock(&sh->lock);
    if (news)
        stick_log_wake(t);
    return true;
}

static struct stick_entry *hold(struct stick_table *t, const struct stick_key *key, bool make,
                                struct mono now)
{
    struct shard_key k;
    struct stick_entry *e = shard_key(t, key, &k) ? shard_get(t, &k, make, now) : NULL;
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
    shard_renew(t, sh, e, span_us(0), now);
    bool news = stick_log_use(t, sh, e, now);
    pthread_mutex_unlock(&sh->lock);
    if (news)
        stick_log_wake(t);
}
static void change(struct stick_table *t, struct stick_entry *e, enum stick_data d, bool set,
                   int64_t v, struct mono now)
{
    if (!stick_counts(t, d))
        return;
    struct shard *sh = shard_of(t, e->hash);
    pthread_mutex_lock(&sh->lock);
    if (stick_is_rate(d)) {
        struct stick_rate_slot *r = stick_rate_of(t, e, d);
        stick_rate_roll(r, t->conf.period[d], now);
        r->curr = (uint32_t)(set ? v : (int64_t)r->curr + v);
        r->prev = set ? 0 : r->prev;
    } else {
        uint64_t *n = stick_number(t, e, d);
        *n = set ? (uint64_t)v : *n + (uint64_t)v;
        if (stick_data_rows[d].form == STICK_FORM_UINT)
            *n = (uint32_t)*n;
    }
    bool news = stick_log_change(t, sh, e, now);
    pthread_mutex_unlock(&sh->lock);
    if (news)
        stick_log_wake(t);
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

static uint64_t value(const struct stick_table *t, struct stick_entry *e, enum stick_data d,
                      struct mono now)
{
    if (!stick_counts(t, d))
        return d == STICK_SERVER_ID ? e->server_id : 0;
    return stick_is_rate(d) ? stick_rate_get(stick_rate_of(t, e, d), t->conf.period[d], now)
                            : *stick_number(t, e, d);
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
    while ((e = shard_first(sh)) && !mono_before(now, e->timer.at)) {
        if (!limit--)
            return now;
        shard_remove(t, sh, e);
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
    struct shard_key k;
    struct stick_entry *e =
        shard_key(t, key, &k) ? shard_get(t, &k, false, (struct mono){INT64_MIN}) : NULL;
    if (!e)
        return false;
    bool free_to_go = !e->use;
    if (free_to_go)
        shard_remove(t, shard_of(t, k.hash), e);
    pthread_mutex_unlock(&shard_of(t, k.hash)->lock);
    return free_to_go;
}

size_t stick_clear(struct stick_table *t)
{
    size_t gone = 0;
    for (uint32_t i = 0; i < t->n_shards; i++) {
        struct shard *sh = &t->shards[i];
        pthread_mutex_lock(&sh->lock);
        for (struct stick_entry *e; (e = shard_first(sh)); gone++)
            shard_remove(t, sh, e);
        pthread_mutex_unlock(&sh->lock);
    }
    return gone;
}
/* ---- records; the shard's lock is held ---- */

static void copy_key(const struct stick_table *t, struct stick_entry *e, struct stick_record *r)
{
    const uint8_t *key = shard_key_of(t, e);
    r->type = t->conf.type;
    if (r->type == STICK_IP || r->type == STICK_IPV6)
        r->addr = addr_from_bytes(r->type == STICK_IP ? AF_INET : AF_INET6, key);
    else if (r->type == STICK_INTEGER)
        memcpy(&r->integer, key, sizeof(r->integer));
    r->bytes_len = e->key_len;
    memcpy(r->bytes, key, e->key_len);
}

static void copy_data(const struct stick_table *t, struct stick_entry *e, struct mono now,
                      struct stick_record *r)
{
    for (unsigned d = 0; d < STICK_DATA_N; d++) {
        r->values[d] = value(t, e, d, now);
        r->rates[d] = (struct stick_rate){0};
        if (!stick_counts(t, d) || !stick_is_rate(d))
            continue;
        struct stick_rate_slot s = *stick_rate_of(t, e, d);
        stick_rate_roll(&s, t->conf.period[d], now);
        r->rates[d].age_ms = (uint32_t)(mono_diff(now, s.start).us / 1000);
        r->rates[d].curr = s.curr;
        r->rates[d].prev = s.prev;
    }
}

void stick_copy(const struct stick_table *t, struct stick_entry *e, struct mono now,
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
    struct shard_key k;
    struct stick_entry *e = shard_key(t, key, &k) ? shard_get(t, &k, false, now) : NULL;
    if (!e)
        return false;
    stick_copy(t, e, now, out);
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
            struct stick_entry *e = shard_entry(sh, at->slot);
            if (e && !shard_expired(t, e, now))
                stick_copy(t, e, now, &out[got++]);
        }
        bool done = at->slot >= sh->n_slots;
        pthread_mutex_unlock(&sh->lock);
        if (done)
            *at = (struct stick_cursor){.shard = at->shard + 1};
    }
    return got;
}
