#include "vrrpd/privileges.h"

#include "common/rt/process.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Does anything run as somebody else than vrrpd itself? */
static bool any_other_user(const struct config *c)
{
    if (c->script_user)
        return true;
    for (size_t i = 0; i < c->track.n; i++)
        if (((const struct config_track *)c->track.v[i])->user)
            return true;
    for (size_t i = 0; i < c->instances.n; i++) {
        const struct config_instance *in = c->instances.v[i];
        for (size_t k = 0; k < in->track.n; k++)
            if (((const struct config_track *)in->track.v[k])->user)
                return true;
        for (size_t k = 0; k < in->notify.n; k++)
            if (((const struct config_notify *)in->notify.v[k])->user)
                return true;
    }
    return false;
}

static int own_directory(const char *socket, const struct process_user *user, struct err *e)
{
    char dir[128];
    const char *slash = strrchr(socket, '/');

    if (!slash || slash == socket || (size_t)(slash - socket) >= sizeof(dir))
        return 0;
    snprintf(dir, sizeof(dir), "%.*s", (int)(slash - socket), socket);
    if (mkdir(dir, 0755) < 0)
        return errno == EEXIST ? 0 : err_set(e, -errno, "cannot make %s: %s", dir, strerror(errno));
    if (chown(dir, user->uid, user->gid) < 0)
        return err_set(e, -errno, "cannot give %s to user %u: %s", dir, user->uid, strerror(errno));
    return 0;
}

int privileges_drop(const struct config *c, struct err *e)
{
    static const int caps[] = {CAP_NET_ADMIN, CAP_NET_RAW, CAP_SETUID, CAP_SETGID, CAP_KILL};
    enum { FOR_OURSELVES = 2 };
    struct process_user user;

    if (!c->user)
        return 0;
    int err = process_user(c->user, NULL, &user, e);
    err = err ? err : own_directory(c->control, &user, e);
    if (err)
        return err;
    return process_drop(&user, caps, any_other_user(c) ? ARRAY_LEN(caps) : FOR_OURSELVES, false, e);
}
