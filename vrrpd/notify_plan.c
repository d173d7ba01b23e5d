#include "vrrpd/notify_plan.h"

#include "common/base/macro.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void plan_fini(struct plan *p)
{
    for (size_t i = 0; i < p->hook_count; i++)
        free(p->hooks[i].argv);
    free(p->hooks);
    for (size_t i = 0; p->fifos[i]; i++)
        fifo_put(p->fifos[i]);
    free(p->env);
    *p = (struct plan){0};
}

static bool hook_init(struct hook *h, const struct notify_hook *spec)
{
    snprintf(h->name, sizeof(h->name), "%s", spec->name ? spec->name : spec->program.argv[0]);
    h->argv = program_words(spec->program.argv, NOTIFY_ARGS, &h->argc);
    h->program = spec->program;
    h->program.argv = h->argv;
    h->states = spec->states;
    h->args = spec->args;
    h->retry = spec->retry;
    h->deadline = spec->deadline.us > 0 ? spec->deadline : span_s(30);
    return h->argv != NULL;
}

static int judge(const struct notify_spec *spec, struct err *e)
{
    size_t fifos = 0, env = 0;
    while (spec->fifos && spec->fifos[fifos])
        fifos++;
    while (spec->env && spec->env[env])
        env++;
    if (!spec->name)
        return err_set(e, -EINVAL, "hooks of nobody");
    if (spec->hook_count > NOTIFY_HOOKS_MAX)
        return err_set(e, -EINVAL, "%s: more than %d hooks", spec->name, NOTIFY_HOOKS_MAX);
    if (fifos > NOTIFY_FIFOS_MAX)
        return err_set(e, -EINVAL, "%s: more than %d fifos", spec->name, NOTIFY_FIFOS_MAX);
    if (env > NOTIFY_ENV_MAX - NOTIFY_ENV_OWN - 1)
        return err_set(e, -EINVAL, "%s: too many variables", spec->name);
    for (size_t i = 0; i < spec->hook_count; i++)
        if (!spec->hooks[i].program.argv || !spec->hooks[i].program.argv[0])
            return err_set(e, -EINVAL, "%s: hook %zu has no command", spec->name, i + 1);
    return 0;
}

static bool plan_fill(struct plan *p, struct list *fifos, const struct notify_spec *spec)
{
    static const char *const none[] = {NULL};
    p->hooks = calloc(MAX(spec->hook_count, 1), sizeof(*p->hooks));
    p->env = program_words(spec->env ? spec->env : none, 0, NULL);
    if (!p->hooks || !p->env)
        return false;
    for (; p->hook_count < spec->hook_count; p->hook_count++)
        if (!hook_init(&p->hooks[p->hook_count], &spec->hooks[p->hook_count]))
            return false;
    for (size_t i = 0; spec->fifos && spec->fifos[i]; i++)
        if (!(p->fifos[i] = fifo_get(fifos, spec->fifos[i])))
            return false;
    p->retry_min = spec->retry_min.us > 0 ? spec->retry_min : span_s(1);
    p->retry_max = spec->retry_max.us > 0 ? spec->retry_max : span_s(60);
    return true;
}

int plan_init(struct plan *p, struct list *fifos, const struct notify_spec *spec, struct err *e)
{
    *p = (struct plan){0};
    int rc = judge(spec, e);
    if (rc < 0)
        return rc;
    if (plan_fill(p, fifos, spec))
        return 0;
    plan_fini(p);
    return err_set(e, -ENOMEM, "out of memory");
}

struct hook *plan_hook(struct plan *p, const char *name)
{
    for (size_t i = 0; i < p->hook_count; i++)
        if (strcmp(p->hooks[i].name, name) == 0)
            return &p->hooks[i];
    return NULL;
}
