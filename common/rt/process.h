/*
 * The process itself: its supervisor, its user, its capabilities, its limits.
 *
 * Errors: negative errno with a sentence.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/macro.h"
#include "common/base/mono.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* --- sd_notify(3) --- */

/* Sends "READY=1", "RELOADING=1", "STOPPING=1", "STATUS=...", "WATCHDOG=1", several lines apart by
 * \n, to the supervisor named by NOTIFY_SOCKET. True if it was sent; false (and nothing) without
 * one. "RELOADING=1" gets its MONOTONIC_USEC here. */
bool process_notify(const char *fmt, ...) printf_like(1, 2);

/* How often WATCHDOG=1 is expected (WATCHDOG_USEC, for this process); 0 if it is not. Ping at half.
 */
struct span process_watchdog(void);

/* --- users and capabilities --- */

struct process_user {
    uid_t uid;
    gid_t gid;
};

/* Looks up a user by name or number, and its group or the one named (`group` may be NULL). */
int process_user(const char *user, const char *group, struct process_user *out, struct err *e);

/* Becomes that user, keeping only the capabilities named (CAP_NET_ADMIN, ...), without
 * supplementary groups, and never able to gain more unless `may_gain`. `user` NULL: stays who it is
 * and only drops. To be called before threads are started. Capabilities are per process: children
 * lose them. A name that the process does not have is an error that says how to give it. */
int process_drop(const struct process_user *user, const int *caps, size_t cap_count, bool may_gain,
                 struct err *e);

/* This process may use the capability (it is effective). */
bool process_can(int cap);

/* --- one instance --- */

/* Creates or takes over a pid file, locks it for the life of the process, writes the pid. An error
 * names the process that holds it. The descriptor must stay open; returns it. */
int process_pid_file(const char *path, struct err *e);
/* Removes the file (not before the end) and closes. */
void process_pid_file_remove(const char *path, int fd);

/* --- limits --- */

/* Raises the limit of open files towards `want`, the hard limit too where allowed; returns what is
 * in force then. */
uint64_t process_limit_fds(uint64_t want);

/* -1000 .. 1000: how willingly the kernel kills it when memory is short. */
int process_oom_score(int score, struct err *e);

/* How much later than asked the kernel may end a sleep (50 us by default). */
int process_timer_slack(struct span slack, struct err *e);

/* Keeps all memory resident, now and later. */
int process_lock_memory(struct err *e);

/* Runs before all ordinary processes (SCHED_RR, children do not inherit it), priority 1 .. 99.
 * Where that is not allowed: negative errno, nothing changed. */
int process_realtime(int priority, struct err *e);

/* --- daemons without a supervisor --- */

/* Forks; returns only in the child, which is in a session of its own with its directory at /, and
 * keeps standard error until process_daemon_ready(). The parent waits and exits: 0 when the child
 * calls process_daemon_ready(0), else its status, or 1 if the child dies before. */
int process_daemonize(struct err *e);
/* Lets the parent exit with `status`; with 0 also moves 0, 1 and 2 to /dev/null. */
void process_daemon_ready(int status);

/* The name of a process (/proc/PID/comm); false if there is none. */
#define PROCESS_NAME_MAX 32
bool process_name(pid_t pid, char name[PROCESS_NAME_MAX]);
