/*
 * What a notify_spec becomes: its hooks with what each still owes to the present state, its pipes
 * and variables. For notify.c.
 */
#pragma once

#include "common/base/list.h"
#include "vrrpd/fifo.h"
#include "vrrpd/notify.h"

enum { NOTIFY_ARGS = 4, NOTIFY_ENV_MAX = 64, NOTIFY_ENV_OWN = 8 };

struct hook {
    char name[64];
    const char **argv; /* with room for NOTIFY_ARGS more */
    size_t argc;
    struct program program;
    unsigned states;
    bool args, retry;
    struct span deadline;

    bool due;   /* to be run for the present state */
    bool extra; /* to be run for MASTER_RX_LOWER_PRI, after what is due */
    bool again; /* it has failed and will be retried at `next`, for `again_state` */
    enum notify_state again_state;
    unsigned attempts;
    struct mono next;
    char error[NOTIFY_TEXT_MAX];
};

struct plan {
    struct hook *hooks;
    size_t hook_count;
    struct fifo *fifos[NOTIFY_FIFOS_MAX + 1]; /* ends with NULL */
    const char **env;                         /* NULL-terminated */
    struct span retry_min, retry_max;
};

/* `fifos` is the set that plans share. 0, -EINVAL or -ENOMEM. */
int plan_init(struct plan *p, struct list *fifos, const struct notify_spec *spec, struct err *e);
void plan_fini(struct plan *p);

/* NULL if there is none. */
struct hook *plan_hook(struct plan *p, const char *name);
