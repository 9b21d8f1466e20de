/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of chanceryctl.  Each gets its own words (argv[0] is the verb, as
 * "eab add", argc counts it) after the common options were taken and the
 * configuration was read, and returns the program's exit status.
 */
#ifndef CHANCERY_CTL_H
#define CHANCERY_CTL_H

struct conf;

typedef int ctl_verb(const struct conf *, int argc, char **argv);

ctl_verb cmd_init;		/* hsm/ceremony.c */
ctl_verb cmd_status;		/* status.c */
ctl_verb cmd_db_migrate;	/* migrate.c */
ctl_verb cmd_config_check;	/* check.c */

/* Of officers; those of directives tell the kind from the verb. */
ctl_verb cmd_directive_add;	/* directive.c */
ctl_verb cmd_directive_remove;
ctl_verb cmd_directive_list;	/* list.c */
ctl_verb cmd_profile_list;
ctl_verb cmd_profile_show;
ctl_verb cmd_account_list;
ctl_verb cmd_account_show;
ctl_verb cmd_profile_set;	/* profile.c */
ctl_verb cmd_profile_remove;
ctl_verb cmd_account_revoke;	/* account.c */
ctl_verb cmd_officer_key;	/* officer_key.c */

#endif
