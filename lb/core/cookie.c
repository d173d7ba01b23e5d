/*
 * Stickiness by cookie: the request's half.
 *
 * One walker over "name=value; name=value" serves the look-up, the removal and the samples, so what
 * is taken out is what was read. It takes a comma for a delimiter too, as proxies that join several
 * Cookie fields leave one behind.
 */
#include "common/base/macro.h"
#include "lb/core/cookie_internal.h"

#include <string.h>

#define DATE_SKEW_MAX_S ((int64_t)86400) /* further in the future is no date of ours */

const char cookie_digits[65] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char cookie_state_letter(enum cookie_state s)
{
    return "NIDEOVU"[s];
}

/* ---- items ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Where the value at `at` ends: at a delimiter outside of a quoted string. */
static size_t value_end(const char *buf, size_t at, size_t end, char delim)
{
    bool quoted = false;

    for (; at < end; at++) {
        if (buf[at] == '"')
            quoted = !quoted;
        else if (quoted && buf[at] == '\\' && at + 1 < end)
            at++;
        else if (!quoted && (buf[at] == ';' || buf[at] == delim))
            break;
    }
    return at;
}

bool cookie_item(const char *buf, size_t *p, size_t end, char delim, struct cookie_item *out)
{
    size_t at = *p;

    while (at < end && (is_blank(buf[at]) || buf[at] == ';' || buf[at] == delim))
        at++;
    if (at == end)
        return false;
    size_t i = at;
    while (i < end && buf[i] != '=' && buf[i] != ';' && buf[i] != delim)
        i++;
    out->at = at;
    out->is_pair = i < end && buf[i] == '=';
    out->name_end = i;
    while (out->name_end > at && is_blank(buf[out->name_end - 1]))
        out->name_end--;
    if (out->is_pair)
        for (i++; i < end && is_blank(buf[i]);)
            i++;
    out->value = i;
    *p = out->is_pair ? value_end(buf, i, end, delim) : i;
    out->end = *p;
    while (out->end > out->value && is_blank(buf[out->end - 1]))
        out->end--;
    if (!out->is_pair)
        out->value = out->end = out->name_end;
    return true;
}

bool cookie_is_ours(const struct cookie_conf *conf, const char *buf, const struct cookie_item *i)
{
    return i->is_pair && i->name_end - i->at == conf->name_len &&
           memcmp(buf + i->at, conf->name, conf->name_len) == 0;
}

bool cookie_next(const char *buf, const struct http1_head *head, const struct http1_field **field,
                 size_t *at, struct cookie_pair *out)
{
    struct cookie_item i;

    if (!*field) {
        *field = http1_first(head, HTTP1_NAME_COOKIE);
        *at = *field ? (*field)->value.at : 0;
    }
    while (*field) {
        while (cookie_item(buf, at, (size_t)(*field)->value.at + (*field)->value.len, ',', &i)) {
            if (!i.is_pair)
                continue;
            out->name = (struct http1_span){(uint16_t)i.at, (uint16_t)(i.name_end - i.at)};
            out->value = (struct http1_span){(uint16_t)i.value, (uint16_t)(i.end - i.value)};
            return true;
        }
        *field = http1_next(head, *field);
        *at = *field ? (*field)->value.at : 0;
    }
    return false;
}

/* ---- look-up ---- */

/* Seconds, or 0 if the text does not begin with a date. */
static int64_t read_date(const char *text, size_t len)
{
    int64_t units = 0;

    if (len < COOKIE_DATE_DIGITS)
        return 0;
    for (int i = 0; i < COOKIE_DATE_DIGITS; i++) {
        const char *d = memchr(cookie_digits, text[i], sizeof(cookie_digits) - 1);
        if (!d)
            return 0;
        units = units << 6 | (d - cookie_digits);
    }
    return units * COOKIE_DATE_UNIT_S;
}

/* "value|last|first": cuts the value off and reads the dates. */
static size_t read_dates(const char *text, size_t len, struct cookie *k)
{
    const char *end = text + len, *bar = memchr(text, COOKIE_DATE_DELIM, len);

    k->last_s = k->first_s = 0;
    if (!bar)
        return len;
    const char *last = bar + 1;
    const char *next = memchr(last, COOKIE_DATE_DELIM, (size_t)(end - last));
    k->last_s = read_date(last, (size_t)(end - last));
    if (next)
        k->first_s = read_date(next + 1, (size_t)(end - next - 1));
    return (size_t)(bar - text);
}

static bool is_out(int64_t date_s, int64_t max_s, int64_t wall_s)
{
    return max_s && date_s && (wall_s - date_s > max_s || date_s - wall_s > DATE_SKEW_MAX_S);
}

/* Which server the value names, and whether its dates are good. */
static enum cookie_state read_value(const struct cookie_conf *conf, const char *text, size_t len,
                                    int64_t wall_s, cookie_judge_fn *judge, void *ctx,
                                    struct cookie *k)
{
    if (conf->mode == COOKIE_PREFIX) {
        const char *delim = memchr(text, COOKIE_PREFIX_DELIM, len);
        len = delim ? (size_t)(delim - text) : len;
    } else if (conf->mode == COOKIE_INSERT) {
        len = read_dates(text, len, k);
    }
    if (is_out(k->last_s, conf->maxidle_s, wall_s))
        return COOKIE_EXPIRED;
    if (is_out(k->first_s, conf->maxlife_s, wall_s))
        return COOKIE_OLD;
    return len ? judge(ctx, text, len) : COOKIE_INVALID;
}

void cookie_request(const struct cookie_conf *conf, const char *buf, const struct http1_head *head,
                    int64_t wall_s, cookie_judge_fn *judge, void *ctx, struct cookie *k)
{
    const struct http1_field *f = http1_first(head, HTTP1_NAME_COOKIE);

    *k = (struct cookie){0};
    for (; f; f = http1_next(head, f)) {
        size_t at = f->value.at, end = at + f->value.len;
        struct cookie_item i;

        /* Most often it is not there at all, and then the search is all that is done. */
        if (!memmem(buf + at, f->value.len, conf->name, conf->name_len))
            continue;
        while (cookie_item(buf, &at, end, ',', &i)) {
            if (!cookie_is_ours(conf, buf, &i))
                continue;
            enum cookie_state s =
                read_value(conf, buf + i.value, i.end - i.value, wall_s, judge, ctx, k);
            k->state = MAX(k->state, s);
            if (s == COOKIE_VALID)
                return;
        }
    }
    if (k->state != COOKIE_VALID)
        k->last_s = k->first_s = 0;
}

/* ---- removal ---- */

/* Takes the cookies of that name out of one field, together with the `$Path` and the like that
 * belong to them, and with the delimiter in front; without one in front, with the one behind. */
static void strip_field(const struct cookie_conf *conf, const char *buf,
                        const struct http1_head *head, const struct http1_field *f,
                        struct rewrite *r)
{
    size_t at = f->value.at, end = at + f->value.len;
    size_t kept_end = 0, cut_from = 0, cut_to = 0; /* no cut is pending while cut_to is 0 */
    struct cookie_item i;

    while (cookie_item(buf, &at, end, ',', &i)) {
        if (cookie_is_ours(conf, buf, &i) || (cut_to && buf[i.at] == '$')) {
            if (!cut_to)
                cut_from = kept_end ? kept_end : i.at;
            cut_to = i.end;
            continue;
        }
        if (cut_to)
            rewrite_cut(r, cut_from, kept_end ? cut_to : i.at);
        cut_to = 0;
        kept_end = i.end;
    }
    if (cut_to && kept_end)
        rewrite_cut(r, cut_from, cut_to);
    else if (cut_to)
        rewrite_remove(r, (size_t)(f - head->fields));
}

static void strip_prefix(const struct cookie_conf *conf, const char *buf,
                         const struct http1_field *f, struct rewrite *r)
{
    size_t at = f->value.at, end = at + f->value.len;
    struct cookie_item i;

    while (cookie_item(buf, &at, end, ',', &i)) {
        if (!cookie_is_ours(conf, buf, &i))
            continue;
        const char *delim = memchr(buf + i.value, COOKIE_PREFIX_DELIM, i.end - i.value);
        if (delim)
            rewrite_cut(r, i.value, (size_t)(delim + 1 - buf));
    }
}

bool cookie_strip(const struct cookie_conf *conf, const char *buf, const struct http1_head *head,
                  struct rewrite *r)
{
    const struct http1_field *f = http1_first(head, HTTP1_NAME_COOKIE);

    for (; f; f = http1_next(head, f)) {
        if (!memmem(buf + f->value.at, f->value.len, conf->name, conf->name_len))
            continue;
        if (conf->mode == COOKIE_PREFIX)
            strip_prefix(conf, buf, f, r);
        else if (conf->mode == COOKIE_INSERT && conf->indirect)
            strip_field(conf, buf, head, f, r);
    }
    return !rewrite_lost(r);
}
