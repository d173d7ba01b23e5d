/*
 * Opened for reading and writing: so it is open without a reader, lines wait in the pipe until one
 * comes, and a reader that goes costs neither an error nor a signal. A reader that removes the pipe
 * and makes its own is found by comparing inodes before each line; changes of state are rare.
 */
#include "vrrpd/fifo.h"

#include "common/base/macro.h"
#include "common/rt/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fifo {
    struct list node;
    char *path;
    unsigned users;
    int fd;
    dev_t dev;
    ino_t ino;
    bool made; /* by us: removed at the end */
    bool ill;  /* the last line was dropped */
};

/* True if `fd` is what the path leads to. */
static bool is_current(const struct fifo *f)
{
    struct stat st;
    return f->fd >= 0 && stat(f->path, &st) == 0 && st.st_dev == f->dev && st.st_ino == f->ino;
}

static int open_pipe(struct fifo *f)
{
    struct stat st;
    if (mkfifo(f->path, 0600) == 0)
        f->made = true;
    else if (errno != EEXIST)
        return -errno;
    int fd = open(f->path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode)) {
        close(fd);
        return -ENOSTR;
    }
    f->fd = fd;
    f->dev = st.st_dev;
    f->ino = st.st_ino;
    return 0;
}

static int renew(struct fifo *f)
{
    if (is_current(f))
        return 0;
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
    f->made = false;
    return open_pipe(f);
}

static void judge(struct fifo *f, int error)
{
    bool ill = error != 0;
    if (ill == f->ill)
        return;
    f->ill = ill;
    if (!ill)
        log_notice("fifo %s: lines are taken again", f->path);
    else
        log_warning("fifo %s: lines are dropped: %s", f->path,
                    error == EAGAIN   ? "it is full and nobody reads"
                    : error == ENOSTR ? "it is no fifo"
                                      : strerror(error));
}

struct fifo *fifo_get(struct list *set, const char *path)
{
    list_for_each (it, set) {
        struct fifo *f = list_entry(it, struct fifo, node);
        if (strcmp(f->path, path) == 0) {
            f->users++;
            return f;
        }
    }
    struct fifo *f = calloc(1, sizeof(*f));
    if (!f || !(f->path = strdup(path))) {
        free(f);
        return NULL;
    }
    f->users = 1;
    f->fd = -1;
    list_push_back(set, &f->node);
    judge(f, -renew(f));
    return f;
}

void fifo_put(struct fifo *f)
{
    if (!f || --f->users > 0)
        return;
    if (f->made && is_current(f))
        unlink(f->path);
    if (f->fd >= 0)
        close(f->fd);
    list_del(&f->node);
    free(f->path);
    free(f);
}

bool fifo_write(struct fifo *f, const char *line, size_t len)
{
    int error = -renew(f);
    if (error == 0 && write(f->fd, line, len) != (ssize_t)len) /* up to PIPE_BUF: whole or not */
        error = errno;
    judge(f, error);
    return error == 0;
}
