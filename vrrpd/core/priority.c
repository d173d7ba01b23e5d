#include "vrrpd/core/priority.h"

#include "common/base/macro.h"

#include <errno.h>

enum { OWNER = 255, LOWEST = 1, HIGHEST = 254, DELTA_MAX = 255 };

void priority_init(struct priority *p, uint8_t base)
{
    *p = (struct priority){.base = base};
}

int priority_add(struct priority *p, const char *name)
{
    if (p->count == PRIORITY_SHARES_MAX)
        return -ENOSPC;
    p->shares[p->count] = (struct priority_share){.name = name};
    return (int)p->count++;
}

bool priority_set(struct priority *p, int index, int delta, bool fault)
{
    if (index < 0 || (size_t)index >= p->count)
        return false;
    struct priority_share *s = &p->shares[index];
    int kept = MAX(-DELTA_MAX, MIN(DELTA_MAX, delta));
    if (s->delta == kept && s->fault == fault)
        return false;
    s->delta = kept;
    s->fault = fault;
    return true;
}

struct priority_result priority_result(const struct priority *p)
{
    struct priority_result r = {.sum = p->base};

    for (size_t i = 0; i < p->count; i++) {
        r.sum += p->shares[i].delta;
        if (p->shares[i].fault && !r.fault) {
            r.fault = true;
            r.fault_by = p->shares[i].name;
        }
    }
    if (p->base == OWNER) {
        r.value = OWNER;
        return r;
    }
    r.value = (uint8_t)MAX(LOWEST, MIN(HIGHEST, r.sum));
    r.clamped = r.value != r.sum;
    return r;
}
