/*
 * Frames that vrrpd builds itself, byte by byte.
 */
#include "common/base/macro.h"
#include "tests/unit/suite.h"
#include "vrrpd/core/packet.h"
#include "vrrpd/net/frame.h"

#include <string.h>

static const uint8_t mac[6] = {0x00, 0x00, 0x5e, 0x00, 0x01, 0x33};

static struct addr addr(const char *text)
{
    struct addr a;
    ck_assert(addr_parse(text, &a));
    return a;
}

static uint16_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i += 2)
        sum += (uint32_t)p[i] << 8 | p[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

START_TEST(a_gratuitous_arp_carries_the_address_twice)
{
    static const uint8_t expected[] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff,                     /* broadcast */
        0x00, 0x00, 0x5e, 0x00, 0x01, 0x33, 0x08, 0x06,         /* from the MAC, ARP */
        0x00, 0x01, 0x08, 0x00, 0x06, 0x04, 0x00, 0x01,         /* Ethernet, IPv4, request */
        0x00, 0x00, 0x5e, 0x00, 0x01, 0x33, 0xc0, 0x00, 2, 10,  /* sender */
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xc0, 0x00, 2, 10}; /* target */
    uint8_t frame[FRAME_ANNOUNCE_MAX];
    struct addr a = addr("192.0.2.10");
    size_t len = frame_announce(&a, mac, frame);

    ck_assert_uint_eq(len, 60);
    ck_assert_mem_eq(frame, expected, sizeof(expected));
}
END_TEST

START_TEST(an_unsolicited_advertisement_says_router_and_override)
{
    uint8_t frame[FRAME_ANNOUNCE_MAX];
    struct addr a = addr("2001:db8::10");
    size_t len = frame_announce(&a, mac, frame);
    const uint8_t *ip = frame + 14, *na = ip + 40;

    ck_assert_uint_eq(len, 86);
    ck_assert_mem_eq(frame, "\x33\x33\x00\x00\x00\x01", 6);
    ck_assert_uint_eq(ip[6], 58);
    ck_assert_uint_eq(ip[7], 255);
    ck_assert_mem_eq(ip + 8, a.bytes, 16);
    ck_assert_uint_eq(na[0], 136);
    ck_assert_uint_eq(na[4], 0xa0); /* R=1 S=0 O=1 */
    ck_assert_mem_eq(na + 8, a.bytes, 16);
    ck_assert_mem_eq(na + 24, "\x02\x01", 2);
    ck_assert_mem_eq(na + 26, mac, 6);
    ck_assert_uint_eq(sum16(ip + 8, 32, sum16(na, 32, 32 + 58)), 0xffff);
}
END_TEST

START_TEST(an_advert_goes_to_the_group_with_ttl_255)
{
    uint8_t head[FRAME_IP_MAX];
    struct addr src = addr("192.0.2.1"), dst = packet_group(AF_INET);
    size_t len = frame_advert(&src, &dst, mac, 12, head);
    const uint8_t *ip = head + 14;

    ck_assert_uint_eq(len, 34);
    ck_assert_mem_eq(head, "\x01\x00\x5e\x00\x00\x12", 6);
    ck_assert_mem_eq(head + 6, mac, 6);
    ck_assert_uint_eq(ip[0], 0x45);
    ck_assert_uint_eq(ip[3], 32);
    ck_assert_uint_eq(ip[8], 255);
    ck_assert_uint_eq(ip[9], 112);
    ck_assert_uint_eq(sum16(ip, 20, 0), 0xffff);
}
END_TEST

START_TEST(an_ipv6_advert_goes_to_the_group_with_hop_limit_255)
{
    uint8_t head[FRAME_IP_MAX];
    struct addr src = addr("fe80::1"), dst = packet_group(AF_INET6);
    size_t len = frame_advert(&src, &dst, mac, 40, head);
    const uint8_t *ip = head + 14;

    ck_assert_uint_eq(len, 54);
    ck_assert_mem_eq(head, "\x33\x33\x00\x00\x00\x12", 6);
    ck_assert_uint_eq(ip[0] >> 4, 6);
    ck_assert_uint_eq(ip[5], 40);
    ck_assert_uint_eq(ip[6], 112);
    ck_assert_uint_eq(ip[7], 255);
    ck_assert_mem_eq(ip + 8, src.bytes, 16);
    ck_assert_mem_eq(ip + 24, dst.bytes, 16);
}
END_TEST

static const struct test_row rows[] = {
    {"G1 a gratuitous ARP carries the address twice", &a_gratuitous_arp_carries_the_address_twice},
    {"G2 an unsolicited advertisement says router and override",
     &an_unsolicited_advertisement_says_router_and_override},
    {"M1 P1 an advert goes to the group with TTL 255", &an_advert_goes_to_the_group_with_ttl_255},
    {"M1 P2 an IPv6 advert goes to the group with hop limit 255",
     &an_ipv6_advert_goes_to_the_group_with_hop_limit_255},
};

int main(void)
{
    return suite_main("frame", rows, ARRAY_LEN(rows));
}
