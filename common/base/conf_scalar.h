/*
 * The scalar types of conf_table.h: reading, comparing and writing one value. For the conf_
 * modules.
 */
#pragma once

#include "common/base/conf_table.h"

/* Reads `node` into `out` (the field of `key`). 0, -EINVAL with a finding, or -ENOMEM. On failure
 * the field keeps what it had. */
int conf_scalar_decode(const struct conf_key *key, const struct conf_node *node, void *out,
                       struct conf_report *r);

/* Sets the field to the row's default. */
int conf_scalar_default(const struct conf_key *key, void *out);

bool conf_scalar_equal(enum conf_type type, const void *a, const void *b);

/* Appends the value as it is written in JSON. */
void conf_scalar_print(const struct conf_key *key, const void *value, struct buf *out);

/* Appends a JSON string. */
void conf_print_string(const char *text, struct buf *out);

/* How a user writes a value of this type: "a time such as \"1s\" or \"250ms\"". */
const char *conf_scalar_expected(const struct conf_key *key);
