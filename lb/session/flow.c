#include "lb/session/flow.h"

#include <errno.h>
#include <string.h>

#define TURN_BYTES ((uint64_t)1 << 20) /* then others are served */

void flow_begin(struct flow *f, const struct http1_head *head)
{
    f->kind = head->body;
    f->left = head->body == HTTP1_BODY_LENGTH ? head->content_length : 0;
    f->ended = head->body == HTTP1_BODY_NONE;
    f->large = f->left > BUFFER_LARGE / 4;
    chunked_init(&f->chunked);
}

static enum flow_result follow_chunked(struct flow *f, const char *data, size_t len)
{
    size_t used;
    enum chunked_result r = chunked_follow(&f->chunked, data, len, &used);

    f->ready += (uint32_t)used;
    if (r == CHUNKED_DONE)
        f->ended = true;
    return r == CHUNKED_DONE || r == CHUNKED_MORE ? FLOW_WAIT : FLOW_BAD;
}

/* Takes the framing out: content moves to the front of what is there. */
static enum flow_result follow_bare(struct flow *f, char *data, size_t len)
{
    char *to = data;
    size_t at = 0;
    enum chunked_result r = CHUNKED_MORE;

    while (at < len && r == CHUNKED_MORE) {
        size_t used, content;
        r = chunked_next(&f->chunked, data + at, len - at, &used, &content);
        memmove(to, data + at + used - content, content);
        to += content;
        at += used;
    }
    memmove(to, data + at, len - at); /* what does not belong to the message */
    f->buf->end = (uint32_t)(to + (len - at) - f->buf->data);
    f->ready += (uint32_t)(to - data);
    f->ended = r == CHUNKED_DONE;
    return r == CHUNKED_DONE || r == CHUNKED_MORE ? FLOW_WAIT : FLOW_BAD;
}

enum flow_result flow_follow(struct flow *f)
{
    char *data = f->buf->data + f->buf->at + f->ready;
    size_t len = buffer_len(f->buf) - f->ready;

    if (f->ended || !len)
        return FLOW_WAIT;
    switch ((enum http1_body)f->kind) {
    case HTTP1_BODY_NONE:
        break;
    case HTTP1_BODY_LENGTH:
        if (len > f->left)
            len = f->left;
        f->ready += (uint32_t)len;
        f->left -= len;
        f->ended = f->left == 0;
        break;
    case HTTP1_BODY_CHUNKED:
        return f->bare ? follow_bare(f, data, len) : follow_chunked(f, data, len);
    case HTTP1_BODY_CLOSE:
    case HTTP1_BODY_TUNNEL:
        f->ready += (uint32_t)len;
        break;
    }
    return FLOW_WAIT;
}

bool flow_spill(struct flow *f, struct buffers *pool, const void *data, size_t len)
{
    if (!f->spill && !(f->spill = buffer_get(pool, true)))
        return false;
    if (len > buffer_room(f->spill))
        return false;
    memcpy(f->spill->data + f->spill->end, data, len);
    f->spill->end += (uint32_t)len;
    return true;
}

static bool spill_rest(struct flow *f, struct buffers *pool, const struct iovec *iov, size_t n,
                       size_t sent)
{
    for (size_t i = 0; i < n; i++) {
        if (sent >= iov[i].iov_len) {
            sent -= iov[i].iov_len;
            continue;
        }
        if (!flow_spill(f, pool, (const char *)iov[i].iov_base + sent, iov[i].iov_len - sent))
            return false;
        sent = 0;
    }
    return true;
}

static void took(struct flow *f, struct buffers *pool, size_t n)
{
    f->buf->at += (uint32_t)n;
    f->ready -= (uint32_t)n;
    if (f->ready || f->keep)
        return;
    if (f->buf->at == f->buf->end && !f->ended) {
        buffer_put(pool, f->buf);
        f->buf = NULL;
    }
}

bool flow_head(struct flow *f, struct buffers *pool, struct conn *to, struct iovec *iov, size_t n,
               uint32_t head_len, bool more)
{
    size_t head = 0, total, pieces = n;
    ssize_t sent = 0;

    for (size_t i = 0; i < n; i++)
        head += iov[i].iov_len;
    total = head + f->ready;
    if (f->ready)
        iov[pieces++] = (struct iovec){f->buf->data + f->buf->at + head_len, f->ready};
    if (!f->spill)
        sent = conn_writev(to, iov, pieces, more);
    if (sent < 0)
        return false;
    f->sent += (uint64_t)sent;
    f->buf->at += head_len;
    if ((size_t)sent == total) {
        took(f, pool, f->ready);
        return true;
    }
    if ((size_t)sent < head)
        return spill_rest(f, pool, iov, n, (size_t)sent);
    took(f, pool, (size_t)sent - head);
    return true;
}

/* FLOW_DONE: all that was there is sent. */
static enum flow_result send_some(struct flow *f, struct buffers *pool, struct conn *to,
                                  bool *moved)
{
    while (f->spill) {
        ssize_t n = conn_write(to, f->spill->data + f->spill->at, buffer_len(f->spill), f->ready);
        if (n <= 0)
            return n < 0 ? FLOW_TO_END : FLOW_WAIT;
        f->sent += (uint64_t)n;
        *moved = true;
        f->spill->at += (uint32_t)n;
        if (f->spill->at == f->spill->end) {
            buffer_put(pool, f->spill);
            f->spill = NULL;
        }
    }
    while (f->ready) {
        ssize_t n = conn_write(to, f->buf->data + f->buf->at, f->ready, false);
        if (n <= 0)
            return n < 0 ? FLOW_TO_END : FLOW_WAIT;
        f->sent += (uint64_t)n;
        *moved = true;
        took(f, pool, (size_t)n);
    }
    return FLOW_DONE;
}

/* Makes room for more; whatever is in the buffer has been sent. */
static bool make_room(struct flow *f, struct buffers *pool)
{
    if (f->buf && f->keep && !buffer_room(f->buf))
        f->keep = false; /* too long to be sent again */
    if (f->buf && !f->keep) {
        buffer_put(pool, f->buf);
        f->buf = NULL;
    }
    if (!f->buf)
        f->buf = buffer_get(pool, f->large);
    return f->buf != NULL;
}

static enum flow_result fill(struct flow *f, struct buffers *pool, struct conn *from, bool *moved)
{
    if (!from->readable && !from->hup && !from->eof && !from->broken) {
        conn_watch(from);
        return FLOW_WAIT;
    }
    if (!make_room(f, pool))
        return FLOW_FROM_END;
    size_t room = buffer_room(f->buf);
    ssize_t n = conn_read(from, f->buf->data + f->buf->end, room);
    if (n > 0) {
        f->buf->end += (uint32_t)n;
        f->large |= (size_t)n == room;
        *moved = true;
        return flow_follow(f) == FLOW_BAD ? FLOW_BAD : FLOW_DONE;
    }
    if (!buffer_len(f->buf) && !f->keep) {
        buffer_put(pool, f->buf);
        f->buf = NULL;
    }
    return n < 0 ? FLOW_FROM_END : FLOW_WAIT;
}

enum flow_result flow_run(struct flow *f, struct buffers *pool, struct conn *from, struct conn *to,
                          bool *moved)
{
    uint64_t before = f->sent;

    while (f->sent - before < TURN_BYTES) {
        enum flow_result r = send_some(f, pool, to, moved);
        if (r != FLOW_DONE || f->ended)
            return r;
        r = fill(f, pool, from, moved);
        if (r != FLOW_DONE)
            return r;
    }
    return FLOW_TURN;
}

void flow_fini(struct flow *f, struct buffers *pool)
{
    buffer_put(pool, f->buf);
    buffer_put(pool, f->spill);
    f->buf = f->spill = NULL;
}
