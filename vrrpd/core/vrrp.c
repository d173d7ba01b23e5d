/*
 * The state machine, in the order of RFC 9568, 6.4: what all states share, then Initialize (6.4.1),
 * Backup (6.4.2), Active (6.4.3), and at the end the table that says which function serves which
 * event in which state. Row ids (B4, A3, ...) are those of the conformance table in HACKING.md.
 *
 * There is one door for transitions, enter(), which also disarms every timer: a state's timers are
 * armed by the function that enters it, so none can survive from the state before. The one
 * exception is leave_at (the second priority-0 advert), which belongs to what was left.
 */
#include "vrrpd/core/vrrp.h"

#include "common/base/macro.h"

/* One step in the making. */
struct step {
    struct vrrp *v;
    const struct vrrp_event *ev;
    struct mono now;
    struct vrrp_actions *out;
};

/* ---- timers ---- */

struct span vrrp_skew_time(const struct vrrp *v)
{
    /* W3: version 2 counts in parts of a second, version 3 in parts of the interval. */
    int64_t unit = v->conf.version == 2 ? span_s(1).us : v->active_interval.us;
    return span_us((256 - v->priority) * unit / 256);
}

struct span vrrp_active_down_interval(const struct vrrp *v)
{
    return span_us(3 * v->active_interval.us + vrrp_skew_time(v).us);
}

struct mono vrrp_deadline(const struct vrrp *v)
{
    const struct mono timers[] = {v->down_at,  v->adver_at, v->announce_at,
                                  v->quiet_at, v->leave_at, v->start_at};
    struct mono first = MONO_NEVER;

    for (size_t i = 0; i < ARRAY_LEN(timers); i++)
        first = mono_min(first, timers[i]);
    return first;
}

static bool due(const struct step *s, struct mono at)
{
    return at.us <= s->now.us;
}

static struct mono after(const struct step *s, struct span by)
{
    return mono_add(s->now, by);
}

/* ---- actions ---- */

static void emit(struct step *s, struct vrrp_action a)
{
    vrrp_actions_add(s->out, a);
}

static void note(struct step *s, enum vrrp_note n, struct span span)
{
    emit(s, (struct vrrp_action){
                .kind = VRRP_ACTION_NOTE,
                .note = n,
                .span = span,
                .peer = s->v->peer.addr,
                .priority = s->v->peer.priority,
            });
}

static void send_advert(struct step *s, uint8_t priority)
{
    s->v->counters.adverts_sent++;
    if (priority == PACKET_PRIORITY_LEAVING)
        s->v->counters.leaving_sent++;
    emit(s, (struct vrrp_action){.kind = VRRP_ACTION_ADVERT, .priority = priority});
}

/* A5, and whenever else the addresses are let go: they are gone before a peer is told to take them.
 */
static void send_leaving(struct step *s)
{
    send_advert(s, PACKET_PRIORITY_LEAVING);
    s->v->leave_at = s->v->conf.resend.us > 0 ? after(s, s->v->conf.resend) : MONO_NEVER;
}

static void resend_leaving(struct step *s)
{
    if (!due(s, s->v->leave_at))
        return;
    s->v->leave_at = MONO_NEVER;
    send_advert(s, PACKET_PRIORITY_LEAVING);
}

static bool is_owner(const struct vrrp *v)
{
    return v->priority == PACKET_PRIORITY_OWNER;
}

static void add_addresses(struct step *s)
{
    emit(s, (struct vrrp_action){
                .kind = VRRP_ACTION_ADDRESSES_ADD,
                .accept = s->v->conf.accept || is_owner(s->v), /* A6 */
            });
}

static void remove_addresses(struct step *s)
{
    emit(s, (struct vrrp_action){.kind = VRRP_ACTION_ADDRESSES_REMOVE});
}

/* ---- announcing (G1, G2) ---- */

static struct mono next_announcement(const struct step *s)
{
    const struct vrrp *v = s->v;

    if (v->announce_left)
        return after(s, v->conf.announce.gap);
    struct span refresh = v->conf.announce.refresh;
    return mono_min(v->second_at, refresh.us > 0 ? after(s, refresh) : MONO_NEVER);
}

static void announce_round(struct step *s)
{
    s->v->counters.announced++;
    emit(s, (struct vrrp_action){.kind = VRRP_ACTION_ANNOUNCE});
    s->v->announce_at = next_announcement(s);
}

static void announce_burst(struct step *s, uint8_t rounds)
{
    s->v->announce_left = (uint8_t)(MAX(rounds, 1) - 1);
    announce_round(s);
}

static void announce_timer(struct step *s)
{
    struct vrrp *v = s->v;

    if (!due(s, v->announce_at))
        return;
    if (v->announce_left) {
        v->announce_left--;
        announce_round(s);
    } else if (due(s, v->second_at)) {
        v->second_at = MONO_NEVER;
        announce_burst(s, v->conf.announce.repeat);
    } else {
        announce_burst(s, v->conf.announce.refresh_repeat);
    }
}

/* ---- transitions ---- */

static void disarm(struct vrrp *v)
{
    v->down_at = v->adver_at = v->announce_at = v->second_at = MONO_NEVER;
    v->quiet_at = v->start_at = v->preempt_at = MONO_NEVER;
    v->ready = v->graced = v->conflict = v->conflict_noted = false;
    v->announce_left = v->answers = 0;
    v->down_reason = VRRP_REASON_SILENCE;
}

static void enter(struct step *s, enum vrrp_state to, enum vrrp_reason reason)
{
    struct vrrp *v = s->v;

    emit(s, (struct vrrp_action){
                .kind = VRRP_ACTION_STATE,
                .from = v->state,
                .to = to,
                .reason = reason,
                .fault = to == VRRP_INITIALIZE && v->started && v->faults,
                .peer = v->peer.addr,
                .priority = v->peer.priority,
            });
    disarm(v);
    v->counters.transitions++;
    v->state = to;
    v->reason = reason;
    v->since = s->now;
}

/* I1, B2: the advert tells other Backups at once, the announcement follows the addresses (G3). */
static void become_active(struct step *s, enum vrrp_reason reason)
{
    struct vrrp *v = s->v;
    const struct vrrp_announce *a = &v->conf.announce;

    send_advert(s, v->priority);
    add_addresses(s);
    enter(s, VRRP_ACTIVE, reason);
    v->counters.became_active++;
    v->holding = false;
    v->leave_at = MONO_NEVER;
    v->adver_at = after(s, v->conf.interval);
    v->second_at = a->delay.us > 0 ? after(s, a->delay) : MONO_NEVER;
    announce_burst(s, a->repeat);
}

static void arm_down_timer(struct step *s)
{
    s->v->down_at = after(s, vrrp_active_down_interval(s->v));
}

/* I2, and the Backup end of A3 before the peer's interval is learned. */
static void become_backup(struct step *s, enum vrrp_reason reason)
{
    enter(s, VRRP_BACKUP, reason);
    s->v->active_interval = s->v->conf.interval;
    arm_down_timer(s);
}

/* 6.4.1, once nothing stands in the way. In a sync group the owner asks the other members first. */
static void begin(struct step *s, enum vrrp_reason reason)
{
    struct vrrp *v = s->v;

    if (is_owner(v) && !v->conf.grouped) {
        become_active(s, VRRP_REASON_OWNER);
        return;
    }
    become_backup(s, reason);
    if (is_owner(v)) {
        v->ready = true;
        v->down_at = MONO_NEVER;
        v->down_reason = VRRP_REASON_OWNER;
    }
}

/* Active lets go and stays in the election. */
static void step_down(struct step *s, enum vrrp_reason reason)
{
    remove_addresses(s);
    become_backup(s, reason);
    send_leaving(s);
}

static uint32_t fault_bit(const struct step *s)
{
    return 1u << s->ev->fault;
}

static uint8_t event_priority(const struct step *s)
{
    return s->ev->priority ? s->ev->priority : s->v->conf.priority;
}

/* ---- what an advert tells, in any state ---- */

static void count_advert(struct step *s)
{
    struct vrrp *v = s->v;
    const struct packet *p = s->ev->packet;

    v->counters.adverts_heard++;
    if (p->priority == PACKET_PRIORITY_LEAVING)
        v->counters.leaving_heard++;
    v->peer = (struct vrrp_peer){
        .addr = s->ev->src,
        .priority = p->priority,
        .interval = p->interval,
        .heard = s->now,
    };
}

/* P7: a peer that speaks only one form would otherwise be deaf to us. */
static void follow_form(struct step *s)
{
    struct vrrp *v = s->v;
    const struct packet *p = s->ev->packet;

    if (v->conf.checksum != VRRP_CHECKSUM_AUTO || p->version != 3 || p->family != AF_INET ||
        p->form == v->form)
        return;
    v->form = p->form;
    note(s, VRRP_NOTE_CHECKSUM_FORM, span_us(0));
}

/* The same whatever the order; a cheap stand-in for comparing two sets. */
static uint64_t set_hash(const struct addr *addrs, size_t n)
{
    uint64_t sum = n;

    for (size_t i = 0; i < n; i++) {
        uint64_t h = 0xcbf29ce484222325u;
        for (size_t k = 0; k < addr_size(&addrs[i]); k++)
            h = (h ^ addrs[i].bytes[k]) * 0x100000001b3u;
        sum += h ^ (h >> 29);
    }
    return sum ? sum : 1;
}

/* V11, V9, V7: told once per change, the packet is kept. */
static void note_differences(struct step *s)
{
    struct vrrp *v = s->v;
    const struct packet *p = s->ev->packet;

    int64_t interval_us = p->interval.us == v->conf.interval.us ? 0 : p->interval.us;
    if (interval_us && interval_us != v->noted_interval_us)
        note(s, VRRP_NOTE_INTERVAL_DIFFERS, p->interval);
    v->noted_interval_us = interval_us;

    uint64_t theirs = set_hash(p->addrs, p->addr_count);
    if (theirs == set_hash(v->conf.addrs, v->conf.addr_count))
        theirs = 0;
    if (theirs && theirs != v->noted_addrs)
        note(s, VRRP_NOTE_ADDRESSES_DIFFER, span_us(0));
    v->noted_addrs = theirs;

    if (p->not_link_local && !v->noted_link_local)
        note(s, VRRP_NOTE_NOT_LINK_LOCAL, span_us(0));
    v->noted_link_local = p->not_link_local;

    if (is_owner(v))
        note(s, VRRP_NOTE_OWNER_HEARD, span_us(0));
}

/* ---- what every state does alike ---- */

static void set_source(struct step *s)
{
    s->v->src = s->ev->src;
}

static void set_priority(struct step *s)
{
    s->v->priority = event_priority(s);
}

static void set_conf(struct step *s)
{
    struct vrrp *v = s->v;
    enum vrrp_checksum before = v->conf.checksum;

    v->conf = *s->ev->conf;
    if (v->conf.checksum != before)
        v->form =
            v->conf.checksum == VRRP_CHECKSUM_PSEUDO ? PACKET_FORM_PSEUDO : PACKET_FORM_RFC9568;
    v->noted_interval_us = 0;
    v->noted_addrs = 0;
    set_priority(s);
}

static void ignore(struct step *s)
{
}

/* ---- Initialize (6.4.1); also where faults are waited out ---- */

static void init_startup(struct step *s)
{
    struct vrrp *v = s->v;

    if (v->started)
        return;
    v->started = true;
    v->priority = event_priority(s);
    v->holding = false;
    if (v->faults)
        enter(s, VRRP_INITIALIZE, VRRP_REASON_FAULT);
    else if (s->ev->resume)
        become_active(s, VRRP_REASON_RESUMED);
    else if (v->conf.start_delay.us > 0)
        v->start_at = after(s, v->conf.start_delay);
    else
        begin(s, VRRP_REASON_STARTUP);
}

static void init_shutdown(struct step *s)
{
    if (!s->v->started)
        return;
    s->v->started = false;
    enter(s, VRRP_INITIALIZE, VRRP_REASON_SHUTDOWN);
}

static void init_timer(struct step *s)
{
    resend_leaving(s);
    if (due(s, s->v->start_at))
        begin(s, VRRP_REASON_STARTUP);
}

static void init_fault_set(struct step *s)
{
    struct vrrp *v = s->v;
    bool before = vrrp_in_fault(v);

    v->faults |= fault_bit(s);
    if (v->started && !before)
        enter(s, VRRP_INITIALIZE, VRRP_REASON_FAULT);
}

static void init_fault_clear(struct step *s)
{
    struct vrrp *v = s->v;
    bool before = vrrp_in_fault(v);

    v->faults &= ~fault_bit(s);
    if (v->started && before && !vrrp_in_fault(v))
        begin(s, VRRP_REASON_FAULT_CLEARED);
}

static void init_advert(struct step *s)
{
    count_advert(s);
    follow_form(s);
}

/* ---- Backup (6.4.2) ---- */

static void backup_shutdown(struct step *s) /* B6 */
{
    s->v->started = false;
    enter(s, VRRP_INITIALIZE, VRRP_REASON_SHUTDOWN);
}

static void backup_fault_set(struct step *s)
{
    s->v->faults |= fault_bit(s);
    enter(s, VRRP_INITIALIZE, VRRP_REASON_FAULT);
}

/* B2, where a sync group does not have a say. */
static void take_over(struct step *s)
{
    struct vrrp *v = s->v;

    if (!v->conf.grouped) {
        become_active(s, v->down_reason);
        return;
    }
    v->ready = true;
    v->down_at = MONO_NEVER;
}

/* The timer is so late that adverts may have been missed while nobody listened: listen once more.
 */
static bool wait_out_late_timer(struct step *s)
{
    struct vrrp *v = s->v;
    struct span late = mono_diff(s->now, v->down_at);

    if (late.us <= v->active_interval.us || v->graced)
        return false;
    v->graced = true;
    v->counters.late_timers++;
    note(s, VRRP_NOTE_LATE_TIMER, late);
    v->down_at = after(s, span_us(v->active_interval.us + vrrp_skew_time(v).us));
    return true;
}

static void backup_timer(struct step *s)
{
    resend_leaving(s);
    if (due(s, s->v->down_at) && !wait_out_late_timer(s))
        take_over(s);
}

bool vrrp_may_preempt(const struct vrrp *v, struct mono now)
{
    if (v->holding && now.us < v->hold_until.us)
        return false;
    if (!v->conf.preempt && !is_owner(v)) /* 6.1: the owner always does */
        return false;
    if (v->conf.preempt_delay.us <= 0)
        return true;
    return !mono_is_never(v->preempt_at) && now.us >= v->preempt_at.us;
}

/* preempt_delay runs from the first advert of a lower Active. */
static void start_preempt_delay(struct step *s)
{
    struct vrrp *v = s->v;

    if (v->conf.preempt_delay.us <= 0 || !mono_is_never(v->preempt_at) || !v->conf.preempt)
        return;
    v->preempt_at = after(s, v->conf.preempt_delay);
    note(s, VRRP_NOTE_PREEMPT_DELAYED, v->conf.preempt_delay);
}

/* B3. With two nodes nobody is there to race, and Skew_Time would be spent for nothing. */
static void active_leaves(struct step *s, enum vrrp_reason reason)
{
    struct vrrp *v = s->v;

    if (v->ready)
        return;
    v->down_reason = reason;
    if (v->conf.fast_takeover)
        take_over(s);
    else
        v->down_at = after(s, vrrp_skew_time(v));
}

/* B4; version 2 has nothing to learn (W4). */
static void learn(struct step *s)
{
    struct vrrp *v = s->v;

    if (v->conf.version == 3)
        v->active_interval = s->ev->packet->interval;
    v->ready = v->graced = false;
    v->down_reason = VRRP_REASON_SILENCE;
    arm_down_timer(s);
}

/* The Active itself came down to below us: it would be preempted anyway, after an interval or three
 * in which its service may be gone. */
static bool fell_below(const struct step *s, const struct vrrp_peer *before)
{
    const struct vrrp *v = s->v;

    return v->conf.prompt && before->priority >= v->priority &&
           addr_equal(&before->addr, &s->ev->src) && before->heard.us >= v->since.us;
}

/* B5: discarded, and the timer is left to run down. */
static void backup_lower(struct step *s, const struct vrrp_peer *before)
{
    struct vrrp *v = s->v;
    struct mono down_at = v->down_at;

    if (!fell_below(s, before)) {
        v->down_reason = VRRP_REASON_PREEMPT;
        return;
    }
    active_leaves(s, VRRP_REASON_PREEMPT);
    if (v->state == VRRP_BACKUP)
        v->down_at = mono_min(down_at, v->down_at);
}

static void backup_advert(struct step *s)
{
    struct vrrp *v = s->v;
    const struct packet *p = s->ev->packet;
    struct vrrp_peer before = v->peer;

    count_advert(s);
    follow_form(s);
    if (p->priority == PACKET_PRIORITY_LEAVING) {
        v->left_count++;
        active_leaves(s, VRRP_REASON_PEER_LEFT);
        return;
    }
    v->leave_at = MONO_NEVER; /* somebody has taken over: our leaving is known */
    note_differences(s);
    if (p->priority >= v->priority) {
        v->preempt_at = MONO_NEVER;
        learn(s);
        return;
    }
    start_preempt_delay(s);
    if (vrrp_may_preempt(v, s->now))
        backup_lower(s, &before);
    else
        learn(s);
}

/* A running timer keeps its start and gets the new length. */
static void shift_down_timer(struct step *s, struct span before, struct span now)
{
    struct vrrp *v = s->v;

    if (!mono_is_never(v->down_at))
        v->down_at.us += now.us - before.us;
}

static void backup_priority(struct step *s)
{
    struct span before = vrrp_skew_time(s->v);
    set_priority(s);
    shift_down_timer(s, before, vrrp_skew_time(s->v));
}

/* The learned interval stays: the next advert tells a new one (6.1). */
static void backup_conf(struct step *s)
{
    struct vrrp *v = s->v;
    struct span before = vrrp_active_down_interval(v), skew = vrrp_skew_time(v);

    set_conf(s);
    if (v->conf.version == 2) {
        v->active_interval = v->conf.interval;
        shift_down_timer(s, before, vrrp_active_down_interval(v));
    } else {
        shift_down_timer(s, skew, vrrp_skew_time(v));
    }
    if (v->ready && !v->conf.grouped) { /* has left its group: nobody to wait for */
        v->ready = false;
        arm_down_timer(s);
    }
}

static void backup_group_active(struct step *s)
{
    if (s->v->ready)
        become_active(s, s->v->down_reason);
}

/* Another member's Active left; ours leaves with it. If it did not, its next advert is at most an
 * interval away, so one missing advert is enough. */
static void backup_group_left(struct step *s)
{
    struct vrrp *v = s->v;

    if (v->ready || !v->peer.addr.family)
        return;
    struct mono expected = mono_add(v->peer.heard, v->active_interval);
    if (mono_before(expected, s->now))
        expected = s->now;
    struct mono at = mono_add(expected, vrrp_skew_time(v));
    if (!mono_before(at, v->down_at))
        return;
    v->down_at = at;
    v->down_reason = VRRP_REASON_PEER_LEFT;
}

/* ---- Active (6.4.3) ---- */

static void active_shutdown(struct step *s) /* A5 */
{
    s->v->started = false;
    remove_addresses(s);
    enter(s, VRRP_INITIALIZE, VRRP_REASON_SHUTDOWN);
    send_leaving(s);
}

static void active_fault_set(struct step *s)
{
    s->v->faults |= fault_bit(s);
    remove_addresses(s);
    enter(s, VRRP_INITIALIZE, VRRP_REASON_FAULT);
    send_leaving(s);
}

static void arm_adver_timer(struct step *s)
{
    s->v->adver_at = after(s, s->v->conf.interval);
}

/* A1. The next one is an interval after this one was due, not after it was done, so that a busy
 * machine does not stretch the rhythm; but adverts that were missed are not made up for. */
static void adver_timer(struct step *s)
{
    struct vrrp *v = s->v;

    if (!due(s, v->adver_at))
        return;
    struct span late = mono_diff(s->now, v->adver_at);
    if (late.us > v->conf.interval.us) {
        v->counters.late_timers++;
        note(s, VRRP_NOTE_LATE_TIMER, late);
    }
    v->answers = 0;
    send_advert(s, v->priority);
    v->adver_at = late.us < v->conf.interval.us ? mono_add(v->adver_at, v->conf.interval)
                                                : after(s, v->conf.interval);
}

static void quiet_timer(struct step *s)
{
    struct vrrp *v = s->v;

    if (!due(s, v->quiet_at))
        return;
    if (v->conflict_noted)
        note(s, VRRP_NOTE_CONFLICT_OVER, span_us(0));
    v->conflict = v->conflict_noted = false;
    v->quiet_at = MONO_NEVER;
    announce_burst(s, v->conf.announce.repeat);
}

static void active_timer(struct step *s)
{
    adver_timer(s);
    announce_timer(s);
    quiet_timer(s);
}

/* Two routers that both think they win would answer each other at wire speed. */
static bool may_answer(struct step *s)
{
    struct vrrp *v = s->v;

    if (v->answers < VRRP_ANSWERS_MAX) {
        v->answers++;
        return true;
    }
    if (v->answers == VRRP_ANSWERS_MAX) {
        v->answers++;
        note(s, VRRP_NOTE_ANSWERS_LIMITED, span_us(0));
    }
    v->counters.answers_limited++;
    return false;
}

/* Another Active is or was there: hosts may have its MAC address. They are told ours at once, and
 * again when the other has gone quiet. Within the first interval it is a preempted Active whose
 * last words were under way; that is not worth a note. */
static void hear_rival(struct step *s)
{
    struct vrrp *v = s->v;
    struct span interval = {MAX(v->conf.interval.us, s->ev->packet->interval.us)};
    bool settled = mono_diff(s->now, v->since).us >= v->conf.interval.us;

    if (settled && !v->conflict_noted) {
        v->conflict_noted = true;
        v->counters.conflicts++;
        note(s, VRRP_NOTE_TWO_ACTIVES, span_us(0));
    }
    if (!v->conflict)
        announce_burst(s, v->conf.announce.repeat);
    v->conflict = true;
    v->quiet_at = after(s, span_us(interval.us + interval.us / 2));
}

static void active_left(struct step *s) /* A2 */
{
    if (!may_answer(s))
        return;
    send_advert(s, s->v->priority);
    arm_adver_timer(s);
    hear_rival(s);
}

static void active_lower(struct step *s) /* A4 */
{
    if (may_answer(s))
        send_advert(s, s->v->priority);
    hear_rival(s);
}

/* A3. The winner does not learn from us that there were two, unless we say something: then it
 * announces its addresses again, and hosts that have our MAC address are put right. */
static void active_higher(struct step *s, enum vrrp_reason reason)
{
    struct vrrp *v = s->v;

    v->counters.yields++;
    remove_addresses(s);
    if (v->conf.tell_winner)
        send_advert(s, v->priority);
    become_backup(s, reason);
    learn(s);
}

static void active_advert(struct step *s)
{
    struct vrrp *v = s->v;
    const struct packet *p = s->ev->packet;

    count_advert(s);
    follow_form(s);
    if (p->priority == PACKET_PRIORITY_LEAVING) {
        active_left(s);
        return;
    }
    note_differences(s);
    if (p->priority > v->priority)
        active_higher(s, VRRP_REASON_HIGHER_PRIORITY);
    else if (p->priority == v->priority && addr_cmp(&s->ev->src, &v->src) > 0)
        active_higher(s, VRRP_REASON_HIGHER_ADDRESS);
    else
        active_lower(s);
}

/* Backups that would preempt learn of a lower priority at once. */
static void active_priority(struct step *s)
{
    uint8_t before = s->v->priority;

    set_priority(s);
    if (s->v->priority >= before)
        return;
    send_advert(s, s->v->priority);
    arm_adver_timer(s);
}

static bool same_addrs(const struct vrrp_conf *a, const struct vrrp_conf *b)
{
    if (a->addr_count != b->addr_count)
        return false;
    for (size_t i = 0; i < a->addr_count; i++)
        if (!addr_equal(&a->addrs[i], &b->addrs[i]))
            return false;
    return true;
}

static void active_conf(struct step *s)
{
    struct vrrp *v = s->v;
    bool moved = !same_addrs(&v->conf, s->ev->conf);
    bool filter = v->conf.accept != s->ev->conf->accept;
    uint8_t before = v->priority;

    set_conf(s);
    v->adver_at = mono_min(v->adver_at, after(s, v->conf.interval));
    if (moved || filter)
        add_addresses(s);
    if (moved)
        announce_burst(s, v->conf.announce.repeat);
    if (moved || v->priority < before) {
        send_advert(s, v->priority);
        arm_adver_timer(s);
    }
}

static void active_yield(struct step *s)
{
    step_down(s, VRRP_REASON_YIELD);
    s->v->holding = true;
    s->v->hold_until = s->ev->span.us > 0 ? after(s, s->ev->span) : MONO_NEVER;
}

static void active_ready(struct step *s)
{
    announce_burst(s, s->v->conf.announce.repeat);
}

static void active_group_backup(struct step *s)
{
    step_down(s, VRRP_REASON_GROUP);
}

/* ---- the table ---- */

typedef void handler(struct step *s);

static handler *const table[VRRP_EVENTS][VRRP_STATES] = {
  /* event                    Initialize        Backup               Active */
    [VRRP_EV_STARTUP] = {init_startup,     ignore,              ignore             },
    [VRRP_EV_SHUTDOWN] = {init_shutdown,    backup_shutdown,     active_shutdown    },
    [VRRP_EV_ADVERT] = {init_advert,      backup_advert,       active_advert      },
    [VRRP_EV_TIMER] = {init_timer,       backup_timer,        active_timer       },
    [VRRP_EV_PRIORITY] = {set_priority,     backup_priority,     active_priority    },
    [VRRP_EV_FAULT_SET] = {init_fault_set,   backup_fault_set,    active_fault_set   },
    [VRRP_EV_FAULT_CLEAR] = {init_fault_clear, ignore,              ignore             },
    [VRRP_EV_CONF] = {set_conf,         backup_conf,         active_conf        },
    [VRRP_EV_SOURCE] = {set_source,       set_source,          set_source         },
    [VRRP_EV_YIELD] = {ignore,           ignore,              active_yield       },
    [VRRP_EV_ADDRESSES_READY] = {ignore,           ignore,              active_ready       },
    [VRRP_EV_GROUP_ACTIVE] = {ignore,           backup_group_active, ignore             },
    [VRRP_EV_GROUP_BACKUP] = {ignore,           ignore,              active_group_backup},
    [VRRP_EV_GROUP_LEFT] = {ignore,           backup_group_left,   ignore             },
};

void vrrp_init(struct vrrp *v, const struct vrrp_conf *conf)
{
    *v = (struct vrrp){
        .conf = *conf,
        .priority = conf->priority,
        .active_interval = conf->interval,
        .form = conf->checksum == VRRP_CHECKSUM_PSEUDO ? PACKET_FORM_PSEUDO : PACKET_FORM_RFC9568,
        .leave_at = MONO_NEVER,
        .hold_until = MONO_NEVER,
    };
    disarm(v);
}

void vrrp_step(struct vrrp *v, const struct vrrp_event *ev, struct mono now,
               struct vrrp_actions *out)
{
    struct step s = {.v = v, .ev = ev, .now = now, .out = out};

    out->count = out->lost = 0;
    table[ev->kind][v->state](&s);
}
