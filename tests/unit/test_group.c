#include "common/base/macro.h"
#include "tests/unit/suite.h"
#include "vrrpd/core/group.h"

#include <errno.h>
#include <string.h>

enum { N = 3 };

struct rig {
    struct vrrp v[N];
    struct group g;
    struct mono now;
    struct vrrp_actions out;
    struct addr vip;
};

static struct addr ip(const char *text)
{
    struct addr a;
    ck_assert(addr_parse(text, &a));
    return a;
}

static void settle(struct rig *r)
{
    struct group_order o;
    int orders = 0;

    while (group_next(&r->g, &o)) {
        ck_assert_int_lt(orders++, GROUP_ORDERS_MAX);
        vrrp_step(r->g.members[o.member], &o.event, r->now, &r->out);
        ck_assert_uint_eq(r->out.lost, 0);
    }
}

static void step(struct rig *r, size_t member, struct vrrp_event ev)
{
    vrrp_step(&r->v[member], &ev, r->now, &r->out);
    settle(r);
}

#define STEP(R, MEMBER, ...) step(R, MEMBER, (struct vrrp_event){__VA_ARGS__})

static void hear(struct rig *r, size_t member, uint8_t priority)
{
    struct packet p = {
        .version = 3,
        .family = AF_INET,
        .vrid = 51,
        .priority = priority,
        .interval = span_s(1),
        .addr_count = 1,
        .addrs = {r->vip},
    };
    STEP(r, member, VRRP_EV_ADVERT, .src = ip("192.0.2.2"), .packet = &p);
}

/* Time goes by, event by event. */
static void pass(struct rig *r, struct span by)
{
    struct mono end = mono_add(r->now, by);

    for (;;) {
        size_t first = 0;
        for (size_t i = 1; i < N; i++)
            if (mono_before(vrrp_deadline(&r->v[i]), vrrp_deadline(&r->v[first])))
                first = i;
        struct mono at = vrrp_deadline(&r->v[first]);
        if (!mono_before(at, end))
            break;
        r->now = at;
        STEP(r, first, VRRP_EV_TIMER);
    }
    r->now = end;
}

static void rig_init(struct rig *r, uint8_t priority)
{
    struct vrrp_conf c = vrrp_conf_default();

    memset(r, 0, sizeof(*r));
    r->now = (struct mono){1000000000};
    r->vip = ip("192.0.2.10");
    c.vrid = 51;
    c.priority = priority;
    c.addrs = &r->vip;
    c.addr_count = 1;
    c.grouped = true;
    group_init(&r->g);
    for (size_t i = 0; i < N; i++) {
        vrrp_init(&r->v[i], &c);
        STEP(r, i, VRRP_EV_SOURCE, .src = ip("192.0.2.1"));
        ck_assert_int_eq(group_add(&r->g, &r->v[i]), 0);
    }
}

static void start(struct rig *r)
{
    for (size_t i = 0; i < N; i++)
        STEP(r, i, VRRP_EV_STARTUP);
}

static void check_states(const struct rig *r, enum vrrp_state state, bool fault, int line)
{
    for (size_t i = 0; i < N; i++) {
        ck_assert_msg(r->v[i].state == state, "line %d: member %zu is %s, not %s", line, i,
                      vrrp_state_name(r->v[i].state), vrrp_state_name(state));
        ck_assert_msg(vrrp_in_fault(&r->v[i]) == fault, "line %d: member %zu", line, i);
    }
}

#define ALL(R, STATE) check_states(R, STATE, false, __LINE__)
#define ALL_FAULTY(R) check_states(R, VRRP_INITIALIZE, true, __LINE__)

START_TEST(all_become_active_together)
{
    struct rig r;
    rig_init(&r, 100);
    start(&r);
    ALL(&r, VRRP_BACKUP);
    pass(&r, span_ms(1000));
    hear(&r, 1, 200); /* member 1 still hears an Active: nobody takes over */
    pass(&r, span_ms(3000));
    ck_assert(r.v[0].ready && !r.v[1].ready && r.v[2].ready);
    ALL(&r, VRRP_BACKUP);
    pass(&r, span_ms(1000));
    ALL(&r, VRRP_ACTIVE);
}
END_TEST

START_TEST(readiness_ends_when_an_active_is_heard)
{
    struct rig r;
    rig_init(&r, 100);
    start(&r);
    for (int i = 0; i < 5; i++) {
        hear(&r, 1, 200);
        pass(&r, span_s(1));
    }
    ck_assert(r.v[0].ready);
    hear(&r, 0, 200);
    ck_assert(!r.v[0].ready);
    pass(&r, span_ms(3000));
    ALL(&r, VRRP_BACKUP);
}
END_TEST

START_TEST(one_that_gives_way_takes_the_others_along)
{
    struct rig r;
    rig_init(&r, 100);
    start(&r);
    pass(&r, span_s(5));
    ALL(&r, VRRP_ACTIVE);
    hear(&r, 2, 200);
    ALL(&r, VRRP_BACKUP);
    ck_assert_int_eq(r.v[0].reason, VRRP_REASON_GROUP);
    ck_assert_int_eq(r.v[2].reason, VRRP_REASON_HIGHER_PRIORITY);
    ck_assert_uint_eq(r.v[0].counters.leaving_sent, 1);
    ck_assert_uint_eq(r.v[2].counters.leaving_sent, 0);
}
END_TEST

START_TEST(a_fault_of_one_is_a_fault_of_all)
{
    struct rig r;
    rig_init(&r, 100);
    start(&r);
    pass(&r, span_s(5));
    STEP(&r, 1, VRRP_EV_FAULT_SET, .fault = VRRP_FAULT_LINK);
    ALL_FAULTY(&r);
    ck_assert_uint_eq(r.v[0].faults, 1u << VRRP_FAULT_GROUP);
    ck_assert_uint_eq(r.v[1].faults, 1u << VRRP_FAULT_LINK);
    STEP(&r, 2, VRRP_EV_FAULT_SET, .fault = VRRP_FAULT_TRACKER);
    ALL_FAULTY(&r);
    STEP(&r, 1, VRRP_EV_FAULT_CLEAR, .fault = VRRP_FAULT_LINK);
    ALL_FAULTY(&r);
    STEP(&r, 2, VRRP_EV_FAULT_CLEAR, .fault = VRRP_FAULT_TRACKER);
    ALL(&r, VRRP_BACKUP);
    pass(&r, span_s(5));
    ALL(&r, VRRP_ACTIVE);
}
END_TEST

START_TEST(the_owner_group_starts_together)
{
    struct rig r;
    rig_init(&r, 255);
    STEP(&r, 0, VRRP_EV_STARTUP);
    STEP(&r, 1, VRRP_EV_STARTUP);
    ck_assert_int_eq(r.v[0].state, VRRP_BACKUP);
    STEP(&r, 2, VRRP_EV_STARTUP);
    ALL(&r, VRRP_ACTIVE);
}
END_TEST

START_TEST(an_active_that_leaves_one_member_leaves_all)
{
    struct rig r;
    rig_init(&r, 100);
    start(&r);
    for (size_t i = 0; i < N; i++)
        hear(&r, i, 200);
    pass(&r, span_ms(100));
    /* Its link to member 0 was cut; the other two hear it leave. */
    hear(&r, 1, 0);
    hear(&r, 2, 0);
    pass(&r, span_ms(1500));
    ALL(&r, VRRP_BACKUP);
    pass(&r, span_ms(110)); /* an interval and Skew_Time after member 0 heard it last */
    ALL(&r, VRRP_ACTIVE);

    rig_init(&r, 100);
    start(&r);
    pass(&r, span_ms(100));
    hear(&r, 1, 0); /* member 0 never heard anybody: it goes on listening */
    pass(&r, span_ms(3000));
    ck_assert(r.v[1].ready && !r.v[0].ready);

    rig_init(&r, 100);
    start(&r);
    for (size_t i = 0; i < N; i++)
        hear(&r, i, 200);
    hear(&r, 1, 0);
    for (int i = 0; i < 5; i++) { /* member 0's is still there: nothing happens */
        hear(&r, 0, 200);
        pass(&r, span_ms(1000));
        ALL(&r, VRRP_BACKUP);
    }
}
END_TEST

START_TEST(a_handover_moves_the_group)
{
    struct rig r;
    rig_init(&r, 100);
    start(&r);
    pass(&r, span_s(5));
    STEP(&r, 0, VRRP_EV_YIELD, .span = span_s(60));
    ALL(&r, VRRP_BACKUP);
    for (int i = 0; i < 50; i++) {
        for (size_t k = 0; k < N; k++)
            hear(&r, k, 90);
        pass(&r, span_s(1));
        ALL(&r, VRRP_BACKUP);
    }
}
END_TEST

START_TEST(a_stopped_member_holds_the_others_back_until_it_is_taken_out)
{
    struct rig r;
    rig_init(&r, 100);
    start(&r);
    pass(&r, span_s(5));
    STEP(&r, 1, VRRP_EV_SHUTDOWN);
    ck_assert_int_eq(r.v[0].state, VRRP_BACKUP);
    pass(&r, span_s(60));
    ck_assert_int_eq(r.v[0].state, VRRP_BACKUP);
    group_remove(&r.g, &r.v[1]);
    group_remove(&r.g, &r.v[1]);
    settle(&r);
    ck_assert_int_eq(r.v[0].state, VRRP_ACTIVE);
    ck_assert_int_eq(r.v[2].state, VRRP_ACTIVE);
}
END_TEST

START_TEST(members_are_limited)
{
    struct rig r;
    rig_init(&r, 100);
    for (size_t i = r.g.count; i < GROUP_MEMBERS_MAX; i++)
        ck_assert_int_eq(group_add(&r.g, &r.v[0]), 0);
    ck_assert_int_eq(group_add(&r.g, &r.v[0]), -ENOSPC);
}
END_TEST

static const struct test_row rows[] = {
    {"all become Active together", &all_become_active_together},
    {"readiness ends when an Active is heard", &readiness_ends_when_an_active_is_heard},
    {"A3 one that gives way takes the others along", &one_that_gives_way_takes_the_others_along},
    {"a fault of one is a fault of all", &a_fault_of_one_is_a_fault_of_all},
    {"I1 the owner's group starts together", &the_owner_group_starts_together},
    {"B3 an Active that leaves one member leaves all",
     &an_active_that_leaves_one_member_leaves_all},
    {"a handover moves the group", &a_handover_moves_the_group},
    {"a stopped member holds the others back until it is taken out",
     &a_stopped_member_holds_the_others_back_until_it_is_taken_out},
    {"members are limited", &members_are_limited},
};

int main(void)
{
    return suite_main("group", rows, ARRAY_LEN(rows));
}
