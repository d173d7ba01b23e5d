/*
 * Pid files: which process one names, and whether it can be believed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

struct pidfile {
    pid_t pid;
    dev_t dev; /* what tells this file from one that was written anew */
    ino_t ino;
    struct timespec written;
    char name[16]; /* of the file without ".pid", cut as the kernel cuts a process's name */
    bool memory;   /* on a file system that does not outlive the boot */
};

/* NULL and `out`, or a sentence in `text` that says why not. */
const char *pidfile_read(const char *path, struct pidfile *out, char *text, size_t size);

/* Neither replaced nor written since. */
bool pidfile_same(const struct pidfile *a, const struct pidfile *b);

/* True, with a sentence, if the process with that number cannot be the one that is meant: it
 * started clearly after the file was written. By the wall clock, which may have been set in between
 * (a machine without a battery clock at boot), so not held against a process named like the file,
 * nor against a file from "before the boot" on a file system that did not exist then. */
bool pidfile_stale(const struct pidfile *f, char *text, size_t size);
