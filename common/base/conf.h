/*
 * The configuration tree: what each front end (JSON, keepalived.conf, haproxy.cfg) builds, what the
 * key tables (conf_table.h) read, and how a mistake in it is reported.
 *
 * Every node knows the file, line and column it came from, so whoever finds fault with it later,
 * be it the reader, a key table or a check across the whole configuration, can point at the place.
 * The tree keeps the text of each file for that.
 *
 * Ownership: a `struct conf_doc` owns its nodes and texts; nodes stay valid as long as it does.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/macro.h"

#include <stdbool.h>
#include <stddef.h>

enum conf_kind {
    CONF_KIND_NULL,
    CONF_KIND_BOOL,
    CONF_KIND_NUMBER,
    CONF_KIND_STRING,
    CONF_KIND_ARRAY,
    CONF_KIND_OBJECT,
};

/* "a string", "an object" ... for messages. */
const char *conf_kind_name(enum conf_kind kind);

struct conf_file {
    char *name; /* as the user gave it */
    char *text;
    size_t len;
    struct conf_file *next;
};

struct conf_pos {
    const struct conf_file *file;
    unsigned line, col; /* from 1; col counts bytes */
    unsigned width;     /* bytes to underline; 0 or 1 is a lone caret */
};

struct conf_node {
    enum conf_kind kind;
    char *key;  /* member name in an object; NULL elsewhere */
    char *text; /* scalars: string content, number as written, "true"/"false"; NULL otherwise */
    struct conf_pos key_at; /* of the key where there is one, else of the value */
    struct conf_pos at;     /* of the value */
    struct conf_node *parent;
    struct conf_node *first, *last; /* children in order */
    struct conf_node *next;
    size_t count; /* of children */
};

struct conf_doc {
    struct conf_node *root; /* NULL if the text could not be read */
    struct conf_file *files;
};

#define conf_for_each(IT, NODE)                                                                    \
    for (const struct conf_node *IT = (NODE) ? (NODE)->first : NULL; IT; IT = IT->next)

/* Frees everything and empties the document. NULL-safe. */
void conf_doc_fini(struct conf_doc *doc);

/* Copies name and text into the document; NULL without memory. */
const struct conf_file *conf_doc_file(struct conf_doc *doc, const char *name, const char *text,
                                      size_t len);

/* Appends a child (copies `key` and `text`, either may be NULL) to `parent`, or sets the root if
 * `parent` is NULL. Returns NULL without memory. */
struct conf_node *conf_add(struct conf_doc *doc, struct conf_node *parent, enum conf_kind kind,
                           const char *key, const char *text, struct conf_pos at);

/* The member `key` of an object; NULL if there is none. */
const struct conf_node *conf_get(const struct conf_node *object, const char *key);

/* Removes and frees the member `key`, if there is one. */
void conf_remove(struct conf_node *object, const char *key);

enum conf_severity {
    CONF_ERROR,   /* the configuration is not used */
    CONF_WARNING, /* it is used, but will hardly do what was meant */
    CONF_NOTICE,  /* good to know: accepted without effect, a default that was filled in */
};

struct conf_diag {
    enum conf_severity severity;
    struct conf_pos at;
    char text[320]; /* what is wrong */
    char hint[320]; /* what to do; may be empty */
};

/* What was found, in order of discovery, at most CONF_DIAGS; the rest is counted in `more`. */
#define CONF_DIAGS 32
struct conf_report {
    struct conf_diag diags[CONF_DIAGS];
    size_t count, more, errors;
};

/* Files one finding. `hint` may be NULL. Returns -EINVAL for an error, else 0. */
int conf_say(struct conf_report *r, enum conf_severity severity, struct conf_pos at,
             const char *hint, const char *fmt, ...) printf_like(5, 6);

/* Renders each finding as
 *
 *     vrrpd.json:4:7: error: unknown key "priorty"
 *           "priorty": 101,
 *           ^~~~~~~~~
 *       hint: did you mean "priority"?
 */
void conf_report_render(const struct conf_report *r, struct buf *out);

/* Reads JSON with comments (line comments by // or #, and C comments) into `doc`, whose root is the
 * value. Values themselves are read by json-c; the reader keeps what json-c does not: places and
 * duplicate names. 0, or -EINVAL with the findings in `r`. Depth is limited to CONF_DEPTH. */
#define CONF_DEPTH 32
int conf_json_read(struct conf_doc *doc, const char *name, const char *text, size_t len,
                   struct conf_report *r);

/* True if the text is meant as JSON: its first character that is neither space nor in a comment
 * opens an object, a list, a text or a comment of C. The foreign formats (keepalived.conf,
 * haproxy.cfg) begin with a word, or with a comment that starts with a "!". An empty text is JSON.
 */
bool conf_json_likely(const char *text, size_t len);
