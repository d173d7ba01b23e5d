/*
 * A virtual router to talk to in tests. Each step is a conversation: an event goes in, and a line
 * says what was done, in order:
 *
 *     advert(101)  add  add(filtered)  remove  announce  note:NAME  state FROM>TO:REASON
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/macro.h"
#include "common/base/parse.h"
#include "tests/unit/suite.h"
#include "vrrpd/core/vrrp.h"

#include <stdlib.h>
#include <string.h>

#define LOW  "192.0.2.1"
#define SELF "192.0.2.100"
#define HIGH "192.0.2.200" /* greater than ours only if bytes are unsigned */

struct rig {
    struct vrrp v;
    struct mono now;
    struct vrrp_actions out;
    struct addr addrs[2];
    char said[512];
};

static inline struct addr ip(const char *text)
{
    struct addr a;
    ck_assert(addr_parse(text, &a));
    return a;
}

static inline void describe(struct buf *b, const struct vrrp_action *a)
{
    switch (a->kind) {
    case VRRP_ACTION_ADVERT:
        buf_printf(b, "advert(%u)", a->priority);
        return;
    case VRRP_ACTION_ADDRESSES_ADD:
        buf_str(b, a->accept ? "add" : "add(filtered)");
        return;
    case VRRP_ACTION_ADDRESSES_REMOVE:
        buf_str(b, "remove");
        return;
    case VRRP_ACTION_ANNOUNCE:
        buf_str(b, "announce");
        return;
    case VRRP_ACTION_STATE:
        buf_printf(b, "state %s>%s:%s", vrrp_state_name(a->from), vrrp_notify_word(a->to, a->fault),
                   vrrp_reason_name(a->reason));
        return;
    case VRRP_ACTION_NOTE:
        buf_printf(b, "note:%s", vrrp_note_name(a->note));
        return;
    case VRRP_ACTIONS:
        break;
    }
    abort();
}

/* Steps `ev` and compares what was done. */
static inline void step(struct rig *r, struct vrrp_event ev, const char *expected, int line)
{
    struct buf b cleanup(buf_fini) = BUF_INIT(sizeof(r->said));

    vrrp_step(&r->v, &ev, r->now, &r->out);
    for (size_t i = 0; i < r->out.count; i++) {
        buf_str(&b, i ? " " : "");
        describe(&b, &r->out.at[i]);
    }
    ck_assert_msg(strcmp(buf_cstr(&b), expected) == 0, "line %d: %s\n  said: %s\n  not:  %s", line,
                  vrrp_event_name(ev.kind), buf_cstr(&b), expected);
    ck_assert_uint_eq(r->out.lost, 0);
}

#define STEP(R, EXPECTED, ...) step(R, (struct vrrp_event){__VA_ARGS__}, EXPECTED, __LINE__)

/* Started rigs keep pointers into themselves, so they are set up in place. */
static inline void rig_init(struct rig *r, struct vrrp_conf conf)
{
    *r = (struct rig){.now = {1000000000}};
    if (!conf.addrs) {
        r->addrs[0] = ip("192.0.2.10");
        r->addrs[1] = ip("192.0.2.11");
        conf.addrs = r->addrs;
        conf.addr_count = 2;
    }
    vrrp_init(&r->v, &conf);
    STEP(r, "", VRRP_EV_SOURCE, .src = ip(SELF));
}

static inline struct vrrp_conf conf_of(uint8_t priority)
{
    struct vrrp_conf c = vrrp_conf_default();
    c.vrid = 51;
    c.priority = priority;
    return c;
}

/* What the RFC describes, without our own additions. */
static inline struct vrrp_conf plain(uint8_t priority)
{
    struct vrrp_conf c = conf_of(priority);
    c.announce = (struct vrrp_announce){0};
    c.resend = span_us(0);
    c.prompt = c.tell_winner = false;
    return c;
}

static inline void pass(struct rig *r, struct span by)
{
    r->now = mono_add(r->now, by);
}

/* The timer fires when it should, `us` from now, and not before. */
static inline void timer(struct rig *r, int64_t us, const char *expected, int line)
{
    int64_t in = mono_diff(vrrp_deadline(&r->v), r->now).us;
    ck_assert_msg(in == us, "line %d: due in %lld us, not %lld", line, (long long)in,
                  (long long)us);
    pass(r, span_us(us - 1));
    step(r, (struct vrrp_event){VRRP_EV_TIMER}, "", line);
    pass(r, span_us(1));
    step(r, (struct vrrp_event){VRRP_EV_TIMER}, expected, line);
}

#define TIMER(R, US, EXPECTED) timer(R, US, EXPECTED, __LINE__)
#define QUIET(R)               ck_assert(mono_is_never(vrrp_deadline(&(R)->v)))

static inline struct packet packet_of(const struct rig *r, uint8_t priority)
{
    struct packet p = {
        .version = r->v.conf.version,
        .family = r->v.conf.family,
        .vrid = 51,
        .priority = priority,
        .interval = r->v.conf.interval,
        .form = PACKET_FORM_RFC9568,
        .addr_count = (uint8_t)r->v.conf.addr_count,
    };
    memcpy(p.addrs, r->v.conf.addrs, p.addr_count * sizeof(p.addrs[0]));
    return p;
}

static inline void hear_packet(struct rig *r, const char *src, struct packet p,
                               const char *expected, int line)
{
    step(r, (struct vrrp_event){VRRP_EV_ADVERT, .src = ip(src), .packet = &p}, expected, line);
}

#define HEAR(R, SRC, PRIORITY, EXPECTED)                                                           \
    hear_packet(R, SRC, packet_of(R, PRIORITY), EXPECTED, __LINE__)
#define HEAR_PACKET(R, SRC, PACKET, EXPECTED) hear_packet(R, SRC, PACKET, EXPECTED, __LINE__)

#define TO_BACKUP "state Initialize>BACKUP:startup"

static inline void start_backup(struct rig *r, struct vrrp_conf c)
{
    rig_init(r, c);
    r->v.form_known = true; /* else each fourth advert comes a little late (P7) */
    STEP(r, TO_BACKUP, VRRP_EV_STARTUP);
}

/* 3 intervals of 1 s and Skew_Time at this priority. */
static inline int64_t down_us(uint8_t priority)
{
    return 3000000 + (256 - priority) * 1000000 / 256;
}

static inline void start_active(struct rig *r, struct vrrp_conf c)
{
    start_backup(r, c);
    pass(r, mono_diff(vrrp_deadline(&r->v), r->now));
    struct vrrp_event ev = {VRRP_EV_TIMER};
    vrrp_step(&r->v, &ev, r->now, &r->out);
    ck_assert_int_eq(r->v.state, VRRP_ACTIVE);
}
