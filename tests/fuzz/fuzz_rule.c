/*
 * Rules from bytes, run on a request and a response: each line is a rule, the first byte of the
 * input says when it runs. Whatever compiles must run, and leave a head that parses.
 */
#include "common/base/macro.h"
#include "lb/core/rule.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define REQUEST                                                                                    \
    "GET /a/b?x=1&y=%41 HTTP/1.1\r\nHost: h:81\r\nX-A: 1, \"2,3\"\r\nCookie: a=b; c=d\r\n\r\n"
#define RESPONSE "HTTP/1.1 200 OK\r\nX-R: 1, foo\r\nSet-Cookie: a=1; path=/\r\n\r\n"

enum { LINES = 8 };

static void check_head(struct message *m, bool response)
{
    static struct rewrite r;
    static struct http1_head head;
    static char text[65535], out[65536];
    struct http1_limits limits = {HTTP1_HEAD_MAX, 0, HTTP1_FIELDS_MAX};

    rewrite_init(&r, m->buf, m->head, text, sizeof(text));
    size_t n = message_apply(m, &r) ? rewrite_flat(&r, out, sizeof(out)) : 0;
    if (!n || response)
        return;
    if (http1_parse_request(out, n, NULL, &limits, &head) == HTTP1_PARTIAL)
        abort();
}

static void run(struct compile *c, const struct rules *rules, bool response)
{
    static struct http1_head head;
    struct http1_limits limits = HTTP1_LIMITS_DEFAULT;
    struct arena keep, tmp;
    struct message m;
    struct vars vars = {0}, sess = {0};
    struct rule_effects effects = {0};
    struct rule_outcome out;
    struct addr_port client = {addr_v4(0x7f000001), 1};
    struct eval ev = {.program = c->program,
                      .client = &client,
                      .local = &client,
                      .tmp = &tmp,
                      .vars = &vars,
                      .sess_vars = &sess,
                      .regex = regex_scratch_new()};
    const char *text = response ? RESPONSE : REQUEST;

    arena_init(&keep, NULL, 0, 1 << 16);
    arena_init(&tmp, NULL, 0, 1 << 18);
    if (response)
        http1_parse_response(text, strlen(text), NULL, &limits, HTTP1_GET, &head);
    else
        http1_parse_request(text, strlen(text), NULL, &limits, &head);
    message_init(&m, text, &head, response, &keep);
    *(response ? &ev.res : &ev.req) = &m;
    if (vars_init(&vars, c->program->names[PROGRAM_VAR].n) == 0 &&
        vars_init(&sess, c->program->names[PROGRAM_VAR].n) == 0 && ev.regex) {
        rules_run(rules, &ev, &effects, &out);
        check_head(&m, response);
    }
    vars_fini(&vars);
    vars_fini(&sess);
    regex_scratch_free(ev.regex);
    arena_fini(&keep);
    arena_fini(&tmp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf_report report = {.count = 0};
    struct conf_pos places[LINES] = {{0}};
    struct arena scratch;
    const struct rules *rules;
    char *list[LINES], *line;
    size_t n = 0;

    if (size < 2 || size > 4096)
        return 0;
    bool response = data[0] & 1;
    char *text = strndup((const char *)data + 1, size - 1), *rest = text;
    struct program *p = program_new(NULL);
    if (!text || !p)
        abort();
    while (n < LINES && (line = strsep(&rest, "\n")))
        list[n++] = line;
    arena_init(&scratch, NULL, 0, 1 << 20);
    struct compile c = {.program = p,
                        .report = &report,
                        .own = "web",
                        .http = true,
                        .phase = response ? PHASE_RESPONSE : PHASE_REQUEST,
                        .scratch = &scratch};
    if (rules_compile(&c, list, places, n, &rules))
        run(&c, rules, response);
    program_free(p);
    arena_fini(&scratch);
    free(text);
    return 0;
}
