/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The validity of a certificate: from the profile, or as the order asks
 * within the profile (RFC 8555, 7.4), kept to the second or refused.  Pure.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <jansson.h>

#include "profile.h"

#define NEVER	INT64_C(253402300799)	/* 9999-12-31T23:59:59Z */

/* So many digits, as a number; -1. */
static int
digits(const char **text, int n)
{
	int value = 0;

	while (n-- > 0) {
		if (**text < '0' || **text > '9')
			return -1;
		value = value * 10 + *(*text)++ - '0';
	}
	return value;
}

static int
mark(const char **text, const char *any)
{
	if (**text == '\0' || strchr(any, **text) == NULL)
		return -1;
	return *(*text)++;
}

/* "Z", "+01:00": what to take off, in seconds; 0 or -1. */
static int
offset_read(const char **text, int *seconds)
{
	int sign = mark(text, "Zz+-"), h, m;

	*seconds = 0;
	if (sign == -1)
		return -1;
	if (sign == 'Z' || sign == 'z')
		return 0;
	h = digits(text, 2);
	if (mark(text, ":") == -1)
		return -1;
	m = digits(text, 2);
	if (h < 0 || h > 23 || m < 0 || m > 59)
		return -1;
	*seconds = (sign == '-' ? -1 : 1) * (h * 3600 + m * 60);
	return 0;
}

/* The day and the second of it; February the 30th is not one. */
static int
moment_read(const char **text, int64_t *out)
{
	struct tm tm = { 0 }, again;
	time_t t;

	tm.tm_year = digits(text, 4) - 1900;
	if (mark(text, "-") == -1)
		return -1;
	tm.tm_mon = digits(text, 2) - 1;
	if (mark(text, "-") == -1)
		return -1;
	tm.tm_mday = digits(text, 2);
	if (mark(text, "Tt") == -1)
		return -1;
	tm.tm_hour = digits(text, 2);
	if (mark(text, ":") == -1)
		return -1;
	tm.tm_min = digits(text, 2);
	if (mark(text, ":") == -1)
		return -1;
	tm.tm_sec = digits(text, 2);
	again = tm;
	t = timegm(&again);
	if (again.tm_year != tm.tm_year || again.tm_mon != tm.tm_mon ||
	    again.tm_mday != tm.tm_mday || again.tm_hour != tm.tm_hour ||
	    again.tm_min != tm.tm_min || again.tm_sec != tm.tm_sec)
		return -1;
	*out = t;
	return 0;
}

int
profile_date_parse(const char *text, int64_t *out)
{
	int offset;

	if (moment_read(&text, out) == -1)
		return -1;
	if (*text == '.') {
		text++;
		if (digits(&text, 1) == -1)
			return -1;
		while (*text >= '0' && *text <= '9')
			text++;
	}
	if (offset_read(&text, &offset) == -1 || *text != '\0')
		return -1;
	*out -= offset;
	return *out > 0 && *out <= NEVER ? 0 : -1;
}

static int
member_read(const json_t *order, const char *name, int64_t *out, char *why,
    size_t whylen)
{
	const json_t *v = json_object_get(order, name);

	*out = 0;
	if (v == NULL)
		return 0;
	if (json_is_string(v) &&
	    strlen(json_string_value(v)) == json_string_length(v) &&
	    profile_date_parse(json_string_value(v), out) == 0)
		return 0;
	snprintf(why, whylen, "%s must be a date as in RFC 3339", name);
	return -1;
}

int
profile_dates_read(const json_t *order, struct profile_dates *out, char *why,
    size_t whylen)
{
	if (member_read(order, "notBefore", &out->not_before, why,
	    whylen) == -1 ||
	    member_read(order, "notAfter", &out->not_after, why,
	    whylen) == -1)
		return -1;
	if (out->not_before != 0 && out->not_after != 0 &&
	    out->not_after <= out->not_before) {
		snprintf(why, whylen, "notAfter must be later than notBefore");
		return -1;
	}
	return 0;
}

/* May a certificate begin when the order wants it to? */
static const char *
start_objection(const struct profile *p, int64_t now, int64_t asked,
    int64_t issuer_from)
{
	if (asked < now - p->backdate)
		return "notBefore lies further back than the profile allows";
	if (asked > now && p->advance == 0)
		return "the profile allows no notBefore in the future";
	if (asked > now + p->advance)
		return "notBefore is later than the profile allows";
	if (asked < issuer_from)
		return "notBefore lies before that of the issuer";
	return NULL;
}

static const char *
end_objection(const struct profile *p, int64_t now, int64_t start,
    int64_t asked, int64_t issuer_until)
{
	if (asked <= now)
		return "notAfter has passed";
	if (asked - start + 1 > p->validity)
		return "notAfter is later than the profile allows";
	if (asked > issuer_until)
		return "notAfter lies after that of the issuer";
	return NULL;
}

int
profile_times(const struct profile *p, int64_t now, int64_t issuer_from,
    int64_t issuer_until, const struct profile_dates *asked,
    int64_t *not_before, int64_t *not_after, char *why, size_t whylen)
{
	const char *objection = NULL;

	if (now < issuer_from || now >= issuer_until)
		objection = "the issuer is not valid at present";
	*not_before = now - p->backdate;
	if (*not_before < issuer_from)
		*not_before = issuer_from;
	if (asked->not_before != 0) {
		*not_before = asked->not_before;
		if (objection == NULL)
			objection = start_objection(p, now, *not_before,
			    issuer_from);
	}
	/* RFC 5280, 4.1.2.5: the second of notAfter is part of it. */
	*not_after = *not_before + p->validity - 1;
	if (*not_after > issuer_until)
		*not_after = issuer_until;
	if (asked->not_after != 0)
		*not_after = asked->not_after;
	if (objection == NULL)
		objection = end_objection(p, now, *not_before, *not_after,
		    issuer_until);
	if (objection == NULL)
		return 0;
	snprintf(why, whylen, "%s", objection);
	return -1;
}
