/*
 * Variables: a value by number, strings in memory of their own, bounded in their sum.
 */
#include "lb/core/sample.h"

#include <errno.h>
#include <stdlib.h>

int vars_init(struct vars *v, size_t n)
{
    *v = (struct vars){.n = n};
    if (v->n && !(v->v = calloc(v->n, sizeof(*v->v)))) {
        v->n = 0;
        return -ENOMEM;
    }
    return 0;
}

static bool has_text(const struct sample *s)
{
    return s->type == SAMPLE_STR || s->type == SAMPLE_BIN;
}

static void unset(struct vars *v, struct sample *s)
{
    if (has_text(s)) {
        v->bytes -= s->str.len;
        free((char *)s->str.at);
    }
    s->type = SAMPLE_NONE;
}

void vars_fini(struct vars *v)
{
    if (!v)
        return;
    for (size_t i = 0; i < v->n; i++)
        unset(v, &v->v[i]);
    free(v->v);
    *v = (struct vars){0};
}

static struct vars *vars_of(const struct eval *ev, unsigned number)
{
    const struct program_names *names = &ev->program->names[PROGRAM_VAR];

    if (number >= names->n)
        return NULL;
    struct vars *v = var_scope(names->v[number]) == VAR_SESS ? ev->sess_vars : ev->vars;
    return v && number < v->n ? v : NULL;
}

bool vars_put(struct vars *v, size_t number, const struct sample *value)
{
    struct sample own = *value;

    if (!v || number >= v->n)
        return false;
    if (has_text(value)) { /* copied first: it may be the variable's own */
        if (value->str.len > VARS_BYTES_MAX - v->bytes)
            return false;
        char *copy = malloc(value->str.len + 1);
        if (!copy)
            return false;
        if (value->str.len)
            memcpy(copy, value->str.at, value->str.len);
        own.str.at = copy;
    }
    unset(v, &v->v[number]);
    v->v[number] = own;
    if (has_text(&own))
        v->bytes += own.str.len;
    return true;
}

bool vars_set(struct eval *ev, unsigned number, const struct sample *value)
{
    return vars_put(vars_of(ev, number), number, value);
}

const struct sample *vars_get(const struct eval *ev, unsigned number)
{
    struct vars *v = vars_of(ev, number);

    return v && v->v[number].type != SAMPLE_NONE ? &v->v[number] : NULL;
}
