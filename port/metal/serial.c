/* The console: the first serial port, and the log on it, a colour a level.
 *
 * Writing waits for the port; one that never becomes ready costs a bounded time a byte. */
#include "port/metal/metal.h"

#include "base/fmt.h"
#include "port/port.h"

#define COM1 0x3f8
#define COM1_LINE 4u
#define READY_TRIES 100000u

static bool serial_there;
static enum log_level serial_most = LOG_INFO;

void metal_serial_init(void)
{
	metal_out8(COM1 + 1, 0);
	metal_out8(COM1 + 3, 0x80);
	metal_out8(COM1 + 0, 1);	/* 115200 */
	metal_out8(COM1 + 1, 0);
	metal_out8(COM1 + 3, 3);	/* 8n1 */
	metal_out8(COM1 + 2, 7);
	metal_out8(COM1 + 4, 0x0b);
	serial_there = metal_in8(COM1 + 5) != 0xff;
}

static void serial_put(char c)
{
	for (unsigned i = 0; i < READY_TRIES && !(metal_in8(COM1 + 5) & 0x20); i++)
		;
	metal_out8(COM1, (uint8_t)c);
}

void metal_serial_write(const char *text)
{
	if (!serial_there)
		return;
	for (; *text; text++) {
		if (*text == '\n')
			serial_put('\r');
		serial_put(*text);
	}
}

int metal_serial_read(void)
{
	if (!serial_there || !(metal_in8(COM1 + 5) & 1))
		return -1;
	return metal_in8(COM1);
}

void metal_serial_irq(void)
{
	if (!serial_there)
		return;
	metal_out8(COM1 + 1, 1);
	metal_apic_line(COM1_LINE, true);
}

void metal_log_level(enum log_level most)
{
	serial_most = most;
}

void port_log(void *ctx, enum log_level level, const char *line)
{
	static const char *const colors[] = {
		[LOG_ERROR] = "\033[31m", [LOG_WARN] = "\033[33m",
		[LOG_INFO] = "\033[32m", [LOG_DEBUG] = "\033[2m",
	};
	uint64_t us = (port_now() - SEC(1)) / 1000;
	char stamp[32];

	if (level > serial_most)
		return;
	fmt(stamp, sizeof(stamp), "[%4u.%06u] ", (unsigned)(us / 1000000),
	    (unsigned)(us % 1000000));
	metal_serial_write(colors[level]);
	metal_serial_write(stamp);
	metal_serial_write("\033[0m");
	metal_serial_write(line);
	metal_serial_write("\n");
}

void metal_log(enum log_level level, const char *format, ...)
{
	char line[256];
	va_list ap;

	va_start(ap, format);
	fmt_v(line, sizeof(line), format, ap);
	va_end(ap);
	port_log(NULL, level, line);
}
