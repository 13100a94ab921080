/* A question waits until there is room for it. Then it is sent to the first server, and is under way: on a channel, which is a
 * UDP socket of that server, or a TCP connection of its own. A try that fails puts it in front of those that wait, and so it is
 * sent to the next one; a round is over when each server was asked. All sending is done by query_pump(), so that no handler
 * runs within another.
 *
 * Who forges an answer must know the id and the port. A socket is used for few questions and a short time, and the system draws
 * its port.
 */
#include "base.h"
#include "resolve_query.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "dns.h"
#include "hash.h"
#include "loop_backend.h"
#include "net.h"
#include "resolve_channel.h"
#include "resolve_conf.h"
#include "resolve_server.h"
#include "sys.h"

#define SOCKET_QUESTIONS 64 /* so few that the answers to all of them fit into its buffer */
#define SOCKET_MS 1000
#define BRIEF_MS 1000   /* see resolve_try_brief() */
#define LATER_MS 200    /* without descriptors */
#define MESSAGES 64     /* of one socket that are read in one turn */
#define SLOTS (4 * RESOLVE_FLIGHT)

/* What there is for each server. */
struct query_port {
	struct resolve_channel *channel; /* UDP, for the next questions; NULL: none */
	int64_t failed_at; /* this turn's time: none can be opened, because of `error` */
	int error;
	struct resolve_query probe;
	char probe_name[DNS_NAME];
};

struct resolve_queries {
	struct loop *loop;
	uint8_t kind;
	void (*done)(void *arg, struct resolve_query *query, const struct resolve_outcome *outcome);
	void *arg;
	struct resolve_servers servers;
	struct query_port ports[RESOLVE_SERVERS];
	struct resolve_query *waiting, **waiting_end;
	struct resolve_query *slots[SLOTS]; /* those under way, by their ids */
	size_t flying;
	struct loop_fifo timeout, brief, pump, later;
	struct loop_timer pump_timer, later_timer;
	unsigned long long counts[DNS_FOREIGN + 1];
};

struct resolve_queries *resolve_query_open(struct loop *loop, uint8_t kind,
                                           void (*done)(void *arg, struct resolve_query *query, const struct resolve_outcome *outcome),
                                           void *arg)
{
	struct resolve_queries *queries = sys_alloc(sizeof *queries);

	queries->loop = loop;
	queries->kind = kind;
	queries->done = done;
	queries->arg = arg;
	queries->waiting_end = &queries->waiting;
	loop_fifo_open(loop, &queries->timeout, 5000, kind);
	loop_fifo_open(loop, &queries->brief, BRIEF_MS, kind);
	loop_fifo_open(loop, &queries->pump, 0, kind);
	loop_fifo_open(loop, &queries->later, LATER_MS, kind);
	return queries;
}

/* Those that wait. */

static void pump_wake(struct resolve_queries *queries)
{
	if (queries->waiting && queries->flying < RESOLVE_FLIGHT && !queries->later_timer.next && !queries->pump_timer.next)
		loop_arm(queries->loop, &queries->pump, &queries->pump_timer);
}

static void query_enter(struct resolve_query *query, struct resolve_query **at)
{
	query->link = at;
	query->next = *at;
	if (query->next)
		query->next->link = &query->next;
	*at = query;
}

static void query_leave(struct resolve_query *query)
{
	*query->link = query->next;
	if (query->next)
		query->next->link = query->link;
}

/* Behind all others, or before them. */
static void query_wait(struct resolve_queries *queries, struct resolve_query *query, bool first)
{
	query_enter(query, first ? &queries->waiting : queries->waiting_end);
	if (!query->next)
		queries->waiting_end = &query->next;
	pump_wake(queries);
}

static void query_wait_over(struct resolve_queries *queries, struct resolve_query *query)
{
	query_leave(query);
	if (!query->next)
		queries->waiting_end = query->link;
}

/* It has not been sent to anybody. */
static void query_renew(struct resolve_queries *queries, struct resolve_query *query)
{
	query->error = 0;
	query->status = DNS_FOREIGN;
	resolve_try_start(&queries->servers, &query->try);
}

/* Channels. */

/* It is not used any more, but for answers that are still to come. */
static void channel_retire(struct resolve_queries *queries, struct resolve_channel *channel)
{
	struct query_port *port = &queries->ports[channel->server];

	if (port->channel == channel)
		port->channel = NULL;
	if (!channel->first)
		resolve_channel_close(queries->loop, channel);
}

/* The one for the next question to a server. NULL: *error says why. */
static struct resolve_channel *channel_for(struct resolve_queries *queries, unsigned index, bool tcp, int *error)
{
	struct query_port *port = &queries->ports[index];
	struct resolve_channel *old = tcp ? NULL : port->channel, *channel;

	if (old && old->questions < SOCKET_QUESTIONS && queries->loop->now - old->opened_at < SOCKET_MS)
		return old;
	channel = resolve_channel_open(queries->loop, queries->kind, &queries->servers.items[index].addr, tcp, error);
	if (!channel)
		return net_exhausted(*error) ? old : NULL;
	channel->server = (uint8_t)index;
	channel->opened_at = queries->loop->now;
	if (old)
		channel_retire(queries, old);
	if (!tcp)
		port->channel = channel;
	return channel;
}

/* Tries. */

/* A number that comes only once, hashed with the process's secret: it tells nobody the next one. No two of the questions
 * under way have the same. */
static void query_draw_id(struct resolve_queries *queries, struct resolve_query *query)
{
	static _Atomic uint64_t drawn;
	struct resolve_query **slot;

	do {
		uint64_t number = atomic_fetch_add_explicit(&drawn, 1, memory_order_relaxed);

		query->id = (uint16_t)hash_whole((const char *)&number, sizeof number);
		slot = &queries->slots[query->id % SLOTS];
	} while (*slot);
	*slot = query;
}

static void query_take_off(struct resolve_queries *queries, struct resolve_query *query, struct resolve_channel *channel)
{
	bool brief;

	query->channel = channel;
	query_enter(query, &channel->first);
	channel->questions++;
	queries->flying++;
	query->broken = false;
	brief = resolve_try_brief(&queries->servers, &query->try);
	loop_arm(queries->loop, brief ? &queries->brief : &queries->timeout, &query->timeout);
}

/* It is not under way any more. */
static void query_land(struct resolve_queries *queries, struct resolve_query *query)
{
	struct resolve_channel *channel = query->channel;

	queries->slots[query->id % SLOTS] = NULL;
	queries->flying--;
	query_leave(query);
	query->channel = NULL;
	loop_disarm(&query->timeout);
	pump_wake(queries);
	if (!channel->first && queries->ports[channel->server].channel != channel)
		resolve_channel_close(queries->loop, channel);
}

/* It has come to nothing. error: an errno, or 0. */
static void try_failed(struct resolve_queries *queries, struct resolve_query *query, int error)
{
	query->error = error;
	queries->counts[query->broken ? DNS_BROKEN : DNS_FOREIGN]++;
	if (query->broken)
		query->status = DNS_BROKEN;
	else
		resolve_try_unheard(&queries->servers, &query->try);
	query_land(queries, query);
	query_wait(queries, query, true);
}

/* All that are under way there go elsewhere. */
static void channel_failed(struct resolve_queries *queries, struct resolve_channel *channel, int error)
{
	bool used = channel->first;

	channel_retire(queries, channel);
	while (used && channel->first)
		try_failed(queries, channel->first, error);
}

static void query_end(struct resolve_queries *queries, struct resolve_query *query, struct dns_walk *walk)
{
	struct resolve_outcome outcome = { .status = query->status, .error = query->error, .walk = walk };

	outcome.silent = query->status == DNS_FOREIGN;
	query->busy = false;
	if (!query->try.probe)
		queries->done(queries->arg, query, &outcome);
}

/* It has an answer that can be read, or none ever. */
static void query_answered(struct resolve_queries *queries, struct resolve_query *query, enum dns_status status,
                           struct dns_walk *walk)
{
	bool ended;

	if (status == DNS_CUT && query->try.tcp)
		status = DNS_BROKEN;
	queries->counts[status]++;
	query->status = (uint8_t)status;
	query_land(queries, query);
	ended = resolve_try_answered(&queries->servers, &query->try, status, queries->loop->now);
	if (ended)
		query_end(queries, query, walk);
	else
		query_wait(queries, query, true);
}

static void message_came(struct resolve_queries *queries, struct resolve_channel *channel, const uint8_t *message, size_t len)
{
	uint16_t id = len < 2 ? 0 : (uint16_t)(message[0] << 8 | message[1]);
	struct resolve_query *query = queries->slots[id % SLOTS];
	struct dns_walk walk;
	enum dns_status status;

	if (len < 2 || !query || query->channel != channel)
		return;
	status = dns_read(&walk, message, len, id, query->name, query->type);
	if (status == DNS_BROKEN)
		query->broken = true; /* it may be forged: the true one may still come */
	else if (status != DNS_FOREIGN)
		query_answered(queries, query, status, &walk);
}

/* Sending. Each returns an errno or 0. */

static int channel_send(struct resolve_queries *queries, struct resolve_query *query, struct resolve_channel *channel)
{
	uint8_t room[RESOLVE_HEAD + DNS_QUESTION];
	size_t len = dns_question(room + RESOLVE_HEAD, query->id, query->name, query->type, query->try.edns);

	return resolve_channel_send(queries->loop, channel, room, len);
}

static int udp_send(struct resolve_queries *queries, struct resolve_query *query, struct resolve_channel *channel)
{
	int error;

	query_draw_id(queries, query);
	error = channel_send(queries, query, channel);
	if (error)
		queries->slots[query->id % SLOTS] = NULL;
	if (error && !net_exhausted(error))
		channel_failed(queries, channel, error);
	return error;
}

static int query_send(struct resolve_queries *queries, struct resolve_query *query)
{
	struct query_port *port = &queries->ports[query->try.server];
	bool tcp = query->try.tcp;
	int error = !tcp && port->failed_at == queries->loop->now ? port->error : 0;
	struct resolve_channel *channel = error ? NULL : channel_for(queries, query->try.server, tcp, &error);

	if (channel && tcp)
		query_draw_id(queries, query); /* it is sent when the connection is made */
	else if (channel)
		error = udp_send(queries, query, channel);
	query->try.sent_at = queries->loop->now;
	if (!error) {
		query_take_off(queries, query, channel);
	} else if (!channel && !tcp && !net_exhausted(error)) { /* this turn brings no better news */
		resolve_try_unheard(&queries->servers, &query->try);
		port->failed_at = queries->loop->now;
		port->error = error;
	}
	return error;
}

/* Silent servers are asked the same. */
static void query_probe(struct resolve_queries *queries, const struct resolve_query *query)
{
	struct resolve_try try;

	while (resolve_try_probe(&queries->servers, &query->try, queries->loop->now, &try)) {
		struct query_port *port = &queries->ports[try.server];

		if (port->probe.busy)
			continue;
		strcpy(port->probe_name, query->name); /* it has been sent: there is room for it */
		port->probe = (struct resolve_query){ .name = port->probe_name, .type = query->type, .busy = true, .try = try };
		query_wait(queries, &port->probe, true);
	}
}

/* Sends one to its next server, or ends it. False: for lack of descriptors nothing can be sent now. */
static bool pump_one(struct resolve_queries *queries, struct resolve_query *query)
{
	int error;

	query_wait_over(queries, query);
	if (!resolve_try_next(&queries->servers, &query->try)) {
		query_end(queries, query, NULL);
		return true;
	}
	error = dns_is_name(query->name) ? query_send(queries, query) : EINVAL;
	if (!error) {
		query_probe(queries, query);
		return true;
	}
	query->error = error;
	query->try.again = net_exhausted(error);
	query_wait(queries, query, !query->try.again || !query->try.tcp); /* those over UDP may have a socket yet */
	return !net_exhausted(error);
}

static void query_pump(struct resolve_queries *queries)
{
	bool can = true;

	while (can && queries->waiting && queries->flying < RESOLVE_FLIGHT)
		can = pump_one(queries, queries->waiting);
	loop_disarm(&queries->pump_timer);
	if (!can)
		loop_arm(queries->loop, &queries->later, &queries->later_timer);
}

/* Receiving. A TCP connection is for one question. */

static void channel_receive(struct resolve_queries *queries, struct resolve_channel *channel)
{
	uint8_t room[RESOLVE_UDP];
	const uint8_t *message;
	size_t len = 0;

	for (unsigned i = 0; i < MESSAGES; i++) {
		int error = resolve_channel_receive(channel, room, &message, &len);

		if (!error && !message)
			return;
		if (!error)
			message_came(queries, channel, message, len);
		if (error || (channel->tcp && channel->first))
			channel_failed(queries, channel, error);
		if (!channel->first)
			return; /* it may be closed */
	}
}

static void channel_ready(struct resolve_queries *queries, struct resolve_channel *channel)
{
	int error;

	if (!channel->tcp || channel->sent) {
		channel_receive(queries, channel);
		return;
	}
	error = channel_send(queries, channel->first, channel);
	if (error)
		channel_failed(queries, channel, error);
}

/* For the owner. */

/* All that are under way wait. */
static void query_stop(struct resolve_queries *queries)
{
	for (size_t i = 0; i < SLOTS; i++) {
		struct resolve_query *query = queries->slots[i];

		if (query) {
			query_land(queries, query);
			query_wait(queries, query, true);
		}
	}
	for (size_t i = 0; i < RESOLVE_SERVERS; i++)
		if (queries->ports[i].channel)
			channel_retire(queries, queries->ports[i].channel);
}

void resolve_query_close(struct resolve_queries *queries)
{
	query_stop(queries);
	loop_disarm(&queries->pump_timer);
	loop_disarm(&queries->later_timer);
	free(queries);
}

void resolve_query_drop(struct resolve_queries *queries, struct resolve_query *query)
{
	if (!query->busy)
		return;
	if (query->channel)
		query_land(queries, query);
	else
		query_wait_over(queries, query);
	query->busy = false;
}

void resolve_query_set(struct resolve_queries *queries, const struct resolve_conf *conf)
{
	query_stop(queries);
	for (size_t i = 0; i < RESOLVE_SERVERS; i++)
		resolve_query_drop(queries, &queries->ports[i].probe);
	memset(queries->ports, 0, sizeof queries->ports);
	resolve_servers_set(&queries->servers, conf);
	loop_fifo_retime(&queries->timeout, conf->timeout);
	loop_fifo_retime(&queries->brief, conf->timeout < BRIEF_MS ? conf->timeout : BRIEF_MS);
	for (struct resolve_query *query = queries->waiting; query; query = query->next)
		query_renew(queries, query);
}

void resolve_query_ask(struct resolve_queries *queries, struct resolve_query *query)
{
	if (query->busy)
		return;
	*query = (struct resolve_query){ .owner = query->owner, .name = query->name, .type = query->type, .busy = true };
	query_renew(queries, query);
	query_wait(queries, query, false);
}

bool resolve_query_ready(struct resolve_queries *queries, struct loop_io *io, unsigned events)
{
	(void)events;
	if (io->kind != queries->kind)
		return false;
	channel_ready(queries, CONTAINER_OF(io, struct resolve_channel, io));
	return true;
}

bool resolve_query_expired(struct resolve_queries *queries, struct loop_fifo *fifo, struct loop_timer *timer)
{
	if (fifo == &queries->timeout || fifo == &queries->brief)
		try_failed(queries, CONTAINER_OF(timer, struct resolve_query, timeout), 0);
	else if (fifo == &queries->pump || fifo == &queries->later)
		query_pump(queries);
	else
		return false;
	return true;
}

const unsigned long long *resolve_query_counts(const struct resolve_queries *queries)
{
	return queries->counts;
}
