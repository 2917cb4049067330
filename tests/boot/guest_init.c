/* A Linux guest's only program: loads the network card's modules, takes the address of QEMU's user
 * network, and answers every request with the same page, by epoll.
 *
 * What leat's boot image is compared with: the least that Linux needs for the same job. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BODY 600

static char answer[BODY + 256];
static size_t answer_n;

/* /modules.txt names them in their order. */
static void load_modules(void)
{
	FILE *f = fopen("/modules.txt", "r");
	char line[256];

	while (f && fgets(line, sizeof(line), f)) {
		int fd;

		line[strcspn(line, "\n")] = '\0';
		fd = open(line, O_RDONLY);
		if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) < 0)
			perror(line);
		close(fd);
	}
}

static void set_addr(struct sockaddr *to, const char *text)
{
	struct sockaddr_in *in = (struct sockaddr_in *)to;

	in->sin_family = AF_INET;
	inet_pton(AF_INET, text, &in->sin_addr);
}

static void interface_up(const char *name, const char *addr)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq r = { .ifr_flags = 0 };

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	for (int i = 0; i < 1000 && ioctl(fd, SIOCGIFFLAGS, &r) < 0; i++)
		usleep(1000);	/* the module needs a moment */
	if (addr) {
		set_addr(&r.ifr_addr, addr);
		ioctl(fd, SIOCSIFADDR, &r);
		set_addr(&r.ifr_addr, "255.255.255.0");
		ioctl(fd, SIOCSIFNETMASK, &r);
	}
	ioctl(fd, SIOCGIFFLAGS, &r);
	r.ifr_flags |= IFF_UP | IFF_RUNNING;
	ioctl(fd, SIOCSIFFLAGS, &r);
	close(fd);
}

static void make_answer(void)
{
	int n = snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
			 "Content-Length: %d\r\n\r\n", BODY);

	memset(answer + n, 'x', BODY);
	answer_n = (size_t)n + BODY;
}

static int listen_at(uint16_t port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	bind(fd, (struct sockaddr *)&at, sizeof(at));
	listen(fd, 1024);
	return fd;
}

static void serve(int listener)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = listener }, evs[64];
	int ep = epoll_create1(0);
	char b[4096];

	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev);
	for (;;) {
		int n = epoll_wait(ep, evs, 64, -1);

		for (int i = 0; i < n; i++) {
			int fd = evs[i].data.fd;

			if (fd == listener) {
				ev.data.fd = accept(listener, NULL, NULL);
				epoll_ctl(ep, EPOLL_CTL_ADD, ev.data.fd, &ev);
			} else if (read(fd, b, sizeof(b)) <= 0 ||
				   write(fd, answer, answer_n) < 0) {
				close(fd);
			}
		}
	}
}

int main(void)
{
	int listener;

	mkdir("/proc", 0755);
	mount("proc", "/proc", "proc", 0, "");
	load_modules();
	interface_up("lo", NULL);
	interface_up("eth0", "10.0.2.15");
	make_answer();
	listener = listen_at(80);
	printf("serving\n");
	fflush(stdout);
	serve(listener);
	return 0;
}
