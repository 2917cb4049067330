/* Memory and start of a stack under test. */
#include "helper/host.h"

#include "base/prng.h"
#include "port/port.h"

void host_config(struct net_config *config, uint64_t seed)
{
	struct prng r;

	net_config_default(config);
	prng_seed(&r, seed);
	config->frames = 512;
	config->bare = 512;
	config->neighs_max = 16;
	config->tcp.conns_max = 64;
	config->tcp.timewaits_max = 64;
	config->tcp.listeners_max = 8;
	config->seed = prng_u64(&r);
	config->hash_key.k[0] = prng_u64(&r);
	config->hash_key.k[1] = prng_u64(&r);
	config->secret_key.k[0] = prng_u64(&r);
	config->secret_key.k[1] = prng_u64(&r);
}

const char *host_init(struct host *h, const struct net_config *config, nsec now)
{
	const char *why = "no memory";

	h->config = *config;
	h->region_bytes = net_region_bytes(config, &why);
	h->mem_bytes = net_private_bytes(config, &why);
	if (!h->region_bytes || !h->mem_bytes)
		return why;
	h->region = port_map(h->region_bytes, false);
	h->mem = port_map(h->mem_bytes, false);
	if (!h->region || !h->mem)
		return "no memory";
	net_init(&h->net, config, h->region, h->mem, now);
	return NULL;
}

bool host_fini(struct host *h)
{
	bool rest;

	net_fini(&h->net);
	rest = pool_at_rest(&h->net.pool);
	port_unmap(h->region, h->region_bytes);
	port_unmap(h->mem, h->mem_bytes);
	return rest;
}
