/* Cases for digest.c. */
#include "base.h"

#include <string.h>

#include "check.h"
#include "../../digest.c"

/* Each byte of a text counts, and its length. */
static void text_cases(void)
{
	for (size_t len = 0; len < 40; len++) {
		char text[40] = { 0 };
		uint64_t sum = digest_text((struct slice){ text, len });

		check(sum == digest_text((struct slice){ text, len }), "digest_text", "is the same each time");
		for (size_t other = 0; other < len; other++)
			check(digest_text((struct slice){ text, other }) != sum, "digest_text", "of another length");
		for (size_t at = 0; at < len; at++) {
			text[at] = 1;
			check(digest_text((struct slice){ text, len }) != sum, "digest_text", "with another byte");
			text[at] = 0;
		}
	}
	check(digest_text((struct slice){ NULL, 0 }) == digest_text((struct slice){ "x", 0 }), "digest_text", "of nothing");
}

/* A stranger chooses names and tags, and would have others' changes overlooked. These two had the same digest when it was
 * one that anybody can reckon. */
static void chosen_cases(void)
{
	struct slice of = slice_of("payments-gateway-production-eu-1"), other = slice_of("0\"@#Y$qxo+_bg!<t-production-eu-1");

	check(digest_text(of) != digest_text(other), "digest_text", "of names that were chosen to be the same");
}

static void set_cases(void)
{
	struct digest_set left = { 0 }, right = { 0 }, changed = { 0 };

	for (uint64_t key = 100; key > 0; key--)
		digest_add(&left, key, key);
	for (uint64_t key = 51; key <= 150; key++)
		digest_add(&right, key, 1);
	for (uint64_t key = 51; key <= 150; key++)
		digest_add(&right, key, key == 60 ? 7 : key - 1);
	digest_sort(&left);
	digest_sort(&right);
	check(left.count == 100 && right.count == 100, "digest_sort", "joins what is of one key");
	check(digest_of(&left, 100) == 100 && digest_of(&right, 150) == 150 && digest_of(&right, 60) == 8, "digest_of", "the sum");
	check(!digest_of(&left, 101) && !digest_of(&(struct digest_set){ 0 }, 1), "digest_of", "nothing");
	digest_compare(&left, &right, &changed);
	check(changed.count == 101 && digest_of(&changed, 1) && digest_of(&changed, 60) && digest_of(&changed, 101) &&
	      !digest_of(&changed, 51) && !digest_of(&changed, 100), "digest_compare", "what differs, and is in one alone");
	digest_compare(&left, &left, &changed);
	check(!changed.count, "digest_compare", "with itself");
	digest_free(&left);
	digest_free(&right);
	digest_free(&changed);
}

int main(void)
{
	text_cases();
	chosen_cases();
	set_cases();
	return check_sum();
}
