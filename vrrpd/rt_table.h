/*
 * Routing tables by name, as in /etc/iproute2/rt_tables.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The number of a table; false if there is none of that name. Numbers are taken as they are. */
bool rt_table(const char *name, uint32_t *out);
