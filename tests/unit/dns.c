/* Cases for dns.c: questions byte by byte, and answers built here, whole, cut at each byte and changed at each byte. Each is
 * read from memory of its own size, so that a byte too many is seen. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "../../dns.c"

#define ID 0x1234

/* A message under construction. Names are written as they are asked for; "*NN" at the end of one is a pointer to byte NN. */
static struct {
	uint8_t bytes[70000];
	size_t len;
} made;

static void add(const void *bytes, size_t len)
{
	memcpy(made.bytes + made.len, bytes, len);
	made.len += len;
}

static void add16(unsigned n)
{
	put16(made.bytes + made.len, n);
	made.len += 2;
}

static void add32(unsigned long n)
{
	add16((unsigned)(n >> 16));
	add16(n & 0xffff);
}

static void add_name(const char *name)
{
	for (; *name && *name != '*'; name += *name == '.') {
		size_t len = strcspn(name, ".*");

		made.bytes[made.len++] = (uint8_t)len;
		add(name, len);
		name += len;
	}
	if (*name)
		add16(0xc000u | (unsigned)atoi(name + 1));
	else
		made.bytes[made.len++] = 0;
}

static void begin(unsigned flags, const char *name, unsigned type)
{
	made.len = 0;
	add16(ID);
	add16(flags);
	add16(1);
	memset(made.bytes + made.len, 0, 6);
	made.len += 6;
	add_name(name);
	add16(type);
	add16(CLASS_IN);
}

enum section { ANSWER = 6, AUTHORITY = 8, ADDITIONAL = 10 };

/* Its data follows, and record_end(). Returns where that is. */
static size_t record_begin(enum section section, const char *name, unsigned type, unsigned long ttl)
{
	put16(made.bytes + section, get16(made.bytes + section) + 1);
	add_name(name);
	add16(type);
	add16(CLASS_IN);
	add32(ttl);
	add16(0);
	return made.len;
}

static void record_end(size_t data)
{
	put16(made.bytes + data - 2, (unsigned)(made.len - data));
}

static void add_record(enum section section, const char *name, unsigned type, unsigned long ttl, const void *bytes, size_t len)
{
	size_t data = record_begin(section, name, type, ttl);

	add(bytes, len);
	record_end(data);
}

static void add_a(const char *name, unsigned long ttl, const char *address)
{
	add_record(ANSWER, name, DNS_A, ttl, address, 4);
}

static void add_cname(const char *name, unsigned long ttl, const char *target)
{
	size_t data = record_begin(ANSWER, name, TYPE_CNAME, ttl);

	add_name(target);
	record_end(data);
}

static void add_soa(const char *name, unsigned long ttl, unsigned long minimum)
{
	size_t data = record_begin(AUTHORITY, name, TYPE_SOA, ttl);

	add_name("ns.example");
	add_name("root.example");
	for (int i = 0; i < 4; i++)
		add32(77777);
	add32(minimum);
	record_end(data);
}

static void add_srv(const char *name, unsigned priority, unsigned weight, unsigned port, const char *target)
{
	size_t data = record_begin(ANSWER, name, DNS_SRV, 60);

	add16(priority);
	add16(weight);
	add16(port);
	add_name(target);
	record_end(data);
}

static void add_opt(unsigned rcode)
{
	add_record(ADDITIONAL, "", TYPE_OPT, (unsigned long)(rcode >> 4) << 24, "", 0);
}

/* What was read: the status, then the TTL, then the records, as text. */
static char got[4096];

static const char *result(const char *name, enum dns_type type)
{
	static const char *const statuses[] = { "found", "no data", "no name", "cut", "failed", "refused", "no edns", "broken", "foreign" };
	uint8_t *bytes = malloc(made.len ? made.len : 1);
	struct dns_record record;
	struct dns_walk walk;
	enum dns_status status;
	size_t len;

	memcpy(bytes, made.bytes, made.len);
	status = dns_read(&walk, bytes, made.len, ID, name, type);
	len = (size_t)snprintf(got, sizeof got, "%s", statuses[status]);
	if (status <= DNS_NO_NAME)
		len += (size_t)snprintf(got + len, sizeof got - len, " %ld", walk.ttl);
	memset(&record, 0xff, sizeof record);
	while (status == DNS_FOUND && dns_next(&walk, &record) && len < sizeof got - 400) {
		char host[NET_TEXT] = "";

		if (type != DNS_SRV && (net_print_host(&record.addr, host), net_addr_port(&record.addr)))
			strcpy(host, "a port");
		len += type == DNS_SRV ? (size_t)snprintf(got + len, sizeof got - len, " %u,%u,%u,%s.", record.priority, record.weight,
		                                          record.port, record.target)
		                       : (size_t)snprintf(got + len, sizeof got - len, " %s", host);
	}
	free(bytes);
	return got;
}

static void reads(const char *want, const char *name, enum dns_type type, const char *what)
{
	const char *is = result(name, type);

	check(strcmp(is, want) == 0, what, is);
}

static void question_cases(void)
{
	static const uint8_t plain[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\3Www\7example\0\0\x1c\0\1";
	static const uint8_t edns[] = "\x12\x34\1\0\0\1\0\0\0\0\0\1\5_http\4_tcp\2ab\0\0\x21\0\1\0\0\x29\4\xd0\0\0\0\0\0\0";
	uint8_t out[DNS_QUESTION];
	size_t len = dns_question(out, ID, "Www.example", DNS_AAAA, false);

	check(len == sizeof plain - 1 && memcmp(out, plain, len) == 0, "a question", "plain");
	check(dns_question(out, ID, "Www.example.", DNS_AAAA, false) == len && memcmp(out, plain, len) == 0, "a question", "dot");
	len = dns_question(out, ID, "_http._tcp.ab", DNS_SRV, true);
	check(len == sizeof edns - 1 && memcmp(out, edns, len) == 0, "a question", "with EDNS");
	check(dns_question(out, ID, "a..b", DNS_A, true) == 0, "no question", "a..b");
}

static void name_cases(void)
{
	static const char *const good[] = { "a", "a.", "a.b", "_x._tcp.a", "xn--a", "1.2.3.4", "-", "\303\244.de" };
	static const char *const bad[] = { "", ".", "..", "a..b", ".a", "a..", "a.b.." };
	char name[300];

	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		check(dns_is_name(good[i]), "a name", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		check(!dns_is_name(bad[i]), "no name", bad[i]);
	memset(name, 'x', sizeof name);
	name[64] = '\0';
	check(!dns_is_name(name) && dns_is_name(name + 1), "a label of 63 bytes, and of 64", name);
	name[64] = 'x';
	name[63] = name[127] = name[191] = '.';
	name[253] = '\0';
	check(dns_is_name(name), "253 bytes", name);
	name[253] = '.';
	name[254] = '\0';
	check(dns_is_name(name), "253 bytes and a dot", name);
	name[253] = 'x';
	check(!dns_is_name(name), "254 bytes", name);
}

static void found_cases(void)
{
	begin(0x8180, "db.test", DNS_A);
	add_a("*12", 300, "\12\0\0\2");
	add_a("DB.Test", 30, "\12\0\0\1");
	add_a("other.test", 1, "\12\0\0\3");
	add_record(ANSWER, "db.test", DNS_AAAA, 1, "0123456789abcdef", 16);
	add_record(ANSWER, "db.test", 46, 1, "signature", 9);
	add_opt(0);
	reads("found 30 10.0.0.2 10.0.0.1", "db.test", DNS_A, "addresses");
	reads("found 30 10.0.0.2 10.0.0.1", "Db.tesT.", DNS_A, "addresses, in another case");
	made.len++;
	reads("found 30 10.0.0.2 10.0.0.1", "db.test", DNS_A, "with a byte behind it");
	begin(0x8180, "db.test", DNS_AAAA);
	add_record(ANSWER, "db.test", DNS_AAAA, 0x80000001, "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	add_record(ANSWER, "*12", DNS_AAAA, 9, "\0\0\0\0\0\0\0\0\0\0\xff\xff\12\0\0\1", 16);
	reads("found 0 2001:db8::1 10.0.0.1", "db.test", DNS_AAAA, "IPv6, mapped IPv4, and a TTL with the top bit");
	begin(0x8180, "db.test", DNS_A);
	add_a("*12", 0x7fffffff, "\12\0\0\2");
	reads("found 2147483647 10.0.0.2", "db.test", DNS_A, "the largest TTL");
	add_record(ANSWER, "*12", DNS_A, 1, "\12\0\0\4", 4);
	put16(made.bytes + made.len - 12, 3);
	reads("found 2147483647 10.0.0.2", "db.test", DNS_A, "another class");
	add_record(ANSWER, "*12", DNS_A, 1, "\12\0\0\4", 3);
	reads("broken", "db.test", DNS_A, "an address of three bytes");
	put16(made.bytes + made.len - 11, 3);
	reads("found 2147483647 10.0.0.2", "db.test", DNS_A, "another class, with three bytes");
	for (size_t len = 15; len <= 17; len += 2) {
		begin(0x8180, "db.test", DNS_AAAA);
		add_record(ANSWER, "*12", DNS_AAAA, 9, "0123456789abcdefg", len);
		reads("broken", "db.test", DNS_AAAA, "an IPv6 address of another length");
	}
}

static void srv_cases(void)
{
	begin(0x8180, "_a._tcp.x", DNS_SRV);
	add_srv("*12", 1, 65535, 5432, "DB1.Example");
	add_srv("_A._TCP.x", 65535, 0, 1, "db2*20");
	add_srv("*12", 0, 0, 0, "");
	add_record(ADDITIONAL, "db1.example", DNS_A, 1, "\12\0\0\2", 4);
	reads("found 60 1,65535,5432,db1.example. 65535,0,1,db2.x. 0,0,0,.", "_a._tcp.x", DNS_SRV, "targets");
	for (int i = 0; i < 7; i++) {
		static const char *const targets[] = { "a b", "a\1", "a@b", "1.2.3.04", "a\x9b" "31m", "\xff", "\xc3" };

		begin(0x8180, "_a._tcp.x", DNS_SRV);
		add_srv("*12", 0, 0, 1, targets[i]);
		reads("broken", "_a._tcp.x", DNS_SRV, targets[i]);
	}
	begin(0x8180, "_a._tcp.x", DNS_SRV);
	add_srv("*12", 0, 0, 1, "b\xc3\xbc");
	reads("found 60 0,0,1,b\xc3\xbc.", "_a._tcp.x", DNS_SRV, "UTF-8");
	begin(0x8180, "_a._tcp.x", DNS_SRV);
	add_record(ANSWER, "*12", DNS_SRV, 9, "\0\0\0\0\0\0\3a.b\0", 11);
	reads("broken", "_a._tcp.x", DNS_SRV, "a dot within a label");
	begin(0x8180, "_a._tcp.x", DNS_SRV);
	add_record(ANSWER, "*12", DNS_SRV, 9, "\0\0\0\0\0\0\3a\0b\0", 11);
	reads("broken", "_a._tcp.x", DNS_SRV, "a NUL within a label");
	begin(0x8180, "_a._tcp.x", DNS_SRV);
	add_record(ANSWER, "*12", DNS_SRV, 9, "\0\0\0\0\0\0\1a\0\0", 10);
	reads("broken", "_a._tcp.x", DNS_SRV, "a byte behind the target");
	begin(0x8180, "_a._tcp.x", DNS_SRV);
	add_record(ANSWER, "*12", DNS_SRV, 9, "\0\0\0\0\0", 5);
	add_a("x", 1, "\12\0\0\2");
	reads("broken", "_a._tcp.x", DNS_SRV, "no target");
}

static void foreign_cases(void)
{
	static const struct {
		size_t at;
		uint8_t byte;
		const char *what;
	} changes[] = {
		{ 0, 0x13, "another id" }, { 1, 0x35, "another id" }, { 2, 0x01, "a question" }, { 2, 0x91, "another opcode" },
		{ 5, 2, "two questions" }, { 5, 0, "no question" }, { 13, 'e', "another name" }, { 12, 1, "another name" },
		{ 12, 0xc0, "a pointer in the question" }, { 22, 28, "another type" }, { 24, 3, "another class" }, { 4, 1, "257 questions" },
	};

	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		begin(0x8180, "db.test", DNS_A);
		add_a("*12", 300, "\12\0\0\2");
		made.bytes[changes[i].at] = changes[i].byte;
		reads("foreign", "db.test", DNS_A, changes[i].what);
	}
	begin(0x8180, "db.test", DNS_A);
	add_a("*12", 300, "\12\0\0\2");
	reads("foreign", "db.test.x", DNS_A, "a longer name was asked for");
	reads("foreign", "db", DNS_A, "a shorter name was asked for");
	reads("foreign", "", DNS_A, "no name was asked for");
	made.len = 0;
	reads("foreign", "db.test", DNS_A, "nothing");
}

static void rcode_cases(void)
{
	static const char *const want[16] = {
		"no data -1", "no edns", "failed", "no name -1", "no edns", "refused", "failed", "failed",
		"failed", "failed", "failed", "failed", "failed", "failed", "failed", "failed",
	};

	for (unsigned i = 0; i < 16; i++) {
		bool known = i == 0 || i == 3;

		begin(0x8180 | i, "db.test", DNS_A);
		reads(want[i], "db.test", DNS_A, "an rcode");
		made.len = HEAD_SIZE;
		made.bytes[5] = 0;
		reads(known ? "foreign" : want[i], "db.test", DNS_A, "an rcode without the question");
		begin(0x8380 | i, "db.test", DNS_A);
		reads(known ? "cut" : want[i], "db.test", DNS_A, "an rcode, and cut");
	}
	begin(0x8180, "db.test", DNS_A);
	add_opt(RCODE_BADVERS);
	reads("no edns", "db.test", DNS_A, "another version of EDNS");
	begin(0x8180, "db.test", DNS_A);
	add_a("*12", 300, "\12\0\0\2");
	add_opt(32);
	reads("failed", "db.test", DNS_A, "an rcode that only EDNS has");
	begin(0x8380, "db.test", DNS_A);
	add_a("*12", 300, "\12\0\0\2");
	made.len -= 3;
	reads("cut", "db.test", DNS_A, "cut within a record");
}

static void chain_cases(void)
{
	char from[40], to[40];

	begin(0x8180, "www.test", DNS_A);
	add_a("c.test", 70, "\12\0\0\1");
	add_cname("b.test", 50, "c*16");
	add_record(ANSWER, "test", 39, 1, "\0", 1);
	add_a("b.test", 1, "\12\0\0\x9");
	add_cname("x.test", 1, "d.test");
	add_cname("*12", 60, "B.Test");
	reads("found 50 10.0.0.1", "www.test", DNS_A, "a chain from its end");
	for (int links = CHAIN_MAX; links <= CHAIN_MAX + 1; links++) {
		begin(0x8180, "0.test", DNS_A);
		for (int i = links; i--;) {
			snprintf(from, sizeof from, "%d.test", i);
			snprintf(to, sizeof to, "%d.test", i + 1);
			add_cname(from, 9, to);
		}
		snprintf(to, sizeof to, "%d.test", links);
		add_a(to, 10, "\12\0\0\1");
		reads(links == CHAIN_MAX ? "found 9 10.0.0.1" : "broken", "0.test", DNS_A, "a long chain");
	}
	begin(0x8180, "www.test", DNS_A);
	add_cname("*12", 60, "*12");
	reads("broken", "www.test", DNS_A, "its own name");
	begin(0x8180, "www.test", DNS_A);
	add_cname("*12", 60, "b.test");
	add_cname("b.test", 60, "*12");
	add_a("*12", 60, "\12\0\0\1");
	reads("broken", "www.test", DNS_A, "a loop");
	begin(0x8180, "www.test", DNS_A);
	add_record(ANSWER, "*12", TYPE_CNAME, 60, "\1b\0!", 4);
	reads("broken", "www.test", DNS_A, "a byte behind a CNAME");
	begin(0x8180, "www.test", DNS_A);
	add_record(ANSWER, "*12", TYPE_CNAME, 60, "\1", 1);
	add_a("*12", 60, "\12\0\0\1");
	reads("broken", "www.test", DNS_A, "a CNAME that ends behind its record");
}

static void negative_cases(void)
{
	begin(0x8183, "www.test", DNS_A);
	add_soa("test", 900, 60);
	reads("no name 60", "www.test", DNS_A, "the minimum of the SOA");
	begin(0x8183, "www.test", DNS_A);
	add_soa("", 50, 60);
	reads("no name 50", "www.test", DNS_A, "the TTL of the SOA, of the root");
	begin(0x8183, "www.test", DNS_A);
	add_soa("www.test", 0xffffffff, 60);
	reads("no name 0", "www.test", DNS_A, "a TTL with the top bit");
	begin(0x8180, "www.test", DNS_A);
	add_soa("est", 50, 60);
	reads("no data -1", "www.test", DNS_A, "the SOA of another zone");
	begin(0x8180, "www.test", DNS_A);
	add_soa("a.www.test", 50, 60);
	reads("no data -1", "www.test", DNS_A, "the SOA of a zone below");
	begin(0x8183, "www.test", DNS_A);
	add_cname("*12", 40, "a.other");
	add_soa("other", 50, 60);
	reads("no name 40", "www.test", DNS_A, "a CNAME to no name");
	put16(made.bytes + 2, 0x8180);
	reads("no data 40", "www.test", DNS_A, "a CNAME to a name without addresses");
	begin(0x8183, "www.test", DNS_A);
	add_cname("*12", 40, "a.other");
	reads("no name -1", "www.test", DNS_A, "no SOA");
	add_a("a.other", 40, "\12\0\0\1");
	reads("no name -1", "www.test", DNS_A, "NXDOMAIN with addresses");
	begin(0x8180, "www.test", DNS_A);
	add_record(AUTHORITY, "test", TYPE_NS, 40, "\2ns\0", 4);
	reads("refused", "www.test", DNS_A, "a referral");
	put16(made.bytes + 2, 0x8580);
	reads("no data -1", "www.test", DNS_A, "servers of an answer with authority");
	put16(made.bytes + 2, 0x8180);
	add_soa("test", 50, 60);
	reads("no data 50", "www.test", DNS_A, "servers and an SOA");
	begin(0x8100, "www.test", DNS_A);
	reads("refused", "www.test", DNS_A, "nothing, of one that asks nobody and has no authority");
	put16(made.bytes + 2, 0x8500);
	reads("no data -1", "www.test", DNS_A, "nothing, with authority");
	begin(0x8100, "www.test", DNS_A);
	add_soa("test", 50, 60);
	reads("no data 50", "www.test", DNS_A, "nothing, and an SOA");
	begin(0x8180, "www.test", DNS_A);
	add_record(ADDITIONAL, "test", TYPE_NS, 40, "\2ns\0", 4);
	reads("no data -1", "www.test", DNS_A, "servers that are no referral");
	begin(0x8180, "www.test", DNS_A);
	add_record(AUTHORITY, "", TYPE_OPT, 1ul << 24, "", 0);
	reads("no data -1", "www.test", DNS_A, "EDNS in another section");
	begin(0x8180, "www.test", DNS_A);
	add_record(AUTHORITY, "test", TYPE_SOA, 40, "\0\0", 2);
	reads("broken", "www.test", DNS_A, "an SOA without numbers");
}

/* The owner of an address: labels and pointers as they are, at the byte where its record begins. */
static void owner_reads(const char *want, const char *what, const void *bytes, size_t len)
{
	begin(0x8180, "db.test", DNS_A);
	put16(made.bytes + ANSWER, 1);
	add(bytes, len);
	add("\0\1\0\1\0\0\0\11\0\4\12\0\0\1", 14);
	reads(want, "db.test", DNS_A, what);
}

static void pointer_cases(void)
{
	unsigned at = 0;

	owner_reads("found 9 10.0.0.1", "backwards", "\xc0\xc", 2);
	owner_reads("found 9 10.0.0.1", "after a label", "\2db\xc0\xf", 5);
	owner_reads("broken", "to itself", "\xc0\x19", 2);
	owner_reads("broken", "to the begin of its labels", "\2db\xc0\x19", 5);
	owner_reads("broken", "into its own labels", "\2db\xc0\x1b", 5);
	owner_reads("broken", "forwards", "\xc0\x20", 2);
	owner_reads("broken", "beyond the end", "\xff\xff", 2);
	owner_reads("broken", "into the head", "\xc0\xb", 2);
	owner_reads("broken", "a label of kind 01", "\x40\xc", 2);
	owner_reads("broken", "a label of kind 10", "\x80\xc", 2);
	begin(0x8180, "db.test", DNS_A);
	add_record(ANSWER, "", 99, 9, "\xc0\x28\0\0\2db\4test", 13);
	add_a("*36", 9, "\12\0\0\1");
	reads("broken", "db.test", DNS_A, "backwards, and from there forwards");
	made.bytes[made.len - 15] = 40;
	reads("found 9 10.0.0.1", "db.test", DNS_A, "the same, without the second one");
	for (int jumps = JUMPS_MAX; jumps <= JUMPS_MAX + 1; jumps++) {
		begin(0x8180, "db.test", DNS_A);
		at = HEAD_SIZE;
		for (int i = 1; i < jumps; i++) {
			size_t data = record_begin(ANSWER, "x", 99, 1);

			add16(0xc000 | at);
			at = (unsigned)data;
			record_end(data);
		}
		put16(made.bytes + ANSWER, (unsigned)jumps);
		add16(0xc000 | at);
		add("\0\1\0\1\0\0\0\11\0\4\12\0\0\1", 14);
		reads(jumps == JUMPS_MAX ? "found 9 10.0.0.1" : "broken", "db.test", DNS_A, "a row of pointers");
	}
}

/* 4 labels of 63 bytes are one byte more than a name may have. */
static void long_cases(void)
{
	char name[300], *last = name + 192;

	memset(name, 'x', sizeof name);
	name[63] = name[127] = name[191] = '.';
	name[253] = '\0';
	begin(0x8180, name, DNS_A);
	add_a("*12", 9, "\12\0\0\1");
	add_a(name, 9, "\12\0\0\2");
	reads("found 9 10.0.0.1 10.0.0.2", name, DNS_A, "the longest name");
	last[61] = 'x';
	last[62] = '\0';
	add_a(name, 9, "\12\0\0\3");
	last[61] = '\0';
	reads("broken", name, DNS_A, "a name of 256 bytes");
}

static void make_rich(void)
{
	begin(0x8180, "www.test", DNS_A);
	add_cname("*12", 60, "b.other");
	add_record(ANSWER, "*12", 46, 60, "0123456789", 10);
	add_a("b.other", 50, "\12\0\0\1");
	add_a("b.other", 55, "\12\0\0\2");
	add_record(AUTHORITY, "other", TYPE_NS, 50, "\2ns\0", 4);
	add_soa("other", 50, 60);
	add_record(ADDITIONAL, "ns", DNS_A, 50, "\12\0\0\3", 4);
	add_opt(0);
}

static void cut_cases(void)
{
	size_t whole, question = HEAD_SIZE + 10 + 4;

	make_rich();
	whole = made.len;
	reads("found 50 10.0.0.1 10.0.0.2", "www.test", DNS_A, "all of it");
	for (size_t len = 0; len < whole; len++) {
		make_rich();
		made.len = len;
		reads(len < question ? "foreign" : "broken", "www.test", DNS_A, "cut");
	}
	for (size_t at = 0; at < whole; at++)
		for (unsigned byte = 0; byte < 256; byte++) {
			make_rich();
			made.bytes[at] = (uint8_t)byte;
			result("www.test", DNS_A);
			if (at < 2)
				check(byte == (at ? ID & 0xff : ID >> 8) || strcmp(got, "foreign") == 0, "changed", got);
		}
	made.len = 65535; /* nothing but empty records of the root */
	memset(made.bytes + 26, 0, made.len - 26);
	put16(made.bytes + ANSWER, 5955);
	memset(made.bytes + AUTHORITY, 0, 4);
	reads("no data -1", "www.test", DNS_A, "as many records as there can be");
}

int main(void)
{
	question_cases();
	name_cases();
	found_cases();
	srv_cases();
	foreign_cases();
	rcode_cases();
	chain_cases();
	negative_cases();
	pointer_cases();
	long_cases();
	cut_cases();
	return check_sum();
}
