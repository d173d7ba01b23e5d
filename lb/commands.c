#include "lb/commands.h"

#include "common/base/parse.h"
#include "lb/status.h"
#include "lb/status_render.h"

#include <stdlib.h>
#include <string.h>

static void show(struct control_reply *r, int argc, char **argv, void *ctx)
{
    struct status *s = status_take(ctx);

    if (!s) {
        control_error(r, "out of memory");
        return;
    }
    if (control_json(r))
        status_render_json(s, control_out(r));
    else
        status_render_text(s, control_out(r));
    status_free(s);
}

/* A reload is answered when all workers have it. */
struct reload_answer {
    struct engine_waiter waiter;
    struct control_reply *reply;
    char *notes; /* what the configuration gave reason to say */
};

static void free_answer(struct reload_answer *a)
{
    free(a->notes);
    free(a);
}

static void on_reloaded(struct engine_waiter *w)
{
    struct reload_answer *a = container_of(w, struct reload_answer, waiter);

    if (control_json(a->reply))
        control_printf(a->reply, "{\"ok\":true}\n");
    else
        control_printf(a->reply, "%sreloaded\n", a->notes ? a->notes : "");
    control_end(a->reply);
    free_answer(a);
}

static void on_gone(void *ctx)
{
    struct reload_answer *a = ctx;

    list_del(&a->waiter.node);
    free_answer(a);
}

static void reload(struct control_reply *r, int argc, char **argv, void *ctx)
{
    struct buf text cleanup(buf_fini) = BUF_INIT(65536);
    struct reload_answer *a = calloc(1, sizeof(*a));

    if (!a) {
        control_error(r, "out of memory");
        return;
    }
    a->waiter.fn = on_reloaded;
    a->reply = r;
    if (engine_reload(ctx, &text, &a->waiter) < 0) {
        free_answer(a);
        control_error(r, "%s", buf_cstr(&text));
        return;
    }
    a->notes = buf_take(&text);
    control_defer(r, on_gone, a);
}

/* "POOL/SERVER"; NULL with the answer given. */
static struct server *find_server(struct control_reply *r, struct engine *e, char *name)
{
    char *slash = strchr(name, '/');
    const struct plan_pool *p;
    struct server *s;

    if (!slash) {
        control_error(r, "name a server as POOL/SERVER, not \"%s\"", name);
        return NULL;
    }
    *slash = '\0';
    p = plan_pool(e->plan, name);
    s = p ? pool_find(p->pool, slash + 1) : NULL;
    if (!p)
        control_error(r, "no such pool: \"%s\"", name);
    else if (!s)
        control_error(r, "pool %s has no server \"%s\"", name, slash + 1);
    return s;
}

static void done(struct control_reply *r, const struct server *s)
{
    char state[SERVER_STATUS_MAX];

    server_status_text(s, state);
    if (control_json(r))
        control_printf(r, "{\"state\":\"%s\"}\n", state);
    else
        control_printf(r, "%s/%s is %s\n", s->pool->name, s->name, state);
}

static void set_admin(struct control_reply *r, struct engine *e, char *name,
                      enum server_admin admin)
{
    struct server *s = find_server(r, e, name);

    if (!s)
        return;
    server_set_admin(s, admin, loop_now(e->loop));
    done(r, s);
}

static void ready(struct control_reply *r, int argc, char **argv, void *ctx)
{
    set_admin(r, ctx, argv[0], SERVER_READY);
}

static void drain(struct control_reply *r, int argc, char **argv, void *ctx)
{
    set_admin(r, ctx, argv[0], SERVER_DRAIN);
}

static void maint(struct control_reply *r, int argc, char **argv, void *ctx)
{
    set_admin(r, ctx, argv[0], SERVER_MAINT);
}

static void weight(struct control_reply *r, int argc, char **argv, void *ctx)
{
    struct engine *e = ctx;
    struct server *s = find_server(r, e, argv[0]);
    struct err err;
    int64_t n;

    if (!s)
        return;
    if (!parse_int(argv[1], 0, SERVER_WEIGHT_MAX, &n)) {
        control_error(r, "a weight is a number from 0 to %d, not \"%s\"", SERVER_WEIGHT_MAX,
                      argv[1]);
        return;
    }
    if (server_set_weight(s, (int)n, loop_now(e->loop), &err) < 0)
        control_error(r, "%s", err.text);
    else
        done(r, s);
}

static const struct control_command commands[] = {
    {"show", "", "listeners, pools and servers", CONTROL_USER, show, 0, 0},
    {"reload", "", "reads the configuration anew", CONTROL_ADMIN, reload, 0, 0},
    {"ready", "POOL/SERVER", "ends drain and maintenance", CONTROL_ADMIN, ready, 1, 1},
    {"drain", "POOL/SERVER", "no new clients; those it has stay", CONTROL_ADMIN, drain, 1, 1},
    {"maint", "POOL/SERVER", "no clients, no checks", CONTROL_ADMIN, maint, 1, 1},
    {"weight", "POOL/SERVER N", "its share, 0 to 256", CONTROL_ADMIN, weight, 2, 2},
};

int commands_new(struct engine *e, struct control **out, struct span timeout, struct err *err)
{
    struct control_options options = {
        .framing = CONTROL_ONE,
        .commands = commands,
        .command_count = ARRAY_LEN(commands),
        .ctx = e,
        .timeout = timeout,
    };

    return control_new(out, e->loop, &options, err);
}
