/* Cases for manifest_read.c: a source's document that is read again and again. Counted: texts that a format reads, calls
 * that take memory, and texts that are printed. */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t taken, printed;

static void *count_calloc(size_t count, size_t size)
{
	taken++;
	return calloc(count, size);
}

static void *count_realloc(void *old, size_t size)
{
	taken++;
	return realloc(old, size);
}

static int count_vsnprintf(char *out, size_t room, const char *format, va_list args)
{
	printed++;
	return vsnprintf(out, room, format, args);
}

#define calloc count_calloc
#define realloc count_realloc
#define vsnprintf count_vsnprintf
#include "../../sys.c"
#include "../../text.c"
#undef calloc
#undef realloc
#undef vsnprintf

#include "check.h"
#include "../../format.h"
#include "../../manifest.h"

/* A format that counts. */

static size_t reads;

static bool read_counted(struct doc_reader *reader)
{
	reads++;
	return format_ini.read(reader);
}

static const struct format counted = { .name = "counted", .endings = ".counted", .read = read_counted };
static const struct format other = { .name = "other", .endings = ".other", .read = read_counted };

#define WEB(backend) "[services.web]\nlistener=a:1\nbackends=" backend "\nbalance=p2c\n"
#define DB(backend) "[services.db]\nlistener=a:2\nbackends=" backend "\nallow=10.0.0.0/8,::1\n"

/* One after the other, of the same document. */
static const struct {
	const char *text;
	size_t reads;    /* 0: its bytes are those of the last time */
	const char *kept; /* which services are the objects of the list before: "1" or "-" for each; NULL: it is wrong */
	enum manifest_news news;
	const char *lines, *why;
} steps[] = {
	{ WEB("h:1") DB("h:1"), 1, "--", MANIFEST_OTHER, "2 6", NULL },
	{ WEB("h:1") DB("h:1"), 0, "11", MANIFEST_SAME, "2 6", NULL },
	{ WEB("h:2") DB("h:1"), 1, "-1", MANIFEST_OTHER, "2 6", NULL },
	{ WEB("h:2") DB("h:2"), 1, "1-", MANIFEST_OTHER, "2 6", NULL },
	{ WEB("h:2") DB("h:2") "#\n", 1, "11", MANIFEST_SAME, "2 6", NULL },
	{ "#\n" WEB("h:2") DB("h:2"), 1, "11", MANIFEST_MOVED, "3 7", NULL },
	{ "#\n" WEB("h:2") "\n" DB("h:2"), 1, "11", MANIFEST_MOVED, "3 8", NULL },
	{ "#\n" WEB("h:2") "\n" DB("h2"), 1, NULL, MANIFEST_SAME, NULL, "doc:9: services.db.backends: \"h2\" is not host:port" },
	{ "#\n" WEB("h:2") "\n" DB("h2"), 0, NULL, MANIFEST_SAME, NULL, "doc:9: services.db.backends: \"h2\" is not host:port" },
	{ "#\n" WEB("h:2") "[services.db]\nlistener=a:2\n", 1, NULL, MANIFEST_SAME, NULL, "doc:7: services.db has no backends" },
	{ "#\n" WEB("h:2") "\n" DB("h:2"), 1, "11", MANIFEST_SAME, "3 8", NULL },
	{ "[services.new]\nlistener=a:3\nbackends=h:1\n" WEB("h:2") DB("h:2"), 1, "-11", MANIFEST_OTHER, "2 5 9", NULL },
	{ DB("h:2") WEB("h:2"), 1, "11", MANIFEST_OTHER, "2 6", NULL },
	{ WEB("h:2"), 1, "1", MANIFEST_OTHER, "2", NULL },
	{ "services=\n", 1, "", MANIFEST_OTHER, "", NULL },
	{ "services=\n", 0, "", MANIFEST_SAME, "", NULL },
	{ "", 1, NULL, MANIFEST_SAME, NULL, "doc is empty (services = [] removes all of them)" },
	{ "", 0, NULL, MANIFEST_SAME, NULL, "doc is empty (services = [] removes all of them)" },
};

static bool is_in(const struct service_list *list, const struct service *service)
{
	for (size_t i = 0; list && i < list->count; i++)
		if (list->items[i] == service)
			return true;
	return false;
}

static void check_list(const struct service_list *last, const struct service_list *list, size_t step)
{
	struct buf kept = { 0 }, lines = { 0 };

	buf_puts(&kept, "");
	buf_puts(&lines, "");
	for (size_t i = 0; i < list->count; i++) {
		buf_puts(&kept, is_in(last, list->items[i]) ? "1" : "-");
		buf_printf(&lines, "%s%d", i ? " " : "", list->lines[i]);
		check(!list->items[i]->origin && !list->items[i]->wishes->origin, "its own origin", "none");
	}
	check(strcmp(kept.data, steps[step].kept) == 0, kept.data, steps[step].text);
	check(strcmp(lines.data, steps[step].lines) == 0 && strcmp(list->document, "doc") == 0, lines.data, steps[step].text);
	check((last == list) == (steps[step].news == MANIFEST_SAME), "the list is the one before", steps[step].text);
	buf_free(&kept);
	buf_free(&lines);
}

static void again_cases(void)
{
	struct manifest_document document = { 0 };
	struct service_list *last = NULL;
	struct buf why = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct slice text = slice_of(steps[i].text);
		struct service_list *list;

		reads = 0;
		list = manifest_read_again(&document, &counted, text, "doc", true, &why);
		check(reads == steps[i].reads, "texts that were read", text.at);
		check(!list == !steps[i].kept && document.news == steps[i].news, "what it has brought", text.at);
		check(list ? !why.len : strstr(why.data, steps[i].why) == why.data, list ? "a reason" : why.data, text.at);
		if (!list)
			continue;
		check_list(last, list, i);
		service_list_unref(last);
		last = list;
	}
	service_list_unref(last);
	manifest_forget(&document);
	buf_free(&why);
}

/* Equal bytes of another type are another document. */
static void format_cases(void)
{
	struct manifest_document document = { 0 };
	struct buf why = { 0 };

	reads = 0;
	for (int i = 0; i < 4; i++)
		service_list_unref(manifest_read_again(&document, i < 2 ? &counted : &other, slice_of(WEB("h:1")), "doc", true, &why));
	check(reads == 2, "once for each type", "equal bytes");
	manifest_forget(&document);
	buf_free(&why);
}

/* What the services of a document take. */

#define SERVICES 500

static const struct {
	const struct format *format;
	const char *head, *service, *key, *end, *tail; /* the service's has its number in it */
} forms[] = {
	{ &format_json, "{\"services\":{\n\"a\":{\"listener\":\"a:1\",\"backends\":\"h:1\"}", ",\n\"web%d\":{\"listener\":\"a:1\",\n\"backends\":[\"h:1\",\n\"h:2\"]",
	  ",\n\"balance\":\"p2c\",\n\"allow\":[\"10.0.0.0/8\",\"::1\"],\n\"deny\":\"10.0.0.1\"", "}", "}}" },
	{ &format_yaml, "services:\n", "- name: web%d\n  listener: a:1\n  backends: [h:1, h:2]\n",
	  "  balance: p2c\n  allow:\n  - 10.0.0.0/8\n  - ::1\n  deny: 10.0.0.1\n", "", "" },
	{ &format_toml, "", "[[services]]\nname = \"web%d\"\nlistener = \"a:1\"\nbackends = [\"h:1\", \"h:2\"]\n",
	  "balance = \"p2c\"\nallow = [\"10.0.0.0/8\", \"::1\"]\ndeny = \"10.0.0.1\"\n", "", "" },
	{ &format_hcl, "", "services {\nname = \"web%d\"\nlistener = \"a:1\"\nbackends = [\"h:1\", \"h:2\"]\n",
	  "balance = \"p2c\"\nallow = [\"10.0.0.0/8\", \"::1\"]\ndeny = \"10.0.0.1\"\n", "}\n", "" },
	{ &format_ini, "", "[services.web%d]\nlistener=a:1\nbackends=h:1,h:2\n",
	  "balance=p2c\nallow=10.0.0.0/8,::1\ndeny=10.0.0.1\n", "", "" },
};

/* With further keys it takes blocks of the services' own memory, which double, and nothing else. */
static void cost_cases(size_t form, bool more)
{
	struct manifest_document document = { 0 };
	struct buf text = { 0 }, why = { 0 };
	struct service_list *list;
	size_t before = taken;

	buf_puts(&text, forms[form].head);
	for (int i = 0; i < SERVICES; i++) {
		char service[200];

		snprintf(service, sizeof service, forms[form].service, i);
		buf_puts(&text, service);
		buf_puts(&text, more ? forms[form].key : "");
		buf_puts(&text, forms[form].end);
	}
	buf_puts(&text, forms[form].tail);
	before = taken;
	printed = 0;
	list = manifest_read_again(&document, forms[form].format, (struct slice){ text.data, text.len }, "doc", true, &why);
	check(list && list->count - SERVICES < 2, list ? "services" : why.data, forms[form].format->name);
	check(taken - before < (more ? 4 : 3) * SERVICES + 100, "memory is taken for services, not for keys", forms[form].format->name);
	check(printed < 10, "nothing is printed", forms[form].format->name);
	service_list_unref(list);
	manifest_forget(&document);
	buf_free(&text);
	buf_free(&why);
}

int main(void)
{
	again_cases();
	format_cases();
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		cost_cases(i, false);
		cost_cases(i, true);
	}
	return check_sum();
}
