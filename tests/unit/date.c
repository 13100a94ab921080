/* Cases for date.c: every day of 400 years there and back, and what is no time. */
#include "base.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "../../date.c"

static const struct {
	const char *text;
	int64_t want; /* -1: none */
} isos[] = {
	{ "1970-01-01T00:00:00Z", 0 }, { "2026-11-28T02:32:33Z", 1795833153 }, { "2026-11-28T02:32:33.5Z", 1795833153 },
	{ "2026-11-28T02:32:33.123456789012Z", 1795833153 }, { "2000-02-29T23:59:59Z", 951868799 },
	{ "2016-12-31T23:59:60Z", 1483228800 }, { "9999-12-31T23:59:59Z", 253402300799 },
	{ "2026-02-29T00:00:00Z", -1 }, { "2100-02-29T00:00:00Z", -1 }, { "2026-04-31T00:00:00Z", -1 },
	{ "2026-00-10T00:00:00Z", -1 }, { "2026-13-10T00:00:00Z", -1 }, { "2026-01-00T00:00:00Z", -1 },
	{ "2026-01-01T24:00:00Z", -1 }, { "2026-01-01T00:60:00Z", -1 }, { "2026-01-01T00:00:61Z", -1 },
	{ "1969-12-31T23:59:59Z", -1 }, { "2026-01-01T00:00:00", -1 }, { "2026-01-01T00:00:00.Z", -1 },
	{ "2026-01-01T00:00:00ZZ", -1 }, { "2026-01-01 00:00:00Z", -1 }, { "2026-1-01T00:00:00Z", -1 },
	{ "2026-01-01T-0:00:00Z", -1 }, { "2026-01-01T00:00:00+01:00", -1 }, { "20260101T000000Z", -1 }, { "", -1 },
};

static const struct {
	const char *text;
	int64_t want;
} https[] = {
	{ "Thu, 01 Jan 1970 00:00:00 GMT", 0 }, { "Sat, 28 Nov 2026 02:32:33 GMT", 1795833153 },
	{ "Sun, 06 Nov 1994 08:49:37 GMT", 784111777 }, { "Tue, 29 Feb 2000 23:59:59 GMT", 951868799 },
	{ "Fri, 28 Nov 2026 02:32:33 GMT", -1 }, { "Sat, 28 Nov 2026 02:32:33 UTC", -1 }, { "Sat, 28 Nov 2026 02:32:33", -1 },
	{ "Sat, 8 Nov 2026 02:32:33 GMT", -1 }, { "Sat, 28 nov 2026 02:32:33 GMT", -1 }, { "Sat 28 Nov 2026 02:32:33 GMT", -1 },
	{ "Sunday, 06-Nov-94 08:49:37 GMT", -1 }, { "Sun Nov  6 08:49:37 1994", -1 }, { "Mon, 31 Apr 2026 00:00:00 GMT", -1 },
	{ "atF, 28 Nov 2026 02:32:33 GMT", -1 }, { "", -1 },
};

static void text_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(isos); i++) {
		int64_t got = -1;

		check(date_read_iso(slice_of(isos[i].text), &got) == (isos[i].want >= 0) && got == isos[i].want, "ISO", isos[i].text);
	}
	for (size_t i = 0; i < ARRAY_LEN(https); i++) {
		int64_t got = -1;

		check(date_read_http(slice_of(https[i].text), &got) == (https[i].want >= 0) && got == https[i].want, "HTTP", https[i].text);
	}
}

/* Of each day: read in both ways, and written. */
static void day_cases(void)
{
	const char *const day_names = "ThuFriSatSunMonTueWed", *const month_names = "JanFebMarAprMayJunJulAugSepOctNovDec";
	int wrong = 0;

	for (int64_t day = 0; day < 146097; day++) {
		struct text_date date = text_date(day);
		int64_t want = day * 86400 + day % 86400, iso = -1, http = -1;
		int hour = (int)(day % 86400 / 3600), minute = (int)(day % 3600 / 60), second = (int)(day % 60);
		char text[64], basic[32];
		struct buf out = { 0 };

		snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02dZ", date.year, date.month, date.day, hour, minute, second);
		wrong += !date_read_iso(slice_of(text), &iso) || iso != want;
		snprintf(basic, sizeof basic, "%04d%02d%02dT%02d%02d%02dZ", date.year, date.month, date.day, hour, minute, second);
		date_put_basic(want, &out);
		wrong += strcmp(out.data, basic) != 0;
		snprintf(text, sizeof text, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", day_names + day % 7 * 3, date.day,
		         month_names + 3 * (date.month - 1), date.year, hour, minute, second);
		wrong += !date_read_http(slice_of(text), &http) || http != want;
		buf_free(&out);
	}
	check(!wrong, "every day of 400 years", "");
}

/* No text that is cut, and no byte behind the end is looked at. */
static void cut_cases(void)
{
	static const char iso[] = "2026-11-28T02:32:33.25Z", http[] = "Sat, 28 Nov 2026 02:32:33 GMT";
	int64_t got;

	for (size_t len = 0; len < sizeof iso - 1; len++)
		check(!date_read_iso((struct slice){ iso, len }, &got), "cut", iso);
	for (size_t len = 0; len < sizeof http - 1; len++)
		check(!date_read_http((struct slice){ http, len }, &got), "cut", http);
}

int main(void)
{
	text_cases();
	day_cases();
	cut_cases();
	return check_sum();
}
