/* The state machine row by row: RFC 9568, 6.4. */
#include "tests/unit/vrrp_rig.h"

/* ---- 6.4.1 ---- */

START_TEST(I1_the_owner_is_active_at_once)
{
    struct rig r;
    rig_init(&r, plain(255));
    QUIET(&r);
    STEP(&r, "advert(255) add state Initialize>MASTER:owner announce", VRRP_EV_STARTUP);
    TIMER(&r, 1000000, "advert(255)");
}
END_TEST

START_TEST(I2_others_listen_first)
{
    struct rig r;
    rig_init(&r, plain(100));
    STEP(&r, TO_BACKUP, VRRP_EV_STARTUP);
    ck_assert_int_eq(r.v.active_interval.us, 1000000);
    ck_assert_int_eq(mono_diff(vrrp_deadline(&r.v), r.now).us, down_us(100));
    STEP(&r, "", VRRP_EV_STARTUP);
}
END_TEST

START_TEST(nothing_happens_before_the_start)
{
    struct rig r;
    rig_init(&r, plain(100));
    HEAR(&r, LOW, 0, "");
    STEP(&r, "", VRRP_EV_TIMER);
    STEP(&r, "", VRRP_EV_SHUTDOWN);
    STEP(&r, "", VRRP_EV_YIELD);
    STEP(&r, "", VRRP_EV_FAULT_SET, .fault = VRRP_FAULT_LINK);
    STEP(&r, "", VRRP_EV_FAULT_CLEAR, .fault = VRRP_FAULT_LINK);
    QUIET(&r);
}
END_TEST

START_TEST(the_start_delay_is_waited_out_whatever_faults_do)
{
    struct vrrp_conf c = plain(255);
    struct rig r;
    c.start_delay = span_s(10);
    rig_init(&r, c);
    STEP(&r, "", VRRP_EV_STARTUP);
    pass(&r, span_s(4));
    STEP(&r, "", VRRP_EV_STARTUP); /* is not begun again */
    STEP(&r, "state Initialize>FAULT:fault", VRRP_EV_FAULT_SET, .fault = VRRP_FAULT_LINK);
    STEP(&r, "state Initialize>STOP:fault-cleared", VRRP_EV_FAULT_CLEAR, .fault = VRRP_FAULT_LINK);
    TIMER(&r, 6000000, "advert(255) add state Initialize>MASTER:owner announce");

    rig_init(&r, c);
    STEP(&r, "", VRRP_EV_STARTUP);
    STEP(&r, "state Initialize>FAULT:fault", VRRP_EV_FAULT_SET, .fault = VRRP_FAULT_LINK);
    TIMER(&r, 10000000, "");
    QUIET(&r);
    STEP(&r, "advert(255) add state Initialize>MASTER:owner announce", VRRP_EV_FAULT_CLEAR,
         .fault = VRRP_FAULT_LINK);
}
END_TEST

START_TEST(a_successor_resumes_as_active)
{
    struct rig r;
    rig_init(&r, plain(100));
    STEP(&r, "advert(100) add state Initialize>MASTER:resumed announce", VRRP_EV_STARTUP,
         .resume = true);
    TIMER(&r, 1000000, "advert(100)");
}
END_TEST

/* ---- 6.4.2 ---- */

START_TEST(B1_a_backup_holds_and_says_nothing)
{
    struct rig r;
    start_backup(&r, conf_of(100));
    for (int i = 0; i < 50; i++) {
        pass(&r, span_ms(900));
        HEAR(&r, LOW, 100, "");
        STEP(&r, "", VRRP_EV_TIMER);
        STEP(&r, "", VRRP_EV_ADDRESSES_READY);
    }
    ck_assert_uint_eq(r.v.counters.adverts_sent, 0);
    ck_assert_uint_eq(r.v.counters.announced, 0);
}
END_TEST

START_TEST(B2_silence_makes_a_backup_active)
{
    struct rig r;
    start_backup(&r, plain(100));
    TIMER(&r, down_us(100), "advert(100) add state Backup>MASTER:silence announce");
    TIMER(&r, 1000000, "advert(100)");
}
END_TEST

START_TEST(B3_priority_0_leaves_skew_time)
{
    struct rig r;
    start_backup(&r, plain(100));
    HEAR(&r, LOW, 200, "");
    pass(&r, span_ms(500));
    HEAR(&r, LOW, 0, "");
    pass(&r, span_ms(5));
    HEAR(&r, LOW, 0, ""); /* said twice, because one can be lost */
    TIMER(&r, 604375, "advert(100) add state Backup>MASTER:peer-left announce");

    start_backup(&r, plain(100)); /* its successor has spoken: the second one is stale */
    HEAR(&r, LOW, 200, "");
    HEAR(&r, LOW, 0, "");
    HEAR(&r, HIGH, 150, "");
    HEAR(&r, LOW, 0, "");
    HEAR(&r, LOW, 0, "");
    ck_assert_int_eq(mono_diff(vrrp_deadline(&r.v), r.now).us, down_us(100));
}
END_TEST

START_TEST(B3_with_two_nodes_there_is_nobody_to_race)
{
    struct vrrp_conf c = plain(100);
    struct rig r;
    c.fast_takeover = true;
    start_backup(&r, c);
    HEAR(&r, LOW, 200, "");
    HEAR(&r, LOW, 0, "advert(100) add state Backup>MASTER:peer-left announce");
}
END_TEST

START_TEST(B4_a_higher_or_equal_active_is_followed)
{
    static const uint8_t priorities[] = {100, 101, 254, 255};
    for (size_t i = 0; i < ARRAY_LEN(priorities); i++) {
        struct rig r;
        start_backup(&r, plain(100));
        pass(&r, span_ms(3600));
        HEAR(&r, LOW, priorities[i], "");
        ck_assert_int_eq(mono_diff(vrrp_deadline(&r.v), r.now).us, down_us(100));
    }
}
END_TEST

START_TEST(B4_the_actives_interval_is_learned)
{
    struct rig r;
    start_backup(&r, plain(100));
    struct packet p = packet_of(&r, 200);
    p.interval = span_ms(250);
    HEAR_PACKET(&r, LOW, p, "note:interval-differs");
    TIMER(&r, 750000 + 156 * 250000 / 256, "advert(100) add state Backup>MASTER:silence announce");
    /* As Active it keeps its own. */
    TIMER(&r, 1000000, "advert(100)");
}
END_TEST

START_TEST(B4_without_preemption_a_lower_active_is_followed)
{
    struct vrrp_conf c = plain(100);
    struct rig r;
    c.preempt = false;
    start_backup(&r, c);
    pass(&r, span_ms(3000));
    HEAR(&r, LOW, 50, "");
    TIMER(&r, down_us(100), "advert(100) add state Backup>MASTER:silence announce");
}
END_TEST

START_TEST(B4_the_owner_preempts_even_without_preemption)
{
    struct vrrp_conf c = plain(255);
    struct rig r;
    c.preempt = false;
    rig_init(&r, c);
    STEP(&r, TO_BACKUP, VRRP_EV_STARTUP, .priority = 100);
    STEP(&r, "", VRRP_EV_PRIORITY, .priority = 255);
    pass(&r, span_ms(100));
    HEAR(&r, LOW, 254, "note:owner-heard");
    TIMER(&r, down_us(255) - 100000, "advert(255) add state Backup>MASTER:preempt announce");
}
END_TEST

START_TEST(B5_a_lower_active_does_not_touch_the_timer)
{
    struct rig r;
    start_backup(&r, plain(100));
    for (int i = 0; i < 3; i++) {
        pass(&r, span_ms(1000));
        HEAR(&r, LOW, 99, "");
    }
    TIMER(&r, down_us(100) - 3000000, "advert(100) add state Backup>MASTER:preempt announce");
}
END_TEST

START_TEST(B5_an_active_that_falls_below_us_is_preempted_promptly)
{
    struct vrrp_conf c = plain(100);
    struct rig r;
    c.prompt = true;
    start_backup(&r, c);
    HEAR(&r, LOW, 101, "");
    pass(&r, span_ms(200));
    HEAR(&r, LOW, 99, "");
    TIMER(&r, 609375, "advert(100) add state Backup>MASTER:preempt announce");

    start_backup(&r, c); /* one that was always below, or another one, is not */
    HEAR(&r, LOW, 99, "");
    HEAR(&r, LOW, 98, "");
    HEAR(&r, HIGH, 97, "");
    ck_assert_int_eq(mono_diff(vrrp_deadline(&r.v), r.now).us, down_us(100));

    start_backup(&r, c); /* the timer is never made longer */
    HEAR(&r, LOW, 101, "");
    pass(&r, span_ms(3600));
    HEAR(&r, LOW, 99, "");
    TIMER(&r, 9375, "advert(100) add state Backup>MASTER:preempt announce");

    start_backup(&r, c); /* what it said before we were Backup does not count */
    HEAR(&r, LOW, 101, "");
    STEP(&r, "state Backup>FAULT:fault", VRRP_EV_FAULT_SET);
    pass(&r, span_ms(1));
    STEP(&r, "state Initialize>BACKUP:fault-cleared", VRRP_EV_FAULT_CLEAR);
    HEAR(&r, LOW, 99, "");
    ck_assert_int_eq(mono_diff(vrrp_deadline(&r.v), r.now).us, down_us(100));

    c.fast_takeover = true;
    start_backup(&r, c);
    HEAR(&r, LOW, 101, "");
    HEAR(&r, LOW, 99, "advert(100) add state Backup>MASTER:preempt announce");
}
END_TEST

START_TEST(B5_preempt_delay_runs_from_the_first_lower_advert)
{
    struct vrrp_conf c = plain(100);
    struct rig r;
    c.preempt_delay = span_s(60);
    start_backup(&r, c);
    HEAR(&r, LOW, 99, "note:preempt-delayed");
    for (int i = 0; i < 60; i++) {
        ck_assert(!vrrp_may_preempt(&r.v, r.now));
        pass(&r, span_ms(1000));
        HEAR(&r, LOW, 99, "");
    }
    ck_assert(vrrp_may_preempt(&r.v, r.now));
    TIMER(&r, down_us(100) - 1000000, "advert(100) add state Backup>MASTER:preempt announce");

    start_backup(&r, c); /* a higher one resets it */
    HEAR(&r, LOW, 99, "note:preempt-delayed");
    pass(&r, span_s(59));
    HEAR(&r, HIGH, 101, "");
    HEAR(&r, LOW, 99, "note:preempt-delayed");
    pass(&r, span_s(2));
    ck_assert(!vrrp_may_preempt(&r.v, r.now));

    start_backup(&r, c); /* and a lower one that dies is replaced all the same */
    HEAR(&r, LOW, 99, "note:preempt-delayed");
    TIMER(&r, down_us(100), "advert(100) add state Backup>MASTER:silence announce");
}
END_TEST

START_TEST(B6_shutdown_of_a_backup_is_silent)
{
    struct rig r;
    start_backup(&r, conf_of(100));
    STEP(&r, "state Backup>STOP:shutdown", VRRP_EV_SHUTDOWN);
    QUIET(&r);
    HEAR(&r, LOW, 0, "");
    STEP(&r, TO_BACKUP, VRRP_EV_STARTUP);
}
END_TEST

START_TEST(a_late_timer_listens_once_more)
{
    struct rig r;
    start_backup(&r, plain(100));
    pass(&r, span_us(down_us(100) + 1000001));
    STEP(&r, "note:late-timer", VRRP_EV_TIMER);
    /* The Active is still there: nothing has happened. */
    pass(&r, span_ms(900));
    HEAR(&r, LOW, 200, "");
    ck_assert_int_eq(mono_diff(vrrp_deadline(&r.v), r.now).us, down_us(100));
    /* It is not: one interval and Skew_Time later we take over, however late that is. */
    pass(&r, span_s(30));
    STEP(&r, "note:late-timer", VRRP_EV_TIMER);
    ck_assert_int_eq(mono_diff(vrrp_deadline(&r.v), r.now).us, 1609375);
    pass(&r, span_s(30));
    STEP(&r, "advert(100) add state Backup>MASTER:silence announce", VRRP_EV_TIMER);
    ck_assert_uint_eq(r.v.counters.late_timers, 2);
}
END_TEST

START_TEST(a_changed_priority_shifts_the_running_timer)
{
    struct rig r;
    start_backup(&r, plain(100));
    pass(&r, span_s(1));
    STEP(&r, "", VRRP_EV_PRIORITY, .priority = 200);
    ck_assert_int_eq(mono_diff(vrrp_deadline(&r.v), r.now).us, down_us(200) - 1000000);
    HEAR(&r, LOW, 0, "");
    STEP(&r, "", VRRP_EV_PRIORITY, .priority = 100);
    TIMER(&r, 609375, "advert(100) add state Backup>MASTER:peer-left announce");
}
END_TEST

/* ---- 6.4.3 ---- */

START_TEST(A1_the_rhythm_does_not_drift)
{
    struct rig r;
    start_active(&r, plain(100));
    pass(&r, span_ms(1400)); /* 400 ms late */
    STEP(&r, "advert(100)", VRRP_EV_TIMER);
    TIMER(&r, 600000, "advert(100)");
    pass(&r, span_ms(3500)); /* missed ones are not made up for */
    STEP(&r, "note:late-timer advert(100)", VRRP_EV_TIMER);
    TIMER(&r, 1000000, "advert(100)");
}
END_TEST

START_TEST(A2_priority_0_is_answered)
{
    struct rig r;
    start_active(&r, plain(100));
    pass(&r, span_ms(700));
    HEAR(&r, HIGH, 0, "advert(100)");
    TIMER(&r, 1000000, "advert(100)");
    pass(&r, span_ms(500)); /* later than the first interval somebody else was Active */
    HEAR(&r, HIGH, 0, "advert(100) note:two-actives announce");
}
END_TEST

START_TEST(A3_a_higher_priority_is_given_way)
{
    struct vrrp_conf c = plain(100);
    struct rig r;
    c.preempt = false; /* is not consulted */
    start_active(&r, c);
    struct packet p = packet_of(&r, 101);
    p.interval = span_ms(500);
    HEAR_PACKET(&r, LOW, p, "note:interval-differs remove state Active>BACKUP:higher-priority");
    ck_assert_int_eq(mono_diff(vrrp_deadline(&r.v), r.now).us, 1500000 + 156 * 500000 / 256);
    ck_assert_uint_eq(r.v.counters.yields, 1);

    /* What was learned is forgotten where the RFC starts anew. */
    STEP(&r, "state Backup>FAULT:fault", VRRP_EV_FAULT_SET);
    STEP(&r, "state Initialize>BACKUP:fault-cleared", VRRP_EV_FAULT_CLEAR);
    ck_assert_int_eq(mono_diff(vrrp_deadline(&r.v), r.now).us, down_us(100));
}
END_TEST

START_TEST(A3_at_equal_priority_the_greater_address_wins)
{
    struct rig r;
    start_active(&r, plain(100));
    HEAR(&r, HIGH, 100, "remove state Active>BACKUP:higher-address");
    start_active(&r, plain(100));
    pass(&r, span_ms(100));
    HEAR(&r, LOW, 100, "advert(100) announce");
    HEAR(&r, SELF, 100, "advert(100)"); /* a duplicate of our address does not win */
    ck_assert_int_eq(r.v.state, VRRP_ACTIVE);

    STEP(&r, "", VRRP_EV_SOURCE, .src = ip("10.0.0.1")); /* our address may change */
    HEAR(&r, LOW, 100, "remove state Active>BACKUP:higher-address");
}
END_TEST

START_TEST(A3_the_winner_is_told)
{
    struct vrrp_conf c = plain(100);
    struct rig r;
    c.tell_winner = true;
    start_active(&r, c);
    HEAR(&r, LOW, 200, "remove advert(100) state Active>BACKUP:higher-priority");
}
END_TEST

START_TEST(A4_a_lower_priority_is_answered_at_once)
{
    struct rig r;
    start_active(&r, plain(100));
    TIMER(&r, 1000000, "advert(100)");
    pass(&r, span_ms(300));
    HEAR(&r, HIGH, 99, "advert(100) note:two-actives announce");
    TIMER(&r, 700000, "advert(100)"); /* the timer was not touched */
    ck_assert_uint_eq(r.v.counters.conflicts, 1);
}
END_TEST

START_TEST(A4_a_conflict_is_told_once_and_healed)
{
    struct rig r;
    start_active(&r, plain(100));
    TIMER(&r, 1000000, "advert(100)");
    pass(&r, span_ms(600));
    HEAR(&r, LOW, 99, "advert(100) note:two-actives announce");
    TIMER(&r, 400000, "advert(100)");
    pass(&r, span_ms(600));
    HEAR(&r, LOW, 99, "advert(100)");
    TIMER(&r, 400000, "advert(100)");
    TIMER(&r, 1000000, "advert(100)");
    TIMER(&r, 100000, "note:conflict-over announce"); /* 1.5 intervals of quiet */
    TIMER(&r, 900000, "advert(100)");
    HEAR(&r, LOW, 99, "advert(100) note:two-actives announce");
    ck_assert_uint_eq(r.v.counters.conflicts, 2);
}
END_TEST

START_TEST(A4_the_last_words_of_a_preempted_active_are_no_conflict)
{
    struct rig r;
    start_active(&r, plain(100));
    pass(&r, span_ms(1));
    HEAR(&r, LOW, 99, "advert(100) announce");
    TIMER(&r, 999000, "advert(100)");
    TIMER(&r, 501000, "announce");
    ck_assert_uint_eq(r.v.counters.conflicts, 0);
}
END_TEST

START_TEST(answers_are_limited)
{
    struct rig r;
    start_active(&r, plain(100));
    HEAR(&r, LOW, 99, "advert(100) announce");
    for (int i = 1; i < VRRP_ANSWERS_MAX; i++)
        HEAR(&r, LOW, 99, "advert(100)");
    HEAR(&r, LOW, 99, "note:answers-limited");
    for (int i = 0; i < 1000; i++)
        HEAR(&r, LOW, i % 2 ? 99 : 0, "");
    ck_assert_uint_eq(r.v.counters.answers_limited, 1001);
    TIMER(&r, 1000000, "advert(100)"); /* A2 does not put the timer off for ever */
    HEAR(&r, LOW, 0, "advert(100) note:two-actives");
}
END_TEST

START_TEST(A5_shutdown_of_the_active_says_0_twice)
{
    struct rig r;
    start_active(&r, conf_of(100));
    STEP(&r, "remove advert(0) state Active>STOP:shutdown", VRRP_EV_SHUTDOWN);
    TIMER(&r, 5000, "advert(0)");
    QUIET(&r);

    start_active(&r, plain(100));
    STEP(&r, "remove advert(0) state Active>STOP:shutdown", VRRP_EV_SHUTDOWN);
    QUIET(&r);
}
END_TEST

START_TEST(A6_the_filter_is_asked_for)
{
    struct vrrp_conf c = plain(100);
    struct rig r;
    c.accept = false;
    start_backup(&r, c);
    TIMER(&r, down_us(100), "advert(100) add(filtered) state Backup>MASTER:silence announce");
    c.accept = true;
    c.addrs = r.v.conf.addrs;
    c.addr_count = r.v.conf.addr_count;
    STEP(&r, "add", VRRP_EV_CONF, .conf = &c);

    c.accept = false; /* the owner accepts in any case */
    c.priority = 255;
    rig_init(&r, c);
    STEP(&r, "advert(255) add state Initialize>MASTER:owner announce", VRRP_EV_STARTUP);
}
END_TEST

START_TEST(a_lower_priority_is_advertised_at_once)
{
    struct rig r;
    start_active(&r, plain(101));
    pass(&r, span_ms(400));
    STEP(&r, "advert(99)", VRRP_EV_PRIORITY, .priority = 99);
    STEP(&r, "", VRRP_EV_PRIORITY, .priority = 101);
    TIMER(&r, 1000000, "advert(101)");
}
END_TEST

static const struct test_row rows[] = {
    {"I1 the owner is active at once", &I1_the_owner_is_active_at_once},
    {"I2 others listen first", &I2_others_listen_first},
    {"nothing happens before the start", &nothing_happens_before_the_start},
    {"the start delay is waited out whatever faults do",
     &the_start_delay_is_waited_out_whatever_faults_do},
    {"a successor resumes as active", &a_successor_resumes_as_active},
    {"B1 a backup holds and says nothing", &B1_a_backup_holds_and_says_nothing},
    {"B2 silence makes a backup active", &B2_silence_makes_a_backup_active},
    {"B3 priority 0 leaves skew time", &B3_priority_0_leaves_skew_time},
    {"B3 with two nodes there is nobody to race", &B3_with_two_nodes_there_is_nobody_to_race},
    {"B4 a higher or equal active is followed", &B4_a_higher_or_equal_active_is_followed},
    {"B4 the actives interval is learned", &B4_the_actives_interval_is_learned},
    {"B4 without preemption a lower active is followed",
     &B4_without_preemption_a_lower_active_is_followed},
    {"B4 the owner preempts even without preemption",
     &B4_the_owner_preempts_even_without_preemption},
    {"B5 a lower active does not touch the timer", &B5_a_lower_active_does_not_touch_the_timer},
    {"B5 an active that falls below us is preempted promptly",
     &B5_an_active_that_falls_below_us_is_preempted_promptly},
    {"B5 preempt delay runs from the first lower advert",
     &B5_preempt_delay_runs_from_the_first_lower_advert},
    {"B6 shutdown of a backup is silent", &B6_shutdown_of_a_backup_is_silent},
    {"a late timer listens once more", &a_late_timer_listens_once_more},
    {"a changed priority shifts the running timer", &a_changed_priority_shifts_the_running_timer},
    {"A1 the rhythm does not drift", &A1_the_rhythm_does_not_drift},
    {"A2 priority 0 is answered", &A2_priority_0_is_answered},
    {"A3 a higher priority is given way", &A3_a_higher_priority_is_given_way},
    {"A3 at equal priority the greater address wins",
     &A3_at_equal_priority_the_greater_address_wins},
    {"A3 the winner is told", &A3_the_winner_is_told},
    {"A4 a lower priority is answered at once", &A4_a_lower_priority_is_answered_at_once},
    {"A4 a conflict is told once and healed", &A4_a_conflict_is_told_once_and_healed},
    {"A4 the last words of a preempted active are no conflict",
     &A4_the_last_words_of_a_preempted_active_are_no_conflict},
    {"answers are limited", &answers_are_limited},
    {"A5 shutdown of the active says 0 twice", &A5_shutdown_of_the_active_says_0_twice},
    {"A6 the filter is asked for", &A6_the_filter_is_asked_for},
    {"a lower priority is advertised at once", &a_lower_priority_is_advertised_at_once},
};

int main(void)
{
    return suite_main("vrrp", rows, ARRAY_LEN(rows));
}
