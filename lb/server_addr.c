#include "lb/server_addr.h"

#include "common/base/parse.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool parse_port(const char *text, struct server_addr *out)
{
    int64_t port;

    out->port_relative = text[0] == '+' || text[0] == '-';
    if (text[0] == '+')
        text++;
    if (!parse_int(text, out->port_relative ? -UINT16_MAX : 1, UINT16_MAX, &port))
        return false;
    out->port = (int)port;
    return true;
}

static bool is_host_name(const char *text)
{
    for (const char *p = text; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("-_.", *p))
            return false;
    return text[0] && text[0] != '.' && text[0] != '-';
}

static bool parse_host(const char *text, size_t len, struct server_addr *out)
{
    bool brackets = len >= 2 && text[0] == '[' && text[len - 1] == ']';

    if (len == 0 || len >= sizeof(out->host))
        return false;
    snprintf(out->host, sizeof(out->host), "%.*s", (int)(brackets ? len - 2 : len),
             brackets ? text + 1 : text);
    if (addr_parse(out->host, &out->addr)) {
        out->host[0] = '\0';
        return true;
    }
    return !brackets && is_host_name(out->host);
}

bool server_addr_parse(const char *text, struct server_addr *out)
{
    const char *colon;

    *out = (struct server_addr){.port_relative = true};
    if (strncmp(text, "ipv4@", 5) == 0 || strncmp(text, "ipv6@", 5) == 0)
        text += 5;
    if (addr_parse(text, &out->addr)) /* IPv6 without brackets and port */
        return true;
    colon = strrchr(text, ':');
    if (colon && colon > text && colon[-1] != ']' && memchr(text, ':', (size_t)(colon - text)) &&
        text[0] == '[')
        colon = NULL; /* "[2001:db8::1]" */
    if (!colon)
        return parse_host(text, strlen(text), out);
    return parse_host(text, (size_t)(colon - text), out) && parse_port(colon + 1, out);
}
