#include "vrrpd/advice.h"

#include "common/base/parse.h"

#include <stdio.h>
#include <string.h>

enum { SENTENCE_MAX = 400 };

struct say {
    const struct status_instance *i;
    advice_fn *fn;
    void *ctx;
    char peer[ADDR_TEXT_MAX];
};

static void say(const struct say *s, const char *fmt, ...) printf_like(2, 3);

static void say(const struct say *s, const char *fmt, ...)
{
    char sentence[SENTENCE_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(sentence, sizeof(sentence), fmt, ap);
    va_end(ap);
    s->fn(s->ctx, sentence);
}

static bool peer_known(const struct status_instance *i)
{
    return i->peer.addr.family && i->peer.priority != PACKET_PRIORITY_LEAVING;
}

/* What the failure of a tracker changes, when it is well now. */
static void weights(const struct say *s)
{
    const struct status_instance *i = s->i;

    for (size_t k = 0; k < i->tracker_count; k++) {
        const struct status_tracker *t = &i->trackers[k];
        if (t->swing >= 0 || t->fault_if_failed || t->snapshot.state != TRACK_OK)
            continue;
        if (strcmp(i->state, "Active") == 0 && (int)i->priority + t->swing > i->peer.priority)
            say(s,
                "The failure of %s would move nothing: it changes the priority by %d, to %d, and "
                "%s has %u. Use a greater weight, or \"on_fail\": \"fault\".",
                t->snapshot.name, t->swing, (int)i->priority + t->swing, s->peer, i->peer.priority);
        else if (strcmp(i->state, "Backup") == 0 &&
                 (int)i->peer.priority + t->swing > (int)i->priority)
            say(s,
                "Should %s fail on %s as well, %d would leave it at %d, above %u here: nothing "
                "would move. Use a greater weight, or \"on_fail\": \"fault\".",
                t->snapshot.name, s->peer, t->swing, (int)i->peer.priority + t->swing, i->priority);
    }
}

static void interval(const struct say *s)
{
    char theirs[PARSE_SPAN_MAX], ours[PARSE_SPAN_MAX];

    if (s->i->peer.interval.us != s->i->interval.us)
        say(s, "%s advertises each %s, this node would each %s: give both the same \"interval\".",
            s->peer, span_format(s->i->peer.interval, theirs), span_format(s->i->interval, ours));
}

static void addresses(const struct say *s)
{
    if (s->i->peer_addresses_differ)
        say(s,
            "%s advertises other addresses with vrid %u: either the nodes' configurations differ, "
            "or another cluster on this link has the same vrid.",
            s->peer, s->i->vrid);
}

static void rivals(const struct say *s)
{
    const struct status_instance *i = s->i;
    char addr[ADDR_TEXT_MAX];

    if (i->rival.family)
        say(s, "%s is answered for by %02x:%02x:%02x:%02x:%02x:%02x as well: another host has it.",
            addr_format(&i->rival, addr), i->rival_mac[0], i->rival_mac[1], i->rival_mac[2],
            i->rival_mac[3], i->rival_mac[4], i->rival_mac[5]);
}

void advice_each(const struct status_instance *i, advice_fn *fn, void *ctx)
{
    struct say s = {.i = i, .fn = fn, .ctx = ctx};

    rivals(&s);
    if (!peer_known(i))
        return;
    addr_format(&i->peer.addr, s.peer);
    weights(&s);
    interval(&s);
    addresses(&s);
}
