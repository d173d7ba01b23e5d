/*
 * The parts of config_check(). Each returns 0 or -EINVAL with errors in `r`.
 */
#pragma once

#include "vrrpd/config.h"

/* A name that commands and hooks can be given. */
int check_name(const struct conf_obj *obj, struct conf_report *r);

/* config_check_track.c */
int check_command(const void *obj, const char *key, const struct conf_strings *command,
                  struct conf_report *r);
int check_user(const void *obj, const char *key, const char *user, struct conf_report *r);
int check_track(const struct config *c, const struct config_track *t, bool shared,
                struct conf_report *r);
int check_instance_tracks(const struct config *c, const struct config_instance *in,
                          struct conf_report *r);

/* config_check_route.c */
int check_routing(const struct conf_list *routes, const struct conf_list *rules,
                  struct conf_report *r);
int check_static(const struct config *c, struct conf_report *r);
