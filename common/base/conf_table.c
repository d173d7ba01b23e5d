/*
 * Decoding and comparing by key tables. Each scalar type is one row of `scalars`: how it is read,
 * how it is written back, and what to tell a user who wrote something else.
 */
#include "common/base/conf_table.h"

#include "common/base/conf_scalar.h"
#include "common/base/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *field(void *obj, const struct conf_key *key)
{
    return (char *)obj + key->offset;
}

static const void *field_const(const void *obj, const struct conf_key *key)
{
    return (const char *)obj + key->offset;
}

static int oom(struct conf_report *r, const struct conf_node *node)
{
    conf_say(r, CONF_ERROR, node ? node->at : (struct conf_pos){0}, NULL, "out of memory");
    return -ENOMEM;
}

static int wrong_kind(struct conf_report *r, const struct conf_node *node, const char *name,
                      const char *expected)
{
    return conf_say(r, CONF_ERROR, node->at, NULL, "\"%s\" is %s, not %s", name, expected,
                    conf_kind_name(node->kind));
}

/* ---- lists of texts ---- */

static int strings_push(struct conf_strings *list, const char *text)
{
    char **v = reallocarray(list->v, list->n + 1, sizeof(*v));
    if (!v)
        return -ENOMEM;
    list->v = v;
    v[list->n] = strdup(text);
    if (!v[list->n])
        return -ENOMEM;
    list->n++;
    return 0;
}

static int decode_strings(const struct conf_key *key, const struct conf_node *node,
                          struct conf_strings *out, struct conf_report *r)
{
    bool single = node->kind == CONF_KIND_STRING;

    if (!single && node->kind != CONF_KIND_ARRAY)
        return wrong_kind(r, node, key->name, "a list of texts");
    if (single)
        return strings_push(out, node->text) < 0 ? oom(r, node) : 0;
    if (key->max && (int64_t)node->count > key->max)
        return conf_say(r, CONF_ERROR, node->at, NULL, "\"%s\" takes at most %lld entries",
                        key->name, (long long)key->max);
    conf_for_each (item, node) {
        if (item->kind != CONF_KIND_STRING)
            return wrong_kind(r, item, key->name, "a list of texts");
        if (strings_push(out, item->text) < 0)
            return oom(r, item);
    }
    return 0;
}

/* ---- lists of structures ---- */

/* A new entry, all zero but for its name (may be NULL); NULL without memory. */
static struct conf_obj *push_entry(const struct conf_key *key, const char *name,
                                   struct conf_list *out)
{
    struct conf_obj *entry = calloc(1, key->table->size);
    char *copy = name ? strdup(name) : NULL;
    void **v = reallocarray(out->v, out->n + 1, sizeof(*v));

    if (v)
        out->v = v;
    if (!entry || !v || (name && !copy)) {
        free(entry);
        free(copy);
        return NULL;
    }
    entry->name = copy;
    v[out->n++] = entry;
    return entry;
}

static int decode_entry(const struct conf_key *key, const struct conf_node *node,
                        struct conf_list *out, struct conf_report *r)
{
    struct conf_obj *entry = push_entry(key, key->type == CONF_NAMED ? node->key : NULL, out);

    return entry ? conf_table_decode(key->table, node, entry, r) : oom(r, node);
}

/* A name alone, where CONF_NAMED takes a list of them. */
static int decode_name(const struct conf_key *key, const struct conf_node *node,
                       struct conf_list *out, struct conf_report *r)
{
    if (node->kind != CONF_KIND_STRING || !node->text[0])
        return conf_say(r, CONF_ERROR, node->at, NULL, "\"%s\" is a list of names here", key->name);
    if (conf_named(out, node->text))
        return conf_say(r, CONF_ERROR, node->at, "keep one", "\"%s\" stands here twice",
                        node->text);
    struct conf_obj *entry = push_entry(key, node->text, out);
    if (!entry)
        return oom(r, node);
    int err = conf_table_decode(key->table, NULL, entry, r);
    entry->node = node;
    return err;
}

static int decode_names(const struct conf_key *key, const struct conf_node *node,
                        struct conf_list *out, struct conf_report *r)
{
    int result = 0;

    conf_for_each (item, node) {
        int err = decode_name(key, item, out, r);
        if (err == -ENOMEM)
            return err;
        result = err < 0 ? err : result;
    }
    return result;
}

static const char *list_form(const struct conf_key *key)
{
    if (key->type == CONF_ARRAY)
        return "a list: [ ... ]";
    return key->names ? "a list of names, or an object of them: { \"name\": ... }"
                      : "an object of names: { \"name\": ... }";
}

static int decode_list(const struct conf_key *key, const struct conf_node *node,
                       struct conf_list *out, struct conf_report *r)
{
    bool named = key->type == CONF_NAMED;
    enum conf_kind want = named ? CONF_KIND_OBJECT : CONF_KIND_ARRAY;
    bool names = key->names && node->kind == CONF_KIND_ARRAY;
    int result = 0;

    if (!named && (node->kind == CONF_KIND_OBJECT ||
                   (node->kind == CONF_KIND_STRING && key->table->shorthand)))
        return decode_entry(key, node, out, r);
    if (node->kind != want && !names)
        return wrong_kind(r, node, key->name, list_form(key));
    if (key->max && (int64_t)node->count > key->max)
        return conf_say(r, CONF_ERROR, node->at, NULL, "\"%s\" takes at most %lld entries",
                        key->name, (long long)key->max);
    if (names)
        return decode_names(key, node, out, r);
    conf_for_each (item, node) {
        if (named && !item->key[0]) {
            result = conf_say(r, CONF_ERROR, item->key_at, NULL, "a name must not be empty");
            continue;
        }
        int err = decode_entry(key, item, out, r);
        if (err == -ENOMEM)
            return err;
        result = err < 0 ? err : result;
    }
    return result;
}

/* ---- one key ---- */

static int decode_key(const struct conf_key *key, const struct conf_node *node, void *obj,
                      struct conf_report *r)
{
    void *out = field(obj, key);

    switch (key->type) {
    case CONF_STRINGS:
        return decode_strings(key, node, out, r);
    case CONF_OBJECT:
        conf_table_fini(key->table, out);
        return conf_table_decode(key->table, node, out, r);
    case CONF_NAMED:
    case CONF_ARRAY:
        return decode_list(key, node, out, r);
    case CONF_BOOL:
    case CONF_INT:
    case CONF_SPAN:
    case CONF_SIZE:
    case CONF_STRING:
    case CONF_WORD:
    case CONF_ADDR:
    case CONF_PREFIX:
    case CONF_ADDR_PORT:
        return conf_scalar_decode(key, node, out, r);
    }
    return -EINVAL;
}

static int set_default(const struct conf_key *key, void *obj, struct conf_report *r)
{
    if (key->type == CONF_OBJECT)
        return conf_table_decode(key->table, NULL, field(obj, key), r);
    if (!key->def)
        return 0;
    if (key->type == CONF_STRINGS)
        return strings_push(field(obj, key), key->def) < 0 ? oom(r, NULL) : 0;
    return conf_scalar_default(key, field(obj, key));
}

static const struct conf_key *find_key(const struct conf_table *table, const char *name)
{
    for (size_t i = 0; i < table->key_count; i++)
        if (strcmp(table->keys[i].name, name) == 0)
            return &table->keys[i];
    return NULL;
}

static void unknown_key(const struct conf_table *table, const struct conf_node *node,
                        struct conf_report *r)
{
    const char *near =
        parse_nearest(node->key, table->keys, table->key_count, sizeof(*table->keys));
    struct buf hint cleanup(buf_fini) = BUF_INIT(300);

    if (near) {
        buf_printf(&hint, "did you mean \"%s\"?", near);
    } else {
        buf_printf(&hint, "%s knows: ", table->what);
        for (size_t i = 0; i < table->key_count; i++)
            buf_printf(&hint, "%s%s", i ? ", " : "", table->keys[i].name);
    }
    conf_say(r, CONF_ERROR, node->key_at, buf_cstr(&hint), "unknown key \"%s\" in %s", node->key,
             table->what);
}

static int decode_object(const struct conf_table *table, const struct conf_node *node, void *obj,
                         struct conf_report *r)
{
    int result = 0;

    conf_for_each (member, node) {
        const struct conf_key *key = find_key(table, member->key);
        if (!key) {
            unknown_key(table, member, r);
            result = -EINVAL;
            continue;
        }
        if (key->type == CONF_STRINGS)
            conf_strings_fini(field(obj, key)); /* what is written replaces the default */
        int err = decode_key(key, member, obj, r);
        if (err == -ENOMEM)
            return err;
        result = err < 0 ? err : result;
    }
    for (size_t i = 0; i < table->key_count; i++)
        if (table->keys[i].required && !conf_get(node, table->keys[i].name))
            result = conf_say(r, CONF_ERROR, node->key_at, table->keys[i].doc, "%s needs \"%s\"",
                              table->what, table->keys[i].name);
    return result;
}

int conf_table_decode(const struct conf_table *table, const struct conf_node *node, void *obj,
                      struct conf_report *r)
{
    ((struct conf_obj *)obj)->node = node;
    for (size_t i = 0; i < table->key_count; i++) {
        int err = set_default(&table->keys[i], obj, r);
        if (err < 0)
            return err;
    }
    if (!node)
        return 0;
    if (node->kind == CONF_KIND_OBJECT)
        return decode_object(table, node, obj, r);
    if (table->shorthand && node->kind != CONF_KIND_NULL)
        return decode_key(find_key(table, table->shorthand), node, obj, r);
    return conf_say(r, CONF_ERROR, node->at, NULL, "%s is an object in braces { }, not %s",
                    table->what, conf_kind_name(node->kind));
}

/* ---- freeing and comparing ---- */

void conf_strings_fini(struct conf_strings *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->v[i]);
    free(list->v);
    *list = (struct conf_strings){0};
}

static void list_fini(const struct conf_table *table, struct conf_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        conf_table_fini(table, list->v[i]);
        free(list->v[i]);
    }
    free(list->v);
    *list = (struct conf_list){0};
}

void conf_table_fini(const struct conf_table *table, void *obj)
{
    if (!obj)
        return;
    for (size_t i = 0; i < table->key_count; i++) {
        const struct conf_key *key = &table->keys[i];
        void *f = field(obj, key);
        if (key->type == CONF_STRING)
            free(*(char **)f);
        else if (key->type == CONF_STRINGS)
            conf_strings_fini(f);
        else if (key->type == CONF_OBJECT)
            conf_table_fini(key->table, f);
        else if (key->type == CONF_NAMED || key->type == CONF_ARRAY)
            list_fini(key->table, f);
    }
    free(((struct conf_obj *)obj)->name);
    memset(obj, 0, table->size);
}

static bool strings_equal(const struct conf_strings *a, const struct conf_strings *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->v[i], b->v[i]) != 0)
            return false;
    return true;
}

static bool lists_equal(const struct conf_table *table, const struct conf_list *a,
                        const struct conf_list *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!conf_table_equal(table, a->v[i], b->v[i]))
            return false;
    return true;
}

bool conf_key_equal(const struct conf_key *key, const void *a, const void *b)
{
    const void *fa = field_const(a, key), *fb = field_const(b, key);

    switch (key->type) {
    case CONF_STRINGS:
        return strings_equal(fa, fb);
    case CONF_OBJECT:
        return conf_table_equal(key->table, fa, fb);
    case CONF_NAMED:
    case CONF_ARRAY:
        return lists_equal(key->table, fa, fb);
    case CONF_BOOL:
    case CONF_INT:
    case CONF_SPAN:
    case CONF_SIZE:
    case CONF_STRING:
    case CONF_WORD:
    case CONF_ADDR:
    case CONF_PREFIX:
    case CONF_ADDR_PORT:
        return conf_scalar_equal(key->type, fa, fb);
    }
    return false;
}

bool conf_table_equal(const struct conf_table *table, const void *a, const void *b)
{
    const char *na = ((const struct conf_obj *)a)->name, *nb = ((const struct conf_obj *)b)->name;

    if ((na || nb) && (!na || !nb || strcmp(na, nb) != 0))
        return false;
    for (size_t i = 0; i < table->key_count; i++)
        if (!conf_key_equal(&table->keys[i], a, b))
            return false;
    return true;
}

/* ---- asking ---- */

bool conf_is_set(const void *obj, const char *key)
{
    const struct conf_node *node = ((const struct conf_obj *)obj)->node;
    return node && conf_get(node, key);
}

struct conf_pos conf_at(const void *obj, const char *key)
{
    const struct conf_node *node = ((const struct conf_obj *)obj)->node;
    const struct conf_node *value = key && node ? conf_get(node, key) : NULL;

    return value ? value->at : node ? node->key_at : (struct conf_pos){0};
}

void *conf_named(const struct conf_list *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct conf_obj *entry = list->v[i];
        if (entry->name && strcmp(entry->name, name) == 0)
            return list->v[i];
    }
    return NULL;
}

const char *conf_word_name(const struct conf_word *words, int value)
{
    for (; words->name; words++)
        if (words->value == value)
            return words->name;
    return "?";
}
