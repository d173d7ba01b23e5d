#include "vrrpd/instance.h"

#include "common/rt/log.h"
#include "vrrpd/engine.h"
#include "vrrpd/guardian.h"
#include "vrrpd/hooks.h"
#include "vrrpd/net/macvlan.h"
#include "vrrpd/perform.h"
#include "vrrpd/sync_group.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long an instance stays in fault after none of its addresses could be put in place. */
#define ADDRESS_FAULT_S 30

/* One that has just left may still have its addresses for a moment. */
#define RIVALS_AFTER_S 2

enum { MTU_UNKNOWN = 1500, ENV_TEXT = 4096 };

/* ---- events ---- */

static void rearm(struct instance *in)
{
    loop_timer_arm(in->engine->loop, &in->timer, vrrp_deadline(&in->vrrp));
}

void instance_step(struct instance *in, const struct vrrp_event *ev)
{
    struct vrrp_actions actions;

    vrrp_step(&in->vrrp, ev, loop_now(in->engine->loop), &actions);
    perform(in, &actions);
    rearm(in);
    if (in->farewell && farewell_differs(in->farewell, &in->vrrp, ev->kind))
        farewell_update(in->farewell, &in->vrrp, in->link->index);
    if (in->group)
        sync_group_run(in->group);
}

static void on_timer(struct timer *t, struct mono now)
{
    struct instance *in = container_of(t, struct instance, timer);
    struct engine *e = in->engine;

    instance_step(in, &(struct vrrp_event){.kind = VRRP_EV_TIMER});
    if (!in->conf || e->stopping)
        engine_settled(e);
}

void instance_describe_fault(struct instance *in, const char *fmt, ...)
{
    struct buf text cleanup(buf_fini) = BUF_INIT(HISTORY_TEXT_MAX);
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    free(in->fault_text);
    in->fault_text = buf_take(&text);
}

void instance_fault(struct instance *in, enum vrrp_fault fault, bool set)
{
    bool is_set = in->vrrp.faults & 1u << fault;

    if (set != is_set)
        instance_step(in,
                      &(struct vrrp_event){.kind = set ? VRRP_EV_FAULT_SET : VRRP_EV_FAULT_CLEAR,
                                           .fault = fault});
}

/* ---- addresses that cannot be put in place, or are taken away ---- */

static void on_address_failed(struct loop_work *work)
{
    struct instance *in = container_of(work, struct instance, work);

    if (!in->address_failed)
        return;
    in->address_failed = false;
    instance_describe_fault(in, "none of its addresses could be added to %s", in->link->name);
    loop_timer_after(in->engine->loop, &in->address_timer, span_s(ADDRESS_FAULT_S));
    instance_fault(in, VRRP_FAULT_ADDRESS, true);
}

static void on_address_retry(struct timer *t, struct mono now)
{
    instance_fault(container_of(t, struct instance, address_timer), VRRP_FAULT_ADDRESS, false);
}

static void on_vip_news(void *ctx, const struct vip_news *news)
{
    struct instance *in = ctx;
    struct history_record r = {.kind = HISTORY_ADDRESS};
    char text[ADDR_TEXT_MAX], others[40] = "";

    in->addresses_lost += news->lost;
    in->addresses_restored += news->back;
    addr_prefix_format(&news->one->address, text);
    if (MAX(news->lost, news->back) > 1)
        snprintf(others, sizeof(others), " and %zu others", MAX(news->lost, news->back) - 1);
    snprintf(r.instance, sizeof(r.instance), "%s", in->name);
    snprintf(r.text, sizeof(r.text), "%s%s %s %s%s", text, others,
             news->expired ? "expired, because vrrpd did not run for a while, on"
             : news->lost  ? "was removed by somebody else from"
                           : "is in place on",
             news->one->link->name,
             !news->lost  ? ", after it could not be added before"
             : news->back ? ": put back"
                          : ": cannot be put back yet, trying again");
    history_add(in->engine->history, news->lost ? LOG_LEVEL_WARNING : LOG_LEVEL_NOTICE, &r);
    if (news->back)
        instance_step(in, &(struct vrrp_event){.kind = VRRP_EV_ADDRESSES_READY});
}

static void on_routes_restored(void *ctx, size_t n)
{
    struct instance *in = ctx;
    struct history_record r = {.kind = HISTORY_ADDRESS};

    snprintf(r.instance, sizeof(r.instance), "%s", in->name);
    snprintf(r.text, sizeof(r.text), "%zu %s removed by somebody else: put back", n,
             n == 1 ? "route or rule was" : "routes or rules were");
    history_add(in->engine->history, LOG_LEVEL_WARNING, &r);
}

static int make_routing(struct instance *in, const struct config_instance *conf,
                        struct routing *out, struct err *e)
{
    *out = (struct routing){.fn = on_routes_restored, .ctx = in};
    return routing_init(out, in->engine->loop, in->engine->netlink, in->engine->links,
                        &conf->routes, &conf->rules, config_family(conf), e);
}

static int make_vips(struct instance *in, const struct config_instance *conf, struct vip_set *out,
                     struct err *e)
{
    *out = (struct vip_set){.fn = on_vip_news, .ctx = in, .lease = conf->lease};
    out->v = calloc(conf->addresses.n + 1, sizeof(*out->v));
    if (!out->v)
        return err_set(e, -ENOMEM, "out of memory");
    out->n = conf->addresses.n;
    for (size_t i = 0; i < out->n; i++) {
        const struct config_address *a = conf->addresses.v[i];
        out->v[i] = (struct vip){
            .address = a->address,
            .link = a->device || !in->macvlan
                        ? links_named(in->engine->links, a->device ? a->device : conf->interface)
                        : macvlan_link(in->macvlan),
            .label = a->label,
            .scope = (uint8_t)a->scope,
        };
        if (!out->v[i].link)
            return err_set(e, -ENOMEM, "out of memory");
    }
    return 0;
}

/* ---- others who have its addresses ---- */

static void on_rival(void *ctx, const struct addr *a, const uint8_t *mac)
{
    struct instance *in = ctx;
    struct history_record r = {.kind = HISTORY_ADDRESS};
    char text[ADDR_TEXT_MAX];

    if (!a || in->rival.family)
        return;
    in->rival = *a;
    memcpy(in->rival_mac, mac, sizeof(in->rival_mac));
    snprintf(r.instance, sizeof(r.instance), "%s", in->name);
    snprintf(r.text, sizeof(r.text),
             "%s is answered for by %02x:%02x:%02x:%02x:%02x:%02x as well: another host has it",
             addr_format(a, text), mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
    history_add(in->engine->history, LOG_LEVEL_WARNING, &r);
}

static void on_acd_timer(struct timer *t, struct mono now)
{
    struct instance *in = container_of(t, struct instance, acd_timer);
    struct addr *addrs = calloc(in->vips.n + 1, sizeof(*addrs));
    struct err e = {0};

    in->rival = (struct addr){0};
    for (size_t i = 0; addrs && i < in->vips.n; i++)
        addrs[i] = in->vips.v[i].address.addr;
    if (addrs && in->vips.n &&
        acd_start(&in->acd, in->engine->loop, in->vips.v[0].link, addrs, in->vips.n, on_rival, in,
                  &e) < 0)
        log_info("instance %s: %s", in->name, e.text);
    free(addrs);
}

void instance_look_for_rivals(struct instance *in, bool active)
{
    acd_stop(&in->acd);
    in->rival = (struct addr){0};
    if (active)
        loop_timer_after(in->engine->loop, &in->acd_timer, span_s(RIVALS_AFTER_S));
    else
        loop_timer_disarm(in->engine->loop, &in->acd_timer);
}

/* ---- its interface ---- */

static struct addr source_of(const struct instance *in)
{
    const struct config_unicast *u = &in->conf->unicast;

    if (u->source.family)
        return links_has_address(in->engine->links, &u->source) ? u->source : (struct addr){0};
    return in->vrrp.conf.family == AF_INET6 ? in->link->link_local : in->link->primary;
}

static void describe_no_source(struct instance *in)
{
    const struct addr *source = &in->conf->unicast.source;
    char text[ADDR_TEXT_MAX];

    if (source->family)
        instance_describe_fault(in, "this node does not have the source %s",
                                addr_format(source, text));
    else
        instance_describe_fault(in, "interface %s has no %s address", in->link->name,
                                in->vrrp.conf.family == AF_INET6 ? "IPv6 link-local" : "IPv4");
}

static void refresh_macvlan(struct instance *in)
{
    struct err e = {0};

    if (in->macvlan && macvlan_refresh(in->macvlan, &e) < 0)
        log_err("instance %s: %s", in->name, e.text);
}

void instance_link_changed(struct instance *in)
{
    const struct link *l = in->link;

    if (!in->conf)
        return;
    wire_refresh(in->wire);
    refresh_macvlan(in);
    if (!l->index || (in->conf->track_link && !l->up)) {
        instance_describe_fault(in, "interface %s %s", l->name,
                                !l->index     ? "does not exist"
                                : !l->enabled ? "is down"
                                              : "has no carrier");
        instance_fault(in, VRRP_FAULT_LINK, true);
        return;
    }
    struct addr src = source_of(in);
    if (!addr_equal(&src, &in->vrrp.src))
        instance_step(in, &(struct vrrp_event){.kind = VRRP_EV_SOURCE, .src = src});
    if (!src.family)
        describe_no_source(in);
    instance_fault(in, VRRP_FAULT_SOURCE, !src.family);
    instance_fault(in, VRRP_FAULT_LINK, false);
}

/* ---- its trackers ---- */

static void tell_priority(struct instance *in, uint8_t before, uint8_t now)
{
    struct history_record r = {.kind = HISTORY_PRIORITY};
    struct buf why cleanup(buf_fini) = BUF_INIT(HISTORY_TEXT_MAX);

    shares_deltas(in->shares, &why);
    snprintf(r.instance, sizeof(r.instance), "%s", in->name);
    snprintf(r.text, sizeof(r.text), "priority %u -> %u (%s)", before, now,
             why.len ? buf_cstr(&why) : "as configured");
    history_add(in->engine->history, LOG_LEVEL_NOTICE, &r);
    if (in->notify)
        notify_priority(in->notify, in->vrrp.state == VRRP_ACTIVE, now);
}

static void tracker_fault(struct instance *in, bool fault)
{
    struct buf text cleanup(buf_fini) = BUF_INIT(HISTORY_TEXT_MAX);

    if (fault && !(in->vrrp.faults & 1u << VRRP_FAULT_TRACKER)) {
        shares_faults(in->shares, &text);
        instance_describe_fault(in, "%s", buf_cstr(&text));
    }
    instance_fault(in, VRRP_FAULT_TRACKER, fault);
}

void instance_tracks_changed(struct instance *in)
{
    if (!in->conf)
        return;
    shares_take(in);
    struct priority_result p = shares_result(in);
    if (in->starting) {
        if (shares_pending(in->shares))
            return;
        in->starting = false;
        tracker_fault(in, p.fault);
        instance_step(in, &(struct vrrp_event){.kind = VRRP_EV_STARTUP, .priority = p.value});
        return;
    }
    if (p.value != in->vrrp.priority) {
        tell_priority(in, in->vrrp.priority, p.value);
        instance_step(in, &(struct vrrp_event){.kind = VRRP_EV_PRIORITY, .priority = p.value});
    }
    tracker_fault(in, p.fault);
}

static void on_track(void *ctx, const struct tracking_use *use)
{
    struct instance *in = ctx;
    struct history_record r = {.kind = HISTORY_TRACKER};
    struct buf text cleanup(buf_fini) = BUF_INIT(HISTORY_TEXT_MAX);

    shares_describe(use, &text);
    snprintf(r.instance, sizeof(r.instance), "%s", in->name);
    snprintf(r.text, sizeof(r.text), "%s", buf_cstr(&text));
    history_add(in->engine->history, LOG_LEVEL_DEBUG, &r); /* the tracker itself has logged it */
    instance_tracks_changed(in);
    for (size_t i = 0; in->group && i < in->group->core.count; i++)
        if (in->group->members[i] != in)
            instance_tracks_changed(in->group->members[i]);
}

/* The trackers of the new configuration take the place of the old ones; what both watch runs on. */
static int retrack(struct instance *in, const struct config_instance *conf, struct err *e)
{
    struct tracking *tk = &in->engine->tracking;
    struct tracking_user old = in->tracking;
    int err;

    in->tracking = (struct tracking_user){.fn = on_track, .ctx = in};
    err = tracking_attach(tk, &in->tracking, in->engine->config, &conf->track, in->name, e);
    tracking_detach(tk, &old); /* also on failure: its configuration is about to go */
    if (err)
        return err;
    return 0;
}

/* ---- its hooks ---- */

static int rehook(struct instance *in, const struct config_instance *conf, struct err *e)
{
    struct buf addresses cleanup(buf_fini) = BUF_INIT(ENV_TEXT), interface cleanup(buf_fini) = {0};
    char text[ADDR_TEXT_MAX];

    buf_str(&addresses, "VRRPD_ADDRESSES=");
    for (size_t i = 0; i < conf->addresses.n; i++) {
        const struct config_address *a = conf->addresses.v[i];
        buf_printf(&addresses, "%s%s", i ? " " : "", addr_prefix_format(&a->address, text));
    }
    buf_printf(&interface, "VRRPD_INTERFACE=%s", conf->interface);
    const char *const env[] = {buf_cstr(&interface), buf_cstr(&addresses), NULL};
    return hooks_apply(&in->notify, in->engine->notifier, &in->engine->tracking, in->name, false,
                       &conf->notify, env, e);
}

/* ---- life ---- */

static bool is_grouped(const struct instance *in, const struct config_instance *conf)
{
    return sync_group_of(in->engine->config, conf->obj.name) != NULL;
}

static int connect_all(struct instance *in, struct err *e)
{
    struct engine *eng = in->engine;
    const struct config_instance *conf = in->conf;
    int err;

    if (eng->guardian)
        in->farewell = farewell_take(eng->guardian->farewells, eng->guardian->farewell_count);
    in->link = links_named(eng->links, conf->interface);
    if (!in->link)
        return err_set(e, -ENOMEM, "out of memory");
    err = config_vrrp_init(&in->core, conf, in->link->index ? in->link->mtu : MTU_UNKNOWN,
                           is_grouped(in, conf));
    if (err)
        return err_set(e, err, "out of memory");
    vrrp_init(&in->vrrp, &in->core.conf);
    if (conf->virtual_mac)
        err = macvlan_new(&in->macvlan, eng->links, eng->netlink, &eng->sysctls, in->link,
                          config_family(conf), (uint8_t)conf->vrid, e);
    err = err ? err : make_routing(in, conf, &in->routing, e);
    err = err ? err : make_vips(in, conf, &in->vips, e);
    if (err)
        return err;
    vips_register(eng->vips, &in->vips);
    in->wire = wire_join(eng, config_family(conf), in->link, (uint8_t)conf->vrid, in);
    if (!in->wire)
        return err_set(e, -ENOMEM, "out of memory");
    err = rehook(in, conf, e);
    return err ? err : retrack(in, conf, e);
}

int instance_new(struct instance **out, struct engine *e, const struct config_instance *conf,
                 struct err *err)
{
    struct instance *in = calloc(1, sizeof(*in));

    if (!in)
        return err_set(err, -ENOMEM, "out of memory");
    in->engine = e;
    in->conf = conf;
    in->timer = TIMER_INIT(on_timer);
    in->address_timer = TIMER_INIT(on_address_retry);
    in->acd_timer = TIMER_INIT(on_acd_timer);
    in->work = (struct loop_work){.fn = on_address_failed};
    in->starting = true;
    in->shown_state = vrrp_state_name(VRRP_INITIALIZE);
    snprintf(in->name, sizeof(in->name), "%s", conf->obj.name);
    int result = connect_all(in, err);
    if (result) {
        instance_free(in);
        return err_prefix(err, result, "instance %s", conf->obj.name);
    }
    instance_link_changed(in);
    if (e->maintenance)
        instance_fault(in, VRRP_FAULT_MAINTENANCE, true);
    instance_tracks_changed(in);
    *out = in;
    return 0;
}

void instance_free(struct instance *in)
{
    if (!in)
        return;
    sync_group_leave(in);
    farewell_release(in->farewell);
    loop_timer_disarm(in->engine->loop, &in->timer);
    loop_timer_disarm(in->engine->loop, &in->address_timer);
    instance_look_for_rivals(in, false);
    if (in->address_failed)
        loop_work_cancel(in->engine->loop, &in->work);
    tracking_detach(&in->engine->tracking, &in->tracking);
    notify_free(in->notify);
    wire_leave(in->wire, in->vrrp.conf.vrid);
    routing_fini(&in->routing);
    vips_remove(in->engine->vips, &in->vips);
    perform_filter(in, false);
    vips_unregister(in->engine->vips, &in->vips);
    macvlan_free(in->macvlan);
    free(in->vips.v);
    free(in->shares);
    free(in->why);
    free(in->fault_text);
    config_vrrp_fini(&in->core);
    free(in);
}

void instance_shutdown(struct instance *in)
{
    in->starting = false;
    sync_group_leave(in);
    tracking_detach(&in->engine->tracking, &in->tracking);
    loop_timer_disarm(in->engine->loop, &in->address_timer);
    instance_step(in, &(struct vrrp_event){.kind = VRRP_EV_SHUTDOWN});
    in->conf = NULL;
}

bool instance_settled(const struct instance *in)
{
    return mono_is_never(vrrp_deadline(&in->vrrp));
}

/* ---- change ---- */

static void replace_vips(struct instance *in, struct vip_set *fresh)
{
    bool filtered = in->filtered;

    perform_filter(in, false);
    vips_replace(in->engine->vips, &in->vips, fresh);
    perform_filter(in, filtered);
}

int instance_rebase(struct instance *in, const struct config_instance *conf, struct err *err)
{
    int result = retrack(in, conf, err);

    in->conf = conf; /* in any case: the old one is about to go */
    if (result)
        return err_prefix(err, result, "instance %s", in->name);
    for (size_t i = 0; i < in->vips.n; i++)
        in->vips.v[i].label = ((const struct config_address *)conf->addresses.v[i])->label;
    shares_take(in);
    return 0;
}

/* Routes and rules that changed are taken away and put in place anew. */
static int change_routing(struct instance *in, const struct config_instance *conf, struct err *err)
{
    struct routing fresh;

    if (config_same_routing(in->conf, conf))
        return 0;
    int result = make_routing(in, conf, &fresh, err);
    if (result)
        return result;
    bool wanted = in->routing.wanted;
    routing_fini(&in->routing);
    in->routing = fresh;
    if (wanted)
        routing_add(&in->routing, in->name);
    return 0;
}

int instance_change(struct instance *in, const struct config_instance *conf, struct err *err)
{
    struct config_vrrp core;
    struct vip_set fresh = {0};
    int result = config_vrrp_init(&core, conf, in->link->index ? in->link->mtu : MTU_UNKNOWN,
                                  is_grouped(in, conf));

    if (result)
        return err_set(err, result, "out of memory");
    result = make_vips(in, conf, &fresh, err);
    result = result ? result : retrack(in, conf, err);
    result = result ? result : rehook(in, conf, err);
    result = result ? result : change_routing(in, conf, err);
    in->conf = conf; /* in any case: the old one is about to go */
    if (result) {
        for (size_t i = 0; i < in->vips.n; i++)
            in->vips.v[i].label = NULL;
        free(fresh.v);
        config_vrrp_fini(&core);
        return err_prefix(err, result, "instance %s", in->name);
    }
    replace_vips(in, &fresh);
    shares_take(in);
    struct priority_result p = shares_result(in);
    instance_step(
        in, &(struct vrrp_event){.kind = VRRP_EV_CONF, .conf = &core.conf, .priority = p.value});
    config_vrrp_fini(&in->core);
    in->core = core;
    if (in->vrrp.state == VRRP_ACTIVE && vips_missing(&in->vips)) {
        /* One that adverts do not list: the core has not noticed. */
        perform_addresses(in, conf->accept || conf->priority == PACKET_PRIORITY_OWNER);
        instance_step(in, &(struct vrrp_event){.kind = VRRP_EV_ADDRESSES_READY});
    }
    instance_link_changed(in);
    instance_tracks_changed(in);
    return 0;
}
