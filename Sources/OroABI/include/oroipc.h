/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oroipc.h - shared-memory IPC between a host and its clients, for C.
 *
 *     oroipc_client *client;
 *     oroipc_result *result = NULL;
 *     if (oroipc_client_connect("demo", NULL, &client) != OROIPC_OK) errx(1, "%s", oroipc_last_error());
 *     oroipc_call call = OROIPC_CALL("fs.stat");
 *     call.value = oroipc_json("{\"path\": \"notes.txt\"}");
 *     if (oroipc_client_call(client, &call, &result) == OROIPC_OK) puts(oroipc_result_json(result));
 *     else puts(oroipc_result_error_message(result));
 *     oroipc_result_release(result);
 *     oroipc_client_release(client);
 *
 * Glossary
 *
 *   host       A process that answers commands. One thread of it serves all clients.
 *   client     One connection of a process to a host. Any number of threads may use it at once.
 *   link       The connection itself: memory that both share, and a socket that tells of the other's death.
 *   route      A command that a host answers, by name; names are compared without regard to case.
 *   message    What came from the other side: a command with its value and bytes, an event, or a chunk of a stream.
 *   result     What a command came to: data and bytes, or an error.
 *   value      A JSON value, and more: integers of any size, bytes. Read and written as text, as a number, as JSON, or
 *              in the encoded form of docs/wire-format.md.
 *   header     A name with a text beside the value, as in HTTP: of a request, a result or an event.
 *   bytes      A payload beside the value. Large ones lie in shared memory and are not copied.
 *   loan       A block of shared memory to be filled and then sent without a copy.
 *   seq        The number by which a result finds its request: a decimal of any length, as text. "-1" is a push.
 *   push       A result that nobody asked for.
 *   port       One end of a channel: what is posted at one end is taken at the other, in order, wherever the two are. A
 *              port can be sent along with a message, over any number of hops.
 *   structured value
 *              What a message of a port says: everything JavaScript's structured clone knows, with shared references
 *              and cycles. It consists of nodes, which have numbers.
 *   broadcast  A message to everybody who subscribes to a name. A subscription is a port whose other end the host has.
 *   turn       What a foreign event loop calls when the one descriptor of a host or client is readable.
 *
 * Rules that hold for every function here
 *
 *   Ownership  A handle is a pointer to a struct that is not shown. Who gets one from a function whose name ends in
 *              _create, _connect, _adopt or _retain, or through an `out` parameter, owns one reference and gives it
 *              back with the _release function of that type. A handle that a callback receives is borrowed: it is good
 *              until the callback returns, unless it is retained. Where it is otherwise, the function says so.
 *   Texts      UTF-8. Texts that are handed in end with a zero byte, are read before the function returns, and are not
 *              kept. Texts and pointers that a getter answers live as long as the handle they were read from, and stay
 *              where they are until it is changed.
 *   NULL       Every function takes NULL for every pointer, and does nothing then: it answers OROIPC_INVALID, NULL, 0
 *              or -1. A release function takes NULL. An `out` parameter that may be NULL says so.
 *   Failures   An oroipc_status is OROIPC_OK or says why not; oroipc_last_error() has the details in words. After a
 *              failure an `out` parameter holds NULL, except where it is said to be left alone. No function of this
 *              header aborts, throws or exits.
 *   Threads    Hosts, clients, aborts, bytes and retained messages may be used by any number of threads at once, and be
 *              released on any; ports, too. A result, a stream, a loan, a structured value belongs to one thread at a
 *              time. "The host's thread" is that of oroipc_host_start, or the one that calls oroipc_host_run or
 *              oroipc_host_turn. "The client's thread" is the one that calls oroipc_client_turn, or the library's own,
 *              as oroipc_client_options.delivery says.
 *   Callbacks  Run on the thread that is named at their type, one at a time, and never inside the call that set them
 *              up. They may call any function, unless it says otherwise; blocking in one stops everything its thread
 *              serves. A C++ exception or a longjmp must not leave one. A `context` is handed back as it is; a
 *              `destroy` function, where there is one and it is not NULL, is called exactly once with the context, on
 *              any thread, when nothing will be called back with it any more; also when the function that took it
 *              fails.
 *   Structs    Start with their own size, so that a program built with an older header runs with a newer library.
 *              Prepare them with their _INIT macro; a member that is zero has its default.
 *   fork       What a process has made is its own. In a child that was forked every function that uses a client, a host
 *              or a port of the parent's fails with OROIPC_STATE (functions that answer no status: -1, NULL or 0),
 *              touches nothing of the parent's, and takes no lock; a release function only frees the child's memory.
 *              The parent goes on as if nobody had forked. Memory that the child can write to (a loan) is empty there;
 *              received bytes may be read. The child may make clients and hosts of its own, and take over descriptors
 *              of oroipc_host_make_peer: on a thread that the child has started (the mutexes of Swift's runtime know
 *              the thread that forked by its number in the parent), and where no other thread was in this library at
 *              the fork. What such a thread held stays held. A callback that forks must not return in the child. The
 *              memory of a child of _Fork or clone is not looked after: it may exec, or _exit.
 *   Threads that end  oroipc_client_call and oroipc_client_loan are points at which a thread can be cancelled
 *              (pthread_cancel) while they wait: the request is given up as with an abort, other threads go on. No
 *              other function is one: it returns first. A thread may also be ended by pthread_exit in a signal handler,
 *              while it waits there or in oroipc_client_post; not anywhere else, and not in a callback. What such a
 *              thread had in its hands is not freed: end the link with oroipc_client_close. Asynchronous cancellation
 *              (PTHREAD_CANCEL_ASYNCHRONOUS) in this library, and a longjmp out of it, have undefined consequences.
 *   dlclose    The shared library stays loaded once it is: dlclose does nothing. A program's own shared object that the
 *              static library is linked into has to be linked with -z nodelete.
 *
 * Versions: the library's soname carries OROIPC_ABI_VERSION. Within one ABI version functions and members are only
 * added.
 */
#ifndef OROIPC_H
#define OROIPC_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define OROIPC_API __attribute__((visibility("default")))
#else
#define OROIPC_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* --------------------------------------------------------------------------------------------------------- versions */

/* The ABI this header describes. */
#define OROIPC_ABI_VERSION 1

/* Counts what was added within one ABI version. */
#define OROIPC_ABI_REVISION 4

/* The OROIPC_ABI_VERSION of the library that is loaded, in the upper 16 bits, and its OROIPC_ABI_REVISION in the lower
 * 16.
 * Any thread. */
OROIPC_API uint32_t oroipc_abi_version(void);

/* The version of OroIPC that the loaded library was built from, as in semantic versioning: "1.2.3". Valid until the
 * process ends. Any thread. */
OROIPC_API const char *oroipc_version(void);

/* ----------------------------------------------------------------------------------------------------------- status */

typedef int32_t oroipc_status;

enum {
    /* Done. */
    OROIPC_OK = 0,
    /* The command was sent, or could not be; there is a result, and it holds an error. */
    OROIPC_FAILED = 1,
    /* A NULL where there must be something, a number out of range, a text that is not UTF-8, a name with other
     * characters than it may have. */
    OROIPC_INVALID = -1,
    /* No host of this name is running. */
    OROIPC_NOT_LISTENING = -2,
    /* A living host has this name already. */
    OROIPC_NAME_TAKEN = -3,
    /* The folder for sockets cannot be used: not a folder, somebody else's, or open to others. */
    OROIPC_FOLDER = -4,
    /* The host does not admit this client. */
    OROIPC_REFUSED = -5,
    /* The time is over. */
    OROIPC_TIMED_OUT = -6,
    /* This side has closed the link, or stopped the host. */
    OROIPC_CLOSED = -7,
    /* The other side has closed the link, or has died. */
    OROIPC_PEER_GONE = -8,
    /* The other side broke the protocol. */
    OROIPC_VIOLATION = -9,
    /* Longer than the other side, or a limit of this one, allows. */
    OROIPC_TOO_LARGE = -10,
    /* Not now: no room, no credit, no free block. Try again later. */
    OROIPC_BUSY = -11,
    /* Nobody wants it any more: the client gave the request up, or is gone. */
    OROIPC_ABORTED = -12,
    /* Not in this state: replied twice, started twice, turned although started, a result that was sent. */
    OROIPC_STATE = -13,
    /* There is no such key, header, listener or client. */
    OROIPC_NOT_FOUND = -14,
    /* A system call failed; oroipc_last_error() says which, and with which errno. */
    OROIPC_SYSTEM = -15,
    /* A text that is not JSON, or bytes that are not an encoded value. */
    OROIPC_MALFORMED = -16
};

/* The name of a status, such as "OROIPC_BUSY"; "unknown status" for other numbers. Never NULL, lives for ever. Any
 * thread. */
OROIPC_API const char *oroipc_status_name(oroipc_status status);

/* What went wrong in the last function that failed on the calling thread, in words; "" when none has. Never NULL.
 * Lives until the next function of this header fails on the same thread, or the thread ends. */
OROIPC_API const char *oroipc_last_error(void);

/* ----------------------------------------------------------------------------------------------------------- values */

/* What an oroipc_value holds. */
enum {
    /* No value at all. */
    OROIPC_NONE = 0,
    OROIPC_NULL = 1,
    /* `integer` is 0 or 1. */
    OROIPC_BOOLEAN = 2,
    /* `integer`. */
    OROIPC_INTEGER = 3,
    /* `number`. */
    OROIPC_NUMBER = 4,
    /* `size` bytes of UTF-8 at `data`, which may contain zero bytes. */
    OROIPC_TEXT = 5,
    /* `size` bytes of JSON at `data`. Integers keep all their digits. */
    OROIPC_JSON = 6,
    /* `size` bytes at `data`: the encoded form of docs/wire-format.md, section "Values". Checked where it is handed
     * in. */
    OROIPC_ENCODED = 7,
    /* Only to ask with: null, booleans, integers of 64 bits, numbers and texts as they are, all others as JSON. */
    OROIPC_NATIVE = 8
};

/* A value on its way in or out. `data` that is handed in is read before the function returns; where a value comes
 * out, `data` lives as long as the message or result it was read from, and a zero byte follows it that is not
 * counted. */
typedef struct oroipc_value {
    int32_t kind;
    int32_t reserved;
    int64_t integer;
    double number;
    const void *data;
    size_t size;
} oroipc_value;

/* No value. */
static inline oroipc_value oroipc_none(void) {
    oroipc_value value = {OROIPC_NONE, 0, 0, 0, NULL, 0};
    return value;
}

static inline oroipc_value oroipc_null(void) {
    oroipc_value value = {OROIPC_NULL, 0, 0, 0, NULL, 0};
    return value;
}

/* `boolean`: 0 is false, all else true. */
static inline oroipc_value oroipc_boolean(int boolean) {
    oroipc_value value = {OROIPC_BOOLEAN, 0, boolean != 0, 0, NULL, 0};
    return value;
}

static inline oroipc_value oroipc_integer(int64_t integer) {
    oroipc_value value = {OROIPC_INTEGER, 0, integer, 0, NULL, 0};
    return value;
}

static inline oroipc_value oroipc_number(double number) {
    oroipc_value value = {OROIPC_NUMBER, 0, 0, number, NULL, 0};
    return value;
}

/* `size` bytes of UTF-8; SIZE_MAX: up to the zero byte. */
static inline oroipc_value oroipc_text_of(const char *text, size_t size) {
    oroipc_value value = {OROIPC_TEXT, 0, 0, 0, text, size};
    return value;
}

static inline oroipc_value oroipc_text(const char *text) { return oroipc_text_of(text, SIZE_MAX); }

/* `json` ends with a zero byte. */
static inline oroipc_value oroipc_json(const char *json) {
    oroipc_value value = {OROIPC_JSON, 0, 0, 0, json, SIZE_MAX};
    return value;
}

static inline oroipc_value oroipc_encoded(const void *bytes, size_t size) {
    oroipc_value value = {OROIPC_ENCODED, 0, 0, 0, bytes, size};
    return value;
}

/* ------------------------------------------------------------------------------------------------------------ bytes */

/* A payload that several may hold at once. Nobody of this process writes to it any more. */
typedef struct oroipc_bytes oroipc_bytes;

/* Called once, on any thread, when the library needs the memory no more. */
typedef void (*oroipc_done)(void *context);

/* A copy of `size` bytes. `bytes` may be NULL where `size` is 0: that is a payload of no bytes, which travels as
 * one, so that whoever gets it has a pointer that is not NULL, and a size of 0. Any thread. Fails with
 * OROIPC_INVALID, OROIPC_TOO_LARGE. */
OROIPC_API oroipc_status oroipc_bytes_create(const void *bytes, size_t size, oroipc_bytes **out);

/* `size` bytes of the caller's, which are not copied here. They must not change or go before `done` is called with
 * `context`. Sending them copies them once, into shared memory. `done` may be NULL; it is not called where this fails.
 * Any thread. Fails with OROIPC_INVALID, OROIPC_TOO_LARGE. */
OROIPC_API oroipc_status oroipc_bytes_borrow(
    const void *bytes, size_t size, oroipc_done done, void *context, oroipc_bytes **out);

/* The contents of a memfd, to be passed on without a copy to any number of links. The memfd is sealed for good: its
 * size, and writing by anybody. `descriptor` stays the caller's.
 * Any thread. Fails with OROIPC_INVALID for what is not a memfd, is empty, has holes or cannot be sealed;
 * OROIPC_SYSTEM. */
OROIPC_API oroipc_status oroipc_bytes_from_memfd(int descriptor, oroipc_bytes **out);

/* Another reference; answers `bytes`. Any thread. */
OROIPC_API oroipc_bytes *oroipc_bytes_retain(oroipc_bytes *bytes);

/* Gives a reference back. With the last one borrowed memory goes back to the other side. Any thread. */
OROIPC_API void oroipc_bytes_release(oroipc_bytes *bytes);

/* Where they lie; good while a reference is held, also when the other side has died. NULL when there are none. Any
 * thread. */
OROIPC_API const void *oroipc_bytes_data(const oroipc_bytes *bytes);

/* How many there are. Any thread. */
OROIPC_API size_t oroipc_bytes_size(const oroipc_bytes *bytes);

/* 1 when they lie in memory of the other side, which gets it back at the last release; else 0. Any thread. */
OROIPC_API int oroipc_bytes_is_borrowed(const oroipc_bytes *bytes);

/* 1 when nobody can change them any more. 0 when the other side still can: copy before you check them and then rely on
 * it.
 * Any thread. */
OROIPC_API int oroipc_bytes_is_immutable(const oroipc_bytes *bytes);

/* The same bytes in `data`, where the caller may write to them: the block of the other side mapped once more, of which
 * the system copies each page when it is first written to. Until then the other side can still change it. Good until
 * `out` is released, which holds the block, and is for nothing else. Cheaper than a copy from some 256 KiB on.
 * Any thread. Fails with OROIPC_NOT_FOUND where that is not possible, so that they have to be copied: of what is not
 * borrowed, of a memory of up to 256 KiB, of sealed ones, and where a host has no descriptors left for that client;
 * OROIPC_SYSTEM. */
OROIPC_API oroipc_status oroipc_bytes_map_private(const oroipc_bytes *bytes, void **data, oroipc_bytes **out);

/* ------------------------------------------------------------------------------------------------------------ loans */

/* A block of shared memory, to be filled and then sent without a copy. The other side can read it while it is
 * filled. */
typedef struct oroipc_loan oroipc_loan;

/* Where to write; NULL once the loan has become bytes. It starts at a multiple of 128 bytes and is not cleared. */
OROIPC_API void *oroipc_loan_data(oroipc_loan *loan);

/* How many bytes were asked for. */
OROIPC_API size_t oroipc_loan_size(const oroipc_loan *loan);

/* The first `size` bytes of the block, filled: to be sent once or often. Nobody writes to the block from now on. The
 * loan still has to be released, which no longer affects the block.
 * Fails with OROIPC_INVALID where `size` is more than the block has, OROIPC_STATE the second time. */
OROIPC_API oroipc_status oroipc_loan_finish(oroipc_loan *loan, size_t size, oroipc_bytes **out);

/* Gives the block back, unless it has become bytes. Any thread. */
OROIPC_API void oroipc_loan_release(oroipc_loan *loan);

/* ---------------------------------------------------------------------------------------------------------- headers */

/* A header on its way in. Names are compared without regard to case and come in lower case; values keep theirs. Both
 * are what HTTP allows: of a value no line breaks, and no characters beyond U+00FF. */
typedef struct oroipc_header {
    const char *name;
    const char *value;
} oroipc_header;

/* --------------------------------------------------------------------------------------------------------- messages */

/* What came from the other side; constant. One that a callback received is good until the callback returns. */
typedef struct oroipc_message oroipc_message;

/* Keeps a message beyond its callback; answers `message`. On the thread of the callback at first, then on any. */
OROIPC_API oroipc_message *oroipc_message_retain(oroipc_message *message);

/* Gives back what oroipc_message_retain gave. Any thread. */
OROIPC_API void oroipc_message_release(oroipc_message *message);

/* The command, as the host spells it; of an event or chunk its name. NULL when it is empty. */
OROIPC_API const char *oroipc_message_name(const oroipc_message *message);

/* The client's number for the request, decimal, of any length; "-1" for a push. NULL for what has none. */
OROIPC_API const char *oroipc_message_seq(const oroipc_message *message);

/* The command as the URI it stands for, with its parameters, window and number: "ipc://fs.stat?path=x&index=0&seq=R5".
 * It is made when it is first asked for. NULL for events and chunks. */
OROIPC_API const char *oroipc_message_uri(const oroipc_message *message);

/* The parameter `index`, or -1. */
OROIPC_API int64_t oroipc_message_index(const oroipc_message *message);

/* The value of the message, or its member `key`, as text: a text as it is, others as JSON. NULL when it is missing
 * or empty. `key` NULL: the parameter `value`, which is the whole value where that is no object. */
OROIPC_API const char *oroipc_message_get(const oroipc_message *message, const char *key);

/* The whole value as JSON; NULL when there is none. Members are in the order in which they were sent. */
OROIPC_API const char *oroipc_message_json(const oroipc_message *message);

/* The whole value (`key` NULL) or one member of it, `as` one of OROIPC_NATIVE, OROIPC_TEXT, OROIPC_JSON,
 * OROIPC_ENCODED. Reading a member does not decode the others. OROIPC_TEXT takes a text as it is and writes others as
 * JSON.
 * Fails with OROIPC_NOT_FOUND when there is none, OROIPC_MALFORMED when what came is no value; `out` is OROIPC_NONE
 * then. */
OROIPC_API oroipc_status oroipc_message_value(
    const oroipc_message *message, const char *key, int32_t as, oroipc_value *out);

/* The bytes that came along, in place; NULL when there are none. */
OROIPC_API const void *oroipc_message_bytes(const oroipc_message *message);

/* How many bytes came along. */
OROIPC_API size_t oroipc_message_bytes_size(const oroipc_message *message);

/* What oroipc_message_streams says of a request. */
enum {
    /* Whoever asked takes an answer in chunks: see OROIPC_ROUTE_EITHER. */
    OROIPC_TAKES_STREAM = 1,
    /* A body follows in chunks: see oroipc_message_read_body. */
    OROIPC_HAS_BODY = 2
};

/* Which of these are so, added up. */
OROIPC_API int32_t oroipc_message_streams(const oroipc_message *message);

/* The bytes alone, to be kept without the message. Fails with OROIPC_NOT_FOUND when there are none. */
OROIPC_API oroipc_status oroipc_message_take_bytes(const oroipc_message *message, oroipc_bytes **out);

/* The header `name`, in any case, of a request, an event or a push; several values joined with ", ". NULL when there is
 * none. */
OROIPC_API const char *oroipc_message_header(const oroipc_message *message, const char *name);

/* How many headers there are: one for each name, but for "set-cookie" one for each value. */
OROIPC_API size_t oroipc_message_header_count(const oroipc_message *message);

/* Header number `index`, 0 and up, sorted by name. Fails with OROIPC_NOT_FOUND behind the last; both are NULL then. */
OROIPC_API oroipc_status oroipc_message_header_at(
    const oroipc_message *message, size_t index, const char **name, const char **value);

/* The number of the client that sent it, for oroipc_host_emit and oroipc_host_push; 0 in a client, and for what the
 * host itself invoked. */
OROIPC_API uint64_t oroipc_message_client(const oroipc_message *message);

/* Who a process is, as the kernel says, and as the host calls its connection. */
typedef struct oroipc_peer {
    size_t size;
    /* 0 when it cannot be seen from here. Of a connection that oroipc_host_make_peer made it is the host itself. */
    int32_t process;
    uint32_t user;
    uint32_t group;
    /* That of oroipc_host_make_labelled_peer or oroipc_host_adopt_labelled; NULL without one. Lives as long as what it
     * was read from: a message, a callback, a client. */
    const char *label;
} oroipc_peer;

#define OROIPC_PEER_INIT \
    { sizeof(oroipc_peer), 0, 0, 0, NULL }

/* Who sent it. Fails with OROIPC_NOT_FOUND in a client, and for what the host itself invoked. */
OROIPC_API oroipc_status oroipc_message_peer(const oroipc_message *message, oroipc_peer *out);

/* A block of `size` bytes for the answer to this message, without waiting. On the host's thread, or any other while the
 * message is kept.
 * Fails with OROIPC_BUSY when the client has as many bytes as it may, OROIPC_TOO_LARGE, and why the link is over. */
OROIPC_API oroipc_status oroipc_message_loan(const oroipc_message *message, size_t size, oroipc_loan **out);

/* ---------------------------------------------------------------------------------------------------------- results */

/* What a command came to. A host fills one, a client reads one. */
typedef struct oroipc_result oroipc_result;

/* An empty result: to be pushed, or for oroipc_client_call to fill again and again. Fails with OROIPC_INVALID. */
OROIPC_API oroipc_status oroipc_result_create(oroipc_result **out);

/* Another reference; answers `result`. */
OROIPC_API oroipc_result *oroipc_result_retain(oroipc_result *result);

/* Gives a reference back. A handler that releases its last one without having sent it answers with an
 * InternalError. */
OROIPC_API void oroipc_result_release(oroipc_result *result);

/* A copy that is independent of the original; bytes are shared. */
OROIPC_API oroipc_status oroipc_result_copy(const oroipc_result *result, oroipc_result **out);

/* Filling. Each of these answers OROIPC_STATE for a result that was sent, or whose synchronous handler has returned.
 * --- */

/* Takes everything out. */
OROIPC_API oroipc_status oroipc_result_clear(oroipc_result *result);

/* The data. Takes an error away. Fails with OROIPC_MALFORMED; the result is as before then. */
OROIPC_API oroipc_status oroipc_result_set_data(oroipc_result *result, const oroipc_value *data);

/* An error instead of data and bytes. `name` NULL: Error; `code` NULL: that of the name, such as NOT_FOUND_ERR. */
OROIPC_API oroipc_status oroipc_result_set_error(
    oroipc_result *result, const char *name, const char *message, const char *code);

/* The same with any members: an object {type, message, code, …}, or a text that is the message. OROIPC_NONE takes an
 * error away.
 * Fails with OROIPC_MALFORMED. */
OROIPC_API oroipc_status oroipc_result_set_error_value(oroipc_result *result, const oroipc_value *error);

/* Everything at once: an object that has `data` or `err` is taken apart, all else is the data. Fails with
 * OROIPC_MALFORMED. */
OROIPC_API oroipc_status oroipc_result_set_json(oroipc_result *result, const char *json);

/* Bytes, which are copied. `size` 0 takes them away. */
OROIPC_API oroipc_status oroipc_result_set_bytes(oroipc_result *result, const void *bytes, size_t size);

/* Bytes that are not copied: a filled loan, memory of the caller's, bytes that somebody else has sent. `payload`
 * stays the caller's to release; NULL takes them away. */
OROIPC_API oroipc_status oroipc_result_set_payload(oroipc_result *result, oroipc_bytes *payload);

/* A header, in place of an earlier one of this name; a further "set-cookie" is added. `value` NULL takes all of this
 * name away. Data, errors and bytes that are set later leave headers as they are; oroipc_result_clear does not. The
 * end of a stream carries none: those of a stream go with its first chunk, and are set before it, or this fails with
 * OROIPC_STATE. Fails with OROIPC_INVALID for what HTTP does not allow. */
OROIPC_API oroipc_status oroipc_result_set_header(oroipc_result *result, const char *name, const char *value);

/* Reading. --------------------------------------------------------------------------------------------------------- */

/* 1 when it holds no error, else 0. */
OROIPC_API int oroipc_result_is_ok(const oroipc_result *result);

/* The data as JSON; NULL when there is none. */
OROIPC_API const char *oroipc_result_json(const oroipc_result *result);

/* The data (`key` NULL) or one member of it, as oroipc_message_value reads it. */
OROIPC_API oroipc_status oroipc_result_data(
    const oroipc_result *result, const char *key, int32_t as, oroipc_value *out);

/* The error's class, such as "TimeoutError"; NULL without error. */
OROIPC_API const char *oroipc_result_error_name(const oroipc_result *result);

/* What happened, for people; NULL without error. */
OROIPC_API const char *oroipc_result_error_message(const oroipc_result *result);

/* Such as "TIMEOUT_ERR", or a number as text; "" when the error has none, NULL without error. */
OROIPC_API const char *oroipc_result_error_code(const oroipc_result *result);

/* How far a call came that has no answer. */
enum {
    /* The host has answered, or the error is not about the way to the host. */
    OROIPC_DELIVERY_NONE = 0,
    /* It did not reach the host: sending it again does nothing twice. */
    OROIPC_DELIVERY_NOT_SENT = 1,
    /* The host has it, and has not begun with it: sending it again, to this host or another, does nothing twice. */
    OROIPC_DELIVERY_REFUSED = 2,
    /* The link ended before an answer came: the handler may have run, in part or to its end, or not at all. */
    OROIPC_DELIVERY_UNKNOWN = 3
};

/* OROIPC_DELIVERY_…, of a result with an error. */
OROIPC_API int32_t oroipc_result_delivery(const oroipc_result *result);

/* The error with all its members. Fails with OROIPC_NOT_FOUND without error. */
OROIPC_API oroipc_status oroipc_result_error(const oroipc_result *result, int32_t as, oroipc_value *out);

/* The whole as one value, for those who pass results on: {"source", "token", "id"} with "err" or "data", the error if
 * there is one, else the data if there is any; bytes and headers are not in it. `source` NULL: the command that it
 * answers; `token` NULL: null. An error or data that is an object and has members of these names has them stand in the
 * place of the envelope's own. The id is a number of 64 bits in decimal digits, the same each time. `as` is one of
 * OROIPC_JSON, OROIPC_ENCODED. Fails with OROIPC_INVALID. */
OROIPC_API oroipc_status oroipc_result_envelope(
    const oroipc_result *result, const char *source, const char *token, int32_t as, oroipc_value *out);

/* The command it answers; NULL in a handler. */
OROIPC_API const char *oroipc_result_source(const oroipc_result *result);

/* The seq of the request it answers or is going to; "-1" for a push; NULL for a result that belongs to no request. */
OROIPC_API const char *oroipc_result_seq(const oroipc_result *result);

/* The bytes, in place; NULL when there are none. */
OROIPC_API const void *oroipc_result_bytes(const oroipc_result *result);

/* How many bytes there are. */
OROIPC_API size_t oroipc_result_bytes_size(const oroipc_result *result);

/* The bytes alone, to be kept without the result. Fails with OROIPC_NOT_FOUND when there are none. */
OROIPC_API oroipc_status oroipc_result_take_bytes(const oroipc_result *result, oroipc_bytes **out);

/* The header `name`, in any case; several values joined with ", ". NULL when there is none. */
OROIPC_API const char *oroipc_result_header(const oroipc_result *result, const char *name);

/* How many headers there are: one for each name, but for "set-cookie" one for each value. */
OROIPC_API size_t oroipc_result_header_count(const oroipc_result *result);

/* Header number `index`, 0 and up, sorted by name. Fails with OROIPC_NOT_FOUND behind the last; both are NULL then. */
OROIPC_API oroipc_status oroipc_result_header_at(
    const oroipc_result *result, size_t index, const char **name, const char **value);

/* Answering. For a result that a handler received; OROIPC_STATE for others. ---------------------------------------- */

/* Sends the result of an OROIPC_ROUTE_LATER, or ends the stream of an OROIPC_ROUTE_STREAM, and gives the handler's
 * reference back, unless it answers OROIPC_STATE. Any thread.
 * Fails with OROIPC_ABORTED when nobody waits for it any more; OROIPC_STATE when it was sent before, or is no
 * handler's to send. */
OROIPC_API oroipc_status oroipc_result_send(oroipc_result *result);

/* Sends a chunk of bytes, which are copied. Any thread, one at a time.
 * Fails with OROIPC_BUSY when the client takes no more chunks now: try again after oroipc_result_on_room has called;
 * OROIPC_ABORTED when nobody reads them any more; OROIPC_TOO_LARGE, which the stream survives. */
OROIPC_API oroipc_status oroipc_result_send_chunk(oroipc_result *result, const void *bytes, size_t size);

/* Sends an event: a name of at most 255 bytes, a value, bytes without a copy. Any of them may be NULL, the name too.
 * Fails as oroipc_result_send_chunk, and with OROIPC_MALFORMED. */
OROIPC_API oroipc_status oroipc_result_send_event(
    oroipc_result *result, const char *name, const oroipc_value *value, oroipc_bytes *payload);

/* Called on the host's thread. */
typedef void (*oroipc_notice)(oroipc_result *result, void *context);

/* Calls `notice` once, as soon as a chunk that was refused with OROIPC_BUSY would be taken, or the stream is over. A
 * later call replaces an earlier one. Fails with OROIPC_STATE for what is no stream. */
OROIPC_API oroipc_status oroipc_result_on_room(oroipc_result *result, oroipc_notice notice, void *context);

/* Calls `notice` once when the client gives the request up, its deadline passes, or it goes away; soon when that has
 * happened already; never once the result was sent. A later call replaces an earlier one, `notice` NULL takes it
 * back. Fails with OROIPC_STATE for a result of a synchronous route. */
OROIPC_API oroipc_status oroipc_result_on_cancel(oroipc_result *result, oroipc_notice notice, void *context);

/* 1 when nobody waits for the result any more. Any thread. */
OROIPC_API int oroipc_result_is_cancelled(const oroipc_result *result);

/* ----------------------------------------------------------------------------------------------------------- limits */

enum {
    /* Polls for as long as the gaps between messages say, then sleeps. */
    OROIPC_IDLE_ADAPTIVE = 0,
    /* Polls all the time, except where that stands in the other side's way. */
    OROIPC_IDLE_SPIN = 1,
    /* Sleeps at once. */
    OROIPC_IDLE_PARK = 2
};

enum {
    /* io_uring where it works, else epoll; ORO_IPC_BACKEND forces one. */
    OROIPC_BACKEND_DEFAULT = 0,
    OROIPC_BACKEND_IO_URING = 1,
    OROIPC_BACKEND_EPOLL = 2
};

/* What one link may use. 0 in a member: its default. */
typedef struct oroipc_limits {
    /* Bytes of each ring this side writes: a power of two from 4096 to 64 MiB. Default 64 KiB. */
    uint64_t ring_bytes;
    /* Rings the other side may open, 2 to 16. Default 8. */
    uint32_t rings;
    /* Most blocks of the other side that this side has at once: a power of two from 512 to 2^20. Default 16384. */
    uint32_t loans;
    /* Longest message with a payload that is copied. Default 64 MiB and 64 KiB. */
    uint64_t message_bytes;
    /* Longest payload that the other side may lend: 4096 to 2^46. Default 2^40. */
    uint64_t payload_bytes;
    /* Most bytes of blocks of this side that are out at once. Default 1 GiB in a host, 16 GiB in a client. */
    uint64_t loan_bytes;
    /* Most bytes of unused blocks kept for the next payload. Default 256 MiB. */
    uint64_t kept_bytes;
    /* Most memories with blocks that the other side may have open, 4 to 4096. Default 256. */
    uint32_t memories;
    /* Not 0: asks for huge pages for blocks. */
    uint32_t huge_pages;
} oroipc_limits;

#define OROIPC_LIMITS_INIT \
    { 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* How grave a line of the log is. */
enum { OROIPC_LOG_DEBUG = 1, OROIPC_LOG_INFO = 2, OROIPC_LOG_WARNING = 4, OROIPC_LOG_ERROR = 5 };

/* A line of the log. Any thread, several at once; must not call this library. `text` is good until it returns. */
typedef void (*oroipc_log)(int32_t level, const char *text, void *context);

/* ------------------------------------------------------------------------------------------------------------ calls */

/* Ends what has it: calls, waits. One may serve many calls. */
typedef struct oroipc_abort oroipc_abort;

/* Any thread. Fails with OROIPC_INVALID. */
OROIPC_API oroipc_status oroipc_abort_create(oroipc_abort **out);

/* Another reference; answers `abort`. Any thread. */
OROIPC_API oroipc_abort *oroipc_abort_retain(oroipc_abort *abort);

/* Gives a reference back. Calls that have it go on. Any thread. */
OROIPC_API void oroipc_abort_release(oroipc_abort *abort);

/* Every call that has it, now or later, ends at once with an AbortError of this message, and the host's handler is
 * cancelled. `reason` may be NULL. Only the first call counts. Any thread. */
OROIPC_API oroipc_status oroipc_abort_fire(oroipc_abort *abort, const char *reason);

/* What happens when a payload needs a block and none is free, because the host has given none back. */
enum {
    /* It is copied through the ring, in parts. */
    OROIPC_FULL_COPY = 0,
    /* The call waits for a block, until its deadline. Blocking calls only; others copy. */
    OROIPC_FULL_WAIT = 1,
    /* It fails at once with a QuotaExceededError. */
    OROIPC_FULL_BUSY = 2
};

/* What follows a request in chunks, as fast as the host's handler reads them: see oroipc_body_create. */
typedef struct oroipc_body oroipc_body;

/* What a client sends, and how long it waits. All of it is read before the function that takes it returns. */
typedef struct oroipc_call {
    size_t size;
    /* 1 to 255 of A-Z a-z 0-9 . _ -; ends with a zero byte, unless `command_size` says how long it is. */
    const char *command;
    size_t command_size;
    /* A member of an object is a parameter; every other value is the parameter `value`. */
    oroipc_value value;
    /* A payload, which is copied. An asynchronous call with more than 64 KiB of it is not sent again when the link
     * ends: use `payload` for those. */
    const void *bytes;
    size_t bytes_size;
    /* A payload that is not copied where it lies in shared memory. Stays the caller's to release. Wins over `bytes`. */
    oroipc_bytes *payload;
    /* The caller's own number, decimal, of any length. NULL: the client's next. */
    const char *seq;
    /* Milliseconds to wait for the result, then it is a TimeoutError. 0: no limit. */
    uint32_t timeout_ms;
    /* OROIPC_FULL_…. */
    int32_t when_full;
    /* Ends the call when it is fired. Stays the caller's to release. */
    oroipc_abort *abort;
    /* Headers of the request, in order. */
    const oroipc_header *headers;
    size_t headers_count;
    /* A body in chunks, of asynchronous calls and streams. Stays the caller's to fill, and to release. */
    oroipc_body *body;
    /* Not 0: the handler may run more than once without harm. When the link ends before the result comes the client
     * sends the call again. */
    int32_t idempotent;
    int32_t reserved;
    /* The command and its parameters as a URI, "ipc://fs.stat?path=x": in place of `command` and `value`, which are
     * NULL and OROIPC_NONE then. Ends with a zero byte. What is no URI of this scheme is OROIPC_INVALID. */
    const char *uri;
} oroipc_call;

#define OROIPC_CALL(command)                                                                                          \
    {                                                                                                                 \
        sizeof(oroipc_call), (command), 0, {OROIPC_NONE, 0, 0, 0, NULL, 0}, NULL, 0, NULL, NULL, 0, 0, NULL, NULL, 0, \
            NULL, 0, 0, NULL                                                                                          \
    }

/* The call that a URI stands for. */
#define OROIPC_CALL_URI(uri)                                                                                           \
    {                                                                                                                  \
        sizeof(oroipc_call), NULL, 0, {OROIPC_NONE, 0, 0, 0, NULL, 0}, NULL, 0, NULL, NULL, 0, 0, NULL, NULL, 0, NULL, \
            0, 0, (uri)                                                                                                \
    }

/* A body: made first, then named in one oroipc_call, and filled with oroipc_body_send when the host's handler asks for
 * more. Any thread. Fails with OROIPC_INVALID. */
OROIPC_API oroipc_status oroipc_body_create(oroipc_body **out);

/* Another reference; answers `body`. Any thread. */
OROIPC_API oroipc_body *oroipc_body_retain(oroipc_body *body);

/* Gives a reference back. A body whose last one goes before its end was said ends with an AbortError. Any thread. */
OROIPC_API void oroipc_body_release(oroipc_body *body);

/* Sends a chunk of bytes, which are copied, and are at most as long as a message. Any thread, one at a time.
 * Fails with OROIPC_BUSY when the host takes no more now, or the call was not made yet: try again after
 * oroipc_body_on_room has called; OROIPC_ABORTED when the request is over; OROIPC_TOO_LARGE, which the body survives;
 * OROIPC_STATE after its end. */
OROIPC_API oroipc_status oroipc_body_send(oroipc_body *body, const void *bytes, size_t size);

/* The same with bytes that are not copied where they lie in shared memory; they stay the caller's to release. */
OROIPC_API oroipc_status oroipc_body_send_payload(oroipc_body *body, oroipc_bytes *payload);

/* Ends the body: with an error of this class and message where one of them is not NULL. The handler reads it behind the
 * chunks. Any thread. Fails with OROIPC_STATE when it has ended, by itself or because the request is over. */
OROIPC_API oroipc_status oroipc_body_end(oroipc_body *body, const char *error_name, const char *error_message);

/* On the client's thread. `body` is borrowed. */
typedef void (*oroipc_body_notice)(oroipc_body *body, void *context);

/* Calls `notice` once, as soon as a chunk would be taken, or nothing more is to be sent; not before a call was made
 * with the body, for it is called on the thread of that call's client. Any thread. */
OROIPC_API oroipc_status oroipc_body_on_room(oroipc_body *body, oroipc_body_notice notice, void *context);

/* The usual timeout of a call that is to have one, in milliseconds. */
#define OROIPC_TIMEOUT 32000

/* ------------------------------------------------------------------------------------------------------------ hosts */

typedef struct oroipc_host oroipc_host;

/* May this process connect? 0: no. On the host's thread, before the handshake. `peer` is good until it returns, here
 * and below. */
typedef int (*oroipc_policy)(const oroipc_peer *peer, void *context);

/* A client has connected; its number is that of oroipc_message_client. On the host's thread, before anything that it
 * sends is looked at. */
typedef void (*oroipc_connected)(uint64_t client, const oroipc_peer *peer, void *context);

/* It is gone. `why` and `reason`, its words, say how its link ended: OROIPC_PEER_GONE when it has closed it or died,
 * OROIPC_CLOSED when this host has stopped or disconnected it, OROIPC_VIOLATION when it broke the protocol, or as any
 * other failure. On the host's thread, or on that which stops the host. */
typedef void (*oroipc_disconnected)(
    uint64_t client, const oroipc_peer *peer, oroipc_status why, const char *reason, void *context);

typedef struct oroipc_host_options {
    size_t size;
    /* OROIPC_IDLE_… and OROIPC_BACKEND_…. */
    int32_t idle;
    int32_t backend;
    /* Folder of the socket; NULL: $XDG_RUNTIME_DIR/oro-ipc, else /tmp/oro-ipc-UID. */
    const char *folder;
    oroipc_limits limits;
    /* Most clients at once. Default 4096. */
    uint32_t links;
    /* Most clients at once that have not finished their handshake. Default 128. */
    uint32_t handshakes;
    /* Milliseconds for a handshake. Default 5000. */
    uint32_t handshake_ms;
    /* Most requests of one client that wait for oroipc_result_send. Default 2^20. */
    uint32_t requests_per_link;
    /* Most bytes of results that wait because a client does not read; then its link is ended. Default 256 MiB. */
    uint64_t waiting_bytes_per_link;
    /* Who may connect. NULL: processes of the same user, and nobody else. A policy takes the place of that rule. */
    oroipc_policy policy;
    void *policy_context;
    /* Where the host says what it does, from this level on; 0: from OROIPC_LOG_INFO. NULL: nowhere. */
    oroipc_log log;
    void *log_context;
    int32_t log_level;
    int32_t reserved;
    /* Most ports of one client that are open; a further channel is closed at once, and says why. Default 16384. */
    uint32_t ports_per_link;
    /* Not 0: clients may open conversations with each other, by oroipc_client_meet. */
    int32_t allows_meetings;
    /* Not 0: clients may not subscribe to broadcasts. */
    int32_t refuses_broadcasts;
    /* Most streams of one client: answers in chunks, and bodies in chunks, each counted for itself. Default 1000. */
    uint32_t streams_per_link;
    /* Most bytes of private memory for what one client sent and somebody still has, and for results that it does not
     * read; at least 1 MiB. A request beyond it gets a QuotaExceededError, a post is dropped, a port is closed. Default
     * 256 MiB. */
    uint64_t received_bytes_per_link;
    /* The same for all clients together, at least 4 MiB. Default 2 GiB. */
    uint64_t received_bytes;
    /* Most bytes of shared memory for payloads that are lent to clients, all together; at least 64 MiB. Default 4
     * GiB. */
    uint64_t block_bytes;
    /* Called for each client that connects, and for each that is gone. NULL: not. */
    oroipc_connected connected;
    oroipc_disconnected disconnected;
    void *clients_context;
    /* The routes of every host (ping, platform.…, diagnostics.…, broadcast_channel.…) that this one does not have:
     * names, or patterns such as "diagnostics.*", with commas or spaces between them; "*": all. The program may map
     * such names itself. One that names no such route is OROIPC_INVALID. NULL: it has all of them. */
    const char *without_routes;
} oroipc_host_options;

#define OROIPC_HOST_OPTIONS_INIT                                                                                     \
    {                                                                                                                \
        sizeof(oroipc_host_options), 0, 0, NULL, OROIPC_LIMITS_INIT, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL, 0, 0, 0, \
            0, 0, 0, 0, 0, 0, NULL, NULL, NULL, NULL                                                                 \
    }

/* A host that clients find under `name`: 1 to 64 of A-Z a-z 0-9 . _ -. NULL: one without a name, for
 * oroipc_host_make_peer, oroipc_host_adopt and oroipc_host_connect. `options` may be NULL. Clients may connect from now
 * on, and are served from oroipc_host_start, _run or _turn on.
 * Any thread. Fails with OROIPC_NAME_TAKEN, OROIPC_FOLDER, OROIPC_INVALID, OROIPC_SYSTEM. */
OROIPC_API oroipc_status oroipc_host_create(const char *name, const oroipc_host_options *options, oroipc_host **out);

/* Another reference; answers `host`. Any thread. */
OROIPC_API oroipc_host *oroipc_host_retain(oroipc_host *host);

/* Gives a reference back; the last one stops the host. Any thread but, for the last one, that of a callback of this
 * host. */
OROIPC_API void oroipc_host_release(oroipc_host *host);

/* Serves on a thread of the library's, until oroipc_host_stop. Any thread.
 * Fails with OROIPC_STATE when it runs already or is stopped, OROIPC_SYSTEM. */
OROIPC_API oroipc_status oroipc_host_start(oroipc_host *host);

/* Serves on the calling thread, and returns after oroipc_host_stop. Fails with OROIPC_STATE when it runs already or
 * is stopped. */
OROIPC_API oroipc_status oroipc_host_run(oroipc_host *host);

/* Stops in good order: takes no new requests, gives those that run `within_ms` milliseconds to finish, tells the
 * clients `reason` (which may be NULL), and then stops. Waits for it. A host that is turned only begins with it here,
 * is turned on until its statistics say that it has no links, and is then stopped.
 * Any thread. Fails with OROIPC_STATE on the thread of a host that was started or runs. */
OROIPC_API oroipc_status oroipc_host_shutdown(oroipc_host *host, uint32_t within_ms, const char *reason);

/* Ends all links and gives the name free: clients see OROIPC_PEER_GONE. Waits for the library's thread, unless
 * called on it. Any thread; may be called again. */
OROIPC_API oroipc_status oroipc_host_stop(oroipc_host *host);

/* For a host in a foreign event loop: poll this for reading, and call oroipc_host_turn when it is readable. It stays
 * the library's. -1 for NULL. Any thread. */
OROIPC_API int oroipc_host_descriptor(const oroipc_host *host);

/* Does all there is to do without waiting, calling handlers, for about a millisecond. To be called once at first, when
 * the descriptor is readable, and after the milliseconds in `timeout_ms` (which may be NULL): how long to poll at most,
 * -1 for ever, as poll and epoll_wait take it. 0: there is more to do, which the descriptor does not tell of.
 * Always on one thread, not inside a callback. Fails with OROIPC_STATE when the host is started, run or stopped. */
OROIPC_API oroipc_status oroipc_host_turn(oroipc_host *host, int *timeout_ms);

/* A turn for a loop that has nothing else to do, in place of oroipc_host_turn: where nothing is there it looks for what
 * comes, as long as the idle policy says and at most `most_us` microseconds, before it leaves the descriptor to tell.
 * What comes meanwhile costs neither side a system call. As soon as something was done it returns, with 0 in
 * `timeout_ms`: the descriptor does not tell then, before another turn has found nothing. With `most_us` 0 it is
 * oroipc_host_turn. */
OROIPC_API oroipc_status oroipc_host_linger(oroipc_host *host, uint32_t most_us, int *timeout_ms);

/* One end of a new connection to this host, for a child process or another library: a descriptor that is the
 * caller's, and that is closed at exec. See oroipc_client_adopt. Any thread. Fails with OROIPC_SYSTEM; `out` is -1
 * then. */
OROIPC_API oroipc_status oroipc_host_make_peer(oroipc_host *host, int *out);

/* The same with a label of 1 to 255 bytes, which oroipc_peer.label shows to the policy, to guards, handlers and
 * notices: the kernel says of such a connection only that the host itself has made it. No client can choose its label.
 * Fails with OROIPC_INVALID too. */
OROIPC_API oroipc_status oroipc_host_make_labelled_peer(oroipc_host *host, const char *label, int *out);

/* Serves the client at the other end of a connected SOCK_SEQPACKET socket, which the host takes over. Any thread.
 * Fails with OROIPC_INVALID. */
OROIPC_API oroipc_status oroipc_host_adopt(oroipc_host *host, int descriptor);

/* The same with a label, as for oroipc_host_make_labelled_peer. Where it fails the descriptor stays the caller's. */
OROIPC_API oroipc_status oroipc_host_adopt_labelled(oroipc_host *host, const char *label, int descriptor);

/* May this process call the route `name`? 0: no; it gets a NotAllowedError, and neither listeners nor the handler see
 * the message. On the host's thread; for routes that answer in chunks on any, several at once. What the host itself
 * invokes is not asked for. */
typedef int (*oroipc_gate)(const oroipc_peer *peer, const char *name, void *context);

/* Has `gate` decide about each request for a route that `routes` names: a name, "fs.*" for all that begin with "fs.",
 * or "*" for all. Of several gates for one route all must allow it. They stay as long as the host. Any thread. Fails
 * with OROIPC_INVALID. */
OROIPC_API oroipc_status oroipc_host_guard(
    oroipc_host *host, const char *routes, oroipc_gate gate, void *context, oroipc_done destroy);

/* Ends the link of a client (the number of oroipc_message_client), which is told `reason`; that may be NULL. Any
 * thread. Fails with OROIPC_NOT_FOUND when there is no such client. */
OROIPC_API oroipc_status oroipc_host_disconnect(oroipc_host *host, uint64_t client, const char *reason);

/* Fixes the origin with which a client takes part in broadcasts: what it posts is for this origin and no other, and
 * what it subscribes to from now on is what others post for this one, whatever it says itself. 1 to 255 bytes; NULL:
 * again what it says. In the callback oroipc_host_options.connected this comes before anything that it sends. Any
 * thread. Fails with OROIPC_NOT_FOUND when there is no such client, OROIPC_INVALID. */
OROIPC_API oroipc_status oroipc_host_fix_origin(oroipc_host *host, uint64_t client, const char *origin);

/* What a host has done so far; may lag a moment behind. */
typedef struct oroipc_host_statistics {
    size_t size;
    /* Clients connected now, ever connected, refused, and ended because they broke the protocol. */
    uint64_t links;
    uint64_t accepted;
    uint64_t refused;
    uint64_t violations;
    /* Requests that reached the router, and those dropped because their deadline had passed. */
    uint64_t requests;
    uint64_t expired;
    /* Payload bytes copied, bytes and blocks lent, bytes of memory for blocks. */
    uint64_t copied_bytes;
    uint64_t loaned_bytes;
    uint64_t loans;
    uint64_t block_memory;
} oroipc_host_statistics;

#define OROIPC_HOST_STATISTICS_INIT \
    { sizeof(oroipc_host_statistics), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* Any thread. Fails with OROIPC_INVALID. */
OROIPC_API oroipc_status oroipc_host_statistics_get(const oroipc_host *host, oroipc_host_statistics *out);

/* How a route answers. */
enum {
    /* When the handler returns. For what takes microseconds. */
    OROIPC_ROUTE_SYNC = 0,
    /* When oroipc_result_send is called, from any thread. */
    OROIPC_ROUTE_LATER = 1,
    /* With chunks and events, until oroipc_result_send ends the stream. */
    OROIPC_ROUTE_STREAM = 2,
    /* As OROIPC_ROUTE_STREAM where oroipc_message_streams says OROIPC_TAKES_STREAM, else as OROIPC_ROUTE_LATER. */
    OROIPC_ROUTE_EITHER = 3
};

/* Answers a command. On the host's thread. `message` is borrowed. `result` is empty; with OROIPC_ROUTE_SYNC it is
 * borrowed too and sent when the handler returns, with the others the handler owns it and gives it up with
 * oroipc_result_send. */
typedef void (*oroipc_handler)(oroipc_message *message, oroipc_result *result, void *context);

/* Hears of a command before it is answered, or of an event. On the host's thread, or the client's. `message` is
 * borrowed. */
typedef void (*oroipc_listener)(oroipc_message *message, void *context);

/* A chunk of a stream or a body, or its end. On the client's thread, for a body on the host's. `chunk` is borrowed: its
 * name, value and bytes; NULL at the end. `end` is NULL before the end; then it is borrowed and holds the error, if
 * there is one. */
typedef void (*oroipc_receiver)(oroipc_message *chunk, oroipc_result *end, void *context);

/* Reads the body that follows a request in chunks: `receiver` is called for each, and exactly once with an end. The
 * client sends nothing before this is called, and at most 16 chunks more than were received. For a message of
 * OROIPC_ROUTE_LATER or OROIPC_ROUTE_STREAM, in its handler or later; then the message has to be retained until the
 * end. Any thread. Fails with OROIPC_NOT_FOUND when no body follows, OROIPC_STATE when it is read already; `receiver`
 * is not called then. */
OROIPC_API oroipc_status oroipc_message_read_body(oroipc_message *message, oroipc_receiver receiver, void *context);

/* The same, but the receiver is called for as many chunks as oroipc_message_take_body takes, the end being one of
 * them. */
OROIPC_API oroipc_status oroipc_message_read_body_taken(
    oroipc_message *message, oroipc_receiver receiver, void *context);

/* Takes `chunks` more of a body that oroipc_message_read_body_taken reads. Any thread. Fails with OROIPC_NOT_FOUND
 * when none is read so. */
OROIPC_API oroipc_status oroipc_message_take_body(oroipc_message *message, uint32_t chunks);

/* Answers the command `name` with `handler`; `kind` is one of OROIPC_ROUTE_…. Replaces what answered it before. Any
 * thread. Fails with OROIPC_INVALID, also for a name that no command can have, and for a route that every host has:
 * see oroipc_host_options.without_routes. */
OROIPC_API oroipc_status oroipc_host_map(
    oroipc_host *host, const char *name, int32_t kind, oroipc_handler handler, void *context, oroipc_done destroy);

/* Answers the command `name` no more; OROIPC_OK also when nobody did. Any thread. Fails with OROIPC_INVALID for a
 * route that every host has, and stays. */
OROIPC_API oroipc_status oroipc_host_unmap(oroipc_host *host, const char *name);

/* Hears of each request for `name`, or for "*" of all, that has a route. Listeners run in the order they came,
 * before the handler. `token` is for oroipc_host_unlisten. Any thread. Fails with OROIPC_INVALID. */
OROIPC_API oroipc_status oroipc_host_listen(
    oroipc_host *host, const char *name, oroipc_listener listener, void *context, oroipc_done destroy, uint64_t *token);

/* Ends what oroipc_host_listen began. Any thread. Fails with OROIPC_NOT_FOUND. */
OROIPC_API oroipc_status oroipc_host_unlisten(oroipc_host *host, const char *name, uint64_t token);

/* Sends an event to the clients that listen: to one (the number of oroipc_message_client), or with `client` 0 to
 * all. `value` and `payload` may be NULL. Any thread. Fails with OROIPC_NOT_FOUND when there is no such client,
 * OROIPC_INVALID, OROIPC_MALFORMED, OROIPC_TOO_LARGE. */
OROIPC_API oroipc_status oroipc_host_emit(
    oroipc_host *host, uint64_t client, const char *name, const oroipc_value *value, oroipc_bytes *payload);

/* Sends a result that nobody asked for, its data and bytes: the client sees an event named "data". `client`
 * as in oroipc_host_emit. Any thread. Fails as oroipc_host_emit, and with OROIPC_INVALID for a result that is an
 * error. */
OROIPC_API oroipc_status oroipc_host_push(oroipc_host *host, uint64_t client, const oroipc_result *result);

/* The result of an asynchronous call; `result` is borrowed. On the client's thread, or the host's. */
typedef void (*oroipc_completion)(oroipc_result *result, void *context);

/* Runs the route of a command in this process, as if a client had sent it. `completion`, which may be NULL, is called
 * once with the result, on the host's thread and never before this returns. Seq, timeout and abort of `call` are not
 * looked at; a body is OROIPC_INVALID. Any thread.
 * Fails with OROIPC_NOT_FOUND when there is no such route, OROIPC_INVALID, OROIPC_MALFORMED; `completion` is not
 * called then. */
OROIPC_API oroipc_status oroipc_host_invoke(
    oroipc_host *host, const oroipc_call *call, oroipc_completion completion, void *context);

/* ---------------------------------------------------------------------------------------------------------- clients */

typedef struct oroipc_client oroipc_client;

/* Where a client's callbacks run. */
enum {
    /* In oroipc_client_turn. No thread of the library's is involved. */
    OROIPC_DELIVER_TURN = 0,
    /* On a thread of the library's, which serves all clients of the process: callbacks must not block. */
    OROIPC_DELIVER_THREAD = 1
};

typedef struct oroipc_client_options {
    size_t size;
    /* OROIPC_IDLE_… and OROIPC_BACKEND_…; with OROIPC_DELIVER_TURN it is always epoll. */
    int32_t idle;
    int32_t backend;
    /* OROIPC_DELIVER_…. */
    int32_t delivery;
    /* Milliseconds for the handshake. Default 5000. */
    uint32_t handshake_ms;
    /* Folder of the host's socket; NULL: $XDG_RUNTIME_DIR/oro-ipc, else /tmp/oro-ipc-UID. */
    const char *folder;
    oroipc_limits limits;
    /* Most bytes of asynchronous calls that wait for room because the host does not read; another fails. Default 256
     * MiB. */
    uint64_t waiting_bytes;
    /* Most calls that wait for their result; another fails with a QuotaExceededError. Default 2^22. */
    uint64_t pending_requests;
    /* Where the client says what it does, from this level on; 0: from OROIPC_LOG_INFO. NULL: nowhere. */
    oroipc_log log;
    void *log_context;
    int32_t log_level;
    int32_t reserved;
    /* Most bytes of private memory for what the host and other clients sent and this process still has; at least 1 MiB.
     * A result beyond it is a QuotaExceededError. Default 1 GiB. */
    uint64_t received_bytes;
    /* OROIPC_RECONNECT_…: whether the client comes back when its host ends or drains. */
    int32_t reconnect;
    /* Milliseconds before the second attempt to connect again; the first is made at once. Each pause is twice the one
     * before it, a quarter longer or shorter at random. Default 5. */
    uint32_t reconnect_first_ms;
    /* Milliseconds between two attempts, at most. Default 1000. */
    uint32_t reconnect_longest_ms;
    /* Milliseconds after the link's end for which calls wait for the next, or their own timeout where that is shorter;
     * then they fail with OROIPC_DELIVERY_NOT_SENT, and further ones at once while there is no link. Default 2000. */
    uint32_t reconnect_wait_ms;
    /* Milliseconds after the link's end when the client gives up, and is closed. 0: never. */
    uint32_t reconnect_give_up_ms;
    int32_t reserved2;
} oroipc_client_options;

#define OROIPC_CLIENT_OPTIONS_INIT \
    { sizeof(oroipc_client_options), 0, 0, 0, 0, NULL, OROIPC_LIMITS_INIT, 0, 0, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/* Whether a client connects again when its host has ended or drains. Calls that were in flight end with an error, and
 * oroipc_result_delivery says how far each came; one that was not sent, or that a draining host refused, is sent again
 * by the client itself, and so is one with oroipc_call.idempotent, however far it came. Streams, bodies and posts are
 * not sent again. The client listens again to what it listened to, and subscribes again to broadcasts; other ports of
 * the old link are closed. A thread of the library's connects, also for clients that a foreign loop turns. */
enum {
    /* It does, when it was connected by name. */
    OROIPC_RECONNECT_BY_NAME = 0,
    OROIPC_RECONNECT_NEVER = 1
};

/* Connects to the host of this name; waits for its answer. `options` may be NULL.
 * Any thread but the host's, which gets OROIPC_STATE at once. Fails with OROIPC_NOT_LISTENING, OROIPC_REFUSED,
 * OROIPC_TIMED_OUT, OROIPC_INVALID, OROIPC_FOLDER, OROIPC_VIOLATION, OROIPC_SYSTEM. See oroipc_client_connect_async
 * for event loops. */
OROIPC_API oroipc_status oroipc_client_connect(
    const char *name, const oroipc_client_options *options, oroipc_client **out);

/* Connects over a descriptor that oroipc_host_make_peer made, and takes it over, also when this fails. Waits for the
 * host, so it cannot be called on the host's thread. Fails as oroipc_client_connect. */
OROIPC_API oroipc_status oroipc_client_adopt(int descriptor, const oroipc_client_options *options, oroipc_client **out);

/* A client that is connecting, in an event loop that must not stop for it: nothing here waits, and no thread is made.
 * Poll its descriptor for reading and call oroipc_connecting_turn when it is readable, at once at first, and after the
 * timeout that gives, until that gives the client; then release it.
 *
 *     oroipc_connecting *connecting;
 *     if (oroipc_client_connect_async("demo", NULL, &connecting) != OROIPC_OK) errx(1, "%s", oroipc_last_error());
 *     while (oroipc_connecting_turn(connecting, &timeout, &client) == OROIPC_OK && client == NULL)
 *         poll(&(struct pollfd){oroipc_connecting_descriptor(connecting), POLLIN, 0}, 1, timeout);
 *     oroipc_connecting_release(connecting);
 *
 * The time limit is `handshake_ms` of the options, from the first call on. */
typedef struct oroipc_connecting oroipc_connecting;

/* Begins to connect to the host of this name. `options` may be NULL. Any thread, also the host's.
 * What is known at once fails at once, as oroipc_client_connect. */
OROIPC_API oroipc_status oroipc_client_connect_async(
    const char *name, const oroipc_client_options *options, oroipc_connecting **out);

/* The same over a descriptor that oroipc_host_make_peer made, which is taken over, also when this fails. */
OROIPC_API oroipc_status oroipc_client_adopt_async(
    int descriptor, const oroipc_client_options *options, oroipc_connecting **out);

/* Readable when oroipc_connecting_turn gets on. -1 while the host has more newcomers waiting than the system keeps
 * in its queue, and after the end: ask again after each turn. It stays the library's. Any thread. */
OROIPC_API int oroipc_connecting_descriptor(const oroipc_connecting *connecting);

/* Gets on, without waiting. `client` gets the client, whose reference is the caller's, or NULL when it is not there
 * yet; then `timeout_ms`, which may be NULL, gets how long to poll at most. Any thread. Fails as
 * oroipc_client_connect, then and ever after; OROIPC_ABORTED after the client was given. */
OROIPC_API oroipc_status oroipc_connecting_turn(oroipc_connecting *connecting, int *timeout_ms, oroipc_client **client);

/* Gives it up, or lets go of it when it is done. NULL is ignored. Any thread. */
OROIPC_API void oroipc_connecting_release(oroipc_connecting *connecting);

/* A client of a started host in the same process. Any thread but the host's. Fails as oroipc_client_connect. */
OROIPC_API oroipc_status oroipc_host_connect(
    oroipc_host *host, const oroipc_client_options *options, oroipc_client **out);

/* Another reference; answers `client`. Any thread. */
OROIPC_API oroipc_client *oroipc_client_retain(oroipc_client *client);

/* Gives a reference back; the last one closes the link. Callbacks that are due and could not be delivered are not
 * called any more; close and turn first to have them. Any thread. */
OROIPC_API void oroipc_client_release(oroipc_client *client);

/* Ends the link: whatever waits fails with a NetworkError. Any thread; may be called again. */
OROIPC_API oroipc_status oroipc_client_close(oroipc_client *client);

/* OROIPC_OK while the link stands, else why it is over; oroipc_last_error() has the reason then. Any thread. */
OROIPC_API oroipc_status oroipc_client_state(const oroipc_client *client);

/* Who the host is. Any thread. */
OROIPC_API oroipc_status oroipc_client_peer(const oroipc_client *client, oroipc_peer *out);

/* What a client has seen so far. */
typedef struct oroipc_client_statistics {
    size_t size;
    /* Asynchronous calls that wait, and results that came too late and were dropped. */
    uint64_t pending;
    uint64_t late_results;
    /* Payload bytes copied, bytes and blocks lent, bytes of memory for blocks. */
    uint64_t copied_bytes;
    uint64_t loaned_bytes;
    uint64_t loans;
    uint64_t block_memory;
} oroipc_client_statistics;

#define OROIPC_CLIENT_STATISTICS_INIT \
    { sizeof(oroipc_client_statistics), 0, 0, 0, 0, 0, 0 }

/* Any thread. Fails with OROIPC_INVALID. */
OROIPC_API oroipc_status oroipc_client_statistics_get(const oroipc_client *client, oroipc_client_statistics *out);

/* A block of `size` bytes, to be filled and sent to the host without a copy. Where none is free it waits at most
 * `wait_ms` milliseconds, blocking the calling thread; 0: not at all. Any thread.
 * Fails with OROIPC_BUSY, OROIPC_TOO_LARGE, and why the link is over. */
OROIPC_API oroipc_status oroipc_client_loan(oroipc_client *client, size_t size, uint32_t wait_ms, oroipc_loan **out);

/* Sends a command and blocks the calling thread until its result is there. `result`: where it points to NULL a new
 * result is put, which is the caller's; a result that is there is emptied and filled again, and nothing is allocated.
 * NULL: nobody wants the result.
 * Any thread, also while asynchronous calls wait; not the host's.
 * Answers OROIPC_OK, or OROIPC_FAILED when the result holds an error: timeouts, aborts and the link's end are such
 * errors. Fails without a result with OROIPC_INVALID, OROIPC_MALFORMED, OROIPC_STATE for a result that is a
 * handler's; `result` is left alone then. */
OROIPC_API oroipc_status oroipc_client_call(oroipc_client *client, const oroipc_call *call, oroipc_result **result);

/* Sends a command; `completion` is called exactly once with its result, whatever happens to the link, and never before
 * this returns. `ticket`, which may be NULL, is for oroipc_client_abort. Never blocks. Any thread.
 * Fails with OROIPC_INVALID, OROIPC_MALFORMED; `completion` is not called then. */
OROIPC_API oroipc_status oroipc_client_call_async(
    oroipc_client *client, const oroipc_call *call, oroipc_completion completion, void *context, uint64_t *ticket);

/* Gives one asynchronous call or stream up: it ends with an AbortError of this message, which may be NULL, and the
 * host's handler is cancelled. Any thread. Fails with OROIPC_NOT_FOUND when it is over already. */
OROIPC_API oroipc_status oroipc_client_abort(oroipc_client *client, uint64_t ticket, const char *reason);

/* Sends a command that gets no result. Waits for room in its ring. Any thread.
 * Fails with OROIPC_INVALID, OROIPC_MALFORMED, OROIPC_TOO_LARGE, OROIPC_BUSY, and why the link is over. */
OROIPC_API oroipc_status oroipc_client_post(oroipc_client *client, const oroipc_call *call);

/* With the `window` of oroipc_client_stream: chunks come as they are taken by oroipc_client_stream_take. */
enum { OROIPC_STREAM_TAKEN = 0x10000 };

/* Sends a command whose answer comes in chunks. `receiver` is called for each, and exactly once with an end. At most
 * `window` chunks, 1 to 1024, 0 for 256, are on their way or wait here: the host waits meanwhile, so that a program
 * that stops calling oroipc_client_turn stops the host's handler too. The timeout of `call` is for the first chunk.
 * `ticket` may be NULL. Never blocks. Any thread.
 * Fails with OROIPC_INVALID, OROIPC_MALFORMED; `receiver` is not called then. */
OROIPC_API oroipc_status oroipc_client_stream(oroipc_client *client, const oroipc_call *call, uint32_t window,
    oroipc_receiver receiver, void *context, uint64_t *ticket);

/* Takes `chunks` more of a stream that was begun with OROIPC_STREAM_TAKEN: the receiver is called for as many as
 * were taken, and no more; the end is one of them. So each stream of a client holds its handler by itself. A stream
 * that is aborted is taken to its end. Any thread. Fails with OROIPC_NOT_FOUND when it is over, or is none of those. */
OROIPC_API oroipc_status oroipc_client_stream_take(oroipc_client *client, uint64_t ticket, uint32_t chunks);

/* Hears of the host's events named `name`, or with "*" of all. `token` is for oroipc_client_unlisten. Any thread.
 * Fails with OROIPC_INVALID. */
OROIPC_API oroipc_status oroipc_client_listen(oroipc_client *client, const char *name, oroipc_listener listener,
    void *context, oroipc_done destroy, uint64_t *token);

/* Ends what oroipc_client_listen began. Any thread. Fails with OROIPC_NOT_FOUND. */
OROIPC_API oroipc_status oroipc_client_unlisten(oroipc_client *client, uint64_t token);

/* Dispatches an event to the listeners of this client, as if the host had sent it. Any thread. Fails with
 * OROIPC_INVALID, OROIPC_MALFORMED. */
OROIPC_API oroipc_status oroipc_client_emit(
    oroipc_client *client, const char *name, const oroipc_value *value, oroipc_bytes *payload);

/* The client is closed; oroipc_client_state(client) says why. On the client's thread. */
typedef void (*oroipc_ending)(oroipc_client *client, void *context);

/* Calls `ending` once when the link is over and the client does not come back; soon when that is so already. A later
 * call replaces an earlier one, NULL takes it back. Any thread. */
OROIPC_API oroipc_status oroipc_client_on_end(oroipc_client *client, oroipc_ending ending, void *context);

/* Whether a client has a link. */
enum {
    OROIPC_CLIENT_CONNECTED = 0,
    /* The link has ended, or the host drains, and the client is connecting again. */
    OROIPC_CLIENT_RECONNECTING = 1,
    /* It is over: the client was closed, or does not come back. */
    OROIPC_CLIENT_CLOSED = 2
};

/* The client's state is OROIPC_CLIENT_… now; `reason` says why for people, and is "" while it is connected. On the
 * client's thread. */
typedef void (*oroipc_state_change)(oroipc_client *client, int32_t state, const char *reason, void *context);

/* Calls `change` with the state now, and with each that comes, in order. A later call replaces an earlier one, NULL
 * takes it back. `destroy(context)`, which may be NULL, is called once when nobody needs it any more, also when this
 * fails. Any thread. */
OROIPC_API oroipc_status oroipc_client_on_state(
    oroipc_client *client, oroipc_state_change change, void *context, oroipc_done destroy);

/* For a client with OROIPC_DELIVER_TURN in a foreign event loop: poll this for reading, and call oroipc_client_turn
 * when it is readable. It stays the library's. -1 for other clients. Any thread. */
OROIPC_API int oroipc_client_descriptor(const oroipc_client *client);

/* Reads what has come, and calls back everything that is due, without waiting, for about a millisecond. To be called
 * once at first, when the descriptor is readable, and after the milliseconds in `timeout_ms` (which may be NULL): how
 * long to poll at most, -1 for ever; 0: there is more to do, which the descriptor does not tell of. However many
 * results have come, the descriptor is readable once. Always on one thread, not inside a callback.
 * Fails with OROIPC_STATE for a client with OROIPC_DELIVER_THREAD, or inside a callback. */
OROIPC_API oroipc_status oroipc_client_turn(oroipc_client *client, int *timeout_ms);

/* A turn for a loop that waits for a result and has nothing else to do, as oroipc_host_linger is for a host. */
OROIPC_API oroipc_status oroipc_client_linger(oroipc_client *client, uint32_t most_us, int *timeout_ms);

/* ------------------------------------------------------------------------------------------------ structured values */

/* What a message of a port or a broadcast says. One is built, node by node, to be posted any number of times; or it
 * came. */
typedef struct oroipc_structured oroipc_structured;
typedef struct oroipc_port oroipc_port;

/* What a node is, and which members of oroipc_node it has. */
enum {
    OROIPC_NODE_UNDEFINED = 0,
    OROIPC_NODE_NULL = 1,
    /* `integer` is 0 or 1. */
    OROIPC_NODE_BOOLEAN = 2,
    /* `integer`. */
    OROIPC_NODE_INTEGER = 3,
    /* `number`. */
    OROIPC_NODE_NUMBER = 4,
    /* `text`: its decimal digits. */
    OROIPC_NODE_BIGINT = 5,
    /* `text`. */
    OROIPC_NODE_TEXT = 6,
    /* `number`: milliseconds since 1970; NaN is an invalid date. */
    OROIPC_NODE_DATE = 7,
    /* `text` is its source, `more` its flags. */
    OROIPC_NODE_REGEXP = 8,
    /* `text` is its class, `more` its message, `stack` may be NULL; one part is its cause, or there is none. */
    OROIPC_NODE_ERROR = 9,
    /* An object of a primitive, which is its one part. */
    OROIPC_NODE_BOXED = 10,
    /* Its parts are its elements; OROIPC_HOLE for one that is not there. */
    OROIPC_NODE_ARRAY = 11,
    /* Its parts are its members, called as `names` says. */
    OROIPC_NODE_OBJECT = 12,
    /* Its parts are keys and values in turn. */
    OROIPC_NODE_MAP = 13,
    /* Its parts are its elements. */
    OROIPC_NODE_SET = 14,
    /* An ArrayBuffer: `bytes`. */
    OROIPC_NODE_BUFFER = 15,
    /* A typed array or DataView, `view`, of the buffer that is its one part: `length` elements from byte `offset`
     * on. */
    OROIPC_NODE_VIEW = 16,
    /* `port`. It must be in the transfer list, too. */
    OROIPC_NODE_PORT = 17,
    /* Only when reading: a file descriptor that came along. */
    OROIPC_NODE_DESCRIPTOR = 18
};

/* How a view reads its buffer. */
enum {
    OROIPC_VIEW_INT8 = 0,
    OROIPC_VIEW_UINT8 = 1,
    OROIPC_VIEW_UINT8_CLAMPED = 2,
    OROIPC_VIEW_INT16 = 3,
    OROIPC_VIEW_UINT16 = 4,
    OROIPC_VIEW_INT32 = 5,
    OROIPC_VIEW_UINT32 = 6,
    OROIPC_VIEW_FLOAT32 = 7,
    OROIPC_VIEW_FLOAT64 = 8,
    OROIPC_VIEW_BIGINT64 = 9,
    OROIPC_VIEW_BIGUINT64 = 10,
    OROIPC_VIEW_DATA_VIEW = 11,
    OROIPC_VIEW_FLOAT16 = 12,
    /* Node's Buffer. */
    OROIPC_VIEW_NODE_BUFFER = 13
};

/* In place of a node's number: an element that is not there. */
#define OROIPC_HOLE UINT32_MAX

/* A node on its way in or out. Texts are UTF-8; one that is handed in has as many bytes as its size says, or with size
 * 0 ends with a zero byte, and NULL is empty. What comes out lives as long as the structured value, or until that is
 * changed: texts, also followed by a zero byte, arrays, and `bytes` and `port`, which are borrowed. */
typedef struct oroipc_node {
    size_t size;
    /* OROIPC_NODE_… and OROIPC_VIEW_…. */
    int32_t kind;
    int32_t view;
    int64_t integer;
    double number;
    const char *text;
    size_t text_size;
    const char *more;
    size_t more_size;
    const char *stack;
    size_t stack_size;
    /* Numbers of nodes: `count` of them, for a map keys and values together. */
    const uint32_t *parts;
    size_t count;
    /* `count` names; `name_sizes` may be NULL for names that end with a zero byte. */
    const char *const *names;
    const size_t *name_sizes;
    size_t offset;
    size_t length;
    oroipc_bytes *bytes;
    oroipc_port *port;
} oroipc_node;

#define OROIPC_NODE_INIT \
    { sizeof(oroipc_node), 0, 0, 0, 0, NULL, 0, NULL, 0, NULL, 0, NULL, 0, NULL, NULL, 0, 0, NULL, NULL }

/* A node of this kind, to be completed. */
static inline oroipc_node oroipc_node_of(int32_t kind) {
    oroipc_node node = OROIPC_NODE_INIT;
    node.kind = kind;
    return node;
}

/* An array, a set, or a map of these nodes. */
static inline oroipc_node oroipc_node_list(int32_t kind, const uint32_t *parts, size_t count) {
    oroipc_node node = oroipc_node_of(kind);
    node.parts = parts;
    node.count = count;
    return node;
}

/* An object with these members. */
static inline oroipc_node oroipc_node_object(const char *const *names, const uint32_t *parts, size_t count) {
    oroipc_node node = oroipc_node_list(OROIPC_NODE_OBJECT, parts, count);
    node.names = names;
    return node;
}

/* An ArrayBuffer of these bytes. */
static inline oroipc_node oroipc_node_buffer(oroipc_bytes *bytes) {
    oroipc_node node = oroipc_node_of(OROIPC_NODE_BUFFER);
    node.bytes = bytes;
    return node;
}

/* `length` elements from byte `offset` of the node `buffer` on. */
static inline oroipc_node oroipc_node_view(int32_t view, const uint32_t *buffer, size_t offset, size_t length) {
    oroipc_node node = oroipc_node_list(OROIPC_NODE_VIEW, buffer, 1);
    node.view = view;
    node.offset = offset;
    node.length = length;
    return node;
}

static inline oroipc_node oroipc_node_port(oroipc_port *port) {
    oroipc_node node = oroipc_node_of(OROIPC_NODE_PORT);
    node.port = port;
    return node;
}

/* An empty one, to be built. Any thread. Fails with OROIPC_INVALID. */
OROIPC_API oroipc_status oroipc_structured_create(oroipc_structured **out);

/* One that is encoded already, as docs/structured-values.md says: a value, and the buffers and ports that it names by
 * number. What stands in it is looked at by whoever gets it. Any thread. Fails with OROIPC_INVALID for more than 64
 * buffers, an empty one, and a subscription among the ports; OROIPC_MALFORMED when the bytes are no value. */
OROIPC_API oroipc_status oroipc_structured_from_encoded(const void *data, size_t size, oroipc_bytes *const *buffers,
    size_t buffer_count, oroipc_port *const *ports, size_t port_count, oroipc_structured **out);

/* Another reference; answers `structured`. */
OROIPC_API oroipc_structured *oroipc_structured_retain(oroipc_structured *structured);

/* Gives a reference back. Ports that came with it, and that nobody has retained, are closed with the last one. */
OROIPC_API void oroipc_structured_release(oroipc_structured *structured);

/* Adds a node; `out`, which may be NULL, gets its number. Its parts must be there already; for cycles see
 * oroipc_structured_set.
 * Fails with OROIPC_INVALID for a part that is not there, and for what such a node cannot be; OROIPC_STATE for a value
 * that came. */
OROIPC_API oroipc_status oroipc_structured_add(oroipc_structured *structured, const oroipc_node *node, uint32_t *out);

/* Adds what a value of messages and results says, with all its parts; OROIPC_NONE is undefined. Fails as
 * oroipc_structured_add, and with OROIPC_MALFORMED. */
OROIPC_API oroipc_status oroipc_structured_add_value(
    oroipc_structured *structured, const oroipc_value *value, uint32_t *out);

/* Puts a node in the place of another, so that parts may refer to what they are in. Fails as oroipc_structured_add. */
OROIPC_API oroipc_status oroipc_structured_set(oroipc_structured *structured, uint32_t number, const oroipc_node *node);

/* The node that the whole is; else it is the one that was added last. Fails with OROIPC_INVALID, OROIPC_STATE. */
OROIPC_API oroipc_status oroipc_structured_set_root(oroipc_structured *structured, uint32_t number);

/* The number of the node that the whole is. Fails with OROIPC_STATE when nothing was added, OROIPC_MALFORMED when what
 * came is no structured value. */
OROIPC_API oroipc_status oroipc_structured_root(oroipc_structured *structured, uint32_t *out);

/* Reads a node; `out` is prepared with OROIPC_NODE_INIT. Fails with OROIPC_NOT_FOUND when there is none of this number,
 * and as oroipc_structured_root. */
OROIPC_API oroipc_status oroipc_structured_node(oroipc_structured *structured, uint32_t number, oroipc_node *out);

/* A node and all its parts as a value of messages and results, as oroipc_message_value reads one; buffers and views are
 * bytes. Fails with OROIPC_NOT_FOUND for what is none: dates, maps, sets, errors, ports, cycles, undefined; and as
 * oroipc_structured_root. */
OROIPC_API oroipc_status oroipc_structured_value(
    oroipc_structured *structured, uint32_t number, int32_t as, oroipc_value *out);

/* The whole as it is encoded, for those who decode by themselves: a value of kind OROIPC_ENCODED. Buffers and ports are
 * named in it by number. Fails with OROIPC_STATE, OROIPC_INVALID. */
OROIPC_API oroipc_status oroipc_structured_encoded(oroipc_structured *structured, oroipc_value *out);

/* How many buffers stand beside the encoded value. */
OROIPC_API size_t oroipc_structured_buffer_count(oroipc_structured *structured);

/* One of them. Fails with OROIPC_NOT_FOUND. */
OROIPC_API oroipc_status oroipc_structured_buffer(oroipc_structured *structured, size_t index, oroipc_bytes **out);

/* How many ports came with it. */
OROIPC_API size_t oroipc_structured_port_count(oroipc_structured *structured);

/* One of them, borrowed: retain it to keep it. NULL behind the last. */
OROIPC_API oroipc_port *oroipc_structured_port(oroipc_structured *structured, size_t index);

/* ------------------------------------------------------------------------------------------------------------ ports */

/* What has come to a port. */
enum {
    /* A message. */
    OROIPC_PORT_MESSAGE = 1,
    /* The other end is closed, or gone, and everything before has been taken: oroipc_port_reason says why, where it was
     * not closed by its owner. There is no message. Nothing follows. */
    OROIPC_PORT_CLOSED = 2,
    /* Of a subscription that did not take its messages in time: so many did not come, an integer. */
    OROIPC_PORT_MISSED = 3
};

/* Opens a conversation with the host, which takes it by oroipc_host_accept_ports. `name` has 1 to 255 bytes. What is
 * posted before it is taken does not get lost; when nobody takes it, the port is closed. Its functions are called on
 * the client's thread. Any thread. Fails with OROIPC_INVALID, OROIPC_PEER_GONE. */
OROIPC_API oroipc_status oroipc_client_open_port(oroipc_client *client, const char *name, oroipc_port **out);

/* Opens a conversation with the next client that says the same name, where oroipc_host_options.allows_meetings says so:
 * who comes first waits. As oroipc_client_open_port otherwise. */
OROIPC_API oroipc_status oroipc_client_meet(oroipc_client *client, const char *name, oroipc_port **out);

/* Both ends of a new channel of this process, to be sent to others. Their functions are called on the client's thread,
 * or the host's. Any thread. Fails with OROIPC_INVALID. */
OROIPC_API oroipc_status oroipc_client_create_channel(oroipc_client *client, oroipc_port **port1, oroipc_port **port2);
OROIPC_API oroipc_status oroipc_host_create_channel(oroipc_host *host, oroipc_port **port1, oroipc_port **port2);

/* A client has opened a conversation; its number is that of oroipc_message_client. On the host's thread. `port` is
 * borrowed, and closed after this unless it was retained or listened to. */
typedef void (*oroipc_acceptor)(oroipc_port *port, uint64_t client, void *context);

/* Takes conversations that clients open under `name`, of 1 to 255 bytes; a later call replaces an earlier one,
 * `acceptor` NULL takes none any more. Any thread. Fails with OROIPC_INVALID. */
OROIPC_API oroipc_status oroipc_host_accept_ports(
    oroipc_host *host, const char *name, oroipc_acceptor acceptor, void *context, oroipc_done destroy);

/* What happens to broadcasts that a subscription does not take in time. */
enum {
    /* 256 messages, or 64 MiB, wait; further ones are missed. */
    OROIPC_KEEP_ALL = 0,
    /* One is on its way, and behind it waits the one that was posted last. */
    OROIPC_KEEP_LATEST = 1
};

/* Subscribes to broadcasts of a name: `out` is a port that hears what others post to the name for its origin or for
 * "*", and posts to all of them but itself. `origin` NULL: "oro://localhost". `keeping` is OROIPC_KEEP_…. It carries no
 * ports. Any thread. Fails with OROIPC_INVALID, OROIPC_PEER_GONE; a host that refuses closes the port. */
OROIPC_API oroipc_status oroipc_client_subscribe(
    oroipc_client *client, const char *name, const char *origin, int32_t keeping, oroipc_port **out);

/* The same for the host's own part in a conversation of its clients. */
OROIPC_API oroipc_status oroipc_host_subscribe(
    oroipc_host *host, const char *name, const char *origin, int32_t keeping, oroipc_port **out);

/* Another reference; answers `port`. Any thread. */
OROIPC_API oroipc_port *oroipc_port_retain(oroipc_port *port);

/* Gives a reference back. A port whose last one goes is closed, unless a function is called with what comes to it. A
 * port does not keep its client or host. Any thread. */
OROIPC_API void oroipc_port_release(oroipc_port *port);

/* Ends the conversation: nothing comes here any more, and the other end hears of it behind what was posted before. Any
 * thread; may be called again. */
OROIPC_API oroipc_status oroipc_port_close(oroipc_port *port);

/* 1 when it was closed or given away, or its other end was closed and everything before has been taken; else 0. Any
 * thread. */
OROIPC_API int oroipc_port_is_closed(const oroipc_port *port);

/* The port's name in this process, 64 bits in decimal digits; it travels with the port, and gives nobody access to it.
 * NULL for a subscription. Any thread. */
OROIPC_API const char *oroipc_port_id(oroipc_port *port);

/* Why the other end is closed, when it was not its owner who closed it; NULL before that, and else. Any thread. */
OROIPC_API const char *oroipc_port_reason(oroipc_port *port);

/* Posts a message to the other end, or from a subscription to all others of its origin. Ports in it must be in
 * `transfer`, which may have more: `count` ports that belong to whoever takes the message from now on, and do nothing
 * here any more. A message that came, or was encoded, has its own ports first. Any thread.
 * Fails with OROIPC_BUSY, and nothing is posted, while 1024 messages or 4 MiB wait to be taken at the other end: try
 * again after oroipc_port_on_room has called; OROIPC_INVALID for what cannot be posted or given away: a port that is
 * not in the list, twice in it, closed, or an end of this very channel; OROIPC_CLOSED, OROIPC_PEER_GONE,
 * OROIPC_TOO_LARGE. A message to an end that is just being closed goes nowhere. */
OROIPC_API oroipc_status oroipc_port_post(
    oroipc_port *port, oroipc_structured *message, oroipc_port *const *transfer, size_t count);

/* Posts from a subscription to all others of another origin, or with "*" of all; NULL: of its own. As oroipc_port_post,
 * and OROIPC_STATE for a port that is no subscription. */
OROIPC_API oroipc_status oroipc_port_broadcast(oroipc_port *port, const char *origin, oroipc_structured *message);

/* On the thread of the port's client or host. `port` is borrowed. */
typedef void (*oroipc_port_notice)(oroipc_port *port, void *context);

/* Calls `notice` once, as soon as there is room for a message, or nobody to post to. Any thread. */
OROIPC_API oroipc_status oroipc_port_on_room(oroipc_port *port, oroipc_port_notice notice, void *context);

/* Something has come: `what` is one of OROIPC_PORT_…, `message` is borrowed, or NULL where there is none. On the thread
 * of the port's client or host. */
typedef void (*oroipc_port_receiver)(oroipc_port *port, int32_t what, oroipc_structured *message, void *context);

/* Calls `receiver` with everything that comes, and has come, in order; the other end is let go on as fast as it
 * returns. A later call replaces an earlier one, NULL takes it back: then what comes waits. A port that is listened to
 * lives until it is closed on either side, or given away. Any thread. */
OROIPC_API oroipc_status oroipc_port_listen(
    oroipc_port *port, oroipc_port_receiver receiver, void *context, oroipc_done destroy);

/* Takes what has come next, without waiting. `what` gets one of OROIPC_PORT_…, `out` the message, which is the
 * caller's, or NULL where there is none.
 * Fails with OROIPC_BUSY when nothing has come: the descriptor of the port's client or host becomes readable when
 * something has, and after its turn this is worth another try. OROIPC_CLOSED after the end; OROIPC_STATE for a port
 * with a receiver. Any thread. */
OROIPC_API oroipc_status oroipc_port_take(oroipc_port *port, int32_t *what, oroipc_structured **out);

#ifdef __cplusplus
}
#endif

#endif
