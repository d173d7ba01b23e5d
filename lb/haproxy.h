/*
 * haproxy.cfg as a second front end: its sections become the tree that lb.json would be (config.h),
 * each node placed at the word it came from, so that one checker judges both and every finding
 * points into the file that the user wrote.
 *
 * A frontend becomes a listener, a backend a pool, a listen both; what `defaults` says is laid
 * under them. Defaults are HAProxy's own where they differ from the native form's. A directive that
 * cannot be honoured is an error at its place and says what to do; one that has no meaning here is
 * accepted and named once in a notice. None is ignored in silence.
 */
#pragma once

#include "lb/haproxy_lex.h"

/* Several files make one configuration: haproxy_lex() each into the same lines, then this. The root
 * of `doc` is the native form. 0, -EINVAL with findings in `r`, or -ENOMEM. */
int haproxy_read(struct conf_doc *doc, const struct haproxy_lines *lines, struct conf_report *r);
