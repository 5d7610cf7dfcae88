// SPDX-License-Identifier: Apache-2.0
// Texts of C++ that C would cut: with a zero character in them they are refused, wherever one is taken.
#include <oroipc.hpp>

#include <cstdio>
#include <cstdlib>

using namespace std::string_literals;

template <typename Body> static void refused(const char *what, Body body) {
    try {
        body();
    } catch (const oroipc::Error &error) {
        if (error.status() == OROIPC_INVALID) return;
        std::fprintf(stderr, "%s: %s\n", what, error.what());
        std::exit(1);
    }
    std::fprintf(stderr, "%s is taken\n", what);
    std::exit(1);
}

int main() {
    const auto cut = "room\0one"s;
    refused("a host's name", [&] { oroipc::Host host(cut); });
    refused("the name to connect to", [&] { oroipc::Client::connect(cut); });
    char folder[] = "/tmp/oroipc-texts-XXXXXX";
    if (!mkdtemp(folder)) return 1;
    oroipc_host_options options = OROIPC_HOST_OPTIONS_INIT;
    options.folder = folder;
    {
        oroipc::Host host("texts"s, &options);
        refused("a route", [&] { host.map(cut, [](auto &&...) {}); });
        refused("no route", [&] { host.unmap(cut); });
        refused("an event", [&] { host.emit(cut, oroipc::Value::integer(1)); });
        refused("a broadcast", [&] { host.subscribe(cut); });
        refused("ports", [&] { host.accept_ports(cut, [](auto &&...) {}); });
    }
    std::remove(folder);
    std::puts("texts: whole, or refused");
}
