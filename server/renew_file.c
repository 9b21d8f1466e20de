/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of the listener: read, and replaced in steps of which each leaves
 * a pair that fits.  The key is for us and chancery-acme alone, which share
 * no group that others are not in: so an access control list says it, and
 * the group's permission bits where the file system has none.
 */
#include <sys/stat.h>
#include <sys/xattr.h>

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/posix_acl_xattr.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "conf.h"
#include "log.h"
#include "renew.h"

#define MEMORY		(1u << 20)
#define KEYS_MAX	4		/* in one file */

/* acl(5) */
enum { ACL_USER_OBJ = 0x01, ACL_USER = 0x02, ACL_GROUP_OBJ = 0x04,
    ACL_MASK = 0x10, ACL_OTHER = 0x20 };

static bool	other_user;	/* chancery-acme runs as another */
static uid_t	reader;		/* its user */

bool
renew_managed(const struct conf *conf)
{
	const char *const files[] = { conf->acme.tls_certificate,
	    conf->acme.tls_key };
	size_t		  len = strlen(conf->state_dir), i;

	for (i = 0; i < nitems(files); i++)
		if (strncmp(files[i], conf->state_dir, len) != 0 ||
		    strncmp(files[i] + len, "/listener/", 10) != 0 ||
		    strchr(files[i] + len + 10, '/') != NULL)
			return false;
	return true;
}

void
renew_file_start(const struct conf *conf)
{
	const struct passwd	*pw;

	if (conf->acme.user == NULL)
		return;
	if ((pw = getpwnam(conf->acme.user)) == NULL)
		die(EXIT_OPERATOR, "user \"%s\" named in %s does not exist",
		    conf->acme.user, conf->file);
	other_user = true;
	reader = pw->pw_uid;
}

/* ----------------------------------------------------------------- writing */

static struct posix_acl_xattr_entry
entry(unsigned tag, unsigned perm, uid_t id)
{
	return (struct posix_acl_xattr_entry){
		.e_tag = htole16((uint16_t)tag),
		.e_perm = htole16((uint16_t)perm),
		.e_id = htole32(id),
	};
}

/* We may read and write, chancery-acme may read, nobody else. */
static int
guard(int fd)
{
	struct {
		struct posix_acl_xattr_header	head;
		struct posix_acl_xattr_entry	entry[5];
	} acl = {
		{ htole32(POSIX_ACL_XATTR_VERSION) },
		{ entry(ACL_USER_OBJ, 6, (uid_t)ACL_UNDEFINED_ID),
		  entry(ACL_USER, 4, reader),
		  entry(ACL_GROUP_OBJ, 0, (uid_t)ACL_UNDEFINED_ID),
		  entry(ACL_MASK, 4, (uid_t)ACL_UNDEFINED_ID),
		  entry(ACL_OTHER, 0, (uid_t)ACL_UNDEFINED_ID) },
	};
	static bool	told;

	if (!other_user)
		return fchmod(fd, 0600);
	if (fsetxattr(fd, "system.posix_acl_access", &acl, sizeof(acl),
	    0) == 0)
		return 0;
	if (errno != EOPNOTSUPP)
		return -1;
	if (!told)
		log_warn("the file system of the listener's key has no access "
		    "control lists: all of our processes may read it");
	told = true;
	return fchmod(fd, 0640);
}

static int
write_all(int fd, const char *data, size_t len)
{
	ssize_t	n;

	for (; len > 0; data += n, len -= (size_t)n)
		if ((n = write(fd, data, len)) == -1)
			return -1;
	return 0;
}

/* A rename lasts once its folder is on the disk. */
static int
sync_folder(const char *path)
{
	char	folder[4096];
	int	fd, rc;

	snprintf(folder, sizeof(folder), "%.*s",
	    (int)(strrchr(path, '/') - path), path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

int
renew_write(const char *path, const void *data, size_t len, bool secret,
    char *why)
{
	char	fresh[4096];
	int	fd = -1, rc = -1;

	snprintf(fresh, sizeof(fresh), "%s.new", path);
	if (unlink(fresh) == -1 && errno != ENOENT)
		goto out;
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd == -1 || write_all(fd, data, len) == -1 ||
	    (secret ? guard(fd) : fchmod(fd, 0644)) == -1 ||
	    fsync(fd) == -1 || rename(fresh, path) == -1 ||
	    sync_folder(path) == -1)
		goto out;
	rc = 0;
out:
	if (rc == -1)
		snprintf(why, RENEW_WHY, "%s: %s (the folder must belong to "
		    "the user of chancery-renew)", path, strerror(errno));
	if (fd != -1)
		close(fd);
	return rc;
}

/* ----------------------------------------------------------------- reading */

/* All keys of the key file; their number. */
static size_t
read_keys(const struct conf *conf, EVP_PKEY *keys[KEYS_MAX])
{
	size_t	n = 0;
	FILE	*f;

	if ((f = fopen(conf->acme.tls_key, "re")) == NULL)
		return 0;
	while (n < KEYS_MAX && (keys[n] = PEM_read_PrivateKey(f, NULL, NULL,
	    (void *)(uintptr_t)"")) != NULL)
		n++;
	fclose(f);
	ERR_clear_error();
	return n;
}

static void
free_keys(EVP_PKEY *keys[KEYS_MAX], size_t n)
{
	while (n > 0)
		EVP_PKEY_free(keys[--n]);
}

static X509 *
read_leaf(const struct conf *conf)
{
	X509	*leaf;
	FILE	*f;

	if ((f = fopen(conf->acme.tls_certificate, "re")) == NULL)
		return NULL;
	leaf = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	ERR_clear_error();
	return leaf;
}

static int
seconds_of(const ASN1_TIME *t, int64_t *out)
{
	struct tm	tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return -1;
	*out = (int64_t)timegm(&tm);
	return 0;
}

static void
print_serial(X509 *leaf, char *out, size_t len)
{
	BIGNUM	*bn;
	char	*hex;

	bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(leaf), NULL);
	hex = bn == NULL ? NULL : BN_bn2hex(bn);
	snprintf(out, len, "%s", hex == NULL ? "" : hex);
	OPENSSL_free(hex);
	BN_free(bn);
}

void
renew_facts(const struct conf *conf, struct renew_facts *f)
{
	char	host[256];

	memset(f, 0, sizeof(*f));
	if ((f->leaf = read_leaf(conf)) == NULL)
		return;
	f->there = seconds_of(X509_get0_notBefore(f->leaf), &f->from) == 0 &&
	    seconds_of(X509_get0_notAfter(f->leaf), &f->until) == 0;
	renew_host(conf->base_url, host, sizeof(host));
	f->fits = renew_names(f->leaf, host);
	print_serial(f->leaf, f->serial, sizeof(f->serial));
}

void
renew_facts_clear(struct renew_facts *f)
{
	X509_free(f->leaf);
	f->leaf = NULL;
}

/* -------------------------------------------------------------- replacement */

/* The new key, and behind it the one that the certificate in place has. */
static BIO *
both_keys(const struct conf *conf, const char *key, size_t keylen)
{
	EVP_PKEY	*keys[KEYS_MAX];
	X509		*leaf = read_leaf(conf);
	BIO		*bio = BIO_new(BIO_s_secmem());
	size_t		 n = read_keys(conf, keys), i;

	if (bio != NULL)
		BIO_write(bio, key, (int)keylen);
	for (i = 0; bio != NULL && leaf != NULL && i < n; i++)
		if (X509_check_private_key(leaf, keys[i]) == 1)
			PEM_write_bio_PKCS8PrivateKey(bio, keys[i], NULL,
			    NULL, 0, NULL, NULL);
	ERR_clear_error();
	free_keys(keys, n);
	X509_free(leaf);
	return bio;
}

int
renew_store(const struct conf *conf, const char *key, size_t keylen,
    const char *chain, size_t chainlen, char *why)
{
	BIO	*both = both_keys(conf, key, keylen);
	char	*data;
	long	 len;
	int	 rc = -1;

	if (both == NULL) {
		snprintf(why, RENEW_WHY, "no memory for the keys");
		return -1;
	}
	len = BIO_get_mem_data(both, &data);
	if (renew_write(conf->acme.tls_key, data, (size_t)len, true, why) ==
	    0 && renew_write(conf->acme.tls_certificate, chain, chainlen,
	    false, why) == 0 &&
	    renew_write(conf->acme.tls_key, key, keylen, true, why) == 0)
		rc = 0;
	BIO_free(both);
	return rc;
}

/* The one key of several that the certificate has; NULL when the file is as
 * it should be. */
static BIO *
surplus_keys(const struct conf *conf)
{
	EVP_PKEY	*keys[KEYS_MAX];
	X509		*leaf = read_leaf(conf);
	BIO		*bio = NULL;
	size_t		 n = read_keys(conf, keys), i;

	for (i = 0; leaf != NULL && n > 1 && i < n; i++)
		if (X509_check_private_key(leaf, keys[i]) == 1) {
			bio = BIO_new(BIO_s_secmem());
			if (bio != NULL)
				PEM_write_bio_PKCS8PrivateKey(bio, keys[i],
				    NULL, NULL, 0, NULL, NULL);
			break;
		}
	ERR_clear_error();
	free_keys(keys, n);
	X509_free(leaf);
	return bio;
}

/* One that we did not make (the ceremony's) may be open to the group. */
static void
guard_key(const struct conf *conf)
{
	struct stat	st;
	int		fd;

	fd = open(conf->acme.tls_key, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd == -1)
		return;
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && guard(fd) == -1)
		log_warn("%s: %s", conf->acme.tls_key, strerror(errno));
	close(fd);
}

void
renew_tidy(const struct conf *conf)
{
	const char *const files[] = { conf->acme.tls_certificate,
	    conf->acme.tls_key };
	char	 fresh[4096], why[RENEW_WHY], *data;
	BIO	*key;
	long	 len;
	size_t	 i;

	for (i = 0; i < nitems(files); i++) {
		snprintf(fresh, sizeof(fresh), "%s.new", files[i]);
		unlink(fresh);
	}
	guard_key(conf);
	if ((key = surplus_keys(conf)) == NULL)
		return;
	len = BIO_get_mem_data(key, &data);
	if (renew_write(conf->acme.tls_key, data, (size_t)len, true, why) ==
	    -1)
		log_error("%s", why);
	BIO_free(key);
}
