/*
 * Fetches that look at a message's head.
 */
#include "common/base/macro.h"
#include "lb/core/hash.h"
#include "lb/core/sample_internal.h"

#include <stdio.h>

enum {
    OF_RESPONSE = 1, /* else of the request */
    WHOLE = 2,       /* a line's value is one value, commas or not */
};

static struct message *message_of(const struct expr *x, const struct eval *ev)
{
    return x->fetch->aux & OF_RESPONSE ? ev->res : ev->req;
}

/* ---- header values ---- */

/* The element of a list that begins at `at`: up to the next comma outside of quotes. */
static struct text element(struct text v, size_t at, size_t *next)
{
    bool quoted = false;
    size_t i = at;

    for (; i < v.len && (quoted || v.at[i] != ','); i++) {
        if (v.at[i] == '"')
            quoted = !quoted;
        else if (quoted && v.at[i] == '\\' && i + 1 < v.len)
            i++;
    }
    *next = i + 1;
    return text_trim((struct text){v.at + at, i - at});
}

/* The next value of a header; w->item is where in its line it begins, or beyond it. */
static bool next_value(const struct message *m, const struct expr *x, struct sample_walk *w,
                       struct text *out)
{
    const struct sample_arg *name = &x->args[0];
    struct message_field f;

    if (w->item) { /* the same line goes on */
        unsigned at = w->line - 1;
        if (message_next(m, &at, &f) && at == w->line && w->item <= f.value.len) {
            *out = element(f.value, w->item, &w->item);
            return true;
        }
        w->item = 0;
    }
    if (!(name->given ? message_find(m, &name->name, &w->line, &f) : message_next(m, &w->line, &f)))
        return false;
    *out = x->fetch->aux & WHOLE ? f.value : element(f.value, 0, &w->item);
    return true;
}

/* The value that the occurrence asks for: from the first on, or backwards from the last. */
static bool chosen_value(const struct message *m, const struct expr *x, struct text *out)
{
    int64_t want = x->args[1].given ? x->args[1].num : -1, n = 0;
    struct sample_walk w = {0};
    struct text v;

    if (want == 0)
        want = -1;
    for (struct sample_walk all = {0}; want < 0 && next_value(m, x, &all, &v);)
        n++;
    if (want < 0)
        want = n + 1 + want;
    for (n = 1; next_value(m, x, &w, &v); n++)
        if (n == want)
            return *out = v, true;
    return false;
}

static bool header_text(const struct expr *x, struct eval *ev, struct sample_walk *w,
                        struct text *out)
{
    const struct message *m = message_of(x, ev);

    if (!m)
        return false;
    return w && !x->args[1].given ? next_value(m, x, w, out) : chosen_value(m, x, out);
}

/* An occurrence that is asked for by number is one value, also for a walk. */
static bool over(const struct expr *x, struct sample_walk *w)
{
    bool was = w && w->ended;

    if (w && x->args[1].given)
        w->ended = true;
    return was;
}

static bool fetch_header(const struct expr *x, struct eval *ev, struct sample_walk *w,
                         struct sample *out)
{
    struct text v;
    return !over(x, w) && header_text(x, ev, w, &v) && sample_str(out, v);
}

static bool fetch_header_number(const struct expr *x, struct eval *ev, struct sample_walk *w,
                                struct sample *out)
{
    struct text v;
    return !over(x, w) && header_text(x, ev, w, &v) && sample_int(out, sample_number(v));
}

/* "192.0.2.1", "192.0.2.1:80", "2001:db8::1" */
static bool parse_address(struct text v, struct addr *out)
{
    char text[ADDR_TEXT_MAX];
    size_t colon = text_find(v, ':');
    bool port = colon < v.len && text_find(text_from(v, colon + 1), ':') + colon + 1 == v.len;

    if (port)
        v.len = colon;
    if (v.len >= sizeof(text))
        return false;
    snprintf(text, sizeof(text), "%.*s", (int)v.len, v.at);
    return addr_parse(text, out);
}

/* Values that are no address are passed over. */
static bool fetch_header_addr(const struct expr *x, struct eval *ev, struct sample_walk *w,
                              struct sample *out)
{
    struct text v;
    struct addr a;

    if (over(x, w))
        return false;
    while (header_text(x, ev, w, &v)) {
        if (parse_address(v, &a))
            return sample_addr(out, &a);
        if (!w || x->args[1].given)
            return false;
    }
    return false;
}

static bool fetch_header_count(const struct expr *x, struct eval *ev, struct sample_walk *w,
                               struct sample *out)
{
    const struct message *m = message_of(x, ev);
    struct sample_walk all = {0};
    struct text v;
    int64_t n = 0;

    while (m && next_value(m, x, &all, &v))
        n++;
    return m && sample_int(out, n);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool fetch_names(const struct expr *x, struct eval *ev, struct sample_walk *w,
                        struct sample *out)
{
    const struct message *m = message_of(x, ev);
    struct text between = x->args[0].given ? x->args[0].str : TEXT(",");
    struct message_field f;
    size_t len = 1;

    if (!m)
        return false;
    for (unsigned at = 0; message_next(m, &at, &f);)
        len += f.name.len + between.len;
    char *text = arena_bytes(ev->tmp, len), *p = text;
    if (!text)
        return false;
    for (unsigned at = 0; message_next(m, &at, &f);) {
        if (p > text)
            p = (char *)memcpy(p, between.at, between.len) + between.len;
        for (size_t i = 0; i < f.name.len; i++)
            *p++ = lower(f.name.at[i]);
    }
    return sample_str(out, (struct text){text, (size_t)(p - text)});
}

/* ---- cookies ---- */

bool sample_cookie(struct text value, struct text name, bool set, size_t *at, struct text *out)
{
    while (*at < value.len) {
        struct text pair = text_from(value, *at);
        pair.len = text_find(pair, ';');
        *at = set ? value.len : *at + pair.len + 1; /* what follows in Set-Cookie is about it */
        size_t equals = text_find(pair, '=');
        if (equals == pair.len)
            continue;
        if (name.len && !text_eq(text_trim(text_head(pair, equals)), name))
            continue;
        *out = text_trim(text_from(pair, equals + 1));
        return true;
    }
    return false;
}

static bool next_cookie(const struct message *m, const struct expr *x, struct sample_walk *w,
                        struct text *out)
{
    static const struct message_name names[] = {{{"cookie", 6}, HTTP1_NAME_COOKIE},
                                                {{"set-cookie", 10}, HTTP1_NAME_SET_COOKIE}};
    bool set = x->fetch->aux & OF_RESPONSE;
    struct message_field f;
    unsigned at;

    for (;; w->item = 0) {
        at = w->line - (w->item > 0);
        if (!message_find(m, &names[set], &at, &f))
            return false;
        w->line = at;
        size_t item = w->item ? w->item - 1 : 0;
        bool found = sample_cookie(f.value, x->args[0].str, set, &item, out);
        w->item = item + 1;
        if (found)
            return true;
    }
}

static bool cookie_text(const struct expr *x, struct eval *ev, struct sample_walk *w,
                        struct text *out)
{
    const struct message *m = message_of(x, ev);
    struct sample_walk all = {0};
    bool found = false;

    if (!m)
        return false;
    if (w)
        return next_cookie(m, x, w, out);
    while (next_cookie(m, x, &all, out)) /* the last one */
        found = true;
    return found;
}

static bool fetch_cookie(const struct expr *x, struct eval *ev, struct sample_walk *w,
                         struct sample *out)
{
    struct text v;
    return cookie_text(x, ev, w, &v) && sample_str(out, v);
}

static bool fetch_cookie_number(const struct expr *x, struct eval *ev, struct sample_walk *w,
                                struct sample *out)
{
    struct text v;
    return cookie_text(x, ev, w, &v) && sample_int(out, sample_number(v));
}

static bool fetch_cookie_count(const struct expr *x, struct eval *ev, struct sample_walk *w,
                               struct sample *out)
{
    struct sample_walk all = {0};
    struct text v;
    int64_t n = 0;

    while (cookie_text(x, ev, &all, &v))
        n++;
    return message_of(x, ev) && sample_int(out, n);
}

/* ---- the request line ---- */

enum { PART_URI, PART_PATH, PART_PATHQ, PART_QUERY, PART_BASE, PART_BASEQ };

static struct text host_of(const struct message *m)
{
    static const struct message_name host = {{"host", 4}, HTTP1_NAME_HOST};
    struct message_field f;
    unsigned at = 0;

    return message_find(m, &host, &at, &f) ? f.value : TEXT("");
}

/* From the path on. */
static struct text path_and_query(const struct message_target *t)
{
    if (!t->path.at || !t->path.len)
        return TEXT("");
    return text_from(t->all, (size_t)(t->path.at - t->all.at));
}

static struct text part(const struct message *m, int which, struct arena *tmp)
{
    struct message_target t;
    struct text host, tail;

    message_target(m, &t);
    switch (which) {
    case PART_PATH:
        return t.path.len ? t.path : TEXT_NONE;
    case PART_PATHQ:
        return t.path.len ? path_and_query(&t) : TEXT_NONE;
    case PART_QUERY:
        return t.has_query ? t.query : TEXT("");
    case PART_BASE:
    case PART_BASEQ:
        host = host_of(m);
        tail = which == PART_BASE ? t.path : path_and_query(&t);
        return arena_printf(tmp, "%.*s%.*s", (int)host.len, host.at, (int)tail.len,
                            tail.at ? tail.at : "");
    default:
        return t.all;
    }
}

static bool fetch_part(const struct expr *x, struct eval *ev, struct sample_walk *w,
                       struct sample *out)
{
    return ev->req && sample_str(out, part(ev->req, x->fetch->aux, ev->tmp));
}

static uint32_t part_hash(const struct message *m, int which, struct arena *tmp)
{
    struct text t = part(m, which, tmp);
    return hash_avalanche(hash_bytes(HASH_SDBM, t.at ? t.at : "", t.len));
}

static bool fetch_part_hash(const struct expr *x, struct eval *ev, struct sample_walk *w,
                            struct sample *out)
{
    return ev->req && sample_int(out, part_hash(ev->req, x->fetch->aux, ev->tmp));
}

/* The hash, then the client's address: bytes. */
static bool fetch_part_hash_src(const struct expr *x, struct eval *ev, struct sample_walk *w,
                                struct sample *out)
{
    if (!ev->req || !ev->client || !ev->client->addr.family)
        return false;
    uint32_t h = part_hash(ev->req, x->fetch->aux, ev->tmp);
    size_t n = addr_size(&ev->client->addr);
    char bytes[4 + 16] = {(char)(h >> 24), (char)(h >> 16), (char)(h >> 8), (char)h};
    memcpy(bytes + 4, ev->client->addr.bytes, n);
    *out = (struct sample){.type = SAMPLE_BIN,
                           .str = arena_text(ev->tmp, (struct text){bytes, 4 + n})};
    return out->str.at;
}

static bool fetch_method(const struct expr *x, struct eval *ev, struct sample_walk *w,
                         struct sample *out)
{
    if (ev->req)
        return sample_str(out, message_method(ev->req));
    return ev->ops && sample_str(out, ev->ops->name(ev->owner, EVAL_REQUEST_METHOD, EVAL_OWN));
}

static bool fetch_version(const struct expr *x, struct eval *ev, struct sample_walk *w,
                          struct sample *out)
{
    const struct message *m = message_of(x, ev);
    return m && sample_str(out, m->head->minor ? TEXT("1.1") : TEXT("1.0"));
}

static bool fetch_status(const struct expr *x, struct eval *ev, struct sample_walk *w,
                         struct sample *out)
{
    return ev->res && sample_int(out, message_status(ev->res));
}

static bool fetch_is_http(const struct expr *x, struct eval *ev, struct sample_walk *w,
                          struct sample *out)
{
    return sample_bool(out, ev->req != NULL);
}

/* ---- parameters of the query ---- */

bool sample_param(struct text query, struct text name, char delimiter, size_t *at, struct text *out)
{
    while (*at < query.len) {
        struct text one = text_from(query, *at);
        size_t end = MIN(text_find(one, '&'), text_find(one, ';'));
        one.len = MIN(end, text_find(one, delimiter));
        *at += one.len + 1;
        size_t equals = text_find(one, '=');
        if (equals == one.len && !name.len)
            continue;
        if (name.len && !text_eq(text_head(one, equals), name))
            continue;
        *out = text_from(one, equals + 1);
        return true;
    }
    return false;
}

static bool param_text(const struct expr *x, struct eval *ev, struct sample_walk *w,
                       struct text *out)
{
    struct sample_walk first = {0};
    struct message_target t;
    char mark = x->args[1].given ? x->args[1].str.at[0] : '?';

    if (!ev->req)
        return false;
    w = w ? w : &first;
    message_target(ev->req, &t);
    struct text all = path_and_query(&t);
    return sample_param(text_from(all, text_find(all, mark) + 1), x->args[0].str, mark, &w->item,
                        out);
}

static bool fetch_param(const struct expr *x, struct eval *ev, struct sample_walk *w,
                        struct sample *out)
{
    struct text v;
    return param_text(x, ev, w, &v) && sample_str(out, v);
}

static bool fetch_param_number(const struct expr *x, struct eval *ev, struct sample_walk *w,
                               struct sample *out)
{
    struct text v;
    return param_text(x, ev, w, &v) && sample_int(out, sample_number(v));
}

/* ---- the table ---- */

#define REQ NEEDS_REQUEST
#define RES NEEDS_RESPONSE

#define HEADER(PREFIX, ARGS, PHASES, AUX)                                                          \
    {PREFIX "hdr", ARGS, SAMPLE_STR, PHASES, fetch_header, AUX, .several = true},                  \
        {PREFIX "fhdr", ARGS, SAMPLE_STR, PHASES, fetch_header, (AUX) | WHOLE, .several = true},   \
        {PREFIX "hdr_cnt", "|n", SAMPLE_INT, PHASES, fetch_header_count, AUX},                     \
        {PREFIX "fhdr_cnt", "|n", SAMPLE_INT, PHASES, fetch_header_count, (AUX) | WHOLE},          \
        {PREFIX "hdr_ip", ARGS, SAMPLE_ADDR, PHASES, fetch_header_addr, AUX, .several = true},     \
        {PREFIX "hdr_val", ARGS, SAMPLE_INT, PHASES, fetch_header_number, AUX, .several = true},   \
    {                                                                                              \
        PREFIX "hdr_names", "|s", SAMPLE_STR, PHASES, fetch_names, AUX                             \
    }

#define COOKIE(PREFIX, PHASES, AUX)                                                                \
    {PREFIX "cook", "|s", SAMPLE_STR, PHASES, fetch_cookie, AUX, .several = true},                 \
        {PREFIX "cook_cnt", "|s", SAMPLE_INT, PHASES, fetch_cookie_count, AUX},                    \
    {                                                                                              \
        PREFIX "cook_val", "|s", SAMPLE_INT, PHASES, fetch_cookie_number, AUX, .several = true     \
    }

#define PART(NAME, WHICH)                                                                          \
    {                                                                                              \
        NAME, "", SAMPLE_STR, REQ, fetch_part, WHICH                                               \
    }

static const struct sample_fetch rows[] = {
    HEADER("", "|ni", REQ, 0),
    HEADER("req.", "|ni", REQ, 0),
    HEADER("res.", "|ni", RES, OF_RESPONSE),
    HEADER("s", "|ni", RES, OF_RESPONSE),
    COOKIE("", REQ, 0),
    COOKIE("req.", REQ, 0),
    COOKIE("res.", RES, OF_RESPONSE),
    COOKIE("s", RES, OF_RESPONSE),
    {"cookie", "|s", SAMPLE_STR, REQ, fetch_cookie, 0, .several = true},
    {"set-cookie", "|s", SAMPLE_STR, RES, fetch_cookie, OF_RESPONSE, .several = true},
    PART("path", PART_PATH),
    PART("pathq", PART_PATHQ),
    PART("url", PART_URI),
    PART("query", PART_QUERY),
    PART("base", PART_BASE),
    PART("baseq", PART_BASEQ),
    {"base32", "", SAMPLE_INT, REQ, fetch_part_hash, PART_BASE},
    {"url32", "", SAMPLE_INT, REQ, fetch_part_hash, PART_BASEQ},
    {"base32+src", "", SAMPLE_BIN, REQ, fetch_part_hash_src, PART_BASE},
    {"url32+src", "", SAMPLE_BIN, REQ, fetch_part_hash_src, PART_BASEQ},
    {"method", "", SAMPLE_STR, NEEDS_REQUEST | NEEDS_RESPONSE, fetch_method},
    {"req.ver", "", SAMPLE_STR, REQ, fetch_version},
    {"req_ver", "", SAMPLE_STR, REQ, fetch_version},
    {"res.ver", "", SAMPLE_STR, RES, fetch_version, OF_RESPONSE},
    {"resp_ver", "", SAMPLE_STR, RES, fetch_version, OF_RESPONSE},
    {"status", "", SAMPLE_INT, RES, fetch_status},
    {"req.proto_http", "", SAMPLE_BOOL, NEEDS_NOTHING, fetch_is_http},
    {"req_proto_http", "", SAMPLE_BOOL, NEEDS_NOTHING, fetch_is_http},
    {"url_param", "|ss", SAMPLE_STR, REQ, fetch_param, .several = true},
    {"urlp", "|ss", SAMPLE_STR, REQ, fetch_param, .several = true},
    {"url_param_val", "|ss", SAMPLE_INT, REQ, fetch_param_number, .several = true},
    {"urlp_val", "|ss", SAMPLE_INT, REQ, fetch_param_number, .several = true},
};

const struct sample_fetches sample_http_rows = {rows, ARRAY_LEN(rows)};
