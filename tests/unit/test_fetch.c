/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection of a GET against hosts on the loopback: what each way to
 * fail is called, and that no wait outlives its deadline.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <signal.h>
#include <time.h>

#include "server/fetch.c"
#include "server/sandbox.h"

#define OK		"HTTP/1.1 200 OK\r\n\r\n"
#define TOTAL_MS	400

/* Listens on a port of its own, of one address. */
static int
listener(uint32_t *port)
{
	struct sockaddr_in	sin = { .sin_family = AF_INET };
	socklen_t		len = sizeof(sin);
	int			fd;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	*port = ntohs(sin.sin_port);
	return fd;
}

static void
request_init(struct probe_request *q, uint32_t port)
{
	const unsigned char	loopback[] = { 127, 0, 0, 1 };

	memset(q, 0, sizeof(*q));
	q->total_ms = TOTAL_MS;
	q->connect_ms = TOTAL_MS / 2;
	address_from_octets(loopback, 4, q->addr);
	q->hop.port = port;
	strcpy(q->hop.host, "a.test");
	strcpy(q->hop.target, "/p");
}

/* A host in a child of ours: it reads a request and runs `serve`. */
static pid_t
host(int fd, void (*serve)(int, const void *), const void *arg)
{
	pid_t	pid = fork();
	char	text[HTTP_REQUEST_MAX];
	int	client;

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	signal(SIGPIPE, SIG_IGN);
	alarm(5);
	while ((client = accept(fd, NULL, NULL)) != -1) {
		if (recv(client, text, sizeof(text),
		    serve == NULL ? 0 : MSG_PEEK) <= 0)
			_exit(1);
		if (serve == NULL)
			(void)!write(client, arg, strlen(arg));
		else
			serve(client, arg);
		close(client);
	}
	_exit(0);
}

static void
get(void (*serve)(int, const void *), const void *arg, bool https,
    struct probe_reply *r)
{
	static struct probe_request	q;
	uint32_t			port;
	int				fd = listener(&port);
	pid_t				pid = host(fd, serve, arg);

	request_init(&q, port);
	q.hop.https = https;
	fetch(&q, r);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
}

static void
test_answers(void **state)
{
	static const struct {
		const char	*octets;
		unsigned	 outcome, status;
		const char	*rest;		/* body, or host and target */
	} rows[] = {
		{ OK "abc", PROBE_ANSWER, 200, "abc" },
		{ "HTTP/1.1 404 x\r\nContent-Length: 2\r\n\r\nno",
		    PROBE_ANSWER, 404, "no" },
		{ "HTTP/1.1 302 x\r\nLocation: //b.test/x\r\n\r\nno",
		    PROBE_REDIRECT, 302, "b.test/x" },
		{ "HTTP/1.1 308 x\r\nLocation: x\r\n\r\n", PROBE_REDIRECT,
		    308, "a.test/x" },
		{ "HTTP/1.1 301 x\r\nLocation: ftp://b.test/\r\n\r\n",
		    PROBE_BAD_REDIRECT, 301, "" },
		{ "HTTP/1.1 301 x\r\nLocation: /\r\nLocation: /\r\n\r\n",
		    PROBE_BAD_REDIRECT, 301, "" },
		{ "HTTP/1.1 307 x\r\n\r\n", PROBE_BAD_REDIRECT, 307, "" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
		    PROBE_CLOSED, 200, "" },
		{ "HTTP/1.1 200", PROBE_CLOSED, 0, "" },
		{ "220 ready\r\n", PROBE_NOT_HTTP, 0, "" },
		{ "", PROBE_CLOSED, 0, "" },
	};
	static struct probe_reply	r;
	static struct probe_request	q;
	char				rest[sizeof(r.body) + 4096];

	(void)state;
	request_init(&q, 1);
	for (size_t i = 0; i < nitems(rows); i++) {
		get(NULL, rows[i].octets, false, &r);
		snprintf(rest, sizeof(rest), "%.*s%s%s", (int)r.body_len,
		    (const char *)r.body, r.next.host, r.next.target);
		if (r.outcome != rows[i].outcome ||
		    r.status != rows[i].status ||
		    strcmp(rest, rows[i].rest) != 0)
			fail_msg("row %zu: outcome %u status %u %s", i,
			    r.outcome, r.status, rest);
		assert_memory_equal(r.peer, q.addr, sizeof(r.peer));
	}
}

static void
serve_nothing(int fd, const void *arg)
{
	(void)fd;
	(void)arg;
	sleep(4);
}

static void
serve_drops(int fd, const void *arg)
{
	const struct timespec	pause = { 0, 20000000 };
	const char		*text = arg;

	for (size_t i = 0; write(fd, text + i, 1) == 1;) {
		if (text[i + 1] != '\0')
			i++;
		nanosleep(&pause, NULL);
	}
}

/* More than can be sent, never with a pause; it is not read to the end. */
static void
serve_flood(int fd, const void *arg)
{
	(void)!write(fd, arg, strlen(arg));
	while (write(fd, "1\r\na\r\n", 6) > 0)
		;
}

static long long
timed(void (*serve)(int, const void *), const void *arg, bool https,
    struct probe_reply *r)
{
	long long	from = proc_monotonic_ms();

	get(serve, arg, https, r);
	return proc_monotonic_ms() - from;
}

static void
test_slow(void **state)
{
	static struct probe_reply	r;
	long long			took;

	(void)state;
	for (int https = 0; https < 2; https++) {
		took = timed(serve_nothing, NULL, https, &r);
		assert_int_equal(r.outcome, PROBE_SLOW);
		assert_in_range(took, TOTAL_MS, TOTAL_MS + 300);
	}
	took = timed(serve_drops, OK "a", false, &r);
	assert_int_equal(r.outcome, PROBE_SLOW);
	assert_in_range(took, TOTAL_MS, TOTAL_MS + 300);
	timed(serve_flood, "HTTP/1.1 200 OK\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n", false, &r);
	assert_int_equal(r.outcome, PROBE_ANSWER);
	assert_int_equal(r.body_more, 1);
}

static void
test_refused(void **state)
{
	static struct probe_request	q;
	static struct probe_reply	r;
	static const unsigned char	none[ADDRESS_LEN];
	uint32_t			port;

	(void)state;
	close(listener(&port));
	request_init(&q, port);
	fetch(&q, &r);
	assert_int_equal(r.outcome, PROBE_REFUSED);
	assert_memory_equal(r.peer, none, sizeof(none));
	/* No address of anybody: what the kernel says differs. */
	memset(q.addr, 0, sizeof(q.addr));
	q.addr[0] = 0xff;
	fetch(&q, &r);
	assert_int_equal(r.outcome, PROBE_UNREACHABLE);
}

static SSL_CTX *
server_context(void)
{
	SSL_CTX		*ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY	*key = EVP_EC_gen("P-256");
	X509		*cert = X509_new();

	assert_non_null(ctx);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -7200);
	X509_gmtime_adj(X509_getm_notAfter(cert), -3600);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

/* Answers with the name that it was asked for. */
static void
serve_tls(int fd, const void *arg)
{
	SSL_CTX		*ctx = server_context();
	SSL		*ssl = SSL_new(ctx);
	const char	*name;
	char		 text[HTTP_REQUEST_MAX];

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) != 1 || SSL_read(ssl, text, sizeof(text)) <= 0)
		_exit(1);
	name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
	SSL_write(ssl, OK, (int)strlen(OK));
	SSL_write(ssl, name, (int)strlen(name));
	if (arg != NULL)
		SSL_shutdown(ssl);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

/* An expired certificate of nobody's, with and without close_notify. */
static void
test_tls(void **state)
{
	static struct probe_reply	r;

	(void)state;
	for (int i = 0; i < 2; i++) {
		get(serve_tls, i == 0 ? NULL : "shutdown", true, &r);
		assert_int_equal(r.outcome, PROBE_ANSWER);
		assert_int_equal(r.body_len, strlen("a.test"));
		assert_memory_equal(r.body, "a.test", r.body_len);
	}
	get(NULL, OK, true, &r);
	assert_int_equal(r.outcome, PROBE_TLS);
	get(NULL, "", true, &r);
	assert_int_equal(r.outcome, PROBE_TLS);
}

/* All of it is granted to those who do it. */
static void
in_sandbox(void *arg)
{
	static struct probe_reply	r;

	sandbox_enter(SANDBOX_PROBE_CHILD, NULL, NULL);
	fetch(arg, &r);
	_exit(r.outcome == PROBE_ANSWER && r.body_len > 0 ? 0 : 1);
}

static void
test_sandboxed(void **state)
{
	static struct probe_request	q;
	char				text[1024];
	uint32_t			port;
	int				fd, status;
	pid_t				pid;

	(void)state;
	for (int https = 0; https < 2; https++) {
		fd = listener(&port);
		pid = host(fd, https ? serve_tls : NULL, OK "abc");
		request_init(&q, port);
		q.hop.https = (uint32_t)https;
		status = unit_child(in_sandbox, &q, text, sizeof(text));
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		close(fd);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			fail_msg("https=%d: status %x %s", https, status,
			    text);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		/* First: OpenSSL must not have begun outside. */
		cmocka_unit_test(test_sandboxed),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_slow),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_tls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
