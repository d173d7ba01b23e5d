#include "common/base/addr.h"

#include "common/base/parse.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

size_t addr_size(const struct addr *a)
{
    return a->family == AF_INET ? 4 : a->family == AF_INET6 ? 16 : 0;
}

uint8_t addr_bits(const struct addr *a)
{
    return (uint8_t)(addr_size(a) * 8);
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
    return addr_cmp(a, b) == 0;
}

int addr_cmp(const struct addr *a, const struct addr *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->bytes, b->bytes, addr_size(a));
}

struct addr addr_v4(uint32_t host_order)
{
    uint32_t net = htonl(host_order);
    return addr_from_bytes(AF_INET, &net);
}

struct addr addr_from_bytes(uint8_t family, const void *bytes)
{
    struct addr a = {.family = family};
    memcpy(a.bytes, bytes, addr_size(&a));
    return a;
}

bool addr_is_multicast(const struct addr *a)
{
    return a->family == AF_INET ? (a->bytes[0] & 0xf0) == 0xe0
                                : a->family == AF_INET6 && a->bytes[0] == 0xff;
}

bool addr_is_link_local(const struct addr *a)
{
    if (a->family == AF_INET)
        return a->bytes[0] == 169 && a->bytes[1] == 254;
    return a->family == AF_INET6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

bool addr_is_any(const struct addr *a)
{
    static const uint8_t zero[16];
    return memcmp(a->bytes, zero, sizeof(zero)) == 0;
}

bool addr_in_prefix(const struct addr *a, const struct addr_prefix *p)
{
    if (a->family != p->addr.family)
        return false;
    size_t whole = p->len / 8;
    if (memcmp(a->bytes, p->addr.bytes, whole) != 0)
        return false;
    uint8_t rest = p->len % 8;
    if (!rest)
        return true;
    uint8_t mask = (uint8_t)(0xff00 >> rest);
    return ((a->bytes[whole] ^ p->addr.bytes[whole]) & mask) == 0;
}

bool addr_parse(const char *text, struct addr *out)
{
    struct addr a = {0};

    if (inet_pton(AF_INET, text, a.bytes) == 1)
        a.family = AF_INET;
    else if (inet_pton(AF_INET6, text, a.bytes) == 1)
        a.family = AF_INET6;
    else
        return false;
    *out = a;
    return true;
}

bool addr_prefix_parse(const char *text, struct addr_prefix *out)
{
    char host[ADDR_TEXT_MAX];
    const char *slash = strchr(text, '/');
    size_t n = slash ? (size_t)(slash - text) : strlen(text);
    struct addr_prefix p;

    if (n >= sizeof(host))
        return false;
    memcpy(host, text, n);
    host[n] = '\0';
    if (!addr_parse(host, &p.addr))
        return false;
    int64_t len = addr_bits(&p.addr);
    if (slash && !parse_int(slash + 1, 0, len, &len))
        return false;
    p.len = (uint8_t)len;
    *out = p;
    return true;
}

bool addr_port_parse(const char *text, struct addr_port *out)
{
    char host[ADDR_TEXT_MAX];
    struct addr_port p = {.addr = {.family = AF_INET}};
    const char *colon = strrchr(text, ':');
    int64_t port;

    if (!colon || !parse_int(colon + 1, 0, 65535, &port))
        return false;
    p.port = (uint16_t)port;
    size_t n = (size_t)(colon - text);
    if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    } else if (memchr(text, ':', n)) {
        return false; /* a bare IPv6 address cannot be told from its port */
    }
    if (n >= sizeof(host))
        return false;
    memcpy(host, text, n);
    host[n] = '\0';
    if (host[0] && strcmp(host, "*") != 0 && !addr_parse(host, &p.addr))
        return false;
    *out = p;
    return true;
}

const char *addr_format(const struct addr *a, char text[ADDR_TEXT_MAX])
{
    if (!addr_size(a) || !inet_ntop(a->family, a->bytes, text, ADDR_TEXT_MAX))
        strcpy(text, "-");
    return text;
}

const char *addr_prefix_format(const struct addr_prefix *p, char text[ADDR_TEXT_MAX])
{
    addr_format(&p->addr, text);
    size_t n = strlen(text);
    snprintf(text + n, ADDR_TEXT_MAX - n, "/%u", p->len);
    return text;
}

const char *addr_port_format(const struct addr_port *p, char text[ADDR_TEXT_MAX])
{
    char host[ADDR_TEXT_MAX];

    addr_format(&p->addr, host);
    snprintf(text, ADDR_TEXT_MAX, p->addr.family == AF_INET6 ? "[%.46s]:%u" : "%.46s:%u", host,
             p->port);
    return text;
}

socklen_t addr_to_sockaddr(const struct addr *a, uint16_t port, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (a->family == AF_INET) {
        struct sockaddr_in *sin = (struct sockaddr_in *)out;
        sin->sin_family = AF_INET;
        sin->sin_port = htons(port);
        memcpy(&sin->sin_addr, a->bytes, 4);
        return sizeof(*sin);
    }
    if (a->family == AF_INET6) {
        struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)out;
        sin6->sin6_family = AF_INET6;
        sin6->sin6_port = htons(port);
        memcpy(&sin6->sin6_addr, a->bytes, 16);
        return sizeof(*sin6);
    }
    return 0;
}

bool addr_from_sockaddr(const struct sockaddr *sa, struct addr_port *out)
{
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *sin = (const struct sockaddr_in *)sa;
        out->addr = addr_from_bytes(AF_INET, &sin->sin_addr);
        out->port = ntohs(sin->sin_port);
        return true;
    }
    if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)sa;
        out->addr = IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)
                        ? addr_from_bytes(AF_INET, &sin6->sin6_addr.s6_addr[12])
                        : addr_from_bytes(AF_INET6, &sin6->sin6_addr);
        out->port = ntohs(sin6->sin6_port);
        return true;
    }
    return false;
}
