/*
 * Children: commands that run beside the loop, with a deadline, and leave nothing behind.
 *
 * Each child leads its own process group. When its deadline passes, the group gets SIGTERM, and
 * SIGKILL after the grace. The result comes when the child is gone; one that even SIGKILL cannot
 * end within a second (it hangs in the kernel, or may not be killed) is told as `stuck` and counts
 * as running until it ends. The kernel kills the child when the starting thread dies (not what the
 * child has started: the guardian or the unit's cgroup has to). It starts with clean signal
 * dispositions and mask, umask 022, no descriptor but 0, 1 and 2, directory /, and without the
 * environment that systemd meant for the daemon (NOTIFY_SOCKET and the like).
 *
 * Start children from a thread that lives as long as they may (the main thread).
 */
#pragma once

#include "common/base/err.h"
#include "common/base/mono.h"
#include "common/rt/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct children; /* a set with a limit */
struct child;

/* What to run. Everything is copied: it need not outlive child_start(). */
struct child_spec {
    const char *const *argv; /* NULL-terminated; looked up in PATH when argv[0] has no slash; or */
    const char *shell;       /* a line for /bin/sh -c */
    const char *const
        *env; /* "NAME=value" on top of the daemon's own, NULL-terminated; may be NULL */

    /* Another user: group and user are set, supplementary groups and all capabilities dropped, and
     * no_new_privs set unless `may_gain` (sudo in the script). Needs CAP_SETUID and CAP_SETGID, and
     * CAP_KILL to end it. Zero-initialised specs stay who they are: set `switch_user`. */
    bool switch_user;
    bool may_gain;
    uid_t uid;
    gid_t gid;

    struct span deadline; /* 0: none */
    struct span grace;    /* between SIGTERM and SIGKILL; 0: SIGKILL at once */
    size_t output_max;    /* how much of the end of its output is kept, in bytes; 0: to /dev/null */
    const void *input;    /* its standard input; NULL: /dev/null */
    size_t input_len;
    int nice;        /* added to the daemon's own */
    bool kill_group; /* when it ends, kill what it left in its group (a check, not a notify hook) */
    const char *name; /* for errors, e.g. "script chk_proxy"; NULL: the command */
};

enum child_end {
    CHILD_EXITED,     /* `code` */
    CHILD_SIGNALED,   /* `signo`, not by us */
    CHILD_TIMED_OUT,  /* its deadline passed and it was killed */
    CHILD_KILLED,     /* child_kill() */
    CHILD_NOT_STARTED /* `error` is the errno, `stage` what failed: "exec", "setuid", ... */
};

struct child_result {
    enum child_end end;
    int code;
    int signo;
    int error;
    const char *stage;
    pid_t pid;
    struct span took;
    struct span deadline; /* as in the spec */
    bool stuck;           /* told before it ended */
    const char
        *output; /* the last output_max bytes of stdout and stderr, as a string; "" if none */
    size_t output_len;
    uint64_t output_lost; /* bytes in front of them that were not kept */
};

/* Called from the loop, once, never from inside child_start(). `r` and the child end with the call.
 */
typedef void child_fn(void *ctx, const struct child_result *r);

/* At most `max` children run at a time. */
int children_new(struct children **out, struct loop *loop, size_t max, struct err *e);

/* Kills (SIGKILL, whole groups) and reaps what still runs, without calling back. Not from a
 * child_fn. NULL-safe. */
void children_free(struct children *cs);

/* 0: it was started and `fn` will be called; a command that does not exist is told there too
 * (CHILD_NOT_STARTED). CHILD_LIMIT: too many run; counted. Negative errno: fork or pipe failed.
 * `out` may be NULL; the handle is valid until fn is called. */
#define CHILD_LIMIT 1
int child_start(struct children *cs, const struct child_spec *spec, child_fn *fn, void *ctx,
                struct child **out, struct err *e);

/* As if the deadline had passed now; fn is called with CHILD_KILLED. */
void child_kill(struct child *c);

/* The owner goes away: kills as child_kill() does, but fn will not be called. */
void child_abandon(struct child *c);

pid_t child_pid(const struct child *c);

struct children_stats {
    size_t running;
    size_t running_max;
    size_t limit;
    uint64_t started;
    uint64_t refused; /* by the limit */
    uint64_t timed_out;
    uint64_t sigkilled; /* did not go by SIGTERM within the grace */
};

struct children_stats children_stats(const struct children *cs);

/* "exit status 1", "killed by SIGSEGV", "not done within 2s: killed",
 * "cannot run: No such file or directory", with the last line of output after a colon when the end
 * was not a plain success. Returns `text`. */
#define CHILD_TEXT_MAX 256
const char *child_result_text(const struct child_result *r, char text[CHILD_TEXT_MAX]);

/* The last line of the output that is not empty, without white space around it; cut to `size`. */
const char *child_last_line(const struct child_result *r, char *text, size_t size);

/* Splits a command line into words as a shell without expansions would: blanks separate, '...' and
 * "..." keep together, \ takes the next character as it is (inside "..." only before " and \).
 * One block: free() the result. NULL with a sentence for an unfinished quote or no word at all. */
char **child_split(const char *line, struct err *e);
