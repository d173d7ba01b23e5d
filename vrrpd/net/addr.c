/*
 * What the kernel tells about addresses is compared with what is wanted. Our own deletions are told
 * too, later, when the same address may long be wanted again; so each vip counts the deletions that
 * are still to be told, and only one beyond them is somebody else's.
 */
#include "vrrpd/net/addr.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 1024, MESSAGE = 192 };

struct vips {
    struct loop *loop;
    struct links *links;
    struct netlink *nl;
    struct link_observer observer;
    struct loop_work work;
    struct timer retry, renew;
    struct list sets;
    struct vip *buckets[BUCKETS];
};

static size_t bucket_of(const struct addr *a)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < sizeof(a->bytes); i++)
        h = (h ^ a->bytes[i]) * 16777619u;
    return h % BUCKETS;
}

static struct vip *find(struct vips *vs, int index, const struct addr_prefix *p)
{
    for (struct vip *v = vs->buckets[bucket_of(&p->addr)]; v; v = v->next)
        if (v->link->index == index && v->address.len == p->len &&
            addr_equal(&v->address.addr, &p->addr))
            return v;
    return NULL;
}

/* ---- messages ---- */

static struct nl_msg *message(int type, int flags, const struct addr_prefix *p, int index,
                              uint8_t scope)
{
    struct nl_msg *m = nlmsg_alloc_size(MESSAGE);
    struct ifaddrmsg body = {
        .ifa_family = p->addr.family,
        .ifa_prefixlen = p->len,
        .ifa_flags = p->addr.family == AF_INET6 ? IFA_F_NODAD : 0,
        .ifa_scope = scope,
        .ifa_index = (unsigned)index,
    };
    int size = (int)addr_size(&p->addr);

    if (m && nlmsg_put(m, 0, 0, type, 0, flags) && nlmsg_append(m, &body, sizeof(body), 4) == 0 &&
        nla_put(m, IFA_LOCAL, size, p->addr.bytes) == 0 &&
        nla_put(m, IFA_ADDRESS, size, p->addr.bytes) == 0)
        return m;
    nlmsg_free(m);
    return NULL;
}

struct span vips_lease(const struct vip_set *set)
{
    int64_t least_us = 3 * span_s(1).us * (int64_t)set->n / VIP_RENEWALS_PER_S;
    int64_t us = MAX(set->lease.us, least_us);

    return set->lease.us ? span_s((us + 999999) / 1000000) : span_us(0);
}

static struct nl_msg *add_message(const struct vip *v)
{
    struct nl_msg *m =
        message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &v->address, v->link->index, v->scope);
    uint32_t seconds = (uint32_t)(vips_lease(v->set).us / 1000000);
    /* A host prefix of IPv6 shall not become the source of the node's own connections. */
    bool host = v->address.addr.family == AF_INET6 && v->address.len == 128;
    struct ifa_cacheinfo life = {.ifa_valid = seconds ? seconds : UINT32_MAX};

    life.ifa_prefered = host ? 0 : life.ifa_valid;
    if (m && nla_put_u8(m, IFA_PROTO, VIP_MARK) == 0 &&
        nla_put(m, IFA_CACHEINFO, sizeof(life), &life) == 0 &&
        (!v->label || nla_put_string(m, IFA_LABEL, v->label) == 0))
        return m;
    nlmsg_free(m);
    return NULL;
}

static void add_failed(void *ctx, void *cookie, int error, const char *text)
{
    struct vip *v = cookie;

    v->held = false;
    v->error = error;
}

static void remove_failed(void *ctx, void *cookie, int error, const char *text)
{
    struct vip *v = cookie;

    v->deletions -= v->deletions > 0;
}

static void add_one(struct vips *vs, struct vip *v)
{
    v->error = v->link->index ? 0 : ENODEV;
    v->held = v->link->index != 0;
    v->lost = false;
    if (!v->held)
        return;
    if (netlink_add(vs->nl, add_message(v), v) < 0)
        add_failed(NULL, v, ENOMEM, "");
}

/* ---- adding and removing ---- */

size_t vips_missing(const struct vip_set *set)
{
    size_t missing = 0;

    for (size_t i = 0; i < set->n; i++)
        missing += !set->v[i].held;
    return missing;
}

static bool any_wanted_missing(const struct vip_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->v[i].wanted && !set->v[i].held)
            return true;
    return false;
}

/* ---- the lease ---- */

/* Renewals fall on whole tenths of a second, so that those of many sets share a batch. */
static struct mono on_grid(struct mono at)
{
    const int64_t grid_us = span_ms(100).us;

    return (struct mono){at.us / grid_us * grid_us};
}

static void schedule_renewal(struct vips *vs, struct vip_set *set)
{
    struct mono now = loop_now(vs->loop);
    struct mono next = on_grid(mono_add(now, span_us(vips_lease(set).us / 3)));

    set->renewed = now;
    set->renew_at = set->lease.us ? next : MONO_NEVER;
    if (set->lease.us && (!vs->renew.armed || next.us < vs->renew.at.us))
        loop_timer_arm(vs->loop, &vs->renew, next);
}

/* True if any address of the set is held, and so needs the next renewal too. */
static bool renew_set(struct vips *vs, struct vip_set *set)
{
    bool any = false;

    for (size_t i = 0; i < set->n; i++) {
        if (!set->v[i].held)
            continue;
        any = true;
        add_one(vs, &set->v[i]);
    }
    return any;
}

static bool any_held(const struct vip_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->v[i].held)
            return true;
    return false;
}

static void on_renew(struct timer *t, struct mono now)
{
    struct vips *vs = container_of(t, struct vips, renew);

    netlink_begin(vs->nl, add_failed, NULL);
    list_for_each (it, &vs->sets) {
        struct vip_set *set = list_entry(it, struct vip_set, node);
        if (set->renew_at.us > now.us)
            continue;
        set->renew_at = MONO_NEVER;
        if (renew_set(vs, set))
            schedule_renewal(vs, set);
    }
    netlink_end(vs->nl);
    struct mono next = MONO_NEVER;
    list_for_each (it, &vs->sets)
        next = mono_min(next, list_entry(it, struct vip_set, node)->renew_at);
    loop_timer_arm(vs->loop, &vs->renew, next);
}

/* The lease of what was lost had run out: it was not renewed for so long. */
static bool has_expired(const struct vips *vs, const struct vip_set *set)
{
    return set->lease.us && mono_diff(loop_now(vs->loop), set->renewed).us >= vips_lease(set).us;
}

size_t vips_add(struct vips *vs, struct vip_set *set)
{
    netlink_begin(vs->nl, add_failed, NULL);
    for (size_t i = 0; i < set->n; i++) {
        set->v[i].wanted = true;
        if (!set->v[i].held)
            add_one(vs, &set->v[i]);
    }
    int err = netlink_end(vs->nl);
    for (size_t i = 0; err && i < set->n; i++)
        add_failed(NULL, &set->v[i], -err, "");
    size_t missing = vips_missing(set);
    if (missing && !vs->retry.armed)
        loop_timer_after(vs->loop, &vs->retry, span_s(1));
    schedule_renewal(vs, set);
    return missing;
}

void vips_remove(struct vips *vs, struct vip_set *set)
{
    netlink_begin(vs->nl, remove_failed, NULL);
    for (size_t i = set->n; i-- > 0;) {
        struct vip *v = &set->v[i];
        bool there = v->held;
        v->wanted = v->held = v->lost = false;
        v->error = 0;
        if (!there || !v->link->index)
            continue;
        v->deletions++;
        if (netlink_add(vs->nl, message(RTM_DELADDR, 0, &v->address, v->link->index, v->scope), v) <
            0)
            remove_failed(NULL, v, ENOMEM, "");
    }
    netlink_end(vs->nl);
}

/* ---- what the kernel tells ---- */

static void put_back_set(struct vips *vs, struct vip_set *set, bool all)
{
    struct vip_news news = {.expired = set->expired};

    set->expired = false;

    netlink_begin(vs->nl, add_failed, NULL);
    for (size_t i = 0; i < set->n; i++) {
        struct vip *v = &set->v[i];
        bool try =
            v->wanted && !v->held && (all || v->late || (v->lost && v->losses <= VIP_LOSSES_PER_S));
        news.lost += v->wanted && v->lost;
        if (v->wanted && v->lost)
            news.one = v;
        v->lost = v->late = false;
        v->seen = try;
        if (try)
            add_one(vs, v);
    }
    netlink_end(vs->nl);
    for (size_t i = 0; i < set->n; i++) {
        struct vip *v = &set->v[i];
        if (v->seen && v->held) {
            news.back++;
            news.one = v;
        }
    }
    if (news.back)
        schedule_renewal(vs, set);
    if ((news.lost || news.back) && set->fn)
        set->fn(set->ctx, &news);
}

static void put_back(struct vips *vs, bool all)
{
    bool missing = false;

    list_for_each_safe (it, &vs->sets)
        put_back_set(vs, list_entry(it, struct vip_set, node), all);
    list_for_each (it, &vs->sets)
        missing |= any_wanted_missing(list_entry(it, struct vip_set, node));
    if (missing && !vs->retry.armed)
        loop_timer_after(vs->loop, &vs->retry, span_s(1));
}

static void on_work(struct loop_work *work)
{
    put_back(container_of(work, struct vips, work), false);
}

static void on_retry(struct timer *t, struct mono now)
{
    struct vips *vs = container_of(t, struct vips, retry);

    list_for_each (it, &vs->sets) {
        struct vip_set *set = list_entry(it, struct vip_set, node);
        for (size_t i = 0; i < set->n; i++)
            set->v[i].losses = 0;
    }
    put_back(vs, true);
}

static void lose(struct vips *vs, struct vip *v)
{
    if (!v->held)
        return;
    v->held = false;
    v->lost = true;
    v->losses++;
    v->set->expired |= has_expired(vs, v->set);
    loop_work_add(vs->loop, &vs->work);
    if (!vs->retry.armed)
        loop_timer_after(vs->loop, &vs->retry, span_s(1));
}

/* Not lost, but to be added at the end of the turn. */
static void come_back(struct vips *vs, struct vip *v)
{
    v->late = true;
    loop_work_add(vs->loop, &vs->work);
}

static void on_address(void *ctx, int index, const struct addr_prefix *p, uint8_t mark, bool there)
{
    struct vips *vs = ctx;
    struct vip *v = find(vs, index, p);

    if (!v)
        return;
    if (there)
        v->seen = true;
    else if (v->deletions)
        v->deletions--;
    else
        lose(vs, v);
}

/* An interface that was deleted took its addresses along without a word about each; one that has
 * come gets those that wait for it. */
static void on_link(void *ctx, const struct link *link)
{
    struct vips *vs = ctx;

    list_for_each (it, &vs->sets) {
        struct vip_set *set = list_entry(it, struct vip_set, node);
        for (size_t i = 0; i < set->n; i++) {
            struct vip *v = &set->v[i];
            if (v->link != link)
                continue;
            if (link->index) {
                if (v->wanted && !v->held && v->error == ENODEV)
                    come_back(vs, v);
                continue;
            }
            v->deletions = 0;
            lose(vs, v);
        }
    }
}

static void on_resync(void *ctx, bool begin)
{
    struct vips *vs = ctx;

    list_for_each (it, &vs->sets) {
        struct vip_set *set = list_entry(it, struct vip_set, node);
        for (size_t i = 0; i < set->n; i++) {
            struct vip *v = &set->v[i];
            if (begin) {
                v->seen = false;
                v->deletions = 0;
            } else if (!v->seen) {
                lose(vs, v);
            }
        }
    }
}

/* ---- reaping ---- */

struct reap {
    struct vips *vs; /* NULL: none is wanted */
    struct netlink *nl;
    size_t found;
};

static void reap_one(void *ctx, struct nlmsghdr *h)
{
    struct reap *reap = ctx;
    struct link_told t;

    if (h->nlmsg_type != RTM_NEWADDR || !link_read_address(h, &t) || t.mark != VIP_MARK)
        return;
    const struct vip *v = reap->vs ? find(reap->vs, t.index, &t.address) : NULL;
    if (v && v->wanted)
        return;
    reap->found++;
    netlink_add(reap->nl, message(RTM_DELADDR, 0, &t.address, t.index, 0), NULL);
}

static size_t reap(struct vips *vs, struct netlink *nl)
{
    struct reap reap = {.vs = vs, .nl = nl};

    netlink_begin(nl, NULL, NULL);
    netlink_dump(RTM_GETADDR, reap_one, &reap);
    netlink_end(nl);
    return reap.found;
}

size_t vips_reap(struct vips *vs)
{
    return reap(vs, vs->nl);
}

size_t vips_flush(struct netlink *nl)
{
    return reap(NULL, nl);
}

/* ---- life ---- */

int vips_new(struct vips **out, struct loop *loop, struct links *links, struct netlink *nl,
             struct err *e)
{
    struct vips *vs = calloc(1, sizeof(*vs));

    if (!vs)
        return err_set(e, -ENOMEM, "out of memory");
    *vs = (struct vips){
        .loop = loop,
        .links = links,
        .nl = nl,
        .work = {.fn = on_work},
        .retry = TIMER_INIT(on_retry),
        .renew = TIMER_INIT(on_renew),
        .observer = {.changed = on_link, .address = on_address, .resync = on_resync, .ctx = vs},
    };
    list_init(&vs->sets);
    links_observe(links, &vs->observer);
    *out = vs;
    return 0;
}

void vips_free(struct vips *vs)
{
    if (!vs)
        return;
    links_forget(vs->links, &vs->observer);
    loop_work_cancel(vs->loop, &vs->work);
    loop_timer_disarm(vs->loop, &vs->retry);
    loop_timer_disarm(vs->loop, &vs->renew);
    free(vs);
}

void vips_register(struct vips *vs, struct vip_set *set)
{
    list_push_back(&vs->sets, &set->node);
    set->renew_at = MONO_NEVER;
    if (any_held(set))
        schedule_renewal(vs, set);
    for (size_t i = 0; i < set->n; i++) {
        set->v[i].set = set;
        struct vip **bucket = &vs->buckets[bucket_of(&set->v[i].address.addr)];
        set->v[i].next = *bucket;
        *bucket = &set->v[i];
    }
}

void vips_unregister(struct vips *vs, struct vip_set *set)
{
    if (!set->node.next)
        return;
    list_del(&set->node);
    for (size_t i = 0; i < set->n; i++) {
        struct vip **at = &vs->buckets[bucket_of(&set->v[i].address.addr)];
        while (*at && *at != &set->v[i])
            at = &(*at)->next;
        if (*at)
            *at = set->v[i].next;
    }
}

static bool same_vip(const struct vip *a, const struct vip *b)
{
    return a->link == b->link && a->scope == b->scope && a->address.len == b->address.len &&
           addr_equal(&a->address.addr, &b->address.addr) &&
           strcmp(a->label ? a->label : "", b->label ? b->label : "") == 0;
}

void vips_replace(struct vips *vs, struct vip_set *set, const struct vip_set *fresh)
{
    struct vip *old = set->v;

    for (size_t i = 0; i < fresh->n; i++) {
        for (size_t k = 0; k < set->n; k++) {
            struct vip *from = &set->v[k], *to = &fresh->v[i];
            if (!from->held || !same_vip(from, to))
                continue;
            to->wanted = from->wanted;
            to->held = from->held;
            to->deletions = from->deletions;
            from->held = from->wanted = false;
            break;
        }
    }
    vips_remove(vs, set);
    vips_unregister(vs, set);
    free(old);
    *set = *fresh;
    vips_register(vs, set);
}
