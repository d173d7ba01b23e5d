#include "lb/net/pipe.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define KEEP_FREE 16
#define MIN_BYTES 65536 /* less than a large buffer is not worth it */

static void destroy(struct pipe *p)
{
    close(p->in);
    close(p->out);
    free(p);
}

static struct pipe *make(void)
{
    struct pipe *p = malloc(sizeof(*p));
    int fds[2];

    if (!p)
        return NULL;
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) {
        free(p);
        return NULL;
    }
    *p = (struct pipe){.in = fds[1], .out = fds[0]};
    if (fcntl(p->in, F_SETPIPE_SZ, PIPE_BYTES) >= 0 || fcntl(p->in, F_GETPIPE_SZ) >= MIN_BYTES)
        return p;
    destroy(p);
    return NULL;
}

struct pipe *pipe_get(struct pipes *ps)
{
    struct pipe *p = ps->free;

    if (ps->off)
        return NULL;
    if (p) {
        ps->free = p->next;
        ps->n_free--;
    } else if (ps->used >= PIPES_MAX || !(p = make())) {
        ps->refused++;
        return NULL;
    }
    ps->used++;
    return p;
}

void pipe_put(struct pipes *ps, struct pipe *p, size_t left)
{
    if (!p)
        return;
    ps->used--;
    if (left || ps->n_free >= KEEP_FREE) {
        destroy(p);
        return;
    }
    p->next = ps->free;
    ps->free = p;
    ps->n_free++;
}

void pipes_fini(struct pipes *ps)
{
    while (ps->free) {
        struct pipe *p = ps->free;
        ps->free = p->next;
        destroy(p);
    }
    ps->n_free = 0;
}
