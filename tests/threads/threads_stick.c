/*
 * Workers store, match, track and count in one table while main expires, dumps, clears and teaches.
 * What must hold: the table keeps its size, counts are exact, updates come in order, and what a
 * peer has been taught at the end is what the table holds.
 */
#include "common/base/rng.h"
#include "lb/core/stick.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS 4
#define ROUNDS  20000
#define KEYS    6000
#define COUNTED 8 /* keys that are tracked and counted throughout */
#define BATCH   64

static _Atomic unsigned running, failures, wakes;
static struct stick_table *table, *peer;

static void fail(const char *what)
{
    if (!atomic_fetch_add(&failures, 1))
        printf("# %s\n", what);
}

static struct stick_key ip(uint64_t n)
{
    return (struct stick_key){.type = STICK_IP, .addr = addr_v4((uint32_t)n)};
}

static void wake(void *user)
{
    atomic_fetch_add(&wakes, 1);
}

static void *work(void *arg)
{
    struct rng rng = {(uintptr_t)arg};
    struct stick_server s;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct mono now = {i * 1000};
        struct stick_key k = ip(COUNTED + rng_below(&rng, KEYS)), counted = ip(i % COUNTED);
        if (rng_below(&rng, 2))
            stick_store(table, &k, 1 + (uint32_t)rng_below(&rng, 3), "web", now);
        else
            stick_match(table, &k, true, now, &s);
        struct stick_entry *e = stick_track(table, &counted, now);
        if (e)
            stick_add(table, e, STICK_GPC0, 1, now);
        else
            fail("a tracked entry could not be had");
        if (e && i >= COUNTED)
            stick_untrack(table, e, now); /* the first round's use stays to the end */
    }
    atomic_fetch_sub(&running, 1);
    return NULL;
}

static void teach(uint64_t *after, struct stick_record *r)
{
    uint32_t all = 1u << STICK_SERVER_ID | 1u << STICK_SERVER_KEY | 1u << STICK_GPC0;
    uint64_t last = *after;
    for (size_t n; (n = stick_updates(table, after, (struct mono){0}, r, BATCH));) {
        for (size_t i = 0; i < n; i++) {
            if (r[i].update <= last)
                fail("updates out of order");
            last = r[i].update;
            stick_learn(peer, &r[i], all, false, (struct mono){0});
        }
    }
}

static void compare(struct stick_record *r)
{
    struct stick_cursor c = {0};
    for (size_t n; (n = stick_dump(table, &c, (struct mono){0}, r, BATCH));) {
        for (size_t i = 0; i < n; i++) {
            struct stick_record p;
            struct stick_key k = {.type = STICK_IP, .addr = r[i].addr};
            if (!stick_read(peer, &k, (struct mono){0}, &p))
                fail("the peer does not know an entry");
            else if (p.server.id != r[i].server.id ||
                     p.values[STICK_GPC0] != r[i].values[STICK_GPC0])
                fail("the peer knows something else");
        }
    }
}

static void check_counts(void)
{
    for (unsigned i = 0; i < COUNTED; i++) {
        struct stick_key k = ip(i);
        struct stick_record r;
        if (!stick_read(table, &k, (struct mono){0}, &r))
            fail("a tracked entry is gone");
        else if (r.values[STICK_GPC0] != WORKERS * ROUNDS / COUNTED || r.use != WORKERS)
            fail("counts are not exact");
    }
}

static void run(uint32_t size)
{
    struct stick_conf conf = {
        .name = "T", .type = STICK_IP, .size = size, .store = 1u << STICK_GPC0};
    struct stick_record *r = calloc(BATCH, sizeof(*r));
    pthread_t threads[WORKERS];
    uint64_t after = 0;
    table = stick_new(&conf, NULL);
    conf.size = 2 * KEYS;
    peer = stick_new(&conf, NULL);
    stick_on_update(table, wake, NULL);
    atomic_store(&running, WORKERS);
    for (uintptr_t i = 0; i < WORKERS; i++)
        pthread_create(&threads[i], NULL, work, (void *)(i + 1));
    for (unsigned i = 0; atomic_load(&running); i++) {
        struct stick_cursor c = {0};
        struct stick_key k = ip(COUNTED + i % KEYS);
        teach(&after, r);
        stick_clear_key(table, &k);
        stick_expire(table, (struct mono){0}, 100);
        stick_dump(table, &c, (struct mono){0}, r, BATCH);
        if (stick_used(table) > size)
            fail("the table is larger than its size");
    }
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    teach(&after, r);
    compare(r);
    check_counts();
    printf("# %u entries, %llu purged, %llu updates, %u wake-ups\n", stick_used(table),
           (unsigned long long)stick_purged(table), (unsigned long long)after, atomic_load(&wakes));
    free(r);
    stick_free(table);
    stick_free(peer);
}

int main(void)
{
    static const uint32_t sizes[] = {1000, 5000};
    printf("1..%zu\n", sizeof(sizes) / sizeof(sizes[0]));
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unsigned before = atomic_load(&failures);
        run(sizes[i]);
        bool ok = atomic_load(&failures) == before;
        printf("%sok %zu - table of %u: workers and main at once, exact and in order\n",
               ok ? "" : "not ", i + 1, sizes[i]);
        if (!ok)
            return 1;
    }
    return 0;
}
