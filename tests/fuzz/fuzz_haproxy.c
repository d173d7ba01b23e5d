#include "lb/config.h"
#include "lb/haproxy.h"
#include "tests/fuzz/conf_check.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static const char *get(void *ctx, const char *name)
{
    return strcmp(name, "HOME") == 0 ? "/root" : NULL;
}

static bool feature(void *ctx, const char *name)
{
    return name[0] == 'E';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct haproxy_env env = {.get = get, .feature = feature, .version = "2.6.12"};
    static struct config again;
    struct conf_doc doc cleanup(conf_doc_fini) = {0};
    struct haproxy_lines lines cleanup(haproxy_lines_fini) = {0};
    struct conf_report *r = calloc(1, sizeof(*r));
    struct buf shown cleanup(buf_fini) = BUF_INIT(1 << 20);
    struct config *c = NULL;

    if (haproxy_lex(&doc, "fuzz", (const char *)data, size, &env, &lines, r) == 0 &&
        haproxy_read(&doc, &lines, r) == 0)
        c = config_from_doc(&doc, true, r);
    conf_report_render(r, &shown);
    if (c && !r->errors)
        conf_check_native(&config_table, c, &again);
    config_free(c);
    free(r);
    return 0;
}
