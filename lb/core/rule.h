/*
 * Rules: what is done to a connection, a request or a response, and under which condition.
 *
 *     set-header X-Src %[src] if !LOCALHOST
 *     deny deny_status 429 if { sc0_http_req_rate gt 100 }
 *     redirect scheme https code 301 unless { hdr(x-forwarded-proto) https }
 *
 * A list of texts is compiled once into the program and is read-only after. Running it changes
 * messages, variables and counters through the evaluation (sample.h), and says what is to become
 * of the request. The actions are tables (rule.c): a new one is a row and a few lines.
 */
#pragma once

#include "lb/core/acl.h"
#include "lb/core/format.h"

struct rules;

enum rule_result {
    RULES_DONE,    /* go on */
    RULES_DENY,    /* answer with the error page of `status` */
    RULES_TARPIT,  /* the same, but let the client wait first */
    RULES_ANSWER,  /* answer with `head` and `body` */
    RULES_CLOSE,   /* close without an answer */
    RULES_SERVICE, /* `service` answers */
    RULES_FAILED   /* a change could not be made: 500 for a request, 502 for a response */
};

enum rule_service { RULE_SERVICE_PROMETHEUS, RULE_SERVICE_STATS };

/* Valid until the evaluation's memory is given back. */
struct rule_outcome {
    enum rule_result result;
    uint16_t status;
    char by;          /* for the log: 'P' refused here, 'L' answered here */
    bool whole;       /* `head` is a whole response with its body, to be sent as it is */
    struct text head; /* status line and header lines, without Connection and the empty line */
    struct text body;
    enum rule_service service;
    unsigned long failed; /* changes that could not be made, forgiven ones included */
};

/* What rules change besides messages; the caller's, all zero at first. */
struct rule_effects {
    bool silent;             /* no log line */
    int8_t log_level;        /* 1 + syslog's; 0: as ever */
    struct addr_port source; /* the client's address as of now; family 0: as it came */
    struct vars captures;    /* by slot */
};

/* Compiles texts; `c` says for whom and when (phase). `list[i]` stands at `places[i]`. NULL on a
 * fault or without memory; all faults are reported. `*out` is NULL if the list is empty. */
bool rules_compile(struct compile *c, char *const *list, const struct conf_pos *places, size_t n,
                   const struct rules **out);

/* Runs the list; NULL is an empty one. ev->tmp is not given back. */
enum rule_result rules_run(const struct rules *rules, struct eval *ev, struct rule_effects *effects,
                           struct rule_outcome *out);

/* ---- stick counters ---- */

/* A request, or its response, counts for what is tracked. */
void rule_count_request(struct eval *ev, struct eval_track *t);
void rule_count_response(struct eval *ev, unsigned status);
void rule_count_bytes(struct eval *ev, uint64_t in, uint64_t out);

/* What was tracked is let go: all, or only what requests began. */
void rule_untrack(struct eval *ev, bool all);
