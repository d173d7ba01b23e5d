/*
 * lb: options, start, exit code. 0: fine, 1: the configuration or the start failed, 2: wrong use.
 */
#include "common/rt/log.h"
#include "common/rt/process.h"
#include "lb/config.h"
#include "lb/engine.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

struct options {
    const char *path;
    bool test, schema;
};

static void usage(FILE *to)
{
    fputs("Usage: lb [-t] [-f FILE]\n"
          "The HTTP and TCP balancer.\n"
          "  -f, --file FILE  configuration (default " CONFIG_PATH_DEFAULT ")\n"
          "  -t, --test       only checks it\n"
          "      --schema     prints its JSON Schema\n"
          "  -v, --version    prints the version\n"
          "  -h, --help       prints this\n"
          "Signals: TERM ends it gracefully, INT at once, HUP reads the configuration anew, USR1\n"
          "opens log files anew.\n",
          to);
}

static int print_schema(void)
{
    struct buf out cleanup(buf_fini) = BUF_INIT(1 << 20);

    conf_table_schema(&config_table, "lb.json", &out);
    fputs(buf_cstr(&out), stdout);
    return 0;
}

/* The configuration, or NULL with the reasons on standard error. */
static struct config *load(const char *path)
{
    struct conf_report report = {0};
    struct buf text cleanup(buf_fini) = BUF_INIT(1 << 16);
    struct err e = {""};
    struct config *c = config_load(path, &report, &e);

    conf_report_render(&report, &text);
    fputs(buf_cstr(&text), stderr);
    if (!c)
        fprintf(stderr, "lb: %s\n", e.text);
    if (!report.errors)
        return c;
    config_free(c);
    return NULL;
}

static int serve(const struct options *o, struct config *c)
{
    struct engine_options options = {.path = o->path, .load = config_load};
    struct engine *engine;
    struct err e = {""};
    int result;

    log_init("lb", (enum log_level)c->log_level, LOG_TARGET_AUTO);
    result = engine_new(&engine, c, &options, &e);
    if (result == 0) {
        process_notify("READY=1");
        log_notice("ready");
        result = engine_run(engine, &e);
        engine_free(engine);
    }
    if (result < 0)
        log_err("%s", e.text);
    return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* -1: go on. */
static int parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        {"file", required_argument, NULL, 'f'}, {"test", no_argument, NULL, 't'},
        {"schema", no_argument, NULL, 's'},     {"version", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},       {NULL, 0, NULL, 0},
    };
    int c;

    while ((c = getopt_long(argc, argv, "f:tvh", longs, NULL)) != -1) {
        if (c == 'f')
            o->path = optarg;
        else if (c == 't')
            o->test = true;
        else if (c == 's')
            o->schema = true;
        else if (c == 'v')
            return puts("lb " LB_VERSION), 0;
        else
            return usage(c == 'h' ? stdout : stderr), c == 'h' ? 0 : 2;
    }
    if (optind == argc)
        return -1;
    fprintf(stderr, "lb: what is \"%s\"?\n", argv[optind]);
    return 2;
}

int main(int argc, char **argv)
{
    struct options o = {.path = CONFIG_PATH_DEFAULT};
    int status = parse(argc, argv, &o);

    if (status >= 0)
        return status;
    if (o.schema)
        return print_schema();
    struct config *c = load(o.path);
    if (!c)
        return EXIT_FAILURE;
    if (!o.test)
        return serve(&o, c);
    config_free(c);
    printf("%s is valid\n", o.path);
    return EXIT_SUCCESS;
}
