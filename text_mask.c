#include "base.h"
#include "text.h"

#include <string.h>
#include <strings.h>

#define MASK "********"

/* Behind SCHEME:// or KEY=SCHEME://; NULL: there is no scheme at the beginning. */
static const char *behind_scheme(const char *text)
{
	const char *p = text;

	while (*p && (strchr("+-._= ", *p) || (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z')))
		p++;
	return p > text && strncmp(p, "://", 3) == 0 ? p + 3 : NULL;
}

static bool is_http(const char *text, const char *from)
{
	return (from - text >= 7 && strncasecmp(from - 7, "http://", 7) == 0) ||
	       (from - text >= 8 && strncasecmp(from - 8, "https://", 8) == 0);
}

/* The end of host or host:port, if that is what stands there before a path or `end`: no login whose end is further on. */
static const char *plain_host_end(const char *from, const char *end)
{
	const char *p = *from == '[' ? from + strcspn(from, "]") : from;

	p += strcspn(p, ":/?#");
	if (p < end && *p == ':') {
		size_t digits = strspn(p + 1, "0123456789");

		p += digits ? digits + 1 : 0;
	}
	return p == end || (p < end && *p == '/') ? p : NULL;
}

/* Where a login would begin that ends at `at`: of KEY=USER:PASSWORD@... behind the '='. */
static const char *login_at(const char *text, const char *at)
{
	const char *equals = strpbrk(text, "=:?#");

	return equals && equals < at && *equals == '=' ? equals + 1 : text;
}

/* /etc/a@b.toml, ./a@b, /x?y */
static bool is_path(const char *text)
{
	return (*text == '/' || *text == '.') && text[strcspn(text, ":@?#")] != ':';
}

static void put_cut(struct buf *b, const char *from, const char *cut)
{
	buf_add(b, from, (size_t)(cut - from));
	if (!*cut)
		return;
	buf_add(b, cut, 1);
	buf_puts(b, MASK);
}

/* The '@' stands behind a '?', so it is a password with a '?', or a query with an '@'. Only the host of an http URL is shown,
 * as dill itself reads it. */
static void put_ambiguous(struct buf *b, const char *text, const char *from, const char *cut)
{
	const char *end = is_http(text, from) ? plain_host_end(from, cut) : NULL;

	if (end && !memchr(from, '@', (size_t)(cut - from)))
		put_cut(b, from, end);
	else
		buf_puts(b, MASK);
}

/* A login ends with the last '@', as passwords may have one; a query begins with the first '?' (a fragment, '#'). */
void buf_masked(struct buf *b, const char *text)
{
	const char *from = behind_scheme(text), *at = strrchr(from ? from : text, '@'), *cut;

	if (slice_find(slice_of(text), slice_of("-----BEGIN"))) { /* a key, where a file's name belongs */
		buf_puts(b, MASK);
		return;
	}
	if (!from && is_path(text))
		at = NULL;
	if (!from)
		from = at ? login_at(text, at) : text;
	cut = from + strcspn(from, "?#");
	buf_add(b, text, (size_t)(from - text));
	if (at && at > cut) {
		put_ambiguous(b, text, from, cut);
		return;
	}
	if (at)
		buf_puts(b, MASK);
	put_cut(b, at ? at : from, cut);
}
