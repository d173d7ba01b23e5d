#include "lb/config_file.h"

#include "common/rt/file.h"
#include "lb/haproxy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_BYTES_MAX = 16 << 20 };

/* The version of HAProxy whose language is read: what version_atleast() compares with. */
#define HAPROXY_VERSION "2.6.12"

static const char *env_get(void *ctx, const char *name)
{
    static char host[256];
    const struct config_files *files = ctx;

    if (strcmp(name, "HAPROXY_LOCALPEER") != 0)
        return getenv(name);
    if (files->local_peer)
        return files->local_peer;
    return gethostname(host, sizeof(host) - 1) == 0 ? host : NULL;
}

/* feature(NAME): what HAProxy calls the parts that are here, too. */
static bool env_feature(void *ctx, const char *name)
{
    static const char *const have[] = {"EPOLL",   "LINUX_SPLICE", "LINUX_TPROXY", "THREAD", "PCRE2",
                                       "CRYPT_H", "GETADDRINFO",  "TFO",          "NS",     "RT"};

    for (size_t i = 0; i < sizeof(have) / sizeof(have[0]); i++)
        if (strcmp(have[i], name) == 0)
            return true;
    return false;
}

static int add_haproxy(const struct config_files *files, const char *path, const struct buf *text,
                       struct conf_doc *doc, struct haproxy_lines *lines, struct conf_report *r)
{
    struct haproxy_env env = {
        .get = env_get, .feature = env_feature, .version = HAPROXY_VERSION, .ctx = (void *)files};

    return haproxy_lex(doc, path, buf_cstr(text), text->len, &env, lines, r);
}

static int read_files(const struct config_files *files, struct conf_doc *doc,
                      struct haproxy_lines *lines, bool *is_haproxy, struct conf_report *r,
                      struct err *e)
{
    for (size_t i = 0; i < files->n; i++) {
        struct buf text cleanup(buf_fini) = BUF_INIT(FILE_BYTES_MAX);
        int result = file_read(files->paths[i], FILE_BYTES_MAX, &text, e);
        if (result < 0)
            return result;
        if (i == 0)
            *is_haproxy = !conf_json_likely(buf_cstr(&text), text.len);
        if (!*is_haproxy && files->n > 1)
            return err_set(e, -EINVAL, "%s is JSON, and JSON is one file: name one with -f",
                           files->paths[0]);
        result = *is_haproxy ? add_haproxy(files, files->paths[i], &text, doc, lines, r)
                             : conf_json_read(doc, files->paths[i], buf_cstr(&text), text.len, r);
        if (result == -ENOMEM)
            return err_set(e, result, "%s: out of memory", files->paths[i]);
    }
    return 0;
}

struct config *config_files_load(const struct config_files *files, struct conf_report *r,
                                 struct err *e)
{
    struct conf_doc doc cleanup(conf_doc_fini) = {0};
    struct haproxy_lines lines cleanup(haproxy_lines_fini) = {0};
    bool is_haproxy = false;
    int result = read_files(files, &doc, &lines, &is_haproxy, r, e);

    if (result == 0 && is_haproxy && haproxy_read(&doc, &lines, r) == -ENOMEM)
        result = err_set(e, -ENOMEM, "out of memory");
    if (result < 0)
        return NULL;
    struct config *c = config_from_doc(&doc, r->errors == 0, r);
    if (!c)
        err_set(e, -ENOMEM, "out of memory");
    return c;
}
