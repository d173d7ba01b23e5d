/*
 * vrrp_instance, vrrp_sync_group and the static_* blocks.
 */
#include "vrrpd/keepalived_keyword.h"

#include "common/base/addr.h"

#include <stdio.h>
#include <string.h>

/* ---- addresses, routes and rules: lines of `ip`-like words ---- */

/* How a word of such a line is read. */
struct word_row {
    const char *word;
    const char *key; /* native; NULL: `note` is reported */
    bool number;     /* written as a number */
    bool flag;       /* has no argument */
    const char *note;
};

static const struct word_row address_words[] = {
    {"dev", "device"},
    {"scope", "scope"},
    {"label", "label"},
    {"brd", NULL, .note = "the kernel derives the broadcast address"},
    {"broadcast", NULL, .note = "the kernel derives the broadcast address"},
    {"-nodad", NULL, .flag = true, .note = "duplicate address detection is always off"},
    {"no_track", NULL, .flag = true, .note = "an address that is removed is put back"},
    {"preferred_lft", NULL, .note = "the lease sets lifetimes"},
};

static const struct word_row route_words[] = {
    {"to", "to"},
    {"via", "via"},
    {"gw", "via"},
    {"dev", "device"},
    {"src", "source"},
    {"table", "table"},
    {"scope", "scope"},
    {"metric", "metric", .number = true},
    {"priority", "metric", .number = true},
    {"preference", "metric", .number = true},
    {"no_track", NULL, .flag = true, .note = "a route that is removed is put back"},
};

static const struct word_row rule_words[] = {
    {"from", "from"},
    {"to", "to"},
    {"table", "table"},
    {"lookup", "table"},
    {"iif", "input"},
    {"dev", "input"},
    {"oif", "output"},
    {"fwmark", "mark"},
    {"preference", "priority", .number = true},
    {"priority", "priority", .number = true},
    {"no_track", NULL, .flag = true, .note = "a rule that is removed is put back"},
};

static const struct word_row *find_row(const struct word_row *rows, size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].word, word) == 0)
            return &rows[i];
    return NULL;
}

/* Reads words from `i` on, each with its argument, into `object`. */
static void read_line(struct ka *k, const struct word_row *rows, size_t n,
                      const struct keepalived_stmt *line, size_t i, struct conf_node *object)
{
    while (i < line->count) {
        const struct keepalived_word *w = &line->words[i];
        const struct word_row *row = find_row(rows, n, w->text);
        if (!row) {
            ka_error(k, w->at, "remove it; vrrpd.json(5) lists what there is",
                     "\"%s\" is not supported here", w->text);
            return;
        }
        const struct keepalived_word *arg =
            row->flag ? NULL : ka_word(k, line, i + 1, "an argument");
        if (!row->flag && !arg)
            return;
        if (row->key)
            ka_put(k, object, row->key, row->number ? CONF_KIND_NUMBER : CONF_KIND_STRING,
                   arg->text, arg->at);
        else
            conf_say(k->b.report, CONF_NOTICE, w->at, NULL, "\"%s\" has no effect here: %s",
                     w->text, row->note);
        i += row->flag ? 1 : 2;
    }
}

static void read_addresses(struct ka *k, const struct keepalived_stmt *block,
                           struct conf_node *object, const char *key, bool advertise)
{
    struct conf_node *list =
        conf_build_child(&k->b, object, CONF_KIND_ARRAY, key, block->words[0].at);

    for (const struct keepalived_stmt *line = block->first; line; line = line->next) {
        const struct keepalived_word *w = &line->words[0];
        struct conf_node *address = conf_build_append(&k->b, list, CONF_KIND_OBJECT, NULL, w->at);
        ka_put(k, address, "address", CONF_KIND_STRING, w->text, w->at);
        if (!advertise)
            ka_put(k, address, "advertise", CONF_KIND_BOOL, "false", w->at);
        read_line(k, address_words, ARRAY_LEN(address_words), line, 1, address);
    }
}

static bool is_route_type(const char *word)
{
    return strcmp(word, "blackhole") == 0 || strcmp(word, "unreachable") == 0 ||
           strcmp(word, "prohibit") == 0;
}

static void read_route(struct ka *k, const struct keepalived_stmt *line, struct conf_node *list)
{
    const struct keepalived_word *w = &line->words[0];
    struct conf_node *route = conf_build_append(&k->b, list, CONF_KIND_OBJECT, NULL, w->at);
    size_t i = 0;

    if (is_route_type(w->text)) {
        ka_put(k, route, "type", CONF_KIND_STRING, w->text, w->at);
        i++;
    }
    if (i < line->count && !find_row(route_words, ARRAY_LEN(route_words), line->words[i].text)) {
        ka_put(k, route, "to", CONF_KIND_STRING, line->words[i].text, line->words[i].at);
        i++;
    }
    /* "src A to NET": the source comes first; the network may stand without "to" after it. */
    read_line(k, route_words, ARRAY_LEN(route_words), line, i, route);
}

static void read_routes(struct ka *k, const struct keepalived_stmt *block, struct conf_node *object,
                        const char *key)
{
    struct conf_node *list =
        conf_build_child(&k->b, object, CONF_KIND_ARRAY, key, block->words[0].at);

    for (const struct keepalived_stmt *line = block->first; line; line = line->next)
        read_route(k, line, list);
}

static void read_rules(struct ka *k, const struct keepalived_stmt *block, struct conf_node *object,
                       const char *key)
{
    struct conf_node *list =
        conf_build_child(&k->b, object, CONF_KIND_ARRAY, key, block->words[0].at);

    for (const struct keepalived_stmt *line = block->first; line; line = line->next) {
        struct conf_node *rule =
            conf_build_append(&k->b, list, CONF_KIND_OBJECT, NULL, line->words[0].at);
        read_line(k, rule_words, ARRAY_LEN(rule_words), line, 0, rule);
    }
}

static void on_addresses(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                         struct conf_node *object)
{
    read_addresses(k, s, object, kw->path, strstr(kw->name, "excluded") == NULL);
}

static void on_routes(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                      struct conf_node *object)
{
    read_routes(k, s, object, kw->path);
}

static void on_rules(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                     struct conf_node *object)
{
    read_rules(k, s, object, kw->path);
}

static struct conf_node *static_part(struct ka *k, const struct keepalived_stmt *s)
{
    return conf_build_child(&k->b, k->root, CONF_KIND_OBJECT, "static", s->words[0].at);
}

void ka_static_addresses(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                         struct conf_node *object)
{
    read_addresses(k, s, static_part(k, s), "addresses", true);
}

void ka_static_routes(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                      struct conf_node *object)
{
    read_routes(k, s, static_part(k, s), "routes");
}

void ka_static_rules(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                     struct conf_node *object)
{
    read_rules(k, s, static_part(k, s), "rules");
}

/* ---- notify ---- */

static void add_hook(struct ka *k, const struct keepalived_stmt *s, struct conf_node *object,
                     const char *key)
{
    struct conf_node *list =
        conf_build_child(&k->b, object, CONF_KIND_ARRAY, "notify", s->words[0].at);
    struct conf_node *hook = conf_build_append(&k->b, list, CONF_KIND_OBJECT, NULL, s->words[0].at);

    ka_command(k, hook, key, s, 1, true);
}

static void on_notify(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                      struct conf_node *object)
{
    add_hook(k, s, object, kw->path);
}

static void add_fifo(struct ka *k, struct conf_node *object)
{
    if (!k->fifo || !object)
        return;
    const struct keepalived_word *w = &k->fifo->words[1];
    struct conf_node *list = conf_build_child(&k->b, object, CONF_KIND_ARRAY, "notify", w->at);
    struct conf_node *hook = conf_build_append(&k->b, list, CONF_KIND_OBJECT, NULL, w->at);
    ka_put(k, hook, "fifo", CONF_KIND_STRING, w->text, w->at);
}

/* The hook for any state comes last, as keepalived calls it after the others. */
static void notify_any_last(struct ka *k, const struct keepalived_stmt *block,
                            struct conf_node *object)
{
    for (const struct keepalived_stmt *s = block->first; s; s = s->next)
        if (s->count && strcmp(s->words[0].text, "notify") == 0)
            add_hook(k, s, object, "command");
}

/* In the table so that the word is known; notify_any_last() does the work. */
static void on_notify_any(struct ka *k, const struct ka_keyword *kw,
                          const struct keepalived_stmt *s, struct conf_node *object)
{
    ka_word(k, s, 1, "a command");
}

#define MAIL_NOTE "no mail is sent; a notify command can (scripts/notify/webhook)"

#define NOTIFY_ROWS                                                                                \
    {"notify", KA_CALL, .fn = on_notify_any},                                                      \
        {"notify_master", KA_CALL, "active", .fn = on_notify},                                     \
        {"notify_backup", KA_CALL, "backup", .fn = on_notify},                                     \
        {"notify_fault", KA_CALL, "fault", .fn = on_notify},                                       \
        {"notify_stop", KA_CALL, "stop", .fn = on_notify},                                         \
        {"notify_deleted", KA_NOTICE,                                                              \
         .note = "an instance that is removed is stopped: STOP is told"},                          \
        {"notify_priority_changes", KA_NOTICE, .note = "vrrpctl events shows them"},               \
        {"smtp_alert", KA_NOTICE, .note = MAIL_NOTE},                                              \
        {"track_script", KA_CALL, .fn = ka_track_scripts},                                         \
        {"track_process", KA_CALL, .fn = ka_track_processes},                                      \
        {"track_file", KA_CALL, .fn = ka_track_files},                                             \
        {"track_interface", KA_CALL, .fn = ka_track_interfaces},                                   \
    {                                                                                              \
        "track_bfd", KA_REFUSE, .note = "there is no BFD; use a shorter advert_int"                \
    }

/* ---- vrrp_instance ---- */

static void on_state(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                     struct conf_node *object)
{
    const struct keepalived_word *w = ka_word(k, s, 1, "MASTER or BACKUP");

    if (w && strcmp(w->text, "MASTER") != 0 && strcmp(w->text, "BACKUP") != 0)
        ka_error(k, w->at, NULL, "a state is MASTER or BACKUP, not \"%s\"", w->text);
    else if (w && w->text[0] == 'M')
        conf_say(k->b.report, CONF_NOTICE, w->at, NULL,
                 "\"state MASTER\" has no effect here: the priority decides");
}

static void on_peers(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                     struct conf_node *object)
{
    struct conf_node *unicast =
        conf_build_child(&k->b, object, CONF_KIND_OBJECT, "unicast", s->words[0].at);
    struct conf_node *peers =
        conf_build_child(&k->b, unicast, CONF_KIND_ARRAY, "peers", s->words[0].at);
    struct conf_pos at = s->words[0].at;
    const char *ttl_min = "0"; /* keepalived takes any */

    for (const struct keepalived_stmt *line = s->first; line; line = line->next) {
        conf_build_append(&k->b, peers, CONF_KIND_STRING, line->words[0].text, line->words[0].at);
        for (size_t i = 1; i < line->count; i += 2) {
            const struct keepalived_word *arg = ka_word(k, line, i + 1, "a number");
            if (arg && strcmp(line->words[i].text, "min_ttl") == 0) {
                ttl_min = arg->text;
                at = arg->at;
            } else if (arg) {
                ka_error(k, line->words[i].at, "a line is: ADDRESS [min_ttl N]",
                         "\"%s\" is not supported here", line->words[i].text);
            }
        }
    }
    ka_put(k, unicast, "ttl_min", CONF_KIND_NUMBER, ttl_min, at);
}

static void on_auth_type(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                         struct conf_node *object)
{
    const struct keepalived_word *w = ka_word(k, s, 1, "PASS");

    if (w && strcmp(w->text, "PASS") != 0)
        ka_error(k, w->at, "use PASS, or none", "authentication type \"%s\" is not supported",
                 w->text);
}

/* Only the first eight characters count. */
static void on_auth_pass(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                         struct conf_node *object)
{
    const struct keepalived_word *w = ka_word(k, s, 1, "a password");
    char eight[9];

    if (!w)
        return;
    snprintf(eight, sizeof(eight), "%s", w->text);
    ka_put(k, object, "password", CONF_KIND_STRING, eight, w->at);
}

static void on_authentication(struct ka *k, const struct ka_keyword *kw,
                              const struct keepalived_stmt *s, struct conf_node *object)
{
    static const struct ka_keyword keywords[] = {
        {"auth_type", KA_CALL, .fn = on_auth_type},
        {"auth_pass", KA_CALL, .fn = on_auth_pass},
    };
    ka_block(k, keywords, ARRAY_LEN(keywords), s, object, "authentication");
}

static void on_use_vmac(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                        struct conf_node *object)
{
    ka_put(k, object, "virtual_mac", CONF_KIND_BOOL, "true", s->words[0].at);
    if (s->count > 1)
        conf_say(k->b.report, CONF_NOTICE, s->words[1].at, NULL,
                 "the name of the interface is chosen here");
}

#define LVS_NOTE "there is no IPVS here; lb balances"

static const struct ka_keyword instance_keywords[] = {
    NOTIFY_ROWS,
    {"state", KA_CALL, .fn = on_state},
    {"interface", KA_TEXT, "interface"},
    {"virtual_router_id", KA_INT, "vrid"},
    {"priority", KA_INT, "priority"},
    {"advert_int", KA_SECONDS, "interval"},
    {"version", KA_INT, "version"},
    {"nopreempt", KA_FALSE, "preempt"},
    {"preempt", KA_TRUE, "preempt"},
    {"preempt_delay", KA_SECONDS, "preempt_delay"},
    {"authentication", KA_CALL, .fn = on_authentication},
    {"virtual_ipaddress", KA_CALL, "addresses", .fn = on_addresses},
    {"virtual_ipaddress_excluded", KA_CALL, "addresses", .fn = on_addresses},
    {"virtual_routes", KA_CALL, "routes", .fn = on_routes},
    {"virtual_rules", KA_CALL, "rules", .fn = on_rules},
    {"unicast_peer", KA_CALL, .fn = on_peers},
    {"unicast_src_ip", KA_TEXT, "source"},
    {"mcast_src_ip", KA_TEXT, "source"},
    {"unicast_ttl", KA_NOTICE, .note = "adverts are sent with TTL 255"},
    {"check_unicast_src", KA_NOTICE, .note = "it is always checked"},
    {"unicast_fault_no_peer", KA_NOTICE, .note = "an empty unicast_peer is an error"},
    {"garp_master_delay", KA_SECONDS, "garp.delay"},
    {"garp_master_repeat", KA_INT, "garp.repeat"},
    {"garp_master_refresh", KA_SECONDS, "garp.refresh"},
    {"garp_master_refresh_repeat", KA_INT, "garp.refresh_repeat"},
    {"garp_lower_prio_delay", KA_NOTICE, .note = "after a conflict, garp_master_delay counts"},
    {"garp_lower_prio_repeat", KA_NOTICE, .note = "after a conflict, garp_master_repeat counts"},
    {"lower_prio_no_advert", KA_NOTICE, .note = "RFC 9568 asks for the advert"},
    {"higher_prio_send_advert", KA_NOTICE, .note = "the winner announces its addresses again"},
    {"use_vmac", KA_CALL, .fn = on_use_vmac},
    {"vmac_xmit_base", KA_NOTICE, .note = "adverts are always sent as RFC 9568 says"},
    {"native_ipv6", KA_NOTICE, .note = "the addresses decide"},
    {"accept", KA_TRUE, "accept"},
    {"no_accept", KA_FALSE, "accept"},
    {"strict_mode", KA_TRUE, "strict"},
    {"dont_track_primary", KA_FALSE, "track_link"},
    {"linkbeat_use_polling", KA_NOTICE, .note = "the kernel reports link changes"},
    {"promote_secondaries", KA_NOTICE, .note = "addresses are removed one by one"},
    {"skip_check_adv_addr", KA_NOTICE, .note = "the check costs next to nothing"},
    {"track_src_ip", KA_NOTICE, .note = "without its source address the instance is in fault"},
    {"debug", KA_NOTICE, .note = "set \"log\" to \"debug\" in vrrpd.json"},
    {"kernel_rx_buf_size", KA_NOTICE, .note = "the buffer is large enough"},
    {"mcast_dst_ip", KA_REFUSE, .note = "adverts go to the group that RFC 9568 names"},
    {"down_timer_adverts", KA_REFUSE, .note = "use a shorter advert_int"},
    {"old_unicast_checksum", KA_NOTICE, .note = "the checksum follows the peer's form"},
    {"use_vmac_addr", KA_REFUSE,
     .note = "put addresses of other interfaces into an instance there"},
    {"use_ipvlan", KA_REFUSE, .note = "use use_vmac"},
    {"vrf", KA_REFUSE, .note = "run vrrpd in the VRF (ip vrf exec)"},
    {"garp_extra_if", KA_REFUSE, .note = "set garp_master_refresh"},
    {"lvs_sync_daemon_interface", KA_REFUSE, .note = LVS_NOTE},
    {"notify_master_rx_lower_pri", KA_REFUSE,
     .note = "mark the hook \"retry\" in vrrpd.json: it then runs until it succeeds"},
};

/* Values that global_defs or keepalived itself give to an instance that does not set them. */
static void fill_defaults(struct ka *k, struct conf_node *object)
{
    for (size_t i = 0; i < KA_DEFAULTS; i++) {
        const struct ka_default *d = &k->defaults[i];
        if (d->set && !conf_build_has(object, d->path))
            ka_put(k, object, d->path, d->kind, d->text, d->at.file ? d->at : object->key_at);
    }
}

/* IPv6 is always version 3. */
static bool is_ipv6(const struct conf_node *object)
{
    const struct conf_node *list = conf_get(object, "addresses");
    const struct conf_node *first = list && list->first ? conf_get(list->first, "address") : NULL;

    return first && strchr(first->text, ':');
}

/* In keepalived.conf the source stands beside the peers; here it belongs to them. */
static void move_source(struct ka *k, struct conf_node *object)
{
    const struct conf_node *source = conf_get(object, "source");

    if (!source)
        return;
    if (conf_get(object, "unicast"))
        ka_put(k, object, "unicast.source", CONF_KIND_STRING, source->text, source->at);
    conf_remove(object, "source");
}

void ka_instance(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                 struct conf_node *object)
{
    const struct keepalived_word *name = ka_word(k, s, 1, "a name");

    if (!name)
        return;
    struct conf_node *all =
        conf_build_child(&k->b, k->root, CONF_KIND_OBJECT, "instances", name->at);
    if (all && conf_get(all, name->text)) {
        ka_error(k, name->at, "give one of them another name",
                 "there is an instance \"%s\" already", name->text);
        return;
    }
    struct conf_node *instance =
        conf_build_child(&k->b, all, CONF_KIND_OBJECT, name->text, name->at);
    if (!instance)
        return;
    ka_block(k, instance_keywords, ARRAY_LEN(instance_keywords), s, instance, "vrrp_instance");
    notify_any_last(k, s, instance);
    add_fifo(k, instance);
    if (is_ipv6(instance) && !conf_build_has(instance, "version"))
        ka_put(k, instance, "version", CONF_KIND_NUMBER, "3", name->at);
    fill_defaults(k, instance);
    move_source(k, instance);
}

/* ---- vrrp_sync_group ---- */

static void on_members(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
                       struct conf_node *object)
{
    struct conf_node *list =
        conf_build_child(&k->b, object, CONF_KIND_ARRAY, "members", s->words[0].at);

    for (const struct keepalived_stmt *line = s->first; line; line = line->next)
        for (size_t i = 0; i < line->count; i++)
            conf_build_append(&k->b, list, CONF_KIND_STRING, line->words[i].text,
                              line->words[i].at);
}

static const struct ka_keyword group_keywords[] = {
    NOTIFY_ROWS,
    {"group", KA_CALL, .fn = on_members},
    {"global_tracking", KA_NOTICE, .note = "members follow each other anyway"},
    {"sync_group_tracking_weight", KA_NOTICE, .note = "members follow each other anyway"},
};

void ka_group(struct ka *k, const struct ka_keyword *kw, const struct keepalived_stmt *s,
              struct conf_node *object)
{
    const struct keepalived_word *name = ka_word(k, s, 1, "a name");

    if (!name)
        return;
    struct conf_node *all = conf_build_child(&k->b, k->root, CONF_KIND_OBJECT, "groups", name->at);
    struct conf_node *group = conf_build_child(&k->b, all, CONF_KIND_OBJECT, name->text, name->at);
    ka_block(k, group_keywords, ARRAY_LEN(group_keywords), s, group, "vrrp_sync_group");
    notify_any_last(k, s, group);
    add_fifo(k, group);
}
