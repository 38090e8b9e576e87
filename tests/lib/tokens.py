# SPDX-License-Identifier: Apache-2.0
"""A coordinator's file of tokens, as `stepfleet token` makes its lines."""
import os
import subprocess

from fleet import BIN


class Tokens:
    """The coordinator's file, and those of the tokens in it."""

    def __init__(self, directory):
        self.dir = directory
        self.file = directory / "tokens"
        self.lines = {}

    def make(self, name, *args):
        """A file of a new token; `name` is the file's."""
        path = self.dir / f"{name}.token"
        run = subprocess.run([BIN / "stepfleet", "token", "create", *args, "--out", path, "--force"],
                             check=True, capture_output=True, text=True)
        self.lines[name] = run.stdout
        self.write()
        return path

    def write(self, *without):
        new = self.dir / "tokens.new"
        new.write_text("".join(v for k, v in self.lines.items() if k not in without))
        os.rename(new, self.file)
