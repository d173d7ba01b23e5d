/*
 * A check that connects, sends something and looks at what comes back. Embedded at the start of a
 * kind's own state.
 */
#pragma once

#include "common/base/buf.h"
#include "lb/check/check.h"
#include "lb/check/dial.h"

#define TALK_MAX 16384 /* bytes of an answer that are looked at */

struct talk;

/* Each returns false if the check is over (check_done() was called, the talk is gone). */
struct talk_ops {
    bool (*connected)(struct talk *t);
    bool (*input)(struct talk *t); /* more came, or t->ended */
};

struct talk {
    struct dial dial;
    struct check *check;
    const struct talk_ops *ops;
    struct buf out; /* to be sent */
    bool ended;     /* the server has sent all that it will */
    size_t len;
    char in[TALK_MAX];
};

/* A zeroed state of `size` bytes that begins with a talk becomes c->state, and connects. `speaks`:
 * it sends something, or ends, as soon as the connection stands. */
void talk_start(struct check *c, size_t size, bool speaks, const struct talk_ops *ops);

/* check_kind.stop and .timeout of all that talk. */
void talk_stop(struct check *c);
void talk_timeout(struct check *c);

/* Sends at the next opportunity. */
void talk_send(struct talk *t, const void *data, size_t len);

/* What has come is used up. */
void talk_forget(struct talk *t);
