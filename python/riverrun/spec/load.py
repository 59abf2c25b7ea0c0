"""Reads a workspace's specs: the root's path comes in, a checked `Document` or one error for all that is wrong goes out."""

import os
from collections.abc import Mapping
from typing import Any

from riverrun.model.names import SPEC_NAME
from riverrun.spec.disk import Disk
from riverrun.spec.document import Document, Pipeline, SpecFile, Tributary
from riverrun.spec.family import Family, Parsed, family_of
from riverrun.spec.foreach import Foreach, Same, read_foreach
from riverrun.spec.lines import ReadLine, read_line
from riverrun.spec.params import NoParam, from_word, look_up, read_params, replaced
from riverrun.spec.paths import BadPath, inside
from riverrun.spec.problems import Problems, did_you_mean
from riverrun.spec.refer import Scope, check_reference, check_references
from riverrun.spec.shape import PIPELINE, STEP, TOP, TRIBUTARY, check, check_names
from riverrun.spec.source import Place, read_toml
from riverrun.spec.table import Rows, read_rows
from riverrun.spec.template import Vocabulary, filled, parse
from riverrun.spec.written import Written, written


def load(root: str, file: str = SPEC_NAME, *, overrides: Mapping[str, str] | None = None) -> Document:
    """Read the spec at `root` and those of all its tributaries. `overrides` are of `-p name=value`."""
    loader = _Loader(root)
    content = loader.read(file)
    if content is None:
        loader.problems.add(f"there is no '{file}' in this folder", None, "write one, or see 'riverrun init'")
    else:
        given = {tuple(name.split(".")): from_word(text) for name, text in (overrides or {}).items()}
        loader.pipeline("", "", file, content, None, {}, given)
    loader.problems.raise_any()
    return Document(root, file, loader.pipelines, tuple(loader.files.values()))


class _Loader:
    """Goes down the tributaries, collecting pipelines, files and problems."""

    def __init__(self, root: str) -> None:
        self.problems = Problems()
        self.pipelines: dict[str, Pipeline] = {}
        self.files: dict[str, SpecFile] = {}
        self._root = root
        self._disk = Disk(root)
        self._above: list[str] = []  # real paths of the folders that are being read

    def read(self, path: str) -> bytes | None:
        """The bytes of a file; it, or its absence, is remembered."""
        if path not in self.files:
            self.files[path] = SpecFile(path, self._disk.read(path))
        return self.files[path].content

    def pipeline(
        self,
        name: str,
        home: str,
        file: str,
        content: bytes,
        parent: str | None,
        given: Mapping[str, ReadLine],
        overrides: Mapping[tuple[str, ...], Any],
        instead: tuple[Mapping[str, Any], Place] | None = None,
    ) -> None:
        """Read one spec and, before it, its tributaries. `instead` are the params that the parent gives."""
        read = read_toml(file, content, self.problems)
        if read is None:
            return
        values, place = read
        top = check(values, place, TOP, "a spec", self.problems)
        head = check(top.get("pipeline", {}), place / "pipeline", PIPELINE, "[pipeline]", self.problems)
        params = self._params(top, head, place, home)
        if instead:
            params = self._given_params(params, *instead)
        branches = top.get("tributary", {})
        params, downward = self._overridden(name, params, branches, overrides)
        check_names(branches, place / "tributary", "a tributary", self.problems)
        prefix = f"{name}/" if name else ""
        below = Vocabulary((), params, home)
        tributaries = {}
        for local, table in branches.items():
            spot = place / "tributary" / local
            if local in top.get("step", {}):
                self.problems.add(f"a step and a tributary are both named '{local}'", spot.key())
            branch = self._tributary(prefix, local, table, spot, home, below, name, downward.get(local, {}))
            if branch:
                tributaries[local] = branch
        steps = self._steps(top, place)
        if not steps and not branches and "step" not in values:
            self.problems.add(
                "there is no step in this spec", place.value(), 'add one: [step.NAME], with run = "..."'
            )
        families = self._families(steps, prefix, home, params)
        scope = Scope(name, families, top.get("step", {}), branches, given)
        check_references(
            scope, [line for branch in tributaries.values() for line in branch.given.values()], self.problems
        )
        end = None
        if "end" in head:
            entries = ((text, place / "pipeline" / "end" / at) for at, text in enumerate(head["end"]))
            lines = [read_line(text, at, below, self.problems) for text, at in entries]
            end = tuple(line for line in lines if line)
            for line in end:
                check_reference(line, scope, self.problems)
        self.pipelines[name] = Pipeline(
            name, head.get("name", ""), parent, home, place.value(), params, families, tributaries, end
        )

    def _params(
        self, top: Mapping[str, Any], head: Mapping[str, Any], place: Place, home: str
    ) -> dict[str, Any]:
        own: dict[str, Any] = top.get("params", {})
        if "params" not in head:
            return own
        where = (place / "pipeline" / "params").value()
        if "params" in top:
            self.problems.add(
                "params stand in a table and in a file", where, "keep [params], or [pipeline] params"
            )
        try:
            path = inside(head["params"], home)
        except BadPath as error:
            self.problems.add(error.args[0], where, error.args[1])
            return own
        content = self.read(path)
        if content is None:
            self.problems.add(f"there is no file '{head['params']}'", where)
            return own
        return read_params(path, content, self.problems)

    def _given_params(self, params: dict[str, Any], given: Mapping[str, Any], place: Place) -> dict[str, Any]:
        for name, value in given.items():
            try:
                params = replaced(params, (name,), value)
            except NoParam as error:
                self.problems.add(f"{error.args[0]} in this tributary", (place / name).key(), error.args[1])
        return params

    def _overridden(
        self,
        name: str,
        params: dict[str, Any],
        branches: Mapping[str, Any],
        overrides: Mapping[tuple[str, ...], Any],
    ) -> tuple[dict[str, Any], dict[str, dict[tuple[str, ...], Any]]]:
        """The params after `-p`, and what of `-p` is for which tributary."""
        downward: dict[str, dict[tuple[str, ...], Any]] = {}
        for keys, value in overrides.items():
            if keys[0] not in params and keys[0] in branches and len(keys) > 1:
                downward.setdefault(keys[0], {})[keys[1:]] = value
                continue
            try:
                params = replaced(params, keys, value)
            except NoParam as error:
                of = f" in the tributary '{name}'" if name else ""
                self.problems.add(f"-p: {error.args[0]}{of}", None, error.args[1])
        return params, downward

    def _tributary(
        self,
        prefix: str,
        local: str,
        table: Any,
        place: Place,
        home: str,
        vocabulary: Vocabulary,
        parent: str,
        overrides: Mapping[tuple[str, ...], Any],
    ) -> Tributary | None:
        if not isinstance(table, dict):
            self.problems.add(
                "a tributary must be a table", place.value(), 'as in [tributary.world] path = "world"'
            )
            return None
        keys = check(table, place, TRIBUTARY, f"the tributary '{local}'", self.problems)
        given = {}
        for key, text in keys.get("inputs", {}).items():
            spot = place / "inputs" / key
            if not isinstance(text, str):
                self.problems.add("an input given to a tributary must be a path or a reference", spot.value())
            elif line := read_line(text, spot, vocabulary, self.problems, name=key):
                given[key] = line
        tributary = Tributary(prefix + local, local, place.key(), given)
        if "path" not in table:
            self.problems.add(
                f"the tributary '{local}' has no 'path'", place.key(), "the folder of its own riverrun.toml"
            )
        if "path" not in keys:
            return tributary
        where = (place / "path").value()
        try:
            folder = inside(keys["path"], home)
        except BadPath as error:
            self.problems.add(
                error.args[0], where, "a tributary lies in a folder below the spec that uses it"
            )
            return tributary
        real = os.path.realpath(os.path.join(self._root, folder))
        file = f"{folder}/{SPEC_NAME}"
        content = self.read(file)
        if real in (*self._above, os.path.realpath(self._root)):
            self.problems.add(f"the tributary '{local}' leads back to a pipeline that uses it", where)
        elif content is None:
            self.problems.add(f"there is no '{keys['path'].rstrip('/')}/{SPEC_NAME}'", where)
        else:
            params = {
                key: self._typed(one, place / "params" / key, vocabulary)
                for key, one in keys.get("params", {}).items()
            }
            self._above.append(real)
            instead = (params, place / "params")
            self.pipeline(prefix + local, folder, file, content, parent, given, overrides, instead)
            self._above.pop()
        return tributary

    def _typed(self, value: Any, place: Place, vocabulary: Vocabulary) -> Any:
        """A param given to a tributary: "{params.x}" alone stands for the value itself."""
        if not isinstance(value, str):
            return value
        if value.startswith("{params.") and value.endswith("}"):
            try:
                return look_up(vocabulary.params, tuple(value[8:-1].split(".")))
            except NoParam:
                pass  # told by `parse`, with its place
        return filled(parse(value, place, vocabulary, self.problems), {})

    def _steps(self, top: Mapping[str, Any], place: Place) -> dict[str, Written]:
        tables = top.get("step", {})
        check_names(tables, place / "step", "a step", self.problems)
        above = place / "defaults"
        defaults = check(top.get("defaults", {}), above, STEP, "[defaults]", self.problems)
        steps = {}
        for name, table in tables.items():
            spot = place / "step" / name
            if name == "inputs":
                self.problems.add(
                    "a step cannot be named 'inputs'", spot.key(), "'@inputs' is what a tributary is given"
                )
            if not isinstance(table, dict):
                self.problems.add(
                    "a step must be a table", spot.value(), 'as in [step.NAME], with run = "..."'
                )
                continue
            own = check(table, spot, STEP, f"the step '{name}'", self.problems)
            if len(own) == len(table) or "run" in own:
                steps[name] = written(name, own, spot, defaults, above)
        return steps

    def _families(
        self, steps: Mapping[str, Written], prefix: str, home: str, params: Mapping[str, Any]
    ) -> dict[str, Family]:
        foreach: dict[str, Foreach | None] = {}
        for name, step in steps.items():
            if "foreach" in step.keys:
                place = step.at("foreach")
                foreach[name] = read_foreach(
                    step.one("foreach"), place, home, params, self._table, self.problems
                )
        families = {}
        parsed: Parsed = {}
        for name, step in steps.items():
            names: tuple[str, ...] | None = ()
            if name in foreach:
                names = self._names(name, steps, foreach)
            if names is None:
                continue  # told already; what its texts mean is not known
            vocabulary = Vocabulary(names, params, home)
            family = family_of(step, prefix, foreach.get(name), vocabulary, parsed, self.problems)
            if family:
                families[name] = family
        return families

    def _names(
        self, name: str, steps: Mapping[str, Written], foreach: Mapping[str, Foreach | None]
    ) -> tuple[str, ...] | None:
        """The foreach names of a step, which may be another step's."""
        passed: list[str] = []
        found = foreach[name]
        while isinstance(found, Same):
            passed.append(name)
            name = found.step
            if name in passed:
                circle = passed[passed.index(name) :]
                if passed[0] == next(one for one in steps if one in circle):  # tell it once
                    names = " -> ".join([*circle, name])
                    self.problems.add(f"steps take their items from each other: {names}", found.place.value())
                return None
            if name not in steps:
                self.problems.add(
                    f"there is no step '{name}'", found.place.value(), did_you_mean(name, steps)
                )
                return None
            if name not in foreach:
                self.problems.add(
                    f"the step '{name}' has no items", found.place.value(), "only a step with 'foreach' has"
                )
                return None
            found = foreach[name]
        return found.names if found else None

    def _table(self, path: str, place: Place) -> Rows | None:
        content = self.read(path)
        if content is None:
            self.problems.add(
                f"there is no file '{path}'", place.value(), "a table of items must be there before the run"
            )
            return None
        return read_rows(path, content, self.problems)
