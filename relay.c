#include "base.h"
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "log.h"
#include "net.h"
#include "sys.h"

#if defined(__linux__) && !defined(RELAY_COPY)
#define CAN_SPLICE /* -DRELAY_COPY: always copy, as elsewhere */
#endif

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* SIGPIPE is ignored anyway */
#endif

#define QUICK_MAX 4
#define PAGE 4096
#define BULK (64 * 1024)
#define BULK_AFTER 3 /* reads in a row of BULK bytes, or of all that was asked for; then splice() takes over */
#define PIPE_SIZE (1024 * 1024)
#define ROOM_ENOUGH (384 * 1024) /* a splice of so much costs hardly more than it must */
#define HELD_MUCH (256 * 1024)   /* bytes that wait for slow readers, together: above it, reads stay small */

struct relay_spill {
	size_t at, len;
	char data[];
};

struct relay_pipe {
	struct relay_pipe *below;
	int fds[2];
	size_t held;
};

void relay_open(struct relay *relay)
{
	/* On a page of its own: the kernel copies to an aligned address faster. */
	*relay = (struct relay){ .block = sys_alloc(RELAY_SCRATCH + PAGE) };
	relay->scratch = (char *)(((uintptr_t)relay->block + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
}

static void close_pipe(struct relay_pipe *pipe)
{
	close(pipe->fds[0]);
	close(pipe->fds[1]);
	free(pipe);
}

void relay_close(struct relay *relay)
{
	while (relay->pipes) {
		struct relay_pipe *below = relay->pipes->below;

		close_pipe(relay->pipes);
		relay->pipes = below;
	}
	free(relay->block);
}

static void put_back_pipe(struct relay *relay, struct relay_pipe *pipe)
{
	relay->held -= pipe->held;
	if (pipe->held || relay->pipe_count == RELAY_PIPES) {
		close_pipe(pipe);
		return;
	}
	pipe->below = relay->pipes;
	relay->pipes = pipe;
	relay->pipe_count++;
}

static bool not_now(int error)
{
	return net_again(error) || error == ENOTCONN; /* a connect that is still in progress, on the BSDs */
}

static enum relay_result write_failed(int error)
{
	return not_now(error) ? RELAY_WAIT : error == ENOMEM ? RELAY_NO_MEMORY : RELAY_TO_BROKE;
}

/* What a splice may take. 0: better to wait until there is more room, which comes in pieces of about a quarter of the
 * buffer: few large splices cost less than many small ones. */
static size_t room_for_bulk(const struct relay_side *to)
{
	size_t size, room = net_room(to->io.fd, &size), least = size / 6;

	least = least < BULK ? BULK : least > ROOM_ENOUGH ? ROOM_ENOUGH : least;
	return room < least ? 0 : room < PIPE_SIZE ? room : PIPE_SIZE;
}

#ifdef CAN_SPLICE

/* A sandbox or an old kernel does not let dill do this: this worker copies from now on. What is short for the moment may
 * be there again later. */
static void stop_splicing(struct relay *relay, const char *what, int error)
{
	static atomic_bool said;

	if (!net_refused(error))
		return;
	relay->no_splice = true;
	if (!atomic_exchange(&said, true))
		log_warn("the system refuses %s: %s; bulk is copied, which takes more processor time", what, strerror(error));
}

/* Why a splice has failed: what a socket that has broken does not say comes from a system that refuses. */
static bool system_refuses(struct relay *relay, int error)
{
	if (!net_refused(error) && !net_exhausted(error))
		return false;
	stop_splicing(relay, "splice()", error);
	return true;
}

static struct relay_pipe *take_pipe(struct relay *relay)
{
	struct relay_pipe *pipe = relay->pipes;

	if (pipe) {
		relay->pipes = pipe->below;
		relay->pipe_count--;
		return pipe;
	}
	pipe = malloc(sizeof *pipe);
	if (!pipe)
		return NULL;
	pipe->held = 0;
	if (pipe2(pipe->fds, O_NONBLOCK | O_CLOEXEC) < 0) {
		stop_splicing(relay, "pipe2()", errno);
		free(pipe);
		return NULL;
	}
	fcntl(pipe->fds[1], F_SETPIPE_SZ, PIPE_SIZE); /* a smaller one costs more, but works */
	return pipe;
}

/* What a pipe holds cannot be spliced out of it: the bytes go on as a copy's. */
static enum relay_result spill_pipe(struct relay *relay, struct relay_side *to)
{
	struct relay_pipe *pipe = to->pipe;
	struct relay_spill *spill = malloc(sizeof *spill + pipe->held);

	if (!spill)
		return RELAY_NO_MEMORY;
	*spill = (struct relay_spill){ .len = 0 };
	while (pipe->held) {
		ssize_t n = read(pipe->fds[0], spill->data + spill->len, pipe->held);

		if (n <= 0) {
			relay->held -= spill->len;
			free(spill);
			return RELAY_NO_MEMORY;
		}
		pipe->held -= (size_t)n;
		spill->len += (size_t)n;
	}
	to->full = 0;
	to->spill = spill;
	to->pipe = NULL;
	put_back_pipe(relay, pipe);
	return RELAY_WAIT;
}

static enum relay_result drain_failed(struct relay *relay, struct relay_side *to, int error)
{
	if (system_refuses(relay, error))
		return spill_pipe(relay, to);
	errno = error;
	return write_failed(error);
}

static enum relay_result drain_pipe(struct relay *relay, struct relay_side *to)
{
	struct relay_pipe *pipe = to->pipe;

	while (pipe->held) {
		ssize_t n = splice(pipe->fds[0], NULL, to->io.fd, NULL, pipe->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

		if (n <= 0)
			return n < 0 ? drain_failed(relay, to, errno) : RELAY_TO_BROKE;
		pipe->held -= (size_t)n;
		relay->held -= (size_t)n;
		to->sent += (size_t)n;
	}
	to->pipe = NULL;
	put_back_pipe(relay, pipe);
	return RELAY_MOVED;
}

/* A splice into an empty pipe has failed, or taken nothing. */
static enum relay_result reading_failed(struct relay *relay, struct relay_side *to, ssize_t n, int error)
{
	if (n == 0 || not_now(error) || system_refuses(relay, error)) {
		to->full = 0; /* at an urgent byte splice says so for ever; recv gets past it */
		return RELAY_WAIT;
	}
	errno = error;
	return RELAY_FROM_BROKE;
}

/* Only as much is read as there is room to send it: the pipe is empty again before this returns, as a rule. A slow
 * reader's bytes wait in the sockets' buffers, which hold them anyway, and not in a pipe of his own. */
static enum relay_result move_by_pipe(struct relay *relay, struct relay_side *from, struct relay_side *to)
{
	size_t room = room_for_bulk(to);
	struct relay_pipe *pipe;
	enum relay_result result;
	ssize_t n;

	if (!room) {
		to->choked = true;
		return RELAY_WAIT;
	}
	pipe = take_pipe(relay);
	if (!pipe) {
		to->full = 0; /* no descriptor left: copy for a while */
		return RELAY_WAIT;
	}
	n = splice(from->io.fd, NULL, pipe->fds[1], NULL, room, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (n <= 0) {
		int error = errno;

		put_back_pipe(relay, pipe);
		return reading_failed(relay, to, n, error);
	}
	if (n < 16 * 1024)
		to->full = 0; /* the flood is over */
	pipe->held = (size_t)n;
	relay->held += (size_t)n;
	to->pipe = pipe;
	result = drain_pipe(relay, to);
	return result == RELAY_WAIT ? RELAY_MOVED : result;
}

#else

static enum relay_result drain_pipe(struct relay *relay, struct relay_side *to)
{
	(void)relay, (void)to;
	return RELAY_MOVED;
}

static enum relay_result move_by_pipe(struct relay *relay, struct relay_side *from, struct relay_side *to)
{
	(void)from;
	relay->no_splice = true;
	to->full = 0;
	return RELAY_WAIT;
}

#endif

/* How much to read at once. */
static size_t portion(const struct relay *relay, const struct relay_side *to)
{
	size_t size = (size_t)16 * 1024 << (relay->held > HELD_MUCH ? 0 : to->quick);

	return size < RELAY_SCRATCH ? size : RELAY_SCRATCH;
}

/* Keeps what was not taken, in memory of its own, and asks for less next time: a slow reader holds little. */
static bool relay_keep(struct relay *relay, struct relay_side *to, const char *rest, size_t len)
{
	struct relay_spill *spill = malloc(sizeof *spill + len);

	if (!spill)
		return false;
	spill->at = 0;
	spill->len = len;
	memcpy(spill->data, rest, len);
	to->spill = spill;
	relay->held += len;
	to->quick = 0;
	to->full = 0;
	return true;
}

/* A send has taken less than it should: `sent` bytes of the scratch buffer's `len`, or failed with -1. What is left is
 * kept after a failure too: another backend may get it. */
static enum relay_result fell_short(struct relay *relay, struct relay_side *to, size_t len, ssize_t sent)
{
	int error = sent < 0 ? errno : EAGAIN;
	size_t done = sent < 0 ? 0 : (size_t)sent;

	to->sent += done;
	if (!relay_keep(relay, to, relay->scratch + done, len - done))
		return RELAY_NO_MEMORY;
	errno = error;
	return not_now(error) ? RELAY_MOVED : write_failed(error);
}

enum relay_result relay_move(struct relay *relay, struct relay_side *from, struct relay_side *to)
{
	size_t size = portion(relay, to);
	ssize_t n, sent;

	if (to->full >= BULK_AFTER && !relay->no_splice)
		return move_by_pipe(relay, from, to);
	n = recv(from->io.fd, relay->scratch, size, 0);
	if (n <= 0)
		return n == 0 ? RELAY_EOF : not_now(errno) ? RELAY_WAIT : RELAY_FROM_BROKE;
	sent = send(to->io.fd, relay->scratch, (size_t)n, MSG_NOSIGNAL);
	if (sent < n)
		return fell_short(relay, to, (size_t)n, sent);
	to->sent += (size_t)sent;
	to->full = (size_t)n == size || n >= BULK ? (uint8_t)(to->full + (to->full < BULK_AFTER)) : 0;
	if (to->full && to->quick < QUICK_MAX)
		to->quick++;
	return RELAY_MOVED;
}

enum relay_result relay_flush(struct relay *relay, struct relay_side *to)
{
	struct relay_spill *spill = to->spill;

	if (to->choked && !room_for_bulk(to))
		to->full = 0; /* its buffer is smaller than what a pipe is good for */
	to->choked = false;
	if (to->pipe)
		return drain_pipe(relay, to);
	while (spill && spill->at < spill->len) {
		ssize_t n = send(to->io.fd, spill->data + spill->at, spill->len - spill->at, MSG_NOSIGNAL);

		if (n < 0)
			return write_failed(errno);
		spill->at += (size_t)n;
		to->sent += (size_t)n;
	}
	relay_drop(relay, to);
	return RELAY_MOVED;
}

bool relay_push(struct relay *relay, struct relay_side *to, const char *bytes, size_t len)
{
	const struct relay_spill *old = to->spill;
	size_t left = old ? old->len - old->at : 0;
	struct relay_spill *spill = malloc(sizeof *spill + len + left);

	if (!spill)
		return false;
	*spill = (struct relay_spill){ .len = len + left };
	memcpy(spill->data, bytes, len);
	if (left)
		memcpy(spill->data + len, old->data + old->at, left);
	relay->held += spill->len - (old ? old->len : 0);
	free(to->spill);
	to->spill = spill;
	return true;
}

void relay_take_back(struct relay *relay, struct relay_side *to, size_t len)
{
	struct relay_spill *spill = to->spill;

	if (spill && len < spill->len - spill->at)
		spill->at += len;
	else if (spill && len)
		relay_drop(relay, to);
}

void relay_drop(struct relay *relay, struct relay_side *to)
{
	to->choked = false;
	if (to->spill)
		relay->held -= to->spill->len;
	free(to->spill);
	to->spill = NULL;
	if (to->pipe)
		put_back_pipe(relay, to->pipe);
	to->pipe = NULL;
}
