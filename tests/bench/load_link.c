/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS over TCP.  The socket's own timeout is a short tick, so that a blocking
 * call looks at the deadline now and then.
 */
#include <sys/socket.h>
#include <sys/time.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "server/log.h"
#include "load.h"
#include "load_link.h"

#define TICK_MS		100

int
link_fail(struct link *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l->error, sizeof(l->error), fmt, ap);
	va_end(ap);
	return -1;
}

SSL_CTX *
link_context(const char *cafile)
{
	SSL_CTX *ctx;

	if ((ctx = SSL_CTX_new(TLS_client_method())) == NULL)
		die(EXIT_FAILED, "OpenSSL gives no TLS context");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	if (cafile == NULL)
		SSL_CTX_set_default_verify_paths(ctx);
	else if (SSL_CTX_load_verify_file(ctx, cafile) != 1)
		die(EXIT_OPERATOR, "no certificate in %s: give --cafile the "
		    "PEM of the server's root", cafile);
	return ctx;
}

void
link_close(struct link *l)
{
	if (l->ssl != NULL) {
		SSL_shutdown(l->ssl);
		SSL_free(l->ssl);
		l->ssl = NULL;
	}
	if (l->fd != -1)
		close(l->fd);
	l->fd = -1;
	ERR_clear_error();
}

static int
dial(struct link *l, const char *host, const char *port)
{
	static const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	static const struct timeval tick = { 0, TICK_MS * 1000 };
	static const int on = 1;
	struct addrinfo *list = NULL, *at;
	int rc;

	if ((rc = getaddrinfo(host, port, &hints, &list)) != 0)
		return link_fail(l, "%s: %s", host, gai_strerror(rc));
	for (at = list; at != NULL; at = at->ai_next) {
		l->fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (l->fd == -1)
			continue;
		setsockopt(l->fd, SOL_SOCKET, SO_RCVTIMEO, &tick,
		    sizeof(tick));
		setsockopt(l->fd, SOL_SOCKET, SO_SNDTIMEO, &tick,
		    sizeof(tick));
		setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (connect(l->fd, at->ai_addr, at->ai_addrlen) == 0)
			break;
		link_fail(l, "cannot connect to %s port %s: %s", host, port,
		    strerror(errno));
		close(l->fd);
		l->fd = -1;
	}
	freeaddrinfo(list);
	return l->fd == -1 ? -1 : 0;
}

/* An SSL call wants to be made again, and there is time for it. */
static bool
again(struct link *l, int rc, const char *doing)
{
	int why = SSL_get_error(l->ssl, rc);
	unsigned long code;

	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
		if (now_ms() < l->deadline)
			return true;
		l->timed_out = true;
		link_fail(l, "no end of %s before the deadline", doing);
		return false;
	}
	code = ERR_get_error();
	link_fail(l, "%s: %s", doing,
	    code != 0 ? ERR_reason_error_string(code) :
	    why == SSL_ERROR_SYSCALL && errno != 0 ? strerror(errno) :
	    "the connection was closed");
	return false;
}

static void
forget_errors(void)
{
	ERR_clear_error();
	errno = 0;
}

static int
handshake(struct link *l, const char *host)
{
	X509_VERIFY_PARAM *param;
	int rc;

	if ((l->ssl = SSL_new(l->ctx)) == NULL ||
	    SSL_set_fd(l->ssl, l->fd) != 1)
		return link_fail(l, "OpenSSL gives no connection");
	param = SSL_get0_param(l->ssl);
	if (X509_VERIFY_PARAM_set1_ip_asc(param, host) != 1 &&
	    (SSL_set_tlsext_host_name(l->ssl, host) != 1 ||
	    SSL_set1_host(l->ssl, host) != 1))
		return link_fail(l, "%s is no name of a host", host);
	do {
		forget_errors();
		if ((rc = SSL_connect(l->ssl)) == 1)
			return 0;
	} while (again(l, rc, "TLS handshake"));
	return -1;
}

int
link_open(struct link *l, const char *host, const char *port)
{
	if (dial(l, host, port) == 0 && handshake(l, host) == 0)
		return 0;
	link_close(l);
	return -1;
}

int
link_read(struct link *l, void *to, size_t size)
{
	int rc;

	do {
		forget_errors();
		if ((rc = SSL_read(l->ssl, to, (int)size)) > 0)
			return rc;
	} while (again(l, rc, "reading the reply"));
	return -1;
}

int
link_write(struct link *l, const void *data, size_t len)
{
	int rc;

	do {
		forget_errors();
		if ((rc = SSL_write(l->ssl, data, (int)len)) > 0)
			return 0;
	} while (again(l, rc, "sending the request"));
	return -1;
}
