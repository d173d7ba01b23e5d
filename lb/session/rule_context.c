/*
 * Evaluations and their surroundings: where the numbers, names and tables come from that rules ask
 * for.
 */
#include "lb/session/rule_context.h"

#include "lb/tables.h"
#include "lb/worker.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WEIGHT_UNIT  16                  /* of server_view.weight */
#define TMP_MAX      ((size_t)256 << 10) /* of one evaluation, beyond the first block */
#define KEEP_MAX     ((size_t)64 << 10)  /* of what one request keeps */
#define CONTEXTS_MAX 256                 /* free ones */

/* ---- the worker's part ---- */

struct rule_kit *rule_kit_new(uint64_t seed)
{
    struct rule_kit *k = malloc(sizeof(*k));

    if (!k)
        return NULL;
    memset(k, 0, offsetof(struct rule_kit, first));
    k->rng.state = seed;
    arena_init(&k->tmp, k->first, sizeof(k->first), TMP_MAX);
    k->regex = regex_scratch_new();
    if (!k->regex) {
        free(k);
        return NULL;
    }
    return k;
}

void rule_kit_free(struct rule_kit *k)
{
    if (!k)
        return;
    while (k->free) {
        struct rule_context *rc = k->free;
        k->free = rc->next_free;
        free(rc);
    }
    regex_scratch_free(k->regex);
    arena_fini(&k->tmp);
    free(k);
}

/* ---- numbers ---- */

static int64_t server_room(struct server *s)
{
    uint32_t most = atomic_load_explicit(&s->maxconn, memory_order_relaxed);
    return most ? MAX((int64_t)most - (int64_t)server_slots(s), 0) : -1;
}

/* Of all servers that a new client may use; -1: no limit. */
static int64_t slots_free(const struct pool_members *m)
{
    int64_t room = 0;

    for (size_t i = 0; i < m->n; i++) {
        struct server_view v = server_view(m->servers[i]);
        int64_t own = server_usable_new(&v) ? server_room(m->servers[i]) : 0;
        if (own < 0)
            return -1;
        room += own;
    }
    return room;
}

static int64_t pool_figure(struct rule_context *rc, enum figure f, const struct plan_pool *p)
{
    struct upstream *up = p ? worker_upstream(rc->w, p) : NULL;
    struct pool_usable usable;

    if (!up)
        return INT64_MIN;
    switch (f) {
    case FIGURE_POOL_USABLE:
        usable = pool_usable(p->pool);
        return usable.active ? usable.active : usable.backup;
    case FIGURE_POOL_CONNS:
        return atomic_load_explicit(&p->pool->slots, memory_order_relaxed);
    case FIGURE_POOL_QUEUED:
        return atomic_load_explicit(&p->pool->queued_all, memory_order_relaxed);
    case FIGURE_POOL_AVG_QUEUE:
        usable = pool_usable(p->pool);
        return atomic_load_explicit(&p->pool->queued_all, memory_order_relaxed) /
               MAX(usable.active + usable.backup, 1u);
    case FIGURE_POOL_SLOTS_FREE:
        return slots_free(balancer_members(up->balancer));
    default:
        return p->pool->id;
    }
}

static int64_t server_figure(struct rule_context *rc, enum figure f, struct server *s)
{
    struct server_view v;

    if (!s)
        return INT64_MIN;
    v = server_view(s);
    switch (f) {
    case FIGURE_SERVER_UP:
        return server_usable_persistent(&v);
    case FIGURE_SERVER_CONNS:
        return server_slots(s);
    case FIGURE_SERVER_FREE:
        return server_room(s);
    case FIGURE_SERVER_QUEUED:
        return atomic_load_explicit(&s->queued, memory_order_relaxed);
    case FIGURE_SERVER_WEIGHT:
        return v.weight / WEIGHT_UNIT;
    default:
        return s->id;
    }
}

static struct server *named_server(struct rule_context *rc, uint32_t ref)
{
    const struct plan_server *s = &rc->plan->named.servers[ref];
    struct upstream *up = s->pool ? worker_upstream(rc->w, s->pool) : NULL;

    return up ? pool_by_name(balancer_members(up->balancer), s->name) : NULL;
}

static int64_t listener_figure(enum figure f, const struct plan_listener *l)
{
    if (!l || !l->listener)
        return INT64_MIN;
    if (f == FIGURE_LISTENER_CONNS)
        return atomic_load_explicit(&l->listener->conns, memory_order_relaxed);
    return l->listener->id;
}

static int64_t figure(void *owner, enum figure f, uint32_t ref)
{
    struct rule_context *rc = owner;
    const struct plan_named *named = &rc->plan->named;
    bool own = ref == EVAL_OWN;

    switch (f) {
    case FIGURE_POOL_USABLE:
    case FIGURE_POOL_CONNS:
    case FIGURE_POOL_QUEUED:
    case FIGURE_POOL_SLOTS_FREE:
    case FIGURE_POOL_AVG_QUEUE:
    case FIGURE_POOL_ID:
        return pool_figure(rc, f, own ? rc->back : named->pools[ref]);
    case FIGURE_LISTENER_CONNS:
    case FIGURE_LISTENER_ID:
        return listener_figure(f, own ? rc->front : named->listeners[ref]);
    case FIGURE_SERVER_UP:
    case FIGURE_SERVER_CONNS:
    case FIGURE_SERVER_FREE:
    case FIGURE_SERVER_QUEUED:
    case FIGURE_SERVER_WEIGHT:
    case FIGURE_SERVER_ID:
        return server_figure(rc, f, !own ? named_server(rc, ref) : rc->to ? rc->to->server : NULL);
    case FIGURE_ALL_CONNS:
        return atomic_load_explicit(&rc->w->all->conns, memory_order_relaxed);
    case FIGURE_FIRST_REQUEST:
        return rc->client->requests == 0;
    case FIGURE_THREAD:
        return rc->w->index;
    case FIGURE_THREADS:
        return rc->w->all->n;
    case FIGURE_STOPPING:
        return rc->w->stopping;
    case FIGURE_REQUEST_COUNT:
        return rc->client->requests;
    case FIGURE_PID:
        return getpid();
    case FIGURE_POOL_SESSION_RATE:
    case FIGURE_LISTENER_SESSION_RATE:
    case FIGURE_LISTENER_REQUEST_RATE:
    case FIGURE_SERVER_SESSION_RATE:
    case FIGURES:
        break;
    }
    return INT64_MIN;
}

/* ---- names ---- */

/* The three words of the request line. */
static struct text line_word(struct text line, int n)
{
    while (n--)
        line = text_from(line, text_find(line, ' ') + 1);
    return line.len ? text_head(line, text_find(line, ' ')) : TEXT_NONE;
}

static struct text captured(const struct rule_context *rc, uint32_t slot)
{
    const struct vars *v = &rc->effects.captures;
    return slot < v->n && v->v[slot].type == SAMPLE_STR ? v->v[slot].str : TEXT_NONE;
}

static struct text name(void *owner, enum eval_name n, uint32_t ref)
{
    struct rule_context *rc = owner;

    switch (n) {
    case EVAL_LISTENER:
        return text_of(rc->front->conf->obj.name);
    case EVAL_POOL:
        return text_of(rc->back ? rc->back->conf->obj.name : rc->front->conf->obj.name);
    case EVAL_SERVER:
        return text_of(rc->to && rc->to->server ? rc->to->server->name : NULL);
    case EVAL_UNIQUE_ID:
        return rc->unique_id;
    case EVAL_REQUEST_METHOD:
        return line_word(rc->line, 0);
    case EVAL_REQUEST_URI:
        return line_word(rc->line, 1);
    case EVAL_REQUEST_VERSION:
        return line_word(rc->line, 2);
    case EVAL_CAPTURED_REQUEST:
        return captured(rc, ref);
    case EVAL_CAPTURED_RESPONSE:
        return captured(rc, CAPTURES_MAX + ref);
    case EVAL_NAMES:
        break;
    }
    return TEXT_NONE;
}

static struct stick_table *table(void *owner, uint32_t ref)
{
    const struct rule_context *rc = owner;
    return rc->plan->named.tables[ref]->stick;
}

static struct timespec wall(void *owner)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return t;
}

static void local_time(void *owner, int64_t seconds, struct tm *out)
{
    time_t t = seconds;
    localtime_r(&t, out);
}

static const struct eval_ops ops = {figure, name, table, wall, local_time};

/* ---- life ---- */

static struct rule_context *take(struct rule_kit *k)
{
    struct rule_context *rc = k->free;

    if (!rc)
        return malloc(sizeof(*rc));
    k->free = rc->next_free;
    k->n_free--;
    return rc;
}

static void give(struct rule_kit *k, struct rule_context *rc)
{
    if (k->n_free >= CONTEXTS_MAX) {
        free(rc);
        return;
    }
    rc->next_free = k->free;
    k->free = rc;
    k->n_free++;
}

/* What the connection's rules track counts for each of its requests, too. */
static void adopt_tracks(struct rule_context *rc)
{
    const struct rule_keep *keep = rc->client->rules;

    for (int i = 0; keep && i < EVAL_TRACKS; i++) {
        rc->tracks[i] = keep->tracks[i];
        if (rc->tracks[i].entry && rc->front->mode == CONFIG_MODE_HTTP)
            rule_count_request(&rc->ev, &rc->tracks[i]);
    }
}

/* What is tracked from here on stays with the connection. */
static void hand_over_tracks(struct rule_context *rc)
{
    memcpy(rc->client->rules->tracks, rc->tracks, sizeof(rc->tracks));
    memset(rc->tracks, 0, sizeof(rc->tracks));
}

static bool make_keep(struct client *c, const struct ruleset *s)
{
    if (c->rules)
        return true;
    c->rules = calloc(1, sizeof(*c->rules));
    return c->rules && vars_init(&c->rules->vars, s->program->names[PROGRAM_VAR].n) == 0;
}

static bool make_vars(struct rule_context *rc)
{
    const struct ruleset *s = rc->plan->config->ruleset;
    size_t captures = rc->front->rules->captures || rc->front->conf->captures.n;

    if (vars_init(&rc->vars, s->program->names[PROGRAM_VAR].n) < 0 ||
        vars_init(&rc->effects.captures, captures ? 2 * CAPTURES_MAX : 0) < 0)
        return false;
    return !s->has_sess || make_keep(rc->client, s);
}

struct rule_context *rule_context_new(struct client *c, const struct plan *plan,
                                      const struct plan_listener *front)
{
    struct rule_kit *kit = c->conn.w->kit;
    struct rule_context *rc = take(kit);

    if (!rc)
        return NULL;
    memset(rc, 0, offsetof(struct rule_context, message));
    rc->w = c->conn.w;
    rc->client = c;
    rc->plan = plan;
    rc->front = front;
    arena_init(&rc->keep, rc->first, sizeof(rc->first), KEEP_MAX);
    rc->ev = (struct eval){.program = plan->config->ruleset->program,
                           .ops = &ops,
                           .owner = rc,
                           .client = &c->peer,
                           .now = worker_now(rc->w),
                           .tmp = &kit->tmp,
                           .rng = &kit->rng,
                           .regex = kit->regex,
                           .vars = &rc->vars,
                           .tracks = rc->tracks};
    if (!make_vars(rc)) {
        rule_context_free(rc, 0, 0, 0);
        return NULL;
    }
    rc->ev.sess_vars = c->rules ? &c->rules->vars : NULL;
    adopt_tracks(rc);
    return rc;
}

void rule_context_free(struct rule_context *rc, unsigned status, uint64_t in, uint64_t out)
{
    if (!rc)
        return;
    rc->ev.now = worker_now(rc->w);
    rule_count_response(&rc->ev, status);
    rule_count_bytes(&rc->ev, in, out);
    if (rc->front->mode == CONFIG_MODE_TCP && rc->client->rules) {
        rc->ev.tracks = rc->client->rules->tracks;
        rule_count_bytes(&rc->ev, in, out);
        rc->ev.tracks = rc->tracks;
    }
    rule_untrack(&rc->ev, false);
    vars_fini(&rc->vars);
    vars_fini(&rc->effects.captures);
    arena_fini(&rc->keep);
    give(rc->w->kit, rc);
}

/* ---- running ---- */

static void prepare(struct rule_context *rc)
{
    struct rule_kit *k = rc->w->kit;

    rc->ev.now = worker_now(rc->w);
    if (!rc->has_local) {
        rc->local = client_local(rc->client);
        rc->has_local = true;
        rc->ev.local = &rc->local;
    }
    if (k->tmp.blocks)
        arena_fini(&k->tmp);
    arena_init(&k->tmp, k->first, sizeof(k->first), TMP_MAX);
}

enum rule_result rule_context_run(struct rule_context *rc, const struct rules *rules,
                                  struct rule_outcome *out)
{
    if (!rules) {
        *out = (struct rule_outcome){0};
        return RULES_DONE;
    }
    prepare(rc);
    return rules_run(rules, &rc->ev, &rc->effects, out);
}

bool rule_context_holds(struct rule_context *rc, const struct cond *cond)
{
    if (!cond)
        return true;
    prepare(rc);
    return cond_holds(cond, &rc->ev);
}

const struct plan_pool *rule_context_route(struct rule_context *rc)
{
    const struct conf_list *routes = &rc->front->conf->routes;

    for (size_t i = 0; i < routes->n; i++) {
        const struct config_route *r = routes->v[i];
        const struct ruleset_route *compiled = &rc->front->rules->routes[i];
        const char *pool = r->pool;
        if (!rule_context_holds(rc, compiled->when))
            continue;
        if (compiled->pool) {
            prepare(rc);
            pool = format_eval(compiled->pool, &rc->ev, NULL).at;
        }
        const struct plan_pool *p = pool ? plan_pool(rc->plan, pool) : NULL;
        if (p || !compiled->pool) /* a name that was put together may be of none: the next route */
            return p;
    }
    return rc->front->pool;
}

const struct addr_port *rule_context_client(const struct rule_context *rc)
{
    return rc->effects.source.addr.family ? &rc->effects.source : &rc->client->peer;
}

/* ---- stick rules ---- */

static bool copy_key(struct rule_context *rc, struct stick_key *key)
{
    if (key->type != STICK_STRING && key->type != STICK_BINARY)
        return true;
    struct text own = arena_text(&rc->keep, (struct text){key->bytes.data, key->bytes.len});
    key->bytes.data = own.at;
    return own.at;
}

void rule_context_stick(struct rule_context *rc, bool response)
{
    const struct plan_pool *p = rc->back;
    struct sample s;

    if (!rc->stick.v) {
        rc->stick.v = arena_new(&rc->keep, p->n_sticks * sizeof(*rc->stick.v));
        rc->stick.given = arena_new(&rc->keep, p->n_sticks * sizeof(*rc->stick.given));
    }
    for (size_t i = 0; rc->stick.given && i < p->n_sticks; i++) {
        const struct plan_stick *stick = &p->sticks[i];
        if ((stick->what == CONFIG_STICK_STORE_RESPONSE) != response)
            continue;
        prepare(rc);
        rc->stick.given[i] = cond_holds(stick->rule->when, &rc->ev) &&
                             expr_value(stick->rule->key, &rc->ev, &s) &&
                             sample_key(&s, stick->table->stick, rc->ev.tmp, &rc->stick.v[i]) &&
                             copy_key(rc, &rc->stick.v[i]);
    }
}

/* ---- connections ---- */

enum rule_result rule_content(struct rule_context *rc, struct rule_outcome *out)
{
    const struct rules *front = rc->front->rules->rules.content;

    if (!rc->client->rules && !make_keep(rc->client, rc->plan->config->ruleset))
        return RULES_CLOSE;
    if (rule_context_run(rc, front, out) != RULES_DONE)
        return out->result;
    rc->back = rule_context_route(rc);
    if (rc->back)
        rule_context_run(rc, rc->back->rules->rules.content, out);
    if (rc->back && !rc->back->stick_source)
        rule_context_stick(rc, false);
    hand_over_tracks(rc);
    return out->result;
}

bool rule_connection(struct client *c, const struct plan *plan, const struct plan_listener *front)
{
    const struct rules *rules = front->rules->rules.connection;
    struct rule_context *rc;
    struct rule_outcome out;

    if (!rules)
        return true;
    if (!make_keep(c, plan->config->ruleset) || !(rc = rule_context_new(c, plan, front)))
        return false;
    rule_context_run(rc, rules, &out);
    hand_over_tracks(rc);
    c->peer = *rule_context_client(rc);
    rule_context_free(rc, 0, 0, 0);
    return out.result == RULES_DONE;
}

void rule_keep_free(struct client *c)
{
    struct eval ev = {.now = worker_now(c->conn.w)};

    if (!c->rules)
        return;
    ev.tracks = c->rules->tracks;
    rule_untrack(&ev, true);
    vars_fini(&c->rules->vars);
    free(c->rules);
    c->rules = NULL;
}
