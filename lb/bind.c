#include "lb/bind.h"

#include "common/base/parse.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

static bool skip(const char **text, const char *prefix)
{
    size_t len = strlen(prefix);

    if (strncmp(*text, prefix, len) != 0)
        return false;
    *text += len;
    return true;
}

/* Port or range behind the last colon. */
static bool parse_ports(const char *text, struct bind_addr *out)
{
    char first[8];
    const char *dash = strchr(text, '-');
    size_t len = dash ? (size_t)(dash - text) : strlen(text);
    int64_t a, b;

    if (len == 0 || len >= sizeof(first))
        return false;
    memcpy(first, text, len);
    first[len] = '\0';
    if (!parse_int(first, 1, UINT16_MAX, &a))
        return false;
    b = a;
    if (dash && !parse_int(dash + 1, a, UINT16_MAX, &b))
        return false;
    out->at.port = (uint16_t)a;
    out->last = (uint16_t)b;
    return true;
}

static bool parse_host(const char *text, size_t len, int family, struct addr *out)
{
    char host[ADDR_TEXT_MAX];
    bool brackets = len >= 2 && text[0] == '[' && text[len - 1] == ']';

    if (len == 0 || (len == 1 && text[0] == '*')) {
        uint8_t zero[16] = {0};
        *out = addr_from_bytes(family == AF_INET6 ? AF_INET6 : AF_INET, zero);
        return true;
    }
    if (brackets) {
        text++;
        len -= 2;
    }
    if (len >= sizeof(host))
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    return addr_parse(host, out) && (family == 0 || out->family == family);
}

static bool parse_inet(const char *text, int family, struct bind_addr *out)
{
    const char *colon = strrchr(text, ':');

    *out = (struct bind_addr){.kind = BIND_INET, .fd = -1};
    return colon && parse_host(text, (size_t)(colon - text), family, &out->at.addr) &&
           parse_ports(colon + 1, out);
}

static bool parse_fd(const char *text, struct bind_addr *out)
{
    int64_t fd;

    *out = (struct bind_addr){.kind = BIND_FD};
    if (!parse_int(text, 0, INT_MAX, &fd))
        return false;
    out->fd = (int)fd;
    return true;
}

static bool parse_path(enum bind_kind kind, const char *path, struct bind_addr *out)
{
    *out = (struct bind_addr){.kind = kind, .path = path, .fd = -1};
    return path[0] && strlen(path) < 107;
}

bool bind_parse(const char *text, struct bind_addr *out)
{
    if (skip(&text, "fd@"))
        return parse_fd(text, out);
    if (skip(&text, "abns@"))
        return parse_path(BIND_ABSTRACT, text, out);
    if (skip(&text, "unix@") || text[0] == '/')
        return parse_path(BIND_UNIX, text, out);
    if (skip(&text, "ipv6@"))
        return parse_inet(text, AF_INET6, out);
    if (skip(&text, "ipv4@"))
        return parse_inet(text, AF_INET, out);
    return parse_inet(text, 0, out);
}

const char *bind_format(const struct bind_addr *b, char text[ADDR_TEXT_MAX])
{
    switch (b->kind) {
    case BIND_INET:
        return addr_port_format(&b->at, text);
    case BIND_UNIX:
        snprintf(text, ADDR_TEXT_MAX, "%s", b->path);
        return text;
    case BIND_ABSTRACT:
        snprintf(text, ADDR_TEXT_MAX, "abns@%s", b->path);
        return text;
    case BIND_FD:
        snprintf(text, ADDR_TEXT_MAX, "fd@%d", b->fd);
        return text;
    }
    return "";
}
