#include "lb/runtime.h"

#include "common/base/parse.h"
#include "common/rt/process.h"
#include "lb/bind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- naming things ---- */

/* "backend/server"; NULL with the answer given. */
static struct server *find_server(struct control_reply *r, struct engine *e, char *name)
{
    char *slash = strchr(name, '/');
    const struct plan_pool *p;
    struct server *s;

    if (!slash) {
        control_error(r, "Require 'backend/server'.");
        return NULL;
    }
    *slash = '\0';
    p = plan_pool(e->plan, name);
    s = p ? pool_find(p->pool, slash + 1) : NULL;
    *slash = '/';
    if (!s)
        control_error(r, p ? "No such server." : "No such backend.");
    return s;
}

/* ---- set server B/S ... ---- */

static void set_state(struct control_reply *r, struct server *s, const char *word, struct mono now)
{
    for (size_t i = 0; word && i < ARRAY_LEN(server_admin_names); i++) {
        if (strcmp(server_admin_names[i], word) == 0) {
            server_set_admin(s, (enum server_admin)i, now);
            return;
        }
    }
    control_error(r, "'set server <srv> state' expects 'ready', 'drain' and 'maint'.");
}

static void set_weight_to(struct control_reply *r, struct server *s, const char *text,
                          struct mono now)
{
    size_t len = text ? strlen(text) : 0;
    char digits[16] = "";
    struct err err = {""};
    int64_t n;

    if (len && len < sizeof(digits))
        memcpy(digits, text, len);
    bool percent = len && digits[len - 1] == '%';
    if (percent)
        digits[len - 1] = '\0';
    if (!parse_int(digits, INT32_MIN, INT32_MAX, &n))
        control_error(r, "Empty weight string empty or preceded by garbage");
    else if (percent && server_set_weight_percent(s, (int)n, now, &err) < 0)
        control_error(r, "Relative weight must be positive.");
    else if (!percent && server_set_weight(s, (int)n, now, &err) < 0)
        control_error(r, "Absolute weight can only be between 0 and 256 inclusive.");
}

static void set_server(struct control_reply *r, int argc, char **argv, void *ctx)
{
    struct engine *e = ctx;
    struct server *s = find_server(r, e, argv[0]);
    const char *what = argc > 1 ? argv[1] : "", *value = argc > 2 ? argv[2] : NULL;

    if (!s)
        return;
    if (strcmp(what, "state") == 0)
        set_state(r, s, value, loop_now(e->loop));
    else if (strcmp(what, "weight") == 0)
        set_weight_to(r, s, value, loop_now(e->loop));
    else
        control_error(r, "usage: set server <backend>/<server> state | weight");
}

static void set_weight(struct control_reply *r, int argc, char **argv, void *ctx)
{
    struct engine *e = ctx;
    struct server *s = find_server(r, e, argv[0]);

    if (s)
        set_weight_to(r, s, argv[1], loop_now(e->loop));
}

static void get_weight(struct control_reply *r, int argc, char **argv, void *ctx)
{
    struct server *s = find_server(r, ctx, argv[0]);

    if (s)
        control_printf(r, "%d (initial %d)\n", server_weight(s), s->weight_conf);
}

static void set_admin(struct control_reply *r, struct engine *e, char *name,
                      enum server_admin admin)
{
    struct server *s = find_server(r, e, name);

    if (s)
        server_set_admin(s, admin, loop_now(e->loop));
}

static void disable_server(struct control_reply *r, int argc, char **argv, void *ctx)
{
    set_admin(r, ctx, argv[0], SERVER_MAINT);
}

static void enable_server(struct control_reply *r, int argc, char **argv, void *ctx)
{
    set_admin(r, ctx, argv[0], SERVER_READY);
}

/* ---- show ---- */

static void show_backend(struct control_reply *r, int argc, char **argv, void *ctx)
{
    const struct engine *e = ctx;

    control_printf(r, "# name\n");
    for (size_t i = 0; i < e->plan->n_pools; i++)
        control_printf(r, "%s\n", e->plan->pools[i].conf->obj.name);
}

static const struct control_command commands[] = {
    {"set server", "B/S state|weight VALUE", "changes a server", CONTROL_ADMIN, set_server, 1, -1},
    {"set weight", "B/S WEIGHT[%]", "changes a server's weight", CONTROL_ADMIN, set_weight, 2, 2},
    {"get weight", "B/S", "its weight now, and as configured", CONTROL_USER, get_weight, 1, 1},
    {"disable server", "B/S", "maintenance", CONTROL_ADMIN, disable_server, 1, 1},
    {"enable server", "B/S", "ends maintenance", CONTROL_ADMIN, enable_server, 1, 1},
    {"show backend", "", "names of the backends", CONTROL_USER, show_backend, 0, 0},
};

/* ---- sockets ---- */

static int open_unix(struct engine *e, const struct config_socket *s, const char *path,
                     struct err *err)
{
    struct control_unix at = {.path = path,
                              .mode = (mode_t)strtol(s->mode ? s->mode : "600", NULL, 8),
                              .level = (enum control_level)s->level};
    struct process_user owner;

    if (s->user || s->group) {
        int result = process_user(s->user ? s->user : "0", s->group, &owner, err);
        if (result < 0)
            return result;
        at.set_owner = true;
        at.uid = s->user ? owner.uid : (uid_t)-1;
        at.gid = s->group ? owner.gid : (gid_t)-1;
    }
    return control_listen_unix(e->runtime, &at, NULL, err);
}

static int open_socket(struct engine *e, const struct config_socket *s, struct err *err)
{
    enum control_level level = (enum control_level)s->level;
    struct bind_addr at;

    if (!bind_parse(s->bind, &at))
        return err_set(err, -EINVAL, "\"%s\" is no address for a control socket", s->bind);
    switch (at.kind) {
    case BIND_UNIX:
        return open_unix(e, s, at.path, err);
    case BIND_INET:
        return control_listen_tcp(e->runtime, &at.at, level, NULL, err);
    case BIND_FD:
        return control_listen_fd(e->runtime, at.fd, level, NULL, err);
    case BIND_ABSTRACT:
        break;
    }
    return err_set(err, -EINVAL, "a control socket cannot be at \"%s\": give it a path", s->bind);
}

int runtime_open(struct engine *e, const struct config *c, struct err *err)
{
    struct control_options options = {
        .framing = CONTROL_HAPROXY,
        .commands = commands,
        .command_count = ARRAY_LEN(commands),
        .ctx = e,
        .timeout = c->socket_timeout,
    };
    int result = c->sockets.n ? control_new(&e->runtime, e->loop, &options, err) : 0;

    for (size_t i = 0; i < c->sockets.n && result == 0; i++)
        result = open_socket(e, c->sockets.v[i], err);
    return result < 0 ? err_prefix(err, result, "stats socket") : 0;
}
