/*
 * Watches a process that is not ours, by pidfd: its end is known at once, and a number that the
 * kernel gives to somebody else meanwhile cannot confuse.
 */
#pragma once

#include "common/base/err.h"
#include "common/rt/loop.h"

#include <sys/types.h>

struct pidwatch;
typedef void pidwatch_fn(struct pidwatch *w);

/* Embedded in its owner; all zero is "not watching". */
struct pidwatch {
    struct loop_io io;
    struct loop *loop;
    pid_t pid;
    pidwatch_fn *fn;
};

/* Calls fn once, at the moment process `pid` ends (all its threads), whoever its parent is; the
 * watch is over before the call. -ESRCH if there is no such process, or it has ended and waits for
 * its parent. */
int pidwatch_start(struct pidwatch *w, struct loop *loop, pid_t pid, pidwatch_fn *fn,
                   struct err *e);

/* Does nothing if it is not watching. */
void pidwatch_stop(struct pidwatch *w);
