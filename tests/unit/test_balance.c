/*
 * The rows marked "as HAProxy" were read off HAProxy 2.6.12, one request after the other.
 */
#include "lb/core/balance.h"
#include "lb/core/balance_order.h"
#include "tests/unit/pool_kit.h"
#include "tests/unit/suite.h"

#include <math.h>
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
    {5, {2, 4, 2, 9, 7}, "DEDBEDAEDBDECDEBDEDADBED", "ABDECDEDBDEABDEDCEDBEDDE"},
    {2, {10, 2}, "AAAAAB", "AAAAAB"},
    {3, {11, 11, 10}, "ABABCABCABCABCABCABCABCABACBACBA", "ABACBACBACBACBACBABCABCABCABCABC"},
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
    {5, {3, 6, 3, 8, 7}, "DEBDEABDECDBEDABEDCBDEADEBD", "ABCDEBDEABDECDBEDABEDCBDEDE"},
    {2, {11, 2}, "AAAAAABAAAAAB", "AAAAAABAAAAAB"},
    {6, {10, 6, 6, 12, 6, 10}, "DAFBDCAFDEABFDCADFEBDACFD", "ABCDFADEBFACDDFAEBCFDADEF"},
    {5, {10, 8, 2, 2, 5}, "ABAEBACBAEABDAEBABAECBAABED", "ABABCEABADEABABCEAABBEABADE"},
    {5, {12, 11, 2, 1, 12}, "AEBAEBAEBAECBAEBAEDABEABEABEAEBCAEBAEB", "ABCEABEABEABEABEABEABCEABEABEADEABEABE"},
    {4, {11, 10, 11, 8}, "ACBACDBACBDACBADCBACDABCDABCABCDACBDACBA", "ABCADBCABDCABCDABCADBCABDCABCDABCADBCACD"},
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

static const char *const addresses[] = {"10.0.0.1",       "10.0.0.2",   "192.0.2.77",  "203.0.113.9",
                                        "198.51.100.200", "127.0.0.1",  "1.2.3.4",     "172.16.5.5",
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
static const char *const headers[] = {"a", "bob", "alice", "session-1234", "0", "x-y-z", "",
                                      "www.example.com", "example.org:8080", "localhost"};

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

static const struct test_row rows[] = {
    {"roundrobin and static-rr give HAProxy's order for 39 sets of weights", &orders_are_those_of_haproxy},
    {"source, uri, url_param and hdr pick HAProxy's server, map-based and consistent", &hashes_send_clients_where_haproxy_sends_them},
};

int main(void)
{
    return suite_main("balance", rows, ARRAY_LEN(rows));
}
