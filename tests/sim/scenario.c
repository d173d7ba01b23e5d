/*
 * A life in rounds: a storm, in which anything may happen, then calm weather, in which the cluster
 * has to settle, and often a probe: the Active goes away, and its successor and the time are known.
 */
#include "tests/sim/sim.h"

#include "common/base/macro.h"

#include <string.h>

static int64_t pick(struct sim *s, const int64_t *from, size_t n)
{
    return from[sim_random(s, n)];
}

static int64_t interval_us(const struct sim *s, size_t node)
{
    return s->node[node].member[0].conf.interval.us;
}

/* ---- the cluster ---- */

static struct span random_interval(struct sim *s, uint8_t version)
{
    static const int64_t v3_us[] = {10000, 20000, 100000, 250000, 1000000, 5000000, 40950000};
    static const int64_t v2_us[] = {1000000, 2000000, 5000000};

    return span_us(version == 2 ? pick(s, v2_us, ARRAY_LEN(v2_us))
                                : pick(s, v3_us, ARRAY_LEN(v3_us)));
}

enum priority_style {
    SPACED,
    ADJACENT_LOW,
    ADJACENT_HIGH,
    EQUAL,
    RANDOM,
    PRIORITY_STYLES,
};

static uint8_t random_priority(struct sim *s, enum priority_style style, size_t node)
{
    switch (style) {
    case SPACED:
        return (uint8_t)(100 + 20 * node);
    case ADJACENT_LOW:
        return (uint8_t)(100 + node);
    case ADJACENT_HIGH:
        return (uint8_t)(254 - node);
    case EQUAL:
        return 100;
    case RANDOM:
    case PRIORITY_STYLES:
        break;
    }
    return (uint8_t)(1 + sim_random(s, 254));
}

static struct addr address(uint8_t family, uint8_t net, uint8_t host)
{
    const uint8_t v4[4] = {10, net, 0, host};
    const uint8_t v6[16] = {0xfe, 0x80, [7] = net, [15] = host};
    return addr_from_bytes(family, family == AF_INET6 ? v6 : v4);
}

/* What all nodes have in common, for the whole life. */
static struct vrrp_conf common_conf(struct sim *s)
{
    struct vrrp_conf c = vrrp_conf_default();

    c.version = sim_chance(s, 15) ? 2 : 3;
    c.family = c.version == 3 && sim_chance(s, 25) ? AF_INET6 : AF_INET;
    c.vrid = (uint8_t)(1 + sim_random(s, 255));
    c.interval = random_interval(s, c.version);
    c.preempt = sim_chance(s, 75);
    c.fast_takeover = s->nodes == 2 && sim_chance(s, 50);
    c.grouped = s->nets > 1;
    if (sim_chance(s, 15))
        c.preempt_delay = span_us(c.interval.us * sim_between(s, 1, 4));
    if (sim_chance(s, 10))
        c.start_delay = span_us(c.interval.us * sim_between(s, 1, 4));
    if (sim_chance(s, 20))
        c.announce.refresh = span_us(c.interval.us * sim_between(s, 1, 3));
    if (sim_chance(s, 20))
        c.resend = span_us(0);
    if (c.version == 2 && sim_chance(s, 50)) {
        c.auth = PACKET_AUTH_TEXT;
        memcpy(c.password, "tandem", 6);
    }
    return c;
}

static void vary_conf(struct sim *s, struct vrrp_conf *c)
{
    c->checksum = (enum vrrp_checksum)sim_random(s, VRRP_CHECKSUMS);
    c->accept = sim_chance(s, 50);
    c->prompt = sim_chance(s, 80);
    c->tell_winner = sim_chance(s, 80);
    c->addr_count = 1 + sim_random(s, SIM_ADDRS_MAX);
}

static void build_member(struct sim *s, size_t node, size_t net, struct vrrp_conf c, bool unicast)
{
    struct sim_member *m = &s->node[node].member[net];

    m->conf = c;
    m->src = address(c.family, (uint8_t)net, (uint8_t)(1 + node * 60)); /* above 127, too */
    for (uint8_t i = 0; i < SIM_ADDRS_MAX; i++)
        m->addrs[i] = address(c.family, (uint8_t)net, (uint8_t)(100 + i));
    m->conf.addrs = m->addrs;
    for (size_t peer = 0; unicast && peer < s->nodes; peer++)
        if (peer != node)
            m->peers[m->conf.peer_count++] =
                address(c.family, (uint8_t)net, (uint8_t)(1 + peer * 60));
    m->conf.peers = m->peers;
}

static void build(struct sim *s)
{
    s->nodes = 2 + sim_random(s, SIM_NODES_MAX - 1);
    s->nets = sim_chance(s, 25) ? 2 : 1;
    enum priority_style style = (enum priority_style)sim_random(s, PRIORITY_STYLES);
    bool unicast = sim_chance(s, 30), owner = sim_chance(s, 10);
    struct vrrp_conf common = common_conf(s);

    for (size_t i = 0; i < s->nodes; i++) {
        struct vrrp_conf c = common;
        c.priority = owner && i == 0 ? 255 : random_priority(s, style, i);
        vary_conf(s, &c);
        s->node[i].index = (uint8_t)i;
        s->node[i].clock_us = (int64_t)sim_random(s, 1000000);
        priority_init(&s->node[i].priority, c.priority);
        s->node[i].tracker = priority_add(&s->node[i].priority, "tracker");
        for (size_t net = 0; net < s->nets; net++)
            build_member(s, i, net, c, unicast);
    }
    sim_trace(s, "%zu nodes, %zu networks, version %u, IPv%c, interval %lld us%s%s%s", s->nodes,
              s->nets, common.version, common.family == AF_INET6 ? '6' : '4',
              (long long)common.interval.us, common.preempt ? "" : ", no preemption",
              common.fast_takeover ? ", fast takeover" : "", unicast ? ", unicast" : "");
}

/* ---- what can happen in a storm ---- */

static void storm_weather(struct sim *s, size_t node)
{
    int64_t us = interval_us(s, node);

    s->weather = (struct sim_weather){
        .loss_permille = sim_chance(s, 50) ? (unsigned)sim_random(s, 400) : 0,
        .dup_permille = sim_chance(s, 30) ? (unsigned)sim_random(s, 200) : 0,
        .delay_max_us = sim_between(s, 1, sim_chance(s, 20) ? us : us / 10),
        .late_max_us = sim_chance(s, 20) ? us / 2 : us / 50,
    };
    sim_trace(s, "weather: loss %u, duplicates %u per mille, delay up to %lld us",
              s->weather.loss_permille, s->weather.dup_permille,
              (long long)s->weather.delay_max_us);
}

static void cut_one_way(struct sim *s, size_t node)
{
    size_t net = sim_random(s, s->nets), to = sim_random(s, s->nodes);

    sim_trace(s, "cut: net%zu n%zu to n%zu", net, node, to);
    s->cut[net][node][to] = true;
}

static void cut_both_ways(struct sim *s, size_t node)
{
    size_t net = sim_random(s, s->nets), to = sim_random(s, s->nodes);

    sim_trace(s, "cut: net%zu n%zu and n%zu", net, node, to);
    s->cut[net][node][to] = s->cut[net][to][node] = true;
}

static void partition(struct sim *s, size_t node)
{
    unsigned side = (unsigned)sim_random(s, 1u << s->nodes);

    sim_trace(s, "partition: set %#x and the rest", side);
    for (size_t net = 0; net < s->nets; net++)
        for (size_t a = 0; a < s->nodes; a++)
            for (size_t b = 0; b < s->nodes; b++)
                s->cut[net][a][b] = (side >> a & 1) != (side >> b & 1);
}

static void heal(struct sim *s, size_t node)
{
    sim_trace(s, "all links heal");
    memset(s->cut, 0, sizeof(s->cut));
}

/* The interface goes down, which the node notices, or comes up. */
static void link_fault(struct sim *s, size_t node)
{
    size_t net = sim_random(s, s->nets);
    bool down = !(s->node[node].member[net].v.faults & 1u << VRRP_FAULT_LINK);

    sim_trace(s, "n%zu net%zu link %s", node, net, down ? "down" : "up");
    for (size_t i = 0; i < s->nodes; i++)
        s->cut[net][node][i] = s->cut[net][i][node] = down;
    sim_event(s, node, net,
              (struct vrrp_event){.kind = down ? VRRP_EV_FAULT_SET : VRRP_EV_FAULT_CLEAR,
                                  .fault = VRRP_FAULT_LINK});
}

static void tracker_weight(struct sim *s, size_t node)
{
    sim_set_tracker(s, node, (int)sim_between(s, -40, 20), false);
}

static void tracker_fault(struct sim *s, size_t node)
{
    sim_set_tracker(s, node, 0, true);
}

static void tracker_content(struct sim *s, size_t node)
{
    sim_set_tracker(s, node, 0, false);
}

static void reload(struct sim *s, size_t node)
{
    struct vrrp_conf c = s->node[node].member[0].conf;

    if (s->node[node].asleep)
        return;
    vary_conf(s, &c);
    if (sim_chance(s, 30) && c.version == 3)
        c.interval = span_us(sim_between(s, 1, 4) * 10000 * MAX((int64_t)1, c.interval.us / 40000));
    if (sim_chance(s, 30) && c.priority != 255)
        c.priority = (uint8_t)(1 + sim_random(s, 254));
    if (sim_chance(s, 20))
        c.preempt = !c.preempt;
    for (size_t net = 0; net < s->nets; net++) {
        struct sim_member *m = &s->node[node].member[net];
        struct vrrp_conf mine = c;
        mine.addrs = m->addrs;
        mine.peers = m->peers;
        m->conf = mine;
    }
    sim_reload(s, node);
}

static void yield(struct sim *s, size_t node)
{
    int64_t us = sim_chance(s, 70) ? interval_us(s, node) * sim_between(s, 1, 6) : 0;

    sim_trace(s, "n%zu is asked to yield", node);
    sim_event(s, node, 0, (struct vrrp_event){.kind = VRRP_EV_YIELD, .span = {us}});
}

/* Something else removed an address, and the engine put it back. */
static void put_back(struct sim *s, size_t node)
{
    sim_event(s, node, 0, (struct vrrp_event){.kind = VRRP_EV_ADDRESSES_READY});
}

static void jump_clock(struct sim *s, size_t node)
{
    sim_jump_clock(s, node, span_us(sim_between(s, 1, 10 * interval_us(s, node))));
}

static void restart(struct sim *s, size_t node)
{
    if (s->node[node].up)
        sim_crash(s, node);
    sim_start(s, node);
}

/* Crossing links, a node's own troubles, an operator's work. */
static const struct {
    unsigned weight;
    void (*happen)(struct sim *s, size_t node);
} happenings[] = {
    {6, cut_one_way},   {6, cut_both_ways},  {4, partition},     {8, heal},
    {6, storm_weather}, {6, link_fault},     {10, sim_crash},    {14, sim_start},
    {5, restart},       {4, sim_shutdown},   {5, sim_sleep},     {8, sim_awake},
    {4, jump_clock},    {8, tracker_weight}, {5, tracker_fault}, {9, tracker_content},
    {8, reload},        {4, yield},          {2, put_back},
};

static void happen(struct sim *s)
{
    size_t node = sim_random(s, s->nodes);
    unsigned total = 0;

    for (size_t i = 0; i < ARRAY_LEN(happenings); i++)
        total += happenings[i].weight;
    unsigned at = (unsigned)sim_random(s, total);
    for (size_t i = 0; i < ARRAY_LEN(happenings); i++) {
        if (at < happenings[i].weight) {
            happenings[i].happen(s, node);
            return;
        }
        at -= happenings[i].weight;
    }
}

static void storm(struct sim *s)
{
    uint64_t steps = s->tally.steps;
    struct mono begun = s->now;

    s->calm = false;
    storm_weather(s, 0);
    for (int64_t n = sim_between(s, 3, 10); n > 0 && !s->failure[0]; n--) {
        happen(s);
        sim_run(s, span_us(sim_between(s, 0, 4 * interval_us(s, 0))));
    }
    check_livelock(s, s->tally.steps - steps, mono_diff(s->now, begun));
}

/* ---- calm ---- */

/* Nobody stays asleep or half stopped; links heal, or stay cut in a way that the RFC can cope with,
 * or (seldom) in any way, when only livelock is looked for. */
static bool calm_weather(struct sim *s)
{
    int64_t us = interval_us(s, 0);
    bool any_cut = sim_chance(s, 10);

    s->weather = (struct sim_weather){
        .dup_permille = sim_chance(s, 20) ? 50 : 0,
        .delay_max_us = sim_chance(s, 50) ? 10 : us / 100,
        .late_max_us = sim_chance(s, 50) ? 5 : us / 200,
    };
    if (!any_cut) {
        heal(s, 0);
        if (sim_chance(s, 25))
            partition(s, 0);
    }
    for (size_t i = 0; i < s->nodes; i++) {
        sim_awake(s, i);
        for (size_t net = 0; net < s->nets; net++)
            sim_event(s, i, net,
                      (struct vrrp_event){.kind = VRRP_EV_FAULT_CLEAR, .fault = VRRP_FAULT_LINK});
        if (!s->node[i].up && sim_chance(s, 70))
            sim_start(s, i);
    }
    sim_trace(s, "calm weather");
    return !any_cut;
}

/* ---- probes ---- */

static void probe_crash(struct sim *s, const struct check_probe *p)
{
    sim_crash(s, p->active);
}

static void probe_shutdown(struct sim *s, const struct check_probe *p)
{
    sim_shutdown(s, p->active);
}

static void probe_fault(struct sim *s, const struct check_probe *p)
{
    sim_event(s, p->active, 0,
              (struct vrrp_event){.kind = VRRP_EV_FAULT_SET, .fault = VRRP_FAULT_MAINTENANCE});
}

static void probe_yield(struct sim *s, const struct check_probe *p)
{
    sim_event(s, p->active, 0,
              (struct vrrp_event){.kind = VRRP_EV_YIELD, .span = {20 * interval_us(s, 0)}});
}

static const struct {
    bool silent;
    void (*begin)(struct sim *s, const struct check_probe *p);
} probes[] = {
    {true, probe_crash},
    {false, probe_shutdown},
    {false, probe_fault},
    {false, probe_yield},
};

static void probe(struct sim *s)
{
    size_t which = sim_random(s, ARRAY_LEN(probes));
    struct check_probe p;

    sim_run_quiet(s); /* an advert that is under way could arrive after the one that says 0 */
    if (!check_begin_probe(s, probes[which].silent, &p))
        return;
    sim_trace(s, "probe: n%zu goes away, n%zu should follow within %lld us", p.active, p.best,
              (long long)p.max.us);
    probes[which].begin(s, &p);
    sim_run(s, span_us(p.max.us + interval_us(s, p.best)));
    check_end_probe(s, &p);
    if (!s->node[p.active].member[0].v.started)
        sim_crash(s, p.active); /* it has been shut down: what is left of it exits */
    sim_event(s, p.active, 0,
              (struct vrrp_event){.kind = VRRP_EV_FAULT_CLEAR, .fault = VRRP_FAULT_MAINTENANCE});
}

/* An upgrade of the Active is nothing that anybody notices. */
static void upgrade(struct sim *s)
{
    for (size_t i = 0; i < s->nodes; i++) {
        if (!sim_is_active(s, i, 0) || !sim_eligible(s, i))
            continue;
        s->calm = false;
        sim_upgrade(s, i);
        s->calm = true;
    }
}

static void calm(struct sim *s)
{
    uint64_t steps = s->tally.steps;
    struct mono begun = s->now;
    bool certain = calm_weather(s);

    sim_run(s, check_bound(s));
    if (certain) {
        check_calm(s);
        s->calm = true;
        if (sim_chance(s, 20))
            upgrade(s);
        sim_run(s, span_us(5 * interval_us(s, 0)));
        check_calm(s);
    }
    check_livelock(s, s->tally.steps - steps, mono_diff(s->now, begun));
    if (certain && sim_chance(s, 70) && !s->failure[0])
        probe(s);
    s->calm = false;
}

void scenario_run(struct sim *s)
{
    build(s);
    for (size_t i = 0; i < s->nodes; i++) {
        sim_start(s, i);
        if (sim_chance(s, 50))
            sim_run(s, span_us(sim_between(s, 0, interval_us(s, i))));
    }
    for (int64_t rounds = sim_between(s, 2, 4); rounds > 0 && !s->failure[0]; rounds--) {
        storm(s);
        calm(s);
    }
}
