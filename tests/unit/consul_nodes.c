/* Cases for consul_nodes.c: what a node lists, against what was read by name. Answers are written with ' for ". */
#include "base.h"

#include <string.h>

#include "check.h"
#include "../../consul_bell.h"
#include "../../consul_nodes.h"
#include "../../text.h"

static struct catalog catalog;
static struct consul_nodes nodes;

static struct buf plain(const char *quoted)
{
	struct buf text = { 0 };

	buf_puts(&text, quoted);
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] == '\'')
			text.data[i] = '"';
	return text;
}

static void take_names(const char *answer)
{
	struct buf text = plain(answer);
	struct consul_bell bell;

	consul_bell_open(&bell, CONSUL_BELL_NAMES, &catalog);
	json_walk_start(&bell.walk);
	json_walk_add(&bell.walk, text.data, text.len);
	check(!json_walk_end(&bell.walk) && !consul_bell_judge(&bell), "names", answer);
	consul_bell_take(&bell);
	consul_bell_close(&bell);
	buf_free(&text);
}

static bool take_nodes(const char *answer)
{
	struct buf text = plain(answer);
	struct consul_bell bell;
	bool alone;

	consul_bell_open(&bell, CONSUL_BELL_NODES, &catalog);
	json_walk_start(&bell.walk);
	json_walk_add(&bell.walk, text.data, text.len);
	check(!json_walk_end(&bell.walk) && !consul_bell_judge(&bell), "nodes", answer);
	alone = consul_nodes_take(&nodes, &bell.node_names);
	consul_bell_close(&bell);
	buf_free(&text);
	return alone;
}

static void take(const char *name, const char *answer)
{
	struct buf text = plain(answer);
	struct instance_reading reading;

	instance_open(&reading, "dill", &catalog.failing);
	reading.name = name;
	json_walk_start(&reading.walk);
	json_walk_add(&reading.walk, text.data, text.len);
	check(!json_walk_end(&reading.walk) && !instance_end(&reading), "reading", answer);
	catalog_reading(&catalog, catalog_find(&catalog, name), &reading, 1);
	instance_close(&reading);
	buf_free(&text);
}

/* The names that are wanted, in one line; none of them is any more. */
static void wanted(const char *want, const char *when)
{
	struct buf got = { 0 };

	buf_puts(&got, "");
	for (size_t i = 0; i < catalog.count; i++) {
		if (catalog.names[i].wanted)
			buf_printf(&got, "%s%s", got.len ? " " : "", catalog.names[i].name);
		catalog.names[i].wanted = false;
	}
	check(strcmp(got.data, want) == 0, when, got.data);
	buf_free(&got);
}

static struct consul_node *node_of(const char *name)
{
	struct consul_node *at = nodes.items;

	while (strcmp(at->name, name) != 0)
		at++;
	return at;
}

static const char *compare(const char *node, const char *quoted)
{
	struct buf text = plain(quoted);
	const char *why;
	bool differs;

	why = consul_nodes_compare(&nodes, &catalog, node_of(node), (struct slice){ text.data, text.len }, &differs);
	buf_free(&text);
	return why;
}

/* Compares a list, and says what is then wanted. */
static void list(const char *node, const char *services, const char *want, const char *when)
{
	struct buf answer = { 0 };

	buf_printf(&answer, "{'Node':{'Node':'%s'},'Services':%s}", node, services);
	check(!compare(node, answer.data), "a list", when);
	wanted(want, when);
	buf_free(&answer);
}

static void gone(const char *want, const char *when)
{
	consul_nodes_gone(&nodes, &catalog);
	wanted(want, when);
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
	check(!take_nodes("[{'Node':'two','Address':'1.1.1.2'},{'Node':'one','Address':'1.1.1.1'},{'Node':'three','Address':'1.1.1.3'}]"),
	      "none is new", "the first nodes");
	take_names("{'a':['dill'],'b':['dill'],'c':['dill'],'x':['other']}");
	take("a", "[" READ("one", SERVICE("a", "a1", "80", "5")) "," READ("one", SERVICE("a", "a2", "81", "6")) ","
	          READ("two", SERVICE("a", "a3", "80", "9")) "," READ("one", SERVICE("A", "a4", "80", "9")) "," UNMARKED "]");
	take("b", "[" READ("one", ONE_B) "]");
	take("c", "[]");
	wanted("a b c", "names that are new");
	list("one", "[" ONE_A "," ONE_B "]", "", "as it was read");
	list("one", "[" ONE_B "," SERVICE("a", "a2", "81", "6") "," SERVICE("a", "a1", "80", "5") "]", "", "another order");
	list("two", "[" SERVICE("a", "a3", "80", "9") "]", "", "another node");
	list("three", "[]", "", "a node with nothing");
	list("one", "[" SERVICE("a", "a1", "80", "5") "," SERVICE("a", "a2", "81", "8") "," ONE_B "]", "a", "an index");
	list("one", "[" ONE_A "," SERVICE("b", "b1", "82", "7") "]", "b", "a port, of another server's data");
	list("one", "[" ONE_A "," SERVICE("b", "b2", "80", "7") "]", "b", "an ID");
	list("one", "[" ONE_A "]", "b", "one that is gone");
	list("one", "[" ONE_A "," ONE_B "," SERVICE("c", "c1", "80", "11") "]", "c", "a new one");
	list("three", "[" SERVICE("c", "c1", "80", "11") "]", "c", "a new one, on a node that had none");
	list("one", "[" ONE_A "," ONE_B "," SERVICE("a", "a5", "80", "12") "]", "a", "one more of a name");
	list("one", "[" ONE_A "," ONE_B "," SERVICE("new", "n", "80", "12") ",{'ID':'n'},7]", "", "a name that the list does not have yet");
	list("two", "[]", "a", "all that a node had");
}

static void change_cases(void)
{
	take("c", "[" READ("three", SERVICE("c", "c1", "80", "11")) "]");
	list("three", "[" SERVICE("c", "c1", "80", "11") "]", "", "what has been read since counts");
	check(nodes.known_count == 1, "one service is known", "of one node");
	list("one", "[" ONE_A "," ONE_B "]", "", "another node");
	check(nodes.known_count == 4, "all", "of all nodes, as another one is looked at");
	take_names("{'0':['dill'],'a':['dill'],'b':['dill'],'c':['dill']}");
	wanted("0", "a name before all others");
	list("one", "[" ONE_A "," ONE_B "]", "", "the names have moved");
	list("three", "[]", "c", "the names have moved, and one is gone");
	catalog_find(&catalog, "c")->wanted = true;
	list("three", "[]", "c", "it is wanted already");
	gone("", "no node is gone");
	nodes.items[0].again_at = 77;
	check(!take_nodes("[{'Node':'two'},{'Node':'one'}]"), "none", "a new node");
	gone("c", "one is gone");
	check(take_nodes("[{'Node':'two'},{'Node':'four'},{'Node':'one'}]") && node_of("four")->alone && !node_of("one")->alone,
	      "it is to be asked", "a new node");
	take_nodes("[{'Address':''},{'Node':''}]");
	check(!nodes.count, "nodes without a name", "none");
	gone("a b c", "all are gone");
	consul_nodes_free(&nodes);
	catalog_close(&catalog);
}

/* Lists that tell nothing, and such as were seen before. */
static void same_cases(void)
{
	static const char one[] = "{'Services':[" ONE_A "," ONE_B "]}", other[] = "{'Services':[" ONE_A "]}";

	check(compare("one", "{'Node':null,'Services':null}") == consul_nodes_unknown, "unknown", "null");
	check(compare("one", "{}") && compare("one", "[]") && compare("one", "{'Services':{}}") && compare("one", "{'Services':["),
	      "no list", "wrong shapes");
	wanted("", "what is no list");
	check(!compare("one", one) && node_of("one")->list, "kept", "a list that differs in nothing");
	check(!compare("one", one), "again", "the same");
	wanted("", "the same");
	check(!compare("one", other) && !node_of("one")->list, "not kept", "one that differs");
	wanted("b", "one that differs");
	check(!compare("one", other), "again", "as long as it differs");
	wanted("b", "as long as it differs");
	check(!compare("one", one) && node_of("one")->list, "kept", "as before");
	take("b", "[" READ("one", SERVICE("b", "b1", "80", "6")) "]");
	check(!compare("one", one), "again", "the same list, but a reading says something else");
	wanted("b", "the same list, but a reading says something else");
}

int main(void)
{
	list_cases();
	same_cases();
	take("b", "[" READ("one", ONE_B) "]");
	change_cases();
	return check_sum();
}
