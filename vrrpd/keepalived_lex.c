/*
 * One physical line at a time: condition, definition, substitution, then words. Each byte of the
 * substituted line remembers the column it came from, so that a finding inside a variable points at
 * the place where the variable is used.
 */
#include "vrrpd/keepalived_lex.h"

#include "common/base/map.h"
#include "common/base/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    LINE_MAX_BYTES = 65536,
    FILES_MAX = 256,
    INCLUDE_DEPTH = 16,
    BLOCK_DEPTH = 16,
    SUBSTITUTION_DEPTH = 16,
};

struct lexer {
    struct conf_doc *doc;
    struct conf_report *report;
    const char *config_id;
    const struct keepalived_loader *loader;
    struct map variables;          /* name -> char * */
    struct keepalived_stmt *block; /* innermost open block */
    struct keepalived_stmt *stmt;  /* statement being built; NULL between statements */
    const struct conf_file *file;
    unsigned line, depth, include_depth, files;
};

/* The current line after substitution. */
struct line {
    struct buf text;
    struct buf cols; /* one unsigned per byte of text */
};

static void line_fini(struct line *l)
{
    buf_fini(&l->text);
    buf_fini(&l->cols);
}

static void line_add(struct line *l, char c, unsigned col)
{
    buf_char(&l->text, c);
    buf_add(&l->cols, &col, sizeof(col));
}

static struct conf_pos at_col(const struct lexer *x, unsigned col, size_t width)
{
    return (struct conf_pos){x->file, x->line, col, (unsigned)width};
}

static struct conf_pos at_byte(const struct lexer *x, const struct line *l, size_t i, size_t width)
{
    unsigned col = 1;
    if (i < l->text.len)
        memcpy(&col, l->cols.data + i * sizeof(col), sizeof(col));
    return at_col(x, col, width);
}

/* ---- statements ---- */

void keepalived_stmt_free(struct keepalived_stmt *s)
{
    while (s) {
        struct keepalived_stmt *next = s->next;
        keepalived_stmt_free(s->first);
        for (size_t i = 0; i < s->count; i++)
            free(s->words[i].text);
        free(s->words);
        free(s);
        s = next;
    }
}

static int begin_statement(struct lexer *x)
{
    if (x->stmt)
        return 0;
    struct keepalived_stmt *s = calloc(1, sizeof(*s));
    if (!s)
        return -ENOMEM;
    s->parent = x->block;
    if (x->block->last)
        x->block->last->next = s;
    else
        x->block->first = s;
    x->block->last = s;
    x->stmt = s;
    return 0;
}

static int add_word(struct lexer *x, const char *text, struct conf_pos at)
{
    if (begin_statement(x) < 0)
        return -ENOMEM;
    struct keepalived_stmt *s = x->stmt;
    struct keepalived_word *words = reallocarray(s->words, s->count + 1, sizeof(*words));
    if (!words)
        return -ENOMEM;
    s->words = words;
    words[s->count] = (struct keepalived_word){.text = strdup(text), .at = at};
    if (!words[s->count].text)
        return -ENOMEM;
    s->count++;
    return 0;
}

/* `{` belongs to the statement before it, also when it stands on a line of its own. */
static int open_block(struct lexer *x, struct conf_pos at)
{
    struct keepalived_stmt *s = x->stmt ? x->stmt : x->block->last;

    if (!s || s->block)
        return conf_say(x->report, CONF_ERROR, at, "a block is a keyword, maybe a name, and braces",
                        "\"{\" without a keyword before it");
    if (++x->depth > BLOCK_DEPTH)
        return conf_say(x->report, CONF_ERROR, at, NULL, "blocks nested deeper than %d",
                        BLOCK_DEPTH);
    s->block = true;
    x->block = s;
    x->stmt = NULL;
    return 0;
}

static int close_block(struct lexer *x, struct conf_pos at)
{
    x->stmt = NULL;
    if (!x->block->parent)
        return conf_say(x->report, CONF_ERROR, at, "remove it, or look for a missing \"{\" above",
                        "\"}\" closes nothing");
    x->block = x->block->parent;
    x->depth--;
    return 0;
}

/* ---- words ---- */

static size_t read_octal(const char *p, size_t left, char *out)
{
    size_t n = 0;
    int v = 0;
    while (n < left && n < 3 && p[n] >= '0' && p[n] <= '7')
        v = v * 8 + (p[n++] - '0');
    *out = (char)v;
    return n;
}

static size_t read_hex(const char *p, size_t left, char *out)
{
    char digits[3] = {0};
    size_t n = 0;
    while (n < left && n < 2 && isxdigit((unsigned char)p[n])) {
        digits[n] = p[n];
        n++;
    }
    *out = (char)strtol(digits, NULL, 16);
    return n;
}

/* One escape after a backslash; returns how many bytes it took. */
static size_t read_escape(const char *p, size_t left, char *out)
{
    static const char names[] = "abEfnrtv", values[] = "\a\b\033\f\n\r\t\v";
    const char *named;

    if (*p >= '0' && *p <= '7')
        return read_octal(p, left, out);
    if (*p == 'x' && left > 1 && isxdigit((unsigned char)p[1]))
        return 1 + read_hex(p + 1, left - 1, out);
    if (*p == 'c' && left > 1) {
        *out = (char)(p[1] & 0x1f);
        return 2;
    }
    named = strchr(names, *p);
    *out = named && *p ? values[named - names] : *p;
    return 1;
}

static bool ends_word(char c)
{
    return isspace((unsigned char)c) || c == '#' || c == '!' || c == '{' || c == '}';
}

/* A word as keepalived sees it: quotes may begin inside it; the quotes themselves go. */
static int read_word(struct lexer *x, const struct line *l, size_t *pos)
{
    struct buf word cleanup(buf_fini) = BUF_INIT(LINE_MAX_BYTES);
    const char *t = l->text.data;
    size_t i = *pos, start = *pos, len = l->text.len;
    char quote = '\0';

    buf_add(&word, "", 0);
    for (; i < len && (quote || !ends_word(t[i])); i++) {
        if (t[i] == '\\' && i + 1 < len && quote != '\'') {
            char c;
            i += read_escape(t + i + 1, len - i - 1, &c);
            if (c)
                buf_char(&word, c);
        } else if (quote ? t[i] == quote : t[i] == '"' || t[i] == '\'') {
            /* A single quote separates a script's arguments later, so it stays in the word. */
            if (t[i] == '\'')
                buf_char(&word, '\'');
            quote = quote ? '\0' : t[i];
        } else {
            buf_char(&word, t[i]);
        }
    }
    *pos = i;
    if (quote)
        return conf_say(x->report, CONF_ERROR, at_byte(x, l, start, 1), "close it on the same line",
                        "the quoted text is not closed");
    if (!parse_utf8(buf_cstr(&word)))
        return conf_say(x->report, CONF_ERROR, at_byte(x, l, start, i - start), NULL,
                        "this text is not UTF-8");
    return add_word(x, buf_cstr(&word), at_byte(x, l, start, i - start));
}

static int read_words(struct lexer *x, const struct line *l)
{
    const char *t = l->text.data;
    int err = 0;

    for (size_t i = 0; i < l->text.len && !err;) {
        if (t[i] == '#' || t[i] == '!') {
            while (i < l->text.len && t[i] != '\n')
                i++;
        } else if (t[i] == '\n') {
            x->stmt = NULL;
            i++;
        } else if (isspace((unsigned char)t[i])) {
            i++;
        } else if (t[i] == '{') {
            err = open_block(x, at_byte(x, l, i++, 1));
        } else if (t[i] == '}') {
            err = close_block(x, at_byte(x, l, i++, 1));
        } else {
            err = read_word(x, l, &i);
        }
    }
    x->stmt = NULL;
    return err;
}

/* ---- variables ---- */

static size_t name_length(const char *p, const char *end)
{
    size_t n = 0;
    while (p + n < end && (isalnum((unsigned char)p[n]) || p[n] == '_'))
        n++;
    return n;
}

/* The variable used at `p` (a '$'); `used` is how many bytes the use takes. NULL: not a variable.
 */
static const char *variable_at(const struct lexer *x, const char *p, const char *end, size_t *used)
{
    char name[128];
    bool braces = p + 1 < end && p[1] == '{';
    const char *from = p + (braces ? 2 : 1);
    size_t n = name_length(from, end);

    if (!n || n >= sizeof(name) || (braces && (from + n >= end || from[n] != '}')))
        return NULL;
    memcpy(name, from, n);
    name[n] = '\0';
    *used = (size_t)(from - p) + n + (braces ? 1 : 0);
    return map_get(&x->variables, name);
}

/* Copies with substitution; inside a value every byte has the column of the use. */
static void substitute(const struct lexer *x, const char *p, const char *end, unsigned col,
                       bool fixed_col, int depth, struct line *out)
{
    while (p < end && !out->text.lost) {
        size_t used = 0;
        const char *value = *p == '$' ? variable_at(x, p, end, &used) : NULL;
        if (value && depth < SUBSTITUTION_DEPTH) {
            substitute(x, value, value + strlen(value), col, true, depth + 1, out);
            p += used;
            col += fixed_col ? 0 : (unsigned)used;
        } else {
            line_add(out, *p++, col);
            col += fixed_col ? 0 : 1;
        }
    }
}

static int set_variable(struct lexer *x, const char *name, size_t name_len, char *value)
{
    char key[128];

    if (name_len >= sizeof(key)) {
        free(value);
        return conf_say(x->report, CONF_ERROR, at_col(x, 1, 1), NULL,
                        "a variable's name has at most 127 characters");
    }
    memcpy(key, name, name_len);
    key[name_len] = '\0';
    free(map_del(&x->variables, key));
    int err = map_put(&x->variables, key, value);
    if (err < 0)
        free(value);
    return err;
}

/* `$NAME=value`, with continuation lines. 1 if the line was one; `*p` is then behind it. */
static int definition(struct lexer *x, const char *line, const char **p, const char *end)
{
    size_t n = name_length(line + 1, end);
    const char *equals = line + 1 + n;
    struct buf value cleanup(buf_fini) = BUF_INIT(LINE_MAX_BYTES);

    while (equals < end && (*equals == ' ' || *equals == '\t'))
        equals++;
    if (!n || equals >= end || *equals != '=')
        return 0;
    const char *from = equals + 1;
    while (from < end && (*from == ' ' || *from == '\t'))
        from++;
    for (;;) {
        const char *eol = memchr(from, '\n', (size_t)(end - from));
        const char *stop = eol ? eol : end;
        bool more = eol && stop > from && stop[-1] == '\\';
        buf_add(&value, from, (size_t)(stop - from) - (more ? 1 : 0));
        *p = eol ? eol + 1 : end;
        if (!more)
            break;
        buf_char(&value, '\n');
        x->line++;
        from = *p;
    }
    if (value.lost)
        return conf_say(x->report, CONF_ERROR, at_col(x, 1, 1), NULL, "the value is too long");
    int err = set_variable(x, line + 1, n, buf_take(&value));
    return err < 0 ? err : 1;
}

/* ---- lines and files ---- */

static int lex_file(struct lexer *x, const char *name, const char *text, size_t len);

static int add_included(void *ctx, const char *name, const char *text, size_t len)
{
    return lex_file(ctx, name, text, len);
}

static int include(struct lexer *x, struct conf_pos at, const char *pattern)
{
    if (!x->loader || x->include_depth >= INCLUDE_DEPTH)
        return conf_say(x->report, CONF_ERROR, at, NULL,
                        x->loader ? "files include each other too deeply"
                                  : "include is not possible here");
    const struct conf_file *file = x->file;
    unsigned line = x->line;
    x->include_depth++;
    int err = x->loader->load(x->loader->ctx, file->name, pattern, add_included, x);
    x->include_depth--;
    x->file = file;
    x->line = line;
    if (err == -ENOENT)
        return conf_say(x->report, CONF_WARNING, at, "correct the path or remove the line",
                        "no file matches \"%s\"", pattern);
    if (err < 0 && !x->report->errors)
        return conf_say(x->report, CONF_ERROR, at, NULL, "cannot read \"%s\": %s", pattern,
                        strerror(-err));
    return err;
}

/* include and its variants (includer, includem, includew, includeb, includea). */
static bool is_include(const struct keepalived_stmt *s)
{
    return s && s->count == 2 && !s->block && strncmp(s->words[0].text, "include", 7) == 0 &&
           strlen(s->words[0].text) <= 8;
}

static int run_include(struct lexer *x)
{
    struct keepalived_stmt *s = x->block->last, *before = NULL;

    for (struct keepalived_stmt *it = x->block->first; it != s; it = it->next)
        before = it;
    if (before)
        before->next = NULL;
    else
        x->block->first = NULL;
    x->block->last = before;
    int err = include(x, s->words[1].at, s->words[1].text);
    keepalived_stmt_free(s);
    return err;
}

/* `@id rest` and `@^id rest`: where the rest begins, or NULL if the line is not for this node. */
static const char *conditional(const struct lexer *x, const char *p, const char *end)
{
    bool negate = p + 1 < end && p[1] == '^';
    const char *id = p + (negate ? 2 : 1), *stop = id;

    while (stop < end && !isspace((unsigned char)*stop))
        stop++;
    size_t n = (size_t)(stop - id);
    bool same = strlen(x->config_id) == n && memcmp(x->config_id, id, n) == 0;
    return same != negate ? stop : NULL;
}

static int lex_line(struct lexer *x, const char **p, const char *end)
{
    const char *start = *p, *eol = memchr(start, '\n', (size_t)(end - start));
    const char *stop = eol ? eol : end, *first = start;

    *p = eol ? eol + 1 : end;
    if ((size_t)(stop - start) > LINE_MAX_BYTES)
        return conf_say(x->report, CONF_ERROR, at_col(x, 1, 1), NULL, "the line is too long");
    while (first < stop && isspace((unsigned char)*first))
        first++;
    if (first < stop && *first == '@') {
        first = conditional(x, first, stop);
        if (!first)
            return 0;
        while (first < stop && isspace((unsigned char)*first))
            first++;
    }
    if (first < stop && *first == '$') {
        int defined = definition(x, first, p, end);
        if (defined)
            return defined < 0 ? defined : 0;
    }
    struct line l cleanup(line_fini) = {.text = BUF_INIT(LINE_MAX_BYTES),
                                        .cols = BUF_INIT(LINE_MAX_BYTES * sizeof(unsigned))};
    substitute(x, first, stop, (unsigned)(first - start) + 1, false, 0, &l);
    if (l.text.lost)
        return conf_say(x->report, CONF_ERROR, at_col(x, 1, 1), NULL,
                        "the line is too long once its variables are filled in");
    if (!l.text.len)
        return 0;
    struct keepalived_stmt *before = x->block->last;
    int err = read_words(x, &l);
    if (!err && x->block->last != before && is_include(x->block->last))
        err = run_include(x);
    return err;
}

static int lex_file(struct lexer *x, const char *name, const char *text, size_t len)
{
    if (++x->files > FILES_MAX)
        return -EMFILE;
    x->file = conf_doc_file(x->doc, name, text, len);
    if (!x->file)
        return -ENOMEM;
    x->line = 0;
    for (const char *p = x->file->text, *end = p + len; p < end;) {
        x->line++;
        int err = lex_line(x, &p, end);
        if (err < 0)
            return err;
    }
    return 0;
}

int keepalived_lex(struct conf_doc *doc, const char *name, const char *text, size_t len,
                   const char *config_id, const struct keepalived_loader *loader,
                   struct keepalived_stmt **root, struct conf_report *r)
{
    struct lexer x = {.doc = doc, .report = r, .config_id = config_id, .loader = loader};

    *root = x.block = calloc(1, sizeof(**root));
    if (!x.block)
        return -ENOMEM;
    int err = lex_file(&x, name, text, len);
    if (!err && x.block->parent)
        err = conf_say(r, CONF_ERROR, x.block->words[0].at, "close it with \"}\"",
                       "the block \"%s\" is never closed", x.block->words[0].text);
    map_for_each (e, &x.variables)
        free(e->value);
    map_fini(&x.variables);
    return err;
}
