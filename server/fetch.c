/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The GET of a validation, with libcurl: address pinned and seen again before
 * connect(2), no proxy, no credentials, no redirects, no certificate check
 * (RFC 8555, 8.3 asks for none on a redirect to https), body kept up to
 * PROBE_BODY_MAX octets.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fetch.h"
#include "mem.h"

#define AGENT	"Chancery/" VERSION " (ACME http-01 validation)"

/* One GET under way. */
struct get {
	CURL				*curl;
	const struct probe_request	*request;
	struct probe_reply		*reply;
	bool				 enough;	/* stopped by us */
	char				 url[HOP_HOST + HOP_TARGET + 32];
	char				 pin[HOP_HOST + ADDRESS_TEXT + 16];
};

static const struct {
	CURLcode		code;
	enum probe_outcome	outcome;
} outcomes[] = {
	{ CURLE_OK, PROBE_ANSWER },
	{ CURLE_COULDNT_CONNECT, PROBE_UNREACHABLE },
	{ CURLE_OPERATION_TIMEDOUT, PROBE_SLOW },
	{ CURLE_GOT_NOTHING, PROBE_CLOSED },
	{ CURLE_SEND_ERROR, PROBE_CLOSED },
	{ CURLE_RECV_ERROR, PROBE_CLOSED },
	{ CURLE_PARTIAL_FILE, PROBE_CLOSED },
	{ CURLE_SSL_CONNECT_ERROR, PROBE_TLS },
	{ CURLE_SSL_CERTPROBLEM, PROBE_TLS },
	{ CURLE_SSL_CIPHER, PROBE_TLS },
	{ CURLE_PEER_FAILED_VERIFICATION, PROBE_TLS },
	{ CURLE_WEIRD_SERVER_REPLY, PROBE_NOT_HTTP },
	{ CURLE_UNSUPPORTED_PROTOCOL, PROBE_NOT_HTTP },
	{ CURLE_BAD_CONTENT_ENCODING, PROBE_NOT_HTTP },
	{ CURLE_HTTP2, PROBE_NOT_HTTP },
};

static bool
is_redirect(long status)
{
	return status == 301 || status == 302 || status == 307 ||
	    status == 308;
}

/* Copy a name of two labels or more, in lower case: letters, digits, "-". */
static int
copy_host(const char *from, char *to)
{
	size_t	len = strlen(from), label = 0;
	bool	letters = false, dots = false;

	if (len == 0 || len >= HOP_HOST)
		return -1;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)from[i];

		if (c == '.') {
			if (label == 0)
				return -1;
			label = 0;
			letters = false;
			dots = true;
		} else if (c >= 'A' && c <= 'Z')
			c |= 0x20;
		if (c != '.') {
			if (!((c >= 'a' && c <= 'z') || c == '-' ||
			    (c >= '0' && c <= '9')) || ++label > 63)
				return -1;
			letters |= c >= 'a' && c <= 'z';
		}
		to[i] = (char)c;
	}
	to[len] = '\0';
	/* A last label without letters is an address (RFC 3696, 2). */
	return letters && dots ? 0 : -1;
}

/* Path and query, as they go into the request line. */
static int
copy_target(const char *path, const char *query, char *to)
{
	int	n;

	n = snprintf(to, HOP_TARGET, "%s%s%s", path,
	    query == NULL ? "" : "?", query == NULL ? "" : query);
	if (n <= 0 || n >= HOP_TARGET || to[0] != '/')
		return -1;
	for (int i = 0; i < n; i++)
		if (to[i] <= 0x20 || to[i] >= 0x7f)
			return -1;
	return 0;
}

static int
copy_port(const char *text, uint32_t *port)
{
	unsigned long	n = 0;

	*port = 0;
	if (text == NULL)
		return 0;
	n = strtoul(text, NULL, 10);
	if (n == 0 || n > 65535)
		return -1;
	*port = (uint32_t)n;
	return 0;
}

/* The parts of a URL that curl has parsed. */
static int
split(CURLU *u, struct hop *hop)
{
	char	*scheme = NULL, *user = NULL, *host = NULL, *port = NULL,
		*path = NULL, *query = NULL;
	int	 rc = -1;

	curl_url_get(u, CURLUPART_USER, &user, 0);
	curl_url_get(u, CURLUPART_PORT, &port, 0);
	curl_url_get(u, CURLUPART_QUERY, &query, 0);
	if (user != NULL ||
	    curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
	    curl_url_get(u, CURLUPART_PATH, &path, 0) != CURLUE_OK)
		goto out;
	hop->https = strcasecmp(scheme, "https") == 0;
	if (!hop->https && strcasecmp(scheme, "http") != 0)
		goto out;
	if (copy_host(host, hop->host) == -1 ||
	    copy_port(port, &hop->port) == -1 ||
	    copy_target(path, query, hop->target) == -1)
		goto out;
	rc = 0;
out:
	curl_free(scheme);
	curl_free(user);
	curl_free(host);
	curl_free(port);
	curl_free(path);
	curl_free(query);
	return rc;
}

int
fetch_location(const char *base, const char *location, struct hop *hop)
{
	CURLU	*u = NULL;
	int	 rc = -1;

	memset(hop, 0, sizeof(*hop));
	u = curl_url();
	if (u == NULL)
		goto out;
	if (curl_url_set(u, CURLUPART_URL, base, 0) == CURLUE_OK &&
	    curl_url_set(u, CURLUPART_URL, location, 0) == CURLUE_OK)
		rc = split(u, hop);
out:
	curl_url_cleanup(u);
	if (rc == -1)
		memset(hop, 0, sizeof(*hop));
	return rc;
}

/* Keep the start of a body; of a redirect's body nothing is wanted. */
static size_t
take_body(char *data, size_t size, size_t count, void *arg)
{
	struct get		*g = arg;
	struct probe_reply	*r = g->reply;
	size_t			 len = size * count, room;
	long			 status = 0;

	curl_easy_getinfo(g->curl, CURLINFO_RESPONSE_CODE, &status);
	room = sizeof(r->body) - r->body_len;
	if (is_redirect(status) || len > room) {
		g->enough = true;
		r->body_more = len > room;
		len = is_redirect(status) ? 0 : room;
	}
	memcpy(r->body + r->body_len, data, len);
	r->body_len += (uint32_t)len;
	return g->enough ? 0 : len;
}

/* The last gate: only the address that the validator allowed. */
static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct get	*g = arg;
	unsigned char	 addr[ADDRESS_LEN];

	if (purpose != CURLSOCKTYPE_IPCXN ||
	    address_from_sockaddr(&to->addr, addr) == -1 ||
	    memcmp(addr, g->request->addr, sizeof(addr)) != 0)
		return CURL_SOCKET_BAD;
	return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static void
set_limits(CURL *c, const struct probe_request *q)
{
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR,
	    q->hop.https ? "https" : "http");
	curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "");
	curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(c, CURLOPT_PROXY, "");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(c, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	curl_easy_setopt(c, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)q->connect_ms);
	curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)q->total_ms);
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 16384L);
	curl_easy_setopt(c, CURLOPT_USERAGENT, AGENT);
	curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
}

static CURLcode
perform(struct get *g)
{
	struct curl_slist	*pins = NULL, *headers = NULL;
	CURLcode		 code = CURLE_OUT_OF_MEMORY;

	pins = curl_slist_append(NULL, g->pin);
	headers = curl_slist_append(NULL, "Connection: close");
	if (pins == NULL || headers == NULL)
		goto out;
	set_limits(g->curl, g->request);
	curl_easy_setopt(g->curl, CURLOPT_URL, g->url);
	curl_easy_setopt(g->curl, CURLOPT_RESOLVE, pins);
	curl_easy_setopt(g->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(g->curl, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(g->curl, CURLOPT_OPENSOCKETDATA, g);
	curl_easy_setopt(g->curl, CURLOPT_WRITEFUNCTION, take_body);
	curl_easy_setopt(g->curl, CURLOPT_WRITEDATA, g);
	code = curl_easy_perform(g->curl);
out:
	curl_easy_setopt(g->curl, CURLOPT_RESOLVE, NULL);
	curl_easy_setopt(g->curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(pins);
	curl_slist_free_all(headers);
	return code;
}

/* What curl's code means, looked at more closely where it is coarse. */
static enum probe_outcome
outcome_of(struct get *g, CURLcode code)
{
	curl_off_t	connected = 0;
	long		error = 0;

	if (g->enough && code == CURLE_WRITE_ERROR)
		return PROBE_ANSWER;
	curl_easy_getinfo(g->curl, CURLINFO_CONNECT_TIME_T, &connected);
	curl_easy_getinfo(g->curl, CURLINFO_OS_ERRNO, &error);
	if (code == CURLE_COULDNT_CONNECT && error == ECONNREFUSED)
		return PROBE_REFUSED;
	if (code == CURLE_OPERATION_TIMEDOUT && connected == 0)
		return PROBE_NO_CONNECTION;
	for (size_t i = 0; i < nitems(outcomes); i++)
		if (outcomes[i].code == code)
			return outcomes[i].outcome;
	return PROBE_BROKEN;
}

static void
note_peer(struct get *g)
{
	char		*text = NULL;
	unsigned char	 octets[ADDRESS_LEN];
	struct probe_reply *r = g->reply;

	if (curl_easy_getinfo(g->curl, CURLINFO_PRIMARY_IP, &text) !=
	    CURLE_OK || text == NULL)
		return;
	if (inet_pton(AF_INET, text, octets) == 1)
		address_from_octets(octets, 4, r->peer);
	else if (inet_pton(AF_INET6, text, octets) == 1)
		address_from_octets(octets, 16, r->peer);
}

/* Exactly one Location that we can follow. */
static enum probe_outcome
note_redirect(struct get *g)
{
	struct curl_header	*h = NULL;

	if (curl_easy_header(g->curl, "Location", 0, CURLH_HEADER, -1, &h) !=
	    CURLHE_OK || h->amount != 1 ||
	    fetch_location(g->url, h->value, &g->reply->next) == -1)
		return PROBE_BAD_REDIRECT;
	return PROBE_REDIRECT;
}

static void
finish(struct get *g, CURLcode code)
{
	struct probe_reply	*r = g->reply;
	long			 status = 0;

	r->outcome = outcome_of(g, code);
	note_peer(g);
	curl_easy_getinfo(g->curl, CURLINFO_RESPONSE_CODE, &status);
	if (status > 0 && status < 1000)
		r->status = (uint32_t)status;
	if (r->outcome == PROBE_ANSWER && is_redirect(status))
		r->outcome = note_redirect(g);
}

void
fetch(const struct probe_request *q, struct probe_reply *r)
{
	struct get	g = { .request = q, .reply = r };
	char		addr[ADDRESS_TEXT];

	memset(r, 0, sizeof(*r));
	r->outcome = PROBE_BROKEN;
	/* No configuration file may load an engine or provider here. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	g.curl = curl_easy_init();
	if (g.curl == NULL)
		return;
	address_print(q->addr, addr);
	snprintf(g.url, sizeof(g.url), "%s://%s:%u%s",
	    q->hop.https ? "https" : "http", q->hop.host,
	    (unsigned)q->hop.port, q->hop.target);
	snprintf(g.pin, sizeof(g.pin), "%s:%u:%s", q->hop.host,
	    (unsigned)q->hop.port, addr);
	finish(&g, perform(&g));
	curl_easy_cleanup(g.curl);
}
