# SPDX-License-Identifier: Apache-2.0
"""Speaks to a host as somebody would who has read only the documents, and checks every answer.

    client.py SOCKET FOLDER    the socket of `oro-ipc serve --root FOLDER`
"""
import os
import sys
import time

from oro import CHUNK, CLOSE, CREDIT, END, EVENT, FAILED, RESULT, TAKES_STREAM, Client, Refused, frame


def expect(condition, text):
    if not condition:
        raise AssertionError(text)
    print("ok", text)


def main(path, root):
    client = Client(path)
    link = client.link
    expect(client.call("ping").value == "pong", "a ping is answered")
    expect(client.call("ping", seq=-(7**1000)).seq == -(7**1000), "a seq of 846 digits comes back")
    expect(client.call("ping", seq=2**64 - 1).seq == 2**64 - 1, "a seq of 64 bits comes back")

    # A command with parameters; what is wrong; what nobody serves.
    contents = bytes(index * 7 & 255 for index in range(3_000_000))
    for name, size in (("small", 100), ("large", len(contents))):
        with open(os.path.join(root, name), "wb") as file:
            file.write(contents[:size])
    stat = client.call("fs.stat", {"path": "large"})
    expect(stat.value["size"] == len(contents) and stat.value["type"] == "file", "a command takes parameters")
    wrong = client.call("fs.stat", {"path": "nowhere"})
    expect(wrong.flags & FAILED and wrong.value["code"] == -2, "an error says its code")
    nobody = client.call("no.such.command")
    expect(nobody.flags & FAILED and nobody.value["type"] == "NotFoundError", "an unknown command is an error")

    # Payloads: in the frame and lent, both ways; frames in parts, both ways.
    expect(client.call("fs.readFile", {"path": "small"}).payload == contents[:100], "a payload comes in the frame or lent")
    for _ in range(600):
        expect_quietly(client.call("fs.readFile", {"path": "large", "length": 20_000}).payload == contents[:20_000])
    expect(link.returned > 512, "600 lent payloads are read and given back, for more than a lap of the returns")
    expect(client.call("fs.readFile", {"path": "large"}).payload == contents, "a payload of 3 MB comes lent")
    expect(client.call("ping", payload=b"x" * 1000).value == "pong", "a payload goes in the frame")
    for _ in range(600):
        expect_quietly(client.call("ping", payload=contents[:50_000], lend=True).value == "pong")
    expect(link.their_returned >= 512, "600 payloads go lent and come back, for more than a lap of the returns")
    expect(client.call("ping", payload=contents[:1_000_000]).value == "pong", "a frame of 1 MB goes in parts")

    # Events, and an answer in parts.
    link.send(frame(CREDIT, deadline=1))
    subscription = client.call("broadcast_channel.subscribe", {"name": "news"}).value
    other = Client(path)
    text = "text " * 3260  # what a request may post, and with its answer more than a record holds
    posted = other.call("broadcast_channel.postMessage", {"name": "news", "data": {"text": text}})
    expect(posted.value["data"] == {"text": text}, "an answer of 16 KB comes in parts")
    event = link.next(lambda came: came.kind == EVENT)
    expect(event.name == "broadcastchannelmessage" and event.value["data"]["subscription"] == subscription, "an event comes")

    # A stream: credit for two chunks, then for the rest.
    ticket = client.begin("diagnostics.stream.chunks", {"chunks": 5, "chunkSize": 3000, "interval": 1}, TAKES_STREAM)
    link.send(frame(CREDIT, deadline=2, ticket=ticket))
    chunk = lambda came: came.kind == CHUNK and came.ticket == ticket
    over = lambda came: came.kind in (END, RESULT) and came.ticket == ticket
    for index in range(5):
        if index == 2:
            link.send(frame(CREDIT, deadline=3, ticket=ticket))
        expect_quietly(link.next(chunk).payload == b"\x5a" * 3000)
    expect(not link.next(over).flags & FAILED, "a stream gives five chunks, and ends")

    # A conversation of two clients, and broadcasts by ports.
    here, there = client.open("table", 1), other.open("table", 1)
    for index in range(3):
        client.post(here, index, {"n": index})
        expect_quietly(other.message(there).value == {"n": index})
    other.post(there, 0, [0, 1, 2])
    expect(client.message(here).value == [0, 1, 2], "two clients talk through ports")
    other.link.send(frame(CLOSE, ticket=there))
    link.next(lambda came: came.kind == CLOSE and came.ticket == here)
    expect(True, "the end of a port is heard")
    listener, speaker = client.open("weather", [2, "here", 0]), other.open("weather", [2, "here", 0])
    expect_quietly(client.call("ping").value == "pong")
    other.post(speaker, 0, [0, "*", "rain"])
    expect(client.message(listener).value == [0, "*", "rain"], "a broadcast comes to a subscription")

    # Both sides asleep before each.
    sleeps, wakes = link.sleeps, link.wakes
    for _ in range(20):
        time.sleep(0.02)
        expect_quietly(client.call("ping").value == "pong")
    expect(link.wakes > wakes and link.sleeps > sleeps and link.woken > 0, "both sides sleep, and wake each other")
    for _ in range(2000):
        expect_quietly(client.call("ping", spin=True).value == "pong")
    expect(True, "2 000 pings while both are awake")

    other.link.close()
    link.close()
    try:
        Client(path, ring=12288)
        reason = 0
    except Refused as refused:
        reason = refused.args[0]
    expect(reason == 5, "a malformed hello is refused, and why is said")
    expect(Client(path).call("ping").value == "pong", "the host goes on")


def expect_quietly(condition):
    if not condition:
        raise AssertionError("a wrong answer")


main(*sys.argv[1:])
