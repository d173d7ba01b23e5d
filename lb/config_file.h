/*
 * From files to a configuration: which front end reads them, and what haproxy.cfg may ask about its
 * surroundings.
 */
#pragma once

#include "lb/config.h"

#define CONFIG_FILES_MAX 64

struct config_files {
    const char *paths[CONFIG_FILES_MAX]; /* more than one only for haproxy.cfg */
    size_t n;
    const char *local_peer; /* -L; NULL: the host's name */
};

/* Reads all files anew. The first tells the front end: JSON, or haproxy.cfg. Returns a
 * configuration even if it is wrong (use it only if r->errors is 0), NULL with `e` set if a file
 * could not be read or memory is short. */
struct config *config_files_load(const struct config_files *files, struct conf_report *r,
                                 struct err *e);
