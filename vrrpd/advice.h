/*
 * What will not do what was meant, seen from how things are: what no configuration file alone can
 * tell. One sentence each. Pure.
 */
#pragma once

#include "common/base/buf.h"
#include "vrrpd/status.h"

#include <stddef.h>

/* Calls `fn` with each sentence. */
typedef void advice_fn(void *ctx, const char *sentence);
void advice_each(const struct status_instance *i, advice_fn *fn, void *ctx);
