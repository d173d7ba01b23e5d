#include "tests/fuzz/conf_check.h"
#include "tests/fuzz/fuzz.h"
#include "vrrpd/config.h"
#include "vrrpd/keepalived.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct config c, again;
    struct conf_doc doc cleanup(conf_doc_fini) = {0};
    struct conf_report *r = calloc(1, sizeof(*r));
    struct buf shown cleanup(buf_fini) = BUF_INIT(1 << 20);

    if (keepalived_read(&doc, "fuzz", (const char *)data, size, "node", NULL, r) == 0 &&
        conf_table_decode(&config_table, doc.root, &c, r) == 0)
        conf_check_native(&config_table, &c, &again);
    conf_table_fini(&config_table, &c);
    conf_report_render(r, &shown);
    free(r);
    return 0;
}
