#include "lb/net/upstream.h"

#include "lb/net/client.h"
#include "lb/server_addr.h"
#include "lb/worker.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct upstream *upstream_new(struct worker *w, struct pool *p, struct pool_members *m)
{
    struct upstream *u = malloc(sizeof(*u));

    if (!u) {
        pool_members_unref(m);
        return NULL;
    }
    *u = (struct upstream){
        .w = w,
        .pool = pool_ref(p),
        .balancer = balancer_new(p, m, w->index, (uint64_t)worker_now(w).us + w->index),
        .queue = {.pool = p, .worker = w->index},
    };
    if (u->balancer)
        return u;
    pool_unref(u->pool);
    free(u);
    return NULL;
}

void upstream_free(struct upstream *u)
{
    if (!u)
        return;
    const struct pool_members *m = balancer_members(u->balancer);
    for (uint32_t i = 0; i < m->n; i++)
        upstream_flush(u, m->servers[i]);
    balancer_free(u->balancer);
    pool_unref(u->pool);
    free(u);
}

/* ---- idle connections ---- */

/* Its time is up. */
static void idle_timeout(struct conn *c)
{
    upstream_drop(container_of(c, struct server_conn, conn));
}

/* The server has closed it, or sent what nobody asked for; or there is no news: that it can be
 * written to was known, and what it had to read has been read since. */
static void idle_event(struct conn *c)
{
    if (conn_is_quiet(c))
        return;
    idle_timeout(c);
}

static const struct conn_ops idle_ops = {.event = idle_event, .timeout = idle_timeout};

struct server_conn *upstream_reuse(struct upstream *u, struct server *s, void *session,
                                   const struct conn_ops *ops)
{
    struct lane *lane = &s->lanes[u->w->index];
    struct server_conn *sc = list_first(&lane->idle, struct server_conn, node);

    if (!sc)
        return NULL;
    lane->n_idle--;
    list_del(&sc->node);
    list_push_back(&lane->busy, &sc->node);
    sc->session = session;
    conn_own(&sc->conn, ops);
    conn_deadline(&sc->conn, MONO_NEVER);
    return sc;
}

void upstream_keep(struct upstream *u, const struct plan_pool *p, struct server_conn *sc)
{
    struct server *s = sc->server;
    struct lane *lane = &s->lanes[u->w->index];
    struct server_view v = server_view(s);

    if (sc->conn.hup || sc->conn.broken || sc->conn.eof || u->w->stopping ||
        lane->n_idle >= p->conf->idle_max || !server_usable_persistent(&v)) {
        upstream_drop(sc);
        return;
    }
    list_del(&sc->node);
    list_push_front(&lane->idle, &sc->node);
    lane->n_idle++;
    sc->session = NULL;
    conn_own(&sc->conn, &idle_ops);
    conn_watch(&sc->conn);
    conn_deadline(&sc->conn, mono_add(worker_now(u->w), p->conf->idle));
}

void upstream_drop(struct server_conn *sc)
{
    if (!sc)
        return;
    if (sc->conn.ops == &idle_ops)
        sc->server->lanes[sc->conn.w->index].n_idle--;
    list_del(&sc->node);
    conn_close(&sc->conn);
    server_unref(sc->server);
    free(sc);
}

void upstream_flush(struct upstream *u, struct server *s)
{
    struct list *idle = &s->lanes[u->w->index].idle;

    while (!list_empty(idle))
        upstream_drop(list_first(idle, struct server_conn, node));
}

/* ---- opening ---- */

/* What was written for this server; NULL for one that was added at run time. */
static const struct config_server *config_of(const struct plan_pool *p, const struct server *s)
{
    return conf_named(&p->conf->servers, s->name);
}

static int set_source(int fd, const struct config_server *c)
{
    struct sockaddr_storage sa;
    int on = 1;

    if (c->tcp_keepalive)
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    if (c->source_interface && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, c->source_interface,
                                          (socklen_t)strlen(c->source_interface) + 1) < 0)
        return -1;
    if (!c->source.addr.family)
        return 0;
    if (!c->source.port)
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    else
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    socklen_t len = addr_to_sockaddr(&c->source.addr, c->source.port, &sa);
    return bind(fd, (struct sockaddr *)&sa, len);
}

/* A server without a port of its own is met on the port to which the client came. */
static uint16_t port_of(const struct addr_port *at, const struct config_server *c,
                        const struct client *client)
{
    struct server_addr written;

    if (!c || !client || !server_addr_parse(c->address, &written) || !written.port_relative)
        return at->port;
    return (uint16_t)(client_local(client).port + written.port);
}

bool upstream_private(const struct plan_pool *p, const struct server *s)
{
    const struct config_server *c = p->special ? config_of(p, s) : NULL;
    struct server_addr written;

    if (!c)
        return false;
    return c->send_proxy || (server_addr_parse(c->address, &written) && written.port_relative);
}

size_t upstream_hello(const struct plan_pool *p, const struct server *s,
                      const struct client *client, char out[PROXY_PROTO_OUT])
{
    const struct config_server *c = p->special ? config_of(p, s) : NULL;
    struct addr_port local;

    if (!c || !c->send_proxy)
        return 0;
    local = client_local(client);
    return proxy_proto_write(c->send_proxy == CONFIG_PROXY_V2 ? 2 : 1, &client->peer, &local, out);
}

static int start_connect(const struct plan_pool *p, const struct server *s,
                         const struct client *client, bool *connected)
{
    struct sockaddr_storage sa;
    struct addr_port at = server_address(s);
    const struct config_server *c = p->special ? config_of(p, s) : NULL;
    socklen_t len = addr_to_sockaddr(&at.addr, port_of(&at, c, client), &sa);
    int on = 1, off = 0, fd;

    if (!len) {
        errno = EHOSTUNREACH; /* its name has not been resolved */
        return -1;
    }
    fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (p->mode == CONFIG_MODE_HTTP) /* the request follows at once, and can carry the ACK */
        setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &off, sizeof(off));
    if (!c || set_source(fd, c) == 0) {
        *connected = connect(fd, (struct sockaddr *)&sa, len) == 0;
        if (*connected || errno == EINPROGRESS)
            return fd;
    }
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

struct server_conn *upstream_connect(struct upstream *u, const struct plan_pool *p,
                                     struct server *s, const struct client *client, void *session,
                                     const struct conn_ops *ops)
{
    struct server_conn *sc = malloc(sizeof(*sc));
    bool connected;
    int fd;

    if (!sc) {
        errno = ENOMEM;
        return NULL;
    }
    fd = start_connect(p, s, client, &connected);
    if (fd < 0) {
        int error = errno;
        free(sc);
        errno = error;
        return NULL;
    }
    *sc = (struct server_conn){.server = server_ref(s), .session = session, .connected = connected};
    conn_init(&sc->conn, u->w, fd, ops);
    sc->conn.readable = false; /* an event will say so */
    sc->conn.writable = connected;
    list_push_back(&s->lanes[u->w->index].busy, &sc->node);
    conn_watch(&sc->conn);
    return sc;
}

bool upstream_connected(struct server_conn *sc)
{
    if (sc->connected || sc->conn.broken)
        return true;
    sc->connected = sc->conn.writable; /* an attempt that failed came as an error (conn.c) */
    return sc->connected;
}
