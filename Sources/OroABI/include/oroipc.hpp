/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oroipc.hpp - oroipc.h for C++17: handles that give themselves back, functions instead of pointers, errors as
 * exceptions.
 *
 *     oroipc::Client client = oroipc::Client::connect("demo");
 *     oroipc::Result result = client.call(oroipc::Call("fs.stat").json(R"({"path": "notes.txt"})"));
 *     std::cout << result.json().value_or("nothing") << "\n";
 *
 * Header only; all it knows it knows from oroipc.h, whose rules hold. What ends in View borrows, as a callback does,
 * and must not be kept. Connecting and the like throw oroipc::Error; whatever goes wrong with a command is in its
 * Result. An exception that leaves a handler becomes an error of its result; one that leaves another callback ends the
 * program.
 *
 *     oroipc::Port port = client.open_port("chat");
 *     port.listen([](const oroipc::PortView &, const oroipc::Structured &message) {
 *         std::cout << message.json(message.root()) << "\n";
 *     });
 *     port.post(oroipc::Structured::json(R"({"text": "hello"})"));
 */
#ifndef OROIPC_HPP
#define OROIPC_HPP

#include <atomic>
#include <cstdio>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "oroipc.h"

namespace oroipc {

/// A function of the library has failed.
class Error : public std::runtime_error {
public:
    Error(oroipc_status status, const std::string &what) : std::runtime_error(what), status_(status) {}

    /// OROIPC_….
    oroipc_status status() const noexcept { return status_; }

    /// Throws what a status says, unless it is OROIPC_OK or OROIPC_FAILED.
    static void check(oroipc_status status) {
        if (status < 0) throw Error(status, oroipc_last_error());
    }

private:
    oroipc_status status_;
};

/// Hears what a callback has thrown that has no result to say it in: a listener, an acceptor, a notice of room. On that
/// callback's thread. `what` is its text, or what it is.
using ExceptionHandler = void (*)(const char *callback, const char *what) noexcept;

namespace detail {

inline void print_exception(const char *callback, const char *what) noexcept {
    std::fprintf(stderr, "oroipc: %s has thrown: %s\n", callback, what);
}

inline std::atomic<ExceptionHandler> exception_handler{print_exception};

/// Calls `body`: nothing that it throws gets into the library's thread.
template <typename Body> void shielded(const char *callback, Body &&body) noexcept {
    try {
        body();
    } catch (const std::exception &error) {
        exception_handler.load()(callback, error.what());
    } catch (...) {
        exception_handler.load()(callback, "an exception that is no std::exception");
    }
}

}  // namespace detail

/// Has `handler` hear of what callbacks throw; nullptr: it is printed to the standard error again, as it is at first.
/// Returns the earlier one.
inline ExceptionHandler set_exception_handler(ExceptionHandler handler) noexcept {
    return detail::exception_handler.exchange(handler ? handler : detail::print_exception);
}

namespace detail {

/// A pointer that owns one reference.
template <typename Handle, void (*release)(Handle *)> class Owned {
public:
    explicit Owned(Handle *handle = nullptr) noexcept : handle_(handle) {}
    Owned(Owned &&other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    Owned &operator=(Owned &&other) noexcept {
        if (this != &other) {
            release(handle_);
            handle_ = std::exchange(other.handle_, nullptr);
        }
        return *this;
    }
    Owned(const Owned &) = delete;
    Owned &operator=(const Owned &) = delete;
    ~Owned() { release(handle_); }

    Handle *get() const noexcept { return handle_; }
    Handle **out() noexcept { return &handle_; }
    Handle *take() noexcept { return std::exchange(handle_, nullptr); }

private:
    Handle *handle_;
};

/// A text for C, where it ends at its first zero byte. Throws when it would be cut there.
inline const char *whole(const std::string &text) {
    if (text.find('\0') != std::string::npos) throw Error(OROIPC_INVALID, "a text has a zero character (U+0000) in it");
    return text.c_str();
}

inline std::optional<std::string_view> text(const char *text) {
    return text ? std::optional<std::string_view>(text) : std::nullopt;
}

template <typename Function> void destroy(void *context) { delete static_cast<Function *>(context); }

/// A function on its way to the library, which deletes it by destroy<Function>.
template <typename Function> Function *given(Function &&function) { return new Function(std::move(function)); }

}  // namespace detail

/// A value to be handed in. Refers to the text it was made from.
struct Value : oroipc_value {
    Value() : oroipc_value(oroipc_none()) {}
    Value(const oroipc_value &value) : oroipc_value(value) {}

    static Value null() { return oroipc_null(); }
    static Value boolean(bool boolean) { return oroipc_boolean(boolean); }
    static Value integer(int64_t integer) { return oroipc_integer(integer); }
    static Value number(double number) { return oroipc_number(number); }
    static Value text(std::string_view text) { return oroipc_text_of(text.empty() ? "" : text.data(), text.size()); }
    static Value json(std::string_view json) {
        oroipc_value value = text(json);
        value.kind = OROIPC_JSON;
        return value;
    }
};

/// Bytes that are held.
class Bytes {
public:
    explicit Bytes(oroipc_bytes *bytes = nullptr) noexcept : bytes_(bytes) {}
    static Bytes copy(std::string_view bytes) {
        Bytes copy;
        Error::check(oroipc_bytes_create(bytes.data(), bytes.size(), copy.bytes_.out()));
        return copy;
    }

    std::string_view view() const noexcept {
        return {static_cast<const char *>(oroipc_bytes_data(bytes_.get())), oroipc_bytes_size(bytes_.get())};
    }
    oroipc_bytes *get() const noexcept { return bytes_.get(); }

private:
    detail::Owned<oroipc_bytes, oroipc_bytes_release> bytes_;
};

/// A block of shared memory to be filled.
class Loan {
public:
    explicit Loan(oroipc_loan *loan) noexcept : loan_(loan) {}

    void *data() noexcept { return oroipc_loan_data(loan_.get()); }
    size_t size() const noexcept { return oroipc_loan_size(loan_.get()); }

    /// Its first `size` bytes, filled.
    Bytes finish(size_t size) {
        oroipc_bytes *bytes;
        Error::check(oroipc_loan_finish(loan_.get(), size, &bytes));
        return Bytes(bytes);
    }
    Bytes finish() { return finish(size()); }

private:
    detail::Owned<oroipc_loan, oroipc_loan_release> loan_;
};

/// A header that came. Refers to the message or result it was read from.
struct Header {
    std::string_view name;
    std::string_view value;
};

namespace detail {

/// All headers that `at` answers, in order.
template <typename Handle, oroipc_status (*at)(const Handle *, size_t, const char **, const char **)>
std::vector<Header> headers(const Handle *handle, size_t count) {
    std::vector<Header> all;
    all.reserve(count);
    const char *name, *value;
    for (size_t index = 0; index < count && at(handle, index, &name, &value) == OROIPC_OK; index++)
        all.push_back({name, value});
    return all;
}

}  // namespace detail

/// The body of a request in chunks: made, named in one Call, and filled as fast as the handler reads it.
class Body {
public:
    Body() { Error::check(oroipc_body_create(body_.out())); }

    /// False: the host takes no more now; see on_room().
    bool send(std::string_view bytes) { return taken(oroipc_body_send(body_.get(), bytes.data(), bytes.size())); }
    /// The same without a copy where the bytes lie in shared memory.
    bool send(const Bytes &bytes) { return taken(oroipc_body_send_payload(body_.get(), bytes.get())); }
    /// False: it had ended already.
    bool end() { return oroipc_body_end(body_.get(), nullptr, nullptr) == OROIPC_OK; }
    bool fail(const std::string &name, const std::string &message) {
        return oroipc_body_end(body_.get(), detail::whole(name), detail::whole(message)) == OROIPC_OK;
    }
    /// Calls `then` once on the client's thread, when more would be taken, or nothing more is to be sent. Not before
    /// the call. A client that is released first does not call it.
    void on_room(std::function<void()> then) {
        using Function = std::function<void()>;
        auto function = std::make_unique<Function>(std::move(then));
        Error::check(oroipc_body_on_room(
            body_.get(),
            [](oroipc_body *, void *context) noexcept {
                std::unique_ptr<Function> function(static_cast<Function *>(context));
                detail::shielded("a notice of room in a body", [&] { (*function)(); });
            },
            function.get()));
        function.release();
    }
    oroipc_body *get() const noexcept { return body_.get(); }

private:
    static bool taken(oroipc_status status) {
        if (status == OROIPC_BUSY) return false;
        Error::check(status);
        return true;
    }

    detail::Owned<oroipc_body, oroipc_body_release> body_;
};

/// Who a client is, for as long as the callback runs or the message lives that it was read from.
class PeerView {
public:
    explicit PeerView(const oroipc_peer &peer) noexcept : peer_(peer) {}

    /// 0 when it cannot be seen from here.
    int32_t process() const noexcept { return peer_.process; }
    uint32_t user() const noexcept { return peer_.user; }
    uint32_t group() const noexcept { return peer_.group; }
    /// What the host calls it: see Host::make_peer().
    std::optional<std::string_view> label() const { return detail::text(peer_.label); }

private:
    oroipc_peer peer_;
};

/// A message, for as long as its callback runs.
class MessageView {
public:
    explicit MessageView(oroipc_message *message) noexcept : message_(message) {}

    std::string_view name() const { return detail::text(oroipc_message_name(message_)).value_or(""); }
    std::optional<std::string_view> seq() const { return detail::text(oroipc_message_seq(message_)); }
    std::optional<std::string_view> get(const char *key) const {
        return detail::text(oroipc_message_get(message_, key));
    }
    std::optional<std::string_view> json() const { return detail::text(oroipc_message_json(message_)); }
    std::string_view bytes() const {
        return {static_cast<const char *>(oroipc_message_bytes(message_)), oroipc_message_bytes_size(message_)};
    }
    /// The value or one of its members, as `as` says; of kind OROIPC_NONE when there is none.
    oroipc_value value(const char *key = nullptr, int32_t as = OROIPC_NATIVE) const {
        oroipc_value value = oroipc_none();
        (void)oroipc_message_value(message_, key, as, &value);
        return value;
    }
    /// Several values of one name joined with ", "; nothing when there is none.
    std::optional<std::string_view> header(const char *name) const {
        return detail::text(oroipc_message_header(message_, name));
    }
    /// Sorted by name.
    std::vector<Header> headers() const {
        return detail::headers<oroipc_message, oroipc_message_header_at>(
            message_, oroipc_message_header_count(message_));
    }
    /// Who sent it; nothing in a client, and for what the host itself invoked.
    std::optional<PeerView> peer() const {
        oroipc_peer peer = OROIPC_PEER_INIT;
        if (oroipc_message_peer(message_, &peer) != OROIPC_OK) return std::nullopt;
        return PeerView(peer);
    }
    Loan loan(size_t size) const {
        oroipc_loan *loan;
        Error::check(oroipc_message_loan(message_, size, &loan));
        return Loan(loan);
    }
    /// Calls `then` on the host's thread with each chunk of the body that follows, and once at the end with nothing in
    /// both, or with the error's message. False: no body follows.
    bool read_body(
        std::function<void(std::optional<std::string_view> chunk, std::optional<std::string_view> error)> then) const {
        using Function = std::function<void(std::optional<std::string_view>, std::optional<std::string_view>)>;
        struct Reading {
            Function function;
            detail::Owned<oroipc_message, oroipc_message_release> message;
        };
        // The message is kept until the end, as the library wants it.
        auto reading = std::make_unique<Reading>(Reading{
            std::move(then), detail::Owned<oroipc_message, oroipc_message_release>(oroipc_message_retain(message_))});
        oroipc_status status = oroipc_message_read_body(
            message_,
            [](oroipc_message *chunk, oroipc_result *end, void *context) noexcept {
                auto *reading = static_cast<Reading *>(context);
                std::unique_ptr<Reading> last(chunk ? nullptr : reading);
                detail::shielded("the reader of a body", [&] {
                    if (chunk)
                        reading->function(MessageView(chunk).bytes(), std::nullopt);
                    else
                        reading->function(std::nullopt, detail::text(oroipc_result_error_message(end)));
                });
            },
            reading.get());
        if (status == OROIPC_NOT_FOUND) return false;
        Error::check(status);
        reading.release();
        return true;
    }
    oroipc_message *get() const noexcept { return message_; }

private:
    oroipc_message *message_;
};

/// A result that somebody else holds.
class ResultView {
public:
    explicit ResultView(oroipc_result *result) noexcept : result_(result) {}

    bool is_ok() const { return oroipc_result_is_ok(result_) != 0; }
    std::optional<std::string_view> json() const { return detail::text(oroipc_result_json(result_)); }
    std::optional<std::string_view> error_name() const { return detail::text(oroipc_result_error_name(result_)); }
    std::optional<std::string_view> error_message() const { return detail::text(oroipc_result_error_message(result_)); }
    std::optional<std::string_view> error_code() const { return detail::text(oroipc_result_error_code(result_)); }
    /// How far a call came that has no answer: OROIPC_DELIVERY_….
    int32_t delivery() const { return oroipc_result_delivery(result_); }
    std::string_view bytes() const {
        return {static_cast<const char *>(oroipc_result_bytes(result_)), oroipc_result_bytes_size(result_)};
    }
    /// Several values of one name joined with ", "; nothing when there is none.
    std::optional<std::string_view> header(const char *name) const {
        return detail::text(oroipc_result_header(result_, name));
    }
    /// Sorted by name.
    std::vector<Header> headers() const {
        return detail::headers<oroipc_result, oroipc_result_header_at>(result_, oroipc_result_header_count(result_));
    }
    oroipc_value data(const char *key = nullptr, int32_t as = OROIPC_NATIVE) const {
        oroipc_value value = oroipc_none();
        (void)oroipc_result_data(result_, key, as, &value);
        return value;
    }

    /// The whole as one value in JSON, with "source", "token", "id" and "err" or "data".
    std::string_view envelope(const char *source = nullptr, const char *token = nullptr) const {
        oroipc_value value = oroipc_none();
        Error::check(oroipc_result_envelope(result_, source, token, OROIPC_JSON, &value));
        return {static_cast<const char *>(value.data), value.size};
    }

    void set_data(const Value &value) { Error::check(oroipc_result_set_data(result_, &value)); }
    void set_error(const std::string &name, const std::string &message) {
        Error::check(oroipc_result_set_error(result_, detail::whole(name), detail::whole(message), nullptr));
    }
    void set_bytes(std::string_view bytes) {
        Error::check(oroipc_result_set_bytes(result_, bytes.data(), bytes.size()));
    }
    void set_payload(const Bytes &bytes) { Error::check(oroipc_result_set_payload(result_, bytes.get())); }
    /// In place of an earlier one of this name; a further "set-cookie" is added.
    void set_header(const std::string &name, const std::string &value) {
        Error::check(oroipc_result_set_header(result_, detail::whole(name), detail::whole(value)));
    }
    oroipc_result *get() const noexcept { return result_; }

private:
    oroipc_result *result_;
};

/// A result of one's own.
class Result : public ResultView {
public:
    explicit Result(oroipc_result *result = nullptr) noexcept : ResultView(result), owned_(result) {}

private:
    detail::Owned<oroipc_result, oroipc_result_release> owned_;
};

/// What a handler answers later, from any thread. Dropped without send(), the client gets an InternalError.
class Answer {
public:
    explicit Answer(oroipc_result *result) noexcept : result_(result) {}

    ResultView result() const noexcept { return ResultView(result_.get()); }
    bool is_cancelled() const { return oroipc_result_is_cancelled(result_.get()) != 0; }
    /// Sends it. False: nobody waits any more.
    bool send() {
        oroipc_status status = oroipc_result_send(result_.get());
        if (status != OROIPC_STATE) result_.take();
        return status == OROIPC_OK;
    }
    /// Sends an event of a stream. False: not now.
    bool send_event(const std::string &name, const Value &value) {
        oroipc_status status = oroipc_result_send_event(result_.get(), detail::whole(name), &value, nullptr);
        if (status == OROIPC_BUSY) return false;
        Error::check(status);
        return true;
    }

private:
    detail::Owned<oroipc_result, oroipc_result_release> result_;
};

/// What a client is to send. Refers to the texts and bytes that it is given.
class Call {
public:
    explicit Call(const char *command) noexcept { call_.command = command; }
    /// The command and its parameters as a URI: "ipc://fs.stat?path=x".
    static Call uri(const char *uri) noexcept {
        Call call(nullptr);
        call.call_.uri = uri;
        return call;
    }

    Call &value(const Value &value) { return call_.value = value, *this; }
    Call &json(std::string_view json) { return value(Value::json(json)); }
    Call &bytes(std::string_view bytes) {
        call_.bytes = bytes.data();
        call_.bytes_size = bytes.size();
        return *this;
    }
    Call &payload(const Bytes &bytes) { return call_.payload = bytes.get(), *this; }
    Call &timeout(uint32_t milliseconds) { return call_.timeout_ms = milliseconds, *this; }
    /// The handler may run more than once without harm.
    Call &idempotent() { return call_.idempotent = 1, *this; }
    Call &header(const char *name, const char *value) { return headers_.push_back({name, value}), *this; }
    /// For asynchronous calls.
    Call &body(const Body &body) { return call_.body = body.get(), *this; }
    const oroipc_call *get() const noexcept {
        call_.headers = headers_.data();
        call_.headers_count = headers_.size();
        return &call_;
    }

private:
    mutable oroipc_call call_ = OROIPC_CALL(nullptr);
    std::vector<oroipc_header> headers_;
};

class Port;

/// What a port carries: nodes with numbers, of which the last one, unless root() was set, is the whole. One thread at a
/// time.
class Structured {
public:
    /// Empty, to be built.
    Structured() { Error::check(oroipc_structured_create(structured_.out())); }
    explicit Structured(oroipc_structured *structured) noexcept : structured_(structured) {}
    /// Whatever JSON says at once.
    static Structured json(std::string_view json) {
        Structured made;
        made.add(Value::json(json));
        return made;
    }

    /// Adds a node, or all that a value says; answers its number.
    uint32_t add(const oroipc_node &node) {
        uint32_t number;
        Error::check(oroipc_structured_add(structured_.get(), &node, &number));
        return number;
    }
    uint32_t add(const Value &value) {
        uint32_t number;
        Error::check(oroipc_structured_add_value(structured_.get(), &value, &number));
        return number;
    }
    /// An ArrayBuffer.
    uint32_t add(const Bytes &bytes) { return add(oroipc_node_buffer(bytes.get())); }
    /// An object with these members.
    uint32_t add(const std::vector<std::pair<const char *, uint32_t>> &members) {
        std::vector<const char *> names;
        std::vector<uint32_t> parts;
        for (const auto &[name, part] : members) {
            names.push_back(name);
            parts.push_back(part);
        }
        return add(oroipc_node_object(names.data(), parts.data(), parts.size()));
    }
    /// Puts a node in the place of another, for cycles.
    void set(uint32_t number, const oroipc_node &node) {
        Error::check(oroipc_structured_set(structured_.get(), number, &node));
    }
    void set_root(uint32_t number) { Error::check(oroipc_structured_set_root(structured_.get(), number)); }

    uint32_t root() const {
        uint32_t number;
        Error::check(oroipc_structured_root(structured_.get(), &number));
        return number;
    }
    /// What it refers to lives as long as this, or until it is changed.
    oroipc_node node(uint32_t number) const {
        oroipc_node node = OROIPC_NODE_INIT;
        Error::check(oroipc_structured_node(structured_.get(), number, &node));
        return node;
    }
    /// The member of an object, by name.
    std::optional<uint32_t> member(uint32_t number, std::string_view name) const {
        oroipc_node object = node(number);
        for (size_t index = 0; object.kind == OROIPC_NODE_OBJECT && index < object.count; index++)
            if (std::string_view(object.names[index], object.name_sizes[index]) == name) return object.parts[index];
        return std::nullopt;
    }
    /// A node with its parts as a value of messages and results, and as JSON. Throws for what JSON has no form for:
    /// dates, maps, cycles.
    oroipc_value value(uint32_t number, int32_t as = OROIPC_NATIVE) const {
        oroipc_value value = oroipc_none();
        Error::check(oroipc_structured_value(structured_.get(), number, as, &value));
        return value;
    }
    std::string_view json(uint32_t number) const {
        oroipc_value json = value(number, OROIPC_JSON);
        return {static_cast<const char *>(json.data), json.size};
    }
    /// The ports that came with it, each to be taken once.
    size_t port_count() const noexcept { return oroipc_structured_port_count(structured_.get()); }
    Port port(size_t index) const;
    oroipc_structured *get() const noexcept { return structured_.get(); }

private:
    detail::Owned<oroipc_structured, oroipc_structured_release> structured_;
};

/// A port that somebody else holds.
class PortView {
public:
    explicit PortView(oroipc_port *port) noexcept : port_(port) {}

    /// Posts a message, and gives away the ports in `transfer`. False: there is no room now; see on_room().
    bool post(const Structured &message, std::initializer_list<PortView> transfer = {}) {
        std::vector<oroipc_port *> ports;
        for (const PortView &port : transfer) ports.push_back(port.get());
        return taken(oroipc_port_post(port_, message.get(), ports.data(), ports.size()));
    }
    /// From a subscription to all others of another origin; nullptr: of its own.
    bool broadcast(const Structured &message, const char *origin = nullptr) {
        return taken(oroipc_port_broadcast(port_, origin, message.get()));
    }
    /// Calls `message` on the thread of the port's client or host with everything that comes, and `closed` at the end.
    void listen(
        std::function<void(PortView, const Structured &)> message, std::function<void(PortView)> closed = nullptr) {
        struct Listening {
            std::function<void(PortView, const Structured &)> message;
            std::function<void(PortView)> closed;
        };
        Error::check(oroipc_port_listen(
            port_,
            [](oroipc_port *port, int32_t what, oroipc_structured *message, void *context) noexcept {
                auto *listening = static_cast<Listening *>(context);
                detail::shielded("a port's listener", [&] {
                    if (what == OROIPC_PORT_CLOSED && listening->closed) listening->closed(PortView(port));
                    if (what == OROIPC_PORT_MESSAGE)
                        listening->message(PortView(port), Structured(oroipc_structured_retain(message)));
                });
            },
            detail::given(Listening{std::move(message), std::move(closed)}), detail::destroy<Listening>));
    }
    /// What has come next; nothing when nothing has, or the conversation is over: see is_closed().
    std::optional<Structured> take() {
        int32_t what;
        oroipc_structured *message;
        for (;;) {
            oroipc_status status = oroipc_port_take(port_, &what, &message);
            if (status == OROIPC_BUSY || status == OROIPC_CLOSED) return std::nullopt;
            Error::check(status);
            Structured taken(message);
            if (what == OROIPC_PORT_MESSAGE) return taken;
            if (what == OROIPC_PORT_CLOSED) return std::nullopt;
        }
    }
    void close() { Error::check(oroipc_port_close(port_)); }
    bool is_closed() const noexcept { return oroipc_port_is_closed(port_) != 0; }
    std::optional<std::string_view> id() const { return detail::text(oroipc_port_id(port_)); }
    /// Why the other end is closed, when it was not its owner who closed it.
    std::optional<std::string_view> reason() const { return detail::text(oroipc_port_reason(port_)); }
    /// Calls `then` once, on the thread of the port's client or host, when there is room, or nobody to post to. A
    /// client or host that is released first does not call it.
    void on_room(std::function<void(PortView)> then) {
        using Function = std::function<void(PortView)>;
        auto function = std::make_unique<Function>(std::move(then));
        Error::check(oroipc_port_on_room(
            port_,
            [](oroipc_port *port, void *context) noexcept {
                std::unique_ptr<Function> function(static_cast<Function *>(context));
                detail::shielded("a notice of room at a port", [&] { (*function)(PortView(port)); });
            },
            function.get()));
        function.release();
    }
    oroipc_port *get() const noexcept { return port_; }

private:
    static bool taken(oroipc_status status) {
        if (status == OROIPC_BUSY) return false;
        Error::check(status);
        return true;
    }

    oroipc_port *port_;
};

/// A port of one's own. It is closed with this, unless something listens to it.
class Port : public PortView {
public:
    explicit Port(oroipc_port *port = nullptr) noexcept : PortView(port), owned_(port) {}
    /// Keeps a port that a callback has borrowed.
    static Port keep(PortView port) { return Port(oroipc_port_retain(port.get())); }

private:
    detail::Owned<oroipc_port, oroipc_port_release> owned_;
};

inline Port Structured::port(size_t index) const {
    return Port(oroipc_port_retain(oroipc_structured_port(structured_.get(), index)));
}

/// A client.
class Client {
public:
    explicit Client(oroipc_client *client) noexcept : client_(client) {}

    static Client connect(const std::string &name, const oroipc_client_options *options = nullptr) {
        oroipc_client *client;
        Error::check(oroipc_client_connect(detail::whole(name), options, &client));
        return Client(client);
    }
    /// Over a descriptor that oroipc_host_make_peer made, which is taken over.
    static Client adopt(int descriptor, const oroipc_client_options *options = nullptr) {
        oroipc_client *client;
        Error::check(oroipc_client_adopt(descriptor, options, &client));
        return Client(client);
    }

    /// Blocks the thread until the result is there.
    Result call(const Call &call) {
        oroipc_result *result = nullptr;
        Error::check(oroipc_client_call(client_.get(), call.get(), &result));
        return Result(result);
    }
    /// Calls `then` with the result on the client's thread. Answers the ticket for abort().
    uint64_t call_async(const Call &call, std::function<void(const ResultView &)> then) {
        using Function = std::function<void(const ResultView &)>;
        auto function = std::make_unique<Function>(std::move(then));
        uint64_t ticket;
        Error::check(oroipc_client_call_async(
            client_.get(), call.get(),
            [](oroipc_result *result, void *context) noexcept {
                std::unique_ptr<Function> function(static_cast<Function *>(context));
                detail::shielded("the function of a call", [&] { (*function)(ResultView(result)); });
            },
            function.get(), &ticket));
        function.release();
        return ticket;
    }
    /// False when it is over already.
    bool abort(uint64_t ticket) { return oroipc_client_abort(client_.get(), ticket, nullptr) == OROIPC_OK; }
    void post(const Call &call) { Error::check(oroipc_client_post(client_.get(), call.get())); }
    /// Calls `then` on the client's thread with each event of this name, or with "*" with all.
    uint64_t listen(const std::string &name, std::function<void(const MessageView &)> then) {
        using Function = std::function<void(const MessageView &)>;
        uint64_t token;
        Error::check(oroipc_client_listen(
            client_.get(), detail::whole(name),
            [](oroipc_message *message, void *context) noexcept {
                detail::shielded("a listener", [&] { (*static_cast<Function *>(context))(MessageView(message)); });
            },
            detail::given(std::move(then)), detail::destroy<Function>, &token));
        return token;
    }
    void unlisten(uint64_t token) { Error::check(oroipc_client_unlisten(client_.get(), token)); }

    /// Calls `then` on the client's thread with the state now, OROIPC_CLIENT_…, and with each that comes, and with the
    /// reason, which is "" while the client is connected. In place of an earlier one.
    void on_state(std::function<void(int32_t, const char *)> then) {
        using Function = std::function<void(int32_t, const char *)>;
        Error::check(oroipc_client_on_state(
            client_.get(),
            [](oroipc_client *, int32_t state, const char *reason, void *context) noexcept {
                detail::shielded(
                    "the function of a state", [&] { (*static_cast<Function *>(context))(state, reason); });
            },
            detail::given(std::move(then)), detail::destroy<Function>));
    }

    /// A conversation with the host, which takes it by Host::accept_ports().
    Port open_port(const std::string &name) { return made(oroipc_client_open_port, detail::whole(name)); }
    /// With the next client that says the same name.
    Port meet(const std::string &name) { return made(oroipc_client_meet, detail::whole(name)); }
    /// Both ends of a new channel, to be given to others.
    std::pair<Port, Port> create_channel() {
        oroipc_port *first, *second;
        Error::check(oroipc_client_create_channel(client_.get(), &first, &second));
        return {Port(first), Port(second)};
    }
    /// Hears broadcasts of a name, and posts them. `origin` nullptr: "oro://localhost".
    Port subscribe(const std::string &name, const char *origin = nullptr, int32_t keeping = OROIPC_KEEP_ALL) {
        oroipc_port *port;
        Error::check(oroipc_client_subscribe(client_.get(), detail::whole(name), origin, keeping, &port));
        return Port(port);
    }
    Loan loan(size_t size, uint32_t wait_milliseconds = OROIPC_TIMEOUT) {
        oroipc_loan *loan;
        Error::check(oroipc_client_loan(client_.get(), size, wait_milliseconds, &loan));
        return Loan(loan);
    }

    int descriptor() const { return oroipc_client_descriptor(client_.get()); }
    /// Answers how long to poll at most, as poll() takes it.
    int turn() {
        int timeout;
        Error::check(oroipc_client_turn(client_.get(), &timeout));
        return timeout;
    }
    /// The same for a loop that has nothing else to do: looks for what comes for at most so many microseconds. After a
    /// 0 call it again.
    int linger(uint32_t most_microseconds) {
        int timeout;
        Error::check(oroipc_client_linger(client_.get(), most_microseconds, &timeout));
        return timeout;
    }
    void close() { Error::check(oroipc_client_close(client_.get())); }
    oroipc_client *get() const noexcept { return client_.get(); }

private:
    Port made(oroipc_status (*make)(oroipc_client *, const char *, oroipc_port **), const char *name) {
        oroipc_port *port;
        Error::check(make(client_.get(), name, &port));
        return Port(port);
    }

    detail::Owned<oroipc_client, oroipc_client_release> client_;
};

/// A host.
/// What a host is told about its clients, and which of the routes of every host it does not have; the rest of
/// oroipc_host_options is in get(). Functions are called on the host's thread, and must not outlive what they refer to.
class HostOptions {
public:
    /// May this process connect? It takes the place of the rule that only processes of the same user may. One that
    /// throws refuses, and set_exception_handler() hears of it.
    HostOptions &policy(std::function<bool(const PeerView &)> may) {
        functions_->policy = std::move(may);
        options_.policy = [](const oroipc_peer *peer, void *context) noexcept -> int {
            bool is_allowed = false;
            detail::shielded("a policy", [&] { is_allowed = functions(context).policy(PeerView(*peer)); });
            return is_allowed;
        };
        options_.policy_context = functions_.get();
        return *this;
    }
    /// Hears of each client that connects, before anything that it sends.
    HostOptions &on_connect(std::function<void(uint64_t client, const PeerView &)> then) {
        functions_->connected = std::move(then);
        options_.connected = [](uint64_t client, const oroipc_peer *peer, void *context) noexcept {
            detail::shielded("a notice of a client", [&] { functions(context).connected(client, PeerView(*peer)); });
        };
        options_.clients_context = functions_.get();
        return *this;
    }
    /// Hears of each that is gone, and why: OROIPC_PEER_GONE, OROIPC_CLOSED, … in words.
    HostOptions &on_disconnect(
        std::function<void(uint64_t client, const PeerView &, oroipc_status why, std::string_view reason)> then) {
        functions_->disconnected = std::move(then);
        options_.disconnected = [](uint64_t client, const oroipc_peer *peer, oroipc_status why, const char *reason,
                                    void *context) noexcept {
            detail::shielded("a notice of a client's end",
                [&] { functions(context).disconnected(client, PeerView(*peer), why, reason); });
        };
        options_.clients_context = functions_.get();
        return *this;
    }
    /// Names, or patterns such as "diagnostics.*", with commas between them; "*": all.
    HostOptions &without_routes(const std::string &names) {
        detail::whole(names);
        functions_->without_routes = names;
        options_.without_routes = functions_->without_routes.c_str();
        return *this;
    }
    oroipc_host_options &get() noexcept { return options_; }
    const oroipc_host_options &get() const noexcept { return options_; }

private:
    friend class Host;
    struct Functions {
        std::function<bool(const PeerView &)> policy;
        std::function<void(uint64_t, const PeerView &)> connected;
        std::function<void(uint64_t, const PeerView &, oroipc_status, std::string_view)> disconnected;
        std::string without_routes;
    };
    static Functions &functions(void *context) noexcept { return *static_cast<Functions *>(context); }

    oroipc_host_options options_ = OROIPC_HOST_OPTIONS_INIT;
    std::shared_ptr<Functions> functions_ = std::make_shared<Functions>();
};

class Host {
public:
    /// Without a name.
    Host() { Error::check(oroipc_host_create(nullptr, nullptr, host_.out())); }
    explicit Host(const HostOptions &options) : functions_(options.functions_) {
        Error::check(oroipc_host_create(nullptr, &options.get(), host_.out()));
    }
    Host(const std::string &name, const HostOptions &options) : functions_(options.functions_) {
        Error::check(oroipc_host_create(detail::whole(name), &options.get(), host_.out()));
    }
    explicit Host(const std::string &name, const oroipc_host_options *options = nullptr) {
        Error::check(oroipc_host_create(detail::whole(name), options, host_.out()));
    }

    /// Answers a command at once: `handler` is called with (const MessageView &, ResultView) on the host's thread.
    template <typename Handler> void map(const std::string &name, Handler handler) {
        map(
            name, OROIPC_ROUTE_SYNC, new Handler(std::move(handler)),
            [](oroipc_message *message, oroipc_result *result, void *context) noexcept {
                try {
                    (*static_cast<Handler *>(context))(MessageView(message), ResultView(result));
                } catch (...) {
                    describe(result);
                }
            },
            detail::destroy<Handler>);
    }
    /// Answers a command later: `handler` is called with (const MessageView &, Answer) on the host's thread.
    template <typename Handler> void map_later(const std::string &name, Handler handler) {
        answer<Handler>(name, OROIPC_ROUTE_LATER, std::move(handler));
    }
    /// The same with a stream: Answer::send_event() until Answer::send() ends it.
    template <typename Handler> void map_stream(const std::string &name, Handler handler) {
        answer<Handler>(name, OROIPC_ROUTE_STREAM, std::move(handler));
    }
    void unmap(const std::string &name) { Error::check(oroipc_host_unmap(host_.get(), detail::whole(name))); }

    /// Has `gate` decide about each request for a route that `routes` names: a name, "fs.*", or "*" for all. It is
    /// called with (const PeerView &, std::string_view name) on the host's thread, for routes that stream on any, and
    /// says whether this process may call it. One that throws refuses, and set_exception_handler() hears of it.
    template <typename Gate> void guard(const std::string &routes, Gate gate) {
        Error::check(oroipc_host_guard(
            host_.get(), detail::whole(routes),
            [](const oroipc_peer *peer, const char *name, void *context) noexcept -> int {
                bool is_allowed = false;
                detail::shielded("a gate",
                    [&] { is_allowed = (*static_cast<Gate *>(context))(PeerView(*peer), std::string_view(name)); });
                return is_allowed;
            },
            detail::given(std::move(gate)), detail::destroy<Gate>));
    }
    /// Ends the link of a client, which is told `reason`.
    void disconnect(uint64_t client, const std::string &reason = "") {
        Error::check(oroipc_host_disconnect(host_.get(), client, detail::whole(reason)));
    }
    /// Fixes the origin with which a client takes part in broadcasts; nothing: it is again what the client says.
    void fix_origin(uint64_t client, const std::optional<std::string> &origin) {
        Error::check(oroipc_host_fix_origin(host_.get(), client, origin ? detail::whole(*origin) : nullptr));
    }

    /// Takes conversations that clients open under `name`: `then` is called with (PortView, uint64_t client) on the
    /// host's thread. A port that is neither kept nor listened to is closed after it.
    template <typename Acceptor> void accept_ports(const std::string &name, Acceptor then) {
        Error::check(oroipc_host_accept_ports(
            host_.get(), detail::whole(name),
            [](oroipc_port *port, uint64_t client, void *context) noexcept {
                detail::shielded(
                    "an acceptor of ports", [&] { (*static_cast<Acceptor *>(context))(PortView(port), client); });
            },
            detail::given(std::move(then)), detail::destroy<Acceptor>));
    }
    /// The host's own part in broadcasts.
    Port subscribe(const std::string &name, const char *origin = nullptr, int32_t keeping = OROIPC_KEEP_ALL) {
        oroipc_port *port;
        Error::check(oroipc_host_subscribe(host_.get(), detail::whole(name), origin, keeping, &port));
        return Port(port);
    }
    std::pair<Port, Port> create_channel() {
        oroipc_port *first, *second;
        Error::check(oroipc_host_create_channel(host_.get(), &first, &second));
        return {Port(first), Port(second)};
    }
    /// Sends an event to all clients that listen.
    void emit(const std::string &name, const Value &value) {
        Error::check(oroipc_host_emit(host_.get(), 0, detail::whole(name), &value, nullptr));
    }

    void start() { Error::check(oroipc_host_start(host_.get())); }
    void run() { Error::check(oroipc_host_run(host_.get())); }
    void stop() { Error::check(oroipc_host_stop(host_.get())); }
    int descriptor() const { return oroipc_host_descriptor(host_.get()); }
    int turn() {
        int timeout;
        Error::check(oroipc_host_turn(host_.get(), &timeout));
        return timeout;
    }
    /// As Client::linger().
    int linger(uint32_t most_microseconds) {
        int timeout;
        Error::check(oroipc_host_linger(host_.get(), most_microseconds, &timeout));
        return timeout;
    }
    /// One end of a new connection, for a child process.
    int make_peer() {
        int descriptor;
        Error::check(oroipc_host_make_peer(host_.get(), &descriptor));
        return descriptor;
    }
    /// The same with a label, by which policies, gates and handlers know it.
    int make_peer(const std::string &label) {
        int descriptor;
        Error::check(oroipc_host_make_labelled_peer(host_.get(), detail::whole(label), &descriptor));
        return descriptor;
    }
    /// A client in the same process.
    Client connect(const oroipc_client_options *options = nullptr) {
        oroipc_client *client;
        Error::check(oroipc_host_connect(host_.get(), options, &client));
        return Client(client);
    }
    oroipc_host *get() const noexcept { return host_.get(); }

private:
    template <typename Handler> void answer(const std::string &name, int32_t kind, Handler handler) {
        map(
            name, kind, new Handler(std::move(handler)),
            [](oroipc_message *message, oroipc_result *result, void *context) noexcept {
                // One more reference: the handler may have sent the result before it throws.
                detail::Owned<oroipc_result, oroipc_result_release> kept(oroipc_result_retain(result));
                try {
                    (*static_cast<Handler *>(context))(MessageView(message), Answer(result));
                } catch (...) {
                    describe(kept.get());
                    if (oroipc_result_send(kept.get()) == OROIPC_OK) kept.take();
                }
            },
            detail::destroy<Handler>);
    }
    void map(const std::string &name, int32_t kind, void *context, oroipc_handler handler, oroipc_done destroy) {
        Error::check(oroipc_host_map(host_.get(), detail::whole(name), kind, handler, context, destroy));
    }
    /// The exception that is being handled, as an error of the result.
    static void describe(oroipc_result *result) noexcept {
        try {
            throw;
        } catch (const std::exception &error) {
            (void)oroipc_result_set_error(result, nullptr, error.what(), nullptr);
        } catch (...) {
            (void)oroipc_result_set_error(result, nullptr, "an exception that is no std::exception", nullptr);
        }
    }

    /// What its options call, until it is gone.
    std::shared_ptr<HostOptions::Functions> functions_;
    detail::Owned<oroipc_host, oroipc_host_release> host_;
};

}  // namespace oroipc

#endif
