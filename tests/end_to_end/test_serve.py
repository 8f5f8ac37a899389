"""`llmri serve` as a process: its one line, its turns from a pipe, its end."""

import subprocess
import time

from tests.end_to_end.conftest import Serve


def test_the_only_line_before_the_replies_is_the_ready_line(serve: Serve) -> None:
    served = serve("--exit-at-eof")
    out, err = served.process.communicate("hello\n\nagain\n", timeout=120)
    assert served.process.returncode == 0, err
    assert served.ready.startswith("LLMRI listening on 127.0.0.1:")
    assert len(out.splitlines()) >= 2
    assert "3 layers x 32" in err
    assert "resid_post (32)" in err
    assert "Traceback" not in err


def test_the_same_seed_gives_the_same_text(serve: Serve) -> None:
    replies = []
    for seed in ("5", "5", "6"):
        served = serve("--exit-at-eof", "--temperature", "1", "--seed", seed)
        out, _ = served.process.communicate("hello\nagain\n", timeout=120)
        replies.append(out)
    assert replies[0] == replies[1]
    assert replies[0] != replies[2]


def test_the_end_of_input_leaves_it_serving(serve: Serve) -> None:
    served = serve(stdin=subprocess.DEVNULL)
    time.sleep(0.5)
    assert served.process.poll() is None
    assert served.interrupt() == 0


def test_ctrl_c_ends_with_status_0_and_no_traceback(serve: Serve) -> None:
    served = serve()
    started = time.monotonic()
    assert served.interrupt() == 0
    assert time.monotonic() - started < 20
    assert "Traceback" not in served.stderr.read()


def test_a_request_to_terminate_ends_with_status_0_too(serve: Serve) -> None:
    served = serve()
    served.process.terminate()
    assert served.process.wait(120) == 0


def test_a_reply_in_the_making_does_not_hold_up_the_end(serve: Serve) -> None:
    served = serve("--max-new-tokens", "400")
    served.stdin.write("go on\n")
    served.stdin.flush()
    time.sleep(0.2)
    assert served.interrupt() == 0
    assert "Traceback" not in served.stderr.read()
