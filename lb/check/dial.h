/*
 * A connection of a check: opened without blocking, then written to and read from by its owner.
 */
#pragma once

#include "common/base/addr.h"
#include "common/rt/loop.h"

#include <stdbool.h>

struct dial;
typedef void dial_fn(struct dial *d, uint32_t events);

/* Embedded in its owner. */
struct dial {
    struct loop_io io; /* fd -1: closed */
    struct loop *loop;
    dial_fn *fn;
};

/* Begins to connect; `fn` is called with events from then on. `speaks` first: the kernel may keep
 * its acknowledgement back for what is sent, or for the reset. 0 or a negative errno: failed at
 * once. */
int dial_open(struct dial *d, struct loop *loop, const struct addr_port *to, bool speaks,
              dial_fn *fn);

/* The errno of the attempt: 0 if it stands, EINPROGRESS while it does not. */
int dial_error(const struct dial *d, uint32_t events);

void dial_want(struct dial *d, uint32_t events);

/* With a reset, so that no TIME-WAIT remains on either side; harmless if closed. */
void dial_close(struct dial *d);
