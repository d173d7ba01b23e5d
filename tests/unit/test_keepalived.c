#include "tests/unit/conf_dump.h"
#include "tests/unit/suite.h"
#include "vrrpd/keepalived.h"

#include <stdlib.h>
#include <string.h>

/* The native form on one line, then what was found. Notices are left out unless asked for. */
static void read_conf(const char *text, bool notices, struct buf *out)
{
    struct conf_doc doc cleanup(conf_doc_fini) = {0};
    struct conf_report *r = calloc(1, sizeof(*r)), *shown = calloc(1, sizeof(*r));

    if (keepalived_read(&doc, "k.conf", text, strlen(text), "lb-01", NULL, r) == 0)
        conf_dump(doc.root, out);
    for (size_t i = 0; i < r->count; i++)
        if (notices || r->diags[i].severity != CONF_NOTICE)
            shown->diags[shown->count++] = r->diags[i];
    conf_report_render(shown, out);
    free(r);
    free(shown);
}

#define INSTANCE(LINES) "vrrp_instance V {\n" LINES "}\n"
/* What keepalived's own defaults add. */
#define DEFAULTS "version:2 garp:{repeat:5 gap:'0s'}"

START_TEST(the_classic_tutorial)
{
    struct buf out cleanup(buf_fini) = {0};
    read_conf("vrrp_script chk_haproxy {\n"
              "    script \"killall -0 haproxy\"   # cheaper than pidof\n"
              "    interval 2\n"
              "    weight 2\n"
              "}\n"
              "vrrp_instance VI_1 {\n"
              "    interface eth0\n"
              "    state MASTER\n"
              "    virtual_router_id 51\n"
              "    priority 101\n"
              "    virtual_ipaddress {\n"
              "        192.0.2.10/24\n"
              "    }\n"
              "    track_script {\n"
              "        chk_haproxy\n"
              "    }\n"
              "}\n",
              false, &out);
    ck_assert_str_eq(buf_cstr(&out),
                     "{track:{chk_haproxy:{script:'killall -0 haproxy' every:'2s' "
                     "on_ok:{priority:2}}} "
                     "instances:{VI_1:{interface:'eth0' vrid:51 priority:101 "
                     "addresses:[{address:'192.0.2.10/24'}] track:{chk_haproxy:{}} " DEFAULTS
                     "}}}");
}
END_TEST

START_TEST(keywords_become_native_keys)
{
    static const struct {
        const char *text, *native;
    } rows[] = {
        {"vrrp_script c {\n script /bin/a b c\n timeout 1.5\n rise 2\n fall 3\n user nobody\n}\n",
         "{track:{c:{script:['/bin/a' 'b' 'c'] timeout:'1500ms' rise:2 fall:3 user:'nobody' "
         "on_fail:'fault'}}}"},
        {"vrrp_script c {\n weight -20\n}\n", "{track:{c:{on_fail:{priority:-20}}}}"},
        {"vrrp_script c {\n weight 20 reverse\n}\n", "{track:{c:{on_ok:{priority:-20}}}}"},
        {"vrrp_script c {\n weight 0 reverse\n}\n", "{track:{c:{on_ok:'fault'}}}"},
        {"vrrp_track_process p {\n process nginx\n quorum 2\n delay 1\n}\n",
         "{track:{p:{process:'nginx' quorum:2 delay:'1s' on_ok:{priority:1}}}}"},
        {"track_file f {\n file /tmp/f\n weight 3\n}\n", "{track:{f:{file:'/tmp/f' weight:3}}}"},
        {INSTANCE(" advert_int 0.5\n nopreempt\n preempt_delay 30\n"),
         "{instances:{V:{interval:'500ms' preempt:false preempt_delay:'30s' " DEFAULTS "}}}"},
        {INSTANCE(" authentication {\n auth_type PASS\n auth_pass 123456789\n }\n"),
         "{instances:{V:{password:'12345678' " DEFAULTS "}}}"},
        {INSTANCE(" virtual_ipaddress {\n 192.0.2.1/24 dev eth1 label eth1:1 scope link\n }\n"
                  " virtual_ipaddress_excluded {\n 192.0.2.2\n }\n"),
         "{instances:{V:{addresses:[{address:'192.0.2.1/24' device:'eth1' label:'eth1:1' "
         "scope:'link'} {address:'192.0.2.2' advertise:false}] " DEFAULTS "}}}"},
        {INSTANCE(" virtual_ipaddress {\n 2001:db8::1/64\n }\n"),
         "{instances:{V:{addresses:[{address:'2001:db8::1/64'}] version:3 "
         "garp:{repeat:5 gap:'0s'}}}}"},
        {INSTANCE(
             " unicast_src_ip 10.0.0.1\n unicast_peer {\n 10.0.0.2 min_ttl 64\n 10.0.0.3\n }\n"),
         "{instances:{V:{unicast:{peers:['10.0.0.2' '10.0.0.3'] ttl_min:64 "
         "source:'10.0.0.1'} " DEFAULTS "}}}"},
        {INSTANCE(" track_interface {\n eth1\n eth2 weight -10\n }\n"),
         "{instances:{V:{track:{eth1:{interface:'eth1' on_fail:'fault'} "
         "eth2:{interface:'eth2' on_fail:{priority:-10}}} " DEFAULTS "}}}"},
        {INSTANCE(" notify \"/n.sh a\" root\n notify_master /m.sh\n"),
         "{instances:{V:{notify:[{active:'/m.sh'} {command:'/n.sh a' user:'root'}] " DEFAULTS
         "}}}"},
        {INSTANCE(" use_vmac vrrp.51\n no_accept\n dont_track_primary\n strict_mode\n"),
         "{instances:{V:{virtual_mac:true accept:false track_link:false strict:true " DEFAULTS
         "}}}"},
        {INSTANCE(" virtual_routes {\n src 10.0.0.1 to 10.1.0.0/16 via 10.0.0.254 dev eth0\n"
                  " blackhole 10.2.0.0/16\n }\n"),
         "{instances:{V:{routes:[{source:'10.0.0.1' to:'10.1.0.0/16' via:'10.0.0.254' "
         "device:'eth0'} {type:'blackhole' to:'10.2.0.0/16'}] " DEFAULTS "}}}"},
        {"vrrp_sync_group G {\n group {\n A\n B\n }\n notify /g.sh\n}\n",
         "{groups:{G:{members:['A' 'B'] notify:[{command:'/g.sh'}]}}}"},
        {INSTANCE("") "global_defs {\n vrrp_version 3\n vrrp_garp_master_delay 1\n"
                      " vrrp_garp_interval 0.001\n router_id x\n notify_fifo /run/f\n}\n",
         "{node:'x' instances:{V:{notify:[{fifo:'/run/f'}] version:3 garp:{repeat:5 gap:'1ms' "
         "delay:'1s'}}}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out cleanup(buf_fini) = {0};
        read_conf(rows[i].text, false, &out);
        ck_assert_str_eq(buf_cstr(&out), rows[i].native);
    }
}
END_TEST

START_TEST(nothing_is_ignored_in_silence)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"virtual_server 10.0.0.1 80 {\n}\n",
         "k.conf:1:1: error: \"virtual_server\" is not supported\n"
         "    virtual_server 10.0.0.1 80 {\n"
         "    ^~~~~~~~~~~~~~\n"
         "  hint: there is no IPVS here; lb balances\n"},
        {INSTANCE("  advert_itn 1\n"),
         "k.conf:2:3: error: unknown keyword \"advert_itn\" in vrrp_instance\n"
         "      advert_itn 1\n"
         "      ^~~~~~~~~~\n"
         "  hint: did you mean \"advert_int\"?\n"},
        {INSTANCE("  priority high\n"),
         "k.conf:2:12: error: \"priority\" is a whole number, not \"high\"\n"
         "      priority high\n"
         "               ^~~~\n"},
        {INSTANCE(" priority 1\n priority 2\n"), "{instances:{V:{priority:2 " DEFAULTS "}}}"
                                                 "k.conf:3:11: warning: this is given twice\n"
                                                 "     priority 2\n"
                                                 "              ^\n"
                                                 "  hint: the one at line 2 has no effect\n"},
        {INSTANCE(" state SLAVE\n"),
         "k.conf:2:8: error: a state is MASTER or BACKUP, not \"SLAVE\"\n"
         "     state SLAVE\n"
         "           ^~~~~\n"},
        {INSTANCE(" virtual_ipaddress {\n 10.0.0.1 mngtmpaddr\n }\n"),
         "k.conf:3:11: error: \"mngtmpaddr\" is not supported here\n"
         "     10.0.0.1 mngtmpaddr\n"
         "              ^~~~~~~~~~\n"
         "  hint: remove it; vrrpd.json(5) lists what there is\n"},
        {INSTANCE(" smtp_alert\n"),
         "{instances:{V:{" DEFAULTS "}}}"
         "k.conf:2:2: notice: \"smtp_alert\" has no effect here: no mail is sent; a notify command "
         "can (scripts/notify/webhook)\n"
         "     smtp_alert\n"
         "     ^~~~~~~~~~\n"},
        {INSTANCE("") INSTANCE(""), "k.conf:3:15: error: there is an instance \"V\" already\n"
                                    "    vrrp_instance V {\n"
                                    "                  ^\n"
                                    "  hint: give one of them another name\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out cleanup(buf_fini) = {0};
        read_conf(rows[i].text, true, &out);
        ck_assert_str_eq(buf_cstr(&out), rows[i].message);
    }
}
END_TEST

static const struct test_row rows[] = {
    {"the classic tutorial's file", &the_classic_tutorial},
    {"keywords become native keys", &keywords_become_native_keys},
    {"nothing is ignored in silence", &nothing_is_ignored_in_silence},
};

int main(void)
{
    return suite_main("keepalived", rows, ARRAY_LEN(rows));
}
