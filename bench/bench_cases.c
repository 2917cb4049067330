/* The list of cases, and the pair of stacks that most of them use. */
#include <stdlib.h>
#include <sys/mman.h>

#include "bench/bench.h"
#include "drivers/loop/loop.h"
#include "net/net.h"

extern const struct bench bench_tcp_pingpong;
extern const struct bench bench_tcp_bulk;
extern const struct bench bench_tcp_data_in;
extern const struct bench bench_tcp_ack_in;
extern const struct bench bench_http_get;
extern const struct bench bench_ip_in;
extern const struct bench bench_ip_out;
extern const struct bench bench_udp_echo;
extern const struct bench bench_ring_pingpong;
extern const struct bench bench_ring_nop;
extern const struct bench bench_sock_pingpong;
extern const struct bench bench_sock_epoll;
extern const struct bench bench_sock_accept;
extern const struct bench bench_go_yield;
extern const struct bench bench_replay_echo;
extern const struct bench bench_replay_echo_1000;
extern const struct bench bench_replay_alone;
extern const struct bench bench_ring_call;
extern const struct bench bench_ring_accept;
extern const struct bench bench_httpd_get;
extern const struct bench bench_httpd_get_64;
extern const struct bench bench_httpd_get_deep;
extern const struct bench bench_csum_20;
extern const struct bench bench_csum_32;
extern const struct bench bench_csum_64;
extern const struct bench bench_csum_1460;
extern const struct bench bench_csum_copy_64;
extern const struct bench bench_csum_copy_1460;
extern const struct bench bench_pkt_new_put;
extern const struct bench bench_pkt_chain_put;
extern const struct bench bench_table_hit_1k;
extern const struct bench bench_table_miss_1k;
extern const struct bench bench_table_hit_1m;
extern const struct bench bench_wheel_rearm;
extern const struct bench bench_wheel_arm_cancel;
extern const struct bench bench_wheel_fire;
extern const struct bench bench_siphash13_2;
extern const struct bench bench_wire_tcp_parse;
extern const struct bench bench_wire_tcp_write;
extern const struct bench bench_wire_ipv4_parse;
extern const struct bench bench_wire_ipv4_write;
extern const struct bench bench_http_parse_min;
extern const struct bench bench_http_parse_tool;
extern const struct bench bench_http_parse_browser;
extern const struct bench bench_http_parse_any;
extern const struct bench bench_http_path;
extern const struct bench bench_http_response;

const struct bench *const bench_cases[] = {
	&bench_tcp_pingpong,
	&bench_tcp_bulk,
	&bench_tcp_data_in,
	&bench_tcp_ack_in,
	&bench_http_get,
	&bench_ip_in,
	&bench_ip_out,
	&bench_udp_echo,
	&bench_ring_pingpong,
	&bench_ring_nop,
	&bench_sock_pingpong,
	&bench_sock_epoll,
	&bench_sock_accept,
	&bench_go_yield,
	&bench_replay_echo,
	&bench_replay_echo_1000,
	&bench_replay_alone,
	&bench_ring_call,
	&bench_ring_accept,
	&bench_httpd_get,
	&bench_httpd_get_64,
	&bench_httpd_get_deep,
	&bench_csum_20,
	&bench_csum_32,
	&bench_csum_64,
	&bench_csum_1460,
	&bench_csum_copy_64,
	&bench_csum_copy_1460,
	&bench_pkt_new_put,
	&bench_pkt_chain_put,
	&bench_table_hit_1k,
	&bench_table_miss_1k,
	&bench_table_hit_1m,
	&bench_wheel_rearm,
	&bench_wheel_arm_cancel,
	&bench_wheel_fire,
	&bench_siphash13_2,
	&bench_wire_tcp_parse,
	&bench_wire_tcp_write,
	&bench_wire_ipv4_parse,
	&bench_wire_ipv4_write,
	&bench_http_parse_min,
	&bench_http_parse_tool,
	&bench_http_parse_browser,
	&bench_http_parse_any,
	&bench_http_path,
	&bench_http_response,
};
const size_t bench_cases_n = sizeof(bench_cases) / sizeof(bench_cases[0]);

void *bench_memory(size_t n)
{
	void *m = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
		       -1, 0);

	bench_need(m != MAP_FAILED, "no memory for a stack");
	return m;
}

struct net *bench_stack(uint64_t seed)
{
	struct net_config config;
	struct net *net = calloc(1, sizeof(*net));
	const char *why = "";

	net_config_default(&config);
	config.frames = 4096;
	config.bare = 4096;
	config.seed = seed;
	config.hash_key = (struct siphash_key){{seed * 0x9e3779b97f4a7c15u, seed}};
	config.secret_key = (struct siphash_key){{seed, ~seed}};
	bench_need(net && net_private_bytes(&config, &why), why);
	net_init(net, &config, bench_memory(net_region_bytes(&config, &why)),
		 bench_memory(net_private_bytes(&config, &why)), SEC(1));
	return net;
}

void bench_pair_open(struct bench_pair *pair)
{
	struct netdev *dev = calloc(2, sizeof(*dev));
	struct addr a = addr_v4(IPV4(10, 0, 0, 1)), b = addr_v4(IPV4(10, 0, 0, 2));
	struct loop_config wire = {0};
	struct ip_path path = {0};

	pair->a = bench_stack(1);
	pair->b = bench_stack(2);
	pair->now = SEC(1);
	bench_need(dev && loop_open(&dev[0], &pair->a->pool, &dev[1], &pair->b->pool, &wire) == 0,
		   "no wire");
	bench_need(net_add_dev(pair->a, &dev[0]) >= 0 && net_add_dev(pair->b, &dev[1]) >= 0,
		   "no device");
	bench_need(!ip_add_addr(&pair->a->ip, &a, 24, 0) && !ip_add_addr(&pair->b->ip, &b, 24, 0),
		   "no address");
	ip_path_find(&pair->a->ip, &path, &a, &b);
	for (unsigned i = 0; i < 100; i++) {
		pair->now += MSEC(100);
		bench_pair_poll(pair);
	}
}

void bench_pair_poll(struct bench_pair *pair)
{
	pair->now += 100;
	net_poll(pair->a, pair->now);
	net_poll(pair->b, pair->now);
}
