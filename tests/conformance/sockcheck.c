/* Runs every check against the kernel at 127.0.0.1 and against a stack that talks to itself, and
 * compares what they said.
 *
 *	sockcheck DOCS/sockets.md [-v] [PATTERN]
 *
 * It ends with `N checks, D differences, E explained`, and fails unless D is E.
 *
 * An explanation is a line of the document, `| pattern of names | why |`. */
#include "conformance/sockcheck.h"

#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>

#define TEXT_MAX 16384
#define KEPT_MAX 4096
#define TRIES 4
#define EXPLAINED_MAX 200

static const struct calls kernel_calls = {
	"linux",
#define X(name, kernel, leat) (__typeof__(&leat))(void *)kernel,
	CALLS(X)
#undef X
};
static const struct calls leat_calls = {
	"leat",
#define X(name, kernel, leat) leat,
	CALLS(X)
#undef X
};

const struct calls *S;
static char text[2][TEXT_MAX], *out;
static int kept[KEPT_MAX], kept_n;
static volatile sig_atomic_t pipes;
static const char *now;
static struct {
	char pattern[128];
	unsigned used;
} explained[EXPLAINED_MAX];
static unsigned explained_n, checks, differences, told;
static const char *only = "*";
static bool loud;

/* ---- what checks use */

void say(const char *format, ...)
{
	size_t used = strlen(out);
	va_list args;

	va_start(args, format);
	vsnprintf(out + used, TEXT_MAX - used, format, args);
	va_end(args);
}

void say_res(const char *what, long res)
{
	int err = errno;

	if (res < 0)
		say(" %s=%s", what, strerrorname_np(err) ? strerrorname_np(err) : "?");
	else
		say(" %s=%ld", what, res);
	if (pipes)
		say("+SIGPIPE");
	pipes = 0;
}

void settle(void)
{
	if (S == &kernel_calls) {
		usleep(50);
		return;
	}
	for (int i = 0; i < 8; i++)
		leat_poll_fds(NULL, 0, 0);
}

int keep(int fd)
{
	if (fd >= 0 && kept_n < KEPT_MAX)
		kept[kept_n++] = fd;
	return fd;
}

int tcp(void)
{
	return keep(S->socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
}

int udp(void)
{
	return keep(S->socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
}

struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

struct sockaddr_in name_of(int fd)
{
	struct sockaddr_in at = { 0 };
	socklen_t len = sizeof(at);

	S->getsockname(fd, SA(at), &len);
	return at;
}

struct sockaddr_in bind_any(int fd)
{
	struct sockaddr_in at = loopback(0);

	S->bind(fd, SA(at), sizeof(at));
	return name_of(fd);
}

struct sockaddr_in closed_port(int type)
{
	int fd = S->socket(AF_INET, type, 0);
	struct sockaddr_in at = bind_any(fd);

	S->close(fd);
	return at;
}

int listener(struct sockaddr_in *at)
{
	int fd = tcp();

	*at = bind_any(fd);
	S->listen(fd, 8);
	return fd;
}

/* Without Nagle: what is held back until an acknowledgement comes is a matter of time. */
void pair(int fd[2])
{
	struct sockaddr_in at;
	int l = listener(&at), one = 1;

	fd[0] = tcp();
	S->connect(fd[0], SA(at), sizeof(at));
	settle();
	fd[1] = keep(S->accept4(l, NULL, NULL, SOCK_NONBLOCK));
	for (int i = 0; i < 2; i++)
		S->setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	settle();
	S->close(l);
}

void udp_pair(int fd[2])
{
	struct sockaddr_in a, b;

	fd[0] = udp();
	fd[1] = udp();
	a = bind_any(fd[0]);
	b = bind_any(fd[1]);
	S->connect(fd[0], SA(b), sizeof(b));
	S->connect(fd[1], SA(a), sizeof(a));
}

void block(int fd, bool on)
{
	S->fcntl(fd, F_SETFL, on ? 0 : O_NONBLOCK);
}

void linger0(int fd)
{
	struct linger l = { 1, 0 };

	S->setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
}

void say_events(const char *what, unsigned events)
{
	static const struct {
		unsigned bit;
		const char *name;
	} bits[] = { { EPOLLIN, "IN" }, { EPOLLOUT, "OUT" }, { EPOLLRDHUP, "RDHUP" },
		     { EPOLLHUP, "HUP" }, { EPOLLERR, "ERR" }, { EPOLLPRI, "PRI" },
		     { POLLNVAL, "NVAL" }, { EPOLLRDNORM, "RDNORM" },
		     { EPOLLWRNORM, "WRNORM" } };

	say(" %s:", what);
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if (events & bits[i].bit)
			say("%s.", bits[i].name);
}

/* ---- running */

static void on_pipe(int sig)
{
	pipes++;
}

static void on_alarm(int sig)
{
	fprintf(stderr, "sockcheck: %s hangs in %s: %s\n", now, S->name, out);
	_exit(1);
}

static void forget(void)
{
	while (kept_n > 0)
		S->close(kept[--kept_n]);
	settle();
	settle();
	pipes = 0;
}

static bool is_explained(const char *name)
{
	bool any = false;

	for (unsigned i = 0; i < explained_n; i++) {
		if (fnmatch(explained[i].pattern, name, 0) == 0) {
			explained[i].used++;
			any = true;
		}
	}
	return any;
}

static void compare(const char *name)
{
	checks++;
	if (!strcmp(text[0], text[1])) {
		if (loud)
			printf("ok %s:%s\n", name, text[0]);
		return;
	}
	differences++;
	if (is_explained(name)) {
		told++;
		if (!loud)
			return;
	}
	printf("%s\n  linux:%s\n  leat: %s\n", name, text[0], text[1]);
}

/* `run`, or an operation in a state, for one and for the other. */
static void run_both(const char *name, void (*run)(void), const struct state *s,
		 const struct operation *o)
{
	now = name;
	for (int i = 0; i < 2; i++) {
		S = i ? &leat_calls : &kernel_calls;
		out = text[i];
		out[0] = '\0';
		alarm(20);
		if (run) {
			run();
		} else {
			int fd = s->make();

			out[0] = '\0';
			pipes = 0;
			o->run(fd);
		}
		forget();
	}
	alarm(0);
}

/* One check.  What differs has to differ again: when an acknowledgement comes is a matter of time,
 * and Linux tells edge-triggered sets that a FIN was acknowledged. */
static void both(const char *name, void (*run)(void), const struct state *s,
		 const struct operation *o)
{
	if (fnmatch(only, name, 0))
		return;
	for (int i = 0; i < TRIES; i++) {
		run_both(name, run, s, o);
		if (!strcmp(text[0], text[1]))
			break;
		if (is_explained(name))
			break;
	}
	compare(name);
}

static void option(const char *name, void (*run)(void))
{
	both(name, run, NULL, NULL);
}

static void run_all(void)
{
	char name[128];

	for (size_t s = 0; s < states_n; s++) {
		for (size_t o = 0; o < operations_n; o++) {
			snprintf(name, sizeof(name), "%s/%s", states[s].name, operations[o].name);
			both(name, NULL, &states[s], &operations[o]);
		}
	}
	for (size_t i = 0; i < checks_calls_n; i++)
		both(checks_calls[i].name, checks_calls[i].run, NULL, NULL);
	for (size_t i = 0; i < checks_epoll_n; i++)
		both(checks_epoll[i].name, checks_epoll[i].run, NULL, NULL);
	options_run(option);
	random_run(option);
}

static void read_explanations(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[4096];

	while (f && fgets(line, sizeof(line), f)) {
		char *end;

		if (strncmp(line, "| ", 2) || !(end = strstr(line + 2, " |")) ||
		    !memchr(line, '/', (size_t)(end - line)) || explained_n == EXPLAINED_MAX)
			continue;
		*end = '\0';
		snprintf(explained[explained_n++].pattern, sizeof(explained[0].pattern), "%.127s",
			 line + 2);
	}
	if (f)
		fclose(f);
}

int main(int argc, char **argv)
{
	struct sigaction pipe_action = { .sa_handler = on_pipe, .sa_flags = SA_RESTART };
	struct sigaction alarm_action = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	char why[160];

	if (argc < 2)
		return fprintf(stderr, "usage: sockcheck sockets.md [-v] [PATTERN]\n"), 2;
	read_explanations(argv[1]);
	for (int i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "-v"))
			loud = true;
		else
			only = argv[i];
	}
	sigaction(SIGPIPE, &pipe_action, NULL);
	sigaction(SIGALRM, &alarm_action, NULL);
	if (!leat_start("none", why, sizeof(why)))
		return fprintf(stderr, "sockcheck: %s\n", why), 1;
	run_all();
	for (unsigned i = 0; i < explained_n && !strcmp(only, "*"); i++) {
		if (explained[i].used)
			continue;
		printf("note: %s is explained, but does not differ\n", explained[i].pattern);
	}
	if (leat_stop(0) != 0)
		return fprintf(stderr, "sockcheck: frames are missing\n"), 1;
	printf("%u checks, %u differences, %u explained\n", checks, differences, told);
	return differences != told || (!strcmp(only, "*") && checks < 500);
}
