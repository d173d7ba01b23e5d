/*
 * Stickiness by cookie: which server a client's cookie names, what of it the server gets to see,
 * and what the client is told in return (HAProxy's `cookie NAME insert|rewrite|prefix ...`).
 *
 *     insert    the balancer sets the cookie; its value is the server's
 *     rewrite   the server sets it; the balancer puts the server's value in its place
 *     prefix    the server sets it; the balancer puts "VALUE~" in front, and takes it off again
 *
 * Pure: parsed heads and the wall-clock time in, patches (rewrite.h) and verdicts out. Finding the
 * server for a value and asking whether it is up is the caller's part, between the steps:
 *
 *     cookie_request(...)          value and dates that the client named
 *     k.state = COOKIE_VALID ...   the caller's verdict, if k.state is COOKIE_VALID so far
 *     cookie_strip(...)            into the request's rewrite
 *     cookie_response(...)         into the response's rewrite
 */
#pragma once

#include "lb/core/http1.h"
#include "lb/core/rewrite.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COOKIE_TEXT_MAX 512 /* bytes of a Set-Cookie value that is made here */

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
    bool indirect; /* insert: keep the cookie from the server, and insert it only where needed */
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

/* What the client's cookie was worth; the letter is the third of the log's four flags. */
enum cookie_state {
    COOKIE_NONE,    /* N: no cookie of that name */
    COOKIE_INVALID, /* I: no server has that value */
    COOKIE_DOWN,    /* D: its server is not available */
    COOKIE_VALID,   /* V */
    COOKIE_EXPIRED, /* E: not seen for longer than maxidle */
    COOKIE_OLD,     /* O: in use for longer than maxlife */
    COOKIE_UNUSED,  /* U: found, but something else chose the server */
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

/* What is known of one exchange; embedded by value. */
struct cookie {
    enum cookie_state state;
    enum cookie_answer answer;
    struct http1_span value; /* the server's value in the request's buffer; empty if none */
    int64_t last_s;          /* wall-clock dates from the value, 0 if it had none */
    int64_t first_s;
};

/* Reads the request's Cookie fields. Afterwards k->state is COOKIE_NONE, COOKIE_EXPIRED,
 * COOKIE_OLD, or COOKIE_VALID with k->value to be looked up; the caller changes that to
 * COOKIE_INVALID or COOKIE_DOWN where it is due. */
void cookie_request(const struct cookie_conf *conf, const char *buf, const struct http1_head *head,
                    int64_t wall_s, struct cookie *k);

/* Takes out of the request what the server must not see: with `indirect` the cookie (`a=b;
 * SERVERID=s2; c=d` becomes `a=b; c=d`, and an empty header goes), in prefix mode the prefix. False
 * as rewrite.h says. */
bool cookie_strip(const struct cookie_conf *conf, const char *buf, const struct http1_head *head,
                  struct rewrite *r);

/* The response's part: takes out or changes the server's Set-Cookie of that name, inserts one where
 * due, and `cache-control: private` where that is due. `server` is the cookie value of the server
 * that answered; NULL or "" if it has none. `method` is the request's. False as rewrite.h says. */
bool cookie_response(const struct cookie_conf *conf, const char *server, enum http1_method method,
                     const char *buf, const struct http1_head *head, int64_t wall_s,
                     struct cookie *k, struct rewrite *r);

/* Calls `fn` for each name=value pair of the request's Cookie fields until it returns false. For
 * samples and captures. */
struct cookie_pair {
    struct http1_span name;
    struct http1_span value;
};
bool cookie_next(const char *buf, const struct http1_head *head, const struct http1_field **field,
                 size_t *at, struct cookie_pair *out);
