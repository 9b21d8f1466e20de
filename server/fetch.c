/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The question of a validation: a socket that connects to the one address
 * that the validator allowed, each wait bounded by a deadline, and TLS for
 * tls-alpn-01 and where a redirect went to https.  OpenSSL is first touched
 * then: a child that asks by plain HTTP never pays for it.
 */
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "alpn.h"
#include "fetch.h"
#include "http_get.h"
#include "mem.h"
#include "proc.h"
#include "url.h"

#define PIECE	4096

/* One question under way. */
struct get {
	const struct probe_request	*request;
	struct probe_reply		*reply;
	int				 fd;
	SSL				*ssl;		/* NULL: none */
	long long			 deadline;
};

static const struct {
	int			error;
	enum probe_outcome	outcome;
} connect_errors[] = {
	{ ECONNREFUSED, PROBE_REFUSED },
	{ ETIMEDOUT, PROBE_NO_CONNECTION },
	{ EMFILE, PROBE_BROKEN },
	{ ENFILE, PROBE_BROKEN },
	{ ENOBUFS, PROBE_BROKEN },
	{ ENOMEM, PROBE_BROKEN },
};

static int
end_as(struct get *g, enum probe_outcome outcome)
{
	g->reply->outcome = outcome;
	return -1;
}

static int
end_connect(struct get *g, int error)
{
	for (size_t i = 0; i < nitems(connect_errors); i++)
		if (connect_errors[i].error == error)
			return end_as(g, connect_errors[i].outcome);
	return end_as(g, PROBE_UNREACHABLE);
}

/* Until the socket is ready; -1 when the time is over. */
static int
wait_ready(struct get *g, short events, long long deadline)
{
	struct pollfd	p = { .fd = g->fd, .events = events };
	long long	left;
	int		n;

	do {
		left = deadline - proc_monotonic_ms();
		if (left <= 0)
			return -1;
		n = poll(&p, 1, (int)left);
	} while (n == 0 || (n == -1 && errno == EINTR));
	return n == 1 ? 0 : -1;
}

/* What we are connected to, asked of the kernel. */
static int
note_peer(struct get *g)
{
	struct sockaddr_storage	ss;
	socklen_t		len = sizeof(ss);

	if (getpeername(g->fd, (struct sockaddr *)&ss, &len) == -1)
		return end_as(g, PROBE_CLOSED);
	if (address_from_sockaddr((struct sockaddr *)&ss,
	    g->reply->peer) == -1)
		return end_as(g, PROBE_BROKEN);
	return 0;
}

static socklen_t
address_to_sockaddr(const unsigned char addr[ADDRESS_LEN], uint32_t port,
    struct sockaddr_storage *ss)
{
	struct sockaddr_in	sin = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
	};
	struct sockaddr_in6	sin6 = {
		.sin6_family = AF_INET6,
		.sin6_port = htons((uint16_t)port),
	};

	if (address_is_v4(addr)) {
		memcpy(&sin.sin_addr, addr + ADDRESS_LEN - 4, 4);
		memcpy(ss, &sin, sizeof(sin));
		return sizeof(sin);
	}
	memcpy(&sin6.sin6_addr, addr, ADDRESS_LEN);
	memcpy(ss, &sin6, sizeof(sin6));
	return sizeof(sin6);
}

static int
dial(struct get *g)
{
	const struct probe_request	*q = g->request;
	struct sockaddr_storage		 ss;
	socklen_t			 len;
	int				 error = 0;

	len = address_to_sockaddr(q->addr, q->hop.port, &ss);
	g->fd = socket(ss.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (g->fd == -1)
		return end_connect(g, errno);
	if (connect(g->fd, (struct sockaddr *)&ss, len) == 0)
		return note_peer(g);
	if (errno != EINPROGRESS)
		return end_connect(g, errno);
	if (wait_ready(g, POLLOUT, g->deadline - q->total_ms +
	    q->connect_ms) == -1)
		return end_as(g, PROBE_NO_CONNECTION);
	len = sizeof(error);
	if (getsockopt(g->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		return end_as(g, PROBE_BROKEN);
	return error != 0 ? end_connect(g, error) : note_peer(g);
}

/* What is offered by ALPN (RFC 7301, 3.1): one protocol, with its length. */
static const char *const protocols[PROBE_KINDS] = {
	[PROBE_GET] = "\x08http/1.1",
	[PROBE_TLS_ALPN] = "\x0a" "acme-tls/1",
};

/* Any certificate will do: nobody builds a chain for it. */
static int
any_certificate(X509_STORE_CTX *store, void *arg)
{
	(void)store;
	(void)arg;
	return 1;
}

/*
 * For https, where a redirect asked for it (RFC 8555, 8.3), and for
 * tls-alpn-01, which wants TLS 1.2 (RFC 8737, 3).  An end without
 * close_notify is an end.
 */
static SSL_CTX *
tls_context(uint32_t kind)
{
	static SSL_CTX	*made[PROBE_KINDS];
	SSL_CTX		*ctx = made[kind];
	const char	*alpn = protocols[kind];

	if (ctx != NULL)
		return ctx;
	/* No configuration file may load an engine or provider here. */
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	ctx = made[kind] = SSL_CTX_new(TLS_client_method());
	if (ctx == NULL)
		return NULL;
	if (kind == PROBE_TLS_ALPN)
		SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	SSL_CTX_set_cert_verify_callback(ctx, any_certificate, NULL);
	SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF |
	    SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_TICKET);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)alpn,
	    (unsigned)strlen(alpn));
	return ctx;
}

/* After a call of OpenSSL that did not succeed: 0 to try it again. */
static int
tls_wait(struct get *g, int rc, enum probe_outcome otherwise)
{
	int	why = SSL_get_error(g->ssl, rc);
	short	events = why == SSL_ERROR_WANT_WRITE ? POLLOUT : POLLIN;

	if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
		return end_as(g, why == SSL_ERROR_SSL ? PROBE_TLS : otherwise);
	if (wait_ready(g, events, g->deadline) == -1)
		return end_as(g, PROBE_SLOW);
	ERR_clear_error();
	return 0;
}

static int
shake_hands(struct get *g)
{
	SSL_CTX	*ctx = tls_context(g->request->kind);
	int	 rc;

	if (ctx == NULL || (g->ssl = SSL_new(ctx)) == NULL ||
	    SSL_set_fd(g->ssl, g->fd) != 1 ||
	    SSL_set_tlsext_host_name(g->ssl, g->request->hop.host) != 1)
		return end_as(g, PROBE_BROKEN);
	ERR_clear_error();
	while ((rc = SSL_connect(g->ssl)) != 1)
		if (tls_wait(g, rc, PROBE_TLS) == -1)
			return -1;
	return 0;
}

/* What the host showed; nothing is sent by it or to it any more. */
static void
note_handshake(struct get *g)
{
	const char		*want = protocols[PROBE_TLS_ALPN] + 1;
	struct alpn_facts	*f = &g->reply->facts;
	const unsigned char	*got;
	X509			*leaf = SSL_get1_peer_certificate(g->ssl);
	unsigned		 len;

	f->version = (uint32_t)SSL_version(g->ssl);
	SSL_get0_alpn_selected(g->ssl, &got, &len);
	f->selected = len == strlen(want) && memcmp(got, want, len) == 0;
	if (leaf != NULL)
		alpn_take_apart(leaf, f);
	X509_free(leaf);
	g->reply->outcome = PROBE_ANSWER;
}

/* Some octets out; the number, or -1 with the outcome. */
static ssize_t
put(struct get *g, const char *data, size_t len)
{
	ssize_t	n;

	for (;;) {
		if (g->ssl != NULL) {
			n = SSL_write(g->ssl, data, (int)len);
			if (n > 0)
				return n;
			if (tls_wait(g, (int)n, PROBE_CLOSED) == -1)
				return -1;
			continue;
		}
		n = send(g->fd, data, len, MSG_NOSIGNAL);
		if (n >= 0)
			return n;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return end_as(g, PROBE_CLOSED);
		if (wait_ready(g, POLLOUT, g->deadline) == -1)
			return end_as(g, PROBE_SLOW);
	}
}

/* Some octets in; 0 at the end, -1 with the outcome. */
static ssize_t
take(struct get *g, char *data, size_t len)
{
	ssize_t	n;

	for (;;) {
		if (g->ssl != NULL) {
			n = SSL_read(g->ssl, data, (int)len);
			if (n > 0)
				return n;
			if (SSL_get_error(g->ssl, (int)n) ==
			    SSL_ERROR_ZERO_RETURN)
				return 0;
			if (tls_wait(g, (int)n, PROBE_CLOSED) == -1)
				return -1;
			continue;
		}
		/* The host needs a moment: ask for data when there are. */
		if (wait_ready(g, POLLIN, g->deadline) == -1)
			return end_as(g, PROBE_SLOW);
		n = recv(g->fd, data, len, 0);
		if (n >= 0)
			return n;
		if (errno != EINTR && errno != EAGAIN)
			return end_as(g, PROBE_CLOSED);
	}
}

static int
ask(struct get *g)
{
	char	text[HTTP_REQUEST_MAX];
	size_t	len = http_get_request(&g->request->hop, text), sent = 0;
	ssize_t	n;

	while (sent < len) {
		n = put(g, text + sent, len - sent);
		if (n == -1)
			return -1;
		sent += (size_t)n;
	}
	return 0;
}

/* The response, to its end or as much of it as is wanted. */
static int
hear(struct get *g, struct http_response *a)
{
	enum http_progress	progress = HTTP_MORE;
	char			data[PIECE];
	ssize_t			n;

	while (progress == HTTP_MORE) {
		/* A host that never pauses has no more time than others. */
		if (proc_monotonic_ms() >= g->deadline)
			return end_as(g, PROBE_SLOW);
		n = take(g, data, sizeof(data));
		if (n == -1)
			return -1;
		progress = n == 0 ? http_response_end(a) :
		    http_response_feed(a, data, (size_t)n);
	}
	if (progress == HTTP_DONE)
		return 0;
	return end_as(g, progress == HTTP_CUT ? PROBE_CLOSED : PROBE_NOT_HTTP);
}

static void
report(struct get *g, const struct http_response *a)
{
	struct probe_reply	*r = g->reply;

	r->outcome = PROBE_ANSWER;
	if (http_is_redirect(a->status))
		r->outcome = a->nlocation == 1 &&
		    url_follow(&g->request->hop, a->location,
		    &r->next) == 0 ? PROBE_REDIRECT : PROBE_BAD_REDIRECT;
	r->body_len = (uint32_t)a->body_len;
	r->body_more = a->body_more;
	memcpy(r->body, a->body, a->body_len);
}

void
fetch(const struct probe_request *q, struct probe_reply *r)
{
	static struct http_response	answer;
	struct get			g = {
		.request = q,
		.reply = r,
		.fd = -1,
		.deadline = proc_monotonic_ms() + q->total_ms,
	};

	memset(r, 0, sizeof(*r));
	http_response_init(&answer);
	if (dial(&g) == 0 && (!q->hop.https || shake_hands(&g) == 0)) {
		if (q->kind == PROBE_TLS_ALPN)
			note_handshake(&g);
		else if (ask(&g) == 0 && hear(&g, &answer) == 0)
			report(&g, &answer);
	}
	r->status = answer.status;
	if (g.ssl != NULL)
		SSL_free(g.ssl);
	if (g.fd != -1)
		close(g.fd);
}
