#include "vrrpd/keepalived.h"

#include "vrrpd/keepalived_keyword.h"

#include "common/base/parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- global_defs ---- */

static void set_default(struct ka *k, const char *path, enum conf_kind kind, const char *text,
                        struct conf_pos at)
{
    for (size_t i = 0; i < KA_DEFAULTS; i++) {
        struct ka_default *d = &k->defaults[i];
        if (d->set && strcmp(d->path, path) != 0)
            continue;
        *d = (struct ka_default){.path = path, .kind = kind, .at = at, .set = true};
        snprintf(d->text, sizeof(d->text), "%s", text);
        return;
    }
}

static void on_default_number(struct ka *k, const struct ka_keyword *kw,
                              const struct keepalived_stmt *s, struct conf_node *object)
{
    const struct keepalived_word *w = ka_word(k, s, 1, "a number");
    int64_t n;

    if (w && !parse_int(w->text, 0, 1000000, &n))
        ka_error(k, w->at, NULL, "\"%s\" is a whole number, not \"%s\"", kw->name, w->text);
    else if (w)
        set_default(k, kw->path, CONF_KIND_NUMBER, w->text, w->at);
}

static void on_default_seconds(struct ka *k, const struct ka_keyword *kw,
                               const struct keepalived_stmt *s, struct conf_node *object)
{
    const struct keepalived_word *w = ka_word(k, s, 1, "a number of seconds");
    char span[32];

    if (w && !ka_seconds(w->text, span))
        ka_error(k, w->at, NULL, "\"%s\" is a number of seconds, not \"%s\"", kw->name, w->text);
    else if (w)
        set_default(k, kw->path, CONF_KIND_STRING, span, w->at);
}

static void on_strict(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                      struct conf_node *object)
{
    set_default(k, "strict", CONF_KIND_BOOL, "true", s->words[0].at);
}

static void on_min_garp(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                        struct conf_node *object)
{
    set_default(k, "garp.repeat", CONF_KIND_NUMBER, "1", s->words[0].at);
    set_default(k, "garp.delay", CONF_KIND_STRING, "0s", s->words[0].at);
}

static void on_fifo(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                    struct conf_node *object)
{
    if (ka_word(k, s, 1, "the path of a fifo"))
        k->fifo = s;
}

#define MAIL     "no mail is sent; a notify command can (scripts/notify/webhook)"
#define SCHEDULE "the event loop needs no help of the scheduler; a unit file can set it"
#define LVS      "there is no IPVS here; lb balances"
#define NETLINK  "netlink buffers are sized as needed"
#define SNMP     "there is no SNMP; vrrpctl status --json and the metrics say more"

static const struct ka_keyword global_keywords[] = {
    {"router_id", KA_TEXT, "node"},
    {"script_user", KA_TEXT, "script_user"},
    {"enable_script_security", KA_NOTICE, .note = "scripts are always checked"},
    {"vrrp_version", KA_CALL, "version", .fn = on_default_number},
    {"vrrp_garp_master_delay", KA_CALL, "garp.delay", .fn = on_default_seconds},
    {"vrrp_garp_master_repeat", KA_CALL, "garp.repeat", .fn = on_default_number},
    {"vrrp_garp_master_refresh", KA_CALL, "garp.refresh", .fn = on_default_seconds},
    {"vrrp_garp_master_refresh_repeat", KA_CALL, "garp.refresh_repeat", .fn = on_default_number},
    {"vrrp_garp_interval", KA_CALL, "garp.gap", .fn = on_default_seconds},
    {"vrrp_gna_interval", KA_CALL, "garp.gap", .fn = on_default_seconds},
    {"vrrp_min_garp", KA_CALL, .fn = on_min_garp},
    {"vrrp_strict", KA_CALL, .fn = on_strict},
    {"vrrp_garp_lower_prio_delay", KA_NOTICE, .note = "after a conflict, the master delay counts"},
    {"vrrp_garp_lower_prio_repeat", KA_NOTICE,
     .note = "after a conflict, the master repeat counts"},
    {"vrrp_lower_prio_no_advert", KA_NOTICE, .note = "RFC 9568 asks for the advert"},
    {"vrrp_higher_prio_send_advert", KA_NOTICE, .note = "the winner announces its addresses again"},
    {"vrrp_skip_check_adv_addr", KA_NOTICE, .note = "the check costs next to nothing"},
    {"vrrp_check_unicast_src", KA_NOTICE, .note = "it is always checked"},
    {"vrrp_iptables", KA_NOTICE, .note = "nftables is used, in a table of its own"},
    {"vrrp_ipsets", KA_NOTICE, .note = "nftables is used, in a table of its own"},
    {"nftables", KA_NOTICE, .note = "nftables is used, in a table of its own"},
    {"nftables_priority", KA_NOTICE, .note = "nftables is used, in a table of its own"},
    {"nftables_counters", KA_NOTICE, .note = "nftables is used, in a table of its own"},
    {"dynamic_interfaces", KA_NOTICE, .note = "a missing interface is always waited for"},
    {"default_interface", KA_NOTICE, .note = "each instance names its interface"},
    {"use_pid_dir", KA_NOTICE, .note = "there is no pid file"},
    {"process_names", KA_NOTICE, .note = "the processes are named already"},
    {"notification_email", KA_NOTICE, .note = MAIL},
    {"notification_email_from", KA_NOTICE, .note = MAIL},
    {"smtp_server", KA_NOTICE, .note = MAIL},
    {"smtp_helo_name", KA_NOTICE, .note = MAIL},
    {"smtp_connect_timeout", KA_NOTICE, .note = MAIL},
    {"smtp_alert", KA_NOTICE, .note = MAIL},
    {"smtp_alert_vrrp", KA_NOTICE, .note = MAIL},
    {"smtp_alert_checker", KA_NOTICE, .note = MAIL},
    {"no_email_faults", KA_NOTICE, .note = MAIL},
    {"vrrp_priority", KA_NOTICE, .note = SCHEDULE},
    {"vrrp_rt_priority", KA_NOTICE, .note = SCHEDULE},
    {"vrrp_no_swap", KA_NOTICE, .note = SCHEDULE},
    {"vrrp_rlimit_rttime", KA_NOTICE, .note = SCHEDULE},
    {"vrrp_cpu_affinity", KA_NOTICE, .note = SCHEDULE},
    {"max_auto_priority", KA_NOTICE, .note = SCHEDULE},
    {"min_auto_priority_delay", KA_NOTICE, .note = SCHEDULE},
    {"vrrp_netlink_cmd_rcv_bufs", KA_NOTICE, .note = NETLINK},
    {"vrrp_netlink_cmd_rcv_bufs_force", KA_NOTICE, .note = NETLINK},
    {"vrrp_netlink_monitor_rcv_bufs", KA_NOTICE, .note = NETLINK},
    {"vrrp_netlink_monitor_rcv_bufs_force", KA_NOTICE, .note = NETLINK},
    {"process_monitor_rcv_bufs", KA_NOTICE, .note = NETLINK},
    {"process_monitor_rcv_bufs_force", KA_NOTICE, .note = NETLINK},
    {"vrrp_rx_bufs_policy", KA_NOTICE, .note = NETLINK},
    {"vrrp_rx_bufs_multiplier", KA_NOTICE, .note = NETLINK},
    {"rs_init_notifies", KA_NOTICE, .note = LVS},
    {"checker_log_all_failures", KA_NOTICE, .note = LVS},
    {"lvs_flush", KA_NOTICE, .note = LVS},
    {"lvs_flush_on_stop", KA_NOTICE, .note = LVS},
    {"enable_snmp_vrrp", KA_NOTICE, .note = SNMP},
    {"enable_snmp_rfc", KA_NOTICE, .note = SNMP},
    {"enable_snmp_rfcv2", KA_NOTICE, .note = SNMP},
    {"enable_snmp_rfcv3", KA_NOTICE, .note = SNMP},
    {"enable_snmp_checker", KA_NOTICE, .note = SNMP},
    {"enable_traps", KA_NOTICE, .note = SNMP},
    {"snmp_socket", KA_NOTICE, .note = SNMP},
    {"enable_dbus", KA_NOTICE, .note = "there is no D-Bus interface; vrrpctl has a socket"},
    {"dbus_service_name", KA_NOTICE, .note = "there is no D-Bus interface; vrrpctl has a socket"},
    {"vrrp_notify_priority_changes", KA_NOTICE, .note = "vrrpctl events shows them"},
    {"fifo_write_vrrp_states_on_reload", KA_NOTICE, .note = "a reload tells only what changed"},
    {"notify_fifo", KA_CALL, .fn = on_fifo},
    {"vrrp_notify_fifo", KA_CALL, .fn = on_fifo},
    {"notify_fifo_script", KA_REFUSE, .note = "start the reader of the fifo by its own unit"},
    {"vrrp_notify_fifo_script", KA_REFUSE, .note = "start the reader of the fifo by its own unit"},
    {"startup_script", KA_REFUSE, .note = "use ExecStartPre= in a unit file"},
    {"shutdown_script", KA_REFUSE, .note = "use ExecStopPost= in a unit file"},
    {"lvs_sync_daemon", KA_REFUSE, .note = LVS},
    {"vrrp_mcast_group4", KA_REFUSE, .note = "adverts go to the group that RFC 9568 names"},
    {"vrrp_mcast_group6", KA_REFUSE, .note = "adverts go to the group that RFC 9568 names"},
    {"vrrp_down_timer_adverts", KA_REFUSE, .note = "use a shorter advert_int"},
    {"vrrp_garp_extra_if", KA_REFUSE, .note = "set vrrp_garp_master_refresh"},
    {"net_namespace", KA_REFUSE, .note = "start vrrpd in it: ip netns exec NAME vrrpd"},
};

static void on_globals(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                       struct conf_node *object)
{
    ka_block(k, global_keywords, ARRAY_LEN(global_keywords), s, object, "global_defs");
}

/* ---- the file ---- */

#define GARP_GROUP "set vrrp_garp_interval in global_defs"

static const struct ka_keyword top_keywords[] = {
    {"global_defs", KA_CALL, .fn = on_globals},
    {"vrrp_instance", KA_CALL, .fn = ka_instance},
    {"vrrp_sync_group", KA_CALL, .fn = ka_group},
    {"vrrp_script", KA_CALL, .fn = ka_script},
    {"vrrp_track_process", KA_CALL, .fn = ka_process},
    {"track_process", KA_CALL, .fn = ka_process},
    {"vrrp_track_file", KA_CALL, .fn = ka_file},
    {"track_file", KA_CALL, .fn = ka_file},
    {"static_ipaddress", KA_CALL, .fn = ka_static_addresses},
    {"static_routes", KA_CALL, .fn = ka_static_routes},
    {"static_rules", KA_CALL, .fn = ka_static_rules},
    {"use_pid_dir", KA_NOTICE, .note = "there is no pid file"},
    {"linkbeat_use_polling", KA_NOTICE, .note = "the kernel reports link changes"},
    {"linkbeat_interfaces", KA_NOTICE, .note = "the kernel reports link changes"},
    {"child_wait_time", KA_NOTICE, .note = "there are no children to wait for"},
    {"garp_group", KA_REFUSE, .note = GARP_GROUP},
    {"track_group", KA_REFUSE, .note = "static addresses stay; no instance follows them"},
    {"bfd_instance", KA_REFUSE, .note = "there is no BFD; use a shorter advert_int"},
    {"virtual_server", KA_REFUSE, .note = LVS},
    {"virtual_server_group", KA_REFUSE, .note = LVS},
    {"SSL", KA_REFUSE, .note = LVS},
    {"net_namespace", KA_REFUSE, .note = "start vrrpd in it: ip netns exec NAME vrrpd"},
    {"instance", KA_REFUSE, .note = "give each vrrpd its own \"control\" socket"},
};

static bool is_globals(const struct keepalived_stmt *s)
{
    return s->count && strcmp(s->words[0].text, "global_defs") == 0;
}

/* global_defs first, wherever it stands: it says what instances get by default. */
static void translate(struct ka *k, const struct keepalived_stmt *root)
{
    for (int globals = 1; globals >= 0; globals--)
        for (const struct keepalived_stmt *s = root->first; s; s = s->next)
            if (is_globals(s) == (globals == 1))
                ka_statement(k, top_keywords, ARRAY_LEN(top_keywords), s, k->root,
                             "keepalived.conf");
}

static void keepalived_defaults(struct ka *k)
{
    struct conf_pos nowhere = {0};

    set_default(k, "version", CONF_KIND_NUMBER, "2", nowhere);
    set_default(k, "garp.repeat", CONF_KIND_NUMBER, "5", nowhere);
    set_default(k, "garp.gap", CONF_KIND_STRING, "0s", nowhere);
}

int keepalived_read(struct conf_doc *doc, const char *name, const char *text, size_t len,
                    const char *config_id, const struct keepalived_loader *loader,
                    struct conf_report *r)
{
    struct keepalived_stmt *stmts = NULL;
    struct ka k = {.b = {.doc = doc, .report = r}};
    size_t errors = r->errors;

    int err = keepalived_lex(doc, name, text, len, config_id, loader, &stmts, r);
    if (!err) {
        const struct conf_file *file = doc->files;
        while (file->next) /* the newest stands first; the one that was named is the oldest */
            file = file->next;
        k.root =
            conf_add(doc, NULL, CONF_KIND_OBJECT, NULL, NULL, (struct conf_pos){file, 1, 1, 1});
        if (k.root) {
            keepalived_defaults(&k);
            translate(&k, stmts);
        }
        err = !k.root || k.b.oom ? -ENOMEM : r->errors > errors ? -EINVAL : 0;
    }
    keepalived_stmt_free(stmts);
    return err;
}
