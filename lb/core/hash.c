#include "lb/core/hash.h"

#include <string.h>

const char *const hash_function_names[HASH_FUNCTIONS] = {
    [HASH_SDBM] = "sdbm",
    [HASH_DJB2] = "djb2",
    [HASH_WT6] = "wt6",
    [HASH_CRC32] = "crc32",
};

static uint32_t sdbm(const uint8_t *p, size_t len)
{
    uint32_t h = 0;
    while (len--)
        h = *p++ + (h << 6) + (h << 16) - h;
    return h;
}

static uint32_t djb2(const uint8_t *p, size_t len)
{
    uint32_t h = 5381;
    while (len--)
        h = (h << 5) + h + *p++;
    return h;
}

static uint32_t rotate(uint32_t v, unsigned by)
{
    return by ? v << by | v >> (32 - by) : v;
}

/* Two words that take turns, rotated by amounts that the data itself decides. */
static uint32_t wt6(const uint8_t *p, size_t len)
{
    uint32_t a = 0xa53c965au, b = 0x5ca6953au;
    unsigned turn_a = 6, turn_b = 18;
    while (len--) {
        uint32_t x = ~(a ^ *p), y = ~(b + *p);
        p++;
        a = rotate(y, turn_a);
        b = rotate(x, turn_b);
        uint32_t mix = ((a >> 16) ^ b) & 0xffff;
        turn_a = mix & 31;
        turn_b = mix >> 11;
    }
    return a ^ b;
}

/* CRC-32 as in Ethernet and zlib. */
static uint32_t crc32(const uint8_t *p, size_t len)
{
    uint32_t h = UINT32_MAX;
    while (len--) {
        h ^= *p++;
        for (int i = 0; i < 8; i++)
            h = (h >> 1) ^ (h & 1 ? 0xedb88320u : 0);
    }
    return ~h;
}

uint32_t hash_bytes(enum hash_function f, const void *data, size_t len)
{
    switch (f) {
    case HASH_SDBM:
        return sdbm(data, len);
    case HASH_DJB2:
        return djb2(data, len);
    case HASH_WT6:
        return wt6(data, len);
    case HASH_CRC32:
        return crc32(data, len);
    case HASH_FUNCTIONS:
        break;
    }
    return 0;
}

uint32_t hash_avalanche(uint32_t a)
{
    a = (a + 0x7ed55d16u) + (a << 12);
    a = (a ^ 0xc761c23cu) ^ (a >> 19);
    a = (a + 0x165667b1u) + (a << 5);
    a = (a + 0xd3a2646cu) ^ (a << 9);
    a = (a + 0xfd7046c5u) + (a << 3);
    a = (a ^ 0xb55a4f09u) ^ (a >> 16);
    return a * 3221225473u; /* a prime near 3/4 of the range */
}

uint32_t hash_address(const struct addr *a)
{
    uint32_t h = 0;
    for (size_t i = 0; i + 4 <= addr_size(a); i += 4)
        h ^= (uint32_t)a->bytes[i] << 24 | (uint32_t)a->bytes[i + 1] << 16 |
             (uint32_t)a->bytes[i + 2] << 8 | a->bytes[i + 3];
    return h;
}

static const char *find(struct hash_text t, char c)
{
    return t.len ? memchr(t.data, c, t.len) : NULL;
}

/* "http://host/path" -> "/path"; "/path" and "*" stay. */
static struct hash_text path_of(struct hash_text t)
{
    if (!t.data || !t.len || t.data[0] == '/' || t.data[0] == '*')
        return t;
    const char *end = t.data + t.len;
    const char *scheme = memmem(t.data, t.len, "://", 3);
    const char *from = scheme ? scheme + 3 : t.data;
    const char *slash = memchr(from, '/', (size_t)(end - from));
    if (!slash)
        return (struct hash_text){end, 0};
    return (struct hash_text){slash, (size_t)(end - slash)};
}

struct hash_text hash_uri_part(const struct hash_uri_conf *conf, struct hash_text target)
{
    struct hash_text t = conf->path_only ? path_of(target) : target;
    if (conf->len && t.len > conf->len)
        t.len = conf->len;
    unsigned slashes = 0;
    for (size_t i = 0; i < t.len; i++) {
        if (t.data[i] == '/' && conf->depth && ++slashes == conf->depth + 1)
            t.len = i;
        else if (t.data[i] == '?' && !conf->whole)
            t.len = i;
    }
    return t;
}

struct hash_text hash_form_param(const char *name, struct hash_text form)
{
    size_t want = strlen(name);
    while (form.len) {
        const char *end = find(form, '&');
        size_t len = end ? (size_t)(end - form.data) : form.len;
        if (len > want && form.data[want] == '=' && memcmp(form.data, name, want) == 0)
            return (struct hash_text){form.data + want + 1, len - want - 1};
        form.data += len + (end != NULL);
        form.len -= len + (end != NULL);
    }
    return (struct hash_text){NULL, 0};
}

struct hash_text hash_url_param(const char *name, struct hash_text target)
{
    const char *query = find(target, '?');
    if (!query)
        return (struct hash_text){NULL, 0};
    struct hash_text form = {query + 1, target.len - (size_t)(query + 1 - target.data)};
    return hash_form_param(name, form);
}

struct hash_text hash_domain_part(struct hash_text host)
{
    const char *colon = find(host, ':');
    if (colon)
        host.len = (size_t)(colon - host.data);
    size_t end = host.len;
    while (end && host.data[end - 1] != '.')
        end--;
    if (!end)
        return host; /* no dot */
    size_t from = --end;
    while (from && host.data[from - 1] != '.')
        from--;
    return (struct hash_text){host.data + from, end - from};
}
