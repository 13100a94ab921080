/* A resolver to which anything happens: names come and go, answers of all kinds come late or never, files and rules change. What
 * must hold holds after each step, and what was looked up stays as it was until the next round. */
#include "resolve_fake.h"

#include "../../loop.c"
#include "../../resolve_due.c"
#include "../../resolve_local.c"
#include "../../resolve_inquiry.c"
#include "../../resolve_name.c"
#include "../../resolve.c"
#include "resolve_frame.h"

#define HOSTS 40
#define SERVICES 6
#define STEPS 6000

static uint32_t seed;

static unsigned draw(unsigned below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static const char *host_name(unsigned i)
{
	static char name[32];

	snprintf(name, sizeof name, i % 3 ? "n%u.test" : "n%u.test.", i);
	return name;
}

static const char *service_name(unsigned i)
{
	static char name[32];

	snprintf(name, sizeof name, "_s%u._tcp.test", i);
	return name;
}

/* What was looked up in this round, and what it was. */
static struct seen {
	struct resolve_answer answer;
	uint64_t sum;
} seen[HOSTS + SERVICES];
static bool in_use[HOSTS + SERVICES];

static uint64_t sum_of(const struct resolve_answer *answer)
{
	uint64_t sum = answer->count * 31 + answer->state;

	for (size_t i = 0; i < answer->count; i++) {
		const struct resolve_host *host = &answer->hosts[i];

		sum = sum * 31 + host->state + host->port + strlen(host->name) + (host->why ? strlen(host->why) : 0);
		for (size_t j = 0; j < host->count; j++)
			sum = sum * 31 + (host->addrs[j].sa.any.sa_family == AF_INET ? host->addrs[j].sa.v4.sin_addr.s_addr
			                                                            : host->addrs[j].sa.v6.sin6_addr.s6_addr[15]);
	}
	return sum;
}

static void look_at(unsigned i)
{
	bool srv = i >= HOSTS;

	seen[i].answer = resolve_lookup(resolver, srv ? service_name(i - HOSTS) : host_name(i), srv);
	seen[i].sum = sum_of(&seen[i].answer);
}

static void next_round(bool gone)
{
	for (unsigned i = 0; i < HOSTS + SERVICES; i++)
		if (seen[i].answer.hosts && sum_of(&seen[i].answer) != seen[i].sum)
			check(false, "an answer stays as it was until the next round", "");
	if (!(gone ? round_of_leaving(resolver) : resolve_round(resolver)) && resolver->names.dues.count)
		return;
	memset(seen, 0, sizeof seen);
	for (unsigned i = 0; i < HOSTS + SERVICES; i++)
		if (in_use[i])
			look_at(i);
}

static void some_answer(void)
{
	static const enum dns_status bad[] = { DNS_NO_DATA, DNS_NO_NAME, DNS_FAILED, DNS_REFUSED, DNS_BROKEN, DNS_FOREIGN };
	struct resolve_query *query = asked[draw((unsigned)asked_count)];
	enum dns_type type = query->type;
	char name[DNS_NAME], text[32];

	strcpy(name, query->name);
	if (!draw(3)) {
		fail(name, type, bad[draw(ARRAY_LEN(bad))], draw(100));
		return;
	}
	query = begin_answer(name, type);
	for (unsigned i = 0, count = 1 + draw(4); i < count; i++) {
		snprintf(text, sizeof text, type == DNS_A ? "10.0.0.%u" : "2001:db8::%u", draw(6));
		if (type == DNS_SRV)
			put_service(draw(100), draw(3), draw(3), 80 + draw(2), draw(20) ? host_name(draw(HOSTS)) : "");
		else
			put_address(type, draw(100), text);
	}
	end_answer(query);
}

static void some_files(void)
{
	static const char *const confs[] = { CONF, CONF "search a.test b.test\n", CONF "search test\noptions ndots:2\n", "" };
	static const char *const here[] = { BOTH, ONE, "127.0.0.1", "2001:db8::7" };
	char text[200];

	snprintf(text, sizeof text, "10.1.0.%u n%u.test\n::1 n%u.test\n", draw(9), draw(HOSTS), draw(HOSTS));
	write_file(hosts_path, text);
	write_file(conf_path, confs[draw(ARRAY_LEN(confs))]);
	fake_addresses = here[draw(ARRAY_LEN(here))];
}

static void some_rules(void)
{
	struct net_addr servers[3] = { 0 };
	struct resolve_rules rules = { .servers = servers, .server_count = draw(4), .hold = draw(3) ? 0 : 1 + draw(30000) };

	for (unsigned i = 0; i < 3; i++)
		net_numeric(slice_of("192.0.2.1"), (uint16_t)(1 + draw(3)), &servers[i]);
	resolve_set(resolver, &rules);
}

static void step(void)
{
	unsigned what = draw(100);

	if (what < 60 && asked_count)
		some_answer();
	else if (what < 75)
		pass(draw(3000));
	else if (what < 78)
		pass(draw(100000));
	else if (what < 80)
		some_files();
	else if (what < 82)
		some_rules();
	else if (what < 90)
		in_use[draw(HOSTS + SERVICES)] ^= true;
	else
		next_round(what < 95);
}

static void holds(void)
{
	const struct resolve_dues *dues = &resolver->names.dues;
	size_t all = 0, asking = 0;

	for (int state = 0; state < RESOLVE_STATES; state++)
		all += resolver->names.states[state];
	for (size_t i = 0; i < dues->count; i++) {
		const struct resolve_name *name = resolve_name_of(dues->items[i]);

		check(dues->items[i]->place == i && (!i || dues->items[(i - 1) / 2]->at <= dues->items[i]->at), "the heap", name->text);
		check(dues->items[i]->asked == (name->inquiry != NULL), "who is asked for is on its way", name->text);
		check(name->due.asked || name->due.link || name->again > 0, "it is asked for, some time", name->text);
		check(name->state != RESOLVE_GOOD || resolve_name_count(name), "what is good has something", name->text);
		asking += name->due.asked;
	}
	check(all == dues->count && asking == resolve_due_under_way(dues), "the counts", "");
	check(asked_count <= RESOLVE_FLIGHT && asking <= asked_count, "no more questions than may be", "");
	check(!resolver->names.news || resolver->rung || resolver->burst_timer.next, "news rings", "");
}

/* All that is asked for is answered: then each name is known. */
static void settle(void)
{
	for (int i = 0; i < 1000 && !resolve_settled(resolver); i++) {
		while (asked_count)
			fail(asked[0]->name, asked[0]->type, DNS_NO_NAME, 100);
		pass(1);
	}
	check(resolve_settled(resolver), "all names are known", "");
}

int main(void)
{
	make_files();
	for (seed = 1; seed < 6; seed++) {
		uint32_t first = seed;

		memset(seen, 0, sizeof seen);
		memset(in_use, 0, sizeof in_use);
		begin(CONF, "", BOTH);
		for (int i = 0; i < STEPS; i++) {
			step();
			holds();
		}
		settle();
		memset(in_use, 0, sizeof in_use);
		next_round(true);
		resolve_round(resolver);
		check(!resolver->names.dues.count && !asked_count, "all are gone", "");
		end();
		seed = first;
	}
	remove_files();
	return check_sum();
}
