#include "common/base/conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *conf_kind_name(enum conf_kind kind)
{
    switch (kind) {
    case CONF_KIND_NULL:
        return "null";
    case CONF_KIND_BOOL:
        return "true or false";
    case CONF_KIND_NUMBER:
        return "a number";
    case CONF_KIND_STRING:
        return "a string";
    case CONF_KIND_ARRAY:
        return "a list";
    case CONF_KIND_OBJECT:
        return "an object";
    }
    return "?";
}

static void node_free(struct conf_node *node)
{
    while (node) {
        struct conf_node *next = node->next;
        node_free(node->first);
        free(node->key);
        free(node->text);
        free(node);
        node = next;
    }
}

void conf_doc_fini(struct conf_doc *doc)
{
    if (!doc)
        return;
    node_free(doc->root);
    while (doc->files) {
        struct conf_file *f = doc->files;
        doc->files = f->next;
        free(f->name);
        free(f->text);
        free(f);
    }
    *doc = (struct conf_doc){0};
}

const struct conf_file *conf_doc_file(struct conf_doc *doc, const char *name, const char *text,
                                      size_t len)
{
    struct conf_file *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->name = strdup(name);
    f->text = malloc(len + 1);
    if (!f->name || !f->text) {
        free(f->name);
        free(f->text);
        free(f);
        return NULL;
    }
    memcpy(f->text, text, len);
    f->text[len] = '\0';
    f->len = len;
    f->next = doc->files;
    doc->files = f;
    return f;
}

struct conf_node *conf_add(struct conf_doc *doc, struct conf_node *parent, enum conf_kind kind,
                           const char *key, const char *text, struct conf_pos at)
{
    struct conf_node *node = calloc(1, sizeof(*node));

    if (!node)
        return NULL;
    *node = (struct conf_node){.kind = kind, .key_at = at, .at = at, .parent = parent};
    node->key = key ? strdup(key) : NULL;
    node->text = text ? strdup(text) : NULL;
    if ((key && !node->key) || (text && !node->text)) {
        node_free(node);
        return NULL;
    }
    if (!parent) {
        node_free(doc->root);
        doc->root = node;
        return node;
    }
    if (parent->last)
        parent->last->next = node;
    else
        parent->first = node;
    parent->last = node;
    parent->count++;
    return node;
}

const struct conf_node *conf_get(const struct conf_node *object, const char *key)
{
    conf_for_each (node, object)
        if (node->key && strcmp(node->key, key) == 0)
            return node;
    return NULL;
}

void conf_remove(struct conf_node *object, const char *key)
{
    struct conf_node *before = NULL;

    for (struct conf_node *node = object->first; node; before = node, node = node->next) {
        if (!node->key || strcmp(node->key, key) != 0)
            continue;
        if (before)
            before->next = node->next;
        else
            object->first = node->next;
        if (object->last == node)
            object->last = before;
        object->count--;
        node->next = NULL;
        node_free(node);
        return;
    }
}

int conf_say(struct conf_report *r, enum conf_severity severity, struct conf_pos at,
             const char *hint, const char *fmt, ...)
{
    int result = severity == CONF_ERROR ? -EINVAL : 0;

    r->errors += severity == CONF_ERROR;
    if (r->count == CONF_DIAGS) {
        r->more++;
        return result;
    }
    struct conf_diag *d = &r->diags[r->count++];
    *d = (struct conf_diag){.severity = severity, .at = at};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(d->text, sizeof(d->text), fmt, ap);
    va_end(ap);
    if (hint)
        snprintf(d->hint, sizeof(d->hint), "%s", hint);
    return result;
}

/* The line and a caret under the place; a long line is shown around it. */
static void render_place(const struct conf_pos *at, struct buf *out)
{
    enum { SHOWN = 100 };
    const char *line = at->file->text, *end;

    for (unsigned n = 1; n < at->line && line; n++) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    if (!line)
        return;
    end = line + strcspn(line, "\r\n");
    unsigned col = at->col ? at->col - 1 : 0;
    if (col > (size_t)(end - line))
        return;
    if (col > SHOWN / 2) {
        line += col - SHOWN / 2;
        col = SHOWN / 2;
    }
    int shown = (int)MIN((size_t)(end - line), (size_t)SHOWN);
    buf_printf(out, "    %.*s\n    ", shown, line);
    for (unsigned i = 0; i < col; i++)
        buf_char(out, line[i] == '\t' ? '\t' : ' ');
    buf_char(out, '^');
    for (unsigned i = 1; i < at->width && col + i < (unsigned)shown; i++)
        buf_char(out, '~');
    buf_char(out, '\n');
}

void conf_report_render(const struct conf_report *r, struct buf *out)
{
    static const char *const words[] = {
        [CONF_ERROR] = "error", [CONF_WARNING] = "warning", [CONF_NOTICE] = "notice"};

    for (size_t i = 0; i < r->count; i++) {
        const struct conf_diag *d = &r->diags[i];
        if (d->at.file)
            buf_printf(out, "%s:%u:%u: ", d->at.file->name, d->at.line, d->at.col);
        buf_printf(out, "%s: %s\n", words[d->severity], d->text);
        if (d->at.file)
            render_place(&d->at, out);
        if (d->hint[0])
            buf_printf(out, "  hint: %s\n", d->hint);
    }
    if (r->more)
        buf_printf(out, "%zu more not shown\n", r->more);
}
