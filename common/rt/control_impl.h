/*
 * What control.c (clients and bytes), control_command.c (lines and replies) and control_listen.c
 * (sockets) share. Private to them.
 */
#pragma once

#include "common/rt/control.h"

struct control {
    struct loop *loop;
    struct control_options options;
    struct list listeners;
    struct list clients;
    struct control_stats stats;
};

struct control_listener {
    struct control *control;
    struct list node;
    struct loop_io io;
    struct timer pause; /* no descriptors left: accepting goes on when it fires */
    enum control_level level;
    char *path; /* of a unix socket that we made; NULL otherwise */
    dev_t dev;
    ino_t ino;
};

struct control_reply {
    bool active; /* a command is being answered */
    bool deferred;
    bool json;
    control_gone_fn *gone;
    void *gone_ctx;
    control_drained_fn *drained;
    void *drained_ctx;
};

struct control_client {
    struct control *control;
    struct list node;
    struct loop_io io;
    struct loop_work work; /* client_progress() at the end of the turn */
    struct timer timer;
    enum control_level level;
    char peer[ADDR_TEXT_MAX];

    struct buf in, out;
    size_t sent;    /* of `out` */
    bool in_eof;    /* it shut its side */
    bool line_done; /* the command before was the last of its line */
    bool prompt;    /* HAProxy framing: interactive */
    bool quit;      /* ends after this reply */
    bool lingering; /* answered; waits for the client to close */
    struct control_reply reply;
};

/* control_command.c: runs one command line (without newline); it may be changed. */
void control_run_line(struct control_client *client, char *line);

/* control.c */
void control_accept(struct control *c, int fd, const struct control_listener *l);
void control_client_schedule(struct control_client *client);

static inline struct control_client *control_client_of(const struct control_reply *r)
{
    return container_of(r, struct control_client, reply);
}
