/*
 * Balancing and stickiness: `balance`, `hash-type`, `cookie`, `stick-table`, `stick`.
 */
#include "lb/haproxy_keyword.h"

#include "common/base/parse.h"

#include <stdio.h>
#include <string.h>

/* The words inside "name(argument)"; `inner` is "" without parentheses. */
static void split_call(const char *text, char name[128], char inner[128])
{
    const char *open = strchr(text, '(');
    size_t n = open ? (size_t)(open - text) : strlen(text);

    snprintf(name, 128, "%.*s", (int)n, text);
    snprintf(inner, 128, "%s", open ? open + 1 : "");
    inner[strcspn(inner, ")")] = '\0';
}

static void balance_flag(struct ha *h, const struct haproxy_word *w, const char *path)
{
    ha_put(h, h->pool, path, CONF_KIND_BOOL, "true", w->at);
}

static void balance_params(struct ha *h, struct ha_args a, size_t i)
{
    static const struct {
        const char *word, *path;
        bool number;
    } rows[] = {
        {"whole", "balance.whole", false},
        {"path-only", "balance.path_only", false},
        {"len", "balance.length", true},
        {"depth", "balance.depth", true},
        {"check_post", "balance.check_post", false},
        {"use_domain_only", "balance.domain_only", false},
    };
    const struct haproxy_word *w;

    while ((w = ha_arg(a, i++))) {
        size_t k = 0;
        while (k < ARRAY_LEN(rows) && strcmp(rows[k].word, w->text) != 0)
            k++;
        const struct haproxy_word *arg =
            k < ARRAY_LEN(rows) && rows[k].number ? ha_need(h, a, i++, "a number") : NULL;
        if (k == ARRAY_LEN(rows))
            ha_error(h, w->at, NULL, "unknown balance parameter \"%s\"", w->text);
        else if (arg)
            ha_put(h, h->pool, rows[k].path, CONF_KIND_NUMBER, arg->text, arg->at);
        else if (!rows[k].number)
            balance_flag(h, w, rows[k].path);
    }
}

void ha_balance(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    const struct haproxy_word *w = ha_need(h, a, 1, "an algorithm");
    char name[128], inner[128];
    size_t next = 2;

    if (!w || (h->from_defaults && conf_build_has(h->pool, "balance.algorithm")))
        return;
    split_call(w->text, name, inner);
    ha_put(h, h->pool, "balance.algorithm", CONF_KIND_STRING, name, w->at);
    if (strcmp(name, "url_param") == 0) {
        const struct haproxy_word *param = ha_need(h, a, next++, "the parameter's name");
        if (param)
            ha_put(h, h->pool, "balance.name", CONF_KIND_STRING, param->text, param->at);
    } else if (inner[0]) {
        bool draws = strcmp(name, "random") == 0;
        ha_put(h, h->pool, draws ? "balance.draws" : "balance.name",
               draws ? CONF_KIND_NUMBER : CONF_KIND_STRING, inner, w->at);
    }
    balance_params(h, a, next);
}

void ha_hash_type(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    const struct haproxy_word *w = ha_need(h, a, 1, "map-based or consistent");

    if (!w)
        return;
    if (strcmp(w->text, "consistent") == 0)
        balance_flag(h, w, "balance.consistent");
    else if (strcmp(w->text, "map-based") != 0)
        ha_error(h, w->at, "write map-based or consistent", "unknown hash type \"%s\"", w->text);
    w = ha_arg(a, 2);
    if (w && strcmp(w->text, "avalanche") != 0)
        ha_put(h, h->pool, "balance.function", CONF_KIND_STRING, w->text, w->at);
    w = w && strcmp(w->text, "avalanche") == 0 ? w : ha_arg(a, 3);
    if (w)
        balance_flag(h, w, "balance.avalanche");
}

/* ---- cookie ---- */

static const struct {
    const char *word, *path;
    enum conf_kind kind;
    const char *value; /* NULL: the next word */
} cookie_words[] = {
    {"insert", "sticky.cookie.mode", CONF_KIND_STRING, "insert"},
    {"rewrite", "sticky.cookie.mode", CONF_KIND_STRING, "rewrite"},
    {"prefix", "sticky.cookie.mode", CONF_KIND_STRING, "prefix"},
    {"indirect", "sticky.cookie.indirect", CONF_KIND_BOOL, "true"},
    {"nocache", "sticky.cookie.nocache", CONF_KIND_BOOL, "true"},
    {"postonly", "sticky.cookie.postonly", CONF_KIND_BOOL, "true"},
    {"preserve", "sticky.cookie.preserve", CONF_KIND_BOOL, "true"},
    {"httponly", "sticky.cookie.httponly", CONF_KIND_BOOL, "true"},
    {"secure", "sticky.cookie.secure", CONF_KIND_BOOL, "true"},
    {"domain", "sticky.cookie.domain", CONF_KIND_ARRAY, NULL},
    {"attr", "sticky.cookie.attributes", CONF_KIND_ARRAY, NULL},
    {"maxidle", "sticky.cookie.maxidle", CONF_KIND_NUMBER, NULL},
    {"maxlife", "sticky.cookie.maxlife", CONF_KIND_NUMBER, NULL},
};

static struct conf_node *cookie_node(struct ha *h, struct conf_pos at)
{
    struct conf_node *sticky = conf_build_child(&h->b, h->pool, CONF_KIND_OBJECT, "sticky", at);
    return conf_build_child(&h->b, sticky, CONF_KIND_OBJECT, "cookie", at);
}

static void cookie_word(struct ha *h, size_t row, const struct haproxy_word *w,
                        const struct haproxy_word *arg)
{
    const char *key = strrchr(cookie_words[row].path, '.') + 1;
    char span[32];

    if (cookie_words[row].value)
        ha_put(h, h->pool, cookie_words[row].path, cookie_words[row].kind, cookie_words[row].value,
               w->at);
    else if (cookie_words[row].kind == CONF_KIND_ARRAY)
        ha_push(h, cookie_node(h, w->at), key, arg->text, arg->at);
    else if (ha_time(h, arg, span))
        ha_put(h, h->pool, cookie_words[row].path, CONF_KIND_STRING, span, arg->at);
}

void ha_cookie(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    const struct haproxy_word *name = ha_need(h, a, 1, "the cookie's name"), *w;

    if (!name || (h->from_defaults && conf_build_has(h->pool, "sticky.cookie")))
        return;
    ha_put(h, h->pool, "sticky.cookie.name", CONF_KIND_STRING, name->text, name->at);
    for (size_t i = 2; (w = ha_arg(a, i)); i++) {
        size_t row = 0;
        while (row < ARRAY_LEN(cookie_words) && strcmp(cookie_words[row].word, w->text) != 0)
            row++;
        if (row == ARRAY_LEN(cookie_words)) {
            const char *near = parse_nearest(w->text, cookie_words, row, sizeof(*cookie_words));
            char hint[64];
            snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near ? near : "");
            ha_error(h, w->at, near ? hint : NULL, "unknown cookie parameter \"%s\"", w->text);
            return;
        }
        const struct haproxy_word *arg =
            cookie_words[row].value ? NULL : ha_need(h, a, ++i, "a value");
        if (cookie_words[row].value || arg)
            cookie_word(h, row, w, arg);
    }
    /* The native form's defaults are what most want; here only what is written counts. */
    static const char *const off[] = {"sticky.cookie.indirect", "sticky.cookie.nocache"};
    for (size_t i = 0; i < ARRAY_LEN(off); i++)
        if (!conf_build_has(h->pool, off[i]))
            ha_put(h, h->pool, off[i], CONF_KIND_BOOL, "false", name->at);
}

/* ---- stick tables ---- */

static void table_store(struct ha *h, const struct haproxy_word *w, struct conf_node *table)
{
    const char *from = w->text;
    int depth = 0;
    char item[128];

    for (const char *p = w->text;; p++) {
        depth += *p == '(' ? 1 : *p == ')' ? -1 : 0;
        if (*p && (*p != ',' || depth))
            continue;
        snprintf(item, sizeof(item), "%.*s", (int)(p - from), from);
        ha_push(h, table, "store", item, w->at);
        if (!*p)
            return;
        from = p + 1;
    }
}

/* type T size N [expire T] [nopurge] [peers P] [store ...], from argument `i` on. */
static void table_params(struct ha *h, struct ha_args a, size_t i, struct conf_node *table)
{
    const struct haproxy_word *w, *arg;
    char span[32];

    while ((w = ha_arg(a, i++))) {
        if (strcmp(w->text, "nopurge") == 0) {
            ha_put(h, table, "nopurge", CONF_KIND_BOOL, "true", w->at);
            continue;
        }
        if (!(arg = ha_need(h, a, i++, "a value")))
            return;
        if (strcmp(w->text, "type") == 0)
            ha_put(h, table, "type", CONF_KIND_STRING, arg->text, arg->at);
        else if (strcmp(w->text, "size") == 0)
            ha_put(h, table, "size", CONF_KIND_STRING, arg->text, arg->at);
        else if (strcmp(w->text, "len") == 0)
            ha_put(h, table, "length", CONF_KIND_NUMBER, arg->text, arg->at);
        else if (strcmp(w->text, "peers") == 0)
            ha_put(h, table, "peers", CONF_KIND_STRING, arg->text, arg->at);
        else if (strcmp(w->text, "store") == 0)
            table_store(h, arg, table);
        else if (strcmp(w->text, "expire") != 0)
            ha_error(h, w->at, NULL, "unknown stick-table parameter \"%s\"", w->text);
        else if (ha_time(h, arg, span))
            ha_put(h, table, "expire", CONF_KIND_STRING, span, arg->at);
    }
}

void ha_stick_table(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    struct conf_pos at = a.line->words[0].at;
    struct conf_node *holder =
        h->pool ? conf_build_child(&h->b, h->pool, CONF_KIND_OBJECT, "sticky", at) : h->listener;

    if (holder)
        table_params(h, a, 1, conf_build_child(&h->b, holder, CONF_KIND_OBJECT, "table", at));
}

/* stick on|match|store-request|store-response KEY [table T] [if|unless ...] */
void ha_stick(struct ha *h, const struct ha_keyword *kw, struct ha_args a)
{
    const struct haproxy_word *what =
        ha_need(h, a, 1, "on, match, store-request or store-response");
    const struct haproxy_word *key = what ? ha_need(h, a, 2, "a sample such as src") : NULL, *w;
    struct buf when cleanup(buf_fini) = BUF_INIT(65536);
    size_t i = 3;

    if (!key)
        return;
    struct conf_node *sticky =
        conf_build_child(&h->b, h->pool, CONF_KIND_OBJECT, "sticky", what->at);
    struct conf_node *rules = conf_build_child(&h->b, sticky, CONF_KIND_ARRAY, "rules", what->at);
    struct conf_node *rule = conf_build_append(&h->b, rules, CONF_KIND_OBJECT, NULL, what->at);
    conf_build_put(&h->b, rule, "do", CONF_KIND_STRING, what->text, what->at, NULL);
    conf_build_put(&h->b, rule, "key", CONF_KIND_STRING, key->text, key->at, NULL);
    if ((w = ha_arg(a, i)) && strcmp(w->text, "table") == 0) {
        w = ha_need(h, a, i + 1, "a table's name");
        if (w)
            conf_build_put(&h->b, rule, "table", CONF_KIND_STRING, w->text, w->at, NULL);
        i += 2;
    }
    if ((w = ha_arg(a, i))) {
        ha_join(a, i, &when);
        conf_build_put(&h->b, rule, "when", CONF_KIND_STRING, buf_cstr(&when), w->at, NULL);
    }
}

/* In a peers section: table NAME type ... */
void ha_peers_table(struct ha *h, struct ha_args a, struct conf_node *section)
{
    const struct haproxy_word *name = ha_need(h, a, 1, "a name");

    if (!name)
        return;
    struct conf_node *tables =
        conf_build_child(&h->b, section, CONF_KIND_OBJECT, "tables", name->at);
    table_params(h, a, 2, conf_build_child(&h->b, tables, CONF_KIND_OBJECT, name->text, name->at));
}
