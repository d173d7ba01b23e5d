/* Talking to whoever started the daemon: sd_notify(3) by hand (it is one datagram), or a pipe to
 * the parent that waits for a daemon without supervisor. */
#include "common/base/parse.h"
#include "common/rt/loop.h"
#include "common/rt/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOTIFY_MAX 2048

/* "/run/systemd/notify", or "@name" for an abstract one. Returns the length, 0 if it is neither. */
static socklen_t notify_address(const char *name, struct sockaddr_un *sun)
{
    size_t len = strlen(name);

    *sun = (struct sockaddr_un){.sun_family = AF_UNIX};
    if ((name[0] != '/' && name[0] != '@') || len < 2 || len >= sizeof(sun->sun_path))
        return 0;
    memcpy(sun->sun_path, name, len);
    if (name[0] == '@')
        sun->sun_path[0] = '\0';
    else
        len++;
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
}

static bool notify_send(const char *text, size_t len)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un sun;
    socklen_t size = name ? notify_address(name, &sun) : 0;

    if (!size)
        return false;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    ssize_t n =
        sendto(fd, text, len, MSG_NOSIGNAL, (const struct sockaddr *)(const void *)&sun, size);
    close(fd);
    return n == (ssize_t)len;
}

bool process_notify(const char *fmt, ...)
{
    char text[NOTIFY_MAX];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text) - 64, fmt, ap);
    va_end(ap);
    if (n < 0)
        return false;
    size_t len = strlen(text);
    /* Type=notify-reload wants to know when (systemd.service(5)). */
    if (strncmp(text, "RELOADING=1", 11) == 0)
        len +=
            (size_t)snprintf(text + len, 64, "\nMONOTONIC_USEC=%lld", (long long)loop_clock().us);
    return notify_send(text, len);
}

struct span process_watchdog(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    int64_t us, whose;

    if (!usec || !parse_int(usec, 1, INT64_MAX / 2, &us))
        return span_us(0);
    if (pid && (!parse_int(pid, 1, INT32_MAX, &whose) || whose != getpid()))
        return span_us(0);
    return span_us(us);
}

/* --- daemons --- */

static int ready_fd = -1;

/* The parent's end: one byte is the status, none means that the child died. */
static _Noreturn void await_daemon(int fd, pid_t child)
{
    unsigned char status = 1;
    ssize_t n;

    do {
        n = read(fd, &status, 1);
    } while (n < 0 && errno == EINTR);
    if (n != 1) {
        int how = 0;
        waitpid(child, &how, 0);
        status = WIFEXITED(how) && WEXITSTATUS(how) ? (unsigned char)WEXITSTATUS(how) : 1;
    }
    _exit(status);
}

int process_daemonize(struct err *e)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set(e, -errno, "cannot go to the background: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0) {
        int code = -errno;
        close(ends[0]);
        close(ends[1]);
        return err_set(e, code, "cannot go to the background: %s", strerror(-code));
    }
    if (pid > 0) {
        close(ends[1]);
        await_daemon(ends[0], pid);
    }
    close(ends[0]);
    ready_fd = ends[1];
    setsid();
    if (chdir("/") < 0)
        return err_set(e, -errno, "cannot change to /: %s", strerror(errno));
    return 0;
}

static void leave_terminal(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    for (int i = 0; fd >= 0 && i < 3; i++)
        dup2(fd, i);
    if (fd > 2)
        close(fd);
}

void process_daemon_ready(int status)
{
    unsigned char byte = (unsigned char)status;

    if (ready_fd < 0)
        return;
    if (status == 0)
        leave_terminal();
    while (write(ready_fd, &byte, 1) < 0 && errno == EINTR)
        ;
    close(ready_fd);
    ready_fd = -1;
}
