/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The landing page.  Texts hold marks, one letter between braces, that stand
 * for the values of this authority; everything put in is escaped.
 */
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "enc.h"
#include "landing.h"
#include "mem.h"

static const char style[] =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem "
    "auto;padding:0 1rem;color:#1b1f24;background:#fff}"
    "h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2rem}"
    "h3{font-size:1rem;margin:1.2rem 0 .3rem}"
    "pre{background:#f2f4f7;padding:.7rem;overflow-x:auto;"
    "border-radius:4px;font-size:.85rem}"
    "dt{font-weight:600}dd{margin:0 0 .6rem;overflow-wrap:anywhere}"
    "code{font-size:.9em}"
    "@media(prefers-color-scheme:dark){body{color:#e4e7eb;background:#16191d}"
    "pre{background:#22262c}a{color:#8ab4f8}}";

/* {s} subject, {f} fingerprint, {v} validity, {d} directory, {u} our URL */
static const char head[] =
    "<h1>{s}</h1>\n"
    "<p>This certification authority issues certificates by ACME "
    "(RFC 8555).</p>\n"
    "<dl>\n"
    "<dt>ACME directory</dt><dd><code>{d}</code></dd>\n"
    "<dt>Root certificate</dt><dd>{s}, valid until {v}: "
    "<a href=\"/root.pem\">PEM</a>, <a href=\"/root.crt\">DER</a></dd>\n"
    "<dt>SHA-256 fingerprint of the root</dt><dd><code>{f}</code></dd>\n"
    "<dt>Issuing certificates</dt><dd>";

static const struct {
	const char	*title;
	const char	*commands;	/* NULL: a heading */
} sections[] = {
	{ "Before you trust the root", NULL },
	{ "Fetch it, and compare the fingerprint with one that you were "
	    "given by another way than this page",
	    "curl -o chancery-root.pem {u}/root.pem\n"
	    "openssl x509 -in chancery-root.pem -noout -fingerprint -sha256" },
	{ "Trust the root", NULL },
	{ "Debian, Ubuntu",
	    "sudo cp chancery-root.pem "
	    "/usr/local/share/ca-certificates/chancery-root.crt\n"
	    "sudo update-ca-certificates" },
	{ "Fedora, RHEL",
	    "sudo cp chancery-root.pem /etc/pki/ca-trust/source/anchors/\n"
	    "sudo update-ca-trust" },
	{ "Windows (as administrator)",
	    "certutil -addstore -f Root chancery-root.pem" },
	{ "macOS",
	    "sudo security add-trusted-cert -d -r trustRoot \\\n"
	    "    -k /Library/Keychains/System.keychain chancery-root.pem" },
	{ "Firefox",
	    "Settings > Privacy & Security > Certificates > View "
	    "Certificates\n> Authorities > Import: chancery-root.pem, "
	    "\"identify websites\"" },
	{ "Get a certificate", NULL },
	{ "certbot",
	    "sudo REQUESTS_CA_BUNDLE=$PWD/chancery-root.pem certbot certonly "
	    "\\\n    --standalone --server {d} \\\n"
	    "    -d host.example.com" },
	{ "lego",
	    "sudo LEGO_CA_CERTIFICATES=chancery-root.pem lego --server {d} "
	    "\\\n    --email you@example.com --accept-tos \\\n"
	    "    --domains host.example.com --http run" },
	{ "acme.sh",
	    "acme.sh --issue --server {d} \\\n"
	    "    --ca-bundle $PWD/chancery-root.pem \\\n"
	    "    -d host.example.com --webroot /var/www/html" },
	{ "uacme (the root must be trusted by the system)",
	    "uacme -c . -y -a {d} new\n"
	    "UACME_CHALLENGE_PATH=/var/www/html/.well-known/acme-challenge \\\n"
	    "    uacme -c . -a {d} \\\n"
	    "    -h /usr/share/uacme/uacme.sh issue host.example.com" },
	{ "Caddy (global options of the Caddyfile)",
	    "{\n    acme_ca {d}\n"
	    "    acme_ca_root /etc/caddy/chancery-root.pem\n}" },
};

static void
put_escaped(struct buf *out, const char *text)
{
	static const struct {
		char		 c;
		const char	*entity;
	} entities[] = {
		{ '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" },
		{ '"', "&quot;" }, { '\'', "&#39;" }
	};
	size_t	i;

	for (; *text != '\0'; text++) {
		for (i = 0; i < nitems(entities); i++)
			if (*text == entities[i].c)
				break;
		if (i < nitems(entities))
			buf_puts(out, entities[i].entity);
		else
			buf_add(out, text, 1);
	}
}

static const char *
value_of(const struct landing *l, char mark)
{
	switch (mark) {
	case 's':
		return l->subject;
	case 'f':
		return l->fingerprint;
	case 'v':
		return l->valid_until;
	case 'd':
		return l->directory;
	case 'u':
		return l->url;
	}
	return NULL;
}

/* Put a text with its marks filled in; `html`: the text itself is markup. */
static void
put(struct buf *out, const struct landing *l, const char *text, bool html)
{
	const char	*value;
	char		 one[2] = "";

	for (; *text != '\0'; text++) {
		value = NULL;
		if (text[0] == '{' && text[1] != '\0' && text[2] == '}')
			value = value_of(l, text[1]);
		one[0] = *text;
		if (value != NULL) {
			put_escaped(out, value);
			text += 2;
		} else if (html)
			buf_add(out, text, 1);
		else
			put_escaped(out, one);
	}
}

void
landing_print(struct buf *out, const struct landing *l)
{
	size_t	i;

	buf_printf(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	    "<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
	    "content=\"width=device-width\">\n<title>");
	put(out, l, "{s}", true);
	buf_printf(out, "</title>\n<style>%s</style>\n</head>\n<body>\n",
	    style);
	put(out, l, head, true);
	for (i = 0; i < l->nissuers; i++)
		buf_printf(out, "%s%s: <a href=\"/issuers/%s.pem\">PEM</a>, "
		    "<a href=\"/issuers/%s.crt\">DER</a>",
		    i == 0 ? "" : "<br>", l->issuers[i], l->issuers[i],
		    l->issuers[i]);
	buf_puts(out, "</dd>\n</dl>\n");
	for (i = 0; i < nitems(sections); i++) {
		buf_puts(out, sections[i].commands == NULL ? "<h2>" : "<h3>");
		put(out, l, sections[i].title, false);
		if (sections[i].commands == NULL) {
			buf_puts(out, "</h2>\n");
			continue;
		}
		buf_puts(out, "</h3>\n<pre>");
		put(out, l, sections[i].commands, false);
		buf_puts(out, "</pre>\n");
	}
	buf_puts(out, "</body>\n</html>\n");
}

const char *
landing_policy(struct arena *arena)
{
	unsigned char	digest[DIGEST_LEN];
	unsigned char	text[4 * ((DIGEST_LEN + 2) / 3) + 1];

	sha256(style, strlen(style), digest);
	EVP_EncodeBlock(text, digest, sizeof(digest));
	return arena_printf(arena, "default-src 'none'; style-src "
	    "'sha256-%s'; base-uri 'none'; form-action 'none'; "
	    "frame-ancestors 'none'", text);
}
