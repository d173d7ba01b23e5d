/*
 * The kernel lists TCP listeners by inode (sock_diag(7), over libmnl); which process has that inode
 * open is found in /proc.
 */
#include "common/rt/port.h"

#include <dirent.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX (64 * 1024)

struct search {
    const struct addr_port *at;
    struct port_holder *out;
    uint32_t inode;
    bool found;
};

/* Two sockets collide on a port if their addresses are equal or one is the wildcard; a wildcard of
 * IPv6 takes IPv4 too (unless IPV6_V6ONLY, which the list does not tell). */
static bool collides(const struct addr *listening, const struct addr *wanted)
{
    if (addr_equal(listening, wanted))
        return true;
    if (addr_is_any(listening))
        return listening->family == wanted->family || listening->family == AF_INET6;
    return addr_is_any(wanted) &&
           (wanted->family == listening->family || wanted->family == AF_INET6);
}

static int see_listener(const struct nlmsghdr *nlh, void *data)
{
    const struct inet_diag_msg *m = mnl_nlmsg_get_payload(nlh);
    struct search *s = data;

    if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*m) || ntohs(m->id.idiag_sport) != s->at->port)
        return MNL_CB_OK;
    struct addr addr = addr_from_bytes(m->idiag_family, m->id.idiag_src);
    if (!collides(&addr, &s->at->addr))
        return MNL_CB_OK;
    s->out->at = (struct addr_port){addr, s->at->port};
    s->inode = m->idiag_inode;
    s->found = true;
    return MNL_CB_STOP;
}

static bool request_listeners(struct mnl_socket *nl, uint8_t family, unsigned seq)
{
    char data[MNL_NLMSG_HDRLEN + sizeof(struct inet_diag_req_v2) + 16];
    struct nlmsghdr *nlh = mnl_nlmsg_put_header(data);

    nlh->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    nlh->nlmsg_seq = seq;
    struct inet_diag_req_v2 *req = mnl_nlmsg_put_extra_header(nlh, sizeof(*req));
    req->sdiag_family = family;
    req->sdiag_protocol = IPPROTO_TCP;
    req->idiag_states = 1u << TCP_LISTEN;
    return mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) >= 0;
}

static void search_family(struct mnl_socket *nl, uint8_t family, struct search *s)
{
    unsigned seq = family, port = mnl_socket_get_portid(nl);
    char *answer = malloc(ANSWER_MAX);
    int more = answer && request_listeners(nl, family, seq) ? MNL_CB_OK : MNL_CB_ERROR;

    while (more == MNL_CB_OK) {
        ssize_t n = mnl_socket_recvfrom(nl, answer, ANSWER_MAX);
        more = n > 0 ? mnl_cb_run(answer, (size_t)n, seq, port, see_listener, s) : MNL_CB_ERROR;
    }
    free(answer);
}

static bool find_listener(struct search *s)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};

    for (size_t i = 0; i < ARRAY_LEN(families) && !s->found; i++) {
        struct mnl_socket *nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
        if (!nl)
            return false;
        if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0)
            search_family(nl, families[i], s);
        mnl_socket_close(nl);
    }
    return s->found;
}

/* Whether one of the process's descriptors is "socket:[INODE]". */
static bool has_socket(int proc, const char *pid, const char *wanted)
{
    char path[64], target[64];
    bool found = false;

    snprintf(path, sizeof(path), "%.32s/fd", pid);
    int fd = openat(proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    for (struct dirent *d; !found && (d = readdir(dir));) {
        ssize_t n = readlinkat(dirfd(dir), d->d_name, target, sizeof(target) - 1);
        target[MAX(n, 0)] = '\0';
        found = strcmp(target, wanted) == 0;
    }
    closedir(dir);
    return found;
}

static void find_process(struct search *s)
{
    char wanted[64];
    DIR *proc = opendir("/proc");

    snprintf(wanted, sizeof(wanted), "socket:[%u]", s->inode);
    for (struct dirent *d; proc && (d = readdir(proc));) {
        int pid = atoi(d->d_name);
        if (pid <= 0 || !has_socket(dirfd(proc), d->d_name, wanted))
            continue;
        s->out->pid = pid;
        process_name(pid, s->out->name);
        break;
    }
    if (proc)
        closedir(proc);
}

bool port_holder(const struct addr_port *at, struct port_holder *out)
{
    struct search s = {.at = at, .out = out};

    *out = (struct port_holder){0};
    if (!find_listener(&s))
        return false;
    if (s.inode)
        find_process(&s);
    return true;
}

const char *port_holder_text(const struct port_holder *h, char text[PORT_TEXT_MAX])
{
    if (!h->pid)
        snprintf(text, PORT_TEXT_MAX, "a process that cannot be seen from here");
    else
        snprintf(text, PORT_TEXT_MAX, "%s (pid %d)", h->name[0] ? h->name : "a process",
                 (int)h->pid);
    return text;
}
