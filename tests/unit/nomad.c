/* Cases for nomad_api.c, nomad_names.c and nomad_instance.c: answers go in, names and lists of services come out. Answers are
 * written with ' for ". */
#include "base.h"

#include <stdio.h>
#include <string.h>

#include "check.h"
#include "list.h"
#include "../../answer.h"
#include "../../nomad_api.h"
#include "../../nomad_instance.h"
#include "../../nomad_names.h"

static struct buf quoted(const char *text)
{
	struct buf out = { 0 };

	buf_puts(&out, text);
	for (size_t i = 0; i < out.len; i++)
		if (out.data[i] == '\'')
			out.data[i] = '"';
	return out;
}

/* Instances. */

#define TAGS(tags) "'Tags':[" tags "]"
#define LISTENS TAGS("'dill','dill.listener=any:1'")
#define ONE(id, more) "{'ID':'" id "','ServiceName':'web','Namespace':'default'," more "}"
#define AT(address, port) "'Address':'" address "','Port':" port
#define PLAIN "web(w any:1 1.1.1.1:80*1)"

static const struct {
	const char *name, *answer, *want; /* want: the list, or why there is none */
	bool several;
} instances[] = {
	{ "web", "[]", "", false },
	{ "web", "[" ONE("w", LISTENS "," AT("1.1.1.1", "80")) "]", PLAIN, false },
	{ "web", "[" ONE("w", LISTENS "," AT("1.1.1.1", "80") ",'CreateIndex':7,'ModifyIndex':9,'JobID':'j','NodeID':'n'") "]",
	  "web(w any:1 1.1.1.1:80*1 #7)", false },
	{ "web", "[" ONE("b", LISTENS "," AT("1.1.1.1", "80")) "," ONE("a", LISTENS "," AT("1.1.1.2", "81")) "]",
	  "web(a any:1 1.1.1.2:81*1) web(b any:1 1.1.1.1:80*1)", false },
	/* tags are each instance's own: those of a canary are its canary_tags */
	{ "web", "[" ONE("a", TAGS("'canary'") "," AT("1.1.1.1", "80")) "," ONE("b", LISTENS "," AT("1.1.1.1", "80")) "]",
	  "web(a ?it has no tag dill) web(b any:1 1.1.1.1:80*1)", false },
	{ "web", "[" ONE("w", "'Tags':null," AT("1.1.1.1", "80")) "]", "web(w ?it has no tag dill)", false },
	{ "web", "[" ONE("w", TAGS("'dill','dill.listener=any:1','dill.alow=::1'") "," AT("1.1.1.1", "80")) "]",
	  "web(w any:1 1.1.1.1:80*1 !its tag dill.alow is unknown; the nearest one is dill.allow)", false },
	{ "web", "[" ONE("w", TAGS("'dill','dill.listener=any:1','dill.proxy=socks5://h:1?a=b'") "," AT("1.1.1.1", "80")) "]",
	  "web(w any:1 1.1.1.1:80*1 proxy=socks5://h:1?a=b)", false },
	/* addresses */
	{ "web", "[" ONE("w", LISTENS "," AT("::1", "80")) "]", "web(w any:1 ::1:80*1)", false },
	{ "web", "[" ONE("w", LISTENS "," AT("db.example", "80")) "]", "web(w any:1 db.example:80*1)", false },
	{ "web", "[" ONE("w", LISTENS "," AT("1.1.1.1", "0")) "]", "web(w any:1 !its instance has no port)", false },
	{ "web", "[" ONE("w", LISTENS "," AT("1.1.1.1", "65536")) "]", "web(w any:1 !its instance has no port)", false },
	{ "web", "[" ONE("w", LISTENS "," AT("", "80")) "]", "web(w any:1 !its instance has no address)", false },
	{ "web", "[" ONE("w", LISTENS ",'Port':80") "]", "web(w any:1 !its instance has no address)", false },
	{ "web", "[" ONE("w", LISTENS "," AT("a b", "80")) "]", "web(w any:1 !its instance has an address that is none)", false },
	{ "web", "[" ONE("v", LISTENS "," AT("1.1.1.1", "0")) "," ONE("w", LISTENS "," AT("1.1.1.1", "80")) "]",
	  "web(v any:1 !its instance has no port) " PLAIN, false },
	/* whose they are */
	{ "other", "[" ONE("w", LISTENS "," AT("1.1.1.1", "80")) "]", "", false },
	{ "default/web", "[" ONE("w", LISTENS "," AT("1.1.1.1", "80")) "]", "default/web(w any:1 1.1.1.1:80*1)", true },
	{ "ops/web", "[" ONE("w", LISTENS "," AT("1.1.1.1", "80")) "]", "", true },
	/* what tells nothing */
	{ "web", "{}", "the instances are no list", false }, { "web", "null", "the instances are no list", false },
	{ "web", "[[]]", "an instance is no object", false }, { "web", "[7]", "an instance is no object", false },
	{ "web", "[" ONE("w", LISTENS "," AT("1.1.1.1", "'80'")) "]", "Port is no whole number", false },
	{ "web", "[" ONE("w", LISTENS ",'Address':'1.1.1.1'") "]", "Port is no whole number", false },
	{ "web", "[" ONE("w", LISTENS ",'Address':7,'Port':80") "]", "Address is no text", false },
	{ "web", "[" ONE("w", "'Tags':['dill',7]," AT("1.1.1.1", "80")) "]", "a tag is no text", false },
	{ "web", "[" ONE("w", "'Tags':'dill'," AT("1.1.1.1", "80")) "]", "Tags is no list", false },
	{ "web", "[{" LISTENS "," AT("1.1.1.1", "80") "}]", "ID is no text", false },
};

static void instance_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(instances); i++) {
		struct buf answer = quoted(instances[i].answer), got = { 0 };
		struct nomad_instances reading;
		const char *why;

		nomad_instances_open(&reading, "dill", instances[i].several);
		why = nomad_instances_read(&reading, instances[i].name, &answer);
		if (why)
			buf_puts(&got, why);
		else
			list_put(&got, reading.list);
		check(strcmp(got.data, instances[i].want) == 0, instances[i].want, got.data);
		check(!why || why == reading.why, "what is wrong is no broken JSON", got.data);
		for (size_t cut = 1; !why && cut < answer.len; cut++) {
			struct buf part = { .data = answer.data, .len = answer.len - cut };

			check(nomad_instances_read(&reading, instances[i].name, &part) && !reading.why, "a text cut short", answer.data);
		}
		nomad_instances_close(&reading);
		buf_free(&answer);
		buf_free(&got);
	}
}

/* Names. */

#define SPACE(namespace, services) "{'Namespace':'" namespace "','Services':[" services "]}"
#define NAME(name, tags) "{'ServiceName':'" name "','Tags':[" tags "]}"

/* The names that are wanted, or why the answer is none. */
static void ask_names(struct catalog *catalog, const char *asked, bool several, const char *text, const char *want)
{
	struct buf answer = quoted(text), got = { 0 };
	struct nomad_names names;
	const char *why = NULL;
	bool changed = false;

	nomad_names_open(&names, "dill", asked, several);
	json_walk_start(&names.walk);
	for (size_t at = 0; at < answer.len; at += 7) /* as it may arrive */
		json_walk_add(&names.walk, answer.data + at, answer.len - at < 7 ? answer.len - at : 7);
	why = json_walk_end(&names.walk);
	why = why ? why : nomad_names_judge(&names);
	if (!why)
		changed = nomad_names_take(&names, catalog);
	buf_puts(&got, why ? why : "");
	for (size_t i = 0; !why && i < catalog->count; i++) {
		if (catalog->names[i].wanted)
			buf_printf(&got, "%s%s%s", got.len ? " " : "", catalog->names[i].name, catalog->names[i].listed ? "" : "-");
		catalog->names[i].wanted = false;
	}
	check(strcmp(got.data, want) == 0, want, got.data);
	check(changed == (!why && *want), "whether something has changed", text);
	nomad_names_close(&names);
	buf_free(&answer);
	buf_free(&got);
}

static void one_namespace_cases(void)
{
	struct catalog c;

	catalog_open(&c, "dill");
	ask_names(&c, "default", false, "[]", "");
	ask_names(&c, "default", false, "[" SPACE("default", NAME("b", "'dill'") "," NAME("a", "'x','dill'") "," NAME("x", "'y'")) "]", "a b");
	ask_names(&c, "default", false, "[" SPACE("default", NAME("a", "'dill','x'") "," NAME("b", "'dill'")) "]", "");
	ask_names(&c, "default", false, "[" SPACE("default", NAME("a", "'dill','x2'") "," NAME("b", "'dill'")) "]", "a");
	ask_names(&c, "default", false, "[" SPACE("default", NAME("a", "'x2'") "," NAME("b", "'\\u0064ill'")) "]", "a-");
	ask_names(&c, "default", false, "[{'Namespace':'default','Services':null}]", "b-");
	ask_names(&c, "default", false, "[" SPACE("default", NAME("n", "'dill'") "," NAME("n", "'dill'")) "]", "n");
	check(c.count == 3, "a name that stands there twice", "is one");
	ask_names(&c, "default", false, "[" SPACE("default", NAME("n", "'dill'") "," NAME("n\\u0000x", "'dill','v'")) "]", "");
	ask_names(&c, "default", false, "[" SPACE("default", "{'ServiceName':'n','Tags':['dill']}, {'ServiceName':'m'}") "]", "");
	/* what tells nothing, and takes nothing */
	ask_names(&c, "default", false, "{}", "the services are no list");
	ask_names(&c, "default", false, "null", "the services are no list");
	ask_names(&c, "default", false, "[[]]", "a namespace is no object");
	ask_names(&c, "default", false, "[{'Services':7}]", "Services is no list");
	ask_names(&c, "default", false, "[{'Services':{}}]", "Services is no list");
	ask_names(&c, "default", false, "[{'Namespace':'default'}]", "Services is no list");
	ask_names(&c, "default", false, "[" SPACE("default", "7") "]", "a service is no object");
	ask_names(&c, "default", false, "[" SPACE("default", "{'ServiceName':1}") "]", "ServiceName is no text");
	ask_names(&c, "default", false, "[" SPACE("default", "{'ServiceName':'n','Tags':['dill',1]}") "]", "a tag is no text");
	ask_names(&c, "default", false, "[" SPACE("default", NAME("new", "'dill'")), "the text ends too early");
	ask_names(&c, "default", false, "[" SPACE("default", NAME("n", "'dill'")) "]", "");
	check(catalog_find(&c, "n")->listed && !catalog_find(&c, "new"), "of what tells nothing", "nothing was taken");
	catalog_close(&c);
}

static void several_namespaces_cases(void)
{
	struct catalog c;

	catalog_open(&c, "dill");
	ask_names(&c, "*", true, "[" SPACE("one", NAME("web", "'dill'")) "," SPACE("two", NAME("web", "'dill'") "," NAME("x", "")) "]",
	          "one/web two/web");
	ask_names(&c, "*", true, "[{'Services':[" NAME("web", "'dill'") "],'Namespace':'one'}," SPACE("two", NAME("web", "'dill'")) "]", "");
	ask_names(&c, "*", true, "[" SPACE("two", NAME("web", "'dill','v2'")) "]", "one/web- two/web");
	ask_names(&c, "*", true, "[" SPACE("a/b", NAME("web", "'dill'")) "]", "Namespace is the name of none");
	ask_names(&c, "*", true, "[" SPACE("", NAME("web", "'dill'")) "]", "Namespace is the name of none");
	ask_names(&c, "*", true, "[{'Services':[" NAME("web", "'dill'") "]}]", "Namespace is no text");
	catalog_close(&c);
	/* each list of several says of its own only */
	catalog_open(&c, "dill");
	ask_names(&c, "one", true, "[" SPACE("one", NAME("web", "'dill'")) "]", "one/web");
	ask_names(&c, "on", true, "[" SPACE("on", NAME("web", "'dill'")) "]", "on/web");
	ask_names(&c, "on", true, "[]", "on/web-");
	check(catalog_find(&c, "one/web")->listed, "another namespace", "stays");
	ask_names(&c, "one", true, "[" SPACE("two", NAME("web", "'dill'")) "]", "one/web-");
	check(!catalog_find(&c, "two/web"), "what was not asked for", "is not taken");
	catalog_close(&c);
}

/* Requests, and answers as a whole. */

static const struct {
	const char *namespace, *region;
	bool stale;
	const char *service, *path; /* service NULL: the names */
} paths[] = {
	{ "default", "", false, NULL, "/v1/services?namespace=default" },
	{ "default", "", false, "web", "/v1/service/web?namespace=default" },
	{ "default", "", false, "a/b c", "/v1/service/a%2Fb%20c?namespace=default" },
	{ "*", "", false, "ops/web", "/v1/service/web?namespace=ops" },
	{ "one,two", "", false, "two/web", "/v1/service/web?namespace=two" },
	{ "default", "eu", true, "web", "/v1/service/web?namespace=default&region=eu&stale=" },
	{ "default", "e u", true, NULL, "/v1/services?namespace=default&region=e%20u&stale=" },
};

static void path_cases(void)
{
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct nomad_settings settings = {
			.address = "http://h/x/", .token = i % 2 ? "t0k3n" : "", .token_file = "", .namespace = paths[i].namespace,
			.region = paths[i].region, .stale = paths[i].stale
		};
		struct nomad_api api;
		struct buf out = { 0 }, want = { 0 };

		check(!nomad_api_open(&api, &settings), "the address", settings.address);
		if (paths[i].service)
			nomad_api_service(&api, paths[i].service);
		else
			nomad_api_names(&api, paths[i].namespace);
		nomad_api_finish(&api, &out);
		buf_printf(&want, "GET /x%s HTTP/1.1\r\n", paths[i].path);
		check(strncmp(out.data, want.data, want.len) == 0, want.data, out.data);
		check(!strstr(out.data, "\r\nX-Nomad-Token: t0k3n\r\n") == !(i % 2), "the token", out.data);
		check(!strstr(out.data, "Accept-Encoding"), "gzip", "is not asked for");
		nomad_api_close(&api);
		buf_free(&out);
		buf_free(&want);
	}
}

static const struct {
	const char *answer, *why; /* NULL: it is one */
	int code;
	int64_t pause;
} answers[] = {
	{ "200 OK\r\nX-Nomad-Index: 5\r\n\n[]", NULL, 0, 0 },
	{ "200 OK\r\nX-Nomad-KnownLeader: true\r\n\n[]", NULL, 0, 0 },
	{ "200 OK\r\nx-nomad-knownleader: False\r\n\n[]", "200, but the server knows no leader", 0, 0 },
	{ "200 OK\r\nX-Nomad-NextToken: default.web.x\r\n\n[]", "200, but with a part of the answer only", 0, 0 },
	{ "200 OK\r\nX-Nomad-NextToken:\r\n\n[]", NULL, 0, 0 },
	{ "500 Internal Server Error\r\n\nNo cluster leader", "answered 500: No cluster leader", 500, 0 },
	{ "403 Forbidden\r\n\nPermission denied", "answered 403: Permission denied", 403, 5000 },
	{ "403 Forbidden\r\n\nno token t0k3n", "answered 403: (words with the token in them)", 403, 5000 },
	{ "429 Too Many Requests\r\nRetry-After: 3\r\n\nslow", "answered 429: slow", 429, 3000 },
	{ "400 Bad Request\r\n\nInvalid index", "answered 400: Invalid index", 400, 0 },
};

/* Behind a zero byte, which is shown as other bytes are. */
static void hidden_case(void)
{
	struct http_response response = { .status = 500 };

	buf_add(&response.body, "no\0t0k3n", 8);
	check(answer_repeats(&response, slice_of("t0k3n")) && !answer_repeats(&response, slice_of("t0k4n")), "a token behind a zero byte", "is seen");
	http_response_free(&response);
}

static void judge_cases(void)
{
	struct nomad_settings settings = { .address = "h", .token = "t0k3n", .token_file = "", .namespace = "default" };

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		size_t head = strcspn(answers[i].answer, "\n") + 1, used;
		const char *body = strstr(answers[i].answer, "\r\n\n") + 3, *why;
		struct http_response response = { .max_body = 1000 };
		struct nomad_api api;
		struct buf text = { 0 };

		buf_printf(&text, "HTTP/1.1 %.*sContent-Length: %zu\r\n%.*s\r\n%s", (int)head, answers[i].answer, strlen(body),
		           (int)(body - 1 - answers[i].answer - (ptrdiff_t)head), answers[i].answer + head, body);
		nomad_api_open(&api, &settings);
		check(!http_parse(&response, text.data, text.len, &used) && response.done, "the answer", text.data);
		why = nomad_api_judge(&api, &response);
		check(!why == !answers[i].why && (!why || strcmp(why, answers[i].why) == 0), answers[i].answer, why ? why : "is one");
		check(api.code == answers[i].code && api.pause == answers[i].pause, "its code and pause", answers[i].answer);
		nomad_api_close(&api);
		http_response_free(&response);
		buf_free(&text);
	}
}

int main(void)
{
	instance_cases();
	one_namespace_cases();
	several_namespaces_cases();
	path_cases();
	judge_cases();
	hidden_case();
	return check_sum();
}
