/* `leat serve`: a stack, a link, a directory, and the HTTP server on top.
 *
 * Here they meet; what each does is elsewhere: lib/ opens the stack, apps/httpd serves, apps/files
 * finds the files.  Ends with a summary when it is told to, and fails when a frame is missing then.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "leat/leat.h"

#include "apps/files/files.h"
#include "apps/httpd/httpd.h"
#include "apps/leat/leat.h"
#include "base/fmt.h"
#include "port/port.h"

#define SERVE_FINISH SEC(3)	/* responses under way may take so long after Ctrl-C */
#define SERVE_GOODBYE MSEC(500)	/* and then the last segments */
#define SERVE_LOOK MSEC(100)	/* between two looks for a signal, with several threads */
#define SERVE_FILES_SPARE 128u	/* descriptors that are not connections: files, those that end */
#define SERVE_STACK_PORT 80u	/* inside, when --port 0 leaves the outside to chance */

struct serve {
	const char *dir, *bind, *net, *poll;
	uint32_t port, conns, idle_ms, head_ms, stall_ms, threads;
	bool demo, verbose;
	bool own_site;		/* no DIR: leat's own pages */
	char found[PATH_MAX + 32];
	struct addr bind_addr;
	struct leat_ring *ring;
	struct files files;
	struct httpd *httpd;
	size_t httpd_bytes;
	uint64_t retransmissions, probes, open, sent;
	/* --threads: this is one of several, each with a stack and a server of its own */
	unsigned number;
	pthread_t thread;
	struct serve *others;	/* of the first: threads - 1 of them */
};

static struct leat_ring *serve_ring;	/* for the signal handler */
static volatile sig_atomic_t serve_signals;

/* ---- before */

static const char serve_usage[] =
	"usage: leat serve [DIR] [--port N] [--bind ADDRESS] [--net LINK] [--demo] [--verbose]\n"
	"\n"
	"Serves the files of DIR over HTTP/1.1 through leat's own TCP; without DIR, pages about\n"
	"leat.\n"
	"\n"
	"  -p, --port N          outside port, 0 for any free one (8080)\n"
	"      --bind ADDRESS    outside address (127.0.0.1; 0.0.0.0 for all)\n"
	"      --net LINK        link of the stack (slirp, which needs no privilege);\n"
	"                        `leat net help` lists the others; kernel: Linux's own\n"
	"                        TCP through io_uring, to compare with\n"
	"      --poll MODE       adaptive, busy or sleep while nothing happens (adaptive)\n"
	"      --threads N       stacks, a thread each, behind one address (1)\n"
	"      --conns N         connections at once, of each thread (1024)\n"
	"      --idle-timeout S  seconds a connection may be silent between requests (30)\n"
	"      --head-timeout S  seconds a request may take to arrive (10)\n"
	"      --stall-timeout S seconds a client may take nothing of a response (300)\n"
	"      --demo            adds GET /probe, POST /echo and GET /whoami\n"
	"  -v, --verbose         a line a request\n"
	"\n"
	"Ctrl-C ends it: responses under way get 3 seconds to finish, then they are cut off; a\n"
	"summary says how many.  A second Ctrl-C ends it at once.\n";

static int serve_options(struct serve *s, int argc, char **argv)
{
	const struct leat_option options[] = {
		{ "port", 'p', LEAT_OPTION_NUMBER, &s->port, 0, 65535 },
		{ "bind", 0, LEAT_OPTION_TEXT, &s->bind, 0, 0 },
		{ "net", 0, LEAT_OPTION_TEXT, &s->net, 0, 0 },
		{ "poll", 0, LEAT_OPTION_TEXT, &s->poll, 0, 0 },
		{ "threads", 0, LEAT_OPTION_NUMBER, &s->threads, 1, 16 },
		{ "conns", 0, LEAT_OPTION_NUMBER, &s->conns, 1, 65536 },
		{ "idle-timeout", 0, LEAT_OPTION_SECONDS, &s->idle_ms, 100, 3600000 },
		{ "head-timeout", 0, LEAT_OPTION_SECONDS, &s->head_ms, 100, 3600000 },
		{ "stall-timeout", 0, LEAT_OPTION_SECONDS, &s->stall_ms, 100, 86400000 },
		{ "demo", 0, LEAT_OPTION_FLAG, &s->demo, 0, 0 },
		{ "verbose", 'v', LEAT_OPTION_FLAG, &s->verbose, 0, 0 },
		{ NULL, 0, LEAT_OPTION_FLAG, NULL, 0, 0 },
	};

	if (leat_options_read("serve", options, argc, argv, &s->dir, 1) < 0)
		return LEAT_EXIT_USAGE;
	if (!fmt_parse_addr(&s->bind_addr, s->bind) || !addr_is_v4(&s->bind_addr)) {
		fprintf(stderr, "leat serve: --bind \"%s\" is not an IPv4 address\n", s->bind);
		return LEAT_EXIT_USAGE;
	}
	return strcmp(s->net, "kernel") ? leat_net_check("serve", s->net) : LEAT_EXIT_OK;
}

/* leat's own pages: beside the source tree that the program was built in, or installed with it. */
static bool serve_own_site(struct serve *s)
{
	static const char *const places[] = { "/../examples/site", "/../share/leat/site" };
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	if (n <= 0)
		return false;
	exe[n] = '\0';
	slash = strrchr(exe, '/');
	if (!slash)
		return false;
	*slash = '\0';
	for (unsigned i = 0; i < ARRAY_LEN(places); i++) {
		snprintf(s->found, sizeof(s->found), "%s%s", exe, places[i]);
		if (access(s->found, R_OK | X_OK) == 0)
			return true;
	}
	return false;
}

static int serve_open_files(struct serve *s)
{
	int err;

	s->own_site = !s->dir;
	if (s->own_site) {
		if (!serve_own_site(s)) {
			fprintf(stderr,
				"leat serve: leat's own pages are not installed; name a DIR\n");
			return LEAT_EXIT_FAILED;
		}
		s->dir = s->found;
	}
	err = files_open(&s->files, s->dir);
	if (err) {
		fprintf(stderr, "leat serve: cannot serve \"%s\": %s; name a directory%s\n", s->dir,
			strerror(-err), err == -EACCES ? " you may read" : "");
		return LEAT_EXIT_FAILED;
	}
	return LEAT_EXIT_OK;
}

/* Each connection through slirp or the kernel is a descriptor of this process.  When there are
 * fewer than connections were asked for, it is said, and httpd makes room before they run out. */
static void serve_raise_files(struct serve *s)
{
	rlim_t want = (rlim_t)s->conns * s->threads + SERVE_FILES_SPARE;
	struct rlimit files;
	uint32_t most;

	if (s->number || getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = MIN(files.rlim_max, MAX(want, (rlim_t)65536));
	setrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur >= want ||
	    (strncmp(s->net, "slirp", 5) && strncmp(s->net, "kernel", 6)))
		return;
	most = (uint32_t)files.rlim_cur;
	s->conns = most > 2 * SERVE_FILES_SPARE ? most - SERVE_FILES_SPARE : most / 2;
	s->conns = MAX(s->conns / s->threads, 1u);
	fprintf(stderr, "leat serve: %u connections at once: the limit of open files is %u; "
		"ulimit -n\n", s->conns * s->threads, most);
}

static int serve_open_ring(struct serve *s, struct leat_ring *group)
{
	struct leat_options options;
	char why[256];
	int err;

	leat_options_init(&options);
	err = leat_poll_mode("serve", s->poll, &options.poll);
	if (err)
		return err;
	options.net = s->net;
	serve_raise_files(s);
	options.threads = s->threads;
	options.group = group;
	options.conns = MAX(options.conns, 2 * s->conns);	/* those that are closing count */
	options.ops = MAX(options.ops, 16 * s->conns);
	s->ring = leat_ring_open(&options, why, sizeof(why));
	if (s->ring)
		return LEAT_EXIT_OK;
	fprintf(stderr, "leat serve: %s\n", why);
	return LEAT_EXIT_FAILED;
}

/* ---- the server */

static nsec serve_now(void *ctx)
{
	(void)ctx;
	return port_now();
}

static uint64_t serve_wall_seconds(void *ctx)
{
	(void)ctx;
	return port_wall_seconds();
}

static void serve_access(void *ctx, const char *line)
{
	(void)ctx;
	puts(line);
	fflush(stdout);
}

static int serve_open_httpd(struct serve *s)
{
	struct httpd_config config;
	void *mem;

	httpd_config_default(&config);
	config.port = (uint16_t)(s->port ? s->port : SERVE_STACK_PORT);
	config.conns = s->conns;
	config.idle_ms = s->idle_ms;
	config.stall_ms = s->stall_ms;
	config.head_ms = MIN(s->head_ms, s->idle_ms);
	config.demo = s->demo;
	config.connection_page = s->own_site || s->demo;
	config.tree = &s->files.httpd;
	config.now = serve_now;
	config.wall_seconds = serve_wall_seconds;
	config.access = s->verbose ? serve_access : NULL;
	s->httpd_bytes = httpd_bytes(&config);
	mem = port_map(s->httpd_bytes, false);
	if (!mem) {
		fprintf(stderr, "leat serve: no memory for %u connections; try --conns 100\n",
			s->conns);
		return LEAT_EXIT_FAILED;
	}
	s->httpd = httpd_new(mem, &config, s->ring);
	while (httpd_listens(s->httpd) == 0) {
		leat_wait(s->ring, SEC(1));
		httpd_run(s->httpd);
	}
	if (httpd_listens(s->httpd) > 0)
		return LEAT_EXIT_OK;
	fprintf(stderr, "leat serve: cannot listen: %s\n", strerror(-httpd_listens(s->httpd)));
	return LEAT_EXIT_FAILED;
}

static int serve_publish(struct serve *s)
{
	struct leat_addr at = { .port = (uint16_t)s->port };
	uint16_t inside = (uint16_t)(s->port ? s->port : SERVE_STACK_PORT);
	struct addr shown;
	char text[48];
	int port;

	mem_copy(at.ip, s->bind_addr.b, sizeof(at.ip));
	port = leat_publish(s->ring, &at, inside);
	if (port == -EADDRINUSE)
		fprintf(stderr, "leat serve: port %u of %s is taken; choose another with --port\n",
			s->port, s->bind);
	else if (port == -EACCES)
		fprintf(stderr,
			"leat serve: port %u is for root; choose one above 1023 with --port\n",
			s->port);
	else if (port < 0)
		fprintf(stderr,
			"leat serve: cannot listen at %s: %s; choose an address with --bind\n",
			s->bind, strerror(-port));
	if (port < 0)
		return LEAT_EXIT_FAILED;
	leat_outside(s->ring, &at, (uint16_t)port, &at);
	mem_copy(shown.b, at.ip, sizeof(at.ip));
	if (addr_is_any(&shown))
		shown = addr_v4(IPV4(127, 0, 0, 1));
	fmt(text, sizeof(text), "%pI", &shown);
	printf("leat: serving %s at http://%s:%d/ (Ctrl-C ends)\n",
	       s->own_site ? "pages about leat" : s->dir, text, port);
	fflush(stdout);
	return LEAT_EXIT_OK;
}

/* ---- after */

/* "1.5 MiB" */
static const char *serve_bytes(uint64_t n, char *to, size_t size)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
	double v = (double)n;
	unsigned u = 0;

	while (v >= 1024 && u + 1 < ARRAY_LEN(units)) {
		v /= 1024;
		u++;
	}
	snprintf(to, size, u ? "%.1f %s" : "%.0f %s", v, units[u]);
	return to;
}

static void serve_look(void *ctx, const char *group, const char *name, const char *what,
		       uint64_t value)
{
	struct serve *s = ctx;

	(void)what;
	if (!strcmp(group, "tcp") && !strcmp(name, "retrans_segs"))
		s->retransmissions = value;
	if (!strcmp(group, "tcp") && !strcmp(name, "zero_window_probes"))
		s->probes = value;
	if (!strcmp(group, "tcp") && !strcmp(name, "out_bytes"))
		s->sent = value;
	if (!strcmp(group, "tcp") && !strcmp(name, "open"))
		s->open = value;
}

static void serve_tell_drops(void *ctx, const char *group, const char *name, const char *what,
			     uint64_t value)
{
	(void)ctx;
	if (value && !strcmp(group, "drop"))
		printf("leat:   dropped %llu: %s (%s)\n", (unsigned long long)value, what, name);
	else if (value && !strcmp(group, "link") && strstr(what, "lost"))
		printf("leat:   link: %llu %s (%s)\n", (unsigned long long)value, what, name);
}

/* What happened so often; the ~ in `what` is where a plural has its s: "response~ cut off". */
static void serve_line(uint64_t n, const char *what)
{
	size_t one = strcspn(what, "~");

	if (n)
		printf("leat:   %llu %.*s%s%s\n", (unsigned long long)n, (int)one, what,
		       n == 1 ? "" : "s", what + one + 1);
}

static const char *serve_s(uint64_t n)
{
	return n == 1 ? "" : "s";
}

/* The byte of a probe of a closed window is counted as sent again, by the probe or behind it: it is
 * no sign of loss, and told apart. */
static void serve_sum(struct serve *s, const struct httpd_counters *n)
{
	uint64_t again = s->retransmissions - MIN(s->retransmissions, s->probes);
	char bytes[32];

	printf("leat: %llu connection%s (at most %llu at once), %llu request%s, %s sent, "
	       "%llu segment%s sent again\n", (unsigned long long)n->conns, serve_s(n->conns),
	       (unsigned long long)n->conns_most, (unsigned long long)n->requests,
	       serve_s(n->requests), serve_bytes(s->sent, bytes, sizeof(bytes)),
	       (unsigned long long)again, serve_s(again));
}

static void serve_summary(struct serve *s)
{
	const struct httpd_counters *n = httpd_counters(s->httpd);
	char given_up[96];

	leat_counters(s->ring, serve_look, s);
	if (s->threads > 1)
		printf("leat: thread %u\n", s->number);
	serve_sum(s, n);
	snprintf(given_up, sizeof(given_up), "response~ given up: its client took nothing for %g s",
		 s->stall_ms / 1e3);
	for (enum http_error e = 0; e < HTTP_ERROR_N; e++)
		if (n->refused[e])
			printf("leat:   refused %llu: %s (%s)\n", (unsigned long long)n->refused[e],
			       http_error_text(e), http_error_name(e));
	serve_line(n->cut_off, "response~ cut off: there was no more time to finish");
	serve_line(n->timeouts_idle, "idle connection~ closed");
	serve_line(n->timeouts_head, "request~ that took too long to arrive");
	serve_line(n->timeouts_body, "request~ whose body took too long to arrive");
	serve_line(n->timeouts_stall, given_up);
	serve_line(n->turned_away, "connection~ turned away: too many at once");
	serve_line(n->evicted, "idle connection~ closed to make room");
	serve_line(n->broken, "response~ ended because the file had changed");
	serve_line(n->resets, "connection~ that the client broke off");
	serve_line(n->overload, "connection~ ended for want of memory");
	serve_line(s->probes, "time~ a slow client was asked whether it has room again");
	leat_counters(s->ring, serve_tell_drops, s);
}

/* Everything is closed: what is left of TCP's goodbyes gets a moment. */
static void serve_goodbye(struct serve *s)
{
	nsec end = port_now() + SERVE_GOODBYE;

	for (;;) {
		leat_counters(s->ring, serve_look, s);
		if (s->open == 0 || port_now() >= end)
			return;
		leat_wait(s->ring, MSEC(10));
		httpd_run(s->httpd);
	}
}

static void serve_finish(struct serve *s)
{
	nsec end = port_now() + SERVE_FINISH;

	httpd_stop(s->httpd);
	while (!httpd_ended(s->httpd) && port_now() < end && serve_signals < 2) {
		leat_wait(s->ring, MSEC(100));
		httpd_run(s->httpd);
	}
	httpd_abort(s->httpd);
	serve_goodbye(s);
}

static void serve_on_signal(int sig)
{
	(void)sig;
	serve_signals++;
	leat_wake(serve_ring);
}

/* A wake-up reaches one thread: several look for themselves now and then. */
static void serve_loop(struct serve *s)
{
	while (!serve_signals) {
		leat_wait(s->ring, s->threads > 1 ? SERVE_LOOK : LEAT_FOREVER);
		httpd_run(s->httpd);
	}
	serve_finish(s);
}

/* Each on a processor of its own, if there are so many. */
static void serve_pin(const struct serve *s)
{
	cpu_set_t may, one;
	unsigned n = 0;

	if (s->threads < 2 || sched_getaffinity(0, sizeof(may), &may) ||
	    (unsigned)CPU_COUNT(&may) < s->threads)
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &may) || n++ != s->number)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
		return;
	}
}

static void *serve_thread(void *ctx)
{
	struct serve *s = ctx;

	serve_pin(s);
	serve_loop(s);
	return NULL;
}

/* Signals are the first thread's. */
static bool serve_start(struct serve *s)
{
	sigset_t all, was;
	bool good = true;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &was);
	for (unsigned i = 0; i + 1 < s->threads && good; i++)
		good = pthread_create(&s->others[i].thread, NULL, serve_thread, &s->others[i]) == 0;
	pthread_sigmask(SIG_SETMASK, &was, NULL);
	if (!good)
		fputs("leat serve: cannot start a thread\n", stderr);
	return good;
}

/* From here on Ctrl-C is an orderly end. */
static void serve_catch(struct serve *s)
{
	struct sigaction act = { .sa_handler = serve_on_signal }, hup;

	serve_ring = s->ring;
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, NULL, &hup);
	if (hup.sa_handler != SIG_IGN)		/* nohup(1) */
		sigaction(SIGHUP, &act, NULL);
}

static int serve_run(struct serve *s)
{
	if (!serve_start(s))
		return LEAT_EXIT_FAILED;
	serve_pin(s);
	serve_loop(s);
	for (unsigned i = 0; i + 1 < s->threads; i++)
		pthread_join(s->others[i].thread, NULL);
	return LEAT_EXIT_OK;
}

/* Frames that were missing. */
static unsigned serve_close(struct serve *s)
{
	unsigned leaked = s->ring ? leat_ring_close(s->ring) : 0;

	if (s->httpd) {
		httpd_fini(s->httpd);
		port_unmap(s->httpd, s->httpd_bytes);
	}
	files_close(&s->files);
	return leaked;
}

/* Returns the exit status. */
static int serve_end(struct serve *s, int status)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	unsigned leaked = 0;

	sigaction(SIGINT, &ignore, NULL);	/* the ring that they would wake is about to go */
	sigaction(SIGTERM, &ignore, NULL);
	sigaction(SIGHUP, &ignore, NULL);
	for (unsigned i = 0; s->others && i + 1 < s->threads; i++)
		leaked += s->others[i].number ? serve_close(&s->others[i]) : 0;
	leaked += serve_close(s);
	free(s->others);
	if (leaked) {
		fprintf(stderr, "leat serve: %u frames are missing; please report it\n", leaked);
		return LEAT_EXIT_FAILED;
	}
	return status;
}

/* The other stacks, and a server on each: all before the first thread runs. */
static int serve_open_others(struct serve *s)
{
	int status = LEAT_EXIT_OK;

	s->others = calloc(s->threads, sizeof(*s->others));
	if (!s->others)
		return LEAT_EXIT_FAILED;
	for (unsigned i = 0; i + 1 < s->threads && !status; i++) {
		struct serve *t = &s->others[i];

		*t = *s;
		t->ring = NULL;
		t->httpd = NULL;
		t->others = NULL;
		t->number = i + 1;
		status = files_open(&t->files, t->dir) ? LEAT_EXIT_FAILED : LEAT_EXIT_OK;
		if (!status)
			status = serve_open_ring(t, s->ring);
	}
	for (unsigned i = 0; i + 1 < s->threads && !status; i++)
		status = serve_open_httpd(&s->others[i]);
	return status;
}

static int serve_main(int argc, char **argv)
{
	struct serve s = {
		.bind = "127.0.0.1", .net = "slirp", .poll = "adaptive", .threads = 1,
		.port = 8080, .conns = 1024, .idle_ms = 30000, .head_ms = 10000,
		.stall_ms = 300000,
	};
	int status = serve_options(&s, argc, argv);

	if (!status)
		status = serve_open_files(&s);
	if (status)
		return status;
	status = serve_open_ring(&s, NULL);
	if (!status)
		status = serve_open_others(&s);
	if (!status)
		status = serve_open_httpd(&s);
	if (!status) {
		serve_catch(&s);
		status = serve_publish(&s);
	}
	if (!status)
		status = serve_run(&s);
	if (!status) {
		serve_summary(&s);
		for (unsigned i = 0; i + 1 < s.threads; i++)
			serve_summary(&s.others[i]);
	}
	return serve_end(&s, status);
}

const struct leat_command leat_serve = {
	"serve", "a web site through leat's own TCP", serve_usage, serve_main,
};
