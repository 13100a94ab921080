/* resolve_conf: /etc/resolv.conf (resolv.conf(5)). */
#ifndef RESOLVE_CONF_H
#define RESOLVE_CONF_H

#include "base.h"
#include "net.h"
#include "sys.h"
#include "text.h"

#define RESOLVE_SERVERS 8 /* of more, the first ones are used */

struct resolve_conf {
	struct net_addr servers[RESOLVE_SERVERS]; /* with their ports; there is one at least: 127.0.0.1 when the file names none */
	size_t server_count;
	const char **search; /* in `memory`: names (dns_is_name) without a dot at their end */
	size_t search_count;
	unsigned ndots, attempts;
	int64_t timeout; /* milliseconds, of one try at one server */
	bool rotate;
	struct arena memory;
};

/* What it says, with the bounds and defaults of glibc (ndots 0 to 15, timeout 1 to 30 s, attempts 1 to 5; without a search list
 * the domain of this host's name); what cannot be read is passed over, as there. LOCALDOMAIN and RES_OPTIONS of the environment
 * do not count: musl does not know them. */
void resolve_conf_parse(struct resolve_conf *conf, struct slice text);
void resolve_conf_free(struct resolve_conf *conf);
bool resolve_word(struct slice *line, struct slice *word); /* cuts the next word off a line; false: there is none */

/* A file that is read again when it changes. Start with {.path}. */
struct resolve_file {
	const char *path;
	bool known;
	int64_t changed_ns, size; /* the time cannot be set: whoever copies a file may keep that of its text */
	uint64_t device, inode;
};
/* Whether it is another one than when this was last true; the first time it is. Then *text is all of it (up to 16 MiB; empty
 * where there is none, or it cannot be read), to be freed. One that cannot be opened for want of descriptors or memory has not
 * changed, and is tried again. */
bool resolve_file_changed(struct resolve_file *file, struct buf *text);

#endif
