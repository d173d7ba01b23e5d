#include "common/rt/child.h"
#include "common/rt/pidwatch.h"
#include "common/rt/process.h"
#include "tests/unit/suite.h"
#include "tests/unit/turns.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- one run, kept --- */

struct run {
    int told;
    struct child_result r;
    char text[CHILD_TEXT_MAX];
    char output[8192];
};

static struct loop *loop;
static struct children *children;

static void ended(void *ctx, const struct child_result *r)
{
    struct run *run = ctx;

    run->told++;
    run->r = *r;
    child_result_text(r, run->text);
    snprintf(run->output, sizeof(run->output), "%s", r->output);
}

static void begin(void)
{
    loop = turns_loop();
    ck_assert_int_eq(children_new(&children, loop, 8, NULL), 0);
}

static void finish(void)
{
    children_free(children);
    loop_free(loop);
}

static struct child *start(const struct child_spec *spec, struct run *run)
{
    struct child *c = NULL;
    struct err e = {""};

    *run = (struct run){0};
    ck_assert_msg(child_start(children, spec, ended, run, &c, &e) == 0, "%s", e.text);
    ck_assert_int_eq(run->told, 0);
    return c;
}

static void run_to_end(const struct child_spec *spec, struct run *run)
{
    start(spec, run);
    turns_until(loop, run->told);
}

static void run_shell(const char *line, struct run *run)
{
    run_to_end(&(struct child_spec){.shell = line, .output_max = 4096, .deadline = span_s(10)},
               run);
}

/* Waits until the process has ended; it may stay a zombie of somebody else. */
static void await_death(pid_t pid)
{
    int fd = pidfd_open(pid, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};

    if (fd < 0) {
        ck_assert_int_eq(errno, ESRCH);
        return;
    }
    ck_assert_msg(poll(&p, 1, 10000) == 1, "process %d lives on", (int)pid);
    close(fd);
}

static bool is_alive(pid_t pid)
{
    int fd = pidfd_open(pid, 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    bool alive = fd >= 0 && poll(&p, 1, 0) == 0;

    if (fd >= 0)
        close(fd);
    return alive;
}

/* --- results --- */

START_TEST(the_result_says_how_it_ended)
{
    static const struct {
        const char *shell;
        enum child_end end;
        const char *text;
    } rows[] = {
        {"exit 0", CHILD_EXITED, "exit status 0"},
        {"exit 3", CHILD_EXITED, "exit status 3"},
        {"echo fine", CHILD_EXITED, "exit status 0"},
        {"echo one; echo ' two  ' >&2; echo; exit 1", CHILD_EXITED, "exit status 1: two"},
        {"kill -SEGV $$", CHILD_SIGNALED, "killed by SIGSEGV"},
        {"kill -40 $$", CHILD_SIGNALED, "killed by signal 40"},
        {"printf 'no newline'; exit 2", CHILD_EXITED, "exit status 2: no newline"},
    };
    begin();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct run run;
        run_shell(rows[i].shell, &run);
        ck_assert_str_eq(run.text, rows[i].text);
        ck_assert_int_eq(run.r.end, rows[i].end);
        ck_assert_int_gt(run.r.took.us, 0);
    }
    ck_assert_uint_eq(children_stats(children).running, 0);
    ck_assert_uint_eq(children_stats(children).started, ARRAY_LEN(rows));
    finish();
}
END_TEST

START_TEST(a_command_that_cannot_run_says_why)
{
    static const struct {
        const char *argv[2];
        int error;
        const char *text;
    } rows[] = {
        {{"/no/such/file"}, ENOENT, "cannot run: No such file or directory"},
        {{"no-such-command-xyz"}, ENOENT, "cannot run: No such file or directory"},
        {{"/etc"}, EACCES, "cannot run: Permission denied"},
    };
    begin();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct run run;
        run_to_end(&(struct child_spec){.argv = rows[i].argv}, &run);
        ck_assert_int_eq(run.r.end, CHILD_NOT_STARTED);
        ck_assert_int_eq(run.r.error, rows[i].error);
        ck_assert_str_eq(run.r.stage, "exec");
        ck_assert_str_eq(run.text, rows[i].text);
    }
    finish();
}
END_TEST

START_TEST(arguments_arrive_as_they_are)
{
    static const char *const argv[] = {"printf", "[%s]", "a b", "", "$HOME;'", NULL};
    struct run run;

    begin();
    run_to_end(&(struct child_spec){.argv = argv, .output_max = 100}, &run);
    ck_assert_str_eq(run.output, "[a b][][$HOME;']");
    finish();
}
END_TEST

START_TEST(only_the_end_of_the_output_is_kept)
{
    struct run run;

    begin();
    run_to_end(&(struct child_spec){.shell = "seq 1 200000", .output_max = 16}, &run);
    ck_assert_str_eq(run.output, "8\n199999\n200000\n");
    ck_assert_uint_eq(run.r.output_len, 16);
    /* 9 one-digit numbers, 90 two-digit ones, ... each with its newline. */
    ck_assert_uint_eq(run.r.output_lost + 16,
                      9 * 2 + 90 * 3 + 900 * 4 + 9000 * 5 + 90000 * 6 + 100001 * 7);
    finish();
}
END_TEST

START_TEST(input_of_any_size_arrives)
{
    struct run run;
    size_t len = 300 * 1000;
    char *input = malloc(len);

    memset(input, 'x', len);
    begin();
    run_to_end(
        &(struct child_spec){.shell = "wc -c", .input = input, .input_len = len, .output_max = 100},
        &run);
    ck_assert_int_eq(atoi(run.output), (int)len);
    run_shell("wc -c", &run); /* no input: /dev/null */
    ck_assert_int_eq(atoi(run.output), 0);
    free(input);
    finish();
}
END_TEST

/* --- surroundings --- */

START_TEST(it_starts_clean_whatever_the_daemon_looks_like)
{
    struct run run;
    sigset_t usr1;

    begin();
    ck_assert_int_eq(chdir("/tmp"), 0);
    ck_assert_int_ge(fcntl(0, F_DUPFD, 100), 100); /* without close-on-exec */
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
    mode_t mask = umask(0777);
    static const char *const ls[] = {"ls", "/proc/self/fd", NULL};
    run_to_end(&(struct child_spec){.argv = ls, .output_max = 100}, &run);
    ck_assert_str_eq(run.output, "0\n1\n2\n3\n"); /* 3 is the directory that ls reads */
    static const char *const grep[] = {"grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status", NULL};
    run_to_end(&(struct child_spec){.argv = grep, .output_max = 1000}, &run);
    ck_assert_str_eq(run.output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    run_shell("pwd; umask; [ $(cut -d' ' -f5 /proc/$$/stat) = $$ ] && echo leads", &run);
    ck_assert_str_eq(run.output, "/\n0022\nleads\n");
    umask(mask);
    sigprocmask(SIG_UNBLOCK, &usr1, NULL);
    signal(SIGPIPE, SIG_DFL);
    close_range(100, 200, 0);
    finish();
}
END_TEST

START_TEST(the_environment_is_the_daemons_with_additions_and_without_systemds)
{
    static const char *const env[] = {"STATE=MASTER", "TANDEM_KEPT=new", NULL};
    struct run run;
    char *path = strdup(getenv("PATH"));

    begin();
    setenv("NOTIFY_SOCKET", "/run/systemd/notify", 1);
    setenv("WATCHDOG_PID", "1", 1);
    setenv("TANDEM_KEPT", "old", 1);
    setenv("TANDEM_OTHER", "there", 1);
    run_to_end(&(struct child_spec){.shell = "echo $STATE $TANDEM_KEPT $TANDEM_OTHER "
                                             "[$NOTIFY_SOCKET$WATCHDOG_PID] $(env | grep -c KEPT)",
                                    .env = env,
                                    .output_max = 1000},
               &run);
    ck_assert_str_eq(run.output, "MASTER new there [] 1\n");
    unsetenv("PATH");
    static const char *const argv[] = {"true", NULL};
    run_to_end(&(struct child_spec){.argv = argv}, &run);
    ck_assert_str_eq(run.text, "exit status 0");
    setenv("PATH", path, 1);
    free(path);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_PID");
    finish();
}
END_TEST

/* Whether this user namespace knows the user; as root outside of one it does. */
static bool can_become(unsigned uid)
{
    pid_t pid = fork();
    int how;

    if (pid == 0)
        _exit(setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0);
    waitpid(pid, &how, 0);
    return how == 0;
}

START_TEST(another_user_has_neither_groups_nor_capabilities_nor_a_way_up)
{
    struct run run;
    unsigned uid = can_become(65534) ? 65534 : geteuid(),
             gid = can_become(65534) ? 65534 : getegid();
    char expected[256];

    begin();
    run_to_end(&(struct child_spec){.shell = "id -u; id -g; grep -E '^(CapPrm|CapAmb|NoNewPrivs):' "
                                             "/proc/self/status; nice",
                                    .switch_user = true,
                                    .uid = uid,
                                    .gid = gid,
                                    .nice = 5,
                                    .output_max = 1000},
               &run);
    snprintf(expected, sizeof(expected), "%u\n%u\nCapPrm:\t0000000000000000\n", uid, gid);
    if (uid) /* a namespace's root who can become nobody else keeps what he has */
        ck_assert_msg(strncmp(run.output, expected, strlen(expected)) == 0, "%s", run.output);
    ck_assert_ptr_nonnull(strstr(run.output, "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\n5\n"));
    run_to_end(&(struct child_spec){.shell = "id -G; grep NoNew /proc/self/status",
                                    .switch_user = true,
                                    .may_gain = true,
                                    .uid = uid,
                                    .gid = gid,
                                    .output_max = 1000},
               &run);
    ck_assert_ptr_nonnull(strstr(run.output, "NoNewPrivs:\t0\n"));
    snprintf(expected, sizeof(expected), "%u\n", gid);
    if (can_become(65534))
        ck_assert_msg(strncmp(run.output, expected, strlen(expected)) == 0, "%s", run.output);
    finish();
}
END_TEST

/* What systemd's AmbientCapabilities= makes of a daemon. */
static bool become_with_ambient(unsigned uid)
{
    static const unsigned caps[] = {CAP_SETUID, CAP_SETGID, CAP_NET_ADMIN};

    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
        return false;
    capng_clear(CAPNG_SELECT_CAPS);
    for (size_t i = 0; i < ARRAY_LEN(caps); i++)
        capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE, caps[i]);
    return capng_apply(CAPNG_SELECT_CAPS) == 0 &&
           prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) == 0;
}

START_TEST(capabilities_that_children_would_inherit_end_with_the_change_of_user)
{
    static const char *const argv[] = {"grep", "-E", "^Cap(Inh|Prm|Eff|Amb)", "/proc/self/status",
                                       NULL};
    int how;

    if (!can_become(65534) || !can_become(65533)) {
        printf("# needs two users to become: only root outside of a user namespace has them\n");
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        struct run with, without;
        begin();
        if (!become_with_ambient(65533))
            _exit(2);
        run_to_end(&(struct child_spec){.argv = argv, .output_max = 1000}, &with);
        run_to_end(
            &(struct child_spec){
                .argv = argv, .output_max = 1000, .switch_user = true, .uid = 65534, .gid = 65534},
            &without);
        finish();
        bool ok = strstr(with.output, "CapAmb:\t0000000000001000\n") &&
                  strcmp(without.output, "CapInh:\t0000000000000000\n"
                                         "CapPrm:\t0000000000000000\n"
                                         "CapEff:\t0000000000000000\n"
                                         "CapAmb:\t0000000000000000\n") == 0;
        if (!ok)
            fprintf(stderr, "%s%s", with.output, without.output);
        _exit(ok ? 0 : 1);
    }
    waitpid(pid, &how, 0);
    ck_assert_int_eq(how, 0);
}
END_TEST

START_TEST(a_user_that_it_may_not_become_is_told_as_the_stage_at_fault)
{
    int how;
    pid_t pid = fork(); /* a daemon that has dropped everything */

    if (pid == 0) {
        struct run run;
        begin();
        process_drop(NULL, NULL, 0, false, NULL);
        run_to_end(
            &(struct child_spec){.shell = "id", .switch_user = true, .uid = 4711, .gid = 4711},
            &run);
        bool ok = run.r.end == CHILD_NOT_STARTED &&
                  strcmp(run.text, "cannot run: drop groups: Operation not permitted") == 0;
        if (!ok)
            fprintf(stderr, "%s\n", run.text);
        finish();
        _exit(ok ? 0 : 1);
    }
    waitpid(pid, &how, 0);
    ck_assert_int_eq(how, 0);
}
END_TEST

/* --- deadlines --- */

START_TEST(what_hangs_is_killed_at_its_deadline)
{
    static const struct {
        const char *shell;
        int64_t grace_ms;
        unsigned sigkilled;
    } rows[] = {
        {"echo working; sleep 1000", 0, 0},
        {"echo working; exec sleep 1000", 5000, 0},
        {"trap '' TERM; echo working; while :; do sleep 1000; done", 50, 1},
        {"trap 'exit 0' TERM; echo working; sleep 1000 & wait", 5000, 0},
        /* The shell waits for its sleep: only a signal to the group ends both in time. */
        {"exec 2>/dev/null; trap : TERM; echo working; sleep 1000; exit 0", 5000, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct run run;
        begin();
        run_to_end(&(struct child_spec){.shell = rows[i].shell,
                                        .deadline = span_ms(300),
                                        .grace = span_ms(rows[i].grace_ms),
                                        .output_max = 100},
                   &run);
        ck_assert_int_eq(run.r.end, CHILD_TIMED_OUT);
        ck_assert_str_eq(run.text, "not done within 300ms: killed: working");
        ck_assert_int_ge(run.r.took.us, 300000);
        ck_assert_int_lt(run.r.took.us, 4000000);
        ck_assert_uint_eq(children_stats(children).timed_out, 1);
        ck_assert_uint_eq(children_stats(children).sigkilled, rows[i].sigkilled);
        finish();
    }
}
END_TEST

START_TEST(the_whole_group_goes_at_the_deadline)
{
    struct run run;

    begin();
    /* Both ignore the request; then only the one that is left behind does. */
    run_to_end(&(struct child_spec){.shell = "trap '' TERM; sleep 1000 & echo $!; wait",
                                    .deadline = span_ms(300),
                                    .output_max = 100},
               &run);
    ck_assert_int_eq(run.r.end, CHILD_TIMED_OUT);
    await_death(atoi(run.output));
    run_to_end(&(struct child_spec){.shell = "(trap '' TERM; exec sleep 1000) & echo $!; "
                                             "trap 'exit 0' TERM; wait",
                                    .deadline = span_ms(300),
                                    .grace = span_s(5),
                                    .output_max = 100},
               &run);
    ck_assert_int_eq(run.r.end, CHILD_TIMED_OUT);
    await_death(atoi(run.output));
    finish();
}
END_TEST

START_TEST(what_a_command_leaves_in_the_background_goes_only_if_asked)
{
    struct child_spec spec = {
        .shell = "sleep 1000 >/dev/null & echo $!", .deadline = span_s(10), .output_max = 100};
    struct run run;

    begin();
    run_to_end(&spec, &run);
    ck_assert_str_eq(run.text, "exit status 0");
    ck_assert(is_alive(atoi(run.output)));
    kill(atoi(run.output), SIGKILL);
    spec.kill_group = true;
    run_to_end(&spec, &run);
    ck_assert_str_eq(run.text, "exit status 0");
    await_death(atoi(run.output));
    finish();
}
END_TEST

START_TEST(the_result_does_not_wait_for_who_holds_the_output_open)
{
    struct run run;

    begin();
    run_shell("sleep 1000 & echo $!; exit 4", &run);
    ck_assert_int_eq(run.r.code, 4);
    kill(atoi(run.output), SIGKILL);
    finish();
}
END_TEST

START_TEST(endless_output_neither_blocks_nor_grows)
{
    struct run run;

    begin();
    run_to_end(
        &(struct child_spec){.shell = "exec yes", .deadline = span_ms(200), .output_max = 64},
        &run);
    ck_assert_int_eq(run.r.end, CHILD_TIMED_OUT);
    ck_assert_uint_le(run.r.output_len, 64);
    ck_assert_uint_gt(run.r.output_lost, 65536);
    finish();
}
END_TEST

/* --- the owner --- */

START_TEST(the_owner_may_end_it_or_forget_it)
{
    struct run killed, abandoned;

    begin();
    struct child *a = start(&(struct child_spec){.shell = "sleep 1000"}, &killed);
    struct child *b = start(&(struct child_spec){.shell = "sleep 1000"}, &abandoned);
    pid_t pid = child_pid(b);
    child_kill(a);
    child_kill(a);
    child_abandon(b);
    turns_until(loop, killed.told && !children_stats(children).running);
    ck_assert_int_eq(killed.told, 1);
    ck_assert_int_eq(killed.r.end, CHILD_KILLED);
    ck_assert_str_eq(killed.text, "ended by us");
    ck_assert_int_eq(abandoned.told, 0);
    await_death(pid);
    finish();
}
END_TEST

static void start_another(void *ctx, const struct child_result *r)
{
    struct run *next = ctx;

    ck_assert_uint_eq(children_stats(children).running, 7);
    start(&(struct child_spec){.shell = "exit 7"}, next);
}

START_TEST(no_more_than_the_limit_run_and_an_end_makes_room)
{
    struct child_spec spec = {.shell = "sleep 1000"};
    struct run runs[8], next = {0};
    struct child *c;

    begin();
    for (int i = 0; i < 7; i++)
        start(&spec, &runs[i]);
    ck_assert_int_eq(child_start(children, &spec, start_another, &next, &c, NULL), 0);
    ck_assert_int_eq(child_start(children, &spec, ended, NULL, NULL, NULL), CHILD_LIMIT);
    ck_assert_uint_eq(children_stats(children).refused, 1);
    ck_assert_uint_eq(children_stats(children).running_max, 8);
    child_kill(c);
    turns_until(loop, next.told);
    ck_assert_int_eq(next.r.code, 7);
    finish(); /* with seven still running */
    for (int i = 0; i < 7; i++)
        ck_assert_int_eq(runs[i].told, 0);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
}
END_TEST

START_TEST(a_child_dies_with_the_daemon)
{
    int pipe_fds[2];
    pid_t child = 0;

    ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
    pid_t daemon = fork();
    if (daemon == 0) {
        struct run run;
        begin();
        child = child_pid(start(&(struct child_spec){.shell = "exec sleep 1000"}, &run));
        ck_assert_int_eq(write(pipe_fds[1], &child, sizeof(child)), sizeof(child));
        turns_until(loop, run.told);
    }
    ck_assert_int_eq(read(pipe_fds[0], &child, sizeof(child)), sizeof(child));
    kill(daemon, SIGKILL);
    waitpid(daemon, NULL, 0);
    await_death(child);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}
END_TEST

START_TEST(one_that_cannot_be_killed_is_told_as_stuck)
{
    int how;
    pid_t pid;

    if (!can_become(65534) || !can_become(65533)) {
        printf("# needs two users to become: only root outside of a user namespace has them\n");
        return;
    }
    pid = fork();
    if (pid == 0) {
        struct run run = {0};
        begin();
        start(&(struct child_spec){.shell = "sleep 3",
                                   .switch_user = true,
                                   .uid = 65534,
                                   .gid = 65534,
                                   .deadline = span_ms(200)},
              &run);
        process_drop(&(struct process_user){65533, 65533}, NULL, 0, false, NULL);
        turns_until(loop, run.told);
        bool ok = run.r.stuck && run.r.took.us < 2900000 && children_stats(children).running == 1 &&
                  strcmp(run.text, "not done within 200ms: cannot be killed") == 0;
        turns_until(loop, !children_stats(children).running);
        ok = ok && run.told == 1;
        if (!ok)
            fprintf(stderr, "%s\n", run.text);
        finish();
        _exit(ok ? 0 : 1);
    }
    waitpid(pid, &how, 0);
    ck_assert_int_eq(how, 0);
}
END_TEST

/* --- words --- */

START_TEST(command_lines_split_like_a_shells_without_expansions)
{
    static const struct {
        const char *line, *words; /* words joined by | */
    } rows[] = {
        {"killall -0 proxy", "killall|-0|proxy"},
        {"  a\tb \n", "a|b"},
        {"'a b' \"c d\" e\\ f", "a b|c d|e f"},
        {"a'b'\"c\"d", "abcd"},
        {"'' x \"\"", "|x|"},
        {"\"a\\\"b\\\\c\\d\" '\\n'", "a\"b\\c\\d|\\n"},
        {"$HOME *", "$HOME|*"},
        {"\"\" \"\" \"\" \"\"", "|||"},
        {"x 'open", NULL},
        {"\"open", NULL},
        {"end\\", NULL},
        {"   ", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = {""};
        char joined[64] = "";
        char **words = child_split(rows[i].line, &e);
        ck_assert_msg(!!words == !!rows[i].words, "%s", rows[i].line);
        ck_assert_msg(words || e.text[0], "%s", rows[i].line);
        for (char **w = words; w && *w; w++)
            snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "%s%s",
                     w == words ? "" : "|", *w);
        if (words)
            ck_assert_str_eq(joined, rows[i].words);
        free(words);
    }
    struct err e;
    ck_assert_ptr_null(child_split("x 'open", &e));
    ck_assert_str_eq(e.text, "the quote at character 3 has no end: x 'open");
}
END_TEST

/* --- foreign processes --- */

static int deaths;

static void count_death(struct pidwatch *w)
{
    deaths++;
}

START_TEST(the_end_of_a_foreign_process_is_told_once_and_at_once)
{
    struct pidwatch watch = {0}, stopped = {0};
    struct err e = {""};

    loop = turns_loop();
    pid_t pid = fork();
    if (pid == 0) {
        pause();
        _exit(0);
    }
    deaths = 0;
    pidwatch_stop(&watch);
    ck_assert_int_eq(pidwatch_start(&watch, loop, pid, count_death, &e), 0);
    ck_assert_int_eq(pidwatch_start(&stopped, loop, pid, count_death, &e), 0);
    turns_once(loop);
    ck_assert_int_eq(deaths, 0);
    pidwatch_stop(&stopped);
    kill(pid, SIGKILL);
    turns_until(loop, deaths);
    turns_once(loop);
    ck_assert_int_eq(deaths, 1);
    /* Not yet waited for: gone all the same. */
    ck_assert_int_eq(pidwatch_start(&watch, loop, pid, count_death, &e), -ESRCH);
    waitpid(pid, NULL, 0);
    ck_assert_int_eq(pidwatch_start(&watch, loop, pid, count_death, &e), -ESRCH);
    pidwatch_stop(&watch);
    loop_free(loop);
}
END_TEST

#define ROW(TITLE, TEST)                                                                           \
    {                                                                                              \
        TITLE, &TEST                                                                               \
    }

static const struct test_row tests[] = {
    ROW("the result says how it ended", the_result_says_how_it_ended),
    ROW("a command that cannot run says why", a_command_that_cannot_run_says_why),
    ROW("arguments arrive as they are", arguments_arrive_as_they_are),
    ROW("only the end of the output is kept", only_the_end_of_the_output_is_kept),
    ROW("input of any size arrives", input_of_any_size_arrives),
    ROW("it starts clean, whatever the daemon looks like",
        it_starts_clean_whatever_the_daemon_looks_like),
    ROW("the environment is the daemon's, with additions and without systemd's",
        the_environment_is_the_daemons_with_additions_and_without_systemds),
    ROW("another user has neither groups nor capabilities nor a way up",
        another_user_has_neither_groups_nor_capabilities_nor_a_way_up),
    ROW("capabilities that children would inherit end with the change of user",
        capabilities_that_children_would_inherit_end_with_the_change_of_user),
    ROW("a user that it may not become is told as the stage at fault",
        a_user_that_it_may_not_become_is_told_as_the_stage_at_fault),
    ROW("what hangs is killed at its deadline", what_hangs_is_killed_at_its_deadline),
    ROW("the whole group goes at the deadline", the_whole_group_goes_at_the_deadline),
    ROW("what a command leaves in the background goes only if asked",
        what_a_command_leaves_in_the_background_goes_only_if_asked),
    ROW("the result does not wait for who holds the output open",
        the_result_does_not_wait_for_who_holds_the_output_open),
    ROW("endless output neither blocks nor grows", endless_output_neither_blocks_nor_grows),
    ROW("the owner may end it or forget it", the_owner_may_end_it_or_forget_it),
    ROW("no more than the limit run, and an end makes room",
        no_more_than_the_limit_run_and_an_end_makes_room),
    ROW("a child dies with the daemon", a_child_dies_with_the_daemon),
    ROW("one that cannot be killed is told as stuck", one_that_cannot_be_killed_is_told_as_stuck),
    ROW("command lines split like a shell's, without expansions",
        command_lines_split_like_a_shells_without_expansions),
    ROW("the end of a foreign process is told once and at once",
        the_end_of_a_foreign_process_is_told_once_and_at_once),
};

int main(void)
{
    setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
    return suite_main("child", tests, ARRAY_LEN(tests));
}
