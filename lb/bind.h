/*
 * Addresses as listeners and control sockets have them.
 */
#pragma once

#include "common/base/addr.h"

#include <stdbool.h>

enum bind_kind {
    BIND_INET,
    BIND_UNIX,     /* a socket file */
    BIND_ABSTRACT, /* a socket without a file */
    BIND_FD        /* a listening socket that was handed over */
};

struct bind_addr {
    enum bind_kind kind;
    struct addr_port at; /* BIND_INET */
    uint16_t last;       /* last port of a range; at.port if there is one only */
    const char *path;    /* unix, abstract: points into the text */
    int fd;
};

/* "192.0.2.1:80", "*:80", ":80", "[::]:80", ":::80", "192.0.2.1:8000-8010", "ipv4@...",
 * "ipv6@...", "unix@/path", "/path", "abns@name", "fd@3". False for anything else. */
bool bind_parse(const char *text, struct bind_addr *out);

/* The same text that users know: "0.0.0.0:80", "[::1]:80". Returns `text`. */
const char *bind_format(const struct bind_addr *b, char text[ADDR_TEXT_MAX]);
