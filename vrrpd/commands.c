#include "vrrpd/commands.h"

#include "common/base/parse.h"
#include "vrrpd/engine.h"
#include "vrrpd/handover.h"
#include "vrrpd/instance.h"
#include "vrrpd/metrics.h"
#include "vrrpd/reload.h"
#include "vrrpd/status.h"
#include "vrrpd/status_render.h"
#include "vrrpd/why.h"

#include <stdlib.h>
#include <string.h>

enum { EVENTS_DEFAULT = 20, REPLY_MAX = 65536 };

/* ---- status, stats ---- */

typedef void render_fn(const struct status *s, struct buf *out);

static void answer(struct control_reply *r, int argc, char **argv, struct engine *e,
                   render_fn *text, render_fn *json)
{
    const char *only = argc ? argv[0] : NULL;

    if (only && !engine_instance(e, only)) {
        control_error(r, "there is no instance \"%s\"", only);
        return;
    }
    struct status *s = status_take(e, only);
    if (!s) {
        control_error(r, "out of memory");
        return;
    }
    (control_json(r) ? json : text)(s, control_out(r));
    status_free(s);
}

static void do_status(struct control_reply *r, int argc, char **argv, void *ctx)
{
    answer(r, argc, argv, ctx, status_render_text, status_render_json);
}

static void do_stats(struct control_reply *r, int argc, char **argv, void *ctx)
{
    answer(r, argc, argv, ctx, status_render_stats_text, status_render_stats_json);
}

static void do_why(struct control_reply *r, int argc, char **argv, void *ctx)
{
    struct engine *e = ctx;

    if (argc && !engine_instance(e, argv[0])) {
        control_error(r, "there is no instance \"%s\"", argv[0]);
        return;
    }
    struct status *s = status_take(e, argc ? argv[0] : NULL);
    for (size_t i = 0; s && i < s->instance_count; i++) {
        if (i && !control_json(r))
            control_printf(r, "\n");
        (control_json(r) ? why_json : why_text)(&s->instances[i], control_out(r));
    }
    if (!s)
        control_error(r, "out of memory");
    status_free(s);
}

static void do_metrics(struct control_reply *r, int argc, char **argv, void *ctx)
{
    answer(r, 0, argv, ctx, metrics_render, metrics_render);
}

/* ---- events ---- */

struct stream {
    struct control_reply *reply;
    struct history_follower follower;
    bool json;
};

static void render(struct stream *st, const struct history_record *r)
{
    if (st->json)
        history_json(r, control_out(st->reply));
    else
        history_text(r, control_out(st->reply));
}

static void stream_record(void *ctx, const struct history_record *r)
{
    render(ctx, r);
}

static void stream_gone(void *ctx)
{
    struct stream *st = ctx;

    history_unfollow(&st->follower);
    free(st);
}

static void follow(struct control_reply *r, struct engine *e)
{
    struct stream *st = calloc(1, sizeof(*st));

    if (!st) {
        control_error(r, "out of memory");
        return;
    }
    st->reply = r;
    st->json = control_json(r);
    st->follower = (struct history_follower){.fn = stream_record, .ctx = st};
    control_defer(r, stream_gone, st);
    history_follow(e->history, &st->follower);
}

/* events [--follow] [N] */
static void do_events(struct control_reply *r, int argc, char **argv, void *ctx)
{
    struct engine *e = ctx;
    struct stream once = {.reply = r, .json = control_json(r)};
    bool stay = false;
    int64_t n = EVENTS_DEFAULT;

    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--follow") == 0 || strcmp(argv[i], "-f") == 0) {
            stay = true;
        } else if (!parse_int(argv[i], 0, HISTORY_MAX, &n)) {
            control_error(r, "\"%s\" is not a number of events (0 to %d)", argv[i], HISTORY_MAX);
            return;
        }
    }
    uint64_t last = history_last(e->history);
    uint64_t first = last > (uint64_t)n ? last - (uint64_t)n + 1 : 1;
    for (uint64_t seq = first; seq <= last; seq++) {
        struct history_record record;
        if (history_get(e->history, seq, &record))
            render(&once, &record);
    }
    if (stay)
        follow(r, e);
}

/* ---- what changes something ---- */

static void do_reload(struct control_reply *r, int argc, char **argv, void *ctx)
{
    struct buf out cleanup(buf_fini) = BUF_INIT(REPLY_MAX);
    int err = reload(ctx, &out);

    if (err < 0) {
        control_error(r, "the running configuration stays as it is\n%s", buf_cstr(&out));
        return;
    }
    if (control_json(r))
        control_printf(r, "{\"ok\":true}\n");
    else
        control_write(r, out.data, out.len);
}

static void do_maintenance(struct control_reply *r, int argc, char **argv, void *ctx)
{
    bool on;

    if (!parse_bool(argv[0], &on)) {
        control_error(r, "\"on\" or \"off\", not \"%s\"", argv[0]);
        return;
    }
    engine_maintenance(ctx, on);
    if (control_json(r))
        control_printf(r, "{\"maintenance\":%s}\n", on ? "true" : "false");
    else
        control_printf(r, "maintenance is %s\n", on ? "on" : "off");
}

static const struct control_command commands[] = {
    {"status", "[INSTANCE]", "what each instance is, and why", CONTROL_USER, do_status, 0, 1},
    {"why", "[INSTANCE]", "why each instance is what it is, in sentences", CONTROL_USER, do_why, 0,
     1},
    {"metrics", "", "OpenMetrics text", CONTROL_USER, do_metrics, 0, 0},
    {"handover", "INSTANCE [--wait]", "let the peer have its addresses", CONTROL_ADMIN,
     handover_command, 1, 2},
    {"stats", "[INSTANCE]", "counters", CONTROL_USER, do_stats, 0, 1},
    {"events", "[--follow] [N]", "the last N things that happened (20)", CONTROL_USER, do_events, 0,
     2},
    {"reload", "", "read the configuration again", CONTROL_ADMIN, do_reload, 0, 0},
    {"maintenance", "on|off", "give all addresses away, stay away", CONTROL_ADMIN, do_maintenance,
     1, 1},
};

struct control_options commands_options(struct engine *e)
{
    return (struct control_options){
        .framing = CONTROL_ONE,
        .commands = commands,
        .command_count = ARRAY_LEN(commands),
        .ctx = e,
    };
}
