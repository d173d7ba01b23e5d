/*
 * Sample expressions: what a rule looks at. `req.hdr(host),lower,field(1,:)` is a fetch with
 * arguments, then converters.
 *
 * An expression is parsed once, at configuration time, into an immutable `struct expr` of the
 * program, and evaluated per request with a `struct eval`, which holds all that it may look at and
 * the memory that results live in. The fetches and converters are tables (sample_fetch.c,
 * sample_http.c, sample_table.c, sample_conv*.c): a new one is a row and a few lines.
 */
#pragma once

#include "common/base/addr.h"
#include "common/base/mono.h"
#include "common/base/rng.h"
#include "lb/core/message.h"
#include "lb/core/program.h"
#include "lb/core/regex.h"
#include "lb/core/stick.h"

#include <time.h>

/* ---- values ---- */

enum sample_type {
    SAMPLE_NONE, /* not there */
    SAMPLE_BOOL,
    SAMPLE_INT,
    SAMPLE_ADDR,
    SAMPLE_STR,
    SAMPLE_BIN, /* as a string, but may hold any byte */
    SAMPLE_TYPES
};

struct sample {
    uint8_t type; /* enum sample_type */
    union {
        int64_t num; /* BOOL: 0 or 1 */
        struct addr addr;
        struct text str; /* STR, BIN */
    };
};

extern const char *const sample_type_names[SAMPLE_TYPES]; /* "a boolean" ... */

/* Makes `s` a value of type `to`, in `tmp` if it needs memory. False if there is no such value. */
bool sample_cast(struct sample *s, enum sample_type to, struct arena *tmp);

/* A number out of text: what stands in front of the first byte that is no digit. */
int64_t sample_number(struct text t);

/* Whether values of type `from` can become `to` at all. */
bool sample_castable(enum sample_type from, enum sample_type to);

/* ---- what an evaluation can look at ---- */

/* Numbers that live elsewhere; those of a server, a pool, a listener. */
enum figure {
    FIGURE_POOL_USABLE, /* servers that a new client may use */
    FIGURE_POOL_CONNS,
    FIGURE_POOL_SESSION_RATE,
    FIGURE_POOL_QUEUED,
    FIGURE_POOL_SLOTS_FREE,
    FIGURE_POOL_AVG_QUEUE,
    FIGURE_POOL_ID,
    FIGURE_LISTENER_CONNS,
    FIGURE_LISTENER_SESSION_RATE,
    FIGURE_LISTENER_REQUEST_RATE,
    FIGURE_LISTENER_ID,
    FIGURE_SERVER_UP,
    FIGURE_SERVER_CONNS,
    FIGURE_SERVER_FREE,
    FIGURE_SERVER_SESSION_RATE,
    FIGURE_SERVER_QUEUED,
    FIGURE_SERVER_WEIGHT,
    FIGURE_SERVER_ID,
    FIGURE_ALL_CONNS,
    FIGURE_FIRST_REQUEST, /* it is the connection's first */
    FIGURE_THREAD,
    FIGURE_THREADS,
    FIGURE_STOPPING,
    FIGURE_REQUEST_COUNT, /* of the process */
    FIGURE_PID,
    FIGURES
};

/* Texts that live elsewhere. */
enum eval_name {
    EVAL_LISTENER,
    EVAL_POOL,
    EVAL_SERVER,
    EVAL_UNIQUE_ID,
    EVAL_REQUEST_METHOD, /* of the request that came, also once its head is gone */
    EVAL_REQUEST_URI,
    EVAL_REQUEST_VERSION,
    EVAL_CAPTURED_REQUEST, /* `ref`: which capture */
    EVAL_CAPTURED_RESPONSE,
    EVAL_NAMES
};

/* `ref` of a figure or name that means "the one this request is at". */
#define EVAL_OWN UINT32_MAX

struct eval_ops {
    /* INT64_MIN: not known. `ref` is a name's number in the program, or EVAL_OWN. */
    int64_t (*figure)(void *owner, enum figure f, uint32_t ref);
    struct text (*name)(void *owner, enum eval_name n, uint32_t ref);
    struct stick_table *(*table)(void *owner, uint32_t ref); /* NULL: there is none */
    struct timespec (*wall)(void *owner);
    void (*local_time)(void *owner, int64_t seconds, struct tm *out);
};

#define EVAL_TRACKS 3 /* sc0 .. sc2 */

/* What is tracked. */
struct eval_track {
    struct stick_table *table;
    struct stick_entry *entry; /* held; NULL: nothing */
    bool by_connection;        /* begun by a connection rule: stays for its further requests */
};

/* Values that rules have set; by the number of the name in the program. */
struct vars {
    size_t n;
    struct sample *v; /* strings belong to it */
    size_t bytes;     /* of the strings */
};

struct eval {
    const struct program *program;
    const struct eval_ops *ops; /* NULL: nothing of that is known */
    void *owner;                /* for them */

    struct message *req, *res;      /* NULL: not there at this time */
    const struct addr_port *client; /* NULL or of family 0: not known */
    const struct addr_port *local;  /* where the client connected to */
    struct mono now;
    struct arena *tmp; /* results live here */
    struct rng *rng;   /* NULL: rand gives 0 */
    struct regex_scratch *regex;
    struct vars *vars, *sess_vars; /* NULL: there are none */
    struct eval_track *tracks;     /* [EVAL_TRACKS]; NULL: none */
};

/* ---- parsing ---- */

struct expr;

/* Bytes [at, at + text.len) of the text at hand, for messages. NULL, and said so, on a fault. The
 * expression must be all of `text`. */
const struct expr *expr_parse(struct compile *c, struct text text, size_t at);

/* The longest expression that `text` begins with (blanks end it); its length goes to `*used`. */
const struct expr *expr_parse_prefix(struct compile *c, struct text text, size_t at, size_t *used);

/* What its values are. */
enum sample_type expr_type(const struct expr *x);

/* ---- evaluating ---- */

/* Its value; false (and SAMPLE_NONE) if there is none. Of several, the last one, or the first,
 * as the fetch has it. */
bool expr_value(const struct expr *x, struct eval *ev, struct sample *out);

/* Its value as text, "" if there is none. */
struct text expr_text(const struct expr *x, struct eval *ev);

/* The next of its values; false if there are no more. All zero is the beginning. */
struct sample_walk {
    unsigned line;
    size_t item;
    bool ended;
};
bool expr_next(const struct expr *x, struct eval *ev, struct sample_walk *w, struct sample *out);

/* ---- variables ---- */

/* Room for `n` of them (a program's names[PROGRAM_VAR].n, or its captures). -ENOMEM */
int vars_init(struct vars *v, size_t n);
void vars_fini(struct vars *v); /* NULL-safe */

/* Sets (copied), or with SAMPLE_NONE unsets. False if that would be too much. */
bool vars_set(struct eval *ev, unsigned number, const struct sample *value);
const struct sample *vars_get(const struct eval *ev, unsigned number); /* NULL: not set */

/* The same by number in `v`; out of range is refused. */
bool vars_put(struct vars *v, size_t number, const struct sample *value);

#define VARS_BYTES_MAX 65536 /* of strings in one struct vars */

/* A stick table's key for a value: false if it can't be one. Strings point into `s`. */
bool sample_key(const struct sample *s, const struct stick_table *t, struct arena *tmp,
                struct stick_key *out);
