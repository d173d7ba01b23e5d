/*
 * What lbctl can ask for: one row a command.
 */
#pragma once

#include "lb/engine.h"

int commands_new(struct engine *e, struct control **out, struct span timeout, struct err *err);
