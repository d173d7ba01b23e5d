/*
 * From a request to a server that takes it: pool, server, and what happens when it fails.
 */
#include "lb/session/http.h"

#include <string.h>
#include <time.h>

struct wanted {
    const struct exchange *x;
    const struct pool_members *members;
    struct server *server;
};

static enum cookie_state judge(void *ctx, const char *value, size_t len)
{
    struct wanted *w = ctx;
    struct server *s = pool_by_cookie(w->members, value, len);

    if (!s)
        return COOKIE_INVALID;
    struct server_view v = server_view(s);
    if (!server_usable_persistent(&v) && !w->x->back->conf->persist)
        return COOKIE_DOWN;
    w->server = s;
    return COOKIE_VALID;
}

/* The server that the client's cookie names. */
static struct server *by_cookie(struct exchange *x, const struct upstream *up)
{
    struct wanted w = {.x = x, .members = balancer_members(up->balancer)};

    if (x->back->has_cookie)
        cookie_request(&x->back->cookie, http_request_head(x), &x->w->scratch->head, time(NULL),
                       judge, &w, &x->cookie);
    return w.server;
}

/* A request that may be done twice without harm may use a connection that the server may just be
 * closing; another one only if the client is prepared to see its own connection close. */
static bool may_reuse(const struct exchange *x)
{
    static const bool idempotent[HTTP1_METHODS] = {
        [HTTP1_GET] = true,    [HTTP1_HEAD] = true,    [HTTP1_PUT] = true,
        [HTTP1_DELETE] = true, [HTTP1_OPTIONS] = true, [HTTP1_TRACE] = true,
    };

    if (x->upgrade || x->method == HTTP1_CONNECT)
        return false;
    if (x->back->connection != CONFIG_CONNECTION_KEEP_ALIVE ||
        x->front->connection != CONFIG_CONNECTION_KEEP_ALIVE)
        return false;
    switch (x->back->reuse) {
    case CONFIG_REUSE_NEVER:
        return false;
    case CONFIG_REUSE_SAFE:
    case CONFIG_REUSE_AGGRESSIVE:
        return (idempotent[x->method] && x->replay) || x->client->requests;
    case CONFIG_REUSE_ALWAYS:
        return true;
    }
    return false;
}

/* A question of whoever watches this node; answered here, not logged. */
static bool is_monitor(const struct exchange *x)
{
    const char *uri = x->front->conf->monitor_uri;

    return uri && strlen(uri) == x->target.len &&
           memcmp(x->up.buf->data + x->request_at + x->target.at, uri, x->target.len) == 0;
}

enum http_step http_route(struct exchange *x)
{
    const struct upstream *up;
    enum http_step step;

    if (is_monitor(x)) {
        x->silent = true;
        return http_answer(x, http_rules_monitor_fails(x) ? 503 : 200, 'L', 'R');
    }
    if (x->front->ruled && !http_rules_front(x, &step))
        return step;
    x->back = x->front->ruled ? http_rules_pool(x) : x->front->pool;
    if (!x->back)
        return http_answer(x, 503, 'S', 'C');
    if ((x->rules || x->back->ruled) && !http_rules_back(x, &step))
        return step;
    up = worker_upstream(x->w, x->back);
    if (!up || attempt_begin(&x->to, x->back, by_cookie(x, up)) < 0)
        return http_answer(x, 500, 'R', 'C');
    x->log.pool = x->back->conf->obj.name;
    x->to.may_reuse = may_reuse(x);
    x->request = REQUEST_SERVER;
    return HTTP_MORE;
}

/* ---- what the attempt wants to know ---- */

static void key(struct attempt *a, struct balance_key *out)
{
    const struct exchange *x = a->session;
    const char *request = http_request_head(x);
    const char *name = x->back->conf->balance.name;
    int i;

    out->target = (struct hash_text){request + x->target.at, x->target.len};
    if (x->back->pool->balance.algorithm != BALANCE_HDR || !name)
        return;
    http_own_scratch((struct exchange *)x);
    i = http1_find(&x->w->scratch->head, request, name, strlen(name), 0);
    if (i >= 0) {
        struct http1_span v = x->w->scratch->head.fields[i].value;
        out->header = (struct hash_text){request + v.at, v.len};
    }
}

static void resume(struct attempt *a)
{
    http_later(a->session);
}

const struct attempt_ops http_attempt_ops = {key, resume};

static enum http_step failed(struct exchange *x, enum attempt_result r)
{
    static const struct {
        uint16_t status;
        char by, when;
    } answers[ATTEMPT_RESULTS] = {
        [ATTEMPT_NO_SERVER] = {503, 'S', 'C'},     [ATTEMPT_QUEUE_FULL] = {503, 'S', 'Q'},
        [ATTEMPT_QUEUE_TIMEOUT] = {503, 's', 'Q'}, [ATTEMPT_REFUSED] = {503, 'S', 'C'},
        [ATTEMPT_TIMED_OUT] = {503, 's', 'C'},     [ATTEMPT_RESOURCES] = {503, 'R', 'C'},
    };

    return http_answer(x, answers[r].status, answers[r].by, answers[r].when);
}

enum http_step http_get_server(struct exchange *x)
{
    enum attempt_result r = attempt_run(&x->to);

    if (r == ATTEMPT_WAIT)
        return HTTP_WAIT;
    if (r != ATTEMPT_DONE)
        return failed(x, r);
    x->request = REQUEST_SEND;
    return HTTP_MORE;
}

/* Puts the request back to its beginning. */
static void rewind_request(struct exchange *x)
{
    struct flow *f = &x->up;

    buffer_put(&x->w->buffers, f->spill);
    f->spill = NULL;
    f->buf->at = x->request_at;
    f->ready = x->body_ready;
    f->sent = 0;
    f->keep = true;
}

/* A server that closes a connection just as a request is sent on it has most likely not looked at
 * it. One that has accepted a fresh connection may have. */
enum http_step http_retry(struct exchange *x)
{
    if (x->to.sc->cut)
        return http_answer(x, 502, 'D', 'H');
    if (x->replay && x->to.reused && attempt_again(&x->to)) {
        rewind_request(x);
        x->request = REQUEST_SERVER;
        x->response = RESPONSE_NONE;
        return HTTP_MORE;
    }
    if (x->to.reused && x->client->requests) /* as if the client's own connection had been closed */
        return http_abort(x, 'S', 'H');
    http_bad_answer(x);
    return http_answer(x, 502, 'S', 'H');
}
