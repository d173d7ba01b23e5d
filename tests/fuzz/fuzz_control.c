/*
 * Bytes from a control client, in pieces, to a server of either framing whose commands answer in
 * each way there is: at once, with an error, later, bit by bit, never. Whatever is sent, the client
 * gets its end (or, where a command never answers, the command is told that the client went away),
 * and nothing of it is left. And what child_split() makes of a line survives ctl_line() and the way
 * back.
 *
 * The first byte chooses the framing and the level, the second how long the pieces are.
 */
#include "common/rt/child.h"
#include "common/rt/control_impl.h"
#include "common/rt/ctl_client.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    TURNS_MAX = 100000,
    INPUT_MAX = 16384,
    LINE_MAX_BYTES = 1024,
    OUTPUT_MAX = 16384,
};

static struct loop *loop;
static struct control *servers[2];
static struct control_reply *held; /* by "later" or "never" */
static size_t drips;

#define MUST(COND)                                                                                 \
    do {                                                                                           \
        if (!(COND))                                                                               \
            abort();                                                                               \
    } while (0)

/* --- commands --- */

static void echo(struct control_reply *r, int argc, char **argv, void *ctx)
{
    MUST(!argv[argc]);
    for (int i = 0; i < argc; i++)
        control_printf(r, "%s;", argv[i]);
}

static void refuse(struct control_reply *r, int argc, char **argv, void *ctx)
{
    control_error(r, "no %s", argv[0]);
}

static void forget(void *ctx)
{
    MUST(held);
    held = NULL;
}

static void end_later(struct loop_work *work)
{
    if (held)
        control_end(held);
    held = NULL;
}

static struct loop_work ender = {.fn = end_later};

static void later(struct control_reply *r, int argc, char **argv, void *ctx)
{
    MUST(!held);
    held = r;
    control_defer(r, forget, NULL);
    loop_work_add(loop, &ender);
}

static void never(struct control_reply *r, int argc, char **argv, void *ctx)
{
    MUST(!held);
    held = r;
    control_defer(r, forget, NULL);
}

static void drip_more(struct control_reply *r, void *ctx)
{
    static const char block[3000] = "";

    control_write(r, block, sizeof(block));
    if (--drips)
        return;
    held = NULL;
    control_end(r);
}

static void drip(struct control_reply *r, int argc, char **argv, void *ctx)
{
    MUST(!held);
    held = r;
    drips = 1 + strlen(argv[0]) % 50;
    control_defer(r, forget, NULL);
    control_on_drained(r, drip_more, NULL);
}

static void flood(struct control_reply *r, int argc, char **argv, void *ctx)
{
    for (int i = 0; i < OUTPUT_MAX; i++)
        control_printf(r, "%d", i);
}

static void lower(struct control_reply *r, int argc, char **argv, void *ctx)
{
    control_lower_level(r, CONTROL_USER);
}

static const struct control_command commands[] = {
    {"echo", "", "", CONTROL_USER, echo, 0, -1},
    {"echo much", "", "", CONTROL_ADMIN, flood, 0, 1},
    {"no", "X", "", CONTROL_USER, refuse, 1, 1},
    {"later", "", "", CONTROL_USER, later, 0, -1},
    {"never", "", "", CONTROL_OPERATOR, never, 0, 0},
    {"drip", "X", "", CONTROL_USER, drip, 1, 1},
    {"user", "", "", CONTROL_USER, lower, 0, 0},
};

static void set_up(void)
{
    MUST(loop_new(&loop, NULL) == 0);
    for (int framing = 0; framing < 2; framing++) {
        struct control_options options = {
            .framing = framing ? CONTROL_HAPROXY : CONTROL_ONE,
            .commands = commands,
            .command_count = sizeof(commands) / sizeof(commands[0]),
            .line_max = LINE_MAX_BYTES,
            .output_max = OUTPUT_MAX,
            .timeout = span_s(1000),
        };
        MUST(control_new(&servers[framing], loop, &options, NULL) == 0);
    }
}

/* --- the client --- */

struct client {
    int fd;
    const uint8_t *data;
    size_t left, piece;
    bool shut, ended;
};

static void send_piece(struct client *c)
{
    size_t n = c->left < c->piece ? c->left : c->piece;
    ssize_t sent = n ? send(c->fd, c->data, n, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;

    if (sent < 0 && errno != EAGAIN)
        c->left = 0; /* the server has heard enough */
    if (sent > 0) {
        c->data += sent;
        c->left -= (size_t)sent;
    }
    if (!c->left && !c->shut) {
        shutdown(c->fd, SHUT_WR);
        c->shut = true;
    }
}

/* True if something came. */
static bool read_answer(struct client *c)
{
    static char chunk[65536];
    ssize_t n = recv(c->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

    c->ended |= n == 0 || (n < 0 && errno != EAGAIN);
    return n > 0;
}

static void talk(struct client *c, const struct control *server)
{
    for (int turns = 0, quiet = 0; !c->ended; turns++) {
        MUST(turns < TURNS_MAX);
        send_piece(c);
        MUST(loop_turn(loop, (struct mono){0}, NULL) == 0);
        quiet = read_answer(c) ? 0 : quiet + 1;
        if (held && quiet > 10)
            break; /* "never" keeps its word: we are the ones who leave */
    }
    close(c->fd);
    for (int turns = 0; server->stats.clients; turns++) {
        MUST(turns < TURNS_MAX);
        MUST(loop_turn(loop, (struct mono){0}, NULL) == 0);
    }
    MUST(!held);
}

/* --- words --- */

static void there_and_back(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct buf line cleanup(buf_fini) = BUF_INIT(1 << 20);
    struct err e;

    MUST(text);
    memcpy(text, data, size);
    text[size] = '\0';
    char **words = child_split(text, &e);
    int n = 0;

    while (words && words[n])
        n++;
    if (words && ctl_line(&line, n, words, &e)) {
        char **again = child_split(buf_cstr(&line), &e);
        MUST(again);
        for (int i = 0; i < n; i++)
            MUST(again[i] && strcmp(again[i], words[i]) == 0);
        MUST(!again[n]);
        free(again);
    }
    free(words);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int ends[2];

    if (size < 2 || size > INPUT_MAX)
        return 0;
    if (!loop)
        set_up();
    struct control *server = servers[data[0] & 1];
    struct control_listener from = {.level = (enum control_level)((data[0] >> 1) % 3)};
    struct client client = {.data = data + 2, .left = size - 2, .piece = 1u + data[1] * 16u};
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    client.fd = ends[0];
    control_accept(server, ends[1], &from);
    talk(&client, server);
    there_and_back(data + 2, size - 2);
    return 0;
}
