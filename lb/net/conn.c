#include "lb/net/conn.h"

#include "lb/worker.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FLAT_MAX 2048

/* recv() and send() are cancellation points, which costs two locked operations a call as soon as a
 * process has threads; nobody is cancelled here. */
static ssize_t receive(int fd, void *data, size_t len)
{
    return syscall(SYS_recvfrom, fd, data, len, 0, NULL, NULL);
}

static ssize_t transmit(int fd, const void *data, size_t len, bool more)
{
    return syscall(SYS_sendto, fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0),
                   NULL, 0);
}

static void on_event(struct loop_io *io, uint32_t events)
{
    struct conn *c = container_of(io, struct conn, io);

    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        c->readable = true;
    if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
        c->writable = true;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        c->hup = true;
    if (events & (EPOLLHUP | EPOLLERR) && !c->broken && !c->eof) {
        socklen_t len = sizeof(c->error);
        if (events & EPOLLERR && getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &c->error, &len) == 0 &&
            c->error)
            c->broken = true;
    }
    c->ops->event(c);
}

static void on_timer(struct timer *t, struct mono now)
{
    struct conn *c = container_of(t, struct conn, timer);

    if (mono_before(now, c->deadline)) {
        loop_timer_arm(c->w->loop, t, c->deadline);
        return;
    }
    c->deadline = MONO_NEVER;
    c->ops->timeout(c);
}

void conn_init(struct conn *c, struct worker *w, int fd, const struct conn_ops *ops)
{
    *c = (struct conn){
        .io = {.fd = fd, .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .fn = on_event},
        .timer = TIMER_INIT(on_timer),
        .deadline = MONO_NEVER,
        .w = w,
        .ops = ops,
        .readable = true,
        .writable = true,
    };
}

void conn_watch(struct conn *c)
{
    if (c->io.fd < 0 || c->io.added)
        return;
    c->readable = false; /* if it is, the kernel says so at once */
    if (loop_io_add(c->w->loop, &c->io, NULL) < 0) {
        c->broken = true;
        c->error = ENOMEM;
    }
}

/* What a failed call means. */
static ssize_t fault(struct conn *c, bool *ready)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        *ready = false;
        conn_watch(c);
        return c->broken ? -1 : 0;
    }
    c->broken = true;
    c->error = errno;
    return -1;
}

ssize_t conn_read(struct conn *c, void *data, size_t len)
{
    if (c->eof || c->broken)
        return -1;
    if (!c->readable) {
        conn_watch(c);
        return 0;
    }
    ssize_t n = receive(c->io.fd, data, len);
    if (n < 0)
        return fault(c, &c->readable);
    if (n == 0) {
        c->eof = true;
        return -1;
    }
    if ((size_t)n < len && !c->hup && c->io.added)
        c->readable = false;
    return n;
}

/* Small pieces cost less put together here than taken apart by the kernel. */
static ssize_t write_flat(struct conn *c, const struct iovec *iov, size_t n, bool more)
{
    char flat[FLAT_MAX];
    size_t len = 0;

    for (size_t i = 0; i < n; i++) {
        memcpy(flat + len, iov[i].iov_base, iov[i].iov_len);
        len += iov[i].iov_len;
    }
    return conn_write(c, flat, len, more);
}

ssize_t conn_writev(struct conn *c, struct iovec *iov, size_t n, bool more)
{
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n};
    size_t total = 0;

    for (size_t i = 0; i < n; i++)
        total += iov[i].iov_len;
    if (n == 1)
        return conn_write(c, iov->iov_base, iov->iov_len, more);
    if (total <= FLAT_MAX)
        return write_flat(c, iov, n, more);

    if (c->broken || c->shut)
        return -1;
    if (!c->writable) {
        conn_watch(c);
        return 0;
    }
    ssize_t sent = sendmsg(c->io.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT | (more ? MSG_MORE : 0));
    return sent < 0 ? fault(c, &c->writable) : sent;
}

ssize_t conn_write(struct conn *c, const void *data, size_t len, bool more)
{
    if (c->broken || c->shut)
        return -1;
    if (!c->writable) {
        conn_watch(c);
        return 0;
    }
    ssize_t sent = transmit(c->io.fd, data, len, more);
    return sent < 0 ? fault(c, &c->writable) : sent;
}

bool conn_is_quiet(struct conn *c)
{
    char byte;

    if (c->hup || c->eof || c->broken)
        return false;
    if (c->readable && recv(c->io.fd, &byte, 1, MSG_PEEK) >= 0)
        return false;
    if (c->readable)
        fault(c, &c->readable);
    return !c->broken;
}

void conn_shut(struct conn *c)
{
    if (c->shut || c->io.fd < 0)
        return;
    c->shut = true;
    shutdown(c->io.fd, SHUT_WR);
}

void conn_close(struct conn *c)
{
    loop_timer_disarm(c->w->loop, &c->timer);
    if (c->io.fd < 0)
        return;
    loop_io_del(c->w->loop, &c->io);
    close(c->io.fd);
    c->io.fd = -1;
}

void conn_reset_on_close(struct conn *c)
{
    struct linger linger = {.l_onoff = 1};

    setsockopt(c->io.fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

void conn_deadline(struct conn *c, struct mono at)
{
    c->deadline = at;
    if (!mono_is_never(at) && (!c->timer.armed || mono_before(at, c->timer.at)))
        loop_timer_arm(c->w->loop, &c->timer, at);
}
