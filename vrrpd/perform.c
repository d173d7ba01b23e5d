/*
 * Two passes: first what the network sees, in the core's order, then what people see. A log line or
 * a hook's fork must not stand between an address and its announcement.
 */
#include "vrrpd/perform.h"

#include "common/rt/log.h"
#include "vrrpd/engine.h"
#include "vrrpd/explain.h"
#include "vrrpd/net/macvlan.h"
#include "vrrpd/net/nft.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- adverts ---- */

/* M1: to the group from the virtual MAC. A single peer may be behind a router: the kernel knows. */
static int send_message(struct instance *in, const struct addr *dst, const void *message,
                        size_t len)
{
    if (in->macvlan && addr_is_multicast(dst))
        return garp_send_advert(in->engine->garp, in->link, macvlan_mac(in->macvlan), &in->vrrp.src,
                                dst, message, len);
    return vsocket_send(in->wire->socket, &in->vrrp.src, dst, message, len);
}

static void send_to(struct instance *in, uint8_t priority, const struct addr *dst)
{
    static struct log_limit limit = LOG_LIMIT(3, 60);
    uint8_t message[PACKET_MAX];
    char text[ADDR_TEXT_MAX];
    size_t len = vrrp_advert(&in->vrrp, priority, dst, message, sizeof(message));
    int err = len ? send_message(in, dst, message, len) : -EMSGSIZE;

    if (!err)
        return;
    in->send_errors++;
    log_limited(&limit, loop_now(in->engine->loop), LOG_LEVEL_WARNING,
                "instance %s: cannot send an advert to %s by %s: %s", instance_name(in),
                addr_format(dst, text), in->link->name, strerror(-err));
}

static void send_advert(struct instance *in, uint8_t priority)
{
    const struct vrrp_conf *c = &in->vrrp.conf;
    struct addr group = packet_group(c->family);

    if (!in->wire || !in->wire->socket || !in->link->up || !in->vrrp.src.family)
        return;
    if (!c->peer_count)
        send_to(in, priority, &group);
    for (size_t i = 0; i < c->peer_count; i++)
        send_to(in, priority, &c->peers[i]);
}

/* ---- addresses ---- */

static void log_missing(struct instance *in)
{
    static struct log_limit limit = LOG_LIMIT(10, 60);
    char text[ADDR_TEXT_MAX];

    for (size_t i = 0; i < in->vips.n; i++) {
        const struct vip *v = &in->vips.v[i];
        if (!v->held)
            log_limited(&limit, loop_now(in->engine->loop), LOG_LEVEL_ERR,
                        "instance %s: cannot add %s to %s: %s", instance_name(in),
                        addr_prefix_format(&v->address, text), v->link->name, strerror(v->error));
    }
}

/* Its addresses in a row; NULL without memory. */
static struct addr *list_addresses(const struct instance *in)
{
    struct addr *list = calloc(in->vips.n + 1, sizeof(*list));

    for (size_t i = 0; list && i < in->vips.n; i++)
        list[i] = in->vips.v[i].address.addr;
    return list;
}

/* A6. What cannot be filtered is said, and the address is held all the same: a router that forwards
 * is of more use than one that refuses to. */
void perform_filter(struct instance *in, bool drop)
{
    struct engine *eng = in->engine;
    struct addr *list = drop || in->filtered ? list_addresses(in) : NULL;
    struct err e = {0};
    int err = 0;

    if (!list)
        return;
    if (drop && !eng->nft)
        err = nft_new(&eng->nft, &e);
    if (!err)
        err = drop ? nft_drop(eng->nft, list, in->vips.n, &e)
                   : nft_pass(eng->nft, list, in->vips.n, &e);
    in->filtered = drop && !err;
    if (err)
        log_err("instance %s: %s", in->name, e.text);
    free(list);
}

static void set_macvlan(struct instance *in, bool up)
{
    struct err e = {0};

    if (in->macvlan && macvlan_set(in->macvlan, up, &e) < 0)
        log_err("instance %s: %s", in->name, e.text);
}

void perform_addresses(struct instance *in, bool accept)
{
    perform_filter(in, !accept);
    set_macvlan(in, true);
    size_t missing = vips_add(in->engine->vips, &in->vips);
    routing_add(&in->routing, in->name);

    if (!missing)
        return;
    log_missing(in);
    if (missing < in->vips.n)
        return;
    in->address_failed = true;
    loop_work_add(in->engine->loop, &in->work);
}

static void announce(struct instance *in)
{
    static struct log_limit limit = LOG_LIMIT(3, 60);
    struct garp_item *items = calloc(in->vips.n + 1, sizeof(*items));
    struct err e = {0};
    size_t n = 0;

    for (size_t i = 0; items && i < in->vips.n; i++) {
        const struct vip *v = &in->vips.v[i];
        if (v->held)
            items[n++] = (struct garp_item){&v->address.addr, v->link, v->link->mac};
    }
    if (!items)
        err_set(&e, -ENOMEM, "out of memory");
    if (!items || garp_send(in->engine->garp, items, n, &e))
        log_limited(&limit, loop_now(in->engine->loop), LOG_LEVEL_WARNING, "instance %s: %s",
                    instance_name(in), e.text);
    free(items);
}

static void perform_on_network(struct instance *in, const struct vrrp_action *a)
{
    switch (a->kind) {
    case VRRP_ACTION_ADVERT:
        send_advert(in, a->priority);
        return;
    case VRRP_ACTION_ADDRESSES_ADD:
        perform_addresses(in, a->accept);
        return;
    case VRRP_ACTION_ADDRESSES_REMOVE:
        routing_remove(&in->routing);
        vips_remove(in->engine->vips, &in->vips);
        set_macvlan(in, false);
        perform_filter(in, false);
        return;
    case VRRP_ACTION_ANNOUNCE:
        announce(in);
        return;
    case VRRP_ACTION_STATE:
    case VRRP_ACTION_NOTE:
    case VRRP_ACTIONS:
        return;
    }
}

/* ---- what people see ---- */

static enum notify_state word_of(const struct vrrp_action *a)
{
    if (a->to == VRRP_ACTIVE)
        return NOTIFY_MASTER;
    if (a->to == VRRP_BACKUP)
        return NOTIFY_BACKUP;
    return a->fault ? NOTIFY_FAULT : NOTIFY_STOP;
}

static void tell_state(struct instance *in, const struct vrrp_action *a)
{
    struct buf why cleanup(buf_fini) = BUF_INIT(HISTORY_TEXT_MAX);
    struct history_record r = {.kind = HISTORY_TRANSITION};
    bool stopped = a->reason == VRRP_REASON_SHUTDOWN;

    explain_transition(&in->vrrp, a, loop_now(in->engine->loop), in->fault_text, &why);
    snprintf(r.instance, sizeof(r.instance), "%s", instance_name(in));
    r.from = in->shown_state;
    r.to = in->shown_state = explain_state(a->to, a->fault, stopped);
    r.reason = vrrp_reason_name(a->reason);
    snprintf(r.text, sizeof(r.text), "%s -> %s: %s", r.from, r.to, buf_cstr(&why));
    free(in->why);
    in->why = buf_take(&why);
    history_add(in->engine->history, LOG_LEVEL_NOTICE, &r);
    engine_state_changed(in->engine);
    instance_look_for_rivals(in, a->to == VRRP_ACTIVE);
    if (in->notify)
        notify_send(in->notify, word_of(a), in->vrrp.priority, in->why);
}

static enum log_level note_level(enum vrrp_note n)
{
    return n == VRRP_NOTE_CONFLICT_OVER || n == VRRP_NOTE_CHECKSUM_FORM ||
                   n == VRRP_NOTE_PREEMPT_DELAYED
               ? LOG_LEVEL_NOTICE
               : LOG_LEVEL_WARNING;
}

static void tell_note(struct instance *in, const struct vrrp_action *a)
{
    struct buf text cleanup(buf_fini) = BUF_INIT(HISTORY_TEXT_MAX);
    struct history_record r = {.kind = HISTORY_NOTE, .reason = vrrp_note_name(a->note)};

    explain_note(&in->vrrp, a, &text);
    snprintf(r.instance, sizeof(r.instance), "%s", instance_name(in));
    snprintf(r.text, sizeof(r.text), "%s", buf_cstr(&text));
    history_add(in->engine->history, note_level(a->note), &r);
}

void perform(struct instance *in, const struct vrrp_actions *actions)
{
    for (size_t i = 0; i < actions->count; i++)
        perform_on_network(in, &actions->at[i]);
    for (size_t i = 0; i < actions->count; i++) {
        if (actions->at[i].kind == VRRP_ACTION_STATE)
            tell_state(in, &actions->at[i]);
        else if (actions->at[i].kind == VRRP_ACTION_NOTE)
            tell_note(in, &actions->at[i]);
    }
}
