/*
 * Lists of rules: from text to a chain of rules, and running it.
 */
#include "common/base/macro.h"
#include "common/base/parse.h"
#include "lb/core/rule_internal.h"

/* ---- reading words ---- */

const struct word *rule_need(struct rule_args *a, const char *what)
{
    const struct words *w = &a->c->words;

    if (a->at < w->n)
        return &w->v[a->at++];
    compile_fault_at(a->c, &w->v[w->n - 1], NULL, "%s needs %s", a->action->text.at, what);
    return NULL;
}

const struct word *rule_option(struct rule_args *a)
{
    const struct words *w = &a->c->words;

    if (a->at == w->n || cond_find(w, a->at) == a->at)
        return NULL;
    return &w->v[a->at++];
}

const struct format *rule_format(struct rule_args *a, const char *what)
{
    const struct word *w = rule_need(a, what);

    return w ? format_parse(a->c, w->text, w->at, FORMAT_HTTP, &format_rule_letters) : NULL;
}

/* ---- small actions ---- */

static enum rule_result run_stop(const struct rule *r, struct rule_run *run)
{
    return (enum rule_result)r->aux;
}

static bool parse_stop(struct rule_args *a, struct rule *r)
{
    return true;
}

static bool parse_service(struct rule_args *a, struct rule *r)
{
    static const char *const names[] = {
        [RULE_SERVICE_PROMETHEUS] = "prometheus-exporter",
        [RULE_SERVICE_STATS] = "stats",
    };
    const struct word *w = rule_need(a, "the name of a service");

    for (size_t i = 0; w && i < ARRAY_LEN(names); i++)
        if (word_is(w, names[i]))
            return r->aux = (int)i, true;
    return w && compile_fault_at(a->c, w, "known: prometheus-exporter, stats",
                                 "unknown service \"%s\"", w->text.at);
}

static enum rule_result run_service(const struct rule *r, struct rule_run *run)
{
    run->out->service = (enum rule_service)r->aux;
    run->out->by = 'L';
    return RULES_SERVICE;
}

static bool parse_log_level(struct rule_args *a, struct rule *r)
{
    static const char *const levels[] = {"silent",  "emerg",  "alert", "crit", "err",
                                         "warning", "notice", "info",  "debug"};
    const struct word *w = rule_need(a, "a level");

    for (size_t i = 0; w && i < ARRAY_LEN(levels); i++)
        if (word_is(w, levels[i]))
            return r->aux = (int)i, true;
    return w &&
           compile_fault_at(a->c, w,
                            compile_hint(a->c, w->text, levels, ARRAY_LEN(levels), sizeof(*levels),
                                         "known: silent emerg alert crit err warning notice info "
                                         "debug"),
                            "unknown level \"%s\"", w->text.at);
}

static enum rule_result run_log_level(const struct rule *r, struct rule_run *run)
{
    run->effects->silent = r->aux == 0;
    run->effects->log_level = (int8_t)r->aux;
    return RULES_DONE;
}

static bool parse_strict(struct rule_args *a, struct rule *r)
{
    const struct word *w = rule_need(a, "on or off");

    if (!w)
        return false;
    r->aux = word_is(w, "off");
    return r->aux || word_is(w, "on") ||
           compile_fault_at(a->c, w, NULL, "write on or off, not \"%s\"", w->text.at);
}

static enum rule_result run_strict(const struct rule *r, struct rule_run *run)
{
    run->forgiving = r->aux;
    return RULES_DONE;
}

static bool parse_capture(struct rule_args *a, struct rule *r)
{
    const struct word *w = rule_need(a, "a sample"), *how = NULL, *n = NULL;
    int64_t num = 0;

    r->expr = w ? expr_parse(a->c, w->text, w->at) : NULL;
    if (!r->expr || !(how = rule_need(a, "len N or id N")) || !(n = rule_need(a, "a number")))
        return false;
    bool id = word_is(how, "id");
    if (!id && !word_is(how, "len"))
        return compile_fault_at(a->c, how, NULL, "write len N or id N, not \"%s\"", how->text.at);
    if (!parse_int(n->text.at, id ? 0 : 1, id ? CAPTURES_MAX - 1 : 65535, &num))
        return compile_fault_at(a->c, n, NULL, "\"%s\" is not such a number", n->text.at);
    if (!id && a->c->captures == CAPTURES_MAX)
        return compile_fault_at(a->c, w, NULL, "at most %d captures", CAPTURES_MAX);
    r->ref = id ? (uint32_t)num : a->c->captures++;
    r->num = id ? 65535 : num;
    a->c->program->captures = MAX(a->c->program->captures, r->ref + 1);
    return true;
}

static enum rule_result run_capture(const struct rule *r, struct rule_run *run)
{
    struct sample s;

    if (!expr_value(r->expr, run->ev, &s) || !sample_cast(&s, SAMPLE_STR, run->ev->tmp))
        return RULES_DONE;
    s.str = text_head(s.str, (size_t)r->num);
    vars_put(&run->effects->captures, r->ref, &s);
    return RULES_DONE;
}

/* Accepted, and without effect here. */
static bool parse_notice(struct rule_args *a, struct rule *r)
{
    while (rule_option(a))
        ;
    compile_say(a->c, CONF_NOTICE, a->action, NULL, "\"%.*s\" has no effect here",
                (int)text_find(a->action->text, '('), a->action->text.at);
    return true;
}

static enum rule_result run_nothing(const struct rule *r, struct rule_run *run)
{
    return RULES_DONE;
}

/* ---- the table ---- */

#define CONN  PHASE_CONNECTION
#define CONT  PHASE_CONTENT
#define REQ   PHASE_REQUEST
#define RES   PHASE_RESPONSE
#define AFTER PHASE_AFTER
#define TCP   (CONN | CONT)
#define EDIT  (REQ | RES | AFTER)
#define ANY   (TCP | EDIT)

static const struct rule_action actions[] = {
    {"accept", TCP, NULL, NULL},
    {"allow", EDIT, NULL, NULL},
    {"reject", TCP | REQ, parse_stop, run_stop, RULES_CLOSE},
    {"silent-drop", TCP | REQ | RES, parse_stop, run_stop, RULES_CLOSE},
    {"deny", REQ | RES, rule_parse_deny, rule_run_reply},
    {"tarpit", REQ, rule_parse_tarpit, rule_run_reply},
    {"return", REQ | RES, rule_parse_return, rule_run_reply},
    {"redirect", REQ | RES, rule_parse_redirect, rule_run_redirect},
    {"use-service", REQ, parse_service, run_service},
    {"set-header", EDIT, rule_parse_header, rule_run_header, HEADER_SET},
    {"add-header", EDIT, rule_parse_header, rule_run_header, HEADER_ADD},
    {"del-header", EDIT, rule_parse_del_header, rule_run_del_header},
    {"replace-header", EDIT, rule_parse_replace_header, rule_run_replace_header, REPLACE_HEADER},
    {"replace-value", EDIT, rule_parse_replace_header, rule_run_replace_header, REPLACE_VALUE},
    {"set-method", REQ, rule_parse_format, rule_run_line, LINE_METHOD},
    {"set-uri", REQ, rule_parse_format, rule_run_line, LINE_URI},
    {"set-path", REQ, rule_parse_format, rule_run_line, LINE_PATH},
    {"set-pathq", REQ, rule_parse_format, rule_run_line, LINE_PATHQ},
    {"set-query", REQ, rule_parse_format, rule_run_line, LINE_QUERY},
    {"replace-uri", REQ, rule_parse_replace, rule_run_replace, LINE_URI},
    {"replace-path", REQ, rule_parse_replace, rule_run_replace, LINE_PATH},
    {"replace-pathq", REQ, rule_parse_replace, rule_run_replace, LINE_PATHQ},
    {"set-status", RES | AFTER, rule_parse_status, rule_run_status},
    {"set-var", ANY, rule_parse_set_var, rule_run_set_var, .paren = PAREN_NEEDED},
    {"set-var-fmt", ANY, rule_parse_set_var_format, rule_run_set_var, .paren = PAREN_NEEDED},
    {"unset-var", ANY, rule_parse_unset_var, rule_run_unset_var, .paren = PAREN_NEEDED},
    {"set-src", CONN | REQ, rule_parse_source, rule_run_source, SOURCE_ADDR},
    {"set-src-port", CONN | REQ, rule_parse_source, rule_run_source, SOURCE_PORT},
    {"track-sc0", TCP | REQ, rule_parse_track, rule_run_track, 0},
    {"track-sc1", TCP | REQ, rule_parse_track, rule_run_track, 1},
    {"track-sc2", TCP | REQ, rule_parse_track, rule_run_track, 2},
    {"sc-inc-gpc0", ANY, rule_parse_counter, rule_run_counter, STICK_GPC0, .paren = PAREN_NEEDED},
    {"sc-inc-gpc1", ANY, rule_parse_counter, rule_run_counter, STICK_GPC1, .paren = PAREN_NEEDED},
    {"sc-set-gpt0", ANY, rule_parse_tag, rule_run_tag, STICK_GPT0, .paren = PAREN_NEEDED},
    {"set-log-level", CONT | REQ | RES, parse_log_level, run_log_level},
    {"strict-mode", EDIT, parse_strict, run_strict},
    {"capture", CONT | REQ | RES | AFTER, parse_capture, run_capture},
    {"wait-for-body", REQ | RES, parse_notice, run_nothing},
    {"wait-for-handshake", REQ, parse_notice, run_nothing},
    {"set-nice", CONT | REQ | RES, parse_notice, run_nothing},
    {"set-mark", TCP | REQ | RES, parse_notice, run_nothing},
    {"set-tos", TCP | REQ | RES, parse_notice, run_nothing},
    {"set-priority-class", CONT | REQ, parse_notice, run_nothing},
    {"set-priority-offset", CONT | REQ, parse_notice, run_nothing},
    {"disable-l7-retry", REQ, parse_notice, run_nothing},
};

/* What HAProxy has, and lb has not: what to do instead. */
static const struct {
    const char *name, *why;
} refused[] = {
    {"auth", "let the server ask for passwords"},
    {"normalize-uri", "use set-path %[path,...]"},
    {"early-hint", "let the server send 103"},
    {"do-resolve", "name the server in the configuration"},
    {"cache-use", "lb does not cache; put a cache behind it"},
    {"cache-store", "lb does not cache; put a cache behind it"},
    {"add-acl", "use a stick table: track-sc0 and sc-set-gpt0"},
    {"del-acl", "use a stick table: track-sc0 and sc-set-gpt0"},
    {"set-map", "use a stick table: track-sc0 and sc-set-gpt0"},
    {"del-map", "use a stick table: track-sc0 and sc-set-gpt0"},
    {"set-dst", "name the server in the configuration"},
    {"set-dst-port", "name the server in the configuration"},
    {"set-timeout", "use \"timeouts\""},
    {"send-spoe-group", "there are no agents here"},
    {"ot-group", "there is no tracing here"},
    {"expect-proxy", "use accept-proxy on the listener"},
    {"expect-netscaler-cip", "use accept-proxy on the listener"},
    {"switch-mode", "set the mode of the listener to http"},
    {"set-bandwidth-limit", "lb does not limit bandwidth"},
};

static const char *phase_name(enum phase p)
{
    switch (p) {
    case PHASE_CONNECTION:
        return "connection rules";
    case PHASE_CONTENT:
        return "content rules";
    case PHASE_REQUEST:
        return "request rules";
    case PHASE_RESPONSE:
        return "response rules";
    case PHASE_AFTER:
        return "after-response rules";
    }
    return "rules";
}

static bool unknown_action(struct compile *c, const struct word *w, struct text name)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (text_eq(name, text_of(refused[i].name)))
            return compile_fault_at(c, w, refused[i].why, "\"%s\" is not supported",
                                    refused[i].name);
    if (text_eq(text_head(name, 4), TEXT("lua.")))
        return compile_fault_at(c, w, "write it as rules", "there is no Lua");
    return compile_fault_at(
        c, w, compile_hint(c, name, actions, ARRAY_LEN(actions), sizeof(*actions), NULL),
        "unknown action \"%.*s\"", (int)name.len, name.at);
}

static const struct rule_action *find_action(struct compile *c, const struct word *w,
                                             struct text name)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (!text_eq(name, text_of(actions[i].name)))
            continue;
        if (actions[i].phases & c->phase)
            return &actions[i];
        compile_fault_at(c, w, NULL, "\"%s\" does not belong into %s", actions[i].name,
                         phase_name(c->phase));
        return NULL;
    }
    unknown_action(c, w, name);
    return NULL;
}

/* "name(paren)"; track-sc(0) is track-sc0. */
static bool split_paren(struct rule_args *a, struct text *name)
{
    struct text all = a->action->text;
    size_t open = text_find(all, '(');

    *name = text_head(all, open);
    a->paren = TEXT_NONE;
    if (open == all.len)
        return true;
    if (all.at[all.len - 1] != ')')
        return compile_fault_at(a->c, a->action, NULL, "the parenthesis of %.*s is not closed",
                                (int)name->len, name->at);
    a->paren = (struct text){all.at + open + 1, all.len - open - 2};
    a->paren_at = a->action->at + open + 1;
    if (text_eq(*name, TEXT("track-sc"))) {
        *name = arena_printf(a->c->scratch, "track-sc%.*s", (int)a->paren.len, a->paren.at);
        a->paren = TEXT_NONE;
    }
    return true;
}

static bool check_paren(struct rule_args *a, const struct rule_action *action)
{
    if (action->paren == PAREN_NEEDED && !a->paren.at)
        return compile_fault_at(a->c, a->action, NULL, "%s needs something in parentheses",
                                action->name);
    if (action->paren == PAREN_NONE && a->paren.at)
        return compile_fault_at(a->c, a->action, NULL, "%s takes nothing in parentheses",
                                action->name);
    return true;
}

/* The text at hand as one rule. */
static bool compile_one(struct compile *c, struct rules *list)
{
    struct rule_args a = {.c = c, .at = 1};
    struct rule *r = compile_new(c, sizeof(*r));
    struct text name;

    if (!r)
        return false;
    if (!c->words.n)
        return compile_fault(c, 0, 0, NULL, "this rule says nothing");
    a.action = &c->words.v[0];
    if (!split_paren(&a, &name))
        return false;
    r->action = find_action(c, a.action, name);
    if (!r->action || !check_paren(&a, r->action))
        return false;
    r->aux = r->action->aux;
    if (r->action->parse && !r->action->parse(&a, r))
        return false;
    if (!cond_parse(c, a.at, &r->cond))
        return false;
    *list->last = r;
    list->last = &r->next;
    return true;
}

bool rules_compile(struct compile *c, char *const *list, const struct conf_pos *places, size_t n,
                   const struct rules **out)
{
    struct rules *rules = compile_new(c, sizeof(*rules));
    bool ok = rules;

    *out = NULL;
    if (!rules)
        return false;
    rules->last = &rules->first;
    for (size_t i = 0; i < n; i++)
        ok &= compile_begin(c, list[i], places[i]) && compile_one(c, rules);
    if (n)
        *out = rules;
    return ok;
}

/* ---- running ---- */

enum rule_result rule_refused(struct rule_run *run)
{
    run->message->refused = false;
    run->out->failed++;
    return run->forgiving ? RULES_DONE : RULES_FAILED;
}

enum rule_result rules_run(const struct rules *rules, struct eval *ev, struct rule_effects *effects,
                           struct rule_outcome *out)
{
    struct rule_run run = {ev, effects, out, ev->res ? ev->res : ev->req, false};

    *out = (struct rule_outcome){.by = 'P'};
    for (const struct rule *r = rules ? rules->first : NULL; r; r = r->next) {
        struct arena_mark mark = arena_mark(ev->tmp);
        if (!cond_holds(r->cond, ev))
            continue;
        if (!r->action->run)
            break;
        out->result = r->action->run(r, &run);
        if (out->result != RULES_DONE)
            break;
        arena_release(ev->tmp, mark);
    }
    if (out->result == RULES_FAILED && !out->status)
        out->status = ev->res ? 502 : 500;
    return out->result;
}
