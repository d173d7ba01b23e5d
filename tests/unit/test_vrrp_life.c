/* What surrounds the RFC's tables: timers and limits, announcements, faults, handover, reload, and
 * what adverts tell. */
#include "tests/unit/vrrp_rig.h"

/* ---- timers ---- */

START_TEST(T2_T3_W3_skew_and_down_in_microseconds)
{
    static const struct {
        uint8_t version, priority;
        int64_t interval_us, skew_us;
    } rows[] = {
        {3, 100, 1000000, 609375}, {3, 101, 1000000, 605468}, {3, 254, 1000000, 7812},
        {3, 255, 1000000, 3906},   {3, 1, 1000000, 996093},   {3, 100, 10000, 6093},
        {3, 254, 10000, 78},       {3, 254, 30000, 234},      {3, 1, 40950000, 40790039},
        {2, 100, 1000000, 609375}, {2, 100, 5000000, 609375}, {2, 254, 255000000, 7812},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vrrp_conf c = plain(rows[i].priority);
        struct rig r;
        c.version = rows[i].version;
        c.interval = span_us(rows[i].interval_us);
        rig_init(&r, c);
        ck_assert_int_eq(vrrp_skew_time(&r.v).us, rows[i].skew_us);
        ck_assert_int_eq(vrrp_active_down_interval(&r.v).us,
                         3 * rows[i].interval_us + rows[i].skew_us);
    }
}
END_TEST

START_TEST(T1_W1_intervals_have_limits)
{
    static const struct {
        uint8_t version;
        int64_t us;
        bool ok;
    } rows[] = {
        {3, 9999, false},    {3, 10000, true},     {3, 15000, false},     {3, 1000000, true},
        {3, 40950000, true}, {3, 40960000, false}, {2, 999999, false},    {2, 1000000, true},
        {2, 1500000, false}, {2, 255000000, true}, {2, 256000000, false},
    };
    struct addr a = ip("192.0.2.10");
    ck_assert_int_eq(vrrp_conf_default().interval.us, 1000000);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vrrp_conf c = plain(100);
        c.version = rows[i].version;
        c.interval = span_us(rows[i].us);
        c.addrs = &a;
        c.addr_count = 1;
        const char *wrong = vrrp_conf_check(&c);
        ck_assert_msg(!wrong == rows[i].ok, "row %zu: %s", i, wrong ? wrong : "accepted");
    }
}
END_TEST

START_TEST(a_configuration_that_cannot_run_is_told)
{
    struct addr v4 = ip("192.0.2.10"), v6 = ip("2001:db8::1"), mixed[] = {v4, v6};
    struct vrrp_conf good = plain(100);
    good.addrs = &v4;
    good.addr_count = 1;
    ck_assert_ptr_null(vrrp_conf_check(&good));

    struct vrrp_conf c = good;
    c.version = 4;
    ck_assert_ptr_nonnull(vrrp_conf_check(&c));
    c = good;
    c.vrid = 0;
    ck_assert_ptr_nonnull(vrrp_conf_check(&c));
    c = good;
    c.priority = 0;
    ck_assert_ptr_nonnull(vrrp_conf_check(&c));
    c = good;
    c.addr_count = 0;
    ck_assert_ptr_nonnull(vrrp_conf_check(&c));
    c = good;
    c.addr_count = 256;
    ck_assert_ptr_nonnull(vrrp_conf_check(&c));
    c = good;
    c.addrs = mixed;
    c.addr_count = 2;
    ck_assert_ptr_nonnull(vrrp_conf_check(&c));
    c = good;
    c.peers = &v6;
    c.peer_count = 1;
    ck_assert_ptr_nonnull(vrrp_conf_check(&c));
    c = good;
    c.auth = PACKET_AUTH_TEXT;
    ck_assert_ptr_nonnull(vrrp_conf_check(&c));
    c.version = 2;
    ck_assert_ptr_null(vrrp_conf_check(&c));
    c.family = AF_INET6;
    ck_assert_ptr_nonnull(vrrp_conf_check(&c));
}
END_TEST

/* ---- announcing ---- */

START_TEST(G1_G2_announcements_are_repeated_delayed_and_refreshed)
{
    static const uint8_t families[] = {AF_INET, AF_INET6};
    for (size_t i = 0; i < ARRAY_LEN(families); i++) {
        struct addr v6 = ip("fe80::a");
        struct vrrp_conf c = plain(100);
        struct rig r;
        c.interval = span_ms(40950);
        c.announce = (struct vrrp_announce){.repeat = 3,
                                            .gap = span_ms(5),
                                            .delay = span_s(5),
                                            .refresh = span_s(8),
                                            .refresh_repeat = 2};
        if ((c.family = families[i]) == AF_INET6) {
            c.addrs = &v6;
            c.addr_count = 1;
        }
        start_active(&r, c);
        ck_assert_int_eq(r.out.at[r.out.count - 1].kind, VRRP_ACTION_ANNOUNCE);
        TIMER(&r, 5000, "announce");
        TIMER(&r, 5000, "announce");
        TIMER(&r, 4990000, "announce");
        TIMER(&r, 5000, "announce");
        TIMER(&r, 5000, "announce");
        TIMER(&r, 8000000, "announce");
        TIMER(&r, 5000, "announce");
        TIMER(&r, 8000000, "announce");
        ck_assert_uint_eq(r.v.counters.announced, 9);
    }
}
END_TEST

START_TEST(G1_nothing_is_announced_after_leaving)
{
    struct rig r;
    start_active(&r, conf_of(100));
    STEP(&r, "remove advert(0) state Active>STOP:shutdown", VRRP_EV_SHUTDOWN);
    TIMER(&r, 5000, "advert(0)");
    QUIET(&r);
}
END_TEST

START_TEST(G3_an_address_is_there_before_it_is_announced)
{
    struct rig r;
    start_backup(&r, plain(100));
    TIMER(&r, down_us(100), "advert(100) add state Backup>MASTER:silence announce");
    STEP(&r, "announce", VRRP_EV_ADDRESSES_READY); /* put back, or in place late: again */
}
END_TEST

/* ---- faults, handover, reload ---- */

START_TEST(a_fault_leaves_at_once_and_heals_as_backup)
{
    struct rig r;
    start_active(&r, conf_of(100));
    STEP(&r, "remove advert(0) state Active>FAULT:fault", VRRP_EV_FAULT_SET,
         .fault = VRRP_FAULT_TRACKER);
    STEP(&r, "", VRRP_EV_FAULT_SET, .fault = VRRP_FAULT_LINK);
    HEAR(&r, LOW, 200, "");
    STEP(&r, "", VRRP_EV_FAULT_CLEAR, .fault = VRRP_FAULT_TRACKER);
    STEP(&r, "", VRRP_EV_FAULT_CLEAR, .fault = VRRP_FAULT_TRACKER);
    STEP(&r, "state Initialize>BACKUP:fault-cleared", VRRP_EV_FAULT_CLEAR,
         .fault = VRRP_FAULT_LINK);
    STEP(&r, "state Backup>FAULT:fault", VRRP_EV_FAULT_SET, .fault = VRRP_FAULT_LINK);
    STEP(&r, "state Initialize>STOP:shutdown", VRRP_EV_SHUTDOWN);
}
END_TEST

START_TEST(a_start_with_a_fault_is_a_fault)
{
    struct rig r;
    rig_init(&r, plain(255));
    STEP(&r, "", VRRP_EV_FAULT_SET, .fault = VRRP_FAULT_LINK);
    STEP(&r, "state Initialize>FAULT:fault", VRRP_EV_STARTUP);
    QUIET(&r);
    STEP(&r, "advert(255) add state Initialize>MASTER:owner announce", VRRP_EV_FAULT_CLEAR,
         .fault = VRRP_FAULT_LINK);
}
END_TEST

START_TEST(the_second_0_is_not_sent_once_it_would_lie)
{
    struct rig r;
    start_active(&r, conf_of(100));
    STEP(&r, "remove advert(0) state Active>BACKUP:yield", VRRP_EV_YIELD);
    HEAR(&r, LOW, 90, ""); /* the other one has taken over */
    ck_assert(mono_is_never(r.v.leave_at));

    struct vrrp_conf c = conf_of(255);
    rig_init(&r, c);
    STEP(&r, "advert(255) add state Initialize>MASTER:owner announce", VRRP_EV_STARTUP);
    STEP(&r, "remove advert(0) state Active>FAULT:fault", VRRP_EV_FAULT_SET);
    STEP(&r, "advert(255) add state Initialize>MASTER:owner announce", VRRP_EV_FAULT_CLEAR);
    TIMER(&r, 5000, "announce"); /* and no advert(0) */
    ck_assert(mono_is_never(r.v.leave_at));
}
END_TEST

START_TEST(a_handover_is_not_taken_back)
{
    struct rig r;
    start_active(&r, plain(100));
    STEP(&r, "remove advert(0) state Active>BACKUP:yield", VRRP_EV_YIELD, .span = span_s(30));
    for (int i = 0; i < 30; i++) {
        HEAR(&r, LOW, 90, "");
        pass(&r, span_s(1));
        STEP(&r, "", VRRP_EV_TIMER);
    }
    HEAR(&r, LOW, 90, ""); /* the time is up: an ordinary lower Active */
    TIMER(&r, down_us(100) - 1000000, "advert(100) add state Backup>MASTER:preempt announce");

    STEP(&r, "remove advert(0) state Active>BACKUP:yield", VRRP_EV_YIELD);
    for (int i = 0; i < 1000; i++) { /* without a time: until it leaves */
        HEAR(&r, LOW, 90, "");
        pass(&r, span_s(1));
        STEP(&r, "", VRRP_EV_TIMER);
    }
    HEAR(&r, LOW, 0, "");
    TIMER(&r, 609375, "advert(100) add state Backup>MASTER:peer-left announce");
    HEAR(&r, HIGH, 101, "remove state Active>BACKUP:higher-priority");
    HEAR(&r, HIGH, 99, ""); /* the handover is forgotten: preempted as ever */
    TIMER(&r, down_us(100), "advert(100) add state Backup>MASTER:preempt announce");
    STEP(&r, "remove advert(0) state Active>BACKUP:yield", VRRP_EV_YIELD);
    /* Nobody wants it: it comes back. */
    TIMER(&r, down_us(100), "advert(100) add state Backup>MASTER:silence announce");
}
END_TEST

START_TEST(a_reload_touches_what_changed)
{
    struct addr more[] = {ip("192.0.2.10"), ip("192.0.2.11"), ip("192.0.2.12")};
    struct rig r;
    start_active(&r, plain(100));
    struct vrrp_conf c = r.v.conf;
    pass(&r, span_ms(300));
    STEP(&r, "", VRRP_EV_CONF, .conf = &c);
    c.preempt = false;
    c.preempt_delay = span_s(3);
    c.addrs = more; /* the same ones in another place */
    STEP(&r, "", VRRP_EV_CONF, .conf = &c);
    TIMER(&r, 700000, "advert(100)");
    c.addr_count = 3;
    STEP(&r, "add announce advert(100)", VRRP_EV_CONF, .conf = &c);
    c.interval = span_ms(200);
    STEP(&r, "", VRRP_EV_CONF, .conf = &c);
    TIMER(&r, 200000, "advert(100)");
    c.priority = 90;
    STEP(&r, "advert(90)", VRRP_EV_CONF, .conf = &c);
    c.announce.refresh = span_ms(150);
    STEP(&r, "", VRRP_EV_CONF, .conf = &c);
    TIMER(&r, 150000, "announce");
}
END_TEST

START_TEST(a_reload_of_a_backup_misses_no_advert)
{
    struct rig r;
    start_backup(&r, plain(100));
    HEAR(&r, LOW, 200, "");
    struct vrrp_conf c = r.v.conf;
    c.interval = span_ms(100); /* ours; the Active still speaks once a second */
    pass(&r, span_ms(400));
    STEP(&r, "", VRRP_EV_CONF, .conf = &c);
    ck_assert_int_eq(mono_diff(vrrp_deadline(&r.v), r.now).us, down_us(100) - 400000);
    c.priority = 150;
    STEP(&r, "", VRRP_EV_CONF, .conf = &c, .priority = 148);
    ck_assert_int_eq(mono_diff(vrrp_deadline(&r.v), r.now).us, down_us(148) - 400000);

    c = plain(100); /* taken out of its sync group while it waited for the others */
    c.grouped = true;
    start_backup(&r, c);
    TIMER(&r, down_us(100), "");
    QUIET(&r);
    c = r.v.conf;
    c.grouped = false;
    STEP(&r, "", VRRP_EV_CONF, .conf = &c);
    TIMER(&r, down_us(100), "advert(100) add state Backup>MASTER:silence announce");
}
END_TEST

/* ---- what is heard ---- */

START_TEST(P7_auto_follows_the_peers_checksum)
{
    static const struct {
        enum vrrp_checksum mode;
        enum packet_form heard, first, then;
    } rows[] = {
        {VRRP_CHECKSUM_AUTO, PACKET_FORM_RFC9568, PACKET_FORM_RFC9568, PACKET_FORM_RFC9568},
        {VRRP_CHECKSUM_AUTO, PACKET_FORM_PSEUDO, PACKET_FORM_RFC9568, PACKET_FORM_PSEUDO},
        {VRRP_CHECKSUM_RFC9568, PACKET_FORM_PSEUDO, PACKET_FORM_RFC9568, PACKET_FORM_RFC9568},
        {VRRP_CHECKSUM_PSEUDO, PACKET_FORM_RFC9568, PACKET_FORM_PSEUDO, PACKET_FORM_PSEUDO},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vrrp_conf c = plain(100);
        struct addr src = ip(SELF), group = packet_group(AF_INET);
        struct packet_meta m = {.src = src, .dst = group, .ttl = 255};
        uint8_t buf[PACKET_MAX];
        struct packet sent;
        struct rig r;

        c.checksum = rows[i].mode;
        start_backup(&r, c);
        size_t len = vrrp_advert(&r.v, 100, &group, buf, sizeof(buf));
        ck_assert_int_eq(packet_decode(buf, len, &m, NULL, &sent), PACKET_OK);
        ck_assert_int_eq(sent.form, rows[i].first);
        struct packet p = packet_of(&r, 200);
        p.form = rows[i].heard;
        HEAR_PACKET(&r, LOW, p, rows[i].first != rows[i].then ? "note:checksum-form" : "");
        HEAR_PACKET(&r, LOW, p, "");
        len = vrrp_advert(&r.v, 100, &group, buf, sizeof(buf));
        ck_assert_int_eq(packet_decode(buf, len, &m, NULL, &sent), PACKET_OK);
        ck_assert_int_eq(sent.form, rows[i].then);
    }
}
END_TEST

/* Active, and nobody was heard: a rival that waits for our adverts gets its word in. */
START_TEST(P7_auto_pauses_now_and_then_until_a_peer_is_heard)
{
    static const struct {
        enum vrrp_checksum mode;
        bool heard;
        int64_t longest_us;
    } rows[] = {
        {VRRP_CHECKSUM_AUTO, false, 1125000},
        {VRRP_CHECKSUM_AUTO, true, 1000000},
        {VRRP_CHECKSUM_RFC9568, false, 1000000},
        {VRRP_CHECKSUM_PSEUDO, false, 1000000},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vrrp_conf c = plain(100);
        int64_t longest = 0;
        struct rig r;

        c.checksum = rows[i].mode;
        start_active(&r, c);
        r.v.form_known = false;
        if (rows[i].heard)
            HEAR_PACKET(&r, LOW, packet_of(&r, 50), "advert(100) announce");
        struct mono last = vrrp_deadline(&r.v);
        for (int k = 0; k < 20; k++) {
            struct mono at = r.v.adver_at;
            longest = k ? MAX(longest, mono_diff(at, last).us) : 0;
            last = at;
            vrrp_step(&r.v, &(struct vrrp_event){.kind = VRRP_EV_TIMER}, at, &r.out);
        }
        ck_assert_int_eq(longest, rows[i].longest_us);
    }
}
END_TEST

START_TEST(V7_the_owner_tells_and_processes)
{
    struct rig r;
    rig_init(&r, plain(255));
    STEP(&r, "advert(255) add state Initialize>MASTER:owner announce", VRRP_EV_STARTUP);
    pass(&r, span_ms(500));
    HEAR(&r, LOW, 100, "note:owner-heard advert(255) announce");
    HEAR(&r, LOW, 100, "advert(255)");
    pass(&r, span_s(VRRP_NOTE_GAP_S));
    HEAR(&r, HIGH, 255, "note:owner-heard remove state Active>BACKUP:higher-address");
}
END_TEST

START_TEST(V9_V11_differences_are_told_once_a_change)
{
    struct rig r;
    start_backup(&r, plain(100));
    struct packet p = packet_of(&r, 200);
    struct addr first = p.addrs[0];
    p.addrs[0] = p.addrs[1]; /* another order is no difference */
    p.addrs[1] = first;
    HEAR_PACKET(&r, LOW, p, "");
    p.addrs[1] = ip("192.0.2.99");
    HEAR_PACKET(&r, LOW, p, "note:addresses-differ");
    HEAR_PACKET(&r, LOW, p, "");
    p.addr_count = 1;
    HEAR_PACKET(&r, LOW, p, "note:addresses-differ");
    p.interval = span_s(2);
    HEAR_PACKET(&r, LOW, p, "note:interval-differs");
    HEAR_PACKET(&r, LOW, p, "");
    HEAR(&r, LOW, 200, "");
    HEAR_PACKET(&r, LOW, p, "note:interval-differs note:addresses-differ");
    p = packet_of(&r, 200);
    p.not_link_local = true;
    HEAR_PACKET(&r, LOW, p, "note:not-link-local");
    HEAR_PACKET(&r, LOW, p, "");
    ck_assert_int_eq(r.v.state, VRRP_BACKUP);

    start_backup(&r, plain(100)); /* two that differ from us in turn do not fill the log */
    struct packet q = packet_of(&r, 150);
    p = packet_of(&r, 200);
    p.interval = span_s(2);
    q.interval = span_s(3);
    HEAR_PACKET(&r, LOW, p, "note:interval-differs");
    for (int i = 0; i < 100; i++) {
        HEAR_PACKET(&r, HIGH, q, "");
        HEAR_PACKET(&r, LOW, p, "");
    }
    pass(&r, span_s(VRRP_NOTE_GAP_S));
    HEAR_PACKET(&r, HIGH, q, "note:interval-differs");
}
END_TEST

START_TEST(W4_version_2_learns_no_interval)
{
    struct vrrp_conf c = plain(100);
    struct rig r;
    c.version = 2;
    c.interval = span_s(2);
    start_backup(&r, c);
    struct packet p = packet_of(&r, 200);
    HEAR_PACKET(&r, LOW, p, "");
    ck_assert_int_eq(mono_diff(vrrp_deadline(&r.v), r.now).us, 6609375);
    struct packet_expect e = vrrp_expect(&r.v);
    ck_assert_int_eq(e.version, 2);
    ck_assert_int_eq(e.interval.us, 2000000);
}
END_TEST

START_TEST(status_shows_whom_it_heard)
{
    struct rig r;
    start_backup(&r, plain(100));
    HEAR(&r, LOW, 200, "");
    HEAR(&r, LOW, 0, "");
    struct addr low = ip(LOW);
    ck_assert(addr_equal(&r.v.peer.addr, &low));
    ck_assert_uint_eq(r.v.peer.priority, 0);
    ck_assert_int_eq(r.v.peer.heard.us, r.now.us);
    ck_assert_uint_eq(r.v.counters.adverts_heard, 2);
    ck_assert_uint_eq(r.v.counters.leaving_heard, 1);
    ck_assert_uint_eq(r.v.counters.transitions, 1);
    ck_assert_int_eq(r.v.reason, VRRP_REASON_STARTUP);
}
END_TEST

START_TEST(each_value_has_a_name_and_a_sentence)
{
    for (int i = 0; i < VRRP_REASONS; i++) {
        ck_assert_str_ne(vrrp_reason_name((enum vrrp_reason)i), "unknown");
        ck_assert_str_ne(vrrp_reason_sentence((enum vrrp_reason)i), "unknown");
    }
    for (int i = 0; i < VRRP_NOTES; i++) {
        ck_assert_str_ne(vrrp_note_name((enum vrrp_note)i), "unknown");
        ck_assert_str_ne(vrrp_note_sentence((enum vrrp_note)i), "unknown");
    }
    for (int i = 0; i < VRRP_FAULTS; i++) {
        ck_assert_str_ne(vrrp_fault_name((enum vrrp_fault)i), "unknown");
        ck_assert_str_ne(vrrp_fault_sentence((enum vrrp_fault)i), "unknown");
    }
    for (int i = 0; i < VRRP_EVENTS; i++)
        ck_assert_str_ne(vrrp_event_name((enum vrrp_event_kind)i), "unknown");
    for (int i = 0; i < VRRP_ACTIONS; i++)
        ck_assert_str_ne(vrrp_action_kind_name((enum vrrp_action_kind)i), "unknown");
    for (int i = 0; i < VRRP_CHECKSUMS; i++)
        ck_assert_str_ne(vrrp_checksum_name((enum vrrp_checksum)i), "unknown");
    ck_assert_str_eq(vrrp_notify_word(VRRP_INITIALIZE, true), "FAULT");
    ck_assert_str_eq(vrrp_notify_word(VRRP_INITIALIZE, false), "STOP");
    ck_assert_str_eq(vrrp_notify_word(VRRP_BACKUP, false), "BACKUP");
    ck_assert_str_eq(vrrp_notify_word(VRRP_ACTIVE, false), "MASTER");
}
END_TEST

static const struct test_row rows[] = {
    {"T2 T3 W3 skew and down in microseconds", &T2_T3_W3_skew_and_down_in_microseconds},
    {"T1 W1 intervals have limits", &T1_W1_intervals_have_limits},
    {"a configuration that cannot run is told", &a_configuration_that_cannot_run_is_told},
    {"G1 G2 announcements are repeated delayed and refreshed",
     &G1_G2_announcements_are_repeated_delayed_and_refreshed},
    {"G1 nothing is announced after leaving", &G1_nothing_is_announced_after_leaving},
    {"G3 an address is there before it is announced",
     &G3_an_address_is_there_before_it_is_announced},
    {"a fault leaves at once and heals as backup", &a_fault_leaves_at_once_and_heals_as_backup},
    {"a start with a fault is a fault", &a_start_with_a_fault_is_a_fault},
    {"the second 0 is not sent once it would lie", &the_second_0_is_not_sent_once_it_would_lie},
    {"a handover is not taken back", &a_handover_is_not_taken_back},
    {"a reload touches what changed", &a_reload_touches_what_changed},
    {"a reload of a backup misses no advert", &a_reload_of_a_backup_misses_no_advert},
    {"P7 auto follows the peers checksum", &P7_auto_follows_the_peers_checksum},
    {"P7 auto pauses now and then until a peer is heard",
     &P7_auto_pauses_now_and_then_until_a_peer_is_heard},
    {"V7 the owner tells and processes", &V7_the_owner_tells_and_processes},
    {"V9 V11 differences are told once a change", &V9_V11_differences_are_told_once_a_change},
    {"W4 version 2 learns no interval", &W4_version_2_learns_no_interval},
    {"status shows whom it heard", &status_shows_whom_it_heard},
    {"each value has a name and a sentence", &each_value_has_a_name_and_a_sentence},
};

int main(void)
{
    return suite_main("vrrp_life", rows, ARRAY_LEN(rows));
}
