/* Cases for draft_claims.c: who gets an address that several want. Lists of services go in, the listeners with their services
 * and what is refused come out. */
#include "base.h"

#include "check.h"
#include "table.h"
#include "../../merge.h"
#include "../../draft_claims.c"

static struct route_reserved reserved[] = {
	{ .rule = "consul.address", .why = "is consul.address", .port = 8500, .dialled = true },
	{ .rule = "routing.http.endpoint", .why = "is routing.http.endpoint", .port = 8500, .dialled = true },
	{ .rule = "status.listener", .why = "is the status server's, status.listener", .port = 8001 },
	{ .rule = "listeners.reserved", .why = "is in listeners.reserved", .port = 9100 },
	{ .rule = "listeners.reserved", .why = "is in listeners.reserved", .port = 9200 },
	{ .rule = "consul.address", .why = "is consul.address", .port = 7500, .host = "two", .dialled = true },
	{ .rule = "consul.address", .why = "is consul.address", .port = 7600, .host = "none", .dialled = true },
};

static void open_claims(struct route *route)
{
	static const char *const hosts[] = { "127.0.0.1", "192.0.2.1", "127.0.0.2", "0.0.0.0", "192.0.2.1" };

	table_open(route);
	net_numeric(slice_of("10.9.0.1"), 0, &table_labels[1].addr); /* other: not this host's */
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
		net_numeric(slice_of(hosts[i]), reserved[i].port, &reserved[i].addr);
	route->rules.claims = (struct route_claims){ .reserved = reserved, .reserved_count = ARRAY_LEN(reserved) };
}

static void claims_put(struct buf *out, const struct route_table *table)
{
	out->len = 0;
	buf_puts(out, "");
	for (size_t i = 0; i < table->count; i++)
		buf_printf(out, "%s %s of %s\n", table->entries[i]->listener->name, table->entries[i]->services,
		           table->entries[i]->owner.service->name);
	for (size_t i = 0; i < table->refused_count; i++)
		buf_printf(out, "%s %s [%s] %s\n", table->refused[i].service, table->refused[i].wish, table->refused[i].rule,
		           table->refused[i].reason);
}

static void put_claims_of(struct buf *out, struct route *route, const char *text)
{
	struct route_table *table = table_merge(route, text);

	claims_put(out, table);
	route_release(table);
}

struct claim_case {
	const char *lists, *want;
};

static const struct claim_case overlaps[] = {
	/* The older keeps it, whichever is the wildcard; then the name; the operator before all. */
	{ "c a|any:2000|h:1|created=9\nc b|local:2000|h:2|created=8",
	  "127.0.0.1:2000 b of b\na any:2000 [overlap] overlaps local:2000 of b, which came first\n" },
	{ "c a|local:2000|h:1|created=9\nc b|any:2000|h:2|created=8",
	  "0.0.0.0:2000 b of b\na local:2000 [overlap] overlaps any:2000 of b, which came first\n" },
	{ "c a|any:2000|h:1|created=8\nc b|local:2000|h:2|created=8",
	  "0.0.0.0:2000 a of a\nb local:2000 [overlap] overlaps any:2000 of a, which came first\n" },
	{ "c a|any:2000|h:1\nc b|local:2000|h:2|created=8",
	  "127.0.0.1:2000 b of b\na any:2000 [overlap] overlaps local:2000 of b, which came first\n" },
	{ "f z|10.1.1.1:2000|h:1\nc a|any:2000|h:2|created=1",
	  "10.1.1.1:2000 z of z\na any:2000 [overlap] overlaps 10.1.1.1:2000 of z, which came first\n" },
	{ "s z|:2000|h:1\ns y|10.1.1.1:2000|h:2",
	  "10.1.1.1:2000 y of y\nz :2000 [overlap] overlaps 10.1.1.1:2000 of y, which came first\n" },
	/* Of the losers none counts: both that stay go together, and so do those of one address. */
	{ "c a|local:2000|h:1|created=1\nc b|any:2000|h:2|created=2\nc c|other:2000|h:3|created=3\nc d|local:2000|h:4|created=4",
	  "10.9.0.1:2000 c of c\n127.0.0.1:2000 a,d of a\nb any:2000 [overlap] overlaps local:2000 of a, which came first\n" },
	{ "c a|any:2000|h:1|created=1\nc b|local:2000|h:2|created=2\nc c|any:2000|h:3|created=3",
	  "0.0.0.0:2000 a,c of a\nb local:2000 [overlap] overlaps any:2000 of a, which came first\n" },
	/* Two wishes of one service, and two of its instances: the oldest, whatever their order. */
	{ "c a|any:2000,local:2000|h:1", "0.0.0.0:2000 a of a\na local:2000 [overlap] overlaps any:2000 of a in consul, which came first\n" },
	{ "c a|any:2000|h:1|instance=i1 created=7\nc a|local:2000|h:1|instance=i2 created=6",
	  "127.0.0.1:2000 a of a\na any:2000 [overlap] overlaps local:2000 of a (i2 on node), which came first\n" },
	{ "s a|any:2000|h:1\nc a|local:2000|h:1|created=6",
	  "0.0.0.0:2000 a of a\na local:2000 [overlap] overlaps any:2000 of a in static, which came first\n" },
	/* Another port or family. */
	{ "c a|any:2000|h:1\nc b|local:2001|h:2", "0.0.0.0:2000 a of a\n127.0.0.1:2001 b of b\n" },
	{ "c a|any:2000|h:1\nc b|six:2000|h:2", "0.0.0.0:2000 a of a\n[::1]:2000 b of b\n" },
	/* What is held gives way to the same service's wish for the same port that could not be bound beside it, and no other's. */
	{ "c a|local:2000|h:1|held\nc a|any:2000|h:1", "0.0.0.0:2000 a of a\n" },
	{ "c a|any:2000|h:1|held\nc a|local:2000|h:1", "127.0.0.1:2000 a of a\n" },
	{ "c a|local:2000|h:1|held\nc b|any:2000|h:1",
	  "127.0.0.1:2000 a of a\nb any:2000 [overlap] overlaps local:2000 of a, which came first\n" },
	{ "c a|local:2000|h:1|held\nc b|any:2000|h:1|created=1",
	  "0.0.0.0:2000 b of b\na local:2000 [overlap] overlaps any:2000 of b, which came first\n" },
	{ "c a|local:2000|h:1|held\nc a|any:2001|h:1", "0.0.0.0:2001 a of a\n127.0.0.1:2000 a of a\n" },
	{ "c a|local:2000|h:1|held\nc a|other:2000|h:1", "10.9.0.1:2000 a of a\n127.0.0.1:2000 a of a\n" },
	{ "c a|six:2000|h:1|held\nc a|any:2000|h:1", "0.0.0.0:2000 a of a\n[::1]:2000 a of a\n" },
};

static const struct claim_case reservations[] = {
	{ "c a|local:8500,other:8500,six:8500|h:1", "10.9.0.1:8500 a of a\n[::1]:8500 a of a\na local:8500 [consul.address] is consul.address\n" },
	{ "c a|any:8500|h:1", "a any:8500 [consul.address] overlaps 127.0.0.1:8500, which is consul.address\n" },
	{ "c a|any:8001,local:8001|h:1", "127.0.0.1:8001 a of a\n"
	  "a any:8001 [status.listener] overlaps 127.0.0.2:8001, which is the status server's, status.listener\n" },
	{ "c a|any:9100,local:9100,local:9101|h:1", "127.0.0.1:9101 a of a\na any:9100 [listeners.reserved] is in listeners.reserved\n"
	  "a local:9100 [listeners.reserved] overlaps 0.0.0.0:9100, which is in listeners.reserved\n" },
	/* What the operator has written down counts, wherever it is; an agent of another host takes nothing here. */
	{ "c a|any:9200|h:1", "a any:9200 [listeners.reserved] overlaps 192.0.2.1:9200, which is in listeners.reserved\n" },
	{ "c a|any:7500|h:1", "0.0.0.0:7500 a of a\n" },
	{ "c a|other:7500,any:7601|h:1", "0.0.0.0:7601 a of a\na other:7500 [consul.address] is consul.address\n" },
	/* A name without an address may be one of this host. */
	{ "c a|any:7600,six:7600|h:1", "a any:7600 [consul.address] may be in consul.address: none has no address yet\n"
	  "a six:7600 [consul.address] may be in consul.address: none has no address yet\n" },
	{ "s a|any:7600|h:1", "0.0.0.0:7600 a of a\n" },
	/* The operator may. */
	{ "s a|local:8500,any:9100|h:1\n", "0.0.0.0:9100 a of a\n127.0.0.1:8500 a of a\n" },
	{ "f a|local:8500|h:1\nc b|local:8500|h:1", "127.0.0.1:8500 a of a\nb local:8500 [consul.address] is consul.address\n" },
	/* Nobody joins the configuration's services. */
	{ "s z|local:2000|h:1\nc a|local:2000|h:1|created=1", "127.0.0.1:2000 z of z\na local:2000 [static] z in the configuration has it for itself\n" },
	{ "s z|local:2000|h:1\ns y|local:2000|h:2\nc z|local:2000|h:1|created=1",
	  "127.0.0.1:2000 y,z of y\nz local:2000 [static] y in the configuration has it for itself\n" },
	{ "s z|local:80|h:1\nc a|local:2000|h:1", "127.0.0.1:2000 a of a\nz local:80 [listeners.port_min] port below listeners.port_min 1024\n" },
};

static const struct claim_case by_names[] = {
	{ "c a|local:2000|h:1|created=9\nc b|local:2000|h:2|created=8\nc b|local:2000|h:3|created=10",
	  "127.0.0.1:2000 b of b\na local:2000 [listeners.share] b came first, and listeners.share is name\n" },
	{ "c a|local:2000|h:1\nc b|local:2001|h:2", "127.0.0.1:2000 a of a\n127.0.0.1:2001 b of b\n" },
	{ "f b|local:2000|h:1\nc a|local:2000|h:2|created=8\nc b|local:2000|h:2|created=8",
	  "127.0.0.1:2000 b of b\na local:2000 [listeners.share] b came first, and listeners.share is name\n" },
	{ "s b|local:2000|h:1\ns a|local:2000|h:2",
	  "127.0.0.1:2000 a of a\nb local:2000 [listeners.share] a came first, and listeners.share is name\n" },
};

static void claim_cases(const struct claim_case *cases, size_t count, bool by_name)
{
	for (size_t i = 0; i < count; i++) {
		struct buf got = { 0 };
		struct route route;

		open_claims(&route);
		route.rules.claims.by_name = by_name;
		put_claims_of(&got, &route, cases[i].lists);
		check(strcmp(got.data, cases[i].want) == 0, got.data, cases[i].lists);
		route_close(&route);
		buf_free(&got);
	}
}

/* Bounds. */

/* Adds a line of a service with ports from `first` on, the highest first. */
static void put_many(struct buf *out, const char *name, unsigned first, unsigned count, const char *options)
{
	buf_printf(out, "%s|", name);
	for (unsigned i = count; i-- > 0;)
		buf_printf(out, "local:%u%s", first + i, i ? "," : "");
	buf_printf(out, "|10.0.0.1:80|%s\n", options);
}

/* What is open, as FIRST-LAST for each run of ports, and of the refused how many there are by rule. */
static void sum_of(struct buf *out, struct route *route, const char *text)
{
	struct route_table *table = table_merge(route, text);

	out->len = 0;
	buf_puts(out, "");
	for (size_t i = 0, end; i < table->count; i = end) {
		unsigned first = net_addr_port(&table->entries[i]->listener->addr);

		for (end = i + 1; end < table->count && net_addr_port(&table->entries[end]->listener->addr) == first + end - i;)
			end++;
		buf_printf(out, "%u-%zu ", first, first + end - i - 1);
	}
	if (table->refused_count > 100) /* of one service */
		check(table->refused[0].service == table->refused[table->refused_count - 1].service, "one copy of its name", text);
	if (table->refused_count)
		buf_printf(out, "%zu %s: %s", table->refused_count, table->refused[0].rule, table->refused[0].reason);
	route_release(table);
}

#define SUM(want) sum_of(&got, &route, text.data), text.len = 0, check(strcmp(got.data, want) == 0, got.data, want)

static void bound_cases(void)
{
	struct buf text = { 0 }, got = { 0 };
	struct route route;

	open_claims(&route);
	put_many(&text, "c a", 2000, 16, "instance=i1");
	SUM("2000-2015 ");
	put_many(&text, "c a", 2000, 3000, "instance=i1");
	SUM("2000-2015 2984 instance: more than 16 ports for one instance");
	put_many(&text, "c a", 2000, 17, "instance=i1");
	put_many(&text, "c a", 2100, 16, "instance=i2");
	SUM("2000-2015 2100-2115 1 instance: more than 16 ports for one instance");
	put_many(&text, "s a", 2000, 300, ""); /* the operator's */
	put_many(&text, "f b", 4000, 300, "");
	SUM("2000-2299 4000-4299 ");
	put_many(&text, "c a", 2000, 300, ""); /* of a source without instances */
	SUM("2000-2299 ");
	route.rules.claims.per_service = 20;
	put_many(&text, "c a", 2000, 300, "");
	SUM("2000-2019 280 listeners.max_per_service: more ports than listeners.max_per_service, 20");
	put_many(&text, "c a", 2100, 16, "instance=i1");
	put_many(&text, "c a", 2000, 16, "instance=i2");
	put_many(&text, "c a", 2000, 16, "instance=i3");
	put_many(&text, "c b", 2300, 20, "");
	SUM("2000-2015 2100-2103 2300-2319 12 listeners.max_per_service: more ports than listeners.max_per_service, 20");
	put_many(&text, "c a", 2000, 16, "instance=i2 held"); /* what comes goes before what is held */
	put_many(&text, "c a", 2100, 16, "instance=i1");
	SUM("2000-2003 2100-2115 12 listeners.max_per_service: more ports than listeners.max_per_service, 20");
	put_many(&text, "s a", 2000, 300, "");
	SUM("2000-2299 ");
	/* Ranges of one address that overlap: each whole or not at all, and what they have in common counts once. */
	buf_puts(&text, "c a|local:2000-2010,local:2005-2014|10.0.0.1:80|instance=i1\n");
	SUM("2000-2014 ");
	buf_puts(&text, "c a|local:2000-2016,local:2003,local:2050-2060,local:2055-2062,local:2058-2066|10.0.0.1:80|instance=i1\n");
	SUM("2003-2003 2050-2062 2 instance: more than 16 ports for one instance");
	buf_puts(&text, "c a|local:2000-2014|10.0.0.1:80|instance=i1\nc a|local:2001-2015|10.0.0.1:80|instance=i2\n"
	         "c a|local:2010-2020|10.0.0.1:80|instance=i3\nc a|local:2006-2019|10.0.0.1:80|instance=i4\n");
	SUM("2000-2019 1 listeners.max_per_service: more ports than listeners.max_per_service, 20");
	route.rules.claims.per_service = 4;
	put_many(&text, "c a", 2000, 5, "instance=i1");
	SUM("2000-2003 1 listeners.max_per_service: more ports than listeners.max_per_service, 4");
	route.rules.claims.per_service = 64;
	buf_puts(&text, "c a|local:2007,local:2000-2015,local:2004-2010|h:1|instance=i1"); /* what lies in a range counts once */
	SUM("2000-2015 ");
	buf_puts(&text, "c a|local:2000-2015,local:2010-2016|h:1|instance=i1");
	SUM("2000-2015 1 instance: more than 16 ports for one instance");
	buf_puts(&text, "c a|local:2000-2015,local:2000-2015|h:1|instance=i1 held\nc a|local:2000-2014|h:1|instance=i1");
	SUM("2000-2014 1 instance: more than 16 ports for one instance");
	buf_puts(&text, "c a|local:2000-2050|h:1|\nc a|local:2000-2060|h:2|"); /* a range that grows */
	SUM("2000-2060 ");
	buf_puts(&text, "c a|local:2000-2050|h:1|\nc a|local:2060-2080|h:2|");
	SUM("2000-2050 1 listeners.max_per_service: more ports than listeners.max_per_service, 64");
	route_close(&route);
	buf_free(&text);
	buf_free(&got);
}

/* What listeners.bind grants by name does not count; what "*" grants does. */
static void granted_cases(void)
{
	struct buf text = { 0 }, got = { 0 };
	struct bind_table bind = { 0 };
	struct arena memory = { 0 };
	struct route route;

	open_claims(&route);
	bind_set(&bind, "a*=local:2000-2099; *=local:*", "here", &memory);
	bind_seal(&bind, &memory);
	route.rules.admit.bind = &bind;
	put_many(&text, "c a", 2000, 120, "instance=i1");
	SUM("2000-2115 4 instance: more than 16 ports for one instance");
	route.rules.claims.per_service = 10;
	put_many(&text, "c a", 1990, 120, "");
	SUM("1990-2099 10 listeners.max_per_service: more ports than listeners.max_per_service, 10");
	buf_puts(&text, "c a|local:1990-1994,local:1995-2010,local:2001-2104,local:2002-2106|h:1|instance=i1");
	SUM("1990-2010 2 listeners.max_per_service: more ports than listeners.max_per_service, 10");
	put_many(&text, "c b", 3000, 20, "");
	SUM("3000-3009 10 listeners.max_per_service: more ports than listeners.max_per_service, 10");
	route_close(&route);
	buf_free(&text);
	buf_free(&got);
	arena_free(&memory);
}

static void most_cases(void)
{
	static const char refused[] = "ulimit: more than 10 listeners, half of the limit of open files (ulimit -n)";
	struct buf text = { 0 }, got = { 0 }, want = { 0 };
	struct route route;

	open_claims(&route);
	route.rules.claims.most = 10;
	put_many(&text, "c a", 2000, 5, "created=9");
	put_many(&text, "c b", 2100, 5, "created=8");
	put_many(&text, "s c", 2200, 40, "");
	SUM("2000-2004 2100-2104 2200-2239 ");
	put_many(&text, "c a", 2000, 5, "created=9");
	put_many(&text, "c b", 2100, 7, "created=8");
	put_many(&text, "f c", 2200, 40, "");
	buf_printf(&want, "2000-2002 2100-2106 2200-2239 2 %s", refused);
	SUM(want.data);
	put_many(&text, "c a", 2000, 5, "created=7"); /* and then the name */
	put_many(&text, "c b", 2100, 7, "created=7");
	want.len = 0;
	buf_printf(&want, "2000-2004 2100-2104 2 %s", refused);
	SUM(want.data);
	put_many(&text, "c a", 2100, 7, "created=9"); /* a place that is shared is one, of its owner */
	put_many(&text, "c b", 2100, 7, "created=8");
	put_many(&text, "c c", 2000, 3, "created=7");
	SUM("2000-2002 2100-2106 ");
	put_many(&text, "c a", 2100, 7, "created=9"); /* all that share it go */
	put_many(&text, "c b", 2100, 7, "created=8");
	put_many(&text, "c c", 2000, 4, "created=7");
	want.len = 0;
	buf_printf(&want, "2000-2003 2100-2105 2 %s", refused);
	SUM(want.data);
	route_close(&route);
	buf_free(&text);
	buf_free(&got);
	buf_free(&want);
}

int main(void)
{
	claim_cases(overlaps, ARRAY_LEN(overlaps), false);
	claim_cases(reservations, ARRAY_LEN(reservations), false);
	claim_cases(by_names, ARRAY_LEN(by_names), true);
	bound_cases();
	granted_cases();
	most_cases();
	return check_sum();
}
