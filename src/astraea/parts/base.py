"""Settings, parts and their kinds; what they are for, the package says."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self, cast

from pydantic import ConfigDict, GetCoreSchemaHandler, ValidationError, ValidationInfo, model_validator
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from astraea.errors import InputError, unknown_name
from astraea.parts.imports import Typed, import_installed, imported
from astraea.parts.sentences import sentence
from astraea.parts.truths import TruthsApart

__all__ = ["Moved", "Part", "Settings", "kinds"]

_WORD = 1 << 63


class Moved(NamedTuple):
    """Where a key of earlier versions is now: it is ``key`` of the part in ``field``.

    ``default`` is what earlier files hold where nobody set it: dropped where the part has no such key.
    """

    field: str
    key: str
    default: Any = None


class Settings(TruthsApart):
    """A section of settings: frozen, strict about its keys. Descriptions of fields are help and reference page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    moved: ClassVar[Mapping[str, Moved]] = {}
    """Keys of earlier versions, which are still read."""

    if not TYPE_CHECKING:  # checkers know the fields by pydantic's own

        def __init__(self, /, **given: Any) -> None:
            """Raise :class:`InputError` with one sentence for settings that cannot be used."""
            try:
                super().__init__(**given)
            except ValidationError as error:
                raise InputError(sentence(error)) from error

        __init__.__pydantic_base_init__ = True  # validators need not call it

    @classmethod
    def renewed(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Return ``given`` in today's spelling. Raises :class:`InputError` for what says nothing any more."""
        for old in [key for key in cls.moved if key in given]:
            value, (field, key, default) = given.pop(old), cls.moved[old]
            if value is None:
                continue
            kind = cls.model_fields[field].annotation
            assert isinstance(kind, type)
            assert issubclass(kind, Part)
            part = kind.table(given.get(field, {}))
            found = kind.registered().get(part["name"])
            if found is not None and key in found.model_fields:
                given[field] = {key: value, **part}
            elif default is None or value != default:
                raise InputError(
                    f"'{old}' is now '{field}.{key}', which the {kind.kind_of_part} '{part['name']}' does not have: "
                    f"leave it out, or name another {kind.kind_of_part}"
                )
        return given

    @classmethod
    def table_keys(cls) -> list[str]:
        """Return the keys of a table of these settings."""
        return list(cls.model_fields)

    @classmethod
    def completed(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Return ``given`` with what follows from it."""
        return given

    @model_validator(mode="before")
    @classmethod
    def _spelled(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        renewed = cls.renewed(cls.completed(dict(given)))
        for key in renewed:
            if key not in cls.model_fields:
                raise PydanticCustomError("unknown_key", "unknown key", {"key": str(key), "known": cls.table_keys()})
        for key, value in renewed.items():
            if (
                type(value) is int and not -_WORD <= value < _WORD and key != "seed"
            ):  # which may be a secret of any length
                raise PydanticCustomError(
                    "too_long", f"'{key}' is a whole number of more than 64 bits: give a smaller one"
                )
        return renewed


class Part(Settings):
    """Base of every kind of part; see the module. ``name`` is how settings call a part."""

    kind_of_part: ClassVar[str] = ""
    default: ClassVar[str] = ""
    name: ClassVar[str] = ""
    _root: ClassVar[type[Part]]
    _parts: ClassVar[dict[str, type[Part]]]

    def __init_subclass__(cls, *, kind: str = "", default: str = "", name: str = "", **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.name = name or f"{cls.__module__}:{cls.__qualname__}"
        if kind:
            cls.kind_of_part, cls.default, cls._root, cls._parts = kind, default, cls, {}
            _KINDS[kind] = cls
            return
        _DEFINED[f"{cls.__module__}:{cls.__qualname__}"] = cls
        if name:
            other = cls._parts.get(name)
            if other is not None and (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
                raise InputError(
                    f"{cls.kind_of_part} '{name}' is there twice, as {other.__module__}:{other.__qualname__} and as "
                    f"{cls.__module__}:{cls.__qualname__}: give one of them another name"
                )
            cls._parts[name] = cls

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__(state)
        cls = type(self)  # a class of a script came to this worker process by value, without its registration
        if ":" not in cls.name:
            cls._parts.setdefault(cls.name, cls)

    @classmethod
    def registered(cls) -> Mapping[str, type[Self]]:
        """Return the parts of this kind by name, as far as their modules have been imported."""
        return cast("Mapping[str, type[Self]]", cls._parts)

    @classmethod
    def known(cls) -> Mapping[str, type[Self]]:
        """Return the parts of this kind by name, those of installed packages included."""
        import_installed()
        return cls.registered()

    @classmethod
    def of(cls, given: Any, /, **settings: Any) -> Self:
        """Return the part that ``given`` stands for: a name, an import path, a table, a class or the part itself.

        ``settings`` are those of the part, where it is named. Raises :class:`InputError` for one that is not known
        or settings that it does not have.
        """
        if settings:
            given = {**cls.table(given), **settings}
        try:
            return cls._taken(given, trust=True)
        except ValidationError as error:
            raise InputError(sentence(error)) from error

    @classmethod
    def find(cls, name: str, *, trust: bool = False) -> type[Self]:
        """Return the part called ``name``, or the one at that import path, which is imported only with ``trust``.

        Raises :class:`InputError` if there is none.
        """
        for parts in (cls.registered, cls.known):
            found = parts().get(name) or parts().get(name.lower())
            if found is not None:
                return found
        if ":" not in name and "." not in name:
            raise unknown_name(cls.kind_of_part, name, cls.registered())
        defined = _DEFINED.get(name)
        if defined is None:
            return cls.accepted(imported(cls.kind_of_part, name, trust=trust or isinstance(name, Typed)), name)
        return cls.accepted(defined, name)

    @classmethod
    def accepted(cls, found: Any, name: str) -> type[Self]:
        """Return ``found`` at the import path ``name`` as a part. Raises :class:`InputError` if it is none."""
        if not (isinstance(found, type) and issubclass(found, cls._root)) or inspect.isabstract(found):
            raise InputError(f"'{name}' is no {cls.kind_of_part}: name a subclass of {_path(cls._root)}")
        return cast("type[Self]", found)

    @classmethod
    def table(cls, given: Any) -> dict[str, Any]:
        """Return ``given``, a part in any form, as a table with the key ``name``."""
        if isinstance(given, Part):
            return {"name": type(given), **dict(given)}
        if isinstance(given, Mapping):
            return {"name": cls.default, **given}
        return {"name": given}

    @classmethod
    def table_keys(cls) -> list[str]:
        """Return the keys of a table of this part; ``name`` is one."""
        return ["name", *cls.model_fields]

    def called(self) -> str:
        """Return the name under which settings say which part this is."""
        return self.name

    @classmethod
    def _taken(cls, given: Any, *, trust: bool) -> Self:
        if isinstance(given, cls._root):
            return cast("Self", given)
        table = cls.renewed_table(cls.table(given))
        name = table.pop("name")
        if isinstance(name, str):
            found = cls.find(name, trust=trust)
        else:
            found = cls.accepted(name, getattr(name, "__name__", repr(name)))
        return found.model_validate(table, context={"trust": trust})

    @classmethod
    def renewed_table(cls, table: dict[str, Any]) -> dict[str, Any]:
        """Return a table of this kind, ``name`` included, in today's spelling."""
        return table

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if cls.__dict__.get("_root") is not cls:
            schema: CoreSchema = handler(source)
            return schema

        def take(given: Any, info: ValidationInfo) -> Part:
            try:
                part: Part = cls._taken(given, trust=bool((info.context or {}).get("trust")))
                return part
            except ValidationError as error:
                raise PydanticCustomError("within", "its settings", {"error": error}) from error

        serialiser = core_schema.plain_serializer_function_ser_schema(_written, info_arg=True)
        return core_schema.with_info_plain_validator_function(take, serialization=serialiser)


_KINDS: dict[str, type[Part]] = {}
_DEFINED: dict[str, type[Part]] = {}  # by import path: to name what is there already imports nothing


def kinds() -> Mapping[str, type[Part]]:
    """Return every kind of part, by its name in messages, as far as their modules have been imported."""
    return _KINDS


def _written(part: Part, info: Any) -> Any:
    """Return the part's name alone if all of its settings are the defaults, else its table.

    With ``full`` in the context of the serialisation every setting is written, so that files stay what they mean.
    """
    fields = type(part).model_fields
    usual = all(field.get_default(call_default_factory=True) == getattr(part, key) for key, field in fields.items())
    if not fields or (usual and not (info.context or {}).get("full")):
        return str(part.called())
    table = part.model_dump(mode=info.mode, context=info.context, exclude_none=info.exclude_none)
    return {"name": str(part.called()), **table}


def _path(found: type) -> str:
    return f"{found.__module__}:{found.__qualname__}"
