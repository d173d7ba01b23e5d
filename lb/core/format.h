/*
 * Texts with holes: "%[src] %ci:%cp %{+Q}r", HAProxy's log format.
 *
 *     %%              a percent sign
 *     %[EXPRESSION]   the value of a sample expression
 *     %LETTERS        one of a table of letters (below, or the access log's own)
 *     %{+Q,-X}...     flags: +Q in quotes, +X hexadecimal, +E escaped; for %o: from here on
 *
 * Parsed once into the program, read-only after.
 */
#pragma once

#include "lb/core/sample.h"

enum format_kind {
    FORMAT_HTTP, /* into a message: nothing for what is not there, control characters as %0A */
    FORMAT_LOG   /* into a log line: '-' for what is not there, control characters as #0A */
};

enum { FORMAT_QUOTE = 1, FORMAT_HEX = 2, FORMAT_ESCAPE = 4 };

struct format_letter;

/* The text of a letter, in ev->tmp or elsewhere; at NULL: not there. `user` as given to
 * format_eval(). With FORMAT_HEX in `flags` numbers and addresses are hexadecimal. */
typedef struct text format_fn(const struct format_letter *l, struct eval *ev, void *user,
                              unsigned flags);

struct format_letter {
    const char *name; /* first: searched for near ones */
    format_fn *fn;
    int aux;
    bool number; /* never in quotes */
};

struct format_letters {
    const struct format_letter *v;
    size_t n;
};

/* What rules know: addresses, names, times, the request line. `user` is not used. */
extern const struct format_letters format_rule_letters;

struct format;

/* Bytes [at, at + text.len) of the text at hand. NULL, and said so, on a fault. */
const struct format *format_parse(struct compile *c, struct text text, size_t at,
                                  enum format_kind kind, const struct format_letters *letters);

/* In ev->tmp, followed by a NUL; at NULL if it does not fit there. */
struct text format_eval(const struct format *f, struct eval *ev, void *user);

/* It has no holes: its text; at NULL otherwise. */
struct text format_constant(const struct format *f);
