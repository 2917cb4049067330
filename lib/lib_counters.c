/* leat_counters(): every counter of a stack by group, name and meaning. */
#include "lib/lib_int.h"

struct lib_counter {
	const char *name, *what;
	uint64_t value;
};

static void lib_tell(void (*each)(void *, const char *, const char *, const char *, uint64_t),
		     void *ctx, const char *group, const struct lib_counter *c, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		each(ctx, group, c[i].name, c[i].what, c[i].value);
}

static void lib_tcp(struct lib *l,
		    void (*each)(void *, const char *, const char *, const char *, uint64_t),
		    void *ctx)
{
	const struct tcp_counters *n = &l->net.tcp.n;
	const struct lib_counter c[] = {
		{ "active_opens", "connections we opened", n->active_opens },
		{ "passive_opens", "connections opened to us", n->passive_opens },
		{ "attempt_fails", "connections that never came about", n->attempt_fails },
		{ "estab_resets", "connections that were reset", n->estab_resets },
		{ "open", "connections now", l->net.tcp.conns_used },
		{ "in_segs", "segments received", n->in_segs },
		{ "out_segs", "segments sent", n->out_segs },
		{ "in_bytes", "bytes received", n->in_bytes },
		{ "out_bytes", "bytes sent", n->out_bytes },
		{ "retrans_segs", "segments sent again", n->retrans_segs },
		{ "out_rsts", "resets sent", n->out_rsts },
		{ "rto_fired", "retransmission time-outs", n->rto_fired },
		{ "fast_retransmits", "fast retransmits", n->fast_retransmits },
		{ "delayed_acks", "delayed acknowledgements", n->delayed_acks },
		{ "zero_window_probes", "probes of a closed window", n->zero_window_probes },
		{ "challenge_acks", "challenge acknowledgements", n->challenge_acks },
		{ "out_no_memory", "segments late for want of a frame", n->out_no_memory },
		{ "timewait_full", "TIME_WAIT ended early for want of room", n->timewait_full },
	};

	lib_tell(each, ctx, "tcp", c, ARRAY_LEN(c));
}

static void lib_link(struct lib *l,
		     void (*each)(void *, const char *, const char *, const char *, uint64_t),
		     void *ctx)
{
	const struct netdev_stats *n = &lib_dev(l)->stats;
	const struct pool *pool = &l->net.pool;
	const struct lib_counter dev[] = {
		{ "rx_frames", "frames received", n->rx_frames },
		{ "rx_bytes", "bytes received", n->rx_bytes },
		{ "tx_frames", "frames sent", n->tx_frames },
		{ "tx_bytes", "bytes sent", n->tx_bytes },
		{ "rx_no_frame", "received and lost: no free frame", n->rx_no_frame },
		{ "rx_oversize", "received and lost: larger than the MTU", n->rx_oversize },
		{ "rx_runt", "received and lost: shorter than a header", n->rx_runt },
		{ "rx_overrun", "lost at the device", n->rx_overrun },
		{ "tx_full", "held back: the device was full", n->tx_full },
		{ "tx_error", "lost on the way out", n->tx_error },
	};
	const struct lib_counter memory[] = {
		{ "frames", "frames in all", pool->frames },
		{ "frames_free", "frames free", pool->free_frames_n },
		{ "frames_low", "fewest frames free ever", pool->free_frames_low },
		{ "empty", "times there was no free frame", pool->empty },
	};
	const struct lib_counter polls[] = {
		{ "polls", "polls", l->net.polls },
		{ "idle", "polls that found nothing", l->net.polls_idle },
	};

	lib_tell(each, ctx, "link", dev, ARRAY_LEN(dev));
	lib_tell(each, ctx, "memory", memory, ARRAY_LEN(memory));
	lib_tell(each, ctx, "poll", polls, ARRAY_LEN(polls));
}

void leat_counters(struct leat_ring *ring,
		   void (*each)(void *ctx, const char *group, const char *name, const char *what,
				uint64_t value), void *ctx)
{
	struct lib *l = lib_of(ring);

	if (ring->make)		/* the kernel has its own: nstat(8) */
		return;
	lib_tcp(l, each, ctx);
	lib_link(l, each, ctx);
	for (enum drop why = DROP_NOT + 1; why < DROP_N; why++)
		each(ctx, "drop", drop_name(why), drop_text(why), l->net.core.drops[why]);
}
