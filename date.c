#include "base.h"
#include "date.h"

#include <string.h>

#include "text.h"

#define DAY 86400

static const char weekdays[] = "ThuFriSatSunMonTueWed"; /* 1970-01-01 was a Thursday */
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Cuts `len` digits off, whose value is within min..max. */
static bool date_number(struct slice *text, size_t len, int min, int max, int *out)
{
	long number;

	if (text->len < len || text->at[0] == '-' || text_number(slice_first(*text, len), min, max, &number))
		return false;
	*out = (int)number;
	*text = slice_skip(*text, len);
	return true;
}

static bool date_word(struct slice *text, const char *word)
{
	if (!slice_starts(*text, word))
		return false;
	*text = slice_skip(*text, strlen(word));
	return true;
}

/* The place of the next three letters in a list of such names. */
static bool date_letters(struct slice *text, const char *names, int *place)
{
	if (text->len < 3)
		return false;
	for (int i = 0; names[3 * i]; i++)
		if (memcmp(text->at, names + 3 * i, 3) == 0) {
			*place = i;
			*text = slice_skip(*text, 3);
			return true;
		}
	return false;
}

/* Days since 1970-01-01: text_date() the other way, and whether there is such a day. */
static bool date_days(const struct text_date *date, int64_t *days)
{
	int year = date->year - (date->month <= 2), month = date->month + (date->month > 2 ? -3 : 9);
	struct text_date back;

	*days = (int64_t)year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + date->day - 1 - 719468;
	back = text_date(*days);
	return back.month == date->month && back.day == date->day;
}

/* A leap second is the second behind it, as clocks have it that know none. */
static bool date_clock(struct slice *text, int *seconds)
{
	int hour, minute, second;

	if (!date_number(text, 2, 0, 23, &hour) || !date_word(text, ":") || !date_number(text, 2, 0, 59, &minute) ||
	    !date_word(text, ":") || !date_number(text, 2, 0, 60, &second))
		return false;
	*seconds = hour * 3600 + minute * 60 + second;
	return true;
}

static bool date_fraction(struct slice *text)
{
	int digit;

	if (!date_word(text, "."))
		return true;
	if (!date_number(text, 1, 0, 9, &digit))
		return false;
	while (date_number(text, 1, 0, 9, &digit))
		;
	return true;
}

bool date_read_iso(struct slice text, int64_t *seconds)
{
	struct text_date date;
	int64_t days;
	int clock;

	if (!date_number(&text, 4, 1970, 9999, &date.year) || !date_word(&text, "-") ||
	    !date_number(&text, 2, 1, 12, &date.month) || !date_word(&text, "-") || !date_number(&text, 2, 1, 31, &date.day) ||
	    !date_word(&text, "T") || !date_clock(&text, &clock) || !date_fraction(&text) || !slice_is(text, "Z") ||
	    !date_days(&date, &days))
		return false;
	*seconds = days * DAY + clock;
	return true;
}

bool date_read_http(struct slice text, int64_t *seconds)
{
	struct text_date date;
	int weekday, clock;
	int64_t days;

	if (!date_letters(&text, weekdays, &weekday) || !date_word(&text, ", ") || !date_number(&text, 2, 1, 31, &date.day) ||
	    !date_word(&text, " ") || !date_letters(&text, months, &date.month) || !date_word(&text, " ") ||
	    !date_number(&text, 4, 1970, 9999, &date.year) || !date_word(&text, " ") || !date_clock(&text, &clock) ||
	    !slice_is(text, " GMT"))
		return false;
	date.month++;
	if (!date_days(&date, &days) || days % 7 != weekday)
		return false;
	*seconds = days * DAY + clock;
	return true;
}

void date_put_basic(int64_t seconds, struct buf *out)
{
	struct text_date date = text_date(seconds / DAY);
	int clock = (int)(seconds % DAY);

	buf_printf(out, "%04d%02d%02dT%02d%02d%02dZ", date.year, date.month, date.day, clock / 3600, clock / 60 % 60,
	           clock % 60);
}
