/* Cases for wish.c: where a service wants to listen, as it is written. */
#include "base.h"

#include "check.h"
#include "../../wish.c"

static const struct {
	const char *text, *host;
	unsigned port, last; /* last 0: the same */
	const char *why; /* a part of it; NULL: nothing is wrong */
} wishes[] = {
	{ "local:5432", "local", 5432, 0, NULL },
	{ ":80", "", 80, 0, NULL },
	{ "10.0.0.1:80", "10.0.0.1", 80, 0, NULL },
	{ "[::1]:65535", "::1", 65535, 0, NULL },
	{ "my-label_2:1", "my-label_2", 1, 0, NULL },
	{ "local", "", 0, 0, "is not label:port" },
	{ "", "", 0, 0, "is not label:port" },
	{ "5432", "", 0, 0, "is not label:port" },
	{ "local:0080", "local", 80, 0, NULL }, /* behind a colon, nobody reads it as octal */
	{ "local:", "", 0, 0, "has no valid port" },
	{ "local:0", "", 0, 0, "has a port out of range (1-65535)" },
	{ "local:65536", "", 0, 0, "has a port out of range (1-65535)" },
	{ "local:74537", "", 0, 0, "has a port out of range (1-65535)" },
	{ "local:1,local:2", "", 0, 0, "is a list: each listener needs a tag or list element of its own" },
	{ "local:1 local:2", "", 0, 0, "is a list: each listener needs a tag or list element of its own" },
	{ "local:80\302\240", "", 0, 0, "has an invisible character (\\xNN)" },
	{ "local\342\200\213:80", "", 0, 0, "has an invisible character (\\xNN)" },
	{ "local:http", "", 0, 0, "has no valid port" },
	{ "local:-1", "", 0, 0, "has no valid port" },
	{ "::1:80", "", 0, 0, "needs brackets" },
	{ "[local]:80", "", 0, 0, "no IPv6 address" },
	{ "any:5000-5149", "any", 5000, 5149, NULL },
	{ "[::1]:1-2", "::1", 1, 2, NULL },
	{ "my-label:7-7", "my-label", 7, 7, NULL },
	{ ":1-4096", "", 1, 4096, NULL },
	{ ":1-4097", "", 0, 0, "is a range of 4097 ports; at most 4096" },
	{ "any:1-65535", "", 0, 0, "is a range of 65535 ports; at most 4096" },
	{ "any:5149-5000", "", 0, 0, "is a range of ports whose end comes before its begin" },
	{ "any:0-10", "", 0, 0, "has a port out of range (1-65535)" },
	{ "any:65000-65536", "", 0, 0, "has a port out of range (1-65535)" },
	{ "any:5000-", "", 0, 0, "has no valid port" },
	{ "any:5000-x", "", 0, 0, "has no valid port" },
	{ "any:5000-5100-5200", "", 0, 0, "has no valid port" },
	{ "any:5000 -5149", "", 0, 0, "has a blank in its range of ports" },
	{ "any:5000- 5149", "", 0, 0, "has a blank in its range of ports" },
	{ "any:5000-5149,any:6000", "", 0, 0, "is a list" },
	{ "any:5000-51\302\24049", "", 0, 0, "has an invisible character" },
	{ "::1:80-90", "", 0, 0, "needs brackets" },
	{ "a-b", "", 0, 0, "is not label:port" },
	{ "lo cal:80", "", 0, 0, "has a character" },
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(wishes); i++) {
		static const char origin[] = "a tag";
		struct arena memory = { 0 };
		struct wish wish = wish_parse(wishes[i].text, origin, &memory);
		unsigned last = wishes[i].last ? wishes[i].last : wishes[i].port;

		check(wish.text == wishes[i].text && wish.origin == origin, "what is borrowed", wishes[i].text);
		check(!wish.why == !wishes[i].why, wish.why ? wish.why : "nothing is wrong", wishes[i].text);
		if (wishes[i].why)
			check(strstr(wish.why, wishes[i].why), wish.why, wishes[i].text);
		else
			check(slice_is(wish.host, wishes[i].host) && wish.port == wishes[i].port && wish.last == last, "host and ports",
			      wishes[i].text);
		arena_free(&memory);
	}
	return check_sum();
}
