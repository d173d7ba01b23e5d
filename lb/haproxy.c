/*
 * Sections. A proxy is read in three passes over lines, so that `defaults` lies under it:
 * what adds up (acl, rules) from defaults first, then its own lines, then from defaults whatever is
 * not there yet.
 */
#include "lb/haproxy.h"

#include "lb/haproxy_keyword.h"

#include "common/base/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct range {
    const struct haproxy_line *from, *to; /* the section's line itself is from[-1] */
};

struct reader {
    struct ha h;
    struct range defaults; /* the last one; empty before any */
    struct {
        const char *name;
        struct range range;
    } named[64];
    size_t named_n;
};

static bool is_word(const struct haproxy_line *line, const char *word)
{
    return strcmp(line->words[0].text, word) == 0;
}

static const char *const sections[] = {
    "global", "defaults", "frontend", "backend",     "listen",
    "peers",  "userlist", "mailers",  "resolvers",   "program",
    "cache",  "ring",     "fcgi-app", "http-errors", "log-forward",
};

static bool is_section(const struct haproxy_line *line)
{
    for (size_t i = 0; i < ARRAY_LEN(sections); i++)
        if (is_word(line, sections[i]))
            return true;
    return false;
}

/* ---- proxies ---- */

static bool is_noise(struct ha *h, const struct haproxy_line *line)
{
    if (strncmp(line->words[0].text, "tune.", 5) != 0)
        return false;
    ha_notice(h, line->words[0].at, "tune.*", "sizes are chosen by lb");
    return true;
}

enum pass { PASS_LISTS, PASS_REST };

static void proxy_line(struct ha *h, const struct haproxy_line *line, int pass)
{
    struct ha_args a = {line, 0};

    if (is_word(line, "default-server"))
        return; /* read with the servers, in finish_servers() */
    const struct ha_keyword *kw = ha_find(h, ha_proxy_keywords, ha_proxy_count, a, "keyword");
    if (kw && (pass < 0 || kw->list == (pass == PASS_LISTS)))
        ha_run(h, kw, a);
}

static void run_range(struct ha *h, struct range r, int pass)
{
    const char *section = h->section;

    if (pass >= 0)
        h->section = "defaults";
    for (const struct haproxy_line *line = r.from; line < r.to; line++)
        proxy_line(h, line, pass);
    h->section = section;
}

static void default_servers(struct ha *h, struct range r, struct conf_node *server)
{
    for (size_t i = (size_t)(r.to - r.from); i-- > 0;)
        if (is_word(&r.from[i], "default-server"))
            ha_server_params(h, (struct ha_args){&r.from[i], 0}, 1, server);
}

/* Without the word `check` a server has no check, whatever the section says. */
static void finish_check(struct ha *h, struct conf_node *server)
{
    const struct conf_node *mark = conf_get(server, "#check");
    bool on = mark && strcmp(mark->text, "true") == 0;
    struct conf_pos at = mark ? mark->at : server->key_at;

    if (on)
        conf_build_child(&h->b, server, CONF_KIND_OBJECT, "check", at);
    else
        conf_build_put(&h->b, server, "check.type", CONF_KIND_STRING, "none", at, NULL);
    conf_remove(server, "#check");
}

static void finish_servers(struct ha *h, struct range own, struct range defaults)
{
    const struct conf_node *servers = conf_get(h->pool, "servers");
    const struct conf_node *keepalive = conf_get(h->pool, "#srvtcpka");
    bool on = keepalive && strcmp(keepalive->text, "true") == 0;

    for (struct conf_node *s = servers ? servers->first : NULL; s; s = s->next) {
        default_servers(h, own, s);
        default_servers(h, defaults, s);
        finish_check(h, s);
        if (on)
            conf_build_put(&h->b, s, "tcp_keepalive", CONF_KIND_BOOL, "true", keepalive->at, NULL);
    }
    conf_remove(h->pool, "#srvtcpka");
}

/* Where the native form's default is another than HAProxy's. */
static void native_differences(struct ha *h, struct conf_pos at)
{
    h->from_defaults = true; /* fill gaps only */
    if (h->listener) {
        ha_put(h, h->listener, "forwarded_for.enabled", CONF_KIND_BOOL, "false", at);
        ha_put(h, h->listener, "access.enabled", CONF_KIND_BOOL, "false", at);
        ha_put(h, h->listener, "mode", CONF_KIND_STRING, "tcp", at);
    }
    if (h->pool) {
        ha_put(h, h->pool, "redispatch", CONF_KIND_NUMBER, "0", at);
        ha_put(h, h->pool, "mode", CONF_KIND_STRING, "tcp", at);
    }
    h->from_defaults = false;
}

static void missing_timeouts(struct ha *h, const struct haproxy_word *name)
{
    struct buf missing cleanup(buf_fini) = BUF_INIT(256);

    if (h->listener && !conf_build_has(h->listener, "timeouts.client"))
        buf_str(&missing, " client 60s");
    if (h->pool && !conf_build_has(h->pool, "timeouts.connect"))
        buf_str(&missing, " connect 5s");
    if (h->pool && !conf_build_has(h->pool, "timeouts.server"))
        buf_str(&missing, " server 60s");
    if (missing.len)
        conf_say(h->b.report, CONF_NOTICE, name->at, NULL,
                 "missing timeouts for '%s', these are used:%s", name->text, buf_cstr(&missing));
}

/* defaults to use: "from NAME", or the last section before. */
static struct range defaults_of(struct reader *r, const struct haproxy_line *head, size_t i)
{
    struct ha_args a = {head, 0};
    const struct haproxy_word *from = ha_arg(a, i), *name = ha_arg(a, i + 1);

    if (!from || strcmp(from->text, "from") != 0)
        return r->defaults;
    for (size_t k = 0; name && k < r->named_n; k++)
        if (strcmp(r->named[k].name, name->text) == 0)
            return r->named[k].range;
    ha_error(&r->h, from->at, "name a defaults section that stands above", "no such defaults: %s",
             name ? name->text : "");
    return (struct range){0};
}

static struct conf_node *new_object(struct ha *h, const char *kind, const struct haproxy_word *name)
{
    struct conf_node *all = conf_build_child(&h->b, h->root, CONF_KIND_OBJECT, kind, name->at);

    if (all && conf_get(all, name->text)) {
        ha_error(h, name->at, "give one of them another name", "there is a section \"%s\" already",
                 name->text);
        return NULL;
    }
    return conf_build_child(&h->b, all, CONF_KIND_OBJECT, name->text, name->at);
}

/* The two halves of a listen section; without servers it is a listener alone. */
static void join_sides(struct ha *h, const struct haproxy_word *name)
{
    if (conf_get(h->pool, "servers")) {
        conf_build_put(&h->b, h->listener, "pool", CONF_KIND_STRING, name->text, name->at, NULL);
        return;
    }
    conf_remove((struct conf_node *)conf_get(h->root, "pools"), name->text);
    h->pool = NULL;
}

static void read_proxy(struct reader *r, const struct haproxy_line *head, struct range own)
{
    struct ha *h = &r->h;
    const struct haproxy_word *name = ha_need(h, (struct ha_args){head, 0}, 1, "a name");

    if (!name)
        return;
    h->section = head->words[0].text;
    h->logs = false;
    h->listener = is_word(head, "backend") ? NULL : new_object(h, "listeners", name);
    h->pool = is_word(head, "frontend") ? NULL : new_object(h, "pools", name);
    if (!h->listener && !h->pool)
        return;
    struct range defaults = defaults_of(r, head, 2);
    run_range(h, defaults, PASS_LISTS);
    run_range(h, own, -1);
    h->from_defaults = true;
    run_range(h, defaults, PASS_REST);
    h->from_defaults = false;
    if (h->listener && h->pool)
        join_sides(h, name);
    native_differences(h, name->at);
    missing_timeouts(h, name);
    if (h->pool)
        finish_servers(h, own, defaults);
}

/* ---- other sections ---- */

static void read_global(struct reader *r, struct range own)
{
    struct ha *h = &r->h;

    h->section = "global";
    h->listener = h->pool = NULL;
    for (const struct haproxy_line *line = own.from; line < own.to; line++) {
        struct ha_args a = {line, 0};
        if (is_noise(h, line))
            continue;
        const struct ha_keyword *kw = ha_find(h, ha_global_keywords, ha_global_count, a, "keyword");
        if (kw)
            ha_run(h, kw, a);
    }
}

static void read_peers(struct reader *r, const struct haproxy_line *head, struct range own)
{
    struct ha *h = &r->h;
    const struct haproxy_word *name = ha_need(h, (struct ha_args){head, 0}, 1, "a name");

    if (!name)
        return;
    h->section = "peers";
    h->listener = NULL;
    h->pool = new_object(h, "peers", name);
    for (const struct haproxy_line *line = own.from; h->pool && line < own.to; line++)
        ha_peers_line(h, NULL, (struct ha_args){line, 0});
}

static void keep_defaults(struct reader *r, const struct haproxy_line *head, struct range own)
{
    const struct haproxy_word *name = ha_arg((struct ha_args){head, 0}, 1);

    r->defaults = own;
    if (name && strcmp(name->text, "from") != 0 && r->named_n < ARRAY_LEN(r->named)) {
        r->named[r->named_n].name = name->text;
        r->named[r->named_n++].range = own;
    }
    /* Its lines are read with each proxy; a mistake in them is told even if there is none. */
    struct ha *h = &r->h;
    h->section = "defaults";
    for (const struct haproxy_line *line = own.from; line < own.to; line++)
        if (!is_word(line, "default-server"))
            ha_find(h, ha_proxy_keywords, ha_proxy_count, (struct ha_args){line, 0}, "keyword");
}

static void refuse_section(struct reader *r, const struct haproxy_line *head)
{
    static const struct {
        const char *name, *hint;
    } rows[] = {
        {"userlist", "use stats auth"},
        {"mailers", "use the log, or vrrpd's notify hooks"},
        {"program", "start it by a unit of its own"},
        {"cache", "let the servers or a cache before lb do it"},
        {"ring", "log to a file or to syslog"},
        {"fcgi-app", "put a web server between"},
        {"http-errors", "use errorfile"},
        {"log-forward", "use a syslog daemon"},
        {"resolvers", "name the servers by address"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (is_word(head, rows[i].name))
            ha_error(&r->h, head->words[0].at, rows[i].hint, "a \"%s\" section is not supported",
                     rows[i].name);
}

static void read_section(struct reader *r, const struct haproxy_line *head, struct range own)
{
    if (is_word(head, "global"))
        read_global(r, own);
    else if (is_word(head, "defaults"))
        keep_defaults(r, head, own);
    else if (is_word(head, "peers"))
        read_peers(r, head, own);
    else if (is_word(head, "frontend") || is_word(head, "backend") || is_word(head, "listen"))
        read_proxy(r, head, own);
    else
        refuse_section(r, head);
}

static void read_lines(struct reader *r, const struct haproxy_lines *lines)
{
    char hint[128];
    size_t i = 0;

    while (i < lines->n && !is_section(&lines->v[i])) {
        const struct haproxy_word *w = &lines->v[i++].words[0];
        const char *near = parse_nearest(w->text, sections, ARRAY_LEN(sections), sizeof(*sections));
        snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near ? near : "");
        ha_error(&r->h, w->at, near ? hint : "it belongs below global, defaults, frontend ...",
                 "\"%s\" stands before any section", w->text);
    }
    while (i < lines->n) {
        size_t head = i++;
        while (i < lines->n && !is_section(&lines->v[i]))
            i++;
        read_section(r, &lines->v[head], (struct range){&lines->v[head + 1], &lines->v[i]});
    }
}

int haproxy_read(struct conf_doc *doc, const struct haproxy_lines *lines, struct conf_report *r)
{
    struct reader reader = {.h = {.b = {.doc = doc, .report = r}}};
    size_t errors = r->errors;
    struct conf_pos at = {.file = doc->files, .line = 1, .col = 1, .width = 1};

    reader.h.root = conf_add(doc, NULL, CONF_KIND_OBJECT, NULL, NULL, at);
    if (!reader.h.root)
        return -ENOMEM;
    read_lines(&reader, lines);
    /* Several may run beside each other; who wants to talk to one has said where. */
    if (conf_get(reader.h.root, "sockets"))
        conf_build_put(&reader.h.b, reader.h.root, "control", CONF_KIND_STRING, "", at, NULL);
    if (reader.h.b.oom)
        return -ENOMEM;
    return r->errors > errors ? -EINVAL : 0;
}
