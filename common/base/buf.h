/*
 * A growing byte buffer with a limit.
 *
 * Writes never fail one by one: what would pass the limit (or what memory there is) is dropped
 * whole and `lost` is set, so a caller writes everything and asks once. The data is always followed
 * by a NUL that `len` does not count, so a text can be handed on as a string.
 */
#pragma once

#include "common/base/macro.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* NULL until the first write */
    size_t len;
    size_t cap;
    size_t max; /* limit on len in bytes; 0 means BUF_MAX_DEFAULT */
    bool lost;  /* a write was dropped */
};

#define BUF_MAX_DEFAULT ((size_t)16 << 20)

/* Use: `struct buf b cleanup(buf_fini) = BUF_INIT(65536);` */
#define BUF_INIT(MAX) ((struct buf){.max = (MAX)})

/* Frees the data and empties the buffer; its limit stays. NULL-safe. */
void buf_fini(struct buf *b);

/* Forgets the content, keeps the memory. */
void buf_clear(struct buf *b);

void buf_add(struct buf *b, const void *data, size_t len);
void buf_str(struct buf *b, const char *text);
void buf_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) printf_like(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);

/* Makes room for `extra` more bytes; false if the limit or memory forbids it. */
bool buf_reserve(struct buf *b, size_t extra);

/* Drops `n` bytes from the front. */
void buf_consume(struct buf *b, size_t n);

/* The content as a string, "" if empty; valid until the next write. */
const char *buf_cstr(const struct buf *b);

/* Hands the content over as a string that the caller frees; the buffer is empty after. */
char *buf_take(struct buf *b);
