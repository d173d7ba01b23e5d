/*
 * Regular expressions (PCRE2, Debian's libpcre2-8), bounded: a hostile subject costs a limited
 * number of steps, after which it counts as not matching.
 *
 * A compiled expression is immutable and shared by all threads; what matching needs is in a
 * `struct regex_scratch`, one a thread.
 */
#pragma once

#include "lb/core/text.h"

#include <stdint.h>

#define REGEX_GROUPS 10         /* \0 .. \9 */
#define REGEX_STEPS  1000000u   /* of PCRE2's match limit */
#define REGEX_NONE   (SIZE_MAX) /* a group that took no part */

struct regex;
struct regex_scratch;

/* NULL on a fault, with a sentence in `error` and its place in `*at`, or without memory ("" ). */
struct regex *regex_new(struct text pattern, bool ignore_case, char error[128], size_t *at);
void regex_free(struct regex *r); /* NULL-safe */

struct regex_scratch *regex_scratch_new(void);
void regex_scratch_free(struct regex_scratch *s); /* NULL-safe */

/* Where it matched: groups[0] is the whole. */
struct regex_match {
    size_t n; /* groups that exist */
    struct {
        size_t from, to;
    } groups[REGEX_GROUPS];
};

/* Looks from byte `from` on. `out` may be NULL. */
bool regex_find(const struct regex *r, struct regex_scratch *s, struct text subject, size_t from,
                struct regex_match *out);

/* Writes `format` with \0..\9 replaced by the groups, \xHH by a byte, \r \n \t, any other escaped
 * character by itself. Returns the length, or SIZE_MAX if `cap` is too small. */
size_t regex_expand(struct text format, struct text subject, const struct regex_match *m, char *out,
                    size_t cap);
