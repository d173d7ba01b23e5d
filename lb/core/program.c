#include "lb/core/program.h"

#include "common/base/parse.h"
#include "lb/core/regex.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define PROGRAM_MAX ((size_t)64 << 20) /* files of patterns can be long */
#define NAMES_MAX   4096

struct program_regex {
    struct program_regex *next;
    struct regex *regex;
};

struct program_file {
    struct program_file *next;
    struct text path, content;
};

struct program *program_new(const struct program_world *world)
{
    struct program *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    arena_init(&p->arena, NULL, 0, PROGRAM_MAX);
    const char *host = world && world->hostname ? world->hostname(world->user) : "localhost";
    p->hostname = arena_text(&p->arena, text_of(host));
    return p;
}

void program_free(struct program *p)
{
    if (!p)
        return;
    for (struct program_regex *r = p->regexes; r; r = r->next)
        regex_free(r->regex);
    for (size_t k = 0; k < PROGRAM_KINDS; k++)
        free(p->names[k].v);
    arena_fini(&p->arena);
    free(p);
}

unsigned program_name(struct program *p, enum program_kind kind, struct text name)
{
    struct program_names *names = &p->names[kind];

    for (size_t i = 0; i < names->n; i++)
        if (text_eq(names->v[i], name))
            return (unsigned)i;
    struct text own = arena_text(&p->arena, name);
    struct text *v =
        names->n < NAMES_MAX && own.at ? reallocarray(names->v, names->n + 1, sizeof(*v)) : NULL;
    if (!v)
        return UINT_MAX;
    names->v = v;
    v[names->n] = own;
    return (unsigned)names->n++;
}

/* ---- places ---- */

/* How often the word stands in the text in front of `at`. */
static size_t earlier(const char *text, size_t at, struct text word)
{
    size_t n = 0;

    for (size_t i = 0; i + word.len <= at; i++)
        n += memcmp(text + i, word.at, word.len) == 0;
    return n;
}

/* The text's words stand in the file quoted and spaced as the user wrote them, not as they are
 * here: the place is found by looking for the same occurrence of the word. */
static struct conf_pos place(const struct compile *c, size_t at, size_t len)
{
    struct conf_pos pos = c->at;
    struct text word = {c->text + at, len};
    const char *from = pos.file ? pos.file->text : NULL;

    for (unsigned line = 1; from && line < pos.line; line++)
        if ((from = strchr(from, '\n')))
            from++;
    if (!from || len == 0 || strlen(c->text) < at + len)
        return pos;
    struct text raw = {from, strcspn(from, "\n")};
    raw = text_from(raw, pos.col - 1);
    size_t skip = earlier(c->text, at, word);
    for (size_t i = 0; i + word.len <= raw.len; i++) {
        if (memcmp(raw.at + i, word.at, word.len) != 0 || skip-- > 0)
            continue;
        pos.col += (unsigned)i;
        pos.width = (unsigned)len;
        return pos;
    }
    return pos;
}

static void say(struct compile *c, enum conf_severity severity, size_t at, size_t len,
                const char *hint, const char *fmt, va_list ap)
{
    char text[sizeof(((struct conf_diag *)0)->text)];

    vsnprintf(text, sizeof(text), fmt, ap);
    conf_say(c->report, severity, place(c, at, len), hint, "%s", text);
}

bool compile_fault(struct compile *c, size_t at, size_t len, const char *hint, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(c, CONF_ERROR, at, len, hint, fmt, ap);
    va_end(ap);
    return false;
}

bool compile_fault_at(struct compile *c, const struct word *w, const char *hint, const char *fmt,
                      ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(c, CONF_ERROR, w ? w->at : 0, w ? w->len : 0, hint, fmt, ap);
    va_end(ap);
    return false;
}

void compile_say(struct compile *c, enum conf_severity severity, const struct word *w,
                 const char *hint, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(c, severity, w ? w->at : 0, w ? w->len : 0, hint, fmt, ap);
    va_end(ap);
}

static bool no_memory(struct compile *c)
{
    return compile_fault(c, 0, 0, NULL, "the rules are too large, or there is no memory for them");
}

bool compile_begin(struct compile *c, const char *text, struct conf_pos at)
{
    size_t open_at;

    c->text = text;
    c->at = at;
    if (words_cut(c->scratch, text, &c->words, &open_at))
        return true;
    if (open_at == SIZE_MAX)
        return no_memory(c);
    return compile_fault(c, open_at, 1, "add the closing quote", "this quote is not closed");
}

const char *compile_hint(struct compile *c, struct text word, const void *words, size_t n,
                         size_t stride, const char *otherwise)
{
    struct text copy = arena_text(c->scratch, word);
    const char *near = copy.at ? parse_nearest(copy.at, words, n, stride) : NULL;

    if (!near)
        return otherwise;
    return arena_printf(c->scratch, "did you mean \"%s\"?", near).at;
}

/* ---- parts ---- */

static const char *const kind_words[PROGRAM_KINDS] = {
    [PROGRAM_POOL] = "pool",
    [PROGRAM_LISTENER] = "listener",
    [PROGRAM_SERVER] = "server",
    [PROGRAM_TABLE] = "pool or peers section with a stick table called",
    [PROGRAM_VAR] = "variable",
};

bool compile_name(struct compile *c, enum program_kind kind, struct text name, size_t at,
                  size_t len, unsigned *out)
{
    struct text copy = arena_text(c->scratch, name);
    const char *near = NULL;

    if (!copy.at)
        return no_memory(c);
    if (c->world && c->world->exists && !c->world->exists(c->world->user, kind, copy.at, &near)) {
        const char *hint = near ? arena_printf(c->scratch, "did you mean \"%s\"?", near).at : NULL;
        return compile_fault(c, at, len, hint, "there is no %s \"%s\"", kind_words[kind], copy.at);
    }
    *out = program_name(c->program, kind, copy);
    return *out != UINT_MAX || no_memory(c);
}

static const struct {
    const char *name;
    enum var_scope scope;
} scopes[] = {{"sess", VAR_SESS}, {"txn", VAR_TXN}, {"req", VAR_REQ}, {"res", VAR_RES}};

static bool find_scope(struct text name, enum var_scope *out)
{
    struct text scope = text_head(name, text_find(name, '.'));

    for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
        if (text_eq(scope, text_of(scopes[i].name)))
            return *out = scopes[i].scope, true;
    return false;
}

enum var_scope var_scope(struct text name)
{
    enum var_scope s = VAR_TXN;

    find_scope(name, &s);
    return s;
}

bool compile_var(struct compile *c, struct text name, size_t at, size_t len, unsigned *out)
{
    enum var_scope scope;
    size_t dot = text_find(name, '.');

    if (text_eq(text_head(name, dot), TEXT("proc")))
        return compile_fault(c, at, len,
                             "use txn. or sess.; a value that all requests share "
                             "belongs into a stick table (gpt0)",
                             "variables of the process are not supported");
    if (!find_scope(name, &scope) || dot + 1 >= name.len)
        return compile_fault(c, at, len, "write txn.NAME, req.NAME, res.NAME or sess.NAME",
                             "\"%.*s\" is not a variable", (int)name.len, name.at);
    for (size_t i = dot + 1; i < name.len; i++)
        if (!isalnum((unsigned char)name.at[i]) && name.at[i] != '_' && name.at[i] != '.')
            return compile_fault(c, at, len, NULL,
                                 "a variable's name has letters, digits, '_' and '.', not '%c'",
                                 name.at[i]);
    *out = program_name(c->program, PROGRAM_VAR, name);
    return *out != UINT_MAX || no_memory(c);
}

bool compile_regex(struct compile *c, struct text pattern, bool ignore_case, size_t at, size_t len,
                   const struct regex **out)
{
    char error[128];
    size_t where;
    struct program_regex *r = arena_new(&c->program->arena, sizeof(*r));

    if (!r)
        return no_memory(c);
    r->regex = regex_new(pattern, ignore_case, error, &where);
    if (!r->regex)
        return compile_fault(c, at, len, NULL, "bad regular expression \"%.*s\": %s at byte %zu",
                             (int)pattern.len, pattern.at, error, where);
    r->next = c->program->regexes;
    c->program->regexes = r;
    *out = r->regex;
    return true;
}

bool compile_file(struct compile *c, struct text path, size_t at, size_t len, struct text *out)
{
    struct buf content cleanup(buf_fini) = BUF_INIT(PROGRAM_MAX / 2);
    struct err e = {""};

    for (struct program_file *f = c->program->files; f; f = f->next)
        if (text_eq(f->path, path))
            return *out = f->content, true;
    struct program_file *f = arena_new(&c->program->arena, sizeof(*f));
    if (!f)
        return no_memory(c);
    f->path = arena_text(&c->program->arena, path);
    if (!f->path.at)
        return no_memory(c);
    if (!c->world || !c->world->load)
        return compile_fault(c, at, len, NULL, "files cannot be read here");
    if (c->world->load(c->world->user, f->path.at, &content, &e) < 0)
        return compile_fault(c, at, len, NULL, "%s", e.text);
    f->content = arena_text(&c->program->arena, (struct text){content.data, content.len});
    if (!f->content.at)
        return no_memory(c);
    f->next = c->program->files;
    c->program->files = f;
    *out = f->content;
    return true;
}

void *compile_new(struct compile *c, size_t size)
{
    void *p = arena_new(&c->program->arena, size);

    if (!p)
        no_memory(c);
    return p;
}

bool compile_text(struct compile *c, struct text in, struct text *out)
{
    *out = arena_text(&c->program->arena, in);
    return out->at || no_memory(c);
}
