/* Cases for print.c: what libc's printf makes of the same formats, however little room there is. */
#include "base.h"

#include <limits.h>
#include <string.h>

#include "check.h"
#include "../../print.c"

static void same(const char *fmt, ...) PRINTF_LIKE(1, 2);

static void same(const char *fmt, ...)
{
	char want[256], got[256];
	va_list args, again;
	size_t len;

	va_start(args, fmt);
	for (size_t room = 0; room <= sizeof got; room = room < 40 ? room + 1 : room + 216) {
		memset(want, '#', sizeof want);
		memset(got, '#', sizeof got);
		va_copy(again, args);
		len = (size_t)vsnprintf(want, room, fmt, again);
		va_end(again);
		check(print_args(got, room, fmt, args) == len, "length", fmt);
		check(memcmp(want, got, sizeof got) == 0, "text", fmt);
	}
	va_end(args);
}

int main(void)
{
	const char *volatile none = NULL;
	char text[8];

	same("%s", "");
	same("nothing but text");
	same("%s and %s", "one", "another");
	same("100 %% %c%c", 'a', '%');
	same("%.*s|%.*s|%.*s", 3, "abcdef", 0, "abc", 9, "abc");
	same("%.8s|%.8s", "0123456789", "0123");
	same("%.*s", 3, (const char[]){ 'a', 'b', 'c' }); /* whose end is not looked for */
	same("%d %d %d %d", 0, -1, INT_MAX, INT_MIN);
	same("%ld %ld %lld %lld", LONG_MAX, LONG_MIN, LLONG_MAX, LLONG_MIN);
	same("%u %lu %llu %zu", UINT_MAX, ULONG_MAX, ULLONG_MAX, SIZE_MAX);
	same("%x %X %02x %02X %04x %016llx %zx", 0xabcu, 0xdefu, 7u, 0xf0u, 0x20u, 0x123456789abcdefull, (size_t)31);
	same("%02d:%02d:%04d %03llu %02d", 3, 59, 12345, 7ull, -5);
	print_text(text, sizeof text, "%s", none);
	check(strcmp(text, "(null)") == 0, "text", "NULL");
	check(print_text(text, sizeof text, "%s-%u", "longer", 12u) == 9 && strcmp(text, "longer-") == 0, "text", "cut");
	return check_sum();
}
