"""`farm up`, `farm down`, `farm status`: the standing coordinator."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from farm.cli.output import JSON_OPTION, print_json, print_view, say, terminal_width

if TYPE_CHECKING:
    from farm.coordinator.places import Places
    from farm.coordinator.server import CoordinatorSettings

__all__ = ["register"]

DEFAULT_LISTEN = "127.0.0.1:7433"


def register(app: typer.Typer) -> None:
    app.command("up", help="Start the standing coordinator on Ray; agents join it, submits go to it.")(up)
    app.command("down", help="Stop the standing coordinator and every process it started.")(down)
    app.command("status", help="Show the standing coordinator, its boards and its queue.")(status)


def up(
    listen: str = typer.Option(DEFAULT_LISTEN, "--listen", help="Where agents and people reach it, HOST:PORT."),
    foreground: bool = typer.Option(
        False, "--foreground", help="Serve in this process, without Ray, until Ctrl-C or SIGTERM (for systemd, say)."
    ),
    ray_address: str | None = typer.Option(
        None, "--ray-address", help="Join this Ray cluster instead of starting one."
    ),
    tls_certificate: Path | None = typer.Option(None, "--tls-certificate", help="PEM chain; needed off loopback."),
    tls_key: Path | None = typer.Option(None, "--tls-key", help="PEM key of the certificate."),
    lease_s: float = typer.Option(30.0, "--lease", help="Seconds after which a silent board loses its job.", min=1.0),
) -> None:
    """Start it, wait until it answers, and say how to join."""
    from farm.coordinator.places import Places
    from farm.coordinator.server import CoordinatorSettings

    places = Places.from_environment().create()
    settings = CoordinatorSettings(
        database_url=places.database_url,
        data_dir=places.home,
        listen=listen,
        host="foreground" if foreground else "ray",
        lease_s=lease_s,
        heartbeat_s=min(5.0, lease_s / 4.0),
        tls_certificate=tls_certificate,
        tls_key=tls_key,
    )
    if foreground:
        _serve_here(places, settings)
    else:
        _start_on_ray(places, settings, ray_address)


def _start_on_ray(places: Places, settings: CoordinatorSettings, ray_address: str | None) -> None:
    from farm.coordinator import service
    from farm.coordinator.server import check_listen_address

    check_listen_address(settings)  # before Ray takes its seconds
    service_id = service.new_service_id(places)
    os.environ.update(service.ray_environment(places))  # Ray reads some of it when it is imported.
    session_dir = ""
    try:
        if ray_address is None:
            ray_address, session_dir = service.start_cluster(places, service_id, say)
        from farm.coordinator.ray_host import host_gateway

        address = host_gateway(places, settings, ray_address, say)
    except BaseException:
        service.stop_processes(service.marked_processes(service_id))
        raise
    service.record_service(places, service_id, address, ray_address, session_dir)
    say(f"The farm is up at {address}.")
    say(f"Join a board:    farm-agent --join {address}")
    say("Run a sweep:     farm submit examples/quickstart.yaml")
    say("Look, stop:      farm status, farm down")


def _serve_here(places: Places, settings: CoordinatorSettings) -> None:
    import asyncio
    import logging

    from farm.coordinator.foreground import serve

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(serve(places, settings, say))


def down(
    grace_s: float = typer.Option(20.0, "--grace", help="Seconds that running attempts get to finish.", min=0.0),
) -> None:
    """Drain, stop, and leave no process behind."""
    from farm.coordinator import service
    from farm.coordinator.places import Places

    places = Places.from_environment()
    record = service.find_service(places)
    if record is None:
        say("No coordinator is up.")
        places.service_file.unlink(missing_ok=True)
        return
    _drain(record.address, grace_s)
    if not record.own_cluster and record.ray_address:
        os.environ.update(service.ray_environment(places))
        from farm.coordinator.ray_host import remove_gateway

        remove_gateway("main", record.ray_address)
    ended = service.stop_service(places, record)
    say(f"The farm at {record.address} is down, {ended} processes ended. Agents keep what they measure until it is up.")


def _drain(address: str, grace_s: float) -> None:
    import asyncio

    from farm.coordinator.client import FarmClient
    from farm.errors import CoordinatorError

    async def ask() -> None:
        async with FarmClient(address) as client:
            await client.shutdown(grace_s=grace_s)

    try:
        asyncio.run(ask())
    except CoordinatorError as error:
        say(f"It does not answer, so it is stopped without draining: {error.message}")


def status(as_json: bool = JSON_OPTION) -> None:
    """What the standing coordinator says of itself; exit code 5 when there is none."""
    import asyncio

    from farm.coordinator.client import FarmClient
    from farm.coordinator.places import Places
    from farm.coordinator.service import find_service
    from farm.errors import CoordinatorError
    from farm.model.live import FarmStatus

    record = find_service(Places.from_environment())
    if record is None:
        raise CoordinatorError(
            "No coordinator is up.",
            hint="`farm up` starts one; `farm submit` works without one, on this machine's board.",
        )
    address = record.address

    async def ask() -> FarmStatus:
        async with FarmClient(address) as client:
            return await client.status()

    answer = asyncio.run(ask())
    if as_json:
        print_json({"address": address, "status": answer})
        return
    from farm.report.status import status_table

    print_view(status_table(address, answer, terminal_width()))
