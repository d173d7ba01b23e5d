#include "lb/core/words.h"

#include <stdint.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool escapes(char next, char quote)
{
    if (quote == '"')
        return next == '"' || next == '\\';
    return next && strchr(" \t\"'\\#", next);
}

/* One word from *p on; false if a quote is not closed. */
static bool cut_one(const char *text, const char **p, char *out, struct word *w)
{
    char quote = 0, *o = out;
    const char *opened = *p;

    *w = (struct word){.at = (size_t)(*p - text)};
    for (; **p && (quote || !is_space(**p)); (*p)++) {
        char c = **p;
        if (c == '\\' && quote != '\'' && escapes((*p)[1], quote)) {
            *o++ = *++*p;
        } else if (quote ? c == quote : c == '"' || c == '\'') {
            opened = *p;
            quote = quote ? 0 : c;
            w->quoted = true;
        } else {
            *o++ = c;
        }
    }
    *o = '\0';
    w->text = (struct text){out, (size_t)(o - out)};
    w->len = (size_t)(*p - text) - w->at;
    if (quote)
        w->at = (size_t)(opened - text);
    return !quote;
}

static size_t count(const char *text)
{
    size_t n = 1;

    for (const char *p = text; *p; p++)
        n += is_space(*p);
    return n;
}

bool words_cut(struct arena *a, const char *text, struct words *out, size_t *open_at)
{
    char *bytes = arena_bytes(a, 2 * strlen(text) + 2);

    *open_at = SIZE_MAX;
    *out = (struct words){.v = arena_new(a, count(text) * sizeof(struct word))};
    if (!bytes || !out->v)
        return false;
    for (const char *p = text;;) {
        while (is_space(*p))
            p++;
        if (!*p)
            return true;
        struct word *w = &out->v[out->n++];
        if (!cut_one(text, &p, bytes, w)) {
            *open_at = w->at;
            return false;
        }
        bytes += w->text.len + 1;
    }
}
