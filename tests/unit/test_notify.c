#include "common/base/parse.h"
#include "common/rt/child.h"
#include "common/rt/file.h"
#include "common/rt/log.h"
#include "common/rt/loop.h"
#include "tests/unit/suite.h"
#include "vrrpd/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- the rig: hooks write lines to `out` --- */

struct rig {
    struct loop *loop;
    struct children *children;
    struct notifier *nr;
    struct notify *n;
    char dir[64], out[96], fifo[96], log[96];
    struct buf text;
    int drained;
    int log_fd;
};

static void rig_init(struct rig *r)
{
    struct err e;
    *r = (struct rig){.text = BUF_INIT(65536)};
    ck_assert_int_eq(loop_new(&r->loop, &e), 0);
    ck_assert_int_eq(children_new(&r->children, r->loop, 4, &e), 0);
    struct notifier_spec spec = {.node = "lb-01", .seed = 1};
    ck_assert_int_eq(notifier_new(&r->nr, r->loop, r->children, &spec, &e), 0);
    snprintf(r->dir, sizeof(r->dir), "/tmp/notify-test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(r->dir));
    snprintf(r->out, sizeof(r->out), "%s/out", r->dir);
    snprintf(r->fifo, sizeof(r->fifo), "%s/fifo", r->dir);
    snprintf(r->log, sizeof(r->log), "%s/log", r->dir);
    r->log_fd = open(r->log, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    log_set_fd(r->log_fd);
    log_set_level(LOG_LEVEL_WARNING);
    setenv("OUT", r->out, 1);
    setenv("DIR", r->dir, 1);
}

static void rig_fini(struct rig *r)
{
    char command[128];
    notify_free(r->n);
    notifier_free(r->nr);
    children_free(r->children);
    loop_free(r->loop);
    buf_fini(&r->text);
    log_set_fd(STDERR_FILENO);
    close(r->log_fd);
    snprintf(command, sizeof(command), "rm -rf %s", r->dir);
    ck_assert_int_eq(system(command), 0);
}

static const char *slurp(struct rig *r, const char *path)
{
    buf_clear(&r->text);
    file_read(path, 65536, &r->text, NULL);
    return buf_cstr(&r->text);
}

static struct notify_snapshot look(const struct rig *r)
{
    struct notify_snapshot s;
    notify_snapshot(r->n, &s);
    return s;
}

#define until(R, MS, COND)                                                                         \
    do {                                                                                           \
        struct mono until_ = mono_add(loop_clock(), span_ms(MS));                                  \
        while (!(COND) && mono_before(loop_clock(), until_))                                       \
            ck_assert_int_ge(                                                                      \
                loop_turn((R)->loop, mono_min(until_, mono_add(loop_clock(), span_ms(20))), NULL), \
                0);                                                                                \
        ck_assert_msg(COND, "not in %d ms: %s; out: %s log: %s", (MS), #COND, slurp(R, (R)->out),  \
                      slurp(R, (R)->log));                                                         \
    } while (0)

static bool at_rest(const struct rig *r)
{
    struct notify_snapshot s = look(r);
    return s.told && !s.running[0] && !s.waiting && !s.retrying;
}

enum { HOOKS = 6 };

/* Hooks are lines of shell. */
struct hooks {
    struct notify_hook v[HOOKS];
    const char *argv[HOOKS][5];
    size_t n;
};

static struct notify_hook *add(struct hooks *h, const char *name, const char *text, unsigned states)
{
    const char **argv = h->argv[h->n];
    argv[0] = "/bin/sh";
    argv[1] = "-c";
    argv[2] = text;
    argv[3] = name; /* $0 */
    h->v[h->n] = (struct notify_hook){
        .name = name, .program = {.argv = argv}, .states = states, .deadline = span_s(20)};
    return &h->v[h->n++];
}

static struct notify_spec spec_of(const struct hooks *h)
{
    return (struct notify_spec){
        .name = "web",
        .hooks = h->v,
        .hook_count = h->n,
        .retry_min = span_ms(20),
        .retry_max = span_ms(100),
    };
}

static void begin(struct rig *r, const struct hooks *h)
{
    struct err e = {""};
    struct notify_spec spec = spec_of(h);
    int rc = notify_new(&r->n, r->nr, &spec, &e);
    ck_assert_msg(rc == 0, "%s", e.text);
}

/* Lets a command that waits in wait_for() go on. */
static void let_go(const struct rig *r)
{
    char path[96];
    snprintf(path, sizeof(path), "%s/go", r->dir);
    int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

#define WAIT "while [ ! -e $DIR/go ]; do sleep 0.005; done; "

/* --- tests --- */

START_TEST(existing_scripts_get_keepaliveds_arguments)
{
    static const struct {
        enum notify_state state;
        bool group;
        const char *line;
    } rows[] = {
        {NOTIFY_MASTER, false, "INSTANCE web MASTER 101\n"},
        {NOTIFY_BACKUP, false, "INSTANCE web BACKUP 101\n"},
        {NOTIFY_FAULT, false, "INSTANCE web FAULT 101\n"},
        {NOTIFY_STOP, false, "INSTANCE web STOP 101\n"},
        {NOTIFY_DELETED, false, "INSTANCE web DELETED 101\n"},
        {NOTIFY_MASTER, true, "GROUP web MASTER 0\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rig r;
        struct hooks h = {0};
        rig_init(&r);
        add(&h, "all", "echo $* >>$OUT", NOTIFY_ON_ANY)->args = true;
        struct notify_spec spec = spec_of(&h);
        spec.group = rows[i].group;
        ck_assert_int_eq(notify_new(&r.n, r.nr, &spec, NULL), 0);
        notify_send(r.n, rows[i].state, 101, NULL);
        until(&r, 10000, at_rest(&r));
        ck_assert_str_eq(slurp(&r, r.out), rows[i].line);
        rig_fini(&r);
    }
}
END_TEST

START_TEST(hooks_run_one_after_the_other_in_their_order)
{
    struct rig r;
    struct hooks h = {0};
    rig_init(&r);
    add(&h, "backup", "echo $0 $* >>$OUT", NOTIFY_ON(NOTIFY_BACKUP));
    add(&h, "master", "sleep 0.05; echo $0 $* >>$OUT", NOTIFY_ON(NOTIFY_MASTER));
    add(&h, "general", "echo $0 $* >>$OUT", NOTIFY_ON_ANY)->args = true;
    begin(&r, &h);
    notify_send(r.n, NOTIFY_MASTER, 7, NULL);
    until(&r, 10000, at_rest(&r));
    ck_assert_str_eq(slurp(&r, r.out), "master\ngeneral INSTANCE web MASTER 7\n");
    notify_send(r.n, NOTIFY_BACKUP, 6, NULL);
    until(&r, 10000, at_rest(&r));
    ck_assert_str_eq(slurp(&r, r.out), "master\ngeneral INSTANCE web MASTER 7\n"
                                       "backup\ngeneral INSTANCE web BACKUP 6\n");
    ck_assert_uint_eq(look(&r).succeeded, 4);
    ck_assert_uint_eq(look(&r).dropped, 0);
    rig_fini(&r);
}
END_TEST

START_TEST(the_environment_says_the_rest)
{
    struct rig r;
    struct hooks h = {0};
    rig_init(&r);
    add(&h, "env",
        "echo \"$VRRPD_NODE|$VRRPD_TYPE|$VRRPD_NAME|$VRRPD_STATE|$VRRPD_OLD_STATE|$VRRPD_PRIORITY|"
        "$VRRPD_REASON|$VRRPD_ATTEMPT|$VRRPD_ADDRESSES\" >>$OUT",
        NOTIFY_ON_ANY);
    struct notify_spec spec = spec_of(&h);
    spec.env = (const char *const[]){"VRRPD_ADDRESSES=192.0.2.1 192.0.2.2", NULL};
    ck_assert_int_eq(notify_new(&r.n, r.nr, &spec, NULL), 0);
    notify_send(r.n, NOTIFY_BACKUP, 100, "it starts");
    until(&r, 10000, at_rest(&r));
    notify_send(r.n, NOTIFY_MASTER, 102, "no advert for 3.6s; rm -rf $HOME");
    until(&r, 10000, at_rest(&r));
    ck_assert_str_eq(slurp(&r, r.out),
                     "lb-01|INSTANCE|web|BACKUP||100|it starts|1|192.0.2.1 192.0.2.2\n"
                     "lb-01|INSTANCE|web|MASTER|BACKUP|102|no advert for 3.6s; rm -rf $HOME|1|"
                     "192.0.2.1 192.0.2.2\n");
    rig_fini(&r);
}
END_TEST

START_TEST(only_the_newest_state_matters_once_the_running_command_ends)
{
    struct rig r;
    struct hooks h = {0};
    rig_init(&r);
    add(&h, "slow", WAIT "echo slow $* >>$OUT", NOTIFY_ON_ANY)->args = true;
    add(&h, "second", "echo second $* >>$OUT", NOTIFY_ON_ANY)->args = true;
    begin(&r, &h);
    notify_send(r.n, NOTIFY_BACKUP, 1, NULL);
    until(&r, 10000, look(&r).running[0]);
    notify_send(r.n, NOTIFY_MASTER, 2, NULL);
    until(&r, 50, true);
    notify_send(r.n, NOTIFY_FAULT, 3, NULL);
    notify_send(r.n, NOTIFY_MASTER, 4, NULL);
    notify_send(r.n, NOTIFY_BACKUP, 5, NULL);
    ck_assert_str_eq(look(&r).running, "slow");
    let_go(&r);
    until(&r, 10000, at_rest(&r));
    /* What ran is let finish; its state's second hook, and three states, are gone. */
    ck_assert_str_eq(slurp(&r, r.out), "slow INSTANCE web BACKUP 1\n"
                                       "slow INSTANCE web BACKUP 5\n"
                                       "second INSTANCE web BACKUP 5\n");
    ck_assert_uint_eq(look(&r).dropped, 4);
    rig_fini(&r);
}
END_TEST

START_TEST(a_command_has_a_deadline_and_its_children_die_with_it)
{
    struct rig r;
    struct hooks h = {0};
    rig_init(&r);
    add(&h, "hang", "sleep 1000 & echo $! >>$OUT; wait", NOTIFY_ON_ANY)->deadline = span_ms(150);
    add(&h, "next", "echo next >>$OUT", NOTIFY_ON_ANY);
    begin(&r, &h);
    notify_send(r.n, NOTIFY_MASTER, 1, NULL);
    until(&r, 10000, at_rest(&r));
    struct notify_snapshot s = look(&r);
    ck_assert_uint_eq(s.timed_out, 1);
    ck_assert_uint_eq(s.failed, 1);
    ck_assert_uint_eq(s.succeeded, 1);
    ck_assert_str_eq(s.last_error, "hang: not done within 150ms: killed");
    const char *out = slurp(&r, r.out);
    pid_t pid = atoi(out);
    ck_assert_int_gt(pid, 1);
    ck_assert_ptr_nonnull(strstr(out, "\nnext\n"));
    until(&r, 5000, kill(pid, 0) < 0);
    rig_fini(&r);
}
END_TEST

START_TEST(a_failed_command_is_one_log_line_with_its_last_words)
{
    struct rig r;
    struct hooks h = {0};
    rig_init(&r);
    add(&h, "mail", "echo to no avail; echo 'no route to host' >&2; exit 3", NOTIFY_ON_ANY);
    begin(&r, &h);
    notify_send(r.n, NOTIFY_MASTER, 1, NULL);
    until(&r, 10000, at_rest(&r));
    const char *log = slurp(&r, r.log);
    const char *line =
        strstr(log, "instance web: mail for MASTER: exit status 3: no route to host\n");
    ck_assert_msg(line, "%s", log);
    ck_assert_ptr_eq(strchr(log, '\n'), log + strlen(log) - 1);
    rig_fini(&r);
}
END_TEST

/* Fails until its third run. */
#define THIRD                                                                                      \
    "echo run $VRRPD_ATTEMPT >>$OUT; [ $(grep -c run $OUT) -ge 3 ] || { echo busy; exit 9; }"

START_TEST(a_retry_hook_is_run_until_it_succeeds)
{
    struct rig r;
    struct hooks h = {0};
    rig_init(&r);
    add(&h, "cloud", THIRD, NOTIFY_ON(NOTIFY_MASTER))->retry = true;
    add(&h, "other", "echo other >>$OUT", NOTIFY_ON_ANY); /* does not wait for the cloud */
    begin(&r, &h);
    notify_send(r.n, NOTIFY_MASTER, 1, NULL);
    until(&r, 10000, look(&r).retrying == 1);
    struct notify_snapshot s = look(&r);
    ck_assert_str_eq(s.retries[0].hook, "cloud");
    ck_assert_uint_eq(s.retries[0].attempts, 1);
    ck_assert_str_eq(s.retries[0].error, "exit status 9: busy");
    until(&r, 10000, at_rest(&r));
    ck_assert_str_eq(slurp(&r, r.out), "run 1\nother\nrun 2\nrun 3\n");
    ck_assert_uint_eq(look(&r).succeeded, 2);
    ck_assert_uint_eq(look(&r).failed, 2);
    ck_assert_ptr_nonnull(strstr(slurp(&r, r.log), "attempt 2 follows in "));
    rig_fini(&r);
}
END_TEST

START_TEST(pauses_between_attempts_double_up_to_a_limit)
{
    struct rig r;
    struct hooks h = {0};
    rig_init(&r);
    add(&h, "cloud", "exit 1", NOTIFY_ON_ANY)->retry = true;
    begin(&r, &h);
    notify_send(r.n, NOTIFY_MASTER, 1, NULL);
    int64_t base[] = {20, 40, 80, 100, 100, 100};
    for (size_t i = 0; i < ARRAY_LEN(base); i++) {
        until(&r, 10000, look(&r).failed == i + 1);
        int64_t ms = mono_diff(look(&r).retries[0].next, loop_now(r.loop)).us / 1000;
        ck_assert_msg(ms >= base[i] * 3 / 4 - 1 && ms <= base[i], "pause %zu: %lld ms", i,
                      (long long)ms);
    }
    rig_fini(&r);
}
END_TEST

START_TEST(another_state_ends_the_retries)
{
    struct rig r;
    struct hooks h = {0};
    rig_init(&r);
    add(&h, "take", "exit 1", NOTIFY_ON(NOTIFY_MASTER))->retry = true;
    begin(&r, &h);
    notify_send(r.n, NOTIFY_MASTER, 1, NULL);
    until(&r, 10000, look(&r).failed >= 2);
    notify_send(r.n, NOTIFY_BACKUP, 1, NULL);
    ck_assert_uint_eq(look(&r).retrying, 0);
    uint64_t started = look(&r).started;
    until(&r, 10000, at_rest(&r));
    struct mono over = mono_add(loop_clock(), span_ms(250));
    while (mono_before(loop_clock(), over))
        loop_turn(r.loop, over, NULL);
    ck_assert_uint_le(look(&r).started, started + 1); /* it may have been running */
    ck_assert_uint_eq(look(&r).retrying, 0);
    rig_fini(&r);
}
END_TEST

START_TEST(a_command_that_fails_for_an_old_state_is_not_retried)
{
    struct rig r;
    struct hooks h = {0};
    rig_init(&r);
    add(&h, "take", WAIT "echo take >>$OUT; exit 1", NOTIFY_ON(NOTIFY_MASTER))->retry = true;
    add(&h, "give", "echo give >>$OUT", NOTIFY_ON(NOTIFY_BACKUP))->retry = true;
    begin(&r, &h);
    notify_send(r.n, NOTIFY_MASTER, 1, NULL);
    until(&r, 10000, look(&r).running[0]);
    notify_send(r.n, NOTIFY_BACKUP, 1, NULL);
    let_go(&r);
    until(&r, 10000, look(&r).succeeded == 1);
    ck_assert_uint_eq(look(&r).retrying, 0);
    ck_assert_str_eq(slurp(&r, r.out), "take\ngive\n");
    rig_fini(&r);
}
END_TEST

START_TEST(a_lower_priority_heard_runs_its_hook_after_what_is_due)
{
    struct rig r;
    struct hooks h = {0};
    rig_init(&r);
    add(&h, "lower", "echo lower $VRRPD_STATE >>$OUT", NOTIFY_ON(NOTIFY_RX_LOWER_PRI));
    add(&h, "master", "echo master >>$OUT", NOTIFY_ON(NOTIFY_MASTER));
    begin(&r, &h);
    notify_send(r.n, NOTIFY_MASTER, 1, NULL);
    notify_send(r.n, NOTIFY_RX_LOWER_PRI, 1, NULL);
    notify_send(r.n, NOTIFY_RX_LOWER_PRI, 1, NULL);
    until(&r, 10000, at_rest(&r) && look(&r).succeeded == 2);
    ck_assert_str_eq(slurp(&r, r.out), "master\nlower MASTER_RX_LOWER_PRI\n");
    ck_assert_int_eq(look(&r).state, NOTIFY_MASTER);
    rig_fini(&r);
}
END_TEST

START_TEST(a_hook_that_others_may_write_is_not_run)
{
    struct rig r;
    struct hooks h = {0};
    char path[96];
    rig_init(&r);
    snprintf(path, sizeof(path), "%s/hook", r.dir);
    static const char script[] = "#!/bin/sh\necho ran >>$OUT\n";
    ck_assert_int_eq(file_write_atomic(path, 0777, script, strlen(script), NULL), 0);
    add(&h, "own", "", NOTIFY_ON_ANY);
    h.argv[0][0] = path;
    h.argv[0][1] = NULL;
    begin(&r, &h);
    notify_send(r.n, NOTIFY_MASTER, 1, NULL);
    until(&r, 10000, at_rest(&r));
    ck_assert_str_eq(slurp(&r, r.out), "");
    char want[160];
    snprintf(want, sizeof(want), "own: refused: %s is writable by everybody (mode 0777)", path);
    ck_assert_str_eq(look(&r).last_error, want);
    rig_fini(&r);
}
END_TEST

/* --- FIFO --- */

static void begin_fifo(struct rig *r)
{
    struct err e = {""};
    struct notify_spec spec = {.name = "web", .fifos = (const char *const[]){r->fifo, NULL}};
    ck_assert_msg(notify_new(&r->n, r->nr, &spec, &e) == 0, "%s", e.text);
}

static int read_some(int fd, char *text, size_t size)
{
    ssize_t n = read(fd, text, size - 1);
    text[n > 0 ? n : 0] = '\0';
    return (int)n;
}

START_TEST(a_fifo_gets_every_change_as_keepalived_writes_it)
{
    struct rig r;
    char text[1024];
    struct stat st;
    rig_init(&r);
    begin_fifo(&r);
    ck_assert_int_eq(stat(r.fifo, &st), 0);
    ck_assert(S_ISFIFO(st.st_mode) && (st.st_mode & 0777) == 0600);
    notify_send(r.n, NOTIFY_BACKUP, 100, NULL); /* nobody reads yet: it waits in the pipe */
    notify_send(r.n, NOTIFY_MASTER, 100, NULL);
    notify_priority(r.n, true, 98);
    notify_send(r.n, NOTIFY_RX_LOWER_PRI, 98, NULL);
    notify_send(r.n, NOTIFY_FAULT, 98, NULL);
    int fd = open(r.fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    read_some(fd, text, sizeof(text));
    ck_assert_str_eq(text, "INSTANCE \"web\" BACKUP 100\n"
                           "INSTANCE \"web\" MASTER 100\n"
                           "INSTANCE \"web\" MASTER_PRIORITY 98\n"
                           "INSTANCE \"web\" MASTER_RX_LOWER_PRI 98\n"
                           "INSTANCE \"web\" FAULT 98\n");
    ck_assert_uint_eq(look(&r).fifo_lines, 5);
    close(fd);
    notify_free(r.n);
    r.n = NULL;
    ck_assert_int_lt(stat(r.fifo, &st), 0); /* ours: removed */
    rig_fini(&r);
}
END_TEST

START_TEST(a_full_fifo_drops_lines_and_does_not_block)
{
    struct rig r;
    char text[65536];
    rig_init(&r);
    begin_fifo(&r);
    struct mono begun = loop_clock();
    for (int i = 0; i < 5000; i++)
        notify_send(r.n, i % 2 ? NOTIFY_MASTER : NOTIFY_BACKUP, 100, NULL);
    ck_assert_int_lt(mono_diff(loop_clock(), begun).us, 5000000);
    struct notify_snapshot s = look(&r);
    ck_assert_uint_gt(s.fifo_dropped, 1000);
    ck_assert_uint_eq(s.fifo_lines + s.fifo_dropped, 5000);
    int fd = open(r.fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    while (read_some(fd, text, sizeof(text)) > 0)
        ck_assert_int_eq(text[strlen(text) - 1], '\n'); /* whole lines only */
    notify_send(r.n, NOTIFY_STOP, 100, NULL);
    read_some(fd, text, sizeof(text));
    ck_assert_str_eq(text, "INSTANCE \"web\" STOP 100\n");
    close(fd);
    rig_fini(&r);
}
END_TEST

START_TEST(a_fifo_that_a_reader_has_replaced_is_opened_anew)
{
    struct rig r;
    char text[256];
    rig_init(&r);
    begin_fifo(&r);
    unlink(r.fifo);
    ck_assert_int_eq(mkfifo(r.fifo, 0600), 0);
    notify_send(r.n, NOTIFY_MASTER, 1, NULL);
    int fd = open(r.fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    read_some(fd, text, sizeof(text));
    ck_assert_str_eq(text, "INSTANCE \"web\" MASTER 1\n");
    close(fd);
    notify_free(r.n);
    r.n = NULL;
    ck_assert_int_eq(access(r.fifo, F_OK), 0); /* the reader's: it stays */
    rig_fini(&r);
}
END_TEST

START_TEST(a_path_that_is_no_fifo_is_left_alone)
{
    struct rig r;
    rig_init(&r);
    ck_assert_int_eq(file_write_atomic(r.fifo, 0600, "mine", 4, NULL), 0);
    begin_fifo(&r);
    notify_send(r.n, NOTIFY_MASTER, 1, NULL);
    ck_assert_uint_eq(look(&r).fifo_dropped, 1);
    ck_assert_str_eq(slurp(&r, r.fifo), "mine");
    rig_fini(&r);
}
END_TEST

/* --- reload and shutdown --- */

START_TEST(a_reload_runs_nothing_again_and_keeps_retries_that_are_still_wanted)
{
    struct rig r;
    struct hooks h = {0}, now = {0};
    struct err e;
    rig_init(&r);
    add(&h, "cloud", "echo old >>$OUT; exit 1", NOTIFY_ON_ANY)->retry = true;
    add(&h, "gone", "exit 1", NOTIFY_ON_ANY)->retry = true;
    add(&h, "done", "echo done >>$OUT", NOTIFY_ON_ANY);
    begin(&r, &h);
    notify_send(r.n, NOTIFY_MASTER, 1, NULL);
    until(&r, 10000, look(&r).failed >= 2 && !look(&r).waiting && !look(&r).running[0]);
    add(&now, "done", "echo done again >>$OUT", NOTIFY_ON_ANY);
    add(&now, "cloud", "echo new >>$OUT", NOTIFY_ON_ANY)->retry = true;
    add(&now, "fresh", "echo fresh >>$OUT", NOTIFY_ON_ANY);
    struct notify_spec spec = spec_of(&now);
    ck_assert_int_eq(notify_change(r.n, &spec, &e), 0);
    until(&r, 10000, at_rest(&r));
    const char *out = slurp(&r, r.out);
    ck_assert_ptr_nonnull(strstr(out, "new\n"));
    ck_assert_ptr_null(strstr(out, "done again"));
    ck_assert_ptr_null(strstr(out, "fresh"));
    ck_assert_int_eq(look(&r).state, NOTIFY_MASTER);
    rig_fini(&r);
}
END_TEST

START_TEST(a_reload_while_a_command_runs_lets_it_finish)
{
    struct rig r;
    struct hooks h = {0}, now = {0};
    struct err e;
    rig_init(&r);
    add(&h, "slow", WAIT "echo slow >>$OUT", NOTIFY_ON_ANY);
    add(&h, "last", "echo last >>$OUT", NOTIFY_ON_ANY);
    begin(&r, &h);
    notify_send(r.n, NOTIFY_MASTER, 1, NULL);
    until(&r, 10000, look(&r).running[0]);
    add(&now, "last", "echo the new last >>$OUT", NOTIFY_ON_ANY);
    struct notify_spec spec = spec_of(&now);
    ck_assert_int_eq(notify_change(r.n, &spec, &e), 0);
    let_go(&r);
    until(&r, 10000, at_rest(&r));
    ck_assert_str_eq(slurp(&r, r.out), "slow\nthe new last\n");
    rig_fini(&r);
}
END_TEST

static void on_drained(void *ctx)
{
    struct rig *r = ctx;
    r->drained++;
}

START_TEST(shutdown_waits_for_the_hooks_but_not_for_retries)
{
    struct rig r;
    struct hooks h = {0};
    rig_init(&r);
    add(&h, "cloud", "exit 1", NOTIFY_ON(NOTIFY_BACKUP) | NOTIFY_ON(NOTIFY_STOP))->retry = true;
    add(&h, "stop", "sleep 0.05; echo stop >>$OUT", NOTIFY_ON(NOTIFY_STOP));
    begin(&r, &h);
    notify_send(r.n, NOTIFY_BACKUP, 1, NULL);
    until(&r, 10000, look(&r).retrying == 1);
    notify_send(r.n, NOTIFY_STOP, 1, NULL);
    notifier_drain(r.nr, mono_add(loop_clock(), span_s(20)), on_drained, &r);
    ck_assert_int_eq(r.drained, 0);
    until(&r, 10000, r.drained == 1);
    ck_assert_str_eq(slurp(&r, r.out), "stop\n");
    rig_fini(&r);
}
END_TEST

START_TEST(shutdown_ends_at_its_deadline)
{
    struct rig r;
    struct hooks h = {0};
    rig_init(&r);
    add(&h, "hang", "sleep 1000", NOTIFY_ON_ANY);
    add(&h, "never", "echo never >>$OUT", NOTIFY_ON_ANY);
    begin(&r, &h);
    notify_send(r.n, NOTIFY_STOP, 1, NULL);
    until(&r, 10000, look(&r).running[0]);
    notifier_drain(r.nr, mono_add(loop_clock(), span_ms(100)), on_drained, &r);
    until(&r, 10000, r.drained == 1);
    ck_assert_ptr_nonnull(strstr(slurp(&r, r.log), "hang is still running: killed"));
    until(&r, 5000, children_stats(r.children).running == 0);
    ck_assert_str_eq(slurp(&r, r.out), "");
    ck_assert_int_eq(r.drained, 1);
    rig_fini(&r);
}
END_TEST

START_TEST(shutdown_with_nothing_to_do_ends_at_once)
{
    struct rig r;
    rig_init(&r);
    notifier_drain(r.nr, mono_add(loop_clock(), span_s(20)), on_drained, &r);
    until(&r, 1000, r.drained == 1);
    rig_fini(&r);
}
END_TEST

START_TEST(too_many_children_only_delay_a_hook)
{
    struct rig r;
    struct hooks h = {0};
    struct child *hogs[4];
    static const char *const sleeper[] = {"sleep", "1000", NULL};
    struct child_spec hog = {.argv = sleeper};
    rig_init(&r);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(child_start(r.children, &hog, NULL, NULL, &hogs[i], NULL), 0);
    add(&h, "all", "echo $* >>$OUT", NOTIFY_ON_ANY)->args = true;
    begin(&r, &h);
    notify_send(r.n, NOTIFY_MASTER, 1, NULL);
    until(&r, 10000, children_stats(r.children).refused > 1);
    ck_assert_uint_eq(look(&r).waiting, 1);
    ck_assert_uint_eq(look(&r).failed, 0);
    for (int i = 0; i < 4; i++)
        child_abandon(hogs[i]);
    until(&r, 10000, at_rest(&r));
    ck_assert_str_eq(slurp(&r, r.out), "INSTANCE web MASTER 1\n");
    rig_fini(&r);
}
END_TEST

static const struct test_row rows[] = {
    {"existing scripts get keepalived's arguments", &existing_scripts_get_keepaliveds_arguments},
    {"hooks run one after the other in their order", &hooks_run_one_after_the_other_in_their_order},
    {"the environment says the rest", &the_environment_says_the_rest},
    {"only the newest state matters once the running command ends",
     &only_the_newest_state_matters_once_the_running_command_ends},
    {"a command has a deadline, and its children die with it",
     &a_command_has_a_deadline_and_its_children_die_with_it},
    {"a failed command is one log line with its last words",
     &a_failed_command_is_one_log_line_with_its_last_words},
    {"a retry hook is run until it succeeds", &a_retry_hook_is_run_until_it_succeeds},
    {"pauses between attempts double up to a limit", &pauses_between_attempts_double_up_to_a_limit},
    {"another state ends the retries", &another_state_ends_the_retries},
    {"a command that fails for an old state is not retried",
     &a_command_that_fails_for_an_old_state_is_not_retried},
    {"a lower priority heard runs its hook after what is due",
     &a_lower_priority_heard_runs_its_hook_after_what_is_due},
    {"a hook that others may write is not run", &a_hook_that_others_may_write_is_not_run},
    {"a FIFO gets every change as keepalived writes it",
     &a_fifo_gets_every_change_as_keepalived_writes_it},
    {"a full FIFO drops lines and does not block", &a_full_fifo_drops_lines_and_does_not_block},
    {"a FIFO that a reader has replaced is opened anew",
     &a_fifo_that_a_reader_has_replaced_is_opened_anew},
    {"a path that is no FIFO is left alone", &a_path_that_is_no_fifo_is_left_alone},
    {"a reload runs nothing again and keeps retries that are still wanted",
     &a_reload_runs_nothing_again_and_keeps_retries_that_are_still_wanted},
    {"a reload while a command runs lets it finish", &a_reload_while_a_command_runs_lets_it_finish},
    {"shutdown waits for the hooks but not for retries",
     &shutdown_waits_for_the_hooks_but_not_for_retries},
    {"shutdown ends at its deadline", &shutdown_ends_at_its_deadline},
    {"shutdown with nothing to do ends at once", &shutdown_with_nothing_to_do_ends_at_once},
    {"too many children only delay a hook", &too_many_children_only_delay_a_hook},
};

int main(void)
{
    return suite_main("notify", rows, ARRAY_LEN(rows));
}
