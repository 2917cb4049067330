/* The steering program: which frames come to us.
 *
 * A few instructions, written here as the kernel takes them: no compiler for BPF is needed, neither
 * to build nor to run (docs/adr/0018-xdp-without-libraries.md).  It is attached by a bpf_link,
 * which the kernel undoes when its last descriptor is closed: after a crash nothing is left. */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fmt.h"
#include "drivers/xdp/xdp_int.h"

#define STEER_QUEUES_MAX 64
#define ETH_TYPE 12
#define ARP_END 42
#define ARP_TARGET 38
#define IPV4_END 34
#define IPV4_TARGET 30
#define TYPE_ARP 0x0806
#define TYPE_IPV4 0x0800
#define HELPER_REDIRECT_MAP 51

struct xdp_steer {
	unsigned ifindex, users;
	int map_fd, prog_fd, link_fd;
	bool native;
	struct xdp_steer *next;
};

/* Opening and closing only. */
static pthread_mutex_t xdp_steer_lock = PTHREAD_MUTEX_INITIALIZER;
static struct xdp_steer *xdp_steers;

static int xdp_bpf(int command, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

#define STEER_OP(op, to, from, jump, value)                                                        \
	{ .code = (op), .dst_reg = (to), .src_reg = (from), .off = (jump), .imm = (int32_t)(value) }
#define STEER_LOAD(width, to, from, at) STEER_OP(BPF_LDX | BPF_MEM | (width), to, from, at, 0)

/* Loads a program; its descriptor or a negative error. */
static int xdp_steer_load(const struct bpf_insn *program, uint32_t n)
{
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.expected_attach_type = BPF_XDP,
		.insn_cnt = n,
		.insns = (uintptr_t)program,
		.license = (uintptr_t)"Dual BSD/GPL",
		.prog_name = "leat_steer",
	};

	return xdp_bpf(BPF_PROG_LOAD, &attr);
}

/* Our IPv4 address, and ARP about it. */
static int xdp_steer_load_one(int map_fd, uint32_t addr)
{
	const uint32_t ours = __builtin_bswap32(addr);
	const struct bpf_insn program[] = {
		/* r2 = data, r3 = its end; r1 = the context */
		STEER_LOAD(BPF_W, 2, 1, offsetof(struct xdp_md, data)),
		STEER_LOAD(BPF_W, 3, 1, offsetof(struct xdp_md, data_end)),
		STEER_OP(BPF_ALU64 | BPF_MOV | BPF_X, 4, 2, 0, 0),
		STEER_OP(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, IPV4_END),
		STEER_OP(BPF_JMP | BPF_JGT | BPF_X, 4, 3, 14, 0),		/* -> pass */
		STEER_LOAD(BPF_H, 5, 2, ETH_TYPE),
		STEER_OP(BPF_JMP | BPF_JEQ | BPF_K, 5, 0, 5, __builtin_bswap16(TYPE_IPV4)),
		STEER_OP(BPF_JMP | BPF_JNE | BPF_K, 5, 0, 11, __builtin_bswap16(TYPE_ARP)),
		STEER_OP(BPF_ALU64 | BPF_ADD | BPF_K, 4, 0, 0, ARP_END - IPV4_END),
		STEER_OP(BPF_JMP | BPF_JGT | BPF_X, 4, 3, 9, 0),		/* -> pass */
		STEER_LOAD(BPF_W, 5, 2, ARP_TARGET),
		STEER_OP(BPF_JMP | BPF_JA, 0, 0, 1, 0),
		STEER_LOAD(BPF_W, 5, 2, IPV4_TARGET),
		STEER_OP(BPF_JMP32 | BPF_JNE | BPF_K, 5, 0, 5, ours),		/* -> pass */
		/* redirect_map(map, queue, what else) */
		STEER_LOAD(BPF_W, 2, 1, offsetof(struct xdp_md, rx_queue_index)),
		STEER_OP(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map_fd),
		STEER_OP(0, 0, 0, 0, 0),
		STEER_OP(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, XDP_PASS),
		STEER_OP(BPF_JMP | BPF_JA, 0, 0, 2, 0),				/* -> call */
		/* pass: */
		STEER_OP(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_PASS),
		STEER_OP(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		/* call: */
		STEER_OP(BPF_JMP | BPF_CALL, 0, 0, 0, HELPER_REDIRECT_MAP),
		STEER_OP(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return xdp_steer_load(program, ARRAY_LEN(program));
}

/* Every frame of the queues that we read. */
static int xdp_steer_load_all(int map_fd)
{
	const struct bpf_insn program[] = {
		STEER_LOAD(BPF_W, 2, 1, offsetof(struct xdp_md, rx_queue_index)),
		STEER_OP(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map_fd),
		STEER_OP(0, 0, 0, 0, 0),
		STEER_OP(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, XDP_PASS),
		STEER_OP(BPF_JMP | BPF_CALL, 0, 0, 0, HELPER_REDIRECT_MAP),
		STEER_OP(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return xdp_steer_load(program, ARRAY_LEN(program));
}

static int xdp_steer_map(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_XSKMAP,
		.key_size = 4,
		.value_size = 4,
		.max_entries = STEER_QUEUES_MAX,
		.map_name = "leat_queues",
	};

	return xdp_bpf(BPF_MAP_CREATE, &attr);
}

/* By the card's driver where it can, else by the kernel (slower). */
static int xdp_steer_attach(struct xdp_steer *s)
{
	union bpf_attr attr = {
		.link_create = {
			.prog_fd = (uint32_t)s->prog_fd,
			.target_ifindex = s->ifindex,
			.attach_type = BPF_XDP,
			.flags = XDP_FLAGS_DRV_MODE,
		},
	};
	int fd = xdp_bpf(BPF_LINK_CREATE, &attr);

	s->native = fd >= 0;
	if (fd >= 0 || fd == -EBUSY || fd == -EPERM)
		return fd;
	attr.link_create.flags = XDP_FLAGS_SKB_MODE;
	return xdp_bpf(BPF_LINK_CREATE, &attr);
}

static void xdp_steer_close(struct xdp_steer *s)
{
	if (s->link_fd >= 0)
		close(s->link_fd);
	if (s->prog_fd >= 0)
		close(s->prog_fd);
	if (s->map_fd >= 0)
		close(s->map_fd);
	free(s);
}

static int xdp_steer_open(struct xdp_steer *s, uint32_t addr)
{
	s->map_fd = xdp_steer_map();
	if (s->map_fd < 0)
		return s->map_fd;
	s->prog_fd = addr ? xdp_steer_load_one(s->map_fd, addr) : xdp_steer_load_all(s->map_fd);
	if (s->prog_fd < 0)
		return s->prog_fd;
	s->link_fd = xdp_steer_attach(s);
	return MIN(s->link_fd, 0);
}

static void xdp_steer_why(const char *ifname, int err, char *why, size_t size)
{
	if (err == -E_PERM || err == -E_ACCES)
		fmt(why, size, "xdp: %s: CAP_NET_ADMIN and CAP_BPF are missing; run as root, or "
		    "setcap cap_net_admin,cap_net_raw,cap_bpf,cap_ipc_lock+ep on the program",
		    ifname);
	else if (err == -E_BUSY)
		fmt(why, size, "xdp: %s has a program of somebody else's already: ip link show %s",
		    ifname, ifname);
	else
		fmt(why, size, "xdp: the kernel does not take the steering program for %s: %s",
		    ifname, strerror(-err));
}

static struct xdp_steer *xdp_steer_new(const char *ifname, unsigned ifindex, uint32_t addr,
				       char *why, size_t size)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	struct xdp_steer *s = calloc(1, sizeof(*s));
	int err;

	if (!s) {
		fmt(why, size, "xdp: no memory");
		return NULL;
	}
	setrlimit(RLIMIT_MEMLOCK, &all);	/* the region stays in memory; may be so already */
	s->map_fd = s->prog_fd = s->link_fd = -1;
	s->ifindex = ifindex;
	err = xdp_steer_open(s, addr);
	if (err < 0) {
		xdp_steer_why(ifname, err, why, size);
		xdp_steer_close(s);
		return NULL;
	}
	s->next = xdp_steers;
	xdp_steers = s;
	return s;
}

struct xdp_steer *xdp_steer_get(const char *ifname, unsigned ifindex, uint32_t addr, bool *native,
				char *why, size_t size)
{
	struct xdp_steer *s;

	pthread_mutex_lock(&xdp_steer_lock);
	for (s = xdp_steers; s; s = s->next)
		if (s->ifindex == ifindex)
			break;
	if (!s)
		s = xdp_steer_new(ifname, ifindex, addr, why, size);
	if (s) {
		s->users++;
		*native = s->native;
	}
	pthread_mutex_unlock(&xdp_steer_lock);
	return s;
}

void xdp_steer_put(struct xdp_steer *steer)
{
	struct xdp_steer **at = &xdp_steers;

	pthread_mutex_lock(&xdp_steer_lock);
	if (--steer->users == 0) {
		while (*at != steer)
			at = &(*at)->next;
		*at = steer->next;
		xdp_steer_close(steer);
	}
	pthread_mutex_unlock(&xdp_steer_lock);
}

int xdp_steer_queue(struct xdp_steer *steer, uint32_t queue, int fd)
{
	uint32_t value = (uint32_t)fd;
	union bpf_attr attr = {
		.map_fd = (uint32_t)steer->map_fd,
		.key = (uintptr_t)&queue,
		.value = (uintptr_t)&value,
	};

	return xdp_bpf(BPF_MAP_UPDATE_ELEM, &attr);
}
