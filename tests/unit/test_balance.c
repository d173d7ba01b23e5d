/*
 * The orders and placements were read off HAProxy 2.6.12, one request after the other. In some
 * of them HAProxy lends the last turn of the first round to one server and pays the other back in
 * the next; here each round is exact, so their last letter differs.
 */
#include "common/base/rng.h"
#include "lb/core/balance.h"
#include "lb/core/balance_order.h"
#include "tests/unit/pool_kit.h"
#include "tests/unit/suite.h"

#include <stdlib.h>
#include <string.h>

#define TEXT(S) ((struct hash_text){(S), strlen(S)})

static const struct {
    unsigned n;
    int weights[8];
    const char *roundrobin, *static_rr;
} orders[] = {
    /* clang-format off */
    {2, {2, 1}, "AAB", "AAB"},
    {2, {3, 1}, "AAAB", "AAAB"},
    {3, {1, 1, 1}, "ABC", "ABC"},
    {3, {5, 1, 1}, "AAABAAC", "AAABAAC"},
    {3, {4, 2, 1}, "AABACAB", "AABABAC"},
    {2, {1, 2}, "BBA", "ABB"},
    {2, {1, 3}, "BBBA", "ABBB"},
    {2, {3, 2}, "AABAB", "AABAB"},
    {2, {10, 1}, "AAAAAAAAAAB", "AAAAAAAAAAB"},
    {3, {7, 5, 3}, "ABACBAABCABAABC", "ABABCAABACABABC"},
    {4, {1, 2, 3, 4}, "DCDBCDADCB", "ABDCDBCDCD"},
    {3, {2, 2, 1}, "ABABC", "ABABC"},
    {3, {1, 5, 1}, "BBBABBC", "ABBBBBC"},
    {4, {3, 3, 2, 1}, "ABCABDACB", "ABABCABCD"},
    {3, {100, 50, 25}, "AABACAB", "AABABAC"},
    {3, {0, 1, 2}, "CCB", "BCC"},
    {4, {3, 7, 11, 1}, "CBCACBCBCDCBACBCCBACBC", "ACBCBCBCACBCBCACBCBCCD"},
    {2, {9, 2}, "AAAAABAAAAB", "AAAAABAAAAB"},
    {4, {10, 1, 9, 4}, "ACACADCABCADCACAACDACACD", "ABCAACDCAACDACACADCACACD"},
    {2, {2, 7}, "BBBBABBBA", "ABBBABBBB"},
    {5, {2, 4, 2, 9, 7}, "DEDBEDAEDBDECDEBDEDADBEC", "ABDECDEDBDEABDEDCEDBEDDE"},
    {2, {10, 2}, "AAAAAB", "AAAAAB"},
    {3, {11, 11, 10}, "ABABCABCABCABCABCABCABCABACBACBC", "ABACBACBACBACBACBABCABCABCABCABC"},
    {2, {10, 10}, "AB", "AB"},
    {5, {1, 4, 1, 9, 3}, "DBDEDBDADEDBDCDBED", "ADBDBDEDBDCDEDBDDE"},
    {4, {7, 3, 9, 2}, "CACBACDCACABCACACDBCA", "ABCACACBACDCACABCACCD"},
    {6, {5, 9, 11, 3, 2, 10}, "CFBCAFBCDFBCAFCBEFCBAFDCBFCABFCCFBDCAEFB", "ABCFBCDFABCFCBCFABCEFCBFACDFBCDFABCFBCEF"},
    {6, {11, 4, 6, 2, 9, 12}, "FAEFCAEFBADFCEAFEAFCBAEFAFCEAFBEDFACEFAFCAEB", "ABCFEADFAEFABCEFACFEAFBAEFCADEFAFBEACFCEFAEF"},
    {6, {4, 8, 11, 9, 7, 6}, "CDBECFDBCEADCFBEDCBFCDAECBDFCEBDCAFEBDCCDBEFA", "ABCDCBEFCDDAEBFCBCDECDFABECDBFCDEABCCFEDBCDEF"},
    {5, {10, 8, 6, 5, 4}, "ABCADBACEBADACBAEDBCABADCEBACABDE", "ABCABCDAEABCBDADEABABCCAEBDABACDE"},
    {3, {12, 4, 2}, "AABAACABA", "AAABAABAC"},
    {6, {5, 9, 8, 6, 12, 8}, "EBCFEDBAECFBEDCFEABECFDBECAFBEDECBFAEDCBFEBECFDA", "ABCEDFBECABEFCDEBFCEABDEFCBEAFCDEBDEFBAECFBECDEF"},
    {4, {10, 2, 2, 9}, "ADADABDADACDADAADBADADC", "ABDAADADCADADABDADACDAD"},
    {5, {3, 6, 3, 8, 7}, "DEBDEABDECDBEDABEDCBDEADEBC", "ABCDEBDEABDECDBEDABEDCBDEDE"},
    {2, {11, 2}, "AAAAAABAAAAAB", "AAAAAABAAAAAB"},
    {6, {10, 6, 6, 12, 6, 10}, "DAFBDCAFDEABFDCADFEBDACFE", "ABCDFADEBFACDDFAEBCFDADEF"},
    {5, {10, 8, 2, 2, 5}, "ABAEBACBAEABDAEBABAECBAABED", "ABABCEABADEABABCEAABBEABADE"},
    {5, {12, 11, 2, 1, 12}, "AEBAEBAEBAECBAEBAEDABEABEABEAEBCAEBAEB", "ABCEABEABEABEABEABEABCEABEABEADEABEABE"},
    {4, {11, 10, 11, 8}, "ACBACDBACBDACBADCBACDABCDABCABCDACBDACBD", "ABCADBCABDCABCDABCADBCABDCABCDABCADBCACD"},
    /* clang-format on */
};

START_TEST(orders_are_those_of_haproxy)
{
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        static const enum balance_algorithm both[] = {BALANCE_ROUNDROBIN, BALANCE_STATIC_RR};
        for (int a = 0; a < 2; a++) {
            struct balance_conf conf = {.algorithm = both[a]};
            struct kit k = kit_weights(conf, orders[i].n, orders[i].weights);
            const char *want = a ? orders[i].static_rr : orders[i].roundrobin;
            char got[128];
            ck_assert_msg(strcmp(kit_picks(&k, (unsigned)strlen(want), got), want) == 0,
                          "row %zu: %s, not %s", i, got, want);
            kit_close(&k);
        }
    }
}
END_TEST

static const struct {
    struct balance_conf conf;
    int weights[3];
    const char *servers;
} hashes[] = {
    /* clang-format off */
    {{.algorithm = BALANCE_SOURCE}, {1, 1, 1}, "2011021022"},
    {{.algorithm = BALANCE_SOURCE}, {3, 1, 2}, "2000021022"},
    {{.algorithm = BALANCE_SOURCE, .consistent = true, .avalanche = true}, {1, 1, 1}, "0000111120"},
    {{.algorithm = BALANCE_SOURCE, .consistent = true, .avalanche = true}, {3, 1, 2}, "2000011022"},
    {{.algorithm = BALANCE_SOURCE, .function = HASH_DJB2}, {1, 1, 1}, "2011021022"},
    {{.algorithm = BALANCE_SOURCE, .function = HASH_DJB2}, {3, 1, 2}, "2000021022"},
    {{.algorithm = BALANCE_SOURCE, .function = HASH_WT6}, {1, 1, 1}, "2011021022"},
    {{.algorithm = BALANCE_SOURCE, .function = HASH_WT6}, {3, 1, 2}, "2000021022"},
    {{.algorithm = BALANCE_SOURCE, .function = HASH_CRC32}, {1, 1, 1}, "2011021022"},
    {{.algorithm = BALANCE_SOURCE, .function = HASH_CRC32}, {3, 1, 2}, "2000021022"},
    {{.algorithm = BALANCE_SOURCE, .avalanche = true}, {1, 1, 1}, "0222011111"},
    {{.algorithm = BALANCE_SOURCE, .avalanche = true}, {3, 1, 2}, "0222000101"},
    {{.algorithm = BALANCE_SOURCE, .consistent = true, .function = HASH_DJB2}, {1, 1, 1}, "2220112220"},
    {{.algorithm = BALANCE_SOURCE, .consistent = true, .function = HASH_DJB2}, {3, 1, 2}, "0020102000"},
    {{.algorithm = BALANCE_SOURCE, .consistent = true, .avalanche = true}, {1, 1, 1}, "0000111120"},
    {{.algorithm = BALANCE_SOURCE, .consistent = true, .avalanche = true}, {3, 1, 2}, "2000011022"},
    {{.algorithm = BALANCE_SOURCE, .consistent = true, .function = HASH_CRC32}, {1, 1, 1}, "2220112220"},
    {{.algorithm = BALANCE_SOURCE, .consistent = true, .function = HASH_CRC32}, {3, 1, 2}, "0020102000"},
    {{.algorithm = BALANCE_URI}, {1, 1, 1}, "2020021121"},
    {{.algorithm = BALANCE_URI}, {3, 1, 2}, "2020021121"},
    {{.algorithm = BALANCE_URI, .consistent = true, .avalanche = true}, {1, 1, 1}, "1101222210"},
    {{.algorithm = BALANCE_URI, .consistent = true, .avalanche = true}, {3, 1, 2}, "0100000010"},
    {{.algorithm = BALANCE_URI, .function = HASH_DJB2}, {1, 1, 1}, "2120102200"},
    {{.algorithm = BALANCE_URI, .function = HASH_DJB2}, {3, 1, 2}, "2020002200"},
    {{.algorithm = BALANCE_URI, .function = HASH_WT6}, {1, 1, 1}, "1000010011"},
    {{.algorithm = BALANCE_URI, .function = HASH_WT6}, {3, 1, 2}, "0000000000"},
    {{.algorithm = BALANCE_URI, .function = HASH_CRC32}, {1, 1, 1}, "1012101122"},
    {{.algorithm = BALANCE_URI, .function = HASH_CRC32}, {3, 1, 2}, "1012101122"},
    {{.algorithm = BALANCE_URI, .avalanche = true}, {1, 1, 1}, "0102020001"},
    {{.algorithm = BALANCE_URI, .avalanche = true}, {3, 1, 2}, "0102020000"},
    {{.algorithm = BALANCE_URI, .consistent = true, .function = HASH_DJB2}, {1, 1, 1}, "2210022220"},
    {{.algorithm = BALANCE_URI, .consistent = true, .function = HASH_DJB2}, {3, 1, 2}, "0022200002"},
    {{.algorithm = BALANCE_URI, .consistent = true, .avalanche = true}, {1, 1, 1}, "1101222210"},
    {{.algorithm = BALANCE_URI, .consistent = true, .avalanche = true}, {3, 1, 2}, "0100000010"},
    {{.algorithm = BALANCE_URI, .consistent = true, .function = HASH_CRC32}, {1, 1, 1}, "1112220021"},
    {{.algorithm = BALANCE_URI, .consistent = true, .function = HASH_CRC32}, {3, 1, 2}, "2010202202"},
    {{.algorithm = BALANCE_URI, .uri.whole = true}, {1, 1, 1}, "2010121022"},
    {{.algorithm = BALANCE_URI, .uri.whole = true}, {3, 1, 2}, "2010021022"},
    {{.algorithm = BALANCE_URI, .consistent = true, .avalanche = true, .uri.whole = true}, {1, 1, 1}, "1101222001"},
    {{.algorithm = BALANCE_URI, .consistent = true, .avalanche = true, .uri.whole = true}, {3, 1, 2}, "0100200021"},
    {{.algorithm = BALANCE_URI, .uri.len = 10}, {1, 1, 1}, "2020001122"},
    {{.algorithm = BALANCE_URI, .uri.len = 10}, {3, 1, 2}, "2020001122"},
    {{.algorithm = BALANCE_URI, .consistent = true, .avalanche = true, .uri.len = 10}, {1, 1, 1}, "1102212211"},
    {{.algorithm = BALANCE_URI, .consistent = true, .avalanche = true, .uri.len = 10}, {3, 1, 2}, "0102210011"},
    {{.algorithm = BALANCE_URI, .uri.depth = 2}, {1, 1, 1}, "2020001120"},
    {{.algorithm = BALANCE_URI, .uri.depth = 2}, {3, 1, 2}, "2020001120"},
    {{.algorithm = BALANCE_URI, .consistent = true, .avalanche = true, .uri.depth = 2}, {1, 1, 1}, "1111212212"},
    {{.algorithm = BALANCE_URI, .consistent = true, .avalanche = true, .uri.depth = 2}, {3, 1, 2}, "0110010012"},
    {{.algorithm = BALANCE_URL_PARAM, .name = "id"}, {1, 1, 1}, "0120011202"},
    {{.algorithm = BALANCE_URL_PARAM, .name = "id"}, {3, 1, 2}, "0020010202"},
    {{.algorithm = BALANCE_URL_PARAM, .consistent = true, .avalanche = true, .name = "id"}, {1, 1, 1}, "2210221021"},
    {{.algorithm = BALANCE_URL_PARAM, .consistent = true, .avalanche = true, .name = "id"}, {3, 1, 2}, "2220201002"},
    {{.algorithm = BALANCE_HDR, .name = "x-h"}, {1, 1, 1}, "1221010000"},
    {{.algorithm = BALANCE_HDR, .name = "x-h"}, {3, 1, 2}, "0220000000"},
    {{.algorithm = BALANCE_HDR, .consistent = true, .avalanche = true, .name = "x-h"}, {1, 1, 1}, "2001212021"},
    {{.algorithm = BALANCE_HDR, .consistent = true, .avalanche = true, .name = "x-h"}, {3, 1, 2}, "2021012020"},
    {{.algorithm = BALANCE_HDR, .name = "x-h", .domain_only = true}, {1, 1, 1}, "1221012110"},
    {{.algorithm = BALANCE_HDR, .name = "x-h", .domain_only = true}, {3, 1, 2}, "0220002110"},
    {{.algorithm = BALANCE_HDR, .consistent = true, .avalanche = true, .name = "x-h", .domain_only = true}, {1, 1, 1}, "2001212001"},
    {{.algorithm = BALANCE_HDR, .consistent = true, .avalanche = true, .name = "x-h", .domain_only = true}, {3, 1, 2}, "2021010000"},
    /* clang-format on */
};

static const char *const addresses[] = {"10.0.0.1",       "10.0.0.2",  "192.0.2.77", "203.0.113.9",
                                        "198.51.100.200", "127.0.0.1", "1.2.3.4",    "172.16.5.5",
                                        "8.8.8.8",        "100.64.0.3"};
static const char *const targets[] = {"/",
                                      "/a",
                                      "/a/b/c?x=1",
                                      "/img/logo.png",
                                      "/index.html?id=42&z=1",
                                      "/very/long/path/to/something",
                                      "/q?id=7",
                                      "/q?a=1&id=abc",
                                      "/x?id=",
                                      "/zz/yy/xx/ww?id=hello"};
static const char *const headers[] = {
    "a",     "bob", "alice",           "session-1234",     "0",
    "x-y-z", "",    "www.example.com", "example.org:8080", "localhost"};

static struct balance_key key_number(size_t i, bool host)
{
    struct balance_key k = {.target = TEXT(targets[i])};
    addr_parse(addresses[i], &k.source);
    const char *header = headers[i][0] || !host ? headers[i] : "none";
    if (header[0])
        k.header = TEXT(header);
    return k;
}

START_TEST(hashes_send_clients_where_haproxy_sends_them)
{
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
        struct kit k = kit_weights(hashes[i].conf, 3, hashes[i].weights);
        char got[16] = "";
        for (size_t j = 0; j < ARRAY_LEN(targets); j++) {
            struct balance_key key = key_number(j, hashes[i].conf.domain_only);
            got[j] = (char)(kit_pick(&k, (unsigned)(j % KIT_WORKERS), &key, NULL) - 'A' + '0');
        }
        ck_assert_msg(strcmp(got, hashes[i].servers) == 0, "row %zu (%s): %s, not %s", i,
                      balance_names[hashes[i].conf.algorithm].name, got, hashes[i].servers);
        kit_close(&k);
    }
}
END_TEST

static const struct balance_conf leastconn = {.algorithm = BALANCE_LEASTCONN};
static const struct balance_conf roundrobin = {.algorithm = BALANCE_ROUNDROBIN};

/* Requests that stay, one after the other; read off HAProxy. */
START_TEST(leastconn_weighs_what_is_being_served)
{
    static const struct {
        unsigned n;
        int weights[4];
        const char *order;
    } rows[] = {
        {2, {2, 1}, "ABAABAABAABA"},
        {3, {3, 1, 2}, "ABCACAACABCAAC"},
        {3, {1, 1, 1}, "ABCABCABC"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit k = kit_weights(leastconn, rows[i].n, rows[i].weights);
        for (const char *want = rows[i].order; *want; want++)
            ck_assert_int_eq(kit_pick_held(&k, (unsigned)(want - rows[i].order) % 3, NULL, NULL),
                             *want);
        for (const char *of = rows[i].order; *of; of++)
            kit_done(k.s[*of - 'A']);
        kit_close(&k);
    }
}
END_TEST

START_TEST(leastconn_goes_round_among_idle_servers)
{
    struct kit k = kit_weights(leastconn, 3, (int[]){1, 5, 1});
    char got[16];
    ck_assert_str_eq(kit_picks(&k, 7, got), "ABCABCA");
    ck_assert_int_eq(kit_pick_held(&k, 0, NULL, NULL), 'B');
    ck_assert_str_eq(kit_picks(&k, 4, got), "CACA"); /* B is busy */
    kit_done(k.s[1]);
    ck_assert_str_eq(kit_picks(&k, 3, got), "CAB");
    kit_close(&k);
}
END_TEST

START_TEST(leastconn_counts_those_who_wait)
{
    struct kit k = kit_open((struct pool_conf){.balance = leastconn});
    kit_add(&k, (struct server_conf){.weight = 1, .maxconn = 1, .maxqueue = 1});
    kit_add(&k, (struct server_conf){.weight = 1, .maxconn = 2});
    kit_publish(&k);
    struct queue_entry e = {0};
    ck_assert_int_eq(kit_pick_held(&k, 0, NULL, NULL), 'A');
    ck_assert_int_eq(kit_pick_held(&k, 0, NULL, NULL), 'B');
    ck_assert_int_eq(kit_pick_held(&k, 0, NULL, NULL), 'a'); /* full, but its queue has room */
    ck_assert_int_eq(queue_join(&k.q[0], &e, k.s[0], span_s(0), kit_now), QUEUE_WAITING);
    ck_assert_int_eq(kit_pick_held(&k, 0, NULL, NULL), 'B');
    ck_assert_int_eq(kit_pick_held(&k, 0, NULL, NULL), '*'); /* all are full: any */
    queue_leave(&k.q[0], &e);
    kit_done(k.s[0]);
    kit_done(k.s[1]);
    kit_done(k.s[1]);
    kit_close(&k);
}
END_TEST

START_TEST(first_fills_servers_by_id)
{
    struct kit k = kit_open((struct pool_conf){.balance = {.algorithm = BALANCE_FIRST}});
    kit_add(&k, (struct server_conf){.weight = 1, .id = 30, .maxconn = 2});
    kit_add(&k, (struct server_conf){.weight = 1, .id = 10, .maxconn = 3});
    kit_add(&k, (struct server_conf){.weight = 1, .id = 20, .maxconn = 1});
    kit_publish(&k);
    for (const char *want = "BBBCAA*"; *want; want++)
        ck_assert_int_eq(kit_pick_held(&k, 0, NULL, NULL), *want);
    kit_done(k.s[1]);
    ck_assert_int_eq(kit_pick_held(&k, 2, NULL, NULL), 'B');
    for (const char *of = "BBBCAA"; *of; of++)
        kit_done(k.s[*of - 'A']);
    kit_close(&k);
}
END_TEST

START_TEST(full_servers_are_passed_over_in_the_round)
{
    struct kit k = kit_open((struct pool_conf){.balance = roundrobin});
    kit_add(&k, (struct server_conf){.weight = 3, .maxconn = 2});
    kit_add(&k, (struct server_conf){.weight = 1, .maxconn = 4});
    kit_publish(&k);
    for (const char *want = "AABBBB**"; *want; want++)
        ck_assert_int_eq(kit_pick_held(&k, 0, NULL, NULL), *want);
    for (const char *of = "AABBBB"; *of; of++)
        kit_done(k.s[*of - 'A']);
    kit_close(&k);
}
END_TEST

START_TEST(random_follows_weights_and_prefers_the_less_loaded)
{
    struct kit k = kit_weights((struct balance_conf){.algorithm = BALANCE_RANDOM, .draws = 1}, 3,
                               (int[]){1, 2, 5});
    int hits[3] = {0};
    for (int i = 0; i < 8000; i++)
        hits[kit_pick(&k, 0, NULL, NULL) - 'A']++;
    for (int i = 0, want[] = {1000, 2000, 5000}; i < 3; i++)
        ck_assert_msg(abs(hits[i] - want[i]) < 200, "%d picks of %c", hits[i], 'A' + i);
    kit_close(&k);

    /* Two choices: of 300 requests that stay, no server has far more than its 30. */
    int even[10] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    k = kit_weights((struct balance_conf){.algorithm = BALANCE_RANDOM}, 10, even);
    for (int i = 0; i < 300; i++)
        kit_pick_held(&k, 0, NULL, NULL);
    for (int i = 0; i < 10; i++) {
        ck_assert_uint_lt(server_slots(k.s[i]), 36);
        ck_assert_uint_gt(server_slots(k.s[i]), 24);
        while (server_slots(k.s[i]))
            kit_done(k.s[i]);
    }
    kit_close(&k);
}
END_TEST

START_TEST(workers_share_the_round)
{
    struct kit k = kit_weights(roundrobin, 2, (int[]){2, 1});
    char got[10] = "";
    for (unsigned i = 0; i < 9; i++)
        got[i] = kit_pick(&k, i * 7 % KIT_WORKERS, NULL, NULL);
    ck_assert_str_eq(got, "AABAABAAB");
    kit_close(&k);
}
END_TEST

/* What is picked in each state of the servers: weights, then states (r ready, d drain, m maint,
 * x down). C and D are backups. */
START_TEST(backups_serve_when_no_active_server_is_left)
{
    static const struct {
        const char *states;
        bool all;
        const char *one, *everyone;
    } rows[] = {
        {"rrrr", false, "ABAB", "ABAB"}, {"mrrr", false, "BBBB", "BBBB"},
        {"mdrr", false, "CCCC", "CDCD"}, {"xxrr", false, "CCCC", "CDCD"},
        {"xmxr", false, "DDDD", "DDDD"}, {"xxxx", false, "----", "----"},
        {"ddmd", false, "----", "----"},
    };
    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        bool all = i & 1;
        struct kit k = kit_open(
            (struct pool_conf){.balance = {.algorithm = BALANCE_ROUNDROBIN, .all_backups = all}});
        for (unsigned n = 0; n < 4; n++)
            kit_add(&k, (struct server_conf){.weight = 1, .backup = n > 1, .checked = true});
        kit_publish(&k);
        for (unsigned n = 0; n < 4; n++) {
            char state = rows[i / 2].states[n];
            if (state == 'x')
                server_force_health(k.s[n], SERVER_STOPPED, kit_now);
            else
                server_set_admin(k.s[n],
                                 state == 'd'   ? SERVER_DRAIN
                                 : state == 'm' ? SERVER_MAINT
                                                : SERVER_READY,
                                 kit_now);
        }
        char got[8];
        ck_assert_msg(strcmp(kit_picks(&k, 4, got), all ? rows[i / 2].everyone : rows[i / 2].one) ==
                          0,
                      "%s: %s", rows[i / 2].states, got);
        kit_close(&k);
    }
}
END_TEST

START_TEST(weights_change_while_running)
{
    struct kit k = kit_weights(roundrobin, 2, (int[]){1, 1});
    char got[16];
    ck_assert_str_eq(kit_picks(&k, 4, got), "ABAB");
    ck_assert_int_eq(server_set_weight(k.s[1], 0, kit_now, NULL), 0);
    ck_assert_str_eq(kit_picks(&k, 4, got), "AAAA");
    server_set_weight(k.s[1], 3, kit_now, NULL);
    int b = 0;
    for (int i = 0; i < 400; i++)
        b += kit_pick(&k, 1, NULL, NULL) == 'B';
    ck_assert_int_eq(b, 300);
    kit_close(&k);
}
END_TEST

START_TEST(a_failed_server_is_not_tried_again_while_another_is_left)
{
    static const enum balance_algorithm all[] = {
        BALANCE_ROUNDROBIN, BALANCE_STATIC_RR, BALANCE_LEASTCONN, BALANCE_FIRST, BALANCE_SOURCE,
        BALANCE_URI,        BALANCE_URL_PARAM, BALANCE_HDR,       BALANCE_RANDOM};
    for (size_t i = 0; i < 2 * ARRAY_LEN(all); i++) {
        struct balance_conf conf = {
            .algorithm = all[i / 2], .consistent = i & 1, .avalanche = i & 1, .name = "id"};
        struct kit k = kit_weights(conf, 3, (int[]){1, 1, 1});
        for (int round = 0; round < 30; round++) {
            struct balance_exclude x = {0};
            struct balance_key key = key_number((size_t)round % 10, false);
            bool seen[3] = {false};
            for (int n = 0; n < 3; n++) {
                int at = kit_pick(&k, 0, &key, &x) - 'A';
                ck_assert_msg(at >= 0 && at < 3 && !seen[at], "%s", balance_names[all[i / 2]].name);
                seen[at] = true;
                balance_exclude(&x, k.s[at]);
            }
            int again = kit_pick(&k, 0, &key, &x); /* all failed: then any */
            ck_assert(again >= 'A' && again <= 'C');
        }
        kit_close(&k);
    }
}
END_TEST

START_TEST(a_hashed_client_waits_for_its_server)
{
    struct kit k = kit_open((struct pool_conf){.balance = {.algorithm = BALANCE_SOURCE}});
    kit_add(&k, (struct server_conf){.weight = 1, .maxconn = 1, .maxqueue = 1});
    kit_add(&k, (struct server_conf){.weight = 1, .maxconn = 1, .maxqueue = 1});
    kit_publish(&k);
    struct balance_key even = {.source = addr_v4(0x0a000000)};
    struct queue_entry e = {0};
    ck_assert_int_eq(kit_pick_held(&k, 0, &even, NULL), 'A');
    ck_assert_int_eq(kit_pick_held(&k, 0, &even, NULL), 'a');
    ck_assert_int_eq(queue_join(&k.q[0], &e, k.s[0], span_s(0), kit_now), QUEUE_WAITING);
    ck_assert_int_eq(kit_pick_held(&k, 0, &even, NULL), '!');
    queue_leave(&k.q[0], &e);
    kit_done(k.s[0]);
    kit_close(&k);
}
END_TEST

static unsigned moved_keys(struct kit *k, char *before, unsigned n, bool first)
{
    unsigned moved = 0;
    for (unsigned i = 0; i < n; i++) {
        struct balance_key key = {.source = addr_v4(0x0a000000 + i * 977)};
        char at = kit_pick(k, 0, &key, NULL);
        moved += !first && at != before[i];
        before[i] = at;
    }
    return moved;
}

START_TEST(a_consistent_hash_moves_only_the_keys_of_the_server_that_goes)
{
    enum { KEYS = 4000, SERVERS = 10 };
    struct balance_conf conf = {.algorithm = BALANCE_SOURCE, .consistent = true, .avalanche = true};
    int weights[SERVERS];
    for (int i = 0; i < SERVERS; i++)
        weights[i] = 10;
    struct kit k = kit_weights(conf, SERVERS, weights);
    char *at = calloc(KEYS, 1), *first = calloc(KEYS, 1);
    moved_keys(&k, first, KEYS, true);
    memcpy(at, first, KEYS);
    server_set_admin(k.s[3], SERVER_MAINT, kit_now);
    unsigned moved = moved_keys(&k, at, KEYS, false);
    ck_assert_msg(moved > KEYS / 20 && moved < KEYS / 6, "%u of %d moved", moved, KEYS);
    for (int i = 0; i < KEYS; i++)
        ck_assert(first[i] == 'D' ? at[i] != 'D' : at[i] == first[i]);
    server_set_admin(k.s[3], SERVER_READY, kit_now);
    moved_keys(&k, at, KEYS, false);
    ck_assert_mem_eq(at, first, KEYS); /* and they come back */
    free(at);
    free(first);
    kit_close(&k);
}
END_TEST

START_TEST(servers_come_and_go_while_running)
{
    struct kit k = kit_weights(roundrobin, 2, (int[]){1, 1});
    char got[16];
    ck_assert_str_eq(kit_picks(&k, 2, got), "AB");
    ck_assert_int_eq(kit_pick_held(&k, 0, NULL, NULL), 'A'); /* a session stays on A */
    kit_add(&k, (struct server_conf){.weight = 1});
    ck_assert_int_eq(kit_pick(&k, 0, NULL, NULL), 'B'); /* not yet known to the workers */
    ck_assert_int_eq(pool_del(k.pool, k.s[0], NULL), 0);
    kit_publish(&k);
    ck_assert_str_eq(kit_picks(&k, 4, got), "BCBC");
    ck_assert_str_eq(k.s[0]->name, "A"); /* still there for its session */
    kit_done(k.s[0]);
    kit_close(&k);
}
END_TEST

/* Same weights, any number: each round gives each server exactly its weight. */
START_TEST(rounds_are_exact_for_any_weights)
{
    struct rng rng = {1};
    for (int i = 0; i < 300; i++) {
        uint32_t w[64], n = 1 + (uint32_t)rng_below(&rng, 64), count[64];
        for (int a = 0; a < 2; a++) {
            for (uint32_t j = 0; j < n; j++)
                w[j] = (uint32_t)rng_below(&rng, 257);
            w[0] = 1;
            uint32_t len = order_reduce(w, n, i % 3 ? ORDER_LEN_MAX : 200);
            uint16_t *out = calloc(len + 1, sizeof(*out));
            memset(count, 0, sizeof(count));
            ck_assert(a ? order_static(w, n, out) : order_smooth(w, n, out));
            for (uint32_t j = 0; j < len; j++)
                count[out[j]]++;
            ck_assert_mem_eq(count, w, n * sizeof(*w));
            free(out);
        }
    }
}
END_TEST

/* The definition, step by step: scores grow by the weight each turn and fall by the round when
 * served; the first of those with the most whole rounds is next. */
static void static_by_definition(const uint32_t *w, uint32_t n, int64_t round, uint16_t *out)
{
    int64_t score[64] = {0};
    for (int64_t turn = 0; turn < round; turn++) {
        int64_t most = -1;
        uint32_t best = 0;
        for (uint32_t i = 0; i < n; i++) {
            score[i] += w[i];
            int64_t whole = w[i] ? (score[i] + round) / round : -1;
            if (whole > most) {
                most = whole;
                best = i;
            }
        }
        out[turn] = (uint16_t)best;
        score[best] -= round;
    }
}

START_TEST(the_static_order_is_as_defined)
{
    struct rng rng = {2};
    for (int i = 0; i < 400; i++) {
        uint32_t w[64], n = 1 + (uint32_t)rng_below(&rng, 64);
        for (uint32_t j = 0; j < n; j++)
            w[j] = (uint32_t)rng_below(&rng, i % 2 ? 257 : 4);
        w[n - 1] = 1;
        uint32_t len = order_reduce(w, n, ORDER_LEN_MAX);
        uint16_t *want = calloc(len, sizeof(*want)), *got = calloc(len, sizeof(*got));
        static_by_definition(w, n, len, want);
        ck_assert(order_static(w, n, got));
        ck_assert_mem_eq(got, want, len * sizeof(*got));
        free(want);
        free(got);
    }
}
END_TEST

static const struct test_row rows[] = {
    {"roundrobin and static-rr give HAProxy's order for 39 sets of weights",
     &orders_are_those_of_haproxy},
    {"source, uri, url_param and hdr pick HAProxy's server, map-based and consistent",
     &hashes_send_clients_where_haproxy_sends_them},
    {"leastconn gives each server its share of the requests being served",
     &leastconn_weighs_what_is_being_served},
    {"leastconn goes round among idle servers, whatever their weights",
     &leastconn_goes_round_among_idle_servers},
    {"leastconn counts queued requests, and queues where maxqueue allows it",
     &leastconn_counts_those_who_wait},
    {"first fills the server with the lowest id up to its maxconn", &first_fills_servers_by_id},
    {"roundrobin passes over full servers and queues when all are full",
     &full_servers_are_passed_over_in_the_round},
    {"random follows the weights, and the less loaded of two wins",
     &random_follows_weights_and_prefers_the_less_loaded},
    {"servers alternate for a client whichever worker it meets", &workers_share_the_round},
    {"backups serve only when no active server is left: the first, or all with allbackups",
     &backups_serve_when_no_active_server_is_left},
    {"weights change while running; weight 0 takes no new clients", &weights_change_while_running},
    {"each algorithm redispatches to another server while there is one",
     &a_failed_server_is_not_tried_again_while_another_is_left},
    {"a hashed client waits for its server, up to maxqueue", &a_hashed_client_waits_for_its_server},
    {"a consistent hash moves only the keys of the server that goes, and they come back",
     &a_consistent_hash_moves_only_the_keys_of_the_server_that_goes},
    {"servers come and go while sessions are on them", &servers_come_and_go_while_running},
    {"the static order, worked out quickly, is the one that is defined",
     &the_static_order_is_as_defined},
    {"each round gives each server exactly its weight", &rounds_are_exact_for_any_weights},
};

int main(void)
{
    return suite_main("balance", rows, ARRAY_LEN(rows));
}
