/*
 * expr := and ('||' and)*      and := term ('&&' term)*
 * term := '!' term | '(' expr ')' | integer | function '(' arguments ')'
 */
#include "lb/haproxy_cond.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH = 32, ARGS = 2, ARG_BYTES = 256 };

struct eval {
    const char *p;
    const char *wrong;
    const struct haproxy_env *env;
    int depth;
};

static bool expr(struct eval *e);

static void blanks(struct eval *e)
{
    while (isspace((unsigned char)*e->p))
        e->p++;
}

static bool fail(struct eval *e, const char *why)
{
    if (!e->wrong)
        e->wrong = why;
    return false;
}

/* Compares "2.6.12" with "2.6": number by number, a missing one is 0. */
static int compare_versions(const char *a, const char *b)
{
    while (*a || *b) {
        char *ea, *eb;
        long na = strtol(a, &ea, 10), nb = strtol(b, &eb, 10);
        if (na != nb)
            return na < nb ? -1 : 1;
        if (*ea != '.' && *eb != '.')
            break;
        a = *ea == '.' ? ea + 1 : "";
        b = *eb == '.' ? eb + 1 : "";
    }
    return 0;
}

static bool fn_defined(const struct haproxy_env *env, char args[ARGS][ARG_BYTES])
{
    return env->get(env->ctx, args[0]) != NULL;
}

static bool fn_feature(const struct haproxy_env *env, char args[ARGS][ARG_BYTES])
{
    return env->feature(env->ctx, args[0]);
}

static bool fn_streq(const struct haproxy_env *env, char args[ARGS][ARG_BYTES])
{
    return strcmp(args[0], args[1]) == 0;
}

static bool fn_strneq(const struct haproxy_env *env, char args[ARGS][ARG_BYTES])
{
    return strcmp(args[0], args[1]) != 0;
}

static bool fn_atleast(const struct haproxy_env *env, char args[ARGS][ARG_BYTES])
{
    return compare_versions(env->version, args[0]) >= 0;
}

static bool fn_before(const struct haproxy_env *env, char args[ARGS][ARG_BYTES])
{
    return compare_versions(env->version, args[0]) < 0;
}

static const struct {
    const char *name;
    size_t args;
    bool (*fn)(const struct haproxy_env *, char[ARGS][ARG_BYTES]);
} functions[] = {
    {"defined", 1, fn_defined},
    {"feature", 1, fn_feature},
    {"streq", 2, fn_streq},
    {"strneq", 2, fn_strneq},
    {"version_atleast", 1, fn_atleast},
    {"version_before", 1, fn_before},
};

/* One argument up to ',' or ')', without the blanks around it. */
static bool argument(struct eval *e, char out[ARG_BYTES])
{
    size_t n = 0;

    blanks(e);
    while (*e->p && *e->p != ',' && *e->p != ')') {
        if (n == ARG_BYTES - 1)
            return fail(e, "an argument is too long");
        out[n++] = *e->p++;
    }
    while (n && isspace((unsigned char)out[n - 1]))
        n--;
    out[n] = '\0';
    return true;
}

static bool function(struct eval *e, const char *name, size_t len)
{
    char args[ARGS][ARG_BYTES] = {{0}};

    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        if (strlen(functions[i].name) != len || memcmp(functions[i].name, name, len) != 0)
            continue;
        for (size_t a = 0; a < functions[i].args; a++) {
            if (!argument(e, args[a]))
                return false;
            bool last = a + 1 == functions[i].args;
            if (*e->p != (last ? ')' : ','))
                return fail(e, "wrong number of arguments, or \")\" is missing");
            e->p++;
        }
        return functions[i].fn(e->env, args);
    }
    return fail(e, "unknown function");
}

static bool primary(struct eval *e)
{
    const char *from = e->p;

    if (*e->p == '(') {
        e->p++;
        bool v = expr(e);
        blanks(e);
        if (*e->p != ')')
            return fail(e, "\")\" is missing");
        e->p++;
        return v;
    }
    if (isdigit((unsigned char)*e->p))
        return strtol(from, (char **)&e->p, 10) != 0;
    while (isalpha((unsigned char)*e->p) || *e->p == '_')
        e->p++;
    size_t len = (size_t)(e->p - from);
    if (*e->p == '(') {
        e->p++;
        return function(e, from, len);
    }
    if (len == 4 && memcmp(from, "true", 4) == 0)
        return true;
    if (len == 5 && memcmp(from, "false", 5) == 0)
        return false;
    return fail(e, "a value or a function is expected");
}

static bool term(struct eval *e)
{
    bool negate = false;

    for (blanks(e); *e->p == '!'; blanks(e)) {
        negate = !negate;
        e->p++;
    }
    return primary(e) != negate;
}

static bool and_terms(struct eval *e)
{
    bool v = term(e);

    for (blanks(e); !e->wrong && strncmp(e->p, "&&", 2) == 0; blanks(e)) {
        e->p += 2;
        v = term(e) && v;
    }
    return v;
}

static bool expr(struct eval *e)
{
    if (++e->depth > DEPTH)
        return fail(e, "nested too deeply");
    bool v = and_terms(e);
    for (blanks(e); !e->wrong && strncmp(e->p, "||", 2) == 0; blanks(e)) {
        e->p += 2;
        v = and_terms(e) || v;
    }
    e->depth--;
    return v;
}

const char *haproxy_cond_eval(const char *text, const struct haproxy_env *env, bool *result)
{
    struct eval e = {.p = text, .env = env};

    *result = false;
    blanks(&e);
    if (!*e.p)
        return NULL;
    *result = expr(&e);
    blanks(&e);
    if (!e.wrong && *e.p)
        e.wrong = "more text after its end";
    return e.wrong;
}
