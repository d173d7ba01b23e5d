#include "vrrpd/tracking.h"

#include "common/rt/log.h"
#include "common/rt/process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MAX = 160 };

struct tracked {
    struct tracking *tracking;
    struct tracker *tracker;
    char key[KEY_MAX];               /* "name", or "instance/name" */
    const struct config_track *conf; /* what is watched */
    const struct link *link;         /* TRACK_INTERFACE */
    struct list users;               /* struct tracking_use */
    struct list node;
};

/* ---- from configuration to specification ---- */

static int set_user(struct tracking *tk, const char *user, struct program *p, struct err *e)
{
    struct process_user who;

    p->switch_user = tk->switch_user;
    p->uid = tk->script_uid;
    p->gid = tk->script_gid;
    if (!user)
        return 0;
    int err = process_user(user, NULL, &who, e);
    p->switch_user = true;
    p->uid = who.uid;
    p->gid = who.gid;
    return err;
}

static enum track_type type_of(const struct config_track *c)
{
    return c->script.n                ? TRACK_SCRIPT
           : c->process || c->pidfile ? TRACK_PROCESS
           : c->interface             ? TRACK_INTERFACE
           : c->file                  ? TRACK_FILE
                                      : TRACK_WATCH;
}

static struct track_spec spec_of(const struct config_track *c)
{
    return (struct track_spec){
        .name = c->obj.name,
        .type = type_of(c),
        .rise = (unsigned)c->rise,
        .fall = (unsigned)c->fall,
        .every = c->every,
        .timeout = c->timeout,
        .fall_delay = c->delay,
        .process = {.name = c->process, .pid_file = c->pidfile, .quorum = (unsigned)c->quorum},
        .interface = c->interface,
        .file = {.path = c->file, .mode = TRACK_FILE_NUMBER},
        .watch = {.path = c->watch},
    };
}

/* The same thing is watched in the same way; what follows from it may differ. */
static bool same_thing(const struct config_track *a, const struct config_track *b)
{
    for (size_t i = 0; i < config_track_table.key_count; i++) {
        const struct conf_key *key = &config_track_table.keys[i];
        if (key->type != CONF_OBJECT && !conf_key_equal(key, a, b))
            return false;
    }
    return true;
}

static struct track_effects effects_of(const struct config_track *entry,
                                       const struct config_track *watched)
{
    return (struct track_effects){
        .on_ok = {.fault = entry->on_ok.then == CONFIG_THEN_FAULT,
                  .priority = (int)entry->on_ok.priority},
        .on_fail = {.fault = entry->on_fail.then == CONFIG_THEN_FAULT,
                    .priority = (int)entry->on_fail.priority},
        .weight = (int)watched->weight,
    };
}

/* ---- trackers ---- */

static void on_change(void *ctx, struct tracker *t)
{
    struct tracked *td = ctx;

    list_for_each_safe (it, &td->users) {
        const struct tracking_use *use = list_entry(it, struct tracking_use, node);
        use->user->fn(use->user->ctx, use);
    }
}

static void tell_link(struct tracked *td)
{
    const struct link *l = td->link;

    track_interface_event(td->tracker, !l->index     ? TRACK_LINK_ABSENT
                                       : !l->enabled ? TRACK_LINK_DOWN
                                       : !l->up      ? TRACK_LINK_NO_CARRIER
                                                     : TRACK_LINK_UP);
}

static void on_link(void *ctx, const struct link *link)
{
    struct tracking *tk = ctx;

    list_for_each_safe (it, &tk->all) {
        struct tracked *td = list_entry(it, struct tracked, node);
        if (td->link == link)
            tell_link(td);
    }
}

static struct tracked *find(struct tracking *tk, const char *key)
{
    list_for_each (it, &tk->all) {
        struct tracked *td = list_entry(it, struct tracked, node);
        if (strcmp(td->key, key) == 0)
            return td;
    }
    return NULL;
}

static int start(struct tracking *tk, struct tracked *td, const struct tracked *before,
                 struct err *e)
{
    struct track_spec spec = spec_of(td->conf);
    char **words = td->conf->script.n ? config_words(&td->conf->script, e) : NULL;
    int err = 0;

    if (td->conf->script.n && !words)
        return -EINVAL;
    spec.script.argv = (const char *const *)words;
    if (words)
        err = set_user(tk, td->conf->user, &spec.script, e);
    if (!err)
        err = track_new(&td->tracker, tk->trackers, &spec, on_change, td, e);
    free(words);
    if (err)
        return err;
    if (before)
        track_inherit(td->tracker, before->tracker);
    if (td->conf->interface) {
        td->link = links_named(tk->links, td->conf->interface);
        if (td->link)
            tell_link(td);
    }
    return 0;
}

static void stop(struct tracked *td)
{
    list_del(&td->node);
    track_free(td->tracker);
    free(td);
}

/* The tracker of this key as `conf` wants it; one that is watched differently until now stays for
 * those that still use it and hands its state on. */
static int obtain(struct tracking *tk, const char *key, const struct config_track *conf,
                  struct tracked **out, struct err *e)
{
    struct tracked *before = find(tk, key), *td;

    if (before && same_thing(before->conf, conf)) {
        before->conf = conf;
        *out = before;
        return 0;
    }
    td = calloc(1, sizeof(*td));
    if (!td)
        return err_set(e, -ENOMEM, "out of memory");
    td->tracking = tk;
    td->conf = conf;
    list_init(&td->users);
    list_init(&td->node);
    snprintf(td->key, sizeof(td->key), "%s", key);
    int err = start(tk, td, before, e);
    if (err) {
        free(td);
        return err_prefix(e, err, "tracker %s", key);
    }
    list_push_front(&tk->all, &td->node);
    *out = td;
    return 0;
}

/* ---- users ---- */

static int attach_one(struct tracking *tk, struct tracking_use *use, const struct config *c,
                      const struct config_track *entry, const char *owner, struct err *e)
{
    const struct config_track *watched = config_track_of(c, entry);
    char key[KEY_MAX];

    if (watched == entry)
        snprintf(key, sizeof(key), "%s/%s", owner, entry->obj.name);
    else
        snprintf(key, sizeof(key), "%s", watched->obj.name);
    int err = obtain(tk, key, watched, &use->tracked, e);
    if (err)
        return err;
    use->conf = entry;
    use->fx = effects_of(entry, watched);
    list_push_back(&use->tracked->users, &use->node);
    return 0;
}

int tracking_attach(struct tracking *tk, struct tracking_user *user, const struct config *c,
                    const struct conf_list *list, const char *owner, struct err *e)
{
    user->n = 0;
    user->uses = calloc(list->n + 1, sizeof(*user->uses));
    if (!user->uses)
        return err_set(e, -ENOMEM, "out of memory");
    for (size_t i = 0; i < list->n; i++) {
        user->uses[i].user = user;
        int err = attach_one(tk, &user->uses[i], c, list->v[i], owner, e);
        if (err) {
            tracking_detach(tk, user);
            return err;
        }
        user->n++;
    }
    return 0;
}

void tracking_detach(struct tracking *tk, struct tracking_user *user)
{
    for (size_t i = 0; i < user->n; i++) {
        struct tracked *td = user->uses[i].tracked;
        list_del(&user->uses[i].node);
        if (list_empty(&td->users))
            stop(td);
    }
    free(user->uses);
    user->uses = NULL;
    user->n = 0;
}

const struct tracker *tracking_of(const struct tracking_use *use)
{
    return use->tracked->tracker;
}

/* ---- life ---- */

void tracking_init(struct tracking *tk, struct trackers *trackers, struct links *links)
{
    *tk = (struct tracking){.trackers = trackers, .links = links};
    list_init(&tk->all);
    tk->observer = (struct link_observer){.changed = on_link, .ctx = tk};
    links_observe(links, &tk->observer);
}

void tracking_fini(struct tracking *tk)
{
    if (!tk->links)
        return;
    links_forget(tk->links, &tk->observer);
    list_for_each_safe (it, &tk->all)
        stop(list_entry(it, struct tracked, node));
}
