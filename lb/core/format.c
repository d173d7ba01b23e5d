#include "lb/core/format.h"

#include "common/base/macro.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

struct piece {
    struct piece *next;
    struct text literal; /* one of these three */
    const struct expr *expr;
    const struct format_letter *letter;
    unsigned flags;
};

struct format {
    enum format_kind kind;
    struct piece *first, **last;
};

/* ---- parsing ---- */

struct reader {
    struct compile *c;
    struct text in;
    size_t at, read;
    unsigned flags; /* of %o */
    const struct format_letters *letters;
};

static char peek(const struct reader *r)
{
    return r->read < r->in.len ? r->in.at[r->read] : '\0';
}

static struct piece *new_piece(struct reader *r, struct format *f)
{
    struct piece *p = compile_new(r->c, sizeof(*p));

    if (p) {
        *f->last = p;
        f->last = &p->next;
    }
    return p;
}

static bool read_literal(struct reader *r, struct format *f)
{
    char *out = arena_bytes(r->c->scratch, r->in.len + 1);
    size_t n = 0;

    if (!out)
        return compile_fault(r->c, r->at, 0, NULL, "out of memory");
    for (; r->read < r->in.len; r->read++) {
        if (r->in.at[r->read] == '%') {
            if (r->read + 1 >= r->in.len || r->in.at[r->read + 1] != '%')
                break;
            r->read++;
        }
        out[n++] = r->in.at[r->read];
    }
    if (n == 0)
        return true;
    struct piece *p = new_piece(r, f);
    return p && compile_text(r->c, (struct text){out, n}, &p->literal);
}

/* "+Q,-X}" behind the brace. */
static bool read_flags(struct reader *r, unsigned *flags)
{
    static const struct {
        char letter;
        unsigned flag;
    } rows[] = {{'Q', FORMAT_QUOTE}, {'X', FORMAT_HEX}, {'E', FORMAT_ESCAPE}, {'M', 0}};
    size_t open = r->read - 1;

    while (peek(r) && peek(r) != '}') {
        char sign = peek(r), letter;
        size_t i = 0;
        r->read++;
        letter = peek(r);
        while (i < ARRAY_LEN(rows) && rows[i].letter != letter)
            i++;
        if ((sign != '+' && sign != '-') || i == ARRAY_LEN(rows))
            return compile_fault(r->c, r->at + r->read - 1, 2, "known: +Q -Q +X -X +E -E",
                                 "\"%c%c\" is not a flag", sign, letter ? letter : ' ');
        *flags = sign == '+' ? *flags | rows[i].flag : *flags & ~rows[i].flag;
        r->read++;
        if (peek(r) == ',')
            r->read++;
    }
    if (!peek(r))
        return compile_fault(r->c, r->at + open, 1, NULL, "this brace is not closed");
    r->read++;
    return true;
}

static bool read_expr(struct reader *r, struct piece *p)
{
    size_t used = 0, open = r->read - 1;

    p->expr = expr_parse_prefix(r->c, text_from(r->in, r->read), r->at + r->read, &used);
    if (!p->expr)
        return false;
    r->read += used;
    while (text_is_blank(peek(r)))
        r->read++;
    if (peek(r) == ']') {
        r->read++;
        return true;
    }
    if (!peek(r))
        return compile_fault(r->c, r->at + open, 1, NULL, "this bracket is not closed");
    return compile_fault(r->c, r->at + r->read, 1, "a converter follows behind a ','",
                         "\"%c\" does not belong here", peek(r));
}

/* The longest name in the table that stands here. */
static bool read_letter(struct reader *r, struct piece *p)
{
    struct text rest = text_from(r->in, r->read), word = rest;
    size_t longest = 0;

    word.len = 0;
    while (word.len < rest.len && (isalnum((unsigned char)rest.at[word.len])))
        word.len++;
    for (size_t i = 0; i < r->letters->n; i++) {
        struct text name = text_of(r->letters->v[i].name);
        if (text_eq(name, word) && name.len > longest) {
            p->letter = &r->letters->v[i];
            longest = name.len;
        }
    }
    r->read += longest;
    if (longest)
        return true;
    if (!word.len)
        return compile_fault(r->c, r->at + r->read - 1, 1, "write %% for a percent sign",
                             "something is missing behind the '%%'");
    return compile_fault(r->c, r->at + r->read - 1, word.len + 1,
                         compile_hint(r->c, word, r->letters->v, r->letters->n,
                                      sizeof(*r->letters->v), "write %% for a percent sign"),
                         "unknown variable \"%%%.*s\"", (int)word.len, word.at);
}

static bool read_hole(struct reader *r, struct format *f)
{
    unsigned flags = r->flags;

    r->read++; /* the percent sign */
    if (peek(r) == '{') {
        r->read++;
        if (!read_flags(r, &flags))
            return false;
    }
    if (peek(r) == 'o' &&
        (r->read + 1 >= r->in.len || !isalnum((unsigned char)r->in.at[r->read + 1]))) {
        r->read++;
        r->flags = flags;
        return true;
    }
    struct piece *p = new_piece(r, f);
    if (!p)
        return false;
    p->flags = flags;
    if (peek(r) != '[')
        return read_letter(r, p);
    r->read++;
    return read_expr(r, p);
}

const struct format *format_parse(struct compile *c, struct text text, size_t at,
                                  enum format_kind kind, const struct format_letters *letters)
{
    struct reader r = {.c = c, .in = text, .at = at, .letters = letters};
    struct format *f = compile_new(c, sizeof(*f));

    if (!f)
        return NULL;
    f->kind = kind;
    f->last = &f->first;
    while (r.read < text.len)
        if (!read_literal(&r, f) || (r.read < text.len && !read_hole(&r, f)))
            return NULL;
    return f;
}

struct text format_constant(const struct format *f)
{
    if (!f->first)
        return TEXT("");
    return f->first->next ? TEXT_NONE : f->first->literal;
}

/* ---- evaluating ---- */

struct output {
    char *at;
    size_t len, cap;
    bool lost;
};

static void put(struct output *o, struct text t)
{
    if (t.len > o->cap - o->len) {
        o->lost = true;
        return;
    }
    if (t.len)
        memcpy(o->at + o->len, t.at, t.len);
    o->len += t.len;
}

static bool is_hidden(enum format_kind kind, unsigned char c)
{
    if (kind == FORMAT_HTTP)
        return (c < 0x20 && c != '\t') || c == 0x7f;
    return c < 0x20 || c >= 0x7f || strchr("\"#{|}", c);
}

/* Bytes that could break a message, a log line or a reader of it are written as two digits. */
static void put_value(struct output *o, enum format_kind kind, unsigned flags, struct text t)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.at[i];
        char coded[3] = {kind == FORMAT_HTTP ? '%' : '#', hex[c >> 4], hex[c & 15]};
        if (flags & FORMAT_ESCAPE && c && strchr("\"\\]", c))
            put(o, (struct text){(char[]){'\\', (char)c}, 2});
        else if (is_hidden(kind, c))
            put(o, (struct text){coded, 3});
        else
            put(o, (struct text){t.at + i, 1});
    }
}

static struct text value_of(const struct piece *p, struct eval *ev, void *user)
{
    struct sample s;

    if (p->letter)
        return p->letter->fn(p->letter, ev, user, p->flags);
    if (!expr_value(p->expr, ev, &s) || !sample_cast(&s, SAMPLE_STR, ev->tmp))
        return TEXT_NONE;
    return s.str;
}

static void put_piece(struct output *o, const struct format *f, const struct piece *p,
                      struct eval *ev, void *user)
{
    bool quotes =
        p->flags & FORMAT_QUOTE && (p->letter ? !p->letter->number : f->kind == FORMAT_LOG);
    struct text v = value_of(p, ev, user);

    if (!v.at) {
        if (f->kind == FORMAT_LOG)
            put(o, TEXT("-"));
        return;
    }
    if (quotes)
        put(o, TEXT("\""));
    put_value(o, f->kind, p->flags, v);
    if (quotes)
        put(o, TEXT("\""));
}

#define FORMAT_MAX 16384 /* bytes of a result */

struct text format_eval(const struct format *f, struct eval *ev, void *user)
{
    struct text constant = format_constant(f);
    struct output o = {.cap = FORMAT_MAX};

    if (constant.at)
        return constant;
    o.at = arena_bytes(ev->tmp, FORMAT_MAX + 1);
    if (!o.at)
        return TEXT_NONE;
    for (const struct piece *p = f->first; p; p = p->next) {
        struct arena_mark mark = arena_mark(ev->tmp);
        if (p->literal.at)
            put(&o, p->literal);
        else
            put_piece(&o, f, p, ev, user);
        arena_release(ev->tmp, mark);
    }
    if (o.lost)
        return TEXT_NONE;
    o.at[o.len] = '\0';
    if (ev->tmp->at == o.at + FORMAT_MAX + 1) /* what was not needed is given back */
        ev->tmp->at = o.at + o.len + 1;
    return (struct text){o.at, o.len};
}

/* ---- the letters that rules know ---- */

enum { CLIENT, LOCAL };
enum { PATH, PATHQ, PATHONLY, QUERY, URI };

static const struct addr_port *end_of(const struct format_letter *l, const struct eval *ev)
{
    const struct addr_port *p = l->aux == CLIENT ? ev->client : ev->local;
    return p && p->addr.family ? p : NULL;
}

static struct text letter_addr(const struct format_letter *l, struct eval *ev, void *user,
                               unsigned flags)
{
    const struct addr_port *p = end_of(l, ev);
    char text[ADDR_TEXT_MAX];
    size_t n = 0;

    if (!p)
        return TEXT_NONE;
    if (!(flags & FORMAT_HEX))
        return arena_printf(ev->tmp, "%s", addr_format(&p->addr, text));
    for (size_t i = 0; i < addr_size(&p->addr); i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%02X", p->addr.bytes[i]);
    return arena_printf(ev->tmp, "%s", text);
}

static struct text number(struct eval *ev, int64_t n, unsigned flags)
{
    if (flags & FORMAT_HEX)
        return arena_printf(ev->tmp, "%04llX", (unsigned long long)n);
    return arena_printf(ev->tmp, "%lld", (long long)n);
}

static struct text letter_port(const struct format_letter *l, struct eval *ev, void *user,
                               unsigned flags)
{
    const struct addr_port *p = end_of(l, ev);
    return p ? number(ev, p->port, flags) : TEXT_NONE;
}

static struct text letter_name(const struct format_letter *l, struct eval *ev, void *user,
                               unsigned flags)
{
    struct text t = TEXT_NONE;

    if (ev->ops)
        t = ev->ops->name(ev->owner, (enum eval_name)l->aux, EVAL_OWN);
    return t.at || l->aux != EVAL_SERVER ? t : TEXT("<NOSRV>");
}

static struct text letter_figure(const struct format_letter *l, struct eval *ev, void *user,
                                 unsigned flags)
{
    int64_t n = ev->ops ? ev->ops->figure(ev->owner, (enum figure)l->aux, EVAL_OWN) : INT64_MIN;
    return n == INT64_MIN ? TEXT_NONE : number(ev, n, flags);
}

static struct text letter_hostname(const struct format_letter *l, struct eval *ev, void *user,
                                   unsigned flags)
{
    return ev->program ? ev->program->hostname : TEXT_NONE;
}

static struct text letter_status(const struct format_letter *l, struct eval *ev, void *user,
                                 unsigned flags)
{
    return ev->res ? number(ev, message_status(ev->res), flags) : TEXT_NONE;
}

static struct text known(struct eval *ev, enum eval_name n)
{
    return ev->ops ? ev->ops->name(ev->owner, n, EVAL_OWN) : TEXT_NONE;
}

/* The line as it came, also once rules have changed it. */
static struct text letter_line(const struct format_letter *l, struct eval *ev, void *user,
                               unsigned flags)
{
    struct text method = known(ev, EVAL_REQUEST_METHOD), uri = known(ev, EVAL_REQUEST_URI);
    struct text version = known(ev, EVAL_REQUEST_VERSION), path;

    if (!method.at || !uri.at || !version.at)
        return TEXT_NONE;
    path = text_head(uri, text_find(uri, '?'));
    switch (l->aux) {
    case PATH:
    case PATHONLY:
        return path;
    case QUERY:
        return text_from(uri, path.len);
    case PATHQ:
    case URI:
        return uri;
    default:
        return arena_printf(ev->tmp, "%.*s %.*s %.*s", (int)method.len, method.at, (int)uri.len,
                            uri.at, (int)version.len, version.at);
    }
}

enum { GMT_DATE = 'T', LOCAL_DATE = 'l', SHORT_DATE = 't', SECONDS = 's', MILLISECONDS = 'm' };

static struct text letter_time(const struct format_letter *l, struct eval *ev, void *user,
                               unsigned flags)
{
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct timespec now = {0};
    struct tm t = {0};

    if (!ev->ops)
        return TEXT_NONE;
    now = ev->ops->wall(ev->owner);
    if (l->aux == SECONDS)
        return number(ev, now.tv_sec, flags);
    if (l->aux == MILLISECONDS)
        return arena_printf(ev->tmp, "%03d", (int)(now.tv_nsec / 1000000));
    if (l->aux == GMT_DATE)
        gmtime_r(&now.tv_sec, &t);
    else
        ev->ops->local_time(ev->owner, now.tv_sec, &t);
    struct text date =
        arena_printf(ev->tmp, "%02d/%s/%04d:%02d:%02d:%02d", t.tm_mday, months[t.tm_mon % 12],
                     t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
    if (!date.at || l->aux == SHORT_DATE)
        return date.at ? arena_printf(ev->tmp, "%s.%03d", date.at, (int)(now.tv_nsec / 1000000))
                       : date;
    long offset = l->aux == GMT_DATE ? 0 : t.tm_gmtoff / 60;
    return arena_printf(ev->tmp, "%s %c%02ld%02ld", date.at, offset < 0 ? '-' : '+',
                        labs(offset) / 60, labs(offset) % 60);
}

static const struct format_letter rule_letters[] = {
    {"ci", letter_addr, CLIENT},
    {"cp", letter_port, CLIENT, true},
    {"fi", letter_addr, LOCAL},
    {"fp", letter_port, LOCAL, true},
    {"f", letter_name, EVAL_LISTENER},
    {"ft", letter_name, EVAL_LISTENER},
    {"b", letter_name, EVAL_POOL},
    {"s", letter_name, EVAL_SERVER},
    {"H", letter_hostname, 0},
    {"HM", letter_name, EVAL_REQUEST_METHOD},
    {"HP", letter_line, PATH},
    {"HPO", letter_line, PATHONLY},
    {"HQ", letter_line, QUERY},
    {"HU", letter_line, URI},
    {"HV", letter_name, EVAL_REQUEST_VERSION},
    {"r", letter_line, -1},
    {"ID", letter_name, EVAL_UNIQUE_ID},
    {"ST", letter_status, 0, true},
    {"T", letter_time, GMT_DATE},
    {"Tl", letter_time, LOCAL_DATE},
    {"trg", letter_time, GMT_DATE},
    {"trl", letter_time, LOCAL_DATE},
    {"t", letter_time, SHORT_DATE},
    {"tr", letter_time, SHORT_DATE},
    {"Ts", letter_time, SECONDS, true},
    {"ms", letter_time, MILLISECONDS, true},
    {"ac", letter_figure, FIGURE_ALL_CONNS, true},
    {"fc", letter_figure, FIGURE_LISTENER_CONNS, true},
    {"bc", letter_figure, FIGURE_POOL_CONNS, true},
    {"sc", letter_figure, FIGURE_SERVER_CONNS, true},
    {"bq", letter_figure, FIGURE_POOL_QUEUED, true},
    {"sq", letter_figure, FIGURE_SERVER_QUEUED, true},
    {"rt", letter_figure, FIGURE_REQUEST_COUNT, true},
    {"pid", letter_figure, FIGURE_PID, true},
};

const struct format_letters format_rule_letters = {rule_letters, ARRAY_LEN(rule_letters)};
