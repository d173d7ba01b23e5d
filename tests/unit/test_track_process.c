#include "tests/unit/track_rig.h"

#include "vrrpd/track/pidfile.h"
#include "vrrpd/track/procscan.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum { NAME_MAX_TEST = 64 };

/* A process that bears a name of its own, waits to be killed, and dies with the test. */
static pid_t spawn(const char *comm)
{
    int ready[2];
    char c;
    ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, comm);
        close(ready[1]);
        close(ready[0]);
        while (true)
            pause();
    }
    close(ready[1]);
    ck_assert_int_eq(read(ready[0], &c, 1), 0); /* it has its name */
    close(ready[0]);
    return pid;
}

static void kill_it(pid_t pid)
{
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
}

static void reap(pid_t pid)
{
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* A name that no other process has, not even another run of this test. */
static const char *own_name(char name[NAME_MAX_TEST], const char *tag)
{
    snprintf(name, NAME_MAX_TEST, "t%s%d", tag, (int)getpid());
    return name;
}

static struct track_spec by_name(const char *name)
{
    return (struct track_spec){
        .name = "proxy",
        .type = TRACK_PROCESS,
        .every = span_ms(20),
        .process = {.name = name},
    };
}

START_TEST(the_end_of_a_process_is_known_at_once)
{
    struct rig r;
    char name[NAME_MAX_TEST], want[NAME_MAX_TEST + 32];
    rig_init(&r);
    pid_t pid = spawn(own_name(name, "a"));
    struct track_spec spec = by_name(name);
    spec.every = span_s(60); /* no poll will tell */
    rig_track(&r, &spec);
    rig_until(&r, 10000, r.told == 1);
    ck_assert_int_eq(track_state(r.t), TRACK_OK);
    snprintf(want, sizeof(want), "pid %d (%s)", (int)pid, name);
    ck_assert_str_eq(rig_look(&r).reason, want);

    struct mono begun = loop_clock();
    kill_it(pid); /* and it stays a zombie */
    rig_until(&r, 10000, r.told == 2);
    int64_t us = mono_diff(loop_clock(), begun).us;
    ck_assert_int_eq(track_state(r.t), TRACK_FAILED);
    ck_assert_msg(us < 1000000, "it took %lld us", (long long)us);
    snprintf(want, sizeof(want), "pid %d (%s) exited", (int)pid, name);
    ck_assert_str_eq(rig_look(&r).reason, want);
    if (getenv("TEST_LOG"))
        printf("# death known after %lld us\n", (long long)us);
    reap(pid);
    rig_fini(&r);
}
END_TEST

START_TEST(a_start_is_seen_by_polling_too)
{
    struct rig r;
    char name[NAME_MAX_TEST];
    rig_init(&r);
    struct track_spec spec = by_name(own_name(name, "b"));
    rig_track(&r, &spec);
    rig_state(&r, TRACK_FAILED);
    contains(rig_look(&r).reason, "no process tb");
    for (int i = 0; i < 3; i++) {
        pid_t pid = spawn(name);
        rig_state(&r, TRACK_OK);
        kill_it(pid);
        reap(pid);
        rig_state(&r, TRACK_FAILED);
    }
    rig_fini(&r);
}
END_TEST

START_TEST(a_zombie_does_not_count)
{
    struct rig r;
    char name[NAME_MAX_TEST];
    rig_init(&r);
    pid_t pid = spawn(own_name(name, "c"));
    kill_it(pid);
    siginfo_t info;
    ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    struct track_spec spec = by_name(name);
    rig_track(&r, &spec);
    rig_state(&r, TRACK_FAILED);
    reap(pid);
    rig_fini(&r);
}
END_TEST

START_TEST(a_reload_that_starts_the_new_one_first_never_shows)
{
    struct rig r;
    char name[NAME_MAX_TEST];
    rig_init(&r);
    pid_t pid = spawn(own_name(name, "d"));
    struct track_spec spec = by_name(name);
    spec.every = span_s(60);
    rig_track(&r, &spec);
    rig_until(&r, 10000, r.told == 1);
    for (int i = 0; i < 5; i++) {
        pid_t next = spawn(name); /* after the scan, so unknown yet */
        kill_it(pid);
        reap(pid);
        pid = next;
        char want[32];
        snprintf(want, sizeof(want), "pid %d ", (int)pid);
        rig_until(&r, 10000, strncmp(rig_look(&r).reason, want, strlen(want)) == 0);
    }
    ck_assert_int_eq(r.told, 1);
    kill_it(pid);
    reap(pid);
    rig_state(&r, TRACK_FAILED);
    rig_fini(&r);
}
END_TEST

START_TEST(a_process_that_becomes_another_program_is_gone)
{
    struct rig r;
    char name[NAME_MAX_TEST];
    int go[2];
    rig_init(&r);
    own_name(name, "e");
    ck_assert_int_eq(pipe2(go, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char c;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        prctl(PR_SET_NAME, name);
        if (read(go[0], &c, 1) == 1)
            execlp("sleep", "sleep", "1000", NULL);
        _exit(1);
    }
    struct track_spec spec = by_name(name);
    rig_track(&r, &spec);
    rig_state(&r, TRACK_OK);
    ck_assert_int_eq(write(go[1], "x", 1), 1);
    rig_state(&r, TRACK_FAILED);
    contains(rig_look(&r).reason, "is sleep now");
    close(go[0]);
    close(go[1]);
    kill_it(pid);
    reap(pid);
    rig_fini(&r);
}
END_TEST

START_TEST(a_quorum_counts_and_a_maximum_too)
{
    struct rig r;
    char name[NAME_MAX_TEST];
    pid_t pids[3];
    rig_init(&r);
    own_name(name, "f");
    struct track_spec spec = by_name(name);
    spec.process.quorum = 2;
    spec.process.quorum_max = 2;
    spec.process.max_set = true;
    pids[0] = spawn(name);
    rig_track(&r, &spec);
    rig_state(&r, TRACK_FAILED);
    ck_assert_str_eq(rig_look(&r).reason, "1 of 2 processes");
    pids[1] = spawn(name);
    rig_state(&r, TRACK_OK);
    ck_assert_str_eq(rig_look(&r).reason, "2 processes");
    pids[2] = spawn(name);
    rig_state(&r, TRACK_FAILED);
    ck_assert_str_eq(rig_look(&r).reason, "3 processes, more than 2");
    kill_it(pids[0]);
    rig_state(&r, TRACK_OK);
    kill_it(pids[1]);
    rig_state(&r, TRACK_FAILED);
    kill_it(pids[2]);
    for (int i = 0; i < 3; i++)
        reap(pids[i]);
    rig_fini(&r);
}
END_TEST

START_TEST(none_at_all_may_be_what_is_wanted)
{
    struct rig r;
    char name[NAME_MAX_TEST];
    rig_init(&r);
    struct track_spec spec = by_name(own_name(name, "g"));
    spec.process.max_set = true;
    rig_track(&r, &spec);
    rig_state(&r, TRACK_OK);
    pid_t pid = spawn(name);
    rig_state(&r, TRACK_FAILED);
    kill_it(pid);
    reap(pid);
    rig_state(&r, TRACK_OK);
    rig_fini(&r);
}
END_TEST

/* A copy of sleep under that name, run with those words. */
static pid_t run_copy(const struct rig *r, const char *name, const char *const *words)
{
    char path[256], command[512];
    const char *argv[8] = {path};
    snprintf(path, sizeof(path), "%s/%s", r->dir, name);
    snprintf(command, sizeof(command), "cp $(command -v sleep) %s", path);
    ck_assert_int_eq(system(command), 0);
    for (int i = 0; words[i]; i++)
        argv[i + 1] = words[i];
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execv(path, (char **)argv);
        _exit(127);
    }
    return pid;
}

START_TEST(words_and_long_names_are_compared)
{
    static const struct {
        bool path;        /* the name with its directory */
        const char *name; /* NULL: the whole one */
        const char *params[4];
        enum track_params match;
        bool found;
    } rows[] = {
        {false, NULL, {0}, TRACK_PARAMS_ANY, true},
        {true, NULL, {0}, TRACK_PARAMS_ANY, true},
        {false, "long-named-proxy-", {0}, TRACK_PARAMS_ANY, false},
        {false, "long-named-prox", {0}, TRACK_PARAMS_ANY, true},
        {false, NULL, {"100s", "900s"}, TRACK_PARAMS_EXACT, true},
        {false, NULL, {"100s"}, TRACK_PARAMS_EXACT, false},
        {false, NULL, {"100s"}, TRACK_PARAMS_PARTIAL, true},
        {false, NULL, {"900s"}, TRACK_PARAMS_PARTIAL, false},
        {false, NULL, {"100s", "90"}, TRACK_PARAMS_INITIAL, true},
        {false, NULL, {"10", "900s"}, TRACK_PARAMS_INITIAL, false},
        {false, NULL, {"100s", "900s", "1"}, TRACK_PARAMS_INITIAL, false},
        {false, NULL, {0}, TRACK_PARAMS_EXACT, false},
    };
    static const char long_name[] = "long-named-proxy-worker";
    struct rig r;
    rig_init(&r);
    /* All but the row with 15 characters and ANY would also match a stranger's process; this name
     * is ours. */
    pid_t pid = run_copy(&r, long_name, (const char *const[]){"100s", "900s", NULL});
    char comm[PROCSCAN_COMM_MAX] = "";
    for (int i = 0; i < 5000 && strcmp(comm, "long-named-prox") != 0; i++) {
        usleep(1000); /* no descriptor tells that exec has happened */
        procscan_comm(pid, comm);
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[256];
        snprintf(path, sizeof(path), "%s/%s", r.dir, long_name);
        struct track_spec spec = by_name(rows[i].name ? rows[i].name : long_name);
        if (rows[i].path)
            spec.process.name = path;
        spec.process.params = rows[i].params;
        spec.process.params_match = rows[i].match;
        r.told = 0;
        rig_track(&r, &spec);
        rig_until(&r, 10000, r.told == 1);
        ck_assert_msg((track_state(r.t) == TRACK_OK) == rows[i].found, "row %zu: %s", i,
                      rig_look(&r).reason);
        track_free(r.t);
        r.t = NULL;
    }
    kill_it(pid);
    reap(pid);
    rig_fini(&r);
}
END_TEST

/* --- pid files --- */

static void write_pid(const char *path, pid_t pid)
{
    char text[32];
    snprintf(text, sizeof(text), "%d\n", (int)pid);
    write_file(path, text, 0644);
}

static struct track_spec by_file(const struct rig *r)
{
    return (struct track_spec){
        .name = "proxy",
        .type = TRACK_PROCESS,
        .every = span_s(60), /* inotify must do */
        .process = {.pid_file = r->path},
    };
}

START_TEST(a_pid_file_is_followed_from_process_to_process)
{
    struct rig r;
    char name[NAME_MAX_TEST];
    rig_init(&r);
    struct track_spec spec = by_file(&r);
    rig_track(&r, &spec);
    ck_assert_int_eq(track_state(r.t), TRACK_FAILED);
    contains(rig_look(&r).reason, "there is no /tmp/");

    pid_t old = spawn(own_name(name, "h"));
    write_pid(r.path, old);
    rig_until(&r, 10000, track_state(r.t) == TRACK_OK && r.told == 1);
    pid_t next = spawn(name);
    unlink(r.path); /* gone for a moment: no death */
    rig_pass(&r, 5);
    write_pid(r.path, next);
    char want[32];
    snprintf(want, sizeof(want), "pid %d ", (int)next);
    rig_until(&r, 10000, strncmp(rig_look(&r).reason, want, strlen(want)) == 0);
    kill_it(old);
    reap(old);
    rig_pass(&r, 20);
    ck_assert_int_eq(r.told, 1);
    kill_it(next);
    reap(next);
    rig_state(&r, TRACK_FAILED);
    contains(rig_look(&r).reason, "exited");
    rig_fini(&r);
}
END_TEST

START_TEST(a_pid_file_of_a_dead_process_or_with_another_name_does_not_count)
{
    struct rig r;
    char name[NAME_MAX_TEST];
    rig_init(&r);
    pid_t pid = spawn(own_name(name, "i"));
    struct track_spec spec = by_file(&r);
    spec.process.name = "some-other";
    write_pid(r.path, pid);
    rig_track(&r, &spec);
    ck_assert_int_eq(track_state(r.t), TRACK_FAILED);
    contains(rig_look(&r).reason, "with the name some-other");
    kill_it(pid);
    reap(pid);
    track_free(r.t);
    spec.process.name = NULL;
    rig_track(&r, &spec);
    ck_assert_int_eq(track_state(r.t), TRACK_FAILED);
    write_file(r.path, "not a pid\n", 0644);
    rig_until(&r, 10000, strstr(rig_look(&r).reason, "holds no pid") != NULL);
    rig_fini(&r);
}
END_TEST

/* Runs `body` as the first process of a PID namespace with its own /proc, so that a pid can be had
 * for the asking. 0 done, 1 failed, 77 not allowed here. */
static int in_pid_namespace(int (*body)(void))
{
    pid_t outer = fork();
    if (outer == 0) {
        char line[64];
        uid_t uid = geteuid();
        if (uid != 0 && unshare(CLONE_NEWUSER) == 0) {
            int fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
            snprintf(line, sizeof(line), "0 %d 1", (int)uid);
            if (fd < 0 || write(fd, line, strlen(line)) < 0)
                _exit(77);
            close(fd);
        }
        if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
            _exit(77);
        pid_t inner = fork();
        if (inner == 0) {
            if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
                mount("proc", "/proc", "proc", 0, NULL) < 0)
                _exit(77);
            _exit(body());
        }
        int status;
        waitpid(inner, &status, 0);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    }
    int status;
    waitpid(outer, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* The next fork gets this pid. */
static bool next_pid(pid_t pid)
{
    char text[32];
    int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);
    snprintf(text, sizeof(text), "%d", (int)pid - 1);
    bool ok = fd >= 0 && write(fd, text, strlen(text)) > 0;
    close(fd);
    return ok;
}

#define expect(COND)                                                                               \
    do {                                                                                           \
        if (!(COND)) {                                                                             \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #COND);                             \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

static bool turn_until(struct rig *r, enum track_state state, const char *reason)
{
    struct mono until = mono_add(loop_clock(), span_s(10));
    while (mono_before(loop_clock(), until)) {
        struct track_snapshot s = rig_look(r);
        if (s.state == state && (!reason || strstr(s.reason, reason)))
            return true;
        loop_turn(r->loop, until, NULL);
    }
    fprintf(stderr, "it is %s: %s\n", track_state_name(rig_look(r).state), rig_look(r).reason);
    return false;
}

static int reuse_body(void)
{
    struct rig r;
    rig_init(&r);
    pid_t pid = spawn("proxy-one");
    struct track_spec spec = by_file(&r);
    spec.every = span_ms(10);
    write_pid(r.path, pid);
    rig_track(&r, &spec);
    expect(turn_until(&r, TRACK_OK, "(proxy-one)"));

    /* It dies, its number goes to a stranger, the file still says so. */
    kill_it(pid);
    reap(pid);
    if (!next_pid(pid))
        return 77;
    expect(spawn("stranger") == pid);
    rig_pass(&r, 50);
    expect(turn_until(&r, TRACK_FAILED, "exited"));
    /* By the same number, from a file that was written anew: that one is meant. */
    kill_it(pid);
    reap(pid);
    expect(next_pid(pid) && spawn("proxy-two") == pid);
    unlink(r.path);
    write_pid(r.path, pid);
    expect(turn_until(&r, TRACK_OK, "(proxy-two)"));
    kill_it(pid);
    reap(pid);
    rig_fini(&r);
    return 0;
}

START_TEST(a_number_that_is_used_again_does_not_deceive)
{
    int status = in_pid_namespace(reuse_body);
    ck_assert_msg(status == 0 || status == 77, "see above");
    if (status == 77)
        printf("# not allowed to make a PID namespace here: not tried\n");
}
END_TEST

START_TEST(an_old_pid_file_names_a_process_that_started_later_in_vain)
{
    static const struct {
        const char *file;
        int age_s; /* of the file, against the process */
        bool stale;
    } rows[] = {
        {"other.pid", 0, false},
        {"other.pid", 60, true},
        {"tj-named.pid", 60, false}, /* named like the process: believed */
    };
    struct rig r;
    rig_init(&r);
    pid_t pid = spawn("tj-named");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char path[128], text[256];
        struct pidfile f;
        snprintf(path, sizeof(path), "%s/%s", r.dir, rows[i].file);
        write_pid(path, pid);
        ck_assert_ptr_null(pidfile_read(path, &f, text, sizeof(text)));
        f.written.tv_sec -= rows[i].age_s;
        f.memory = false; /* as if it could have outlived a boot */
        ck_assert_msg(pidfile_stale(&f, text, sizeof(text)) == rows[i].stale, "row %zu", i);
        if (rows[i].stale)
            contains(text, "before process");
    }
    kill_it(pid);
    reap(pid);
    rig_fini(&r);
}
END_TEST

/* --- process events --- */

START_TEST(a_start_comes_as_an_event_where_the_kernel_gives_them)
{
    struct rig r;
    rig_init(&r);
    struct track_spec spec = by_name("track-ev-proxy");
    spec.every = span_s(60); /* no poll will tell */
    rig_track(&r, &spec);
    rig_state(&r, TRACK_FAILED);
    struct trackers_stats s;
    rig_until(&r, 10000, (s = trackers_stats(r.set), s.procev || s.procev_reason[0]));
    if (!s.procev) {
        printf("# no process events here: %s\n", s.procev_reason);
    } else {
        struct mono begun = loop_clock();
        pid_t pid = run_copy(&r, "track-ev-proxy", (const char *const[]){"1000", NULL});
        rig_state(&r, TRACK_OK);
        if (getenv("TEST_LOG"))
            printf("# start known after %lld us\n", (long long)mono_diff(loop_clock(), begun).us);
        kill_it(pid);
        reap(pid);
        rig_state(&r, TRACK_FAILED);
        ck_assert_uint_gt(trackers_stats(r.set).procev_events, 0);
    }
    rig_fini(&r);
}
END_TEST

static int namespace_body(void)
{
    struct rig r;
    rig_init(&r);
    struct track_spec spec = by_name("ns-proxy");
    rig_track(&r, &spec);
    expect(turn_until(&r, TRACK_FAILED, NULL));
    pid_t pid = spawn("ns-proxy");
    expect(turn_until(&r, TRACK_OK, NULL));
    struct mono until = mono_add(loop_clock(), span_s(5));
    while (!trackers_stats(r.set).procev_reason[0] && mono_before(loop_clock(), until))
        loop_turn(r.loop, until, NULL);
    expect(!trackers_stats(r.set).procev);
    expect(trackers_stats(r.set).procev_reason[0]);
    kill_it(pid);
    expect(turn_until(&r, TRACK_FAILED, "exited"));
    reap(pid);
    track_free(r.t);

    /* Without events, and without polling, a successor is found when the first one dies. */
    pid = spawn("ns-proxy");
    spec.every = span_s(60);
    rig_track(&r, &spec);
    expect(turn_until(&r, TRACK_OK, NULL));
    pid_t next = spawn("ns-proxy");
    uint64_t changes = rig_look(&r).changes;
    char want[32];
    snprintf(want, sizeof(want), "pid %d ", (int)next);
    kill_it(pid);
    expect(turn_until(&r, TRACK_OK, want));
    expect(rig_look(&r).changes == changes);
    rig_fini(&r);
    return 0;
}

START_TEST(inside_a_pid_namespace_polling_and_pidfds_do)
{
    int status = in_pid_namespace(namespace_body);
    ck_assert_msg(status == 0 || status == 77, "see above");
    if (status == 77)
        printf("# not allowed to make a PID namespace here: not tried\n");
}
END_TEST

static const struct test_row rows[] = {
    {"the end of a process is known at once", &the_end_of_a_process_is_known_at_once},
    {"a start is seen by polling too", &a_start_is_seen_by_polling_too},
    {"a zombie does not count", &a_zombie_does_not_count},
    {"a reload that starts the new one first never shows",
     &a_reload_that_starts_the_new_one_first_never_shows},
    {"a process that becomes another program is gone",
     &a_process_that_becomes_another_program_is_gone},
    {"a quorum counts, and a maximum too", &a_quorum_counts_and_a_maximum_too},
    {"none at all may be what is wanted", &none_at_all_may_be_what_is_wanted},
    {"words and long names are compared", &words_and_long_names_are_compared},
    {"a pid file is followed from process to process",
     &a_pid_file_is_followed_from_process_to_process},
    {"a pid file of a dead process, or with another name, does not count",
     &a_pid_file_of_a_dead_process_or_with_another_name_does_not_count},
    {"a number that is used again does not deceive", &a_number_that_is_used_again_does_not_deceive},
    {"an old pid file names a process that started later in vain",
     &an_old_pid_file_names_a_process_that_started_later_in_vain},
    {"a start comes as an event where the kernel gives them",
     &a_start_comes_as_an_event_where_the_kernel_gives_them},
    {"inside a PID namespace polling and pidfds do", &inside_a_pid_namespace_polling_and_pidfds_do},
};

int main(void)
{
    return suite_main("track_process", rows, ARRAY_LEN(rows));
}
