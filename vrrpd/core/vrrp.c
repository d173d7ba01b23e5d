/*
 * The state machine as a table: which function serves which event in which state. The functions are
 * in one file for each of the RFC's states; step.h shows the way.
 */
#include "vrrpd/core/vrrp.h"

#include "common/base/macro.h"
#include "vrrpd/core/step.h"

/* clang-format off */
static step_handler *const table[VRRP_EVENTS][VRRP_STATES] = {
    /*                            Initialize              Backup               Active               */
    [VRRP_EV_STARTUP]         = { initialize_startup,     step_ignore,         step_ignore            },
    [VRRP_EV_SHUTDOWN]        = { initialize_shutdown,    backup_shutdown,     active_shutdown        },
    [VRRP_EV_ADVERT]          = { initialize_advert,      backup_advert,       active_advert          },
    [VRRP_EV_TIMER]           = { initialize_timer,       backup_timer,        active_timer           },
    [VRRP_EV_PRIORITY]        = { step_set_priority,      backup_priority,     active_priority        },
    [VRRP_EV_FAULT_SET]       = { initialize_fault_set,   backup_fault_set,    active_fault_set       },
    [VRRP_EV_FAULT_CLEAR]     = { initialize_fault_clear, step_ignore,         step_ignore            },
    [VRRP_EV_CONF]            = { step_set_conf,          backup_conf,         active_conf            },
    [VRRP_EV_SOURCE]          = { step_set_source,        step_set_source,     step_set_source        },
    [VRRP_EV_YIELD]           = { step_ignore,            step_ignore,         active_yield           },
    [VRRP_EV_ADDRESSES_READY] = { step_ignore,            step_ignore,         active_addresses_ready },
    [VRRP_EV_GROUP_ACTIVE]    = { step_ignore,            backup_group_active, step_ignore            },
    [VRRP_EV_GROUP_BACKUP]    = { step_ignore,            step_ignore,         active_group_backup    },
    [VRRP_EV_GROUP_LEFT]      = { step_ignore,            backup_group_left,   step_ignore            },
};
/* clang-format on */

void vrrp_init(struct vrrp *v, const struct vrrp_conf *conf)
{
    *v = (struct vrrp){
        .conf = *conf,
        .priority = conf->priority,
        .active_interval = conf->interval,
        .form = conf->checksum == VRRP_CHECKSUM_PSEUDO ? PACKET_FORM_PSEUDO : PACKET_FORM_RFC9568,
        .leave_at = MONO_NEVER,
        .hold_until = MONO_NEVER,
    };
    step_disarm(v);
}

void vrrp_step(struct vrrp *v, const struct vrrp_event *ev, struct mono now,
               struct vrrp_actions *out)
{
    struct step s = {.v = v, .ev = ev, .now = now, .out = out};

    out->count = out->lost = 0;
    table[ev->kind][v->state](&s);
}

/* T2; version 2 counts in parts of a second, not of the interval (W3). */
struct span vrrp_skew_time(const struct vrrp *v)
{
    int64_t unit_us = v->conf.version == 2 ? span_s(1).us : v->active_interval.us;
    return span_us((256 - v->priority) * unit_us / 256);
}

/* T3 */
struct span vrrp_active_down_interval(const struct vrrp *v)
{
    return span_us(3 * v->active_interval.us + vrrp_skew_time(v).us);
}

struct mono vrrp_deadline(const struct vrrp *v)
{
    const struct mono timers[] = {v->down_at,  v->adver_at, v->announce_at,
                                  v->quiet_at, v->leave_at, v->start_at};
    struct mono first = MONO_NEVER;

    for (size_t i = 0; i < ARRAY_LEN(timers); i++)
        first = mono_min(first, timers[i]);
    return first;
}
