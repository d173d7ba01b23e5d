/*
 * Judges a decoded configuration as a whole: what no single row of a key table can see.
 *
 * Each finding names its place and what to do. Errors make the configuration unusable, warnings
 * tell what will hardly do what was meant. Only the configuration is judged, never the machine it
 * runs on: a missing interface is waited for.
 */
#pragma once

#include "vrrpd/config.h"

/* 0, or -EINVAL with at least one error in `r`. */
int config_check(const struct config *c, struct conf_report *r);
