/*
 * Words to values, strictly: the whole text must match, or false is returned and the output is
 * untouched. Also the nearest known word for a misspelt one.
 */
#pragma once

#include "common/base/mono.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decimal, with an optional minus sign; false outside min..max. */
bool parse_int(const char *text, int64_t min, int64_t max, int64_t *out);

/* "250us" "10ms" "1.5s" "2m" "1h" "1d"; at most six decimals; no sign. A bare number is refused
 * unless `default_unit_us` is given (keepalived counts seconds, HAProxy milliseconds). */
bool parse_span(const char *text, int64_t default_unit_us, struct span *out);

/* "4096", "64k", "1m", "2g" (powers of 1024). */
bool parse_size(const char *text, uint64_t *out);

/* "true", "on", "yes" and their opposites. */
bool parse_bool(const char *text, bool *out);

/* True if all of it is UTF-8 (RFC 3629: shortest form, no surrogates). */
bool parse_utf8(const char *text);

/* Writes the shortest exact form with a unit: "1s", "1500ms", "333us". Returns `text`. */
#define PARSE_SPAN_MAX 32
const char *span_format(struct span s, char text[PARSE_SPAN_MAX]);

/* The candidate that `word` most likely meant, or NULL if none is near. `words` has `n` entries,
 * `stride` bytes apart, each beginning with a `const char *` (so that key tables can be searched as
 * they are); entries whose pointer is NULL are passed over. */
const char *parse_nearest(const char *word, const void *words, size_t n, size_t stride);
