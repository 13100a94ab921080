#include "base.h"
#include "takeover.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "handed.h"
#include "log.h"
#include "net.h"
#include "notify.h"
#include "service.h"
#include "state.h"
#include "state_memory.h"
#include "sys.h"
#include "text.h"

#define TAKE_MS 30000      /* for all that the old process hands over */
#define UNCLAIMED_MS 1000 /* a socket that nobody wants is kept open that long: its source may not have answered yet */

enum list_flag { LIST_CHECKED = 1, LIST_TRUSTED = 2, LIST_REMEMBERED = 4 };

/* NAME, a zero, a digit of flags, and the services as state.c has them. */
static void take_handed_list(struct supervisor *sources, struct slice body)
{
	const char *zero = body.len ? memchr(body.at, '\0', body.len) : NULL;
	struct slice name = zero ? slice_between(body.at, zero) : body, rest = slice_skip(body, name.len);
	struct service_list *list = NULL;
	struct buf why = { 0 };
	unsigned flags;

	if (rest.len >= 2) {
		flags = (unsigned char)rest.at[1] - (unsigned)'0';
		list = state_take(slice_skip(rest, 2), "the old process", &why);
	}
	if (list) {
		list->checked = flags & LIST_CHECKED;
		list->trusted = flags & LIST_TRUSTED;
		list->remembered = flags & LIST_REMEMBERED;
		supervisor_hand(sources, name, list);
	} else {
		log_warn("upgrade: the services of one source were not understood, and are asked for%s%s", why.len ? ": " : "",
		         why.len ? why.data : "");
	}
	buf_free(&why);
}

static void takeover_take(struct takeover *takeover, const struct handover_record *record, struct supervisor *sources,
                        bool *end)
{
	if (record->type == HANDOVER_SOCKET && record->fd >= 0)
		handed_add(record->body, record->fd);
	else if (record->fd >= 0)
		close(record->fd);
	if (record->type == HANDOVER_LIST && sources)
		take_handed_list(sources, record->body);
	else if (record->type == HANDOVER_END)
		*end = true;
	else if (record->type == HANDOVER_STAY)
		takeover->refused = true;
	else if (record->type == HANDOVER_TAKE && !takeover->charged) {
		takeover->charged = true;
		takeover->charge(takeover->owner);
	}
}

/* The start. */

/* Waits for what the old process has to say. NULL, or what is wrong. */
static const char *take_all(struct takeover *takeover, struct supervisor *sources)
{
	int64_t until = sys_now() + TAKE_MS;
	struct handover_record record;
	bool end = false, passed;

	handover_send(&takeover->end, NULL, 0, &passed); /* a line, and there is room */
	while (!end) {
		struct pollfd fd = { .fd = takeover->end.fd, .events = POLLIN };
		int64_t left = until - sys_now();

		if (left <= 0 || (poll(&fd, 1, (int)left) < 0 && errno != EINTR))
			return "says nothing";
		handover_read(&takeover->end);
		while (!end && handover_next(&takeover->end, &record))
			takeover_take(takeover, &record, sources, &end);
		if (takeover->end.why || takeover->refused)
			return takeover->end.why ? takeover->end.why : "goes on by itself";
		end = end || takeover->end.ended;
	}
	return NULL;
}

/* Not one of a service manager, or a connection to elsewhere. */
static bool is_pair(int fd)
{
	struct sockaddr at = { 0 };
	socklen_t size = sizeof at, len = sizeof(int);
	int type = 0;

	return getsockname(fd, &at, &size) == 0 && at.sa_family == AF_UNIX && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type == SOCK_STREAM;
}

static const char *take_variable(struct takeover *takeover)
{
	const char *value = getenv(HANDOVER_VARIABLE), *why;
	long number = -1;

	why = text_number(slice_of(value), 3, 1 << 20, &number);
	if (!why && !is_pair((int)number))
		why = "is no socket of an upgrade: only dill itself sets it, for a new process";
	if (why)
		log_error("%s: \"%s\" %s", HANDOVER_VARIABLE, value, why);
	else
		handover_open(&takeover->end, (int)number);
	unsetenv(HANDOVER_VARIABLE);
	return why;
}

bool takeover_begin(struct takeover *takeover, struct supervisor *sources)
{
	const char *why;

	takeover->on = getenv(HANDOVER_VARIABLE);
	takeover->charged = !takeover->on;
	if (!takeover->on)
		return true;
	if (take_variable(takeover))
		return false;
	loop_duplicated(true);
	handed_wait(true);
	state_memory_hold(true);
	notify_mute(true);
	why = take_all(takeover, sources);
	if (why)
		log_error("upgrade: the old process %s", why);
	return !why;
}

void takeover_watch(struct takeover *takeover, struct loop *loop, uint8_t kind)
{
	takeover->loop = loop;
	takeover->io = LOOP_IO(takeover->on ? takeover->end.fd : -1, kind);
	loop_fifo_open(loop, &takeover->unclaimed, UNCLAIMED_MS, 0);
	if (takeover->on)
		loop_want(loop, &takeover->io, LOOP_IN);
}

void takeover_tell(struct takeover *takeover)
{
	bool passed;

	if (!takeover->on || takeover->ready)
		return;
	takeover->ready = true;
	handover_put(&takeover->end, HANDOVER_READY, false, slice_of(""));
	handover_send(&takeover->end, NULL, 0, &passed); /* it is the only thing that is said, and has room */
}

/* The old process has left all sockets; or it has gone without a word, and then there is nobody else. */
static void go_alone(struct takeover *takeover)
{
	loop_forget(takeover->loop, &takeover->io);
	takeover->io.fd = -1;
	handover_close(&takeover->end);
	takeover->on = false;
	loop_duplicated(false);
	if (!takeover->charged) {
		takeover->charged = true;
		log_warn("upgrade: the old process has gone before it said so");
		takeover->charge(takeover->owner);
	}
	takeover->alone(takeover->owner);
	loop_arm(takeover->loop, &takeover->unclaimed, &takeover->timer);
}

bool takeover_ready(struct takeover *takeover, struct loop_io *io)
{
	struct handover_record record;
	bool open, end;

	if (io != &takeover->io || io->fd < 0)
		return io == &takeover->io;
	open = handover_read(&takeover->end);
	while (handover_next(&takeover->end, &record))
		takeover_take(takeover, &record, NULL, &end);
	if (takeover->refused || (takeover->end.why && !takeover->charged)) {
		log_error("upgrade: the old process %s", takeover->refused ? "goes on by itself" : takeover->end.why);
		takeover->refused = takeover->loop->stop = true;
	} else if (!open) {
		go_alone(takeover);
	}
	return true;
}

bool takeover_expired(struct takeover *takeover, struct loop_fifo *fifo)
{
	size_t count;

	if (fifo != &takeover->unclaimed)
		return false;
	count = handed_close();
	if (count)
		log_info("upgrade: %zu socket%s that nobody asks for any more %s closed", count, text_s(count), count == 1 ? "is" : "are");
	return true;
}

void takeover_close(struct takeover *takeover)
{
	handover_close(&takeover->end);
	handed_close();
}
