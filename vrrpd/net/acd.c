#include "vrrpd/net/acd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ARP_LEN = 28, READS_MAX = 256 };

/* ---- answers ---- */

static bool asked_for(const struct acd *a, const struct addr *addr)
{
    for (size_t i = 0; i < a->n; i++)
        if (addr_equal(&a->addrs[i], addr))
            return true;
    return false;
}

/* Ethernet, IPv4, from somebody else, and the sender claims an address of ours. */
static bool claims(const struct acd *a, const uint8_t *arp, size_t len, struct addr *addr)
{
    static const uint8_t head[] = {0, 1, 8, 0, 6, 4};

    if (len < ARP_LEN || memcmp(arp, head, sizeof(head)) != 0 || memcmp(arp + 8, a->mac, 6) == 0)
        return false;
    *addr = addr_from_bytes(AF_INET, arp + 14);
    return asked_for(a, addr);
}

static void on_arp(struct loop_io *io, uint32_t events)
{
    struct acd *a = container_of(io, struct acd, io);
    uint8_t arp[128];

    for (int i = 0; i < READS_MAX && a->running; i++) {
        struct addr addr;
        ssize_t n = recv(io->fd, arp, sizeof(arp), MSG_DONTWAIT);
        if (n < 0)
            return;
        if (claims(a, arp, (size_t)n, &addr))
            a->fn(a->ctx, &addr, arp + 8);
    }
}

static void on_end(struct timer *t, struct mono now)
{
    struct acd *a = container_of(t, struct acd, timer);
    acd_fn *fn = a->fn;
    void *ctx = a->ctx;

    acd_stop(a);
    fn(ctx, NULL, NULL);
}

/* ---- asking ---- */

static int open_socket(struct acd *a, const struct link *link, struct err *e)
{
    struct sockaddr_ll sa = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_ifindex = link->index};
    int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd >= 0 && bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0) {
        a->io = (struct loop_io){.fd = fd, .fn = on_arp, .events = EPOLLIN};
        int err = loop_io_add(a->loop, &a->io, e);
        if (err)
            close(fd);
        return err;
    }
    int error = -errno;
    if (fd >= 0)
        close(fd);
    return err_set(e, error, "cannot listen for ARP on %s: %s", link->name, strerror(-error));
}

static void ask(const struct acd *a, const struct link *link, const struct addr *addr)
{
    uint8_t arp[ARP_LEN] = {0, 1, 8, 0, 6, 4, 0, 1};
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_ARP),
                             .sll_ifindex = link->index,
                             .sll_halen = 6,
                             .sll_addr = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

    memcpy(arp + 8, a->mac, 6);
    memcpy(arp + 24, addr->bytes, 4);
    /* One that is lost is one that is not answered. */
    sendto(a->io.fd, arp, sizeof(arp), MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to));
}

int acd_start(struct acd *a, struct loop *loop, const struct link *link, const struct addr *addrs,
              size_t n, acd_fn *fn, void *ctx, struct err *e)
{
    acd_stop(a);
    if (!link->index || !link->ethernet)
        return 0;
    *a = (struct acd){.loop = loop, .fn = fn, .ctx = ctx, .timer = TIMER_INIT(on_end)};
    memcpy(a->mac, link->mac, 6);
    a->addrs = calloc(MIN(n, (size_t)ACD_ADDRESSES_MAX) + 1, sizeof(*a->addrs));
    if (!a->addrs)
        return err_set(e, -ENOMEM, "out of memory");
    for (size_t i = 0; i < n && a->n < ACD_ADDRESSES_MAX; i++)
        if (addrs[i].family == AF_INET)
            a->addrs[a->n++] = addrs[i];
    int err = a->n ? open_socket(a, link, e) : 0;
    if (err || !a->n) {
        free(a->addrs);
        a->addrs = NULL;
        return err;
    }
    a->running = true;
    for (size_t i = 0; i < a->n; i++)
        ask(a, link, &a->addrs[i]);
    loop_timer_after(loop, &a->timer, span_ms(ACD_LISTEN_MS));
    return 0;
}

void acd_stop(struct acd *a)
{
    if (!a->running)
        return;
    a->running = false;
    loop_io_del(a->loop, &a->io);
    close(a->io.fd);
    loop_timer_disarm(a->loop, &a->timer);
    free(a->addrs);
    a->addrs = NULL;
    a->n = 0;
}
