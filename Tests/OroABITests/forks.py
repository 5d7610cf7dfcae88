# SPDX-License-Identifier: Apache-2.0
"""A program in Python that forks: in the child the parent's client raises, a client of its own works, and the parent goes on.

    forks.py NAME-OF-THE-EXAMPLE-HOST
"""
import gc
import os
import signal
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "Examples"))
from client import Client  # noqa: E402


def own(name, answers):
    client = Client(name)
    answers.append(client.call("ping").data)
    client.close()


def child(client, name):
    for use in (lambda: client.call("ping"), lambda: client.call_async("later", then=print), client.run):
        try:
            use()
        except OSError as error:
            assert "forked" in str(error), error
        else:
            raise AssertionError("the parent's client works in the child")
    # On a thread of the child's own, as oroipc.h asks for.
    answers = []
    thread = threading.Thread(target=own, args=(name, answers))
    thread.start()
    thread.join()
    assert answers == ["pong"], answers
    client.close()
    gc.collect()


def main():
    client = Client(sys.argv[1])
    assert client.call("ping").data == "pong"
    for _ in range(10):
        pid = os.fork()
        if pid == 0:
            signal.alarm(30)
            try:
                child(client, sys.argv[1])
            except BaseException as error:
                print("in the child:", repr(error), file=sys.stderr)
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        assert status == 0, status
        for number in range(100):
            assert client.call("echo", {"n": number}).data == {"n": number}
    client.close()
    print("forks in Python: the parent goes on")


main()
