#include "lb/core/acl.h"

#include "common/base/macro.h"
#include "lb/core/pattern.h"
#include "lb/core/sample_internal.h"

#include <ctype.h>

struct test {
    struct test *next;
    const struct expr *expr;
    struct patterns *patterns;
};

struct acl {
    struct acl *next;
    struct text name;
    struct test *any, **last;
    unsigned phases; /* when all of its tests have something to look at */
};

struct acls {
    struct acl *first, **last;
};

struct term {
    const struct acl *acl;
    bool negated;
    bool ends; /* the last one of its alternative */
};

struct cond {
    bool unless;
    size_t n;
    struct term *terms;
};

#define ALL_PHASES 31

struct acls *acls_new(struct compile *c)
{
    struct acls *a = compile_new(c, sizeof(*a));

    if (a)
        a->last = &a->first;
    return a;
}

/* ---- one test ---- */

static const struct {
    const char *suffix;
    enum pattern_method method;
} suffixes[] = {
    {"_beg", PATTERN_BEG}, {"_end", PATTERN_END}, {"_sub", PATTERN_SUB}, {"_dir", PATTERN_DIR},
    {"_dom", PATTERN_DOM}, {"_reg", PATTERN_REG}, {"_len", PATTERN_LEN}, {"_str", PATTERN_STR},
};

/* "path_beg" is path with the method beg; only where the fetch itself is not called that. */
static bool split_suffix(struct compile *c, struct text in, struct text *out, int *method)
{
    size_t n = 0;

    while (n < in.len && in.at[n] != '(' && in.at[n] != ',')
        n++;
    *out = in;
    *method = -1;
    if (sample_is_fetch(text_head(in, n)))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        struct text end = text_of(suffixes[i].suffix);
        if (n <= end.len || !text_eq((struct text){in.at + n - end.len, end.len}, end) ||
            !sample_is_fetch(text_head(in, n - end.len)))
            continue;
        *method = suffixes[i].method;
        *out = arena_printf(c->scratch, "%.*s%.*s", (int)(n - end.len), in.at, (int)(in.len - n),
                            in.at + n);
        return out->at || compile_fault(c, 0, 0, NULL, "out of memory");
    }
    return true;
}

static enum pattern_method usual_method(enum sample_type t)
{
    static const enum pattern_method methods[SAMPLE_TYPES] = {
        [SAMPLE_NONE] = PATTERN_STR, [SAMPLE_BOOL] = PATTERN_BOOL, [SAMPLE_INT] = PATTERN_INT,
        [SAMPLE_ADDR] = PATTERN_IP,  [SAMPLE_STR] = PATTERN_STR,   [SAMPLE_BIN] = PATTERN_BIN,
    };
    return methods[t];
}

/* The words of one test. */
struct source {
    struct compile *c;
    size_t at, end; /* words */
    struct text files[16];
    const struct word *file_words[16];
    size_t n_files;
    int method;
    bool ignore_case;
};

static const struct word *take(struct source *s)
{
    return s->at < s->end ? &s->c->words.v[s->at++] : NULL;
}

static bool take_method(struct source *s, const struct word *flag)
{
    const struct word *w = take(s);

    if (!w)
        return compile_fault_at(s->c, flag, "write -m beg", "-m needs a way to compare");
    for (int m = 0; m < PATTERN_METHODS; m++)
        if (word_is(w, pattern_method_names[m]))
            return s->method = m, true;
    return compile_fault_at(
        s->c, w,
        compile_hint(s->c, w->text, pattern_method_names, PATTERN_METHODS, sizeof(char *),
                     "known: found bool int ip bin len str beg end sub dir dom reg"),
        "unknown way to compare \"%s\"", w->text.at);
}

static bool take_file(struct source *s, const struct word *flag)
{
    const struct word *w = take(s);

    if (!w)
        return compile_fault_at(s->c, flag, "write -f /path/to/file", "-f needs a file");
    if (s->n_files == ARRAY_LEN(s->files))
        return compile_fault_at(s->c, w, NULL, "at most %zu files", ARRAY_LEN(s->files));
    s->file_words[s->n_files] = w;
    s->files[s->n_files++] = w->text;
    return true;
}

static bool take_flags(struct source *s)
{
    while (s->at < s->end) {
        const struct word *w = &s->c->words.v[s->at];
        if (w->quoted || w->text.len < 2 || w->text.at[0] != '-' || isdigit((int)w->text.at[1]))
            return true;
        s->at++;
        if (word_is(w, "--"))
            return true;
        if (word_is(w, "-i"))
            s->ignore_case = true;
        else if (word_is(w, "-m") ? !take_method(s, w) : word_is(w, "-f") && !take_file(s, w))
            return false;
        else if (word_is(w, "-u"))
            take(s); /* the number by which a command would find it */
        else if (!word_is(w, "-m") && !word_is(w, "-f") && !word_is(w, "-n"))
            return compile_fault_at(s->c, w,
                                    "known: -i -m -f -n --; write -- in front of a "
                                    "pattern that begins with '-'",
                                    "unknown flag \"%s\"", w->text.at);
    }
    return true;
}

static bool add_patterns(struct source *s, struct patterns *p, bool numbers)
{
    const struct word *w;

    for (size_t i = 0; i < s->n_files; i++)
        if (!patterns_add_file(s->c, p, s->files[i], false, s->file_words[i]->at,
                               s->file_words[i]->len))
            return false;
    while ((w = take(s))) {
        if (numbers && patterns_comparison(p, w->text))
            continue;
        if (!patterns_add(s->c, p, w->text, TEXT_NONE, w->at, w->len))
            return false;
    }
    return patterns_done(s->c, p);
}

static bool check_types(struct source *s, const struct word *w, const struct expr *x,
                        enum pattern_method m)
{
    if (sample_castable(expr_type(x), pattern_type(m)))
        return true;
    return compile_fault_at(s->c, w, NULL, "%s can't be compared with -m %s",
                            sample_type_names[expr_type(x)], pattern_method_names[m]);
}

/* Words [from, to) of the text at hand: what, how, with what. */
static struct test *parse_test(struct compile *c, size_t from, size_t to, unsigned *phases)
{
    struct source s = {.c = c, .at = from, .end = to, .method = -1};
    const struct word *w = take(&s);
    struct test *t = compile_new(c, sizeof(*t));
    enum phase phase = c->phase;
    struct text text;
    int suffix;

    if (!t || !split_suffix(c, w->text, &text, &suffix))
        return NULL;
    s.method = suffix;
    c->phase = (enum phase)ALL_PHASES;
    t->expr = expr_parse(c, text, w->at);
    c->phase = phase;
    if (!t->expr || !take_flags(&s))
        return NULL;
    *phases &= t->expr->fetch->phases;
    enum pattern_method m =
        s.method < 0 ? usual_method(expr_type(t->expr)) : (enum pattern_method)s.method;
    if (!check_types(&s, w, t->expr, m))
        return NULL;
    t->patterns = patterns_new(c, m, s.ignore_case);
    if (!t->patterns || !add_patterns(&s, t->patterns, m == PATTERN_INT || m == PATTERN_LEN))
        return NULL;
    if (!patterns_count(t->patterns) && !s.n_files && m != PATTERN_FOUND && m != PATTERN_BOOL)
        compile_say(c, CONF_WARNING, w, "add what to compare it with, or -m found",
                    "this is never true: it is compared with nothing");
    return t;
}

/* ---- acls ---- */

static struct acl *find(const struct acls *acls, struct text name)
{
    for (struct acl *a = acls ? acls->first : NULL; a; a = a->next)
        if (text_eq(a->name, name))
            return a;
    return NULL;
}

static struct acl *new_acl(struct compile *c, struct text name)
{
    struct acl *a = compile_new(c, sizeof(*a));

    if (!a || !compile_text(c, name, &a->name))
        return NULL;
    a->last = &a->any;
    a->phases = ALL_PHASES;
    return a;
}

static bool add_test(struct compile *c, struct acl *a, size_t from, size_t to)
{
    struct test *t = parse_test(c, from, to, &a->phases);

    if (!t)
        return false;
    *a->last = t;
    a->last = &t->next;
    return true;
}

bool acls_add(struct compile *c, struct acls *acls, const char *name)
{
    struct acl *a = find(acls, text_of(name));

    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("-_.:", *p))
            return compile_fault(c, 0, 0, NULL,
                                 "an acl's name has letters, digits, '-', '_', '.' and ':', not "
                                 "'%c'",
                                 *p);
    if (!c->words.n)
        return compile_fault(c, 0, 0, NULL, "acl \"%s\" says nothing", name);
    if (!a) {
        a = new_acl(c, text_of(name));
        if (!a)
            return false;
        *acls->last = a;
        acls->last = &a->next;
    }
    return add_test(c, a, 0, c->words.n);
}

/* Those that need not be written. */
static const struct {
    const char *name, *text;
} predefined[] = {
    {"TRUE", "always_true"},
    {"FALSE", "always_false"},
    {"LOCALHOST", "src 127.0.0.1/8 ::1"},
    {"HTTP", "req.proto_http"},
    {"HTTP_1.0", "req.ver 1.0"},
    {"HTTP_1.1", "req.ver 1.1"},
    {"HTTP_2.0", "req.ver 2.0"},
    {"HTTP_3.0", "req.ver 3.0"},
    {"HTTP_CONTENT", "req.hdr_val(content-length) gt 0"},
    {"HTTP_URL_ABS", "url_reg ^[^/:]*://"},
    {"HTTP_URL_SLASH", "url_beg /"},
    {"HTTP_URL_STAR", "url *"},
    {"METH_CONNECT", "method CONNECT"},
    {"METH_DELETE", "method DELETE"},
    {"METH_GET", "method GET HEAD"},
    {"METH_HEAD", "method HEAD"},
    {"METH_OPTIONS", "method OPTIONS"},
    {"METH_POST", "method POST"},
    {"METH_PUT", "method PUT"},
    {"METH_TRACE", "method TRACE"},
    {"WAIT_END", "wait_end"},
};

static struct acl *make_predefined(struct compile *c, struct text name, const char *text)
{
    struct compile inner = *c;
    struct acl *a = new_acl(c, name);

    return a && compile_begin(&inner, text, c->at) && add_test(&inner, a, 0, inner.words.n) ? a
                                                                                            : NULL;
}

static bool find_or_make(struct compile *c, const struct word *w, struct text name,
                         struct acl **out)
{
    const char *names[256];
    size_t n = 0;

    *out = find(c->acls, name);
    for (size_t i = 0; !*out && i < ARRAY_LEN(predefined); i++)
        if (text_eq(name, text_of(predefined[i].name)))
            return (*out = make_predefined(c, name, predefined[i].text));
    if (*out)
        return true;
    for (struct acl *a = c->acls ? c->acls->first : NULL; a && n < 200; a = a->next)
        names[n++] = a->name.at;
    for (size_t i = 0; i < ARRAY_LEN(predefined); i++)
        names[n++] = predefined[i].name;
    return compile_fault_at(c, w, compile_hint(c, name, names, n, sizeof(*names), NULL),
                            "there is no acl \"%.*s\"", (int)name.len, name.at);
}

/* ---- conditions ---- */

size_t cond_find(const struct words *w, size_t from)
{
    for (size_t i = from; i < w->n; i++)
        if (!w->v[i].quoted && (word_is(&w->v[i], "if") || word_is(&w->v[i], "unless")))
            return i;
    return w->n;
}

/* "{ ... }" from word i (the brace) on: the index behind it, 0 on a fault. */
static size_t anonymous(struct compile *c, size_t i, struct acl **out)
{
    size_t end = i + 1;

    while (end < c->words.n && (c->words.v[end].quoted || !word_is(&c->words.v[end], "}")))
        end++;
    if (end == c->words.n)
        return compile_fault_at(c, &c->words.v[i], "write { path /x }, with blanks",
                                "this brace is not closed");
    if (end == i + 1)
        return compile_fault_at(c, &c->words.v[i], NULL, "these braces hold nothing");
    *out = new_acl(c, TEXT(""));
    return *out && add_test(c, *out, i + 1, end) ? end + 1 : 0;
}

static void warn_phase(struct compile *c, const struct word *w, const struct acl *a)
{
    if (a->phases & c->phase || (c->http && c->phase == PHASE_CONTENT))
        return;
    compile_say(c, CONF_WARNING, w, NULL,
                "this is never true: it looks at something that is not known %s",
                c->phase >= PHASE_RESPONSE ? "in a response" : "at this time");
}

/* One term from word i on: the index behind it, 0 on a fault. */
static size_t parse_term(struct compile *c, size_t i, struct term *t)
{
    const struct word *w = &c->words.v[i];
    struct text name = w->text;
    struct acl *acl = NULL;

    while (!w->quoted && name.len && name.at[0] == '!') {
        t->negated = !t->negated;
        name = text_from(name, 1);
        if (!name.len && i + 1 < c->words.n) {
            w = &c->words.v[++i];
            name = w->text;
        }
    }
    if (!name.len)
        return compile_fault_at(c, w, NULL, "a condition is missing behind the '!'");
    if (!w->quoted && text_eq(name, TEXT("{")))
        i = anonymous(c, i, &acl);
    else
        i = find_or_make(c, w, name, &acl) ? i + 1 : 0;
    if (i)
        warn_phase(c, w, acl);
    t->acl = acl;
    return i;
}

static bool is_or(const struct word *w)
{
    return !w->quoted && (word_is(w, "or") || word_is(w, "||"));
}

static bool parse_terms(struct compile *c, size_t i, struct cond *cond)
{
    const struct words *w = &c->words;

    if (i == w->n)
        return compile_fault_at(c, i ? &w->v[i - 1] : NULL, "write if { path /x }",
                                "a condition is missing");
    cond->terms = compile_new(c, (w->n - i) * sizeof(*cond->terms));
    while (cond->terms && i < w->n) {
        struct term *t = &cond->terms[cond->n++];
        i = parse_term(c, i, t);
        if (!i)
            return false;
        t->ends = i == w->n || is_or(&w->v[i]);
        if (i < w->n && is_or(&w->v[i]) && ++i == w->n)
            return compile_fault_at(c, &w->v[i - 1], NULL, "a condition is missing behind \"%s\"",
                                    w->v[i - 1].text.at);
    }
    return cond->terms;
}

bool cond_parse(struct compile *c, size_t from, const struct cond **out)
{
    struct cond *cond;

    *out = NULL;
    if (from == c->words.n)
        return true;
    bool unless = word_is(&c->words.v[from], "unless");
    if (!unless && !word_is(&c->words.v[from], "if"))
        return compile_fault_at(c, &c->words.v[from], "\"if\" or \"unless\" may follow",
                                "\"%s\" does not belong here", c->words.v[from].text.at);
    cond = compile_new(c, sizeof(*cond));
    *out = cond;
    if (!cond)
        return false;
    cond->unless = unless;
    return parse_terms(c, from + 1, cond);
}

bool cond_parse_all(struct compile *c, const struct cond **out)
{
    if (c->words.n && cond_find(&c->words, 0) != 0) {
        struct cond *cond = compile_new(c, sizeof(*cond));
        *out = cond;
        return cond && parse_terms(c, 0, cond);
    }
    return cond_parse(c, 0, out);
}

/* ---- evaluating ---- */

static bool test_holds(const struct test *t, struct eval *ev)
{
    struct sample_walk w = {0};
    struct sample s;

    while (expr_next(t->expr, ev, &w, &s))
        if (patterns_match(t->patterns, ev, &s, NULL))
            return true;
    return false;
}

static bool acl_holds(const struct acl *a, struct eval *ev)
{
    struct arena_mark mark = arena_mark(ev->tmp);
    bool holds = false;

    for (const struct test *t = a->any; t && !holds; t = t->next)
        holds = test_holds(t, ev);
    arena_release(ev->tmp, mark);
    return holds;
}

bool cond_holds(const struct cond *cond, struct eval *ev)
{
    bool all = true, any = false;

    if (!cond)
        return true;
    for (size_t i = 0; i < cond->n && !any; i++) {
        const struct term *t = &cond->terms[i];
        all = all && acl_holds(t->acl, ev) != t->negated;
        if (t->ends) {
            any = all;
            all = true;
        }
    }
    return any != cond->unless;
}
