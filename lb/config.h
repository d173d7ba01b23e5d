/*
 * lb's configuration: the structures that the key tables (common/base/conf_table.h) fill, and how a
 * file becomes one.
 *
 * Both front ends, lb.json and haproxy.cfg, end in the same tree, which is decoded by
 * `config_table` and judged by config_check.h. Defaults are the native form's; haproxy.cfg writes
 * its own into the tree where they differ. A time of 0 in a listener or a pool means "as above": of
 * the top-level `timeouts`.
 *
 * Ownership: a `struct config` owns everything it points to, its text included (places in messages
 * stay valid as long as it does). It is read-only once loaded: runtime overrides live elsewhere.
 */
#pragma once

#include "common/base/conf.h"
#include "common/base/conf_table.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_PATH_DEFAULT   "/etc/lb/lb.json"
#define CONFIG_SOCKET_DEFAULT "/run/lb/lb.sock"

enum {
    CONFIG_LISTENERS_MAX = 1024,
    CONFIG_POOLS_MAX = 4096,
    CONFIG_SERVERS_MAX = 16384, /* of one pool */
    CONFIG_BINDS_MAX = 256,     /* addresses of one listener */
    CONFIG_THREADS_MAX = 64,
    CONFIG_RULES_MAX = 1024,
    CONFIG_LOGS_MAX = 16,
};

enum config_mode { CONFIG_MODE_TCP, CONFIG_MODE_HTTP };

/* 0 in a listener or pool: the top-level value. At the top level each has a default. */
struct config_timeouts {
    struct conf_obj obj;
    struct span connect;    /* until the connection to a server stands */
    struct span client;     /* silence of the client while it should send or take data */
    struct span server;     /* silence of the server while it should send or take data */
    struct span queue;      /* waiting for a server to have room; 0: as connect */
    struct span request;    /* for a whole request head, and for each piece of its body */
    struct span keep_alive; /* idle between two requests */
    struct span tunnel;     /* silence of both sides of a tunnel */
    struct span client_fin; /* as client, after one side has ended; 0: as client */
    struct span server_fin; /* as server, after one side has ended; 0: as server */
    struct span check;      /* for a check's answer once connected; 0: inter bounds it whole */
};

/* How long connections live in http mode. Of listener and pool, the stricter one counts. */
enum config_connection {
    CONFIG_CONNECTION_KEEP_ALIVE,   /* both sides */
    CONFIG_CONNECTION_SERVER_CLOSE, /* one request a server connection; clients stay */
    CONFIG_CONNECTION_CLOSE         /* one request a connection, both sides */
};

struct config_forwarded_for {
    struct conf_obj obj;
    bool enabled;
    char *header;
    struct conf_strings except; /* client networks for which it is not done */
    bool if_none;               /* only when the request has none */
};

/* Where lines go: HAProxy's `log`. */
struct config_log {
    struct conf_obj obj;
    char *to;       /* "stderr", "stdout", "fd@N", "/dev/log", "192.0.2.5:514", "/path/to/file" */
    int facility;   /* LOG_* number >> 3 */
    int level;      /* nothing less important is sent */
    int minlevel;   /* what is more important is sent as this */
    int64_t length; /* longest line */
    int64_t sample; /* one access line of so many; 0, 1: each */
};

struct config_access {
    struct conf_obj obj;
    bool enabled;          /* to the logs at the top level */
    char *format;          /* "http", "tcp", or HAProxy's % letters; NULL: by mode */
    bool skip_null;        /* not connections that brought nothing (dontlognull) */
    bool skip_normal;      /* only what went wrong (dontlog-normal) */
    struct conf_list logs; /* struct config_log: these instead of the top level's */
};

struct config_error_file {
    struct conf_obj obj; /* name: the status code */
    char *file;          /* a whole HTTP response, as it goes out; "" for none */
};

struct config_acl {
    struct conf_obj obj;     /* name */
    struct conf_strings any; /* "path_beg /api": true if any of them is */
};

struct config_route {
    struct conf_obj obj;
    char *pool;
    char *condition; /* "if is_api !is_admin", "unless ..."; NULL: always */
};

struct config_stats {
    struct conf_obj obj;
    bool enabled;
    char *uri; /* prefix */
    char *realm;
    struct conf_strings auth; /* "user:password" */
    struct span refresh;
    char *admin; /* condition under which changes are allowed; NULL: never */
    bool hide_version, show_node, show_legends;
    char *node_name, *description;
    struct conf_strings scope;
};

struct config_rules {
    struct conf_obj obj;
    struct conf_list acls;          /* struct config_acl */
    struct conf_strings connection; /* tcp-request connection */
    struct conf_strings content;    /* tcp-request content */
    struct conf_strings request;    /* "set-header X-A b if is_api": http-request */
    struct conf_strings response;   /* http-response */
    struct conf_strings after;      /* http-after-response */
};

struct config_capture {
    struct conf_obj obj;
    char *request_header, *response_header, *cookie; /* one of them */
    int64_t length;
};

struct config_stick_table {
    struct conf_obj obj;
    int type; /* enum stick_type; 0: no table */
    int64_t length;
    uint64_t size;
    struct span expire;
    bool nopurge;
    struct conf_strings store; /* "http_req_rate(10s)" */
    char *peers;
};

struct config_listener {
    struct conf_obj obj;      /* name */
    int64_t id;               /* 0: the lowest free one */
    struct conf_strings bind; /* "192.0.2.10:80", "[::]:80", ":8000-8010", "unix@/path",
                               * "abns@name", "fd@N" */
    int mode;                 /* enum config_mode */
    bool disabled;
    char *pool;              /* where requests go that no route takes; NULL: 503 */
    struct conf_list routes; /* struct config_route */
    struct config_rules rules;
    struct config_stick_table table; /* its own, named like it */

    int64_t maxconn;   /* 0: only the top level's limit */
    int64_t backlog;   /* 0: the system's */
    bool accept_proxy; /* a PROXY header, v1 or v2, comes first */
    bool transparent;  /* IP_TRANSPARENT */
    bool freebind;     /* may be bound while the address is not here */
    bool v6only, v4v6;
    bool defer_accept; /* http: the kernel waits for the request */
    bool tcp_keepalive;
    char *interface;
    char *unix_mode, *unix_user, *unix_group; /* of unix@ sockets; the mode in octal */

    struct config_timeouts timeouts;
    int connection; /* enum config_connection */
    struct config_forwarded_for forwarded_for;
    struct config_access access;
    struct conf_list captures; /* struct config_capture */
    struct conf_list errors;   /* struct config_error_file */
    char *monitor_uri;
    char *monitor_fail; /* condition under which monitor_uri says 503 */
    char *unique_id_format, *unique_id_header;
    struct config_stats stats;
};

enum config_cookie_mode { CONFIG_COOKIE_INSERT, CONFIG_COOKIE_REWRITE, CONFIG_COOKIE_PREFIX };

struct config_cookie {
    struct conf_obj obj;
    char *cookie_name; /* NULL: no stickiness by cookie */
    int mode;          /* enum config_cookie_mode */
    bool indirect, nocache, postonly, preserve, httponly, secure;
    struct conf_strings domain;
    struct conf_strings attributes;
    struct span maxidle, maxlife;
};

enum config_stick_what {
    CONFIG_STICK_ON, /* match and store-request */
    CONFIG_STICK_MATCH,
    CONFIG_STICK_STORE_REQUEST,
    CONFIG_STICK_STORE_RESPONSE
};

struct config_stick {
    struct conf_obj obj;
    int what;        /* enum config_stick_what */
    char *key;       /* a sample, "src" */
    char *table;     /* name of a table; NULL: this pool's own */
    char *condition; /* NULL: always */
};

struct config_sticky {
    struct conf_obj obj;
    struct config_cookie cookie;
    struct config_stick_table table; /* the pool's own, named like it */
    struct conf_list rules;          /* struct config_stick */
};

struct config_balance {
    struct conf_obj obj;
    int algorithm; /* enum balance_algorithm */
    char *name;    /* of the header or parameter */
    bool consistent, avalanche;
    int function; /* enum hash_function */
    bool whole, path_only, domain_only, check_post, all_backups;
    int64_t length, depth, draws;
};

enum config_check_type {
    CONFIG_CHECK_AUTO, /* request: http, command: script, steps: tcp; else tcp */
    CONFIG_CHECK_NONE,
    CONFIG_CHECK_TCP,
    CONFIG_CHECK_HTTP,
    CONFIG_CHECK_SCRIPT
};

/* Written for a pool it holds for its servers; a server changes single keys of it. */
struct config_check {
    struct conf_obj obj;
    int type;      /* enum config_check_type */
    char *request; /* "OPTIONS /"; also the words "tcp" and "none" */
    char *version; /* "HTTP/1.0" */
    char *host;
    struct conf_strings headers; /* "Name: value" */
    char *body;
    struct conf_strings expect; /* "status 200-399", "! string error", "rstring ^ok" */
    struct conf_strings steps;  /* tcp: "send PING\r\n", "expect string +PONG", "connect port 80" */
    char *command;
    struct span inter, fastinter, downinter; /* 0: 2s; as inter; as inter */
    int64_t rise, fall;
    struct span timeout;
    int64_t port;        /* 0: the server's */
    struct addr address; /* of family 0: the server's */
    bool send_proxy;
    bool disable_on_404;
    int observe;  /* enum health_observe */
    int on_error; /* enum health_on_error */
    int64_t error_limit;
    int on_marked_down, on_marked_up; /* enum health_on_marked */
};

struct config_agent {
    struct conf_obj obj;
    int64_t port; /* 0: no agent */
    struct addr address;
    struct span inter;
    char *send;
};

enum config_proxy { CONFIG_PROXY_NONE, CONFIG_PROXY_V1, CONFIG_PROXY_V2 };

struct config_server {
    struct conf_obj obj; /* name */
    char *address;       /* "192.0.2.101:80", "[2001:db8::1]:80", "web.example.org:80", no port:
                          * the one on which the client came, "+1000": relative to it */
    int64_t id;
    int64_t weight;
    int64_t maxconn, minconn, maxqueue; /* 0: no limit */
    char *cookie;                       /* NULL: its name, if the pool is sticky by cookie */
    bool backup, disabled;
    char *track; /* "pool/server" or "server" */
    int send_proxy;
    struct addr_port source;
    char *source_interface;
    struct span slowstart;
    bool tcp_keepalive;
    struct config_check check;
    struct config_agent agent;
};

enum config_reuse {
    CONFIG_REUSE_NEVER,
    CONFIG_REUSE_SAFE,
    CONFIG_REUSE_AGGRESSIVE,
    CONFIG_REUSE_ALWAYS
};

struct config_pool {
    struct conf_obj obj; /* name */
    int64_t id;
    int mode; /* enum config_mode */
    bool disabled;
    struct conf_list servers; /* struct config_server */
    struct config_balance balance;
    struct config_sticky sticky;
    struct config_check check;
    struct config_rules rules;
    struct config_timeouts timeouts;
    int connection;   /* enum config_connection */
    int reuse;        /* enum config_reuse */
    struct span idle; /* how long an unused server connection is kept */
    int64_t idle_max; /* of them a server and thread */
    int64_t retries;
    int64_t redispatch; /* 0: never; N: every Nth retry at another server; -1: the last one */
    bool persist;       /* a cookie counts although its server is down */
    bool abort_on_close;
    int64_t fullconn;
    struct config_forwarded_for forwarded_for;
    struct conf_list errors; /* struct config_error_file */
    struct config_stats stats;
};

/* A control socket besides `control`, in HAProxy's manner: `stats socket`. */
struct config_socket {
    struct conf_obj obj;
    char *bind; /* a path, "ipv4@ADDR:PORT", "fd@N" */
    int level;  /* enum control_level */
    char *mode, *user, *group;
};

struct config_peer {
    struct conf_obj obj; /* name */
    char *address;       /* NULL: only its name counts: it is this node */
};

struct config_peers {
    struct conf_obj obj; /* name */
    struct conf_strings bind;
    struct conf_list peers;  /* struct config_peer */
    struct conf_list tables; /* struct config_stick_table, named */
};

struct ruleset;

struct config {
    struct conf_obj obj;
    char *control;
    struct conf_list sockets; /* struct config_socket */
    struct span socket_timeout;
    int64_t threads; /* 0: as many as this process may use cores */
    int64_t maxconn; /* client connections in all; 0: what the limit of open files allows */
    uint64_t buffer; /* bytes of one; bounds a head */
    char *user, *group, *pid_file, *state_file;
    bool daemon;
    char *node, *description;
    int log_level;         /* enum log_level: of the daemon's own messages */
    struct conf_list logs; /* struct config_log */
    struct config_timeouts timeouts;
    struct conf_list listeners; /* struct config_listener */
    struct conf_list pools;     /* struct config_pool */
    struct conf_list peers;     /* struct config_peers */

    struct ruleset *ruleset; /* all rules, compiled (ruleset.h); owned */
    struct conf_doc doc;     /* the text */
};

extern const struct conf_table config_table;
extern const struct conf_table config_listener_table; /* of the parts, for comparison */
extern const struct conf_table config_pool_table;
extern const struct conf_table config_server_table;
extern const struct conf_table config_stick_table_table;
extern const struct conf_table config_check_table;
extern const struct conf_table config_timeouts_table;
extern const struct conf_table config_forwarded_for_table;
extern const struct conf_table config_rules_table;
extern const struct conf_table config_stats_table;
extern const struct conf_table config_error_file_table;
extern const struct conf_table config_log_table;
extern const struct conf_word config_mode_words[];
extern const struct conf_word config_connection_words[];

/* Each of the two returns a configuration even if it is wrong, so that the places in `r` stay
 * valid until it is freed: use it only if r->errors is 0. NULL without memory. Files are read by
 * config_file.h. */

/* Decodes and checks a document that a front end has built; takes it over. `whole`: the tree is all
 * that was written, so what it lacks can be held against it. */
struct config *config_from_doc(struct conf_doc *doc, bool whole, struct conf_report *r);

/* Reads the native form from a text. */
struct config *config_from_text(const char *name, const char *text, size_t len,
                                struct conf_report *r);

void config_free(struct config *c); /* NULL-safe */

/* What holds for a server: the pool's check with the server's own keys laid over it; the texts
 * belong to the configuration. `type` is never AUTO. */
struct config_check config_check_of(const struct config_pool *p, const struct config_server *s);

/* What holds for a listener or pool: `own` over the top level's, with 0 only in
 * `check`. */
struct config_timeouts config_timeouts_of(const struct config *c,
                                          const struct config_timeouts *own);
