/* libFuzzer target from what Consul answers to a table in force, and to all that shows it. Each line is an answer: one
 * that begins with { is the catalog's, any other is that about a service, whose name is the one that its first instance
 * gives itself. An empty line ends a round; the rest are answers a second later. Whatever they say, listeners stand where
 * the rules allow it, and nobody's text is more than text where it is shown. */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>

#include "../../body.h"
#include "../../consul_catalog.h"
#include "../../explain.h"
#include "../../json.h"
#include "../../metrics.h"
#include "../../page.h"
#include "../../peek.h"
#include "../../plan.c"
#include "../../publish.h"
#include "../unit/answers.h"
#include "../unit/table.h"

#define MUST(condition) \
	do { \
		if (!(condition)) \
			abort(); \
	} while (0)

/* The program, as far as its pages look at it. It lives as long as the process. */
static struct program {
	struct supervisor sources;
	struct worker_pool pool;
	struct config *config;
	struct route route;
	struct stats stats;
	unsigned tags; /* of an empty page, see count_tags() */
} program;


/* Nothing in it is a control byte, or turns or hides what is around it. */
static void check_clean(const struct buf *text, const char *blanks)
{
	for (size_t i = 0; i < text->len;) {
		const char *at = text->data + i;
		size_t len = text_utf8(at, text->len - i);

		MUST(len);
		MUST((unsigned char)*at >= ' ' ? *at != 0x7f : strchr(blanks, *at) != NULL);
		MUST(len != 2 || (unsigned char)at[0] != 0xc2 || (unsigned char)at[1] >= 0xa0);
		MUST(len == 1 || !text_hides(slice_first((struct slice){ at, len }, len)));
		i += len;
	}
}

/* Elements and attributes: strangers' text adds none to the page. */
static unsigned count_tags(const struct buf *html)
{
	static const char *const never[] = { "<script", "<img", "<svg", "<iframe", "<a ", "<style", "<link", "<meta", " onerror=\"" };
	unsigned count = 0;

	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		for (const char *at = html->data; (at = strstr(at, never[i])); at++)
			count++;
	return count;
}

static uint32_t count_of(const struct json *json, const char *key)
{
	uint32_t list = json_get(json, 0, key);

	MUST(list && json->tokens[list].type == JSON_ARRAY);
	return json->tokens[list].count;
}

/* What --plan compares. Returns the text, to be freed with the JSON. */
static char *check_routes(struct json *json)
{
	struct buf text = { 0 };

	body_put_all(routes_body(&program.stats), &text);
	check_clean(&text, "\n");
	MUST(!json_parse(json, text.data, text.len) && json->tokens[0].type == JSON_OBJECT);
	MUST(count_of(json, "listeners") == program.route.table->count);
	MUST(count_of(json, "refused") == program.route.table->refused_count);
	return text.data;
}

static void check_plan(const struct json *was, const struct json *will)
{
	struct plan plan = { .was = *was, .will = *will };
	FILE *before = stdout;
	char *text = NULL;
	size_t len = 0;

	stdout = open_memstream(&text, &len);
	MUST(stdout);
	compare_tables(&plan);
	fclose(stdout);
	stdout = before;
	check_clean(&(struct buf){ .data = text, .len = len }, "\n");
	buf_free(&plan.text);
	buf_free(&plan.other);
	free(text);
}

/* NAME{LABEL="VALUE",...} NUMBER */
static void check_sample(struct slice line)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz_";
	const char *at = line.at;

	MUST(strspn(at, letters));
	at += strspn(at, letters);
	for (bool open = *at == '{'; open; open = *at == ',') {
		at += 1 + strspn(at + 1, letters);
		MUST(at[0] == '=' && at[1] == '"');
		for (at += 2; *at != '"'; at++) {
			MUST(*at != '\n');
			if (*at == '\\')
				MUST(strchr("\\n\"", *++at));
		}
		MUST(*++at == ',' || *at == '}');
	}
	at += *at == '}';
	MUST(*at == ' ' && strspn(at + 1, "0123456789.e+-Inf") == (size_t)(line.at + line.len - at - 1));
}

static void check_pages(void)
{
	struct buf text = { 0 };
	struct slice rest, line;

	body_put_all(peek_body(&program.route), &text);
	check_clean(&text, "\n");
	rest = (struct slice){ text.data, text.len };
	while (slice_next(&rest, '\n', &line)) /* trimmed */
		MUST(!line.len || strchr("[0123456789#", *line.at) || slice_starts(line, "├") || slice_starts(line, "No reg"));
	text.len = 0;
	body_put_all(page_body(&program.stats), &text);
	check_clean(&text, "\n\t");
	MUST(count_tags(&text) == program.tags);
	text.len = 0;
	body_put_all(metrics_body(&program.stats), &text);
	check_clean(&text, "\n");
	rest = (struct slice){ text.data, text.len };
	while (slice_next(&rest, '\n', &line))
		if (line.len && *line.at != '#')
			check_sample(line);
	buf_free(&text);
}

static bool is_allowed(const struct net_addr *addr)
{
	struct net_addr host = *addr;

	net_set_port(&host, 0);
	for (size_t i = 0; i < table_allowed.count; i++)
		if (net_compare(&host, &table_labels[i].addr) == 0)
			return net_addr_port(addr) >= 1024 && net_addr_port(addr) <= 49151;
	return false;
}

/* Each backend has its place in the round of one service. */
static void check_shares(const struct route_entry *entry)
{
	unsigned next = 0, last = 0;

	MUST(!entry->last_shares || entry->last_shares < entry->share_count);
	for (unsigned s = 0; s < entry->share_count; s++) {
		const struct route_share *share = &entry->shares[s];

		MUST(share->first == next && share->count && share->round_len >= share->count);
		last = s == entry->share_count - entry->last_shares ? next : last;
		next += share->count;
		for (unsigned turn = 0; turn < share->round_len && turn < 8; turn++)
			MUST(route_turn(share, turn) >= share->first && route_turn(share, turn) < next);
	}
	MUST(next == entry->count);
	for (unsigned i = 1; i < entry->count && entry->terms_of; i++)
		MUST(i == last || entry->terms_of[i] >= entry->terms_of[i - 1]); /* balance.c counts on it */
}

static void check_table(const struct route_table *table)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct route_entry *entry = table->entries[i];

		MUST(is_allowed(&entry->listener->addr));
		MUST(!i || net_compare(&table->entries[i - 1]->listener->addr, &entry->listener->addr) < 0);
		MUST(entry->name_count && route_find(table, &entry->listener->addr) == entry);
		for (unsigned b = 0; b < entry->count; b++)
			MUST(entry->backends[b] && entry->weights[b] && net_addr_port(&entry->backends[b]->addr) &&
			     (!entry->target_of || entry->target_of[b] <= entry->target_count));
		check_shares(entry);
	}
	for (size_t i = 0; i < table->refused_count; i++) {
		MUST(*table->refused[i].reason && *table->refused[i].rule);
		MUST(!i || route_by_refusal(&table->refused[i - 1], &table->refused[i]) < 0);
	}
}

static void check_explained(const struct service_list *list)
{
	struct explain explain = { &program.route.rules.admit, program.route.table };
	struct buf text = { 0 };

	for (size_t i = 0; i < list->count && i < 8; i++) {
		text.len = 0;
		MUST(explain_list(&explain, list, list->items[i]->name, &text));
		check_clean(&text, "\n");
	}
	buf_free(&text);
}

/* The operator's own, and what Consul says beside it. */
static void put_in_force(struct service_list *list)
{
	struct service_list *lists[2], *none;
	struct json was = { 0 }, will = { 0 };
	char *before = check_routes(&was), *after;

	table_lists("s own|local:2000,other:2001|10.0.0.1:80 two:80 _tier._tcp.x|balance=p2c\n", lists);
	none = lists[1];
	lists[1] = list;
	list->source = none->source;
	list->title = none->title;
	publish_update(&program.route, lists, 2);
	MUST(!publish_update(&program.route, lists, 2));
	check_table(program.route.table);
	check_pages();
	check_explained(list);
	after = check_routes(&will);
	check_plan(&was, &will);
	service_list_unref(lists[0]);
	service_list_unref(none);
	json_free(&was);
	json_free(&will);
	free(before);
	free(after);
}

/* The name of the answer's service. */
static void name_of(const struct json *json, struct buf *out)
{
	uint32_t service = json->tokens[0].type == JSON_ARRAY && json->tokens[0].count ? json_get(json, 1, "Service") : 0;
	uint32_t name = service ? json_get(json, service, "Service") : 0;

	out->len = 0;
	if (!name || !json_string(json, name, out))
		buf_puts(out, "web");
}

struct answers {
	struct json json[16];
	struct slice text[16];
	size_t count;
};

static struct catalog_name *find_name(struct catalog *catalog, const char *name)
{
	for (size_t i = 0; i < catalog->count; i++)
		if (strcmp(catalog->names[i].name, name) == 0)
			return &catalog->names[i];
	return NULL;
}

/* A catalog that lists the names of the answers. */
static void list_names(struct catalog *catalog, const struct answers *answers)
{
	struct buf text = { 0 }, name = { 0 };
	unsigned news;

	buf_puts(&text, "{");
	for (size_t i = 0; i < answers->count; i++) {
		name_of(&answers->json[i], &name);
		buf_puts(&text, i ? "," : "");
		buf_json(&text, name.data, name.len);
		buf_puts(&text, ":[\"dill\"]");
	}
	buf_puts(&text, "}");
	MUST(!answer_bell(catalog, CONSUL_BELL_NAMES, (struct slice){ text.data, text.len }, &news));
	buf_free(&text);
	buf_free(&name);
}

/* One round of answers, and the table that they make. */
static void take_round(struct catalog *catalog, struct answers *answers, bool listed, int64_t now)
{
	struct service_list *list;
	struct buf name = { 0 };

	if (!listed && answers->count)
		list_names(catalog, answers);
	catalog_confirm(catalog, now);
	for (size_t i = 0; i < answers->count; i++) {
		struct catalog_name *found;

		name_of(&answers->json[i], &name);
		found = find_name(catalog, name.data);
		if (found)
			answer_reading(catalog, found, answers->text[i], now);
		json_free(&answers->json[i]);
	}
	answers->count = 0;
	list = catalog_compose(catalog, now);
	if (list) {
		list->word = "dill";
		put_in_force(list);
	}
	service_list_unref(list);
	buf_free(&name);
}

static void take_lines(struct catalog *catalog, struct slice text)
{
	struct answers answers = { .count = 0 };
	struct slice line;
	int64_t now = 1000;
	bool listed = false;

	while (slice_next(&text, '\n', &line)) {
		struct json *json;
		unsigned news;

		if (!line.len || answers.count == ARRAY_LEN(answers.json) - 1) {
			take_round(catalog, &answers, listed, now);
			now += HOLD_MS;
		}
		json = &answers.json[answers.count];
		*json = (struct json){ 0 };
		answers.text[answers.count] = line;
		if (!line.len || json_parse(json, line.at, line.len)) {
			json_free(json);
		} else if (*line.at == '{') {
			listed = !answer_bell(catalog, CONSUL_BELL_NAMES, line, &news) || listed;
			json_free(json);
		} else {
			answers.count++;
		}
	}
	take_round(catalog, &answers, listed, now);
}

static void start_program(void)
{
	struct buf empty = { 0 };

	supervisor_open(&program.sources, NULL, NULL);
	program.config = config_new();
	program.config->uses = sys_alloc(program.sources.count * sizeof *program.config->uses);
	program.stats = (struct stats){
		.route = &program.route, .sources = &program.sources, .pool = &program.pool, .config = program.config
	};
	table_open(&program.route);
	body_put_all(page_body(&program.stats), &empty);
	program.tags = count_tags(&empty);
	route_close(&program.route);
	buf_free(&empty);
}

/* Go, and so Consul, writes nothing but UTF-8. */
static void make_utf8(char *text, size_t len)
{
	for (size_t i = 0, n; i < len; i += n ? n : 1) {
		n = text_utf8(text + i, len - i);
		if (!n)
			text[i] = '?';
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct catalog catalog;
	struct buf text = { 0 };

	buf_add(&text, data, size);
	make_utf8(text.data, text.len);
	if (!program.config)
		start_program();
	table_open(&program.route);
	catalog_open(&catalog, "dill");
	take_lines(&catalog, (struct slice){ text.data, text.len });
	buf_free(&text);
	catalog_close(&catalog);
	route_close(&program.route);
	return 0;
}
