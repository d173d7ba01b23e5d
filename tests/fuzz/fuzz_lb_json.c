#include "lb/config.h"
#include "tests/fuzz/conf_check.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config again;
    struct conf_report *r = calloc(1, sizeof(*r));
    struct buf shown cleanup(buf_fini) = BUF_INIT(1 << 20);
    struct config *c = config_from_text("fuzz", (const char *)data, size, r);

    conf_report_render(r, &shown);
    if (c && !r->errors)
        conf_check_native(&config_table, c, &again);
    config_free(c);
    free(r);
    return 0;
}
