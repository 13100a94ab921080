#include "base.h"
#include "sha256.h"

#include <string.h>

#define BLOCK 64

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t constants[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

struct sha {
	uint32_t state[8];
	unsigned char block[BLOCK];
	uint64_t len; /* bytes so far */
};

static uint32_t turn(uint32_t word, unsigned bits)
{
	return word >> bits | word << (32 - bits);
}

static void sha_words(const unsigned char block[BLOCK], uint32_t w[64])
{
	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
		       block[4 * i + 3];
	for (int i = 16; i < 64; i++)
		w[i] = w[i - 16] + (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] +
		       (turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10);
}

static void sha_block(struct sha *sha)
{
	uint32_t w[64], v[8];

	sha_words(sha->block, w);
	memcpy(v, sha->state, sizeof v);
	for (int i = 0; i < 64; i++) {
		uint32_t a = v[0], e = v[4];
		uint32_t first = v[7] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & v[5]) ^ (~e & v[6])) + constants[i] + w[i];
		uint32_t second = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));

		memmove(v + 1, v, 7 * sizeof *v);
		v[4] += first;
		v[0] = first + second;
	}
	for (int i = 0; i < 8; i++)
		sha->state[i] += v[i];
}

/* The first 32 bits of the fractional parts of the square roots of the first 8 primes. */
static void sha_start(struct sha *sha)
{
	static const uint32_t start[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
	};

	memcpy(sha->state, start, sizeof start);
	sha->len = 0;
}

static void sha_add(struct sha *sha, const void *bytes, size_t len)
{
	const unsigned char *from = bytes;

	while (len) {
		size_t at = sha->len % BLOCK, part = len < BLOCK - at ? len : BLOCK - at;

		memcpy(sha->block + at, from, part);
		sha->len += part;
		from += part;
		len -= part;
		if (at + part == BLOCK)
			sha_block(sha);
	}
}

static void sha_end(struct sha *sha, unsigned char out[SHA256_SIZE])
{
	static const unsigned char padding[BLOCK] = { 0x80 };
	uint64_t bits = sha->len * 8;
	unsigned char length[8];

	for (int i = 0; i < 8; i++)
		length[i] = (unsigned char)(bits >> (56 - 8 * i));
	sha_add(sha, padding, 1 + (2 * BLOCK - 9 - sha->len % BLOCK) % BLOCK);
	sha_add(sha, length, sizeof length);
	for (int i = 0; i < SHA256_SIZE; i++)
		out[i] = (unsigned char)(sha->state[i / 4] >> (24 - i % 4 * 8));
}

void sha256(const void *bytes, size_t len, unsigned char out[SHA256_SIZE])
{
	struct sha sha;

	sha_start(&sha);
	sha_add(&sha, bytes, len);
	sha_end(&sha, out);
}

void sha256_hmac(const void *key, size_t key_len, const void *bytes, size_t len, unsigned char out[SHA256_SIZE])
{
	unsigned char inner[BLOCK] = { 0 }, outer[BLOCK];
	struct sha sha;

	if (key_len > BLOCK)
		sha256(key, key_len, inner);
	else if (key_len)
		memcpy(inner, key, key_len);
	for (int i = 0; i < BLOCK; i++) {
		outer[i] = inner[i] ^ 0x5c;
		inner[i] ^= 0x36;
	}
	sha_start(&sha);
	sha_add(&sha, inner, BLOCK);
	sha_add(&sha, bytes, len);
	sha_end(&sha, out);
	sha_start(&sha);
	sha_add(&sha, outer, BLOCK);
	sha_add(&sha, out, SHA256_SIZE);
	sha_end(&sha, out);
}
