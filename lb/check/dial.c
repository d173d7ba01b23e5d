#include "lb/check/dial.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

static void on_event(struct loop_io *io, uint32_t events)
{
    struct dial *d = container_of(io, struct dial, io);

    d->fn(d, events);
}

int dial_open(struct dial *d, struct loop *loop, const struct addr_port *to, bool speaks,
              dial_fn *fn)
{
    struct sockaddr_storage sa;
    struct linger linger = {.l_onoff = 1};
    socklen_t len = addr_to_sockaddr(&to->addr, to->port, &sa);
    int fd, off = 0;

    *d =
        (struct dial){.io = {.fd = -1, .events = EPOLLOUT, .fn = on_event}, .loop = loop, .fn = fn};
    if (!len)
        return -EHOSTUNREACH;
    fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    if (speaks)
        setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off));
    if (connect(fd, (struct sockaddr *)&sa, len) < 0 && errno != EINPROGRESS) {
        int error = errno;
        close(fd);
        return -error;
    }
    d->io.fd = fd;
    if (loop_io_add(loop, &d->io, NULL) == 0)
        return 0;
    dial_close(d);
    return -ENOMEM;
}

int dial_error(const struct dial *d, uint32_t events)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
        return EINPROGRESS;
    return getsockopt(d->io.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 ? errno : error;
}

void dial_want(struct dial *d, uint32_t events)
{
    loop_io_mod(d->loop, &d->io, events);
}

void dial_close(struct dial *d)
{
    if (!d->loop || d->io.fd < 0)
        return;
    loop_io_del(d->loop, &d->io);
    close(d->io.fd);
    d->io.fd = -1;
}
