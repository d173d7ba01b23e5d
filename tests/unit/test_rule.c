#include "lb/core/rule.h"
#include "tests/unit/world.h"

#define HEAD_GET                                                                                   \
    "GET /a/b?x=1 HTTP/1.1\r\nHost: h\r\nX-A: one, foo , three\r\nX-A: foo\r\nX-B: 1foo2\r\n\r\n"
#define HEAD_ABSOLUTE "GET http://abs.example/a/b?x=1 HTTP/1.1\r\nHost: abs.example\r\n\r\n"
#define HEAD_ANSWER                                                                                \
    "HTTP/1.1 200 OK\r\nContent-Length: 79\r\nX-R: 1, foo ,3\r\nX-R: foo\r\nSet-Cookie: "          \
    "a=1\r\n\r\n"

/* Rules of a list are separated by '|'. */
static bool compile(struct world *w, const char *text, enum phase phase, const struct rules **out)
{
    static char copy[4096];
    char *list[32], *rest = copy, *one;
    struct conf_pos places[32] = {{0}};
    size_t n = 0;

    snprintf(copy, sizeof(copy), "%s", text);
    while ((one = strsep(&rest, "|")))
        list[n++] = one;
    w->c.phase = phase;
    w->report.count = w->report.errors = 0;
    return rules_compile(&w->c, list, places, n, out);
}

struct run {
    struct world *w;
    struct rule_effects effects;
    struct rule_outcome out;
};

static struct run run(const char *text, enum phase phase, const char *request)
{
    struct run r = {.w = world_new()};
    const struct rules *rules;

    world_messages(r.w, request, phase == PHASE_REQUEST ? RESPONSE : HEAD_ANSWER);
    ck_assert_msg(compile(r.w, text, phase, &rules), "%s: %s", text, world_finding(r.w));
    world_ready(r.w);
    ck_assert(vars_init(&r.effects.captures, r.w->program->captures) == 0);
    if (phase == PHASE_REQUEST)
        r.w->ev.res = NULL;
    else
        r.w->ev.req = NULL;
    rules_run(rules, &r.w->ev, &r.effects, &r.out);
    return r;
}

static void end(struct run *r)
{
    rule_untrack(&r->w->ev, true);
    vars_fini(&r->effects.captures);
    world_free(r->w);
}

/* The head as it goes out. */
static const char *flat(struct run *r, const struct message *m)
{
    static char out[4096];
    static struct rewrite rewrite;
    char text[4096];

    rewrite_init(&rewrite, m->buf, m->head, text, sizeof(text));
    ck_assert(message_apply(m, &rewrite));
    out[rewrite_flat(&rewrite, out, sizeof(out) - 1)] = '\0';
    return out;
}

struct row {
    const char *rules, *out;
};

static void check_heads(const struct row *rows, size_t n, enum phase phase, const char *request)
{
    for (size_t i = 0; i < n; i++) {
        struct run r = run(rows[i].rules, phase, request);
        ck_assert_msg(r.out.result == RULES_DONE, "%s: result %d", rows[i].rules, r.out.result);
        const char *out = flat(&r, phase == PHASE_REQUEST ? &r.w->request : &r.w->response);
        ck_assert_msg(strcmp(out, rows[i].out) == 0, "%s:\n%s\nnot\n%s", rows[i].rules, out,
                      rows[i].out);
        end(&r);
    }
}

#define GET    "GET /a/b?x=1 HTTP/1.1\r\nHost: h\r\n"
#define XA     "X-A: one, foo , three\r\nX-A: foo\r\n"
#define XB     "X-B: 1foo2\r\n"
#define REST   "Host: h\r\n" XA XB "\r\n"
#define ABS(T) "GET " T " HTTP/1.1\r\nHost: abs.example\r\n\r\n"

/* As HAProxy 2.6.12 was seen to forward, names' case aside. */
START_TEST(requests_are_changed)
{
    static const struct row rows[] = {
        {"set-header X-N %[hdr(nope)]", GET XA XB "X-N: \r\n\r\n"},
        {"set-header X-A new", GET XB "X-A: new\r\n\r\n"},
        {"add-header X-A more", GET XA XB "X-A: more\r\n\r\n"},
        {"add-header X-A more|del-header X-A", GET XB "\r\n"},
        {"set-header X-A %[hdr(x-b)]|set-header X-C %[hdr(x-a)]",
         GET XB "X-A: 1foo2\r\nX-C: 1foo2\r\n\r\n"},
        {"del-header x-a", GET XB "\r\n"},
        {"del-header x- -m beg", GET "\r\n"},
        {"del-header ^x-[ab]$ -m reg", GET "\r\n"},
        {"del-header -b -m end", GET XA "\r\n"},
        {"del-header x- -m sub", GET "\r\n"},
        {"replace-header X-A foo bar", GET "X-A: bar\r\nX-A: bar\r\n" XB "\r\n"},
        {"replace-header X-A (.*)foo(.*) \\1bar\\2",
         GET "X-A: one, bar , three\r\nX-A: bar\r\n" XB "\r\n"},
        {"replace-value X-A foo bar", GET "X-A: one,bar, three\r\nX-A: bar\r\n" XB "\r\n"},
        {"replace-value X-A ^f(o+)$ <\\1>", GET "X-A: one,<oo>, three\r\nX-A: <oo>\r\n" XB "\r\n"},
        {"replace-header X-B 1(.*)2 <\\1%[src]\\0>", GET XA "X-B: <foo127.0.0.11foo2>\r\n\r\n"},
        {"replace-header X-B nomatch x", HEAD_GET},
        {"set-path /p?q", "GET /p?q?x=1 HTTP/1.1\r\n" REST},
        {"set-path \"/a b\"", "GET /a%20b?x=1 HTTP/1.1\r\n" REST},
        {"set-path %[path,regsub(a,c)]", "GET /c/b?x=1 HTTP/1.1\r\n" REST},
        {"set-path /new|set-query a=1", "GET /new?a=1 HTTP/1.1\r\n" REST},
        {"set-pathq /p?z", "GET /p?z HTTP/1.1\r\n" REST},
        {"set-pathq /p", "GET /p HTTP/1.1\r\n" REST},
        {"set-query a=b", "GET /a/b?a=b HTTP/1.1\r\n" REST},
        {"set-query %[query]&y=2", "GET /a/b?x=1&y=2 HTTP/1.1\r\n" REST},
        {"set-uri /u?v", "GET /u?v HTTP/1.1\r\n" REST},
        {"set-uri http://o.example/u?v",
         "GET http://o.example/u?v HTTP/1.1\r\n" XA XB "Host: o.example\r\n\r\n"},
        {"replace-path (.*)/b \\1/c", "GET /a/c?x=1 HTTP/1.1\r\n" REST},
        {"replace-path /a /x%[query]", "GET /xx=1?x=1 HTTP/1.1\r\n" REST},
        {"replace-pathq ^/a/b\\?(.*) /z?\\1", "GET /z?x=1 HTTP/1.1\r\n" REST},
        {"replace-uri ^/a(.*) /y\\1", "GET /y/b?x=1 HTTP/1.1\r\n" REST},
        {"set-method POST", "POST /a/b?x=1 HTTP/1.1\r\n" REST},
        {"set-header Host other.example",
         "GET /a/b?x=1 HTTP/1.1\r\n" XA XB "Host: other.example\r\n\r\n"},
        {"set-var(txn.a) hdr(x-b)|set-header X-V %[var(txn.a)]", GET XA XB "X-V: 1foo2\r\n\r\n"},
        {"set-var-fmt(txn.a) \"%[src]-x\"|set-header X-V %[var(txn.a)]",
         GET XA XB "X-V: 127.0.0.1-x\r\n\r\n"},
        {"set-var(txn.a) int(5)|unset-var(txn.a)|set-header X-V %[var(txn.a)]",
         GET XA XB "X-V: \r\n\r\n"},
        {"allow|deny", HEAD_GET},
        {"deny if FALSE", HEAD_GET},
        {"set-header X-V 1 if { path /a/b } !METH_POST", GET XA XB "X-V: 1\r\n\r\n"},
        {"set-header X-V 1 unless { path /a/b }", HEAD_GET},
        {"set-nice 5|set-mark 1|wait-for-body time 1s", HEAD_GET},
        {"set-src hdr(x-none)|set-header X-S %[src]", GET XA XB "X-S: 127.0.0.1\r\n\r\n"},
        {"set-src str(192.0.2.7)|set-header X-S %[src]:%[src_port]",
         GET XA XB "X-S: 192.0.2.7:0\r\n\r\n"},
        {"track-sc0 src|set-header X-S %[sc0_http_req_cnt]-%[sc0_conn_cur]-%[sc_conn_cnt(0)]",
         GET XA XB "X-S: 1-1-1\r\n\r\n"},
        {"track-sc1 src table st|sc-inc-gpc0(1)|sc-set-gpt0(1) 7|"
         "set-header X-S %[sc1_get_gpc0]-%[sc1_get_gpt0]-%[sc1_tracked]-%[sc0_tracked]",
         GET XA XB "X-S: 1-7-1-0\r\n\r\n"},
        {"set-header X-S %[src_get_gpc0]-%[src_inc_gpc0]-%[src,table_gpc0]-%[src,in_table]",
         GET XA XB "X-S: 0-1-1-1\r\n\r\n"},
        /* framing stays lb's */
        {"set-header Content-Length 5|add-header Transfer-Encoding chunked|set-header Connection x",
         HEAD_GET},
        {"del-header x -m beg|del-header . -m reg", "GET /a/b?x=1 HTTP/1.1\r\n\r\n"},
        {"strict-mode off|set-method \"A B\"|set-method HEAD", HEAD_GET},
        {"set-header X-V \"%[str(a%0d%0ab),url_dec]\"", GET XA XB "X-V: a%0D%0Ab\r\n\r\n"},
    };
    check_heads(rows, ARRAY_LEN(rows), PHASE_REQUEST, HEAD_GET);
}
END_TEST

START_TEST(absolute_targets_are_changed)
{
    static const struct row rows[] = {
        {"set-path /p?q", ABS("http://abs.example/p?q?x=1")},
        {"set-path p", ABS("http://abs.example/p?x=1")},
        {"set-pathq /p", ABS("http://abs.example/p")},
        {"set-query a=b", ABS("http://abs.example/a/b?a=b")},
        {"set-uri /u?v", ABS("/u?v")},
        {"set-uri http://o.example/u?v",
         "GET http://o.example/u?v HTTP/1.1\r\nHost: o.example\r\n\r\n"},
        {"replace-path (.*)/b \\1/c", ABS("http://abs.example/a/c?x=1")},
        {"replace-pathq ^/a/b\\?(.*) /z?\\1", ABS("http://abs.example/z?x=1")},
        {"replace-uri ^/a(.*) /y\\1", HEAD_ABSOLUTE},
        {"set-header Host other.example",
         "GET http://other.example/a/b?x=1 HTTP/1.1\r\nHost: other.example\r\n\r\n"},
    };
    check_heads(rows, ARRAY_LEN(rows), PHASE_REQUEST, HEAD_ABSOLUTE);
}
END_TEST

#define STATUS(S) "HTTP/1.1 " S "\r\nContent-Length: 79\r\n"
#define XR        "X-R: 1, foo ,3\r\nX-R: foo\r\n"
#define COOKIE    "Set-Cookie: a=1\r\n"

START_TEST(responses_are_changed)
{
    static const struct row rows[] = {
        {"set-header X-R new", STATUS("200 OK") COOKIE "X-R: new\r\n\r\n"},
        {"replace-value X-R foo bar",
         STATUS("200 OK") "X-R: 1,bar,3\r\nX-R: bar\r\n" COOKIE "\r\n"},
        {"replace-header X-R (.*)foo(.*) \\1bar\\2",
         STATUS("200 OK") "X-R: 1, bar ,3\r\nX-R: bar\r\n" COOKIE "\r\n"},
        {"set-status 404", STATUS("404 Not Found") XR COOKIE "\r\n"},
        {"set-status 404 reason \"Nope x\"", STATUS("404 Nope x") XR COOKIE "\r\n"},
        {"del-header x-r", STATUS("200 OK") COOKIE "\r\n"},
        {"add-header X-S %[status]", STATUS("200 OK") XR COOKIE "X-S: 200\r\n\r\n"},
        {"set-header X-P %[method]", STATUS("200 OK") XR COOKIE "X-P: GET\r\n\r\n"},
        {"set-header X-C %[capture.req.uri]",
         STATUS("200 OK") XR COOKIE "X-C: /a/b?x=1&y=%41b&x=2\r\n\r\n"},
        {"set-header X-V 1 if { status 200:299 } { res.hdr(x-r) foo }",
         STATUS("200 OK") XR COOKIE "X-V: 1\r\n\r\n"},
    };
    check_heads(rows, ARRAY_LEN(rows), PHASE_RESPONSE, REQUEST);
}
END_TEST

/* ---- answers ---- */

static void check_answers(const struct row *rows, size_t n, enum phase phase)
{
    for (size_t i = 0; i < n; i++) {
        struct run r =
            run(rows[i].rules, phase, "GET /a/b?x=1 HTTP/1.1\r\nHost: h.example:81\r\n\r\n");
        char out[2048];
        ck_assert_msg(r.out.result == RULES_ANSWER, "%s: result %d", rows[i].rules, r.out.result);
        snprintf(out, sizeof(out), "%.*s\n%.*s", (int)r.out.head.len, r.out.head.at,
                 (int)r.out.body.len, r.out.body.at);
        ck_assert_msg(strcmp(out, rows[i].out) == 0, "%s:\n%s\nnot\n%s", rows[i].rules, out,
                      rows[i].out);
        end(&r);
    }
}

#define FOUND    "HTTP/1.1 302 Found\r\ncontent-length: 0\r\nlocation: "
#define NOT_KEPT "\r\ncache-control: no-cache\r\n"

START_TEST(redirects)
{
    static const struct row rows[] = {
        {"redirect location /new", FOUND "/new" NOT_KEPT "\n"},
        {"redirect location http://x/%[path] code 301",
         "HTTP/1.1 301 Moved Permanently\r\ncontent-length: 0\r\nlocation: http://x//a/b\r\n\n"},
        {"redirect prefix http://x", FOUND "http://x/a/b?x=1" NOT_KEPT "\n"},
        {"redirect prefix http://x drop-query", FOUND "http://x/a/b" NOT_KEPT "\n"},
        {"redirect prefix /", FOUND "/a/b?x=1" NOT_KEPT "\n"},
        {"redirect prefix http://x drop-query append-slash", FOUND "http://x/a/b/" NOT_KEPT "\n"},
        {"redirect scheme https", FOUND "https://h.example:81/a/b?x=1" NOT_KEPT "\n"},
        {"redirect scheme https code 307 drop-query",
         "HTTP/1.1 307 Temporary Redirect\r\ncontent-length: 0\r\nlocation: "
         "https://h.example:81/a/b" NOT_KEPT "\n"},
        {"redirect location / set-cookie A=1", FOUND "/" NOT_KEPT "set-cookie: A=1; path=/;\r\n\n"},
        {"redirect location / clear-cookie A=",
         FOUND "/" NOT_KEPT "set-cookie: A=; path=/; Max-Age=0;\r\n\n"},
        {"redirect code 303 location /y",
         "HTTP/1.1 303 See Other\r\ncontent-length: 0\r\nlocation: /y" NOT_KEPT "\n"},
        {"redirect location /z code 308",
         "HTTP/1.1 308 Permanent Redirect\r\ncontent-length: 0\r\nlocation: /z\r\n\n"},
        {"redirect location %[hdr(nope)] ignore-empty|redirect location /2",
         FOUND "/2" NOT_KEPT "\n"},
        {"redirect location %[hdr(nope)]", FOUND NOT_KEPT "\n"},
    };
    check_answers(rows, ARRAY_LEN(rows), PHASE_REQUEST);
}
END_TEST

START_TEST(returns)
{
    static const struct row rows[] = {
        {"deny status 404", "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\n"},
        {"return", "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\n"},
        {"return status 404 content-type text/plain string no",
         "HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\ncontent-type: text/plain\r\n\nno"},
        {"return status 204", "HTTP/1.1 204 No Content\r\n\n"},
        {"return lf-string \"%[src]\" content-type \"text/plain; charset=utf-8\"",
         "HTTP/1.1 200 OK\r\ncontent-length: 9\r\ncontent-type: text/plain; charset=utf-8\r\n\n"
         "127.0.0.1"},
        {"return status 500 hdr X-A 1",
         "HTTP/1.1 500 Internal Server Error\r\nX-A: 1\r\ncontent-length: 0\r\n\n"},
        {"deny content-type text/plain string no",
         "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\ncontent-type: text/plain\r\n\nno"},
        {"return status 301 content-type a string moved hdr location /x",
         "HTTP/1.1 301 Moved Permanently\r\nlocation: /x\r\ncontent-length: 5\r\n"
         "content-type: a\r\n\nmoved"},
        {"return status 599 content-type a string y",
         "HTTP/1.1 599 Server Error\r\ncontent-length: 1\r\ncontent-type: a\r\n\ny"},
        {"return content-type a file map if { path_beg /a }",
         "HTTP/1.1 200 OK\r\ncontent-length: 63\r\ncontent-type: a\r\n\n"
         "one 1st\ntwo  2nd of two \n# three\nb.example beta\n10.0.0.0/8 ten\n"},
        {"return content-type a hdr X-N %[hdr(nope)] string x",
         "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-type: a\r\n\nx"},
    };
    check_answers(rows, ARRAY_LEN(rows), PHASE_REQUEST);
}
END_TEST

START_TEST(outcomes)
{
    static const struct {
        const char *rules;
        enum phase phase;
        enum rule_result result;
        unsigned status;
        char by;
    } rows[] = {
        {"deny", PHASE_REQUEST, RULES_DENY, 403, 'P'},
        {"deny deny_status 429", PHASE_REQUEST, RULES_DENY, 429, 'P'},
        {"deny deny_status 418", PHASE_REQUEST, RULES_DENY, 500, 'P'},
        {"deny", PHASE_RESPONSE, RULES_DENY, 502, 'P'},
        {"tarpit", PHASE_REQUEST, RULES_TARPIT, 500, 'P'},
        {"tarpit deny_status 429", PHASE_REQUEST, RULES_TARPIT, 429, 'P'},
        {"return status 503 default-errorfiles", PHASE_REQUEST, RULES_DENY, 503, 'L'},
        {"reject", PHASE_REQUEST, RULES_CLOSE, 0, 'P'},
        {"silent-drop", PHASE_REQUEST, RULES_CLOSE, 0, 'P'},
        {"use-service prometheus-exporter", PHASE_REQUEST, RULES_SERVICE, 0, 'L'},
        {"allow", PHASE_REQUEST, RULES_DONE, 0, 'P'},
        {"set-method CONNECT", PHASE_REQUEST, RULES_FAILED, 500, 'P'},
        {"set-status 204", PHASE_RESPONSE, RULES_FAILED, 502, 'P'},
        {"return status 503", PHASE_RESPONSE, RULES_ANSWER, 503, 'L'},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct run r = run(rows[i].rules, rows[i].phase, HEAD_GET);
        ck_assert_msg(r.out.result == rows[i].result && r.out.by == rows[i].by &&
                          r.out.status == rows[i].status,
                      "%s: %d %u %c", rows[i].rules, r.out.result, r.out.status, r.out.by);
        end(&r);
    }
}
END_TEST

START_TEST(captures_and_levels)
{
    struct run r = run("capture hdr(x-b) len 3|capture path len 10|set-log-level silent",
                       PHASE_REQUEST, HEAD_GET);

    ck_assert_uint_eq(r.effects.captures.n, 2);
    ck_assert(text_eq(r.effects.captures.v[0].str, TEXT("1fo")));
    ck_assert(text_eq(r.effects.captures.v[1].str, TEXT("/a/b")));
    ck_assert(r.effects.silent);
    end(&r);
}
END_TEST

/* ---- faults ---- */

START_TEST(faults_say_where_and_what)
{
    static const struct {
        const char *rules;
        enum phase phase;
        const char *finding;
    } rows[] = {
        {"set-heder X-A b", PHASE_REQUEST,
         "1: unknown action \"set-heder\" (did you mean "
         "\"set-header\"?)"},
        {"set-header X-A", PHASE_REQUEST, "12: set-header needs a value"},
        {"set-header", PHASE_REQUEST, "1: set-header needs a header's name"},
        {"set-header \"X A\" b", PHASE_REQUEST, "12: \"X A\" is not a header's name"},
        {"set-header X-A b c", PHASE_REQUEST,
         "18: \"c\" does not belong here (\"if\" or \"unless\" may follow)"},
        {"set-header X-A b if nope", PHASE_REQUEST, "21: there is no acl \"nope\""},
        {"set-header X-A b if METH_GTE", PHASE_REQUEST,
         "21: there is no acl \"METH_GTE\" (did you mean \"METH_GET\"?)"},
        {"set-header X-A b if", PHASE_REQUEST, "18: a condition is missing (write if { path /x })"},
        {"set-header X-A b if { path /", PHASE_REQUEST,
         "21: this brace is not closed (write { path /x }, with blanks)"},
        {"set-header X-A %[srcc]", PHASE_REQUEST,
         "18: unknown sample \"srcc\" (did you mean \"src\"?)"},
        {"set-header X-A %[src,lowr]", PHASE_REQUEST,
         "22: unknown converter \"lowr\" (did you mean \"lower\"?)"},
        {"set-header X-A %[src", PHASE_REQUEST, "17: this bracket is not closed"},
        {"set-header X-A %nope", PHASE_REQUEST,
         "16: unknown variable \"%nope\" (write %% for a percent sign)"},
        {"set-header X-A 50%", PHASE_REQUEST,
         "18: something is missing behind the '%' (write %% for a percent sign)"},
        {"set-header X-A %[status]", PHASE_REQUEST, "18: status is not known in a request"},
        {"set-header X-A %[path]", PHASE_RESPONSE, "18: path is not known in a response"},
        {"set-header X-A %[hdr(a b)]", PHASE_REQUEST, "21: the parenthesis of hdr is not closed"},
        {"set-header X-A %[ssl_fc_sni]", PHASE_REQUEST,
         "18: \"ssl_fc_sni\" is not supported (lb speaks no TLS: let something in front of it do "
         "that, and look at a header it sets)"},
        {"set-header X-A %[nbsrv(wbe)]", PHASE_REQUEST,
         "24: there is no pool \"wbe\" (did you mean \"web\"?)"},
        {"set-header X-A \"unclosed", PHASE_REQUEST,
         "16: this quote is not closed (add the closing quote)"},
        {"replace-header X-A (a b", PHASE_REQUEST,
         "20: bad regular expression \"(a\": missing closing parenthesis at byte 2"},
        {"set-path", PHASE_RESPONSE, "1: \"set-path\" does not belong into response rules"},
        {"deny status 42", PHASE_REQUEST, "13: \"42\" is not a status (write 200 to 599)"},
        {"return string x", PHASE_REQUEST,
         "1: this answer has a body, but no content-type (add content-type text/plain)"},
        {"return status 204 content-type a string x", PHASE_REQUEST,
         "1: an answer with status 204 has no body"},
        {"return file nope content-type a", PHASE_REQUEST,
         "13: cannot read nope: No such file or directory"},
        {"redirect /x", PHASE_REQUEST,
         "10: \"/x\" does not belong here (known: location, prefix, scheme, code, drop-query, "
         "append-slash, ignore-empty, set-cookie, clear-cookie)"},
        {"redirect code 300 location /", PHASE_REQUEST,
         "15: \"300\" is not the code of a redirect (write 301, 302, 303, 307 or 308)"},
        {"auth realm x", PHASE_REQUEST,
         "1: \"auth\" is not supported (let the server ask for passwords)"},
        {"lua.foo", PHASE_REQUEST, "1: there is no Lua (write it as rules)"},
        {"set-var(foo) src", PHASE_REQUEST,
         "9: \"foo\" is not a variable (write txn.NAME, req.NAME, res.NAME or sess.NAME)"},
        {"set-var src", PHASE_REQUEST, "1: set-var needs something in parentheses"},
        {"track-sc0 src table nope", PHASE_REQUEST,
         "21: there is no pool or peers section with a stick table called \"nope\""},
        {"track-sc7 src", PHASE_REQUEST,
         "1: unknown action \"track-sc7\" (did you mean \"track-sc0\"?)"},
        {"sc-inc-gpc0(5)", PHASE_REQUEST,
         "13: \"5\" is not the number of a tracked key (write 0, 1 or 2)"},
        {"capture path size 5", PHASE_REQUEST, "14: write len N or id N, not \"size\""},
        {"", PHASE_REQUEST, "1: this rule says nothing"},
        {"set-header Connection close", PHASE_REQUEST,
         "12: \"Connection\" has no effect here: lb writes this field by itself"},
        {"set-nice 5", PHASE_REQUEST, "1: \"set-nice\" has no effect here"},
        {"deny if { res.hdr(x) -m found }", PHASE_REQUEST,
         "9: this is never true: it looks at something that is not known at this time"},
        {"deny if { path }", PHASE_REQUEST,
         "11: this is never true: it is compared with nothing (add what to compare it with, or -m "
         "found)"},
        {"deny if { path -m bg /a }", PHASE_REQUEST,
         "19: unknown way to compare \"bg\" (did you mean \"beg\"?)"},
        {"deny if { src 300.0.0.1 }", PHASE_REQUEST,
         "15: \"300.0.0.1\" is not an address or a network (write 192.0.2.1, 192.0.2.0/24 or "
         "2001:db8::/32)"},
        {"deny if { src -f nope }", PHASE_REQUEST,
         "18: cannot read nope: No such file or directory"},
        {"deny if a or", PHASE_REQUEST, "9: there is no acl \"a\""},
        {"deny if TRUE or", PHASE_REQUEST, "14: a condition is missing behind \"or\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world *w = world_new();
        const struct rules *rules;
        w->file = (struct conf_file){.name = "t", .text = (char *)rows[i].rules};
        w->c.phase = rows[i].phase;
        char *text = (char *)rows[i].rules;
        struct conf_pos at = {&w->file, 1, 1, 0};
        bool ok = rules_compile(&w->c, &text, &at, 1, &rules);
        ck_assert_msg(strcmp(world_finding(w), rows[i].finding) == 0, "%s:\n%s\nnot\n%s",
                      rows[i].rules, world_finding(w), rows[i].finding);
        ck_assert_msg(ok == !w->report.errors, "%s", rows[i].rules);
        world_free(w);
    }
}
END_TEST

static const struct test_row tests[] = {
    {"requests are changed as by HAProxy", &requests_are_changed},
    {"requests with an absolute target are, too", &absolute_targets_are_changed},
    {"responses are changed as by HAProxy", &responses_are_changed},
    {"redirects are byte for byte those of HAProxy", &redirects},
    {"so are answers of one's own", &returns},
    {"each action ends as it should", &outcomes},
    {"captures are kept, levels set", &captures_and_levels},
    {"a fault says where it is, what it is, and what to do", &faults_say_where_and_what},
};

int main(void)
{
    return suite_main("rule", tests, ARRAY_LEN(tests));
}
