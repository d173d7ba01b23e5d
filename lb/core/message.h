/*
 * A message as rules see and change it: a parsed head plus edits. A later rule sees what an earlier
 * one has changed; nothing of the original is copied or moved.
 *
 * Edits are kept apart from the head's bytes, so that they outlive the parsed head: the bytes may
 * move, or be parsed again for another try, as long as message_bind() says where they are then.
 * message_apply() turns them into patches of the outgoing head (rewrite.h).
 *
 * Framing belongs to lb: fields that decide on it, or on the connection, are seen but can't be
 * changed (an edit of them is passed over). What could split a message is refused, and so is what
 * does not fit; both set `refused`.
 */
#pragma once

#include "lb/core/arena.h"
#include "lb/core/http1.h"
#include "lb/core/rewrite.h"

#define MESSAGE_CHANGED_MAX 32 /* lines that get another value */
#define MESSAGE_ADDED_MAX   48 /* lines that are added */

/* A header's name, ready to be looked for. */
struct message_name {
    struct text text;
    uint8_t id; /* enum http1_name */
};

struct message_field {
    struct text name, value;
    uint8_t id;
    unsigned index; /* for message_change() and message_remove() */
};

/* A request's target in parts; they point into it. */
struct message_target {
    struct text all;
    struct text authority; /* of an absolute target, else empty */
    struct text path;      /* without the query; may be "*" */
    struct text query;     /* behind the '?', which is there if has_query */
    bool has_query;
};

/* Fields are private. */
struct message {
    const char *buf;
    const struct http1_head *head;
    struct arena *keep;
    bool response;
    bool edited;
    bool refused;
    uint16_t status;    /* 0: as it came */
    struct text method; /* at NULL: as it came */
    struct text phrase;
    struct message_target target;
    bool new_target;
    uint8_t n_changed, n_added;
    uint64_t gone[HTTP1_FIELDS_MAX / 64];
    struct message_changed {
        struct text value;
        uint8_t field;
    } changed[MESSAGE_CHANGED_MAX];
    struct message_added {
        struct text name, value; /* value.at NULL: removed again */
        uint8_t id;
    } added[MESSAGE_ADDED_MAX];
};

/* `keep` holds what edits put in; it must live as long as the message, like names given to the
 * functions below. `buf` and `head` as from the parser. */
void message_init(struct message *m, const char *buf, const struct http1_head *head, bool response,
                  struct arena *keep);

/* The same bytes in another place, parsed again. */
void message_bind(struct message *m, const char *buf, const struct http1_head *head);

struct message_name message_name(struct text name);

/* Decides on framing or the connection: can't be changed. */
bool message_is_framing(const struct message_name *name);

/* ---- looking ---- */

/* The next line from *at on (0 at first); false at the end. */
bool message_next(const struct message *m, unsigned *at, struct message_field *out);

/* The next line with this name. */
bool message_find(const struct message *m, const struct message_name *name, unsigned *at,
                  struct message_field *out);

struct text message_method(const struct message *m);
void message_target(const struct message *m, struct message_target *out);
unsigned message_status(const struct message *m);

/* The original bytes, or the edited ones, have a line of this id that is not as it came. */
bool message_touched(const struct message *m, enum http1_name id);

/* ---- changing: values are copied, names are not; false if refused ---- */

bool message_add(struct message *m, const struct message_name *name, struct text value);
bool message_set(struct message *m, const struct message_name *name, struct text value);
bool message_change(struct message *m, unsigned index, struct text value);
void message_remove(struct message *m, unsigned index);
void message_remove_all(struct message *m, const struct message_name *name);

/* A method that changes how the body is framed (HEAD, CONNECT) can be neither left nor taken. */
bool message_set_method(struct message *m, struct text method);
bool message_set_uri(struct message *m, struct text uri);
bool message_set_path(struct message *m, struct text path);
bool message_set_pathq(struct message *m, struct text pathq);
bool message_set_query(struct message *m, struct text query); /* "" takes the '?' away */

/* `phrase` may be NULL: the usual one. The class must allow the same body: 1xx, 204 and 304 can be
 * neither left nor taken. */
bool message_set_status(struct message *m, unsigned status, const char *phrase);

/* ---- the result ---- */

/* False if something does not fit. */
bool message_apply(const struct message *m, struct rewrite *r);

/* "Not Found"; that of the class for what is not known. */
const char *message_phrase(unsigned status);
