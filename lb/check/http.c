/*
 * A request and a look at the answer: its status, and what else is expected of it.
 */
#include "lb/check/talk.h"
#include "lb/core/chunked.h"
#include "lb/core/http1.h"

#include <stdio.h>
#include <string.h>

struct http {
    struct talk talk;
    struct http1_head head;
};

/* "OPTIONS /" and what goes with it. */
static void write_request(struct buf *out, const struct config_check *conf)
{
    size_t body = conf->body ? strlen(conf->body) : 0;

    buf_printf(out, "%s %s\r\n", conf->request ? conf->request : "OPTIONS /", conf->version);
    if (conf->host)
        buf_printf(out, "Host: %s\r\n", conf->host);
    for (size_t i = 0; i < conf->headers.n; i++)
        buf_printf(out, "%s\r\n", conf->headers.v[i]);
    if (body)
        buf_printf(out, "Content-Length: %zu\r\n", body);
    buf_str(out, "Connection: close\r\n\r\n");
    buf_str(out, body ? conf->body : "");
}

static bool connected(struct talk *t)
{
    struct buf request cleanup(buf_fini) = BUF_INIT(60000);

    write_request(&request, &t->check->conf);
    talk_send(t, request.data, request.len);
    if (!request.lost && !t->out.lost)
        return true;
    check_done(t->check, HEALTH_SOCKERR, 0, "the request is too long");
    return false;
}

static bool over(struct http *h, enum health_result_id id, const char *info)
{
    check_done(h->talk.check, id, h->head.status, info);
    return false;
}

static const char *phrase(struct http *h, char text[64])
{
    size_t len = h->head.phrase.len < 63 ? h->head.phrase.len : 63;

    memcpy(text, h->talk.in + h->head.phrase.at, len);
    text[len] = '\0';
    return text;
}

static bool header_fits(struct http *h, const struct expect *x)
{
    const char *in = h->talk.in;
    int i = -1;

    while ((i = http1_find(&h->head, in, x->name, strlen(x->name), i + 1)) >= 0) {
        struct http1_span v = h->head.fields[i].value;
        if (!x->text || (v.len == x->len && memcmp(in + v.at, x->text, x->len) == 0))
            return !x->negate;
    }
    return x->negate;
}

/* The body's content: chunks are put together in place. */
static size_t content(struct http *h, char **data)
{
    char *from = h->talk.in + h->head.len, *to = from;
    size_t len = h->talk.len - h->head.len, used, bytes;
    struct chunked chunked = {0};

    *data = from;
    if (h->head.body != HTTP1_BODY_CHUNKED)
        return len;
    for (size_t at = 0; at < len; at += used) {
        if (chunked_next(&chunked, from + at, len - at, &used, &bytes) > CHUNKED_DONE || !used)
            break;
        memmove(to, from + at + used - bytes, bytes);
        to += bytes;
    }
    return (size_t)(to - from);
}

static bool body_whole(const struct http *h)
{
    size_t len = h->talk.len - h->head.len;
    struct chunked chunked = {0};
    size_t used;

    if (h->talk.ended || h->talk.len == TALK_MAX || h->head.body == HTTP1_BODY_NONE)
        return true;
    if (h->head.body == HTTP1_BODY_LENGTH)
        return len >= h->head.content_length;
    return h->head.body == HTTP1_BODY_CHUNKED &&
           chunked_follow(&chunked, h->talk.in + h->head.len, len, &used) == CHUNKED_DONE;
}

static bool needs_body(const struct check *c)
{
    for (size_t i = 0; i < c->n_expects; i++)
        if (c->expects[i].what == EXPECT_STRING || c->expects[i].what == EXPECT_RSTRING)
            return true;
    return false;
}

static bool fits(struct http *h, const struct expect *x)
{
    char *data;

    switch (x->what) {
    case EXPECT_STATUS:
    case EXPECT_RSTATUS:
        return expect_status(x, h->head.status);
    case EXPECT_HEADER:
        return header_fits(h, x);
    case EXPECT_STRING:
    case EXPECT_RSTRING: {
        size_t len = content(h, &data);
        return expect_content(x, data, len);
    }
    }
    return false;
}

static bool judge(struct http *h)
{
    struct check *c = h->talk.check;
    uint16_t status = h->head.status;
    char text[64], why[128];

    if (status == 404 && c->conf.disable_on_404)
        return over(h, HEALTH_L7OKC, phrase(h, text));
    for (size_t i = 0; i < c->n_expects; i++) {
        if (fits(h, &c->expects[i]))
            continue;
        snprintf(why, sizeof(why), "%s; expected: %s", phrase(h, text), c->conf.expect.v[i]);
        return over(h, HEALTH_L7STS, why);
    }
    if (c->n_expects || (status >= 200 && status < 400))
        return over(h, HEALTH_L7OK, phrase(h, text));
    return over(h, HEALTH_L7STS, phrase(h, text));
}

static bool input(struct talk *t)
{
    struct http *h = container_of(t, struct http, talk);
    enum http1_result r =
        http1_parse_response(t->in, t->len, NULL, &HTTP1_LIMITS_DEFAULT, HTTP1_GET, &h->head);

    if (r == HTTP1_COMPLETE)
        return needs_body(t->check) && !body_whole(h) ? true : judge(h);
    if (r == HTTP1_PARTIAL && !t->ended && t->len < TALK_MAX)
        return true;
    h->head.status = 0;
    return over(h, HEALTH_L7RSP, r == HTTP1_PARTIAL ? "no whole answer" : http1_reason(r));
}

static const struct talk_ops ops = {connected, input};

static void start(struct check *c)
{
    talk_start(c, sizeof(struct http), true, &ops);
}

const struct check_kind check_http = {"http", start, talk_stop, talk_timeout};
