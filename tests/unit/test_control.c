#include "common/rt/control.h"
#include "common/rt/ctl_client.h"
#include "tests/unit/suite.h"
#include "tests/unit/turns.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- a server with some commands --- */

static struct loop *loop;
static struct control *server;
static char path[64];
static struct control_reply *held; /* a deferred answer */
static int gone;
static size_t to_write; /* by "drip" */

static void echo(struct control_reply *r, int argc, char **argv, void *ctx)
{
    ck_assert_ptr_eq(ctx, &held);
    ck_assert_ptr_null(argv[argc]);
    for (int i = 0; i < argc; i++)
        control_printf(r, "%s[%s]", i ? " " : "", argv[i]);
    control_printf(r, control_json(r) ? " json\n" : "\n");
}

static void big(struct control_reply *r, int argc, char **argv, void *ctx)
{
    for (int i = 0; i < atoi(argv[0]); i++)
        control_printf(r, "%07d\n", i);
}

static void refuse(struct control_reply *r, int argc, char **argv, void *ctx)
{
    control_error(r, "no \"%s\" here", argv[0]);
}

static void gone_away(void *ctx)
{
    ck_assert_ptr_eq(ctx, &gone);
    held = NULL;
    gone++;
}

static void later(struct control_reply *r, int argc, char **argv, void *ctx)
{
    control_printf(r, "begun\n");
    control_defer(r, gone_away, &gone);
    held = r;
}

static void drip_more(struct control_reply *r, void *ctx)
{
    static const char block[4096] = "";
    size_t n = MIN(to_write, sizeof(block));

    ck_assert_uint_eq(control_out(r)->len, 0);
    control_write(r, block, n);
    to_write -= n;
    if (!to_write)
        control_end(r);
}

static void drip(struct control_reply *r, int argc, char **argv, void *ctx)
{
    to_write = (size_t)atoi(argv[0]);
    control_defer(r, gone_away, &gone);
    control_on_drained(r, drip_more, NULL);
}

static void who(struct control_reply *r, int argc, char **argv, void *ctx)
{
    control_printf(r, "%s level %d\n", control_peer(r), (int)control_level(r));
}

static void be_user(struct control_reply *r, int argc, char **argv, void *ctx)
{
    control_lower_level(r, CONTROL_USER);
}

static const struct control_command commands[] = {
    {"echo twice", "", "a longer command", CONTROL_USER, who, 0, 0},
    {"echo", "[WORD...]", "say it again", CONTROL_USER, echo, 0, -1},
    {"big", "LINES", "many lines", CONTROL_USER, big, 1, 1},
    {"fail", "NAME", "always fails", CONTROL_USER, refuse, 1, 1},
    {"later", "", "answers later", CONTROL_OPERATOR, later, 0, 0},
    {"drip", "BYTES", "answers bit by bit", CONTROL_USER, drip, 1, 1},
    {"who", "", "who asks", CONTROL_USER, who, 0, 0},
    {"maintenance on", "", "go", CONTROL_ADMIN, who, 0, 0},
    {"maintenance off", "", "come back", CONTROL_ADMIN, who, 0, 0},
    {"user", "", "lower the level", CONTROL_USER, be_user, 0, 0},
};

/* A path of its own for each test: one that fails does not spoil the next. */
static void choose_path(void)
{
    static int count;

    snprintf(path, sizeof(path), "/tmp/test-control-%d-%d", (int)getpid(), ++count);
}

static void begin_with(struct control_options options, enum control_level level)
{
    struct err e = {""};

    options.commands = commands;
    options.command_count = ARRAY_LEN(commands);
    options.ctx = &held;
    gone = 0;
    held = NULL;
    loop = turns_loop();
    choose_path();
    ck_assert_int_eq(control_new(&server, loop, &options, &e), 0);
    ck_assert_msg(control_listen_unix(server, &(struct control_unix){.path = path, .level = level},
                                      NULL, &e) == 0,
                  "%s", e.text);
}

static void begin(void)
{
    begin_with((struct control_options){0}, CONTROL_ADMIN);
}

static void begin_haproxy(void)
{
    begin_with((struct control_options){.framing = CONTROL_HAPROXY}, CONTROL_ADMIN);
}

static void finish(void)
{
    control_free(server);
    loop_free(loop);
    ck_assert_int_eq(access(path, F_OK), -1);
}

/* --- a client in the same loop's turns --- */

static int dial(void)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    strcpy(sun.sun_path, path);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (int)strlen(text));
}

static char answer[1 << 20];
static size_t answer_len;

/* Reads what is there; true at the end of the connection. */
static bool at_end(int fd)
{
    ssize_t n;

    while ((n = recv(fd, answer + answer_len, sizeof(answer) - 1 - answer_len, 0)) > 0)
        answer_len += (size_t)n;
    answer[answer_len] = '\0';
    ck_assert_msg(n == 0 || errno == EAGAIN, "%s", strerror(errno));
    return n == 0;
}

static bool has(int fd, const char *text)
{
    at_end(fd);
    return strstr(answer, text);
}

static const char *hear(int fd)
{
    answer_len = 0;
    turns_until(loop, at_end(fd));
    close(fd);
    return answer;
}

static void turn_for(struct span time)
{
    struct mono until = mono_add(loop_clock(), time);

    while (mono_before(loop_clock(), until))
        ck_assert_int_eq(loop_turn(loop, until, NULL), 0);
}

/* As `echo LINE | socat - UNIX:PATH` does: the line, then the sending side is shut. */
static const char *ask(const char *line)
{
    int fd = dial();

    say(fd, line);
    shutdown(fd, SHUT_WR);
    return hear(fd);
}

/* --- native framing --- */

START_TEST(one_line_gets_one_answer_and_the_end)
{
    static const struct {
        const char *line, *answer;
    } rows[] = {
        {"echo\n", "\n"},
        {"echo a 'b c' \"d\" e\\ f\n", "[a] [b c] [d] [e f]\n"},
        {"  echo   x  \r\n", "[x]\n"},
        {"echo no newline", "[no] [newline]\n"},
        {"echo --json a\n", "[a] json\n"},
        {"--json echo a\n", "[a] json\n"},
        {"echo one\necho two\n", "[one]\n"},
        {"fail x\n", "error: no \"x\" here\n"},
        {"fail x --json\n", "{\"error\":\"no \\\"x\\\" here\"}\n"},
        {"big\n", "error: usage: big LINES\n"},
        {"big 1 2\n", "error: usage: big LINES\n"},
        {"echo 'open\n", "error: the quote at character 6 has no end: echo 'open\n"},
    };
    begin();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ck_assert_str_eq(ask(rows[i].line), rows[i].answer);
    ck_assert_str_eq(ask(""), "");
    /* Without shutting its side the client is answered just so. */
    int fd = dial();
    say(fd, "ec");
    turns_once(loop);
    say(fd, "ho slow\n");
    ck_assert_str_eq(hear(fd), "[slow]\n");
    turns_until(loop, control_stats(server).clients == 0);
    finish();
}
END_TEST

START_TEST(an_unknown_command_names_the_nearest_and_what_there_is)
{
    static const struct {
        const char *line, *answer;
    } rows[] = {
        {"ehco a b\n",
         "error: unknown command \"ehco a b\": did you mean \"echo\"?\nThere are: echo twice, "
         "echo, "
         "big, fail, later, drip, who, maintenance on, maintenance off, user, help\n"},
        {"maintenance offf\n",
         "error: unknown command \"maintenance offf\": did you mean \"maintenance off\"?\n"
         "There are: maintenance on, maintenance off\n"},
        {"maintenance\n",
         "error: incomplete command \"maintenance\"; there are: maintenance on, maintenance off\n"},
        {"xyzzy\n",
         "error: unknown command \"xyzzy\"\nThere are: echo twice, echo, big, fail, later, drip, "
         "who, maintenance on, maintenance off, user, help\n"},
        {"\n",
         "error: no command; there are: echo twice, echo, big, fail, later, drip, who, maintenance "
         "on, maintenance off, user, help\n"},
    };
    begin();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ck_assert_str_eq(ask(rows[i].line), rows[i].answer);
    ck_assert_uint_eq(control_stats(server).errors, ARRAY_LEN(rows));
    finish();
}
END_TEST

START_TEST(help_lists_what_the_level_allows)
{
    begin_with((struct control_options){0}, CONTROL_USER);
    ask("help\n");
    ck_assert_ptr_nonnull(
        strstr(answer, "  big LINES                               : many lines\n"));
    ck_assert_ptr_null(strstr(answer, "later"));
    ck_assert_ptr_null(strstr(answer, "maintenance"));
    ck_assert_str_eq(
        ask("help echo tw --json\n"),
        "[{\"command\":\"echo twice\",\"arguments\":\"\",\"help\":\"a longer command\","
        "\"level\":\"user\"}]\n");
    ck_assert_str_eq(ask("later\n"),
                     "error: permission denied: this needs a socket of level operator\n");
    ck_assert_str_eq(ask("maintenance on\n"),
                     "error: permission denied: this needs a socket of level admin\n");
    finish();
}
END_TEST

START_TEST(the_asker_is_known)
{
    char expected[64];

    begin();
    snprintf(expected, sizeof(expected), "uid %u, pid %d level 2\n", geteuid(), (int)getpid());
    ck_assert_str_eq(ask("who\n"), expected);
    ck_assert_str_eq(ask("echo twice\n"), expected); /* the row with most words wins */
    finish();
}
END_TEST

START_TEST(a_large_answer_arrives_whole)
{
    begin();
    ask("big 100000\n");
    ck_assert_uint_eq(answer_len, 800000);
    for (int i = 0; i < 100000; i += 999)
        ck_assert_int_eq(atoi(answer + 8 * i), i);
    finish();
}
END_TEST

START_TEST(an_answer_may_come_later_and_in_parts)
{
    begin();
    int fd = dial();
    say(fd, "later\n");
    shutdown(fd, SHUT_WR);
    answer_len = 0;
    turns_until(loop, has(fd, "begun\n"));
    control_printf(held, "more\n");
    turns_until(loop, has(fd, "more\n"));
    ck_assert(!at_end(fd));
    control_printf(held, "done\n");
    control_end(held);
    ck_assert_str_eq(hear(fd), "done\n");
    ck_assert_int_eq(gone, 0);
    /* An error may come later too. */
    fd = dial();
    say(fd, "later\n");
    turns_until(loop, held && has(fd, "begun"));
    control_error(held, "took too long");
    ck_assert_str_eq(hear(fd), "error: took too long\n");
    finish();
}
END_TEST

START_TEST(the_command_is_told_when_its_client_goes_away)
{
    begin();
    int fd = dial();
    say(fd, "later\n");
    turns_until(loop, held);
    close(fd);
    turns_until(loop, gone);
    ck_assert_int_eq(gone, 1);
    ck_assert_uint_eq(control_stats(server).clients, 0);
    /* The server's end is an end too. */
    fd = dial();
    say(fd, "later\n");
    turns_until(loop, held);
    finish();
    ck_assert_int_eq(gone, 2);
    close(fd);
}
END_TEST

START_TEST(a_command_runs_although_its_client_did_not_wait)
{
    begin();
    int fd = dial();
    say(fd, "big 100\n");
    close(fd);
    turns_until(loop, control_stats(server).commands && !control_stats(server).clients);
    finish();
}
END_TEST

START_TEST(an_answer_larger_than_the_limit_is_made_bit_by_bit)
{
    size_t total = 0;

    begin_with((struct control_options){.output_max = 8192}, CONTROL_ADMIN);
    int fd = dial();
    say(fd, "drip 3000000\n");
    for (bool end = false; !end;) {
        answer_len = 0;
        turns_until(loop, (end = at_end(fd)) || answer_len);
        total += answer_len;
    }
    ck_assert_uint_eq(total, 3000000);
    ck_assert_uint_eq(control_stats(server).slow_readers, 0);
    close(fd);
    finish();
}
END_TEST

/* --- limits --- */

START_TEST(who_does_not_read_is_closed)
{
    begin_with((struct control_options){.output_max = 400000, .timeout = span_ms(100)},
               CONTROL_ADMIN);
    int fd = dial();
    say(fd, "big 100000\n"); /* more than the limit at once */
    turns_until(loop, control_stats(server).slow_readers == 1);
    close(fd);
    fd = dial();
    say(fd, "big 49000\n"); /* within the limit, but never taken */
    turns_until(loop, control_stats(server).slow_readers == 2);
    close(fd);
    fd = dial();
    say(fd, "later\n");
    turns_until(loop, held); /* a stream */
    for (int i = 0; i < 200000 && held; i++) {
        control_printf(held, "12345678\n");
        turns_once(loop);
    }
    ck_assert_uint_eq(control_stats(server).slow_readers, 3);
    ck_assert_int_eq(gone, 1);
    close(fd);
    ck_assert_str_eq(ask("echo alive\n"), "[alive]\n");
    finish();
}
END_TEST

START_TEST(who_says_nothing_is_closed_but_not_who_waits_for_an_answer)
{
    begin_with((struct control_options){.timeout = span_ms(50)}, CONTROL_ADMIN);
    int waiting = dial(), silent = dial();
    say(waiting, "later\n");
    say(silent, "ech"); /* begun but not ended */
    ck_assert_str_eq(hear(silent), "");
    ck_assert_uint_eq(control_stats(server).timeouts, 1);
    silent = dial(); /* nor is it enough to say a little now and then */
    answer_len = 0;
    for (int i = 0; i < 500 && !at_end(silent); i++) {
        send(silent, "x", 1, MSG_NOSIGNAL);
        turn_for(span_ms(10));
    }
    close(silent);
    ck_assert_uint_eq(control_stats(server).timeouts, 2);
    turn_for(span_ms(80));
    ck_assert_int_eq(gone, 0);
    control_end(held);
    ck_assert_str_eq(hear(waiting), "begun\n");
    finish();
}
END_TEST

START_TEST(a_line_of_a_mebibyte_is_refused_in_words)
{
    size_t len = 1 << 20, sent = 0;
    char *line = malloc(len);

    memset(line, 'x', len);
    begin();
    int fd = dial();
    answer_len = 0;
    for (bool end = false; !end;) {
        ssize_t n = sent < len ? send(fd, line + sent, len - sent, MSG_NOSIGNAL) : 0;
        sent += (size_t)MAX(n, 0);
        turns_until(loop, (end = at_end(fd)) || sent < len);
        turns_once(loop);
    }
    ck_assert_str_eq(answer, "error: the line is longer than 16384 bytes\n");
    ck_assert_uint_eq(control_stats(server).long_lines, 1);
    close(fd);
    free(line);
    fd = dial();
    ck_assert_int_eq(send(fd, "ec\0ho\n", 6, 0), 6);
    ck_assert_str_eq(hear(fd), "error: the line holds a NUL byte\n");
    turns_until(loop, control_stats(server).clients == 0);
    finish();
}
END_TEST

START_TEST(too_many_clients_are_told_so)
{
    begin_with((struct control_options){.clients_max = 2}, CONTROL_ADMIN);
    int a = dial(), b = dial();
    turns_until(loop, control_stats(server).clients == 2);
    ck_assert_str_eq(ask("echo\n"), "error: too many clients on the control socket\n");
    ck_assert_uint_eq(control_stats(server).refused, 1);
    close(a);
    turns_until(loop, control_stats(server).clients == 1);
    ck_assert_str_eq(ask("echo x\n"), "[x]\n");
    close(b);
    finish();
}
END_TEST

/* --- HAProxy's framing --- */

START_TEST(haproxy_lines_hold_several_commands_and_replies_end_with_an_empty_line)
{
    static const struct {
        const char *line, *answer;
    } rows[] = {
        {"echo a\n", "[a]\n\n"},
        {"echo a;echo b\n", "[a]\n\n[b]\n\n"},
        {"echo a ; echo b", "[a]\n\n[b]\n\n"},
        {"echo a\necho b\n", "[a]\n\n[b]\n\n"},
        {"echo a\\;b c\\ d 'e f' \\\\\n", "[a;b] [c d] ['e] [f'] [\\]\n\n"},
        {"echo --json\n", "[--json]\n\n"},
        {"fail x\n", "no \"x\" here\n\n"},
        {"user;maintenance on\n", "\nPermission denied\n\n"},
        {"prompt\necho a;echo b\nquit\n", "\n> [a]\n\n> [b]\n\n> \n> "},
        {"prompt\n\nprompt\n", "\n> \n> \n"},
        {"quit;echo a\n", "\n"},
        {"maintenance x\n",
         "Unknown command, but maybe one of the following ones is a better match:\n"
         "  maintenance on                          : go\n"
         "  maintenance off                         : come back\n\n"},
    };
    begin_haproxy();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ck_assert_str_eq(ask(rows[i].line), rows[i].answer);
    ask("xyzzy\n");
    ck_assert_int_eq(strncmp(answer,
                             "Unknown command. Please enter one of the following commands "
                             "only:\n  echo [WORD...] ",
                             70),
                     0);
    finish();
}
END_TEST

START_TEST(haproxy_interactive_mode_stays_open)
{
    begin_haproxy();
    int fd = dial();
    say(fd, "echo a;"); /* the line is not over yet */
    answer_len = 0;
    turns_until(loop, has(fd, "[a]\n\n"));
    turns_once(loop);
    ck_assert(!at_end(fd));
    say(fd, "echo b\n");
    ck_assert_str_eq(hear(fd), "[b]\n\n");
    fd = dial();
    answer_len = 0;
    say(fd, "prompt\n");
    turns_until(loop, has(fd, "\n> "));
    say(fd, "echo a\n");
    turns_until(loop, has(fd, "[a]\n\n> "));
    say(fd, "later;echo b\n");
    turns_until(loop, held && has(fd, "begun\n"));
    ck_assert(!has(fd, "[b]")); /* in order, though the first takes its time */
    control_end(held);
    turns_until(loop, has(fd, "[b]\n\n> "));
    say(fd, "quit\n");
    hear(fd);
    finish();
}
END_TEST

/* --- sockets --- */

static int try_listen(const struct control_unix *at, struct err *e)
{
    struct control_listener *l;
    int r = control_listen_unix(server, at, &l, e);

    if (r == 0)
        control_unlisten(l);
    return r;
}

START_TEST(a_dead_socket_is_replaced_and_a_live_one_or_a_file_is_not)
{
    char other[80], expected[200];
    struct control_unix at = {.path = other};
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    struct err e = {""};

    begin();
    snprintf(other, sizeof(other), "%s-other", path);
    strcpy(sun.sun_path, other);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
    listen(fd, 1);
    ck_assert_int_eq(try_listen(&at, &e), -EADDRINUSE);
    snprintf(expected, sizeof(expected),
             "the control socket %s is in use: another process answers there", other);
    ck_assert_str_eq(e.text, expected);
    close(fd); /* its owner was killed: the file stays */
    ck_assert_int_eq(access(other, F_OK), 0);
    ck_assert_msg(try_listen(&at, &e) == 0, "%s", e.text);
    ck_assert_int_eq(access(other, F_OK), -1);

    fd = open(other, O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    ck_assert_int_eq(try_listen(&at, &e), -EEXIST);
    unlink(other);
    at.path = "/no/such/dir/socket";
    ck_assert_int_eq(try_listen(&at, &e), -ENOENT);
    char long_path[200] = "/";
    memset(long_path + 1, 'x', sizeof(long_path) - 2);
    at.path = long_path;
    ck_assert_int_eq(try_listen(&at, &e), -ENAMETOOLONG);
    finish();
}
END_TEST

START_TEST(the_socket_has_the_mode_asked_and_goes_only_if_it_is_ours)
{
    char other[80];
    struct control_unix at = {.path = other, .mode = 0660, .set_owner = true};
    struct control_listener *l;
    struct stat st;
    struct err e = {""};

    begin();
    stat(path, &st);
    ck_assert_uint_eq(st.st_mode & 07777, 0600);
    snprintf(other, sizeof(other), "%s-other", path);
    at.uid = geteuid();
    at.gid = getegid();
    mode_t mask = umask(0);
    ck_assert_int_eq(control_listen_unix(server, &at, &l, &e), 0);
    umask(mask);
    stat(other, &st);
    ck_assert_uint_eq(st.st_mode & 07777, 0660);
    unlink(other); /* a successor takes the path */
    int fd = open(other, O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    control_unlisten(l);
    ck_assert_int_eq(access(other, F_OK), 0);
    unlink(other);
    finish();
}
END_TEST

START_TEST(tcp_serves_too_with_its_own_level)
{
    struct addr_port at;
    struct sockaddr_storage ss;
    struct err e = {""};
    char where[ADDR_TEXT_MAX], expected[128];

    begin();
    ck_assert(addr_port_parse("127.0.0.1:0", &at));
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = addr_to_sockaddr(&at.addr, at.port, &ss);
    ck_assert_int_eq(bind(listening, (struct sockaddr *)&ss, len), 0);
    listen(listening, 1);
    len = sizeof(ss);
    getsockname(listening, (struct sockaddr *)&ss, &len);
    ck_assert(addr_from_sockaddr((struct sockaddr *)&ss, &at));
    /* Somebody has it already. */
    ck_assert_int_eq(control_listen_tcp(server, &at, CONTROL_USER, NULL, &e), -EADDRINUSE);
    snprintf(expected, sizeof(expected), "cannot listen on %s: Address already in use",
             addr_port_format(&at, where));
    ck_assert_str_eq(e.text, expected);
    ck_assert_int_eq(control_listen_fd(server, listening, CONTROL_USER, NULL, &e), 0);

    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&ss, len), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    say(fd, "who\nand more that nobody will read\n");
    hear(fd);
    ck_assert_msg(strncmp(answer, "127.0.0.1:", 10) == 0 && strstr(answer, " level 0\n"), "%s",
                  answer);
    finish();
}
END_TEST

/* --- the tools' half --- */

static void stop_server(struct loop_msg *msg)
{
    loop_stop(loop);
}

static void *serve(void *ctx)
{
    loop_run(loop, NULL);
    return NULL;
}

/* Runs ctl_run() in a process of its own: its exit status, and what it printed on both outputs. */
static int tool(const char *line, const char *socket, char *out, size_t size)
{
    int fd = memfd_create("out", MFD_CLOEXEC), how;

    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fd, 1);
        dup2(fd, 2);
        _exit(ctl_run(&(struct ctl_call){.tool = "vrrpctl",
                                         .daemon = "vrrpd",
                                         .socket = socket,
                                         .line = line,
                                         .timeout = span_s(5)}));
    }
    waitpid(pid, &how, 0);
    ssize_t n = pread(fd, out, size - 1, 0);
    out[MAX(n, 0)] = '\0';
    close(fd);
    return WIFEXITED(how) ? WEXITSTATUS(how) : -1;
}

START_TEST(the_tool_prints_the_answer_and_its_exit_status_says_how_it_went)
{
    static const struct {
        const char *line, *out;
        int status;
    } rows[] = {
        {"echo a b", "[a] [b]\n", CTL_OK},
        {"echo", "\n", CTL_OK},
        {"fail x", "vrrpctl: no \"x\" here\n", CTL_ERROR},
        {"fail x --json", "{\"error\":\"no \\\"x\\\" here\"}\n", CTL_ERROR},
        {"echo error:", "[error:]\n", CTL_OK},
        {"user", "", CTL_OK},
    };
    struct loop_msg stop = {.fn = stop_server};
    pthread_t thread;
    char out[1024];
    struct buf b cleanup(buf_fini) = BUF_INIT(1 << 20);
    struct err e = {""};

    begin();
    pthread_create(&thread, NULL, serve, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int status = tool(rows[i].line, path, out, sizeof(out));
        ck_assert_str_eq(out, rows[i].out);
        ck_assert_int_eq(status, rows[i].status);
    }
    struct ctl_call call = {.tool = "t", .daemon = "vrrpd", .socket = path, .line = "big 100000"};
    ck_assert_int_eq(ctl_ask(&call, &b, &e), CTL_OK);
    ck_assert_uint_eq(b.len, 800000);
    call.line = "fail y";
    buf_clear(&b);
    ck_assert_int_eq(ctl_ask(&call, &b, &e), CTL_ERROR);
    ck_assert_str_eq(buf_cstr(&b), "error: no \"y\" here\n");
    call.line = "later";
    call.timeout = span_ms(50);
    ck_assert_int_eq(ctl_ask(&call, &b, &e), -ETIMEDOUT);
    ck_assert_msg(strncmp(e.text, "vrrpd does not answer on ", 25) == 0, "%s", e.text);
    loop_post(loop, &stop);
    pthread_join(thread, NULL);
    finish();
}
END_TEST

START_TEST(a_daemon_that_cannot_be_reached_is_told_with_what_to_do)
{
    char out[512], expected[512];
    struct sockaddr_un sun = {.sun_family = AF_UNIX};

    ck_assert_int_eq(tool("x", "/no/such/socket", out, sizeof(out)), CTL_USAGE);
    ck_assert_str_eq(out,
                     "vrrpctl: cannot reach vrrpd: there is no socket /no/such/socket. Is vrrpd "
                     "running? Try: systemctl status vrrpd\n");
    choose_path();
    strcpy(sun.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
    close(fd);
    ck_assert_int_eq(tool("x", path, out, sizeof(out)), CTL_USAGE);
    snprintf(expected, sizeof(expected),
             "vrrpctl: cannot reach vrrpd: nobody listens on %s. Is vrrpd running? Try: systemctl "
             "status vrrpd\n",
             path);
    ck_assert_str_eq(out, expected);
    unlink(path);
}
END_TEST

START_TEST(words_reach_the_server_as_the_shell_gave_them)
{
    char *words[] = {"echo",  "plain",         "two words", "",    "it's",
                     "\"q\"", "back\\\\slash", "end\\",     "$x;*"};
    struct buf line cleanup(buf_fini) = BUF_INIT(0);
    struct err e = {""};

    begin();
    ck_assert(ctl_line(&line, ARRAY_LEN(words), words, &e));
    buf_char(&line, '\n');
    ck_assert_str_eq(ask(buf_cstr(&line)),
                     "[plain] [two words] [] [it's] [\"q\"] [back\\\\slash] [end\\] [$x;*]\n");
    words[1] = "a\nb";
    ck_assert(!ctl_line(&line, 2, words, &e));
    ck_assert_str_eq(e.text, "argument 2 holds a line break");
    finish();
}
END_TEST

#define ROW(TITLE, TEST)                                                                           \
    {                                                                                              \
        TITLE, &TEST                                                                               \
    }

static const struct test_row tests[] = {
    ROW("one line gets one answer and the end", one_line_gets_one_answer_and_the_end),
    ROW("an unknown command names the nearest and what there is",
        an_unknown_command_names_the_nearest_and_what_there_is),
    ROW("help lists what the level allows", help_lists_what_the_level_allows),
    ROW("the asker is known", the_asker_is_known),
    ROW("a large answer arrives whole", a_large_answer_arrives_whole),
    ROW("an answer may come later and in parts", an_answer_may_come_later_and_in_parts),
    ROW("the command is told when its client goes away",
        the_command_is_told_when_its_client_goes_away),
    ROW("a command runs although its client did not wait",
        a_command_runs_although_its_client_did_not_wait),
    ROW("an answer larger than the limit is made bit by bit",
        an_answer_larger_than_the_limit_is_made_bit_by_bit),
    ROW("who does not read is closed", who_does_not_read_is_closed),
    ROW("who says nothing is closed, but not who waits for an answer",
        who_says_nothing_is_closed_but_not_who_waits_for_an_answer),
    ROW("a line of a mebibyte is refused in words", a_line_of_a_mebibyte_is_refused_in_words),
    ROW("too many clients are told so", too_many_clients_are_told_so),
    ROW("HAProxy framing: several commands a line, an empty line behind each reply",
        haproxy_lines_hold_several_commands_and_replies_end_with_an_empty_line),
    ROW("HAProxy framing: the interactive mode stays open", haproxy_interactive_mode_stays_open),
    ROW("a dead socket is replaced, a live one or a file is not",
        a_dead_socket_is_replaced_and_a_live_one_or_a_file_is_not),
    ROW("the socket has the mode asked and goes only if it is ours",
        the_socket_has_the_mode_asked_and_goes_only_if_it_is_ours),
    ROW("TCP serves too, with its own level", tcp_serves_too_with_its_own_level),
    ROW("the tool prints the answer, and its exit status says how it went",
        the_tool_prints_the_answer_and_its_exit_status_says_how_it_went),
    ROW("a daemon that cannot be reached is told with what to do",
        a_daemon_that_cannot_be_reached_is_told_with_what_to_do),
    ROW("words reach the server as the shell gave them",
        words_reach_the_server_as_the_shell_gave_them),
};

int main(void)
{
    return suite_main("control", tests, ARRAY_LEN(tests));
}
