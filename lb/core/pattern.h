/*
 * Patterns: what a value is compared with, in conditions and maps. A set is made at configuration
 * time and immutable after. Of exact texts and of networks there may be many: they are sorted, and
 * looked up; the others are tried one by one.
 */
#pragma once

#include "lb/core/sample.h"

enum pattern_method {
    PATTERN_FOUND, /* there is a value */
    PATTERN_BOOL,
    PATTERN_INT,
    PATTERN_LEN,
    PATTERN_IP,
    PATTERN_STR,
    PATTERN_BEG,
    PATTERN_END,
    PATTERN_SUB,
    PATTERN_DIR, /* between '/' and '?' */
    PATTERN_DOM, /* between those and '.' and ':' */
    PATTERN_REG,
    PATTERN_BIN, /* hexadecimal */
    PATTERN_METHODS
};
extern const char *const pattern_method_names[PATTERN_METHODS]; /* "found" ... */

/* The type that values are given before they are compared. */
enum sample_type pattern_type(enum pattern_method m);

struct patterns;

/* NULL, and said so, without memory. */
struct patterns *patterns_new(struct compile *c, enum pattern_method m, bool ignore_case);

/* One more, with the value that a map gives for it (or TEXT_NONE); at, len: its place. */
bool patterns_add(struct compile *c, struct patterns *p, struct text pattern, struct text value,
                  size_t at, size_t len);

/* Each line of a file: a pattern, or with `map` a pattern, white space, and its value. Empty lines
 * and those that begin with '#' are passed over. */
bool patterns_add_file(struct compile *c, struct patterns *p, struct text path, bool map, size_t at,
                       size_t len);

/* All are there. */
bool patterns_done(struct compile *c, struct patterns *p);

size_t patterns_count(const struct patterns *p);

/* Numbers only: the comparison that patterns added from now on make: "eq", "ge", "gt", "le", "lt".
 * False if it is none. */
bool patterns_comparison(struct patterns *p, struct text word);

/* `s` is cast if need be. `value` may be NULL. */
bool patterns_match(const struct patterns *p, struct eval *ev, const struct sample *s,
                    struct text *value);
