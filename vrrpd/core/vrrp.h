/*
 * One virtual router: the state machine of RFC 9568, 6.4 (and RFC 3768, 6.4, for version 2).
 *
 * Pure: an event and an instant go in, actions come out, and vrrp_deadline() says when the next
 * VRRP_EV_TIMER is due. How to drive it:
 *
 *     struct vrrp v;
 *     vrrp_init(&v, &conf);
 *     vrrp_step(&v, &(struct vrrp_event){VRRP_EV_STARTUP}, now, &actions);
 *     ... perform actions in order, arm the loop's timer for vrrp_deadline(&v) ...
 *
 * Late timers: before a VRRP_EV_TIMER that comes late the caller reads what its sockets hold and
 * steps it in as VRRP_EV_ADVERT. The core helps: a Backup whose timer comes more than an interval
 * late waits once more for (Active_Adver_Interval + Skew_Time) before it takes over.
 *
 * Faults are counted by source, so that the caller needs no arithmetic: the router is in fault
 * while any source is set. Priorities arrive composed (priority.h). Sync groups are group.h's.
 *
 * Additions to the RFC, each with its switch in `struct vrrp_conf`: fast_takeover, prompt,
 * tell_winner, resend. And those without one:
 *  - answers to lower adverts (A2, A4) are limited to VRRP_ANSWERS_MAX an interval, because two
 *    routers that both think they win would otherwise answer each other at wire speed;
 *  - a Backup minds priority 0 (B3) only from the Active that it follows, and a second one does not
 *    put its timer off: the repeated one could otherwise start a race after the successor has
 * spoken;
 *  - the late timer above.
 */
#pragma once

#include "vrrpd/core/action.h"
#include "vrrpd/core/packet.h"

enum {
    VRRP_PRIORITY_DEFAULT = 100,
    VRRP_ANSWERS_MAX = 8,
    VRRP_PAUSE_EVERY = 4, /* with checksum "auto", until a peer was heard: of so many adverts one */
    VRRP_PAUSE_PART = 8,  /* comes so large a part of the interval late (P7, active.c) */
    VRRP_NOTE_GAP_S = 60, /* two senders that differ from us in turn are told of this seldom */
};

/* P7 */
enum vrrp_checksum {
    VRRP_CHECKSUM_AUTO, /* starts as RFC 9568, then follows a valid peer */
    VRRP_CHECKSUM_RFC9568,
    VRRP_CHECKSUM_PSEUDO,
    VRRP_CHECKSUMS,
};

const char *vrrp_checksum_name(enum vrrp_checksum c); /* "auto", "rfc9568", "pseudo-header" */

/* When addresses are announced (G1, G2). One round is one GARP/NA for each address. A burst of
 * `repeat` rounds, `gap` apart, goes out at once when the router becomes Active, again after
 * `delay`, and whenever a conflict has been resolved or an address was put back. */
struct vrrp_announce {
    uint8_t repeat;         /* rounds of a burst; 0 counts as 1 */
    struct span gap;        /* between the rounds of a burst */
    struct span delay;      /* the second burst, after the first began; 0: none */
    struct span refresh;    /* a burst of refresh_repeat each so often while Active; 0: never */
    uint8_t refresh_repeat; /* 0 counts as 1 */
};

/* Pointers are borrowed: they must live until the vrrp_step() with the next VRRP_EV_CONF has
 * returned, or as long as the router. */
struct vrrp_conf {
    uint8_t version;          /* 3, or 2 (IPv4 only) */
    uint8_t family;           /* AF_INET or AF_INET6 */
    uint8_t vrid;             /* 1-255 */
    uint8_t priority;         /* base: 1-254, or 255 for the owner (6.1) */
    struct span interval;     /* 10 ms to 40.95 s; version 2: 1 s to 255 s (T1) */
    const struct addr *addrs; /* those that are advertised, at most packet_addrs_fit() */
    size_t addr_count;
    const struct addr *peers; /* unicast peers; none: multicast */
    size_t peer_count;
    uint8_t ttl_min; /* unicast only: 255 by default, 0 turns the check off (V1) */
    enum vrrp_checksum checksum;
    enum packet_auth auth; /* version 2 */
    uint8_t password[PACKET_AUTH_LEN];
    bool preempt;              /* Preempt_Mode; the owner always preempts (6.1) */
    struct span preempt_delay; /* how long a lower Active is tolerated first */
    struct span start_delay;   /* stay in Initialize that long after VRRP_EV_STARTUP */
    bool accept;               /* Accept_Mode (A6) */
    bool strict;               /* V9 discards */
    struct vrrp_announce announce;
    struct span resend; /* a priority-0 advert is sent again after this; 0: once only */
    bool fast_takeover; /* two nodes: priority 0 skips Skew_Time, nobody is there to race */
    bool prompt;        /* an Active that falls below us is treated as in B3, not B5 */
    bool tell_winner;   /* on A3 send one last advert, so that the winner announces again */
    bool grouped;       /* member of a sync group: takes over only on VRRP_EV_GROUP_ACTIVE */
};

/* RFC defaults and ours: version 3, IPv4, priority 100, 1 s, preempt, accept, ttl 255, announce
 * twice 5 ms apart and again after 5 s, resend 5 ms, prompt, tell_winner. The caller sets vrid,
 * addrs and what it knows better. */
struct vrrp_conf vrrp_conf_default(void);

/* NULL if `c` can be run, else a sentence that says what is wrong (without the instance's name). */
const char *vrrp_conf_check(const struct vrrp_conf *c);

/* Sources of faults; a bit each in vrrp.faults. */
enum vrrp_fault {
    VRRP_FAULT_LINK,        /* the interface is missing, down or without carrier */
    VRRP_FAULT_SOURCE,      /* no source address on the interface */
    VRRP_FAULT_TRACKER,     /* a tracker with on_fail: "fault" */
    VRRP_FAULT_MAINTENANCE, /* asked for by the operator */
    VRRP_FAULT_ADDRESS,     /* an address could not be put in place */
    VRRP_FAULT_GROUP,       /* another member of the sync group; set and cleared by group.h only */
    VRRP_FAULTS,
};

const char *vrrp_fault_name(enum vrrp_fault f);     /* "link" */
const char *vrrp_fault_sentence(enum vrrp_fault f); /* for people */

enum vrrp_event_kind {
    VRRP_EV_STARTUP,         /* priority; resume */
    VRRP_EV_SHUTDOWN,        /* A5, B6. Afterwards run until vrrp_deadline() is never: the resend */
    VRRP_EV_ADVERT,          /* packet, src: decoded with vrrp_expect() */
    VRRP_EV_TIMER,           /* vrrp_deadline() has come; harmless when it has not */
    VRRP_EV_PRIORITY,        /* priority */
    VRRP_EV_FAULT_SET,       /* fault */
    VRRP_EV_FAULT_CLEAR,     /* fault */
    VRRP_EV_CONF,            /* conf (same vrid, family, version), priority */
    VRRP_EV_SOURCE,          /* src: our own primary (IPv4) or link-local (IPv6) address */
    VRRP_EV_YIELD,           /* Active: give the addresses away (planned handover); span */
    VRRP_EV_ADDRESSES_READY, /* an address was put (back) in place later than asked: announce */
    VRRP_EV_GROUP_ACTIVE,    /* group.h: all members are ready, go */
    VRRP_EV_GROUP_BACKUP,    /* group.h: another member is no longer Active */
    VRRP_EV_GROUP_LEFT,      /* group.h: another member heard priority 0 */
    VRRP_EVENTS,
};

const char *vrrp_event_name(enum vrrp_event_kind k); /* "startup" */

struct vrrp_event {
    enum vrrp_event_kind kind;
    uint8_t priority; /* STARTUP, CONF, PRIORITY: effective, 1-255; 0 stands for the base */
    bool resume;      /* STARTUP: a predecessor was Active until now: be it at once, move nothing */
    enum vrrp_fault fault;
    struct addr src;              /* ADVERT: the packet's; SOURCE: ours, family 0 for none */
    const struct packet *packet;  /* ADVERT: borrowed for the call */
    const struct vrrp_conf *conf; /* CONF: copied */
    struct span span; /* YIELD: do not preempt the new Active for so long; 0: until it leaves */
};

struct vrrp_counters {
    uint64_t adverts_sent;  /* priority 0 included */
    uint64_t adverts_heard; /* valid ones, priority 0 included */
    uint64_t leaving_sent;  /* priority 0 */
    uint64_t leaving_heard;
    uint64_t announced; /* rounds of GARP/NA */
    uint64_t transitions;
    uint64_t became_active;
    uint64_t conflicts; /* while Active, another one was heard that has to give way */
    uint64_t yields;    /* while Active, one was heard that goes before us (A3) */
    uint64_t late_timers;
    uint64_t answers_limited;
};

/* The last valid advert. */
struct vrrp_peer {
    struct addr addr; /* family 0: none heard yet */
    uint8_t priority;
    struct span interval;
    struct mono heard;
};

/* What was noted about a sender, so that it is told once a change. */
struct vrrp_noted {
    uint64_t what; /* 0: nothing */
    struct addr from;
    struct mono at;
};

/* Embedded by value. Readable by everyone, written by vrrp_step() only. */
struct vrrp {
    struct vrrp_conf conf;
    enum vrrp_state state;
    uint8_t priority;            /* effective (priority.h) */
    bool started;                /* between STARTUP and SHUTDOWN */
    bool ready;                  /* grouped: would take over, waits for the other members */
    uint32_t faults;             /* bits of enum vrrp_fault */
    struct addr src;             /* our source address */
    enum packet_form form;       /* sent (P7) */
    bool form_known;             /* "auto": a peer was heard, and this is its form */
    struct span active_interval; /* Active_Adver_Interval, learned in Backup (6.1) */
    enum vrrp_reason reason;     /* of the last transition */
    struct mono since;           /* of the last transition */
    struct vrrp_peer peer;
    struct vrrp_counters counters;

    /* Timers; MONO_NEVER when not armed. */
    struct mono down_at;     /* Active_Down_Timer, Backup */
    struct mono adver_at;    /* Adver_Timer, Active */
    struct mono announce_at; /* next round of GARP/NA, Active */
    struct mono second_at;   /* second burst of GARP/NA, Active */
    struct mono quiet_at;    /* Active: the conflict counts as resolved */
    struct mono leave_at;    /* second priority-0 advert, Initialize or Backup */
    struct mono start_at;    /* end of start_delay, Initialize */
    struct mono preempt_at;  /* Backup: a lower Active is tolerated until then */
    struct mono hold_until;  /* after YIELD: no preemption before; MONO_NEVER: until it leaves */

    /* Small memories. */
    enum vrrp_reason down_reason; /* why we take over when Active_Down_Timer fires */
    bool holding;                 /* hold_until counts */
    bool graced;                  /* a late Active_Down_Timer has been waited out once */
    bool conflict;                /* Active: another one was heard, quiet_at is armed */
    bool conflict_noted;
    uint8_t announce_left; /* rounds left in the burst */
    uint8_t answers;       /* A2, A4: answers since Adver_Timer last fired */
    uint32_t left_count;   /* how often B3 happened; group.h follows it */
    struct vrrp_noted noted_interval, noted_addrs;   /* V11 */
    struct vrrp_noted noted_link_local, noted_owner; /* V9, V7 */
};

void vrrp_init(struct vrrp *v, const struct vrrp_conf *conf);

/* The one transition function. `out` is emptied first. */
void vrrp_step(struct vrrp *v, const struct vrrp_event *ev, struct mono now,
               struct vrrp_actions *out);

/* When VRRP_EV_TIMER is due; MONO_NEVER if nothing is. */
struct mono vrrp_deadline(const struct vrrp *v);

/* What packet_decode() shall hold a message for this router to. Borrows conf.peers. */
struct packet_expect vrrp_expect(const struct vrrp *v);

/* The bytes for VRRP_ACTION_ADVERT to `dst` (the group, or one peer: IPv6 and the pseudo-header
 * make them differ). Returns the length, 0 if `size` is too small. */
size_t vrrp_advert(const struct vrrp *v, uint8_t priority, const struct addr *dst, void *buf,
                   size_t size);

/* T2 and T3 (version 2: W3), from the effective priority and the learned interval. */
struct span vrrp_skew_time(const struct vrrp *v);
struct span vrrp_active_down_interval(const struct vrrp *v);

/* Does preemption apply at `now`? False with preempt off, within preempt_delay, or after YIELD. */
bool vrrp_may_preempt(const struct vrrp *v, struct mono now);

static inline bool vrrp_in_fault(const struct vrrp *v)
{
    return v->faults != 0;
}
