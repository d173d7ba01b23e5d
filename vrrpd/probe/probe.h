/*
 * `vrrpctl probe`: the client's view of an address, for operators.
 *
 * A new connection and a GET each interval, whatever became of those before: what clients see while
 * an address moves. See probe_stats.h for what is measured.
 */
#pragma once

#include "common/base/addr.h"
#include "common/base/err.h"
#include "common/base/mono.h"
#include "common/rt/loop.h"
#include "vrrpd/probe/probe_stats.h"

struct probe;

struct probe_options {
    struct addr_port target;
    struct span interval; /* between requests, above 0 */
    struct span run;      /* how long to send */
    struct span timeout;  /* of one request, from its planned instant */
    const char *path;     /* "/"; copied */
    const char *host;     /* Host header; copied */
    /* Each outcome as it becomes known; may be NULL. */
    void (*on_result)(void *ctx, const struct probe_result *r);
    /* Once, when the run is over and each request has its outcome. */
    void (*on_done)(void *ctx);
    void *ctx;
};

/* Requests that may be under way at a time. One more counts as PROBE_NOT_SENT. */
#define PROBE_IN_FLIGHT 4096

/* The first request is sent in the loop's next turn. */
int probe_new(struct probe **out, struct loop *loop, const struct probe_options *options,
              struct err *e);

/* Sends no more; on_done is called when what is under way has its outcome, perhaps from here. Not
 * to be called from on_result. */
void probe_stop(struct probe *p);

/* Ends the run now: requests without an outcome are forgotten. on_done is called, from here. */
void probe_abort(struct probe *p);

/* Valid until probe_free(); complete once on_done was called. */
const struct probe_stats *probe_stats(const struct probe *p);

/* NULL-safe. */
void probe_free(struct probe *p);

/* The whole command: options, run, output. argv[0] is "probe". Returns the exit status: 0 if
 * anything succeeded, 1 if nothing did, 2 for a mistake in the command line. */
int probe_main(int argc, char **argv);
