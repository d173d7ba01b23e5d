/*
 * A client's connection. Between two requests this is all there is of it.
 */
#pragma once

#include "common/base/addr.h"
#include "common/base/list.h"
#include "lb/net/conn.h"

struct acceptor;

struct client {
    struct conn conn;
    struct list node; /* worker.clients */
    struct acceptor *acceptor;
    void *session;         /* exchange or tunnel; NULL: idle */
    struct mono since;     /* accepted */
    struct addr_port peer; /* of family 0: a unix socket */
    uint32_t requests;
};

/* A connection was accepted. Starts the session that its listener's mode asks for. */
void client_new(struct acceptor *a, int fd, const struct addr_port *peer);

/* Closes and frees; the session must have let go. */
void client_free(struct client *c);
