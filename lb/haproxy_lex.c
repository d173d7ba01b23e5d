#include "lb/haproxy_lex.h"

#include "common/base/parse.h"
#include "lb/haproxy_cond.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_BYTES = 65536, WORDS_MAX = 4096, IF_DEPTH = 16 };

/* A block of .if: whether a branch of it was taken, and whether the present one is. */
struct branch {
    bool taken, active, outer, seen_else;
    struct conf_pos at;
};

struct lexer {
    const struct conf_file *file;
    const struct haproxy_env *env;
    struct haproxy_lines *out;
    struct conf_report *report;
    unsigned line;
    const char *start; /* of the line, for columns */
    struct branch ifs[IF_DEPTH];
    size_t depth;
};

static struct conf_pos at(const struct lexer *x, const char *p, size_t width)
{
    return (struct conf_pos){x->file, x->line, (unsigned)(p - x->start) + 1, (unsigned)width};
}

static void line_fini(struct haproxy_line *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->words[i].text);
    free(l->words);
    *l = (struct haproxy_line){0};
}

void haproxy_lines_fini(struct haproxy_lines *lines)
{
    for (size_t i = 0; i < lines->n; i++)
        line_fini(&lines->v[i]);
    free(lines->v);
    *lines = (struct haproxy_lines){0};
}

/* ---- one word ---- */

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* "$NAME", "${NAME}", "${NAME-default}" at `*p`; leaves `*p` behind it. */
static int expand(struct lexer *x, const char **p, const char *end, struct buf *word)
{
    char name[128];
    const char *dollar = *p, *from = dollar + 1;
    bool braces = from < end && *from == '{';
    from += braces;
    const char *stop = from;
    while (stop < end && is_name(*stop))
        stop++;
    size_t n = (size_t)(stop - from);
    if (!n || n >= sizeof(name) || isdigit((unsigned char)*from))
        return conf_say(x->report, CONF_ERROR, at(x, dollar, 1),
                        "write \"${NAME}\" or \"${NAME-default}\", or \"\\$\" for a dollar sign",
                        "this is not the name of an environment variable");
    memcpy(name, from, n);
    name[n] = '\0';
    const char *value = x->env->get(x->env->ctx, name), *close = stop;
    if (braces) {
        while (close < end && *close != '}' && *close != '"')
            close++;
        if (close == end || *close != '}' || (stop < close && *stop != '-'))
            return conf_say(x->report, CONF_ERROR, at(x, dollar, 2), "close it with \"}\"",
                            "the variable's name does not end");
    }
    if (value)
        buf_str(word, value);
    else if (stop < close)
        buf_add(word, stop + 1, (size_t)(close - stop) - 1);
    *p = braces ? close + 1 : stop;
    return 0;
}

/* A backslash and what follows. Outside quotes it also takes the meaning from blanks and "#". */
static int escape(struct lexer *x, const char **p, const char *end, bool quoted, struct buf *word)
{
    static const char names[] = "nrt", values[] = "\n\r\t";
    const char *backslash = *p;
    char c = backslash + 1 < end ? backslash[1] : '\0';
    const char *named = c ? strchr(names, c) : NULL;

    *p += c ? 2 : 1;
    if (c == 'x') {
        char digits[3] = {0};
        if (end - *p >= 2)
            memcpy(digits, *p, 2);
        if (!isxdigit((unsigned char)digits[0]) || !isxdigit((unsigned char)digits[1]))
            return conf_say(x->report, CONF_ERROR, at(x, backslash, 2),
                            "two digits follow, as in \\x20", "invalid hexadecimal escape");
        buf_char(word, (char)strtol(digits, NULL, 16));
        *p += 2;
    } else if (named) {
        buf_char(word, values[named - names]);
    } else if (c && (strchr("\\\"'$", c) || (!quoted && strchr(" #", c)))) {
        buf_char(word, c);
    } else {
        buf_char(word, '\\');
        if (c)
            buf_char(word, c);
    }
    return 0;
}

static int read_word(struct lexer *x, const char **p, const char *end, struct buf *word)
{
    const char *open = NULL;
    char quote = '\0';
    int err = 0;

    buf_add(word, "", 0);
    while (*p < end && !err) {
        char c = **p;
        if (!quote && (isspace((unsigned char)c) || c == '#'))
            break;
        if (c == '\\' && quote != '\'') {
            err = escape(x, p, end, quote, word);
        } else if (c == '$' && quote == '"') {
            err = expand(x, p, end, word);
        } else if (quote ? c == quote : c == '"' || c == '\'') {
            open = *p;
            quote = quote ? '\0' : c;
            (*p)++;
        } else {
            buf_char(word, c);
            (*p)++;
        }
    }
    if (!err && quote)
        err = conf_say(x->report, CONF_ERROR, at(x, open, 1), "close it on the same line",
                       "unmatched quote");
    return err;
}

static int read_words(struct lexer *x, const char *p, const char *end, struct haproxy_line *line)
{
    for (;;) {
        while (p < end && isspace((unsigned char)*p))
            p++;
        if (p == end || *p == '#')
            return 0;
        if (line->count == WORDS_MAX)
            return conf_say(x->report, CONF_ERROR, at(x, p, 1), NULL, "more than %d words",
                            WORDS_MAX);
        struct buf word cleanup(buf_fini) = BUF_INIT(LINE_BYTES);
        const char *from = p;
        int err = read_word(x, &p, end, &word);
        if (err == 0 && !parse_utf8(buf_cstr(&word)))
            err = conf_say(x->report, CONF_ERROR, at(x, from, (size_t)(p - from)), NULL,
                           "this text is not UTF-8");
        if (err < 0)
            return err;
        struct haproxy_word *words = reallocarray(line->words, line->count + 1, sizeof(*words));
        if (!words)
            return -ENOMEM;
        line->words = words;
        words[line->count] =
            (struct haproxy_word){.text = buf_take(&word), .at = at(x, from, (size_t)(p - from))};
        if (!words[line->count++].text)
            return -ENOMEM;
    }
}

/* ---- conditional lines ---- */

static bool active(const struct lexer *x)
{
    return !x->depth || x->ifs[x->depth - 1].active;
}

static int condition(struct lexer *x, const struct haproxy_line *line, bool *result)
{
    struct buf text cleanup(buf_fini) = BUF_INIT(LINE_BYTES);

    for (size_t i = 1; i < line->count; i++)
        buf_printf(&text, "%s%s", i > 1 ? " " : "", line->words[i].text);
    const char *wrong = haproxy_cond_eval(buf_cstr(&text), x->env, result);
    if (!wrong)
        return 0;
    const struct conf_pos where = line->words[line->count > 1 ? 1 : 0].at;
    return conf_say(x->report, CONF_ERROR, where,
                    "known: true false defined() feature() streq() strneq() version_atleast() "
                    "version_before() ! && || ( )",
                    "this condition cannot be read: %s", wrong);
}

static int on_if(struct lexer *x, const struct haproxy_line *line)
{
    bool outer = active(x), yes = false;

    if (x->depth == IF_DEPTH)
        return conf_say(x->report, CONF_ERROR, line->words[0].at, NULL, "more than %d nested .if",
                        IF_DEPTH);
    int err = outer ? condition(x, line, &yes) : 0;
    x->ifs[x->depth++] = (struct branch){
        .taken = yes, .active = outer && yes, .outer = outer, .at = line->words[0].at};
    return err;
}

static int on_elif(struct lexer *x, const struct haproxy_line *line)
{
    struct branch *b = &x->ifs[x->depth - 1];
    bool yes = false;
    int err = b->outer && !b->taken ? condition(x, line, &yes) : 0;

    b->active = b->outer && !b->taken && yes;
    b->taken |= yes;
    return err;
}

static int on_else(struct lexer *x, const struct haproxy_line *line)
{
    struct branch *b = &x->ifs[x->depth - 1];

    b->active = b->outer && !b->taken;
    b->taken = b->seen_else = true;
    return 0;
}

static int on_endif(struct lexer *x, const struct haproxy_line *line)
{
    x->depth--;
    return 0;
}

static int on_message(struct lexer *x, const struct haproxy_line *line)
{
    enum conf_severity severity = strcmp(line->words[0].text, ".alert") == 0     ? CONF_ERROR
                                  : strcmp(line->words[0].text, ".warning") == 0 ? CONF_WARNING
                                                                                 : CONF_NOTICE;
    if (!active(x))
        return 0;
    return conf_say(x->report, severity, line->words[0].at, NULL, "%s",
                    line->count > 1 ? line->words[1].text : "");
}

static const struct {
    const char *word;
    int (*run)(struct lexer *, const struct haproxy_line *);
    bool needs_if;
} directives[] = {
    {".if", on_if, false},         {".elif", on_elif, true},       {".else", on_else, true},
    {".endif", on_endif, true},    {".notice", on_message, false}, {".warning", on_message, false},
    {".alert", on_message, false}, {".diag", on_message, false},
};

static int directive(struct lexer *x, const struct haproxy_line *line)
{
    const struct haproxy_word *word = &line->words[0];

    for (size_t i = 0; i < ARRAY_LEN(directives); i++) {
        if (strcmp(directives[i].word, word->text) != 0)
            continue;
        if (directives[i].needs_if && !x->depth)
            return conf_say(x->report, CONF_ERROR, word->at, NULL, "\"%s\" without .if",
                            word->text);
        bool branch = directives[i].run == on_elif || directives[i].run == on_else;
        if (branch && x->ifs[x->depth - 1].seen_else)
            return conf_say(x->report, CONF_ERROR, word->at, NULL, "\"%s\" after .else",
                            word->text);
        return directives[i].run(x, line);
    }
    return conf_say(x->report, CONF_ERROR, word->at, NULL, "unknown directive \"%s\"", word->text);
}

/* ---- lines ---- */

static int keep(struct lexer *x, struct haproxy_line *line)
{
    struct haproxy_lines *out = x->out;

    if ((out->n & (out->n - 1)) == 0) {
        struct haproxy_line *v = reallocarray(out->v, out->n ? out->n * 2 : 1, sizeof(*v));
        if (!v)
            return -ENOMEM;
        out->v = v;
    }
    out->v[out->n++] = *line;
    *line = (struct haproxy_line){0};
    return 0;
}

/* Lines of a branch that is not taken are not read: they may hold what only others understand. */
static bool looks_like_directive(const char *p, const char *end)
{
    while (p < end && isspace((unsigned char)*p))
        p++;
    return p < end && *p == '.';
}

static int lex_line(struct lexer *x, const char *end)
{
    struct haproxy_line line cleanup(line_fini) = {0};

    if (end - x->start > LINE_BYTES)
        return conf_say(x->report, CONF_ERROR, at(x, x->start, 1), NULL, "the line is too long");
    bool is_directive = looks_like_directive(x->start, end);
    if (!is_directive && !active(x))
        return 0;
    int err = read_words(x, x->start, end, &line);
    if (err < 0 || !line.count)
        return err;
    return is_directive ? directive(x, &line) : keep(x, &line);
}

int haproxy_lex(struct conf_doc *doc, const char *name, const char *text, size_t len,
                const struct haproxy_env *env, struct haproxy_lines *out, struct conf_report *r)
{
    struct lexer x = {.env = env, .out = out, .report = r};
    int result = 0;

    x.file = conf_doc_file(doc, name, text, len);
    if (!x.file)
        return -ENOMEM;
    const char *end = x.file->text + len;
    for (x.start = x.file->text; x.start < end;) {
        const char *eol = memchr(x.start, '\n', (size_t)(end - x.start));
        x.line++;
        int err = lex_line(&x, eol ? eol : end);
        if (err == -ENOMEM)
            return err;
        result = err < 0 ? err : result;
        x.start = eol ? eol + 1 : end;
    }
    if (x.depth)
        result = conf_say(r, CONF_ERROR, x.ifs[x.depth - 1].at, "close it with .endif",
                          "this .if never ends");
    return result;
}
