/*
 * A child is known by its pidfd. When that becomes readable the child is looked at without being
 * reaped (WNOWAIT): as long as it is a zombie its number cannot be given away, so its group can be
 * killed by number. Only then it is reaped and its owner told. Its output pipe is read as it comes,
 * and once more at the end; whoever still holds the pipe then (something left in the background)
 * finds it closed.
 */
#include "common/rt/child.h"

#include "common/rt/child_exec.h"
#include "common/rt/fd.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define STUCK_SPAN    span_s(1)
#define READ_PER_TURN (64 * 1024)

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
    loop_io_del(c->set->loop, &c->output);
    fd_close(&c->output.fd);
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
    loop_io_del(cs->loop, &c->pidfd);
    fd_close(&c->pidfd.fd);
    fd_close(&c->report_fd);
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

static int watch_child(struct child *c, struct err *e)
{
    struct loop *loop = c->set->loop;

    c->pidfd.fd = pidfd_open(c->pid, 0);
    if (c->pidfd.fd < 0)
        return err_set(e, -errno, "%s", strerror(errno));
    int r = loop_io_add(loop, &c->pidfd, e);
    if (r == 0 && c->output.fd >= 0)
        r = loop_io_add(loop, &c->output, e);
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
        .pidfd = {.fd = -1, .events = EPOLLIN, .fn = child_ended, .late = true},
        .output = {.fd = -1, .events = EPOLLIN, .fn = output_io},
        .report_fd = -1,
        .started = loop_clock(),
        .deadline = spec->deadline,
        .grace = spec->grace,
        .timer = TIMER_INIT(timer_fired),
        .kill_group = spec->kill_group,
        .kept_max = spec->output_max,
    };
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

static int launch(struct child *c, const struct child_spec *spec, struct err *e)
{
    struct child_launched l;
    int r = child_launch(spec, &l);

    if (r < 0)
        return err_set(e, r, "%s", strerror(-r));
    c->pid = l.pid;
    c->output.fd = l.output_fd;
    c->report_fd = l.report_fd;
    return watch_child(c, e);
}

int child_start(struct children *cs, const struct child_spec *spec, child_fn *fn, void *ctx,
                struct child **out, struct err *e)
{
    if (cs->stats.running >= cs->stats.limit) {
        cs->stats.refused++;
        return CHILD_LIMIT;
    }
    struct child *c = new_child(cs, spec, fn, ctx);
    if (!c)
        return err_set(e, -ENOMEM, "cannot start %s: out of memory", name_of(spec));
    int r = launch(c, spec, e);
    if (r < 0) {
        undo(c);
        return err_prefix(e, r, "cannot start %s", name_of(spec));
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
        if (poll(&p, 1, 1000) == 1) /* one that hangs in the kernel is left to init */
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
