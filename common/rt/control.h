/*
 * The control socket: lines in, text or JSON out.
 *
 * Native framing (CONTROL_ONE): a client sends one line and gets one reply, whose end is the end of
 * the connection. `--json` anywhere in the line asks for JSON. An error is a reply whose first line
 * begins with "error: ", in JSON {"error":"..."}; that is how the tools know their exit status.
 *
 * HAProxy's framing (CONTROL_HAPROXY): commands are separated by ";", each reply is followed by an
 * empty line, the connection ends after one line unless `prompt` made it interactive; `quit` ends
 * it. `--json` means nothing there, and errors carry no prefix.
 *
 * A client may shut its sending side (socat does): it is answered in full. Lines, clients, output
 * and time are limited, and each limit has a counter. Nothing blocks.
 */
#pragma once

#include "common/base/addr.h"
#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/macro.h"
#include "common/base/mono.h"
#include "common/rt/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What a socket may do; a command needs at least its own. */
enum control_level { CONTROL_USER, CONTROL_OPERATOR, CONTROL_ADMIN };

struct control;
struct control_reply; /* the answer to one command; see below for its life */

/* argv[0] is the first word behind the command's own words; argv[argc] is NULL. */
typedef void control_fn(struct control_reply *r, int argc, char **argv, void *ctx);

/* The words come first, so that parse_nearest() can search the table. */
struct control_command {
    const char *words; /* "status", "maintenance on"; the row with the most words wins */
    const char *args;  /* for the help: "NAME [--wait]"; "" for none */
    const char *help;  /* one line */
    enum control_level level;
    control_fn *fn;
    int args_min, args_max; /* checked before fn is called; args_max -1: any number */
};

enum control_framing { CONTROL_ONE, CONTROL_HAPROXY };

/* Zero gives the default named. */
struct control_options {
    enum control_framing framing;
    const struct control_command *commands; /* static; `help` is there by itself */
    size_t command_count;
    void *ctx;           /* handed to each command */
    size_t clients_max;  /* 64 */
    size_t line_max;     /* 16 KiB */
    size_t output_max;   /* unsent bytes a client may have, 8 MiB */
    struct span timeout; /* 10 s: to send a line, and for a pause while it takes no output */
    /* HAProxy framing: what a line answers when no command fits; NULL: the server's own text. */
    void (*unknown)(struct control_reply *r, int argc, char **argv, void *ctx);
};

int control_new(struct control **out, struct loop *loop, const struct control_options *options,
                struct err *e);

/* Closes listeners (and removes their socket files) and clients. NULL-safe. */
void control_free(struct control *c);

struct control_listener;

struct control_unix {
    const char *path;
    mode_t mode;    /* 0: 0600 */
    bool set_owner; /* uid and gid count */
    uid_t uid;      /* (uid_t)-1: leave */
    gid_t gid;      /* (gid_t)-1: leave */
    enum control_level level;
};

/* Listens at a path. A socket there that nobody serves is replaced; one that answers is an error
 * that says so, as is any other kind of file. The path appears complete with its mode and owner;
 * the directory it stands in is made (0755) if it is not there.
 * `out` may be NULL. */
int control_listen_unix(struct control *c, const struct control_unix *at,
                        struct control_listener **out, struct err *e);
int control_listen_tcp(struct control *c, const struct addr_port *at, enum control_level level,
                       struct control_listener **out, struct err *e);
/* Takes over a listening socket; it is closed with the listener. */
int control_listen_fd(struct control *c, int fd, enum control_level level,
                      struct control_listener **out, struct err *e);

/* Stops listening and removes the socket file; clients stay. */
void control_unlisten(struct control_listener *l);

struct control_stats {
    uint64_t accepted, commands, errors;
    uint64_t refused;      /* more clients than clients_max */
    uint64_t long_lines;   /* a line longer than line_max */
    uint64_t slow_readers; /* closed because they did not take their output */
    uint64_t timeouts;     /* closed because they sent nothing */
    size_t clients;
};

struct control_stats control_stats(const struct control *c);

/* --- replies ---
 *
 * A reply lives from the call of its command until control_end(), control_error() or until the
 * client goes away, whichever comes first. When the command returns and has not called
 * control_defer(), the reply ends by itself. A command that defers keeps the pointer and must name
 * a function that is told when the client goes away; after that call, or after control_end(), the
 * pointer is dead. What is written is sent at the end of the loop's turn at the latest.
 */

/* The command answers later, or goes on answering (a stream). */
typedef void control_gone_fn(void *ctx);
void control_defer(struct control_reply *r, control_gone_fn *gone, void *ctx);

/* The client wants JSON. */
bool control_json(const struct control_reply *r);

/* What this client may do; a command may lower that for the rest of the connection. */
enum control_level control_level(const struct control_reply *r);
void control_lower_level(struct control_reply *r, enum control_level level);

/* Who asks: "uid 0, pid 4711" or "127.0.0.1:50000"; valid as long as the reply. */
const char *control_peer(const struct control_reply *r);

void control_printf(struct control_reply *r, const char *fmt, ...) printf_like(2, 3);
void control_write(struct control_reply *r, const void *data, size_t len);

/* The output itself, for renderers that write into a buf. Only append, and only before returning to
 * the loop. If it overflows, the client is closed and counted as a slow reader. */
struct buf *control_out(struct control_reply *r);

/* For answers larger than output_max: `fn` is called (from the loop) whenever all output so far has
 * been taken, until the reply ends. Implies nothing about control_defer(), which must be called
 * too. */
typedef void control_drained_fn(struct control_reply *r, void *ctx);
void control_on_drained(struct control_reply *r, control_drained_fn *fn, void *ctx);

void control_end(struct control_reply *r);

/* Writes the error in the form of the framing and ends the reply, so that `return
 * control_error(...)` reads well in a command; nothing else should have been written. */
void control_error(struct control_reply *r, const char *fmt, ...) printf_like(2, 3);
