#include "base.h"
#include "resolve.h"

#include <stdlib.h>
#include <string.h>

#include "dns.h"
#include "loop.h"
#include "loop_backend.h"
#include "net.h"
#include "resolve_answer.h"
#include "resolve_conf.h"
#include "resolve_due.h"
#include "resolve_inquiry.h"
#include "resolve_local.h"
#include "resolve_name.h"
#include "resolve_query.h"
#include "sys.h"

#define AGAIN_MS 5000    /* until a name is asked for again that failed */
#define BAD_GAP_MS 10    /* of those that fail one is asked for in each, as it were: 100 a second, however many there are */
#define NONE_MAX 60      /* seconds: so long a name that once did exist may be known not to; it is missed */
#define HALF_MS 30000    /* until a name is asked for again of which one family failed */
#define TTL_MAX 3600     /* seconds */
#define TARGETS_MAX 64   /* of an SRV name: each may be many backends */
#define HOSTS_MS 5000    /* /etc/hosts is looked at so often while it is used */
#define SLOW_MS 1500     /* a name that is on its way for longer is slow: more than the patience of an inquiry */
#define LEFT_MS 1000     /* until names that may not be in use are looked at; so that many who leave are one round */
#define BURST_MS 5       /* answers within it ring once, while there are others to come; and for each so many names, all of */
#define BURST_NAMES 200  /* which are looked at then, a millisecond more */

struct resolver {
	struct loop *loop;
	struct resolve_names names;
	struct resolve_local local;
	struct resolve_desk desk;
	struct loop_fifo due, burst;
	struct loop_timer due_timer, burst_timer;
	bool rung;  /* since the last round: that there is news */
	int rounds; /* that must come, since names may not be used any more */
	int64_t round_at; /* the next of them */
	int64_t heard_at; /* a server has said anything */
	bool outage; /* none has for as long as a name was asked for */
	struct net_addr servers[RESOLVE_SERVERS];
	size_t server_count;
	void (*ring)(void *arg);
	void *arg;
};

const char *const resolve_result_names[RESOLVE_RESULTS] = {
	"answered", "no_name", "no_data", "server_failed", "refused", "timed_out", "broken"
};

/* Takes what this host says of a name by itself. False: nothing. */
static bool take_local(struct resolver *resolver, struct resolve_name *name)
{
	struct net_addr *addrs;
	size_t count;

	if (name->srv)
		return false;
	resolver->names.from_hosts -= name->kind == RESOLVE_HOSTS;
	name->kind = resolve_local_find(&resolver->local, name->bare, &addrs, &count);
	resolver->names.from_hosts += name->kind == RESOLVE_HOSTS;
	if (name->kind == RESOLVE_REMOTE)
		return false;
	name->again = INT64_MAX;
	name->lost_at[0] = name->lost_at[1] = 0;
	resolve_name_good(&resolver->names, name, resolve_found_addresses(addrs, count));
	return true;
}

/* It waits, unless this host knows it. */
static struct resolve_name *new_name(struct resolver *resolver, const char *text, bool srv)
{
	struct resolve_name *name = resolve_names_add(&resolver->names, text, srv);

	if (!take_local(resolver, name))
		resolve_due_wait(&resolver->names.dues, &name->due);
	resolve_name_schedule(&resolver->names, name);
	return name;
}

/* Targets. */

static int by_priority(const void *left, const void *right)
{
	const struct dns_record *a = left, *b = right;
	int by_name = strcmp(a->target, b->target);

	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	if (by_name || a->port != b->port)
		return by_name ? by_name : a->port < b->port ? -1 : 1;
	return (a->weight > b->weight) - (a->weight < b->weight);
}

static bool same_service(const struct dns_record *a, const struct dns_record *b)
{
	return a->priority == b->priority && a->port == b->port && strcmp(a->target, b->target) == 0;
}

static void put_target(struct resolver *resolver, struct resolve_found *found, const struct dns_record *record, bool last)
{
	struct resolve_target *target = &found->targets[found->count++];
	char text[DNS_NAME + 1];
	size_t len = strlen(record->target);

	memcpy(text, record->target, len);
	memcpy(text + len, ".", 2);
	*target = (struct resolve_target){ resolve_names_find(&resolver->names, text, false), record->port, record->weight, last };
	if (!target->host)
		target->host = new_name(resolver, text, false);
	target->host->refs++;
}

/* As addresses: sorted, each once, and the first few. */
static struct resolve_found *choose_targets(struct resolver *resolver, struct dns_record *records, size_t count)
{
	struct resolve_found *found = sys_alloc(sizeof *found);

	qsort(records, count, sizeof *records, by_priority);
	found->targets = sys_alloc((count < TARGETS_MAX ? count : TARGETS_MAX) * sizeof *found->targets);
	for (size_t i = 0; i < count; i++) {
		if (i && same_service(&records[i - 1], &records[i]))
			continue;
		if (found->all++ < TARGETS_MAX)
			put_target(resolver, found, &records[i], records[i].priority != records[0].priority);
	}
	return found;
}

/* Asking. */

static int64_t jitter(int64_t ms)
{
	return ms - (int64_t)(sys_random() % (uint32_t)(ms / 5));
}

/* Milliseconds until a name is asked for again that has failed. */
static int64_t wait_bad(const struct resolver *resolver, const struct resolve_name *name, const struct resolve_inquiry *inquiry)
{
	long most = name->good ? NONE_MAX : AGAIN_MS / 1000, ttl = inquiry->ttl < 0 ? AGAIN_MS / 1000 : inquiry->ttl;
	int64_t all = (int64_t)(resolver->names.states[RESOLVE_KEPT] + resolver->names.states[RESOLVE_FAILED]) * BAD_GAP_MS;
	int64_t wait = jitter(AGAIN_MS);

	if (inquiry->certain)
		wait = ttl < 1 ? 1000 : ttl > most ? most * 1000 : ttl * 1000;
	return all > wait ? jitter(all) : wait;
}

static void take_found(struct resolver *resolver, struct resolve_name *name, struct resolve_inquiry *inquiry)
{
	long ttl = inquiry->ttl < 1 ? 1 : inquiry->ttl > TTL_MAX ? TTL_MAX : inquiry->ttl;
	bool half = false;
	struct net_addr *addrs;
	size_t count;

	for (size_t i = 0; i < 2; i++) {
		bool lost = inquiry->fates[i] == RESOLVE_LOST;

		name->lost_at[i] = lost ? name->lost_at[i] ? name->lost_at[i] : sys_now() : 0;
		half = half || lost;
	}
	name->again = sys_now() + (half && ttl * 1000 > HALF_MS ? HALF_MS : ttl * 1000);
	name->good = inquiry->place;
	if (name->srv) {
		resolve_name_good(&resolver->names, name, choose_targets(resolver, inquiry->services, inquiry->service_count));
		return;
	}
	addrs = resolve_name_held(&resolver->names, name, inquiry->addr_count, &count);
	memcpy(addrs + count, inquiry->addrs, inquiry->addr_count * sizeof *addrs);
	resolve_name_good(&resolver->names, name, resolve_found_addresses(addrs, count + inquiry->addr_count));
}

static void take_none(struct resolver *resolver, struct resolve_name *name, const struct resolve_inquiry *inquiry)
{
	for (size_t i = 0; i < 2; i++)
		if (!name->lost_at[i])
			name->lost_at[i] = sys_now();
	resolve_name_bad(&resolver->names, name, inquiry->why);
	name->again = sys_now() + wait_bad(resolver, name, inquiry);
}

static void ask_soon(void *arg, struct resolve_name *name)
{
	struct resolver *resolver = arg;
	int64_t at = sys_now() + (int64_t)(sys_random() % AGAIN_MS);

	if (name->state == RESOLVE_GOOD || name->again == INT64_MAX || name->again <= at)
		return;
	name->again = at;
	resolve_name_schedule(&resolver->names, name);
}

/* What all names have failed of is over with the first one that is answered: the others need not wait for as long as so many
 * bad ones have to. */
static void follow_outage(struct resolver *resolver, const struct resolve_name *name, const struct resolve_inquiry *inquiry)
{
	if (inquiry->why && inquiry->worst == DNS_FOREIGN) {
		resolver->outage = resolver->outage || resolver->heard_at < name->asked_at;
		return;
	}
	resolver->heard_at = sys_now();
	if (resolver->outage)
		resolve_names_each(&resolver->names, ask_soon, resolver);
	resolver->outage = false;
}

static void name_over(void *arg, struct resolve_inquiry *inquiry)
{
	struct resolver *resolver = arg;
	struct resolve_name *name = inquiry->owner;

	name->inquiry = NULL;
	resolve_due_done(&resolver->names.dues, &name->due, sys_now() - name->asked_at >= SLOW_MS);
	if (inquiry->why)
		take_none(resolver, name, inquiry);
	else
		take_found(resolver, name, inquiry);
	resolve_name_schedule(&resolver->names, name);
	follow_outage(resolver, name, inquiry);
	resolve_inquiry_drop(inquiry);
}

static void name_start(struct resolver *resolver, struct resolve_name *name)
{
	const struct resolve_local *local = &resolver->local;
	struct resolve_wanted wanted = {
		.name = name->bare, .absolute = name->absolute, .srv = name->srv, .v4 = local->v4, .v6 = local->v6, .good = name->good
	};

	name->inquiry = resolve_inquiry_start(&resolver->desk, name, &wanted);
	if (name->inquiry) {
		name->asked_at = sys_now();
		name->again = name->asked_at + SLOW_MS;
		resolve_name_schedule(&resolver->names, name);
		return;
	}
	resolve_due_done(&resolver->names.dues, &name->due, false);
	resolve_name_bad(&resolver->names, name, "it is no name");
	name->again = INT64_MAX;
	resolve_name_schedule(&resolver->names, name);
}

/* The files. */

/* The servers that are asked. */
static void follow_servers(struct resolver *resolver)
{
	struct resolve_conf conf = resolver->local.conf;

	if (resolver->server_count) {
		memcpy(conf.servers, resolver->servers, sizeof conf.servers);
		conf.server_count = resolver->server_count;
	}
	resolve_query_set(resolver->desk.queries, &conf);
}

/* Asks now, unless that waits or is under way. */
static void ask_now(void *arg, struct resolve_name *name)
{
	struct resolver *resolver = arg;

	name->again = name->kind == RESOLVE_REMOTE ? 0 : INT64_MAX;
	resolve_name_schedule(&resolver->names, name);
}

static void ask_again(void *arg, struct resolve_name *name)
{
	if (name->state != RESOLVE_GOOD)
		ask_now(arg, name);
}

/* Whether it was in the file or is now, it counts at once; also which of its addresses can be reached. */
static void follow_hosts(void *arg, struct resolve_name *name)
{
	struct resolver *resolver = arg;
	bool was = name->kind == RESOLVE_HOSTS;

	if (!take_local(resolver, name)) {
		if (was)
			ask_now(resolver, name);
		return;
	}
	resolve_due_leave(&resolver->names.dues, &name->due);
	resolve_inquiry_drop(name->inquiry);
	name->inquiry = NULL;
	resolve_name_schedule(&resolver->names, name);
}

static void look_at_files(struct resolver *resolver)
{
	unsigned news = resolve_local_look(&resolver->local, sys_now());

	if (news & RESOLVE_CONF_NEWS) {
		follow_servers(resolver);
		resolve_names_each(&resolver->names, ask_again, resolver);
	}
	if (news & (RESOLVE_HOSTS_NEWS | RESOLVE_FAMILY_NEWS))
		resolve_names_each(&resolver->names, follow_hosts, resolver);
	if (news & RESOLVE_FAMILY_NEWS)
		resolve_names_each(&resolver->names, ask_now, resolver);
}

/* Turns of the loop. */

/* One on its way may give its place to one that is new. */
static void name_slow(struct resolver *resolver, struct resolve_name *name)
{
	name->again = sys_now() + SLOW_MS;
	if (!resolve_due_yield(&resolver->names.dues, &name->due))
		return;
	resolve_inquiry_drop(name->inquiry);
	name->inquiry = NULL;
}

/* What is due now. */
static void take_due(struct resolver *resolver)
{
	int64_t now = sys_now();
	struct resolve_due *due;

	while ((due = resolve_due_first(&resolver->names.dues)) && due->at <= now) {
		struct resolve_name *name = resolve_name_of(due);

		resolve_name_expire(&resolver->names, name);
		if (name->again <= now && due->asked)
			name_slow(resolver, name);
		else if (name->again <= now && resolve_due_idle(due))
			resolve_due_wait(&resolver->names.dues, due);
		resolve_name_schedule(&resolver->names, name);
	}
}

static void arm_due(struct resolver *resolver)
{
	struct resolve_due *first = resolve_due_first(&resolver->names.dues);
	int64_t at = first ? first->at : INT64_MAX;

	if (resolver->rounds && !resolver->rung && resolver->round_at < at)
		at = resolver->round_at;
	if (resolver->names.from_hosts && resolver->local.looked_at + HOSTS_MS < at)
		at = resolver->local.looked_at + HOSTS_MS;
	loop_disarm(&resolver->due_timer);
	resolver->due.after = at - resolver->loop->now;
	if (at < INT64_MAX)
		loop_arm(resolver->loop, &resolver->due, &resolver->due_timer);
}

static void resolver_turn(struct resolver *resolver)
{
	struct resolve_due *due;

	take_due(resolver);
	while ((due = resolve_due_take(&resolver->names.dues)))
		name_start(resolver, resolve_name_of(due));
	arm_due(resolver);
}

static void ring_now(struct resolver *resolver)
{
	loop_disarm(&resolver->burst_timer);
	resolver->rung = true;
	resolver->ring(resolver->arg);
}

static void ring_soon(struct resolver *resolver)
{
	if (!resolver->names.news || resolver->rung || resolver->burst_timer.next)
		return;
	resolver->burst.after = BURST_MS + (int64_t)(resolver->names.dues.count / BURST_NAMES);
	loop_arm(resolver->loop, &resolver->burst, &resolver->burst_timer);
}

/* What follows from an event. */
static void resolver_follow(struct resolver *resolver)
{
	bool round = resolver->rounds && sys_now() >= resolver->round_at;

	resolver_turn(resolver);
	if (!resolver->rung && (round || (resolver->names.news && !resolve_due_under_way(&resolver->names.dues))))
		ring_now(resolver);
	else
		ring_soon(resolver);
}

static void query_done(void *arg, struct resolve_query *query, const struct resolve_outcome *outcome)
{
	(void)arg;
	resolve_inquiry_answered(query, outcome);
}

bool resolve_ready(struct resolver *resolver, struct loop_io *io, unsigned events)
{
	if (!resolve_query_ready(resolver->desk.queries, io, events))
		return false;
	resolver_follow(resolver);
	return true;
}

bool resolve_expired(struct resolver *resolver, struct loop_fifo *fifo, struct loop_timer *timer)
{
	if (fifo == &resolver->burst) {
		ring_now(resolver);
		return true;
	}
	if (fifo == &resolver->due)
		look_at_files(resolver);
	else if (fifo == &resolver->desk.patience)
		resolve_inquiry_impatient(timer);
	else if (!resolve_query_expired(resolver->desk.queries, fifo, timer))
		return false;
	resolver_follow(resolver);
	return true;
}

/* Rounds. */

static void forget_use(void *arg, struct resolve_name *name)
{
	(void)arg;
	name->used = false;
}

void resolve_left(struct resolver *resolver)
{
	if (!resolver->names.dues.count)
		return;
	if (!resolver->rounds)
		resolver->round_at = sys_now() + LEFT_MS;
	resolver->rounds = 2; /* in the one nobody asks for it, and the next one drops it */
	arm_due(resolver);
}

bool resolve_round(struct resolver *resolver)
{
	if (!resolver->names.news && !resolver->rounds)
		return false;
	resolver->rounds -= resolver->rounds > 0;
	resolver->round_at = sys_now() + LEFT_MS;
	resolver->names.news = resolver->rung = false;
	loop_disarm(&resolver->burst_timer);
	resolve_names_drop_unused(&resolver->names, true);
	resolve_names_each(&resolver->names, resolve_name_renew_host, NULL);
	resolve_names_each(&resolver->names, resolve_name_renew_srv, NULL);
	resolve_names_drop_unused(&resolver->names, false);
	resolve_names_each(&resolver->names, forget_use, NULL);
	resolver_turn(resolver); /* there is room in place of those that are gone */
	ring_soon(resolver);
	return true;
}

/* For the owner. */

struct resolve_answer resolve_lookup(void *arg, const char *text, bool srv)
{
	struct resolver *resolver = arg;
	struct resolve_name *name = resolve_names_find(&resolver->names, text, srv);

	if (!name) {
		bool news = resolver->names.news;

		look_at_files(resolver);
		news = news || resolver->names.news;
		name = new_name(resolver, text, srv);
		if (name->state != RESOLVE_ASKED) { /* at once, and so nothing is new */
			resolve_name_renew_host(NULL, name);
			name->moved = true;
			resolver->names.news = news;
		}
		resolver_turn(resolver);
		ring_soon(resolver);
	}
	name->used = true;
	return resolve_name_answer(name);
}

bool resolve_settled(struct resolver *resolver)
{
	return !resolver->names.states[RESOLVE_ASKED];
}

struct resolver *resolve_open(struct loop *loop, uint8_t kind, void (*ring)(void *arg), void *arg)
{
	struct resolver *resolver = sys_alloc(sizeof *resolver);

	resolver->loop = loop;
	resolver->ring = ring;
	resolver->arg = arg;
	resolve_names_open(&resolver->names);
	resolve_desk_open(&resolver->desk, loop, kind);
	resolver->desk.conf = &resolver->local.conf;
	resolver->desk.over = name_over;
	resolver->desk.arg = resolver;
	resolver->desk.queries = resolve_query_open(loop, kind, query_done, resolver);
	loop_fifo_open(loop, &resolver->due, 0, kind);
	loop_fifo_open(loop, &resolver->burst, 0, kind);
	resolve_local_open(&resolver->local);
	look_at_files(resolver);
	return resolver;
}

void resolve_close(struct resolver *resolver)
{
	loop_disarm(&resolver->due_timer);
	loop_disarm(&resolver->burst_timer);
	resolve_names_close(&resolver->names);
	resolve_query_close(resolver->desk.queries);
	resolve_local_close(&resolver->local);
	free(resolver);
}

void resolve_set(struct resolver *resolver, const struct resolve_rules *rules)
{
	size_t count = rules->server_count < RESOLVE_SERVERS ? rules->server_count : RESOLVE_SERVERS;
	bool same = count == resolver->server_count;

	for (size_t i = 0; i < count && same; i++)
		same = net_compare(&rules->servers[i], &resolver->servers[i]) == 0;
	resolver->names.hold = rules->hold;
	resolver->names.quiet = rules->quiet;
	if (same) {
		resolve_names_each(&resolver->names, resolve_name_schedule, &resolver->names);
	} else {
		if (count)
			memcpy(resolver->servers, rules->servers, count * sizeof *rules->servers);
		resolver->server_count = count;
		follow_servers(resolver);
		resolve_names_each(&resolver->names, ask_now, resolver);
	}
	resolver_turn(resolver);
	ring_soon(resolver);
}

void resolve_figures(const struct resolver *resolver, struct resolve_figures *figures)
{
	const unsigned long long *outcomes = resolve_query_counts(resolver->desk.queries);

	*figures = (struct resolve_figures){
		.queries = {
			[RESOLVE_ANSWERED] = outcomes[DNS_FOUND] + outcomes[DNS_CUT], [RESOLVE_NO_NAME] = outcomes[DNS_NO_NAME],
			[RESOLVE_NO_DATA] = outcomes[DNS_NO_DATA], [RESOLVE_SERVER_FAILED] = outcomes[DNS_FAILED],
			[RESOLVE_REFUSED] = outcomes[DNS_REFUSED] + outcomes[DNS_NO_EDNS], [RESOLVE_TIMED_OUT] = outcomes[DNS_FOREIGN],
			[RESOLVE_BROKEN] = outcomes[DNS_BROKEN]
		}
	};
	memcpy(figures->names, resolver->names.states, sizeof figures->names);
}
