#include "vrrpd/track/pidfile.h"

#include "common/base/mono.h"
#include "common/base/parse.h"
#include "vrrpd/track/procscan.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { TEXT_MAX = 64 };
#define SLACK span_s(2)

static void keep_name(struct pidfile *f, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    size_t len = strlen(base);
    if (len > 4 && strcmp(base + len - 4, ".pid") == 0)
        len -= 4;
    snprintf(f->name, sizeof(f->name), "%.*s", (int)len, base);
}

static int read_open(int fd, const char *path, struct pidfile *out)
{
    char text[TEXT_MAX + 1];
    struct stat st;
    struct statfs fs;
    int64_t pid;
    if (fstat(fd, &st) < 0 || fstatfs(fd, &fs) < 0)
        return -errno;
    ssize_t n = read(fd, text, TEXT_MAX);
    if (n < 0)
        return -errno;
    text[n] = '\0';
    char *word = text + strspn(text, " \t\n");
    word[strcspn(word, " \t\r\n")] = '\0'; /* postmaster.pid goes on after the first line */
    if (!parse_int(word, 1, INT32_MAX, &pid))
        return -EBADMSG;
    *out = (struct pidfile){
        .pid = (pid_t)pid,
        .dev = st.st_dev,
        .ino = st.st_ino,
        .written = st.st_mtim,
        .memory = fs.f_type == TMPFS_MAGIC,
    };
    keep_name(out, path);
    return 0;
}

const char *pidfile_read(const char *path, struct pidfile *out, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int rc = fd < 0 ? -errno : read_open(fd, path, out);
    if (fd >= 0)
        close(fd);
    if (rc == 0)
        return NULL;
    if (rc == -ENOENT || rc == -ENOTDIR)
        snprintf(text, size, "there is no %s", path);
    else if (rc == -EBADMSG)
        snprintf(text, size, "%s holds no pid", path);
    else
        snprintf(text, size, "%s: %s", path, strerror(-rc));
    return text;
}

bool pidfile_same(const struct pidfile *a, const struct pidfile *b)
{
    return a->pid == b->pid && a->dev == b->dev && a->ino == b->ino &&
           a->written.tv_sec == b->written.tv_sec && a->written.tv_nsec == b->written.tv_nsec;
}

static int64_t us_of(struct timespec ts)
{
    return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
}

static int64_t clock_us(clockid_t id)
{
    struct timespec ts;
    clock_gettime(id, &ts);
    return us_of(ts);
}

bool pidfile_stale(const struct pidfile *f, char *text, size_t size)
{
    char comm[PROCSCAN_COMM_MAX], span[PARSE_SPAN_MAX];
    uint64_t ticks;
    if (!procscan_start(f->pid, &ticks) || !procscan_comm(f->pid, comm))
        return false; /* that is told more plainly elsewhere */
    if (strcmp(comm, f->name) == 0)
        return false;
    int64_t boot = clock_us(CLOCK_REALTIME) - clock_us(CLOCK_BOOTTIME);
    int64_t written = us_of(f->written);
    int64_t started = boot + (int64_t)ticks * 1000000 / sysconf(_SC_CLK_TCK);
    if (started - written <= SLACK.us || (f->memory && written < boot))
        return false;
    int64_t seconds = (started - written) / 1000000;
    snprintf(text, size, "the pid file was written %s before process %d (%s) started",
             span_format(span_s(seconds), span), (int)f->pid, comm);
    return true;
}
