"""The skills of `pocket`, each of which can be asked for and marked."""

from llmri_server.pocket.skills.arithmetic import Addition, Subtraction
from llmri_server.pocket.skills.base import Example, Skill, Split
from llmri_server.pocket.skills.counting import Counting
from llmri_server.pocket.skills.facts import capitals, french, opposites
from llmri_server.pocket.skills.poems import Poems
from llmri_server.pocket.skills.spelling import Backwards
from llmri_server.pocket.skills.stories import Stories

SKILLS: tuple[Skill, ...] = (
    Addition(),
    Subtraction(),
    Counting(),
    capitals(),
    french(),
    opposites(),
    Backwards(),
    Stories(),
    Poems(),
)

__all__ = ["SKILLS", "Example", "Skill", "Split"]
