/* handover: what an old dill and the new one that takes its place tell each other over a pair of sockets: a line with the
 * version, and then records, some of which bring a listening socket along. Unknown records are passed over. Both are of one
 * host, so that numbers are as it has them. */
#ifndef HANDOVER_H
#define HANDOVER_H

#include "base.h"
#include "text.h"

#define HANDOVER_VARIABLE "DILL_UPGRADE_FD" /* in the new one's environment: its end of the pair */
#define HANDOVER_BATCH 250 /* most sockets of one message: the system takes 253 */

/* Numbers that stay, for versions differ. */
enum handover_type {
	HANDOVER_SOCKET = 1, /* its address as text, and the socket */
	HANDOVER_LIST = 2,   /* the services of one source: see takeover.c */
	HANDOVER_END = 3,    /* that is all for now */
	HANDOVER_TAKE = 4,   /* of the old one: the new one is in charge */
	HANDOVER_STAY = 5,   /* of the old one: it goes on, and the new one is to end */
	HANDOVER_READY = 6   /* of the new one: its table is in force */
};

struct handover_record {
	unsigned type;    /* enum handover_type, or a newer one */
	struct slice body; /* borrowed, until the next read */
	int fd;           /* the caller closes it; -1: none came along */
};

/* One end. Start with {0}, and the descriptor. */
struct handover {
	int fd;
	struct buf in, out;
	size_t taken, sent; /* of `in`, of `out` */
	bool known;         /* the other side's version has been read */
	int fds[2 * HANDOVER_BATCH]; /* that have come, and whose records have not */
	unsigned fd_count;
	bool ended;         /* the other side has */
	const char *why;    /* what is wrong with what it says; NULL: nothing */
};

void handover_open(struct handover *end, int fd); /* takes the descriptor; its own version is the first to be sent */
void handover_close(struct handover *end);
bool handover_is_open(const struct handover *end);
void handover_put(struct handover *end, enum handover_type type, bool socket, struct slice body);
/* Sends what it can of what was put, with the sockets of these records, which must be the first time that they are sent.
 * 0: all is out, EAGAIN: call again with what is left, or an errno. *passed: the sockets have been sent. */
int handover_send(struct handover *end, const int *fds, unsigned count, bool *passed);
void handover_unput(struct handover *end, size_t at); /* takes back what was put behind `at` bytes of `out`, and not sent */
bool handover_read(struct handover *end); /* what is there. False: it has ended, or says what is wrong: see `ended`, `why` */
bool handover_next(struct handover *end, struct handover_record *record); /* false: there is no whole one, or `why` */

#endif
