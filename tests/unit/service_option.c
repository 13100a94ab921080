/* Cases for service_option.c: each option's values, which of them are vital, and what of them is shown. */
#include "base.h"

#include "check.h"
#include "service.h"
#include "../../service_option.c"

static const struct {
	int option;
	const char *value;
	const char *why; /* a part of it; NULL: it is fine, and then: */
	int number;      /* balance, version, or count of networks */
	const char *shown;
} values[] = {
	{ SERVICE_BALANCE, "round_robin", NULL, SERVICE_ROUND_ROBIN, "round_robin" },
	{ SERVICE_BALANCE, "random", NULL, SERVICE_RANDOM, "random" },
	{ SERVICE_BALANCE, "P2C", NULL, SERVICE_P2C, "P2C" },
	{ SERVICE_BALANCE, "least_conn", NULL, SERVICE_LEAST_CONN, "least_conn" },
	{ SERVICE_BALANCE, "", "not one of round_robin", 0, "" },
	{ SERVICE_BALANCE, "p2c,random", "not one of round_robin", 0, "p2c,random" },
	{ SERVICE_BALANCE, "p2", "not one of", 0, "p2" }, { SERVICE_BALANCE, "p2c ", "not one of", 0, "p2c " },
	{ SERVICE_PROXY, "socks5://h:1080", NULL, 1080, "socks5://h:1080" },
	{ SERVICE_PROXY, "socks5h://[::1]:1", NULL, 1, "socks5h://[::1]:1" },
	{ SERVICE_PROXY, "socks5://user:secret@h:1080", NULL, 1080, "socks5://********@h:1080" },
	{ SERVICE_PROXY, "http://h:1080", "is not socks5://", 0, "********" },
	{ SERVICE_PROXY, "user:secret", "is not socks5://", 0, "********" },
	{ SERVICE_PROXY, "socks5://user:secret", "", 0, "********" },
	{ SERVICE_PROXY, "socks5://user:se@cret", "", 0, "********" },
	{ SERVICE_PROXY, "socks5://user:se@cr:et", "", 0, "********" },
	{ SERVICE_PROXY, "http://user:secret@h:1080", "is not socks5://", 0, "http://********@h:1080" },
	{ SERVICE_PROXY, "", "is not socks5://", 0, "" },
	{ SERVICE_PROXY, "h", "is not socks5://", 0, "h" },
	{ SERVICE_PROXY, "socks5://u:p\x01@h:1080", "has a control character", 0, "socks5://********@h:1080" },
	{ SERVICE_BALANCE, "p2c\n", "has a control character", 0, "p2c\n" }, { SERVICE_ALLOW, "10.0.0.1\x7f", "has a control", 0, "10.0.0.1\x7f" },
	{ SERVICE_ALLOW, "10.0.0.1,\t::1", "has a control character", 0, "10.0.0.1,\t::1" },
	{ SERVICE_PROXY_PROTOCOL, "v1", NULL, 1, "v1" }, { SERVICE_PROXY_PROTOCOL, "V2", NULL, 2, "V2" },
	{ SERVICE_PROXY_PROTOCOL, "v3", "not v1 or v2", 0, "v3" }, { SERVICE_PROXY_PROTOCOL, "2", "not v1 or v2", 0, "2" },
	{ SERVICE_PROXY_PROTOCOL, "", "not v1 or v2", 0, "" }, { SERVICE_PROXY_PROTOCOL, "v1,v2", "not v1 or v2", 0, "v1,v2" },
	{ SERVICE_ALLOW, "10.0.0.0/8", NULL, 1, "10.0.0.0/8" },
	{ SERVICE_ALLOW, "10.0.0.0/8, 2001:db8::/32 ,127.0.0.1", NULL, 3, "10.0.0.0/8, 2001:db8::/32 ,127.0.0.1" },
	{ SERVICE_ALLOW, "", "names no network", 0, "" }, { SERVICE_ALLOW, " , ", "names no network", 0, " , " },
	{ SERVICE_ALLOW, "10.0.0.0/33", "", 0, "10.0.0.0/33" }, { SERVICE_ALLOW, "home", "", 0, "home" },
	{ SERVICE_ALLOW, "10.0.0.0/8,home", "", 0, "10.0.0.0/8,home" },
	{ SERVICE_DENY, "10.0.0.1", NULL, 1, "10.0.0.1" }, { SERVICE_DENY, "", "names no network", 0, "" },
	{ SERVICE_DENY, "x", "", 0, "x" },
	{ SERVICE_PORTS, "6000", NULL, 6000, "6000" }, { SERVICE_PORTS, "65535", NULL, 65535, "65535" },
	{ SERVICE_PORTS, "0", "not one port", 0, "0" }, { SERVICE_PORTS, "65536", "not one port", 0, "65536" },
	{ SERVICE_PORTS, "6000-6149", "not one port", 0, "6000-6149" }, { SERVICE_PORTS, "6000,7000", "not one port", 0, "6000,7000" },
	{ SERVICE_PORTS, "", "not one port", 0, "" },
};

static int number_of(int option, const struct service_options *options)
{
	switch (option) {
	case SERVICE_BALANCE:
		return options->balance;
	case SERVICE_PROXY:
		return options->proxy.port;
	case SERVICE_PROXY_PROTOCOL:
		return options->proxy_protocol;
	case SERVICE_ALLOW:
		return (int)options->allow.count;
	case SERVICE_PORTS:
		return options->ports;
	default:
		return (int)options->deny.count;
	}
}

static bool untouched(const struct service_options *options)
{
	return options->balance == -1 && !options->proxy.host && !options->proxy_protocol && !options->allow.count &&
	       !options->deny.count && !options->ports;
}

static void value_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		struct service_options options = service_options_none;
		int option = values[i].option;
		const char *value = values[i].value;
		struct arena memory = { 0 };
		struct buf shown = { 0 };
		const char *why = service_option_parse(option, value, &memory, &options);

		check(!why == !values[i].why, why ? why : "accepted", value);
		if (why)
			check(strstr(why, values[i].why) && untouched(&options), why, value);
		else
			check(number_of(option, &options) == values[i].number, "what it comes to", value);
		check(options.limited == (option == SERVICE_ALLOW), "somebody is to be kept out, whatever it says", value);
		buf_puts(&shown, "");
		service_option_mask(option, value, &shown);
		check(strcmp(shown.data, values[i].shown) == 0, shown.data, value);
		buf_free(&shown);
		arena_free(&memory);
	}
}

static void repeat(struct buf *out, const char *part, size_t times)
{
	buf_puts(out, "");
	for (size_t i = 0; i < times; i++)
		buf_puts(out, part);
}

/* How much may be in one value. */
static const struct {
	const char *part, *end;
	size_t times;
	const char *why; /* NULL: it is fine */
} sizes[] = {
	{ "10.0.0.1,", "", 256, NULL }, { "10.0.0.1,", "10.0.0.2", 256, "more than 256 networks" },
	{ "10.0.0.1,", "", 24000, "longer than 16384 bytes" }, { "::1,", "::2", 256, "more than 256 networks" },
	{ ",", "10.0.0.1", 16376, NULL }, { ",", "10.0.0.1", 16377, "longer than 16384 bytes" },
	{ " ", "10.0.0.1", 1 << 20, "longer than 16384 bytes" },
	{ "1111:1111:1111:1111:1111:1111:1111:1111/128, ", "", 256, NULL },
};

static void size_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		for (int option = SERVICE_ALLOW; option <= SERVICE_DENY; option++) {
			struct service_options options = service_options_none;
			struct arena memory = { 0 };
			struct buf value = { 0 };
			const char *why;

			repeat(&value, sizes[i].part, sizes[i].times);
			buf_puts(&value, sizes[i].end);
			why = service_option_parse(option, value.data, &memory, &options);
			check(why && sizes[i].why ? strcmp(why, sizes[i].why) == 0 : why == sizes[i].why, why ? why : "fine", sizes[i].part);
			check(!why || (untouched(&options) && !memory.top), "nothing is kept of it", sizes[i].part);
			check(options.limited == (option == SERVICE_ALLOW), "somebody is to be kept out", sizes[i].part);
			buf_free(&value);
			arena_free(&memory);
		}
}

/* Of a long text the beginning is shown, and no half of a character. */
static void shown_cases(void)
{
	struct service_list *list = service_list_new();
	struct service *service = service_add(list, slice_of("web"));
	struct service_setting setting = { .option = SERVICE_ALLOW };
	struct buf value = { 0 }, shown = { 0 };

	for (size_t len = 500; len < 524; len++) {
		value.len = shown.len = 0;
		repeat(&value, "x", len);
		setting.value = value.data;
		service_put_setting(&setting, &shown);
		check(len <= 512 ? shown.len == len + 6 : shown.len == 512 + 9 && strcmp(shown.data + 516, "xx...") == 0, "shown", shown.data);
		service_wish(service, slice_of(value.data), NULL);
		check(strlen(service->wishes[service->wish_count - 1].text) == (len <= 512 ? len : 515), "a wish", shown.data);
		check(service->wishes[service->wish_count - 1].why, "is refused", shown.data);
	}
	value.len = shown.len = 0;
	repeat(&value, "\342\202\254", 200); /* three bytes a character */
	setting.value = value.data;
	service_put_setting(&setting, &shown);
	check(shown.len == 6 + 510 + 3, "whole characters", shown.data);
	value.len = 0;
	buf_puts(&value, "local:2000");
	repeat(&value, " ", 600);
	buf_puts(&value, "1");
	service_wish(service, slice_of(value.data), NULL);
	check(service->wishes[service->wish_count - 1].why, "what is cut off makes no good wish", "local:2000 ... 1");
	service_seal(service);
	service_list_unref(list);
	buf_free(&value);
	buf_free(&shown);
}

static const struct {
	int option;
	const char *value, *want;
} tidied[] = {
	{ SERVICE_ALLOW, "10.0.0.1,\t::1", "10.0.0.1,::1" }, { SERVICE_DENY, " a , b\r\n,\n, ,c ", "a,b,c" }, { SERVICE_ALLOW, "", "" },
	{ SERVICE_ALLOW, " ,\t", "" }, { SERVICE_ALLOW, "a b,\x01", "a b,\x01" }, { SERVICE_ALLOW, "a\tb", "a\tb" },
	{ SERVICE_BALANCE, "\tp2c ", "p2c" }, { SERVICE_BALANCE, "p2c, random", "p2c, random" }, { SERVICE_BALANCE, " ", "" },
	{ SERVICE_PROXY, " socks5://u:p@h:1\n", "socks5://u:p@h:1" }, { SERVICE_PROXY, "socks5://u:p,\tq@h:1", "socks5://u:p,\tq@h:1" },
};

static void tidy_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(tidied); i++) {
		struct arena memory = { 0 };
		const char *once = service_option_tidy(tidied[i].option, slice_of(tidied[i].value), &memory);
		const char *twice = service_option_tidy(tidied[i].option, slice_of(once), &memory);

		check(strcmp(once, tidied[i].want) == 0, once, tidied[i].value);
		check(strcmp(once, twice) == 0, "nothing is left to do", tidied[i].value);
		arena_free(&memory);
	}
}

static void name_cases(void)
{
	static const char *const names[] = { "balance", "proxy", "proxy_protocol", "allow", "deny", "ports" };

	for (int i = 0; i < SERVICE_OPTIONS; i++) {
		check(strcmp(service_option_name(i), names[i]) == 0, "the name", names[i]);
		check(service_option_find(slice_of(names[i])) == i, "found", names[i]);
		check(service_option_vital(i, "x") == (i != SERVICE_BALANCE), "vital", names[i]);
		check(service_option_vital(i, "x\t"), "vital", "with a control byte");
		check(*service_option_accepted(i), "what is accepted", names[i]);
	}
	check(service_option_vital(SERVICE_BALANCE, "Source"), "vital", "source");
	check(service_option_find(slice_of("listener")) < 0, "is none", "listener");
	check(service_option_find(slice_of("Balance")) < 0 && service_option_find(slice_of("")) < 0, "is none", "Balance");
}

int main(void)
{
	value_cases();
	size_cases();
	shown_cases();
	tidy_cases();
	name_cases();
	return check_sum();
}
