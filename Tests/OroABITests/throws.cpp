// SPDX-License-Identifier: Apache-2.0

// What a callback of C++ throws stays in it: the library's thread goes on, and the program may hear of it.
#include <oroipc.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

using namespace std::string_literals;

#define CHECK(condition)                                                         \
    do {                                                                         \
        if (!(condition)) {                                                      \
            std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
            std::exit(1);                                                        \
        }                                                                        \
    } while (0)

static std::atomic<int> heard{0}, odd{0};

static void hear(const char *, const char *what) noexcept {
    heard++;
    if (std::strcmp(what, "an exception that is no std::exception") == 0) odd++;
}

int main() {
    char folder[] = "/tmp/oroipc-throws-XXXXXX";
    if (!mkdtemp(folder)) return 1;
    oroipc_host_options host_options = OROIPC_HOST_OPTIONS_INIT;
    host_options.folder = folder;
    oroipc_client_options options = OROIPC_CLIENT_OPTIONS_INIT;
    options.folder = folder;
    CHECK(oroipc::set_exception_handler(hear) != nullptr);
    {
        oroipc::Host host("throws"s, &host_options);
        host.map("answers", [](const oroipc::MessageView &, oroipc::ResultView result) {
            result.set_data(oroipc::Value::text("pong"));
        });
        // As in docs/c-api.md: posts to a port that may be closed by then.
        host.accept_ports("echo", [](oroipc::PortView port, uint64_t) {
            port.listen([](oroipc::PortView port, const oroipc::Structured &message) {
                port.post(message);
                throw std::runtime_error("thrown by a listener");
            });
        });
        host.accept_ports("refuses", [](oroipc::PortView, uint64_t) { throw 5; });
        host.start();
        auto client = oroipc::Client::connect("throws"s, &options);
        client.listen(
            "*", [](const oroipc::MessageView &) { throw std::logic_error("thrown by a listener of events"); });
        auto port = client.open_port("echo");
        auto refused = client.open_port("refuses");
        port.post(oroipc::Structured::json("1"));
        auto wait = [&](auto isThere) {
            for (int times = 0; times < 3000 && !isThere(); times++) {
                int timeout = 0;
                oroipc_client_linger(client.get(), 1000, &timeout);
                CHECK(!client.call(oroipc::Call("answers")).error_name());
            }
            CHECK(isThere());
        };
        wait([&] { return heard >= 2; });
        host.emit("any", oroipc::Value::integer(1));
        wait([&] { return heard >= 3 && odd == 1; });
        int before = heard;
        client.call_async(
            oroipc::Call("answers"), [](const oroipc::ResultView &) { throw std::runtime_error("thrown by a call"); });
        wait([&] { return heard > before; });
    }
    // Who may connect and call what; what throws refuses.
    {
        std::atomic<int> came{0}, left{0};
        oroipc_status why = OROIPC_OK;
        oroipc::HostOptions decisions;
        decisions.without_routes("ping")
            .policy([](const oroipc::PeerView &peer) -> bool {
                if (peer.label() == "odd") throw 5;
                return peer.label() != "enemy";
            })
            .on_connect([&](uint64_t, const oroipc::PeerView &peer) {
                CHECK(peer.label() == "friend");
                came++;
                throw std::runtime_error("thrown by a notice");
            })
            .on_disconnect([&](uint64_t, const oroipc::PeerView &, oroipc_status status, std::string_view) {
                why = status;
                left++;
                throw std::runtime_error("thrown by a notice");
            });
        oroipc::Host host(decisions);
        host.map("who", [](const oroipc::MessageView &message, oroipc::ResultView result) {
            result.set_data(oroipc::Value::text(message.peer()->label().value_or("nobody")));
        });
        host.map("guarded", [](const oroipc::MessageView &, oroipc::ResultView) {});
        host.guard("guarded", [](const oroipc::PeerView &, std::string_view name) -> bool {
            CHECK(name == "guarded");
            throw std::runtime_error("thrown by a gate");
        });
        host.start();
        for (const char *label : {"odd", "enemy"}) {
            try {
                oroipc::Client::adopt(host.make_peer(label));
                CHECK(!"refused");
            } catch (const oroipc::Error &error) {
                CHECK(error.status() == OROIPC_REFUSED);
            }
        }
        int before = heard;
        {
            auto client = oroipc::Client::adopt(host.make_peer("friend"));
            auto result = client.call(oroipc::Call::uri("ipc://who?a=1"));
            CHECK(result.json() == "\"friend\"");
            CHECK(result.envelope("who").find("\"data\":\"friend\"") != std::string_view::npos);
            CHECK(client.call(oroipc::Call("guarded")).error_name() == "NotAllowedError");
            CHECK(client.call(oroipc::Call("ping")).error_name() == "NotFoundError");
            CHECK(came == 1 && heard == before + 2);
        }
        while (left == 0) usleep(1000);
        CHECK(why == OROIPC_PEER_GONE);
    }
    std::remove(folder);
    std::puts("throws: heard, and no further");
}
