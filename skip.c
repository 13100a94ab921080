#include "base.h"
#include "skip.h"

#include <stdatomic.h>

#include "sys.h"

#define SKIP_LEAST 16
#define ALL UINT32_MAX

/* A bit for each place, and one for each 32 of these: it is set when they all are. That costs a look more where it is
 * not, and a place where it wrongly is: so it is cleared last, and what set it looks again. */
struct skip {
	atomic_uint serial;
	unsigned count, words;
	_Atomic(uint32_t) bits[]; /* `words`, and then those that sum them up */
};

static unsigned words_for(unsigned count)
{
	return (count + 31) / 32;
}

struct skip *skip_new(struct arena *memory, unsigned count)
{
	unsigned words = words_for(count);
	struct skip *skip;

	if (count <= SKIP_LEAST)
		return NULL;
	skip = arena_alloc(memory, sizeof *skip + (words + words_for(words)) * sizeof *skip->bits);
	skip->count = count;
	skip->words = words;
	return skip;
}

void skip_renew(struct skip *skip, unsigned serial)
{
	if (atomic_load_explicit(&skip->serial, memory_order_acquire) == serial)
		return;
	for (unsigned i = 0; i < skip->words + words_for(skip->words); i++)
		atomic_store(&skip->bits[i], 0);
	atomic_store(&skip->serial, serial);
}

void skip_add(struct skip *skip, unsigned place)
{
	unsigned word = place / 32;
	_Atomic(uint32_t) *sum = &skip->bits[skip->words + word / 32];

	if ((atomic_fetch_or(&skip->bits[word], 1u << place % 32) | 1u << place % 32) != ALL)
		return;
	atomic_fetch_or(sum, 1u << word % 32);
	if (atomic_load(&skip->bits[word]) != ALL)
		atomic_fetch_and(sum, ~(1u << word % 32));
}

void skip_remove(struct skip *skip, unsigned place)
{
	unsigned word = place / 32;

	atomic_fetch_and(&skip->bits[word], ~(1u << place % 32));
	atomic_fetch_and(&skip->bits[skip->words + word / 32], ~(1u << word % 32));
}

/* The number of the lowest bit that is set; there is one. */
static unsigned lowest(uint32_t bits)
{
	static const uint8_t numbers[32] = {
		0, 1, 28, 2, 29, 14, 24, 3, 30, 22, 20, 15, 25, 17, 4, 8, 31, 27, 13, 23, 21, 19, 16, 7, 26, 12, 18, 6, 11, 5, 10, 9
	};

	return numbers[(bits & (0 - bits)) * 0x077cb531u >> 27];
}

/* Those of a word that are clear, from one on. */
static uint32_t clear_in(const _Atomic(uint32_t) *word, unsigned from)
{
	return ~atomic_load_explicit(word, memory_order_relaxed) & ALL << from;
}

/* The next word that is not full; `words`, or more: there is none. */
static unsigned next_word(const struct skip *skip, unsigned from)
{
	const _Atomic(uint32_t) *sums = skip->bits + skip->words;

	for (unsigned i = from / 32; i < words_for(skip->words); i++) {
		uint32_t clear = clear_in(&sums[i], i == from / 32 ? from % 32 : 0);

		if (clear)
			return i * 32 + lowest(clear);
	}
	return skip->words;
}

unsigned skip_next(const struct skip *skip, unsigned from)
{
	unsigned first = from / 32;

	for (unsigned word = first; word < skip->words; word = next_word(skip, word + 1)) {
		uint32_t clear = clear_in(&skip->bits[word], word == first ? from % 32 : 0);

		if (clear)
			return word * 32 + lowest(clear) < skip->count ? word * 32 + lowest(clear) : skip->count;
	}
	return skip->count;
}
