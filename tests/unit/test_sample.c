#include "common/base/parse.h"
#include "tests/unit/world.h"

/* The value as text; "<none>" if there is none. */
static const char *value(struct world *r, const char *text)
{
    static char out[8192];
    struct sample s;

    ck_assert(world_begin(r, text));
    const struct expr *x = expr_parse(&r->c, text_of(text), 0);
    ck_assert_msg(x, "%s: %s", text, world_finding(r));
    world_ready(r);
    if (!expr_value(x, &r->ev, &s) || !sample_cast(&s, SAMPLE_STR, &r->tmp))
        return "<none>";
    snprintf(out, sizeof(out), "%.*s", (int)s.str.len, s.str.at);
    return out;
}

struct row {
    const char *in, *out;
};

static void check(const struct row *rows, size_t n, const char *request)
{
    struct world *r = world_new();

    world_messages(r, request, RESPONSE);
    for (size_t i = 0; i < n; i++) {
        r->c.phase =
            strstr(rows[i].in, "res.") == rows[i].in || strstr(rows[i].in, "s") == rows[i].in
                ? PHASE_RESPONSE
                : PHASE_REQUEST;
        if (strncmp(rows[i].in, "sr", 2) == 0 || strncmp(rows[i].in, "st", 2) == 0)
            r->c.phase = strncmp(rows[i].in, "status", 6) == 0 ? PHASE_RESPONSE : PHASE_REQUEST;
        ck_assert_msg(strcmp(value(r, rows[i].in), rows[i].out) == 0, "%s: %s, not %s", rows[i].in,
                      value(r, rows[i].in), rows[i].out);
    }
    world_free(r);
}

#define CHECK(ROWS, REQ) check(ROWS, ARRAY_LEN(ROWS), REQ)

/* ---- each row as HAProxy 2.6.12 was seen to answer ---- */

START_TEST(fetches)
{
    static const struct row rows[] = {
        {"hdr(x-a)", "three"},
        {"hdr(x-a,1)", "one"},
        {"hdr(x-a,-1)", "three"},
        {"hdr(x-a,-3)", "one"},
        {"hdr(x-a,4)", "<none>"},
        {"req.fhdr(x-a)", "three"},
        {"req.fhdr(x-a,1)", "one, two"},
        {"req.hdr_cnt(x-a)", "3"},
        {"req.fhdr_cnt(x-a)", "2"},
        {"hdr_cnt", "8"},
        {"req.hdr_ip(x-ip)", "192.168.1.2"},
        {"req.hdr_ip(x-ip,1)", "10.0.0.1"},
        {"req.cook(a)", "3"},
        {"cookie(b)", "2"},
        {"cook_cnt(a)", "2"},
        {"url_param(x)", "1"},
        {"urlp(y)", "%41b"},
        {"urlp_val(x)", "1"},
        {"base", "Example.COM:8080/a/b"},
        {"url", "/a/b?x=1&y=%41b&x=2"},
        {"path", "/a/b"},
        {"pathq", "/a/b?x=1&y=%41b&x=2"},
        {"query", "x=1&y=%41b&x=2"},
        {"req.ver", "1.1"},
        {"method", "GET"},
        {"hdr(host),field(1,:)", "Example.COM"},
        {"hdr(host),host_only", "example.com"},
        {"hdr(host),port_only", "8080"},
        {"req.hdr_names", "host,x-a,x-a,cookie,cookie,x-ip"},
        {"req.hdr_names(:)", "host:x-a:x-a:cookie:cookie:x-ip"},
        {"src", "127.0.0.1"},
        {"dst_port", "80"},
        {"int(1)", "1"},
        {"int(-3)", "-3"},
        {"bool(true)", "1"},
        {"bool(false)", "0"},
        {"req.hdr_val(x-a)", "0"},
        {"env(HOME)", "/root"},
        {"env(NOPE)", "<none>"},
        {"hostname", "node1"},
        {"meth(GET)", "GET"},
        {"ipv4(1.2.3.4)", "1.2.3.4"},
        {"ipv6(::1)", "::1"},
        {"bin(4142)", "AB"},
        {"str(\"a,b\")", "a,b"},
        {"str('a)b')", "a)b"},
        {"rand(1)", "0"},
        {"always_true", "1"},
        {"always_false", "0"},
        {"fe_name", "http-in"},
        {"nbsrv(web)", "2"},
        {"nbsrv", "2"},
        {"date", "1700000000"},
        {"date(-10)", "1699999990"},
        {"date(0,ms)", "1700000000123"},
        {"http_first_req", "1"},
        {"capture.req.uri", "/a/b?x=1&y=%41b&x=2"},
        {"wait_end", "1"},
        {"ssl_fc", "0"},
        {"be_conn", "<none>"},
        {"status", "404"},
        {"res.hdr(server)", "x"},
        {"res.hdr(cache-control,1)", "no-cache"},
        {"res.cook(s)", "1"},
        {"res.cook(t)", "2"},
        {"res.cook_cnt", "2"},
        {"res.ver", "1.1"},
        {"shdr(server)", "x"},
        {"srv_is_up(web/s1)", "1"},
    };
    CHECK(rows, REQUEST);
}
END_TEST

START_TEST(odd_requests)
{
    static const struct row rows[] = {
        {"req.hdr_cnt(x-e)", "5"},
        {"hdr(x-e,1)", "a"},
        {"hdr(x-e,2)", ""},
        {"hdr(x-e,3)", "b"},
        {"hdr(x-e,4)", "\"c,d\""},
        {"hdr(x-e,5)", "e"},
        {"hdr(x-e),length", "1"},
        {"req.hdr_cnt(x-em)", "1"},
        {"hdr(x-em)", ""},
        {"hdr_ip(x-ip)", "1.2.3.4"},
        {"hdr_ip(x-ip6,1)", "<none>"},
        {"hdr_ip(x-ip6,2)", "2001:db8::1"},
        {"hdr_ip(x-ip6,3)", "<none>"},
        {"hdr_ip(x-ip6)", "5.6.7.8"},
        {"cook(a)", ""},
        {"cook(b)", "2"},
        {"cook(c)", "<none>"},
        {"cook_cnt", "3"},
        {"cook_cnt(a)", "2"},
        {"req.cook_val(b)", "2"},
        {"hdr_val(x-n,1)", "12"},
        {"hdr_val(x-n)", "-4"},
        {"urlp(a)", "1"},
        {"urlp(b)", ""},
        {"urlp(c)", ""},
        {"urlp(d)", "4"},
        {"urlp(e)", "5"},
        {"urlp(d,;)", "4?e=5"},
        {"url_param", "1"},
        {"query", "a=1&b=&c&a=2;d=4?e=5"},
        {"base32", "256689826"},
        {"url32", "3125154978"},
        {"hdr_cnt", "15"},
        {"req.fhdr_cnt", "7"},
        {"baseq", "h/p?a=1&b=&c&a=2;d=4?e=5"},
    };
    CHECK(rows, "GET /p?a=1&b=&c&a=2;d=4?e=5 HTTP/1.1\r\nHost: h\r\nX-E: a,,b, \"c,d\" ,e\r\n"
                "X-Em:\r\nX-Ip: 1.2.3.4:80\r\nX-Ip6: [::1]:80, 2001:db8::1, bad, 5.6.7.8\r\n"
                "Cookie: a=\"q1;x\"; b = 2 ;c; a=\r\nX-N: 12abc, -4\r\n\r\n");
}
END_TEST

START_TEST(converters)
{
    static const struct row rows[] = {
        {"src,hex", "7F000001"},
        {"src,base64", "fwAAAQ=="},
        {"int(1),hex", "0000000000000001"},
        {"bool(true),hex", "0000000000000001"},
        {"bool(true),add(1)", "2"},
        {"str(abc),hex", "616263"},
        {"str(abc),crc32", "891568578"},
        {"str(12ab),add(1)", "13"},
        {"str(abc),add(1)", "1"},
        {"int(3),lower", "3"},
        {"src,add(1)", "2130706434"},
        {"src,lower", "127.0.0.1"},
        {"int(2130706433),ipmask(8)", "127.0.0.0"},
        {"method,lower", "get"},
        {"str(10.1.2.3),ipmask(8)", "10.0.0.0"},
        {"str(10.1.2.3),ipmask(255.255.0.0)", "10.1.0.0"},
        {"str(ab),bool", "0"},
        {"str(1),bool", "1"},
        {"int(5),bool", "1"},
        {"src,bool", "1"},
        {"str(abc),b64dec", "<none>"},
        {"str(YWJj),b64dec", "abc"},
        {"str(YWIAYw==),b64dec", "ab"},
        {"str(YWIAYw==),b64dec,hex", "61620063"},
        {"str(YWIAYw==),b64dec,length", "2"},
        {"int(12345),length", "5"},
        {"str(a b),url_enc", "a%20b"},
        {"str(a b?x=%/:),url_enc", "a%20b%3Fx%3D%25%2F%3A"},
        {"str(a%20b+c),url_dec", "a b+c"},
        {"str(a%20b+c),url_dec(1)", "a b c"},
        {"str(a?b+c),url_dec", "a?b c"},
        {"str(10),neg", "-10"},
        {"str(a),djb2", "177670"},
        {"str(a),sdbm", "97"},
        {"str(a),wt6", "1900802597"},
        {"str(a),xxh32", "1426945110"},
        {"str(a),djb2(1)", "3548763807"},
        {"str(a),crc32(1)", "1288200982"},
        {"str(a),crc32c", "3251651376"},
        {"int(0),http_date", "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"int(0),http_date(60)", "Thu, 01 Jan 1970 00:01:00 GMT"},
        {"int(1000),http_date(0,ms)", "Thu, 01 Jan 1970 00:00:01.0 GMT"},
        {"int(0),utime(%Y-%m-%d)", "1970-01-01"},
        {"int(0),ltime(%Y-%m-%dT%H)", "1970-01-01T01"},
        {"str(a),concat(-,txn.x,+)", "a-+"},
        {"str(f1_f2_f3__f5),field(4,_)", ""},
        {"str(f1_f2_f3__f5),field(5,_)", "f5"},
        {"str(f1_f2_f3__f5),field(2,_,0)", "f2_f3__f5"},
        {"str(f1_f2_f3__f5),field(2,_,2)", "f2_f3"},
        {"str(f1_f2_f3__f5),field(-2,_,3)", "f2_f3_"},
        {"str(f1_f2_f3__f5),field(-3,_,0)", "f1_f2_f3"},
        {"str(f1_f2_f3__f5),word(4,_)", "f5"},
        {"str(f1_f2_f3__f5),word(5,_)", "<none>"},
        {"str(f1_f2_f3__f5),word(2,_,0)", "f2_f3__f5"},
        {"str(f1_f2_f3__f5),word(3,_,2)", "f3__f5"},
        {"str(f1_f2_f3__f5),word(-2,_,3)", "f1_f2_f3"},
        {"str(f1_f2_f3__f5),word(-3,_,0)", "f1_f2"},
    };
    CHECK(rows, REQUEST);
}
END_TEST

static const struct test_row tests[] = {
    {"fetches give what HAProxy gives", &fetches},
    {"fetches of odd requests do, too", &odd_requests},
    {"converters give what HAProxy gives", &converters},
};

int main(void)
{
    return suite_main("sample", tests, ARRAY_LEN(tests));
}
