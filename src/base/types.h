/* The words every file speaks: sizes, time, ownership marks, alignment.
 *
 * Not here: memory functions (mem.h), byte order (byteorder.h), failures (assert.h, err.h, drop.h).
 * Includes the compiler's own freestanding headers only. */
#ifndef BASE_TYPES_H
#define BASE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A moment or a duration in nanoseconds since an arbitrary start.  A platform never hands in 0,
 * so that 0 can mean "never" or "not yet". */
typedef uint64_t nsec;
#define NSEC_NEVER UINT64_MAX
#define USEC(n) ((nsec)(n) * 1000u)
#define MSEC(n) ((nsec)(n) * 1000000u)
#define SEC(n)  ((nsec)(n) * 1000000000u)

/* Ownership, visible in a signature (STYLE.md): a TAKES argument is consumed on every path, an
 * OWNER(f) result must end in f(), a plain pointer is borrowed for the call. */
#define TAKES
#define OWNER(free_fn) __attribute__((warn_unused_result))

#define CACHE_LINE 64
#define CACHE_ALIGNED __attribute__((aligned(CACHE_LINE)))
#define PACKED __attribute__((packed))
#define UNUSED __attribute__((unused))
#define NOINLINE __attribute__((noinline))
#define COLD __attribute__((cold, noinline))
#define NORETURN __attribute__((noreturn))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define prefetch_r(p) __builtin_prefetch((p), 0, 3)
#define prefetch_w(p) __builtin_prefetch((p), 1, 3)

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define ALIGN_UP(n, to) (((n) + ((to) - 1)) & ~((__typeof__(n))(to) - 1))
#define IS_POW2(n) ((n) && !((n) & ((n) - 1)))
#define static_assert _Static_assert

#endif
