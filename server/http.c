/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/1.1 server, around CivetWeb: the only file that sees it.  What
 * CivetWeb leaves open is closed here: bodies are bounded, ambiguous framing
 * is refused (RFC 9112, 6.3), one address has a bounded share of the workers,
 * idle connections give way under pressure, error pages are problem
 * documents, and a stop loses no reply.
 */
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <civetweb.h>
#include "conf.h"
#include "forwarded.h"
#include "http.h"
#include "http_share.h"
#include "http_tls.h"
#include "json.h"
#include "log.h"
#include "problem.h"
#include "proc.h"

#define ARENA_MAX	(4 * 1024 * 1024)
#define STACK_SIZE	(1024 * 1024)	/* of a worker; 8 MiB by default */
#define DISCARD_MAX	(2 * 1024 * 1024) /* of a refused body is still read */
#define DISCARD_PIECE	(64 * 1024)
#define DISCARD_MS	5000
#define PRESSURE	75	/* % of workers busy: connections end early */

/* What CivetWeb keeps for a connection. */
struct seat {
	struct share	*share;		/* NULL before its first request */
};

struct http {
	struct http_config	 config;
	struct mg_context	*mg;
	struct http_tls		*tls;		/* NULL: plain HTTP */
	struct shares		*shares;
	atomic_uint		 connections;
	atomic_uint		 requests;	/* under way */
	atomic_bool		 draining;
};

/* -------------------------------------------------------------- accounting */

/* CivetWeb does not tell the address before the first request is read. */
static int
connection_opened(const struct mg_connection *conn, void **data)
{
	struct http *h = mg_get_user_data(mg_get_context(conn));

	atomic_fetch_add(&h->connections, 1);
	*data = xcalloc(1, sizeof(struct seat));
	return 0;
}

/* At each request; false when its address has too many connections. */
static bool
seat_take(struct http *h, const struct mg_connection *conn)
{
	const char *peer = mg_get_request_info(conn)->remote_addr;
	struct seat *seat = mg_get_user_connection_data(conn);
	unsigned count;

	/* A proxy's connections are those of many. */
	if (seat == NULL || seat->share != NULL || forwarded_trusts(
	    h->config.proxies, h->config.nproxies, peer))
		return true;
	seat->share = shares_take(h->shares, peer, &count);
	return count <= h->config.per_address;
}

/* Also called after a failed handshake, which was never opened. */
static void
connection_closed(const struct mg_connection *conn)
{
	struct http *h = mg_get_user_data(mg_get_context(conn));
	struct seat *seat = mg_get_user_connection_data(conn);

	if (seat == NULL)
		return;
	if (seat->share != NULL)
		shares_give(h->shares, seat->share);
	atomic_fetch_sub(&h->connections, 1);
	free(seat);
}

static bool
under_pressure(struct http *h)
{
	return atomic_load(&h->connections) * 100 >
	    h->config.workers * PRESSURE;
}

/* ----------------------------------------------------------------- replies */

void
http_header(struct http_reply *reply, const char *name, const char *fmt, ...)
{
	char value[1024];
	va_list ap;
	size_t i;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	for (i = 0; value[i] != '\0'; i++)
		if ((unsigned char)value[i] < ' ' || value[i] == 0x7f)
			value[i] = ' ';
	buf_printf(&reply->headers, "%s: %s\r\n", name, value);
}

void
http_problem(struct http_reply *reply, const struct problem *p)
{
	json_t *doc;

	doc = problem_json(p);
	reply->status = problem_http_status(p);
	reply->type = "application/problem+json";
	reply->body = json_pretty(reply->arena, doc, &reply->body_len);
	json_decref(doc);
}

static void
reply_init(struct http_reply *reply, struct arena *arena)
{
	memset(reply, 0, sizeof(*reply));
	reply->arena = arena;
	reply->status = 200;
	buf_init(&reply->headers, arena);
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7) */
static void
date_print(char *out, size_t len)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(out, len, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

/* Head and body in one buffer, and one write. */
static void
reply_send(struct mg_connection *conn, const struct http_request *req,
    struct http_reply *reply)
{
	bool bodiless = reply->status == 204 || reply->status == 304;
	char date[64];
	struct buf out;

	date_print(date, sizeof(date));
	buf_init(&out, reply->arena);
	buf_printf(&out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", reply->status,
	    mg_get_response_code_text(conn, reply->status), date);
	if (reply->type != NULL && !bodiless)
		buf_printf(&out, "Content-Type: %s\r\n", reply->type);
	if (!bodiless)
		buf_printf(&out, "Content-Length: %zu\r\n", reply->body_len);
	buf_add(&out, reply->headers.data, reply->headers.len);
	buf_printf(&out, "Connection: %s\r\n\r\n",
	    reply->close ? "close" : "keep-alive");
	if (!bodiless && reply->body_len > 0 &&
	    (req->method == NULL || strcmp(req->method, "HEAD") != 0))
		buf_add(&out, reply->body, reply->body_len);
	if (reply->close)
		mg_disable_connection_keep_alive(conn);
	mg_write(conn, out.data, out.len);
}

/* ---------------------------------------------------------------- requests */

const char *
http_request_header(const struct http_request *req, const char *name)
{
	return req->connection == NULL ? NULL :
	    mg_get_header(req->connection, name);
}

static unsigned
header_count(const struct mg_request_info *ri, const char *name)
{
	unsigned count = 0;
	int i;

	for (i = 0; i < ri->num_headers; i++)
		if (strcasecmp(ri->http_headers[i].name, name) == 0)
			count++;
	return count;
}

/* RFC 9110, 5.1 and 5.6.2 */
static bool
names_fit(const struct mg_request_info *ri)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	const char *name;
	int i;

	for (i = 0; i < ri->num_headers; i++) {
		name = ri->http_headers[i].name;
		if (*name == '\0' || name[strspn(name, token)] != '\0')
			return false;
	}
	return true;
}

/*
 * CivetWeb takes a line that begins with what cannot be in a name (a colon, a
 * blank) for the end of the head, and forgets the fields behind it, their
 * Content-Length too; of the first field it forgets blanks before it.  Of each
 * line that it read it makes the CR and the LF NULs, behind the request line
 * all that is blank: so what stands behind them tells.
 */
static bool
head_whole(const struct mg_request_info *ri)
{
	const char *end = ri->http_version + strlen(ri->http_version);

	if (ri->num_headers == 0)
		return end[1] == '\0' && end[2] == '\0' && end[3] == '\0';
	if (ri->http_headers[0].name != end + 2)
		return false;
	end = ri->http_headers[ri->num_headers - 1].value;
	end += strlen(end);
	return end[1] == '\0' && end[2] == '\r';
}

/* Will the client, and may we, use the connection again? */
static bool
wants_close(const struct mg_connection *conn, const struct mg_request_info *ri)
{
	const char *value = mg_get_header(conn, "Connection");

	if (strcmp(ri->http_version, "1.1") != 0)
		return true;
	return value != NULL && strcasestr(value, "keep-alive") == NULL;
}

/* RFC 9112, 3.2 and 6.3: a request that two readers could read in two ways
 * is refused, with its connection. */
static int
framing_check(const struct http *h, const struct mg_connection *conn,
    struct problem *p)
{
	const struct mg_request_info *ri = mg_get_request_info(conn);
	const char *length = mg_get_header(conn, "Content-Length");
	const char *encoding = mg_get_header(conn, "Transfer-Encoding");
	unsigned lengths = header_count(ri, "Content-Length");
	unsigned encodings = header_count(ri, "Transfer-Encoding");
	unsigned hosts = header_count(ri, "Host");

	if (ri->num_headers >= MG_MAX_HEADERS)
		return problem_status(p, 431, PR_MALFORMED,
		    "a request has fewer than %d header fields",
		    MG_MAX_HEADERS);
	if (!head_whole(ri))
		return problem(p, PR_MALFORMED, "RFC 9112, 5: each line of a "
		    "head is a field, not folded, and ends in CR LF");
	if (hosts > 1 || (hosts == 0 && strcmp(ri->http_version, "1.1") == 0))
		return problem(p, PR_MALFORMED,
		    "RFC 9112, 3.2: a request has exactly one Host field");
	if (lengths > 1 || encodings > 1 || (lengths > 0 && encodings > 0))
		return problem(p, PR_MALFORMED, "RFC 9112, 6.3: a request "
		    "has one Content-Length or one Transfer-Encoding");
	/* Another coding would leave the body to be read as a request. */
	if (encoding != NULL && strcasecmp(encoding, "chunked") != 0)
		return problem(p, PR_MALFORMED, "RFC 9112, 6.3: the only "
		    "Transfer-Encoding is chunked");
	if (!names_fit(ri))
		return problem(p, PR_MALFORMED,
		    "RFC 9110, 5.1: the name of a field is a token");
	if (length == NULL)
		return 0;
	if (*length == '\0' || length[strspn(length, "0123456789")] != '\0')
		return problem(p, PR_MALFORMED,
		    "RFC 9110, 8.6: Content-Length is not a number");
	if (ri->content_length > (long long)h->config.body_max)
		return problem_status(p, 413, PR_MALFORMED,
		    "a request's body has at most %zu octets",
		    h->config.body_max);
	return 0;
}

/* The whole body, chunked or not; one octet over the limit is too much. */
static int
body_read(const struct http *h, struct mg_connection *conn,
    struct http_request *req, struct problem *p)
{
	const struct mg_request_info *ri = mg_get_request_info(conn);
	const char *expect = mg_get_header(conn, "Expect");
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	unsigned char *body;
	int n;

	if (ri->content_length == 0 ||
	    (mg_get_header(conn, "Content-Length") == NULL &&
	    mg_get_header(conn, "Transfer-Encoding") == NULL))
		return 0;
	if (expect != NULL && strcasecmp(expect, "100-continue") == 0)
		mg_write(conn, go_on, sizeof(go_on) - 1);
	body = arena_alloc(req->arena, h->config.body_max + 2);
	n = mg_read(conn, body, h->config.body_max + 1);
	if (n > 0 && (size_t)n > h->config.body_max)
		return problem_status(p, 413, PR_MALFORMED,
		    "a request's body has at most %zu octets",
		    h->config.body_max);
	if (n < 0)
		return problem(p, PR_MALFORMED,
		    "RFC 9112, 7.1: the body is not what its framing says");
	if (ri->content_length > 0 && n != ri->content_length)
		return problem_status(p, 408, PR_MALFORMED,
		    "the request's body did not arrive whole");
	req->body = body;
	req->body_len = (size_t)n;
	return 0;
}

/*
 * A client that is still sending when the connection ends may never see our
 * refusal: so a body of reasonable length is read first, for a while.
 */
static void
body_discard(struct mg_connection *conn, struct arena *arena)
{
	const struct mg_request_info *ri = mg_get_request_info(conn);
	long long end = proc_monotonic_ms() + DISCARD_MS;
	long long left = ri->content_length;
	int n = 1;
	void *into;

	if (left <= 0 || left > DISCARD_MAX ||
	    mg_get_header(conn, "Expect") != NULL ||
	    mg_get_header(conn, "Transfer-Encoding") != NULL)
		return;
	into = arena_alloc(arena, DISCARD_PIECE);
	for (; left > 0 && n > 0 && proc_monotonic_ms() < end; left -= n)
		n = mg_read(conn, into, left < DISCARD_PIECE ? (size_t)left :
		    DISCARD_PIECE);
}

/* All fields of that name are one list (RFC 9110, 5.3). */
static const char *
forwarded_for(const struct mg_request_info *ri, struct arena *arena)
{
	struct buf list;
	int i;

	buf_init(&list, arena);
	for (i = 0; i < ri->num_headers; i++)
		if (strcasecmp(ri->http_headers[i].name,
		    "X-Forwarded-For") == 0)
			buf_printf(&list, "%s,", ri->http_headers[i].value);
	return list.len == 0 ? NULL : (const char *)list.data;
}

/* Whose limits this request counts for. */
static const char *
client_address(const struct http *h, const struct mg_request_info *ri,
    struct arena *arena)
{
	char *out = arena_alloc(arena, FORWARDED_TEXT);

	forwarded_address(h->config.proxies, h->config.nproxies,
	    ri->remote_addr, forwarded_for(ri, arena), out);
	return out;
}

static void
request_init(struct http_request *req, const struct http *h,
    const struct mg_connection *conn, struct arena *arena)
{
	const struct mg_request_info *ri = mg_get_request_info(conn);

	memset(req, 0, sizeof(*req));
	req->arena = arena;
	req->connection = conn;
	req->method = ri->request_method;
	req->path = ri->local_uri_raw == NULL ? "" : ri->local_uri_raw;
	req->query = ri->query_string;
	req->address = client_address(h, ri, arena);
	req->body = "";
}

/* Refusals of the server itself, before the handler is asked: 0 or -1. */
static int
admit(struct http *h, struct mg_connection *conn, struct http_request *req,
    struct http_reply *reply, struct problem *p)
{
	if (!seat_take(h, conn)) {
		http_header(reply, "Retry-After", "1");
		return problem(p, PR_RATE_LIMITED,
		    "at most %u connections from one address at a time",
		    h->config.per_address);
	}
	if (atomic_load(&h->draining)) {
		http_header(reply, "Retry-After", "5");
		return problem_status(p, 503, PR_SERVER_INTERNAL,
		    "the server is being stopped; try again in a moment");
	}
	if (framing_check(h, conn, p) == -1)
		return -1;
	return body_read(h, conn, req, p);
}

static int
serve(struct mg_connection *conn)
{
	struct http *h = mg_get_user_data(mg_get_context(conn));
	struct problem p = { 0 };
	struct http_request req;
	struct http_reply reply;
	struct arena *arena;

	atomic_fetch_add(&h->requests, 1);
	arena = arena_new(ARENA_MAX);
	request_init(&req, h, conn, arena);
	reply_init(&reply, arena);
	if (admit(h, conn, &req, &reply, &p) == -1) {
		http_problem(&reply, &p);
		reply.close = true;
		if (reply.status != 408)
			body_discard(conn, arena);
	} else
		h->config.handler(&req, &reply);
	if (h->config.decorate != NULL)
		h->config.decorate(&req, &reply);
	reply.close = reply.close || under_pressure(h) ||
	    atomic_load(&h->draining) ||
	    wants_close(conn, mg_get_request_info(conn));
	reply_send(conn, &req, &reply);
	arena_free(arena);
	atomic_fetch_sub(&h->requests, 1);
	return reply.status;
}

/* RFC 9112, 6.3 and RFC 9110, 15.6.6, where CivetWeb takes another status:
 * a Content-Length that is no number, a version that is none at all. */
static int
status_mend(const struct mg_connection *conn, int status)
{
	const char *version = mg_get_request_info(conn)->http_version;

	if (status == 505 && (version == NULL || strlen(version) != 3 ||
	    !isdigit((unsigned char)version[0]) || version[1] != '.' ||
	    !isdigit((unsigned char)version[2])))
		return 400;
	return status == 411 ? 400 : status;
}

/* What CivetWeb itself refuses: unreadable heads, unknown methods. */
static int
serve_error(struct mg_connection *conn, int status, const char *text)
{
	struct http *h = mg_get_user_data(mg_get_context(conn));
	struct problem p = { 0 };
	struct http_request req = { 0 };
	struct http_reply reply;

	req.arena = arena_new(ARENA_MAX);
	reply_init(&reply, req.arena);
	status = status_mend(conn, status);
	problem_status(&p, status, status < 500 || status == 505 ?
	    PR_MALFORMED : PR_SERVER_INTERNAL,
	    "RFC 9112: this is not an HTTP/1.1 request that is served here "
	    "(%s)", text);
	http_problem(&reply, &p);
	if (h->config.decorate != NULL)
		h->config.decorate(&req, &reply);
	reply.close = true;
	reply_send(conn, &req, &reply);
	arena_free(req.arena);
	return 0;
}

/* CivetWeb's own messages tell of clients' mistakes; ours tell the rest. */
static int
message_drop(const struct mg_connection *conn, const char *text)
{
	(void)conn;
	(void)text;
	return 1;
}

/* CivetWeb asks at its start, and at its end whether to free it. */
static int
tls_give(void **out, void *user)
{
	struct http *h = user;

	if (h->tls == NULL)
		return 0;
	*out = http_tls_context(h->tls);
	return 1;
}

/* ------------------------------------------------------------ start and end */

/* Say clearly, before CivetWeb fails without a reason, what is in the way. */
static void
listen_check(const char *address)
{
	struct sockaddr_storage ss;
	socklen_t len;
	int fd, on = 1;

	if (conf_address(address, &ss, &len) == -1)
		die(EXIT_OPERATOR, "\"%s\" is not an address and port to "
		    "listen on", address);
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == -1 ||
	    bind(fd, (struct sockaddr *)&ss, len) == -1)
		die(EXIT_OPERATOR, "cannot listen on %s: %s; %s",
		    address, strerror(errno),
		    errno == EACCES ? "ports below 1024 need root or "
		    "CAP_NET_BIND_SERVICE" : "stop what uses it or change "
		    "`listen` in the configuration");
	close(fd);
}

static char *
ports_print(const struct http_config *c)
{
	size_t i, len = 1;
	char *ports;

	for (i = 0; i < c->nlisten; i++) {
		listen_check(c->listen[i]);
		len += strlen(c->listen[i]) + 2;
	}
	ports = xcalloc(1, len);
	for (i = 0; i < c->nlisten; i++) {
		if (i > 0)
			strcat(ports, ",");
		strcat(ports, c->listen[i]);
		if (c->tls_key != NULL)
			strcat(ports, "s");
	}
	return ports;
}

static void
context_opened(const struct mg_context *mg)
{
	struct http *h = mg_get_user_data(mg);

	if (h->config.listening != NULL)
		h->config.listening();
}

/* Threads made from now on have a stack that suits hundreds of them. */
static void
stacks_set(void)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	pthread_setattr_default_np(&attr);
	pthread_attr_destroy(&attr);
}

static void
context_start(struct http *h, const char *ports)
{
	const struct mg_callbacks callbacks = {
		.begin_request = serve,
		.http_error = serve_error,
		.log_message = message_drop,
		.external_ssl_ctx = tls_give,
		.init_connection = connection_opened,
		.connection_close = connection_closed,
		.init_context = context_opened,
	};
	char workers[16], text[256] = "";
	const char *options[] = {
		"listening_ports", ports,
		"num_threads", workers,
		"connection_queue", "512",
		"listen_backlog", "1024",
		"max_request_size", "16384",
		"request_timeout_ms", "10000",
		"enable_keep_alive", "yes",
		"keep_alive_timeout_ms", "3000",
		"tcp_nodelay", "1",
		"decode_url", "no",
		"enable_directory_listing", "no",
		"enable_auth_domain_check", "no",
		"access_control_allow_methods", "",
		NULL
	};
	struct mg_init_data init = { &callbacks, h, options };
	struct mg_error_data error = { NULL, text, sizeof(text) };

	snprintf(workers, sizeof(workers), "%u", h->config.workers);
	h->mg = mg_start2(&init, &error);
	if (h->mg == NULL)
		die(EXIT_FAILED, "the HTTP server does not start: %s", text);
}

struct http *
http_start(const struct http_config *config)
{
	unsigned features = config->tls_key == NULL ? MG_FEATURES_DEFAULT :
	    MG_FEATURES_TLS | MG_FEATURES_IPV6;
	struct http *h;
	char *ports;

	h = xcalloc(1, sizeof(*h));
	h->config = *config;
	h->shares = shares_new(config->workers);
	if (mg_init_library(features) != features)
		die(EXIT_FAILED, "CivetWeb was built without TLS or IPv6; "
		    "run configure again");
	if (config->tls_key != NULL)
		h->tls = http_tls_new(config->tls_certificate,
		    config->tls_key);
	ports = ports_print(config);
	stacks_set();
	context_start(h, ports);
	free(ports);
	if (h->tls != NULL)
		http_tls_watch(h->tls);
	return h;
}

/* Once its stop flag is set CivetWeb writes no more: drain before. */
void
http_stop(struct http *h, unsigned drain_ms)
{
	const struct timespec tick = { 0, 10 * 1000 * 1000 };
	unsigned waited;

	atomic_store(&h->draining, true);
	for (waited = 0; waited < drain_ms; waited += 10) {
		if (atomic_load(&h->requests) == 0)
			break;
		nanosleep(&tick, NULL);
	}
	mg_stop(h->mg);
	mg_exit_library();
	http_tls_free(h->tls);
	shares_free(h->shares);
	free(h);
}
