/*
 * Reload: read all, check all, compare, apply. What did not change is not touched: no advert is
 * missed, no address moves. When anything is wrong, the running configuration stays whole.
 */
#pragma once

#include "common/base/buf.h"
#include "vrrpd/engine.h"

/* Reads the file that the daemon was started with. `out` gets what was found and what was done, for
 * the one who asked; it is logged too. 0, or a negative errno with nothing changed. */
int reload(struct engine *e, struct buf *out);
