#include "common/rt/ctl_client.h"

#include "common/base/addr.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* --- reaching the daemon --- */

static int unreachable(const struct ctl_call *call, int code, struct err *e)
{
    switch (code) {
    case -ENOENT:
        return err_set(
            e, code,
            "cannot reach %s: there is no socket %s. Is %s running? Try: systemctl status "
            "%s",
            call->daemon, call->socket, call->daemon, call->daemon);
    case -ECONNREFUSED:
        return err_set(
            e, code,
            "cannot reach %s: nobody listens on %s. Is %s running? Try: systemctl status "
            "%s",
            call->daemon, call->socket, call->daemon, call->daemon);
    case -EACCES:
    case -EPERM:
        return err_set(e, code,
                       "cannot reach %s: you may not use %s. Try: sudo, or become a member of the "
                       "socket's group",
                       call->daemon, call->socket);
    }
    return err_set(e, code, "cannot reach %s at %s: %s", call->daemon, call->socket,
                   strerror(-code));
}

static socklen_t socket_address(const char *text, struct sockaddr_storage *out)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    struct addr_port ap;

    if (text[0] != '/' && addr_port_parse(text, &ap))
        return addr_to_sockaddr(&ap.addr, ap.port, out);
    if (strlen(text) >= sizeof(sun.sun_path))
        return 0;
    memcpy(sun.sun_path, text, strlen(text) + 1);
    memcpy(out, &sun, sizeof(sun));
    return sizeof(sun);
}

static int reach(const struct ctl_call *call, struct err *e)
{
    struct sockaddr_storage ss = {0};
    socklen_t len = socket_address(call->socket, &ss);

    if (!len)
        return err_set(e, -ENAMETOOLONG, "the socket's path is too long: %.200s", call->socket);
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(e, -errno, "cannot make a socket: %s", strerror(errno));
    if (connect(fd, (struct sockaddr *)&ss, len) < 0) {
        int r = -errno;
        close(fd);
        return unreachable(call, r, e);
    }
    return fd;
}

/* The daemon may refuse the line before it has read all of it; its answer says why, so a failure to
 * send is not told here. */
static void send_line(int fd, const char *line)
{
    struct buf b cleanup(buf_fini) = BUF_INIT(0);

    buf_printf(&b, "%s\n", line);
    for (size_t sent = 0; sent < b.len;) {
        ssize_t n = send(fd, b.data + sent, b.len - sent, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
}

/* --- the answer --- */

typedef int take_fn(void *ctx, const char *data, size_t len);

static int read_answer(int fd, const struct ctl_call *call, take_fn *take, void *ctx, struct err *e)
{
    int wait = call->timeout.us > 0 ? (int)MIN(span_to_ms(call->timeout), (int64_t)INT32_MAX) : -1;
    char chunk[16384];

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int ready = poll(&p, 1, wait);
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready == 0)
            return err_set(e, -ETIMEDOUT,
                           "%s does not answer on %s; it may hang. Try: systemctl "
                           "restart %s",
                           call->daemon, call->socket, call->daemon);
        ssize_t n = recv(fd, chunk, sizeof(chunk), 0);
        if (n == 0)
            return 0;
        if (n < 0)
            return err_set(e, -errno, "the connection to %s broke: %s", call->daemon,
                           strerror(errno));
        int r = take(ctx, chunk, (size_t)n);
        if (r < 0)
            return r;
    }
}

static int converse(const struct ctl_call *call, take_fn *take, void *ctx, struct err *e)
{
    int fd = reach(call, e);

    if (fd < 0)
        return fd;
    send_line(fd, call->line);
    int r = read_answer(fd, call, take, ctx, e);
    close(fd);
    return r;
}

#define TEXT_ERROR "error: "
#define JSON_ERROR "{\"error\":"
#define HEAD_MAX   (sizeof(JSON_ERROR) - 1)

static bool begins(const char *data, size_t len, const char *with)
{
    return len >= strlen(with) && memcmp(data, with, strlen(with)) == 0;
}

static int take_into_buf(void *ctx, const char *data, size_t len)
{
    buf_add(ctx, data, len);
    return 0;
}

int ctl_ask(const struct ctl_call *call, struct buf *answer, struct err *e)
{
    size_t from = answer->len;
    int r = converse(call, take_into_buf, answer, e);

    if (r < 0)
        return r;
    if (answer->lost)
        return err_set(e, -EFBIG, "the answer of %s is too long", call->daemon);
    const char *data = buf_cstr(answer) + from;
    size_t len = answer->len - from;
    return begins(data, len, TEXT_ERROR) || begins(data, len, JSON_ERROR) ? CTL_ERROR : CTL_OK;
}

/* The first bytes decide where the answer goes; they may come in pieces. */
struct copy {
    const struct ctl_call *call;
    char head[HEAD_MAX];
    size_t head_len;
    FILE *to; /* NULL: not decided */
    int status;
};

static void decide(struct copy *c)
{
    const char *head = c->head;
    size_t len = c->head_len;

    c->to = stdout;
    if (begins(head, len, JSON_ERROR)) {
        c->status = CTL_ERROR;
    } else if (begins(head, len, TEXT_ERROR)) {
        c->status = CTL_ERROR;
        c->to = stderr;
        fprintf(stderr, "%s: ", c->call->tool);
        head += strlen(TEXT_ERROR);
        len -= strlen(TEXT_ERROR);
    }
    fwrite(head, 1, len, c->to);
}

static int take_to_terminal(void *ctx, const char *data, size_t len)
{
    struct copy *c = ctx;

    while (!c->to && len) {
        c->head[c->head_len++] = *data++;
        len--;
        if (c->head_len == HEAD_MAX || c->head[c->head_len - 1] == '\n')
            decide(c);
    }
    if (c->to)
        fwrite(data, 1, len, c->to);
    return c->to && fflush(c->to) != 0 ? -EPIPE : 0;
}

int ctl_run(const struct ctl_call *call)
{
    struct copy copy = {.call = call, .status = CTL_OK};
    struct err e = {""};
    int r = converse(call, take_to_terminal, &copy, &e);

    if (!copy.to && copy.head_len)
        decide(&copy);
    fflush(stdout);
    if (r == -EPIPE)
        return CTL_OK; /* whoever read our output has seen enough */
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", call->tool, e.text);
        return CTL_USAGE;
    }
    return copy.status;
}

/* --- words to a line --- */

static bool is_plain(const char *word)
{
    return word[0] && !word[strcspn(word, " \t\r\v\f'\"\\")];
}

bool ctl_line(struct buf *line, int argc, char **argv, struct err *e)
{
    for (int i = 0; i < argc; i++) {
        if (strchr(argv[i], '\n')) {
            err_set(e, 0, "argument %d holds a line break", i + 1);
            return false;
        }
        if (i)
            buf_char(line, ' ');
        if (is_plain(argv[i])) {
            buf_str(line, argv[i]);
            continue;
        }
        buf_char(line, '"');
        for (const char *p = argv[i]; *p; p++) {
            if (*p == '"' || *p == '\\')
                buf_char(line, '\\');
            buf_char(line, *p);
        }
        buf_char(line, '"');
    }
    return true;
}
