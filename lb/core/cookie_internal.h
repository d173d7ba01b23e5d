/*
 * Shared by the two halves of cookie.h; nobody else includes this.
 */
#pragma once

#include "lb/core/cookie.h"

#define COOKIE_DATE_DIGITS  5 /* 30 bits, six to a digit */
#define COOKIE_DATE_UNIT_S  4 /* dates count units of four seconds */
#define COOKIE_DATE_DELIM   '|'
#define COOKIE_PREFIX_DELIM '~'

extern const char cookie_digits[65];

/* One "name=value" with all that belongs to it: bytes [at, end). */
struct cookie_item {
    size_t at, name_end, value, end;
    bool is_pair; /* it has a '=' */
};

/* The item at `*p` or behind it, within `end`; `*p` is moved behind it. False if there is none. A
 * quoted string may hold delimiters; `delim` is one more besides the semicolon. */
bool cookie_item(const char *buf, size_t *p, size_t end, char delim, struct cookie_item *out);

bool cookie_is_ours(const struct cookie_conf *conf, const char *buf, const struct cookie_item *i);
