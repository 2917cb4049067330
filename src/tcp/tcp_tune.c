/* Buffers that fit the path: they begin small and grow with what a round trip moves.
 *
 * The receive buffer grows when the owner took so much in a round trip that the window may have
 * been the limit (dynamic right-sizing); the send buffer when the owner found it full and the
 * congestion window could use more.  Neither ever shrinks, so the window does not either
 * (RFC 9293 §3.8.6).  What the owner chose (SO_RCVBUF, TCP_WINDOW_CLAMP, SO_SNDBUF) stays as it is,
 * and nothing grows while most frames of the stack are in use. */
#include "tcp/tcp_int.h"

/* A buffer for so many times what came in a round trip: in slow start twice as much comes in the
 * next, and we measure up to a round trip late. */
#define RECEIVED_TIMES 4u
/* What is outstanding, and as much again to be there when it is acknowledged. */
#define WINDOW_TIMES 2u
#define KIB_SHIFT 10

static bool chosen(const struct tcp_conn *c, uint32_t opts)
{
	return c->side && c->side->opts.chosen & opts;
}

static bool frames_are_plenty(const struct tcp *t)
{
	return t->core->pool->free_frames_n > t->core->pool->frames / 2;
}

uint32_t tcp_tune_rcvbuf_max(const struct tcp *t, const struct tcp_conn *c)
{
	return chosen(c, 1u << TCP_OPT_RCVBUF | 1u << TCP_OPT_WINDOW_CLAMP)
		       ? c->rcv.buf
		       : MAX(t->config.rcvbuf_max, c->rcv.buf);
}

/* The owner took bytes.  Both marks are on small circles: a position in KiB, a time in 2^20 ns;
 * where they went round, we learn too little and nothing false. */
void tcp_tune_received(struct tcp *t, struct tcp_conn *c)
{
	uint16_t now = (uint16_t)tcp_clock_mib(t), passed = (uint16_t)(now - c->tune.at);
	uint64_t rtt = c->rtx.srtt_us, taken, want;
	uint16_t position;

	if (passed <= rtt >> KIB_SHIFT || !rtt)
		return;
	position = (uint16_t)((c->rcv.nxt - c->rcv.queued - c->rcv.held) >> KIB_SHIFT);
	taken = (uint64_t)(uint16_t)(position - c->tune.mark) << KIB_SHIFT;
	c->tune.at = now;
	c->tune.mark = position;
	want = RECEIVED_TIMES * taken * rtt / ((uint64_t)passed << KIB_SHIFT);
	if (likely(want <= c->rcv.buf) || !frames_are_plenty(t))
		return;
	want = MIN(want, (uint64_t)tcp_tune_rcvbuf_max(t, c));
	if (want > c->rcv.buf) {
		tcp_rcv_buffers(c, (uint32_t)want, c->rcv.wscale);
		t->n.rcvbufs_grown++;
	}
}

/* The owner waits for room. */
void tcp_tune_sent(struct tcp *t, struct tcp_conn *c)
{
	uint32_t want = MIN(WINDOW_TIMES * c->cc.cwnd, t->config.sndbuf_max);

	if (want <= c->snd.buf || cc_app_limited(&c->cc) || chosen(c, 1u << TCP_OPT_SNDBUF) ||
	    !frames_are_plenty(t))
		return;
	tcp_snd_buffer(c, want);
	t->n.sndbufs_grown++;
}
