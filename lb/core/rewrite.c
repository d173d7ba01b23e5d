/*
 * Patches are kept as they come; the result is made in one pass over them in order of place.
 *
 * Of two patches at one place the one made first comes first, and what lies inside a range that an
 * earlier patch took out is passed over. Texts made one after the other that end up side by side
 * become one iovec entry.
 */
#include "lb/core/rewrite.h"

#include "common/base/macro.h"
#include "lb/core/http1_internal.h"

#include <string.h>

#define TAIL_LEN 2 /* the empty line, kept in reserve behind the texts */

static bool refuse(struct rewrite *r)
{
    r->lost = true;
    return false;
}

static size_t line_end(const struct http1_head *h, size_t field)
{
    return h->fields[field + 1].name.at;
}

void rewrite_init(struct rewrite *r, const char *buf, const struct http1_head *head, char *text,
                  size_t text_cap)
{
    r->buf = buf;
    r->head = head;
    r->text = text;
    r->text_len = 0;
    r->text_cap =
        (uint16_t)(text_cap < TAIL_LEN ? 0 : MIN(text_cap, (size_t)UINT16_MAX) - TAIL_LEN);
    r->n_patches = 0;
    r->lost = text_cap < TAIL_LEN;
    if (buf[head->version.at + head->version.len - 1] != '0' + head->minor)
        rewrite_span(r, head->version, "HTTP/1.1", sizeof("HTTP/1.1") - 1);
    for (size_t i = 0; i < head->n_fields; i++)
        if (head->fields[i].drop)
            rewrite_remove(r, i);
}

/* Room for `len` bytes of text; NULL if there is none. */
static char *text_room(struct rewrite *r, size_t len)
{
    if (len > (size_t)(r->text_cap - r->text_len)) {
        r->lost = true;
        return NULL;
    }
    char *p = r->text + r->text_len;
    r->text_len = (uint16_t)(r->text_len + len);
    return p;
}

/* Keeps the list in order of `at`: nearly every patch belongs at the end of it. */
static bool patch(struct rewrite *r, size_t at, size_t end, const char *text, size_t len)
{
    struct rewrite_patch new = {(uint16_t)at, (uint16_t)end, (uint16_t)(text ? text - r->text : 0),
                                (uint16_t)len};
    size_t i = r->n_patches;

    while (i > 0 && r->patches[i - 1].at > at)
        i--;
    if (i > 0 && at < end && r->patches[i - 1].at == at && r->patches[i - 1].end == end) {
        r->patches[i - 1] = new;
        return true;
    }
    if (r->n_patches == REWRITE_PATCHES_MAX)
        return refuse(r);
    memmove(&r->patches[i + 1], &r->patches[i], (r->n_patches - i) * sizeof(new));
    r->patches[i] = new;
    r->n_patches++;
    return true;
}

static bool patch_text(struct rewrite *r, size_t at, size_t end, const char *text, size_t len)
{
    if (!http1_is_value(text, len))
        return refuse(r);
    char *p = text_room(r, len);
    if (!p)
        return false;
    memcpy(p, text, len);
    return patch(r, at, end, p, len);
}

bool rewrite_remove(struct rewrite *r, size_t field)
{
    if (field >= r->head->n_fields)
        return refuse(r);
    return patch(r, r->head->fields[field].name.at, line_end(r->head, field), NULL, 0);
}

bool rewrite_span(struct rewrite *r, struct http1_span s, const char *text, size_t len)
{
    return patch_text(r, s.at, (size_t)s.at + s.len, text, len);
}

bool rewrite_target(struct rewrite *r, const char *target, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!http1_in(target[i], HTTP1_IN_TARGET))
            return refuse(r);
    return len ? rewrite_span(r, r->head->target, target, len) : refuse(r);
}

bool rewrite_value(struct rewrite *r, size_t field, const char *value, size_t len)
{
    if (field >= r->head->n_fields)
        return refuse(r);
    return rewrite_span(r, r->head->fields[field].value, value, len);
}

bool rewrite_cut(struct rewrite *r, size_t at, size_t end)
{
    if (at > end || end > r->head->end || !http1_is_value(r->buf + at, end - at))
        return refuse(r);
    return patch(r, at, end, NULL, 0);
}

bool rewrite_insert(struct rewrite *r, size_t at, const char *text, size_t len)
{
    if (at > r->head->end)
        return refuse(r);
    return patch_text(r, at, at, text, len);
}

static char *append(char *p, const char *text, size_t len)
{
    memcpy(p, text, len);
    return p + len;
}

bool rewrite_add_parts(struct rewrite *r, const char *name, size_t name_len,
                       const struct iovec *parts, size_t n)
{
    size_t len = name_len + sizeof(": \r\n") - 1;

    if (!http1_is_token(name, name_len))
        return refuse(r);
    for (size_t i = 0; i < n; i++) {
        if (parts[i].iov_len > UINT16_MAX || !http1_is_value(parts[i].iov_base, parts[i].iov_len))
            return refuse(r);
        len += parts[i].iov_len;
    }
    char *line = text_room(r, len), *p = line;
    if (!line)
        return false;
    p = append(p, name, name_len);
    p = append(p, ": ", 2);
    for (size_t i = 0; i < n; i++)
        p = append(p, parts[i].iov_base, parts[i].iov_len);
    append(p, "\r\n", 2);
    return patch(r, r->head->end, r->head->end, line, len);
}

bool rewrite_add(struct rewrite *r, const char *name, size_t name_len, const char *value,
                 size_t len)
{
    return rewrite_add_parts(r, name, name_len, &(struct iovec){(void *)value, len}, 1);
}

/* ---- connection-level fields ---- */

static void remove_all(struct rewrite *r, enum http1_name id)
{
    const struct http1_head *h = r->head;

    for (const struct http1_field *f = http1_first(h, id); f; f = http1_next(h, f))
        rewrite_remove(r, (size_t)(f - h->fields));
}

bool rewrite_connection(struct rewrite *r, enum rewrite_say say)
{
    /* Without and with "te", which has to stand here if there is a TE (RFC 9110 section 10.1.4). */
    /* Without and with "te", which has to stand here if there is a TE (RFC 9110 section 10.1.4). */
    static const char *const texts[][2] = {
        {"", "te"}, /* in the order of enum rewrite_say */
        {"close", "close, te"},
        {"keep-alive", "keep-alive, te"},
        {"upgrade", "upgrade, te"},
    };
    const char *text = texts[say][r->head->te_trailers];

    remove_all(r, HTTP1_NAME_CONNECTION);
    remove_all(r, HTTP1_NAME_KEEP_ALIVE);
    remove_all(r, HTTP1_NAME_PROXY_CONNECTION);
    remove_all(r, HTTP1_NAME_HTTP2_SETTINGS);
    remove_all(r, HTTP1_NAME_TE);
    if (say != REWRITE_SAY_UPGRADE)
        remove_all(r, HTTP1_NAME_UPGRADE);
    if (r->head->te_trailers)
        rewrite_add(r, "te", 2, "trailers", sizeof("trailers") - 1);
    if (text[0])
        rewrite_add(r, "connection", sizeof("connection") - 1, text, strlen(text));
    return !r->lost;
}

/* ---- result ---- */

struct sink {
    struct iovec *iov;
    size_t n, max;
    bool full;
};

static void emit(struct sink *s, const char *from, size_t len)
{
    if (len == 0)
        return;
    if (s->n) {
        struct iovec *last = &s->iov[s->n - 1];

        if ((const char *)last->iov_base + last->iov_len == from) {
            last->iov_len += len;
            return;
        }
    }
    if (s->n == s->max) {
        s->full = true;
        return;
    }
    s->iov[s->n++] = (struct iovec){(void *)from, len};
}

size_t rewrite_iov(struct rewrite *r, struct iovec *iov, size_t max)
{
    struct sink s = {.iov = iov, .max = max};
    const struct http1_head *h = r->head;
    size_t at = h->start;

    if (r->lost)
        return 0;
    for (size_t i = 0; i < r->n_patches; i++) {
        const struct rewrite_patch *p = &r->patches[i];

        if (p->at < at) { /* lies in what is taken out, or reaches beyond it */
            at = MAX(at, (size_t)p->end);
            continue;
        }
        emit(&s, r->buf + at, p->at - at);
        emit(&s, r->text + p->text_at, p->text_len);
        at = p->end;
    }
    const struct iovec *last = s.n ? &s.iov[s.n - 1] : NULL;
    char *tail = r->text + r->text_len;

    if (at == h->end && last && (char *)last->iov_base + last->iov_len == tail) {
        /* The last line is an added one: the empty line goes into the same entry. */
        memcpy(tail, "\r\n", TAIL_LEN);
        emit(&s, tail, TAIL_LEN);
    } else {
        emit(&s, r->buf + at, h->len - at);
    }
    return s.full ? 0 : s.n;
}

size_t rewrite_flat(struct rewrite *r, char *out, size_t cap)
{
    struct iovec iov[REWRITE_IOV_MAX];
    size_t n = rewrite_iov(r, iov, REWRITE_IOV_MAX), len = 0;

    for (size_t i = 0; i < n; i++) {
        if (iov[i].iov_len > cap - len)
            return 0;
        memcpy(out + len, iov[i].iov_base, iov[i].iov_len);
        len += iov[i].iov_len;
    }
    return len;
}
