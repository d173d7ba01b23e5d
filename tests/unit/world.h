/*
 * A small world for tests of rules: one request (and response) with its client, a stick table, and
 * what compiling asks for. Each test program that includes it has its own.
 */
#pragma once

#include "common/base/macro.h"
#include "common/base/parse.h"
#include "lb/core/acl.h"
#include "lb/core/format.h"
#include "tests/unit/suite.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUEST_LINE "GET /a/b?x=1&y=%41b&x=2 HTTP/1.1\r\n"
#define REQUEST                                                                                    \
    REQUEST_LINE                                                                                   \
    "Host: Example.COM:8080\r\nX-A: one, two\r\nx-a: three\r\nCookie: a=1; b=2\r\nCookie: a=3\r\n" \
    "X-Ip: 10.0.0.1, 192.168.1.2\r\n\r\n"
#define RESPONSE                                                                                   \
    "HTTP/1.1 404 Not Found\r\nServer: x\r\nSet-Cookie: s=1; path=/\r\nSet-Cookie: t=2\r\n"        \
    "Cache-Control: no-cache, private\r\nContent-Length: 0\r\n\r\n"

struct world {
    struct program *program;
    struct conf_report report;
    struct conf_file file;
    struct compile c;
    struct arena scratch, tmp, keep;
    struct http1_head request_head, response_head;
    struct message request, response;
    struct addr_port client, local;
    struct stick_table *table;
    struct eval_track tracks[EVAL_TRACKS];
    struct vars vars, sess;
    struct rng rng;
    struct eval ev;
};

static inline bool world_exists(void *user, enum program_kind kind, const char *name,
                                const char **near)
{
    static const char *const known[PROGRAM_KINDS] = {
        [PROGRAM_POOL] = "web",
        [PROGRAM_LISTENER] = "http-in",
        [PROGRAM_SERVER] = "web/s1",
        [PROGRAM_TABLE] = "st",
    };
    if (kind == PROGRAM_VAR || strcmp(name, known[kind]) == 0)
        return true;
    *near = parse_nearest(name, &known[kind], 1, sizeof(*known));
    return false;
}

static inline int world_load(void *user, const char *path, struct buf *out, struct err *e)
{
    if (strcmp(path, "friends") == 0)
        buf_str(out, "# those\n10.0.0.0/8\n\n  192.168.1.2\r\n2001:db8::/32\n");
    else if (strcmp(path, "map") == 0)
        buf_str(out, "one 1st\ntwo  2nd of two \n# three\nb.example beta\n10.0.0.0/8 ten\n");
    else if (strcmp(path, "words") == 0)
        for (int i = 0; i < 100; i++)
            buf_printf(out, "word%d\n", i * 7 % 100);
    else
        return err_set(e, -ENOENT, "cannot read %s: No such file or directory", path);
    return 0;
}

static inline const char *world_env(void *user, const char *name)
{
    return strcmp(name, "HOME") == 0 ? "/root" : NULL;
}

static inline const char *world_hostname(void *user)
{
    return "node1";
}

static const struct program_world world_world = {NULL, world_exists, world_load, world_env,
                                                 world_hostname};

static inline int64_t world_figure(void *owner, enum figure f, uint32_t ref)
{
    switch (f) {
    case FIGURE_POOL_USABLE:
        return 2;
    case FIGURE_SERVER_UP:
    case FIGURE_FIRST_REQUEST:
    case FIGURE_LISTENER_CONNS:
        return 1;
    case FIGURE_PID:
        return 255;
    default:
        return INT64_MIN;
    }
}

static inline struct text world_name(void *owner, enum eval_name n, uint32_t ref)
{
    switch (n) {
    case EVAL_LISTENER:
        return TEXT("http-in");
    case EVAL_POOL:
        return TEXT("web");
    case EVAL_REQUEST_METHOD:
        return TEXT("GET");
    case EVAL_REQUEST_URI:
        return TEXT("/a/b?x=1&y=%41b&x=2");
    case EVAL_REQUEST_VERSION:
        return TEXT("HTTP/1.1");
    default:
        return TEXT_NONE;
    }
}

static inline struct stick_table *world_table(void *owner, uint32_t ref)
{
    return ((struct world *)owner)->table;
}

static inline struct timespec world_wall(void *owner)
{
    return (struct timespec){1700000000, 123456789};
}

static inline void world_local_time(void *owner, int64_t seconds, struct tm *out)
{
    time_t t = seconds + 3600;
    gmtime_r(&t, out);
    out->tm_gmtoff = 3600;
}

static const struct eval_ops world_ops = {world_figure, world_name, world_table, world_wall,
                                          world_local_time};

static inline void world_messages(struct world *r, const char *request, const char *response)
{
    struct http1_limits limits = HTTP1_LIMITS_DEFAULT;

    enum http1_result a =
        http1_parse_request(request, strlen(request), NULL, &limits, &r->request_head);
    ck_assert_msg(a == HTTP1_COMPLETE, "%s: %s", request, http1_reason(a));
    a = http1_parse_response(response, strlen(response), NULL, &limits, HTTP1_GET,
                             &r->response_head);
    ck_assert_msg(a == HTTP1_COMPLETE, "%s: %s", response, http1_reason(a));
    message_init(&r->request, request, &r->request_head, false, &r->keep);
    message_init(&r->response, response, &r->response_head, true, &r->keep);
}

static inline struct world *world_new(void)
{
    struct world *r = calloc(1, sizeof(*r));
    struct stick_conf conf = {.name = "st", .type = STICK_IP, .size = 100, .seed = 1};
    struct err e;

    ck_assert(r && (r->program = program_new(&world_world)));
    conf.store = 1u << STICK_GPC0 | 1u << STICK_GPT0 | 1u << STICK_HTTP_REQ_CNT |
                 1u << STICK_HTTP_REQ_RATE | 1u << STICK_CONN_CNT | 1u << STICK_CONN_CUR |
                 1u << STICK_BYTES_OUT_CNT | 1u << STICK_HTTP_ERR_CNT;
    ck_assert((r->table = stick_new(&conf, &e)));
    arena_init(&r->scratch, NULL, 0, 1 << 20);
    arena_init(&r->tmp, NULL, 0, 1 << 20);
    arena_init(&r->keep, NULL, 0, 1 << 16);
    r->c = (struct compile){.program = r->program,
                            .world = &world_world,
                            .report = &r->report,
                            .own = "st",
                            .http = true,
                            .phase = PHASE_REQUEST,
                            .scratch = &r->scratch};
    r->client = (struct addr_port){addr_v4(0x7f000001), 18000};
    r->local = (struct addr_port){addr_v4(0x7f000001), 80};
    world_messages(r, REQUEST, RESPONSE);
    r->ev = (struct eval){.program = r->program,
                          .ops = &world_ops,
                          .owner = r,
                          .req = &r->request,
                          .res = &r->response,
                          .client = &r->client,
                          .local = &r->local,
                          .now = {1000000},
                          .tmp = &r->tmp,
                          .rng = &r->rng,
                          .regex = regex_scratch_new(),
                          .vars = &r->vars,
                          .sess_vars = &r->sess,
                          .tracks = r->tracks};
    return r;
}

/* Variables that are named from now on have no room until this. */
static inline void world_ready(struct world *r)
{
    vars_fini(&r->vars);
    vars_fini(&r->sess);
    size_t n = r->program->names[PROGRAM_VAR].n;
    ck_assert(vars_init(&r->vars, n) == 0 && vars_init(&r->sess, n) == 0);
}

static inline void world_free(struct world *r)
{
    vars_fini(&r->vars);
    vars_fini(&r->sess);
    regex_scratch_free(r->ev.regex);
    stick_free(r->table);
    program_free(r->program);
    arena_fini(&r->scratch);
    arena_fini(&r->tmp);
    arena_fini(&r->keep);
    free(r);
}

/* Takes a text up as if it stood in a file of its own. */
static inline bool world_begin(struct world *r, const char *text)
{
    r->report.count = r->report.errors = 0;
    r->file = (struct conf_file){.name = "t", .text = (char *)text, .len = strlen(text)};
    return compile_begin(&r->c, text, (struct conf_pos){&r->file, 1, 1, 0});
}

/* The first finding, "COLUMN: text (hint)", or "". */
static inline const char *world_finding(const struct world *r)
{
    static char out[800];
    const struct conf_diag *d = r->report.diags;

    out[0] = '\0';
    if (r->report.count)
        snprintf(out, sizeof(out), "%u: %s%s%s%s", d->at.col, d->text, d->hint[0] ? " (" : "",
                 d->hint, d->hint[0] ? ")" : "");
    return out;
}
