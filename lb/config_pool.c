/*
 * The keys of a pool.
 */
#include "lb/config.h"

#include "lb/config_parts.h"
#include "lb/core/balance_conf.h"
#include "lb/core/stick.h"

/* ---- balancing ---- */

static const struct conf_word algorithms[] = {
    {"roundrobin", BALANCE_ROUNDROBIN, "in turns, by weight"},
    {"static-rr", BALANCE_STATIC_RR, "in turns, by configured weight"},
    {"leastconn", BALANCE_LEASTCONN, "the one with the fewest requests"},
    {"first", BALANCE_FIRST, "the first that has room"},
    {"source", BALANCE_SOURCE, "by the client's address"},
    {"uri", BALANCE_URI, "by the path"},
    {"url_param", BALANCE_URL_PARAM, "by a parameter of the query"},
    {"hdr", BALANCE_HDR, "by a header"},
    {"random", BALANCE_RANDOM, "the better of several drawn by lot"},
    {NULL, 0, NULL},
};

static const struct conf_word functions[] = {
    {"sdbm", HASH_SDBM}, {"djb2", HASH_DJB2}, {"wt6", HASH_WT6}, {"crc32", HASH_CRC32}, {NULL, 0},
};

#define BALANCE(TYPE, FIELD, NAME, DOC, ...)                                                       \
    CONF_KEY(TYPE, struct config_balance, FIELD, NAME, DOC, __VA_ARGS__)

static const struct conf_key balance_keys[] = {
    BALANCE(CONF_WORD, algorithm, "algorithm", "who is next", .words = algorithms,
            .def = "roundrobin"),
    BALANCE(CONF_STRING, name, "name", "of the header or parameter"),
    BALANCE(CONF_BOOL, consistent, "consistent", "a server that goes moves only its own clients"),
    BALANCE(CONF_WORD, function, "function", "how keys become numbers", .words = functions,
            .def = "sdbm"),
    BALANCE(CONF_BOOL, avalanche, "avalanche", "spreads these numbers once more"),
    BALANCE(CONF_BOOL, whole, "whole", "uri: with the query"),
    BALANCE(CONF_BOOL, path_only, "path_only", "uri: without scheme and host"),
    BALANCE(CONF_INT, length, "length", "uri: only so many bytes", .max = 65535),
    BALANCE(CONF_INT, depth, "depth", "uri: only so many directories", .max = 255),
    BALANCE(CONF_BOOL, domain_only, "domain_only", "hdr: only the domain's name"),
    BALANCE(CONF_BOOL, check_post, "check_post", "url_param: forms are looked into, too"),
    BALANCE(CONF_INT, draws, "draws", "random: how many are compared", .def = "2", .min = 1,
            .max = 32),
    BALANCE(CONF_BOOL, all_backups, "all_backups", "all backup servers serve, not only the first"),
};

static const struct conf_table balance_table = {
    .what = "balance",
    .doc = "How a server is chosen.",
    .size = sizeof(struct config_balance),
    .keys = balance_keys,
    .key_count = ARRAY_LEN(balance_keys),
    .shorthand = "algorithm",
};

/* ---- stickiness ---- */

static const struct conf_word cookie_modes[] = {
    {"insert", CONFIG_COOKIE_INSERT, "the balancer sets it"},
    {"rewrite", CONFIG_COOKIE_REWRITE, "the server sets it, its value is replaced"},
    {"prefix", CONFIG_COOKIE_PREFIX, "the server sets it, its value is prefixed"},
    {NULL, 0, NULL},
};

#define COOKIE(TYPE, FIELD, NAME, DOC, ...)                                                        \
    CONF_KEY(TYPE, struct config_cookie, FIELD, NAME, DOC, __VA_ARGS__)

static const struct conf_key cookie_keys[] = {
    COOKIE(CONF_STRING, cookie_name, "name", "its name", .max = 128),
    COOKIE(CONF_WORD, mode, "mode", "who sets it", .words = cookie_modes, .def = "insert"),
    COOKIE(CONF_BOOL, indirect, "indirect", "servers do not see it, clients get it once",
           .def = "true"),
    COOKIE(CONF_BOOL, nocache, "nocache", "answers with it are not for shared caches",
           .def = "true"),
    COOKIE(CONF_BOOL, postonly, "postonly", "only in answers to POST"),
    COOKIE(CONF_BOOL, preserve, "preserve", "one that the server sets stays"),
    COOKIE(CONF_BOOL, httponly, "httponly", "scripts cannot read it"),
    COOKIE(CONF_BOOL, secure, "secure", "only over TLS"),
    COOKIE(CONF_STRINGS, domain, "domain", "domains for which it is good", .max = 8),
    COOKIE(CONF_STRINGS, attributes, "attributes", "further attributes: \"SameSite=Lax\"",
           .max = 8),
    COOKIE(CONF_SPAN, maxidle, "maxidle", "unused for so long, it is ignored"),
    COOKIE(CONF_SPAN, maxlife, "maxlife", "after so long, it is ignored"),
};

static const struct conf_table cookie_table = {
    .what = "a cookie",
    .doc = "The cookie that leads a client back to its server.",
    .size = sizeof(struct config_cookie),
    .keys = cookie_keys,
    .key_count = ARRAY_LEN(cookie_keys),
    .shorthand = "name",
};

static const struct conf_word table_types[] = {
    {"ip", STICK_IP},         {"ipv6", STICK_IPV6},     {"integer", STICK_INTEGER},
    {"string", STICK_STRING}, {"binary", STICK_BINARY}, {NULL, 0},
};

#define TABLE(TYPE, FIELD, NAME, DOC, ...)                                                         \
    CONF_KEY(TYPE, struct config_stick_table, FIELD, NAME, DOC, __VA_ARGS__)

static const struct conf_key stick_table_keys[] = {
    TABLE(CONF_WORD, type, "type", "what its keys are", .words = table_types),
    TABLE(CONF_INT, length, "length", "longest string or binary key", .min = 1,
          .max = STICK_KEY_MAX),
    TABLE(CONF_SIZE, size, "size", "how many entries it holds", .def = "100k", .min = 1,
          .max = STICK_SIZE_MAX),
    TABLE(CONF_SPAN, expire, "expire", "after so long without use an entry goes"),
    TABLE(CONF_BOOL, nopurge, "nopurge", "when it is full, there is no room for new ones"),
    TABLE(CONF_STRINGS, store, "store", "counters: \"http_req_rate(10s)\"", .max = STICK_DATA_N),
    TABLE(CONF_STRING, peers, "peers", "section of the nodes that share it"),
};

const struct conf_table config_stick_table_table = {
    .what = "a stick table",
    .doc = "What is remembered about clients.",
    .size = sizeof(struct config_stick_table),
    .keys = stick_table_keys,
    .key_count = ARRAY_LEN(stick_table_keys),
    .shorthand = "type",
};

static const struct conf_word stick_whats[] = {
    {"on", CONFIG_STICK_ON, "match and store"},
    {"match", CONFIG_STICK_MATCH, "an entry leads to its server"},
    {"store-request", CONFIG_STICK_STORE_REQUEST, "an entry is made from the request"},
    {"store-response", CONFIG_STICK_STORE_RESPONSE, "an entry is made from the response"},
    {NULL, 0, NULL},
};

#define STICK(TYPE, FIELD, NAME, DOC, ...)                                                         \
    CONF_KEY(TYPE, struct config_stick, FIELD, NAME, DOC, __VA_ARGS__)

static const struct conf_key stick_keys[] = {
    STICK(CONF_STRING, key, "key", "what is looked up: \"src\", \"req.cook(id)\"", .def = "src"),
    STICK(CONF_WORD, what, "do", "what is done", .words = stick_whats, .def = "on"),
    STICK(CONF_STRING, table, "table", "another pool's table"),
    STICK(CONF_STRING, condition, "when", "\"if ...\" or \"unless ...\""),
};

static const struct conf_table stick_rule_table = {
    .what = "a stick rule",
    .size = sizeof(struct config_stick),
    .keys = stick_keys,
    .key_count = ARRAY_LEN(stick_keys),
    .shorthand = "key",
};

#define STICKY(TYPE, FIELD, NAME, DOC, ...)                                                        \
    CONF_KEY(TYPE, struct config_sticky, FIELD, NAME, DOC, __VA_ARGS__)

static const struct conf_key sticky_keys[] = {
    STICKY(CONF_OBJECT, cookie, "cookie", "by cookie", .table = &cookie_table),
    STICKY(CONF_OBJECT, table, "table", "the pool's own stick table",
           .table = &config_stick_table_table),
    STICKY(CONF_ARRAY, rules, "rules", "when that or another table is asked",
           .table = &stick_rule_table, .max = 64),
};

static const struct conf_table sticky_table = {
    .what = "sticky",
    .doc = "How clients come back to their server.",
    .size = sizeof(struct config_sticky),
    .keys = sticky_keys,
    .key_count = ARRAY_LEN(sticky_keys),
};

/* ---- the pool ---- */

static const struct conf_word reuses[] = {
    {"never", CONFIG_REUSE_NEVER, "each client has its own server connections"},
    {"safe", CONFIG_REUSE_SAFE, "where a request can be sent again if the connection is stale"},
    {"aggressive", CONFIG_REUSE_AGGRESSIVE, "connections that have been reused once, too"},
    {"always", CONFIG_REUSE_ALWAYS, "all"},
    {NULL, 0, NULL},
};

#define POOL(TYPE, FIELD, NAME, DOC, ...)                                                          \
    CONF_KEY(TYPE, struct config_pool, FIELD, NAME, DOC, __VA_ARGS__)

static const struct conf_key pool_keys[] = {
    POOL(CONF_NAMED, servers, "servers", "who serves", .table = &config_server_table,
         .max = CONFIG_SERVERS_MAX),
    POOL(CONF_WORD, mode, "mode", "what is carried", .words = config_mode_words, .def = "http"),
    POOL(CONF_OBJECT, balance, "balance", "how a server is chosen", .table = &balance_table),
    POOL(CONF_OBJECT, sticky, "sticky", "how clients come back to their server",
         .table = &sticky_table),
    POOL(CONF_OBJECT, check, "check", "how it is found out whether servers live",
         .table = &config_check_table),
    POOL(CONF_OBJECT, rules, "rules", "what is done to requests and responses",
         .table = &config_rules_table),
    POOL(CONF_OBJECT, timeouts, "timeouts", "when something is given up",
         .table = &config_timeouts_table),
    POOL(CONF_INT, id, "id", "its number; the lowest free one if not written", .min = 1,
         .max = INT32_MAX),
    POOL(CONF_BOOL, disabled, "disabled", "is not used"),
    POOL(CONF_WORD, connection, "connection", "how long connections live",
         .words = config_connection_words, .def = "keep-alive"),
    POOL(CONF_WORD, reuse, "reuse", "which requests share server connections", .words = reuses,
         .def = "safe"),
    POOL(CONF_SPAN, idle, "idle", "how long an unused server connection is kept", .def = "4s"),
    POOL(CONF_INT, idle_max, "idle_max", "unused connections kept, a server and thread",
         .def = "1024", .max = 1000000),
    POOL(CONF_INT, retries, "retries", "further tries to connect", .def = "3", .max = 100),
    POOL(CONF_INT, redispatch, "redispatch",
         "every Nth of them at another server; -1 is the last one, 0 none", .def = "-1", .min = -1,
         .max = 100),
    POOL(CONF_BOOL, persist, "persist", "a cookie counts although its server is down"),
    POOL(CONF_BOOL, abort_on_close, "abort_on_close",
         "a request whose client has gone while it waited is dropped"),
    POOL(CONF_INT, fullconn, "fullconn", "requests at which minconn servers take their maxconn",
         .max = 100000000),
    POOL(CONF_OBJECT, forwarded_for, "forwarded_for", "X-Forwarded-For with the client's address",
         .table = &config_forwarded_for_table),
    POOL(CONF_NAMED, errors, "errors", "own answers by status code",
         .table = &config_error_file_table, .max = 32),
    POOL(CONF_OBJECT, stats, "stats", "a page with statistics", .table = &config_stats_table),
};

const struct conf_table config_pool_table = {
    .what = "a pool",
    .doc = "Servers that do the same.",
    .size = sizeof(struct config_pool),
    .keys = pool_keys,
    .key_count = ARRAY_LEN(pool_keys),
};
