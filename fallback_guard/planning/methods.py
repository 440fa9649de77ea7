"""Ways to get a route out of a language model: what each asks for, and what it makes of the answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from fallback_guard.core.checked_task import ROUTES, CheckedTask
from fallback_guard.core.request import PickRequest
from fallback_guard.core.rules import Refusal
from fallback_guard.planning.beginnings import route_beginning
from fallback_guard.planning.llm import Question, never_hopeless
from fallback_guard.planning.prompt import answer_json_schema, chat_messages, route_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One way.  `question` asks for a request's route; `payload` is what becomes of the model's bytes."""

    about: str
    question: Callable[[PickRequest, Refusal | None, CheckedTask], Question]
    payload: Callable[[PickRequest, bytes], bytes] = lambda _request, answer: answer


def _for_the_request(request: PickRequest, refusal: Refusal | None, task: CheckedTask) -> Question:
    is_route = task is ROUTES
    return Question(
        messages=chat_messages(request, refusal, task),
        schema=answer_json_schema(request, task),
        hopeless=route_beginning(request) if is_route else never_hopeless,
        answer_bytes=len(route_text(request)) if is_route else 0,
    )


METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {
        "request_schema": Method(
            about="a JSON schema made for the request: its ids, and its items as the only stops",
            question=_for_the_request,
        ),
    }
)
"""Name -> method."""
