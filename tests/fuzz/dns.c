/* Answers of name servers: the input is a message, and it is asked for what its own question says, so that more than the
 * head is read. What is found is what libc's dn_expand() finds in the same message. */
#include "base.h"

#include <netinet/in.h>
#include <resolv.h>
#include <stdlib.h>
#include <strings.h>

#include "../../dns.c"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The name in the question, if a text can say it. */
static void question_name(const uint8_t *message, size_t size, char out[DNS_NAME])
{
	size_t at = HEAD_SIZE, len = 0;

	strcpy(out, "db.test");
	for (; at < size && message[at]; at += message[at] + 1u) {
		size_t label = message[at];

		if (label > LABEL_MAX || at + label >= size || len + label + 2 > DNS_NAME || memchr(message + at + 1, '.', label) ||
		    memchr(message + at + 1, '\0', label)) {
			strcpy(out, "db.test");
			return;
		}
		memcpy(out + len, message + at + 1, label);
		len += label;
		out[len++] = '.';
		out[len] = '\0';
	}
}

struct model {
	char owner[NS_MAXDNAME];
	unsigned type, class;
	long ttl;
	const uint8_t *data;
};

/* One record of a message that dns.c says is whole; behind it. */
static const uint8_t *model_record(struct model *record, const uint8_t *message, const uint8_t *end, const uint8_t *at)
{
	int len = dn_expand(message, end, at, record->owner, sizeof record->owner);

	MUST(len > 0 && end - at >= len + 10);
	at += len;
	record->type = at[0] * 256u + at[1];
	record->class = at[2] * 256u + at[3];
	record->ttl = at[4] & 0x80 ? 0 : (long)at[4] << 24 | at[5] << 16 | at[6] << 8 | at[7];
	record->data = at + 10;
	at += 10 + at[8] * 256 + at[9];
	MUST(at <= end);
	return at;
}

/* How many records there are of a type at the end of the chain, and the least TTL. */
static size_t model_count(const uint8_t *message, size_t size, unsigned type, long *ttl)
{
	const uint8_t *end = message + size, *first = message + HEAD_SIZE, *at;
	unsigned answers = message[6] * 256u + message[7];
	char name[NS_MAXDNAME];
	struct model record;
	bool again = true;
	size_t count = 0;

	MUST(dn_expand(message, end, first, name, sizeof name) > 0);
	first += dn_skipname(first, end) + 4;
	*ttl = -1;
	while (again) {
		again = false;
		at = first;
		count = 0;
		for (unsigned i = 0; i < answers && !again; i++) {
			at = model_record(&record, message, end, at);
			if (record.class != 1 || strcasecmp(record.owner, name) != 0)
				continue;
			count += record.type == type;
			again = record.type == 5;
		}
		if (again) {
			*ttl = *ttl < 0 || record.ttl < *ttl ? record.ttl : *ttl;
			MUST(dn_expand(message, end, record.data, name, sizeof name) > 0);
		}
	}
	at = first;
	for (unsigned i = 0; i < answers; i++) {
		at = model_record(&record, message, end, at);
		if (record.class == 1 && record.type == type && strcasecmp(record.owner, name) == 0)
			*ttl = *ttl < 0 || record.ttl < *ttl ? record.ttl : *ttl;
	}
	return count;
}

static size_t take_all(struct dns_walk *walk)
{
	struct dns_record record;
	size_t count = 0;

	for (; dns_next(walk, &record); count++)
		if (walk->type == DNS_SRV)
			MUST((!record.target[0] || dns_is_name(record.target)) && net_is_host(slice_of(record.target)));
		else
			MUST(record.addr.sa.any.sa_family == AF_INET || record.addr.sa.any.sa_family == AF_INET6);
	return count;
}

static void read_it(const uint8_t *message, size_t size, const char *name, enum dns_type type)
{
	uint16_t id = size < 2 ? 0 : (uint16_t)(message[0] << 8 | message[1]);
	struct dns_walk walk;
	enum dns_status status = dns_read(&walk, message, size, id, name, type);
	long ttl = walk.ttl, want;
	size_t count;

	MUST(dns_read(&walk, message, size, id ^ 1, name, type) == DNS_FOREIGN);
	MUST(dns_read(&walk, message, size, id, name, type) == status && walk.ttl == ttl);
	if (status > DNS_NO_NAME || (message[3] & 15) == 3) {
		MUST(status != DNS_FOUND && status <= DNS_FOREIGN);
		return;
	}
	count = model_count(message, size, type, &want);
	MUST((status == DNS_FOUND) == (count > 0));
	MUST(ttl >= -1 && ttl <= INT32_MAX && (status != DNS_FOUND || (ttl == want && take_all(&walk) == count)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = { DNS_A, DNS_AAAA, DNS_SRV };
	uint8_t *message = malloc(size ? size : 1), question[DNS_QUESTION]; /* of its own size, so that a byte too many is seen */
	char name[DNS_NAME];

	memcpy(message, data, size);
	question_name(message, size, name);
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		read_it(message, size, name, types[i]);
		MUST((dns_question(question, 1, name, types[i], true) != 0) == dns_is_name(name));
	}
	free(message);
	return 0;
}
