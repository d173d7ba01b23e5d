#include "lb/options.h"

#include "common/base/macro.h"
#include "common/base/parse.h"

#include <errno.h>
#include <string.h>

enum option_id {
    O_FILE,
    O_TEST,
    O_CHECK,
    O_CONVERT,
    O_SCHEMA,
    O_CONTROL,
    O_DAEMON,
    O_FOREGROUND,
    O_PID_FILE,
    O_LOCAL_PEER,
    O_QUIET,
    O_VERSION,
    O_HELP,
    O_ACCEPTED, /* of HAProxy, has no meaning here */
};

static const struct option_row {
    const char *name; /* first: parse_nearest() searches the rows */
    enum option_id id;
    bool argument;
    const char *value, *help;
} rows[] = {
    {"-f", O_FILE, true, "FILE",
     "configuration, lb.json or haproxy.cfg (default " CONFIG_PATH_DEFAULT ")"},
    {"--file", O_FILE, true, NULL, NULL},
    {"-t", O_TEST, false, NULL, "only checks it"},
    {"--test", O_TEST, false, NULL, NULL},
    {"-c", O_CHECK, false, NULL, "the same, in HAProxy's words"},
    {"--convert", O_CONVERT, false, NULL, "prints it in the native form"},
    {"--schema", O_SCHEMA, false, NULL, "prints the JSON Schema of lb.json"},
    {"-s", O_CONTROL, true, "SOCKET", "path of the control socket"},
    {"--control", O_CONTROL, true, NULL, NULL},
    {"-D", O_DAEMON, false, NULL, "goes into the background"},
    {"-d", O_FOREGROUND, false, NULL, "stays in the foreground"},
    {"-db", O_FOREGROUND, false, NULL, NULL},
    {"-p", O_PID_FILE, true, "FILE", "writes its process id there"},
    {"-L", O_LOCAL_PEER, true, "NAME", "this node's name among the peers"},
    {"-q", O_QUIET, false, NULL, "says nothing but errors"},
    {"-v", O_VERSION, false, NULL, "prints the version"},
    {"-vv", O_VERSION, false, NULL, NULL},
    {"--version", O_VERSION, false, NULL, NULL},
    {"-h", O_HELP, false, NULL, "prints this"},
    {"--help", O_HELP, false, NULL, NULL},
    {"-W", O_ACCEPTED, false, NULL, NULL},
    {"-Ws", O_ACCEPTED, false, NULL, NULL},
    {"-S", O_ACCEPTED, true, NULL, NULL},
    {"-V", O_ACCEPTED, false, NULL, NULL},
    {"-n", O_ACCEPTED, true, NULL, NULL},
    {"-N", O_ACCEPTED, true, NULL, NULL},
    {"-m", O_ACCEPTED, true, NULL, NULL},
    {"-dM", O_ACCEPTED, false, NULL, NULL},
    {"-dr", O_ACCEPTED, false, NULL, NULL},
    {"-dS", O_ACCEPTED, false, NULL, NULL},
};

void options_usage(FILE *to)
{
    fputs("Usage: lb [OPTION]... [-f FILE]...\nThe HTTP and TCP balancer.\n", to);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].help)
            fprintf(to, "  %-10s %-7s %s\n", rows[i].name, rows[i].value ? rows[i].value : "",
                    rows[i].help);
    fputs("Signals: TERM ends it gracefully, INT at once, HUP reads the configuration anew, USR1\n"
          "opens log files anew.\n",
          to);
}

static int add_file(struct options *o, const char *path)
{
    if (o->files.n == CONFIG_FILES_MAX) {
        fprintf(stderr, "lb: more than %d files\n", CONFIG_FILES_MAX);
        return -EINVAL;
    }
    o->files.paths[o->files.n++] = path;
    return 0;
}

static int apply(struct options *o, enum option_id id, const char *value)
{
    switch (id) {
    case O_FILE:
        return add_file(o, value);
    case O_CHECK:
        o->took_check = true;
        o->job = OPTIONS_TEST;
        return 0;
    case O_TEST:
        o->job = OPTIONS_TEST;
        return 0;
    case O_CONVERT:
        o->job = OPTIONS_CONVERT;
        return 0;
    case O_SCHEMA:
        o->job = OPTIONS_SCHEMA;
        return 0;
    case O_VERSION:
        o->job = OPTIONS_VERSION;
        return 0;
    case O_HELP:
        o->job = OPTIONS_HELP;
        return 0;
    case O_CONTROL:
        o->control = value;
        return 0;
    case O_DAEMON:
        o->daemon = true;
        return 0;
    case O_FOREGROUND:
        o->foreground = true;
        return 0;
    case O_PID_FILE:
        o->pid_file = value;
        return 0;
    case O_LOCAL_PEER:
        o->files.local_peer = value;
        return 0;
    case O_QUIET:
        o->quiet = true;
        return 0;
    case O_ACCEPTED:
        return 0;
    }
    return -EINVAL;
}

static const struct option_row *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

int options_parse(int argc, char **argv, struct options *o)
{
    int result = 0;

    *o = (struct options){.job = OPTIONS_SERVE};
    for (int i = 1; i < argc && result == 0; i++) {
        const struct option_row *row = find(argv[i]);
        if (!row && argv[i][0] != '-') {
            result = add_file(o, argv[i]); /* `lb --convert FILE` */
            continue;
        }
        if (!row) {
            const char *near = parse_nearest(argv[i], rows, ARRAY_LEN(rows), sizeof(*rows));
            fprintf(stderr, "lb: unknown option %s%s%s%s; --help lists them\n", argv[i],
                    near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
            return -EINVAL;
        }
        if (row->argument && i + 1 == argc) {
            fprintf(stderr, "lb: %s needs a value\n", argv[i]);
            return -EINVAL;
        }
        result = apply(o, row->id, row->argument ? argv[++i] : NULL);
    }
    if (result == 0 && !o->files.n)
        result = add_file(o, CONFIG_PATH_DEFAULT);
    return result;
}
