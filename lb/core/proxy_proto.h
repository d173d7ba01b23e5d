/*
 * The PROXY protocol, versions 1 and 2: who the client is, told in front of a connection.
 *
 * Bytes to struct and back; a header is complete, partial, or malformed. Strict: what is not
 * exactly as the specification has it is malformed, since a guess would let a client choose its
 * address.
 */
#pragma once

#include "common/base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROXY_PROTO_V1_MAX 107  /* longest line, with CRLF */
#define PROXY_PROTO_V2_MAX 4096 /* longest header that is taken, with its extensions */
#define PROXY_PROTO_MAX    PROXY_PROTO_V2_MAX
#define PROXY_PROTO_OUT    PROXY_PROTO_V1_MAX /* longest that is written here */

enum proxy_proto_result { PROXY_PROTO_COMPLETE, PROXY_PROTO_PARTIAL, PROXY_PROTO_BAD };

struct proxy_proto {
    bool known; /* false: LOCAL or UNKNOWN, the connection's own addresses hold */
    struct addr_port source, target;
    size_t len; /* of the header */
};

enum proxy_proto_result proxy_proto_parse(const void *data, size_t len, struct proxy_proto *out);

/* Writes a header for a connection from `source` to `target`, either of family 0 if it is not
 * known; returns its length. */
size_t proxy_proto_write(unsigned version, const struct addr_port *source,
                         const struct addr_port *target, char out[PROXY_PROTO_OUT]);
