"""In: what pytest-benchmark notes of the machine. Out: the same without its name, which tells no one anything."""

from typing import Any


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    machine_info.pop("node", None)
