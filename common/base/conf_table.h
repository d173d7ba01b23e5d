/*
 * Key tables: one row a configuration key. The decoder, the checker, the JSON Schema, the manual
 * pages, the printer of the native form and shell completion all read the same row, so none of them
 * can drift from the others.
 *
 * A table describes a C structure that begins with `struct conf_obj`. Decoding fills such a
 * structure from a tree (conf.h); each row says where its value goes and how it is written:
 *
 *     type             C type of the field       in JSON
 *     CONF_BOOL        bool                      true
 *     CONF_INT         int64_t                   101                        (min..max)
 *     CONF_SPAN        struct span               "1s", "250ms"              (min..max, in us)
 *     CONF_SIZE        uint64_t                  65536 or "64k"             (min..max)
 *     CONF_STRING      char *                    "text"; NULL when absent   (max: length)
 *     CONF_WORD        int                       one of `words`
 *     CONF_ADDR        struct addr               "192.0.2.1"
 *     CONF_PREFIX      struct addr_prefix        "192.0.2.1/24"
 *     CONF_ADDR_PORT   struct addr_port          "192.0.2.1:80"
 *     CONF_STRINGS     struct conf_strings       ["a", "b"] or "a"
 *     CONF_OBJECT      structure of `table`      { ... }
 *     CONF_NAMED       struct conf_list          { "name": { ... }, ... }   (max: entries)
 *                                                or, where `names` is set, ["name", ...]
 *     CONF_ARRAY       struct conf_list          [ { ... }, ... ]           (max: entries)
 *                                                or one entry without the brackets
 *
 * A table may name one row as its `shorthand`: where an object is expected, a scalar (or list) then
 * stands for an object with only that key ("web-01": "192.0.2.1:80").
 */
#pragma once

#include "common/base/addr.h"
#include "common/base/conf.h"
#include "common/base/mono.h"

#include <stdint.h>

enum conf_type {
    CONF_BOOL,
    CONF_INT,
    CONF_SPAN,
    CONF_SIZE,
    CONF_STRING,
    CONF_WORD,
    CONF_ADDR,
    CONF_PREFIX,
    CONF_ADDR_PORT,
    CONF_STRINGS,
    CONF_OBJECT,
    CONF_NAMED,
    CONF_ARRAY,
};

struct conf_word {
    const char *name;
    int value;
    const char *doc; /* may be NULL */
};

struct conf_strings {
    char **v;
    size_t n;
};

/* Entries are heap structures that begin with `struct conf_obj`. */
struct conf_list {
    void **v;
    size_t n;
};

/* The first member of each structure that a table describes. */
struct conf_obj {
    const struct conf_node *node; /* where it was written; NULL for one that was not */
    char *name;                   /* entries of CONF_NAMED; NULL elsewhere */
};

struct conf_table;

struct conf_key {
    const char *name; /* first: parse_nearest() searches the rows */
    enum conf_type type;
    size_t offset;
    const char *doc;  /* one sentence for the manual and the schema */
    const char *def;  /* default as one would write it; NULL: zero, empty, absent */
    int64_t min, max; /* both 0: no limit */
    bool required;
    bool names;                    /* CONF_NAMED: a list of names stands for entries without keys */
    bool secret;                   /* never printed by status */
    const struct conf_word *words; /* CONF_WORD; ends with a NULL name */
    const struct conf_table *table;
};

struct conf_table {
    const char *what; /* "an instance": for messages and the manual */
    const char *doc;
    size_t size; /* of the structure */
    const struct conf_key *keys;
    size_t key_count;
    const char *shorthand; /* name of a row, or NULL */
};

/* Row of a field: CONF_KEY(CONF_INT, struct instance, vrid, "vrid", "doc", .min = 1, .max = 255) */
#define CONF_KEY(TYPE, STRUCT, FIELD, NAME, DOC, ...)                                              \
    {                                                                                              \
        .name = (NAME), .type = (TYPE), .offset = offsetof(STRUCT, FIELD), .doc = (DOC),           \
        __VA_ARGS__                                                                                \
    }

/* Fills `obj` (all zero before, of `table->size`) from `node`: defaults first, then what is
 * written. Every fault is reported, not only the first. 0, -EINVAL, or -ENOMEM; in each case the
 * caller frees with conf_table_fini(). `node` may be NULL: defaults only. */
int conf_table_decode(const struct conf_table *table, const struct conf_node *node, void *obj,
                      struct conf_report *r);

/* Frees what decoding allocated inside `obj`, not `obj` itself, and zeroes it. NULL-safe. */
void conf_table_fini(const struct conf_table *table, void *obj);

/* True if both mean the same, wherever they were written; names count. For reload. */
bool conf_table_equal(const struct conf_table *table, const void *a, const void *b);

/* The same for one row's field of two structures. */
bool conf_key_equal(const struct conf_key *key, const void *a, const void *b);

/* Frees the texts and empties the list. */
void conf_strings_fini(struct conf_strings *list);

/* True if the key was written (not defaulted). */
bool conf_is_set(const void *obj, const char *key);

/* The place of the key's value, or of the object when the key was not written. */
struct conf_pos conf_at(const void *obj, const char *key);

/* The entry of a CONF_NAMED list; NULL if there is none. */
void *conf_named(const struct conf_list *list, const char *name);

/* The name of a CONF_WORD value. */
const char *conf_word_name(const struct conf_word *words, int value);

/* Prints the native form; keys that have their default are left out. */
void conf_table_print(const struct conf_table *table, const void *obj, struct buf *out);

/* Prints the JSON Schema (draft 2020-12) with `title`. */
void conf_table_schema(const struct conf_table *table, const char *title, struct buf *out);
