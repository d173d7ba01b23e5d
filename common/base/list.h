/*
 * Intrusive doubly linked list; a head is a node that points to itself.
 */
#pragma once

#include "common/base/macro.h"

#include <stdbool.h>

struct list {
    struct list *next, *prev;
};

#define LIST_INIT(HEAD)                                                                            \
    {                                                                                              \
        &(HEAD), &(HEAD)                                                                           \
    }

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_insert(struct list *node, struct list *prev, struct list *next)
{
    node->prev = prev;
    node->next = next;
    prev->next = node;
    next->prev = node;
}

static inline void list_push_back(struct list *head, struct list *node)
{
    list_insert(node, head->prev, head);
}

static inline void list_push_front(struct list *head, struct list *node)
{
    list_insert(node, head, head->next);
}

/* Removes `node` and makes it a list of its own, so that removing it twice is harmless. */
static inline void list_del(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* The entry of type TYPE that holds NODE as MEMBER. */
#define list_entry(NODE, TYPE, MEMBER) container_of(NODE, TYPE, MEMBER)

#define list_first(HEAD, TYPE, MEMBER)                                                             \
    (list_empty(HEAD) ? NULL : list_entry((HEAD)->next, TYPE, MEMBER))

/* The loop body must not remove IT; list_for_each_safe allows that. */
#define list_for_each(IT, HEAD) for (struct list *IT = (HEAD)->next; IT != (HEAD); IT = IT->next)

#define list_for_each_safe(IT, HEAD)                                                               \
    for (struct list *IT = (HEAD)->next, *IT##_next = IT->next; IT != (HEAD);                      \
         IT = IT##_next, IT##_next = IT->next)
