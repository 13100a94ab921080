/* tls_option: the rows of TABLE.tls, for sources that may ask by https. */
#ifndef TLS_OPTION_H
#define TLS_OPTION_H

#include "base.h"
#include "option.h"
#include "tls.h"

/* For the struct tls_options MEMBER of the settings TYPE; TABLE: "consul.tls". VENDOR, CONSUL or NOMAD: whose variables count
 * where nothing sets the key. Files are not looked at before they are used: one that cannot be read is an outage. */
#define TLS_OPTIONS(TABLE, VENDOR, TYPE, MEMBER) \
	{ .key = TABLE ".ca", OPTION_TEXT, .at = offsetof(TYPE, MEMBER.ca), "", \
	  "file of the CAs that may have signed the server's certificate; the system's when empty", \
	  .other = #VENDOR "_CACERT", .other_is = OPTION_VARIABLE, .of_tls = true }, \
	{ .key = TABLE ".ca_path", OPTION_TEXT, .at = offsetof(TYPE, MEMBER.ca_path), "", "folder of such CAs", \
	  .other = #VENDOR "_CAPATH", .other_is = OPTION_VARIABLE, .of_tls = true }, \
	{ .key = TABLE ".cert", OPTION_TEXT, .at = offsetof(TYPE, MEMBER.cert), "", "file of dill's own certificate", \
	  .other = #VENDOR "_CLIENT_CERT", .other_is = OPTION_VARIABLE, .of_tls = true }, \
	{ .key = TABLE ".key", OPTION_TEXT, .at = offsetof(TYPE, MEMBER.key), "", "file of its key", \
	  .other = #VENDOR "_CLIENT_KEY", .other_is = OPTION_VARIABLE, .of_tls = true }, \
	{ .key = TABLE ".server_name", OPTION_TEXT, .at = offsetof(TYPE, MEMBER.server_name), "", \
	  "name that the server's certificate must have, instead of the address's", \
	  .other = #VENDOR "_TLS_SERVER_NAME", .other_is = OPTION_VARIABLE, .of_tls = true }, \
	{ .key = TABLE ".insecure", OPTION_SWITCH, .at = offsetof(TYPE, MEMBER.insecure), "false", \
	  "takes any certificate: whoever sits on the way can read and forge all", TLS_OPTION_##VENDOR, .of_tls = true }

#define TLS_OPTION_CONSUL .other = "CONSUL_HTTP_SSL_VERIFY", .other_is = OPTION_VARIABLE_NOT
#define TLS_OPTION_NOMAD .other = "NOMAD_SKIP_VERIFY", .other_is = OPTION_VARIABLE

#endif
