/*
 * A table of steps, run in order in the forked child. The first that fails is reported by number
 * through a pipe that a successful exec closes. Only async-signal-safe calls: other threads of the
 * parent may have held any lock at the fork.
 */
#include "common/rt/child_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Each returns 0, or -1 with errno. */
typedef int step_fn(const struct child_plan *p);

static int own_group(const struct child_plan *p)
{
    return setpgid(0, 0);
}

/* The sources may be 0, 1 or 2 themselves (a daemon started with those closed), hence the detour
 * over numbers above. Everything else closes at exec. */
static int descriptors(const struct child_plan *p)
{
    int in = fcntl(p->input_fd, F_DUPFD_CLOEXEC, 3);
    int out = fcntl(p->output_fd, F_DUPFD_CLOEXEC, 3);

    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        return -1;
    if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0 && errno != ENOSYS && errno != EINVAL)
        return -1;
    return 0;
}

static int surroundings(const struct child_plan *p)
{
    umask(022);
    return chdir("/");
}

/* A daemon that the kernel must not kill for want of memory does not hand that on. */
static void normal_oom_score(void)
{
    char sign;
    int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        return;
    if (read(fd, &sign, 1) == 1 && sign == '-' && pwrite(fd, "0", 1, 0) < 0)
        sign = 0; /* it stays protected: no harm to the child itself */
    close(fd);
}

static int niceness(const struct child_plan *p)
{
    normal_oom_score();
    if (!p->spec->nice)
        return 0;
    errno = 0;
    int now = getpriority(PRIO_PROCESS, 0);
    if (now == -1 && errno)
        return -1;
    return setpriority(PRIO_PROCESS, 0, now + p->spec->nice);
}

static bool is_self(const struct child_spec *s)
{
    return s->uid == geteuid() && s->gid == getegid();
}

/* Who stays who it is may lack the right to drop groups; there is nothing to gain by it then. */
static int groups(const struct child_plan *p)
{
    if (!p->spec->switch_user || setgroups(0, NULL) == 0)
        return 0;
    return errno == EPERM && is_self(p->spec) ? 0 : -1;
}

static int group(const struct child_plan *p)
{
    gid_t gid = p->spec->gid;

    return p->spec->switch_user ? setresgid(gid, gid, gid) : 0;
}

static int user(const struct child_plan *p)
{
    uid_t uid = p->spec->uid;

    return p->spec->switch_user ? setresuid(uid, uid, uid) : 0;
}

/* The change from root to another user drops them by itself; from one other user to another it does
 * not. */
static int capabilities(const struct child_plan *p)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (!p->spec->switch_user || p->spec->uid == 0)
        return 0;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return -1;
    return (int)syscall(SYS_capset, &head, none);
}

/* Behind the change of user, which would undo it. The parent may have died before. */
static int die_with_parent(const struct child_plan *p)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -1;
    if (getppid() != p->parent)
        _exit(127);
    return 0;
}

static int no_new_privileges(const struct child_plan *p)
{
    if (!p->spec->switch_user || p->spec->may_gain)
        return 0;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* Dispositions first: a signal that waited behind the mask must not find the parent's handler. */
static int signals(const struct child_plan *p)
{
    struct sigaction normal = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int signo = 1; signo < NSIG; signo++)
        sigaction(signo, &normal, NULL); /* fails for SIGKILL, SIGSTOP and the C library's own */
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL);
}

static int run(const struct child_plan *p)
{
    environ = p->envp;
    execvp(p->argv[0], p->argv);
    return -1;
}

static const struct {
    const char *name;
    step_fn *fn;
} steps[] = {
    {"setpgid", own_group},
    {"descriptors", descriptors},
    {"chdir /", surroundings},
    {"nice", niceness},
    {"drop groups", groups},
    {"change group", group},
    {"change user", user},
    {"drop capabilities", capabilities},
    {"bind to parent", die_with_parent},
    {"forbid new privileges", no_new_privileges},
    {"reset signals", signals},
    {"exec", run},
};

const char *child_stage_name(int stage)
{
    return stage >= 0 && (size_t)stage < ARRAY_LEN(steps) ? steps[stage].name : "?";
}

_Noreturn void child_exec(const struct child_plan *plan)
{
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (steps[i].fn(plan) == 0)
            continue;
        struct child_failure f = {.error = errno, .stage = (int)i};
        if (write(plan->report_fd, &f, sizeof(f)) < 0)
            _exit(126);
        break;
    }
    _exit(127);
}
