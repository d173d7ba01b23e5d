/*
 * Who holds a port? For "cannot bind 0.0.0.0:80 for listener http-in: in use by nginx (pid 2766)".
 */
#pragma once

#include "common/base/addr.h"
#include "common/rt/process.h"

#include <stdbool.h>
#include <sys/types.h>

struct port_holder {
    pid_t pid;                   /* 0: a socket is there, its process cannot be seen */
    char name[PROCESS_NAME_MAX]; /* "" if unknown */
    struct addr_port at;         /* where it listens: may be a wildcard */
};

/* The TCP listener in this network namespace that a bind to `at` collides with. False if none is
 * found. Scans /proc: for the error path only. */
bool port_holder(const struct addr_port *at, struct port_holder *out);

/* "nginx (pid 2766)", "another process", ... for a sentence. Returns `text`. */
#define PORT_TEXT_MAX 128
const char *port_holder_text(const struct port_holder *h, char text[PORT_TEXT_MAX]);
