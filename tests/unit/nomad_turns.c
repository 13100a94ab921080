/* Cases for nomad_bells.c, nomad_reader.c and nomad_sweep.c without a network: answers of bells and readings go in, and it is
 * looked at what is read next, what is held, and how much work was done. Answers are written with ' for ". */
#include "base.h"

#include <stdio.h>
#include <string.h>

#include "capture.h"
#include "check.h"
#include "list.h"
#include "../../consul_catalog.h"
#include "../../nomad_bells.c"
#include "../../nomad_reader.c"
#include "../../nomad_sweep.h"

static struct nomad_settings settings;
static struct source source;
static struct nomad_api api;
static struct catalog catalog;
static struct nomad_sweep sweep;
static struct nomad_bells bells;
static struct nomad_reader reader;
static const struct source_kind kind = { .name = "nomad", .title = "Nomad" };

static void open_all(const char *namespace, bool stale)
{
	settings = (struct nomad_settings){
		.address = "h", .token = "", .token_file = "", .namespace = namespace, .region = "", .tag = "dill", .wait = 300000,
		.stale = stale
	};
	memset(&source, 0, sizeof source);
	source.kind = &kind;
	nomad_api_open(&api, &settings);
	catalog_open(&catalog, "dill");
	nomad_sweep_open(&sweep, &catalog, sys_now());
	reader = (struct nomad_reader){ .source = &source, .api = &api, .catalog = &catalog };
	nomad_reader_open(&reader);
	bells = (struct nomad_bells){ .source = &source, .api = &api, .catalog = &catalog, .sweep = &sweep };
	nomad_bells_open(&bells);
}

static void close_all(void)
{
	nomad_bells_free(&bells);
	nomad_reader_free(&reader);
	catalog_close(&catalog);
	nomad_api_close(&api);
}

/* An answer with this status line and headers. */
static void arrive(struct http_response *response, const char *head, const char *body)
{
	struct buf text = { 0 };
	size_t used;

	buf_printf(&text, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", head, strlen(body), body);
	for (size_t i = text.len - strlen(body); i < text.len; i++)
		if (text.data[i] == '\'')
			text.data[i] = '"';
	http_reset(response);
	check(!http_parse(response, text.data, text.len, &used) && response->done, "an answer", text.data);
	buf_free(&text);
}

/* What the bell of a namespace says. Returns the reason why Nomad does not answer. */
static const char *ring(size_t which, const char *head, const char *body)
{
	struct nomad_bell *bell = &bells.items[which];
	const char *why;
	bool nothing = false;

	bell->poll.asked = true;
	bell->poll.asked_at = sys_now();
	arrive(&bell->poll.http.response, head, body);
	why = judge_namespace(&bells, bell, &nothing);
	if (why)
		return refuse_namespace(&bells, bell, why);
	take_namespace_answer(&bells, bell, nothing);
	return NULL;
}

/* What a reading of a service says. */
static void tell(const char *name, const char *head, const char *body)
{
	struct catalog_name *found = catalog_find(&catalog, name);

	check(found, "a name that is known", name);
	arrive(&reader.pipeline.http.response, head, body);
	if (found)
		reader_take(&reader, found, sys_now());
}

static void known(int64_t now, const char *want)
{
	struct buf got = { 0 };

	service_list_unref(catalog_compose(&catalog, now));
	list_put(&got, catalog.list);
	check(strcmp(got.data, want) == 0, want, got.data);
	buf_free(&got);
}

static void chosen(int64_t now, const char *want)
{
	size_t which[NOMAD_READER_BATCH], count = nomad_sweep_choose(&sweep, which, NOMAD_READER_BATCH, now);
	struct buf got = { 0 };

	buf_puts(&got, "");
	for (size_t i = 0; i < count; i++) {
		buf_printf(&got, "%s%s", i ? " " : "", catalog.names[which[i]].name);
		catalog.names[which[i]].wanted = false;
	}
	check(strcmp(got.data, want) == 0, want, got.data);
	buf_free(&got);
}

#define OK(index) "200 OK\r\nX-Nomad-KnownLeader: true\r\nX-Nomad-Index: " index
#define NAMES(names) "[{'Namespace':'default','Services':[" names "]}]"
#define NAME(name) "{'ServiceName':'" name "','Tags':['dill']}"
#define INSTANCE(id, port) \
	"{'ID':'" id "','Tags':['dill','dill.listener=any:1'],'Address':'1.1.1.1','Port':" port ",'CreateIndex':3}"
#define WEB "web(a any:1 1.1.1.1:80*1 #3)"

static void ring_cases(void)
{
	int64_t now = sys_now();

	open_all("default", false);
	check(!nomad_bells_answered(&bells), "before the first answer", "nothing is known");
	check(!ring(0, OK("5"), NAMES(NAME("web") "," NAME("db"))) && nomad_bells_answered(&bells), "the first answer", "is good");
	check(nomad_sweep_start(&sweep, now), "the first ring", "makes a sweep due");
	chosen(now, "db web");
	check(nomad_sweep_over(&sweep, now), "the end", "of the sweep");
	chosen(now, "");
	check(!ring(0, OK("6"), NAMES(NAME("web") "," NAME("db"))), "the same names", "at another index");
	check(nomad_sweep_start(&sweep, now), "a ring that says nothing", "makes a sweep due all the same");
	chosen(now, "db web");
	nomad_sweep_over(&sweep, now);
	check(!ring(0, OK("6"), NAMES(NAME("web") "," NAME("db"))) && !nomad_sweep_start(&sweep, now), "the same index",
	      "is no ring");
	check(!ring(0, OK("7"), NAMES(NAME("web") ",{'ServiceName':'db','Tags':['v2','dill']}," NAME("new"))), "another tag", "");
	chosen(now, "db new");
	check(nomad_sweep_start(&sweep, now), "what is wanted is read first", "then the others");
	chosen(now, "web db new"); /* from where the one before has ended */
	close_all();
}

/* Sweeps are spaced; what the list of names points at need not wait for them. */
static void pace_cases(void)
{
	int64_t now = sys_now();
	int began = 0;

	open_all("default", false);
	for (int i = 0; i < 50; i++) {
		nomad_sweep_ring(&sweep, false);
		began += nomad_sweep_start(&sweep, now);
		nomad_sweep_over(&sweep, now);
		nomad_sweep_cost(&sweep, 0, 0, now);
	}
	check(began == 4, "rings in a row", "four sweeps at once");
	check(nomad_sweep_at(&sweep) == now + 1000, "then one", "a second");
	check(!nomad_sweep_start(&sweep, now + 999) && nomad_sweep_start(&sweep, now + 1000), "the next", "when it may");
	nomad_sweep_over(&sweep, now + 1000);
	nomad_sweep_cost(&sweep, 100 << 20, 0, now + 1000);
	nomad_sweep_ring(&sweep, false);
	check(!nomad_sweep_start(&sweep, now + 5999) && nomad_sweep_at(&sweep) == now + 6000, "after much that brought nothing",
	      "a longer pause");
	nomad_sweep_ring(&sweep, true);
	check(nomad_sweep_start(&sweep, now + 1000), "other data", "is read at once");
	close_all();
}

static void reading_cases(void)
{
	int64_t now = sys_now();
	const struct service *web;

	open_all("default", false);
	ring(0, OK("5"), NAMES(NAME("web") "," NAME("db")));
	tell("web", OK("5"), "[" INSTANCE("a", "80") "]");
	tell("db", OK("5"), "[" INSTANCE("d", "81") "]");
	known(now, "db(d any:1 1.1.1.1:81*1 #3) " WEB);
	web = catalog.list->items[1];
	catalog.readings = 0;
	tell("web", OK("9"), "[" INSTANCE("a", "80") "]");
	check(!catalog.readings && catalog_find(&catalog, "web")->read_at >= now, "the same bytes", "are read, and not composed");
	check(!reader.reading.list->count, "the same bytes", "are not even parsed");
	tell("web", OK("9"), "[ " INSTANCE("a", "80") "]");
	check(catalog.readings == 1, "other bytes", "are");
	known(now, "db(d any:1 1.1.1.1:81*1 #3) " WEB);
	check(catalog.list->items[1] == web, "what says the same", "is the same object");
	/* one that fails keeps its instances, and is read again later */
	tell("db", "500 Oops", "rpc error");
	known(now, "db(d any:1 1.1.1.1:81*1 #3) " WEB);
	check(reader.bad == 1 && source.counters.errors[0].count + source.counters.errors[1].count == 1, "an error", "is counted");
	chosen(now, "");
	chosen(sys_now() + 1100, "db");
	tell("db", OK("9"), "[" INSTANCE("d", "'81'") "]");
	tell("db", OK("9") "\r\nX-Nomad-NextToken: x", "[]");
	tell("db", "200 OK\r\nX-Nomad-KnownLeader: false\r\nX-Nomad-Index: 9", "[]");
	tell("db", OK("9"), "[");
	known(now, "db(d any:1 1.1.1.1:81*1 #3) " WEB);
	check(catalog_find(&catalog, "db")->again_at > sys_now() + 5000, "one that fails again", "is read more slowly");
	tell("db", OK("9"), "[" INSTANCE("d", "82") "]");
	known(now, "db(d any:1 1.1.1.1:82*1 #3) " WEB);
	close_all();
}

/* Gone from the list, and no instances: held until a second reading, a second later. */
static void hold_cases(void)
{
	int64_t now = sys_now();

	open_all("default", false);
	ring(0, OK("5"), NAMES(NAME("web")));
	tell("web", OK("5"), "[" INSTANCE("a", "80") "]");
	known(now, WEB);
	ring(0, OK("6"), NAMES(""));
	chosen(now, "web");
	tell("web", OK("6"), "[]");
	known(now, "web(a any:1 1.1.1.1:80*1 #3 ~)");
	catalog_confirm(&catalog, now + 999);
	chosen(now + 999, "");
	catalog_confirm(&catalog, now + 1000);
	chosen(now + 1000, "web");
	catalog_find(&catalog, "web")->read_at = now + 1000;
	known(now + 1000, "");
	check(!catalog.count, "the name", "is forgotten");
	close_all();
}

/* Listed, and yet without any instance: the list is asked for again, and then it counts. */
static void doubt_cases(void)
{
	int64_t now = sys_now();

	open_all("default", false);
	ring(0, OK("5"), NAMES(NAME("web")));
	tell("web", OK("5"), "[" INSTANCE("a", "80") "]");
	known(now, WEB);
	tell("web", OK("6"), "[]");
	check(reader.doubts && !reader.bad && catalog_find(&catalog, "web")->wanted, "the first time", "is doubted");
	reader.doubts = false;
	tell("web", OK("6"), "[]");
	check(!reader.doubts && reader.bad == 1, "the second time", "it cannot be read");
	known(now, WEB);
	tell("web", OK("6"), "[" INSTANCE("a", "80") "]");
	check(!catalog_find(&catalog, "web")->doubted, "with an instance", "it is over");
	tell("web", OK("7"), "[{'ID':'a','ServiceName':'db','Tags':['dill'],'Address':'1.1.1.1','Port':1}]");
	check(reader.doubts, "instances of another service", "are none");
	close_all();
}

/* With all namespaces, a token that may read nowhere is shown an empty list with index 0. */
static void blind_cases(void)
{
	int64_t now = sys_now();

	open_all("*", false);
	ring(0, OK("5"), NAMES(NAME("web")));
	tell("default/web", OK("5"), "[" INSTANCE("a", "80") "]");
	known(now, "default/" WEB);
	check(!ring(0, OK("0"), "[]") && !nomad_bells_answered(&bells), "an empty list with index 0", "tells nothing");
	check(catalog_find(&catalog, "default/web")->listed && source.down && !bells.items[0].poll.index, "what was known", "stays");
	check(longpoll_at(&bells.items[0].poll) >= now + 1000, "the next question", "waits a second");
	check(!ring(0, "200 OK", "[]") && !nomad_bells_answered(&bells), "nor does one", "without an index");
	check(source.counters.outages == 1, "the outage", "is counted once");
	check(!ring(0, OK("8"), "[]") && nomad_bells_answered(&bells), "an empty list with an index", "is empty");
	check(!catalog_find(&catalog, "default/web")->listed, "the name", "has gone");
	check(!ring(0, "200 OK", NAMES(NAME("web"))) && nomad_bells_answered(&bells), "names without an index", "are names");
	tell("default/web", "403 Forbidden", "Permission denied");
	check(reader.doubts && !reader.bad, "a service that may not be read", "makes the list doubtful");
	close_all();
}

/* Of a list, one that may not be read keeps its services, and the others go on. */
static void list_cases(void)
{
	int64_t now = sys_now();
	const char *why;

	open_all("one, two", false);
	check(bells.count == 2 && strcmp(bells.items[1].namespace, "two") == 0, "bells", "one each");
	check(!ring(0, OK("5"), "[{'Namespace':'one','Services':[" NAME("web") "]}]") && !nomad_bells_answered(&bells), "the first",
	      "is not enough");
	check(!ring(1, "403 Forbidden", "Permission denied") && nomad_bells_answered(&bells), "the second", "is refused");
	check(longpoll_at(&bells.items[1].poll) >= now + 5000 && !api.code && !api.pause, "it is asked for again", "later");
	check(!ring(1, OK("6"), "[{'Namespace':'two','Services':[" NAME("web") "]}]"), "then it may", "be read");
	chosen(now, "one/web two/web");
	check(!ring(1, "403 Forbidden", "Permission denied"), "refused again", "");
	check(catalog_find(&catalog, "two/web")->listed, "its services", "stay");
	why = ring(0, "403 Forbidden", "Permission denied");
	check(why && strstr(why, "Permission denied"), "all of them refused", "is an outage");
	close_all();
}

/* Nothing is told before each name has been read, or has failed: neither a doubt nor an old answer is a reading. */
static void whole_cases(void)
{
	open_all("default", true);
	ring(0, OK("9"), NAMES(NAME("web")));
	reader.least = 9;
	check(!nomad_sweep_whole(&sweep), "a name that has not been read", "waits");
	tell("web", OK("8"), "[" INSTANCE("a", "80") "]");
	check(!nomad_sweep_whole(&sweep), "after an answer from before", "it still does");
	tell("web", OK("9"), "[]");
	check(!nomad_sweep_whole(&sweep), "and after one that contradicts the list", "");
	tell("web", OK("9"), "[]");
	check(nomad_sweep_whole(&sweep), "one that has failed", "has been read");
	tell("web", OK("9"), "[" INSTANCE("a", "80") "]");
	check(nomad_sweep_whole(&sweep), "so has one", "that was good");
	close_all();
}

/* With `stale`, a server may be behind the one that rang. */
static void stale_cases(void)
{
	open_all("default", true);
	ring(0, OK("9"), NAMES(NAME("web")));
	reader.least = nomad_bells_index(&bells);
	tell("web", OK("8"), "[]");
	check(!reader.good && !reader.doubts && catalog_find(&catalog, "web")->wanted, "an older answer", "is asked for again");
	tell("web", OK("9"), "[" INSTANCE("a", "80") "]");
	known(sys_now(), WEB);
	tell("web", OK("8"), "[" INSTANCE("a", "81") "]");
	known(sys_now(), WEB);
	reader.behind -= PATIENCE_MS;
	ring(0, OK("10"), NAMES(NAME("web")));
	reader.least = nomad_bells_index(&bells);
	tell("web", OK("8"), "[" INSTANCE("a", "81") "]");
	known(sys_now(), "web(a any:1 1.1.1.1:81*1 #3)");
	close_all();
}

static size_t lines_with(const char *log, const char *text)
{
	size_t count = 0;

	for (; (log = strstr(log, text)); log += strlen(text))
		count++;
	return count;
}

int main(void)
{
	struct capture capture;
	struct buf log = { 0 };

	capture_start(&capture);
	ring_cases();
	pace_cases();
	reading_cases();
	hold_cases();
	doubt_cases();
	blind_cases();
	list_cases();
	stale_cases();
	whole_cases();
	capture_end(&capture, &log);
	check(lines_with(log.data, "namespace *: an empty answer without an index") == 1, "an outage is said once", log.data);
	check(lines_with(log.data, "namespace two: answered 403: Permission denied") == 2, "so is a refusal", log.data);
	check(lines_with(log.data, "service db: answered 500: rpc error; keeping") == 1, "and a service that fails", log.data);
	buf_free(&log);
	return check_sum();
}
