/*
 * Converters of numbers, times, addresses and hashes.
 */
#include "common/base/macro.h"
#include "lb/core/hash.h"
#include "lb/core/sample_internal.h"

#include <inttypes.h>
#include <stdio.h>

/* ---- arithmetic: a number or a variable on the right side; kept within 64 bits ---- */

enum { ADD, SUB, MUL, DIV, MOD, AND, OR, XOR };

static int64_t plus(int64_t a, int64_t b)
{
    int64_t r;
    return __builtin_add_overflow(a, b, &r) ? (b < 0 ? INT64_MIN : INT64_MAX) : r;
}

static int64_t minus(int64_t a, int64_t b)
{
    int64_t r;
    return __builtin_sub_overflow(a, b, &r) ? (b < 0 ? INT64_MAX : INT64_MIN) : r;
}

static int64_t times(int64_t a, int64_t b)
{
    int64_t r;
    return __builtin_mul_overflow(a, b, &r) ? ((a < 0) == (b < 0) ? INT64_MAX : INT64_MIN) : r;
}

static int64_t over(int64_t a, int64_t b)
{
    if (b == 0)
        return a < 0 ? INT64_MIN : INT64_MAX;
    return b == -1 ? minus(0, a) : a / b;
}

static int64_t calculate(int op, int64_t a, int64_t b)
{
    switch (op) {
    case ADD:
        return plus(a, b);
    case SUB:
        return minus(a, b);
    case MUL:
        return times(a, b);
    case DIV:
        return over(a, b);
    case MOD:
        return b == 0 || b == -1 ? 0 : a % b;
    case AND:
        return a & b;
    case OR:
        return a | b;
    default:
        return a ^ b;
    }
}

static bool check_operand(struct compile *c, struct conv *v, size_t at, size_t len)
{
    struct text t = v->args[0].str;
    size_t i = t.len && t.at[0] == '-';

    if (v->args[0].is_var)
        return true;
    if (i == t.len)
        return compile_fault(c, at, len, NULL, "%s needs a number", v->row->name);
    for (; i < t.len; i++)
        if (t.at[i] < '0' || t.at[i] > '9')
            return compile_fault(c, at, len, "write a number, or txn.NAME",
                                 "\"%.*s\" is not a number", (int)t.len, t.at);
    v->args[0].num = sample_number(t);
    if (v->args[0].num == 0 && (v->row->aux == DIV || v->row->aux == MOD))
        return compile_fault(c, at, len, NULL, "%s(0) has no value", v->row->name);
    return true;
}

static bool conv_calculate(const struct conv *v, struct eval *ev, struct sample *io)
{
    int64_t right = v->args[0].num;

    if (v->args[0].is_var) {
        const struct sample *known = vars_get(ev, v->args[0].ref);
        struct sample s = known ? *known : (struct sample){0};
        if (!known || !sample_cast(&s, SAMPLE_INT, ev->tmp))
            return false;
        right = s.num;
    }
    return sample_int(io, calculate(v->row->aux, io->num, right));
}

enum { NEG, CPL, EVEN, ODD, BOOL, NOT };

static bool conv_unary(const struct conv *v, struct eval *ev, struct sample *io)
{
    int64_t n = io->num;

    switch (v->row->aux) {
    case NEG:
        return sample_int(io, minus(0, n));
    case CPL:
        return sample_int(io, ~n);
    case EVEN:
        return sample_bool(io, !(n & 1));
    case ODD:
        return sample_bool(io, n & 1);
    case BOOL:
        return sample_bool(io, n != 0);
    default:
        return sample_bool(io, n == 0);
    }
}

/* ---- hashes ---- */

static bool conv_hash(const struct conv *v, struct eval *ev, struct sample *io)
{
    uint32_t h =
        hash_bytes((enum hash_function)v->row->aux, io->str.at ? io->str.at : "", io->str.len);

    if (v->args[0].given && v->args[0].num == 1)
        h = hash_avalanche(h);
    return sample_int(io, h);
}

/* CRC-32C (Castagnoli), bit by bit: nobody hashes much here. */
static bool conv_crc32c(const struct conv *v, struct eval *ev, struct sample *io)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < io->str.len; i++) {
        crc ^= (unsigned char)io->str.at[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    crc = ~crc;
    return sample_int(io, v->args[0].given && v->args[0].num == 1 ? hash_avalanche(crc) : crc);
}

/* xxHash, 32 bits, after its specification (version 0.1.1). */
static uint32_t rotate(uint32_t v, int by)
{
    return v << by | v >> (32 - by);
}

static uint32_t word_at(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static const uint32_t xxh[] = {0x9E3779B1u, 0x85EBCA77u, 0xC2B2AE3Du, 0x27D4EB2Fu, 0x165667B1u};

static uint32_t xxh32(const unsigned char *p, size_t len, uint32_t seed)
{
    const unsigned char *end = p + len;
    uint32_t h = seed + xxh[4],
             lane[4] = {seed + xxh[0] + xxh[1], seed + xxh[1], seed, seed - xxh[0]};

    if (len >= 16) {
        for (; end - p >= 16; p += 16)
            for (int i = 0; i < 4; i++)
                lane[i] = rotate(lane[i] + word_at(p + 4 * i) * xxh[1], 13) * xxh[0];
        h = rotate(lane[0], 1) + rotate(lane[1], 7) + rotate(lane[2], 12) + rotate(lane[3], 18);
    }
    h += (uint32_t)len;
    for (; end - p >= 4; p += 4)
        h = rotate(h + word_at(p) * xxh[2], 17) * xxh[3];
    for (; p < end; p++)
        h = rotate(h + *p * xxh[4], 11) * xxh[0];
    h = (h ^ h >> 15) * xxh[1];
    h = (h ^ h >> 13) * xxh[2];
    return h ^ h >> 16;
}

static bool conv_xxh32(const struct conv *v, struct eval *ev, struct sample *io)
{
    return sample_int(
        io, xxh32((const unsigned char *)io->str.at, io->str.len, (uint32_t)v->args[0].num));
}

/* ---- addresses ---- */

/* ipmask(mask4[,mask6]): a number of bits, or "255.255.255.0". */
static bool read_mask(struct text t, int family, struct addr *out)
{
    unsigned bits = (unsigned)sample_number(t), most = family == AF_INET ? 32 : 128;

    if (addr_parse(t.at, out))
        return out->family == family;
    if (!t.len || t.len > 3 || strspn(t.at, "0123456789") != t.len || bits > most)
        return false;
    *out = (struct addr){.family = (uint8_t)family};
    for (unsigned i = 0; i < bits; i++)
        out->bytes[i / 8] |= (uint8_t)(0x80 >> i % 8);
    return true;
}

static bool check_mask(struct compile *c, struct conv *v, size_t at, size_t len)
{
    struct addr *masks = compile_new(c, 2 * sizeof(*masks));

    v->data = masks;
    if (!masks)
        return false;
    for (int i = 0; i < 2; i++)
        if (v->args[i].given && !read_mask(v->args[i].str, i ? AF_INET6 : AF_INET, &masks[i]))
            return compile_fault(c, at, len, "write ipmask(24) or ipmask(24,64)",
                                 "\"%s\" is not a mask", v->args[i].str.at);
    return true;
}

static bool conv_mask(const struct conv *v, struct eval *ev, struct sample *io)
{
    const struct addr *mask = (const struct addr *)v->data + (io->addr.family == AF_INET6);

    if (!mask->family)
        return false;
    for (size_t i = 0; i < sizeof(io->addr.bytes); i++)
        io->addr.bytes[i] &= mask->bytes[i];
    return true;
}

/* ---- time ---- */

static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/* http_date([offset[,unit]]) */
static bool conv_http_date(const struct conv *v, struct eval *ev, struct sample *io)
{
    struct text unit = v->args[1].str;
    int64_t per_s = text_eq(unit, TEXT("ms")) ? 1000 : text_eq(unit, TEXT("us")) ? 1000000 : 1;
    int64_t n = plus(io->num, v->args[0].num);
    time_t s = n / per_s;
    struct tm t;

    if (!gmtime_r(&s, &t) || n < 0)
        return false;
    struct text fraction = per_s == 1 ? TEXT("") : arena_printf(ev->tmp, ".%" PRId64, n % per_s);
    return sample_str(io,
                      arena_printf(ev->tmp, "%s, %02d %s %04d %02d:%02d:%02d%s GMT",
                                   days[t.tm_wday], t.tm_mday, months[t.tm_mon], t.tm_year + 1900,
                                   t.tm_hour, t.tm_min, t.tm_sec, fraction.at));
}

enum { LOCAL = 1, MS = 2, US = 4 };

/* ltime(format[,offset]), utime: as strftime(3) has it. */
static bool conv_time(const struct conv *v, struct eval *ev, struct sample *io)
{
    int64_t per_s = v->row->aux & US ? 1000000 : v->row->aux & MS ? 1000 : 1;
    time_t s = plus(io->num, v->args[1].num) / per_s;
    size_t cap = 4 * v->args[0].str.len + 256, n;
    char *out = arena_bytes(ev->tmp, cap);
    struct tm t = {0};

    if (v->row->aux & LOCAL && ev->ops)
        ev->ops->local_time(ev->owner, s, &t);
    else if (!gmtime_r(&s, &t))
        return false;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    n = out ? strftime(out, cap, v->args[0].str.at, &t) : 0;
#pragma GCC diagnostic pop
    return sample_str(io, (struct text){out, n});
}

/* ---- the table ---- */

#define INT SAMPLE_INT
#define ARITHMETIC(N, OP)                                                                          \
    {                                                                                              \
        N, "S", INT, INT, conv_calculate, OP, check_operand                                        \
    }
#define UNARY(N, OP, OUT)                                                                          \
    {                                                                                              \
        N, "", INT, OUT, conv_unary, OP                                                            \
    }
#define HASH(N, F)                                                                                 \
    {                                                                                              \
        N, "|i", SAMPLE_BIN, INT, conv_hash, F                                                     \
    }

static const struct sample_conv rows[] = {
    ARITHMETIC("add", ADD),
    ARITHMETIC("sub", SUB),
    ARITHMETIC("mul", MUL),
    ARITHMETIC("div", DIV),
    ARITHMETIC("mod", MOD),
    ARITHMETIC("and", AND),
    ARITHMETIC("or", OR),
    ARITHMETIC("xor", XOR),
    UNARY("neg", NEG, INT),
    UNARY("cpl", CPL, INT),
    UNARY("even", EVEN, SAMPLE_BOOL),
    UNARY("odd", ODD, SAMPLE_BOOL),
    UNARY("bool", BOOL, SAMPLE_BOOL),
    UNARY("not", NOT, SAMPLE_BOOL),
    HASH("crc32", HASH_CRC32),
    HASH("djb2", HASH_DJB2),
    HASH("sdbm", HASH_SDBM),
    HASH("wt6", HASH_WT6),
    {"crc32c", "|i", SAMPLE_BIN, INT, conv_crc32c},
    {"xxh32", "|i", SAMPLE_BIN, INT, conv_xxh32},
    {"ipmask", "a|a", SAMPLE_ADDR, SAMPLE_ADDR, conv_mask, 0, check_mask},
    {"http_date", "|is", INT, SAMPLE_STR, conv_http_date},
    {"ltime", "s|i", INT, SAMPLE_STR, conv_time, LOCAL},
    {"utime", "s|i", INT, SAMPLE_STR, conv_time},
    {"ms_ltime", "s|i", INT, SAMPLE_STR, conv_time, LOCAL | MS},
    {"ms_utime", "s|i", INT, SAMPLE_STR, conv_time, MS},
    {"us_ltime", "s|i", INT, SAMPLE_STR, conv_time, LOCAL | US},
    {"us_utime", "s|i", INT, SAMPLE_STR, conv_time, US},
};

const struct sample_convs sample_conv_number_rows = {rows, ARRAY_LEN(rows)};
