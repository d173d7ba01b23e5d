/*
 * lbctl: sends a command to lb and prints the answer. 0: done, 1: lb said no, 2: wrong use, or lb
 * could not be reached.
 */
#include "common/rt/ctl_client.h"
#include "lb/config.h"

#include <stdio.h>
#include <string.h>

static int usage(FILE *to, int status)
{
    fputs("Usage: lbctl [-s SOCKET] COMMAND [--json]\n"
          "  lbctl show                          listeners, pools and servers\n"
          "  lbctl ready|drain|maint POOL/SERVER\n"
          "  lbctl reload\n"
          "  lbctl help                          all commands\n",
          to);
    return status;
}

int main(int argc, char **argv)
{
    struct buf line cleanup(buf_fini) = BUF_INIT(16384);
    const char *socket = CONFIG_SOCKET_DEFAULT;
    struct err e;

    argc--;
    argv++;
    if (argc >= 2 && strcmp(argv[0], "-s") == 0) {
        socket = argv[1];
        argc -= 2;
        argv += 2;
    }
    if (argc == 0)
        return usage(stderr, CTL_USAGE);
    if (strcmp(argv[0], "-h") == 0 || strcmp(argv[0], "--help") == 0)
        return usage(stdout, CTL_OK);
    if (!ctl_line(&line, argc, argv, &e)) {
        fprintf(stderr, "lbctl: %s\n", e.text);
        return CTL_USAGE;
    }
    return ctl_run(&(struct ctl_call){
        .tool = "lbctl",
        .daemon = "lb",
        .socket = socket,
        .line = buf_cstr(&line),
        .timeout = span_s(30),
    });
}
