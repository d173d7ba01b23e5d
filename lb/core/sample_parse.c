/*
 * Expressions from text. What is known is in the tables; each fault says where it is, and what was
 * most likely meant.
 */
#include "lb/core/sample_internal.h"

#include "common/base/macro.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>

/* The text being read. */
struct reader {
    struct compile *c;
    struct text in;
    size_t at;   /* of the text at hand where `in` begins */
    size_t read; /* bytes of `in` */
};

static char next_char(const struct reader *r)
{
    return r->read < r->in.len ? r->in.at[r->read] : '\0';
}

static struct text read_word(struct reader *r)
{
    size_t from = r->read;

    while (r->read < r->in.len &&
           (isalnum((unsigned char)r->in.at[r->read]) || strchr("._-+", r->in.at[r->read])))
        r->read++;
    return (struct text){r->in.at + from, r->read - from};
}

/* ---- arguments ---- */

/* One piece of an argument list up to ',' or ')', without quotes and escapes. */
static bool read_arg(struct reader *r, struct text *out)
{
    char *to = arena_bytes(r->c->scratch, r->in.len - r->read + 1), quote = 0;
    size_t n = 0;

    if (!to)
        return compile_fault(r->c, r->at, 0, NULL, "out of memory");
    for (; r->read < r->in.len; r->read++) {
        char c = r->in.at[r->read];
        char after = r->read + 1 < r->in.len ? r->in.at[r->read + 1] : '\0';
        if (!quote && (c == ',' || c == ')'))
            break;
        if (c == '\\' && quote != '\'' && after && strchr("\\ \"',)(", after)) {
            to[n++] = after;
            r->read++;
        } else if (quote ? c == quote : c == '"' || c == '\'') {
            quote = quote ? 0 : c;
        } else {
            to[n++] = c;
        }
    }
    to[n] = '\0';
    *out = (struct text){to, n};
    return true;
}

static const char *const letter_words[128] = {
    ['s'] = "a text",
    ['n'] = "a header's name",
    ['i'] = "a number",
    ['d'] = "delimiters",
    ['a'] = "a mask",
    ['p'] = "a pool",
    ['l'] = "a listener",
    ['v'] = "a server",
    ['t'] = "a stick table",
    ['V'] = "a variable",
    ['S'] = "a text or a variable",
    ['k'] = "hexadecimal digits",
};

static bool take_number(struct reader *r, struct sample_arg *a, size_t at, size_t len)
{
    struct text t = text_trim(a->str);
    size_t i = t.len && (t.at[0] == '-' || t.at[0] == '+');

    for (size_t k = i; k < t.len; k++)
        if (!isdigit((unsigned char)t.at[k]))
            i = t.len;
    if (i >= t.len)
        return compile_fault(r->c, at, len, NULL, "\"%.*s\" is not a number", (int)a->str.len,
                             a->str.at);
    a->num = sample_number(t);
    return true;
}

/* A text that is the name of a variable is one. */
static bool take_var_or_text(struct reader *r, struct sample_arg *a, size_t at, size_t len)
{
    static const char *const scopes[] = {"txn.", "req.", "res.", "sess.", "proc."};

    for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
        a->is_var |=
            a->str.len > strlen(scopes[i]) && memcmp(a->str.at, scopes[i], strlen(scopes[i])) == 0;
    return !a->is_var || compile_var(r->c, a->str, at, len, &a->ref);
}

/* A server is named "pool/server", or "server" within its own pool. */
static bool take_server(struct reader *r, struct sample_arg *a, size_t at, size_t len)
{
    struct text full = a->str;

    if (text_find(full, '/') == full.len && r->c->own)
        full = arena_printf(r->c->scratch, "%s/%.*s", r->c->own, (int)full.len, full.at);
    return compile_name(r->c, PROGRAM_SERVER, full, at, len, &a->ref);
}

/* Gives the piece the meaning that the letter asks for. */
static bool take(struct reader *r, char letter, struct sample_arg *a, size_t at, size_t len)
{
    struct compile *c = r->c;
    struct text copy;

    if (!compile_text(c, a->str, &copy))
        return false;
    a->given = true;
    a->str = copy;
    switch (letter) {
    case 'i':
        return take_number(r, a, at, len);
    case 'n':
        a->name = message_name(copy);
        return http1_is_token(copy.at, copy.len) ||
               compile_fault(c, at, len, NULL, "\"%.*s\" is not a header's name", (int)copy.len,
                             copy.at);
    case 'p':
        return compile_name(c, PROGRAM_POOL, copy, at, len, &a->ref);
    case 'l':
        return compile_name(c, PROGRAM_LISTENER, copy, at, len, &a->ref);
    case 't':
    case 'T':
        return compile_name(c, PROGRAM_TABLE, copy, at, len, &a->ref);
    case 'v':
        return take_server(r, a, at, len);
    case 'V':
        return compile_var(c, copy, at, len, &a->ref);
    case 'S':
        return take_var_or_text(r, a, at, len);
    default:
        return true;
    }
}

/* What stands for an argument that was left out. */
static bool leave_out(struct reader *r, char letter, struct sample_arg *a, size_t at, size_t len)
{
    *a = (struct sample_arg){.ref = EVAL_OWN, .str = TEXT("")};
    return letter != 't' || !r->c->own ||
           compile_name(r->c, PROGRAM_TABLE, text_of(r->c->own), at, len, &a->ref);
}

/* "(a,b)" by the row's letters. */
static bool read_args(struct reader *r, struct text name, const char *spec, struct sample_arg *args,
                      unsigned *n)
{
    size_t open = r->read, end;
    bool optional = false, more = next_char(r) == '(';

    r->read += more;
    for (*n = 0; *spec; spec++) {
        if (*spec == '|') {
            optional = true;
            continue;
        }
        struct sample_arg *a = &args[(*n)++];
        size_t from = r->read;
        *a = (struct sample_arg){.ref = EVAL_OWN};
        if (more && !read_arg(r, &a->str))
            return false;
        if (!a->str.len && !optional && *spec != 's' && *spec != 'S')
            return compile_fault(r->c, r->at + open - name.len, name.len, NULL,
                                 "%.*s needs %s in its parentheses", (int)name.len, name.at,
                                 letter_words[(unsigned char)*spec]);
        if (!a->str.len && optional ? !leave_out(r, *spec, a, r->at + open - name.len, name.len)
                                    : !take(r, *spec, a, r->at + from, r->read - from))
            return false;
        more = more && next_char(r) == ',';
        r->read += more;
    }
    end = r->read;
    if (open == end || r->in.at[open] != '(')
        return true;
    if (more)
        return compile_fault(r->c, r->at + end, 1, NULL, "%.*s takes no more arguments",
                             (int)name.len, name.at);
    if (*n == 0)
        while (text_is_blank(next_char(r)))
            r->read++;
    if (next_char(r) != ')')
        return compile_fault(r->c, r->at + open, 1, NULL,
                             next_char(r) ? "%.*s takes no such argument"
                                          : "the parenthesis of %.*s is not closed",
                             (int)name.len, name.at);
    r->read++;
    return true;
}

/* ---- names ---- */

/* The rows of several tables as one list of names, for near ones. */
static const char *near_hint(struct reader *r, struct text word, bool convs)
{
    static const struct sample_fetches *const fetches[] = {&sample_fetch_rows, &sample_http_rows,
                                                           &sample_table_rows};
    static const struct sample_convs *const conv_tables[] = {
        &sample_conv_rows, &sample_conv_number_rows, &sample_conv_table_rows};
    const char *names[400];
    size_t n = 0;

    for (size_t t = 0; t < 3; t++) {
        size_t rows = convs ? conv_tables[t]->n : fetches[t]->n;
        for (size_t i = 0; i < rows && n < ARRAY_LEN(names); i++)
            names[n++] = convs ? conv_tables[t]->v[i].name : fetches[t]->v[i].name;
    }
    return compile_hint(r->c, word, names, n, sizeof(*names), NULL);
}

static const struct sample_fetch *find_fetch(struct text name)
{
    static const struct sample_fetches *const tables[] = {&sample_fetch_rows, &sample_http_rows,
                                                          &sample_table_rows};

    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (size_t i = 0; i < tables[t]->n; i++)
            if (text_eq(name, text_of(tables[t]->v[i].name)))
                return &tables[t]->v[i];
    return NULL;
}

bool sample_is_fetch(struct text name)
{
    return find_fetch(name);
}

static const struct sample_conv *find_conv(struct text name)
{
    static const struct sample_convs *const tables[] = {&sample_conv_rows, &sample_conv_number_rows,
                                                        &sample_conv_table_rows};

    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (size_t i = 0; i < tables[t]->n; i++)
            if (text_eq(name, text_of(tables[t]->v[i].name)))
                return &tables[t]->v[i];
    return NULL;
}

static bool unknown(struct reader *r, struct text name, bool conv)
{
    const char *why = sample_why_not(name);
    size_t at = r->at + (size_t)(name.at - r->in.at);

    if (!name.len)
        return compile_fault(r->c, at, 1, NULL, "%s is missing here",
                             conv ? "a converter" : "a sample");
    if (why)
        return compile_fault(r->c, at, name.len, why, "\"%.*s\" is not supported", (int)name.len,
                             name.at);
    return compile_fault(r->c, at, name.len, near_hint(r, name, conv), "unknown %s \"%.*s\"",
                         conv ? "converter" : "sample", (int)name.len, name.at);
}

/* ---- the whole ---- */

static const char *phase_word(enum phase p)
{
    switch (p) {
    case PHASE_CONNECTION:
        return "when a connection comes in";
    case PHASE_CONTENT:
        return "before a request is read";
    case PHASE_REQUEST:
        return "in a request";
    case PHASE_RESPONSE:
    case PHASE_AFTER:
        return "in a response";
    }
    return "";
}

static bool fits_phase(struct reader *r, const struct sample_fetch *f, struct text name)
{
    bool head = f->phases != NEEDS_NOTHING;
    bool fits = f->phases & r->c->phase && (r->c->http || !head);
    size_t at = r->at + (size_t)(name.at - r->in.at);

    if (fits)
        return true;
    return compile_fault(r->c, at, name.len, r->c->http ? NULL : "set the mode to http",
                         "%s is not known %s", f->name,
                         r->c->http ? phase_word(r->c->phase) : "in tcp mode");
}

static bool read_fetch(struct reader *r, struct expr *x)
{
    size_t from = r->read;
    struct text name = read_word(r);

    x->fetch = find_fetch(name);
    if (!x->fetch)
        return unknown(r, name, false);
    x->type = x->fetch->out;
    if (!fits_phase(r, x->fetch, name) || !read_args(r, name, x->fetch->args, x->args, &x->n_args))
        return false;
    return !x->fetch->check || x->fetch->check(r->c, x, r->at + from, r->read - from);
}

static bool read_conv(struct reader *r, struct expr *x, struct conv ***tail)
{
    size_t from = r->read;
    struct text name = read_word(r);
    const struct sample_conv *row = find_conv(name);
    struct conv *v = row ? compile_new(r->c, sizeof(*v)) : NULL;

    if (!row)
        return unknown(r, name, true);
    if (!v)
        return false;
    v->row = row;
    if (!sample_castable((enum sample_type)x->type, (enum sample_type)row->in))
        return compile_fault(r->c, r->at + from, name.len, NULL, "%s can't be applied to %s",
                             row->name, sample_type_names[x->type]);
    if (!read_args(r, name, row->args, v->args, &v->n_args))
        return false;
    if (row->check && !row->check(r->c, v, r->at + from, r->read - from))
        return false;
    if (row->out != SAMPLE_NONE)
        x->type = row->out;
    else if (row->in != SAMPLE_NONE)
        x->type = row->in;
    **tail = v;
    *tail = &v->next;
    return true;
}

const struct expr *expr_parse_prefix(struct compile *c, struct text text, size_t at, size_t *used)
{
    struct reader r = {c, text, at, 0};
    struct expr *x = compile_new(c, sizeof(*x));
    struct conv **tail = x ? &x->convs : NULL;

    if (!x || !read_fetch(&r, x))
        return NULL;
    while (next_char(&r) == ',') {
        r.read++;
        if (!read_conv(&r, x, &tail))
            return NULL;
    }
    *used = r.read;
    return x;
}

const struct expr *expr_parse(struct compile *c, struct text text, size_t at)
{
    size_t used = 0;
    const struct expr *x = expr_parse_prefix(c, text, at, &used);

    if (x && used < text.len) {
        compile_fault(c, at + used, text.len - used, "a converter follows behind a ','",
                      "\"%.*s\" does not belong here", (int)(text.len - used), text.at + used);
        return NULL;
    }
    return x;
}
