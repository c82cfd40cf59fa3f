"""Training steps as the papers' public code makes them: float32, eager, each forward pass a call of its own.

They start from copies of our networks, so that after some steps the weights can be compared. What is computed, and in
which order, is that of pytorch-CycleGAN-and-pix2pix, contrastive-unpaired-translation and Ledig et al. 2017; written
here anew. One thing is not as there: CUT contrasts its identity pair at the places of the other pair, as we do, and not
at places drawn again.
"""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Generator, Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor, nn, optim
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from translate.training.config import CUTConfig, CycleGANConfig, SRGANConfig, TrainingConfig
from translate.training.contrast import Encoder, draw_places
from translate.training.cut import CUT
from translate.training.cyclegan import CycleGAN
from translate.training.method import Method
from translate.training.pix2pix import Pix2Pix
from translate.training.srgan import SRGAN

l1, mse, bce = nn.functional.l1_loss, nn.functional.mse_loss, nn.functional.binary_cross_entropy_with_logits


class Plain(Protocol):
    """One method, plainly."""

    networks: dict[str, nn.Module]
    """Those that are trained, by the names that they have with us."""

    def step(self, a: Tensor, b: Tensor) -> dict[str, Tensor]:
        """One update; pictures in [-1, 1]. Returns the losses by the names that they have with us, detached."""


def adam(config: TrainingConfig, *networks: nn.Module) -> optim.Adam:
    parameters = itertools.chain.from_iterable(network.parameters() for network in networks)
    return optim.Adam(parameters, lr=config.learning_rate, betas=(config.beta1, config.beta2))


def detached(**losses: Tensor) -> dict[str, Tensor]:
    return {name: loss.detach() for name, loss in losses.items()}


def wanting(networks: Iterable[nn.Module], wanted: bool) -> None:
    for network in networks:
        for parameter in network.parameters():
            parameter.requires_grad = wanted


def towards(prediction: Tensor, value: float, loss: Any) -> Tensor:
    return loss(prediction, torch.tensor(value, dtype=prediction.dtype, device=prediction.device).expand_as(prediction))


class Pool:
    """Earlier fakes: each is shown as it is, or in exchange for an older one."""

    def __init__(self, capacity: int) -> None:
        self.capacity, self.images = capacity, list[Tensor]()

    def query(self, fakes: Tensor) -> Tensor:
        if self.capacity == 0:
            return fakes
        shown = []
        for fake in fakes.detach():
            if len(self.images) < self.capacity:
                self.images.append(fake)
                shown.append(fake)
            elif random.random() > 0.5:  # noqa: S311
                index = random.randrange(self.capacity)  # noqa: S311
                shown.append(self.images[index].clone())
                self.images[index] = fake
            else:
                shown.append(fake)
        return torch.stack(shown)


class PlainPix2Pix:
    def __init__(self, ours: Pix2Pix) -> None:
        self.weight = ours.config.l1_weight
        self.g, self.d = copy.deepcopy(ours.g), copy.deepcopy(ours.d)
        self.networks = {"g": self.g, "d": self.d}
        self.g_optimizer, self.d_optimizer = adam(ours.config, self.g), adam(ours.config, self.d)

    def step(self, a: Tensor, b: Tensor) -> dict[str, Tensor]:
        fake = self.g(a)
        wanting([self.d], True)
        self.d_optimizer.zero_grad()
        on_fake = towards(self.d(torch.cat((a, fake), 1).detach()), 0.0, bce)
        on_real = towards(self.d(torch.cat((a, b), 1)), 1.0, bce)
        ((on_fake + on_real) * 0.5).backward()
        self.d_optimizer.step()
        wanting([self.d], False)
        self.g_optimizer.zero_grad()
        gan = towards(self.d(torch.cat((a, fake), 1)), 1.0, bce)
        distance = l1(fake, b)
        (gan + distance * self.weight).backward()
        self.g_optimizer.step()
        return detached(d_real=on_real, d_fake=on_fake, g_gan=gan, g_l1=distance)


class PlainCycleGAN:
    def __init__(self, ours: CycleGAN) -> None:
        self.config: CycleGANConfig = ours.config
        self.ab, self.ba, self.d_a, self.d_b = (copy.deepcopy(n) for n in (ours.g_ab, ours.g_ba, ours.d_a, ours.d_b))
        self.networks = {"g_ab": self.ab, "g_ba": self.ba, "d_a": self.d_a, "d_b": self.d_b}
        self.g_optimizer, self.d_optimizer = adam(self.config, self.ab, self.ba), adam(self.config, self.d_a, self.d_b)
        self.pool_a, self.pool_b = Pool(self.config.pool), Pool(self.config.pool)

    def step(self, a: Tensor, b: Tensor) -> dict[str, Tensor]:
        cycle = self.config.cycle_weight
        fake_b = self.ab(a)
        again_a = self.ba(fake_b)
        fake_a = self.ba(b)
        again_b = self.ab(fake_a)
        wanting([self.d_a, self.d_b], False)
        self.g_optimizer.zero_grad()
        same = l1(self.ab(b), b) + l1(self.ba(a), a)
        cycled = l1(again_a, a) + l1(again_b, b)
        gan = towards(self.d_b(fake_b), 1.0, mse) + towards(self.d_a(fake_a), 1.0, mse)
        (gan + cycled * cycle + same * cycle * self.config.identity_weight).backward()
        self.g_optimizer.step()
        wanting([self.d_a, self.d_b], True)
        self.d_optimizer.zero_grad()
        judged = []
        for judge, real, fake in ((self.d_a, a, self.pool_a.query(fake_a)), (self.d_b, b, self.pool_b.query(fake_b))):
            loss = towards(judge(real), 1.0, mse) + towards(judge(fake.detach()), 0.0, mse)
            (loss * 0.5).backward()
            judged.append(loss)
        self.d_optimizer.step()
        return detached(g_gan=gan, g_cycle=cycled, g_identity=same, d_a=judged[0], d_b=judged[1])


class PlainCUT:
    def __init__(self, ours: CUT) -> None:
        self.config: CUTConfig = ours.config
        self.g, self.d, self.contrast = (copy.deepcopy(n) for n in (ours.g, ours.d, ours.contrast))
        self.networks = {"g": self.g, "d": self.d, "contrast": self.contrast}
        self.encode = Encoder(self.g)
        self.g_optimizer, self.d_optimizer = adam(self.config, self.g, self.contrast), adam(self.config, self.d)
        self.random = torch.Generator().manual_seed(self.config.seed)

    def step(self, a: Tensor, b: Tensor) -> dict[str, Tensor]:
        fake, same = self.g(torch.cat((a, b))).split([len(a), len(b)])
        wanting([self.d], True)
        self.d_optimizer.zero_grad()
        on_fake = towards(self.d(fake.detach()), 0.0, mse)
        on_real = towards(self.d(b), 1.0, mse)
        ((on_fake + on_real) * 0.5).backward()
        self.d_optimizer.step()
        wanting([self.d], False)
        self.g_optimizer.zero_grad()
        gan = towards(self.d(fake), 1.0, mse)
        drawn = draw_places((a.shape[2], a.shape[3]), self.encode.strides, self.config.patches, self.random)
        places = [chosen.to(a.device) for chosen in drawn]
        pairs = [(fake, a), (same, b)]
        contrasts = [self.contrast(self.encode(made, places), self.encode(of, places)).mean() for made, of in pairs]
        (gan + self.config.contrast_weight * (contrasts[0] + contrasts[1]) * 0.5).backward()
        self.g_optimizer.step()
        return detached(d_real=on_real, d_fake=on_fake, g_gan=gan, g_contrast=contrasts[0], g_identity=contrasts[1])


class PlainSRGAN:
    """Its first stage."""

    def __init__(self, ours: SRGAN) -> None:
        self.g = copy.deepcopy(ours.g)
        self.networks = {"g": self.g}
        self.optimizer = adam(ours.config, self.g)

    def step(self, a: Tensor, b: Tensor) -> dict[str, Tensor]:
        self.optimizer.zero_grad()
        loss = mse(self.g(a), b)
        loss.backward()
        self.optimizer.step()
        return detached(g_pixel=loss)


def plain(ours: Method) -> Plain:
    """The plain step of a method, from the weights that it has now."""
    kinds: dict[type[Any], Any] = {Pix2Pix: PlainPix2Pix, CycleGAN: PlainCycleGAN, CUT: PlainCUT, SRGAN: PlainSRGAN}
    return kinds[type(ours)](ours)


class Folder(Dataset[tuple[Tensor, Tensor]]):
    """Pictures decoded and resized each time that they are asked for."""

    def __init__(self, config: TrainingConfig, scale: int) -> None:
        self.config, self.scale = config, scale
        piles = [config.data] if isinstance(config, SRGANConfig) else [config.data / "trainA", config.data / "trainB"]
        self.piles = [sorted(pile.iterdir()) for pile in piles]
        load = [] if isinstance(config, SRGANConfig) else [transforms.Resize((286, 286), Image.Resampling.BICUBIC)]
        self.load = transforms.Compose([*load, transforms.RandomCrop(config.size), transforms.RandomHorizontalFlip()])
        self.finish = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5,) * 3, (0.5,) * 3)])

    def __len__(self) -> int:
        return len(self.piles[0])

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        pictures = [self.load(Image.open(files[index % len(files)]).convert("RGB")) for files in self.piles]
        if self.scale > 1:
            side = self.config.size // self.scale
            pictures = [pictures[0].resize((side, side), Image.Resampling.BICUBIC), pictures[0]]
        a, b = (self.finish(picture) for picture in pictures)
        return a, b


def plain_batches(
    config: TrainingConfig, scale: int, device: torch.device
) -> Generator[tuple[Tensor, Tensor], None, None]:
    """Endless, epoch after epoch, each with new loaders."""
    loader = DataLoader(
        Folder(config, scale), batch_size=config.batch, shuffle=True, num_workers=config.workers, drop_last=True
    )
    for _ in itertools.count():
        for a, b in loader:
            yield a.to(device), b.to(device)


def in_precision(device: torch.device, precision: torch.dtype) -> Any:
    return torch.autocast(device.type, precision) if precision != torch.float32 else nullcontext()


def write_pictures(folder: Path, photograph: Path, count: int) -> None:
    """Two piles of crops of a photograph, 320 pixels a side, as JPEG."""
    whole = Image.open(photograph).convert("RGB").resize((960, 960))
    for number, pile in enumerate(("trainA", "trainB")):
        (folder / pile).mkdir(parents=True)
        for index in range(count):
            left, top = (index * 67 + number * 31) % 640, (index * 41) % 640
            whole.crop((left, top, left + 320, top + 320)).save(folder / pile / f"{index:03d}.jpg", quality=90)
