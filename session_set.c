#include "base.h"
#include "session_set.h"

#include <stdlib.h>
#include <unistd.h>

#include "loop_backend.h"
#include "relay.h"
#include "session_connect.h"
#include "session_relay.h"
#include "sys.h"

#define LATER_MS 1
#define WAITING_MS 50
#define PARTING_MS 3000 /* for the last words of a side that has reset: the other one takes them, or goes without */

void sessions_open(struct sessions *set, struct session_shared *shared, unsigned worker, struct loop *loop)
{
	*set = (struct sessions){ .shared = shared, .worker = worker, .loop = loop };
	relay_open(&set->relay);
	loop_fifo_open(loop, &set->again, 0, 0); /* the loop comes to it after those that lead to it */
	loop_fifo_open(loop, &set->later, LATER_MS, 0);
	loop_fifo_open(loop, &set->connecting, 0, 0);
	loop_fifo_open(loop, &set->idle, 0, 0);
	loop_fifo_open(loop, &set->draining, 0, 0);
	loop_fifo_open(loop, &set->waiting, WAITING_MS, 0);
	loop_fifo_open(loop, &set->parting, PARTING_MS, 0);
	sessions_retime(set);
}

void sessions_close(struct sessions *set)
{
	while (set->live)
		session_end(set, set->live, SESSION_END_SHUTDOWN);
	relay_close(&set->relay);
}

/* One session. */

void session_start(struct sessions *set, const struct route_entry *entry, int fd, const struct net_addr *client)
{
	struct route_cell *cell = route_listener_cell(entry->listener, set->worker, set->shared->cell_count);
	struct session *session = cell ? calloc(1, sizeof *session) : NULL;

	if (cell)
		route_cell_add(&cell->connections, 1);
	if (!session) {
		route_reject(entry->listener, ROUTE_LIMIT);
		close(fd);
		set->ended(set, entry->listener);
		return;
	}
	session->client.io = LOOP_IO(fd, SESSION_CLIENT);
	session->backend.io.fd = -1;
	session->client.quick = session->backend.quick = 2;
	session->peer = *client;
	session->first = SESSION_END_SIDE;
	session->started = sys_micros();
	session->listener = entry->listener;
	route_cell_begin(cell);
	session_enter(set, session, set->live);
	session_dial(set, session, entry);
}

/* side: the one that is ready. fifo: the one that its timer was in. */
static const struct {
	void (*ready)(struct sessions *set, struct session *s, struct relay_side *side, struct relay_side *other,
	              unsigned events);
	void (*expired)(struct sessions *set, struct session *s, const struct loop_fifo *fifo);
} handlers[] = {
	[SESSION_WAITING] = { session_waiting_ready, session_waiting_expired },
	[SESSION_CONNECTING] = { session_connecting_ready, session_connecting_expired },
	[SESSION_GREETING] = { session_greeting_ready, session_greeting_expired },
	[SESSION_RELAYING] = { session_relay_ready, session_relay_expired },
};

void session_ready(struct sessions *set, struct loop_io *io, unsigned events)
{
	bool client = io->kind == SESSION_CLIENT;
	struct relay_side *side = CONTAINER_OF(io, struct relay_side, io);
	struct session *session = client ? CONTAINER_OF(side, struct session, client)
	                                 : CONTAINER_OF(side, struct session, backend);

	handlers[session->state].ready(set, session, side, client ? &session->backend : &session->client, events);
}

void session_expired(struct sessions *set, struct loop_fifo *fifo, struct loop_timer *timer)
{
	struct session *session = CONTAINER_OF(timer, struct session, timer);

	handlers[session->state].expired(set, session, fifo);
}

/* The set. */

void sessions_retime(struct sessions *set)
{
	int64_t idle = atomic_load(&set->shared->idle_timeout);
	bool toggled = !idle != !set->idle.after;

	loop_fifo_retime(&set->connecting, atomic_load(&set->shared->connect_timeout));
	loop_fifo_retime(&set->draining, atomic_load(&set->shared->drain));
	loop_fifo_retime(&set->idle, idle);
	for (struct session *session = toggled ? set->live : NULL, *next; session; session = next) {
		next = session->next;
		if (session->state == SESSION_CONNECTING)
			session_connecting_watch(set, session);
		else if (session->state == SESSION_RELAYING && !session->draining && !session->reset)
			session_relay_arm(set, session);
	}
}

void sessions_drain(struct sessions *set, struct session *first)
{
	const struct route_backend *target = first->target;

	for (struct session *s = first, *next; s && s->target == target; s = next) {
		next = s->next;
		if (s->state == SESSION_CONNECTING)
			session_connecting_watch(set, s); /* as soon as it is connected it drains */
		else if (s->state == SESSION_RELAYING && !s->reset)
			session_relay_follow_target(set, s);
	}
}

void sessions_report(const struct sessions *set, struct session_report *report)
{
	for (struct session *s = set->live; s; s = s->next) {
		session_count_bytes(set, s);
		if (!report || !session_report_grow(report))
			continue;
		report->views[report->count++] = (struct session_view){
			.client = s->peer, .rx = session_received(s), .tx = s->client.sent, .started = s->started,
			.listener = route_listener_ref(s->listener), .target = s->target ? route_backend_ref(s->target) : NULL
		};
	}
}
