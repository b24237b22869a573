from dataclasses import replace

import pytest
import torch

from lds_mlflow.training.plan import Batch, draw_batch
from tests.tiny import FORM, PLAN


def _batch(step: int = 0, *, size: int = 1, seed: int = 3, n_decoded: int = 0) -> Batch:
    return draw_batch(replace(PLAN, seed=seed), step, FORM._replace(n_decoded=n_decoded), latent_dim=4, size=size)


def _same(one: Batch, other: Batch) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_batch_depends_on_the_seed_and_the_step_alone() -> None:
    torch.manual_seed(0)
    one = _batch()
    torch.manual_seed(1)
    assert _same(_batch(), one)
    assert not _same(_batch(1), one)
    assert not _same(_batch(seed=4), one)


def test_without_decoded_images_all_of_a_batch_is_for_the_evidence_bound() -> None:
    batch = _batch()
    assert (batch.rows.shape, batch.noise.shape, len(batch.decoded)) == ((6,), (6, 4), 0)
    assert batch.rows.max() < FORM.n


@pytest.mark.parametrize(("n_decoded", "size"), [(1, 1), (1, 2), (8, 3)])
def test_every_process_has_a_decoded_image_and_another_one_however_few_are_decoded(n_decoded: int, size: int) -> None:
    batch = _batch(n_decoded=n_decoded, size=size)
    assert len(batch.decoded) == max(size, 6 * n_decoded // FORM.n // size * size) > 0
    assert len(batch.rows) == 6 - len(batch.decoded) > 0


def test_decoded_images_have_their_share_of_a_batch() -> None:
    batch = _batch(n_decoded=8)
    assert (len(batch.rows), len(batch.decoded)) == (4, 2)
    assert all(_batch(step, n_decoded=8).rows.max() < FORM.n - 8 for step in range(20))
    assert all(_batch(step, n_decoded=8).decoded.max() < 8 for step in range(20))


def test_a_discriminator_gets_examples_that_no_model_has_made_where_a_batch_may_have_others() -> None:
    judged = replace(PLAN, adversarial_weight=1.0)
    made = [draw_batch(judged, step, FORM._replace(n_made=8), latent_dim=4, size=1) for step in range(20)]
    assert all(len(batch.real) == len(batch.rows) for batch in made)
    real, rows = (torch.cat([batch[place] for batch in made]) for place in (Batch._fields.index("real"), 0))
    assert real.max() < FORM.n - 8 <= rows.max()
    without = draw_batch(judged, 0, FORM, latent_dim=4, size=1)
    assert _same(without, made[0]._replace(real=without.real))
    # Without a discriminator, or where only the encoder sees what was made, the batch is real enough.
    for plan, form in ((PLAN, FORM._replace(n_made=8)), (judged, FORM._replace(n_made=8, n_decoded=8))):
        assert not len(draw_batch(plan, 0, form, latent_dim=4, size=1).real)


@pytest.mark.parametrize("size", [2, 3])
def test_processes_share_one_batch_without_rest(size: int) -> None:
    whole = _batch(size=size)
    shares = [whole.share(rank, size) for rank in range(size)]
    assert _same(Batch(*(torch.cat(parts) for parts in zip(*shares, strict=True))), whole)
    assert {len(share.rows) for share in shares} == {6 // size}


def test_the_weight_of_the_kl_term_rises_linearly_to_its_full_value() -> None:
    plan = replace(PLAN, kl_weight=2.0, kl_warmup=4)
    assert [plan.kl_weight_at(step) for step in range(6)] == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]


def test_without_a_warm_up_the_weight_is_full_at_once() -> None:
    assert replace(PLAN, kl_weight=2.0).kl_weight_at(0) == 2.0


def test_a_half_life_of_the_average_is_counted_in_images() -> None:
    plan = replace(PLAN, batch_size=20, ema_images=100)
    # After five batches the weights of today count half.
    assert (1 - plan.ema_weight_at(10**6)) ** 5 == pytest.approx(0.5)


def test_the_average_forgets_its_beginning_faster_than_later_weights() -> None:
    plan = replace(PLAN, batch_size=20, ema_images=100)
    weights = [plan.ema_weight_at(step) for step in (0, 1, 10, 50, 51)]
    assert weights == sorted(weights, reverse=True)
    assert weights[0] > 0.99
    assert weights[-2] == weights[-1]


def test_an_average_over_no_images_is_the_weights_themselves() -> None:
    assert replace(PLAN, ema_images=0).ema_weight_at(7) == 1
