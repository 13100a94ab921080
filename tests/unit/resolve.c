/* Cases for the resolver: which questions it asks and when, and what it makes of their answers. */
#include "resolve_fake.h"

#include "../../loop.c"
#include "../../resolve_due.c"
#include "../../resolve_local.c"
#include "../../resolve_inquiry.c"
#include "../../resolve_name.c"
#include "../../resolve.c"

#include "resolve_frame.h"

static bool is_asked(const char *name, enum dns_type type)
{
	return question(name, type);
}

/* `addresses` separated by spaces. */
static void answer(const char *name, long ttl, const char *addresses)
{
	enum dns_type type = strchr(addresses, ':') ? DNS_AAAA : DNS_A;
	struct resolve_query *query = begin_answer(name, type);
	struct slice rest = slice_of(addresses), part;
	char text[64];

	while (slice_next(&rest, ' ', &part)) {
		snprintf(text, sizeof text, "%.*s", (int)part.len, part.at);
		put_address(type, ttl, text);
	}
	end_answer(query);
}

/* What is shown of a name: "good 10.0.0.1 ::1", "kept(NXDOMAIN) 10.0.0.1". */
static const char *host_text(const struct resolve_host *host)
{
	static char text[4096];
	size_t len = (size_t)snprintf(text, sizeof text, "%s", resolve_state_names[host->state]);
	char ip[INET6_ADDRSTRLEN];

	if (host->why)
		len += (size_t)snprintf(text + len, sizeof text - len, "(%s)", host->why);
	for (size_t i = 0; i < host->count; i++) {
		net_print_ip(&host->addrs[i], ip);
		len += (size_t)snprintf(text + len, sizeof text - len, " %s", ip);
	}
	return text;
}

static struct resolve_answer look(const char *name, bool srv)
{
	size_t i = 0;

	while (i < used_count && strcmp(used[i].name, name) != 0)
		i++;
	if (i == used_count) {
		used[used_count].name = name;
		used[used_count++].srv = srv;
	}
	if (resolve_round(resolver))
		for (i = 0; i < used_count; i++)
			resolve_lookup(resolver, used[i].name, used[i].srv);
	return resolve_lookup(resolver, name, srv);
}

static void expect(const char *name, const char *text)
{
	struct resolve_answer found = look(name, false);
	const char *is = host_text(found.hosts);
	char both[600];

	snprintf(both, sizeof both, "%s: %.200s, not %s", name, is, text);
	check(found.count == 1 && found.state == found.hosts->state && strcmp(is, text) == 0, "what is known", both);
}

static void expect_services(const char *name, const char *text)
{
	struct resolve_answer found = look(name, true);
	char is[4096] = "", both[4400];
	size_t len = (size_t)snprintf(is, sizeof is, "%s%s%s", resolve_state_names[found.state], found.why ? " " : "", found.why ? found.why : "");

	for (size_t i = 0; i < found.count && len < 3000; i++)
		len += (size_t)snprintf(is + len, sizeof is - len, "; %s:%u*%u%s %s", found.hosts[i].name, found.hosts[i].port,
		                        found.hosts[i].weight, found.hosts[i].last ? "!" : "", host_text(&found.hosts[i]));
	snprintf(both, sizeof both, "%s: %.2000s, not %s", name, is, text);
	check(strcmp(is, text) == 0, "what is known", both);
}

/* It is asked for again after so many milliseconds, not before. */
static void asked_after(const char *name, enum dns_type type, int64_t ms)
{
	char text[100];

	snprintf(text, sizeof text, "%s after %d", name, (int)ms);
	check(!is_asked(name, type), "not asked for before", text);
	pass(ms - 1);
	check(!is_asked(name, type), "not asked for a millisecond before", text);
	pass(1);
	check(is_asked(name, type), "asked for in time", text);
}

/* One name. */

static void plain_cases(void)
{
	begin(CONF, "", BOTH);
	expect("db.test", "asked");
	check(asked_count == 2 && is_asked("db.test", DNS_A) && is_asked("db.test", DNS_AAAA), "side by side", "db.test");
	check(!resolve_settled(resolver), "not settled", "");
	answer("db.test", 30, "10.0.0.2 10.0.0.1 10.0.0.2");
	check(!rings, "the other family is still to come", "");
	answer("db.test", 20, "2001:db8::1");
	check(rings == 1 && resolve_settled(resolver), "it rings at once", "");
	expect("db.test", "good 10.0.0.1 10.0.0.2 2001:db8::1");
	asked_after("db.test", DNS_A, 20000);
	answer("db.test", 0, "10.0.0.1 10.0.0.2");
	answer("db.test", 300, "2001:db8::1");
	check(rings == 1 && !resolve_round(resolver), "the same again is no news", "");
	asked_after("db.test", DNS_A, 1000);
	answer("db.test", 90000, "10.0.0.3");
	fail("db.test", DNS_AAAA, DNS_NO_DATA, 5);
	check(rings == 2 && look("db.test", false).moved, "it has moved", "");
	expect("db.test", "good 10.0.0.3");
	check(resolver->due_timer.at == fake_clock + 3600000, "nothing is to be done before", "");
	asked_after("db.test", DNS_A, 3600000);
	check(!lines, "nothing is said", last_line);
	end();
}

static void family_cases(void)
{
	static const enum dns_status bad[] = { DNS_FAILED, DNS_REFUSED, DNS_BROKEN, DNS_FOREIGN, DNS_NO_DATA, DNS_NO_NAME };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		begin(CONF, "", BOTH);
		look("a.test", false);
		fail("a.test", DNS_AAAA, bad[i], 7);
		answer("a.test", 60, "10.0.0.1");
		expect("a.test", "good 10.0.0.1");
		asked_after("a.test", DNS_A, i < 4 ? 30000 : 60000);
		end();
		begin(CONF, "", BOTH);
		look("a.test", false);
		answer("a.test", 60, "2001:db8::1");
		fail("a.test", DNS_A, bad[i], 7);
		expect("a.test", "good 2001:db8::1");
		end();
	}
	begin(CONF, "", ONE);
	look("a.test", false);
	check(asked_count == 1 && is_asked("a.test", DNS_A), "only the family that there is", "");
	answer("a.test", 60, "10.0.0.1");
	expect("a.test", "good 10.0.0.1");
	end();
	begin(CONF, "", "127.0.0.1,::1");
	look("a.test", false);
	check(asked_count == 2, "loopback alone is both", "");
	end();
	begin(CONF, "", "2001:db8::9,127.0.0.1,::1");
	look("a.test", false);
	check(asked_count == 1 && is_asked("a.test", DNS_AAAA), "IPv6 alone", "");
	end();
}

/* A family of which nobody says anything does not delay the other, and keeps its addresses. */
static void patience_cases(void)
{
	begin(CONF, "", BOTH);
	look("a.test", false);
	answer("a.test", 60, "10.0.0.1");
	pass(999);
	check(!rings && is_asked("a.test", DNS_AAAA), "it is waited for", "");
	pass(1);
	check(rings == 1 && !asked_count, "for a second", "");
	expect("a.test", "good 10.0.0.1");
	asked_after("a.test", DNS_AAAA, 30000);
	answer("a.test", 60, "2001:db8::1");
	answer("a.test", 60, "10.0.0.1");
	expect("a.test", "good 10.0.0.1 2001:db8::1");
	asked_after("a.test", DNS_A, 60000);
	answer("a.test", 60, "10.0.0.2");
	fail("a.test", DNS_AAAA, DNS_FAILED, 0);
	expect("a.test", "good 10.0.0.2 2001:db8::1");
	pass(30000);
	answer("a.test", 60, "10.0.0.2");
	fail("a.test", DNS_AAAA, DNS_NO_DATA, 5);
	expect("a.test", "good 10.0.0.2");
	end();
}

/* The search list. */

/* The candidates of a name, none of which exists, in order; as the last one `last`. */
static void candidates(const char *conf, const char *name, const char *const *all, const char *last)
{
	begin(conf, "", ONE);
	look(name, false);
	for (; *all; all++) {
		check(asked_count == 1 && is_asked(*all, DNS_A), "the next candidate", *all);
		fail(*all, DNS_A, DNS_NO_NAME, 100);
	}
	check(!asked_count, "no more of them", name);
	expect(name, last);
	end();
}

#define CANDIDATES(...) (const char *const[]){ __VA_ARGS__, NULL }
#define SEARCH CONF "search a.test b.test\n"

static void search_cases(void)
{
	char label[64], most[256];

	candidates(CONF, "db", CANDIDATES("db"), "failed(NXDOMAIN)");
	candidates(SEARCH, "db", CANDIDATES("db.a.test", "db.b.test", "db"), "failed(NXDOMAIN)");
	candidates(SEARCH, "db.", CANDIDATES("db"), "failed(NXDOMAIN)");
	candidates(SEARCH, "x.db", CANDIDATES("x.db", "x.db.a.test", "x.db.b.test"), "failed(NXDOMAIN)");
	candidates(SEARCH "options ndots:2\n", "x.db", CANDIDATES("x.db.a.test", "x.db.b.test", "x.db"), "failed(NXDOMAIN)");
	candidates(SEARCH "options ndots:2\n", "x.y.db", CANDIDATES("x.y.db", "x.y.db.a.test", "x.y.db.b.test"), "failed(NXDOMAIN)");
	memset(label, 'l', 62);
	label[62] = '\0';
	snprintf(most, sizeof most, "%s.%s.%s.%s", label, label, label, label);
	candidates(SEARCH, most, CANDIDATES(most), "failed(NXDOMAIN)"); /* with more behind it would be too long */
	begin(SEARCH, "", ONE);
	expect("a..b", "asked");
	expect("a..b", "failed(it is no name)");
	check(!asked_ever, "nothing is asked", "");
	end();
}

static void search_failure_cases(void)
{
	begin(SEARCH, "", BOTH);
	look("db", false);
	fail("db.a.test", DNS_A, DNS_FAILED, 0);
	fail("db.a.test", DNS_AAAA, DNS_NO_DATA, 5);
	fail("db.b.test", DNS_A, DNS_NO_DATA, 5);
	fail("db.b.test", DNS_AAAA, DNS_NO_DATA, 5);
	fail("db", DNS_A, DNS_NO_NAME, 1);
	fail("db", DNS_AAAA, DNS_NO_NAME, 1);
	expect("db", "failed(SERVFAIL)"); /* and so nobody knows */
	pass(3999);
	check(!asked_count, "it is not asked for again as soon as if that were certain", "");
	pass(1002);
	fail("db.a.test", DNS_A, DNS_NO_NAME, 0);
	fail("db.a.test", DNS_AAAA, DNS_NO_NAME, 0);
	answer("db.b.test", 10, "10.0.0.1");
	fail("db.b.test", DNS_AAAA, DNS_NO_DATA, 0);
	expect("db", "good 10.0.0.1");
	pass(10000);
	fail("db.a.test", DNS_A, DNS_FOREIGN, 0);
	fail("db.a.test", DNS_AAAA, DNS_FOREIGN, 0);
	check(!asked_count, "where nobody answers, no other candidate is tried", "");
	pass(5000);
	fail("db.a.test", DNS_A, DNS_FAILED, 0);
	fail("db.a.test", DNS_AAAA, DNS_FAILED, 0);
	fail("db.b.test", DNS_A, DNS_FAILED, 0);
	fail("db.b.test", DNS_AAAA, DNS_FAILED, 0);
	check(!asked_count, "nor one in place of that which was good", "");
	expect("db", "kept(SERVFAIL) 10.0.0.1");
	pass(5000);
	fail("db.a.test", DNS_A, DNS_NO_NAME, 0);
	pass(1000);
	check(is_asked("db.b.test", DNS_A), "silence of AAAA costs a second for a name that does not exist", "");
	fail("db.b.test", DNS_AAAA, DNS_NO_NAME, 0); /* which was good */
	pass(1000);
	fail("db", DNS_AAAA, DNS_NO_NAME, 20);
	pass(1000);
	expect("db", "kept(NXDOMAIN) 10.0.0.1");
	asked_after("db.a.test", DNS_A, 1000);
	end();
}

/* Failure. */

static void negative_cases(void)
{
	begin(CONF, "", ONE);
	look("a.test", false);
	fail("a.test", DNS_A, DNS_NO_NAME, 3);
	expect("a.test", "failed(NXDOMAIN)");
	check(lines == 1 && strcmp(last_line, "cannot resolve a.test: NXDOMAIN") == 0, last_line, "it is said");
	asked_after("a.test", DNS_A, 3000);
	fail("a.test", DNS_A, DNS_NO_DATA, 600);
	expect("a.test", "failed(no addresses)");
	check(lines == 1, last_line, "once");
	asked_after("a.test", DNS_A, 5000);
	fail("a.test", DNS_A, DNS_NO_NAME, -1);
	asked_after("a.test", DNS_A, 5000);
	fail("a.test", DNS_A, DNS_NO_NAME, 0);
	asked_after("a.test", DNS_A, 1000);
	answer("a.test", 10, "10.0.0.1");
	expect("a.test", "good 10.0.0.1");
	check(lines == 2 && strcmp(last_line, "a.test resolves again") == 0, last_line, "it is said");
	pass(10000);
	fail("a.test", DNS_A, DNS_NO_NAME, 7);
	expect("a.test", "kept(NXDOMAIN) 10.0.0.1");
	check(lines == 3 && strcmp(last_line, "cannot resolve a.test: NXDOMAIN; keeping its last addresses") == 0, last_line, "it is said");
	asked_after("a.test", DNS_A, 7000);
	fail("a.test", DNS_A, DNS_NO_NAME, 3600);
	asked_after("a.test", DNS_A, 60000);
	fail("a.test", DNS_A, DNS_FOREIGN, 0);
	expect("a.test", "kept(no answer) 10.0.0.1");
	pass(5000);
	fake_error = ENETUNREACH;
	fail("a.test", DNS_A, DNS_FOREIGN, 0);
	fake_error = 0;
	expect("a.test", "kept(no name server can be reached) 10.0.0.1");
	pass(5000);
	check(is_asked("a.test", DNS_A), "again", "");
	answer("a.test", 10, "10.0.0.1");
	expect("a.test", "good 10.0.0.1");
	check(lines == 4, last_line, "it is said");
	end();
}

static void hold_cases(void)
{
	struct resolve_rules rules = { .hold = 60000 };

	begin(CONF, "", BOTH);
	resolve_set(resolver, &rules);
	look("a.test", false);
	answer("a.test", 1000, "10.0.0.1");
	answer("a.test", 1000, "2001:db8::1");
	pass(1000000);
	fail("a.test", DNS_A, DNS_NO_NAME, 30);
	fail("a.test", DNS_AAAA, DNS_NO_NAME, 30);
	expect("a.test", "kept(NXDOMAIN) 10.0.0.1 2001:db8::1");
	pass(30000);
	rings = 0;
	pass(29999);
	expect("a.test", "kept(NXDOMAIN) 10.0.0.1 2001:db8::1");
	check(is_asked("a.test", DNS_A), "it is under way", "");
	pass(6);
	check(rings == 1, "it rings", "");
	expect("a.test", "failed(NXDOMAIN)");
	check(lines == 2 && strcmp(last_line, "cannot resolve a.test: NXDOMAIN; its last addresses are used no longer") == 0, last_line, "it is said");
	answer("a.test", 10, "10.0.0.1");
	answer("a.test", 10, "2001:db8::1");
	expect("a.test", "good 10.0.0.1 2001:db8::1");
	for (int i = 0; i < 6; i++) { /* one family fails for so long */
		pass(10000);
		fail("a.test", DNS_AAAA, DNS_FAILED, 0);
		answer("a.test", 10, "10.0.0.1");
		expect("a.test", "good 10.0.0.1 2001:db8::1");
	}
	pass(10000);
	expect("a.test", "good 10.0.0.1");
	answer("a.test", 10, "2001:db8::1");
	fail("a.test", DNS_A, DNS_FAILED, 0);
	expect("a.test", "good 10.0.0.1 2001:db8::1");
	rules.hold = 1;
	pass(100);
	resolve_set(resolver, &rules);
	pass(10);
	expect("a.test", "good 2001:db8::1");
	end();
}

/* So many of those that are under way, and begin with a letter, are answered, or fail: the first ones. */
static void answer_some(char first, enum dns_status status, size_t count)
{
	for (size_t i = 0; i < asked_count && count;) {
		char name[DNS_NAME];

		if (asked[i]->name[0] != first) {
			i++;
			continue;
		}
		strcpy(name, asked[i]->name);
		count--;
		if (status == DNS_FOUND)
			answer(name, 10, "10.0.0.1");
		else
			fail(name, DNS_A, status, 5);
	}
}

static void answer_all(char first, enum dns_status status)
{
	answer_some(first, status, SIZE_MAX);
}

/* Without asking. */

static void local_cases(void)
{
	begin(CONF, "10.0.0.1 db Db.Test\n2001:db8::1 db\n::1 six\n", ONE);
	expect("10.1.2.3", "good 10.1.2.3");
	expect("2001:db8::5", "good 2001:db8::5");
	expect("localhost", "good 127.0.0.1");
	expect("a.LocalHost.", "good 127.0.0.1");
	expect("db", "good 10.0.0.1");
	expect("db.test.", "good 10.0.0.1");
	expect("six", "good ::1"); /* it cannot be reached, but nothing else is there */
	check(!asked_ever && resolve_settled(resolver) && !rings && !resolve_round(resolver), "nobody is asked", "");
	expect("notlocalhost", "asked");
	check(is_asked("notlocalhost", DNS_A), "it is asked for", "");
	fail("notlocalhost", DNS_A, DNS_NO_NAME, 5);
	end();
	begin(CONF, "10.0.0.1 db\n2001:db8::1 db\n", BOTH);
	expect("localhost", "good 127.0.0.1 ::1");
	expect("db", "good 10.0.0.1 2001:db8::1");
	end();
	begin(CONF, "", "10.9.9.9,2001:db8::9,127.0.0.1");
	expect("localhost", "good 127.0.0.1");
	end();
}

static void hosts_change_cases(void)
{
	begin(CONF, "10.0.0.1 db\n", ONE);
	expect("db", "good 10.0.0.1");
	expect("other.test", "asked");
	answer("other.test", 3600, "10.0.0.9");
	expect("other.test", "good 10.0.0.9");
	write_file(hosts_path, "10.0.0.2 db\n10.0.0.3 other.test\n");
	pass(4000);
	expect("db", "good 10.0.0.1");
	rings = 0;
	pass(1000);
	check(rings == 1, "it rings", "");
	expect("db", "good 10.0.0.2");
	expect("other.test", "good 10.0.0.3");
	write_file(hosts_path, "10.0.0.1 new.test\n");
	pass(5000);
	check(is_asked("db", DNS_A) && is_asked("other.test", DNS_A), "those that have left the file are asked for", "");
	expect("db", "good 10.0.0.2");
	expect("new.test", "good 10.0.0.1");
	write_file(hosts_path, "10.0.0.1 new.test\n10.0.0.5 db\n");
	pass(5000);
	check(!is_asked("db", DNS_A) && is_asked("other.test", DNS_A), "one that is there again is not, any more", "");
	expect("db", "good 10.0.0.5");
	fail("other.test", DNS_A, DNS_NO_NAME, 5);
	expect("other.test", "kept(NXDOMAIN) 10.0.0.3");
	end();
	begin(CONF, "10.0.0.1 db\n2001:db8::1 db\n", ONE);
	expect("db", "good 10.0.0.1");
	expect("localhost", "good 127.0.0.1");
	fake_addresses = BOTH;
	pass(5000);
	expect("db", "good 10.0.0.1 2001:db8::1"); /* this host has IPv6 now */
	expect("localhost", "good 127.0.0.1 ::1");
	end();
}

static void conf_change_cases(void)
{
	struct net_addr servers[2];
	struct resolve_rules rules = { .servers = servers, .server_count = 2 };
	unsigned sets;

	begin(CONF, "", ONE);
	check(fake_conf.server_count == 1, "servers of resolv.conf", "");
	look("a", false);
	answer("a", 3600, "10.0.0.1");
	look("b", false);
	fail("b", DNS_A, DNS_FAILED, 0);
	look("c", false);
	sets = fake_sets;
	write_file(conf_path, CONF "nameserver 192.0.2.54\nsearch x.test\n");
	pass(1000);
	look("d", false);
	check(fake_sets == sets + 1 && fake_conf.server_count == 2, "other servers of resolv.conf", "");
	check(is_asked("d.x.test", DNS_A) && is_asked("b.x.test", DNS_A) && !is_asked("a.x.test", DNS_A), "those that fail are asked for", "");
	net_numeric(slice_of("127.0.0.1"), 8600, &servers[0]);
	net_numeric(slice_of("::1"), 53, &servers[1]);
	resolve_set(resolver, &rules);
	check(fake_sets == sets + 2 && fake_conf.server_count == 2 && net_compare(&fake_conf.servers[0], &servers[0]) == 0,
	      "servers of the configuration", "");
	check(is_asked("a.x.test", DNS_A), "all are asked for", "");
	resolve_set(resolver, &rules);
	check(fake_sets == sets + 2, "the same again", "");
	answer_all('a', DNS_FOUND);
	answer_all('b', DNS_FOUND);
	answer_all('c', DNS_FOUND);
	answer_all('d', DNS_FOUND);
	fake_addresses = BOTH;
	pass(10000);
	check(is_asked("a.x.test", DNS_AAAA) && is_asked("a.x.test", DNS_A), "with another family of addresses, too", "");
	rules.server_count = 0;
	resolve_set(resolver, &rules);
	check(fake_sets == sets + 3 && net_addr_port(&fake_conf.servers[0]) == 53, "those of resolv.conf again", "");
	end();
}

/* SRV names. */

static void srv_cases(void)
{
	struct resolve_query *query;

	begin(CONF, "10.0.0.7 b.test\n", ONE);
	expect_services("_db._tcp.test", "asked");
	check(asked_count == 1 && is_asked("_db._tcp.test", DNS_SRV), "one question", "");
	query = begin_answer("_db._tcp.test", DNS_SRV);
	put_service(60, 20, 5, 5432, "C.test");
	put_service(60, 10, 0, 5433, "b.test");
	put_service(60, 10, 9, 5432, "b.test");
	put_service(90, 10, 7, 5432, "b.test");
	put_service(60, 10, 1, 80, "192.0.2.7");
	end_answer(query);
	pass(BURST_MS);
	check(rings == 1 && !resolve_settled(resolver), "it rings; a target has no answer yet", "");
	expect_services("_db._tcp.test", "good; 192.0.2.7:80*1 good 192.0.2.7; b.test:5432*7 good 10.0.0.7; b.test:5433*0 good 10.0.0.7; "
	                                 "c.test:5432*5! asked");
	check(is_asked("c.test", DNS_A), "targets are asked for", "");
	expect("c.test.", "asked");
	check(asked_count == 1, "as a host name it is the same", "");
	answer("c.test", 10, "10.0.0.3");
	check(resolve_settled(resolver), "all have an answer", "");
	check(look("_db._tcp.test", true).moved, "it has moved with its target", "");
	expect_services("_db._tcp.test", "good; 192.0.2.7:80*1 good 192.0.2.7; b.test:5432*7 good 10.0.0.7; b.test:5433*0 good 10.0.0.7; "
	                                 "c.test:5432*5! good 10.0.0.3");
	pass(10000);
	check(asked_count == 1 && is_asked("c.test", DNS_A), "each by its own TTL", "");
	fail("c.test", DNS_A, DNS_FAILED, 0);
	expect_services("_db._tcp.test", "good; 192.0.2.7:80*1 good 192.0.2.7; b.test:5432*7 good 10.0.0.7; b.test:5433*0 good 10.0.0.7; "
	                                 "c.test:5432*5! kept(SERVFAIL) 10.0.0.3");
	end();
}

/* Other targets, which are waited for. */
static void srv_change_cases(void)
{
	struct resolve_query *query;

	begin(CONF, "", ONE);
	look("_a._tcp.test", true);
	query = begin_answer("_a._tcp.test", DNS_SRV);
	put_service(10, 1, 1, 80, "one.test");
	end_answer(query);
	answer("one.test", 1000, "10.0.0.1");
	expect_services("_a._tcp.test", "good; one.test:80*1 good 10.0.0.1");
	asked_after("_a._tcp.test", DNS_SRV, 10000);
	query = begin_answer("_a._tcp.test", DNS_SRV);
	put_service(10, 2, 1, 80, "one.test");
	put_service(10, 1, 1, 80, "one.test");
	end_answer(query);
	expect_services("_a._tcp.test", "good; one.test:80*1 good 10.0.0.1; one.test:80*1! good 10.0.0.1");
	asked_after("_a._tcp.test", DNS_SRV, 10000);
	query = begin_answer("_a._tcp.test", DNS_SRV);
	put_service(10, 1, 1, 80, "one.test");
	end_answer(query);
	expect_services("_a._tcp.test", "good; one.test:80*1 good 10.0.0.1");
	asked_after("_a._tcp.test", DNS_SRV, 10000);
	query = begin_answer("_a._tcp.test", DNS_SRV);
	put_service(10, 1, 1, 80, "two.test");
	end_answer(query);
	expect_services("_a._tcp.test", "good; one.test:80*1 good 10.0.0.1");
	rings = 0;
	answer("two.test", 1000, "10.0.0.2");
	check(rings == 1, "it rings", "");
	expect_services("_a._tcp.test", "good; two.test:80*1 good 10.0.0.2");
	round_of_leaving(resolver);
	resolve_lookup(resolver, "_a._tcp.test", true);
	check(resolver->names.dues.count == 2, "the old target is gone", "");
	asked_after("_a._tcp.test", DNS_SRV, 10000);
	for (unsigned i = 0; i < 5; i++) { /* nobody answers for the new one, and meanwhile it has another weight */
		query = begin_answer("_a._tcp.test", DNS_SRV);
		put_service(1, 1, i, 80, "three.test");
		end_answer(query);
		expect_services("_a._tcp.test", "good; two.test:80*1 good 10.0.0.2");
		rings = 0;
		pass(1000);
	}
	pass(BURST_MS);
	check(rings == 1, "it rings", "");
	expect_services("_a._tcp.test", "good; three.test:80*4 asked");
	query = begin_answer("_a._tcp.test", DNS_SRV);
	put_service(10, 1, 1, 80, "two.test");
	end_answer(query);
	answer("two.test", 1000, "10.0.0.2");
	expect_services("_a._tcp.test", "good; two.test:80*1 good 10.0.0.2");
	pass(10000);
	fail("_a._tcp.test", DNS_SRV, DNS_NO_NAME, 60);
	expect_services("_a._tcp.test", "kept NXDOMAIN; two.test:80*1 good 10.0.0.2");
	check(strcmp(last_line, "cannot resolve _a._tcp.test: NXDOMAIN; keeping its last targets") == 0, last_line, "it is said");
	pass(60000);
	query = begin_answer("_a._tcp.test", DNS_SRV);
	put_service(10, 0, 0, 0, "");
	end_answer(query);
	expect_services("_a._tcp.test", "kept no such service; two.test:80*1 good 10.0.0.2");
	resolve_set(resolver, &(struct resolve_rules){ .hold = 60001 });
	pass(1);
	expect_services("_a._tcp.test", "failed no such service");
	check(strcmp(last_line, "cannot resolve _a._tcp.test: no such service; its last targets are used no longer") == 0, last_line, "it is said");
	end();
	begin(CONF, "", BOTH);
	look("_a._tcp.test", true);
	query = begin_answer("_a._tcp.test", DNS_SRV);
	put_service(10, 0, 0, 0, "");
	end_answer(query);
	expect_services("_a._tcp.test", "failed no such service");
	end();
}

static void srv_many_cases(void)
{
	struct resolve_query *query;
	struct resolve_answer found;
	char name[32];

	begin(CONF, "", ONE);
	look("_a._tcp.test", true);
	query = begin_answer("_a._tcp.test", DNS_SRV);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "t%02u.test", (i * 37) % 100);
		put_service(60, (i * 37) % 100 / 50, 1, 80, name);
	}
	end_answer(query);
	found = look("_a._tcp.test", true);
	check(found.count == 64 && strcmp(found.hosts[63].name, "t63.test") == 0 && found.hosts[50].last && !found.hosts[49].last,
	      "the first 64", "");
	check(strcmp(last_line, "_a._tcp.test has 100 targets: the first 64 of them, as they are sorted, are used") == 0, last_line, "it is said");
	end();
}

/* Many names. */

static void address_cases(void)
{
	begin(CONF, "", ONE);
	look("db.test", false);
	for (unsigned turn = 0; turn < 3; turn++) {
		struct resolve_query *query = begin_answer("db.test", DNS_A);
		char ip[INET6_ADDRSTRLEN];

		for (unsigned i = 0; i < 65; i++) {
			snprintf(ip, sizeof ip, "10.0.0.%u", (i * 3 + turn * 7) % 65);
			put_address(DNS_A, 10, ip);
			put_address(DNS_A, 10, ip);
		}
		end_answer(query);
		check(look("db.test", false).hosts->count == 64, "as many as may be", "");
		net_print_ip(&look("db.test", false).hosts->addrs[63], ip);
		check(strcmp(ip, "10.0.0.63") == 0 && lines == 1, ip, "always the same ones; it is said once");
		pass(10000);
	}
	check(strcmp(last_line, "db.test has 65 addresses: the first 64 of them, as they are sorted, are used") == 0, last_line, "it is said");
	end();
}

static void round_cases(void)
{
	begin(CONF, "", ONE);
	resolve_lookup(resolver, "a.test", false);
	resolve_lookup(resolver, "b.test", false);
	for (int i = 0; i < 3; i++)
		check(!resolve_round(resolver) && asked_count == 2, "no round", "nothing is new");
	check(round_of_leaving(resolver) && asked_count == 2, "a round", "names may be out of use");
	resolve_lookup(resolver, "a.test", false);
	check(resolve_round(resolver) && asked_count == 1, "another round", "one is gone");
	resolve_lookup(resolver, "a.test", false);
	check(!resolve_round(resolver) && is_asked("a.test", DNS_A), "no round", "the other one is in use");
	answer("a.test", 60, "10.0.0.1");
	check(resolve_lookup(resolver, "a.test", false).state == RESOLVE_ASKED, "before the round it is as it was", "");
	check(resolve_round(resolver), "a round", "other addresses");
	check(resolve_lookup(resolver, "a.test", false).moved, "it has moved", "");
	round_of_leaving(resolver);
	check(!resolve_lookup(resolver, "a.test", false).moved, "it has not moved since", "");
	end();
}

/* A name that has left is not asked for for ever, though nothing else changes. */
static void leaving_cases(void)
{
	begin(CONF, "10.0.0.7 b.test\n", ONE);
	resolve_lookup(resolver, "a.test", false);
	resolve_lookup(resolver, "b.test", false);
	answer("a.test", 3600, "10.0.0.1");
	pass(BURST_MS);
	resolve_round(resolver);
	resolve_lookup(resolver, "a.test", false);
	resolve_lookup(resolver, "b.test", false);
	resolve_left(resolver);
	for (rings = 0; rings < 2; resolve_round(resolver)) {
		unsigned before = rings;

		pass(LEFT_MS);
		check(rings == before + 1, "it rings for another round", "");
	}
	check(!resolver->names.dues.count && !resolver->due_timer.next, "they are gone, and nothing is to be done", "");
	pass(100000);
	check(rings == 2, "it rings no more", "");
	end();
}

static void look_many(const char *format, unsigned count)
{
	char name[32];

	for (unsigned i = 0; i < count; i++) {
		snprintf(name, sizeof name, format, i);
		resolve_lookup(resolver, name, false);
	}
}

/* Answers of one turn of the loop, and of those that follow soon, ring once. */
static void burst_cases(void)
{
	char name[32];

	begin(CONF, "", ONE);
	look_many("n%u.test", 50);
	for (unsigned i = 0; i < 49; i++) {
		snprintf(name, sizeof name, "n%u.test", i);
		answer(name, 60, "10.0.0.1");
	}
	check(!rings, "it does not ring while others are under way", "");
	pass(4);
	check(!rings, "yet", "");
	pass(1);
	check(rings == 1, "for long", "");
	pass(100);
	check(rings == 1, "again", "");
	resolve_round(resolver);
	look_many("n%u.test", 50);
	answer("n49.test", 60, "10.0.0.1");
	check(rings == 2, "the last one rings at once", "");
	end();
}

/* Names that hang leave room for others; for those that have answered, most. */
static void crowd_cases(void)
{
	begin(CONF, "", ONE);
	look_many("g%u.test", 3);
	answer_all('g', DNS_FOUND);
	look_many("h%u.test", 1000);
	check(asked_count == RESOLVE_FLIGHT * 3 / 8, "new ones", "");
	pass(1499);
	check(is_asked("h0.test", DNS_A), "they stay", "");
	pass(1);
	check(!is_asked("h0.test", DNS_A) && is_asked("h48.test", DNS_A), "those that are slow give way to others", "");
	look_many("n%u.test", 1);
	pass(29999);
	check(is_asked("n0.test", DNS_A), "a new one does not wait for ever for those that hang", "");
	answer("n0.test", 3600, "10.0.0.1");
	pass(10000);
	check(asked_count == RESOLVE_FLIGHT * 3 / 8 + 3 && is_asked("g0.test", DNS_A), "those that have answered go on", "");
	answer_all('g', DNS_FOUND);
	for (int i = 0; i < 300; i++) { /* all of them hang, again and again */
		size_t count = asked_count;

		pass(10000);
		answer_some('h', DNS_FOREIGN, count);
		answer_all('g', DNS_FOUND);
	}
	check(asked_count == RESOLVE_FLIGHT / 6, "those that hang again and again", "");
	look_many("n%u.test", 5);
	check(is_asked("n4.test", DNS_A), "a new one does not wait for them", "");
	check(most_asked <= RESOLVE_FLIGHT / 2, "never more than so many", "");
	end();
	begin(CONF, "", ONE);
	look_many("h%u.test", 100);
	for (int i = 0; i < 2; i++) { /* of all of them only the last one, which waits, is still in use */
		round_of_leaving(resolver);
		resolve_lookup(resolver, "h99.test", false);
	}
	check(asked_count == 1 && is_asked("h99.test", DNS_A), "it takes the place of those that are gone", "");
	end();
}

/* Many whose TTLs are too short leave room for a new one. */
static void hurry_cases(void)
{
	begin(CONF, "", ONE);
	look_many("g%u.test", 200);
	answer_all('g', DNS_FOUND);
	pass(10000);
	look_many("n%u.test", 3);
	answer_some('g', DNS_FOUND, 24);
	check(is_asked("n2.test", DNS_A), "a new one is asked for", "");
	end();
}

/* Those that fail at once are asked for 100 times a second, together. */
static void pace_cases(void)
{
	size_t before;

	begin(CONF, "", ONE);
	look_many("h%u.test", 2000);
	while (asked_count)
		answer_all('h', DNS_NO_NAME);
	before = asked_ever;
	for (int i = 0; i < 600; i++) {
		pass(100);
		answer_all('h', DNS_NO_NAME);
	}
	check(asked_ever - before > 5000 && asked_ever - before < 8500, "so many in a minute", "");
	end();
}

static void figure_cases(void)
{
	struct resolve_figures figures;

	begin(CONF, "", ONE);
	look_many("a%u.test", 3);
	look("10.0.0.1", false);
	answer("a0.test", 60, "10.0.0.1");
	fail("a1.test", DNS_A, DNS_NO_NAME, 5);
	resolve_figures(resolver, &figures);
	check(figures.names[RESOLVE_ASKED] == 1 && figures.names[RESOLVE_GOOD] == 2 && figures.names[RESOLVE_FAILED] == 1, "names", "");
	check(figures.queries[RESOLVE_ANSWERED] == 6 && figures.queries[RESOLVE_TIMED_OUT] == 7, "queries", "a cut answer is one");
	check(figures.queries[RESOLVE_REFUSED] == 13 && figures.queries[RESOLVE_BROKEN] == 2, "queries", "only what cannot be read is broken");
	end();
}

int main(void)
{
	make_files();
	plain_cases();
	family_cases();
	patience_cases();
	search_cases();
	search_failure_cases();
	negative_cases();
	hold_cases();
	local_cases();
	hosts_change_cases();
	conf_change_cases();
	srv_cases();
	srv_change_cases();
	srv_many_cases();
	address_cases();
	round_cases();
	leaving_cases();
	burst_cases();
	crowd_cases();
	hurry_cases();
	pace_cases();
	figure_cases();
	remove_files();
	return check_sum();
}
