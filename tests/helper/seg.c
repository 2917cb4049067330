/* The codec of seg.h: plain, byte by byte, nothing shared with the stack but byte order. */
#include "helper/seg.h"

#include <string.h>

#define ETH 14u
#define IP 20u
#define PROTO_ICMP 1
#define PROTO_TCP 6
#define PROTO_UDP 17

static uint32_t sum16(const uint8_t *b, uint32_t n, uint32_t sum)
{
	for (uint32_t i = 0; i + 1 < n; i += 2) {
		sum += (uint32_t)b[i] << 8 | b[i + 1];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	if (n & 1) {
		sum += (uint32_t)b[n - 1] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

uint16_t seg_csum(const uint8_t *b, uint32_t n, uint32_t sum)
{
	return (uint16_t)~sum16(b, n, sum);
}

static uint32_t pseudo(const uint8_t *ip, uint32_t l4_len)
{
	return sum16(ip + 12, 8, ip[9] + l4_len);
}

/* ---- writing */

static uint32_t put_options(uint8_t *b, const struct seg *s)
{
	uint32_t n = 0;

	if (s->opts & SEG_OPT_MSS) {
		b[n] = 2;
		b[n + 1] = 4;
		store_be16(b + n + 2, s->mss);
		n += 4;
	}
	if (s->opts & SEG_OPT_SACK_OK) {
		b[n++] = 4;
		b[n++] = 2;
	}
	if (s->opts & SEG_OPT_TS) {
		b[n] = 8;
		b[n + 1] = 10;
		store_be32(b + n + 2, s->ts_val);
		store_be32(b + n + 6, s->ts_ecr);
		n += 10;
	}
	if (s->opts & SEG_OPT_WSCALE) {
		b[n++] = 3;
		b[n++] = 3;
		b[n++] = s->wscale;
	}
	if (s->opts & SEG_OPT_SACK) {
		b[n++] = 5;
		b[n++] = (uint8_t)(2 + 8 * s->sack_n);
		for (unsigned i = 0; i < s->sack_n; i++, n += 8) {
			store_be32(b + n, s->sack[i].left);
			store_be32(b + n + 4, s->sack[i].right);
		}
	}
	if (s->opts & SEG_OPT_RAW) {
		memcpy(b + n, s->raw, s->raw_n);
		n += s->raw_n;
	}
	while (n % 4)
		b[n++] = 1;
	return n;
}

static uint32_t put_payload(uint8_t *b, const struct seg *s)
{
	if (s->payload)
		memcpy(b, s->payload, s->len);
	else
		memset(b, 0, s->len);
	return s->len;
}

static uint32_t put_tcp(uint8_t *b, const struct seg *s)
{
	uint8_t options[2 * SEG_RAW_MAX + 64];
	uint32_t n = put_options(options, s), words;

	n = MIN(n, 40u);
	words = s->wrong.doff ? s->wrong.doff & 15 : 5 + n / 4;
	store_be16(b, s->sport);
	store_be16(b + 2, s->dport);
	store_be32(b + 4, s->seq);
	store_be32(b + 8, s->ack);
	b[12] = (uint8_t)(words << 4);
	b[13] = s->flags;
	store_be16(b + 14, s->win);
	store_be16(b + 16, 0);
	store_be16(b + 18, s->urg);
	memcpy(b + 20, options, n);
	return 20 + n + put_payload(b + 20 + n, s);
}

static uint32_t put_udp(uint8_t *b, const struct seg *s)
{
	store_be16(b, s->sport);
	store_be16(b + 2, s->dport);
	store_be16(b + 4, (uint16_t)(8 + s->len));
	store_be16(b + 6, 0);
	return 8 + put_payload(b + 8, s);
}

static uint32_t put_icmp(uint8_t *b, const struct seg *s)
{
	b[0] = s->icmp_type;
	b[1] = s->icmp_code;
	store_be16(b + 2, 0);
	store_be32(b + 4, s->icmp_info);
	return 8 + put_payload(b + 8, s);
}

static uint8_t proto_number(enum seg_proto p)
{
	return p == SEG_TCP ? PROTO_TCP : p == SEG_UDP ? PROTO_UDP : PROTO_ICMP;
}

static uint32_t csum_offset(uint8_t proto)
{
	return proto == PROTO_TCP ? 16 : proto == PROTO_UDP ? 6 : 2;
}

static void put_csums(uint8_t *ip, uint32_t header, uint32_t l4_len)
{
	uint8_t *l4 = ip + header;
	uint32_t at = csum_offset(ip[9]);
	uint16_t c;

	store_be16(ip + 10, 0);
	store_be16(ip + 10, seg_csum(ip, header, 0));
	if ((load_be16(ip + 6) & 0x3fff) || l4_len < at + 2)
		return;
	store_be16(l4 + at, 0);
	c = seg_csum(l4, l4_len, ip[9] == PROTO_ICMP ? 0 : pseudo(ip, l4_len));
	store_be16(l4 + at, ip[9] == PROTO_UDP && c == 0 ? 0xffff : c);
}

static void put_ip(uint8_t *ip, const struct seg *s, uint32_t l4_len)
{
	ip[0] = 0x45;
	ip[1] = s->tos;
	store_be16(ip + 2, (uint16_t)(IP + l4_len));
	store_be16(ip + 4, s->ip_id);
	store_be16(ip + 6, s->frag);
	ip[8] = s->ttl ? s->ttl : 64;
	ip[9] = proto_number(s->proto);
	store_be32(ip + 12, s->src);
	store_be32(ip + 16, s->dst);
	put_csums(ip, IP, l4_len);
	if (s->wrong.csum)
		ip[IP + csum_offset(ip[9])] ^= 0x5a;
	if (s->wrong.ihl || s->wrong.version) {
		uint32_t ihl = s->wrong.ihl ? s->wrong.ihl & 15 : 5;

		ip[0] = (uint8_t)((s->wrong.version ? s->wrong.version : 4) << 4 | ihl);
	}
	if (s->wrong.ip_len)
		store_be16(ip + 2, (uint16_t)(IP + l4_len + (uint32_t)s->wrong.ip_len));
	store_be16(ip + 10, 0);
	store_be16(ip + 10, seg_csum(ip, IP, 0));
	if (s->wrong.ip_csum)
		ip[10] ^= 0x5a;
}

uint32_t seg_build(uint8_t frame[SEG_FRAME_MAX], const struct seg *s)
{
	uint8_t *l4 = frame + ETH + IP;
	uint32_t n;

	memcpy(frame, s->eth_dst.b, 6);
	memcpy(frame + 6, s->eth_src.b, 6);
	if (s->wrong.eth_dst)
		frame[5] ^= 0xff;
	if (s->wrong.eth_group)
		memset(frame, 0xff, 6);
	store_be16(frame + 12, 0x0800);
	n = s->proto == SEG_TCP	  ? put_tcp(l4, s)
	    : s->proto == SEG_UDP ? put_udp(l4, s)
				  : put_icmp(l4, s);
	put_ip(frame + ETH, s, n);
	return ETH + IP + n - s->wrong.cut;
}

/* ---- reading */

static const char *get_sack(struct seg *s, const uint8_t *b, uint32_t len)
{
	if ((len - 2) % 8 || len < 10 || len > 34)
		return "SACK option of impossible length";
	s->opts |= SEG_OPT_SACK;
	for (s->sack_n = 0; 2u + 8u * s->sack_n < len; s->sack_n++) {
		s->sack[s->sack_n].left = load_be32(b + 2 + 8 * s->sack_n);
		s->sack[s->sack_n].right = load_be32(b + 6 + 8 * s->sack_n);
	}
	return NULL;
}

static const char *get_option(struct seg *s, const uint8_t *b, uint32_t len)
{
	if (b[0] == 2 && len == 4) {
		s->opts |= SEG_OPT_MSS;
		s->mss = load_be16(b + 2);
	} else if (b[0] == 3 && len == 3) {
		s->opts |= SEG_OPT_WSCALE;
		s->wscale = b[2];
	} else if (b[0] == 4 && len == 2) {
		s->opts |= SEG_OPT_SACK_OK;
	} else if (b[0] == 8 && len == 10) {
		s->opts |= SEG_OPT_TS;
		s->ts_val = load_be32(b + 2);
		s->ts_ecr = load_be32(b + 6);
	} else if (b[0] == 5) {
		return get_sack(s, b, len);
	} else {
		s->opts |= SEG_OPT_RAW;
		memcpy(s->raw + s->raw_n, b, len);
		s->raw_n = (uint8_t)(s->raw_n + len);
	}
	return NULL;
}

static const char *get_options(struct seg *s, const uint8_t *b, uint32_t n)
{
	const char *wrong = NULL;

	for (uint32_t i = 0, len; i < n && b[i] != 0 && !wrong; i += len) {
		len = 1;
		if (b[i] == 1)
			continue;
		if (i + 1 >= n || b[i + 1] < 2 || i + b[i + 1] > n)
			return "TCP option runs out of the header";
		len = b[i + 1];
		wrong = get_option(s, b + i, len);
	}
	return wrong;
}

static const char *get_tcp(struct seg *s, const uint8_t *b, uint32_t n)
{
	uint32_t header;

	if (n < 20)
		return "TCP header cut short";
	header = (b[12] >> 4) * 4u;
	if (header < 20 || header > n)
		return "TCP data offset wrong";
	s->sport = load_be16(b);
	s->dport = load_be16(b + 2);
	s->seq = load_be32(b + 4);
	s->ack = load_be32(b + 8);
	s->flags = b[13];
	s->win = load_be16(b + 14);
	s->urg = load_be16(b + 18);
	s->payload = b + header;
	s->len = n - header;
	if (b[12] & 15)
		return "TCP reserved bits set";
	return get_options(s, b + 20, header - 20);
}

static const char *get_udp(struct seg *s, const uint8_t *b, uint32_t n)
{
	if (n < 8 || load_be16(b + 4) != n)
		return "UDP length wrong";
	s->sport = load_be16(b);
	s->dport = load_be16(b + 2);
	s->payload = b + 8;
	s->len = n - 8;
	return NULL;
}

static const char *get_icmp(struct seg *s, const uint8_t *b, uint32_t n)
{
	if (n < 8)
		return "ICMP header cut short";
	s->icmp_type = b[0];
	s->icmp_code = b[1];
	s->icmp_info = load_be32(b + 4);
	s->payload = b + 8;
	s->len = n - 8;
	return NULL;
}

static const char *get_l4(struct seg *s, const uint8_t *ip, uint32_t header, uint32_t n)
{
	const uint8_t *l4 = ip + header;
	uint8_t proto = ip[9];
	const char *wrong;

	s->payload = l4;
	s->len = n;
	s->proto = SEG_FRAGMENT;
	if (s->frag & 0x3fff)
		return NULL;
	s->proto = proto == PROTO_TCP ? SEG_TCP : proto == PROTO_UDP ? SEG_UDP :
		   proto == PROTO_ICMP ? SEG_ICMP : SEG_OTHER;
	if (s->proto == SEG_OTHER)
		return NULL;
	wrong = s->proto == SEG_TCP ? get_tcp(s, l4, n) : s->proto == SEG_UDP ? get_udp(s, l4, n) :
		get_icmp(s, l4, n);
	if (wrong || (proto == PROTO_UDP && load_be16(l4 + 6) == 0))
		return wrong;
	return seg_csum(l4, n, proto == PROTO_ICMP ? 0 : pseudo(ip, n)) ? "checksum wrong" : NULL;
}

static const char *get_ip(struct seg *s, const uint8_t *ip, uint32_t n)
{
	uint32_t header, total;

	if (n < IP || ip[0] >> 4 != 4)
		return "not IPv4";
	header = (ip[0] & 15) * 4u;
	total = load_be16(ip + 2);
	if (header < IP || header > total || total > n)
		return "IPv4 lengths wrong";
	s->tos = ip[1];
	s->ip_id = load_be16(ip + 4);
	s->frag = load_be16(ip + 6);
	s->ttl = ip[8];
	s->src = load_be32(ip + 12);
	s->dst = load_be32(ip + 16);
	if (seg_csum(ip, header, 0))
		return "IPv4 header checksum wrong";
	return get_l4(s, ip, header, total - header);
}

const char *seg_parse(struct seg *out, const uint8_t *frame, uint32_t len)
{
	memset(out, 0, sizeof(*out));
	out->proto = SEG_OTHER;
	if (len < ETH)
		return "Ethernet header cut short";
	memcpy(out->eth_dst.b, frame, 6);
	memcpy(out->eth_src.b, frame + 6, 6);
	if (load_be16(frame + 12) == 0x0806) {
		out->proto = SEG_ARP;
		out->payload = frame + ETH;
		out->len = len - ETH;
		return out->len < 28 ? "ARP packet cut short" : NULL;
	}
	if (load_be16(frame + 12) != 0x0800)
		return "EtherType unknown";
	return get_ip(out, frame + ETH, len - ETH);
}

void seg_fix(uint8_t *frame, uint32_t len)
{
	uint8_t *ip = frame + ETH;
	uint32_t header, total;

	if (len < ETH + IP || load_be16(frame + 12) != 0x0800)
		return;
	header = (ip[0] & 15) * 4u;
	total = MIN((uint32_t)load_be16(ip + 2), len - ETH);
	if (header >= IP && header <= total)
		put_csums(ip, header, total - header);
}
