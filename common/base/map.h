/*
 * Names to things: an insertion-ordered map from strings to pointers.
 *
 * Keys are copied, values belong to the caller. Iteration follows the order of insertion, so that
 * status and logs list things as the configuration does.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_entry {
    char *key; /* NULL: deleted */
    void *value;
    uint32_t hash;
};

/* All zero is an empty map. */
struct map {
    struct map_entry *entries; /* in order of insertion, with holes */
    uint32_t *index;           /* open addressing, entry number + 1 */
    size_t used, slots, live;
};

void map_fini(struct map *m);

/* NULL if there is none. */
void *map_get(const struct map *m, const char *key);

/* Sets or replaces. 0, or -ENOMEM. */
int map_put(struct map *m, const char *key, void *value);

/* Removes and returns the value; NULL if there was none. Safe inside map_for_each. */
void *map_del(struct map *m, const char *key);

static inline size_t map_count(const struct map *m)
{
    return m->live;
}

/* for each `struct map_entry *IT` */
#define map_for_each(IT, MAP)                                                                      \
    for (struct map_entry *IT = (MAP)->entries; IT && IT < (MAP)->entries + (MAP)->used; IT++)     \
        if (!IT->key)                                                                              \
            ;                                                                                      \
        else
