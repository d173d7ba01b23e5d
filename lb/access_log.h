/*
 * The access log: one line a request, formatted by the worker, written by main.
 *
 * A worker puts its lines into its lane, a ring that only it writes and only main reads; the first
 * line since main last looked wakes main, which takes what has gathered a moment later in one go.
 * A line that finds no room is dropped and counted: traffic never waits for logs.
 */
#pragma once

#include "common/base/addr.h"
#include "common/rt/loop.h"
#include "lb/plan.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define ACCESS_LINE_MAX 1024 /* bytes of a request line that are kept */

/* What is known of one request or one tcp session; 0 where something did not come about. */
struct access_record {
    const struct plan_listener *front;
    const char *pool;   /* NULL: none, the listener's own name is logged */
    const char *server; /* NULL: <NOSRV> */
    const struct addr_port *client;
    struct mono accepted, begun, head, queued, connected, responded, ended;
    uint16_t status;
    uint64_t bytes_in, bytes_out;
    char term[2];    /* who ended it, and when: see HAProxy's manual, 8.5 */
    char cookies[2]; /* the client's, the answer's; 0 for "-" */
    unsigned retries;
    bool redispatched, has_request;
    unsigned server_queue, pool_queue;
    uint32_t front_conns, pool_conns, server_conns;
    const char *line; /* the request line */
    size_t line_len;
};

struct access_lane;

struct access_lane *access_lane_new(size_t bytes);
void access_lane_free(struct access_lane *l); /* NULL-safe */

/* Worker: writes the line. `main` is woken if it has to be. */
void access_log(struct access_lane *l, struct loop *main, const struct access_record *r,
                struct mono now, uint32_t conns);

/* Lines that found no room. Any thread. */
uint64_t access_lane_dropped(const struct access_lane *l);

/* Main: whom to wake, and the next line; NULL if there is none. The line is valid until the next
 * call, which needs its length back; `*len` is 0 at first. `sinks` says where it goes. */
void access_lane_on_wake(struct access_lane *l, struct loop_msg *msg);
const char *access_lane_next(struct access_lane *l, size_t *len, uint64_t *sinks);

/* Formats the line of `option httplog` or `option tcplog` into `out`; returns its length. */
size_t access_format(const struct access_record *r, const struct timespec *begun, uint32_t conns,
                     char *out, size_t cap);
