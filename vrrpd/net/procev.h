/*
 * The kernel's process events: who called exec, who was renamed.
 *
 * Over NETLINK_CONNECTOR. The kernel gives them to a reader with CAP_NET_ADMIN (since Linux 6.6 to
 * anybody) in the initial network, user and PID namespaces; elsewhere it refuses, or says nothing
 * at all. So a subscription is first PROCEV_STARTING, and becomes PROCEV_ON when the kernel
 * acknowledges it, or PROCEV_OFF. A socket filter keeps everything but exec and rename out, so
 * forks and exits cost nothing here.
 */
#pragma once

#include "common/base/err.h"

#include <stdint.h>
#include <sys/types.h>

struct loop;
struct procev;

enum procev_state { PROCEV_STARTING, PROCEV_ON, PROCEV_OFF };

/* A process `pid` (a thread group leader) has a new program or name. pid 0: the state changed, or
 * events were lost; whoever relies on them looks for himself now. Not called from procev_new(). */
typedef void procev_fn(void *ctx, pid_t pid);

/* -EPERM, -ECONNREFUSED, -EPROTONOSUPPORT ... with a sentence, where it cannot be had. */
int procev_new(struct procev **out, struct loop *loop, procev_fn *fn, void *ctx, struct err *e);

/* NULL-safe. */
void procev_free(struct procev *p);

enum procev_state procev_state(const struct procev *p);

/* Why it is PROCEV_OFF; "" otherwise. */
const char *procev_reason(const struct procev *p);

struct procev_stats {
    uint64_t events;
    uint64_t overflows; /* the socket's buffer was full: events were lost */
    uint64_t strange;   /* messages that made no sense */
};

struct procev_stats procev_stats(const struct procev *p);
