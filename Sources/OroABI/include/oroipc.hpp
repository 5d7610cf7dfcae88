/*
 * oroipc.hpp - oroipc.h for C++17: handles that give themselves back, functions instead of pointers, errors as exceptions.
 *
 *     oroipc::Client client = oroipc::Client::connect("demo");
 *     oroipc::Result result = client.call(oroipc::Call("fs.stat").json(R"({"path": "notes.txt"})"));
 *     std::cout << result.json().value_or("nothing") << "\n";
 *
 * Header only; all it knows it knows from oroipc.h, whose rules hold. What ends in View borrows, as a callback does, and must
 * not be kept. Connecting and the like throw oroipc::Error; whatever goes wrong with a command is in its Result. An
 * exception that leaves a handler becomes an error of its result; one that leaves a completion ends the program.
 */
#ifndef OROIPC_HPP
#define OROIPC_HPP

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

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

inline std::optional<std::string_view> text(const char *text) {
    return text ? std::optional<std::string_view>(text) : std::nullopt;
}

template <typename Function> void destroy(void *context) { delete static_cast<Function *>(context); }

} // namespace detail

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

/// A message, for as long as its callback runs.
class MessageView {
public:
    explicit MessageView(oroipc_message *message) noexcept : message_(message) {}

    std::string_view name() const { return detail::text(oroipc_message_name(message_)).value_or(""); }
    std::optional<std::string_view> seq() const { return detail::text(oroipc_message_seq(message_)); }
    std::optional<std::string_view> get(const char *key) const { return detail::text(oroipc_message_get(message_, key)); }
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
    Loan loan(size_t size) const {
        oroipc_loan *loan;
        Error::check(oroipc_message_loan(message_, size, &loan));
        return Loan(loan);
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
    std::string_view bytes() const {
        return {static_cast<const char *>(oroipc_result_bytes(result_)), oroipc_result_bytes_size(result_)};
    }
    oroipc_value data(const char *key = nullptr, int32_t as = OROIPC_NATIVE) const {
        oroipc_value value = oroipc_none();
        (void)oroipc_result_data(result_, key, as, &value);
        return value;
    }

    void set_data(const Value &value) { Error::check(oroipc_result_set_data(result_, &value)); }
    void set_error(const std::string &name, const std::string &message) {
        Error::check(oroipc_result_set_error(result_, name.c_str(), message.c_str(), nullptr));
    }
    void set_bytes(std::string_view bytes) {
        Error::check(oroipc_result_set_bytes(result_, bytes.data(), bytes.size()));
    }
    void set_payload(const Bytes &bytes) { Error::check(oroipc_result_set_payload(result_, bytes.get())); }
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
        oroipc_status status = oroipc_result_send_event(result_.get(), name.c_str(), &value, nullptr);
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

    Call &value(const Value &value) { return call_.value = value, *this; }
    Call &json(std::string_view json) { return value(Value::json(json)); }
    Call &bytes(std::string_view bytes) {
        call_.bytes = bytes.data();
        call_.bytes_size = bytes.size();
        return *this;
    }
    Call &payload(const Bytes &bytes) { return call_.payload = bytes.get(), *this; }
    Call &timeout(uint32_t milliseconds) { return call_.timeout_ms = milliseconds, *this; }
    const oroipc_call *get() const noexcept { return &call_; }

private:
    oroipc_call call_ = OROIPC_CALL(nullptr);
};

/// A client.
class Client {
public:
    explicit Client(oroipc_client *client) noexcept : client_(client) {}

    static Client connect(const std::string &name, const oroipc_client_options *options = nullptr) {
        oroipc_client *client;
        Error::check(oroipc_client_connect(name.c_str(), options, &client));
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
                (*function)(ResultView(result));
            },
            function.get(), &ticket));
        function.release();
        return ticket;
    }
    /// False when it is over already.
    bool abort(uint64_t ticket) { return oroipc_client_abort(client_.get(), ticket, nullptr) == OROIPC_OK; }
    void post(const Call &call) { Error::check(oroipc_client_post(client_.get(), call.get())); }
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
    void close() { Error::check(oroipc_client_close(client_.get())); }
    oroipc_client *get() const noexcept { return client_.get(); }

private:
    detail::Owned<oroipc_client, oroipc_client_release> client_;
};

/// A host.
class Host {
public:
    /// Without a name.
    Host() { Error::check(oroipc_host_create(nullptr, nullptr, host_.out())); }
    explicit Host(const std::string &name, const oroipc_host_options *options = nullptr) {
        Error::check(oroipc_host_create(name.c_str(), options, host_.out()));
    }

    /// Answers a command at once: `handler` is called with (const MessageView &, ResultView) on the host's thread.
    template <typename Handler> void map(const std::string &name, Handler handler) {
        map(name, OROIPC_ROUTE_SYNC, new Handler(std::move(handler)),
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
    void unmap(const std::string &name) { Error::check(oroipc_host_unmap(host_.get(), name.c_str())); }

    void start() { Error::check(oroipc_host_start(host_.get())); }
    void run() { Error::check(oroipc_host_run(host_.get())); }
    void stop() { Error::check(oroipc_host_stop(host_.get())); }
    int descriptor() const { return oroipc_host_descriptor(host_.get()); }
    int turn() {
        int timeout;
        Error::check(oroipc_host_turn(host_.get(), &timeout));
        return timeout;
    }
    /// One end of a new connection, for a child process.
    int make_peer() {
        int descriptor;
        Error::check(oroipc_host_make_peer(host_.get(), &descriptor));
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
        map(name, kind, new Handler(std::move(handler)),
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
        Error::check(oroipc_host_map(host_.get(), name.c_str(), kind, handler, context, destroy));
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

    detail::Owned<oroipc_host, oroipc_host_release> host_;
};

} // namespace oroipc

#endif
