/*
 * Actions that change messages and variables.
 */
#include "common/base/macro.h"
#include "common/base/parse.h"
#include "lb/core/pattern.h"
#include "lb/core/rule_internal.h"

#define VALUE_MAX 16384 /* of what a replacement makes */

static enum rule_result done(struct rule_run *run, bool ok)
{
    return ok ? RULES_DONE : rule_refused(run);
}

/* ---- header lines ---- */

/* Fields that lb writes by itself: an edit would have no effect. */
static void warn_framing(struct rule_args *a, const struct word *w, const struct message_name *name)
{
    if (message_is_framing(name))
        compile_say(a->c, CONF_NOTICE, w, NULL,
                    "\"%s\" has no effect here: lb writes this field by itself", w->text.at);
}

static bool parse_name(struct rule_args *a, struct rule *r)
{
    const struct word *w = rule_need(a, "a header's name");
    struct text own;

    if (!w || !compile_text(a->c, w->text, &own))
        return false;
    if (!http1_is_token(own.at, own.len))
        return compile_fault_at(a->c, w, NULL, "\"%s\" is not a header's name", own.at);
    r->name = message_name(own);
    warn_framing(a, w, &r->name);
    return true;
}

bool rule_parse_header(struct rule_args *a, struct rule *r)
{
    return parse_name(a, r) && (r->format = rule_format(a, "a value"));
}

enum rule_result rule_run_header(const struct rule *r, struct rule_run *run)
{
    struct text v = format_eval(r->format, run->ev, NULL);
    bool ok = v.at && (r->aux == HEADER_SET ? message_set(run->message, &r->name, v)
                                            : message_add(run->message, &r->name, v));
    return done(run, ok);
}

bool rule_parse_del_header(struct rule_args *a, struct rule *r)
{
    const struct word *name = rule_need(a, "a header's name"), *w;
    struct text own;
    int method = PATTERN_STR;

    if (!name || !compile_text(a->c, name->text, &own))
        return false;
    r->name = message_name(own);
    if ((w = rule_option(a))) {
        if (!word_is(w, "-m") || !(w = rule_need(a, "a way to compare behind -m")))
            return compile_fault_at(a->c, w, "write -m beg", "\"%s\" does not belong here",
                                    w ? w->text.at : "-m");
        for (method = 0; method < PATTERN_METHODS; method++)
            if (word_is(w, pattern_method_names[method]))
                break;
    }
    r->aux = method;
    switch (method) {
    case PATTERN_REG:
        return compile_regex(a->c, own, true, name->at, name->len, &r->regex);
    case PATTERN_STR:
    case PATTERN_BEG:
    case PATTERN_END:
    case PATTERN_SUB:
        warn_framing(a, name, &r->name);
        return true;
    }
    return compile_fault_at(a->c, w, "known: str beg end sub reg", "unknown way to compare \"%s\"",
                            w->text.at);
}

static bool name_matches(const struct rule *r, struct rule_run *run, struct text name)
{
    struct text t = r->name.text;

    switch (r->aux) {
    case PATTERN_REG:
        return regex_find(r->regex, run->ev->regex, name, 0, NULL);
    case PATTERN_BEG:
        return text_ieq(text_head(name, t.len), t);
    case PATTERN_END:
        return name.len >= t.len && text_ieq(text_from(name, name.len - t.len), t);
    default:
        for (size_t i = 0; i + t.len <= name.len; i++)
            if (strncasecmp(name.at + i, t.at, t.len) == 0)
                return true;
        return false;
    }
}

enum rule_result rule_run_del_header(const struct rule *r, struct rule_run *run)
{
    struct message_field f;

    if (r->aux == PATTERN_STR)
        message_remove_all(run->message, &r->name);
    for (unsigned at = 0; r->aux != PATTERN_STR && message_next(run->message, &at, &f);)
        if (name_matches(r, run, f.name))
            message_remove(run->message, f.index);
    return RULES_DONE;
}

/* ---- replacing by a regular expression ---- */

static bool parse_regex(struct rule_args *a, struct rule *r)
{
    const struct word *w = rule_need(a, "a regular expression");

    return w && compile_regex(a->c, w->text, false, w->at, w->len, &r->regex) &&
           (r->format = rule_format(a, "what to write instead"));
}

bool rule_parse_replace_header(struct rule_args *a, struct rule *r)
{
    return parse_name(a, r) && parse_regex(a, r);
}

/* If `in` matches, what is to stand there instead: the format's text with \1 and its kin filled in.
 * False if it does not match; *ok is false if it can't be made. */
static bool replaced(const struct rule *r, struct rule_run *run, struct text in, struct text *out,
                     bool *ok)
{
    struct regex_match m;

    if (!regex_find(r->regex, run->ev->regex, in, 0, &m))
        return false;
    struct text format = format_eval(r->format, run->ev, NULL);
    char *to = arena_bytes(run->ev->tmp, VALUE_MAX);
    size_t n = format.at && to ? regex_expand(format, in, &m, to, VALUE_MAX) : SIZE_MAX;
    *ok = n != SIZE_MAX;
    *out = (struct text){to, n};
    return true;
}

static size_t element_end(struct text v, size_t at)
{
    bool quoted = false;

    for (; at < v.len && (quoted || v.at[at] != ','); at++) {
        if (v.at[at] == '"')
            quoted = !quoted;
        else if (quoted && v.at[at] == '\\' && at + 1 < v.len)
            at++;
    }
    return at;
}

/* Each element of a list on its own; false if nothing matched. */
static bool replaced_elements(const struct rule *r, struct rule_run *run, struct text in,
                              struct text *out, bool *ok)
{
    char *to = arena_bytes(run->ev->tmp, VALUE_MAX);
    size_t n = 0;
    bool any = false;

    *ok = to;
    for (size_t at = 0, end; *ok && at <= in.len; at = end + 1) {
        end = element_end(in, at);
        struct text piece = {in.at + at, end - at}, new = piece;
        any |= replaced(r, run, text_trim(piece), &new, ok);
        if (!*ok || new.len + 1 > VALUE_MAX - n) {
            *ok = false;
            break;
        }
        if (at)
            to[n++] = ',';
        memcpy(to + n, new.at, new.len);
        n += new.len;
    }
    *out = (struct text){to, n};
    return any || !*ok;
}

enum rule_result rule_run_replace_header(const struct rule *r, struct rule_run *run)
{
    struct message_field f;
    struct text new;
    bool ok = true;

    for (unsigned at = 0; ok && message_find(run->message, &r->name, &at, &f);) {
        bool matched = r->aux == REPLACE_HEADER ? replaced(r, run, f.value, &new, &ok)
                                                : replaced_elements(r, run, f.value, &new, &ok);
        if (matched && ok)
            ok = message_change(run->message, f.index, new);
    }
    return done(run, ok);
}

/* ---- the start line ---- */

bool rule_parse_format(struct rule_args *a, struct rule *r)
{
    return (r->format = rule_format(a, "a value"));
}

static bool set_line(struct message *m, int what, struct text v)
{
    switch (what) {
    case LINE_METHOD:
        return message_set_method(m, v);
    case LINE_URI:
        return message_set_uri(m, v);
    case LINE_PATH:
        return message_set_path(m, v);
    case LINE_PATHQ:
        return message_set_pathq(m, v);
    default:
        return message_set_query(m, v);
    }
}

enum rule_result rule_run_line(const struct rule *r, struct rule_run *run)
{
    struct text v = format_eval(r->format, run->ev, NULL);
    return done(run, v.at && set_line(run->message, r->aux, v));
}

bool rule_parse_replace(struct rule_args *a, struct rule *r)
{
    return parse_regex(a, r);
}

enum rule_result rule_run_replace(const struct rule *r, struct rule_run *run)
{
    struct message_target t;
    struct text in, new;
    bool ok = true;

    message_target(run->message, &t);
    in = r->aux == LINE_URI ? t.all : t.path;
    if (r->aux == LINE_PATHQ && t.path.len)
        in = text_from(t.all, (size_t)(t.path.at - t.all.at));
    if (!in.at || !replaced(r, run, in, &new, &ok))
        return RULES_DONE;
    return done(run, ok && set_line(run->message, r->aux, new));
}

bool rule_parse_status(struct rule_args *a, struct rule *r)
{
    const struct word *w = rule_need(a, "a status");

    if (!w)
        return false;
    if (!parse_int(w->text.at, 100, 999, &r->num))
        return compile_fault_at(a->c, w, "write 100 to 999", "\"%s\" is not a status", w->text.at);
    r->name.text = TEXT_NONE;
    if (!(w = rule_option(a)))
        return true;
    if (!word_is(w, "reason"))
        return compile_fault_at(a->c, w, "write reason \"TEXT\"", "\"%s\" does not belong here",
                                w->text.at);
    w = rule_need(a, "a text behind reason");
    return w && compile_text(a->c, w->text, &r->name.text);
}

enum rule_result rule_run_status(const struct rule *r, struct rule_run *run)
{
    return done(run, message_set_status(run->message, (unsigned)r->num, r->name.text.at));
}

/* ---- variables, the client's address ---- */

static bool parse_var(struct rule_args *a, struct rule *r)
{
    struct text name = text_head(a->paren, text_find(a->paren, ','));

    if (name.len < a->paren.len)
        return compile_fault(a->c, a->paren_at + name.len, a->paren.len - name.len,
                             "write the condition behind \"if\"",
                             "conditions of variables are not supported");
    return compile_var(a->c, name, a->paren_at, name.len, &r->ref);
}

bool rule_parse_set_var(struct rule_args *a, struct rule *r)
{
    const struct word *w = rule_need(a, "a sample");

    return w && parse_var(a, r) && (r->expr = expr_parse(a->c, w->text, w->at));
}

bool rule_parse_set_var_format(struct rule_args *a, struct rule *r)
{
    return parse_var(a, r) && (r->format = rule_format(a, "a text"));
}

enum rule_result rule_run_set_var(const struct rule *r, struct rule_run *run)
{
    struct sample s = {.type = SAMPLE_STR};

    if (r->expr ? !expr_value(r->expr, run->ev, &s)
                : !(s.str = format_eval(r->format, run->ev, NULL)).at)
        return RULES_DONE;
    vars_set(run->ev, r->ref, &s);
    return RULES_DONE;
}

bool rule_parse_unset_var(struct rule_args *a, struct rule *r)
{
    return parse_var(a, r);
}

enum rule_result rule_run_unset_var(const struct rule *r, struct rule_run *run)
{
    vars_set(run->ev, r->ref, &(struct sample){0});
    return RULES_DONE;
}

bool rule_parse_source(struct rule_args *a, struct rule *r)
{
    enum sample_type type = r->aux == SOURCE_ADDR ? SAMPLE_ADDR : SAMPLE_INT;
    const struct word *w = rule_need(a, "a sample");

    if (!w || !(r->expr = expr_parse(a->c, w->text, w->at)))
        return false;
    return sample_castable(expr_type(r->expr), type) ||
           compile_fault_at(a->c, w, NULL, "%s is no %s", sample_type_names[expr_type(r->expr)],
                            r->aux == SOURCE_ADDR ? "address" : "port");
}

enum rule_result rule_run_source(const struct rule *r, struct rule_run *run)
{
    struct addr_port *source = &run->effects->source;
    struct eval *ev = run->ev;
    struct sample s;

    if (!expr_value(r->expr, ev, &s) ||
        !sample_cast(&s, r->aux == SOURCE_ADDR ? SAMPLE_ADDR : SAMPLE_INT, ev->tmp))
        return RULES_DONE;
    if (!source->addr.family && ev->client)
        *source = *ev->client;
    if (r->aux == SOURCE_ADDR)
        *source = (struct addr_port){s.addr, 0};
    else
        source->port = (uint16_t)s.num;
    if (source->addr.family)
        ev->client = source;
    return RULES_DONE;
}
