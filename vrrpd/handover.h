/*
 * `vrrpctl handover NAME`: the Active router gives its addresses away, with an advert of priority
 * 0 so that the peer takes over at once, and does not preempt the peer before that leaves. If
 * nobody takes them, it becomes Active again after the usual silence.
 */
#pragma once

#include "common/rt/control.h"

struct engine;

/* A command's function (control.h); ctx is the engine. handover NAME [--wait] */
void handover_command(struct control_reply *r, int argc, char **argv, void *ctx);
