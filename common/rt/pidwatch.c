#include "common/rt/pidwatch.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

static void pid_ended(struct loop_io *io, uint32_t events)
{
    struct pidwatch *w = container_of(io, struct pidwatch, io);

    pidwatch_stop(w);
    w->fn(w);
}

static int fail(struct pidwatch *w, int code, struct err *e)
{
    if (w->io.fd >= 0)
        close(w->io.fd);
    w->loop = NULL;
    return err_set(e, code, "cannot watch process %d: %s", (int)w->pid, strerror(-code));
}

int pidwatch_start(struct pidwatch *w, struct loop *loop, pid_t pid, pidwatch_fn *fn, struct err *e)
{
    *w = (struct pidwatch){.loop = loop, .pid = pid, .fn = fn};
    w->io = (struct loop_io){.events = EPOLLIN, .fn = pid_ended, .late = true};
    w->io.fd = pidfd_open(pid, 0);
    if (w->io.fd < 0)
        return fail(w, -errno, e);
    /* A process that has ended but was not waited for yet can be opened; it is as good as gone. */
    struct pollfd p = {.fd = w->io.fd, .events = POLLIN};
    if (poll(&p, 1, 0) == 1)
        return fail(w, -ESRCH, e);
    int r = loop_io_add(loop, &w->io, e);
    if (r < 0) {
        close(w->io.fd);
        w->loop = NULL;
    }
    return r;
}

void pidwatch_stop(struct pidwatch *w)
{
    if (!w->loop)
        return;
    loop_io_del(w->loop, &w->io);
    close(w->io.fd);
    w->loop = NULL;
}
