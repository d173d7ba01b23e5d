/*
 * As much of an HTTP/1 reply as a prober needs: the status, who answered, and whether it is
 * complete. Pure: bytes in, a verdict out.
 *
 * The request said "Connection: close", so the end of a reply is its Content-Length, the last
 * chunk, or the end of the connection, whichever the reply announces.
 */
#pragma once

#include "vrrpd/probe/probe_stats.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum probe_reply_state {
    PROBE_REPLY_PARTIAL,   /* more has to come */
    PROBE_REPLY_COMPLETE,  /* status and server are known */
    PROBE_REPLY_MALFORMED, /* not HTTP, too long a head, or ended too early */
};

#define PROBE_REPLY_KEPT 4096 /* bytes of head and first line of the body that are looked at */

/* All zero is the beginning of a reply. */
struct probe_reply {
    int status;                      /* 0 while it is not known */
    char server[PROBE_SERVER_NAME];  /* X-Served-By, else the first line of a plain text body, else
                                        Server */
    char kept[PROBE_REPLY_KEPT + 1]; /* private, as the rest */
    size_t kept_len, head_len;
    uint64_t body;   /* bytes of it so far */
    uint64_t length; /* announced */
    bool has_length, chunked;
    char tail[5]; /* the last bytes of a chunked body */
};

/* Takes the next bytes. */
enum probe_reply_state probe_reply_feed(struct probe_reply *r, const char *data, size_t len);

/* The connection ended in good order. */
enum probe_reply_state probe_reply_eof(struct probe_reply *r);
