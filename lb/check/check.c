#include "lb/check/check.h"

#include <stdio.h>
#include <stdlib.h>

static const struct check_kind *const kinds[] = {
    [CONFIG_CHECK_AUTO] = &check_tcp,      [CONFIG_CHECK_NONE] = &check_tcp,
    [CONFIG_CHECK_TCP] = &check_tcp,       [CONFIG_CHECK_HTTP] = &check_http,
    [CONFIG_CHECK_SCRIPT] = &check_script,
};

/* ---- when ---- */

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

/* ---- results ---- */

static struct health_result result_of(struct check *c, enum health_result_id id, uint16_t code,
                                      const char *info, struct mono now)
{
    struct health_result r = {.id = id, .code = code, .duration = mono_diff(now, c->started)};

    snprintf(r.info, sizeof(r.info), "%s", info ? info : "");
    c->running = false;
    c->kind->stop(c);
    return r;
}

/* An agent's answer is in its words; this only says when the next one is due. */
static void note_agent(struct check *c, const struct health_result *r, struct mono now)
{
    struct health *h = c->health;

    h->running = false;
    h->last = *r;
    h->next = h->enabled ? mono_add(now, h->conf.inter) : MONO_NEVER;
}

void check_done(struct check *c, enum health_result_id id, uint16_t code, const char *info)
{
    struct mono now = loop_clock(); /* the loop's own was read before the answer came */
    struct health_result r = result_of(c, id, code, info, now);

    if (c->kind == &check_agent) {
        note_agent(c, &r, now);
    } else {
        health_report(c->health, &r, now);
        server_apply_check(c->server, now);
    }
    check_schedule(c);
}

void check_agent_said(struct check *c, const struct health_agent *said)
{
    struct mono now = loop_clock();
    bool bad = said->has_oper && !said->up;
    struct health_result r = result_of(c, bad ? HEALTH_L7STS : HEALTH_L7OK, 0, said->reason, now);

    note_agent(c, &r, now);
    server_apply_agent(c->server, said, now);
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

/* ---- life ---- */

/* What is expected was read before, by the check of the configuration. */
static bool parse_texts(struct check *c)
{
    const struct conf_strings *expect = &c->conf.expect, *steps = &c->conf.steps;

    c->expects = calloc(expect->n + 1, sizeof(*c->expects));
    c->steps = calloc(steps->n + 1, sizeof(*c->steps));
    if (!c->expects || !c->steps)
        return false;
    for (size_t i = 0; i < expect->n; i++)
        if (expect_parse(&c->expects[c->n_expects], expect->v[i], NULL) == 0)
            c->n_expects++;
    for (size_t i = 0; i < steps->n; i++)
        if (step_parse(&c->steps[c->n_steps], steps->v[i], NULL) == 0)
            c->n_steps++;
    return true;
}

static struct check *make(struct loop *loop, struct server *s, struct health *h,
                          const struct check_kind *kind)
{
    struct check *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->kind = kind;
    c->loop = loop;
    c->server = server_ref(s);
    c->health = h;
    c->timer = TIMER_INIT(on_timer);
    return c;
}

static void begin(struct check *c, unsigned index, unsigned count)
{
    health_first(c->health, index, count, loop_clock());
    check_schedule(c);
}

struct check *check_new(struct loop *loop, struct children *children, struct server *s,
                        const struct config_check *conf, unsigned index, unsigned count)
{
    struct check *c = make(loop, s, &s->check, kinds[conf->type]);

    if (!c)
        return NULL;
    c->children = children;
    c->conf = *conf;
    if (!parse_texts(c)) {
        check_free(c);
        return NULL;
    }
    begin(c, index, count);
    return c;
}

void check_update(struct check *c, const struct config_check *conf)
{
    c->conf = *conf;
}

struct check *check_agent_new(struct loop *loop, struct server *s, const struct config_agent *conf,
                              unsigned index, unsigned count)
{
    struct check *c = make(loop, s, &s->agent, &check_agent);

    if (!c)
        return NULL;
    check_agent_update(c, conf);
    begin(c, index, count);
    return c;
}

void check_agent_update(struct check *c, const struct config_agent *conf)
{
    c->conf.port = conf->port;
    c->conf.address = conf->address;
    c->send = conf->send;
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
    for (size_t i = 0; i < c->n_expects; i++)
        expect_fini(&c->expects[i]);
    for (size_t i = 0; i < c->n_steps; i++)
        step_fini(&c->steps[i]);
    free(c->expects);
    free(c->steps);
    server_unref(c->server);
    free(c);
}
