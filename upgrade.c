#include "base.h"
#include "upgrade.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "net.h"
#include "notify.h"
#include "service.h"
#include "session.h"
#include "state.h"
#include "sys.h"
#include "text.h"

extern char **environ;

/* Whose socket is sent, if it has one then. */
struct upgrade_item {
	struct route_listener *listener; /* held; NULL: it is the server's */
	const struct admin *server;
	bool sent;
};

/* The path. */

static char *join_path(struct slice folder, const char *name)
{
	struct buf path = { 0 };
	char here[4096];

	if (!slice_starts(folder, "/") && getcwd(here, sizeof here))
		buf_printf(&path, "%s/", here);
	buf_printf(&path, "%.*s%s%s", (int)folder.len, folder.at, folder.len ? "/" : "", name);
	return path.data;
}

/* As the shell, or whoever has started it, has found it. A symbolic link is followed later: it may lead to another program
 * then. NULL: it is not there. */
static char *find_program(const char *name)
{
	const char *variable = getenv("PATH");
	struct slice rest = slice_of(variable ? variable : ""), folder;
	char *path = NULL;

	if (!name || !*name)
		return NULL;
	if (*name == '/')
		return sys_dup(name);
	if (strchr(name, '/'))
		return join_path(slice_of(""), name);
	while (!path && slice_next(&rest, ':', &folder)) {
		path = join_path(folder, name);
		if (access(path, X_OK) == 0)
			break;
		free(path);
		path = NULL;
	}
	return path;
}

void upgrade_open(struct upgrade *upgrade, char **argv)
{
	upgrade->argv = argv;
	upgrade->path = find_program(argv[0]);
}

void upgrade_watch(struct upgrade *upgrade, struct loop *loop, uint8_t kind)
{
	upgrade->loop = loop;
	upgrade->io = LOOP_IO(-1, kind);
	loop_fifo_open(loop, &upgrade->timeout, 0, 0);
}

/* The sockets to be sent. */

static void forget_items(struct upgrade *upgrade)
{
	for (size_t i = 0; i < upgrade->count; i++)
		if (upgrade->items[i].listener)
			route_listener_unref(upgrade->items[i].listener);
	free(upgrade->items);
	upgrade->items = NULL;
	upgrade->count = upgrade->at = 0;
}

static int item_fd(const struct upgrade_item *item)
{
	return item->listener ? atomic_load(&item->listener->fd) : item->server->listener.fd;
}

static const struct net_addr *item_address(const struct upgrade_item *item)
{
	return item->listener ? &item->listener->addr : &item->server->at;
}

static bool was_sent(const struct upgrade_item *items, size_t count, size_t *at, const struct route_listener *listener)
{
	while (*at < count && net_compare(item_address(&items[*at]), &listener->addr) < 0)
		++*at;
	return *at < count && items[*at].listener == listener && items[*at].sent;
}

/* All that the table has, and has not been sent by now. Those of the servers, the first time, stand behind the others. */
static void gather_items(struct upgrade *upgrade, bool first)
{
	const struct route_table *table = upgrade->route->table;
	struct upgrade old = *upgrade;
	size_t at = 0;

	upgrade->items = sys_alloc((table->count + ARRAY_LEN(upgrade->servers)) * sizeof *upgrade->items);
	upgrade->count = upgrade->at = 0;
	for (size_t i = 0; i < table->count; i++) {
		struct route_listener *listener = table->entries[i]->listener;

		if (first || !was_sent(old.items, old.count, &at, listener))
			upgrade->items[upgrade->count++] = (struct upgrade_item){ .listener = route_listener_ref(listener) };
	}
	for (size_t i = 0; first && i < ARRAY_LEN(upgrade->servers); i++)
		upgrade->items[upgrade->count++] = (struct upgrade_item){ .server = upgrade->servers[i] };
	forget_items(&old);
}

/* What is said. */

static void put_list(struct handover *end, const struct service_list *list)
{
	struct buf text = { 0 };

	buf_printf(&text, "%s", list->source);
	buf_add(&text, "", 1);
	buf_printf(&text, "%c", '0' + list->checked + 2 * list->trusted + 4 * list->remembered);
	state_put(list, &text);
	handover_put(end, HANDOVER_LIST, false, (struct slice){ text.data, text.len });
	buf_free(&text);
}

/* Not those that the configuration has: the new process reads that itself. */
static void put_lists(struct upgrade *upgrade)
{
	for (size_t i = 0; i < upgrade->sources->count; i++)
		if (upgrade->sources->threads[i] && upgrade->sources->lists[i])
			put_list(&upgrade->end, upgrade->sources->lists[i]);
}

/* The service manager hears from this process, which it knows, who is the next one, and from that the rest. */
static void put_last(struct upgrade *upgrade)
{
	if (upgrade->state == UPGRADE_FOLLOWS)
		notify_send("MAINPID=%ld", (long)upgrade->pid);
	handover_put(&upgrade->end, upgrade->state == UPGRADE_SENDS ? HANDOVER_END : HANDOVER_TAKE, false, slice_of(""));
}

/* Sends as many sockets as one message may have. A socket is looked up at that moment: its listener may have left. 0, EAGAIN
 * or another errno; then those that were not sent are next. */
static int send_batch(struct upgrade *upgrade)
{
	size_t from = upgrade->at;
	int fds[HANDOVER_BATCH], error;
	unsigned count = 0;
	bool passed;

	for (; upgrade->at < upgrade->count && count < HANDOVER_BATCH; upgrade->at++) {
		struct upgrade_item *item = &upgrade->items[upgrade->at];
		char address[NET_TEXT];

		item->sent = item_fd(item) >= 0;
		if (!item->sent)
			continue;
		fds[count++] = item_fd(item);
		net_print(item_address(item), address);
		handover_put(&upgrade->end, HANDOVER_SOCKET, true, slice_of(address));
	}
	if (upgrade->at == upgrade->count)
		put_last(upgrade);
	error = handover_send(&upgrade->end, fds, count, &passed);
	if (!passed) {
		handover_unput(&upgrade->end, 0);
		upgrade->at = from;
	}
	return error;
}

/* 0: all of this state is out. */
static int send_all(struct upgrade *upgrade)
{
	bool passed;
	int error = handover_send(&upgrade->end, NULL, 0, &passed);

	while (!error && upgrade->at < upgrade->count)
		error = send_batch(upgrade);
	return error;
}

/* Its end. */

static void end_talk(struct upgrade *upgrade)
{
	if (upgrade->io.fd >= 0)
		loop_forget(upgrade->loop, &upgrade->io);
	upgrade->io.fd = -1;
	handover_close(&upgrade->end);
	loop_disarm(&upgrade->timer);
	forget_items(upgrade);
}

/* The system may have told the process that has ended of clients: the workers look again. */
static void settle(struct upgrade *upgrade)
{
	end_talk(upgrade);
	upgrade->state = UPGRADE_SETTLES;
	worker_meet(upgrade->pool);
}

/* Nothing has changed. */
static void back_to_idle(struct upgrade *upgrade)
{
	upgrade->state = UPGRADE_IDLE;
	loop_duplicated(false);
	upgrade->stay(upgrade->owner);
}

static bool upgrade_talks(const struct upgrade *upgrade)
{
	return upgrade->state >= UPGRADE_STARTS && upgrade->state <= UPGRADE_FOLLOWS;
}

/* It is told, for it may be the child of a script that is our child, and does not end with that. */
static void end_child(struct upgrade *upgrade)
{
	bool passed;

	handover_put(&upgrade->end, HANDOVER_STAY, false, slice_of(""));
	handover_send(&upgrade->end, NULL, 0, &passed);
	end_talk(upgrade);
	upgrade->state = UPGRADE_ENDS;
	kill(upgrade->pid, SIGKILL);
}

void upgrade_stop(struct upgrade *upgrade)
{
	upgrade->stopped = true;
	if (upgrade->state == UPGRADE_MEETS)
		upgrade->state = UPGRADE_SETTLES;
	else if (upgrade_talks(upgrade))
		end_child(upgrade);
}

static void put_end(int status, struct buf *out)
{
	if (WIFSIGNALED(status))
		buf_printf(out, "was ended by signal %d", WTERMSIG(status));
	else
		buf_printf(out, "ended with status %d", WEXITSTATUS(status));
}

static void child_ended(struct upgrade *upgrade, int status)
{
	long pid = (long)upgrade->pid;
	struct buf how = { 0 };

	upgrade->pid = 0;
	put_end(status, &how);
	if (upgrade_left(upgrade)) {
		log_error("upgrade: process %ld, which is in charge, %s", pid, how.data);
	} else {
		if (upgrade->state != UPGRADE_ENDS)
			log_error("upgrade: process %ld %s before its table was in force; nothing changes", pid, how.data);
		settle(upgrade);
	}
	buf_free(&how);
}

void upgrade_child(struct upgrade *upgrade)
{
	int status;

	if (upgrade->pid && waitpid(upgrade->pid, &status, WNOHANG) == upgrade->pid)
		child_ended(upgrade, status);
}

/* Its beginning. */

bool upgrade_runs(const struct upgrade *upgrade)
{
	return upgrade->state != UPGRADE_IDLE && upgrade->state < UPGRADE_LEAVES;
}

bool upgrade_left(const struct upgrade *upgrade)
{
	return upgrade->state >= UPGRADE_LEAVES;
}

/* Why not now; NULL: it can. */
static const char *why_not(const struct upgrade *upgrade)
{
	if (upgrade_left(upgrade))
		return "this process has handed over already";
	if (upgrade->stopped)
		return "this process is stopping";
	if (upgrade->state != UPGRADE_IDLE)
		return "one is under way";
	if (!*upgrade->charged)
		return "another process is in charge as yet";
	if (getpid() == 1)
		return "this is process 1, with which its container ends";
	return upgrade->path ? NULL : "it is not known where the program is: start it by its path";
}

void upgrade_begin(struct upgrade *upgrade, int64_t timeout)
{
	const char *why = why_not(upgrade);

	if (why) {
		log_warn("upgrade: refused: %s", why);
		return;
	}
	upgrade->state = UPGRADE_MEETS;
	notify_send("RELOADING=1\nMONOTONIC_USEC=%lld\nSTATUS=upgrading", (long long)sys_micros());
	loop_fifo_retime(&upgrade->timeout, timeout);
	loop_duplicated(true);
	worker_meet(upgrade->pool); /* a worker that has not heard of it must not close a descriptor while it is in two processes */
}

/* The environment as it is, and one more variable. */
static int spawn(struct upgrade *upgrade, int fd)
{
	struct buf variable = { 0 };
	size_t count = 0;
	char **all;
	int error;

	while (environ[count])
		count++;
	all = sys_alloc((count + 2) * sizeof *all);
	memcpy(all, environ, count * sizeof *all);
	buf_printf(&variable, HANDOVER_VARIABLE "=%d", fd);
	all[count] = variable.data;
	error = posix_spawn(&upgrade->pid, upgrade->path, NULL, NULL, upgrade->argv, all);
	free(all);
	buf_free(&variable);
	return error;
}

/* Nothing but its end of the pair is open in it. */
static int start_child(struct upgrade *upgrade)
{
	int ends[2], error;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0)
		return errno;
	handover_open(&upgrade->end, ends[0]);
	error = spawn(upgrade, ends[1]);
	close(ends[1]);
	if (error)
		return error;
	upgrade->io.fd = ends[0];
	return loop_want(upgrade->loop, &upgrade->io, LOOP_IN) ? 0 : errno;
}

static void start(struct upgrade *upgrade)
{
	int error = start_child(upgrade);

	if (error && !upgrade->pid) {
		log_error("upgrade: cannot start %s: %s; nothing changes", upgrade->path, strerror(error));
		end_talk(upgrade);
		back_to_idle(upgrade);
		return;
	}
	log_info("upgrade: %s is started as process %ld", upgrade->path, (long)upgrade->pid);
	upgrade->state = UPGRADE_STARTS;
	loop_arm(upgrade->loop, &upgrade->timeout, &upgrade->timer);
}

/* Its steps. */

static void fail(struct upgrade *upgrade, const char *why)
{
	log_error("upgrade: process %ld %s: it is ended, and nothing changes", (long)upgrade->pid, why);
	end_child(upgrade);
}

static void go_on(struct upgrade *upgrade)
{
	int error = send_all(upgrade);

	if (error == EAGAIN && loop_want(upgrade->loop, &upgrade->io, LOOP_IN | LOOP_OUT))
		return;
	if (error == EPIPE || error == ECONNRESET) {
		loop_forget(upgrade->loop, &upgrade->io); /* how it has ended is told by SIGCHLD */
		return;
	}
	if (error) {
		fail(upgrade, strerror(error));
		return;
	}
	loop_want(upgrade->loop, &upgrade->io, LOOP_IN);
	if (upgrade->state == UPGRADE_SENDS) {
		upgrade->state = UPGRADE_WAITS;
		return;
	}
	upgrade->state = UPGRADE_LEAVES;
	loop_disarm(&upgrade->timer);
	log_info("upgrade: process %ld is in charge; %u connection%s of this one live%s on", (long)upgrade->pid,
	         session_live(&upgrade->pool->shared), text_s(session_live(&upgrade->pool->shared)),
	         session_live(&upgrade->pool->shared) == 1 ? "s" : "");
	upgrade->leave(upgrade->owner);
	worker_meet(upgrade->pool);
}

static void upgrade_hears(struct upgrade *upgrade, const struct handover_record *record)
{
	if (record->fd >= 0)
		close(record->fd);
	if (record->type != HANDOVER_READY || upgrade->state != UPGRADE_WAITS)
		return;
	upgrade->state = UPGRADE_FOLLOWS;
	gather_items(upgrade, false);
	if (!upgrade->count)
		put_last(upgrade);
	go_on(upgrade);
}

static void hear(struct upgrade *upgrade)
{
	struct handover_record record;
	bool open = handover_read(&upgrade->end);

	if (upgrade->state == UPGRADE_STARTS && upgrade->end.known) {
		upgrade->state = UPGRADE_SENDS;
		put_lists(upgrade);
		gather_items(upgrade, true);
		go_on(upgrade);
	}
	while (upgrade_talks(upgrade) && handover_next(&upgrade->end, &record))
		upgrade_hears(upgrade, &record);
	if (upgrade->io.fd < 0)
		return;
	if (upgrade->end.why && upgrade_talks(upgrade))
		fail(upgrade, upgrade->end.why);
	else if (!open)
		loop_forget(upgrade->loop, &upgrade->io);
}

bool upgrade_ready(struct upgrade *upgrade, struct loop_io *io, unsigned events)
{
	if (io != &upgrade->io)
		return false;
	if (events & LOOP_OUT && (upgrade->state == UPGRADE_SENDS || upgrade->state == UPGRADE_FOLLOWS))
		go_on(upgrade);
	if (events & LOOP_IN && upgrade->io.fd >= 0)
		hear(upgrade);
	return true;
}

bool upgrade_expired(struct upgrade *upgrade, struct loop_fifo *fifo)
{
	struct buf why = { 0 };
	char time[32];

	if (fifo != &upgrade->timeout)
		return false;
	text_print_duration(upgrade->timeout.after, time);
	buf_printf(&why, "had no table in force within %s", time);
	fail(upgrade, why.data);
	buf_free(&why);
	return true;
}

void upgrade_woken(struct upgrade *upgrade)
{
	if (!worker_met(upgrade->pool))
		return;
	if (upgrade->state == UPGRADE_MEETS)
		start(upgrade);
	else if (upgrade->state == UPGRADE_SETTLES)
		back_to_idle(upgrade);
	else if (upgrade->state == UPGRADE_LEAVES) {
		route_collect(upgrade->route); /* closes the sockets */
		end_talk(upgrade);
		upgrade->state = UPGRADE_GONE;
	}
}

void upgrade_close(struct upgrade *upgrade)
{
	upgrade_stop(upgrade);
	handover_close(&upgrade->end);
	free(upgrade->path);
	upgrade->path = NULL;
}
