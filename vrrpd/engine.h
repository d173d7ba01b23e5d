/*
 * The engine owns everything that runs: it turns what its rooms report into events for the
 * instances, and carries instances through start, reload and stop.
 *
 * It is one structure that the rooms of the daemon (wire, instance, perform, tracking, commands,
 * status, reload) share; each of them is the only one to write its own part.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/list.h"
#include "common/rt/child.h"
#include "common/rt/control.h"
#include "common/rt/loop.h"
#include "vrrpd/config.h"
#include "vrrpd/guardian.h"
#include "vrrpd/history.h"
#include "vrrpd/net/addr.h"
#include "vrrpd/net/garp.h"
#include "vrrpd/net/link.h"
#include "vrrpd/net/netlink.h"
#include "vrrpd/net/sysctl.h"
#include "vrrpd/notify.h"
#include "vrrpd/routing.h"
#include "vrrpd/tracking.h"

#include <stdbool.h>
#include <stddef.h>

struct instance;

enum { ENGINE_CHILDREN_MAX = 256 };

struct engine {
    struct loop *loop;
    struct children *children;
    struct control *control;
    struct netlink *netlink;
    struct links *links;
    struct sysctls sysctls;
    struct sysctl_slot own_slots[GUARDIAN_SYSCTLS_MAX]; /* without a guardian */
    struct vips *vips;
    struct garp *garp;
    struct nft *nft; /* NULL: no instance has needed it yet */
    struct trackers *trackers;
    struct tracking tracking;
    struct notifier *notifier;
    struct history *history;
    struct metrics_http *metrics; /* NULL: not configured */
    struct link_observer observer;

    struct guardian *guardian; /* NULL: there is none */
    const char *config_path;
    struct config *config;
    struct instance **instances; /* in the order of the configuration */
    size_t instance_count;
    struct instance **leaving; /* taken out of the configuration; their last adverts are due */
    size_t leaving_count;
    struct vip_set fixed; /* the static part */
    struct routing fixed_routing;
    struct list wires;
    struct list groups; /* struct sync_group */

    bool maintenance;
    struct mono stop_began;
    bool stopping; /* instances are shut down */
    bool draining; /* hooks are waited for */
    bool stopped;  /* in good order */
    struct loop_work settled, state_line;
    struct timer watchdog;
    struct mono started;
    uint64_t reloads, reloads_failed;
};

/* Builds everything and starts the instances. Takes `config` over, also on failure. `guardian` is
 * what it shares with its guardian, or NULL. */
int engine_new(struct engine **out, struct loop *loop, const char *config_path,
               struct config *config, struct guardian *guardian, struct err *e);

/* Takes it down without a word to anybody (after engine_stop() has run its course, or when the
 * start failed). NULL-safe. */
void engine_free(struct engine *e);

/* Adverts of priority 0, addresses gone, notify STOP run to its end (bounded), then the loop stops.
 * A second call stops at once, unless it comes within a second: a service manager and the guardian
 * send the same signal. */
void engine_stop(struct engine *e, const char *why);

/* NULL if there is none. */
struct instance *engine_instance(const struct engine *e, const char *name);

/* An instance that leaves has sent its last advert: goes on with what waited for that. */
void engine_settled(struct engine *e);

/* Serves metrics where the configuration says, or no longer. */
int engine_serve_metrics(struct engine *e, const struct config *before, struct err *err);

/* Puts the static part of the configuration in place, instead of what was there before. */
int engine_apply_static(struct engine *e, struct err *err);

/* An instance has changed its state: the service manager is told at the end of the turn. */
void engine_state_changed(struct engine *e);

/* All instances give their addresses up and stay away until it ends. */
void engine_maintenance(struct engine *e, bool on);
