/* The connection block and what the files of tcp/ say to each other.  Nobody outside includes this.
 *
 * Each group of a connection is written by one file (tests/law/groups.py) and may be read by all:
 *
 *   snd    tcp_output.c   what goes out: unsent bytes, the peer's window
 *   rtx    tcp_rtx.c      what is sent and not acknowledged, loss, RTT and RTO (RFC 6298)
 *   rcv    tcp_input.c    what came in order, our window
 *   reass  tcp_reass.c    what came out of order
 *   sack   tcp_sack.c     what the peer has beyond snd.una (RFC 2018, RFC 6675)
 *   rack   tcp_rack.c     what is lost, judged by time (RFC 8985), and tlp, its probe of the tail
 *   prr    tcp_prr.c      how fast recovery sends (RFC 6937)
 *   undo   tcp_undo.c     what to return to when nothing was lost (RFC 3522, 3708, 5682)
 *   opts   tcp_opt.c      what the owner chose
 *   urg    tcp_urgent.c   marks in the stream, RFC 6093
 *   mtu    tcp_pmtu.c     how large segments may be
 *   keep   tcp_keep.c     when a silent peer is given up
 *   tune   tcp_tune.c     how fast the owner takes bytes, for the size of its buffer
 *   timer  tcp_timer.c    all deadlines, one wheel node
 *   cc     cc/            the congestion window
 *   state  tcp_state.c    through tcp_set_state() only
 *
 * The first two cache lines hold what a segment of a running connection touches. */
#ifndef TCP_TCP_INT_H
#define TCP_TCP_INT_H

#include "base/err.h"
#include "tcp/tcp.h"
#include "tcp/tcp_opt.h"
#include "tcp/tcp_seq.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"

enum tcp_conn_flags {
	TCPF_USED = 1 << 0,		/* not on the free list */
	TCPF_ORPHAN = 1 << 1,		/* the owner gave it up */
	TCPF_TS = 1 << 2,		/* timestamps agreed, RFC 7323 §3.2 */
	TCPF_WSCALE = 1 << 3,
	TCPF_ACK_NOW = 1 << 4,		/* an ACK must leave with the next flush */
	TCPF_ACK_DELAYED = 1 << 5,	/* an ACK is owed, at timer.ack_at the latest */
	TCPF_FIN_QUEUED = 1 << 6,	/* the owner has no more to send */
	TCPF_FIN_SENT = 1 << 7,		/* FIN is in snd.nxt */
	TCPF_FIN_RCVD = 1 << 8,		/* the peer's FIN is in rcv.nxt */
	TCPF_NODELAY = 1 << 9,		/* Nagle off */
	TCPF_CORK = 1 << 10,
	TCPF_WANT_ROOM = 1 << 11,	/* a write was short: tell when there is room */
	TCPF_PASSIVE = 1 << 12,		/* came from a listener */
	TCPF_HASHED = 1 << 13,		/* in the demultiplexing table */
	TCPF_RECOVERY = 1 << 14,	/* fast recovery, RFC 6582 */
	TCPF_LOSS = 1 << 15,		/* after an RTO, until `recover` is acknowledged */
	TCPF_PROBING = 1 << 16,		/* a byte was sent into a closed window */
	TCPF_SACK = 1 << 18,		/* SACK agreed, RFC 2018 §2 */
	TCPF_PTO = 1 << 19,		/* timer.rtx_at is a probe's, RFC 8985 §7.2 */
	TCPF_REO = 1 << 20,		/* timer.rtx_at is the reordering window's, RFC 8985 §6.2 */
	TCPF_EMBRYO = 1 << 17,		/* not accepted yet: `listener` counts, not `owner` */
	TCPF_ECN = 1 << 21,		/* agreed, RFC 3168 §6.1.1 */
	TCPF_ECE = 1 << 22,		/* our ACKs echo a mark */
	TCPF_CWR = 1 << 23,		/* the next new data says that the window shrank */
	TCPF_ECN_CUT = 1 << 24,		/* for marks, and this window is not over yet */
	TCPF_PACES = 1 << 25,		/* wants a struct tcp_pace while it sends */
	TCPF_FASTOPEN = 1 << 29,	/* opened by a SYN with a cookie, and its ACK is not here */
	TCPF_QUICKACK = 1 << 30,	/* no ACK is delayed */
};

/* What was known of the rate when an entry left: tcp_pace.c. */
struct tcp_tx_rate {
	nsec delivered_at, first_sent_at;
	uint32_t delivered;
	bool app_limited;
};

/* pkt->cb of payload on snd.unsent and rtx.sent.  The queue's view of a packet is here, because its
 * `data` and `next` belong to the layers below while they hold it. */
struct tcp_tx {
	struct pkt *link;
	uint8_t *payload;
	uint32_t seq, len;
	uint32_t sum;		/* of the payload, folded to 32 bits; TX_SUM */
	uint8_t flags;		/* TX_* */
	uint8_t sends;		/* times on the wire, saturating */
	uint16_t pad;
	nsec sent_at;		/* the last time */
	struct tcp_tx_rate rate;
};
static_assert(sizeof(struct tcp_tx) == 64, "fits pkt->cb");

enum { TX_SUM = 1, TX_LOST = 2, TX_SACKED = 4 };

static inline struct tcp_tx *tcp_tx(struct pkt *p)
{
	return (struct tcp_tx *)p->cb;
}

/* pkt->cb of received payload, on rcv.queue and reass. */
struct tcp_rx {
	uint32_t seq, len;
	bool fin;
};

static inline struct tcp_rx *tcp_rx(struct pkt *p)
{
	return (struct tcp_rx *)p->cb;
}

struct tcp_queue {		/* of tcp_tx, linked by ->link */
	struct pkt *head, *tail;
};

/* What a connection needs only while something is missing, in either direction: pooled, so that one
 * that is idle or in order does without.  When the pool is empty, data out of order is not kept and
 * recovery is NewReno's. */
struct tcp_loss {
	struct {
		struct pkt *head, *tail;	/* by ->next, in sequence, disjoint */
		uint32_t bytes;
		uint16_t pieces;
		uint8_t sack_n;
		bool dup;			/* `again` is to be reported, RFC 2883 */
		struct wire_tcp_sack sack[WIRE_TCP_SACK_MAX];	/* the latest first, RFC 2018 §4 */
		struct wire_tcp_sack again;
	} reass;
	struct {
		uint32_t bytes;			/* TX_SACKED entries */
		uint32_t delivered;		/* newly sacked by the segment at hand */
		uint32_t high;			/* end of the highest */
	} sack;
	struct {				/* RFC 8985 §5.2 */
		nsec xmit_at, rtt;
		uint32_t end_seq, fack;
		uint32_t dsack_round;
		uint8_t reo_mult, reo_persist;
		bool reordering, dsack_seen;
	} rack;
	struct {				/* RFC 8985 §7.1 */
		uint32_t end_seq;
		bool out, again;		/* a probe is out; it was a retransmission */
	} tlp;
	struct {				/* RFC 6937 §3.1 */
		uint32_t flight, delivered, out;
	} prr;
	struct {				/* what to return to when it was no loss */
		struct cc cc;
		uint32_t ts;			/* of the first retransmission, RFC 3522; 0: none */
		uint32_t una;			/* where the episode began */
		int32_t resends;		/* not yet reported as duplicates, RFC 3708 */
		uint8_t frto;			/* step of RFC 5682 §3.1, 0: not */
	} undo;
	struct list free_node;
};

/* What a connection needs only for something rare: pooled, kept until the connection ends.  When
 * the pool is empty, the rare thing is refused. */
struct tcp_pace;
struct tcp_side {
	struct tcp_opts opts;
	struct {
		nsec next_at;		/* when the next probe may leave */
		uint32_t from, to;	/* sequence numbers of the probe */
		uint16_t bound;		/* the largest known to pass; 0: the path's */
		uint16_t high;		/* and the largest that may */
		uint16_t probe;		/* the size that is out, 0: none */
		uint16_t mss_max;	/* what the peer and we agreed on at the start */
		bool halving;
	} mtu;
	struct {
		uint32_t rcv_to, snd_to;	/* where the marks are; `in`, `out`: there is one */
		bool in, out;
	} urg;
	struct {
		nsec at;		/* keepalive's deadline */
		nsec since;		/* when progress ended, of the user timeout */
		nsec told;		/* the peer's user timeout, 0: none */
		uint32_t heard;		/* rcv.seen at the last deadline */
		uint8_t probes;		/* since then */
	} keep;
	struct tcp_pace *pace;		/* NULL while nothing is outstanding, or it does not pace */
	struct list free_node;
};

/* Of one that paces, while it sends: tcp_pace.c. */
struct tcp_pace {
	uint32_t delivered;		/* bytes, since this block was given */
	uint32_t told;			/* as cc/ knows it */
	uint32_t app_limited;		/* until so much is delivered, 0: it is not */
	uint32_t lost;			/* bytes, not yet told to cc/ */
	nsec opened_at, delivered_at, first_sent_at;
	nsec next_at;			/* when the next segment may leave */
	nsec at;			/* deadline, NSEC_NEVER: none */
	struct tcp_tx_rate sample;	/* of this ACK */
	nsec sample_sent_at;
	bool sampled;
	uint64_t room[CC_ROOM_WORDS];	/* cc/'s */
	struct list free_node;
};

struct tcp_conn {
	uint32_t flags;			/* TCPF_* */
	uint8_t state;			/* enum tcp_state */
	uint8_t ready;			/* enum tcp_ready */
	uint8_t err_;			/* positive E_*, 0: none */
	uint8_t acks_owed;		/* segments with data since our last ACK */
	struct {
		uint32_t nxt;
		uint32_t adv;		/* right edge ever advertised: never moves left */
		uint32_t ts_recent, ts_recent_s;
		uint32_t queued;	/* bytes on the queue */
		uint32_t held;		/* bytes the owner has taken and not given back */
		uint32_t buf;
		uint32_t ack_sent;	/* Last.ACK.sent, RFC 7323 §4.3 */
		struct pkt *head, *tail;	/* by ->next */
		uint16_t mss;		/* largest segment seen, for the window rules */
		uint8_t wscale;
		uint8_t quick;		/* segments with data that are still acknowledged at once */
		uint32_t seen;		/* when the last segment came, tcp_clock_seen() */
	} rcv;
	struct {			/* second cache line */
		uint32_t una, nxt, wnd;
		uint32_t end;		/* behind the last byte the owner gave us */
		struct tcp_queue unsent;
		uint32_t wl1, wl2, wnd_max;
		uint32_t buf;
		uint16_t mss;		/* payload of a full segment, options taken off */
		uint8_t wscale;
		uint8_t pad;
		uint32_t lent;		/* bytes queued that are lent, not copied */
		nsec sent_at;		/* the last data, 0: none yet */
	} snd;
	struct {
		struct tcp_queue sent;
		struct pkt *hint;	/* no entry before it is TX_LOST */
		uint32_t lost_bytes;	/* TX_LOST entries */
		uint32_t dup_bytes;	/* what duplicate ACKs say has left the network */
		uint32_t recover;	/* RFC 6582 §3.1 */
		uint8_t dupacks, backoff, retries, probes;
		uint32_t srtt_us, rttvar_us, rto_us, rtt_min_us;
	} rtx;
	struct {
		/* kind TIMER_TCP_CONN; armed no later than the earliest deadline */
		struct wheel_node node;
		nsec rtx_at;		/* RTO or persist; NSEC_NEVER: off, as the others */
		nsec ack_at;
		nsec life_at;		/* FIN-WAIT-2 of an orphan */
	} timer;
	/* on tcp->ready (or a listener's queue), tcp->out */
	struct list ready_node, out_node;
	union {
		void *owner;
		struct tcp_listener *listener;	/* TCPF_EMBRYO */
	};
	struct addr local, remote;
	uint16_t lport, rport;
	uint32_t ts_offset;		/* our clock's, RFC 7323 §5.4 */
	struct ip_path path;
	struct cc cc;
	struct tcp_loss *loss;		/* NULL while nothing is missing in either direction */
	struct tcp_side *side;		/* NULL while there is nothing rare about it */
	/* when a segment outside of the window was answered last, 0: never */
	uint32_t outsider_ms;
	struct {
		uint16_t at, mark;	/* when, and up to where it had taken bytes */
	} tune;
	uint16_t states_passed;
	uint16_t rto_fired;		/* saturating */
	uint32_t iss;
	uint32_t reuse;			/* counts lives of this slot */
	uint32_t retrans_segs;
	uint32_t segs_in, segs_out;
	uint64_t bytes_in, bytes_out;
} CACHE_ALIGNED;
static_assert(sizeof(struct tcp_conn) == 7 * CACHE_LINE,
	      "an idle connection under 512 bytes, all in");

/* Both ends of a connection. */
struct tcp_ends {
	struct addr local, remote;
	uint16_t lport, rport;
};

struct tcp_listener {
	struct list hash_node;
	struct addr local;		/* unspecified: any */
	uint16_t port;
	bool used;
	bool closing;
	bool share;			/* the port and address with others that share */
	uint32_t backlog;
	uint32_t pending;		/* connections not yet accepted */
	uint32_t half;			/* half-open ones, in the queue of tcp_synq.c */
	nsec cookies_at;		/* when the last SYN cookie was given out, 0: never */
	struct list accept;		/* established connections, by ready_node */
	struct list ready_node;		/* on tcp->ready_listeners */
	void *owner;
	struct tcp_opts opts;		/* of the connections to come */
};

/* One received segment on its way through tcp/. */
struct tcp_seg {
	/* data at the payload once past tcp_input(); NULL when taken */
	struct pkt *p;
	uint32_t seq, ack, len;		/* len: payload bytes, without SYN and FIN */
	uint32_t wnd;			/* scaled */
	uint8_t flags;			/* WIRE_TCP_* */
	bool reopens;			/* a SYN that follows on a TIME_WAIT entry, ... */
	uint32_t old_nxt;		/* ... whose next number was this */
	const struct wire_tcp *h;
};

/* Before ip's answer to it: we are its destination. */
static inline struct tcp_ends tcp_seg_ends(const struct tcp_seg *s)
{
	return (struct tcp_ends){.local = s->p->rx.dst, .remote = s->p->rx.src,
				 .lport = s->h->dport, .rport = s->h->sport};
}

static inline uint32_t tcp_seg_end(const struct tcp_seg *s)
{
	return s->seq + s->len + !!(s->flags & WIRE_TCP_SYN) + !!(s->flags & WIRE_TCP_FIN);
}

/* Is any part of it in the window from `nxt` to `edge`?  RFC 9293 §3.4, table 6; a closed window
 * takes what begins at RCV.NXT for the sake of its ACK and RST. */
static inline bool tcp_seg_acceptable(const struct tcp_seg *s, uint32_t nxt, uint32_t edge)
{
	uint32_t end = tcp_seg_end(s);

	if (s->seq == nxt)
		return true;
	if (end == s->seq)
		return seq_gt(s->seq, nxt) && seq_lt(s->seq, edge);
	return seq_gt(end, nxt) && seq_lt(s->seq, edge);
}

/* The millisecond clock of RFC 7323 §5.4 before a connection's offset. */
static inline uint32_t tcp_clock_ms(const struct tcp *t)
{
	return (uint32_t)(t->core->now / 1000000u);
}

/* Seconds: for ages that the clock above is too short for, and not too precise. */
static inline uint32_t tcp_clock_s(const struct tcp *t)
{
	return (uint32_t)(t->core->now / 1000000000u);
}

/* Ticks of 2^20 ns, about a millisecond: for ages of up to weeks, without a division. */
static inline uint32_t tcp_clock_mib(const struct tcp *t)
{
	return (uint32_t)(t->core->now >> 20);
}

/* Finer: it wraps after three days, and says only how long nothing came. */
#define TCP_SEEN_SHIFT 16
static inline uint32_t tcp_clock_seen(const struct tcp *t)
{
	return (uint32_t)(t->core->now >> TCP_SEEN_SHIFT);
}

#define TCP_REASS_PIECES_MAX 512u	/* out-of-order pieces kept for one connection */
#define TCP_MSS_DEFAULT 536u		/* RFC 9293 §3.7.1 */
#define TCP_MSS_MIN 64u			/* a smaller offer is raised to this */
#define TCP_CORK_NS MSEC(200)		/* no longer, tcp(7) says */
#define TCP_OUTSIDER_MS 500u		/* between two answers to segments outside of the window */
#define TCP_CHALLENGES_PER_S 1000u	/* RFC 5961 §7 */
#define TCP_WSCALE_MAX 14u		/* RFC 7323 §2.3 */
#define TCP_EPHEMERAL_MIN 32768u
#define TCP_EPHEMERAL_N 28232u
#define TCP_TIMEWAIT_EXPIRE_MAX 256u	/* entries that end in one go */
#define TCP_OUT_SEGS_MAX 64u		/* segments one connection sends in one flush */

/* tcp_state.c */
void tcp_set_state(struct tcp *t, struct tcp_conn *c, enum tcp_state to);
static inline bool tcp_synchronized(enum tcp_state s)
{
	return s >= TCP_ESTABLISHED;
}

/* tcp_conn.c */
struct tcp_conn *tcp_conn_new(struct tcp *t);
void tcp_conn_free(struct tcp *t, struct tcp_conn *c);
void tcp_conn_setup(struct tcp *t, struct tcp_conn *c, uint32_t iss);
void tcp_conn_ready(struct tcp *t, struct tcp_conn *c, unsigned bits);
void tcp_conn_fail(struct tcp *t, struct tcp_conn *c, int err);	/* to CLOSED, telling the owner */
void tcp_conn_gone(struct tcp *t, struct tcp_conn *c);	/* to CLOSED in good order */

/* Marks it for tcp_flush(). */
static inline void tcp_want_output(struct tcp *t, struct tcp_conn *c)
{
	if (!list_linked(&c->out_node))
		list_push_back(&t->out, &c->out_node);
}

/* RFC 9293 §3.6.1: nobody waits for ever for the FIN of a peer that is gone. */
static inline nsec tcp_fin_wait_2_ends(const struct tcp *t, const struct tcp_conn *c)
{
	return t->core->now + MSEC(tcp_conn_get(t, c, TCP_OPT_LINGER2_MS));
}

static inline void tcp_ack_now(struct tcp *t, struct tcp_conn *c)
{
	c->flags |= TCPF_ACK_NOW;
	tcp_want_output(t, c);
}

/* tcp_demux.c */
/* An index of the table is a connection's, or with one of these bits another's. */
#define TCP_IDX_TIMEWAIT 0x80000000u
#define TCP_IDX_HALF 0x40000000u
#define TCP_IDX_NONE 0xffffffffu
uint64_t tcp_hash(const struct tcp *t, const struct addr *local, uint16_t lport,
		  const struct addr *remote, uint16_t rport);
uint64_t tcp_demux_hash_of(void *tcp, uint32_t idx);
int tcp_demux_insert(struct tcp *t, struct tcp_conn *c);
void tcp_demux_remove(struct tcp *t, struct tcp_conn *c);
/* *other: the index of what else has the packet's ends, or TCP_IDX_NONE. */
struct tcp_conn *tcp_demux_conn(struct tcp *t, uint64_t hash, const struct pkt *p,
				const struct wire_tcp *h, uint32_t *other);
bool tcp_demux_busy(struct tcp *t, const struct addr *local, uint16_t lport,
		    const struct addr *remote, uint16_t rport);
/* `hash`: of the connection to come, which picks one of those that share. */
struct tcp_listener *tcp_demux_listener(struct tcp *t, const struct addr *local, uint16_t port,
					uint64_t hash);
static inline struct list *tcp_listener_bucket(struct tcp *t, uint16_t port)
{
	return &t->listeners_hash[port % ARRAY_LEN(t->listeners_hash)];
}

/* tcp_listen.c */
struct tcp_syn_ack {			/* what one says; the rest is the listener's */
	uint32_t iss, irs;
	uint32_t ts_val, ts_ecr;
	bool ts, sack, wscale, ecn, fastopen;
};

bool tcp_listener_has_room(const struct tcp *t, const struct tcp_listener *l);
bool tcp_listen_full(const struct tcp_listener *l);
bool tcp_listen_has_port(struct tcp *t, uint16_t port);
uint32_t tcp_listen_window(const struct tcp *t, const struct tcp_listener *l);
void tcp_listen_syn_ack(struct tcp *t, const struct tcp_listener *l, const struct tcp_ends *e,
			const struct tcp_syn_ack *a);
struct tcp_conn *tcp_listen_child(struct tcp *t, struct tcp_listener *l, const struct tcp_ends *e,
				  const struct wire_tcp *syn, uint32_t iss);
/* *c: left alone, or a new connection in SYN-RECEIVED that `s` goes on to. */
enum drop tcp_listen_input(struct tcp *t, struct tcp_listener *l, struct tcp_seg *s,
			   struct tcp_conn **c);
void tcp_listener_forget(struct tcp *t, struct tcp_conn *c);

/* to accept */
void tcp_listen_queue(struct tcp *t, struct tcp_listener *l, struct tcp_conn *c);

/* tcp_fastopen.c */
#define TCP_FASTOPEN_LEN 8u
bool tcp_fastopen_gives(const struct tcp *t, const struct tcp_listener *l,
			const struct tcp_seg *s);
uint8_t tcp_fastopen_cookie(const struct tcp *t, const struct addr *remote, uint8_t *to);
bool tcp_fastopen_take(struct tcp *t, struct tcp_listener *l, struct tcp_seg *s);
void tcp_fastopen_over(struct tcp *t, struct tcp_conn *c);

/* tcp_synq.c */
#define TCP_SYNACK_TRIES_MAX 15u
size_t tcp_synq_bytes(uint32_t n);
void tcp_synq_init(struct tcp *t, void *mem);
uint64_t tcp_synq_hash(const struct tcp *t, uint32_t i);
bool tcp_synq_is(const struct tcp *t, uint32_t i, const struct addr *local, uint16_t lport,
		 const struct addr *remote, uint16_t rport);
enum drop tcp_synq_add(struct tcp *t, struct tcp_listener *l, const struct tcp_seg *s,
		       uint32_t iss);
enum drop tcp_synq_input(struct tcp *t, uint32_t i, struct tcp_seg *s, struct tcp_conn **c);
void tcp_synq_expire(struct tcp *t);
void tcp_synq_reset(struct tcp *t, struct tcp_listener *l);
/* Another listener shares the port: half-open connections may have become its. */
void tcp_synq_recount(struct tcp *t, uint16_t port);
void tcp_synq_check(const struct tcp *t);

/* tcp_cookie.c */
void tcp_cookie_answer(struct tcp *t, struct tcp_listener *l, const struct tcp_seg *s);
bool tcp_cookie_recent(const struct tcp *t, const struct tcp_listener *l);
enum drop tcp_cookie_input(struct tcp *t, struct tcp_listener *l, struct tcp_seg *s,
			   struct tcp_conn **c);

/* tcp_open.c */
struct tcp_ends tcp_conn_ends(const struct tcp_conn *c);
uint32_t tcp_iss(const struct tcp *t, const struct tcp_ends *e);
uint32_t tcp_iss_above(uint32_t iss, uint32_t old_nxt);
uint32_t tcp_ts_offset(const struct tcp *t, const struct tcp_ends *e);
uint8_t tcp_open_wscale(const struct tcp *t, uint32_t buf);
void tcp_open_buffers(struct tcp *t, struct tcp_conn *c);
uint16_t tcp_open_mss_of(const struct tcp *t, const struct ip_path *path, uint32_t chosen);
enum drop tcp_syn_sent_input(struct tcp *t, struct tcp_conn *c, struct tcp_seg *s);
void tcp_open_established(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s);
uint16_t tcp_open_mss(const struct tcp *t, const struct tcp_conn *c);
void tcp_open_send_syn(struct tcp *t, struct tcp_conn *c);

/* tcp_opt.c */
uint32_t tcp_sides_max(const struct tcp *t);
struct tcp_side *tcp_side_get(struct tcp *t, struct tcp_conn *c);	/* NULL: none left */
void tcp_side_free(struct tcp *t, struct tcp_conn *c);
uint32_t tcp_opt_rcvbuf(const struct tcp *t, const struct tcp_conn *c);
/* How its packets go when its owner chose a TTL or a TOS; `plain`: when not. */
struct ip_send tcp_opt_how(const struct tcp_conn *c, const struct ip_send *plain);

/* tcp_pmtu.c */
void tcp_pmtu_start(struct tcp *t, struct tcp_conn *c);
void tcp_pmtu_refresh(struct tcp *t, struct tcp_conn *c);	/* ip's generation changed */
bool tcp_pmtu_fragments(const struct tcp *t, const struct tcp_conn *c);
void tcp_pmtu_icmp(struct tcp *t, struct tcp_conn *c, const struct ip_error *e);
void tcp_pmtu_timeout(struct tcp *t, struct tcp_conn *c);
/* These are for connections with a side. */
uint32_t tcp_pmtu_probe_len(const struct tcp *t, struct tcp_conn *c);
void tcp_pmtu_probe_sent(struct tcp *t, struct tcp_conn *c, uint32_t from);
void tcp_pmtu_lost(struct tcp_conn *c, const struct tcp_tx *tx);
void tcp_pmtu_acked(struct tcp *t, struct tcp_conn *c);

/* tcp_urgent.c */
void tcp_urgent_take(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s);
uint16_t tcp_urgent_pointer(const struct tcp_conn *c, uint32_t seq);	/* needs a side */

/* tcp_keep.c */
void tcp_keep_start(struct tcp *t, struct tcp_conn *c);	/* or stops it, by what was chosen */
void tcp_keep_stop(struct tcp_conn *c);
bool tcp_keep_expired(struct tcp *t, struct tcp_conn *c);
nsec tcp_user_timeout(const struct tcp *t, const struct tcp_conn *c);	/* 0: none */
void tcp_user_timeout_from(struct tcp_conn *c, nsec since);
nsec tcp_user_timeout_at(const struct tcp *t, const struct tcp_conn *c);
uint16_t tcp_user_timeout_option(const struct tcp *t, const struct tcp_conn *c);
void tcp_user_timeout_told(struct tcp *t, struct tcp_conn *c, uint16_t option);

/* tcp_ecn.c */
enum { TCP_ECN_ECT0 = 2, TCP_ECN_CE = 3 };	/* in the IP header, RFC 3168 §5 */
uint8_t tcp_ecn_syn_flags(const struct tcp *t, const struct tcp_conn *c);
void tcp_ecn_agree(const struct tcp *t, struct tcp_conn *c, uint8_t syn_flags);
void tcp_ecn_received(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s);
void tcp_ecn_echoed(struct tcp *t, struct tcp_conn *c);
uint8_t tcp_ecn_send(struct tcp_conn *c, uint8_t *flags, bool fresh);

/* tcp_pace.c */
void tcp_pace_choose(const struct tcp *t, struct tcp_conn *c);
void tcp_pace_free(struct tcp *t, struct tcp_conn *c);
bool tcp_pace_may(struct tcp *t, struct tcp_conn *c);
void tcp_pace_expired(struct tcp *t, struct tcp_conn *c);
void tcp_pace_sent(struct tcp *t, struct tcp_conn *c, struct tcp_tx *tx, bool idle);
void tcp_pace_app_limited(struct tcp_conn *c);
void tcp_pace_lost(struct tcp_conn *c, uint32_t n);
void tcp_pace_delivered(struct tcp *t, struct tcp_conn *c, const struct tcp_tx *tx, uint32_t n);
void tcp_pace_sample(struct tcp *t, struct tcp_conn *c, struct cc_ack *a);
void tcp_pace_rest(struct tcp *t, struct tcp_conn *c);
static inline struct tcp_pace *tcp_pace(const struct tcp_conn *c)
{
	return c->side ? c->side->pace : NULL;
}

/* tcp_tune.c */
uint32_t tcp_tune_rcvbuf_max(const struct tcp *t, const struct tcp_conn *c);
void tcp_tune_received(struct tcp *t, struct tcp_conn *c);
void tcp_tune_sent(struct tcp *t, struct tcp_conn *c);

/* tcp_input.c */
void tcp_rcv_syn_data(struct tcp *t, struct tcp_conn *c, struct tcp_seg *s);
void tcp_rcv_init(struct tcp *t, struct tcp_conn *c, const struct wire_tcp *h);
uint16_t tcp_rcv_syn_window(const struct tcp *t, const struct tcp_conn *c);
void tcp_rcv_quick(struct tcp_conn *c, uint8_t segments);
void tcp_rcv_buffers(struct tcp_conn *c, uint32_t buf, uint8_t wscale);
/* an ACK with this edge was built */
void tcp_rcv_advertised(struct tcp_conn *c, uint32_t edge);
void tcp_rcv_taken(struct tcp_conn *c, struct pkt *p);	/* the owner took the head of the queue */
void tcp_rcv_untaken(struct tcp_conn *c, struct pkt *p TAKES);	/* and put it back */
void tcp_rcv_given_back(struct tcp_conn *c, uint32_t bytes);
void tcp_rcv_free(struct tcp_conn *c);
uint32_t tcp_rcv_window_max(const struct tcp_conn *c);
uint32_t tcp_rcv_free_space(const struct tcp_conn *c);
uint32_t tcp_challenge_budget(struct tcp *t);
void tcp_challenge_ack(struct tcp *t, struct tcp_conn *c);
bool tcp_challenge_may(struct tcp *t);	/* within the budget of RFC 5961 §7? Counts it */

/* tcp_output.c */
void tcp_snd_init(struct tcp_conn *c, uint32_t iss, uint32_t buf);
void tcp_snd_buffer(struct tcp_conn *c, uint32_t buf);
/* TCP_READY_WRITABLE when it was asked for and is true */
void tcp_snd_tell_room(struct tcp *t, struct tcp_conn *c);
void tcp_snd_options(struct tcp *t, struct tcp_conn *c, const struct wire_tcp *h);
void tcp_snd_set_mss(struct tcp *t, struct tcp_conn *c, uint32_t mss);
void tcp_snd_change_mss(struct tcp_conn *c, uint32_t mss);
struct pkt *tcp_snd_front(struct tcp *t, struct tcp_conn *c, struct pkt *p, uint32_t len);
void tcp_snd_window(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s);
void tcp_snd_syn_acked(struct tcp_conn *c);
void tcp_snd_acked(struct tcp *t, struct tcp_conn *c, uint32_t ack, uint32_t lent);
void tcp_snd_syn_sent(struct tcp_conn *c, nsec at);	/* 0: nobody knows when */
void tcp_snd_queue(struct tcp_conn *c, struct pkt *p TAKES);
void tcp_snd_appended(struct tcp_conn *c, uint32_t n);
void tcp_snd_free(struct tcp_conn *c);
bool tcp_fin_acked(const struct tcp_conn *c);
void tcp_output(struct tcp *t, struct tcp_conn *c);
bool tcp_output_probe(struct tcp *t, struct tcp_conn *c);
void tcp_output_override(struct tcp *t, struct tcp_conn *c);
bool tcp_output_new(struct tcp *t, struct tcp_conn *c);	/* a segment beyond the window of cc */
bool tcp_output_entry(struct tcp *t, struct tcp_conn *c, struct pkt *entry);	/* again */
void tcp_output_rst(struct tcp *t, struct tcp_conn *c);
void tcp_output_ack(struct tcp *t, struct tcp_conn *c);
void tcp_output_keepalive(struct tcp *t, struct tcp_conn *c);
void tcp_output_user_timeout(struct tcp *t, struct tcp_conn *c);
void tcp_output_fin_again(struct tcp *t, struct tcp_conn *c);
/* Answers a segment that belongs to no connection, RFC 9293 §3.10.7.1. */
void tcp_reply_rst(struct tcp *t, const struct addr *local, const struct addr *remote,
		   const struct tcp_seg *s);
/* The same along a path that was found. */
void tcp_reply_on(struct tcp *t, struct ip_path *path, const struct addr *local,
		  const struct addr *remote, const struct wire_tcp *h);
void tcp_reply(struct tcp *t, const struct addr *local, const struct addr *remote,
	       const struct wire_tcp *h);

/* tcp_rtx.c */
void tcp_rtx_init(struct tcp *t, struct tcp_conn *c);
void tcp_rtx_sent(struct tcp *t, struct tcp_conn *c, struct pkt *entry TAKES);
void tcp_rtx_syn_sent(struct tcp *t, struct tcp_conn *c);
void tcp_rtx_syn_was_sent(struct tcp *t, struct tcp_conn *c, unsigned again);
void tcp_rtx_fin_sent(struct tcp *t, struct tcp_conn *c);
void tcp_rtx_probe_answered(struct tcp_conn *c);
void tcp_rtx_established(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s);
void tcp_rtx_sample(struct tcp *t, struct tcp_conn *c, nsec rtt);
void tcp_rtx_acked(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s);
void tcp_rtx_dupack(struct tcp *t, struct tcp_conn *c);
/* the timer fired: RTO, SYN, FIN or persist */
void tcp_rtx_expired(struct tcp *t, struct tcp_conn *c);
/* The first `len` bytes of an entry as one of their own, before it; NULL for want of memory. */
struct pkt *tcp_rtx_split(struct tcp *t, struct tcp_conn *c, struct pkt *p, uint32_t len);
void tcp_rtx_too_long(struct tcp *t, struct tcp_conn *c, uint32_t mss);	/* go again, cut */
uint32_t tcp_rtx_head_len(const struct tcp_conn *c);	/* of the segment that goes again first */
struct pkt *tcp_rtx_next_lost(struct tcp_conn *c);
void tcp_rtx_resent(struct tcp *t, struct tcp_conn *c, struct pkt *entry);
void tcp_rtx_window_opened(struct tcp *t, struct tcp_conn *c);
void tcp_rtx_free(struct tcp_conn *c);
void tcp_rtx_mark_lost(struct tcp_conn *c, struct pkt *entry);
void tcp_rtx_unmark(struct tcp_conn *c);	/* nothing is lost after all */
void tcp_rtx_sacked(struct tcp_conn *c, struct tcp_tx *tx);
void tcp_rtx_recover(struct tcp *t, struct tcp_conn *c);	/* recovery begins */
uint32_t tcp_rtx_pipe(const struct tcp_conn *c);	/* bytes believed to be in the network */
nsec tcp_rto(const struct tcp *t, const struct tcp_conn *c);	/* backed off */
void tcp_cc_event(const struct tcp *t, const struct tcp_conn *c, struct cc_ack *e);

/* tcp_loss.c */
struct tcp_loss *tcp_loss_get(struct tcp *t, struct tcp_conn *c);	/* NULL: none left */
void tcp_loss_rest(struct tcp *t, struct tcp_conn *c);	/* gives it back when nothing is missing */
void tcp_loss_free(struct tcp *t, struct tcp_conn *c);

/* tcp_reass.c */
static inline uint32_t tcp_reass_bytes(const struct tcp_conn *c)
{
	return c->loss ? c->loss->reass.bytes : 0;
}

enum drop tcp_reass_insert(struct tcp *t, struct tcp_conn *c, struct tcp_seg *s);
struct pkt *tcp_reass_pop(struct tcp_conn *c, uint32_t nxt, bool *fin);
void tcp_reass_free(struct tcp_conn *c);
void tcp_reass_check(const struct tcp_conn *c);
/* [left, right) came again, RFC 2883 §4. */
void tcp_reass_overlap(struct tcp *t, struct tcp_conn *c, uint32_t left, uint32_t right);
void tcp_reass_duplicate(struct tcp *t, struct tcp_conn *c, uint32_t left, uint32_t right);
/* The blocks for a header with room for `max`; a duplicate is reported once. */
unsigned tcp_reass_sack(struct tcp_conn *c, struct wire_tcp_sack *out, unsigned max);

/* tcp_sack.c */
void tcp_sack_take(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s);
void tcp_sack_forget(struct tcp_conn *c, struct tcp_tx *tx);	/* an entry leaves the queue */
void tcp_sack_trim(struct tcp_conn *c, uint32_t covered);	/* part of a sacked entry leaves */
void tcp_sack_renege(struct tcp_conn *c);
static inline uint32_t tcp_sack_bytes(const struct tcp_conn *c)
{
	return c->loss ? c->loss->sack.bytes : 0;
}

/* tcp_rack.c */
void tcp_rack_delivered(struct tcp *t, struct tcp_conn *c, const struct tcp_tx *tx,
			const struct tcp_seg *s);
void tcp_rack_dsack(struct tcp_conn *c);
void tcp_rack_detect_loss(struct tcp *t, struct tcp_conn *c);
void tcp_rack_recovered(struct tcp_conn *c);
nsec tcp_tlp_timeout(const struct tcp *t, const struct tcp_conn *c);	/* NSEC_NEVER: no probe */
void tcp_tlp_send(struct tcp *t, struct tcp_conn *c);
void tcp_tlp_acked(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s, bool dsack);

/* tcp_prr.c */
void tcp_prr_begin(struct tcp_conn *c);
void tcp_prr_acked(struct tcp_conn *c, uint32_t delivered, bool advanced);
void tcp_prr_sent(struct tcp_conn *c, uint32_t bytes);

/* tcp_undo.c */
void tcp_undo_begin(struct tcp *t, struct tcp_conn *c);
void tcp_undo_resent(struct tcp *t, struct tcp_conn *c);
void tcp_undo_frto(struct tcp_conn *c, uint8_t step);
void tcp_undo_dupack(struct tcp_conn *c);	/* F-RTO: then it was a loss */
void tcp_undo_dsack(struct tcp_conn *c);
bool tcp_undo_acked(struct tcp *t, struct tcp_conn *c, const struct tcp_seg *s, bool original);

/* tcp_timer.c */
void tcp_timer_init(struct tcp_conn *c);
void tcp_timer_stop(struct tcp *t, struct tcp_conn *c);
void tcp_timer_rtx(struct tcp *t, struct tcp_conn *c, nsec at);
void tcp_timer_ack(struct tcp *t, struct tcp_conn *c, nsec at);
void tcp_timer_life(struct tcp *t, struct tcp_conn *c, nsec at);
void tcp_timer_keep(struct tcp *t, struct tcp_conn *c);	/* side->keep.at was set */
void tcp_timer_pace(struct tcp *t, struct tcp_conn *c);	/* side->pace->at was set */

static inline nsec tcp_timer_keep_at(const struct tcp_conn *c)
{
	return c->side ? c->side->keep.at : NSEC_NEVER;
}

static inline nsec tcp_timer_pace_at(const struct tcp_conn *c)
{
	return c->side && c->side->pace ? c->side->pace->at : NSEC_NEVER;
}

/* Off: the node may stay where it is, it finds nothing to do. */
static inline void tcp_timer_rtx_off(struct tcp_conn *c)
{
	c->timer.rtx_at = NSEC_NEVER;
}

static inline void tcp_timer_ack_off(struct tcp_conn *c)
{
	c->timer.ack_at = NSEC_NEVER;
}

/* tcp_timewait.c */
void tcp_timewait_init(struct tcp *t, void *mem);
void tcp_timewait_enter(struct tcp *t, struct tcp_conn *c);	/* takes the table's place of `c` */
/* *reopen: in, there is a listener with room; out, the entry is gone and the SYN is its. */
enum drop tcp_timewait_input(struct tcp *t, struct tcp_timewait *tw, struct tcp_seg *s,
			     bool *reopen);
void tcp_timewait_expire(struct tcp *t);
uint64_t tcp_timewait_hash(const struct tcp *t, uint32_t i);
bool tcp_timewait_is(const struct tcp_timewait *tw, const struct addr *local, uint16_t lport,
		     const struct addr *remote, uint16_t rport);
bool tcp_timewait_has(const struct tcp *t, const struct addr *local, uint16_t port);
struct tcp_timewait *tcp_timewait_at(struct tcp *t, uint32_t i);
size_t tcp_timewait_bytes(uint32_t n);
void tcp_timewait_check(const struct tcp *t);

#endif
