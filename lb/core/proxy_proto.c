#include "lb/core/proxy_proto.h"

#include "common/base/parse.h"

#include <stdio.h>
#include <string.h>

static const unsigned char signature[12] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d,
                                            0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a};

enum { V2_HEADER = 16, V2_VERSION = 2, V2_LOCAL = 0, V2_PROXY = 1 };
enum { V2_TCP4 = 0x11, V2_TCP6 = 0x21 };

/* ---- version 1 ---- */

static bool parse_port(const char *text, uint16_t *out)
{
    int64_t port;

    if (text[0] == '-' || (text[0] == '0' && text[1]) || !parse_int(text, 0, UINT16_MAX, &port))
        return false;
    *out = (uint16_t)port;
    return true;
}

/* "TCP4 192.0.2.1 192.0.2.2 51234 80", without "PROXY " and CRLF; its blanks become ends. */
static bool parse_v1_words(char *line, struct proxy_proto *out)
{
    char *words[6];
    size_t n = 0;

    for (char *at = line; at && n < 6; n++) {
        words[n] = at;
        at = strchr(at, ' ');
        if (at)
            *at++ = '\0';
    }
    if (strcmp(words[0], "UNKNOWN") == 0)
        return true;
    int family = strcmp(words[0], "TCP4") == 0   ? AF_INET
                 : strcmp(words[0], "TCP6") == 0 ? AF_INET6
                                                 : 0;
    out->known = true;
    return n == 5 && family && addr_parse(words[1], &out->source.addr) &&
           addr_parse(words[2], &out->target.addr) && out->source.addr.family == family &&
           out->target.addr.family == family && parse_port(words[3], &out->source.port) &&
           parse_port(words[4], &out->target.port);
}

static enum proxy_proto_result parse_v1(const char *data, size_t len, struct proxy_proto *out)
{
    char line[PROXY_PROTO_V1_MAX];
    const char *end = memchr(data, '\n', len < PROXY_PROTO_V1_MAX ? len : PROXY_PROTO_V1_MAX);
    size_t n = end ? (size_t)(end - data) : 0;

    if (!end)
        return len < PROXY_PROTO_V1_MAX ? PROXY_PROTO_PARTIAL : PROXY_PROTO_BAD;
    if (n < 7 || data[n - 1] != '\r' || memchr(data, '\0', n))
        return PROXY_PROTO_BAD;
    memcpy(line, data + 6, n - 7);
    line[n - 7] = '\0';
    out->len = n + 1;
    return parse_v1_words(line, out) ? PROXY_PROTO_COMPLETE : PROXY_PROTO_BAD;
}

/* ---- version 2 ---- */

static uint16_t get16(const unsigned char *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static bool parse_v2_addresses(const unsigned char *p, size_t len, struct proxy_proto *out)
{
    int family = p[13] == V2_TCP4 ? AF_INET : p[13] == V2_TCP6 ? AF_INET6 : 0;
    size_t size = family == AF_INET ? 4 : 16;

    if (!family)
        return p[13] == 0x00 || p[13] == 0x31; /* unspecified, unix: the connection's own hold */
    if (len < 2 * size + 4)
        return false;
    p += V2_HEADER;
    out->known = true;
    out->source.addr = addr_from_bytes((uint8_t)family, p);
    out->target.addr = addr_from_bytes((uint8_t)family, p + size);
    out->source.port = get16(p + 2 * size);
    out->target.port = get16(p + 2 * size + 2);
    return true;
}

static enum proxy_proto_result parse_v2(const unsigned char *p, size_t len, struct proxy_proto *out)
{
    size_t rest;

    if (len < V2_HEADER)
        return PROXY_PROTO_PARTIAL;
    rest = get16(p + 14);
    if (p[12] >> 4 != V2_VERSION || (p[12] & 15) > V2_PROXY ||
        V2_HEADER + rest > PROXY_PROTO_V2_MAX)
        return PROXY_PROTO_BAD;
    if (len < V2_HEADER + rest)
        return PROXY_PROTO_PARTIAL;
    out->len = V2_HEADER + rest;
    if ((p[12] & 15) == V2_LOCAL)
        return PROXY_PROTO_COMPLETE;
    return parse_v2_addresses(p, rest, out) ? PROXY_PROTO_COMPLETE : PROXY_PROTO_BAD;
}

enum proxy_proto_result proxy_proto_parse(const void *data, size_t len, struct proxy_proto *out)
{
    static const char word[] = "PROXY ";

    *out = (struct proxy_proto){0};
    if (memcmp(data, signature, len < sizeof(signature) ? len : sizeof(signature)) == 0)
        return parse_v2(data, len, out);
    if (memcmp(data, word, len < 6 ? len : 6) != 0)
        return PROXY_PROTO_BAD;
    return len < 6 ? PROXY_PROTO_PARTIAL : parse_v1(data, len, out);
}

/* ---- writing ---- */

static size_t write_v1(const struct addr_port *source, const struct addr_port *target, char *out)
{
    char from[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX];

    return (size_t)snprintf(out, PROXY_PROTO_OUT, "PROXY TCP%c %s %s %u %u\r\n",
                            source->addr.family == AF_INET ? '4' : '6',
                            addr_format(&source->addr, from), addr_format(&target->addr, to),
                            source->port, target->port);
}

static void put16(char *p, uint16_t v)
{
    p[0] = (char)(v >> 8);
    p[1] = (char)v;
}

static size_t write_v2(const struct addr_port *source, const struct addr_port *target, bool known,
                       char *out)
{
    size_t size = known ? addr_size(&source->addr) : 0;
    size_t rest = known ? 2 * size + 4 : 0;

    memcpy(out, signature, sizeof(signature));
    out[12] = (char)(V2_VERSION << 4 | (known ? V2_PROXY : V2_LOCAL));
    out[13] = !known ? 0 : size == 4 ? V2_TCP4 : V2_TCP6;
    put16(out + 14, (uint16_t)rest);
    if (!known)
        return V2_HEADER;
    memcpy(out + V2_HEADER, source->addr.bytes, size);
    memcpy(out + V2_HEADER + size, target->addr.bytes, size);
    put16(out + V2_HEADER + 2 * size, source->port);
    put16(out + V2_HEADER + 2 * size + 2, target->port);
    return V2_HEADER + rest;
}

size_t proxy_proto_write(unsigned version, const struct addr_port *source,
                         const struct addr_port *target, char out[PROXY_PROTO_OUT])
{
    bool known = source->addr.family && source->addr.family == target->addr.family;

    if (version == 2)
        return write_v2(source, target, known, out);
    if (known)
        return write_v1(source, target, out);
    return (size_t)snprintf(out, PROXY_PROTO_OUT, "PROXY UNKNOWN\r\n");
}
