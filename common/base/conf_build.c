#include "common/base/conf_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PART = 64 };

static struct conf_node *find(const struct conf_node *object, const char *key)
{
    return (struct conf_node *)conf_get(object, key); /* the builder owns the tree */
}

struct conf_node *conf_build_child(struct conf_builder *b, struct conf_node *object,
                                   enum conf_kind kind, const char *key, struct conf_pos at)
{
    struct conf_node *node = object ? find(object, key) : NULL;

    if (!node && object) {
        node = conf_add(b->doc, object, kind, key, NULL, at);
        b->oom |= !node;
    }
    return node;
}

struct conf_node *conf_build_append(struct conf_builder *b, struct conf_node *list,
                                    enum conf_kind kind, const char *text, struct conf_pos at)
{
    struct conf_node *node = list ? conf_add(b->doc, list, kind, NULL, text, at) : NULL;

    b->oom |= list && !node;
    return node;
}

void conf_build_put(struct conf_builder *b, struct conf_node *object, const char *path,
                    enum conf_kind kind, const char *text, struct conf_pos at,
                    struct conf_pos *before)
{
    char part[PART];

    for (const char *dot; object && (dot = strchr(path, '.')); path = dot + 1) {
        snprintf(part, sizeof(part), "%.*s", (int)(dot - path), path);
        object = conf_build_child(b, object, CONF_KIND_OBJECT, part, at);
    }
    if (!object)
        return;
    struct conf_node *node = find(object, path);
    if (!node) {
        b->oom |= !conf_add(b->doc, object, kind, path, text, at);
        return;
    }
    char *copy = strdup(text);
    if (!copy) {
        b->oom = true;
        return;
    }
    if (before)
        *before = node->at;
    free(node->text);
    node->text = copy;
    node->kind = kind;
    node->at = at;
}

bool conf_build_has(const struct conf_node *object, const char *path)
{
    char part[PART];

    for (const char *dot; object && (dot = strchr(path, '.')); path = dot + 1) {
        snprintf(part, sizeof(part), "%.*s", (int)(dot - path), path);
        object = conf_get(object, part);
    }
    return object && conf_get(object, path);
}
