#include "tests/fuzz/http1_check.h"

#include "common/base/macro.h"
#include "lb/core/rewrite.h"

#include <stdlib.h>
#include <string.h>

#define OUT_MAX (HTTP1_HEAD_MAX + 1024)

static void must(bool holds)
{
    if (!holds)
        abort();
}

static enum http1_result parse(struct http1_kind kind, const char *data, size_t size,
                               struct http1_scan *scan, const struct http1_limits *l,
                               struct http1_head *h)
{
    return kind.is_request ? http1_parse_request(data, size, scan, l, h)
                           : http1_parse_response(data, size, scan, l, kind.method, h);
}

/* ---- splits ---- */

static void check_splits(struct http1_kind kind, const char *data, size_t size, size_t step,
                         const struct http1_limits *l, enum http1_result whole,
                         const struct http1_head *head)
{
    static struct http1_head h;
    struct http1_scan scan = {0};
    enum http1_result r = HTTP1_PARTIAL;

    for (size_t n = MIN(step, size); r == HTTP1_PARTIAL; n = MIN(n + step, size)) {
        char *copy = malloc(n ? n : 1);
        must(copy);
        memcpy(copy, data, n);
        r = parse(kind, copy, n, &scan, l, &h);
        free(copy);
        if (n == size)
            break;
    }
    must(r == whole);
    if (http1_is_bad(r))
        must(h.error_at == head->error_at && h.error_at <= size);
    if (r == HTTP1_COMPLETE)
        must(memcmp(&h, head,
                    offsetof(struct http1_head, fields) +
                        h.n_fields * sizeof(struct http1_field)) == 0);
}

/* ---- one head ---- */

static void check_span(struct http1_span s, size_t from, size_t to)
{
    must(s.len == 0 || (s.at >= from && (size_t)s.at + s.len <= to));
}

static void check_lines(const char *data, const struct http1_head *h)
{
    must(h->fields_at <= h->end && h->len == h->end + 2u);
    must(memcmp(data + h->end, "\r\n", 2) == 0);
    for (size_t i = 0; i < h->n_fields; i++) {
        const struct http1_field *f = &h->fields[i];
        size_t end = f[1].name.at;

        must(i || f->name.at == h->fields_at);
        must(f->name.len && data[f->name.at + f->name.len] == ':');
        must(memcmp(data + end - 2, "\r\n", 2) == 0);
        check_span(f->value, f->name.at + f->name.len + 1u, end - 2);
        must(http1_is_token(data + f->name.at, f->name.len));
        must(http1_is_value(data + f->value.at, f->value.len));
        must(f->id == http1_name_id(data + f->name.at, f->name.len));
    }
    must(h->fields[h->n_fields].name.at == h->end);
}

static void check_meaning(const struct http1_head *h, struct http1_kind kind)
{
    const struct http1_field *coding = http1_first(h, HTTP1_NAME_TRANSFER_ENCODING);
    const struct http1_field *length = http1_first(h, HTTP1_NAME_CONTENT_LENGTH);

    must(!(coding && length) && !(coding && h->minor == 0));
    must(!(h->close && h->keep_alive));
    must(h->body != HTTP1_BODY_LENGTH || (length && h->content_length > 0));
    must(h->body != HTTP1_BODY_CHUNKED || coding);
    if (kind.is_request) {
        must(h->body != HTTP1_BODY_CLOSE && h->body != HTTP1_BODY_TUNNEL);
        must(h->minor == 0 || http1_first(h, HTTP1_NAME_HOST));
        check_span(h->method_name, h->start, h->target.at);
        check_span(h->target, h->start, h->version.at);
        check_span(h->authority, h->target.at, h->version.at);
        check_span(h->path, h->target.at, h->version.at);
        check_span(h->query, h->target.at, h->version.at);
        must(!coding || h->body == HTTP1_BODY_CHUNKED);
    } else {
        must(h->status >= 100 && h->status <= 999);
        check_span(h->phrase, h->start, h->fields_at);
        must(kind.method != HTTP1_HEAD || h->body == HTTP1_BODY_NONE || h->status == 101);
    }
}

/* ---- what is sent on ---- */

static bool is_sent(const struct http1_field *f)
{
    switch ((enum http1_name)f->id) {
    case HTTP1_NAME_CONNECTION:
    case HTTP1_NAME_KEEP_ALIVE:
    case HTTP1_NAME_PROXY_CONNECTION:
    case HTTP1_NAME_HTTP2_SETTINGS:
    case HTTP1_NAME_UPGRADE:
    case HTTP1_NAME_TE:
        return false;
    default:
        return !f->drop;
    }
}

static bool same(const char *a, struct http1_span x, const char *b, struct http1_span y)
{
    return x.len == y.len && memcmp(a + x.at, b + y.at, x.len) == 0;
}

/* `out` says the same as `data`, in the same order, but for what ends here. */
static void check_forwarded(const char *data, const struct http1_head *h, const char *out,
                            const struct http1_head *o)
{
    size_t k = 0;

    must(same(data, h->method_name, out, o->method_name) && same(data, h->target, out, o->target));
    must(h->status == o->status && h->minor == o->minor && same(data, h->phrase, out, o->phrase));
    must(h->body == o->body && h->content_length == o->content_length);
    for (size_t i = 0; i < h->n_fields; i++) {
        if (!is_sent(&h->fields[i]))
            continue;
        must(k < o->n_fields && same(data, h->fields[i].name, out, o->fields[k].name) &&
             same(data, h->fields[i].value, out, o->fields[k].value));
        k++;
    }
    must(o->n_fields - k <= 2u + o->te_trailers);
}

static void check_rewrite(struct http1_kind kind, const char *data, const struct http1_head *h,
                          enum rewrite_say say)
{
    static const struct http1_limits all = {HTTP1_HEAD_MAX, 0, HTTP1_FIELDS_MAX};
    static char out[OUT_MAX], again[OUT_MAX], text[1024], text_again[1024];
    static struct http1_head o;
    static struct rewrite r;

    rewrite_init(&r, data, h, text, sizeof(text));
    must(rewrite_connection(&r, say) && rewrite_add(&r, "x-added", 7, "yes", 3));
    size_t len = rewrite_flat(&r, out, sizeof(out));
    must(len > 0);
    enum http1_result result = parse(kind, out, len, NULL, &all, &o);
    if (result == HTTP1_BAD_MANY_FIELDS || result == HTTP1_BAD_LONG_HEAD)
        return; /* the added lines were too many */
    must(result == HTTP1_COMPLETE && o.len == len && o.start == 0);
    check_forwarded(data, h, out, &o);
    must(say != REWRITE_SAY_CLOSE || (o.close && !o.keep_alive));
    must(say == REWRITE_SAY_CLOSE || !o.close);

    /* Sent on once more, nothing else changes. */
    rewrite_init(&r, out, &o, text_again, sizeof(text_again));
    must(rewrite_connection(&r, say));
    size_t len_again = rewrite_flat(&r, again, sizeof(again));
    must(len_again == len);
}

void http1_check(struct http1_kind kind, const char *data, size_t size, size_t step, uint32_t limit)
{
    static struct http1_head head;
    struct http1_limits l = {limit, limit % 7 ? 0 : limit / 2, (uint16_t)(limit % 200)};
    enum http1_result r;

    size = MIN(size, (size_t)HTTP1_HEAD_MAX + 100);
    r = parse(kind, data, size, NULL, &l, &head);
    check_splits(kind, data, size, step, &l, r, &head);
    must(r != HTTP1_PARTIAL || size < l.head_bytes);
    if (r != HTTP1_COMPLETE)
        return;
    must(head.len <= size && head.len <= l.head_bytes && head.n_fields <= l.fields);
    check_lines(data, &head);
    check_meaning(&head, kind);
    for (enum rewrite_say say = REWRITE_SAY_NOTHING; say <= REWRITE_SAY_KEEP_ALIVE; say++)
        check_rewrite(kind, data, &head, say);
}
