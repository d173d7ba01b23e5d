/*
 * The lines of a message are numbered: first those of the head, then the added ones. A line that is
 * gone keeps its number.
 */
#include "lb/core/message.h"

#include "common/base/macro.h"
#include "lb/core/http1_internal.h"

#include <stdio.h>

void message_init(struct message *m, const char *buf, const struct http1_head *head, bool response,
                  struct arena *keep)
{
    m->buf = buf;
    m->head = head;
    m->keep = keep;
    m->response = response;
    m->edited = m->refused = m->new_target = false;
    m->status = 0;
    m->method = m->phrase = TEXT_NONE;
    m->n_changed = m->n_added = 0;
    memset(m->gone, 0, sizeof(m->gone));
}

void message_bind(struct message *m, const char *buf, const struct http1_head *head)
{
    m->buf = buf;
    m->head = head;
}

struct message_name message_name(struct text name)
{
    return (struct message_name){name, (uint8_t)http1_name_id(name.at, name.len)};
}

static struct text span(const struct message *m, struct http1_span s)
{
    return (struct text){m->buf + s.at, s.len};
}

/* ---- looking ---- */

static bool is_gone(const struct message *m, unsigned i)
{
    return m->head->fields[i].drop || m->gone[i / 64] & ((uint64_t)1 << i % 64);
}

static struct text *new_value(const struct message *m, unsigned i)
{
    for (unsigned k = 0; k < m->n_changed; k++)
        if (m->changed[k].field == i)
            return (struct text *)&m->changed[k].value;
    return NULL;
}

static bool original(const struct message *m, unsigned i, struct message_field *out)
{
    const struct http1_field *f = &m->head->fields[i];

    if (is_gone(m, i))
        return false;
    const struct text *changed = new_value(m, i);
    *out =
        (struct message_field){span(m, f->name), changed ? *changed : span(m, f->value), f->id, i};
    return true;
}

static bool added(const struct message *m, unsigned i, struct message_field *out)
{
    const struct message_added *a = &m->added[i - m->head->n_fields];

    if (!a->value.at)
        return false;
    *out = (struct message_field){a->name, a->value, a->id, i};
    return true;
}

bool message_next(const struct message *m, unsigned *at, struct message_field *out)
{
    unsigned n = m->head->n_fields, end = n + m->n_added;

    while (*at < end) {
        unsigned i = (*at)++;
        if (i < n ? original(m, i, out) : added(m, i, out))
            return true;
    }
    return false;
}

static bool is_named(const struct message *m, unsigned i, const struct message_name *name)
{
    unsigned n = m->head->n_fields;
    uint8_t id = i < n ? m->head->fields[i].id : m->added[i - n].id;

    if (name->id || id)
        return name->id == id;
    return text_ieq(i < n ? span(m, m->head->fields[i].name) : m->added[i - n].name, name->text);
}

bool message_find(const struct message *m, const struct message_name *name, unsigned *at,
                  struct message_field *out)
{
    unsigned n = m->head->n_fields, end = n + m->n_added;

    if (name->id && *at < n) /* the parser knows where the first one is */
        *at = m->head->first[name->id] ? MAX(*at, m->head->first[name->id] - 1u) : n;
    while (*at < end) {
        unsigned i = (*at)++;
        if (is_named(m, i, name) && (i < n ? original(m, i, out) : added(m, i, out)))
            return true;
    }
    return false;
}

struct text message_method(const struct message *m)
{
    return m->method.at ? m->method : span(m, m->head->method_name);
}

unsigned message_status(const struct message *m)
{
    return m->status ? m->status : m->head->status;
}

static struct text after_authority(struct text uri, struct text *authority)
{
    size_t scheme = 0;

    *authority = (struct text){uri.at, 0};
    if (uri.len == 0 || uri.at[0] == '/' || uri.at[0] == '*')
        return uri;
    while (scheme + 3 <= uri.len && memcmp(uri.at + scheme, "://", 3) != 0)
        scheme++;
    if (scheme + 3 > uri.len)
        return text_from(uri, uri.len); /* of CONNECT: host and port */
    struct text rest = text_from(uri, scheme + 3);
    *authority = text_head(rest, MIN(text_find(rest, '/'), text_find(rest, '?')));
    return text_from(rest, authority->len);
}

static void split_target(struct text uri, struct message_target *out)
{
    struct text rest = after_authority(uri, &out->authority);
    size_t mark = text_find(rest, '?');

    out->all = uri;
    out->path = text_head(rest, mark);
    out->has_query = mark < rest.len;
    out->query = text_from(rest, mark + 1);
}

void message_target(const struct message *m, struct message_target *out)
{
    if (m->new_target) {
        *out = m->target;
        return;
    }
    const struct http1_head *h = m->head;
    *out = (struct message_target){
        .all = span(m, h->target),
        .authority = span(m, h->authority),
        .path = span(m, h->path),
        .query = span(m, h->query),
        .has_query =
            h->query.len || (h->target.len && m->buf[h->target.at + h->target.len - 1] == '?'),
    };
}

bool message_touched(const struct message *m, enum http1_name id)
{
    for (unsigned i = 0; i < m->n_added; i++)
        if (m->added[i].id == id)
            return true;
    for (unsigned i = 0; i < m->n_changed; i++)
        if (m->head->fields[m->changed[i].field].id == id)
            return true;
    return false;
}

/* ---- changing lines ---- */

static bool refuse(struct message *m)
{
    m->refused = true;
    return false;
}

static bool is_framing(enum http1_name id)
{
    static const bool framing[HTTP1_NAME_COUNT] = {
        [HTTP1_NAME_CONNECTION] = true,
        [HTTP1_NAME_KEEP_ALIVE] = true,
        [HTTP1_NAME_UPGRADE] = true,
        [HTTP1_NAME_HTTP2_SETTINGS] = true,
        [HTTP1_NAME_CONTENT_LENGTH] = true,
        [HTTP1_NAME_PROXY_CONNECTION] = true,
        [HTTP1_NAME_TE] = true,
        [HTTP1_NAME_TRANSFER_ENCODING] = true,
    };
    return framing[id];
}

bool message_is_framing(const struct message_name *name)
{
    return is_framing((enum http1_name)name->id);
}

static bool is_host(const struct message *m, uint8_t id)
{
    return id == HTTP1_NAME_HOST && !m->response;
}

/* An absolute target names the same host as the Host field (RFC 9112 section 3.2.2). */
static bool follow_host(struct message *m, struct text host)
{
    struct message_target t;
    size_t unused;

    if (!http1_host_split(host.at, host.len, &unused))
        return refuse(m);
    message_target(m, &t);
    if (!t.authority.len)
        return true;
    size_t before = (size_t)(t.authority.at - t.all.at);
    struct text after = text_from(t.all, before + t.authority.len);
    struct text uri = arena_printf(m->keep, "%.*s%.*s%.*s", (int)before, t.all.at, (int)host.len,
                                   host.at, (int)after.len, after.at);
    if (!uri.at)
        return refuse(m);
    split_target(uri, &m->target);
    return m->new_target = true;
}

static bool has(const struct message *m, const struct message_name *name)
{
    struct message_field f;
    unsigned at = 0;

    return message_find(m, name, &at, &f);
}

/* Of the lines that the message has not lost, how often a removed slot may be used again. */
static struct message_added *slot(struct message *m)
{
    if (m->n_added < MESSAGE_ADDED_MAX)
        return &m->added[m->n_added++];
    for (unsigned i = 0; i + 1 < m->n_added; i++)
        if (!m->added[i].value.at) { /* the order of the others stays */
            memmove(&m->added[i], &m->added[i + 1], (m->n_added - i - 1) * sizeof(m->added[0]));
            return &m->added[m->n_added - 1];
        }
    return m->added[m->n_added - 1].value.at ? NULL : &m->added[m->n_added - 1];
}

static struct text copy_value(struct message *m, struct text value)
{
    value = text_trim(value);
    if (!http1_is_value(value.at, value.len))
        return TEXT_NONE;
    return arena_text(m->keep, value);
}

bool message_add(struct message *m, const struct message_name *name, struct text value)
{
    if (is_framing(name->id))
        return true;
    if (!http1_is_token(name->text.at, name->text.len))
        return refuse(m);
    if (is_host(m, name->id) && (has(m, name) || !follow_host(m, text_trim(value))))
        return refuse(m);
    struct text copy = copy_value(m, value);
    struct message_added *a = copy.at ? slot(m) : NULL;
    if (!a)
        return refuse(m);
    *a = (struct message_added){name->text, copy, name->id};
    return m->edited = true;
}

bool message_set(struct message *m, const struct message_name *name, struct text value)
{
    if (is_framing(name->id))
        return true;
    struct text copy = copy_value(m, value); /* it may lie in a line that goes now */
    if (!copy.at)
        return refuse(m);
    message_remove_all(m, name);
    return message_add(m, name, copy);
}

static bool change_original(struct message *m, unsigned i, struct text value)
{
    struct text *known = new_value(m, i);

    if (!known) {
        if (m->n_changed == MESSAGE_CHANGED_MAX)
            return refuse(m);
        m->changed[m->n_changed].field = (uint8_t)i;
        known = &m->changed[m->n_changed++].value;
    }
    *known = value;
    return m->edited = true;
}

bool message_change(struct message *m, unsigned index, struct text value)
{
    unsigned n = m->head->n_fields;
    uint8_t id = index < n ? m->head->fields[index].id : m->added[index - n].id;

    if (is_framing(id))
        return true;
    if (is_host(m, id) && !follow_host(m, text_trim(value)))
        return false;
    struct text copy = copy_value(m, value);
    if (!copy.at)
        return refuse(m);
    if (index < n)
        return change_original(m, index, copy);
    m->added[index - n].value = copy;
    return true;
}

void message_remove(struct message *m, unsigned index)
{
    unsigned n = m->head->n_fields;

    m->edited = true;
    if (index >= n)
        m->added[index - n].value.at = NULL;
    else if (!is_framing(m->head->fields[index].id))
        m->gone[index / 64] |= (uint64_t)1 << index % 64;
}

void message_remove_all(struct message *m, const struct message_name *name)
{
    struct message_field f;

    for (unsigned at = 0; message_find(m, name, &at, &f);)
        message_remove(m, f.index);
}

/* ---- changing the start line ---- */

static bool frames_body(struct text method)
{
    return text_eq(method, TEXT("HEAD")) || text_eq(method, TEXT("CONNECT"));
}

bool message_set_method(struct message *m, struct text method)
{
    struct text now = message_method(m);

    if (text_eq(now, method))
        return true;
    if (method.len > HTTP1_METHOD_MAX || !http1_is_token(method.at, method.len) ||
        frames_body(method) || frames_body(now))
        return refuse(m);
    m->method = arena_text(m->keep, method);
    m->edited = true;
    return m->method.at || refuse(m);
}

/* Characters that a target can't have are written as %XX. */
static struct text to_target(struct message *m, struct text in)
{
    static const char hex[] = "0123456789ABCDEF";
    char *out = arena_bytes(m->keep, 3 * in.len + 1);
    size_t n = 0;

    if (!out)
        return TEXT_NONE;
    for (size_t i = 0; i < in.len; i++) {
        unsigned char c = (unsigned char)in.at[i];
        if (http1_in((char)c, HTTP1_IN_TARGET)) {
            out[n++] = (char)c;
        } else {
            out[n++] = '%';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        }
    }
    return (struct text){out, n};
}

/* Takes a target made of valid characters. */
static bool take_target(struct message *m, struct text uri)
{
    static const struct message_name host = {{"Host", 4}, HTTP1_NAME_HOST};
    struct message_target t, before;

    message_target(m, &before);
    if (m->response || !uri.at || uri.len == 0 || uri.len >= HTTP1_HEAD_MAX)
        return refuse(m);
    split_target(uri, &t);
    bool other_host = t.authority.len && !text_ieq(t.authority, before.authority);
    m->target = t;
    m->new_target = m->edited = true;
    return !other_host || message_set(m, &host, t.authority);
}

bool message_set_uri(struct message *m, struct text uri)
{
    uri = to_target(m, uri);
    bool origin = uri.len && (uri.at[0] == '/' || text_eq(uri, TEXT("*")));

    if (frames_body(message_method(m)) && text_eq(message_method(m), TEXT("CONNECT")))
        return refuse(m);
    for (size_t i = 0; !origin && i + 3 <= uri.len; i++)
        if (memcmp(uri.at + i, "://", 3) == 0)
            origin = i > 0;
    return origin ? take_target(m, uri) : refuse(m);
}

/* What stands in front of the path, then the two pieces. */
static bool compose(struct message *m, struct text path, struct text mark, struct text query)
{
    struct message_target t;

    message_target(m, &t);
    if (!path.at || !query.at || !t.path.at || text_eq(message_method(m), TEXT("CONNECT")))
        return refuse(m);
    size_t before = t.authority.len ? (size_t)(t.authority.at - t.all.at) + t.authority.len : 0;
    bool slash = path.len == 0 || (path.at[0] != '/' && !text_eq(path, TEXT("*")));
    return take_target(m, arena_printf(m->keep, "%.*s%s%.*s%.*s%.*s", (int)before, t.all.at,
                                       slash ? "/" : "", (int)path.len, path.at, (int)mark.len,
                                       mark.at, (int)query.len, query.at));
}

bool message_set_path(struct message *m, struct text path)
{
    struct message_target t;

    message_target(m, &t);
    return compose(m, to_target(m, path), t.has_query ? TEXT("?") : TEXT(""), t.query);
}

bool message_set_pathq(struct message *m, struct text pathq)
{
    return compose(m, to_target(m, pathq), TEXT(""), TEXT(""));
}

bool message_set_query(struct message *m, struct text query)
{
    struct message_target t;

    message_target(m, &t);
    return compose(m, t.path, query.len ? TEXT("?") : TEXT(""), to_target(m, query));
}

static bool has_no_body(unsigned status)
{
    return status < 200 || status == 204 || status == 304;
}

bool message_set_status(struct message *m, unsigned status, const char *phrase)
{
    if (!m->response || status < 100 || status > 999)
        return refuse(m);
    if (status != message_status(m) && (has_no_body(status) || has_no_body(message_status(m))))
        return refuse(m);
    m->status = (uint16_t)status;
    m->phrase = text_of(phrase ? phrase : message_phrase(status));
    m->edited = true;
    return http1_is_value(m->phrase.at, m->phrase.len) || refuse(m);
}

/* ---- the result ---- */

static bool apply_start(const struct message *m, struct rewrite *r)
{
    const struct http1_head *h = m->head;
    bool ok = true;

    if (m->method.at)
        ok &= rewrite_span(r, h->method_name, m->method.at, m->method.len);
    if (m->new_target)
        ok &= rewrite_target(r, m->target.all.at, m->target.all.len);
    if (m->status) {
        char digits[8];
        struct http1_span s = {(uint16_t)(h->version.at + h->version.len + 1), 3};
        snprintf(digits, sizeof(digits), "%u", m->status);
        ok &= rewrite_span(r, s, digits, 3);
        if (h->phrase.at > s.at)
            ok &= rewrite_span(r, h->phrase, m->phrase.at, m->phrase.len);
    }
    return ok;
}

bool message_apply(const struct message *m, struct rewrite *r)
{
    bool ok = true;

    if (!m->edited)
        return true;
    ok &= apply_start(m, r);
    for (unsigned i = 0; i < m->head->n_fields; i++)
        if (m->gone[i / 64] & ((uint64_t)1 << i % 64))
            ok &= rewrite_remove(r, i);
    for (unsigned i = 0; i < m->n_changed; i++)
        if (!is_gone(m, m->changed[i].field))
            ok &= rewrite_value(r, m->changed[i].field, m->changed[i].value.at,
                                m->changed[i].value.len);
    for (unsigned i = 0; i < m->n_added; i++) {
        const struct message_added *a = &m->added[i];
        if (a->value.at)
            ok &= rewrite_add(r, a->name.at, a->name.len, a->value.at, a->value.len);
    }
    return ok;
}
