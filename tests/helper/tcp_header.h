/* Comparing parsed TCP headers: only what `opts` says is there counts. */
#ifndef HELPER_TCP_HEADER_H
#define HELPER_TCP_HEADER_H

#include <stdbool.h>
#include <string.h>

#include "wire/tcp.h"

static inline bool tcp_header_same_options(const struct wire_tcp *a, const struct wire_tcp *b)
{
	if (a->opts & WIRE_TCP_OPT_MSS && a->mss != b->mss)
		return false;
	if (a->opts & WIRE_TCP_OPT_WSCALE && a->wscale != b->wscale)
		return false;
	if (a->opts & WIRE_TCP_OPT_TS && (a->ts_val != b->ts_val || a->ts_ecr != b->ts_ecr))
		return false;
	if (a->opts & WIRE_TCP_OPT_USER_TIMEOUT && a->user_timeout != b->user_timeout)
		return false;
	return a->sack_n == b->sack_n && a->fastopen_len == b->fastopen_len &&
	       memcmp(a->sack, b->sack, a->sack_n * sizeof(a->sack[0])) == 0 &&
	       memcmp(a->fastopen, b->fastopen, a->fastopen_len) == 0;
}

/* Whether two headers say the same; how long they are, and options nobody knows, do not count. */
static inline bool tcp_header_same(const struct wire_tcp *a, const struct wire_tcp *b)
{
	if (a->sport != b->sport || a->dport != b->dport || a->seq != b->seq || a->ack != b->ack)
		return false;
	if (a->flags != b->flags || a->wnd != b->wnd || a->urg != b->urg)
		return false;
	return ((a->opts ^ b->opts) & ~WIRE_TCP_OPT_UNKNOWN) == 0 && tcp_header_same_options(a, b);
}

#endif
