/* The owner of the resolver of resolve_fake.h, and its questions and answers. Include it behind the .c files. */
#ifndef TEST_RESOLVE_FRAME_H
#define TEST_RESOLVE_FRAME_H

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

static void make_files(void)
{
	close(mkstemp(hosts_path));
	close(mkstemp(conf_path));
}

static void remove_files(void)
{
	unlink(hosts_path);
	unlink(conf_path);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	fputs(text, file);
	fclose(file);
}

/* Those in use: each round asks for them. */
static struct {
	const char *name;
	bool srv;
} used[8];
static size_t used_count;

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
	memset(used, 0, sizeof used);
	used_count = 0;
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

/* A round of which names may have left. */
static bool round_of_leaving(struct resolver *of)
{
	resolve_left(of);
	return resolve_round(of);
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

static void finish(struct resolve_query *query, const struct resolve_outcome *outcome)
{
	fake_query_drop(NULL, query);
	resolve_inquiry_answered(query, outcome);
	resolve_ready(resolver, NULL, 0);
	free_dead(&loop);
}

static int fake_error; /* of those that are silent */

static void fail(const char *name, enum dns_type type, enum dns_status status, long ttl)
{
	struct resolve_query *query = question(name, type);
	struct dns_walk walk = { .ttl = ttl };
	struct resolve_outcome outcome = { .status = status, .silent = status == DNS_FOREIGN, .error = fake_error };

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

#endif
