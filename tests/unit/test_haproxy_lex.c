#include "lb/haproxy_lex.h"
#include "tests/unit/suite.h"

#include <stdlib.h>
#include <string.h>

static const char *get(void *ctx, const char *name)
{
    return strcmp(name, "HOME") == 0 ? "/root dir" : strcmp(name, "EMPTY") == 0 ? "" : NULL;
}

static bool feature(void *ctx, const char *name)
{
    return strcmp(name, "SPLICE") == 0;
}

static void lex(const char *text, struct buf *out)
{
    static const struct haproxy_env env = {.get = get, .feature = feature, .version = "2.6.12"};
    struct conf_doc doc cleanup(conf_doc_fini) = {0};
    struct haproxy_lines lines cleanup(haproxy_lines_fini) = {0};
    struct conf_report *r = calloc(1, sizeof(*r));

    haproxy_lex(&doc, "h.cfg", text, strlen(text), &env, &lines, r);
    for (size_t i = 0; i < lines.n; i++) {
        for (size_t w = 0; w < lines.v[i].count; w++)
            buf_printf(out, "%s<%s>", w ? " " : "", lines.v[i].words[w].text);
        buf_char(out, '\n');
    }
    conf_report_render(r, out);
    free(r);
}

START_TEST(words_quotes_escapes_and_variables)
{
    static const struct {
        const char *text, *lines;
    } rows[] = {
        {"  bind :80 # x\n\n# y\n",                 "<bind> <:80>\n"                   },
        {"a \"b c\"d'e f' \\ g\\#h\n",              "<a> <b cde f> < g#h>\n"           },
        {"a \"$HOME\" '$HOME' $HOME\n",             "<a> </root dir> <$HOME> <$HOME>\n"},
        {"a \"${HOME}x\" \"${NO-80}\" \"${NO}\"\n", "<a> </root dirx> <80> <>\n"       },
        {"a \"${EMPTY-80}\"\n",                     "<a> <>\n"                         },
        {"a \\x41\\n \"\\$HOME\"\n",                "<a> <A\n> <$HOME>\n"              },
        {"a \\d\n",                                 "<a> <\\d>\n"                      },
        {"a \"\"\n",                                "<a> <>\n"                         },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out cleanup(buf_fini) = {0};
        lex(rows[i].text, &out);
        ck_assert_str_eq(buf_cstr(&out), rows[i].lines);
    }
}
END_TEST

START_TEST(conditions_choose_lines)
{
    static const struct {
        const char *condition;
        bool yes;
    } rows[] = {
        {"",                                   false},
        {"1",                                  true },
        {"0",                                  false},
        {"true && !false",                     true },
        {"defined(HOME)",                      true },
        {"defined(NO)",                        false},
        {"feature(SPLICE) && !feature(OTHER)", true },
        {"streq(a, a) && strneq(a,b)",         true },
        {"version_atleast(2.6)",               true },
        {"version_atleast(2.7-dev1)",          false},
        {"version_before(2.6.13)",             true },
        {"false || (true && (0 || 1))",        true },
        {"!(true || false)",                   false},
        {"false && true || true",              true },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf text cleanup(buf_fini) = {0}, out cleanup(buf_fini) = {0};
        buf_printf(&text, ".if %s\nyes\n.else\nno\n.endif\nafter\n", rows[i].condition);
        lex(buf_cstr(&text), &out);
        ck_assert_str_eq(buf_cstr(&out), rows[i].yes ? "<yes>\n<after>\n" : "<no>\n<after>\n");
    }
    struct buf out cleanup(buf_fini) = {0};
    lex(".if 0\na \"broken\n.if 1\nb\n.endif\n.elif 1\nc\n.elif 1\nd\n.else\ne\n.endif\n", &out);
    ck_assert_str_eq(buf_cstr(&out), "<c>\n");
}
END_TEST

START_TEST(mistakes_name_their_place)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"a \"b\nc\n",             "<c>\nh.cfg:1:3: error: unmatched quote\n    a \"b\n      ^\n"
                       "  hint: close it on the same line\n"                  },
        {"a \\x4\n",               "h.cfg:1:3: error: invalid hexadecimal escape\n    a \\x4\n      ^~\n"
                     "  hint: two digits follow, as in \\x20\n"                 },
        {".if 1\n",                "h.cfg:1:1: error: this .if never ends\n    .if 1\n    ^~~\n"
                    "  hint: close it with .endif\n"                             },
        {".else\n",                "h.cfg:1:1: error: \".else\" without .if\n    .else\n    ^~~~~\n"},
        {".alert \"stop here\"\n",
         "h.cfg:1:1: error: stop here\n    .alert \"stop here\"\n    ^~~~~~\n"                      },
        {"a \"${}\"\n",
         "h.cfg:1:4: error: this is not the name of an environment variable\n    a \"${}\"\n"
         "       ^\n  hint: write \"${NAME}\" or \"${NAME-default}\", or \"\\$\" for a dollar "
         "sign\n"                                                                                   },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out cleanup(buf_fini) = {0};
        lex(rows[i].text, &out);
        ck_assert_str_eq(buf_cstr(&out), rows[i].message);
    }
    struct buf out cleanup(buf_fini) = {0};
    lex(".if foo(1)\n.endif\n", &out);
    ck_assert(strstr(buf_cstr(&out), "this condition cannot be read: unknown function"));
}
END_TEST

static const struct test_row rows[] = {
    {"words, quotes, escapes, variables", &words_quotes_escapes_and_variables},
    {"conditions choose lines",           &conditions_choose_lines           },
    {"mistakes name their place",         &mistakes_name_their_place         },
};

int main(void)
{
    return suite_main("haproxy_lex", rows, ARRAY_LEN(rows));
}
