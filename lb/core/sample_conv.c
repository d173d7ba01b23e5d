/*
 * Converters of texts.
 */
#include "common/base/macro.h"
#include "lb/core/sample_internal.h"

#include <ctype.h>
#include <stdio.h>

/* Room for a result; NULL if there is none. */
static char *room(struct eval *ev, size_t len)
{
    return arena_bytes(ev->tmp, len ? len : 1);
}

/* ---- letters ---- */

static bool conv_case(const struct conv *v, struct eval *ev, struct sample *io)
{
    char *out = room(ev, io->str.len);

    for (size_t i = 0; out && i < io->str.len; i++) {
        char c = io->str.at[i];
        bool other = v->row->aux ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z';
        out[i] = other ? (char)(c ^ 0x20) : c;
    }
    return sample_str(io, (struct text){out, io->str.len});
}

static bool conv_length(const struct conv *v, struct eval *ev, struct sample *io)
{
    return sample_int(io, (int64_t)io->str.len);
}

enum { TRIM_LEFT = 1, TRIM_RIGHT = 2 };

static bool conv_trim(const struct conv *v, struct eval *ev, struct sample *io)
{
    struct text t = io->str, set = v->args[0].str;

    while (v->row->aux & TRIM_LEFT && t.len && text_find(set, t.at[0]) < set.len)
        t = (struct text){t.at + 1, t.len - 1};
    while (v->row->aux & TRIM_RIGHT && t.len && text_find(set, t.at[t.len - 1]) < set.len)
        t.len--;
    return sample_str(io, t);
}

/* bytes(offset[,length]) */
static bool conv_bytes(const struct conv *v, struct eval *ev, struct sample *io)
{
    size_t from = v->args[0].num > 0 ? (size_t)v->args[0].num : 0;

    if (v->args[0].num < 0 || from > io->str.len)
        return false;
    struct text t = text_from(io->str, from);
    if (v->args[1].given && v->args[1].num >= 0)
        t = text_head(t, (size_t)v->args[1].num);
    *io = (struct sample){.type = SAMPLE_BIN, .str = t};
    return true;
}

/* ---- fields and words ---- */

static bool is_delimiter(const struct conv *v, char c)
{
    return text_find(v->args[1].str, c) < v->args[1].str.len;
}

/* The next piece from *at on: fields may be empty, words are not. */
static bool next_piece(const struct conv *v, struct text t, size_t *at, struct text *out)
{
    bool words = v->row->aux;

    if (*at > t.len)
        return false;
    while (words && *at < t.len && is_delimiter(v, t.at[*at]))
        ++*at;
    if (words && *at == t.len)
        return false;
    size_t end = *at;
    while (end < t.len && !is_delimiter(v, t.at[end]))
        end++;
    *out = (struct text){t.at + *at, end - *at};
    *at = end + 1;
    return true;
}

static int64_t count_pieces(const struct conv *v, struct text t)
{
    struct text piece;
    size_t at = 0;
    int64_t n = 0;

    while (next_piece(v, t, &at, &piece))
        n++;
    return n;
}

/* field(index,delimiters[,count]), word(...): `count` pieces from the one with that index on, or
 * with a negative index back from that one; 0: all the rest. */
static bool conv_piece(const struct conv *v, struct eval *ev, struct sample *io)
{
    int64_t index = v->args[0].num, total = count_pieces(v, io->str);
    int64_t count = v->args[2].given ? v->args[2].num : 1, from, to;
    struct text first = TEXT_NONE, piece = TEXT_NONE;
    size_t at = 0;

    if (index == 0 || index > total || index < -total)
        return v->row->aux ? false : sample_str(io, TEXT(""));
    if (count == 0)
        count = total;
    from = index > 0 ? index : MAX(total + 2 + index - count, 1);
    to = index > 0 ? MIN(index + count - 1, total) : total + 1 + index;
    for (int64_t i = 1; i <= to && next_piece(v, io->str, &at, &piece); i++)
        if (i == from)
            first = piece;
    return sample_str(io, (struct text){first.at, (size_t)(piece.at + piece.len - first.at)});
}

static bool check_piece(struct compile *c, struct conv *v, size_t at, size_t len)
{
    return v->args[0].num != 0 || compile_fault(c, at, len, NULL, "pieces are counted from 1");
}

/* ---- encodings ---- */

static const char hex_digits[] = "0123456789ABCDEF";

static bool conv_hex(const struct conv *v, struct eval *ev, struct sample *io)
{
    char *out = room(ev, 2 * io->str.len);

    for (size_t i = 0; out && i < io->str.len; i++) {
        out[2 * i] = hex_digits[(unsigned char)io->str.at[i] >> 4];
        out[2 * i + 1] = hex_digits[io->str.at[i] & 15];
    }
    return sample_str(io, (struct text){out, 2 * io->str.len});
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool conv_from_hex(const struct conv *v, struct eval *ev, struct sample *io)
{
    int64_t n = 0;

    for (size_t i = 0; i < io->str.len && digit(io->str.at[i]) >= 0; i++)
        n = (int64_t)((uint64_t)n << 4 | (unsigned)digit(io->str.at[i]));
    return sample_int(io, n);
}

static bool conv_url_enc(const struct conv *v, struct eval *ev, struct sample *io)
{
    char *out = room(ev, 3 * io->str.len);
    size_t n = 0;

    for (size_t i = 0; out && i < io->str.len; i++) {
        unsigned char c = (unsigned char)io->str.at[i];
        if (isalnum(c) || (c && strchr("-._~", c))) {
            out[n++] = (char)c;
        } else {
            out[n++] = '%';
            out[n++] = hex_digits[c >> 4];
            out[n++] = hex_digits[c & 15];
        }
    }
    return sample_str(io, (struct text){out, n});
}

/* A '+' is a blank within a query: behind a '?', or everywhere with url_dec(1). */
static bool conv_url_dec(const struct conv *v, struct eval *ev, struct sample *io)
{
    struct text in = io->str;
    char *out = room(ev, in.len);
    bool form = v->args[0].given && v->args[0].num;
    size_t n = 0;

    for (size_t i = 0; out && i < in.len; i++) {
        char c = in.at[i];
        if (c == '+' && form) {
            c = ' ';
        } else if (c == '%') {
            if (i + 2 >= in.len || digit(in.at[i + 1]) < 0 || digit(in.at[i + 2]) < 0)
                return false;
            c = (char)(digit(in.at[i + 1]) << 4 | digit(in.at[i + 2]));
            i += 2;
        } else if (c == '?') {
            form = true;
        }
        out[n++] = c;
    }
    return sample_str(io, (struct text){out, n});
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_";

static bool conv_base64(const struct conv *v, struct eval *ev, struct sample *io)
{
    const unsigned char *in = (const unsigned char *)io->str.at;
    size_t len = io->str.len, n = 0;
    char *out = room(ev, (len + 2) / 3 * 4);
    bool url = v->row->aux;

    for (size_t i = 0; out && i < len; i += 3) {
        unsigned long bits = (unsigned long)in[i] << 16;
        bits |= i + 1 < len ? (unsigned long)in[i + 1] << 8 : 0;
        bits |= i + 2 < len ? in[i + 2] : 0;
        for (size_t k = 0; k < 4; k++) {
            size_t d = bits >> (18 - 6 * k) & 63;
            if (i + k < len + 1)
                out[n++] = base64_digits[url && d > 61 ? d + 2 : d];
            else if (!url)
                out[n++] = '=';
        }
    }
    return sample_str(io, (struct text){out, n});
}

static int base64_value(char c, bool url)
{
    const char *p = c ? strchr(base64_digits, c) : NULL;
    int n = p ? (int)(p - base64_digits) : -1;

    if (n > 63)
        return url ? n - 2 : -1;
    return n > 61 && url ? -1 : n;
}

static bool conv_from_base64(const struct conv *v, struct eval *ev, struct sample *io)
{
    struct text in = io->str;
    char *out = room(ev, in.len);
    unsigned long bits = 0;
    size_t n = 0, i = 0;
    bool url = v->row->aux;

    if (!out || (!url && in.len % 4))
        return false;
    while (in.len && in.at[in.len - 1] == '=' && i++ < 2)
        in.len--;
    for (i = 0; i < in.len; i++) {
        int d = base64_value(in.at[i], url);
        if (d < 0)
            return false;
        bits = bits << 6 | (unsigned)d;
        if (i % 4)
            out[n++] = (char)(bits >> (6 - 2 * (i % 4)));
    }
    *io = (struct sample){.type = SAMPLE_BIN, .str = {out, n}};
    return in.len % 4 != 1;
}

/* json([input-code]): what a JSON string may hold. */
static bool conv_json(const struct conv *v, struct eval *ev, struct sample *io)
{
    char *out = room(ev, 6 * io->str.len + 1);
    size_t n = 0;

    for (size_t i = 0; out && i < io->str.len; i++) {
        char c = io->str.at[i];
        static const char plain[] = "\"\\/\b\f\n\r\t", letters[] = "\"\\/bfnrt";
        const char *p = c ? strchr(plain, c) : NULL;
        if (p) {
            out[n++] = '\\';
            out[n++] = letters[p - plain];
        } else if ((unsigned char)c < 0x20 || (unsigned char)c > 0x7e) {
            n += (size_t)snprintf(out + n, 7, "\\u%04x", (unsigned char)c);
        } else {
            out[n++] = c;
        }
    }
    return sample_str(io, (struct text){out, n});
}

/* ---- regular expressions ---- */

struct substitution {
    const struct regex *regex;
    bool everywhere;
};

/* regsub(pattern,replacement[,flags]): g: all places; i: without case. */
static bool check_regsub(struct compile *c, struct conv *v, size_t at, size_t len)
{
    struct substitution *s = compile_new(c, sizeof(*s));
    struct text flags = v->args[2].str;
    bool ignore_case = text_find(flags, 'i') < flags.len;

    for (size_t i = 0; i < flags.len; i++)
        if (flags.at[i] != 'g' && flags.at[i] != 'i')
            return compile_fault(c, at, len, "known: g (all places), i (without case)",
                                 "regsub knows no flag '%c'", flags.at[i]);
    if (!s)
        return false;
    s->everywhere = text_find(flags, 'g') < flags.len;
    v->data = s;
    return compile_regex(c, v->args[0].str, ignore_case, at, len, &s->regex);
}

struct output {
    char *at;
    size_t len, cap;
};

static bool put(struct output *o, struct text t)
{
    if (t.len > o->cap - o->len)
        return false;
    if (t.len)
        memcpy(o->at + o->len, t.at, t.len);
    o->len += t.len;
    return true;
}

#define REGSUB_MAX 16384 /* bytes of its result */

static bool conv_regsub(const struct conv *v, struct eval *ev, struct sample *io)
{
    const struct substitution *s = v->data;
    struct text in = io->str;
    struct output o = {room(ev, REGSUB_MAX), 0, REGSUB_MAX};
    struct regex_match m;
    size_t from = 0;

    if (!o.at)
        return false;
    while (regex_find(s->regex, ev->regex, in, from, &m)) {
        if (!put(&o, (struct text){in.at + from, m.groups[0].from - from}))
            return false;
        size_t n = regex_expand(v->args[1].str, in, &m, o.at + o.len, o.cap - o.len);
        if (n == SIZE_MAX)
            return false;
        o.len += n;
        bool empty = m.groups[0].to == m.groups[0].from;
        from = m.groups[0].to;
        if (empty && from < in.len && !put(&o, (struct text){in.at + from, 1}))
            return false;
        from += empty;
        if (!s->everywhere || from > in.len)
            break;
    }
    if (from < in.len && !put(&o, text_from(in, from)))
        return false;
    return sample_str(io, (struct text){o.at, o.len});
}

/* ---- with other values ---- */

static struct text arg_text(const struct sample_arg *a, struct eval *ev)
{
    const struct sample *known = a->is_var ? vars_get(ev, a->ref) : NULL;
    struct sample s;

    if (!a->is_var)
        return a->str;
    if (!known)
        return TEXT("");
    s = *known;
    return sample_cast(&s, SAMPLE_STR, ev->tmp) ? s.str : TEXT("");
}

/* concat(before,variable,after) */
static bool conv_concat(const struct conv *v, struct eval *ev, struct sample *io)
{
    struct text before = v->args[0].str, after = v->args[2].str;
    struct text middle = v->args[1].is_var ? arg_text(&v->args[1], ev) : TEXT("");

    return sample_str(io, arena_printf(ev->tmp, "%.*s%.*s%.*s%.*s", (int)io->str.len, io->str.at,
                                       (int)before.len, before.at, (int)middle.len, middle.at,
                                       (int)after.len, after.at));
}

/* add_item(delimiter[,variable[,suffix]]) */
static bool conv_add_item(const struct conv *v, struct eval *ev, struct sample *io)
{
    struct text middle = v->args[1].is_var ? arg_text(&v->args[1], ev) : TEXT("");
    struct text suffix = v->args[2].str;
    bool adds = middle.len || suffix.len, between = adds && io->str.len;

    return sample_str(io, arena_printf(ev->tmp, "%.*s%s%.*s%.*s", (int)io->str.len, io->str.at,
                                       between ? v->args[0].str.at : "", (int)middle.len, middle.at,
                                       (int)suffix.len, suffix.at));
}

static bool conv_iif(const struct conv *v, struct eval *ev, struct sample *io)
{
    return sample_str(io, io->num ? v->args[0].str : v->args[1].str);
}

static bool check_is_var(struct compile *c, struct conv *v, size_t at, size_t len)
{
    return v->args[0].is_var || compile_fault(c, at, len, "write strcmp(txn.name)",
                                              "%s compares with a variable", v->row->name);
}

static bool conv_strcmp(const struct conv *v, struct eval *ev, struct sample *io)
{
    if (!vars_get(ev, v->args[0].ref))
        return false;
    struct text other = arg_text(&v->args[0], ev);
    int r = memcmp(io->str.at, other.at, MIN(io->str.len, other.len));

    if (r == 0)
        r = io->str.len < other.len ? -1 : io->str.len > other.len;
    return sample_int(io, v->row->aux ? r == 0 : r);
}

static bool conv_secure_memcmp(const struct conv *v, struct eval *ev, struct sample *io)
{
    struct text other = arg_text(&v->args[0], ev);
    unsigned char differ = io->str.len != other.len;

    if (!vars_get(ev, v->args[0].ref))
        return false;
    for (size_t i = 0; i < MIN(io->str.len, other.len); i++)
        differ |= (unsigned char)(io->str.at[i] ^ other.at[i]);
    return sample_bool(io, differ == 0);
}

static bool conv_set_var(const struct conv *v, struct eval *ev, struct sample *io)
{
    return vars_set(ev, v->args[0].ref, io);
}

static bool conv_unset_var(const struct conv *v, struct eval *ev, struct sample *io)
{
    return vars_set(ev, v->args[0].ref, &(struct sample){0});
}

/* ---- hosts, parameters ---- */

/* host[:port], the host perhaps in brackets. */
static size_t port_at(struct text t)
{
    size_t bracket = text_find(t, ']'), from = bracket < t.len ? bracket : 0;
    return from + text_find(text_from(t, from), ':');
}

static bool conv_host_only(const struct conv *v, struct eval *ev, struct sample *io)
{
    io->str = text_head(io->str, port_at(io->str));
    return conv_case(v, ev, io);
}

static bool conv_port_only(const struct conv *v, struct eval *ev, struct sample *io)
{
    return sample_int(io, sample_number(text_from(io->str, port_at(io->str) + 1)));
}

static bool conv_param(const struct conv *v, struct eval *ev, struct sample *io)
{
    struct text out;
    size_t at = 0;
    char delimiter = v->args[1].given ? v->args[1].str.at[0] : '&';

    if (!sample_param(io->str, v->args[0].str, delimiter, &at, &out))
        return false;
    return sample_str(io, out);
}

/* ---- maps: the value of the first pattern of a file that matches ---- */

static bool check_map(struct compile *c, struct conv *v, size_t at, size_t len)
{
    struct patterns *p = patterns_new(c, (enum pattern_method)v->row->aux, false);

    v->data = p;
    return p && patterns_add_file(c, p, v->args[0].str, true, at, len) && patterns_done(c, p);
}

static bool conv_map(const struct conv *v, struct eval *ev, struct sample *io)
{
    struct text value;

    if (!patterns_match(v->data, ev, io, &value)) {
        if (!v->args[1].given)
            return false;
        value = v->args[1].str;
    }
    if (v->row->out == SAMPLE_INT)
        return sample_int(io, sample_number(value));
    return sample_str(io, value);
}

#define STR SAMPLE_STR
#define BIN SAMPLE_BIN
#define INT SAMPLE_INT
#define MAP(NAME, IN, METHOD)                                                                      \
    {NAME, "s|s", IN, STR, conv_map, METHOD, check_map},                                           \
        {NAME "_str", "s|s", IN, STR, conv_map, METHOD, check_map},                                \
    {                                                                                              \
        NAME "_int", "s|s", IN, INT, conv_map, METHOD, check_map                                   \
    }

static const struct sample_conv rows[] = {
    {"lower", "", STR, STR, conv_case, false},
    {"upper", "", STR, STR, conv_case, true},
    {"length", "", STR, INT, conv_length},
    {"ltrim", "s", STR, STR, conv_trim, TRIM_LEFT},
    {"rtrim", "s", STR, STR, conv_trim, TRIM_RIGHT},
    {"bytes", "i|i", BIN, BIN, conv_bytes},
    {"field", "id|i", STR, STR, conv_piece, false, check_piece},
    {"word", "id|i", STR, STR, conv_piece, true, check_piece},
    {"hex", "", BIN, STR, conv_hex},
    {"hex2i", "", STR, INT, conv_from_hex},
    {"url_enc", "|s", STR, STR, conv_url_enc},
    {"url_dec", "|i", STR, STR, conv_url_dec},
    {"base64", "", BIN, STR, conv_base64, false},
    {"ub64enc", "", BIN, STR, conv_base64, true},
    {"b64dec", "", STR, BIN, conv_from_base64, false},
    {"ub64dec", "", STR, BIN, conv_from_base64, true},
    {"json", "|s", STR, STR, conv_json},
    {"regsub", "ss|s", STR, STR, conv_regsub, 0, check_regsub},
    {"concat", "|sSs", STR, STR, conv_concat},
    {"add_item", "s|Ss", STR, STR, conv_add_item},
    {"iif", "ss", SAMPLE_BOOL, STR, conv_iif},
    {"strcmp", "S", STR, INT, conv_strcmp, false, check_is_var},
    {"secure_memcmp", "S", STR, SAMPLE_BOOL, conv_secure_memcmp, 0, check_is_var},
    {"set-var", "V", SAMPLE_NONE, SAMPLE_NONE, conv_set_var},
    {"unset-var", "V", SAMPLE_NONE, SAMPLE_NONE, conv_unset_var},
    {"host_only", "", STR, STR, conv_host_only},
    {"port_only", "", STR, INT, conv_port_only},
    {"param", "s|s", STR, STR, conv_param},
    MAP("map", STR, PATTERN_STR),
    MAP("map_beg", STR, PATTERN_BEG),
    MAP("map_end", STR, PATTERN_END),
    MAP("map_sub", STR, PATTERN_SUB),
    MAP("map_dir", STR, PATTERN_DIR),
    MAP("map_dom", STR, PATTERN_DOM),
    MAP("map_reg", STR, PATTERN_REG),
    MAP("map_ip", SAMPLE_ADDR, PATTERN_IP),
    MAP("map_int", INT, PATTERN_INT),
};

const struct sample_convs sample_conv_rows = {rows, ARRAY_LEN(rows)};
