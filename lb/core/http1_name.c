/*
 * Words of HTTP/1: header names, methods, lists, results.
 *
 * A header name is looked up once for each line of each message. The table of known names is
 * ordered by length; a name is compared with the few of its own length, eight bytes at a time.
 */
#include "common/base/macro.h"
#include "lb/core/http1_internal.h"

#include <string.h>

/* Sets of HTTP1_IN_*, by byte value; test_http1 holds it against the RFCs' grammar. */
const uint8_t http1_class[256] = {
    0,  0,  0,  0,  0,  0,  0,  0,  0,  4,  0,  0,  0,  0,  0,  0,  /* 0x00 */
    0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  /* 0x10 */
    4,  15, 6,  5,  15, 15, 15, 15, 14, 14, 15, 15, 14, 15, 31, 6,  /* 0x20 */
    31, 31, 31, 31, 31, 31, 31, 31, 31, 31, 22, 14, 6,  14, 6,  6,  /* 0x30 */
    6,  31, 31, 31, 31, 31, 31, 15, 15, 15, 15, 15, 15, 15, 15, 15, /* 0x40 */
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6,  6,  6,  7,  15, /* 0x50 */
    7,  31, 31, 31, 31, 31, 31, 15, 15, 15, 15, 15, 15, 15, 15, 15, /* 0x60 */
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 6,  7,  6,  15, 0,  /* 0x70 */
    4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* 0x80 */
    4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* 0x90 */
    4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* 0xa0 */
    4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* 0xb0 */
    4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* 0xc0 */
    4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* 0xd0 */
    4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* 0xe0 */
    4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  /* 0xf0 */
};

bool http1_is_token(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!http1_in(text[i], HTTP1_IN_TOKEN))
            return false;
    return len > 0;
}

#define NAME_LEN_MAX 17

struct known_name {
    const char *text;
    uint8_t len;
};

static const struct known_name names[HTTP1_NAME_COUNT] = {
#define NAME_ROW(ID, TEXT) [HTTP1_NAME_##ID] = {TEXT, sizeof(TEXT) - 1},
    HTTP1_NAMES(NAME_ROW)
#undef NAME_ROW
};

bool http1_word_is(const char *text, size_t len, const char *word)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c >= 'A' && c <= 'Z')
            c = (char)(c | 0x20);
        if (c != word[i] || c == '\0')
            return false;
    }
    return word[len] == '\0';
}

/* The first name of each length; the others of that length follow it. */
static const uint8_t first_of_len[NAME_LEN_MAX + 1] = {
    [2] = HTTP1_NAME_TE,
    [4] = HTTP1_NAME_ETAG,
    [6] = HTTP1_NAME_COOKIE,
    [7] = HTTP1_NAME_EXPIRES,
    [8] = HTTP1_NAME_LOCATION,
    [10] = HTTP1_NAME_CONNECTION,
    [12] = HTTP1_NAME_CONTENT_TYPE,
    [13] = HTTP1_NAME_AUTHORIZATION,
    [14] = HTTP1_NAME_CONTENT_LENGTH,
    [15] = HTTP1_NAME_X_FORWARDED_FOR,
    [16] = HTTP1_NAME_PROXY_CONNECTION,
    [17] = HTTP1_NAME_TRANSFER_ENCODING,
};

/* `text` is lower case. Setting bit 5 is enough: no two token characters that differ in it alone
 * are other than a letter and its capital, as far as letters, digits and '-' are concerned. */
static bool token_is(const char *token, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((token[i] | 0x20) != text[i])
            return false;
    return true;
}

enum http1_name http1_name_id(const char *name, size_t len)
{
    if (len > NAME_LEN_MAX)
        return HTTP1_NAME_OTHER;
    unsigned id = first_of_len[len];
    for (; id && id < HTTP1_NAME_COUNT && names[id].len == len; id++)
        if (token_is(name, names[id].text, len))
            return (enum http1_name)id;
    return HTTP1_NAME_OTHER;
}

const char *http1_name_text(enum http1_name id)
{
    return id > HTTP1_NAME_OTHER && id < HTTP1_NAME_COUNT ? names[id].text : "";
}

/* ---- methods ---- */

/* In the order of enum http1_method. */
static const struct known_name methods[HTTP1_METHODS] = {
    {"", 0},       {"GET", 3},     {"HEAD", 4},    {"POST", 4},  {"PUT", 3},
    {"DELETE", 6}, {"CONNECT", 7}, {"OPTIONS", 7}, {"TRACE", 5}, {"PATCH", 5},
};

enum http1_method http1_method_id(const char *name, size_t len)
{
    for (unsigned m = HTTP1_GET; m < HTTP1_METHODS; m++)
        if (methods[m].len == len && memcmp(methods[m].text, name, len) == 0)
            return (enum http1_method)m;
    return HTTP1_OTHER;
}

const char *http1_method_text(enum http1_method m)
{
    return (unsigned)m < HTTP1_METHODS ? methods[m].text : "";
}

/* ---- results ---- */

struct outcome {
    const char *word;
    const char *reason;
    uint16_t status;
};

static const struct outcome outcomes[HTTP1_RESULTS] = {
    [HTTP1_COMPLETE] = {"complete", "the head is complete", 0},
    [HTTP1_PARTIAL] = {"partial", "the head is not complete", 0},
    [HTTP1_BAD_METHOD] = {"method", "the method is not a token, or too long", 400},
    [HTTP1_BAD_TARGET] = {"target", "the request target is not one", 400},
    [HTTP1_BAD_VERSION] = {"version", "no HTTP version where it should be", 400},
    [HTTP1_BAD_VERSION_UNKNOWN] = {"version-unknown", "the version is not HTTP/1.x", 505},
    [HTTP1_BAD_STATUS] = {"status", "the status line has no valid status and phrase", 400},
    [HTTP1_BAD_LINE_END] = {"line-end", "a line does not end with CR LF", 400},
    [HTTP1_BAD_NAME] = {"name", "a header name is not a token with a colon right behind", 400},
    [HTTP1_BAD_FOLD] = {"fold", "a header line begins with white space", 400},
    [HTTP1_BAD_VALUE] = {"value", "a control character in a header value", 400},
    [HTTP1_BAD_HOST] = {"host", "Host, or the target's authority, is not host[:port]", 400},
    [HTTP1_BAD_HOST_MISSING] = {"host-missing", "HTTP/1.1 without Host", 400},
    [HTTP1_BAD_HOST_SEVERAL] = {"host-several", "more than one Host", 400},
    [HTTP1_BAD_HOST_DIFFERS] = {"host-differs", "Host differs from the target", 400},
    [HTTP1_BAD_LENGTH] = {"length", "Content-Length is not a number", 400},
    [HTTP1_BAD_LENGTH_DIFFERS] = {"length-differs", "two Content-Lengths that differ", 400},
    [HTTP1_BAD_LENGTH_AND_CODING] = {"length-and-coding",
                                     "Content-Length and Transfer-Encoding in one message", 400},
    [HTTP1_BAD_CODING] = {"coding", "a Transfer-Encoding other than one chunked", 400},
    [HTTP1_BAD_CODING_VERSION] = {"coding-version", "Transfer-Encoding in HTTP/1.0", 400},
    [HTTP1_BAD_CONNECT_BODY] = {"connect-body", "CONNECT with a body", 400},
    [HTTP1_BAD_CONNECTION] = {"connection", "too many Connection options", 400},
    [HTTP1_BAD_EMPTY_LINES] = {"empty-lines", "too many empty lines before the request", 400},
    [HTTP1_BAD_LONG_START] = {"long-start", "the first line is too long", 414},
    [HTTP1_BAD_LONG_FIELD] = {"long-field", "a header line is too long", 431},
    [HTTP1_BAD_LONG_HEAD] = {"long-head", "the header section is too long", 431},
    [HTTP1_BAD_MANY_FIELDS] = {"many-fields", "too many header fields", 431},
};

const char *http1_reason(enum http1_result r)
{
    return r < HTTP1_RESULTS ? outcomes[r].reason : "";
}

const char *http1_word(enum http1_result r)
{
    return r < HTTP1_RESULTS ? outcomes[r].word : "";
}

uint16_t http1_status(enum http1_result r)
{
    return r < HTTP1_RESULTS ? outcomes[r].status : 0;
}
