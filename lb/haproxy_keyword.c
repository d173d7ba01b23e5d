#include "lb/haproxy_keyword.h"

#include "common/base/parse.h"

#include <stdio.h>
#include <string.h>

/* Lines of defaults are read once for each proxy; what is wrong with them is said once. */
static bool said_before(const struct ha *h, struct conf_pos at, const char *text)
{
    for (size_t i = 0; i < h->b.report->count; i++) {
        const struct conf_diag *d = &h->b.report->diags[i];
        if (d->at.file == at.file && d->at.line == at.line && d->at.col == at.col &&
            strcmp(d->text, text) == 0)
            return true;
    }
    return false;
}

void ha_error(struct ha *h, struct conf_pos at, const char *hint, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (said_before(h, at, text))
        return;
    conf_say(h->b.report, CONF_ERROR, at, hint, "%s", text);
}

void ha_notice(struct ha *h, struct conf_pos at, const char *what, const char *why)
{
    for (size_t i = 0; i < h->noticed_n; i++)
        if (strcmp(h->noticed[i], what) == 0)
            return;
    if (h->noticed_n < HA_NOTICED)
        h->noticed[h->noticed_n++] = what;
    conf_say(h->b.report, CONF_NOTICE, at, NULL, "\"%s\" has no effect here: %s", what, why);
}

const struct haproxy_word *ha_arg(struct ha_args a, size_t i)
{
    return a.first + i < a.line->count ? &a.line->words[a.first + i] : NULL;
}

const struct haproxy_word *ha_need(struct ha *h, struct ha_args a, size_t i, const char *what)
{
    const struct haproxy_word *w = ha_arg(a, i);

    if (!w) {
        const struct haproxy_word *last = &a.line->words[a.line->count - 1];
        ha_error(h, last->at, NULL, "\"%s\" needs %s", a.line->words[0].text, what);
    }
    return w;
}

static bool needs_quotes(const char *word)
{
    return !*word || strpbrk(word, " \t\n\r\"'\\#");
}

void ha_join(struct ha_args a, size_t i, struct buf *out)
{
    const struct haproxy_word *w;

    for (size_t n = 0; (w = ha_arg(a, i)); i++, n++) {
        buf_str(out, n ? " " : "");
        if (!needs_quotes(w->text)) {
            buf_str(out, w->text);
            continue;
        }
        buf_char(out, '"');
        for (const char *p = w->text; *p; p++) {
            if (*p == '"' || *p == '\\')
                buf_char(out, '\\');
            buf_char(out, *p);
        }
        buf_char(out, '"');
    }
}

void ha_put(struct ha *h, struct conf_node *object, const char *path, enum conf_kind kind,
            const char *text, struct conf_pos at)
{
    if (!h->from_defaults || !conf_build_has(object, path))
        conf_build_put(&h->b, object, path, kind, text, at, NULL);
}

void ha_push(struct ha *h, struct conf_node *object, const char *path, const char *text,
             struct conf_pos at)
{
    const char *dot = strchr(path, '.');
    char part[64];

    if (dot) {
        snprintf(part, sizeof(part), "%.*s", (int)(dot - path), path);
        object = conf_build_child(&h->b, object, CONF_KIND_OBJECT, part, at);
        path = dot + 1;
    }
    struct conf_node *list = conf_build_child(&h->b, object, CONF_KIND_ARRAY, path, at);
    conf_build_append(&h->b, list, CONF_KIND_STRING, text, at);
}

bool ha_time(struct ha *h, const struct haproxy_word *w, char out[32])
{
    struct span span;

    if (!parse_span(w->text, 1000, &span)) {
        ha_error(h, w->at, "write 500, 500ms, 5s, 1m, 1h or 1d", "\"%s\" is not a time", w->text);
        return false;
    }
    span_format(span, out);
    return true;
}

const struct ha_keyword *ha_find(struct ha *h, const struct ha_keyword *table, size_t rows,
                                 struct ha_args a, const char *what)
{
    const struct haproxy_word *w = ha_need(h, a, 0, what);
    char hint[128] = "";

    if (!w)
        return NULL;
    for (size_t i = 0; i < rows; i++)
        if (strcmp(table[i].name, w->text) == 0)
            return &table[i];
    const char *near = parse_nearest(w->text, table, rows, sizeof(*table));
    if (near)
        snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near);
    ha_error(h, w->at, near ? hint : "remove it; lb.json(5) lists what there is",
             "unknown %s \"%s\" in %s", what, w->text, h->section);
    return NULL;
}

static void put_both(struct ha *h, const struct ha_keyword *kw, enum conf_kind kind,
                     const char *text, struct conf_pos at)
{
    struct conf_node *objects[] = {kw->sides & HA_LISTENER ? h->listener : NULL,
                                   kw->sides & HA_POOL ? h->pool : NULL};

    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        if (objects[i] && kw->list)
            ha_push(h, objects[i], kw->path, text, at);
        else if (objects[i])
            ha_put(h, objects[i], kw->path, kind, text, at);
    }
}

static void run_value(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    struct buf rest cleanup(buf_fini) = BUF_INIT(65536);
    const struct haproxy_word *w = ha_need(h, a, 1, "a value");
    char span[32];
    int64_t n;

    if (!w)
        return;
    if (kw->kind == HA_TEXT) {
        put_both(h, kw, CONF_KIND_STRING, w->text, w->at);
    } else if (kw->kind == HA_REST) {
        ha_join(a, 1, &rest);
        put_both(h, kw, CONF_KIND_STRING, buf_cstr(&rest), w->at);
    } else if (kw->kind == HA_TIME) {
        if (ha_time(h, w, span))
            put_both(h, kw, CONF_KIND_STRING, span, w->at);
    } else if (!parse_int(w->text, INT32_MIN, INT32_MAX, &n)) {
        ha_error(h, w->at, NULL, "\"%s\" is a whole number, not \"%s\"", kw->name, w->text);
    } else {
        put_both(h, kw, CONF_KIND_NUMBER, w->text, w->at);
    }
}

/* A keyword of backends in a frontend, or the other way round. In defaults it goes where it can. */
static bool misplaced(const struct ha *h, const struct ha_keyword *kw)
{
    bool fits = (kw->sides & HA_LISTENER && h->listener) || (kw->sides & HA_POOL && h->pool);
    return kw->sides && !fits;
}

void ha_run(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    const struct haproxy_word *name = &a.line->words[a.first];

    if (misplaced(h, kw)) {
        if (!h->from_defaults)
            conf_say(h->b.report, CONF_WARNING, name->at,
                     h->pool ? "it belongs into a frontend" : "it belongs into a backend",
                     "\"%s\" has no effect in a %s", kw->name, h->section);
        return;
    }
    switch (kw->kind) {
    case HA_INT:
    case HA_TIME:
    case HA_TEXT:
    case HA_REST:
        run_value(h, kw, a);
        return;
    case HA_FLAG:
        put_both(h, kw, CONF_KIND_BOOL, kw->text, name->at);
        return;
    case HA_WORD:
        put_both(h, kw, CONF_KIND_STRING, kw->text, name->at);
        return;
    case HA_NOTICE:
        ha_notice(h, name->at, kw->name, kw->text);
        return;
    case HA_REFUSE:
        ha_error(h, name->at, kw->text, "\"%s\" is not supported", kw->name);
        return;
    case HA_CALL:
        kw->fn(h, kw, a);
        return;
    }
}
