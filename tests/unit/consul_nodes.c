/* Cases for consul_nodes.c and consul_stamp.c: what a node lists, against what was read by name. Answers are written with ' for ". */
#include "base.h"

#include <string.h>

#include "check.h"
#include "../../consul_nodes.h"
#include "../../json.h"
#include "../../sys.h"
#include "../../text.h"

static struct catalog catalog;
static struct consul_nodes nodes;

/* An answer; its text is in *text. */
static struct json read_answer(struct buf *text, const char *quoted)
{
	struct json json = { 0 };

	buf_puts(text, quoted);
	for (size_t i = 0; i < text->len; i++)
		if (text->data[i] == '\'')
			text->data[i] = '"';
	check(!json_parse(&json, text->data, text->len), "JSON", quoted);
	return json;
}

static void take(const char *what, const char *answer)
{
	struct buf text = { 0 };
	struct json json = read_answer(&text, answer);
	bool moved = false;

	if (*what == '/')
		consul_nodes_take(&nodes, &json);
	else if (!*what)
		check(!catalog_names(&catalog, &json, &moved), "names", answer);
	else
		check(!catalog_reading(&catalog, catalog_find(&catalog, what), &json, 1), "reading", answer);
	json_free(&json);
	buf_free(&text);
}

/* The names that are wanted, in one line; none of them is any more. */
static void wanted(size_t count, const char *want, const char *when)
{
	struct buf got = { 0 };
	size_t all = 0;

	buf_puts(&got, "");
	for (size_t i = 0; i < catalog.count; i++) {
		if (catalog.names[i].wanted && ++all)
			buf_printf(&got, "%s%s", got.len ? " " : "", catalog.names[i].name);
		catalog.names[i].wanted = false;
	}
	check(strcmp(got.data, want) == 0, when, got.data);
	check(all == count, "as many as were counted", when);
	buf_free(&got);
}

static size_t list(const char *node, const char *answer)
{
	const struct consul_node *at = nodes.items;
	struct buf text = { 0 };
	struct json json = read_answer(&text, answer);
	size_t count = 0;

	while (strcmp(at->name, node) != 0)
		at++;
	consul_nodes_begin(&nodes, &catalog, at);
	for (JSON_EACH(&json, 0, element))
		count += consul_nodes_element(&nodes, &catalog, &json, element);
	count += consul_nodes_end(&nodes, &catalog);
	json_free(&json);
	buf_free(&text);
	return count;
}

#define SERVICE(name, id, port, index) \
	"{'ID':'" id "','Service':'" name "','Tags':['dill'],'Address':'','Port':" port ",'ModifyIndex':" index "}"
#define READ(node, service) "{'Node':{'Node':'" node "','Address':'1.1.1.1'},'Service':" service "}"
#define UNMARKED "{'Node':{'Node':'one'},'Service':{'ID':'z','Service':'a','Tags':['x'],'Port':1,'ModifyIndex':3}}"
#define ONE_A SERVICE("a", "a1", "80", "5") "," SERVICE("a", "a2", "81", "6")
#define ONE_B SERVICE("b", "b1", "80", "7")

static void list_cases(void)
{
	catalog_open(&catalog, "dill");
	take("/", "[{'Node':'two','Address':'1.1.1.2'},{'Node':'one','Address':'1.1.1.1'},{'Node':'three','Address':'1.1.1.3'}]");
	take("", "{'a':['dill'],'b':['dill'],'c':['dill'],'x':['other']}");
	take("a", "[" READ("one", SERVICE("a", "a1", "80", "5")) "," READ("one", SERVICE("a", "a2", "81", "6")) ","
	          READ("two", SERVICE("a", "a3", "80", "9")) "," READ("one", SERVICE("A", "a4", "80", "9")) "," UNMARKED "]");
	take("b", "[" READ("one", ONE_B) "]");
	take("c", "[]");
	wanted(3, "a b c", "names that are new");
	wanted(list("one", "[" ONE_A "," ONE_B "]"), "", "as it was read");
	wanted(list("one", "[" ONE_B "," SERVICE("a", "a2", "81", "6") "," SERVICE("a", "a1", "80", "5") "]"), "", "another order");
	wanted(list("two", "[" SERVICE("a", "a3", "80", "9") "]"), "", "another node");
	wanted(list("three", "[]"), "", "a node with nothing");
	wanted(list("one", "[" SERVICE("a", "a1", "80", "5") "," SERVICE("a", "a2", "81", "8") "," ONE_B "]"), "a", "an index");
	wanted(list("one", "[" ONE_A "," SERVICE("b", "b1", "82", "7") "]"), "b", "a port, of another server's data");
	wanted(list("one", "[" ONE_A "," SERVICE("b", "b2", "80", "7") "]"), "b", "an ID");
	wanted(list("one", "[" ONE_A "]"), "b", "one that is gone");
	wanted(list("one", "[" ONE_A "," ONE_B "," SERVICE("c", "c1", "80", "11") "]"), "c", "a new one");
	wanted(list("three", "[" SERVICE("c", "c1", "80", "11") "]"), "c", "a new one, on a node that had none");
	wanted(list("one", "[" ONE_A "," ONE_B "," SERVICE("a", "a5", "80", "12") "]"), "a", "one more of a name");
	wanted(list("one", "[" ONE_A "," ONE_B "," SERVICE("new", "n", "80", "12") ",{'ID':'n'},7]"), "", "a name that the list does not have yet");
	wanted(list("two", "[]"), "a", "all that a node had");
}

static void change_cases(void)
{
	take("c", "[" READ("three", SERVICE("c", "c1", "80", "11")) "]");
	wanted(list("three", "[" SERVICE("c", "c1", "80", "11") "]"), "", "what has been read since counts");
	take("", "{'0':['dill'],'a':['dill'],'b':['dill'],'c':['dill']}");
	wanted(1, "0", "a name before all others");
	wanted(list("one", "[" ONE_A "," ONE_B "]"), "", "the names have moved");
	wanted(list("three", "[]"), "c", "the names have moved, and one is gone");
	catalog_find(&catalog, "c")->wanted = true;
	check(list("three", "[]") == 0, "none", "it is wanted already");
	wanted(1, "c", "it is wanted already");
	wanted(consul_nodes_gone(&nodes, &catalog), "", "no node is gone");
	nodes.items[0].again_at = 77;
	take("/", "[{'Node':'two'},{'Node':'one'}]");
	wanted(consul_nodes_gone(&nodes, &catalog), "c", "one is gone");
	take("/", "[{'Node':7},{'Address':''},{'Node':''}]");
	check(!nodes.count, "nodes without a name", "none");
	wanted(consul_nodes_gone(&nodes, &catalog), "a b c", "all are gone");
	consul_nodes_free(&nodes);
	catalog_close(&catalog);
}

int main(void)
{
	list_cases();
	change_cases();
	return check_sum();
}
