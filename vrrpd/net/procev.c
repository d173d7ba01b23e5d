/*
 * The connector's protocol (linux/connector.h, linux/cn_proc.h): a subscription is a message with
 * one word, PROC_CN_MCAST_LISTEN; the kernel answers with a PROC_EVENT_NONE that carries an errno,
 * multicast to all who listen. Ours is known by its `ack`, which is the request's plus one (newer
 * kernels overwrite `seq`). In a namespace other than the initial ones the kernel drops the request
 * without an answer, hence the timer.
 */
#include "vrrpd/net/procev.h"

#include "common/base/macro.h"
#include "common/rt/loop.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READS_MAX = 64, RCVBUF = 1 << 20, MESSAGE_MAX = 1024 };
#define ANSWER_SPAN span_s(1)

struct procev {
    struct loop *loop;
    struct mnl_socket *nl;
    struct loop_io io;
    struct loop_work first; /* tells of PROCEV_ON or PROCEV_OFF */
    struct timer silence;
    enum procev_state state;
    char reason[128];
    uint32_t nonce; /* tells our answer from others' */
    procev_fn *fn;
    void *ctx;
    struct procev_stats stats;
};

/* Lets through what is of interest. The filter loads words in network order. */
static int set_filter(int fd)
{
    enum {
        WHAT_AT = NLMSG_HDRLEN + sizeof(struct cn_msg) + offsetof(struct proc_event, what),
    };
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, WHAT_AT),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_EXEC), 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_COMM), 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(PROC_EVENT_NONE), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog prog = {.len = ARRAY_LEN(code), .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog));
}

static int ask(struct procev *p, enum proc_cn_mcast_op op)
{
    char bytes[256];
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(bytes);
    nlh->nlmsg_type = NLMSG_DONE;
    nlh->nlmsg_pid = mnl_socket_get_portid(p->nl);
    struct cn_msg *cn = mnl_nlmsg_put_extra_header(nlh, sizeof(*cn) + sizeof(uint32_t));
    cn->id = (struct cb_id){.idx = CN_IDX_PROC, .val = CN_VAL_PROC};
    cn->ack = p->nonce;
    cn->len = sizeof(uint32_t);
    uint32_t word = op;
    memcpy(cn->data, &word, sizeof(word));
    return mnl_socket_sendto(p->nl, nlh, nlh->nlmsg_len) < 0 ? -errno : 0;
}

static void close_socket(struct procev *p)
{
    if (!p->nl)
        return;
    loop_io_del(p->loop, &p->io);
    mnl_socket_close(p->nl);
    p->nl = NULL;
}

static void give_up(struct procev *p, const char *reason)
{
    snprintf(p->reason, sizeof(p->reason), "%s", reason);
    p->state = PROCEV_OFF;
    loop_timer_disarm(p->loop, &p->silence);
    close_socket(p);
    loop_work_add(p->loop, &p->first);
}

static void on_silence(struct timer *timer, struct mono now)
{
    give_up(container_of(timer, struct procev, silence),
            "the kernel does not answer: not in the initial PID and user namespaces");
}

static void on_state(struct loop_work *work)
{
    struct procev *p = container_of(work, struct procev, first);
    p->fn(p->ctx, 0);
}

static void on_answer(struct procev *p, const struct cn_msg *cn, uint32_t error)
{
    if (p->state != PROCEV_STARTING || cn->ack != p->nonce + 1)
        return;
    if (error != 0) {
        give_up(p, strerror((int)error));
        return;
    }
    loop_timer_disarm(p->loop, &p->silence);
    p->state = PROCEV_ON;
    loop_work_add(p->loop, &p->first);
}

/* Only what the main thread does concerns the process's name. */
static void on_event(struct procev *p, pid_t pid, pid_t tgid)
{
    p->stats.events++;
    if (pid == tgid)
        p->fn(p->ctx, tgid);
}

static void on_message(struct procev *p, const struct nlmsghdr *nlh)
{
    const struct cn_msg *cn = mnl_nlmsg_get_payload(nlh);
    size_t len = mnl_nlmsg_get_payload_len(nlh);
    if (len < sizeof(*cn) || cn->id.idx != CN_IDX_PROC || cn->id.val != CN_VAL_PROC ||
        cn->len > len - sizeof(*cn) || cn->len < offsetof(struct proc_event, event_data)) {
        p->stats.strange++;
        return;
    }
    struct proc_event ev = {0};
    memcpy(&ev, cn->data, MIN(sizeof(ev), cn->len));
    if (ev.what == PROC_EVENT_NONE)
        on_answer(p, cn, ev.event_data.ack.err);
    else if (ev.what == PROC_EVENT_EXEC)
        on_event(p, ev.event_data.exec.process_pid, ev.event_data.exec.process_tgid);
    else if (ev.what == PROC_EVENT_COMM)
        on_event(p, ev.event_data.comm.process_pid, ev.event_data.comm.process_tgid);
}

static void on_bytes(struct procev *p, void *bytes, int len)
{
    for (struct nlmsghdr *nlh = bytes; mnl_nlmsg_ok(nlh, len); nlh = mnl_nlmsg_next(nlh, &len))
        on_message(p, nlh);
}

static void on_readable(struct loop_io *io, uint32_t events)
{
    struct procev *p = container_of(io, struct procev, io);
    alignas(struct nlmsghdr) char bytes[MESSAGE_MAX];
    for (int reads = 0; reads < READS_MAX && p->nl; reads++) {
        struct sockaddr_nl from;
        socklen_t from_len = sizeof(from);
        ssize_t n = recvfrom(io->fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &from_len);
        if (n < 0 && errno == ENOBUFS) {
            p->stats.overflows++;
            p->fn(p->ctx, 0);
        }
        if (n <= 0)
            return;
        if (from_len == sizeof(from) && from.nl_pid == 0)
            on_bytes(p, bytes, (int)n);
        else
            p->stats.strange++; /* only the kernel speaks here */
    }
}

static int open_socket(struct procev *p, struct err *e)
{
    p->nl = mnl_socket_open2(NETLINK_CONNECTOR, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (!p->nl)
        return err_set(e, -errno, "no connector socket: %s", strerror(errno));
    int fd = mnl_socket_get_fd(p->nl), rcvbuf = RCVBUF;
    p->io = (struct loop_io){.fd = fd, .fn = on_readable, .events = EPOLLIN};
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
    if (set_filter(fd) < 0)
        return err_set(e, -errno, "no filter: %s", strerror(errno));
    if (mnl_socket_bind(p->nl, CN_IDX_PROC, MNL_SOCKET_AUTOPID) < 0)
        return err_set(e, -errno, "not allowed to listen: %s", strerror(errno));
    int rc = loop_io_add(p->loop, &p->io, e);
    if (rc < 0)
        return rc;
    p->nonce = (uint32_t)loop_clock().us;
    rc = ask(p, PROC_CN_MCAST_LISTEN);
    if (rc < 0)
        return err_set(e, rc, "the kernel has no process events here: %s", strerror(-rc));
    return 0;
}

int procev_new(struct procev **out, struct loop *loop, procev_fn *fn, void *ctx, struct err *e)
{
    struct procev *p = calloc(1, sizeof(*p));
    if (!p)
        return err_set(e, -ENOMEM, "out of memory");
    p->loop = loop;
    p->fn = fn;
    p->ctx = ctx;
    p->first.fn = on_state;
    p->silence = TIMER_INIT(on_silence);
    int rc = open_socket(p, e);
    if (rc < 0) {
        procev_free(p);
        return rc;
    }
    loop_timer_after(loop, &p->silence, ANSWER_SPAN);
    *out = p;
    return 0;
}

void procev_free(struct procev *p)
{
    if (!p)
        return;
    if (p->state == PROCEV_ON)
        ask(p, PROC_CN_MCAST_IGNORE); /* older kernels count listeners by this alone */
    loop_timer_disarm(p->loop, &p->silence);
    loop_work_cancel(p->loop, &p->first);
    close_socket(p);
    free(p);
}

enum procev_state procev_state(const struct procev *p)
{
    return p->state;
}

const char *procev_reason(const struct procev *p)
{
    return p->reason;
}

struct procev_stats procev_stats(const struct procev *p)
{
    return p->stats;
}
