#include "vrrpd/net/netlink.h"

#include "common/base/macro.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/socket.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BUFFER = 1 << 20, ANSWER = 32768, DUMP_TRIES = 5 };

struct netlink {
    int fd;
    uint32_t seq; /* of the first request in the batch */
    size_t count;
    struct nl_msg *msgs[NETLINK_BATCH];
    void *cookies[NETLINK_BATCH];
    netlink_failed_fn *fn;
    void *ctx;
    int error;
    struct netlink_stats stats;
};

int netlink_new(struct netlink **out, struct err *e)
{
    struct netlink *nl = calloc(1, sizeof(*nl));
    int one = 1, size = BUFFER;

    if (!nl)
        return err_set(e, -ENOMEM, "out of memory");
    nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (nl->fd < 0) {
        int error = -errno;
        free(nl);
        return err_set(e, error, "cannot open a netlink socket: %s", strerror(-error));
    }
    /* Best effort: smaller buffers only mean that a flood of failures may be lost (counted). */
    setsockopt(nl->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    setsockopt(nl->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    setsockopt(nl->fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
    setsockopt(nl->fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
    nl->seq = 1;
    *out = nl;
    return 0;
}

static void drop(struct netlink *nl)
{
    for (size_t i = 0; i < nl->count; i++)
        nlmsg_free(nl->msgs[i]);
    nl->count = 0;
}

void netlink_free(struct netlink *nl)
{
    if (!nl)
        return;
    drop(nl);
    close(nl->fd);
    free(nl);
}

/* The kernel's sentence in a failure; it follows the header of the request that failed. */
static const char *explanation(const struct nlmsghdr *h)
{
    size_t at = NLMSG_HDRLEN + sizeof(struct nlmsgerr);

    if (!(h->nlmsg_flags & NLM_F_ACK_TLVS) || h->nlmsg_len <= at)
        return "";
    const struct nlattr *a = nla_find((const struct nlattr *)((const char *)h + at),
                                      (int)(h->nlmsg_len - at), NLMSGERR_ATTR_MSG);
    if (!a || nla_len(a) < 1 || ((const char *)nla_data(a))[nla_len(a) - 1] != '\0')
        return "";
    return nla_data(a);
}

static void failure(struct netlink *nl, const struct nlmsghdr *h)
{
    const struct nlmsgerr *error = NLMSG_DATA(h);
    uint32_t index;

    if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_len < NLMSG_LENGTH(sizeof(*error)) ||
        !error->error)
        return;
    index = error->msg.nlmsg_seq - nl->seq;
    if (index >= nl->count)
        return;
    nl->stats.failed++;
    if (nl->fn)
        nl->fn(nl->ctx, nl->cookies[index], -error->error, explanation(h));
}

static void read_failures(struct netlink *nl)
{
    _Alignas(struct nlmsghdr) char answer[ANSWER];

    for (;;) {
        ssize_t n = recv(nl->fd, answer, sizeof(answer), MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == ENOBUFS) {
            nl->stats.overruns++;
            continue;
        }
        if (n <= 0)
            return;
        int left = (int)n;
        for (struct nlmsghdr *h = (struct nlmsghdr *)answer; nlmsg_ok(h, left);
             h = nlmsg_next(h, &left))
            failure(nl, h);
    }
}

static void send_batch(struct netlink *nl)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct iovec iov[NETLINK_BATCH];
    struct msghdr m = {.msg_name = &kernel,
                       .msg_namelen = sizeof(kernel),
                       .msg_iov = iov,
                       .msg_iovlen = nl->count};

    if (!nl->count)
        return;
    for (size_t i = 0; i < nl->count; i++) {
        struct nlmsghdr *h = nlmsg_hdr(nl->msgs[i]);
        h->nlmsg_seq = nl->seq + (uint32_t)i;
        h->nlmsg_pid = 0;
        h->nlmsg_flags |= NLM_F_REQUEST;
        iov[i] = (struct iovec){.iov_base = h, .iov_len = NLMSG_ALIGN(h->nlmsg_len)};
    }
    ssize_t n;
    do
        n = sendmsg(nl->fd, &m, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0 && !nl->error)
        nl->error = -errno;
    nl->stats.batches++;
    nl->stats.requests += nl->count;
    read_failures(nl);
    nl->seq += (uint32_t)nl->count;
    drop(nl);
}

void netlink_begin(struct netlink *nl, netlink_failed_fn *fn, void *ctx)
{
    drop(nl);
    nl->fn = fn;
    nl->ctx = ctx;
    nl->error = 0;
}

int netlink_add(struct netlink *nl, struct nl_msg *msg, void *cookie)
{
    if (!msg)
        return -ENOMEM;
    nl->msgs[nl->count] = msg;
    nl->cookies[nl->count++] = cookie;
    if (nl->count == NETLINK_BATCH)
        send_batch(nl);
    return 0;
}

int netlink_end(struct netlink *nl)
{
    send_batch(nl);
    return nl->error;
}

struct one {
    int error;
    char text[160];
};

static void one_failed(void *ctx, void *cookie, int error, const char *text)
{
    struct one *one = ctx;

    one->error = error;
    strncpy(one->text, text, sizeof(one->text) - 1);
}

int netlink_one(struct netlink *nl, struct nl_msg *msg, struct err *e)
{
    struct one one = {0};

    netlink_begin(nl, one_failed, &one);
    int error = netlink_add(nl, msg, NULL);
    if (!error)
        error = netlink_end(nl);
    if (!error)
        error = -one.error;
    if (error)
        err_set(e, error, "%s%s%s", strerror(-error), one.text[0] ? ": " : "", one.text);
    return error;
}

/* ---- dumps ---- */

/* 1: done; 0: more to read; -EAGAIN: it changed underneath, ask again; else an error. */
static int dump_part(char *answer, ssize_t n, netlink_dump_fn *fn, void *ctx)
{
    int left = (int)n;

    for (struct nlmsghdr *h = (struct nlmsghdr *)answer; nlmsg_ok(h, left);
         h = nlmsg_next(h, &left)) {
        if (h->nlmsg_flags & NLM_F_DUMP_INTR)
            return -EAGAIN;
        if (h->nlmsg_type == NLMSG_DONE)
            return 1;
        if (h->nlmsg_type == NLMSG_ERROR)
            return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
        fn(ctx, h);
    }
    return 0;
}

/* The kernel filters where the question is strict. */
static void be_strict(int fd)
{
    int one = 1;

    setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
}

static int dump_once(const struct nlmsghdr *ask, bool strict, netlink_dump_fn *fn, void *ctx)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    int result = -errno;

    if (fd < 0)
        return result;
    if (strict)
        be_strict(fd);
    char *answer = malloc(ANSWER);
    result = answer ? 0 : -ENOMEM;
    if (!result && send(fd, ask, ask->nlmsg_len, 0) < 0)
        result = -errno;
    while (result == 0) {
        ssize_t n = recv(fd, answer, ANSWER, 0);
        if (n < 0 && errno == EINTR)
            continue;
        result = n < 0 ? -errno : dump_part(answer, n, fn, ctx);
    }
    free(answer);
    close(fd);
    return result < 0 ? result : 0;
}

static int dump(const struct nlmsghdr *ask, bool strict, netlink_dump_fn *fn, void *ctx)
{
    int err = -EAGAIN;

    for (int i = 0; i < DUMP_TRIES && err == -EAGAIN; i++)
        err = dump_once(ask, strict, fn, ctx);
    return err;
}

int netlink_dump(int type, netlink_dump_fn *fn, void *ctx)
{
    const struct {
        struct nlmsghdr h;
        struct ifinfomsg info; /* as large as any header that is dumped here needs */
    } ask = {.h = {.nlmsg_len = sizeof(ask),
                   .nlmsg_type = (uint16_t)type,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP}};

    return dump(&ask.h, false, fn, ctx);
}

int netlink_dump_routes(uint8_t protocol, netlink_dump_fn *fn, void *ctx)
{
    const struct {
        struct nlmsghdr h;
        struct rtmsg route;
    } ask = {.h = {.nlmsg_len = sizeof(ask),
                   .nlmsg_type = RTM_GETROUTE,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
             .route = {.rtm_protocol = protocol}};

    return dump(&ask.h, true, fn, ctx);
}

const struct netlink_stats *netlink_stats(const struct netlink *nl)
{
    return &nl->stats;
}
