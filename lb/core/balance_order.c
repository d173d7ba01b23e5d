/*
 * The smooth order. Time is counted in turns; a round has as many as the weights sum up to. A
 * server of weight w that had its turn is due again round/w turns later, the fraction being carried
 * on. At each turn the server that is due first gets it, if it is due; else one that had no turn
 * yet, heaviest first. Of two that are due at the same turn, the one with the smaller carry less
 * its weight is first, then the one that has waited longer.
 */
#include "lb/core/balance_order.h"

#include "lb/core/hash.h"

#include <stdlib.h>
#include <string.h>

#define RING_STRIDE 4096u /* numbers set aside for the points of one id */

static uint32_t gcd(uint32_t a, uint32_t b)
{
    while (b) {
        uint32_t t = a % b;
        a = b;
        b = t;
    }
    return a;
}

uint32_t order_reduce(uint32_t *weights, uint32_t n, uint32_t max)
{
    uint32_t common = 0;
    uint64_t sum = 0;
    for (uint32_t i = 0; i < n; i++)
        common = gcd(common, weights[i]);
    for (uint32_t i = 0; i < n && common; i++)
        sum += weights[i] /= common;
    if (sum <= max)
        return (uint32_t)sum;
    uint64_t scaled = 0, room = max > n ? max - n : 0;
    for (uint32_t i = 0; i < n; i++) {
        if (weights[i])
            weights[i] = (uint32_t)(weights[i] * room / sum) + 1;
        scaled += weights[i];
    }
    return (uint32_t)scaled;
}

/* ---- smooth ---- */

struct due {
    int64_t at;    /* turn */
    int64_t carry; /* fraction of a turn, in parts of the weight */
    int64_t weight;
    int64_t left; /* turns of this round */
    uint64_t seq; /* order of coming into the heap */
    uint16_t index;
};

static bool before(const struct due *a, const struct due *b)
{
    int64_t ka = a->carry - a->weight, kb = b->carry - b->weight;
    if (a->at != b->at)
        return a->at < b->at;
    if (ka != kb)
        return ka < kb;
    return a->seq < b->seq;
}

static void swap(struct due *a, struct due *b)
{
    struct due t = *a;
    *a = *b;
    *b = t;
}

static void sift_down(struct due *heap, uint32_t n)
{
    for (uint32_t i = 0, least;; i = least) {
        least = i;
        for (uint32_t c = 2 * i + 1; c <= 2 * i + 2 && c < n; c++) {
            if (before(&heap[c], &heap[least]))
                least = c;
        }
        if (least == i)
            return;
        swap(&heap[i], &heap[least]);
    }
}

static void sift_up(struct due *heap, uint32_t i)
{
    for (; i && before(&heap[i], &heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&heap[i], &heap[(i - 1) / 2]);
}

static int heaviest_first(const void *a, const void *b)
{
    const struct due *x = a, *y = b;
    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

static void advance(struct due *d, int64_t from, int64_t round, uint64_t seq)
{
    d->at = from + round / d->weight;
    d->carry += round % d->weight;
    if (d->carry >= d->weight) {
        d->carry -= d->weight;
        d->at++;
    }
    d->seq = seq;
    if (--d->left == 0)
        d->at = INT64_MAX;
}

/* `fresh` is an array of those that had no turn yet; the heap grows in its place from the front. */
static void run_round(struct due *v, uint32_t n, int64_t round, uint16_t *out)
{
    uint32_t in_heap = 0;
    for (int64_t turn = 0; turn < round; turn++) {
        if (in_heap && (v[0].at <= turn || in_heap == n)) {
            out[turn] = v[0].index;
            advance(&v[0], v[0].at, round, (uint64_t)turn);
            sift_down(v, in_heap);
        } else {
            struct due *d = &v[in_heap];
            out[turn] = d->index;
            advance(d, turn, round, (uint64_t)turn);
            sift_up(v, in_heap++);
        }
    }
}

bool order_smooth(const uint32_t *weights, uint32_t n, uint16_t *out)
{
    struct due *v = calloc(n + 1, sizeof(*v));
    if (!v)
        return false;
    int64_t round = 0;
    uint32_t used = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (weights[i])
            v[used++] =
                (struct due){.weight = weights[i], .left = weights[i], .index = (uint16_t)i};
        round += weights[i];
    }
    qsort(v, used, sizeof(*v), heaviest_first);
    run_round(v, used, round, out);
    free(v);
    return true;
}

/* ---- static ---- */

/*
 * After T turns a server of weight w is entitled to the whole part of w * T / round turns. The next
 * turn goes to the one with the largest claim - turns entitled to less turns had - and of those to
 * the first. A claim changes only when the server has a turn and when the whole part grows, so a
 * heap of (claim, server) with stale entries left in place does it in one pass.
 */
struct claims {
    int32_t *claim;   /* [n] */
    uint32_t *events; /* [round + 1]: first of those whose whole part grows at that turn, + 1 */
    uint32_t *next;   /* [round]: the next one of the same turn, + 1 */
    uint32_t *of;     /* [round]: which server */
    uint64_t *heap;   /* claim, largest first, then index */
    uint32_t n_heap;
};

#define CLAIM_BIAS (1 << 30)

static uint64_t claim_key(int32_t claim, uint32_t index)
{
    return (uint64_t)(CLAIM_BIAS - claim) << 32 | index;
}

static void claim_push(struct claims *c, uint32_t index)
{
    uint64_t key = claim_key(c->claim[index], index);
    uint32_t i = c->n_heap++;
    for (; i && key < c->heap[(i - 1) / 2]; i = (i - 1) / 2)
        c->heap[i] = c->heap[(i - 1) / 2];
    c->heap[i] = key;
}

static uint64_t claim_pop(struct claims *c)
{
    uint64_t top = c->heap[0], last = c->heap[--c->n_heap];
    uint32_t i = 0;
    for (uint32_t child; (child = 2 * i + 1) < c->n_heap; i = child) {
        if (child + 1 < c->n_heap && c->heap[child + 1] < c->heap[child])
            child++;
        if (last <= c->heap[child])
            break;
        c->heap[i] = c->heap[child];
    }
    c->heap[i] = last;
    return top;
}

/* The server with the largest claim, stale entries passed over. */
static uint32_t claim_best(struct claims *c)
{
    for (;;) {
        uint64_t top = claim_pop(c);
        uint32_t index = (uint32_t)top;
        if (top == claim_key(c->claim[index], index))
            return index;
    }
}

static void plan_events(struct claims *c, const uint32_t *weights, uint32_t n, uint64_t round)
{
    uint32_t made = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (uint64_t k = 1; k <= weights[i]; k++) {
            uint64_t turn = (k * round + weights[i] - 1) / weights[i];
            c->of[made] = i;
            c->next[made] = c->events[turn];
            c->events[turn] = ++made;
        }
    }
}

static void run_claims(struct claims *c, const uint32_t *weights, uint32_t n, uint32_t round,
                       uint16_t *out)
{
    for (uint32_t i = 0; i < n; i++) {
        if (weights[i])
            claim_push(c, i);
    }
    for (uint32_t turn = 1; turn <= round; turn++) {
        for (uint32_t e = c->events[turn]; e; e = c->next[e - 1]) {
            c->claim[c->of[e - 1]]++;
            claim_push(c, c->of[e - 1]);
        }
        uint32_t best = claim_best(c);
        out[turn - 1] = (uint16_t)best;
        c->claim[best]--;
        claim_push(c, best);
    }
}

bool order_static(const uint32_t *weights, uint32_t n, uint16_t *out)
{
    size_t round = 0;
    for (uint32_t i = 0; i < n; i++)
        round += weights[i];
    struct claims c = {
        .claim = calloc(n + 1, sizeof(*c.claim)),
        .events = calloc(round + 1, sizeof(*c.events)),
        .next = calloc(round + 1, sizeof(*c.next)),
        .of = calloc(round + 1, sizeof(*c.of)),
        .heap = calloc(n + 2 * round + 1, sizeof(*c.heap)),
    };
    bool ok = c.claim && c.events && c.next && c.of && c.heap;
    if (ok) {
        plan_events(&c, weights, n, round);
        run_claims(&c, weights, n, (uint32_t)round, out);
    }
    free(c.claim);
    free(c.events);
    free(c.next);
    free(c.of);
    free(c.heap);
    return ok;
}

/* ---- ring ---- */

static int by_key(const void *a, const void *b)
{
    const struct order_point *x = a, *y = b;
    if (x->key != y->key)
        return x->key > y->key ? 1 : -1;
    return (x->index > y->index) - (x->index < y->index);
}

void order_ring(const uint32_t *weights, const uint32_t *ids, uint32_t n, struct order_point *out)
{
    size_t points = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t k = 0; k < weights[i]; k++)
            out[points++] =
                (struct order_point){hash_avalanche(ids[i] * RING_STRIDE + k), (uint16_t)i};
    }
    if (points)
        qsort(out, points, sizeof(*out), by_key);
}

uint32_t order_ring_find(const struct order_point *ring, uint32_t n, uint32_t hash)
{
    uint32_t lo = 0, hi = n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (ring[mid].key < hash)
            lo = mid + 1;
        else
            hi = mid;
    }
    uint32_t next = lo < n ? lo : 0, prev = next ? next - 1 : n - 1;
    uint32_t to_next = ring[next].key - hash, to_prev = hash - ring[prev].key;
    return to_prev <= to_next ? prev : next;
}
