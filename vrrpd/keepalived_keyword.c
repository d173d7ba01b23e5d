#include "vrrpd/keepalived_keyword.h"

#include "common/base/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void ka_error(struct ka *k, struct conf_pos at, const char *hint, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    conf_say(k->b.report, CONF_ERROR, at, hint, "%s", text);
}

void ka_put(struct ka *k, struct conf_node *object, const char *path, enum conf_kind kind,
            const char *text, struct conf_pos at)
{
    struct conf_pos before = {0};
    char hint[64];

    conf_build_put(&k->b, object, path, kind, text, at, &before);
    if (!before.file)
        return;
    snprintf(hint, sizeof(hint), "the one at line %u has no effect", before.line);
    conf_say(k->b.report, CONF_WARNING, at, hint, "this is given twice");
}

const struct keepalived_word *ka_word(struct ka *k, const struct keepalived_stmt *s, size_t i,
                                      const char *what)
{
    if (i < s->count)
        return &s->words[i];
    ka_error(k, s->words[0].at, NULL, "\"%s\" needs %s", s->words[0].text, what);
    return NULL;
}

bool ka_seconds(const char *text, char out[32])
{
    struct span span;

    return parse_span(text, 1000000, &span) && strpbrk(text, "usmhd") == NULL &&
           span_format(span, out);
}

void ka_command(struct ka *k, struct conf_node *object, const char *key,
                const struct keepalived_stmt *s, size_t first, bool user_follows)
{
    const struct keepalived_word *w = ka_word(k, s, first, "a command");

    if (!w || !object)
        return;
    if (user_follows || s->count == first + 1) {
        ka_put(k, object, key, CONF_KIND_STRING, w->text, w->at);
        if (user_follows && s->count > first + 1)
            ka_put(k, object, "user", CONF_KIND_STRING, s->words[first + 1].text,
                   s->words[first + 1].at);
        return;
    }
    struct conf_node *list = conf_build_child(&k->b, object, CONF_KIND_ARRAY, key, w->at);
    for (size_t i = first; i < s->count; i++)
        conf_build_append(&k->b, list, CONF_KIND_STRING, s->words[i].text, s->words[i].at);
}

/* ---- rows ---- */

static void put_number(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                       struct conf_node *object)
{
    const struct keepalived_word *w = ka_word(k, s, 1, "a number");
    int64_t n;

    if (!w)
        return;
    if (!parse_int(w->text, INT32_MIN, INT32_MAX, &n))
        ka_error(k, w->at, NULL, "\"%s\" is a whole number, not \"%s\"", kw->name, w->text);
    else
        ka_put(k, object, kw->path, CONF_KIND_NUMBER, w->text, w->at);
}

static void put_seconds(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                        struct conf_node *object)
{
    const struct keepalived_word *w = ka_word(k, s, 1, "a number of seconds");
    char span[32];

    if (!w)
        return;
    if (!ka_seconds(w->text, span))
        ka_error(k, w->at, NULL, "\"%s\" is a number of seconds, not \"%s\"", kw->name, w->text);
    else
        ka_put(k, object, kw->path, CONF_KIND_STRING, span, w->at);
}

static void put_flag(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                     struct conf_node *object)
{
    bool on = true;

    if (s->count > 1 && !parse_bool(s->words[1].text, &on)) {
        ka_error(k, s->words[1].at, NULL, "\"%s\" takes on or off, not \"%s\"", kw->name,
                 s->words[1].text);
        return;
    }
    bool value = on == (kw->kind == KA_TRUE);
    ka_put(k, object, kw->path, CONF_KIND_BOOL, value ? "true" : "false", s->words[0].at);
}

static void run_row(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                    struct conf_node *object)
{
    const struct keepalived_word *w;

    switch (kw->kind) {
    case KA_INT:
        put_number(k, kw, s, object);
        return;
    case KA_SECONDS:
        put_seconds(k, kw, s, object);
        return;
    case KA_TEXT:
        w = ka_word(k, s, 1, "a word");
        if (w)
            ka_put(k, object, kw->path, CONF_KIND_STRING, w->text, w->at);
        return;
    case KA_TRUE:
    case KA_FALSE:
        put_flag(k, kw, s, object);
        return;
    case KA_NOTICE:
        conf_say(k->b.report, CONF_NOTICE, s->words[0].at, NULL, "\"%s\" has no effect here: %s",
                 kw->name, kw->note);
        return;
    case KA_REFUSE:
        ka_error(k, s->words[0].at, kw->note, "\"%s\" is not supported", kw->name);
        return;
    case KA_CALL:
        kw->fn(k, kw, s, object);
        return;
    }
}

void ka_statement(struct ka *k, const struct ka_keyword *table, size_t rows,
                  const struct keepalived_stmt *s, struct conf_node *object, const char *what)
{
    char hint[128];

    if (!s->count) {
        ka_error(k, (struct conf_pos){0}, NULL, "a block without a keyword in %s", what);
        return;
    }
    for (size_t i = 0; i < rows; i++) {
        if (strcmp(table[i].name, s->words[0].text) == 0) {
            run_row(k, &table[i], s, object);
            return;
        }
    }
    const char *near = parse_nearest(s->words[0].text, table, rows, sizeof(*table));
    snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near ? near : "");
    ka_error(k, s->words[0].at, near ? hint : "remove it, or see vrrpd.json(5) for what there is",
             "unknown keyword \"%s\" in %s", s->words[0].text, what);
}

void ka_block(struct ka *k, const struct ka_keyword *table, size_t rows,
              const struct keepalived_stmt *block, struct conf_node *object, const char *what)
{
    for (const struct keepalived_stmt *s = block->first; s; s = s->next)
        ka_statement(k, table, rows, s, object, what);
}
