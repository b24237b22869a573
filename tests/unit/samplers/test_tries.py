import torch

from lds_mlflow.samplers.tries import draw_until


def _generators(n: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(seed) for seed in range(n)]


def _propose(generators: list[torch.Generator]) -> tuple[torch.Tensor, torch.Tensor]:
    z = torch.stack([torch.rand(1, generator=generator) for generator in generators])
    return z, z[:, 0].double()


def test_every_generator_reaches_the_score_and_what_is_drawn_with_it_does_not_matter() -> None:
    z, scores = draw_until(_propose, _generators(20), least=0.7)
    assert (scores >= 0.7).all()
    assert torch.equal(z[:, 0].double(), scores)
    alone = draw_until(_propose, _generators(20)[7:8], least=0.7)[0]
    assert torch.equal(alone[0], z[7])


def test_a_first_draw_that_is_good_enough_is_the_only_one() -> None:
    calls = []

    def propose(generators: list[torch.Generator]) -> tuple[torch.Tensor, torch.Tensor]:
        calls.append(len(generators))
        return _propose(generators)

    draw_until(propose, _generators(3), least=0.0)
    assert calls == [3]


def test_a_score_that_is_never_reached_leaves_the_best_of_fifty_draws() -> None:
    stream = torch.Generator().manual_seed(0)
    best = max(float(torch.rand(1, generator=stream)) for _ in range(50))
    _, scores = draw_until(_propose, _generators(1), least=2.0)
    assert scores.item() == best
