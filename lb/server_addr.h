/*
 * Servers' addresses as they are written.
 */
#pragma once

#include "common/base/addr.h"

#include <stdbool.h>

#define SERVER_ADDR_HOST_MAX 256

struct server_addr {
    struct addr addr;                /* of family 0: `host` is a name to be looked up */
    char host[SERVER_ADDR_HOST_MAX]; /* "" if it was a number */
    int port;           /* 1..65535, or, if relative, what is added to the port of the listener */
    bool port_relative; /* "host" alone, "host:+1000", "host:-80" */
};

/* "192.0.2.1:80", "[2001:db8::1]:80", "web.example.org:80", "192.0.2.1", "ipv4@...". False for
 * anything else. Nothing is looked up. */
bool server_addr_parse(const char *text, struct server_addr *out);
