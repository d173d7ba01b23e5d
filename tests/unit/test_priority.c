#include "common/base/macro.h"
#include "tests/unit/suite.h"
#include "vrrpd/core/priority.h"

#include <errno.h>

START_TEST(the_sum_stays_within_1_and_254)
{
    static const struct {
        uint8_t base;
        int shares[3];
        uint8_t value;
        bool clamped;
    } rows[] = {
        {100, {0, 0, 0},         100, false},
        {101, {-2, 0, 0},        99,  false},
        {100, {-50, 20, 5},      75,  false},
        {100, {-100, 0, 0},      1,   true },
        {100, {-99, 0, 0},       1,   false},
        {100, {154, 0, 0},       254, false},
        {100, {155, 0, 0},       254, true },
        {254, {100, -100, 0},    254, false},
        {1,   {-255, 0, 0},      1,   true },
        {1,   {-9999, 255, 255}, 254, true },
        {255, {-100, 0, 0},      255, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct priority p;
        priority_init(&p, rows[i].base);
        for (int k = 0; k < 3; k++)
            priority_set(&p, priority_add(&p, "t"), rows[i].shares[k], false);
        struct priority_result r = priority_result(&p);
        ck_assert_msg(r.value == rows[i].value, "row %zu: %u", i, r.value);
        ck_assert_msg(r.clamped == rows[i].clamped, "row %zu", i);
        ck_assert(!r.fault);
    }
}
END_TEST

START_TEST(any_tracker_in_fault_is_a_fault)
{
    struct priority p;
    priority_init(&p, 255);
    int a = priority_add(&p, "a"), b = priority_add(&p, "b");

    ck_assert(priority_set(&p, b, 0, true));
    ck_assert(!priority_set(&p, b, 0, true));
    struct priority_result r = priority_result(&p);
    ck_assert(r.fault);
    ck_assert_str_eq(r.fault_by, "b");
    ck_assert_uint_eq(r.value, 255);
    ck_assert(priority_set(&p, a, 0, true));
    ck_assert_str_eq(priority_result(&p).fault_by, "a");
    priority_set(&p, a, 0, false);
    priority_set(&p, b, 0, false);
    r = priority_result(&p);
    ck_assert(!r.fault && !r.fault_by);
}
END_TEST

START_TEST(there_is_a_limit_and_strangers_are_ignored)
{
    struct priority p;
    priority_init(&p, 100);
    for (int i = 0; i < PRIORITY_SHARES_MAX; i++)
        ck_assert_int_eq(priority_add(&p, "t"), i);
    ck_assert_int_eq(priority_add(&p, "one too many"), -ENOSPC);
    ck_assert(!priority_set(&p, -1, 5, true));
    ck_assert(!priority_set(&p, PRIORITY_SHARES_MAX, 5, true));
    ck_assert_uint_eq(priority_result(&p).value, 100);
}
END_TEST

static const struct test_row rows[] = {
    {"P6 the sum stays within 1 and 254, the owner is 255", &the_sum_stays_within_1_and_254            },
    {"any tracker in fault is a fault, and named",          &any_tracker_in_fault_is_a_fault           },
    {"there is a limit, and strangers are ignored",         &there_is_a_limit_and_strangers_are_ignored},
};

int main(void)
{
    return suite_main("priority", rows, ARRAY_LEN(rows));
}
