#include "common/rt/file.h"
#include "common/rt/loop.h"
#include "common/rt/port.h"
#include "common/rt/process.h"
#include "tests/unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `fn` in a process of its own, since what it does cannot be undone; returns how that ended.
 */
static int apart(int (*fn)(void))
{
    int how;
    pid_t pid = fork();

    if (pid == 0) {
        int r = fn();
        fflush(stdout);
        _exit(r);
    }
    ck_assert_int_eq(waitpid(pid, &how, 0), pid);
    return WIFEXITED(how) ? WEXITSTATUS(how) : -WTERMSIG(how);
}

/* --- the supervisor --- */

/* Listens as systemd does; `name` begins with @ for an abstract socket. */
static int supervisor(const char *name)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));

    memcpy(sun.sun_path, name, strlen(name));
    if (name[0] == '@')
        sun.sun_path[0] = '\0';
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&sun, len), 0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

static const char *heard(int fd)
{
    static char text[4096];
    ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

    text[MAX(n, 0)] = '\0';
    return text;
}

START_TEST(the_supervisor_hears_by_path_and_by_abstract_name)
{
    char names[2][64];

    snprintf(names[0], sizeof(names[0]), "/tmp/test-notify-%d", (int)getpid());
    snprintf(names[1], sizeof(names[1]), "@test-notify-%d", (int)getpid());
    for (int i = 0; i < 2; i++) {
        int fd = supervisor(names[i]);
        ck_assert(process_notify("READY=1\nSTATUS=%s is %s", "web", "ACTIVE"));
        ck_assert_str_eq(heard(fd), "READY=1\nSTATUS=web is ACTIVE");
        int64_t before = loop_clock().us, said = 0;
        ck_assert(process_notify("RELOADING=1"));
        ck_assert_int_eq(sscanf(heard(fd), "RELOADING=1\nMONOTONIC_USEC=%ld", &said), 1);
        ck_assert_int_ge(said, before);
        ck_assert_int_le(said, loop_clock().us);
        close(fd);
        unlink(names[i]);
        ck_assert(!process_notify("READY=1"));
    }
    static const char *const bad[] = {"", "relative", "/", "@"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        setenv("NOTIFY_SOCKET", bad[i], 1);
        ck_assert(!process_notify("READY=1"));
    }
    unsetenv("NOTIFY_SOCKET");
    ck_assert(!process_notify("READY=1"));
}
END_TEST

START_TEST(the_watchdog_is_for_the_process_it_names)
{
    static const struct {
        const char *usec;
        int pid_off; /* from our pid; 99: not set */
        int64_t us;
    } rows[] = {
        {"3000000", 0, 3000000}, {"3000000", 99, 3000000},
        {"3000000", 1, 0},       {"0", 0, 0},
        {"soon", 0, 0},          {NULL, 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char pid[16];
        snprintf(pid, sizeof(pid), "%d", (int)getpid() + rows[i].pid_off);
        unsetenv("WATCHDOG_USEC");
        unsetenv("WATCHDOG_PID");
        if (rows[i].usec)
            setenv("WATCHDOG_USEC", rows[i].usec, 1);
        if (rows[i].pid_off != 99)
            setenv("WATCHDOG_PID", pid, 1);
        ck_assert_int_eq(process_watchdog().us, rows[i].us);
    }
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}
END_TEST

/* --- users --- */

START_TEST(users_are_found_by_name_and_number)
{
    static const struct {
        const char *user, *group;
        int r;
        unsigned uid, gid;
    } rows[] = {
        {"root", NULL, 0, 0, 0},
        {"daemon", NULL, 0, 1, 1},
        {"daemon", "root", 0, 1, 0},
        {"1", NULL, 0, 1, 1},
        {"54321", "54322", 0, 54321, 54322},
        {"54321", NULL, -ENOENT, 7, 7},
        {"nobody-like-this", NULL, -ENOENT, 7, 7},
        {"root", "no-such", -ENOENT, 7, 7},
        {"-1", NULL, -ENOENT, 7, 7},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct process_user u = {7, 7};
        struct err e = {""};
        ck_assert_int_eq(process_user(rows[i].user, rows[i].group, &u, &e), rows[i].r);
        ck_assert_uint_eq(u.uid, rows[i].uid);
        ck_assert_uint_eq(u.gid, rows[i].gid);
        ck_assert_int_eq(!e.text[0], rows[i].r == 0);
    }
}
END_TEST

static uint64_t status_hex(const char *key)
{
    struct buf b cleanup(buf_fini) = BUF_INIT(0);

    if (file_read("/proc/self/status", 1 << 16, &b, NULL) < 0)
        return UINT64_MAX;
    const char *line = strstr(buf_cstr(&b), key);
    return line ? strtoull(line + strlen(key), NULL, 16) : UINT64_MAX;
}

#define CHECK(COND)                                                                                \
    do {                                                                                           \
        if (!(COND)) {                                                                             \
            fprintf(stderr, "failed: %s\n", #COND);                                                \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

static int drop_all(void)
{
    struct err e = {""};

    CHECK(process_drop(NULL, NULL, 0, false, &e) == 0);
    CHECK(status_hex("CapPrm:") == 0 && status_hex("CapEff:") == 0);
    CHECK(status_hex("NoNewPrivs:") == 1);
    CHECK(!process_can(CAP_NET_ADMIN));
    int cap = CAP_NET_RAW;
    CHECK(process_drop(NULL, &cap, 1, false, &e) == -EPERM);
    CHECK(strncmp(e.text, "the capability cap_net_raw is missing: ", 39) == 0);
    return 0;
}

static int become_user(void)
{
    static const int caps[] = {CAP_NET_ADMIN, CAP_NET_RAW};
    struct process_user user = {65534, 65534};
    struct err e = {""};

    if (geteuid() != 0 || !process_can(CAP_SETUID) || setresuid(-1, 65534, -1) < 0)
        return 77;
    CHECK(setresuid(-1, 0, -1) == 0);
    CHECK(process_drop(&user, caps, ARRAY_LEN(caps), true, &e) == 0);
    CHECK(getuid() == 65534 && geteuid() == 65534 && getgid() == 65534 && getegid() == 65534);
    CHECK(getgroups(0, NULL) == 0);
    uint64_t both = 1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW;
    CHECK(status_hex("CapPrm:") == both && status_hex("CapEff:") == both);
    CHECK(status_hex("CapInh:") == 0 && status_hex("CapAmb:") == 0);
    CHECK(status_hex("NoNewPrivs:") == 0);
    CHECK(process_can(CAP_NET_ADMIN) && !process_can(CAP_SYS_ADMIN));
    CHECK(setresuid(0, 0, 0) < 0);
    CHECK(prctl(PR_GET_DUMPABLE) == 1);
    return 0;
}

START_TEST(privileges_are_dropped_for_good)
{
    ck_assert_int_eq(apart(drop_all), 0);
}
END_TEST

START_TEST(a_user_keeps_the_capabilities_named_and_no_other)
{
    int r = apart(become_user);

    if (r == 77)
        printf("# needs a user to become: only root outside of a user namespace has one\n");
    else
        ck_assert_int_eq(r, 0);
}
END_TEST

/* --- one instance --- */

START_TEST(a_second_instance_is_refused_by_the_number_of_the_first)
{
    char path[64], expected[128], content[32] = "";
    struct err e = {""};

    snprintf(path, sizeof(path), "/tmp/test-pid-%d", (int)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644); /* left by a crash */
    ck_assert_int_eq(write(fd, "1234567\n", 8), 8);
    close(fd);
    fd = process_pid_file(path, &e);
    ck_assert_msg(fd >= 0, "%s", e.text);
    ck_assert_int_gt(pread(fd, content, sizeof(content) - 1, 0), 0);
    snprintf(expected, sizeof(expected), "%d\n", (int)getpid());
    ck_assert_str_eq(content, expected);
    ck_assert_int_eq(process_pid_file(path, &e), -EBUSY);
    snprintf(expected, sizeof(expected), "%s is locked: it runs already as process %d", path,
             (int)getpid());
    ck_assert_str_eq(e.text, expected);
    process_pid_file_remove(path, fd);
    ck_assert_int_eq(access(path, F_OK), -1);
    ck_assert_int_eq(process_pid_file("/no/such/dir/pid", &e), -ENOENT);
    process_pid_file_remove("/no/such/dir/pid", -1);
}
END_TEST

/* --- limits --- */

static int raise_limits(void)
{
    struct rlimit rl;
    struct err e = {""};

    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = 64;
    setrlimit(RLIMIT_NOFILE, &rl);
    CHECK(process_limit_fds(32) == 64);
    CHECK(process_limit_fds(256) == 256);
    uint64_t got = process_limit_fds(UINT64_MAX / 4);
    CHECK(getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur == got && got >= 256);
    CHECK(process_oom_score(500, &e) == 0);
    CHECK(process_oom_score(5000, &e) < 0);
    CHECK(process_timer_slack(span_us(1), &e) == 0);
    CHECK(prctl(PR_GET_TIMERSLACK) == 1000);
    return 0;
}

START_TEST(limits_are_raised_as_far_as_allowed)
{
    ck_assert_int_eq(apart(raise_limits), 0);
}
END_TEST

/* --- daemons --- */

static int ends[2];

static int daemon_with(int status)
{
    struct err e;
    char byte = 'x';

    if (process_daemonize(&e) < 0)
        return 99;
    if (status < 0)
        raise(SIGKILL);
    if (getsid(0) != getpid() || (status == 0 && fcntl(STDERR_FILENO, F_GETFD) < 0))
        return 98;
    process_daemon_ready(status);
    if (write(ends[1], &byte, 1) != 1) /* it lives on after its parent */
        return 97;
    return 0;
}

static int daemon_ready(void)
{
    return daemon_with(0);
}
static int daemon_failing(void)
{
    return daemon_with(3);
}
static int daemon_dying(void)
{
    return daemon_with(-1);
}

START_TEST(the_shell_waits_until_the_daemon_is_ready)
{
    char byte;

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert_int_eq(apart(daemon_ready), 0);
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    ck_assert_int_eq(apart(daemon_failing), 3);
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    ck_assert_int_eq(apart(daemon_dying), 1);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

/* --- ports --- */

static int listen_at(const char *text, struct addr_port *at)
{
    struct sockaddr_storage ss;
    int yes = 1;

    ck_assert(addr_port_parse(text, at));
    socklen_t len = addr_to_sockaddr(&at->addr, at->port, &ss);
    int fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (ss.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&ss, len), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    len = sizeof(ss);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&ss, &len), 0);
    ck_assert(addr_from_sockaddr((struct sockaddr *)&ss, at));
    return fd;
}

START_TEST(the_process_that_holds_a_port_is_named)
{
    static const struct {
        const char *held, *wanted;
        bool collides;
    } rows[] = {
        {"127.0.0.1:0", "127.0.0.1:0", true},  {"127.0.0.1:0", "0.0.0.0:0", true},
        {"127.0.0.1:0", "127.0.0.2:0", false}, {"0.0.0.0:0", "127.0.0.9:0", true},
        {"[::1]:0", "[::1]:0", true},          {"[::1]:0", "[::]:0", true},
        {"[::1]:0", "127.0.0.1:0", false},     {"127.0.0.1:0", "[::1]:0", false},
    };
    char me[PROCESS_NAME_MAX], text[PORT_TEXT_MAX], expected[PORT_TEXT_MAX];

    ck_assert(process_name(getpid(), me));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct addr_port held, wanted;
        struct port_holder h;
        int fd = listen_at(rows[i].held, &held);
        ck_assert(addr_port_parse(rows[i].wanted, &wanted));
        wanted.port = held.port;
        bool found = port_holder(&wanted, &h);
        ck_assert_msg(found == rows[i].collides, "%s %s", rows[i].held, rows[i].wanted);
        snprintf(expected, sizeof(expected), "%s (pid %d)", me, (int)getpid());
        if (found) {
            ck_assert_str_eq(port_holder_text(&h, text), expected);
            ck_assert(addr_equal(&h.at.addr, &held.addr));
        }
        close(fd);
        ck_assert(!port_holder(&wanted, &h));
    }
}
END_TEST

#define ROW(TITLE, TEST)                                                                           \
    {                                                                                              \
        TITLE, &TEST                                                                               \
    }

static const struct test_row tests[] = {
    ROW("the supervisor hears, by path and by abstract name",
        the_supervisor_hears_by_path_and_by_abstract_name),
    ROW("the watchdog is for the process it names", the_watchdog_is_for_the_process_it_names),
    ROW("users are found by name and number", users_are_found_by_name_and_number),
    ROW("privileges are dropped for good", privileges_are_dropped_for_good),
    ROW("a user keeps the capabilities named and no other",
        a_user_keeps_the_capabilities_named_and_no_other),
    ROW("a second instance is refused by the number of the first",
        a_second_instance_is_refused_by_the_number_of_the_first),
    ROW("limits are raised as far as allowed", limits_are_raised_as_far_as_allowed),
    ROW("the shell waits until the daemon is ready", the_shell_waits_until_the_daemon_is_ready),
    ROW("the process that holds a port is named", the_process_that_holds_a_port_is_named),
};

int main(void)
{
    return suite_main("process", tests, ARRAY_LEN(tests));
}
