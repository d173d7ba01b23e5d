/*
 * The plain check: a connection that stands is enough.
 */
#include "lb/check/check.h"
#include "lb/check/dial.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct tcp {
    struct dial dial;
    struct check *check;
};

static void failed(struct check *c, int error)
{
    check_done(c, error == ETIMEDOUT ? HEALTH_L4TOUT : HEALTH_L4CON, 0, strerror(error));
}

static void on_dial(struct dial *d, uint32_t events)
{
    struct check *c = container_of(d, struct tcp, dial)->check;
    int error = dial_error(d, events);

    if (error == EINPROGRESS)
        return;
    if (error)
        failed(c, error);
    else
        check_done(c, HEALTH_L4OK, 0, NULL);
}

static void start(struct check *c)
{
    struct addr_port at = check_target(c);
    struct tcp *t = calloc(1, sizeof(*t));
    int err;

    c->state = t;
    if (!t) {
        check_done(c, HEALTH_SOCKERR, 0, "out of memory");
        return;
    }
    t->check = c;
    err = dial_open(&t->dial, c->loop, &at, on_dial);
    if (err < 0)
        failed(c, -err);
}

static void stop(struct check *c)
{
    struct tcp *t = c->state;

    if (t)
        dial_close(&t->dial);
    free(t);
    c->state = NULL;
}

static void timeout(struct check *c)
{
    check_done(c, HEALTH_L4TOUT, 0, NULL);
}

const struct check_kind check_tcp = {"tcp", start, stop, timeout};
