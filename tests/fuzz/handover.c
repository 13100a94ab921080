/* libFuzzer target for handover.c and the lists of takeover.c: the first byte says how many sockets come along, and how the
 * rest, what the other process says, is cut into pieces. However it is cut, the same records are read, or the same is wrong;
 * no descriptor is left, and what a list says is taken or refused. */
#include "base.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "config.h"
#include "log.h"
#include "text.h"
#include "../../handed.c"
#include "../../handover.c"
#include "../../takeover.c"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

#define SAID_MAX 16384 /* fits into a socket */

static void ring(void *arg)
{
	(void)arg;
}

static unsigned count_open(void)
{
	unsigned open = 0;

	for (int fd = 0; fd < 64; fd++)
		open += fcntl(fd, F_GETFD) >= 0;
	return open;
}

/* What was read, as text; the lists go to the supervisor. */
static void note(struct handover *end, struct supervisor *sources, struct buf *out)
{
	struct handover_record record;

	while (handover_next(end, &record)) {
		buf_printf(out, "%u %zu %d\n", record.type, record.body.len, record.fd >= 0);
		if (record.fd >= 0)
			close(record.fd);
		if (record.type == HANDOVER_LIST)
			take_handed_list(sources, record.body);
	}
}

/* In pieces of `step` bytes. */
static void run(const uint8_t *bytes, size_t size, size_t step, unsigned sockets, struct buf *out)
{
	struct supervisor sources = { 0 };
	struct handover left, right;
	int ends[2], fds[] = { 0, 0, 0, 0 };
	bool passed;

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	supervisor_open(&sources, ring, NULL);
	handover_open(&left, ends[0]);
	handover_open(&right, ends[1]);
	left.out.len = 0;
	for (size_t at = 0, len; at < size && !right.why; at += len) {
		len = step < size - at ? step : size - at;
		buf_add(&left.out, bytes + at, len);
		MUST(handover_send(&left, fds, at ? 0 : sockets, &passed) == 0 && passed);
		handover_read(&right);
		note(&right, &sources, out);
	}
	buf_printf(out, "%s\n", right.why ? right.why : "-");
	handover_close(&left);
	if (!right.why)
		MUST(!handover_read(&right) && right.ended);
	handover_close(&right);
	supervisor_close(&sources);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf whole = { 0 }, cut = { 0 };
	unsigned before = count_open();

	log_setup((enum log_level)-1, false);
	if (!size-- || size > SAID_MAX)
		return 0;
	run(data + 1, size, SAID_MAX, data[0] % 4, &whole);
	run(data + 1, size, 1 + data[0] / 4, data[0] % 4, &cut);
	MUST(whole.len == cut.len && memcmp(whole.data, cut.data, whole.len) == 0);
	MUST(count_open() == before);
	buf_free(&whole);
	buf_free(&cut);
	return 0;
}
