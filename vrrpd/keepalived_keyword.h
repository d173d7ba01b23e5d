/*
 * Keyword tables for keepalived.conf: one row a keyword. Shared by the keepalived_*.c rooms.
 */
#pragma once

#include "common/base/conf_build.h"
#include "vrrpd/keepalived_lex.h"

#include <stdbool.h>

/* A value that instances get unless they set it themselves: global_defs and keepalived's own. */
struct ka_default {
    const char *path;
    enum conf_kind kind;
    char text[64];
    struct conf_pos at;
    bool set;
};

enum { KA_DEFAULTS = 16 };

struct ka {
    struct conf_builder b;
    struct conf_node *root;
    struct ka_default defaults[KA_DEFAULTS];
    const struct keepalived_stmt *fifo; /* global notify fifo, for each instance */
};

struct ka_keyword;
typedef void ka_fn(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                   struct conf_node *object);

enum ka_kind {
    KA_INT,     /* one number */
    KA_SECONDS, /* one number of seconds, maybe with a fraction */
    KA_TEXT,    /* one word */
    KA_TRUE,    /* a flag, maybe with on/off */
    KA_FALSE,   /* a flag that switches off what `path` says */
    KA_NOTICE,  /* has no meaning here; `note` says why */
    KA_REFUSE,  /* cannot be honoured; `note` says what to do */
    KA_CALL,    /* `fn` */
};

struct ka_keyword {
    const char *name; /* first: parse_nearest() searches the rows */
    enum ka_kind kind;
    const char *path; /* in the native object: "interval", "garp.delay" */
    const char *note;
    ka_fn *fn;
};

/* Runs each child of `block` through the table; unknown keywords are reported with the nearest. */
void ka_block(struct ka *k, const struct ka_keyword *table, size_t rows,
              const struct keepalived_stmt *block, struct conf_node *object, const char *what);

/* Runs one statement through the table. */
void ka_statement(struct ka *k, const struct ka_keyword *table, size_t rows,
                  const struct keepalived_stmt *s, struct conf_node *object, const char *what);

/* conf_build_put(); a second time replaces the value with a warning. */
void ka_put(struct ka *k, struct conf_node *object, const char *path, enum conf_kind kind,
            const char *text, struct conf_pos at);

void ka_error(struct ka *k, struct conf_pos at, const char *hint, const char *fmt, ...)
    printf_like(4, 5);

/* The statement's word `i`, or an error that `what` is missing and NULL. */
const struct keepalived_word *ka_word(struct ka *k, const struct keepalived_stmt *s, size_t i,
                                      const char *what);

/* Sets a command: one word as it stands (it is split later), several as a list. Words from `first`.
 * `user_follows`: words after the command name a user and a group, as in notify lines. */
void ka_command(struct ka *k, struct conf_node *object, const char *key,
                const struct keepalived_stmt *s, size_t first, bool user_follows);

/* Whole microseconds of a decimal number of seconds, as a native span. False if it is none. */
bool ka_seconds(const char *text, char out[32]);

/* The blocks. keepalived_instance.c and keepalived_track.c */
ka_fn ka_instance, ka_group, ka_static_addresses, ka_static_routes, ka_static_rules;
ka_fn ka_script, ka_process, ka_file;
ka_fn ka_track_scripts, ka_track_processes, ka_track_files, ka_track_interfaces;
