/*
 * A connection's socket: reads, writes, readiness and one deadline. Client and server connections
 * embed it.
 *
 * Edge-triggered: a socket is added to epoll once, for everything, and never changed again; what it
 * is ready for is remembered here, set by events, cleared when the kernel says "not now". A client
 * socket is added only when something has to be waited for, so a connection that brings its request
 * and gets its answer at once never is. A read that brought less than it asked for means that
 * nothing more is there, which saves the call that would only say so.
 *
 * The deadline is lazy: moving it later costs a store, not a heap operation; the timer fires early,
 * sees that, and goes back to sleep.
 */
#pragma once

#include "common/rt/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct conn;
struct worker;

struct conn_ops {
    void (*event)(struct conn *c); /* it became readable, writable, ended or broke */
    void (*timeout)(struct conn *c);
};

struct conn {
    struct loop_io io;
    struct timer timer;
    struct mono deadline;
    struct worker *w;
    const struct conn_ops *ops;
    bool readable, writable; /* worth a try */
    bool hup;    /* the other side has said that it sends no more (may still be unread) */
    bool eof;    /* read to the end */
    bool broken; /* reset or another error: `error` */
    bool shut;   /* we have said that we send no more */
    int error;
};

/* Takes over the descriptor, which is thought to be ready for everything until tried. */
void conn_init(struct conn *c, struct worker *w, int fd, const struct conn_ops *ops);

/* Another owner from here on. */
static inline void conn_own(struct conn *c, const struct conn_ops *ops)
{
    c->ops = ops;
}

/* Waits for events from here on; done by reads and writes that could not go on. */
void conn_watch(struct conn *c);

/* Bytes read or written; 0: not now; -1: it has ended (eof) or is broken. */
ssize_t conn_read(struct conn *c, void *data, size_t len);
ssize_t conn_write(struct conn *c, const void *data, size_t len, bool more);
ssize_t conn_writev(struct conn *c, struct iovec *iov, size_t n, bool more);

/* Nothing to read, not ended, not broken: whatever woke us was no news. Costs a call only where
 * there may be something to read. */
bool conn_is_quiet(struct conn *c);

/* Nothing more is sent; the other direction goes on. */
void conn_shut(struct conn *c);

/* Nothing to wait for any more: no events, no deadline, descriptor closed. Harmless if done. */
void conn_close(struct conn *c);

/* The next close sends a reset, what is unsent is thrown away. */
void conn_reset_on_close(struct conn *c);

/* ops->timeout is called at that instant unless the deadline is moved before; MONO_NEVER: never. */
void conn_deadline(struct conn *c, struct mono at);
