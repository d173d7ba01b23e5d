/*
 * An HTTP exchange: one request and its response, from the first byte to the log line.
 *
 * Two small state machines, request and response, each driven by whichever of the two connections
 * has news (http.c has the tables). An exchange exists while there is something to do; between two
 * requests only the struct client is left.
 */
#pragma once

#include "lb/access_log.h"
#include "lb/core/cookie.h"
#include "lb/net/client.h"
#include "lb/session/attempt.h"
#include "lb/session/flow.h"
#include "lb/session/rule_context.h"
#include "lb/worker.h"

#include <stdbool.h>
#include <stdint.h>

/* A client came in on a listener in http mode. */
void http_client(struct client *c);

/* The worker stops: an idle client goes, a busy one after its answer. */
void http_stop(struct client *c);

/* ---- for the http_ files and whoever answers requests itself ---- */

enum request_state {
    REQUEST_HEAD,   /* its head is being read */
    REQUEST_TARPIT, /* a rule lets it wait for its refusal */
    REQUEST_SERVER, /* it is on its way to a server (attempt.h) */
    REQUEST_SEND,   /* the head goes to the server */
    REQUEST_BODY,   /* the body follows */
    REQUEST_DONE,   /* it is with the server, or is answered here */
    REQUEST_STATES
};

enum response_state {
    RESPONSE_NONE, /* nothing was asked yet */
    RESPONSE_HEAD, /* its head is awaited */
    RESPONSE_BODY, /* the body follows */
    RESPONSE_DONE, /* all of it is on its way to the client */
    RESPONSE_STATES
};

enum http_step {
    HTTP_WAIT, /* nothing more to do until there is news */
    HTTP_MORE, /* the state has changed: look again */
    HTTP_GONE  /* the exchange does not exist any more */
};

struct exchange {
    struct worker *w;
    struct client *client;
    struct plan *plan; /* in use */
    const struct plan_listener *front;
    const struct plan_pool *back; /* NULL: not known yet, or none */
    struct rule_context *rules;   /* NULL: none apply */
    struct attempt to;            /* its server and the connection to it */

    uint8_t request;  /* enum request_state */
    uint8_t response; /* enum response_state */
    uint8_t method;   /* enum http1_method */
    uint8_t minor;    /* of the client's version */
    bool client_keep; /* the client may send another request */
    bool server_keep; /* the server connection may carry another one */
    bool upgrade;     /* the request asks for one */
    bool expect;      /* the request waits for a 100 */
    bool bare_head;   /* what was read belongs to no valid request */
    bool replay;      /* the whole request is still in its buffer */
    bool scratch_own; /* w->scratch->head is this request's */
    bool silent;      /* is not logged */
    bool linger;      /* unread input is to be thrown away before the end */

    struct flow up, down; /* request and response */
    struct http1_scan scan;
    uint16_t head_len;   /* of the request */
    uint32_t request_at; /* where the request begins in its buffer */
    uint32_t body_ready; /* bytes of its body that came with it */
    struct http1_span target;

    struct cookie cookie;
    struct mono client_seen, server_seen; /* bytes moved, or began to be waited for */
    struct mono deadline;                 /* of the head */

    struct access_record log;
    struct loop_work again;
    struct exchange *next_free;
    char line[ACCESS_LINE_MAX];
};

/* Drives it until it has to wait. `x` may be gone after. */
void http_run(struct exchange *x);

/* Drives it in a later turn. */
void http_later(struct exchange *x);

/* The steps, by state. */
enum http_step http_read_head(struct exchange *x);
enum http_step http_get_server(struct exchange *x);
enum http_step http_send(struct exchange *x);
enum http_step http_send_body(struct exchange *x);
enum http_step http_read_response(struct exchange *x);
enum http_step http_send_response(struct exchange *x);

/* Answers here with a status that has a built-in text; the server connection, if any, goes. `by`
 * and `when` are the log's two letters. */
enum http_step http_answer(struct exchange *x, uint16_t status, char by, char when);

/* The same with a whole response of one's own; `keep` allows another request after it. */
enum http_step http_answer_with(struct exchange *x, uint16_t status, const char *data, size_t len,
                                bool keep);

/* The answer that a rule has put together. */
enum http_step http_answer_rule(struct exchange *x, const struct rule_outcome *out, char when);

/* Ends without an answer (or in the middle of one): both connections go. */
enum http_step http_abort(struct exchange *x, char by, char when);

/* The response is with the client: log, counters, and what becomes of the connections. */
void http_finish(struct exchange *x);

/* Its head is understood: answered here, or sent to which pool? */
enum http_step http_route(struct exchange *x);

/* The server connection failed before any byte of a response: another try, or an answer. */
enum http_step http_retry(struct exchange *x);

/* The server's answer was none, or did not come: counted and observed. */
void http_bad_answer(struct exchange *x);

/* What was answered here goes to the client. */
enum http_step http_send_own(struct exchange *x);

/* 101, or 2xx to CONNECT: from here on it is bytes both ways (tcp.h). */
enum http_step http_become_tunnel(struct exchange *x);

/* The head of the request as it goes on: as it came, or as rules have made it. */
const char *http_request_head(const struct exchange *x);

/* Rules of the listener, then of the pool; false: they have ended it, with `*step`. */
bool http_rules_front(struct exchange *x, enum http_step *step);
bool http_rules_back(struct exchange *x, enum http_step *step);

/* Where the routes send it; NULL: nowhere. */
const struct plan_pool *http_rules_pool(struct exchange *x);

bool http_rules_monitor_fails(struct exchange *x);

/* Those for the response at `*buf`, which is in the scratch, too; `*buf` becomes what they have
 * made of it. False: they have answered instead. */
bool http_rules_response(struct exchange *x, const char **buf, enum http_step *step);

/* Those that come last. The patched response in the scratch is patched further; false if that can't
 * be done. The same for an answer made here: its new length in `out`, 0 if it can't. */
bool http_rules_are_after(const struct exchange *x);
bool http_rules_after(struct exchange *x);
size_t http_rules_after_answer(struct exchange *x, const char *data, size_t len, char *out,
                               size_t cap);

/* The client has waited long enough. */
enum http_step http_tarpit_over(struct exchange *x);

/* Makes w->scratch->head the request's again, while its head is in its buffer. */
void http_own_scratch(struct exchange *x);

/* The log line, and the counters of pool and server; `class` is that of the status. */
void http_log(struct exchange *x);
void http_account_pool(struct exchange *x, enum count_id class);

extern const struct attempt_ops http_attempt_ops;

/* Adds X-Forwarded-For and its kin; false if there is no room. */
bool http_forwarded_for(const struct exchange *x, struct rewrite *r, const struct plan_forward *f,
                        const char *buf);

extern const struct conn_ops http_server_ops;
