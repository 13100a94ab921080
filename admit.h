/* admit: what a service may have: the rule that each wish and option passes, or fails. */
#ifndef ADMIT_H
#define ADMIT_H

#include "base.h"
#include "net.h"
#include "service.h"
#include "socks.h"
#include "sys.h"

struct admit_label {
	const char *name;
	struct net_addr addr;
};

/* Networks of clients. */
struct admit_ranges {
	struct net_range *items;
	size_t count;
};

struct admit_rules {
	const struct admit_label *labels; /* listeners.allowed; borrowed */
	size_t label_count;
	long port_min, port_max;
	struct admit_ranges allow; /* listeners.allow; borrowed. None: everybody */
};

/* Why something is refused. The texts live in the arena that was given. */
struct admit_refusal {
	const char *rule;     /* a word: the key or option that says no */
	const char *why;
	const char *accepted; /* what would be */
};

/* What a service asks for beside its listeners. */
struct admit_options {
	int balance;        /* enum service_balance; -1: not said */
	int proxy_protocol; /* version; 0: none */
	bool through;       /* its backends are reached through `proxy` */
	struct socks_url proxy;
	bool limited; /* by `allow`, even when that is empty */
	struct admit_ranges allow, deny;
};

/* A wish is label:port, or from the operator (trusted) address:port. True and the address, or false and why. */
bool admit_wish(const struct admit_rules *rules, const char *wish, bool trusted, struct arena *memory,
                struct net_addr *out, struct admit_refusal *no);
/* One option of the service; when it is not given that is fine. Start with ADMIT_OPTIONS. */
#define ADMIT_OPTIONS ((struct admit_options){ .balance = -1 })
bool admit_option(const struct service *s, int option, struct arena *memory, struct admit_options *out,
                  struct admit_refusal *no);
bool admit_needs(int option); /* a service without it would be routed otherwise than asked: better not at all */
void admit_mask(struct buf *out, int option, const char *value); /* the value as it may be shown */
void admit_print_option(const struct service *s, int option, struct buf *out); /* NAME=VALUE as it may be shown */

/* Networks in a comma list. NULL, or what is wrong with it, in words that follow the value. */
const char *admit_ranges(struct slice list, struct arena *memory, struct admit_ranges *out);
bool admit_client(const struct admit_ranges *ranges, const struct net_addr *client); /* it is in one of them */

/* -t: the services of a list, and what admission says to each wish and option, on stdout. */
void admit_print(const struct admit_rules *rules, const struct service_list *list);

#endif
