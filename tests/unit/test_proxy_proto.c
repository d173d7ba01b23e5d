#include "lb/core/proxy_proto.h"

#include "common/base/macro.h"
#include "tests/unit/suite.h"

#include <stdlib.h>
#include <string.h>

#define SIG     "\r\n\r\n\0\r\nQUIT\n"
#define V4      "\x11\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\xc8\x22\x00\x50"
#define TEXT(S) S, sizeof(S) - 1

struct row {
    const char *bytes;
    size_t len;
    enum proxy_proto_result result;
    const char *source, *target; /* NULL: not known */
    size_t used;
};

/* clang-format off */
static const struct row headers[] = {
    {TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 51234 80\r\nGET"), PROXY_PROTO_COMPLETE,
     "192.0.2.1:51234", "192.0.2.2:80", 41},
    {TEXT("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n"), PROXY_PROTO_COMPLETE,
     "[2001:db8::1]:1", "[2001:db8::2]:65535", 44},
    {TEXT("PROXY UNKNOWN\r\n"), PROXY_PROTO_COMPLETE, NULL, NULL, 15},
    {TEXT("PROXY UNKNOWN some thing\r\n"), PROXY_PROTO_COMPLETE, NULL, NULL, 26},
    {TEXT(""), PROXY_PROTO_PARTIAL, NULL, NULL, 0},
    {TEXT("PRO"), PROXY_PROTO_PARTIAL, NULL, NULL, 0},
    {TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 51234 80\r"), PROXY_PROTO_PARTIAL, NULL, NULL, 0},
    {TEXT("GET / HTTP/1.1\r\n\r\n"), PROXY_PROTO_BAD, NULL, NULL, 0},
    {TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 51234 80\n"), PROXY_PROTO_BAD, NULL, NULL, 0},
    {TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 51234\r\n"), PROXY_PROTO_BAD, NULL, NULL, 0},
    {TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 51234 80 1\r\n"), PROXY_PROTO_BAD, NULL, NULL, 0},
    {TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 051 80\r\n"), PROXY_PROTO_BAD, NULL, NULL, 0},
    {TEXT("PROXY TCP4 192.0.2.1 192.0.2.2 65536 80\r\n"), PROXY_PROTO_BAD, NULL, NULL, 0},
    {TEXT("PROXY TCP6 192.0.2.1 192.0.2.2 51234 80\r\n"), PROXY_PROTO_BAD, NULL, NULL, 0},
    {TEXT("PROXY TCP4  192.0.2.1 192.0.2.2 51234 80\r\n"), PROXY_PROTO_BAD, NULL, NULL, 0},
    {TEXT("PROXY UDP4 192.0.2.1 192.0.2.2 51234 80\r\n"), PROXY_PROTO_BAD, NULL, NULL, 0},
    {TEXT(SIG "\x21" V4 "rest"), PROXY_PROTO_COMPLETE, "192.0.2.1:51234", "192.0.2.2:80", 28},
    {TEXT(SIG "\x20\x00\x00\x00rest"), PROXY_PROTO_COMPLETE, NULL, NULL, 16},
    {TEXT(SIG "\x20\x11\x00\x03xyz"), PROXY_PROTO_COMPLETE, NULL, NULL, 19},
    {TEXT(SIG "\x21\x11\x00\x0c\xc0"), PROXY_PROTO_PARTIAL, NULL, NULL, 0},
    {TEXT(SIG), PROXY_PROTO_PARTIAL, NULL, NULL, 0},
    {TEXT(SIG "\x11" V4), PROXY_PROTO_BAD, NULL, NULL, 0},
    {TEXT(SIG "\x22" V4), PROXY_PROTO_BAD, NULL, NULL, 0},
    {TEXT(SIG "\x21\x11\x00\x04\xc0\x00\x02\x01"), PROXY_PROTO_BAD, NULL, NULL, 0},
    {TEXT(SIG "\x21\x12\x00\x0c\xc0\x00\x02\x01\xc0\x00\x02\x02\xc8\x22\x00\x50"), PROXY_PROTO_BAD,
     NULL, NULL, 0},
    {TEXT(SIG "\x21\x11\xff\xff"), PROXY_PROTO_BAD, NULL, NULL, 0},
};
/* clang-format on */

static void check_header(const struct row *r)
{
    struct proxy_proto p;
    char text[ADDR_TEXT_MAX];

    ck_assert_msg(proxy_proto_parse(r->bytes, r->len, &p) == r->result, "row %td", r - headers);
    if (r->result != PROXY_PROTO_COMPLETE)
        return;
    ck_assert_uint_eq(p.len, r->used);
    ck_assert_int_eq(p.known, r->source != NULL);
    if (r->source) {
        ck_assert_str_eq(addr_port_format(&p.source, text), r->source);
        ck_assert_str_eq(addr_port_format(&p.target, text), r->target);
    }
}

START_TEST(headers_are_read)
{
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        check_header(&headers[i]);
}
END_TEST

/* In a block of its own size, so that a sanitizer sees a read behind the end. */
static enum proxy_proto_result parse_copy(const char *bytes, size_t len)
{
    struct proxy_proto p;
    char *copy = malloc(len + !len);
    memcpy(copy, bytes, len);
    enum proxy_proto_result result = proxy_proto_parse(copy, len, &p);
    free(copy);
    return result;
}

START_TEST(a_header_may_come_in_pieces)
{
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        const struct row *r = &headers[i];
        if (r->result != PROXY_PROTO_COMPLETE)
            continue;
        for (size_t n = 0; n < r->used; n++)
            ck_assert_int_eq(parse_copy(r->bytes, n), PROXY_PROTO_PARTIAL);
    }
}
END_TEST

static void check_pair(const char *from, const char *to, unsigned version, bool known)
{
    struct addr_port source = {0}, target = {0};
    struct proxy_proto p;
    char out[PROXY_PROTO_OUT];

    ck_assert(!from || addr_port_parse(from, &source));
    ck_assert(!to || addr_port_parse(to, &target));
    size_t len = proxy_proto_write(version, &source, &target, out);
    ck_assert_int_eq(proxy_proto_parse(out, len, &p), PROXY_PROTO_COMPLETE);
    ck_assert_uint_eq(p.len, len);
    ck_assert_int_eq(p.known, known);
    if (!known)
        return;
    ck_assert(addr_equal(&p.source.addr, &source.addr));
    ck_assert(addr_equal(&p.target.addr, &target.addr));
    ck_assert_uint_eq(p.source.port, source.port);
    ck_assert_uint_eq(p.target.port, target.port);
}

START_TEST(what_is_written_is_what_is_read)
{
    for (unsigned version = 1; version <= 2; version++) {
        check_pair("192.0.2.1:51234", "192.0.2.2:80", version, true);
        check_pair("[2001:db8:1111:2222:3333:4444:5555:6666]:65535",
                   "[2001:db8:1111:2222:3333:4444:5555:7777]:65535", version, true);
        check_pair(NULL, NULL, version, false);
        check_pair("192.0.2.1:51234", "[2001:db8::2]:80", version, false);
    }
}
END_TEST

static const struct test_row rows[] = {
    {"both versions are read, and nothing but them", &headers_are_read},
    {"a header may come in pieces", &a_header_may_come_in_pieces},
    {"what is written is what is read", &what_is_written_is_what_is_read},
};

int main(void)
{
    return suite_main("proxy_proto", rows, ARRAY_LEN(rows));
}
