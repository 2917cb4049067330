/* The state machine: which transitions exist, one setter, nothing else writes conn->state.
 *
 * RFC 9293 §3.3.2, figure 5, with the arrows that the text adds: resets and timeouts lead to
 * CLOSED from everywhere, SYN-SENT to ESTABLISHED, and a listener's copy begins in LISTEN. */
#include "tcp/tcp_int.h"

#define TO(s) (1u << TCP_##s)

static const uint16_t tcp_next[TCP_STATE_N] = {
	[TCP_CLOSED] = TO(LISTEN) | TO(SYN_SENT),
	[TCP_LISTEN] = TO(SYN_RECEIVED) | TO(CLOSED),
	[TCP_SYN_SENT] = TO(ESTABLISHED) | TO(SYN_RECEIVED) | TO(CLOSED),
	[TCP_SYN_RECEIVED] = TO(ESTABLISHED) | TO(FIN_WAIT_1) | TO(CLOSED),
	[TCP_ESTABLISHED] = TO(FIN_WAIT_1) | TO(CLOSE_WAIT) | TO(CLOSED),
	[TCP_FIN_WAIT_1] = TO(FIN_WAIT_2) | TO(CLOSING) | TO(TIME_WAIT) | TO(CLOSED),
	[TCP_FIN_WAIT_2] = TO(TIME_WAIT) | TO(CLOSED),
	[TCP_CLOSE_WAIT] = TO(LAST_ACK) | TO(CLOSED),
	[TCP_CLOSING] = TO(TIME_WAIT) | TO(CLOSED),
	[TCP_LAST_ACK] = TO(CLOSED),
	[TCP_TIME_WAIT] = TO(CLOSED),
};

void tcp_set_state(struct tcp *t, struct tcp_conn *c, enum tcp_state to)
{
	assert(tcp_next[c->state] & (1u << to));
	if (to == TCP_ESTABLISHED || to == TCP_CLOSED) {
		if (c->state == TCP_SYN_SENT || c->state == TCP_SYN_RECEIVED)
			t->n.attempt_fails += to == TCP_CLOSED;
		else if (to == TCP_CLOSED &&
			 (c->state == TCP_ESTABLISHED || c->state == TCP_CLOSE_WAIT))
			t->n.estab_resets++;
	}
	c->state = (uint8_t)to;
	c->states_passed |= (uint16_t)(1u << to);
}

const char *tcp_state_name(enum tcp_state s)
{
	static const char *const names[TCP_STATE_N] = {
		"CLOSED", "LISTEN", "SYN-SENT", "SYN-RECEIVED", "ESTABLISHED", "FIN-WAIT-1",
		"FIN-WAIT-2", "CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT",
	};

	return s < TCP_STATE_N ? names[s] : "?";
}
