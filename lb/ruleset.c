/*
 * Compiling the texts of a configuration, each with its place, its listener or pool, and the time
 * at which it will run.
 */
#include "lb/ruleset.h"

#include "common/base/parse.h"
#include "common/rt/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRATCH_MAX   ((size_t)64 << 20)
#define RULE_FILE_MAX ((size_t)16 << 20)
#define NAMES_SHOWN   256 /* among which a near one is looked for */

struct maker {
    struct config *config;
    struct ruleset *set;
    struct compile c;
    struct arena scratch;
    bool ok;
};

/* ---- what compiling asks for ---- */

static const char *near_of(const struct conf_list *list, const char *name)
{
    const char *words[NAMES_SHOWN];
    size_t n = 0;

    for (; n < list->n && n < NAMES_SHOWN; n++)
        words[n] = ((const struct conf_obj *)list->v[n])->name;
    return parse_nearest(name, words, n, sizeof(*words));
}

static bool named(const struct conf_list *list, const char *name, const char **near)
{
    if (conf_named(list, name))
        return true;
    *near = near_of(list, name);
    return false;
}

/* "first/second" */
static const void *split_named(const struct conf_list *list, const char *name, const char **second)
{
    const char *slash = strchr(name, '/');
    char first[256];

    if (!slash)
        return NULL;
    snprintf(first, sizeof(first), "%.*s", (int)(slash - name), name);
    *second = slash + 1;
    return conf_named(list, first);
}

static bool has_table(const struct config *c, const char *name, const char **near)
{
    const struct config_pool *pool = conf_named(&c->pools, name);
    const struct config_listener *listener = conf_named(&c->listeners, name);
    const char *second;
    const struct config_peers *peers = split_named(&c->peers, name, &second);

    if (peers)
        return conf_named(&peers->tables, second);
    if ((pool && pool->sticky.table.type) || (listener && listener->table.type))
        return true;
    *near = pool ? NULL : near_of(&c->pools, name);
    return false;
}

static bool exists(void *user, enum program_kind kind, const char *name, const char **near)
{
    const struct config *c = ((struct maker *)user)->config;
    const struct config_pool *pool;
    const char *second;

    switch (kind) {
    case PROGRAM_POOL:
        return named(&c->pools, name, near);
    case PROGRAM_LISTENER:
        return named(&c->listeners, name, near);
    case PROGRAM_SERVER:
        pool = split_named(&c->pools, name, &second);
        return pool ? named(&pool->servers, second, near) : false;
    case PROGRAM_TABLE:
        return has_table(c, name, near);
    case PROGRAM_VAR:
    case PROGRAM_KINDS:
        break;
    }
    return true;
}

static int load(void *user, const char *path, struct buf *out, struct err *e)
{
    return file_read(path, RULE_FILE_MAX, out, e);
}

static const char *env(void *user, const char *name)
{
    return getenv(name);
}

static const char *hostname(void *user)
{
    static char name[256];
    const struct config *c = ((struct maker *)user)->config;

    if (c->node)
        return c->node;
    return gethostname(name, sizeof(name) - 1) == 0 ? name : "localhost";
}

/* ---- pieces ---- */

static void *room(struct maker *m, size_t n, size_t size)
{
    void *p = arena_new(&m->set->program->arena, (n + 1) * size);

    if (!p)
        m->ok = false;
    return p;
}

/* Where entry `i` of the list under `key` is written. */
static struct conf_pos entry_place(const void *obj, const char *key, size_t i)
{
    const struct conf_node *node = ((const struct conf_obj *)obj)->node;
    const struct conf_node *list =
        node && node->kind == CONF_KIND_OBJECT ? conf_get(node, key) : node;
    const struct conf_node *entry = list ? list->first : NULL;

    while (entry && i--)
        entry = entry->next;
    return entry ? entry->at : list ? list->at : (struct conf_pos){0};
}

static void add_list(struct maker *m, enum phase phase, const struct config_rules *conf,
                     const char *key, const struct conf_strings *texts, const struct rules **out)
{
    struct conf_pos *places = arena_new(&m->scratch, (texts->n + 1) * sizeof(*places));

    for (size_t i = 0; places && i < texts->n; i++)
        places[i] = entry_place(conf, key, i);
    m->c.phase = phase;
    m->ok &= places && rules_compile(&m->c, texts->v, places, texts->n, out);
}

static void add_acls(struct maker *m, const struct conf_list *list)
{
    struct acls *acls = acls_new(&m->c);

    m->c.acls = acls;
    m->ok &= acls != NULL;
    for (size_t i = 0; acls && i < list->n; i++) {
        const struct config_acl *a = list->v[i];
        for (size_t k = 0; k < a->any.n; k++)
            m->ok &= compile_begin(&m->c, a->any.v[k], entry_place(a, "any", k)) &&
                     acls_add(&m->c, acls, a->obj.name);
    }
}

/* A text that is a condition; NULL is none. */
static void add_condition(struct maker *m, enum phase phase, const void *obj, const char *key,
                          const char *text, const struct cond **out)
{
    if (!text)
        return;
    m->c.phase = phase;
    m->ok &= compile_begin(&m->c, text, conf_at(obj, key)) && cond_parse_all(&m->c, out);
}

static const struct format *add_format(struct maker *m, const void *obj, const char *key,
                                       const char *text)
{
    m->c.phase = PHASE_REQUEST;
    m->c.text = text;
    m->c.at = conf_at(obj, key);
    const struct format *f =
        format_parse(&m->c, text_of(text), 0, FORMAT_HTTP, &format_rule_letters);
    m->ok &= f != NULL;
    return f;
}

static void add_rules(struct maker *m, const struct config_rules *conf, struct ruleset_rules *out)
{
    add_list(m, PHASE_CONNECTION, conf, "connection", &conf->connection, &out->connection);
    add_list(m, PHASE_CONTENT, conf, "content", &conf->content, &out->content);
    add_list(m, PHASE_REQUEST, conf, "request", &conf->request, &out->request);
    add_list(m, PHASE_RESPONSE, conf, "response", &conf->response, &out->response);
    add_list(m, PHASE_AFTER, conf, "after", &conf->after, &out->after);
    out->any = out->content || out->request || out->response || out->after;
}

static void warn_mode(struct maker *m, const struct config_rules *conf, const char *key,
                      const struct conf_strings *texts)
{
    if (texts->n && !m->c.http)
        conf_say(m->c.report, CONF_WARNING, entry_place(conf, key, 0), "set \"mode\" to http",
                 "these rules have no effect in tcp mode");
}

static void begin(struct maker *m, const struct conf_obj *obj, int mode)
{
    m->c.own = obj->name;
    m->c.http = mode == CONFIG_MODE_HTTP;
    m->c.captures = 0;
}

/* ---- listeners and pools ---- */

static bool has_holes(const char *name)
{
    return strstr(name, "%[") != NULL;
}

static void add_listener(struct maker *m, const struct config_listener *l,
                         struct ruleset_listener *out)
{
    enum phase phase = l->mode == CONFIG_MODE_HTTP ? PHASE_REQUEST : PHASE_CONTENT;

    begin(m, &l->obj, l->mode);
    for (size_t i = 0; i < l->captures.n; i++)
        m->c.captures += ((const struct config_capture *)l->captures.v[i])->request_header != NULL;
    add_acls(m, &l->rules.acls);
    warn_mode(m, &l->rules, "request", &l->rules.request);
    add_rules(m, &l->rules, &out->rules);
    out->routes = room(m, l->routes.n, sizeof(*out->routes));
    for (size_t i = 0; out->routes && i < l->routes.n; i++) {
        const struct config_route *route = l->routes.v[i];
        add_condition(m, phase, route, "when", route->condition, &out->routes[i].when);
        if (has_holes(route->pool))
            out->routes[i].pool = add_format(m, route, "pool", route->pool);
    }
    add_condition(m, PHASE_REQUEST, l, "monitor_fail", l->monitor_fail, &out->monitor_fail);
    add_condition(m, PHASE_REQUEST, &l->stats, "admin", l->stats.admin, &out->rules.stats_admin);
    if (l->unique_id_format)
        out->unique_id = add_format(m, l, "unique_id_format", l->unique_id_format);
    out->captures = m->c.captures;
}

static void add_pool(struct maker *m, const struct config_pool *p, struct ruleset_pool *out)
{
    enum phase phase = p->mode == CONFIG_MODE_HTTP ? PHASE_REQUEST : PHASE_CONTENT;
    const struct conf_list *sticks = &p->sticky.rules;

    begin(m, &p->obj, p->mode);
    add_acls(m, &p->rules.acls);
    add_rules(m, &p->rules, &out->rules);
    add_condition(m, PHASE_REQUEST, &p->stats, "admin", p->stats.admin, &out->rules.stats_admin);
    out->sticks = room(m, sticks->n, sizeof(*out->sticks));
    for (size_t i = 0; out->sticks && i < sticks->n; i++) {
        const struct config_stick *s = sticks->v[i];
        m->c.phase = s->what == CONFIG_STICK_STORE_RESPONSE ? PHASE_RESPONSE : phase;
        if (!compile_begin(&m->c, s->key, conf_at(s, "key")) ||
            !(out->sticks[i].key = expr_parse(&m->c, text_of(s->key), 0)))
            m->ok = false;
        add_condition(m, m->c.phase, s, "when", s->condition, &out->sticks[i].when);
    }
}

/* ---- all of it ---- */

bool ruleset_is_sess(struct text name)
{
    return var_scope(name) == VAR_SESS;
}

static void make_all(struct maker *m)
{
    struct config *c = m->config;
    struct ruleset *s = m->set;
    const struct program_names *vars = &s->program->names[PROGRAM_VAR];

    s->listeners = room(m, c->listeners.n, sizeof(*s->listeners));
    s->pools = room(m, c->pools.n, sizeof(*s->pools));
    for (size_t i = 0; s->listeners && i < c->listeners.n; i++)
        add_listener(m, c->listeners.v[i], &s->listeners[i]);
    for (size_t i = 0; s->pools && i < c->pools.n; i++)
        add_pool(m, c->pools.v[i], &s->pools[i]);
    for (size_t i = 0; i < vars->n; i++)
        s->has_sess |= ruleset_is_sess(vars->v[i]);
}

int ruleset_compile(struct config *c, struct conf_report *r)
{
    struct maker m = {.config = c, .set = calloc(1, sizeof(*m.set)), .ok = true};
    struct program_world world = {&m, exists, load, env, hostname};
    size_t errors = r->errors;

    c->ruleset = m.set;
    if (!m.set || !(m.set->program = program_new(&world)))
        return -ENOMEM;
    arena_init(&m.scratch, NULL, 0, SCRATCH_MAX);
    m.c = (struct compile){
        .program = m.set->program, .world = &world, .report = r, .scratch = &m.scratch};
    make_all(&m);
    arena_fini(&m.scratch);
    if (r->errors > errors)
        return -EINVAL;
    return m.ok ? 0 : -ENOMEM;
}

void ruleset_free(struct ruleset *s)
{
    if (!s)
        return;
    program_free(s->program);
    free(s);
}
