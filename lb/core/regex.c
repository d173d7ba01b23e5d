#include "lb/core/regex.h"

#include "common/base/macro.h"

#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define HEAP_KIB 4096 /* for one match */

struct regex {
    pcre2_code *code;
    pcre2_match_context *limits; /* only read */
};

struct regex_scratch {
    pcre2_match_data *data;
};

struct regex *regex_new(struct text pattern, bool ignore_case, char error[128], size_t *at)
{
    struct regex *r = calloc(1, sizeof(*r));
    PCRE2_SIZE where = 0;
    int code = 0;

    error[0] = '\0';
    *at = 0;
    if (!r)
        return NULL;
    r->code = pcre2_compile((PCRE2_SPTR)pattern.at, pattern.len, ignore_case ? PCRE2_CASELESS : 0,
                            &code, &where, NULL);
    r->limits = r->code ? pcre2_match_context_create(NULL) : NULL;
    if (!r->limits) {
        if (!r->code)
            pcre2_get_error_message(code, (PCRE2_UCHAR *)error, 128);
        *at = where;
        regex_free(r);
        return NULL;
    }
    pcre2_set_match_limit(r->limits, REGEX_STEPS);
    pcre2_set_heap_limit(r->limits, HEAP_KIB);
    pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE); /* without it, it is only slower */
    return r;
}

void regex_free(struct regex *r)
{
    if (!r)
        return;
    pcre2_match_context_free(r->limits);
    pcre2_code_free(r->code);
    free(r);
}

struct regex_scratch *regex_scratch_new(void)
{
    struct regex_scratch *s = calloc(1, sizeof(*s));

    if (s && !(s->data = pcre2_match_data_create(REGEX_GROUPS, NULL))) {
        free(s);
        return NULL;
    }
    return s;
}

void regex_scratch_free(struct regex_scratch *s)
{
    if (!s)
        return;
    pcre2_match_data_free(s->data);
    free(s);
}

bool regex_find(const struct regex *r, struct regex_scratch *s, struct text subject, size_t from,
                struct regex_match *out)
{
    if (from > subject.len)
        return false;
    int n = pcre2_match(r->code, (PCRE2_SPTR)(subject.at ? subject.at : ""), subject.len, from, 0,
                        s->data, r->limits);
    if (n < 0)
        return false;
    if (!out)
        return true;
    const PCRE2_SIZE *places = pcre2_get_ovector_pointer(s->data);
    out->n = n ? (size_t)n : REGEX_GROUPS; /* 0: more than there is room for */
    for (size_t i = 0; i < REGEX_GROUPS; i++) {
        bool in = i < out->n && places[2 * i] != PCRE2_UNSET && places[2 * i] <= places[2 * i + 1];
        out->groups[i].from = in ? places[2 * i] : REGEX_NONE;
        out->groups[i].to = in ? places[2 * i + 1] : REGEX_NONE;
    }
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What the escape at `f` stands for; `*used` bytes of the format. */
static struct text escape(struct text f, struct text subject, const struct regex_match *m,
                          char *byte, size_t *used)
{
    char c = f.at[1];

    *used = 2;
    if (c >= '0' && c <= '9') {
        size_t g = (size_t)(c - '0');
        bool took_part = g < m->n && m->groups[g].from != REGEX_NONE;
        return took_part ? (struct text){subject.at + m->groups[g].from,
                                         m->groups[g].to - m->groups[g].from}
                         : TEXT("");
    }
    *byte = c;
    if (c == 'x' && f.len >= 4 && hex_digit(f.at[2]) >= 0 && hex_digit(f.at[3]) >= 0) {
        *byte = (char)(hex_digit(f.at[2]) << 4 | hex_digit(f.at[3]));
        *used = 4;
    }
    return (struct text){byte, 1};
}

size_t regex_expand(struct text format, struct text subject, const struct regex_match *m, char *out,
                    size_t cap)
{
    size_t n = 0, used;
    char byte;

    for (size_t i = 0; i < format.len; i += used) {
        struct text piece = {format.at + i, 1};

        used = 1;
        if (format.at[i] == '\\' && i + 1 < format.len)
            piece = escape(text_from(format, i), subject, m, &byte, &used);
        if (piece.len > cap - n)
            return SIZE_MAX;
        memcpy(out + n, piece.at, piece.len);
        n += piece.len;
    }
    return n;
}
