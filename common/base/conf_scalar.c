#include "common/base/conf_scalar.h"

#include "common/base/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum outcome { READ, BAD_FORM, OUT_OF_RANGE, NO_MEMORY };

static bool outside(const struct conf_key *key, int64_t value)
{
    return (key->min || key->max) && (value < key->min || value > key->max);
}

static enum outcome read_word(const struct conf_key *key, const char *text, int *out)
{
    for (const struct conf_word *w = key->words; w->name; w++) {
        if (strcmp(w->name, text) == 0) {
            *out = w->value;
            return READ;
        }
    }
    return BAD_FORM;
}

static enum outcome read_string(const struct conf_key *key, const char *text, char **out)
{
    if (key->max && strlen(text) > (size_t)key->max)
        return OUT_OF_RANGE;
    char *copy = strdup(text);
    if (!copy)
        return NO_MEMORY;
    free(*out);
    *out = copy;
    return READ;
}

static enum outcome read_int(const struct conf_key *key, const char *text, int64_t *out)
{
    int64_t v;

    if (!parse_int(text, INT64_MIN, INT64_MAX, &v))
        return BAD_FORM;
    if (outside(key, v))
        return OUT_OF_RANGE;
    *out = v;
    return READ;
}

static enum outcome read_span(const struct conf_key *key, const char *text, struct span *out)
{
    struct span v;

    if (!parse_span(text, 0, &v))
        return BAD_FORM;
    if (outside(key, v.us))
        return OUT_OF_RANGE;
    *out = v;
    return READ;
}

static enum outcome read_size(const struct conf_key *key, const char *text, uint64_t *out)
{
    uint64_t v;

    if (!parse_size(text, &v))
        return BAD_FORM;
    if (v > INT64_MAX || outside(key, (int64_t)v))
        return OUT_OF_RANGE;
    *out = v;
    return READ;
}

static enum outcome read_text(const struct conf_key *key, const char *text, void *out)
{
    switch (key->type) {
    case CONF_BOOL:
        return parse_bool(text, out) ? READ : BAD_FORM;
    case CONF_INT:
        return read_int(key, text, out);
    case CONF_SPAN:
        return read_span(key, text, out);
    case CONF_SIZE:
        return read_size(key, text, out);
    case CONF_STRING:
        return read_string(key, text, out);
    case CONF_WORD:
        return read_word(key, text, out);
    case CONF_ADDR:
        return addr_parse(text, out) ? READ : BAD_FORM;
    case CONF_PREFIX:
        return addr_prefix_parse(text, out) ? READ : BAD_FORM;
    case CONF_ADDR_PORT:
        return addr_port_parse(text, out) ? READ : BAD_FORM;
    case CONF_STRINGS:
    case CONF_OBJECT:
    case CONF_NAMED:
    case CONF_ARRAY:
        break;
    }
    return BAD_FORM;
}

static bool kind_fits(enum conf_type type, enum conf_kind kind)
{
    switch (type) {
    case CONF_BOOL:
        return kind == CONF_KIND_BOOL;
    case CONF_INT:
        return kind == CONF_KIND_NUMBER;
    case CONF_SIZE:
        return kind == CONF_KIND_NUMBER || kind == CONF_KIND_STRING;
    default: /* not an own state machine: all other scalars are written as text */
        return kind == CONF_KIND_STRING;
    }
}

const char *conf_scalar_expected(const struct conf_key *key)
{
    switch (key->type) {
    case CONF_BOOL:
        return "true or false";
    case CONF_INT:
        return "a whole number";
    case CONF_SPAN:
        return "a time with its unit, such as \"1s\" or \"250ms\"";
    case CONF_SIZE:
        return "a size, such as 65536 or \"64k\"";
    case CONF_STRING:
        return "a text in double quotes";
    case CONF_WORD:
        return "a word in double quotes";
    case CONF_ADDR:
        return "an address, such as \"192.0.2.1\"";
    case CONF_PREFIX:
        return "an address with prefix length, such as \"192.0.2.10/24\"";
    case CONF_ADDR_PORT:
        return "an address and a port, such as \"192.0.2.10:80\"";
    case CONF_STRINGS:
    case CONF_OBJECT:
    case CONF_NAMED:
    case CONF_ARRAY:
        break;
    }
    return "something else";
}

static int say_word(const struct conf_key *key, const struct conf_node *node, struct conf_report *r)
{
    struct buf hint cleanup(buf_fini) = BUF_INIT(300);
    size_t n = 0;

    while (key->words[n].name)
        n++;
    const char *near = parse_nearest(node->text, key->words, n, sizeof(*key->words));
    if (near) {
        buf_printf(&hint, "did you mean \"%s\"?", near);
    } else {
        buf_str(&hint, "one of: ");
        for (size_t i = 0; i < n; i++)
            buf_printf(&hint, "%s\"%s\"", i ? ", " : "", key->words[i].name);
    }
    return conf_say(r, CONF_ERROR, node->at, buf_cstr(&hint), "\"%s\" cannot be \"%s\"", key->name,
                    node->text);
}

static int say_range(const struct conf_key *key, const struct conf_node *node,
                     struct conf_report *r)
{
    char low[PARSE_SPAN_MAX], high[PARSE_SPAN_MAX];

    if (key->type == CONF_STRING)
        return conf_say(r, CONF_ERROR, node->at, NULL, "\"%s\" is at most %lld characters long",
                        key->name, (long long)key->max);
    if (key->type == CONF_SPAN)
        return conf_say(r, CONF_ERROR, node->at, NULL, "\"%s\" must be from %s to %s, not %s",
                        key->name, span_format(span_us(key->min), low),
                        span_format(span_us(key->max), high), node->text);
    return conf_say(r, CONF_ERROR, node->at, NULL, "\"%s\" must be from %lld to %lld, not %s",
                    key->name, (long long)key->min, (long long)key->max, node->text);
}

int conf_scalar_decode(const struct conf_key *key, const struct conf_node *node, void *out,
                       struct conf_report *r)
{
    enum outcome result = BAD_FORM;

    if (kind_fits(key->type, node->kind))
        result = read_text(key, node->text, out);
    switch (result) {
    case READ:
        return 0;
    case OUT_OF_RANGE:
        return say_range(key, node, r);
    case NO_MEMORY:
        conf_say(r, CONF_ERROR, node->at, NULL, "out of memory");
        return -ENOMEM;
    case BAD_FORM:
        break;
    }
    if (key->type == CONF_WORD && node->kind == CONF_KIND_STRING)
        return say_word(key, node, r);
    if (node->text)
        return conf_say(r, CONF_ERROR, node->at, NULL, "\"%s\" is %s, not %s%s%s", key->name,
                        conf_scalar_expected(key), node->kind == CONF_KIND_STRING ? "\"" : "",
                        node->text, node->kind == CONF_KIND_STRING ? "\"" : "");
    return conf_say(r, CONF_ERROR, node->at, NULL, "\"%s\" is %s, not %s", key->name,
                    conf_scalar_expected(key), conf_kind_name(node->kind));
}

int conf_scalar_default(const struct conf_key *key, void *out)
{
    return read_text(key, key->def, out) == READ ? 0 : -EINVAL;
}

bool conf_scalar_equal(enum conf_type type, const void *a, const void *b)
{
    switch (type) {
    case CONF_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case CONF_INT:
    case CONF_SPAN:
    case CONF_SIZE:
        return memcmp(a, b, sizeof(int64_t)) == 0;
    case CONF_STRING: {
        const char *sa = *(char *const *)a, *sb = *(char *const *)b;
        return sa == sb || (sa && sb && strcmp(sa, sb) == 0);
    }
    case CONF_WORD:
        return *(const int *)a == *(const int *)b;
    case CONF_ADDR:
        return addr_equal(a, b);
    case CONF_PREFIX: {
        const struct addr_prefix *pa = a, *pb = b;
        return pa->len == pb->len && addr_equal(&pa->addr, &pb->addr);
    }
    case CONF_ADDR_PORT: {
        const struct addr_port *pa = a, *pb = b;
        return pa->port == pb->port && addr_equal(&pa->addr, &pb->addr);
    }
    case CONF_STRINGS:
    case CONF_OBJECT:
    case CONF_NAMED:
    case CONF_ARRAY:
        break;
    }
    return false;
}

void conf_print_string(const char *text, struct buf *out)
{
    buf_char(out, '"');
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_printf(out, "\\%c", *p);
        else if (*p < 0x20 || *p == 0x7f)
            buf_printf(out, "\\u%04x", *p);
        else
            buf_char(out, (char)*p);
    }
    buf_char(out, '"');
}

void conf_scalar_print(const struct conf_key *key, const void *value, struct buf *out)
{
    char text[ADDR_TEXT_MAX] = "";

    switch (key->type) {
    case CONF_BOOL:
        buf_str(out, *(const bool *)value ? "true" : "false");
        return;
    case CONF_INT:
    case CONF_SIZE:
        buf_printf(out, "%lld", (long long)*(const int64_t *)value);
        return;
    case CONF_SPAN:
        span_format(*(const struct span *)value, text);
        break;
    case CONF_STRING:
        if (*(char *const *)value)
            conf_print_string(*(char *const *)value, out);
        else
            buf_str(out, "null");
        return;
    case CONF_WORD:
        conf_print_string(conf_word_name(key->words, *(const int *)value), out);
        return;
    case CONF_ADDR:
        addr_format(value, text);
        break;
    case CONF_PREFIX:
        addr_prefix_format(value, text);
        break;
    case CONF_ADDR_PORT:
        addr_port_format(value, text);
        break;
    case CONF_STRINGS:
    case CONF_OBJECT:
    case CONF_NAMED:
    case CONF_ARRAY:
        return;
    }
    conf_print_string(text, out);
}
