/*
 * Paths that may appear, change and vanish, by inotify. One inotify descriptor serves them all.
 *
 * Watched is the directory that holds the path, or, while that does not exist, the nearest ancestor
 * that does. What inotify cannot see (network file systems, a symbolic link's target) it does not
 * tell: the owner looks now and then by himself.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/list.h"
#include "common/rt/loop.h"

#include <stdbool.h>
#include <stdint.h>

struct pathwatch;
typedef void pathwatch_fn(struct pathwatch *w);

/* Embedded in its owner. */
struct pathwatch {
    struct list node;
    struct pathwatches *set;
    char *path;       /* absolute */
    const char *name; /* its last component */
    pathwatch_fn *fn;
    bool every_write; /* tell of each write, not only of a writer that closes the file */
    bool ancestor;    /* the directory does not exist yet */
    int wd;           /* -1: nothing is watched */
};

struct pathwatches {
    struct loop_io io;
    struct loop *loop;
    struct list all;
    uint64_t overflows;
};

/* Never fails: without inotify (its limits are low on some machines) a warning is logged and
 * nothing is ever told. */
void pathwatches_init(struct pathwatches *set, struct loop *loop);
void pathwatches_fini(struct pathwatches *set);

/* Calls `fn` when something has happened to the path; it looks for itself what. A relative path
 * counts from /. -ENOMEM. */
int pathwatch_start(struct pathwatch *w, struct pathwatches *set, const char *path,
                    bool every_write, pathwatch_fn *fn, struct err *e);

/* Does nothing if it is not watching. */
void pathwatch_stop(struct pathwatch *w);
