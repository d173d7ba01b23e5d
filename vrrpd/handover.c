#include "vrrpd/handover.h"

#include "vrrpd/engine.h"
#include "vrrpd/instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 10, WAIT_S = 20 };

/* One who waits for the end of a handover. The instance is looked up by name each time: a reload
 * may take it away meanwhile. */
struct waiter {
    struct engine *engine;
    struct control_reply *reply;
    struct timer timer;
    struct mono began;
    char name[HISTORY_NAME_MAX];
};

static void gone(void *ctx)
{
    struct waiter *w = ctx;

    loop_timer_disarm(w->engine->loop, &w->timer);
    free(w);
}

static void done(struct waiter *w, const struct instance *in)
{
    struct span took = mono_diff(in->vrrp.peer.heard, w->began);
    char addr[ADDR_TEXT_MAX];

    addr_format(&in->vrrp.peer.addr, addr);
    if (control_json(w->reply))
        control_printf(w->reply, "{\"instance\":\"%s\",\"active\":\"%s\",\"took\":%.6f}\n", w->name,
                       addr, (double)took.us / 1e6);
    else
        control_printf(w->reply, "%s is Active at %s after %.3fs\n", w->name, addr,
                       (double)took.us / 1e6);
    control_end(w->reply);
}

static void look(struct timer *t, struct mono now)
{
    struct waiter *w = container_of(t, struct waiter, timer);
    const struct instance *in = engine_instance(w->engine, w->name);
    bool late = mono_diff(now, w->began).us > span_s(WAIT_S).us;

    if (in && in->vrrp.state == VRRP_BACKUP && w->began.us < in->vrrp.peer.heard.us &&
        in->vrrp.peer.priority != PACKET_PRIORITY_LEAVING) {
        done(w, in);
        gone(w);
    } else if (!in || in->vrrp.state != VRRP_BACKUP || late) {
        control_error(w->reply, "nobody took %s over; it is %s here", w->name,
                      in ? in->shown_state : "no longer configured");
        gone(w);
    } else {
        loop_timer_after(w->engine->loop, &w->timer, span_ms(LOOK_MS));
    }
}

static void wait_for_peer(struct control_reply *r, struct engine *e, const char *name)
{
    struct waiter *w = calloc(1, sizeof(*w));

    if (!w) {
        control_error(r, "out of memory");
        return;
    }
    w->engine = e;
    w->reply = r;
    w->timer = TIMER_INIT(look);
    w->began = loop_now(e->loop);
    snprintf(w->name, sizeof(w->name), "%s", name);
    control_defer(r, gone, w);
    loop_timer_after(e->loop, &w->timer, span_ms(LOOK_MS));
}

void handover_command(struct control_reply *r, int argc, char **argv, void *ctx)
{
    struct engine *e = ctx;
    struct instance *in = engine_instance(e, argv[0]);
    bool wait = argc > 1 && strcmp(argv[1], "--wait") == 0;

    if (argc > 1 && !wait) {
        control_error(r, "what is \"%s\"? handover NAME [--wait]", argv[1]);
        return;
    }
    if (!in) {
        control_error(r, "there is no instance \"%s\"", argv[0]);
        return;
    }
    if (in->vrrp.state != VRRP_ACTIVE) {
        control_error(r, "%s is %s here; only the Active router can hand it over", in->name,
                      in->shown_state);
        return;
    }
    instance_step(in, &(struct vrrp_event){.kind = VRRP_EV_YIELD});
    if (wait)
        wait_for_peer(r, e, in->name);
    else if (control_json(r))
        control_printf(r, "{\"instance\":\"%s\",\"yielded\":true}\n", in->name);
    else
        control_printf(r, "%s is given away\n", in->name);
}
