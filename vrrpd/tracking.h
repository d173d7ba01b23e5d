/*
 * Trackers and who listens to them.
 *
 * A shared tracker runs once, however many instances name it; one that is written inside an
 * instance belongs to it. Each instance has a list of uses: a tracker with the effects that it has
 * there.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/list.h"
#include "vrrpd/config.h"
#include "vrrpd/net/link.h"
#include "vrrpd/track/track.h"

#include <stdbool.h>
#include <stddef.h>

struct tracked; /* a tracker with its users */

struct tracking {
    struct trackers *trackers;
    struct links *links;
    struct list all; /* struct tracked */
    struct link_observer observer;
    uid_t script_uid;
    gid_t script_gid;
    bool switch_user;
};

struct tracking_use {
    const struct config_track *conf; /* the instance's entry */
    struct tracked *tracked;
    struct track_effects fx;
    bool fault; /* shares.h: what it said last */
    struct tracking_user *user;
    struct list node; /* private */
};

/* Called when a tracker of this user has changed. */
typedef void tracking_fn(void *ctx, const struct tracking_use *use);

/* Embedded in its owner. */
struct tracking_user {
    struct tracking_use *uses;
    size_t n;
    tracking_fn *fn;
    void *ctx;
};

void tracking_init(struct tracking *tk, struct trackers *trackers, struct links *links);
void tracking_fini(struct tracking *tk);

/* Connects a user with what its configuration lists, and starts what does not run yet. `owner` is
 * the instance's name. */
int tracking_attach(struct tracking *tk, struct tracking_user *user, const struct config *c,
                    const struct conf_list *list, const char *owner, struct err *e);

/* Disconnects; what nobody uses any more is stopped. */
void tracking_detach(struct tracking *tk, struct tracking_user *user);

const struct tracker *tracking_of(const struct tracking_use *use);
