#include "lb/core/pattern.h"

#include "common/base/macro.h"

#include <stdlib.h>

#define SORTED_FROM 8 /* fewer are tried one by one */

const char *const pattern_method_names[PATTERN_METHODS] = {
    [PATTERN_FOUND] = "found", [PATTERN_BOOL] = "bool", [PATTERN_INT] = "int",
    [PATTERN_LEN] = "len",     [PATTERN_IP] = "ip",     [PATTERN_STR] = "str",
    [PATTERN_BEG] = "beg",     [PATTERN_END] = "end",   [PATTERN_SUB] = "sub",
    [PATTERN_DIR] = "dir",     [PATTERN_DOM] = "dom",   [PATTERN_REG] = "reg",
    [PATTERN_BIN] = "bin",
};

enum sample_type pattern_type(enum pattern_method m)
{
    static const enum sample_type types[PATTERN_METHODS] = {
        [PATTERN_FOUND] = SAMPLE_NONE, [PATTERN_BOOL] = SAMPLE_BOOL, [PATTERN_INT] = SAMPLE_INT,
        [PATTERN_LEN] = SAMPLE_STR,    [PATTERN_IP] = SAMPLE_ADDR,   [PATTERN_STR] = SAMPLE_STR,
        [PATTERN_BEG] = SAMPLE_STR,    [PATTERN_END] = SAMPLE_STR,   [PATTERN_SUB] = SAMPLE_STR,
        [PATTERN_DIR] = SAMPLE_STR,    [PATTERN_DOM] = SAMPLE_STR,   [PATTERN_REG] = SAMPLE_STR,
        [PATTERN_BIN] = SAMPLE_BIN,
    };
    return types[m];
}

struct pattern {
    struct pattern *next; /* while they are gathered */
    struct text text, value;
    const struct regex *regex;
    int64_t min, max;
    struct addr_prefix net;
};

/* Networks of one size, [from, to) of the sorted ones. */
struct size_class {
    uint8_t family, len;
    size_t from, to;
};

struct patterns {
    enum pattern_method method;
    bool ignore_case;
    char comparison; /* '=', 'G' ge, 'g' gt, 'L' le, 'l' lt */
    size_t n;
    struct pattern *first, **last;
    struct pattern *v; /* [n] once done */
    struct size_class *classes;
    size_t n_classes;
};

struct patterns *patterns_new(struct compile *c, enum pattern_method m, bool ignore_case)
{
    struct patterns *p = compile_new(c, sizeof(*p));

    if (!p)
        return NULL;
    *p = (struct patterns){.method = m, .ignore_case = ignore_case, .comparison = '='};
    p->last = &p->first;
    return p;
}

size_t patterns_count(const struct patterns *p)
{
    return p->n;
}

/* ---- reading one ---- */

static bool is_number(struct text t)
{
    size_t i = t.len && t.at[0] == '-';

    for (size_t k = i; k < t.len; k++)
        if (t.at[k] < '0' || t.at[k] > '9')
            return false;
    return t.len > i;
}

/* "5", "5:10", "5:", ":10", or with a comparison in front of it "5". */
static bool read_range(struct compile *c, struct patterns *p, struct pattern *one, size_t at,
                       size_t len)
{
    struct text t = one->text;
    size_t colon = text_find(t, ':');
    struct text low = text_head(t, colon), high = colon < t.len ? text_from(t, colon + 1) : low;

    if ((low.len && !is_number(low)) || (high.len && !is_number(high)) || (!low.len && !high.len))
        return compile_fault(c, at, len, "write 5, 5:10, or gt 5",
                             "\"%.*s\" is not a number or a range", (int)t.len, t.at);
    if (p->comparison != '=' && colon < t.len)
        return compile_fault(c, at, len, NULL, "a comparison takes a number, not a range");
    one->min = low.len ? sample_number(low) : INT64_MIN;
    one->max = high.len ? sample_number(high) : INT64_MAX;
    switch (p->comparison) {
    case 'g':
        one->min += one->min < INT64_MAX; /* fall through */
        __attribute__((fallthrough));
    case 'G':
        one->max = INT64_MAX;
        break;
    case 'l':
        one->max -= one->max > INT64_MIN; /* fall through */
        __attribute__((fallthrough));
    case 'L':
        one->min = INT64_MIN;
    }
    return true;
}

static void mask_net(struct addr_prefix *net)
{
    for (unsigned i = net->len; i < addr_bits(&net->addr); i++)
        net->addr.bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
}

/* "/255.255.0.0" as a number of bits; false if it has holes or is none. */
static bool dotted_mask(const char *text, uint8_t *bits)
{
    struct addr mask;

    if (!addr_parse(text, &mask) || mask.family != AF_INET)
        return false;
    for (*bits = 0; *bits < 32 && mask.bytes[*bits / 8] & 0x80 >> *bits % 8;)
        ++*bits;
    for (unsigned i = *bits; i < 32; i++)
        if (mask.bytes[i / 8] & 0x80 >> i % 8)
            return false;
    return true;
}

static bool read_net(struct compile *c, struct pattern *one, size_t at, size_t len)
{
    size_t slash = text_find(one->text, '/');
    uint8_t bits;

    if (!addr_prefix_parse(one->text.at, &one->net)) {
        struct text host = arena_text(c->scratch, text_head(one->text, slash));
        if (!host.at || slash == one->text.len || !addr_parse(host.at, &one->net.addr) ||
            !dotted_mask(one->text.at + slash + 1, &bits))
            return compile_fault(c, at, len, "write 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32",
                                 "\"%s\" is not an address or a network", one->text.at);
        one->net.len = bits;
    }
    mask_net(&one->net);
    return true;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_bytes(struct compile *c, struct pattern *one, size_t at, size_t len)
{
    char *out = compile_new(c, one->text.len / 2 + 1);

    for (size_t i = 0; out && i < one->text.len; i += 2) {
        if (one->text.len % 2 || digit(one->text.at[i]) < 0 || digit(one->text.at[i + 1]) < 0)
            return compile_fault(c, at, len, NULL, "\"%s\" is not hexadecimal", one->text.at);
        out[i / 2] = (char)(digit(one->text.at[i]) << 4 | digit(one->text.at[i + 1]));
    }
    one->text = (struct text){out, one->text.len / 2};
    return out;
}

static bool is_separator(enum pattern_method m, char c)
{
    return c == '/' || c == '?' || (m == PATTERN_DOM && (c == '.' || c == ':'));
}

static void trim_separators(enum pattern_method m, struct text *t)
{
    while (t->len && is_separator(m, t->at[0]))
        *t = (struct text){t->at + 1, t->len - 1};
    while (t->len && is_separator(m, t->at[t->len - 1]))
        t->len--;
}

static bool read_one(struct compile *c, struct patterns *p, struct pattern *one, size_t at,
                     size_t len)
{
    switch (p->method) {
    case PATTERN_INT:
    case PATTERN_LEN:
        return read_range(c, p, one, at, len);
    case PATTERN_IP:
        return read_net(c, one, at, len);
    case PATTERN_REG:
        return compile_regex(c, one->text, p->ignore_case, at, len, &one->regex);
    case PATTERN_BIN:
        return read_bytes(c, one, at, len);
    case PATTERN_DIR:
    case PATTERN_DOM:
        trim_separators(p->method, &one->text);
        return true;
    case PATTERN_FOUND:
    case PATTERN_BOOL:
        return compile_fault(c, at, len, NULL, "-m %s compares with nothing",
                             pattern_method_names[p->method]);
    case PATTERN_STR:
    case PATTERN_BEG:
    case PATTERN_END:
    case PATTERN_SUB:
    case PATTERN_METHODS:
        return true;
    }
    return true;
}

bool patterns_add(struct compile *c, struct patterns *p, struct text pattern, struct text value,
                  size_t at, size_t len)
{
    struct pattern *one = compile_new(c, sizeof(*one));

    if (!one || !compile_text(c, pattern, &one->text))
        return false;
    one->value = value;
    if (!read_one(c, p, one, at, len))
        return false;
    *p->last = one;
    p->last = &one->next;
    p->n++;
    return true;
}

bool patterns_add_file(struct compile *c, struct patterns *p, struct text path, bool map, size_t at,
                       size_t len)
{
    struct text content;

    if (!compile_file(c, path, at, len, &content))
        return false;
    while (content.len) {
        struct text line = text_head(content, text_find(content, '\n')), value = TEXT_NONE;
        content = text_from(content, line.len + 1);
        if (line.len && line.at[line.len - 1] == '\r')
            line.len--;
        line = text_trim(line);
        if (!line.len || line.at[0] == '#')
            continue;
        if (map) {
            size_t key = 0;
            while (key < line.len && !text_is_blank(line.at[key]))
                key++;
            value = text_trim(text_from(line, key));
            line.len = key;
        }
        if (!patterns_add(c, p, line, value, at, len))
            return false;
    }
    return true;
}

bool patterns_comparison(struct patterns *p, struct text word)
{
    static const struct {
        const char *word;
        char sign;
    } rows[] = {{"eq", '='}, {"ge", 'G'}, {"gt", 'g'}, {"le", 'L'}, {"lt", 'l'}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (text_eq(word, text_of(rows[i].word)))
            return p->comparison = rows[i].sign, true;
    return false;
}

/* ---- sorting ---- */

static int compare_texts(struct text a, struct text b, bool ignore_case)
{
    size_t n = MIN(a.len, b.len);
    int r = n == 0 ? 0 : ignore_case ? strncasecmp(a.at, b.at, n) : memcmp(a.at, b.at, n);

    return r ? r : (a.len > b.len) - (a.len < b.len);
}

static int by_text(const void *a, const void *b, void *ignore_case)
{
    return compare_texts(((const struct pattern *)a)->text, ((const struct pattern *)b)->text,
                         ignore_case != NULL);
}

static int compare_nets(const struct addr_prefix *a, const struct addr_prefix *b)
{
    if (a->addr.family != b->addr.family)
        return a->addr.family < b->addr.family ? -1 : 1;
    if (a->len != b->len)
        return a->len > b->len ? -1 : 1; /* the narrowest first: it is the best match */
    return memcmp(a->addr.bytes, b->addr.bytes, sizeof(a->addr.bytes));
}

static int by_net(const void *a, const void *b)
{
    return compare_nets(&((const struct pattern *)a)->net, &((const struct pattern *)b)->net);
}

static bool make_classes(struct compile *c, struct patterns *p)
{
    qsort(p->v, p->n, sizeof(*p->v), by_net);
    p->classes = compile_new(c, (32 + 128 + 2) * sizeof(*p->classes));
    for (size_t i = 0; p->classes && i < p->n; i++) {
        const struct addr_prefix *net = &p->v[i].net;
        struct size_class *last = p->n_classes ? &p->classes[p->n_classes - 1] : NULL;
        if (!last || last->family != net->addr.family || last->len != net->len) {
            last = &p->classes[p->n_classes++];
            *last = (struct size_class){net->addr.family, net->len, i, i};
        }
        last->to = i + 1;
    }
    return p->classes;
}

bool patterns_done(struct compile *c, struct patterns *p)
{
    size_t i = 0;

    p->v = compile_new(c, (p->n + 1) * sizeof(*p->v));
    if (!p->v)
        return false;
    for (struct pattern *one = p->first; one; one = one->next)
        p->v[i++] = *one;
    if (p->method == PATTERN_IP)
        return make_classes(c, p);
    if (p->method == PATTERN_STR && p->n >= SORTED_FROM)
        qsort_r(p->v, p->n, sizeof(*p->v), by_text, p->ignore_case ? p : NULL);
    return true;
}

/* ---- matching ---- */

static const struct pattern *find_text(const struct patterns *p, struct text t)
{
    size_t low = 0, high = p->n;

    if (p->n < SORTED_FROM) {
        for (size_t i = 0; i < p->n; i++)
            if (p->ignore_case ? text_ieq(p->v[i].text, t) : text_eq(p->v[i].text, t))
                return &p->v[i];
        return NULL;
    }
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int r = compare_texts(t, p->v[mid].text, p->ignore_case);
        if (r == 0)
            return &p->v[mid];
        if (r < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

static const struct pattern *find_net(const struct patterns *p, const struct addr *a)
{
    for (size_t k = 0; k < p->n_classes; k++) {
        const struct size_class *class = &p->classes[k];
        struct addr_prefix wanted = {*a, class->len};
        size_t low = class->from, high = class->to;

        if (class->family != a->family)
            continue;
        mask_net(&wanted);
        while (low < high) {
            size_t mid = low + (high - low) / 2;
            int r = compare_nets(&wanted, &p->v[mid].net);
            if (r == 0)
                return &p->v[mid];
            if (r < 0)
                high = mid;
            else
                low = mid + 1;
        }
    }
    return NULL;
}

static bool equal(const struct patterns *p, const char *a, struct text pattern)
{
    if (pattern.len == 0)
        return true;
    return (p->ignore_case ? strncasecmp(a, pattern.at, pattern.len)
                           : memcmp(a, pattern.at, pattern.len)) == 0;
}

static bool contains(const struct patterns *p, struct text t, struct text pattern)
{
    for (size_t i = 0; i + pattern.len <= t.len; i++)
        if (equal(p, t.at + i, pattern))
            return true;
    return false;
}

/* The pattern stands between separators, or at an end. */
static bool contains_word(const struct patterns *p, struct text t, struct text pattern)
{
    for (size_t i = 0; i + pattern.len <= t.len; i++) {
        size_t end = i + pattern.len;
        bool from = i == 0 || is_separator(p->method, t.at[i - 1]);
        bool to = end == t.len || is_separator(p->method, t.at[end]);
        if (from && to && equal(p, t.at + i, pattern))
            return true;
    }
    return false;
}

static bool one_matches(const struct patterns *p, const struct pattern *one, struct eval *ev,
                        const struct sample *s)
{
    struct text t = one->text, v = s->str;

    switch (p->method) {
    case PATTERN_INT:
        return s->num >= one->min && s->num <= one->max;
    case PATTERN_LEN:
        return (int64_t)v.len >= one->min && (int64_t)v.len <= one->max;
    case PATTERN_BEG:
        return t.len <= v.len && equal(p, v.at, t);
    case PATTERN_END:
        return t.len <= v.len && equal(p, v.at + v.len - t.len, t);
    case PATTERN_SUB:
        return contains(p, v, t);
    case PATTERN_DIR:
    case PATTERN_DOM:
        return contains_word(p, v, t);
    case PATTERN_REG:
        return regex_find(one->regex, ev->regex, v, 0, NULL);
    case PATTERN_BIN:
        return text_eq(t, v);
    case PATTERN_FOUND:
    case PATTERN_BOOL:
    case PATTERN_IP:
    case PATTERN_STR:
    case PATTERN_METHODS:
        break;
    }
    return false;
}

static const struct pattern *search(const struct patterns *p, struct eval *ev,
                                    const struct sample *s)
{
    if (p->method == PATTERN_STR)
        return find_text(p, s->str);
    if (p->method == PATTERN_IP)
        return find_net(p, &s->addr);
    for (size_t i = 0; i < p->n; i++)
        if (one_matches(p, &p->v[i], ev, s))
            return &p->v[i];
    return NULL;
}

bool patterns_match(const struct patterns *p, struct eval *ev, const struct sample *s,
                    struct text *value)
{
    struct sample v = *s;

    if (p->method == PATTERN_FOUND)
        return v.type != SAMPLE_NONE;
    if (!sample_cast(&v, pattern_type(p->method), ev->tmp))
        return false;
    if (p->method == PATTERN_BOOL)
        return v.num != 0;
    const struct pattern *found = search(p, ev, &v);
    if (found && value)
        *value = found->value.at ? found->value : TEXT("");
    return found;
}
