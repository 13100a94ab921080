/* Cases for resolve.c: the TTL of DNS answers. Looking up is tested with a real server, by tests/tools/dns.sh. */
#include "base.h"

#include <stdio.h>

#include "../../resolve.c"

static int passed, failed;

#define HEAD(questions, answers) "\0\1\201\200\0" questions "\0" answers "\0\0\0\0"
#define QUESTION "\2db\4test\0\0\1\0\1"
#define RECORD(name, ttl) name "\0\1\0\1" ttl "\0\4\177\0\0\1"
#define BYTES(s) (const unsigned char *)s, sizeof s - 1

static const struct {
	const char *what;
	const unsigned char *message;
	size_t len;
	long ttl;
} cases[] = {
	{ "one record", BYTES(HEAD("\1", "\1") QUESTION RECORD("\300\14", "\0\0\1\54")), 300 },
	{ "the least of three", BYTES(HEAD("\1", "\3") QUESTION RECORD("\300\14", "\0\0\1\54") RECORD("\300\14", "\0\0\0\5")
	                              RECORD("\300\14", "\0\0\0\74")), 5 },
	{ "a name in full", BYTES(HEAD("\1", "\1") QUESTION RECORD("\2db\4test\0", "\0\1\0\0")), 65536 },
	{ "the largest", BYTES(HEAD("\1", "\1") QUESTION RECORD("\300\14", "\377\377\377\377")), 4294967295 },
	{ "zero", BYTES(HEAD("\1", "\1") QUESTION RECORD("\300\14", "\0\0\0\0")), 0 },
	{ "no answer", BYTES(HEAD("\1", "\0") QUESTION), -1 },
	{ "no question", BYTES(HEAD("\0", "\1") RECORD("\0", "\0\0\0\7")), 7 },
	{ "fewer records than promised", BYTES(HEAD("\1", "\2") QUESTION RECORD("\300\14", "\0\0\1\54")), -1 },
	{ "a record cut short", BYTES(HEAD("\1", "\1") QUESTION "\300\14\0\1\0\1\0\0\1\54\0\4\177"), -1 },
	{ "data that goes on beyond the end", BYTES(HEAD("\1", "\1") QUESTION "\300\14\0\1\0\1\0\0\1\54\377\377"), -1 },
	{ "a label that goes on beyond the end", BYTES(HEAD("\1", "\1") "\77db"), -1 },
	{ "a head cut short", BYTES("\0\1\201\200\0"), -1 },
	{ "nothing", BYTES(""), -1 },
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		long ttl = least_ttl(cases[i].message, cases[i].len);

		ttl == cases[i].ttl ? passed++ : failed++;
		if (ttl != cases[i].ttl)
			printf("FAIL %s: %ld\n", cases[i].what, ttl);
	}
	printf("%d passed, %d failed\n", passed, failed);
	return failed != 0;
}
