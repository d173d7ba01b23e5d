/*
 * What has happened: the last records, kept for `vrrpctl events`, and those who follow along.
 *
 * Each record is also a log line; history_add() is the one door for both.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/list.h"
#include "common/rt/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum { HISTORY_MAX = 512, HISTORY_NAME_MAX = 65, HISTORY_TEXT_MAX = 400 };

enum history_kind {
    HISTORY_TRANSITION, /* `from`, `to`, `reason` are set */
    HISTORY_PRIORITY,
    HISTORY_NOTE,
    HISTORY_ADDRESS, /* something was done to an address behind our back */
    HISTORY_TRACKER,
    HISTORY_DAEMON,
};

const char *history_kind_name(enum history_kind kind); /* "transition" */

struct history_record {
    uint64_t seq; /* from 1, without gaps */
    struct timespec at;
    enum history_kind kind;
    char instance[HISTORY_NAME_MAX]; /* "" if it is about none */
    const char *from, *to, *reason;  /* static texts, or NULL */
    char text[HISTORY_TEXT_MAX];
};

struct history;

int history_new(struct history **out);
void history_free(struct history *h);

/* Files and logs one record. `r` needs kind, instance, from, to, reason and text; the rest is
 * filled in here. */
void history_add(struct history *h, enum log_level level, struct history_record *r);

/* The newest record's number; 0: there is none. */
uint64_t history_last(const struct history *h);

/* False if it is not there (any more). */
bool history_get(const struct history *h, uint64_t seq, struct history_record *out);

typedef void history_fn(void *ctx, const struct history_record *r);

struct history_follower {
    history_fn *fn; /* may end its own following */
    void *ctx;
    struct list node; /* private */
};

void history_follow(struct history *h, struct history_follower *f);
void history_unfollow(struct history_follower *f);

/* One line each: "2026-11-20 10:00:00.123 web: Backup -> Active: ..." and a JSON object. */
void history_text(const struct history_record *r, struct buf *out);
void history_json(const struct history_record *r, struct buf *out);
