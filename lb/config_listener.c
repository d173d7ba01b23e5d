/*
 * The keys of a listener.
 */
#include "lb/config.h"

#include "lb/config_parts.h"

#define ACCESS(TYPE, FIELD, NAME, DOC, ...)                                                        \
    CONF_KEY(TYPE, struct config_access, FIELD, NAME, DOC, __VA_ARGS__)

static const struct conf_key access_keys[] = {
    ACCESS(CONF_BOOL, enabled, "enabled", "requests are logged", .def = "true"),
    ACCESS(CONF_STRING, format, "format", "\"http\", \"tcp\", or HAProxy's % letters"),
    ACCESS(CONF_BOOL, skip_null, "skip_null", "not connections that brought nothing"),
    ACCESS(CONF_BOOL, skip_normal, "skip_normal", "only what went wrong"),
    ACCESS(CONF_ARRAY, logs, "logs", "instead of the logs at the top level",
           .table = &config_log_table, .max = CONFIG_LOGS_MAX),
};

static const struct conf_table access_table = {
    .what = "an access log",
    .doc = "One line a request.",
    .size = sizeof(struct config_access),
    .keys = access_keys,
    .key_count = ARRAY_LEN(access_keys),
    .shorthand = "enabled",
};

static const struct conf_key route_keys[] = {
    CONF_KEY(CONF_STRING, struct config_route, pool, "pool", "the pool that is taken",
             .required = true),
    CONF_KEY(CONF_STRING, struct config_route, condition, "when",
             "\"if is_api !is_admin\" or \"unless ...\"; always if not written"),
};

static const struct conf_table route_table = {
    .what = "a route",
    .doc = "The first route whose condition holds chooses the pool.",
    .size = sizeof(struct config_route),
    .keys = route_keys,
    .key_count = ARRAY_LEN(route_keys),
    .shorthand = "pool",
};

#define CAPTURE(TYPE, FIELD, NAME, DOC, ...)                                                       \
    CONF_KEY(TYPE, struct config_capture, FIELD, NAME, DOC, __VA_ARGS__)

static const struct conf_key capture_keys[] = {
    CAPTURE(CONF_STRING, request_header, "request_header", "name of a request's header"),
    CAPTURE(CONF_STRING, response_header, "response_header", "name of a response's header"),
    CAPTURE(CONF_STRING, cookie, "cookie", "beginning of a cookie's name"),
    CAPTURE(CONF_INT, length, "length", "bytes kept", .def = "64", .min = 1, .max = 1024),
};

static const struct conf_table capture_table = {
    .what = "a capture",
    .doc = "A header or cookie that the access log shows.",
    .size = sizeof(struct config_capture),
    .keys = capture_keys,
    .key_count = ARRAY_LEN(capture_keys),
};

#define KEY(TYPE, FIELD, NAME, DOC, ...)                                                           \
    CONF_KEY(TYPE, struct config_listener, FIELD, NAME, DOC, __VA_ARGS__)

static const struct conf_key keys[] = {
    KEY(CONF_STRINGS, bind, "bind",
        "addresses, such as \"192.0.2.10:80\", \"[::]:80\", \":8000-8010\", \"unix@/path\", "
        "\"abns@name\", \"fd@3\"",
        .required = true, .max = CONFIG_BINDS_MAX),
    KEY(CONF_STRING, pool, "pool", "where requests go that no route takes"),
    KEY(CONF_WORD, mode, "mode", "what is carried", .words = config_mode_words, .def = "http"),
    KEY(CONF_ARRAY, routes, "routes", "which requests go to which pool", .table = &route_table,
        .max = CONFIG_RULES_MAX),
    KEY(CONF_OBJECT, rules, "rules", "what is done to requests and responses",
        .table = &config_rules_table),
    KEY(CONF_OBJECT, table, "table", "its own stick table, for rules",
        .table = &config_stick_table_table),
    KEY(CONF_INT, id, "id", "its number; the lowest free one if not written", .min = 1,
        .max = INT32_MAX),
    KEY(CONF_BOOL, disabled, "disabled", "is not opened"),
    KEY(CONF_INT, maxconn, "maxconn", "connections at a time; 0 is no limit of its own",
        .max = 100000000),
    KEY(CONF_INT, backlog, "backlog", "connections that wait in the kernel; 0: the system's limit",
        .max = 1000000),
    KEY(CONF_BOOL, accept_proxy, "accept_proxy", "each connection begins with a PROXY header"),
    KEY(CONF_BOOL, transparent, "transparent", "takes connections to foreign addresses"),
    KEY(CONF_BOOL, freebind, "freebind", "is opened also while its address is not on this node",
        .def = "true"),
    KEY(CONF_BOOL, v6only, "v6only", "[::] takes no IPv4", .def = "true"),
    KEY(CONF_BOOL, v4v6, "v4v6", "[::] takes IPv4, too"),
    KEY(CONF_BOOL, defer_accept, "defer_accept",
        "http: the kernel keeps a connection until the request is there", .def = "true"),
    KEY(CONF_BOOL, tcp_keepalive, "tcp_keepalive", "the kernel probes silent clients"),
    KEY(CONF_STRING, interface, "interface", "takes connections from this interface only",
        .max = 15),
    KEY(CONF_STRING, unix_mode, "unix_mode", "of a unix@ socket, in octal"),
    KEY(CONF_STRING, unix_user, "unix_user", "owner of a unix@ socket"),
    KEY(CONF_STRING, unix_group, "unix_group", "group of a unix@ socket"),
    KEY(CONF_OBJECT, timeouts, "timeouts", "when something is given up",
        .table = &config_timeouts_table),
    KEY(CONF_WORD, connection, "connection", "how long connections live",
        .words = config_connection_words, .def = "keep-alive"),
    KEY(CONF_OBJECT, forwarded_for, "forwarded_for", "X-Forwarded-For with the client's address",
        .table = &config_forwarded_for_listener_table),
    KEY(CONF_OBJECT, access, "access", "the access log", .table = &access_table),
    KEY(CONF_ARRAY, captures, "captures", "headers that the access log shows",
        .table = &capture_table, .max = 32),
    KEY(CONF_NAMED, errors, "errors", "own answers by status code",
        .table = &config_error_file_table, .max = 32),
    KEY(CONF_STRING, monitor_uri, "monitor_uri", "a path that is answered here, with 200"),
    KEY(CONF_STRING, monitor_fail, "monitor_fail", "condition under which it is 503"),
    KEY(CONF_STRING, unique_id_format, "unique_id_format", "a name for each request, % letters"),
    KEY(CONF_STRING, unique_id_header, "unique_id_header", "header that tells it to servers"),
    KEY(CONF_OBJECT, stats, "stats", "a page with statistics", .table = &config_stats_table),
};

const struct conf_table config_listener_table = {
    .what = "a listener",
    .doc = "Where clients come in.",
    .size = sizeof(struct config_listener),
    .keys = keys,
    .key_count = ARRAY_LEN(keys),
};
