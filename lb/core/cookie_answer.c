/*
 * Stickiness by cookie: the response's half.
 */
#include "common/base/macro.h"
#include "lb/core/cookie_internal.h"

#include <string.h>

char cookie_answer_letter(enum cookie_answer a)
{
    return "NIUPRD"[a];
}

/* ---- the server's own Set-Cookie ---- */

static void treat_own(const struct cookie_conf *conf, const char *server,
                      const struct http1_head *head, const struct http1_field *f,
                      const struct cookie_item *i, struct cookie *k, struct rewrite *r)
{
    struct http1_span value = {(uint16_t)i->value, (uint16_t)(i->end - i->value)};
    size_t len = strlen(server);

    k->answer = COOKIE_ANSWER_PROVIDED;
    if (conf->preserve)
        return;
    if (conf->mode == COOKIE_INSERT || (conf->indirect && k->state == COOKIE_VALID)) {
        k->answer = COOKIE_ANSWER_DELETED;
        rewrite_remove(r, (size_t)(f - head->fields));
    } else if (len) {
        k->answer = COOKIE_ANSWER_REWRITTEN;
        if (conf->mode == COOKIE_REWRITE) {
            rewrite_span(r, value, server, len);
        } else {
            rewrite_insert(r, value.at, server, len);
            rewrite_insert(r, value.at, (char[]){COOKIE_PREFIX_DELIM}, 1);
        }
    }
}

static void treat_set_cookies(const struct cookie_conf *conf, const char *server, const char *buf,
                              const struct http1_head *head, struct cookie *k, struct rewrite *r)
{
    const struct http1_field *f = http1_first(head, HTTP1_NAME_SET_COOKIE);

    for (; f; f = http1_next(head, f)) {
        size_t at = f->value.at;
        struct cookie_item i;

        if (cookie_item(buf, &at, at + f->value.len, ';', &i) && cookie_is_ours(conf, buf, &i))
            treat_own(conf, server, head, f, &i, k, r);
    }
}

/* ---- our Set-Cookie ---- */

/* The client came by its cookie: does it need another date, or none? */
static bool dates_are_due(const struct cookie_conf *conf, int64_t wall_s, const struct cookie *k)
{
    if ((conf->maxidle_s || k->last_s) && k->last_s < wall_s)
        return true;
    return (conf->maxlife_s != 0) != (k->first_s != 0);
}

static char *write_date(char *out, int64_t units)
{
    *out++ = COOKIE_DATE_DELIM;
    for (int i = COOKIE_DATE_DIGITS - 1; i >= 0; i--) {
        out[i] = cookie_digits[units & 63];
        units >>= 6;
    }
    return out + COOKIE_DATE_DIGITS;
}

/* "|last|first", as far as they are wanted. Rounded up, so a date is never older than it is. */
static size_t write_dates(const struct cookie_conf *conf, int64_t wall_s, const struct cookie *k,
                          char out[2 * (COOKIE_DATE_DIGITS + 1)])
{
    int64_t now = (wall_s + COOKIE_DATE_UNIT_S - 1) / COOKIE_DATE_UNIT_S;
    char *p = out;

    if (conf->maxidle_s || conf->maxlife_s)
        p = write_date(p, now);
    if (conf->maxlife_s)
        p = write_date(p, k->first_s ? k->first_s / COOKIE_DATE_UNIT_S : now);
    return (size_t)(p - out);
}

static struct iovec part(const char *text)
{
    text = text ? text : "";
    return (struct iovec){(void *)text, strlen(text)};
}

static void insert(const struct cookie_conf *conf, const char *server, int64_t wall_s,
                   const struct cookie *k, struct rewrite *r)
{
    char dates[2 * (COOKIE_DATE_DIGITS + 1)];
    bool is_named = server[0] != '\0';
    struct iovec parts[] = {
        {(void *)conf->name, conf->name_len},
        part("="),
        part(server),
        {dates, is_named ? write_dates(conf, wall_s, k, dates) : 0},
        part(is_named ? "" : "; Expires=Thu, 01-Jan-1970 00:00:01 GMT"),
        part("; path=/"),
        part(conf->domain),
        part(conf->httponly ? "; HttpOnly" : ""),
        part(conf->secure ? "; Secure" : ""),
        part(conf->attr),
    };

    rewrite_add_parts(r, "set-cookie", sizeof("set-cookie") - 1, parts, ARRAY_LEN(parts));
}

/* ---- caches ---- */

struct freshness {
    bool lasts;    /* says how long, or how to ask whether, it is good */
    bool is_kept;  /* "public" */
    bool not_kept; /* says that a shared cache must not, or need not, keep it */
};

static void read_cache_control(const char *buf, const struct http1_field *f, struct freshness *x)
{
    static const char *const refusals[] = {"private", "no-cache", "no-store", "max-age=0",
                                           "s-maxage=0"};
    const char *item;
    size_t at = 0, len;

    while (http1_list_next(buf + f->value.at, f->value.len, &at, &item, &len)) {
        size_t name = 0;

        while (name < len && item[name] != '=')
            name++;
        x->is_kept |= http1_word_is(item, len, "public");
        x->lasts |= http1_word_is(item, name, "max-age") || http1_word_is(item, name, "s-maxage");
        for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
            x->not_kept |= http1_word_is(item, len, refusals[i]);
    }
}

/* Might a shared cache keep this answer (RFC 9111 section 3)? */
static bool is_cacheable(const char *buf, const struct http1_head *head)
{
    static const uint16_t statuses[] = {200, 203, 204, 206, 300, 301, 404, 405, 410, 414, 501};
    const struct http1_field *f;
    struct freshness x = {0};
    bool by_status = false;

    if (head->method != HTTP1_GET && head->method != HTTP1_HEAD && head->method != HTTP1_OPTIONS &&
        head->method != HTTP1_TRACE)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        by_status |= head->status == statuses[i];
    x.lasts = http1_first(head, HTTP1_NAME_ETAG) || http1_first(head, HTTP1_NAME_LAST_MODIFIED) ||
              http1_first(head, HTTP1_NAME_EXPIRES);
    for (f = http1_first(head, HTTP1_NAME_CACHE_CONTROL); f; f = http1_next(head, f))
        read_cache_control(buf, f, &x);
    f = http1_first(head, HTTP1_NAME_PRAGMA);
    x.not_kept |= f && http1_word_is(buf + f->value.at, f->value.len, "no-cache");
    return by_status && x.lasts && (x.is_kept || !x.not_kept);
}

bool cookie_response(const struct cookie_conf *conf, const char *server, const char *buf,
                     const struct http1_head *head, int64_t wall_s, struct cookie *k,
                     struct rewrite *r)
{
    bool came_by_it = k->state == COOKIE_VALID;

    server = server ? server : "";
    k->answer = COOKIE_ANSWER_NONE;
    treat_set_cookies(conf, server, buf, head, k, r);
    if (conf->mode == COOKIE_INSERT && k->answer != COOKIE_ANSWER_PROVIDED &&
        !(conf->postonly && head->method != HTTP1_POST) &&
        !(came_by_it && !dates_are_due(conf, wall_s, k))) {
        k->answer = came_by_it && server[0] ? COOKIE_ANSWER_UPDATED : COOKIE_ANSWER_INSERTED;
        insert(conf, server, wall_s, k, r);
        if (conf->nocache && is_cacheable(buf, head))
            rewrite_add(r, "cache-control", sizeof("cache-control") - 1, "private",
                        sizeof("private") - 1);
    }
    return !rewrite_lost(r);
}
