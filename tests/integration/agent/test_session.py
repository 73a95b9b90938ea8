"""A real agent process and what it says to a coordinator."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from devicefarm.columns import unpack_integers
from devicefarm.v1 import attempt_pb2, gateway_pb2
from farm_agent.lease import Lease


def test_a_job_is_carried_out_recorded_and_forgotten_once_it_is_acknowledged(
    coordinator: Any, agent: Any, job: Any
) -> None:
    hello = coordinator.hello()
    assert hello.protocol == 1
    assert [board.board_id for board in hello.boards] == [agent.board_id]
    assert not hello.running
    assert not hello.spooled
    coordinator.ready()

    lease = coordinator.assign(agent.board_id, job("first", {"samples": 100}, {"level": 7}, launches=2))
    record = coordinator.record(lease)

    assert record.outcome == attempt_pb2.OUTCOME_PASSED
    assert record.board_id == agent.board_id
    assert [span.phase for span in record.phases] == [
        attempt_pb2.PHASE_PREPARE,
        attempt_pb2.PHASE_APPLY,
        *2 * [attempt_pb2.PHASE_LOAD, attempt_pb2.PHASE_WARMUP, attempt_pb2.PHASE_MEASURE, attempt_pb2.PHASE_VERIFY],
        attempt_pb2.PHASE_RESTORE,
        attempt_pb2.PHASE_CLEANUP,
    ]
    assert all(span.start_s <= span.end_s for span in record.phases)
    assert [len(unpack_integers(launch.latency_ns.inline)) for launch in record.launches] == [100, 100]
    assert dict(record.knobs_read_back) == {"level": "7"}
    assert record.context_before.fields["level"] == "7"
    assert record.context_before.fields["bench.version"] == "1"
    assert record.verification.matches
    assert record.environment == "lock-of-bench"
    assert record.log_tail == "runner: launch 1 done"
    assert agent.knob() == '"as-it-was"'

    coordinator.ready(2)
    agent.signal(15)
    assert agent.exit_code() == 0
    assert agent.spooled() == []
    assert list((agent.state / "journal").iterdir()) == []
    assert list((agent.state / "work").iterdir()) == []


def test_the_credit_for_the_next_job_travels_with_the_record(coordinator: Any, agent: Any, job: Any) -> None:
    coordinator.ready()
    coordinator.record(coordinator.assign(agent.board_id, job("first")))
    coordinator.ready(2)
    together = [
        [event.WhichOneof("event") for event in message.events]
        for message in coordinator.messages
        if any(event.WhichOneof("event") == "record" for event in message.events)
    ]
    assert together[0][-2:] == ["record", "ready"]


def test_heartbeats_name_what_is_running(coordinator: Any, agent: Any, job: Any) -> None:
    coordinator.ready()
    lease = coordinator.assign(agent.board_id, job("slow", {"stop_in": "measure"}))
    coordinator.phase(lease, attempt_pb2.PHASE_MEASURE)
    coordinator.until(
        lambda: [
            beat
            for beat in coordinator.all("heartbeat")
            if [Lease.from_message(held) for held in beat.running] == [lease]
        ],
        "a heartbeat with the lease",
    )


def test_an_assignment_that_runs_already_is_not_run_twice(coordinator: Any, agent: Any, job: Any) -> None:
    coordinator.ready()
    spec = job("twice", {"stop_in": "measure"})
    lease = coordinator.assign(agent.board_id, spec)
    coordinator.phase(lease, attempt_pb2.PHASE_MEASURE)
    coordinator.assign(agent.board_id, spec)
    coordinator.stream.send(cancel=gateway_pb2.CancelAttempt(lease=lease.to_message(), reason="enough"))
    coordinator.record(lease)
    # A later job shows that nothing of the second assignment is waiting.
    coordinator.ready(2)
    coordinator.record(coordinator.assign(agent.board_id, job("after")))
    assert len([record for record in coordinator.all("record") if record.job_id == "twice"]) == 1


def test_an_assignment_whose_record_is_spooled_is_answered_with_that_record(
    coordinator: Any, agent: Any, job: Any
) -> None:
    coordinator.acks = False
    coordinator.ready()
    lease = coordinator.assign(agent.board_id, job("spooled", {"seed": 3}))
    first = coordinator.record(lease)
    coordinator.assign(agent.board_id, job("spooled", {"seed": 3}))
    assert coordinator.record(lease, 2) == first
    # Acknowledged now: a third assignment is neither run nor answered.
    coordinator.ack(lease)
    coordinator.assign(agent.board_id, job("spooled", {"seed": 3}))
    coordinator.record(coordinator.assign(agent.board_id, job("after")))
    assert len([record for record in coordinator.all("record") if record.job_id == "spooled"]) == 2


def test_a_job_for_a_board_that_is_not_here_is_given_back_at_once(coordinator: Any, agent: Any, job: Any) -> None:
    coordinator.ready()
    record = coordinator.record(coordinator.assign("elsewhere", job("lost")))
    assert record.outcome == attempt_pb2.OUTCOME_ERROR
    assert record.error_kind == attempt_pb2.ERROR_KIND_AGENT
    assert "no board elsewhere" in record.error


def test_a_second_job_for_a_busy_board_is_given_back_and_the_first_goes_on(
    coordinator: Any, agent: Any, job: Any
) -> None:
    coordinator.ready()
    running = coordinator.assign(agent.board_id, job("running", {"stop_in": "measure"}))
    coordinator.phase(running, attempt_pb2.PHASE_MEASURE)
    record = coordinator.record(coordinator.assign(agent.board_id, job("too-much")))
    assert "still busy" in record.error
    assert len(coordinator.all("ready")) == 1


def test_a_cancelled_attempt_stops_its_runner_and_puts_the_board_back(coordinator: Any, agent: Any, job: Any) -> None:
    coordinator.ready()
    lease = coordinator.assign(agent.board_id, job("cancelled", {"stop_in": "measure"}, {"level": 9}))
    coordinator.phase(lease, attempt_pb2.PHASE_MEASURE)
    coordinator.stream.send(cancel=gateway_pb2.CancelAttempt(lease=lease.to_message(), reason="Ada cancelled it"))
    record = coordinator.record(lease)
    assert record.outcome == attempt_pb2.OUTCOME_CANCELLED
    assert record.error_kind == attempt_pb2.ERROR_KIND_UNSPECIFIED
    assert record.error == "Ada cancelled it"
    assert record.log_tail == "runner: SIGTERM"
    assert agent.knob() == '"as-it-was"'


def test_an_attempt_that_takes_longer_than_it_may_is_the_job_s_own_fault(
    coordinator: Any, agent: Any, job: Any
) -> None:
    coordinator.ready()
    spec = job("long", {"stop_in": "measure"})
    spec.limits.attempt_s = 0.5
    record = coordinator.record(coordinator.assign(agent.board_id, spec))
    assert record.outcome == attempt_pb2.OUTCOME_ERROR
    assert record.error_kind == attempt_pb2.ERROR_KIND_JOB
    assert "longer than limits.attempt, 0.5 s; it was in the phase measure" in record.error


def test_what_was_measured_while_the_link_was_down_is_sent_when_it_is_back(
    coordinator: Any, cuttable_link: Any, make_agent: Any, job: Any
) -> None:
    agent = make_agent(address=cuttable_link.address).start()
    coordinator.ready()
    (agent.bench / "temperature").write_text("80")
    spec = job("apart")
    spec.gate.start_below_c = 60.0
    spec.gate.timeout_s = 60.0
    lease = coordinator.assign(agent.board_id, spec)
    coordinator.phase(lease, attempt_pb2.PHASE_COOL)

    cuttable_link.closed_doors = True
    cuttable_link.cut()
    (agent.bench / "temperature").write_text("50")
    agent.until(agent.spooled)
    cuttable_link.closed_doors = False

    hello = coordinator.hello(2)
    assert [Lease.from_message(held) for held in hello.spooled] == [lease]
    assert not hello.running
    assert hello.instance == coordinator.hello(1).instance
    assert coordinator.record(lease).outcome == attempt_pb2.OUTCOME_PASSED


def test_an_attempt_goes_on_while_the_coordinator_restarts(coordinator: Any, agent: Any, job: Any) -> None:
    coordinator.ready()
    lease = coordinator.assign(agent.board_id, job("through", {"stop_in": "measure"}))
    coordinator.phase(lease, attempt_pb2.PHASE_MEASURE)
    coordinator.stop()
    coordinator.start()
    hello = coordinator.hello(2)
    assert [Lease.from_message(held) for held in hello.running] == [lease]
    coordinator.stream.send(cancel=gateway_pb2.CancelAttempt(lease=lease.to_message(), reason="done"))
    assert coordinator.record(lease).outcome == attempt_pb2.OUTCOME_CANCELLED


def test_a_coordinator_that_no_longer_answers_heartbeats_is_given_up(
    coordinator: Any, cuttable_link: Any, make_agent: Any
) -> None:
    make_agent(address=cuttable_link.address).start()
    coordinator.ready()
    coordinator.stream.outgoing.put(gateway_pb2.AttachResponse())
    coordinator.until(lambda: len(coordinator.all("heartbeat")) >= 2, "two heartbeats")
    # From here on nothing is answered any more, though every byte still arrives.
    coordinator.hello(2)


@pytest.mark.slow
def test_a_half_open_link_is_noticed_by_keepalive(coordinator: Any, cuttable_link: Any, make_agent: Any) -> None:
    agent = make_agent(address=cuttable_link.address).start()
    coordinator.ready()
    cuttable_link.swallows = True
    agent.until(lambda: "lost the link" in agent.log())
    cuttable_link.swallows = False
    coordinator.hello(2)


def test_it_waits_for_a_coordinator_that_is_not_there_yet_and_says_what_to_check(
    coordinator: Any, make_agent: Any
) -> None:
    coordinator.stop()
    agent = make_agent().start()
    agent.until(lambda: "cannot reach a coordinator" in agent.log())
    assert "Check that it runs" in agent.log()
    coordinator.start()
    coordinator.ready()
    assert agent.log().count("cannot reach a coordinator") == 1


@pytest.mark.parametrize("greeting", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00\xff" * 500, b""])
def test_garbage_at_the_other_end_is_no_reason_to_end(greeting: bytes, make_agent: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def babble() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(greeting)

        threading.Thread(target=babble, daemon=True).start()
        agent = make_agent(address=f"127.0.0.1:{listener.getsockname()[1]}").start()
        agent.until(lambda: "cannot reach a coordinator" in agent.log())
        assert agent.is_running()
        assert "Traceback" not in agent.log()


def test_a_directive_of_a_later_release_is_ignored(coordinator: Any, agent: Any, job: Any) -> None:
    coordinator.ready()
    later = gateway_pb2.AttachResponse.FromString(b"\x0a\x05\xa2\x06\x02\x08\x01")
    assert later.directives[0].WhichOneof("directive") is None
    coordinator.stream.outgoing.put(later)
    assert coordinator.record(coordinator.assign(agent.board_id, job("after"))).outcome == attempt_pb2.OUTCOME_PASSED


def test_after_a_drain_no_credit_is_given_until_the_next_welcome(coordinator: Any, agent: Any, job: Any) -> None:
    coordinator.ready()
    coordinator.stream.send(drain=gateway_pb2.Drain(reason="going to bed"))
    coordinator.record(coordinator.assign(agent.board_id, job("last")))
    beats = len(coordinator.all("heartbeat"))
    coordinator.until(lambda: len(coordinator.all("heartbeat")) >= beats + 2, "two more heartbeats")
    assert len(coordinator.all("ready")) == 1
    coordinator.stop()
    coordinator.start()
    coordinator.ready(2)


def test_an_identity_in_use_is_waited_for_because_an_old_link_may_linger(coordinator: Any, make_agent: Any) -> None:
    coordinator.refusal = gateway_pb2.Refused(
        reason=gateway_pb2.Refused.REASON_IDENTITY_IN_USE, message="attached from 10.0.0.7"
    )
    make_agent().start()
    coordinator.until(lambda: coordinator.refusals >= 2, "two refusals")
    coordinator.refusal = None
    coordinator.ready()


def test_a_coordinator_of_another_protocol_ends_the_agent_with_what_to_do(coordinator: Any, make_agent: Any) -> None:
    coordinator.refusal = gateway_pb2.Refused(
        reason=gateway_pb2.Refused.REASON_PROTOCOL, message="this coordinator speaks protocol 9"
    )
    agent = make_agent().start()
    assert agent.exit_code() == 4
    assert "refuses this agent (protocol). It says: this coordinator speaks protocol 9" in agent.log()
    assert "Install the same release" in agent.log()
    assert "Traceback" not in agent.log()


def test_a_board_whose_knob_is_stuck_takes_no_jobs_and_says_why(coordinator: Any, agent: Any, job: Any) -> None:
    coordinator.ready()
    (agent.bench / "stuck").touch()
    lease = coordinator.assign(agent.board_id, job("stuck", knobs={"level": 3}))
    record = coordinator.record(lease)
    assert record.outcome == attempt_pb2.OUTCOME_PASSED
    assert "could not be put back" in next(
        span.note for span in record.phases if span.phase == attempt_pb2.PHASE_RESTORE
    )
    update = coordinator.until(lambda: coordinator.all("board_update"), "a board update")[-1]
    assert "the knob is stuck" in update.board.facts.extra["unfit"]
    assert len(coordinator.all("ready")) == 1
    declined = coordinator.record(coordinator.assign(agent.board_id, job("next")))
    assert "is not itself" in declined.error

    # It is tried again at the next start.
    agent.kill()
    (agent.bench / "stuck").unlink()
    agent.start()
    coordinator.ready(2)
    assert agent.knob() == '"as-it-was"'


def test_it_keeps_one_identity_and_a_new_instance_for_each_start(coordinator: Any, agent: Any) -> None:
    first = coordinator.hello(1)
    agent.kill()
    agent.start()
    second = coordinator.hello(2)
    assert first.agent_id == second.agent_id
    assert first.instance != second.instance
