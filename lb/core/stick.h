/*
 * Stick tables: what is remembered about a key (a client's address, a cookie, ...): the server it
 * was given, and counters.
 *
 * Any thread may call anything here unless said otherwise. A table is split into shards, each with
 * a mutex that is held for one look-up or change only, never across two; stick rules are the only
 * users, so a request without them takes no lock. Small tables have one shard, so that what is
 * purged is exactly the oldest; large ones (STICK_SHARDED) purge the oldest of one shard.
 *
 * An entry lives until it expires, is cleared, or is purged to make room; while somebody tracks it
 * (its use count is not 0) it stays. Without `expire` it stays until purged.
 *
 * Updates. Each change that peers should hear of gives the entry a new number, one higher than any
 * before in this table, and moves it to the end of the log. So the log holds each entry at most
 * once, and "everything after number N" is what a peer at N has to be taught, however long it was
 * away. Entries learned from a peer are not logged, unless asked for, so two nodes do not teach
 * each other in a circle.
 */
#pragma once

#include "common/base/addr.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/mono.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STICK_SHARDED  4096u /* from this size on a table has more than one shard */
#define STICK_KEY_MAX  1024  /* bytes of a string or binary key */
#define STICK_SIZE_MAX (1u << 30)
#define STICK_NAME_MAX 255 /* bytes of a server name */

/* The numbers are those of HAProxy's peers protocol. */
enum stick_type {
    STICK_INTEGER = 2,
    STICK_IP = 4,
    STICK_IPV6 = 5,
    STICK_STRING = 6,
    STICK_BINARY = 7,
    STICK_TYPES
};
extern const char *const stick_type_names[STICK_TYPES]; /* "ip" ...; NULL: not a type */

/* What can be stored with an entry; numbers as in the peers protocol. */
enum stick_data {
    STICK_SERVER_ID,
    STICK_GPT0,
    STICK_GPC0,
    STICK_GPC0_RATE,
    STICK_CONN_CNT,
    STICK_CONN_RATE,
    STICK_CONN_CUR,
    STICK_SESS_CNT,
    STICK_SESS_RATE,
    STICK_HTTP_REQ_CNT,
    STICK_HTTP_REQ_RATE,
    STICK_HTTP_ERR_CNT,
    STICK_HTTP_ERR_RATE,
    STICK_BYTES_IN_CNT,
    STICK_BYTES_IN_RATE,
    STICK_BYTES_OUT_CNT,
    STICK_BYTES_OUT_RATE,
    STICK_GPC1,
    STICK_GPC1_RATE,
    STICK_SERVER_KEY,
    STICK_HTTP_FAIL_CNT,
    STICK_HTTP_FAIL_RATE,
    STICK_DATA_N
};

enum stick_form {
    STICK_FORM_INT,  /* signed 32 bits on the wire (server_id) */
    STICK_FORM_UINT, /* unsigned 32 bits */
    STICK_FORM_LONG, /* unsigned 64 bits */
    STICK_FORM_RATE, /* over a period */
    STICK_FORM_NAME  /* a dictionary string (server_key) */
};

struct stick_data_row {
    const char *name; /* "http_req_rate" */
    enum stick_form form;
};
extern const struct stick_data_row stick_data_rows[STICK_DATA_N];

struct stick_key {
    enum stick_type type;
    union {
        struct addr addr; /* ip, ipv6; a table of ip takes IPv4 only, one of ipv6 both */
        uint32_t integer;
        struct {
            const void *data; /* cut to the table's key length */
            size_t len;
        } bytes;
    };
};

struct stick_conf {
    const char *name;
    enum stick_type type;
    uint32_t key_len;   /* string, binary: the longest kept; 0 means 32 */
    uint32_t size;      /* entries */
    bool nopurge;       /* when full, refuse new ones rather than purge the oldest */
    struct span expire; /* since the last use; 0: never */
    uint32_t store;     /* bits 1 << enum stick_data; server_id and server_key are always there */
    struct span period[STICK_DATA_N]; /* of the rates; 0 means 1 s */
    uint64_t seed; /* of the hash; random, so that nobody can choose keys that collide */
};

struct stick_table;

/* NULL with `e` set on a bad value or without memory. */
struct stick_table *stick_new(const struct stick_conf *conf, struct err *e);
void stick_free(struct stick_table *t); /* nobody uses it any more; NULL-safe */

const struct stick_conf *stick_conf(const struct stick_table *t);
uint32_t stick_used(const struct stick_table *t);
uint64_t stick_purged(const struct stick_table *t);  /* entries purged to make room */
uint64_t stick_refused(const struct stick_table *t); /* new ones refused: full */

/* ---- server persistence ---- */

struct stick_server {
    uint32_t id;
    char name[STICK_NAME_MAX + 1]; /* "": none known */
};

/* `stick match`: true and the server if the key is there and has one; counts as a use (expiry
 * starts again) if `touch`. */
bool stick_match(struct stick_table *t, const struct stick_key *key, bool touch, struct mono now,
                 struct stick_server *out);

/* `stick store`: made or changed. An entry that has this server already is only touched, and taught
 * again when an eighth of its life is over. False if the table is full and may not purge. */
bool stick_store(struct stick_table *t, const struct stick_key *key, uint32_t server_id,
                 const char *server_name, struct mono now);

/* ---- counters ---- */

struct stick_entry;

/* Finds or makes the entry and raises its use count; NULL if it could not be made. */
struct stick_entry *stick_track(struct stick_table *t, const struct stick_key *key,
                                struct mono now);
/* As stick_track, but never makes one. */
struct stick_entry *stick_find(struct stick_table *t, const struct stick_key *key, struct mono now);
void stick_untrack(struct stick_table *t, struct stick_entry *e, struct mono now);

/* A rate counts `by` events now. A type that the table does not store is passed over. */
void stick_add(struct stick_table *t, struct stick_entry *e, enum stick_data d, int64_t by,
               struct mono now);
/* A rate is given as events in its period up to now. 0 for a type that is not stored. */
uint64_t stick_get(struct stick_table *t, struct stick_entry *e, enum stick_data d,
                   struct mono now);
/* `set table`. Rates are set as a present count. */
void stick_set(struct stick_table *t, struct stick_entry *e, enum stick_data d, uint64_t v,
               struct mono now);

/* ---- administration ---- */

/* Removes those that have expired, at most `limit`; returns when to call again, which is `now` if
 * more are due. */
struct mono stick_expire(struct stick_table *t, struct mono now, size_t limit);

/* `clear table T key K`: false if there is none, or it is in use. */
bool stick_clear_key(struct stick_table *t, const struct stick_key *key);
/* `clear table T`: all that are not in use; returns how many went. */
size_t stick_clear(struct stick_table *t);

/* A copy of one entry, for dumps, state files and peers. */
struct stick_rate {
    uint32_t age_ms; /* of the present period */
    uint32_t curr, prev;
};

struct stick_record {
    uint64_t id; /* unique in the table, never used again: the 0x... of "show table" */
    uint64_t update;
    enum stick_type type;
    struct addr addr;
    uint32_t integer;
    uint8_t bytes[STICK_KEY_MAX];
    size_t bytes_len;
    uint32_t use;
    int64_t expires_ms; /* until it expires; 0: never */
    struct stick_server server;
    uint64_t values[STICK_DATA_N]; /* numbers, and rates up to now */
    struct stick_rate rates[STICK_DATA_N];
};

/* Where a dump is; all zero is the beginning. */
struct stick_cursor {
    uint32_t shard, slot;
};

/* Dump: fills at most `n` records and returns how many; 0 at the end. May go on at any time later:
 * an entry that stays all the while is given exactly once. */
size_t stick_dump(struct stick_table *t, struct stick_cursor *at, struct mono now,
                  struct stick_record *out, size_t n);
bool stick_read(struct stick_table *t, const struct stick_key *key, struct mono now,
                struct stick_record *out);

/* "# table: T, type: ip, size:1048576, used:1" */
void stick_format_head(struct buf *out, const struct stick_table *t);
/* "0x1: key=127.0.0.1 use=0 exp=0 server_id=1 server_key=s1" */
void stick_format(struct buf *out, const struct stick_table *t, const struct stick_record *r);
/* Text to key, as `show table T key K` gives it. Strings point into `text`. */
bool stick_key_parse(enum stick_type type, const char *text, struct stick_key *out);

/* ---- peers ---- */

/* The number of the newest update; 0 if there was none. */
uint64_t stick_update_last(const struct stick_table *t);

/* Updates with a number > *after, in order, at most `n`; returns how many and moves *after on. 0
 * means that there are no more now. An entry that changes while it is read comes later, with its
 * new number. */
size_t stick_updates(struct stick_table *t, uint64_t *after, struct mono now,
                     struct stick_record *out, size_t n);

/* Keeps the log of updates from now on (all entries so far go into it); without this call there is
 * none and it costs nothing. `fn` is called in the thread that made a change, once until the next
 * stick_updates(): it must only wake main. Call it before the workers use the table. */
typedef void stick_wake_fn(void *user);
bool stick_on_update(struct stick_table *t, stick_wake_fn *fn, void *user);

/* An entry learned from a peer or a state file: replaces what `has` (bits 1 << enum stick_data)
 * names; `relog` puts it into the log, too. Rates come as stick_rate. */
bool stick_learn(struct stick_table *t, const struct stick_record *r, uint32_t has, bool relog,
                 struct mono now);
