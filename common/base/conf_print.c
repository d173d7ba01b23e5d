/*
 * The native form and the JSON Schema, printed from the key tables.
 */
#include "common/base/conf_scalar.h"
#include "common/base/conf_table.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

static void indent(struct buf *out, int depth)
{
    buf_printf(out, "\n%*s", depth * 2, "");
}

static const void *field(const void *obj, const struct conf_key *key)
{
    return (const char *)obj + key->offset;
}

static void print_object(const struct conf_table *table, const void *obj, const void *defaults,
                         struct buf *out, int depth);

/* True if only the shorthand key differs from its default, so that a scalar will do. */
static const struct conf_key *shorthand_of(const struct conf_table *table, const void *obj,
                                           const void *defaults)
{
    const struct conf_key *only = NULL;

    for (size_t i = 0; i < table->key_count; i++) {
        const struct conf_key *key = &table->keys[i];
        bool is_short = table->shorthand && strcmp(key->name, table->shorthand) == 0;
        if (is_short)
            only = key;
        else if (!conf_key_equal(key, obj, defaults))
            return NULL;
    }
    return only;
}

static void print_strings(const struct conf_strings *list, struct buf *out)
{
    buf_char(out, '[');
    for (size_t i = 0; i < list->n; i++) {
        buf_str(out, i ? ", " : "");
        conf_print_string(list->v[i], out);
    }
    buf_char(out, ']');
}

static void print_value(const struct conf_key *key, const void *value, struct buf *out, int depth);

static void print_entry(const struct conf_table *table, const void *obj, struct buf *out, int depth)
{
    struct conf_report ignored = {0};
    void *defaults = calloc(1, table->size);

    if (!defaults || conf_table_decode(table, NULL, defaults, &ignored) < 0) {
        out->lost = true;
    } else {
        const struct conf_key *only = shorthand_of(table, obj, defaults);
        if (only)
            print_value(only, field(obj, only), out, depth);
        else
            print_object(table, obj, defaults, out, depth);
        conf_table_fini(table, defaults);
    }
    free(defaults);
}

static void print_list(const struct conf_key *key, const struct conf_list *list, struct buf *out,
                       int depth)
{
    bool named = key->type == CONF_NAMED;

    buf_char(out, named ? '{' : '[');
    for (size_t i = 0; i < list->n; i++) {
        buf_str(out, i ? "," : "");
        indent(out, depth + 1);
        if (named) {
            conf_print_string(((const struct conf_obj *)list->v[i])->name, out);
            buf_str(out, ": ");
        }
        print_entry(key->table, list->v[i], out, depth + 1);
    }
    if (list->n)
        indent(out, depth);
    buf_char(out, named ? '}' : ']');
}

static void print_value(const struct conf_key *key, const void *value, struct buf *out, int depth)
{
    switch (key->type) {
    case CONF_STRINGS:
        print_strings(value, out);
        return;
    case CONF_OBJECT:
        print_entry(key->table, value, out, depth);
        return;
    case CONF_NAMED:
    case CONF_ARRAY:
        print_list(key, value, out, depth);
        return;
    case CONF_BOOL:
    case CONF_INT:
    case CONF_SPAN:
    case CONF_SIZE:
    case CONF_STRING:
    case CONF_WORD:
    case CONF_ADDR:
    case CONF_PREFIX:
    case CONF_ADDR_PORT:
        conf_scalar_print(key, value, out);
        return;
    }
}

static void print_object(const struct conf_table *table, const void *obj, const void *defaults,
                         struct buf *out, int depth)
{
    bool any = false;

    buf_char(out, '{');
    for (size_t i = 0; i < table->key_count; i++) {
        const struct conf_key *key = &table->keys[i];
        if (!key->required && conf_key_equal(key, obj, defaults))
            continue;
        buf_str(out, any ? "," : "");
        any = true;
        indent(out, depth + 1);
        conf_print_string(key->name, out);
        buf_str(out, ": ");
        print_value(key, field(obj, key), out, depth + 1);
    }
    if (any)
        indent(out, depth);
    buf_char(out, '}');
}

void conf_table_print(const struct conf_table *table, const void *obj, struct buf *out)
{
    print_entry(table, obj, out, 0);
    buf_char(out, '\n');
}

/* ---- JSON Schema ---- */

static struct json_object *schema_of_table(const struct conf_table *table);

static void add(struct json_object *o, const char *key, const char *text)
{
    json_object_object_add(o, key, json_object_new_string(text));
}

static struct json_object *typed(const char *type)
{
    struct json_object *o = json_object_new_object();
    add(o, "type", type);
    return o;
}

static struct json_object *either(struct json_object *a, struct json_object *b)
{
    struct json_object *o = json_object_new_object(), *list = json_object_new_array();
    json_object_array_add(list, a);
    json_object_array_add(list, b);
    json_object_object_add(o, "anyOf", list);
    return o;
}

static struct json_object *pattern(const char *regex)
{
    struct json_object *o = typed("string");
    add(o, "pattern", regex);
    return o;
}

static struct json_object *integer(const struct conf_key *key)
{
    struct json_object *o = typed("integer");
    if (key->min || key->max) {
        json_object_object_add(o, "minimum", json_object_new_int64(key->min));
        json_object_object_add(o, "maximum", json_object_new_int64(key->max));
    }
    return o;
}

static struct json_object *words(const struct conf_key *key)
{
    struct json_object *o = typed("string"), *list = json_object_new_array();
    for (const struct conf_word *w = key->words; w->name; w++)
        json_object_array_add(list, json_object_new_string(w->name));
    json_object_object_add(o, "enum", list);
    return o;
}

static struct json_object *list_of(const char *keyword, const char *type, struct json_object *item)
{
    struct json_object *o = typed(type);
    json_object_object_add(o, keyword, item);
    return o;
}

static struct json_object *schema_of_key(const struct conf_key *key)
{
    struct json_object *named;

    switch (key->type) {
    case CONF_BOOL:
        return typed("boolean");
    case CONF_INT:
        return integer(key);
    case CONF_SPAN:
        return pattern("^[0-9]+(\\.[0-9]{1,6})?(us|ms|s|m|h|d)$");
    case CONF_SIZE:
        return either(integer(key), pattern("^[0-9]+[kmgKMG]?$"));
    case CONF_STRING:
    case CONF_ADDR:
    case CONF_PREFIX:
    case CONF_ADDR_PORT:
        return typed("string");
    case CONF_WORD:
        return words(key);
    case CONF_STRINGS:
        return either(typed("string"), list_of("items", "array", typed("string")));
    case CONF_OBJECT:
        return schema_of_table(key->table);
    case CONF_NAMED:
        named = list_of("additionalProperties", "object", schema_of_table(key->table));
        return key->names ? either(named, list_of("items", "array", typed("string"))) : named;
    case CONF_ARRAY:
        return either(list_of("items", "array", schema_of_table(key->table)),
                      schema_of_table(key->table));
    }
    return NULL;
}

static struct json_object *schema_of_table(const struct conf_table *table)
{
    struct json_object *o = typed("object"), *properties = json_object_new_object();
    struct json_object *required = json_object_new_array();
    const struct conf_key *brief = NULL;

    for (size_t i = 0; i < table->key_count; i++) {
        const struct conf_key *key = &table->keys[i];
        struct json_object *value = schema_of_key(key);
        add(value, "description", key->doc);
        if (key->def)
            add(value, "default", key->def);
        json_object_object_add(properties, key->name, value);
        if (key->required)
            json_object_array_add(required, json_object_new_string(key->name));
        if (table->shorthand && strcmp(key->name, table->shorthand) == 0)
            brief = key;
    }
    json_object_object_add(o, "properties", properties);
    json_object_object_add(o, "required", required);
    json_object_object_add(o, "additionalProperties", json_object_new_boolean(0));
    return brief ? either(schema_of_key(brief), o) : o;
}

void conf_table_schema(const struct conf_table *table, const char *title, struct buf *out)
{
    struct json_object *o = schema_of_table(table);

    add(o, "$schema", "https://json-schema.org/draft/2020-12/schema");
    add(o, "title", title);
    buf_str(out, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY |
                                                       JSON_C_TO_STRING_NOSLASHESCAPE));
    buf_char(out, '\n');
    json_object_put(o);
}
