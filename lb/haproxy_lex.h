/*
 * haproxy.cfg as lines of words.
 *
 * Handles what HAProxy's manual describes below the level of keywords (2.2 to 2.4): words,
 * comments, weak and strong quotes, backslash escapes, environment variables inside weak quotes
 * ("$NAME",
 * "${NAME}", "${NAME-default}"), and the conditional lines .if .elif .else .endif .notice .warning
 * .alert. Knows no keyword; haproxy.c gives the lines their meaning.
 */
#pragma once

#include "common/base/conf.h"

struct haproxy_word {
    char *text;
    struct conf_pos at;
};

struct haproxy_line {
    struct haproxy_word *words;
    size_t count; /* at least 1 */
};

struct haproxy_lines {
    struct haproxy_line *v;
    size_t n;
};

/* What the text may ask of its surroundings. */
struct haproxy_env {
    /* The value of an environment variable; NULL if it is not set. */
    const char *(*get)(void *ctx, const char *name);
    /* feature(NAME) */
    bool (*feature)(void *ctx, const char *name);
    const char *version; /* version_atleast() and version_before() compare with it: "2.6.12" */
    void *ctx;
};

/* Appends the lines of one file; several files (-f a -f b) are read one after the other. Every
 * mistake is reported. 0, -EINVAL with findings in `r`, or -ENOMEM; the caller frees in each case.
 */
int haproxy_lex(struct conf_doc *doc, const char *name, const char *text, size_t len,
                const struct haproxy_env *env, struct haproxy_lines *out, struct conf_report *r);

void haproxy_lines_fini(struct haproxy_lines *lines);
