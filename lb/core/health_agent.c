#include "lb/core/health_agent.h"

#include "common/base/macro.h"
#include "common/base/parse.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define WORD_MAX    32
#define PERCENT_MAX 25600 /* 256 times the configured weight, cut to what a weight may be */

static void say_admin(struct health_agent *a, enum health_agent_admin admin)
{
    a->has_admin = true;
    a->admin = admin;
}

static void say_oper(struct health_agent *a, bool up)
{
    a->has_oper = true;
    a->up = up;
}

static void say_up(struct health_agent *a)
{
    say_oper(a, true);
}

static void say_down(struct health_agent *a)
{
    say_oper(a, false);
}

static void say_ready(struct health_agent *a)
{
    say_admin(a, HEALTH_AGENT_READY);
}

static void say_drain(struct health_agent *a)
{
    say_admin(a, HEALTH_AGENT_DRAIN);
}

static void say_maint(struct health_agent *a)
{
    say_admin(a, HEALTH_AGENT_MAINT);
}

static const struct {
    const char *word;
    void (*say)(struct health_agent *a);
} words[] = {
    {"up", say_up},        {"down", say_down},   {"failed", say_down}, {"fail", say_down},
    {"stopped", say_down}, {"ready", say_ready}, {"drain", say_drain}, {"maint", say_maint},
};

/* "75%" and "maxconn:30". */
static bool say_number(struct health_agent *a, char *word)
{
    size_t len = strlen(word);
    int64_t n;
    if (len > 1 && word[len - 1] == '%') {
        word[len - 1] = '\0';
        if (!parse_int(word, 0, PERCENT_MAX, &n))
            return false;
        a->has_weight = true;
        a->weight_percent = (unsigned)n;
        return true;
    }
    if (strncasecmp(word, "maxconn:", 8) != 0 || !parse_int(word + 8, 0, UINT32_MAX, &n))
        return false;
    a->has_maxconn = true;
    a->maxconn = (uint32_t)n;
    return true;
}

static bool say(struct health_agent *a, char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcasecmp(word, words[i].word) == 0) {
            words[i].say(a);
            return true;
        }
    }
    return say_number(a, word);
}

/* What follows the "#", without control bytes: it goes into a log. */
static void take_reason(struct health_agent *a, const char *text, size_t len)
{
    size_t n = 0;
    while (len && *text == ' ')
        text++, len--;
    for (size_t i = 0; i < len && n + 1 < sizeof(a->reason); i++)
        a->reason[n++] = (unsigned char)text[i] < ' ' || text[i] == 127 ? '?' : text[i];
    a->reason[n] = '\0';
}

static bool separates(char c)
{
    return c == ' ' || c == ',' || c == '\t';
}

bool health_agent_parse(const char *line, size_t len, struct health_agent *out)
{
    *out = (struct health_agent){0};
    size_t end = 0;
    while (end < len && line[end] != '\n' && line[end] != '\r' && line[end] != '\0')
        end++;
    bool known = false;
    for (size_t i = 0; i < end;) {
        if (separates(line[i])) {
            i++;
            continue;
        }
        if (line[i] == '#') {
            take_reason(out, line + i + 1, end - i - 1);
            break;
        }
        size_t from = i;
        while (i < end && !separates(line[i]) && line[i] != '#')
            i++;
        char word[WORD_MAX];
        if (i - from >= sizeof(word))
            continue;
        memcpy(word, line + from, i - from);
        word[i - from] = '\0';
        known |= say(out, word);
    }
    return known;
}
