/*
 * Actions on stick counters, and what counts for a tracked key.
 */
#include "common/base/macro.h"
#include "common/base/parse.h"
#include "lb/core/rule_internal.h"

/* ---- tracking ---- */

bool rule_parse_track(struct rule_args *a, struct rule *r)
{
    struct compile *c = a->c;
    const struct word *w = rule_need(a, "a sample");

    if (!w || !(r->expr = expr_parse(c, w->text, w->at)))
        return false;
    w = rule_option(a);
    if (w && !word_is(w, "table"))
        return compile_fault_at(c, w, "write table NAME", "\"%s\" does not belong here",
                                w->text.at);
    if (w && !(w = rule_need(a, "the name of a table")))
        return false;
    if (w)
        return compile_name(c, PROGRAM_TABLE, w->text, w->at, w->len, &r->ref);
    if (!c->own)
        return compile_fault_at(c, a->action, "add table NAME", "in which table?");
    return compile_name(c, PROGRAM_TABLE, text_of(c->own), a->action->at, a->action->len, &r->ref);
}

static void begin(struct eval *ev, struct eval_track *t)
{
    stick_add(t->table, t->entry, STICK_CONN_CUR, 1, ev->now);
    stick_add(t->table, t->entry, STICK_CONN_CNT, 1, ev->now);
    stick_add(t->table, t->entry, STICK_CONN_RATE, 1, ev->now);
}

void rule_count_request(struct eval *ev, struct eval_track *t)
{
    stick_add(t->table, t->entry, STICK_HTTP_REQ_CNT, 1, ev->now);
    stick_add(t->table, t->entry, STICK_HTTP_REQ_RATE, 1, ev->now);
}

/* A number that is tracked already stays with its key. */
enum rule_result rule_run_track(const struct rule *r, struct rule_run *run)
{
    struct eval *ev = run->ev;
    struct eval_track *t = ev->tracks ? &ev->tracks[r->aux] : NULL;
    struct stick_table *table = ev->ops ? ev->ops->table(ev->owner, r->ref) : NULL;
    struct stick_key key;
    struct sample s;

    if (!t || t->entry || !table || !expr_value(r->expr, ev, &s) ||
        !sample_key(&s, table, ev->tmp, &key))
        return RULES_DONE;
    t->table = table;
    t->entry = stick_track(table, &key, ev->now);
    t->by_connection = !ev->req;
    if (t->entry)
        begin(ev, t);
    if (t->entry && ev->req)
        rule_count_request(ev, t);
    return RULES_DONE;
}

/* ---- counters ---- */

static bool parse_number(struct rule_args *a, struct rule *r)
{
    int64_t n;

    if (!parse_int(arena_text(a->c->scratch, a->paren).at, 0, EVAL_TRACKS - 1, &n))
        return compile_fault(a->c, a->paren_at, a->paren.len, "write 0, 1 or 2",
                             "\"%.*s\" is not the number of a tracked key", (int)a->paren.len,
                             a->paren.at);
    r->ref = (uint32_t)n;
    return true;
}

bool rule_parse_counter(struct rule_args *a, struct rule *r)
{
    return parse_number(a, r);
}

static struct eval_track *tracked(const struct rule *r, struct rule_run *run)
{
    struct eval_track *t = run->ev->tracks ? &run->ev->tracks[r->ref] : NULL;
    return t && t->entry ? t : NULL;
}

enum rule_result rule_run_counter(const struct rule *r, struct rule_run *run)
{
    struct eval_track *t = tracked(r, run);

    if (!t)
        return RULES_DONE;
    stick_add(t->table, t->entry, (enum stick_data)r->aux, 1, run->ev->now);
    stick_add(t->table, t->entry, r->aux == STICK_GPC0 ? STICK_GPC0_RATE : STICK_GPC1_RATE, 1,
              run->ev->now);
    return RULES_DONE;
}

bool rule_parse_tag(struct rule_args *a, struct rule *r)
{
    const struct word *w;

    if (!parse_number(a, r) || !(w = rule_need(a, "a number or a sample")))
        return false;
    if (parse_int(w->text.at, 0, UINT32_MAX, &r->num))
        return true;
    return (r->expr = expr_parse(a->c, w->text, w->at));
}

enum rule_result rule_run_tag(const struct rule *r, struct rule_run *run)
{
    struct eval_track *t = tracked(r, run);
    struct sample s = {.type = SAMPLE_INT, .num = r->num};

    if (!t || (r->expr &&
               (!expr_value(r->expr, run->ev, &s) || !sample_cast(&s, SAMPLE_INT, run->ev->tmp))))
        return RULES_DONE;
    stick_set(t->table, t->entry, STICK_GPT0, (uint64_t)(uint32_t)s.num, run->ev->now);
    return RULES_DONE;
}

/* ---- what counts ---- */

#define FOR_EACH_TRACKED(T, EV)                                                                    \
    for (struct eval_track *T = (EV)->tracks; T && T < (EV)->tracks + EVAL_TRACKS; T++)            \
        if (!T->entry)                                                                             \
            ;                                                                                      \
        else

void rule_count_response(struct eval *ev, unsigned status)
{
    bool client = status >= 400 && status < 500;
    bool server = status >= 500 && status != 501 && status != 505;

    if (!client && !server)
        return;
    FOR_EACH_TRACKED(t, ev)
    {
        stick_add(t->table, t->entry, client ? STICK_HTTP_ERR_CNT : STICK_HTTP_FAIL_CNT, 1,
                  ev->now);
        stick_add(t->table, t->entry, client ? STICK_HTTP_ERR_RATE : STICK_HTTP_FAIL_RATE, 1,
                  ev->now);
    }
}

void rule_count_bytes(struct eval *ev, uint64_t in, uint64_t out)
{
    FOR_EACH_TRACKED(t, ev)
    {
        stick_add(t->table, t->entry, STICK_BYTES_IN_CNT, (int64_t)in, ev->now);
        stick_add(t->table, t->entry, STICK_BYTES_IN_RATE, (int64_t)in, ev->now);
        stick_add(t->table, t->entry, STICK_BYTES_OUT_CNT, (int64_t)out, ev->now);
        stick_add(t->table, t->entry, STICK_BYTES_OUT_RATE, (int64_t)out, ev->now);
    }
}

void rule_untrack(struct eval *ev, bool all)
{
    FOR_EACH_TRACKED(t, ev)
    {
        if (t->by_connection && !all)
            continue;
        stick_add(t->table, t->entry, STICK_CONN_CUR, -1, ev->now);
        stick_untrack(t->table, t->entry, ev->now);
        t->entry = NULL;
    }
}
