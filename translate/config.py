"""Every setting of the commands that use models, and its default. Field docstrings are the manual of `--help`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import FlagCreatePairsOff, Positional, UseAppendAction, arg
from tyro.constructors import PrimitiveConstructorSpec

from models.errors import ConfigError
from translate.folders.names import check_template
from translate.limits import MAX_PIXELS, MIN_TILE, PNG_EFFORT, QUALITY, TILE


def _bytes() -> PrimitiveConstructorSpec[int]:
    units = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}

    def read(words: list[str]) -> int:
        number, unit = re.fullmatch(r"([\d.]*) *(\w*)", words[0]).groups()  # type: ignore[union-attr]
        return int(float(number) * units[unit.upper()])

    def try_read(words: list[str]) -> int:
        try:
            return read(words)
        except (AttributeError, KeyError, ValueError, OverflowError):
            raise ValueError(f"{words[0]!r} is no amount of memory; write 800MB or 2GB") from None

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="BYTES",
        instance_from_str=try_read,
        is_instance=lambda value: isinstance(value, int),
        str_from_instance=lambda value: [str(value)],
    )


Bytes = Annotated[int, _bytes()]


def check(*rules: tuple[bool, str]) -> None:
    """Hold a setting to its rules: whether each holds, and what to say if not.

    Raises:
        ConfigError: the first that does not hold.
    """
    for ok, complaint in rules:
        if not ok:
            raise ConfigError(f"{complaint}.")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """Convert pictures and folders of pictures."""

    inputs: Positional[tuple[Path, ...]]
    """Picture files, folders, and zip or tar archives; folders are searched in depth and mirrored, an archive into a
    folder of its name. - (with -o -): one picture from standard input to standard output."""
    model: Annotated[UseAppendAction[tuple[str, ...]], arg(aliases=["-m"])]
    """Name of an installed model (`translate models list`) or path of an .onnx file; given again, the next one works
    on what the one before it made."""
    out: Annotated[Path, arg(aliases=["-o"])]
    """Folder for the results; - for standard output."""
    include: UseAppendAction[tuple[str, ...]] = ()
    """Of folders and archives convert only files that fit this pattern, such as '*_d.png', or with folders
    'walls/**/*.png'; may be repeated. Capital letters do not count."""
    exclude: UseAppendAction[tuple[str, ...]] = ()
    """Leave out files and folders that fit this pattern; may be repeated."""
    name: str = "{stem}{ext}"
    """What results are called, of {stem}, {model}, {scale}, {parent} (the picture's folder) and {ext} at the end."""
    links: bool = False
    """Follow symbolic links inside folders, as far as they stay within the folder."""
    device: Annotated[str, arg(aliases=["-d"])] = "auto"
    """auto: the fastest that works, and says which. cpu (ONNX Runtime), openvino, openvino:GPU, openvino:NPU, cuda,
    cuda:N, tensorrt, tensorrt:N, onnxruntime, onnxruntime:PROVIDER (CoreML, Dml ...): that one, or an error."""
    precision: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    """Arithmetic of the network. auto: the fastest that the device has and that was measured to stay within 50 dB of
    fp32 with this model."""
    size: Literal["auto", "full"] | int = "auto"
    """Long side in pixels at which a translation is painted. auto: the one that the model was trained for, which keeps
    what it paints in scale; larger pictures are shrunk to it and get their own fine detail back. full: all pixels."""
    alpha: Literal["auto", "model", "smooth", "nearest", "drop"] = "auto"
    """How transparency comes to the result's size. auto, model: super-resolution models draw it, other models leave
    it to smooth. smooth: interpolated. nearest: pixels repeated. drop: the result has none."""
    seamless: Literal["auto", "both", "x", "y", "off"] = "auto"
    """Along which axes pictures tile, so that results do too. auto: each as its borders say."""
    normal_map: Literal["auto", "on", "off"] = "auto"
    """Whether pictures are normal maps, which are only enlarged, as vectors of length 1. auto: as content and name say
    (rock_n, rock_normal); by name (rock_height, rock_gloss) also other maps of data. off: all are colours."""
    strength: float = 1.0
    """How much of the result is mixed into the picture, in linear light: 0 nothing, 1 all."""
    scale: float | None = None
    """Side of the result / side of the picture, below what the model gives: its result is shrunk."""
    statistics: Literal["auto", "exact", "thumbnail"] = "auto"
    """How models that normalise by the whole picture see it where it is too large for one piece. exact: as if it were
    in one piece; thumbnail: by a small version of it, with less memory. auto: exact where that fits."""
    memory: Bytes | None = None
    """Working memory, such as 1GB or 500MB, beside 1 GB for the program. Half of what is free if not given."""
    tile: int = TILE
    """Largest side, in input pixels, that is computed in one piece where the model allows tiles."""
    palette: Literal["expand", "keep"] = "expand"
    """Results of pictures with a palette. expand: in all the colours that the model makes. keep: in the nearest colours
    of the palette, and indexed again (PNG, GIF, BMP, TGA, TIFF)."""
    strip: bool = False
    """Leave out EXIF (where and when a photo was taken), XMP, IPTC, texts, comments and resolution. The colour profile
    stays, for colours would change without it; the mark of origin has its own option."""
    provenance: bool = True
    """Say in the result's XMP that a model has worked on it, and which: IPTC's digital source type. The report says it
    for formats without a place for it (TGA, BMP, DDS)."""
    on_exists: Literal["skip", "overwrite", "rename", "error"] = "skip"
    """What to do where another file has the name of a result: keep it (skip), replace it (overwrite), call the result
    NAME_2 (rename), or do nothing at all (error). Results of earlier runs are known by the journal in OUT: they are
    kept if picture, model and options are as they were, and made anew if not; overwrite makes them anew anyway, and
    after an interruption goes on."""
    dry_run: bool = False
    """Only print what would be done, and how much room the results would take."""
    check_space: bool = True
    """Refuse to begin if the results, by an estimate, do not fit on the disk."""
    jobs: int | None = None
    """Pictures that are read, and as many that are written, at the same time; by the number of cores if not given."""
    watch: bool = False
    """Go on: convert pictures that appear or change in the folders, until interrupted."""
    max_pixels: int = MAX_PIXELS
    """Refuse pictures with more pixels than this, before decoding them, and likewise results. The frames of an
    animation count together."""
    max_unpacked: Bytes = 32 * 10**9
    """Refuse archives whose content is larger than this."""
    format: Literal["same", "png", "jpeg", "webp", "avif", "tiff", "tga", "bmp", "gif", "dds", "heic"] = "same"
    """File format of the results; their names get its extension. same: each in its own."""
    quality: int = QUALITY
    """Of JPEG, HEIC, lossy WebP and lossy AVIF, 1 to 100."""
    png_effort: int = PNG_EFFORT
    """How hard PNG is compressed, without loss: 0 the fastest, 9 the smallest."""
    lossless: bool = False
    """Write WebP and AVIF without loss, also where the input was not."""
    overview: Path | None = None
    """Also write a sheet with pairs of before and after to this .png file; an older one is replaced."""
    json: bool = False
    """Print the report as JSON on standard output instead of the table; also when nothing can be begun."""
    quiet: bool = False
    """Say only what went wrong."""
    verbose: bool = False
    """Also say of each file what became of it, at once."""

    def __post_init__(self) -> None:
        check_template(self.name)
        pipe = Path("-")
        check(
            (self.jobs is None or self.jobs >= 1, f"--jobs {self.jobs} must be 1 or more"),
            (self.max_unpacked >= 1, f"--max-unpacked {self.max_unpacked} refuses every archive"),
            (not (self.quiet and self.verbose), "--quiet and --verbose contradict each other"),
            (not (self.watch and self.dry_run), "--watch and --dry-run contradict each other"),
            (
                pipe not in self.inputs or (self.out == pipe and len(self.inputs) == 1),
                "- reads one picture from standard input and needs -o -, for it has no name",
            ),
            (
                self.out != pipe or not (self.json or self.watch or self.dry_run or self.overview),
                "-o - writes one picture; leave out --json, --watch, --dry-run and --overview",
            ),
            (self.out != pipe or len(self.inputs) == 1, "-o - writes one picture; name one input"),
        )
        check(
            (len(self.inputs) > 0, "no input: name at least one picture or folder"),
            (len(self.model) > 0 and all(self.model), "no model: name one with -m"),
            (self.tile >= MIN_TILE, f"--tile {self.tile} is too small; use {MIN_TILE} or more pixels"),
            (1 <= self.quality <= 100, f"--quality {self.quality} must be from 1 to 100"),
            (0 <= self.png_effort <= 9, f"--png-effort {self.png_effort} must be from 0 to 9"),
            (self.max_pixels >= 1, f"--max-pixels {self.max_pixels} refuses everything"),
            (
                self.overview is None or self.overview.suffix.lower() == ".png",
                f"--overview {self.overview} is written as PNG; let its name end in .png",
            ),
        )


ValueRange = Literal["guess", "0..1", "-1..1", "0..255"]


@dataclass(frozen=True, kw_only=True)
class ImportConfig:
    """Bring another program's model into the user's folder. What is not said here is found by trying it on a
    photograph, and printed with the reason."""

    file: Positional[Path]
    """An .onnx file: one picture [N, C, H, W] of floats in, one out, by any names. Or published weights of a known
    network (.pth, .pt, .ckpt, .safetensors; needs the extra 'train'), which are read without running their code."""
    name: str
    """What to call it: letters, digits, '.', '_' and '-'."""
    replace: bool = False
    """Replace a model of that name."""
    task: Literal["guess", "translation", "super-resolution"] = "guess"
    """What it does. Super-resolution if its results are larger than its pictures, else translation."""
    scale: int | None = None
    """Side of its results / side of its pictures, to be sure: another one than is measured is refused."""
    range: ValueRange = "guess"
    """Values that are black and white to it, going in and coming out."""
    input_range: ValueRange = "guess"
    """The same, going in only."""
    output_range: ValueRange = "guess"
    """The same, coming out only."""
    channel_order: Literal["guess", "rgb", "bgr"] = "guess"
    """Which colour comes first. A photograph seldom tells; rgb is usual."""
    work_size: int | None = None
    """Long side in pixels of the pictures that it was trained on, for translations."""
    source: str = ""
    """Pictures that it reads, in words: 'day'."""
    target: str = ""
    """Pictures that it makes, in words: 'night'."""
    license: str = ""
    """Terms of the weights, such as CC-BY-4.0."""
    generator: str = ""
    """Which generator, where a file of weights holds several (netG_A and netG_B, or one for each domain)."""
    statistics: Literal["guess", "picture", "running"] = "guess"
    """What BatchNorm in a file of weights works with. picture: the picture at hand, as Pix2Pix runs it; running: what
    it learned, as SRGAN does. The family decides if not said."""

    def __post_init__(self) -> None:
        check(
            (self.scale is None or self.scale >= 1, f"--scale {self.scale} must be 1 or more"),
            (self.work_size is None or self.work_size >= 1, f"--work-size {self.work_size} must be 1 or more"),
        )


@dataclass(frozen=True, kw_only=True)
class DoctorConfig:
    """What this machine has, what of it loads, and what to do about the rest."""

    device: Annotated[str, arg(aliases=["-d"])] = ""
    """Try only this one, as in `translate run`; exit code 1 if it does not work. All that there are if empty."""
    json: bool = False
    """Print JSON on standard output instead of the tables."""


@dataclass(frozen=True, kw_only=True)
class BenchConfig:
    """How fast a model runs on this machine, on each device in each precision."""

    model: Positional[str]
    """Name of an installed model (`translate models list`) or path of an .onnx file."""
    size: int = 512
    """Side in pixels of the square picture."""
    device: Annotated[UseAppendAction[tuple[str, ...]], arg(aliases=["-d"])] = ()
    """Measure only this one, as in `translate run`; may be repeated."""
    seconds: float = 2.0
    """How long each device is measured in each precision, at least three pictures."""
    json: bool = False
    """Print JSON on standard output instead of the table."""

    def __post_init__(self) -> None:
        check(
            (1 <= self.size <= 16384, f"--size {self.size} must be from 1 to 16384"),
            (self.seconds > 0, f"--seconds {self.seconds} must be above 0"),
        )


@dataclass(frozen=True, kw_only=True)
class AppConfig:
    """Serve the web page."""

    host: str = "127.0.0.1"
    """Address to listen on. Any but this machine's own needs --auth, --auth-file or --no-auth."""
    port: int = 7860
    """Port to listen on; the next free one if it is taken."""
    auth: UseAppendAction[tuple[str, ...]] = ()
    """user:password that visitors must give; may be repeated. Other users of this machine can see it in the list of
    processes: --auth-file is hidden from them."""
    auth_file: Path | None = None
    """File with a user:password on each line; empty lines and those that begin with # are left out."""
    no_auth: FlagCreatePairsOff[bool] = False
    """Let everybody in who reaches the address."""
    device: str = "auto"
    """As in `translate run`."""
    max_pixels: int = 50_000_000
    """Refuse pictures with more pixels than this, and likewise results."""
    max_upload: Bytes = 200_000_000
    """Refuse larger files: pictures, zips and models."""
    max_files: int = 5000
    """Refuse zips and uploads of more pictures than this."""
    queue: int = 32
    """Visitors' requests that wait at most; the next one is told to come back."""
    job_seconds: float = 3600.0
    """Stop a picture or folder that takes longer."""
    runs: Path | None = None
    """Folder with training runs, to show their curves and samples; nothing in it is changed."""
    mcp: FlagCreatePairsOff[bool] = False
    """Also describe the page's actions to language models, as tools of the Model Context Protocol, at /gradio_api/mcp.
    Needs the extra 'mcp'."""
    open: FlagCreatePairsOff[bool] = False
    """Open the page in a browser."""

    def __post_init__(self) -> None:
        check(
            (self.max_pixels >= 1, f"--max-pixels {self.max_pixels} refuses everything"),
            (self.max_upload >= 1, f"--max-upload {self.max_upload} refuses everything"),
            (self.max_files >= 1, f"--max-files {self.max_files} refuses everything"),
            (self.queue >= 1, f"--queue {self.queue} lets nobody wait; use 1 or more"),
            (self.job_seconds > 0, f"--job-seconds {self.job_seconds:g} must be above 0"),
            (
                not (self.no_auth and (self.auth or self.auth_file)),
                "--no-auth lets everybody in, --auth and --auth-file do not; choose",
            ),
        )
