/* Cases for resolve.c: the TTL of DNS answers, which addresses of a name are used, and which name waits for which. Looking
 * up is tested with a real server, by tests/tools/dns.sh. */
#include "base.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "check.h"

/* Names that begin with h hang until they are told to fail, or to answer; all others answer at once. */
static int fake_getaddrinfo(const char *name, const char *port, const struct addrinfo *hints, struct addrinfo **all);
static void fake_freeaddrinfo(struct addrinfo *all);
static int fake_search(const char *name, int type, int class, unsigned char *answer, int len);

#define getaddrinfo fake_getaddrinfo
#define freeaddrinfo fake_freeaddrinfo
#undef res_search
#define res_search(name, class, type, answer, len) fake_search(name, class, type, answer, len)
#include "../../log.h"
#undef log_warn
#undef log_info
#define log_info(...) ((void)0)
#define log_warn(...) ((void)snprintf(said, sizeof said, __VA_ARGS__), warnings++)
#define log_about(level, thing, noun, ...) log_warn(__VA_ARGS__)
static char said[200];
static int warnings;
#include "../../resolve.c"

#define HEAD(questions, answers) "\0\1\201\200\0" questions "\0" answers "\0\0\0\0"
#define QUESTION "\2db\4test\0\0\1\0\1"
#define RECORD(name, ttl) name "\0\1\0\1" ttl "\0\4\177\0\0\1"
#define BYTES(s) (const unsigned char *)s, sizeof s - 1

static const struct {
	const char *what;
	const unsigned char *message;
	size_t len;
	long ttl;
} cases[] = {
	{ "one record", BYTES(HEAD("\1", "\1") QUESTION RECORD("\300\14", "\0\0\1\54")), 300 },
	{ "the least of three", BYTES(HEAD("\1", "\3") QUESTION RECORD("\300\14", "\0\0\1\54") RECORD("\300\14", "\0\0\0\5")
	                              RECORD("\300\14", "\0\0\0\74")), 5 },
	{ "a name in full", BYTES(HEAD("\1", "\1") QUESTION RECORD("\2db\4test\0", "\0\1\0\0")), 65536 },
	{ "the largest", BYTES(HEAD("\1", "\1") QUESTION RECORD("\300\14", "\377\377\377\377")), 4294967295 },
	{ "zero", BYTES(HEAD("\1", "\1") QUESTION RECORD("\300\14", "\0\0\0\0")), 0 },
	{ "no answer", BYTES(HEAD("\1", "\0") QUESTION), -1 },
	{ "no question", BYTES(HEAD("\0", "\1") RECORD("\0", "\0\0\0\7")), 7 },
	{ "fewer records than promised", BYTES(HEAD("\1", "\2") QUESTION RECORD("\300\14", "\0\0\1\54")), -1 },
	{ "a record cut short", BYTES(HEAD("\1", "\1") QUESTION "\300\14\0\1\0\1\0\0\1\54\0\4\177"), -1 },
	{ "data that goes on beyond the end", BYTES(HEAD("\1", "\1") QUESTION "\300\14\0\1\0\1\0\0\1\54\377\377"), -1 },
	{ "a label that goes on beyond the end", BYTES(HEAD("\1", "\1") "\77db"), -1 },
	{ "a head cut short", BYTES("\0\1\201\200\0"), -1 },
	{ "nothing", BYTES(""), -1 },
};

static void ttl_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check(least_ttl(cases[i].message, cases[i].len) == cases[i].ttl, "the TTL", cases[i].what);
}

/* The fake. */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	unsigned hanging, most, answered, hung; /* now; at most; look-ups of others, and of these, that are done */
	int error;       /* how the hanging ones end: 0, they answer */
	unsigned let_go; /* so many of them end */
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER };

static void fake_hang(void)
{
	fake.hanging++;
	fake.most = fake.hanging > fake.most ? fake.hanging : fake.most;
	pthread_cond_broadcast(&fake.moved);
	while (!fake.let_go)
		pthread_cond_wait(&fake.moved, &fake.lock);
	fake.let_go--;
	fake.hanging--;
	fake.hung++;
}

static int fake_getaddrinfo(const char *name, const char *port, const struct addrinfo *hints, struct addrinfo **all)
{
	struct addrinfo *found = sys_alloc(sizeof *found);
	int error;

	(void)port;
	(void)hints;
	pthread_mutex_lock(&fake.lock);
	if (*name == 'h')
		fake_hang();
	else
		fake.answered++;
	error = *name == 'h' ? fake.error : 0;
	pthread_cond_broadcast(&fake.moved);
	pthread_mutex_unlock(&fake.lock);
	if (error) {
		free(found);
		return error;
	}
	found->ai_addrlen = sizeof(struct sockaddr_in);
	found->ai_addr = sys_alloc(sizeof(struct sockaddr_in));
	found->ai_addr->sa_family = AF_INET;
	*all = found;
	return 0;
}

static void fake_freeaddrinfo(struct addrinfo *all)
{
	free(all->ai_addr);
	free(all);
}

static int fake_search(const char *name, int class, int type, unsigned char *answer, int len)
{
	(void)name;
	(void)class;
	(void)type;
	(void)answer;
	(void)len;
	h_errno = HOST_NOT_FOUND;
	return -1;
}

/* Waits until a counter of the fake has reached a number. The time is there for what is broken. */
static bool fake_reaches(const unsigned *counter, unsigned number)
{
	struct timespec end;
	bool reached;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 20;
	pthread_mutex_lock(&fake.lock);
	while (*counter < number && pthread_cond_timedwait(&fake.moved, &fake.lock, &end) == 0)
		;
	reached = *counter >= number;
	pthread_mutex_unlock(&fake.lock);
	return reached;
}

static bool all_idle(struct resolver *resolver)
{
	bool idle = true;

	pthread_mutex_lock(&resolver->lock);
	for (size_t i = 0; i < resolver->host_count; i++)
		idle = idle && !resolver->hosts[i]->busy;
	pthread_mutex_unlock(&resolver->lock);
	return idle;
}

static void fake_let_go(struct resolver *resolver, unsigned count, int error)
{
	unsigned hung;

	pthread_mutex_lock(&fake.lock);
	hung = fake.hung;
	fake.let_go = count;
	fake.error = error;
	pthread_cond_broadcast(&fake.moved);
	pthread_mutex_unlock(&fake.lock);
	check(fake_reaches(&fake.hung, hung + count), "those that hang end", "");
	for (int i = 0; i < 20000 && !all_idle(resolver); i++)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	check(all_idle(resolver), "all has been looked up", "");
}

static void ring(void *arg)
{
	(void)arg;
}

static void ask_for(struct resolver *resolver, const char *names, unsigned count)
{
	char name[32];

	for (unsigned i = 0; i < count; i++) {
		snprintf(name, sizeof name, "%s%u", names, i);
		resolve_lookup(resolver, name, false);
	}
}

/* As if the TTL of all those that begin with that letter had passed. */
static void make_due(struct resolver *resolver, char letter)
{
	size_t count;

	pthread_mutex_lock(&resolver->lock);
	count = resolver->host_count;
	resolver->host_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct host *host = resolver->hosts[i];

		host->due = host->name[0] == letter && !host->busy ? 0 : host->due;
		heap_put(resolver, resolver->host_count++, host);
		heap_move(resolver, host);
	}
	pthread_cond_broadcast(&resolver->wake);
	pthread_mutex_unlock(&resolver->lock);
}

#define MANY 64

/* All of the names that hang are due, and hold so many threads; then come others, which must not wait for them. */
static void hang(struct resolver *resolver, unsigned threads, const char *others)
{
	unsigned answered;

	fake.most = fake.hanging;
	make_due(resolver, 'h');
	check(fake_reaches(&fake.hanging, threads), "hold their threads", others);
	answered = fake.answered;
	make_due(resolver, *others);
	ask_for(resolver, others, 3);
	check(fake_reaches(&fake.answered, answered + 3), "are answered meanwhile", others);
	check(fake.most == threads, "those that hang hold no other thread", others);
}

/* Of names that hang, or did so when they were asked last, some threads are free for others. */
static void waiting_cases(void)
{
	struct resolver *resolver = resolve_open(NULL, 0, ring, NULL);

	ask_for(resolver, "good", 3);
	check(fake_reaches(&fake.answered, 3), "are answered", "good");
	ask_for(resolver, "hang", MANY);
	hang(resolver, 6, "good");
	fake_let_go(resolver, MANY, EAI_AGAIN);
	hang(resolver, 4, "good");
	hang(resolver, 4, "new");
	fake_let_go(resolver, MANY, EAI_AGAIN);
	hang(resolver, 4, "good");
	fake_let_go(resolver, MANY, EAI_AGAIN);
	hang(resolver, 3, "good");
	/* They must answer for a while, to be as good as the rest. */
	for (int doubt = 5; doubt > 0; doubt--) {
		fake_let_go(resolver, MANY, 0);
		hang(resolver, doubt == 5 ? 3 : 4, "other");
	}
	fake_let_go(resolver, MANY, 0);
	make_due(resolver, 'h');
	check(fake_reaches(&fake.hanging, THREADS_MAX), "all threads are theirs again", "");
	fake_let_go(resolver, MANY, 0);
	resolve_close(resolver);
}

/* Which addresses. */

static struct answer *numbered(size_t count, size_t first)
{
	struct answer *answer = sys_alloc(sizeof *answer + count * sizeof *answer->addrs);

	answer->count = count;
	for (size_t i = 0; i < count; i++) {
		answer->addrs[i].sa.v4.sin_family = AF_INET;
		answer->addrs[i].sa.v4.sin_addr.s_addr = htonl((uint32_t)(0x0a000000 + (first + i) % count / 2)); /* each twice */
	}
	return answer;
}

static void address_cases(void)
{
	struct host *host = sys_alloc(sizeof *host + 4);

	strcpy(host->name, "db");
	for (size_t count = 126; count <= 4000; count += count < 140 ? 2 : 1930)
		for (size_t first = 0; first < count; first += count / 3) {
			struct answer *answer = numbered(count, first);
			size_t used = count / 2 < ADDRESSES_MAX ? count / 2 : ADDRESSES_MAX;

			choose_addresses(answer);
			check(answer->count == used && answer->all == count / 2, "how many are used", "");
			for (size_t i = 0; i < answer->count; i++)
				if (answer->addrs[i].sa.v4.sin_addr.s_addr != htonl((uint32_t)(0x0a000000 + i)))
					check(false, "always the same ones", "");
			warnings = 0;
			new_answer(host, answer);
			check(warnings == (count == 130 && !first), said, "it is said once");
		}
	check(strcmp(said, "db has 65 addresses: the first 64 of them, as they are sorted, are used") == 0, said, "db");
	free_host(host);
}

static unsigned count_gone(const struct resolver *resolver)
{
	unsigned count = 0;

	for (size_t i = 0; i < resolver->host_count; i++)
		count += resolver->hosts[i]->gone;
	return count;
}

/* Without news nobody needs to ask again for the names in use; once one may be out of use, two rounds tell. */
static void round_cases(void)
{
	struct resolver *resolver = sys_alloc(sizeof *resolver);

	pthread_mutex_init(&resolver->lock, NULL);
	pthread_cond_init(&resolver->wake, NULL);
	resolver->thread_count = THREADS_MAX; /* there are none */
	resolve_lookup(resolver, "a.test", false);
	resolve_lookup(resolver, "b.test", false);
	for (int i = 0; i < 3; i++)
		check(!resolve_round(resolver, false) && !count_gone(resolver), "no round", "nothing is new");
	check(resolve_round(resolver, true) && !count_gone(resolver), "a round", "names may be out of use");
	resolve_lookup(resolver, "a.test", false);
	check(resolve_round(resolver, false) && count_gone(resolver) == 1, "another round", "one is gone");
	resolve_lookup(resolver, "a.test", false);
	check(!resolve_round(resolver, false) && count_gone(resolver) == 1, "no round", "the other one is in use");
	resolver->hosts[0]->fresh = sys_alloc(sizeof *resolver->hosts[0]->fresh);
	check(resolve_round(resolver, false), "a round", "other addresses");
	resolver->thread_count = 0;
	resolve_close(resolver);
}

int main(void)
{
	round_cases();
	ttl_cases();
	address_cases();
	waiting_cases();
	return check_sum();
}
