#include "lb/net/buffer.h"

#include <stdlib.h>
#include <string.h>

#define KEEP_SMALL 256 /* free ones kept */
#define KEEP_LARGE 32

void buffers_init(struct buffers *b, uint32_t small)
{
    *b = (struct buffers){.small = small};
}

static void free_all(struct buffer *buf)
{
    while (buf) {
        struct buffer *next = buf->next;
        free(buf);
        buf = next;
    }
}

void buffers_fini(struct buffers *b)
{
    free_all(b->free_small);
    free_all(b->free_large);
    *b = (struct buffers){0};
}

static struct buffer *take(struct buffer **list, uint32_t *n)
{
    struct buffer *buf = *list;

    if (buf) {
        *list = buf->next;
        --*n;
    }
    return buf;
}

struct buffer *buffer_get(struct buffers *b, bool large)
{
    struct buffer *buf =
        large ? take(&b->free_large, &b->n_free_large) : take(&b->free_small, &b->n_free_small);
    uint32_t cap = large ? BUFFER_LARGE : b->small;

    if (!buf && !(buf = malloc(sizeof(*buf) + cap)))
        return NULL;
    if (large)
        b->used_large++;
    else
        b->used_small++;
    buf->next = NULL;
    buf->cap = cap;
    buf->at = buf->end = 0;
    return buf;
}

static void give(struct buffer **list, uint32_t *n, uint32_t keep, struct buffer *buf)
{
    if (*n >= keep) {
        free(buf);
        return;
    }
    buf->next = *list;
    *list = buf;
    ++*n;
}

void buffer_put(struct buffers *b, struct buffer *buf)
{
    if (!buf)
        return;
    if (buf->cap == b->small) {
        b->used_small--;
        give(&b->free_small, &b->n_free_small, KEEP_SMALL, buf);
    } else {
        b->used_large--;
        give(&b->free_large, &b->n_free_large, KEEP_LARGE, buf);
    }
}

void buffer_compact(struct buffer *b)
{
    if (!b->at)
        return;
    memmove(b->data, b->data + b->at, b->end - b->at);
    b->end -= b->at;
    b->at = 0;
}
