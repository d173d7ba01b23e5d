/*
 * What the rules of one configuration are compiled into, and what compiling needs.
 *
 * A `struct program` owns all of it: expressions, conditions, formats, actions, patterns. While it
 * is compiled one thread writes it; from then on it is read-only and shared by all workers. It goes
 * as a whole.
 *
 * Things that exist only at run time (pools, listeners, servers, stick tables, variables) are named
 * by number: the program lists the names, and whoever runs it looks each up once.
 *
 * A `struct compile` goes through compiling: the text at hand with its place, so that each fault
 * points at the word that is to blame, and who knows about the rest of the configuration.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/conf.h"
#include "common/base/err.h"
#include "lb/core/arena.h"
#include "lb/core/words.h"

#include <stdint.h>

enum program_kind {
    PROGRAM_POOL,
    PROGRAM_LISTENER,
    PROGRAM_SERVER, /* "pool/server" */
    PROGRAM_TABLE,
    PROGRAM_VAR, /* "txn.name" */
    PROGRAM_KINDS
};

struct program_names {
    struct text *v;
    size_t n;
};

struct regex;
struct program_regex;
struct program_file;

/* Fields but `names` are private. */
struct program {
    struct arena arena;
    struct program_names names[PROGRAM_KINDS];
    struct program_regex *regexes;
    struct program_file *files;
    struct text hostname;
    unsigned captures; /* slots that capture actions use */
};

/* What the compiler wants to know from outside; each may be NULL. */
struct program_world {
    void *user;
    /* Is there one? If not, `near` may be set to the name that was most likely meant. */
    bool (*exists)(void *user, enum program_kind kind, const char *name, const char **near);
    int (*load)(void *user, const char *path, struct buf *out, struct err *e);
    const char *(*env)(void *user, const char *name); /* NULL: not set */
    const char *(*hostname)(void *user);
};

/* When something is evaluated, as bits: what can be looked at depends on it. */
enum phase {
    PHASE_CONNECTION = 1, /* a connection came in: addresses */
    PHASE_CONTENT = 2,    /* before the request's own rules */
    PHASE_REQUEST = 4,    /* the request's head is there */
    PHASE_RESPONSE = 8,   /* the response's head is there */
    PHASE_AFTER = 16      /* the response is about to go out, wherever it was made */
};

#define CAPTURES_MAX 64 /* of one listener */

struct acls;

struct compile {
    struct program *program;
    const struct program_world *world;
    struct conf_report *report;
    const char *own;         /* name of the listener or pool that the rules are of */
    bool http;               /* it is in http mode */
    enum phase phase;        /* when the text at hand will run */
    const struct acls *acls; /* named ones; NULL: only the predefined */
    unsigned captures;       /* slots of the listener that are taken so far */

    struct conf_pos at;    /* of the text at hand */
    const char *text;      /* it */
    struct words words;    /* it, cut */
    struct arena *scratch; /* for the time of compiling */
};

/* `world` may be NULL, and is asked only now and while compiling. NULL without memory. */
struct program *program_new(const struct program_world *world);
void program_free(struct program *p); /* NULL-safe */

/* The number of a name, which is added if need be; UINT_MAX without memory. No check. */
unsigned program_name(struct program *p, enum program_kind kind, struct text name);

/* ---- for whoever compiles: each returns false, having said so, if it fails ---- */

/* Takes up a text; cuts it into words. */
bool compile_begin(struct compile *c, const char *text, struct conf_pos at);

/* A fault at bytes [at, at + len) of the text; always returns false. `hint` may be NULL. */
bool compile_fault(struct compile *c, size_t at, size_t len, const char *hint, const char *fmt, ...)
    printf_like(5, 6);
bool compile_fault_at(struct compile *c, const struct word *w, const char *hint, const char *fmt,
                      ...) printf_like(4, 5);

/* The same as a warning or a notice. */
void compile_say(struct compile *c, enum conf_severity severity, const struct word *w,
                 const char *hint, const char *fmt, ...) printf_like(5, 6);

/* "did you mean \"X\"?" for the nearest of the words, else `otherwise` (may be NULL); lives as
 * long as the scratch memory. `words` as for parse_nearest(). */
const char *compile_hint(struct compile *c, struct text word, const void *words, size_t n,
                         size_t stride, const char *otherwise);

/* The name exists: its number. `at`, `len` as in compile_fault(). */
bool compile_name(struct compile *c, enum program_kind kind, struct text name, size_t at,
                  size_t len, unsigned *out);

/* A variable "scope.name"; made known by this. */
bool compile_var(struct compile *c, struct text name, size_t at, size_t len, unsigned *out);

/* Owned by the program. */
bool compile_regex(struct compile *c, struct text pattern, bool ignore_case, size_t at, size_t len,
                   const struct regex **out);

/* The content of a file, read once for the whole program. */
bool compile_file(struct compile *c, struct text path, size_t at, size_t len, struct text *out);

/* Zeroed memory of the program; NULL, and said so, without. */
void *compile_new(struct compile *c, size_t size);
bool compile_text(struct compile *c, struct text in, struct text *out);

/* ---- variables ---- */

enum var_scope { VAR_SESS, VAR_TXN, VAR_REQ, VAR_RES };
enum var_scope var_scope(struct text name); /* of "txn.x"; the name is valid */
