"""Running one text through several runtimes, and comparing what stood at each site and layer."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from llmri.compare.difference import Doubles, Floats, Predictions, compare_predictions, relative_errors
from llmri.compare.errors import CompareError
from llmri_protocol.messages import Edit, ModelCard
from llmri_server.runtime import EditError, PromptError, Runtime

MOST_BYTES = 512 << 20


@dataclass(frozen=True, eq=False)
class Compared:
    """One model against the reference.

    Attributes:
        name: What it is called here.
        sites: The relative error of every layer, `[layers]`, by site.
        absent: Sites that only one of the two has.
        predictions: What became of the next tokens.
    """

    name: str
    sites: Mapping[str, Doubles]
    absent: tuple[str, ...]
    predictions: Predictions


def compare(
    reference: Runtime,
    others: Mapping[str, Runtime],
    ids: Sequence[int],
    edits: Sequence[Edit] = (),
    *,
    on_pass: Callable[[int], object] = lambda _sites: None,
) -> list[Compared]:
    """Compare models at every site that they share with the reference, under the same edits.

    Of each model, activations of no more than `MOST_BYTES` are held at once, or those of one site.

    Args:
        reference: The model as it should be.
        others: The same model otherwise, by name.
        ids: What they read.
        edits: Of every model.
        on_pass: Is told how many more sites are done.

    Raises:
        CompareError: A model is of another shape, or an edit does not fit it.
    """
    for name, other in others.items():
        _check(reference, name, other, edits)
    errors: dict[str, dict[str, Doubles]] = {name: {} for name in others}
    for together in _passes(reference.card, len(ids)):
        expected = _rows(reference, together, ids, edits)
        for name, other in others.items():
            shared = [site for site in together if site in sites_of(other)]
            found = _rows(other, shared, ids, edits)
            errors[name] |= {site: relative_errors(expected[site], found[site]) for site in shared}
        on_pass(len(together))
    logits = _logits(reference, ids, edits)
    return [
        Compared(
            name=name,
            sites=errors[name],
            absent=tuple(sorted(set(sites_of(reference)) ^ set(sites_of(other)))),
            predictions=compare_predictions(logits, _logits(other, ids, edits)),
        )
        for name, other in others.items()
    ]


def sites_of(runtime: Runtime) -> tuple[str, ...]:
    """Return the names of a model's sites."""
    return tuple(site.name for site in runtime.card.sites)


def tokens_of(reference: Runtime, others: Mapping[str, Runtime], text: str, most: int) -> tuple[int, ...]:
    """Return at most so many tokens of a text, which all models read alike.

    Raises:
        CompareError: They do not, or there is none.
    """
    try:
        ids, read = reference.text_ids(text), {name: other.text_ids(text) for name, other in others.items()}
    except PromptError as error:
        raise CompareError(f"the text cannot be read: {error}") from None
    for name, found in read.items():
        if found != ids:
            place = next(
                (at for at, pair in enumerate(zip(ids, found, strict=False)) if pair[0] != pair[1]),
                min(len(ids), len(found)),
            )
            raise CompareError(
                f"{name} reads the text otherwise than the reference, from token {place} on; "
                "compare models with the same tokenizer"
            )
    if not ids:
        raise CompareError("the text has no tokens")
    return ids[: min(most, *(runtime.card.context for runtime in (reference, *others.values())))]


def _check(reference: Runtime, name: str, other: Runtime, edits: Sequence[Edit]) -> None:
    expected, found = reference.card, other.card
    for what in ("layers", "hidden_size"):
        if getattr(expected, what) != getattr(found, what):
            raise CompareError(
                f"{name} has {what.replace('_', ' ')} {getattr(found, what)}, "
                f"the reference {getattr(expected, what)}: it is another model"
            )
    try:
        reference.check_edits(edits)
        other.check_edits(edits)
    except EditError as error:
        raise CompareError(f"an edit does not fit {name} or the reference: {error}") from None


def _passes(card: ModelCard, positions: int) -> Iterator[list[str]]:
    """Yield the sites in groups, each small enough for one pass."""
    together, size = list[str](), 0
    for site in card.sites:
        more = 4 * positions * card.layers * site.width
        if together and size + more > MOST_BYTES:
            yield together
            together, size = [], 0
        together.append(site.name)
        size += more
    yield together


def _rows(
    runtime: Runtime, sites: Sequence[str], ids: Sequence[int], edits: Sequence[Edit]
) -> dict[str, Floats]:
    layers = tuple(range(runtime.card.layers))
    measured = runtime.measure(ids, [edits], sites=tuple((site, layers) for site in sites))
    return {site: rows[0] for site, rows in measured.rows.items()}


def _logits(runtime: Runtime, ids: Sequence[int], edits: Sequence[Edit]) -> Floats:
    logits: Floats = runtime.measure(ids, [edits], logits=len(ids)).logits[0]
    return logits
