/*
 * What the key tables cannot see: names that must exist, values that exclude each other.
 */
#pragma once

#include "lb/config.h"

/* 0, or -EINVAL with every fault in `r`. Warnings and notices are filed in both cases. */
int config_check(const struct config *c, struct conf_report *r);
