package io.github.baichuanreward.eval;

import java.util.ArrayList;
import java.util.List;

/** Charts of how rewards, and the differences of pairs, are spread. */
final class HistogramChart {

    private static final double HEIGHT = 230;
    private static final double BOTTOM = 192;

    /** Where the second name of the legend begins. */
    private static final double SECOND = 195;

    private static final double ALL = Double.POSITIVE_INFINITY;

    private HistogramChart() {}

    /**
     * Counts as they are drawn.
     *
     * @param kind how the style sheet draws them
     * @param name in the legend
     * @param hatched whether filled with slanted lines
     * @param from what is below is left out
     * @param to what is above is left out
     */
    private record Series(
            String kind,
            String name,
            boolean hatched,
            Histogram histogram,
            double from,
            double to) {}

    /** Rewards of the chosen and of the rejected answers over each other. */
    static void rewards(Markup page, EvaluationNumbers.Spread spread) {
        String title = "Rewards of chosen and rejected answers";
        String description =
                "Chosen: %s. Rejected: %s."
                        .formatted(summary(spread.chosen()), summary(spread.rejected()));
        Histogram chosen = spread.chosen().histogram();
        Histogram rejected = spread.rejected().histogram();
        if (isEmpty(chosen) && isEmpty(rejected)) {
            Figure.nothing(page, title);
            return;
        }
        Figure.begin(page, title, description);
        Axis across = across(chosen.from(), end(chosen));
        Plot plot = plot(page, "rewards", across, Math.max(highest(chosen), highest(rejected)));
        plot.name(title, description);
        plot.countsAtTheLeft("pairs");
        plot.valuesBelow("reward");
        draw(plot, new Series("rejected", "rejected", true, rejected, -ALL, ALL), SECOND);
        draw(plot, new Series("chosen", "chosen", false, chosen, -ALL, ALL), Plot.LEFT);
        end(page, plot, List.of("chosen", "rejected"), List.of(chosen, rejected));
    }

    /** Differences of pairs, and the side on which they are wrong. */
    static void differences(Markup page, EvaluationNumbers numbers) {
        String title = "Differences of pairs";
        long ties = numbers.counts().ties();
        String description =
                "Chosen less rejected: "
                        + summary(numbers.spread().differences())
                        + ". Left of zero the model prefers the wrong answer"
                        + (ties == 0
                                ? "."
                                : "; ties, %s at zero, count as wrong."
                                        .formatted(NumberText.count(ties)));
        Histogram histogram = numbers.spread().differences().histogram();
        if (isEmpty(histogram)) {
            Figure.nothing(page, title);
            return;
        }
        Figure.begin(page, title, description);
        double room = Math.max(0, end(histogram) - histogram.from()) * 0.03;
        Axis across = across(Math.min(histogram.from(), -room), Math.max(end(histogram), room));
        Plot plot = plot(page, "differences", across, highest(histogram));
        plot.name(title, description);
        plot.countsAtTheLeft("pairs");
        plot.valuesBelow("difference");
        Proportion right = numbers.accuracy();
        Proportion wrong = new Proportion(right.of() - right.count(), right.of());
        draw(plot, new Series("wrong", share("wrong", wrong), true, histogram, -ALL, 0), Plot.LEFT);
        draw(plot, new Series("right", share("right", right), false, histogram, 0, ALL), SECOND);
        double zero = plot.x.at(0);
        plot.line("zero", zero, Plot.TOP - 6, zero, BOTTOM + 4);
        end(page, plot, List.of("pairs"), List.of(histogram));
    }

    private static Axis across(double from, double to) {
        return Axis.over(from, to, Plot.LEFT, Plot.RIGHT);
    }

    private static Plot plot(Markup page, String id, Axis across, long highest) {
        // Some room above the highest bin.
        Axis upwards = new Axis(0, Math.max(1, highest) * 1.04, BOTTOM, Plot.TOP);
        return new Plot(page, id, HEIGHT, across, upwards);
    }

    private static void draw(Plot plot, Series series, double legend) {
        Plot.Ink ink = series.hatched() ? plot.hatched(series.kind()) : plot.solid(series.kind());
        plot.path(ink, outline(plot, series));
        plot.legend(legend, ink, series.name());
    }

    /** Steps from bin to bin, closed along the bottom. */
    private static String outline(Plot plot, Series series) {
        Histogram histogram = series.histogram();
        String bottom = Plot.number(BOTTOM);
        StringBuilder path = new StringBuilder();
        for (int bin = 0; bin < histogram.counts().size(); bin++) {
            double from = Math.max(series.from(), edge(histogram, bin));
            double to = Math.min(series.to(), edge(histogram, bin + 1));
            if (from < to) {
                if (path.isEmpty()) {
                    path.append("M")
                            .append(Plot.number(plot.x.at(from)))
                            .append(" ")
                            .append(bottom);
                }
                path.append("V").append(Plot.number(plot.y.at(histogram.counts().get(bin))));
                path.append("H").append(Plot.number(plot.x.at(to)));
            }
        }
        return path.isEmpty() ? "M0 0" : path.append("V").append(bottom).append("Z").toString();
    }

    /** What each bin holds: for those who point at it, and in a table. */
    private static void end(
            Markup page, Plot plot, List<String> names, List<Histogram> histograms) {
        Histogram first = histograms.get(0);
        List<List<String>> rows = new ArrayList<>();
        for (int bin = 0; bin < first.counts().size(); bin++) {
            double left = edge(first, bin);
            double right = edge(first, bin + 1);
            String from = NumberText.reward(left);
            String to = NumberText.reward(right);
            List<String> row = new ArrayList<>(List.of(from, to));
            StringBuilder hint = new StringBuilder(from + " to " + to);
            for (int i = 0; i < names.size(); i++) {
                String count = NumberText.count(histograms.get(i).counts().get(bin));
                row.add(count);
                hint.append("\n").append(names.get(i)).append(": ").append(count);
            }
            rows.add(row);
            plot.rectangle(
                    "hint", plot.x.at(left), plot.x.at(right), Plot.TOP, BOTTOM, hint.toString());
        }
        plot.end();
        List<String> headings = new ArrayList<>(List.of("from", "to"));
        headings.addAll(names);
        Figure.end(page, headings, rows);
    }

    private static String summary(Distribution distribution) {
        int middle = Distribution.LEVELS.indexOf(0.5);
        String text = "mean " + NumberText.reward(distribution.mean());
        if (middle < distribution.quantiles().size()) {
            text += ", median " + NumberText.reward(distribution.quantiles().get(middle));
        }
        return Double.isFinite(distribution.deviation())
                ? text + ", standard deviation " + NumberText.reward(distribution.deviation())
                : text;
    }

    private static String share(String name, Proportion share) {
        return name + " " + NumberText.percent(share, 1);
    }

    private static double edge(Histogram histogram, int bin) {
        return histogram.from() + bin * histogram.width();
    }

    private static double end(Histogram histogram) {
        return edge(histogram, histogram.counts().size());
    }

    private static long highest(Histogram histogram) {
        return histogram.counts().stream().mapToLong(Long::longValue).max().orElse(0);
    }

    private static boolean isEmpty(Histogram histogram) {
        return highest(histogram) == 0;
    }
}
