/*
 * Conditions: `if is_api !{ src 10.0.0.0/8 } or METH_POST`.
 *
 * A test compares the values of a sample expression with patterns; an acl is a named list of
 * tests of which one has to be true; a condition combines acls: blanks mean "and", "or" and "||"
 * separate alternatives, "!" negates.
 *
 *     path_beg /api /v2          the suffix says how to compare: beg end sub dir dom reg len
 *     hdr(host),lower -m end .example.org
 *     src -f /etc/lb/friends     patterns from a file
 *     hdr_cnt(x) gt 3            numbers: eq ge gt le lt, 5, 5:10
 *
 * Of a header with several values it is enough that one matches. All is compiled into the program
 * and read-only after.
 */
#pragma once

#include "lb/core/sample.h"

struct acls;
struct cond;

/* An empty list, for one listener or pool. NULL, and said so, without memory. */
struct acls *acls_new(struct compile *c);

/* One more test for the acl `name`: the text at hand, all its words. */
bool acls_add(struct compile *c, struct acls *acls, const char *name);

/* The words of the text at hand from `from` on: "if ..." or "unless ..."; nothing if there are
 * none, and then *out is NULL, which is always true. */
bool cond_parse(struct compile *c, size_t from, const struct cond **out);

/* The same without "if", for texts that are a condition as a whole (such as "when"): "if" or
 * "unless" may stand there. */
bool cond_parse_all(struct compile *c, const struct cond **out);

bool cond_holds(const struct cond *cond, struct eval *ev);

/* The index of the word "if" or "unless" that begins the text's condition, or the number of words.
 */
size_t cond_find(const struct words *w, size_t from);
