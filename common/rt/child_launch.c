/*
 * The parent's side of a start: environment, input, pipes, fork(). Not vfork(): an exec that hangs
 * (a dead NFS server) must not hang the loop.
 */
#include "common/rt/child_exec.h"
#include "common/rt/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define INPUT_MAX (1 << 20)
#define ENV_MAX   1024

/* What is made for one start; closed when it leaves scope, but for what was handed on. */
struct start {
    char **envp;
    int input_fd;
    int output[2]; /* ours, the child's */
    int report[2];
};

static void start_fini(struct start *s)
{
    free(s->envp);
    fd_close(&s->input_fd);
    fd_close(&s->output[0]);
    fd_close(&s->output[1]);
    fd_close(&s->report[0]);
    fd_close(&s->report[1]);
}

/* systemd's words to the daemon would be misunderstood by what it runs. */
static const char *const not_inherited[] = {
    "NOTIFY_SOCKET=", "WATCHDOG_USEC=",  "WATCHDOG_PID=",   "LISTEN_PID=",
    "LISTEN_FDS=",    "LISTEN_FDNAMES=", "JOURNAL_STREAM=",
};

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

static bool inherited(const char *entry, const char *const *own)
{
    size_t name = strcspn(entry, "=") + 1;

    for (size_t i = 0; i < ARRAY_LEN(not_inherited); i++)
        if (starts_with(entry, not_inherited[i]))
            return false;
    for (; own && *own; own++)
        if (strncmp(*own, entry, name) == 0)
            return false;
    return true;
}

static int make_env(struct start *s, const char *const *own)
{
    static const char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    size_t n = 0;
    bool has_path = false;

    s->envp = calloc(ENV_MAX + 2, sizeof(char *));
    if (!s->envp)
        return -ENOMEM;
    for (; own && own[n]; n++) {
        if (n == ENV_MAX)
            return -E2BIG;
        s->envp[n] = (char *)own[n];
        has_path |= starts_with(own[n], "PATH=");
    }
    for (char **entry = environ; entry && *entry && n < ENV_MAX; entry++) {
        if (!inherited(*entry, own))
            continue;
        s->envp[n++] = *entry;
        has_path |= starts_with(*entry, "PATH=");
    }
    if (!has_path)
        s->envp[n] = (char *)path;
    return 0;
}

/* A file in memory takes the whole input at once: nothing to feed, nothing to block. */
static int make_input(struct start *s, const struct child_spec *spec)
{
    if (!spec->input) {
        s->input_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return s->input_fd < 0 ? -errno : 0;
    }
    if (spec->input_len > INPUT_MAX)
        return -E2BIG;
    s->input_fd = memfd_create("input", MFD_CLOEXEC);
    if (s->input_fd < 0)
        return -errno;
    if (pwrite(s->input_fd, spec->input, spec->input_len, 0) != (ssize_t)spec->input_len)
        return -EIO;
    return 0;
}

static int make_output(struct start *s, const struct child_spec *spec)
{
    if (!spec->output_max) {
        s->output[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
        return s->output[1] < 0 ? -errno : 0;
    }
    if (pipe2(s->output, O_CLOEXEC) < 0)
        return -errno;
    return fcntl(s->output[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int make_start(struct start *s, const struct child_spec *spec)
{
    int r = make_env(s, spec->env);

    if (r == 0)
        r = make_input(s, spec);
    if (r == 0)
        r = make_output(s, spec);
    if (r == 0 && pipe2(s->report, O_CLOEXEC | O_NONBLOCK) < 0)
        r = -errno;
    return r;
}

/* All signals are blocked until the child has clean dispositions: the parent's handlers must not
 * run in it. */
static pid_t fork_child(const struct child_plan *plan)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        child_exec(plan);
    int code = -errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return code;
    setpgid(pid, pid); /* as the child does: whoever comes first */
    return pid;
}

int child_launch(const struct child_spec *spec, struct child_launched *out)
{
    const char *const shell[] = {"/bin/sh", "-c", spec->shell, NULL};
    struct start s cleanup(start_fini) = {NULL, -1, {-1, -1}, {-1, -1}};
    int r = make_start(&s, spec);

    if (r < 0)
        return r;
    struct child_plan plan = {
        .argv = (char *const *)(spec->shell ? shell : spec->argv),
        .envp = s.envp,
        .input_fd = s.input_fd,
        .output_fd = s.output[1],
        .report_fd = s.report[1],
        .parent = getpid(),
        .spec = spec,
    };
    pid_t pid = fork_child(&plan);
    if (pid < 0)
        return pid;
    *out = (struct child_launched){pid, fd_take(&s.output[0]), fd_take(&s.report[0])};
    return 0;
}
