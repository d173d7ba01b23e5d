/*
 * Netfilter's netlink is spoken directly (libmnl): one transaction makes the table, a set for each
 * family, a chain on the input hook and three rules:
 *
 *     ip daddr @addrs4 drop
 *     icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
 *     ip6 daddr @addrs6 drop
 *
 * Afterwards only elements come and go. NFT_TABLE_F_OWNER ties the table to the socket.
 */
#include "vrrpd/net/nft.h"

#include "common/base/macro.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BATCH = 16384, ELEMENTS = 128, ELEMENT_ROOM = 64 };

#define CHAIN "input"

static const struct family {
    uint8_t af;
    const char *set;
    uint32_t type;   /* nft's number of the data type, so that `nft list` can print it */
    uint32_t size;   /* of an address */
    uint32_t offset; /* of the destination in the IP header */
    uint8_t nfproto;
} families[] = {
    {AF_INET, "addrs4", 7, 4, 16, NFPROTO_IPV4},
    {AF_INET6, "addrs6", 8, 16, 24, NFPROTO_IPV6},
};

struct nft {
    struct mnl_socket *socket;
    uint32_t seq;
    char table[32];
};

/* One transaction being put together. */
struct batch {
    struct nft *nft;
    struct mnl_nlmsg_batch *b;
    uint32_t set_id;
    char bytes[2 * BATCH];
};

static struct nlmsghdr *header(struct batch *b, uint16_t type, uint16_t flags, uint8_t family,
                               uint16_t res)
{
    struct nlmsghdr *h = mnl_nlmsg_put_header(mnl_nlmsg_batch_current(b->b));
    struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));

    h->nlmsg_type = type;
    h->nlmsg_flags = NLM_F_REQUEST | flags;
    h->nlmsg_seq = b->nft->seq++;
    *g = (struct nfgenmsg){.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(res)};
    return h;
}

static struct nlmsghdr *begin(struct batch *b, uint16_t message, uint16_t flags)
{
    return header(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message), flags, NFPROTO_INET, 0);
}

static void put_u32(struct nlmsghdr *h, uint16_t type, uint32_t value)
{
    mnl_attr_put_u32(h, type, htonl(value));
}

static void put_value(struct nlmsghdr *h, uint16_t attr, const void *data, size_t len)
{
    struct nlattr *nest = mnl_attr_nest_start(h, attr);

    mnl_attr_put(h, NFTA_DATA_VALUE, len, data);
    mnl_attr_nest_end(h, nest);
}

/* ---- expressions ---- */

struct expr {
    struct nlattr *elem, *data;
};

static struct expr expr_begin(struct nlmsghdr *h, const char *name)
{
    struct expr x = {.elem = mnl_attr_nest_start(h, NFTA_LIST_ELEM)};

    mnl_attr_put_strz(h, NFTA_EXPR_NAME, name);
    x.data = mnl_attr_nest_start(h, NFTA_EXPR_DATA);
    return x;
}

static void expr_end(struct nlmsghdr *h, struct expr x)
{
    mnl_attr_nest_end(h, x.data);
    mnl_attr_nest_end(h, x.elem);
}

static void expr_meta(struct nlmsghdr *h, uint32_t key)
{
    struct expr x = expr_begin(h, "meta");

    put_u32(h, NFTA_META_DREG, NFT_REG_1);
    put_u32(h, NFTA_META_KEY, key);
    expr_end(h, x);
}

static void expr_cmp(struct nlmsghdr *h, uint32_t op, uint8_t value)
{
    struct expr x = expr_begin(h, "cmp");

    put_u32(h, NFTA_CMP_SREG, NFT_REG_1);
    put_u32(h, NFTA_CMP_OP, op);
    put_value(h, NFTA_CMP_DATA, &value, sizeof(value));
    expr_end(h, x);
}

static void expr_payload(struct nlmsghdr *h, uint32_t base, uint32_t offset, uint32_t len)
{
    struct expr x = expr_begin(h, "payload");

    put_u32(h, NFTA_PAYLOAD_DREG, NFT_REG_1);
    put_u32(h, NFTA_PAYLOAD_BASE, base);
    put_u32(h, NFTA_PAYLOAD_OFFSET, offset);
    put_u32(h, NFTA_PAYLOAD_LEN, len);
    expr_end(h, x);
}

static void expr_lookup(struct nlmsghdr *h, const char *set, uint32_t id)
{
    struct expr x = expr_begin(h, "lookup");

    put_u32(h, NFTA_LOOKUP_SREG, NFT_REG_1);
    mnl_attr_put_strz(h, NFTA_LOOKUP_SET, set);
    put_u32(h, NFTA_LOOKUP_SET_ID, id);
    expr_end(h, x);
}

static void expr_verdict(struct nlmsghdr *h, uint32_t code)
{
    struct expr x = expr_begin(h, "immediate");

    put_u32(h, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    struct nlattr *data = mnl_attr_nest_start(h, NFTA_IMMEDIATE_DATA);
    struct nlattr *verdict = mnl_attr_nest_start(h, NFTA_DATA_VERDICT);
    put_u32(h, NFTA_VERDICT_CODE, code);
    mnl_attr_nest_end(h, verdict);
    mnl_attr_nest_end(h, data);
    expr_end(h, x);
}

/* ---- the table ---- */

static void put_table(struct batch *b)
{
    struct nlmsghdr *h = begin(b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK);

    mnl_attr_put_strz(h, NFTA_TABLE_NAME, b->nft->table);
    put_u32(h, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
    mnl_nlmsg_batch_next(b->b);
}

static void put_set(struct batch *b, const struct family *f, uint32_t id)
{
    struct nlmsghdr *h = begin(b, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_ACK);

    mnl_attr_put_strz(h, NFTA_SET_TABLE, b->nft->table);
    mnl_attr_put_strz(h, NFTA_SET_NAME, f->set);
    put_u32(h, NFTA_SET_FLAGS, 0);
    put_u32(h, NFTA_SET_KEY_TYPE, f->type);
    put_u32(h, NFTA_SET_KEY_LEN, f->size);
    put_u32(h, NFTA_SET_ID, id);
    mnl_nlmsg_batch_next(b->b);
}

static void put_chain(struct batch *b)
{
    struct nlmsghdr *h = begin(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_ACK);

    mnl_attr_put_strz(h, NFTA_CHAIN_TABLE, b->nft->table);
    mnl_attr_put_strz(h, NFTA_CHAIN_NAME, CHAIN);
    mnl_attr_put_strz(h, NFTA_CHAIN_TYPE, "filter");
    put_u32(h, NFTA_CHAIN_POLICY, NF_ACCEPT);
    struct nlattr *hook = mnl_attr_nest_start(h, NFTA_CHAIN_HOOK);
    put_u32(h, NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_IN);
    put_u32(h, NFTA_HOOK_PRIORITY, 0);
    mnl_attr_nest_end(h, hook);
    mnl_nlmsg_batch_next(b->b);
}

static struct nlmsghdr *rule_begin(struct batch *b, struct nlattr **list)
{
    struct nlmsghdr *h = begin(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK);

    mnl_attr_put_strz(h, NFTA_RULE_TABLE, b->nft->table);
    mnl_attr_put_strz(h, NFTA_RULE_CHAIN, CHAIN);
    *list = mnl_attr_nest_start(h, NFTA_RULE_EXPRESSIONS);
    return h;
}

static void rule_end(struct batch *b, struct nlmsghdr *h, struct nlattr *list, uint32_t verdict)
{
    expr_verdict(h, verdict);
    mnl_attr_nest_end(h, list);
    mnl_nlmsg_batch_next(b->b);
}

static void put_neighbour_rule(struct batch *b)
{
    struct nlattr *list;
    struct nlmsghdr *h = rule_begin(b, &list);

    expr_meta(h, NFT_META_L4PROTO);
    expr_cmp(h, NFT_CMP_EQ, IPPROTO_ICMPV6);
    expr_payload(h, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1);
    expr_cmp(h, NFT_CMP_GTE, 135); /* neighbour solicitation */
    expr_cmp(h, NFT_CMP_LTE, 136); /* neighbour advertisement */
    rule_end(b, h, list, NF_ACCEPT);
}

static void put_drop_rule(struct batch *b, const struct family *f, uint32_t id)
{
    struct nlattr *list;
    struct nlmsghdr *h = rule_begin(b, &list);

    expr_meta(h, NFT_META_NFPROTO);
    expr_cmp(h, NFT_CMP_EQ, f->nfproto);
    expr_payload(h, NFT_PAYLOAD_NETWORK_HEADER, f->offset, f->size);
    expr_lookup(h, f->set, id);
    rule_end(b, h, list, NF_DROP);
}

static void put_elements(struct batch *b, uint16_t message, const struct family *f,
                         const struct addr *addrs, size_t n)
{
    struct nlmsghdr *h =
        begin(b, message, (message == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0) | NLM_F_ACK);

    mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_TABLE, b->nft->table);
    mnl_attr_put_strz(h, NFTA_SET_ELEM_LIST_SET, f->set);
    struct nlattr *list = mnl_attr_nest_start(h, NFTA_SET_ELEM_LIST_ELEMENTS);
    for (size_t i = 0; i < n; i++) {
        if (addrs[i].family != f->af)
            continue;
        struct nlattr *elem = mnl_attr_nest_start(h, NFTA_LIST_ELEM);
        put_value(h, NFTA_SET_ELEM_KEY, addrs[i].bytes, f->size);
        mnl_attr_nest_end(h, elem);
    }
    mnl_attr_nest_end(h, list);
    mnl_nlmsg_batch_next(b->b);
}

/* ---- transactions ---- */

static void batch_begin(struct batch *b, struct nft *n)
{
    b->nft = n;
    b->b = mnl_nlmsg_batch_start(b->bytes, BATCH);
    if (!b->b)
        return;
    header(b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    mnl_nlmsg_batch_next(b->b);
}

/* The kernel has answered when sendto() returns: acknowledgements and errors are there to be read.
 */
static int read_answers(struct nft *n, int ignore)
{
    char answer[BATCH];
    int result = 0;

    for (;;) {
        ssize_t got = recv(mnl_socket_get_fd(n->socket), answer, sizeof(answer), MSG_DONTWAIT);
        if (got <= 0)
            return result;
        int left = (int)got;
        for (struct nlmsghdr *h = (struct nlmsghdr *)answer; mnl_nlmsg_ok(h, left);
             h = mnl_nlmsg_next(h, &left)) {
            const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
            if (h->nlmsg_type == NLMSG_ERROR && e->error && e->error != ignore && !result)
                result = e->error;
        }
    }
}

static int batch_commit(struct batch *b, int ignore)
{
    int result = -ENOMEM;

    if (!b->b)
        return result;
    header(b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
    mnl_nlmsg_batch_next(b->b);
    ssize_t sent =
        mnl_socket_sendto(b->nft->socket, mnl_nlmsg_batch_head(b->b), mnl_nlmsg_batch_size(b->b));
    result = sent < 0 ? -errno : read_answers(b->nft, ignore);
    mnl_nlmsg_batch_stop(b->b);
    return result;
}

static int make_table(struct nft *n)
{
    struct batch *b = calloc(1, sizeof(*b));

    if (!b)
        return -ENOMEM;
    batch_begin(b, n);
    if (b->b) {
        put_table(b);
        for (size_t i = 0; i < ARRAY_LEN(families); i++)
            put_set(b, &families[i], (uint32_t)i + 1);
        put_chain(b);
        put_neighbour_rule(b);
        for (size_t i = 0; i < ARRAY_LEN(families); i++)
            put_drop_rule(b, &families[i], (uint32_t)i + 1);
    }
    int result = batch_commit(b, 0);
    free(b);
    return result;
}

static int change_part(struct nft *n, uint16_t message, const struct family *f,
                       const struct addr *addrs, size_t count, int ignore)
{
    struct batch *b = calloc(1, sizeof(*b));

    if (!b)
        return -ENOMEM;
    batch_begin(b, n);
    if (b->b)
        put_elements(b, message, f, addrs, count);
    int result = batch_commit(b, ignore);
    free(b);
    return result;
}

static bool any_of(const struct addr *addrs, size_t count, uint8_t af)
{
    for (size_t i = 0; i < count; i++)
        if (addrs[i].family == af)
            return true;
    return false;
}

static int change(struct nft *n, uint16_t message, const struct addr *addrs, size_t count,
                  int ignore)
{
    int result = 0;

    for (size_t at = 0; at < count; at += ELEMENTS) {
        size_t part = MIN(count - at, (size_t)ELEMENTS);
        for (size_t i = 0; i < ARRAY_LEN(families); i++) {
            if (!any_of(addrs + at, part, families[i].af))
                continue;
            int r = change_part(n, message, &families[i], addrs + at, part, ignore);
            result = r ? r : result;
        }
    }
    return result;
}

int nft_drop(struct nft *n, const struct addr *addrs, size_t count, struct err *e)
{
    int r = change(n, NFT_MSG_NEWSETELEM, addrs, count, -EEXIST);
    return r ? err_set(e, r, "cannot filter packets (nftables): %s", strerror(-r)) : 0;
}

int nft_pass(struct nft *n, const struct addr *addrs, size_t count, struct err *e)
{
    int r = change(n, NFT_MSG_DELSETELEM, addrs, count, -ENOENT);
    return r ? err_set(e, r, "cannot stop filtering packets (nftables): %s", strerror(-r)) : 0;
}

/* ---- life ---- */

int nft_new(struct nft **out, struct err *e)
{
    struct nft *n = calloc(1, sizeof(*n));
    int r = -ENOMEM;

    if (!n)
        return err_set(e, r, "out of memory");
    n->seq = 1;
    snprintf(n->table, sizeof(n->table), "vrrpd-%d", (int)getpid());
    n->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (!n->socket || mnl_socket_bind(n->socket, 0, MNL_SOCKET_AUTOPID) < 0)
        r = -errno;
    else
        r = make_table(n);
    if (r) {
        nft_free(n);
        return err_set(e, r, "cannot make a table in nftables: %s", strerror(-r));
    }
    *out = n;
    return 0;
}

void nft_free(struct nft *n)
{
    if (!n)
        return;
    if (n->socket)
        mnl_socket_close(n->socket); /* takes the table along */
    free(n);
}
