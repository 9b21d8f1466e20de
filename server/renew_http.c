/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS to the appliance's own listener: one request on each connection, to
 * the address that chancery-acme listens on, so that no name is looked up.
 * An expired certificate must not keep its own successor away: the listener
 * is also known by its key.
 */
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "conf.h"
#include "log.h"
#include "proc.h"
#include "renew.h"

#define WAIT_SECONDS	15	/* for each piece */
#define WHOLE_MS	30000	/* for an answer */
#define ANSWER_MAX	(256 * 1024)
#define PIECE		4096

struct renew_http {
	const struct conf	*conf;
	SSL_CTX			*tls;
	struct sockaddr_storage	 address;
	socklen_t		 address_len;
	char			 host[256];
};

/* ------------------------------------------------------------------- start */

/* A server that listens on every address listens on loopback, too. */
static void
set_address(struct renew_http *h)
{
	struct sockaddr_in	*in = (void *)&h->address;
	struct sockaddr_in6	*in6 = (void *)&h->address;

	if (conf_address(h->conf->acme.listen.v[0], &h->address,
	    &h->address_len) == -1)
		die(EXIT_OPERATOR, "acme.listen: \"%s\" is no address",
		    h->conf->acme.listen.v[0]);
	if (h->address.ss_family == AF_INET &&
	    in->sin_addr.s_addr == htonl(INADDR_ANY))
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (h->address.ss_family == AF_INET6 &&
	    IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr))
		in6->sin6_addr = in6addr_loopback;
}

struct renew_http *
renew_http_new(const struct conf *conf)
{
	struct renew_http	*h = xcalloc(1, sizeof(*h));

	h->conf = conf;
	set_address(h);
	renew_host(conf->base_url, h->host, sizeof(h->host));
	/* No configuration file may load an engine or provider here. */
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	h->tls = SSL_CTX_new(TLS_client_method());
	if (h->tls == NULL ||
	    SSL_CTX_set_min_proto_version(h->tls, TLS1_2_VERSION) != 1)
		die(EXIT_FAILED, "OpenSSL does not do TLS");
	if (SSL_CTX_load_verify_file(h->tls, conf->renew.trust) != 1)
		die(EXIT_OPERATOR, "%s: no root certificate can be read there "
		    "(correct renew.trust in %s)", conf->renew.trust,
		    conf->file);
	/* Judged after the handshake, when the peer's key is known. */
	SSL_CTX_set_verify(h->tls, SSL_VERIFY_NONE, NULL);
	return h;
}

X509_STORE *
renew_http_trust(struct renew_http *h)
{
	return SSL_CTX_get_cert_store(h->tls);
}

/* -------------------------------------------------------------- connection */

static int
why_errno(char *why, const struct renew_http *h, const char *what)
{
	snprintf(why, RENEW_WHY, "%s: %s: %s", h->conf->acme.listen.v[0],
	    what, errno == EAGAIN ? "no answer in time" : strerror(errno));
	return -1;
}

static int
why_tls(char *why, const struct renew_http *h, const char *what)
{
	unsigned long	 e = ERR_peek_error();
	const char	*reason = ERR_reason_error_string(e);

	if (e == 0)
		return why_errno(why, h, what);
	snprintf(why, RENEW_WHY, "%s: %s: %s", h->conf->acme.listen.v[0],
	    what, reason == NULL ? "TLS failed" : reason);
	return -1;
}

static int
dial(const struct renew_http *h, char *why)
{
	struct timeval	limit = { .tv_sec = WAIT_SECONDS };
	int		fd;

	fd = socket(h->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return why_errno(why, h, "socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (const struct sockaddr *)&h->address,
	    h->address_len) == 0)
		return fd;
	why_errno(why, h, "connect");
	close(fd);
	return -1;
}

/* By its chain and name, or by the key that it has shown to hold. */
static int
believe(const struct renew_http *h, SSL *ssl, const X509 *pinned, char *why)
{
	X509	*peer = SSL_get0_peer_certificate(ssl);
	long	 verdict = SSL_get_verify_result(ssl);

	if (peer != NULL && verdict == X509_V_OK &&
	    renew_names(peer, h->host))
		return 0;
	if (peer != NULL && pinned != NULL &&
	    EVP_PKEY_eq(X509_get0_pubkey(peer), X509_get0_pubkey(pinned)) ==
	    1)
		return 0;
	snprintf(why, RENEW_WHY, "%s: the server's certificate: %s",
	    h->conf->acme.listen.v[0], verdict != X509_V_OK ?
	    X509_verify_cert_error_string(verdict) : "it is for another name");
	return -1;
}

static SSL *
shake_hands(const struct renew_http *h, int fd, const X509 *pinned, char *why)
{
	SSL	*ssl = SSL_new(h->tls);

	ERR_clear_error();
	errno = 0;
	if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 ||
	    SSL_set_tlsext_host_name(ssl, h->host) != 1 ||
	    SSL_connect(ssl) != 1)
		why_tls(why, h, "TLS");
	else if (believe(h, ssl, pinned, why) == 0)
		return ssl;
	SSL_free(ssl);
	return NULL;
}

/* ----------------------------------------------------------------- messages */

static void
print_request(const struct renew_http *h, struct buf *out, const char *method,
    const char *path, const char *body)
{
	buf_printf(out, "%s %s HTTP/1.1\r\n"
	    "Host: %s\r\n"
	    "User-Agent: Chancery/" VERSION " (chancery-renew)\r\n"
	    "Accept-Language: en\r\n"
	    "Connection: close\r\n", method, path,
	    h->conf->base_url + strlen("https://"));
	if (body != NULL)
		buf_printf(out, "Content-Type: application/jose+json\r\n"
		    "Content-Length: %zu\r\n", strlen(body));
	buf_puts(out, "\r\n");
	if (body != NULL)
		buf_puts(out, body);
}

/* All until the end, or -1. */
static int
read_answer(const struct renew_http *h, SSL *ssl, struct buf *out, char *why)
{
	long long	until = proc_monotonic_ms() + WHOLE_MS;
	char		piece[PIECE];
	int		n;

	errno = 0;
	while ((n = SSL_read(ssl, piece, sizeof(piece))) > 0) {
		buf_add(out, piece, (size_t)n);
		if (out->len > ANSWER_MAX || proc_monotonic_ms() > until) {
			snprintf(why, RENEW_WHY, "%s: the answer is too long "
			    "or too slow", h->conf->acme.listen.v[0]);
			return -1;
		}
	}
	/* Whether it is whole, Content-Length tells. */
	if (out->len > 0)
		return 0;
	return why_tls(why, h, "no answer");
}

/* The value of a field in a head, or NULL. */
static const char *
field(struct arena *a, const char *head, const char *name)
{
	size_t		 len = strlen(name);
	const char	*line = head, *value;

	while ((line = strstr(line, "\r\n")) != NULL) {
		line += 2;
		if (strncasecmp(line, name, len) != 0 || line[len] != ':')
			continue;
		value = line + len + 1;
		value += strspn(value, " \t");
		return arena_strndup(a, value, strcspn(value, "\r"));
	}
	return NULL;
}

static unsigned
number(const char *text)
{
	unsigned long	n;

	if (text == NULL || text[0] == '\0' ||
	    text[strspn(text, "0123456789")] != '\0')
		return 0;
	n = strtoul(text, NULL, 10);
	return n > UINT_MAX ? UINT_MAX : (unsigned)n;
}

static int
parse(struct arena *a, const char *method, struct buf *text,
    struct renew_reply *r, char *why)
{
	char		*head, *end;
	const char	*length;

	memset(r, 0, sizeof(*r));
	head = text->len == 0 ? NULL : (char *)text->data;
	end = head == NULL ? NULL : strstr(head, "\r\n\r\n");
	if (end == NULL || strncmp(head, "HTTP/1.1 ", 9) != 0 ||
	    strspn(head + 9, "0123456789") != 3)
		goto bad;
	r->status = (unsigned)strtoul(head + 9, NULL, 10);
	r->body = end + 4;
	r->len = text->len - (size_t)(r->body - head);
	*end = '\0';
	length = field(a, head, "Content-Length");
	if (strcmp(method, "HEAD") != 0 && length != NULL &&
	    number(length) != r->len)
		goto bad;
	r->nonce = field(a, head, "Replay-Nonce");
	r->location = field(a, head, "Location");
	r->retry_after = number(field(a, head, "Retry-After"));
	return 0;
bad:
	snprintf(why, RENEW_WHY, "the server's answer is cut off or no HTTP");
	return -1;
}

int
renew_http_send(struct renew_http *h, struct arena *a, const char *method,
    const char *path, const char *body, const X509 *pinned,
    struct renew_reply *reply, char *why)
{
	struct buf	 out, in;
	SSL		*ssl = NULL;
	int		 fd, rc = -1;

	buf_init(&out, a);
	buf_init(&in, a);
	print_request(h, &out, method, path, body);
	if ((fd = dial(h, why)) == -1)
		return -1;
	if ((ssl = shake_hands(h, fd, pinned, why)) == NULL)
		goto out;
	if (SSL_write(ssl, out.data, (int)out.len) <= 0)
		why_tls(why, h, "send");
	else if (read_answer(h, ssl, &in, why) == 0)
		rc = parse(a, method, &in, reply, why);
out:
	if (ssl != NULL)
		SSL_shutdown(ssl);
	SSL_free(ssl);
	close(fd);
	ERR_clear_error();
	return rc;
}
