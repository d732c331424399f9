"""Parts: taken by name, table, class, object and path; mistakes are one sentence; nothing untrusted is imported."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import cloudpickle
import pytest
from pydantic import Field, PydanticUserError, TypeAdapter, ValidationError

from astraea.errors import InputError
from astraea.parts import Part, Settings, base, imports
from astraea.parts.base import Moved
from astraea.parts.imports import Typed
from astraea.parts.truths import TruthsApart
from astraea.parts.validation import from_options, validated


class Shape(Part, kind="shape", default="dot"):
    """What has an area."""

    @abstractmethod
    def area(self) -> float: ...


class Dot(Shape, name="dot"):
    """Nothing."""

    def area(self) -> float:
        return 0.0


class Square(Shape, name="square"):
    """A square."""

    side: float = Field(1.0, gt=0, description="Side.")

    def area(self) -> float:
        return self.side**2


class Frame(Shape, name="frame"):
    """A shape less another."""

    outer: Shape = Field(default_factory=Square, description="The whole.")
    inner: Shape = Field(default_factory=Dot, description="What is cut out.")

    def area(self) -> float:
        return self.outer.area() - self.inner.area()


class Plan(Settings):
    moved: ClassVar = {"length": Moved("shape", "side", 1.0)}
    shape: Shape = Field(default_factory=Dot, description="What is drawn.")


class House(Settings):
    plan: Plan = Field(default_factory=Plan)


def taken(shape: Any, **context: Any) -> Shape:
    return validated(House, {"plan": {"shape": shape}}, "house.toml", **context).plan.shape


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "own_shapes.py").write_text(
        "from pathlib import Path\n"
        "from pydantic import Field\n"
        f"from {__name__} import Shape\n"
        f"Path({str(tmp_path / 'imported')!r}).touch()\n"
        "class Circle(Shape, name='circle'):\n"
        "    '''A circle.'''\n"
        "    radius: float = Field(1.0, description='Radius.')\n"
        "    def area(self):\n"
        "        return 3 * self.radius ** 2\n"
        "def make():\n"
        "    raise AssertionError\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])
    yield "own_shapes"
    sys.modules.pop("own_shapes", None)
    Shape._parts.pop("circle", None)
    base._DEFINED.pop("own_shapes:Circle", None)


@pytest.mark.parametrize(
    "given",
    ["square", "Square", {"name": "square"}, {"name": "square", "side": 1}, Square, Square(), f"{__name__}:Square"],
)
def test_a_part_is_taken_by_name_table_class_object_and_path_of_what_is_there(given: Any) -> None:
    assert taken(given) == Square(side=1.0)
    assert Shape.of(given).area() == 1.0


def test_a_table_without_a_name_is_of_the_default_part() -> None:
    with pytest.raises(InputError, match=r"house.toml: unknown key 'plan.shape.side' \(known here: name\)"):
        taken({"side": 2})


def test_parts_hold_parts() -> None:
    frame = taken({"name": "frame", "inner": {"name": "square", "side": 0.5}})
    assert frame.area() == 0.75
    assert House(plan=Plan(shape=frame)).model_dump() == {
        "plan": {"shape": {"name": "frame", "outer": "square", "inner": {"name": "square", "side": 0.5}}}
    }


def test_what_is_all_default_is_written_as_its_name_unless_all_is_asked_for() -> None:
    plan = Plan(shape=Square())
    assert plan.model_dump() == {"shape": "square"}
    assert plan.model_dump(context={"full": True}) == {"shape": {"name": "square", "side": 1.0}}
    assert Plan().model_dump(context={"full": True}) == {"shape": "dot"}
    assert Plan.model_validate_json(plan.model_dump_json()) == plan


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("squire", r"'plan.shape' cannot be 'squire': unknown shape 'squire'; did you mean 'square'\?"),
        ({"name": "square", "side": 0}, r"'plan.shape.side' cannot be 0: input should be greater than 0"),
        (
            {"name": "square", "sides": 2},
            r"unknown key 'plan.shape.sides'; did you mean 'side'\? \(known here: name, side\)",
        ),
        ({"name": "frame", "inner": {"name": "square", "side": -1}}, r"'plan.shape.inner.side' cannot be -1"),
        (Plan, r"'Plan' is no shape: name a subclass of .*:Shape"),
        (3, r"'3' is no shape"),
    ],
)
def test_a_mistake_is_one_sentence_that_names_the_key(shape: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        taken(shape)
    assert str(caught.value).startswith("house.toml: ")
    assert "\n" not in str(caught.value)


def test_a_key_of_earlier_versions_goes_to_the_part_that_has_it() -> None:
    def plan(**values: Any) -> Plan:
        return validated(Plan, values, "old.toml")

    assert plan(shape="square", length=3).shape == Square(side=3)
    assert plan(shape={"name": "square", "side": 2}, length=3).shape == Square(side=2)
    assert plan(length=1.0).shape == Dot()  # what every old file held
    with pytest.raises(InputError, match=r"'length' is now 'shape.side', which the shape 'dot' does not have"):
        plan(length=3)
    assert from_options(Plan, {"shape": "square", "length": 3}, "plan").shape == Square(side=3)


def test_code_that_a_configuration_names_is_imported_only_with_trust(own_module: str, tmp_path: Path) -> None:
    path = f"{own_module}:Circle"
    with pytest.raises(InputError, match=r"shape 'own_shapes:Circle' is code .* add --trust"):
        taken(path)
    with pytest.raises(InputError, match="is code that this configuration names"):
        taken({"name": "own_shapes.Circle", "radius": 2})
    assert not (tmp_path / "imported").exists()
    assert taken({"name": path, "radius": 2}, trust=True).area() == 12
    assert taken("circle").area() == 3  # it is registered now


def test_what_was_typed_is_trusted(own_module: str) -> None:
    assert taken({"name": Typed(f"{own_module}:Circle")}).area() == 3


@pytest.mark.parametrize("path", ["os:system", "own_shapes:make", "builtins:int", f"{__name__}:Shape"])
def test_what_is_imported_must_be_a_part_before_it_is_called(own_module: str, path: str) -> None:
    with pytest.raises(InputError, match=rf"'{path}' is no shape: name a subclass of {__name__}:Shape"):
        taken(path, trust=True)


def test_what_fails_at_an_import_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "needing.py").write_text("import not_installed_here")
    (tmp_path / "failing.py").write_text("import os\nx = os.nothing")
    (tmp_path / "whole.py").write_text("class Circle: pass")
    for path, complaint in (
        ("needing:Circle", "its module 'needing' needs 'not_installed_here', which is not installed here: install it"),
        ("failing:Circle", r"as its module fails \(AttributeError: module 'os' has no attribute 'nothing'\): mend it"),
        ("whole:Circel", "as whole has no 'Circel'; did you mean 'Circle'?"),
        ("absent.deeper:Circle", "there is no module 'absent.deeper' in this folder or installed, so correct the name"),
    ):
        with pytest.raises(InputError, match=f"shape '{path}' cannot be imported.* {complaint}"):
            taken(path, trust=True)


def test_a_path_to_nothing_is_refused() -> None:
    for path in ("no_such_module:Circle", "os:Circle", ":Circle"):
        with pytest.raises(InputError, match=f"shape '{path}' cannot be imported"):
            taken(path, trust=True)


def test_installed_packages_bring_parts(own_module: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    info = tmp_path / "own_shapes-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-shapes\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[astraea.parts]\nown = own_shapes\n")
    assert taken("square") == Square()
    assert not (tmp_path / "imported").exists()  # nothing is imported for a name that is known
    assert taken("circle").area() == 3
    imports._INSTALLED.discard("own_shapes")
    sys.modules.pop("own_shapes")
    (tmp_path / "own_shapes.py").write_text("1 / 0")
    with pytest.warns(
        UserWarning, match="parts of the installed package own-shapes cannot be loaded .ZeroDivisionError"
    ):
        Shape.known()
    imports._INSTALLED.discard("own_shapes")


def test_a_name_belongs_to_one_part() -> None:
    with pytest.raises(InputError, match=r"shape 'square' is there twice, as .*:Square and as .*Other: give one"):

        class Other(Shape, name="square"):
            pass

    def again() -> type[Shape]:
        class Local(Shape, name="local"):
            def area(self) -> float:
                return 5.0

        return Local

    again()
    second = again()  # a notebook's cell, run again
    assert Shape.find("local") is second
    Shape._parts.pop("local")


def test_a_part_without_a_name_is_written_as_its_path_and_read_back_while_it_is_there() -> None:
    class Blob(Shape):
        size: float = 2.0

        def area(self) -> float:
            return self.size

    written = Plan(shape=Blob(size=3)).model_dump(mode="json")
    name = f"{__name__}:test_a_part_without_a_name_is_written_as_its_path_and_read_back_while_it_is_there.<locals>.Blob"
    assert written == {"shape": {"name": name, "size": 3.0}}
    assert validated(Plan, written, "x") == Plan(shape=Blob(size=3))


def test_parts_travel_by_value() -> None:
    class Blob(Shape):
        size: float = 2.0

        def area(self) -> float:
            return self.size

    assert cloudpickle.loads(cloudpickle.dumps(Blob(size=4))).area() == 4


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def (:\n", r"SyntaxError: invalid syntax \(broken\d\.py, line 1\)"),
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_module_that_fails_is_told_from_one_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    name = f"broken{len(text)}"
    (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", [str(tmp_path), *sys.path])
    with pytest.raises(InputError, match=rf"cannot be imported, as its module fails \({reason}\): mend it"):
        imports.imported("model", f"{name}:Net", trust=True)


def _every_model(root: type[TruthsApart]) -> Iterator[type[TruthsApart]]:
    for model in root.__subclasses__():
        yield model
        yield from _every_model(model)


def test_no_setting_takes_true_for_a_number() -> None:
    import astraea.congestion.environment.worlds
    import astraea.congestion.trainer.td3.settings
    import astraea.experiment.settings
    import astraea.network.settings  # noqa: F401

    refused = 0
    for model in _every_model(TruthsApart):
        for name, field in model.model_fields.items():
            kind: Any = field.annotation
            try:
                taken = TypeAdapter(kind).validate_python(True)
            except (ValidationError, PydanticUserError, InputError):
                continue
            if isinstance(taken, bool) or not isinstance(taken, int | float):
                continue
            handed_on = model._truths({name: True})[name]
            with pytest.raises(ValidationError, match="should be a valid"):
                TypeAdapter(kind).validate_python(handed_on)
            refused += 1
    assert refused > 200


@pytest.mark.parametrize("value", [True, False])
def test_a_truth_value_that_is_no_number_is_named(value: bool) -> None:
    with pytest.raises(InputError, match=f"'side' cannot be {str(value).lower()}: input should be a valid number"):
        Square.of({"name": "square", "side": value})


def test_truths_in_lists_of_numbers_are_refused_and_those_that_are_meant_are_taken() -> None:
    class Mixed(Settings):
        spots: tuple[float, ...] = ()
        wide: bool = False
        either: int | bool = 0

    assert Mixed(wide=True, either=True).model_dump() == {"spots": (), "wide": True, "either": True}
    with pytest.raises(ValidationError, match=r"spots\.1"):
        Mixed.model_validate({"spots": [1, True]})
