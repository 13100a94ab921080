/* text: slices of somebody else's bytes, a growable buffer, strict numbers and durations. */
#ifndef TEXT_H
#define TEXT_H

#include "base.h"

#include <stdarg.h>

#include "sys.h"

/* Borrowed bytes, without a NUL. */
struct slice {
	const char *at;
	size_t len;
};

struct slice slice_of(const char *s); /* NULL gives an empty slice */
struct slice slice_between(const char *from, const char *to);
struct slice slice_first(struct slice s, size_t len); /* len bytes of it, which it has */
struct slice slice_skip(struct slice s, size_t len);  /* the rest of it, behind len bytes, which it has */
bool slice_starts(struct slice s, const char *word);
bool slice_is(struct slice s, const char *word);
bool slice_is_nocase(struct slice s, const char *word);
const char *slice_find(struct slice text, struct slice part); /* also behind a zero; NULL: nowhere, as an empty part is */
bool slice_has_word(struct slice list, const char *word); /* in a comma list, in any case */
struct slice slice_trim(struct slice s); /* without spaces, tabs and line ends around it */
/* Cuts the next part off *rest, up to `sep` or the end, trimmed. False when nothing is left. */
bool slice_next(struct slice *rest, char sep, struct slice *part);

/* Growing bytes; data is NULL or ends in a NUL that len does not count. Start with {0}. Without memory the process
 * aborts; but one that may fail, an answer that somebody asked for, then loses what it has and takes nothing more. */
struct buf {
	char *data;
	size_t len, cap;
	bool may_fail, failed;
};

char *buf_room(struct buf *b, size_t size); /* room for `size` bytes behind len; the caller moves len. NULL: it has failed */
void buf_fail(struct buf *b); /* for one that may fail: what it is made of does not fit into memory */
void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_puts(struct buf *b, const char *s);
void buf_number(struct buf *b, unsigned long long n);
void buf_puts_number(struct buf *b, const char *before, unsigned long long n);
void buf_seconds(struct buf *b, int64_t ms); /* three decimals: 1.250 */
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list args);
void buf_visible(struct buf *b, const char *bytes, size_t len); /* control bytes as \xNN */
void buf_masked(struct buf *b, const char *text); /* for people: without the login, query and fragment of a URL */
void buf_json(struct buf *b, const char *bytes, size_t len);    /* a JSON string, quotes included (RFC 8259), with
 * what text_unseen() finds escaped */
/* `before` as it is, then the text. */
void buf_puts_visible(struct buf *b, const char *before, const char *text);
void buf_puts_json(struct buf *b, const char *before, const char *text);
void buf_utf8(struct buf *b, uint32_t c);                        /* one code point */
void buf_free(struct buf *b);
const char *text_s(unsigned long long n); /* the ending of the plural in "%u connection%s": "s", but not of 1 */
const char *text_printf(struct arena *memory, const char *fmt, ...) PRINTF_LIKE(2, 3); /* the text lives in the arena */

/* Writes bytes to out with control bytes (C0, DEL, and C1 in UTF-8) and what text_hides() finds as \xNN; stops when `room`
 * is used up. Returns the bytes written, no NUL behind them. */
size_t text_visible(char *out, size_t room, const char *bytes, size_t len);

/* FNV-1a, 64 bits, for what is compared over time or in a file, not for tables: see hash.h. Start with TEXT_HASH, another
 * seed, or what an earlier call returned, to go on. */
#define TEXT_HASH 0xcbf29ce484222325u
uint64_t text_hash(uint64_t seed, const char *bytes, size_t len);

bool text_controls(struct slice s); /* has a control byte (C0, DEL) */
/* The code point there, if it is a C1 control, or one that text_hides() finds: some readers end a line at it, or turn what
 * follows round. 0: it is none. */
unsigned text_unseen(const char *at, size_t len);
bool text_hides(struct slice s); /* has a blank in it that looks like none (no-break, zero-width), or turns text round */
char text_lower(char c); /* of an ASCII letter in upper case; any other byte stays */
int text_hex(int c); /* the value of a hexadecimal digit; -1: it is none */
size_t text_plain(const char *at, size_t len); /* bytes there that look the same everywhere: printable ASCII but "&'<>\ */
size_t text_utf8(const char *at, size_t len); /* bytes of the UTF-8 sequence there (RFC 3629), 0: none; len > 0 */

/* Reasons. All over the program a `const char *why`, returned or set, is NULL or says why something is refused or has
 * failed. It is borrowed: a text of the program's, or one in the arena, buffer or struct that was given to the call.
 * It is printed once, by who knows the place. */

/* Parsers. Each takes the whole slice or nothing, and returns NULL or the reason, as words that follow the value:
 * "is not a number". *out is set only on success. */
const char *text_number(struct slice s, long min, long max, long *out);
/* Of a number as a value of its own: a zero before other digits is refused, as YAML 1.1 reads 010 as eight. */
const char *text_octal(struct slice s);
const char *text_duration(struct slice s, int64_t *ms); /* Go's: 250ms, 1m30s, 1.5h; a bare number is seconds */
/* Percent-decodes (RFC 3986) into `out`, which has room for s.len + 1 bytes. A NUL is refused. */
const char *text_unescape(struct slice s, char *out);
const char *text_bool(struct slice s, bool *out);       /* true false yes no on off 1 0 */

/* The date (Gregorian) that is `days` after 1970-01-01. By hand: libc's calendar brings time zones along, which cost
 * a static binary 10 KB. */
struct text_date {
	int year, month, day;
};
struct text_date text_date(int64_t days);

void text_print_duration(int64_t ms, char out[32]); /* the shortest form that text_duration reads: 5m, 1m30s, 250ms */
int text_distance(const char *a, const char *b);    /* edits between two words, for "did you mean" */
/* Makes the candidate *best if it is nearer to the word than *least, and near at all. Start with *least = INT_MAX. */
void text_nearer(const char *candidate, const char *word, int *least, const char **best);

#endif
