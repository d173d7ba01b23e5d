/* For tests that turn a real loop: until something has happened, and no longer than ten seconds. */
#pragma once

#include "common/rt/loop.h"

#include <check.h>

static inline struct loop *turns_loop(void)
{
    struct loop *loop;
    struct err e = {""};

    ck_assert_msg(loop_new(&loop, &e) == 0, "%s", e.text);
    return loop;
}

/* Turns while COND is false. */
#define turns_until(LOOP, COND)                                                                    \
    do {                                                                                           \
        struct mono give_up = mono_add(loop_clock(), span_s(10));                                  \
        while (!(COND)) {                                                                          \
            ck_assert_msg(mono_before(loop_clock(), give_up), "never came: %s", #COND);            \
            ck_assert_int_eq(loop_turn(LOOP, give_up, NULL), 0);                                   \
        }                                                                                          \
    } while (0)

/* One turn that does not wait. */
static inline void turns_once(struct loop *loop)
{
    ck_assert_int_eq(loop_turn(loop, (struct mono){0}, NULL), 0);
}
