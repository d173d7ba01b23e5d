#include "lb/net/client.h"

#include "lb/session/http.h"
#include "lb/session/tcp.h"
#include "lb/worker.h"

#include <stdlib.h>
#include <unistd.h>

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
    if (a->front->mode == CONFIG_MODE_HTTP)
        http_client(c);
    else
        tcp_client(c);
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
    free(c);
    acceptor_unuse(a);
}
