// SPDX-License-Identifier: Apache-2.0
// A client and a host in C++, with the wrapper that gives handles back by itself.
//
//     c++ -std=c++17 client.cpp -o client $(pkg-config --cflags --libs oroipc)
//     ./client
#include <iostream>
#include <memory>
#include <oroipc.hpp>
#include <poll.h>
#include <string>

int main() try {
    oroipc::Host host;
    host.map("greet", [](const oroipc::MessageView &message, oroipc::ResultView result) {
        result.set_data(oroipc::Value::text("Hello, " + std::string(message.get("name").value_or("whoever you are"))));
    });
    host.map_later("later", [](const oroipc::MessageView &, oroipc::Answer answer) {
        answer.result().set_data(oroipc::Value::integer(42));
        answer.send();
    });
    host.map("fail", [](const oroipc::MessageView &, oroipc::ResultView) -> void {
        throw oroipc::Error(OROIPC_INVALID, "an exception becomes an error of the result");
    });
    host.map("versions", [](const oroipc::MessageView &message, oroipc::ResultView result) {
        result.set_header("x-served-by", "C++");
        result.set_data(oroipc::Value::text(message.header("accept-language").value_or("any")));
    });
    host.map_later("sum", [](const oroipc::MessageView &message, oroipc::Answer answer) {
        // The body comes in chunks; the last call has none.
        auto kept = std::make_shared<oroipc::Answer>(std::move(answer));
        auto size = std::make_shared<int64_t>(0);
        message.read_body([kept, size](std::optional<std::string_view> chunk, std::optional<std::string_view>) {
            if (chunk) {
                *size += static_cast<int64_t>(chunk->size());
                return;
            }
            kept->result().set_data(oroipc::Value::integer(*size));
            kept->send();
        });
    });
    host.accept_ports("numbers", [](oroipc::PortView port, uint64_t) {
        // It lives as long as it is listened to. A port that comes along gets the answer.
        port.listen([](oroipc::PortView, const oroipc::Structured &message) {
            oroipc::Structured answer;
            uint32_t twice =
                answer.add(oroipc::Value::integer(2 * message.node(*message.member(message.root(), "n")).integer));
            answer.add({{"twice", twice}});
            message.port(0).post(answer);
        });
    });
    host.start();

    oroipc::Client client = host.connect();
    oroipc::Result result = client.call(oroipc::Call("greet").json(R"({"name": "C++"})"));
    std::cout << "greet: " << result.json().value_or("nothing") << "\n";
    std::cout << "fail: " << client.call(oroipc::Call("fail")).error_message().value_or("no error") << "\n";

    oroipc::Result versions = client.call(oroipc::Call("versions").header("Accept-Language", "en, de"));
    std::cout << "versions: " << versions.json().value_or("nothing") << " by "
              << versions.header("x-served-by").value_or("nobody") << ", " << versions.headers().size() << " header\n";

    // Until `done`, the client's descriptor says when there is something to do.
    auto turn_until = [&](auto done) {
        for (int timeout = client.turn(); !done(); timeout = client.turn()) {
            struct pollfd poll_for = {client.descriptor(), POLLIN, 0};
            poll(&poll_for, 1, timeout);
        }
    };

    // A body in chunks, as fast as the handler reads it.
    oroipc::Body body;
    std::optional<std::string> sum;
    client.call_async(oroipc::Call("sum").body(body),
        [&](const oroipc::ResultView &result) { sum = result.json().value_or("no data"); });
    for (int chunk = 0; chunk < 3; chunk++) {
        bool has_room = true;
        while (!body.send(std::string(1000, 'x'))) {
            has_room = false;
            body.on_room([&] { has_room = true; });
            turn_until([&] { return has_room; });
        }
    }
    body.end();
    turn_until([&] { return sum.has_value(); });
    std::cout << "sum: " << *sum << "\n";

    // A port with a port in its message, which the answer comes back by.
    oroipc::Port numbers = client.open_port("numbers");
    std::pair<oroipc::Port, oroipc::Port> channel = client.create_channel();
    oroipc::Structured question;
    uint32_t n = question.add(oroipc::Value::integer(21));
    question.add({{"n", n}, {"to", question.add(oroipc_node_port(channel.second.get()))}});
    numbers.post(question, {channel.second});
    std::optional<oroipc::Structured> answer;
    turn_until([&] { return (answer = channel.first.take()).has_value(); });
    std::cout << "numbers: " << answer->json(answer->root()) << "\n";

    int results = 0;
    for (int index = 0; index < 10; index++)
        client.call_async(oroipc::Call("later").timeout(OROIPC_TIMEOUT), [&](const oroipc::ResultView &later) {
            if (later.json() == "42") results++;
        });
    turn_until([&] { return results == 10; });
    std::cout << "later: " << results << " results\n";

    try {
        oroipc::Client::connect("nobody-listens-here");
    } catch (const oroipc::Error &error) {
        std::cout << "connect: " << oroipc_status_name(error.status()) << "\n";
    }
    return 0;
} catch (const std::exception &error) {
    std::cerr << error.what() << "\n";
    return 1;
}
