/*
 * Keyword tables for haproxy.cfg: one row a keyword. Shared by the haproxy_*.c rooms.
 */
#pragma once

#include "common/base/conf_build.h"
#include "lb/haproxy_lex.h"

enum ha_side { HA_LISTENER = 1, HA_POOL = 2, HA_BOTH = 3 };

enum { HA_PROXY_LINES = 4096, HA_NOTICED = 64 };

struct ha_keyword;

struct ha {
    struct conf_builder b;
    struct conf_node *root;
    const char *noticed[HA_NOTICED]; /* keywords whose notice was given */
    size_t noticed_n;

    /* The section that is being read. */
    const char *section;        /* "frontend" ... */
    struct conf_node *listener; /* NULL in a backend */
    struct conf_node *pool;     /* NULL in a frontend */
    bool from_defaults;         /* lines of a defaults section: they only fill gaps */
    bool logs;                  /* the section says where it logs */
};

/* A line, and where in it the keyword's arguments begin. */
struct ha_args {
    const struct haproxy_line *line;
    size_t first;
};

typedef void ha_fn(struct ha *h, const struct ha_keyword *kw, struct ha_args a);

enum ha_kind {
    HA_INT,    /* one number */
    HA_TIME,   /* one time, milliseconds by default */
    HA_TEXT,   /* one word */
    HA_REST,   /* the rest of the line as one text, words quoted again where they need it */
    HA_FLAG,   /* `text` as a boolean */
    HA_WORD,   /* `text` as a string */
    HA_NOTICE, /* has no meaning here; `text` says why */
    HA_REFUSE, /* cannot be honoured; `text` says what to do */
    HA_CALL,   /* `fn` */
};

struct ha_keyword {
    const char *name; /* first: parse_nearest() searches the rows */
    enum ha_kind kind;
    int sides;        /* enum ha_side: what of a proxy it belongs to */
    const char *path; /* in the native listener or pool */
    const char *text;
    ha_fn *fn;
    bool list; /* adds to what `defaults` said rather than replacing it */
};

/* Runs a row for the present section. */
void ha_run(struct ha *h, const struct ha_keyword *kw, struct ha_args a);

/* The row named by argument 0 of `a`; reports an unknown one as "unknown WHAT". */
const struct ha_keyword *ha_find(struct ha *h, const struct ha_keyword *table, size_t rows,
                                 struct ha_args a, const char *what);

/* Argument `i`; NULL if there are fewer. */
const struct haproxy_word *ha_arg(struct ha_args a, size_t i);

/* The same, but its absence is reported: "KEYWORD needs WHAT". */
const struct haproxy_word *ha_need(struct ha *h, struct ha_args a, size_t i, const char *what);

/* The arguments from `i` on as one text that splits into the same words again. */
void ha_join(struct ha_args a, size_t i, struct buf *out);

/* conf_build_put(), but lines of `defaults` leave alone what is there. */
void ha_put(struct ha *h, struct conf_node *object, const char *path, enum conf_kind kind,
            const char *text, struct conf_pos at);

/* Appends a text to the list at `path` ("a.b"). */
void ha_push(struct ha *h, struct conf_node *object, const char *path, const char *text,
             struct conf_pos at);

/* A time as HAProxy writes it ("5s", "500" in milliseconds) in the native form. Reports others. */
bool ha_time(struct ha *h, const struct haproxy_word *w, char out[32]);

void ha_error(struct ha *h, struct conf_pos at, const char *hint, const char *fmt, ...)
    printf_like(4, 5);

/* "X has no effect here: WHY", once for each X. */
void ha_notice(struct ha *h, struct conf_pos at, const char *what, const char *why);

/* haproxy_server.c */
ha_fn ha_server, ha_server_template;
/* The parameters of a `server` or `default-server` line from argument `i` on, into `server`. */
void ha_server_params(struct ha *h, struct ha_args a, size_t i, struct conf_node *server);

/* haproxy_bind.c */
ha_fn ha_bind;

/* haproxy_global.c */
extern const struct ha_keyword ha_global_keywords[];
extern const size_t ha_global_count;
ha_fn ha_peers_line;
ha_fn ha_log_line; /* `log ...` of a proxy */

/* haproxy_sticky.c */
ha_fn ha_cookie, ha_stick, ha_stick_table, ha_balance, ha_hash_type;
/* `table NAME ...` of a peers section. */
void ha_peers_table(struct ha *h, struct ha_args a, struct conf_node *section);

/* haproxy_check.c */
ha_fn ha_httpchk, ha_http_check, ha_tcp_check;

/* haproxy_proxy.c */
extern const struct ha_keyword ha_proxy_keywords[];
extern const size_t ha_proxy_count;
