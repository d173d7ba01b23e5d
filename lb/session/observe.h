/*
 * `observe`: what traffic shows about a server counts as checks.
 */
#pragma once

#include "lb/worker.h"

/* A connection stood (`ok`) or was refused; with `layer7`, an answer was good or bad. Main hears of
 * errors, and of the first success after them. */
void observe(struct worker *w, struct server *s, bool layer7, bool ok);
