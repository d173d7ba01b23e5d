/*
 * Opening listening sockets. Of the sockets of one address, the first is bound without
 * SO_REUSEPORT, which fails if anybody at all listens there (with it, a second balancer would
 * silently share the port); the option is set before it listens, so that its siblings may join.
 */
#include "lb/net/listener.h"

#include "common/base/parse.h"
#include "common/rt/port.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define DEFER_SECONDS 1 /* then the connection is handed over without a request */

struct opening {
    struct binding *b;
    const struct config_listener *conf;
    struct err *e;
};

/* "cannot bind 0.0.0.0:80 for listener http-in: WHY" */
static int refuse(const struct opening *o, int code, const char *why)
{
    return err_set(o->e, code, "cannot bind %s for listener %s: %s", o->b->text, o->conf->obj.name,
                   why);
}

static int refuse_bind(const struct opening *o, int code)
{
    char why[256], holder[PORT_TEXT_MAX];
    struct port_holder h;

    switch (code) {
    case EADDRINUSE:
        if (o->b->at.kind != BIND_INET)
            return refuse(o, -code, "in use; remove the file or give it another path");
        if (port_holder(&o->b->at.at, &h))
            snprintf(why, sizeof(why), "in use by %s; give one of them another port",
                     port_holder_text(&h, holder));
        else
            snprintf(why, sizeof(why), "in use; give it another port");
        return refuse(o, -code, why);
    case EACCES:
        return refuse(o, -code, "not allowed; ports below 1024 need root or CAP_NET_BIND_SERVICE");
    case EADDRNOTAVAIL:
        return refuse(o, -code, "this node does not have that address; set \"freebind\" to true");
    default:
        return refuse(o, -code, strerror(code));
    }
}

static void set_int(int fd, int level, int name, int value)
{
    setsockopt(fd, level, name, &value, sizeof(value));
}

static int set_options(const struct opening *o, int fd, int family)
{
    const struct config_listener *l = o->conf;

    set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* accepted sockets inherit these */
    if (l->tcp_keepalive)
        set_int(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    if (l->freebind)
        set_int(fd, IPPROTO_IP, IP_FREEBIND, 1);
    if (family == AF_INET6)
        set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, l->v6only && !l->v4v6);
    if (l->mode == CONFIG_MODE_HTTP && l->defer_accept && !l->accept_proxy)
        set_int(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, DEFER_SECONDS);
    if (l->transparent) {
        int on = 1;
        int level = family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
        int name = family == AF_INET6 ? IPV6_TRANSPARENT : IP_TRANSPARENT;
        if (setsockopt(fd, level, name, &on, sizeof(on)) < 0)
            return refuse(o, -errno, "\"transparent\" needs CAP_NET_ADMIN");
    }
    if (l->interface && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, l->interface,
                                   (socklen_t)strlen(l->interface) + 1) < 0)
        return refuse(o, -errno, "there is no such interface");
    return 0;
}

static int open_inet(const struct opening *o, bool first)
{
    struct sockaddr_storage sa;
    const struct addr_port *at = &o->b->at.at;
    socklen_t len = addr_to_sockaddr(&at->addr, at->port, &sa);
    int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int err;

    if (fd < 0)
        return refuse(o, -errno, strerror(errno));
    if ((err = set_options(o, fd, sa.ss_family)) < 0)
        goto out;
    if (!first)
        set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (bind(fd, (struct sockaddr *)&sa, len) < 0) {
        err = refuse_bind(o, errno);
        goto out;
    }
    set_int(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (listen(fd, o->conf->backlog ? (int)o->conf->backlog : SOMAXCONN) == 0)
        return fd;
    err = refuse_bind(o, errno);
out:
    close(fd);
    return err;
}

/* ---- unix sockets ---- */

static socklen_t unix_address(const struct bind_addr *at, struct sockaddr_un *out)
{
    size_t len = strlen(at->path);

    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (at->kind == BIND_ABSTRACT) {
        memcpy(out->sun_path + 1, at->path, MIN(len, sizeof(out->sun_path) - 1));
        return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len);
    }
    snprintf(out->sun_path, sizeof(out->sun_path), "%s", at->path);
    return sizeof(*out);
}

/* A file that nobody serves is left from a process that is gone. */
static void remove_stale(const struct sockaddr_un *sa, socklen_t len)
{
    struct stat st;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return;
    if (stat(sa->sun_path, &st) == 0 && S_ISSOCK(st.st_mode) &&
        connect(fd, (const struct sockaddr *)sa, len) < 0 && errno == ECONNREFUSED)
        unlink(sa->sun_path);
    close(fd);
}

static int set_owner(const struct opening *o)
{
    const struct config_listener *l = o->conf;
    const char *path = o->b->at.path;
    struct passwd *pw = l->unix_user ? getpwnam(l->unix_user) : NULL;
    struct group *gr = l->unix_group ? getgrnam(l->unix_group) : NULL;

    if ((l->unix_user && !pw) || (l->unix_group && !gr))
        return refuse(o, -EINVAL, "there is no such user or group");
    if (l->unix_mode && chmod(path, (mode_t)strtoul(l->unix_mode, NULL, 8)) < 0)
        return refuse(o, -errno, strerror(errno));
    if ((pw || gr) && chown(path, pw ? pw->pw_uid : (uid_t)-1, gr ? gr->gr_gid : (gid_t)-1) < 0)
        return refuse(o, -errno, strerror(errno));
    return 0;
}

static int open_unix(const struct opening *o)
{
    struct sockaddr_un sa;
    socklen_t len = unix_address(&o->b->at, &sa);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int err;

    if (fd < 0)
        return refuse(o, -errno, strerror(errno));
    if (o->b->at.kind == BIND_UNIX)
        remove_stale(&sa, len);
    if (bind(fd, (struct sockaddr *)&sa, len) < 0) {
        err = refuse_bind(o, errno);
        close(fd);
        return err;
    }
    o->b->unlink = o->b->at.kind == BIND_UNIX;
    err = o->b->unlink ? set_owner(o) : 0;
    if (err == 0 && listen(fd, o->conf->backlog ? (int)o->conf->backlog : SOMAXCONN) < 0)
        err = refuse(o, -errno, strerror(errno));
    if (err < 0)
        close(fd);
    return err < 0 ? err : fd;
}

/* A socket that was handed over: it must listen already. */
static int open_fd(const struct opening *o)
{
    int listening = 0, fd;
    socklen_t len = sizeof(listening);

    if (getsockopt(o->b->at.fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0)
        return refuse(o, -errno, "no such descriptor was handed over");
    if (!listening && listen(o->b->at.fd, SOMAXCONN) < 0)
        return refuse(o, -errno, "the descriptor is not a listening socket");
    fd = fcntl(o->b->at.fd, F_DUPFD_CLOEXEC, 3);
    if (fd >= 0)
        fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    return fd < 0 ? refuse(o, -errno, strerror(errno)) : fd;
}

static int open_first(const struct opening *o)
{
    switch (o->b->at.kind) {
    case BIND_INET:
        return open_inet(o, true);
    case BIND_UNIX:
    case BIND_ABSTRACT:
        return open_unix(o);
    case BIND_FD:
        return open_fd(o);
    }
    return -EINVAL;
}

/* One socket a worker where the kernel spreads connections over them, else one that all share. */
static int open_all(const struct opening *o)
{
    struct binding *b = o->b;

    for (unsigned i = 0; i < b->workers; i++) {
        int fd;
        if (i == 0)
            fd = open_first(o);
        else if (b->at.kind == BIND_INET)
            fd = open_inet(o, false);
        else
            fd = fcntl(b->fds[0], F_DUPFD_CLOEXEC, 3);
        if (fd < 0)
            return fd;
        b->fds[i] = fd;
    }
    return 0;
}

struct binding *binding_open(const struct bind_addr *at, uint16_t port,
                             const struct config_listener *conf, unsigned workers, struct err *e)
{
    struct binding *b = calloc(1, sizeof(*b) + workers * sizeof(b->fds[0]));
    struct opening o = {b, conf, e};
    char text[ADDR_TEXT_MAX];

    if (!b)
        return err_set(e, -ENOMEM, "out of memory"), NULL;
    atomic_init(&b->refs, 1);
    b->at = *at;
    b->at.at.port = b->at.last = port;
    b->workers = workers;
    for (unsigned i = 0; i < workers; i++)
        b->fds[i] = -1;
    b->path = at->path ? strdup(at->path) : NULL;
    b->at.path = b->path;
    b->text = strdup(bind_format(&b->at, text));
    if (!b->text || (at->path && !b->path))
        err_set(e, -ENOMEM, "out of memory");
    else if (open_all(&o) == 0)
        return b;
    binding_unref(b);
    return NULL;
}

struct binding *binding_ref(struct binding *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void binding_close(struct binding *b, unsigned worker)
{
    if (b->fds[worker] >= 0)
        close(b->fds[worker]);
    b->fds[worker] = -1;
}

void binding_unref(struct binding *b)
{
    if (!b || atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (unsigned i = 0; i < b->workers; i++)
        binding_close(b, i);
    if (b->unlink)
        unlink(b->path);
    free(b->text);
    free(b->path);
    free(b);
}

/* ---- listeners ---- */

struct listener *listener_new(const char *name, uint32_t id, unsigned workers)
{
    struct listener *l = aligned_alloc(CACHE_LINE, sizeof(*l));

    if (!l)
        return NULL;
    memset(l, 0, sizeof(*l));
    atomic_init(&l->refs, 1);
    l->id = id;
    l->workers = workers;
    l->name = strdup(name);
    l->lanes = aligned_alloc(CACHE_LINE, workers * sizeof(*l->lanes));
    if (!l->name || !l->lanes) {
        listener_unref(l);
        return NULL;
    }
    memset(l->lanes, 0, workers * sizeof(*l->lanes));
    return l;
}

struct listener *listener_ref(struct listener *l)
{
    atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
    return l;
}

void listener_unref(struct listener *l)
{
    if (!l || atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) != 1)
        return;
    free(l->lanes);
    free(l->name);
    free(l);
}

uint64_t listener_count(const struct listener *l, enum count_id id)
{
    return count_read(l->lanes, sizeof(*l->lanes), l->workers, &l->cleared, id);
}

void listener_clear_peaks(struct listener *l)
{
    atomic_store(&l->conns_max, atomic_load(&l->conns));
    count_clear_peaks(l->lanes, sizeof(*l->lanes), l->workers);
    meter_clear_peaks(&l->meter);
}

void listener_clear_counts(struct listener *l)
{
    count_clear(l->lanes, sizeof(*l->lanes), l->workers, &l->cleared);
    meter_clear(&l->meter);
    listener_clear_peaks(l);
}
