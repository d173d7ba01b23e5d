/*
 * Why an instance is what it is, in sentences: for `vrrpctl why`. Pure.
 */
#pragma once

#include "common/base/buf.h"
#include "vrrpd/status.h"

void why_text(const struct status_instance *i, struct buf *out);

/* {"name":...,"state":...,"sentences":[...]} on one line. */
void why_json(const struct status_instance *i, struct buf *out);
