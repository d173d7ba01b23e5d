/*
 * Memory that is given back all at once: many small pieces, a limit on their sum, no free() of one.
 *
 * Used where things live equally long: what was compiled from one configuration, what rules change
 * in one message, what one evaluation needs on its way.
 */
#pragma once

#include "lb/core/text.h"

#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
    char *at, *end; /* room in the present block */
    struct arena_block *blocks;
    size_t left; /* how much may still be allocated in further blocks */
    bool lost;   /* something did not fit */
};

/* Begins with the caller's `first` (may be NULL), then allocates up to `more` bytes. */
void arena_init(struct arena *a, void *first, size_t size, size_t more);

/* Frees the blocks; all pieces are gone. */
void arena_fini(struct arena *a);

/* Zeroed, aligned for any type; NULL, and `lost`, if there is no room. */
void *arena_new(struct arena *a, size_t size);

/* Not aligned, not zeroed. */
char *arena_bytes(struct arena *a, size_t len);

/* A copy, followed by a NUL that is not counted; TEXT_NONE if there is no room. */
struct text arena_text(struct arena *a, struct text t);

/* Formatted. */
struct text arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* What was taken since the mark is given back. */
struct arena_mark {
    struct arena_block *block;
    char *at, *end;
    size_t left;
};
struct arena_mark arena_mark(const struct arena *a);
void arena_release(struct arena *a, struct arena_mark m);
