/*
 * What vrrpd says: log sentences, why, advice, status, metrics. Facts in, text out.
 */
#include "tests/unit/suite.h"
#include "vrrpd/advice.h"
#include "vrrpd/explain.h"
#include "vrrpd/history.h"
#include "vrrpd/metrics.h"
#include "vrrpd/status_render.h"
#include "vrrpd/why.h"

#include <json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct addr addr(const char *text)
{
    struct addr a;
    ck_assert(addr_parse(text, &a));
    return a;
}

/* ---- log sentences ---- */

START_TEST(a_transition_names_the_numbers_that_decided)
{
    static const struct {
        enum vrrp_reason reason;
        const char *peer;
        uint8_t priority;
        const char *fault;
        const char *expected;
    } rows[] = {
        {VRRP_REASON_SILENCE, "10.0.0.2", 101, NULL,
         "the Active router fell silent for 3.609s (10.0.0.2 priority 101)"},
        {VRRP_REASON_SILENCE, NULL, 0, NULL, "no Active router was heard for 3.609s"},
        {VRRP_REASON_PEER_LEFT, "10.0.0.2", 0, NULL,
         "the Active router left (it sent priority 0): 10.0.0.2"},
        {VRRP_REASON_HIGHER_PRIORITY, "10.0.0.2", 101, NULL,
         "heard an Active router with a higher priority (10.0.0.2 priority 101); ours is 100"},
        {VRRP_REASON_PREEMPT, "fe80::2", 99, NULL,
         "the Active router has a lower priority (fe80::2 priority 99); ours is 100"},
        {VRRP_REASON_FAULT, NULL, 0, "script proxy failed: exit status 1",
         "script proxy failed: exit status 1"},
        {VRRP_REASON_FAULT, NULL, 0, NULL, "a fault was found"},
        {VRRP_REASON_SHUTDOWN, NULL, 0, NULL, "asked to stop"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct vrrp_conf conf = vrrp_conf_default();
        struct vrrp v;
        struct buf out = {0};
        conf.vrid = 51;
        vrrp_init(&v, &conf);
        if (rows[i].peer)
            v.peer = (struct vrrp_peer){
                .addr = addr(rows[i].peer), .priority = rows[i].priority, .heard = {1000000}};
        const struct vrrp_action a = {.kind = VRRP_ACTION_STATE,
                                      .reason = rows[i].reason,
                                      .priority = rows[i].priority,
                                      .peer = v.peer.addr};
        explain_transition(&v, &a, (struct mono){4609375}, rows[i].fault, &out);
        ck_assert_str_eq(buf_cstr(&out), rows[i].expected);
        buf_fini(&out);
    }
}
END_TEST

START_TEST(a_stopped_router_is_not_called_initialize)
{
    ck_assert_str_eq(explain_state(VRRP_ACTIVE, false, false), "Active");
    ck_assert_str_eq(explain_state(VRRP_INITIALIZE, true, false), "Fault");
    ck_assert_str_eq(explain_state(VRRP_INITIALIZE, false, true), "Stopped");
    ck_assert_str_eq(explain_state(VRRP_INITIALIZE, false, false), "Initialize");
}
END_TEST

/* ---- a node to talk about ---- */

struct node {
    struct status s;
    struct status_instance i;
    struct status_address a[2];
    struct status_tracker t[1];
};

static struct node *node(void)
{
    struct node *n = calloc(1, sizeof(*n));

    n->s = (struct status){.node = "lb-01",
                           .version = "1.2",
                           .pid = 7,
                           .uptime = span_s(61),
                           .instances = &n->i,
                           .instance_count = 1};
    n->i = (struct status_instance){
        .name = "web",
        .state = "Active",
        .reason = "silence",
        .why = "the Active router fell silent for 3.609s",
        .since = span_ms(2500),
        .interface = "eth0",
        .vrid = 51,
        .version = 3,
        .family = AF_INET,
        .priority = 99,
        .base_priority = 101,
        .interval = span_s(1),
        .active_interval = span_s(1),
        .down_interval = span_us(3609375),
        .next_advert = span_ms(300),
        .takeover_in = span_us(-1),
        .source = addr("192.0.2.1"),
        .preempt = true,
        .checksum = "rfc9568",
        .peer = {.addr = addr("192.0.2.2"), .priority = 98, .interval = span_s(1)},
        .peer_ago = span_ms(1500),
        .addresses = n->a,
        .address_count = 2,
        .trackers = n->t,
        .tracker_count = 1};
    n->a[0] = (struct status_address){{addr("192.0.2.10"), 24}, "eth0", true, 0};
    n->a[1] = (struct status_address){{addr("192.0.2.11"), 24}, "eth1", false, 19};
    n->t[0].snapshot.type = TRACK_SCRIPT;
    n->t[0].snapshot.state = TRACK_FAILED;
    snprintf(n->t[0].snapshot.name, sizeof(n->t[0].snapshot.name), "proxy");
    snprintf(n->t[0].snapshot.what, sizeof(n->t[0].snapshot.what), "script killall -0 proxy");
    snprintf(n->t[0].snapshot.reason, sizeof(n->t[0].snapshot.reason), "exit status 1");
    n->t[0].share = -2;
    n->t[0].swing = -2;
    n->t[0].since = span_s(5);
    return n;
}

START_TEST(status_is_one_screen)
{
    struct node *n = node();
    struct buf out = {0};

    status_render_text(&n->s, &out);
    ck_assert_str_eq(buf_cstr(&out),
                     "lb-01: vrrpd 1.2, pid 7, up 1m 1s\n"
                     "web: Active for 2.5s: the Active router fell silent for 3.609s\n"
                     "  priority   99 (configured 101), eth0, vrid 51, version 3, interval 1s\n"
                     "  source     192.0.2.1\n"
                     "  peer       192.0.2.2 priority 98, heard 1.5s ago\n"
                     "  addresses  192.0.2.10/24 on eth0: held\n"
                     "             192.0.2.11/24 on eth1: MISSING: No such device\n"
                     "  trackers   proxy (script killall -0 proxy) failed, priority -2, for 5.0s: "
                     "exit status 1\n");
    buf_fini(&out);
    free(n);
}
END_TEST

static struct json_object *parse(const struct buf *b)
{
    struct json_object *o = json_tokener_parse(buf_cstr(b));
    ck_assert_ptr_nonnull(o);
    return o;
}

static const char *text_at(struct json_object *o, const char *pointer)
{
    struct json_object *found = NULL;
    ck_assert_msg(json_pointer_get(o, pointer, &found) == 0, "no %s", pointer);
    return json_object_get_string(found);
}

START_TEST(json_status_has_what_programs_read)
{
    struct node *n = node();
    struct buf out = {0};
    static const char *const rows[][2] = {
        {"/node", "lb-01"},
        {"/instances/0/name", "web"},
        {"/instances/0/state", "Active"},
        {"/instances/0/since", "2.500000"},
        {"/instances/0/priority", "99"},
        {"/instances/0/base_priority", "101"},
        {"/instances/0/peer/address", "192.0.2.2"},
        {"/instances/0/peer/priority", "98"},
        {"/instances/0/addresses/0/address", "192.0.2.10/24"},
        {"/instances/0/addresses/0/held", "true"},
        {"/instances/0/addresses/1/held", "false"},
        {"/instances/0/trackers/0/state", "failed"},
        {"/instances/0/trackers/0/share", "-2"},
        {"/instances/0/rejects/checksum", "0"},
        {"/instances/0/counters/adverts_sent", "0"},
    };
    status_render_json(&n->s, &out);
    struct json_object *o = parse(&out);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ck_assert_str_eq(text_at(o, rows[i][0]), rows[i][1]);
    ck_assert_ptr_null(text_at(o, "/instances/0/takeover_in"));
    json_object_put(o);
    buf_fini(&out);
    free(n);
}
END_TEST

START_TEST(why_tells_what_decides)
{
    struct node *n = node();
    struct buf out = {0};

    why_text(&n->i, &out);
    ck_assert_str_eq(
        buf_cstr(&out),
        "web is Active here for 2.500s: the Active router fell silent for 3.609s.\n"
        "Its priority is 99: 101 as configured, -2 by script proxy (failed: exit status 1).\n"
        "The last advert came from 192.0.2.2 1.500s ago with priority 98, below ours.\n"
        "It holds 1 of 2 addresses and sends the next advert in 0.300s.\n");
    buf_clear(&out);
    why_json(&n->i, &out);
    struct json_object *o = parse(&out);
    ck_assert_str_eq(
        text_at(o, "/sentences/2"),
        "The last advert came from 192.0.2.2 1.500s ago with priority 98, below ours.");
    json_object_put(o);
    buf_fini(&out);
    free(n);
}
END_TEST

START_TEST(why_tells_what_a_backup_waits_for)
{
    struct node *n = node();
    struct buf out = {0};

    n->i.state = "Backup";
    n->i.priority = 100;
    n->i.preempt = false;
    n->i.takeover_in = span_ms(2100);
    n->i.faults = 0;
    why_text(&n->i, &out);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "It does not take over from that router: "
                                                 "\"preempt\" is false.\n"));
    ck_assert_ptr_nonnull(strstr(buf_cstr(&out),
                                 "It takes over when it hears nothing for another 2.100s (three "
                                 "intervals of 1.000s and the skew of its priority: 3.609s).\n"));
    buf_fini(&out);
    free(n);
}
END_TEST

/* ---- advice ---- */

static void collect(void *ctx, const char *sentence)
{
    buf_printf(ctx, "%s\n", sentence);
}

START_TEST(a_weight_that_moves_nothing_is_said)
{
    static const struct {
        const char *state;
        unsigned ours, theirs;
        int swing;
        bool fault;
        const char *expected; /* NULL: nothing is said */
    } rows[] = {
        {"Active", 105, 100, -2, false, "would move nothing"},
        {"Active", 101, 100, -2, false, NULL},
        {"Active", 102, 100, -2, false, NULL}, /* equal: the address decides */
        {"Active", 105, 100, -2, true, NULL},
        {"Backup", 100, 110, -2, false, "nothing would move"},
        {"Backup", 100, 101, -2, false, NULL},
        {"Backup", 100, 110, -20, false, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct node *n = node();
        struct buf out = {0};
        n->i.state = rows[i].state;
        n->i.priority = rows[i].ours;
        n->i.peer.priority = (uint8_t)rows[i].theirs;
        n->t[0].snapshot.state = TRACK_OK;
        n->t[0].swing = rows[i].swing;
        n->t[0].fault_if_failed = rows[i].fault;
        advice_each(&n->i, collect, &out);
        if (rows[i].expected)
            ck_assert_msg(strstr(buf_cstr(&out), rows[i].expected), "row %zu: %s", i,
                          buf_cstr(&out));
        else
            ck_assert_str_eq(buf_cstr(&out), "");
        buf_fini(&out);
        free(n);
    }
}
END_TEST

START_TEST(what_differs_from_the_peer_is_said)
{
    struct node *n = node();
    struct buf out = {0};

    advice_each(&n->i, collect, &out);
    ck_assert_str_eq(buf_cstr(&out), "");
    n->i.peer.interval = span_s(2);
    n->i.peer_addresses_differ = true;
    n->i.rival = addr("192.0.2.10");
    memcpy(n->i.rival_mac, "\x02\x00\x00\x00\x00\x0a", 6);
    advice_each(&n->i, collect, &out);
    ck_assert_str_eq(
        buf_cstr(&out),
        "192.0.2.10 is answered for by 02:00:00:00:00:0a as well: another host has it.\n"
        "192.0.2.2 advertises each 2s, this node would each 1s: give both the same \"interval\".\n"
        "192.0.2.2 advertises other addresses with vrid 51: either the nodes' configurations "
        "differ, or another cluster on this link has the same vrid.\n");
    buf_fini(&out);
    free(n);
}
END_TEST

/* ---- metrics ---- */

/* Each sample belongs to the family named before it, counters end in _total, values are numbers. */
static void check_exposition(const char *text)
{
    char family[128] = "", type[32] = "";
    const char *line = text, *next;

    for (; *line; line = next) {
        next = strchr(line, '\n');
        ck_assert_ptr_nonnull(next);
        next++;
        if (strncmp(line, "# TYPE ", 7) == 0) {
            ck_assert_int_eq(sscanf(line, "# TYPE %127s %31s", family, type), 2);
            continue;
        }
        if (line[0] == '#')
            continue;
        size_t name = strcspn(line, "{ ");
        const char *suffix = strcmp(type, "counter") == 0 ? "_total"
                             : strcmp(type, "info") == 0  ? "_info"
                                                          : "";
        ck_assert_uint_eq(name, strlen(family) + strlen(suffix));
        ck_assert(strncmp(line, family, strlen(family)) == 0);
        ck_assert(strncmp(line + strlen(family), suffix, strlen(suffix)) == 0);
        const char *value = line[name] == '{' ? strstr(line, "} ") + 2 : line + name + 1;
        ck_assert_uint_eq(strspn(value, "0123456789."), (size_t)(next - value - 1));
    }
}

START_TEST(metrics_are_openmetrics)
{
    struct node *n = node();
    struct buf out = {0};

    snprintf(n->i.name, sizeof(n->i.name), "we\"b");
    n->i.counters.adverts_sent = 12;
    metrics_render(&n->s, &out);
    check_exposition(buf_cstr(&out));
    static const char *const lines[] = {
        "vrrpd_state{instance=\"we\\\"b\",vrrpd_state=\"Active\"} 1\n",
        "vrrpd_state{instance=\"we\\\"b\",vrrpd_state=\"Backup\"} 0\n",
        "vrrpd_priority{instance=\"we\\\"b\"} 99\n",
        "vrrpd_adverts_sent_total{instance=\"we\\\"b\"} 12\n",
        "vrrpd_addresses_held{instance=\"we\\\"b\"} 1\n",
        "vrrpd_tracker_ok{instance=\"we\\\"b\",tracker=\"proxy\",type=\"script\"} 0\n",
        "vrrpd_uptime_seconds 61.000000\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        ck_assert_msg(strstr(buf_cstr(&out), lines[i]), "no %s", lines[i]);
    ck_assert_str_eq(buf_cstr(&out) + out.len - 6, "# EOF\n");
    buf_fini(&out);
    free(n);
}
END_TEST

/* ---- history ---- */

static void count(void *ctx, const struct history_record *r)
{
    *(uint64_t *)ctx = r->seq;
}

START_TEST(the_last_records_are_kept_and_followed)
{
    struct history *h = NULL;
    struct history_record r = {.kind = HISTORY_NOTE}, out;
    uint64_t seen = 0;
    struct history_follower f = {.fn = count, .ctx = &seen};

    log_init("test", LOG_LEVEL_ERR, LOG_TARGET_PLAIN);
    ck_assert_int_eq(history_new(&h), 0);
    history_follow(h, &f);
    for (int i = 0; i < HISTORY_MAX + 10; i++) {
        snprintf(r.text, sizeof(r.text), "record %d", i + 1);
        snprintf(r.instance, sizeof(r.instance), "web");
        history_add(h, LOG_LEVEL_DEBUG, &r);
    }
    ck_assert_uint_eq(seen, HISTORY_MAX + 10);
    ck_assert_uint_eq(history_last(h), HISTORY_MAX + 10);
    ck_assert(!history_get(h, 10, &out) && !history_get(h, 0, &out));
    ck_assert(!history_get(h, HISTORY_MAX + 11, &out));
    ck_assert(history_get(h, 11, &out));
    ck_assert_str_eq(out.text, "record 11");
    ck_assert_str_eq(out.instance, "web");
    history_unfollow(&f);
    history_add(h, LOG_LEVEL_DEBUG, &r);
    ck_assert_uint_eq(seen, HISTORY_MAX + 10);
    history_free(h);
}
END_TEST

START_TEST(a_record_is_a_json_object)
{
    struct history_record r = {.seq = 3,
                               .at = {1700000000, 5000},
                               .kind = HISTORY_TRANSITION,
                               .instance = "web",
                               .from = "Backup",
                               .to = "Active",
                               .reason = "silence",
                               .text = "a \"quoted\" text"};
    struct buf out = {0};

    history_json(&r, &out);
    ck_assert_str_eq(buf_cstr(&out),
                     "{\"seq\":3,\"time\":1700000000.000005,\"kind\":\"transition\","
                     "\"instance\":\"web\",\"from\":\"Backup\",\"to\":\"Active\","
                     "\"reason\":\"silence\",\"text\":\"a \\\"quoted\\\" text\"}\n");
    json_object_put(parse(&out));
    buf_fini(&out);
}
END_TEST

static const struct test_row rows[] = {
    {"a transition names the numbers that decided", &a_transition_names_the_numbers_that_decided},
    {"a stopped router is not called Initialize", &a_stopped_router_is_not_called_initialize},
    {"status is one screen", &status_is_one_screen},
    {"JSON status has what programs read", &json_status_has_what_programs_read},
    {"why tells what decides", &why_tells_what_decides},
    {"why tells what a Backup waits for", &why_tells_what_a_backup_waits_for},
    {"a weight that moves nothing is said", &a_weight_that_moves_nothing_is_said},
    {"what differs from the peer is said", &what_differs_from_the_peer_is_said},
    {"metrics are OpenMetrics", &metrics_are_openmetrics},
    {"the last records are kept and followed", &the_last_records_are_kept_and_followed},
    {"a record is a JSON object", &a_record_is_a_json_object},
};

int main(void)
{
    return suite_main("vrrpd_words", rows, ARRAY_LEN(rows));
}
