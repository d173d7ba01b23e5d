/*
 * `include` of keepalived.conf: file names with wildcards, relative to the including file.
 */
#pragma once

#include "vrrpd/keepalived_lex.h"

enum { CONFIG_FILE_MAX = 4 << 20, CONFIG_FILES_MAX = 1024 };

/* A loader that reads from the file system. */
struct keepalived_loader config_files_loader(void);
