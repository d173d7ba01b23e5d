/*
 * Building a configuration tree piece by piece: for front ends whose text is not shaped like the
 * tree (keepalived.conf, haproxy.cfg). Running out of memory is remembered in the builder and asked
 * for once, at the end; until then every call is harmless.
 */
#pragma once

#include "common/base/conf.h"

struct conf_builder {
    struct conf_doc *doc;
    struct conf_report *report;
    bool oom;
};

/* The object or list `key` of `object`, made if it is not there. NULL only without memory; a NULL
 * `object` gives NULL. */
struct conf_node *conf_build_child(struct conf_builder *b, struct conf_node *object,
                                   enum conf_kind kind, const char *key, struct conf_pos at);

/* Appends to a list; `text` is NULL for objects and lists. */
struct conf_node *conf_build_append(struct conf_builder *b, struct conf_node *list,
                                    enum conf_kind kind, const char *text, struct conf_pos at);

/* Sets the scalar at `path`, where "a.b" makes the object a. A value that is there already is
 * replaced; then the former one is returned in `*before` (its place), if `before` is not NULL. */
void conf_build_put(struct conf_builder *b, struct conf_node *object, const char *path,
                    enum conf_kind kind, const char *text, struct conf_pos at,
                    struct conf_pos *before);

/* True if something stands at `path`. */
bool conf_build_has(const struct conf_node *object, const char *path);
