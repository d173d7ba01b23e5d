#include "vrrpd/probe/probe.h"

#include "common/base/buf.h"
#include "common/base/macro.h"
#include "common/base/parse.h"
#include "common/rt/file.h"
#include "common/rt/loop.h"
#include "vrrpd/probe/probe_report.h"
#include "vrrpd/probe/probe_summary.h"

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_NOTHING = 1, EXIT_USAGE = 2, EVENTS_MAX = 1 << 20, PIPE_WRITE = 4096 };

static const char help[] =
    "Usage: vrrpctl probe ADDR:PORT [OPTION...]\n"
    "Asks http://ADDR:PORT/ over a new connection each interval, as clients do, and tells what "
    "they\n"
    "would have seen: failures by kind, the longest time without a success, latencies, who "
    "answered.\n"
    "\n"
    "  --interval TIME   between requests (2ms)\n"
    "  --for TIME        how long to go on (10s); Ctrl-C ends it early, with the summary\n"
    "  --timeout TIME    of one request, from the instant it was due (1s)\n"
    "  --path PATH       what to ask for (/)\n"
    "  --host NAME       Host header (ADDR:PORT)\n"
    "  --json            the summary as one JSON object\n"
    "  --events          each result as a line of JSON, as it becomes known\n"
    "  --report FILE     also write a page with the timeline (HTML, nothing else needed)\n"
    "\n"
    "Exit status: 0 if anything succeeded, 1 if nothing did, 2 for a mistake in the command "
    "line.\n";

struct command {
    struct probe_options options;
    struct probe_subject subject;
    char target[ADDR_TEXT_MAX];
    bool json, events, help;
    const char *report;
    bool stopping; /* by a signal */

    struct loop *loop;
    struct probe *probe;
    struct mono start;
    struct loop_work flush;
    struct buf out; /* event lines that standard output did not take yet */
};

/* --- the command line --- */

static int usage(const char *fmt, ...) printf_like(1, 2);

static int usage(const char *fmt, ...)
{
    va_list ap;

    fputs("vrrpctl probe: ", stderr);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputs("\n(vrrpctl probe --help)\n", stderr);
    return EXIT_USAGE;
}

static int read_span(const char *option, const char *text, struct span least, struct span *out)
{
    char limit[PARSE_SPAN_MAX];

    if (!parse_span(text, 0, out))
        return usage("--%s %s: not a time such as \"2ms\" or \"10s\"", option, text);
    if (out->us < least.us)
        return usage("--%s %s: at least %s", option, text, span_format(least, limit));
    return 0;
}

/* What goes into the request's head must not be able to break out of it. */
static int read_word(const char *option, const char *text, const char **out)
{
    for (const char *c = text; *c; c++)
        if (*c <= ' ' || *c == 0x7f)
            return usage("--%s: no blanks or control characters", option);
    if (!*text)
        return usage("--%s: empty", option);
    *out = text;
    return 0;
}

static int read_target(struct command *c, const char *text)
{
    struct probe_options *o = &c->options;

    if (addr_parse(text, &o->target.addr))
        o->target.port = 80;
    else if (!addr_port_parse(text, &o->target) || addr_is_any(&o->target.addr) || !o->target.port)
        return usage("%s: not an address and port such as 192.0.2.10:80", text);
    addr_port_format(&o->target, c->target);
    return 0;
}

static int read_option(struct command *c, int option)
{
    switch (option) {
    case 'i':
        return read_span("interval", optarg, span_us(100), &c->options.interval);
    case 'f':
        return read_span("for", optarg, span_ms(1), &c->options.run);
    case 't':
        return read_span("timeout", optarg, span_ms(1), &c->options.timeout);
    case 'p':
        if (*optarg != '/')
            return usage("--path %s: begins with \"/\"", optarg);
        return read_word("path", optarg, &c->options.path);
    case 'h':
        return read_word("host", optarg, &c->options.host);
    case 'j':
        c->json = true;
        return 0;
    case 'e':
        c->events = true;
        return 0;
    case 'r':
        c->report = optarg;
        return 0;
    default:
        c->help = true;
        return 0;
    }
}

static int read_options(struct command *c, int argc, char **argv)
{
    static const struct option options[] = {
        {"interval", required_argument, NULL, 'i'}, {"for", required_argument, NULL, 'f'},
        {"timeout", required_argument, NULL, 't'},  {"path", required_argument, NULL, 'p'},
        {"host", required_argument, NULL, 'h'},     {"json", no_argument, NULL, 'j'},
        {"events", no_argument, NULL, 'e'},         {"report", required_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'H'},           {NULL, 0, NULL, 0},
    };
    int option;

    optind = 0; /* the caller may have parsed options of its own */
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":", options, NULL)) != -1) {
        if (option == '?')
            return usage("%s: unknown option", argv[optind - 1]);
        if (option == ':')
            return usage("%s: a value is missing", argv[optind - 1]);
        int status = read_option(c, option);
        if (status || c->help)
            return status;
    }
    if (optind == argc)
        return usage("which address?");
    if (optind + 1 < argc)
        return usage("%s: one address at a time", argv[optind + 1]);
    return read_target(c, argv[optind]);
}

/* --- events --- */

/* A reader that does not read must not hold up the prober: no more is written than the pipe takes
 * at once, the rest waits, up to a limit. */
static void write_events(struct command *c)
{
    struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};

    while (c->out.len && poll(&ready, 1, 0) > 0 && (ready.revents & POLLOUT)) {
        ssize_t n = write(STDOUT_FILENO, c->out.data, MIN(c->out.len, (size_t)PIPE_WRITE));
        if (n <= 0)
            break;
        buf_consume(&c->out, (size_t)n);
    }
}

static void flush_events(struct loop_work *work)
{
    write_events(container_of(work, struct command, flush));
}

static void on_result(void *ctx, const struct probe_result *r)
{
    struct command *c = ctx;
    struct buf line cleanup(buf_fini) = BUF_INIT(4096);

    probe_event_json(r, c->start, &line);
    buf_add(&c->out, line.data, line.len);
    if (c->out.lost) {
        c->subject.events_lost++;
        c->out.lost = false;
    }
    loop_work_add(c->loop, &c->flush);
}

/* --- the run --- */

static void on_done(void *ctx)
{
    loop_stop(((struct command *)ctx)->loop);
}

/* The first one lets what is under way come to its end, the second does not. */
static void on_signal(void *ctx, const struct signalfd_siginfo *info)
{
    struct command *c = ctx;

    if (!c->stopping)
        probe_stop(c->probe);
    else
        probe_abort(c->probe);
    c->stopping = true;
}

static int run(struct command *c, struct err *e)
{
    int r = loop_new(&c->loop, e);

    if (!r)
        r = loop_signal(c->loop, SIGINT, on_signal, c, e);
    if (!r)
        r = loop_signal(c->loop, SIGTERM, on_signal, c, e);
    if (!r)
        r = probe_new(&c->probe, c->loop, &c->options, e);
    if (r)
        return r;
    c->start = probe_stats(c->probe)->start;
    return loop_run(c->loop, e);
}

static bool write_all(const char *data, size_t len)
{
    return fwrite(data, 1, len, stdout) == len && fflush(stdout) == 0;
}

static int write_report(struct command *c, const struct probe_stats *s, struct err *e)
{
    struct buf page cleanup(buf_fini) = BUF_INIT(0);

    if (!c->report)
        return 0;
    probe_report(s, &c->subject, &page);
    return file_write_atomic(c->report, 0644, page.data, page.len, e);
}

static int tell(struct command *c, struct err *e)
{
    const struct probe_stats *s = probe_stats(c->probe);
    struct buf summary cleanup(buf_fini) = BUF_INIT(0);
    int r = write_report(c, s, e);

    if (c->json)
        probe_summary_json(s, &c->subject, &summary);
    else
        probe_summary_text(s, &c->subject, &summary);
    if (!write_all(buf_cstr(&c->out), c->out.len) || !write_all(summary.data, summary.len))
        return err_set(e, -1, "cannot write to standard output");
    return r;
}

static void command_fini(struct command *c)
{
    if (c->loop)
        loop_work_cancel(c->loop, &c->flush);
    probe_free(c->probe);
    loop_free(c->loop);
    buf_fini(&c->out);
}

static void command_init(struct command *c)
{
    *c = (struct command){
        .options = {.interval = span_ms(2), .run = span_s(10), .timeout = span_s(1), .path = "/"},
        .flush = {.fn = flush_events},
        .out = BUF_INIT(EVENTS_MAX),
    };
}

/* After the options: what they leave to be derived. */
static void complete(struct command *c)
{
    struct probe_options *o = &c->options;

    if (!o->host)
        o->host = c->target;
    o->on_result = c->events ? on_result : NULL;
    o->on_done = on_done;
    o->ctx = c;
    c->subject.target = c->target;
    c->subject.path = o->path;
    c->subject.interval = o->interval;
}

int probe_main(int argc, char **argv)
{
    struct command c cleanup(command_fini);
    struct err e = {""};

    command_init(&c);
    int status = read_options(&c, argc, argv);
    if (status)
        return status;
    if (c.help) {
        fputs(help, stdout);
        return EXIT_SUCCESS;
    }
    complete(&c);
    signal(SIGPIPE, SIG_IGN);
    int r = run(&c, &e);
    if (!r)
        r = tell(&c, &e);
    if (r) {
        fprintf(stderr, "vrrpctl probe: %s\n", e.text);
        return EXIT_NOTHING;
    }
    return probe_stats(c.probe)->kinds[PROBE_OK] ? EXIT_SUCCESS : EXIT_NOTHING;
}
