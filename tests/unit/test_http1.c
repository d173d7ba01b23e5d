#include "common/base/macro.h"
#include "common/base/rng.h"
#include "lb/core/http1_internal.h"
#include "tests/unit/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct http1_limits limits = {16384, 0, HTTP1_FIELDS_MAX};

/* ---- each input is parsed whole and in all splits, and has to come out the same ---- */

struct parsed {
    enum http1_result result;
    struct http1_head head;
};

static enum http1_result parse(bool is_request, enum http1_method m, const char *buf, size_t len,
                               struct http1_scan *scan, const struct http1_limits *l,
                               struct http1_head *h)
{
    return is_request ? http1_parse_request(buf, len, scan, l, h)
                      : http1_parse_response(buf, len, scan, l, m, h);
}

static void same_head(const struct parsed *a, const struct parsed *b, const char *text)
{
    ck_assert_msg(a->result == b->result, "%s: %s, then %s", text, http1_word(a->result),
                  http1_word(b->result));
    if (a->result == HTTP1_COMPLETE)
        ck_assert_mem_eq(&a->head, &b->head,
                         offsetof(struct http1_head, fields) +
                             a->head.n_fields * sizeof(struct http1_field));
    else if (http1_is_bad(a->result))
        ck_assert_msg(a->head.error_at == b->head.error_at, "%s: %u, then %u", text,
                      a->head.error_at, b->head.error_at);
}

/* Byte by byte, from a copy whose end the sanitizer watches. */
static void feed(bool is_request, enum http1_method m, const char *text, size_t len, bool use_scan,
                 const struct http1_limits *l, struct parsed *out)
{
    struct http1_scan scan = {0};

    for (size_t n = 0; n <= len; n++) {
        char *copy = malloc(n ? n : 1);

        memcpy(copy, text, n);
        out->result = parse(is_request, m, copy, n, use_scan ? &scan : NULL, l, &out->head);
        free(copy);
        if (out->result != HTTP1_PARTIAL)
            return;
    }
}

static void parse_all_ways(bool is_request, enum http1_method m, const char *text, size_t len,
                           const struct http1_limits *l, struct parsed *out)
{
    struct parsed other;

    out->result = parse(is_request, m, text, len, NULL, l, &out->head);
    feed(is_request, m, text, len, true, l, &other);
    same_head(out, &other, text);
    feed(is_request, m, text, len, false, l, &other);
    same_head(out, &other, text);
}

static void request_of(const char *text, size_t len, struct parsed *out)
{
    parse_all_ways(true, HTTP1_GET, text, len, &limits, out);
}

static void is_span(const char *text, struct http1_span s, const char *expected, const char *what)
{
    ck_assert_msg(s.len == strlen(expected) && memcmp(text + s.at, expected, s.len) == 0,
                  "%s: %s is '%.*s', not '%s'", text, what, s.len, text + s.at, expected);
}

/* ---- requests ---- */

#define H11 " HTTP/1.1\r\nHost: a\r\n"

START_TEST(requests_are_taken_apart)
{
    static const struct {
        const char *text, *method, *target, *authority, *path, *query;
        int minor, fields;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET", "/", "", "/", "", 1, 1},
        {"GET / HTTP/1.0\r\n\r\n", "GET", "/", "", "/", "", 0, 0},
        {"HEAD /a?b=c HTTP/1.1\r\nHost:\r\n\r\n", "HEAD", "/a?b=c", "", "/a", "b=c", 1, 1},
        {"POST /? HTTP/1.1\r\nHost: [::1]:80\r\nA:\r\n\r\n", "POST", "/?", "", "/", "", 1, 2},
        {"GET /a?b?c HTTP/1.1\r\nhOST: a.b_c\r\n\r\n", "GET", "/a?b?c", "", "/a", "b?c", 1, 1},
        {"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS", "*", "", "*", "", 1, 1},
        {"PUT http://a/b?c" H11 "\r\n", "PUT", "http://a/b?c", "a", "/b", "c", 1, 1},
        {"GET http://a" H11 "\r\n", "GET", "http://a", "a", "", "", 1, 1},
        {"GET http://a?x" H11 "\r\n", "GET", "http://a?x", "a", "", "x", 1, 1},
        {"GET http://a:80/" H11 "\r\n", "GET", "http://a:80/", "a:80", "/", "", 1, 1},
        {"GET https://A:443/" H11 "\r\n", "GET", "https://A:443/", "A:443", "/", "", 1, 1},
        {"GET http://b/ HTTP/1.0\r\n\r\n", "GET", "http://b/", "b", "/", "", 0, 0},
        {"CONNECT a:443" H11 "\r\n", "CONNECT", "a:443", "a:443", "", "", 1, 1},
        {"CONNECT [::1]:1 HTTP/1.1\r\nHost: [::1]:1\r\n\r\n", "CONNECT", "[::1]:1", "[::1]:1", "",
         "", 1, 1},
        {"M-SEARCH /{|}\"<>^`%zz" H11 "\r\n", "M-SEARCH", "/{|}\"<>^`%zz", "", "/{|}\"<>^`%zz", "",
         1, 1},
        {"get / HTTP/1.1\r\nHost: a\r\n\r\n", "get", "/", "", "/", "", 1, 1},
        {"\r\n\r\nGET / HTTP/1.0\r\n\r\n", "GET", "/", "", "/", "", 0, 0},
        {"GET azAZ09+-.://a/" H11 "\r\n", "GET", "azAZ09+-.://a/", "a", "/", "", 1, 1},
        {"\r\n\r\n\r\n\r\nGET / HTTP/1.0\r\nHost: a:65535\r\n\r\n", "GET", "/", "", "/", "", 0, 1},
        {"GET / HTTP/1.0\r\nHost: z:0998\r\n\r\n", "GET", "/", "", "/", "", 0, 1},
        {"GET http://ZA/ HTTP/1.1\r\nHost: za\r\n\r\n", "GET", "http://ZA/", "ZA", "/", "", 1, 1},
        {"GET // HTTP/1.7\r\nHost: a\r\n\r\n", "GET", "//", "", "//", "", 1, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *t = rows[i].text;
        struct parsed p;

        request_of(t, strlen(t), &p);
        ck_assert_msg(p.result == HTTP1_COMPLETE, "%s: %s", t, http1_reason(p.result));
        is_span(t, p.head.method_name, rows[i].method, "method");
        is_span(t, p.head.target, rows[i].target, "target");
        ck_assert_mem_eq(t + p.head.version.at, "HTTP/1.", 7);
        ck_assert_int_eq(p.head.version.len, 8);
        is_span(t, p.head.authority, rows[i].authority, "authority");
        is_span(t, p.head.path, rows[i].path, "path");
        is_span(t, p.head.query, rows[i].query, "query");
        ck_assert_int_eq(p.head.minor, rows[i].minor);
        ck_assert_int_eq(p.head.n_fields, rows[i].fields);
        ck_assert_int_eq(p.head.len, strlen(t));
        ck_assert_int_eq(p.head.end, strlen(t) - 2);
        ck_assert_int_eq(p.head.start, p.head.method_name.at);
        if (p.head.method != HTTP1_OTHER)
            ck_assert_str_eq(http1_method_text((enum http1_method)p.head.method), rows[i].method);
    }
}
END_TEST

START_TEST(fields_are_found_with_their_bounds)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost:a\r\nX-Empty:\r\nx-Blank: \t \r\n"
                               "COOKIE: \t a=b; c \t\r\ncookie: \xc3\xa4\r\n\r\nbody";
    static const struct {
        const char *name, *value;
        enum http1_name id;
    } rows[] = {
        {"Host", "a", HTTP1_NAME_HOST},
        {"X-Empty", "", HTTP1_NAME_OTHER},
        {"x-Blank", "", HTTP1_NAME_OTHER},
        {"COOKIE", "a=b; c", HTTP1_NAME_COOKIE},
        {"cookie", "\xc3\xa4", HTTP1_NAME_COOKIE},
    };
    struct parsed p;

    request_of(text, sizeof(text) - 1, &p);
    ck_assert_int_eq(p.result, HTTP1_COMPLETE);
    ck_assert_int_eq(p.head.n_fields, ARRAY_LEN(rows));
    ck_assert_int_eq(p.head.fields[0].name.at, p.head.fields_at);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct http1_field *f = &p.head.fields[i];
        size_t next = f[1].name.at;

        is_span(text, f->name, rows[i].name, "name");
        is_span(text, f->value, rows[i].value, "value");
        ck_assert_int_eq(f->id, rows[i].id);
        ck_assert_mem_eq(text + next - 2, "\r\n", 2);
    }
    ck_assert_int_eq(p.head.fields[5].name.at, p.head.end);
    ck_assert_str_eq(text + p.head.len, "body");
    ck_assert_ptr_eq(http1_first(&p.head, HTTP1_NAME_COOKIE), &p.head.fields[3]);
    ck_assert_ptr_eq(http1_next(&p.head, &p.head.fields[3]), &p.head.fields[4]);
    ck_assert_ptr_null(http1_next(&p.head, &p.head.fields[4]));
    ck_assert_ptr_null(http1_first(&p.head, HTTP1_NAME_UPGRADE));
    ck_assert_int_eq(http1_find(&p.head, text, "x-blank", 7, 0), 2);
    ck_assert_int_eq(http1_find(&p.head, text, "X-BLANK", 7, 3), -1);
    ck_assert_int_eq(http1_find(&p.head, text, "Cookie", 6, 4), 4);
}
END_TEST

START_TEST(malformed_requests_are_refused_with_a_reason)
{
    static const struct {
        const char *text;
        enum http1_result result;
    } rows[] = {
        {" / HTTP/1.1\r\n", HTTP1_BAD_METHOD},
        {"G\tT / HTTP/1.1\r\n", HTTP1_BAD_METHOD},
        {"GET\t/ HTTP/1.1\r\n", HTTP1_BAD_METHOD},
        {"GET\r\n", HTTP1_BAD_METHOD},
        {"G(T / HTTP/1.1\r\n", HTTP1_BAD_METHOD},
        {"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\n", HTTP1_BAD_METHOD},
        {"\x16\x03\x01", HTTP1_BAD_METHOD},
        {"GET  / HTTP/1.1\r\n", HTTP1_BAD_TARGET},
        {"GET /#a HTTP/1.1\r\n", HTTP1_BAD_TARGET},
        {"GET /\xc3\xa4 HTTP/1.1\r\n", HTTP1_BAD_TARGET},
        {"GET /\x7f HTTP/1.1\r\n", HTTP1_BAD_TARGET},
        {"GET /a\tb HTTP/1.1\r\n", HTTP1_BAD_TARGET},
        {"GET a HTTP/1.1\r\n", HTTP1_BAD_TARGET},
        {"GET a:b HTTP/1.1\r\n", HTTP1_BAD_TARGET},
        {"GET a:/b HTTP/1.1\r\n", HTTP1_BAD_TARGET},
        {"GET [a://b HTTP/1.1\r\n", HTTP1_BAD_TARGET},
        {"GET {a://b HTTP/1.1\r\n", HTTP1_BAD_TARGET},
        {"GET `a://b HTTP/1.1\r\n", HTTP1_BAD_TARGET},
        {"GET @a://b HTTP/1.1\r\n", HTTP1_BAD_TARGET},
        {"GET 1a://b HTTP/1.1\r\n", HTTP1_BAD_TARGET},
        {"GET http:// HTTP/1.1\r\n", HTTP1_BAD_TARGET},
        {"GET ://a/ HTTP/1.1\r\n", HTTP1_BAD_TARGET},
        {"GET ht&tp://a/ HTTP/1.1\r\n", HTTP1_BAD_TARGET},
        {"GET http:///a HTTP/1.1\r\n", HTTP1_BAD_TARGET},
        {"GET * HTTP/1.1\r\n", HTTP1_BAD_TARGET},
        {"OPTIONS *a HTTP/1.1\r\n", HTTP1_BAD_TARGET},
        {"CONNECT a" H11 "\r\n", HTTP1_BAD_TARGET},
        {"CONNECT :80" H11 "\r\n", HTTP1_BAD_HOST},
        {"CONNECT /" H11 "\r\n", HTTP1_BAD_HOST},
        {"GET /\r\n", HTTP1_BAD_VERSION},
        {"GET / \r\n", HTTP1_BAD_VERSION},
        {"GET / HTTP/1.1 \r\n", HTTP1_BAD_VERSION},
        {"GET /  HTTP/1.1\r\n", HTTP1_BAD_VERSION},
        {"GET / a HTTP/1.1\r\n", HTTP1_BAD_VERSION},
        {"GET / http/1.1\r\n", HTTP1_BAD_VERSION},
        {"GET / HTTP/1,1\r\n", HTTP1_BAD_VERSION},
        {"GET / HTTP/1.x\r\n", HTTP1_BAD_VERSION},
        {"GET / HTTP/11.1\r\n", HTTP1_BAD_VERSION},
        {"GET / ICY/1.1\r\n", HTTP1_BAD_VERSION},
        {"GET / HTTP/:.1\r\n", HTTP1_BAD_VERSION},
        {"GET / HTTP//.1\r\n", HTTP1_BAD_VERSION},
        {"GET / HTTP/1.:\r\n", HTTP1_BAD_VERSION},
        {"GET / HTTP/1./\r\n", HTTP1_BAD_VERSION},
        {"GET / HTTP/9.9\r\n", HTTP1_BAD_VERSION_UNKNOWN},
        {"GET / HTTP/2.0\r\n", HTTP1_BAD_VERSION_UNKNOWN},
        {"GET / HTTP/0.9\r\n", HTTP1_BAD_VERSION_UNKNOWN},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", HTTP1_BAD_VERSION_UNKNOWN},
        {"GET / HTTP/1.1\n", HTTP1_BAD_LINE_END},
        {"\nGET / HTTP/1.1\r\n", HTTP1_BAD_LINE_END},
        {"GET / HTTP/1.1\r\nHost: a\n\r\n", HTTP1_BAD_LINE_END},
        {"GET / HTTP/1.1\r\nHost: a\r\n\n", HTTP1_BAD_LINE_END},
        {"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", HTTP1_BAD_VALUE},
        {"GET / HTTP/1.1\rHost: a\r\n\r\n", HTTP1_BAD_VERSION},
        {"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", HTTP1_BAD_VALUE},
        {"GET / HTTP/1.1\r\n\rHost: a\r\n\r\n", HTTP1_BAD_NAME},
        {"GET / HTTP/1.1\r\nHost : a\r\n", HTTP1_BAD_NAME},
        {"GET / HTTP/1.1\r\nHost\t: a\r\n", HTTP1_BAD_NAME},
        {"GET / HTTP/1.1\r\n: a\r\n", HTTP1_BAD_NAME},
        {"GET / HTTP/1.1\r\nHost\r\n", HTTP1_BAD_NAME},
        {"GET / HTTP/1.1\r\nHo st: a\r\n", HTTP1_BAD_NAME},
        {"GET / HTTP/1.1\r\nH\xc3\xb6st: a\r\n", HTTP1_BAD_NAME},
        {"GET / HTTP/1.1\r\n Host: a\r\n", HTTP1_BAD_FOLD},
        {"GET / HTTP/1.1\r\nHost: a\r\n b\r\n", HTTP1_BAD_FOLD},
        {"GET / HTTP/1.1\r\nHost: a\r\n\tb\r\n", HTTP1_BAD_FOLD},
        {"GET / HTTP/1.1\r\nHost: a\r\n \r\n", HTTP1_BAD_FOLD},
        {"GET / HTTP/1.1\r\nHost: a\x01\r\n", HTTP1_BAD_VALUE},
        {"GET / HTTP/1.1\r\nX: a\x7f\r\n", HTTP1_BAD_VALUE},
        {"GET / HTTP/1.1\r\nX: \x0b\r\n", HTTP1_BAD_VALUE},
        {"GET / HTTP/1.1\r\n\r\n", HTTP1_BAD_HOST_MISSING},
        {"GET http://a/ HTTP/1.1\r\n\r\n", HTTP1_BAD_HOST_MISSING},
        {"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", HTTP1_BAD_HOST_SEVERAL},
        {"GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", HTTP1_BAD_HOST_SEVERAL},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", HTTP1_BAD_HOST},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", HTTP1_BAD_HOST},
        {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", HTTP1_BAD_HOST},
        {"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", HTTP1_BAD_HOST},
        {"GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n", HTTP1_BAD_HOST},
        {"GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n", HTTP1_BAD_HOST},
        {"GET / HTTP/1.1\r\nHost: :80\r\n\r\n", HTTP1_BAD_HOST},
        {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", HTTP1_BAD_HOST},
        {"GET / HTTP/1.1\r\nHost: []\r\n\r\n", HTTP1_BAD_HOST},
        {"GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", HTTP1_BAD_HOST},
        {"GET / HTTP/1.1\r\nHost: [a.b/]\r\n\r\n", HTTP1_BAD_HOST},
        {"GET http://b/" H11 "\r\n", HTTP1_BAD_HOST_DIFFERS},
        {"GET http://a:81/" H11 "\r\n", HTTP1_BAD_HOST_DIFFERS},
        {"GET https://a:80/" H11 "\r\n", HTTP1_BAD_HOST_DIFFERS},
        {"GET ftp://a:80/" H11 "\r\n", HTTP1_BAD_HOST_DIFFERS},
        {"GET http://aa/" H11 "\r\n", HTTP1_BAD_HOST_DIFFERS},
        {"GET http://u@a/" H11 "\r\n", HTTP1_BAD_HOST},
        {"CONNECT b:443" H11 "\r\n", HTTP1_BAD_HOST_DIFFERS},
        {"CONNECT a:1 HTTP/1.1\r\nHost: a:2\r\n\r\n", HTTP1_BAD_HOST_DIFFERS},
        {"CONNECT a:443" H11 "Content-Length: 1\r\n\r\n", HTTP1_BAD_CONNECT_BODY},
        {"CONNECT a:443" H11 "Transfer-Encoding: chunked\r\n\r\n", HTTP1_BAD_CONNECT_BODY},
        {"\r\n\r\n\r\n\r\n\r\n", HTTP1_BAD_EMPTY_LINES},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct parsed p;

        request_of(rows[i].text, strlen(rows[i].text), &p);
        ck_assert_msg(p.result == rows[i].result, "%s: %s, not %s", rows[i].text,
                      http1_word(p.result), http1_word(rows[i].result));
    }
}
END_TEST

START_TEST(the_place_of_an_error_is_told)
{
    static const struct {
        const char *text;
        const char *place; /* what stands there */
    } rows[] = {
        {"G(T / HTTP/1.1\r\n", "G(T"},
        {"GET /#a HTTP/1.1\r\n", "#a"},
        {"GET / HTTP/2.0\r\n", "HTTP/2.0"},
        {"GET / HTTP/1.1\r\nHost : a\r\n", " : a"},
        {"GET / HTTP/1.1\r\nA: b\r\n c\r\n", " c\r\n"},
        {"GET / HTTP/1.1\r\nA: b\x01\r\n", "b\x01"},
        {"GET / HTTP/1.1\r\nA: b\n", "\n"},
        {"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\nHost: c\r\n\r\n", "Host: c"},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "a b"},
        {"GET / HTTP/1.1\r\n\r\n", "\r\n"},
        {"GET / HTTP/1.0\r\nContent-Length: x\r\n\r\n", "x\r\n"},
        {"GET / HTTP/1.0\r\nTransfer-Encoding: x\r\n\r\n", "Transfer-"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *t = rows[i].text;
        struct parsed p;

        request_of(t, strlen(t), &p);
        ck_assert_msg(http1_is_bad(p.result) &&
                          strncmp(t + p.head.error_at, rows[i].place, strlen(rows[i].place)) == 0,
                      "%s: at %s", t, t + p.head.error_at);
    }
}
END_TEST

START_TEST(a_nul_is_refused_wherever_it_stands)
{
    static const char text[] =
        "POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nX: y z\r\n\r\n";

    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        char bad[sizeof(text)];
        struct parsed p;

        memcpy(bad, text, sizeof(text));
        bad[i] = '\0';
        /* Without the last LF the head is not complete, and never gets there. */
        if (i == sizeof(text) - 2)
            memcpy(bad + i, "\0\n", 2);
        request_of(bad, sizeof(bad), &p);
        ck_assert_msg(http1_is_bad(p.result), "NUL at %zu: %s", i, http1_word(p.result));
    }
}
END_TEST

START_TEST(what_is_not_http_is_answered_at_once)
{
    static const struct {
        const char *text;
        bool is_request;
        enum http1_result result;
    } rows[] = {
        {"\x16\x03\x01\x02", true, HTTP1_BAD_METHOD},
        {"\x80", true, HTTP1_BAD_METHOD},
        {"{", true, HTTP1_BAD_METHOD},
        {"{}", true, HTTP1_BAD_METHOD},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true, HTTP1_BAD_METHOD},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true, HTTP1_PARTIAL},
        {"GET ", true, HTTP1_PARTIAL},
        {"", true, HTTP1_PARTIAL},
        {"\r", true, HTTP1_PARTIAL},
        {"\r\n\r", true, HTTP1_PARTIAL},
        {"\rG", true, HTTP1_BAD_METHOD},
        {"SSH-2.0-OpenSSH_9.2", false, HTTP1_BAD_VERSION},
        {"<html>", false, HTTP1_BAD_VERSION},
        {"\r\n", false, HTTP1_BAD_VERSION},
        {"HTTP/2", false, HTTP1_PARTIAL},
        {"HTTP/1", false, HTTP1_PARTIAL},
        {"", false, HTTP1_PARTIAL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct parsed p;

        parse_all_ways(rows[i].is_request, HTTP1_GET, rows[i].text, strlen(rows[i].text), &limits,
                       &p);
        ck_assert_msg(p.result == rows[i].result, "%s: %s", rows[i].text, http1_word(p.result));
    }
}
END_TEST

/* ---- framing ---- */

START_TEST(a_request_body_is_framed_in_one_way_only)
{
    static const struct {
        const char *lines;
        enum http1_result result;
        enum http1_body body;
        uint64_t length;
    } rows[] = {
        {"", HTTP1_COMPLETE, HTTP1_BODY_NONE, 0},
        {"Content-Length: 0\r\n", HTTP1_COMPLETE, HTTP1_BODY_NONE, 0},
        {"Content-Length: 5\r\n", HTTP1_COMPLETE, HTTP1_BODY_LENGTH, 5},
        {"CONTENT-length:005\r\n", HTTP1_COMPLETE, HTTP1_BODY_LENGTH, 5},
        {"Content-Length: 5\r\nContent-Length: 5\r\n", HTTP1_COMPLETE, HTTP1_BODY_LENGTH, 5},
        {"Content-Length: 5\r\nContent-Length: 05\r\n", HTTP1_COMPLETE, HTTP1_BODY_LENGTH, 5},
        {"Content-Length: 9223372036854775807\r\n", HTTP1_COMPLETE, HTTP1_BODY_LENGTH, INT64_MAX},
        {"Content-Length: 922337203685477580\r\n", HTTP1_COMPLETE, HTTP1_BODY_LENGTH,
         922337203685477580},
        {"Transfer-Encoding: chunked\r\n", HTTP1_COMPLETE, HTTP1_BODY_CHUNKED, 0},
        {"transfer-encoding:  CHUNKED \r\n", HTTP1_COMPLETE, HTTP1_BODY_CHUNKED, 0},
        {"Transfer-Encoding:\tchunked\r\n", HTTP1_BAD_CODING, 0, 0},
        {"Transfer-Encoding: chunked\t\r\n", HTTP1_BAD_CODING, 0, 0},
        {"Content-Length:\t5\r\n", HTTP1_BAD_LENGTH, 0, 0},
        {"Content-Length: 5 \t\r\n", HTTP1_BAD_LENGTH, 0, 0},
        {"Content-Length: 5\r\nContent-Length: 5\t\r\n", HTTP1_BAD_LENGTH, 0, 0},
        {"Content-Length: 5\r\nContent-Length: 6\r\n", HTTP1_BAD_LENGTH_DIFFERS, 0, 0},
        {"Content-Length: 0\r\nContent-Length: 6\r\n", HTTP1_BAD_LENGTH_DIFFERS, 0, 0},
        {"Content-Length: 5, 5\r\n", HTTP1_BAD_LENGTH, 0, 0},
        {"Content-Length: 5,6\r\n", HTTP1_BAD_LENGTH, 0, 0},
        {"Content-Length:\r\n", HTTP1_BAD_LENGTH, 0, 0},
        {"Content-Length: +5\r\n", HTTP1_BAD_LENGTH, 0, 0},
        {"Content-Length: -5\r\n", HTTP1_BAD_LENGTH, 0, 0},
        {"Content-Length: 0x5\r\n", HTTP1_BAD_LENGTH, 0, 0},
        {"Content-Length: 5 5\r\n", HTTP1_BAD_LENGTH, 0, 0},
        {"Content-Length: 5.0\r\n", HTTP1_BAD_LENGTH, 0, 0},
        {"Content-Length: \"5\"\r\n", HTTP1_BAD_LENGTH, 0, 0},
        {"Content-Length: \xb2\r\n", HTTP1_BAD_LENGTH, 0, 0},
        {"Content-Length: 9223372036854775808\r\n", HTTP1_BAD_LENGTH, 0, 0},
        {"Content-Length: 18446744073709551616\r\n", HTTP1_BAD_LENGTH, 0, 0},
        {"Content-Length: 18446744073709551621\r\n", HTTP1_BAD_LENGTH, 0, 0},
        {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", HTTP1_BAD_LENGTH_AND_CODING, 0, 0},
        {"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", HTTP1_BAD_LENGTH_AND_CODING, 0, 0},
        {"Transfer-Encoding: identity\r\n", HTTP1_BAD_CODING, 0, 0},
        {"Transfer-Encoding: identity\r\nContent-Length: 5\r\n", HTTP1_BAD_CODING, 0, 0},
        {"Transfer-Encoding: gzip, chunked\r\n", HTTP1_BAD_CODING, 0, 0},
        {"Transfer-Encoding: chunked, chunked\r\n", HTTP1_BAD_CODING, 0, 0},
        {"Transfer-Encoding: chunked, identity\r\n", HTTP1_BAD_CODING, 0, 0},
        {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", HTTP1_BAD_CODING, 0, 0},
        {"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", HTTP1_BAD_CODING, 0, 0},
        {"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n", HTTP1_BAD_CODING, 0, 0},
        {"Transfer-Encoding: chunked;q=1\r\n", HTTP1_BAD_CODING, 0, 0},
        {"Transfer-Encoding: \"chunked\"\r\n", HTTP1_BAD_CODING, 0, 0},
        {"Transfer-Encoding: xhunked\r\n", HTTP1_BAD_CODING, 0, 0},
        {"Transfer-Encoding: xchunked\r\n", HTTP1_BAD_CODING, 0, 0},
        {"Transfer-Encoding: chunke\r\n", HTTP1_BAD_CODING, 0, 0},
        {"Transfer-Encoding: ,chunked\r\n", HTTP1_BAD_CODING, 0, 0},
        {"Transfer-Encoding:\r\n", HTTP1_BAD_CODING, 0, 0},
        {"Transfer-Encoding: \xc3\xa7hunked\r\n", HTTP1_BAD_CODING, 0, 0},
        /* The classic disguises of a second framing field. */
        {"Content-Length: 5\r\nTransfer-Encoding : chunked\r\n", HTTP1_BAD_NAME, 0, 0},
        {"Content-Length: 5\r\nTransfer-Encoding\t: chunked\r\n", HTTP1_BAD_NAME, 0, 0},
        {"Content-Length: 5\r\n Transfer-Encoding: chunked\r\n", HTTP1_BAD_FOLD, 0, 0},
        {"Content-Length: 5\r\nX: y\r\n\tTransfer-Encoding: chunked\r\n", HTTP1_BAD_FOLD, 0, 0},
        {"Content-Length: 5\r\nX: y\rTransfer-Encoding: chunked\r\n", HTTP1_BAD_VALUE, 0, 0},
        {"Content-Length: 5\r\nX: y\nTransfer-Encoding: chunked\r\n", HTTP1_BAD_LINE_END, 0, 0},
        {"Content-Length: 5\r\nTransfer-Encoding:\x0b"
         "chunked\r\n",
         HTTP1_BAD_VALUE, 0, 0},
        {"Content-Length: 5\r\nTransfer-Encoding:\r\n chunked\r\n", HTTP1_BAD_FOLD, 0, 0},
        {"Content-Length: 5\r\n\x01Transfer-Encoding: chunked\r\n", HTTP1_BAD_NAME, 0, 0},
        /* Not the framing fields, however much they look like them. */
        {"Content-Length: 5\r\nTransfer_Encoding: chunked\r\n", HTTP1_COMPLETE, HTTP1_BODY_LENGTH,
         5},
        {"Content-Length: 5\r\nX-Transfer-Encoding: chunked\r\n", HTTP1_COMPLETE, HTTP1_BODY_LENGTH,
         5},
        {"Content_Length: 5\r\n", HTTP1_COMPLETE, HTTP1_BODY_NONE, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[256];
        struct parsed p;
        int n = snprintf(text, sizeof(text), "POST / HTTP/1.1\r\nHost: a\r\n%s\r\n", rows[i].lines);

        request_of(text, (size_t)n, &p);
        ck_assert_msg(p.result == rows[i].result, "%s: %s, not %s", rows[i].lines,
                      http1_word(p.result), http1_word(rows[i].result));
        if (p.result != HTTP1_COMPLETE)
            continue;
        ck_assert_msg(p.head.body == rows[i].body && p.head.content_length == rows[i].length, "%s",
                      rows[i].lines);
    }
}
END_TEST

START_TEST(transfer_encoding_in_http_1_0_is_refused)
{
    static const char text[] = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
    struct parsed p;

    request_of(text, sizeof(text) - 1, &p);
    ck_assert_int_eq(p.result, HTTP1_BAD_CODING_VERSION);
}
END_TEST

START_TEST(of_equal_content_lengths_one_is_sent_on)
{
    static const char text[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                               "Content-Length: 5\r\ncontent-length: 005\r\n\r\n";
    struct parsed p;

    request_of(text, sizeof(text) - 1, &p);
    ck_assert_int_eq(p.result, HTTP1_COMPLETE);
    ck_assert(!p.head.fields[0].drop && !p.head.fields[1].drop);
    ck_assert(p.head.fields[2].drop && p.head.fields[3].drop);
}
END_TEST

START_TEST(a_response_body_is_framed_by_status_and_method)
{
    enum { NONE = HTTP1_BODY_NONE, LENGTH, CHUNKED, CLOSE, TUNNEL };
    static const struct {
        enum http1_method method;
        const char *status, *lines;
        int body;
        uint64_t length;
        bool keep;
        int dropped; /* of the lines */
    } rows[] = {
        {HTTP1_GET, "1.1 200 OK", "Content-Length: 5\r\n", LENGTH, 5, true, 0},
        {HTTP1_GET, "1.1 200 OK", "Content-Length: 0\r\n", NONE, 0, true, 0},
        {HTTP1_GET, "1.1 200 OK", "Transfer-Encoding: chunked\r\n", CHUNKED, 0, true, 0},
        {HTTP1_GET, "1.1 200 OK", "", CLOSE, 0, false, 0},
        {HTTP1_GET, "1.0 200 OK", "Connection: keep-alive\r\n", CLOSE, 0, false, 0},
        {HTTP1_POST, "1.1 500 Oh", "Content-Length: 5\r\n", LENGTH, 5, true, 0},
        {HTTP1_HEAD, "1.1 200 OK", "Content-Length: 5\r\n", NONE, 5, true, 0},
        {HTTP1_HEAD, "1.1 200 OK", "Transfer-Encoding: chunked\r\n", NONE, 0, true, 0},
        {HTTP1_HEAD, "1.1 200 OK", "", NONE, 0, true, 0},
        {HTTP1_GET, "1.1 304 No", "Content-Length: 5\r\n", NONE, 5, true, 0},
        {HTTP1_GET, "1.1 304 No", "", NONE, 0, true, 0},
        {HTTP1_GET, "1.1 204 No", "", NONE, 0, true, 0},
        {HTTP1_GET, "1.1 204 No", "Content-Length: 5\r\n", NONE, 0, true, 1},
        {HTTP1_GET, "1.1 204 No", "Transfer-Encoding: chunked\r\n", NONE, 0, true, 1},
        {HTTP1_GET, "1.1 100 C", "", NONE, 0, true, 0},
        {HTTP1_GET, "1.1 103 E", "Content-Length: 5\r\n", NONE, 0, true, 1},
        {HTTP1_GET, "1.1 101 S", "Upgrade: x\r\n", TUNNEL, 0, true, 0},
        {HTTP1_HEAD, "1.1 101 S", "Content-Length: 5\r\n", TUNNEL, 0, true, 1},
        {HTTP1_CONNECT, "1.1 200 OK", "Content-Length: 5\r\n", TUNNEL, 0, true, 1},
        {HTTP1_CONNECT, "1.1 299 OK", "Transfer-Encoding: chunked\r\n", TUNNEL, 0, true, 1},
        {HTTP1_CONNECT, "1.1 300 No", "Content-Length: 5\r\n", LENGTH, 5, true, 0},
        {HTTP1_CONNECT, "1.1 407 No", "Content-Length: 5\r\n", LENGTH, 5, true, 0},
        {HTTP1_GET, "1.1 205 R", "Content-Length: 0\r\n", NONE, 0, true, 0},
        {HTTP1_GET, "1.1 999 X", "Content-Length: 1\r\n", LENGTH, 1, true, 0},
        {HTTP1_GET, "1.1 200", "Content-Length: 1\r\n", LENGTH, 1, true, 0},
        {HTTP1_GET, "1.1 200 ", "Content-Length: 1\r\n", LENGTH, 1, true, 0},
        {HTTP1_GET, "1.1 200 \xc3\xa4 b", "Content-Length: 1\r\n", LENGTH, 1, true, 0},
        {HTTP1_GET, "1.0 200 OK", "Content-Length: 1\r\n", LENGTH, 1, false, 0},
        {HTTP1_GET, "1.9 200 OK", "Content-Length: 1\r\n", LENGTH, 1, true, 0},
        {HTTP1_GET, "1.1 200 OK", "Content-Length: 1\r\nConnection: a, Close\r\n", LENGTH, 1, false,
         0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[256];
        struct parsed p;
        int dropped = 0;
        int n = snprintf(text, sizeof(text), "HTTP/%s\r\n%s\r\n", rows[i].status, rows[i].lines);

        parse_all_ways(false, rows[i].method, text, (size_t)n, &limits, &p);
        ck_assert_msg(p.result == HTTP1_COMPLETE, "%s: %s", text, http1_word(p.result));
        for (size_t f = 0; f < p.head.n_fields; f++)
            dropped += p.head.fields[f].drop;
        ck_assert_msg(p.head.body == rows[i].body, "%s: body %d", text, p.head.body);
        ck_assert_msg(p.head.content_length == rows[i].length, "%s: length", text);
        ck_assert_msg(p.head.keep_alive == rows[i].keep, "%s: keep", text);
        ck_assert_msg(dropped == rows[i].dropped, "%s: dropped", text);
        ck_assert_int_eq(p.head.status, atoi(rows[i].status + 4));
        is_span(text, p.head.phrase, strlen(rows[i].status) > 8 ? rows[i].status + 8 : "",
                "phrase");
    }
}
END_TEST

START_TEST(malformed_responses_are_refused)
{
    static const struct {
        const char *text;
        enum http1_result result;
    } rows[] = {
        {"HTTP/1.1 20 OK\r\n\r\n", HTTP1_BAD_STATUS},
        {"HTTP/1.1 2000 OK\r\n\r\n", HTTP1_BAD_STATUS},
        {"HTTP/1.1 099 OK\r\n\r\n", HTTP1_BAD_STATUS},
        {"HTTP/1.1 2x0 OK\r\n\r\n", HTTP1_BAD_STATUS},
        {"HTTP/1.1 -20 OK\r\n\r\n", HTTP1_BAD_STATUS},
        {"HTTP/1.1 200\tOK\r\n\r\n", HTTP1_BAD_STATUS},
        {"HTTP/1.1 200 O\x01K\r\n\r\n", HTTP1_BAD_STATUS},
        {"HTTP/1.1 200 OK\rSet-Cookie: a\r\n\r\n", HTTP1_BAD_STATUS},
        {"HTTP/1.1  200 OK\r\n\r\n", HTTP1_BAD_STATUS},
        {"HTTP/1.1\r\n\r\n", HTTP1_BAD_VERSION},
        {"HTTP/1.1 20\r\n\r\n", HTTP1_BAD_VERSION},
        {"HTTP/1.1x200 OK\r\n\r\n", HTTP1_BAD_VERSION},
        {"http/1.1 200 OK\r\n\r\n", HTTP1_BAD_VERSION},
        {"ICY 200 OK\r\n\r\n", HTTP1_BAD_VERSION},
        {"HTTP/2.0 200 OK\r\n\r\n", HTTP1_BAD_VERSION_UNKNOWN},
        {"HTTP/1.1 200 OK\n\r\n", HTTP1_BAD_LINE_END},
        {"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", HTTP1_BAD_FOLD},
        {"HTTP/1.1 200 OK\r\nA : b\r\n\r\n", HTTP1_BAD_NAME},
        {"HTTP/1.1 200 OK\r\nA: b\x08\r\n\r\n", HTTP1_BAD_VALUE},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
         HTTP1_BAD_LENGTH_DIFFERS},
        {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         HTTP1_BAD_LENGTH_AND_CODING},
        {"HTTP/1.1 204 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         HTTP1_BAD_LENGTH_AND_CODING},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", HTTP1_BAD_CODING},
        {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP1_BAD_CODING_VERSION},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct parsed p;

        parse_all_ways(false, HTTP1_GET, rows[i].text, strlen(rows[i].text), &limits, &p);
        ck_assert_msg(p.result == rows[i].result, "%s: %s, not %s", rows[i].text,
                      http1_word(p.result), http1_word(rows[i].result));
    }
}
END_TEST

/* ---- Connection and what goes with it ---- */

START_TEST(connection_options_are_understood)
{
    static const struct {
        const char *version, *lines;
        bool keep, close, upgrade, expect, trailers;
    } rows[] = {
        {"1.1", "", true, false, false, false, false},
        {"1.1", "Connection: close\r\n", false, true, false, false, false},
        {"1.1", "Connection: CLOSE\r\n", false, true, false, false, false},
        {"1.1", "Connection: keep-alive, close\r\n", false, true, false, false, false},
        {"1.1", "Connection: keep-alive\r\nConnection: close\r\n", false, true, false, false,
         false},
        {"1.1", "Connection: closed\r\n", true, false, false, false, false},
        {"1.1", "Connection: x-close\r\n", true, false, false, false, false},
        {"1.1", "Proxy-Connection: close\r\n", true, false, false, false, false},
        {"1.0", "", false, false, false, false, false},
        {"1.0", "Connection: Keep-Alive\r\n", true, false, false, false, false},
        {"1.0", "Connection: keep-alive, close\r\n", false, true, false, false, false},
        {"1.0", "Proxy-Connection: keep-alive\r\n", false, false, false, false, false},
        {"1.1", "Connection: Upgrade\r\nUpgrade: websocket\r\n", true, false, true, false, false},
        {"1.1", "Connection: keep-alive , UPGRADE\r\nUpgrade: a/1, b\r\n", true, false, true, false,
         false},
        {"1.1", "Upgrade: websocket\r\n", true, false, false, false, false},
        {"1.1", "Connection: Upgrade\r\n", true, false, false, false, false},
        {"1.0", "Connection: Upgrade\r\nUpgrade: websocket\r\n", false, false, false, false, false},
        {"1.1", "Connection: Upgrade\r\nUpgrade:\r\n", true, false, false, false, false},
        {"1.1", "Connection: Upgrade\r\nUpgrade: ,\r\n", true, false, false, false, false},
        {"1.1", "Connection: Upgrade\r\nUpgrade: h2c\r\n", true, false, false, false, false},
        {"1.1", "Connection: Upgrade\r\nUpgrade: websocket, H2C\r\n", true, false, false, false,
         false},
        {"1.1", "Connection: Upgrade\r\nUpgrade: a\r\nUpgrade: h2c\r\n", true, false, false, false,
         false},
        {"1.1", "Expect: 100-continue\r\n", true, false, false, true, false},
        {"1.1", "Expect: 100-Continue\r\n", true, false, false, true, false},
        {"1.0", "Expect: 100-continue\r\n", false, false, false, false, false},
        {"1.1", "Expect: 200-ok\r\n", true, false, false, false, false},
        {"1.1", "TE: trailers\r\n", true, false, false, false, true},
        {"1.1", "TE: gzip;q=1 , Trailers\r\n", true, false, false, false, true},
        {"1.1", "TE: trailers;q=1\r\n", true, false, false, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[256];
        struct parsed p;
        int n = snprintf(text, sizeof(text), "GET / HTTP/%s\r\nHost: a\r\n%s\r\n", rows[i].version,
                         rows[i].lines);

        request_of(text, (size_t)n, &p);
        ck_assert_msg(p.result == HTTP1_COMPLETE, "%s: %s", text, http1_word(p.result));
        ck_assert_msg(p.head.keep_alive == rows[i].keep, "%s: keep", text);
        ck_assert_msg(p.head.close == rows[i].close, "%s: close", text);
        ck_assert_msg(p.head.upgrade == rows[i].upgrade, "%s: upgrade", text);
        ck_assert_msg(p.head.expect_continue == rows[i].expect, "%s: expect", text);
        ck_assert_msg(p.head.te_trailers == rows[i].trailers, "%s: trailers", text);
    }
}
END_TEST

START_TEST(what_connection_names_ends_here_unless_it_matters_end_to_end)
{
    static const struct {
        const char *lines;
        const char *dropped; /* one character a line, Host first */
    } rows[] = {
        {"Connection: X-A\r\nx-a: 1\r\nX-AB: 2\r\nX-A: 3\r\n", "..x.x"},
        {"X-A: 1\r\nConnection: close, x-a ,, X-B\r\nX-B: 1\r\n", ".x.x"},
        {"Connection: Host, Cookie, Content-Length\r\nCookie: a\r\n", "..."},
        {"Connection: X-Forwarded-For, Authorization\r\nX-Forwarded-For: a\r\n", "..."},
        {"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n", "..."},
        {"Connection: x_a, X a, \"X-A\"\r\nX-A: 1\r\n", "..."},
        {"Connection: close\r\nClose: 1\r\n", "..."},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[256];
        struct parsed p;
        int n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", rows[i].lines);

        request_of(text, (size_t)n, &p);
        ck_assert_int_eq(p.result, HTTP1_COMPLETE);
        ck_assert_int_eq(p.head.n_fields, strlen(rows[i].dropped));
        for (size_t f = 0; f < p.head.n_fields; f++)
            ck_assert_msg(p.head.fields[f].drop == (rows[i].dropped[f] == 'x'), "%s: line %zu",
                          rows[i].lines, f);
    }
}
END_TEST

START_TEST(what_connection_names_may_come_first)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nX-Z: 1\r\nA^: 1\r\nConnection: x-z, a~\r\n\r\n";
    struct parsed p;

    parse_all_ways(false, HTTP1_GET, text, sizeof(text) - 1, &limits, &p);
    ck_assert_int_eq(p.result, HTTP1_COMPLETE);
    ck_assert(p.head.fields[0].drop && !p.head.fields[1].drop);
}
END_TEST

START_TEST(too_many_connection_options_are_refused)
{
    for (int n = HTTP1_CONN_TOKEN_MAX - 1; n <= HTTP1_CONN_TOKEN_MAX + 1; n++) {
        char text[512] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: a";
        struct parsed p;

        for (int i = 1; i < n; i++)
            strcat(text, i % 2 ? "\r\nConnection: b" : ",,b");
        strcat(text, "\r\n\r\n");
        request_of(text, strlen(text), &p);
        ck_assert_int_eq(p.result,
                         n > HTTP1_CONN_TOKEN_MAX ? HTTP1_BAD_CONNECTION : HTTP1_COMPLETE);
    }
}
END_TEST

START_TEST(lists_are_walked_element_by_element)
{
    static const struct {
        const char *value, *items;
    } rows[] = {
        {"", ""},
        {" , ,\t,", ""},
        {"a", "<a>"},
        {" a , b\t,c ", "<a><b><c>"},
        {"a b,,c", "<a b><c>"},
        {",a,", "<a>"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char got[64] = "";
        const char *item;
        size_t at = 0, len;

        while (http1_list_next(rows[i].value, strlen(rows[i].value), &at, &item, &len))
            snprintf(got + strlen(got), sizeof(got) - strlen(got), "<%.*s>", (int)len, item);
        ck_assert_str_eq(got, rows[i].items);
    }
}
END_TEST

/* ---- limits ---- */

START_TEST(each_limit_holds_to_the_byte)
{
    static const char text[] = "GET /abcdefgh HTTP/1.1\r\nHost: abcdefghijklmnop\r\nA: b\r\n\r\n";
    enum { FIRST = 24, SECOND = 24, ALL = sizeof(text) - 1 };
    static const struct {
        struct http1_limits limits;
        enum http1_result result;
    } rows[] = {
        {{ALL, 0, 2}, HTTP1_COMPLETE},
        {{ALL - 1, 0, 2}, HTTP1_BAD_LONG_HEAD},
        {{ALL - 2, 0, 2}, HTTP1_BAD_LONG_HEAD},
        {{FIRST + SECOND, 0, 2}, HTTP1_BAD_LONG_HEAD},
        {{FIRST + SECOND - 1, 0, 2}, HTTP1_BAD_LONG_HEAD},
        {{FIRST, 0, 2}, HTTP1_BAD_LONG_HEAD},
        {{FIRST - 1, 0, 2}, HTTP1_BAD_LONG_START},
        {{2, 0, 2}, HTTP1_BAD_LONG_START},
        {{0, 0, 2}, HTTP1_BAD_LONG_START},
        {{ALL, FIRST, 2}, HTTP1_COMPLETE},
        {{ALL, FIRST - 1, 2}, HTTP1_BAD_LONG_START},
        {{ALL, 1, 2}, HTTP1_BAD_LONG_START},
        {{ALL, 0, 1}, HTTP1_BAD_MANY_FIELDS},
        {{ALL, 0, 0}, HTTP1_BAD_MANY_FIELDS},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct parsed p;

        parse_all_ways(true, HTTP1_GET, text, ALL, &rows[i].limits, &p);
        ck_assert_msg(p.result == rows[i].result, "row %zu: %s", i, http1_word(p.result));
    }
    struct parsed p;
    static const char longer[] = "GET / HTTP/1.1\r\nHost: abcdefghijklmnop\r\n\r\n";
    parse_all_ways(true, HTTP1_GET, longer, sizeof(longer) - 1,
                   &(struct http1_limits){1000, SECOND - 1, 9}, &p);
    ck_assert_int_eq(p.result, HTTP1_BAD_LONG_FIELD);
}
END_TEST

START_TEST(the_largest_head_still_fits_its_offsets)
{
    enum { ALL = HTTP1_HEAD_MAX };
    static char text[ALL + 1];
    static struct parsed p;
    struct http1_limits l = {1 << 20, 0, 1000};
    int n = sprintf(text, "GET / HTTP/1.1\r\nHost: a\r\nX: ");

    memset(text + n, 'x', sizeof(text) - (size_t)n);
    memcpy(text + ALL - 4, "\r\n\r\n", 4);
    p.result = http1_parse_request(text, ALL, NULL, &l, &p.head);
    ck_assert_int_eq(p.result, HTTP1_COMPLETE);
    ck_assert_int_eq(p.head.len, ALL);
    ck_assert_int_eq(p.head.fields[1].value.len, ALL - 4 - n);
    memcpy(text + ALL - 4, "xxxxx", 5);
    p.result = http1_parse_request(text, ALL + 1, NULL, &l, &p.head);
    ck_assert_int_eq(p.result, HTTP1_BAD_LONG_HEAD);
}
END_TEST

START_TEST(as_many_fields_as_allowed_and_not_one_more)
{
    for (int n = HTTP1_FIELDS_MAX - 1; n <= HTTP1_FIELDS_MAX + 1; n++) {
        char text[4096] = "GET / HTTP/1.1\r\nHost: a\r\n";
        struct http1_limits l = {16384, 0, 65535};
        struct parsed p;

        for (int i = 1; i < n; i++)
            strcat(text, "X: y\r\n");
        strcat(text, "\r\n");
        parse_all_ways(true, HTTP1_GET, text, strlen(text), &l, &p);
        ck_assert_int_eq(p.result, n > HTTP1_FIELDS_MAX ? HTTP1_BAD_MANY_FIELDS : HTTP1_COMPLETE);
    }
}
END_TEST

START_TEST(a_full_buffer_never_waits_for_more)
{
    static const char *const starts[] = {"", "G", "GET /", "GET / HTTP/1.1\r\n",
                                         "GET / HTTP/1.1\r\nA: b\r\nX: "};

    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        char text[64];
        struct http1_limits l = {sizeof(text), 0, 9};
        struct parsed p;

        memset(text, 'x', sizeof(text));
        memcpy(text, starts[i], strlen(starts[i]));
        for (int is_request = 0; is_request < 2; is_request++) {
            parse_all_ways(is_request, HTTP1_GET, text, sizeof(text), &l, &p);
            ck_assert_msg(http1_is_bad(p.result), "%s", starts[i]);
        }
    }
}
END_TEST

/* ---- tables against the grammar ---- */

START_TEST(each_byte_is_allowed_where_the_grammar_has_it)
{
    static const char alnum[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

    for (int c = 0; c < 256; c++) {
        bool is_alnum = c && strchr(alnum, c);
        bool token = is_alnum || (c && strchr("!#$%&'*+-.^_`|~", c));
        bool host = is_alnum || (c && strchr("-._~!$&'()*+,;=%", c));
        bool literal = c && strchr("0123456789abcdefABCDEF:.", c);

        ck_assert_int_eq(http1_in((char)c, HTTP1_IN_TOKEN), token);
        ck_assert_int_eq(http1_in((char)c, HTTP1_IN_TARGET), c > ' ' && c < 127 && c != '#');
        ck_assert_int_eq(http1_in((char)c, HTTP1_IN_VALUE), (c == '\t' || (c >= ' ' && c != 127)));
        ck_assert_int_eq(http1_in((char)c, HTTP1_IN_HOST), host);
        ck_assert_int_eq(http1_in((char)c, HTTP1_IN_LITERAL), literal);
    }
}
END_TEST

START_TEST(values_are_checked_at_every_offset)
{
    for (size_t len = 1; len < 40; len++)
        for (size_t at = 0; at < len; at++)
            for (int c = 0; c < 256; c++) {
                char text[41];
                bool good = c == '\t' || (c >= ' ' && c != 127);

                memset(text, (int)(len % 3 ? 'x' : 0xff), sizeof(text));
                text[at] = (char)c;
                text[len] = '\r';
                ck_assert_msg(http1_is_value(text, len) == good, "byte %d at %zu of %zu", c, at,
                              len);
            }
}
END_TEST

START_TEST(known_names_are_known_in_any_case_and_others_are_not)
{
    for (unsigned id = 1; id < HTTP1_NAME_COUNT; id++) {
        const char *name = http1_name_text((enum http1_name)id);
        size_t len = strlen(name);
        char text[32];

        ck_assert_int_eq(http1_name_id(name, len), id);
        for (size_t i = 0; i <= len; i++)
            text[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]);
        ck_assert_int_eq(http1_name_id(text, len), id);
        ck_assert_int_eq(http1_name_id(text, len - 1), HTTP1_NAME_OTHER);
        text[len] = 'x';
        ck_assert_int_eq(http1_name_id(text, len + 1), HTTP1_NAME_OTHER);
        for (size_t i = 0; i < len; i++) {
            memcpy(text, name, len);
            text[i] = '_';
            ck_assert_int_eq(http1_name_id(text, len), HTTP1_NAME_OTHER);
        }
    }
    ck_assert_str_eq(http1_name_text(HTTP1_NAME_OTHER), "");
    ck_assert_int_eq(http1_name_id("", 0), HTTP1_NAME_OTHER);
    ck_assert_int_eq(http1_name_id("date", 4), HTTP1_NAME_OTHER);
}
END_TEST

START_TEST(methods_have_case)
{
    for (unsigned m = HTTP1_GET; m < HTTP1_METHODS; m++) {
        const char *text = http1_method_text((enum http1_method)m);
        ck_assert_int_eq(http1_method_id(text, strlen(text)), m);
        ck_assert_int_eq(http1_method_id(text, strlen(text) - 1), HTTP1_OTHER);
    }
    ck_assert_int_eq(http1_method_id("get", 3), HTTP1_OTHER);
    ck_assert_str_eq(http1_method_text(HTTP1_OTHER), "");
}
END_TEST

START_TEST(each_result_has_a_word_a_sentence_and_an_answer)
{
    for (int r = 0; r < HTTP1_RESULTS; r++) {
        uint16_t status = http1_status((enum http1_result)r);

        ck_assert(http1_word((enum http1_result)r)[0] != '\0');
        ck_assert(http1_reason((enum http1_result)r)[0] != '\0');
        ck_assert_int_eq(status != 0, http1_is_bad((enum http1_result)r));
        for (int other = 0; other < r; other++) {
            ck_assert_str_ne(http1_word((enum http1_result)r),
                             http1_word((enum http1_result)other));
            ck_assert_str_ne(http1_reason((enum http1_result)r),
                             http1_reason((enum http1_result)other));
        }
    }
    ck_assert_int_eq(http1_status(HTTP1_BAD_LENGTH_AND_CODING), 400);
    ck_assert_int_eq(http1_status(HTTP1_BAD_LONG_START), 414);
    ck_assert_int_eq(http1_status(HTTP1_BAD_LONG_HEAD), 431);
    ck_assert_int_eq(http1_status(HTTP1_BAD_MANY_FIELDS), 431);
    ck_assert_int_eq(http1_status(HTTP1_BAD_VERSION_UNKNOWN), 505);
}
END_TEST

/* ---- pipelining, and input at random ---- */

START_TEST(pipelined_requests_are_parsed_one_after_the_other)
{
    static const char text[] = "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                               "GET /2" H11 "\r\nGET /3" H11 "\r\nGE";
    static const char *const targets[] = {"/1", "/2", "/3"};
    size_t at = 0;

    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        struct http1_head h;

        ck_assert_int_eq(http1_parse_request(text + at, sizeof(text) - 1 - at, NULL, &limits, &h),
                         HTTP1_COMPLETE);
        is_span(text + at, h.target, targets[i], "target");
        at += h.len + h.content_length;
    }
    ck_assert_str_eq(text + at, "GE");
}
END_TEST

START_TEST(random_input_comes_out_the_same_in_all_splits)
{
    static const char *const bits[] = {"GET",
                                       " ",
                                       "/",
                                       "HTTP/1.1",
                                       "\r\n",
                                       "\r",
                                       "\n",
                                       "Host",
                                       ":",
                                       " a",
                                       "Cookie: a",
                                       "\t",
                                       "\r\n",
                                       "\r\n",
                                       "X: y\r\n",
                                       "Content-Length: 3\r\n",
                                       "\x01",
                                       "GET / HTTP/1.1\r\nHost: a\r\n",
                                       "HTTP/1.1 200 OK\r\n"};
    struct rng rng = {20261120};
    int complete = 0;

    for (int round = 0; round < 20000; round++) {
        char text[512] = "";
        struct http1_limits l = {(uint32_t)rng_below(&rng, 120), (uint32_t)rng_below(&rng, 60), 4};
        struct parsed p;
        bool is_request = rng_below(&rng, 2);

        if (rng_below(&rng, 2))
            l = limits;
        if (rng_below(&rng, 3))
            strcat(text, bits[ARRAY_LEN(bits) - (is_request ? 2 : 1)]);
        for (uint64_t n = rng_below(&rng, 12); n > 0; n--)
            strcat(text, bits[rng_below(&rng, ARRAY_LEN(bits))]);
        parse_all_ways(is_request, HTTP1_GET, text, strlen(text), &l, &p);
        complete += p.result == HTTP1_COMPLETE;
    }
    ck_assert_int_gt(complete, 1000);
}
END_TEST

int main(void)
{
    static const struct test_row rows[] = {
        {"requests are taken apart", &requests_are_taken_apart},
        {"fields are found with their bounds", &fields_are_found_with_their_bounds},
        {"malformed requests are refused with a reason",
         &malformed_requests_are_refused_with_a_reason},
        {"the place of an error is told", &the_place_of_an_error_is_told},
        {"a NUL is refused wherever it stands", &a_nul_is_refused_wherever_it_stands},
        {"what is not HTTP is answered at once", &what_is_not_http_is_answered_at_once},
        {"a request body is framed in one way only", &a_request_body_is_framed_in_one_way_only},
        {"Transfer-Encoding in HTTP/1.0 is refused", &transfer_encoding_in_http_1_0_is_refused},
        {"of equal Content-Lengths one is sent on", &of_equal_content_lengths_one_is_sent_on},
        {"a response body is framed by status and method",
         &a_response_body_is_framed_by_status_and_method},
        {"malformed responses are refused", &malformed_responses_are_refused},
        {"Connection options are understood", &connection_options_are_understood},
        {"what Connection names ends here unless it matters end to end",
         &what_connection_names_ends_here_unless_it_matters_end_to_end},
        {"what Connection names may come first", &what_connection_names_may_come_first},
        {"too many Connection options are refused", &too_many_connection_options_are_refused},
        {"lists are walked element by element", &lists_are_walked_element_by_element},
        {"each limit holds to the byte", &each_limit_holds_to_the_byte},
        {"the largest head still fits its offsets", &the_largest_head_still_fits_its_offsets},
        {"as many fields as allowed and not one more", &as_many_fields_as_allowed_and_not_one_more},
        {"a full buffer never waits for more", &a_full_buffer_never_waits_for_more},
        {"each byte is allowed where the grammar has it",
         &each_byte_is_allowed_where_the_grammar_has_it},
        {"values are checked at every offset", &values_are_checked_at_every_offset},
        {"known names are known in any case and others are not",
         &known_names_are_known_in_any_case_and_others_are_not},
        {"methods have case", &methods_have_case},
        {"each result has a word, a sentence and an answer",
         &each_result_has_a_word_a_sentence_and_an_answer},
        {"pipelined requests are parsed one after the other",
         &pipelined_requests_are_parsed_one_after_the_other},
        {"random input comes out the same in all splits",
         &random_input_comes_out_the_same_in_all_splits},
    };
    return suite_main("http1", rows, ARRAY_LEN(rows));
}
