#include "tests/unit/world.h"

START_TEST(conditions)
{
    static const struct {
        const char *text;
        bool holds;
    } rows[] = {
        {"if TRUE", true},
        {"unless TRUE", false},
        {"if !TRUE or TRUE", true},
        {"if TRUE !TRUE || FALSE", false},
        {"if METH_GET HTTP_1.1 HTTP_URL_SLASH LOCALHOST", true},
        {"if { path_beg /a } { path_end /b }", true},
        {"if { path_dir b } !{ path_dir a/c }", true},
        {"if { hdr_dom(host) example.com }", false},
        {"if { hdr_dom(host) -i example.com }", true},
        {"if { hdr(x-a) two }", true},
        {"if { hdr(x-a) TWO }", false},
        {"if { hdr(x-a) -i TWO }", true},
        {"if { hdr(x-none) -m found }", false},
        {"if { hdr_cnt(x-a) gt 2 }", true},
        {"if { hdr_cnt(x-a) lt 3 }", false},
        {"if { hdr_cnt(x-a) 1:2 5 }", false},
        {"if { src 10.0.0.0/8 127.0.0.0/8 }", true},
        {"if { hdr_ip(x-ip) -f friends }", true},
        {"if { str(word77) -f words }", true},
        {"if { str(word777) -f words }", false},
        {"if { path -m reg ^/[a-z]/b$ }", true},
        {"if { path -m len 4 }", true},
        {"if { str(two),map(map) \"2nd of two\" }", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world *w = world_new();
        const struct cond *cond;
        ck_assert_msg(world_begin(w, rows[i].text) && cond_parse(&w->c, 0, &cond), "%s: %s",
                      rows[i].text, world_finding(w));
        world_ready(w);
        ck_assert_msg(cond_holds(cond, &w->ev) == rows[i].holds, "%s", rows[i].text);
        world_free(w);
    }
}
END_TEST

static const struct test_row tests[] = {
    {"conditions hold when they should", &conditions},
};

int main(void)
{
    return suite_main("acl", tests, ARRAY_LEN(tests));
}
