/*
 * A head to send: the original bytes of a parsed one, with patches.
 *
 * What nobody asked to change goes out byte for byte, the case of names included. A patch replaces
 * a range of the original with a text (possibly none); added lines go behind the last one. The
 * result is either an iovec list that points into the original and into the text memory, or one
 * flat copy.
 *
 * Nothing that could split a message gets in: added names must be tokens and added values free of
 * control characters, or the addition is refused.
 *
 * Use:
 *
 *     rewrite_init(&r, buf, &head, text, sizeof(text));
 *     rewrite_connection(&r, REWRITE_SAY_CLOSE);
 *     rewrite_add(&r, "x-forwarded-for", 15, addr, addr_len);
 *     n = rewrite_iov(&r, iov, REWRITE_IOV_MAX);
 */
#pragma once

#include "lb/core/http1.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define REWRITE_PATCHES_MAX 192
#define REWRITE_IOV_MAX     (2 * REWRITE_PATCHES_MAX + 3)

struct rewrite_patch {
    uint16_t at, end; /* bytes [at, end) of the original */
    uint16_t text_at; /* what stands there instead */
    uint16_t text_len;
};

/* Fields are private. Large: one for all connections of a thread. */
struct rewrite {
    const char *buf;
    const struct http1_head *head;
    char *text; /* the caller's memory */
    uint16_t text_len, text_cap;
    uint16_t n_patches;
    bool lost;
    struct rewrite_patch patches[REWRITE_PATCHES_MAX];
};

/* `buf` and `head` as they come from the parser; fields marked `drop` are taken out, empty lines in
 * front are left out, HTTP/1.2 and above become HTTP/1.1. `text` is
 * memory for what is put in (at most 65535 bytes of it are used). All three must stay until the
 * result is sent. */
void rewrite_init(struct rewrite *r, const char *buf, const struct http1_head *head, char *text,
                  size_t text_cap);

/* Each of these returns false, and remembers it (rewrite_lost), if there is no room or the text
 * can't stand there; the message is then answered with 500 (request) or 502 (response) instead of
 * being sent half-changed. A line that is removed stays removed, whatever else is done to it. */

/* Takes out the header line with this index. */
bool rewrite_remove(struct rewrite *r, size_t field);

/* Another value for the header line with this index. */
bool rewrite_value(struct rewrite *r, size_t field, const char *value, size_t len);

/* Another target for a request; characters that it can't have are refused. */
bool rewrite_target(struct rewrite *r, const char *target, size_t len);

/* Another text for a part of the start line (head.method_name, head.version, head.phrase). */
bool rewrite_span(struct rewrite *r, struct http1_span span, const char *text, size_t len);

/* Takes bytes [at, end) of the original out, all of them within one line. */
bool rewrite_cut(struct rewrite *r, size_t at, size_t end);

/* Puts a text in front of byte `at` of the original. */
bool rewrite_insert(struct rewrite *r, size_t at, const char *text, size_t len);

/* Adds a line behind all others, in the order of the calls. */
bool rewrite_add(struct rewrite *r, const char *name, size_t name_len, const char *value,
                 size_t len);

/* The same with a value in parts. */
bool rewrite_add_parts(struct rewrite *r, const char *name, size_t name_len,
                       const struct iovec *parts, size_t n);

/* What Connection shall say on the way out. */
enum rewrite_say {
    REWRITE_SAY_NOTHING,
    REWRITE_SAY_CLOSE,
    REWRITE_SAY_KEEP_ALIVE, /* towards HTTP/1.0 */
    REWRITE_SAY_UPGRADE,    /* and the Upgrade field stays */
};

/* Connection-level fields end here (RFC 9110 section 7.6.1): Connection, Keep-Alive,
 * Proxy-Connection, HTTP2-Settings, Upgrade and TE go, and Connection is written anew. A TE that
 * lists "trailers" is passed on as just that. */
bool rewrite_connection(struct rewrite *r, enum rewrite_say say);

/* Something could not be done. */
static inline bool rewrite_lost(const struct rewrite *r)
{
    return r->lost;
}

/* Fills in at most `max` entries and returns how many, or 0 if `max` is too small or something was
 * lost. The entries point into `buf` and `text`. */
size_t rewrite_iov(struct rewrite *r, struct iovec *iov, size_t max);

/* Writes the result into `out`; returns its length, or 0 if `cap` is too small or something was
 * lost. */
size_t rewrite_flat(struct rewrite *r, char *out, size_t cap);
