/* admit: decides which wishes of a service are accepted. Options are judged where they are read, see
 * service_option.h. */
#ifndef ADMIT_H
#define ADMIT_H

#include "base.h"
#include "bind.h"
#include "net.h"
#include "option.h"
#include "service.h"
#include "sys.h"
#include "wish.h"

struct admit_rules {
	const struct option_labels *labels; /* listeners.allowed; borrowed */
	long port_min, port_max;
	const struct bind_table *bind; /* listeners.bind; borrowed; NULL: there is none */
	struct net_ranges allow; /* listeners.allow; borrowed. None: everybody */
};

/* Why something is refused. The texts live in the arena that was given, with the service, or for ever. */
struct admit_refusal {
	const char *rule;     /* the key or option that refuses it, one word */
	const char *why;
	const char *accepted; /* what would be accepted; NULL: admit_granted() says it, which looks at every pattern */
};

/* A wish of a service, by its name, is label:port; from the operator (trusted) also address:port, and rules->bind does
 * not count. A range of ports is accepted whole, or not at all. True: *out is the address to listen on, with the first of
 * them. False: *no says why. */
bool admit_wish(const struct admit_rules *rules, const char *service, const struct wish *wish, bool trusted,
                struct arena *memory, struct net_addr *out, struct admit_refusal *no);
/* What listeners.bind grants the service, and whom it grants the wish, which it has refused. */
const char *admit_granted(const struct admit_rules *rules, const char *service, const struct wish *wish,
                          struct arena *memory);
struct admit_refusal admit_setting(const struct service_setting *setting); /* of a setting with a wrong value */

#endif
