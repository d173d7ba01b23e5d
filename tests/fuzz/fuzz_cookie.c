/*
 * Cookies of a client and of a server: whatever stands there, only ours is touched.
 *
 * The first byte configures; then come header lines, of the request up to the first NUL, of the
 * response behind it.
 */
#include "common/base/macro.h"
#include "lb/core/cookie_internal.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define WALL_S    ((int64_t)1795223494)
#define LINES_MAX 4096

static const struct http1_limits limits = {65535, 0, HTTP1_FIELDS_MAX};

static void must(bool holds)
{
    if (!holds)
        abort();
}

static enum cookie_state judge(void *ctx, const char *value, size_t len)
{
    must(len > 0);
    return len == 2 && memcmp(value, "s1", 2) == 0   ? COOKIE_VALID
           : len == 2 && memcmp(value, "s2", 2) == 0 ? COOKIE_DOWN
                                                     : COOKIE_INVALID;
}

static struct cookie_conf configure(uint8_t bits)
{
    struct cookie_conf c = {.name = "S", .name_len = 1, .mode = (enum cookie_mode)(bits % 3)};

    c.indirect = bits & 4;
    c.nocache = bits & 8;
    c.preserve = bits & 16;
    c.maxidle_s = bits & 32 ? 1000 : 0;
    c.maxlife_s = bits & 64 ? 2000 : 0;
    c.postonly = bits & 128;
    return c;
}

/* All items of all Cookie fields, pairs or not. */
struct walk {
    const char *buf;
    const struct http1_head *head;
    const struct http1_field *field;
    size_t at;
    struct cookie_item item;
};

static bool walk(struct walk *w)
{
    const struct http1_field *next = w->field;

    for (;;) {
        if (next &&
            cookie_item(w->buf, &w->at, (size_t)next->value.at + next->value.len, ',', &w->item))
            return true;
        next = next ? http1_next(w->head, next) : http1_first(w->head, HTTP1_NAME_COOKIE);
        if (!next)
            return false;
        w->field = next;
        w->at = next->value.at;
    }
}

static void check_same(const struct walk *a, const struct walk *b)
{
    const struct cookie_item *x = &a->item, *y = &b->item;
    size_t name = x->name_end - x->at, value = x->end - x->value;

    must(x->is_pair == y->is_pair && y->name_end - y->at == name && y->end - y->value == value);
    must(memcmp(a->buf + x->at, b->buf + y->at, name) == 0);
    must(memcmp(a->buf + x->value, b->buf + y->value, value) == 0);
}

/* Nothing is left of ours, and all of the others. */
static void check_stripped(const struct cookie_conf *conf, struct walk *in, struct walk *out)
{
    const struct http1_field *field = NULL;
    bool gone = false;

    while (walk(in)) {
        bool is_attribute = gone && in->field == field && in->buf[in->item.at] == '$';

        field = in->field;
        gone = is_attribute || cookie_is_ours(conf, in->buf, &in->item);
        if (gone)
            continue;
        must(walk(out));
        check_same(in, out);
    }
    must(!walk(out));
}

/* The same up to the first prefix; what was behind it may begin with a blank or a quote. */
static void check_prefixes(const struct cookie_conf *conf, struct walk *in, struct walk *out)
{
    while (walk(in)) {
        const struct cookie_item *i = &in->item;

        must(walk(out));
        if (cookie_is_ours(conf, in->buf, i) && memchr(in->buf + i->value, '~', i->end - i->value))
            return;
        check_same(in, out);
    }
    must(!walk(out));
}

static size_t build(const char *start, const uint8_t *lines, size_t len, char *out)
{
    size_t n = strlen(start);

    len = MIN(len, (size_t)LINES_MAX);
    memcpy(out, start, n);
    memcpy(out + n, lines, len);
    memcpy(out + n + len, "\r\n\r\n", 4);
    return n + len + 4;
}

static void check_request(const struct cookie_conf *conf, const uint8_t *lines, size_t len,
                          struct cookie *k)
{
    static char in[LINES_MAX + 64], out[2 * LINES_MAX], text[256];
    static struct http1_head h, o;
    static struct rewrite r;
    size_t size = build("GET / HTTP/1.0\r\nCookie: ", lines, len, in);

    *k = (struct cookie){0};
    if (http1_parse_request(in, size, NULL, &limits, &h) != HTTP1_COMPLETE)
        return;
    cookie_request(conf, in, &h, WALL_S, judge, NULL, k);
    must(k->state == COOKIE_VALID || (!k->last_s && !k->first_s));
    rewrite_init(&r, in, &h, text, sizeof(text));
    if (!cookie_strip(conf, in, &h, &r)) {
        must(r.n_patches == REWRITE_PATCHES_MAX);
        return;
    }
    size_t n = rewrite_flat(&r, out, sizeof(out));
    must(http1_parse_request(out, n, NULL, &limits, &o) == HTTP1_COMPLETE && o.len == n);
    struct walk a = {.buf = in, .head = &h}, b = {.buf = out, .head = &o};
    if (conf->mode == COOKIE_PREFIX)
        check_prefixes(conf, &a, &b);
    else if (conf->mode == COOKIE_INSERT && conf->indirect)
        check_stripped(conf, &a, &b);
    else
        must(n == h.len && memcmp(in, out, n) == 0);
}

static void check_response(const struct cookie_conf *conf, const uint8_t *lines, size_t len,
                           struct cookie *k)
{
    static char in[LINES_MAX + 64], out[2 * LINES_MAX], text[1024];
    static struct http1_head h, o;
    static struct rewrite r;
    size_t size = build("HTTP/1.1 200 OK\r\nSet-Cookie: ", lines, len, in);
    size_t before = 0, after = 0;

    if (http1_parse_response(in, size, NULL, &limits, HTTP1_GET, &h) != HTTP1_COMPLETE)
        return;
    rewrite_init(&r, in, &h, text, sizeof(text));
    if (!cookie_response(conf, "s1", in, &h, WALL_S, k, &r))
        return;
    must(cookie_answer_letter(k->answer) && cookie_state_letter(k->state));
    size_t n = rewrite_flat(&r, out, sizeof(out));
    enum http1_result result = http1_parse_response(out, n, NULL, &limits, HTTP1_GET, &o);
    if (result == HTTP1_BAD_MANY_FIELDS)
        return;
    must(result == HTTP1_COMPLETE && o.len == n && o.body == h.body);
    for (size_t i = 0; i < h.n_fields; i++)
        before += h.fields[i].id == HTTP1_NAME_SET_COOKIE;
    for (size_t i = 0; i < o.n_fields; i++)
        after += o.fields[i].id == HTTP1_NAME_SET_COOKIE;
    bool is_inserted = k->answer == COOKIE_ANSWER_INSERTED || k->answer == COOKIE_ANSWER_UPDATED;
    must(after <= before + is_inserted && (!is_inserted || after > 0));
    must(!is_inserted || (conf->mode == COOKIE_INSERT && !conf->postonly));
    must(k->answer != COOKIE_ANSWER_DELETED || after < before);
    must(k->answer != COOKIE_ANSWER_NONE || after == before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cookie k;

    if (size < 1)
        return 0;
    struct cookie_conf conf = configure(data[0]);
    data++, size--;
    const uint8_t *nul = memchr(data, '\0', size);
    size_t len = nul ? (size_t)(nul - data) : size;
    check_request(&conf, data, len, &k);
    if (nul)
        check_response(&conf, nul + 1, size - len - 1, &k);
    return 0;
}
