"""Train `pocket`: `python -m llmri_server.pocket.train`, or `make pocket`."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from llmri_protocol.command_line import one_sentence
from llmri_server.pocket.batches import TrainingBatch, make_batch
from llmri_server.pocket.card import write_card
from llmri_server.pocket.recipe import CONTEXT, Recipe
from llmri_server.pocket.score import QUESTIONS, mark_folder, marks_table
from llmri_server.pocket.tokenizer import train_tokenizer

CHECKPOINT_EVERY = 100


@dataclass
class Run:
    """A training run in memory, as it is saved and taken up again."""

    recipe: Recipe
    tokenizer: PreTrainedTokenizerFast
    model: LlamaForCausalLM
    optimizers: list[torch.optim.Optimizer]
    step: int = 0

    def save(self, path: Path) -> None:
        """Write a checkpoint, never leaving half of one behind."""
        state = {
            "recipe": dataclasses.asdict(self.recipe),
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        partial = path.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(path)

    def resume(self, path: Path) -> None:
        """Take up the run where the checkpoint left it.

        Raises:
            ValueError: The checkpoint is of another recipe; only the number of steps may differ.
        """
        state = torch.load(path, weights_only=True)
        if Recipe(**state["recipe"] | {"steps": self.recipe.steps}) != self.recipe:
            raise ValueError(f"{path} is of another recipe, {state['recipe']}; remove it or name its seed")
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


def new_run(recipe: Recipe) -> Run:
    """Start a run: tokenizer, random weights and optimizers, all from the recipe's seed."""
    torch.manual_seed(recipe.seed)
    tokenizer = train_tokenizer(recipe.seed, CONTEXT)
    model = LlamaForCausalLM(_config(tokenizer))
    return Run(recipe, tokenizer, model, _optimizers(model, recipe))


def _config(tokenizer: PreTrainedTokenizerFast) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=8,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )


def _optimizers(model: LlamaForCausalLM, recipe: Recipe) -> list[torch.optim.Optimizer]:
    """Muon (Jordan et al. 2024) for the blocks' matrices, AdamW for the embedding and the norms."""
    matrices = [p for name, p in model.named_parameters() if name.endswith("proj.weight")]
    others = [p for name, p in model.named_parameters() if not name.endswith("proj.weight")]
    decay = recipe.weight_decay
    return [
        torch.optim.Muon(matrices, lr=recipe.matrix_rate, weight_decay=decay, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=recipe.other_rate, weight_decay=0.0, betas=(0.9, 0.95)),
    ]


def loss_of(model: LlamaForCausalLM, batch: TrainingBatch) -> torch.Tensor:
    """Return the weighted mean cross-entropy of the next token, in nats."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(batch.ids, use_cache=False).logits[:, :-1]
    losses = functional.cross_entropy(
        logits.float().flatten(0, 1), batch.ids[:, 1:].flatten(), reduction="none"
    )
    weights = batch.weights[:, 1:].flatten()
    return (losses * weights).sum() / weights.sum()


def train_step(run: Run) -> float:
    """Take one step and give its loss in nats a token."""
    recipe = run.recipe
    batch = make_batch(
        run.tokenizer,
        seed=recipe.seed,
        step=run.step,
        rows=recipe.rows,
        length=recipe.length,
        shares=recipe.shares(run.step),
    )
    loss = loss_of(run.model, batch)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(run.model.parameters(), recipe.clip)
    for optimizer, peak in zip(run.optimizers, (recipe.matrix_rate, recipe.other_rate), strict=True):
        optimizer.param_groups[0]["lr"] = peak * recipe.rate(run.step)
        optimizer.step()
        optimizer.zero_grad()
    run.step += 1
    return loss.item()


def main(
    out: Annotated[Path, typer.Option(help="Where the finished model goes.")],
    work: Annotated[Path, typer.Option(help="Where checkpoints are kept.")] = Path("build/pocket"),
    steps: Annotated[int, typer.Option(help="Steps of teaching; resuming may change it.")] = Recipe.steps,
    seed: Annotated[int, typer.Option(help="Seed of data, tokenizer and weights.")] = Recipe.seed,
) -> None:
    """Train pocket, resuming from the last checkpoint in the work folder where there is one."""
    work.mkdir(parents=True, exist_ok=True)
    checkpoint = work / "checkpoint.pt"
    run = new_run(Recipe(steps=steps, seed=seed))
    if checkpoint.exists():
        _resume_or_say_why(run, checkpoint)
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns) as progress:
        bar = progress.add_task("pocket", total=run.recipe.all_steps, completed=run.step)
        while run.step < run.recipe.all_steps:
            loss = train_step(run)
            progress.update(bar, completed=run.step, description=f"pocket, loss {loss:.3f}")
            if run.step % CHECKPOINT_EVERY == 0 or run.step == run.recipe.all_steps:
                run.save(checkpoint)
                progress.console.print(f"step {run.step}, loss {loss:.4f}")
    export(run, out)
    marks = mark_folder(out, QUESTIONS)
    write_card(out, run.recipe, run.model.num_parameters(), marks)
    Console().print(marks_table(marks))


def _resume_or_say_why(run: Run, checkpoint: Path) -> None:
    with one_sentence("pocket.train", ValueError):
        run.resume(checkpoint)


def export(run: Run, folder: Path) -> None:
    """Write the model in float16 and its tokenizer, as `AutoModelForCausalLM` reads them."""
    run.model.half().save_pretrained(folder)  # type: ignore[no-untyped-call]
    run.tokenizer.save_pretrained(folder)


if __name__ == "__main__":
    typer.run(main)
