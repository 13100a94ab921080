#include "base.h"
#include "hash.h"

#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "sys.h"

static uint64_t secret[2];

/* Without the file, the clock is the best there is. */
static void make_secret(void)
{
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, secret, sizeof secret);

	if (fd >= 0)
		close(fd);
	if (got != (ssize_t)sizeof secret)
		for (int i = 0; i < 2; i++)
			secret[i] ^= (uint64_t)sys_micros() << 40 ^ (uint64_t)sys_random() << 32 ^ sys_random();
}

/* SipHash-1-3. */

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = (v[1] << 13 | v[1] >> 51) ^ v[0];
	v[3] = (v[3] << 16 | v[3] >> 48) ^ v[2];
	v[0] = v[0] << 32 | v[0] >> 32;
	v[2] += v[1];
	v[0] += v[3];
	v[1] = (v[1] << 17 | v[1] >> 47) ^ v[2];
	v[3] = (v[3] << 21 | v[3] >> 43) ^ v[0];
	v[2] = v[2] << 32 | v[2] >> 32;
}

/* Up to eight bytes, the lowest first; the last word, of fewer, has the length in its highest one. */
static uint64_t sip_word(const char *bytes, size_t left, size_t len)
{
	uint64_t word = 0;

	if (left >= 8)
		memcpy(&word, bytes, 8);
	else if (left)
		memcpy(&word, bytes, left);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return left < 8 ? word | (uint64_t)len << 56 : word;
}

static uint64_t sip_hash(const uint64_t *key, const char *bytes, size_t len)
{
	uint64_t v[4] = {
		key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u
	};
	size_t words = len / 8 + 1;

	for (size_t i = 0; i < words + 3; i++) { /* the last three are of no word */
		uint64_t word = i < words ? sip_word(i ? bytes + i * 8 : bytes, len - i * 8, len) : 0; /* no bytes: NULL */

		v[2] ^= i == words ? 0xff : 0;
		v[3] ^= word;
		sip_round(v); /* called in one place, so that it may become a part of it */
		v[0] ^= word;
	}
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t hash_whole(const char *bytes, size_t len)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, make_secret);
	return sip_hash(secret, bytes, len);
}

uint32_t hash_text(const char *bytes, size_t len)
{
	return (uint32_t)hash_whole(bytes, len);
}
