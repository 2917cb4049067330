/* TCP over the lower half of a stack, and peers that speak by hand: for tests of tcp/.
 *
 * A segment is a line of text, in numbers relative to where both sides began (a SYN is 0):
 *
 *     rig_in(r, "S 0(0)");                       flags, sequence number (bytes), acknowledgement
 *     assert_string_equal(rig_out(r), "SA 0(0) 1");
 *     rig_in(r, "A 1(0) 1 win 0");               the window stays so until it is said again
 *     rig_in(r, "A 1(0) 1 sack 11-21 31-41");    blocks; what leaves is written the same way
 *     assert_string_equal(rig_out(r), "");       nothing more left the stack
 *
 * "3: A 1(0) 1" is of the peer 3; without a number it is of the peer 0.  Bytes are a function of
 * their place in the stream: what is written and what is read is checked against it.  Both sides
 * begin just below the wrap of sequence numbers.  A poll is rig_run(); rig_in() and rig_pass()
 * make one, and after each everything is checked.  ARP requests are answered and not shown. */
#ifndef HELPER_TCPRIG_H
#define HELPER_TCPRIG_H

#include "helper/lower.h"
#include "helper/seg.h"
#include "tcp/tcp.h"

#define RIG_PEERS 64u
#define RIG_PORT 80		/* where the stack listens in rig_listen() */
#define RIG_PEER_PORT 5000	/* of the peer 0; the peer i has this + i */
#define RIG_TEXT 160u

struct rig_peer {
	uint16_t port, lport;
	uint32_t isn;			/* its SYN's number */
	uint32_t local_isn;		/* the stack's, from what it sent */
	uint16_t win;			/* as the field says */
	uint8_t opts;			/* SEG_OPT_MSS, _WSCALE and _TS: on its SYN; _TS: always */
	uint16_t mss;
	uint8_t wscale;
	/* what its clock says; follows the stack's unless ts_stopped */
	uint32_t ts_val, ts_ecr;
	bool ts_stopped;
	uint64_t written, read;		/* bytes that the stack's user gave and got */
	uint32_t seq, ack;		/* after rig_in_state(): what both sides have used up */
};

struct rig {
	struct lower *l;
	struct core *core;
	struct tcp tcp;
	struct tcp_listener *listener;
	void *mem;
	struct rig_peer peers[RIG_PEERS];
	struct rig_peer *peer;		/* the peer 0 */
	struct seg out;			/* what rig_out() found, in absolute numbers */
	char text[RIG_TEXT];		/* and in words */
	struct frame frame;
	unsigned looked_at;		/* frames sent before were looked at for requests */
};

struct rig_config {
	struct tcp_config tcp;
	uint16_t mtu;			/* 0: 1500 */
	uint32_t frames;		/* 0: LOWER_FRAMES */
};

void rig_config(struct rig_config *config);	/* the defaults with small tables */
struct rig *rig_new(const struct rig_config *config);	/* NULL: the defaults */
void rig_free(struct rig *r);			/* tcp_fini(); asserts that nothing leaked */

/* ---- in and out */

struct seg rig_seg(struct rig *r, const char *text);
void rig_put(struct rig *r, const struct seg *s);	/* takes it in; no timer, no flush */
void rig_in(struct rig *r, const char *text);		/* takes it in, and a poll */
PRINTF_LIKE(2, 3) void rig_inf(struct rig *r, const char *format, ...);
const char *rig_out(struct rig *r);	/* the next that left, as text; "" when there is none */
unsigned rig_out_skip(struct rig *r);	/* how many were there */
void rig_run(struct rig *r);
void rig_pass(struct rig *r, nsec duration);
void rig_pass_until_out(struct rig *r, nsec limit);	/* or until then */

static inline uint64_t rig_drops(const struct rig *r, enum drop why)
{
	return r->core->drops[why];
}

/* ---- the user */

void rig_listen(struct rig *r);
/* Connected with the peer `i`: it opens and is accepted; or the stack opens. */
struct tcp_conn *rig_accepted(struct rig *r, unsigned i);
struct tcp_conn *rig_connecting(struct rig *r, unsigned i);	/* in SYN-SENT, the SYN is out */
struct tcp_conn *rig_connected(struct rig *r, unsigned i);
/* A connection with the peer `i` in a state from SYN-SENT to LAST-ACK, owned unless the state is
 * SYN-RECEIVED, which is reached by way of a listener. */
struct tcp_conn *rig_in_state(struct rig *r, unsigned i, enum tcp_state state);
/* Writes n bytes; what tcp_write() said.  No poll. */
int rig_write(struct rig *r, struct tcp_conn *c, uint32_t n);
/* Reads up to n bytes, and checks them; how many.  No poll. */
uint32_t rig_read(struct rig *r, struct tcp_conn *c, uint32_t n);
/* The ready bits of this connection; it must be the only one that has some. */
unsigned rig_ready(struct rig *r, const struct tcp_conn *c);
enum tcp_state rig_state(struct rig *r, unsigned peer);	/* TCP_CLOSED: no such connection */
struct tcp_info rig_info(struct rig *r, const struct tcp_conn *c);
struct rig_peer *rig_peer_of(struct rig *r, const struct tcp_conn *c);

/* Leaves `left` frames free; rig_feed() gives them back. */
struct pkt *rig_starve(struct rig *r, uint32_t left);
void rig_feed(struct rig *r, struct pkt *taken);

uint8_t rig_byte(bool of_peer, uint64_t at);

#endif
