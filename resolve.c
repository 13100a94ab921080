#include "base.h"
#include "resolve.h"

#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#if defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 34)
#define KNOWS_TTL /* the resolver library is part of libc */
#endif
#elif defined(__linux__) || defined(__FreeBSD__)
#define KNOWS_TTL
#endif
#ifdef KNOWS_TTL
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>
#endif

#include "hash.h"
#include "log.h"
#include "loop_backend.h"
#include "sys.h"
#include "text.h"

#define AGAIN_MS 5000     /* until a name without a TTL is looked up again, or one that failed */
#define TTL_MAX 3600      /* seconds */
#define ADDRESSES_MAX 64  /* of a name: each may be a backend, and a client's connect */
#define THREADS_MAX 8     /* names that are looked up at once */

/* Who comes first of those that are due. A name may hang in a silent server, and strangers may name many of them: names of
 * a rank and of those below it together have so many threads at most, and the rest is for those that answer. */
enum rank { RANK_GOOD, RANK_NEW, RANK_DOUBTED, RANK_BAD, RANKS };
static const unsigned rank_threads[RANKS] = { THREADS_MAX, 6, 4, 3 };
#define DOUBT_FAILED 2 /* for each look-up that failed; each that did not takes one back */
#define DOUBT_BAD 5
#define DOUBT_MAX 8

struct answer {
	size_t count, all; /* that are used, and that there were */
	struct net_addr addrs[];
};

struct host {
	struct host *next; /* in its bucket */
	size_t place;      /* in the heap */
	struct answer *now;   /* the control plane's */
	struct answer *fresh; /* left by the thread; NULL: nothing new */
	struct resolve_host shown; /* the control plane's: what it says of `now` */
	const char *why; /* the last look-up failed; NULL: it did not, or there was none */
	int64_t due;
	bool used, gone, said, moved;
	bool looked_up; /* once, whether it has an address or not */
	bool busy; /* waits in a queue, or a thread looks it up */
	bool cut;  /* it has too many addresses, which has been said */
	uint8_t doubt; /* 0: it answers */
	struct host *behind; /* in its queue */
	char name[];
};

/* Names that are due, in the order in which they became so. */
struct queue {
	struct host *first, *last;
	unsigned threads; /* that look up one of its names now */
};

struct resolver {
	pthread_t threads[THREADS_MAX];
	unsigned thread_count; /* grows with the names */
	pthread_mutex_t lock; /* over all below, and each host but `now` and `used` */
	pthread_cond_t wake;
	struct host **buckets; /* by the hash of the name; their number is a power of two */
	size_t bucket_count;
	struct host **hosts;   /* a heap: none is due before the one at half its place */
	size_t host_count, host_cap;
	struct queue queues[RANKS];
	bool dropped; /* some are gone */
	int due; /* rounds that must come, since names may not be used any more */
	bool stop;
	void (*ring)(void *arg);
	void *arg;
};

const char *const resolve_state_names[RESOLVE_STATES] = { "asked", "good", "kept", "failed" };
const char *const resolve_result_names[RESOLVE_RESULTS] = {
	"answered", "no_name", "no_data", "server_failed", "refused", "timed_out", "broken"
};

static int compare_addresses(const void *a, const void *b)
{
	return net_compare(a, b);
}

/* Sorts them, so that a server that turns them round changes nothing, drops repeated ones, and keeps the first few. */
static void choose_addresses(struct answer *found)
{
	size_t kept = 0;

	if (found->count)
		qsort(found->addrs, found->count, sizeof *found->addrs, compare_addresses);
	for (size_t i = 0; i < found->count; i++)
		if (!kept || net_compare(&found->addrs[kept - 1], &found->addrs[i]) != 0)
			found->addrs[kept++] = found->addrs[i];
	found->all = kept;
	found->count = kept < ADDRESSES_MAX ? kept : ADDRESSES_MAX;
}

/* NULL when the name cannot be resolved now; *why tells. */
static struct answer *look_up(const char *name, const char **why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG }, *all;
	struct answer *found;
	size_t count = 0;
	int error = getaddrinfo(name, NULL, &hints, &all);

	if (error) {
		*why = error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error);
		return NULL;
	}
	for (struct addrinfo *a = all; a; a = a->ai_next)
		count++;
	found = sys_alloc(sizeof *found + count * sizeof *found->addrs);
	for (struct addrinfo *a = all; a; a = a->ai_next)
		if (a->ai_addrlen <= sizeof *found->addrs)
			memcpy(&found->addrs[found->count++], a->ai_addr, a->ai_addrlen);
	freeaddrinfo(all);
	choose_addresses(found);
	return sys_realloc(found, sizeof *found + found->count * sizeof *found->addrs);
}

/* Behind the name at `at`: labels, ended by an empty one, or by a pointer to one that came before. */
static size_t skip_name(const unsigned char *message, size_t len, size_t at)
{
	while (at < len && message[at] && message[at] < 0xc0)
		at += message[at] + 1u;
	return at + (at < len && message[at] ? 2 : 1);
}

/* Seconds that a DNS answer may be used: the least TTL of its records (RFC 1035, 4.1). -1: none, or a broken one. */
static long least_ttl(const unsigned char *message, size_t len)
{
	unsigned questions, answers;
	size_t at = 12;
	long least = -1;

	if (len < at)
		return -1;
	questions = message[4] << 8 | message[5];
	answers = message[6] << 8 | message[7];
	for (unsigned i = 0; i < questions + answers; i++) {
		size_t fixed = i < questions ? 4 : 10; /* type and class, then TTL and length */
		const unsigned char *m;

		at = skip_name(message, len, at);
		if (at + fixed > len)
			return -1;
		m = message + at;
		at += fixed;
		if (i >= questions) {
			long ttl = (long)m[4] << 24 | m[5] << 16 | m[6] << 8 | m[7];

			least = least < 0 || ttl < least ? ttl : least;
			at += (size_t)(m[8] << 8 | m[9]);
		}
	}
	return at > len ? -1 : least;
}

/* How long the answer for a name may be used, in milliseconds, at least a second. What is not from the DNS (/etc/hosts)
 * has no TTL. *silent: a server did not answer. */
static int64_t time_to_live(const char *name, bool *silent)
{
	long least = -1;

#ifdef KNOWS_TTL
	static const int types[] = { ns_t_a, ns_t_aaaa };
	unsigned char bytes[4096];

	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		int len = res_search(name, ns_c_in, types[i], bytes, sizeof bytes);
		long ttl = len < 0 ? -1 : least_ttl(bytes, (size_t)len < sizeof bytes ? (size_t)len : sizeof bytes);

		*silent = *silent || (len < 0 && h_errno == TRY_AGAIN);
		if (ttl >= 0 && (least < 0 || ttl < least))
			least = ttl;
	}
#else
	(void)name;
	(void)silent;
#endif
	return least < 0 ? AGAIN_MS : least < 1 ? 1000 : least > TTL_MAX ? TTL_MAX * 1000L : least * 1000;
}

static bool same_answer(const struct answer *a, const struct answer *b)
{
	if (!a || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (net_compare(&a->addrs[i], &b->addrs[i]) != 0)
			return false;
	return true;
}

static void free_host(struct host *h)
{
	free(h->now);
	free(h->fresh);
	free(h);
}

/* The heap. A host that waits in a queue, or that a thread looks up, is never due meanwhile: its time is INT64_MAX. */

static void heap_put(struct resolver *resolver, size_t place, struct host *host)
{
	resolver->hosts[place] = host;
	host->place = place;
}

/* Brings a host whose time has changed to its place. */
static void heap_move(struct resolver *resolver, struct host *host)
{
	size_t at = host->place, next;

	for (; at && host->due < resolver->hosts[(at - 1) / 2]->due; at = (at - 1) / 2)
		heap_put(resolver, at, resolver->hosts[(at - 1) / 2]);
	for (; (next = 2 * at + 1) < resolver->host_count; at = next) {
		if (next + 1 < resolver->host_count && resolver->hosts[next + 1]->due < resolver->hosts[next]->due)
			next++;
		if (host->due <= resolver->hosts[next]->due)
			break;
		heap_put(resolver, at, resolver->hosts[next]);
	}
	heap_put(resolver, at, host);
}

static void host_due(struct resolver *resolver, struct host *host, int64_t due)
{
	host->due = due;
	heap_move(resolver, host);
}

static struct host *next_due(struct resolver *resolver)
{
	return resolver->host_count && !resolver->hosts[0]->busy ? resolver->hosts[0] : NULL;
}

/* The queues. */

static enum rank host_rank(const struct host *host)
{
	if (host->doubt)
		return host->doubt < DOUBT_BAD ? RANK_DOUBTED : RANK_BAD;
	return host->looked_up ? RANK_GOOD : RANK_NEW;
}

static void queue_due(struct resolver *resolver)
{
	int64_t now = sys_now();
	struct host *host;

	while ((host = next_due(resolver)) && host->due <= now) {
		struct queue *queue = &resolver->queues[host_rank(host)];

		host->busy = true;
		host->behind = NULL;
		host_due(resolver, host, INT64_MAX);
		*(queue->first ? &queue->last->behind : &queue->first) = host;
		queue->last = host;
	}
}

static struct host *queue_first(struct queue *queue)
{
	struct host *host = queue->first;

	if (host)
		queue->first = host->behind;
	return host;
}

/* The name that is to be looked up next; NULL: none may be. */
static struct host *queue_take(struct resolver *resolver)
{
	for (int rank = RANK_GOOD; rank < RANKS; rank++) {
		unsigned threads = 0;
		struct host *host;

		for (int below = rank; below < RANKS; below++)
			threads += resolver->queues[below].threads;
		while (threads < rank_threads[rank] && (host = queue_first(&resolver->queues[rank]))) {
			if (!host->gone)
				return host;
			host->busy = false;
			resolver->dropped = true;
		}
	}
	return NULL;
}

/* The names. */

static struct host **host_bucket(const struct resolver *resolver, const char *name)
{
	return &resolver->buckets[hash_text(name, strlen(name)) & (resolver->bucket_count - 1)];
}

static void grow_buckets(struct resolver *resolver)
{
	if (resolver->host_count < resolver->bucket_count)
		return;
	free(resolver->buckets);
	resolver->bucket_count = resolver->bucket_count ? 2 * resolver->bucket_count : 16;
	resolver->buckets = sys_alloc(resolver->bucket_count * sizeof *resolver->buckets);
	for (size_t i = 0; i < resolver->host_count; i++) {
		struct host **bucket = host_bucket(resolver, resolver->hosts[i]->name);

		resolver->hosts[i]->next = *bucket;
		*bucket = resolver->hosts[i];
	}
}

static void drop_host(struct resolver *resolver, struct host *host)
{
	struct host **link = host_bucket(resolver, host->name);

	while (*link != host)
		link = &(*link)->next;
	*link = host->next;
	free_host(host);
}

static void drop_gone(struct resolver *resolver)
{
	size_t count = resolver->dropped ? resolver->host_count : 0;

	if (!count)
		return;
	resolver->dropped = false;
	resolver->host_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct host *host = resolver->hosts[i];

		if (host->gone && !host->busy) {
			drop_host(resolver, host);
			continue;
		}
		resolver->dropped = resolver->dropped || host->gone;
		heap_put(resolver, resolver->host_count++, host);
		heap_move(resolver, host);
	}
}

static void failed_lookup(struct host *host, const char *why)
{
	bool kept = host->fresh || host->now;

	host->why = why;
	if (!host->said)
		log_about(LOG_WARN, host, "time", "cannot resolve %s: %s%s", host->name, why,
		          kept ? "; keeping its last addresses" : "");
	host->said = true;
}

static void tell_cut(struct host *host, const struct answer *found)
{
	bool cut = found->all > found->count;

	if (cut && !host->cut)
		log_warn("%s has %zu addresses: the first %zu of them, as they are sorted, are used", host->name, found->all,
		         found->count);
	host->cut = cut;
}

/* Takes `found`. False when it is what was known. */
static bool new_answer(struct host *host, struct answer *found)
{
	tell_cut(host, found);
	host->why = NULL;
	if (host->said)
		log_info("%s resolves again", host->name);
	host->said = false;
	if (same_answer(host->fresh ? host->fresh : host->now, found)) {
		free(found);
		return false;
	}
	free(host->fresh);
	host->fresh = found;
	return true;
}

static void host_judge(struct host *host, bool answered)
{
	host->looked_up = true;
	if (answered)
		host->doubt -= host->doubt > 0;
	else
		host->doubt = host->doubt + DOUBT_FAILED < DOUBT_MAX ? host->doubt + DOUBT_FAILED : DOUBT_MAX;
}

/* One look-up, without the lock. The host stays meanwhile: it is busy. */
static void resolve_refresh(struct resolver *resolver, struct host *host)
{
	struct queue *queue = &resolver->queues[host_rank(host)];
	const char *why = NULL;
	struct answer *found;
	bool silent = false;
	int64_t again;

	queue->threads++;
	pthread_cond_signal(&resolver->wake); /* another thread looks for what is due next */
	pthread_mutex_unlock(&resolver->lock);
	found = look_up(host->name, &why);
	again = found ? time_to_live(host->name, &silent) : AGAIN_MS;
	pthread_mutex_lock(&resolver->lock);
	queue->threads--;
	host->busy = false;
	host_judge(host, found && !silent);
	host_due(resolver, host, sys_now() + again);
	if (!found)
		failed_lookup(host, why);
	if ((found && new_answer(host, found)) || host->why != host->shown.why) {
		pthread_mutex_unlock(&resolver->lock);
		resolver->ring(resolver->arg);
		pthread_mutex_lock(&resolver->lock);
	}
}

static void *resolve_run(void *arg)
{
	struct resolver *resolver = arg;

	pthread_mutex_lock(&resolver->lock);
	while (!resolver->stop) {
		struct host *host;

		drop_gone(resolver);
		queue_due(resolver);
		host = queue_take(resolver);
		if (host)
			resolve_refresh(resolver, host);
		else if (next_due(resolver))
			sys_wait_until(&resolver->wake, &resolver->lock, next_due(resolver)->due);
		else
			pthread_cond_wait(&resolver->wake, &resolver->lock);
	}
	pthread_mutex_unlock(&resolver->lock);
	return NULL;
}

static struct host *resolve_add(struct resolver *resolver, const char *name)
{
	struct host *host = sys_alloc(sizeof *host + strlen(name) + 1), **bucket;

	strcpy(host->name, name);
	host->shown.name = host->name;
	grow_buckets(resolver);
	bucket = host_bucket(resolver, name);
	host->next = *bucket;
	*bucket = host;
	SYS_GROW(resolver->hosts, resolver->host_count, resolver->host_cap);
	heap_put(resolver, resolver->host_count++, host);
	heap_move(resolver, host);
	/* When no thread can be added, those that there are do its work. */
	if (resolver->host_count > resolver->thread_count && resolver->thread_count < THREADS_MAX &&
	    sys_thread(&resolver->threads[resolver->thread_count], resolve_run, resolver) == 0)
		resolver->thread_count++;
	pthread_cond_broadcast(&resolver->wake);
	return host;
}

struct resolve_answer resolve_lookup(void *resolver, const char *name, bool srv)
{
	struct resolver *self = resolver;
	struct host *found;

	if (srv)
		return (struct resolve_answer){ .state = RESOLVE_FAILED, .why = "not implemented" };
	pthread_mutex_lock(&self->lock);
	found = self->bucket_count ? *host_bucket(self, name) : NULL;
	while (found && (found->gone || strcmp(found->name, name) != 0))
		found = found->next;
	if (!found)
		found = resolve_add(self, name);
	found->used = true;
	pthread_mutex_unlock(&self->lock);
	return (struct resolve_answer){ found->shown.state, found->shown.why, &found->shown, 1, found->moved };
}

bool resolve_settled(struct resolver *resolver)
{
	bool settled = true;

	pthread_mutex_lock(&resolver->lock);
	for (size_t i = 0; i < resolver->host_count; i++)
		settled = settled && (resolver->hosts[i]->looked_up || resolver->hosts[i]->gone);
	pthread_mutex_unlock(&resolver->lock);
	return settled;
}

static bool host_moved(const struct host *host)
{
	return host->fresh || (host->looked_up && (host->why != host->shown.why || host->shown.state == RESOLVE_ASKED));
}

static void host_renew(struct resolver *resolver, struct host *host)
{
	host->moved = host_moved(host);
	if (host->fresh) {
		free(host->now);
		host->now = host->fresh;
		host->fresh = NULL;
	}
	host->shown = (struct resolve_host){
		.name = host->name, .why = host->why, .addrs = host->now ? host->now->addrs : NULL, .count = host->now ? host->now->count : 0,
		.state = !host->looked_up ? RESOLVE_ASKED : host->why ? host->now ? RESOLVE_KEPT : RESOLVE_FAILED : RESOLVE_GOOD
	};
	resolver->dropped = resolver->dropped || !host->used;
	host->gone = host->gone || !host->used;
	host->used = false;
}

bool resolve_round(struct resolver *resolver, bool gone)
{
	bool due = false;

	pthread_mutex_lock(&resolver->lock);
	if (gone)
		resolver->due = 2; /* in the one nobody asks for it, and the next one drops it */
	for (size_t i = 0; i < resolver->host_count && !due; i++)
		due = host_moved(resolver->hosts[i]);
	due = due || resolver->due;
	resolver->due -= resolver->due > 0;
	for (size_t i = 0; i < resolver->host_count && due; i++)
		host_renew(resolver, resolver->hosts[i]);
	if (resolver->dropped)
		pthread_cond_broadcast(&resolver->wake);
	pthread_mutex_unlock(&resolver->lock);
	return due;
}

struct resolver *resolve_open(struct loop *loop, uint8_t kind, void (*ring)(void *arg), void *arg)
{
	struct resolver *resolver = sys_alloc(sizeof *resolver);

	(void)loop, (void)kind;
	resolver->ring = ring;
	resolver->arg = arg;
	pthread_mutex_init(&resolver->lock, NULL);
	sys_cond_open(&resolver->wake);
	errno = sys_thread(&resolver->threads[0], resolve_run, resolver);
	resolver->thread_count = 1;
	if (!errno)
		return resolver;
	free(resolver);
	return NULL;
}

void resolve_close(struct resolver *resolver)
{
	pthread_mutex_lock(&resolver->lock);
	resolver->stop = true;
	pthread_cond_broadcast(&resolver->wake);
	pthread_mutex_unlock(&resolver->lock);
	for (unsigned i = 0; i < resolver->thread_count; i++)
		pthread_join(resolver->threads[i], NULL);
	while (resolver->host_count)
		free_host(resolver->hosts[--resolver->host_count]);
	free(resolver->hosts);
	free(resolver->buckets);
	pthread_mutex_destroy(&resolver->lock);
	pthread_cond_destroy(&resolver->wake);
	free(resolver);
}

void resolve_set(struct resolver *resolver, const struct resolve_rules *rules)
{
	(void)resolver, (void)rules;
}

bool resolve_ready(struct resolver *resolver, struct loop_io *io, unsigned events)
{
	(void)resolver, (void)io, (void)events;
	return false;
}

bool resolve_expired(struct resolver *resolver, struct loop_fifo *fifo, struct loop_timer *timer)
{
	(void)resolver, (void)fifo, (void)timer;
	return false;
}

void resolve_figures(const struct resolver *resolver, struct resolve_figures *figures)
{
	*figures = (struct resolve_figures){ 0 };
	for (size_t i = 0; i < resolver->host_count; i++)
		figures->names[resolver->hosts[i]->shown.state]++;
}
