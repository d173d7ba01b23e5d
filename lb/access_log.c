/*
 * The ring holds entries of (length, sinks, text), aligned to 8 bytes; a length of 0 means "go on
 * at the start". head is the worker's, tail is main's.
 */
#include "lb/access_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_TOTAL (ACCESS_LINE_MAX + 1024)

struct entry {
    uint32_t len; /* of the text; 0: wrap */
    uint32_t unused;
    uint64_t sinks;
    char text[];
};

struct access_lane {
    size_t size; /* power of two */
    char *data;
    _Alignas(CACHE_LINE) _Atomic size_t head; /* written up to here; counts on for ever */
    struct tm tm;                             /* of `second` */
    time_t second;
    int64_t wall_offset_us; /* wall clock - monotonic, taken anew each second */
    int64_t offset_at_us;
    _Atomic uint64_t dropped;
    _Alignas(CACHE_LINE) _Atomic size_t tail; /* read up to here */
    _Atomic bool woken;
    struct loop_msg *wake;
};

struct access_lane *access_lane_new(size_t bytes)
{
    struct access_lane *l = aligned_alloc(CACHE_LINE, sizeof(*l));

    if (!l)
        return NULL;
    memset(l, 0, sizeof(*l));
    for (l->size = 4096; l->size < bytes; l->size *= 2)
        ;
    l->data = malloc(l->size);
    if (!l->data) {
        free(l);
        return NULL;
    }
    return l;
}

void access_lane_free(struct access_lane *l)
{
    if (!l)
        return;
    free(l->data);
    free(l);
}

void access_lane_on_wake(struct access_lane *l, struct loop_msg *msg)
{
    l->wake = msg;
}

uint64_t access_lane_dropped(const struct access_lane *l)
{
    return atomic_load_explicit(&l->dropped, memory_order_relaxed);
}

/* ---- the line ---- */

static int64_t ms_between(struct mono from, struct mono to)
{
    return from.us && to.us ? (to.us - from.us) / 1000 : -1;
}

/* Bytes that could break a line or a reader go out as #XX, as HAProxy writes them. */
static size_t put_text(char *out, size_t cap, const char *text, size_t len)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;

    for (size_t i = 0; i < len && n + 4 < cap; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c > 0x1f && c < 0x7f && c != '"' && c != '#') {
            out[n++] = (char)c;
        } else {
            out[n++] = '#';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        }
    }
    return n;
}

static size_t put_begin(const struct access_record *r, const struct tm *tm,
                        const struct timespec *begun, char *out, size_t cap)
{
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char ip[ADDR_TEXT_MAX] = "unix";

    if (r->client->addr.family)
        addr_format(&r->client->addr, ip);
    int n = snprintf(out, cap, "%s:%u [%02d/%s/%04d:%02d:%02d:%02d.%03d] %s %s/%s ", ip,
                     r->client->port, tm->tm_mday, months[tm->tm_mon % 12], tm->tm_year + 1900,
                     tm->tm_hour, tm->tm_min, tm->tm_sec, (int)(begun->tv_nsec / 1000000),
                     r->front->conf->obj.name, r->pool ? r->pool : r->front->conf->obj.name,
                     r->server ? r->server : "<NOSRV>");
    return n > 0 ? MIN((size_t)n, cap - 1) : 0;
}

static char or_dash(char c)
{
    return c ? c : '-';
}

static size_t put_http(const struct access_record *r, uint32_t conns, char *out, size_t cap)
{
    int n = snprintf(out, cap,
                     "%" PRId64 "/%" PRId64 "/%" PRId64 "/%" PRId64 "/%" PRId64 " %d %" PRIu64
                     " - - %c%c%c%c %u/%u/%u/%u/%s%u %u/%u \"",
                     ms_between(r->begun, r->head), ms_between(r->head, r->queued),
                     ms_between(r->queued, r->connected), ms_between(r->connected, r->responded),
                     ms_between(r->begun, r->ended), r->status ? r->status : -1, r->bytes_out,
                     or_dash(r->term[0]), or_dash(r->term[1]), or_dash(r->cookies[0]),
                     or_dash(r->cookies[1]), conns, r->front_conns, r->pool_conns, r->server_conns,
                     r->redispatched ? "+" : "", r->retries, r->server_queue, r->pool_queue);
    size_t at = n > 0 ? MIN((size_t)n, cap - 1) : 0;

    if (r->has_request)
        at += put_text(out + at, cap - at - 2, r->line, r->line_len);
    else
        at += (size_t)snprintf(out + at, cap - at, "<BADREQ>");
    out[at++] = '"';
    return at;
}

static size_t put_tcp(const struct access_record *r, uint32_t conns, char *out, size_t cap)
{
    int n = snprintf(out, cap,
                     "%" PRId64 "/%" PRId64 "/%" PRId64 " %" PRIu64 " %c%c %u/%u/%u/%u/%s%u %u/%u",
                     ms_between(r->begun, r->queued), ms_between(r->queued, r->connected),
                     ms_between(r->begun, r->ended), r->bytes_out, or_dash(r->term[0]),
                     or_dash(r->term[1]), conns, r->front_conns, r->pool_conns, r->server_conns,
                     r->redispatched ? "+" : "", r->retries, r->server_queue, r->pool_queue);

    return n > 0 ? MIN((size_t)n, cap - 1) : 0;
}

static size_t format(const struct access_record *r, const struct tm *tm,
                     const struct timespec *begun, uint32_t conns, char *out, size_t cap)
{
    size_t n = put_begin(r, tm, begun, out, cap);

    if (r->front->mode == CONFIG_MODE_HTTP)
        return n + put_http(r, conns, out + n, cap - n);
    return n + put_tcp(r, conns, out + n, cap - n);
}

size_t access_format(const struct access_record *r, const struct timespec *begun, uint32_t conns,
                     char *out, size_t cap)
{
    struct tm tm;

    localtime_r(&begun->tv_sec, &tm);
    return format(r, &tm, begun, conns, out, cap);
}

/* ---- the ring ---- */

static size_t padded(size_t len)
{
    return (sizeof(struct entry) + len + 7) & ~(size_t)7;
}

/* Room for an entry of `len` bytes in one piece; NULL if there is none. */
static struct entry *reserve(struct access_lane *l, size_t len, size_t *head)
{
    size_t tail = atomic_load_explicit(&l->tail, memory_order_acquire);
    size_t need = padded(len);
    size_t at, to_end;

    *head = atomic_load_explicit(&l->head, memory_order_relaxed);
    at = *head & (l->size - 1);
    to_end = l->size - at;
    if (need + sizeof(struct entry) > to_end) { /* keeps room for the mark */
        if (l->size - (*head - tail) < to_end + need)
            return NULL;
        ((struct entry *)(l->data + at))->len = 0;
        *head += to_end;
    } else if (l->size - (*head - tail) < need + sizeof(struct entry)) {
        return NULL;
    }
    return (struct entry *)(l->data + (*head & (l->size - 1)));
}

static void wake_main(struct access_lane *l, struct loop *main)
{
    if (l->wake && !atomic_exchange_explicit(&l->woken, true, memory_order_acq_rel))
        loop_post(main, l->wake);
}

/* The wall clock is read once a second; in between the monotonic one carries it on. */
static struct timespec wall_time(struct access_lane *l, struct mono now, struct mono at)
{
    struct timespec ts;
    int64_t us;

    if (!l->offset_at_us || now.us - l->offset_at_us >= 1000000) {
        clock_gettime(CLOCK_REALTIME, &ts);
        l->wall_offset_us = (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000 - now.us;
        l->offset_at_us = now.us;
    }
    us = at.us + l->wall_offset_us;
    ts = (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    if (ts.tv_sec != l->second) {
        l->second = ts.tv_sec;
        localtime_r(&l->second, &l->tm);
    }
    return ts;
}

void access_log(struct access_lane *l, struct loop *main, const struct access_record *r,
                struct mono now, uint32_t conns)
{
    char line[LINE_MAX_TOTAL * 3 + 64];
    struct timespec begun = wall_time(l, now, r->begun.us ? r->begun : r->accepted);
    size_t head, len = format(r, &l->tm, &begun, conns, line, sizeof(line));
    struct entry *e = reserve(l, len, &head);

    if (!e) {
        atomic_fetch_add_explicit(&l->dropped, 1, memory_order_relaxed);
    } else {
        e->len = (uint32_t)len;
        e->sinks = r->front->sinks;
        memcpy(e->text, line, len);
        atomic_store_explicit(&l->head, head + padded(len), memory_order_release);
    }
    wake_main(l, main);
}

/* Frees the line given before, too: what main holds is the one at tail. */
const char *access_lane_next(struct access_lane *l, size_t *len, uint64_t *sinks)
{
    size_t head, tail;
    struct entry *e;

    if (!*len) /* the first call: from here on new lines wake main again */
        atomic_store_explicit(&l->woken, false, memory_order_release);
    head = atomic_load_explicit(&l->head, memory_order_acquire);
    tail = atomic_load_explicit(&l->tail, memory_order_relaxed);
    if (*len)
        tail += padded(*len);
    atomic_store_explicit(&l->tail, tail, memory_order_release);
    *len = 0;
    if (tail == head)
        return NULL;
    e = (struct entry *)(l->data + (tail & (l->size - 1)));
    if (e->len == 0) {
        tail += l->size - (tail & (l->size - 1));
        atomic_store_explicit(&l->tail, tail, memory_order_release);
        if (tail == head)
            return NULL;
        e = (struct entry *)(l->data + (tail & (l->size - 1)));
    }
    *len = e->len;
    *sinks = e->sinks;
    return e->text;
}
