/*
 * The parser's second half: what the fields mean for the message: framing, persistence, Host.
 */
#include "common/base/macro.h"
#include "lb/core/http1_internal.h"

#include <string.h>

static enum http1_result fail(struct http1_head *h, enum http1_result why, size_t at)
{
    h->error_at = (uint16_t)at;
    return why;
}

const struct http1_field *http1_next(const struct http1_head *h, const struct http1_field *f)
{
    const struct http1_field *end = h->fields + h->n_fields;
    uint8_t id = f->id;

    for (f++; f < end; f++)
        if (f->id == id)
            return f;
    return NULL;
}

static bool same_name(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char x = a[i], y = b[i];

        if (x == y)
            continue;
        if ((x ^ y) != 0x20 || (x | 0x20) < 'a' || (x | 0x20) > 'z')
            return false;
    }
    return true;
}

int http1_find(const struct http1_head *h, const char *buf, const char *name, size_t len, int from)
{
    for (int i = from; i < h->n_fields; i++)
        if (h->fields[i].name.len == len && same_name(buf + h->fields[i].name.at, name, len))
            return i;
    return -1;
}

bool http1_list_next(const char *value, size_t len, size_t *at, const char **item, size_t *item_len)
{
    size_t i = *at;

    while (i < len && (value[i] == ',' || value[i] == ' ' || value[i] == '\t'))
        i++;
    if (i >= len)
        return false;
    const char *comma = memchr(value + i, ',', len - i);
    size_t end = comma ? (size_t)(comma - value) : len;
    *at = end;
    while (value[end - 1] == ' ' || value[end - 1] == '\t')
        end--;
    *item = value + i;
    *item_len = end - i;
    return true;
}

/* ---- Content-Length and Transfer-Encoding ---- */

/* One or more digits, below 2^63. */
static bool parse_length(const char *text, size_t len, uint64_t *out)
{
    uint64_t n = 0;

    if (len == 0)
        return false;
    for (size_t i = 0; i < len; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');

        if (text[i] < '0' || text[i] > '9' || n > (INT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *out = n;
    return true;
}

/* A tab beside the value is white space by the grammar, but not to every recipient, and then the
 * field is another one. Where it frames the message, that is not left to chance. */
static bool has_tab(const char *buf, const struct http1_field *f)
{
    size_t at = (size_t)f->name.at + f->name.len;

    return memchr(buf + at, '\t', f[1].name.at - at);
}

static enum http1_result read_lengths(const char *buf, struct http1_head *h)
{
    const struct http1_field *first = http1_first(h, HTTP1_NAME_CONTENT_LENGTH);

    if (!first)
        return HTTP1_COMPLETE;
    for (const struct http1_field *f = first; f; f = http1_next(h, f)) {
        uint64_t n;

        if (!parse_length(buf + f->value.at, f->value.len, &n) || has_tab(buf, f))
            return fail(h, HTTP1_BAD_LENGTH, f->value.at);
        if (f != first && n != h->content_length)
            return fail(h, HTTP1_BAD_LENGTH_DIFFERS, f->value.at);
        h->content_length = n;
        h->fields[f - h->fields].drop = f != first;
    }
    return HTTP1_COMPLETE;
}

/* RFC 9112 sections 6.1 and 6.3: only what nobody can read in another way. */
static enum http1_result read_coding(const char *buf, struct http1_head *h, bool *chunked)
{
    const struct http1_field *f = http1_first(h, HTTP1_NAME_TRANSFER_ENCODING);

    *chunked = f != NULL;
    if (!f)
        return HTTP1_COMPLETE;
    if (h->minor == 0)
        return fail(h, HTTP1_BAD_CODING_VERSION, f->name.at);
    if (!http1_word_is(buf + f->value.at, f->value.len, "chunked") || has_tab(buf, f) ||
        http1_next(h, f))
        return fail(h, HTTP1_BAD_CODING, f->name.at);
    if (http1_first(h, HTTP1_NAME_CONTENT_LENGTH))
        return fail(h, HTTP1_BAD_LENGTH_AND_CODING, f->name.at);
    return HTTP1_COMPLETE;
}

static void drop_all(struct http1_head *h, enum http1_name id)
{
    for (const struct http1_field *f = http1_first(h, id); f; f = http1_next(h, f))
        h->fields[f - h->fields].drop = true;
}

static void drop_framing(struct http1_head *h)
{
    drop_all(h, HTTP1_NAME_CONTENT_LENGTH);
    drop_all(h, HTTP1_NAME_TRANSFER_ENCODING);
    h->content_length = 0;
}

/* ---- Connection ---- */

struct options {
    unsigned count;
    bool close, keep_alive, upgrade;
};

static void mark_named(struct http1_head *h, const char *buf, const char *name, size_t len)
{
    if (http1_name_id(name, len) != HTTP1_NAME_OTHER)
        return;
    for (int i = http1_find(h, buf, name, len, 0); i >= 0; i = http1_find(h, buf, name, len, i + 1))
        h->fields[i].drop = true;
}

static enum http1_result read_options(const char *buf, struct http1_head *h, struct options *o)
{
    const struct http1_field *f = http1_first(h, HTTP1_NAME_CONNECTION);

    for (; f; f = http1_next(h, f)) {
        const char *item;
        size_t at = 0, len;

        while (http1_list_next(buf + f->value.at, f->value.len, &at, &item, &len)) {
            if (++o->count > HTTP1_CONN_TOKEN_MAX)
                return fail(h, HTTP1_BAD_CONNECTION, f->name.at);
            if (http1_word_is(item, len, "keep-alive"))
                o->keep_alive = true;
            else if (http1_word_is(item, len, "close"))
                o->close = true;
            else if (http1_word_is(item, len, "upgrade"))
                o->upgrade = true;
            else
                mark_named(h, buf, item, len);
        }
    }
    return HTTP1_COMPLETE;
}

/* True if the list in any field with this id has the word. */
static bool list_has(const char *buf, const struct http1_head *h, enum http1_name id,
                     const char *word)
{
    for (const struct http1_field *f = http1_first(h, id); f; f = http1_next(h, f)) {
        const char *item;
        size_t at = 0, len;

        while (http1_list_next(buf + f->value.at, f->value.len, &at, &item, &len))
            if (http1_word_is(item, len, word))
                return true;
    }
    return false;
}

/* The Upgrade field names a protocol, and none of them is h2c: that would be a tunnel through which
 * requests pass that nobody here reads. */
static bool names_protocol(const char *buf, const struct http1_head *h)
{
    const struct http1_field *f = http1_first(h, HTTP1_NAME_UPGRADE);
    bool any = false;

    for (; f; f = http1_next(h, f)) {
        const char *item;
        size_t at = 0, len;

        while (http1_list_next(buf + f->value.at, f->value.len, &at, &item, &len)) {
            if (http1_word_is(item, len, "h2c"))
                return false;
            any = true;
        }
    }
    return any;
}

static enum http1_result read_connection(const char *buf, struct http1_head *h)
{
    struct options o = {0};
    enum http1_result got = read_options(buf, h, &o);

    h->close = o.close;
    h->keep_alive = !o.close && (h->minor == 1 || o.keep_alive);
    h->upgrade = o.upgrade && h->minor == 1 && names_protocol(buf, h);
    return got;
}

/* ---- Host ---- */

bool http1_host_split(const char *text, size_t len, size_t *host_len)
{
    size_t i = 0;

    if (len && text[0] == '[') {
        for (i = 1; i < len && http1_in(text[i], HTTP1_IN_LITERAL);)
            i++;
        if (i < 2 || i >= len || text[i] != ']')
            return false;
        i++;
    } else {
        while (i < len && http1_in(text[i], HTTP1_IN_HOST))
            i++;
    }
    *host_len = i;
    if (i == len)
        return true;
    if (text[i] != ':' || i == 0 || len - i > sizeof(":65535") - 1)
        return false;
    for (i++; i < len; i++)
        if (text[i] < '0' || text[i] > '9')
            return false;
    return true;
}

struct host {
    const char *text;
    size_t len;
    const char *port;
    size_t port_len;
};

static bool read_host(const char *buf, struct http1_span s, struct host *out)
{
    const char *text = buf + s.at;

    out->text = text;
    if (!http1_host_split(text, s.len, &out->len))
        return false;
    size_t skip = MIN(out->len + 1, (size_t)s.len);
    out->port = text + skip;
    out->port_len = s.len - skip;
    return true;
}

/* The port that need not be written: that of the scheme. */
static void default_port(const char *buf, const struct http1_head *h, struct host *x)
{
    const char *scheme = buf + h->target.at;
    size_t len = (size_t)(h->authority.at - h->target.at) - (sizeof("://") - 1);

    if (x->port_len)
        return;
    x->port = http1_word_is(scheme, len, "http")    ? "80"
              : http1_word_is(scheme, len, "https") ? "443"
                                                    : "";
    x->port_len = strlen(x->port);
}

static enum http1_result match_host(const char *buf, struct http1_head *h, struct host *host)
{
    struct host target;

    if (!read_host(buf, h->authority, &target))
        return fail(h, HTTP1_BAD_HOST, h->authority.at);
    if (h->method == HTTP1_CONNECT) {
        if (!target.port_len || !target.len)
            return fail(h, HTTP1_BAD_TARGET, h->target.at);
        if (host && !host->port_len)
            host->port = target.port, host->port_len = target.port_len;
    } else if (host) {
        default_port(buf, h, host);
        default_port(buf, h, &target);
    }
    if (host &&
        (host->len != target.len || !same_name(host->text, target.text, host->len) ||
         host->port_len != target.port_len || memcmp(host->port, target.port, host->port_len) != 0))
        return fail(h, HTTP1_BAD_HOST_DIFFERS, h->authority.at);
    return HTTP1_COMPLETE;
}

/* RFC 9112 section 3.2. */
static enum http1_result check_host(const char *buf, struct http1_head *h)
{
    const struct http1_field *f = http1_first(h, HTTP1_NAME_HOST);
    struct host host;

    if (!f && h->minor == 1)
        return fail(h, HTTP1_BAD_HOST_MISSING, h->end);
    if (f && http1_next(h, f))
        return fail(h, HTTP1_BAD_HOST_SEVERAL, http1_next(h, f)->name.at);
    if (f && !read_host(buf, f->value, &host))
        return fail(h, HTTP1_BAD_HOST, f->value.at);
    return h->authority.len ? match_host(buf, h, f ? &host : NULL) : HTTP1_COMPLETE;
}

/* ---- messages ---- */

enum http1_result http1_meaning_request(const char *buf, struct http1_head *h)
{
    bool chunked;
    enum http1_result got = check_host(buf, h);

    if (got == HTTP1_COMPLETE)
        got = read_coding(buf, h, &chunked);
    if (got == HTTP1_COMPLETE)
        got = read_lengths(buf, h);
    if (got == HTTP1_COMPLETE)
        got = read_connection(buf, h);
    if (got != HTTP1_COMPLETE)
        return got;
    if (chunked)
        h->body = HTTP1_BODY_CHUNKED;
    else if (h->content_length)
        h->body = HTTP1_BODY_LENGTH;
    if (h->method == HTTP1_CONNECT && h->body != HTTP1_BODY_NONE)
        return fail(h, HTTP1_BAD_CONNECT_BODY, h->start);
    h->expect_continue = h->minor == 1 && list_has(buf, h, HTTP1_NAME_EXPECT, "100-continue");
    h->te_trailers = list_has(buf, h, HTTP1_NAME_TE, "trailers");
    return HTTP1_COMPLETE;
}

enum http1_result http1_meaning_response(const char *buf, struct http1_head *h)
{
    bool chunked;
    bool tunnel =
        h->status == 101 || (h->method == HTTP1_CONNECT && h->status >= 200 && h->status < 300);
    bool has_length = http1_first(h, HTTP1_NAME_CONTENT_LENGTH) != NULL;
    enum http1_result got = read_coding(buf, h, &chunked);

    if (got == HTTP1_COMPLETE)
        got = read_lengths(buf, h);
    if (got == HTTP1_COMPLETE)
        got = read_connection(buf, h);
    if (got != HTTP1_COMPLETE)
        return got;
    if (tunnel || h->status < 200 || h->status == 204) {
        drop_framing(h);
        h->body = tunnel ? HTTP1_BODY_TUNNEL : HTTP1_BODY_NONE;
    } else if (h->method == HTTP1_HEAD || h->status == 304) {
        h->body = HTTP1_BODY_NONE;
    } else if (chunked) {
        h->body = HTTP1_BODY_CHUNKED;
    } else if (has_length) {
        h->body = h->content_length ? HTTP1_BODY_LENGTH : HTTP1_BODY_NONE;
    } else {
        h->body = HTTP1_BODY_CLOSE;
        h->keep_alive = false;
    }
    return HTTP1_COMPLETE;
}
