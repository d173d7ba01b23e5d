/*
 * The way from a file to a loaded configuration:
 *
 *     text -> tree (a front end) -> structures (config_keys.c) -> completed -> judged
 *     (config_check.h)
 */
#include "vrrpd/config.h"

#include "common/rt/child.h"
#include "common/rt/file.h"
#include "vrrpd/config_check.h"
#include "vrrpd/config_files.h"
#include "vrrpd/keepalived.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

/* ---- completing ---- */

static void complete_track(struct config_track *t)
{
    if (!conf_is_set(t, "on_fail") && !conf_is_set(t, "on_ok"))
        t->on_fail.then = CONFIG_THEN_FAULT;
}

static void complete_tracks(const struct conf_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        complete_track(list->v[i]);
}

/* An entry of an instance that only names a shared tracker takes the shared one's effects. */
static void inherit_effects(const struct config *c, struct config_track *t)
{
    const struct config_track *shared = config_track_of(c, t);

    if (shared == t || !shared || conf_is_set(t, "on_fail") || conf_is_set(t, "on_ok"))
        return;
    t->on_fail.then = shared->on_fail.then;
    t->on_fail.priority = shared->on_fail.priority;
    t->on_ok.then = shared->on_ok.then;
    t->on_ok.priority = shared->on_ok.priority;
}

static void complete_family(struct config_instance *in)
{
    const struct config_address *first = in->addresses.n ? in->addresses.v[0] : NULL;

    if (in->family == CONFIG_FAMILY_AUTO)
        in->family = first && first->address.addr.family == AF_INET6 ? CONFIG_FAMILY_IPV6
                                                                     : CONFIG_FAMILY_IPV4;
}

static void complete_uses(const struct config *c, const struct conf_list *list)
{
    complete_tracks(list);
    for (size_t i = 0; i < list->n; i++)
        inherit_effects(c, list->v[i]);
}

/* "default" and a prefix are written in the same place. */
static void complete_routes(const struct conf_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        struct config_route *r = list->v[i];
        if (!r->to_text || strcmp(r->to_text, "default") == 0 ||
            !addr_prefix_parse(r->to_text, &r->to))
            r->to = (struct addr_prefix){0};
    }
}

static void complete(struct config *c)
{
    complete_routes(&c->fixed.routes);
    complete_tracks(&c->track);
    for (size_t i = 0; i < c->instances.n; i++) {
        struct config_instance *in = c->instances.v[i];
        complete_uses(c, &in->track);
        complete_routes(&in->routes);
        complete_family(in);
    }
    for (size_t i = 0; i < c->groups.n; i++)
        complete_uses(c, &((struct config_group *)c->groups.v[i])->track);
}

/* ---- loading ---- */

void config_forget_text(struct config *c)
{
    conf_doc_fini(&c->doc);
}

void config_free(struct config *c)
{
    if (!c)
        return;
    struct conf_doc doc = c->doc;
    conf_table_fini(&config_table, c);
    conf_doc_fini(&doc);
    free(c);
}

static int read_tree(struct conf_doc *doc, const char *name, const char *text, size_t len,
                     struct conf_report *r)
{
    struct keepalived_loader loader = config_files_loader();
    struct utsname host = {0};

    if (conf_json_likely(text, len))
        return conf_json_read(doc, name, text, len, r);
    uname(&host);
    host.nodename[strcspn(host.nodename, ".")] = '\0';
    return keepalived_read(doc, name, text, len, host.nodename, &loader, r);
}

int config_parse(const char *name, const char *text, size_t len, struct config **out,
                 struct conf_report *r)
{
    struct config *c = calloc(1, sizeof(*c));
    int err;

    *out = NULL;
    if (!c)
        return -ENOMEM;
    err = read_tree(&c->doc, name, text, len, r);
    if (err == 0)
        err = conf_table_decode(&config_table, c->doc.root, c, r);
    if (err == 0) {
        complete(c);
        err = config_check(c, r);
    }
    *out = c;
    return err;
}

int config_print(const struct config *c, struct buf *out)
{
    struct conf_report ignored = {0};
    struct config *plain = calloc(1, sizeof(*plain));
    int err = plain ? conf_table_decode(&config_table, c->doc.root, plain, &ignored) : -ENOMEM;

    if (!err)
        conf_table_print(&config_table, plain, out);
    conf_table_fini(&config_table, plain);
    free(plain);
    return err;
}

int config_load(const char *path, struct config **out, struct conf_report *r)
{
    struct buf text cleanup(buf_fini) = BUF_INIT(CONFIG_FILE_MAX);
    struct err e = {0};
    int err = file_read(path, CONFIG_FILE_MAX, &text, &e);

    *out = NULL;
    if (err < 0) {
        conf_say(r, CONF_ERROR, (struct conf_pos){0}, NULL, "%s", e.text);
        return err;
    }
    return config_parse(path, buf_cstr(&text), text.len, out, r);
}

/* ---- asking ---- */

static bool says_what(const struct config_track *t)
{
    return t->script.n || t->process || t->pidfile || t->interface || t->file || t->watch;
}

const struct config_track *config_track_of(const struct config *c, const struct config_track *t)
{
    return says_what(t) ? t : conf_named(&c->track, t->use ? t->use : t->obj.name);
}

bool config_mark(const char *text, uint32_t *mark, uint32_t *mask)
{
    char *end;
    unsigned long m = strtoul(text, &end, 0), k = UINT32_MAX;

    if (end == text || m > UINT32_MAX)
        return false;
    if (*end == '/') {
        const char *rest = end + 1;
        k = strtoul(rest, &end, 0);
        if (end == rest || k > UINT32_MAX)
            return false;
    }
    *mark = (uint32_t)m;
    *mask = (uint32_t)k;
    return *end == '\0';
}

static char **copy_words(const struct conf_strings *list, struct err *e)
{
    size_t size = (list->n + 1) * sizeof(char *);

    for (size_t i = 0; i < list->n; i++)
        size += strlen(list->v[i]) + 1;
    char **words = malloc(size);
    if (!words) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    char *text = (char *)(words + list->n + 1);
    for (size_t i = 0; i < list->n; i++) {
        words[i] = text;
        text = stpcpy(text, list->v[i]) + 1;
    }
    words[list->n] = NULL;
    return words;
}

char **config_words(const struct conf_strings *command, struct err *e)
{
    return command->n == 1 ? child_split(command->v[0], e) : copy_words(command, e);
}

const struct config_instance *config_instance(const struct config *c, const char *name)
{
    return conf_named(&c->instances, name);
}
