/*
 * inotify knows inodes, not paths, and gives the same number to each who watches the same
 * directory. So watches of one directory share a number, which is given back with the last of them.
 * A watch on an ancestor moves down as the path comes into being; since the next directory may have
 * appeared between the look and the watch, the look is repeated after each watch.
 */
#include "vrrpd/track/pathwatch.h"

#include "common/base/macro.h"
#include "common/rt/log.h"

#include <errno.h>
#include <limits.h>
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define MASK_DIR                                                                                   \
    (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ATTRIB |            \
     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

enum { EVENTS_BYTES = 16384, READS_MAX = 8 };

static bool wd_shared(const struct pathwatch *w)
{
    list_for_each (it, &w->set->all) {
        const struct pathwatch *other = list_entry(it, struct pathwatch, node);
        if (other != w && other->wd == w->wd)
            return true;
    }
    return false;
}

static void unwatch(struct pathwatch *w)
{
    if (w->wd >= 0 && !wd_shared(w))
        inotify_rm_watch(w->set->io.fd, w->wd);
    w->wd = -1;
}

/* Watches the first `len` bytes of the path as a directory. */
static int watch_dir(struct pathwatch *w, size_t len)
{
    char dir[PATH_MAX];
    if (len >= sizeof(dir))
        return -1;
    snprintf(dir, sizeof(dir), "%.*s", (int)MAX(len, 1), w->path);
    uint32_t mask = MASK_DIR | IN_MASK_ADD | (w->every_write ? IN_MODIFY : 0);
    return inotify_add_watch(w->set->io.fd, dir, mask);
}

/* The directory that holds the first `len` bytes of the path: the length without the last part. */
static size_t parent_len(const char *path, size_t len)
{
    while (len > 0 && path[len - 1] != '/')
        len--;
    while (len > 0 && path[len - 1] == '/')
        len--;
    return len;
}

/* Finds the deepest directory there is. Whoever makes directories as fast as this looks for them
 * is left to the owner's own looks. */
static void rewatch(struct pathwatch *w)
{
    if (w->set->io.fd < 0)
        return;
    size_t whole = parent_len(w->path, strlen(w->path));
    for (int tries = 0; tries < 8; tries++) {
        size_t len = whole;
        int wd = watch_dir(w, len);
        while (wd < 0 && len > 0) {
            len = parent_len(w->path, len);
            wd = watch_dir(w, len);
        }
        if (wd != w->wd)
            unwatch(w);
        w->wd = wd;
        w->ancestor = len != whole;
        if (!w->ancestor)
            return;
        size_t next = len + 1 + strcspn(w->path + len + 1, "/");
        char below[PATH_MAX];
        snprintf(below, sizeof(below), "%.*s", (int)next, w->path);
        if (access(below, F_OK) != 0)
            return;
    }
}

static bool concerns(const struct pathwatch *w, const struct inotify_event *ev)
{
    if (ev->mask & IN_Q_OVERFLOW)
        return true;
    if (ev->wd != w->wd)
        return false;
    if ((ev->mask & IN_MODIFY) && !w->every_write)
        return false;
    return w->ancestor || ev->len == 0 || strcmp(ev->name, w->name) == 0;
}

static void deliver(struct pathwatches *set, const struct inotify_event *ev)
{
    set->overflows += !!(ev->mask & IN_Q_OVERFLOW);
    list_for_each_safe (it, &set->all) {
        struct pathwatch *w = list_entry(it, struct pathwatch, node);
        if (!concerns(w, ev))
            continue;
        if (ev->mask & IN_IGNORED)
            w->wd = -1; /* the kernel has given it back */
        if (w->ancestor || ev->len == 0)
            rewatch(w);
        w->fn(w);
    }
}

static void on_events(struct loop_io *io, uint32_t events)
{
    struct pathwatches *set = container_of(io, struct pathwatches, io);
    alignas(struct inotify_event) char bytes[EVENTS_BYTES];
    for (int reads = 0; reads < READS_MAX; reads++) {
        ssize_t n = read(io->fd, bytes, sizeof(bytes));
        if (n <= 0)
            return;
        for (char *p = bytes; p < bytes + n;) {
            const struct inotify_event *ev = (const struct inotify_event *)p;
            deliver(set, ev);
            p += sizeof(*ev) + ev->len;
        }
    }
}

void pathwatches_init(struct pathwatches *set, struct loop *loop)
{
    struct err e;
    *set = (struct pathwatches){.loop = loop};
    list_init(&set->all);
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    set->io = (struct loop_io){.fd = fd, .fn = on_events, .events = EPOLLIN};
    if (fd >= 0 && loop_io_add(loop, &set->io, &e) == 0)
        return;
    log_warning("no inotify (%s): tracked files are looked at now and then only",
                fd < 0 ? strerror(errno) : e.text);
    if (fd >= 0)
        close(fd);
    set->io.fd = -1;
}

void pathwatches_fini(struct pathwatches *set)
{
    if (set->io.fd < 0)
        return;
    loop_io_del(set->loop, &set->io);
    close(set->io.fd);
    set->io.fd = -1;
}

int pathwatch_start(struct pathwatch *w, struct pathwatches *set, const char *path,
                    bool every_write, pathwatch_fn *fn, struct err *e)
{
    *w = (struct pathwatch){.set = set, .fn = fn, .every_write = every_write, .wd = -1};
    if (asprintf(&w->path, "%s%s", path[0] == '/' ? "" : "/", path) < 0) {
        w->path = NULL;
        return err_set(e, -ENOMEM, "out of memory");
    }
    w->name = strrchr(w->path, '/') + 1;
    list_push_back(&set->all, &w->node);
    rewatch(w);
    return 0;
}

void pathwatch_stop(struct pathwatch *w)
{
    if (!w->path)
        return;
    unwatch(w);
    list_del(&w->node);
    free(w->path);
    w->path = NULL;
}
