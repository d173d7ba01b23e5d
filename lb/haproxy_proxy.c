/*
 * What stands in frontend, backend, listen and defaults.
 */
#include "lb/haproxy_keyword.h"

#include "common/base/parse.h"

#include <stdio.h>
#include <string.h>

/* ---- timeout X T ---- */

static const struct ha_keyword timeout_keywords[] = {
    {"connect", HA_TIME, HA_POOL, "timeouts.connect"},
    {"client", HA_TIME, HA_LISTENER, "timeouts.client"},
    {"server", HA_TIME, HA_POOL, "timeouts.server"},
    {"queue", HA_TIME, HA_POOL, "timeouts.queue"},
    {"check", HA_TIME, HA_POOL, "timeouts.check"},
    {"http-request", HA_TIME, HA_BOTH, "timeouts.request"},
    {"http-keep-alive", HA_TIME, HA_BOTH, "timeouts.keep_alive"},
    {"tunnel", HA_TIME, HA_POOL, "timeouts.tunnel"},
    {"client-fin", HA_TIME, HA_LISTENER, "timeouts.client_fin"},
    {"server-fin", HA_TIME, HA_POOL, "timeouts.server_fin"},
    {"tarpit", HA_NOTICE, HA_BOTH, NULL, "a tarpit lasts as long as timeout connect"},
};

static void on_timeout(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    a.first++;
    kw = ha_find(h, timeout_keywords, ARRAY_LEN(timeout_keywords), a, "timeout");
    if (kw)
        ha_run(h, kw, a);
}

/* ---- option X ---- */

static struct conf_node *side(struct ha *h)
{
    return h->listener ? h->listener : h->pool;
}

/* option forwardfor [except NET] [header NAME] [if-none] */
static void on_forwardfor(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    struct conf_node *object = side(h);
    const struct haproxy_word *w;
    struct conf_pos at = a.line->words[a.first].at;

    if (h->from_defaults && conf_build_has(object, "forwarded_for"))
        return;
    ha_put(h, object, "forwarded_for.enabled", CONF_KIND_BOOL, "true", at);
    for (size_t i = 1; (w = ha_arg(a, i)); i++) {
        if (strcmp(w->text, "if-none") == 0) {
            ha_put(h, object, "forwarded_for.if_none", CONF_KIND_BOOL, "true", w->at);
            continue;
        }
        const struct haproxy_word *arg = ha_need(h, a, ++i, "a value");
        if (arg && strcmp(w->text, "except") == 0)
            ha_push(h, object, "forwarded_for.except", arg->text, arg->at);
        else if (arg && strcmp(w->text, "header") == 0)
            ha_put(h, object, "forwarded_for.header", CONF_KIND_STRING, arg->text, arg->at);
        else if (arg)
            ha_error(h, w->at, "known: except, header, if-none", "unknown word \"%s\"", w->text);
    }
}

static void on_redispatch(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    const struct haproxy_word *w = ha_arg(a, 1);
    struct conf_pos at = a.line->words[a.first].at;
    int64_t n;

    if (w && !parse_int(w->text, -1, 100, &n))
        ha_error(h, w->at, NULL, "\"redispatch\" takes a number, not \"%s\"", w->text);
    else
        ha_put(h, h->pool, "redispatch", CONF_KIND_NUMBER, w ? w->text : "-1", w ? w->at : at);
}

static void on_redis_check(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    struct conf_pos at = a.line->words[a.first].at;

    if (h->from_defaults && conf_build_has(h->pool, "check"))
        return;
    ha_put(h, h->pool, "check.type", CONF_KIND_STRING, "tcp", at);
    ha_push(h, h->pool, "check.steps", "send PING\\r\\n", at);
    ha_push(h, h->pool, "check.steps", "expect string +PONG", at);
}

#define CHECK_HINT "write its bytes as tcp-check send and tcp-check expect"
#define ALWAYS     "it is always so"
#define KERNEL     "the kernel's choice is kept"

static const struct ha_keyword option_keywords[] = {
    {"httplog", HA_WORD, HA_LISTENER, "access.format", "http"},
    {"tcplog", HA_WORD, HA_LISTENER, "access.format", "tcp"},
    {"dontlognull", HA_FLAG, HA_LISTENER, "access.skip_null", "true"},
    {"dontlog-normal", HA_FLAG, HA_LISTENER, "access.skip_normal", "true"},
    {"http-keep-alive", HA_WORD, HA_BOTH, "connection", "keep-alive"},
    {"http-server-close", HA_WORD, HA_BOTH, "connection", "server-close"},
    {"httpclose", HA_WORD, HA_BOTH, "connection", "close"},
    {"forwardfor", HA_CALL, HA_BOTH, .fn = on_forwardfor},
    {"redispatch", HA_CALL, HA_POOL, .fn = on_redispatch},
    {"persist", HA_FLAG, HA_POOL, "persist", "true"},
    {"abortonclose", HA_FLAG, HA_POOL, "abort_on_close", "true"},
    {"allbackups", HA_FLAG, HA_POOL, "balance.all_backups", "true"},
    {"clitcpka", HA_FLAG, HA_LISTENER, "tcp_keepalive", "true"},
    {"srvtcpka", HA_FLAG, HA_POOL, "#srvtcpka", "true"},
    {"tcpka", HA_FLAG, HA_LISTENER, "tcp_keepalive", "true"},
    {"httpchk", HA_CALL, HA_POOL, .fn = ha_httpchk},
    {"tcp-check", HA_WORD, HA_POOL, "check.type", "tcp"},
    {"external-check", HA_WORD, HA_POOL, "check.type", "script"},
    {"redis-check", HA_CALL, HA_POOL, .fn = on_redis_check},
    {"mysql-check", HA_REFUSE, HA_POOL, .text = CHECK_HINT},
    {"pgsql-check", HA_REFUSE, HA_POOL, .text = CHECK_HINT},
    {"ldap-check", HA_REFUSE, HA_POOL, .text = CHECK_HINT},
    {"smtpchk", HA_REFUSE, HA_POOL, .text = CHECK_HINT},
    {"ssl-hello-chk", HA_REFUSE, HA_POOL, .text = CHECK_HINT},
    {"log-health-checks", HA_NOTICE, HA_POOL, .text = "changes are always logged"},
    {"log-separate-errors", HA_NOTICE, HA_LISTENER, .text = "errors are logged by their level"},
    {"logasap", HA_REFUSE, HA_LISTENER, .text = "lines are written when the request is over"},
    {"splice-auto", HA_NOTICE, HA_BOTH, .text = "splice is used where it pays"},
    {"splice-request", HA_NOTICE, HA_BOTH, .text = "splice is used where it pays"},
    {"splice-response", HA_NOTICE, HA_BOTH, .text = "splice is used where it pays"},
    {"tcp-smart-accept", HA_NOTICE, HA_LISTENER, .text = KERNEL},
    {"tcp-smart-connect", HA_NOTICE, HA_POOL, .text = KERNEL},
    {"nolinger", HA_NOTICE, HA_BOTH, .text = "connections are closed as they should be"},
    {"contstats", HA_NOTICE, HA_LISTENER, .text = ALWAYS},
    {"socket-stats", HA_NOTICE, HA_LISTENER, .text = "the statistics count by listener"},
    {"http-no-delay", HA_NOTICE, HA_BOTH, .text = ALWAYS},
    {"http-ignore-probes", HA_NOTICE, HA_LISTENER, .text = "dontlognull says it"},
    {"http-buffer-request", HA_NOTICE, HA_BOTH, .text = "bodies are passed on as they come"},
    {"http-use-htx", HA_NOTICE, HA_BOTH, .text = ALWAYS},
    {"http-pretend-keepalive", HA_NOTICE, HA_POOL, .text = "http-server-close says it"},
    {"checkcache", HA_REFUSE, HA_POOL, .text = "set Cache-Control with http-response"},
    {"transparent", HA_REFUSE, HA_POOL, .text = "name the servers"},
    {"originalto", HA_REFUSE, HA_BOTH, .text = "use http-request set-header X-Original-To %[dst]"},
    {"http_proxy", HA_REFUSE, HA_BOTH, .text = "lb is no forward proxy"},
    {"accept-invalid-http-request", HA_REFUSE, HA_LISTENER, .text = "mend the client"},
    {"accept-invalid-http-response", HA_REFUSE, HA_POOL, .text = "mend the server"},
    {"independent-streams", HA_NOTICE, HA_BOTH, .text = "each side has its timeout"},
    {"prefer-last-server", HA_NOTICE, HA_POOL, .text = "http-reuse says it"},
};

static void on_option(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    a.first++;
    kw = ha_find(h, option_keywords, ARRAY_LEN(option_keywords), a, "option");
    if (kw)
        ha_run(h, kw, a);
}

/* What `no option X` means: the native default. */
static void negate(struct ha *h, const struct ha_keyword *kw, struct conf_pos at)
{
    struct ha_keyword off = *kw;

    if (kw->kind == HA_FLAG)
        off.text = "false";
    else if (kw->kind == HA_WORD && strcmp(kw->path, "connection") == 0)
        off.text = "keep-alive";
    else if (kw->fn == on_forwardfor)
        off = (struct ha_keyword){"forwardfor", HA_FLAG, HA_BOTH, "forwarded_for.enabled", "false"};
    else if (kw->fn == on_redispatch) {
        ha_put(h, h->pool, "redispatch", CONF_KIND_NUMBER, "0", at);
        return;
    } else {
        return;
    }
    struct haproxy_word word = {.text = (char *)kw->name, .at = at};
    struct haproxy_line line = {.words = &word, .count = 1};
    ha_run(h, &off, (struct ha_args){&line, 0});
}

/* no option X, no log */
static void on_no(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    const struct haproxy_word *what = ha_need(h, a, 1, "option or log");

    if (!what)
        return;
    if (strcmp(what->text, "log") == 0) {
        h->logs = true;
        ha_put(h, h->listener, "access.enabled", CONF_KIND_BOOL, "false", what->at);
    } else if (strcmp(what->text, "option") == 0) {
        a.first += 2;
        kw = ha_find(h, option_keywords, ARRAY_LEN(option_keywords), a, "option");
        if (kw)
            negate(h, kw, what->at);
    } else {
        ha_error(h, what->at, "write no option X, or no log", "\"no %s\" is not supported",
                 what->text);
    }
}

/* ---- rules ---- */

/* acl NAME CONDITION: several of one name are alternatives. */
static void on_acl(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    struct buf text cleanup(buf_fini) = BUF_INIT(65536);
    const struct haproxy_word *name = ha_need(h, a, 1, "a name and a condition");
    struct conf_node *sides[] = {h->listener, h->pool};

    if (!name || !ha_need(h, a, 2, "a condition"))
        return;
    ha_join(a, 2, &text);
    for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
        if (!sides[i])
            continue;
        struct conf_node *rules =
            conf_build_child(&h->b, sides[i], CONF_KIND_OBJECT, "rules", name->at);
        struct conf_node *acls = conf_build_child(&h->b, rules, CONF_KIND_OBJECT, "acls", name->at);
        ha_push(h, acls, name->text, buf_cstr(&text), name->at);
    }
}

static void push_rule(struct ha *h, struct ha_args a, size_t from, const char *path, int sides)
{
    struct buf text cleanup(buf_fini) = BUF_INIT(65536);
    struct conf_node *object = sides & HA_LISTENER && h->listener ? h->listener : h->pool;
    const struct haproxy_word *w = ha_need(h, a, from, "an action");

    if (!w)
        return;
    ha_join(a, from, &text);
    ha_push(h, object, path, buf_cstr(&text), w->at);
}

static void on_rule(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    push_rule(h, a, 1, kw->path, kw->sides);
}

/* `redirect ...` is http-request redirect without its first word. */
static void on_redirect(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    push_rule(h, a, 0, "rules.request", HA_BOTH);
}

static void on_tcp_request(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    const struct haproxy_word *w = ha_need(h, a, 1, "connection, content or inspect-delay");

    if (!w)
        return;
    if (strcmp(w->text, "connection") == 0)
        push_rule(h, a, 2, "rules.connection", HA_LISTENER);
    else if (strcmp(w->text, "content") == 0)
        push_rule(h, a, 2, "rules.content", HA_BOTH);
    else if (strcmp(w->text, "inspect-delay") == 0)
        ha_notice(h, w->at, "tcp-request inspect-delay", "timeout http-request says it");
    else
        ha_error(h, w->at, "known: connection, content", "\"tcp-request %s\" is not supported",
                 w->text);
}

/* use_backend POOL [if|unless ...] */
static void on_use_backend(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    struct buf when cleanup(buf_fini) = BUF_INIT(65536);
    const struct haproxy_word *pool = ha_need(h, a, 1, "a backend");

    if (!pool)
        return;
    struct conf_node *list =
        conf_build_child(&h->b, h->listener, CONF_KIND_ARRAY, "routes", pool->at);
    struct conf_node *route = conf_build_append(&h->b, list, CONF_KIND_OBJECT, NULL, pool->at);
    conf_build_put(&h->b, route, "pool", CONF_KIND_STRING, pool->text, pool->at, NULL);
    ha_join(a, 2, &when);
    if (when.len)
        conf_build_put(&h->b, route, "when", CONF_KIND_STRING, buf_cstr(&when), ha_arg(a, 2)->at,
                       NULL);
}

/* capture request header NAME len N, capture response header ..., capture cookie ... */
static void on_capture(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    const struct haproxy_word *kind = ha_need(h, a, 1, "request, response or cookie");
    bool cookie = kind && strcmp(kind->text, "cookie") == 0;
    const struct haproxy_word *name = kind ? ha_need(h, a, cookie ? 2 : 3, "a name") : NULL;
    const struct haproxy_word *len = ha_arg(a, cookie ? 4 : 5);

    if (!name)
        return;
    struct conf_node *list =
        conf_build_child(&h->b, h->listener, CONF_KIND_ARRAY, "captures", name->at);
    struct conf_node *capture = conf_build_append(&h->b, list, CONF_KIND_OBJECT, NULL, name->at);
    const char *key = cookie                               ? "cookie"
                      : strcmp(kind->text, "request") == 0 ? "request_header"
                                                           : "response_header";
    conf_build_put(&h->b, capture, key, CONF_KIND_STRING, name->text, name->at, NULL);
    if (len)
        conf_build_put(&h->b, capture, "length", CONF_KIND_NUMBER, len->text, len->at, NULL);
}

/* monitor fail if ... */
static void on_monitor(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    struct buf text cleanup(buf_fini) = BUF_INIT(65536);
    const struct haproxy_word *w = ha_need(h, a, 1, "fail if ...");

    if (!w)
        return;
    ha_join(a, 2, &text);
    ha_put(h, h->listener, "monitor_fail", CONF_KIND_STRING, buf_cstr(&text), w->at);
}

/* errorfile CODE FILE */
static void on_errorfile(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    const struct haproxy_word *code = ha_need(h, a, 1, "a status code");
    const struct haproxy_word *file = code ? ha_need(h, a, 2, "a file") : NULL;
    struct conf_node *sides[] = {h->listener, h->pool};

    for (size_t i = 0; file && i < ARRAY_LEN(sides); i++) {
        struct conf_node *errors =
            conf_build_child(&h->b, sides[i], CONF_KIND_OBJECT, "errors", code->at);
        if (errors)
            ha_put(h, errors, code->text, CONF_KIND_STRING, file->text, file->at);
    }
}

/* ---- stats ---- */

static void on_stats_node(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    const struct haproxy_word *w = ha_arg(a, 1);
    struct conf_pos at = a.line->words[a.first].at;

    ha_put(h, side(h), "stats.show_node", CONF_KIND_BOOL, "true", at);
    if (w)
        ha_put(h, side(h), "stats.node_name", CONF_KIND_STRING, w->text, w->at);
}

static const struct ha_keyword stats_keywords[] = {
    {"enable", HA_FLAG, HA_BOTH, "stats.enabled", "true"},
    {"uri", HA_TEXT, HA_BOTH, "stats.uri"},
    {"realm", HA_TEXT, HA_BOTH, "stats.realm"},
    {"auth", HA_TEXT, HA_BOTH, "stats.auth", .list = true},
    {"scope", HA_TEXT, HA_BOTH, "stats.scope", .list = true},
    {"refresh", HA_TIME, HA_BOTH, "stats.refresh"},
    {"admin", HA_REST, HA_BOTH, "stats.admin"},
    {"hide-version", HA_FLAG, HA_BOTH, "stats.hide_version", "true"},
    {"show-legends", HA_FLAG, HA_BOTH, "stats.show_legends", "true"},
    {"show-node", HA_CALL, HA_BOTH, .fn = on_stats_node},
    {"show-desc", HA_REST, HA_BOTH, "stats.description"},
    {"show-modules", HA_NOTICE, HA_BOTH, .text = "there are none"},
    {"maxconn", HA_NOTICE, HA_BOTH, .text = "the listener's maxconn says it"},
    {"http-request", HA_REFUSE, HA_BOTH, .text = "use stats auth"},
};

/* Every word of stats but "hide-version" and the like switches the page on, as in HAProxy. */
static void on_stats(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    struct conf_node *pool = h->pool;

    a.first++;
    kw = ha_find(h, stats_keywords, ARRAY_LEN(stats_keywords), a, "stats");
    if (!kw)
        return;
    if (h->listener && !h->from_defaults)
        h->pool = NULL; /* of a listen section the listener answers */
    ha_run(h, kw, a);
    if (kw->kind != HA_NOTICE && kw->kind != HA_REFUSE && !h->from_defaults)
        ha_put(h, side(h), "stats.enabled", CONF_KIND_BOOL, "true", a.line->words[0].at);
    h->pool = pool;
}

/* ---- the table ---- */

static void on_unsupported_section_word(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    ha_error(h, a.line->words[0].at, kw->text, "\"%s\" is not supported", kw->name);
}

#define OLD_RULES "use http-request or http-response"

const struct ha_keyword ha_proxy_keywords[] = {
    {"bind", HA_CALL, HA_LISTENER, .fn = ha_bind},
    {"mode", HA_TEXT, HA_BOTH, "mode"},
    {"server", HA_CALL, HA_POOL, .fn = ha_server},
    {"server-template", HA_CALL, HA_POOL, .fn = ha_server_template},
    {"default_backend", HA_TEXT, HA_LISTENER, "pool"},
    {"use_backend", HA_CALL, HA_LISTENER, .fn = on_use_backend, .list = true},
    {"acl", HA_CALL, HA_BOTH, .fn = on_acl, .list = true},
    {"http-request", HA_CALL, HA_BOTH, "rules.request", .fn = on_rule, .list = true},
    {"http-response", HA_CALL, HA_BOTH, "rules.response", .fn = on_rule, .list = true},
    {"http-after-response", HA_CALL, HA_BOTH, "rules.after", .fn = on_rule, .list = true},
    {"redirect", HA_CALL, HA_BOTH, .fn = on_redirect, .list = true},
    {"tcp-request", HA_CALL, HA_BOTH, .fn = on_tcp_request, .list = true},
    {"balance", HA_CALL, HA_POOL, .fn = ha_balance},
    {"hash-type", HA_CALL, HA_POOL, .fn = ha_hash_type},
    {"cookie", HA_CALL, HA_POOL, .fn = ha_cookie},
    {"stick-table", HA_CALL, HA_BOTH, .fn = ha_stick_table},
    {"stick", HA_CALL, HA_POOL, .fn = ha_stick},
    {"option", HA_CALL, HA_BOTH, .fn = on_option},
    {"no", HA_CALL, HA_BOTH, .fn = on_no},
    {"timeout", HA_CALL, HA_BOTH, .fn = on_timeout},
    {"http-check", HA_CALL, HA_POOL, .fn = ha_http_check},
    {"tcp-check", HA_CALL, HA_POOL, .fn = ha_tcp_check},
    {"http-reuse", HA_TEXT, HA_POOL, "reuse"},
    {"retries", HA_INT, HA_POOL, "retries"},
    {"maxconn", HA_INT, HA_LISTENER, "maxconn"},
    {"fullconn", HA_INT, HA_POOL, "fullconn"},
    {"backlog", HA_INT, HA_LISTENER, "backlog"},
    {"id", HA_INT, HA_BOTH, "id"},
    {"disabled", HA_FLAG, HA_BOTH, "disabled", "true"},
    {"enabled", HA_FLAG, HA_BOTH, "disabled", "false"},
    {"log", HA_CALL, HA_BOTH, .fn = ha_log_line},
    {"log-format", HA_TEXT, HA_LISTENER, "access.format"},
    {"errorfile", HA_CALL, HA_BOTH, .fn = on_errorfile},
    {"monitor-uri", HA_TEXT, HA_LISTENER, "monitor_uri"},
    {"monitor", HA_CALL, HA_LISTENER, .fn = on_monitor},
    {"stats", HA_CALL, HA_BOTH, .fn = on_stats},
    {"capture", HA_CALL, HA_LISTENER, .fn = on_capture, .list = true},
    {"unique-id-format", HA_TEXT, HA_LISTENER, "unique_id_format"},
    {"unique-id-header", HA_TEXT, HA_LISTENER, "unique_id_header"},
    {"external-check", HA_CALL, HA_POOL, .text = "write \"check\": { \"command\": ... } in lb.json",
     .fn = on_unsupported_section_word},
    {"description", HA_NOTICE, HA_BOTH, .text = "the global one is shown"},
    {"log-tag", HA_NOTICE, HA_BOTH, .text = "the log line is formed here"},
    {"log-format-sd", HA_NOTICE, HA_LISTENER, .text = "structured data is formed here"},
    {"error-log-format", HA_NOTICE, HA_LISTENER, .text = "errors have the same line"},
    {"bind-process", HA_NOTICE, HA_BOTH, .text = "there is one process"},
    {"max-keep-alive-queue", HA_NOTICE, HA_POOL, .text = "a free connection is taken first"},
    {"max-session-srv-conns", HA_NOTICE, HA_POOL, .text = "connections are shared"},
    {"load-server-state-from-file", HA_NOTICE, HA_POOL, .text = "the state file is always read"},
    {"hash-balance-factor", HA_REFUSE, HA_POOL, .text = "use leastconn or maxconn"},
    {"retry-on", HA_NOTICE, HA_POOL, .text = "a request is sent again only where that is safe"},
    {"rate-limit", HA_REFUSE, HA_LISTENER, .text = "use maxconn, or track-sc0 and deny"},
    {"source", HA_REFUSE, HA_POOL, .text = "set source on the server lines"},
    {"use-server", HA_REFUSE, HA_POOL, .text = "use a backend of its own"},
    {"dispatch", HA_REFUSE, HA_POOL, .text = "use server lines"},
    {"filter", HA_REFUSE, HA_BOTH, .text = "there are no filters"},
    {"compression", HA_REFUSE, HA_BOTH, .text = "let the servers compress"},
    {"email-alert", HA_REFUSE, HA_BOTH, .text = "use the log, or vrrpd's notify hooks"},
    {"errorloc", HA_REFUSE, HA_BOTH, .text = "use errorfile with a Location header"},
    {"errorloc302", HA_REFUSE, HA_BOTH, .text = "use errorfile with a Location header"},
    {"errorloc303", HA_REFUSE, HA_BOTH, .text = "use errorfile with a Location header"},
    {"errorfiles", HA_REFUSE, HA_BOTH, .text = "use errorfile"},
    {"http-error", HA_REFUSE, HA_BOTH, .text = "use errorfile"},
    {"tcp-response", HA_REFUSE, HA_POOL, .text = "use http-response"},
    {"declare", HA_REFUSE, HA_LISTENER, .text = "use capture request header"},
    {"block", HA_REFUSE, HA_BOTH, .text = "use http-request deny"},
    {"reqadd", HA_REFUSE, HA_BOTH, .text = OLD_RULES},
    {"reqrep", HA_REFUSE, HA_BOTH, .text = OLD_RULES},
    {"reqdel", HA_REFUSE, HA_BOTH, .text = OLD_RULES},
    {"rspadd", HA_REFUSE, HA_BOTH, .text = OLD_RULES},
    {"rspdel", HA_REFUSE, HA_BOTH, .text = OLD_RULES},
    {"rsprep", HA_REFUSE, HA_BOTH, .text = OLD_RULES},
};
const size_t ha_proxy_count = ARRAY_LEN(ha_proxy_keywords);
