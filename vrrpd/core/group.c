#include "vrrpd/core/group.h"

#include <errno.h>

/* One of the rules: true if it has an order to give. */
typedef bool rule(struct group *g, struct group_order *out);

void group_init(struct group *g)
{
    *g = (struct group){0};
}

int group_add(struct group *g, struct vrrp *member)
{
    if (g->count == GROUP_MEMBERS_MAX)
        return -ENOSPC;
    g->left_seen[g->count] = member->left_count;
    g->members[g->count++] = member;
    return 0;
}

void group_remove(struct group *g, const struct vrrp *member)
{
    for (size_t i = 0; i < g->count; i++) {
        if (g->members[i] != member)
            continue;
        g->count--;
        for (size_t k = i; k < g->count; k++) {
            g->members[k] = g->members[k + 1];
            g->left_seen[k] = g->left_seen[k + 1];
        }
        g->left_pending = 0;
        return;
    }
}

static bool order(struct group_order *out, size_t member, enum vrrp_event_kind kind)
{
    *out = (struct group_order){
        .member = member,
        .event = {.kind = kind, .fault = VRRP_FAULT_GROUP},
    };
    return true;
}

static bool has_own_fault(const struct vrrp *v)
{
    return (v->faults & ~(1u << VRRP_FAULT_GROUP)) != 0;
}

/* Rules 1 and 2: the group's fault bit of each member says whether another one has a fault. */
static bool share_faults(struct group *g, struct group_order *out)
{
    size_t faulty = 0;

    for (size_t i = 0; i < g->count; i++)
        faulty += has_own_fault(g->members[i]);
    for (size_t i = 0; i < g->count; i++) {
        const struct vrrp *v = g->members[i];
        bool want = faulty > (has_own_fault(v) ? 1u : 0u);
        bool has = v->faults & 1u << VRRP_FAULT_GROUP;
        if (want != has)
            return order(out, i, want ? VRRP_EV_FAULT_SET : VRRP_EV_FAULT_CLEAR);
    }
    return false;
}

/* Rules 3 and 4. */
static bool share_state(struct group *g, struct group_order *out)
{
    size_t active = 0, ready = 0, first_active = 0, first_ready = 0;

    for (size_t i = g->count; i-- > 0;) {
        const struct vrrp *v = g->members[i];
        if (v->state == VRRP_ACTIVE) {
            active++;
            first_active = i;
        } else if (v->ready) {
            ready++;
            first_ready = i;
        }
    }
    if (ready && active + ready == g->count)
        return order(out, first_ready, VRRP_EV_GROUP_ACTIVE);
    if (active && active + ready < g->count)
        return order(out, first_active, VRRP_EV_GROUP_BACKUP);
    return false;
}

/* Rule 5. */
static bool share_leaving(struct group *g, struct group_order *out)
{
    for (size_t i = 0; i < g->count; i++) {
        if (g->left_seen[i] == g->members[i]->left_count)
            continue;
        g->left_seen[i] = g->members[i]->left_count;
        g->left_pending |= ~((uint64_t)1 << i);
    }
    for (size_t i = 0; i < g->count; i++) {
        uint64_t bit = (uint64_t)1 << i;
        if (!(g->left_pending & bit))
            continue;
        g->left_pending &= ~bit;
        return order(out, i, VRRP_EV_GROUP_LEFT);
    }
    g->left_pending = 0;
    return false;
}

bool group_next(struct group *g, struct group_order *out)
{
    static rule *const rules[] = {share_faults, share_state, share_leaving};

    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i](g, out))
            return true;
    return false;
}
