"""Draws the plots it is told on stdin, as SVG. Runs in matplotlib's environment."""

import json
import sys

import matplotlib.pyplot as plt

plt.switch_backend("svg")
plt.rcParams["svg.hashsalt"] = "holdfast"  # the same figures give the same file

for plot in json.load(sys.stdin):
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, points in plot["lines"].items():
        xs, seconds = zip(*points, strict=True)
        ours = name.startswith("holdfast")
        axes.plot(xs, seconds, marker="o", label=name, linewidth=2.2 if ours else 1.2, linestyle="-" if ours else "--")
    axes.set(title=plot["title"], xlabel=plot["x"], ylabel="seconds")
    if plot["x"] == "columns":
        axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.xaxis.get_major_formatter().set_scientific(False) if plot["x"] == "rows" else None
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(plot["file"], metadata={"Date": None})
    plt.close(figure)
