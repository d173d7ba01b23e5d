/*
 * The keys of the top level, and those that listeners and pools share.
 */
#include "lb/config.h"

#include "common/rt/control.h"
#include "common/rt/log.h"
#include "lb/config_parts.h"
#include "lb/core/stick.h"

#define FOREVER_US (366LL * 24 * 3600 * 1000000)

const struct conf_word config_mode_words[] = {
    {"tcp", CONFIG_MODE_TCP, "bytes both ways"},
    {"http", CONFIG_MODE_HTTP, "requests and responses"},
    {NULL, 0, NULL},
};

const struct conf_word config_connection_words[] = {
    {"keep-alive", CONFIG_CONNECTION_KEEP_ALIVE, "many requests a connection on both sides"},
    {"server-close", CONFIG_CONNECTION_SERVER_CLOSE, "one request a server connection"},
    {"close", CONFIG_CONNECTION_CLOSE, "one request a connection on both sides"},
    {NULL, 0, NULL},
};

/* ---- times ---- */

#define TIME(FIELD, NAME, DOC)                                                                     \
    CONF_KEY(CONF_SPAN, struct config_timeouts, FIELD, NAME, DOC, .min = 1000, .max = FOREVER_US)

static const struct conf_key timeout_keys[] = {
    TIME(connect, "connect", "until the connection to a server stands (5s)"),
    TIME(client, "client", "silence of a client that should send or take data (60s)"),
    TIME(server, "server", "silence of a server that should send or take data (60s)"),
    TIME(queue, "queue", "waiting for a server with room (as connect)"),
    TIME(request, "request", "for a whole request head and each piece of a body (10s)"),
    TIME(keep_alive, "keep_alive", "idle time between two requests (60s)"),
    TIME(tunnel, "tunnel", "silence of both sides of a tunnel (1h)"),
    TIME(client_fin, "client_fin", "silence of a client after one side has ended (as client)"),
    TIME(server_fin, "server_fin", "silence of a server after one side has ended (as server)"),
    TIME(check, "check", "for the answer to a check, once connected (inter bounds it whole)"),
};

const struct conf_table config_timeouts_table = {
    .what = "timeouts",
    .doc = "Times after which something is given up; what is not written is taken from the level "
           "above.",
    .size = sizeof(struct config_timeouts),
    .keys = timeout_keys,
    .key_count = ARRAY_LEN(timeout_keys),
};

/* ---- X-Forwarded-For ---- */

#define FORWARDED(TYPE, FIELD, NAME, DOC, ...)                                                     \
    CONF_KEY(TYPE, struct config_forwarded_for, FIELD, NAME, DOC, __VA_ARGS__)

#define FORWARDED_KEYS(DEFAULT)                                                                    \
    FORWARDED(CONF_BOOL, enabled, "enabled", "the client's address is added to each request",      \
              .def = (DEFAULT)),                                                                   \
        FORWARDED(CONF_STRING, header, "header", "name of the header", .def = "X-Forwarded-For"),  \
        FORWARDED(CONF_STRINGS, except, "except", "networks of clients for which it is not added", \
                  .max = 64),                                                                      \
        FORWARDED(CONF_BOOL, if_none, "if_none", "only to requests that have none")

static const struct conf_key forwarded_for_keys[] = {FORWARDED_KEYS("false")};
static const struct conf_key forwarded_for_listener_keys[] = {FORWARDED_KEYS("true")};

/* For pools: not done unless written. */
const struct conf_table config_forwarded_for_table = {
    .what = "forwarded_for",
    .doc = "Tells servers the client's address.",
    .size = sizeof(struct config_forwarded_for),
    .keys = forwarded_for_keys,
    .key_count = ARRAY_LEN(forwarded_for_keys),
    .shorthand = "enabled",
};

/* For listeners: done unless forbidden. */
const struct conf_table config_forwarded_for_listener_table = {
    .what = "forwarded_for",
    .doc = "Tells servers the client's address.",
    .size = sizeof(struct config_forwarded_for),
    .keys = forwarded_for_listener_keys,
    .key_count = ARRAY_LEN(forwarded_for_listener_keys),
    .shorthand = "enabled",
};

/* ---- logs ---- */

static const struct conf_word facilities[] = {
    {"kern", 0},    {"user", 1},    {"mail", 2},    {"daemon", 3},  {"auth", 4},
    {"syslog", 5},  {"lpr", 6},     {"news", 7},    {"uucp", 8},    {"cron", 9},
    {"auth2", 10},  {"ftp", 11},    {"ntp", 12},    {"audit", 13},  {"alert", 14},
    {"cron2", 15},  {"local0", 16}, {"local1", 17}, {"local2", 18}, {"local3", 19},
    {"local4", 20}, {"local5", 21}, {"local6", 22}, {"local7", 23}, {NULL, 0},
};

static const struct conf_word log_levels[] = {
    {"emerg", 0},  {"alert", 1}, {"crit", 2},  {"err", 3}, {"warning", 4},
    {"notice", 5}, {"info", 6},  {"debug", 7}, {NULL, 0},
};

#define LOG(TYPE, FIELD, NAME, DOC, ...)                                                           \
    CONF_KEY(TYPE, struct config_log, FIELD, NAME, DOC, __VA_ARGS__)

static const struct conf_key log_keys[] = {
    LOG(CONF_STRING, to, "to",
        "\"stderr\", \"stdout\", \"fd@N\", \"/dev/log\", \"192.0.2.5:514\" or a file",
        .required = true),
    LOG(CONF_WORD, facility, "facility", "syslog's facility", .words = facilities, .def = "local0"),
    LOG(CONF_WORD, level, "level", "the least important that is sent", .words = log_levels,
        .def = "debug"),
    LOG(CONF_WORD, minlevel, "minlevel", "what is more important is sent as this",
        .words = log_levels, .def = "emerg"),
    LOG(CONF_INT, length, "length", "longest line in bytes", .def = "1024", .min = 80,
        .max = 65535),
    LOG(CONF_INT, sample, "sample", "one access line of so many", .def = "1", .min = 1,
        .max = 1000000000),
};

const struct conf_table config_log_table = {
    .what = "a log",
    .doc = "Where log lines go.",
    .size = sizeof(struct config_log),
    .keys = log_keys,
    .key_count = ARRAY_LEN(log_keys),
    .shorthand = "to",
};

/* ---- error files ---- */

static const struct conf_key error_file_keys[] = {
    CONF_KEY(CONF_STRING, struct config_error_file, file, "file",
             "a file with a whole HTTP response, status line and headers included",
             .required = true),
};

const struct conf_table config_error_file_table = {
    .what = "an error file",
    .size = sizeof(struct config_error_file),
    .keys = error_file_keys,
    .key_count = ARRAY_LEN(error_file_keys),
    .shorthand = "file",
};

/* ---- rules ---- */

static const struct conf_key acl_keys[] = {
    CONF_KEY(CONF_STRINGS, struct config_acl, any, "any",
             "conditions such as \"path_beg /api\", of which one must hold", .required = true,
             .max = CONFIG_RULES_MAX),
};

static const struct conf_table acl_table = {
    .what = "an acl",
    .doc = "A named condition.",
    .size = sizeof(struct config_acl),
    .keys = acl_keys,
    .key_count = ARRAY_LEN(acl_keys),
    .shorthand = "any",
};

#define RULES(TYPE, FIELD, NAME, DOC, ...)                                                         \
    CONF_KEY(TYPE, struct config_rules, FIELD, NAME, DOC, .max = CONFIG_RULES_MAX, __VA_ARGS__)

static const struct conf_key rules_keys[] = {
    RULES(CONF_NAMED, acls, "acls", "named conditions", .table = &acl_table),
    RULES(CONF_STRINGS, connection, "connection", "for each connection: \"reject if blocked\""),
    RULES(CONF_STRINGS, content, "content", "once there is content: \"accept if HTTP\""),
    RULES(CONF_STRINGS, request, "request", "for each request: \"set-header X-Api 1 if is_api\""),
    RULES(CONF_STRINGS, response, "response", "for each response of a server"),
    RULES(CONF_STRINGS, after, "after", "for each response, also those made here"),
};

const struct conf_table config_rules_table = {
    .what = "rules",
    .doc = "What is done to requests and responses, in order.",
    .size = sizeof(struct config_rules),
    .keys = rules_keys,
    .key_count = ARRAY_LEN(rules_keys),
};

/* ---- the statistics page ---- */

#define STATS(TYPE, FIELD, NAME, DOC, ...)                                                         \
    CONF_KEY(TYPE, struct config_stats, FIELD, NAME, DOC, __VA_ARGS__)

static const struct conf_key stats_keys[] = {
    STATS(CONF_BOOL, enabled, "enabled", "there is one"),
    STATS(CONF_STRING, uri, "uri", "beginning of its path", .def = "/haproxy?stats"),
    STATS(CONF_STRING, realm, "realm", "of the password question", .def = "HAProxy Statistics"),
    STATS(CONF_STRINGS, auth, "auth", "\"user:password\" of those who may see it", .max = 64,
          .secret = true),
    STATS(CONF_SPAN, refresh, "refresh", "how often browsers load it anew"),
    STATS(CONF_STRING, admin, "admin", "condition under which it may change things: \"if TRUE\""),
    STATS(CONF_BOOL, hide_version, "hide_version", "does not say which version this is"),
    STATS(CONF_BOOL, show_node, "show_node", "says which node this is"),
    STATS(CONF_BOOL, show_legends, "show_legends", "explains servers and pools"),
    STATS(CONF_STRING, node_name, "node_name", "instead of the node's"),
    STATS(CONF_STRING, description, "description", "instead of the top level's"),
    STATS(CONF_STRINGS, scope, "scope", "names that it shows; \".\" is its own", .max = 256),
};

const struct conf_table config_stats_table = {
    .what = "a statistics page",
    .size = sizeof(struct config_stats),
    .keys = stats_keys,
    .key_count = ARRAY_LEN(stats_keys),
    .shorthand = "enabled",
};

/* ---- control sockets, peers ---- */

static const struct conf_word socket_levels[] = {
    {"user", CONTROL_USER, "may look at what is no secret"},
    {"operator", CONTROL_OPERATOR, "may look at all"},
    {"admin", CONTROL_ADMIN, "may change things"},
    {NULL, 0, NULL},
};

#define SOCKET(TYPE, FIELD, NAME, DOC, ...)                                                        \
    CONF_KEY(TYPE, struct config_socket, FIELD, NAME, DOC, __VA_ARGS__)

static const struct conf_key socket_keys[] = {
    SOCKET(CONF_STRING, bind, "bind", "a path, \"ipv4@ADDR:PORT\" or \"fd@N\"", .required = true),
    SOCKET(CONF_WORD, level, "level", "what its users may do", .words = socket_levels,
           .def = "operator"),
    SOCKET(CONF_STRING, mode, "mode", "of the socket's file, in octal", .def = "0600"),
    SOCKET(CONF_STRING, user, "user", "owner of the socket's file"),
    SOCKET(CONF_STRING, group, "group", "group of the socket's file"),
};

static const struct conf_table socket_table = {
    .what = "a socket",
    .doc = "A control socket in HAProxy's manner.",
    .size = sizeof(struct config_socket),
    .keys = socket_keys,
    .key_count = ARRAY_LEN(socket_keys),
    .shorthand = "bind",
};

static const struct conf_key peer_keys[] = {
    CONF_KEY(CONF_STRING, struct config_peer, address, "address",
             "where it listens; this node itself may go without"),
};

static const struct conf_table peer_table = {
    .what = "a peer",
    .size = sizeof(struct config_peer),
    .keys = peer_keys,
    .key_count = ARRAY_LEN(peer_keys),
    .shorthand = "address",
};

static const struct conf_key peers_keys[] = {
    CONF_KEY(CONF_STRINGS, struct config_peers, bind, "bind", "where this node listens for peers",
             .max = CONFIG_BINDS_MAX),
    CONF_KEY(CONF_NAMED, struct config_peers, peers, "peers", "all nodes, this one included",
             .max = 64, .table = &peer_table),
    CONF_KEY(CONF_NAMED, struct config_peers, tables, "tables", "tables that are shared here",
             .max = 256, .table = &config_stick_table_table),
};

static const struct conf_table peers_table = {
    .what = "a peers section",
    .doc = "Nodes that share stick tables.",
    .size = sizeof(struct config_peers),
    .keys = peers_keys,
    .key_count = ARRAY_LEN(peers_keys),
};

/* ---- the top level ---- */

#define TOP(TYPE, FIELD, NAME, DOC, ...)                                                           \
    CONF_KEY(TYPE, struct config, FIELD, NAME, DOC, __VA_ARGS__)

static const struct conf_word own_levels[] = {
    {"err", LOG_LEVEL_ERR},   {"warning", LOG_LEVEL_WARNING}, {"notice", LOG_LEVEL_NOTICE},
    {"info", LOG_LEVEL_INFO}, {"debug", LOG_LEVEL_DEBUG},     {NULL, 0},
};

static const struct conf_key top_keys[] = {
    TOP(CONF_NAMED, listeners, "listeners", "where clients come in",
        .table = &config_listener_table, .max = CONFIG_LISTENERS_MAX),
    TOP(CONF_NAMED, pools, "pools", "where requests go", .table = &config_pool_table,
        .max = CONFIG_POOLS_MAX),
    TOP(CONF_NAMED, peers, "peers", "nodes that share stick tables", .table = &peers_table,
        .max = 64),
    TOP(CONF_OBJECT, timeouts, "timeouts", "for all listeners and pools",
        .table = &config_timeouts_table),
    TOP(CONF_STRING, control, "control", "path of the control socket; \"\" for none", .def = CONFIG_SOCKET_DEFAULT,
        .max = 107),
    TOP(CONF_ARRAY, sockets, "sockets", "further control sockets, as HAProxy has them",
        .table = &socket_table, .max = 64),
    TOP(CONF_SPAN, socket_timeout, "socket_timeout", "silence of a control client", .def = "10s",
        .min = 1000, .max = FOREVER_US),
    TOP(CONF_INT, threads, "threads", "worker threads; 0 is one a core", .max = CONFIG_THREADS_MAX),
    TOP(CONF_INT, maxconn, "maxconn", "client connections in all; 0: what open files allow",
        .max = 100000000),
    TOP(CONF_SIZE, buffer, "buffer", "bytes of a buffer, and the longest head", .def = "16k",
        .min = 4096, .max = 65535),
    TOP(CONF_STRING, user, "user", "runs as, once the ports are open"),
    TOP(CONF_STRING, group, "group", "runs as, instead of the user's own group"),
    TOP(CONF_STRING, pid_file, "pid_file", "where its process id is written"),
    TOP(CONF_STRING, state_file, "state_file", "keeps runtime changes over a restart"),
    TOP(CONF_BOOL, daemon, "daemon", "goes into the background"),
    TOP(CONF_STRING, node, "node", "name of this node; the host's if not written"),
    TOP(CONF_STRING, description, "description", "a text for the statistics"),
    TOP(CONF_WORD, log_level, "log_level", "of the daemon's own messages", .words = own_levels,
        .def = "notice"),
    TOP(CONF_ARRAY, logs, "logs", "where access lines and state changes go",
        .table = &config_log_table, .max = CONFIG_LOGS_MAX),
};

const struct conf_table config_table = {
    .what = "the configuration",
    .doc = "Configuration of lb, the balancer.",
    .size = sizeof(struct config),
    .keys = top_keys,
    .key_count = ARRAY_LEN(top_keys),
};
