"""The knowledge graph: reading, changing, and files that are exact or refused."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kg
from kg import (
    Citation,
    Evidence,
    FileFormatError,
    KnowledgeGraph,
    Ledger,
    ParseError,
    Rule,
    RulekdError,
    Status,
    Vocabulary,
    World,
    parse,
)
from kg.files import write_atomically
from kg.listing import rule_table
from tests.kg.strategies import graphs

TEXTS = [
    "left_of(a, b) <-> right_of(b, a)",
    "left_of(a, b) & left_of(b, c) -> left_of(a, c)",
    "right_of(a, b) & right_of(b, c) -> right_of(a, c)",
    "monitor(a) & desk(b) -> on(a, b)",
    "under mirror_x: left_of(a, b) <-> right_of(a, b)",
]


@pytest.fixture
def graph() -> KnowledgeGraph:
    return KnowledgeGraph.of(TEXTS)


def test_a_graph_of_texts_infers_its_vocabulary(graph: KnowledgeGraph) -> None:
    assert graph.vocabulary == Vocabulary({"left_of": 2, "right_of": 2, "monitor": 1, "desk": 1, "on": 2})
    assert [rule.text for rule in graph.rules()] == TEXTS
    assert len(graph) == 5
    assert KnowledgeGraph.of(["~r(a, a)"]).vocabulary["r"].diagonal
    assert len(KnowledgeGraph.of([])) == 0
    with pytest.raises(kg.ArityError, match="'p' has 2 arguments"):
        KnowledgeGraph.of(["p(a)", "p(a, b)"])


def test_with_a_vocabulary_unknown_words_are_refused() -> None:
    words = Vocabulary({"left_of": 2})
    with pytest.raises(kg.ParseError, match="Did you mean 'left_of'"):
        KnowledgeGraph.of(["lef_of(a, b) -> left_of(a, b)"], words)
    with pytest.raises(kg.UnknownNameError, match="Did you mean 'left_of'"):
        KnowledgeGraph(words, [Rule(kg.parse("lef_of(a, b)"))])
    with pytest.raises(kg.ArityError, match="takes 2 arguments and is given 1"):
        KnowledgeGraph(words, [Rule(kg.parse("left_of(a)"))])


@pytest.mark.parametrize("ref", ["id", "transitive(left_of)", "left_of(y, z) & left_of(x, y) => left_of(x, z)"])
def test_a_rule_is_found_by_id_name_and_any_spelling(graph: KnowledgeGraph, ref: str) -> None:
    wanted = graph.rules()[1]
    ref = wanted.id if ref == "id" else ref
    assert graph.rule(ref) is wanted
    assert graph.rule(wanted) is wanted
    assert graph.rule(wanted.formula) is wanted
    assert ref in graph


def test_an_unknown_rule_is_named_with_the_nearest(graph: KnowledgeGraph) -> None:
    for change in (graph.reject, graph.accept, graph.rule):
        with pytest.raises(kg.UnknownNameError, match=r"Did you mean 'transitive\(left_of\)'"):
            change("transitve(left_of)")
    with pytest.raises(kg.UnknownNameError, match=r"Did you mean 'monitor\(a\) & desk\(b\) -> on\(a, b\)'"):
        graph.reject("monitor(a) & desk(b) -> on(b, a)")
    with pytest.raises(kg.UnknownNameError, match="5 rules"):
        graph.rule("<img src=x onerror=alert(1)>")
    assert "<img onerror>" not in graph
    assert "x" * 1_000_000 not in graph
    assert 3 not in graph


def test_changes_return_new_graphs(graph: KnowledgeGraph) -> None:
    rejected = graph.reject("monitor(a) & desk(b) -> on(a, b)", reason="this building only")
    assert graph.rules()[3].status is Status.ACCEPTED
    assert rejected.rules()[3].status is Status.REJECTED
    assert rejected.rules()[3].provenance.why == "this building only"
    assert [rule.id for rule in rejected.rules()] == [rule.id for rule in graph.rules()]
    assert [rule.text for rule in rejected.axioms()] == [TEXTS[place] for place in (0, 1, 2, 4)]
    assert len(rejected.rules(Status.REJECTED)) == 1
    assert rejected.accept(rejected.rules()[3].id).rules()[3].status is Status.ACCEPTED


def test_one_rule_is_held_once(graph: KnowledgeGraph) -> None:
    with pytest.raises(kg.RulekdError, match="are the same rule"):
        graph.add("~left_of(x, z) -> ~(left_of(x, y) & left_of(y, z))")
    both = ["near(a, b) -> near(b, a)", "near(a, b) <-> near(b, a)"]
    with pytest.raises(kg.RulekdError, match=r"two rules are called symmetric\(near\)"):
        KnowledgeGraph.of(both)
    assert len(graph.add("left_of(a, b) -> ~on(a, b)")) == 6


def test_an_edit_into_another_rule_names_both() -> None:
    graph = KnowledgeGraph.of(["on(a, b) <-> under_(b, a)", "on(a, b) -> under_(b, a)"])
    old, other = graph.rule("on(a, b) <-> under_(b, a)"), graph.rule("on(a, b) -> under_(b, a)")
    with pytest.raises(RulekdError, match=f"{old.id} cannot be made the same as {other.id}") as caught:
        graph.edit(old.id, "on(x, y) => under_(y, x)")
    assert caught.value.hint == f"Reject {old.id} instead, and accept {other.id}."


@pytest.mark.parametrize("text", ["on(a, b) -> ", "on(a b)", "on(a, b) & -> p(a)"])
def test_a_formula_that_cannot_be_read_is_no_unknown_rule(text: str) -> None:
    with pytest.raises(ParseError, match="line 1"):
        KnowledgeGraph.of(["on(a, b) -> on(b, a)", "p(a)"]).rule(text)


def test_an_edit_replaces_in_place_and_remembers(graph: KnowledgeGraph) -> None:
    old = graph.rules()[3]
    edited = graph.edit(old.id, "monitor(a) & desk(b) & left_of(a, b) -> on(a, b)", reason="too wide")
    new = edited.rules()[3]
    assert (new.replaces, new.status, new.evidence) == (old.id, Status.ACCEPTED, None)
    assert (new.provenance.source, new.provenance.why) == ("edited", "too wide")
    assert old.id not in edited
    respelled = graph.edit(old.id, "desk(y) & monitor(x) -> on(x, y)")
    assert respelled.rules()[3].id == old.id
    assert respelled.rules()[3].replaces is None
    with pytest.raises(kg.RulekdError, match="is a rule of this graph already"):
        graph.edit(old.id, TEXTS[0])
    with pytest.raises(kg.ParseError, match="Did you mean 'monitor'"):
        graph.edit(old.id, "monito(a) -> desk(a)")


def test_entailed_rules_name_their_grounds_until_these_go(graph: KnowledgeGraph) -> None:
    marked = graph.with_entailment()
    inverse, left, right = marked.rules()[:3]
    dropped = [rule for rule in (left, right) if rule.entailed]
    (hidden,) = dropped
    kept = left if hidden is right else right
    assert hidden.entailed_by == tuple(ground.id for ground in marked.rules() if ground.id in hidden.entailed_by)
    assert kept.id in hidden.entailed_by
    assert hidden not in marked.axioms()
    assert hidden in marked.rules()
    without = marked.reject(kept)
    assert not without.rule(hidden.id).entailed
    assert without.rule(hidden.id) in without.axioms()
    assert marked.with_entailment() == marked
    assert not any(rule.entailed for rule in graph.reject(inverse).reject(graph.rules()[4]).with_entailment().rules())


def test_accepted_rules_stay_axioms_before_suggested_ones() -> None:
    weak, strong = (
        Rule(kg.parse(f"{word}(a, b) & {word}(b, c) -> {word}(a, c)"), Evidence(Ledger(100, broken)))
        for word, broken in (("l", 5), ("r", 1))
    )
    inverse = Rule(kg.parse("l(a, b) <-> r(b, a)"))
    graph = KnowledgeGraph(Vocabulary({"l": 2, "r": 2}), [weak, strong, inverse])
    assert [rule.entailed for rule in graph.with_entailment().rules()] == [True, False, False]
    accepted = graph.accept("transitive(l)").with_entailment()
    assert [rule.entailed for rule in accepted.rules()] == [False, True, False]


def test_dangling_references_are_refused() -> None:
    rule = Rule(kg.parse("p(a)"), entailed_by=("0" * 12,))
    with pytest.raises(kg.RulekdError, match="no other rule"):
        KnowledgeGraph(Vocabulary({"p": 1}), [rule])
    cited = Rule(kg.parse("p(a)"), Evidence(Ledger(1, 0), examples=(Citation("s", (("a", 0),), "rooom"),)))
    with pytest.raises(kg.UnknownNameError, match="Did you mean 'room'"):
        KnowledgeGraph(Vocabulary({"p": 1}), [cited], {"room": World(1, {"p": set()})})


def test_the_table_is_aligned_and_hides_what_follows(graph: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    evidence = Evidence(Ledger(1234, 3, 40, 0.002, (0.0, 0.0134)))
    shown = KnowledgeGraph(
        graph.vocabulary, [replace(graph.rules()[0], evidence=evidence), *graph.rules()[1:]], notes=["nothing\x1b else"]
    )
    lines = str(shown.with_entailment()).splitlines()
    assert lines[0].split() == ["rule", "kept", "broken,", "95", "%", "live", "standing"]
    assert "99.76 %" in lines[2]
    assert lines[2].endswith("accepted")
    assert "0.00 to 1.34 %" in lines[2]
    assert "1,234" in lines[2]
    assert "that follow from these" in lines[-2]
    assert lines[-1] == "note: nothing· else"
    column = lines[0].index("kept")
    assert all(line[column - 2 : column] == "  " for line in lines[2:-2])
    assert str(KnowledgeGraph(Vocabulary({}))) == "no rules"


@pytest.mark.parametrize("width", [80, 100, 120])
def test_long_rules_go_on_in_the_next_line_and_nothing_is_lost(width: int) -> None:
    text = "exactly_one(" + ", ".join(f"relation_{place}(a, b)" for place in range(12)) + ")"
    evidence = Evidence(Ledger(1234, 3, 40, 0.002, (0.0, 0.0134)), data=Ledger(1200, 0), confirmed=True)
    lines = rule_table([Rule(parse(text), evidence)], width=width)
    assert ("live" in lines[0]) is (width >= 100)
    assert max(map(len, lines)) <= width
    column = lines[0].index("in the data" if width < 100 else "kept")
    assert "".join(line[:column] for line in lines[2:]).replace(" ", "") == text.replace(" ", "")


# ----------------------------------------------------------------------------------------- files


@settings(max_examples=60)
@given(graphs())
def test_networkx_and_back_is_the_identity(graph: KnowledgeGraph) -> None:
    there = graph.to_networkx()
    assert isinstance(there, nx.MultiDiGraph)
    assert KnowledgeGraph.from_networkx(there) == graph


@settings(max_examples=60)
@given(graph=graphs())
def test_saving_and_loading_is_the_identity(tmp_path_factory: pytest.TempPathFactory, graph: KnowledgeGraph) -> None:
    path = tmp_path_factory.mktemp("graphs") / "g.kg.json"
    graph.save(path)
    again = KnowledgeGraph.load(path)
    assert again == graph
    assert str(again) == str(graph)
    again.save(path.with_suffix(".again"))
    assert path.read_bytes() == path.with_suffix(".again").read_bytes()


def test_edges_follow_from_the_rules(graph: KnowledgeGraph) -> None:
    there = graph.with_entailment().to_networkx()
    kinds = {(source, target, data["type"]) for source, target, data in there.edges(data=True)}
    assert ("predicate:left_of", "predicate:right_of", "inverse_of") in kinds
    assert ("predicate:left_of", "predicate:right_of", "maps_to") in kinds
    assert ("concept:monitor", "concept:desk", "holds_between") in kinds
    transitive = f"rule:{graph.rule('transitive(left_of)').id}"
    assert ("predicate:left_of", transitive, "body") in kinds
    assert (transitive, "predicate:left_of", "head") in kinds
    assert any(kind == "entailed_by" for _, _, kind in kinds)
    assert there.nodes[transitive]["text"] == TEXTS[1]
    changed = graph.to_networkx()
    changed.add_edge("predicate:left_of", "predicate:on", type="implies")
    with pytest.raises(FileFormatError, match="does not follow from the rules"):
        KnowledgeGraph.from_networkx(changed)


@pytest.fixture
def saved(graph: KnowledgeGraph, tmp_path: Path) -> Path:
    path = tmp_path / "rooms.kg.json"
    cited = replace(
        graph.rules()[3], evidence=Evidence(Ledger(3, 1), examples=(Citation("room 1", (("a", 0), ("b", 1)), "w"),))
    )
    world = World(2, {"monitor": {(0,)}, "desk": {(1,)}, "on": {(0, 1)}})
    KnowledgeGraph(graph.vocabulary, [*graph.rules()[:3], cited], {"w": world}).save(path)
    return path


def test_files_are_text_for_diffs(saved: Path) -> None:
    text = saved.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    document = json.loads(text)
    assert (document["format"], document["version"]) == ("rulekd knowledge graph", 1)
    before = text.splitlines()
    KnowledgeGraph.load(saved).reject("transitive(left_of)").save(saved)
    after = saved.read_text(encoding="utf-8").splitlines()
    assert len(set(after) ^ set(before)) <= 2


def test_every_truncation_is_refused_by_name(saved: Path) -> None:
    text = saved.read_text(encoding="utf-8")
    for length in {*range(0, len(text) - 2, max(1, len(text) // 60)), len(text) - 2}:
        saved.write_text(text[:length], encoding="utf-8")
        with pytest.raises(FileFormatError) as caught:
            KnowledgeGraph.load(saved)
        assert str(saved) in str(caught.value)


def _set(document: dict[str, object], path: str, value: object) -> None:
    place: object = document
    *way, last = path.split("/")
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]  # type: ignore[index]
    if value is ...:
        del place[last]  # type: ignore[attr-defined]
    else:
        place[last] = value  # type: ignore[index]


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("version", 2, "newer rulekd"),
        ("version", "1", "version '1'"),
        ("version", ..., "version None"),
        ("format", "gexf", "not a knowledge graph"),
        ("directed", False, "directed"),
        ("nodes", 3, "cannot be read"),
        ("nodes", [{"id": "rule:1"}], "type"),
        ("edges", ..., "cannot be read"),
        ("edges", [], "is missing"),
        ("graph/frame", 7, "frame"),
        ("graph/notes", "x", "notes"),
        ("graph/provenance", {"sauce": 1}, "'sauce'"),
        ("graph/provenance", {"source": "guessed"}, "source"),
        ("nodes/0/arity", 9, "arity"),
        ("nodes/0/arity", "2", "arity"),
        ("nodes/0/name", "<img onerror>", "identifier"),
        ("nodes/0/type", "thing", "'thing'"),
        ("nodes/5/text", "left_of(a, b) ->", "line 1"),
        ("nodes/5/text", "left_of(a, b) -> right_of(b, a)", "changed by hand"),
        ("nodes/5/text", 3, "formula"),
        ("nodes/5/status", "maybe", "status"),
        ("nodes/5/entailed_by", ["0"], "entailed by"),
        ("nodes/8/evidence", {"teacher": {"support": 1}}, "violations"),
        ("nodes/8/evidence", {"teacher": {"support": 1, "violations": 2}}, "violations"),
        ("nodes/8/evidence", {"teacher": {"support": True, "violations": 0}}, "support"),
        ("nodes/8/evidence", [], "evidence"),
        ("nodes/9/world", {"size": 2}, "entries"),
        ("nodes/9/world/facts", {"on": ["0 x"]}, "object numbers"),
        ("nodes/9/world/facts", {"on": ["0 7"]}, "objects are 0 to 1"),
    ],
)
def test_malformed_files_are_refused_with_the_place(saved: Path, path: str, value: object, says: str) -> None:
    document = json.loads(saved.read_text(encoding="utf-8"))
    _set(document, path, value)
    saved.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(FileFormatError) as caught:
        KnowledgeGraph.load(saved)
    assert str(saved) in str(caught.value)
    assert says in str(caught.value)


@pytest.mark.parametrize("text", [b"\xff\xfe\x00", b"[]", b"null", b"3", b"[" * 100_000, b"{}", b""])
def test_other_files_are_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(text)
    with pytest.raises(FileFormatError, match="x"):
        KnowledgeGraph.load(path)
    with pytest.raises(FileFormatError, match="cannot be read"):
        KnowledgeGraph.load(tmp_path / "absent")
    with pytest.raises(FileFormatError, match="cannot be read"):
        KnowledgeGraph.load(tmp_path)


@settings(max_examples=200)
@given(st.data())
def test_any_damage_is_refused_or_leaves_a_graph(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("damaged") / "g.json"
    KnowledgeGraph.of(TEXTS[:2]).save(path)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    try:
        assert isinstance(KnowledgeGraph.load(path), KnowledgeGraph)
    except FileFormatError as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome is right, another exception is not


def test_a_failed_save_keeps_the_old_file(saved: Path, graph: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        graph.save(saved)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_writing_keeps_mode_and_follows_links(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert real.stat().st_mode & 0o777 == 0o640


def test_saving_where_no_folder_is_fails_clearly(graph: KnowledgeGraph, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        graph.save(tmp_path / "absent" / "g.json")
