/*
 * Rules on the way of an exchange: what they decide is carried out here, what they change is made
 * the message.
 *
 * A request that was changed is written out and parsed again, strictly: whatever comes after (the
 * balancer, cookies, the server) reads the same bytes, and an edit that would be read in two ways
 * ends here. The same goes for responses.
 */
#include "lb/session/http.h"

#include <string.h>

/* ---- outcomes ---- */

static enum http_step tarpit(struct exchange *x, const struct rule_outcome *out)
{
    x->rules->tarpit = out->status;
    x->request = REQUEST_TARPIT;
    x->deadline = mono_add(worker_now(x->w), x->front->t.connect);
    return HTTP_MORE;
}

enum http_step http_tarpit_over(struct exchange *x)
{
    x->request = REQUEST_SERVER;
    return http_answer(x, x->rules->tarpit, 'P', 'T');
}

static void count_denied(struct exchange *x, bool response)
{
    enum count_id id = response ? COUNT_DENIED_RESP : COUNT_DENIED_REQ;

    count_add(&x->front->listener->lanes[x->w->index], id, 1);
    if (x->back)
        count_add(&x->back->pool->lanes[x->w->index].count, id, 1);
}

static enum http_step decide(struct exchange *x, const struct rule_outcome *out, bool response)
{
    char when = response ? 'H' : 'R';

    switch (out->result) {
    case RULES_DENY:
        if (out->by == 'P')
            count_denied(x, response);
        return http_answer(x, out->status, out->by, when);
    case RULES_TARPIT:
        count_denied(x, response);
        return tarpit(x, out);
    case RULES_ANSWER:
        if (out->by == 'P')
            count_denied(x, response);
        return http_answer_rule(x, out, when);
    case RULES_CLOSE:
        count_denied(x, response);
        return http_abort(x, 'P', when);
    case RULES_SERVICE:
        return http_answer(x, 501, 'L', when);
    case RULES_FAILED:
        return http_answer(x, out->status, 'P', when);
    case RULES_DONE:
        break;
    }
    return HTTP_MORE;
}

/* ---- requests ---- */

static struct rule_context *context(struct exchange *x)
{
    if (x->rules)
        return x->rules;
    x->rules = rule_context_new(x->client, x->plan, x->front);
    if (!x->rules)
        return NULL;
    x->rules->to = &x->to;
    x->rules->line = (struct text){x->log.line, x->log.line_len};
    message_init(&x->rules->message, x->up.buf->data + x->request_at, &x->w->scratch->head, false,
                 &x->rules->keep);
    x->rules->ev.req = &x->rules->message;
    return x->rules;
}

static bool run(struct exchange *x, const struct rules *rules, bool response, enum http_step *step)
{
    struct rule_outcome out;

    if (rule_context_run(x->rules, rules, &out) == RULES_DONE)
        return true;
    x->silent |= x->rules->effects.silent;
    *step = decide(x, &out, response);
    return false;
}

bool http_rules_front(struct exchange *x, enum http_step *step)
{
    const struct ruleset_rules *r = &x->front->rules->rules;

    if (!context(x)) {
        *step = http_answer(x, 500, 'R', 'R');
        return false;
    }
    return run(x, r->content, false, step) && run(x, r->request, false, step);
}

bool http_rules_monitor_fails(struct exchange *x)
{
    return x->front->rules->monitor_fail && context(x) &&
           rule_context_holds(x->rules, x->front->rules->monitor_fail);
}

const struct plan_pool *http_rules_pool(struct exchange *x)
{
    return rule_context_route(x->rules);
}

/* The changed head, whole and parsed again. */
static bool settle(struct exchange *x)
{
    struct rule_context *rc = x->rules;
    struct scratch *s = x->w->scratch;
    struct http1_limits limits = HTTP1_LIMITS_DEFAULT;
    const char *buf = x->up.buf->data + x->request_at;
    size_t cap = x->w->buffers.small + (size_t)4096;
    char *out;

    if (!rc->message.edited)
        return true;
    rewrite_init(&s->rewrite, buf, &s->head, s->text, sizeof(s->text));
    out = arena_bytes(&rc->keep, cap);
    if (!out || !message_apply(&rc->message, &s->rewrite))
        return false;
    rc->head = (struct text){out, rewrite_flat(&s->rewrite, out, cap)};
    rc->keep.at = out + rc->head.len; /* the rest is given back */
    limits.head_bytes = HTTP1_HEAD_MAX;
    if (!rc->head.len ||
        http1_parse_request(rc->head.at, rc->head.len, NULL, &limits, &s->head) != HTTP1_COMPLETE)
        return false;
    x->target = s->head.target;
    x->method = s->head.method;
    return true;
}

bool http_rules_back(struct exchange *x, enum http_step *step)
{
    const struct plan_pool *p = x->back;

    if (p->ruled && !context(x)) {
        *step = http_answer(x, 500, 'R', 'R');
        return false;
    }
    if (!x->rules)
        return true;
    x->rules->back = p;
    if (!run(x, p->rules->rules.content, false, step) ||
        !run(x, p->rules->rules.request, false, step))
        return false;
    if (!p->stick_source) {
        rule_context_stick(x->rules, false);
        x->to.keys = &x->rules->stick;
    }
    x->silent |= x->rules->effects.silent;
    x->log.client = rule_context_client(x->rules);
    if (settle(x)) {
        x->rules->ev.req = NULL; /* from here on its bytes may move */
        return true;
    }
    *step = http_answer(x, 500, 'P', 'R');
    return false;
}

const char *http_request_head(const struct exchange *x)
{
    if (x->rules && x->rules->head.at)
        return x->rules->head.at;
    return x->up.buf->data + x->request_at;
}

/* ---- responses ---- */

/* The response in `s`, whose patches are made, is written out and parsed again. */
static const char *written(struct exchange *x, enum http1_method method)
{
    struct scratch *s = x->w->scratch;
    struct http1_limits limits = HTTP1_LIMITS_DEFAULT;
    size_t cap = x->w->buffers.small + sizeof(s->text), len;
    char *out = arena_bytes(&x->rules->keep, cap);

    limits.head_bytes = HTTP1_HEAD_MAX;
    len = out ? rewrite_flat(&s->rewrite, out, cap) : 0;
    if (!len || http1_parse_response(out, len, NULL, &limits, method, &s->head) != HTTP1_COMPLETE)
        return NULL;
    x->rules->keep.at = out + len;
    return out;
}

bool http_rules_response(struct exchange *x, const char **buf, enum http_step *step)
{
    const struct ruleset_rules *front = &x->front->rules->rules, *back = &x->back->rules->rules;
    struct rule_context *rc = x->rules;
    struct scratch *s = x->w->scratch;

    message_init(&rc->message, *buf, &s->head, true, &rc->keep);
    rc->ev.res = &rc->message;
    if (!x->back->stick_source)
        rule_context_stick(rc, true);
    if (!run(x, back->response, true, step) || !run(x, front->response, true, step)) {
        rc->ev.res = NULL;
        return false;
    }
    x->silent |= rc->effects.silent;
    rc->ev.res = NULL;
    if (!rc->message.edited)
        return true;
    rewrite_init(&s->rewrite, *buf, &s->head, s->text, sizeof(s->text));
    if (message_apply(&rc->message, &s->rewrite) && (*buf = written(x, x->method))) {
        x->log.status = s->head.status;
        return true;
    }
    *step = http_answer(x, 502, 'P', 'H');
    return false;
}

bool http_rules_are_after(const struct exchange *x)
{
    return x->rules && (x->front->rules->rules.after || (x->back && x->back->rules->rules.after));
}

/* Runs the rules that come last on the head in `buf`, which is in s->head, too; leaves the result
 * in s->rewrite. */
static bool run_after(struct exchange *x, const char *buf)
{
    struct rule_context *rc = x->rules;
    struct scratch *s = x->w->scratch;
    struct rule_outcome out = {.result = RULES_DONE};

    message_init(&rc->message, buf, &s->head, true, &rc->keep);
    rc->ev.res = &rc->message;
    if (x->back)
        rule_context_run(rc, x->back->rules->rules.after, &out);
    if (out.result == RULES_DONE)
        rule_context_run(rc, x->front->rules->rules.after, &out);
    rc->ev.res = NULL;
    rewrite_init(&s->rewrite, buf, &s->head, s->text, sizeof(s->text));
    return out.result == RULES_DONE && message_apply(&rc->message, &s->rewrite);
}

bool http_rules_after(struct exchange *x)
{
    const char *buf = written(x, x->method);
    return buf && run_after(x, buf);
}

size_t http_rules_after_answer(struct exchange *x, const char *data, size_t len, char *out,
                               size_t cap)
{
    struct http1_limits limits = HTTP1_LIMITS_DEFAULT;
    struct scratch *s = x->w->scratch;

    limits.head_bytes = HTTP1_HEAD_MAX;
    x->scratch_own = false;
    if (http1_parse_response(data, len, NULL, &limits, x->method, &s->head) != HTTP1_COMPLETE)
        return 0;
    size_t head_len = s->head.len;
    if (!run_after(x, data))
        return 0;
    size_t n = rewrite_flat(&s->rewrite, out, cap);
    if (!n || len - head_len > cap - n)
        return 0;
    memcpy(out + n, data + head_len, len - head_len);
    return n + len - head_len;
}
