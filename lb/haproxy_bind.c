/*
 * `bind ADDRESS[,ADDRESS] PARAMETERS`. The native listener has one set of parameters for all its
 * addresses, so several bind lines of one frontend must agree.
 */
#include "lb/haproxy_keyword.h"

#include "common/base/parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum bind_kind { B_FLAG, B_INT, B_TEXT, B_NOTICE, B_REFUSE };

struct bind_param {
    const char *name;
    enum bind_kind kind;
    const char *path;
    const char *text;
    bool word; /* B_NOTICE, B_REFUSE: has an argument */
};

#define TLS   "lb does not speak TLS: pass it through (mode tcp), or put a TLS proxy before"
#define TUNED "the kernel's choice is kept"

static const struct bind_param params[] = {
    {"transparent", B_FLAG, "transparent"},
    {"accept-proxy", B_FLAG, "accept_proxy"},
    {"v4v6", B_FLAG, "v4v6"},
    {"v6only", B_FLAG, "v6only"},
    {"defer-accept", B_FLAG, "defer_accept"},
    {"maxconn", B_INT, "maxconn"},
    {"backlog", B_INT, "backlog"},
    {"interface", B_TEXT, "interface"},
    {"mode", B_TEXT, "unix_mode"},
    {"user", B_TEXT, "unix_user"},
    {"group", B_TEXT, "unix_group"},
    {"name", B_NOTICE, .text = NULL, .word = true},
    {"id", B_NOTICE, .text = NULL, .word = true},
    {"level", B_NOTICE, .text = "it is for stats sockets", .word = true},
    {"nice", B_NOTICE, .text = TUNED, .word = true},
    {"process", B_NOTICE, .text = "every thread listens", .word = true},
    {"thread", B_NOTICE, .text = "every thread listens", .word = true},
    {"shards", B_NOTICE, .text = "every thread listens", .word = true},
    {"tcp-ut", B_NOTICE, .text = TUNED, .word = true},
    {"mss", B_NOTICE, .text = TUNED, .word = true},
    {"tfo", B_NOTICE, .text = "TCP Fast Open is not used"},
    {"uid", B_TEXT, "unix_user"},
    {"gid", B_TEXT, "unix_group"},
    {"proto", B_REFUSE, .text = "lb speaks HTTP/1.1", .word = true},
    {"ssl", B_REFUSE, .text = TLS},
    {"crt", B_REFUSE, .text = TLS, .word = true},
    {"crt-list", B_REFUSE, .text = TLS, .word = true},
    {"alpn", B_REFUSE, .text = TLS, .word = true},
    {"ca-file", B_REFUSE, .text = TLS, .word = true},
    {"verify", B_REFUSE, .text = TLS, .word = true},
    {"ciphers", B_REFUSE, .text = TLS, .word = true},
    {"no-sslv3", B_REFUSE, .text = TLS},
    {"ssl-min-ver", B_REFUSE, .text = TLS, .word = true},
};

static const struct bind_param *find_param(struct ha *h, const struct haproxy_word *w)
{
    char hint[128];

    for (size_t i = 0; i < ARRAY_LEN(params); i++)
        if (strcmp(params[i].name, w->text) == 0)
            return &params[i];
    const char *near = parse_nearest(w->text, params, ARRAY_LEN(params), sizeof(*params));
    snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near ? near : "");
    ha_error(h, w->at, near ? hint : "remove it; lb.json(5) lists what there is",
             "unknown bind parameter \"%s\"", w->text);
    return NULL;
}

/* Another bind line that sets something else, or sets it for addresses that did not have it. */
static void put(struct ha *h, const struct bind_param *p, bool first, enum conf_kind kind,
                const char *text, struct conf_pos at)
{
    const struct conf_node *old = conf_get(h->listener, p->path);

    if (!first && (!old || strcmp(old->text, text) != 0))
        ha_error(h, at, "put this address into a frontend of its own",
                 "\"%s\" differs between the bind lines of this frontend", p->name);
    else
        ha_put(h, h->listener, p->path, kind, text, at);
}

static void run_params(struct ha *h, struct ha_args a, bool first)
{
    const struct haproxy_word *w;

    for (size_t i = 2; (w = ha_arg(a, i)); i++) {
        const struct bind_param *p = find_param(h, w);
        if (!p)
            return;
        bool takes = p->kind == B_INT || p->kind == B_TEXT || p->word;
        const struct haproxy_word *arg = takes ? ha_need(h, a, ++i, "a value") : NULL;
        if (takes && !arg)
            return;
        if (p->kind == B_FLAG)
            put(h, p, first, CONF_KIND_BOOL, "true", w->at);
        else if (p->kind == B_INT)
            put(h, p, first, CONF_KIND_NUMBER, arg->text, arg->at);
        else if (p->kind == B_TEXT)
            put(h, p, first, CONF_KIND_STRING, arg->text, arg->at);
        else if (p->kind == B_REFUSE)
            ha_error(h, w->at, p->text, "\"%s\" is not supported", p->name);
        else if (p->text)
            ha_notice(h, w->at, p->name, p->text);
    }
}

void ha_bind(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    const struct haproxy_word *w = ha_need(h, a, 1, "an address");

    if (!w)
        return;
    bool first = !conf_get(h->listener, "bind");
    char *copy = strdup(w->text), *save = NULL;
    for (char *one = copy ? strtok_r(copy, ",", &save) : NULL; one;
         one = strtok_r(NULL, ",", &save))
        ha_push(h, h->listener, "bind", one, w->at);
    h->b.oom |= !copy;
    free(copy);
    run_params(h, a, first);
}
