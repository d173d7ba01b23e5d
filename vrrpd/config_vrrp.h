/*
 * From an instance's configuration to what the state machine wants (core/vrrp.h).
 */
#pragma once

#include "vrrpd/config.h"
#include "vrrpd/core/vrrp.h"

/* The state machine's configuration with the arrays that it borrows. */
struct config_vrrp {
    struct vrrp_conf conf;
    struct addr *addrs; /* those that adverts list, in the order of the file */
    struct addr *peers;
    size_t unlisted; /* addresses that do not fit in an advert of the given size */
};

/* Fills `out`; `mtu` bounds how many addresses an advert lists, `grouped` says that it belongs to a
 * sync group. 0 or -ENOMEM. */
int config_vrrp_init(struct config_vrrp *out, const struct config_instance *in, size_t mtu,
                     bool grouped);

/* NULL-safe. */
void config_vrrp_fini(struct config_vrrp *v);

/* AF_INET or AF_INET6. */
uint8_t config_family(const struct config_instance *in);
