#include "vrrpd/guardian.h"

#include "common/base/macro.h"
#include "common/base/mono.h"
#include "common/rt/log.h"
#include "common/rt/loop.h"
#include "vrrpd/net/addr.h"
#include "vrrpd/net/route.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A daemon that lived that long may be started again at once. */
#define LONG_LIFE_S    30
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 30000

struct watch {
    struct guardian *shared;
    struct netlink *netlink;
    sigset_t signals;
    pid_t daemon;
    struct mono started;
    bool leaving; /* it was asked to stop */
};

static const int passed_on[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2};

/* ---- cleaning up ---- */

static void clean_up(struct watch *w, const char *what)
{
    struct mono before = loop_clock();

    if (!w->shared->in_charge)
        return;
    size_t removed = vips_flush(w->netlink) + routes_flush(w->netlink);
    size_t said = farewell_say(w->shared->farewells, w->shared->farewell_count);
    struct span took = mono_diff(loop_clock(), before);

    snprintf(w->shared->last, sizeof(w->shared->last),
             "vrrpd (pid %d) %s; removed %zu addresses and routes and took leave for %zu instances "
             "within "
             "%lldus",
             (int)w->daemon, what, removed, said, (long long)took.us);
    log_err("%s", w->shared->last);
}

/* What it had changed for the time of its life; its successor begins anew. */
static void forget(struct watch *w)
{
    sysctl_restore(w->shared->sysctls, GUARDIAN_SYSCTLS_MAX);
    for (size_t i = 0; i < w->shared->farewell_count; i++)
        farewell_release(&w->shared->farewells[i]);
}

/* ---- starting ---- */

void guardian_hold_on(void)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

static void become_daemon(const struct watch *w, pid_t guardian)
{
    sigprocmask(SIG_UNBLOCK, &w->signals, NULL);
    setpgid(0, 0); /* ^C reaches the guardian, which passes it on: once is enough */
    prctl(PR_SET_NAME, "vrrpd");
    guardian_hold_on();
    if (getppid() != guardian) /* it died before that was in force */
        raise(SIGTERM);
}

/* 0 in the daemon, its pid in the guardian. */
static pid_t start(struct watch *w)
{
    pid_t guardian = getpid(), pid = fork();

    if (pid == 0)
        become_daemon(w, guardian);
    w->daemon = pid;
    w->started = loop_clock();
    return pid;
}

/* ---- watching ---- */

/* True when the daemon is gone, with its status. */
static bool reap(struct watch *w, int *status)
{
    pid_t pid;

    while ((pid = waitpid(-1, status, WNOHANG | WUNTRACED)) > 0) {
        if (pid != w->daemon)
            continue;
        if (!WIFSTOPPED(*status))
            return true;
        clean_up(w, "was stopped (SIGSTOP)");
    }
    return false;
}

static void pass_on(struct watch *w, int signo)
{
    w->leaving |= signo == SIGTERM || signo == SIGINT;
    kill(w->daemon, signo);
    if (w->leaving)
        kill(w->daemon, SIGCONT);
}

/* Until the daemon is gone; returns its status. */
static int watch(struct watch *w)
{
    int status = 0;

    while (!reap(w, &status)) {
        siginfo_t info;
        if (sigwaitinfo(&w->signals, &info) > 0 && info.si_signo != SIGCHLD)
            pass_on(w, info.si_signo);
    }
    return status;
}

static int64_t backoff_ms(const struct watch *w, int64_t before)
{
    if (mono_diff(loop_clock(), w->started).us >= span_s(LONG_LIFE_S).us)
        return BACKOFF_MIN_MS;
    return before ? MIN(before * 2, (int64_t)BACKOFF_MAX_MS) : BACKOFF_MIN_MS;
}

/* False if the guardian was asked to stop meanwhile. */
static bool pause_for(struct watch *w, int64_t ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    siginfo_t info;

    for (;;) {
        int signo = sigtimedwait(&w->signals, &info, &t);
        if (signo < 0 && errno == EAGAIN)
            return true;
        if (signo == SIGTERM || signo == SIGINT)
            return false;
    }
}

static const char *describe(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(text, size, "was killed by SIG%s", sigabbrev_np(WTERMSIG(status)));
    else
        snprintf(text, size, "ended with status %d", WEXITSTATUS(status));
    return text;
}

/* Returns in a restarted daemon only. */
static void guard(struct watch *w)
{
    int64_t wait_ms = 0;

    prctl(PR_SET_NAME, "vrrpd-guard");
    for (;;) {
        char text[64];
        int status = watch(w);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
            _exit(EXIT_SUCCESS);
        clean_up(w, describe(status, text, sizeof(text)));
        forget(w);
        if (WIFEXITED(status)) /* it has said why */
            _exit(WEXITSTATUS(status));
        wait_ms = backoff_ms(w, wait_ms);
        if (w->leaving || !pause_for(w, wait_ms))
            _exit(128 + WTERMSIG(status));
        w->shared->restarts++;
        log_notice("starting vrrpd again");
        if (start(w) == 0)
            return;
        if (w->daemon < 0)
            log_err("cannot start vrrpd again: %s", strerror(errno));
    }
}

int guardian_start(struct guardian **out, size_t instances_max, struct err *e)
{
    struct watch w = {0};
    size_t size = sizeof(struct guardian) + instances_max * sizeof(struct farewell);
    void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (shared == MAP_FAILED)
        return err_set(e, -errno, "no memory to share with the guardian: %s", strerror(errno));
    w.shared = shared;
    w.shared->farewell_count = instances_max;
    int err = netlink_new(&w.netlink, e);
    if (err)
        return err;
    sigemptyset(&w.signals);
    sigaddset(&w.signals, SIGCHLD);
    for (size_t i = 0; i < ARRAY_LEN(passed_on); i++)
        sigaddset(&w.signals, passed_on[i]);
    sigprocmask(SIG_BLOCK, &w.signals, NULL);
    unsetenv("WATCHDOG_PID"); /* the daemon pings, whatever its number is */
    if (start(&w) < 0)
        return err_set(e, -errno, "cannot start the daemon: %s", strerror(errno));
    if (w.daemon)
        guard(&w);
    netlink_free(w.netlink);
    *out = w.shared;
    return 0;
}
