"""Names and texts in lexicons that try to become code; and names that Python uses itself."""

from __future__ import annotations

import ast
import builtins
import importlib
import json
import keyword
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from lexgen import ir
from lexgen.catalog import load_files
from lexgen.emit.json_schema import bundle
from lexgen.emit.python import docstring
from lexgen.emit.reference import markdown
from lexgen.names import field_name, module_parts, snake_case
from lexgen.outputs import outputs

ATTACKS = (
    '"""\nimport os; os.environ["OWNED"] = "1"\n"""',
    "'''\nraise SystemExit\n'''",
    "{{ 7 * 7 }} {% raw %} {# x #}",
    '\\"""',
    "\\",
    'ends in a quote "',
    "# comment\rraise SystemExit\r\n",
    "\u2028raise SystemExit\x85x\x0c",
    "__import__('os').abort()",
    "<script>alert(1)</script> | [x](javascript:y) `",
    "\x00\x1b[31m",
)


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_docstrings_end_where_they_should(attack: str) -> None:
    for text in (attack, f"before {attack} after", attack * 20):
        (statement,) = ast.parse(docstring(text)).body
        assert isinstance(statement, ast.Expr)
        assert isinstance(statement.value, ast.Constant)


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_markdown_is_one_harmless_line(attack: str) -> None:
    text = markdown(attack)
    assert "\n" not in text
    assert "<script>" not in text
    assert text.count("`") % 2 == 0


def hostile_lexicon(attack: str) -> dict[str, Any]:
    return {
        "lexicon": 1,
        "id": "org.example.hostile",
        "description": attack,
        "defs": {
            "main": {
                "type": "record",
                "key": "any",
                "description": attack,
                "record": {
                    "type": "object",
                    "properties": {
                        attack: {"type": "string", "description": attack},
                        "choice": {"type": "string", "enum": [attack, "b"], "default": attack},
                        "same": {"type": "string", "const": attack},
                        "known": {"type": "string", "knownValues": [attack]},
                        "file": {"type": "blob", "accept": ['"""/{{x}}']},
                    },
                },
            },
            "mark": {"type": "token", "description": attack},
        },
    }


@pytest.mark.parametrize("attack", ATTACKS, ids=range(len(ATTACKS)))
def test_hostile_lexicons_become_harmless_modules(
    attack: str, generate: Callable[..., ModuleType]
) -> None:
    package = generate([hostile_lexicon(attack)], third_party=True)
    module = importlib.import_module(f"{package.__name__}.org.example.hostile")
    record = {"$type": "org.example.hostile", attack: "x", "choice": attack, "same": attack}
    built = module.Hostile.from_dict(record)
    assert built.to_dict() == record
    assert module.Hostile.from_cbor(built.to_cbor()) == built
    assert module.Hostile().choice == attack
    issues = package.check({**record, "choice": "c"})
    assert [issue.code for issue in issues] == ["enum"]
    assert "\n" not in str(issues[0])


def test_every_output_survives_hostile_texts() -> None:
    for attack in ATTACKS:
        content = json.dumps(hostile_lexicon(attack)).encode()
        catalog = load_files({"org/example/hostile.json": content}).sound_catalog()
        for path, text in outputs(catalog, "p").items():
            assert ".." not in path
            if path.endswith(".py"):
                ast.parse(text)
            elif path.endswith(".json"):
                json.loads(text)


def test_paths_cannot_leave_the_output_folder() -> None:
    for nsid in ("../../etc.passwd.x", "org.example/../../x", "org..x", "/org.example.x"):
        content = json.dumps({"lexicon": 1, "id": nsid, "defs": {"a": {"type": "token"}}}).encode()
        assert load_files({"a.json": content}, third_party=True).catalog is None


def test_names_of_python_are_mangled() -> None:
    assert field_name("class") == "class_"
    assert field_name("bytes") == "bytes_"
    assert field_name("fromDict") == "from_dict_"
    assert field_name("cid") == "cid"
    assert field_name("cid", in_record=True) == "cid_"
    assert field_name("cid-link") == "cid_link"
    assert field_name("3d") == "field_3d"
    assert field_name("__class__") == "field__class__"
    assert snake_case("someURLValue") == "some_url_value"
    assert module_parts("in.example.import") == ("in_", "example", "import_")
    assert module_parts("com.4chan.my-site") == ("com", "_4chan", "my_site")
    for name in (*keyword.kwlist, *dir(builtins)):
        mangled = field_name(name)
        assert mangled.isidentifier()
        assert not keyword.iskeyword(mangled)


def test_all_names_that_generated_code_uses_can_be_properties(
    generate: Callable[..., ModuleType],
) -> None:
    names = sorted({*keyword.kwlist, *dir(builtins), "extra", "data", "get", "value", "typed"})
    mangled: dict[str, str] = {}
    for name in names:
        mangled.setdefault(field_name(name), name)
    properties = {name: {"type": "integer"} for name in mangled.values()}
    definition = {"type": "object", "properties": properties}
    lexicon = {"lexicon": 1, "id": "org.example.names", "defs": {"main": definition}}
    package = generate([lexicon])
    module = importlib.import_module(f"{package.__name__}.org.example.names")
    value = dict.fromkeys(properties, 1)
    assert module.Names.from_dict(value).to_dict() == value


def test_one_lexicon_may_be_named_below_another(generate: Callable[..., ModuleType]) -> None:
    part = {"type": "object", "properties": {"back": {"type": "ref", "ref": "org.example.a.b"}}}
    inner = {"type": "object", "properties": {"up": {"type": "ref", "ref": "org.example.a"}}}
    package = generate(
        [
            {"lexicon": 1, "id": "org.example.a", "defs": {"main": part}},
            {"lexicon": 1, "id": "org.example.a.b", "defs": {"main": inner}},
        ]
    )
    value = {"back": {"up": {"back": {}}}}
    cls = package.class_of("org.example.a")
    assert cls.from_dict(value).to_dict() == value


def test_values_that_contain_themselves_have_a_bottom(generate: Callable[..., ModuleType]) -> None:
    part = {"type": "object", "properties": {"in": {"type": "ref", "ref": "#part"}}}
    package = generate([{"lexicon": 1, "id": "org.example.nest", "defs": {"part": part}}])
    cls = package.class_of("org.example.nest#part")
    value: dict[str, Any] = {}
    for _ in range(31):
        value = {"in": value}
    built = cls.from_dict(value)
    assert cls.from_cbor(built.to_cbor()) == built
    for _ in range(5_000):
        value = {"in": value}
    with pytest.raises(package.ValidationError, match="nested deeper than 32"):
        cls.from_dict(value)


def test_json_schema_of_hostile_lexicon_is_a_schema() -> None:
    import jsonschema

    for attack in ATTACKS:
        content = json.dumps(hostile_lexicon(attack)).encode()
        catalog = load_files({"org/example/hostile.json": content}).sound_catalog()
        assert isinstance(catalog.by_id[ir.DefId("org.example.hostile", "main")], ir.Object)
        jsonschema.Draft202012Validator.check_schema(json.loads(bundle(catalog)))
