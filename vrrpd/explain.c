#include "vrrpd/explain.h"

#include "common/base/parse.h"

#include <string.h>

const char *explain_state(enum vrrp_state state, bool fault, bool stopped)
{
    if (state != VRRP_INITIALIZE)
        return vrrp_state_name(state);
    return stopped ? "Stopped" : fault ? "Fault" : vrrp_state_name(state);
}

/* "3.609s": seconds as people read them. */
static void seconds(struct span s, struct buf *out)
{
    int64_t ms = (s.us + 500) / 1000;

    if (ms % 1000)
        buf_printf(out, "%lld.%03llds", (long long)(ms / 1000), (long long)(ms % 1000));
    else
        buf_printf(out, "%llds", (long long)(ms / 1000));
}

static void peer(const struct vrrp_action *a, struct buf *out)
{
    char text[ADDR_TEXT_MAX];

    if (a->peer.family)
        buf_printf(out, " (%s priority %u)", addr_format(&a->peer, text), a->priority);
}

static void silence(const struct vrrp *v, const struct vrrp_action *a, struct mono now,
                    struct buf *out)
{
    if (v->peer.addr.family && v->peer.priority) {
        buf_str(out, "the Active router fell silent for ");
        seconds(mono_diff(now, v->peer.heard), out);
        peer(a, out);
    } else {
        buf_str(out, "no Active router was heard for ");
        seconds(vrrp_active_down_interval(v), out);
    }
}

void explain_transition(const struct vrrp *v, const struct vrrp_action *a, struct mono now,
                        const char *fault, struct buf *out)
{
    char text[ADDR_TEXT_MAX];

    switch (a->reason) {
    case VRRP_REASON_SILENCE:
        silence(v, a, now, out);
        return;
    case VRRP_REASON_FAULT:
        buf_str(out, fault && fault[0] ? fault : vrrp_reason_sentence(a->reason));
        return;
    case VRRP_REASON_SHUTDOWN:
        buf_str(out, "asked to stop");
        return;
    case VRRP_REASON_PREEMPT:
    case VRRP_REASON_HIGHER_PRIORITY:
    case VRRP_REASON_HIGHER_ADDRESS:
        buf_str(out, vrrp_reason_sentence(a->reason));
        peer(a, out);
        buf_printf(out, "; ours is %u", v->priority);
        return;
    case VRRP_REASON_PEER_LEFT:
        buf_str(out, vrrp_reason_sentence(a->reason));
        if (a->peer.family)
            buf_printf(out, ": %s", addr_format(&a->peer, text));
        return;
    case VRRP_REASON_NONE:
    case VRRP_REASON_STARTUP:
    case VRRP_REASON_OWNER:
    case VRRP_REASON_RESUMED:
    case VRRP_REASON_YIELD:
    case VRRP_REASON_FAULT_CLEARED:
    case VRRP_REASON_GROUP:
    case VRRP_REASONS:
        break;
    }
    buf_str(out, vrrp_reason_sentence(a->reason));
}

void explain_note(const struct vrrp *v, const struct vrrp_action *a, struct buf *out)
{
    char ours[PARSE_SPAN_MAX];

    buf_str(out, vrrp_note_sentence(a->note));
    peer(a, out);
    if (a->note == VRRP_NOTE_INTERVAL_DIFFERS) {
        buf_str(out, ": ");
        seconds(a->span, out);
        buf_printf(out, ", ours is %s", span_format(v->conf.interval, ours));
    } else if (a->span.us) {
        buf_str(out, ": ");
        seconds(a->span, out);
    }
}
