/* Time: the time-stamp counter for what passes, the calendar chip for what day it is.
 *
 * How fast the counter and the APIC's timer run is measured at the start against the old timer,
 * which runs at 1.193182 MHz everywhere. */
#include "port/metal/metal.h"

#include "port/port.h"

#define PIT_HZ 1193182u
#define PIT_TICKS 600u		/* half a millisecond */
#define WINDOWS 5u
#define SCALE 32		/* fraction bits of nanoseconds a tick */
#define CMOS_TRIES 100000u

static uint64_t clock_start;	/* counter at the start */
static uint64_t clock_scale;	/* nanoseconds a tick, SCALE fraction bits */
static uint64_t clock_wall;	/* seconds since 1970 at the start */

nsec port_now(void)
{
	uint64_t ticks = metal_tsc() - clock_start;

	return SEC(1) + (nsec)(((unsigned __int128)ticks * clock_scale) >> SCALE);
}

uint64_t port_wall_seconds(void)
{
	return clock_wall + (port_now() - SEC(1)) / SEC(1);
}

/* ---- how fast is it? */

struct clock_speed {
	uint64_t scale, apic_hz;
};

/* Its counter, and the moment it was read as closely as three tries tell. */
static uint16_t clock_pit(uint64_t *tsc)
{
	uint64_t best = UINT64_MAX;
	uint16_t count = 0;

	for (unsigned i = 0; i < 3; i++) {
		uint64_t before = metal_tsc(), span;
		uint16_t c;

		metal_out8(0x43, 0x80);		/* latch channel 2 */
		c = metal_in8(0x42);
		c |= (uint16_t)(metal_in8(0x42) << 8);
		span = metal_tsc() - before;
		if (span >= best)
			continue;
		best = span;
		count = c;
		*tsc = before + span / 2;
	}
	return count;
}

/* What a window of PIT_TICKS tells: nanoseconds a tick of the counter, ticks a second of the APIC.
 */
static struct clock_speed clock_window(void)
{
	uint64_t from, to;
	uint16_t first = clock_pit(&from), last;
	uint32_t apic = metal_apic_ticks();

	do {
		last = clock_pit(&to);
	} while ((uint16_t)(first - last) < PIT_TICKS);
	apic -= metal_apic_ticks();
	first = (uint16_t)(first - last);
	return (struct clock_speed){
		.scale = (((first * SEC(1)) << 20) / PIT_HZ << (SCALE - 20)) / (to - from),
		.apic_hz = (uint64_t)apic * PIT_HZ / first,
	};
}

/* An emulated processor may be taken away for longer than the old timer counts: such a window says
 * anything, so that the one in the middle of several is believed. */
static void clock_calibrate(void)
{
	struct clock_speed w[WINDOWS], swap;

	metal_out8(0x61, (metal_in8(0x61) & ~2) | 1);	/* channel 2 counts, silently */
	metal_out8(0x43, 0xb4);				/* down from 65535, again and again */
	metal_out8(0x42, 0);
	metal_out8(0x42, 0);
	metal_apic_timer(UINT32_MAX);
	for (unsigned i = 0; i < WINDOWS; i++) {
		w[i] = clock_window();
		for (unsigned j = i; j > 0 && w[j - 1].scale > w[j].scale; j--) {
			swap = w[j];
			w[j] = w[j - 1];
			w[j - 1] = swap;
		}
	}
	metal_apic_timer(0);
	clock_scale = w[WINDOWS / 2].scale;
	metal_apic_hz = w[WINDOWS / 2].apic_hz;
}

/* ---- what day is it? */

static uint8_t cmos(uint8_t index)
{
	metal_out8(0x70, index);
	return metal_in8(0x71);
}

struct cmos_time {
	uint8_t s, min, h, day, month, year;
};

static struct cmos_time cmos_read(void)
{
	for (unsigned i = 0; i < CMOS_TRIES && cmos(0x0a) & 0x80; i++)
		;	/* it is counting on just now */
	return (struct cmos_time){ cmos(0), cmos(2), cmos(4), cmos(7), cmos(8), cmos(9) };
}

static uint64_t cmos_number(uint8_t v, bool binary)
{
	return binary ? v : (v >> 4) * 10u + (v & 15u);
}

/* Days since 1970 of a date of the Gregorian calendar: years that begin in March make leap days
 * the last. */
static uint64_t clock_days(uint64_t year, uint64_t month, uint64_t day)
{
	uint64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;

	return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static uint64_t clock_calendar(void)
{
	bool binary = cmos(0x0b) & 4;
	struct cmos_time t = cmos_read(), again = cmos_read();

	if (t.s != again.s)
		t = cmos_read();
	if (t.month == 0 || t.month == 0xff)
		return 0;	/* no such chip */
	return clock_days(2000 + cmos_number(t.year, binary), cmos_number(t.month, binary),
			  cmos_number(t.day, binary)) * 86400 +
	       cmos_number(t.h, binary) * 3600 + cmos_number(t.min, binary) * 60 +
	       cmos_number(t.s, binary);
}

void metal_clock_init(void)
{
	clock_calibrate();
	clock_start = metal_tsc();
	clock_wall = clock_calendar();
}
