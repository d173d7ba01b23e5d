/*
 * Hooks: commands and FIFOs that are told what an instance or a sync group has become.
 *
 * Each instance (and group) has one queue. Its hooks run one after the other, in the order of the
 * specification, never two at once. While a command runs, only the newest state is remembered: what
 * came in between is dropped and counted, for a hook must bring about the present, not the past.
 * Each command has a deadline; then its process group is killed.
 *
 * A `retry` hook is run until it succeeds, with exponential backoff (1 s to 60 s, a quarter of
 * jitter), as long as the state is the one it was run for. Between its runs the queue goes on.
 *
 * Arguments and words are keepalived's, so that existing scripts run unchanged. A hook with `args`
 * gets four more: INSTANCE|GROUP, the name, MASTER|BACKUP|FAULT|STOP|DELETED, the priority (0 for a
 * group). In the environment of each: VRRPD_NODE, VRRPD_TYPE, VRRPD_NAME, VRRPD_STATE,
 * VRRPD_OLD_STATE (empty at first), VRRPD_PRIORITY, VRRPD_REASON, VRRPD_ATTEMPT (from 1), and what
 * the specification adds (addresses, interface).
 *
 * A FIFO gets a line for each change, none dropped: `INSTANCE "NAME" MASTER 100`. When nobody reads
 * and the pipe is full, lines are dropped and counted; nothing waits.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/mono.h"
#include "vrrpd/program.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct children;
struct notifier; /* what the queues share: FIFOs, limits, counters */
struct notify;   /* one queue */

struct notifier_spec {
    const char *node; /* VRRPD_NODE; NULL: the host's name */
    uint64_t seed;    /* of the jitter; 0: taken from the clock */
};

int notifier_new(struct notifier **out, struct loop *loop, struct children *children,
                 const struct notifier_spec *spec, struct err *e);

/* After all of its queues. Removes the FIFOs it made. NULL-safe. */
void notifier_free(struct notifier *nr);

enum notify_state {
    NOTIFY_MASTER,
    NOTIFY_BACKUP,
    NOTIFY_FAULT,
    NOTIFY_STOP,
    NOTIFY_DELETED,      /* the instance is no longer configured */
    NOTIFY_RX_LOWER_PRI, /* not a state: a Master heard a lower priority (for clouds: take it back)
                          */
};
const char *notify_state_name(enum notify_state state); /* "MASTER" ... */

#define NOTIFY_ON(STATE) (1u << (STATE))
#define NOTIFY_ON_ANY                                                                              \
    (NOTIFY_ON(NOTIFY_MASTER) | NOTIFY_ON(NOTIFY_BACKUP) | NOTIFY_ON(NOTIFY_FAULT) |               \
     NOTIFY_ON(NOTIFY_STOP) | NOTIFY_ON(NOTIFY_DELETED))

enum { NOTIFY_HOOKS_MAX = 64, NOTIFY_FIFOS_MAX = 8 };

struct notify_hook {
    const char *name; /* for messages and status */
    struct program program;
    unsigned states;      /* NOTIFY_ON() of each state it is run for */
    bool args;            /* keepalived's four arguments are appended */
    bool retry;           /* until it succeeds */
    struct span deadline; /* 0: 30 s */
};

struct notify_spec {
    const char *name;
    bool group;
    const struct notify_hook *hooks; /* keepalived's order: those for one state first, then the
                                      * general ones */
    size_t hook_count;
    const char *const *fifos; /* paths, NULL-terminated; made if missing (0600); may be NULL */
    const char *const *env;   /* "NAME=value", NULL-terminated; may be NULL */
    struct span retry_min, retry_max; /* 0: 1 s, 60 s */
};

/* Everything is copied. A hook whose program is unsafe is not refused here: it is at each run, with
 * a log line. */
int notify_new(struct notify **out, struct notifier *nr, const struct notify_spec *spec,
               struct err *e);

/* Kills what runs. NULL-safe. */
void notify_free(struct notify *n);

/* For a reload: hooks, FIFOs and environment become those of `spec`. The state and its history
 * stay; nothing is run again, what runs goes on, retries go on where a hook of that name still
 * wants them. */
int notify_change(struct notify *n, const struct notify_spec *spec, struct err *e);

/* Tells the hooks. `reason` (a sentence, for VRRPD_REASON) may be NULL. */
void notify_send(struct notify *n, enum notify_state state, int priority, const char *reason);

/* To the FIFOs only: "MASTER_PRIORITY" or "BACKUP_PRIORITY" with the new priority (keepalived's
 * notify_priority_changes). */
void notify_priority(struct notify *n, bool master, int priority);

/* At shutdown, after the last notify_send(): hooks that wait to be retried are given up, those
 * queued or running are waited for, `fn` is called once (from the loop) when all queues are idle or
 * at the deadline; what still runs then is killed. */
typedef void notifier_drained_fn(void *ctx);
void notifier_drain(struct notifier *nr, struct mono deadline, notifier_drained_fn *fn, void *ctx);

/* --- for status --- */

#define NOTIFY_TEXT_MAX 256

struct notify_retry {
    char hook[64];
    unsigned attempts;
    struct mono next; /* MONO_NEVER: it runs right now */
    char error[NOTIFY_TEXT_MAX];
};

enum { NOTIFY_RETRIES_SHOWN = 8 };

struct notify_snapshot {
    bool told; /* anything was sent at all */
    enum notify_state state;
    struct mono since;
    char running[64]; /* name of the hook that runs; "" none */
    struct mono running_since;
    size_t waiting;  /* hooks of the present state that have not been run yet */
    size_t retrying; /* hooks that failed and will be run again */
    struct notify_retry retries[NOTIFY_RETRIES_SHOWN];
    char last_error[NOTIFY_TEXT_MAX]; /* of the last command that failed; "" none */
    uint64_t started, succeeded, failed, timed_out;
    uint64_t dropped; /* states that were overtaken before their hooks had all run */
    uint64_t fifo_lines, fifo_dropped;
};

void notify_snapshot(const struct notify *n, struct notify_snapshot *out);
