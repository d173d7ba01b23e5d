/*
 * Rows and pieces of sample expressions; for the sample_ files only.
 */
#pragma once

#include "lb/core/pattern.h"
#include "lb/core/sample.h"

#define SAMPLE_ARGS 5

/* How an argument is written, by letter; behind '|' they are optional.
 *
 *     s string   n header name   i number   d delimiters (a string, not empty)   a address mask
 *     p pool   l listener   v server   t stick table (own if left out)   T stick table   V variable
 * S variable or string k bytes of hexadecimal
 */
struct sample_arg {
    bool given;
    int64_t num;
    struct text str;
    struct message_name name;
    uint32_t ref; /* EVAL_OWN where none was given */
    bool is_var;
};

/* When a fetch has something to look at. */
enum {
    NEEDS_REQUEST = PHASE_CONTENT | PHASE_REQUEST,
    NEEDS_RESPONSE = PHASE_RESPONSE | PHASE_AFTER,
    NEEDS_NOTHING = 31
};

typedef bool sample_fetch_fn(const struct expr *x, struct eval *ev, struct sample_walk *w,
                             struct sample *out);

struct sample_fetch {
    const char *name; /* first: searched for near ones */
    const char *args;
    uint8_t out;    /* enum sample_type */
    uint8_t phases; /* NEEDS_* */
    sample_fetch_fn *fn;
    int aux;
    bool several; /* it has the values one by one, if given a walk */
    bool (*check)(struct compile *c, const struct expr *x, size_t at, size_t len);
};

struct conv;
typedef bool sample_conv_fn(const struct conv *v, struct eval *ev, struct sample *io);

struct sample_conv {
    const char *name;
    const char *args;
    uint8_t in, out; /* enum sample_type; out NONE: as in comes */
    sample_conv_fn *fn;
    int aux;
    /* Takes over arguments at parse time; faults are at [at, at + len). */
    bool (*check)(struct compile *c, struct conv *v, size_t at, size_t len);
};

/* One step of an expression. */
struct conv {
    const struct sample_conv *row;
    struct sample_arg args[SAMPLE_ARGS];
    unsigned n_args;
    const void *data; /* what check() has made */
    struct conv *next;
};

struct expr {
    const struct sample_fetch *fetch;
    struct sample_arg args[SAMPLE_ARGS];
    unsigned n_args;
    struct sample constant;
    struct conv *convs;
    uint8_t type;
};

/* A table of rows. */
struct sample_fetches {
    const struct sample_fetch *v;
    size_t n;
};
struct sample_convs {
    const struct sample_conv *v;
    size_t n;
};
extern const struct sample_fetches sample_fetch_rows, sample_http_rows, sample_table_rows;
extern const struct sample_convs sample_conv_rows, sample_conv_number_rows, sample_conv_table_rows;

/* There is a fetch of this name. */
bool sample_is_fetch(struct text name);

/* What is known, but not here: why. NULL: it is not known. */
const char *sample_why_not(struct text name);

/* Setting `out`; each returns true. */
static inline bool sample_bool(struct sample *out, bool v)
{
    *out = (struct sample){.type = SAMPLE_BOOL, .num = v};
    return true;
}

static inline bool sample_int(struct sample *out, int64_t v)
{
    *out = (struct sample){.type = SAMPLE_INT, .num = v};
    return true;
}

static inline bool sample_str(struct sample *out, struct text t)
{
    *out = (struct sample){.type = SAMPLE_STR, .str = t};
    return t.at != NULL;
}

static inline bool sample_addr(struct sample *out, const struct addr *a)
{
    *out = (struct sample){.type = SAMPLE_ADDR, .addr = *a};
    return a->family != 0;
}

/* The value of parameter `name` (all zero: of any) from *at on in a query. */
bool sample_param(struct text query, struct text name, char delimiter, size_t *at,
                  struct text *out);

/* The value of cookie `name` from *at on in a Cookie or (`set`) Set-Cookie value. */
bool sample_cookie(struct text value, struct text name, bool set, size_t *at, struct text *out);
