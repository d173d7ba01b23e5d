/*
 * A piece of somebody else's text: not ended by NUL, not owned. Also the few comparisons that rules
 * need.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

struct text {
    const char *at; /* NULL: not there */
    size_t len;
};

#define TEXT_NONE     ((struct text){NULL, 0})
#define TEXT(LITERAL) ((struct text){(LITERAL), sizeof(LITERAL) - 1})

static inline struct text text_of(const char *s)
{
    return (struct text){s, s ? strlen(s) : 0};
}

static inline bool text_eq(struct text a, struct text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* Without regard to ASCII case. */
static inline bool text_ieq(struct text a, struct text b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.at, b.at, a.len) == 0);
}

/* Bytes from `from` on. */
static inline struct text text_from(struct text t, size_t from)
{
    return from < t.len ? (struct text){t.at + from, t.len - from} : (struct text){t.at + t.len, 0};
}

/* The first `len` bytes. */
static inline struct text text_head(struct text t, size_t len)
{
    return (struct text){t.at, len < t.len ? len : t.len};
}

/* Where the byte is first, or t.len. */
static inline size_t text_find(struct text t, char c)
{
    const char *p = t.len ? memchr(t.at, c, t.len) : NULL;
    return p ? (size_t)(p - t.at) : t.len;
}

static inline bool text_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Without the white space around it. */
static inline struct text text_trim(struct text t)
{
    while (t.len && text_is_blank(t.at[0]))
        t = (struct text){t.at + 1, t.len - 1};
    while (t.len && text_is_blank(t.at[t.len - 1]))
        t.len--;
    return t;
}
