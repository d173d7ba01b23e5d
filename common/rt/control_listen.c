/* Where control clients come in: unix sockets, TCP, and sockets that somebody else made. */
#include "common/rt/control_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG          64
#define ACCEPTS_PER_TURN 16
#define PAUSE            span_ms(100)

/* --- accepting --- */

static void accept_io(struct loop_io *io, uint32_t events)
{
    struct control_listener *l = container_of(io, struct control_listener, io);
    struct loop *loop = l->control->loop;

    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            control_accept(l->control, fd, l);
            continue;
        }
        if (errno == EAGAIN)
            return;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            loop_io_mod(loop, io, 0); /* or the loop would spin on what it cannot take */
            loop_timer_after(loop, &l->pause, PAUSE);
            return;
        }
    }
}

static void pause_over(struct timer *t, struct mono now)
{
    struct control_listener *l = container_of(t, struct control_listener, pause);

    loop_io_mod(l->control->loop, &l->io, EPOLLIN);
}

/* --- listeners --- */

int control_listen_fd(struct control *c, int fd, enum control_level level,
                      struct control_listener **out, struct err *e)
{
    struct control_listener *l = calloc(1, sizeof(*l));

    if (!l) {
        close(fd);
        return err_set(e, -ENOMEM, "out of memory");
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    l->control = c;
    l->level = level;
    l->io = (struct loop_io){.fd = fd, .events = EPOLLIN, .fn = accept_io};
    l->pause = TIMER_INIT(pause_over);
    list_push_back(&c->listeners, &l->node);
    int r = loop_io_add(c->loop, &l->io, e);
    if (r < 0) {
        control_unlisten(l);
        return r;
    }
    if (out)
        *out = l;
    return 0;
}

void control_unlisten(struct control_listener *l)
{
    struct stat st;

    loop_io_del(l->control->loop, &l->io);
    loop_timer_disarm(l->control->loop, &l->pause);
    list_del(&l->node);
    close(l->io.fd);
    /* A successor may have put its own socket there already. */
    if (l->path && lstat(l->path, &st) == 0 && st.st_dev == l->dev && st.st_ino == l->ino)
        unlink(l->path);
    free(l->path);
    free(l);
}

/* --- unix --- */

/* Removes a socket that nobody serves. An error if somebody does, or it is something else. */
static int clear_path(const struct sockaddr_un *sun, struct err *e)
{
    const char *path = sun->sun_path;
    struct stat st;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0
                               : err_set(e, -errno, "cannot use the control socket %s: %s", path,
                                         strerror(errno));
    if (!S_ISSOCK(st.st_mode))
        return err_set(e, -EEXIST, "cannot listen on %s: there is a file that is no socket", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(e, -errno, "cannot make a socket: %s", strerror(errno));
    int r = connect(fd, (const struct sockaddr *)(const void *)sun, sizeof(*sun)) < 0 ? errno : 0;
    close(fd);
    if (r == 0 || r == EAGAIN)
        return err_set(e, -EADDRINUSE,
                       "the control socket %s is in use: another process answers there", path);
    if (r != ECONNREFUSED && r != ENOENT)
        return err_set(e, -r, "cannot use the control socket %s: %s", path, strerror(r));
    if (unlink(path) < 0 && errno != ENOENT)
        return err_set(e, -errno, "cannot replace the control socket %s: %s", path,
                       strerror(errno));
    return 0;
}

/* The file appears with the mode that the descriptor has: closed to others until all is set. */
static int bind_unix(int fd, const struct sockaddr_un *sun, const struct control_unix *at)
{
    if (fchmod(fd, 0600) < 0 ||
        bind(fd, (const struct sockaddr *)(const void *)sun, sizeof(*sun)) < 0)
        return -errno;
    if ((at->set_owner && lchown(at->path, at->uid, at->gid) < 0) ||
        (at->mode && chmod(at->path, at->mode) < 0) || listen(fd, BACKLOG) < 0) {
        int r = -errno;
        unlink(at->path);
        return r;
    }
    return 0;
}

static int remember_path(struct control_listener *l, const char *path)
{
    struct stat st;

    l->path = strdup(path);
    if (!l->path || lstat(path, &st) < 0)
        return -ENOMEM;
    l->dev = st.st_dev;
    l->ino = st.st_ino;
    return 0;
}

/* A service manager makes /run/NAME; where there is none, nobody did. */
static int make_directory_of(const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');

    if (!slash || slash == path)
        return 0;
    char *dir = strndup(path, (size_t)(slash - path));
    int r = !dir ? -ENOMEM : mkdir(dir, 0755) < 0 && errno != EEXIST ? -errno : 0;
    if (r)
        err_set(e, r, "cannot make the directory %s of the control socket: %s", dir ? dir : path,
                strerror(-r));
    free(dir);
    return r;
}

int control_listen_unix(struct control *c, const struct control_unix *at,
                        struct control_listener **out, struct err *e)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    struct control_listener *l;

    if (strlen(at->path) >= sizeof(sun.sun_path))
        return err_set(e, -ENAMETOOLONG, "the control socket's path is longer than %zu: %.200s",
                       sizeof(sun.sun_path) - 1, at->path);
    memcpy(sun.sun_path, at->path, strlen(at->path) + 1);
    int r = make_directory_of(at->path, e);
    if (r == 0)
        r = clear_path(&sun, e);
    if (r < 0)
        return r;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(e, -errno, "cannot make a socket: %s", strerror(errno));
    r = bind_unix(fd, &sun, at);
    if (r < 0) {
        close(fd);
        return err_set(e, r, "cannot listen on %s: %s", at->path, strerror(-r));
    }
    r = control_listen_fd(c, fd, at->level, &l, e);
    if (r < 0)
        return r;
    r = remember_path(l, at->path);
    if (r < 0) {
        control_unlisten(l);
        return err_set(e, r, "cannot listen on %s: %s", at->path, strerror(-r));
    }
    if (out)
        *out = l;
    return 0;
}

/* --- TCP --- */

int control_listen_tcp(struct control *c, const struct addr_port *at, enum control_level level,
                       struct control_listener **out, struct err *e)
{
    struct sockaddr_storage ss;
    socklen_t len = addr_to_sockaddr(&at->addr, at->port, &ss);
    char text[ADDR_TEXT_MAX];
    int yes = 1;

    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(e, -errno, "cannot make a socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    if (bind(fd, (struct sockaddr *)&ss, len) < 0 || listen(fd, BACKLOG) < 0) {
        int r = -errno;
        close(fd);
        return err_set(e, r, "cannot listen on %s: %s", addr_port_format(at, text), strerror(-r));
    }
    return control_listen_fd(c, fd, level, out, e);
}
