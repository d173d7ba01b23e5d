/*
 * A running instance: the state machine, and what it is connected to.
 *
 * Everything that happens to it ends in instance_step(), which hands the event to the core, has
 * perform.h carry out what comes back, and arms the timer.
 */
#pragma once

#include "common/base/err.h"
#include "common/rt/loop.h"
#include "vrrpd/config.h"
#include "vrrpd/config_vrrp.h"
#include "vrrpd/core/vrrp.h"
#include "vrrpd/farewell.h"
#include "vrrpd/history.h"
#include "vrrpd/net/acd.h"
#include "vrrpd/net/addr.h"
#include "vrrpd/notify.h"
#include "vrrpd/routing.h"
#include "vrrpd/shares.h"
#include "vrrpd/tracking.h"
#include "vrrpd/wire.h"

#include <stdbool.h>
#include <stdint.h>

struct engine;
struct sync_group;

struct instance {
    struct engine *engine;
    char name[HISTORY_NAME_MAX];
    const struct config_instance *conf; /* NULL once it has been shut down for good */
    struct config_vrrp core;            /* what `vrrp` borrows from */
    struct vrrp vrrp;
    struct shares *shares; /* NULL: no trackers */
    struct timer timer;

    const struct link *link;
    struct wire *wire;
    struct farewell *farewell; /* NULL: no guardian */
    struct macvlan *macvlan;   /* NULL: the physical MAC is used */
    struct vip_set vips;
    struct routing routing;
    struct tracking_user tracking;
    struct notify *notify;
    struct sync_group *group; /* NULL: none */

    bool starting; /* waits for the first word of its trackers */
    const char *shown_state;
    char *why; /* sentence of the last transition; NULL: none yet */

    /* None of its addresses could be put in place: a fault for a while, so that a peer can try. */
    bool address_failed;
    struct loop_work work;
    struct timer address_timer;

    bool filtered;    /* packets to its addresses are dropped */
    char *fault_text; /* what is at fault, for people; NULL: nothing was */

    struct acd acd; /* who else answers for its addresses */
    struct timer acd_timer;
    struct addr rival; /* somebody answers for this one; family 0: nobody does */
    uint8_t rival_mac[6];

    uint64_t rejects[PACKET_OUTCOMES];
    uint64_t send_errors;
    uint64_t addresses_lost, addresses_restored;
};

/* Connects and starts it. */
int instance_new(struct instance **out, struct engine *e, const struct config_instance *conf,
                 struct err *err);

/* Disconnects; addresses that it still holds are taken away without a word (shut it down first).
 * NULL-safe. */
void instance_free(struct instance *in);

static inline const char *instance_name(const struct instance *in)
{
    return in->name;
}

/* The one way of events. */
void instance_step(struct instance *in, const struct vrrp_event *ev);

/* Sets or clears a fault; does nothing if it is as it should be. */
void instance_fault(struct instance *in, enum vrrp_fault fault, bool set);

/* Describes what instance_fault() is about to say. */
void instance_describe_fault(struct instance *in, const char *fmt, ...) printf_like(2, 3);

/* It has become Active, or is no longer: looks soon whether another host has its addresses, too. */
void instance_look_for_rivals(struct instance *in, bool active);

/* Its interface has changed. */
void instance_link_changed(struct instance *in);

/* Priority and faults from what its trackers say now; starts it if it waited for them. */
void instance_tracks_changed(struct instance *in);

/* Takes over a changed configuration while it runs: what is the same is not touched. Its interface,
 * vrid, family and version must be the same. It fails only without memory; what could be changed
 * is then changed all the same. */
int instance_change(struct instance *in, const struct config_instance *conf, struct err *err);

/* The same for a configuration that says the same as before: only the text has moved. */
int instance_rebase(struct instance *in, const struct config_instance *conf, struct err *err);

/* VRRP_EV_SHUTDOWN; last adverts and hooks may still be due. */
void instance_shutdown(struct instance *in);

/* Nothing more will be sent. */
bool instance_settled(const struct instance *in);
