/*
 * Buffers of one worker: taken while bytes are in flight, given back when there are none, so that
 * an idle connection holds none. The one given back last is the next to be taken: it is still warm
 * in the cache. Small ones hold a message's head, large ones carry bodies.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUFFER_LARGE 65536

struct buffer {
    struct buffer *next; /* free list */
    uint32_t cap;
    uint32_t at;  /* first byte that is still wanted */
    uint32_t end; /* behind the last byte */
    char data[];
};

struct buffers {
    struct buffer *free_small, *free_large;
    uint32_t small; /* capacity of a small one */
    uint32_t n_free_small, n_free_large;
    uint32_t used_small, used_large; /* in somebody's hands */
};

void buffers_init(struct buffers *b, uint32_t small);
void buffers_fini(struct buffers *b); /* frees what lies in the free lists */

/* Empty; NULL without memory. */
struct buffer *buffer_get(struct buffers *b, bool large);

/* NULL-safe. */
void buffer_put(struct buffers *b, struct buffer *buf);

static inline uint32_t buffer_len(const struct buffer *b)
{
    return b ? b->end - b->at : 0;
}

static inline uint32_t buffer_room(const struct buffer *b)
{
    return b->cap - b->end;
}

/* Moves the content to the front. */
void buffer_compact(struct buffer *b);
