#include "base.h"
#include "log_sum.h"

#include <string.h>

#include "sys.h"

#define LOG_SUM_LINES 5
#define LOG_SUMS 32
#define LOG_THINGS 64

static struct log_sum {
	struct log_message message;
	int64_t ends; /* of the window, on sys_now's clock; 0: the entry is free */
	unsigned long seen;
} log_sums[LOG_SUMS + LOG_THINGS]; /* the first go by their text */

/* How many of its messages are only counted. */
static unsigned long log_sum_hidden(const struct log_sum *sum)
{
	unsigned long shown = sum->message.kind ? 1 : LOG_SUM_LINES;

	return sum->seen > shown ? sum->seen - shown : 0;
}

static void log_sum_close(struct log_sum *sum, void (*say)(const struct log_message *message, unsigned long more))
{
	sum->ends = 0;
	if (log_sum_hidden(sum))
		say(&sum->message, log_sum_hidden(sum));
}

int64_t log_sum_end(int64_t now, void (*say)(const struct log_message *message, unsigned long more))
{
	int64_t next = INT64_MAX;

	for (struct log_sum *sum = log_sums; sum < log_sums + LOG_SUMS + LOG_THINGS; sum++)
		if (sum->ends && sum->ends <= now)
			log_sum_close(sum, say);
		else if (sum->ends && log_sum_hidden(sum) && sum->ends < next)
			next = sum->ends;
	return next;
}

static bool log_sum_is_of(const struct log_sum *sum, const struct log_message *message)
{
	const struct log_message *known = &sum->message;

	if (!sum->ends || known->level != message->level || known->kind != message->kind)
		return false;
	if (message->kind)
		return known->thing == message->thing;
	return known->hash == message->hash && known->len == message->len &&
	       memcmp(known->text, message->text, message->len) == 0;
}

/* The window of this message, or else the one that began first. */
static struct log_sum *log_sum_find(const struct log_message *message)
{
	struct log_sum *first = log_sums + (message->kind ? LOG_SUMS : 0);
	const struct log_sum *end = first + (message->kind ? LOG_THINGS : LOG_SUMS);

	for (struct log_sum *sum = first; sum < end; sum++) {
		if (log_sum_is_of(sum, message))
			return sum;
		if (sum->ends < first->ends)
			first = sum;
	}
	return first;
}

/* A new message takes the place of the window that began first; but a thing does not take that of another, or strangers
 * could go round. */
unsigned long log_sum_up(struct log_message *message, void (*say)(const struct log_message *message, unsigned long more))
{
	struct log_sum *sum = log_sum_find(message);
	int64_t now = sys_now();

	if (message->kind && now < sum->ends && !log_sum_is_of(sum, message)) {
		message->thing = NULL;
		message->noun = "such message";
		sum = log_sum_find(message);
	}
	if (now < sum->ends && log_sum_is_of(sum, message)) {
		sum->seen++;
		return log_sum_hidden(sum);
	}
	if (sum->ends)
		log_sum_close(sum, say);
	sum->message = *message;
	sum->ends = now + LOG_SUM_MS;
	sum->seen = 1;
	return 0;
}
