/* Words in, sentences out: the pure half of child.h. */
#include "common/base/parse.h"
#include "common/rt/child.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

struct split {
    const char *in;
    char *out;
};

/* Copies a quoted part; false if its end is missing. */
static bool split_quoted(struct split *s)
{
    char quote = *s->in++;

    for (; *s->in && *s->in != quote; s->in++) {
        if (quote == '"' && *s->in == '\\' && (s->in[1] == '"' || s->in[1] == '\\'))
            s->in++;
        *s->out++ = *s->in;
    }
    return *s->in++ == quote;
}

/* Copies one word with its NUL; NULL, or what is unfinished. */
static const char *split_word(struct split *s)
{
    while (*s->in && !is_blank(*s->in)) {
        if (*s->in == '\'' || *s->in == '"') {
            const char *open = s->in;
            if (!split_quoted(s))
                return open;
        } else if (*s->in == '\\') {
            if (!s->in[1])
                return s->in;
            *s->out++ = s->in[1];
            s->in += 2;
        } else {
            *s->out++ = *s->in++;
        }
    }
    *s->out++ = '\0';
    return NULL;
}

static void skip_blanks(struct split *s)
{
    while (is_blank(*s->in))
        s->in++;
}

/* One block: the pointers (no more words than half the text), then the words (no longer than it).
 */
char **child_split(const char *line, struct err *e)
{
    size_t len = strlen(line), most = len / 2 + 2, count = 0;
    char **words = malloc(most * sizeof(char *) + len + 1);
    struct split s = {line, (char *)(words + most)};

    if (!words) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    for (skip_blanks(&s); *s.in; skip_blanks(&s)) {
        words[count++] = s.out;
        const char *unfinished = split_word(&s);
        if (unfinished) {
            err_set(e, -EINVAL, "the %s at character %d has no end: %s",
                    *unfinished == '\\' ? "backslash" : "quote", (int)(unfinished - line) + 1,
                    line);
            free(words);
            return NULL;
        }
    }
    if (!count) {
        err_set(e, -EINVAL, "the command is empty");
        free(words);
        return NULL;
    }
    words[count] = NULL;
    return words;
}

const char *child_last_line(const struct child_result *r, char *text, size_t size)
{
    const char *end = r->output + r->output_len;

    while (end > r->output && (is_blank(end[-1]) || !end[-1]))
        end--;
    const char *from = end;
    while (from > r->output && from[-1] != '\n')
        from--;
    while (from < end && is_blank(*from))
        from++;
    snprintf(text, size, "%.*s", (int)(end - from), from);
    return text;
}

static bool plain_success(const struct child_result *r)
{
    return r->end == CHILD_EXITED && r->code == 0;
}

static void describe(const struct child_result *r, char text[CHILD_TEXT_MAX])
{
    char span[PARSE_SPAN_MAX];
    const char *name;

    switch (r->end) {
    case CHILD_EXITED:
        snprintf(text, CHILD_TEXT_MAX, "exit status %d", r->code);
        return;
    case CHILD_SIGNALED:
        name = sigabbrev_np(r->signo);
        if (name)
            snprintf(text, CHILD_TEXT_MAX, "killed by SIG%s", name);
        else
            snprintf(text, CHILD_TEXT_MAX, "killed by signal %d", r->signo);
        return;
    case CHILD_TIMED_OUT:
        snprintf(text, CHILD_TEXT_MAX, "not done within %s: %s", span_format(r->deadline, span),
                 r->stuck ? "cannot be killed" : "killed");
        return;
    case CHILD_KILLED:
        snprintf(text, CHILD_TEXT_MAX, r->stuck ? "ended by us: cannot be killed" : "ended by us");
        return;
    case CHILD_NOT_STARTED:
        if (strcmp(r->stage, "exec") == 0)
            snprintf(text, CHILD_TEXT_MAX, "cannot run: %s", strerror(r->error));
        else
            snprintf(text, CHILD_TEXT_MAX, "cannot run: %s: %s", r->stage, strerror(r->error));
        return;
    }
}

const char *child_result_text(const struct child_result *r, char text[CHILD_TEXT_MAX])
{
    char last[CHILD_TEXT_MAX];

    describe(r, text);
    if (!plain_success(r) && child_last_line(r, last, sizeof(last))[0]) {
        size_t n = strlen(text);
        snprintf(text + n, CHILD_TEXT_MAX - n, ": %s", last);
    }
    return text;
}
