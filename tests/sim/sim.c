#include "tests/sim/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TIMER_STEPS_MAX = 16 };

/* ---- randomness, traces ---- */

uint64_t sim_random(struct sim *s, uint64_t below)
{
    return rng_below(&s->rng, below);
}

int64_t sim_between(struct sim *s, int64_t min, int64_t max)
{
    return min + (int64_t)sim_random(s, (uint64_t)(max - min + 1));
}

bool sim_chance(struct sim *s, unsigned percent)
{
    return sim_random(s, 100) < percent;
}

void sim_trace(struct sim *s, const char *fmt, ...)
{
    if (!s->tracing)
        return;
    char *line = s->trace[s->trace_count++ % SIM_TRACE_LINES];
    int n = snprintf(line, SIM_TRACE_WIDTH, "%12.6f  ", (double)s->now.us / 1e6);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line + n, SIM_TRACE_WIDTH - (size_t)n, fmt, ap);
    va_end(ap);
    if (s->printing)
        puts(line);
}

/* ---- the queue: a binary heap by instant, then by order of arrival ---- */

static bool earlier(const struct sim_event *a, const struct sim_event *b)
{
    return a->at.us != b->at.us ? a->at.us < b->at.us : a->seq < b->seq;
}

static void push(struct sim *s, struct sim_event ev)
{
    if (s->event_count == SIM_EVENTS_MAX) {
        check_fail(s, "livelock: more than %d packets under way", SIM_EVENTS_MAX);
        return;
    }
    size_t i = s->event_count++;
    for (; i > 0 && earlier(&ev, &s->events[(i - 1) / 2]); i = (i - 1) / 2)
        s->events[i] = s->events[(i - 1) / 2];
    s->events[i] = ev;
}

static struct sim_event pop(struct sim *s)
{
    struct sim_event top = s->events[0], last = s->events[--s->event_count];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= s->event_count)
            break;
        if (child + 1 < s->event_count && earlier(&s->events[child + 1], &s->events[child]))
            child++;
        if (!earlier(&s->events[child], &last))
            break;
        s->events[i] = s->events[child];
        i = child;
    }
    s->events[i] = last;
    return top;
}

/* ---- the wire ---- */

bool sim_runs(const struct sim *s, size_t node)
{
    return s->node[node].up && !s->node[node].asleep;
}

bool sim_eligible(const struct sim *s, size_t node)
{
    if (!sim_runs(s, node))
        return false;
    for (size_t net = 0; net < s->nets; net++) {
        const struct vrrp *v = &s->node[node].member[net].v;
        if (!v->started || vrrp_in_fault(v))
            return false;
    }
    return true;
}

bool sim_is_active(const struct sim *s, size_t node, size_t net)
{
    return s->node[node].up && s->node[node].member[net].v.state == VRRP_ACTIVE;
}

bool sim_linked(const struct sim *s, size_t net, size_t a, size_t b)
{
    return !s->cut[net][a][b] && !s->cut[net][b][a];
}

static void carry(struct sim *s, const struct sim_packet *p)
{
    const struct sim_weather *w = &s->weather;
    int copies = 1;

    if (s->cut[p->net][p->from][p->to] || sim_random(s, 1000) < w->loss_permille)
        return;
    if (sim_random(s, 1000) < w->dup_permille)
        copies++;
    while (copies--)
        push(s,
             (struct sim_event){
                 .at = mono_add(s->now, span_us(sim_between(s, w->delay_min_us, w->delay_max_us))),
                 .seq = ++s->seq,
                 .kind = SIM_DELIVER,
                 .node = p->to,
                 .packet = *p,
             });
}

static void send_advert(struct sim *s, struct sim_node *n, size_t net, uint8_t priority)
{
    struct sim_member *m = &n->member[net];
    struct sim_packet p = {.net = (uint8_t)net, .from = n->index};

    sim_trace(s, "n%u net%zu advert %u", n->index, net, priority);
    for (size_t to = 0; to < s->nodes; to++) {
        if (to == n->index)
            continue;
        struct addr dst =
            m->conf.peer_count ? s->node[to].member[net].src : packet_group(m->conf.family);
        p.to = (uint8_t)to;
        p.len = (uint8_t)vrrp_advert(&m->v, priority, &dst, p.bytes, sizeof(p.bytes));
        if (!p.len)
            check_fail(s, "n%u: advert does not fit", n->index);
        carry(s, &p);
    }
}

/* ---- a node ---- */

static struct mono local_time(const struct sim *s, const struct sim_node *n)
{
    return mono_add(s->now, span_us(n->clock_us));
}

/* What the engine and the kernel do. */
static void perform(struct sim *s, struct sim_node *n, size_t net, const struct vrrp_action *a)
{
    struct sim_member *m = &n->member[net];

    check_action(s, n->index, net, a);
    switch (a->kind) {
    case VRRP_ACTION_ADVERT:
        send_advert(s, n, net, a->priority);
        return;
    case VRRP_ACTION_ADDRESSES_ADD:
        m->held = true;
        return;
    case VRRP_ACTION_ADDRESSES_REMOVE:
        m->held = false;
        return;
    case VRRP_ACTION_ANNOUNCE:
        return;
    case VRRP_ACTION_STATE:
        sim_trace(s, "n%u net%zu %s -> %s (%s)", n->index, net, vrrp_state_name(a->from),
                  vrrp_notify_word(a->to, a->fault), vrrp_reason_name(a->reason));
        m->told = a->to;
        m->told_fault = a->fault;
        return;
    case VRRP_ACTION_NOTE:
        sim_trace(s, "n%u net%zu note: %s", n->index, net, vrrp_note_name(a->note));
        return;
    case VRRP_ACTIONS:
        break;
    }
    abort();
}

static void step_member(struct sim *s, struct sim_node *n, size_t net, const struct vrrp_event *ev)
{
    struct vrrp_actions out;
    enum vrrp_state before = n->member[net].v.state;

    s->tally.steps++;
    check_before(s, n->index, net, ev);
    vrrp_step(&n->member[net].v, ev, local_time(s, n), &out);
    if (out.lost)
        check_fail(s, "n%u: %zu actions lost", n->index, out.lost);
    for (size_t i = 0; i < out.count; i++)
        perform(s, n, net, &out.at[i]);
    check_after(s, n->index, net, ev, before);
}

static void settle_group(struct sim *s, struct sim_node *n)
{
    struct group_order o;
    int orders = 0;

    while (group_next(&n->group, &o)) {
        if (orders++ > GROUP_ORDERS_MAX) {
            check_fail(s, "n%u: its sync group does not settle", n->index);
            return;
        }
        step_member(s, n, o.member, &o.event);
    }
    check_settled(s, n->index);
}

/* The node's one pending wake-up is replaced. */
static void schedule(struct sim *s, struct sim_node *n)
{
    struct mono first = MONO_NEVER;

    n->wake_seq = 0;
    for (size_t net = 0; net < s->nets; net++)
        first = mono_min(first, vrrp_deadline(&n->member[net].v));
    if (!n->up || n->asleep || mono_is_never(first))
        return;
    struct mono at = {first.us - n->clock_us + sim_between(s, 0, s->weather.late_max_us)};
    if (mono_before(at, s->now))
        at = s->now;
    n->wake_seq = ++s->seq;
    push(s, (struct sim_event){.at = at, .seq = n->wake_seq, .kind = SIM_WAKE, .node = n->index});
}

static void receive(struct sim *s, struct sim_node *n, const struct sim_packet *p)
{
    struct sim_member *m = &n->member[p->net], *from = &s->node[p->from].member[p->net];
    struct packet_meta meta = {.src = from->src, .ttl = 255};
    struct packet_expect expect = vrrp_expect(&m->v);
    struct packet packet;

    meta.dst = m->conf.peer_count ? m->src : packet_group(m->conf.family);
    enum packet_outcome o = packet_decode(p->bytes, p->len, &meta, &expect, &packet);
    if (o != PACKET_OK) {
        check_fail(s, "n%u refuses n%u's advert: %s", n->index, p->from, packet_outcome_name(o));
        return;
    }
    sim_trace(s, "n%u net%u hears n%u: %u", n->index, p->net, p->from, packet.priority);
    struct vrrp_event ev = {.kind = VRRP_EV_ADVERT, .src = meta.src, .packet = &packet};
    step_member(s, n, p->net, &ev);
    settle_group(s, n);
}

static void read_sockets(struct sim *s, struct sim_node *n)
{
    for (size_t i = 0; i < n->inbox_count; i++)
        receive(s, n, &n->inbox[i]);
    n->inbox_count = 0;
}

static void step_timers(struct sim *s, struct sim_node *n)
{
    struct vrrp_event ev = {.kind = VRRP_EV_TIMER};

    for (size_t net = 0; net < s->nets; net++) {
        struct vrrp *v = &n->member[net].v;
        for (int i = 0; !mono_before(local_time(s, n), vrrp_deadline(v)); i++) {
            if (i == TIMER_STEPS_MAX) {
                check_fail(s, "livelock: n%u's timer stays in the past", n->index);
                return;
            }
            step_member(s, n, net, &ev);
            settle_group(s, n);
        }
    }
}

/* Sockets before timers: a late timer must not act on an old view. */
static void wake(struct sim *s, struct sim_node *n)
{
    read_sockets(s, n);
    step_timers(s, n);
    schedule(s, n);
}

static void deliver(struct sim *s, const struct sim_packet *p)
{
    struct sim_node *n = &s->node[p->to];

    if (!n->up)
        return;
    if (n->asleep) {
        if (n->inbox_count < SIM_INBOX_MAX)
            n->inbox[n->inbox_count++] = *p;
        return;
    }
    receive(s, n, p);
    schedule(s, n);
}

static void run_one(struct sim *s)
{
    struct sim_event ev = pop(s);

    s->now = ev.at;
    if (ev.kind == SIM_DELIVER)
        deliver(s, &ev.packet);
    else if (ev.seq == s->node[ev.node].wake_seq)
        wake(s, &s->node[ev.node]);
}

void sim_run_until(struct sim *s, struct mono at)
{
    while (!s->failure[0] && s->event_count && !mono_before(at, s->events[0].at))
        run_one(s);
    if (!s->failure[0])
        s->now = at;
}

static bool packets_under_way(const struct sim *s)
{
    for (size_t i = 0; i < s->event_count; i++)
        if (s->events[i].kind == SIM_DELIVER)
            return true;
    return false;
}

void sim_run_quiet(struct sim *s)
{
    while (!s->failure[0] && packets_under_way(s))
        run_one(s);
}

void sim_run(struct sim *s, struct span by)
{
    sim_run_until(s, mono_add(s->now, by));
}

/* ---- what can be done to a node ---- */

void sim_event(struct sim *s, size_t node, size_t net, struct vrrp_event ev)
{
    struct sim_node *n = &s->node[node];

    if (!sim_runs(s, node))
        return;
    step_member(s, n, net, &ev);
    settle_group(s, n);
    schedule(s, n);
}

static void start(struct sim *s, struct sim_node *n, bool resume)
{
    struct vrrp_event startup = {
        .kind = VRRP_EV_STARTUP,
        .priority = priority_result(&n->priority).value,
        .resume = resume,
    };

    sim_trace(s, "n%u starts, priority %u", n->index, startup.priority);
    n->up = true;
    n->asleep = false;
    n->inbox_count = 0;
    group_init(&n->group);
    for (size_t net = 0; net < s->nets; net++) {
        struct sim_member *m = &n->member[net];
        vrrp_init(&m->v, &m->conf);
        m->held = false;
        m->told = VRRP_INITIALIZE;
        m->told_fault = false;
        group_add(&n->group, &m->v);
        step_member(s, n, net, &(struct vrrp_event){.kind = VRRP_EV_SOURCE, .src = m->src});
    }
    for (size_t net = 0; net < s->nets; net++)
        step_member(s, n, net, &startup);
    settle_group(s, n);
    if (priority_result(&n->priority).fault)
        sim_event(s, n->index, 0,
                  (struct vrrp_event){.kind = VRRP_EV_FAULT_SET, .fault = VRRP_FAULT_TRACKER});
    schedule(s, n);
}

void sim_start(struct sim *s, size_t node)
{
    if (!s->node[node].up)
        start(s, &s->node[node], false);
}

void sim_upgrade(struct sim *s, size_t node)
{
    sim_trace(s, "n%zu is upgraded", node);
    start(s, &s->node[node], true);
}

void sim_crash(struct sim *s, size_t node)
{
    struct sim_node *n = &s->node[node];

    sim_trace(s, "n%zu crashes", node);
    n->up = n->asleep = false;
    n->wake_seq = 0;
    for (size_t net = 0; net < s->nets; net++)
        n->member[net].held = false;
}

/* The second priority-0 advert is waited for, as the engine does before it exits. */
void sim_shutdown(struct sim *s, size_t node)
{
    struct sim_node *n = &s->node[node];

    if (!sim_runs(s, node))
        return;
    sim_trace(s, "n%zu shuts down", node);
    for (size_t net = 0; net < s->nets; net++)
        step_member(s, n, net, &(struct vrrp_event){.kind = VRRP_EV_SHUTDOWN});
    settle_group(s, n);
    schedule(s, n);
}

void sim_sleep(struct sim *s, size_t node)
{
    if (!sim_runs(s, node))
        return;
    sim_trace(s, "n%zu stops", node);
    s->node[node].asleep = true;
    s->node[node].wake_seq = 0;
}

void sim_awake(struct sim *s, size_t node)
{
    if (!s->node[node].up || !s->node[node].asleep)
        return;
    sim_trace(s, "n%zu goes on", node);
    s->node[node].asleep = false;
    wake(s, &s->node[node]);
}

void sim_jump_clock(struct sim *s, size_t node, struct span by)
{
    sim_trace(s, "n%zu's clock jumps by %lld us", node, (long long)by.us);
    s->node[node].clock_us += by.us;
    if (sim_runs(s, node))
        schedule(s, &s->node[node]);
}

void sim_set_tracker(struct sim *s, size_t node, int delta, bool fault)
{
    struct sim_node *n = &s->node[node];

    if (n->asleep || !priority_set(&n->priority, n->tracker, delta, fault) || !n->up)
        return;
    struct priority_result r = priority_result(&n->priority);
    sim_trace(s, "n%zu's tracker: priority %u%s", node, r.value, r.fault ? ", fault" : "");
    for (size_t net = 0; net < s->nets; net++)
        sim_event(s, node, net, (struct vrrp_event){.kind = VRRP_EV_PRIORITY, .priority = r.value});
    sim_event(s, node, 0,
              (struct vrrp_event){.kind = r.fault ? VRRP_EV_FAULT_SET : VRRP_EV_FAULT_CLEAR,
                                  .fault = VRRP_FAULT_TRACKER});
}

void sim_reload(struct sim *s, size_t node)
{
    struct sim_node *n = &s->node[node];

    sim_trace(s, "n%zu reloads", node);
    n->priority.base = n->member[0].conf.priority;
    for (size_t net = 0; net < s->nets; net++)
        sim_event(s, node, net,
                  (struct vrrp_event){.kind = VRRP_EV_CONF,
                                      .conf = &n->member[net].conf,
                                      .priority = priority_result(&n->priority).value});
}

void sim_init(struct sim *s, uint64_t seed)
{
    *s = (struct sim){.seed = seed, .rng = {seed}, .now = {1000000}};
    s->events = calloc(SIM_EVENTS_MAX, sizeof(*s->events));
    s->trace = calloc(SIM_TRACE_LINES, sizeof(*s->trace));
    if (!s->events || !s->trace)
        abort();
}

void sim_fini(struct sim *s)
{
    free(s->events);
    free(s->trace);
}
