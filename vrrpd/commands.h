/*
 * The commands of the control socket, one row each; vrrpctl sends them as they are typed.
 */
#pragma once

#include "common/rt/control.h"

struct engine;

struct control_options commands_options(struct engine *e);
