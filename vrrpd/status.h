/*
 * A snapshot of what the daemon knows, taken at one instant. Renderers (status_render.h) only
 * format it.
 */
#pragma once

#include "common/base/addr.h"
#include "common/base/mono.h"
#include "vrrpd/core/vrrp.h"
#include "vrrpd/history.h"
#include "vrrpd/notify.h"
#include "vrrpd/track/track.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct engine;

struct status_address {
    struct addr_prefix address;
    char device[16];
    bool held;
    int error; /* errno of the last attempt to put it in place */
};

struct status_tracker {
    struct track_snapshot snapshot;
    struct span since; /* how long it has been in its state; negative: not known yet */
    int share;         /* what it adds to the priority now */
    bool fault;
    bool pending;
    int swing;            /* what its failure would add, compared to it being well */
    bool fault_if_failed; /* its failure is a fault */
};

struct status_instance {
    char name[HISTORY_NAME_MAX];
    const char *state; /* "Active", "Backup", "Fault", "Initialize" */
    const char *reason;
    char why[HISTORY_TEXT_MAX];   /* sentence of the last transition */
    bool starting;                /* waits for its trackers */
    struct span since;            /* how long it has been in this state */
    char group[HISTORY_NAME_MAX]; /* "" none */
    char interface[16];
    unsigned vrid, version;
    uint8_t family;
    unsigned priority, base_priority;
    struct span interval, active_interval, down_interval;
    struct span next_advert, takeover_in; /* negative: not armed */
    struct addr source;
    bool unicast, preempt;
    bool held_back;        /* it gave the addresses away and does not preempt */
    struct vrrp_peer peer; /* `heard` is a time; peer_ago says how long ago */
    struct span peer_ago;
    bool peer_addresses_differ;
    struct addr rival; /* another host answers for this address of ours; family 0: none */
    uint8_t rival_mac[6];
    uint32_t faults;
    char fault_text[HISTORY_TEXT_MAX];
    const char *checksum;

    struct status_address *addresses;
    size_t address_count;
    struct status_tracker *trackers;
    size_t tracker_count;
    struct notify_snapshot notify;

    struct vrrp_counters counters;
    uint64_t rejects[PACKET_OUTCOMES];
    uint64_t send_errors, addresses_lost, addresses_restored;
};

struct status_wire {
    char interface[16];
    uint8_t family;
    bool open;
    uint64_t received, sent, send_errors, truncated;
    uint64_t rejects[PACKET_OUTCOMES];
};

struct status {
    char node[65];
    const char *version;
    int pid;
    struct span uptime;
    bool maintenance, stopping;
    uint64_t reloads, reloads_failed;
    uint64_t netlink_requests, netlink_failed, netlink_overruns, link_resyncs;
    uint64_t garp_sent, garp_failed, log_dropped;
    struct span late_max; /* the latest that a timer was */
    struct status_instance *instances;
    size_t instance_count;
    struct status_wire *wires;
    size_t wire_count;
};

/* `only` limits it to one instance; NULL takes all. NULL without memory. */
struct status *status_take(const struct engine *e, const char *only);
void status_free(struct status *s);
