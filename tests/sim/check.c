/*
 * What must hold whatever happens. Nothing here calls the core: the checks are written from the RFC
 * (and from what an operator would be angry about), so that they can disagree with it.
 */
#include "tests/sim/sim.h"

#include "common/base/macro.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void check_fail(struct sim *s, const char *fmt, ...)
{
    if (s->failure[0])
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->failure, sizeof(s->failure), fmt, ap);
    va_end(ap);
    sim_trace(s, "VIOLATION: %s", s->failure);
}

/* ---- each step ---- */

void check_before(struct sim *s, size_t node, size_t net, const struct vrrp_event *ev)
{
    const struct sim_member *m = &s->node[node].member[net];

    if (m->held != (m->v.state == VRRP_ACTIVE))
        check_fail(s, "n%zu net%zu: addresses %s in %s", node, net, m->held ? "held" : "not held",
                   vrrp_state_name(m->v.state));
}

static void check_transition(struct sim *s, size_t node, size_t net, const struct vrrp_action *a)
{
    const struct sim_member *m = &s->node[node].member[net];
    static const bool legal[VRRP_STATES][VRRP_STATES] = {
        [VRRP_INITIALIZE] = {true, true, true},
        [VRRP_BACKUP] = {true, false, true},
        [VRRP_ACTIVE] = {true, true, false},
    };
    if (a->from != m->told || !legal[a->from][a->to])
        check_fail(s, "n%zu net%zu: notify is told %s to %s after %s", node, net,
                   vrrp_state_name(a->from), vrrp_state_name(a->to), vrrp_state_name(m->told));
    /* That it stops is always told, even if it had not come further than the start-up delay. */
    if (a->from == a->to && a->fault == m->told_fault && a->reason != VRRP_REASON_SHUTDOWN)
        check_fail(s, "n%zu net%zu: notify is told %s twice", node, net,
                   vrrp_notify_word(a->to, a->fault));
    if (s->calm)
        check_fail(s, "n%zu net%zu: %s to %s (%s) in a calm cluster", node, net,
                   vrrp_state_name(a->from), vrrp_state_name(a->to), vrrp_reason_name(a->reason));
    s->tally.transitions++;
    if (a->to == VRRP_ACTIVE && !s->takeovers++) {
        s->winner = node;
        s->winner_at = s->now;
    }
}

void check_action(struct sim *s, size_t node, size_t net, const struct vrrp_action *a)
{
    const struct sim_node *n = &s->node[node];
    const struct sim_member *m = &n->member[net];

    if (a->kind == VRRP_ACTION_STATE)
        check_transition(s, node, net, a);
    if (a->kind == VRRP_ACTION_ANNOUNCE && !m->held)
        check_fail(s, "n%zu net%zu: announces addresses that it does not hold (G3)", node, net);
    if (a->kind != VRRP_ACTION_ADVERT)
        return;
    if (a->priority == 0 && m->held)
        check_fail(s, "n%zu net%zu: says that it leaves, and holds the addresses", node, net);
    if (a->priority != 0 && a->priority != priority_result(&n->priority).value)
        check_fail(s, "n%zu net%zu: advertises %u, its priority is %u", node, net, a->priority,
                   priority_result(&n->priority).value);
}

/* 6.4.3, in other words than the core's. */
static bool must_give_way(const struct sim_member *m, const struct vrrp_event *ev, uint8_t ours)
{
    uint8_t theirs = ev->packet->priority;

    return theirs != 0 && (theirs > ours || (theirs == ours && memcmp(ev->src.bytes, m->src.bytes,
                                                                      sizeof(m->src.bytes)) > 0));
}

void check_after(struct sim *s, size_t node, size_t net, const struct vrrp_event *ev,
                 enum vrrp_state before)
{
    const struct sim_member *m = &s->node[node].member[net];

    if (m->held != (m->v.state == VRRP_ACTIVE) || m->told != m->v.state)
        check_fail(s, "n%zu net%zu: in %s, addresses %s, notify was told %s", node, net,
                   vrrp_state_name(m->v.state), m->held ? "held" : "not held",
                   vrrp_state_name(m->told));
    if (ev->kind != VRRP_EV_ADVERT || before != VRRP_ACTIVE)
        return;
    bool gave_way = m->v.state != VRRP_ACTIVE;
    if (gave_way != must_give_way(m, ev, priority_result(&s->node[node].priority).value))
        check_fail(s, "n%zu net%zu: hears priority %u and %s", node, net, ev->packet->priority,
                   gave_way ? "gives way" : "does not give way");
}

void check_settled(struct sim *s, size_t node)
{
    const struct sim_node *n = &s->node[node];

    for (size_t net = 1; net < s->nets; net++) {
        const struct vrrp *a = &n->member[0].v, *b = &n->member[net].v;
        if ((a->state == VRRP_ACTIVE) != (b->state == VRRP_ACTIVE) ||
            vrrp_in_fault(a) != vrrp_in_fault(b))
            check_fail(s, "n%zu: the members of its group disagree: %s and %s", node,
                       vrrp_state_name(a->state), vrrp_state_name(b->state));
    }
}

/* ---- a cluster at rest ---- */

static int64_t longest_interval_us(const struct sim *s)
{
    int64_t us = 0;

    for (size_t i = 0; i < s->nodes; i++)
        for (size_t net = 0; net < s->nets; net++) {
            us = MAX(us, s->node[i].member[net].conf.interval.us);
            us = MAX(us, s->node[i].member[net].v.active_interval.us);
        }
    return us;
}

/* Delays that were configured, then a late timer's grace, then Active_Down_Interval twice: once to
 * find that nobody is there, once more for a Backup that has to preempt the first one. */
struct span check_bound(const struct sim *s)
{
    int64_t interval_us = longest_interval_us(s), start_us = 0, preempt_us = 0, hold_us = 0;

    for (size_t i = 0; i < s->nodes; i++) {
        const struct sim_member *m = &s->node[i].member[0];
        start_us = MAX(start_us, m->conf.start_delay.us);
        preempt_us = MAX(preempt_us, m->conf.preempt_delay.us);
        if (s->node[i].up && m->v.holding && !mono_is_never(m->v.hold_until))
            hold_us = MAX(hold_us, m->v.hold_until.us - s->node[i].clock_us - s->now.us);
    }
    return span_us(start_us + preempt_us + hold_us + 11 * interval_us +
                   10 * (s->weather.delay_max_us + s->weather.late_max_us));
}

/* The nodes that `node` reaches in both directions, itself included. */
static unsigned reach(const struct sim *s, size_t net, size_t node)
{
    unsigned set = 0;

    for (size_t i = 0; i < s->nodes; i++)
        if (sim_eligible(s, i) && (i == node || sim_linked(s, net, node, i)))
            set |= 1u << i;
    return set;
}

/* Do all of `set` reach exactly `set`, in each network, and hear nobody else? Otherwise the RFC
 * promises nothing. */
static bool is_island(const struct sim *s, unsigned set)
{
    for (size_t net = 0; net < s->nets; net++) {
        for (size_t i = 0; i < s->nodes; i++) {
            if (!(set & 1u << i))
                continue;
            if (reach(s, net, i) != set)
                return false;
            for (size_t k = 0; k < s->nodes; k++)
                if (!(set & 1u << k) && sim_runs(s, k) && !s->cut[net][k][i] && sim_eligible(s, k))
                    return false;
        }
    }
    return true;
}

static uint8_t priority_of(const struct sim *s, size_t node)
{
    return priority_result(&s->node[node].priority).value;
}

/* With preemption everywhere and no handover in force, the highest priority wins in the end. */
static bool highest_must_win(const struct sim *s, unsigned set)
{
    for (size_t i = 0; i < s->nodes; i++) {
        const struct sim_member *m = &s->node[i].member[0];
        if ((set & 1u << i) && ((!m->conf.preempt && priority_of(s, i) != 255) ||
                                (m->v.holding && mono_is_never(m->v.hold_until))))
            return false;
    }
    return true;
}

static void check_island(struct sim *s, size_t net, unsigned set)
{
    size_t active = 0, holder = 0;
    uint8_t highest = 0;

    s->tally.islands++;
    for (size_t i = 0; i < s->nodes; i++) {
        if (!(set & 1u << i))
            continue;
        highest = MAX(highest, priority_of(s, i));
        if (sim_is_active(s, i, net)) {
            active++;
            holder = i;
        }
    }
    if (active != 1)
        check_fail(s, "net%zu: %zu nodes are Active among those of set %#x", net, active, set);
    else if (priority_of(s, holder) < highest && highest_must_win(s, set))
        check_fail(s, "net%zu: n%zu is Active with %u, but there is a %u", net, holder,
                   priority_of(s, holder), highest);
}

void check_calm(struct sim *s)
{
    for (size_t i = 0; i < s->nodes; i++) {
        unsigned set = sim_eligible(s, i) ? reach(s, 0, i) : 0;
        if (!set || !is_island(s, set))
            continue;
        for (size_t net = 0; net < s->nets; net++)
            check_island(s, net, set);
    }
    for (size_t i = 0; i < s->nodes; i++)
        for (size_t net = 0; net < s->nets; net++)
            if (!sim_eligible(s, i) && sim_runs(s, i) && s->node[i].member[net].held)
                check_fail(s, "n%zu net%zu: holds the addresses though it has a fault", i, net);
}

void check_livelock(struct sim *s, uint64_t steps, struct span during)
{
    int64_t interval_us = longest_interval_us(s);

    for (size_t i = 0; i < s->nodes; i++)
        interval_us = MIN(interval_us, s->node[i].member[0].conf.interval.us);
    uint64_t intervals = (uint64_t)(during.us / interval_us) + 10;
    uint64_t limit = intervals * s->nodes * s->nodes * s->nets * (2 + VRRP_ANSWERS_MAX);
    if (steps > limit)
        check_fail(s, "livelock: %llu steps in %llu intervals", (unsigned long long)steps,
                   (unsigned long long)intervals);
}

/* ---- probes ---- */

/* T2, in floating point so that it shares nothing with the core's arithmetic. */
static double skew_us(const struct sim *s, size_t node, int64_t interval_us)
{
    double unit = s->node[node].member[0].conf.version == 2 ? 1e6 : (double)interval_us;
    return (256.0 - priority_of(s, node)) * unit / 256.0;
}

static size_t find_active(const struct sim *s)
{
    size_t found = s->nodes;

    for (size_t i = 0; i < s->nodes; i++) {
        if (!sim_is_active(s, i, 0))
            continue;
        if (found != s->nodes)
            return s->nodes;
        found = i;
    }
    return found;
}

/* The first by priority, and by how much it is before the next one; false if two are equal. */
static bool find_best(const struct sim *s, size_t active, size_t *best, double *lead_us)
{
    int64_t interval_us = s->node[active].member[0].conf.interval.us;
    bool any = false;

    *lead_us = 1e18;
    for (size_t i = 0; i < s->nodes; i++)
        if (i != active && sim_eligible(s, i) &&
            (!any || priority_of(s, i) > priority_of(s, *best))) {
            *best = i;
            any = true;
        }
    for (size_t i = 0; any && i < s->nodes; i++) {
        if (i == active || i == *best || !sim_eligible(s, i))
            continue;
        double lead = skew_us(s, i, interval_us) - skew_us(s, *best, interval_us);
        *lead_us = MIN(*lead_us, lead);
    }
    return any && *lead_us > 0;
}

bool check_begin_probe(struct sim *s, bool silent, struct check_probe *p)
{
    unsigned all = 0;
    double lead_us;

    for (size_t i = 0; i < s->nodes; i++)
        all |= sim_eligible(s, i) ? 1u << i : 0;
    p->active = find_active(s);
    if (p->active == s->nodes || !sim_eligible(s, p->active) || !is_island(s, all) ||
        !find_best(s, p->active, &p->best, &lead_us))
        return false;

    const struct vrrp_conf *c = &s->node[p->active].member[0].conf;
    double slack_us = 4.0 * (double)(s->weather.delay_max_us + s->weather.late_max_us) + 2;
    double skew = skew_us(s, p->best, c->interval.us);
    bool fast = s->node[p->best].member[0].conf.fast_takeover;
    p->certain = lead_us > slack_us;
    if (silent) {
        p->min = span_us((int64_t)((double)(2 * c->interval.us) + skew - slack_us));
        p->max = span_us((int64_t)((double)(3 * c->interval.us) + skew + slack_us));
    } else {
        p->min = span_us(fast ? 0 : (int64_t)(skew - slack_us));
        p->max = span_us((int64_t)((fast ? 0 : skew) + slack_us));
    }
    p->begun = s->now;
    s->calm = false;
    s->takeovers = 0;
    return true;
}

void check_end_probe(struct sim *s, const struct check_probe *p)
{
    if (s->failure[0])
        return;
    int64_t us = mono_diff(s->winner_at, p->begun).us;

    s->tally.probes++;
    if (!s->takeovers)
        check_fail(s, "nobody takes over from n%zu", p->active);
    else if (us > p->max.us || us < p->min.us)
        check_fail(s, "n%zu takes over from n%zu after %lld us, not within %lld to %lld us",
                   s->winner, p->active, (long long)us, (long long)p->min.us, (long long)p->max.us);
    else if (p->certain && s->winner != p->best)
        check_fail(s, "n%zu takes over from n%zu, though n%zu goes before it", s->winner, p->active,
                   p->best);
    else if (p->certain && s->takeovers > s->nets)
        check_fail(s, "%zu nodes race to take over from n%zu, though n%zu goes before them",
                   s->takeovers, p->active, p->best);
}
