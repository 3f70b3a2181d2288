"""How a run is to be done: plain, validated data, without anything heavy.

A model of the zoo brings its own `TrainingOptions` and `PreprocessingOptions`; the user may override each
field. The fields of these classes *are* the configuration keys, and their defaults the only list
of defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from kerasnn.signature import Kind, NumberEmbedding, Task

Missing = Literal["mean", "median", "most_frequent", "constant"]
Scale = Literal["standard", "minmax", "robust", "robust_smooth_clip", "quantile", "none"]
Encode = Literal["auto", "one_hot", "embedding"]
Optimizer = Literal[
    "sgd", "momentum", "nesterov", "rmsprop", "adagrad", "adam", "adamw", "lion", "muon"
]
Schedule = Literal["constant", "step", "exponential", "cosine", "coslog4", "one_cycle", "plateau"]
Regularization = Literal["constant", "flat_cos"]
Loss = Literal["auto", "mse", "mae", "huber", "quantile", "crossentropy", "focal"]
Tokens = Literal["auto", "words", "characters"]
Transform = Literal["auto", "none", "log"]
Infinite = Literal["error", "missing"]
TargetTransformName = Literal["auto", "none", "log", "yeo_johnson", "quantile"]
SplitKind = Literal["auto", "random", "stratified", "group", "time", "column"]


@dataclass(frozen=True)
class DataOptions:
    """Which tables are used, and what is in them.

    Args:
        source: File of the rows to train on, ``-`` for standard input; None for data in memory.
        validation: File of the validation rows, in place of a share of the rows.
        test: File of the test rows, in place of a share of the rows.
        target: Column to be predicted.
        task: Kind of prediction; None infers it from the target.
        columns: Kind of a column, by name, where the inferred one is wrong.
        drop: Columns that are left out.
        encoding: Encoding of text files; ``auto`` is UTF-8 where it can be, else Windows-1252.
        delimiter: Text between the cells of text files; None detects it.
        infinite: Treatment of infinite numbers: ``error`` refuses them, ``missing`` takes them as
            missing cells.
        strict: True to refuse an image that can't be read; it is left out otherwise.
    """

    source: str | None = None
    validation: str | None = None
    test: str | None = None
    target: str | None = None
    task: Task | None = None
    columns: Mapping[str, Kind] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    encoding: str = "auto"
    delimiter: str | None = None
    infinite: Infinite = "error"
    strict: bool = False


@dataclass(frozen=True)
class SplitOptions:
    """How rows are divided into a training, a validation and a test part.

    Args:
        kind: ``auto`` stratifies classes and draws regression at random.
        column: The group, time or part column, for the kinds that need one. A part column holds
            ``train``, ``validation`` and ``test``.
        validation: Share of the rows, in (0, 1).
        test: Share of the rows, in [0, 1); 0 with a test file.
    """

    kind: SplitKind = "auto"
    column: str | None = None
    validation: float = 0.15
    test: float = 0.15


@dataclass(frozen=True)
class PreprocessingOptions:
    """How columns become what a network can take.

    Args:
        missing: Value that replaces a missing number.
        missing_value: The constant, where ``missing`` is ``constant``.
        indicator: True to add a 0/1 column that marks the missing numbers of a column that has any.
        scale: Scaling of numbers.
        encode: ``auto`` is one-hot up to ``max_one_hot`` codes and an embedding above.
        max_one_hot: Largest number of codes that is one-hot encoded.
        embedding_width: Width of learned embeddings; 0 for min(600, round(1.6 n^0.56)).
        min_count: A category seen in fewer training rows is treated as unknown; >= 1.
        max_categories: Vocabulary limit of a column; the rest is treated as unknown.
        scale_target: True to standardize a regression target.
        target_transform: Monotone transform of a regression target, which predictions undo;
            ``auto`` compares them on the validation rows if the target is heavy-tailed.
        number_embedding: Embedding of each number: ``linear`` and ``piecewise_linear`` (encoded by
            its quantiles) are vectors, ``periodic`` and ``pbld`` come from cosines.
        number_width: Width of these vectors; 0 is that of the embedding's paper.
        number_bins: Most quantile bins of ``piecewise_linear``.
        frequencies: Cosines of each number in ``periodic`` and ``pbld``; 0 is as in their papers.
        frequency_scale: Standard deviation of the first frequencies; 0 is as in their papers.
        image_size: Height and width that images are resized to; 0 keeps the size of small images
            that all have one, and else goes by the data.
        image_channels: 1 for grey, 3 for colour; 0 is grey where no image has a colour.
        tokens: Units that texts are cut into; ``auto`` compares both on the training and validation
            rows.
        max_tokens: Most tokens of a vocabulary; the most frequent are kept.
        min_token_count: A token seen in fewer training rows is treated as unknown; >= 1.
        token_buckets: Codes that unknown tokens are hashed to; 0 has one code for all of them.
        text_length: Most tokens of a text, behind which it is cut; 0 goes by the training rows.
        text_limit: Most words that ``text_length`` goes up to by the training rows, and a quarter
            of the most characters.
        lower_case: True to read texts in lower case.
        series_length: Most time steps of a series, behind which it is cut; 0 goes by the
            training rows.
        sample_rate: Samples a second that sounds are brought to; 0 goes by the training rows.
        sound_seconds: Longest sound, behind which it is cut; 0 goes by the training rows.
    """

    missing: Missing = "mean"
    missing_value: float = 0.0
    indicator: bool = True
    scale: Scale = "standard"
    encode: Encode = "auto"
    max_one_hot: int = 20
    embedding_width: int = 0
    min_count: int = 2
    max_categories: int = 100_000
    scale_target: bool = True
    target_transform: TargetTransformName = "auto"
    number_embedding: NumberEmbedding = "none"
    number_width: int = 0
    number_bins: int = 48
    frequencies: int = 0
    frequency_scale: float = 0.0
    image_size: int = 0
    image_channels: int = 0
    tokens: Tokens = "auto"
    max_tokens: int = 50_000
    min_token_count: int = 2
    token_buckets: int = 0
    text_length: int = 0
    text_limit: int = 512
    lower_case: bool = True
    series_length: int = 0
    sample_rate: int = 0
    sound_seconds: float = 0.0


@dataclass(frozen=True)
class ForecastOptions:
    """What is forecast, how far, and from what.

    Args:
        horizon: Points in time ahead; 0 is no forecast but a prediction row by row.
        time: Column of the time; None finds the only one there is.
        series: Columns that together name the series of a row; none for a single series.
        targets: Columns that are forecast together, in place of the one target.
        future_covariates: Columns that are known ahead, such as holidays; the calendar always is.
        lookback: Points in time that the network looks back; 0 goes by the horizon and the season.
        frequency: Distance between time steps, such as ``h`` or ``MS``; None infers it.
        season: Points in time of a season; 0 infers it.
        transform: Transform of the targets; ``auto`` takes the logarithm where it forecasts better.
        coverage: Share of future values that the intervals are to hold, in (0, 1).
        windows: Most windows that a model is trained on.
    """

    horizon: int = 0
    time: str | None = None
    series: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    future_covariates: tuple[str, ...] = ()
    lookback: int = 0
    frequency: str | None = None
    season: int = 0
    transform: Transform = "auto"
    coverage: float = 0.8
    windows: int = 200_000


@dataclass(frozen=True)
class TrainingOptions:
    """How a network is trained.

    Args:
        epochs: Maximum number of passes over the training rows; 0 lets the model and the number of
            rows decide.
        batch_size: Rows a step; 0 chooses by the number of training rows.
        optimizer: Keras optimizer.
        learning_rate: Peak learning rate; 0 runs the learning-rate finder.
        weight_decay: Decoupled decay a step, relative to the learning rate; not on biases,
            norms and embeddings.
        momentum: Momentum of the optimizers ``momentum``, ``nesterov`` and ``rmsprop``.
        beta_2: Decay of the mean of squared gradients in ``adam`` and ``adamw``, in [0, 1).
        regularization: Shape of weight decay and dropout over the run: ``flat_cos`` keeps them for
            half of it, and lets them go to 0 by the end.
        schedule: Shape of the learning rate over the run.
        warmup: Share of the run in which the rate rises linearly, in [0, 1).
        schedule_step: Share of the run after which ``step`` divides the rate by 10.
        final_rate: Last rate as a share of the peak, for ``cosine``, ``exponential``, ``one_cycle``.
        loss: ``auto`` is cross-entropy for classes and the mean squared error for numbers;
            ``quantile`` is for forecasts, and gives them a quantile for each end of the interval.
        huber_delta: Error at which Huber's loss turns from square to linear, in standard
            deviations.
        focal_gamma: Focusing exponent of the focal loss; 0 is cross-entropy.
        label_smoothing: Share of the probability spread over all classes, in [0, 1).
        class_weight: ``balanced`` weighs each class by the inverse of its frequency.
        l1: Penalty on the absolute values of kernels.
        l2: Penalty on the squares of kernels.
        clip_norm: Largest global norm of the gradients; 0 does not clip.
        augment: Random changes of training images: ``none``, ``light``, ``strong``, names of
            changes such as ``shift,cutout``, or ``auto``, which goes by the data.
        flip_tta: ``yes`` predicts the mean over an image and its mirror image, ``no`` the image
            alone; ``auto`` takes the mean where training mirrors images.
        pretrained: File of weights to start from, for the models that take one. Then the head alone
            is trained first, and the end of the backbone with it after that, for ``epochs``.
        fine_tune: Share of the backbone's layers that the second stage trains, in [0, 1]; 0 has no
            second stage.
        fine_tune_rate: Peak learning rate of the second stage; ``learning_rate`` is the first's.
        average: Decay of the exponential moving average of the weights; 0 does not average.
        patience: Epochs without gain before training stops; 0 never stops early.
        monitor: Metric, or ``loss``, that picks the best epoch on the validation part.
        precision: ``auto`` uses bfloat16 on a GPU that has it.
        compile: ``auto`` uses XLA for networks that gain from it.
    """

    epochs: int = 100
    batch_size: int = 0
    optimizer: Optimizer = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    momentum: float = 0.9
    beta_2: float = 0.999
    regularization: Regularization = "constant"
    schedule: Schedule = "cosine"
    warmup: float = 0.05
    schedule_step: float = 0.33
    final_rate: float = 0.01
    loss: Loss = "auto"
    huber_delta: float = 1.0
    focal_gamma: float = 2.0
    label_smoothing: float = 0.0
    class_weight: Literal["none", "balanced"] = "none"
    l1: float = 0.0
    l2: float = 0.0
    clip_norm: float = 1.0
    augment: str = "auto"
    flip_tta: Literal["auto", "yes", "no"] = "auto"
    pretrained: str | None = None
    fine_tune: float = 0.33
    fine_tune_rate: float = 1e-4
    average: float = 0.0
    patience: int = 16
    monitor: str = "auto"
    precision: Literal["auto", "float32", "mixed"] = "auto"
    compile: Literal["auto", "xla", "graph"] = "auto"


@dataclass(frozen=True)
class RunOptions:
    """What belongs to the run as a whole.

    Args:
        seed: Seed of the split, the first weights, the order of the rows and dropout.
        time_limit_s: Seconds after which training stops; None has no limit.
        memory_gb: Memory that prepared images may take, in 10⁹ bytes; what does not fit is kept on
            disk. None takes half of what is free.
        output: Folder of the run; None chooses a new one in ``runs/``.
        ensemble: Networks that are trained and averaged; 0 leaves it to ``auto``, 1 is one network.
        members: Models of these networks, each with its profile behind a colon if it has one, such
            as ``tabm:small``; none for networks that all are of the run's model.
        baselines: True to score simple models on the same rows.
        tensorboard: True to write logs for TensorBoard.
        threshold: Probability from which on the second of two classes, or a label of several, is
            chosen: a number, ``f1``, or the costs of errors, such as ``fp=1,fn=5``.
    """

    seed: int = 0
    time_limit_s: float | None = None
    memory_gb: float | None = None
    output: str | None = None
    ensemble: int = 0
    members: tuple[str, ...] = ()
    baselines: bool = True
    tensorboard: bool = False
    threshold: str = "0.5"
