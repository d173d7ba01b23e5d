/*
 * The head is collected (up to a limit) until its empty line, then read once. Of the body only the
 * first line is kept, its length is counted.
 */
#include "vrrpd/probe/probe_reply.h"

#include "common/base/macro.h"
#include "common/base/parse.h"

#include <string.h>
#include <strings.h>

static const char last_chunk[5] = {'0', '\r', '\n', '\r', '\n'};

/* The value of the header `name` (with its colon) in the head, or NULL; not terminated, `len` is
 * without white space at its end. */
static const char *header(const struct probe_reply *r, const char *name, size_t *len)
{
    const char *line = strchr(r->kept, '\n');
    const char *end = r->kept + r->head_len;
    size_t name_len = strlen(name);

    while (line && ++line < end) {
        const char *next = memchr(line, '\n', (size_t)(end - line));
        if (!next)
            return NULL;
        if (strncasecmp(line, name, name_len) == 0) {
            line += name_len;
            line += strspn(line, " \t");
            *len = line < next ? (size_t)(next - line) : 0;
            while (*len && strchr(" \t\r", line[*len - 1]))
                --*len;
            return line;
        }
        line = next;
    }
    return NULL;
}

static bool status_line(struct probe_reply *r)
{
    char digits[4];
    int64_t status;

    if (strncmp(r->kept, "HTTP/1.", 7) != 0 || strlen(r->kept) < 12 || r->kept[8] != ' ')
        return false;
    memcpy(digits, r->kept + 9, 3);
    digits[3] = '\0';
    if (!parse_int(digits, 100, 599, &status))
        return false;
    r->status = (int)status;
    return true;
}

static bool framing(struct probe_reply *r)
{
    char digits[24];
    size_t len;
    int64_t length;
    const char *value = header(r, "transfer-encoding:", &len);

    r->chunked = value && len >= 7 && strncasecmp(value + len - 7, "chunked", 7) == 0;
    value = header(r, "content-length:", &len);
    if (!value || r->chunked)
        return true;
    if (len >= sizeof(digits))
        return false;
    memcpy(digits, value, len);
    digits[len] = '\0';
    if (!parse_int(digits, 0, INT64_MAX, &length))
        return false;
    r->has_length = true;
    r->length = (uint64_t)length;
    return true;
}

/* Finds the end of the head in what is kept; false while it is not there. */
static bool head_complete(struct probe_reply *r)
{
    const char *crlf = strstr(r->kept, "\r\n\r\n");
    const char *lf = strstr(r->kept, "\n\n");

    if (crlf && (!lf || crlf < lf))
        r->head_len = (size_t)(crlf - r->kept) + 4;
    else if (lf)
        r->head_len = (size_t)(lf - r->kept) + 2;
    return r->head_len > 0;
}

static void name_from(struct probe_reply *r, const char *text, size_t len)
{
    len = MIN(len, sizeof(r->server) - 1);
    memcpy(r->server, text, len);
    r->server[len] = '\0';
}

/* Called when the reply is complete. */
static void find_server(struct probe_reply *r)
{
    size_t len;
    const char *value = header(r, "x-served-by:", &len);

    if (value && len) {
        name_from(r, value, len);
        return;
    }
    value = header(r, "content-type:", &len);
    bool plain = value && len >= 10 && strncasecmp(value, "text/plain", 10) == 0;
    len = strcspn(r->kept + r->head_len, "\r\n");
    if (plain && !r->chunked && len) {
        name_from(r, r->kept + r->head_len, len);
        return;
    }
    value = header(r, "server:", &len);
    if (value)
        name_from(r, value, len);
}

static enum probe_reply_state complete(struct probe_reply *r)
{
    find_server(r);
    return PROBE_REPLY_COMPLETE;
}

static void keep_tail(struct probe_reply *r, const char *data, size_t len)
{
    if (len >= sizeof(r->tail)) {
        memcpy(r->tail, data + len - sizeof(r->tail), sizeof(r->tail));
    } else {
        memmove(r->tail, r->tail + len, sizeof(r->tail) - len);
        memcpy(r->tail + sizeof(r->tail) - len, data, len);
    }
}

static enum probe_reply_state body(struct probe_reply *r, const char *data, size_t len)
{
    r->body += len;
    keep_tail(r, data, len);
    if (r->has_length && r->body >= r->length)
        return complete(r);
    if (r->chunked && memcmp(r->tail, last_chunk, sizeof(last_chunk)) == 0)
        return complete(r);
    return PROBE_REPLY_PARTIAL;
}

/* Keeps what fits behind what is there. */
static void keep(struct probe_reply *r, const char *data, size_t len)
{
    len = MIN(len, (size_t)PROBE_REPLY_KEPT - r->kept_len);
    memcpy(r->kept + r->kept_len, data, len);
    r->kept_len += len;
    r->kept[r->kept_len] = '\0';
}

enum probe_reply_state probe_reply_feed(struct probe_reply *r, const char *data, size_t len)
{
    size_t before = r->kept_len;

    keep(r, data, len);
    if (r->head_len)
        return body(r, data, len);
    if (!head_complete(r)) {
        bool hopeless = r->kept_len == PROBE_REPLY_KEPT || memchr(r->kept, '\0', r->kept_len);
        return hopeless ? PROBE_REPLY_MALFORMED : PROBE_REPLY_PARTIAL;
    }
    if (!status_line(r) || !framing(r))
        return PROBE_REPLY_MALFORMED;
    size_t head_part = r->head_len - before;
    return body(r, data + head_part, len - head_part);
}

enum probe_reply_state probe_reply_eof(struct probe_reply *r)
{
    if (!r->head_len || r->has_length || r->chunked)
        return PROBE_REPLY_MALFORMED;
    return complete(r);
}
