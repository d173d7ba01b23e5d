#include "vrrpd/why.h"

#include "common/base/conf_scalar.h"
#include "common/base/parse.h"
#include "vrrpd/advice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sentences, one a line. */

static void span(struct span s, struct buf *out)
{
    buf_printf(out, "%lld.%03llds", (long long)(s.us / 1000000),
               (long long)(s.us % 1000000 / 1000));
}

static void say_state(const struct status_instance *i, struct buf *out)
{
    buf_printf(out, "%s is %s here for ", i->name, i->state);
    span(i->since, out);
    buf_printf(out, "%s%s.\n", i->why[0] ? ": " : "", i->why);
    if (i->starting)
        buf_str(out, "It has not started yet: the first result of a tracker is waited for.\n");
}

static void say_faults(const struct status_instance *i, struct buf *out)
{
    for (int f = 0; f < VRRP_FAULTS; f++)
        if (i->faults & 1u << f)
            buf_printf(out, "Fault: %s.\n", vrrp_fault_sentence(f));
    if (i->faults && i->fault_text[0])
        buf_printf(out, "The cause: %s.\n", i->fault_text);
}

static void say_priority(const struct status_instance *i, struct buf *out)
{
    int sum = (int)i->base_priority;

    if (i->base_priority == PACKET_PRIORITY_OWNER) {
        buf_str(out,
                "Its priority is 255: it owns the addresses, and trackers do not change it.\n");
        return;
    }
    buf_printf(out, "Its priority is %u: %u as configured", i->priority, i->base_priority);
    for (size_t k = 0; k < i->tracker_count; k++) {
        const struct status_tracker *t = &i->trackers[k];
        sum += t->share;
        if (t->share)
            buf_printf(out, ", %+d by %s %s (%s%s%s)", t->share, track_type_name(t->snapshot.type),
                       t->snapshot.name, track_state_name(t->snapshot.state),
                       t->snapshot.reason[0] ? ": " : "", t->snapshot.reason);
    }
    if (sum != (int)i->priority)
        buf_printf(out, "; the sum of %d is kept within 1 and 254", sum);
    buf_str(out, ".\n");
}

static void say_trackers(const struct status_instance *i, struct buf *out)
{
    for (size_t k = 0; k < i->tracker_count; k++) {
        const struct status_tracker *t = &i->trackers[k];
        if (t->fault && !t->pending)
            buf_printf(out, "%s %s puts it in fault: %s%s%s.\n", track_type_name(t->snapshot.type),
                       t->snapshot.name, track_state_name(t->snapshot.state),
                       t->snapshot.reason[0] ? ": " : "", t->snapshot.reason);
        else if (t->pending)
            buf_printf(out, "%s %s has not said anything yet.\n", track_type_name(t->snapshot.type),
                       t->snapshot.name);
    }
}

static void say_peer(const struct status_instance *i, struct buf *out)
{
    char addr[ADDR_TEXT_MAX];

    if (!i->peer.addr.family) {
        buf_str(out, "No other router has been heard.\n");
        return;
    }
    buf_printf(out, "The last advert came from %s ", addr_format(&i->peer.addr, addr));
    span(i->peer_ago, out);
    if (i->peer.priority == PACKET_PRIORITY_LEAVING)
        buf_str(out, " ago and said that it leaves.\n");
    else
        buf_printf(out, " ago with priority %u, %s ours.\n", i->peer.priority,
                   i->peer.priority > i->priority   ? "above"
                   : i->peer.priority < i->priority ? "below"
                                                    : "equal to");
}

static void say_backup(const struct status_instance *i, struct buf *out)
{
    if (i->peer.addr.family && i->peer.priority && i->peer.priority < i->priority && !i->preempt)
        buf_str(out, "It does not take over from that router: \"preempt\" is false.\n");
    else if (i->held_back)
        buf_str(out, "It does not take over from that router: it gave the addresses away on "
                     "request (handover).\n");
    if (i->takeover_in.us < 0)
        return;
    buf_str(out, "It takes over when it hears nothing for another ");
    span(i->takeover_in, out);
    buf_str(out, " (three intervals of ");
    span(i->active_interval, out);
    buf_str(out, " and the skew of its priority: ");
    span(i->down_interval, out);
    buf_str(out, ").\n");
}

static void say_active(const struct status_instance *i, struct buf *out)
{
    size_t held = 0;

    for (size_t k = 0; k < i->address_count; k++)
        held += i->addresses[k].held;
    buf_printf(out, "It holds %zu of %zu addresses", held, i->address_count);
    if (i->next_advert.us >= 0) {
        buf_str(out, " and sends the next advert in ");
        span(i->next_advert, out);
    }
    buf_str(out, ".\n");
}

static void say_advice(void *ctx, const char *sentence)
{
    buf_printf(ctx, "%s\n", sentence);
}

static void say(const struct status_instance *i, struct buf *out)
{
    say_state(i, out);
    say_faults(i, out);
    say_priority(i, out);
    say_trackers(i, out);
    say_peer(i, out);
    if (strcmp(i->state, "Backup") == 0)
        say_backup(i, out);
    else if (strcmp(i->state, "Active") == 0)
        say_active(i, out);
    advice_each(i, say_advice, out);
    if (i->group[0])
        buf_printf(out, "It belongs to group %s: its members are Active together or not at all.\n",
                   i->group);
}

void why_text(const struct status_instance *i, struct buf *out)
{
    say(i, out);
}

void why_json(const struct status_instance *i, struct buf *out)
{
    struct buf text cleanup(buf_fini) = {0};
    char *rest, *line;

    say(i, &text);
    buf_str(out, "{\"name\":");
    conf_print_string(i->name, out);
    buf_printf(out, ",\"state\":\"%s\",\"sentences\":[", i->state);
    rest = text.data;
    for (bool first = true; rest && (line = strsep(&rest, "\n")) && line[0]; first = false) {
        buf_str(out, first ? "" : ",");
        conf_print_string(line, out);
    }
    buf_str(out, "]}\n");
}
