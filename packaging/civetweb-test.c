/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Run by configure against the system's CivetWeb: serves one HTTPS request
 * on [::1] with a throw-away key and asks for it.  Exit status 0 says that
 * the library does TLS with the OpenSSL that is here, and IPv6; one that
 * does not fails to start, or crashes in its first handshake.
 */
#include <netinet/in.h>
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <civetweb.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

static int
answer(struct mg_connection *conn, void *arg)
{
	(void)arg;
	mg_printf(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	return 200;
}

/* A key and a certificate for it, in one PEM file. */
static int
write_certificate(const char *file)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	FILE *fp = fopen(file, "w");

	if (key == NULL || cert == NULL || fp == NULL)
		return -1;
	X509_set_version(cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	if (X509_sign(cert, key, EVP_sha256()) == 0 ||
	    PEM_write_PrivateKey(fp, key, NULL, NULL, 0, NULL, NULL) != 1 ||
	    PEM_write_X509(fp, cert) != 1)
		return -1;
	return fclose(fp);
}

static int
ask(int port)
{
	struct sockaddr_in6 sin6 = {
		.sin6_family = AF_INET6, .sin6_port = htons(port),
		.sin6_addr = IN6ADDR_LOOPBACK_INIT,
	};
	static const char request[] =
	    "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	char reply[16] = "";
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl = SSL_new(ctx);
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&sin6, sizeof(sin6)) == -1 ||
	    SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1 ||
	    SSL_write(ssl, request, sizeof(request) - 1) <= 0 ||
	    SSL_read(ssl, reply, sizeof(reply) - 1) <= 0)
		return -1;
	return strncmp(reply, "HTTP/1.1 200", 12) == 0 ? 0 : -1;
}

int
main(void)
{
	char pem[] = "conftest.pem";
	const char *options[] = {
		"listening_ports", "[::1]:0s", "ssl_certificate", pem,
		"num_threads", "2", NULL
	};
	struct mg_callbacks callbacks = { 0 };
	struct mg_server_port port;
	struct mg_context *ctx;

	alarm(20);
	mg_init_library(MG_FEATURES_TLS);
	if (!mg_check_feature(MG_FEATURES_IPV6) ||
	    write_certificate(pem) != 0)
		return 1;
	ctx = mg_start(&callbacks, NULL, options);
	if (ctx == NULL || mg_get_server_ports(ctx, 1, &port) != 1)
		return 1;
	mg_set_request_handler(ctx, "/", answer, NULL);
	if (ask(port.port) != 0)
		return 1;
	mg_stop(ctx);
	return 0;
}
