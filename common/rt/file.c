#include "common/rt/file.h"

#include "common/rt/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct err *e, const char *what, const char *path)
{
    int code = -errno;

    return err_set(e, code, "cannot %s %s: %s", what, path, strerror(-code));
}

/* O_NONBLOCK: opening a FIFO that nobody writes must not hang; it means nothing for a file. */
static int open_file(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    return fd < 0 ? fail(e, "read", path) : fd;
}

int file_read(const char *path, size_t limit, struct buf *out, struct err *e)
{
    int fd cleanup(fd_close) = open_file(path, e);
    size_t total = 0;

    if (fd < 0)
        return fd;
    for (;;) {
        char chunk[16384];
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0)
            return fail(e, "read", path);
        if (n == 0)
            return 0;
        total += (size_t)n;
        if (total > limit)
            return err_set(e, -EFBIG, "%s is larger than %zu bytes", path, limit);
        buf_add(out, chunk, (size_t)n);
        if (out->lost)
            return err_set(e, -ENOMEM, "no room for %s", path);
    }
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* The rename is lasting once the directory is synced. A file system that cannot do that (EINVAL) is
 * no reason to fail: the content is in place. */
static void sync_directory_of(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');

    if (!slash)
        snprintf(dir, sizeof(dir), ".");
    else
        snprintf(dir, sizeof(dir), "%.*s", (int)MAX(slash - path, 1), path);
    int fd cleanup(fd_close) = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        fsync(fd);
}

int file_write_atomic(const char *path, mode_t mode, const void *data, size_t len, struct err *e)
{
    char temp[PATH_MAX];

    if (snprintf(temp, sizeof(temp), "%s.XXXXXX", path) >= (int)sizeof(temp))
        return err_set(e, -ENAMETOOLONG, "cannot write %.200s...: the path is too long", path);
    int fd cleanup(fd_close) = mkostemp(temp, O_CLOEXEC);
    if (fd < 0)
        return fail(e, "write beside", path);
    if (fchmod(fd, mode) < 0 || write_all(fd, data, len) < 0 || fsync(fd) < 0 ||
        rename(temp, path) < 0) {
        int r = fail(e, "write", path);
        unlink(temp);
        return r;
    }
    sync_directory_of(path);
    return 0;
}

/* --- file_unsafe --- */

#define LINKS_MAX 32

/* Inside a user namespace, owners from outside all look like one overflow user. They are trusted as
 * root is: who can act as they do made the namespace. */
static bool from_outside(unsigned id, const char *map)
{
    struct buf text cleanup(buf_fini) = BUF_INIT(65536);
    unsigned first, count;

    if (id != 65534 || file_read(map, 65536, &text, NULL) < 0)
        return false;
    for (const char *line = buf_cstr(&text); *line; line += strcspn(line, "\n") + 1) {
        if (sscanf(line, "%u %*u %u", &first, &count) == 2 && id >= first && id - first < count)
            return false;
        if (!strchr(line, '\n'))
            break;
    }
    return true;
}

/* Whether somebody else may write the file, or replace what is in the directory. The sticky bit of
 * a directory protects names that others do not own, and the name inside is looked at next. */
static bool component_unsafe(const char *path, const struct stat *st, uid_t uid, struct err *why)
{
    unsigned mode = st->st_mode & 07777;
    bool sticky = S_ISDIR(st->st_mode) && (mode & S_ISVTX);

    if (st->st_uid != 0 && st->st_uid != uid && !from_outside(st->st_uid, "/proc/self/uid_map")) {
        err_set(why, 0, "%s belongs to user %u", path, (unsigned)st->st_uid);
        return true;
    }
    if ((mode & S_IWOTH) && !sticky) {
        err_set(why, 0, "%s is writable by everybody (mode %04o)", path, mode);
        return true;
    }
    if ((mode & S_IWGRP) && st->st_gid != 0 && !sticky) {
        err_set(why, 0, "%s is writable by group %u (mode %04o)", path, (unsigned)st->st_gid, mode);
        return true;
    }
    return false;
}

/* What is left of the walk: the part already judged, and the words still to come. */
struct walk {
    char done[PATH_MAX]; /* "" stands for / */
    char todo[PATH_MAX];
    int links;
};

static void leave_last(struct walk *w)
{
    char *slash = strrchr(w->done, '/');

    if (slash)
        *slash = '\0';
}

/* Puts the link's target in front of what is still to come. */
static bool follow(struct walk *w, struct err *why)
{
    char target[PATH_MAX], rest[PATH_MAX];
    ssize_t n = readlink(w->done, target, sizeof(target) - 1);

    if (n < 0 || ++w->links > LINKS_MAX) {
        err_set(why, 0, "%s cannot be followed: %s", w->done,
                n < 0 ? strerror(errno) : "too many links");
        return false;
    }
    target[n] = '\0';
    memcpy(rest, w->todo, sizeof(rest));
    if (snprintf(w->todo, sizeof(w->todo), "%s/%s", target, rest) >= (int)sizeof(w->todo)) {
        err_set(why, 0, "%s leads to a path that is too long", w->done);
        return false;
    }
    if (target[0] == '/')
        w->done[0] = '\0';
    else
        leave_last(w);
    return true;
}

/* Judges the next component. False ends the walk with the fault in `why`. */
static bool step(struct walk *w, uid_t uid, struct err *why)
{
    size_t len = strcspn(w->todo, "/"), at = strlen(w->done);
    char word[NAME_MAX + 1];
    struct stat st;

    if (len > NAME_MAX || at + len + 2 > sizeof(w->done)) {
        err_set(why, 0, "%s leads to a name that is too long", w->done);
        return false;
    }
    memcpy(word, w->todo, len);
    word[len] = '\0';
    size_t skip = len + (w->todo[len] == '/');
    memmove(w->todo, w->todo + skip, strlen(w->todo + skip) + 1);
    if (len == 0 || strcmp(word, ".") == 0)
        return true;
    if (strcmp(word, "..") == 0) {
        leave_last(w);
        return true;
    }
    snprintf(w->done + at, sizeof(w->done) - at, "/%s", word);
    if (lstat(w->done, &st) < 0) {
        err_set(why, 0, "%s cannot be examined: %s", w->done, strerror(errno));
        return false;
    }
    /* Whoever owns a link could point it elsewhere; its mode bits mean nothing. */
    if (S_ISLNK(st.st_mode)) {
        st.st_mode = S_IFLNK;
        return !component_unsafe(w->done, &st, uid, why) && follow(w, why);
    }
    return !component_unsafe(w->done, &st, uid, why);
}

bool file_unsafe(const char *path, uid_t uid, struct err *why)
{
    struct walk w = {0};
    struct stat root;

    if (path[0] != '/') {
        err_set(why, 0, "%s is not an absolute path", path);
        return true;
    }
    if (snprintf(w.todo, sizeof(w.todo), "%s", path) >= (int)sizeof(w.todo)) {
        err_set(why, 0, "%.200s... is too long", path);
        return true;
    }
    if (lstat("/", &root) < 0 || component_unsafe("/", &root, uid, why))
        return true;
    while (w.todo[0])
        if (!step(&w, uid, why))
            return true;
    return false;
}
