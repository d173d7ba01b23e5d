/*
 * A snapshot as text for people and as JSON for programs. Pure.
 *
 * The JSON form is an interface: keys are added, never renamed. Times are seconds with fractions.
 */
#pragma once

#include "common/base/buf.h"
#include "vrrpd/status.h"

void status_render_text(const struct status *s, struct buf *out);
void status_render_json(const struct status *s, struct buf *out);

/* Counters: adverts, rejects by reason, sockets, netlink. */
void status_render_stats_text(const struct status *s, struct buf *out);
void status_render_stats_json(const struct status *s, struct buf *out);
