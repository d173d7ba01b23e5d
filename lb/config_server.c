/*
 * The keys of a server and of its checks.
 */
#include "lb/config.h"

#include "lb/core/health.h"

/* ---- checks ---- */

static const struct conf_word check_types[] = {
    {"auto", CONFIG_CHECK_AUTO, "what the other keys say"},
    {"none", CONFIG_CHECK_NONE, "the server always counts as up"},
    {"tcp", CONFIG_CHECK_TCP, "a connection, and what `steps` say"},
    {"http", CONFIG_CHECK_HTTP, "a request; 2xx and 3xx are good"},
    {"script", CONFIG_CHECK_SCRIPT, "a command; exit status 0 is good"},
    {NULL, 0, NULL},
};

static const struct conf_word observes[] = {
    {"none", HEALTH_OBSERVE_NONE},
    {"layer4", HEALTH_OBSERVE_L4},
    {"layer7", HEALTH_OBSERVE_L7},
    {NULL, 0},
};

static const struct conf_word on_errors[] = {
    {"fastinter", HEALTH_ON_ERROR_FASTINTER, "the next check comes early"},
    {"fail-check", HEALTH_ON_ERROR_FAIL_CHECK, "counts as a failed check"},
    {"sudden-death", HEALTH_ON_ERROR_SUDDEN_DEATH, "the next failed check marks it down"},
    {"mark-down", HEALTH_ON_ERROR_MARK_DOWN, "it is down at once"},
    {NULL, 0, NULL},
};

static const struct conf_word on_marked_downs[] = {
    {"nothing", HEALTH_MARKED_NOTHING, NULL},
    {"shutdown-sessions", HEALTH_MARKED_SHUTDOWN_SESSIONS, "its sessions are cut"},
    {NULL, 0, NULL},
};

static const struct conf_word on_marked_ups[] = {
    {"nothing", HEALTH_MARKED_NOTHING, NULL},
    {"shutdown-backup-sessions", HEALTH_MARKED_SHUTDOWN_SESSIONS,
     "the sessions of backup servers are cut"},
    {NULL, 0, NULL},
};

#define CHECK(TYPE, FIELD, NAME, DOC, ...)                                                         \
    CONF_KEY(TYPE, struct config_check, FIELD, NAME, DOC, __VA_ARGS__)

static const struct conf_key check_keys[] = {
    CHECK(CONF_STRING, request, "request",
          "\"METHOD /path\" for an http check; also \"tcp\" and \"none\""),
    CHECK(CONF_WORD, type, "type", "what kind of check", .words = check_types, .def = "auto"),
    CHECK(CONF_STRING, version, "version", "of the request", .def = "HTTP/1.0"),
    CHECK(CONF_STRING, host, "host", "the request's Host"),
    CHECK(CONF_STRINGS, headers, "headers", "further headers: \"Name: value\"", .max = 32),
    CHECK(CONF_STRING, body, "body", "the request's body"),
    CHECK(CONF_STRINGS, expect, "expect",
          "what the answer must be: \"status 200-399\", \"string ok\", \"! rstring error\"",
          .max = 32),
    CHECK(CONF_STRINGS, steps, "steps", "tcp: \"send PING\\r\\n\", \"expect string +PONG\"",
          .max = 32),
    CHECK(CONF_STRING, command, "command", "script: what is run"),
    CHECK(CONF_SPAN, inter, "inter", "time between two checks", .def = "2s", .min = 1000,
          .max = 86400000000),
    CHECK(CONF_SPAN, fastinter, "fastinter", "the same while the state changes", .min = 1000,
          .max = 86400000000),
    CHECK(CONF_SPAN, downinter, "downinter", "the same while the server is down", .min = 1000,
          .max = 86400000000),
    CHECK(CONF_INT, rise, "rise", "good ones in a row until it is up", .def = "2", .min = 1,
          .max = 1000),
    CHECK(CONF_INT, fall, "fall", "bad ones in a row until it is down", .def = "3", .min = 1,
          .max = 1000),
    CHECK(CONF_SPAN, timeout, "timeout", "for the answer, once connected", .min = 1000,
          .max = 86400000000),
    CHECK(CONF_INT, port, "port", "another port than the server's", .min = 1, .max = 65535),
    CHECK(CONF_ADDR, address, "address", "another address than the server's"),
    CHECK(CONF_BOOL, send_proxy, "send_proxy", "begins with a PROXY header"),
    CHECK(CONF_BOOL, disable_on_404, "disable_on_404", "404 means: no new clients"),
    CHECK(CONF_WORD, observe, "observe", "traffic counts as checks", .words = observes,
          .def = "none"),
    CHECK(CONF_WORD, on_error, "on_error", "what error_limit errors in traffic lead to",
          .words = on_errors, .def = "fail-check"),
    CHECK(CONF_INT, error_limit, "error_limit", "errors in a row", .def = "10", .min = 1,
          .max = 60000),
    CHECK(CONF_WORD, on_marked_down, "on_marked_down", "what happens when it goes down",
          .words = on_marked_downs, .def = "nothing"),
    CHECK(CONF_WORD, on_marked_up, "on_marked_up", "what happens when it comes up",
          .words = on_marked_ups, .def = "nothing"),
};

const struct conf_table config_check_table = {
    .what = "a check",
    .doc = "How it is found out whether a server lives.",
    .size = sizeof(struct config_check),
    .keys = check_keys,
    .key_count = ARRAY_LEN(check_keys),
    .shorthand = "request",
};

#define AGENT(TYPE, FIELD, NAME, DOC, ...)                                                         \
    CONF_KEY(TYPE, struct config_agent, FIELD, NAME, DOC, __VA_ARGS__)

static const struct conf_key agent_keys[] = {
    AGENT(CONF_INT, port, "port", "where it listens", .min = 1, .max = 65535),
    AGENT(CONF_ADDR, address, "address", "another address than the server's"),
    AGENT(CONF_SPAN, inter, "inter", "how often it is asked", .def = "2s", .min = 1000,
          .max = 86400000000),
    AGENT(CONF_STRING, send, "send", "what is sent to it first"),
};

static const struct conf_table agent_table = {
    .what = "an agent",
    .doc = "A program on the server that says how it is: \"up 75%\", \"drain\".",
    .size = sizeof(struct config_agent),
    .keys = agent_keys,
    .key_count = ARRAY_LEN(agent_keys),
    .shorthand = "port",
};

/* ---- the server ---- */

static const struct conf_word proxies[] = {
    {"none", CONFIG_PROXY_NONE},
    {"v1", CONFIG_PROXY_V1},
    {"v2", CONFIG_PROXY_V2},
    {NULL, 0},
};

#define SERVER(TYPE, FIELD, NAME, DOC, ...)                                                        \
    CONF_KEY(TYPE, struct config_server, FIELD, NAME, DOC, __VA_ARGS__)

static const struct conf_key server_keys[] = {
    SERVER(CONF_STRING, address, "address",
           "\"192.0.2.101:80\", \"[2001:db8::1]:80\" or \"web.example.org:80\"", .required = true),
    SERVER(CONF_INT, weight, "weight", "its share; 0 gets no new clients", .def = "1", .max = 256),
    SERVER(CONF_INT, id, "id", "its number; the lowest free one if not written", .min = 1,
           .max = INT32_MAX),
    SERVER(CONF_INT, maxconn, "maxconn", "requests at a time, further ones wait", .max = 100000000),
    SERVER(CONF_INT, minconn, "minconn", "the same while the pool is idle", .max = 100000000),
    SERVER(CONF_INT, maxqueue, "maxqueue", "how many may wait for it", .max = 100000000),
    SERVER(CONF_STRING, cookie, "cookie", "value of the pool's cookie; its name if not written",
           .max = 256),
    SERVER(CONF_BOOL, backup, "backup", "serves only when no other can"),
    SERVER(CONF_BOOL, disabled, "disabled", "starts in maintenance"),
    SERVER(CONF_STRING, track, "track", "follows the checks of \"pool/server\""),
    SERVER(CONF_WORD, send_proxy, "send_proxy", "connections begin with a PROXY header",
           .words = proxies, .def = "none"),
    SERVER(CONF_ADDR_PORT, source, "source", "address that connections to it come from"),
    SERVER(CONF_STRING, source_interface, "source_interface",
           "interface that connections to it leave by", .max = 15),
    SERVER(CONF_SPAN, slowstart, "slowstart", "time until it has its whole share again"),
    SERVER(CONF_BOOL, tcp_keepalive, "tcp_keepalive", "the kernel probes it when it is silent"),
    SERVER(CONF_OBJECT, check, "check", "what differs from the pool's check",
           .table = &config_check_table),
    SERVER(CONF_OBJECT, agent, "agent", "a program on it that says how it is",
           .table = &agent_table),
};

const struct conf_table config_server_table = {
    .what = "a server",
    .doc = "One that serves.",
    .size = sizeof(struct config_server),
    .keys = server_keys,
    .key_count = ARRAY_LEN(server_keys),
    .shorthand = "address",
};
