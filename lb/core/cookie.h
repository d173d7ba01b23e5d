/*
 * Stickiness by cookie: which server a client's cookie names, what of it the server gets to see,
 * and what the client is told in return (HAProxy's `cookie NAME insert|rewrite|prefix ...`).
 *
 *     insert    the balancer sets the cookie; its value is the server's
 *     rewrite   the server sets it; the balancer puts the server's value in its place
 *     prefix    the server sets it; the balancer puts "VALUE~" in front, and takes it off again
 *
 * Pure: parsed heads and the wall-clock time in, patches (rewrite.h) and verdicts out. Finding the
 * server for a value and asking whether it may be used is the caller's part, as a function:
 *
 *     cookie_request(...)      what the client's cookie is worth; asks the function
 *     cookie_strip(...)        into the request's rewrite
 *     cookie_response(...)     into the response's rewrite
 */
#pragma once

#include "lb/core/http1.h"
#include "lb/core/rewrite.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cookie_mode {
    COOKIE_INSERT,
    COOKIE_REWRITE,
    COOKIE_PREFIX,
};

/* Configuration, shared and constant while requests run. Texts belong to the configuration. */
struct cookie_conf {
    const char *name; /* a token; compared with case */
    size_t name_len;
    enum cookie_mode mode;
    bool indirect; /* the server does not get to see it */
    bool nocache;  /* mark answers with a cookie as not for shared caches */
    bool postonly; /* insert only into answers to POST */
    bool preserve; /* leave a cookie of that name that the server sets as it is */
    bool httponly;
    bool secure;
    const char *domain; /* "; domain=a" for each domain, as it goes out; or NULL */
    const char *attr;   /* "; SameSite=Lax" for each attribute, as it goes out; or NULL */
    int64_t maxidle_s;  /* 0: none. With either, the value carries dates: "s1|last|first" */
    int64_t maxlife_s;  /* 0: none */
};

/* What the client's cookie was worth; the letter is the third of the log's four flags. Of several
 * cookies of that name the first valid one counts; if none is, the last of D, E, O that occurs. */
enum cookie_state {
    COOKIE_NONE,    /* N: no cookie of that name */
    COOKIE_INVALID, /* I: no server has that value */
    COOKIE_DOWN,    /* D: its server is not available */
    COOKIE_EXPIRED, /* E: not seen for longer than maxidle */
    COOKIE_OLD,     /* O: in use for longer than maxlife */
    COOKIE_VALID,   /* V: it decided on the server */
    COOKIE_UNUSED,  /* U: found, but a rule decided on the server */
};

/* What was done to the answer; the fourth flag. */
enum cookie_answer {
    COOKIE_ANSWER_NONE,      /* N: nothing there, nothing done */
    COOKIE_ANSWER_INSERTED,  /* I */
    COOKIE_ANSWER_UPDATED,   /* U: inserted for its new date only */
    COOKIE_ANSWER_PROVIDED,  /* P: the server's own, left as it is */
    COOKIE_ANSWER_REWRITTEN, /* R: the server's own, with our value in or before it */
    COOKIE_ANSWER_DELETED,   /* D: the server's own, taken out */
};

char cookie_state_letter(enum cookie_state s);
char cookie_answer_letter(enum cookie_answer a);

/* What is known of one exchange; embedded by value. The caller may set `state` to COOKIE_DOWN when
 * the server turned out not to be reachable and another one answered, or to COOKIE_UNUSED. */
struct cookie {
    enum cookie_state state;
    enum cookie_answer answer;
    int64_t last_s; /* wall-clock dates from a valid value, 0 if it had none */
    int64_t first_s;
};

/* The caller's verdict on a value: COOKIE_INVALID, COOKIE_DOWN or COOKIE_VALID. */
typedef enum cookie_state cookie_judge_fn(void *ctx, const char *value, size_t len);

/* Reads the request's Cookie fields and asks `judge` for each value of that name until one is
 * valid.
 * `*k` is filled in. */
void cookie_request(const struct cookie_conf *conf, const char *buf, const struct http1_head *head,
                    int64_t wall_s, cookie_judge_fn *judge, void *ctx, struct cookie *k);

/* Takes out of the request what the server must not see: with `insert indirect` the cookie (`a=b;
 * SERVERID=s2; c=d` becomes `a=b; c=d`, and an empty header goes), in prefix mode the prefix. False
 * as rewrite.h says. */
bool cookie_strip(const struct cookie_conf *conf, const char *buf, const struct http1_head *head,
                  struct rewrite *r);

/* The response's part: takes out or changes the server's Set-Cookie of that name, inserts one where
 * the cookie did not decide on the server or its dates are due, and `cache-control: private` where
 * that is due. `server` is the cookie value of the server that answered; NULL or "" if it has none
 * (the client's is then ended). False as rewrite.h says. */
bool cookie_response(const struct cookie_conf *conf, const char *server, const char *buf,
                     const struct http1_head *head, int64_t wall_s, struct cookie *k,
                     struct rewrite *r);

/* The next name=value of the request's Cookie fields, for samples and captures; false at the end.
 * `*field` is NULL at first. */
struct cookie_pair {
    struct http1_span name;
    struct http1_span value;
};
bool cookie_next(const char *buf, const struct http1_head *head, const struct http1_field **field,
                 size_t *at, struct cookie_pair *out);
