/* tls: TLS for the HTTP client, where it is built in; elsewhere the words that say how to do without. */
#ifndef TLS_H
#define TLS_H

#include "base.h"

/* What is asked of a server. Strings are borrowed; NULL or "": not given. */
struct tls_options {
	const char *ca, *ca_path;   /* a file of CAs, a folder of them; without both, the system's */
	const char *cert, *key;     /* of the client, as PEM files */
	const char *server_name;    /* expected, and sent, instead of the URL's host */
	bool insecure;              /* the server's certificate is not verified */
};

extern const char *const tls_library; /* its name and version; NULL: none is built in */
extern const char tls_missing[];      /* why https:// cannot be used then, in words that follow the address */

#endif
