/*
 * Pairing heap, leftmost-child right-sibling form; `prev` is the left sibling, or the parent for a
 * first child, or NULL for the root.
 */
#include "common/base/timer.h"

static bool fires_first(const struct timer *a, const struct timer *b)
{
    if (a->at.us != b->at.us)
        return a->at.us < b->at.us;
    return a->seq < b->seq;
}

static struct timer *meld(struct timer *a, struct timer *b)
{
    if (!a)
        return b;
    if (!b)
        return a;
    if (fires_first(b, a)) {
        struct timer *swap = a;
        a = b;
        b = swap;
    }
    b->prev = a;
    b->next = a->child;
    if (a->child)
        a->child->prev = b;
    a->child = b;
    a->next = a->prev = NULL;
    return a;
}

/* Melds a list of siblings in pairs from the left, then the pairs from the right. */
static struct timer *meld_siblings(struct timer *first)
{
    struct timer *pairs = NULL;

    while (first) {
        struct timer *a = first, *b = a->next;
        first = b ? b->next : NULL;
        a->next = a->prev = NULL;
        if (b)
            b->next = b->prev = NULL;
        a = meld(a, b);
        a->next = pairs;
        pairs = a;
    }
    struct timer *root = NULL;
    while (pairs) {
        struct timer *next = pairs->next;
        pairs->next = NULL;
        root = meld(root, pairs);
        pairs = next;
    }
    return root;
}

static void cut(struct timer *t)
{
    if (t->prev->child == t)
        t->prev->child = t->next;
    else
        t->prev->next = t->next;
    if (t->next)
        t->next->prev = t->prev;
    t->next = t->prev = NULL;
}

void timers_disarm(struct timers *ts, struct timer *t)
{
    if (!t->armed)
        return;
    if (t != ts->root)
        cut(t);
    struct timer *rest = meld_siblings(t->child);
    ts->root = t == ts->root ? rest : meld(ts->root, rest);
    t->child = NULL;
    t->armed = false;
    ts->count--;
}

void timers_arm(struct timers *ts, struct timer *t, struct mono at)
{
    timers_disarm(ts, t);
    if (mono_is_never(at))
        return;
    t->at = at;
    t->seq = ts->seq++;
    t->child = t->next = t->prev = NULL;
    t->armed = true;
    ts->root = meld(ts->root, t);
    ts->count++;
}

struct mono timers_next(const struct timers *ts)
{
    return ts->root ? ts->root->at : MONO_NEVER;
}

size_t timers_run(struct timers *ts, struct mono now, size_t limit)
{
    size_t fired = 0;

    while (fired < limit && ts->root && ts->root->at.us <= now.us) {
        struct timer *t = ts->root;
        timers_disarm(ts, t);
        fired++;
        t->fn(t, now);
    }
    return fired;
}
