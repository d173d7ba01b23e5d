#include "lb/check/talk.h"

#include "lb/core/proxy_proto.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define OUT_MAX 65536

static void failed(struct check *c, int error)
{
    check_done(c, error == ETIMEDOUT ? HEALTH_L4TOUT : HEALTH_L4CON, 0, strerror(error));
}

static void broken(struct check *c, int error)
{
    check_done(c, HEALTH_L7RSP, 0, strerror(error));
}

/* Who we are, where the server wants to hear it: ourselves. */
static void send_proxy(struct talk *t)
{
    struct addr_port none = {0};
    char text[PROXY_PROTO_OUT];
    size_t len = proxy_proto_write(1, &none, &none, text);

    talk_send(t, text, len);
}

static bool connected(struct talk *t, uint32_t events)
{
    struct check *c = t->check;
    int error = dial_error(&t->dial, events);

    if (error == EINPROGRESS)
        return false;
    if (error) {
        failed(c, error);
        return false;
    }
    c->connected = loop_clock();
    if (c->conf.send_proxy)
        send_proxy(t);
    return t->ops->connected(t);
}

/* False: the check is over. */
static bool transmit(struct talk *t)
{
    while (t->out.len) {
        ssize_t n = send(t->dial.io.fd, t->out.data, t->out.len, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n < 0) {
            broken(t->check, errno);
            return false;
        }
        buf_consume(&t->out, (size_t)n);
    }
    dial_want(&t->dial, t->out.len ? EPOLLIN | EPOLLOUT : EPOLLIN);
    return true;
}

static bool receive(struct talk *t)
{
    for (;;) {
        size_t room = sizeof(t->in) - t->len;
        ssize_t n = room ? recv(t->dial.io.fd, t->in + t->len, room, 0) : 0;
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        if (n < 0) {
            broken(t->check, errno);
            return false;
        }
        t->len += (size_t)n;
        t->ended = n == 0;
        if (!t->ops->input(t))
            return false;
        if (t->ended) {
            check_done(t->check, HEALTH_L7RSP, 0, "the answer is not what was expected");
            return false;
        }
    }
}

static void on_dial(struct dial *d, uint32_t events)
{
    struct talk *t = container_of(d, struct talk, dial);

    if (!t->check->connected.us && !connected(t, events))
        return;
    if (events & (EPOLLIN | EPOLLHUP | EPOLLRDHUP) && !receive(t))
        return;
    transmit(t);
}

void talk_start(struct check *c, size_t size, bool speaks, const struct talk_ops *ops)
{
    struct addr_port at = check_target(c);
    struct talk *t = calloc(1, size);
    int err;

    c->state = t;
    if (!t) {
        check_done(c, HEALTH_SOCKERR, 0, "out of memory");
        return;
    }
    t->check = c;
    t->ops = ops;
    t->out = BUF_INIT(OUT_MAX);
    err = dial_open(&t->dial, c->loop, &at, speaks, on_dial);
    if (err < 0)
        failed(c, -err);
}

void talk_stop(struct check *c)
{
    struct talk *t = c->state;

    if (!t)
        return;
    dial_close(&t->dial);
    buf_fini(&t->out);
    free(t);
    c->state = NULL;
}

void talk_timeout(struct check *c)
{
    check_done(c, c->connected.us ? HEALTH_L7TOUT : HEALTH_L4TOUT, 0, NULL);
}

void talk_send(struct talk *t, const void *data, size_t len)
{
    buf_add(&t->out, data, len);
}

void talk_forget(struct talk *t)
{
    t->len = 0;
}
