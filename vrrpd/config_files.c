#include "vrrpd/config_files.h"

#include "common/base/buf.h"
#include "common/rt/file.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

typedef int add_fn(void *ctx, const char *name, const char *text, size_t len);

static int load_one(const char *path, add_fn *add, void *ctx)
{
    struct buf text cleanup(buf_fini) = BUF_INIT(CONFIG_FILE_MAX);
    int err = file_read(path, CONFIG_FILE_MAX, &text, NULL);

    return err < 0 ? err : add(ctx, path, buf_cstr(&text), text.len);
}

static void resolve(const char *from, const char *pattern, char *path, size_t size)
{
    const char *slash = strrchr(from, '/');

    if (pattern[0] == '/' || !slash)
        snprintf(path, size, "%s", pattern);
    else
        snprintf(path, size, "%.*s/%s", (int)(slash - from), from, pattern);
}

static int load(void *ctx, const char *from, const char *pattern, add_fn *add, void *add_ctx)
{
    char path[PATH_MAX];
    glob_t found = {0};
    int err = 0;

    resolve(from, pattern, path, sizeof(path));
    int g = glob(path, 0, NULL, &found);
    if (g)
        return g == GLOB_NOMATCH ? -ENOENT : g == GLOB_NOSPACE ? -ENOMEM : -EIO;
    if (found.gl_pathc > CONFIG_FILES_MAX)
        err = -E2BIG;
    for (size_t i = 0; !err && i < found.gl_pathc; i++)
        err = load_one(found.gl_pathv[i], add, add_ctx);
    globfree(&found);
    return err;
}

struct keepalived_loader config_files_loader(void)
{
    return (struct keepalived_loader){.load = load};
}
