/* Cases for relay.c: splice() refused in one direction, at once or later, with each errno that real systems give. */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"

#ifdef __linux__

#define TOTAL (3u << 20)

/* How splice() fails: into a pipe or out of it, from its so-and-so-many-eth time on. */
static struct {
	int error;
	bool out;
	int after;
} refusal;

static ssize_t fake_splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t len, unsigned flags)
{
	int type;
	bool out = getsockopt(to, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){ sizeof type }) == 0;

	if (refusal.error && out == refusal.out && refusal.after-- <= 0) {
		errno = refusal.error;
		return -1;
	}
	return (ssize_t)syscall(SYS_splice, from, from_at, to, to_at, len, flags);
}

static int pipe2_error;

static int fake_pipe2(int fds[2], int flags)
{
	errno = pipe2_error;
	return pipe2_error ? -1 : pipe2(fds, flags);
}

#define splice fake_splice
#define pipe2 fake_pipe2
#include "../../relay.c"

/* Two pairs of sockets: the relay is between the inner ends. */
struct way {
	int in[2], out[2];
	struct relay relay;
	struct relay_side from, to;
	size_t sent, got;
	bool wrong;
};

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 2654435761u >> 13);
}

static void way_open(struct way *way)
{
	*way = (struct way){ .got = 0 };
	check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, way->in) == 0 &&
	      socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, way->out) == 0, "sockets", "there are some");
	relay_open(&way->relay);
	way->from.io = LOOP_IO(way->in[1], 0);
	way->to.io = LOOP_IO(way->out[0], 0);
	way->from.quick = way->to.quick = 2;
}

static void way_close(struct way *way)
{
	relay_drop(&way->relay, &way->to);
	check(!way->relay.held, "bytes that wait", "none is left over");
	relay_close(&way->relay);
	for (int i = 0; i < 2; i++) {
		close(way->in[i]);
		close(way->out[i]);
	}
}

static void way_write(struct way *way)
{
	unsigned char bytes[64 * 1024];
	size_t n = TOTAL - way->sent < sizeof bytes ? TOTAL - way->sent : sizeof bytes;
	ssize_t done;

	for (size_t i = 0; i < n; i++)
		bytes[i] = byte_at(way->sent + i);
	done = n ? write(way->in[0], bytes, n) : 0;
	way->sent += done > 0 ? (size_t)done : 0;
}

static void way_read(struct way *way)
{
	unsigned char bytes[48 * 1024];
	ssize_t n = read(way->out[1], bytes, sizeof bytes);

	for (ssize_t i = 0; i < n; i++)
		way->wrong = way->wrong || bytes[i] != byte_at(way->got++);
}

/* Moves all. RELAY_MOVED, or what ended it. */
static enum relay_result way_run(struct way *way)
{
	for (int i = 0; i < 100000 && way->got < TOTAL; i++) {
		enum relay_result result;

		way_write(way);
		way_write(way);
		result = relay_waiting(&way->to) ? relay_flush(&way->relay, &way->to)
		                                 : relay_move(&way->relay, &way->from, &way->to);
		if (result != RELAY_MOVED && result != RELAY_WAIT)
			return result;
		way_read(way);
	}
	return RELAY_MOVED;
}

static void check_refused(int error, bool lasting)
{
	static const int afters[] = { 0, 1, 3 };

	for (int i = 0; i < 6; i++) {
		struct way way;
		char what[80];

		snprintf(what, sizeof what, "%s, %s a pipe, after %d", strerror(error), i % 2 ? "out of" : "into", afters[i / 2]);
		refusal.error = error;
		refusal.out = i % 2;
		refusal.after = afters[i / 2];
		way_open(&way);
		check(way_run(&way) == RELAY_MOVED, "goes on", what);
		check(way.got == TOTAL && !way.wrong, "every byte, in order", what);
		check(way.to.sent == TOTAL, "counts them", what);
		check(refusal.after < 0, "was refused", what);
		check(way.relay.no_splice == lasting, lasting ? "copies from now on" : "tries again later", what);
		way_close(&way);
	}
}

static void check_no_pipe(int error, bool lasting)
{
	struct way way;

	refusal.error = 0;
	pipe2_error = error;
	way_open(&way);
	check(way_run(&way) == RELAY_MOVED && way.got == TOTAL && !way.wrong, "goes on without a pipe", strerror(error));
	check(way.relay.no_splice == lasting, lasting ? "copies from now on" : "tries again later", strerror(error));
	way_close(&way);
	pipe2_error = 0;
}

static void check_broken(int error, bool out, enum relay_result expected)
{
	struct way way;

	refusal.error = error;
	refusal.out = out;
	refusal.after = 1;
	way_open(&way);
	check(way_run(&way) == expected, "a fault of that side", strerror(error));
	check(errno == error, "says why", strerror(error));
	check(!way.relay.no_splice, "splices on", strerror(error));
	way_close(&way);
}

int main(void)
{
	static const int lasting[] = { ENOSYS, EPERM, EACCES, EINVAL, EOPNOTSUPP }, passing[] = { ENOMEM, ENOBUFS };

	log_setup(LOG_ERROR, false);
	for (size_t i = 0; i < ARRAY_LEN(lasting); i++)
		check_refused(lasting[i], true);
	for (size_t i = 0; i < ARRAY_LEN(passing); i++)
		check_refused(passing[i], false);
	check_no_pipe(ENOSYS, true);
	check_no_pipe(EPERM, true);
	check_no_pipe(EMFILE, false);
	check_no_pipe(ENOMEM, false);
	check_broken(ECONNRESET, false, RELAY_FROM_BROKE);
	check_broken(ETIMEDOUT, false, RELAY_FROM_BROKE);
	check_broken(EPIPE, true, RELAY_TO_BROKE);
	check_broken(ECONNRESET, true, RELAY_TO_BROKE);
	return check_sum();
}

#else

int main(void)
{
	check(true, "nothing to refuse", "there is no splice() here");
	return check_sum();
}

#endif
