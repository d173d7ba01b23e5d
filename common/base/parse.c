#include "common/base/parse.h"

#include "common/base/macro.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NEAREST_WORD_MAX 64

bool parse_int(const char *text, int64_t min, int64_t max, int64_t *out)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    char *end;

    if (digits[0] < '0' || digits[0] > '9')
        return false;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno || *end || v < min || v > max)
        return false;
    *out = v;
    return true;
}

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit span_units[] = {
    {"us", 1}, {"ms", 1000}, {"s", 1000000}, {"m", 60000000}, {"h", 3600000000}, {"d", 86400000000},
};

static int64_t unit_factor(const char *name, const struct unit *units, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, units[i].name) == 0)
            return units[i].factor;
    return 0;
}

bool parse_span(const char *text, int64_t default_unit_us, struct span *out)
{
    const char *p = text;
    int64_t whole = 0, part = 0, scale = 1;

    if (*p < '0' || *p > '9')
        return false;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (whole > INT64_MAX / 100)
            return false;
        whole = whole * 10 + (*p - '0');
    }
    if (*p == '.') {
        for (p++; *p >= '0' && *p <= '9'; p++) {
            if (scale == 1000000)
                return false;
            part = part * 10 + (*p - '0');
            scale *= 10;
        }
        if (scale == 1)
            return false;
    }
    int64_t factor = *p ? unit_factor(p, span_units, ARRAY_LEN(span_units)) : default_unit_us;
    if (!factor)
        return false;
    int64_t us;
    if (__builtin_mul_overflow(whole, factor, &us))
        return false;
    int64_t sum;
    /* part < 10^6 and factor < 10^11, so the product fits. */
    if (__builtin_add_overflow(us, part * factor / scale, &sum))
        return false;
    *out = span_us(sum);
    return true;
}

bool parse_size(const char *text, uint64_t *out)
{
    static const char suffixes[] = "kmg";
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 10);
    if (errno)
        return false;
    if (*end) {
        char lower = (char)(*end | 0x20);
        const char *s = strchr(suffixes, lower);
        if (!s || end[1])
            return false;
        for (int i = 0; i <= s - suffixes; i++)
            if (__builtin_mul_overflow(v, 1024ull, &v))
                return false;
    }
    *out = v;
    return true;
}

bool parse_bool(const char *text, bool *out)
{
    static const char *const yes[] = {"true", "on", "yes"}, *const no[] = {"false", "off", "no"};

    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (strcasecmp(text, yes[i]) == 0 || strcasecmp(text, no[i]) == 0) {
            *out = strcasecmp(text, yes[i]) == 0;
            return true;
        }
    }
    return false;
}

/* Length of the sequence that begins at `p`; 0 if it is none. */
static size_t utf8_sequence(const unsigned char *p)
{
    static const struct {
        unsigned char mask, lead, second_min, second_max;
        size_t len;
    } rows[] = {
        {0x80, 0x00, 0x00, 0x00, 1}, {0xff, 0xe0, 0xa0, 0xbf, 3}, {0xff, 0xed, 0x80, 0x9f, 3},
        {0xff, 0xf0, 0x90, 0xbf, 4}, {0xff, 0xf4, 0x80, 0x8f, 4}, {0xe0, 0xc0, 0x80, 0xbf, 2},
        {0xf0, 0xe0, 0x80, 0xbf, 3}, {0xf8, 0xf0, 0x80, 0xbf, 4},
    };

    if (*p == 0xc0 || *p == 0xc1 || *p > 0xf4)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if ((*p & rows[i].mask) != rows[i].lead)
            continue;
        if (rows[i].len > 1 && (p[1] < rows[i].second_min || p[1] > rows[i].second_max))
            return 0;
        for (size_t k = 2; k < rows[i].len; k++)
            if ((p[k] & 0xc0) != 0x80)
                return 0;
        return rows[i].len;
    }
    return 0;
}

bool parse_utf8(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    while (*p) {
        size_t len = utf8_sequence(p);
        if (!len)
            return false;
        p += len;
    }
    return true;
}

const char *span_format(struct span s, char text[PARSE_SPAN_MAX])
{
    size_t i = ARRAY_LEN(span_units);

    /* The largest unit that divides it: 90 s is "90s", 120 s is "2m". */
    while (--i > 0)
        if (s.us && s.us % span_units[i].factor == 0)
            break;
    if (!s.us)
        i = 2;
    snprintf(text, PARSE_SPAN_MAX, "%lld%s", (long long)(s.us / span_units[i].factor),
             span_units[i].name);
    return text;
}

/* Damerau-Levenshtein (adjacent transpositions count once), case folded. */
static size_t distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    size_t rows[3][NEAREST_WORD_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];

    if (la > NEAREST_WORD_MAX || lb > NEAREST_WORD_MAX)
        return SIZE_MAX;
    for (size_t j = 0; j <= lb; j++)
        last[j] = j;
    for (size_t i = 1; i <= la; i++) {
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            bool same = strncasecmp(&a[i - 1], &b[j - 1], 1) == 0;
            size_t d = last[j - 1] + (same ? 0 : 1);
            d = MIN(d, last[j] + 1);
            d = MIN(d, row[j - 1] + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d = MIN(d, before[j - 2] + 1);
            row[j] = d;
        }
        size_t *swap = before;
        before = last;
        last = row;
        row = swap;
    }
    return last[lb];
}

const char *parse_nearest(const char *word, const void *words, size_t n, size_t stride)
{
    const char *best = NULL;
    size_t best_distance = MAX(strlen(word) / 3, (size_t)1) + 1;

    for (size_t i = 0; i < n; i++) {
        const char *candidate = *(const char *const *)((const char *)words + i * stride);
        if (!candidate)
            continue;
        size_t d = distance(word, candidate);
        if (d < best_distance) {
            best = candidate;
            best_distance = d;
        }
    }
    return best;
}
