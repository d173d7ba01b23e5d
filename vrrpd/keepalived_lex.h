/*
 * keepalived.conf as statements: words in lines, blocks in braces.
 *
 * Handles what keepalived.conf(5) describes below the level of keywords: comments (# and !), quoted
 * strings with escapes, `$NAME=value` definitions (a trailing backslash continues the value on the
 * next line) and their use as $NAME or ${NAME}, lines for one node only (`@id ...`, `@^id ...` for
 * all others), and `include FILE` with wildcards, relative to the including file.
 * Knows no keyword but include; keepalived.c gives the statements their meaning.
 */
#pragma once

#include "common/base/conf.h"

struct keepalived_word {
    char *text;
    struct conf_pos at;
};

struct keepalived_stmt {
    struct keepalived_word *words;
    size_t count;
    bool block; /* has braces, maybe with nothing in them */
    struct keepalived_stmt *parent, *first, *last, *next;
};

/* Calls `add` for each file that `pattern` names, in sorted order. `from` is the including file.
 * 0, or a negative errno (-ENOENT: no file matches). */
struct keepalived_loader {
    int (*load)(void *ctx, const char *from, const char *pattern,
                int (*add)(void *add_ctx, const char *name, const char *text, size_t len),
                void *add_ctx);
    void *ctx;
};

/* Reads `text` into statements below a nameless root, which the caller frees in every case with
 * keepalived_stmt_free(). `config_id` decides about @id lines; `loader` may be NULL (include is
 * then an error). File texts go to `doc`. Returns 0, -EINVAL with findings in `r`, or -ENOMEM. */
int keepalived_lex(struct conf_doc *doc, const char *name, const char *text, size_t len,
                   const char *config_id, const struct keepalived_loader *loader,
                   struct keepalived_stmt **root, struct conf_report *r);

void keepalived_stmt_free(struct keepalived_stmt *root);
