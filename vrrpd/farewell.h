/*
 * What has to be said when the daemon dies without a word: for each Active instance an advert of
 * priority 0. The daemon writes it down in memory that it shares with the guardian; the guardian
 * sends it.
 *
 * An entry is complete whenever `active` is set, so a daemon that is killed while it writes leaves
 * none behind instead of half of one.
 */
#pragma once

#include "common/base/err.h"
#include "vrrpd/core/vrrp.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FAREWELL_ADDRS_MAX = 8, /* listed in the advert; its receivers need only one */
    FAREWELL_PEERS_MAX = 16,
};

struct farewell {
    atomic_bool active;
    bool used; /* an instance owns the entry */
    uint8_t version, family, vrid;
    uint8_t addr_count, peer_count;
    enum packet_form form;
    enum packet_auth auth;
    uint8_t password[PACKET_AUTH_LEN];
    struct span interval;
    int ifindex;
    struct addr src;
    struct addr addrs[FAREWELL_ADDRS_MAX];
    struct addr peers[FAREWELL_PEERS_MAX];
};

/* An entry for one instance out of `n`; NULL if there is none left. */
struct farewell *farewell_take(struct farewell *list, size_t n);
void farewell_release(struct farewell *f);

/* Could an event of this kind have changed what would be said? (Most events are adverts.) */
bool farewell_differs(const struct farewell *f, const struct vrrp *v, enum vrrp_event_kind kind);

/* Writes down what `v` would say, or that there is nothing to say when it is not Active. */
void farewell_update(struct farewell *f, const struct vrrp *v, int ifindex);

/* Sends them all, through sockets opened for the purpose; how many instances were spoken for. */
size_t farewell_say(const struct farewell *list, size_t n);
