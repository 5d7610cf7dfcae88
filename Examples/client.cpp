// A client and a host in C++, with the wrapper that gives handles back by itself.
//
//     c++ -std=c++17 client.cpp -o client $(pkg-config --cflags --libs oroipc)
//     ./client
#include <iostream>
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
    host.start();

    oroipc::Client client = host.connect();
    oroipc::Result result = client.call(oroipc::Call("greet").json(R"({"name": "C++"})"));
    std::cout << "greet: " << result.json().value_or("nothing") << "\n";
    std::cout << "fail: " << client.call(oroipc::Call("fail")).error_message().value_or("no error") << "\n";

    int results = 0;
    for (int index = 0; index < 10; index++)
        client.call_async(oroipc::Call("later").timeout(OROIPC_TIMEOUT), [&](const oroipc::ResultView &later) {
            if (later.json() == "42") results++;
        });
    while (results < 10) {
        int timeout = client.turn();
        if (results == 10) break;
        struct pollfd poll_for = {client.descriptor(), POLLIN, 0};
        poll(&poll_for, 1, timeout);
    }
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
