#include "vrrpd/hooks.h"

#include "common/rt/process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PER_ENTRY = 5 };

/* The hooks being put together, with the texts that they borrow. */
struct draft {
    size_t n, fifos;
    struct notify_hook hooks[CONFIG_HOOKS_MAX * PER_ENTRY];
    char names[CONFIG_HOOKS_MAX * PER_ENTRY][32];
    char **words[CONFIG_HOOKS_MAX * PER_ENTRY];
    const char *fifo[CONFIG_HOOKS_MAX + 1];
};

static void draft_fini(struct draft *d)
{
    for (size_t i = 0; i < d->n; i++)
        free(d->words[i]);
}

struct kind {
    const char *key;
    size_t offset;
    unsigned states;
    bool args;
};

/* In keepalived's order: those for one state first. */
static const struct kind kinds[] = {
    {"active", offsetof(struct config_notify, active), NOTIFY_ON(NOTIFY_MASTER), false},
    {"backup", offsetof(struct config_notify, backup), NOTIFY_ON(NOTIFY_BACKUP), false},
    {"fault", offsetof(struct config_notify, fault), NOTIFY_ON(NOTIFY_FAULT), false},
    {"stop", offsetof(struct config_notify, stop), NOTIFY_ON(NOTIFY_STOP), false},
    {"command", offsetof(struct config_notify, command), NOTIFY_ON_ANY, true},
};

static int add_user(struct program *p, const struct tracking *defaults, const char *user,
                    struct err *e)
{
    struct process_user who;

    p->switch_user = defaults->switch_user;
    p->uid = defaults->script_uid;
    p->gid = defaults->script_gid;
    if (!user)
        return 0;
    int err = process_user(user, NULL, &who, e);
    p->switch_user = true;
    p->uid = who.uid;
    p->gid = who.gid;
    return err;
}

static int add(struct draft *d, const struct kind *kind, const struct config_notify *c,
               size_t entry, const struct tracking *defaults, struct err *e)
{
    const struct conf_strings *command = (const void *)((const char *)c + kind->offset);

    if (!command->n)
        return 0;
    size_t i = d->n;
    struct notify_hook *h = &d->hooks[i];
    d->words[i] = config_words(command, e);
    if (!d->words[i])
        return -EINVAL;
    d->n++;
    snprintf(d->names[i], sizeof(d->names[i]), "notify %zu %s", entry + 1, kind->key);
    *h = (struct notify_hook){
        .name = d->names[i],
        .program = {.argv = (const char *const *)d->words[i]},
        .states = kind->states,
        .args = kind->args,
        .retry = c->retry,
        .deadline = c->deadline,
    };
    return add_user(&h->program, defaults, c->user, e);
}

static int fill(struct draft *d, const struct conf_list *list, const struct tracking *defaults,
                struct err *e)
{
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        for (size_t i = 0; i < list->n && i < CONFIG_HOOKS_MAX; i++) {
            int err = add(d, &kinds[k], list->v[i], i, defaults, e);
            if (err)
                return err;
        }
    }
    for (size_t i = 0; i < list->n && i < CONFIG_HOOKS_MAX; i++) {
        const struct config_notify *c = list->v[i];
        if (c->fifo)
            d->fifo[d->fifos++] = c->fifo;
    }
    return 0;
}

int hooks_apply(struct notify **n, struct notifier *nr, const struct tracking *defaults,
                const char *name, bool group, const struct conf_list *list, const char *const *env,
                struct err *e)
{
    if (!list->n && !*n)
        return 0;
    struct draft *d = calloc(1, sizeof(*d));
    if (!d)
        return err_set(e, -ENOMEM, "out of memory");
    int err = fill(d, list, defaults, e);
    const struct notify_spec spec = {.name = name,
                                     .group = group,
                                     .hooks = d->hooks,
                                     .hook_count = d->n,
                                     .fifos = d->fifo,
                                     .env = env};
    if (!err)
        err = *n ? notify_change(*n, &spec, e) : notify_new(n, nr, &spec, e);
    draft_fini(d);
    free(d);
    return err;
}
