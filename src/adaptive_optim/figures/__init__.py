"""The figures of the book, one file for each kind. Each function takes results and returns a Plotly figure.

``layout.meta`` has what a page needs in addition: the text alternative, the layout for narrow screens and, for
bars, the traces that a table shows.
"""

from adaptive_optim.figures.activity_slider import plot_activity_slider
from adaptive_optim.figures.bands import plot_bands
from adaptive_optim.figures.curves import plot_curves
from adaptive_optim.figures.layer_rates import plot_layer_rates
from adaptive_optim.figures.leaders import plot_leaders
from adaptive_optim.figures.paths import AXIS_RANGE, CONTOUR_LEVELS, plot_paths
from adaptive_optim.figures.playback import plot_playback
from adaptive_optim.figures.rate_bars import plot_rate_bars
from adaptive_optim.figures.rate_histogram import plot_rate_histogram
from adaptive_optim.figures.rate_map import plot_rate_map
from adaptive_optim.figures.rates import plot_rates
from adaptive_optim.figures.row_rates import plot_row_rates
from adaptive_optim.figures.seeds import plot_seeds
from adaptive_optim.figures.styles import STYLES

__all__ = [
    "AXIS_RANGE",
    "CONTOUR_LEVELS",
    "STYLES",
    "plot_activity_slider",
    "plot_bands",
    "plot_curves",
    "plot_layer_rates",
    "plot_leaders",
    "plot_paths",
    "plot_playback",
    "plot_rate_bars",
    "plot_rate_histogram",
    "plot_rate_map",
    "plot_rates",
    "plot_row_rates",
    "plot_seeds",
]
