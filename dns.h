/* dns: messages to and from name servers (RFC 1035, 2782, 6891), strictly, without I/O and without memory of its own. */
#ifndef DNS_H
#define DNS_H

#include "base.h"
#include "net.h"

#define DNS_PORT 53
#define DNS_NAME 256         /* room for any name as text: 253 bytes, a dot at the end, NUL */
#define DNS_UDP 1232         /* bytes of the largest answer over UDP that is asked for */
#define DNS_QUESTION 512     /* room for any question */

enum dns_type { DNS_A = 1, DNS_AAAA = 28, DNS_SRV = 33 };

/* Whether a text is a name that can be asked for: labels of 1 to 63 bytes, 253 in all, with or without a dot at its end. */
bool dns_is_name(const char *name);
/* Writes a question, `recursion desired`, with EDNS or without. Returns its length; 0: the name is none. */
size_t dns_question(uint8_t out[DNS_QUESTION], uint16_t id, const char *name, enum dns_type type, bool edns);

enum dns_status {
	DNS_FOUND,
	DNS_NO_DATA,  /* the name exists, without records of this type */
	DNS_NO_NAME,  /* NXDOMAIN */
	DNS_CUT,      /* the rest must be asked for over TCP (of an answer that came that way: it is broken) */
	DNS_FAILED,   /* SERVFAIL */
	DNS_REFUSED,  /* also: it knows nothing, and asks nobody, be it that it names servers that know more */
	DNS_NO_EDNS,  /* FORMERR or NOTIMP: perhaps it knows no EDNS */
	DNS_BROKEN,   /* it is an answer to this question, and cannot be read */
	DNS_FOREIGN   /* no answer to this question: as if it had not come */
};

/* An answer that is walked through. It borrows the message. */
struct dns_walk {
	const uint8_t *message;
	size_t len, at;
	unsigned left;        /* records still to be looked at */
	enum dns_type type;
	uint8_t name[DNS_NAME]; /* the end of the chain of CNAMEs, as a message has it */
	long ttl;             /* seconds: the least of the chain and of its records; of no data or no name, that of the SOA
	                       * (RFC 2308); -1: the answer tells none */
};
/* Looks at the whole message. Until then nothing of it counts. */
enum dns_status dns_read(struct dns_walk *walk, const uint8_t *message, size_t len, uint16_t id, const char *name,
                         enum dns_type type);

struct dns_record {
	struct net_addr addr; /* DNS_A, DNS_AAAA: without a port */
	uint16_t priority, weight, port; /* DNS_SRV, with the next */
	char target[DNS_NAME]; /* in lower case, without a dot at its end; "" is the root: there is no such service */
};
bool dns_next(struct dns_walk *walk, struct dns_record *record); /* of DNS_FOUND, the next one; false: there is none */

#endif
