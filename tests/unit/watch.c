/* Cases for watch.c: a worker watches the listeners of its table, whatever tables it has missed, and does not look at those in
 * which nothing changed. The sockets are pipes. */
#include "base.h"

#include <string.h>
#include <unistd.h>

#include "check.h"
#include "publish.h"
#include "table.h"
#include "../../loop.h"
#include "../../net.h"
#include "../../zone.h"

static unsigned looks; /* at addresses, and at whether a listener is bound */

static int counted_compare(const struct net_addr *a, const struct net_addr *b)
{
	looks++;
	return net_compare(a, b);
}

static bool counted_zoned(const struct net_addr *addr)
{
	looks++;
	return net_zoned(addr);
}

static unsigned forgotten; /* how often a socket was taken out of the set */

static void counted_forget(struct loop *loop, struct loop_io *io)
{
	forgotten++;
	loop_forget(loop, io);
}

#define loop_forget counted_forget
#define net_compare counted_compare
#define net_zoned counted_zoned
#include "../../watch.c"
#undef loop_forget
#undef net_compare
#undef net_zoned

static struct world {
	struct route route;
	struct loop loop;
	struct watches watches;
	struct route_table *table; /* the worker's */
	int bound; /* a descriptor that every bound listener has a copy of */
} world;

/* A service for each letter, at local:2000 and so on, with the backend :1; a capital: with :2. */
static void publish_letters(const char *letters)
{
	struct service_list *lists[2];
	struct buf text = { 0 };

	buf_puts(&text, "");
	for (; *letters; letters++)
		buf_printf(&text, "s s%c|local:%d|10.0.0.1:%d\n", *letters | 32, 2000 + (*letters | 32) - 'a', *letters & 32 ? 1 : 2);
	table_lists(text.data, lists);
	publish_update(&world.route, lists, 2);
	service_list_unref(lists[0]);
	service_list_unref(lists[1]);
	buf_free(&text);
}

static void publish_many(unsigned count, unsigned backend)
{
	struct service_list *lists[2];
	struct buf text = { 0 };

	for (unsigned i = 0; i < count; i++)
		buf_printf(&text, "s s%u|local:%u|10.0.0.1:%u\n", i, 2000 + i, i == count / 2 ? backend : 1);
	table_lists(text.data, lists);
	publish_update(&world.route, lists, 2);
	service_list_unref(lists[0]);
	service_list_unref(lists[1]);
	buf_free(&text);
}

static void bind_one(struct route_listener *listener)
{
	int old = atomic_load(&listener->fd), fd = dup(world.bound);

	if (old >= 0)
		fd = net_replace(old, fd);
	atomic_store(&listener->fd, fd);
	atomic_fetch_add(&listener->bound, 1);
}

/* Those without a socket, but the one of a letter. */
static void bind_all_but(char letter)
{
	for (size_t i = 0; i < world.route.table->count; i++) {
		struct route_listener *listener = world.route.table->entries[i]->listener;

		if (atomic_load(&listener->fd) < 0 && net_addr_port(&listener->addr) != 2000 + letter - 'a')
			bind_one(listener);
	}
}

static void follow(void)
{
	struct route_table *old = world.table;
	struct route_change *changes = NULL;
	size_t count;

	world.table = route_take(&world.route);
	looks = 0;
	count = old != world.table ? route_changes(old, world.table, &changes) : 0;
	watch_follow(&world.watches, world.table, changes, count);
	free(changes);
	route_release(old);
}

static void world_ready(struct loop *loop, struct loop_io *io, unsigned events)
{
	(void)loop, (void)io, (void)events;
}

static void world_expired(struct loop *loop, struct loop_fifo *fifo, struct loop_timer *timer)
{
	(void)loop, (void)fifo, (void)timer;
}

static void world_woken(struct loop *loop)
{
	loop->stop = true;
}

static const struct loop_ops ops = { world_ready, world_expired, world_woken };

/* Frees what has left. */
static void world_turn(void)
{
	loop_wake(&world.loop);
	world.loop.stop = false;
	loop_run(&world.loop);
}

/* Each entry of the table has its place, and a bound one is watched. */
static void check_watched(const char *what)
{
	const struct watches *w = &world.watches;
	bool all = w->count == world.table->count, sockets = true;

	for (size_t i = 0; all && i < w->count; i++) {
		const struct watched *v = w->all[i];
		int fd = atomic_load(&v->entry->listener->fd);

		all = v->entry == world.table->entries[i];
		sockets = sockets && v->io.fd == fd && !v->io.want == (fd < 0 || w->paused || v->rest);
	}
	check(all, "the entries", what);
	check(sockets, "the sockets", what);
}

static void note_left(struct watches *watches, struct route_listener *listener)
{
	(void)watches, (void)listener;
}

static void world_begin(void)
{
	int fds[2];

	memset(&world, 0, sizeof world);
	table_open(&world.route);
	check(net_pipe(fds) && loop_open(&world.loop, &ops, NULL), "a loop", "opens");
	world.bound = fds[0];
	close(fds[1]);
	watch_open(&world.watches, &world.loop, 7);
	world.watches.left = note_left;
}

static void world_end(void)
{
	watch_close(&world.watches);
	route_release(world.table);
	loop_close(&world.loop);
	route_close(&world.route);
	close(world.bound);
}

/* What is published one after the other; in brackets: what the worker does not get to see. */
static const char *const histories[] = {
	"abc", "ab", "b", "", "a", "abcdefgh", "bdfh", "aceg", "(abc)aceg", "aCeG", "aceg", "(aCeG)ace", "(bdf)ACE", "()ACE", "xyz",
	"(a)(b)c", "abcxyz", "BCXY", "(bcxy)abcxyz", ""
};

static void follow_cases(bool all_seen)
{
	world_begin();
	for (size_t i = 0; i < ARRAY_LEN(histories); i++) {
		struct slice rest = slice_of(histories[i]), hidden;
		char letters[16];

		while (rest.len && *rest.at == '(') {
			slice_next(&rest, ')', &hidden);
			snprintf(letters, sizeof letters, "%.*s", (int)hidden.len - 1, hidden.at + 1);
			publish_letters(letters);
			bind_all_but('c');
			if (all_seen)
				follow();
		}
		snprintf(letters, sizeof letters, "%.*s", (int)rest.len, rest.at);
		publish_letters(letters);
		bind_all_but('c');
		follow();
		check_watched(histories[i]);
		if (i % 3 == 0)
			world_turn();
	}
	world_end();
}

/* Of the worker's table itself: a socket comes later, or another one. */
static void bound_cases(void)
{
	struct watched *v;

	world_begin();
	publish_letters("abc");
	follow();
	check(world.watches.later_count == 3, "without a socket", "they are looked at again");
	bind_all_but('b');
	follow();
	check_watched("two are bound");
	check(world.watches.later_count == 1, "two are bound", "one is left to be looked at");
	publish_letters("aBc");
	follow();
	check_watched("another entry of one without a socket");
	bind_all_but(0);
	follow();
	check_watched("all are bound");
	check(!world.watches.later_count, "all are bound", "none is looked at");
	publish_letters("abcd");
	follow();
	publish_letters("abc");
	follow();
	check(!world.watches.later_count, "one without a socket has left", "none is looked at");
	world_turn();
	publish_letters("abc");
	v = world.watches.all[1];
	watch_stop(&world.watches, v, &world.watches.full);
	publish_letters("aBc");
	follow();
	check_watched("one rests, and has another entry");
	check(v->rest && world.watches.all[1] == v, "one rests, and has another entry", "it rests on");
	watch_again_full(&world.watches);
	check_watched("it accepts again");
	watch_stop(&world.watches, v, &world.watches.resting);
	publish_letters("ac");
	follow();
	check_watched("one that rested has left");
	world_turn();
	watch_pause(&world.watches, true);
	publish_letters("abcd");
	bind_all_but(0);
	follow();
	check_watched("all pause");
	watch_pause(&world.watches, false);
	check_watched("all go on");
	world_end();
}

/* An address with an interface: its socket may be replaced by one of the same number. */
static void zoned_cases(void)
{
	struct service_list *lists[2];
	struct watched *v;

	world_begin();
	publish_letters("a");
	table_lists("s z|six:3000|10.0.0.1:1\n", lists);
	publish_update(&world.route, lists, 2);
	service_list_unref(lists[0]);
	service_list_unref(lists[1]);
	world.route.table->entries[0]->listener->addr.sa.v6.sin6_scope_id = zone_number("lo", true);
	bind_all_but(0);
	follow();
	v = world.watches.all[0];
	check(world.watches.count == 1 && v->io.want && v->bound == 1, "with an interface", "it is watched");
	bind_one(v->entry->listener);
	follow();
	check(v->io.want && v->bound == 2, "its interface has been made anew", "the other socket is watched");
	world_end();
}

/* What one change costs. */
static unsigned looks_of(unsigned count)
{
	unsigned once;

	world_begin();
	publish_many(count, 1);
	bind_all_but(0);
	follow();
	publish_many(count, 2);
	follow();
	check_watched("one changes");
	once = looks;
	publish_many(count + 1, 2);
	bind_all_but(0);
	follow();
	check_watched("one comes");
	once += looks;
	follow(); /* a listener has been bound, says the pool: none of the worker's */
	once += looks;
	world_end();
	return once;
}

/* Each socket that is watched leaves the set, and enters it, where the system looks at it: who waits there is seen. */
static void renew_cases(void)
{
	world_begin();
	publish_letters("abcd");
	bind_all_but('c');
	follow();
	watch_stop(&world.watches, world.watches.all[0], &world.watches.full);
	forgotten = 0;
	watch_renew(&world.watches);
	check(forgotten == 2, "of four, one has no socket and one rests", "two are looked at");
	check(world.watches.all[1]->io.have && world.watches.all[3]->io.have, "they are", "in the set again");
	check_watched("looked at anew");
	watch_pause(&world.watches, true);
	forgotten = 0;
	watch_renew(&world.watches);
	check(!forgotten, "all pause", "none is looked at");
	check_watched("all pause");
	watch_pause(&world.watches, false);
	world.watches.early = true;
	watch_renew(&world.watches);
	check(!world.watches.all[1]->io.want && !world.watches.all[3]->io.want, "early", "none is watched");
	watch_pause(&world.watches, true);
	watch_pause(&world.watches, false);
	check(!world.watches.all[1]->io.want, "early", "nor after a pause");
	world.watches.early = false;
	watch_renew(&world.watches);
	check_watched("not early any more");
	world_end();
}

static void work_cases(void)
{
	unsigned few = looks_of(64), many = looks_of(64 * 64);
	char text[80];

	snprintf(text, sizeof text, "%u looks at 64 listeners, %u at 64 times as many", few, many);
	check(few && many <= 2 * few + 4, "one change", text); /* log n: twice */
}

int main(void)
{
	log_setup((enum log_level)-1, false); /* what has closed */
	follow_cases(true);
	follow_cases(false);
	bound_cases();
	zoned_cases();
	renew_cases();
	work_cases();
	return check_sum();
}
