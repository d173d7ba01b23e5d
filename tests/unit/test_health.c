#include "lb/core/health.h"
#include "lb/core/health_agent.h"
#include "tests/unit/suite.h"

#include <stdio.h>
#include <string.h>

static const struct mono now = {5000000};

static const char change_letters[] = {
    [HEALTH_SAME] = '.', [HEALTH_STEP] = '-',     [HEALTH_DOWN] = 'D',
    [HEALTH_UP] = 'U',   [HEALTH_STOPPING] = 'S', [HEALTH_RESUMED] = 'R',
};

/* Results as a script: '+' pass, 'c' conditional pass (404), 'x' fail. */
static enum health_change report(struct health *h, char result)
{
    struct health_result r = {.id = result == '+'   ? HEALTH_L7OK
                                    : result == 'c' ? HEALTH_L7OKC
                                                    : HEALTH_L4CON};
    return health_report(h, &r, now);
}

START_TEST(rise_and_fall)
{
    static const struct {
        uint16_t rise, fall;
        const char *results, *changes;
        unsigned value;
    } rows[] = {
        {2, 3, "+", "-", 4},         {2, 3, "++++", "-...", 4},
        {2, 3, "x", "D", 0}, /* a server starts one failure from down */
        {2, 3, "+xxx", "---D", 0},   {2, 3, "+xx+xx+", "-------", 4}, /* a pass forgives */
        {2, 3, "xx", "D.", 0},       {2, 3, "x+", "D-", 1},
        {2, 3, "x++", "D-U", 4},     {2, 3, "x+x++", "D---U", 4}, /* rise counts in a row */
        {1, 1, "+x+x", ".DUD", 0},   {1, 3, "+xx+xxx+", "------DU", 3},
        {3, 1, "x+++x", "D--UD", 0}, {2, 3, "+cc+", "-S.R", 4},
        {2, 3, "+cxxx", "-S--D", 0}, {2, 3, "xcc", "D-U", 4},
        {2, 3, "+cx+", "-S-R", 4},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct health h;
        char got[16] = "";
        health_init(&h, &(struct health_conf){.rise = rows[i].rise, .fall = rows[i].fall}, true);
        for (size_t j = 0; rows[i].results[j]; j++)
            got[j] = change_letters[report(&h, rows[i].results[j])];
        ck_assert_msg(strcmp(got, rows[i].changes) == 0, "%u/%u %s: %s", rows[i].rise, rows[i].fall,
                      rows[i].results, got);
        ck_assert_uint_eq(h.value, rows[i].value);
        ck_assert(health_is_up(&h) == (h.value >= rows[i].rise));
    }
}
END_TEST

START_TEST(the_next_check_comes_sooner_in_doubt)
{
    static const struct {
        struct health_conf conf;
        const char *results;
        int64_t wait_ms;
    } rows[] = {
        {{0}, "+", 2000},
        {{.inter = {1000000}}, "+", 1000},
        {{.inter = {1000000}}, "+x", 1000},
        {{.inter = {1000000}}, "x", 1000},
        {{.inter = {1000000}, .fastinter = {200000}}, "+", 1000},
        {{.inter = {1000000}, .fastinter = {200000}}, "+x", 200},
        {{.inter = {1000000}, .fastinter = {200000}}, "x", 1000},
        {{.inter = {1000000}, .fastinter = {200000}}, "x+", 200},
        {{.inter = {1000000}, .fastinter = {200000}}, "x++", 1000},
        {{.inter = {1000000}, .downinter = {7000000}}, "x", 7000},
        {{.inter = {1000000}, .downinter = {7000000}}, "x+", 1000},
        {{.inter = {1000000}, .fastinter = {1}, .downinter = {7000000}}, "+x+", 1000},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct health h;
        health_init(&h, &rows[i].conf, true);
        for (const char *r = rows[i].results; *r; r++)
            report(&h, *r);
        ck_assert_int_eq(mono_diff(h.next, now).us, rows[i].wait_ms * 1000);
    }
}
END_TEST

START_TEST(checks_start_spread_out_and_have_deadlines)
{
    struct health h;
    health_init(&h, &(struct health_conf){.inter = {1000000}}, true);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_int_eq(mono_diff(health_first(&h, i, 4, now), now).us, i * 250000);
    ck_assert_int_eq(mono_diff(health_begin(&h, now), now).us, 1000000); /* inter bounds it */
    ck_assert(h.running && mono_is_never(h.next));
    report(&h, '+');
    ck_assert(!h.running && !mono_is_never(h.next));
    h.conf.timeout = span_ms(300);
    ck_assert_int_eq(mono_diff(health_begin(&h, now), now).us, 300000);
    health_init(&h, &(struct health_conf){0}, false);
    ck_assert(mono_is_never(health_first(&h, 0, 1, now)));
}
END_TEST

START_TEST(errors_in_traffic_count_as_configured)
{
    static const struct {
        enum health_on_error on_error;
        const char *changes; /* of three times `error_limit` errors */
        unsigned value;
    } rows[] = {
        {HEALTH_ON_ERROR_FASTINTER, "...", 4},
        {HEALTH_ON_ERROR_FAIL_CHECK, "--D", 0},
        {HEALTH_ON_ERROR_SUDDEN_DEATH, "-D.", 0},
        {HEALTH_ON_ERROR_MARK_DOWN, "D..", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct health h;
        char got[4] = "";
        health_init(&h,
                    &(struct health_conf){.observe = HEALTH_OBSERVE_L7,
                                          .on_error = rows[i].on_error,
                                          .error_limit = 3,
                                          .fastinter = {100000}},
                    true);
        report(&h, '+');
        for (int j = 0; j < 3; j++) {
            ck_assert_int_eq(health_observed(&h, false, 2, now), HEALTH_SAME);
            ck_assert_int_eq(health_observed(&h, true, 1, now), HEALTH_SAME); /* forgives */
            ck_assert_int_eq(health_observed(&h, false, 2, now), HEALTH_SAME);
            got[j] = change_letters[health_observed(&h, false, 1, now)];
        }
        ck_assert_str_eq(got, rows[i].changes);
        ck_assert_uint_eq(h.value, rows[i].value);
        ck_assert_int_eq(mono_diff(h.next, now).us, 100000); /* and the check comes sooner */
        health_init(&h, &(struct health_conf){.error_limit = 1}, true);
        ck_assert_int_eq(health_observed(&h, false, 5, now), HEALTH_SAME); /* not observed */
    }
}
END_TEST

START_TEST(the_ramp_of_slowstart)
{
    static const struct {
        int64_t slowstart_ms, after_ms, next_ms; /* -1: never */
        unsigned percent;
    } rows[] = {
        {0, 0, -1, 100},           {20000, 0, 1000, 0},     {20000, 5000, 6000, 25},
        {20000, 19999, 20000, 99}, {20000, 20000, -1, 100}, {500, 100, 200, 20},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct span s = span_ms(rows[i].slowstart_ms);
        struct mono at = mono_add(now, span_ms(rows[i].after_ms));
        struct mono next = health_ramp_next(s, now, at);
        ck_assert_uint_eq(health_ramp_percent(s, now, at), rows[i].percent);
        ck_assert_int_eq(mono_is_never(next) ? -1 : mono_diff(next, now).us / 1000,
                         rows[i].next_ms);
    }
    ck_assert_uint_eq(health_ramp_percent(span_s(1), MONO_NEVER, now), 100);
}
END_TEST

/* The parsed line, written out again. */
static const char *agent_text(const struct health_agent *a, char out[256])
{
    static const char *const admins[] = {"ready", "drain", "maint"};
    size_t n = 0;
    out[0] = '\0';
    if (a->has_oper)
        n += (size_t)snprintf(out + n, 256 - n, "%s ", a->up ? "up" : "down");
    if (a->has_admin)
        n += (size_t)snprintf(out + n, 256 - n, "%s ", admins[a->admin]);
    if (a->has_weight)
        n += (size_t)snprintf(out + n, 256 - n, "%u%% ", a->weight_percent);
    if (a->has_maxconn)
        n += (size_t)snprintf(out + n, 256 - n, "maxconn:%u ", a->maxconn);
    if (a->reason[0])
        snprintf(out + n, 256 - n, "#%s", a->reason);
    return out;
}

START_TEST(agents_say_a_line_of_words)
{
    static const struct {
        const char *line, *means; /* NULL: nothing known in it */
    } rows[] = {
        {"up", "up "},
        {"UP\r\n", "up "},
        {"down", "down "},
        {"stopped # by hand\n", "down #by hand"},
        {"failed#disk", "down #disk"},
        {"drain", "drain "},
        {"maint, 0%", "maint 0% "},
        {"75%", "75% "},
        {"ready up 50% maxconn:30", "up ready 50% maxconn:30 "},
        {"\tup,,  100%\nmaint", "up 100% "}, /* the first line only */
        {"up purple 20%", "up 20% "},
        {"down # a\x01\x1b[31m", "down #a??[31m"},
        {"", NULL},
        {"purple", NULL},
        {"%", NULL},
        {"-5%", NULL},
        {"maxconn:", NULL},
        {"99999999999%", NULL},
        {"maxconn:-1", NULL},
        {"# only a reason", NULL},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct health_agent a;
        char text[256];
        bool ok = health_agent_parse(rows[i].line, strlen(rows[i].line), &a);
        ck_assert_msg(ok == (rows[i].means != NULL), "%s", rows[i].line);
        if (ok)
            ck_assert_str_eq(agent_text(&a, text), rows[i].means);
    }
}
END_TEST

START_TEST(counters_of_checks)
{
    struct health h;
    health_init(&h, &(struct health_conf){0}, true);
    for (const char *r = "+xx+xxxxx++x"; *r; r++)
        report(&h, *r);
    ck_assert_uint_eq(h.failures, 6); /* only those that met it up */
    ck_assert_uint_eq(h.downs, 1);
    health_force_down(&h);
    health_force_down(&h);
    ck_assert_uint_eq(h.downs, 2);
    ck_assert_int_eq(health_force_up(&h, true), HEALTH_UP);
    ck_assert(h.stopping);
    ck_assert_int_eq(health_force_up(&h, false), HEALTH_RESUMED);
    ck_assert_int_eq(health_force_up(&h, false), HEALTH_SAME);
    for (unsigned i = 0; i < HEALTH_RESULTS; i++)
        ck_assert(health_results[i].name && health_results[i].words);
}
END_TEST

static const struct test_row rows[] = {
    {"rise passes bring a server up, fall failures take it down", &rise_and_fall},
    {"inter, fastinter and downinter, as the state says", &the_next_check_comes_sooner_in_doubt},
    {"checks start spread out; inter bounds a check without a timeout",
     &checks_start_spread_out_and_have_deadlines},
    {"observed errors lead to what on-error says", &errors_in_traffic_count_as_configured},
    {"slowstart ramps up in steps", &the_ramp_of_slowstart},
    {"an agent's line is read, whatever is in it", &agents_say_a_line_of_words},
    {"failed checks and falls are counted", &counters_of_checks},
};

int main(void)
{
    return suite_main("health", rows, ARRAY_LEN(rows));
}
