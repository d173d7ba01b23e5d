/*
 * The event loop: one epoll set, its timers, its signals, its deferred work.
 *
 * One loop belongs to one thread. Only loop_post() and loop_wake() may be called from other
 * threads. Nothing that runs in a loop may block.
 *
 * A turn does, in this order:
 *   1. waits for events, until the first timer, and reads the clock once (loop_now);
 *   2. I/O: calls each loop_io that has events. As long as a batch comes back full it takes
 * another, up to a few, so that a timer does not act on a state that unread packets have changed;
 *   3. then what is told about by descriptors too, but comes second: ended children, watched
 *      processes, signals, messages posted by other threads (loop_io.late);
 *   4. then the timers that are due;
 *   5. then deferred work (loop_work).
 * A timer that is more than 1 ms late (the machine was busy, the process was stopped) fires only
 * after the sockets were polled once more: what had arrived when the clock was read has been
 * delivered.
 *
 * The clock is CLOCK_MONOTONIC. BOOTTIME is not used: epoll cannot sleep on it, and after a suspend
 * every peer has long given up on this machine; a jump would only fire all timers at once.
 *
 * Errors: negative errno with a sentence in `struct err`.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/list.h"
#include "common/base/mono.h"
#include "common/base/timer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

struct loop;

/* `out` is set only on success. The loop counts for the calling thread. */
int loop_new(struct loop **out, struct err *e);

/* Frees the loop itself; what is still added, armed or posted belongs to its owners and is
 * forgotten. Signals taken by loop_signal() are unblocked again. NULL-safe. */
void loop_free(struct loop *loop);

/* Turns until loop_stop(). 0, or the error of the kernel's wait. */
int loop_run(struct loop *loop, struct err *e);

/* One turn that waits no longer than `until` (MONO_NEVER: as long as it takes; any instant in the
 * past: not at all). 0 or a negative errno. */
int loop_turn(struct loop *loop, struct mono until, struct err *e);

/* loop_run() returns at the end of this turn; called before it, it returns at once. */
void loop_stop(struct loop *loop);

/* The instant of this turn. */
struct mono loop_now(const struct loop *loop);

/* The clock itself, for measuring; decisions use loop_now(). */
struct mono loop_clock(void);

/* How late the first due timer of this turn was when its turn came: 0 on time. */
struct span loop_late(const struct loop *loop);

/* --- descriptors --- */

struct loop_io;
typedef void loop_io_fn(struct loop_io *io, uint32_t events);

/* Embedded in its owner. Fill in fd, fn and events (EPOLLIN, EPOLLET, ...), zero the rest.
 * The descriptor stays the owner's: loop_io_del() first, close() second. That order matters: a
 * child between fork and exec holds a copy, and the kernel would keep reporting events for it. */
struct loop_io {
    int fd;
    uint32_t events; /* what is wanted; changed by loop_io_mod() only */
    loop_io_fn *fn;
    bool late;     /* served after all ordinary I/O of the turn */
    bool added;    /* private */
    uint16_t slot; /* private: place in the running batch, from 1 */
};

/* Starts watching. -EEXIST if it is added already. */
int loop_io_add(struct loop *loop, struct loop_io *io, struct err *e);

/* Changes what is wanted; events already fetched that are no longer wanted are not delivered. Never
 * fails for an added io. Does nothing when `events` is what it was. */
void loop_io_mod(struct loop *loop, struct loop_io *io, uint32_t events);

/* Stops watching. From here on fn is not called, also not for an event that was fetched in the same
 * batch: each io knows its place in the batch, and removing it empties that place. So the owner may
 * be freed at once, from any callback. Does nothing if it is not added. */
void loop_io_del(struct loop *loop, struct loop_io *io);

/* --- timers (common/base/timer.h), to the microsecond --- */

void loop_timer_arm(struct loop *loop, struct timer *t, struct mono at);
/* Counts from loop_now(). */
void loop_timer_after(struct loop *loop, struct timer *t, struct span in);
void loop_timer_disarm(struct loop *loop, struct timer *t);

/* --- deferred work: once, at the end of the turn --- */

struct loop_work;
typedef void loop_work_fn(struct loop_work *work);

/* Embedded in its owner; fill in fn, zero the rest. */
struct loop_work {
    loop_work_fn *fn;
    struct list node; /* private */
};

/* Queues the work; does nothing if it is queued. Work queued by work runs in the next turn, which
 * then does not wait. */
void loop_work_add(struct loop *loop, struct loop_work *work);
void loop_work_cancel(struct loop *loop, struct loop_work *work);

/* --- signals --- */

typedef void loop_signal_fn(void *ctx, const struct signalfd_siginfo *info);

/* Blocks the signal in the calling thread and calls `fn` for it from this loop. To be called before
 * threads are started, which inherit the mask; a child of child.h gets a clean one. fn NULL gives
 * the signal back. */
int loop_signal(struct loop *loop, int signo, loop_signal_fn *fn, void *ctx, struct err *e);

/* --- other threads --- */

struct loop_msg;
typedef void loop_msg_fn(struct loop_msg *msg);

/* Embedded in what is sent; it belongs to the receiving loop until fn is called, then to fn. */
struct loop_msg {
    loop_msg_fn *fn;
    struct loop_msg *next; /* private */
};

/* From any thread: fn is called in the loop's thread. Messages of one sender arrive in order. */
void loop_post(struct loop *loop, struct loop_msg *msg);

/* From any thread: ends the loop's wait. */
void loop_wake(struct loop *loop);

/* --- counters --- */

struct loop_stats {
    uint64_t turns;
    uint64_t events;       /* callbacks of descriptors */
    uint64_t stale;        /* events dropped because their io was removed or changed meanwhile */
    uint64_t timers;       /* fired */
    uint64_t works;        /* deferred work done */
    uint64_t messages;     /* from other threads */
    uint64_t signals;      /* delivered */
    uint64_t full_batches; /* a limit bit: more events waited than one batch takes */
    uint64_t timer_limit;  /* a limit bit: more timers were due than one turn fires */
    uint64_t work_limit;   /* a limit bit: more work was queued than one turn does */
    struct span late_max;  /* the latest that a timer was */
    struct span turn_max;  /* the longest turn, without its wait */
};

/* The loop's own counters; a reader may zero those it wants to measure anew. */
struct loop_stats *loop_stats(struct loop *loop);

/* Waits by a timerfd instead of epoll_pwait2(), which the loop does by itself on kernels and in
 * sandboxes without that call; this is for tests of that way. */
int loop_use_timerfd(struct loop *loop, struct err *e);
