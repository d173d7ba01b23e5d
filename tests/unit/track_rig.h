/*
 * For the tests of trackers: a real loop, real children, a directory of its own.
 */
#pragma once

#include "common/base/parse.h"
#include "common/rt/child.h"
#include "common/rt/log.h"
#include "common/rt/loop.h"
#include "tests/unit/suite.h"
#include "vrrpd/track/track.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct rig {
    struct loop *loop;
    struct children *children;
    struct trackers *set;
    struct tracker *t;
    int told; /* how often the subscriber was */
    char dir[64];
    char path[128]; /* a file in it */
};

static inline void rig_told(void *ctx, struct tracker *t)
{
    struct rig *r = ctx;
    ck_assert_ptr_eq(t, r->t);
    r->told++;
}

static inline void rig_init(struct rig *r)
{
    struct err e;
    *r = (struct rig){0};
    log_set_level(getenv("TEST_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERR);
    ck_assert_int_eq(loop_new(&r->loop, &e), 0);
    ck_assert_int_eq(children_new(&r->children, r->loop, 8, &e), 0);
    ck_assert_int_eq(trackers_new(&r->set, r->loop, r->children, &e), 0);
    snprintf(r->dir, sizeof(r->dir), "/tmp/track-test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(r->dir));
    snprintf(r->path, sizeof(r->path), "%s/file", r->dir);
}

static inline void rig_fini(struct rig *r)
{
    char command[128];
    track_free(r->t);
    trackers_free(r->set);
    children_free(r->children);
    loop_free(r->loop);
    snprintf(command, sizeof(command), "rm -rf %s", r->dir);
    ck_assert_int_eq(system(command), 0);
}

/* Starts the tracker under test. */
static inline void rig_track(struct rig *r, const struct track_spec *spec)
{
    struct err e = {""};
    int rc = track_new(&r->t, r->set, spec, rig_told, r, &e);
    ck_assert_msg(rc == 0, "%s", e.text);
}

static inline struct track_snapshot rig_look(const struct rig *r)
{
    struct track_snapshot s;
    track_snapshot(r->t, &s);
    return s;
}

/* One turn, but not a long one: COND below may be about something the loop does not see. */
static inline void rig_turn(struct rig *r)
{
    ck_assert_int_ge(loop_turn(r->loop, mono_add(loop_clock(), span_ms(20)), NULL), 0);
}

/* Turns the loop until COND (evaluated several times) holds; fails after MS milliseconds, which
 * only a broken tracker or a very busy machine needs. */
#define rig_until(R, MS, COND)                                                                     \
    do {                                                                                           \
        struct mono until_ = mono_add(loop_clock(), span_ms(MS));                                  \
        while (!(COND) && mono_before(loop_clock(), until_))                                       \
            rig_turn(R);                                                                           \
        ck_assert_msg(COND, "not in %d ms: %s; it is %s: %s", (MS), #COND,                         \
                      track_state_name(rig_look(R).state), rig_look(R).reason);                    \
    } while (0)

#define rig_state(R, STATE) rig_until(R, 10000, track_state((R)->t) == (STATE))

/* Runs the loop for that long, for what must not happen. */
static inline void rig_pass(struct rig *r, int ms)
{
    struct mono until = mono_add(loop_clock(), span_ms(ms));
    while (mono_before(loop_clock(), until))
        ck_assert_int_ge(loop_turn(r->loop, until, NULL), 0);
}

static inline void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
    close(fd);
}

#define contains(TEXT, PART)                                                                       \
    ck_assert_msg(strstr((TEXT), (PART)), "\"%s\" is not in \"%s\"", (PART), (TEXT))
