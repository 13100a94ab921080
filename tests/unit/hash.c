/* Cases for hash.c. What they want is from CPython, whose hash of bytes is the same one: PYTHONHASHSEED=0 python3 -c
 * 'print(hex(hash(b"web") & (2**64-1)))'. */
#include "base.h"

#include <string.h>

#include "check.h"
#include "../../hash.c"

static const struct {
	const char *text;
	uint64_t want; /* when the secret is 0 */
} cases[] = {
	{ "a", 0x407448d2b89b1813 }, { "web", 0x6fe8eed8ccd585ce }, { "services", 0xbce7a36871692cab },
	{ "services.web.listener", 0x8026f255e9ce35e0 },
};

int main(void)
{
	static const uint64_t none[2];
	uint32_t before;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check(sip_hash(none, cases[i].text, strlen(cases[i].text)) == cases[i].want, "SipHash-1-3", cases[i].text);
	before = hash_text("web", 3);
	check(before == hash_text("web", 3), "the same in one process", "web");
	check(sip_hash(none, NULL, 0) == sip_hash(none, "", 0), "no bytes", "NULL");
	check(secret[0] && secret[1] && secret[0] != secret[1], "the secret", "is one");
	check(before == (uint32_t)sip_hash(secret, "web", 3), "it is used", "web");
	make_secret();
	check(before != (uint32_t)sip_hash(secret, "web", 3), "and another one in the next", "web");
	return check_sum();
}
