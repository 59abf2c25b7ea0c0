"""In: outputs, large and small. Out: which bytes `take` keeps in memory, which as copies; and moments for each path."""

from pathlib import Path

from riverrun.native import Index, hash_file, now_ns

LIMIT = 1000


def test_small_contents_are_kept_without_a_copy(tmp_path: Path) -> None:
    sizes = {"empty": 0, "small": LIMIT, "large": LIMIT + 1}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(b"x" * size)
    (tmp_path / "folder").mkdir()
    for name in ("a", "b"):
        (tmp_path / "folder" / name).write_bytes(b"same")
    (tmp_path / "copies").mkdir()
    names = [*sizes, "folder"]
    index = Index(tmp_path / "index", root=tmp_path)
    taken = index.take(
        [name.encode() for name in names],
        copies=[f"copies/{name}".encode() for name in names],
        keep_limit=LIMIT,
    )
    facts = dict(zip(names, taken.facts, strict=True))
    assert {name: [bytes(b) for _, b in fact.kept] for name, fact in facts.items()} == {
        "empty": [b""],
        "small": [b"x" * LIMIT],
        "large": [],
        "folder": [b"same"],
    }
    assert facts["small"].kept[0][0] == facts["small"].digest == hash_file(tmp_path / "small")
    assert [path for *_, path in facts["large"].copied] == [b"copies/large"]
    assert [path.name for path in (tmp_path / "copies").iterdir()] == ["large"]
    taken.release()


def test_nothing_is_kept_of_what_is_only_named_or_may_not_be_copied(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 10)
    index = Index(tmp_path / "index", root=tmp_path)
    for copies, copy_limit in (([None], None), ([b"copy"], 5)):
        taken = index.take([b"a"], copies=copies, copy_limit=copy_limit, keep_limit=LIMIT)
        assert taken.facts[0].kept == []
        taken.release()


def test_each_path_may_have_its_own_moment(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"a")
    index = Index(tmp_path / "index", root=tmp_path)
    index._assume("local")  # type: ignore[attr-defined]
    index.look([b"a"])
    late = now_ns(tmp_path) + 10**9
    while not index.same_stat([b"a"], late)[0]:  # until its stamp is a tick old
        index.look([b"a"], check="content")
    assert index.same_stat([b"a", b"a", b"a"], [late, 0, late]) == [True, False, True]
