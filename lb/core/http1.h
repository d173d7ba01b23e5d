/*
 * HTTP/1 heads (RFC 9112): bytes of a request or response head -> offsets into the same bytes.
 *
 * Nothing is copied and nothing is allocated: the head structure says where things lie in the
 * caller's buffer, and stays valid as long as these bytes stay where they are. What the balancer
 * later forwards are these same bytes, patched (rewrite.h), so a message is never read differently
 * from how it is sent on. For the same reason the parser is strict: whatever two recipients could
 * read in two ways is refused (RFC 9112 sections 2.2, 5, 6 and 11.2):
 *
 *     a bare CR or LF, NUL or another control character      obs-fold, white space before the colon
 *     Content-Length with Transfer-Encoding                  two Content-Lengths that differ
 *     a transfer coding other than one "chunked"             Transfer-Encoding in HTTP/1.0
 *     a tab beside the value of one of these two             more than one Host
 *     HTTP/1.1 without Host                                  Host differs from an absolute target
 *     characters that a method, target or Host cannot have   a version other than HTTP/1.x
 *
 * The result depends on the bytes alone, never on how they were split over calls.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP1_FIELDS_MAX     128   /* most header fields that a head can hold */
#define HTTP1_HEAD_MAX       65535 /* offsets have 16 bits */
#define HTTP1_METHOD_MAX     32    /* bytes of a method's name */
#define HTTP1_EMPTY_MAX      4     /* empty lines before a request line (section 2.2) */
#define HTTP1_CONN_TOKEN_MAX 32    /* options in all Connection fields together */

/* ---- outcome ---- */

enum http1_result {
    HTTP1_COMPLETE, /* the head is whole: `head` is filled in, the body begins at head.len */
    HTTP1_PARTIAL,  /* good so far, more bytes are needed; `head` has no meaning yet */
    /* Malformed. The connection can't be used any further: nobody knows where a next message would
     * begin. http1_reason() has the sentence, http1_status() the answer for a client; a server that
     * sends such a head is answered for with 502. */
    HTTP1_BAD_METHOD,
    HTTP1_BAD_TARGET,
    HTTP1_BAD_VERSION,
    HTTP1_BAD_VERSION_UNKNOWN, /* well-formed, but not HTTP/1.x */
    HTTP1_BAD_STATUS,
    HTTP1_BAD_LINE_END, /* bare LF, or CR that no LF follows */
    HTTP1_BAD_NAME,     /* not a token, or white space before the colon, or no colon */
    HTTP1_BAD_FOLD,     /* a line that begins with white space */
    HTTP1_BAD_VALUE,    /* control character */
    HTTP1_BAD_HOST,     /* not host[:port] */
    HTTP1_BAD_HOST_MISSING,
    HTTP1_BAD_HOST_SEVERAL,
    HTTP1_BAD_HOST_DIFFERS, /* from the authority of an absolute target */
    HTTP1_BAD_LENGTH,       /* Content-Length is not one number below 2^63 */
    HTTP1_BAD_LENGTH_DIFFERS,
    HTTP1_BAD_LENGTH_AND_CODING,
    HTTP1_BAD_CODING,         /* transfer coding other than exactly "chunked" */
    HTTP1_BAD_CODING_VERSION, /* Transfer-Encoding in HTTP/1.0 */
    HTTP1_BAD_CONNECT_BODY,   /* CONNECT with a body */
    HTTP1_BAD_CONNECTION,     /* more than HTTP1_CONN_TOKEN_MAX options */
    HTTP1_BAD_EMPTY_LINES,    /* more than HTTP1_EMPTY_MAX before the request */
    HTTP1_BAD_LONG_START,     /* the request line or status line passes a limit */
    HTTP1_BAD_LONG_FIELD,     /* one header field passes a limit */
    HTTP1_BAD_LONG_HEAD,      /* the head as a whole passes the limit */
    HTTP1_BAD_MANY_FIELDS,
    HTTP1_RESULTS
};

static inline bool http1_is_bad(enum http1_result r)
{
    return r > HTTP1_PARTIAL;
}

/* A sentence without a full stop ("Content-Length and Transfer-Encoding in one message"). */
const char *http1_reason(enum http1_result r);

/* A word for counters and JSON ("length-and-coding"). */
const char *http1_word(enum http1_result r);

/* What to answer a client whose request was malformed: 400, 414, 431, 505; 0 if it was not. */
uint16_t http1_status(enum http1_result r);

/* ---- parts of a head ---- */

enum http1_method {
    HTTP1_OTHER, /* any other token; its text is in head.method_name */
    HTTP1_GET,
    HTTP1_HEAD,
    HTTP1_POST,
    HTTP1_PUT,
    HTTP1_DELETE,
    HTTP1_CONNECT,
    HTTP1_OPTIONS,
    HTTP1_TRACE,
    HTTP1_PATCH,
    HTTP1_METHODS
};

/* Names that something here looks at; all others are HTTP1_NAME_OTHER. The rows are (id, name). */
#define HTTP1_NAMES(X)                                                                             \
    X(TE, "te")                                                                                    \
    X(ETAG, "etag")                                                                                \
    X(HOST, "host")                                                                                \
    X(COOKIE, "cookie")                                                                            \
    X(EXPECT, "expect")                                                                            \
    X(PRAGMA, "pragma")                                                                            \
    X(EXPIRES, "expires")                                                                          \
    X(TRAILER, "trailer")                                                                          \
    X(UPGRADE, "upgrade")                                                                          \
    X(LOCATION, "location")                                                                        \
    X(CONNECTION, "connection")                                                                    \
    X(KEEP_ALIVE, "keep-alive")                                                                    \
    X(SET_COOKIE, "set-cookie")                                                                    \
    X(CONTENT_TYPE, "content-type")                                                                \
    X(AUTHORIZATION, "authorization")                                                              \
    X(CACHE_CONTROL, "cache-control")                                                              \
    X(LAST_MODIFIED, "last-modified")                                                              \
    X(CONTENT_LENGTH, "content-length")                                                            \
    X(HTTP2_SETTINGS, "http2-settings")                                                            \
    X(X_FORWARDED_FOR, "x-forwarded-for")                                                          \
    X(PROXY_CONNECTION, "proxy-connection")                                                        \
    X(TRANSFER_ENCODING, "transfer-encoding")

enum http1_name {
    HTTP1_NAME_OTHER,
#define HTTP1_NAME_ENUM(ID, TEXT) HTTP1_NAME_##ID,
    HTTP1_NAMES(HTTP1_NAME_ENUM)
#undef HTTP1_NAME_ENUM
        HTTP1_NAME_COUNT
};

/* Bytes [at, at + len) of the buffer that was parsed. */
struct http1_span {
    uint16_t at;
    uint16_t len;
};

/* One header line. It reaches from name.at to the name.at of the next entry of the table (one more
 * entry than there are fields ends the table), so the lines cover the header section without gap.
 */
struct http1_field {
    struct http1_span name;
    struct http1_span value; /* without the white space around it */
    uint8_t id;              /* enum http1_name */
    bool drop;               /* is not to be forwarded: http1_head tells what is marked */
};

/* How the body's end is found (RFC 9112 section 6.3). */
enum http1_body {
    HTTP1_BODY_NONE,
    HTTP1_BODY_LENGTH,  /* content_length bytes, more than 0 */
    HTTP1_BODY_CHUNKED, /* chunked.h follows it */
    HTTP1_BODY_CLOSE,   /* response only: until the server closes */
    HTTP1_BODY_TUNNEL,  /* response only: 2xx to CONNECT, any 101: bytes both ways. Whether the
                           request asked for the upgrade is for the caller to check. */
};

struct http1_head {
    uint16_t start;     /* where the start line begins: behind empty lines, else 0 */
    uint16_t fields_at; /* where the first header line begins */
    uint16_t end;       /* where the empty line begins that ends the head */
    uint16_t len;       /* where the body begins */
    uint16_t error_at;  /* malformed only: the byte, or the line, that is to blame */

    uint8_t method;                /* enum http1_method; in a response the one it answers */
    uint8_t minor;                 /* 0 or 1; HTTP/1.2 and above are read, and sent on, as 1.1 */
    uint16_t status;               /* response only: 100..999 */
    struct http1_span method_name; /* request only */
    struct http1_span target;      /* request only: as it stands on the line */
    struct http1_span authority;   /* host[:port] of an absolute or CONNECT target, else empty */
    struct http1_span path;        /* "/a/b"; "*" for OPTIONS *; empty for CONNECT and http://a */
    struct http1_span query;       /* behind the '?', else empty */
    struct http1_span version;     /* "HTTP/1.1" */
    struct http1_span phrase;      /* response only; may be empty */

    uint8_t body;         /* enum http1_body */
    bool keep_alive;      /* the sender would read or send another message behind this one */
    bool close;           /* Connection: close was said */
    bool upgrade;         /* asks for, or (101) agrees to, an upgrade; h2c never counts */
    bool expect_continue; /* request only: Expect: 100-continue in HTTP/1.1 */
    bool te_trailers;     /* request only: TE lists "trailers" */
    uint16_t n_fields;
    uint64_t content_length; /* of the body, or (HEAD, 304) of what it would be; else 0 */

    uint8_t first[HTTP1_NAME_COUNT]; /* index + 1 of the first field with this id; 0: none */

    /* Marked `drop`: a Content-Length that repeats another; what Connection names (section 7.6.1 of
     * RFC 9110) unless it is one of the names above, so that a client can't have Cookie or
     * X-Forwarded-For taken out; Content-Length and Transfer-Encoding where they have no meaning
     * (1xx, 204, 2xx to CONNECT). Connection-level fields themselves are rewrite.h's business. */
    struct http1_field fields[HTTP1_FIELDS_MAX + 1];
};

/* ---- parsing ---- */

struct http1_limits {
    uint32_t head_bytes; /* start line and header section; at most HTTP1_HEAD_MAX */
    uint32_t line_bytes; /* one line with its CRLF; 0: as head_bytes */
    uint16_t fields;     /* at most HTTP1_FIELDS_MAX */
};

#define HTTP1_LIMITS_DEFAULT ((struct http1_limits){16384, 0, HTTP1_FIELDS_MAX})

/* What a call remembers for the next one with the same, longer buffer. Zero it for each message.
 * It makes a call that brings no line end cheap, and bounds what a client costs that sends its head
 * byte by byte; the result is the same without it. */
struct http1_scan {
    uint32_t line; /* where the incomplete line begins */
    uint32_t seen; /* bytes known to hold no further line end */
};

/* `buf` holds what came since the end of the last message. `head` is only written; it is large and
 * can be shared by all connections of a thread. Never returns HTTP1_PARTIAL once head_bytes are
 * there. `scan` may be NULL. */
enum http1_result http1_parse_request(const char *buf, size_t len, struct http1_scan *scan,
                                      const struct http1_limits *limits, struct http1_head *head);

/* The same for a response to a request with the method `method`, which decides on the framing. 1xx
 * responses are heads of their own: parse again behind head.len (with 101, head.body tells). */
enum http1_result http1_parse_response(const char *buf, size_t len, struct http1_scan *scan,
                                       const struct http1_limits *limits, enum http1_method method,
                                       struct http1_head *head);

/* ---- looking things up ---- */

enum http1_method http1_method_id(const char *name, size_t len);
const char *http1_method_text(enum http1_method m); /* "" for HTTP1_OTHER */

/* Names are compared without case. `name` must be a token. */
enum http1_name http1_name_id(const char *name, size_t len);
const char *http1_name_text(enum http1_name id);

/* The first field with the id, or NULL. */
static inline const struct http1_field *http1_first(const struct http1_head *h, enum http1_name id)
{
    return h->first[id] ? &h->fields[h->first[id] - 1] : NULL;
}

/* The next field with the same id as `f`, or NULL. */
const struct http1_field *http1_next(const struct http1_head *h, const struct http1_field *f);

/* The first field from index `from` on with this name, or -1. */
int http1_find(const struct http1_head *h, const char *buf, const char *name, size_t len, int from);

/* The next element of a comma-separated list (RFC 9110 section 5.6.1): false at the end. `*at`
 * starts at 0. Empty elements are passed over. Quoted strings are not looked into. */
bool http1_list_next(const char *value, size_t len, size_t *at, const char **item,
                     size_t *item_len);

/* Equal without regard to case; `word` is lower case. */
bool http1_word_is(const char *text, size_t len, const char *word);

/* True if all bytes are token characters (RFC 9110 section 5.6.2) and there is at least one. */
bool http1_is_token(const char *text, size_t len);

/* True if all bytes may stand in a field value: no control character but HTAB. */
bool http1_is_value(const char *text, size_t len);
