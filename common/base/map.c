#include "common/base/map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* FNV-1a: keys are short names from a configuration. */
static uint32_t hash_of(const char *key)
{
    uint32_t h = 2166136261u;
    while (*key)
        h = (h ^ (uint8_t)*key++) * 16777619u;
    return h;
}

void map_fini(struct map *m)
{
    if (!m)
        return;
    map_for_each (e, m)
        free(e->key);
    free(m->entries);
    free(m->index);
    *m = (struct map){0};
}

static struct map_entry *find(const struct map *m, const char *key)
{
    if (!m->slots)
        return NULL;
    uint32_t h = hash_of(key);
    for (size_t i = h & (m->slots - 1); m->index[i]; i = (i + 1) & (m->slots - 1)) {
        struct map_entry *e = &m->entries[m->index[i] - 1];
        if (e->key && e->hash == h && strcmp(e->key, key) == 0)
            return e;
    }
    return NULL;
}

void *map_get(const struct map *m, const char *key)
{
    struct map_entry *e = find(m, key);
    return e ? e->value : NULL;
}

/* Rebuilds with room for twice the living entries, dropping the holes. */
static int grow(struct map *m)
{
    size_t slots = 16;
    while (slots < (m->live + 1) * 4)
        slots *= 2;
    struct map_entry *entries = calloc(slots / 2, sizeof(*entries));
    uint32_t *index = calloc(slots, sizeof(*index));
    if (!entries || !index) {
        free(entries);
        free(index);
        return -ENOMEM;
    }
    size_t used = 0;
    map_for_each (e, m) {
        size_t i = e->hash & (slots - 1);
        while (index[i])
            i = (i + 1) & (slots - 1);
        entries[used++] = *e;
        index[i] = (uint32_t)used;
    }
    free(m->entries);
    free(m->index);
    m->entries = entries;
    m->index = index;
    m->used = used;
    m->slots = slots;
    return 0;
}

int map_put(struct map *m, const char *key, void *value)
{
    struct map_entry *e = find(m, key);
    if (e) {
        e->value = value;
        return 0;
    }
    if (m->used >= m->slots / 2) {
        int r = grow(m);
        if (r < 0)
            return r;
    }
    char *copy = strdup(key);
    if (!copy)
        return -ENOMEM;
    uint32_t h = hash_of(key);
    size_t i = h & (m->slots - 1);
    while (m->index[i])
        i = (i + 1) & (m->slots - 1);
    m->entries[m->used++] = (struct map_entry){.key = copy, .value = value, .hash = h};
    m->index[i] = (uint32_t)m->used;
    m->live++;
    return 0;
}

void *map_del(struct map *m, const char *key)
{
    struct map_entry *e = find(m, key);
    if (!e)
        return NULL;
    void *value = e->value;
    free(e->key);
    e->key = NULL;
    e->value = NULL;
    m->live--;
    return value;
}
