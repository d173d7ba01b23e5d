/*
 * The orders that weights make, worked out once for each change of the usable servers: pure
 * functions from weights to sequences, the same ones that HAProxy gives.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ORDER_LEN_MAX  65536u  /* turns in one round; longer rounds are scaled down */
#define ORDER_RING_MAX 262144u /* points on a ring */

/* Divides the weights by what they have in common, and if their sum still exceeds `max`, scales
 * them down to it (no weight but 0 becomes 0). Returns the sum. */
uint32_t order_reduce(uint32_t *weights, uint32_t n, uint32_t max);

/* roundrobin: smooth, the heaviest first: 2,1 is A A B; 5,1,1 is A A A B A A C. `out` has room for
 * the sum of the weights, which is the length of the round. False without memory. */
bool order_smooth(const uint32_t *weights, uint32_t n, uint16_t *out);

/* static-rr and map-based hashing: in order of declaration: 1,2 is A B B. False without memory. */
bool order_static(const uint32_t *weights, uint32_t n, uint16_t *out);

/* Consistent hashing: each server has as many points as weight, at places that depend on its id
 * only. */
struct order_point {
    uint32_t key;
    uint16_t index;
};

/* `out` has room for the sum of the weights. Sorted. */
void order_ring(const uint32_t *weights, const uint32_t *ids, uint32_t n, struct order_point *out);

/* The point nearest to `hash`; n is not 0. */
uint32_t order_ring_find(const struct order_point *ring, uint32_t n, uint32_t hash);
