/*
 * JSON with comments into the configuration tree.
 *
 * json-c reads JSON but does not say where a value stood, and the last of two equal names wins in
 * silence. So the structure (braces, names, commas, comments) is walked here, with places, and each
 * scalar's bytes are handed to json-c, which knows numbers, escapes and UTF-8.
 */
#include "common/base/conf.h"

#include <errno.h>
#include <json.h>
#include <stdio.h>
#include <string.h>

struct reader {
    struct conf_doc *doc;
    struct conf_report *report;
    const struct conf_file *file;
    const char *p, *end, *line_start;
    unsigned line, depth;
};

static struct conf_pos place(const struct reader *r, const char *from, size_t width)
{
    return (struct conf_pos){r->file, r->line, (unsigned)(from - r->line_start) + 1,
                             (unsigned)width};
}

static struct conf_pos here(const struct reader *r)
{
    return place(r, r->p, 1);
}

static void newline(struct reader *r)
{
    r->line++;
    r->line_start = r->p + 1;
}

static int skip_block_comment(struct reader *r)
{
    struct conf_pos start = place(r, r->p, 2);

    for (r->p += 2; r->p < r->end; r->p++) {
        if (*r->p == '\n')
            newline(r);
        if (*r->p == '*' && r->p + 1 < r->end && r->p[1] == '/') {
            r->p += 2;
            return 0;
        }
    }
    return conf_say(r->report, CONF_ERROR, start, "close it with */", "the comment never ends");
}

static int skip_space(struct reader *r)
{
    while (r->p < r->end) {
        char c = *r->p, c2 = r->p + 1 < r->end ? r->p[1] : '\0';
        if (c == '\n')
            newline(r);
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            r->p++;
        } else if (c == '#' || (c == '/' && c2 == '/')) {
            while (r->p < r->end && *r->p != '\n')
                r->p++;
        } else if (c == '/' && c2 == '*') {
            if (skip_block_comment(r) < 0)
                return -EINVAL;
        } else {
            break;
        }
    }
    return 0;
}

/* Finds the end of the scalar that starts at r->p; NULL if a string does not end on its line. */
static const char *scalar_end(const struct reader *r)
{
    const char *p = r->p;

    if (*p != '"') {
        while (p < r->end && !strchr(" \t\r\n,:{}[]\"/#", *p))
            p++;
        return p;
    }
    for (p++; p < r->end && *p != '"' && *p != '\n'; p++)
        if (*p == '\\' && p + 1 < r->end && p[1] != '\n')
            p++;
    return p < r->end && *p == '"' ? p + 1 : NULL;
}

static void free_tokener(struct json_tokener **t)
{
    if (*t)
        json_tokener_free(*t);
}

static void put_object(struct json_object **o)
{
    json_object_put(*o);
}

static int bad_word(struct reader *r, size_t len)
{
    if (len == 0)
        return conf_say(r->report, CONF_ERROR, here(r), NULL, "a value is missing here");
    return conf_say(r->report, CONF_ERROR, place(r, r->p, len),
                    "text stands in double quotes: \"like this\"", "\"%.*s\" is not a value",
                    (int)MIN(len, (size_t)40), r->p);
}

/* Reads one scalar into `kind` and `text` (a buffer owned by the caller). */
static int read_scalar(struct reader *r, enum conf_kind *kind, struct buf *text, size_t *width)
{
    const char *end = scalar_end(r);

    if (!end)
        return conf_say(r->report, CONF_ERROR, here(r), "close it with a double quote",
                        "the text is not closed on its line");
    size_t len = (size_t)(end - r->p);
    *width = len;
    struct json_tokener *tok cleanup(free_tokener) = json_tokener_new();
    if (!tok)
        return -ENOMEM;
    json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *value cleanup(put_object) = json_tokener_parse_ex(tok, r->p, (int)len);
    if (json_tokener_get_error(tok) == json_tokener_continue)
        value = json_tokener_parse_ex(tok, " ", 1); /* a number ends only at what follows it */
    if (json_tokener_get_error(tok) != json_tokener_success) {
        if (*r->p == '"')
            return conf_say(r->report, CONF_ERROR, place(r, r->p, len),
                            "known escapes are \\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\uXXXX, and "
                            "the text must be UTF-8",
                            "this text cannot be read");
        return bad_word(r, len);
    }
    buf_clear(text);
    if (!value) {
        *kind = CONF_KIND_NULL;
        buf_str(text, "null");
    } else if (json_object_is_type(value, json_type_string)) {
        *kind = CONF_KIND_STRING;
        const char *s = json_object_get_string(value);
        size_t n = (size_t)json_object_get_string_len(value);
        if (memchr(s, '\0', n))
            return conf_say(r->report, CONF_ERROR, place(r, r->p, len), NULL,
                            "text must not contain a NUL byte");
        buf_add(text, s, n);
    } else {
        *kind = json_object_is_type(value, json_type_boolean) ? CONF_KIND_BOOL : CONF_KIND_NUMBER;
        buf_add(text, r->p, len);
    }
    r->p = end;
    return text->lost || !text->data ? -ENOMEM : 0;
}

static int read_value(struct reader *r, struct conf_node *parent, const char *key,
                      const struct conf_pos *key_at);

/* After an element: a comma and another element, or the closing bracket. 1: go on, 0: closed. */
static int after_element(struct reader *r, char close)
{
    if (skip_space(r) < 0)
        return -EINVAL;
    if (r->p < r->end && *r->p == close) {
        r->p++;
        return 0;
    }
    if (r->p == r->end)
        return conf_say(r->report, CONF_ERROR, here(r), NULL, "the file ends before \"%c\"", close);
    if (*r->p != ',')
        return conf_say(r->report, CONF_ERROR, here(r),
                        "is the comma after the last value missing?",
                        "expected \",\" or \"%c\" here", close);
    struct conf_pos comma = here(r);
    r->p++;
    if (skip_space(r) < 0)
        return -EINVAL;
    if (r->p < r->end && *r->p == close)
        return conf_say(r->report, CONF_ERROR, comma, "remove it",
                        "a comma before \"%c\" has nothing to separate", close);
    return 1;
}

static int read_member(struct reader *r, struct conf_node *object)
{
    struct buf key cleanup(buf_fini) = BUF_INIT(4096);
    enum conf_kind kind;
    size_t width;
    struct conf_pos key_at = here(r);

    if (r->p == r->end || *r->p != '"')
        return conf_say(r->report, CONF_ERROR, key_at,
                        "names stand in double quotes: \"name\": value", "expected a name here");
    int err = read_scalar(r, &kind, &key, &width);
    if (err < 0)
        return err;
    key_at.width = (unsigned)width;
    const struct conf_node *twin = conf_get(object, buf_cstr(&key));
    if (twin) {
        char hint[64];
        snprintf(hint, sizeof(hint), "it stands at line %u already; keep one", twin->key_at.line);
        return conf_say(r->report, CONF_ERROR, key_at, hint, "duplicate name \"%s\"",
                        buf_cstr(&key));
    }
    if (skip_space(r) < 0)
        return -EINVAL;
    if (r->p == r->end || *r->p != ':')
        return conf_say(r->report, CONF_ERROR, here(r), NULL, "expected \":\" after \"%s\"",
                        buf_cstr(&key));
    r->p++;
    if (skip_space(r) < 0)
        return -EINVAL;
    return read_value(r, object, buf_cstr(&key), &key_at);
}

static int read_container(struct reader *r, struct conf_node *node, char close)
{
    r->p++;
    if (++r->depth > CONF_DEPTH)
        return conf_say(r->report, CONF_ERROR, here(r), NULL, "nested deeper than %d levels",
                        CONF_DEPTH);
    if (skip_space(r) < 0)
        return -EINVAL;
    int more = 1;
    if (r->p < r->end && *r->p == close) {
        r->p++;
        more = 0;
    }
    while (more > 0) {
        int err = close == '}' ? read_member(r, node) : read_value(r, node, NULL, NULL);
        if (err < 0)
            return err;
        more = after_element(r, close);
    }
    r->depth--;
    return more;
}

static int read_value(struct reader *r, struct conf_node *parent, const char *key,
                      const struct conf_pos *key_at)
{
    struct buf text cleanup(buf_fini) = BUF_INIT(1 << 20);
    enum conf_kind kind = CONF_KIND_NULL;
    struct conf_pos at = here(r);
    size_t width = 1;
    char open = r->p < r->end ? *r->p : '\0';

    if (open == '\0')
        return conf_say(r->report, CONF_ERROR, at, NULL, "the file ends where a value should be");
    bool container = open == '{' || open == '[';
    if (container)
        kind = open == '{' ? CONF_KIND_OBJECT : CONF_KIND_ARRAY;
    else {
        int err = read_scalar(r, &kind, &text, &width);
        if (err < 0)
            return err;
    }
    at.width = (unsigned)width;
    struct conf_node *node =
        conf_add(r->doc, parent, kind, key, container ? NULL : buf_cstr(&text), at);
    if (!node)
        return -ENOMEM;
    if (key_at)
        node->key_at = *key_at;
    return container ? read_container(r, node, open == '{' ? '}' : ']') : 0;
}

int conf_json_read(struct conf_doc *doc, const char *name, const char *text, size_t len,
                   struct conf_report *report)
{
    const struct conf_file *file = conf_doc_file(doc, name, text, len);

    if (!file)
        return -ENOMEM;
    struct reader r = {.doc = doc,
                       .report = report,
                       .file = file,
                       .p = file->text,
                       .end = file->text + len,
                       .line_start = file->text,
                       .line = 1};
    int err = skip_space(&r);
    if (!err)
        err = read_value(&r, NULL, NULL, NULL);
    if (!err)
        err = skip_space(&r);
    if (!err && r.p < r.end)
        err = conf_say(report, CONF_ERROR, here(&r), "the file is one object in braces { }",
                       "more text after the end of the configuration");
    return err;
}

bool conf_json_likely(const char *text, size_t len)
{
    const char *p = text, *end = text + len;

    while (p < end) {
        bool comment = *p == '#' || *p == '!' || (*p == '/' && p + 1 < end && p[1] == '/');
        if (comment)
            while (p < end && *p != '\n')
                p++;
        else if (strchr(" \t\r\n", *p) && *p)
            p++;
        else
            return strchr("{/[\"", *p) && *p;
    }
    return true;
}
