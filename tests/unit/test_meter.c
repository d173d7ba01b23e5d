#include "common/base/macro.h"
#include "lb/core/count.h"
#include "lb/core/meter.h"
#include "tests/unit/suite.h"

#include <string.h>

static struct mono at_ms(int64_t ms)
{
    return (struct mono){1000000000 + ms * 1000};
}

/* ---- rates ---- */

/* What happens in turn: so many more, and what a reader sees right after. */
struct rate_step {
    int64_t ms;
    unsigned more;
    bool tick;
    uint32_t rate, max;
};

static void follow(const struct rate_step *steps, size_t n)
{
    struct meter m = {0};
    struct meter_sample s = {0};

    for (size_t i = 0; i < n; i++) {
        struct mono now = at_ms(steps[i].ms);
        s.sessions += steps[i].more;
        if (steps[i].tick)
            meter_tick(&m, &s, now);
        uint32_t rate = meter_rate(&m, &m.sessions, s.sessions, now);
        uint32_t max = meter_rate_max(&m, &m.sessions, s.sessions, now);
        ck_assert_msg(rate == steps[i].rate && max == steps[i].max,
                      "step %zu: rate %u, max %u instead of %u, %u", i, rate, max, steps[i].rate,
                      steps[i].max);
    }
}

START_TEST(a_rate_is_that_of_the_last_second)
{
    static const struct rate_step burst[] = {
        {0, 4, false, 4, 4},   {900, 2, false, 6, 6},  /* counts at once */
        {1000, 0, true, 6, 6}, {1500, 0, false, 3, 6}, /* half of it is a second ago */
        {2000, 0, true, 0, 6}, {2500, 0, false, 0, 6},
    };
    static const struct rate_step steady[] = {
        {1000, 100, true, 100, 100},
        {1500, 50, false, 100, 100},
        {2000, 50, true, 100, 100},
        {2250, 25, false, 100, 100},
    };

    follow(burst, ARRAY_LEN(burst));
    follow(steady, ARRAY_LEN(steady));
}
END_TEST

START_TEST(a_late_look_does_not_make_a_rate_higher)
{
    static const struct rate_step steps[] = {
        {0, 0, true, 0, 0},
        {4000, 400, false, 100, 100},
        {4000, 0, true, 100, 100},
    };

    follow(steps, ARRAY_LEN(steps));
}
END_TEST

START_TEST(peaks_begin_anew_when_cleared)
{
    struct meter m = {0};
    struct meter_sample s = {.sessions = 50};

    meter_tick(&m, &s, at_ms(0));
    ck_assert_uint_eq(meter_rate_max(&m, &m.sessions, 50, at_ms(1000)), 50);
    meter_clear_peaks(&m);
    ck_assert_uint_eq(meter_rate_max(&m, &m.sessions, 50, at_ms(1000)), 0);
    meter_clear(&m); /* the counter begins at 0 again */
    ck_assert_uint_eq(meter_rate(&m, &m.sessions, 7, at_ms(500)), 7);
}
END_TEST

/* ---- averages ---- */

static int64_t average_after(const unsigned *ms, size_t n, unsigned each)
{
    struct meter m = {0};
    struct meter_sample s = {0};
    int64_t now = 0;

    for (size_t i = 0; i < n; i++) {
        s.requests += each;
        s.us[METER_TOTAL] += (uint64_t)each * ms[i] * 1000;
        meter_tick(&m, &s, at_ms(now += 1000));
    }
    return meter_average(&m, &s, METER_TOTAL).us / 1000;
}

START_TEST(an_average_is_over_the_last_requests)
{
    static const struct {
        unsigned ms[6];
        size_t n;
        unsigned each;
        int64_t average;
    } rows[] = {
        {{10, 20}, 2, 1, 15},
        {{10, 20}, 2, 0, 0},                  /* no request */
        {{100, 100, 10, 10, 10}, 5, 512, 10}, /* the slow ones are long ago */
        {{100, 10, 10}, 3, 2000, 10},         /* more than the window in a second */
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ck_assert_int_eq(average_after(rows[i].ms, rows[i].n, rows[i].each), rows[i].average);
}
END_TEST

/* ---- counters of several workers ---- */

START_TEST(sums_add_up_and_peaks_are_the_highest)
{
    struct count blocks[3], cleared;

    memset(blocks, 0, sizeof(blocks));
    memset(&cleared, 0, sizeof(cleared));
    count_time(&blocks[0], COUNT_TOTAL_US, 300);
    count_time(&blocks[2], COUNT_TOTAL_US, 500);
    count_time(&blocks[2], COUNT_TOTAL_US, 100);
    ck_assert_uint_eq(count_read(blocks, sizeof(*blocks), 3, NULL, COUNT_TOTAL_US), 900);
    ck_assert_uint_eq(count_read(blocks, sizeof(*blocks), 3, NULL, COUNT_TOTAL_MAX_US), 500);
    ck_assert_uint_eq(count_read(blocks, sizeof(*blocks), 3, NULL, COUNT_CONNECT_MAX_US), 0);
    count_clear(blocks, sizeof(*blocks), 3, &cleared);
    count_time(&blocks[1], COUNT_TOTAL_US, 20);
    ck_assert_uint_eq(count_read(blocks, sizeof(*blocks), 3, &cleared, COUNT_TOTAL_US), 20);
    ck_assert_uint_eq(count_read(blocks, sizeof(*blocks), 3, &cleared, COUNT_TOTAL_MAX_US), 20);
}
END_TEST

int main(void)
{
    static const struct test_row rows[] = {
        {"a rate is that of the last second", &a_rate_is_that_of_the_last_second},
        {"a late look does not make a rate higher", &a_late_look_does_not_make_a_rate_higher},
        {"peaks begin anew when cleared", &peaks_begin_anew_when_cleared},
        {"an average is over the last requests", &an_average_is_over_the_last_requests},
        {"sums add up and peaks are the highest", &sums_add_up_and_peaks_are_the_highest},
    };
    return suite_main("meter", rows, ARRAY_LEN(rows));
}
