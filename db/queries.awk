# SPDX-License-Identifier: Apache-2.0
#
# awk -v role=acme -f queries.awk queries-acme.sql >queries-acme.h
#
# Turns the blocks "-- name: order_insert", comment lines, one statement into
# an enum (Q_ORDER_INSERT, ..., Q_ACME_COUNT) and the table queries_acme[],
# which is defined in the one file that defines QUERIES_TABLE first.

function fail(text) {
	print FILENAME ":" FNR ": " text >"/dev/stderr"
	failed = 1
	exit 1
}

# A line of SQL as a C string that keeps its newline.
function literal(line) {
	gsub(/\\/, "&&", line)
	gsub(/"/, "\\\\&", line)
	return "\t    \"" line "\\n\"\n"
}

function finish() {
	if (count > 0 && sql[count] == "")
		fail("query " names[count] " has no statement")
}

/^-- name: / {
	finish()
	if ($3 !~ /^[a-z][a-z0-9_]*$/ || NF != 3)
		fail("a name is lower-case letters, digits and _")
	if ($3 in seen)
		fail("query " $3 " is there twice")
	seen[$3] = 1
	names[++count] = $3
	ended = 0
	next
}

/^[ \t]*--/ || /^[ \t]*$/ { next }

{
	if (count == 0)
		fail("SQL before the first -- name: line")
	if (ended)
		fail("query " names[count] " has a second statement")
	if ($0 ~ /;[ \t]*$/) {
		ended = 1
		sub(/;[ \t]*$/, "")
	}
	sql[count] = sql[count] literal($0)
}

END {
	if (failed)
		exit 1
	finish()
	if (role !~ /^[a-z]+$/ || count == 0)
		fail("no queries for role \"" role "\"")
	print "/* SPDX-License-Identifier: Apache-2.0 */"
	print "/* Made from db/queries-" role ".sql by db/queries.awk. */"
	print "#ifndef CHANCERY_QUERIES_" toupper(role) "_H"
	print "#define CHANCERY_QUERIES_" toupper(role) "_H\n"
	print "enum {"
	for (i = 1; i <= count; i++)
		print "\tQ_" toupper(names[i]) ","
	print "\tQ_" toupper(role) "_COUNT\n};\n"
	print "struct query;"
	print "extern const struct query queries_" role "[];\n"
	print "#ifdef QUERIES_TABLE"
	print "const struct query queries_" role "[] = {"
	for (i = 1; i <= count; i++) {
		print "\t[Q_" toupper(names[i]) "] = { \"" names[i] "\","
		printf "%s\t},\n", sql[i]
	}
	print "};\n#endif\n\n#endif"
}
