#include "vrrpd/history.h"

#include "common/base/conf_scalar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As it is kept: texts of their own length, the name and a NUL in front of the sentence. */
struct entry {
    uint64_t seq;
    struct timespec at;
    enum history_kind kind;
    const char *from, *to, *reason;
    char *name_and_text; /* NULL without memory */
};

struct history {
    uint64_t last;
    struct list followers;
    struct entry ring[HISTORY_MAX];
};

const char *history_kind_name(enum history_kind kind)
{
    switch (kind) {
    case HISTORY_TRANSITION:
        return "transition";
    case HISTORY_PRIORITY:
        return "priority";
    case HISTORY_NOTE:
        return "note";
    case HISTORY_ADDRESS:
        return "address";
    case HISTORY_TRACKER:
        return "tracker";
    case HISTORY_DAEMON:
        return "daemon";
    }
    return "?";
}

int history_new(struct history **out)
{
    struct history *h = calloc(1, sizeof(*h));

    if (!h)
        return -ENOMEM;
    list_init(&h->followers);
    *out = h;
    return 0;
}

void history_free(struct history *h)
{
    for (size_t i = 0; h && i < HISTORY_MAX; i++)
        free(h->ring[i].name_and_text);
    free(h);
}

static void keep(struct history *h, const struct history_record *r)
{
    struct entry *e = &h->ring[r->seq % HISTORY_MAX];
    size_t name = strlen(r->instance) + 1, text = strlen(r->text) + 1;

    free(e->name_and_text);
    *e = (struct entry){.seq = r->seq,
                        .at = r->at,
                        .kind = r->kind,
                        .from = r->from,
                        .to = r->to,
                        .reason = r->reason,
                        .name_and_text = malloc(name + text)};
    if (!e->name_and_text)
        return;
    memcpy(e->name_and_text, r->instance, name);
    memcpy(e->name_and_text + name, r->text, text);
}

void history_add(struct history *h, enum log_level level, struct history_record *r)
{
    r->seq = ++h->last;
    clock_gettime(CLOCK_REALTIME, &r->at);
    if (r->instance[0])
        log_at(level, "instance %s: %s", r->instance, r->text);
    else
        log_at(level, "%s", r->text);
    keep(h, r);
    list_for_each_safe (it, &h->followers) {
        const struct history_follower *f = list_entry(it, struct history_follower, node);
        f->fn(f->ctx, r);
    }
}

uint64_t history_last(const struct history *h)
{
    return h->last;
}

bool history_get(const struct history *h, uint64_t seq, struct history_record *out)
{
    const struct entry *e = &h->ring[seq % HISTORY_MAX];

    if (!seq || e->seq != seq || !e->name_and_text)
        return false;
    *out = (struct history_record){.seq = seq,
                                   .at = e->at,
                                   .kind = e->kind,
                                   .from = e->from,
                                   .to = e->to,
                                   .reason = e->reason};
    snprintf(out->instance, sizeof(out->instance), "%s", e->name_and_text);
    snprintf(out->text, sizeof(out->text), "%s", e->name_and_text + strlen(e->name_and_text) + 1);
    return true;
}

void history_follow(struct history *h, struct history_follower *f)
{
    list_push_back(&h->followers, &f->node);
}

void history_unfollow(struct history_follower *f)
{
    if (f->node.next)
        list_del(&f->node);
}

void history_text(const struct history_record *r, struct buf *out)
{
    char date[32] = "";
    struct tm tm;

    if (localtime_r(&r->at.tv_sec, &tm))
        strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
    buf_printf(out, "%s.%03ld ", date, r->at.tv_nsec / 1000000);
    if (r->instance[0])
        buf_printf(out, "%s: ", r->instance);
    buf_printf(out, "%s\n", r->text);
}

static void member(struct buf *out, const char *key, const char *text)
{
    if (!text || !text[0])
        return;
    buf_printf(out, ",\"%s\":", key);
    conf_print_string(text, out);
}

void history_json(const struct history_record *r, struct buf *out)
{
    buf_printf(out, "{\"seq\":%llu,\"time\":%lld.%06ld,\"kind\":\"%s\"", (unsigned long long)r->seq,
               (long long)r->at.tv_sec, r->at.tv_nsec / 1000, history_kind_name(r->kind));
    member(out, "instance", r->instance);
    member(out, "from", r->from);
    member(out, "to", r->to);
    member(out, "reason", r->reason);
    member(out, "text", r->text);
    buf_str(out, "}\n");
}
