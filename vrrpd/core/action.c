#include "vrrpd/core/action.h"

#include "vrrpd/core/name.h"

void vrrp_actions_add(struct vrrp_actions *out, struct vrrp_action a)
{
    if (out->count == VRRP_ACTIONS_MAX) {
        out->lost++;
        return;
    }
    out->at[out->count++] = a;
}

const char *vrrp_state_name(enum vrrp_state s)
{
    static const char *const names[VRRP_STATES] = {
        [VRRP_INITIALIZE] = "Initialize",
        [VRRP_BACKUP] = "Backup",
        [VRRP_ACTIVE] = "Active",
    };
    return name_of(names, VRRP_STATES, s);
}

const char *vrrp_notify_word(enum vrrp_state s, bool fault)
{
    static const char *const words[VRRP_STATES] = {
        [VRRP_INITIALIZE] = "STOP",
        [VRRP_BACKUP] = "BACKUP",
        [VRRP_ACTIVE] = "MASTER",
    };
    return s == VRRP_INITIALIZE && fault ? "FAULT" : name_of(words, VRRP_STATES, s);
}

const char *vrrp_reason_name(enum vrrp_reason r)
{
    static const char *const names[VRRP_REASONS] = {
        [VRRP_REASON_NONE] = "none",
        [VRRP_REASON_STARTUP] = "startup",
        [VRRP_REASON_OWNER] = "owner",
        [VRRP_REASON_RESUMED] = "resumed",
        [VRRP_REASON_SILENCE] = "silence",
        [VRRP_REASON_PEER_LEFT] = "peer-left",
        [VRRP_REASON_PREEMPT] = "preempt",
        [VRRP_REASON_HIGHER_PRIORITY] = "higher-priority",
        [VRRP_REASON_HIGHER_ADDRESS] = "higher-address",
        [VRRP_REASON_YIELD] = "yield",
        [VRRP_REASON_FAULT] = "fault",
        [VRRP_REASON_FAULT_CLEARED] = "fault-cleared",
        [VRRP_REASON_GROUP] = "group",
        [VRRP_REASON_SHUTDOWN] = "shutdown",
    };
    return name_of(names, VRRP_REASONS, r);
}

const char *vrrp_reason_sentence(enum vrrp_reason r)
{
    static const char *const sentences[VRRP_REASONS] = {
        [VRRP_REASON_NONE] = "nothing has happened yet",
        [VRRP_REASON_STARTUP] = "started, listening for an Active router",
        [VRRP_REASON_OWNER] = "started as the owner of the addresses (priority 255)",
        [VRRP_REASON_RESUMED] = "took over the Active state from the process before",
        [VRRP_REASON_SILENCE] = "heard no Active router for the Active_Down_Interval",
        [VRRP_REASON_PEER_LEFT] = "the Active router left (it sent priority 0)",
        [VRRP_REASON_PREEMPT] = "the Active router has a lower priority",
        [VRRP_REASON_HIGHER_PRIORITY] = "heard an Active router with a higher priority",
        [VRRP_REASON_HIGHER_ADDRESS] =
            "heard an Active router with the same priority and a greater address",
        [VRRP_REASON_YIELD] = "gave the addresses away on request",
        [VRRP_REASON_FAULT] = "a fault was found",
        [VRRP_REASON_FAULT_CLEARED] = "the fault is gone, listening for an Active router",
        [VRRP_REASON_GROUP] = "follows another member of its sync group",
        [VRRP_REASON_SHUTDOWN] = "stopped",
    };
    return name_of(sentences, VRRP_REASONS, r);
}

const char *vrrp_note_name(enum vrrp_note n)
{
    static const char *const names[VRRP_NOTES] = {
        [VRRP_NOTE_INTERVAL_DIFFERS] = "interval-differs",
        [VRRP_NOTE_ADDRESSES_DIFFER] = "addresses-differ",
        [VRRP_NOTE_OWNER_HEARD] = "owner-heard",
        [VRRP_NOTE_NOT_LINK_LOCAL] = "not-link-local",
        [VRRP_NOTE_TWO_ACTIVES] = "two-actives",
        [VRRP_NOTE_CONFLICT_OVER] = "conflict-over",
        [VRRP_NOTE_LATE_TIMER] = "late-timer",
        [VRRP_NOTE_CHECKSUM_FORM] = "checksum-form",
        [VRRP_NOTE_PREEMPT_DELAYED] = "preempt-delayed",
        [VRRP_NOTE_ANSWERS_LIMITED] = "answers-limited",
    };
    return name_of(names, VRRP_NOTES, n);
}

const char *vrrp_note_sentence(enum vrrp_note n)
{
    static const char *const sentences[VRRP_NOTES] = {
        [VRRP_NOTE_INTERVAL_DIFFERS] = "the peer advertises with another interval",
        [VRRP_NOTE_ADDRESSES_DIFFER] = "the peer advertises other addresses",
        [VRRP_NOTE_OWNER_HEARD] = "another router advertises, though this one owns the addresses",
        [VRRP_NOTE_NOT_LINK_LOCAL] = "the first address that the peer advertises is not link-local",
        [VRRP_NOTE_TWO_ACTIVES] = "two Active routers: another one advertises and must give way",
        [VRRP_NOTE_CONFLICT_OVER] =
            "the other Active router is quiet; announced the addresses again",
        [VRRP_NOTE_LATE_TIMER] = "this process woke up late, by more than an interval",
        [VRRP_NOTE_CHECKSUM_FORM] = "advertises with the peer's form of checksum from now on",
        [VRRP_NOTE_PREEMPT_DELAYED] = "the Active router has a lower priority; preempts it later",
        [VRRP_NOTE_ANSWERS_LIMITED] =
            "too many advertisements to answer at once; waits for the next interval",
    };
    return name_of(sentences, VRRP_NOTES, n);
}

const char *vrrp_action_kind_name(enum vrrp_action_kind k)
{
    static const char *const names[VRRP_ACTIONS] = {
        [VRRP_ACTION_ADVERT] = "advert",
        [VRRP_ACTION_ADDRESSES_ADD] = "addresses-add",
        [VRRP_ACTION_ADDRESSES_REMOVE] = "addresses-remove",
        [VRRP_ACTION_ANNOUNCE] = "announce",
        [VRRP_ACTION_STATE] = "state",
        [VRRP_ACTION_NOTE] = "note",
    };
    return name_of(names, VRRP_ACTIONS, k);
}
