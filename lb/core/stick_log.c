/*
 * The log is an array of (number, slot) a shard, appended to and thus sorted. An update that has
 * been overtaken by a newer one of the same entry stays as a hole until the array is full and is
 * swept. A number is drawn while its shard is locked; so whoever reads the highest number first and
 * the shards after sees all up to it.
 */
#include "lb/core/stick_shard.h"

#include <stdlib.h>
#include <string.h>

#define LOG_MIN       16
#define RETEACH_SHARE 8  /* of an entry's life, after which a mere use is taught again */
#define GATHER        32 /* updates read from one shard at a time */

/* ---- the log; the shard's lock is held ---- */

static bool current(const struct shard *sh, const struct log_item *i)
{
    const struct stick_entry *e = shard_entry(sh, i->slot);
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
    size_t cap = sh->log_cap ? sh->log_cap * 2 : LOG_MIN;
    struct log_item *log = realloc(sh->log, cap * sizeof(*log));
    if (!log)
        return sh->log_n < sh->log_cap;
    sh->log = log;
    sh->log_cap = cap;
    return true;
}

static bool append(struct stick_table *t, struct shard *sh, struct stick_entry *e, struct mono now)
{
    if (!make_log_room(sh))
        return false;
    e->taught = now;
    e->update = atomic_fetch_add(&t->updates, 1) + 1;
    sh->log[sh->log_n++] = (struct log_item){e->update, e->slot};
    return true;
}

/* To be called when the lock is given back: it wakes another thread. */
void stick_log_wake(struct stick_table *t)
{
    if (t->logging && !atomic_exchange(&t->woken, true))
        t->wake(t->user);
}

/* True if stick_log_wake() is due. */
bool stick_log_change(struct stick_table *t, struct shard *sh, struct stick_entry *e,
                      struct mono now)
{
    return t->logging && append(t, sh, e, now);
}

bool stick_log_use(struct stick_table *t, struct shard *sh, struct stick_entry *e, struct mono now)
{
    int64_t life = t->conf.expire.us;
    if (!t->logging || life <= 0 || mono_diff(now, e->taught).us < life / RETEACH_SHARE)
        return false;
    return append(t, sh, e, now);
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
            struct stick_entry *e = shard_entry(sh, i);
            if (e && !e->update)
                ok &= append(t, sh, e, (struct mono){0});
        }
    }
    return ok;
}

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
    struct stick_entry *e = shard_entry(sh, c->slot);
    bool same = e && e->update == c->update;
    if (same)
        stick_copy(t, e, now, out);
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
                          struct shard_key *out)
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
    return shard_key(t, &k, out);
}

static void learn_data(struct stick_table *t, struct stick_entry *e, const struct stick_record *r,
                       uint32_t has, struct mono now)
{
    for (unsigned d = 0; d < STICK_DATA_N; d++) {
        if (!(has & (1u << d)) || !stick_counts(t, d))
            continue;
        if (stick_is_rate(d))
            *stick_rate_of(t, e, d) = (struct stick_rate_slot){
                .start = {now.us - (int64_t)r->rates[d].age_ms * 1000},
                .curr = r->rates[d].curr,
                .prev = r->rates[d].prev,
            };
        else
            *stick_number(t, e, d) = r->values[d];
    }
}

bool stick_learn(struct stick_table *t, const struct stick_record *r, uint32_t has, bool relog,
                 struct mono now)
{
    struct shard_key k;
    struct stick_entry *e = key_of_record(t, r, &k) ? shard_get(t, &k, true, now) : NULL;
    if (!e)
        return false;
    struct shard *sh = shard_of(t, k.hash);
    bool has_name = has & (1u << STICK_SERVER_KEY), has_id = has & (1u << STICK_SERVER_ID);
    if (has_name || has_id)
        shard_set_server(sh, e, has_id ? r->server.id : e->server_id,
                         has_name ? r->server.name : (e->name ? e->name->text : NULL));
    learn_data(t, e, r, has, now);
    int64_t life = MIN(r->expires_ms, t->conf.expire.us / 1000);
    shard_renew(t, sh, e, span_ms(MAX(life, 0)), now);
    e->taught = now;
    bool news = relog && stick_log_change(t, sh, e, now);
    pthread_mutex_unlock(&sh->lock);
    if (news)
        stick_log_wake(t);
    return true;
}
