#include "common/base/rng.h"
#include "lb/core/stick.h"
#include "lb/core/stick_shard.h"
#include "tests/unit/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct mono at(int64_t s)
{
    return (struct mono){1000000000 + s * 1000000};
}

static struct stick_table *table(struct stick_conf conf)
{
    struct err e = {0};
    if (!conf.name)
        conf.name = "T";
    if (!conf.type)
        conf.type = STICK_IP;
    struct stick_table *t = stick_new(&conf, &e);
    ck_assert_msg(t != NULL, "%s", e.text);
    return t;
}

static struct stick_key ip(uint32_t n)
{
    return (struct stick_key){.type = STICK_IP, .addr = addr_v4(n)};
}

static bool store(struct stick_table *t, uint32_t key, uint32_t id, int64_t s)
{
    char name[16];
    struct stick_key k = ip(key);
    snprintf(name, sizeof(name), "s%u", id);
    return stick_store(t, &k, id, name, at(s));
}

/* Id of the server, 0 if there is none. */
static uint32_t match(struct stick_table *t, uint32_t key, bool touch, int64_t s)
{
    struct stick_server out;
    struct stick_key k = ip(key);
    return stick_match(t, &k, touch, at(s), &out) ? out.id : 0;
}

START_TEST(a_client_is_remembered_with_its_server)
{
    struct stick_table *t = table((struct stick_conf){.size = 10});
    struct stick_key k = ip(1);
    struct stick_server s;
    ck_assert(!stick_match(t, &k, true, at(0), &s));
    ck_assert(stick_store(t, &k, 3, "web-03", at(0)));
    ck_assert(stick_match(t, &k, true, at(1), &s));
    ck_assert_uint_eq(s.id, 3);
    ck_assert_str_eq(s.name, "web-03");
    ck_assert(stick_store(t, &k, 4, "web-04", at(2))); /* moved */
    ck_assert(stick_match(t, &k, true, at(3), &s));
    ck_assert_str_eq(s.name, "web-04");
    ck_assert_uint_eq(stick_used(t), 1);
    stick_free(t);
}
END_TEST

static bool known(struct stick_table *t, struct stick_key k)
{
    struct stick_server s;
    return stick_match(t, &k, false, at(0), &s);
}

static struct stick_key text_key(enum stick_type type, const char *text)
{
    struct stick_key k = {.type = type};
    stick_key_parse(type, text, &k);
    return k;
}

START_TEST(keys_of_each_type)
{
    static const struct {
        enum stick_type table, key;
        const char *stored, *asked;
        bool fits, same;
    } rows[] = {
        {STICK_IP, STICK_IP, "192.0.2.1", "192.0.2.1", true, true},
        {STICK_IP, STICK_IP, "192.0.2.1", "192.0.2.2", true, false},
        {STICK_IP, STICK_IPV6, "2001:db8::1", "2001:db8::1", false, false},
        {STICK_IPV6, STICK_IPV6, "2001:db8::1", "2001:db8:0::1", true, true},
        {STICK_IPV6, STICK_IPV6, "2001:db8::1", "2001:db8::2", true, false},
        {STICK_IPV6, STICK_IP, "192.0.2.1", "192.0.2.1", true, true},
        {STICK_INTEGER, STICK_INTEGER, "4294967295", "4294967295", true, true},
        {STICK_INTEGER, STICK_INTEGER, "1", "2", true, false},
        {STICK_STRING, STICK_STRING, "abc", "abc", true, true},
        {STICK_STRING, STICK_STRING, "abc", "abcd", true, false},
        {STICK_STRING, STICK_STRING, "12345678-cut", "12345678-elsehow", true, true}, /* len 8 */
        {STICK_STRING, STICK_STRING, "", "", false, false},
        {STICK_BINARY, STICK_BINARY, "\x01\x02", "\x01\x02", true, true},
        {STICK_STRING, STICK_IP, "192.0.2.1", "192.0.2.1", false, false},
        {STICK_IP, STICK_STRING, "192.0.2.1", "192.0.2.1", false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct stick_table *t =
            table((struct stick_conf){.type = rows[i].table, .size = 10, .key_len = 8});
        struct stick_key k = text_key(rows[i].key, rows[i].stored);
        ck_assert_msg(stick_store(t, &k, 1, "s1", at(0)) == rows[i].fits, "row %zu", i);
        ck_assert_msg(known(t, text_key(rows[i].key, rows[i].asked)) == rows[i].same, "row %zu", i);
        stick_free(t);
    }
    struct stick_key k;
    ck_assert(!stick_key_parse(STICK_IP, "2001:db8::1", &k));
    ck_assert(!stick_key_parse(STICK_IP, "192.0.2", &k));
    ck_assert(!stick_key_parse(STICK_INTEGER, "x", &k));
}
END_TEST

START_TEST(a_full_table_forgets_the_oldest)
{
    struct stick_table *t = table((struct stick_conf){.size = 3});
    for (uint32_t i = 1; i <= 3; i++)
        ck_assert(store(t, i, i, i));
    ck_assert_uint_eq(match(t, 1, true, 4), 1);  /* used again: 2 is the oldest now */
    ck_assert_uint_eq(match(t, 2, false, 5), 2); /* a look without use does not count */
    ck_assert(store(t, 4, 4, 6));
    static const uint32_t want[] = {1, 0, 3, 4};
    for (uint32_t i = 1; i <= 4; i++)
        ck_assert_uint_eq(match(t, i, false, 7), want[i - 1]);
    ck_assert_uint_eq(stick_used(t), 3);
    ck_assert_uint_eq(stick_purged(t), 1);
    stick_free(t);
}
END_TEST

START_TEST(entries_in_use_are_neither_purged_nor_expired)
{
    struct stick_table *t = table((struct stick_conf){.size = 2, .expire = span_s(10)});
    struct stick_key a = ip(1), b = ip(2);
    struct stick_entry *ea = stick_track(t, &a, at(0));
    struct stick_entry *eb = stick_track(t, &b, at(1));
    ck_assert(!store(t, 3, 3, 2)); /* both are in use: no room */
    ck_assert_uint_eq(stick_refused(t), 1);
    ck_assert(store(t, 1, 7, 3)); /* a change does not end the use */
    ck_assert(!store(t, 3, 3, 4));
    ck_assert(mono_is_never(stick_expire(t, at(100), 100)));
    ck_assert_uint_eq(stick_used(t), 2);
    ck_assert_uint_eq(stick_clear(t), 0);
    ck_assert(!stick_clear_key(t, &a));
    stick_untrack(t, ea, at(100));
    ck_assert(stick_find(t, &b, at(100)) == eb); /* used twice now */
    stick_untrack(t, eb, at(100));
    ck_assert(store(t, 3, 3, 101)); /* 1 made room */
    ck_assert(!known(t, a));
    stick_untrack(t, eb, at(102));
    ck_assert_uint_eq(stick_clear(t), 2);
    stick_free(t);
}
END_TEST

START_TEST(nopurge_refuses_new_ones)
{
    struct stick_table *t = table((struct stick_conf){.size = 2, .nopurge = true});
    ck_assert(store(t, 1, 1, 0));
    ck_assert(store(t, 2, 2, 0));
    ck_assert(!store(t, 3, 3, 0));
    ck_assert(store(t, 1, 5, 0)); /* those that are there can change */
    ck_assert_uint_eq(match(t, 1, true, 0), 5);
    ck_assert_uint_eq(stick_purged(t), 0);
    stick_free(t);
}
END_TEST

START_TEST(entries_expire_after_their_last_use)
{
    struct stick_table *t = table((struct stick_conf){.size = 10, .expire = span_s(30)});
    store(t, 1, 1, 0);
    store(t, 2, 2, 10);
    ck_assert_uint_eq(match(t, 1, true, 29), 1);
    ck_assert_uint_eq(match(t, 2, false, 39), 2);
    struct stick_record r[3];
    struct stick_cursor c = {0};
    ck_assert_uint_eq(stick_dump(t, &c, at(40), r, 3), 1);
    ck_assert_uint_eq(match(t, 2, false, 40), 0); /* also before anybody cleans up */
    struct mono next = stick_expire(t, at(41), 100);
    ck_assert_int_eq(next.us, at(59).us);
    ck_assert_uint_eq(stick_used(t), 1);
    ck_assert(mono_is_never(stick_expire(t, at(59), 100)));
    ck_assert_uint_eq(stick_used(t), 0);
    for (uint32_t i = 0; i < 10; i++)
        store(t, i, 1, 100);
    ck_assert_int_eq(stick_expire(t, at(200), 3).us, at(200).us); /* more are due */
    ck_assert(stick_used(t) < 10 && stick_used(t) > 0);
    stick_free(t);
    t = table((struct stick_conf){.size = 10}); /* no expire: for ever */
    store(t, 1, 1, 0);
    ck_assert(mono_is_never(stick_expire(t, at(1000000000), 100)));
    ck_assert_uint_eq(match(t, 1, true, 1000000000), 1);
    stick_free(t);
}
END_TEST

START_TEST(dumps_look_as_operators_know_them)
{
    static const struct {
        enum stick_type type;
        const char *key, *name;
        uint32_t id;
        int64_t expire_s;
        const char *line;
    } rows[] = {
        {STICK_IP, "127.0.0.1", "s1", 1, 0,
         "0x1: key=127.0.0.1 use=0 exp=0 server_id=1 server_key=s1"},
        {STICK_IP, "127.0.0.1", "", 0, 60, "0x1: key=127.0.0.1 use=0 exp=60000"},
        {STICK_IPV6, "2001:db8::1", "web", 2, 0,
         "0x1: key=2001:db8::1 use=0 exp=0 server_id=2 server_key=web"},
        {STICK_INTEGER, "42", "s1", 1, 0, "0x1: key=42 use=0 exp=0 server_id=1 server_key=s1"},
        {STICK_STRING, "a b=c\n\\", "s1", 1, 0,
         "0x1: key=a\\x20b\\=c\\x0a\\\\ use=0 exp=0 server_id=1 server_key=s1"},
        {STICK_BINARY, "\x01\xff", "s1", 1, 0,
         "0x1: key=01FF use=0 exp=0 server_id=1 server_key=s1"},
    };
    struct buf out cleanup(buf_fini) = BUF_INIT(4096);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct stick_record r;
        struct stick_table *t = table((struct stick_conf){
            .type = rows[i].type, .size = 10, .expire = span_s(rows[i].expire_s)});
        struct stick_key k = text_key(rows[i].type, rows[i].key);
        stick_store(t, &k, rows[i].id, rows[i].name, at(0));
        ck_assert(stick_read(t, &k, at(0), &r));
        buf_clear(&out);
        stick_format(&out, t, &r);
        ck_assert_str_eq(buf_cstr(&out), rows[i].line);
        stick_free(t);
    }
    struct stick_table *t = table((struct stick_conf){.size = 1048576});
    store(t, 1, 1, 0);
    buf_clear(&out);
    stick_format_head(&out, t);
    ck_assert_str_eq(buf_cstr(&out), "# table: T, type: ip, size:1048576, used:1");
    stick_free(t);
}
END_TEST

START_TEST(counters_and_rates)
{
    struct stick_conf conf = {.size = 10,
                              .store = 1u << STICK_GPC0 | 1u << STICK_HTTP_REQ_RATE |
                                       1u << STICK_BYTES_IN_CNT | 1u << STICK_CONN_CUR};
    conf.period[STICK_HTTP_REQ_RATE] = span_s(10);
    struct stick_table *t = table(conf);
    struct stick_key k = ip(0x7f000001);
    struct stick_entry *e = stick_track(t, &k, at(0));
    stick_add(t, e, STICK_GPC0, 1, at(0));
    stick_add(t, e, STICK_GPC0, 1, at(0));
    stick_add(t, e, STICK_CONN_CUR, 1, at(0));
    stick_add(t, e, STICK_CONN_CUR, -1, at(0));
    stick_add(t, e, STICK_BYTES_IN_CNT, 5000000000, at(0));
    stick_add(t, e, STICK_GPC1, 7, at(0)); /* not stored */
    for (int i = 0; i < 20; i++)
        stick_add(t, e, STICK_HTTP_REQ_RATE, 1, at(0));
    struct stick_record r;
    struct buf out cleanup(buf_fini) = BUF_INIT(4096);
    ck_assert(stick_read(t, &k, at(0), &r));
    stick_format(&out, t, &r);
    ck_assert_str_eq(buf_cstr(&out), "0x1: key=127.0.0.1 use=1 exp=0 gpc0=2 conn_cur=0 "
                                     "http_req_rate(10000)=20 bytes_in_cnt=5000000000");
    ck_assert_uint_eq(stick_get(t, e, STICK_GPC1, at(0)), 0);
    stick_set(t, e, STICK_GPC0, 9, at(0));
    ck_assert_uint_eq(stick_get(t, e, STICK_GPC0, at(0)), 9);
    stick_untrack(t, e, at(0));
    stick_free(t);
}
END_TEST

START_TEST(rates_fade)
{
    static const struct {
        int64_t at_ms;
        uint32_t add;
        uint64_t rate;
    } rows[] = {
        {0, 10, 10},   {500, 10, 20}, {999, 0, 20},  {1000, 0, 20}, {1500, 0, 10},
        {1500, 4, 14}, {1900, 0, 6},  {2000, 0, 4},  {2500, 0, 2},  {3000, 0, 0},
        {9000, 1, 1},  {9999, 0, 1},  {10500, 0, 1}, {11000, 0, 0},
    };
    struct stick_rate_slot r = {.start = {0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mono now = {rows[i].at_ms * 1000};
        stick_rate_roll(&r, span_s(1), now);
        r.curr += rows[i].add;
        ck_assert_msg(stick_rate_get(&r, span_s(1), now) == rows[i].rate, "at %lld ms: %llu",
                      (long long)rows[i].at_ms,
                      (unsigned long long)stick_rate_get(&r, span_s(1), now));
    }
}
END_TEST

START_TEST(a_dump_goes_on_while_entries_come_and_go)
{
    enum { N = 5000 };
    struct stick_table *t = table((struct stick_conf){.size = 100000});
    struct stick_record *r = calloc(64, sizeof(*r));
    uint8_t *seen = calloc(4 * N, 1);
    for (uint32_t i = 0; i < N; i++)
        store(t, i, 1, 0);
    struct stick_cursor c = {0};
    uint32_t next = N;
    for (size_t n; (n = stick_dump(t, &c, at(0), r, 64));) {
        for (size_t i = 0; i < n; i++) {
            uint32_t key =
                (uint32_t)r[i].bytes[1] << 16 | (uint32_t)r[i].bytes[2] << 8 | r[i].bytes[3];
            ck_assert_msg(key < 4 * N && !seen[key]++, "%u twice", key);
        }
        struct stick_key gone = ip(next - N + 1); /* odd ones go, new ones come */
        stick_clear_key(t, &gone);
        store(t, next, 1, 0);
        next += 2;
    }
    for (uint32_t i = 0; i < N; i += 2)
        ck_assert_msg(seen[i], "%u was there all the while", i);
    free(seen);
    free(r);
    stick_free(t);
}
END_TEST

/* ---- peers ---- */

static void wake(void *user)
{
    ++*(int *)user;
}

/* "key:server ..." of the updates after *after. */
static const char *updates(struct stick_table *t, uint64_t *after, char out[256])
{
    static struct stick_record r[3];
    size_t len = 0;
    out[0] = '\0';
    for (size_t n; (n = stick_updates(t, after, at(0), r, ARRAY_LEN(r)));) {
        for (size_t i = 0; i < n; i++)
            len +=
                (size_t)snprintf(out + len, 256 - len, "%u:%s ", r[i].bytes[3], r[i].server.name);
    }
    return out;
}

START_TEST(updates_are_taught_once_and_in_order)
{
    struct stick_table *t = table((struct stick_conf){.size = 100});
    char got[256];
    int wakes = 0;
    uint64_t me = 0, late = 0;
    store(t, 9, 9, 0); /* before peers were there */
    ck_assert(stick_on_update(t, wake, &wakes));
    store(t, 1, 1, 0);
    store(t, 2, 2, 0);
    store(t, 3, 3, 0);
    ck_assert_int_eq(wakes, 1); /* once until somebody reads */
    ck_assert_str_eq(updates(t, &me, got), "9:s9 1:s1 2:s2 3:s3 ");
    ck_assert_str_eq(updates(t, &me, got), "");
    store(t, 2, 5, 0);
    ck_assert_int_eq(wakes, 2);
    store(t, 1, 1, 0); /* no change */
    ck_assert_str_eq(updates(t, &me, got), "2:s5 ");
    ck_assert_str_eq(updates(t, &late, got), "9:s9 1:s1 3:s3 2:s5 "); /* each entry once */
    struct stick_key k = ip(3);
    stick_clear_key(t, &k);
    late = 0;
    ck_assert_str_eq(updates(t, &late, got), "9:s9 1:s1 2:s5 ");
    ck_assert_uint_eq(late, stick_update_last(t));
    stick_free(t);
}
END_TEST

START_TEST(a_use_is_taught_after_an_eighth_of_life)
{
    struct stick_table *t = table((struct stick_conf){.size = 100, .expire = span_s(80)});
    char got[256];
    int wakes = 0;
    uint64_t me = 0;
    stick_on_update(t, wake, &wakes);
    store(t, 1, 1, 0);
    updates(t, &me, got);
    match(t, 1, true, 9);
    ck_assert_str_eq(updates(t, &me, got), "");
    match(t, 1, true, 10);
    ck_assert_str_eq(updates(t, &me, got), "1:s1 ");
    match(t, 1, true, 19);
    ck_assert_str_eq(updates(t, &me, got), "");
    stick_free(t);
}
END_TEST

START_TEST(what_a_peer_taught_is_not_taught_back)
{
    struct stick_conf conf = {.size = 100, .expire = span_s(60)};
    conf.store = 1u << STICK_GPC0 | 1u << STICK_CONN_RATE;
    struct stick_table *a = table(conf), *b = table(conf);
    char got[256];
    int wakes = 0;
    uint64_t me = 0;
    struct stick_record r;
    struct stick_key k = ip(7);
    stick_on_update(b, wake, &wakes);
    store(a, 7, 3, 0);
    struct stick_entry *e = stick_track(a, &k, at(0));
    stick_add(a, e, STICK_GPC0, 5, at(0));
    stick_add(a, e, STICK_CONN_RATE, 4, at(0));
    stick_untrack(a, e, at(0));
    ck_assert(stick_read(a, &k, at(20), &r));
    ck_assert_int_eq(r.expires_ms, 40000);
    uint32_t all = 1u << STICK_SERVER_ID | 1u << STICK_SERVER_KEY | conf.store;
    ck_assert(stick_learn(b, &r, all, false, at(100)));
    ck_assert_str_eq(updates(b, &me, got), "");
    ck_assert_int_eq(wakes, 0);
    ck_assert(stick_read(b, &k, at(100), &r));
    ck_assert_str_eq(r.server.name, "s3");
    ck_assert_uint_eq(r.server.id, 3);
    ck_assert_uint_eq(r.values[STICK_GPC0], 5);
    ck_assert_int_eq(r.expires_ms, 40000); /* as long as it had there */
    ck_assert(store(b, 7, 4, 100));        /* changed here: taught */
    ck_assert_str_eq(updates(b, &me, got), "7:s4 ");
    /* Only what the message has is replaced. */
    r.server = (struct stick_server){9, "s9"};
    r.values[STICK_GPC0] = 6;
    ck_assert(stick_learn(b, &r, 1u << STICK_GPC0, true, at(100)));
    ck_assert_str_eq(updates(b, &me, got), "7:s4 ");
    ck_assert(stick_read(b, &k, at(100), &r));
    ck_assert_uint_eq(r.values[STICK_GPC0], 6);
    stick_free(a);
    stick_free(b);
}
END_TEST

START_TEST(a_large_table_is_taught_whole)
{
    enum { N = 20000, BATCH = 600 };
    struct stick_table *t = table((struct stick_conf){.size = 2 * N});
    struct stick_record *r = calloc(BATCH, sizeof(*r));
    uint32_t *taught = calloc(N, sizeof(*taught));
    struct rng rng = {3};
    int wakes = 0;
    stick_on_update(t, wake, &wakes);
    for (uint32_t i = 0; i < 3 * N; i++) /* each key several times, in no order */
        store(t, (uint32_t)rng_below(&rng, N), 1 + i % 7, 0);
    uint64_t after = 0, last = 0;
    uint32_t total = 0;
    for (size_t n; (n = stick_updates(t, &after, at(0), r, BATCH));) {
        for (size_t i = 0; i < n; i++, total++) {
            ck_assert_uint_gt(r[i].update, last);
            last = r[i].update;
            uint32_t key = (uint32_t)r[i].bytes[2] << 8 | r[i].bytes[3];
            ck_assert_uint_eq(taught[key]++, 0);
        }
        if (total < N / 2) /* some change while they are being taught */
            store(t, (uint32_t)r[0].bytes[2] << 8 | r[0].bytes[3], 99, 0);
        taught[(uint32_t)r[0].bytes[2] << 8 | r[0].bytes[3]] = 0;
    }
    ck_assert_uint_ge(total, stick_used(t));
    ck_assert_uint_eq(after, stick_update_last(t));
    free(taught);
    free(r);
    stick_free(t);
}
END_TEST

START_TEST(a_sharded_table_keeps_its_size)
{
    struct stick_table *t = table((struct stick_conf){.size = STICK_SHARDED});
    for (uint32_t i = 0; i < 3 * STICK_SHARDED; i++)
        ck_assert(store(t, i, 1, i));
    ck_assert_uint_eq(stick_used(t), STICK_SHARDED);
    uint32_t recent = 0;
    for (uint32_t i = 2 * STICK_SHARDED; i < 3 * STICK_SHARDED; i++)
        recent += match(t, i, false, 0) != 0;
    ck_assert_uint_gt(recent, STICK_SHARDED * 9 / 10); /* nearly all of the newest are left */
    ck_assert_uint_eq(stick_clear(t), STICK_SHARDED);
    stick_free(t);
}
END_TEST

/* The one entry that may go is in another shard than the new one. */
START_TEST(room_is_found_in_another_shard)
{
    struct stick_table *t = table((struct stick_conf){.size = STICK_SHARDED});
    struct stick_entry **used = calloc(STICK_SHARDED, sizeof(struct stick_entry *));
    for (uint32_t i = 1; i < STICK_SHARDED; i++) {
        struct stick_key k = ip(i);
        used[i] = stick_track(t, &k, at(0));
    }
    for (uint32_t i = 0; i < 64; i++)
        ck_assert(store(t, STICK_SHARDED + i, 1, 1));
    ck_assert_uint_eq(stick_used(t), STICK_SHARDED);
    ck_assert_uint_eq(stick_purged(t), 63);
    for (uint32_t i = 1; i < STICK_SHARDED; i++)
        stick_untrack(t, used[i], at(2));
    free(used);
    stick_free(t);
}
END_TEST

START_TEST(memory_is_bounded_by_the_size)
{
    struct stick_table *t = table((struct stick_conf){.size = 100});
    int wakes = 0;
    stick_on_update(t, wake, &wakes);
    for (uint32_t i = 0; i < 100000; i++)
        store(t, i % 200, i, i);
    ck_assert_uint_le(t->shards[0].n_slots, 101);
    ck_assert_uint_le(t->shards[0].log_cap, 512);
    ck_assert_uint_le(map_count(&t->shards[0].names), 101);
    stick_free(t);
}
END_TEST

START_TEST(bad_tables_are_refused_with_a_sentence)
{
    static const struct {
        struct stick_conf conf;
        const char *text;
    } rows[] = {
        {{.name = "", .type = STICK_IP, .size = 1}, "a stick table needs a name"},
        {{.name = "T", .type = STICK_IP}, "stick table T: size 0 is not in 1..1073741824"},
        {{.name = "T", .type = (enum stick_type)3, .size = 1}, "stick table T: unknown type"},
        {{.name = "T", .type = STICK_STRING, .size = 1, .key_len = 2000},
         "stick table T: keys longer than 1024 bytes are not kept"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = {0};
        ck_assert_ptr_null(stick_new(&rows[i].conf, &e));
        ck_assert_str_eq(e.text, rows[i].text);
    }
}
END_TEST

static const struct test_row rows[] = {
    {"a client is remembered with its server, and moves", &a_client_is_remembered_with_its_server},
    {"keys of each type fit their tables and no others", &keys_of_each_type},
    {"a full table forgets the one that was not used for longest",
     &a_full_table_forgets_the_oldest},
    {"entries in use are neither purged nor expired nor cleared",
     &entries_in_use_are_neither_purged_nor_expired},
    {"nopurge refuses new entries and lets old ones change", &nopurge_refuses_new_ones},
    {"entries expire after their last use, never without expire",
     &entries_expire_after_their_last_use},
    {"show table looks as operators know it, hostile keys escaped",
     &dumps_look_as_operators_know_them},
    {"counters and rates count, those not stored are passed over", &counters_and_rates},
    {"rates fade over their period", &rates_fade},
    {"a dump gives each entry once while others come and go",
     &a_dump_goes_on_while_entries_come_and_go},
    {"updates are taught once, in order, from any position", &updates_are_taught_once_and_in_order},
    {"a mere use is taught after an eighth of the entry's life",
     &a_use_is_taught_after_an_eighth_of_life},
    {"what a peer taught is not taught back, and keeps its remaining life",
     &what_a_peer_taught_is_not_taught_back},
    {"a large table is taught whole while it changes", &a_large_table_is_taught_whole},
    {"a sharded table keeps its size and the newest entries", &a_sharded_table_keeps_its_size},
    {"a full table makes room wherever an entry may go", &room_is_found_in_another_shard},
    {"memory is bounded by the size of the table", &memory_is_bounded_by_the_size},
    {"a bad table is refused with a sentence", &bad_tables_are_refused_with_a_sentence},
};

int main(void)
{
    return suite_main("stick", rows, ARRAY_LEN(rows));
}
