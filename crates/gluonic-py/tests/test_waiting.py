"""Long verbs: what is told of them, and how they are stopped."""

import collections
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import gluonic
from gluonic import init
from gluonic.gluon import nn


def big():
    with gluonic.name.NameManager():
        net = nn.Dense(2000, in_units=1500)
        net.initialize(init.One())
        return net


def test_a_listener_is_told_how_far_a_verb_is(tmp_path):
    told = []
    with gluonic.progress(lambda *words: told.append(words)):
        big().save_parameters(str(tmp_path / "net.params"))
    size = os.path.getsize(tmp_path / "net.params")
    assert told[-1] == ("save", size, True)
    big().save_parameters(str(tmp_path / "net.params"))
    assert told[-1] == ("save", size, True) and len(told) < 100


def test_a_listener_that_raises_stops_the_verb_or_is_heard_after_it(tmp_path):
    def fails(*_):
        raise LookupError("my own")

    net = big()
    with gluonic.progress(fails), pytest.raises(LookupError, match="my own"):
        net.save_parameters(str(tmp_path / "net.params"))
    net.save_parameters(str(tmp_path / "net.params"))


def test_what_stops_a_verb_is_raised_whatever_the_listener_raises_at_its_end(tmp_path):
    class Slow(collections.OrderedDict):
        def items(self):
            time.sleep(0.3)
            return super().items()

    def fails(verb, count, done):
        raise ValueError("at the end") if done else LookupError("the first")

    net = nn.Sequential()
    net.add(big())
    net.__dict__["_children"] = Slow(net._children)
    with gluonic.progress(fails), pytest.raises(LookupError, match="the first"):
        net.save_parameters(str(tmp_path / "net.params"))


def test_other_threads_run_while_a_file_is_written(tmp_path):
    net, seen = big(), []
    thread = threading.Thread(target=lambda: seen.append(1))
    with gluonic.progress(lambda *_: thread.is_alive() or None):
        thread.start()
        net.save_parameters(str(tmp_path / "net.params"))
    thread.join()
    assert seen == [1]


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent by os.kill")
def test_ctrl_c_stops_a_save_and_leaves_the_old_file(tmp_path):
    # A file of 576 MB takes long enough on any machine.
    program = textwrap.dedent(
        """
        import os, signal, sys, threading, time
        import gluonic
        from gluonic import init
        from gluonic.gluon import nn

        file = sys.argv[1]
        net = nn.Dense(12000, in_units=12000, use_bias=False)
        net.initialize(init.One())
        told = []
        def stop(verb, count, done):
            if not told:
                told.append(count)
                os.kill(os.getpid(), signal.SIGINT)
        try:
            with gluonic.progress(stop):
                net.save_parameters(file)
        except KeyboardInterrupt:
            sys.stdout.write(f"stopped {os.path.exists(file)} {os.listdir(os.path.dirname(file))}")
        """
    )
    file = tmp_path / "folder" / "net.params"
    file.parent.mkdir()
    run = subprocess.run(
        [sys.executable, "-c", program, str(file)],
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert run.stdout == "stopped False []", run.stdout + run.stderr
