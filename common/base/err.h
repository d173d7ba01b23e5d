/*
 * Errors as sentences.
 *
 * The doctrine (HACKING.md): a negative errno is unexpected and goes up; a positive enum is a
 * documented outcome and is handled where it occurs. A `struct err` travels with the negative one,
 * and each layer that knows a name ("listener http-in") puts it in front, once.
 */
#pragma once

#include "common/base/macro.h"

struct err {
    char text[512];
};

/* Writes the sentence and returns `code`, so that `return err_set(e, -EINVAL, ...)` reads well.
 * `e` may be NULL. */
int err_set(struct err *e, int code, const char *fmt, ...) printf_like(3, 4);

/* Puts "context: " in front of what is there and returns `code`. */
int err_prefix(struct err *e, int code, const char *fmt, ...) printf_like(3, 4);
