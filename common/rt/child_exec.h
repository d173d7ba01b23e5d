/*
 * The child's side of child.c: what happens between fork() and exec(). Private to child.c.
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
