#include "lb/haproxy.h"
#include "tests/unit/conf_dump.h"
#include "tests/unit/suite.h"

#include <stdlib.h>
#include <string.h>

static const char *get(void *ctx, const char *name)
{
    return NULL;
}

static bool feature(void *ctx, const char *name)
{
    return false;
}

/* The part of the native form at `path` ("pools.nodes"), or all of it, then errors and warnings. */
static void read_conf(const char *text, const char *part, const char *name, struct buf *out)
{
    static const struct haproxy_env env = {.get = get, .feature = feature, .version = "2.6.12"};
    struct conf_doc doc cleanup(conf_doc_fini) = {0};
    struct haproxy_lines lines cleanup(haproxy_lines_fini) = {0};
    struct conf_report *r = calloc(1, sizeof(*r)), *shown = calloc(1, sizeof(*r));

    haproxy_lex(&doc, "h.cfg", text, strlen(text), &env, &lines, r);
    haproxy_read(&doc, &lines, r);
    const struct conf_node *node = part ? conf_get(doc.root, part) : doc.root;
    node = node && name ? conf_get(node, name) : node;
    if (node)
        conf_dump(node, out);
    for (size_t i = 0; i < r->count; i++)
        if (r->diags[i].severity != CONF_NOTICE)
            shown->diags[shown->count++] = r->diags[i];
    conf_report_render(shown, out);
    free(r);
    free(shown);
}

#define TIMES "timeouts:{connect:'5s' server:'50s'}"
#define DEFAULTS                                                                                   \
    "defaults\n mode http\n timeout connect 5000\n timeout client 50s\n timeout server 50000ms\n"
#define BACK(LINES) DEFAULTS "backend b\n" LINES

START_TEST(the_classic_tutorial)
{
    static const char text[] = "global\n"
                               " log /dev/log local0\n"
                               " maxconn 2000\n"
                               " daemon\n"
                               "defaults\n"
                               " log global\n"
                               " mode http\n"
                               " option httplog\n"
                               " retries 3\n"
                               " timeout connect 5000\n"
                               " timeout client 50000\n"
                               " timeout server 50000\n"
                               "listen app\n"
                               " bind 192.0.2.10:80\n"
                               " balance roundrobin\n"
                               " cookie SERVERID insert indirect nocache\n"
                               " option httpchk OPTIONS /\n"
                               " option forwardfor\n"
                               " option http-server-close\n"
                               " server s1 192.0.2.101:80 cookie s1 check\n"
                               " server s2 192.0.2.105:80 cookie s2 check weight 2\n";
    struct buf out cleanup(buf_fini) = {0};
    read_conf(text, NULL, NULL, &out);
    ck_assert_str_eq(
        buf_cstr(&out),
        "{logs:[{to:'/dev/log' facility:'local0'}] maxconn:2000 daemon:true "
        "listeners:{app:{bind:['192.0.2.10:80'] forwarded_for:{enabled:true} "
        "connection:'server-close' access:{enabled:true format:'http'} mode:'http' "
        "timeouts:{client:'50s'} pool:'app'}} "
        "pools:{app:{balance:{algorithm:'roundrobin'} sticky:{cookie:{name:'SERVERID' "
        "mode:'insert' indirect:true nocache:true}} check:{request:'OPTIONS /'} "
        "connection:'server-close' servers:{s1:{address:'192.0.2.101:80' cookie:'s1' check:{}} "
        "s2:{address:'192.0.2.105:80' cookie:'s2' weight:2 check:{}}} mode:'http' retries:3 "
        "timeouts:{connect:'5s' server:'50s'} redispatch:0}}}");
}
END_TEST

START_TEST(backend_lines_become_keys_of_a_pool)
{
    static const struct {
        const char *lines, *native;
    } rows[] = {
        {" balance leastconn\n", "balance:{algorithm:'leastconn'}"},
        {" balance hdr(X-User)\n", "balance:{algorithm:'hdr' name:'X-User'}"},
        {" balance uri len 10 whole\n", "balance:{algorithm:'uri' length:10 whole:true}"},
        {" balance random(3)\n", "balance:{algorithm:'random' draws:3}"},
        {" hash-type consistent djb2 avalanche\n",
         "balance:{consistent:true function:'djb2' avalanche:true}"},
        {" cookie C prefix httponly secure domain .a maxidle 30m\n",
         "sticky:{cookie:{name:'C' mode:'prefix' httponly:true secure:true domain:['.a'] "
         "maxidle:'30m' indirect:false nocache:false}}"},
        {" stick-table type ip size 1m expire 30m peers p store gpc0,http_req_rate(10s)\n"
         " stick on src\n stick store-request src table other if a b\n",
         "sticky:{table:{type:'ip' size:'1m' expire:'30m' peers:'p' store:['gpc0' "
         "'http_req_rate(10s)']} rules:[{do:'on' key:'src'} {do:'store-request' key:'src' "
         "table:'other' when:'if a b'}]}"},
        {" option httpchk GET /x HTTP/1.1\\r\\nHost:\\ www\n http-check expect status 200\n",
         "check:{request:'GET /x' version:'HTTP/1.1' headers:['Host: www'] expect:['status 200']}"},
        {" option httpchk\n http-check send meth HEAD uri /y hdr Host www\n",
         "check:{request:'HEAD /y' headers:['Host: www']}"},
        {" option redispatch 2\n retries 1\n", "redispatch:2 retries:1"},
        {" http-request set-header X-A \"a b\" if { path /x }\n",
         "rules:{request:['set-header X-A \"a b\" if { path /x }']}"},
        {" errorfile 503 /e.http\n", "errors:{503:'/e.http'}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out cleanup(buf_fini) = {0}, text cleanup(buf_fini) = {0};
        buf_printf(&text, BACK("%s"), rows[i].lines);
        read_conf(buf_cstr(&text), "pools", "b", &out);
        ck_assert_msg(strncmp(buf_cstr(&out) + 1, rows[i].native, strlen(rows[i].native)) == 0,
                      "%s\n%s", buf_cstr(&out), rows[i].native);
    }
}
END_TEST

START_TEST(server_lines_take_what_default_server_says)
{
    struct buf out cleanup(buf_fini) = {0};
    read_conf("defaults\n default-server inter 3s fall 5 check\n"
              "backend b\n default-server fall 4\n"
              " server s1 a:1 backup inter 500 send-proxy source 192.0.2.1\n"
              " server s2 b:2 no-check disabled\n",
              "pools", "b", &out);
    const char *servers = "servers:{s1:{address:'a:1' backup:true check:{inter:'500ms' fall:4} "
                          "send_proxy:'v1' source:'192.0.2.1:0'} s2:{address:'b:2' disabled:true "
                          "check:{fall:4 inter:'3s' type:'none'}}}";
    ck_assert_msg(strstr(buf_cstr(&out), servers), "%s", buf_cstr(&out));
}
END_TEST

START_TEST(frontend_lines_become_keys_of_a_listener)
{
    static const struct {
        const char *lines, *native;
    } rows[] = {
        {" bind :80,[::]:80 accept-proxy name x\n", "bind:[':80' '[::]:80'] accept_proxy:true"},
        {" bind :80\n acl a path /x\n acl a path /y\n use_backend p if a\n default_backend q\n",
         "bind:[':80'] rules:{acls:{a:['path /x' 'path /y']}} routes:[{pool:'p' when:'if a'}] "
         "pool:'q'"},
        {" option forwardfor except 10.0.0.0/8 header X-Real if-none\n",
         "forwarded_for:{enabled:true except:['10.0.0.0/8'] header:'X-Real' if_none:true}"},
        {" stats uri /s\n stats auth a:b\n stats refresh 5s\n stats admin if TRUE\n",
         "stats:{uri:'/s' enabled:true auth:['a:b'] refresh:'5s' admin:'if TRUE'}"},
        {" capture request header Host len 32\n", "captures:[{request_header:'Host' length:32}]"},
        {" log 192.0.2.5:514 local1 info\n",
         "access:{enabled:true logs:[{to:'192.0.2.5:514' facility:'local1' level:'info'}]}"},
        {" monitor-uri /healthz\n maxconn 7\n", "monitor_uri:'/healthz' maxconn:7"},
        {" redirect scheme https\n", "rules:{request:['redirect scheme https']}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out cleanup(buf_fini) = {0}, text cleanup(buf_fini) = {0};
        buf_printf(&text, DEFAULTS "frontend f\n%s", rows[i].lines);
        read_conf(buf_cstr(&text), "listeners", "f", &out);
        ck_assert_msg(strncmp(buf_cstr(&out) + 1, rows[i].native, strlen(rows[i].native)) == 0,
                      "%s\n%s", buf_cstr(&out), rows[i].native);
    }
}
END_TEST

START_TEST(defaults_lie_under_what_sections_say)
{
    struct buf out cleanup(buf_fini) = {0};
    read_conf("defaults one\n mode http\n option http-server-close\n balance first\n retries 7\n"
              "defaults two\n mode tcp\n"
              "backend b from one\n no option http-server-close\n retries 1\n",
              "pools", "b", &out);
    ck_assert_str_eq(buf_cstr(&out), "{connection:'keep-alive' retries:1 mode:'http' "
                                     "balance:{algorithm:'first'} redispatch:0}");
}
END_TEST

START_TEST(nothing_is_ignored_in_silence)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"listen l\n  blance first\n", "h.cfg:2:3: error: unknown keyword \"blance\" in listen\n"
                                       "      blance first\n"
                                       "      ^~~~~~\n"
                                       "  hint: did you mean \"balance\"?\n"},
        {"backend b\n  server s 1.1.1.1:80 ssl\n",
         "h.cfg:2:23: error: \"ssl\" is not supported\n"
         "      server s 1.1.1.1:80 ssl\n"
         "                          ^~~\n"
         "  hint: lb does not speak TLS: let the servers do it (mode tcp), or put a TLS proxy "
         "before\n"},
        {"backend b\n  server s 1.1.1.1:80 wieght 2\n",
         "h.cfg:2:23: error: unknown server parameter \"wieght\"\n"
         "      server s 1.1.1.1:80 wieght 2\n"
         "                          ^~~~~~\n"
         "  hint: did you mean \"weight\"?\n"},
        {"backend b\n  timeout connect 5x\n", "h.cfg:2:19: error: \"5x\" is not a time\n"
                                              "      timeout connect 5x\n"
                                              "                      ^~\n"
                                              "  hint: write 500, 500ms, 5s, 1m, 1h or 1d\n"},
        {"backend b\n  default_backend c\n",
         "h.cfg:2:3: warning: \"default_backend\" has no effect in a backend\n"
         "      default_backend c\n"
         "      ^~~~~~~~~~~~~~~\n"
         "  hint: it belongs into a frontend\n"},
        {"backend b\nbackend b\n", "h.cfg:2:9: error: there is a section \"b\" already\n"
                                   "    backend b\n"
                                   "            ^\n"
                                   "  hint: give one of them another name\n"},
        {"defaults\n  mod http\nbackend b\nbackend c\n",
         "h.cfg:2:3: error: unknown keyword \"mod\" in defaults\n"
         "      mod http\n"
         "      ^~~\n"
         "  hint: did you mean \"mode\"?\n"},
        {"frontend f\n  bind :80\n  bind :81 accept-proxy\n",
         "h.cfg:3:12: error: \"accept-proxy\" differs between the bind lines of this frontend\n"
         "      bind :81 accept-proxy\n"
         "               ^~~~~~~~~~~~\n"
         "  hint: put this address into a frontend of its own\n"},
        {"resolvers r\n nameserver a 1.1.1.1:53\n",
         "h.cfg:1:1: error: a \"resolvers\" section is not supported\n"
         "    resolvers r\n"
         "    ^~~~~~~~~\n"
         "  hint: name the servers by address\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out cleanup(buf_fini) = {0};
        read_conf(rows[i].text, "none", NULL, &out);
        ck_assert_str_eq(buf_cstr(&out), rows[i].message);
    }
}
END_TEST

static const struct test_row rows[] = {
    {"the classic tutorial's file", &the_classic_tutorial},
    {"backend lines become keys of a pool", &backend_lines_become_keys_of_a_pool},
    {"server lines take what default-server says", &server_lines_take_what_default_server_says},
    {"frontend lines become keys of a listener", &frontend_lines_become_keys_of_a_listener},
    {"defaults lie under what sections say", &defaults_lie_under_what_sections_say},
    {"nothing is ignored in silence", &nothing_is_ignored_in_silence},
};

int main(void)
{
    return suite_main("haproxy", rows, ARRAY_LEN(rows));
}
