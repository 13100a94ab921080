/* Cases for the resolver: which questions it asks and when, and what it makes of their answers. */
#include "resolver.h"

#include "../../loop.c"
#include "../../resolve_due.c"
#include "../../resolve_local.c"
#include "../../resolve_inquiry.c"
#include "../../resolve_name.c"
#include "../../resolver.c"

/* The owner. */

static struct loop loop;
static struct resolver *resolver;
static unsigned rings;
static char hosts_path[] = "/tmp/dill-hosts-XXXXXX", conf_path[] = "/tmp/dill-conf-XXXXXX";

static void count_ring(void *arg)
{
	(void)arg;
	rings++;
}

static void pass_on(struct loop *from, struct loop_fifo *fifo, struct loop_timer *timer)
{
	(void)from;
	check(resolve_expired(resolver, fifo, timer), "the timer is the resolver's", "");
}

static const struct loop_ops ops = { .expired = pass_on };

/* Time passes, as the loop would have it. */
static void pass(int64_t ms)
{
	for (int64_t end = fake_clock + ms; fake_clock < end;) {
		int64_t next = end;

		for (const struct loop_fifo *fifo = loop.fifos; fifo; fifo = fifo->below)
			if (fifo->head.next != &fifo->head && fifo->head.next->at < next)
				next = fifo->head.next->at;
		fake_clock = loop.now = next > fake_clock ? next : fake_clock;
		loop_expired(&loop);
		free_dead(&loop);
	}
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
}

static void begin(const char *conf, const char *hosts, const char *here)
{
	fake_addresses = here;
	loop_open(&loop, &ops, NULL);
	loop.now = fake_clock;
	resolver = resolve_open(&loop, 1, count_ring, NULL);
	write_file(conf_path, conf);
	write_file(hosts_path, hosts);
	resolve_local_close(&resolver->local);
	resolve_local_open(&resolver->local);
	resolver->local.conf_file.path = conf_path;
	resolver->local.hosts_file.path = hosts_path;
	look_at_files(resolver);
	rings = 0;
	asked_ever = most_asked = 0;
	lines = 0;
	strcpy(last_line, "");
}

static void end(void)
{
	resolve_close(resolver);
	loop_close(&loop);
	fake_clock += 100000;
}

#define BOTH "10.9.9.9,2001:db8::9,127.0.0.1,::1,fe80::1"
#define ONE "10.9.9.9,127.0.0.1,::1,fe80::1"
#define CONF "nameserver 192.0.2.53\n"

/* Questions and answers. */

static struct resolve_query *question(const char *name, enum dns_type type)
{
	for (size_t i = 0; i < asked_count; i++)
		if (strcmp(asked[i]->name, name) == 0 && asked[i]->type == type)
			return asked[i];
	return NULL;
}

static bool is_asked(const char *name, enum dns_type type)
{
	return question(name, type);
}

static void finish(struct resolve_query *query, const struct resolve_outcome *outcome)
{
	fake_query_drop(NULL, query);
	resolve_inquiry_answered(query, outcome);
	resolve_ready(resolver, NULL, 0);
	free_dead(&loop);
}

static void fail(const char *name, enum dns_type type, enum dns_status status, long ttl)
{
	struct resolve_query *query = question(name, type);
	struct dns_walk walk = { .ttl = ttl };
	struct resolve_outcome outcome = { .status = status, .silent = status == DNS_FOREIGN };

	check(query, "it was asked for", name);
	if (status == DNS_NO_DATA || status == DNS_NO_NAME)
		outcome.walk = &walk;
	if (query)
		finish(query, &outcome);
}

static uint8_t message[65535];
static size_t message_len;

static void put_bytes(const void *bytes, size_t len)
{
	memcpy(message + message_len, bytes, len);
	message_len += len;
}

static void put_number(unsigned long number, size_t size)
{
	while (size-- > 0)
		message[message_len++] = (uint8_t)(number >> (8 * size));
}

static void put_record(enum dns_type type, long ttl, size_t len)
{
	message[7]++;
	message[6] = (uint8_t)(message[6] + !message[7]);
	put_number(0xc00c, 2);
	put_number(type, 2);
	put_number(1, 2);
	put_number((unsigned long)ttl, 4);
	put_number(len, 2);
}

static struct resolve_query *begin_answer(const char *name, enum dns_type type)
{
	struct resolve_query *query = question(name, type);

	check(query, "it was asked for", name);
	message_len = dns_question(message, 1, name, type, false);
	message[2] = 0x80;
	return query;
}

static void end_answer(struct resolve_query *query)
{
	struct dns_walk walk;
	struct resolve_outcome outcome = { .walk = &walk };

	if (!query)
		return;
	outcome.status = dns_read(&walk, message, message_len, 1, query->name, query->type);
	check(outcome.status == DNS_FOUND, "the test's answer can be read", query->name);
	finish(query, &outcome);
}

static void put_address(enum dns_type type, long ttl, const char *text)
{
	struct net_addr addr;

	net_numeric(slice_of(text), 0, &addr);
	put_record(type, ttl, type == DNS_A ? 4 : 16);
	put_bytes(type == DNS_A ? (void *)&addr.sa.v4.sin_addr : (void *)&addr.sa.v6.sin6_addr, type == DNS_A ? 4 : 16);
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

static void put_service(long ttl, unsigned priority, unsigned weight, unsigned port, const char *target)
{
	uint8_t question_bytes[DNS_QUESTION];
	size_t len = *target ? dns_question(question_bytes, 1, target, DNS_SRV, false) - 16 : 1;

	put_record(DNS_SRV, ttl, 6 + len);
	put_number(priority, 2);
	put_number(weight, 2);
	put_number(port, 2);
	if (*target)
		put_bytes(question_bytes + 12, len);
	else
		put_number(0, 1);
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
	resolve_round(resolver, false);
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
	check(!look("db.test", false).moved || true, "", "");
	asked_after("db.test", DNS_A, 20000);
	answer("db.test", 0, "10.0.0.1 10.0.0.2");
	answer("db.test", 300, "2001:db8::1");
	check(rings == 1 && !resolve_round(resolver, false), "the same again is no news", "");
	asked_after("db.test", DNS_A, 1000);
	answer("db.test", 90000, "10.0.0.3");
	fail("db.test", DNS_AAAA, DNS_NO_DATA, 5);
	check(rings == 2 && look("db.test", false).moved, "it has moved", "");
	expect("db.test", "good 10.0.0.3");
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

int main(void)
{
	close(mkstemp(hosts_path));
	close(mkstemp(conf_path));
	plain_cases();
	family_cases();
	patience_cases();
	search_cases();
	search_failure_cases();
	negative_cases();
	hold_cases();
	unlink(hosts_path);
	unlink(conf_path);
	return check_sum();
}
