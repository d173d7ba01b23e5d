#include "lb/status_render.h"

#include "common/base/parse.h"

#include <inttypes.h>
#include <json.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- text ---- */

/* "3d4h", "2h5m", "12m3s", "45s" */
static const char *ago(struct span t, char text[32])
{
    int64_t s = t.us / 1000000;

    if (s >= 86400)
        snprintf(text, 32, "%" PRId64 "d%" PRId64 "h", s / 86400, s / 3600 % 24);
    else if (s >= 3600)
        snprintf(text, 32, "%" PRId64 "h%" PRId64 "m", s / 3600, s / 60 % 60);
    else if (s >= 60)
        snprintf(text, 32, "%" PRId64 "m%" PRId64 "s", s / 60, s % 60);
    else
        snprintf(text, 32, "%" PRId64 "s", s);
    return text;
}

static void text_listener(const struct status_listener *l, struct buf *out)
{
    buf_printf(out, "listener %s  %s  %s\n ", l->name, l->mode, l->stopped ? "stopped" : "open");
    for (size_t i = 0; i < l->n_binds; i++)
        buf_printf(out, " %s", l->binds[i]);
    buf_printf(out,
               "  ->  %s\n  connections %u (most %u), in all %" PRIu64 ", requests %" PRIu64
               ", errors %" PRIu64 "\n",
               l->pool ? l->pool : "(no pool)", l->conns, l->conns_max, l->counts.v[COUNT_SESSIONS],
               l->counts.v[COUNT_REQUESTS], l->counts.v[COUNT_RESP_5XX]);
}

static void text_check(const struct status_server *s, struct buf *out)
{
    const struct health_result_words *w = &health_results[s->last_check.id];

    if (!s->checked)
        return;
    buf_printf(out, "  %s", w->name);
    if (s->last_check.code)
        buf_printf(out, "/%u", s->last_check.code);
    buf_printf(out, " in %" PRId64 "ms", span_to_ms(s->last_check.duration));
}

static void text_server(const struct status_server *s, struct buf *out)
{
    char at[ADDR_TEXT_MAX], since[32];

    buf_printf(
        out, "  %-16s %-10s %-22s weight %d  now %u  total %" PRIu64 "  5xx %" PRIu64 "  since %s",
        s->name, s->state, addr_port_format(&s->address, at), s->weight, s->slots,
        s->counts.v[COUNT_SESSIONS], s->counts.v[COUNT_RESP_5XX], ago(s->since, since));
    text_check(s, out);
    buf_printf(out, "%s\n", s->backup ? "  backup" : "");
}

void status_render_text(const struct status *s, struct buf *out)
{
    char uptime[32];

    buf_printf(out, "lb %s, pid %d, %u threads, up %s, %u connections%s\n", s->version, s->pid,
               s->threads, ago(s->uptime, uptime), s->conns, s->stopping ? ", stopping" : "");
    for (size_t i = 0; i < s->n_listeners; i++)
        text_listener(&s->listeners[i], out);
    for (size_t i = 0; i < s->n_pools; i++) {
        const struct status_pool *p = &s->pools[i];
        buf_printf(out, "pool %s  %s  %s  %u usable%s, now %u, waiting %u\n", p->name, p->mode,
                   p->algorithm, p->active ? p->active : p->backup,
                   !p->active && p->backup ? " (backup)" : "", p->slots, p->queued);
        for (size_t k = 0; k < p->n_servers; k++)
            text_server(&p->servers[k], out);
    }
}

/* ---- JSON ---- */

static void put_text(struct json_object *o, const char *key, const char *text)
{
    json_object_object_add(o, key, text ? json_object_new_string(text) : NULL);
}

static void put_number(struct json_object *o, const char *key, uint64_t n)
{
    json_object_object_add(o, key, json_object_new_uint64(n));
}

static void put_ms(struct json_object *o, const char *key, struct span t)
{
    put_number(o, key, t.us > 0 ? (uint64_t)t.us / 1000 : 0);
}

static void put_bool(struct json_object *o, const char *key, bool v)
{
    json_object_object_add(o, key, json_object_new_boolean(v));
}

static void put_counts(struct json_object *o, const struct status_counts *c)
{
    struct json_object *counts = json_object_new_object();

    for (int i = 0; i < COUNT_N; i++)
        put_number(counts, count_names[i], c->v[i]);
    json_object_object_add(o, "counters", counts);
}

static struct json_object *json_check(const struct status_server *s)
{
    struct json_object *o = json_object_new_object();

    put_text(o, "result", health_results[s->last_check.id].name);
    put_number(o, "code", s->last_check.code);
    put_ms(o, "duration_ms", s->last_check.duration);
    put_text(o, "info", s->last_check.info);
    put_number(o, "failed", s->checks_failed);
    return o;
}

static struct json_object *json_server(const struct status_server *s)
{
    struct json_object *o = json_object_new_object();
    char at[ADDR_TEXT_MAX];

    put_text(o, "name", s->name);
    put_number(o, "id", s->id);
    put_text(o, "state", s->state);
    put_text(o, "address", addr_port_format(&s->address, at));
    put_bool(o, "backup", s->backup);
    put_number(o, "weight", (uint64_t)s->weight);
    put_number(o, "now", s->slots);
    put_number(o, "most", s->slots_max);
    put_number(o, "maxconn", s->maxconn);
    put_number(o, "waiting", s->queued);
    put_number(o, "waiting_most", s->queued_max);
    put_number(o, "downs", s->downs);
    put_ms(o, "since_ms", s->since);
    put_ms(o, "downtime_ms", s->downtime);
    json_object_object_add(o, "check", s->checked ? json_check(s) : NULL);
    put_counts(o, &s->counts);
    return o;
}

static struct json_object *json_pool(const struct status_pool *p)
{
    struct json_object *o = json_object_new_object(), *servers = json_object_new_array();

    put_text(o, "name", p->name);
    put_text(o, "mode", p->mode);
    put_text(o, "balance", p->algorithm);
    put_number(o, "usable", p->active ? p->active : p->backup);
    put_bool(o, "on_backup", !p->active && p->backup);
    put_number(o, "now", p->slots);
    put_number(o, "most", p->slots_max);
    put_number(o, "waiting", p->queued);
    put_number(o, "waiting_most", p->queued_max);
    put_counts(o, &p->counts);
    for (size_t i = 0; i < p->n_servers; i++)
        json_object_array_add(servers, json_server(&p->servers[i]));
    json_object_object_add(o, "servers", servers);
    return o;
}

static struct json_object *json_listener(const struct status_listener *l)
{
    struct json_object *o = json_object_new_object(), *binds = json_object_new_array();

    put_text(o, "name", l->name);
    put_text(o, "mode", l->mode);
    put_text(o, "pool", l->pool);
    for (size_t i = 0; i < l->n_binds; i++)
        json_object_array_add(binds, json_object_new_string(l->binds[i]));
    json_object_object_add(o, "bind", binds);
    put_bool(o, "stopped", l->stopped);
    put_number(o, "now", l->conns);
    put_number(o, "most", l->conns_max);
    put_number(o, "maxconn", l->limit);
    put_counts(o, &l->counts);
    return o;
}

void status_render_json(const struct status *s, struct buf *out)
{
    struct json_object *o = json_object_new_object();
    struct json_object *listeners = json_object_new_array(), *pools = json_object_new_array();

    put_text(o, "version", s->version);
    put_number(o, "pid", (uint64_t)s->pid);
    put_number(o, "threads", s->threads);
    put_ms(o, "uptime_ms", s->uptime);
    put_bool(o, "stopping", s->stopping);
    put_number(o, "connections", s->conns);
    put_number(o, "connections_most", s->conns_max);
    put_number(o, "logs_dropped", s->logs_dropped);
    put_number(o, "reloads", s->reloads);
    put_number(o, "reloads_failed", s->reloads_failed);
    for (size_t i = 0; i < s->n_listeners; i++)
        json_object_array_add(listeners, json_listener(&s->listeners[i]));
    for (size_t i = 0; i < s->n_pools; i++)
        json_object_array_add(pools, json_pool(&s->pools[i]));
    json_object_object_add(o, "listeners", listeners);
    json_object_object_add(o, "pools", pools);
    buf_str(out, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN));
    buf_char(out, '\n');
    json_object_put(o);
}
