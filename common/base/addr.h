/*
 * Addresses: IPv4 and IPv6 as one small value, with or without a prefix length or a port.
 *
 * Conversions to and from text and socket structures; no look-up, no socket.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct addr {
    uint8_t family;    /* AF_INET, AF_INET6, or 0 for "no address" */
    uint8_t bytes[16]; /* network order; IPv4 uses the first four, the rest is 0 */
};

struct addr_prefix {
    struct addr addr;
    uint8_t len; /* bits */
};

struct addr_port {
    struct addr addr;
    uint16_t port; /* host order */
};

#define ADDR_TEXT_MAX 64 /* enough for each of the formats below, with NUL */

/* 4 or 16; 0 for "no address". */
size_t addr_size(const struct addr *a);

/* How many bits a host prefix has: 32 or 128. */
uint8_t addr_bits(const struct addr *a);

bool addr_equal(const struct addr *a, const struct addr *b);

/* Order of the bytes as unsigned numbers in network order; IPv4 before IPv6 (RFC 9568, 6.4.3). */
int addr_cmp(const struct addr *a, const struct addr *b);

struct addr addr_v4(uint32_t host_order);
struct addr addr_from_bytes(uint8_t family, const void *bytes);

bool addr_is_multicast(const struct addr *a);
bool addr_is_link_local(const struct addr *a);
bool addr_is_any(const struct addr *a);
bool addr_in_prefix(const struct addr *a, const struct addr_prefix *p);

/* "192.0.2.1", "2001:db8::1". False if the text is not exactly one address. */
bool addr_parse(const char *text, struct addr *out);

/* "192.0.2.1/24"; without "/len" it is a host prefix. */
bool addr_prefix_parse(const char *text, struct addr_prefix *out);

/* "192.0.2.1:80", "[2001:db8::1]:80", ":80" and "*:80" (any IPv4). */
bool addr_port_parse(const char *text, struct addr_port *out);

/* Each writes into `text` and returns it. */
const char *addr_format(const struct addr *a, char text[ADDR_TEXT_MAX]);
const char *addr_prefix_format(const struct addr_prefix *p, char text[ADDR_TEXT_MAX]);
const char *addr_port_format(const struct addr_port *p, char text[ADDR_TEXT_MAX]);

/* Returns the length of the socket address, 0 for "no address". */
socklen_t addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *out);

/* False for a family that is neither IPv4 nor IPv6. IPv4-mapped IPv6 becomes IPv4. */
bool addr_from_sockaddr(const struct sockaddr *sa, struct addr_port *out);
