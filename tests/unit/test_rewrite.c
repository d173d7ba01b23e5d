#include "common/base/macro.h"
#include "common/base/rng.h"
#include "lb/core/rewrite.h"
#include "tests/unit/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct http1_limits limits = {16384, 0, HTTP1_FIELDS_MAX};

/* ---- commands, so that a row can say what is done ---- */

static bool say(struct rewrite *r, const char *arg)
{
    static const char *const words[] = {"nothing", "close", "keep-alive", "upgrade"};

    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(arg, words[i]) == 0)
            return rewrite_connection(r, (enum rewrite_say)i);
    ck_abort_msg("%s", arg);
    return false;
}

/* "remove N", "value N TEXT", "target TEXT", "cut TEXT" (its first occurrence), "before TEXT=NEW",
 * "add NAME=VALUE", "say WORD" */
static bool run_one(struct rewrite *r, const char *op)
{
    char text[512];
    const char *arg = strchr(op, ' ') + 1, *equals = strchr(arg, '=');
    int n = atoi(arg);

    snprintf(text, sizeof(text), "%.*s", (int)(equals ? equals - arg : (long)strlen(arg)), arg);
    const char *found = strstr(r->buf, text);
    if (strncmp(op, "remove", 6) == 0)
        return rewrite_remove(r, (size_t)n);
    if (strncmp(op, "value", 5) == 0)
        return rewrite_value(r, (size_t)n, strchr(arg, ' ') + 1, strlen(strchr(arg, ' ') + 1));
    if (strncmp(op, "target", 6) == 0)
        return rewrite_target(r, arg, strlen(arg));
    if (strncmp(op, "cut", 3) == 0)
        return rewrite_cut(r, (size_t)(found - r->buf), (size_t)(found - r->buf) + strlen(text));
    if (strncmp(op, "before", 6) == 0)
        return rewrite_insert(r, (size_t)(found - r->buf), equals + 1, strlen(equals + 1));
    if (strncmp(op, "add", 3) == 0)
        return rewrite_add(r, text, strlen(text), equals + 1, strlen(equals + 1));
    return say(r, arg);
}

static bool run(struct rewrite *r, const char *ops)
{
    char copy[1024], *rest = copy, *op;
    bool ok = true;

    snprintf(copy, sizeof(copy), "%s", ops);
    while ((op = strsep(&rest, "|")))
        ok &= op[0] == '\0' || run_one(r, op);
    return ok;
}

static void parse(const char *text, struct http1_head *h)
{
    enum http1_result r =
        strncmp(text, "HTTP/", 5) == 0
            ? http1_parse_response(text, strlen(text), NULL, &limits, HTTP1_GET, h)
            : http1_parse_request(text, strlen(text), NULL, &limits, h);
    ck_assert_msg(r == HTTP1_COMPLETE, "%s: %s", text, http1_reason(r));
}

/* ---- what goes out ---- */

#define START "GET / HTTP/1.1\r\n"

START_TEST(what_goes_out_is_the_original_with_patches)
{
    static const struct {
        const char *in, *ops, *out;
    } rows[] = {
        /* untouched */
        {START "hOST:  a \r\n\r\n", "", START "hOST:  a \r\n\r\n"},
        {"GET / HTTP/1.0\r\n\r\n", "", "GET / HTTP/1.0\r\n\r\n"},
        {"HTTP/1.1 200\r\nA:b\r\n\r\n", "", "HTTP/1.1 200\r\nA:b\r\n\r\n"},
        {"\r\n\r\n" START "Host: a\r\n\r\nbody", "", START "Host: a\r\n\r\n"},
        /* lines removed */
        {START "Host: a\r\nB: c\r\nD: e\r\n\r\n", "remove 0", START "B: c\r\nD: e\r\n\r\n"},
        {START "Host: a\r\nB: c\r\nD: e\r\n\r\n", "remove 1", START "Host: a\r\nD: e\r\n\r\n"},
        {START "Host: a\r\nB: c\r\nD: e\r\n\r\n", "remove 2", START "Host: a\r\nB: c\r\n\r\n"},
        {START "Host: a\r\nB: c\r\nD: e\r\n\r\n", "remove 2|remove 0|remove 1", START "\r\n"},
        {START "Host: a\r\nB: c\r\n\r\n", "remove 1|remove 1", START "Host: a\r\n\r\n"},
        /* values and the start line */
        {START "Host: a\r\nB: c\r\n\r\n", "value 0 xyz|value 1 ", START "Host: xyz\r\nB: \r\n\r\n"},
        {START "Host: a\r\nB:\r\nC: \t\r\n\r\n", "value 1 x|value 2 y",
         START "Host: a\r\nB:x\r\nC: \ty\r\n\r\n"},
        {START "Host: a\r\n\r\n", "value 0 x|value 0 y", START "Host: y\r\n\r\n"},
        {START "Host: a\r\nB: c\r\n\r\n", "value 1 x|remove 1", START "Host: a\r\n\r\n"},
        {START "Host: a\r\nB: c\r\n\r\n", "remove 1|value 1 x", START "Host: a\r\n\r\n"},
        {START "Host: a\r\n\r\n", "target /new?x", "GET /new?x HTTP/1.1\r\nHost: a\r\n\r\n"},
        {"GET / HTTP/1.3\r\nHost: a\r\n\r\n", "", START "Host: a\r\n\r\n"},
        {"HTTP/1.9 200 OK\r\nHost: a\r\n\r\n", "", "HTTP/1.1 200 OK\r\nHost: a\r\n\r\n"},
        /* within lines */
        {START "Host: a\r\nB: c; dd; e\r\n\r\n", "cut ; dd", START "Host: a\r\nB: c; e\r\n\r\n"},
        {START "Host: a\r\nB: c; dd; e\r\n\r\n", "cut dd; |cut ; dd",
         START "Host: a\r\nB: ce\r\n\r\n"},
        {START "Host: a\r\nB: c; dd; e\r\n\r\n", "cut ; dd|cut dd; ",
         START "Host: a\r\nB: ce\r\n\r\n"},
        {START "Host: a\r\nB: c; dd; e\r\n\r\n", "cut ; dd; e|cut dd",
         START "Host: a\r\nB: c\r\n\r\n"},
        {START "Host: a\r\nB: c; dd; e\r\n\r\n", "before dd=x~|before dd=y",
         START "Host: a\r\nB: c; x~ydd; e\r\n\r\n"},
        {START "Host: a\r\nB: cc\r\n\r\n", "cut cc|remove 1", START "Host: a\r\n\r\n"},
        /* lines added */
        {START "Host: a\r\n\r\n", "add X=y", START "Host: a\r\nX: y\r\n\r\n"},
        {START "Host: a\r\n\r\n", "add X=|add x-Y= z ", START "Host: a\r\nX: \r\nx-Y:  z \r\n\r\n"},
        {"GET / HTTP/1.0\r\n\r\n", "add X=y", "GET / HTTP/1.0\r\nX: y\r\n\r\n"},
        {START "Host: a\r\n\r\n", "remove 0|add X=y", START "X: y\r\n\r\n"},
        {START "Host: a\r\nB: c\r\n\r\n", "add X=y|value 1 d|add Z=w",
         START "Host: a\r\nB: d\r\nX: y\r\nZ: w\r\n\r\n"},
        {START "Host: a\r\nB: c\r\n\r\n", "add X=y|value 1 d",
         START "Host: a\r\nB: d\r\nX: y\r\n\r\n"},
        /* what the parser marked */
        {"POST / HTTP/1.1\r\nContent-Length: 1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", "",
         "POST / HTTP/1.1\r\nContent-Length: 1\r\nHost: a\r\n\r\n"},
        {"HTTP/1.1 204 X\r\nContent-Length: 1\r\nB: c\r\n\r\n", "",
         "HTTP/1.1 204 X\r\nB: c\r\n\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http1_head h;
        struct rewrite r;
        char text[256], out[512];

        parse(rows[i].in, &h);
        rewrite_init(&r, rows[i].in, &h, text, sizeof(text));
        ck_assert_msg(run(&r, rows[i].ops), "%s", rows[i].ops);
        /* Twice, since a retry sends it again. */
        for (int again = 0; again < 2; again++) {
            size_t n = rewrite_flat(&r, out, sizeof(out) - 1);
            out[n] = '\0';
            ck_assert_msg(strcmp(out, rows[i].out) == 0, "%s: got\n%s", rows[i].ops, out);
        }
    }
}
END_TEST

START_TEST(connection_level_fields_end_here)
{
    static const struct {
        const char *in, *say, *out;
    } rows[] = {
        {"", "nothing", ""},
        {"", "close", "connection: close\r\n"},
        {"", "keep-alive", "connection: keep-alive\r\n"},
        {"Connection: keep-alive\r\nB: c\r\n", "nothing", "B: c\r\n"},
        {"B: c\r\nConnection: close\r\n", "keep-alive", "B: c\r\nconnection: keep-alive\r\n"},
        {"Connection: a\r\nB: c\r\nConnection: close\r\nA: b\r\n", "close",
         "B: c\r\nconnection: close\r\n"},
        {"Keep-Alive: 5\r\nProxy-Connection: x\r\nB: c\r\n", "nothing", "B: c\r\n"},
        {"Connection: Upgrade\r\nUpgrade: websocket\r\n", "upgrade",
         "Upgrade: websocket\r\nconnection: upgrade\r\n"},
        {"Connection: Upgrade\r\nUpgrade: websocket\r\nB: c\r\n", "close",
         "B: c\r\nconnection: close\r\n"},
        {"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: A\r\n", "nothing",
         ""},
        {"TE: trailers\r\n", "nothing", "te: trailers\r\nconnection: te\r\n"},
        {"TE: gzip, trailers\r\nB: c\r\n", "close",
         "B: c\r\nte: trailers\r\nconnection: close, te\r\n"},
        {"TE: trailers\r\nUpgrade: x\r\n", "upgrade",
         "Upgrade: x\r\nte: trailers\r\nconnection: upgrade, te\r\n"},
        {"TE: trailers\r\n", "keep-alive", "te: trailers\r\nconnection: keep-alive, te\r\n"},
        {"TE: gzip\r\n", "nothing", ""},
        {"Trailer: X\r\nTransfer-Encoding: chunked\r\n", "nothing",
         "Trailer: X\r\nTransfer-Encoding: chunked\r\n"},
        {"Connection: Cookie, B\r\nCookie: x\r\nB: c\r\n", "nothing", "Cookie: x\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http1_head h;
        struct rewrite r;
        char text[256], in[512], out[512], expected[512];

        snprintf(in, sizeof(in), START "Host: a\r\n%s\r\n", rows[i].in);
        snprintf(expected, sizeof(expected), START "Host: a\r\n%s\r\n", rows[i].out);
        parse(in, &h);
        rewrite_init(&r, in, &h, text, sizeof(text));
        ck_assert(say(&r, rows[i].say));
        out[rewrite_flat(&r, out, sizeof(out) - 1)] = '\0';
        ck_assert_str_eq(out, expected);
    }
}
END_TEST

START_TEST(unpatched_bytes_are_not_copied)
{
    static const char in[] = START "Host: a\r\nConnection: keep-alive\r\nB: c\r\n\r\n";
    static const struct {
        const char *ops;
        size_t n;
    } rows[] = {
        {"", 1},
        {"add X=y", 2},
        {"add X=y|add Z=w", 2},
        {"say nothing", 2},
        {"say close|add X=y", 3},
        {"remove 0|remove 1", 2},
        {"remove 2", 2},
        {"value 2 d", 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http1_head h;
        struct rewrite r;
        struct iovec iov[REWRITE_IOV_MAX];
        char text[256];

        parse(in, &h);
        rewrite_init(&r, in, &h, text, sizeof(text));
        ck_assert(run(&r, rows[i].ops));
        size_t n = rewrite_iov(&r, iov, ARRAY_LEN(iov));
        ck_assert_msg(n == rows[i].n, "%s: %zu entries", rows[i].ops, n);
        for (size_t k = 0; k < n; k++) {
            const char *p = iov[k].iov_base, *end = p + iov[k].iov_len;
            ck_assert((p >= in && end <= in + sizeof(in)) ||
                      (p >= text && end <= text + sizeof(text)));
        }
        ck_assert_int_eq(rewrite_iov(&r, iov, n), n);
        ck_assert_int_eq(rewrite_iov(&r, iov, n - 1), 0);
    }
}
END_TEST

START_TEST(nothing_that_splits_a_message_gets_in)
{
    static const char in[] = START "Host: a\r\nB: c\r\n\r\n";
    static const char *const bad_values[] = {"a\r\nX: y", "a\rb",  "a\nb",
                                             "\r\n\r\n",  "a\x01", "\x7f"};
    static const char *const bad_targets[] = {"", " ", "/a b", "/\t", "/#", "/\xc3\xa4", "/\r\n"};
    static const char *const bad_names[] = {"", "a b", "a:", "a\r", "\xc3\xa4", "a\n"};
    struct http1_head h;
    char text[256], out[256];

    parse(in, &h);
    for (size_t i = 0; i < ARRAY_LEN(bad_values); i++)
        for (int how = 0; how < 6; how++) {
            const char *v = bad_values[i];
            size_t len = strlen(v);
            struct rewrite r;

            rewrite_init(&r, in, &h, text, sizeof(text));
            bool ok =
                how == 0   ? rewrite_value(&r, 1, v, len)
                : how == 1 ? rewrite_target(&r, v, len)
                : how == 2 ? rewrite_insert(&r, h.fields[1].value.at, v, len)
                : how == 3 ? rewrite_add(&r, "x", 1, v, len)
                : how == 4
                    ? rewrite_add(&r, v, len, "x", 1)
                    : rewrite_add_parts(&r, "x", 1,
                                        (struct iovec[]){{(char[]){"a"}, 1}, {(void *)v, len}}, 2);
            ck_assert(!ok && rewrite_lost(&r));
            ck_assert_int_eq(rewrite_flat(&r, out, sizeof(out)), 0);
        }
    for (size_t i = 0; i < ARRAY_LEN(bad_targets); i++) {
        struct rewrite r;

        rewrite_init(&r, in, &h, text, sizeof(text));
        ck_assert(!rewrite_target(&r, bad_targets[i], strlen(bad_targets[i])));
        ck_assert(rewrite_lost(&r));
    }
    for (size_t at = h.fields[0].value.at; at <= h.end; at++) {
        struct rewrite r;

        rewrite_init(&r, in, &h, text, sizeof(text));
        bool in_line = at < h.fields[1].name.at - 1u || at == h.end;
        ck_assert_int_eq(rewrite_cut(&r, at == h.end ? at : h.fields[0].value.at, at), in_line);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad_names); i++) {
        struct rewrite r;

        rewrite_init(&r, in, &h, text, sizeof(text));
        ck_assert(!rewrite_add(&r, bad_names[i], strlen(bad_names[i]), "x", 1));
        ck_assert(rewrite_lost(&r));
    }
}
END_TEST

START_TEST(a_value_may_come_in_parts)
{
    static const char in[] = "GET / HTTP/1.0\r\n\r\n";
    struct http1_head h;
    struct rewrite r;
    char text[256], out[256];
    struct iovec parts[] = {{(char[]){"a"}, 1}, {(char[]){""}, 0}, {(char[]){"=bc"}, 3}};

    parse(in, &h);
    rewrite_init(&r, in, &h, text, sizeof(text));
    ck_assert(rewrite_add_parts(&r, "X", 1, parts, 3));
    ck_assert(rewrite_add_parts(&r, "Y", 1, NULL, 0));
    out[rewrite_flat(&r, out, sizeof(out) - 1)] = '\0';
    ck_assert_str_eq(out, "GET / HTTP/1.0\r\nX: a=bc\r\nY: \r\n\r\n");
}
END_TEST

/* ---- limits ---- */

START_TEST(what_does_not_fit_is_refused_whole)
{
    static const char in[] = START "Host: a\r\n\r\n";
    struct http1_head h;
    struct rewrite r;
    char text[32], out[128];

    parse(in, &h);
    /* "X: 4567\r\n" and the empty line behind it need 11 bytes. */
    for (size_t cap = 0; cap <= 12; cap++) {
        rewrite_init(&r, in, &h, text, cap);
        ck_assert_msg(rewrite_add(&r, "X", 1, "4567", 4) == (cap >= 11), "%zu", cap);
        ck_assert(rewrite_lost(&r) == (cap < 11));
        ck_assert((rewrite_flat(&r, out, sizeof(out)) == 0) == (cap < 11));
    }
    for (size_t cap = 0; cap <= 6; cap++) {
        rewrite_init(&r, in, &h, text, cap);
        ck_assert_int_eq(rewrite_lost(&r), cap < 2);
        ck_assert_int_eq(rewrite_insert(&r, h.end, "4567", 4), cap >= 6);
        ck_assert_int_eq(rewrite_lost(&r), cap < 6);
    }
    rewrite_init(&r, in, &h, text, sizeof(text));
    for (size_t cap = 0; cap < sizeof(in) - 1; cap++)
        ck_assert_int_eq(rewrite_flat(&r, out, cap), 0);
    ck_assert_int_eq(rewrite_flat(&r, out, sizeof(in) - 1), sizeof(in) - 1);
    ck_assert(!rewrite_remove(&r, 1) && rewrite_lost(&r));
    rewrite_init(&r, in, &h, text, sizeof(text));
    ck_assert(!rewrite_cut(&r, 5, h.end + 1u) && rewrite_lost(&r));
    rewrite_init(&r, in, &h, text, sizeof(text));
    ck_assert(!rewrite_cut(&r, 6, 5) && rewrite_lost(&r));
    rewrite_init(&r, in, &h, text, sizeof(text));
    ck_assert(!rewrite_insert(&r, h.end + 1u, "x", 1) && rewrite_lost(&r));
    rewrite_init(&r, in, &h, text, sizeof(text));
    ck_assert(!rewrite_value(&r, 1, "x", 1) && rewrite_lost(&r));
}
END_TEST

START_TEST(there_is_room_for_as_many_patches_as_promised)
{
    static const char in[] = START "Host: a\r\n\r\n";
    static char text[65536], out[65536];
    struct iovec iov[REWRITE_IOV_MAX];
    struct http1_head h;
    struct rewrite r;

    parse(in, &h);
    rewrite_init(&r, in, &h, text, sizeof(text));
    for (int i = 0; i < REWRITE_PATCHES_MAX; i++)
        ck_assert(rewrite_add(&r, "X", 1, "y", 1));
    ck_assert_int_eq(rewrite_iov(&r, iov, ARRAY_LEN(iov)), 2);
    ck_assert_int_eq(rewrite_flat(&r, out, sizeof(out)), sizeof(in) - 1 + REWRITE_PATCHES_MAX * 6);
    ck_assert(!rewrite_add(&r, "X", 1, "y", 1) && rewrite_lost(&r));
}
END_TEST

START_TEST(all_fields_can_be_patched_in_any_order)
{
    char in[4096] = START "Host: a\r\n", text[4096], out[8192];
    struct iovec iov[REWRITE_IOV_MAX];
    struct http1_head h;
    struct rewrite r;

    for (int i = 1; i < HTTP1_FIELDS_MAX; i++)
        strcat(in, "X: y\r\n");
    strcat(in, "\r\n");
    parse(in, &h);
    rewrite_init(&r, in, &h, text, sizeof(text));
    for (size_t i = 0; i < HTTP1_FIELDS_MAX; i++)
        ck_assert(rewrite_value(&r, (i * 37) % HTTP1_FIELDS_MAX, "zz", 2));
    ck_assert_int_eq(rewrite_iov(&r, iov, ARRAY_LEN(iov)), 2 * HTTP1_FIELDS_MAX + 1);
    ck_assert_int_eq(rewrite_flat(&r, out, sizeof(out)), strlen(in) + HTTP1_FIELDS_MAX);
    struct http1_head again;
    ck_assert_int_eq(http1_parse_request(out, sizeof(out), NULL, &limits, &again), HTTP1_COMPLETE);
    for (size_t i = 0; i < again.n_fields; i++)
        ck_assert(again.fields[i].value.len == 2 && out[again.fields[i].value.at] == 'z');
}
END_TEST

/* ---- at random: the result always parses, and says what was asked for ---- */

static void random_patch(struct rng *rng, struct rewrite *r, bool gone[8])
{
    static const char *const texts[] = {"", "x", "some text", "\xc3\xa4"};
    size_t f = rng_below(rng, r->head->n_fields);
    const char *text = texts[rng_below(rng, ARRAY_LEN(texts))];
    struct http1_span v = r->head->fields[f].value;

    switch (rng_below(rng, 5)) {
    case 0:
        gone[f] = true;
        rewrite_remove(r, f);
        break;
    case 1:
        rewrite_value(r, f, text, strlen(text));
        break;
    case 2:
        rewrite_cut(r, v.at + rng_below(rng, v.len + 1u) / 2, v.at + v.len);
        break;
    case 3:
        rewrite_insert(r, v.at, text, strlen(text));
        break;
    default:
        rewrite_add(r, "added", 5, text, strlen(text));
    }
}

START_TEST(whatever_is_done_the_result_is_one_head)
{
    static const char in[] =
        "GET /path HTTP/1.0\r\nA: b\r\nC:\r\nE: f g h\r\nI:   \r\nJ: k\r\n\r\n";
    struct rng rng = {20261120};
    struct http1_head h, again;

    parse(in, &h);
    for (int round = 0; round < 20000; round++) {
        struct rewrite r;
        char text[1024], out[2048];
        bool gone[8] = {false};
        size_t kept = 0;

        rewrite_init(&r, in, &h, text, sizeof(text));
        for (uint64_t n = rng_below(&rng, 12); n > 0; n--)
            random_patch(&rng, &r, gone);
        size_t len = rewrite_flat(&r, out, sizeof(out));
        ck_assert_int_eq(http1_parse_request(out, len, NULL, &limits, &again), HTTP1_COMPLETE);
        ck_assert_int_eq(again.len, len);
        for (size_t i = 0; i < h.n_fields; i++) {
            const char *name = in + h.fields[i].name.at;
            ck_assert((http1_find(&again, out, name, 1, 0) < 0) == gone[i]);
            kept += !gone[i];
        }
        for (size_t i = kept; i < again.n_fields; i++)
            ck_assert_int_eq(again.fields[i].name.len, 5);
    }
}
END_TEST

int main(void)
{
    static const struct test_row rows[] = {
        {"what goes out is the original with patches", &what_goes_out_is_the_original_with_patches},
        {"connection-level fields end here", &connection_level_fields_end_here},
        {"unpatched bytes are not copied", &unpatched_bytes_are_not_copied},
        {"nothing that splits a message gets in", &nothing_that_splits_a_message_gets_in},
        {"a value may come in parts", &a_value_may_come_in_parts},
        {"what does not fit is refused whole", &what_does_not_fit_is_refused_whole},
        {"there is room for as many patches as promised",
         &there_is_room_for_as_many_patches_as_promised},
        {"all fields can be patched in any order", &all_fields_can_be_patched_in_any_order},
        {"whatever is done, the result is one head", &whatever_is_done_the_result_is_one_head},
    };
    return suite_main("rewrite", rows, ARRAY_LEN(rows));
}
