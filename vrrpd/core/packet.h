/*
 * VRRP advertisements: bytes <-> struct, versions 3 (RFC 9568, 5.2) and 2 (RFC 3768, 5.1).
 *
 * Input and output are the VRRP message itself, without IP header: the socket layer strips the IPv4
 * header and hands on what the message does not carry (addresses, TTL) as `struct packet_meta`.
 * Nothing is allocated and nothing points into the input once packet_decode has returned.
 *
 * Each reject has its own enum value and a short name that serves as a counter's key.
 */
#pragma once

#include "common/base/addr.h"
#include "common/base/mono.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PACKET_PROTOCOL = 112,         /* IP protocol number, next header (5.1.1.4, 5.1.2.4) */
    PACKET_TTL = 255,              /* 5.1.1.3, 5.1.2.3 */
    PACKET_ADDRS_MAX = 255,        /* the count is one byte (5.2.5) */
    PACKET_MAX = 8 + 16 * 255 + 8, /* bytes of the longest message */
    PACKET_AUTH_LEN = 8,           /* version 2: authentication data, always there (W1) */
    PACKET_PRIORITY_LEAVING = 0,   /* the Active router leaves (5.2.4) */
    PACKET_PRIORITY_OWNER = 255,   /* the sender owns the addresses (5.2.4) */
};

enum packet_outcome {
    PACKET_OK,
    PACKET_TTL_WRONG,        /* V1 */
    PACKET_SHORT,            /* V4: shorter than header plus addresses (plus authentication, v2) */
    PACKET_VERSION,          /* V2: unknown, or not the instance's */
    PACKET_TYPE,             /* V3: not an advertisement */
    PACKET_CHECKSUM,         /* V5: neither form fits */
    PACKET_VRID_UNKNOWN,     /* V6 */
    PACKET_FAMILY,           /* version 2 over IPv6, or not the instance's family */
    PACKET_OWN,              /* the source is our own address: looped back, or a duplicate */
    PACKET_DESTINATION,      /* unicast to an instance that speaks multicast */
    PACKET_NOT_A_PEER,       /* V12: unicast mode, source is not a configured peer */
    PACKET_NO_ADDRESSES,     /* V8 */
    PACKET_INTERVAL_ZERO,    /* V10 */
    PACKET_INTERVAL_DIFFERS, /* W4: version 2 only; version 3 learns it */
    PACKET_NOT_LINK_LOCAL,   /* V9: only with `strict` */
    PACKET_AUTH_TYPE,        /* W5 */
    PACKET_AUTH_PASSWORD,    /* W5 */
    PACKET_OUTCOMES,
};

/* "ok", "ttl", "short", ...: lower case with dashes, stable: counters and status use it. */
const char *packet_outcome_name(enum packet_outcome o);

/* Which bytes an IPv4 version-3 checksum covers (P7). Version 2 and IPv6 leave no choice. */
enum packet_form {
    PACKET_FORM_RFC9568, /* the message alone */
    PACKET_FORM_PSEUDO,  /* pseudo-header and message: keepalived's and FRR's reading of RFC 5798 */
    PACKET_FORMS,
};

const char *packet_form_name(enum packet_form f); /* "rfc9568", "pseudo-header" */

/* Version 2's Auth Type (W5). */
enum packet_auth {
    PACKET_AUTH_NONE,
    PACKET_AUTH_TEXT,
    PACKET_AUTHS,
};

const char *packet_auth_name(enum packet_auth a); /* "none", "text" */

/* What the IP layer said about a received message. */
struct packet_meta {
    struct addr src;
    struct addr dst; /* family 0 if it is not known: then it is not checked */
    int ttl;         /* or hop limit; -1 if it is not known, which only passes with ttl_min 0 */
};

/* What an instance accepts. vrrp_expect() fills it in. */
struct packet_expect {
    uint8_t version; /* 2 or 3 */
    uint8_t family;  /* AF_INET or AF_INET6 */
    uint8_t vrid;
    uint8_t ttl_min;                   /* unicast only: 255 is the RFC's; 0 turns the check off */
    bool strict;                       /* V9 discards */
    enum packet_auth auth;             /* version 2 */
    uint8_t password[PACKET_AUTH_LEN]; /* version 2, text: NUL-padded */
    struct span interval;              /* version 2: ours (W4) */
    struct addr own;                   /* our source address; family 0 if there is none */
    const struct addr *peers;          /* unicast peers, borrowed for the call; none: multicast */
    size_t peer_count;
};

struct packet {
    uint8_t version; /* 2 or 3 */
    uint8_t family;
    uint8_t vrid;
    uint8_t priority;      /* 0 leaving, 255 owner (P6) */
    struct span interval;  /* as on the wire: whole cs (v3) or whole seconds (v2) */
    enum packet_form form; /* IPv4 version 3: the form that fitted, or that is to be sent */
    enum packet_auth auth;
    uint8_t password[PACKET_AUTH_LEN];
    bool not_link_local; /* V9: decoded only: IPv6 and the first address is not link-local */
    uint8_t addr_count;
    struct addr addrs[PACKET_ADDRS_MAX]; /* only the first addr_count are set */
};

/* The VRID of a message, so that its instance can be found before it is decoded; -1 if `len` is too
 * small to carry one. Says nothing about validity. */
int packet_vrid(const void *bytes, size_t len);

/*
 * Decodes and judges one message, in the order of RFC 9568, 7.1. `out` is filled in only when
 * PACKET_OK is returned. With `expect` NULL (no instance has this VRID on this interface) only what
 * holds for any message is checked; the caller then counts PACKET_OK as PACKET_VRID_UNKNOWN.
 */
enum packet_outcome packet_decode(const void *bytes, size_t len, const struct packet_meta *meta,
                                  const struct packet_expect *expect, struct packet *out);

/*
 * Writes the message that `p` describes into `buf` and returns its length, or 0 if `size` does not
 * suffice. `src` and `dst` are needed for the pseudo-header (IPv6 always, IPv4 with
 * PACKET_FORM_PSEUDO). The interval is rounded up to what the wire can say (10 ms, or 1 s with
 * version 2) and kept within its range. IPv6: link-local addresses are put first (P9).
 */
size_t packet_encode(const struct packet *p, const struct addr *src, const struct addr *dst,
                     void *buf, size_t size);

/* Length of a message with `addrs` addresses. */
size_t packet_len(uint8_t version, uint8_t family, size_t addrs);

/* How many addresses fit into a message when the link carries `mtu` bytes; at most 255. */
size_t packet_addrs_fit(uint8_t version, uint8_t family, size_t mtu);

/* 224.0.0.18 (P1) or ff02::12 (P2). */
struct addr packet_group(uint8_t family);

/* 00-00-5E-00-01-VRID for IPv4, 00-00-5E-00-02-VRID for IPv6 (M1; 7.3). */
void packet_virtual_mac(uint8_t family, uint8_t vrid, uint8_t mac[6]);
