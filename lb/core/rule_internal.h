/*
 * Rows and pieces of rules; for the rule files only.
 */
#pragma once

#include "lb/core/rule.h"

struct reply;

struct rule {
    struct rule *next;
    const struct rule_action *action;
    const struct cond *cond;
    int aux; /* of the action's row; what the parser has made of it */
    struct message_name name;
    const struct format *format, *other;
    const struct regex *regex;
    const struct expr *expr;
    const struct reply *reply;
    uint32_t ref;
    int64_t num;
};

struct rules {
    struct rule *first, **last;
};

struct rule_run {
    struct eval *ev;
    struct rule_effects *effects;
    struct rule_outcome *out;
    struct message *message; /* that of the phase; NULL: none */
    bool forgiving;          /* strict-mode off */
};

/* The words of a rule that are not read yet. */
struct rule_args {
    struct compile *c;
    size_t at;
    const struct word *action;
    struct text paren; /* "set-var(txn.x)": what is in the parentheses; at NULL: nothing */
    size_t paren_at;
};

typedef bool rule_parse_fn(struct rule_args *a, struct rule *r);
/* RULES_DONE: the next rule. */
typedef enum rule_result rule_run_fn(const struct rule *r, struct rule_run *run);

enum { PAREN_NONE, PAREN_NEEDED };

struct rule_action {
    const char *name; /* first: searched for near ones */
    unsigned phases;
    rule_parse_fn *parse; /* NULL: no arguments */
    rule_run_fn *run;     /* NULL: the list ends here, go on */
    int aux;
    int paren;
};

/* The next word, or a fault that says what is missing. */
const struct word *rule_need(struct rule_args *a, const char *what);
/* The next word unless the condition begins there; NULL: none. */
const struct word *rule_option(struct rule_args *a);
/* The next word as a format for messages. */
const struct format *rule_format(struct rule_args *a, const char *what);

/* An edit that was refused. */
enum rule_result rule_refused(struct rule_run *run);

/* Answers: rule_reply.c */
rule_parse_fn rule_parse_deny, rule_parse_return, rule_parse_redirect, rule_parse_tarpit;
rule_run_fn rule_run_reply, rule_run_redirect;

/* Changes: rule_edit.c */
rule_parse_fn rule_parse_header, rule_parse_del_header, rule_parse_replace_header,
    rule_parse_format, rule_parse_replace, rule_parse_status, rule_parse_set_var,
    rule_parse_set_var_format, rule_parse_unset_var, rule_parse_source;
rule_run_fn rule_run_header, rule_run_del_header, rule_run_replace_header, rule_run_line,
    rule_run_replace, rule_run_status, rule_run_set_var, rule_run_unset_var, rule_run_source;
enum { HEADER_SET, HEADER_ADD };
enum { REPLACE_HEADER, REPLACE_VALUE };
enum { LINE_METHOD, LINE_URI, LINE_PATH, LINE_PATHQ, LINE_QUERY };
enum { SOURCE_ADDR, SOURCE_PORT };

/* Counters: rule_track.c */
rule_parse_fn rule_parse_track, rule_parse_counter, rule_parse_tag;
rule_run_fn rule_run_track, rule_run_counter, rule_run_tag;
