/* libFuzzer target for the small parsers: numbers, durations, host:port, addresses, URLs. What they accept is printed
 * and read again. */
#include "base.h"

#include "../../http.c"
#include "../../net.c"
#include "../../sys.c"
#include "../../text.c"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

static void check_number(struct slice s)
{
	struct buf text = { 0 };
	long n = 4711, again;

	if (text_number(s, -65536, 65535, &n)) {
		MUST(n == 4711);
		return;
	}
	MUST(n >= -65536 && n <= 65535);
	buf_printf(&text, "%ld", n);
	MUST(!text_number(slice_of(text.data), n, n, &again) && again == n);
	buf_free(&text);
}

static void check_duration(struct slice s)
{
	int64_t ms = -1, again;
	char text[32];

	if (text_duration(s, &ms)) {
		MUST(ms == -1);
		return;
	}
	MUST(ms >= 0 && ms <= 315360000000);
	text_print_duration(ms, text);
	MUST(!text_duration(slice_of(text), &again) && again == ms);
}

static void check_address(struct slice host, uint16_t port)
{
	struct net_addr a, again;
	char text[NET_TEXT];
	struct slice back;
	uint16_t back_port;

	if (!net_numeric(host, port, &a))
		return;
	net_print(&a, text);
	MUST(strlen(text) < NET_TEXT - 1 && net_addr_port(&a) == port);
	MUST(!net_split(slice_of(text), &back, &back_port) && back_port == port);
	MUST(net_numeric(back, back_port, &again) && net_compare(&a, &again) == 0);
}

static void check_split(struct slice s)
{
	struct buf text = { 0 };
	struct slice host, back;
	uint16_t port, back_port;

	if (net_split(s, &host, &port))
		return;
	MUST(port && host.len <= 253 && host.at >= s.at && host.at + host.len <= s.at + s.len);
	check_address(host, port);
	buf_puts(&text, host.len && memchr(host.at, ':', host.len) ? "[" : "");
	buf_add(&text, host.at, host.len);
	buf_printf(&text, "%s:%u", text.len && text.data[0] == '[' ? "]" : "", port);
	MUST(!net_split((struct slice){ text.data, text.len }, &back, &back_port) && back_port == port);
	MUST(back.len == host.len && (!host.len || memcmp(back.at, host.at, host.len) == 0));
	buf_free(&text);
}

/* An SRV name is a host name as well, and reads back. */
static void check_srv(struct slice s)
{
	struct buf text = { 0 };
	struct slice host;
	uint16_t port;

	if (!net_is_srv(s))
		return;
	MUST(net_is_host(s) && net_split(s, &host, &port));
	MUST(!net_split_target(s, &host, &port) && !port && host.at == s.at && host.len == s.len);
	buf_visible(&text, s.at, s.len);
	MUST(text.len == s.len && memcmp(text.data, s.at, s.len) == 0);
	buf_puts(&text, ":80");
	MUST(s.len > 253 || (!net_split_target((struct slice){ text.data, text.len }, &host, &port) && port == 80 && host.len == s.len));
	buf_free(&text);
}

static void check_url(const char *s)
{
	struct buf text = { 0 };
	struct http_url u, again;

	http_escape(&text, s);
	for (size_t i = 0; i < text.len; i++)
		MUST((unsigned char)text.data[i] > ' ' && (unsigned char)text.data[i] < 0x7f);
	text.len = 0;
	if (!http_url_parse(&u, s, 8500)) {
		bool v6 = strchr(u.host, ':');

		MUST((u.scheme == HTTP_UNIX) == !u.port && u.host[0] && strlen(u.host) < sizeof u.host && strlen(u.prefix) < sizeof u.prefix);
		MUST(!u.prefix[0] || u.prefix[0] == '/');
		if (u.scheme == HTTP_UNIX)
			buf_printf(&text, "unix://%s", u.host);
		else
			buf_printf(&text, "http://%s%s%s:%u%s", v6 ? "[" : "", u.host, v6 ? "]" : "", u.port, u.prefix);
		MUST(!http_url_parse(&again, text.data, 1));
		MUST(strcmp(u.host, again.host) == 0 && strcmp(u.prefix, again.prefix) == 0 && u.port == again.port);
		text.len = 0;
		http_request(&text, "GET", &u, "/");
	}
	buf_free(&text);
}

static void check_shown(struct slice s)
{
	struct buf text = { 0 };

	buf_visible(&text, s.at, s.len);
	MUST(text.len >= s.len && text.len <= 4 * s.len);
	for (size_t i = 0; i < text.len; i++)
		MUST((unsigned char)text.data[i] >= ' ' && text.data[i] != 0x7f && control_at(text.data + i, text.len - i) == 0);
	buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice s = { (const char *)data, size }, rest = s, part;
	char *text = sys_alloc(size + 1);
	bool flag;

	if (size)
		memcpy(text, data, size);
	check_number(s);
	check_duration(s);
	check_split(s);
	check_srv(s);
	check_address(s, 80);
	check_url(text);
	check_shown(s);
	text_bool(s, &flag);
	while (slice_next(&rest, ',', &part))
		MUST(part.at >= s.at && part.at + part.len <= s.at + s.len && slice_trim(part).len == part.len);
	MUST(text_distance(text, "listeners") == text_distance("listeners", text));
	free(text);
	return 0;
}
