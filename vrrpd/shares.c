#include "vrrpd/shares.h"

#include "vrrpd/instance.h"
#include "vrrpd/sync_group.h"

#include <stdlib.h>

static bool counted(const struct shares *s, const struct tracking_use *use)
{
    for (size_t i = 0; i < s->priority.count; i++)
        if (s->uses[i]->tracked == use->tracked)
            return true;
    return false;
}

static void add(struct shares *s, struct tracking_user *user, bool faults)
{
    for (size_t i = 0; i < user->n; i++) {
        struct tracking_use *use = &user->uses[i];
        struct track_share share = track_share(tracking_of(use), &use->fx);
        int at = counted(s, use) ? -1 : priority_add(&s->priority, track_name(tracking_of(use)));
        if (!share.pending)
            use->fault = share.fault;
        if (at < 0)
            continue;
        s->uses[at] = use;
        s->pending[at] = faults && share.pending;
        priority_set(&s->priority, at, share.delta, faults && use->fault);
    }
}

static bool any_tracker(const struct instance *in)
{
    bool any = in->tracking.n || (in->group && in->group->tracking.n);

    for (size_t i = 0; in->group && i < in->group->core.count; i++)
        any = any || in->group->members[i]->tracking.n;
    return any;
}

void shares_take(struct instance *in)
{
    if (!any_tracker(in)) {
        free(in->shares);
        in->shares = NULL;
        return;
    }
    if (!in->shares)
        in->shares = calloc(1, sizeof(*in->shares));
    struct shares *s = in->shares;
    if (!s)
        return;
    priority_init(&s->priority, (uint8_t)in->conf->priority);
    add(s, &in->tracking, true);
    if (!in->group)
        return;
    add(s, &in->group->tracking, true);
    for (size_t i = 0; i < in->group->core.count; i++)
        add(s, &in->group->members[i]->tracking, false);
}

struct priority_result shares_result(const struct instance *in)
{
    struct priority alone;

    if (in->shares)
        return priority_result(&in->shares->priority);
    priority_init(&alone, (uint8_t)in->conf->priority);
    return priority_result(&alone);
}

bool shares_pending(const struct shares *s)
{
    for (size_t i = 0; s && i < s->priority.count; i++)
        if (s->pending[i])
            return true;
    return false;
}

void shares_describe(const struct tracking_use *use, struct buf *out)
{
    struct track_snapshot s;

    track_snapshot(tracking_of(use), &s);
    buf_printf(out, "%s %s %s%s%s", track_type_name(s.type), s.name, track_state_name(s.state),
               s.reason[0] ? ": " : "", s.reason);
}

void shares_faults(const struct shares *s, struct buf *out)
{
    for (size_t i = 0; s && i < s->priority.count; i++) {
        if (!s->priority.shares[i].fault)
            continue;
        buf_str(out, out->len ? ", " : "");
        shares_describe(s->uses[i], out);
    }
}

void shares_deltas(const struct shares *s, struct buf *out)
{
    for (size_t i = 0; s && i < s->priority.count; i++) {
        if (!s->priority.shares[i].delta)
            continue;
        buf_str(out, out->len ? ", " : "");
        shares_describe(s->uses[i], out);
        buf_printf(out, " %+d", s->priority.shares[i].delta);
    }
}
