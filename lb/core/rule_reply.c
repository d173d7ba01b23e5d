/*
 * Actions that answer: deny, tarpit, return, redirect. The bytes are those of HAProxy 2.6.12.
 */
#include "common/base/macro.h"
#include "common/base/parse.h"
#include "lb/core/rule_internal.h"

#include <stdarg.h>
#include <stdio.h>

struct reply_header {
    struct reply_header *next;
    struct text name;
    const struct format *value;
};

struct reply {
    enum rule_result result; /* RULES_DENY: the error page */
    uint16_t status;
    char by;
    bool whole;       /* `text` is a whole response */
    struct text type; /* content-type */
    struct text text; /* at NULL: no body */
    const struct format *format;
    struct reply_header *headers, **last;
};

#define HEAD_MAX 16384

/* ---- deny, tarpit, return ---- */

static const uint16_t pages[] = {200, 400, 401, 403, 404, 405, 407, 408, 410, 413, 414,
                                 421, 422, 425, 429, 431, 500, 501, 502, 503, 504, 505};

static bool has_page(int64_t status)
{
    for (size_t i = 0; i < ARRAY_LEN(pages); i++)
        if (pages[i] == status)
            return true;
    return false;
}

static bool take_status(struct rule_args *a, const struct word *keyword, struct reply *p)
{
    const struct word *w = rule_need(a, "a status");
    bool page = word_is(keyword, "deny_status");
    int64_t n;

    if (!w)
        return false;
    if (!parse_int(w->text.at, 200, 599, &n))
        return compile_fault_at(a->c, w, "write 200 to 599", "\"%s\" is not a status", w->text.at);
    if (page && !has_page(n)) {
        compile_say(a->c, CONF_WARNING, w, "use status instead of deny_status",
                    "there is no error page for %d: 500 is used", (int)n);
        n = 500;
    }
    p->status = (uint16_t)n;
    if (!page && p->result == RULES_DENY)
        p->result = RULES_ANSWER;
    return true;
}

static bool take_text(struct rule_args *a, struct text *out)
{
    const struct word *w = rule_need(a, "a text");
    return w && compile_text(a->c, w->text, out);
}

static bool take_file(struct rule_args *a, struct text *out)
{
    const struct word *w = rule_need(a, "a file");
    return w && compile_file(a->c, w->text, w->at, w->len, out);
}

static bool take_string(struct rule_args *a, const struct word *k, struct reply *p)
{
    p->result = p->result == RULES_TARPIT ? RULES_TARPIT : RULES_ANSWER;
    if (word_is(k, "string"))
        return take_text(a, &p->text);
    return (p->format = rule_format(a, "a text"));
}

static bool take_content(struct rule_args *a, const struct word *k, struct reply *p)
{
    struct text content;

    p->result = RULES_ANSWER;
    if (!take_file(a, &content))
        return false;
    if (word_is(k, "file"))
        p->text = content;
    else
        p->format = format_parse(a->c, content, k->at, FORMAT_HTTP, &format_rule_letters);
    return p->text.at || p->format;
}

static bool take_errorfile(struct rule_args *a, const struct word *k, struct reply *p)
{
    p->result = RULES_ANSWER;
    p->whole = true;
    if (!take_file(a, &p->text))
        return false;
    struct text t = p->text;
    size_t blank = text_find(t, ' ');
    int64_t status = sample_number(text_from(t, blank + 1));
    if (!text_eq(text_head(t, 5), TEXT("HTTP/")) || status < 200 || status > 599)
        return compile_fault_at(a->c, k, "it begins with HTTP/1.1 503 ...",
                                "this file holds no HTTP response");
    p->status = (uint16_t)status;
    return true;
}

static bool take_page(struct rule_args *a, const struct word *k, struct reply *p)
{
    p->result = p->result == RULES_TARPIT ? RULES_TARPIT : RULES_DENY;
    return true;
}

static bool take_type(struct rule_args *a, const struct word *k, struct reply *p)
{
    return take_text(a, &p->type);
}

static bool take_header(struct rule_args *a, const struct word *k, struct reply *p)
{
    struct reply_header *h = compile_new(a->c, sizeof(*h));
    const struct word *w = h ? rule_need(a, "a header's name") : NULL;

    if (!w || !compile_text(a->c, w->text, &h->name))
        return false;
    struct message_name name = message_name(h->name);
    if (!http1_is_token(h->name.at, h->name.len) || message_is_framing(&name))
        return compile_fault_at(a->c, w, NULL, "\"%s\" can't be a header's name here", w->text.at);
    *p->last = h;
    p->last = &h->next;
    if (p->result == RULES_DENY)
        p->result = RULES_ANSWER;
    return (h->value = rule_format(a, "a header's value"));
}

static const struct {
    const char *word;
    bool (*take)(struct rule_args *a, const struct word *k, struct reply *p);
} options[] = {
    {"status", take_status},           {"deny_status", take_status},  {"content-type", take_type},
    {"string", take_string},           {"lf-string", take_string},    {"file", take_content},
    {"lf-file", take_content},         {"errorfile", take_errorfile}, {"hdr", take_header},
    {"default-errorfiles", take_page},
};

static bool take_option(struct rule_args *a, const struct word *w, struct reply *p)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (word_is(w, options[i].word))
            return options[i].take(a, w, p);
    return compile_fault_at(a->c, w,
                            compile_hint(a->c, w->text, options, ARRAY_LEN(options),
                                         sizeof(options[0]), "\"if\" or \"unless\" may follow"),
                            "\"%s\" does not belong here", w->text.at);
}

static bool has_no_body(unsigned status)
{
    return status == 204 || status == 304;
}

static bool parse_reply(struct rule_args *a, struct rule *r, struct reply initial)
{
    struct reply *p = compile_new(a->c, sizeof(*p));
    const struct word *w;

    if (!p)
        return false;
    *p = initial;
    p->last = &p->headers;
    while ((w = rule_option(a)))
        if (!take_option(a, w, p))
            return false;
    bool body = p->text.len || p->format;
    if (body && !p->whole && has_no_body(p->status))
        return compile_fault_at(a->c, a->action, NULL, "an answer with status %d has no body",
                                p->status);
    if (body && !p->whole && !p->type.at)
        return compile_fault_at(a->c, a->action, "add content-type text/plain",
                                "this answer has a body, but no content-type");
    r->reply = p;
    return true;
}

bool rule_parse_deny(struct rule_args *a, struct rule *r)
{
    bool request = a->c->phase == PHASE_REQUEST;
    return parse_reply(a, r, (struct reply){RULES_DENY, request ? 403 : 502, 'P'});
}

bool rule_parse_tarpit(struct rule_args *a, struct rule *r)
{
    return parse_reply(a, r, (struct reply){RULES_TARPIT, 500, 'P'});
}

bool rule_parse_return(struct rule_args *a, struct rule *r)
{
    return parse_reply(a, r, (struct reply){RULES_ANSWER, 200, 'L'});
}

/* ---- writing an answer ---- */

struct writer {
    char *at;
    size_t len;
    bool lost;
};

static void printf_like(2, 3) put(struct writer *w, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(w->at + w->len, HEAD_MAX - w->len, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= HEAD_MAX - w->len)
        w->lost = true;
    else
        w->len += (size_t)n;
}

static void put_status(struct writer *w, unsigned status)
{
    put(w, "HTTP/1.1 %u %s\r\n", status, message_phrase(status));
}

static void put_headers(struct writer *w, const struct reply *p, struct eval *ev)
{
    for (const struct reply_header *h = p->headers; h; h = h->next) {
        struct text v = format_eval(h->value, ev, NULL);
        if (v.at && v.len && http1_is_value(v.at, v.len))
            put(w, "%s: %.*s\r\n", h->name.at, (int)v.len, v.at);
    }
}

static enum rule_result finish(struct writer *w, struct rule_run *run)
{
    if (!w->at || w->lost)
        return RULES_FAILED;
    run->out->head = (struct text){w->at, w->len};
    return RULES_ANSWER;
}

static enum rule_result answer(const struct reply *p, struct rule_run *run)
{
    struct rule_outcome *out = run->out;
    struct writer w = {.at = arena_bytes(run->ev->tmp, HEAD_MAX)};

    out->body = p->text.at ? p->text : TEXT("");
    if (p->format)
        out->body = format_eval(p->format, run->ev, NULL);
    if (!w.at || !out->body.at)
        return RULES_FAILED;
    if (has_no_body(p->status))
        out->body.len = 0;
    put_status(&w, p->status);
    put_headers(&w, p, run->ev);
    if (!has_no_body(p->status))
        put(&w, "content-length: %zu\r\n", out->body.len);
    if (p->type.at && out->body.len)
        put(&w, "content-type: %s\r\n", p->type.at);
    return finish(&w, run);
}

enum rule_result rule_run_reply(const struct rule *r, struct rule_run *run)
{
    const struct reply *p = r->reply;

    run->out->status = p->status;
    run->out->by = p->by;
    if (p->result != RULES_ANSWER)
        return p->result;
    if (!p->whole)
        return answer(p, run);
    run->out->whole = true;
    run->out->head = p->text;
    return RULES_ANSWER;
}

/* ---- redirect ---- */

enum { TO_LOCATION = 1, TO_PREFIX, TO_SCHEME };

enum { DROP_QUERY = 1, APPEND_SLASH = 2, IGNORE_EMPTY = 4, CLEAR_COOKIE = 8 };

static const struct {
    const char *word;
    int flag;
} redirect_flags[] = {
    {"drop-query", DROP_QUERY}, {"append-slash", APPEND_SLASH}, {"ignore-empty", IGNORE_EMPTY}};

static const struct {
    const char *word;
    int kind;
} redirect_kinds[] = {{"location", TO_LOCATION}, {"prefix", TO_PREFIX}, {"scheme", TO_SCHEME}};

static bool take_code(struct rule_args *a, struct rule *r)
{
    const struct word *w = rule_need(a, "a code");

    if (!w)
        return false;
    if (parse_int(w->text.at, 301, 308, &r->num) && (r->num <= 303 || r->num >= 307))
        return true;
    return compile_fault_at(a->c, w, "write 301, 302, 303, 307 or 308",
                            "\"%s\" is not the code of a redirect", w->text.at);
}

static bool take_redirect(struct rule_args *a, const struct word *w, struct rule *r)
{
    for (size_t i = 0; i < ARRAY_LEN(redirect_kinds); i++)
        if (word_is(w, redirect_kinds[i].word)) {
            r->ref = (uint32_t)redirect_kinds[i].kind;
            return (r->format = rule_format(a, "where to"));
        }
    for (size_t i = 0; i < ARRAY_LEN(redirect_flags); i++)
        if (word_is(w, redirect_flags[i].word))
            return r->aux |= redirect_flags[i].flag, true;
    if (word_is(w, "code"))
        return take_code(a, r);
    if (word_is(w, "set-cookie") || word_is(w, "clear-cookie")) {
        r->aux |= word_is(w, "clear-cookie") ? CLEAR_COOKIE : 0;
        return take_text(a, &r->name.text);
    }
    return compile_fault_at(a->c, w,
                            "known: location, prefix, scheme, code, drop-query, append-slash, "
                            "ignore-empty, set-cookie, clear-cookie",
                            "\"%s\" does not belong here", w->text.at);
}

bool rule_parse_redirect(struct rule_args *a, struct rule *r)
{
    const struct word *w;

    r->num = 302;
    r->name.text = TEXT_NONE;
    while ((w = rule_option(a)))
        if (!take_redirect(a, w, r))
            return false;
    if (!r->ref)
        return compile_fault_at(a->c, a->action, "write redirect location /new",
                                "redirect needs location, prefix or scheme");
    if (r->ref != TO_LOCATION && a->c->phase != PHASE_REQUEST)
        return compile_fault_at(a->c, a->action, "write redirect location ...",
                                "the request is not known any more");
    return true;
}

/* Where the request would have gone: path and query, as the flags have it. */
static void put_target(struct writer *w, const struct rule *r, const struct message_target *t)
{
    struct text path = t->path.at ? t->path : TEXT("");

    put(w, "%.*s", (int)path.len, path.at);
    if (r->aux & APPEND_SLASH && (!path.len || path.at[path.len - 1] != '/'))
        put(w, "/");
    if (t->has_query && !(r->aux & DROP_QUERY))
        put(w, "?%.*s", (int)t->query.len, t->query.at);
}

static void put_location(struct writer *w, const struct rule *r, struct text base,
                         struct rule_run *run)
{
    static const struct message_name host = {{"host", 4}, HTTP1_NAME_HOST};
    struct message_target t;
    struct message_field f = {.value = TEXT("")};
    unsigned at = 0;

    if (r->ref == TO_LOCATION || !run->ev->req) {
        put(w, "%.*s", (int)base.len, base.at);
        return;
    }
    message_target(run->ev->req, &t);
    if (r->ref == TO_SCHEME) {
        message_find(run->ev->req, &host, &at, &f);
        put(w, "%.*s://%.*s", (int)base.len, base.at, (int)f.value.len, f.value.at);
    } else if (!text_eq(base, TEXT("/"))) {
        put(w, "%.*s", (int)base.len, base.at);
    }
    put_target(w, r, &t);
}

enum rule_result rule_run_redirect(const struct rule *r, struct rule_run *run)
{
    struct writer w = {.at = arena_bytes(run->ev->tmp, HEAD_MAX)};
    struct text base = format_eval(r->format, run->ev, NULL);

    if (!w.at || !base.at || !http1_is_value(base.at, base.len))
        return RULES_FAILED;
    if (!base.len && r->aux & IGNORE_EMPTY)
        return RULES_DONE;
    put(&w, "HTTP/1.1 %d %s\r\ncontent-length: 0\r\nlocation: ", (int)r->num,
        r->num == 302 ? "Found" : message_phrase((unsigned)r->num));
    put_location(&w, r, base, run);
    put(&w, "\r\n");
    if (r->num != 301 && r->num != 308)
        put(&w, "cache-control: no-cache\r\n");
    if (r->name.text.at)
        put(&w, "set-cookie: %s; path=/;%s\r\n", r->name.text.at,
            r->aux & CLEAR_COOKIE ? " Max-Age=0;" : "");
    run->out->status = (uint16_t)r->num;
    run->out->by = 'L';
    run->out->body = TEXT("");
    return finish(&w, run);
}
