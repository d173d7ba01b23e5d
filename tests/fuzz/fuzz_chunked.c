/*
 * A chunked body: it ends at the same byte in any split, and its content is the same whether it is
 * followed or taken out. What is taken out and framed anew is the same content again.
 *
 * The first byte is the size of the pieces.
 */
#include "common/base/macro.h"
#include "lb/core/chunked.h"
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct outcome {
    enum chunked_result result;
    size_t used;
    uint64_t payload;
};

static void must(bool holds)
{
    if (!holds)
        abort();
}

static struct outcome follow(const uint8_t *data, size_t size, size_t step)
{
    struct outcome o = {CHUNKED_MORE, 0, 0};
    struct chunked c;

    chunked_init(&c);
    while (o.result == CHUNKED_MORE && o.used < size) {
        size_t n = MIN(step, size - o.used), used;
        char *copy = malloc(n);

        must(copy);
        memcpy(copy, data + o.used, n);
        o.result = chunked_follow(&c, copy, n, &used);
        free(copy);
        must(used <= n && (o.result != CHUNKED_MORE || used == n));
        o.used += used;
    }
    o.payload = c.payload;
    return o;
}

static struct outcome decode(const uint8_t *data, size_t size, uint8_t *content)
{
    struct outcome o = {CHUNKED_MORE, 0, 0};
    struct chunked c;

    chunked_init(&c);
    while (o.result == CHUNKED_MORE && o.used < size) {
        size_t used, run;

        o.result = chunked_next(&c, (const char *)data + o.used, size - o.used, &used, &run);
        must(used <= size - o.used && run <= used && (used || o.result != CHUNKED_MORE));
        o.used += used;
        memcpy(content + o.payload, data + o.used - run, run);
        o.payload += run;
    }
    must(o.payload == c.payload);
    return o;
}

/* The content as one chunk. */
static void check_again(const uint8_t *content, size_t len)
{
    uint8_t *framed = malloc(len + 64), *again = malloc(len + 1);

    must(framed && again);
    size_t n = len ? (size_t)sprintf((char *)framed, "%zx\r\n", len) : 0;
    memcpy(framed + n, content, len);
    n += len;
    memcpy(framed + n, "\r\n0\r\n\r\n" + (len ? 0 : 2), len ? 7 : 5);
    n += len ? 7 : 5;
    struct outcome o = decode(framed, n, again);
    must(o.result == CHUNKED_DONE && o.used == n && o.payload == len);
    must(memcmp(again, content, len) == 0);
    free(framed);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t step = data[0] + 1u;
    data++, size--;
    uint8_t *content = malloc(size + 1);
    must(content);
    struct outcome a = decode(data, size, content), b = follow(data, size, step);
    must(a.result == b.result && a.used == b.used && a.payload == b.payload);
    must(a.result != CHUNKED_DONE || (a.used >= 5 && memcmp(data + a.used - 2, "\r\n", 2) == 0));
    check_again(content, a.payload);
    free(content);
    return 0;
}
