#include "vrrpd/metrics_http.h"

#include "common/base/list.h"
#include "vrrpd/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENT_S 5

struct metrics_http {
    struct loop *loop;
    struct loop_io io;
    metrics_http_fn *fn;
    void *ctx;
    struct list clients;
    size_t count;
};

struct client {
    struct metrics_http *server;
    struct loop_io io;
    struct timer timer;
    struct buf in, out;
    size_t sent;
    struct list node;
};

static void client_close(struct client *c)
{
    struct metrics_http *m = c->server;

    loop_io_del(m->loop, &c->io);
    loop_timer_disarm(m->loop, &c->timer);
    close(c->io.fd);
    buf_fini(&c->in);
    buf_fini(&c->out);
    list_del(&c->node);
    m->count--;
    free(c);
}

static void on_timeout(struct timer *t, struct mono now)
{
    client_close(container_of(t, struct client, timer));
}

static void put_head(struct client *c, const char *status, const char *type, size_t len)
{
    buf_printf(&c->out,
               "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: "
               "close\r\n\r\n",
               status, type, len);
}

static void put_error(struct client *c, const char *status)
{
    put_head(c, status, "text/plain", strlen(status) + 1);
    buf_printf(&c->out, "%s\n", status);
}

static void answer(struct client *c)
{
    const char *request = buf_cstr(&c->in);
    struct buf page cleanup(buf_fini) = {0};

    if (strncmp(request, "GET ", 4) != 0) {
        put_error(c, "405 Method Not Allowed");
    } else if (strncmp(request + 4, "/metrics ", 9) != 0 &&
               strncmp(request + 4, "/metrics?", 9) != 0) {
        put_error(c, "404 Not Found");
    } else {
        c->server->fn(c->server->ctx, &page);
        put_head(c, "200 OK", METRICS_CONTENT_TYPE, page.len);
        buf_add(&c->out, page.data, page.len);
    }
}

static void send_out(struct client *c)
{
    while (c->sent < c->out.len) {
        ssize_t n = send(c->io.fd, c->out.data + c->sent, c->out.len - c->sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            loop_io_mod(c->server->loop, &c->io, EPOLLOUT);
            return;
        }
        if (n < 0)
            break;
        c->sent += (size_t)n;
    }
    client_close(c);
}

static void read_in(struct client *c)
{
    char bytes[1024];

    for (;;) {
        ssize_t n = recv(c->io.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n > 0)
            buf_add(&c->in, bytes, (size_t)n);
        if (n <= 0 || c->in.lost) {
            client_close(c);
            return;
        }
        if (strstr(buf_cstr(&c->in), "\r\n\r\n")) {
            answer(c);
            send_out(c);
            return;
        }
    }
}

static void on_client(struct loop_io *io, uint32_t events)
{
    struct client *c = container_of(io, struct client, io);

    if (c->out.len)
        send_out(c);
    else
        read_in(c);
}

static void on_accept(struct loop_io *io, uint32_t events)
{
    struct metrics_http *m = container_of(io, struct metrics_http, io);
    int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct client *c =
        fd >= 0 && m->count < METRICS_HTTP_CLIENTS_MAX ? calloc(1, sizeof(*c)) : NULL;

    if (!c) {
        if (fd >= 0)
            close(fd);
        return;
    }
    *c = (struct client){
        .server = m,
        .io = {.fd = fd, .fn = on_client, .events = EPOLLIN},
        .timer = TIMER_INIT(on_timeout),
        .in = BUF_INIT(METRICS_HTTP_REQUEST_MAX),
    };
    list_push_back(&m->clients, &c->node);
    m->count++;
    loop_timer_after(m->loop, &c->timer, span_s(CLIENT_S));
    if (loop_io_add(m->loop, &c->io, NULL) < 0)
        client_close(c);
}

static int listen_at(const struct addr_port *at, struct err *e)
{
    struct sockaddr_storage ss;
    socklen_t len = addr_to_sockaddr(&at->addr, at->port, &ss);
    char text[ADDR_TEXT_MAX];
    int one = 1;
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (fd < 0 || bind(fd, (struct sockaddr *)&ss, len) < 0 ||
        listen(fd, METRICS_HTTP_CLIENTS_MAX) < 0) {
        int error = -errno;
        if (fd >= 0)
            close(fd);
        return err_set(e, error, "cannot serve metrics at %s: %s", addr_port_format(at, text),
                       strerror(-error));
    }
    return fd;
}

int metrics_http_new(struct metrics_http **out, struct loop *loop, const struct addr_port *at,
                     metrics_http_fn *fn, void *ctx, struct err *e)
{
    int fd = listen_at(at, e);

    if (fd < 0)
        return fd;
    struct metrics_http *m = calloc(1, sizeof(*m));
    if (!m) {
        close(fd);
        return err_set(e, -ENOMEM, "out of memory");
    }
    *m = (struct metrics_http){
        .loop = loop, .io = {.fd = fd, .fn = on_accept, .events = EPOLLIN}, .fn = fn, .ctx = ctx};
    list_init(&m->clients);
    int err = loop_io_add(loop, &m->io, e);
    if (err) {
        metrics_http_free(m);
        return err;
    }
    *out = m;
    return 0;
}

void metrics_http_free(struct metrics_http *m)
{
    if (!m)
        return;
    list_for_each_safe (it, &m->clients)
        client_close(list_entry(it, struct client, node));
    loop_io_del(m->loop, &m->io);
    close(m->io.fd);
    free(m);
}
