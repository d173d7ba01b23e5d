/*
 * lb's HTTP/1 parser against an independent one, Debian's libhttp-parser (package
 * libhttp-parser-dev; tests only).
 */
#pragma once

#include "lb/core/http1.h"

/* What became of one stream. */
enum peer_verdict {
    PEER_REFUSED,   /* lb refuses it, or wants more; nothing to compare */
    PEER_AGREES,    /* lb accepts it, and so does the other, in all that is compared */
    PEER_EXCEPTION, /* lb accepts it; the other does not, for a reason that http1_peer.c explains */
    PEER_DIFFERS,
};

/* Parses what `data` begins with: a request, or a response to a request with `method`. With
 * PEER_DIFFERS, `why` says in what they differ. */
enum peer_verdict peer_compare(bool is_request, enum http1_method method, const char *data,
                               size_t len, char why[512]);
