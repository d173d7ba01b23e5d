#include "tests/unit/suite.h"
#include "vrrpd/config.h"
#include "vrrpd/config_vrrp.h"
#include "vrrpd/rt_table.h"

#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>

#define INSTANCE "\"interface\": \"eth0\", \"vrid\": 51, \"addresses\": [\"192.0.2.10/24\"]"

struct loaded {
    struct config *config;
    struct conf_report report;
    struct buf text;
    int err;
};

static struct loaded *load_as(const char *name, const char *text)
{
    struct loaded *l = calloc(1, sizeof(*l));

    l->err = config_parse(name, text, strlen(text), &l->config, &l->report);
    conf_report_render(&l->report, &l->text);
    return l;
}

static struct loaded *load(const char *text)
{
    return load_as("t.json", text);
}

static void unload(struct loaded *l)
{
    config_free(l->config);
    buf_fini(&l->text);
    free(l);
}

static const struct config_instance *only(const struct loaded *l)
{
    ck_assert_str_eq(buf_cstr(&l->text), "");
    ck_assert_int_eq(l->err, 0);
    ck_assert_uint_eq(l->config->instances.n, 1);
    return l->config->instances.v[0];
}

START_TEST(five_lines_are_a_floating_address)
{
    struct loaded *l = load("{ \"instances\": { \"web\": { " INSTANCE " } } }");
    const struct config_instance *in = only(l);
    const struct config_address *a = in->addresses.v[0];

    ck_assert_str_eq(in->obj.name, "web");
    ck_assert_int_eq(in->version, 3);
    ck_assert_int_eq(in->priority, 100);
    ck_assert_int_eq(in->interval.us, 1000000);
    ck_assert_int_eq(config_family(in), AF_INET);
    ck_assert(in->preempt && in->accept && a->advertise && !in->virtual_mac);
    ck_assert_int_eq(in->lease.us, 3000000);
    ck_assert_uint_eq(a->address.len, 24);
    ck_assert_str_eq(l->config->control, CONFIG_SOCKET_DEFAULT);
    ck_assert(l->config->guardian);
    unload(l);
}
END_TEST

START_TEST(the_family_is_that_of_the_addresses)
{
    struct loaded *l = load("{ \"instances\": { \"web\": { \"interface\": \"eth0\", \"vrid\": 1,"
                            "  \"addresses\": \"fe80::10/64\" } } }");
    ck_assert_int_eq(config_family(only(l)), AF_INET6);
    unload(l);
}
END_TEST

/* What follows from a tracker, by what is written. */
START_TEST(a_tracker_without_effects_is_a_fault)
{
    static const struct {
        const char *track;
        int fail_then;
        int64_t fail_priority, ok_priority;
    } rows[] = {
        {"{ \"process\": \"lb\" }", CONFIG_THEN_FAULT, 0, 0},
        {"{ \"process\": \"lb\", \"on_fail\": \"fault\" }", CONFIG_THEN_FAULT, 0, 0},
        {"{ \"process\": \"lb\", \"on_fail\": { \"priority\": -2 } }", CONFIG_THEN_NOTHING, -2, 0},
        {"{ \"process\": \"lb\", \"on_ok\": { \"priority\": 2 } }", CONFIG_THEN_NOTHING, 0, 2},
        {"{ \"use\": \"shared\" }", CONFIG_THEN_NOTHING, -7, 0},
        {"{ \"use\": \"shared\", \"on_fail\": \"fault\" }", CONFIG_THEN_FAULT, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf text = {0};
        buf_printf(&text,
                   "{ \"track\": { \"shared\": { \"file\": \"/f\", \"on_fail\": { \"priority\": -7 "
                   "} } }, \"instances\": { \"web\": { " INSTANCE
                   ", \"track\": { \"t\": %s } } } }",
                   rows[i].track);
        struct loaded *l = load(buf_cstr(&text));
        const struct config_track *t = only(l)->track.v[0];
        ck_assert_int_eq(t->on_fail.then, rows[i].fail_then);
        ck_assert_int_eq(t->on_fail.priority, rows[i].fail_priority);
        ck_assert_int_eq(t->on_ok.priority, rows[i].ok_priority);
        unload(l);
        buf_fini(&text);
    }
}
END_TEST

START_TEST(shared_trackers_are_named_in_a_list)
{
    struct loaded *l = load(
        "{ \"track\": { \"proxy\": { \"process\": \"lb\" }, \"up\": { \"interface\": \"eth1\" } "
        "}, \"instances\": { \"web\": { " INSTANCE ", \"track\": [\"proxy\", \"up\"] } } }");
    const struct config_instance *in = only(l);

    ck_assert_uint_eq(in->track.n, 2);
    ck_assert_str_eq(config_track_of(l->config, in->track.v[0])->process, "lb");
    ck_assert_str_eq(config_track_of(l->config, in->track.v[1])->interface, "eth1");
    unload(l);
}
END_TEST

START_TEST(one_hook_needs_no_brackets)
{
    static const char *const forms[] = {
        "\"/bin/n a\"",
        "[\"/bin/n a\"]",
        "{ \"command\": \"/bin/n a\" }",
        "[{ \"command\": [\"/bin/n\", \"a\"] }]",
    };
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct buf text = {0};
        struct err e = {0};
        buf_printf(&text, "{ \"instances\": { \"web\": { " INSTANCE ", \"notify\": %s } } }",
                   forms[i]);
        struct loaded *l = load(buf_cstr(&text));
        const struct config_notify *n = only(l)->notify.v[0];
        char **words = config_words(&n->command, &e);
        ck_assert_ptr_nonnull(words);
        ck_assert_str_eq(words[0], "/bin/n");
        ck_assert_str_eq(words[1], "a");
        ck_assert_ptr_null(words[2]);
        free(words);
        unload(l);
        buf_fini(&text);
    }
}
END_TEST

START_TEST(a_keepalived_conf_is_recognised)
{
    struct loaded *l = load_as("keepalived.conf", "vrrp_instance VI_1 {\n interface eth0\n"
                                                  " virtual_router_id 51\n priority 101\n"
                                                  " virtual_ipaddress {\n 192.0.2.10\n }\n}\n");
    const struct config_instance *in = only(l);

    ck_assert_str_eq(in->obj.name, "VI_1");
    ck_assert_int_eq(in->version, 2);
    ck_assert_int_eq(in->priority, 101);
    ck_assert_uint_eq(((const struct config_address *)in->addresses.v[0])->address.len, 32);
    unload(l);
}
END_TEST

START_TEST(the_native_form_means_the_same)
{
    struct loaded *a = load(
        "{ \"groups\": { \"g\": [\"web\"] }, \"static\": { \"routes\": [{ \"to\": \"default\","
        "  \"via\": \"192.0.2.1\", \"table\": \"100\" }] },"
        "  \"track\": { \"p\": { \"process\": \"lb\", \"on_fail\": { \"priority\": -2 } } },"
        "  \"instances\": { \"web\": { " INSTANCE ", \"interval\": \"250ms\", \"track\": [\"p\"],"
        "  \"notify\": \"/bin/n\", \"unicast\": [\"192.0.2.2\"], \"garp\": { \"repeat\": 3 },"
        "  \"rules\": [{ \"mark\": \"0x1\", \"table\": \"100\" }] } } }");
    struct buf printed = {0};

    ck_assert_int_eq(a->err, 0);
    ck_assert_int_eq(config_print(a->config, &printed), 0);
    struct loaded *b = load(buf_cstr(&printed));
    ck_assert_int_eq(b->err, 0);
    ck_assert(conf_table_equal(&config_table, a->config, b->config));
    ((struct config_instance *)b->config->instances.v[0])->interval.us++;
    ck_assert(!conf_table_equal(&config_table, a->config, b->config));
    unload(a);
    unload(b);
    buf_fini(&printed);
}
END_TEST

START_TEST(only_what_fits_is_advertised)
{
    struct buf text = {0};

    buf_str(&text, "{ \"instances\": { \"web\": { \"interface\": \"eth0\", \"vrid\": 1, "
                   "\"addresses\": [ { \"address\": \"2001:db8::1/64\", \"advertise\": false }");
    for (int i = 0; i < 300; i++)
        buf_printf(&text, ", \"10.0.%d.%d/32\"", i / 100, i % 100);
    buf_str(&text, " ], \"family\": \"ipv4\" } } }");
    struct loaded *l = load(buf_cstr(&text));
    struct config_vrrp v;
    ck_assert_int_eq(l->err, 0);
    ck_assert_int_eq(config_vrrp_init(&v, l->config->instances.v[0], 576, true), 0);
    ck_assert_uint_eq(v.conf.addr_count, packet_addrs_fit(3, AF_INET, 576));
    ck_assert_uint_eq(v.conf.addr_count + v.unlisted, 300);
    ck_assert(v.conf.grouped);
    ck_assert_int_eq(v.conf.addrs[0].family, AF_INET);
    config_vrrp_fini(&v);
    unload(l);
    buf_fini(&text);
}
END_TEST

START_TEST(marks_and_tables_are_read_as_ip_does)
{
    static const struct {
        const char *text;
        bool ok;
        uint32_t mark, mask;
    } marks[] = {
        {"1", true, 1, UINT32_MAX},   {"0x10", true, 16, UINT32_MAX},
        {"0x1/0xff", true, 1, 255},   {"", false, 0, 0},
        {"red", false, 0, 0},         {"1/", false, 0, 0},
        {"0x1ffffffff", false, 0, 0}, {"1 ", false, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        uint32_t mark = 0, mask = 0;
        ck_assert_int_eq(config_mark(marks[i].text, &mark, &mask), marks[i].ok);
        if (marks[i].ok) {
            ck_assert_uint_eq(mark, marks[i].mark);
            ck_assert_uint_eq(mask, marks[i].mask);
        }
    }
    uint32_t table = 0;
    ck_assert(rt_table("main", &table) && table == RT_TABLE_MAIN);
    ck_assert(rt_table("100", &table) && table == 100);
    ck_assert(!rt_table("no-such-table", &table) && !rt_table("0", &table));
}
END_TEST

START_TEST(hostile_files_end_in_findings)
{
    static const char *const texts[] = {
        "{ \"instances\": { \"a\": null } }",
        "{ \"instances\": { \"a\": { \"addresses\": [ {}, {} ] } } }",
        "{ \"instances\": { \"a\": [ ] } }",
        "{ \"groups\": { \"g\": [ ] }, \"instances\": { } }",
        "{ \"track\": { \"t\": \"x\" } }",
        "vrrp_instance {",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct loaded *l = load(texts[i]);
        ck_assert_msg(l->report.count > 0, "nothing found in %s", texts[i]);
        unload(l);
    }
}
END_TEST

static const struct test_row rows[] = {
    {"five lines are a floating address", &five_lines_are_a_floating_address},
    {"the family is that of the addresses", &the_family_is_that_of_the_addresses},
    {"a tracker without effects is a fault", &a_tracker_without_effects_is_a_fault},
    {"shared trackers are named in a list", &shared_trackers_are_named_in_a_list},
    {"one hook needs no brackets", &one_hook_needs_no_brackets},
    {"a keepalived.conf is recognised", &a_keepalived_conf_is_recognised},
    {"the native form means the same", &the_native_form_means_the_same},
    {"only what fits is advertised", &only_what_fits_is_advertised},
    {"marks and tables are read as ip does", &marks_and_tables_are_read_as_ip_does},
    {"hostile files end in findings", &hostile_files_end_in_findings},
};

int main(void)
{
    return suite_main("vrrpd_config", rows, ARRAY_LEN(rows));
}
