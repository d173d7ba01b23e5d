#include "vrrpd/net/frame.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>

enum { NA_PAYLOAD = 32, VRRP_PROTOCOL = 112, HOPS = 255 };

static size_t ethernet(uint8_t *frame, const uint8_t dst[6], const uint8_t src[6], uint16_t type)
{
    memcpy(frame, dst, 6);
    memcpy(frame + 6, src, 6);
    frame[12] = (uint8_t)(type >> 8);
    frame[13] = (uint8_t)type;
    return ETH_HLEN;
}

static size_t arp_frame(const struct addr *a, const uint8_t mac[6], uint8_t *frame)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t head[8] = {0, 1, 8, 0, 6, 4, 0, 1}; /* Ethernet, IPv4, request */
    uint8_t *p = frame + ethernet(frame, broadcast, mac, ETH_P_ARP);

    memcpy(p, head, 8);
    memcpy(p + 8, mac, 6);
    memcpy(p + 14, a->bytes, 4);
    memset(p + 18, 0, 6);
    memcpy(p + 24, a->bytes, 4);
    memset(p + 28, 0, 18); /* up to the least length of a frame */
    return ETH_ZLEN;
}

static uint16_t icmp6_checksum(const uint8_t *ip6, const uint8_t *payload, size_t len)
{
    uint32_t sum = (uint32_t)len + IPPROTO_ICMPV6;

    for (size_t i = 8; i < 40; i += 2)
        sum += (uint32_t)ip6[i] << 8 | ip6[i + 1];
    for (size_t i = 0; i < len; i += 2)
        sum += (uint32_t)payload[i] << 8 | payload[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static size_t na_frame(const struct addr *a, const uint8_t mac[6], uint8_t *frame)
{
    static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
    static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};
    uint8_t *ip6 = frame + ethernet(frame, all_nodes_mac, mac, ETH_P_IPV6);
    uint8_t *na = ip6 + 40;

    memset(ip6, 0, 40 + NA_PAYLOAD);
    ip6[0] = 0x60;
    ip6[5] = NA_PAYLOAD;
    ip6[6] = IPPROTO_ICMPV6;
    ip6[7] = 255;
    memcpy(ip6 + 8, a->bytes, 16);
    memcpy(ip6 + 24, all_nodes, 16);
    na[0] = 136;  /* Neighbor Advertisement */
    na[4] = 0xa0; /* R=1 S=0 O=1 (RFC 9568, 6.4.1) */
    memcpy(na + 8, a->bytes, 16);
    na[24] = 2; /* target link-layer address */
    na[25] = 1;
    memcpy(na + 26, mac, 6);
    uint16_t sum = icmp6_checksum(ip6, na, NA_PAYLOAD);
    na[2] = (uint8_t)(sum >> 8);
    na[3] = (uint8_t)sum;
    return ETH_HLEN + 40 + NA_PAYLOAD;
}

size_t frame_announce(const struct addr *a, const uint8_t mac[6], uint8_t frame[FRAME_ANNOUNCE_MAX])
{
    return a->family == AF_INET6 ? na_frame(a, mac, frame) : arp_frame(a, mac, frame);
}

/* ---- adverts ---- */

static uint16_t ip_checksum(const uint8_t *head)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < 20; i += 2)
        sum += (uint32_t)head[i] << 8 | head[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static size_t advert_v4(const struct addr *src, const struct addr *dst, const uint8_t mac[6],
                        size_t len, uint8_t *head)
{
    const uint8_t group[6] = {0x01,          0x00,         0x5e, (uint8_t)(dst->bytes[1] & 0x7f),
                              dst->bytes[2], dst->bytes[3]};
    uint8_t *ip = head + ethernet(head, group, mac, ETH_P_IP);
    size_t total = 20 + len;

    memset(ip, 0, 20);
    ip[0] = 0x45;
    ip[1] = IPTOS_PREC_INTERNETCONTROL;
    ip[2] = (uint8_t)(total >> 8);
    ip[3] = (uint8_t)total;
    ip[8] = HOPS;
    ip[9] = VRRP_PROTOCOL;
    memcpy(ip + 12, src->bytes, 4);
    memcpy(ip + 16, dst->bytes, 4);
    uint16_t sum = ip_checksum(ip);
    ip[10] = (uint8_t)(sum >> 8);
    ip[11] = (uint8_t)sum;
    return ETH_HLEN + 20;
}

static size_t advert_v6(const struct addr *src, const struct addr *dst, const uint8_t mac[6],
                        size_t len, uint8_t *head)
{
    const uint8_t group[6] = {0x33,           0x33,           dst->bytes[12],
                              dst->bytes[13], dst->bytes[14], dst->bytes[15]};
    uint8_t *ip = head + ethernet(head, group, mac, ETH_P_IPV6);

    memset(ip, 0, 40);
    ip[0] = 0x60 | IPTOS_PREC_INTERNETCONTROL >> 4;
    ip[4] = (uint8_t)(len >> 8);
    ip[5] = (uint8_t)len;
    ip[6] = VRRP_PROTOCOL;
    ip[7] = HOPS;
    memcpy(ip + 8, src->bytes, 16);
    memcpy(ip + 24, dst->bytes, 16);
    return ETH_HLEN + 40;
}

size_t frame_advert(const struct addr *src, const struct addr *dst, const uint8_t mac[6],
                    size_t len, uint8_t head[FRAME_IP_MAX])
{
    return dst->family == AF_INET6 ? advert_v6(src, dst, mac, len, head)
                                   : advert_v4(src, dst, mac, len, head);
}
