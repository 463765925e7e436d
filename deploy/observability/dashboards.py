"""`make dashboards`: the dashboards of deploy/grafana, made of dashboards.toml by Grafana's own types.

Each asks which data source of Prometheus to read, so that it works in any Grafana, provisioned or imported.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import common, prometheus, stat, statetimeline, timeseries
from grafana_foundation_sdk.builders import dashboard as grafana
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models

SOURCE = Path(__file__).with_name("dashboards.toml")
FOLDER = Path(__file__).parent.parent / "grafana" / "dashboards"

DATA_SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")

STATES = {"0": ("normal", "green"), "1": ("warning", "orange"), "2": ("critical", "red")}
"""Of `metrics_model_status`: what its values are called, and their colours."""

NUMBER, LINES, STATES_OVER_TIME = "number", "lines", "states"
"""What a panel can be; lines unless it says otherwise."""

BUCKETS = "_bucket"
"""Of histograms: their exemplars name traces, which a panel then shows as dots."""

Panel = Mapping[str, Any]


def dashboards() -> dict[str, str]:
    """Name → JSON."""
    return {name: as_json(name, entry) for name, entry in tomllib.loads(SOURCE.read_text()).items()}


def as_json(name: str, entry: Mapping[str, Any]) -> str:
    """One dashboard as Grafana stores it."""
    built = (
        grafana.Dashboard(entry["title"])
        .uid(f"modelserver-{name}")
        .description(entry["about"])
        .tags(["modelserver"])
        .time("now-1h", "now")
        .refresh("30s")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(grafana.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .link(grafana.DashboardLink("Model server").type(models.DashboardLinkType.DASHBOARDS).tags(["modelserver"]))
    )
    for place, panel in enumerate(entry["panels"], start=1):
        built.with_panel(panel_of(panel).id(place))
    return JSONEncoder(sort_keys=True, indent=1).encode(built.build()) + "\n"


def panel_of(panel: Panel) -> Any:
    """One panel, wide enough that four numbers, or two of the others, stand beside each other."""
    kind = panel.get("kind", LINES)
    built: Any = {NUMBER: number, LINES: lines, STATES_OVER_TIME: states}[kind]()
    built.title(panel["title"]).description(panel["about"]).unit(panel["unit"]).datasource(DATA_SOURCE)
    built.span(6 if kind == NUMBER else 12).height(4 if kind == NUMBER else 8)
    for place, (query, legend) in enumerate(pairs(panel)):
        target = prometheus.Dataquery().expr(query).legend_format(legend).ref_id(chr(ord("A") + place))
        if BUCKETS in query:
            target.exemplar(True)
        built.with_target(target.range().datasource(DATA_SOURCE))
    return built


def pairs(panel: Panel) -> Sequence[tuple[str, str]]:
    """Queries with their legends."""
    return [(query, legend) for query, legend in panel["queries"]]


def number() -> stat.Panel:
    """The last value, and how it came to be."""
    return (
        stat.Panel().graph_mode(common_models.BigValueGraphMode.AREA).color_mode(common_models.BigValueColorMode.NONE)
    )


def lines() -> timeseries.Panel:
    """Lines over time, from 0, with a table of what they are."""
    legend = common.VizLegendOptions().display_mode(common_models.LegendDisplayMode.TABLE)
    legend.placement(common_models.LegendPlacement.BOTTOM).show_legend(True).calcs(["lastNotNull", "max"])
    return timeseries.Panel().legend(legend).min(0).fill_opacity(8)


def states() -> statetimeline.Panel:
    """What something was, and how long."""
    options = {
        value: models.ValueMappingResult(text=text, color=color, index=int(value))
        for value, (text, color) in STATES.items()
    }
    return statetimeline.Panel().mappings([models.ValueMap(options=options)])


def main() -> None:
    """Writes them all."""
    for name, content in dashboards().items():
        (FOLDER / f"{name}.json").write_text(content)


if __name__ == "__main__":
    main()
