#include "lb/check/expect.h"

#include "common/base/parse.h"
#include "common/rt/child.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fault(struct err *e, const char *what, const char *word)
{
    return err_set(e, -EINVAL, "%s \"%s\"", what, word ? word : "");
}

/* ---- words to struct ---- */

static int parse_ranges(struct expect *x, char *list, struct err *e)
{
    char *rest = list, *item;
    int64_t from, to;

    while ((item = strsep(&rest, ","))) {
        char *dash = strchr(item, '-');
        if (dash)
            *dash++ = '\0';
        if (x->n_ranges == EXPECT_RANGES || !parse_int(item, 100, 999, &from) ||
            !parse_int(dash ? dash : item, from, 999, &to))
            return fault(e, "not a list of status codes such as 200,300-399:", list);
        x->ranges[x->n_ranges].from = (uint16_t)from;
        x->ranges[x->n_ranges++].to = (uint16_t)to;
    }
    return 0;
}

static int parse_regex(struct expect *x, const char *pattern, struct err *e)
{
    char why[128];
    size_t at;

    x->regex = regex_new(text_of(pattern), false, why, &at);
    if (!x->regex)
        return err_set(e, -EINVAL, "regular expression \"%s\": %s", pattern, why);
    x->scratch = regex_scratch_new();
    return x->scratch ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *at = strchr(digits, c | 0x20);

    return c && at ? (int)(at - digits) : -1;
}

static int parse_hex(const char *text, char **out, size_t *len, struct err *e)
{
    size_t n = strlen(text) / 2;

    *out = malloc(n + 1);
    if (!*out)
        return err_set(e, -ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) {
        int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return fault(e, "not a string of hexadecimal digits:", text);
        (*out)[i] = (char)(high << 4 | low);
    }
    *len = n;
    return strlen(text) % 2 ? fault(e, "an odd number of hexadecimal digits:", text) : 0;
}

static int parse_string(struct expect *x, const char *text, struct err *e)
{
    x->text = strdup(text);
    x->len = strlen(text);
    return x->text ? 0 : err_set(e, -ENOMEM, "out of memory");
}

/* hdr name N [value V] */
static int parse_header(struct expect *x, char **words, struct err *e)
{
    if (!words[0] || strcmp(words[0], "name") != 0 || !words[1])
        return fault(e, "write: hdr name NAME value VALUE, not", words[0]);
    x->name = strdup(words[1]);
    if (!x->name)
        return err_set(e, -ENOMEM, "out of memory");
    if (!words[2])
        return 0;
    if (strcmp(words[2], "value") != 0 || !words[3])
        return fault(e, "write: hdr name NAME value VALUE, not", words[2]);
    return parse_string(x, words[3], e);
}

static int parse_match(struct expect *x, char **words, struct err *e)
{
    static const struct {
        const char *word;
        enum expect_what what;
    } kinds[] = {
        {"status", EXPECT_STATUS},   {"rstatus", EXPECT_RSTATUS}, {"string", EXPECT_STRING},
        {"rstring", EXPECT_RSTRING}, {"binary", EXPECT_STRING},   {"hdr", EXPECT_HEADER},
    };
    size_t i = 0;

    while (i < ARRAY_LEN(kinds) && words[0] && strcmp(kinds[i].word, words[0]) != 0)
        i++;
    if (i == ARRAY_LEN(kinds) || !words[0])
        return fault(e, "known: status rstatus string rstring binary hdr, not", words[0]);
    if (!words[1])
        return fault(e, "what is missing behind", words[0]);
    x->what = kinds[i].what;
    if (strcmp(words[0], "binary") == 0)
        return parse_hex(words[1], &x->text, &x->len, e);
    switch (x->what) {
    case EXPECT_STATUS:
        return parse_ranges(x, words[1], e);
    case EXPECT_RSTATUS:
    case EXPECT_RSTRING:
        return parse_regex(x, words[1], e);
    case EXPECT_STRING:
        return parse_string(x, words[1], e);
    case EXPECT_HEADER:
        return parse_header(x, words + 1, e);
    }
    return -EINVAL;
}

static int parse_words(struct expect *x, char **words, struct err *e)
{
    int err;

    *x = (struct expect){0};
    if (words[0] && strcmp(words[0], "!") == 0) {
        x->negate = true;
        words++;
    }
    err = parse_match(x, words, e);
    if (err < 0)
        expect_fini(x);
    return err;
}

static void free_words(char ***words)
{
    free(*words);
}

int expect_parse(struct expect *out, const char *text, struct err *e)
{
    char **words cleanup(free_words) = child_split(text, e);

    return words ? parse_words(out, words, e) : -EINVAL;
}

void expect_fini(struct expect *x)
{
    regex_free(x->regex);
    regex_scratch_free(x->scratch);
    free(x->text);
    free(x->name);
    *x = (struct expect){0};
}

/* ---- judging ---- */

static bool status_in(const struct expect *x, uint16_t status)
{
    char text[8];

    if (x->what == EXPECT_RSTATUS) {
        snprintf(text, sizeof(text), "%u", status);
        return regex_find(x->regex, x->scratch, text_of(text), 0, NULL);
    }
    for (size_t i = 0; i < x->n_ranges; i++)
        if (status >= x->ranges[i].from && status <= x->ranges[i].to)
            return true;
    return false;
}

bool expect_status(const struct expect *x, uint16_t status)
{
    return status_in(x, status) != x->negate;
}

bool expect_content(const struct expect *x, const char *data, size_t len)
{
    bool found;

    if (x->what == EXPECT_RSTRING)
        found = regex_find(x->regex, x->scratch, (struct text){data, len}, 0, NULL);
    else
        found = memmem(data, len, x->text, x->len) != NULL;
    return found != x->negate;
}

/* ---- steps ---- */

static int parse_step(struct step *s, char **words, struct err *e)
{
    if (words[0] && strcmp(words[0], "expect") == 0) {
        s->what = STEP_EXPECT;
        return parse_words(&s->expect, words + 1, e);
    }
    if (!words[0] || !words[1])
        return fault(e, "known: send, send-binary, expect, not", words[0]);
    if (strcmp(words[0], "send-binary") == 0)
        return parse_hex(words[1], &s->data, &s->len, e);
    if (strcmp(words[0], "send") != 0)
        return fault(e, "known: send, send-binary, expect, not", words[0]);
    s->data = strdup(words[1]);
    s->len = strlen(words[1]);
    return s->data ? 0 : err_set(e, -ENOMEM, "out of memory");
}

int step_parse(struct step *out, const char *text, struct err *e)
{
    char **words cleanup(free_words) = child_split(text, e);
    int err = words ? 0 : -EINVAL;

    *out = (struct step){0};
    if (err == 0)
        err = parse_step(out, words, e);
    if (err < 0)
        step_fini(out);
    return err;
}

void step_fini(struct step *s)
{
    expect_fini(&s->expect);
    free(s->data);
    *s = (struct step){0};
}
