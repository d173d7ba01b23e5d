#include "common/base/conf_table.h"
#include "tests/unit/suite.h"

#include <json.h>
#include <stdlib.h>
#include <string.h>

/* A configuration of the kind that the daemons have. */

struct server {
    struct conf_obj obj;
    struct addr_port address;
    int64_t weight;
};

struct garden {
    struct conf_obj obj;
    bool open;
    struct span interval;
    uint64_t memory;
    int mode;
    char *title;
    struct conf_strings notes;
    struct conf_list servers;
};

enum { MODE_TCP, MODE_HTTP };

static const struct conf_word modes[] = {{"tcp", MODE_TCP}, {"http", MODE_HTTP}, {0}};

static const struct conf_key server_keys[] = {
    CONF_KEY(CONF_ADDR_PORT, struct server, address, "address", "where it listens",
             .required = true),
    CONF_KEY(CONF_INT, struct server, weight, "weight", "its share", .def = "1", .max = 256),
};

static const struct conf_table server_table = {
    .what = "a server",
    .size = sizeof(struct server),
    .keys = server_keys,
    .key_count = ARRAY_LEN(server_keys),
    .shorthand = "address",
};

static const struct conf_key garden_keys[] = {
    CONF_KEY(CONF_BOOL, struct garden, open, "open", "whether", .def = "true"),
    CONF_KEY(CONF_SPAN, struct garden, interval, "interval", "how often", .def = "1s", .min = 10000,
             .max = 40950000),
    CONF_KEY(CONF_SIZE, struct garden, memory, "memory", "how much", .def = "64k"),
    CONF_KEY(CONF_WORD, struct garden, mode, "mode", "how", .words = modes, .def = "http"),
    CONF_KEY(CONF_STRING, struct garden, title, "title", "its name", .max = 10),
    CONF_KEY(CONF_STRINGS, struct garden, notes, "notes", "remarks", .max = 3),
    CONF_KEY(CONF_NAMED, struct garden, servers, "servers", "who serves", .max = 3,
             .table = &server_table),
};

static const struct conf_table garden_table = {
    .what = "the configuration",
    .size = sizeof(struct garden),
    .keys = garden_keys,
    .key_count = ARRAY_LEN(garden_keys),
};

struct loaded {
    struct conf_doc doc;
    struct garden garden;
    struct conf_report report;
    struct buf text;
};

static struct loaded *load(const char *json)
{
    struct loaded *l = calloc(1, sizeof(*l));
    if (conf_json_read(&l->doc, "t.json", json, strlen(json), &l->report) == 0)
        conf_table_decode(&garden_table, l->doc.root, &l->garden, &l->report);
    conf_report_render(&l->report, &l->text);
    return l;
}

static void unload(struct loaded *l)
{
    conf_table_fini(&garden_table, &l->garden);
    conf_doc_fini(&l->doc);
    buf_fini(&l->text);
    free(l);
}

START_TEST(what_is_written_is_what_is_read)
{
    struct loaded *l =
        load("// a comment\n"
             "{ \"open\": false, /* and\n another */ \"interval\": \"250ms\", \"memory\": \"1m\",\n"
             "  \"mode\": \"tcp\", \"title\": \"caf\\u00e9\", \"notes\": \"one\", # third kind\n"
             "  \"servers\": { \"web-01\": \"192.0.2.1:80\",\n"
             "    \"web-02\": { \"address\": \"192.0.2.2:80\", \"weight\": 2 } } }");
    ck_assert_str_eq(buf_cstr(&l->text), "");
    ck_assert(!l->garden.open);
    ck_assert_int_eq(l->garden.interval.us, 250000);
    ck_assert_uint_eq(l->garden.memory, 1048576);
    ck_assert_int_eq(l->garden.mode, MODE_TCP);
    ck_assert_str_eq(l->garden.title, "caf\u00e9");
    ck_assert_uint_eq(l->garden.notes.n, 1);
    ck_assert_uint_eq(l->garden.servers.n, 2);
    struct server *two = conf_named(&l->garden.servers, "web-02");
    ck_assert_int_eq(two->weight, 2);
    struct server *one = conf_named(&l->garden.servers, "web-01");
    ck_assert_int_eq(one->weight, 1);
    ck_assert(conf_is_set(two, "weight") && !conf_is_set(one, "weight"));
    unload(l);
}
END_TEST

START_TEST(defaults_come_from_the_rows)
{
    struct loaded *l = load("{}");
    ck_assert(l->garden.open);
    ck_assert_int_eq(l->garden.interval.us, 1000000);
    ck_assert_uint_eq(l->garden.memory, 65536);
    ck_assert_int_eq(l->garden.mode, MODE_HTTP);
    ck_assert_ptr_null(l->garden.title);
    unload(l);
}
END_TEST

START_TEST(each_mistake_names_its_place_and_its_remedy)
{
    static const struct {
        const char *json, *message;
    } rows[] = {
        {"{\n  \"intervall\": \"1s\"\n}",
         "t.json:2:3: error: unknown key \"intervall\" in the configuration\n"
         "      \"intervall\": \"1s\"\n"
         "      ^~~~~~~~~~~\n"
         "  hint: did you mean \"interval\"?\n"},
        {"{ \"interval\": 1 }", "t.json:1:15: error: \"interval\" is a time with its unit, such as "
                                "\"1s\" or \"250ms\", not 1\n"
                                "    { \"interval\": 1 }\n"
                                "                  ^\n"},
        {"{ \"interval\": \"5ms\" }",
         "t.json:1:15: error: \"interval\" must be from 10ms to 40950ms, not 5ms\n"
         "    { \"interval\": \"5ms\" }\n"
         "                  ^~~~~\n"},
        {"{ \"open\": 1 }", "t.json:1:11: error: \"open\" is true or false, not 1\n"
                            "    { \"open\": 1 }\n"
                            "              ^\n"},
        {"{ \"mode\": \"htpp\" }", "t.json:1:11: error: \"mode\" cannot be \"htpp\"\n"
                                   "    { \"mode\": \"htpp\" }\n"
                                   "              ^~~~~~\n"
                                   "  hint: did you mean \"http\"?\n"},
        {"{ \"open\": true,\n  \"open\": true }",
         "t.json:2:3: error: duplicate name \"open\"\n"
         "      \"open\": true }\n"
         "      ^~~~~~\n"
         "  hint: it stands at line 1 already; keep one\n"},
        {"{ \"servers\": { \"a\": { \"weight\": 300 } } }",
         "t.json:1:33: error: \"weight\" must be from 0 to 256, not 300\n"
         "    { \"servers\": { \"a\": { \"weight\": 300 } } }\n"
         "                                    ^~~\n"
         "t.json:1:16: error: a server needs \"address\"\n"
         "    { \"servers\": { \"a\": { \"weight\": 300 } } }\n"
         "                   ^~~\n"
         "  hint: where it listens\n"},
        {"{ \"servers\": { \"a\": \"1.2.3.4\" } }",
         "t.json:1:21: error: \"address\" is an address and a port, such as \"192.0.2.10:80\", not "
         "\"1.2.3.4\"\n"
         "    { \"servers\": { \"a\": \"1.2.3.4\" } }\n"
         "                        ^~~~~~~~~\n"},
        {"{ \"title\": \"far too long\" }",
         "t.json:1:12: error: \"title\" is at most 10 characters long\n"
         "    { \"title\": \"far too long\" }\n"
         "               ^~~~~~~~~~~~~~\n"},
        {"{ \"open\": true,\n}",
         "t.json:1:15: error: a comma before \"}\" has nothing to separate\n"
         "    { \"open\": true,\n"
         "                  ^\n"
         "  hint: remove it\n"},
        {"{ \"open\": yes }", "t.json:1:11: error: \"yes\" is not a value\n"
                              "    { \"open\": yes }\n"
                              "              ^~~\n"
                              "  hint: text stands in double quotes: \"like this\"\n"},
        {"{ open: true }", "t.json:1:3: error: expected a name here\n"
                           "    { open: true }\n"
                           "      ^\n"
                           "  hint: names stand in double quotes: \"name\": value\n"},
        {"{ \"title\": \"x }", "t.json:1:12: error: the text is not closed on its line\n"
                               "    { \"title\": \"x }\n"
                               "               ^\n"
                               "  hint: close it with a double quote\n"},
        {"{ \"open\": true", "t.json:1:15: error: the file ends before \"}\"\n"
                             "    { \"open\": true\n"
                             "                  ^\n"},
        {"", "t.json:1:1: error: the file ends where a value should be\n    \n    ^\n"},
        {"{} x", "t.json:1:4: error: more text after the end of the configuration\n"
                 "    {} x\n"
                 "       ^\n"
                 "  hint: the file is one object in braces { }\n"},
        {"[]", "t.json:1:1: error: the configuration is an object in braces { }, not a list\n"
               "    []\n"
               "    ^\n"},
        {"/* never", "t.json:1:1: error: the comment never ends\n    /* never\n    ^~\n"
                     "  hint: close it with */\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct loaded *l = load(rows[i].json);
        ck_assert_str_eq(buf_cstr(&l->text), rows[i].message);
        ck_assert_uint_gt(l->report.errors, 0);
        unload(l);
    }
}
END_TEST

START_TEST(hostile_texts_end_in_an_error)
{
    char deep[2048];
    memset(deep, '[', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    struct loaded *l = load(deep);
    ck_assert(strstr(buf_cstr(&l->text), "nested deeper than 32 levels"));
    unload(l);
    l = load("{ \"title\": \"\xff\" }");
    ck_assert(strstr(buf_cstr(&l->text), "this text cannot be read"));
    unload(l);
    l = load("{ \"title\": \"a\\u0000b\" }");
    ck_assert(strstr(buf_cstr(&l->text), "must not contain a NUL byte"));
    unload(l);
    l = load("{ \"servers\": { \"a\":\"1.1.1.1:1\", \"b\":\"1.1.1.1:1\", \"c\":\"1.1.1.1:1\", "
             "\"d\":\"1.1.1.1:1\" } }");
    ck_assert(strstr(buf_cstr(&l->text), "at most 3 entries"));
    unload(l);
}
END_TEST

START_TEST(the_native_form_reads_back_as_the_same_configuration)
{
    struct loaded *a =
        load("{ \"interval\": \"250ms\", \"title\": \"a\\\"b\", \"notes\": [\"x\", \"y\"],"
             "  \"servers\": { \"web-01\": \"192.0.2.1:80\","
             "    \"web-02\": { \"address\": \"[2001:db8::1]:80\", \"weight\": 2 } } }");
    struct buf out cleanup(buf_fini) = {0};
    conf_table_print(&garden_table, &a->garden, &out);
    ck_assert_str_eq(buf_cstr(&out), "{\n"
                                     "  \"interval\": \"250ms\",\n"
                                     "  \"title\": \"a\\\"b\",\n"
                                     "  \"notes\": [\"x\", \"y\"],\n"
                                     "  \"servers\": {\n"
                                     "    \"web-01\": \"192.0.2.1:80\",\n"
                                     "    \"web-02\": {\n"
                                     "      \"address\": \"[2001:db8::1]:80\",\n"
                                     "      \"weight\": 2\n"
                                     "    }\n"
                                     "  }\n"
                                     "}\n");
    struct loaded *b = load(buf_cstr(&out));
    ck_assert(conf_table_equal(&garden_table, &a->garden, &b->garden));
    ((struct server *)b->garden.servers.v[1])->weight = 3;
    ck_assert(!conf_table_equal(&garden_table, &a->garden, &b->garden));
    unload(a);
    unload(b);
}
END_TEST

START_TEST(the_schema_is_json_and_knows_each_key)
{
    struct buf out cleanup(buf_fini) = {0};
    conf_table_schema(&garden_table, "garden", &out);
    struct json_object *schema = json_tokener_parse(buf_cstr(&out)), *properties, *key;
    ck_assert_ptr_nonnull(schema);
    ck_assert(json_object_object_get_ex(schema, "properties", &properties));
    for (size_t i = 0; i < ARRAY_LEN(garden_keys); i++)
        ck_assert(json_object_object_get_ex(properties, garden_keys[i].name, &key));
    json_object_put(schema);
}
END_TEST

START_TEST(the_kind_of_file_is_told_by_its_first_character)
{
    static const struct {
        const char *text;
        bool json;
    } rows[] = {
        {"{ }", true},
        {"// x\n{ }", true},
        {"# x\n{ }", true},
        {"/* x */ { }", true},
        {"global\n daemon\n", false},
        {"", true},
        {"! Configuration File\nglobal_defs {\n}\n", false},
        {"# x\nvrrp_instance V {\n}\n", false},
        {"include x\n", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ck_assert_msg(conf_json_likely(rows[i].text, strlen(rows[i].text)) == rows[i].json, "%s",
                      rows[i].text);
}
END_TEST

static const struct test_row rows[] = {
    {"what is written is what is read", &what_is_written_is_what_is_read},
    {"defaults come from the rows", &defaults_come_from_the_rows},
    {"each mistake names its place and its remedy", &each_mistake_names_its_place_and_its_remedy},
    {"hostile texts end in an error", &hostile_texts_end_in_an_error},
    {"the native form reads back as the same",
     &the_native_form_reads_back_as_the_same_configuration},
    {"the schema is JSON and knows each key", &the_schema_is_json_and_knows_each_key},
    {"the kind of file is told by its first character",
     &the_kind_of_file_is_told_by_its_first_character},
};

int main(void)
{
    return suite_main("conf", rows, ARRAY_LEN(rows));
}
