/*
 * vrrpd: options, start, exit code.
 */
#include "common/base/buf.h"
#include "common/rt/log.h"
#include "common/rt/loop.h"
#include "common/rt/process.h"
#include "vrrpd/config.h"
#include "vrrpd/engine.h"
#include "vrrpd/guardian.h"
#include "vrrpd/privileges.h"
#include "vrrpd/reload.h"
#include "vrrpd/version.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: vrrpd [-f FILE] [-t] [OPTION ...]\n"
    "\n"
    "  -f, --config FILE    configuration, vrrpd.json or keepalived.conf\n"
    "                       (" CONFIG_PATH_DEFAULT ")\n"
    "  -t, --test           check the configuration and exit: 0 it can be run, 1 not\n"
    "      --convert        print the configuration in the native form and exit\n"
    "      --schema         print the JSON Schema of the configuration\n"
    "      --version        print the version\n"
    "  -h, --help           print this\n"
    "\n"
    "It stays in the foreground and logs to standard error. SIGHUP reloads, SIGTERM stops.\n";

struct options {
    const char *config;
    bool test, convert;
};

static int print_schema(void)
{
    struct buf out cleanup(buf_fini) = {0};

    conf_table_schema(&config_table, "vrrpd", &out);
    fputs(buf_cstr(&out), stdout);
    return EXIT_SUCCESS;
}

/* -1: go on; else the exit status. */
static int parse_options(int argc, char **argv, struct options *o)
{
    enum { SCHEMA = 256, VERSION, CONVERT };
    static const struct option rows[] = {{"config", required_argument, NULL, 'f'},
                                         {"test", no_argument, NULL, 't'},
                                         {"convert", no_argument, NULL, CONVERT},
                                         {"schema", no_argument, NULL, SCHEMA},
                                         {"version", no_argument, NULL, VERSION},
                                         {"help", no_argument, NULL, 'h'},
                                         {0}};
    int c;

    while ((c = getopt_long(argc, argv, "f:th", rows, NULL)) != -1) {
        if (c == 'f') {
            o->config = optarg;
        } else if (c == 't') {
            o->test = true;
        } else if (c == CONVERT) {
            o->convert = true;
        } else if (c == SCHEMA) {
            return print_schema();
        } else if (c == VERSION) {
            puts("vrrpd " VRRPD_VERSION);
            return EXIT_SUCCESS;
        } else {
            fputs(usage, c == 'h' ? stdout : stderr);
            return c == 'h' ? EXIT_SUCCESS : 2;
        }
    }
    if (optind + 1 == argc && o->convert)
        o->config = argv[optind++];
    if (optind == argc)
        return -1;
    fprintf(stderr, "vrrpd: what is \"%s\"?\n%s", argv[optind], usage);
    return 2;
}

/* NULL, and everything said, if it cannot be run. */
static struct config *load(const char *path)
{
    struct conf_report *report = calloc(1, sizeof(*report));
    struct buf text cleanup(buf_fini) = {0};
    struct config *c = NULL;

    if (!report)
        return NULL;
    int err = config_load(path, &c, report);
    conf_report_render(report, &text);
    fputs(buf_cstr(&text), stderr);
    free(report);
    if (!err)
        return c;
    config_free(c);
    return NULL;
}

static void print_loaded(const struct options *o, const struct config *c)
{
    struct buf out cleanup(buf_fini) = {0};

    if (o->convert)
        config_print(c, &out);
    else
        buf_printf(&out, "%s can be run\n", o->config);
    fputs(buf_cstr(&out), stdout);
}

/* ---- running ---- */

static void on_term(void *ctx, const struct signalfd_siginfo *info)
{
    engine_stop(ctx, info->ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
}

static void on_hup(void *ctx, const struct signalfd_siginfo *info)
{
    struct buf out cleanup(buf_fini) = BUF_INIT(65536);

    if (reload(ctx, &out) < 0)
        fputs(buf_cstr(&out), stderr);
}

static int take_signals(struct loop *loop, struct engine *e, struct err *err)
{
    int r = loop_signal(loop, SIGTERM, on_term, e, err);

    r = r ? r : loop_signal(loop, SIGINT, on_term, e, err);
    return r ? r : loop_signal(loop, SIGHUP, on_hup, e, err);
}

static int run(const char *path, struct config *c, struct guardian *g, struct err *err)
{
    struct loop *loop = NULL;
    struct engine *e = NULL;
    int r = privileges_drop(c, err);

    if (g)
        guardian_hold_on();
    r = r ? r : loop_new(&loop, err);
    if (r)
        config_free(c);
    else
        r = engine_new(&e, loop, path, c, g, err);
    if (!r)
        r = take_signals(loop, e, err);
    process_timer_slack(span_us(1), NULL);
    if (!r) {
        process_notify("READY=1");
        r = loop_run(loop, err);
        process_notify("STOPPING=1");
    }
    engine_free(e);
    loop_free(loop);
    return r;
}

/* From here on there is a guardian, if it is wanted. A daemon that it starts again reads the file
 * anew; should that be broken now, the last good one serves. */
static int guard(const struct options *o, struct config **c, struct guardian **g, struct err *err)
{
    int r = (*c)->guardian ? guardian_start(g, CONFIG_INSTANCES_MAX, err) : 0;

    if (r < 0 || !*g || !(*g)->restarts)
        return r;
    struct config *fresh = load(o->config);
    if (!fresh) {
        log_err("%s cannot be used now; running the configuration from before", o->config);
        return 0;
    }
    config_free(*c);
    config_forget_text(fresh);
    *c = fresh;
    return 0;
}

int main(int argc, char **argv)
{
    struct options o = {.config = CONFIG_PATH_DEFAULT};
    struct guardian *guardian = NULL;
    struct err err = {0};
    int status = parse_options(argc, argv, &o);

    if (status >= 0)
        return status;
    struct config *c = load(o.config);
    if (!c)
        return EXIT_FAILURE;
    if (o.test || o.convert) {
        print_loaded(&o, c);
        config_free(c);
        return EXIT_SUCCESS;
    }
    config_forget_text(c);
    signal(SIGPIPE, SIG_IGN);
    log_init("vrrpd", (enum log_level)c->log, LOG_TARGET_AUTO);
    if (guard(&o, &c, &guardian, &err) < 0 || run(o.config, c, guardian, &err) < 0) {
        log_err("%s", err.text);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
