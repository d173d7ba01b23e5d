/*
 * Trackers, and the commands and users that they share with hooks.
 */
#include "common/base/parse.h"
#include "common/rt/process.h"
#include "vrrpd/config_check_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- commands ---- */

/* A single text is split into words and no shell reads it, so what only a shell understands would
 * reach the program as an argument. */
int check_command(const void *obj, const char *key, const struct conf_strings *command,
                  struct conf_report *r)
{
    static const char *const shell_only[] = {"&&", "||", "|", ";", ">", "<", "$(", "`", "2>"};

    struct err e = {0};

    if (!command->n)
        return 0;
    char **words = config_words(command, &e);
    if (!words)
        return conf_say(r, CONF_ERROR, conf_at(obj, key), NULL, "%s", e.text);
    free(words);
    if (command->n != 1)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(shell_only); i++)
        if (strstr(command->v[0], shell_only[i]) && !strchr(command->v[0], '\''))
            return conf_say(r, CONF_ERROR, conf_at(obj, key),
                            "no shell reads this; write [\"/bin/sh\", \"-c\", \"...\"]",
                            "\"%s\" means something to a shell only", shell_only[i]);
    return 0;
}

int check_user(const void *obj, const char *key, const char *user, struct conf_report *r)
{
    struct process_user who;
    struct err e = {0};

    if (!user || process_user(user, NULL, &who, &e) == 0)
        return 0;
    return conf_say(r, CONF_ERROR, conf_at(obj, key), NULL, "%s", e.text);
}

/* ---- trackers ---- */

enum kind { SCRIPT = 1, PROCESS = 2, PIDFILE = 4, INTERFACE = 8, FILE_ = 16, WATCH = 32 };

static unsigned kinds_of(const struct config_track *t)
{
    return (t->script.n ? SCRIPT : 0u) | (t->process ? PROCESS : 0u) | (t->pidfile ? PIDFILE : 0u) |
           (t->interface ? INTERFACE : 0u) | (t->file ? FILE_ : 0u) | (t->watch ? WATCH : 0u);
}

/* Which keys mean something to which kind of tracker. */
static int check_keys_of_kind(const struct config_track *t, unsigned kind, struct conf_report *r)
{
    static const struct {
        const char *key;
        unsigned kinds;
    } rows[] = {
        {"every", SCRIPT | PROCESS | PIDFILE | FILE_ | WATCH},
        {"timeout", SCRIPT | WATCH},
        {"rise", SCRIPT},
        {"fall", SCRIPT},
        {"user", SCRIPT},
        {"quorum", PROCESS},
        {"delay", PROCESS | PIDFILE | INTERFACE | WATCH},
        {"weight", FILE_},
    };
    int result = 0;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!(rows[i].kinds & kind) && conf_is_set(t, rows[i].key))
            result = conf_say(r, CONF_ERROR, conf_at(t, rows[i].key), "remove it",
                              "\"%s\" means nothing to this kind of tracker", rows[i].key);
    return result;
}

static int unknown_tracker(const struct config *c, const struct config_track *t,
                           struct conf_report *r)
{
    const char *name = t->use ? t->use : t->obj.name, *near = NULL;
    const char **names = calloc(c->track.n + 1, sizeof(*names));
    char hint[300];

    for (size_t i = 0; names && i < c->track.n; i++)
        names[i] = ((const struct conf_obj *)c->track.v[i])->name;
    if (names)
        near = parse_nearest(name, names, c->track.n, sizeof(*names));
    snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near ? near : "");
    free(names);
    return conf_say(r, CONF_ERROR, t->use ? conf_at(t, "use") : conf_at(t, NULL),
                    near ? hint : "define it in \"track\" at the top", "there is no tracker \"%s\"",
                    name);
}

int check_track(const struct config *c, const struct config_track *t, bool shared,
                struct conf_report *r)
{
    static const char one_of[] = "one of: script, process, pidfile, interface, file, watch";
    unsigned kinds = kinds_of(t);
    int err = check_name(&t->obj, r);

    if (kinds & (kinds - 1))
        return conf_say(r, CONF_ERROR, conf_at(t, NULL), "make it several trackers",
                        "tracker \"%s\" watches more than one thing", t->obj.name);
    if (kinds && t->use)
        return conf_say(r, CONF_ERROR, conf_at(t, "use"), "keep one of the two",
                        "tracker \"%s\" both watches something and uses another", t->obj.name);
    if (kinds) {
        int result = check_keys_of_kind(t, kinds, r);
        err = result < 0 ? result : err;
        result = check_command(t, "script", &t->script, r);
        err = result < 0 ? result : err;
        result = check_user(t, "user", t->user, r);
        return result < 0 ? result : err;
    }
    if (shared)
        return conf_say(r, CONF_ERROR, conf_at(t, NULL), one_of,
                        "tracker \"%s\" does not say what is watched", t->obj.name);
    if (!config_track_of(c, t) && (t->use || t->obj.node->kind == CONF_KIND_STRING))
        return unknown_tracker(c, t, r);
    if (!config_track_of(c, t))
        return conf_say(r, CONF_ERROR, conf_at(t, NULL), one_of,
                        "tracker \"%s\" does not say what is watched, and there is no shared "
                        "tracker \"%s\"",
                        t->obj.name, t->obj.name);
    return err;
}

static bool moves_priority(const struct config_track *t)
{
    return t->on_fail.priority || t->on_ok.priority;
}

/* Weights that cannot do what they are for; one sentence an instance is enough. */
static void check_weights(const struct config *c, const struct config_instance *in,
                          struct conf_report *r)
{
    for (size_t i = 0; i < in->track.n; i++) {
        const struct config_track *t = in->track.v[i], *watched = config_track_of(c, t);
        if (!watched || !(moves_priority(t) || watched->file))
            continue;
        if (in->priority == 255)
            conf_say(r, CONF_WARNING, conf_at(t, NULL), "use \"on_fail\": \"fault\"",
                     "the priority of an owner (255) does not change, whatever \"%s\" says",
                     t->obj.name);
        else if (!in->preempt)
            conf_say(r, CONF_WARNING, conf_at(in, "preempt"),
                     "use \"on_fail\": \"fault\": a fault gives the addresses up at once",
                     "with \"preempt\" false on the other node, a lower priority from \"%s\" "
                     "moves nothing",
                     t->obj.name);
        else
            continue;
        return;
    }
}

int check_instance_tracks(const struct config *c, const struct config_instance *in,
                          struct conf_report *r)
{
    int result = 0;

    for (size_t i = 0; i < in->track.n; i++) {
        int err = check_track(c, in->track.v[i], false, r);
        result = err < 0 ? err : result;
    }
    check_weights(c, in, r);
    return result;
}
