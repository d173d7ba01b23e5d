/*
 * The parser's first half: bytes -> lines -> table of fields.
 *
 * It goes line by line: memchr() finds the line feed, then the line is checked as a whole. So the
 * result for a head is a function of its complete lines and of the length of the rest, and can't
 * depend on how the bytes arrived. The one look at an incomplete line is at the beginning of the
 * first: what is not HTTP at all (a TLS hello, say) is answered at once and not when time is out.
 */
#include "common/base/macro.h"
#include "lb/core/http1_internal.h"

#include <string.h>

struct reader {
    const char *buf;
    size_t len;      /* bytes there */
    size_t head_max; /* limits */
    size_t line_max;
    size_t fields_max;
    size_t at; /* where the next line begins */
    struct http1_head *head;
};

static enum http1_result fail(struct http1_head *h, enum http1_result why, size_t at)
{
    h->error_at = (uint16_t)at;
    return why;
}

static struct http1_span span(size_t at, size_t end)
{
    return (struct http1_span){(uint16_t)at, (uint16_t)(end - at)};
}

static struct reader reader_start(const char *buf, size_t len, const struct http1_limits *limits,
                                  struct http1_head *head)
{
    struct reader r = {.buf = buf, .len = len, .head = head};

    r.head_max = MIN(limits->head_bytes, (size_t)HTTP1_HEAD_MAX);
    r.line_max = limits->line_bytes ? limits->line_bytes : r.head_max;
    r.fields_max = MIN(limits->fields, (size_t)HTTP1_FIELDS_MAX);
    memset(head, 0, offsetof(struct http1_head, fields));
    return r;
}

/* How far the line that begins at `at` may reach. */
static size_t line_limit(const struct reader *r, size_t at)
{
    return MIN(at + r->line_max, r->head_max);
}

/* Finds the line at r->at. With HTTP1_COMPLETE, `*end` is where its CRLF begins. */
static enum http1_result find_line(struct reader *r, size_t *end)
{
    size_t limit = line_limit(r, r->at), stop = MIN(r->len, limit);
    const char *lf = r->at < stop ? memchr(r->buf + r->at, '\n', stop - r->at) : NULL;

    if (!lf) {
        if (stop < limit)
            return HTTP1_PARTIAL;
        return fail(r->head, limit == r->head_max ? HTTP1_BAD_LONG_HEAD : HTTP1_BAD_LONG_FIELD,
                    r->at);
    }
    size_t at = (size_t)(lf - r->buf);
    if (at == r->at || lf[-1] != '\r')
        return fail(r->head, HTTP1_BAD_LINE_END, at);
    *end = at - 1;
    return HTTP1_COMPLETE;
}

/* Nothing but a line feed ends a line, so no call without a new one can tell more than the last. */
static bool nothing_new(const struct reader *r, struct http1_scan *scan)
{
    if (!scan || scan->line == 0 || scan->seen > r->len)
        return false;
    if (r->len >= line_limit(r, scan->line) ||
        memchr(r->buf + scan->seen, '\n', r->len - scan->seen))
        return false;
    scan->seen = (uint32_t)r->len;
    return true;
}

static enum http1_result partial(const struct reader *r, struct http1_scan *scan)
{
    if (scan)
        *scan = (struct http1_scan){(uint32_t)r->at, (uint32_t)r->len};
    return HTTP1_PARTIAL;
}

/* ---- fields ---- */

/* Bytes below 0x20 and 0x7f, found eight at a time. HTAB is one of them, so a hit only means that
 * the word has to be looked at byte by byte. */
static uint64_t has_control(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    uint64_t del = w ^ (ones * 0x7f);
    uint64_t below_space = (w - ones * 0x20) & ~w;
    uint64_t is_del = (del - ones) & ~del;

    return (below_space | is_del) & highs;
}

static bool value_ok(const char *p, const char *end)
{
    while (end - p >= 8) {
        uint64_t w;

        memcpy(&w, p, sizeof(w));
        if (has_control(w))
            for (int i = 0; i < 8; i++)
                if (!http1_in(p[i], HTTP1_IN_VALUE))
                    return false;
        p += 8;
    }
    for (; p < end; p++)
        if (!http1_in(*p, HTTP1_IN_VALUE))
            return false;
    return true;
}

bool http1_is_value(const char *text, size_t len)
{
    return value_ok(text, text + len);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static enum http1_result parse_field(struct http1_head *h, const char *buf, size_t at, size_t end)
{
    size_t colon = at;

    if (is_blank(buf[at]))
        return fail(h, HTTP1_BAD_FOLD, at);
    while (colon < end && http1_in(buf[colon], HTTP1_IN_TOKEN))
        colon++;
    if (colon == end || buf[colon] != ':' || colon == at)
        return fail(h, HTTP1_BAD_NAME, colon);

    size_t from = colon + 1, to = end;
    while (from < to && is_blank(buf[from]))
        from++;
    while (to > from && is_blank(buf[to - 1]))
        to--;
    if (!value_ok(buf + from, buf + to))
        return fail(h, HTTP1_BAD_VALUE, from);

    enum http1_name id = http1_name_id(buf + at, colon - at);
    struct http1_field *f = &h->fields[h->n_fields++];
    *f = (struct http1_field){span(at, colon), span(from, to), (uint8_t)id, false};
    if (!h->first[id])
        h->first[id] = (uint8_t)h->n_fields;
    return HTTP1_COMPLETE;
}

static enum http1_result parse_fields(struct reader *r, struct http1_scan *scan)
{
    struct http1_head *h = r->head;

    h->fields_at = (uint16_t)r->at;
    for (;;) {
        size_t end = 0;
        enum http1_result got = find_line(r, &end);

        if (got == HTTP1_PARTIAL)
            return partial(r, scan);
        if (got != HTTP1_COMPLETE)
            return got;
        if (end == r->at)
            break;
        if (h->n_fields == r->fields_max)
            return fail(h, HTTP1_BAD_MANY_FIELDS, r->at);
        got = parse_field(h, r->buf, r->at, end);
        if (got != HTTP1_COMPLETE)
            return got;
        r->at = end + 2;
    }
    h->end = (uint16_t)r->at;
    h->len = (uint16_t)(r->at + 2);
    h->fields[h->n_fields].name = span(r->at, r->at);
    return HTTP1_COMPLETE;
}

/* ---- start lines ---- */

/* "HTTP/1.x" at `at`; the caller has seen that there are 8 bytes. A higher minor version is read as
 * ours (RFC 9110 section 2.5). */
static enum http1_result parse_version(struct http1_head *h, const char *buf, size_t at)
{
    const char *v = buf + at;

    if (memcmp(v, "HTTP/", 5) != 0 || v[5] < '0' || v[5] > '9' || v[6] != '.' || v[7] < '0' ||
        v[7] > '9')
        return fail(h, HTTP1_BAD_VERSION, at);
    if (v[5] != '1')
        return fail(h, HTTP1_BAD_VERSION_UNKNOWN, at);
    h->minor = v[7] != '0';
    h->version = span(at, at + 8);
    return HTTP1_COMPLETE;
}

/* Where the token at `at` ends; on a byte that can't be in a method, or too many, `end` + 1. */
static size_t method_end(const char *buf, size_t at, size_t end)
{
    size_t i = at;

    while (i < end && http1_in(buf[i], HTTP1_IN_TOKEN))
        i++;
    if (i - at > HTTP1_METHOD_MAX || (i < end && (buf[i] != ' ' || i == at)))
        return end + 1;
    return i;
}

static bool is_alpha(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* "scheme://" (RFC 3986 section 3.1): where the authority behind it begins; 0 if it is not there.
 */
static size_t scheme_end(const char *buf, size_t at, size_t end)
{
    size_t i = at;

    if (!is_alpha(buf[i]))
        return 0;
    while (i < end && (is_alpha(buf[i]) || (buf[i] >= '0' && buf[i] <= '9') || buf[i] == '+' ||
                       buf[i] == '-' || buf[i] == '.'))
        i++;
    return end - i > 3 && memcmp(buf + i, "://", 3) == 0 ? i + 3 : 0;
}

/* origin-form, absolute-form, authority-form, asterisk-form (RFC 9112 section 3.2). */
static bool split_target(struct http1_head *h, const char *buf)
{
    size_t at = h->target.at, end = at + h->target.len, path = at;

    if (h->method == HTTP1_CONNECT) {
        h->authority = h->target;
        return true;
    }
    if (buf[at] == '*') {
        h->path = h->target;
        return h->method == HTTP1_OPTIONS && h->target.len == 1;
    }
    if (buf[at] != '/') {
        size_t from = scheme_end(buf, at, end);

        for (path = from; path && path < end && buf[path] != '/' && buf[path] != '?';)
            path++;
        if (path == from)
            return false;
        h->authority = span(from, path);
    }
    const char *mark = memchr(buf + path, '?', end - path);
    size_t path_end = mark ? (size_t)(mark - buf) : end;
    h->path = span(path, path_end);
    if (mark)
        h->query = span(path_end + 1, end);
    return true;
}

static enum http1_result parse_request_line(struct http1_head *h, const char *buf, size_t at,
                                            size_t end)
{
    size_t method = method_end(buf, at, end);
    if (method >= end)
        return fail(h, HTTP1_BAD_METHOD, at);
    h->method_name = span(at, method);
    h->method = (uint8_t)http1_method_id(buf + at, method - at);

    size_t from = method + 1, to = from;
    while (to < end && http1_in(buf[to], HTTP1_IN_TARGET))
        to++;
    if (to == from || (to < end && buf[to] != ' '))
        return fail(h, HTTP1_BAD_TARGET, to);
    h->target = span(from, to);
    if (end - to != sizeof(" HTTP/1.1") - 1)
        return fail(h, HTTP1_BAD_VERSION, to);
    enum http1_result got = parse_version(h, buf, to + 1);
    if (got != HTTP1_COMPLETE)
        return got;
    return split_target(h, buf) ? HTTP1_COMPLETE : fail(h, HTTP1_BAD_TARGET, from);
}

static enum http1_result parse_status_line(struct http1_head *h, const char *buf, size_t at,
                                           size_t end)
{
    const char *p = buf + at;

    if (end - at < sizeof("HTTP/1.1 200") - 1 || p[8] != ' ')
        return fail(h, HTTP1_BAD_VERSION, at);
    enum http1_result got = parse_version(h, buf, at);
    if (got != HTTP1_COMPLETE)
        return got;
    for (int i = 9; i < 12; i++) {
        if (p[i] < '0' || p[i] > '9')
            return fail(h, HTTP1_BAD_STATUS, at + 9);
        h->status = (uint16_t)(h->status * 10 + (p[i] - '0'));
    }
    if (h->status < 100 || (end - at > 12 && p[12] != ' '))
        return fail(h, HTTP1_BAD_STATUS, at + 9);
    /* Some servers leave out the space together with the phrase. */
    size_t phrase = MIN(at + 13, end);
    h->phrase = span(phrase, end);
    return value_ok(buf + phrase, buf + end) ? HTTP1_COMPLETE : fail(h, HTTP1_BAD_STATUS, phrase);
}

/* There is no good first line; but if what there is of it can't be the beginning of one, that was
 * to be seen earlier. */
static enum http1_result judge_start(const struct reader *r, enum http1_result why, bool is_request)
{
    static const char begin[] = "HTTP/";
    size_t end = why == HTTP1_BAD_LINE_END ? r->head->error_at : MIN(r->len, line_limit(r, r->at));
    const char *p = r->buf + r->at;
    size_t len = end - r->at;

    if (is_request && (len > 1 || (len == 1 && *p != '\r')) && method_end(r->buf, r->at, end) > end)
        return fail(r->head, HTTP1_BAD_METHOD, r->at);
    if (!is_request && memcmp(p, begin, MIN(len, sizeof(begin) - 1)) != 0)
        return fail(r->head, HTTP1_BAD_VERSION, r->at);
    return why == HTTP1_BAD_LONG_HEAD || why == HTTP1_BAD_LONG_FIELD ? HTTP1_BAD_LONG_START : why;
}

/* ---- messages ---- */

static enum http1_result skip_empty_lines(struct reader *r)
{
    for (int n = 0;
         MIN(r->len, line_limit(r, r->at)) >= r->at + 2 && memcmp(r->buf + r->at, "\r\n", 2) == 0;
         n++) {
        if (n == HTTP1_EMPTY_MAX)
            return fail(r->head, HTTP1_BAD_EMPTY_LINES, r->at);
        r->at += 2;
    }
    r->head->start = (uint16_t)r->at;
    return HTTP1_COMPLETE;
}

enum http1_result http1_parse_request(const char *buf, size_t len, struct http1_scan *scan,
                                      const struct http1_limits *limits, struct http1_head *head)
{
    struct reader r = reader_start(buf, len, limits, head);
    size_t end = 0;

    if (nothing_new(&r, scan))
        return HTTP1_PARTIAL;
    enum http1_result got = skip_empty_lines(&r);
    if (got != HTTP1_COMPLETE)
        return got;
    got = find_line(&r, &end);
    if (got != HTTP1_COMPLETE)
        return judge_start(&r, got, true);
    got = parse_request_line(head, buf, r.at, end);
    if (got != HTTP1_COMPLETE)
        return got;
    r.at = end + 2;
    got = parse_fields(&r, scan);
    return got == HTTP1_COMPLETE ? http1_meaning_request(buf, head) : got;
}

enum http1_result http1_parse_response(const char *buf, size_t len, struct http1_scan *scan,
                                       const struct http1_limits *limits, enum http1_method method,
                                       struct http1_head *head)
{
    struct reader r = reader_start(buf, len, limits, head);
    size_t end = 0;

    if (nothing_new(&r, scan))
        return HTTP1_PARTIAL;
    head->method = (uint8_t)method;
    enum http1_result got = find_line(&r, &end);
    if (got != HTTP1_COMPLETE)
        return judge_start(&r, got, false);
    got = parse_status_line(head, buf, r.at, end);
    if (got != HTTP1_COMPLETE)
        return got;
    r.at = end + 2;
    got = parse_fields(&r, scan);
    return got == HTTP1_COMPLETE ? http1_meaning_response(buf, head) : got;
}
