/*
 * From a configuration to what runs: all that can fail is done first, then everything is changed at
 * once. What the new configuration still has is kept, connections and runtime changes included.
 */
#pragma once

#include "lb/engine.h"

/* Takes the configuration over in each case. On failure nothing has changed. */
int reload_apply(struct engine *e, struct config *c, struct err *err);
