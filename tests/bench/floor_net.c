/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes over sockets, and a child process.  The other end is a thread
 * whose time is not counted.
 */
#include <sys/socket.h>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <arpa/inet.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "server/log.h"
#include "floor.h"

#define REQUEST_LEN	900	/* a POST and its reply, as they are */
#define REPLY_LEN	900

static const char get_request[] =
    "GET /.well-known/acme-challenge/evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr"
    "-oA HTTP/1.1\r\nHost: www.floor.test\r\nUser-Agent: floor\r\n"
    "Accept: */*\r\nConnection: close\r\n\r\n";
static const char get_reply[] =
    "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n"
    "Content-Length: 87\r\nConnection: close\r\n\r\n"
    "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA."
    "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";

struct loop {
	struct sockaddr_in	 at;
	int			 fd;		/* listening */
	SSL_CTX			*ctx;
	SSL			*ssl;
};

static void
must(bool good, const char *what)
{
	if (!good)
		die(EXIT_FAILED, "%s: %s", what, strerror(errno));
}

static void
listen_anywhere(struct loop *l)
{
	socklen_t len = sizeof(l->at);

	memset(&l->at, 0, sizeof(l->at));
	l->at.sin_family = AF_INET;
	l->at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(l->fd != -1 && bind(l->fd, (struct sockaddr *)&l->at,
	    sizeof(l->at)) == 0 && listen(l->fd, 128) == 0 &&
	    getsockname(l->fd, (struct sockaddr *)&l->at, &len) == 0,
	    "listening on loopback");
}

static int
dial(const struct loop *l)
{
	static const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd != -1 && connect(fd, (const struct sockaddr *)&l->at,
	    sizeof(l->at)) == 0, "connecting on loopback");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static void
start(pthread_t *thread, void *(*f)(void *), void *arg)
{
	must((errno = pthread_create(thread, NULL, f, arg)) == 0, "a thread");
}

/* -------------------------------------------------------------------- GET */

/* Until the listening socket is shut down. */
static void *
get_peer(void *arg)
{
	struct loop *l = arg;
	char text[1024];
	int fd;

	while ((fd = accept(l->fd, NULL, NULL)) != -1) {
		if (recv(fd, text, sizeof(text), 0) > 0)
			send(fd, get_reply, sizeof(get_reply) - 1,
			    MSG_NOSIGNAL);
		close(fd);
	}
	return NULL;
}

static int
get_once(void *arg)
{
	char text[1024];
	ssize_t n, all = 0;
	int fd = dial(arg);

	must(send(fd, get_request, sizeof(get_request) - 1, MSG_NOSIGNAL) > 0,
	    "sending a GET");
	while ((n = recv(fd, text, sizeof(text), 0)) > 0)
		all += n;
	must(all == sizeof(get_reply) - 1, "receiving a reply");
	close(fd);
	return 0;
}

struct price
price_get(double seconds)
{
	struct price price;
	struct loop l;
	pthread_t peer;

	listen_anywhere(&l);
	start(&peer, get_peer, &l);
	price = price_of(seconds, get_once, &l);
	shutdown(l.fd, SHUT_RDWR);
	pthread_join(peer, NULL);
	close(l.fd);
	return price;
}

/* ------------------------------------------------------------------- fork */

/* By floor_fork, which lies beside this program. */
struct price
price_fork(double seconds)
{
	struct price price = { 0 };
	char self[4096], command[4200];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	FILE *out;

	must(n > 0, "/proc/self/exe");
	self[n] = '\0';
	snprintf(command, sizeof(command), "'%s_fork' %g", self, seconds);
	must((out = popen(command, "re")) != NULL, "floor_fork");
	if (fscanf(out, "%lf %lf", &price.cpu_us, &price.wall_us) != 2)
		die(EXIT_FAILED, "%s does not work", command);
	pclose(out);
	return price;
}

/* -------------------------------------------------------------------- TLS */

static void
ssl_must(int rc, const char *what)
{
	if (rc <= 0)
		die(EXIT_FAILED, "OpenSSL: %s failed", what);
}

/* A certificate of its own making: the handshake is not measured. */
static SSL_CTX *
tls_context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *pkey = EVP_EC_gen("P-256");
	X509 *x = X509_new();

	if (ctx == NULL || pkey == NULL || x == NULL)
		die(EXIT_FAILED, "out of memory");
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 3600);
	ssl_must(X509_set_pubkey(x, pkey) == 1 &&
	    X509_sign(x, pkey, EVP_sha256()) > 0 &&
	    SSL_CTX_use_certificate(ctx, x) == 1 &&
	    SSL_CTX_use_PrivateKey(ctx, pkey) == 1, "a certificate");
	X509_free(x);
	EVP_PKEY_free(pkey);
	return ctx;
}

static void
read_all(SSL *ssl, int len)
{
	char text[2048];
	int n;

	for (; len > 0; len -= n) {
		n = SSL_read(ssl, text, len);
		ssl_must(n, "reading");
	}
}

/* The client: until the server hangs up. */
static void *
tls_peer(void *arg)
{
	struct loop *l = arg;
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	char text[2048] = "";
	int fd = dial(l);

	SSL_set_fd(ssl, fd);
	ssl_must(SSL_connect(ssl), "a handshake");
	while (SSL_write(ssl, text, REQUEST_LEN) > 0 &&
	    SSL_read(ssl, text, REPLY_LEN) > 0)
		;
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
	return NULL;
}

static int
tls_once(void *arg)
{
	static const char text[REPLY_LEN];
	struct loop *l = arg;

	read_all(l->ssl, REQUEST_LEN);
	ssl_must(SSL_write(l->ssl, text, REPLY_LEN), "writing");
	return 0;
}

struct price
price_tls(double seconds)
{
	struct price price;
	struct loop l;
	pthread_t peer;
	int fd;

	listen_anywhere(&l);
	l.ctx = tls_context();
	start(&peer, tls_peer, &l);
	must((fd = accept(l.fd, NULL, NULL)) != -1, "accepting");
	if ((l.ssl = SSL_new(l.ctx)) == NULL)
		die(EXIT_FAILED, "out of memory");
	SSL_set_fd(l.ssl, fd);
	ssl_must(SSL_accept(l.ssl), "a handshake");
	price = price_of(seconds, tls_once, &l);
	SSL_shutdown(l.ssl);
	shutdown(fd, SHUT_RDWR);
	pthread_join(peer, NULL);
	SSL_free(l.ssl);
	SSL_CTX_free(l.ctx);
	close(fd);
	close(l.fd);
	return price;
}
