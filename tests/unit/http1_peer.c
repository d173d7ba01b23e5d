/*
 * The rule: what lb accepts, the other accepts too, and reads in the same way: method, target,
 * version, status, names and values, framing, persistence, upgrade, and where the body ends.
 *
 * Where the other refuses what lb accepts, it is one of these:
 *
 *     a method that it does not know (it has a list; to us any token is a method)
 *     two Content-Lengths with the same number (RFC 9110 section 8.6 lets us merge them)
 *     an absolute target whose scheme has a digit, '+', '-' or '.' in it (RFC 3986 section 3.1), or
 *     whose authority has sub-delims in it (section 3.2.2)
 *     a name that goes on behind "Transfer-Encoding", which it takes for that field
 *
 * and where it reads another thing: it takes h2c for an upgrade like any other, and
 * Proxy-Connection for Connection, has upgrades in HTTP/1.0, lets keep-alive win over close there,
 * and does not know a Connection option with a tab behind it.
 */
#include "tests/unit/http1_peer.h"

#include "common/base/macro.h"
#include "lb/core/chunked.h"

#include <http_parser.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- one reading of a message; texts lie in the stream ---- */

struct text {
    const char *at;
    size_t len;
};

struct reading {
    struct text target;
    struct text names[HTTP1_FIELDS_MAX + 1], values[HTTP1_FIELDS_MAX + 1];
    size_t n_fields;
    bool in_value, head_done, done, skip_body;
    bool chunked, keep_alive, upgrade;
    uint64_t length;
    size_t body;
    const char *end; /* of the message */
};

static void extend(struct text *t, const char *at, size_t len)
{
    if (!t->at)
        t->at = at;
    t->len = (size_t)(at + len - t->at);
}

static int on_url(http_parser *p, const char *at, size_t len)
{
    struct reading *r = p->data;
    extend(&r->target, at, len);
    return 0;
}

static int on_field(http_parser *p, const char *at, size_t len)
{
    struct reading *r = p->data;

    if (r->head_done)
        return 0; /* a trailer */
    if (r->in_value)
        r->n_fields++;
    r->in_value = false;
    if (r->n_fields == HTTP1_FIELDS_MAX)
        return 1;
    extend(&r->names[r->n_fields], at, len);
    return 0;
}

static int on_value(http_parser *p, const char *at, size_t len)
{
    struct reading *r = p->data;

    if (r->head_done)
        return 0;
    r->in_value = true;
    extend(&r->values[r->n_fields], at, len);
    return 0;
}

static int on_head(http_parser *p)
{
    struct reading *r = p->data;

    if (r->in_value)
        r->n_fields++;
    r->head_done = true;
    r->chunked = p->flags & F_CHUNKED;
    r->length = p->content_length == UINT64_MAX ? 0 : p->content_length;
    r->upgrade = p->upgrade;
    /* Which responses have no body is the caller's to say. */
    return r->skip_body ||
           (p->type == HTTP_RESPONSE &&
            (p->status_code < 200 || p->status_code == 204 || p->status_code == 304));
}

static int on_body(http_parser *p, const char *at, size_t len)
{
    struct reading *r = p->data;
    r->body += len;
    return 0;
}

static int on_done(http_parser *p)
{
    struct reading *r = p->data;

    r->done = true;
    r->keep_alive = http_should_keep_alive(p);
    http_parser_pause(p, 1);
    return 0;
}

static unsigned peer_read(bool is_request, enum http1_method method, const char *data, size_t len,
                          http_parser *p, struct reading *r)
{
    static const http_parser_settings settings = {
        .on_url = on_url,
        .on_header_field = on_field,
        .on_header_value = on_value,
        .on_headers_complete = on_head,
        .on_body = on_body,
        .on_message_complete = on_done,
    };

    memset(r, 0, sizeof(*r));
    r->skip_body = method == HTTP1_HEAD && !is_request;
    http_parser_init(p, is_request ? HTTP_REQUEST : HTTP_RESPONSE);
    p->data = r;
    size_t n = http_parser_execute(p, &settings, data, len);
    r->end = data + n;
    if (!r->done && HTTP_PARSER_ERRNO(p) == HPE_OK && n == len)
        http_parser_execute(p, &settings, data + len, 0); /* the sender closes */
    return r->done ? HPE_OK : HTTP_PARSER_ERRNO(p);
}

/* ---- comparison ---- */

struct comparison {
    const char *data;
    size_t len;
    const struct http1_head *head;
    const http_parser *peer;
    const struct reading *r;
    char *why;
};

static bool differ(struct comparison *c, const char *fmt, ...) printf_like(2, 3);
static bool differ(struct comparison *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(c->why, 512, fmt, ap);
    va_end(ap);
    return false;
}

static bool same_text(const struct comparison *c, struct http1_span a, struct text b)
{
    while (b.len && (b.at[b.len - 1] == ' ' || b.at[b.len - 1] == '\t'))
        b.len--;
    return a.len == b.len && memcmp(c->data + a.at, b.at, b.len) == 0;
}

static bool same_fields(struct comparison *c)
{
    if (c->r->n_fields != c->head->n_fields)
        return differ(c, "%u fields, not %zu", c->head->n_fields, c->r->n_fields);
    for (size_t i = 0; i < c->r->n_fields; i++)
        if (!same_text(c, c->head->fields[i].name, c->r->names[i]) ||
            !same_text(c, c->head->fields[i].value, c->r->values[i]))
            return differ(c, "field %zu: '%.*s: %.*s'", i, (int)c->r->names[i].len,
                          c->r->names[i].at, (int)c->r->values[i].len, c->r->values[i].at);
    return true;
}

static bool same_start(struct comparison *c, bool is_request)
{
    const struct http1_head *h = c->head;

    if (c->peer->http_major != 1 || (c->peer->http_minor > 0) != h->minor)
        return differ(c, "version %u.%u", c->peer->http_major, c->peer->http_minor);
    if (!is_request)
        return c->peer->status_code == h->status || differ(c, "status %u", c->peer->status_code);
    const char *method = http_method_str((enum http_method)c->peer->method);
    if (!same_text(c, h->method_name, (struct text){method, strlen(method)}))
        return differ(c, "method %s", method);
    return same_text(c, h->target, c->r->target) ||
           differ(c, "target '%.*s'", (int)c->r->target.len, c->r->target.at);
}

static bool has_tab_behind(const struct comparison *c, enum http1_name id)
{
    const struct http1_field *f = http1_first(c->head, id);

    for (; f; f = http1_next(c->head, f)) {
        size_t end = (size_t)f->value.at + f->value.len;
        if (memchr(c->data + end, '\t', f[1].name.at - end))
            return true;
    }
    return false;
}

/* Connection fields that the other reads as they are meant: it knows three options, and an element
 * that begins like one of them, is empty, or has a tab beside it, may hide the next. */
static bool has_plain_connection(const struct comparison *c)
{
    const struct http1_field *f = http1_first(c->head, HTTP1_NAME_CONNECTION);

    for (; f; f = http1_next(c->head, f)) {
        const char *v = c->data + f->value.at, *item;
        size_t at = 0, len, sum = 0;

        while (http1_list_next(v, f->value.len, &at, &item, &len)) {
            if (!http1_word_is(item, len, "close") && !http1_word_is(item, len, "keep-alive") &&
                !http1_word_is(item, len, "upgrade"))
                return false;
            sum += len + 1;
        }
        for (at = 0; at < f->value.len; at++)
            sum += v[at] == ' ';
        if (sum != f->value.len + 1u)
            return false;
    }
    return !has_tab_behind(c, HTTP1_NAME_CONNECTION);
}

/* What the fields that the parser marked to be dropped would mean is no matter. */
static bool same_meaning(struct comparison *c, bool is_request)
{
    const struct http1_head *h = c->head;
    bool dropped =
        !is_request && (h->body == HTTP1_BODY_TUNNEL || h->status < 200 || h->status == 204);
    bool h2c = http1_first(h, HTTP1_NAME_UPGRADE) && !h->upgrade;

    if (!dropped && h->content_length != c->r->length)
        return differ(c, "length %llu", (unsigned long long)c->r->length);
    if (h->body == HTTP1_BODY_CHUNKED && !c->r->chunked)
        return differ(c, "not chunked");
    if (is_request && !h2c && has_plain_connection(c) &&
        (h->upgrade || h->method == HTTP1_CONNECT) != c->r->upgrade)
        return differ(c, "upgrade %d", c->r->upgrade);
    return true;
}

/* The body's end, if lb sees it in this stream; NULL if not. */
static const char *body_end(struct comparison *c, uint64_t *content)
{
    const char *body = c->data + c->head->len;
    size_t left = c->len - c->head->len, used;
    struct chunked k;

    *content = c->head->body == HTTP1_BODY_LENGTH ? c->head->content_length : 0;
    switch ((enum http1_body)c->head->body) {
    case HTTP1_BODY_NONE:
        return body;
    case HTTP1_BODY_LENGTH:
        return c->head->content_length <= left ? body + c->head->content_length : NULL;
    case HTTP1_BODY_CHUNKED:
        chunked_init(&k);
        if (chunked_follow(&k, body, left, &used) != CHUNKED_DONE)
            return NULL;
        *content = k.payload;
        return body + used;
    case HTTP1_BODY_CLOSE:
        *content = left;
        return body + left;
    case HTTP1_BODY_TUNNEL:
        break;
    }
    return NULL;
}

static bool same_body(struct comparison *c)
{
    uint64_t content;
    const char *end = body_end(c, &content);

    if (!end || c->r->upgrade)
        return true;
    if (!c->r->done)
        return differ(c, "the body does not end");
    if (c->r->end != end)
        return differ(c, "the message ends at %td, not %td", c->r->end - c->data, end - c->data);
    if (c->r->body != content)
        return differ(c, "%zu bytes of content", c->r->body);
    return c->r->keep_alive == c->head->keep_alive ||
           http1_first(c->head, HTTP1_NAME_PROXY_CONNECTION) ||
           (c->head->minor == 0 && c->head->close) || !has_plain_connection(c) ||
           differ(c, "keep-alive %d", c->r->keep_alive);
}

/* ---- exceptions ---- */

static bool is_merged(const struct http1_head *h)
{
    const struct http1_field *f = http1_first(h, HTTP1_NAME_CONTENT_LENGTH);
    return f && http1_next(h, f);
}

/* "Transfer-EncodingX" */
static bool has_longer_coding(const struct comparison *c)
{
    static const char coding[] = "transfer-encoding";

    for (size_t i = 0; i < c->head->n_fields; i++) {
        struct http1_span name = c->head->fields[i].name;
        if (name.len > sizeof(coding) - 1 &&
            http1_word_is(c->data + name.at, sizeof(coding) - 1, "transfer-encoding"))
            return true;
    }
    return false;
}

static bool is_exception(const struct comparison *c, unsigned error)
{
    const struct http1_head *h = c->head;

    switch (error) {
    case HPE_INVALID_METHOD:
        return h->method == HTTP1_OTHER;
    case HPE_UNEXPECTED_CONTENT_LENGTH:
        return is_merged(h) || has_longer_coding(c);
    case HPE_INVALID_TRANSFER_ENCODING:
        return has_longer_coding(c);
    case HPE_INVALID_URL:
        return h->authority.len > 0;
    default:
        return false;
    }
}

enum peer_verdict peer_compare(bool is_request, enum http1_method method, const char *data,
                               size_t len, char why[512])
{
    static const struct http1_limits limits = {16384, 0, HTTP1_FIELDS_MAX};
    static struct http1_head head;
    static struct reading r;
    http_parser peer;
    struct comparison c = {data, len, &head, &peer, &r, why};
    enum http1_result result = is_request
                                   ? http1_parse_request(data, len, NULL, &limits, &head)
                                   : http1_parse_response(data, len, NULL, &limits, method, &head);

    if (result != HTTP1_COMPLETE)
        return PEER_REFUSED;
    unsigned error = peer_read(is_request, method, data, len, &peer, &r);
    if (!r.head_done || (!r.done && error != HPE_OK)) {
        if (is_exception(&c, error))
            return PEER_EXCEPTION;
        uint64_t content;
        if (!r.head_done || body_end(&c, &content)) {
            differ(&c, "%s", http_errno_name((enum http_errno)error));
            return PEER_DIFFERS;
        }
    }
    return same_start(&c, is_request) && same_fields(&c) && same_meaning(&c, is_request) &&
                   same_body(&c)
               ? PEER_AGREES
               : PEER_DIFFERS;
}
