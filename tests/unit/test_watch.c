#include "tests/unit/track_rig.h"

#include <sys/socket.h>
#include <sys/un.h>

/* The program's side: a listener at r->path. */
static int listen_at(const char *path)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    return fd;
}

static struct track_spec watch_spec(const struct rig *r)
{
    return (struct track_spec){
        .name = "lb",
        .type = TRACK_WATCH,
        .every = span_ms(50),
        .timeout = span_s(10),
        .watch = {.path = r->path},
    };
}

/* Takes the connection that vrrpd makes, and its request. */
static int take(struct rig *r, int listener, char *request, size_t size)
{
    int fd = -1;
    ssize_t n = -1;
    rig_until(r, 5000,
              fd >= 0 || (fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0);
    rig_until(r, 5000, n > 0 || (n = read(fd, request, size - 1)) > 0);
    request[n] = '\0';
    return fd;
}

static void say(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (int)strlen(text));
}

START_TEST(readiness_is_followed_and_the_end_is_death)
{
    struct rig r;
    char request[512];
    rig_init(&r);
    int listener = listen_at(r.path);
    struct track_spec spec = watch_spec(&r);
    spec.watch.wants = (const char *const[]){"listeners", "pool=web", NULL};
    rig_track(&r, &spec);
    int fd = take(&r, listener, request, sizeof(request));
    ck_assert_str_eq(request, "watch 2500ms listeners pool=web\n");
    ck_assert_int_eq(track_state(r.t), TRACK_UNKNOWN);

    say(fd, "not-ready no server of pool web is up\n");
    rig_state(&r, TRACK_FAILED);
    contains(rig_look(&r).reason, "is not ready: no server of pool web is up");
    say(fd, "beat\nsomething new\nbeat\n");
    rig_pass(&r, 5);
    ck_assert_int_eq(track_state(r.t), TRACK_FAILED);
    say(fd, "rea");
    rig_pass(&r, 5);
    say(fd, "dy\r\n"); /* lines may come in pieces */
    rig_state(&r, TRACK_OK);
    char want[64];
    snprintf(want, sizeof(want), "(pid %d) is ready", (int)getpid());
    contains(rig_look(&r).reason, want);
    ck_assert_int_eq(r.told, 2);

    struct mono begun = loop_clock();
    close(fd);
    rig_until(&r, 5000, r.told == 3);
    ck_assert_int_eq(track_state(r.t), TRACK_FAILED);
    ck_assert_int_lt(mono_diff(loop_clock(), begun).us, 1000000);
    contains(rig_look(&r).reason, "is gone: the connection ended");

    fd = take(&r, listener, request, sizeof(request)); /* it comes again by itself */
    say(fd, "ready\n");
    rig_state(&r, TRACK_OK);
    close(fd);
    close(listener);
    rig_fini(&r);
}
END_TEST

START_TEST(silence_is_a_hang_and_a_beat_ends_it)
{
    struct rig r;
    char request[512];
    rig_init(&r);
    int listener = listen_at(r.path);
    struct track_spec spec = watch_spec(&r);
    spec.timeout = span_ms(80);
    rig_track(&r, &spec);
    int fd = take(&r, listener, request, sizeof(request));
    ck_assert_str_eq(request, "watch 20ms\n");
    say(fd, "ready\n");
    rig_state(&r, TRACK_OK);
    for (int i = 0; i < 10; i++) { /* beats keep it up */
        rig_pass(&r, 15);
        say(fd, "beat\n");
    }
    rig_pass(&r, 1);
    ck_assert_int_eq(track_state(r.t), TRACK_OK);
    struct mono begun = loop_clock();
    rig_state(&r, TRACK_FAILED);
    int64_t us = mono_diff(loop_clock(), begun).us;
    ck_assert_msg(us >= 70000 && us < 1000000, "%lld us", (long long)us);
    contains(rig_look(&r).reason, "hangs: no sign of life for 80ms");
    say(fd, "beat\n");
    rig_state(&r, TRACK_OK);
    close(fd);
    close(listener);
    rig_fini(&r);
}
END_TEST

START_TEST(a_program_that_accepts_nothing_hangs)
{
    struct rig r;
    rig_init(&r);
    int listener = listen_at(r.path); /* as after SIGSTOP: the kernel takes the connection */
    struct track_spec spec = watch_spec(&r);
    spec.timeout = span_ms(50);
    rig_track(&r, &spec);
    rig_state(&r, TRACK_FAILED);
    contains(rig_look(&r).reason, "hangs");
    close(listener);
    rig_fini(&r);
}
END_TEST

START_TEST(a_program_that_starts_later_is_found_at_once)
{
    struct rig r;
    char request[512], beside[160];
    rig_init(&r);
    struct track_spec spec = watch_spec(&r);
    spec.every = span_s(60);
    rig_track(&r, &spec);
    ck_assert_int_eq(track_state(r.t), TRACK_FAILED);
    contains(rig_look(&r).reason, "No such file");
    rig_pass(&r, 200); /* its own attempts are seconds apart now */
    snprintf(beside, sizeof(beside), "%s.new", r.path);
    int listener = listen_at(beside);
    ck_assert_int_eq(rename(beside, r.path), 0);
    struct mono begun = loop_clock();
    int fd = take(&r, listener, request, sizeof(request));
    ck_assert_int_lt(mono_diff(loop_clock(), begun).us, 1000000);
    say(fd, "ready all is bound\n");
    rig_state(&r, TRACK_OK);
    contains(rig_look(&r).reason, "is ready: all is bound");
    close(fd);
    close(listener);
    rig_fini(&r);
}
END_TEST

START_TEST(what_refuses_or_babbles_is_a_failure_and_not_asked_without_pause)
{
    static const struct {
        const char *text;
        const char *reason;
        int most; /* attempts in 400 ms */
    } rows[] = {
        {"error: there is no pool weeb\n", "refuses to be watched: there is no pool weeb", 10},
        {NULL, "speaks in endless lines", 20},
        {"", "is gone", 20},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rig r;
        char request[512], babble[600];
        int asked = 0;
        rig_init(&r);
        int listener = listen_at(r.path);
        struct track_spec spec = watch_spec(&r);
        rig_track(&r, &spec);
        memset(babble, 'x', sizeof(babble) - 1);
        babble[sizeof(babble) - 1] = '\0';
        struct mono over = mono_add(loop_clock(), span_ms(400));
        while (mono_before(loop_clock(), over)) {
            int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
            if (fd >= 0) {
                asked++;
                say(fd, rows[i].text ? rows[i].text : babble);
                rig_pass(&r, 2);
                ck_assert_int_ge(read(fd, request, sizeof(request)), 0);
                close(fd);
            }
            rig_pass(&r, 1);
        }
        ck_assert_int_eq(track_state(r.t), TRACK_FAILED);
        contains(rig_look(&r).reason, rows[i].reason);
        ck_assert_msg(asked >= 2 && asked <= rows[i].most, "row %zu: asked %d times", i, asked);
        close(listener);
        rig_fini(&r);
    }
}
END_TEST

static const struct test_row rows[] = {
    {"readiness is followed, and the end is death", &readiness_is_followed_and_the_end_is_death},
    {"silence is a hang, and a beat ends it", &silence_is_a_hang_and_a_beat_ends_it},
    {"a program that accepts nothing hangs", &a_program_that_accepts_nothing_hangs},
    {"a program that starts later is found at once", &a_program_that_starts_later_is_found_at_once},
    {"what refuses or babbles is a failure, and not asked without pause",
     &what_refuses_or_babbles_is_a_failure_and_not_asked_without_pause},
};

int main(void)
{
    return suite_main("watch", rows, ARRAY_LEN(rows));
}
