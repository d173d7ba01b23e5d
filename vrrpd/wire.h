/*
 * The way from a socket to an instance: one wire for each family and interface in use, with the
 * instances on it by their VRID.
 *
 * A wire is opened when its interface is there and closed when it goes; instances stay on it.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/list.h"
#include "vrrpd/core/packet.h"
#include "vrrpd/net/link.h"
#include "vrrpd/net/socket.h"

#include <stdint.h>

struct engine;
struct instance;

struct wire {
    struct engine *engine;
    uint8_t family;
    const struct link *link;
    struct vsocket *socket; /* NULL: not open */
    int index;              /* of the link when it was opened */
    unsigned users;
    struct instance *by_vrid[256];
    uint64_t rejects[PACKET_OUTCOMES]; /* of messages that belong to no instance */
    struct list node;                  /* private */
};

/* Puts the instance on its wire, which is made and opened if need be. Failing to open is no error
 * here: it is logged and tried again when the link changes. NULL only without memory. */
struct wire *wire_join(struct engine *e, uint8_t family, const struct link *link, uint8_t vrid,
                       struct instance *in);
void wire_leave(struct wire *w, uint8_t vrid);

/* The link has changed: opens or closes the socket. */
void wire_refresh(struct wire *w);
