/*
 * Shared by the parts of the parser; nobody else includes this.
 */
#pragma once

#include "lb/core/http1.h"

/* What a byte may be part of; http1_class[] holds a set of these for each byte value. */
enum {
    HTTP1_IN_TOKEN = 1,   /* RFC 9110 section 5.6.2 */
    HTTP1_IN_TARGET = 2,  /* visible ASCII but '#', as the oracle takes it; wider than RFC 3986 */
    HTTP1_IN_VALUE = 4,   /* field-vchar, SP, HTAB */
    HTTP1_IN_HOST = 8,    /* reg-name of RFC 3986 */
    HTTP1_IN_LITERAL = 16 /* inside the brackets of an IP literal */
};

extern const uint8_t http1_class[256];

static inline bool http1_in(char c, unsigned set)
{
    return http1_class[(unsigned char)c] & set;
}

/* The second half of parsing: what the fields mean for the message. Returns HTTP1_COMPLETE or an
 * error. */
enum http1_result http1_meaning_request(const char *buf, struct http1_head *h);
enum http1_result http1_meaning_response(const char *buf, struct http1_head *h);

/* host[:port], with an IP literal in brackets. `host_len` is the length without the port. */
bool http1_host_split(const char *text, size_t len, size_t *host_len);
