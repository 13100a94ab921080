/* base: the first include of every file. Feature macros, and the few headers that all of them need. */
#ifndef BASE_H
#define BASE_H

#if defined(__linux__)
#define _GNU_SOURCE /* accept4, pipe2, splice, TCP_USER_TIMEOUT */
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#ifndef _TIME_BITS
#define _TIME_BITS 64 /* after 2038, where glibc has 32 bits by default */
#endif
#elif defined(__APPLE__)
#define _DARWIN_C_SOURCE
#elif defined(__NetBSD__)
#define _NETBSD_SOURCE
#elif !defined(__FreeBSD__) && !defined(__OpenBSD__) && !defined(__DragonFly__)
#define _POSIX_C_SOURCE 200809L
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DILL_VERSION "1.0.0"

/* Nobody prints floating point: where it comes in registers of its own, such a function need not keep them. */
#if defined(__x86_64__) && defined(__GNUC__) && __GNUC__ >= 11
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args), target("general-regs-only")))
#elif defined(__GNUC__)
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define PRINTF_LIKE(fmt, args)
#endif

#define ARRAY_LEN(a) (sizeof(a) / sizeof *(a))

/* The struct that `pointer`, not NULL, is the member of. */
#define CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

#endif
