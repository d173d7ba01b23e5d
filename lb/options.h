/*
 * lb's command line: its own long options, and those of HAProxy that scripts and unit files use.
 */
#pragma once

#include "lb/config_file.h"

#include <stdbool.h>
#include <stdio.h>

enum options_job {
    OPTIONS_SERVE,
    OPTIONS_TEST,    /* -t, -c: only check */
    OPTIONS_CONVERT, /* print the native form */
    OPTIONS_SCHEMA,
    OPTIONS_VERSION,
    OPTIONS_HELP,
};

struct options {
    enum options_job job;
    struct config_files files;
    const char *control;  /* -s: instead of the configuration's */
    const char *pid_file; /* -p */
    bool daemon;          /* -D */
    bool quiet;           /* -q */
    bool foreground;      /* -d, -db: whatever the configuration says */
    bool took_check;      /* -c was said, not -t: HAProxy's words are expected */
};

/* 0, or -EINVAL with the reason on standard error. */
int options_parse(int argc, char **argv, struct options *o);

void options_usage(FILE *to);
