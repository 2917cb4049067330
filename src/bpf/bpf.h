/* Classic BPF (McCanne and Jacobson 1993; socket(7), SO_ATTACH_FILTER): programs that say how much
 * of a packet somebody wants.
 *
 * A program is judged once, by bpf_check(): jumps go forward and stay inside, memory cells and
 * divisors are good, it ends.  So running one is bounded by its length and needs no more checks
 * than that loads stay within the packet: one that does not ends the program with 0. */
#ifndef BPF_BPF_H
#define BPF_BPF_H

#include "base/pkt.h"

struct bpf_insn {		/* struct sock_filter of Linux */
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};
static_assert(sizeof(struct bpf_insn) == 8, "as Linux and BSD have it");

#define BPF_INSNS_MAX 4096u	/* Linux: BPF_MAXINSNS */

/* 0 or -E_INVAL. */
int bpf_check(const struct bpf_insn *insns, uint32_t n);

/* Bytes of `p` from its `data` on that are wanted; 0: none.  The program has passed bpf_check(). */
uint32_t bpf_run(const struct bpf_insn *insns, const struct pkt *p);

#endif
