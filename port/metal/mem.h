/* The functions that compilers call without being asked, by the C library's names. */
#ifndef PORT_METAL_MEM_H
#define PORT_METAL_MEM_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int __popcountdi2(long v);

#endif
