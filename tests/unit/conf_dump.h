/*
 * A configuration tree on one line: {name:'text' number:1 list:['a' 'b']}.
 */
#pragma once

#include "common/base/conf.h"

static inline void conf_dump(const struct conf_node *node, struct buf *out)
{
    bool object = node->kind == CONF_KIND_OBJECT;

    if (!object && node->kind != CONF_KIND_ARRAY) {
        const char *quote = node->kind == CONF_KIND_STRING ? "'" : "";
        buf_printf(out, "%s%s%s", quote, node->text, quote);
        return;
    }
    buf_char(out, object ? '{' : '[');
    conf_for_each (child, node) {
        if (child != node->first)
            buf_char(out, ' ');
        if (object)
            buf_printf(out, "%s:", child->key);
        conf_dump(child, out);
    }
    buf_char(out, object ? '}' : ']');
}
