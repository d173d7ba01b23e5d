#include "common/base/macro.h"
#include "common/base/rng.h"
#include "tests/unit/suite.h"
#include "vrrpd/core/packet.h"

#include <string.h>

/* Messages written by scapy 2.5 (VRRP, VRRPv3; the RFC's IPv4 form and IPv6 by RFC 1071 in Python),
 * from 192.0.2.1 or fe80::1 to the group, or to 192.0.2.2. None is made by the code under test. */
static const uint8_t v4_rfc[] = {0x31, 0x33, 0x65, 0x02, 0x00, 0x64, 0xe5, 0x4f,
                                 0xc0, 0x00, 0x02, 0x0a, 0xc0, 0x00, 0x02, 0x0b};
static const uint8_t v4_pseudo[] = {0x31, 0x33, 0x65, 0x02, 0x00, 0x64, 0x42, 0xbb,
                                    0xc0, 0x00, 0x02, 0x0a, 0xc0, 0x00, 0x02, 0x0b};
static const uint8_t v4_unicast[] = {0x31, 0x33, 0x65, 0x01, 0x00, 0x64,
                                     0x22, 0xdc, 0xc0, 0x00, 0x02, 0x0a};
static const uint8_t v6[] = {0x31, 0x34, 0x64, 0x02, 0x00, 0x0a, 0x40, 0x42, 0xfe, 0x80,
                             0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                             0x00, 0x00, 0x00, 0x0a, 0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00,
                             0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0a};
static const uint8_t v6_global_only[] = {0x31, 0x34, 0x64, 0x01, 0x0f, 0xff, 0x2e, 0xe9,
                                         0x20, 0x01, 0x0d, 0xb8, 0x00, 0x00, 0x00, 0x00,
                                         0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x0a};
static const uint8_t v2_none[] = {0x21, 0x33, 0x64, 0x01, 0x00, 0x01, 0xb8, 0xbf, 0xc0, 0x00,
                                  0x02, 0x0a, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00};
static const uint8_t v2_text[] = {0x21, 0x33, 0x64, 0x01, 0x01, 0x01, 0x7b, 0x73, 0xc0, 0x00,
                                  0x02, 0x0a, 0x73, 0x65, 0x63, 0x72, 0x65, 0x74, 0x00, 0x00};

#define BYTES(A) A, sizeof(A)

static struct addr ip(const char *text)
{
    struct addr a = {0};
    if (*text)
        ck_assert_msg(addr_parse(text, &a), "%s", text);
    return a;
}

static struct packet_meta meta(const char *src, const char *dst, int ttl)
{
    return (struct packet_meta){.src = ip(src), .dst = ip(dst), .ttl = ttl};
}

static struct packet_meta v4_meta(void)
{
    return meta("192.0.2.1", "224.0.0.18", 255);
}

static struct packet_meta v6_meta(void)
{
    return meta("fe80::1", "ff02::12", 255);
}

static struct packet_expect expect_v4(void)
{
    return (struct packet_expect){
        .version = 3,
        .family = AF_INET,
        .vrid = 51,
        .ttl_min = 255,
        .interval = span_s(1),
        .own = ip("192.0.2.7"),
    };
}

static struct packet_expect expect_v6(void)
{
    struct packet_expect e = expect_v4();
    e.family = AF_INET6;
    e.vrid = 52;
    e.own = ip("fe80::7");
    return e;
}

static struct packet_expect expect_v2(enum packet_auth auth, const char *password)
{
    struct packet_expect e = expect_v4();
    e.version = 2;
    e.auth = auth;
    memcpy(e.password, password, strlen(password));
    return e;
}

static void check_outcome(const char *what, enum packet_outcome got, enum packet_outcome want)
{
    ck_assert_msg(got == want, "%s: %s, not %s", what, packet_outcome_name(got),
                  packet_outcome_name(want));
}

/* A valid message with `count` addresses; the checksum is made right by adding what is missing. */
static void fix_checksum(uint8_t *b, size_t len)
{
    uint32_t sum = 0;
    b[6] = b[7] = 0;
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? b[i] : (uint32_t)b[i] << 8;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    b[6] = (uint8_t)(~sum >> 8);
    b[7] = (uint8_t)~sum;
}

/* `bytes` with one byte changed and the checksum made right again (IPv4, without pseudo-header). */
static enum packet_outcome decode_changed(const uint8_t *bytes, size_t len, size_t at,
                                          uint8_t value, const struct packet_expect *e,
                                          struct packet *out)
{
    uint8_t b[PACKET_MAX];
    struct packet_meta m = v4_meta();

    memcpy(b, bytes, len);
    b[at] = value;
    fix_checksum(b, len);
    return packet_decode(b, len, &m, e, out);
}

START_TEST(every_field_is_read_from_where_the_rfc_puts_it)
{
    struct packet_meta m = v4_meta();
    struct packet_expect e = expect_v4();
    struct packet p;

    check_outcome("v4", packet_decode(BYTES(v4_rfc), &m, &e, &p), PACKET_OK);
    ck_assert_uint_eq(p.version, 3);
    ck_assert_uint_eq(p.vrid, 51);
    ck_assert_uint_eq(p.priority, 101);
    ck_assert_int_eq(p.interval.us, 1000000);
    ck_assert_uint_eq(p.addr_count, 2);
    struct addr first = ip("192.0.2.10"), second = ip("192.0.2.11");
    ck_assert(addr_equal(&p.addrs[0], &first) && addr_equal(&p.addrs[1], &second));

    m = v6_meta();
    e = expect_v6();
    check_outcome("v6", packet_decode(BYTES(v6_global_only), &m, &e, &p), PACKET_OK);
    ck_assert_int_eq(p.interval.us, 40950000);
    ck_assert_uint_eq(p.addr_count, 1);
    first = ip("2001:db8::a");
    ck_assert(addr_equal(&p.addrs[0], &first));
}
END_TEST

START_TEST(reserved_bits_are_ignored_when_heard_and_zero_when_sent)
{
    struct packet_expect e = expect_v4();
    struct packet p;
    uint8_t buf[PACKET_MAX];

    check_outcome("reserved", decode_changed(BYTES(v4_rfc), 4, 0xf0, &e, &p), PACKET_OK);
    ck_assert_int_eq(p.interval.us, 1000000);
    p.interval = span_ms(40950);
    ck_assert_uint_gt(packet_encode(&p, &e.own, &e.own, buf, sizeof(buf)), 0);
    ck_assert_uint_eq(buf[4], 0x0f);
}
END_TEST

START_TEST(priorities_0_and_255_are_carried)
{
    static const uint8_t priorities[] = {0, 1, 100, 254, 255};
    struct packet_expect e = expect_v4();
    struct packet p;

    for (size_t i = 0; i < ARRAY_LEN(priorities); i++) {
        check_outcome("priority", decode_changed(BYTES(v4_rfc), 2, priorities[i], &e, &p),
                      PACKET_OK);
        ck_assert_uint_eq(p.priority, priorities[i]);
    }
}
END_TEST

START_TEST(both_ipv4_checksums_are_heard_and_told_apart)
{
    struct packet_meta m = v4_meta();
    struct packet_expect e = expect_v4();
    struct packet p;

    check_outcome("rfc", packet_decode(BYTES(v4_rfc), &m, &e, &p), PACKET_OK);
    ck_assert_int_eq(p.form, PACKET_FORM_RFC9568);
    check_outcome("pseudo", packet_decode(BYTES(v4_pseudo), &m, &e, &p), PACKET_OK);
    ck_assert_int_eq(p.form, PACKET_FORM_PSEUDO);
    m.src = ip("192.0.2.3");
    check_outcome("another source", packet_decode(BYTES(v4_pseudo), &m, &e, &p), PACKET_CHECKSUM);
    check_outcome("rfc form", packet_decode(BYTES(v4_rfc), &m, &e, &p), PACKET_OK);

    struct addr peer = ip("192.0.2.1");
    m = meta("192.0.2.1", "192.0.2.2", 255);
    e.peers = &peer;
    e.peer_count = 1;
    check_outcome("unicast", packet_decode(BYTES(v4_unicast), &m, &e, &p), PACKET_OK);
    ck_assert_int_eq(p.form, PACKET_FORM_PSEUDO);
}
END_TEST

START_TEST(the_ipv6_checksum_covers_the_pseudo_header)
{
    struct packet_meta m = v6_meta();
    struct packet_expect e = expect_v6();
    struct packet p;
    uint8_t bare[sizeof(v6)];

    check_outcome("v6", packet_decode(BYTES(v6), &m, &e, &p), PACKET_OK);
    m.dst = ip("");
    check_outcome("destination unknown", packet_decode(BYTES(v6), &m, &e, &p), PACKET_OK);
    m.src = ip("fe80::2");
    check_outcome("another source", packet_decode(BYTES(v6), &m, &e, &p), PACKET_CHECKSUM);
    memcpy(bare, v6, sizeof(v6));
    fix_checksum(bare, sizeof(bare));
    m = v6_meta();
    check_outcome("without", packet_decode(BYTES(bare), &m, &e, &p), PACKET_CHECKSUM);
}
END_TEST

struct written {
    const char *what;
    const uint8_t *bytes;
    size_t len;
    const char *src, *dst;
    struct packet p;
    const char *addrs[3];
};

/* The link-local address is put first, whatever the order in the configuration. */
static const struct written written[] = {
    {"P7 rfc9568",
     BYTES(v4_rfc),
     "192.0.2.1",
     "224.0.0.18",
     {.version = 3, .family = AF_INET, .vrid = 51, .priority = 101, .interval = {1000000}},
     {"192.0.2.10", "192.0.2.11"}},
    {"P7 pseudo-header",
     BYTES(v4_pseudo),
     "192.0.2.1",
     "224.0.0.18",
     {.version = 3,
      .family = AF_INET,
      .vrid = 51,
      .priority = 101,
      .interval = {1000000},
      .form = PACKET_FORM_PSEUDO},
     {"192.0.2.10", "192.0.2.11"}},
    {"P7 pseudo-header, unicast",
     BYTES(v4_unicast),
     "192.0.2.1",
     "192.0.2.2",
     {.version = 3,
      .family = AF_INET,
      .vrid = 51,
      .priority = 101,
      .interval = {1000000},
      .form = PACKET_FORM_PSEUDO},
     {"192.0.2.10"}},
    {"P8 P9 IPv6",
     BYTES(v6),
     "fe80::1",
     "ff02::12",
     {.version = 3, .family = AF_INET6, .vrid = 52, .priority = 100, .interval = {100000}},
     {"2001:db8::a", "fe80::a"}},
    {"T1 the longest interval",
     BYTES(v6_global_only),
     "fe80::1",
     "ff02::12",
     {.version = 3, .family = AF_INET6, .vrid = 52, .priority = 100, .interval = {40950000}},
     {"2001:db8::a"}},
    {"W1 W2 version 2",
     BYTES(v2_none),
     "192.0.2.1",
     "224.0.0.18",
     {.version = 2, .family = AF_INET, .vrid = 51, .priority = 100, .interval = {1000000}},
     {"192.0.2.10"}},
    {"W1 W2 W5 version 2, password",
     BYTES(v2_text),
     "192.0.2.1",
     "224.0.0.18",
     {.version = 2,
      .family = AF_INET,
      .vrid = 51,
      .priority = 100,
      .interval = {1000000},
      .auth = PACKET_AUTH_TEXT,
      .password = "secret"},
     {"192.0.2.10"}},
};

START_TEST(what_is_written_equals_what_scapy_writes)
{
    for (size_t i = 0; i < ARRAY_LEN(written); i++) {
        const struct written *w = &written[i];
        struct packet p = w->p;
        struct addr src = ip(w->src), dst = ip(w->dst);
        uint8_t buf[PACKET_MAX];

        for (; w->addrs[p.addr_count]; p.addr_count++)
            p.addrs[p.addr_count] = ip(w->addrs[p.addr_count]);
        size_t len = packet_encode(&p, &src, &dst, buf, sizeof(buf));
        ck_assert_msg(len == w->len, "%s: %zu bytes", w->what, len);
        ck_assert_msg(memcmp(buf, w->bytes, len) == 0, "%s", w->what);
        ck_assert_uint_eq(packet_encode(&p, &src, &dst, buf, len - 1), 0);
    }
}
END_TEST

START_TEST(an_interval_between_two_wire_units_is_rounded_up)
{
    static const struct {
        uint8_t version;
        int64_t us;
        uint16_t wire;
    } rows[] = {
        {3, 10000, 1},       {3, 15000, 2},   {3, 1, 1},       {3, 40950000, 4095},
        {3, 99000000, 4095}, {2, 1000000, 1}, {2, 1500000, 2}, {2, 999000000, 255},
    };
    struct addr src = ip("192.0.2.1");
    uint8_t buf[PACKET_MAX];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct packet p = {.version = rows[i].version, .family = AF_INET, .interval = {rows[i].us}};
        packet_encode(&p, &src, &src, buf, sizeof(buf));
        ck_assert_uint_eq(rows[i].version == 2 ? buf[5] : buf[4] << 8 | buf[5], rows[i].wire);
    }
}
END_TEST

START_TEST(only_a_ttl_of_255_has_not_crossed_a_router)
{
    static const struct {
        int ttl;
        uint8_t ttl_min; /* unicast */
        enum packet_outcome multicast, unicast;
    } rows[] = {
        {255, 255, PACKET_OK, PACKET_OK},
        {254, 255, PACKET_TTL_WRONG, PACKET_TTL_WRONG},
        {254, 250, PACKET_TTL_WRONG, PACKET_OK},
        {249, 250, PACKET_TTL_WRONG, PACKET_TTL_WRONG},
        {1, 0, PACKET_TTL_WRONG, PACKET_OK},
        {-1, 0, PACKET_TTL_WRONG, PACKET_OK},
        {-1, 255, PACKET_TTL_WRONG, PACKET_TTL_WRONG},
    };
    struct addr peer = ip("192.0.2.1");
    struct packet p;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct packet_expect e = expect_v4();
        struct packet_meta m = meta("192.0.2.1", "224.0.0.18", rows[i].ttl);
        check_outcome("multicast", packet_decode(BYTES(v4_rfc), &m, &e, &p), rows[i].multicast);
        check_outcome("no instance", packet_decode(BYTES(v4_rfc), &m, NULL, &p), rows[i].multicast);
        e.ttl_min = rows[i].ttl_min;
        e.peers = &peer;
        e.peer_count = 1;
        m.dst = ip("192.0.2.7");
        check_outcome("unicast", packet_decode(BYTES(v4_rfc), &m, &e, &p), rows[i].unicast);
    }
    struct packet_meta m = v6_meta();
    struct packet_expect e = expect_v6();
    m.ttl = 64;
    check_outcome("hop limit", packet_decode(BYTES(v6), &m, &e, &p), PACKET_TTL_WRONG);
}
END_TEST

START_TEST(a_byte_that_is_wrong_is_named)
{
    static const struct {
        const char *what;
        size_t at;
        uint8_t value;
        enum packet_outcome outcome;
    } rows[] = {
        {"V2 version 2 to a version-3 instance", 0, 0x21, PACKET_VERSION},
        {"V2 version 4", 0, 0x41, PACKET_VERSION},
        {"V2 version 0", 0, 0x01, PACKET_VERSION},
        {"V3 type 0", 0, 0x30, PACKET_TYPE},
        {"V3 type 2", 0, 0x32, PACKET_TYPE},
        {"V3 type 3", 0, 0x33, PACKET_TYPE},
        {"V4 one address more than there are", 3, 3, PACKET_SHORT},
        {"V4 all addresses missing", 3, 255, PACKET_SHORT},
        {"V6 another VRID", 1, 52, PACKET_VRID_UNKNOWN},
        {"V8 no addresses", 3, 0, PACKET_NO_ADDRESSES},
        {"V10 interval 0", 5, 0, PACKET_INTERVAL_ZERO},
        {"fewer addresses than bytes", 3, 1, PACKET_OK},
    };
    struct packet_expect e = expect_v4();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct packet p = {.vrid = 99};
        check_outcome(rows[i].what,
                      decode_changed(BYTES(v4_rfc), rows[i].at, rows[i].value, &e, &p),
                      rows[i].outcome);
        /* What is rejected leaves no trace. */
        ck_assert_uint_eq(p.vrid, rows[i].outcome == PACKET_OK ? 51 : 99);
    }
}
END_TEST

START_TEST(every_shorter_message_is_short)
{
    struct packet_meta m4 = v4_meta(), m6 = v6_meta();
    struct packet_expect e4 = expect_v4(), e6 = expect_v6(), e2 = expect_v2(PACKET_AUTH_NONE, "");
    struct packet p;

    for (size_t len = 0; len < sizeof(v4_rfc); len++)
        check_outcome("v4", packet_decode(v4_rfc, len, &m4, &e4, &p), PACKET_SHORT);
    for (size_t len = 0; len < sizeof(v6); len++)
        check_outcome("v6", packet_decode(v6, len, &m6, &e6, &p), PACKET_SHORT);
    for (size_t len = 0; len < sizeof(v2_none); len++)
        check_outcome("v2", packet_decode(v2_none, len, &m4, &e2, &p), PACKET_SHORT);
}
END_TEST

START_TEST(every_flipped_bit_is_found_by_the_checksum)
{
    static const struct {
        const uint8_t *bytes;
        size_t len;
        bool ipv6;
    } rows[] = {
        {BYTES(v4_rfc), false},
        {BYTES(v4_pseudo), false},
        {BYTES(v6), true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct packet_meta m = rows[i].ipv6 ? v6_meta() : v4_meta();
        uint8_t b[PACKET_MAX];
        struct packet p;

        for (size_t bit = 0; bit < rows[i].len * 8; bit++) {
            memcpy(b, rows[i].bytes, rows[i].len);
            b[bit / 8] ^= (uint8_t)(1 << bit % 8);
            ck_assert_msg(packet_decode(b, rows[i].len, &m, NULL, &p) != PACKET_OK,
                          "row %zu, bit %zu", i, bit);
        }
    }
}
END_TEST

START_TEST(the_vrid_is_found_before_anything_is_checked)
{
    ck_assert_int_eq(packet_vrid(BYTES(v4_rfc)), 51);
    ck_assert_int_eq(packet_vrid(v4_rfc, 2), 51);
    ck_assert_int_eq(packet_vrid(v4_rfc, 1), -1);
    ck_assert_int_eq(packet_vrid(v4_rfc, 0), -1);
}
END_TEST

START_TEST(a_first_address_that_is_not_link_local_is_told_or_refused)
{
    struct packet_meta m = v6_meta();
    struct packet_expect e = expect_v6();
    struct packet p;

    check_outcome("lenient", packet_decode(BYTES(v6_global_only), &m, &e, &p), PACKET_OK);
    ck_assert(p.not_link_local);
    check_outcome("link-local", packet_decode(BYTES(v6), &m, &e, &p), PACKET_OK);
    ck_assert(!p.not_link_local);
    e.strict = true;
    check_outcome("strict", packet_decode(BYTES(v6_global_only), &m, &e, &p),
                  PACKET_NOT_LINK_LOCAL);
    check_outcome("strict, link-local", packet_decode(BYTES(v6), &m, &e, &p), PACKET_OK);
}
END_TEST

START_TEST(unicast_is_heard_from_peers_only)
{
    struct addr peers[] = {ip("192.0.2.9"), ip("192.0.2.1")};
    struct packet_meta m = meta("192.0.2.1", "192.0.2.7", 255);
    struct packet_expect e = expect_v4();
    struct packet p;

    check_outcome("to a multicast instance", packet_decode(BYTES(v4_rfc), &m, &e, &p),
                  PACKET_DESTINATION);
    e.peers = peers;
    e.peer_count = 2;
    check_outcome("the second peer", packet_decode(BYTES(v4_rfc), &m, &e, &p), PACKET_OK);
    e.peer_count = 1;
    check_outcome("a stranger", packet_decode(BYTES(v4_rfc), &m, &e, &p), PACKET_NOT_A_PEER);
}
END_TEST

START_TEST(our_own_words_are_not_heard)
{
    struct packet_meta m = v4_meta();
    struct packet_expect e = expect_v4();
    struct packet p;

    e.own = ip("192.0.2.1");
    check_outcome("own", packet_decode(BYTES(v4_rfc), &m, &e, &p), PACKET_OWN);
    e.own = ip("");
    check_outcome("no address yet", packet_decode(BYTES(v4_rfc), &m, &e, &p), PACKET_OK);
}
END_TEST

START_TEST(version_2_checks)
{
    static const struct {
        const char *what;
        const uint8_t *bytes;
        size_t len;
        size_t at;
        uint8_t value;
        enum packet_auth auth;
        const char *password;
        enum packet_outcome outcome;
    } rows[] = {
        {"W1 as it is", BYTES(v2_none), 0, 0x21, PACKET_AUTH_NONE, "", PACKET_OK},
        {"W4 another interval", BYTES(v2_none), 5, 2, PACKET_AUTH_NONE, "",
         PACKET_INTERVAL_DIFFERS},
        {"V10 interval 0", BYTES(v2_none), 5, 0, PACKET_AUTH_NONE, "", PACKET_INTERVAL_ZERO},
        {"W5 none wanted, text sent", BYTES(v2_text), 0, 0x21, PACKET_AUTH_NONE, "",
         PACKET_AUTH_TYPE},
        {"W5 text wanted, none sent", BYTES(v2_none), 0, 0x21, PACKET_AUTH_TEXT, "secret",
         PACKET_AUTH_TYPE},
        {"W5 unknown type", BYTES(v2_none), 4, 2, PACKET_AUTH_NONE, "", PACKET_AUTH_TYPE},
        {"W5 right password", BYTES(v2_text), 0, 0x21, PACKET_AUTH_TEXT, "secret", PACKET_OK},
        {"W5 longer password", BYTES(v2_text), 0, 0x21, PACKET_AUTH_TEXT, "secrets",
         PACKET_AUTH_PASSWORD},
        {"W5 shorter password", BYTES(v2_text), 0, 0x21, PACKET_AUTH_TEXT, "secre",
         PACKET_AUTH_PASSWORD},
        {"W5 last character", BYTES(v2_text), 19, 'x', PACKET_AUTH_TEXT, "secret",
         PACKET_AUTH_PASSWORD},
        {"V2 version 3 to a version-2 instance", BYTES(v2_none), 0, 0x31, PACKET_AUTH_NONE, "",
         PACKET_VERSION},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct packet_expect e = expect_v2(rows[i].auth, rows[i].password);
        struct packet p;
        check_outcome(rows[i].what,
                      decode_changed(rows[i].bytes, rows[i].len, rows[i].at, rows[i].value, &e, &p),
                      rows[i].outcome);
    }
}
END_TEST

START_TEST(the_version_2_checksum_covers_the_password_and_no_pseudo_header)
{
    struct packet_meta m = v4_meta();
    struct packet_expect e = expect_v2(PACKET_AUTH_TEXT, "secreT");
    struct packet p;
    uint8_t b[sizeof(v2_text)];

    memcpy(b, v2_text, sizeof(b));
    b[17] = 'T';
    check_outcome("password changed", packet_decode(BYTES(b), &m, &e, &p), PACKET_CHECKSUM);
    struct packet q = {.version = 2, .family = AF_INET, .vrid = 51, .interval = span_s(1)};
    q.form = PACKET_FORM_PSEUDO;
    struct addr other = ip("198.51.100.1");
    uint8_t one[PACKET_MAX], two[PACKET_MAX];
    size_t len = packet_encode(&q, &m.src, &m.dst, one, sizeof(one));
    packet_encode(&q, &other, &m.dst, two, sizeof(two));
    ck_assert_mem_eq(one, two, len);
}
END_TEST

START_TEST(version_2_knows_ipv4_only)
{
    struct packet_meta m = v6_meta();
    struct packet p;
    check_outcome("v2 over IPv6", packet_decode(BYTES(v2_none), &m, NULL, &p), PACKET_FAMILY);
}
END_TEST

START_TEST(groups_and_virtual_macs)
{
    static const uint8_t mac4[6] = {0x00, 0x00, 0x5e, 0x00, 0x01, 0x33};
    static const uint8_t mac6[6] = {0x00, 0x00, 0x5e, 0x00, 0x02, 0xff};
    uint8_t mac[6];
    char text[ADDR_TEXT_MAX];
    struct addr group = packet_group(AF_INET);

    ck_assert_str_eq(addr_format(&group, text), "224.0.0.18");
    group = packet_group(AF_INET6);
    ck_assert_str_eq(addr_format(&group, text), "ff02::12");
    /* Routers forward neither 224.0.0.0/24 nor ff02::/16. */
    struct addr_prefix local4, local6;
    struct addr group4 = packet_group(AF_INET);
    ck_assert(addr_prefix_parse("224.0.0.0/24", &local4) &&
              addr_prefix_parse("ff02::/16", &local6));
    ck_assert(addr_in_prefix(&group4, &local4) && addr_in_prefix(&group, &local6));
    packet_virtual_mac(AF_INET, 51, mac);
    ck_assert_mem_eq(mac, mac4, 6);
    packet_virtual_mac(AF_INET6, 255, mac);
    ck_assert_mem_eq(mac, mac6, 6);
}
END_TEST

START_TEST(how_many_addresses_fit_into_a_link)
{
    ck_assert_uint_eq(packet_addrs_fit(3, AF_INET, 1500), 255);
    ck_assert_uint_eq(packet_addrs_fit(3, AF_INET, 576), 137);
    ck_assert_uint_eq(packet_addrs_fit(2, AF_INET, 576), 135);
    ck_assert_uint_eq(packet_addrs_fit(3, AF_INET6, 1500), 90);
    ck_assert_uint_eq(packet_addrs_fit(3, AF_INET6, 1280), 77);
    ck_assert_uint_eq(packet_addrs_fit(3, AF_INET6, 48), 0);
}
END_TEST

START_TEST(whatever_is_written_is_read_back)
{
    struct rng rng = {1};

    for (int i = 0; i < 2000; i++) {
        struct packet p = {
            .version = rng_below(&rng, 3) ? 3 : 2,
            .family = rng_below(&rng, 2) ? AF_INET6 : AF_INET,
            .vrid = (uint8_t)(1 + rng_below(&rng, 255)),
            .priority = (uint8_t)rng_below(&rng, 256),
            .addr_count = (uint8_t)(1 + rng_below(&rng, 255)),
            .form = (enum packet_form)rng_below(&rng, PACKET_FORMS),
        };
        if (p.version == 2)
            p.family = AF_INET;
        p.interval = p.version == 2 ? span_s(1 + (int64_t)rng_below(&rng, 255))
                                    : span_ms(10 * (1 + (int64_t)rng_below(&rng, 4095)));
        for (size_t k = 0; k < p.addr_count; k++) {
            uint64_t random[2] = {rng_next(&rng) | 0x80, rng_next(&rng)};
            p.addrs[k] = addr_from_bytes(p.family, random);
        }
        struct packet_meta m = p.family == AF_INET ? v4_meta() : v6_meta();
        uint8_t buf[PACKET_MAX];
        struct packet q;
        size_t len = packet_encode(&p, &m.src, &m.dst, buf, sizeof(buf));
        check_outcome("back", packet_decode(buf, len, &m, NULL, &q), PACKET_OK);
        ck_assert(q.version == p.version && q.vrid == p.vrid && q.priority == p.priority);
        ck_assert(q.interval.us == p.interval.us && q.addr_count == p.addr_count);
        if (p.family == AF_INET)
            for (size_t k = 0; k < p.addr_count; k++)
                ck_assert(addr_equal(&p.addrs[k], &q.addrs[k]));
    }
}
END_TEST

START_TEST(every_outcome_has_a_name_of_its_own)
{
    for (int i = 0; i < PACKET_OUTCOMES; i++) {
        const char *name = packet_outcome_name((enum packet_outcome)i);
        ck_assert_str_ne(name, "unknown");
        for (int k = 0; k < i; k++)
            ck_assert_str_ne(name, packet_outcome_name((enum packet_outcome)k));
    }
    ck_assert_str_eq(packet_outcome_name(PACKET_OUTCOMES), "unknown");
}
END_TEST

static const struct test_row rows[] = {
    {"P4 P6 P9 each field is where the RFC puts it",
     &every_field_is_read_from_where_the_rfc_puts_it},
    {"P5 reserved bits are ignored when heard, 0 when sent",
     &reserved_bits_are_ignored_when_heard_and_zero_when_sent},
    {"P6 priorities 0 and 255 are carried", &priorities_0_and_255_are_carried},
    {"P7 both IPv4 checksums are heard and told apart",
     &both_ipv4_checksums_are_heard_and_told_apart},
    {"P8 the IPv6 checksum covers the pseudo-header", &the_ipv6_checksum_covers_the_pseudo_header},
    {"P4 P7 P8 P9 T1 W1 W2 W5 what is written equals what scapy writes",
     &what_is_written_equals_what_scapy_writes},
    {"T1 an interval between two wire units is rounded up",
     &an_interval_between_two_wire_units_is_rounded_up},
    {"V1 only TTL 255 has not crossed a router", &only_a_ttl_of_255_has_not_crossed_a_router},
    {"V2 V3 V4 V6 V8 V10 a wrong byte is named", &a_byte_that_is_wrong_is_named},
    {"V4 every shorter message is short", &every_shorter_message_is_short},
    {"V5 every flipped bit is found", &every_flipped_bit_is_found_by_the_checksum},
    {"V6 the VRID is found before anything is checked",
     &the_vrid_is_found_before_anything_is_checked},
    {"V9 a first address that is not link-local is told or refused",
     &a_first_address_that_is_not_link_local_is_told_or_refused},
    {"V12 unicast is heard from peers only", &unicast_is_heard_from_peers_only},
    {"our own words are not heard", &our_own_words_are_not_heard},
    {"W1 W4 W5 version 2 checks", &version_2_checks},
    {"W2 the version 2 checksum covers the password and no pseudo-header",
     &the_version_2_checksum_covers_the_password_and_no_pseudo_header},
    {"W1 version 2 knows IPv4 only", &version_2_knows_ipv4_only},
    {"P1 P2 P3 M1 groups and virtual MACs", &groups_and_virtual_macs},
    {"how many addresses fit into a link", &how_many_addresses_fit_into_a_link},
    {"P4 whatever is written is read back", &whatever_is_written_is_read_back},
    {"every outcome has a name of its own", &every_outcome_has_a_name_of_its_own},
};

int main(void)
{
    return suite_main("packet", rows, ARRAY_LEN(rows));
}
