/*
 * What holds for every configuration that was read without an error: its native form reads back as
 * the same configuration.
 */
#pragma once

#include "common/base/conf_table.h"

#include <stdlib.h>

/* Aborts if it does not hold. `obj` was decoded by `table`; `again` is zeroed memory of its size.
 */
static inline void conf_check_native(const struct conf_table *table, const void *obj, void *again)
{
    struct buf text cleanup(buf_fini) = BUF_INIT(64 << 20);
    struct conf_doc doc cleanup(conf_doc_fini) = {0};
    struct conf_report *r = calloc(1, sizeof(*r));

    conf_table_print(table, obj, &text);
    if (!r || text.lost || conf_json_read(&doc, "native", buf_cstr(&text), text.len, r) < 0 ||
        conf_table_decode(table, doc.root, again, r) < 0 || !conf_table_equal(table, obj, again))
        abort();
    conf_table_fini(table, again);
    free(r);
}
