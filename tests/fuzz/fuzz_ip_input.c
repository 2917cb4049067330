/* The lower half of a stack under fire: frames, time, our own sending and want of memory, in any
 * order.
 *
 * The input is a program; each step begins with a byte that says what it is.  After each step all
 * invariants of link, ip and udp hold; at the end every frame has come back.  Frames lie in front
 * of a guard page where one is free, as if a device had put them there. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "helper/fakedev.h"
#include "helper/lower.h"
#include "link/link.h"
#include "udp/udp.h"

#define FRAMES 128u
#define SLOTS 16u		/* frames in front of guard pages at once */
#define SLOT_BYTES 4096u
#define STEPS_MAX 256u
#define BURST 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *at, *end;
};

struct fuzz {
	struct lower *l;
	struct udp_sock bound, connected;
	struct lend lends[SLOTS];
	struct pkt *burst[BURST];
	unsigned burst_n;
	struct pkt *taken;		/* frames that we keep from the stack */
};

static uint8_t byte(struct input *in)
{
	return in->at < in->end ? *in->at++ : 0;
}

static uint16_t word(struct input *in)
{
	uint8_t high = byte(in);

	return (uint16_t)(high << 8 | byte(in));
}

/* Up to `n` bytes of the input, fewer when it ends. */
static uint32_t bytes(struct input *in, uint8_t *to, uint32_t n)
{
	n = MIN(n, (uint32_t)(in->end - in->at));
	memcpy(to, in->at, n);
	in->at += n;
	return n;
}

static uint8_t *slot(unsigned i)
{
	static uint8_t *map;
	size_t page = (size_t)sysconf(_SC_PAGESIZE), each = SLOT_BYTES + page;

	if (!map) {
		map = mmap(NULL, SLOTS * each, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (map == MAP_FAILED)
			abort();
		for (unsigned k = 0; k < SLOTS; k++)
			if (mprotect(map + k * each, SLOT_BYTES, PROT_READ | PROT_WRITE))
				abort();
	}
	return map + i * each + SLOT_BYTES;	/* its end */
}

static struct pkt *packet(struct fuzz *f, const uint8_t *b, uint32_t n)
{
	for (unsigned i = 0; i < SLOTS && n <= SLOT_BYTES; i++) {
		if (f->lends[i].refs)
			continue;
		memcpy(slot(i) - n, b, n);
		return pkt_lent(&f->l->stage.pool, &f->lends[i], slot(i) - n, n);
	}
	return fakedev_packet(f->l->dev, b, n);
}

static void burst_in(struct fuzz *f)
{
	link_input(f->l->link, 0, f->burst, f->burst_n);
	f->burst_n = 0;
	lower_run(f->l);
}

static void frame_in(struct fuzz *f, bool now)
{
	struct pkt *p = packet(f, f->l->frame.b, f->l->frame.n);

	if (p)
		f->burst[f->burst_n++] = p;
	if (now || f->burst_n == BURST)
		burst_in(f);
}

/* Addresses that mean something here. */
static uint32_t address(struct input *in)
{
	static const uint32_t known[] = {
		LOWER_US, LOWER_PEER, LOWER_FAR, UINT32_MAX, IPV4(10, 0, 0, 255),
		IPV4(224, 0, 0, 1), IPV4(127, 0, 0, 1), 0,
	};
	uint8_t b = byte(in);

	if (b < ARRAY_LEN(known))
		return known[b];
	return IPV4(b < 128 ? 10 : b, 0, 0, b < 128 ? b : byte(in));
}

static uint16_t port(struct input *in)
{
	uint8_t b = byte(in);

	return b < 16 ? b : b < 32 ? 9 : word(in);
}

/* A frame of which nothing is right but what the input says. */
static void step_raw(struct fuzz *f, struct input *in)
{
	f->l->frame.n = bytes(in, f->l->frame.b, 1 + byte(in) * 6u);
	if (f->l->frame.n)
		frame_in(f, true);
}

static void step_arp(struct fuzz *f, struct input *in)
{
	struct wire_arp arp = {.sender_mac = {{2}}};

	arp.op = 1 + byte(in) % 2;
	arp.sender_mac.b[5] = byte(in);
	arp.sender_ip = address(in);
	arp.target_ip = address(in);
	frame_arp(&f->l->frame, byte(in) & 1 ? WIRE_MAC_BCAST : LOWER_MAC_US, &arp);
	frame_in(f, true);
}

/* A packet with a right header and anything behind; `l4` sets right what its checksum is. */
static void step_ip(struct fuzz *f, struct input *in, uint8_t proto, bool l4)
{
	struct frame *frame = &f->l->frame;
	uint32_t src = address(in), dst = address(in), n;
	uint8_t how = byte(in), b[1500];
	uint16_t id, off;

	n = how & 1 ? word(in) % sizeof(b) : byte(in);
	n = bytes(in, b, n);

	frame_eth(frame, how & 2 ? WIRE_MAC_BCAST : LOWER_MAC_US, LOWER_MAC_PEER, WIRE_ETH_IPV4);
	frame_ip(frame, src, dst, proto, n);
	frame_data(frame, b, n);
	if (l4 && proto == WIRE_PROTO_UDP && n >= 8)
		frame_sum_udp(frame);
	if (l4 && proto == WIRE_PROTO_ICMP && n >= 4)
		frame_sum_l4(frame, FRAME_L4 + 2, 0);
	if (how & 4) {
		id = byte(in) & 3;
		off = word(in) & 0xfff8;
		frame_fragment(frame, id, off, how & 8);
	}
	frame_in(f, how & 16);
}

static void step_udp(struct fuzz *f, struct input *in)
{
	struct lower *l = f->l;
	uint16_t sport = port(in), dport = port(in);
	uint32_t src = address(in), dst = address(in);
	uint8_t b[256], n = byte(in);

	n = (uint8_t)bytes(in, b, n);
	frame_eth(&l->frame, LOWER_MAC_US, LOWER_MAC_PEER, WIRE_ETH_IPV4);
	frame_udp(&l->frame, src, sport, dst, dport, b, n);
	frame_in(f, byte(in) & 1);
}

/* An error about a datagram that may be ours. */
static void step_error(struct fuzz *f, struct input *in)
{
	struct wire_icmp icmp = {0};
	struct wire_ipv4 h = {.ttl = 1};
	uint8_t b[64];

	icmp.type = byte(in);
	icmp.code = byte(in);
	icmp.mtu = word(in);
	h.src = address(in);
	h.dst = address(in);
	h.proto = byte(in);
	h.total_len = word(in);
	h.frag = byte(in) & 1;
	wire_ipv4_write(b, &h);
	store_be16(b + 20, port(in));
	store_be16(b + 22, port(in));
	lower_icmp(f->l, &icmp, b, 20 + byte(in) % 32);
	frame_in(f, true);
}

static void step_send(struct fuzz *f, struct input *in)
{
	struct udp_sock *s = byte(in) & 1 ? &f->bound : &f->connected;
	struct addr to = addr_v4(address(in));
	uint32_t n = word(in);
	uint8_t how = byte(in);
	struct pkt *p = pkt_new(&f->l->stage.pool);
	static const uint8_t zeros[65536];

	if (!p)
		return;
	if (pkt_write(p, zeros, n)) {
		pkt_put(p);
		return;
	}
	s->broadcast = how & 1;
	udp_send(f->l->udp, s, how & 2 ? NULL : &to, port(in), p);
	lower_run(f->l);
}

/* Reads some of what came, and sends some of it back. */
static void step_recv(struct fuzz *f, struct input *in)
{
	unsigned bits, n = byte(in);
	struct udp_sock *s;
	struct pkt *p;

	while ((s = udp_ready_sock(f->l->udp, &bits))) {
		while (n && (p = udp_recv(f->l->udp, s))) {
			struct addr from = p->rx.src;

			if (n-- & 1)
				pkt_put(p);
			else
				udp_send(f->l->udp, s, &from, p->rx.sport, p);
		}
	}
	lower_run(f->l);
}

static void step_memory(struct fuzz *f, struct input *in)
{
	stage_feed(&f->l->stage, f->taken);
	f->taken = stage_starve(&f->l->stage, byte(in));
}

static void step(struct fuzz *f, struct input *in)
{
	switch (byte(in) % 16) {
	case 0:
		step_raw(f, in);
		break;
	case 1:
		step_arp(f, in);
		break;
	case 2:
		step_ip(f, in, byte(in), false);
		break;
	case 3:
	case 4:
		step_ip(f, in, WIRE_PROTO_UDP, true);
		break;
	case 5:
	case 6:
		step_ip(f, in, WIRE_PROTO_ICMP, true);
		break;
	case 7:
	case 8:
		step_udp(f, in);
		break;
	case 9:
		step_error(f, in);
		break;
	case 10:
	case 11:
		step_send(f, in);
		break;
	case 12:
		step_recv(f, in);
		break;
	case 13:
		lower_pass(f->l, byte(in) * MSEC(200));
		break;
	case 14:
		step_memory(f, in);
		break;
	default:
		f->l->dev->room = byte(in);
		break;
	}
	burst_in(f);
	while (lower_out(f->l))
		;
}

static void start(struct fuzz *f)
{
	struct lower_config config = {.frames = FRAMES};
	struct addr any = {0}, peer = addr_v4(LOWER_PEER);

	memset(f, 0, sizeof(*f));
	f->l = lower_new_udp(&config);
	udp_sock_init(&f->bound, NULL);
	udp_sock_init(&f->connected, NULL);
	assert(udp_bind(f->l->udp, &f->bound, &any, 9) == 0);
	assert(udp_bind(f->l->udp, &f->connected, &any, 8) == 0);
	assert(udp_connect(f->l->udp, &f->connected, &peer, 7) == 0);
}

static void finish(struct fuzz *f)
{
	stage_feed(&f->l->stage, f->taken);
	udp_close(f->l->udp, &f->bound);
	udp_close(f->l->udp, &f->connected);
	f->l->dev->room = UINT32_MAX;
	lower_free(f->l);
	for (unsigned i = 0; i < SLOTS; i++)
		assert(f->lends[i].refs == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz f;
	struct input in = {data, data + size};

	start(&f);
	for (unsigned i = 0; i < STEPS_MAX && in.at < in.end; i++)
		step(&f, &in);
	finish(&f);
	return 0;
}
