/*
 * The guardian: the parent process, which does nothing but watch over the daemon.
 *
 * When the daemon is killed or crashes, it removes every address that carries our mark, sends an
 * advert of priority 0 for each instance that was Active (so that a peer takes over within
 * Skew_Time), and starts the daemon again, at once after a long life, later and later after short
 * ones. When the daemon is stopped (SIGSTOP), it cleans up as well. It passes SIGTERM, SIGINT and
 * SIGHUP on. If the guardian itself is killed, the daemon gets SIGTERM and leaves in good order.
 *
 * Its process is called "vrrpd-guard".
 */
#pragma once

#include "common/base/err.h"
#include "vrrpd/farewell.h"
#include "vrrpd/net/sysctl.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GUARDIAN_TEXT_MAX = 256, GUARDIAN_SYSCTLS_MAX = 128 };

/* Shared between guardian and daemon. */
struct guardian {
    uint64_t restarts;
    bool in_charge; /* the daemon has begun to touch addresses; until then there is nothing to undo,
                     * and what is there may be another vrrpd's */
    char last[GUARDIAN_TEXT_MAX]; /* what became of the daemon before; "" nothing */
    struct sysctl_slot sysctls[GUARDIAN_SYSCTLS_MAX];
    size_t farewell_count;
    struct farewell farewells[];
};

/* Forks. Returns in the daemon only: 0 with `*out` set, each time a daemon is started (restarts
 * tells the first from later ones). The guardian stays in here and exits with the daemon's status.
 * Negative errno if the first fork failed. */
int guardian_start(struct guardian **out, size_t instances_max, struct err *e);

/* For the daemon, after it has changed its user: the kernel has then forgotten that it wanted a
 * SIGTERM at the guardian's death. */
void guardian_hold_on(void);
