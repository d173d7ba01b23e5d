#include "common/base/addr.h"
#include "common/base/buf.h"
#include "common/base/map.h"
#include "common/base/parse.h"
#include "common/base/rng.h"
#include "common/base/timer.h"
#include "tests/unit/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(spans_have_units_and_are_exact)
{
    static const struct {
        const char *text;
        int64_t unit;
        bool ok;
        int64_t us;
    } rows[] = {
        {"1s", 0, true, 1000000},
        {"10ms", 0, true, 10000},
        {"1.5s", 0, true, 1500000},
        {"333us", 0, true, 333},
        {"2m", 0, true, 120000000},
        {"1d", 0, true, 86400000000},
        {"2", 0, false, 0},
        {"2", 1000, true, 2000},
        {"2.5", 1000000, true, 2500000},
        {"-1s", 0, false, 0},
        {"1.s", 0, false, 0},
        {"1 s", 0, false, 0},
        {"1parsec", 0, false, 0},
        {"", 1000, false, 0},
        {"99999999999999999d", 0, false, 0},
        {"9223372036854775807s", 0, false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct span s = {-7};
        bool ok = parse_span(rows[i].text, rows[i].unit, &s);
        ck_assert_msg(ok == rows[i].ok, "%s", rows[i].text);
        ck_assert_int_eq(s.us, ok ? rows[i].us : -7);
    }
}
END_TEST

START_TEST(spans_are_printed_in_their_largest_whole_unit)
{
    char text[PARSE_SPAN_MAX];
    ck_assert_str_eq(span_format(span_s(1), text), "1s");
    ck_assert_str_eq(span_format(span_ms(1500), text), "1500ms");
    ck_assert_str_eq(span_format(span_us(333), text), "333us");
    ck_assert_str_eq(span_format(span_s(120), text), "2m");
    ck_assert_str_eq(span_format(span_s(90), text), "90s");
    ck_assert_str_eq(span_format(span_us(0), text), "0s");
}
END_TEST

START_TEST(sizes_and_numbers_are_strict)
{
    uint64_t size = 0;
    int64_t n = 0;
    ck_assert(parse_size("64k", &size) && size == 65536);
    ck_assert(parse_size("1m", &size) && size == 1048576);
    ck_assert(!parse_size("1kb", &size));
    ck_assert(!parse_size("-1", &size));
    ck_assert(!parse_size("99999999999g", &size));
    ck_assert(parse_int("-5", -10, 10, &n) && n == -5);
    ck_assert(!parse_int("11", -10, 10, &n));
    ck_assert(!parse_int("0x10", 0, 100, &n));
    ck_assert(!parse_int(" 1", 0, 100, &n));
    ck_assert(!parse_int("", 0, 100, &n));
}
END_TEST

START_TEST(a_misspelt_word_finds_the_nearest)
{
    static const char *const words[] = {"interface", "interval", "priority", "preempt"};
    ck_assert_str_eq(parse_nearest("priorty", words, 4, sizeof(*words)), "priority");
    ck_assert_str_eq(parse_nearest("intreval", words, 4, sizeof(*words)), "interval");
    ck_assert_str_eq(parse_nearest("Interfaces", words, 4, sizeof(*words)), "interface");
    ck_assert_ptr_null(parse_nearest("weight", words, 4, sizeof(*words)));
}
END_TEST

START_TEST(utf8_is_told_from_other_bytes)
{
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {
        {"", true},
        {"plain", true},
        {"caf\u00e9 \u20ac \U0001f600", true},
        {"\xef\xbf\xbf \xf4\x8f\xbf\xbf", true},
        {"\xff", false},
        {"\x80", false},
        {"\xc3", false},
        {"\xc0\xaf", false},
        {"\xe0\x80\xaf", false},
        {"\xed\xa0\x80", false},
        {"\xf0\x80\x80\xaf", false},
        {"\xf4\x90\x80\x80", false},
        {"\xe2\x82", false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_msg(parse_utf8(rows[i].text) == rows[i].ok, "row %zu", i);
}
END_TEST

START_TEST(addresses_go_to_text_and_back)
{
    struct addr_prefix p;
    struct addr_port ap;
    char text[ADDR_TEXT_MAX];

    ck_assert(addr_prefix_parse("192.0.2.10/24", &p));
    ck_assert_str_eq(addr_prefix_format(&p, text), "192.0.2.10/24");
    ck_assert(addr_prefix_parse("2001:db8::1", &p) && p.len == 128);
    ck_assert(!addr_prefix_parse("192.0.2.10/33", &p));
    ck_assert(!addr_prefix_parse("192.0.2", &p));
    ck_assert(addr_port_parse("[2001:db8::1]:443", &ap));
    ck_assert_str_eq(addr_port_format(&ap, text), "[2001:db8::1]:443");
    ck_assert(addr_port_parse("*:80", &ap) && addr_is_any(&ap.addr) && ap.port == 80);
    ck_assert(!addr_port_parse("2001:db8::1:80", &ap));
    ck_assert(!addr_port_parse("192.0.2.1:65536", &ap));
    ck_assert(!addr_port_parse("192.0.2.1", &ap));
}
END_TEST

START_TEST(addresses_compare_as_unsigned_network_order_numbers)
{
    struct addr low, high;
    ck_assert(addr_parse("10.0.0.2", &low) && addr_parse("200.0.0.1", &high));
    ck_assert_int_lt(addr_cmp(&low, &high), 0);
    struct addr_prefix net;
    ck_assert(addr_prefix_parse("10.0.0.0/30", &net));
    ck_assert(addr_in_prefix(&low, &net));
    ck_assert(!addr_in_prefix(&high, &net));
}
END_TEST

START_TEST(a_buffer_that_is_full_says_so_and_keeps_what_it_has)
{
    struct buf b cleanup(buf_fini) = BUF_INIT(8);
    buf_str(&b, "12345");
    buf_str(&b, "6789");
    ck_assert(b.lost);
    ck_assert_str_eq(buf_cstr(&b), "12345");
    buf_consume(&b, 2);
    buf_printf(&b, "%d", 67);
    ck_assert_str_eq(buf_cstr(&b), "34567");
}
END_TEST

START_TEST(a_map_keeps_order_through_growth_and_removal)
{
    struct map m cleanup(map_fini) = {0};
    char key[16];
    static int values[500];

    for (int i = 0; i < 500; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        ck_assert_int_eq(map_put(&m, key, &values[i]), 0);
    }
    for (int i = 0; i < 500; i += 2) {
        snprintf(key, sizeof(key), "k%d", i);
        ck_assert_ptr_eq(map_del(&m, key), &values[i]);
    }
    ck_assert_ptr_null(map_get(&m, "k0"));
    ck_assert_ptr_eq(map_get(&m, "k499"), &values[499]);
    ck_assert_uint_eq(map_count(&m), 250);
    int expect = 1;
    map_for_each (e, &m) {
        ck_assert_ptr_eq(e->value, &values[expect]);
        expect += 2;
    }
    ck_assert_int_eq(expect, 501);
}
END_TEST

struct fired {
    struct timer t;
    int64_t at;
    int64_t *last;
};

static void note_order(struct timer *t, struct mono now)
{
    struct fired *f = container_of(t, struct fired, t);
    ck_assert_int_ge(f->at, *f->last);
    *f->last = f->at;
}

START_TEST(timers_fire_in_order_whatever_was_armed_and_disarmed)
{
    enum { N = 1000 };
    struct rng rng = {7};
    struct timers ts = {0};
    struct fired *f = calloc(N, sizeof(*f));
    int64_t last = -1;
    size_t armed = 0;

    for (int i = 0; i < N; i++) {
        f[i] = (struct fired){.t = TIMER_INIT(note_order), .last = &last};
        f[i].at = (int64_t)rng_below(&rng, 500);
        timers_arm(&ts, &f[i].t, (struct mono){f[i].at});
    }
    for (int i = 0; i < N; i += 3)
        timers_disarm(&ts, &f[i].t);
    for (int i = 1; i < N; i += 3) {
        f[i].at = (int64_t)rng_below(&rng, 500);
        timers_arm(&ts, &f[i].t, (struct mono){f[i].at});
    }
    for (int i = 0; i < N; i++)
        armed += f[i].t.armed;
    ck_assert_uint_eq(ts.count, armed);
    ck_assert_uint_eq(timers_run(&ts, (struct mono){1000}, SIZE_MAX), armed);
    ck_assert(mono_is_never(timers_next(&ts)));
    free(f);
}
END_TEST

static const struct test_row rows[] = {
    {"spans have units and are exact", &spans_have_units_and_are_exact},
    {"spans print in their largest whole unit", &spans_are_printed_in_their_largest_whole_unit},
    {"sizes and numbers are strict", &sizes_and_numbers_are_strict},
    {"a misspelt word finds the nearest", &a_misspelt_word_finds_the_nearest},
    {"addresses go to text and back", &addresses_go_to_text_and_back},
    {"addresses compare in network order", &addresses_compare_as_unsigned_network_order_numbers},
    {"a full buffer says so and keeps what it has",
     &a_buffer_that_is_full_says_so_and_keeps_what_it_has},
    {"a map keeps order through growth and removal", &a_map_keeps_order_through_growth_and_removal},
    {"timers fire in order", &timers_fire_in_order_whatever_was_armed_and_disarmed},
    {"UTF-8 is told from other bytes", &utf8_is_told_from_other_bytes},
};

int main(void)
{
    return suite_main("base", rows, sizeof(rows) / sizeof(rows[0]));
}
