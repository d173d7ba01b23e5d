/*
 * From a configuration to what runs: all that can fail is done first, then everything is changed at
 * once. What the new configuration still has is kept, connections and runtime changes included.
 */
#pragma once

#include "lb/engine.h"

/* Everything that can fail: opens what the configuration asks for. Takes it over in each case. NULL
 * with a sentence: nothing has changed. */
struct plan *reload_prepare(struct engine *e, struct config *c, struct err *err);

/* Puts it in force. */
void reload_commit(struct engine *e, struct plan *p);

/* Or not. */
void reload_discard(struct engine *e, struct plan *p);

/* Both at once. 0 or a negative errno. */
int reload_apply(struct engine *e, struct config *c, struct err *err);
