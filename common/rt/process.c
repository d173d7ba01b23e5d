#include "common/rt/process.h"

#include "common/base/parse.h"
#include "common/rt/fd.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- users --- */

static int find_group(const char *group, gid_t *out, struct err *e)
{
    struct group *gr = getgrnam(group);
    int64_t number;

    if (gr)
        *out = gr->gr_gid;
    else if (parse_int(group, 0, UINT32_MAX - 1, &number))
        *out = (gid_t)number;
    else
        return err_set(e, -ENOENT, "there is no group \"%s\"", group);
    return 0;
}

int process_user(const char *user, const char *group, struct process_user *out, struct err *e)
{
    struct passwd *pw = getpwnam(user);
    int64_t number;

    if (!pw && parse_int(user, 0, UINT32_MAX - 1, &number))
        pw = getpwuid((uid_t)number);
    else if (!pw)
        return err_set(e, -ENOENT, "there is no user \"%s\"", user);
    if (!pw && !group)
        return err_set(e, -ENOENT, "user %s has no entry, so its group must be named too", user);
    struct process_user u = {pw ? pw->pw_uid : (uid_t)number, pw ? pw->pw_gid : 0};
    int r = group ? find_group(group, &u.gid, e) : 0;
    if (r == 0)
        *out = u;
    return r;
}

/* --- capabilities --- */

bool process_can(int cap)
{
    capng_get_caps_process();
    return capng_have_capability(CAPNG_EFFECTIVE, (unsigned)cap) == 1;
}

/* What is missing and how to give it, as one sentence. */
static int check_caps(const int *caps, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (capng_have_capability(CAPNG_PERMITTED, (unsigned)caps[i]) == 1)
            continue;
        const char *name = capng_capability_to_name((unsigned)caps[i]);
        return err_set(
            e, -EPERM,
            "the capability cap_%s is missing: start it as root, by its systemd unit, or "
            "give the file the capability (setcap cap_%s+ep)",
            name ? name : "?", name ? name : "?");
    }
    return 0;
}

static int change_user(const struct process_user *user, struct err *e)
{
    int r = 0;

    if (user)
        r = capng_change_id((int)user->uid, (int)user->gid, CAPNG_DROP_SUPP_GRP);
    else
        r = capng_apply(CAPNG_SELECT_CAPS);
    if (r == 0)
        return 0;
    if (!user)
        return err_set(e, -EPERM, "cannot drop capabilities");
    return err_set(e, -EPERM, "cannot become user %u, group %u", (unsigned)user->uid,
                   (unsigned)user->gid);
}

int process_drop(const struct process_user *user, const int *caps, size_t cap_count, bool may_gain,
                 struct err *e)
{
    capng_get_caps_process();
    int r = check_caps(caps, cap_count, e);
    if (r < 0)
        return r;
    capng_clear(CAPNG_SELECT_CAPS);
    for (size_t i = 0; i < cap_count; i++)
        capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, (unsigned)caps[i]);
    r = change_user(user, e);
    if (r < 0)
        return r;
    if (!may_gain && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return err_set(e, -errno, "cannot forbid new privileges: %s", strerror(errno));
    /* A change of user makes the process undumpable and its /proc owned by root; its own tools and
     * core dumps need it back. */
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    return 0;
}

/* --- pid file --- */

static int refuse_second(const char *path, int fd, struct err *e)
{
    char text[32] = "";
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    int64_t pid;

    text[MAX(n, 0)] = '\0';
    text[strcspn(text, "\n")] = '\0';
    if (!parse_int(text, 1, INT32_MAX, &pid))
        return err_set(e, -EBUSY, "%s is locked: it runs already", path);
    return err_set(e, -EBUSY, "%s is locked: it runs already as process %d", path, (int)pid);
}

static int lock_and_write(const char *path, int fd, struct err *e)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    struct stat ours, there;

    if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
        if (errno == EAGAIN || errno == EACCES)
            return refuse_second(path, fd, e);
        return err_set(e, -errno, "cannot lock %s: %s", path, strerror(errno));
    }
    /* Its former owner may have removed the file between our open and our lock. */
    if (fstat(fd, &ours) < 0 || stat(path, &there) < 0 || ours.st_ino != there.st_ino)
        return -ESTALE;
    if (ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)
        return err_set(e, -errno, "cannot write %s: %s", path, strerror(errno));
    return 0;
}

int process_pid_file(const char *path, struct err *e)
{
    for (int tries = 0; tries < 8; tries++) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0)
            return err_set(e, -errno, "cannot make the pid file %s: %s", path, strerror(errno));
        int r = lock_and_write(path, fd, e);
        if (r == 0)
            return fd;
        close(fd);
        if (r != -ESTALE)
            return r;
    }
    return err_set(e, -ESTALE, "the pid file %s changes all the time", path);
}

void process_pid_file_remove(const char *path, int fd)
{
    if (fd < 0)
        return;
    unlink(path);
    close(fd);
}

/* --- limits --- */

uint64_t process_limit_fds(uint64_t want)
{
    struct rlimit now, next;

    if (getrlimit(RLIMIT_NOFILE, &now) < 0)
        return 1024;
    if (now.rlim_cur >= want)
        return now.rlim_cur;
    next = (struct rlimit){want, MAX(now.rlim_max, (rlim_t)want)};
    if (setrlimit(RLIMIT_NOFILE, &next) == 0)
        return want;
    now.rlim_cur = MIN(now.rlim_max, (rlim_t)want);
    setrlimit(RLIMIT_NOFILE, &now);
    getrlimit(RLIMIT_NOFILE, &now);
    return now.rlim_cur;
}

int process_oom_score(int score, struct err *e)
{
    int fd cleanup(fd_close) = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    int r = fd < 0 || dprintf(fd, "%d", score) < 0 ? -errno : 0;

    return r < 0 ? err_set(e, r, "cannot set the OOM score: %s", strerror(-r)) : 0;
}

int process_timer_slack(struct span slack, struct err *e)
{
    if (prctl(PR_SET_TIMERSLACK, (unsigned long)MAX(slack.us * 1000, (int64_t)1), 0, 0, 0) == 0)
        return 0;
    return err_set(e, -errno, "cannot set the timer slack: %s", strerror(errno));
}

int process_lock_memory(struct err *e)
{
    if (mlockall(MCL_CURRENT | MCL_FUTURE) == 0)
        return 0;
    return err_set(e, -errno, "cannot lock memory: %s", strerror(errno));
}

int process_realtime(int priority, struct err *e)
{
    struct sched_param param = {.sched_priority = priority};

    if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &param) == 0)
        return 0;
    return err_set(e, -errno, "cannot get realtime priority %d: %s", priority, strerror(errno));
}

bool process_name(pid_t pid, char name[PROCESS_NAME_MAX])
{
    char path[32];

    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    int fd cleanup(fd_close) = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, name, PROCESS_NAME_MAX - 1);
    if (n <= 0)
        return false;
    name[n] = '\0';
    name[strcspn(name, "\n")] = '\0';
    return true;
}
