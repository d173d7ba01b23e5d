/*
 * vrrpd's configuration: the structures that the key tables (common/base/conf_table.h) fill, and
 * how a file becomes one.
 *
 * Both front ends, vrrpd.json and keepalived.conf, end in the same tree, which is decoded by
 * `config_table` and judged by config_check.h. What is said here about a default is the native
 * form's; keepalived.conf writes its own defaults into the tree.
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

#define CONFIG_PATH_DEFAULT   "/etc/vrrpd/vrrpd.json"
#define CONFIG_SOCKET_DEFAULT "/run/vrrpd/vrrpd.sock"

enum {
    CONFIG_INSTANCES_MAX = 1024,
    CONFIG_ADDRESSES_MAX = 4096, /* of one instance */
    CONFIG_TRACKS_MAX = 256,     /* shared ones */
    CONFIG_TRACKS_INSTANCE_MAX = 32,
    CONFIG_HOOKS_MAX = 8,
    CONFIG_ROUTES_MAX = 1024,
    CONFIG_COMMAND_WORDS_MAX = 64,
};

/* What a tracker's result does to its instance. Both may be set: then the fault comes first. */
enum config_then { CONFIG_THEN_NOTHING, CONFIG_THEN_FAULT };

struct config_effect {
    struct conf_obj obj;
    int then;         /* enum config_then */
    int64_t priority; /* added to the instance's, -254..254 */
};

/*
 * A command is a list of words. One text alone is split into words as a shell would, without
 * expansions (child_split()); a list of two or more is taken as it stands. A shell is only in play
 * where one is named: ["/bin/sh", "-c", "..."].
 */

/* One thing that is watched. Exactly one of script .. watch is set, except in an instance, where
 * none means the shared tracker of that name (`use`, or its own name). */
struct config_track {
    struct conf_obj obj; /* name */
    char *use;
    struct conf_strings script; /* a command; exit status 0 is success */
    char *process;              /* name of a program (its comm), or an absolute path to it */
    char *pidfile;
    char *interface;
    char *file;  /* a number in it is added to the priority, times `weight`; absent is 0 */
    char *watch; /* path of a program's control socket: its life, heartbeat and readiness */

    struct span every;   /* script, pidfile, file: between two looks; process: fallback poll */
    struct span timeout; /* script: then it has failed; watch: silence that means hung.
                          * 0: as long as `every` */
    int64_t rise;        /* script: successes in a row until it counts as well */
    int64_t fall;        /* script: failures in a row until it counts as failed */
    int64_t quorum;      /* process: how many of them must live */
    int64_t weight;      /* file */
    struct span delay;   /* process, interface: a failure shorter than this is not one */
    char *user;          /* script: runs as; NULL: the global script_user */

    struct config_effect on_fail; /* when neither is written: fault */
    struct config_effect on_ok;
};

/* A hook: what runs when the state of an instance (or sync group) changes. Entries of `notify`. */
struct config_notify {
    struct conf_obj obj;
    struct conf_strings command; /* any state; gets: INSTANCE|GROUP NAME STATE PRIORITY */
    struct conf_strings active;  /* only on becoming Active; as written, nothing is appended */
    struct conf_strings backup;
    struct conf_strings fault;
    struct conf_strings stop;
    char *fifo;           /* path of a named pipe: one line a change */
    bool retry;           /* run again with backoff until it succeeds or the state is another */
    struct span deadline; /* then it is killed and has failed */
    char *user;           /* NULL: the global script_user */
};

/* A virtual address. */
struct config_address {
    struct conf_obj obj;
    struct addr_prefix address;
    char *device; /* NULL: the instance's interface */
    char *label;  /* IPv4 */
    int scope;    /* RT_SCOPE_*: rtnetlink's number */
    bool advertise;
};

/* A route that the Active router has. */
struct config_route {
    struct conf_obj obj;
    int type;              /* RTN_* */
    struct addr_prefix to; /* family 0: default */
    struct addr via;
    char *device;
    struct addr source;
    char *table; /* name or number; NULL: main */
    int scope;   /* RT_SCOPE_*; -1: as `ip route` chooses */
    int64_t metric;
    char *to_text;
};

/* A routing rule that the Active router has. */
struct config_rule {
    struct conf_obj obj;
    struct addr_prefix from, to; /* family 0: any */
    char *table;
    char *input, *output;
    char *mark; /* see config_mark() */
    int64_t priority;
};

struct config_unicast {
    struct conf_obj obj;
    struct conf_list peers; /* struct config_peer */
    struct addr source;     /* family 0: the interface's primary address */
    int64_t ttl_min;        /* of received adverts; 0: any */
};

struct config_peer {
    struct conf_obj obj;
    struct addr address;
};

struct config_garp {
    struct conf_obj obj;
    int64_t repeat;
    struct span gap;
    struct span delay;
    struct span refresh;
    int64_t refresh_repeat;
};

enum config_family { CONFIG_FAMILY_AUTO, CONFIG_FAMILY_IPV4, CONFIG_FAMILY_IPV6 };

struct config_instance {
    struct conf_obj obj; /* name */
    char *interface;
    int64_t vrid;
    int family;      /* enum config_family; never AUTO once loaded */
    int64_t version; /* 2 or 3 */
    int64_t priority;
    struct span interval;
    struct conf_list addresses; /* struct config_address */
    struct conf_list routes;    /* struct config_route */
    struct conf_list rules;     /* struct config_rule */
    bool preempt;
    struct span preempt_delay;
    struct span start_delay;
    int checksum; /* enum vrrp_checksum */
    struct config_unicast unicast;
    struct config_garp garp;
    char *password; /* version 2; NULL: no authentication */
    bool accept;    /* packets to the addresses, Accept_Mode */
    bool strict;
    bool virtual_mac;
    bool track_link; /* a fault while the interface is down */
    bool two_nodes;
    struct span lease;       /* 0: none */
    struct conf_list track;  /* struct config_track */
    struct conf_list notify; /* struct config_notify */
};

/* Instances that are Active together or not at all. */
struct config_group {
    struct conf_obj obj;         /* name */
    struct conf_strings members; /* names of instances */
    struct conf_list track;      /* struct config_track; for all members */
    struct conf_list notify;     /* struct config_notify; of the group as a whole */
};

/* What this node has whatever its state: keepalived's static_* blocks. */
struct config_static {
    struct conf_obj obj;
    struct conf_list addresses; /* struct config_address, each with a device */
    struct conf_list routes;
    struct conf_list rules;
};

struct config {
    struct conf_obj obj;
    char *node;               /* this node's name; NULL: the host's */
    char *control;            /* path of the control socket */
    bool guardian;            /* a parent process that cleans up after a crash */
    struct addr_port metrics; /* GET /metrics over HTTP; port 0: not served */
    char *user;               /* whom vrrpd itself runs as; NULL: as it was started */
    char *script_user; /* scripts and hooks run as; NULL: vrrpd's own user, without capabilities */
    int log;           /* enum log_level */
    struct conf_list track;
    struct conf_list instances;
    struct conf_list groups; /* struct config_group */
    struct config_static fixed;

    struct conf_doc doc; /* the text */
};

extern const struct conf_table config_table; /* of struct config */
extern const struct conf_table config_instance_table;
extern const struct conf_table config_address_table;
extern const struct conf_table config_track_table;
extern const struct conf_table config_notify_table;

/* Reads, decodes, completes and checks the file. The text is native unless it is recognised as
 * keepalived.conf. 0: `*out` can be run; warnings and notices may be in `r`. -EINVAL with findings
 * in `r`: `*out` only serves the places in `r` and is freed after they have been rendered. Another
 * negative errno with a finding when the file cannot be read; `*out` may then be NULL. */
int config_load(const char *path, struct config **out, struct conf_report *r);

/* The same from memory; `name` stands in messages. */
int config_parse(const char *name, const char *text, size_t len, struct config **out,
                 struct conf_report *r);

/* The native form of what was written, whichever front end read it. 0 or -ENOMEM. */
int config_print(const struct config *c, struct buf *out);

/* Frees the text and its tree, which are only needed to point at places. Nothing is checked,
 * printed or compared by place afterwards. */
void config_forget_text(struct config *c);

/* NULL-safe. */
void config_free(struct config *c);

/* The tracker that an instance's entry stands for: itself, or the shared one. The shared one says
 * what is watched, the entry what follows from it. Never NULL for a loaded configuration. */
const struct config_track *config_track_of(const struct config *c, const struct config_track *t);

/* Do they have the same routes and rules? */
bool config_same_routing(const struct config_instance *a, const struct config_instance *b);

/* "0x10", "16" or "0x10/0xff": a packet mark and its mask. */
bool config_mark(const char *text, uint32_t *mark, uint32_t *mask);

/* The words of a command, NULL-terminated, in one block to free(); see above. NULL with a sentence
 * when they cannot be told apart. */
char **config_words(const struct conf_strings *command, struct err *e);

/* The instance; NULL if there is none. */
const struct config_instance *config_instance(const struct config *c, const char *name);
