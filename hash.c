#include "base.h"
#include "hash.h"

#include <fcntl.h>
#include <pthread.h>
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

static uint64_t sip_hash(const uint64_t *key, const char *bytes, size_t len)
{
	uint64_t v[4] = {
		key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u
	};

	for (size_t at = 0; at <= len; at += 8) {
		size_t n = len - at < 8 ? len - at : 8;
		uint64_t word = n < 8 ? (uint64_t)len << 56 : 0;

		for (size_t i = 0; i < n; i++)
			word |= (uint64_t)(unsigned char)bytes[at + i] << (8 * i);
		v[3] ^= word;
		sip_round(v);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
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
