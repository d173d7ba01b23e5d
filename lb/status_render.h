/*
 * A status as text for people, or as JSON.
 */
#pragma once

#include "common/base/buf.h"
#include "lb/status.h"

void status_render_text(const struct status *s, struct buf *out);
void status_render_json(const struct status *s, struct buf *out);
