/*
 * States, words and log lines were read off HAProxy 2.6.12.
 */
#include "lb/core/server_log.h"
#include "tests/unit/pool_kit.h"
#include "tests/unit/suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Brings the check of `s` to "up" or "down", `steps` on the way to the other. */
static void set_check(struct server *s, bool up, unsigned steps)
{
    struct health_result pass = {.id = HEALTH_L7OK, .code = 200};
    struct health_result fail = {.id = HEALTH_L7STS, .code = 500, .info = "Internal Server Error"};
    for (int i = 0; i < 3; i++) {
        health_report(&s->check, up ? &pass : &fail, kit_now);
        server_apply_check(s, kit_now);
    }
    for (unsigned i = 0; i < steps; i++) {
        health_report(&s->check, up ? &fail : &pass, kit_now);
        server_apply_check(s, kit_now);
    }
}

enum check { NONE, UP, UP_2_3, UP_1_3, DOWN, DOWN_1_2, NOLB };

static void set_state(struct server *s, enum check check)
{
    static const struct {
        bool up;
        unsigned steps;
    } as[] = {[UP] = {true, 0},    [UP_2_3] = {true, 1},    [UP_1_3] = {true, 2},
              [DOWN] = {false, 0}, [DOWN_1_2] = {false, 1}, [NOLB] = {true, 0}};
    if (check == NONE)
        return;
    set_check(s, as[check].up, as[check].steps);
    if (check == NOLB) {
        health_report(&s->check, &(struct health_result){.id = HEALTH_L7OKC, .code = 404}, kit_now);
        server_apply_check(s, kit_now);
    }
}

START_TEST(who_may_use_a_server_in_each_state)
{
    static const struct {
        enum server_admin admin;
        enum check check;
        int weight;
        bool new, persistent;
        const char *words;
    } rows[] = {
        {SERVER_READY, NONE, 1, true, true, "no check"},
        {SERVER_READY, NONE, 0, false, true, "no check"},
        {SERVER_READY, UP, 1, true, true, "UP"},
        {SERVER_READY, UP, 0, false, true, "UP"},
        {SERVER_READY, UP_2_3, 1, true, true, "UP 2/3"},
        {SERVER_READY, UP_1_3, 1, true, true, "UP 1/3"},
        {SERVER_READY, DOWN, 1, false, false, "DOWN"},
        {SERVER_READY, DOWN_1_2, 1, false, false, "DOWN 1/2"},
        {SERVER_READY, NOLB, 1, false, true, "NOLB"},
        {SERVER_DRAIN, NONE, 1, false, true, "DRAIN"},
        {SERVER_DRAIN, UP, 1, false, true, "DRAIN"},
        {SERVER_DRAIN, UP_1_3, 1, false, true, "DRAIN 1/3"},
        {SERVER_DRAIN, DOWN, 1, false, false, "DOWN"},
        {SERVER_DRAIN, NOLB, 1, false, true, "DRAIN"},
        {SERVER_MAINT, NONE, 1, false, false, "MAINT"},
        {SERVER_MAINT, UP, 1, false, false, "MAINT"},
        {SERVER_MAINT, DOWN, 1, false, false, "MAINT"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct kit k = kit_open((struct pool_conf){0});
        struct server *s = kit_add(
            &k, (struct server_conf){.weight = rows[i].weight, .checked = rows[i].check != NONE});
        set_state(s, rows[i].check);
        server_set_admin(s, rows[i].admin, kit_now);
        struct server_view v = server_view(s);
        char text[SERVER_STATUS_MAX];
        ck_assert_msg(server_usable_new(&v) == rows[i].new, "row %zu: new client", i);
        ck_assert_msg(server_usable_persistent(&v) == rows[i].persistent, "row %zu: cookie", i);
        ck_assert_str_eq(server_status_text(s, text), rows[i].words);
        kit_close(&k);
    }
}
END_TEST

START_TEST(a_persistent_client_is_served_queued_or_turned_away)
{
    struct kit k = kit_open((struct pool_conf){0});
    struct server *s = kit_add(
        &k, (struct server_conf){.weight = 1, .maxconn = 1, .maxqueue = 1, .checked = true});
    kit_publish(&k);
    struct queue_entry e = {0};
    ck_assert_int_eq(balance_persist(k.b[0], s, false).verdict, BALANCE_SERVED);
    ck_assert_int_eq(balance_persist(k.b[1], s, false).verdict, BALANCE_QUEUE_SERVER);
    ck_assert_int_eq(queue_join(&k.q[1], &e, s, span_s(1), kit_now), QUEUE_WAITING);
    ck_assert_int_eq(balance_persist(k.b[2], s, false).verdict, BALANCE_FULL);
    queue_leave(&k.q[1], &e);
    kit_done(s);
    server_set_admin(s, SERVER_DRAIN, kit_now);
    ck_assert_int_eq(balance_persist(k.b[0], s, false).verdict, BALANCE_SERVED);
    kit_done(s);
    server_set_admin(s, SERVER_MAINT, kit_now);
    ck_assert_int_eq(balance_persist(k.b[0], s, false).verdict, BALANCE_NONE);
    server_set_admin(s, SERVER_READY, kit_now);
    set_state(s, DOWN);
    ck_assert_int_eq(balance_persist(k.b[0], s, false).verdict, BALANCE_NONE);
    ck_assert_int_eq(balance_persist(k.b[0], s, true).verdict, BALANCE_SERVED); /* option persist */
    kit_done(s);
    kit_close(&k);
}
END_TEST

START_TEST(maintenance_stops_checks_and_ready_brings_it_up_at_once)
{
    struct kit k = kit_open((struct pool_conf){0});
    struct server *s = kit_add(&k, (struct server_conf){.weight = 1, .checked = true});
    char text[SERVER_STATUS_MAX];
    set_state(s, DOWN);
    server_set_admin(s, SERVER_MAINT, kit_now);
    ck_assert(mono_is_never(s->check.next));
    /* A result that was still on its way changes nothing. */
    ck_assert_int_eq(health_report(&s->check, &(struct health_result){.id = HEALTH_L7OK}, kit_now),
                     HEALTH_SAME);
    ck_assert_str_eq(server_status_text(s, text), "MAINT");
    struct mono later = mono_add(kit_now, span_s(60));
    server_set_admin(s, SERVER_READY, later);
    ck_assert_str_eq(server_status_text(s, text), "UP 1/3");
    ck_assert_int_eq(s->check.next.us, later.us);
    server_set_admin(s, SERVER_DRAIN, later); /* checks go on in drain */
    ck_assert(s->check.enabled);
    kit_close(&k);
}
END_TEST

START_TEST(configured_and_overridden_stay_apart)
{
    struct kit k = kit_open((struct pool_conf){0});
    struct server *s = kit_add(&k, (struct server_conf){.weight = 40, .disabled = true});
    ck_assert_int_eq(server_admin(s), SERVER_MAINT);
    server_set_admin(s, SERVER_READY, kit_now);
    ck_assert_int_eq(server_admin(s), SERVER_READY);
    server_reset_admin(s, kit_now);
    ck_assert_int_eq(server_admin(s), SERVER_MAINT);
    static const struct {
        int percent, weight;
    } rows[] = {{0, 0}, {1, 1}, {50, 20}, {100, 40}, {1000, 256}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ck_assert_int_eq(server_set_weight_percent(s, rows[i].percent, kit_now, NULL), 0);
        ck_assert_int_eq(server_weight(s), rows[i].weight);
        ck_assert_int_eq(s->weight_conf, 40);
    }
    server_reset_weight(s, kit_now);
    ck_assert_int_eq(server_weight(s), 40);
    ck_assert_int_eq(server_set_weight(s, 257, kit_now, NULL), -EINVAL);
    ck_assert_int_eq(server_set_weight(s, -1, kit_now, NULL), -EINVAL);
    kit_close(&k);
}
END_TEST

START_TEST(agents_change_what_they_say)
{
    static const struct {
        const char *says, *words;
        int weight;
        uint32_t maxconn;
    } rows[] = {
        {"75%", "no check", 75, 0},
        {"down # full", "DOWN (agent)", 75, 0},
        {"up 50%", "no check", 50, 0},
        {"drain", "DRAIN (agent)", 50, 0},
        {"maint", "MAINT", 50, 0},
        {"ready", "no check", 50, 0},
        {"maxconn:30", "no check", 50, 30},
        {"stopped", "DOWN (agent)", 50, 30},
        {"up ready 100%", "no check", 100, 30},
    };
    struct kit k = kit_open((struct pool_conf){0});
    struct server *s = kit_add(&k, (struct server_conf){.weight = 100, .agent_checked = true});
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct health_agent a;
        char text[SERVER_STATUS_MAX];
        ck_assert(health_agent_parse(rows[i].says, strlen(rows[i].says), &a));
        server_apply_agent(s, &a, kit_now);
        ck_assert_msg(strcmp(server_status_text(s, text), rows[i].words) == 0, "%s: %s",
                      rows[i].says, text);
        ck_assert_int_eq(server_weight(s), rows[i].weight);
        ck_assert_uint_eq(server_limit(s), rows[i].maxconn);
    }
    kit_close(&k);
}
END_TEST

START_TEST(slowstart_ramps_weight_and_maxconn)
{
    struct kit k = kit_open((struct pool_conf){0});
    struct server *s =
        kit_add(&k, (struct server_conf){
                        .weight = 10, .maxconn = 100, .slowstart = span_s(10), .checked = true});
    ck_assert_uint_eq(server_view(s).oper, SERVER_RUNNING); /* not at the start */
    set_state(s, DOWN);
    set_state(s, UP);
    static const struct {
        int64_t after_ms;
        unsigned weight, limit, oper;
    } rows[] = {
        {0, 1, 1, SERVER_STARTING},        {2500, 40, 25, SERVER_STARTING},
        {5000, 80, 50, SERVER_STARTING},   {9999, 158, 99, SERVER_STARTING},
        {10000, 160, 100, SERVER_RUNNING},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct mono now = mono_add(kit_now, span_ms(rows[i].after_ms));
        struct mono next = server_ramp(s, now);
        struct server_view v = server_view(s);
        ck_assert_uint_eq(v.weight, rows[i].weight);
        ck_assert_uint_eq(server_limit(s), rows[i].limit);
        ck_assert_uint_eq(v.oper, rows[i].oper);
        ck_assert(server_usable_new(&v));
        ck_assert(mono_is_never(next) == (rows[i].oper == SERVER_RUNNING));
        ck_assert(mono_before(now, next));
    }
    kit_close(&k);
}
END_TEST

START_TEST(minconn_grows_with_the_load_of_the_pool)
{
    struct kit k = kit_open((struct pool_conf){.fullconn = 20});
    struct server *s = kit_add(&k, (struct server_conf){.weight = 1, .maxconn = 10, .minconn = 2});
    struct server *other = kit_add(&k, (struct server_conf){.weight = 1});
    static const struct {
        unsigned load, limit;
    } rows[] = {{0, 2}, {3, 2}, {6, 3}, {10, 5}, {19, 9}, {20, 10}, {30, 10}};
    unsigned load = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (; load < rows[i].load; load++)
            server_take_always(other);
        ck_assert_uint_eq(server_limit(s), rows[i].limit);
    }
    while (load--)
        kit_done(other);
    kit_close(&k);
}
END_TEST

/* ---- log ---- */

static void log_event(const struct server_event *ev, void *user)
{
    struct buf *out = user;
    enum server_log_level level = server_log(out, ev, 0);
    buf_printf(out, " <%d>\n", (int)level);
    if (server_log_pool(out, ev))
        buf_char(out, '\n');
}

enum act { CHECK_DOWN, CHECK_UP, CHECK_404, ADMIN_READY, ADMIN_DRAIN, ADMIN_MAINT, FORCE_DOWN };

static void act(struct server *s, enum act act)
{
    switch (act) {
    case CHECK_DOWN:
        set_state(s, DOWN);
        break;
    case CHECK_UP:
        set_state(s, UP);
        break;
    case CHECK_404:
        set_state(s, NOLB);
        break;
    case ADMIN_READY:
        server_set_admin(s, SERVER_READY, kit_now);
        break;
    case ADMIN_DRAIN:
        server_set_admin(s, SERVER_DRAIN, kit_now);
        break;
    case ADMIN_MAINT:
        server_set_admin(s, SERVER_MAINT, kit_now);
        break;
    case FORCE_DOWN:
        server_force_health(s, SERVER_STOPPED, kit_now);
        break;
    }
}

START_TEST(log_lines_are_those_that_users_know)
{
    static const struct {
        int server; /* 0 A, 1 B, 2 C (backup) */
        enum act act;
        const char *line;
    } rows[] = {
        {0, CHECK_DOWN,
         "Server nodes/A is DOWN, reason: Layer7 wrong status, code: 500, info: \"Internal Server "
         "Error\", check duration: 0ms. 1 active and 1 backup servers left. 0 sessions active, 0 "
         "requeued, 0 remaining in queue. <1>\n"},
        {0, CHECK_UP,
         "Server nodes/A is UP, reason: Layer7 check passed, code: 200, check duration: 0ms. 2 "
         "active and 1 backup servers online. 0 sessions requeued, 0 total in queue. <5>\n"},
        {0, CHECK_404,
         "Server nodes/A is stopping, reason: Layer7 check conditionally passed, code: 404, check "
         "duration: 0ms. 1 active and 1 backup servers online. 0 sessions requeued, 0 total in "
         "queue. <5>\n"},
        {0, CHECK_UP,
         "Server nodes/A is UP, reason: Layer7 check passed, code: 200, check duration: 0ms. 2 "
         "active and 1 backup servers online. 0 sessions requeued, 0 total in queue. <5>\n"},
        {0, ADMIN_DRAIN,
         "Server nodes/A enters drain state. 1 active and 1 backup servers online. 0 sessions "
         "requeued, 0 total in queue. <5>\n"},
        {0, ADMIN_READY, "Server nodes/A is UP (leaving forced drain). <5>\n"},
        {0, ADMIN_MAINT,
         "Server nodes/A is going DOWN for maintenance. 1 active and 1 backup servers left. 0 "
         "sessions active, 0 requeued, 0 remaining in queue. <1>\n"},
        {0, ADMIN_DRAIN, "Server nodes/A is UP/DRAIN (leaving forced maintenance). <5>\n"},
        {0, ADMIN_READY, "Server nodes/A is UP (leaving forced drain). <5>\n"},
        {0, FORCE_DOWN,
         "Server nodes/A is DOWN, changed from CLI. 1 active and 1 backup servers left. 0 sessions "
         "active, 0 requeued, 0 remaining in queue. <1>\n"},
        {0, ADMIN_MAINT, "Server nodes/A was DOWN and now enters maintenance. <5>\n"},
        {1, CHECK_DOWN,
         "Server nodes/B is DOWN, reason: Layer7 wrong status, code: 500, info: \"Internal Server "
         "Error\", check duration: 0ms. 0 active and 1 backup servers left. Running on backup. 0 "
         "sessions active, 0 requeued, 0 remaining in queue. <1>\n"},
        {2, ADMIN_MAINT,
         "Backup Server nodes/C is going DOWN for maintenance. 0 active and 0 backup servers left. "
         "0 sessions active, 0 requeued, 0 remaining in queue. <1>\n"
         "backend nodes has no server available!\n"},
        {2, ADMIN_READY, "Backup Server nodes/C is UP/READY (leaving forced maintenance). <5>\n"},
    };
    struct buf out cleanup(buf_fini) = BUF_INIT(4096);
    struct kit k = kit_open((struct pool_conf){0});
    for (int i = 0; i < 3; i++) {
        kit_add(&k, (struct server_conf){.weight = 1, .backup = i == 2, .checked = true});
        set_state(k.s[i], UP);
    }
    pool_on_event(k.pool, log_event, &out);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&out);
        act(k.s[rows[i].server], rows[i].act);
        ck_assert_msg(strcmp(buf_cstr(&out), rows[i].line) == 0, "row %zu: %s", i, buf_cstr(&out));
    }
    kit_close(&k);
}
END_TEST

START_TEST(timeouts_and_agents_in_log_lines)
{
    static const struct {
        struct health_result r;
        const char *words;
    } rows[] = {
        {{HEALTH_L7TOUT, 0, {2001000}, ""}, "reason: Layer7 timeout, check duration: 2001ms"},
        {{HEALTH_L4CON, 0, {0}, "Connection refused"},
         "reason: Layer4 connection problem, info: \"Connection refused\", check duration: 0ms"},
        {{HEALTH_L4TOUT, 0, {1001999}, ""}, "reason: Layer4 timeout, check duration: 1001ms"},
        {{HEALTH_L4OK, 0, {0}, ""}, "reason: Layer4 check passed, check duration: 0ms"},
        {{HEALTH_PROCERR, 1, {3000}, ""},
         "reason: External check error, code: 1, check duration: 3ms"},
        {{HEALTH_HANA, 0, {-1}, "Detected 10 consecutive errors"},
         "reason: Health analyze, info: \"Detected 10 consecutive errors\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out cleanup(buf_fini) = BUF_INIT(512);
        health_reason(&out, &rows[i].r);
        ck_assert_str_eq(buf_cstr(&out), rows[i].words);
    }
}
END_TEST

START_TEST(tracking_servers_follow_through_any_depth)
{
    struct buf out cleanup(buf_fini) = BUF_INIT(4096);
    struct err e;
    char text[SERVER_STATUS_MAX];
    struct kit k = kit_open((struct pool_conf){0}), tr = kit_open((struct pool_conf){.name = "tr"});
    struct server *a = kit_add(&k, (struct server_conf){.weight = 1, .checked = true});
    struct server *t1 = kit_add(&tr, (struct server_conf){.weight = 1, .name = "t1"});
    struct server *t2 = kit_add(&tr, (struct server_conf){.weight = 1, .name = "t2"});
    ck_assert_int_eq(server_track(t1, a, kit_now, &e), 0);
    ck_assert_int_eq(server_track(t2, t1, kit_now, &e), 0);
    ck_assert_int_eq(server_track(a, t2, kit_now, &e), -EINVAL); /* has a check of its own */
    ck_assert_int_eq(server_track(t1, t2, kit_now, &e), -ELOOP);
    ck_assert_int_eq(pool_del(k.pool, a, &e), -EBUSY);
    set_state(a, UP);
    pool_on_event(tr.pool, log_event, &out);

    server_set_admin(a, SERVER_MAINT, kit_now);
    ck_assert_str_eq(server_status_text(t1, text), "MAINT (via nodes/A)");
    ck_assert_str_eq(server_status_text(t2, text), "MAINT (via tr/t1)");
    ck_assert_str_eq(
        buf_cstr(&out),
        "Server tr/t1 is going DOWN for maintenance via nodes/A. 1 active and 0 backup servers "
        "left. 0 sessions active, 0 requeued, 0 remaining in queue. <1>\n"
        "Server tr/t2 is going DOWN for maintenance via tr/t1. 0 active and 0 backup servers left. "
        "0 sessions active, 0 requeued, 0 remaining in queue. <1>\n"
        "backend tr has no server available!\n");
    server_set_admin(a, SERVER_DRAIN, kit_now);
    ck_assert_str_eq(server_status_text(t2, text), "DRAIN 1/3");
    server_set_admin(a, SERVER_READY, kit_now);
    ck_assert_str_eq(server_status_text(t2, text), "UP 1/3");
    set_state(a, UP_2_3);
    ck_assert_str_eq(server_status_text(t1, text), "UP 2/3");
    buf_clear(&out);
    set_state(a, DOWN);
    ck_assert_str_eq(server_status_text(t2, text), "DOWN");
    ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "Server tr/t1 is DOWN via nodes/A. 1 active and"));
    buf_clear(&out);
    set_state(a, UP);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "Server tr/t2 is UP via tr/t1. 2 active and 0"));
    ck_assert_int_eq(server_track(t2, a, kit_now, &e), 0); /* another one */
    server_set_admin(a, SERVER_MAINT, kit_now);
    ck_assert_str_eq(server_status_text(t2, text), "MAINT (via nodes/A)");
    ck_assert_int_eq(server_track(t2, NULL, kit_now, &e), 0); /* none */
    ck_assert_str_eq(server_status_text(t2, text), "no check");
    ck_assert_int_eq(pool_del(tr.pool, t2, &e), 0);
    ck_assert_int_eq(pool_del(tr.pool, t1, &e), 0);
    ck_assert_int_eq(pool_del(k.pool, a, &e), 0);
    kit_close(&tr);
    kit_close(&k);
}
END_TEST

START_TEST(a_name_without_address_is_down_until_it_has_one)
{
    struct buf out cleanup(buf_fini) = BUF_INIT(4096);
    char text[SERVER_STATUS_MAX];
    struct kit k = kit_open((struct pool_conf){0});
    struct server *s =
        kit_add(&k, (struct server_conf){.weight = 1, .down = true, .fqdn = "web.example"});
    struct server *checked = kit_add(
        &k, (struct server_conf){.weight = 1, .backup = true, .down = true, .checked = true});
    struct server_view v = server_view(s);
    ck_assert(!server_usable_new(&v) && !server_usable_persistent(&v));
    ck_assert_str_eq(server_status_text(s, text), "DOWN");
    ck_assert_str_eq(server_status_text(checked, text), "DOWN");
    pool_on_event(k.pool, log_event, &out);
    server_set_resolved(s, true, kit_now);
    ck_assert_str_eq(server_status_text(s, text), "no check");
    server_set_resolved(s, false, kit_now);
    ck_assert_str_eq(
        buf_cstr(&out),
        "Server nodes/A is UP, \"web.example\" is resolved. 1 active and 0 backup servers online. "
        "0 "
        "sessions requeued, 0 total in queue. <5>\n"
        "Server nodes/A is DOWN, \"web.example\" cannot be resolved. 0 active and 0 backup servers "
        "left. 0 sessions active, 0 requeued, 0 remaining in queue. <1>\n"
        "backend nodes has no server available!\n");
    kit_close(&k);
}
END_TEST

START_TEST(downtime_adds_up)
{
    struct kit k = kit_open((struct pool_conf){0});
    struct server *s = kit_add(&k, (struct server_conf){.weight = 1});
    server_set_admin(s, SERVER_MAINT, mono_add(kit_now, span_s(5)));
    ck_assert_int_eq(server_downtime(s, mono_add(kit_now, span_s(8))).us, 3000000);
    server_set_admin(s, SERVER_READY, mono_add(kit_now, span_s(10)));
    server_set_admin(s, SERVER_DRAIN, mono_add(kit_now, span_s(11)));
    ck_assert_int_eq(server_downtime(s, mono_add(kit_now, span_s(20))).us, 5000000);
    ck_assert_uint_eq(s->downs, 1);
    kit_close(&k);
}
END_TEST

START_TEST(members_are_found_by_name_id_and_cookie)
{
    static const struct {
        const char *cookie;
        int server;
    } rows[] = {{"s1", 0}, {"s", -1}, {"s10", 1}, {"s2", 2}, {"", -1}, {"zz", -1}, {"S1", -1}};
    struct kit k = kit_open((struct pool_conf){0});
    kit_add(&k, (struct server_conf){.weight = 1, .cookie = "s1"});
    kit_add(&k, (struct server_conf){.weight = 1, .cookie = "s10", .id = 7});
    kit_add(&k, (struct server_conf){.weight = 1, .cookie = "s2"});
    kit_add(&k, (struct server_conf){.weight = 1, .cookie = "s1"}); /* the first one wins */
    kit_add(&k, (struct server_conf){.weight = 1});
    struct pool_members *m = pool_members(k.pool);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ck_assert_ptr_eq(pool_by_cookie(m, rows[i].cookie, strlen(rows[i].cookie)),
                         rows[i].server < 0 ? NULL : k.s[rows[i].server]);
    ck_assert_ptr_null(pool_by_cookie(m, "s1\0x", 4));
    ck_assert_uint_eq(k.s[2]->id, 2); /* the lowest free one */
    ck_assert_uint_eq(k.s[3]->id, 3);
    ck_assert_ptr_eq(pool_find(k.pool, "#7"), k.s[1]);
    ck_assert_ptr_eq(pool_find(k.pool, "C"), k.s[2]);
    ck_assert_ptr_null(pool_find(k.pool, "#9"));
    ck_assert_ptr_null(pool_find(k.pool, "D1"));
    pool_members_unref(m);
    kit_close(&k);
}
END_TEST

START_TEST(bad_members_are_refused_with_a_sentence)
{
    static const struct {
        struct server_conf conf;
        int code;
        const char *text;
    } rows[] = {
        {{.name = "A", .weight = 1}, -EEXIST, "pool nodes has a server A already"},
        {{.name = "B", .weight = 1, .id = 1}, -EEXIST, "server nodes/B: id 1 is taken by A"},
        {{.name = "", .weight = 1}, -EINVAL, "a server needs a name of at most 255 bytes"},
        {{.name = "B", .weight = 300}, -EINVAL, "server nodes/B: weight 300 is not in 0..256"},
    };
    struct kit k = kit_open((struct pool_conf){0});
    kit_add(&k, (struct server_conf){.weight = 1});
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err e = {0};
        ck_assert_int_eq(pool_add(k.pool, &rows[i].conf, kit_now, NULL, &e), rows[i].code);
        ck_assert_str_eq(e.text, rows[i].text);
    }
    ck_assert_uint_eq(k.pool->members->n, 1);
    kit_close(&k);
}
END_TEST

START_TEST(addresses_and_counters)
{
    struct kit k = kit_open((struct pool_conf){0});
    struct addr_port a, b;
    ck_assert(addr_port_parse("[2001:db8::7]:8080", &a));
    ck_assert(addr_port_parse("192.0.2.9:80", &b));
    struct server *s = kit_add(&k, (struct server_conf){.weight = 1, .address = a});
    struct addr_port got = server_address(s);
    ck_assert(addr_equal(&got.addr, &a.addr));
    ck_assert_uint_eq(got.port, 8080);
    server_set_address(s, &b);
    got = server_address(s);
    ck_assert(addr_equal(&got.addr, &b.addr));
    ck_assert_uint_eq(got.port, 80);
    for (unsigned w = 0; w < KIT_WORKERS; w++)
        count_add(&s->lanes[w].count, COUNT_BYTES_IN, 100 + w);
    ck_assert_uint_eq(server_count(s, COUNT_BYTES_IN), 303);
    ck_assert(server_take(s));
    kit_done(s);
    server_clear_peaks(s);
    ck_assert_uint_eq(server_count(s, COUNT_BYTES_IN), 303);
    ck_assert_uint_eq(atomic_load(&s->slots_max), 0);
    server_clear_counts(s);
    ck_assert_uint_eq(server_count(s, COUNT_BYTES_IN), 0);
    count_add(&s->lanes[1].count, COUNT_BYTES_IN, 7);
    ck_assert_uint_eq(server_count(s, COUNT_BYTES_IN), 7);
    count_add(&k.pool->lanes[2].count, COUNT_SESSIONS, 5);
    ck_assert_uint_eq(pool_count(k.pool, COUNT_SESSIONS), 5);
    pool_clear_counts(k.pool);
    ck_assert_uint_eq(pool_count(k.pool, COUNT_SESSIONS), 0);
    for (unsigned i = 0; i < COUNT_N; i++)
        ck_assert_msg(count_names[i] != NULL, "counter %u has no name", i);
    kit_close(&k);
}
END_TEST

static const struct test_row rows[] = {
    {"who may use a server: drain, maint, ready, down, 404 and weight 0, row by row",
     &who_may_use_a_server_in_each_state},
    {"a client with a cookie is served, queued, refused or sent elsewhere",
     &a_persistent_client_is_served_queued_or_turned_away},
    {"maintenance stops checks; ready brings the server up at once and checks it",
     &maintenance_stops_checks_and_ready_brings_it_up_at_once},
    {"what is configured and what was overridden at runtime stay apart",
     &configured_and_overridden_stay_apart},
    {"agents change weight, maxconn and state as they say", &agents_change_what_they_say},
    {"slowstart ramps weight and maxconn", &slowstart_ramps_weight_and_maxconn},
    {"minconn grows to maxconn with the load of the pool",
     &minconn_grows_with_the_load_of_the_pool},
    {"log lines on changes are word for word those of HAProxy",
     &log_lines_are_those_that_users_know},
    {"reasons of checks in words", &timeouts_and_agents_in_log_lines},
    {"servers that track another follow it into DOWN, DRAIN and MAINT (via ...)",
     &tracking_servers_follow_through_any_depth},
    {"a server whose name has no address is down until it has one",
     &a_name_without_address_is_down_until_it_has_one},
    {"downtime adds up", &downtime_adds_up},
    {"members are found by name, id and cookie", &members_are_found_by_name_id_and_cookie},
    {"a bad new server is refused with a sentence", &bad_members_are_refused_with_a_sentence},
    {"addresses change as a whole; counters sum over workers", &addresses_and_counters},
};

int main(void)
{
    return suite_main("pool", rows, ARRAY_LEN(rows));
}
