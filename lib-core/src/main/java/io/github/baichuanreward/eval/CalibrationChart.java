package io.github.baichuanreward.eval;

import java.util.ArrayList;
import java.util.List;

/**
 * A chart of how often the model is right at each confidence, with the number of pairs of each bin
 * below.
 */
final class CalibrationChart {

    private static final double HEIGHT = 312;

    /** Where the curve's part ends, and where the counts' part begins and ends. */
    private static final double BOTTOM = 204;

    private static final double COUNTS_TOP = 234;
    private static final double COUNTS_BOTTOM = 274;

    private static final double LEAST_CONFIDENCE = 0.5;
    private static final double BIN = 0.05;

    private static final String TITLE = "Confidence and accuracy";
    private static final String DESCRIPTION =
            "On the diagonal the model is right as often as its differences say; below it, the model"
                    + " is too sure.";

    private CalibrationChart() {}

    static void write(Markup page, Calibration calibration) {
        List<Calibration.Bin> bins = calibration.bins();
        if (bins.isEmpty()) {
            Figure.nothing(page, TITLE);
            return;
        }
        Figure.begin(page, TITLE, DESCRIPTION);
        Plot plot = plot(page, bins);
        plot.name(TITLE, description(calibration));
        frame(plot);
        counts(plot, bins);
        curve(plot, bins);
        plot.end();
        table(page, bins);
    }

    private static Plot plot(Markup page, List<Calibration.Bin> bins) {
        double lowest = LEAST_CONFIDENCE;
        for (Calibration.Bin bin : bins) {
            lowest = Math.min(lowest, bin.accuracy().lower());
        }
        double from = Math.max(0, Math.floor(lowest * 10 + 1e-9) / 10);
        return new Plot(
                page,
                "calibration",
                HEIGHT,
                new Axis(LEAST_CONFIDENCE, 1, Plot.LEFT, Plot.RIGHT - 5),
                new Axis(from, 1, BOTTOM, Plot.TOP));
    }

    private static String description(Calibration calibration) {
        return DESCRIPTION
                + " Expected calibration error "
                + NumberText.percent(calibration.error(), 1)
                + ". All numbers stand in the table below.";
    }

    private static void frame(Plot plot) {
        for (double tick : plot.y.ticks(plot.y.step(5))) {
            plot.horizontal(tick, percent(tick));
        }
        for (double tick : plot.x.ticks(0.1)) {
            plot.below(tick, percent(tick), COUNTS_BOTTOM);
        }
        plot.nameBelow("confidence", COUNTS_BOTTOM);
        plot.text("name", 0, Plot.TOP - 12, "accuracy");
        plot.text("name", 0, COUNTS_TOP - 6, "pairs");
        Axis x = plot.x;
        plot.line("diagonal", x.at(0.5), plot.y.at(0.5), x.at(1), plot.y.at(1));
    }

    private static void counts(Plot plot, List<Calibration.Bin> bins) {
        long most = bins.stream().mapToLong(bin -> bin.accuracy().of()).max().orElse(1);
        Axis upwards = new Axis(0, Math.max(1, most), COUNTS_BOTTOM, COUNTS_TOP);
        for (Calibration.Bin bin : bins) {
            double from = LEAST_CONFIDENCE + BIN * place(bin);
            plot.rectangle(
                    "count",
                    plot.x.at(from) + 1,
                    plot.x.at(from + BIN) - 1,
                    upwards.at(0),
                    upwards.at((double) bin.accuracy().of()),
                    NumberText.count(bin.accuracy().of()) + " pairs");
        }
        plot.line("axis", Plot.LEFT, COUNTS_BOTTOM, Plot.RIGHT, COUNTS_BOTTOM);
        plot.text("tick end", Plot.LEFT - 5, COUNTS_TOP + 8, NumberText.tick((double) most, 1));
    }

    /** Which of the ten bins this one is; 1 belongs to the last. */
    private static int place(Calibration.Bin bin) {
        return (int) Math.min(9, Math.floor((bin.confidence() - LEAST_CONFIDENCE) / BIN));
    }

    private static void curve(Plot plot, List<Calibration.Bin> bins) {
        StringBuilder path = new StringBuilder();
        for (Calibration.Bin bin : bins) {
            path.append(path.isEmpty() ? "M" : "L")
                    .append(Plot.number(plot.x.at(bin.confidence())))
                    .append(" ")
                    .append(Plot.number(plot.y.at(bin.accuracy().value())));
        }
        plot.path(plot.solid("curve"), path.toString());
        for (Calibration.Bin bin : bins) {
            double x = plot.x.at(bin.confidence());
            double lower = plot.y.at(bin.accuracy().lower());
            double upper = plot.y.at(bin.accuracy().upper());
            plot.line("interval", x, lower, x, upper);
            plot.line("interval", x - 3, lower, x + 3, lower);
            plot.line("interval", x - 3, upper, x + 3, upper);
            plot.circle("point", x, plot.y.at(bin.accuracy().value()), 3, hint(bin));
        }
    }

    private static String hint(Calibration.Bin bin) {
        return "confidence %s\naccuracy %s (%s)\n%s pairs"
                .formatted(
                        NumberText.percent(bin.confidence(), 1),
                        NumberText.percent(bin.accuracy(), 1),
                        NumberText.interval(bin.accuracy(), 1),
                        NumberText.count(bin.accuracy().of()));
    }

    private static void table(Markup page, List<Calibration.Bin> bins) {
        List<List<String>> rows = new ArrayList<>();
        for (Calibration.Bin bin : bins) {
            Proportion accuracy = bin.accuracy();
            rows.add(
                    List.of(
                            NumberText.percent(bin.confidence(), 1),
                            NumberText.percent(accuracy, 1),
                            NumberText.interval(accuracy, 1),
                            NumberText.count(accuracy.of())));
        }
        Figure.end(page, List.of("confidence", "accuracy", "95 % interval", "pairs"), rows);
    }

    private static String percent(double share) {
        return Math.round(100 * share) + "\u00A0%";
    }
}
