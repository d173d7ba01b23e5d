/*
 * `server`, `server-template` and `default-server`, and the parameters on them.
 */
#include "lb/haproxy_keyword.h"

#include "common/base/addr.h"
#include "common/base/parse.h"

#include <stdio.h>
#include <string.h>

enum param_kind { P_FLAG, P_INT, P_TIME, P_TEXT, P_SET, P_NOTICE, P_REFUSE };

struct param {
    const char *name;
    enum param_kind kind;
    const char *path;
    const char *text; /* P_SET: the value; P_NOTICE, P_REFUSE: why, or what to do */
    bool word;        /* P_NOTICE, P_REFUSE: has an argument */
};

#define TLS       "lb does not speak TLS: let the servers do it (mode tcp), or put a TLS proxy before"
#define FQDN_NOTE "a name that cannot be looked up starts its server down"

static const struct param params[] = {
    {"weight", P_INT, "weight"},
    {"maxconn", P_INT, "maxconn"},
    {"minconn", P_INT, "minconn"},
    {"maxqueue", P_INT, "maxqueue"},
    {"id", P_INT, "id"},
    {"cookie", P_TEXT, "cookie"},
    {"backup", P_FLAG, "backup"},
    {"disabled", P_FLAG, "disabled"},
    {"track", P_TEXT, "track"},
    {"send-proxy", P_SET, "send_proxy", "v1"},
    {"send-proxy-v2", P_SET, "send_proxy", "v2"},
    {"slowstart", P_TIME, "slowstart"},
    {"inter", P_TIME, "check.inter"},
    {"fastinter", P_TIME, "check.fastinter"},
    {"downinter", P_TIME, "check.downinter"},
    {"rise", P_INT, "check.rise"},
    {"fall", P_INT, "check.fall"},
    {"port", P_INT, "check.port"},
    {"addr", P_TEXT, "check.address"},
    {"check-send-proxy", P_FLAG, "check.send_proxy"},
    {"observe", P_TEXT, "check.observe"},
    {"on-error", P_TEXT, "check.on_error"},
    {"error-limit", P_INT, "check.error_limit"},
    {"on-marked-down", P_TEXT, "check.on_marked_down"},
    {"on-marked-up", P_TEXT, "check.on_marked_up"},
    {"agent-port", P_INT, "agent.port"},
    {"agent-addr", P_TEXT, "agent.address"},
    {"agent-inter", P_TIME, "agent.inter"},
    {"agent-send", P_TEXT, "agent.send"},
    {"agent-check", P_NOTICE, .text = "agent-port says it"},
    {"resolvers", P_TEXT, "resolvers"},
    {"init-addr", P_NOTICE, .text = FQDN_NOTE, .word = true},
    {"resolve-prefer", P_TEXT, "resolve_prefer"},
    {"resolve-opts", P_NOTICE, .text = "answers are taken as they come", .word = true},
    {"resolve-net", P_NOTICE, .text = "answers are taken as they come", .word = true},
    {"pool-max-conn", P_NOTICE, .text = "\"idle_max\" of the pool says it", .word = true},
    {"pool-low-conn", P_NOTICE, .text = "connections are not shared between threads", .word = true},
    {"pool-purge-delay", P_NOTICE, .text = "\"idle\" of the pool says it", .word = true},
    {"max-reuse", P_NOTICE, .text = "connections are reused while they live", .word = true},
    {"log-bufsize", P_NOTICE, .text = "it is about the log protocol", .word = true},
    {"non-stick", P_REFUSE, .text = "use a backend of its own"},
    {"redir", P_REFUSE, .text = "use http-request redirect", .word = true},
    {"tcp-ut", P_NOTICE, .text = "the timeouts say it", .word = true},
    {"tfo", P_NOTICE, .text = "TCP Fast Open is not used"},
    {"proto", P_REFUSE, .text = "lb speaks HTTP/1.1 to servers", .word = true},
    {"check-proto", P_REFUSE, .text = "lb speaks HTTP/1.1 to servers", .word = true},
    {"enabled", P_SET, "disabled", "false"},
    {"ssl", P_REFUSE, .text = TLS},
    {"verify", P_REFUSE, .text = TLS, .word = true},
    {"ca-file", P_REFUSE, .text = TLS, .word = true},
    {"crt", P_REFUSE, .text = TLS, .word = true},
    {"sni", P_REFUSE, .text = TLS, .word = true},
    {"alpn", P_REFUSE, .text = TLS, .word = true},
    {"check-ssl", P_REFUSE, .text = TLS},
    {"ssl-min-ver", P_REFUSE, .text = TLS, .word = true},
    /* These three are handled by hand; they stand here for the nearest-word search. */
    {"check", P_SET},
    {"no-check", P_SET},
    {"source", P_SET},
};

static const struct param *find_param(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(params); i++)
        if (strcmp(params[i].name, name) == 0)
            return &params[i];
    return NULL;
}

/* What is written first counts: the server's own line, then default-server, then defaults. */
static void fill(struct ha *h, struct conf_node *server, const char *path, enum conf_kind kind,
                 const char *text, struct conf_pos at)
{
    if (!conf_build_has(server, path))
        conf_build_put(&h->b, server, path, kind, text, at, NULL);
}

static void set_source(struct ha *h, const struct haproxy_word *w, struct conf_node *server)
{
    char text[ADDR_TEXT_MAX + 8];
    struct addr addr;

    if (addr_parse(w->text, &addr))
        snprintf(text, sizeof(text), addr.family == AF_INET6 ? "[%s]:0" : "%s:0", w->text);
    else
        snprintf(text, sizeof(text), "%s", w->text);
    fill(h, server, "source", CONF_KIND_STRING, text, w->at);
}

static void run_param(struct ha *h, const struct param *p, const struct haproxy_word *name,
                      const struct haproxy_word *arg, struct conf_node *server)
{
    char span[32];

    switch (p->kind) {
    case P_FLAG:
        fill(h, server, p->path, CONF_KIND_BOOL, "true", name->at);
        return;
    case P_SET:
        fill(h, server, p->path, strcmp(p->text, "false") == 0 ? CONF_KIND_BOOL : CONF_KIND_STRING,
             p->text, name->at);
        return;
    case P_INT:
        fill(h, server, p->path, CONF_KIND_NUMBER, arg->text, arg->at);
        return;
    case P_TIME:
        if (ha_time(h, arg, span))
            fill(h, server, p->path, CONF_KIND_STRING, span, arg->at);
        return;
    case P_TEXT:
        fill(h, server, p->path, CONF_KIND_STRING, arg->text, arg->at);
        return;
    case P_NOTICE:
        ha_notice(h, name->at, p->name, p->text);
        return;
    case P_REFUSE:
        ha_error(h, name->at, p->text, "\"%s\" is not supported", p->name);
        return;
    }
}

static bool takes_argument(const struct param *p)
{
    return p->kind == P_INT || p->kind == P_TIME || p->kind == P_TEXT || p->word ||
           strcmp(p->name, "source") == 0;
}

static void set_check(struct ha *h, const struct haproxy_word *w, struct conf_node *server)
{
    bool on = strcmp(w->text, "check") == 0;

    fill(h, server, "#check", CONF_KIND_BOOL, on ? "true" : "false", w->at);
}

void ha_server_params(struct ha *h, struct ha_args a, size_t i, struct conf_node *server)
{
    const struct haproxy_word *w;
    char hint[128];

    while ((w = ha_arg(a, i++))) {
        const struct param *p = find_param(w->text);
        if (!p) {
            const char *near = parse_nearest(w->text, params, ARRAY_LEN(params), sizeof(*params));
            snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near ? near : "");
            ha_error(h, w->at, near ? hint : "remove it; lb.json(5) lists what there is",
                     "unknown server parameter \"%s\"", w->text);
            return;
        }
        const struct haproxy_word *arg = takes_argument(p) ? ha_need(h, a, i++, "a value") : NULL;
        if (takes_argument(p) && !arg)
            return;
        int64_t n;
        if (p->kind == P_INT && !parse_int(arg->text, INT32_MIN, INT32_MAX, &n))
            ha_error(h, arg->at, NULL, "\"%s\" is a whole number, not \"%s\"", p->name, arg->text);
        else if (strcmp(p->name, "check") == 0 || strcmp(p->name, "no-check") == 0)
            set_check(h, w, server);
        else if (strcmp(p->name, "source") == 0)
            set_source(h, arg, server);
        else
            run_param(h, p, w, arg, server);
    }
}

static struct conf_node *new_server(struct ha *h, const char *name, const char *address,
                                    struct conf_pos name_at, struct conf_pos address_at)
{
    struct conf_node *all = conf_build_child(&h->b, h->pool, CONF_KIND_OBJECT, "servers", name_at);

    if (all && conf_get(all, name)) {
        ha_error(h, name_at, "give one of them another name",
                 "there is a server \"%s\" in this section already", name);
        return NULL;
    }
    struct conf_node *server = conf_build_child(&h->b, all, CONF_KIND_OBJECT, name, name_at);
    conf_build_put(&h->b, server, "address", CONF_KIND_STRING, address, address_at, NULL);
    return server;
}

void ha_server(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    const struct haproxy_word *name = ha_need(h, a, 1, "a name");
    const struct haproxy_word *address = name ? ha_need(h, a, 2, "an address") : NULL;

    if (!address)
        return;
    struct conf_node *server = new_server(h, name->text, address->text, name->at, address->at);
    if (server)
        ha_server_params(h, a, 3, server);
}

/* PREFIX N|N-M FQDN[:PORT]: `count` servers that discovery fills in. */
void ha_server_template(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    const struct haproxy_word *prefix = ha_need(h, a, 1, "a prefix for the names");
    const struct haproxy_word *count = prefix ? ha_need(h, a, 2, "a number of servers") : NULL;
    const struct haproxy_word *fqdn = count ? ha_need(h, a, 3, "a name to look up") : NULL;
    char first_text[16], name[256];
    int64_t first = 1, last;

    if (!fqdn)
        return;
    const char *dash = strchr(count->text, '-');
    snprintf(first_text, sizeof(first_text), "%.*s", dash ? (int)(dash - count->text) : 0,
             count->text);
    if ((dash && !parse_int(first_text, 0, 65535, &first)) ||
        !parse_int(dash ? dash + 1 : count->text, first, first + 1023, &last)) {
        ha_error(h, count->at, "write 5, or 1-5", "\"%s\" is not a number of servers (up to 1024)",
                 count->text);
        return;
    }
    for (int64_t i = first; i <= last; i++) {
        snprintf(name, sizeof(name), "%s%lld", prefix->text, (long long)i);
        struct conf_node *server = new_server(h, name, fqdn->text, prefix->at, fqdn->at);
        if (server)
            ha_server_params(h, a, 4, server);
    }
}
