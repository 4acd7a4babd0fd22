"""One sentence for a request that cannot be read, made from the limits, units and typical values of its type."""

from __future__ import annotations

from pydantic import BaseModel, ValidationError

from distill_core.errors import SpecError
from distill_core.specs import controls

_LIMITS = {
    "greater_than": ("gt", ">"),
    "greater_than_equal": ("ge", "≥"),
    "less_than": ("lt", "<"),
    "less_than_equal": ("le", "≤"),
}
_LENGTHS = {"too_short": ("min_length", "at least"), "too_long": ("max_length", "at most")}


def explain(error: ValidationError, spec: type[BaseModel]) -> SpecError:
    """The first problem with a request of this type: the setting, the value, what is allowed and what is typical."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])[:80] if first["loc"] else "spec"
    got = repr(first["input"])[:80]
    field = spec.model_fields.get(name)
    usual = controls.described(field).get("typical") if field is not None else None
    typical = f"Typical: {usual}." if usual else ""
    if first["type"] in _LIMITS:
        key, sign = _LIMITS[first["type"]]
        limit = first.get("ctx", {})[key]
        shown = f"{limit:,}" if isinstance(limit, int) else f"{limit:g}"
        return SpecError(f"{name} must be {sign} {shown}, got {got}.", typical)
    if first["type"] in _LENGTHS:
        key, bound = _LENGTHS[first["type"]]
        limit, there = first.get("ctx", {})[key], first["ctx"]["actual_length"]
        entries = "entry" if limit == 1 else "entries"
        return SpecError(f"{name} must list {bound} {limit} {entries}, got {there or 'none'}.", typical)
    if first["type"] == "missing":
        return SpecError(f"{name} is missing.", field.description or "" if field else "")
    if first["type"] == "extra_forbidden":
        return SpecError(
            f"{name} is not a setting of {spec.model_fields['kind'].default}.",
            f"Known: {', '.join(spec.model_fields)}.",
        )
    if first["type"] == "literal_error":
        return SpecError(f"{name} must be one of {first['ctx']['expected']}, got {got}.", typical)
    if first["type"] == "string_pattern_mismatch":
        return SpecError(f"{name}: {got} is unknown.", f"Known: {field.description if field else ''}")
    if first["type"] in ("int_parsing", "int_from_float", "int_type"):
        return SpecError(f"{name} must be a whole number, got {got}.", typical)
    return SpecError(f"{name}: {first['msg'].lower()}, got {got}.", typical)
