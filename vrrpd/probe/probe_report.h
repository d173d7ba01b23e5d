/*
 * A run as a page: figures, a timeline in which an outage can be seen, and a closer look at the
 * longest gap. One file that needs nothing else: no script, no font, no outside resource; readable
 * in light and dark. Pure.
 */
#pragma once

#include "common/base/buf.h"
#include "vrrpd/probe/probe_summary.h"

/* Appends the whole page. */
void probe_report(const struct probe_stats *s, const struct probe_subject *subject,
                  struct buf *out);

/* Appends one <svg> of the run between two instants; it is styled by the page's sheet. */
void probe_report_svg(const struct probe_stats *s, struct mono from, struct mono to,
                      struct buf *out);

/* Appends text with what HTML would take for markup escaped. */
void probe_report_escape(const char *text, struct buf *out);
