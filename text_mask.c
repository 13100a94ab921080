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

/* Up to a path, or `end`, it is host or host:port: no login whose end is further on. */
static bool has_plain_host(const char *from, const char *end)
{
	const char *p = *from == '[' ? from + strcspn(from, "]") : from;

	p += strcspn(p, ":/?#");
	if (p < end && *p == ':')
		p += 1 + strspn(p + 1, "0123456789");
	return p == end || (p < end && *p == '/');
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

/* A login ends with the last '@', as passwords may have one; a query begins with the first '?' (a fragment, '#'). Where the
 * '@' stands behind a '?', it is a password with a '?', or a query with an '@': then only the host of an http URL is shown,
 * as dill itself reads it. */
void buf_masked(struct buf *b, const char *text)
{
	const char *from = behind_scheme(text), *at = strrchr(from ? from : text, '@'), *cut;
	bool path = !from && is_path(text);

	if (!from)
		from = at && !path ? login_at(text, at) : text;
	cut = from + strcspn(from, "?#");
	buf_add(b, text, (size_t)(from - text));
	if (!path && at && at > cut && (memchr(from, '@', (size_t)(cut - from)) || !is_http(text, from) ||
	                                !has_plain_host(from, cut))) {
		buf_puts(b, MASK);
		return;
	}
	if (!path && at && at < cut) {
		buf_puts(b, MASK);
		from = at;
	}
	buf_add(b, from, (size_t)(cut - from));
	if (*cut) {
		buf_add(b, cut, 1);
		buf_puts(b, MASK);
	}
}
