/* Cases for wish.c: where a service wants to listen, as it is written. */
#include "base.h"

#include "check.h"
#include "../../wish.c"

static const struct {
	const char *text, *host;
	unsigned port;
	const char *why; /* a part of it; NULL: nothing is wrong */
} wishes[] = {
	{ "local:5432", "local", 5432, NULL },
	{ ":80", "", 80, NULL },
	{ "10.0.0.1:80", "10.0.0.1", 80, NULL },
	{ "[::1]:65535", "::1", 65535, NULL },
	{ "my-label_2:1", "my-label_2", 1, NULL },
	{ "local", "", 0, "is not label:port" },
	{ "", "", 0, "is not label:port" },
	{ "5432", "", 0, "is not label:port" },
	{ "local:0080", "local", 80, NULL }, /* behind a colon, nobody reads it as octal */
	{ "local:", "", 0, "has no valid port" },
	{ "local:0", "", 0, "has a port out of range (1-65535)" },
	{ "local:65536", "", 0, "has a port out of range (1-65535)" },
	{ "local:74537", "", 0, "has a port out of range (1-65535)" },
	{ "local:1,local:2", "", 0, "is a list: each listener needs a tag or list element of its own" },
	{ "local:1 local:2", "", 0, "is a list: each listener needs a tag or list element of its own" },
	{ "local:80\302\240", "", 0, "has an invisible character (\\xNN)" },
	{ "local\342\200\213:80", "", 0, "has an invisible character (\\xNN)" },
	{ "local:http", "", 0, "has no valid port" },
	{ "local:-1", "", 0, "has no valid port" },
	{ "::1:80", "", 0, "needs brackets" },
	{ "[local]:80", "", 0, "no IPv6 address" },
	{ "lo cal:80", "", 0, "has a character" },
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(wishes); i++) {
		static const char origin[] = "a tag";
		struct wish wish = wish_parse(wishes[i].text, origin);

		check(wish.text == wishes[i].text && wish.origin == origin, "what is borrowed", wishes[i].text);
		check(!wish.why == !wishes[i].why, wish.why ? wish.why : "nothing is wrong", wishes[i].text);
		if (wishes[i].why)
			check(strstr(wish.why, wishes[i].why), wish.why, wishes[i].text);
		else
			check(slice_is(wish.host, wishes[i].host) && wish.port == wishes[i].port, "host and port", wishes[i].text);
	}
	return check_sum();
}
