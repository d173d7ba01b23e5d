/*
 * A state machine over bytes; content is skipped a run at a time.
 */
#include "lb/core/chunked.h"

#include "common/base/macro.h"
#include "lb/core/http1_internal.h"

#include <stdbool.h>

#define SIZE_DIGITS_MAX 16

enum state {
    SIZE,         /* hexadecimal digits */
    BLANK,        /* spaces that an extension must follow */
    EXTENSION,    /* up to CR */
    SIZE_LF,      /* LF behind the size line's CR */
    CONTENT,      /* `left` bytes */
    CONTENT_CR,   /* CR behind the content */
    CONTENT_LF,   /* LF behind that */
    TRAILER,      /* first byte of a trailer line */
    TRAILER_NAME, /* the rest of its name, up to the colon */
    TRAILER_VALUE,
    TRAILER_LF,
    LAST_LF, /* LF of the empty line that ends the body */
    ENDED,   /* and ENDED + r for an error r */
};

static const char *const reasons[CHUNKED_RESULTS] = {
    [CHUNKED_MORE] = "the body goes on",
    [CHUNKED_DONE] = "the body is complete",
    [CHUNKED_BAD_SIZE] = "a chunk size that is not a hexadecimal number",
    [CHUNKED_BAD_OVERFLOW] = "a chunk size that is too large",
    [CHUNKED_BAD_EXTENSION] = "a chunk extension with a control character or without its semicolon",
    [CHUNKED_BAD_LONG_EXTENSION] = "a chunk extension that is too long",
    [CHUNKED_BAD_LINE_END] = "a chunk, or its size, does not end with CR LF",
    [CHUNKED_BAD_TRAILER] = "a malformed trailer line",
    [CHUNKED_BAD_TRAILER_NAME] = "a trailer field that may only be in the header",
    [CHUNKED_BAD_LONG_TRAILER] = "a trailer section that is too long",
};

const char *chunked_reason(enum chunked_result r)
{
    return r < CHUNKED_RESULTS ? reasons[r] : "";
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The line that carries the size is over: content follows, or the trailer section. */
static void size_complete(struct chunked *c)
{
    c->count = 0;
    c->state = c->left ? CONTENT : TRAILER;
}

static enum chunked_result read_size(struct chunked *c, char b)
{
    int digit = hex_digit(b);

    if (digit >= 0) {
        if (c->count == SIZE_DIGITS_MAX || c->left > (uint64_t)INT64_MAX >> 4)
            return CHUNKED_BAD_OVERFLOW;
        c->left = c->left << 4 | (uint64_t)digit;
        c->count++;
        return CHUNKED_MORE;
    }
    if (c->count == 0)
        return CHUNKED_BAD_SIZE;
    c->count = 0;
    switch (b) {
    case '\r':
        c->state = SIZE_LF;
        return CHUNKED_MORE;
    case ';':
        c->state = EXTENSION;
        return CHUNKED_MORE;
    case ' ':
        c->state = BLANK;
        return CHUNKED_MORE;
    case '\n':
        return CHUNKED_BAD_LINE_END;
    default:
        return CHUNKED_BAD_SIZE;
    }
}

static enum chunked_result read_extension(struct chunked *c, char b)
{
    if (++c->count > CHUNKED_LINE_MAX)
        return CHUNKED_BAD_LONG_EXTENSION;
    if (c->state == BLANK) {
        if (b == ';')
            c->state = EXTENSION;
        else if (b != ' ')
            return CHUNKED_BAD_EXTENSION;
        return CHUNKED_MORE;
    }
    if (b == '\r')
        c->state = SIZE_LF;
    else if (b == '\n')
        return CHUNKED_BAD_LINE_END;
    else if (!http1_in(b, HTTP1_IN_VALUE))
        return CHUNKED_BAD_EXTENSION;
    return CHUNKED_MORE;
}

/* Names that would frame, route or authenticate a message if somebody merged the trailer section
 * into the header. */
static bool trailer_allowed(const struct chunked *c)
{
    if (c->name_len > sizeof(c->name))
        return true;
    switch (http1_name_id(c->name, c->name_len)) {
    case HTTP1_NAME_OTHER:
    case HTTP1_NAME_ETAG:
    case HTTP1_NAME_EXPIRES:
    case HTTP1_NAME_LAST_MODIFIED:
    case HTTP1_NAME_PRAGMA:
    case HTTP1_NAME_LOCATION:
        return true;
    case HTTP1_NAME_TE:
    case HTTP1_NAME_HOST:
    case HTTP1_NAME_COOKIE:
    case HTTP1_NAME_EXPECT:
    case HTTP1_NAME_TRAILER:
    case HTTP1_NAME_UPGRADE:
    case HTTP1_NAME_CONNECTION:
    case HTTP1_NAME_KEEP_ALIVE:
    case HTTP1_NAME_SET_COOKIE:
    case HTTP1_NAME_CONTENT_TYPE:
    case HTTP1_NAME_AUTHORIZATION:
    case HTTP1_NAME_CACHE_CONTROL:
    case HTTP1_NAME_CONTENT_LENGTH:
    case HTTP1_NAME_HTTP2_SETTINGS:
    case HTTP1_NAME_X_FORWARDED_FOR:
    case HTTP1_NAME_PROXY_CONNECTION:
    case HTTP1_NAME_TRANSFER_ENCODING:
    case HTTP1_NAME_COUNT:
        break;
    }
    return false;
}

static enum chunked_result read_trailer_name(struct chunked *c, char b)
{
    if (b == ':') {
        c->state = TRAILER_VALUE;
        return c->name_len == 0     ? CHUNKED_BAD_TRAILER
               : trailer_allowed(c) ? CHUNKED_MORE
                                    : CHUNKED_BAD_TRAILER_NAME;
    }
    if (!http1_in(b, HTTP1_IN_TOKEN))
        return CHUNKED_BAD_TRAILER;
    if (c->name_len < sizeof(c->name))
        c->name[c->name_len] = b;
    if (c->name_len <= sizeof(c->name))
        c->name_len++;
    return CHUNKED_MORE;
}

static enum chunked_result read_trailer(struct chunked *c, char b)
{
    if (++c->count > CHUNKED_TRAILER_MAX)
        return CHUNKED_BAD_LONG_TRAILER;
    switch (c->state) {
    case TRAILER:
        if (b == '\r') {
            c->state = LAST_LF;
            return CHUNKED_MORE;
        }
        if (c->fields++ == CHUNKED_FIELDS_MAX)
            return CHUNKED_BAD_LONG_TRAILER;
        c->name_len = 0;
        c->state = TRAILER_NAME;
        return read_trailer_name(c, b);
    case TRAILER_NAME:
        return read_trailer_name(c, b);
    case TRAILER_VALUE:
        if (b == '\r')
            c->state = TRAILER_LF;
        else if (!http1_in(b, HTTP1_IN_VALUE))
            return b == '\n' ? CHUNKED_BAD_LINE_END : CHUNKED_BAD_TRAILER;
        return CHUNKED_MORE;
    case TRAILER_LF:
        c->state = TRAILER;
        return b == '\n' ? CHUNKED_MORE : CHUNKED_BAD_LINE_END;
    default: /* LAST_LF */
        return b == '\n' ? CHUNKED_DONE : CHUNKED_BAD_LINE_END;
    }
}

static enum chunked_result expect(struct chunked *c, char b, char wanted, enum state next)
{
    c->state = (uint8_t)next;
    return b == wanted ? CHUNKED_MORE : CHUNKED_BAD_LINE_END;
}

static enum chunked_result read_byte(struct chunked *c, char b)
{
    switch (c->state) {
    case SIZE:
        return read_size(c, b);
    case BLANK:
    case EXTENSION:
        return read_extension(c, b);
    case SIZE_LF:
        size_complete(c);
        return b == '\n' ? CHUNKED_MORE : CHUNKED_BAD_LINE_END;
    case CONTENT_CR:
        return expect(c, b, '\r', CONTENT_LF);
    case CONTENT_LF:
        return expect(c, b, '\n', SIZE);
    default:
        return read_trailer(c, b);
    }
}

enum chunked_result chunked_next(struct chunked *c, const char *data, size_t len, size_t *used,
                                 size_t *content)
{
    size_t i = 0;

    *content = 0;
    *used = 0;
    if (c->state >= ENDED)
        return (enum chunked_result)(c->state - ENDED);
    while (i < len) {
        if (c->state == CONTENT) {
            size_t run = MIN(c->left, (uint64_t)(len - i));

            c->left -= run;
            c->payload += run;
            if (c->left == 0)
                c->state = CONTENT_CR;
            *content = run;
            *used = i + run;
            return CHUNKED_MORE;
        }
        enum chunked_result r = read_byte(c, data[i]);
        if (r != CHUNKED_MORE) {
            c->state = (uint8_t)(ENDED + r);
            *used = r == CHUNKED_DONE ? i + 1 : i;
            return r;
        }
        i++;
    }
    *used = i;
    return CHUNKED_MORE;
}

enum chunked_result chunked_follow(struct chunked *c, const char *data, size_t len, size_t *used)
{
    enum chunked_result r;
    size_t at = 0;

    do {
        size_t step, content;

        r = chunked_next(c, data + at, len - at, &step, &content);
        at += step;
    } while (r == CHUNKED_MORE && at < len);
    *used = at;
    return r;
}
