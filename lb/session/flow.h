/*
 * One direction of a message: what has been read and is not sent yet, and where the message ends.
 *
 * Bytes are forwarded as they came; framing is only followed. One buffer is in use while bytes are
 * in flight and given back when there are none, so a reader that is slow holds one buffer, and the
 * writer is not read from until it is empty again.
 */
#pragma once

#include "lb/core/chunked.h"
#include "lb/core/http1.h"
#include "lb/net/buffer.h"
#include "lb/net/conn.h"

#include <stdbool.h>
#include <stdint.h>

enum flow_result {
    FLOW_WAIT,     /* for `from` to send or `to` to take more; they will say so */
    FLOW_DONE,     /* the whole message has been sent */
    FLOW_TURN,     /* there is more to do, but others have waited long enough */
    FLOW_FROM_END, /* `from` ended before the message did */
    FLOW_TO_END,   /* `to` is gone */
    FLOW_BAD       /* the framing is malformed */
};

struct flow {
    struct buffer *buf;   /* NULL while nothing is in flight */
    struct buffer *spill; /* goes out before it: what the socket did not take of a head */
    uint32_t ready;       /* bytes from buf->at on that belong to the message */
    bool ended;           /* the message's end is in the buffer, or was sent */
    bool keep;            /* the buffer is needed as it is (a request that may be sent again) */
    bool large;           /* a body worth large buffers */
    bool bare;            /* chunked: only the content is sent on (to an HTTP/1.0 client) */
    uint8_t kind;         /* enum http1_body */
    uint64_t left;        /* HTTP1_BODY_LENGTH: bytes still to come */
    struct chunked chunked;
    uint64_t sent; /* bytes, heads included */
};

/* The body of `head` begins. */
void flow_begin(struct flow *f, const struct http1_head *head);

/* Looks at the bytes behind `ready` and takes what belongs to the message. FLOW_BAD or FLOW_WAIT.
 */
enum flow_result flow_follow(struct flow *f);

/* Sends a head of `n` pieces and what is ready of the body behind it; what does not fit is spilled.
 * False if `to` is gone or there is no memory. The head's own bytes are at buf->at up to `head_len`
 * and are passed over. `more`: more is written, or the connection ended, at once. */
bool flow_head(struct flow *f, struct buffers *pool, struct conn *to, struct iovec *iov, size_t n,
               uint32_t head_len, bool more);

/* Adds bytes that go out before everything else. False without memory. */
bool flow_spill(struct flow *f, struct buffers *pool, const void *data, size_t len);

/* Sends what there is, reads, sends, until one side has to wait. `seen` is set to `now` when bytes
 * moved. */
enum flow_result flow_run(struct flow *f, struct buffers *pool, struct conn *from, struct conn *to,
                          bool *moved);

/* Nothing is waiting to be sent. */
static inline bool flow_empty(const struct flow *f)
{
    return !f->spill && !f->ready;
}

/* Gives the buffers back. */
void flow_fini(struct flow *f, struct buffers *pool);
