/* Classic BPF: the judge and the interpreter. */
#include "bpf/bpf.h"

#include "base/byteorder.h"
#include "base/err.h"

enum { LD, LDX, ST, STX, ALU, JMP, RET, MISC };		/* code & 7 */
enum { W = 0x00, H = 0x08, B = 0x10 };			/* size of a load */
enum { IMM = 0x00, ABS = 0x20, IND = 0x40, MEM = 0x60, LEN = 0x80, MSH = 0xa0 };	/* mode */
enum { ADD = 0x00, SUB = 0x10, MUL = 0x20, DIV = 0x30, OR = 0x40, AND = 0x50, LSH = 0x60,
       RSH = 0x70, NEG = 0x80, MOD = 0x90, XOR = 0xa0 };
enum { JA = 0x00, JEQ = 0x10, JGT = 0x20, JGE = 0x30, JSET = 0x40 };
enum { FROM_X = 0x08, RET_A = 0x10, TXA = 0x80 };

#define CELLS 16u

static bool load_good(const struct bpf_insn *i)
{
	bool x = (i->code & 7) == LDX;

	switch (i->code & ~7) {
	case W | IMM:
	case W | LEN:
		return true;
	case W | MEM:
		return i->k < CELLS;
	case B | MSH:
		return x;
	case W | ABS:
	case H | ABS:
	case B | ABS:
		/* negative offsets are Linux's extensions, which are not here */
		return !x && i->k <= INT32_MAX;
	case W | IND:
	case H | IND:
	case B | IND:
		return !x;
	default:
		return false;
	}
}

static bool alu_good(const struct bpf_insn *i)
{
	uint16_t op = i->code & 0xf0;

	if (op > XOR || i->code & 0xff00)
		return false;
	if (i->code & FROM_X || op == NEG)
		return true;
	if ((op == DIV || op == MOD) && i->k == 0)
		return false;
	return (op != LSH && op != RSH) || i->k < 32;
}

static bool jump_good(const struct bpf_insn *i, uint32_t at, uint32_t n)
{
	uint16_t op = i->code & 0xf0;

	if (op > JSET || i->code & 0xff00)
		return false;
	if (op == JA)
		return i->k < n - at - 1;
	return at + 1 + i->jt < n && at + 1 + i->jf < n;
}

static bool good(const struct bpf_insn *i, uint32_t at, uint32_t n)
{
	switch (i->code & 7) {
	case LD:
	case LDX:
		return load_good(i);
	case ST:
	case STX:
		return i->code <= STX && i->k < CELLS;
	case ALU:
		return alu_good(i);
	case JMP:
		return jump_good(i, at, n);
	case RET:
		return i->code == RET || i->code == (RET | RET_A);
	default:
		return i->code == MISC || i->code == (MISC | TXA);
	}
}

int bpf_check(const struct bpf_insn *insns, uint32_t n)
{
	if (n == 0 || n > BPF_INSNS_MAX)
		return -E_INVAL;
	for (uint32_t i = 0; i < n; i++)
		if (!good(&insns[i], i, n))
			return -E_INVAL;
	return (insns[n - 1].code & 7) == RET ? 0 : -E_INVAL;
}

/* ---- running */

struct machine {
	uint32_t a, x, cell[CELLS];
};

static bool fetch(const struct pkt *p, uint64_t at, uint32_t size, uint32_t *out)
{
	uint8_t b[4];

	if (at + size > p->total || pkt_read(p, (uint32_t)at, b, size) != size)
		return false;
	*out = size == 4 ? load_be32(b) : size == 2 ? load_be16(b) : b[0];
	return true;
}

/* False: beyond the packet. */
static bool load(struct machine *m, const struct bpf_insn *i, const struct pkt *p)
{
	uint32_t *to = (i->code & 7) == LDX ? &m->x : &m->a;
	uint32_t size = (i->code & 0x18) == W ? 4 : (i->code & 0x18) == H ? 2 : 1;

	switch (i->code & 0xe0) {
	case IMM:
		*to = i->k;
		return true;
	case LEN:
		*to = p->total;
		return true;
	case MEM:
		*to = m->cell[i->k];
		return true;
	case ABS:
		return fetch(p, i->k, size, to);
	case IND:
		return fetch(p, (uint64_t)m->x + i->k, size, to);
	default:		/* MSH: the length of an IP header */
		if (!fetch(p, i->k, 1, to))
			return false;
		*to = (*to & 15) * 4;
		return true;
	}
}

/* False: divided by nothing. */
static bool compute(struct machine *m, const struct bpf_insn *i)
{
	uint32_t v = i->code & FROM_X ? m->x : i->k;

	switch (i->code & 0xf0) {
	case ADD:
		m->a += v;
		break;
	case SUB:
		m->a -= v;
		break;
	case MUL:
		m->a *= v;
		break;
	case DIV:
	case MOD:
		if (v == 0)
			return false;
		m->a = (i->code & 0xf0) == DIV ? m->a / v : m->a % v;
		break;
	case OR:
		m->a |= v;
		break;
	case AND:
		m->a &= v;
		break;
	case LSH:
		m->a = v < 32 ? m->a << v : 0;
		break;
	case RSH:
		m->a = v < 32 ? m->a >> v : 0;
		break;
	case NEG:
		m->a = -m->a;
		break;
	default:
		m->a ^= v;
		break;
	}
	return true;
}

static uint32_t jump(const struct machine *m, const struct bpf_insn *i)
{
	uint32_t v = i->code & FROM_X ? m->x : i->k;
	bool yes;

	switch (i->code & 0xf0) {
	case JA:
		return i->k;
	case JEQ:
		yes = m->a == v;
		break;
	case JGT:
		yes = m->a > v;
		break;
	case JGE:
		yes = m->a >= v;
		break;
	default:
		yes = m->a & v;
		break;
	}
	return yes ? i->jt : i->jf;
}

uint32_t bpf_run(const struct bpf_insn *insns, const struct pkt *p)
{
	struct machine m = {0};

	for (const struct bpf_insn *i = insns;; i++) {
		switch (i->code & 7) {
		case LD:
		case LDX:
			if (!load(&m, i, p))
				return 0;
			break;
		case ST:
			m.cell[i->k] = m.a;
			break;
		case STX:
			m.cell[i->k] = m.x;
			break;
		case ALU:
			if (!compute(&m, i))
				return 0;
			break;
		case JMP:
			i += jump(&m, i);
			break;
		case RET:
			return i->code & RET_A ? m.a : i->k;
		default:
			if (i->code & TXA)
				m.a = m.x;
			else
				m.x = m.a;
			break;
		}
	}
}
