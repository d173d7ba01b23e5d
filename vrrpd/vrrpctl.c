/*
 * vrrpctl: hands commands to vrrpd's control socket; `probe` is a client of its own.
 */
#include "common/base/buf.h"
#include "common/rt/ctl_client.h"
#include "vrrpd/config.h"
#include "vrrpd/probe/probe.h"
#include "vrrpd/version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
    "usage: vrrpctl [-s SOCKET] COMMAND [--json]\n"
    "\n"
    "  status [INSTANCE]    what each instance is, and why\n"
    "  events [--follow] [N]\n"
    "                       the last N things that happened, and what happens from now on\n"
    "  watch [INSTANCE]     status, again each second (with --json: an object a line)\n"
    "  why [INSTANCE]       why each instance is what it is, in sentences\n"
    "  stats [INSTANCE]     counters, discarded adverts by reason\n"
    "  metrics              the same and more as OpenMetrics text\n"
    "  handover INSTANCE [--wait]\n"
    "                       let the peer have the addresses of an Active instance\n"
    "  reload               read the configuration again\n"
    "  maintenance on|off   give all addresses away and stay away until it is off\n"
    "  probe ADDR:PORT      what a client of the address sees (vrrpctl probe --help)\n"
    "  help                 what the running vrrpd knows\n"
    "\n"
    "The socket is " CONFIG_SOCKET_DEFAULT " unless -s or VRRPD_SOCKET says otherwise.\n"
    "Exit status: 0 done, 1 refused, 2 wrong use or vrrpd cannot be reached.\n";

static bool streams(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--follow") == 0 || strcmp(argv[i], "-f") == 0)
            return strcmp(argv[0], "events") == 0;
    return false;
}

static int send_command(const char *socket, int argc, char **argv)
{
    struct buf line cleanup(buf_fini) = {0};
    struct err e = {0};

    if (!ctl_line(&line, argc, argv, &e)) {
        fprintf(stderr, "vrrpctl: %s\n", e.text);
        return CTL_USAGE;
    }
    return ctl_run(&(struct ctl_call){
        .tool = "vrrpctl",
        .daemon = "vrrpd",
        .socket = socket,
        .line = buf_cstr(&line),
        .timeout = streams(argc, argv) ? span_us(0) : span_s(30),
    });
}

/* Until it is interrupted or the daemon goes away. */
static int watch(const char *socket, int argc, char **argv)
{
    struct buf line cleanup(buf_fini) = {0};
    struct err e = {0};
    int status = CTL_OK;

    argv[0] = (char[]){"status"};
    if (!ctl_line(&line, argc, argv, &e))
        status = CTL_USAGE;
    while (status == CTL_OK) {
        struct buf answer cleanup(buf_fini) = {0};
        const struct ctl_call call = {.tool = "vrrpctl",
                                      .daemon = "vrrpd",
                                      .socket = socket,
                                      .line = buf_cstr(&line),
                                      .timeout = span_s(10)};
        status = ctl_ask(&call, &answer, &e);
        if (status == CTL_ERROR)
            err_set(&e, 0, "%s", buf_cstr(&answer));
        else if (status == CTL_OK)
            printf("%s%s", isatty(STDOUT_FILENO) ? "\033[H\033[J" : "", buf_cstr(&answer));
        if (fflush(stdout) != 0)
            break;
        if (status == CTL_OK)
            sleep(1);
    }
    if (e.text[0])
        fprintf(stderr, "vrrpctl: %s\n", e.text);
    return status < 0 ? CTL_USAGE : status;
}

int main(int argc, char **argv)
{
    const char *socket = getenv("VRRPD_SOCKET");
    int at = 1;

    if (!socket || !socket[0])
        socket = CONFIG_SOCKET_DEFAULT;
    if (argc > 2 && (strcmp(argv[1], "-s") == 0 || strcmp(argv[1], "--socket") == 0)) {
        socket = argv[2];
        at = 3;
    }
    if (at >= argc || strcmp(argv[at], "-h") == 0 || strcmp(argv[at], "--help") == 0) {
        fputs(usage, at >= argc ? stderr : stdout);
        return at >= argc ? CTL_USAGE : CTL_OK;
    }
    if (strcmp(argv[at], "--version") == 0) {
        puts("vrrpctl " VRRPD_VERSION);
        return CTL_OK;
    }
    if (strcmp(argv[at], "probe") == 0)
        return probe_main(argc - at, argv + at);
    if (strcmp(argv[at], "watch") == 0)
        return watch(socket, argc - at, argv + at);
    return send_command(socket, argc - at, argv + at);
}
