/*
 * Key tables that are parts of others; for the config_ modules.
 */
#pragma once

#include "lb/config.h"

extern const struct conf_table config_stick_table_table;
extern const struct conf_table config_forwarded_for_listener_table;
