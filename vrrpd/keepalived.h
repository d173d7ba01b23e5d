/*
 * keepalived.conf as a second front end: its statements become the tree that vrrpd.json would be
 * (config.h), each node placed at the word it came from, so that one checker judges both and every
 * finding points into the file that the user wrote.
 *
 * Defaults are keepalived's own where they differ from the native form's (version 2, five
 * gratuitous ARPs), so that a pair can be moved one node at a time. A keyword that cannot be
 * honoured is an error at its line and says what to do; one that has no meaning here is accepted
 * with a notice. None is ignored in silence.
 */
#pragma once

#include "vrrpd/keepalived_lex.h"

#include <stdbool.h>

/* Reads `text` into `doc`, whose root is the native form. `config_id` and `loader` as in
 * keepalived_lex.h. 0, -EINVAL with findings in `r`, or -ENOMEM. */
int keepalived_read(struct conf_doc *doc, const char *name, const char *text, size_t len,
                    const char *config_id, const struct keepalived_loader *loader,
                    struct conf_report *r);
