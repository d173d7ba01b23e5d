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

/* Scores grow by the weight each turn and fall by the round when served; the first of those with
 * the most whole rounds is next. */
bool order_static(const uint32_t *weights, uint32_t n, uint16_t *out)
{
    int64_t round = 0;
    int64_t *score = calloc(n + 1, sizeof(*score));
    if (!score)
        return false;
    for (uint32_t i = 0; i < n; i++)
        round += weights[i];
    for (int64_t turn = 0; turn < round; turn++) {
        int64_t most = -1;
        uint32_t best = 0;
        for (uint32_t i = 0; i < n; i++) {
            score[i] += weights[i];
            int64_t whole = weights[i] ? (score[i] + round) / round : -1;
            if (whole > most) {
                most = whole;
                best = i;
            }
        }
        out[turn] = (uint16_t)best;
        score[best] -= round;
    }
    free(score);
    return true;
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
