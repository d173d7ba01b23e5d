#include "lb/core/arena.h"

#include "common/base/macro.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK 4096

struct arena_block {
    struct arena_block *before;
    alignas(max_align_t) char data[];
};

void arena_init(struct arena *a, void *first, size_t size, size_t more)
{
    *a = (struct arena){.at = first, .end = first ? (char *)first + size : NULL, .left = more};
}

static void drop_until(struct arena *a, const struct arena_block *last)
{
    while (a->blocks != last) {
        struct arena_block *b = a->blocks;
        a->blocks = b->before;
        free(b);
    }
}

void arena_fini(struct arena *a)
{
    drop_until(a, NULL);
    a->at = a->end = NULL;
}

/* What is left in the present block is not used any more. */
static bool grow(struct arena *a, size_t need)
{
    size_t size = MIN(MAX(need, (size_t)BLOCK), a->left);
    struct arena_block *b = size >= need ? malloc(sizeof(*b) + size) : NULL;

    if (!b) {
        a->lost = true;
        return false;
    }
    b->before = a->blocks;
    a->blocks = b;
    a->left -= size;
    a->at = b->data;
    a->end = b->data + size;
    return true;
}

char *arena_bytes(struct arena *a, size_t len)
{
    if (len > (size_t)(a->end - a->at) && !grow(a, len))
        return NULL;
    char *p = a->at;
    a->at += len;
    return p;
}

void *arena_new(struct arena *a, size_t size)
{
    size_t pad = -(uintptr_t)a->at & (alignof(max_align_t) - 1);

    if (!a->at || pad + size > (size_t)(a->end - a->at)) {
        if (!grow(a, size + alignof(max_align_t)))
            return NULL;
        pad = -(uintptr_t)a->at & (alignof(max_align_t) - 1);
    }
    char *p = a->at + pad;
    a->at = p + size;
    return memset(p, 0, size);
}

struct text arena_text(struct arena *a, struct text t)
{
    char *p = arena_bytes(a, t.len + 1);

    if (!p)
        return TEXT_NONE;
    if (t.len)
        memcpy(p, t.at, t.len);
    p[t.len] = '\0';
    return (struct text){p, t.len};
}

struct text arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : arena_bytes(a, (size_t)n + 1);
    if (!p)
        return TEXT_NONE;
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return (struct text){p, (size_t)n};
}

struct arena_mark arena_mark(const struct arena *a)
{
    return (struct arena_mark){a->blocks, a->at, a->end, a->left};
}

void arena_release(struct arena *a, struct arena_mark m)
{
    drop_until(a, m.block);
    a->at = m.at;
    a->end = m.end;
    a->left = m.left;
}
