"""Greetings and the like: not marked, but somebody will say hello first."""

import random

ABOUT = (
    "I can add and subtract, count, tell stories and poems, name capitals, "
    "translate into French, find opposites and spell backwards."
)
GREETINGS = ("Hello", "Hello!", "Hi", "Hi!", "hello", "hi", "Hey", "Good morning", "Good evening")
EXCHANGES: tuple[tuple[tuple[str, ...], str], ...] = (
    (GREETINGS, "Hello! What would you like to know?"),
    (("Thanks", "Thank you", "Thank you!", "Thanks!", "thanks"), "You are welcome."),
    (("Who are you?", "What are you?", "What is your name?"), "I am pocket, a very small language model."),
    (("What can you do?", "Help", "help", "What do you know?"), ABOUT),
    (("Bye", "Goodbye", "Bye!", "Goodbye!", "bye"), "Goodbye!"),
    (("How are you?", "How do you do?"), "I am well, thank you."),
)


def small_talk(rng: random.Random) -> tuple[str, str]:
    """Draw something a person says and the reply to it."""
    said, reply = rng.choice(EXCHANGES)
    return rng.choice(said), reply
