/*
 * The chunked transfer coding (RFC 9112 section 7.1), followed without copying.
 *
 * The body is forwarded as it came; this only tells where it ends and that it is what every other
 * recipient will take it for. Strict: CRLF and nothing else ends a line, a chunk size has 1 to 16
 * hexadecimal digits, extensions are bounded, and a trailer field may not be one that frames,
 * routes or authenticates a message (RFC 9110 section 6.5.1).
 *
 * Input may be split anywhere; the result is the same.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CHUNKED_LINE_MAX    1024 /* bytes of a chunk line's extensions */
#define CHUNKED_TRAILER_MAX 8192 /* bytes of the trailer section */
#define CHUNKED_FIELDS_MAX  64   /* fields of the trailer section */

enum chunked_result {
    CHUNKED_MORE, /* all bytes belong to the body, and more will come */
    CHUNKED_DONE, /* the body ends behind the bytes used */
    CHUNKED_BAD_SIZE,
    CHUNKED_BAD_OVERFLOW, /* chunk size of more than 16 digits, or above 2^63 - 1 */
    CHUNKED_BAD_EXTENSION,
    CHUNKED_BAD_LONG_EXTENSION,
    CHUNKED_BAD_LINE_END, /* something other than CRLF behind a size or a chunk */
    CHUNKED_BAD_TRAILER,
    CHUNKED_BAD_TRAILER_NAME, /* Content-Length, Transfer-Encoding, Host, Cookie, ... */
    CHUNKED_BAD_LONG_TRAILER,
    CHUNKED_RESULTS
};

/* A sentence without a full stop. */
const char *chunked_reason(enum chunked_result r);

/* Embedded by value; all zero is the start of a body. */
struct chunked {
    uint64_t left;    /* chunk data still to come; while a size is read, the size so far */
    uint64_t payload; /* bytes of content so far, without the framing */
    uint16_t count;   /* digits, or bytes of the extensions or of the trailer section so far */
    uint8_t state;
    uint8_t fields;   /* trailer fields so far */
    uint8_t name_len; /* of the trailer field's name */
    char name[19];    /* its first bytes */
};

static inline void chunked_init(struct chunked *c)
{
    *c = (struct chunked){0};
}

/* Follows the body over `len` bytes. `*used` is how many of them belong to it: all of them unless
 * CHUNKED_DONE comes back; on an error, those before the byte to blame. After CHUNKED_DONE or an
 * error the same result is returned again with nothing used. */
enum chunked_result chunked_follow(struct chunked *c, const char *data, size_t len, size_t *used);

/* The same, but stops behind each run of content, for a recipient that must get the content bare
 * (an HTTP/1.0 client). The last `*content` of the `*used` bytes are content. Call again with the
 * rest until everything is used. */
enum chunked_result chunked_next(struct chunked *c, const char *data, size_t len, size_t *used,
                                 size_t *content);
