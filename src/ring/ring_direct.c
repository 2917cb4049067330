/* Making and ending a direct ring, and its place above a struct net. */
#include "ring/ring.h"

void ring_config_default(struct ring_config *config)
{
	*config = (struct ring_config){
		.sock = {.sockets = 4096, .dgrams = 1024, .colds = 4096, .ops = 16384,
			 .completions = 4096}};
}

size_t ring_direct_bytes(const struct ring_config *config, const char **why)
{
	return sock_bytes(&config->sock, why);
}

static bool drain(void *ctx)
{
	struct leat_ring *ring = ctx;

	sock_drain(&ring->socks);
	if (unlikely(ring->socks.chains_over))
		ring_links_run(ring);
	return false;
}

static void timer(void *ctx, struct wheel_node *n)
{
	ring_timer(ctx, n);
}

void ring_direct_init(struct leat_ring *ring, const struct ring_config *config, struct net *net,
		      void *mem)
{
	assert(config->now != NULL);
	assert(net->drain == NULL);
	ring->make = NULL;
	ring->net = net;
	ring->now = config->now;
	ring->now_ctx = config->now_ctx;
	sock_init(&ring->socks, &config->sock, net, mem);
	ring_links_init(ring);
	net->drain = drain;
	net->sock_timer = timer;
	net->drain_ctx = ring;
}

void ring_direct_fini(struct leat_ring *ring)
{
	sock_fini(&ring->socks);
	ring->net->drain = NULL;
	ring->net->sock_timer = NULL;
	ring->net->drain_ctx = NULL;
}

void ring_check(const struct leat_ring *ring)
{
	sock_check(&ring->socks);
}
