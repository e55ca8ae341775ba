"""Compile templates and rules, and read the model, once a process: tests make hundreds of apps."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask
from jinja2.bccache import Bucket, BytecodeCache
from werkzeug.routing import Rule

from flask_zerotrust.risk.model import BundleScorer, load_bundle
from flask_zerotrust.web import build


class CompiledTemplates(BytecodeCache):
    """Bytecode of templates by name, file and source, for all apps of a process."""

    def __init__(self) -> None:
        self._compiled: dict[tuple[str, str], bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give a template the bytecode of another app's, if its source is the same."""
        found = self._compiled.get((bucket.key, bucket.checksum))
        if found is not None:
            bucket.bytecode_from_string(found)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled."""
        self._compiled[bucket.key, bucket.checksum] = bucket.bytecode_to_string()


def share_compiled_templates() -> None:
    """Let every Flask app that is made from now on use the same bytecode."""
    Flask.jinja_options = {**Flask.jinja_options, "bytecode_cache": CompiledTemplates()}


def share_compiled_rules() -> None:
    """Let the rules of all apps share the functions that build their addresses.

    Werkzeug compiles two for each rule of each app. They depend on nothing but the parts of the rule.
    """
    compiled: dict[Any, Callable[..., tuple[str, str]]] = {}
    compile_builder = Rule._compile_builder

    def shared(rule: Rule, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:
        if rule.defaults:
            return compile_builder(rule, append_unknown)
        key = (rule.rule, append_unknown, tuple(rule._trace))
        if key not in compiled:
            compiled[key] = compile_builder(rule, append_unknown)
        return compiled[key]

    Rule._compile_builder = shared  # type: ignore[method-assign]


def share_the_model() -> None:
    """Let all apps share the model that ships: nobody writes into it."""
    shipped = cache(load_bundle)

    def shared(path: str | Path | None = None, sha256: str | None = None) -> BundleScorer:
        return load_bundle(path, sha256) if path else shipped(None, sha256)

    build.load_bundle = shared
