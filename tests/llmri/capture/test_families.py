import pytest

from llmri.capture.document import FINAL_NORM_LAYER, OUTPUT_LAYER
from llmri.capture.errors import CaptureError
from llmri.capture.families import Profile, default_prompts, families, guess_family, profile_of
from llmri.capture.placing import Place, place


@pytest.mark.parametrize(
    ("architecture", "name", "experts", "family"),
    [
        ("llama", "Llama 3.2 1B Instruct", "0", "llama"),
        ("llama", "pocket", "0", "llama"),
        ("llama", "Mistral-7B-Instruct-v0.3", "0", "mistral"),
        ("llama", "Mixtral 8x7B", "8", "mistral"),
        ("llama", "somebody's mixture", "8", "mistral"),
        ("llama", "granite-3b-code", "0", "granite"),
        ("granite", "model", "0", "granite"),
        ("qwen2", "Qwen2.5 7B", "0", "qwen"),
        ("qwen3", "", "0", "qwen"),
        ("phi3", "Phi-3 mini", "0", "phi"),
        ("gemma2", "gemma 2", "0", "other"),
        ("", "", "0", "other"),
    ],
)
def test_the_family_is_guessed_from_the_file(architecture: str, name: str, experts: str, family: str) -> None:
    metadata = {
        "general.architecture": architecture,
        "general.name": name,
        f"{architecture}.expert_count": experts,
    }
    assert guess_family(metadata) == family


def test_every_family_has_a_profile_and_a_title() -> None:
    assert list(families()) == ["llama", "granite", "qwen", "phi", "mistral", "other"]
    for family, title in families().items():
        assert profile_of(family).title == title


def test_an_unknown_family_is_refused_with_the_nearest() -> None:
    with pytest.raises(CaptureError, match="did you mean `mistral`"):
        profile_of("mistrall")


def test_there_is_something_to_say_by_default() -> None:
    assert default_prompts()


MLP_1 = Place(1, "MLP output", "feed-forward")
BLOCK_2 = Place(2, "block output", "feed-forward")
FINAL = Place(FINAL_NORM_LAYER, "final norm", "normalisation")


@pytest.mark.parametrize(
    ("name", "operation", "reads", "expected"),
    [
        ("embd", "GET_ROWS", [("token_embd.weight", None)], Place(-1, "token embedding", "embedding")),
        ("node_0", "GET_ROWS", [("token_embd.weight", None)], Place(-1, "token embedding", "embedding")),
        ("Qcur-11", "MUL_MAT", [], Place(11, "query", "attention")),
        ("Kcur-3 (view)", "MUL_MAT", [], Place(3, "key", "attention")),
        ("cache_v_l7 (reshaped) (view)", "MUL_MAT", [], Place(7, "value cache", "attention")),
        ("ffn_swiglu-0", "MUL_MAT", [], Place(0, "neurons", "feed-forward")),
        ("norm-2", "RMS_NORM", [("l_out-1", None)], Place(2, "normalised", "normalisation")),
        ("norm", "RMS_NORM", [("l_out-2", BLOCK_2)], Place(FINAL_NORM_LAYER, "normalised", "normalisation")),
        ("norm", "RMS_NORM", [("ffn_out-1", MLP_1)], Place(1, "normalised", "normalisation")),
        (
            "ffn_post_norm",
            "MUL_MAT",
            [("blk.1.post_ffw_norm.weight", None)],
            Place(1, "norm after the MLP", "normalisation"),
        ),
        (
            "node_9",
            "MUL_MAT",
            [("blk.4.attn_output.weight", None)],
            Place(4, "attention output", "attention"),
        ),
        ("node_10", "GET_ROWS", [("l_out-2", BLOCK_2), ("out_ids", None)], BLOCK_2),
        ("result_norm", "MUL_MAT", [], Place(FINAL_NORM_LAYER, "final norm", "normalisation")),
        (
            "node_11",
            "MUL_MAT",
            [("output.weight", None), ("result_norm", FINAL)],
            Place(OUTPUT_LAYER, "logits", "output"),
        ),
        ("result_output", "MUL_MAT", [], Place(OUTPUT_LAYER, "logits", "output")),
        (
            "node_12",
            "FLASH_ATTN_EXT",
            [("Qcur-6 (view)", Place(6, "query", "attention"))],
            Place(6, "heads", "attention"),
        ),
        ("something-5", "MUL_MAT", [], Place(5, "", "other")),
    ],
)
def test_a_node_stands_where_its_name_or_what_it_reads_says(
    profile: Profile, name: str, operation: str, reads: list[tuple[str, Place | None]], expected: Place
) -> None:
    assert place(profile, name, operation, reads) == expected
