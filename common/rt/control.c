/*
 * Clients and their bytes. Everything that happens to a client - bytes came, a command wrote, a
 * reply ended - leads to client_progress(), from the loop and never from inside a command: send
 * what can be sent, run the next command if none is running, close when all is done. So a command
 * never sees its client vanish under it.
 *
 * Closing with unread input would make the kernel throw away the answer (TCP) or report a reset
 * (unix sockets); hence the lingering end: shut our side, read the rest into nothing, close when
 * the client does or after two seconds.
 */
#include "common/rt/control_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_CHUNK        4096
#define READS_PER_TURN    16
#define COMMANDS_PER_TURN 16
#define LINGER            span_s(2)

/* --- the end of a client --- */

static void close_client(struct control_client *client)
{
    struct control *c = client->control;
    struct control_reply r = client->reply;

    client->reply.active = false;
    loop_io_del(c->loop, &client->io);
    loop_work_cancel(c->loop, &client->work);
    loop_timer_disarm(c->loop, &client->timer);
    list_del(&client->node);
    c->stats.clients--;
    close(client->io.fd);
    buf_fini(&client->in);
    buf_fini(&client->out);
    free(client);
    if (r.gone)
        r.gone(r.gone_ctx);
}

/* --- bytes --- */

/* False if the client is to be closed. */
static bool send_output(struct control_client *client)
{
    struct buf *out = &client->out;

    if (out->lost) {
        client->control->stats.slow_readers++;
        return false;
    }
    while (client->sent < out->len) {
        ssize_t n = send(client->io.fd, out->data + client->sent, out->len - client->sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        client->sent += (size_t)n;
        loop_timer_disarm(client->control->loop, &client->timer); /* it moves */
        if (client->sent > out->len / 2) {
            buf_consume(out, client->sent);
            client->sent = 0;
        }
    }
    return true;
}

static void read_input(struct control_client *client)
{
    size_t line_max = client->control->options.line_max;
    char chunk[READ_CHUNK];

    for (int i = 0; i < READS_PER_TURN && !client->in_eof; i++) {
        if (!client->lingering && client->in.len > line_max)
            return;
        ssize_t n = recv(client->io.fd, chunk, sizeof(chunk), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0)
            client->in_eof = true;
        else if (!client->lingering)
            buf_add(&client->in, chunk, (size_t)n);
    }
}

/* --- lines --- */

static bool is_haproxy(const struct control_client *client)
{
    return client->control->options.framing == CONTROL_HAPROXY;
}

/* Where the next command ends in `in`: at a newline or, in HAProxy's framing, at a semicolon
 * without backslash. in.len if there is no end yet. */
static size_t command_end(const struct control_client *client)
{
    const struct buf *in = &client->in;
    bool haproxy = is_haproxy(client);

    for (size_t i = 0; i < in->len; i++) {
        if (in->data[i] == '\n' || (haproxy && in->data[i] == ';'))
            return i;
        if (haproxy && in->data[i] == '\\' && i + 1 < in->len && in->data[i + 1] != '\n')
            i++;
    }
    return in->len;
}

static void refuse_line(struct control_client *client, const char *why)
{
    client->reply = (struct control_reply){.active = true};
    client->quit = true;
    control_error(&client->reply, "%s", why);
}

static void refuse_long_line(struct control_client *client)
{
    char why[64];

    client->control->stats.long_lines++;
    snprintf(why, sizeof(why), "the line is longer than %zu bytes",
             client->control->options.line_max);
    refuse_line(client, why);
}

/* Runs the next command that is complete. False if there is none. */
static bool run_next(struct control_client *client)
{
    struct buf *in = &client->in;
    size_t end = command_end(client);
    bool whole = end < in->len;

    if (end > client->control->options.line_max) {
        refuse_long_line(client);
        return true;
    }
    if (!whole && (!client->in_eof || !in->len))
        return false;
    char *line = strndup(in->len ? in->data : "", end);
    bool nul = end > 0 && memchr(in->data, '\0', end);
    client->line_done = !whole || in->data[end] == '\n';
    buf_consume(in, whole ? end + 1 : end);
    if (!line || nul)
        refuse_line(client, line ? "the line holds a NUL byte" : "out of memory");
    else
        control_run_line(client, line);
    free(line);
    return true;
}

/* Between two commands: is this the end of the conversation? */
static bool is_finished(const struct control_client *client)
{
    if (client->quit || (client->in_eof && !client->in.len))
        return true;
    if (client->control->options.framing == CONTROL_ONE)
        return client->line_done;
    return client->line_done && !client->prompt && !client->in.len;
}

static bool all_sent(const struct control_client *client)
{
    return client->sent == client->out.len;
}

/* --- progress --- */

static void begin_linger(struct control_client *client)
{
    client->lingering = true;
    buf_clear(&client->in);
    shutdown(client->io.fd, SHUT_WR);
    loop_timer_after(client->control->loop, &client->timer, LINGER);
}

/* Sends, lets a streaming command refill, runs what is waiting. False: close it. */
static bool work_off(struct control_client *client)
{
    for (int i = 0; i < COMMANDS_PER_TURN; i++) {
        struct control_reply *r = &client->reply;
        if (!send_output(client))
            return false;
        if (!all_sent(client))
            return true;
        if (r->active && r->drained) {
            r->drained(r, r->drained_ctx);
            if (r->active && all_sent(client))
                return true; /* it has nothing to say yet */
        } else if (r->active || is_finished(client) || !run_next(client)) {
            return true;
        }
    }
    control_client_schedule(client); /* more in the next turn: others want theirs too */
    return true;
}

static bool waits_for_input(const struct control_client *client)
{
    return !client->reply.active && !client->in_eof;
}

static void set_expectations(struct control_client *client)
{
    struct loop *loop = client->control->loop;
    bool blocked = !all_sent(client), input = waits_for_input(client);
    uint32_t events = (blocked ? EPOLLOUT : 0) | (input && !blocked ? EPOLLIN : 0);

    loop_io_mod(loop, &client->io, client->lingering ? EPOLLIN : events);
    if (client->lingering)
        return;
    if (!blocked && !input)
        loop_timer_disarm(loop, &client->timer);
    else if (!client->timer.armed)
        loop_timer_after(loop, &client->timer, client->control->options.timeout);
}

static void client_progress(struct control_client *client)
{
    bool alive = client->lingering || work_off(client);

    if (alive && !client->lingering && !client->reply.active && all_sent(client) &&
        !client->out.lost && is_finished(client))
        begin_linger(client);
    if (!alive || (client->lingering && client->in_eof))
        close_client(client);
    else
        set_expectations(client);
}

static void client_work(struct loop_work *work)
{
    client_progress(container_of(work, struct control_client, work));
}

void control_client_schedule(struct control_client *client)
{
    if (!client->lingering)
        loop_work_add(client->control->loop, &client->work);
}

static void client_io(struct loop_io *io, uint32_t events)
{
    struct control_client *client = container_of(io, struct control_client, io);

    /* Both directions are shut: nobody is left who could take what is still being answered. */
    if ((events & (EPOLLHUP | EPOLLERR)) && (client->reply.active || !all_sent(client))) {
        close_client(client);
        return;
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        read_input(client);
    client_progress(client);
}

static void client_timer(struct timer *t, struct mono now)
{
    struct control_client *client = container_of(t, struct control_client, timer);
    struct control_stats *stats = &client->control->stats;

    if (!client->lingering && !all_sent(client))
        stats->slow_readers++;
    else if (!client->lingering)
        stats->timeouts++;
    close_client(client);
}

/* --- the beginning of a client --- */

static void describe_peer(int fd, char text[ADDR_TEXT_MAX])
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    struct addr_port peer;
    struct ucred cred;

    snprintf(text, ADDR_TEXT_MAX, "?");
    if (getpeername(fd, (struct sockaddr *)&ss, &len) == 0 && ss.ss_family != AF_UNIX) {
        if (addr_from_sockaddr((struct sockaddr *)&ss, &peer))
            addr_port_format(&peer, text);
        return;
    }
    len = sizeof(cred);
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
        snprintf(text, ADDR_TEXT_MAX, "uid %u, pid %d", cred.uid, (int)cred.pid);
}

static void refuse_client(struct control *c, int fd)
{
    static const char text[] = "error: too many clients on the control socket\n";

    char sink[READ_CHUNK];
    c->stats.refused++;
    for (int i = 0; i < READS_PER_TURN && recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0; i++)
        ; /* unread input would turn the answer into a reset */
    send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
}

void control_accept(struct control *c, int fd, const struct control_listener *l)
{
    struct control_client *client =
        c->stats.clients < c->options.clients_max ? calloc(1, sizeof(*client)) : NULL;

    if (!client) {
        refuse_client(c, fd);
        return;
    }
    *client = (struct control_client){
        .control = c,
        .level = l->level,
        .io = {.fd = fd, .events = EPOLLIN, .fn = client_io},
        .work = {.fn = client_work},
        .timer = TIMER_INIT(client_timer),
        .in = BUF_INIT(c->options.line_max + READ_CHUNK),
        .out = BUF_INIT(c->options.output_max),
    };
    describe_peer(fd, client->peer);
    list_push_back(&c->clients, &client->node);
    c->stats.clients++;
    c->stats.accepted++;
    if (loop_io_add(c->loop, &client->io, NULL) < 0)
        close_client(client);
    else
        set_expectations(client);
}

/* --- the server --- */

int control_new(struct control **out, struct loop *loop, const struct control_options *options,
                struct err *e)
{
    struct control *c = calloc(1, sizeof(*c));

    if (!c)
        return err_set(e, -ENOMEM, "out of memory");
    c->loop = loop;
    c->options = *options;
    if (!c->options.clients_max)
        c->options.clients_max = 64;
    if (!c->options.line_max)
        c->options.line_max = 16 * 1024;
    if (!c->options.output_max)
        c->options.output_max = 8 << 20;
    if (!c->options.timeout.us)
        c->options.timeout = span_s(10);
    list_init(&c->listeners);
    list_init(&c->clients);
    *out = c;
    return 0;
}

void control_free(struct control *c)
{
    if (!c)
        return;
    while (!list_empty(&c->listeners))
        control_unlisten(list_first(&c->listeners, struct control_listener, node));
    while (!list_empty(&c->clients))
        close_client(list_first(&c->clients, struct control_client, node));
    free(c);
}

struct control_stats control_stats(const struct control *c)
{
    return c->stats;
}
