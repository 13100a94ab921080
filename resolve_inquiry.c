#include "base.h"
#include "resolve_inquiry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dns.h"
#include "loop.h"
#include "loop_backend.h"
#include "resolve_conf.h"
#include "resolve_query.h"
#include "sys.h"

/* Of two families, once one has addresses, or says that the name does not exist, the other has so long. Servers are about that
 * drop questions for AAAA. */
#define PATIENCE_MS 1000

static const char *const reasons[DNS_FOREIGN + 1] = {
	[DNS_NO_DATA] = "no addresses", [DNS_NO_NAME] = "NXDOMAIN", [DNS_CUT] = "the answer is cut", [DNS_FAILED] = "SERVFAIL",
	[DNS_REFUSED] = "REFUSED", [DNS_NO_EDNS] = "FORMERR", [DNS_BROKEN] = "the answer is broken", [DNS_FOREIGN] = "no answer"
};

void resolve_desk_open(struct resolve_desk *desk, struct loop *loop, uint8_t kind)
{
	*desk = (struct resolve_desk){ .loop = loop };
	loop_fifo_open(loop, &desk->patience, PATIENCE_MS, kind);
}

/* Candidates: a name with as many dots as `ndots` is tried as it is first, else last. */

static unsigned count_dots(const char *name)
{
	unsigned dots = 0;

	for (; *name; name++)
		dots += *name == '.';
	return dots;
}

/* What is put behind the name at a place, from 1; NULL: there is no such place. */
static const char *suffix_at(const struct resolve_inquiry *inquiry, unsigned place)
{
	const struct resolve_conf *conf = inquiry->desk->conf;
	const struct resolve_wanted *wanted = &inquiry->wanted;
	bool first = wanted->absolute || count_dots(wanted->name) >= conf->ndots;
	size_t search = wanted->absolute ? 0 : conf->search_count;

	if (place > search + 1)
		return NULL;
	if (place == (first ? 1 : search + 1))
		return "";
	return conf->search[place - 1 - first];
}

/* Goes on to the next candidate. False: there is none. */
static bool next_candidate(struct resolve_inquiry *inquiry)
{
	const char *suffix;

	while ((suffix = suffix_at(inquiry, ++inquiry->place))) {
		size_t len = strlen(inquiry->wanted.name), more = strlen(suffix);

		if (len + more + 2 > sizeof inquiry->candidate)
			continue;
		memcpy(inquiry->candidate, inquiry->wanted.name, len + 1);
		if (more) {
			inquiry->candidate[len] = '.';
			memcpy(inquiry->candidate + len + 1, suffix, more + 1);
		}
		if (dns_is_name(inquiry->candidate))
			return true;
	}
	return false;
}

static void ask_type(struct resolve_inquiry *inquiry, size_t which, enum dns_type type)
{
	struct resolve_query *query = &inquiry->queries[which];

	*query = (struct resolve_query){ .owner = inquiry, .name = inquiry->candidate, .type = type };
	inquiry->fates[which] = RESOLVE_LOST;
	resolve_query_ask(inquiry->desk->queries, query);
}

static void ask_candidate(struct resolve_inquiry *inquiry)
{
	const struct resolve_wanted *wanted = &inquiry->wanted;

	if (wanted->srv)
		ask_type(inquiry, 0, DNS_SRV);
	if (!wanted->srv && wanted->v4)
		ask_type(inquiry, 0, DNS_A);
	if (!wanted->srv && wanted->v6)
		ask_type(inquiry, 1, DNS_AAAA);
}

struct resolve_inquiry *resolve_inquiry_start(struct resolve_desk *desk, void *owner, const struct resolve_wanted *wanted)
{
	struct resolve_inquiry *inquiry = sys_alloc(sizeof *inquiry);

	*inquiry = (struct resolve_inquiry){ .owner = owner, .desk = desk, .wanted = *wanted, .ttl = -1, .worst = DNS_FOUND };
	if (!next_candidate(inquiry)) {
		free(inquiry);
		return NULL;
	}
	ask_candidate(inquiry);
	return inquiry;
}

void resolve_inquiry_drop(struct resolve_inquiry *inquiry)
{
	if (!inquiry)
		return;
	for (size_t i = 0; i < ARRAY_LEN(inquiry->queries); i++)
		resolve_query_drop(inquiry->desk->queries, &inquiry->queries[i]);
	loop_disarm(&inquiry->patience);
	free(inquiry->addrs);
	free(inquiry->services);
	loop_free(inquiry->desk->loop, inquiry); /* one of its queries may be in use up to the end of the turn */
}

/* Answers. */

static bool has_found(const struct resolve_inquiry *inquiry)
{
	return inquiry->fates[0] == RESOLVE_FOUND || inquiry->fates[1] == RESOLVE_FOUND;
}

static void take_records(struct resolve_inquiry *inquiry, struct dns_walk *walk)
{
	struct dns_record record;

	while (dns_next(walk, &record)) {
		if (inquiry->wanted.srv && *record.target) {
			SYS_GROW(inquiry->services, inquiry->service_count, inquiry->service_cap);
			inquiry->services[inquiry->service_count++] = record;
		} else if (!inquiry->wanted.srv) {
			SYS_GROW(inquiry->addrs, inquiry->addr_count, inquiry->addr_cap);
			inquiry->addrs[inquiry->addr_count++] = record.addr;
		}
	}
}

/* The least one, of good news or else of bad. */
static void take_ttl(struct resolve_inquiry *inquiry, bool better, long ttl)
{
	if (better || inquiry->ttl < 0 || (ttl >= 0 && ttl < inquiry->ttl))
		inquiry->ttl = ttl;
}

static enum resolve_fate take_outcome(struct resolve_inquiry *inquiry, enum dns_status status, struct dns_walk *walk)
{
	bool found = has_found(inquiry);

	if (status == DNS_FOUND) {
		take_records(inquiry, walk);
		inquiry->nowhere = inquiry->wanted.srv && !inquiry->service_count;
		if (inquiry->nowhere)
			status = DNS_NO_DATA;
	}
	if (status == DNS_FOUND)
		take_ttl(inquiry, !found, walk->ttl);
	else if (!found && walk && (status == DNS_NO_DATA || status == DNS_NO_NAME))
		take_ttl(inquiry, false, walk->ttl);
	inquiry->worst = status > inquiry->worst ? status : inquiry->worst;
	if (status == DNS_FOUND)
		return RESOLVE_FOUND;
	return status == DNS_NO_DATA || status == DNS_NO_NAME ? RESOLVE_GONE : RESOLVE_LOST;
}

/* Where no server answers, it will not do so for another candidate. Nor is one tried in place of that which was good. */
static bool may_go_on(const struct resolve_inquiry *inquiry)
{
	const struct resolve_wanted *wanted = &inquiry->wanted;
	bool lost = inquiry->fates[0] == RESOLVE_LOST || inquiry->fates[1] == RESOLVE_LOST;
	bool said = inquiry->fates[0] == RESOLVE_GONE || inquiry->fates[1] == RESOLVE_GONE;

	return !has_found(inquiry) && !(inquiry->worst == DNS_FOREIGN && !said) && !(lost && inquiry->place == wanted->good);
}

static void inquiry_judge(struct resolve_inquiry *inquiry)
{
	loop_disarm(&inquiry->patience);
	if (may_go_on(inquiry) && next_candidate(inquiry)) {
		ask_candidate(inquiry);
		return;
	}
	if (!has_found(inquiry)) {
		inquiry->certain = inquiry->worst == DNS_NO_DATA || inquiry->worst == DNS_NO_NAME;
		inquiry->why = reasons[inquiry->worst];
		if (inquiry->nowhere && inquiry->certain)
			inquiry->why = "no such service";
		if (inquiry->cut_off && inquiry->worst == DNS_FOREIGN)
			inquiry->why = "no name server can be reached";
	}
	inquiry->desk->over(inquiry->desk->arg, inquiry);
}

void resolve_inquiry_answered(struct resolve_query *query, const struct resolve_outcome *outcome)
{
	struct resolve_inquiry *inquiry = query->owner;
	enum dns_status status = outcome->silent ? DNS_FOREIGN : outcome->status;
	struct resolve_query *other = &inquiry->queries[query == inquiry->queries];
	size_t which = (size_t)(query - inquiry->queries);

	inquiry->cut_off = outcome->silent && outcome->error && outcome->error != ECONNRESET;
	inquiry->fates[which] = take_outcome(inquiry, status, outcome->walk);
	if (!other->busy)
		inquiry_judge(inquiry);
	else if (status == DNS_FOUND || status == DNS_NO_NAME)
		loop_arm(inquiry->desk->loop, &inquiry->desk->patience, &inquiry->patience);
}

void resolve_inquiry_impatient(struct loop_timer *timer)
{
	struct resolve_inquiry *inquiry = CONTAINER_OF(timer, struct resolve_inquiry, patience);

	for (size_t i = 0; i < ARRAY_LEN(inquiry->queries); i++) {
		if (inquiry->queries[i].busy && !has_found(inquiry))
			inquiry->fates[i] = RESOLVE_GONE; /* of a name that does not exist there is nothing (RFC 8020) */
		resolve_query_drop(inquiry->desk->queries, &inquiry->queries[i]);
	}
	inquiry_judge(inquiry);
}
