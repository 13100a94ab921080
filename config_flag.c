#include "base.h"
#include "config_flag.h"

#include <limits.h>
#include <string.h>

#include "config_apply.h"
#include "format.h"
#include "net.h"
#include "option.h"
#include "print.h"
#include "sources.h"
#include "sys.h"

/* Words that are no keys. */
enum flag {
	FLAG_FILE, FLAG_EXPLAIN, FLAG_PLAN, FLAG_CHECK, FLAG_STRICT, FLAG_LADDR, FLAG_CONNECTIONS, FLAG_BACKEND, FLAG_PROXY,
	FLAG_DEBUG, FLAG_VERSION, FLAG_HELP, FLAG_KEY
};

/* One row a word: flags and --help follow from it. */
static const struct word {
	enum flag flag;
	const char *name, *also; /* two names */
	const char *value; /* the value's name behind a blank; "": it takes none, it is a switch */
	const char *help;
} words[] = {
	{ FLAG_FILE, "config", "c", " FILE",
	  "configuration file (.toml .ini .conf .yaml .yml .json .hcl .env .properties)" },
	{ FLAG_EXPLAIN, "explain", NULL, " NAME", "say why the service is or is not routed: of each instance, each tag; exit" },
	{ FLAG_PLAN, "plan", NULL, "",
	  "read the sources once, print what would change against the running dill, with + - ~;\n        "
	  "exit 0: nothing, 2: something, 1: a source did not answer" },
	{ FLAG_CHECK, "test", "t", "",
	  "check the configuration, print each value and its place, and which services are accepted; exit" },
	{ FLAG_STRICT, "strict", NULL, "", "with -t: a key of the file that nobody knows is an error" },
	{ FLAG_LADDR, "laddr", NULL, " ADDR", "where the BACKENDs are exposed (default :4000)" },
	{ FLAG_CONNECTIONS, "connections", NULL, " L:HOST:P[,...]",
	  "one static service each: port L of every interface to HOST:P" },
	{ FLAG_BACKEND, "backend", NULL, " SOURCE", "use this source only" },
	{ FLAG_PROXY, "proxy", NULL, " NAME",
	  "name of this proxy in /connections; of --backend dynamodb: routing.dynamodb.proxy" },
	{ FLAG_DEBUG, "debug", NULL, " N", "log.level: 0 error, 1 info, 2 and more debug" },
	{ FLAG_VERSION, "version", "v", "", "print the version" },
	{ FLAG_HELP, "help", "h", "", "print this" },
};

static const struct word *find_word_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(name, words[i].name) == 0 || (words[i].also && strcmp(name, words[i].also) == 0))
			return &words[i];
	return NULL;
}

void config_put_flags(struct buf *out)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		buf_puts(out, "  ");
		if (words[i].also)
			buf_printf(out, "-%s, ", words[i].also);
		buf_printf(out, "--%s%s\n        %s\n", words[i].name, words[i].value, words[i].help);
	}
}

/* Settings. */

static void add_flag(struct config_flags *flags, const char *key, const char *value, const char *origin)
{
	SYS_GROW(flags->items, flags->count, flags->cap);
	flags->items[flags->count++] = (struct config_setting){
		.key = key, .value = value, .origin = origin, .layer = CONFIG_COMMAND
	};
}

static void add_field(struct config *config, struct config_flags *flags, struct slice service, const char *field,
                      struct slice value, const char *origin)
{
	add_flag(flags, text_printf(&config->scratch, "services.%.*s.%s", (int)service.len, service.at, field),
	         arena_dup(&config->scratch, value.at, value.len), origin);
}

/* A value of the command line that is wrong. */
static void complain_value(struct config *config, const char *origin, struct slice value, const char *why)
{
	struct buf plain = { 0 }, shown = { 0 };

	buf_masked(&plain, arena_dup(&config->scratch, value.at, value.len));
	buf_visible(&shown, plain.data, plain.len);
	config_error(config, "%s: \"%s\" %s", origin, shown.data, why);
	buf_free(&plain);
	buf_free(&shown);
}

/* --connections 8002:db.example.com:5432,...: the service is called as it is written. */
static void add_connections(struct config *config, struct config_flags *flags, const struct config_setting *setting)
{
	struct slice rest = slice_of(setting->value), part, to;
	uint16_t listen;

	while (slice_next(&rest, ',', &part)) {
		const char *why = part.len ? net_split_route(part, &listen, &to) : NULL;
		char wish[8];

		if (why)
			complain_value(config, setting->origin, part, why);
		if (why || !part.len)
			continue;
		print_text(wish, sizeof wish, ":%u", listen);
		add_field(config, flags, part, "listener", slice_of(wish), setting->origin);
		add_field(config, flags, part, "backends", to, setting->origin);
	}
}

static void set_source(struct config *config, const struct config_setting *setting)
{
	struct slice name = slice_of(setting->value);
	struct buf names = { 0 };

	config->backend = setting->value;
	for (size_t i = 0; i < source_count; i++)
		if (slice_is_nocase(name, sources[i]->name))
			return;
	if (sources_lack(name))
		buf_puts(&names, "is a source that this dill does not have: it was built with AWS=no; there are ");
	else
		buf_puts(&names, "is not one of ");
	sources_put_names(", ", &names);
	complain_value(config, setting->origin, name, names.data);
	buf_free(&names);
}

static void set_debug(struct config *config, struct config_flags *flags, const struct config_setting *setting)
{
	static const char *const levels[] = { "error", "info", "debug" };
	long level;

	if (text_number(slice_of(setting->value), 0, LONG_MAX, &level))
		complain_value(config, setting->origin, slice_of(setting->value), "is not 0, 1 or 2");
	else
		add_flag(flags, "log.level", levels[level > 2 ? 2 : level], setting->origin);
}

/* The key that an option means, perhaps under its name in earlier programs; NULL: none. */
static const char *key_of_flag(const struct config *config, const char *name)
{
	for (size_t t = 0; t < config->table_count; t++)
		for (size_t i = 0; i < config->tables[t].count; i++)
			if (option_is(&config->tables[t].rows[i], OPTION_FLAG, name))
				return config->tables[t].rows[i].key;
	return config_is_key(config, name) ? name : NULL;
}

static void take_switch(struct config *config, enum flag flag)
{
	config->plan = config->plan || flag == FLAG_PLAN;
	config->check = config->check || flag == FLAG_CHECK;
	config->strict = config->strict || flag == FLAG_STRICT;
	config->version = config->version || flag == FLAG_VERSION;
	config->help = config->help || flag == FLAG_HELP;
}

static void take_value(struct config *config, struct config_flags *flags, enum flag flag,
                       const struct config_setting *setting)
{
	switch (flag) {
	case FLAG_FILE:
		config->file = setting->value;
		break;
	case FLAG_EXPLAIN:
		config->explain = setting->value;
		break;
	case FLAG_LADDR:
		config->laddr = setting->value;
		break;
	case FLAG_BACKEND:
		set_source(config, setting);
		break;
	case FLAG_PROXY:
		config->proxy = setting->value;
		if (!*setting->value)
			complain_value(config, setting->origin, slice_of(setting->value), "is no name");
		break;
	case FLAG_CONNECTIONS:
		add_connections(config, flags, setting);
		break;
	case FLAG_DEBUG:
		set_debug(config, flags, setting);
		break;
	default:
		add_flag(flags, setting->key, setting->value, setting->origin);
	}
}

static void complain_unknown(struct config *config, const struct config_setting *setting)
{
	const char *nearest = config_nearest(config, setting->key);
	struct buf hint = { 0 };

	if (nearest)
		buf_printf(&hint, "; the nearest one is --%s", nearest);
	config_error(config, "unknown option %s%s; all are in dill --help", setting->origin, nearest ? hint.data : "");
	buf_free(&hint);
}

/* -cFILE, as getopt has it: a word that is no option, and ends as a file does. */
static bool take_glued_file(struct config *config, const char *word)
{
	if (word[1] != 'c' || !format_of(word + 2))
		return false;
	config->file = word + 2;
	return true;
}

/* Looks at one option. Returns how many words it took; 0 when the usage is wrong, which has been said. */
static int read_flag(struct config *config, struct config_flags *flags, char **argv)
{
	const char *name = argv[0] + 1 + (argv[0][1] == '-'), *equals = strchr(name, '=');
	size_t len = equals ? (size_t)(equals - name) : strlen(name);
	struct config_setting setting = {
		.key = arena_dup(&config->scratch, name, len), .value = equals ? equals + 1 : argv[1],
		.origin = arena_dup(&config->scratch, argv[0], (size_t)(name - argv[0]) + len)
	};
	const struct word *word = find_word_of(setting.key);
	const char *key = word ? NULL : key_of_flag(config, setting.key);
	bool is_switch = word && !*word->value;

	if (!word && !key && take_glued_file(config, argv[0]))
		return 1;
	if (is_switch && !equals) {
		take_switch(config, word->flag);
		return 1;
	}
	if (is_switch)
		config_error(config, "%s takes no value", setting.origin);
	else if (!word && !key)
		complain_unknown(config, &setting);
	else if (!setting.value)
		config_error(config, "%s needs a value", setting.origin);
	if (is_switch || (!word && !key) || !setting.value)
		return 0;
	setting.key = key;
	take_value(config, flags, word ? word->flag : FLAG_KEY, &setting);
	return equals ? 1 : 2;
}

/* tcpproxy asked DynamoDB only when it was told to: without that, --proxy is a name. */
static void name_proxy(struct config *config, struct config_flags *flags)
{
	if (config->proxy && config->backend && slice_is_nocase(slice_of(config->backend), "dynamodb"))
		add_flag(flags, "routing.dynamodb.proxy", config->proxy, "--proxy");
}

/* BACKEND words are one service, listening on -laddr. */
static int join_backends(struct config *config, struct config_flags *flags, const char *first)
{
	if (!first && config->laddr) {
		config_error(config, "-laddr: no BACKEND is named that could be reached there");
		return 2;
	}
	if (first && config->backend && !slice_is_nocase(slice_of(config->backend), "static")) {
		config_error(config, "--backend %s and BACKENDs exclude each other", config->backend);
		return 2;
	}
	if (first) {
		add_flag(flags, "services[-].name", "static", "BACKEND");
		add_flag(flags, "services[-].listener", config->laddr ? config->laddr : ":4000",
		         config->laddr ? "-laddr" : "BACKEND");
	}
	return config->errors ? 1 : 0;
}

int config_flags_read(struct config *config, struct config_flags *flags, int argc, char **argv)
{
	const char *first = NULL;

	for (int i = 1; i < argc;) {
		int took = 1;

		if (argv[i][0] == '-' && argv[i][1]) {
			took = read_flag(config, flags, argv + i);
		} else {
			add_flag(flags, "services[-].backends", argv[i], "BACKEND");
			first = first ? first : argv[i];
		}
		if (!took)
			return 2;
		i += took;
	}
	name_proxy(config, flags);
	return config->help || config->version ? 0 : join_backends(config, flags, first);
}
