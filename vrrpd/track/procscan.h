/*
 * Looks through /proc for all who want to know, in slices, so that a machine with thousands of
 * processes does not hold up the loop.
 */
#pragma once

#include "common/base/list.h"
#include "common/rt/loop.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* The kernel's name for a process, /proc/PID/comm: at most 15 bytes. */
#define PROCSCAN_COMM_MAX 16

struct procscan_client;

/* Embedded in its owner; fill in the functions. */
struct procscan_client {
    struct list node;
    void (*seen)(struct procscan_client *c, pid_t pid, const char *comm);
    void (*done)(struct procscan_client *c); /* every process has been seen */
    bool wanted;                             /* private: from the next pass on */
    bool served;                             /* private: by the pass that runs */
};

struct procscan {
    struct loop *loop;
    struct loop_work work;
    struct list clients;
    DIR *dir;        /* a pass is running */
    uint64_t passes; /* begun */
};

void procscan_init(struct procscan *ps, struct loop *loop);
void procscan_fini(struct procscan *ps);

void procscan_add(struct procscan *ps, struct procscan_client *c);
void procscan_remove(struct procscan *ps, struct procscan_client *c);

/* seen() and done() will be called, for a pass that begins after this call: in this turn of the
 * loop unless there are very many processes. */
void procscan_request(struct procscan *ps, struct procscan_client *c);

/* --- one process --- */

bool procscan_comm(pid_t pid, char comm[PROCSCAN_COMM_MAX]);

/* Its words, each ended by NUL, cut to `size`; returns how many bytes, 0 for none (a kernel thread,
 * a zombie). */
size_t procscan_cmdline(pid_t pid, char *words, size_t size);

/* When it began, in clock ticks after boot. False: there is none. */
bool procscan_start(pid_t pid, uint64_t *ticks);
