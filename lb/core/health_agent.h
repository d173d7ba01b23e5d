/*
 * What an agent says about its server: one line of words, e.g. "up 75%", "drain", "maxconn:30",
 * "down # disk full". Bytes to struct; what follows from it is server_apply_agent()'s.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum health_agent_admin { HEALTH_AGENT_READY, HEALTH_AGENT_DRAIN, HEALTH_AGENT_MAINT };

struct health_agent {
    bool has_weight, has_maxconn, has_admin, has_oper;
    unsigned weight_percent; /* of the configured weight */
    uint32_t maxconn;
    enum health_agent_admin admin;
    bool up;          /* with has_oper: "up"; else "down", "failed", "stopped" */
    char reason[128]; /* after "#"; may be empty */
};

/* Parses one line (`len` bytes, line end optional). False if no word of it is known; unknown words
 * beside known ones are passed over. */
bool health_agent_parse(const char *line, size_t len, struct health_agent *out);
