/* Cases for sha256.c: the vectors of FIPS 180-4 and RFC 4231, and every length about the borders of a block. */
#include "base.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "../../sha256.c"

#define ALL "f5e61141898898cdabae3590cb32e1901b40bdc59952302926213a44c105c129"

static const char *hex(const unsigned char *bytes)
{
	static char text[2 * SHA256_SIZE + 1];

	for (int i = 0; i < SHA256_SIZE; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return text;
}

static void hash_case(const char *text, size_t len, const char *want)
{
	unsigned char hash[SHA256_SIZE];
	char *copy = malloc(len ? len : 1); /* a byte too far is seen */

	memcpy(copy, text, len);
	sha256(copy, len, hash);
	check(strcmp(hex(hash), want) == 0, want, hex(hash));
	free(copy);
}

static void hash_cases(void)
{
	char *many = malloc(1000000);

	hash_case("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	hash_case("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	hash_case("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
	          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	memset(many, 'a', 1000000);
	hash_case(many, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(many);
}

/* The hash of all hashes of 0 to 199 times "x"; it was computed by another program. */
static void length_cases(void)
{
	unsigned char hashes[200][SHA256_SIZE], all[SHA256_SIZE];
	char text[200];

	memset(text, 'x', sizeof text);
	for (size_t len = 0; len < sizeof text; len++)
		sha256(text, len, hashes[len]);
	sha256(hashes, sizeof hashes, all);
	check(strcmp(hex(all), ALL) == 0, ALL, hex(all));
}

static void hmac_case(const char *key, size_t key_len, const char *text, size_t len, const char *want)
{
	unsigned char hash[SHA256_SIZE];

	sha256_hmac(key, key_len, text, len, hash);
	check(strcmp(hex(hash), want) == 0, want, hex(hash));
}

static void hmac_cases(void)
{
	unsigned char chain[SHA256_SIZE] = "Jefe";
	char key[131];

	hmac_case("Jefe", 4, "what do ya want for nothing?", 28, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0x0b, 20);
	hmac_case(key, 20, "Hi There", 8, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	memset(key, 0xaa, sizeof key);
	hmac_case(key, sizeof key, "Test Using Larger Than Block-Size Key - Hash Key First", 54,
	          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	hmac_case("", 0, "", 0, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
	sha256_hmac(chain, 4, "what do ya want for nothing?", 28, chain);
	check(strncmp(hex(chain), "5bdcc146", 8) == 0, "into its own key", hex(chain));
}

int main(void)
{
	hash_cases();
	length_cases();
	hmac_cases();
	return check_sum();
}
