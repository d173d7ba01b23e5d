#include "tests/fuzz/conf_check.h"
#include "tests/fuzz/fuzz.h"
#include "vrrpd/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config again;
    struct conf_report *r = calloc(1, sizeof(*r));
    struct buf shown cleanup(buf_fini) = BUF_INIT(1 << 20);
    struct config *c = NULL;

    if (conf_json_likely((const char *)data, size) &&
        config_parse("fuzz", (const char *)data, size, &c, r) == 0)
        conf_check_native(&config_table, c, &again);
    conf_report_render(r, &shown);
    config_free(c);
    free(r);
    return 0;
}
