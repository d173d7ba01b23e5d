#include "common/base/buf.h"
#include "common/base/macro.h"
#include "tests/unit/suite.h"
#include "vrrpd/probe/probe_reply.h"
#include "vrrpd/probe/probe_report.h"
#include "vrrpd/probe/probe_stats.h"
#include "vrrpd/probe/probe_summary.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct probe_stats stats; /* large: not for the stack */

static const struct probe_subject subject = {
    .target = "192.0.2.10:80", .path = "/", .interval = {2000}};

static const struct mono start = {5000000};

static struct mono at_ms(double ms)
{
    return mono_add(start, span_us((int64_t)(ms * 1000)));
}

/* Planned at `ms`, known `took_ms` later. */
static void add(double ms, double took_ms, enum probe_kind kind, const char *server)
{
    struct probe_result r = {
        .planned = at_ms(ms),
        .done = at_ms(ms + took_ms),
        .kind = kind,
        .status = kind == PROBE_OK         ? 200
                  : kind == PROBE_HTTP_5XX ? 503
                                           : 0,
        .server = server,
    };
    probe_stats_add(&stats, &r);
}

/* Every 2 ms from..to, not including `to`. */
static void add_many(int from_ms, int to_ms, double took_ms, enum probe_kind kind,
                     const char *server)
{
    for (int ms = from_ms; ms < to_ms; ms += 2)
        add(ms, took_ms, kind, server);
}

static double longest_ms(void)
{
    struct probe_gap g = probe_stats_longest(&stats);
    return (double)(g.to.us - g.from.us) / 1000;
}

static void failover(void)
{
    probe_stats_init(&stats, start, span_ms(2));
    add_many(0, 1000, 0.5, PROBE_OK, "web-01");
    add_many(1000, 1700, 0.5, PROBE_REFUSED, NULL);
    add_many(1700, 3000, 0.5, PROBE_OK, "web-02");
    probe_stats_end(&stats, at_ms(3000));
}

START_TEST(an_outage_is_the_time_between_two_successes)
{
    failover();
    ck_assert_uint_eq(stats.requests, 1500);
    ck_assert_uint_eq(stats.failed, 350);
    ck_assert_uint_eq(stats.kinds[PROBE_REFUSED], 350);
    /* last success known at 998.5, the next at 1700.5 */
    ck_assert_double_eq_tol(longest_ms(), 702.0, 0.001);
    ck_assert(!probe_stats_longest(&stats).open);
    ck_assert_str_eq(stats.servers[0].name, "web-01");
    ck_assert_uint_eq(stats.servers[0].ok, 500);
    ck_assert_uint_eq(stats.servers[1].ok, 650);
}
END_TEST

START_TEST(an_outage_that_does_not_end_counts_to_the_end)
{
    probe_stats_init(&stats, start, span_ms(2));
    add_many(0, 100, 1, PROBE_OK, "a");
    add_many(100, 500, 1, PROBE_TIMEOUT, NULL);
    probe_stats_end(&stats, at_ms(500));
    ck_assert(probe_stats_longest(&stats).open);
    ck_assert_double_eq_tol(longest_ms(), 401.0, 0.001);

    probe_stats_init(&stats, start, span_ms(2));
    add_many(0, 500, 1, PROBE_HTTP_5XX, NULL);
    probe_stats_end(&stats, at_ms(500));
    ck_assert(probe_stats_longest(&stats).first && probe_stats_longest(&stats).open);
    ck_assert_double_eq_tol(longest_ms(), 500.0, 0.001);
}
END_TEST

START_TEST(an_outage_before_the_first_success_counts)
{
    probe_stats_init(&stats, start, span_ms(2));
    add_many(0, 300, 1, PROBE_NO_ROUTE, NULL);
    add_many(300, 500, 1, PROBE_OK, "a");
    probe_stats_end(&stats, at_ms(500));
    ck_assert(probe_stats_longest(&stats).first);
    ck_assert_double_eq_tol(longest_ms(), 301.0, 0.001);
}
END_TEST

START_TEST(slow_successes_do_not_fill_an_outage)
{
    /* What was sent into the outage succeeds in the end, all at 1300 ms: the service was away. */
    probe_stats_init(&stats, start, span_ms(2));
    add_many(0, 300, 1, PROBE_OK, "a");
    for (int ms = 300; ms < 1300; ms += 2)
        add(ms, 1300 - ms, PROBE_OK, "a");
    probe_stats_end(&stats, at_ms(1300));
    ck_assert_double_eq_tol(longest_ms(), 1001.0, 0.001);
    ck_assert_uint_eq(stats.failed, 0);
    ck_assert_int_gt(probe_stats_percentile(&stats, 50).us, 150000);
}
END_TEST

START_TEST(the_longest_gaps_are_kept_in_order)
{
    static const int lengths[] = {10, 50, 20, 90, 30, 80, 40, 70, 60, 100, 15};
    double now = 0;

    probe_stats_init(&stats, start, span_ms(2));
    add(0, 0, PROBE_OK, "a");
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        now += lengths[i];
        add(now, 0, PROBE_OK, "a");
    }
    probe_stats_end(&stats, at_ms(now));
    ck_assert_uint_eq(stats.gap_count, PROBE_GAPS);
    for (size_t i = 0; i < PROBE_GAPS; i++)
        ck_assert_int_eq(stats.gaps[i].to.us - stats.gaps[i].from.us, (100 - 10 * (int)i) * 1000);
}
END_TEST

START_TEST(percentiles_are_within_two_percent)
{
    static const struct {
        double percent, ms;
    } rows[] = {{0.01, 0.1}, {50, 50}, {90, 90}, {99, 99}, {99.9, 99.9}, {100, 100}};

    probe_stats_init(&stats, start, span_ms(2));
    for (int i = 1; i <= 1000; i++) /* 0.1 ms .. 100 ms */
        add(i * 2, i / 10.0, PROBE_OK, "a");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        double ms = (double)probe_stats_percentile(&stats, rows[i].percent).us / 1000;
        ck_assert_double_ge(ms, rows[i].ms * 0.999);
        ck_assert_double_le(ms, rows[i].ms * 1.02);
    }
    probe_stats_init(&stats, start, span_ms(2));
    ck_assert_int_eq(probe_stats_percentile(&stats, 50).us, 0);
    add(0, 3600e3 * 24 * 400, PROBE_OK, "a"); /* absurd, yet in bounds */
    ck_assert_int_gt(probe_stats_percentile(&stats, 50).us, 0);
}
END_TEST

START_TEST(a_long_run_keeps_its_course_in_bounds)
{
    uint64_t ok = 0, failed = 0;

    probe_stats_init(&stats, start, span_ms(2));
    for (int s = 0; s < 100000; s++) /* more than a day, one request a second */
        add(s * 1000.0, 1, s % 10 ? PROBE_OK : PROBE_RESET, "a");
    ck_assert_uint_le(stats.bucket_count, PROBE_BUCKETS);
    ck_assert_uint_gt(stats.bucket_count, PROBE_BUCKETS / 4);
    for (size_t i = 0; i < stats.bucket_count; i++) {
        ok += stats.buckets[i].lane[0];
        failed += stats.buckets[i].failed[PROBE_RESET];
    }
    ck_assert_uint_eq(ok, 90000);
    ck_assert_uint_eq(failed, 10000);
}
END_TEST

START_TEST(too_many_servers_are_counted_together)
{
    char name[16];

    probe_stats_init(&stats, start, span_ms(2));
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof(name), "s%d", i);
        add(i, 1, PROBE_OK, name);
    }
    ck_assert_uint_eq(stats.server_count, PROBE_SERVERS);
    ck_assert_uint_eq(stats.server_more, 100 - PROBE_SERVERS);
    add(200, 1, PROBE_OK, "a\x1b[2J<script>\xff");
    ck_assert_uint_eq(stats.server_more, 101 - PROBE_SERVERS);
}
END_TEST

/* --- replies --- */

struct reply_row {
    const char *text; /* \x01: the connection ends */
    enum probe_reply_state state;
    int status;
    const char *server;
};

#define CRLF2 "\r\n\r\n"

static const struct reply_row reply_rows[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-Served-By: web-01 " CRLF2 "abc",
     PROBE_REPLY_COMPLETE, 200, "web-01"},
    {"HTTP/1.1 200 OK\r\nContent-Length: 3" CRLF2 "ab", PROBE_REPLY_PARTIAL, 200, ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: 3" CRLF2 "ab\x01", PROBE_REPLY_MALFORMED, 200, ""},
    {"HTTP/1.0 200 OK\r\ncontent-type: text/plain; charset=x" CRLF2 "web-02\nand more\x01",
     PROBE_REPLY_COMPLETE, 200, "web-02"},
    {"HTTP/1.0 200 OK\r\nServer: nginx\r\nContent-Type: text/html" CRLF2 "<html>\x01",
     PROBE_REPLY_COMPLETE, 200, "nginx"},
    {"HTTP/1.1 503 No\r\nContent-Length: 0" CRLF2, PROBE_REPLY_COMPLETE, 503, ""},
    {"HTTP/1.1 200 OK\nContent-Length: 1\n\nx", PROBE_REPLY_COMPLETE, 200, ""},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" CRLF2 "3\r\nabc\r\n0" CRLF2,
     PROBE_REPLY_COMPLETE, 200, ""},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" CRLF2 "3\r\nabc\r\n", PROBE_REPLY_PARTIAL, 200,
     ""},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked" CRLF2 "3\r\nab\x01", PROBE_REPLY_MALFORMED,
     200, ""},
    {"\x01", PROBE_REPLY_MALFORMED, 0, ""},
    {"HTTP/1.1 200 OK\r\n\x01", PROBE_REPLY_MALFORMED, 0, ""},
    {"SSH-2.0-OpenSSH_9.2" CRLF2, PROBE_REPLY_MALFORMED, 0, ""},
    {"HTTP/1.1 2x0 OK" CRLF2, PROBE_REPLY_MALFORMED, 0, ""},
    {"HTTP/1.1 999 OK" CRLF2, PROBE_REPLY_MALFORMED, 0, ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: -1" CRLF2, PROBE_REPLY_MALFORMED, 200, ""},
    {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999999" CRLF2, PROBE_REPLY_MALFORMED,
     200, ""},
};

/* Feeds the row in pieces of `piece` bytes. */
static enum probe_reply_state feed(struct probe_reply *r, const char *text, size_t piece)
{
    enum probe_reply_state state = PROBE_REPLY_PARTIAL;

    memset(r, 0, sizeof(*r));
    for (size_t len = strlen(text); len && state == PROBE_REPLY_PARTIAL;) {
        if (*text == '\x01')
            return probe_reply_eof(r);
        size_t n = MIN(MIN(piece, len), strcspn(text, "\x01"));
        state = probe_reply_feed(r, text, n);
        text += n;
        len -= n;
    }
    return state;
}

START_TEST(replies_are_read_in_pieces_of_any_size)
{
    static const size_t pieces[] = {1, 2, 7, 10000};
    struct probe_reply r;

    for (size_t i = 0; i < ARRAY_LEN(reply_rows); i++) {
        const struct reply_row *row = &reply_rows[i];
        for (size_t j = 0; j < ARRAY_LEN(pieces); j++) {
            enum probe_reply_state state = feed(&r, row->text, pieces[j]);
            ck_assert_msg(state == row->state, "%s: %d", row->text, (int)state);
            ck_assert_msg(r.status == row->status, "%s: %d", row->text, r.status);
            if (state == PROBE_REPLY_COMPLETE)
                ck_assert_str_eq(r.server, row->server);
        }
    }
}
END_TEST

START_TEST(a_reply_without_end_or_with_nul_is_malformed)
{
    struct probe_reply r = {0};
    char line[100];

    memset(line, 'x', sizeof(line));
    enum probe_reply_state state = PROBE_REPLY_PARTIAL;
    for (int i = 0; i < 1000 && state == PROBE_REPLY_PARTIAL; i++)
        state = probe_reply_feed(&r, line, sizeof(line));
    ck_assert_int_eq(state, PROBE_REPLY_MALFORMED);

    memset(&r, 0, sizeof(r));
    static const char nul[] = "HTTP/1.1 200 OK\0\r\n\r\n";
    ck_assert_int_eq(probe_reply_feed(&r, nul, sizeof(nul) - 1), PROBE_REPLY_MALFORMED);
}
END_TEST

START_TEST(a_long_body_is_counted_not_kept)
{
    static char block[65536];
    struct probe_reply r = {0};
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 6553600\r\n\r\n";

    ck_assert_int_eq(probe_reply_feed(&r, head, sizeof(head) - 1), PROBE_REPLY_PARTIAL);
    for (int i = 0; i < 99; i++)
        ck_assert_int_eq(probe_reply_feed(&r, block, sizeof(block)), PROBE_REPLY_PARTIAL);
    ck_assert_int_eq(probe_reply_feed(&r, block, sizeof(block)), PROBE_REPLY_COMPLETE);
}
END_TEST

/* --- renderers --- */

static double number(struct json_object *o, const char *path)
{
    char key[64];

    for (size_t len; *path; path += len + (path[len] == '/')) {
        len = strcspn(path, "/");
        memcpy(key, path, len);
        key[len] = '\0';
        o = json_object_object_get(o, key);
        ck_assert_msg(o != NULL, "no %s", key);
    }
    return json_object_get_double(o);
}

START_TEST(the_json_summary_has_the_figures)
{
    struct buf out cleanup(buf_fini) = BUF_INIT(0);

    failover();
    probe_summary_json(&stats, &subject, &out);
    ck_assert_int_eq(out.data[out.len - 1], '\n');
    ck_assert_ptr_eq(strchr(out.data, '\n'), out.data + out.len - 1);
    struct json_object *o = json_tokener_parse(out.data);
    ck_assert_ptr_nonnull(o);
    ck_assert_double_eq(number(o, "requests"), 1500);
    ck_assert_double_eq(number(o, "failed"), 350);
    ck_assert_double_eq(number(o, "failures/refused"), 350);
    ck_assert_double_eq(number(o, "longest_gap/ms"), 702);
    ck_assert_double_eq(number(o, "longest_gap/from_ms"), 998.5);
    ck_assert_double_eq(number(o, "servers/web-02"), 650);
    ck_assert_double_eq(number(o, "statuses/200"), 1150);
    ck_assert_double_eq_tol(number(o, "latency_ms/p99"), 0.5, 0.01);
    json_object_put(o);
}
END_TEST

START_TEST(the_text_summary_names_failures_and_gap)
{
    struct buf out cleanup(buf_fini) = BUF_INIT(0);

    failover();
    probe_summary_text(&stats, &subject, &out);
    ck_assert_ptr_nonnull(strstr(out.data, "requests      1500, failed 350 (refused 350)\n"));
    ck_assert_ptr_nonnull(strstr(out.data, "longest gap   702.0 ms, from 0.999 s to 1.700 s\n"));
    ck_assert_ptr_nonnull(strstr(out.data, "served by     web-01 500, web-02 650\n"));
    ck_assert_ptr_null(strstr(out.data, "note"));
    probe_stats_late(&stats, span_ms(50));
    probe_summary_text(&stats, &subject, &out);
    ck_assert_ptr_nonnull(strstr(out.data, "the prober itself was up to 50.0 ms late"));
}
END_TEST

START_TEST(the_report_shows_the_outage_and_needs_nothing_else)
{
    struct buf out cleanup(buf_fini) = BUF_INIT(0);

    failover();
    probe_report(&stats, &subject, &out);
    ck_assert(!out.lost);
    ck_assert_ptr_nonnull(strstr(out.data, "<rect class=\"gap\""));
    ck_assert_ptr_nonnull(strstr(out.data, ">702 ms</text>"));
    ck_assert_ptr_nonnull(strstr(out.data, ">web-02</text>"));
    ck_assert_ptr_nonnull(strstr(out.data, ">refused</text>"));
    ck_assert_ptr_nonnull(strstr(out.data, "prefers-color-scheme:dark"));
    ck_assert_ptr_null(strstr(out.data, "<script"));
    ck_assert_ptr_null(strstr(out.data, "src="));
    ck_assert_ptr_null(strstr(out.data, "href="));
    ck_assert_ptr_null(strstr(out.data, "@import"));
    ck_assert_ptr_null(strstr(out.data, "nan"));
    ck_assert_ptr_null(strstr(out.data, "inf"));
    ck_assert_uint_lt(out.len, 200000);
}
END_TEST

START_TEST(a_steady_run_shows_no_gap)
{
    struct buf out cleanup(buf_fini) = BUF_INIT(0);

    probe_stats_init(&stats, start, span_ms(2));
    add_many(0, 1000, 0.5, PROBE_OK, "web-01");
    probe_stats_end(&stats, at_ms(1000));
    probe_report(&stats, &subject, &out);
    ck_assert_ptr_null(strstr(out.data, "<rect class=\"gap\""));
}
END_TEST

START_TEST(hostile_names_stay_text)
{
    struct buf out cleanup(buf_fini) = BUF_INIT(0);

    probe_stats_init(&stats, start, span_ms(2));
    add(0, 1, PROBE_OK, "<script>alert('x')&\"");
    add(2, 1, PROBE_OK, "line\nbreak\x1b[2J");
    probe_stats_end(&stats, at_ms(4));
    probe_report(&stats, &subject, &out);
    ck_assert_ptr_null(strstr(out.data, "<script"));
    ck_assert_ptr_nonnull(strstr(out.data, "&lt;script&gt;alert(&#39;x&#39;)&amp;&quot;"));
    ck_assert_ptr_nonnull(strstr(out.data, "line?break?[2J"));
    buf_clear(&out);
    probe_summary_text(&stats, &subject, &out);
    ck_assert_ptr_null(strchr(out.data, '\x1b'));
}
END_TEST

START_TEST(an_empty_run_can_be_shown)
{
    struct buf out cleanup(buf_fini) = BUF_INIT(0);

    probe_stats_init(&stats, start, span_ms(2));
    probe_stats_end(&stats, start);
    probe_report(&stats, &subject, &out);
    probe_summary_json(&stats, &subject, &out);
    probe_summary_text(&stats, &subject, &out);
    ck_assert(!out.lost);
    ck_assert_ptr_null(strstr(out.data, "nan"));
}
END_TEST

static const struct test_row rows[] = {
    {"an outage is the time between two successes", &an_outage_is_the_time_between_two_successes},
    {"an outage that does not end counts to the end",
     &an_outage_that_does_not_end_counts_to_the_end},
    {"an outage before the first success counts", &an_outage_before_the_first_success_counts},
    {"requests that succeed late do not hide an outage", &slow_successes_do_not_fill_an_outage},
    {"the longest gaps are kept, longest first", &the_longest_gaps_are_kept_in_order},
    {"percentiles are right to within 2 %", &percentiles_are_within_two_percent},
    {"a run of a day keeps its course in bounds, and loses nothing",
     &a_long_run_keeps_its_course_in_bounds},
    {"servers beyond the table are counted together", &too_many_servers_are_counted_together},
    {"replies are read in pieces of any size", &replies_are_read_in_pieces_of_any_size},
    {"a head without end, or with NUL, is malformed",
     &a_reply_without_end_or_with_nul_is_malformed},
    {"a long body is counted, not kept", &a_long_body_is_counted_not_kept},
    {"the JSON summary has the figures", &the_json_summary_has_the_figures},
    {"the text names failures, gap and servers, and owns up to a late prober",
     &the_text_summary_names_failures_and_gap},
    {"the report shows the outage and needs nothing from outside",
     &the_report_shows_the_outage_and_needs_nothing_else},
    {"a steady run's report shows no gap", &a_steady_run_shows_no_gap},
    {"names that a server sends stay text", &hostile_names_stay_text},
    {"an empty run can be shown", &an_empty_run_can_be_shown},
};

int main(void)
{
    return suite_main("probe_stats", rows, ARRAY_LEN(rows));
}
