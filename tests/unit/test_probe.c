/*
 * The prober against small servers on the loopback interface, each a thread that treats all of its
 * clients alike.
 */
#include "common/base/macro.h"
#include "common/rt/loop.h"
#include "tests/unit/suite.h"
#include "vrrpd/probe/probe.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum manners { ANSWER, SAY_503, HANG_UP, RESET, SAY_NOTHING };

struct server {
    enum manners manners;
    int fd;
    uint16_t port;
    pthread_t thread;
};

static void reply(int fd, const char *text)
{
    char request[4096];

    if (recv(fd, request, sizeof(request), 0) > 0)
        send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static void treat(const struct server *s, int fd)
{
    struct linger none = {.l_onoff = 1};
    char byte;

    switch (s->manners) {
    case ANSWER:
        reply(fd, "HTTP/1.1 200 OK\r\nX-Served-By: here\r\nContent-Length: 2\r\n\r\nok");
        break;
    case SAY_503:
        reply(fd, "HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno");
        break;
    case HANG_UP:
        reply(fd, "");
        break;
    case RESET:
        recv(fd, &byte, 1, 0);
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
        break;
    case SAY_NOTHING:
        return; /* nobody accepts: the kernel does, and holds the connection */
    }
    close(fd);
}

static void *serve(void *arg)
{
    struct server *s = arg;

    for (;;) {
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            return NULL;
        treat(s, fd);
    }
}

static void server_start(struct server *s, enum manners manners)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(sa);

    s->manners = manners;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(s->fd, (struct sockaddr *)&sa, len), 0);
    ck_assert_int_eq(listen(s->fd, 4096), 0);
    ck_assert_int_eq(getsockname(s->fd, (struct sockaddr *)&sa, &len), 0);
    s->port = ntohs(sa.sin_port);
    if (manners != SAY_NOTHING)
        ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
}

static void server_stop(struct server *s)
{
    shutdown(s->fd, SHUT_RDWR); /* ends the accept */
    if (s->manners != SAY_NOTHING)
        pthread_join(s->thread, NULL);
    close(s->fd);
}

/* --- --- */

struct run {
    struct loop *loop;
    struct probe *probe;
    struct timer timer;
    size_t results;
};

static void on_done(void *ctx)
{
    loop_stop(((struct run *)ctx)->loop);
}

static void on_result(void *ctx, const struct probe_result *r)
{
    ((struct run *)ctx)->results++;
}

static struct probe_options options_for(struct run *run, uint16_t port)
{
    return (struct probe_options){
        .target = {.addr = addr_v4(INADDR_LOOPBACK), .port = port},
        .interval = span_ms(2),
        .run = span_ms(200),
        .timeout = span_ms(300),
        .path = "/",
        .host = "test",
        .on_done = on_done,
        .on_result = on_result,
        .ctx = run,
    };
}

static void run_init(struct run *run, const struct probe_options *options)
{
    struct err e;

    ck_assert_int_eq(loop_new(&run->loop, &e), 0);
    ck_assert_int_eq(probe_new(&run->probe, run->loop, options, &e), 0);
}

static void run_fini(struct run *run)
{
    probe_free(run->probe);
    loop_free(run->loop);
}

static void stop_it(struct timer *t, struct mono now)
{
    probe_stop(container_of(t, struct run, timer)->probe);
}

static void abort_it(struct timer *t, struct mono now)
{
    probe_abort(container_of(t, struct run, timer)->probe);
}

START_TEST(each_outcome_has_its_kind)
{
    static const struct {
        enum manners manners;
        enum probe_kind kind;
    } rows[] = {
        {ANSWER, PROBE_OK},   {SAY_503, PROBE_HTTP_5XX},    {HANG_UP, PROBE_BAD_REPLY},
        {RESET, PROBE_RESET}, {SAY_NOTHING, PROBE_TIMEOUT},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct run run = {0};
        struct server server;
        struct err e;
        server_start(&server, rows[i].manners);
        struct probe_options options = options_for(&run, server.port);
        run_init(&run, &options);
        ck_assert_int_eq(loop_run(run.loop, &e), 0);
        const struct probe_stats *s = probe_stats(run.probe);
        ck_assert_uint_eq(s->requests, 100);
        ck_assert_uint_eq(run.results, 100);
        ck_assert_msg(s->kinds[rows[i].kind] == 100, "%s: %d", probe_kind_name(rows[i].kind),
                      (int)s->kinds[rows[i].kind]);
        run_fini(&run);
        server_stop(&server);
    }
}
END_TEST

START_TEST(nobody_listens)
{
    struct run run = {0};
    struct server server;
    struct err e;

    server_start(&server, SAY_NOTHING);
    server_stop(&server); /* its port is free now */
    struct probe_options options = options_for(&run, server.port);
    run_init(&run, &options);
    ck_assert_int_eq(loop_run(run.loop, &e), 0);
    const struct probe_stats *s = probe_stats(run.probe);
    ck_assert_uint_eq(s->kinds[PROBE_REFUSED], 100);
    ck_assert(probe_stats_longest(s).open);
    ck_assert_int_eq(probe_stats_longest(s).to.us - probe_stats_longest(s).from.us, 200000);
    run_fini(&run);
}
END_TEST

START_TEST(who_answered_is_known)
{
    struct run run = {0};
    struct server server;
    struct err e;

    server_start(&server, ANSWER);
    struct probe_options options = options_for(&run, server.port);
    run_init(&run, &options);
    ck_assert_int_eq(loop_run(run.loop, &e), 0);
    const struct probe_stats *s = probe_stats(run.probe);
    ck_assert_uint_eq(s->server_count, 1);
    ck_assert_str_eq(s->servers[0].name, "here");
    ck_assert_uint_eq(s->servers[0].ok, 100);
    ck_assert_uint_eq(s->statuses[200], 100);
    run_fini(&run);
    server_stop(&server);
}
END_TEST

START_TEST(waiting_requests_do_not_delay_the_next)
{
    struct run run = {0};
    struct server server;
    struct err e;

    server_start(&server, SAY_NOTHING);
    struct probe_options options = options_for(&run, server.port);
    options.timeout = span_s(60);
    run_init(&run, &options);
    run.timer = TIMER_INIT(abort_it);
    loop_timer_arm(run.loop, &run.timer, mono_add(loop_clock(), span_ms(500)));
    ck_assert_int_eq(loop_run(run.loop, &e), 0);
    /* All were sent although none was answered; aborted, they have no outcome. */
    int waiting = 0, fd;
    fcntl(server.fd, F_SETFL, O_NONBLOCK);
    while ((fd = accept(server.fd, NULL, NULL)) >= 0) {
        close(fd);
        waiting++;
    }
    ck_assert_int_eq(waiting, 100);
    ck_assert_uint_eq(probe_stats(run.probe)->requests, 0);
    ck_assert(probe_stats_longest(probe_stats(run.probe)).open);
    run_fini(&run);
    server_stop(&server);
}
END_TEST

START_TEST(a_stopped_run_waits_for_outcomes)
{
    struct run run = {0};
    struct server server;
    struct err e;

    server_start(&server, SAY_NOTHING);
    struct probe_options options = options_for(&run, server.port);
    options.run = span_s(3600);
    run_init(&run, &options);
    run.timer = TIMER_INIT(stop_it);
    loop_timer_arm(run.loop, &run.timer, mono_add(loop_clock(), span_ms(100)));
    ck_assert_int_eq(loop_run(run.loop, &e), 0);
    const struct probe_stats *s = probe_stats(run.probe);
    ck_assert_uint_ge(s->requests, 5);
    ck_assert_uint_eq(s->kinds[PROBE_TIMEOUT], s->requests);
    run_fini(&run);
    server_stop(&server);
}
END_TEST

START_TEST(a_run_can_be_ended_early)
{
    struct run run = {0};
    struct server server;
    struct err e;

    server_start(&server, ANSWER);
    struct probe_options options = options_for(&run, server.port);
    options.run = span_s(3600);
    run_init(&run, &options);
    run.timer = TIMER_INIT(stop_it);
    loop_timer_arm(run.loop, &run.timer, mono_add(loop_clock(), span_ms(100)));
    ck_assert_int_eq(loop_run(run.loop, &e), 0);
    const struct probe_stats *s = probe_stats(run.probe);
    ck_assert_uint_ge(s->requests, 5);
    ck_assert_uint_lt(s->requests, 100);
    ck_assert_uint_eq(s->failed, 0);
    run_fini(&run);
    server_stop(&server);
}
END_TEST

static const struct test_row rows[] = {
    {"each outcome has its kind: ok, 5xx, bad reply, reset, timeout", &each_outcome_has_its_kind},
    {"nobody listens: refused, and the gap is the whole run", &nobody_listens},
    {"who answered is known", &who_answered_is_known},
    {"requests that wait do not delay the next ones", &waiting_requests_do_not_delay_the_next},
    {"a run that is stopped waits for what it has sent", &a_stopped_run_waits_for_outcomes},
    {"a run can be ended early", &a_run_can_be_ended_early},
};

int main(void)
{
    return suite_main("probe", rows, ARRAY_LEN(rows));
}
