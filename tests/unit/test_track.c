#include "common/rt/file.h"
#include "tests/unit/track_rig.h"

/* --- script --- */

static const char *shell[4] = {"/bin/sh", "-c", NULL, NULL};

static struct track_spec script_spec(const char *text)
{
    shell[2] = text;
    return (struct track_spec){
        .name = "chk",
        .type = TRACK_SCRIPT,
        .every = span_ms(20),
        .timeout = span_s(5),
        .script = {.argv = shell},
    };
}

START_TEST(exit_status_decides_and_the_last_line_is_the_reason)
{
    static const struct {
        const char *text;
        enum track_state state;
        const char *reason;
    } rows[] = {
        {"exit 0", TRACK_OK, "exit status 0"},
        {"exit 1", TRACK_FAILED, "exit status 1"},
        {"echo first; echo 'no proxy here' >&2; exit 7", TRACK_FAILED,
         "exit status 7: no proxy here"},
        {"kill -SEGV $$", TRACK_FAILED, "killed by SIGSEGV"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rig r;
        rig_init(&r);
        struct track_spec spec = script_spec(rows[i].text);
        rig_track(&r, &spec);
        ck_assert_int_eq(track_state(r.t), TRACK_UNKNOWN);
        rig_until(&r, 10000, r.told == 1);
        ck_assert_int_eq(track_state(r.t), rows[i].state);
        ck_assert_str_eq(rig_look(&r).reason, rows[i].reason);
        rig_fini(&r);
    }
}
END_TEST

START_TEST(killall_works_as_it_is_written)
{
    struct rig r;
    rig_init(&r);
    struct err e;
    char **argv = child_split("killall -0 track-no-such-proxy", &e);
    struct track_spec spec = script_spec("");
    spec.script.argv = (const char *const *)argv;
    rig_track(&r, &spec);
    free(argv); /* it was copied */
    rig_state(&r, TRACK_FAILED);
    struct track_snapshot s = rig_look(&r);
    ck_assert_str_eq(s.what, "script killall -0 track-no-such-proxy");
    ck_assert_str_eq(s.reason, "exit status 1: track-no-such-proxy: no process found");
    rig_fini(&r);
}
END_TEST

START_TEST(a_program_that_does_not_exist_is_a_failure_with_a_reason)
{
    struct rig r;
    rig_init(&r);
    struct track_spec spec = script_spec("");
    spec.script.argv = (const char *const[]){"/no/such/check", NULL};
    rig_track(&r, &spec);
    rig_state(&r, TRACK_FAILED);
    contains(rig_look(&r).reason, "cannot run: No such file");
    rig_fini(&r);
}
END_TEST

START_TEST(a_hanging_script_fails_at_its_deadline_and_dies_with_its_children)
{
    struct rig r;
    rig_init(&r);
    char text[256];
    /* Neither it nor its child minds SIGTERM. */
    snprintf(text, sizeof(text),
             "trap '' TERM; (trap '' TERM; echo $$ >%s; exec sleep 1000) & wait", r.path);
    struct track_spec spec = script_spec(text);
    spec.every = span_s(60);
    spec.timeout = span_ms(200);
    struct mono begun = loop_clock();
    rig_track(&r, &spec);
    rig_state(&r, TRACK_FAILED);
    ck_assert_int_ge(mono_diff(loop_clock(), begun).us, 200000);
    ck_assert_int_lt(mono_diff(loop_clock(), begun).us, 1000000); /* not only after the SIGKILL */
    ck_assert_str_eq(rig_look(&r).reason, "timed out after 200ms and was killed");
    ck_assert_uint_eq(rig_look(&r).timeouts, 1);
    rig_until(&r, 10000, !rig_look(&r).running);
    ck_assert_uint_eq(children_stats(r.children).running, 0);
    rig_fini(&r);
}
END_TEST

START_TEST(what_a_check_leaves_behind_is_killed)
{
    struct rig r;
    char text[256];
    struct buf left cleanup(buf_fini) = BUF_INIT(64);
    rig_init(&r);
    snprintf(text, sizeof(text), "sleep 1000 >/dev/null 2>&1 & echo $! >%s", r.path);
    struct track_spec spec = script_spec(text);
    spec.every = span_s(60);
    rig_track(&r, &spec);
    rig_state(&r, TRACK_OK);
    ck_assert_int_eq(file_read(r.path, 64, &left, NULL), 0);
    pid_t pid = atoi(buf_cstr(&left));
    ck_assert_int_gt(pid, 1);
    rig_until(&r, 5000, kill(pid, 0) < 0);
    rig_fini(&r);
}
END_TEST

START_TEST(two_runs_of_a_script_never_overlap)
{
    struct rig r;
    rig_init(&r);
    char text[256];
    snprintf(text, sizeof(text), "mkdir %s || exit 3; sleep 0.06; rmdir %s", r.path, r.path);
    struct track_spec spec = script_spec(text);
    spec.every = span_ms(10);
    rig_track(&r, &spec);
    rig_until(&r, 20000, rig_look(&r).checks == 5);
    ck_assert_uint_eq(rig_look(&r).failures, 0);
    rig_fini(&r);
}
END_TEST

START_TEST(rise_and_fall_count_results_in_a_row_but_the_first_decides_alone)
{
    struct rig r;
    rig_init(&r);
    char text[256];
    snprintf(text, sizeof(text), "test -e %s", r.path);
    struct track_spec spec = script_spec(text);
    spec.rise = 2;
    spec.fall = 3;
    write_file(r.path, "", 0600);
    rig_track(&r, &spec);
    rig_state(&r, TRACK_OK);
    ck_assert_uint_eq(rig_look(&r).checks, 1);

    unlink(r.path);
    rig_until(&r, 10000, rig_look(&r).failures == 2);
    ck_assert_int_eq(track_state(r.t), TRACK_OK);
    ck_assert_uint_eq(rig_look(&r).streak, 2);
    ck_assert_uint_eq(rig_look(&r).needed, 3);
    rig_until(&r, 10000, rig_look(&r).failures == 3);
    ck_assert_int_eq(track_state(r.t), TRACK_FAILED);

    uint64_t before = rig_look(&r).checks - rig_look(&r).failures;
    write_file(r.path, "", 0600);
    rig_until(&r, 10000, rig_look(&r).checks - rig_look(&r).failures == before + 1);
    ck_assert_int_eq(track_state(r.t), TRACK_FAILED);
    rig_state(&r, TRACK_OK);
    ck_assert_uint_eq(rig_look(&r).changes, 3);
    ck_assert_int_eq(r.told, 3);
    rig_fini(&r);
}
END_TEST

START_TEST(a_script_that_others_may_write_is_not_run)
{
    struct rig r;
    rig_init(&r);
    char proof[128], text[256];
    snprintf(proof, sizeof(proof), "%s/ran", r.dir);
    snprintf(text, sizeof(text), "#!/bin/sh\ntouch %s\n", proof);
    write_file(r.path, text, 0755);
    ck_assert_int_eq(chmod(r.dir, 0777), 0);
    struct track_spec spec = script_spec("");
    spec.script.argv = (const char *const[]){r.path, NULL};
    rig_track(&r, &spec);
    rig_state(&r, TRACK_FAILED);
    char want[256];
    snprintf(want, sizeof(want), "refused: %s is writable by everybody", r.dir);
    contains(rig_look(&r).reason, want);
    ck_assert_int_ne(access(proof, F_OK), 0);

    ck_assert_int_eq(chmod(r.dir, 0755), 0); /* repaired: it runs without a restart */
    rig_state(&r, TRACK_OK);
    ck_assert_int_eq(access(proof, F_OK), 0);
    rig_fini(&r);
}
END_TEST

START_TEST(too_many_children_delay_a_script_and_then_fail_it)
{
    struct rig r;
    rig_init(&r);
    static const char *const sleeper[] = {"sleep", "1000", NULL};
    struct child_spec hog = {.argv = sleeper};
    struct err e;
    children_free(r.children);
    trackers_free(r.set);
    ck_assert_int_eq(children_new(&r.children, r.loop, 1, &e), 0);
    ck_assert_int_eq(trackers_new(&r.set, r.loop, r.children, &e), 0);
    struct child *c;
    ck_assert_int_eq(child_start(r.children, &hog, NULL, NULL, &c, &e), 0);

    struct track_spec spec = script_spec("exit 0");
    spec.timeout = span_ms(100);
    rig_track(&r, &spec);
    rig_state(&r, TRACK_FAILED);
    ck_assert_str_eq(rig_look(&r).reason, "not run: 1 commands are running already");
    ck_assert_uint_gt(trackers_stats(r.set).script_refused, 1);
    child_abandon(c);
    rig_state(&r, TRACK_OK);
    rig_fini(&r);
}
END_TEST

/* --- interface --- */

START_TEST(a_link_fails_after_its_delay_and_not_for_a_blip)
{
    struct rig r;
    rig_init(&r);
    struct track_spec spec = {
        .name = "uplink", .type = TRACK_INTERFACE, .interface = "eth1", .fall_delay = span_ms(50)};
    rig_track(&r, &spec);
    ck_assert_str_eq(track_interface(r.t), "eth1");
    track_interface_event(r.t, TRACK_LINK_UP);
    rig_until(&r, 10000, r.told == 1);
    ck_assert_int_eq(track_state(r.t), TRACK_OK);

    track_interface_event(r.t, TRACK_LINK_NO_CARRIER);
    ck_assert(rig_look(&r).delayed);
    track_interface_event(r.t, TRACK_LINK_UP);
    ck_assert(!rig_look(&r).delayed);
    rig_pass(&r, 120);
    ck_assert_int_eq(r.told, 1);

    track_interface_event(r.t, TRACK_LINK_DOWN);
    ck_assert_int_eq(track_state(r.t), TRACK_OK);
    rig_state(&r, TRACK_FAILED);
    ck_assert_str_eq(rig_look(&r).reason, "eth1 is down");
    track_interface_event(r.t, TRACK_LINK_UP); /* no rise_delay */
    ck_assert_int_eq(track_state(r.t), TRACK_OK);
    rig_fini(&r);
}
END_TEST

START_TEST(a_change_that_is_gone_within_a_turn_is_not_told)
{
    struct rig r;
    rig_init(&r);
    struct track_spec spec = {.name = "uplink", .type = TRACK_INTERFACE, .interface = "eth1"};
    rig_track(&r, &spec);
    track_interface_event(r.t, TRACK_LINK_UP);
    rig_until(&r, 10000, r.told == 1);
    track_interface_event(r.t, TRACK_LINK_ABSENT);
    track_interface_event(r.t, TRACK_LINK_UP);
    rig_pass(&r, 5);
    ck_assert_int_eq(r.told, 1);
    rig_fini(&r);
}
END_TEST

/* --- file --- */

static struct track_spec file_spec(const struct rig *r)
{
    return (struct track_spec){
        .name = "load",
        .type = TRACK_FILE,
        .every = span_s(60), /* inotify must do */
        .file = {.path = r->path},
    };
}

START_TEST(the_number_in_a_file_is_a_share_at_once)
{
    static const struct {
        const char *text;
        int weight;
        int delta;
        bool fault;
    } rows[] = {
        {"-20\n", 1, -20, false}, {"  7 \n", 3, 21, false}, {"0", 5, 0, false},
        {"300", 1, 253, false},   {"254", 1, 253, false},   {"-253", 1, -253, false},
        {"-254", 1, -253, true},  {"100", -3, -253, true},  {"-9999999", 1, -253, true},
        {"1", 100, 100, false},
    };
    struct rig r;
    rig_init(&r);
    struct track_spec spec = file_spec(&r);
    rig_track(&r, &spec);
    ck_assert_int_eq(track_state(r.t), TRACK_OK); /* missing: 0 */
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t checks = rig_look(&r).checks;
        write_file(r.path, rows[i].text, 0600);
        rig_until(&r, 5000, rig_look(&r).checks > checks);
        struct track_effects fx = {.on_fail = {.fault = true}, .weight = rows[i].weight};
        struct track_share share = track_share(r.t, &fx);
        ck_assert_msg(share.delta == rows[i].delta && share.fault == rows[i].fault,
                      "row %zu: delta %d fault %d", i, share.delta, share.fault);
    }
    rig_fini(&r);
}
END_TEST

START_TEST(weight_zero_makes_any_number_but_zero_a_failure)
{
    struct rig r;
    rig_init(&r);
    write_file(r.path, "1", 0600);
    struct track_spec spec = file_spec(&r);
    rig_track(&r, &spec);
    struct track_effects fault = {.on_fail = {.fault = true}};
    struct track_effects minus = {.on_fail = {.priority = -5}};
    ck_assert(track_share(r.t, &fault).fault);
    ck_assert_int_eq(track_share(r.t, &minus).delta, -5);
    write_file(r.path, "0", 0600);
    rig_until(&r, 5000, !track_share(r.t, &fault).fault);
    ck_assert_int_eq(track_share(r.t, &minus).delta, 0);
    rig_fini(&r);
}
END_TEST

START_TEST(a_rewritten_file_does_not_pass_through_zero)
{
    struct rig r;
    rig_init(&r);
    write_file(r.path, "-50", 0600);
    struct track_spec spec = file_spec(&r);
    rig_track(&r, &spec);
    rig_until(&r, 5000, r.told == 1);
    for (int i = 0; i < 20; i++) {
        int fd = open(r.path, O_WRONLY | O_TRUNC | O_CLOEXEC);
        track_check(r.t); /* a look at the worst moment */
        rig_pass(&r, 1);
        ck_assert_int_eq(write(fd, "-50", 3), 3);
        close(fd);
        rig_pass(&r, 1);
        ck_assert_int_eq(rig_look(&r).number, -50);
    }
    ck_assert_int_eq(r.told, 1);
    write_file(r.path, "", 0600); /* but an empty file means 0 in the end */
    rig_until(&r, 5000, rig_look(&r).number == 0);
    rig_fini(&r);
}
END_TEST

START_TEST(what_is_no_number_is_a_failure_that_says_so)
{
    struct rig r;
    rig_init(&r);
    write_file(r.path, "much\n", 0600);
    struct track_spec spec = file_spec(&r);
    rig_track(&r, &spec);
    ck_assert_int_eq(track_state(r.t), TRACK_FAILED);
    contains(rig_look(&r).reason, "\"much\" in /tmp/");
    write_file(r.path, "5", 0600);
    rig_state(&r, TRACK_OK);
    rig_fini(&r);
}
END_TEST

START_TEST(a_file_is_found_when_its_directory_appears_later)
{
    struct rig r;
    rig_init(&r);
    char deep[128], path[160], other[128];
    snprintf(deep, sizeof(deep), "%s/a", r.dir);
    snprintf(path, sizeof(path), "%s/a/b/number", r.dir);
    struct track_spec spec = file_spec(&r);
    spec.file = (struct track_file_spec){.path = path, .must_exist = true};
    rig_track(&r, &spec);
    ck_assert_int_eq(track_state(r.t), TRACK_FAILED);
    for (int i = 0; i < 3; i++) { /* and again after it was removed */
        ck_assert_int_eq(mkdir(deep, 0755), 0);
        rig_pass(&r, 2);
        snprintf(other, sizeof(other), "%s/b", deep);
        ck_assert_int_eq(mkdir(other, 0755), 0);
        write_file(path, "9", 0600);
        rig_state(&r, TRACK_OK);
        unlink(path);
        rig_state(&r, TRACK_FAILED);
        rmdir(other);
        rmdir(deep);
        rig_pass(&r, 2);
    }
    rig_fini(&r);
}
END_TEST

START_TEST(a_switch_that_exists_is_a_failure_with_its_text_as_reason)
{
    struct rig r;
    rig_init(&r);
    struct track_spec spec = file_spec(&r);
    spec.file.mode = TRACK_FILE_SWITCH;
    rig_track(&r, &spec);
    ck_assert_int_eq(track_state(r.t), TRACK_OK);
    write_file(r.path, "new kernel, until noon\nmore\n", 0600);
    rig_state(&r, TRACK_FAILED);
    rig_until(&r, 5000, strstr(rig_look(&r).reason, "exists: new kernel, until noon") != NULL);
    unlink(r.path);
    rig_state(&r, TRACK_OK);
    rig_fini(&r);
}
END_TEST

START_TEST(without_inotify_the_file_is_looked_at_each_interval)
{
    struct rig r;
    rig_init(&r);
    struct track_spec spec = file_spec(&r);
    spec.every = span_ms(20);
    char target[128];
    snprintf(target, sizeof(target), "/tmp/track-target.%d", (int)getpid());
    write_file(target, "1", 0600);
    ck_assert_int_eq(symlink(target, r.path), 0); /* its target is not watched */
    rig_track(&r, &spec);
    write_file(target, "2", 0600);
    rig_until(&r, 5000, rig_look(&r).number == 2);
    unlink(target);
    rig_fini(&r);
}
END_TEST

/* --- what follows --- */

START_TEST(shares_follow_from_state_and_effects)
{
    static const struct {
        enum track_start start;
        int link; /* -1: nothing known yet */
        struct track_effects fx;
        struct track_share share;
    } rows[] = {
        {TRACK_START_WAIT, -1, {.on_fail = {.fault = true}}, {true, true, 0}},
        {TRACK_START_WAIT, -1, {.on_fail = {.priority = -9}}, {false, false, 0}},
        {TRACK_START_WAIT, -1, {.on_ok = {.priority = 9}}, {false, false, 0}},
        {TRACK_START_OK, -1, {.on_fail = {.fault = true}}, {false, false, 0}},
        {TRACK_START_OK, -1, {.on_ok = {.priority = 9}}, {false, false, 9}},
        {TRACK_START_FAILED, -1, {.on_fail = {.fault = true}}, {true, false, 0}},
        {TRACK_START_FAILED, -1, {.on_fail = {.priority = -9}}, {false, false, -9}},
        {TRACK_START_WAIT, TRACK_LINK_UP, {.on_fail = {.fault = true}}, {false, false, 0}},
        {TRACK_START_WAIT, TRACK_LINK_UP, {.on_ok = {.priority = 9}}, {false, false, 9}},
        {TRACK_START_WAIT, TRACK_LINK_UP, {.on_ok = {.fault = true}}, {true, false, 0}},
        {TRACK_START_WAIT, TRACK_LINK_DOWN, {.on_fail = {.fault = true}}, {true, false, 0}},
        {TRACK_START_WAIT, TRACK_LINK_DOWN, {.on_fail = {.priority = -9}}, {false, false, -9}},
        {TRACK_START_WAIT, TRACK_LINK_DOWN, {.on_ok = {.priority = 9}}, {false, false, 0}},
        {TRACK_START_OK, TRACK_LINK_DOWN, {.on_fail = {true, -3}}, {true, false, -3}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rig r;
        rig_init(&r);
        struct track_spec spec = {
            .name = "x", .type = TRACK_INTERFACE, .interface = "eth1", .start = rows[i].start};
        rig_track(&r, &spec);
        if (rows[i].link >= 0)
            track_interface_event(r.t, (enum track_link)rows[i].link);
        struct track_share s = track_share(r.t, &rows[i].fx), w = rows[i].share;
        ck_assert_msg(s.fault == w.fault && s.pending == w.pending && s.delta == w.delta,
                      "row %zu: fault %d pending %d delta %d", i, s.fault, s.pending, s.delta);
        rig_fini(&r);
    }
}
END_TEST

START_TEST(a_reloaded_tracker_keeps_what_was_known_until_it_knows_itself)
{
    struct rig r;
    rig_init(&r);
    struct track_spec spec = script_spec("exit 1");
    spec.fall = 3;
    struct tracker *old, *new;
    struct track_spec link = {.name = "x", .type = TRACK_INTERFACE, .interface = "eth1"};
    ck_assert_int_eq(track_new(&old, r.set, &link, rig_told, &r, NULL), 0);
    r.t = old;
    track_interface_event(old, TRACK_LINK_UP);
    rig_until(&r, 1000, r.told == 1);
    ck_assert_int_eq(track_new(&new, r.set, &spec, rig_told, &r, NULL), 0);
    track_inherit(new, old);
    r.t = new;
    ck_assert_int_eq(track_state(new), TRACK_OK);
    rig_state(&r, TRACK_FAILED); /* its own first result decides alone */
    ck_assert_uint_eq(rig_look(&r).checks, 1);
    rig_until(&r, 1000, r.told == 2);
    track_free(old);
    rig_fini(&r);
}
END_TEST

START_TEST(a_tracker_may_be_freed_while_its_script_runs)
{
    struct rig r;
    rig_init(&r);
    struct track_spec spec = script_spec("sleep 1000");
    rig_track(&r, &spec);
    rig_until(&r, 5000, rig_look(&r).running);
    track_free(r.t);
    r.t = NULL;
    for (int i = 0; i < 500 && children_stats(r.children).running; i++)
        loop_turn(r.loop, mono_add(loop_clock(), span_ms(10)), NULL);
    ck_assert_uint_eq(children_stats(r.children).running, 0);
    ck_assert_int_eq(r.told, 0);
    rig_fini(&r);
}
END_TEST

START_TEST(a_spec_that_makes_no_sense_is_refused_with_the_name)
{
    static const struct track_spec rows[] = {
        {.name = "t", .type = TRACK_SCRIPT},
        {.name = "t", .type = TRACK_PROCESS},
        {.name = "t", .type = TRACK_PROCESS, .process = {.name = "/usr/sbin/"}},
        {.name = "t", .type = TRACK_PROCESS, .process = {.pid_file = "/run/x", .quorum = 2}},
        {.name = "t", .type = TRACK_PROCESS, .process = {.name = "x", .quorum = 5000}},
        {.name = "t", .type = TRACK_INTERFACE},
        {.name = "t", .type = TRACK_FILE},
        {.name = "t", .type = TRACK_WATCH, .watch = {.path = "relative"}},
    };
    struct rig r;
    rig_init(&r);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e;
        ck_assert_int_eq(track_new(&r.t, r.set, &rows[i], rig_told, &r, &e), -EINVAL);
        ck_assert_msg(strncmp(e.text, "tracker t: ", 11) == 0, "%s", e.text);
        r.t = NULL;
    }
    ck_assert_uint_eq(trackers_stats(r.set).trackers, 0);
    rig_fini(&r);
}
END_TEST

static const struct test_row rows[] = {
    {"exit status decides, the last line is the reason",
     &exit_status_decides_and_the_last_line_is_the_reason},
    {"killall -0 works as it is written", &killall_works_as_it_is_written},
    {"a program that does not exist is a failure with a reason",
     &a_program_that_does_not_exist_is_a_failure_with_a_reason},
    {"a hanging script fails at its deadline and dies with its children",
     &a_hanging_script_fails_at_its_deadline_and_dies_with_its_children},
    {"what a check leaves behind is killed", &what_a_check_leaves_behind_is_killed},
    {"two runs of a script never overlap", &two_runs_of_a_script_never_overlap},
    {"rise and fall count results in a row, but the first decides alone",
     &rise_and_fall_count_results_in_a_row_but_the_first_decides_alone},
    {"a script that others may write is not run", &a_script_that_others_may_write_is_not_run},
    {"too many children delay a script and then fail it",
     &too_many_children_delay_a_script_and_then_fail_it},
    {"a link fails after its delay and not for a blip",
     &a_link_fails_after_its_delay_and_not_for_a_blip},
    {"a change that is gone within a turn is not told",
     &a_change_that_is_gone_within_a_turn_is_not_told},
    {"the number in a file is a share at once", &the_number_in_a_file_is_a_share_at_once},
    {"weight 0 makes any number but 0 a failure", &weight_zero_makes_any_number_but_zero_a_failure},
    {"a rewritten file does not pass through 0", &a_rewritten_file_does_not_pass_through_zero},
    {"what is no number is a failure that says so", &what_is_no_number_is_a_failure_that_says_so},
    {"a file is found when its directory appears later",
     &a_file_is_found_when_its_directory_appears_later},
    {"a switch that exists is a failure with its text as reason",
     &a_switch_that_exists_is_a_failure_with_its_text_as_reason},
    {"without inotify the file is looked at each interval",
     &without_inotify_the_file_is_looked_at_each_interval},
    {"shares follow from state and effects", &shares_follow_from_state_and_effects},
    {"a reloaded tracker keeps what was known until it knows itself",
     &a_reloaded_tracker_keeps_what_was_known_until_it_knows_itself},
    {"a tracker may be freed while its script runs", &a_tracker_may_be_freed_while_its_script_runs},
    {"a spec that makes no sense is refused with the name",
     &a_spec_that_makes_no_sense_is_refused_with_the_name},
};

int main(void)
{
    return suite_main("track", rows, ARRAY_LEN(rows));
}
