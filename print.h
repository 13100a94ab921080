/* print: text from a format, as printf has it, of the conversions that this program uses: %s, %c, %d, %u, %x and %X,
 * with l, ll or z; of numbers a width that begins with 0; and a precision of %s, which may be *. libc's own would be a
 * thirtieth of the static binary, for floating point and wide characters that nobody prints. */
#ifndef PRINT_H
#define PRINT_H

#include "base.h"

#include <stdarg.h>

/* As vsnprintf and snprintf: at most `room` bytes with the NUL; returns the length of the whole text. */
size_t print_args(char *out, size_t room, const char *fmt, va_list args);
size_t print_text(char *out, size_t room, const char *fmt, ...) PRINTF_LIKE(3, 4);
void print_to(int fd, const char *fmt, ...) PRINTF_LIKE(2, 3); /* at once; for the command line */

#endif
