/* Plays a script event by event and stops at the first thing that is not as written.
 *
 * A segment that the stack sends must be the next expected one: none may be left when the clock
 * moves on, or at the end. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "script/scene.h"

#define ANY_TIME SEC(3600)	/* how long "*" waits */
#define WAITING_MAX 4u

struct waiting {			/* a call that may block */
	const struct event *event;
	nsec from, by;
};

struct play {
	struct scene scene;
	struct script *s;
	nsec start, last;		/* of the script, of the last event */
	const struct event *at;
	struct waiting waiting[WAITING_MAX];
	unsigned waiting_n;
	bool verbose;
};

/* ---- saying what is wrong */

static double since(const struct play *p, nsec t)
{
	return (double)(t - p->start) / 1e9;
}

static bool PRINTF_LIKE(3, 4) fail(struct play *p, const struct event *e, const char *format, ...)
{
	char what[2 * SCRIPT_TEXT_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
	snprintf(p->s->error, sizeof(p->s->error), "%s:%u: %s", p->s->path, e->line, what);
	return false;
}

static void describe(struct play *p, const struct frame *f, char *to, size_t size)
{
	struct seg s;
	struct tuple *t;
	const char *wrong = scene_read(&p->scene, f, &s, &t);
	int n = snprintf(to, size, "%.6f > ", since(p, f->at));

	script_text(to + n, size - (size_t)n, &s, t != p->scene.main);
	if (wrong)
		snprintf(to + strlen(to), size - strlen(to), " (%s)", wrong);
}

static bool nothing_sent(struct play *p, const struct event *e)
{
	char got[SCRIPT_TEXT_MAX];

	if (!p->scene.out)
		return true;
	describe(p, p->scene.out, got, sizeof(got));
	return fail(p, e, "nothing was expected before this line, got\n\t%s", got);
}

/* ---- calls */

static bool call_result(struct play *p, const struct event *e, int64_t res)
{
	const struct call *c = &e->call;
	int64_t want = c->err[0] ? -script_error_number(c->err) : c->result;
	const char *name = res < 0 ? script_error_name((int)-res) : NULL;

	if (p->verbose)
		printf("%.6f %s() = %lld %s\n", since(p, scene_now(&p->scene)), c->name,
		       (long long)res, name ? name : "");
	if (c->any_result || res == want)
		return true;
	return fail(p, e, "%s() gave %lld %s, expected %lld %s", c->name,
		    res < 0 ? -1LL : (long long)res,
		    name      ? name
		    : res < 0 ? "(bytes that do not belong there, or an error)"
			      : "",
		    (long long)(want < 0 ? -1 : want), c->err);
}

/* Tries the blocked calls once more; each must come back in its own time. */
static bool retry(struct play *p)
{
	for (unsigned i = 0; i < p->waiting_n; i++) {
		struct waiting w = p->waiting[i];
		const char *unknown;
		nsec now = scene_now(&p->scene);
		int64_t res;

		if (!scene_call(&p->scene, &w.event->call, &res, &unknown)) {
			if (now > w.by)
				return fail(p, w.event, "still blocks at %.6f", since(p, now));
			continue;
		}
		p->waiting[i--] = p->waiting[--p->waiting_n];
		scene_settle(&p->scene);
		if (now + p->s->tolerance < w.by)
			return fail(p, w.event,
				    "came back at %.6f, expected it to block until %.6f",
				    since(p, now), since(p, w.by - p->s->tolerance));
		if (!call_result(p, w.event, res))
			return false;
	}
	return true;
}

static bool do_call(struct play *p, const struct event *e)
{
	const char *unknown;
	int64_t res;
	bool done = scene_call(&p->scene, &e->call, &res, &unknown);

	if (unknown)
		return fail(p, e, "scripts do not know the call %s()", unknown);
	if (!done && e->when.blocks) {
		nsec by = (e->when.relative ? p->last : p->start) + e->when.end + p->s->tolerance;

		if (p->waiting_n == WAITING_MAX)
			return fail(p, e, "too many calls block");
		p->waiting[p->waiting_n++] = (struct waiting){.event = e, .by = by};
		scene_settle(&p->scene);
		return true;
	}
	scene_settle(&p->scene);
	return call_result(p, e, res);
}

/* ---- the clock */

/* Moves to `until`, or to where something was sent; blocked calls come back on the way. */
static bool advance(struct play *p, nsec until)
{
	for (;; ) {
		nsec before = scene_now(&p->scene), stop = until;

		for (unsigned i = 0; i < p->waiting_n; i++)
			stop = MIN(stop, MAX(p->waiting[i].by + 1, before));
		scene_advance(&p->scene, p->waiting_n ? MIN(stop, before + MSEC(1)) : stop);
		if (!retry(p))
			return false;
		if (p->scene.out || scene_now(&p->scene) >= until)
			return true;
	}
}

/* ---- expected segments */

static const char *differs_tcp(const struct spec *want, const struct seg *got)
{
	const struct seg *w = &want->seg;

	if (w->flags != got->flags)
		return "flags";
	if (!want->any_seq && w->seq != got->seq)
		return "sequence number";
	if (w->len != got->len)
		return "length";
	if (w->tos != got->tos)
		return "type of service ([ect0], [tos N]; none written: 0)";
	if (want->has_ack && w->ack != got->ack)
		return "acknowledgment number";
	if (want->has_win && w->win != got->win)
		return "window";
	if (want->any_opts)
		return NULL;
	if (w->opts != got->opts)
		return "options";
	if ((w->opts & SEG_OPT_MSS && w->mss != got->mss) ||
	    (w->opts & SEG_OPT_WSCALE && w->wscale != got->wscale) || w->sack_n != got->sack_n ||
	    memcmp(w->sack, got->sack, sizeof(w->sack)) != 0 || w->raw_n != got->raw_n ||
	    memcmp(w->raw, got->raw, w->raw_n) != 0)
		return "options";
	if (w->opts & SEG_OPT_TS && ((!want->any_ts_val && w->ts_val != got->ts_val) ||
				     (!want->any_ts_ecr && w->ts_ecr != got->ts_ecr)))
		return "timestamps";
	return NULL;
}

/* The first timestamp of a connection that the script names settles what its numbers mean. */
static void learn_ts(struct tuple *t, const struct spec *want, struct seg *got)
{
	if (t->ts_known || want->any_ts_val || !(want->seg.opts & got->opts & SEG_OPT_TS))
		return;
	t->ts_known = true;
	t->ts_offset = got->ts_val - want->seg.ts_val;
	got->ts_val = want->seg.ts_val;
}

static const char *differs(struct play *p, const struct spec *want, const struct frame *f)
{
	struct seg got;
	struct tuple *t;
	const char *wrong = scene_read(&p->scene, f, &got, &t);

	if (wrong)
		return wrong;
	if (got.proto != want->seg.proto)
		return "protocol";
	if (got.proto == SEG_ICMP)
		return got.icmp_type != want->seg.icmp_type || got.icmp_code != want->seg.icmp_code
			       ? "type"
			       : NULL;
	if (t != scene_tuple_of(&p->scene, want, false))
		return "connection";
	learn_ts(t, want, &got);
	return differs_tcp(want, &got);
}

static bool mismatch(struct play *p, const struct event *e, const char *what)
{
	char got[SCRIPT_TEXT_MAX], want[SCRIPT_TEXT_MAX];

	describe(p, p->scene.out, got, sizeof(got));
	script_text(want, sizeof(want), &e->spec.seg, e->spec.has_ports);
	return fail(p, e, "%s: expected\n\t           %s\n\tgot\n\t%s", what, want, got);
}

static bool expect(struct play *p, const struct event *e, nsec from, nsec to)
{
	char want[SCRIPT_TEXT_MAX];
	const char *what;
	nsec at;

	if (!p->scene.out && !advance(p, to))
		return false;
	if (!p->scene.out) {
		script_text(want, sizeof(want), &e->spec.seg, e->spec.has_ports);
		return fail(p, e, "expected by %.6f, but nothing was sent:\n\t%s", since(p, to),
			    want);
	}
	what = differs(p, &e->spec, p->scene.out);
	at = p->scene.out->at;
	if (!what && (at < from || at > to))
		what = at < from ? "too early" : "too late";
	if (what)
		return mismatch(p, e, what);
	scene_frame_free(&p->scene);
	p->last = at;
	return true;
}

/* ---- claims */

struct fact {
	const char *name;
	size_t offset, size;
};

#define INFO(field)                                                                                \
	{                                                                                          \
#field, offsetof(struct tcp_info, field), sizeof(((struct tcp_info *)0)->field)    \
	}
#define COUNT(field) {#field, offsetof(struct tcp_counters, field), sizeof(uint64_t)}

static const struct fact infos[] = {
	INFO(states_passed), INFO(snd_wscale), INFO(rcv_wscale),   INFO(timestamps),
	INFO(snd_mss),	     INFO(rcv_mss),    INFO(srtt),	   INFO(rttvar),
	INFO(rtt_min),	     INFO(rto),	       INFO(cwnd),	   INFO(ssthresh),
	INFO(snd_wnd),	     INFO(rcv_wnd),    INFO(retrans_segs), INFO(rto_fired),
	INFO(bytes_in),	     INFO(bytes_out),  INFO(segs_in),	   INFO(segs_out),
	INFO(unsent),	     INFO(unacked),    INFO(rcv_queued),   INFO(reass_pieces),
	INFO(pmtu),	     INFO(advmss),     INFO(probes),	   INFO(backoff),
	INFO(retransmits),   INFO(options),    INFO(ca_state),	   INFO(lost),
	INFO(sacked),	     INFO(last_recv),  INFO(last_data_sent),
};

static const struct fact counts[] = {
	COUNT(active_opens),	   COUNT(passive_opens),    COUNT(attempt_fails),
	COUNT(estab_resets),	   COUNT(in_segs),	    COUNT(out_segs),
	COUNT(retrans_segs),	   COUNT(out_rsts),	    COUNT(in_bytes),
	COUNT(out_bytes),	   COUNT(fast_path_data),   COUNT(fast_path_ack),
	COUNT(rto_fired),	   COUNT(fast_retransmits), COUNT(delayed_acks),
	COUNT(tail_loss_probes),   COUNT(undone),	    COUNT(frto_spurious),
	COUNT(dsacks),		   COUNT(losses_full),
	COUNT(zero_window_probes), COUNT(challenge_acks),   COUNT(out_no_memory),
	COUNT(fastopens),
	COUNT(keepalives),	   COUNT(pmtu_lowered),     COUNT(black_holes),
	COUNT(pmtu_probes),
	COUNT(listen_overflows),   COUNT(cookies_sent),     COUNT(cookies_taken),
	COUNT(cookies_failed),	   COUNT(sides_full),
	COUNT(timewait_full),	   COUNT(ecn_marks),	    COUNT(ecn_cuts),
	COUNT(rcvbufs_grown),	   COUNT(sndbufs_grown),
};

static bool fact_of(const struct fact *facts, unsigned n, const char *name, const void *base,
		    int64_t *v)
{
	for (unsigned i = 0; i < n; i++) {
		if (strcmp(facts[i].name, name) == 0) {
			*v = 0;
			memcpy(v, (const char *)base + facts[i].offset, facts[i].size);
			return true;
		}
	}
	return false;
}

static bool drop_of(struct play *p, const char *name, int64_t *v)
{
	for (unsigned i = 1; i < DROP_N; i++) {
		if (strcmp(drop_name(i), name) == 0) {
			*v = (int64_t)p->scene.host.net.core.drops[i];
			return true;
		}
	}
	return false;
}

/* packetdrill's names of a few of ours */
static bool tcpi_of(const char *name, const struct tcp_info *info, int64_t *v)
{
	uint32_t mss = info->snd_mss ? info->snd_mss : 1;

	if (strcmp(name, "tcpi_snd_cwnd") == 0)
		*v = info->cwnd / mss;
	else if (strcmp(name, "tcpi_snd_ssthresh") == 0)
		*v = info->ssthresh / mss;
	else if (strcmp(name, "tcpi_unacked") == 0)
		*v = (info->unacked + mss - 1) / mss;
	else if (strcmp(name, "tcpi_rto") == 0)
		*v = (int64_t)(info->rto / 1000);
	else if (strcmp(name, "tcpi_rtt") == 0)
		*v = (int64_t)(info->srtt / 1000);
	else
		return false;
	return true;
}

static int state_of(const char *name)
{
	if (strncmp(name, "TCP_", 4) == 0)
		name += 4;
	for (int i = 0; i < TCP_STATE_N; i++) {
		const char *a = tcp_state_name(i);
		bool same = strlen(a) == strlen(name);

		for (unsigned k = 0; same && name[k]; k++)	/* FIN-WAIT-1 and FIN_WAIT_1 */
			same = a[k] == name[k] || (a[k] == '-' && name[k] == '_');
		if (same)
			return i;
	}
	return -1;
}

static bool claimed_value(struct play *p, const struct event *e, int64_t *v)
{
	const struct claim *c = &e->claim;
	struct net *net = &p->scene.host.net;
	struct tuple *t = c->fd >= 0 && c->fd < (int)SCENE_FDS_MAX ? p->scene.fds[c->fd].tuple
								   : p->scene.main;
	struct tcp_info info = {.state = TCP_CLOSED};

	if (strcmp(c->what, "drop") == 0)
		return drop_of(p, c->name, v) || fail(p, e, "no drop reason is called %s", c->name);
	if (strcmp(c->what, "count") == 0)
		return fact_of(counts, ARRAY_LEN(counts), c->name, &net->tcp.n, v) ||
		       fail(p, e, "no counter is called %s", c->name);
	if (strcmp(c->what, "halves") == 0) {
		*v = net->tcp.halves_used;
		return true;
	}
	if (strcmp(c->what, "conns") == 0 || strcmp(c->what, "timewaits") == 0) {
		*v = c->what[0] == 'c' ? net->tcp.conns_used : net->tcp.timewaits_used;
		return true;
	}
	if (t)
		scene_info(&p->scene, t, &info);
	if (strcmp(c->what, "state") == 0 || strcmp(c->what, "tcpi_state") == 0) {
		*v = info.state;
		return true;
	}
	return fact_of(infos, ARRAY_LEN(infos), c->what, &info, v) || tcpi_of(c->what, &info, v) ||
	       fail(p, e, "nothing is known as %s", c->what);
}

static bool holds(enum relation rel, int64_t a, int64_t b)
{
	switch (rel) {
	case REL_EQ: return a == b;
	case REL_NE: return a != b;
	case REL_LT: return a < b;
	case REL_LE: return a <= b;
	case REL_GT: return a > b;
	case REL_GE: return a >= b;
	}
	return false;
}

static bool do_claim(struct play *p, const struct event *e)
{
	const struct claim *c = &e->claim;
	int64_t got = 0, want = c->value;
	bool state = c->word[0] != '\0';

	if (state)
		want = strcmp(c->word, "true") == 0    ? 1
		       : strcmp(c->word, "false") == 0 ? 0
						       : state_of(c->word);
	if (want < 0 && state)
		return fail(p, e, "no state is called %s", c->word);
	if (!claimed_value(p, e, &got))
		return false;
	if (holds(c->rel, got, want))
		return true;
	if (strcmp(c->what, "state") == 0)
		return fail(p, e, "state is %s", tcp_state_name((enum tcp_state)got));
	return fail(p, e, "%s %s is %lld", c->what, c->name, (long long)got);
}

/* ---- the script */

static bool do_event(struct play *p, const struct event *e)
{
	const struct when *w = &e->when;
	nsec base = w->relative ? p->last : p->start, now = scene_now(&p->scene);
	nsec from = w->kind == WHEN_ANY ? now : base + w->from;
	nsec to = w->kind == WHEN_ANY	  ? now + ANY_TIME
		  : w->kind == WHEN_RANGE ? base + w->to
					  : from;

	if (e->kind == EVENT_OUT)
		return expect(p, e, from, to + p->s->tolerance);
	if (from > now && (!nothing_sent(p, e) || !advance(p, from)))
		return false;
	if (scene_now(&p->scene) < from)
		return nothing_sent(p, e);
	p->last = from;
	if (e->kind == EVENT_CALL)
		return do_call(p, e);
	if (e->kind == EVENT_ASSERT)
		return do_claim(p, e);
	scene_inject(&p->scene, &e->spec);
	scene_settle(&p->scene);
	return retry(p);
}

static bool at_rest(struct play *p, const struct event *e)
{
	if (p->waiting_n)
		return fail(p, p->waiting[0].event, "still blocks at the end of the script");
	return nothing_sent(p, e);
}

static void tell(struct play *p, const struct event *e)
{
	char text[SCRIPT_TEXT_MAX];

	if (!p->verbose || (e->kind != EVENT_IN && e->kind != EVENT_OUT))
		return;
	script_text(text, sizeof(text), &e->spec.seg, e->spec.has_ports);
	printf("%.6f %c %s\n", since(p, scene_now(&p->scene)), e->kind == EVENT_IN ? '<' : '>',
	       text);
}

static void assertion(void *ctx)
{
	struct play *p = ctx;

	fail(p, p->at, "an assertion of the stack failed here");
	fprintf(stderr, "%s\n", p->s->error);
}

bool script_play(struct script *s, bool verbose)
{
	static struct play p;
	const char *why;
	bool good = true;

	memset(&p, 0, sizeof(p));
	p.s = s;
	p.verbose = verbose;
	p.at = s->events;
	sim_on_failure(assertion, &p);
	why = scene_init(&p.scene, s);
	if (why)
		return fail(&p, s->events, "%s", why);
	p.start = p.last = scene_now(&p.scene);
	for (unsigned i = 0; i < s->n && good; i++) {
		p.at = &s->events[i];
		good = do_event(&p, p.at);
		tell(&p, p.at);
	}
	good = good && at_rest(&p, p.at);
	if (!scene_fini(&p.scene) && good)
		return fail(&p, p.at, "the stack has lost a frame or a descriptor");
	return good;
}
