#include "base.h"
#include "dns.h"

#include <string.h>

#include "net.h"
#include "text.h"

#define HEAD_SIZE 12
#define LABEL_MAX 63
#define WIRE_MAX 255  /* bytes of a name in a message (RFC 1035, 2.3.4) */
#define JUMPS_MAX 32  /* pointers within one name, so that a long answer of nothing but pointers costs little */
#define CHAIN_MAX 16  /* CNAMEs, as with other resolvers; a loop has more */
#define CLASS_IN 1

enum { TYPE_NS = 2, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_OPT = 41 };
enum { RCODE_FORMERR = 1, RCODE_SERVFAIL, RCODE_NXDOMAIN, RCODE_NOTIMP, RCODE_REFUSED, RCODE_BADVERS = 16 };

static unsigned get16(const uint8_t *bytes)
{
	return (unsigned)bytes[0] << 8 | bytes[1];
}

static uint8_t *put16(uint8_t *out, unsigned n)
{
	out[0] = (uint8_t)(n >> 8);
	out[1] = (uint8_t)n;
	return out + 2;
}

/* Seconds. With the top bit set they count as none (RFC 2181, 8). */
static long get_ttl(const uint8_t *bytes)
{
	uint32_t seconds = (uint32_t)get16(bytes) << 16 | get16(bytes + 2);

	return seconds >> 31 ? 0 : (long)seconds;
}

/* Writes a text as a message has it. Returns its length; 0: it is no name. */
static size_t put_name(uint8_t out[DNS_NAME], const char *name)
{
	size_t len = 0;

	while (*name) {
		size_t label = strcspn(name, ".");

		if (!label || label > LABEL_MAX || len + label + 2 > WIRE_MAX)
			return 0;
		out[len++] = (uint8_t)label;
		memcpy(out + len, name, label);
		len += label;
		name += label + (name[label] == '.');
	}
	out[len] = 0;
	return len ? len + 1 : 0;
}

bool dns_is_name(const char *name)
{
	uint8_t wire[DNS_NAME];

	return put_name(wire, name) != 0;
}

size_t dns_question(uint8_t out[DNS_QUESTION], uint16_t id, const char *name, enum dns_type type, bool edns)
{
	uint8_t *at = put16(out, id);
	size_t len;

	at = put16(at, 0x100); /* recursion desired */
	at = put16(at, 1);
	memset(at, 0, 6);
	at[5] = edns;
	at += 6;
	if (!(len = put_name(at, name)))
		return 0;
	at = put16(at + len, type);
	at = put16(at, CLASS_IN);
	if (edns) {
		*at++ = 0;
		at = put16(at, TYPE_OPT);
		at = put16(at, DNS_UDP);
		memset(at, 0, 6);
		at += 6;
	}
	return (size_t)(at - out);
}

/* Reads the name at *at, in lower case, and moves *at behind it. Returns its length; 0: it is broken. A pointer leads to
 * before the labels that it ends: so each name has an end. */
static size_t read_name(const struct dns_walk *walk, size_t *at, uint8_t out[DNS_NAME])
{
	size_t from = *at, begin = from, behind = 0, used = 0, size;

	for (unsigned jumps = 0; from < walk->len;) {
		size = walk->message[from];
		if (size <= LABEL_MAX) {
			if (from + size + 1 > walk->len || used + size + 1 > WIRE_MAX)
				return 0;
			for (size_t i = 0; i <= size; i++) /* its length is no letter */
				out[used++] = (uint8_t)text_lower((char)walk->message[from++]);
			if (size)
				continue;
			*at = behind ? behind : from;
			return used;
		}
		if (size < 0xc0 || from + 2 > walk->len || ++jumps > JUMPS_MAX)
			return 0;
		behind = behind ? behind : from + 2;
		from = get16(walk->message + from) & 0x3fff;
		if (from < HEAD_SIZE || from >= begin)
			return 0;
		begin = from;
	}
	return 0;
}

struct record {
	uint8_t owner[DNS_NAME];
	size_t owner_len, data, end;
	unsigned type, class;
	long ttl;
};

/* Reads the record at walk->at, and moves that behind it. */
static bool read_record(struct dns_walk *walk, struct record *record)
{
	size_t at = walk->at;
	const uint8_t *fixed;

	record->owner_len = read_name(walk, &at, record->owner);
	if (!record->owner_len || walk->len - at < 10)
		return false;
	fixed = walk->message + at;
	record->type = get16(fixed);
	record->class = get16(fixed + 2);
	record->ttl = get_ttl(fixed + 4);
	record->data = at + 10;
	record->end = walk->at = record->data + get16(fixed + 8);
	return record->end <= walk->len;
}

/* Writes a target as text. False: it has a byte that no host name has, or a dot within a label, which no text can say. */
static bool target_text(const uint8_t *name, char out[DNS_NAME])
{
	size_t len = 0;

	for (; *name; name += *name + 1) {
		if (memchr(name + 1, '.', *name))
			return false;
		if (len)
			out[len++] = '.';
		memcpy(out + len, name + 1, *name);
		len += *name;
	}
	out[len] = '\0';
	for (size_t at = 0, size; at < len; at += size)
		if (!(size = text_utf8(out + at, len - at)))
			return false; /* a terminal may take it for a control byte */
	return net_is_host((struct slice){ out, len });
}

/* Whether the data of a record is nothing but a name that begins so many bytes behind its begin. */
static bool record_names(const struct dns_walk *walk, const struct record *record, size_t skip, uint8_t name[DNS_NAME])
{
	size_t at = record->data + skip;

	return read_name(walk, &at, name) && at == record->end;
}

/* Whether the data of an answer can be read, if it is of a type that counts. */
static bool record_whole(const struct dns_walk *walk, const struct record *record)
{
	uint8_t name[DNS_NAME];
	char target[DNS_NAME];

	if (record->class != CLASS_IN)
		return true;
	switch (record->type) {
	case DNS_A:
		return record->end - record->data == 4;
	case DNS_AAAA:
		return record->end - record->data == 16;
	case TYPE_CNAME:
		return record_names(walk, record, 0, name);
	case DNS_SRV:
		return record_names(walk, record, 6, name) && target_text(name, target);
	default:
		return true;
	}
}

/* The next record that walk->name has of a type. */
static bool find_record(struct dns_walk *walk, unsigned type, struct record *record)
{
	while (walk->left) {
		walk->left--;
		if (!read_record(walk, record))
			return false;
		if (record->type == type && record->class == CLASS_IN && memcmp(record->owner, walk->name, record->owner_len) == 0)
			return true;
	}
	return false;
}

static void lower_ttl(struct dns_walk *walk, long ttl)
{
	if (walk->ttl < 0 || ttl < walk->ttl)
		walk->ttl = ttl;
}

/* Moves walk->name along the CNAMEs, in whatever order they come. False: they have no end. */
static bool follow_chain(struct dns_walk *walk)
{
	const size_t first = walk->at;
	const unsigned count = walk->left;

	for (unsigned hops = 0; hops <= CHAIN_MAX; hops++) {
		struct record record;
		bool found = find_record(walk, TYPE_CNAME, &record);

		walk->at = first;
		walk->left = count;
		if (!found)
			return true;
		lower_ttl(walk, record.ttl);
		if (!record_names(walk, &record, 0, walk->name))
			return false;
	}
	return false;
}

/* Whether there are answers at the end of the chain. */
static bool count_answers(struct dns_walk *walk)
{
	const size_t first = walk->at;
	const unsigned count = walk->left;
	struct record record;
	bool found = false;

	while (find_record(walk, walk->type, &record)) {
		lower_ttl(walk, record.ttl);
		found = true;
	}
	walk->at = first;
	walk->left = count;
	return found;
}

/* What the records say that are no answers. */
struct rest {
	long soa;       /* seconds that a negative answer is good for; -1: not told */
	bool referral;  /* servers that should be asked instead */
	unsigned rcode; /* the upper bits of it (RFC 6891, 6.1.3) */
};

/* Of a zone that has walk->name. */
static bool is_zone_of(const struct dns_walk *walk, const struct record *record)
{
	size_t len = 1;

	for (const uint8_t *at = walk->name; *at; at += *at + 1)
		len += *at + 1u;
	for (const uint8_t *at = walk->name; len >= record->owner_len; at += *at + 1) {
		if (len == record->owner_len)
			return memcmp(at, record->owner, len) == 0;
		len -= *at + 1u;
	}
	return false;
}

/* How long the answer is good that there is nothing: the SOA's own TTL, or its minimum (RFC 2308, 5). */
static bool read_soa(const struct dns_walk *walk, const struct record *record, struct rest *rest)
{
	uint8_t name[DNS_NAME];
	size_t at = record->data;
	long minimum;

	if (!read_name(walk, &at, name) || !read_name(walk, &at, name) || at + 20 != record->end)
		return false;
	minimum = get_ttl(walk->message + record->end - 4);
	if (is_zone_of(walk, record))
		rest->soa = minimum < record->ttl ? minimum : record->ttl;
	return true;
}

/* Looks through the sections behind the answers. */
static bool read_rest(struct dns_walk *walk, unsigned authority, unsigned additional, struct rest *rest)
{
	struct record record;

	*rest = (struct rest){ .soa = -1 };
	for (unsigned i = 0; i < authority + additional; i++) {
		if (!read_record(walk, &record))
			return false;
		if (i >= authority && record.type == TYPE_OPT && record.owner_len == 1)
			rest->rcode = (unsigned)walk->message[record.data - 6] << 4;
		if (i >= authority || record.class != CLASS_IN)
			continue;
		rest->referral = rest->referral || record.type == TYPE_NS;
		if (record.type == TYPE_SOA && !read_soa(walk, &record, rest))
			return false;
	}
	return true;
}

static enum dns_status rcode_status(unsigned rcode)
{
	switch (rcode) {
	case 0:
		return DNS_FOUND;
	case RCODE_NXDOMAIN:
		return DNS_NO_NAME;
	case RCODE_FORMERR:
	case RCODE_NOTIMP:
	case RCODE_BADVERS:
		return DNS_NO_EDNS;
	case RCODE_REFUSED:
		return DNS_REFUSED;
	default:
		return DNS_FAILED;
	}
}

/* Whether the message answers the question, which it repeats; walk->at is then behind that. Some of those who cannot read
 * a question, or will not, do not repeat it. */
static bool is_answer(struct dns_walk *walk, uint16_t id, enum dns_status status)
{
	uint8_t name[DNS_NAME];
	unsigned questions;
	size_t len;

	if (get16(walk->message) != id || (walk->message[2] & 0xf8) != 0x80)
		return false;
	questions = get16(walk->message + 4);
	if (!questions)
		return status != DNS_FOUND && status != DNS_NO_NAME;
	len = questions == 1 ? read_name(walk, &walk->at, name) : 0;
	if (!len || walk->len - walk->at < 4 || memcmp(name, walk->name, len) != 0)
		return false;
	walk->at += 4;
	return get16(walk->message + walk->at - 4) == (unsigned)walk->type && get16(walk->message + walk->at - 2) == CLASS_IN;
}

/* What the records say, at the first of which walk->at is. */
static enum dns_status read_answers(struct dns_walk *walk, bool no_name)
{
	const size_t first = walk->at;
	const uint8_t *head = walk->message;
	struct record record;
	struct rest rest;
	size_t behind;

	walk->left = get16(head + 6);
	for (unsigned i = 0; i < walk->left; i++)
		if (!read_record(walk, &record) || !record_whole(walk, &record))
			return DNS_BROKEN;
	behind = walk->at;
	walk->at = first;
	if (!follow_chain(walk))
		return DNS_BROKEN;
	walk->at = behind;
	if (!read_rest(walk, get16(head + 8), get16(head + 10), &rest))
		return DNS_BROKEN;
	walk->at = first;
	if (rest.rcode)
		return rcode_status(rest.rcode | (head[3] & 0xf));
	if (!no_name && count_answers(walk))
		return DNS_FOUND;
	if (rest.soa < 0)
		walk->ttl = -1;
	else
		lower_ttl(walk, rest.soa);
	if (no_name)
		return DNS_NO_NAME;
	if (rest.soa >= 0 || head[2] & 4)
		return DNS_NO_DATA;
	return rest.referral || !(head[3] & 0x80) ? DNS_REFUSED : DNS_NO_DATA;
}

enum dns_status dns_read(struct dns_walk *walk, const uint8_t *message, size_t len, uint16_t id, const char *name,
                         enum dns_type type)
{
	enum dns_status status;
	size_t name_len;

	*walk = (struct dns_walk){ .message = message, .len = len, .at = HEAD_SIZE, .type = type, .ttl = -1 };
	name_len = put_name(walk->name, name);
	for (size_t i = 0; i < name_len; i++)
		walk->name[i] = (uint8_t)text_lower((char)walk->name[i]);
	if (!name_len || len < HEAD_SIZE)
		return DNS_FOREIGN;
	status = rcode_status(message[3] & 0xf);
	if (!is_answer(walk, id, status))
		return DNS_FOREIGN;
	if (status != DNS_FOUND && status != DNS_NO_NAME)
		return status;
	return message[2] & 2 ? DNS_CUT : read_answers(walk, status == DNS_NO_NAME);
}

bool dns_next(struct dns_walk *walk, struct dns_record *out)
{
	struct record record;
	const uint8_t *data;
	uint8_t target[DNS_NAME];

	if (!find_record(walk, walk->type, &record))
		return false;
	data = walk->message + record.data;
	memset(out, 0, sizeof *out);
	switch (walk->type) {
	case DNS_A:
		out->addr.sa.v4.sin_family = AF_INET;
		memcpy(&out->addr.sa.v4.sin_addr, data, 4);
		break;
	case DNS_AAAA:
		out->addr.sa.v6.sin6_family = AF_INET6;
		memcpy(&out->addr.sa.v6.sin6_addr, data, 16);
		net_unmap(&out->addr);
		break;
	case DNS_SRV:
		out->priority = (uint16_t)get16(data);
		out->weight = (uint16_t)get16(data + 2);
		out->port = (uint16_t)get16(data + 4);
		return record_names(walk, &record, 6, target) && target_text(target, out->target);
	}
	return true;
}
