/*
 * The core's enums have tables of names; this looks one up.
 */
#pragma once

#include <stddef.h>

/* "unknown" for a value without a name, so that a log line never sees NULL. */
static inline const char *name_of(const char *const *table, size_t n, size_t value)
{
    return value < n && table[value] ? table[value] : "unknown";
}
