/*
 * Clients, up to the session: accepted, and, where a PROXY header comes first, asked who they are.
 */
#include "lb/net/client.h"

#include "lb/core/proxy_proto.h"
#include "lb/session/http.h"
#include "lb/session/rule_context.h"
#include "lb/session/tcp.h"
#include "lb/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void start_session(struct client *c)
{
    const struct plan_listener *front = c->acceptor->front;

    if (!front || !rule_connection(c, front->plan, front))
        client_free(c);
    else if (front->mode == CONFIG_MODE_HTTP)
        http_client(c);
    else
        tcp_client(c);
}

/* ---- the PROXY header ---- */

static bool take_header(struct client *c, const struct proxy_proto *p)
{
    char waste[PROXY_PROTO_MAX];

    if (recv(c->conn.io.fd, waste, p->len, 0) != (ssize_t)p->len)
        return false;
    if (!p->known)
        return true;
    c->local = malloc(sizeof(*c->local));
    if (!c->local)
        return false;
    *c->local = p->target;
    c->peer = p->source;
    return true;
}

/* Only looks, until the header is whole: what follows it belongs to the session. */
static void header_event(struct conn *conn)
{
    struct client *c = container_of(conn, struct client, conn);
    char data[PROXY_PROTO_MAX];
    struct proxy_proto p;
    ssize_t n = recv(conn->io.fd, data, sizeof(data), MSG_PEEK);
    enum proxy_proto_result r = PROXY_PROTO_BAD;

    if (n < 0 && errno == EAGAIN)
        r = PROXY_PROTO_PARTIAL;
    else if (n > 0)
        r = proxy_proto_parse(data, (size_t)n, &p);
    if (r == PROXY_PROTO_PARTIAL && !conn->hup) {
        conn_watch(conn);
        return;
    }
    if (r != PROXY_PROTO_COMPLETE || !take_header(c, &p)) {
        count_add(&c->acceptor->listener->lanes[conn->w->index], COUNT_DENIED_REQ, 1);
        client_free(c);
        return;
    }
    conn_deadline(conn, MONO_NEVER);
    start_session(c);
}

static void header_timeout(struct conn *conn)
{
    client_free(container_of(conn, struct client, conn));
}

static const struct conn_ops header_ops = {header_event, header_timeout};

static void expect_header(struct client *c)
{
    struct conn *conn = &c->conn;

    conn_own(conn, &header_ops);
    conn_deadline(conn, mono_add(worker_now(conn->w), c->acceptor->front->t.request));
    header_event(conn);
}

/* ---- life ---- */

void client_new(struct acceptor *a, int fd, const struct addr_port *peer)
{
    struct worker *w = a->w;
    struct client *c = malloc(sizeof(*c));

    if (!c) {
        close(fd);
        return;
    }
    *c = (struct client){.acceptor = a, .since = worker_now(w), .peer = *peer};
    conn_init(&c->conn, w, fd, NULL);
    list_push_back(&w->clients, &c->node);
    w->n_clients++;
    a->users++;
    count_peak(&a->listener->conns_max,
               atomic_fetch_add_explicit(&a->listener->conns, 1, memory_order_relaxed) + 1);
    count_peak(&w->all->conns_max,
               atomic_fetch_add_explicit(&w->all->conns, 1, memory_order_relaxed) + 1);
    count_add(&a->listener->lanes[w->index], COUNT_SESSIONS, 1);
    if (a->front->conf->accept_proxy)
        expect_header(c);
    else
        start_session(c);
}

struct addr_port client_local(const struct client *c)
{
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    struct addr_port local = {0};

    if (c->local)
        return *c->local;
    if (getsockname(c->conn.io.fd, (struct sockaddr *)&sa, &len) == 0)
        addr_from_sockaddr((struct sockaddr *)&sa, &local);
    return local;
}

void client_free(struct client *c)
{
    struct acceptor *a = c->acceptor;
    struct worker *w = c->conn.w;

    conn_close(&c->conn);
    list_del(&c->node);
    w->n_clients--;
    atomic_fetch_sub_explicit(&a->listener->conns, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&w->all->conns, 1, memory_order_relaxed);
    rule_keep_free(c);
    free(c->local);
    free(c);
    acceptor_unuse(a);
}
