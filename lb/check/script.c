/*
 * A command whose exit status 0 is good. It gets what HAProxy's external checks get: arguments
 * "NOT_USED NOT_USED ADDRESS PORT" and HAPROXY_* in its environment.
 */
#include "lb/check/check.h"
#include "lb/core/pool.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define WORDS_MAX 64
#define ENV_MAX   8

static void on_end(void *ctx, const struct child_result *r)
{
    struct check *c = ctx;
    char text[CHILD_TEXT_MAX];

    c->state = NULL; /* it is gone with this call */
    child_result_text(r, text);
    if (r->end == CHILD_EXITED && r->code == 0)
        check_done(c, HEALTH_PROCOK, 0, NULL);
    else
        check_done(c, HEALTH_PROCERR, (uint16_t)r->code, text);
}

struct surroundings {
    char text[ENV_MAX][300];
    const char *v[ENV_MAX + 1];
};

static void describe(const struct check *c, const struct addr_port *at, struct surroundings *env)
{
    const struct server *s = c->server;
    char address[ADDR_TEXT_MAX];
    unsigned n = 0;

    addr_format(&at->addr, address);
    snprintf(env->text[n++], 300, "HAPROXY_PROXY_NAME=%s", s->pool->name);
    snprintf(env->text[n++], 300, "HAPROXY_PROXY_ID=%u", s->pool->id);
    snprintf(env->text[n++], 300, "HAPROXY_SERVER_NAME=%s", s->name);
    snprintf(env->text[n++], 300, "HAPROXY_SERVER_ID=%u", s->id);
    snprintf(env->text[n++], 300, "HAPROXY_SERVER_ADDR=%s", address);
    snprintf(env->text[n++], 300, "HAPROXY_SERVER_PORT=%u", at->port);
    snprintf(env->text[n++], 300, "HAPROXY_SERVER_CURCONN=%u", server_slots(s));
    snprintf(env->text[n++], 300, "HAPROXY_SERVER_MAXCONN=%u", server_limit(s));
    for (unsigned i = 0; i < n; i++)
        env->v[i] = env->text[i];
    env->v[n] = NULL;
}

static int run(struct check *c, char **words, struct err *e)
{
    struct addr_port at = check_target(c);
    struct surroundings env;
    char address[ADDR_TEXT_MAX], port[8];
    const char *argv[WORDS_MAX + 5];
    unsigned n = 0;
    struct child *child;

    while (words[n] && n < WORDS_MAX) {
        argv[n] = words[n];
        n++;
    }
    snprintf(port, sizeof(port), "%u", at.port);
    argv[n++] = "NOT_USED";
    argv[n++] = "NOT_USED";
    argv[n++] = addr_format(&at.addr, address);
    argv[n++] = port;
    argv[n] = NULL;
    describe(c, &at, &env);
    struct child_spec spec = {
        .argv = argv,
        .env = env.v,
        .output_max = 1024,
        .kill_group = true,
        .name = c->conf.command,
    };
    int err = child_start(c->children, &spec, on_end, c, &child, e);
    if (err == CHILD_LIMIT)
        return err_set(e, -EAGAIN, "too many commands run");
    c->state = err == 0 ? child : NULL;
    return err;
}

static void start(struct check *c)
{
    struct err e = {""};
    char **words = child_split(c->conf.command, &e);

    if (!words || run(c, words, &e) < 0)
        check_done(c, HEALTH_SOCKERR, 0, e.text);
    free(words);
}

static void stop(struct check *c)
{
    if (c->state)
        child_abandon(c->state);
    c->state = NULL;
}

static void timeout(struct check *c)
{
    check_done(c, HEALTH_PROCTOUT, 0, NULL);
}

const struct check_kind check_script = {"script", start, stop, timeout};
