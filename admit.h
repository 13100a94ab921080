/* admit: what a service may have: the rule that each wish and option passes, or fails. */
#ifndef ADMIT_H
#define ADMIT_H

#include "base.h"
#include "net.h"
#include "service.h"
#include "sys.h"

struct admit_label {
	const char *name;
	struct net_addr addr;
};

struct admit_rules {
	const struct admit_label *labels; /* listeners.allowed; borrowed */
	size_t label_count;
	long port_min, port_max;
};

/* A wish is label:port, or from the operator (trusted) address:port. Returns NULL and the address, or the reason to
 * refuse it, which lives in the arena. */
const char *admit_wish(const struct admit_rules *rules, const char *wish, bool trusted, struct arena *memory,
                       struct net_addr *out);
/* Why an option of the service cannot be honoured, with `text` as it is shown; NULL: it is not given, or fine. */
const char *admit_option(const struct service *s, int option, struct buf *text);
bool admit_needs(int option); /* a service without it would be routed otherwise than asked: better not at all */

/* -t: the services of a list, and what admission says to each wish and option, on stdout. */
void admit_print(const struct admit_rules *rules, const struct service_list *list);

#endif
