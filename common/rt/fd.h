/*
 * Descriptors that close themselves: `int fd cleanup(fd_close) = open(...);`
 */
#pragma once

#include <unistd.h>

/* Closes it if it is one (not negative), and makes it -1. */
static inline void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Hands the descriptor on: the variable no longer owns it. */
static inline int fd_take(int *fd)
{
    int taken = *fd;

    *fd = -1;
    return taken;
}
