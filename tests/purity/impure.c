/* What no pure library may do; tests/purity/check has to find both calls. */
#include <sys/socket.h>
#include <time.h>

long impure(int fd);

long impure(int fd)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    send(fd, &now, sizeof(now), 0);
    return now.tv_sec;
}
