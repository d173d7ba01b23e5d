/*
 * The key tables: one row a key. Parser, messages, schema, manual page, --convert and completion
 * all read them.
 */
#include "vrrpd/config.h"

#include "common/rt/log.h"
#include "vrrpd/core/group.h"
#include "vrrpd/core/vrrp.h"

#include <linux/rtnetlink.h>
#include <net/if.h>

enum { TEXT_MAX = 4096 };

#define HOUR_US (INT64_C(3600) * 1000000)

static const struct conf_word then_words[] = {
    {"nothing", CONFIG_THEN_NOTHING, "only what \"priority\" says"},
    {"fault", CONFIG_THEN_FAULT, "the instance gives its addresses up"},
    {0}};

static const struct conf_key effect_keys[] = {
    CONF_KEY(CONF_WORD, struct config_effect, then, "then", "whether the instance is in fault",
             .words = then_words, .def = "nothing"),
    CONF_KEY(CONF_INT, struct config_effect, priority, "priority",
             "what is added to the instance's priority, such as -2", .min = -254, .max = 254),
};

static const struct conf_table effect_table = {
    .what = "an effect",
    .doc = "\"fault\", or { \"priority\": -2 }",
    .size = sizeof(struct config_effect),
    .keys = effect_keys,
    .key_count = ARRAY_LEN(effect_keys),
    .shorthand = "then",
};

#define TRACK(TYPE, FIELD, NAME, DOC, ...)                                                         \
    CONF_KEY(TYPE, struct config_track, FIELD, NAME, DOC, __VA_ARGS__)

static const struct conf_key track_keys[] = {
    TRACK(CONF_STRINGS, script, "script", "a command; exit status 0 is success",
          .max = CONFIG_COMMAND_WORDS_MAX),
    TRACK(CONF_STRING, process, "process",
          "name of a program, or absolute path to it; its death is known at once", .max = TEXT_MAX),
    TRACK(CONF_STRING, pidfile, "pidfile", "file with the number of a process that must live",
          .max = TEXT_MAX),
    TRACK(CONF_STRING, interface, "interface", "an interface that must be up", .max = IFNAMSIZ - 1),
    TRACK(CONF_STRING, file, "file",
          "file with a number that is added to the priority, times \"weight\"", .max = TEXT_MAX),
    TRACK(CONF_STRING, watch, "watch",
          "control socket of a program: its life, heartbeat and readiness are followed",
          .max = TEXT_MAX),
    TRACK(CONF_STRING, use, "use", "the shared tracker that this entry stands for", .max = 255),
    TRACK(CONF_SPAN, every, "every", "how often it is looked at", .def = "1s", .min = 10000,
          .max = HOUR_US),
    TRACK(CONF_SPAN, timeout, "timeout",
          "when a script has failed, or silence of a watched program means that it hangs; as "
          "\"every\" unless given",
          .min = 10000, .max = HOUR_US),
    TRACK(CONF_INT, rise, "rise", "successes in a row until it counts as well", .def = "1",
          .min = 1, .max = 1000),
    TRACK(CONF_INT, fall, "fall", "failures in a row until it counts as failed", .def = "1",
          .min = 1, .max = 1000),
    TRACK(CONF_INT, quorum, "quorum", "how many such processes must live", .def = "1", .min = 1,
          .max = 65535),
    TRACK(CONF_INT, weight, "weight", "by which the number in the file is multiplied", .def = "1",
          .min = -254, .max = 254),
    TRACK(CONF_SPAN, delay, "delay", "a shorter failure of a process or interface does not count",
          .max = HOUR_US),
    TRACK(CONF_STRING, user, "user", "whom the script runs as", .max = 255),
    TRACK(CONF_OBJECT, on_fail, "on_fail",
          "\"fault\", or { \"priority\": -2 }; \"fault\" if neither this nor on_ok is given",
          .table = &effect_table),
    TRACK(CONF_OBJECT, on_ok, "on_ok", "what follows while it is well: { \"priority\": 2 }",
          .table = &effect_table),
};

const struct conf_table config_track_table = {
    .what = "a tracker",
    .doc = "Something that is watched, and what follows when it fails.",
    .size = sizeof(struct config_track),
    .keys = track_keys,
    .key_count = ARRAY_LEN(track_keys),
};

#define NOTIFY(TYPE, FIELD, NAME, DOC, ...)                                                        \
    CONF_KEY(TYPE, struct config_notify, FIELD, NAME, DOC, __VA_ARGS__)

static const struct conf_key notify_keys[] = {
    NOTIFY(CONF_STRINGS, command, "command",
           "runs at each change with INSTANCE NAME MASTER|BACKUP|FAULT|STOP PRIORITY appended",
           .max = CONFIG_COMMAND_WORDS_MAX),
    NOTIFY(CONF_STRINGS, active, "active", "runs when the instance becomes Active",
           .max = CONFIG_COMMAND_WORDS_MAX),
    NOTIFY(CONF_STRINGS, backup, "backup", "runs when the instance becomes Backup",
           .max = CONFIG_COMMAND_WORDS_MAX),
    NOTIFY(CONF_STRINGS, fault, "fault", "runs when the instance goes into fault",
           .max = CONFIG_COMMAND_WORDS_MAX),
    NOTIFY(CONF_STRINGS, stop, "stop", "runs when vrrpd stops", .max = CONFIG_COMMAND_WORDS_MAX),
    NOTIFY(CONF_STRING, fifo, "fifo", "a named pipe that gets one line for each change",
           .max = TEXT_MAX),
    NOTIFY(CONF_BOOL, retry, "retry",
           "run it again, at growing intervals, until it succeeds or the state is another"),
    NOTIFY(CONF_SPAN, deadline, "deadline", "when a command that still runs is killed",
           .def = "30s", .min = 100000, .max = HOUR_US),
    NOTIFY(CONF_STRING, user, "user", "whom the commands run as", .max = 255),
};

const struct conf_table config_notify_table = {
    .what = "a notify hook",
    .doc = "What runs when the state changes. Commands of one instance never overlap.",
    .size = sizeof(struct config_notify),
    .keys = notify_keys,
    .key_count = ARRAY_LEN(notify_keys),
    .shorthand = "command",
};

static const struct conf_word scope_words[] = {{"global", RT_SCOPE_UNIVERSE, NULL},
                                               {"site", RT_SCOPE_SITE, NULL},
                                               {"link", RT_SCOPE_LINK, NULL},
                                               {"host", RT_SCOPE_HOST, NULL},
                                               {0}};

static const struct conf_key address_keys[] = {
    CONF_KEY(CONF_PREFIX, struct config_address, address, "address",
             "the address, with its prefix length: \"192.0.2.10/24\"", .required = true),
    CONF_KEY(CONF_STRING, struct config_address, device, "device",
             "the interface that gets it, if not the instance's", .max = IFNAMSIZ - 1),
    CONF_KEY(CONF_STRING, struct config_address, label, "label",
             "IPv4 label such as \"eth0:web\", for ifconfig", .max = IFNAMSIZ - 1),
    CONF_KEY(CONF_WORD, struct config_address, scope, "scope", "where it is valid",
             .words = scope_words, .def = "global"),
    CONF_KEY(CONF_BOOL, struct config_address, advertise, "advertise",
             "whether adverts list it; false for one of the other family", .def = "true"),
};

const struct conf_table config_address_table = {
    .what = "an address",
    .doc = "An address that the Active router holds.",
    .size = sizeof(struct config_address),
    .keys = address_keys,
    .key_count = ARRAY_LEN(address_keys),
    .shorthand = "address",
};

static const struct conf_word route_scope_words[] = {
    {"auto", -1, "as ip-route(8) chooses"}, {"global", RT_SCOPE_UNIVERSE, NULL},
    {"site", RT_SCOPE_SITE, NULL},          {"link", RT_SCOPE_LINK, NULL},
    {"host", RT_SCOPE_HOST, NULL},          {0}};

static const struct conf_word route_type_words[] = {
    {"unicast", RTN_UNICAST, NULL},
    {"blackhole", RTN_BLACKHOLE, "drop packets in silence"},
    {"unreachable", RTN_UNREACHABLE, "answer that the host is unreachable"},
    {"prohibit", RTN_PROHIBIT, "answer that it is prohibited"},
    {0}};

static const struct conf_key route_keys[] = {
    CONF_KEY(CONF_STRING, struct config_route, to_text, "to",
             "destination: \"198.51.100.0/24\", or \"default\"", .required = true,
             .max = ADDR_TEXT_MAX),
    CONF_KEY(CONF_ADDR, struct config_route, via, "via", "the gateway"),
    CONF_KEY(CONF_STRING, struct config_route, device, "device", "the interface",
             .max = IFNAMSIZ - 1),
    CONF_KEY(CONF_ADDR, struct config_route, source, "source",
             "address that connections of this node have by default"),
    CONF_KEY(CONF_STRING, struct config_route, table, "table", "routing table; main unless given",
             .max = 63),
    CONF_KEY(CONF_INT, struct config_route, metric, "metric", "the smaller one is preferred",
             .min = 0, .max = UINT32_MAX),
    CONF_KEY(CONF_WORD, struct config_route, scope, "scope", "where it is valid",
             .words = route_scope_words, .def = "auto"),
    CONF_KEY(CONF_WORD, struct config_route, type, "type", "what happens to packets",
             .words = route_type_words, .def = "unicast"),
};

static const struct conf_table route_table = {
    .what = "a route",
    .doc = "A route that the Active router has.",
    .size = sizeof(struct config_route),
    .keys = route_keys,
    .key_count = ARRAY_LEN(route_keys),
};

static const struct conf_key rule_keys[] = {
    CONF_KEY(CONF_PREFIX, struct config_rule, from, "from", "source of packets"),
    CONF_KEY(CONF_PREFIX, struct config_rule, to, "to", "destination of packets"),
    CONF_KEY(CONF_STRING, struct config_rule, input, "input", "interface that they came by",
             .max = IFNAMSIZ - 1),
    CONF_KEY(CONF_STRING, struct config_rule, output, "output", "interface that they leave by",
             .max = IFNAMSIZ - 1),
    CONF_KEY(CONF_STRING, struct config_rule, mark, "mark", "their mark: \"0x1\" or \"0x1/0xff\"",
             .max = 63),
    CONF_KEY(CONF_STRING, struct config_rule, table, "table", "routing table that is looked up",
             .required = true, .max = 63),
    CONF_KEY(CONF_INT, struct config_rule, priority, "priority", "place among the rules",
             .def = "16384", .min = 1, .max = UINT32_MAX),
};

static const struct conf_table rule_table = {
    .what = "a rule",
    .doc = "A routing rule that the Active router has.",
    .size = sizeof(struct config_rule),
    .keys = rule_keys,
    .key_count = ARRAY_LEN(rule_keys),
};

static const struct conf_key peer_keys[] = {
    CONF_KEY(CONF_ADDR, struct config_peer, address, "address", "where the other router is",
             .required = true),
};

static const struct conf_table peer_table = {
    .what = "a peer",
    .size = sizeof(struct config_peer),
    .keys = peer_keys,
    .key_count = ARRAY_LEN(peer_keys),
    .shorthand = "address",
};

static const struct conf_key unicast_keys[] = {
    CONF_KEY(CONF_ARRAY, struct config_unicast, peers, "peers",
             "the other routers; adverts go to them and are taken from nobody else",
             .table = &peer_table, .max = 255),
    CONF_KEY(CONF_ADDR, struct config_unicast, source, "source",
             "our own address for adverts, if not the interface's first"),
    CONF_KEY(CONF_INT, struct config_unicast, ttl_min, "ttl_min",
             "adverts with a smaller TTL are discarded; 0 takes any", .def = "255", .min = 0,
             .max = 255),
};

static const struct conf_table unicast_table = {
    .what = "the unicast part",
    .doc = "Adverts to named peers instead of the multicast group.",
    .size = sizeof(struct config_unicast),
    .keys = unicast_keys,
    .key_count = ARRAY_LEN(unicast_keys),
    .shorthand = "peers",
};

static const struct conf_key garp_keys[] = {
    CONF_KEY(CONF_INT, struct config_garp, repeat, "repeat",
             "how often each address is announced at once", .def = "2", .min = 1, .max = 60),
    CONF_KEY(CONF_SPAN, struct config_garp, gap, "gap", "between two of these", .def = "5ms",
             .max = 60000000),
    CONF_KEY(CONF_SPAN, struct config_garp, delay, "delay",
             "after this, they are announced as often once more; \"0s\" does not", .def = "5s",
             .max = HOUR_US),
    CONF_KEY(CONF_SPAN, struct config_garp, refresh, "refresh",
             "how often an Active router announces again; \"0s\" never", .max = 24 * HOUR_US),
    CONF_KEY(CONF_INT, struct config_garp, refresh_repeat, "refresh_repeat", "how often each time",
             .def = "1", .min = 1, .max = 60),
};

static const struct conf_table garp_table = {
    .what = "the garp part",
    .doc = "How addresses are announced: gratuitous ARP, or unsolicited neighbour advertisements.",
    .size = sizeof(struct config_garp),
    .keys = garp_keys,
    .key_count = ARRAY_LEN(garp_keys),
};

static const struct conf_word family_words[] = {
    {"auto", CONFIG_FAMILY_AUTO, "that of the addresses"},
    {"ipv4", CONFIG_FAMILY_IPV4, NULL},
    {"ipv6", CONFIG_FAMILY_IPV6, NULL},
    {0}};

static const struct conf_word checksum_words[] = {
    {"auto", VRRP_CHECKSUM_AUTO, "starts as RFC 9568 says and follows the peer's form"},
    {"rfc9568", VRRP_CHECKSUM_RFC9568, "over the message alone"},
    {"pseudo-header", VRRP_CHECKSUM_PSEUDO, "as keepalived and FRR do"},
    {0}};

#define INSTANCE(TYPE, FIELD, NAME, DOC, ...)                                                      \
    CONF_KEY(TYPE, struct config_instance, FIELD, NAME, DOC, __VA_ARGS__)

static const struct conf_key instance_keys[] = {
    INSTANCE(CONF_STRING, interface, "interface", "the interface that it runs on", .required = true,
             .max = IFNAMSIZ - 1),
    INSTANCE(CONF_INT, vrid, "vrid", "number of the virtual router, the same on all its nodes",
             .required = true, .min = 1, .max = 255),
    INSTANCE(CONF_ARRAY, addresses, "addresses", "what the Active router holds: \"192.0.2.10/24\"",
             .required = true, .table = &config_address_table, .max = CONFIG_ADDRESSES_MAX),
    INSTANCE(CONF_ARRAY, routes, "routes", "routes that the Active router has",
             .table = &route_table, .max = CONFIG_ROUTES_MAX),
    INSTANCE(CONF_ARRAY, rules, "rules", "routing rules that the Active router has",
             .table = &rule_table, .max = CONFIG_ROUTES_MAX),
    INSTANCE(CONF_INT, priority, "priority",
             "1 to 254, the highest becomes Active; 255 if this node owns the addresses",
             .def = "100", .min = 1, .max = 255),
    INSTANCE(CONF_SPAN, interval, "interval",
             "between two adverts; a silent Active router is replaced after about three",
             .def = "1s", .min = 10000, .max = 40950000),
    INSTANCE(CONF_WORD, family, "family", "IPv4 or IPv6", .words = family_words, .def = "auto"),
    INSTANCE(CONF_INT, version, "version",
             "of the protocol: 3, or 2 to live beside old routers (IPv4)", .def = "3", .min = 2,
             .max = 3),
    INSTANCE(CONF_BOOL, preempt, "preempt", "take over from an Active router of lower priority",
             .def = "true"),
    INSTANCE(CONF_SPAN, preempt_delay, "preempt_delay", "how long to wait before that",
             .max = 24 * HOUR_US),
    INSTANCE(CONF_SPAN, start_delay, "start_delay", "how long to wait after the start of vrrpd",
             .max = 24 * HOUR_US),
    INSTANCE(CONF_WORD, checksum, "checksum", "what IPv4 checksums of version 3 cover",
             .words = checksum_words, .def = "auto"),
    INSTANCE(CONF_STRING, password, "password",
             "plain text of version 2; protects from mistakes, not from attackers", .max = 8,
             .secret = true),
    INSTANCE(CONF_BOOL, track_link, "track_link",
             "be in fault while the interface is down or without carrier", .def = "true"),
    INSTANCE(CONF_BOOL, virtual_mac, "virtual_mac",
             "use the virtual MAC 00-00-5E-00-01-vrid (IPv6: -02-), on a macvlan"),
    INSTANCE(CONF_BOOL, accept, "accept",
             "take packets that are sent to the addresses; false drops them by nftables",
             .def = "true"),
    INSTANCE(CONF_BOOL, strict, "strict", "discard IPv6 adverts without a link-local address"),
    INSTANCE(CONF_OBJECT, unicast, "unicast", "adverts to named peers, not to the group",
             .table = &unicast_table),
    INSTANCE(CONF_OBJECT, garp, "garp", "how addresses are announced", .table = &garp_table),
    INSTANCE(CONF_SPAN, lease, "lease",
             "lifetime that the kernel gives the addresses; a vrrpd that hangs loses them after "
             "that. \"0s\" for ever",
             .def = "3s", .max = HOUR_US),
    INSTANCE(CONF_BOOL, two_nodes, "two_nodes",
             "there is only one other router: when it leaves, take over at once"),
    INSTANCE(CONF_NAMED, track, "track",
             "what is watched, and what follows; or a list of shared trackers", .names = true,
             .table = &config_track_table, .max = CONFIG_TRACKS_INSTANCE_MAX),
    INSTANCE(CONF_ARRAY, notify, "notify", "what runs when the state changes",
             .table = &config_notify_table, .max = CONFIG_HOOKS_MAX),
};

const struct conf_table config_instance_table = {
    .what = "an instance",
    .doc = "A virtual router: addresses that one of several nodes holds.",
    .size = sizeof(struct config_instance),
    .keys = instance_keys,
    .key_count = ARRAY_LEN(instance_keys),
};

static const struct conf_key group_keys[] = {
    CONF_KEY(CONF_STRINGS, struct config_group, members, "members", "names of instances",
             .required = true, .max = GROUP_MEMBERS_MAX),
    CONF_KEY(CONF_NAMED, struct config_group, track, "track",
             "what is watched for all members; or a list of shared trackers", .names = true,
             .table = &config_track_table, .max = CONFIG_TRACKS_INSTANCE_MAX),
    CONF_KEY(CONF_ARRAY, struct config_group, notify, "notify",
             "what runs when the state of the whole group changes", .table = &config_notify_table,
             .max = CONFIG_HOOKS_MAX),
};

static const struct conf_table group_table = {
    .what = "a sync group",
    .doc = "Instances that are Active together or not at all.",
    .size = sizeof(struct config_group),
    .keys = group_keys,
    .key_count = ARRAY_LEN(group_keys),
    .shorthand = "members",
};

static const struct conf_key static_keys[] = {
    CONF_KEY(CONF_ARRAY, struct config_static, addresses, "addresses", "addresses, with devices",
             .table = &config_address_table, .max = CONFIG_ADDRESSES_MAX),
    CONF_KEY(CONF_ARRAY, struct config_static, routes, "routes", "routes", .table = &route_table,
             .max = CONFIG_ROUTES_MAX),
    CONF_KEY(CONF_ARRAY, struct config_static, rules, "rules", "routing rules",
             .table = &rule_table, .max = CONFIG_ROUTES_MAX),
};

static const struct conf_table static_table = {
    .what = "the static part",
    .doc = "What this node has while vrrpd runs, whatever the state of its instances.",
    .size = sizeof(struct config_static),
    .keys = static_keys,
    .key_count = ARRAY_LEN(static_keys),
};

static const struct conf_word log_words[] = {{"error", LOG_LEVEL_ERR, NULL},
                                             {"warning", LOG_LEVEL_WARNING, NULL},
                                             {"notice", LOG_LEVEL_NOTICE, "state changes too"},
                                             {"info", LOG_LEVEL_INFO, NULL},
                                             {"debug", LOG_LEVEL_DEBUG, NULL},
                                             {0}};

static const struct conf_key config_keys[] = {
    CONF_KEY(CONF_NAMED, struct config, instances, "instances", "the virtual routers",
             .table = &config_instance_table, .max = CONFIG_INSTANCES_MAX),
    CONF_KEY(CONF_NAMED, struct config, track, "track", "trackers that several instances share",
             .table = &config_track_table, .max = CONFIG_TRACKS_MAX),
    CONF_KEY(CONF_NAMED, struct config, groups, "groups",
             "instances that are Active together or not at all", .table = &group_table,
             .max = CONFIG_INSTANCES_MAX),
    CONF_KEY(CONF_OBJECT, struct config, fixed, "static",
             "addresses, routes and rules that are there whatever the state",
             .table = &static_table),
    CONF_KEY(CONF_STRING, struct config, node, "node",
             "name of this node for status and hooks; the host's name unless given", .max = 64),
    CONF_KEY(CONF_STRING, struct config, control, "control", "path of the control socket",
             .def = CONFIG_SOCKET_DEFAULT, .max = 107),
    CONF_KEY(
        CONF_BOOL, struct config, guardian, "guardian",
        "a parent process that takes the addresses away when vrrpd crashes, and starts it again",
        .def = "true"),
    CONF_KEY(CONF_ADDR_PORT, struct config, metrics, "metrics",
             "address and port for GET /metrics (OpenMetrics), such as \"127.0.0.1:9112\""),
    CONF_KEY(CONF_STRING, struct config, user, "user",
             "whom vrrpd itself runs as, with no more than the capabilities that it needs",
             .max = 255),
    CONF_KEY(CONF_STRING, struct config, script_user, "script_user",
             "whom scripts and hooks run as, unless they say otherwise", .max = 255),
    CONF_KEY(CONF_WORD, struct config, log, "log", "the least severe messages that are logged",
             .words = log_words, .def = "info"),
};

const struct conf_table config_table = {
    .what = "the configuration",
    .doc = "Configuration of vrrpd.",
    .size = sizeof(struct config),
    .keys = config_keys,
    .key_count = ARRAY_LEN(config_keys),
};

bool config_same_routing(const struct config_instance *a, const struct config_instance *b)
{
    for (size_t i = 0; i < ARRAY_LEN(instance_keys); i++) {
        const struct conf_key *key = &instance_keys[i];
        if ((key->offset == offsetof(struct config_instance, routes) ||
             key->offset == offsetof(struct config_instance, rules)) &&
            !conf_key_equal(key, a, b))
            return false;
    }
    return true;
}
