/* sha256: SHA-256 (FIPS 180-4), and HMAC by it (RFC 2104). */
#ifndef SHA256_H
#define SHA256_H

#include "base.h"

#define SHA256_SIZE 32

void sha256(const void *bytes, size_t len, unsigned char out[SHA256_SIZE]);
/* `out` may be the key. */
void sha256_hmac(const void *key, size_t key_len, const void *bytes, size_t len, unsigned char out[SHA256_SIZE]);

#endif
