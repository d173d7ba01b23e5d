/*
 * A load generator for what wrk cannot do: requests at planned instants (so that a proxy that
 * stalls cannot hide it by being asked less), one connection a request, connections that are held.
 * Each answer is checked: status 200, the length asked for, nothing behind it.
 *
 * One thread, edge-triggered epoll. A latency counts from the instant for which the request was
 * planned; without --rate, from when it was sent. The result is one JSON object on standard output.
 */
#include "common/base/addr.h"
#include "common/base/macro.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 20000
#define SAMPLES_MAX     4000000u
#define HEAD_MAX        4096
#define DRAIN_NS        INT64_C(2000000000) /* for the answers that are still to come at the end */
#define NS              INT64_C(1000000000)

enum state { CLOSED, IDLE, ASKED, ENDING /* answered; the end of the connection is awaited */ };

struct peer {
    int fd;
    enum state state;
    int64_t since;   /* planned, or sent */
    size_t to_send;  /* of the request */
    size_t head_len; /* so far; the head is whole when `body` is not negative */
    int64_t body;    /* bytes still to come; -1: the head is not whole */
    char head[HEAD_MAX];
    struct peer *next_idle;
};

static struct {
    struct sockaddr_storage to;
    socklen_t to_len;
    size_t connections;
    double seconds, rate;
    bool close, hold;
    const char *path;
    int64_t length;
} opt = {.connections = 64, .seconds = 1, .path = "/", .length = -1};

static char request[2048];
static size_t request_len;
static int epoll_fd;
static struct peer *peers, *idle;
static uint32_t *samples; /* microseconds */
static uint64_t answered, errors, reopened;
static size_t in_flight;
static int64_t now;
static char waste[1 << 18];

static int64_t clock_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NS + ts.tv_nsec;
}

/* ---- connections ---- */

static void shut(struct peer *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
    p->state = CLOSED;
}

static bool open_peer(struct peer *p)
{
    struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = p};

    p->fd = socket(opt.to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0)
        return false;
    if ((connect(p->fd, (struct sockaddr *)&opt.to, opt.to_len) < 0 && errno != EINPROGRESS) ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, p->fd, &ev) < 0) {
        shut(p);
        return false;
    }
    p->state = IDLE;
    return true;
}

static void rest(struct peer *p)
{
    p->next_idle = idle;
    idle = p;
}

static void fail(struct peer *p)
{
    bool rests = p->state == IDLE; /* and is in the list already */

    errors++;
    shut(p);
    if (rests)
        return;
    in_flight--;
    rest(p);
}

static void complete(struct peer *p)
{
    int64_t us = (now - p->since) / 1000;

    if (answered < SAMPLES_MAX)
        samples[answered] = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
    answered++;
    in_flight--;
    if (opt.close)
        shut(p);
    else
        p->state = IDLE;
    rest(p);
}

static void send_rest(struct peer *p)
{
    ssize_t n = send(p->fd, request + (request_len - p->to_send), p->to_send, MSG_NOSIGNAL);

    if (n > 0)
        p->to_send -= (size_t)n;
    else if (errno != EAGAIN)
        fail(p);
}

/* ---- answers ---- */

/* The value of Content-Length; -1 if there is none. */
static int64_t length_of(const char *head)
{
    static const char name[] = "\r\ncontent-length:";
    const char *at = strcasestr(head, name);

    return at ? strtoll(at + sizeof(name) - 1, NULL, 10) : -1;
}

/* Takes a piece of the head, and what came of the body with it. */
static bool take_head(struct peer *p, const char *data, size_t len)
{
    const char *end;

    if (p->head_len + len >= sizeof(p->head))
        return false;
    memcpy(p->head + p->head_len, data, len);
    p->head_len += len;
    p->head[p->head_len] = '\0';
    end = strstr(p->head, "\r\n\r\n");
    if (!end)
        return true;
    p->body = length_of(p->head);
    if (strncmp(p->head, "HTTP/1.1 200 ", 13) != 0 || p->body < 0 ||
        (opt.length >= 0 && p->body != opt.length))
        return false;
    p->body -= (int64_t)(p->head_len - (size_t)(end + 4 - p->head));
    return p->body >= 0;
}

/* What a read brought. False: the connection is not of use any more. */
static bool take(struct peer *p, ssize_t n)
{
    if (p->state != ASKED)
        return false; /* more than was asked for */
    if (p->body >= 0) {
        p->body -= n;
        if (p->body < 0)
            return false;
    } else if (!take_head(p, waste, (size_t)n)) {
        return false;
    }
    if (p->body == 0 && opt.close)
        p->state = ENDING;
    else if (p->body == 0)
        complete(p);
    return true;
}

static void ended(struct peer *p)
{
    if (p->state == ENDING) {
        complete(p);
    } else if (p->state == IDLE) { /* stays in the list of the idle, which reopens it */
        reopened++;
        shut(p);
    } else if (p->state == ASKED) {
        fail(p);
    }
}

/* A body's bytes are counted and thrown away in the kernel. */
static void read_all(struct peer *p)
{
    while (p->fd >= 0) {
        bool body = p->state == ASKED && p->body > (int64_t)sizeof(p->head);
        size_t len = body ? (size_t)p->body : HEAD_MAX / 2;
        ssize_t n = recv(p->fd, waste, MIN(len, sizeof(waste)), body ? MSG_TRUNC : 0);
        if (n == 0) {
            ended(p);
            return;
        }
        if (n < 0) {
            if (errno != EAGAIN)
                p->state == IDLE ? ended(p) : fail(p);
            return;
        }
        if (!take(p, n)) {
            fail(p);
            return;
        }
        if (p->state == IDLE)
            return; /* another event tells of more */
    }
}

/* On a fresh connection the request goes out when it is known to stand, as clients do it. */
static void ask(struct peer *p, int64_t since)
{
    bool fresh = p->fd < 0;
    bool open = !fresh || open_peer(p);

    in_flight++;
    p->state = ASKED;
    p->since = since;
    p->to_send = request_len;
    p->head_len = 0;
    p->body = -1;
    if (!open)
        fail(p);
    else if (!fresh)
        send_rest(p);
}

/* ---- driving ---- */

static void on_event(const struct epoll_event *ev)
{
    struct peer *p = ev->data.ptr;

    if (p->fd < 0)
        return;
    if (ev->events & EPOLLOUT && p->state == ASKED && p->to_send)
        send_rest(p);
    if (p->fd >= 0 && ev->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        read_all(p);
}

/* Waits for events until `until` at most. */
static void turn(int64_t until)
{
    struct epoll_event events[256];
    int64_t wait = MAX(until - clock_ns(), INT64_C(0));
    struct timespec ts = {.tv_sec = wait / NS, .tv_nsec = wait % NS};
    int n = epoll_pwait2(epoll_fd, events, ARRAY_LEN(events), &ts, NULL);

    now = clock_ns();
    for (int i = 0; i < n; i++)
        on_event(&events[i]);
}

static struct peer *pop_idle(void)
{
    struct peer *p = idle;

    if (p)
        idle = p->next_idle;
    return p;
}

/* Each connection asks again as soon as it is answered. */
static void run_closed(int64_t end)
{
    while (now < end) {
        struct peer *p;
        while ((p = pop_idle()))
            ask(p, now);
        turn(end);
    }
}

static void run_rate(int64_t end)
{
    int64_t start = now, drain = end + DRAIN_NS;
    uint64_t planned = 0, total = (uint64_t)(opt.rate * opt.seconds);
    double step = (double)NS / opt.rate;

    while ((planned < total || in_flight) && now < drain) {
        int64_t next = start + (int64_t)((double)planned * step);
        struct peer *p;
        while (planned < total && next <= now && (p = pop_idle())) {
            ask(p, next);
            next = start + (int64_t)((double)++planned * step);
        }
        turn(planned < total && idle ? next : drain);
    }
    errors += in_flight + (total - planned); /* never answered */
}

static void run_hold(void)
{
    for (size_t i = 0; i < opt.connections; i++) {
        int64_t end = now + DRAIN_NS;
        ask(pop_idle(), now);
        while (in_flight && now < end)
            turn(end);
        pop_idle(); /* it only rests from here on */
    }
    printf("holding %" PRIu64 "\n", answered);
    fflush(stdout);
    while (read(0, waste, sizeof(waste)) > 0)
        ;
}

/* ---- result ---- */

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void report(int64_t took)
{
    size_t n = MIN(answered, (uint64_t)SAMPLES_MAX);
    static const double at[] = {0.5, 0.99, 0.999};
    static const char *const names[] = {"p50_us", "p99_us", "p999_us"};

    qsort(samples, n, sizeof(*samples), by_value);
    printf("{\"requests\": %" PRIu64 ", \"errors\": %" PRIu64 ", \"reopened\": %" PRIu64
           ", \"seconds\": %.6f",
           answered, errors, reopened, (double)took / (double)NS);
    for (size_t i = 0; i < ARRAY_LEN(at); i++)
        printf(", \"%s\": %" PRIu32, names[i], n ? samples[(size_t)(at[i] * (double)n)] : 0);
    printf(", \"max_us\": %" PRIu32 "}\n", n ? samples[n - 1] : 0);
}

/* ---- options ---- */

static const char usage[] =
    "usage: load [--connections N] [--seconds S] [--rate R] [--close] [--path P] [--length N]\n"
    "            [--hold] ADDRESS:PORT\n"
    "  --rate R      requests a second at planned instants (else: again as soon as answered)\n"
    "  --close       one connection a request\n"
    "  --length N    what each body has to have\n"
    "  --hold        ask once on each connection, say so, keep them until standard input ends\n";

static void die(const char *what)
{
    fprintf(stderr, "load: %s\n%s", what, usage);
    exit(2);
}

static void set_target(const char *text)
{
    struct addr_port at;

    if (!addr_port_parse(text, &at))
        die("ADDRESS:PORT is not an address");
    opt.to_len = addr_to_sockaddr(&at.addr, at.port, &opt.to);
}

static void parse_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"connections", required_argument, NULL, 'n'},
        {"seconds", required_argument, NULL, 's'},
        {"rate", required_argument, NULL, 'r'},
        {"close", no_argument, NULL, 'c'},
        {"path", required_argument, NULL, 'p'},
        {"length", required_argument, NULL, 'l'},
        {"hold", no_argument, NULL, 'h'},
        {0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 'n':
            opt.connections = strtoul(optarg, NULL, 10);
            break;
        case 's':
            opt.seconds = strtod(optarg, NULL);
            break;
        case 'r':
            opt.rate = strtod(optarg, NULL);
            break;
        case 'c':
            opt.close = true;
            break;
        case 'p':
            opt.path = optarg;
            break;
        case 'l':
            opt.length = strtoll(optarg, NULL, 10);
            break;
        case 'h':
            opt.hold = true;
            break;
        default:
            die("unknown option");
        }
    }
    if (optind + 1 != argc || !opt.connections || opt.connections > CONNECTIONS_MAX)
        die("one target, 1 to 20000 connections");
    set_target(argv[optind]);
}

static void set_up(void)
{
    request_len = (size_t)snprintf(request, sizeof(request),
                                   "GET %s HTTP/1.1\r\nHost: bench.example\r\n"
                                   "User-Agent: load\r\nAccept: */*\r\n%s\r\n",
                                   opt.path, opt.close ? "Connection: close\r\n" : "");
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    peers = calloc(opt.connections, sizeof(*peers));
    samples = malloc(SAMPLES_MAX * sizeof(*samples));
    if (request_len >= sizeof(request) || epoll_fd < 0 || !peers || !samples)
        die("out of memory");
    for (size_t i = opt.connections; i-- > 0;) {
        peers[i].fd = -1;
        rest(&peers[i]);
    }
    prctl(PR_SET_TIMERSLACK, 1UL);
    now = clock_ns();
}

int main(int argc, char **argv)
{
    int64_t start;

    parse_options(argc, argv);
    set_up();
    start = now;
    if (opt.hold)
        run_hold();
    else if (opt.rate > 0)
        run_rate(start + (int64_t)(opt.seconds * (double)NS));
    else
        run_closed(start + (int64_t)(opt.seconds * (double)NS));
    report(now - start);
    return errors ? 1 : 0;
}
