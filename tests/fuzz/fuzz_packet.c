/*
 * Bytes from the wire: through the codec, and what it lets pass through the state machine.
 *
 * The first byte configures the router, then come records: an operation, and what it needs. A
 * hostile sender can get any checksum right, so the target does it for him unless the record says
 * no.
 */
#include "common/base/macro.h"
#include "tests/fuzz/fuzz.h"
#include "vrrpd/core/vrrp.h"

#include <stdlib.h>
#include <string.h>

enum {
    STEPS_AT_ONCE = 16,
    MESSAGE_MAX = 2100,
};

struct input {
    const uint8_t *at;
    size_t left;
};

struct run {
    struct vrrp v;
    struct mono now;
    struct addr addrs[2], peer;
};

static uint8_t take(struct input *in)
{
    if (!in->left)
        return 0;
    in->left--;
    return *in->at++;
}

static struct addr text_addr(const char *text)
{
    struct addr a;

    if (!addr_parse(text, &a))
        abort();
    return a;
}

static void step(struct run *r, struct vrrp_event ev)
{
    struct vrrp_actions out;

    vrrp_step(&r->v, &ev, r->now, &out);
    if (out.lost)
        abort();
}

static void configure(struct run *r, uint8_t bits)
{
    struct vrrp_conf c = vrrp_conf_default();
    bool ipv6 = bits & 2 && !(bits & 1);

    *r = (struct run){.now = {1000000}};
    c.version = bits & 1 ? 2 : 3;
    c.family = ipv6 ? AF_INET6 : AF_INET;
    c.vrid = 51;
    r->addrs[0] = text_addr(ipv6 ? "fe80::a" : "192.0.2.10");
    r->addrs[1] = text_addr(ipv6 ? "2001:db8::a" : "192.0.2.11");
    r->peer = text_addr(ipv6 ? "fe80::2" : "192.0.2.2");
    c.addrs = r->addrs;
    c.addr_count = 2;
    if (bits & 4) {
        c.peers = &r->peer;
        c.peer_count = 1;
    }
    c.strict = bits & 8;
    c.preempt = !(bits & 16);
    c.fast_takeover = bits & 32;
    c.grouped = bits & 64;
    c.priority = bits & 128 ? 255 : 100;
    if (bits & 1 && bits & 2) {
        c.auth = PACKET_AUTH_TEXT;
        memcpy(c.password, "secret", 6);
    }
    vrrp_init(&r->v, &c);
    step(r, (struct vrrp_event){.kind = VRRP_EV_SOURCE,
                                .src = text_addr(ipv6 ? "fe80::1" : "192.0.2.1")});
    step(r, (struct vrrp_event){.kind = VRRP_EV_STARTUP});
}

/* RFC 1071, over the message alone or with a pseudo-header in front. */
static void fix_checksum(uint8_t *b, size_t len, const struct packet_meta *m)
{
    uint64_t sum = 0;

    if (len < 8)
        return;
    b[6] = b[7] = 0;
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? b[i] : (uint64_t)b[i] << 8;
    if (m->src.family == AF_INET6) {
        for (size_t i = 0; i < 16; i++)
            sum += (uint64_t)(m->src.bytes[i] + m->dst.bytes[i]) << (i % 2 ? 0 : 8);
        sum += len + 112;
    }
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    b[6] = (uint8_t)(~sum >> 8);
    b[7] = (uint8_t)~sum;
}

/* What was decoded can be written, and is read back as the same. */
static void check_round_trip(const struct packet *p, const struct packet_meta *m)
{
    uint8_t buf[PACKET_MAX];
    struct packet again;
    size_t len = packet_encode(p, &m->src, &m->dst, buf, sizeof(buf));

    if (packet_decode(buf, len, m, NULL, &again) != PACKET_OK || again.priority != p->priority ||
        again.interval.us != p->interval.us || again.addr_count != p->addr_count ||
        again.vrid != p->vrid || again.version != p->version)
        abort();
}

static void hear(struct run *r, struct input *in, uint8_t op)
{
    static uint8_t message[MESSAGE_MAX];
    size_t len = take(in);
    struct packet_expect expect = vrrp_expect(&r->v);
    struct packet_meta meta = {
        .src = r->peer,
        .dst = r->v.conf.peer_count ? r->v.src : packet_group(r->v.conf.family),
        .ttl = op & 0x40 ? 64 : 255,
    };
    struct packet p;

    len |= (size_t)take(in) << 8;
    len = MIN(len % MESSAGE_MAX, in->left);
    /* A copy of its own, so that the sanitizer sees each byte that is read beyond. */
    uint8_t *bytes = malloc(len ? len : 1);
    if (!bytes)
        abort();
    memcpy(message, in->at, len);
    in->at += len;
    in->left -= len;
    if (!(op & 0x80))
        fix_checksum(message, len, &meta);
    memcpy(bytes, message, len);
    (void)packet_vrid(bytes, len);
    if (packet_decode(bytes, len, &meta, NULL, &p) == PACKET_OK)
        check_round_trip(&p, &meta);
    enum packet_outcome o = packet_decode(bytes, len, &meta, &expect, &p);
    free(bytes);
    if (o == PACKET_OK)
        step(r, (struct vrrp_event){.kind = VRRP_EV_ADVERT, .src = meta.src, .packet = &p});
}

/* Timers that are due are served, and are then no longer due. */
static void pass(struct run *r, uint8_t by)
{
    r->now = mono_add(r->now, span_ms(10 * by));
    for (int i = 0; !mono_before(r->now, vrrp_deadline(&r->v)); i++) {
        if (i == STEPS_AT_ONCE)
            abort();
        step(r, (struct vrrp_event){.kind = VRRP_EV_TIMER});
    }
}

static void reload(struct run *r, uint8_t bits)
{
    struct vrrp_conf c = r->v.conf;

    c.preempt = bits & 1;
    c.accept = bits & 2;
    c.addr_count = bits & 4 ? 1 : 2;
    c.interval = c.version == 2 ? span_s(1 + (bits >> 3)) : span_ms(10 * (1 + bits));
    c.preempt_delay = span_ms(bits & 8 ? 100 : 0);
    c.grouped = bits & 16;
    step(r, (struct vrrp_event){.kind = VRRP_EV_CONF, .conf = &c, .priority = r->v.priority});
}

/* Events that need no more than one byte. */
static void happen(struct run *r, uint8_t arg)
{
    static const enum vrrp_event_kind kinds[] = {
        VRRP_EV_STARTUP,      VRRP_EV_SHUTDOWN,     VRRP_EV_YIELD,
        VRRP_EV_GROUP_ACTIVE, VRRP_EV_GROUP_BACKUP, VRRP_EV_GROUP_LEFT,
        VRRP_EV_FAULT_SET,    VRRP_EV_FAULT_CLEAR,  VRRP_EV_ADDRESSES_READY,
    };
    step(r, (struct vrrp_event){
                .kind = kinds[arg % ARRAY_LEN(kinds)],
                .fault = (enum vrrp_fault)(arg / ARRAY_LEN(kinds) % VRRP_FAULTS),
            });
}

static void check_invariants(const struct run *r)
{
    const struct vrrp *v = &r->v;

    if (v->state != VRRP_INITIALIZE && (!v->started || v->faults))
        abort();
    if (v->state == VRRP_ACTIVE && mono_is_never(v->adver_at))
        abort();
    if (v->state == VRRP_BACKUP && mono_is_never(v->down_at) != v->ready)
        abort();
    if (v->active_interval.us <= 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct run r;

    configure(&r, take(&in));
    while (in.left) {
        uint8_t op = take(&in);
        switch (op % 8) {
        case 0:
        case 1:
        case 2:
        case 3:
            hear(&r, &in, op);
            break;
        case 4:
            pass(&r, take(&in));
            break;
        case 5:
            step(&r, (struct vrrp_event){.kind = VRRP_EV_PRIORITY, .priority = take(&in)});
            break;
        case 6:
            happen(&r, take(&in));
            break;
        case 7:
            reload(&r, take(&in));
            break;
        }
        check_invariants(&r);
    }
    return 0;
}
