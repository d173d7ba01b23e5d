/*
 * A deterministic cluster: 2 to 5 nodes on the real core, with virtual time and one seed.
 *
 *     sim.c       the network and the nodes: what the engine, the kernel and the wire would do
 *     scenario.c  what happens to them
 *     check.c     what must hold whatever happens; it knows the RFC, but none of the core's code
 *     main.c      seeds, traces
 *
 * A node is as simple as an engine can be: when it wakes it reads its sockets first, then steps the
 * timers that are due, and performs each action at once. What varies is the world around it:
 * packets are lost, doubled, delayed and overtake each other, links are cut in one direction or
 * both, nodes crash, stop for a while, wake late, and their clocks jump.
 */
#pragma once

#include "common/base/macro.h"
#include "common/base/rng.h"
#include "vrrpd/core/group.h"
#include "vrrpd/core/priority.h"

enum {
    SIM_NODES_MAX = 5,
    SIM_NETS_MAX = 2,
    SIM_ADDRS_MAX = 3,
    SIM_INBOX_MAX = 64,    /* packets that wait for a node that is not running */
    SIM_EVENTS_MAX = 4096, /* packets under way and wake-ups */
    SIM_TRACE_LINES = 120,
    SIM_TRACE_WIDTH = 160,
};

/* A packet on its way or in a socket. */
struct sim_packet {
    uint8_t net, from, to;
    uint8_t len;
    uint8_t bytes[8 + 16 * SIM_ADDRS_MAX + 8];
};

enum sim_event_kind {
    SIM_DELIVER,
    SIM_WAKE,
};

struct sim_event {
    struct mono at;
    uint64_t seq; /* order among equals; for SIM_WAKE also which one is meant */
    enum sim_event_kind kind;
    uint8_t node;
    struct sim_packet packet;
};

/* A node's foot in one network: an instance of the core and what the kernel holds for it. */
struct sim_member {
    struct vrrp v;
    struct vrrp_conf conf;
    struct addr addrs[SIM_ADDRS_MAX];
    struct addr peers[SIM_NODES_MAX];
    struct addr src;
    bool held;            /* the addresses are on the interface */
    enum vrrp_state told; /* what notify was told last */
    bool told_fault;
    struct mono active_since;
};

struct sim_node {
    bool up;
    bool asleep;       /* stopped: nothing runs, sockets fill */
    int64_t clock_us;  /* its clock is ahead by so much */
    uint64_t wake_seq; /* the one wake-up that counts */
    uint8_t index;
    struct sim_member member[SIM_NETS_MAX];
    struct group group;
    struct priority priority;
    int tracker; /* its index in priority */
    size_t inbox_count;
    struct sim_packet inbox[SIM_INBOX_MAX];
};

/* What the wire does to packets. */
struct sim_weather {
    unsigned loss_permille, dup_permille;
    int64_t delay_min_us, delay_max_us; /* a spread reorders */
    int64_t late_max_us;                /* how late nodes wake up */
};

struct sim {
    uint64_t seed;
    struct rng rng;
    struct mono now;
    size_t nodes, nets;
    struct sim_node node[SIM_NODES_MAX];
    bool cut[SIM_NETS_MAX][SIM_NODES_MAX][SIM_NODES_MAX]; /* from, to */
    struct sim_weather weather;
    size_t event_count;
    struct sim_event *events; /* a binary heap */
    uint64_t seq;

    /* What was done, so that a run can show that it did something. */
    struct sim_tally {
        uint64_t steps, transitions, islands, probes;
    } tally;

    /* check.c */
    bool calm;        /* no transition is expected any more */
    size_t takeovers; /* since check_begin_probe() */
    size_t winner;    /* the node that became Active first */
    struct mono winner_at;
    char failure[256]; /* the first violation; empty: none */

    /* --trace, or the last lines before a failure */
    bool tracing, printing;
    size_t trace_count;
    char (*trace)[SIM_TRACE_WIDTH];
};

/* ---- sim.c ---- */

void sim_init(struct sim *s, uint64_t seed);
void sim_fini(struct sim *s);
void sim_trace(struct sim *s, const char *fmt, ...) printf_like(2, 3);

/* Lets virtual time pass until `at`, or until a check fails. */
void sim_run_until(struct sim *s, struct mono at);
void sim_run(struct sim *s, struct span by);
void sim_run_quiet(struct sim *s); /* until no packet is under way */

/* What can be done to a node; each settles its sync group. */
void sim_start(struct sim *s, size_t node);
void sim_upgrade(struct sim *s, size_t node);  /* a new process goes on where the old one was */
void sim_crash(struct sim *s, size_t node);    /* everything of it is gone at once */
void sim_shutdown(struct sim *s, size_t node); /* orderly: priority 0 */
void sim_sleep(struct sim *s, size_t node);
void sim_awake(struct sim *s, size_t node);
void sim_jump_clock(struct sim *s, size_t node, struct span by);
void sim_event(struct sim *s, size_t node, size_t net, struct vrrp_event ev);
void sim_set_tracker(struct sim *s, size_t node, int delta, bool fault);

/* Hands the changed sim_member.conf to the core. */
void sim_reload(struct sim *s, size_t node);

/* The nodes' common view of who is where. */
bool sim_runs(const struct sim *s, size_t node);     /* up and not asleep */
bool sim_eligible(const struct sim *s, size_t node); /* ... and started, without a fault */
bool sim_is_active(const struct sim *s, size_t node, size_t net);
bool sim_linked(const struct sim *s, size_t net, size_t a, size_t b); /* in both directions */

uint64_t sim_random(struct sim *s, uint64_t below);
int64_t sim_between(struct sim *s, int64_t min, int64_t max);
bool sim_chance(struct sim *s, unsigned percent);

/* ---- check.c ---- */

void check_fail(struct sim *s, const char *fmt, ...) printf_like(2, 3);

/* Each step of a core, before its actions are performed one by one, each of them, and after them.
 */
void check_before(struct sim *s, size_t node, size_t net, const struct vrrp_event *ev);
void check_action(struct sim *s, size_t node, size_t net, const struct vrrp_action *a);
void check_after(struct sim *s, size_t node, size_t net, const struct vrrp_event *ev,
                 enum vrrp_state before);
void check_settled(struct sim *s, size_t node);

/* After this instant the cluster is expected to have settled, if nothing is done to it. */
struct span check_bound(const struct sim *s);

/* Each group of connected nodes has exactly one Active, and the right one; from here on any
 * transition is a violation until s->calm is cleared. */
void check_calm(struct sim *s);

/* Were there more steps than `during` can justify? */
void check_livelock(struct sim *s, uint64_t steps, struct span during);

/* A probe: the Active goes away in a calm cluster, and its successor is known in advance. */
struct check_probe {
    size_t net, active;
    size_t best;          /* the successor */
    bool certain;         /* nobody else can be Active meanwhile, not even for a moment */
    struct span min, max; /* from the instant it goes away */
    struct mono begun;
};

/* False if the cluster is not in a state in which the outcome is known. `silent`: it says nothing;
 * else it leaves with priority 0, or falls below the others. */
bool check_begin_probe(struct sim *s, bool silent, struct check_probe *p);
void check_end_probe(struct sim *s, const struct check_probe *p);

/* ---- scenario.c ---- */

/* Builds a cluster from the seed and puts it through its life. */
void scenario_run(struct sim *s);
