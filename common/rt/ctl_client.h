/*
 * The client's half of the control socket, for vrrpctl and lbctl. It blocks: for tools only.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/mono.h"

#include <stdbool.h>

#define CTL_OK    0 /* an answer */
#define CTL_ERROR 1 /* the daemon said no */
#define CTL_USAGE 2 /* wrong use, or the daemon could not be reached */

struct ctl_call {
    const char *tool;    /* "vrrpctl", in front of messages */
    const char *daemon;  /* "vrrpd", for "is vrrpd running?" */
    const char *socket;  /* a path, or ADDR:PORT */
    const char *line;    /* the command, without newline */
    struct span timeout; /* for each byte of the answer; 0: wait for ever (streams) */
};

/* Sends the line and copies the answer to standard output as it comes. An error reply in text goes
 * to standard error as "TOOL: ...", in JSON to standard output as it is. Returns an exit status. */
int ctl_run(const struct ctl_call *call);

/* The same into a buffer (up to its limit). CTL_OK or CTL_ERROR as the reply says; negative errno
 * with a sentence that says what to do when the daemon could not be reached. */
int ctl_ask(const struct ctl_call *call, struct buf *answer, struct err *e);

/* Joins words to a line such that the server splits it into the same words. False, with a sentence,
 * for a word that no line can hold (a newline in it). */
bool ctl_line(struct buf *line, int argc, char **argv, struct err *e);
