/*
 * The runtime socket: HAProxy's commands, words and messages, on the sockets that `stats socket`
 * (or "sockets") names. lb's own commands are in commands.h.
 */
#pragma once

#include "lb/engine.h"

/* Opens the sockets of the configuration. 0, or a negative errno with a sentence. */
int runtime_open(struct engine *e, const struct config *c, struct err *err);
