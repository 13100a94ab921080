#include "base.h"
#include "print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sys.h"

_Static_assert(sizeof(size_t) == sizeof(long), "%zu is read as %lu");

struct print {
	char *out;
	size_t room, len;
	va_list args;
};

/* What stands between % and the letter. */
struct print_how {
	unsigned longs;
	int width, precision; /* precision: -1: none */
};

static void print_add(struct print *p, const char *text, size_t len)
{
	size_t left = p->len < p->room ? p->room - p->len : 0;

	if (left)
		memcpy(p->out + p->len, text, len < left ? len : left);
	p->len += len;
}

static void print_digits(struct print *p, const struct print_how *how, unsigned long long n, char kind, bool negative)
{
	const char *digits = kind == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	unsigned base = kind == 'x' || kind == 'X' ? 16 : 10;
	char text[32], *at = text + sizeof text;

	do
		*--at = digits[n % base];
	while (n /= base);
	while (text + sizeof text - at + negative < how->width && at > text)
		*--at = '0';
	if (negative)
		*--at = '-';
	print_add(p, at, (size_t)(text + sizeof text - at));
}

static void print_number(struct print *p, const struct print_how *how, char kind)
{
	long long n;

	if (kind == 'd') {
		n = how->longs > 1 ? va_arg(p->args, long long) : how->longs ? va_arg(p->args, long) : va_arg(p->args, int);
		print_digits(p, how, n < 0 ? -(unsigned long long)n : (unsigned long long)n, kind, n < 0);
	} else {
		print_digits(p, how, how->longs > 1 ? va_arg(p->args, unsigned long long) : how->longs ? va_arg(p->args, unsigned long)
		             : va_arg(p->args, unsigned), kind, false);
	}
}

static void print_string(struct print *p, const struct print_how *how)
{
	const char *text = va_arg(p->args, const char *);

	if (!text)
		text = "(null)";
	print_add(p, text, how->precision < 0 ? strlen(text) : strnlen(text, (size_t)how->precision));
}

static const char *print_read(struct print *p, struct print_how *how, const char *fmt)
{
	*how = (struct print_how){ .precision = -1 };
	for (; *fmt >= '0' && *fmt <= '9'; fmt++)
		how->width = how->width * 10 + *fmt - '0';
	if (*fmt == '.' && fmt[1] == '*') {
		how->precision = va_arg(p->args, int);
		fmt += 2;
	} else if (*fmt == '.') {
		for (how->precision = 0, fmt++; *fmt >= '0' && *fmt <= '9'; fmt++)
			how->precision = how->precision * 10 + *fmt - '0';
	}
	for (; *fmt == 'l' || *fmt == 'z'; fmt++)
		how->longs++;
	return fmt;
}

size_t print_args(char *out, size_t room, const char *fmt, va_list args)
{
	struct print p = { .out = out, .room = room };
	struct print_how how;
	char c;

	va_copy(p.args, args);
	for (;;) {
		size_t plain = strcspn(fmt, "%");

		print_add(&p, fmt, plain);
		if (!fmt[plain])
			break;
		fmt = print_read(&p, &how, fmt + plain + 1);
		c = *fmt++;
		if (c == 's') {
			print_string(&p, &how);
		} else if (c == 'd' || c == 'u' || c == 'x' || c == 'X') {
			print_number(&p, &how, c);
		} else {
			if (c == 'c')
				c = (char)va_arg(p.args, int);
			print_add(&p, &c, 1);
		}
	}
	va_end(p.args);
	if (room)
		out[p.len < room ? p.len : room - 1] = '\0';
	return p.len;
}

size_t print_text(char *out, size_t room, const char *fmt, ...)
{
	size_t len;
	va_list args;

	va_start(args, fmt);
	len = print_args(out, room, fmt, args);
	va_end(args);
	return len;
}

static void print_write(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return; /* nobody is left to tell */
		text += n < 0 ? 0 : n;
		len -= n < 0 ? 0 : (size_t)n;
	}
}

void print_to(int fd, const char *fmt, ...)
{
	va_list args;
	size_t len;
	char *text;

	va_start(args, fmt);
	len = print_args(NULL, 0, fmt, args);
	text = sys_alloc(len + 1);
	print_args(text, len + 1, fmt, args); /* which takes none from args itself */
	va_end(args);
	print_write(fd, text, len);
	free(text);
}
