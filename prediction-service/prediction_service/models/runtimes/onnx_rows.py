"""Any ONNX file that takes declared inputs: columns of a table, tensors, texts as they are."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from prediction_service.batching.runtime import Piece, WholeInstance
from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.folders.runtime_options import OnnxOptions
from prediction_service.models.runtimes.onnx_columns import Feeds
from prediction_service.models.runtimes.onnx_output import label_output
from prediction_service.models.runtimes.onnx_results import ClassificationResults, Rows, results_for
from prediction_service.models.runtimes.onnx_session import OnnxSession
from prediction_service.signature.signature import Instance
from prediction_service.tasks.task import Output

CHARACTERS_OF_A_ROW = 8
"""Text of this length takes about as long as a row without any: some two microseconds, in models of usual size."""


class OnnxRowsRuntime:
    """Instances are rows of declared inputs; each is a piece."""

    max_call_cost = 4096
    """As many rows as `max_rows` can allow, about ten milliseconds for a model of usual size; fewer with long texts."""

    def __init__(self, session: OnnxSession, manifest: Manifest, settings: OnnxOptions) -> None:
        self._session, self.file, self.metadata = session, session.file, session.metadata
        self._feeds = Feeds(self._session.inputs, manifest.inputs, settings)
        self.results = results_for(self._session.outputs, manifest, settings)
        self._max_rows = min(manifest.batching.max_rows, self._feeds.rows or manifest.batching.max_rows)

    def compute(self, instances: Sequence[Instance]) -> Sequence[Output]:
        """For each row what the model gives, as its task has it."""
        outputs: list[Output] = [None] * len(instances)
        for places in self._calls(instances):
            for place, output in zip(places, self._call([instances[place] for place in places]), strict=True):
                outputs[place] = output
        return outputs

    def pieces(self, instances: Sequence[Instance]) -> list[Sequence[Piece]]:
        """Each instance as it is."""
        weight = self._feeds.weight
        return [[WholeInstance(instance, 1 + weight(instance) // CHARACTERS_OF_A_ROW)] for instance in instances]

    def scores(self, pieces: Sequence[WholeInstance]) -> Sequence[Output]:
        """The outputs."""
        return self.compute([piece.instance for piece in pieces])

    def outputs(self, instances: Sequence[tuple[Sequence[Output], Sequence[WholeInstance]]]) -> Sequence[Output]:
        """The scores, since they are outputs already."""
        return [scores[0] for scores, _ in instances]

    @property
    def names_labels(self) -> bool:
        """Whether the model says of each number to which of the manifest's labels it belongs."""
        return isinstance(self.results, ClassificationResults) and self.results.scores.by_name

    def raw(self, instances: Sequence[Instance]) -> list[list[float]]:
        """The numbers of each row, as the model gives them."""
        return [row.tolist() for instance in instances for row in self._rows([instance])]

    def choices(self, instances: Sequence[Instance]) -> list[str] | None:
        """The labels that the model itself chooses; None if it does not say."""
        name = label_output(self._session.outputs, self.results.names[0])
        if name is None:
            return None
        return [str(np.asarray(self._run([instance], [name])[0]).reshape(-1)[0]) for instance in instances]

    def _calls(self, instances: Sequence[Instance]) -> Iterator[Sequence[int]]:
        """Which of them go into one call: no more than the session may be given, and only tensors that are alike."""
        alike: defaultdict[Any, list[int]] = defaultdict(list)
        if self._feeds.are_sized:
            for place, instance in enumerate(instances):
                alike[self._feeds.size_of(instance)].append(place)
        for places in alike.values() or [range(len(instances))]:
            for start in range(0, len(places), self._max_rows):
                yield places[start : start + self._max_rows]

    def _call(self, instances: Sequence[Instance]) -> Sequence[Output]:
        """One call of the session."""
        return self.results.outputs(self._rows(instances))

    def _rows(self, instances: Sequence[Instance]) -> Rows:
        """What the model says of each, before anything is made of it."""
        return self.results.rows(self._run(instances, self.results.names), len(instances))

    def _run(self, instances: Sequence[Instance], names: Sequence[str]) -> Sequence[Any]:
        """What these outputs say. Where the number of rows is fixed, the last one fills up what is missing."""
        filled = [*instances, *[instances[-1]] * ((self._feeds.rows or 0) - len(instances))]
        return self._session.run(names, self._feeds.feed(filled))

    def is_quick(self, instances: Sequence[Instance]) -> bool:
        """A call has no bound on its time that could be known ahead."""
        return False

    def stop(self) -> None:
        """See OnnxSession."""
        self._session.stop()
