#include "lb/check/check.h"

#include <stdio.h>
#include <stdlib.h>

static const struct check_kind *kind_of(const struct config_check *conf)
{
    switch ((enum config_check_type)conf->type) {
    case CONFIG_CHECK_HTTP:
        return &check_http;
    case CONFIG_CHECK_TCP:
    case CONFIG_CHECK_SCRIPT:
    case CONFIG_CHECK_AUTO:
    case CONFIG_CHECK_NONE:
        break;
    }
    return &check_tcp;
}

static void start(struct check *c, struct mono now)
{
    c->running = true;
    c->started = now;
    c->connected = (struct mono){0};
    c->deadline = health_begin(c->health, now);
    loop_timer_arm(c->loop, &c->timer, c->deadline);
    c->kind->start(c);
}

static void on_timer(struct timer *t, struct mono now)
{
    struct check *c = container_of(t, struct check, timer);

    if (c->running)
        c->kind->timeout(c);
    else if (!c->health->enabled)
        return;
    else if (mono_before(now, c->health->next))
        check_schedule(c);
    else
        start(c, now);
}

void check_schedule(struct check *c)
{
    if (c->running)
        return;
    loop_timer_arm(c->loop, &c->timer, c->health->enabled ? c->health->next : MONO_NEVER);
}

void check_done(struct check *c, enum health_result_id id, uint16_t code, const char *info)
{
    struct mono now = loop_clock(); /* the loop's own was read before the answer came */
    struct health_result r = {.id = id, .code = code, .duration = mono_diff(now, c->started)};

    c->running = false;
    c->kind->stop(c);
    snprintf(r.info, sizeof(r.info), "%s", info ? info : "");
    health_report(c->health, &r, now);
    server_apply_check(c->server, now);
    check_schedule(c);
}

struct addr_port check_target(const struct check *c)
{
    struct addr_port at = server_address(c->server);

    if (c->conf.address.family)
        at.addr = c->conf.address;
    if (c->conf.port)
        at.port = (uint16_t)c->conf.port;
    return at;
}

struct check *check_new(struct loop *loop, struct children *children, struct server *s,
                        const struct config_check *conf, unsigned index, unsigned count)
{
    struct check *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->kind = kind_of(conf);
    c->loop = loop;
    c->children = children;
    c->server = server_ref(s);
    c->health = &s->check;
    c->conf = *conf;
    c->timer = TIMER_INIT(on_timer);
    health_first(c->health, index, count, loop_clock());
    check_schedule(c);
    return c;
}

void check_free(struct check *c)
{
    if (!c)
        return;
    if (c->running) {
        c->running = false;
        c->kind->stop(c);
    }
    loop_timer_disarm(c->loop, &c->timer);
    server_unref(c->server);
    free(c);
}
