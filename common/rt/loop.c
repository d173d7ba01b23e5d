/*
 * One epoll set for everything. `data.ptr` of each registration is its loop_io, so an event leads
 * to its owner without a look-up. What makes that safe is the slot: while a batch is dispatched
 * each loop_io knows its place in it, and removing an io empties that place (O(1), no generation
 * counters, no list of the dead).
 *
 * Signals (signalfd) and other threads (eventfd) are loop_ios of the loop itself, marked late.
 */
#include "common/rt/loop.h"

#include "common/rt/fd.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define BATCH_MAX   256  /* events a batch */
#define BATCHES_MAX 8    /* batches a turn, as long as they come back full */
#define TIMERS_MAX  4096 /* timers a turn */
#define WORKS_MAX   4096 /* deferred work a turn */
#define SIGNALS_MAX 64   /* signals read a turn */
#define LATE        span_ms(1)

struct loop_signal_entry {
    loop_signal_fn *fn;
    void *ctx;
};

struct loop {
    int epoll_fd;
    struct mono now;
    struct span late;
    bool stop;

    struct epoll_event batch[BATCH_MAX];

    struct timers timers;
    struct loop_io timerfd; /* fd -1 unless epoll_pwait2() is missing */
    struct mono timerfd_at; /* what it is set to */
    struct list works;

    struct loop_io signalfd; /* fd -1 until the first loop_signal() */
    sigset_t signals;
    struct loop_signal_entry signal_entries[NSIG];

    struct loop_io eventfd;
    _Atomic(struct loop_msg *) messages; /* newest first */

    struct loop_stats stats;
};

struct mono loop_clock(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (struct mono){(int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000};
}

struct mono loop_now(const struct loop *loop)
{
    return loop->now;
}

struct span loop_late(const struct loop *loop)
{
    return loop->late;
}

struct loop_stats *loop_stats(struct loop *loop)
{
    return &loop->stats;
}

void loop_stop(struct loop *loop)
{
    loop->stop = true;
}

/* --- descriptors --- */

static int control_epoll(struct loop *loop, int op, struct loop_io *io)
{
    struct epoll_event ev = {.events = io->events, .data.ptr = io};

    return epoll_ctl(loop->epoll_fd, op, io->fd, &ev) < 0 ? -errno : 0;
}

int loop_io_add(struct loop *loop, struct loop_io *io, struct err *e)
{
    if (io->added)
        return err_set(e, -EEXIST, "descriptor %d is watched already", io->fd);
    int r = control_epoll(loop, EPOLL_CTL_ADD, io);
    if (r < 0)
        return err_set(e, r, "cannot watch descriptor %d: %s", io->fd, strerror(-r));
    io->added = true;
    io->slot = 0;
    return 0;
}

void loop_io_mod(struct loop *loop, struct loop_io *io, uint32_t events)
{
    if (io->events == events)
        return;
    io->events = events;
    if (io->added)
        control_epoll(loop, EPOLL_CTL_MOD, io);
}

void loop_io_del(struct loop *loop, struct loop_io *io)
{
    if (!io->added)
        return;
    control_epoll(loop, EPOLL_CTL_DEL, io);
    io->added = false;
    if (io->slot) {
        loop->batch[io->slot - 1].data.ptr = NULL;
        io->slot = 0;
    }
}

static void deliver(struct loop *loop, struct epoll_event *ev)
{
    struct loop_io *io = ev->data.ptr;
    uint32_t wanted = ev->events & (io->events | EPOLLERR | EPOLLHUP);

    ev->data.ptr = NULL;
    io->slot = 0;
    if (!wanted) {
        loop->stats.stale++;
        return;
    }
    loop->stats.events++;
    io->fn(io, wanted);
}

/* Ordinary I/O first, then the late ones; an io removed meanwhile left NULL in its place. */
static void dispatch(struct loop *loop, int n)
{
    for (int i = 0; i < n; i++)
        ((struct loop_io *)loop->batch[i].data.ptr)->slot = (uint16_t)(i + 1);
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < n; i++) {
            struct loop_io *io = loop->batch[i].data.ptr;
            if (io && (pass == 1 || !io->late))
                deliver(loop, &loop->batch[i]);
        }
    }
}

/* --- the wait --- */

static void ignore_io(struct loop_io *io, uint32_t events)
{
    uint64_t count;

    if (read(io->fd, &count, sizeof(count)) < 0)
        return; /* EAGAIN: somebody was faster; nothing else can happen to an eventfd or timerfd */
}

int loop_use_timerfd(struct loop *loop, struct err *e)
{
    if (loop->timerfd.fd >= 0)
        return 0;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0)
        return err_set(e, -errno, "cannot make a timerfd: %s", strerror(errno));
    loop->timerfd = (struct loop_io){.fd = fd, .events = EPOLLIN, .fn = ignore_io};
    loop->timerfd_at = MONO_NEVER;
    int r = loop_io_add(loop, &loop->timerfd, e);
    if (r < 0) {
        close(fd);
        loop->timerfd.fd = -1;
    }
    return r;
}

static struct timespec to_timespec(int64_t us)
{
    return (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
}

static int wait_by_timerfd(struct loop *loop, struct mono until)
{
    if (mono_before(until, loop_clock()))
        return epoll_wait(loop->epoll_fd, loop->batch, BATCH_MAX, 0);
    if (until.us != loop->timerfd_at.us) {
        struct itimerspec spec = {0};
        if (!mono_is_never(until))
            spec.it_value = to_timespec(until.us);
        timerfd_settime(loop->timerfd.fd, TFD_TIMER_ABSTIME, &spec, NULL);
        loop->timerfd_at = until;
    }
    return epoll_wait(loop->epoll_fd, loop->batch, BATCH_MAX, -1);
}

static int wait_by_pwait2(struct loop *loop, struct mono until)
{
    if (mono_is_never(until))
        return epoll_wait(loop->epoll_fd, loop->batch, BATCH_MAX, -1);
    int64_t left_us = until.us - loop_clock().us;
    struct timespec ts = to_timespec(MAX(left_us, (int64_t)0));
    return epoll_pwait2(loop->epoll_fd, loop->batch, BATCH_MAX, &ts, NULL);
}

/* How many events came; 0 also for a wait that a signal ended. */
static int wait_for_events(struct loop *loop, struct mono until, struct err *e)
{
    int n;

    if (until.us <= loop->now.us) {
        n = epoll_wait(loop->epoll_fd, loop->batch, BATCH_MAX, 0);
    } else if (loop->timerfd.fd >= 0) {
        n = wait_by_timerfd(loop, until);
    } else {
        n = wait_by_pwait2(loop, until);
        if (n < 0 && (errno == ENOSYS || errno == EPERM)) {
            int r = loop_use_timerfd(loop, e);
            return r < 0 ? r : wait_for_events(loop, until, e);
        }
    }
    if (n < 0 && errno != EINTR)
        return err_set(e, -errno, "the event loop cannot wait: %s", strerror(errno));
    return MAX(n, 0);
}

static struct span lateness(const struct loop *loop)
{
    struct mono next = timers_next(&loop->timers);

    return mono_before(next, loop->now) ? mono_diff(loop->now, next) : span_us(0);
}

/* Waits, then dispatches batch after batch while they come full, or once more when a timer is late.
 */
static int take_events(struct loop *loop, struct mono until, struct err *e)
{
    bool again = true;

    for (int batches = 0; again && batches < BATCHES_MAX; batches++) {
        int n = wait_for_events(loop, until, e);
        if (n < 0)
            return n;
        if (batches == 0) {
            loop->now = loop_clock();
            loop->late = lateness(loop);
            again = loop->late.us > LATE.us;
        } else {
            again = false;
        }
        dispatch(loop, n);
        if (n == BATCH_MAX) {
            loop->stats.full_batches++;
            again = true;
        }
        until = loop->now;
    }
    return 0;
}

/* --- timers --- */

void loop_timer_arm(struct loop *loop, struct timer *t, struct mono at)
{
    timers_arm(&loop->timers, t, at);
}

void loop_timer_after(struct loop *loop, struct timer *t, struct span in)
{
    timers_arm(&loop->timers, t, mono_add(loop->now, in));
}

void loop_timer_disarm(struct loop *loop, struct timer *t)
{
    timers_disarm(&loop->timers, t);
}

static void run_timers(struct loop *loop)
{
    size_t fired = timers_run(&loop->timers, loop->now, TIMERS_MAX);

    loop->stats.timers += fired;
    if (fired == TIMERS_MAX)
        loop->stats.timer_limit++;
    loop->stats.late_max.us = MAX(loop->stats.late_max.us, loop->late.us);
}

/* --- deferred work --- */

void loop_work_add(struct loop *loop, struct loop_work *work)
{
    if (!work->node.next)
        list_init(&work->node);
    if (list_empty(&work->node))
        list_push_back(&loop->works, &work->node);
}

void loop_work_cancel(struct loop *loop, struct loop_work *work)
{
    if (work->node.next)
        list_del(&work->node);
}

/* Does what is queued now; work that this queues goes behind the marker and waits for the next
 * turn.
 */
static void run_works(struct loop *loop)
{
    struct list marker;
    size_t done = 0;

    if (list_empty(&loop->works))
        return;
    list_push_back(&loop->works, &marker);
    while (loop->works.next != &marker && done < WORKS_MAX) {
        struct loop_work *work = list_entry(loop->works.next, struct loop_work, node);
        list_del(&work->node);
        work->fn(work);
        done++;
    }
    if (loop->works.next != &marker)
        loop->stats.work_limit++;
    list_del(&marker);
    loop->stats.works += done;
}

/* --- signals --- */

static void signal_io(struct loop_io *io, uint32_t events)
{
    struct loop *loop = container_of(io, struct loop, signalfd);
    struct signalfd_siginfo info;

    for (int i = 0; i < SIGNALS_MAX; i++) {
        if (read(io->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
            return;
        struct loop_signal_entry *entry = &loop->signal_entries[info.ssi_signo % NSIG];
        if (entry->fn) {
            loop->stats.signals++;
            entry->fn(entry->ctx, &info);
        }
    }
}

static int give_signal_back(struct loop *loop, int signo)
{
    sigset_t one;

    if (!loop->signal_entries[signo].fn)
        return 0;
    sigemptyset(&one);
    sigaddset(&one, signo);
    sigdelset(&loop->signals, signo);
    loop->signal_entries[signo].fn = NULL;
    signalfd(loop->signalfd.fd, &loop->signals, 0);
    pthread_sigmask(SIG_UNBLOCK, &one, NULL);
    return 0;
}

int loop_signal(struct loop *loop, int signo, loop_signal_fn *fn, void *ctx, struct err *e)
{
    sigset_t one;

    if (signo < 1 || signo >= NSIG)
        return err_set(e, -EINVAL, "there is no signal %d", signo);
    if (!fn)
        return give_signal_back(loop, signo);
    sigemptyset(&one);
    sigaddset(&one, signo);
    pthread_sigmask(SIG_BLOCK, &one, NULL);
    sigaddset(&loop->signals, signo);
    loop->signal_entries[signo] = (struct loop_signal_entry){fn, ctx};
    int fd = signalfd(loop->signalfd.fd, &loop->signals, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return err_set(e, -errno, "cannot make a signalfd: %s", strerror(errno));
    if (loop->signalfd.fd >= 0)
        return 0;
    loop->signalfd.fd = fd;
    return loop_io_add(loop, &loop->signalfd, e);
}

/* --- other threads --- */

void loop_wake(struct loop *loop)
{
    uint64_t one = 1;

    if (write(loop->eventfd.fd, &one, sizeof(one)) < 0)
        return; /* EAGAIN: the counter is full, so the loop is awake anyway */
}

void loop_post(struct loop *loop, struct loop_msg *msg)
{
    msg->next = atomic_load_explicit(&loop->messages, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&loop->messages, &msg->next, msg,
                                                  memory_order_release, memory_order_relaxed))
        ;
    loop_wake(loop);
}

/* Takes the whole stack at once and turns it over, so that the oldest comes first. */
static void message_io(struct loop_io *io, uint32_t events)
{
    struct loop *loop = container_of(io, struct loop, eventfd);
    struct loop_msg *newest, *oldest = NULL;

    ignore_io(io, events);
    newest = atomic_exchange_explicit(&loop->messages, NULL, memory_order_acquire);
    while (newest) {
        struct loop_msg *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct loop_msg *next = oldest->next;
        loop->stats.messages++;
        oldest->fn(oldest);
        oldest = next;
    }
}

/* --- life --- */

int loop_new(struct loop **out, struct err *e)
{
    struct loop *loop = calloc(1, sizeof(*loop));

    if (!loop)
        return err_set(e, -ENOMEM, "out of memory");
    loop->timerfd.fd = loop->signalfd.fd = -1;
    loop->signalfd = (struct loop_io){.fd = -1, .events = EPOLLIN, .fn = signal_io, .late = true};
    loop->eventfd = (struct loop_io){.events = EPOLLIN, .fn = message_io, .late = true};
    sigemptyset(&loop->signals);
    list_init(&loop->works);
    loop->now = loop_clock();
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->eventfd.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int r = loop->epoll_fd < 0 || loop->eventfd.fd < 0
                ? err_set(e, -errno, "cannot make an event loop: %s", strerror(errno))
                : loop_io_add(loop, &loop->eventfd, e);
    if (r < 0) {
        loop_free(loop);
        return r;
    }
    *out = loop;
    return 0;
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    for (int signo = 1; signo < NSIG; signo++)
        give_signal_back(loop, signo);
    fd_close(&loop->signalfd.fd);
    fd_close(&loop->timerfd.fd);
    fd_close(&loop->eventfd.fd);
    fd_close(&loop->epoll_fd);
    free(loop);
}

/* --- turns --- */

int loop_turn(struct loop *loop, struct mono until, struct err *e)
{
    bool wait = list_empty(&loop->works) && !loop->stop;

    until = wait ? mono_min(until, timers_next(&loop->timers)) : loop->now;
    int r = take_events(loop, until, e);
    if (r < 0)
        return r;
    run_timers(loop);
    run_works(loop);
    loop->stats.turns++;
    loop->stats.turn_max.us = MAX(loop->stats.turn_max.us, mono_diff(loop_clock(), loop->now).us);
    return 0;
}

int loop_run(struct loop *loop, struct err *e)
{
    while (!loop->stop) {
        int r = loop_turn(loop, MONO_NEVER, e);
        if (r < 0)
            return r;
    }
    loop->stop = false;
    return 0;
}
