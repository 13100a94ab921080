/* libFuzzer target for http.c: the first byte chooses how the stream is cut into pieces, the rest is the stream. However
 * it is cut, the same answers come out, and what a cut answer lacks is never taken for complete. */
#include "base.h"

#include "../../http.c"
#include "../../net.c"
#include "../../sys.c"
#include "../../text.c"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

#define MAX_BODY 256

static void say_answer(struct buf *said, struct http_response *r, bool head_only)
{
	MUST(r->status >= 200 && r->status < 600 && r->body.len <= MAX_BODY && r->head.len <= HEAD_MAX);
	buf_printf(said, "%d %d %zu %zu\n", r->status, r->last, r->head.len, r->body.len);
	buf_add(said, r->body.data, r->body.len);
	http_header(r, "X-Consul-Index");
	http_reset(r);
	r->head_only = head_only;
}

/* Pieces of `step` bytes. */
static struct buf run(const char *bytes, size_t size, size_t step, bool head_only)
{
	struct http_response r = { .max_body = MAX_BODY, .head_only = head_only };
	struct buf said = { 0 };
	const char *why = NULL;
	size_t at = 0;

	while (at < size && !why) {
		size_t len = step < size - at ? step : size - at, used;

		why = http_parse(&r, bytes + at, len, &used);
		MUST(used <= len && (why || used) && (why || r.done || used == len) && !(why && r.done));
		at += used;
		if (r.done)
			say_answer(&said, &r, head_only);
	}
	if (!why && !(why = http_parse_end(&r))) {
		MUST(r.done && r.last);
		say_answer(&said, &r, head_only);
	}
	if (why)
		buf_puts(&said, why);
	http_response_free(&r);
	return said;
}

/* An answer that tells its own end is not complete one byte before. */
static void check_cut(const char *bytes, size_t size, bool head_only)
{
	struct http_response r = { .max_body = MAX_BODY, .head_only = head_only };
	size_t used, whole;

	if (!http_parse(&r, bytes, size, &whole) && r.done) {
		http_reset(&r);
		r.head_only = head_only;
		MUST(whole && !http_parse(&r, bytes, whole - 1, &used) && !r.done && http_parse_end(&r));
	}
	http_response_free(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *bytes = (const char *)data + 1;
	bool head_only;
	struct buf whole, cut;

	if (!size--)
		return 0;
	head_only = data[0] & 0x80;
	whole = run(bytes, size, SIZE_MAX, head_only);
	cut = run(bytes, size, 1 + (data[0] & 0x7f) % 16, head_only);
	MUST(whole.len == cut.len && (!whole.len || memcmp(whole.data, cut.data, whole.len) == 0));
	check_cut(bytes, size, head_only);
	buf_free(&whole);
	buf_free(&cut);
	return 0;
}
