/*
 * Pipes of one worker, through which long bodies pass from socket to socket without being copied:
 * what lies in a pipe are the pages in which the data came. Taken while something is in them and
 * given back when there is nothing, like buffers.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PIPE_BYTES 262144 /* what one holds at most */
#define PIPES_MAX  128    /* of one worker, two descriptors each */

struct pipe {
    struct pipe *next; /* free list */
    int in, out;
};

struct pipes {
    struct pipe *free;
    uint32_t n_free, used;
    uint64_t refused; /* times that none could be had */
    bool off;         /* this kernel cannot do it */
};

/* Empty; NULL if there are too many, or no descriptors, or the kernel grants only small ones: then
 * bytes are copied. */
struct pipe *pipe_get(struct pipes *ps);

/* NULL-safe. One that still holds something (`left`) is closed. */
void pipe_put(struct pipes *ps, struct pipe *p, size_t left);

/* Closes what lies in the free list. */
void pipes_fini(struct pipes *ps);
