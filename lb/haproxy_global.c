/*
 * The `global` and `peers` sections, and where things are logged.
 */
#include "lb/haproxy_keyword.h"

#include "common/base/parse.h"

#include <stdio.h>
#include <string.h>

/* ---- log ADDRESS [len N] [format F] [sample ...] FACILITY [LEVEL [MINLEVEL]] ---- */

static void log_target(struct ha *h, struct ha_args a, struct conf_node *list)
{
    const struct haproxy_word *to = ha_arg(a, 1), *w;
    struct conf_node *log = conf_build_append(&h->b, list, CONF_KIND_OBJECT, NULL, to->at);
    static const char *const keys[] = {"facility", "level", "minlevel"};
    size_t key = 0, i = 2;

    conf_build_put(&h->b, log, "to", CONF_KIND_STRING, to->text, to->at, NULL);
    for (; (w = ha_arg(a, i)); i++) {
        const struct haproxy_word *arg = ha_arg(a, i + 1);
        bool option = strcmp(w->text, "len") == 0 || strcmp(w->text, "format") == 0 ||
                      strcmp(w->text, "sample") == 0;
        if (!option && key == ARRAY_LEN(keys)) {
            ha_error(h, w->at, NULL, "one word too many");
            return;
        }
        if (!option) {
            conf_build_put(&h->b, log, keys[key++], CONF_KIND_STRING, w->text, w->at, NULL);
            continue;
        }
        i++;
        if (!arg)
            ha_error(h, w->at, NULL, "\"%s\" needs a value", w->text);
        else if (strcmp(w->text, "len") == 0)
            conf_build_put(&h->b, log, "length", CONF_KIND_NUMBER, arg->text, arg->at, NULL);
        else if (strcmp(w->text, "format") == 0)
            conf_build_put(&h->b, log, "format", CONF_KIND_STRING, arg->text, arg->at, NULL);
        else
            ha_error(h, w->at, "leave it out: all lines are sent", "\"sample\" is not supported");
    }
}

static void on_global_log(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    const struct haproxy_word *to = ha_need(h, a, 1, "an address and a facility");

    if (to)
        log_target(h, a, conf_build_child(&h->b, h->root, CONF_KIND_ARRAY, "logs", to->at));
}

void ha_log_line(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    const struct haproxy_word *to = ha_need(h, a, 1, "global, or an address and a facility");

    if (!to || (h->from_defaults && h->logs))
        return;
    h->logs = !h->from_defaults || h->logs;
    ha_put(h, h->listener, "access.enabled", CONF_KIND_BOOL, "true", to->at);
    if (strcmp(to->text, "global") == 0 || !h->listener)
        return;
    struct conf_node *access =
        conf_build_child(&h->b, h->listener, CONF_KIND_OBJECT, "access", to->at);
    log_target(h, a, conf_build_child(&h->b, access, CONF_KIND_ARRAY, "logs", to->at));
}

/* ---- stats socket ---- */

static void on_stats(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    static const char *const words[] = {"mode", "level", "user", "group"};
    const struct haproxy_word *what = ha_need(h, a, 1, "socket or timeout");
    const struct haproxy_word *value = what ? ha_need(h, a, 2, "a value") : NULL, *w;
    char span[32];

    if (!value)
        return;
    if (strcmp(what->text, "timeout") == 0) {
        if (ha_time(h, value, span))
            conf_build_put(&h->b, h->root, "socket_timeout", CONF_KIND_STRING, span, value->at,
                           NULL);
        return;
    }
    if (strcmp(what->text, "socket") != 0) {
        ha_notice(h, what->at, "stats maxconn", "control sockets have a limit of their own");
        return;
    }
    struct conf_node *list =
        conf_build_child(&h->b, h->root, CONF_KIND_ARRAY, "sockets", value->at);
    struct conf_node *socket = conf_build_append(&h->b, list, CONF_KIND_OBJECT, NULL, value->at);
    conf_build_put(&h->b, socket, "bind", CONF_KIND_STRING, value->text, value->at, NULL);
    for (size_t i = 3; (w = ha_arg(a, i)); i++) {
        size_t k = 0;
        while (k < ARRAY_LEN(words) && strcmp(words[k], w->text) != 0)
            k++;
        bool two = k < ARRAY_LEN(words) || strcmp(w->text, "expose-fd") == 0 ||
                   strcmp(w->text, "process") == 0;
        const struct haproxy_word *arg = two ? ha_need(h, a, ++i, "a value") : NULL;
        if (!two)
            ha_error(h, w->at, "known: mode level user group", "unknown word \"%s\"", w->text);
        else if (arg && k < ARRAY_LEN(words))
            conf_build_put(&h->b, socket, words[k], CONF_KIND_STRING, arg->text, arg->at, NULL);
        else if (arg)
            ha_notice(h, w->at, w->text, "lb --takeover hands sockets over by itself");
    }
}

static void on_nbproc(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    const struct haproxy_word *w = ha_need(h, a, 1, "a number");

    if (w && strcmp(w->text, "1") != 0)
        ha_error(h, w->at, "use nbthread", "there is one process, with threads");
}

/* Values at the top level of the native form. */
static void top_value(struct ha *h, const struct ha_keyword *kw, struct ha_args a,
                      enum conf_kind kind)
{
    const struct haproxy_word *w = ha_need(h, a, 1, "a value");
    int64_t n;

    if (!w)
        return;
    if (kind == CONF_KIND_NUMBER && !parse_int(w->text, 0, INT32_MAX, &n))
        ha_error(h, w->at, NULL, "\"%s\" is a whole number, not \"%s\"", kw->name, w->text);
    else
        conf_build_put(&h->b, h->root, kw->path, kind, w->text, w->at, NULL);
}

static void on_top_number(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    top_value(h, kw, a, CONF_KIND_NUMBER);
}

static void on_top_text(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    top_value(h, kw, a, CONF_KIND_STRING);
}

/* A description is the rest of the line. */
static void on_description(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    struct buf text cleanup(buf_fini) = BUF_INIT(65536);
    const struct haproxy_word *w;

    for (size_t i = 1; (w = ha_arg(a, i)); i++)
        buf_printf(&text, "%s%s", i > 1 ? " " : "", w->text);
    conf_build_put(&h->b, h->root, "description", CONF_KIND_STRING, buf_cstr(&text),
                   a.line->words[0].at, NULL);
}

static void on_daemon(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    conf_build_put(&h->b, h->root, "daemon", CONF_KIND_BOOL, "true", a.line->words[0].at, NULL);
}

#define TLS      "lb does not speak TLS"
#define LIMITS   "limits are raised as needed"
#define THREADS  "threads run where the kernel puts them"
#define OWN_LOGS "the log line is formed here"

const struct ha_keyword ha_global_keywords[] = {
    {"log", HA_CALL, .fn = on_global_log},
    {"stats", HA_CALL, .fn = on_stats},
    {"daemon", HA_CALL, .fn = on_daemon},
    {"maxconn", HA_CALL, .path = "maxconn", .fn = on_top_number},
    {"nbthread", HA_CALL, .path = "threads", .fn = on_top_number},
    {"nbproc", HA_CALL, .fn = on_nbproc},
    {"user", HA_CALL, .path = "user", .fn = on_top_text},
    {"group", HA_CALL, .path = "group", .fn = on_top_text},
    {"chroot", HA_NOTICE,
     .text = "from inside, a reload could not read the configuration; a service manager can do it"},
    {"pidfile", HA_CALL, .path = "pid_file", .fn = on_top_text},
    {"node", HA_CALL, .path = "node", .fn = on_top_text},
    {"localpeer", HA_CALL, .path = "local_peer", .fn = on_top_text},
    {"server-state-file", HA_CALL, .path = "state_file", .fn = on_top_text},
    {"description", HA_CALL, .fn = on_description},
    {"server-state-base", HA_NOTICE, .text = "server-state-file names the file"},
    {"log-send-hostname", HA_NOTICE, .text = OWN_LOGS},
    {"log-tag", HA_NOTICE, .text = OWN_LOGS},
    {"spread-checks", HA_NOTICE, .text = "checks are spread by themselves"},
    {"max-spread-checks", HA_NOTICE, .text = "checks are spread by themselves"},
    {"ulimit-n", HA_NOTICE, .text = LIMITS},
    {"maxconnrate", HA_NOTICE, .text = LIMITS},
    {"maxsessrate", HA_NOTICE, .text = LIMITS},
    {"maxpipes", HA_NOTICE, .text = LIMITS},
    {"hard-stop-after", HA_NOTICE, .text = "lbctl has --deadline"},
    {"master-worker", HA_NOTICE, .text = "there is no master: reload happens inside the process"},
    {"mworker-max-reloads", HA_NOTICE, .text = "reload happens inside the process"},
    {"cpu-map", HA_NOTICE, .text = THREADS},
    {"numa-cpu-mapping", HA_NOTICE, .text = THREADS},
    {"busy-polling", HA_NOTICE, .text = "the event loop sleeps when there is nothing to do"},
    {"noepoll", HA_NOTICE, .text = "epoll is what there is"},
    {"nopoll", HA_NOTICE, .text = "epoll is what there is"},
    {"nosplice", HA_NOTICE, .text = "splice is used where it pays"},
    {"nogetaddrinfo", HA_NOTICE, .text = "names are looked up without blocking"},
    {"noreuseport", HA_NOTICE, .text = "each thread has its own socket"},
    {"quiet", HA_NOTICE, .text = "there is little to say"},
    {"set-dumpable", HA_NOTICE, .text = "use a unit file"},
    {"unix-bind", HA_NOTICE, .text = "set mode, user and group on the bind line"},
    {"ca-base", HA_NOTICE, .text = TLS},
    {"crt-base", HA_NOTICE, .text = TLS},
    {"ssl-default-bind-ciphers", HA_NOTICE, .text = TLS},
    {"ssl-default-bind-ciphersuites", HA_NOTICE, .text = TLS},
    {"ssl-default-bind-options", HA_NOTICE, .text = TLS},
    {"ssl-default-server-ciphers", HA_NOTICE, .text = TLS},
    {"ssl-default-server-options", HA_NOTICE, .text = TLS},
    {"ssl-server-verify", HA_NOTICE, .text = TLS},
    {"ssl-dh-param-file", HA_NOTICE, .text = TLS},
    {"setenv", HA_REFUSE, .text = "set it in the unit file"},
    {"presetenv", HA_REFUSE, .text = "set it in the unit file"},
    {"lua-load", HA_REFUSE, .text = "there is no Lua"},
    {"external-check", HA_NOTICE, .text = "a check command is run where one is configured"},
    {"insecure-fork-wanted", HA_NOTICE, .text = "a check command is run where one is configured"},
};
const size_t ha_global_count = ARRAY_LEN(ha_global_keywords);

/* ---- peers ---- */

static void peer(struct ha *h, struct ha_args a, struct conf_node *section)
{
    const struct haproxy_word *name = ha_need(h, a, 1, "a name"), *address = ha_arg(a, 2);

    if (!name)
        return;
    struct conf_node *all = conf_build_child(&h->b, section, CONF_KIND_OBJECT, "peers", name->at);
    struct conf_node *one = conf_build_child(&h->b, all, CONF_KIND_OBJECT, name->text, name->at);
    if (address)
        conf_build_put(&h->b, one, "address", CONF_KIND_STRING, address->text, address->at, NULL);
}

void ha_peers_line(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    struct conf_node *section = h->pool; /* the section being read */
    const struct haproxy_word *w = &a.line->words[0], *arg;

    if (strcmp(w->text, "peer") == 0 || strcmp(w->text, "server") == 0) {
        peer(h, a, section);
    } else if (strcmp(w->text, "table") == 0) {
        ha_peers_table(h, a, section);
    } else if (strcmp(w->text, "bind") == 0) {
        if ((arg = ha_need(h, a, 1, "an address")))
            ha_push(h, section, "bind", arg->text, arg->at);
    } else if (strcmp(w->text, "log") == 0 || strcmp(w->text, "default-server") == 0 ||
               strcmp(w->text, "default-bind") == 0) {
        ha_notice(h, w->at, w->text, "peers connect plainly");
    } else {
        ha_error(h, w->at, "known: peer server bind table", "unknown keyword \"%s\" in peers",
                 w->text);
    }
}
