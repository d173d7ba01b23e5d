/*
 * Values, their conversion from type to type, and the evaluation of parsed expressions.
 */
#include "lb/core/sample.h"

#include "common/base/macro.h"
#include "lb/core/sample_internal.h"

#include <inttypes.h>
#include <stdio.h>

const char *const sample_type_names[SAMPLE_TYPES] = {
    [SAMPLE_NONE] = "nothing",       [SAMPLE_BOOL] = "a boolean", [SAMPLE_INT] = "a number",
    [SAMPLE_ADDR] = "an IP address", [SAMPLE_STR] = "a text",     [SAMPLE_BIN] = "bytes",
};

/* ---- from type to type ---- */

int64_t sample_number(struct text t)
{
    bool minus = t.len && t.at[0] == '-';
    uint64_t v = 0, limit = (uint64_t)INT64_MAX + minus;

    for (size_t i = minus || (t.len && t.at[0] == '+'); i < t.len; i++) {
        unsigned digit = (unsigned char)t.at[i] - '0';
        if (digit > 9)
            break;
        if (v > (limit - digit) / 10) { /* stays at the end of the range */
            v = limit;
            break;
        }
        v = v * 10 + digit;
    }
    return minus ? (int64_t)(0 - v) : (int64_t)v;
}

static bool number_to_text(struct sample *s, struct arena *tmp)
{
    return sample_str(s, arena_printf(tmp, "%" PRId64, s->num));
}

static bool number_to_bytes(struct sample *s, struct arena *tmp)
{
    char *out = arena_bytes(tmp, 8);

    for (int i = 0; out && i < 8; i++)
        out[i] = (char)(s->num >> (56 - 8 * i));
    *s = (struct sample){.type = SAMPLE_BIN, .str = {out, 8}};
    return out;
}

static bool number_to_bool(struct sample *s, struct arena *tmp)
{
    return sample_bool(s, s->num != 0);
}

static bool number_to_addr(struct sample *s, struct arena *tmp)
{
    struct addr a = addr_v4((uint32_t)s->num);
    return sample_addr(s, &a);
}

static bool bool_to_number(struct sample *s, struct arena *tmp)
{
    return sample_int(s, s->num);
}

static bool addr_to_text(struct sample *s, struct arena *tmp)
{
    char text[ADDR_TEXT_MAX];
    return sample_str(s, arena_printf(tmp, "%s", addr_format(&s->addr, text)));
}

static bool addr_to_bytes(struct sample *s, struct arena *tmp)
{
    struct text t = arena_text(tmp, (struct text){(char *)s->addr.bytes, addr_size(&s->addr)});

    *s = (struct sample){.type = SAMPLE_BIN, .str = t};
    return t.at;
}

static bool addr_to_number(struct sample *s, struct arena *tmp)
{
    const uint8_t *b = s->addr.bytes;

    if (s->addr.family != AF_INET)
        return false;
    return sample_int(s, (int64_t)b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3]);
}

static bool addr_to_bool(struct sample *s, struct arena *tmp)
{
    return addr_to_number(s, tmp) && number_to_bool(s, tmp);
}

static bool text_to_number(struct sample *s, struct arena *tmp)
{
    return s->str.len && sample_int(s, sample_number(s->str));
}

static bool text_to_bool(struct sample *s, struct arena *tmp)
{
    return text_to_number(s, tmp) && number_to_bool(s, tmp);
}

static bool text_to_addr(struct sample *s, struct arena *tmp)
{
    char text[ADDR_TEXT_MAX];
    struct addr a;

    if (s->str.len >= sizeof(text))
        return false;
    snprintf(text, sizeof(text), "%.*s", (int)s->str.len, s->str.at ? s->str.at : "");
    return addr_parse(text, &a) && sample_addr(s, &a);
}

static bool text_to_bytes(struct sample *s, struct arena *tmp)
{
    s->type = SAMPLE_BIN;
    return true;
}

/* A text ends at the first NUL. */
static bool bytes_to_text(struct sample *s, struct arena *tmp)
{
    s->type = SAMPLE_STR;
    s->str.len = text_find(s->str, '\0');
    return true;
}

typedef bool cast_fn(struct sample *s, struct arena *tmp);

static cast_fn *const casts[SAMPLE_TYPES][SAMPLE_TYPES] = {
    [SAMPLE_BOOL] = {[SAMPLE_INT] = bool_to_number,
                     [SAMPLE_STR] = number_to_text,
                     [SAMPLE_BIN] = number_to_bytes},
    [SAMPLE_INT] = {[SAMPLE_BOOL] = number_to_bool,
                    [SAMPLE_ADDR] = number_to_addr,
                    [SAMPLE_STR] = number_to_text,
                    [SAMPLE_BIN] = number_to_bytes},
    [SAMPLE_ADDR] = {[SAMPLE_BOOL] = addr_to_bool,
                     [SAMPLE_INT] = addr_to_number,
                     [SAMPLE_STR] = addr_to_text,
                     [SAMPLE_BIN] = addr_to_bytes},
    [SAMPLE_STR] = {[SAMPLE_BOOL] = text_to_bool,
                    [SAMPLE_INT] = text_to_number,
                    [SAMPLE_ADDR] = text_to_addr,
                    [SAMPLE_BIN] = text_to_bytes},
    [SAMPLE_BIN] = {[SAMPLE_INT] = text_to_number, [SAMPLE_STR] = bytes_to_text},
};

bool sample_castable(enum sample_type from, enum sample_type to)
{
    return from == to || from == SAMPLE_NONE || to == SAMPLE_NONE || casts[from][to];
}

bool sample_cast(struct sample *s, enum sample_type to, struct arena *tmp)
{
    if (s->type == to || to == SAMPLE_NONE)
        return s->type != SAMPLE_NONE;
    return casts[s->type][to] && casts[s->type][to](s, tmp);
}

/* ---- evaluating ---- */

static bool convert(const struct expr *x, struct eval *ev, struct sample *out)
{
    for (const struct conv *v = x->convs; v; v = v->next)
        if (!sample_cast(out, (enum sample_type)v->row->in, ev->tmp) || !v->row->fn(v, ev, out) ||
            out->type == SAMPLE_NONE)
            return false;
    return true;
}

bool expr_value(const struct expr *x, struct eval *ev, struct sample *out)
{
    if (x->fetch->fn(x, ev, NULL, out) && convert(x, ev, out))
        return true;
    out->type = SAMPLE_NONE;
    return false;
}

bool expr_next(const struct expr *x, struct eval *ev, struct sample_walk *w, struct sample *out)
{
    if (!x->fetch->several) {
        bool first = !w->ended;
        w->ended = true;
        return first && expr_value(x, ev, out);
    }
    while (x->fetch->fn(x, ev, w, out))
        if (convert(x, ev, out))
            return true;
    return false;
}

struct text expr_text(const struct expr *x, struct eval *ev)
{
    struct sample s;

    return expr_value(x, ev, &s) && sample_cast(&s, SAMPLE_STR, ev->tmp) ? s.str : TEXT("");
}

enum sample_type expr_type(const struct expr *x)
{
    return (enum sample_type)x->type;
}

bool sample_key(const struct sample *s, const struct stick_table *t, struct arena *tmp,
                struct stick_key *out)
{
    struct sample v = *s;
    enum stick_type type = stick_conf(t)->type;

    *out = (struct stick_key){.type = type};
    switch (type) {
    case STICK_INTEGER:
        out->integer = sample_cast(&v, SAMPLE_INT, tmp) ? (uint32_t)v.num : 0;
        return v.type == SAMPLE_INT;
    case STICK_IP:
    case STICK_IPV6:
        if (!sample_cast(&v, SAMPLE_ADDR, tmp))
            return false;
        out->addr = v.addr;
        out->type = v.addr.family == AF_INET ? STICK_IP : STICK_IPV6;
        return type == STICK_IPV6 || out->type == STICK_IP;
    case STICK_STRING:
    case STICK_BINARY:
        if (!sample_cast(&v, type == STICK_STRING ? SAMPLE_STR : SAMPLE_BIN, tmp) || !v.str.len)
            return false;
        out->bytes.data = v.str.at;
        out->bytes.len = v.str.len;
        return true;
    case STICK_TYPES:
        break;
    }
    return false;
}
