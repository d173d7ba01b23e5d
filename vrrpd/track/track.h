/*
 * Trackers: things outside VRRP that say whether this node should hold an address.
 *
 * A tracker watches one thing and knows one of three states: unknown, ok, failed. What follows from
 * it (a fault, a priority share) is the subscriber's affair: track_share() computes it from the
 * tracker's state and the subscriber's effects, so one tracker may serve many instances.
 *
 * When nothing is known yet. The first check starts at once; the first result decides alone,
 * whatever `rise` and `fall` say. Until it is there, TRACK_START_WAIT gives a subscriber whose
 * effect is a fault `{fault, pending}`, and one whose effect is a priority nothing at all. That is
 * keepalived's rule: an instance with an unweighted script stays in its initial state until the
 * script has answered; a weight counts from the first answer on. The engine should hold a starting
 * instance back while `pending`, and leave a running one as it is (a tracker that a reload added).
 *
 * The kinds:
 *   script     exit status 0 is ok. Runs every `every`, never twice at once; what is not done
 *              within `timeout` has failed at that moment, and its process group is killed
 *              (SIGTERM, SIGKILL after a second). A program that others may write is not run but
 *              failed, with the path component at fault; this is looked at before each run.
 *   process    ok while at least `quorum` processes live. Their end is known by pidfd within
 *              milliseconds, their start by process events where the kernel gives them (initial
 *              namespaces), else by a look at /proc every `every`. A zombie is dead.
 *   interface  ok while the link is up and has carrier; the engine says so
 *              (track_interface_event()).
 *   file       a number, or a switch; known by inotify, and by a look every `every` for file
 *              systems without it.
 *   watch      see vrrpd/track/watch.h.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/mono.h"
#include "vrrpd/program.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct children;
struct trackers; /* what they share: inotify, process events, the scan of /proc */
struct tracker;

/* `children` runs the scripts; it must outlive the set. Process events are tried for and done
 * without; trackers_stats() says which. */
int trackers_new(struct trackers **out, struct loop *loop, struct children *children,
                 struct err *e);

/* After all of its trackers. NULL-safe. */
void trackers_free(struct trackers *ts);

struct trackers_stats {
    size_t trackers;
    bool procev;               /* process starts come as events */
    const char *procev_reason; /* why not; "" if they do */
    uint64_t procev_events;
    uint64_t procev_overflows;
    uint64_t scans;          /* of /proc */
    uint64_t script_refused; /* not run: too many children */
    uint64_t inotify_overflows;
};

struct trackers_stats trackers_stats(const struct trackers *ts);

/* --- what to watch --- */

enum track_type {
    TRACK_SCRIPT,
    TRACK_PROCESS,
    TRACK_INTERFACE,
    TRACK_FILE,
    TRACK_WATCH,
};

/* What an unknown state counts as. */
enum track_start {
    TRACK_START_WAIT,
    TRACK_START_OK,
    TRACK_START_FAILED, /* keepalived's init_fail */
};

/* How the words behind a program's name must match those of the process. */
enum track_params {
    TRACK_PARAMS_ANY,     /* are not looked at */
    TRACK_PARAMS_EXACT,   /* all of them, no more */
    TRACK_PARAMS_PARTIAL, /* the first ones */
    TRACK_PARAMS_INITIAL, /* the first ones, and the last of these need only begin alike */
};

enum {
    TRACK_QUORUM_MAX = 1024,
    TRACK_SHARE_MAX = 253, /* what a file may add or take */
};

struct track_process_spec {
    /* As in `killall`: the name that the kernel has for the process (comm; for a #! script the
     * script's name). Longer than 15 characters, which is all that the kernel keeps, its argv[0]
     * (argv[1] behind an interpreter) must end in the name too. With a slash, argv[0] or argv[1]
     * must be exactly that path. NULL with a pid file: any. */
    const char *name;
    /* The process whose number stands in this file; it must bear `name` if that is given. A file
     * left behind by a dead process does not count, even if its number is in use again: the same
     * file does not name a second process, and one that was written before its process started
     * names another. (The latter is by the wall clock; it is not held against a process named
     * like the file, nor one that bears `name`.) */
    const char *pid_file;
    unsigned quorum;     /* 0: 1 */
    unsigned quorum_max; /* more than this many is failed, too; only with `max_set` */
    bool max_set;
    const char *const *params; /* NULL-terminated; may be NULL */
    enum track_params params_match;
};

enum track_file_mode {
    /* The content is one decimal number (white space around it; an empty file is 0), which times
     * the subscriber's `weight` is its priority share, at most TRACK_SHARE_MAX either way; -254
     * and below is a fault. With weight 0, any number but 0 is failed. All this as in keepalived.
     * Something that is no number is failed with a reason (keepalived takes it for 0). */
    TRACK_FILE_NUMBER,
    /* It exists: failed. For maintenance. The first line of its text is the reason. */
    TRACK_FILE_SWITCH,
};

struct track_file_spec {
    const char *path;
    enum track_file_mode mode;
    bool must_exist; /* NUMBER: a missing file is failed, instead of 0 */
};

struct track_watch_spec {
    const char *path;         /* of the control socket */
    const char *const *wants; /* words behind the command, NULL-terminated; may be NULL */
};

struct track_spec {
    const char *name;
    enum track_type type;
    enum track_start start;
    unsigned rise, fall; /* script: results in a row that change the state; 0: 1 */
    struct span every;   /* 0: 1 s */
    struct span timeout; /* script: 0: `every`; watch: silence that means hung, 0: 1 s */
    /* process, interface, file, watch: how long the opposite must last before it counts */
    struct span rise_delay, fall_delay;

    struct program script;
    struct track_process_spec process;
    const char *interface;
    struct track_file_spec file;
    struct track_watch_spec watch;
};

/* Called at the end of the loop's turn in which state or number changed; it may free the tracker.
 */
typedef void track_fn(void *ctx, struct tracker *t);

/* Copies `spec` and starts watching. -EINVAL for a spec that makes no sense, -ENOMEM. What is
 * watched need not exist. */
int track_new(struct tracker **out, struct trackers *ts, const struct track_spec *spec,
              track_fn *fn, void *ctx, struct err *e);

/* Nothing of it runs on afterwards. NULL-safe. */
void track_free(struct tracker *t);

/* Takes over the state of `from` until the first result of its own: for a reload that changed only
 * how something is watched. */
void track_inherit(struct tracker *t, const struct tracker *from);

/* Look now, not at the next interval (vrrpctl). */
void track_check(struct tracker *t);

enum track_link { TRACK_LINK_ABSENT, TRACK_LINK_DOWN, TRACK_LINK_NO_CARRIER, TRACK_LINK_UP };

/* For TRACK_INTERFACE: what the link monitor says about its interface, at first and on each change.
 * Ignored by other kinds. */
void track_interface_event(struct tracker *t, enum track_link link);
const char *track_interface(const struct tracker *t); /* its interface's name; NULL: another kind */

/* --- what follows --- */

enum track_state { TRACK_UNKNOWN, TRACK_OK, TRACK_FAILED };
const char *track_state_name(enum track_state state); /* "unknown", "ok", "failed" */
const char *track_type_name(enum track_type type);    /* "script", ... */

struct track_effect {
    bool fault;
    int priority; /* added to the instance's */
};

struct track_effects {
    struct track_effect on_ok, on_fail;
    int weight; /* file with a number */
};

struct track_share {
    bool fault;
    bool pending; /* fault only because nothing is known yet */
    int delta;
};

struct track_share track_share(const struct tracker *t, const struct track_effects *fx);

enum track_state track_state(const struct tracker *t);
const char *track_name(const struct tracker *t);

#define TRACK_TEXT_MAX 256

/* For status; texts are copies. */
struct track_snapshot {
    char name[64];
    char what[TRACK_TEXT_MAX]; /* "script killall -0 proxy", "process proxy" */
    enum track_type type;
    enum track_state state;
    struct mono since; /* when the state began */
    char
        reason[TRACK_TEXT_MAX]; /* "exit status 1: proxy: no process found", "pid 12 (lb) exited" */
    int64_t number;             /* file */
    unsigned streak, needed;    /* results against the state so far, and how many change it */
    bool delayed;               /* the opposite holds, its delay runs */
    bool running;               /* a check runs right now */
    struct mono checked;        /* when the last result came; MONO_NEVER: none yet */
    struct span took;           /* script: how long it ran */
    uint64_t checks, failures, timeouts, changes;
};

void track_snapshot(const struct tracker *t, struct track_snapshot *out);
