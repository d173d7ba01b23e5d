/*
 * A rule's text cut into words, each with its place.
 *
 * White space separates; "..." and '...' hold words together. A backslash takes the special meaning
 * from a following space, quote, backslash or '#' (within double quotes: from a quote or backslash)
 * and stands for itself otherwise, so that "\.html$" needs no care.
 */
#pragma once

#include "lb/core/arena.h"

struct word {
    struct text text; /* without the quotes; a NUL follows */
    size_t at, len;   /* in the text it was cut from, with the quotes */
    bool quoted;
};

struct words {
    struct word *v;
    size_t n;
};

/* False without memory, or if a quote is not closed (`*open_at` tells where; else it is SIZE_MAX).
 */
bool words_cut(struct arena *a, const char *text, struct words *out, size_t *open_at);

/* True if the word is this one. */
static inline bool word_is(const struct word *w, const char *text)
{
    return text_eq(w->text, text_of(text));
}
