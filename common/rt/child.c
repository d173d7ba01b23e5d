/*
 * fork() and not vfork(): an exec that hangs (a dead NFS server) must not hang the loop.
 *
 * A child is known by its pidfd. When that becomes readable the child is looked at without being
 * reaped (WNOWAIT): as long as it is a zombie its number cannot be given away, so its group can be
 * killed by number. Only then it is reaped and its owner told. Its output pipe is read as it comes,
 * and once more at the end; whoever still holds the pipe then (something left in the background)
 * finds it closed.
 */
#include "common/rt/child.h"

#include "common/rt/child_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define STUCK_SPAN    span_s(1)
#define READ_PER_TURN (64 * 1024)
#define INPUT_MAX     (1 << 20)
#define ENV_MAX       1024

struct children {
    struct loop *loop;
    struct list running;
    struct children_stats stats;
};

/* What is being done to end it. */
enum stop { STOP_NONE, STOP_TERM, STOP_KILL };

struct child {
    struct children *set;
    struct list node;
    child_fn *fn; /* NULL: abandoned, or told already */
    void *ctx;

    pid_t pid;
    struct loop_io pidfd;
    struct loop_io output;
    int report_fd; /* why it could not exec */

    struct mono started;
    struct span deadline, grace;
    struct timer timer; /* its deadline, then its grace, then stuck */
    enum stop stop;
    bool by_owner; /* child_kill(), not its deadline */
    bool kill_group;

    char *kept; /* the end of its output: kept_len of at most kept_max bytes, and a NUL */
    size_t kept_len, kept_max;
    uint64_t lost;
};

/* --- output --- */

static void keep(struct child *c, const char *data, size_t len)
{
    if (len > c->kept_max) {
        c->lost += len - c->kept_max;
        data += len - c->kept_max;
        len = c->kept_max;
    }
    size_t over = c->kept_len + len > c->kept_max ? c->kept_len + len - c->kept_max : 0;
    memmove(c->kept, c->kept + over, c->kept_len - over);
    memcpy(c->kept + c->kept_len - over, data, len);
    c->kept_len += len - over;
    c->kept[c->kept_len] = '\0';
    c->lost += over;
}

static void close_output(struct child *c)
{
    if (c->output.fd < 0)
        return;
    loop_io_del(c->set->loop, &c->output);
    close(c->output.fd);
    c->output.fd = -1;
}

static void read_output(struct child *c)
{
    char chunk[8192];

    for (size_t total = 0; total < READ_PER_TURN && c->output.fd >= 0;) {
        ssize_t n = read(c->output.fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            close_output(c);
            return;
        }
        keep(c, chunk, (size_t)n);
        total += (size_t)n;
    }
}

static void output_io(struct loop_io *io, uint32_t events)
{
    read_output(container_of(io, struct child, output));
}

/* --- the end --- */

/* It is no longer of the set; its result is still there. */
static void leave_set(struct child *c)
{
    struct children *cs = c->set;

    loop_timer_disarm(cs->loop, &c->timer);
    close_output(c);
    if (c->pidfd.fd >= 0) {
        loop_io_del(cs->loop, &c->pidfd);
        close(c->pidfd.fd);
    }
    if (c->report_fd >= 0)
        close(c->report_fd);
    list_del(&c->node);
    cs->stats.running--;
}

static void free_child(struct child *c)
{
    free(c->kept);
    free(c);
}

/* Its whole group; the child itself too if it left that. */
static void signal_group(struct child *c, int signo)
{
    int r = kill(-c->pid, signo);

    if (r < 0 || getpgid(c->pid) != c->pid)
        pidfd_send_signal(c->pidfd.fd, signo, NULL, 0);
}

static void tell(struct child *c, struct child_result *r)
{
    child_fn *fn = c->fn;

    if (!fn)
        return;
    c->fn = NULL;
    r->pid = c->pid;
    r->took = mono_diff(loop_clock(), c->started);
    r->deadline = c->deadline;
    r->output = c->kept ? c->kept : "";
    r->output_len = c->kept_len;
    r->output_lost = c->lost;
    fn(c->ctx, r);
}

static void judge(struct child *c, const siginfo_t *info, struct child_result *r)
{
    struct child_failure failure;

    r->end = info->si_code == CLD_EXITED ? CHILD_EXITED : CHILD_SIGNALED;
    if (r->end == CHILD_EXITED)
        r->code = info->si_status;
    else
        r->signo = info->si_status;
    if (c->stop != STOP_NONE)
        r->end = c->by_owner ? CHILD_KILLED : CHILD_TIMED_OUT;
    if (read(c->report_fd, &failure, sizeof(failure)) == (ssize_t)sizeof(failure)) {
        r->end = CHILD_NOT_STARTED;
        r->error = failure.error;
        r->stage = child_stage_name(failure.stage);
    }
}

static void child_ended(struct loop_io *io, uint32_t events)
{
    struct child *c = container_of(io, struct child, pidfd);
    siginfo_t info = {0};
    struct child_result r = {.stage = ""};

    if (waitid(P_PIDFD, (id_t)io->fd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && !info.si_pid)
        return;
    if (c->kill_group || c->stop != STOP_NONE)
        kill(-c->pid, SIGKILL);
    waitid(P_PIDFD, (id_t)io->fd, &info, WEXITED | WNOHANG);
    read_output(c);
    judge(c, &info, &r);
    leave_set(c); /* first: its owner may start the next one when it is told */
    tell(c, &r);
    free_child(c);
}

static void tell_stuck(struct child *c)
{
    struct child_result r = {.stage = "", .stuck = true};

    r.end = c->by_owner ? CHILD_KILLED : CHILD_TIMED_OUT;
    tell(c, &r);
}

/* The next step of ending it: ask, force, give up waiting. */
static void stop_further(struct child *c)
{
    struct loop *loop = c->set->loop;

    switch (c->stop) {
    case STOP_NONE:
        c->stop = STOP_TERM;
        if (c->grace.us > 0) {
            signal_group(c, SIGTERM);
            loop_timer_after(loop, &c->timer, c->grace);
            return;
        }
        break;
    case STOP_TERM:
        c->set->stats.sigkilled++;
        break;
    case STOP_KILL:
        tell_stuck(c);
        return;
    }
    c->stop = STOP_KILL;
    signal_group(c, SIGKILL);
    loop_timer_after(loop, &c->timer, STUCK_SPAN);
}

static void timer_fired(struct timer *t, struct mono now)
{
    struct child *c = container_of(t, struct child, timer);

    if (c->stop == STOP_NONE)
        c->set->stats.timed_out++;
    stop_further(c);
}

void child_kill(struct child *c)
{
    if (c->stop != STOP_NONE)
        return;
    c->by_owner = true;
    stop_further(c);
}

void child_abandon(struct child *c)
{
    c->fn = NULL;
    child_kill(c);
}

pid_t child_pid(const struct child *c)
{
    return c->pid;
}

/* --- the beginning --- */

/* What the parent makes for one start; the child's ends are closed when it leaves scope. */
struct start {
    char **envp;
    int input_fd;
    int output[2]; /* ours, the child's */
    int report[2];
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void start_fini(struct start *s)
{
    free(s->envp);
    close_fd(&s->input_fd);
    close_fd(&s->output[0]);
    close_fd(&s->output[1]);
    close_fd(&s->report[0]);
    close_fd(&s->report[1]);
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
static int fork_child(struct child *c, struct start *s, const struct child_spec *spec)
{
    const char *const shell[] = {"/bin/sh", "-c", spec->shell, NULL};
    struct child_plan plan = {
        .argv = (char *const *)(spec->shell ? shell : spec->argv),
        .envp = s->envp,
        .input_fd = s->input_fd,
        .output_fd = s->output[1],
        .report_fd = s->report[1],
        .parent = getpid(),
        .spec = spec,
    };
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    c->pid = fork();
    if (c->pid == 0)
        child_exec(&plan);
    int code = c->pid < 0 ? -errno : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (c->pid > 0)
        setpgid(c->pid, c->pid); /* as the child does: whoever comes first */
    return code;
}

static int watch_child(struct child *c, struct start *s, struct err *e)
{
    struct loop *loop = c->set->loop;
    int r;

    c->pidfd = (struct loop_io){.events = EPOLLIN, .fn = child_ended, .late = true};
    c->pidfd.fd = pidfd_open(c->pid, 0);
    if (c->pidfd.fd < 0)
        return -errno;
    r = loop_io_add(loop, &c->pidfd, e);
    c->report_fd = s->report[0];
    s->report[0] = -1;
    if (r == 0 && s->output[0] >= 0) {
        c->output = (struct loop_io){.fd = s->output[0], .events = EPOLLIN, .fn = output_io};
        s->output[0] = -1;
        r = loop_io_add(loop, &c->output, e);
    }
    return r;
}

static struct child *new_child(struct children *cs, const struct child_spec *spec, child_fn *fn,
                               void *ctx)
{
    struct child *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    *c = (struct child){
        .set = cs,
        .fn = fn,
        .ctx = ctx,
        .report_fd = -1,
        .started = loop_clock(),
        .deadline = spec->deadline,
        .grace = spec->grace,
        .timer = TIMER_INIT(timer_fired),
        .kill_group = spec->kill_group,
        .kept_max = spec->output_max,
    };
    c->pidfd.fd = c->output.fd = -1;
    c->kept = spec->output_max ? calloc(1, spec->output_max + 1) : NULL;
    if (spec->output_max && !c->kept) {
        free_child(c);
        return NULL;
    }
    list_push_back(&cs->running, &c->node);
    cs->stats.running++;
    return c;
}

static const char *name_of(const struct child_spec *spec)
{
    if (spec->name)
        return spec->name;
    return spec->shell ? spec->shell : spec->argv[0];
}

/* Forked, but it cannot be watched: it must not run on unseen. */
static void undo(struct child *c)
{
    if (c->pid > 0) {
        kill(-c->pid, SIGKILL);
        kill(c->pid, SIGKILL);
        waitpid(c->pid, NULL, 0);
    }
    leave_set(c);
    free_child(c);
}

int child_start(struct children *cs, const struct child_spec *spec, child_fn *fn, void *ctx,
                struct child **out, struct err *e)
{
    struct start s cleanup(start_fini) = {NULL, -1, {-1, -1}, {-1, -1}};

    if (cs->stats.running >= cs->stats.limit) {
        cs->stats.refused++;
        return CHILD_LIMIT;
    }
    int r = make_start(&s, spec);
    struct child *c = r == 0 ? new_child(cs, spec, fn, ctx) : NULL;
    if (!c)
        return err_set(e, r ? r : -ENOMEM, "cannot start %s: %s", name_of(spec),
                       strerror(r ? -r : ENOMEM));
    r = fork_child(c, &s, spec);
    if (r == 0)
        r = watch_child(c, &s, e);
    if (r < 0) {
        undo(c);
        return err_set(e, r, "cannot start %s: %s", name_of(spec), strerror(-r));
    }
    if (spec->deadline.us > 0)
        loop_timer_arm(cs->loop, &c->timer, mono_add(c->started, spec->deadline));
    cs->stats.started++;
    cs->stats.running_max = MAX(cs->stats.running_max, cs->stats.running);
    if (out)
        *out = c;
    return 0;
}

/* --- the set --- */

int children_new(struct children **out, struct loop *loop, size_t max, struct err *e)
{
    struct children *cs = calloc(1, sizeof(*cs));

    if (!cs)
        return err_set(e, -ENOMEM, "out of memory");
    /* Whoever started the daemon may have told the kernel to forget its children; then nothing
     * could be waited for. */
    struct sigaction normal = {.sa_handler = SIG_DFL};
    sigaction(SIGCHLD, &normal, NULL);
    cs->loop = loop;
    cs->stats.limit = max;
    list_init(&cs->running);
    *out = cs;
    return 0;
}

void children_free(struct children *cs)
{
    if (!cs)
        return;
    list_for_each (it, &cs->running)
        signal_group(list_entry(it, struct child, node), SIGKILL);
    list_for_each_safe (it, &cs->running) {
        struct child *c = list_entry(it, struct child, node);
        struct pollfd p = {.fd = c->pidfd.fd, .events = POLLIN};
        siginfo_t info;
        if (poll(&p, 1, 100) == 1) /* one that hangs in the kernel is left to init */
            waitid(P_PIDFD, (id_t)c->pidfd.fd, &info, WEXITED | WNOHANG);
        leave_set(c);
        free_child(c);
    }
    free(cs);
}

struct children_stats children_stats(const struct children *cs)
{
    return cs->stats;
}
