#include "base.h"
#include "tls.h"

#ifdef TLS_OPENSSL

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "text.h"

static bool is_there(const char *text)
{
	return text && *text;
}

const char *tls_file_words(void)
{
	const char *words = ERR_reason_error_string(ERR_peek_last_error());

	return words ? words : "it cannot be read";
}

struct tls_load {
	SSL_CTX *context; /* gets what is read */
	struct buf *why;
	bool locked; /* the key has a password */
};

static const char *file_fault(struct tls_load *load, const char *what, const char *path, const char *why)
{
	load->why->len = 0;
	buf_puts_visible(load->why, what, path);
	buf_printf(load->why, ": %s", why);
	return load->why->data;
}

/* The library says no more than "PEM lib" where it finds nothing, as in a key that is given as the certificate. */
static const char *words_or(const char *nothing)
{
	return ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_PEM_LIB ? nothing : tls_file_words();
}

/* Where systems have the CAs that they trust. */
static const char *system_ca(void)
{
	static const char *const files[] = {
		"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
		"/etc/ssl/cert.pem", "/usr/local/etc/ssl/cert.pem"
	};

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (access(files[i], F_OK) == 0)
			return files[i];
	return NULL;
}

/* Why the library cannot read it; to open a pipe waits, perhaps for ever. */
static const char *unreadable(const char *path)
{
	struct stat info;

	if (stat(path, &info) != 0 || access(path, R_OK) != 0)
		return strerror(errno);
	return S_ISREG(info.st_mode) ? NULL : "it is no regular file";
}

static const char *load_ca(struct tls_load *load, const char *path)
{
	const char *why = unreadable(path);

	if (why)
		return file_fault(load, "the CA file ", path, why);
	if (SSL_CTX_load_verify_locations(load->context, path, NULL) != 1)
		return file_fault(load, "the CA file ", path, words_or("a certificate in it is not whole"));
	return NULL;
}

/* The path of the next file of a folder; those of dotted names are no part of it. NULL: that was the last one. */
static const char *next_file(DIR *folder, const char *path, struct buf *file, struct stat *info)
{
	const struct dirent *entry;

	while ((entry = readdir(folder))) {
		file->len = 0;
		buf_printf(file, "%s/%s", path, entry->d_name);
		if (*entry->d_name != '.' && stat(file->data, info) == 0 && S_ISREG(info->st_mode))
			return file->data;
	}
	return NULL;
}

/* Every file of the folder, whatever its name: the library's own way wants names that are hashes. */
static const char *load_ca_path(struct tls_load *load, const char *path)
{
	DIR *folder = opendir(path);
	struct buf file = { 0 };
	struct stat info;
	size_t found = 0;

	if (!folder)
		return file_fault(load, "the CA folder ", path, strerror(errno));
	while (next_file(folder, path, &file, &info))
		found += SSL_CTX_load_verify_locations(load->context, file.data, NULL) == 1;
	closedir(folder);
	buf_free(&file);
	return found ? NULL : file_fault(load, "the CA folder ", path, "there is no certificate in it");
}

static const char *load_trust(struct tls_load *load, const struct tls_options *options)
{
	const char *file = is_there(options->ca) ? options->ca : NULL, *why = NULL;

	if (options->insecure)
		return NULL;
	if (!file && !is_there(options->ca_path) && !(file = system_ca()))
		return "no file of CAs is known here, and none is given";
	if (file)
		why = load_ca(load, file);
	if (!why && is_there(options->ca_path))
		why = load_ca_path(load, options->ca_path);
	return why;
}

/* Nobody is there to be asked. */
static int key_password(char *to, int size, int writing, void *arg)
{
	(void)to;
	(void)size;
	(void)writing;
	*(bool *)arg = true;
	return -1;
}

static const char *load_client(struct tls_load *load, const struct tls_options *options)
{
	const char *cert = options->cert, *key = is_there(options->key) ? options->key : cert, *why;

	if (!is_there(cert))
		return is_there(key) ? "a client key is given without its certificate" : NULL;
	if ((why = unreadable(cert)))
		return file_fault(load, "the client certificate ", cert, why);
	if (SSL_CTX_use_certificate_chain_file(load->context, cert) != 1)
		return file_fault(load, "the client certificate ", cert, words_or("there is no whole certificate in it, as PEM"));
	if ((why = unreadable(key)))
		return file_fault(load, "the client key ", key, why);
	if (SSL_CTX_use_PrivateKey_file(load->context, key, SSL_FILETYPE_PEM) != 1)
		return file_fault(load, "the client key ", key,
		                  load->locked ? "it has a password, which is not supported"
		                               : words_or("there is no whole key in it, as PEM"));
	if (SSL_CTX_check_private_key(load->context) != 1) /* one of another kind is taken until here */
		return file_fault(load, "the client key ", key, "it does not belong to the certificate");
	return NULL;
}

const char *tls_file_load(struct ssl_ctx_st *context, const struct tls_options *options, struct buf *why)
{
	struct tls_load load = { .context = context, .why = why };
	const char *wrong;

	SSL_CTX_set_default_passwd_cb(context, key_password);
	SSL_CTX_set_default_passwd_cb_userdata(context, &load.locked);
	wrong = load_trust(&load, options);
	if (!wrong)
		wrong = load_client(&load, options);
	SSL_CTX_set_default_passwd_cb_userdata(context, NULL);
	return wrong;
}

static uint64_t stamp_file(uint64_t stamp, const char *path, const struct stat *info)
{
	stamp = text_hash(stamp, path, strlen(path) + 1);
	stamp = text_hash(stamp, (const char *)&info->st_ino, sizeof info->st_ino);
	stamp = text_hash(stamp, (const char *)&info->st_size, sizeof info->st_size);
	stamp = text_hash(stamp, (const char *)&info->st_mtim, sizeof info->st_mtim);
	return text_hash(stamp, (const char *)&info->st_ctim, sizeof info->st_ctim);
}

static uint64_t stamp_path(uint64_t stamp, const char *path)
{
	struct stat info = { 0 };
	struct buf file = { 0 };
	DIR *folder = NULL;

	if (!is_there(path))
		return text_hash(stamp, "", 1);
	if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
		folder = opendir(path);
	stamp = stamp_file(stamp, path, &info);
	while (folder && next_file(folder, path, &file, &info))
		stamp = stamp_file(stamp, file.data, &info);
	if (folder)
		closedir(folder);
	buf_free(&file);
	return stamp;
}

uint64_t tls_file_stamp(const struct tls_options *options)
{
	const char *ca = is_there(options->ca) || is_there(options->ca_path) ? options->ca : system_ca();
	uint64_t stamp = text_hash(TEXT_HASH, options->insecure ? "1" : "0", 1);

	stamp = stamp_path(stamp, ca);
	stamp = stamp_path(stamp, options->ca_path);
	stamp = stamp_path(stamp, options->cert);
	return stamp_path(stamp, options->key);
}

#endif
