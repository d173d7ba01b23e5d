/*
 * Requests to the kernel's routing tables, many at a time.
 *
 * rtnetlink carries requests out inside sendmsg(): when it returns, they are done. So a batch is
 * one sendmsg() for up to NETLINK_BATCH requests, none of which asks for an acknowledgement; only
 * failures come back, and they are there to be read at once. Nothing waits, and 1,000 addresses
 * cost a handful of system calls.
 *
 * Messages are built with libnl's nlmsg_ and nla_ functions.
 */
#pragma once

#include "common/base/err.h"

#include <netlink/msg.h>
#include <stddef.h>
#include <stdint.h>

enum { NETLINK_BATCH = 128 };

struct netlink;

int netlink_new(struct netlink **out, struct err *e);
void netlink_free(struct netlink *nl);

/* A request that failed: `error` is the errno (positive), `text` the kernel's explanation or "". */
typedef void netlink_failed_fn(void *ctx, void *cookie, int error, const char *text);

/* Begins a batch; failures will be told to `fn` (which must not add requests). */
void netlink_begin(struct netlink *nl, netlink_failed_fn *fn, void *ctx);

/* Adds a request and takes `msg` over, also on failure. `msg` NULL is -ENOMEM. A full batch is sent
 * by itself. */
int netlink_add(struct netlink *nl, struct nl_msg *msg, void *cookie);

/* Sends what is left. 0, or the first error of sending (failed requests are not one). */
int netlink_end(struct netlink *nl);

/* One request alone: 0, or the kernel's negative errno with its explanation in `e`. */
int netlink_one(struct netlink *nl, struct nl_msg *msg, struct err *e);

/* Everything of one kind (RTM_GETLINK, RTM_GETADDR, RTM_GETRULE), synchronously: the
 * kernel answers within the system calls that read. One that changed underneath is asked for again
 * (fn then sees entries twice). 0 or a negative errno. */
typedef void netlink_dump_fn(void *ctx, struct nlmsghdr *h);
int netlink_dump(int type, netlink_dump_fn *fn, void *ctx);

/* The routes of one protocol in all tables, of both families. Old kernels do not filter: fn has to
 * look. */
int netlink_dump_routes(uint8_t protocol, netlink_dump_fn *fn, void *ctx);

struct netlink_stats {
    uint64_t requests, batches, failed;
    uint64_t overruns; /* failures were lost; whoever needs certainty must ask the kernel */
};

const struct netlink_stats *netlink_stats(const struct netlink *nl);
