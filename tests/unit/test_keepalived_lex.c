#include "tests/unit/suite.h"
#include "vrrpd/keepalived_lex.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The statements as one line: words joined by spaces, blocks in < >, statements ended by ';'. */
static void flatten(const struct keepalived_stmt *s, struct buf *out)
{
    for (; s; s = s->next) {
        for (size_t i = 0; i < s->count; i++)
            buf_printf(out, "%s%s", i ? " " : "", s->words[i].text);
        if (s->block) {
            buf_str(out, "<");
            flatten(s->first, out);
            buf_str(out, ">");
        }
        buf_char(out, ';');
    }
}

static int load(void *ctx, const char *from, const char *pattern,
                int (*add)(void *, const char *, const char *, size_t), void *add_ctx)
{
    static const char text[] = "inside $X\n";
    if (strcmp(pattern, "missing") == 0)
        return -ENOENT;
    if (strcmp(pattern, "loop") == 0)
        return add(add_ctx, "loop", "include loop\n", 13);
    return add(add_ctx, pattern, text, strlen(text));
}

static void lex(const char *text, struct buf *out)
{
    static const struct keepalived_loader loader = {.load = load};
    struct conf_doc doc cleanup(conf_doc_fini) = {0};
    struct conf_report *r = calloc(1, sizeof(*r));
    struct keepalived_stmt *root = NULL;

    if (keepalived_lex(&doc, "k.conf", text, strlen(text), "lb-01", &loader, &root, r) == 0)
        flatten(root->first, out);
    conf_report_render(r, out);
    keepalived_stmt_free(root);
    free(r);
}

START_TEST(words_blocks_and_comments)
{
    static const struct {
        const char *text, *flat;
    } rows[] = {
        {"a b c\n",                                          "a b c;"                         },
        {"a # b\n! c\nd!e\n",                                "a;d;"                           },
        {"vrrp_instance VI_1 {\n state MASTER\n prio 1 }\n",
         "vrrp_instance VI_1<state MASTER;prio 1;>;"                                          },
        {"a\n{\n b\n}\n",                                    "a<b;>;"                         },
        {"a { b { c } }",                                    "a<b<c;>;>;"                     },
        {"a {\n}\nb\n",                                      "a<>;b;"                         },
        {"script \"killall -0 proxy\"\n",                    "script killall -0 proxy;"       },
        {"x abcd\" efg h\"ij\n",                             "x abcd efg hij;"                },
        {"x \"a # b ! { }\"\n",                              "x a # b ! { };"                 },
        {"x \"a\\\"b\" \\x41\\101\\t.\n",                    "x a\"b AA\t.;"                  },
        {"x 'one two'\n",                                    "x 'one two';"                   },
        {"$IF=eth0\ninterface $IF\nid ${IF}.5 $NONE\n",      "interface eth0;id eth0.5 $NONE;"},
        {"$B=a \\\nb\nx\n$B\n",                              "x;a;b;"                         },
        {"$X=$X\n$X\n",                                      "$X;"                            },
        {"@lb-01 mine\n@lb-02 theirs\n@^lb-02 others\n",     "mine;others;"                   },
        {"$X=7\ninclude f.conf\nafter\n",                    "inside 7;after;"                },
        {"a {\n include f.conf\n b\n}\n",                    "a<inside $X;b;>;"               },
        {"",                                                 ""                               },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out cleanup(buf_fini) = {0};
        lex(rows[i].text, &out);
        if (strcmp(rows[i].text, "$X=$X\n$X\n") == 0)
            ck_assert_uint_lt(out.len, 100); /* ends, and is bounded */
        else
            ck_assert_str_eq(buf_cstr(&out), rows[i].flat);
    }
}
END_TEST

START_TEST(mistakes_name_their_place)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"a {\n b\n",         "k.conf:1:1: error: the block \"a\" is never closed\n    a {\n    ^\n"
                      "  hint: close it with \"}\"\n"                   },
        {"a\n}\n",            "k.conf:2:1: error: \"}\" closes nothing\n    }\n    ^\n"
                   "  hint: remove it, or look for a missing \"{\" above\n"},
        {"{\n",               "k.conf:1:1: error: \"{\" without a keyword before it\n    {\n    ^\n"
                "  hint: a block is a keyword, maybe a name, and braces\n"    },
        {"$V=\"x\na $V\n",    "k.conf:2:3: error: the quoted text is not closed\n    a $V\n      ^\n"
                           "  hint: close it on the same line\n"   },
        {"include missing\n", "k.conf:1:9: warning: no file matches \"missing\"\n    include "
         "missing\n            ^~~~~~~\n"
                              "  hint: correct the path or remove the line\n"                                                                },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out cleanup(buf_fini) = {0};
        lex(rows[i].text, &out);
        ck_assert_str_eq(buf_cstr(&out), rows[i].message);
    }
    struct buf out cleanup(buf_fini) = {0};
    lex("include loop\n", &out);
    ck_assert(strstr(buf_cstr(&out), "files include each other too deeply"));
}
END_TEST

static const struct test_row rows[] = {
    {"words, blocks, comments, variables, conditions, includes", &words_blocks_and_comments},
    {"mistakes name their place",                                &mistakes_name_their_place},
};

int main(void)
{
    return suite_main("keepalived_lex", rows, ARRAY_LEN(rows));
}
