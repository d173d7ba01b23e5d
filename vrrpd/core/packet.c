/*
 * Layout (RFC 9568, 5.1; version 2: RFC 3768, 5.1):
 *
 *      0       1       2       3       4        5        6   7    8 ...
 *      ver|typ vrid    prio    count   rsv|max adver    checksum  addresses            (3)
 *      ver|typ vrid    prio    count   auth     adver    checksum  addresses, 8 bytes   (2)
 *
 * Decoding is a list of checks, each of which either passes or names its reason.
 */
#include "vrrpd/core/packet.h"

#include "common/base/macro.h"
#include "vrrpd/core/name.h"

#include <string.h>

enum {
    HEADER_LEN = 8,
    TYPE_ADVERTISEMENT = 1,
    INTERVAL_CS_MAX = 4095, /* 12 bits */
    INTERVAL_S_MAX = 255,
    CS_US = 10000,
    S_US = 1000000,
    IPV4_HEADER_LEN = 20,
    IPV6_HEADER_LEN = 40,
};

/* Received bytes with what is known of their way here. */
struct message {
    const uint8_t *b;
    size_t len;
    const struct packet_meta *meta;
    const struct packet_expect *expect; /* or NULL */
    enum packet_form form;              /* set by the checksum's check */
};

const char *packet_outcome_name(enum packet_outcome o)
{
    static const char *const names[PACKET_OUTCOMES] = {
        [PACKET_OK] = "ok",
        [PACKET_TTL_WRONG] = "ttl",
        [PACKET_SHORT] = "short",
        [PACKET_VERSION] = "version",
        [PACKET_TYPE] = "type",
        [PACKET_CHECKSUM] = "checksum",
        [PACKET_VRID_UNKNOWN] = "vrid-unknown",
        [PACKET_FAMILY] = "family",
        [PACKET_OWN] = "own",
        [PACKET_DESTINATION] = "destination",
        [PACKET_NOT_A_PEER] = "not-a-peer",
        [PACKET_NO_ADDRESSES] = "no-addresses",
        [PACKET_INTERVAL_ZERO] = "interval-zero",
        [PACKET_INTERVAL_DIFFERS] = "interval-differs",
        [PACKET_NOT_LINK_LOCAL] = "not-link-local",
        [PACKET_AUTH_TYPE] = "auth-type",
        [PACKET_AUTH_PASSWORD] = "auth-password",
    };
    return name_of(names, PACKET_OUTCOMES, o);
}

const char *packet_form_name(enum packet_form f)
{
    static const char *const names[PACKET_FORMS] = {
        [PACKET_FORM_RFC9568] = "rfc9568",
        [PACKET_FORM_PSEUDO] = "pseudo-header",
    };
    return name_of(names, PACKET_FORMS, f);
}

const char *packet_auth_name(enum packet_auth a)
{
    static const char *const names[PACKET_AUTHS] = {
        [PACKET_AUTH_NONE] = "none",
        [PACKET_AUTH_TEXT] = "text",
    };
    return name_of(names, PACKET_AUTHS, a);
}

static size_t family_addr_size(uint8_t family)
{
    return family == AF_INET6 ? 16 : 4;
}

size_t packet_len(uint8_t version, uint8_t family, size_t addrs)
{
    return HEADER_LEN + addrs * family_addr_size(family) + (version == 2 ? PACKET_AUTH_LEN : 0);
}

size_t packet_addrs_fit(uint8_t version, uint8_t family, size_t mtu)
{
    size_t fixed = packet_len(version, family, 0) +
                   (family == AF_INET6 ? (size_t)IPV6_HEADER_LEN : (size_t)IPV4_HEADER_LEN);
    if (mtu <= fixed)
        return 0;
    return MIN((mtu - fixed) / family_addr_size(family), (size_t)PACKET_ADDRS_MAX);
}

struct addr packet_group(uint8_t family)
{
    static const uint8_t v6[16] = {0xff, 0x02, [15] = 0x12};
    return family == AF_INET6 ? addr_from_bytes(AF_INET6, v6) : addr_v4(0xe0000012);
}

void packet_virtual_mac(uint8_t family, uint8_t vrid, uint8_t mac[6])
{
    const uint8_t bytes[6] = {0x00, 0x00, 0x5e, 0x00, family == AF_INET6 ? 0x02 : 0x01, vrid};
    memcpy(mac, bytes, sizeof(bytes));
}

int packet_vrid(const void *bytes, size_t len)
{
    return len >= 2 ? ((const uint8_t *)bytes)[1] : -1;
}

/* The Internet checksum's sum of 16-bit words (RFC 1071), not folded: 255 addresses cannot overflow
 * it. `len` is even except for the last piece. */
static uint32_t sum_words(uint32_t sum, const uint8_t *b, size_t len)
{
    for (; len > 1; b += 2, len -= 2)
        sum += (uint32_t)(b[0] << 8 | b[1]);
    return len ? sum + (uint32_t)(b[0] << 8) : sum;
}

static uint16_t fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

/* IPv6: RFC 8200, 8.1. IPv4: the same with shorter addresses, as TCP has it. */
static uint32_t sum_pseudo_header(const struct addr *src, const struct addr *dst, size_t len)
{
    uint32_t sum = (uint32_t)len + PACKET_PROTOCOL;
    sum = sum_words(sum, src->bytes, addr_size(src));
    return sum_words(sum, dst->bytes, addr_size(dst));
}

static bool unicast(const struct message *m)
{
    return m->expect && m->expect->peer_count > 0;
}

/* V1 */
static enum packet_outcome check_ttl(struct message *m)
{
    if (unicast(m))
        return m->meta->ttl >= m->expect->ttl_min || !m->expect->ttl_min ? PACKET_OK
                                                                         : PACKET_TTL_WRONG;
    /* Without an instance it may be unicast whose limit is not known. */
    if (!m->expect && !addr_is_multicast(&m->meta->dst))
        return PACKET_OK;
    return m->meta->ttl == PACKET_TTL ? PACKET_OK : PACKET_TTL_WRONG;
}

/* V2 */
static enum packet_outcome check_version(struct message *m)
{
    if (m->len < HEADER_LEN)
        return PACKET_SHORT;
    uint8_t version = m->b[0] >> 4;
    bool known = version == 2 || version == 3;
    return known && (!m->expect || m->expect->version == version) ? PACKET_OK : PACKET_VERSION;
}

/* V3 */
static enum packet_outcome check_type(struct message *m)
{
    return (m->b[0] & 0x0f) == TYPE_ADVERTISEMENT ? PACKET_OK : PACKET_TYPE;
}

/* V6; the family cannot differ unless the caller looked in the wrong place. */
static enum packet_outcome check_instance(struct message *m)
{
    uint8_t family = m->meta->src.family;

    if (m->expect && m->expect->vrid != m->b[1])
        return PACKET_VRID_UNKNOWN;
    if (m->expect && m->expect->family != family)
        return PACKET_FAMILY;
    if (family != AF_INET && (family != AF_INET6 || m->b[0] >> 4 == 2))
        return PACKET_FAMILY;
    return PACKET_OK;
}

/* V4 */
static enum packet_outcome check_length(struct message *m)
{
    return m->len >= packet_len(m->b[0] >> 4, m->meta->src.family, m->b[3]) ? PACKET_OK
                                                                            : PACKET_SHORT;
}

/* V5; 5.2.8 and P7, P8, W2. */
static enum packet_outcome check_checksum(struct message *m)
{
    uint32_t sum = sum_words(0, m->b, m->len);
    uint8_t family = m->meta->src.family;
    struct addr dst = m->meta->dst.family ? m->meta->dst : packet_group(family);

    if (family == AF_INET && fold(sum) == 0xffff) {
        m->form = PACKET_FORM_RFC9568;
        return PACKET_OK;
    }
    if (m->b[0] >> 4 == 2 || fold(sum + sum_pseudo_header(&m->meta->src, &dst, m->len)) != 0xffff)
        return PACKET_CHECKSUM;
    m->form = PACKET_FORM_PSEUDO;
    return PACKET_OK;
}

/* V12, and where the message comes from. */
static enum packet_outcome check_source(struct message *m)
{
    const struct packet_expect *e = m->expect;

    if (!e)
        return PACKET_OK;
    if (e->own.family && addr_equal(&e->own, &m->meta->src))
        return PACKET_OWN;
    if (!unicast(m))
        return !m->meta->dst.family || addr_is_multicast(&m->meta->dst) ? PACKET_OK
                                                                        : PACKET_DESTINATION;
    for (size_t i = 0; i < e->peer_count; i++)
        if (addr_equal(&e->peers[i], &m->meta->src))
            return PACKET_OK;
    return PACKET_NOT_A_PEER;
}

/* W5 */
static enum packet_outcome check_auth(struct message *m)
{
    const struct packet_expect *e = m->expect;

    if (!e || e->version != 2)
        return PACKET_OK;
    if (m->b[4] != (uint8_t)e->auth)
        return PACKET_AUTH_TYPE;
    const uint8_t *data = m->b + packet_len(2, AF_INET, m->b[3]) - PACKET_AUTH_LEN;
    if (e->auth == PACKET_AUTH_TEXT && memcmp(data, e->password, PACKET_AUTH_LEN) != 0)
        return PACKET_AUTH_PASSWORD;
    return PACKET_OK;
}

/* V8 */
static enum packet_outcome check_addresses(struct message *m)
{
    return m->b[3] ? PACKET_OK : PACKET_NO_ADDRESSES;
}

/* P5: the four reserved bits are not looked at. */
static struct span wire_interval(const uint8_t *b)
{
    if (b[0] >> 4 == 2)
        return span_s(b[5]);
    return span_us((int64_t)((b[4] & 0x0f) << 8 | b[5]) * CS_US);
}

static int64_t round_up(int64_t value, int64_t unit)
{
    return (value + unit - 1) / unit;
}

/* V10, W4 */
static enum packet_outcome check_interval(struct message *m)
{
    struct span interval = wire_interval(m->b);

    if (!interval.us)
        return PACKET_INTERVAL_ZERO;
    if (m->expect && m->expect->version == 2 &&
        interval.us != round_up(m->expect->interval.us, S_US) * S_US)
        return PACKET_INTERVAL_DIFFERS;
    return PACKET_OK;
}

static bool first_is_link_local(const struct message *m)
{
    if (m->meta->src.family != AF_INET6)
        return true;
    struct addr first = addr_from_bytes(AF_INET6, m->b + HEADER_LEN);
    return addr_is_link_local(&first);
}

/* V9 */
static enum packet_outcome check_link_local(struct message *m)
{
    return m->expect && m->expect->strict && !first_is_link_local(m) ? PACKET_NOT_LINK_LOCAL
                                                                     : PACKET_OK;
}

static enum packet_outcome (*const checks[])(struct message *) = {
    check_ttl,    check_version, check_type,      check_instance, check_length,     check_checksum,
    check_source, check_auth,    check_addresses, check_interval, check_link_local,
};

static void extract(const struct message *m, struct packet *out)
{
    const uint8_t *b = m->b;
    uint8_t family = m->meta->src.family, version = b[0] >> 4;

    *out = (struct packet){
        .version = version,
        .family = family,
        .vrid = b[1],
        .priority = b[2],
        .interval = wire_interval(b),
        .form = m->form,
        .not_link_local = !first_is_link_local(m),
        .addr_count = b[3],
    };
    for (size_t i = 0; i < b[3]; i++)
        out->addrs[i] = addr_from_bytes(family, b + HEADER_LEN + i * family_addr_size(family));
    if (version == 2 && b[4] == PACKET_AUTH_TEXT) {
        out->auth = PACKET_AUTH_TEXT;
        memcpy(out->password, b + packet_len(2, family, b[3]) - PACKET_AUTH_LEN, PACKET_AUTH_LEN);
    }
}

enum packet_outcome packet_decode(const void *bytes, size_t len, const struct packet_meta *meta,
                                  const struct packet_expect *expect, struct packet *out)
{
    struct message m = {.b = bytes, .len = len, .meta = meta, .expect = expect};

    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        enum packet_outcome o = checks[i](&m);
        if (o != PACKET_OK)
            return o;
    }
    extract(&m, out);
    return PACKET_OK;
}

/* A peer that takes our interval for longer than it is waits a little longer; one that takes it for
 * shorter would fail over for nothing: round up. */
static void put_interval(const struct packet *p, uint8_t *b)
{
    if (p->version == 2) {
        b[4] = (uint8_t)p->auth;
        b[5] = (uint8_t)MAX(1, MIN(INTERVAL_S_MAX, round_up(p->interval.us, S_US)));
        return;
    }
    int64_t cs = MAX(1, MIN(INTERVAL_CS_MAX, round_up(p->interval.us, CS_US)));
    b[4] = (uint8_t)(cs >> 8);
    b[5] = (uint8_t)cs;
}

/* P9: the order is kept, except that IPv6 link-local ones come first. */
static void put_addrs(const struct packet *p, uint8_t *at)
{
    size_t size = family_addr_size(p->family);

    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < p->addr_count; i++) {
            bool first = p->family == AF_INET6 && addr_is_link_local(&p->addrs[i]);
            if (first != (pass == 0))
                continue;
            memcpy(at, p->addrs[i].bytes, size);
            at += size;
        }
    }
}

size_t packet_encode(const struct packet *p, const struct addr *src, const struct addr *dst,
                     void *buf, size_t size)
{
    size_t len = packet_len(p->version, p->family, p->addr_count);
    uint8_t *b = buf;

    if (size < len)
        return 0;
    memset(b, 0, len);
    b[0] = (uint8_t)(p->version << 4 | TYPE_ADVERTISEMENT);
    b[1] = p->vrid;
    b[2] = p->priority;
    b[3] = p->addr_count;
    put_interval(p, b);
    put_addrs(p, b + HEADER_LEN);
    if (p->version == 2 && p->auth == PACKET_AUTH_TEXT)
        memcpy(b + len - PACKET_AUTH_LEN, p->password, PACKET_AUTH_LEN);

    uint32_t sum = sum_words(0, b, len);
    if (p->family == AF_INET6 || (p->version == 3 && p->form == PACKET_FORM_PSEUDO))
        sum += sum_pseudo_header(src, dst, len);
    uint16_t checksum = (uint16_t)~fold(sum);
    b[6] = (uint8_t)(checksum >> 8);
    b[7] = (uint8_t)checksum;
    return len;
}
