/*
 * A client's connection. Between two requests this is all there is of it.
 */
#pragma once

#include "common/base/addr.h"
#include "common/base/list.h"
#include "lb/net/conn.h"

struct acceptor;
struct rule_keep;

struct client {
    struct conn conn;
    struct list node; /* worker.clients */
    struct acceptor *acceptor;
    void *session;           /* exchange or tunnel; NULL: idle */
    struct mono since;       /* accepted */
    struct addr_port peer;   /* of family 0: a unix socket */
    struct addr_port *local; /* where it says it connected to, by a PROXY header; else NULL */
    struct rule_keep *rules; /* what rules keep between requests; else NULL */
    uint32_t requests;
};

/* A connection was accepted. Starts the session that its listener's mode asks for. */
void client_new(struct acceptor *a, int fd, const struct addr_port *peer);

/* The address that the client connected to. */
struct addr_port client_local(const struct client *c);

/* Closes and frees; the session must have let go. */
void client_free(struct client *c);
