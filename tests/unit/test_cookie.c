#include "common/base/macro.h"
#include "lb/core/cookie.h"
#include "tests/unit/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Servers s1 and s2 are up, s3 is down. What is expected was seen on HAProxy 2.6.12, unless a row
 * says that lb differs. */

#define NOW ((int64_t)1795223496) /* four times a whole number */

static const struct http1_limits limits = {16384, 0, HTTP1_FIELDS_MAX};

#define NAMED .name = "SERVERID", .name_len = 8

static const struct cookie_conf indirect = {NAMED, .indirect = true, .nocache = true};
static const struct cookie_conf plain = {NAMED};
static const struct cookie_conf preserve = {NAMED, .indirect = true, .preserve = true};
static const struct cookie_conf rewriting = {NAMED, .mode = COOKIE_REWRITE};
static const struct cookie_conf prefix = {NAMED, .mode = COOKIE_PREFIX};
static const struct cookie_conf hiding_prefix = {NAMED, .mode = COOKIE_PREFIX, .indirect = true};
static const struct cookie_conf idle = {NAMED, .indirect = true, .maxidle_s = 1000};
static const struct cookie_conf life = {NAMED, .indirect = true, .maxlife_s = 2000};
static const struct cookie_conf both = {NAMED, .indirect = true, .maxidle_s = 1000,
                                        .maxlife_s = 2000};
static const struct cookie_conf full = {NAMED,
                                        .indirect = true,
                                        .postonly = true,
                                        .httponly = true,
                                        .secure = true,
                                        .domain = "; domain=.a.org; domain=b.org",
                                        .attr = "; SameSite=Lax; X=y"};

static enum cookie_state judge(void *ctx, const char *value, size_t len)
{
    char *server = ctx;

    if (len != 2 || value[0] != 's' || value[1] < '1' || value[1] > '3')
        return COOKIE_INVALID;
    if (value[1] == '3')
        return COOKIE_DOWN;
    snprintf(server, 3, "%.2s", value);
    return COOKIE_VALID;
}

static void parse(const char *text, enum http1_method m, struct http1_head *h)
{
    enum http1_result r = strncmp(text, "HTTP/", 5) == 0
                              ? http1_parse_response(text, strlen(text), NULL, &limits, m, h)
                              : http1_parse_request(text, strlen(text), NULL, &limits, h);
    ck_assert_msg(r == HTTP1_COMPLETE, "%s: %s", text, http1_reason(r));
}

/* ---- requests ---- */

/* "a|b" as two Cookie lines, "" as none. */
static void cookie_lines(const char *cookies, char *out, size_t cap)
{
    char copy[512], *rest = copy, *one;

    snprintf(copy, sizeof(copy), "%s", cookies);
    out[0] = '\0';
    while (cookies[0] && (one = strsep(&rest, "^")))
        snprintf(out + strlen(out), cap - strlen(out), "Cookie: %s\r\n", one);
}

static void request(const struct cookie_conf *conf, const char *cookies, char state,
                    const char *server, const char *seen)
{
    char lines[512], in[1024], expected[1024], text[64], out[1024], got[3] = "";
    struct http1_head h;
    struct rewrite r;
    struct cookie k;

    cookie_lines(cookies, lines, sizeof(lines));
    snprintf(in, sizeof(in), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", lines);
    cookie_lines(seen, lines, sizeof(lines));
    snprintf(expected, sizeof(expected), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", lines);
    parse(in, HTTP1_GET, &h);
    cookie_request(conf, in, &h, NOW, judge, got, &k);
    rewrite_init(&r, in, &h, text, sizeof(text));
    ck_assert(cookie_strip(conf, in, &h, &r));
    out[rewrite_flat(&r, out, sizeof(out) - 1)] = '\0';
    ck_assert_msg(cookie_state_letter(k.state) == state, "%s: %c", cookies,
                  cookie_state_letter(k.state));
    ck_assert_msg(strcmp(got, server) == 0, "%s: server %s", cookies, got);
    ck_assert_msg(strcmp(out, expected) == 0, "%s: the server sees\n%s", cookies, out);
}

START_TEST(the_cookie_decides_and_the_server_does_not_see_it)
{
    static const struct {
        const char *cookies;
        char state;
        const char *server, *seen;
    } rows[] = {
        {"", 'N', "", ""},
        {"SERVERID=s2", 'V', "s2", ""},
        {"SERVERID=s3", 'D', "", ""},
        {"SERVERID=nope", 'I', "", ""},
        {"SERVERID=", 'I', "", ""},
        {"SERVERID", 'N', "", "SERVERID"},
        {"a=b; SERVERID=s2; c=d", 'V', "s2", "a=b; c=d"},
        {"SERVERID=s2; c=d", 'V', "s2", "c=d"},
        {"a=b; SERVERID=s2", 'V', "s2", "a=b"},
        {"a=b", 'N', "", "a=b"},
        {"a=SERVERID; b=SERVERID=s2", 'N', "", "a=SERVERID; b=SERVERID=s2"},
        {"XSERVERID=s2; SERVERIDX=s2", 'N', "", "XSERVERID=s2; SERVERIDX=s2"},
        {"serverid=s2", 'N', "", "serverid=s2"},
        {"a=b; SERVERID=s2; SERVERID=s1; c=d", 'V', "s2", "a=b; c=d"},
        {"SERVERID=nope; SERVERID=s1", 'V', "s1", ""},
        {"SERVERID=s1; SERVERID=nope", 'V', "s1", ""},
        {"SERVERID=s3; SERVERID=s2", 'V', "s2", ""},
        {"SERVERID=s3; SERVERID=nope", 'D', "", ""},
        {"SERVERID=nope; SERVERID=s3", 'D', "", ""},
        {"SERVERID=nope; a=b; SERVERID=s1; c=d; SERVERID=x", 'V', "s1", "a=b; c=d"},
        {"a=b^SERVERID=s2^c=d", 'V', "s2", "a=b^c=d"},
        {"SERVERID=nope^a=b; SERVERID=s1", 'V', "s1", "a=b"},
        {"a=\"x; SERVERID=s2; y\"; b=c", 'N', "", "a=\"x; SERVERID=s2; y\"; b=c"},
        {"a=\"x\\\"; SERVERID=s2\"; b=c", 'N', "", "a=\"x\\\"; SERVERID=s2\"; b=c"},
        {"SERVERID=\"s2\"", 'I', "", ""},
        {"a=\"x\\", 'N', "", "a=\"x\\"},
        {"a=\"x\\; SERVERID=s2", 'N', "", "a=\"x\\; SERVERID=s2"},
        {"a=x\\; SERVERID=\"s2\\", 'I', "", "a=x\\"},
        {"a=\\\"; SERVERID=s2", 'N', "", "a=\\\"; SERVERID=s2"},
        {"SERVERID= ; a=b", 'I', "", "a=b"},
        {"a ; SERVERID=s2; b", 'V', "s2", "a; b"},
        {"a=b,SERVERID=s2", 'V', "s2", "a=b"},
        {"a=b, SERVERID=s2; c=d", 'V', "s2", "a=b; c=d"},
        {"$Version=1; SERVERID=s2; $Path=/; c=d", 'V', "s2", "$Version=1; c=d"},
        {"SERVERID=s2;", 'V', "s2", ""},
        {"a; SERVERID=s2; b", 'V', "s2", "a; b"},
        {"=x; SERVERID=s2", 'V', "s2", "=x"},
        {" a=b;  SERVERID=s2 ;  c=d", 'V', "s2", " a=b ;  c=d"}, /* there: "; " anew */
        {"a=b;SERVERID=s2;c=d", 'V', "s2", "a=b;c=d"},           /* there: "a=b; c=d" */
        {"a=b ; SERVERID = s2 ; c=d", 'V', "s2", "a=b ; c=d"},   /* there: "a=b; c=d" */
        {";;SERVERID=s2;;", 'V', "s2", ""},                      /* there: ";; ;" */
        {"a=b;;SERVERID=s2;;c=d", 'V', "s2", "a=b;;c=d"},        /* there: "a=b;; ;c=d" */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        request(&indirect, rows[i].cookies, rows[i].state, rows[i].server, rows[i].seen);
        /* Without `indirect` nothing is taken out. */
        const char *c = rows[i].cookies;
        if (c[0] != ' ')
            request(&plain, c, rows[i].state, rows[i].server, c);
    }
}
END_TEST

START_TEST(a_prefix_decides_and_is_taken_off)
{
    static const struct {
        const char *cookies;
        char state;
        const char *server, *seen;
    } rows[] = {
        {"", 'N', "", ""},
        {"SERVERID=s2~abc", 'V', "s2", "SERVERID=abc"},
        {"SERVERID=s2", 'V', "s2", "SERVERID=s2"},
        {"SERVERID=nope~abc", 'I', "", "SERVERID=abc"},
        {"SERVERID=s3~abc", 'D', "", "SERVERID=abc"},
        {"SERVERID=s2~", 'V', "s2", "SERVERID="},
        {"SERVERID=~x", 'I', "", "SERVERID=x"},
        {"SERVERID=s2~a~b; c=d~e", 'V', "s2", "SERVERID=a~b; c=d~e"},
        {"SERVERID=nope~a; SERVERID=s2~b", 'V', "s2", "SERVERID=a; SERVERID=b"},
        {"SERVERID=s2|AAAAA~b", 'I', "", "SERVERID=b"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        request(&prefix, rows[i].cookies, rows[i].state, rows[i].server, rows[i].seen);
        request(&hiding_prefix, rows[i].cookies, rows[i].state, rows[i].server, rows[i].seen);
    }
    request(&rewriting, "a=b; SERVERID=s2", 'V', "s2", "a=b; SERVERID=s2");
    request(&rewriting, "SERVERID=s2|AAAAA", 'I', "", "SERVERID=s2|AAAAA");
}
END_TEST

/* ---- responses ---- */

struct exchange {
    const struct cookie_conf *conf;
    const char *cookies; /* of the request */
    const char *server;  /* that answers; NULL: the one the cookie decided on, else s1 */
    const char *lines;   /* of the answer */
    char answer;
    const char *out; /* lines to the client */
    enum http1_method method;
    const char *status;
};

static void respond(const struct exchange *x)
{
    char lines[512], in[1024], out[2048], expected[2048], text[512], got[3] = "";
    enum http1_method method = x->method ? x->method : HTTP1_GET;
    const char *status = x->status ? x->status : "200";
    struct http1_head h;
    struct rewrite r;
    struct cookie k;

    cookie_lines(x->cookies, lines, sizeof(lines));
    snprintf(in, sizeof(in), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", lines);
    parse(in, HTTP1_GET, &h);
    cookie_request(x->conf, in, &h, NOW, judge, got, &k);
    const char *server = x->server ? x->server : got[0] ? got : "s1";

    snprintf(in, sizeof(in), "HTTP/1.1 %s OK\r\n%s\r\n", status, x->lines);
    snprintf(expected, sizeof(expected), "HTTP/1.1 %s OK\r\n%s\r\n", status, x->out);
    parse(in, method, &h);
    rewrite_init(&r, in, &h, text, sizeof(text));
    ck_assert(cookie_response(x->conf, server, in, &h, NOW, &k, &r));
    out[rewrite_flat(&r, out, sizeof(out) - 1)] = '\0';
    ck_assert_msg(strcmp(out, expected) == 0, "'%s' %s %s: the client sees\n%s", x->cookies,
                  x->lines, status, out);
    ck_assert_msg(cookie_answer_letter(k.answer) == x->answer, "'%s' %s: %c", x->cookies, x->lines,
                  cookie_answer_letter(k.answer));
}

#define SC   "Set-Cookie: SERVERID=zz; path=/x; HttpOnly\r\n"
#define E    "ETag: \"x\"\r\n"
#define S1   "set-cookie: SERVERID=s1; path=/\r\n"
#define PRIV "cache-control: private\r\n"
#define GONE "set-cookie: SERVERID=; Expires=Thu, 01-Jan-1970 00:00:01 GMT; path=/\r\n"

START_TEST(the_client_gets_a_cookie_where_it_needs_one)
{
    static const struct exchange rows[] = {
        {&indirect, "", NULL, "", 'I', S1},
        {&indirect, "SERVERID=s2", NULL, "", 'N', ""},
        {&indirect, "SERVERID=s3", "s2", "", 'I', "set-cookie: SERVERID=s2; path=/\r\n"},
        {&indirect, "SERVERID=nope", NULL, "", 'I', S1},
        {&indirect, "", NULL, SC, 'I', S1},
        {&indirect, "SERVERID=s1", NULL, SC, 'D', ""},
        {&indirect, "SERVERID=nope", NULL, SC, 'I', S1},
        {&indirect, "", NULL, "Set-Cookie: a=b\r\n" SC "X: y\r\n" SC, 'I',
         "Set-Cookie: a=b\r\nX: y\r\n" S1},
        {&indirect, "", NULL, "Set-Cookie: serverid=zz\r\n", 'I', "Set-Cookie: serverid=zz\r\n" S1},
        {&indirect, "", NULL, "Set-Cookie: SERVERID\r\n", 'I', "Set-Cookie: SERVERID\r\n" S1},
        {&indirect, "", NULL, "Set-Cookie: SERVERID = zz\r\n", 'I', S1},
        {&indirect, "", NULL, "Set-Cookie: a=b, SERVERID=zz\r\n", 'I',
         "Set-Cookie: a=b, SERVERID=zz\r\n" S1},
        {&indirect, "", NULL, "Set-Cookie: a=b; SERVERID=zz\r\n", 'I',
         "Set-Cookie: a=b; SERVERID=zz\r\n" S1},
        {&plain, "", NULL, SC, 'I', S1},
        {&plain, "SERVERID=s1", NULL, SC, 'D', ""},
        {&preserve, "", NULL, "", 'I', S1},
        {&preserve, "", NULL, SC, 'P', SC},
        {&preserve, "SERVERID=s1", NULL, SC, 'P', SC},
        {&preserve, "SERVERID=nope", NULL, SC, 'P', SC},
        {&full, "", NULL, "", 'N', ""},
        {&full, "", NULL, "", 'I',
         "set-cookie: SERVERID=s1; path=/; domain=.a.org; domain=b.org; HttpOnly; Secure; "
         "SameSite=Lax; X=y\r\n",
         HTTP1_POST},
        {&full, "SERVERID=s1", NULL, "", 'N', "", HTTP1_POST},
        /* a server without a cookie of its own ends the client's */
        {&indirect, "", "", "", 'I', GONE},
        {&indirect, "SERVERID=nope", "", SC, 'I', GONE},
        {&idle, "", "", "", 'I', GONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        respond(&rows[i]);
}
END_TEST

START_TEST(the_servers_own_cookie_is_rewritten_or_prefixed)
{
    static const struct exchange rows[] = {
        {&rewriting, "", NULL, "", 'N', ""},
        {&rewriting, "SERVERID=nope", NULL, "", 'N', ""},
        {&rewriting, "", NULL, SC, 'R', "Set-Cookie: SERVERID=s1; path=/x; HttpOnly\r\n"},
        {&rewriting, "SERVERID=s2", NULL, SC, 'R',
         "Set-Cookie: SERVERID=s2; path=/x; HttpOnly\r\n"},
        {&rewriting, "", NULL, "Set-Cookie: SERVERID=; path=/\r\n", 'R',
         "Set-Cookie: SERVERID=s1; path=/\r\n"},
        {&rewriting, "", NULL, "Set-Cookie: SERVERID=\"q;x\"; path=/\r\n", 'R',
         "Set-Cookie: SERVERID=s1; path=/\r\n"},
        {&rewriting, "", NULL, "Set-Cookie: SERVERID=a,b\r\n", 'R', "Set-Cookie: SERVERID=s1\r\n"},
        {&rewriting, "", NULL, SC SC, 'R',
         "Set-Cookie: SERVERID=s1; path=/x; HttpOnly\r\nSet-Cookie: SERVERID=s1; path=/x; "
         "HttpOnly\r\n"},
        {&rewriting, "", NULL, SC "Set-Cookie: a=b\r\n", 'R',
         "Set-Cookie: SERVERID=s1; path=/x; HttpOnly\r\nSet-Cookie: a=b\r\n"},
        {&rewriting, "", "", SC, 'P', SC},
        {&prefix, "", NULL, "", 'N', ""},
        {&prefix, "", NULL, SC, 'R', "Set-Cookie: SERVERID=s1~zz; path=/x; HttpOnly\r\n"},
        {&prefix, "SERVERID=s2~x", NULL, SC, 'R',
         "Set-Cookie: SERVERID=s2~zz; path=/x; HttpOnly\r\n"},
        {&prefix, "", NULL, "Set-Cookie: SERVERID=; Max-Age=0\r\n", 'R',
         "Set-Cookie: SERVERID=s1~; Max-Age=0\r\n"},
        {&prefix, "", NULL, "Set-Cookie: SERVERID=\"a b\"; x\r\n", 'R',
         "Set-Cookie: SERVERID=s1~\"a b\"; x\r\n"},
        {&prefix, "", "", SC, 'P', SC},
        {&hiding_prefix, "SERVERID=s2~x", NULL, SC, 'D', ""},
        {&hiding_prefix, "", NULL, SC, 'R', "Set-Cookie: SERVERID=s1~zz; path=/x; HttpOnly\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        respond(&rows[i]);
}
END_TEST

START_TEST(nocache_speaks_up_only_where_a_cache_might_keep_the_answer)
{
    static const struct {
        const char *lines;
        bool is_private;
        enum http1_method method;
        const char *status;
    } rows[] = {
        {"", false},
        {E, true},
        {"ETag:\r\n", true},
        {"Last-Modified: x\r\n", true},
        {"Expires: 0\r\n", true},
        {"Age: 4\r\n", false},
        {"Cache-Control: max-age=5\r\n", true},
        {"Cache-Control: s-maxage=5\r\n", true},
        {"Cache-Control: max-age=\"5\"\r\n", true},
        {"Cache-Control: private\r\n", false},
        {"Cache-Control: no-cache\r\n", false},
        {"Cache-Control: no-store\r\n", false},
        {"Cache-Control: public\r\n", false},
        {"Cache-Control: max-age=0\r\n", false},
        {"Cache-Control: s-maxage=0\r\n", false},
        {"Cache-Control: foo\r\n", false},
        {"Cache-Control: private=\"x\"\r\n", false},
        {"Cache-Control: private, max-age=5\r\n", false},
        {E "Cache-Control: private\r\n", false},
        {E "Cache-Control: foo, private\r\n", false},
        {E "Cache-Control: MAX-AGE=5, Private\r\n", false},
        {E "Cache-Control: no-store\r\nCache-Control: max-age=4\r\n", false},
        {E "Cache-Control: max-age=0\r\n", false},
        {E "Cache-Control: max-age=00\r\n", true},
        {E "Cache-Control: s-maxage=0\r\n", false},
        {E "Cache-Control: private=\"x\"\r\n", true},
        {E "Cache-Control: no-cache=\"x\"\r\n", true},
        {E "Cache-Control: public\r\n", true},
        {E "Cache-Control: max-age=0, public\r\n", true},
        {E "Cache-Control: no-cache, public\r\n", true},
        {E "Cache-Control: public, no-cache\r\n", true},
        {E "Pragma: no-cache\r\n", false},
        {E "Pragma: foo\r\n", true},
        {E, true, HTTP1_HEAD},
        {E, true, HTTP1_OPTIONS},
        {E, false, HTTP1_POST},
        {E, false, HTTP1_PUT},
        {E, false, HTTP1_DELETE},
        {E, true, 0, "203"},
        {E, false, 0, "201"},
        {E, true, 0, "301"},
        {E, false, 0, "302"},
        {E, true, 0, "404"},
        {E, false, 0, "403"},
        {E, true, 0, "410"},
        {E, false, 0, "500"},
        {E, true, 0, "501"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char out[512];
        struct exchange x = {&indirect, "",  NULL,           rows[i].lines,
                             'I',       out, rows[i].method, rows[i].status};

        snprintf(out, sizeof(out), "%s" S1 "%s", rows[i].lines, rows[i].is_private ? PRIV : "");
        respond(&x);
        /* Never without a cookie, and never unasked. */
        x.cookies = "SERVERID=s1";
        x.out = rows[i].lines;
        x.answer = 'N';
        respond(&x);
        x.conf = &plain;
        respond(&x);
    }
}
END_TEST

/* ---- dates ---- */

/* The date `s` seconds from now, as it stands in a cookie. */
static const char *date(int64_t s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static char texts[4][6];
    static unsigned turn;
    char *text = texts[turn++ % 4];
    int64_t units = (NOW + s) / 4;

    for (int i = 4; i >= 0; i--, units /= 64)
        text[i] = digits[units % 64];
    return text;
}

START_TEST(dates_are_those_of_haproxy)
{
    ck_assert_str_eq(date(0), "awDvy");
    respond(
        &(struct exchange){&idle, "", NULL, "", 'I', "set-cookie: SERVERID=s1|awDvy; path=/\r\n"});
    respond(&(struct exchange){&life, "", NULL, "", 'I',
                               "set-cookie: SERVERID=s1|awDvy|awDvy; path=/\r\n"});
}
END_TEST

#define NO_DATE ((int64_t)-1)

START_TEST(cookies_grow_old)
{
    /* The last and the first date in the cookie as seconds from now; NO_DATE ends it there. What is
     * expected for maxidle 1000 s, for maxlife 2000 s, for both, for neither: state and answer. */
    static const struct {
        int64_t last, first;
        const char *idle, *life, *both, *neither;
    } rows[] = {
        {NO_DATE, NO_DATE, "VU", "VU", "VU", "VN"}, {0, NO_DATE, "VN", "VU", "VU", "VN"},
        {-4, NO_DATE, "VU", "VU", "VU", "VU"},      {-1000, NO_DATE, "VU", "VU", "VU", "VU"},
        {-1004, NO_DATE, "EI", "VU", "EI", "VU"},   {-3000, NO_DATE, "EI", "VU", "EI", "VU"},
        {48, NO_DATE, "VN", "VU", "VU", "VN"},      {86400, NO_DATE, "VN", "VU", "VU", "VN"},
        {86404, NO_DATE, "EI", "VU", "EI", "VN"},   {-4, -8, "VU", "VU", "VU", "VU"},
        {-4, -2000, "VU", "VU", "VU", "VU"},        {-4, -2004, "VU", "OI", "OI", "VU"},
        {-4, 86400, "VU", "VU", "VU", "VU"},        {-4, 86404, "VU", "OI", "OI", "VU"},
        {48, -8, "VU", "VN", "VN", "VU"},           {48, -5000, "VU", "OI", "OI", "VU"},
        {-3000, -8, "EI", "VU", "EI", "VU"},
    };
    static const struct cookie_conf *const confs[] = {&idle, &life, &both, &plain};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *expected[] = {rows[i].idle, rows[i].life, rows[i].both, rows[i].neither};

        for (size_t c = 0; c < ARRAY_LEN(confs); c++) {
            const char *e = expected[c];
            char cookies[64], out[128] = "", dates[16] = "";
            bool has_first = e[0] == 'V' && rows[i].first != NO_DATE;

            snprintf(cookies, sizeof(cookies), "SERVERID=s1");
            if (rows[i].last != NO_DATE)
                snprintf(cookies + 11, sizeof(cookies) - 11, "|%s", date(rows[i].last));
            if (rows[i].first != NO_DATE)
                snprintf(cookies + 17, sizeof(cookies) - 17, "|%s", date(rows[i].first));
            if (confs[c]->maxidle_s || confs[c]->maxlife_s)
                snprintf(dates, sizeof(dates), "|%s", date(0));
            if (confs[c]->maxlife_s)
                snprintf(dates + 6, 10, "|%s", date(has_first ? rows[i].first : 0));
            if (e[1] != 'N')
                snprintf(out, sizeof(out), "set-cookie: SERVERID=s1%s; path=/\r\n", dates);
            /* `plain` does not take it out of the request. */
            request(confs[c], cookies, e[0], e[0] == 'V' ? "s1" : "",
                    confs[c] == &plain ? cookies : "");
            respond(&(struct exchange){confs[c], cookies, "s1", "", e[1], out});
        }
    }
}
END_TEST

START_TEST(what_is_no_date_counts_as_none)
{
    static const struct {
        const char *cookies;
        char state;
        const char *server;
    } rows[] = {
        {"SERVERID=s1|", 'V', "s1"},
        {"SERVERID=s1|x", 'V', "s1"},
        {"SERVERID=s1|!!!!!", 'V', "s1"},
        {"SERVERID=s1|AAAAA|AAAAA", 'V', "s1"},
        {"SERVERID=s1||", 'V', "s1"},
        {"SERVERID=s1|awDvxjunk", 'V', "s1"},
        {"SERVERID=s3|awDvx", 'D', ""},
        {"SERVERID=|awDvx", 'I', ""},
        {"SERVERID=s3|awDkD", 'E', ""},
        {"SERVERID=nope|awDkD", 'E', ""},
        {"SERVERID=s1|awDkD; SERVERID=s2|awDvx", 'V', "s2"},
        {"SERVERID=s2|awDvx; SERVERID=s1|awDkD", 'V', "s2"}, /* HAProxy uses s2 too, but logs E */
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        request(&idle, rows[i].cookies, rows[i].state, rows[i].server, "");
}
END_TEST

/* ---- the rest ---- */

START_TEST(dates_belong_to_the_cookie_that_counts)
{
    char cookies[64];

    /* Dates of a cookie that names no server do not keep the next one fresh. */
    snprintf(cookies, sizeof(cookies), "SERVERID=nope|%s; SERVERID=s1", date(48));
    respond(&(struct exchange){&idle, cookies, NULL, "", 'U',
                               "set-cookie: SERVERID=s1|awDvy; path=/\r\n"});
    snprintf(cookies, sizeof(cookies), "SERVERID=nope|%s|%s", date(48), date(-8));
    respond(&(struct exchange){&life, cookies, NULL, "", 'I',
                               "set-cookie: SERVERID=s1|awDvy|awDvy; path=/\r\n"});
}
END_TEST

START_TEST(a_second_answer_starts_afresh)
{
    static const char first[] = "HTTP/1.1 200 OK\r\n" SC "\r\n",
                      second[] = "HTTP/1.1 200 OK\r\n\r\n";
    struct cookie k = {.state = COOKIE_VALID};
    struct http1_head h;
    struct rewrite r;
    char text[256], out[256];

    parse(first, HTTP1_GET, &h);
    rewrite_init(&r, first, &h, text, sizeof(text));
    ck_assert(cookie_response(&preserve, NULL, first, &h, NOW, &k, &r));
    ck_assert_int_eq(cookie_answer_letter(k.answer), 'P');
    parse(second, HTTP1_GET, &h);
    rewrite_init(&r, second, &h, text, sizeof(text));
    k.state = COOKIE_INVALID;
    ck_assert(cookie_response(&preserve, NULL, second, &h, NOW, &k, &r));
    ck_assert_int_eq(cookie_answer_letter(k.answer), 'I');
    out[rewrite_flat(&r, out, sizeof(out) - 1)] = '\0';
    ck_assert_str_eq(out, "HTTP/1.1 200 OK\r\n" GONE "\r\n");
}
END_TEST

START_TEST(pairs_are_listed_for_samples)
{
    static const char in[] =
        "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=b; c = d ;e;f=\"g;h\",i= ; =m\r\n"
        "X: y\r\nCookie: j=k=l\r\nCookie:\r\n\r\n";
    const struct http1_field *field = NULL;
    struct cookie_pair p;
    struct http1_head h;
    char got[128] = "";
    size_t at = 0;

    parse(in, HTTP1_GET, &h);
    while (cookie_next(in, &h, &field, &at, &p))
        snprintf(got + strlen(got), sizeof(got) - strlen(got), "<%.*s:%.*s>", p.name.len,
                 in + p.name.at, p.value.len, in + p.value.at);
    ck_assert_str_eq(got, "<a:b><c:d><f:\"g;h\"><i:><:m><j:k=l>");
}
END_TEST

START_TEST(the_log_has_a_letter_for_everything)
{
    static const enum cookie_state states[] = {COOKIE_NONE,    COOKIE_INVALID, COOKIE_DOWN,
                                               COOKIE_EXPIRED, COOKIE_OLD,     COOKIE_VALID,
                                               COOKIE_UNUSED};
    static const enum cookie_answer answers[] = {COOKIE_ANSWER_NONE,      COOKIE_ANSWER_INSERTED,
                                                 COOKIE_ANSWER_UPDATED,   COOKIE_ANSWER_PROVIDED,
                                                 COOKIE_ANSWER_REWRITTEN, COOKIE_ANSWER_DELETED};

    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        ck_assert_int_eq(cookie_state_letter(states[i]), "NIDEOVU"[i]);
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        ck_assert_int_eq(cookie_answer_letter(answers[i]), "NIUPRD"[i]);
}
END_TEST

START_TEST(a_cookie_without_room_is_not_half_there)
{
    static const char in[] = "HTTP/1.1 200 OK\r\n" E "\r\n";
    struct cookie k = {.state = COOKIE_NONE};
    struct http1_head h;
    char text[80], out[256];

    parse(in, HTTP1_GET, &h);
    for (size_t cap = 0; cap < sizeof(text); cap++) {
        struct rewrite r;
        bool fits = cap >= strlen(S1 PRIV "\r\n");

        rewrite_init(&r, in, &h, text, cap);
        ck_assert_msg(cookie_response(&indirect, "s1", in, &h, NOW, &k, &r) == fits, "%zu", cap);
        ck_assert_int_eq(rewrite_flat(&r, out, sizeof(out)),
                         fits ? sizeof(in) - 1 + strlen(S1 PRIV) : 0);
    }
}
END_TEST

int main(void)
{
    static const struct test_row rows[] = {
        {"the cookie decides, and with `indirect` the server does not see it",
         &the_cookie_decides_and_the_server_does_not_see_it},
        {"a prefix decides, and is taken off", &a_prefix_decides_and_is_taken_off},
        {"the client gets a cookie where it needs one",
         &the_client_gets_a_cookie_where_it_needs_one},
        {"the server's own cookie is rewritten or prefixed",
         &the_servers_own_cookie_is_rewritten_or_prefixed},
        {"`nocache` speaks up only where a cache might keep the answer",
         &nocache_speaks_up_only_where_a_cache_might_keep_the_answer},
        {"dates are those of HAProxy", &dates_are_those_of_haproxy},
        {"cookies grow old", &cookies_grow_old},
        {"what is no date counts as none", &what_is_no_date_counts_as_none},
        {"dates belong to the cookie that counts", &dates_belong_to_the_cookie_that_counts},
        {"a second answer starts afresh", &a_second_answer_starts_afresh},
        {"pairs are listed for samples", &pairs_are_listed_for_samples},
        {"the log has a letter for everything", &the_log_has_a_letter_for_everything},
        {"a cookie without room is not half there", &a_cookie_without_room_is_not_half_there},
    };
    return suite_main("cookie", rows, ARRAY_LEN(rows));
}
