/* A link, as the link monitor tells it. */
#include "vrrpd/track/kind.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct interface {
    struct tracker t;
    char *name;
};

void track_interface_event(struct tracker *t, enum track_link link)
{
    if (t->kind != &track_link)
        return;
    const char *name = container_of(t, struct interface, t)->name;
    switch (link) {
    case TRACK_LINK_ABSENT:
        track_result(t, false, "there is no interface %s", name);
        return;
    case TRACK_LINK_DOWN:
        track_result(t, false, "%s is down", name);
        return;
    case TRACK_LINK_NO_CARRIER:
        track_result(t, false, "%s has no carrier", name);
        return;
    case TRACK_LINK_UP:
        track_result(t, true, "%s is up", name);
        return;
    }
}

const char *track_interface(const struct tracker *t)
{
    return t->kind == &track_link ? container_of(t, const struct interface, t)->name : NULL;
}

static int start(struct tracker *t, const struct track_spec *spec, struct err *e)
{
    struct interface *i = container_of(t, struct interface, t);
    if (!spec->interface)
        return err_set(e, -EINVAL, "no interface is named");
    i->name = strdup(spec->interface);
    return i->name ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static void stop(struct tracker *t)
{
    free(container_of(t, struct interface, t)->name);
}

static void what(const struct tracker *t, char *text, size_t size)
{
    snprintf(text, size, "%s", track_interface(t));
}

const struct track_kind track_link = {
    .name = "interface",
    .type = TRACK_INTERFACE,
    .size = sizeof(struct interface),
    .start = start,
    .stop = stop,
    .what = what,
};
