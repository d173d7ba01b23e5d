/*
 * Health checks: `option httpchk`, `http-check`, `option tcp-check`, `tcp-check`, external checks.
 */
#include "lb/haproxy_keyword.h"

#include <stdio.h>
#include <string.h>

static void put(struct ha *h, const char *path, const char *text, struct conf_pos at)
{
    ha_put(h, h->pool, path, CONF_KIND_STRING, text, at);
}

static struct conf_node *check_node(struct ha *h, struct conf_pos at)
{
    return conf_build_child(&h->b, h->pool, CONF_KIND_OBJECT, "check", at);
}

/* "HTTP/1.1\r\nHost: www": old configurations carry headers behind the version. */
static void version_and_headers(struct ha *h, const struct haproxy_word *w)
{
    const char *end = strstr(w->text, "\r\n");
    char line[512];

    snprintf(line, sizeof(line), "%.*s", end ? (int)(end - w->text) : (int)strlen(w->text),
             w->text);
    put(h, "check.version", line, w->at);
    while (end && end[2]) {
        const char *from = end + 2;
        end = strstr(from, "\r\n");
        snprintf(line, sizeof(line), "%.*s", end ? (int)(end - from) : (int)strlen(from), from);
        if (line[0])
            ha_push(h, check_node(h, w->at), "headers", line, w->at);
    }
}

/* option httpchk [[METHOD] URI [VERSION]] */
void ha_httpchk(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    const struct haproxy_word *first = ha_arg(a, 1), *second = ha_arg(a, 2),
                              *version = ha_arg(a, 3);
    struct conf_pos at = a.line->words[0].at;
    char request[1024] = "OPTIONS /";

    if (h->from_defaults && conf_build_has(h->pool, "check"))
        return;
    if (first && !second)
        snprintf(request, sizeof(request), "OPTIONS %s", first->text);
    else if (first)
        snprintf(request, sizeof(request), "%s %s", first->text, second->text);
    put(h, "check.request", request, first ? first->at : at);
    if (version)
        version_and_headers(h, version);
}

/* http-check send [meth M] [uri U] [ver V] [hdr N V] [body B] */
static void check_send(struct ha *h, struct ha_args a)
{
    const struct haproxy_word *w, *arg, *method = NULL, *uri = NULL;
    char text[1024];

    for (size_t i = 2; (w = ha_arg(a, i)); i++) {
        if (!(arg = ha_need(h, a, ++i, "a value")))
            return;
        if (strcmp(w->text, "meth") == 0) {
            method = arg;
        } else if (strcmp(w->text, "uri") == 0) {
            uri = arg;
        } else if (strcmp(w->text, "ver") == 0) {
            put(h, "check.version", arg->text, arg->at);
        } else if (strcmp(w->text, "body") == 0) {
            put(h, "check.body", arg->text, arg->at);
        } else if (strcmp(w->text, "hdr") == 0) {
            const struct haproxy_word *value = ha_need(h, a, ++i, "the header's value");
            snprintf(text, sizeof(text), "%s: %s", arg->text, value ? value->text : "");
            ha_push(h, check_node(h, arg->at), "headers", text, arg->at);
        } else {
            ha_error(h, w->at, "known: meth uri ver hdr body", "unknown word \"%s\"", w->text);
            return;
        }
    }
    if (method || uri) {
        snprintf(text, sizeof(text), "%s %s", method ? method->text : "OPTIONS",
                 uri ? uri->text : "/");
        put(h, "check.request", text, (method ? method : uri)->at);
    }
}

/* http-check connect, tcp-check connect: only the port is taken. */
static void check_connect(struct ha *h, struct ha_args a)
{
    const struct haproxy_word *w;

    for (size_t i = 2; (w = ha_arg(a, i)); i++) {
        const struct haproxy_word *arg =
            strcmp(w->text, "port") == 0 ? ha_need(h, a, ++i, "a port") : NULL;
        if (arg)
            ha_put(h, h->pool, "check.port", CONF_KIND_NUMBER, arg->text, arg->at);
        else if (strcmp(w->text, "send-proxy") == 0)
            ha_put(h, h->pool, "check.send_proxy", CONF_KIND_BOOL, "true", w->at);
        else if (strcmp(w->text, "default") != 0 && strcmp(w->text, "port") != 0)
            ha_error(h, w->at, "known: port N, send-proxy", "\"%s\" is not supported here",
                     w->text);
    }
}

static void push_rest(struct ha *h, struct ha_args a, size_t i, const char *list)
{
    struct buf text cleanup(buf_fini) = BUF_INIT(65536);
    struct conf_pos at = a.line->words[0].at;

    ha_join(a, i, &text);
    ha_push(h, check_node(h, at), list, buf_cstr(&text), at);
}

void ha_http_check(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    const struct haproxy_word *w = ha_need(h, a, 1, "send, expect, connect or disable-on-404");

    if (!w || (h->from_defaults && conf_build_has(h->pool, "check.expect")))
        return;
    if (strcmp(w->text, "send") == 0)
        check_send(h, a);
    else if (strcmp(w->text, "expect") == 0)
        push_rest(h, a, 2, "expect");
    else if (strcmp(w->text, "connect") == 0)
        check_connect(h, a);
    else if (strcmp(w->text, "disable-on-404") == 0)
        ha_put(h, h->pool, "check.disable_on_404", CONF_KIND_BOOL, "true", w->at);
    else if (strcmp(w->text, "send-state") == 0 || strcmp(w->text, "comment") == 0)
        ha_notice(h, w->at, w->text, "checks are plain requests");
    else
        ha_error(h, w->at, "known: send expect connect disable-on-404", "unknown http-check \"%s\"",
                 w->text);
}

void ha_tcp_check(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    const struct haproxy_word *w = ha_need(h, a, 1, "connect, send, send-binary or expect");

    if (!w)
        return;
    if (strcmp(w->text, "connect") == 0)
        check_connect(h, a);
    else if (strcmp(w->text, "comment") == 0)
        ha_notice(h, w->at, w->text, "log lines name the step");
    else
        push_rest(h, a, 1, "steps");
}
