#include "common/base/macro.h"
#include "common/base/rng.h"
#include "lb/core/chunked.h"
#include "tests/unit/suite.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- each body is followed in one piece, byte by byte, in two pieces, and by its content ---- */

struct followed {
    enum chunked_result result;
    size_t used;
    uint64_t payload;
};

static void follow(const char *data, size_t len, size_t step, struct followed *out)
{
    struct chunked c;
    size_t at = 0;

    chunked_init(&c);
    *out = (struct followed){CHUNKED_MORE, 0, 0};
    while (at < len && out->result == CHUNKED_MORE) {
        size_t n = MIN(step, len - at), used;
        char *copy = malloc(n);

        memcpy(copy, data + at, n);
        out->result = chunked_follow(&c, copy, n, &used);
        free(copy);
        ck_assert(out->result != CHUNKED_MORE || used == n);
        at += used;
    }
    out->used = at;
    out->payload = c.payload;
    if (out->result != CHUNKED_MORE) {
        size_t used = 99;
        ck_assert_int_eq(chunked_follow(&c, "0", 1, &used), out->result);
        ck_assert_int_eq(used, 0);
    }
}

/* Collects the content. */
static void decode(const char *data, size_t len, char *content, struct followed *out)
{
    struct chunked c;
    size_t n = 0;

    chunked_init(&c);
    *out = (struct followed){CHUNKED_MORE, 0, 0};
    do {
        size_t used, run;

        out->result = chunked_next(&c, data + out->used, len - out->used, &used, &run);
        out->used += used;
        ck_assert(run <= used);
        memcpy(content + n, data + out->used - run, run);
        n += run;
    } while (out->result == CHUNKED_MORE && out->used < len);
    content[n] = '\0';
    out->payload = c.payload;
    ck_assert_int_eq(n, c.payload);
}

static void same(const char *data, size_t step, const struct followed *a, const struct followed *b)
{
    ck_assert_msg(a->result == b->result && a->used == b->used && a->payload == b->payload,
                  "%s by %zu: %s at %zu, then %s at %zu", data, step, chunked_reason(a->result),
                  a->used, chunked_reason(b->result), b->used);
}

static void follow_all_ways(const char *data, size_t len, char *content, struct followed *out)
{
    struct followed other;

    decode(data, len, content, out);
    for (size_t step = 1; step <= len; step += step < 8 ? 1 : len / 7 + 1) {
        follow(data, len, step, &other);
        same(data, step, out, &other);
    }
}

START_TEST(bodies_end_where_they_end)
{
    static const struct {
        const char *data, *content, *rest;
    } rows[] = {
        {"0\r\n\r\n", "", ""},
        {"0\r\n\r\nGET /", "", "GET /"},
        {"3\r\nabc\r\n0\r\n\r\n", "abc", ""},
        {"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n0\r\n\r\n", "abcde", "0\r\n\r\n"},
        {"A\r\n0123456789\r\n000\r\n\r\n", "0123456789", ""},
        {"9\r\n012345678\r\n1\r\n9\r\n0\r\n\r\n", "0123456789", ""},
        {"a\r\n0123456789\r\n0\r\n\r\n", "0123456789", ""},
        {"000000000000000a\r\n0123456789\r\n0\r\n\r\n", "0123456789", ""},
        {"2\r\n\r\n\r\n0\r\n\r\n", "\r\n", ""},
        {"3;a=b\r\nabc\r\n0;c\r\n\r\n", "abc", ""},
        {"3;a=\"x;y\"\r\nabc\r\n0\r\n\r\n", "abc", ""},
        {"3  ;a\r\nabc\r\n0 ;\r\n\r\n", "abc", ""},
        {"3;\r\nabc\r\n0\r\n\r\n", "abc", ""},
        {"3;\xc3\xa4\r\nabc\r\n0\r\n\r\n", "abc", ""},
        {"0\r\nX: y\r\n\r\nz", "", "z"},
        {"0\r\nX:\r\nServer-Timing: a;b=c\r\n\r\n", "", ""},
        {"0\r\nExpires: now\r\nETag: \"x\"\r\n\r\n", "", ""},
        {"0\r\nContent-Length-Is-Not-This: 5\r\n\r\n", "", ""},
        {"0\r\nContent-Lengt: 5\r\nX-Content-Length: 5\r\n\r\n", "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct followed f;
        char content[64];

        follow_all_ways(rows[i].data, strlen(rows[i].data), content, &f);
        ck_assert_msg(f.result == CHUNKED_DONE, "%s: %s", rows[i].data, chunked_reason(f.result));
        ck_assert_str_eq(content, rows[i].content);
        ck_assert_str_eq(rows[i].data + f.used, rows[i].rest);
    }
}
END_TEST

START_TEST(malformed_bodies_are_refused_at_the_byte)
{
    static const struct {
        const char *data;
        enum chunked_result result;
        size_t at;
    } rows[] = {
        {"\r\n", CHUNKED_BAD_SIZE, 0},
        {"g\r\n", CHUNKED_BAD_SIZE, 0},
        {" 3\r\nabc", CHUNKED_BAD_SIZE, 0},
        {";\r\n", CHUNKED_BAD_SIZE, 0},
        {"-3\r\nabc", CHUNKED_BAD_SIZE, 0},
        {"+3\r\nabc", CHUNKED_BAD_SIZE, 0},
        {"0x3\r\nabc", CHUNKED_BAD_SIZE, 1},
        {"3g\r\nabc", CHUNKED_BAD_SIZE, 1},
        {"3_0\r\nabc", CHUNKED_BAD_SIZE, 1},
        {"3,\r\nabc", CHUNKED_BAD_SIZE, 1},
        {"3\t;a\r\nabc", CHUNKED_BAD_SIZE, 1},
        {"3 \t;a\r\nabc", CHUNKED_BAD_EXTENSION, 2},
        {"3\x0b\r\nabc", CHUNKED_BAD_SIZE, 1},
        {"\xc3\xa4\r\n", CHUNKED_BAD_SIZE, 0},
        {"3\nabc\r\n0\r\n\r\n", CHUNKED_BAD_LINE_END, 1},
        {"3\rabc\r\n0\r\n\r\n", CHUNKED_BAD_LINE_END, 2},
        {"3\r\r\nabc", CHUNKED_BAD_LINE_END, 2},
        {"3\r\nabc0\r\n\r\n", CHUNKED_BAD_LINE_END, 6},
        {"3\r\nabc\n0\r\n\r\n", CHUNKED_BAD_LINE_END, 6},
        {"3\r\nabc\r0\r\n\r\n", CHUNKED_BAD_LINE_END, 7},
        {"3\r\nabcd\r\n0\r\n\r\n", CHUNKED_BAD_LINE_END, 6},
        {"3\r\nab\r\n0\r\n\r\n", CHUNKED_BAD_LINE_END, 6},
        {"3\r\nabc\r\n\r\n0\r\n\r\n", CHUNKED_BAD_SIZE, 8},
        {"3 \r\nabc\r\n0\r\n\r\n", CHUNKED_BAD_EXTENSION, 2},
        {"3 3\r\nabc\r\n0\r\n\r\n", CHUNKED_BAD_EXTENSION, 2},
        {"3;a\x01\r\n", CHUNKED_BAD_EXTENSION, 3},
        {"3;a\nabc\r\n0\r\n\r\n", CHUNKED_BAD_LINE_END, 3},
        {"3;a\rb\r\n", CHUNKED_BAD_LINE_END, 4},
        {"0\n\r\n", CHUNKED_BAD_LINE_END, 1},
        {"0\r\n\n", CHUNKED_BAD_TRAILER, 3},
        {"0\r\n\rx", CHUNKED_BAD_LINE_END, 4},
        {"8000000000000000\r\n", CHUNKED_BAD_OVERFLOW, 15},
        {"ffffffffffffffff\r\n", CHUNKED_BAD_OVERFLOW, 15},
        {"10000000000000003\r\nabc", CHUNKED_BAD_OVERFLOW, 16},
        {"00000000000000003\r\nabc", CHUNKED_BAD_OVERFLOW, 16},
        {"0\r\n X: y\r\n\r\n", CHUNKED_BAD_TRAILER, 3},
        {"0\r\nX : y\r\n\r\n", CHUNKED_BAD_TRAILER, 4},
        {"0\r\n: y\r\n\r\n", CHUNKED_BAD_TRAILER, 3},
        {"0\r\nX\r\n\r\n", CHUNKED_BAD_TRAILER, 4},
        {"0\r\nX: y\x01\r\n\r\n", CHUNKED_BAD_TRAILER, 7},
        {"0\r\nX: y\n\r\n", CHUNKED_BAD_LINE_END, 7},
        {"0\r\nX: y\rz\r\n", CHUNKED_BAD_LINE_END, 8},
        {"0\r\nX: y\r\n z\r\n\r\n", CHUNKED_BAD_TRAILER, 9},
        {"0\r\nX: y\r\n\n", CHUNKED_BAD_TRAILER, 9},
        {"0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", CHUNKED_BAD_TRAILER, 6},
        {"0\r\nContent-Length: 5\r\n\r\n", CHUNKED_BAD_TRAILER_NAME, 17},
        {"0\r\nTRANSFER-Encoding: chunked\r\n\r\n", CHUNKED_BAD_TRAILER_NAME, 20},
        {"0\r\nX: y\r\nhost: a\r\n\r\n", CHUNKED_BAD_TRAILER_NAME, 13},
        {"0\r\nCookie: a\r\n\r\n", CHUNKED_BAD_TRAILER_NAME, 9},
        {"0\r\nSet-Cookie: a\r\n\r\n", CHUNKED_BAD_TRAILER_NAME, 13},
        {"0\r\nX-Forwarded-For: a\r\n\r\n", CHUNKED_BAD_TRAILER_NAME, 18},
        {"0\r\nAuthorization: a\r\n\r\n", CHUNKED_BAD_TRAILER_NAME, 16},
        {"0\r\nConnection: close\r\n\r\n", CHUNKED_BAD_TRAILER_NAME, 13},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct followed f;
        char content[64];

        follow_all_ways(rows[i].data, strlen(rows[i].data), content, &f);
        ck_assert_msg(f.result == rows[i].result && f.used == rows[i].at, "%s: %s at %zu",
                      rows[i].data, chunked_reason(f.result), f.used);
    }
}
END_TEST

START_TEST(a_body_is_never_done_early)
{
    static const char data[] = "3;x\r\nabc\r\n1\r\nd\r\n0\r\nX: y\r\n\r\n";

    for (size_t n = 0; n < sizeof(data) - 1; n++) {
        struct chunked c;
        size_t used;

        chunked_init(&c);
        ck_assert_int_eq(chunked_follow(&c, data, n, &used), CHUNKED_MORE);
        ck_assert_int_eq(used, n);
    }
}
END_TEST

START_TEST(a_nul_is_refused_in_all_framing)
{
    static const char data[] = "3;x\r\nabc\r\n1\r\nd\r\n0\r\nX: y\r\n\r\n";

    for (size_t i = 0; i < sizeof(data) - 1; i++) {
        bool in_content = (i >= 5 && i < 8) || i == 13;
        char bad[sizeof(data)];
        struct chunked c;
        size_t used;

        memcpy(bad, data, sizeof(data));
        bad[i] = '\0';
        chunked_init(&c);
        enum chunked_result r = chunked_follow(&c, bad, sizeof(data) - 1, &used);
        ck_assert_msg(in_content ? r == CHUNKED_DONE : r > CHUNKED_DONE && used == i, "at %zu", i);
    }
}
END_TEST

START_TEST(a_chunk_may_be_as_large_as_63_bits)
{
    struct chunked c;
    size_t used, content;

    chunked_init(&c);
    ck_assert_int_eq(chunked_follow(&c, "7fffffffffffffff\r\n", 18, &used), CHUNKED_MORE);
    ck_assert_uint_eq(c.left, INT64_MAX);
    ck_assert_int_eq(chunked_next(&c, "abc", 3, &used, &content), CHUNKED_MORE);
    ck_assert_int_eq(content, 3);
    ck_assert_uint_eq(c.left, INT64_MAX - 3);
}
END_TEST

/* `head`, then `n` times `unit`, then `tail`; the expected result. */
static void is_limit(const char *head, const char *unit, size_t n, const char *tail,
                     enum chunked_result expected)
{
    size_t unit_len = strlen(unit), len = strlen(head) + n * unit_len + strlen(tail);
    char *data = malloc(len + 1), *p = stpcpy(data, head), *content = malloc(len + 1);
    struct followed f;

    for (size_t i = 0; i < n; i++)
        p = stpcpy(p, unit);
    strcpy(p, tail);
    follow_all_ways(data, len, content, &f);
    ck_assert_msg(f.result == expected, "%zu of %s: %s", n, unit, chunked_reason(f.result));
    free(data);
    free(content);
}

START_TEST(each_limit_holds_to_the_byte)
{
    enum { LINE = CHUNKED_LINE_MAX, TRAILER = CHUNKED_TRAILER_MAX, FIELDS = CHUNKED_FIELDS_MAX };

    /* The CR counts, as does each byte behind the first semicolon or blank. */
    is_limit("0;", "x", LINE - 1, "\r\n\r\n", CHUNKED_DONE);
    is_limit("0;", "x", LINE, "\r\n\r\n", CHUNKED_BAD_LONG_EXTENSION);
    is_limit("0 ", " ", LINE - 2, ";\r\n\r\n", CHUNKED_DONE);
    is_limit("0 ", " ", LINE - 1, ";\r\n\r\n", CHUNKED_BAD_LONG_EXTENSION);
    is_limit("1;", "x", LINE - 1, "\r\na\r\n0;x\r\n\r\n", CHUNKED_DONE);
    is_limit("0\r\nX:", "y", TRAILER - 6, "\r\n\r\n", CHUNKED_DONE);
    is_limit("0\r\nX:", "y", TRAILER - 5, "\r\n\r\n", CHUNKED_BAD_LONG_TRAILER);
    is_limit("0\r\n", "X: y\r\n", FIELDS, "\r\n", CHUNKED_DONE);
    is_limit("0\r\n", "X: y\r\n", FIELDS + 1, "\r\n", CHUNKED_BAD_LONG_TRAILER);
    is_limit("0\r\n", "x", 300, ":\r\n\r\n", CHUNKED_DONE);
}
END_TEST

START_TEST(each_result_has_a_sentence_of_its_own)
{
    for (int r = 0; r < CHUNKED_RESULTS; r++) {
        ck_assert(chunked_reason((enum chunked_result)r)[0] != '\0');
        for (int other = 0; other < r; other++)
            ck_assert_str_ne(chunked_reason((enum chunked_result)r),
                             chunked_reason((enum chunked_result)other));
    }
}
END_TEST

START_TEST(random_bodies_come_out_the_same_in_all_splits)
{
    static const char *const bits[] = {"0\r\n",
                                       "3\r\n",
                                       "abc",
                                       "\r\n",
                                       "\r",
                                       "\n",
                                       ";x",
                                       "a",
                                       "0",
                                       ":",
                                       " ",
                                       "X: y\r\n",
                                       "\x01",
                                       "3\r\nabc\r\n",
                                       "5;q\r\n01234\r\n",
                                       "0\r\n\r\n"};
    struct rng rng = {20261120};
    int done = 0;

    for (int round = 0; round < 4000; round++) {
        char data[512] = "", content[512];
        struct followed f;

        for (uint64_t n = 1 + rng_below(&rng, 10); n > 0; n--)
            strcat(data, bits[rng_below(&rng, ARRAY_LEN(bits))]);
        follow_all_ways(data, strlen(data), content, &f);
        done += f.result == CHUNKED_DONE;
    }
    ck_assert_int_gt(done, 100);
}
END_TEST

int main(void)
{
    static const struct test_row rows[] = {
        {"bodies end where they end", &bodies_end_where_they_end},
        {"malformed bodies are refused at the byte", &malformed_bodies_are_refused_at_the_byte},
        {"a body is never done early", &a_body_is_never_done_early},
        {"a NUL is refused in all framing", &a_nul_is_refused_in_all_framing},
        {"a chunk may be as large as 63 bits", &a_chunk_may_be_as_large_as_63_bits},
        {"each limit holds to the byte", &each_limit_holds_to_the_byte},
        {"each result has a sentence of its own", &each_result_has_a_sentence_of_its_own},
        {"random bodies come out the same in all splits",
         &random_bodies_come_out_the_same_in_all_splits},
    };
    return suite_main("chunked", rows, ARRAY_LEN(rows));
}
