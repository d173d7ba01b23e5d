/*
 * lb: options, start, exit code. 0: fine, 1: the configuration or the start failed, 2: wrong use.
 */
#include "common/rt/log.h"
#include "common/rt/process.h"
#include "lb/config_file.h"
#include "lb/engine.h"
#include "lb/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_schema(void)
{
    struct buf out cleanup(buf_fini) = BUF_INIT(1 << 20);

    conf_table_schema(&config_table, "lb.json", &out);
    fputs(buf_cstr(&out), stdout);
    return EXIT_SUCCESS;
}

static int print_native(const struct config *c)
{
    struct buf out cleanup(buf_fini) = BUF_INIT(64 << 20);

    conf_table_print(&config_table, c, &out);
    fputs(buf_cstr(&out), stdout);
    return out.lost ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The configuration, or NULL with the reasons on standard error. */
static struct config *load(const struct options *o)
{
    struct conf_report report = {0};
    struct buf text cleanup(buf_fini) = BUF_INIT(1 << 16);
    struct err e = {""};
    struct config *c = config_files_load(&o->files, &report, &e);

    conf_report_render(&report, &text);
    if (report.errors || !o->quiet)
        fputs(buf_cstr(&text), stderr);
    if (!c)
        fprintf(stderr, "lb: %s\n", e.text);
    if (!report.errors)
        return c;
    config_free(c);
    return NULL;
}

static struct config *load_again(void *ctx, struct conf_report *r, struct err *e)
{
    return config_files_load(ctx, r, e);
}

static void free_text(char **text)
{
    free(*text);
}

static int serve(struct options *o, struct config *c)
{
    struct engine_options options = {.name = o->files.paths[0],
                                     .control = o->control,
                                     .load = load_again,
                                     .load_ctx = &o->files};
    const char *pid_path = o->pid_file ? o->pid_file : c->pid_file;
    char *pid_file cleanup(free_text) = pid_path ? strdup(pid_path) : NULL;
    bool background = (o->daemon || c->daemon) && !o->foreground;
    struct engine *engine;
    struct err e = {""};
    int result = 0, pid_fd = -1;

    log_init("lb", o->quiet ? LOG_LEVEL_ERR : (enum log_level)c->log_level, LOG_TARGET_AUTO);
    if (background)
        result = process_daemonize(&e);
    if (result == 0 && pid_file)
        result = pid_fd = process_pid_file(pid_file, &e);
    if (result < 0)
        config_free(c);
    else
        result = engine_new(&engine, c, &options, &e);
    if (result == 0) {
        process_notify("READY=1");
        log_notice("ready");
        if (background)
            process_daemon_ready(EXIT_SUCCESS);
        result = engine_run(engine, &e);
        engine_free(engine);
    }
    if (pid_fd >= 0)
        process_pid_file_remove(pid_file, pid_fd);
    if (result < 0)
        log_err("%s", e.text);
    return result < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int with_configuration(struct options *o)
{
    struct config *c = load(o);
    int status = EXIT_SUCCESS;

    if (!c)
        return EXIT_FAILURE;
    if (o->job == OPTIONS_SERVE)
        return serve(o, c);
    if (o->job == OPTIONS_CONVERT)
        status = print_native(c);
    else if (o->took_check)
        puts("Configuration file is valid");
    else
        printf("%s is valid\n", o->files.paths[0]);
    config_free(c);
    return status;
}

int main(int argc, char **argv)
{
    struct options o;

    if (options_parse(argc, argv, &o) < 0)
        return 2;
    switch (o.job) {
    case OPTIONS_SERVE:
    case OPTIONS_TEST:
    case OPTIONS_CONVERT:
        return with_configuration(&o);
    case OPTIONS_SCHEMA:
        return print_schema();
    case OPTIONS_VERSION:
        puts("lb " LB_VERSION);
        return EXIT_SUCCESS;
    case OPTIONS_HELP:
        options_usage(stdout);
        return EXIT_SUCCESS;
    }
    return 2;
}
