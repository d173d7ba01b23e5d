#include "vrrpd/rt_table.h"

#include "common/base/parse.h"
#include "common/rt/file.h"

#include <stdio.h>
#include <string.h>

enum { TABLES_MAX = 65536 };

static bool table_in(const char *text, const char *name, uint32_t *out)
{
    for (const char *line = text; line && *line;) {
        unsigned number;
        char word[64];
        if (sscanf(line, " %u %63s", &number, word) == 2 && strcmp(word, name) == 0) {
            *out = number;
            return true;
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return false;
}

bool rt_table(const char *name, uint32_t *out)
{
    static const char builtin[] = "254 main\n253 default\n255 local\n";
    struct buf text cleanup(buf_fini) = BUF_INIT(TABLES_MAX);
    int64_t number;

    if (parse_int(name, 1, UINT32_MAX, &number)) {
        *out = (uint32_t)number;
        return true;
    }
    if (table_in(builtin, name, out))
        return true;
    return file_read("/etc/iproute2/rt_tables", TABLES_MAX, &text, NULL) == 0 &&
           table_in(buf_cstr(&text), name, out);
}
