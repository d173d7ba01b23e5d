#include "common/base/macro.h"
#include "common/base/rng.h"
#include "tests/unit/http1_peer.h"
#include "tests/unit/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS     100000
#define STREAM_MAX 4096

/* ---- messages at random: mostly right, often nearly so ---- */

struct stream {
    char data[STREAM_MAX];
    size_t len;
};

static void put(struct stream *s, const char *text)
{
    size_t len = MIN(strlen(text), sizeof(s->data) - s->len);

    memcpy(s->data + s->len, text, len);
    s->len += len;
}

#define PICK(R, TABLE) (TABLE)[rng_below((R), ARRAY_LEN(TABLE))]

static void put_body(struct rng *rng, struct stream *s, bool chunked)
{
    static const char *const chunks[] = {"3\r\nabc\r\n", "1;a=b\r\nx\r\n", "A\r\n0123456789\r\n",
                                         "02\r\n\r\n\r\n"};
    static const char *const ends[] = {"0\r\n\r\n", "0\r\nX: y\r\n\r\n", "00;x\r\n\r\n"};

    if (!chunked) {
        put(s, "abcde");
        return;
    }
    for (uint64_t n = rng_below(rng, 4); n > 0; n--)
        put(s, PICK(rng, chunks));
    put(s, PICK(rng, ends));
}

static void put_fields(struct rng *rng, struct stream *s)
{
    static const char *const fields[] = {
        "User-Agent: x y/z (a; b)\r\n",
        "accept:*/*\r\n",
        "X-Empty:\r\n",
        "Cookie: a=b; c=\"d\"  \r\n",
        "Connection: close\r\n",
        "Connection: keep-alive\r\n",
        "connection: Keep-Alive , x\r\n",
        "Connection: upgrade\r\n",
        "Connection: close, upgrade\r\n",
        "Upgrade: websocket\r\n",
        "Proxy-Connection: close\r\n",
        "Expect: 100-continue\r\n",
        "TE: trailers\r\n",
        "Set-Cookie: a=b; path=/\r\n",
        "X: \xc3\xa4\t\xff\r\n",
        "!#$%&'*+-.^_`|~: y\r\n",
        "Connection: clos\r\n",
        "Connection: closex\r\n",
        "Connection: close x\r\n",
        "Connection:close\r\nConnection:\tkeep-alive\r\n",
    };

    for (uint64_t n = rng_below(rng, 6); n > 0; n--)
        put(s, PICK(rng, fields));
}

static bool put_framing(struct rng *rng, struct stream *s)
{
    static const char *const lengths[] = {
        "Content-Length: 5\r\n",      "content-length:005 \r\n",
        "Content-Length: 0\r\n",      "Content-Length: 5\r\nContent-Length: 5\r\n",
        "Content-Length: 999999\r\n", ""};
    static const char *const codings[] = {"Transfer-Encoding: chunked\r\n",
                                          "transfer-encoding:  Chunked\r\n",
                                          "Transfer-Encoding: gzip, chunked\r\n"};

    if (rng_below(rng, 2)) {
        put(s, PICK(rng, codings));
        return true;
    }
    put(s, PICK(rng, lengths));
    return false;
}

static void make_request(struct rng *rng, struct stream *s)
{
    static const char *const methods[] = {"GET",   "POST",    "HEAD",   "PUT", "OPTIONS",
                                          "PATCH", "CONNECT", "REPORT", "FOO"};
    static const char *const targets[] = {
        "/",    "/a/b?c=d&e",    "*",           "http://a/", "http://a:80/x?y",
        "a:80", "/%zz{|}\"<>^`", "https://a?b", "h2+x://a/", "http://[::1]/"};
    static const char *const hosts[] = {"Host: a\r\n",     "host:a\r\n",
                                        "Host: a:80\r\n",  "",
                                        "Host: [::1]\r\n", "Host: x.y-z_1:8080\r\n"};

    if (!rng_below(rng, 20))
        put(s, "\r\n");
    put(s, PICK(rng, methods));
    put(s, " ");
    put(s, rng_below(rng, 2) ? targets[1] : PICK(rng, targets));
    put(s, rng_below(rng, 4) ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n");
    put(s, rng_below(rng, 3) ? hosts[0] : PICK(rng, hosts));
    put_fields(rng, s);
    bool chunked = put_framing(rng, s);
    put_fields(rng, s);
    put(s, "\r\n");
    put_body(rng, s, chunked);
    put(s, "GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
}

static void make_response(struct rng *rng, struct stream *s)
{
    static const char *const starts[] = {"HTTP/1.1 200 OK\r\n",       "HTTP/1.1 204 No Content\r\n",
                                         "HTTP/1.1 304 Not\r\n",      "HTTP/1.0 200 OK\r\n",
                                         "HTTP/1.1 404\r\n",          "HTTP/1.1 500 \r\n",
                                         "HTTP/1.1 100 Continue\r\n", "HTTP/1.1 101 Switch\r\n"};

    put(s, PICK(rng, starts));
    put_fields(rng, s);
    bool chunked = put_framing(rng, s);
    put_fields(rng, s);
    put(s, "\r\n");
    put_body(rng, s, chunked);
    put(s, "HTTP/1.1 200 OK\r\n");
}

static void mutate(struct rng *rng, struct stream *s)
{
    static const char bytes[] = "\0\r\n \t:,;/?#@[]=\"\\\x01\x0b\x7f\x80\xff"
                                "0159aAxX-_.";
    size_t at = rng_below(rng, s->len), n = 1 + rng_below(rng, 8);
    char byte = bytes[rng_below(rng, sizeof(bytes) - 1)];

    switch (rng_below(rng, 5)) {
    case 0:
        s->data[at] = byte;
        break;
    case 1:
        s->data[at] = (char)(s->data[at] ^ 1 << rng_below(rng, 8));
        break;
    case 2: /* one more */
        s->len = MIN(s->len + 1, sizeof(s->data));
        memmove(s->data + at + 1, s->data + at, s->len - at - 1);
        s->data[at] = byte;
        break;
    case 3: /* some fewer */
        n = MIN(n, s->len - at);
        memmove(s->data + at, s->data + at + n, s->len - at - n);
        s->len = MAX(s->len - n, (size_t)1);
        break;
    default: { /* some from elsewhere */
        size_t from = rng_below(rng, s->len);
        n = MIN(n, s->len - MAX(at, from));
        memmove(s->data + at, s->data + from, n);
    }
    }
}

static void print_stream(const struct stream *s)
{
    printf("# ");
    for (size_t i = 0; i < s->len; i++)
        printf(s->data[i] >= ' ' && s->data[i] < 127 ? "%c" : "\\x%02x", (unsigned char)s->data[i]);
    printf("\n");
}

static void compare_at_random(bool is_request, uint64_t seed)
{
    static const enum http1_method methods[] = {HTTP1_GET, HTTP1_HEAD, HTTP1_POST};
    const char *more = getenv("HTTP1_PEER_ROUNDS");
    int rounds = more ? atoi(more) : ROUNDS;
    size_t count[PEER_DIFFERS + 1] = {0};
    struct rng rng = {seed};

    for (int round = 0; round < rounds; round++) {
        enum http1_method method = PICK(&rng, methods);
        struct stream s = {.len = 0};
        char why[512];

        if (is_request)
            make_request(&rng, &s);
        else
            make_response(&rng, &s);
        for (uint64_t n = rng_below(&rng, 3); n > 0; n--)
            mutate(&rng, &s);
        enum peer_verdict v = peer_compare(is_request, method, s.data, s.len, why);
        count[v]++;
        if (v == PEER_DIFFERS)
            print_stream(&s);
        ck_assert_msg(v != PEER_DIFFERS, "round %d: %s", round, why);
    }
    printf("# %d streams: %zu accepted by both alike, %zu exceptions, %zu refused by lb\n", rounds,
           count[PEER_AGREES], count[PEER_EXCEPTION], count[PEER_REFUSED]);
    ck_assert_uint_gt(count[PEER_AGREES], (size_t)rounds / 10);
}

START_TEST(requests_are_read_as_the_other_parser_reads_them)
{
    compare_at_random(true, 20261120);
}
END_TEST

START_TEST(responses_are_read_as_the_other_parser_reads_them)
{
    compare_at_random(false, 20261121);
}
END_TEST

int main(void)
{
    static const struct test_row rows[] = {
        {"what lb accepts of requests, libhttp-parser reads alike",
         &requests_are_read_as_the_other_parser_reads_them},
        {"what lb accepts of responses, libhttp-parser reads alike",
         &responses_are_read_as_the_other_parser_reads_them},
    };
    return suite_main("http1_peer", rows, ARRAY_LEN(rows));
}
