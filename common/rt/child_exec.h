/*
 * How child.c starts a child: child_launch() makes what is needed and forks, child_exec() is the
 * child's way to exec(). Private to them.
 */
#pragma once

#include "common/rt/child.h"

/* All made before the fork: the child allocates nothing and takes no lock. */
struct child_plan {
    char *const *argv;
    char **envp;
    int input_fd;  /* becomes 0 */
    int output_fd; /* becomes 1 and 2 */
    int report_fd; /* close-on-exec; a struct child_failure goes there if anything fails */
    pid_t parent;
    const struct child_spec *spec;
};

struct child_failure {
    int error;
    int stage;
};

/* "exec", "setuid", ... */
const char *child_stage_name(int stage);

_Noreturn void child_exec(const struct child_plan *plan);

struct child_launched {
    pid_t pid;
    int output_fd; /* -1 if none was asked for; does not block, as the next */
    int report_fd; /* a struct child_failure comes from here, or nothing */
};

/* 0, or a negative errno and nothing was started. The descriptors are the caller's then. */
int child_launch(const struct child_spec *spec, struct child_launched *out);
