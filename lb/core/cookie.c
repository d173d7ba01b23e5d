/*
 * Stickiness by cookie.
 *
 * One walker over "name=value; name=value" serves the look-up, the removal and the samples, so what
 * is taken out is what was read.
 */
#include "lb/core/cookie.h"

#include "common/base/macro.h"

#include <stdio.h>
#include <string.h>

#define DATE_DIGITS     5                /* 30 bits, six to a digit */
#define DATE_UNIT_S     4                /* dates count units of four seconds */
#define DATE_SKEW_MAX_S ((int64_t)86400) /* further in the future is no date of ours */
#define DATE_DELIM      '|'
#define PREFIX_DELIM    '~'

char cookie_state_letter(enum cookie_state s)
{
    static const char letters[] = {
        [COOKIE_NONE] = 'N',    [COOKIE_INVALID] = 'I', [COOKIE_DOWN] = 'D',   [COOKIE_VALID] = 'V',
        [COOKIE_EXPIRED] = 'E', [COOKIE_OLD] = 'O',     [COOKIE_UNUSED] = 'U',
    };
    return letters[s];
}

char cookie_answer_letter(enum cookie_answer a)
{
    static const char letters[] = {
        [COOKIE_ANSWER_NONE] = 'N',      [COOKIE_ANSWER_INSERTED] = 'I',
        [COOKIE_ANSWER_UPDATED] = 'U',   [COOKIE_ANSWER_PROVIDED] = 'P',
        [COOKIE_ANSWER_REWRITTEN] = 'R', [COOKIE_ANSWER_DELETED] = 'D',
    };
    return letters[a];
}

/* ---- pairs ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* One pair of a field's value: `p` is moved behind it. False if there is none left. */
static bool next_pair(const char *buf, size_t *p, size_t end, struct cookie_pair *out)
{
    size_t at = *p;

    while (at < end && (is_blank(buf[at]) || buf[at] == ';'))
        at++;
    if (at >= end)
        return false;
    const char *semicolon = memchr(buf + at, ';', end - at);
    size_t stop = semicolon ? (size_t)(semicolon - buf) : end;
    *p = stop;
    while (is_blank(buf[stop - 1]))
        stop--;
    const char *equals = memchr(buf + at, '=', stop - at);
    size_t name_end = equals ? (size_t)(equals - buf) : stop;
    size_t value = equals ? name_end + 1 : stop;
    while (name_end > at && is_blank(buf[name_end - 1]))
        name_end--;
    while (value < stop && is_blank(buf[value]))
        value++;
    out->name = (struct http1_span){(uint16_t)at, (uint16_t)(name_end - at)};
    out->value = (struct http1_span){(uint16_t)value, (uint16_t)(stop - value)};
    return true;
}

static size_t pair_end(const struct cookie_pair *p)
{
    return (size_t)p->value.at + p->value.len;
}

bool cookie_next(const char *buf, const struct http1_head *head, const struct http1_field **field,
                 size_t *at, struct cookie_pair *out)
{
    if (!*field) {
        *field = http1_first(head, HTTP1_NAME_COOKIE);
        *at = *field ? (*field)->value.at : 0;
    }
    while (*field) {
        if (next_pair(buf, at, (size_t)(*field)->value.at + (*field)->value.len, out))
            return true;
        *field = http1_next(head, *field);
        *at = *field ? (*field)->value.at : 0;
    }
    return false;
}

static bool is_ours(const struct cookie_conf *conf, const char *buf, const struct cookie_pair *p)
{
    return p->name.len == conf->name_len &&
           memcmp(buf + p->name.at, conf->name, conf->name_len) == 0;
}

/* ---- dates ---- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void write_date(char out[DATE_DIGITS], int64_t units)
{
    for (int i = DATE_DIGITS - 1; i >= 0; i--) {
        out[i] = digits[units & 63];
        units >>= 6;
    }
}

/* Seconds, or 0 if the text does not begin with a date. */
static int64_t read_date(const char *text, size_t len)
{
    int64_t units = 0;

    if (len < DATE_DIGITS)
        return 0;
    for (int i = 0; i < DATE_DIGITS; i++) {
        const char *d = memchr(digits, text[i], sizeof(digits) - 1);
        if (!d)
            return 0;
        units = units << 6 | (d - digits);
    }
    return units * DATE_UNIT_S + DATE_UNIT_S - 1;
}

/* ---- request ---- */

static void read_dates(const char *buf, struct http1_span whole, struct cookie *k)
{
    const char *text = buf + whole.at;
    const char *bar = memchr(text, DATE_DELIM, whole.len);

    if (!bar)
        return;
    size_t used = (size_t)(bar - text) + 1;
    k->value.len = (uint16_t)(used - 1);
    k->last_s = read_date(text + used, whole.len - used);
    bar = memchr(text + used, DATE_DELIM, whole.len - used);
    if (!bar)
        return;
    used = (size_t)(bar - text) + 1;
    k->first_s = read_date(text + used, whole.len - used);
}

static enum cookie_state judge_dates(const struct cookie_conf *conf, int64_t wall_s,
                                     struct cookie *k)
{
    if (conf->maxidle_s && k->last_s) {
        if (wall_s - k->last_s > conf->maxidle_s)
            return COOKIE_EXPIRED;
        if (k->last_s - wall_s > DATE_SKEW_MAX_S)
            k->last_s = 0;
    }
    if (conf->maxlife_s && k->first_s) {
        if (wall_s - k->first_s > conf->maxlife_s)
            return COOKIE_OLD;
        if (k->first_s - wall_s > DATE_SKEW_MAX_S)
            k->first_s = 0;
    }
    return COOKIE_VALID;
}

void cookie_request(const struct cookie_conf *conf, const char *buf, const struct http1_head *head,
                    int64_t wall_s, struct cookie *k)
{
    const struct http1_field *field = NULL;
    struct cookie_pair pair;
    size_t at = 0;

    *k = (struct cookie){0};
    while (cookie_next(buf, head, &field, &at, &pair)) {
        if (!is_ours(conf, buf, &pair))
            continue;
        k->value = pair.value;
        if (conf->mode == COOKIE_PREFIX) {
            const char *tilde = memchr(buf + pair.value.at, PREFIX_DELIM, pair.value.len);
            k->value.len = tilde ? (uint16_t)(tilde - (buf + pair.value.at)) : 0;
        } else if (conf->mode == COOKIE_INSERT) {
            read_dates(buf, pair.value, k);
        }
        k->state = judge_dates(conf, wall_s, k);
        return;
    }
}

/* Takes the pairs of that name out of one field. */
static bool strip_field(const struct cookie_conf *conf, const char *buf,
                        const struct http1_head *head, const struct http1_field *f,
                        struct rewrite *r)
{
    size_t at = f->value.at, end = at + f->value.len, kept_end = 0, cut_from = 0;
    struct cookie_pair pair;
    bool ok = true, cutting = false, any = false;

    while (next_pair(buf, &at, end, &pair)) {
        if (is_ours(conf, buf, &pair)) {
            if (!cutting)
                cut_from = kept_end ? kept_end : pair.name.at;
            cutting = any = true;
            if (kept_end) {
                ok &= rewrite_cut(r, cut_from, pair_end(&pair));
                kept_end = pair_end(&pair);
                cutting = false;
            }
            continue;
        }
        if (cutting)
            ok &= rewrite_cut(r, cut_from, pair.name.at);
        cutting = false;
        kept_end = pair_end(&pair);
    }
    if (any && !kept_end)
        return rewrite_remove(r, (size_t)(f - head->fields));
    return ok;
}

static bool strip_prefix(const struct cookie_conf *conf, const char *buf,
                         const struct http1_field *f, struct rewrite *r)
{
    size_t at = f->value.at, end = at + f->value.len;
    struct cookie_pair pair;
    bool ok = true;

    while (next_pair(buf, &at, end, &pair)) {
        const char *value = buf + pair.value.at;
        const char *tilde = memchr(value, PREFIX_DELIM, pair.value.len);

        if (tilde && is_ours(conf, buf, &pair))
            ok &= rewrite_cut(r, pair.value.at, (size_t)(tilde + 1 - buf));
    }
    return ok;
}

bool cookie_strip(const struct cookie_conf *conf, const char *buf, const struct http1_head *head,
                  struct rewrite *r)
{
    const struct http1_field *f = http1_first(head, HTTP1_NAME_COOKIE);
    bool ok = true;

    for (; f; f = http1_next(head, f)) {
        if (conf->mode == COOKIE_PREFIX)
            ok &= strip_prefix(conf, buf, f, r);
        else if (conf->indirect)
            ok &= strip_field(conf, buf, head, f, r);
    }
    return ok;
}

/* ---- response ---- */

/* What becomes of the server's own Set-Cookie of that name. */
static bool treat_own(const struct cookie_conf *conf, const char *server,
                      const struct http1_head *head, const struct http1_field *f,
                      const struct cookie_pair *pair, struct cookie *k, struct rewrite *r)
{
    size_t len = strlen(server);

    if (conf->preserve) {
        k->answer = COOKIE_ANSWER_PROVIDED;
        return true;
    }
    switch (conf->mode) {
    case COOKIE_INSERT:
        k->answer = COOKIE_ANSWER_DELETED;
        return rewrite_remove(r, (size_t)(f - head->fields));
    case COOKIE_REWRITE:
        k->answer = len ? COOKIE_ANSWER_REWRITTEN : COOKIE_ANSWER_PROVIDED;
        return !len || rewrite_span(r, pair->value, server, len);
    case COOKIE_PREFIX:
        k->answer = len ? COOKIE_ANSWER_REWRITTEN : COOKIE_ANSWER_PROVIDED;
        return !len || (rewrite_insert(r, pair->value.at, server, len) &&
                        rewrite_insert(r, pair->value.at, "~", 1));
    }
    return true;
}

static bool treat_set_cookies(const struct cookie_conf *conf, const char *server, const char *buf,
                              const struct http1_head *head, struct cookie *k, struct rewrite *r)
{
    const struct http1_field *f = http1_first(head, HTTP1_NAME_SET_COOKIE);
    bool ok = true;

    for (; f; f = http1_next(head, f)) {
        size_t at = f->value.at;
        struct cookie_pair pair;

        if (next_pair(buf, &at, at + f->value.len, &pair) && is_ours(conf, buf, &pair))
            ok &= treat_own(conf, server, head, f, &pair, k, r);
    }
    return ok;
}

/* Does the client's cookie need another date, or none? */
static bool dates_are_due(const struct cookie_conf *conf, int64_t wall_s, const struct cookie *k)
{
    if ((conf->maxidle_s || k->last_s) && (!k->last_s || k->last_s < wall_s))
        return true;
    return (conf->maxlife_s != 0) != (k->first_s != 0);
}

static size_t insert_text(const struct cookie_conf *conf, const char *server, int64_t wall_s,
                          const struct cookie *k, char out[COOKIE_TEXT_MAX])
{
    char dates[2 * (DATE_DIGITS + 1) + 1] = "";
    int64_t now = (wall_s + DATE_UNIT_S - 1) / DATE_UNIT_S;

    if (conf->maxidle_s || conf->maxlife_s) {
        dates[0] = DATE_DELIM;
        write_date(dates + 1, now);
    }
    if (conf->maxlife_s) {
        dates[DATE_DIGITS + 1] = DATE_DELIM;
        write_date(dates + DATE_DIGITS + 2, k->first_s ? k->first_s / DATE_UNIT_S : now);
    }
    int n = snprintf(out, COOKIE_TEXT_MAX, "%.*s=%s%s%s; path=/%s%s%s%s", (int)conf->name_len,
                     conf->name, server, server[0] ? dates : "",
                     server[0] ? "" : "; Expires=Thu, 01-Jan-1970 00:00:01 GMT",
                     conf->domain ? conf->domain : "", conf->httponly ? "; HttpOnly" : "",
                     conf->secure ? "; Secure" : "", conf->attr ? conf->attr : "");
    return n < 0 || n >= COOKIE_TEXT_MAX ? 0 : (size_t)n;
}

static bool is_cacheable(const char *buf, const struct http1_head *head)
{
    return http1_first(head, HTTP1_NAME_ETAG) || http1_first(head, HTTP1_NAME_LAST_MODIFIED) ||
           http1_first(head, HTTP1_NAME_EXPIRES) || http1_first(head, HTTP1_NAME_CACHE_CONTROL);
}

bool cookie_response(const struct cookie_conf *conf, const char *server, enum http1_method method,
                     const char *buf, const struct http1_head *head, int64_t wall_s,
                     struct cookie *k, struct rewrite *r)
{
    char text[COOKIE_TEXT_MAX];
    bool chosen = k->state == COOKIE_VALID;

    server = server ? server : "";
    if (!treat_set_cookies(conf, server, buf, head, k, r))
        return false;
    if (conf->mode != COOKIE_INSERT || k->answer == COOKIE_ANSWER_PROVIDED ||
        (conf->postonly && method != HTTP1_POST) || (chosen && !dates_are_due(conf, wall_s, k)))
        return true;

    size_t len = insert_text(conf, server, wall_s, k, text);
    if (!len || !rewrite_add(r, "set-cookie", sizeof("set-cookie") - 1, text, len))
        return false;
    k->answer = chosen && server[0] ? COOKIE_ANSWER_UPDATED : COOKIE_ANSWER_INSERTED;
    if (conf->nocache && is_cacheable(buf, head))
        return rewrite_add(r, "cache-control", sizeof("cache-control") - 1, "private",
                           sizeof("private") - 1);
    return true;
}
