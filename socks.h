/* socks: the client's side of a SOCKS5 handshake (RFC 1928, RFC 1929). */
#ifndef SOCKS_H
#define SOCKS_H

#include "base.h"
#include "sys.h"
#include "text.h"

/* What a proxy is asked for. Strings borrowed; they must outlive the handshake. */
struct socks_target {
	const char *user, *password; /* NULL: no authentication is offered */
	const char *host;            /* address or name, which the proxy resolves */
	uint16_t port;
};

/* A proxy as it is configured. */
struct socks_url {
	const char *host, *user, *password; /* in the arena, percent-decoded; user and password NULL when not given */
	uint16_t port;
};

/* socks5://[user[:password]@]host:port (also socks5h://; [v6]:port). Returns NULL or the reason against it, words that
 * follow the value: "is not socks5://[user:password@]host:port". Leaves *out alone unless it returns NULL. */
const char *socks_parse(struct slice url, struct arena *memory, struct socks_url *out);

/* What a handshake waits for. */
enum socks_state { SOCKS_SEND, SOCKS_RECEIVE, SOCKS_DONE, SOCKS_FAILED };

struct socks {
	struct socks_target target;
	enum socks_state state;
	const char *why;        /* after SOCKS_FAILED: in words; lives as long as the program */
	uint16_t sent, out_len; /* of out */
	uint16_t got, need;     /* of in; need never goes beyond the proxy's answer */
	uint8_t step;           /* which answer is next */
	unsigned char out[3 + 255 + 255], in[7 + 255]; /* a user and password; a reply that names a host */
};

void socks_start(struct socks *socks, const struct socks_target *target);
/* Goes on over a non-blocking socket as far as it can now; never reads a byte beyond the proxy's answer, since the
 * backend's first words may follow it at once. What it returns tells what it waits for. */
enum socks_state socks_run(struct socks *socks, int fd);

#endif
