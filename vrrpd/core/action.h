/*
 * What the state machine wants done: a bounded list that the engine performs in order.
 *
 * The order carries meaning: addresses are in place before they are announced (G3), and they are
 * gone before the peer is told to take them, so that no two nodes hold them.
 */
#pragma once

#include "common/base/addr.h"
#include "common/base/mono.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* RFC 9568, 6.3. A fault and a stop are both Initialize, told apart by the reason. */
enum vrrp_state {
    VRRP_INITIALIZE,
    VRRP_BACKUP,
    VRRP_ACTIVE,
    VRRP_STATES,
};

/* Why the last transition happened. */
enum vrrp_reason {
    VRRP_REASON_NONE,            /* nothing has happened yet */
    VRRP_REASON_STARTUP,         /* I2 */
    VRRP_REASON_OWNER,           /* I1: we own the addresses */
    VRRP_REASON_RESUMED,         /* a predecessor handed its Active state to us */
    VRRP_REASON_SILENCE,         /* B2: nothing heard for Active_Down_Interval */
    VRRP_REASON_PEER_LEFT,       /* B3: the Active left with priority 0 */
    VRRP_REASON_PREEMPT,         /* B5, B2: the Active has a lower priority than we */
    VRRP_REASON_HIGHER_PRIORITY, /* A3 */
    VRRP_REASON_HIGHER_ADDRESS,  /* A3: equal priority, the greater address wins */
    VRRP_REASON_YIELD,           /* handover: asked to give the addresses away */
    VRRP_REASON_FAULT,           /* see the faults */
    VRRP_REASON_FAULT_CLEARED,
    VRRP_REASON_GROUP,    /* another member of the sync group */
    VRRP_REASON_SHUTDOWN, /* A5, B6 */
    VRRP_REASONS,
};

/* Something worth a log line that changes no state. */
enum vrrp_note {
    VRRP_NOTE_INTERVAL_DIFFERS, /* V11; `span` is the peer's */
    VRRP_NOTE_ADDRESSES_DIFFER, /* V11 */
    VRRP_NOTE_OWNER_HEARD,      /* V7: we are the owner, yet another advertises */
    VRRP_NOTE_NOT_LINK_LOCAL,   /* V9 */
    VRRP_NOTE_TWO_ACTIVES,      /* we are Active and another advertises: `peer`, `priority` */
    VRRP_NOTE_CONFLICT_OVER,    /* the other one has gone quiet; addresses are announced again */
    VRRP_NOTE_LATE_TIMER,       /* a timer event came `span` late, more than an interval */
    VRRP_NOTE_CHECKSUM_FORM,    /* P7: from now on sent in the peer's form */
    VRRP_NOTE_PREEMPT_DELAYED,  /* a lower Active is tolerated for another `span` */
    VRRP_NOTE_ANSWERS_LIMITED,  /* A2, A4: too many answers in one interval, rest not answered */
    VRRP_NOTES,
};

enum vrrp_action_kind {
    VRRP_ACTION_ADVERT,           /* send an advertisement of `priority` to the group / each peer */
    VRRP_ACTION_ADDRESSES_ADD,    /* see below */
    VRRP_ACTION_ADDRESSES_REMOVE, /* no address of the instance stays; filter removed */
    VRRP_ACTION_ANNOUNCE,         /* one GARP or unsolicited NA for each address (G1, G2) */
    VRRP_ACTION_STATE,            /* log and notify: `from`, `to`, `reason`, `fault`, `peer` */
    VRRP_ACTION_NOTE,             /* log and count: `note` */
    VRRP_ACTIONS,
};

/*
 * ADDRESSES_ADD is a level, not an edge: after it, exactly the configured addresses are in place,
 * whatever was there before (it also comes when a reload changes the list). With `accept` false the
 * filter that drops packets for them (not NS/NA) is installed before the first one is added (A6).
 */
struct vrrp_action {
    enum vrrp_action_kind kind;
    uint8_t priority;         /* ADVERT: to send; STATE and NOTE: the peer's last */
    bool accept;              /* ADDRESSES_ADD */
    bool fault;               /* STATE: `to` is Initialize because of a fault */
    enum vrrp_state from, to; /* STATE */
    enum vrrp_reason reason;  /* STATE */
    enum vrrp_note note;      /* NOTE */
    struct span span;         /* NOTE */
    struct addr peer;         /* STATE and NOTE: whom it is about; family 0 if nobody */
};

/* More than one step can produce; the simulator and the fuzzer hold the core to that. */
enum { VRRP_ACTIONS_MAX = 16 };

struct vrrp_actions {
    size_t count;
    size_t lost; /* did not fit; always 0 */
    struct vrrp_action at[VRRP_ACTIONS_MAX];
};

void vrrp_actions_add(struct vrrp_actions *out, struct vrrp_action a);

/* Names for logs, status and counters; never NULL. */
const char *vrrp_state_name(enum vrrp_state s);             /* "Initialize", "Backup", "Active" */
const char *vrrp_reason_name(enum vrrp_reason r);           /* "peer-left" */
const char *vrrp_reason_sentence(enum vrrp_reason r);       /* for people */
const char *vrrp_note_name(enum vrrp_note n);               /* "two-actives" */
const char *vrrp_note_sentence(enum vrrp_note n);           /* for people */
const char *vrrp_action_kind_name(enum vrrp_action_kind k); /* "addresses-add" */

/* keepalived's word for notify scripts: "MASTER", "BACKUP", "FAULT" or "STOP". */
const char *vrrp_notify_word(enum vrrp_state s, bool fault);
