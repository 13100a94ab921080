#include "base.h"
#include "resolve.h"

#include <stdlib.h>
#include <string.h>

#include "dns.h"
#include "hash.h"
#include "log.h"
#include "loop.h"
#include "loop_backend.h"
#include "net.h"
#include "resolve_conf.h"
#include "resolve_due.h"
#include "resolve_inquiry.h"
#include "resolve_local.h"
#include "resolve_query.h"
#include "sys.h"

#define AGAIN_MS 5000    /* until a name is asked for again that failed */
#define BAD_GAP_MS 10    /* of those that fail one is asked for in each, as it were: 100 a second, however many there are */
#define NONE_MAX 60      /* seconds: so long a name may be known not to exist, if it once did: it is needed again */
#define HALF_MS 30000    /* until a name is asked for again of which one family failed */
#define TTL_MAX 3600     /* seconds */
#define ADDRESSES_MAX 64 /* of a name: each may be a backend, and a client's connect */
#define TARGETS_MAX 64   /* of an SRV name */
#define HOSTS_MS 5000    /* /etc/hosts is looked at so often while it is used */
#define SLOW_MS 1500     /* a name on its way for longer is slow */
#define BURST_MS 5       /* answers within it ring once, while there are others to come; and for each so many names, all of */
#define BURST_NAMES 200  /* which are looked at then, a millisecond more */

struct target {
	struct name *host;
	uint16_t port, weight;
	bool last;
};

struct answer {
	size_t count, all; /* that are used, and that there were */
	struct net_addr *addrs; /* of a host name */
	struct target *targets; /* of an SRV name */
};

struct name {
	struct resolve_due due;
	struct name *next; /* in its bucket */
	int64_t again;     /* it is to be asked for then; INT64_MAX: never */
	int64_t lost_at[2]; /* since when nobody says anything of its addresses (IPv4, IPv6), or targets; 0: it is not so */
	struct resolve_inquiry *inquiry; /* it is on its way */
	struct loop_timer slow;
	struct answer *now, *fresh; /* as of the last round; since then, NULL: the same */
	enum resolve_state state;   /* since then */
	const char *why;
	struct resolve_answer shown; /* as of the last round */
	struct resolve_host self, *hosts; /* what it points to: of a host name; of an SRV name */
	unsigned refs; /* targets that are it */
	unsigned good; /* the candidate that was found */
	enum resolve_kind kind;
	bool srv, absolute;
	bool used; /* since the last round */
	bool news; /* since then */
	bool said, cut; /* that it fails; that it has too many addresses */
	char *bare; /* without the dot at its end */
	char text[];
};

struct resolver {
	struct loop *loop;
	struct resolve_local local;
	struct resolve_desk desk;
	struct resolve_dues dues;
	struct loop_fifo due, burst, slow;
	struct loop_timer due_timer, burst_timer;
	struct name **buckets; /* by the hash of the name; their number is a power of two */
	size_t bucket_count;
	size_t states[RESOLVE_STATES];
	size_t from_hosts; /* names that are in /etc/hosts */
	bool news, rung; /* since the last round; and that was told */
	int rounds; /* that must come, since names may not be used any more */
	struct net_addr servers[RESOLVE_SERVERS];
	size_t server_count;
	int64_t hold;
	void (*ring)(void *arg);
	void *arg;
};

const char *const resolve_state_names[RESOLVE_STATES] = { "asked", "good", "kept", "failed" };
const char *const resolve_result_names[RESOLVE_RESULTS] = {
	"answered", "no_name", "no_data", "server_failed", "refused", "timed_out", "broken"
};

static struct name *name_of(struct resolve_due *due)
{
	return CONTAINER_OF(due, struct name, due);
}

static bool name_busy(const struct name *name)
{
	return !resolve_due_idle(&name->due);
}

/* Answers. */

static void free_answer(struct answer *answer)
{
	if (!answer)
		return;
	for (size_t i = 0; answer->targets && i < answer->count; i++)
		answer->targets[i].host->refs--;
	free(answer->targets);
	free(answer->addrs);
	free(answer);
}

static const struct answer *latest(const struct name *name)
{
	return name->fresh ? name->fresh : name->now;
}

static size_t latest_count(const struct name *name)
{
	return latest(name) ? latest(name)->count : 0;
}

/* Takes the addresses. Sorts them, so that a server that turns them round changes nothing, drops repeated ones, and keeps the
 * first few. */
static struct answer *choose_addresses(struct net_addr *addrs, size_t count)
{
	struct answer *answer = sys_alloc(sizeof *answer);

	answer->addrs = addrs;
	if (count)
		qsort(addrs, count, sizeof *addrs, net_by_address);
	for (size_t i = 0; i < count; i++)
		if (!answer->all || net_compare(&addrs[answer->all - 1], &addrs[i]) != 0)
			addrs[answer->all++] = addrs[i];
	answer->count = answer->all < ADDRESSES_MAX ? answer->all : ADDRESSES_MAX;
	return answer;
}

static bool same_target(const struct target *a, const struct target *b)
{
	return a->host == b->host && a->port == b->port && a->weight == b->weight && a->last == b->last;
}

static bool same_answer(const struct answer *a, const struct answer *b)
{
	if (!a || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->targets ? !same_target(&a->targets[i], &b->targets[i]) : net_compare(&a->addrs[i], &b->addrs[i]) != 0)
			return false;
	return true;
}

static void tell_cut(struct name *name, const struct answer *found)
{
	bool cut = found->all > found->count;

	if (cut && !name->cut)
		log_warn("%s has %zu %s: the first %zu of them, as they are sorted, are used", name->text, found->all,
		         name->srv ? "targets" : "addresses", found->count);
	name->cut = cut;
}

static void name_news(struct resolver *resolver, struct name *name)
{
	name->news = resolver->news = true;
}

static void name_state(struct resolver *resolver, struct name *name, enum resolve_state state, const char *why)
{
	resolver->states[name->state]--;
	resolver->states[state]++;
	name->state = state;
	name->why = why;
	if (state != name->shown.state || why != name->shown.why)
		name_news(resolver, name);
}

/* Takes `found`. */
static void new_answer(struct resolver *resolver, struct name *name, struct answer *found)
{
	tell_cut(name, found);
	if (same_answer(latest(name), found)) {
		free_answer(found);
		return;
	}
	free_answer(name->fresh);
	name->fresh = found;
	name_news(resolver, name);
}

static void name_good(struct resolver *resolver, struct name *name, struct answer *found)
{
	new_answer(resolver, name, found);
	name_state(resolver, name, RESOLVE_GOOD, NULL);
	if (name->said)
		log_info("%s resolves again", name->text);
	name->said = false;
}

static void name_bad(struct resolver *resolver, struct name *name, const char *why)
{
	bool kept = latest_count(name);

	name_state(resolver, name, kept ? RESOLVE_KEPT : RESOLVE_FAILED, why);
	if (!name->said)
		log_about(LOG_WARN, name, "time", "cannot resolve %s: %s%s", name->text, why, kept ? "; keeping its last addresses" : "");
	name->said = true;
}

/* dns.hold. */

static bool is_family(const struct name *name, size_t i, size_t family)
{
	return name->srv || (latest(name)->addrs[i].sa.any.sa_family == AF_INET6) == family;
}

static bool has_lost(const struct name *name, size_t family)
{
	bool has = false;

	for (size_t i = 0; name->lost_at[family] && i < latest_count(name) && !has; i++)
		has = is_family(name, i, family);
	return has;
}

/* When it must be looked at next. */
static void name_schedule(struct resolver *resolver, struct name *name)
{
	int64_t at = name_busy(name) ? INT64_MAX : name->again;

	for (size_t family = 0; family < 2 && resolver->hold; family++)
		if (has_lost(name, family) && name->lost_at[family] + resolver->hold < at)
			at = name->lost_at[family] + resolver->hold;
	resolve_due_set(&resolver->dues, &name->due, at);
}

static bool hold_over(const struct resolver *resolver, const struct name *name, size_t family, int64_t now)
{
	return resolver->hold && name->lost_at[family] && now - name->lost_at[family] >= resolver->hold;
}

/* The addresses that are still used of those there are; or only of families of which nobody says anything now. With room for
 * `more` others. */
static struct net_addr *held_addresses(const struct resolver *resolver, const struct name *name, bool all, size_t more, size_t *count)
{
	struct net_addr *held = sys_alloc((latest_count(name) + more) * sizeof *held);
	int64_t now = sys_now();

	*count = 0;
	for (size_t i = 0; i < latest_count(name); i++) {
		size_t family = is_family(name, i, 1);

		if ((all || name->lost_at[family]) && !hold_over(resolver, name, family, now))
			held[(*count)++] = latest(name)->addrs[i];
	}
	return held;
}

static void drop_held(struct resolver *resolver, struct name *name)
{
	struct net_addr *addrs = NULL;
	size_t count = 0;

	if (!name->srv)
		addrs = held_addresses(resolver, name, true, 0, &count);
	new_answer(resolver, name, choose_addresses(addrs, count));
	if (name->state != RESOLVE_KEPT || count)
		return;
	name_state(resolver, name, RESOLVE_FAILED, name->why);
	log_about(LOG_WARN, name, "time", "cannot resolve %s: %s; its last addresses are used no longer", name->text, name->why);
}

/* The names. */

static struct name **name_bucket(const struct resolver *resolver, const char *text)
{
	return &resolver->buckets[hash_text(text, strlen(text)) & (resolver->bucket_count - 1)];
}

static void grow_buckets(struct resolver *resolver)
{
	if (resolver->dues.count < resolver->bucket_count)
		return;
	free(resolver->buckets);
	resolver->bucket_count = resolver->bucket_count ? 2 * resolver->bucket_count : 16;
	resolver->buckets = sys_alloc(resolver->bucket_count * sizeof *resolver->buckets);
	for (size_t i = 0; i < resolver->dues.count; i++) {
		struct name *name = name_of(resolver->dues.items[i]), **bucket = name_bucket(resolver, name->text);

		name->next = *bucket;
		*bucket = name;
	}
}

static struct name *find_name(const struct resolver *resolver, const char *text, bool srv)
{
	struct name *found = resolver->bucket_count ? *name_bucket(resolver, text) : NULL;

	while (found && (found->srv != srv || strcmp(found->text, text) != 0))
		found = found->next;
	return found;
}

static void free_name(struct resolver *resolver, struct name *name)
{
	resolver->states[name->state]--;
	resolver->from_hosts -= name->kind == RESOLVE_HOSTS;
	loop_disarm(&name->slow);
	resolve_inquiry_drop(name->inquiry);
	free_answer(name->fresh);
	free_answer(name->now);
	free(name->hosts);
	free(name);
}

/* Takes what this host says of a name by itself. False: nothing. */
static bool take_local(struct resolver *resolver, struct name *name)
{
	struct net_addr *addrs;
	size_t count;

	if (name->srv)
		return false;
	resolver->from_hosts -= name->kind == RESOLVE_HOSTS;
	name->kind = resolve_local_find(&resolver->local, name->bare, &addrs, &count);
	resolver->from_hosts += name->kind == RESOLVE_HOSTS;
	if (name->kind == RESOLVE_REMOTE)
		return false;
	name->again = INT64_MAX;
	name->lost_at[0] = name->lost_at[1] = 0;
	name_good(resolver, name, choose_addresses(addrs, count));
	return true;
}

static struct name *add_name(struct resolver *resolver, const char *text, bool srv)
{
	size_t len = strlen(text);
	struct name *name = sys_alloc(sizeof *name + 2 * (len + 1)), **bucket;

	strcpy(name->text, text);
	name->bare = name->text + len + 1;
	strcpy(name->bare, text);
	name->absolute = len && text[len - 1] == '.';
	if (name->absolute)
		name->bare[len - 1] = '\0';
	name->srv = srv;
	name->self.name = name->text;
	name->shown = (struct resolve_answer){ .hosts = srv ? NULL : &name->self, .count = !srv, .moved = true };
	resolver->states[RESOLVE_ASKED]++;
	grow_buckets(resolver);
	bucket = name_bucket(resolver, text);
	name->next = *bucket;
	*bucket = name;
	resolve_due_add(&resolver->dues, &name->due);
	if (!take_local(resolver, name))
		resolve_due_wait(&resolver->dues, &name->due);
	name_schedule(resolver, name);
	return name;
}

/* Targets. */

static int by_priority(const void *left, const void *right)
{
	const struct dns_record *a = left, *b = right;
	int by_name = strcmp(a->target, b->target);

	if (a->priority != b->priority)
		return a->priority < b->priority ? -1 : 1;
	return by_name ? by_name : (a->port > b->port) - (a->port < b->port);
}

static void add_target(struct resolver *resolver, struct answer *answer, const struct dns_record *record, bool last)
{
	struct target *target = &answer->targets[answer->count++];
	char text[DNS_NAME + 1];
	size_t len = strlen(record->target);

	memcpy(text, record->target, len);
	memcpy(text + len, ".", 2);
	*target = (struct target){ find_name(resolver, text, false), record->port, record->weight, last };
	if (!target->host)
		target->host = add_name(resolver, text, false);
	target->host->refs++;
}

/* As addresses: sorted, each once, and the first few. */
static struct answer *choose_targets(struct resolver *resolver, struct dns_record *records, size_t count)
{
	struct answer *answer = sys_alloc(sizeof *answer);

	qsort(records, count, sizeof *records, by_priority);
	answer->targets = sys_alloc((count < TARGETS_MAX ? count : TARGETS_MAX) * sizeof *answer->targets);
	for (size_t i = 0; i < count; i++) {
		if (i && by_priority(&records[i - 1], &records[i]) == 0)
			continue;
		if (answer->all++ < TARGETS_MAX)
			add_target(resolver, answer, &records[i], records[i].priority != records[0].priority);
	}
	return answer;
}

/* Asking. */

static int64_t jitter(int64_t ms)
{
	return ms - (int64_t)(sys_random() % (uint32_t)(ms / 5));
}

/* Milliseconds until a name is asked for again that has failed. */
static int64_t wait_bad(const struct resolver *resolver, const struct name *name, const struct resolve_inquiry *inquiry)
{
	long most = name->good ? NONE_MAX : AGAIN_MS / 1000, ttl = inquiry->ttl < 0 ? AGAIN_MS / 1000 : inquiry->ttl;
	int64_t all = (int64_t)(resolver->states[RESOLVE_KEPT] + resolver->states[RESOLVE_FAILED]) * BAD_GAP_MS;
	int64_t wait = jitter(AGAIN_MS);

	if (inquiry->certain)
		wait = ttl < 1 ? 1000 : ttl > most ? most * 1000 : ttl * 1000;
	return all > wait ? jitter(all) : wait;
}

static void take_found(struct resolver *resolver, struct name *name, struct resolve_inquiry *inquiry)
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
		name_good(resolver, name, choose_targets(resolver, inquiry->services, inquiry->service_count));
		return;
	}
	addrs = held_addresses(resolver, name, false, inquiry->addr_count, &count);
	memcpy(addrs + count, inquiry->addrs, inquiry->addr_count * sizeof *addrs);
	name_good(resolver, name, choose_addresses(addrs, count + inquiry->addr_count));
}

static void take_none(struct resolver *resolver, struct name *name, const struct resolve_inquiry *inquiry)
{
	for (size_t i = 0; i < 2; i++)
		if (!name->lost_at[i])
			name->lost_at[i] = sys_now();
	name_bad(resolver, name, inquiry->why);
	name->again = sys_now() + wait_bad(resolver, name, inquiry);
}

static void name_over(void *arg, struct resolve_inquiry *inquiry)
{
	struct resolver *resolver = arg;
	struct name *name = inquiry->owner;

	name->inquiry = NULL;
	resolve_due_done(&resolver->dues, &name->due, !name->slow.next);
	loop_disarm(&name->slow);
	if (inquiry->why)
		take_none(resolver, name, inquiry);
	else
		take_found(resolver, name, inquiry);
	name_schedule(resolver, name);
	resolve_inquiry_drop(inquiry);
}

static void name_start(struct resolver *resolver, struct name *name)
{
	const struct resolve_local *local = &resolver->local;
	struct resolve_wanted wanted = {
		.name = name->bare, .absolute = name->absolute, .srv = name->srv, .v4 = local->v4, .v6 = local->v6, .good = name->good
	};

	name->inquiry = resolve_inquiry_start(&resolver->desk, name, &wanted);
	if (name->inquiry) {
		loop_arm(resolver->loop, &resolver->slow, &name->slow);
		name_schedule(resolver, name);
		return;
	}
	resolve_due_done(&resolver->dues, &name->due, false);
	name_bad(resolver, name, "is no name");
	name->again = INT64_MAX;
	name_schedule(resolver, name);
}

/* The files. */

/* The servers that are asked. */
static void set_servers(struct resolver *resolver)
{
	struct resolve_conf conf = resolver->local.conf;

	if (resolver->server_count) {
		memcpy(conf.servers, resolver->servers, sizeof conf.servers);
		conf.server_count = resolver->server_count;
	}
	resolve_query_set(resolver->desk.queries, &conf);
}

/* Asks now, unless that waits or is under way. */
static void ask_now(struct resolver *resolver, struct name *name)
{
	name->again = name->kind == RESOLVE_FIXED ? INT64_MAX : 0;
	name_schedule(resolver, name);
}

/* Whether it was in the file or is now, it counts at once. */
static void follow_hosts(struct resolver *resolver, struct name *name)
{
	bool was = name->kind == RESOLVE_HOSTS;

	if (name->kind == RESOLVE_FIXED)
		return;
	if (!take_local(resolver, name)) {
		if (was)
			ask_now(resolver, name);
		return;
	}
	resolve_due_leave(&resolver->dues, &name->due);
	loop_disarm(&name->slow);
	resolve_inquiry_drop(name->inquiry);
	name->inquiry = NULL;
	name_schedule(resolver, name);
}

static void each_name(struct resolver *resolver, void (*visit)(struct resolver *resolver, struct name *name))
{
	for (size_t i = 0; i < resolver->bucket_count; i++)
		for (struct name *name = resolver->buckets[i]; name; name = name->next)
			visit(resolver, name);
}

static void look_at_files(struct resolver *resolver)
{
	unsigned news = resolve_local_look(&resolver->local, sys_now());

	if (news & RESOLVE_CONF_NEWS)
		set_servers(resolver);
	if (news & RESOLVE_HOSTS_NEWS)
		each_name(resolver, follow_hosts);
}

/* Turns of the loop. */

/* What is due now. */
static void take_due(struct resolver *resolver)
{
	int64_t now = sys_now();
	struct resolve_due *due;

	while ((due = resolve_due_first(&resolver->dues)) && due->at <= now) {
		struct name *name = name_of(due);

		if (hold_over(resolver, name, 0, now) || hold_over(resolver, name, 1, now))
			drop_held(resolver, name);
		if (name->again <= now && !name_busy(name))
			resolve_due_wait(&resolver->dues, due);
		name_schedule(resolver, name);
	}
}

static void arm_due(struct resolver *resolver)
{
	struct resolve_due *first = resolve_due_first(&resolver->dues);
	int64_t at = first ? first->at : INT64_MAX;

	if (resolver->from_hosts && resolver->local.looked_at + HOSTS_MS < at)
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
	while ((due = resolve_due_take(&resolver->dues)))
		name_start(resolver, name_of(due));
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
	if (!resolver->news || resolver->rung || resolver->burst_timer.next)
		return;
	resolver->burst.after = BURST_MS + (int64_t)(resolver->dues.count / BURST_NAMES);
	loop_arm(resolver->loop, &resolver->burst, &resolver->burst_timer);
}

/* What follows from an event. */
static void resolver_follow(struct resolver *resolver)
{
	resolver_turn(resolver);
	if (resolver->news && !resolver->rung && !resolve_due_under_way(&resolver->dues))
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
	else if (fifo == &resolver->slow)
		resolve_due_slow(&resolver->dues, &CONTAINER_OF(timer, struct name, slow)->due);
	else if (fifo == &resolver->desk.patience)
		resolve_inquiry_impatient(timer);
	else if (!resolve_query_expired(resolver->desk.queries, fifo, timer))
		return false;
	resolver_follow(resolver);
	return true;
}

/* Rounds. */

static void renew_host(struct resolver *resolver, struct name *name)
{
	(void)resolver;
	if (name->srv)
		return;
	if (name->fresh) {
		free_answer(name->now);
		name->now = name->fresh;
		name->fresh = NULL;
	}
	name->self = (struct resolve_host){
		.name = name->text, .state = name->state, .why = name->why,
		.addrs = name->now ? name->now->addrs : NULL, .count = name->now ? name->now->count : 0
	};
	name->shown = (struct resolve_answer){ name->state, name->why, &name->self, 1, name->news };
	name->news = false;
}

/* While one of the new targets has not been answered yet, the old ones stay. */
static bool may_renew(const struct name *name)
{
	bool may = true;

	for (size_t i = 0; i < name->fresh->count && may && name->now && name->now->count; i++)
		may = name->fresh->targets[i].host->state != RESOLVE_ASKED;
	return may;
}

/* Behind the hosts: what is known of them is also said here. */
static void renew_srv(struct resolver *resolver, struct name *name)
{
	bool moved = name->news;

	(void)resolver;
	if (!name->srv)
		return;
	name->news = name->fresh && !may_renew(name);
	if (name->fresh && !name->news) {
		free_answer(name->now);
		name->now = name->fresh;
		name->fresh = NULL;
		name->hosts = sys_realloc(name->hosts, (name->now->count + 1) * sizeof *name->hosts);
	}
	for (size_t i = 0; name->now && i < name->now->count; i++) {
		const struct target *target = &name->now->targets[i];

		name->hosts[i] = target->host->self;
		name->hosts[i].name = target->host->bare;
		name->hosts[i].port = target->port;
		name->hosts[i].weight = target->weight;
		name->hosts[i].last = target->last;
		moved = moved || target->host->shown.moved;
	}
	name->shown = (struct resolve_answer){ name->state, name->why, name->hosts, name->now ? name->now->count : 0, moved };
}

/* Drops those that nobody has asked for since the last round, of SRV names or else of hosts. */
static void drop_unused(struct resolver *resolver, bool srv)
{
	for (size_t i = 0; i < resolver->bucket_count; i++)
		for (struct name **link = &resolver->buckets[i], *name; (name = *link);) {
			if (name->srv != srv || name->used || name->refs) {
				link = &name->next;
				continue;
			}
			*link = name->next;
			resolve_due_remove(&resolver->dues, &name->due);
			free_name(resolver, name);
		}
}

static void forget_use(struct resolver *resolver, struct name *name)
{
	(void)resolver;
	name->used = false;
}

bool resolve_round(struct resolver *resolver, bool gone)
{
	if (gone)
		resolver->rounds = 2; /* in the one nobody asks for it, and the next one drops it */
	if (!resolver->news && !resolver->rounds)
		return false;
	resolver->rounds -= resolver->rounds > 0;
	resolver->news = resolver->rung = false;
	loop_disarm(&resolver->burst_timer);
	drop_unused(resolver, true);
	each_name(resolver, renew_host);
	each_name(resolver, renew_srv);
	drop_unused(resolver, false);
	each_name(resolver, forget_use);
	return true;
}

/* For the owner. */

struct resolve_answer resolve_lookup(void *arg, const char *text, bool srv)
{
	struct resolver *resolver = arg;
	struct name *name = find_name(resolver, text, srv);

	if (!name) {
		bool news = resolver->news;

		look_at_files(resolver);
		news = news || resolver->news;
		name = add_name(resolver, text, srv);
		if (name->state != RESOLVE_ASKED) { /* at once, and so nothing is new */
			renew_host(resolver, name);
			name->shown.moved = true;
			resolver->news = news;
		}
		resolver_turn(resolver);
		ring_soon(resolver);
	}
	name->used = true;
	return name->shown;
}

bool resolve_settled(struct resolver *resolver)
{
	return !resolver->states[RESOLVE_ASKED];
}

struct resolver *resolve_open(struct loop *loop, uint8_t kind, void (*ring)(void *arg), void *arg)
{
	struct resolver *resolver = sys_alloc(sizeof *resolver);

	resolver->loop = loop;
	resolver->ring = ring;
	resolver->arg = arg;
	resolve_due_open(&resolver->dues);
	resolve_desk_open(&resolver->desk, loop, kind);
	resolver->desk.conf = &resolver->local.conf;
	resolver->desk.over = name_over;
	resolver->desk.arg = resolver;
	resolver->desk.queries = resolve_query_open(loop, kind, query_done, resolver);
	loop_fifo_open(loop, &resolver->due, 0, kind);
	loop_fifo_open(loop, &resolver->burst, 0, kind);
	loop_fifo_open(loop, &resolver->slow, SLOW_MS, kind);
	resolve_local_open(&resolver->local);
	look_at_files(resolver);
	return resolver;
}

void resolve_close(struct resolver *resolver)
{
	loop_disarm(&resolver->due_timer);
	loop_disarm(&resolver->burst_timer);
	for (size_t i = 0; i < resolver->bucket_count; i++)
		for (struct name *name = resolver->buckets[i], *next; name; name = next) {
			next = name->next;
			free_name(resolver, name);
		}
	free(resolver->buckets);
	resolve_due_close(&resolver->dues);
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
	resolver->hold = rules->hold;
	if (same) {
		each_name(resolver, name_schedule);
	} else {
		memcpy(resolver->servers, rules->servers, count * sizeof *rules->servers);
		resolver->server_count = count;
		set_servers(resolver);
		each_name(resolver, ask_now);
	}
	resolver_turn(resolver);
}

void resolve_figures(const struct resolver *resolver, struct resolve_figures *figures)
{
	const unsigned long long *outcomes = resolver->desk.outcomes;

	*figures = (struct resolve_figures){
		.queries = {
			[RESOLVE_ANSWERED] = outcomes[DNS_FOUND], [RESOLVE_NO_NAME] = outcomes[DNS_NO_NAME],
			[RESOLVE_NO_DATA] = outcomes[DNS_NO_DATA], [RESOLVE_SERVER_FAILED] = outcomes[DNS_FAILED],
			[RESOLVE_REFUSED] = outcomes[DNS_REFUSED], [RESOLVE_TIMED_OUT] = outcomes[DNS_FOREIGN],
			[RESOLVE_BROKEN] = outcomes[DNS_BROKEN] + outcomes[DNS_CUT] + outcomes[DNS_NO_EDNS]
		}
	};
	memcpy(figures->names, resolver->states, sizeof figures->names);
}
