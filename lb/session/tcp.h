/*
 * Bytes both ways: sessions of tcp listeners, and http connections that have become tunnels.
 *
 * Each direction ends by itself: when one side sends no more, the other is told so once it has got
 * everything, and the opposite direction goes on.
 */
#pragma once

#include "lb/net/client.h"

struct exchange;

/* A client came in on a listener in tcp mode. The server may speak first. */
void tcp_client(struct client *c);

/* Takes over both connections, the server's slot and what is in the buffers; `x` lets go of them.
 * False without memory. */
bool tcp_take_over(struct exchange *x);
